# SPDX-License-Identifier: BSD-2-Clause
"""The example as its users run it: words, files, mistakes, Ctrl-C and going on.

usage: iic.py PROGRAM"""
import gzip
import json
import os
import pathlib
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'abi'))
from tap import Tap  # noqa: E402

PROGRAM = sys.argv[1]
NET = 'conv 4, bn, relu, maxpool, conv 8, bn, relu, gap'
QUICK = ['--encoder', NET, '--batch', '16', '--repeats', '1', '--threads', '1', '--over', '12']


class Check(Tap):
    def ok(self, holds, name, seen=''):
        self.point(name, [] if holds else ['seen: ' + seen])


def write_idx(path, count, seed):
    """Blobs at ten places, packed; enough to train on, not to be good at."""
    rng, pixels, labels = random.Random(seed), bytearray(), bytearray()
    for _ in range(count):
        label = rng.randrange(10)
        image = bytearray(784)
        for _ in range(60):
            y, x = 4 + 2 * label + rng.randrange(4), 8 + rng.randrange(12)
            image[min(y, 27) * 28 + x] = 255
        pixels += image
        labels.append(label)
    part = 'train' if path.name == 'train' else 't10k'
    directory = path.parent
    images = struct.pack('>IIII', 0x803, count, 28, 28) + pixels
    (directory / (part + '-images-idx3-ubyte.gz')).write_bytes(gzip.compress(images, 1))
    (directory / (part + '-labels-idx1-ubyte')).write_bytes(struct.pack('>II', 0x801, count) + labels)


def run(*args, **more):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=120, **more)


def last_json(done):
    return json.loads(done.stdout.strip().split('\n')[-1])


def check_run(tap, data, work):
    out = work / 'out'
    done = run('--data', data, *QUICK, '--epochs', 3, '--out', out, '--save', work / 'a.st')
    tap.ok(done.returncode == 0, 'a run ends with 0', done.stderr)
    result = last_json(done)
    wanted = {'test_accuracy', 'selected_head', 'selected_accuracy', 'nmi', 'ari', 'loss', 'epochs',
              'seconds', 'images_per_second', 'pairs_waited', 'interrupted'}
    tap.ok(set(result) == wanted, 'the last line is JSON with every figure', str(result))
    tap.ok(len(result['test_accuracy']) == 5 and result['epochs'] == 3, 'a figure for each head', str(result))
    tap.ok(result['selected_accuracy'] == result['test_accuracy'][result['selected_head']],
           'the selected head is one of them', str(result))
    tap.ok(0 <= result['pairs_waited'] < result['seconds'] + 0.1 and 'Waited for pairs' in done.stdout,
           'waiting for pairs is told, and no longer than the run', done.stdout)
    rows = (out / 'metrics.csv').read_text().strip().split('\n')
    tap.ok(len(rows) == 1 + 3 * 5 and rows[0].startswith('epoch,seconds,loss'), 'metrics.csv has all rows')
    for name in ('clusters.png', 'confusion.png'):
        tap.ok((out / name).read_bytes()[:8] == b'\x89PNG\r\n\x1a\n', name + ' is a picture')
    again = run('--data', data, *QUICK, '--epochs', 3, '--restore', work / 'a.st', '--eval')
    one = run('--data', data, *QUICK, '--encoder', 'dense 32, bn, relu', '--epochs', 1, '--rate', 0.01)
    tap.ok(last_json(one)['loss'] < 0, 'heads that count learn in a run of one epoch too', one.stdout)
    tap.ok(again.returncode == 0 and last_json(again)['test_accuracy'] == result['test_accuracy'],
           '--restore --eval finds the same figures', again.stderr)


def interrupted_run(data, path, after):
    """A long run that gets Ctrl-C once it has written its first checkpoint."""
    child = subprocess.Popen([PROGRAM, '--data', str(data), *QUICK, '--epochs', '40', '--save', str(path)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(after)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    return subprocess.CompletedProcess([], child.returncode, out, err)


def check_interrupt(tap, data, work):
    whole = run('--data', data, *QUICK, '--epochs', 40, '--save', work / 'whole.st')
    tap.ok(whole.returncode == 0, 'the uninterrupted run ends with 0', whole.stderr)
    done = interrupted_run(data, work / 'part.st', 0.03)
    tap.ok(done.returncode == 130, 'Ctrl-C ends with 130', '%s %s' % (done.returncode, done.stderr))
    tap.ok(last_json(done)['interrupted'] and last_json(done)['epochs'] < 40, 'and still reports', done.stdout)
    rest = run('--data', data, *QUICK, '--epochs', 40, '--restore', work / 'part.st', '--save', work / 'part.st')
    same = (work / 'part.st').read_bytes() == (work / 'whole.st').read_bytes()
    tap.ok(rest.returncode == 0 and same, 'going on gives the uninterrupted weights, bit for bit', rest.stderr)


def check_mistakes(tap, data, work):
    broken = work / 'broken'
    broken.mkdir()
    for file in data.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    images = broken / 'train-images-idx3-ubyte.gz'
    images.write_bytes(images.read_bytes()[:-700])
    (work / 'junk.st').write_bytes(b'\xff' * 100)
    cases = [
        (['--data', '/no/such/place'], 1, '/no/such/place'),
        (['--data', work / 'junk.st'], 1, 'junk.st'),
        (['--data', broken], 1, 'train-images-idx3-ubyte.gz'),
        (['--data', data, '--encoder', 'conv 4, blah'], 1, 'character 9'),
        (['--data', data, '--encoder', 'conv 4' + ' ' * 4066], 2, 'too long'), # would lose a digit
        (['--data', data, '--batch', '100000'], 2, '100000'),
        (['--data', data, '--batch', '1000'], 1, '1000'),
        (['--data', data, '--crop', '27'], 1, '29'), # of 28 pixels, with the next larger ones
        (['--data', data, '--epochs', '-1'], 2, '-1'),
        (['--data', data, '--epochs', 'many'], 2, 'many'),
        (['--data', data, '--lambda', 'nan'], 2, 'nan'),
        (['--data', data, '--nonsense'], 2, '--nonsense'),
        (['--data'], 2, 'needs a value'),
        (['--data', data, '--out', '/proc/nowhere'], 1, '/proc/nowhere'),
        (['--data', data, '--out', work / 'junk.st'], 1, 'junk.st'),
        (['--data', data, '--restore', work / 'junk.st'], 1, 'junk.st'),
        (['--data', data, '--save', '/no/such/folder/a.st'], 1, '/no/such/folder'),
        (['--data', data, '--restore', '/no/such.st'], 1, '/no/such.st'),
    ]
    for args, status, text in cases:
        done = run(*QUICK, *args)
        lines = done.stderr.strip().split('\n')
        tap.ok(done.returncode == status and len(lines) == 1 and text in lines[0],
               'a clear line for ' + ' '.join(pathlib.Path(str(a)).name for a in args),
               '%s: %s' % (done.returncode, done.stderr))


def check_full_disk(tap, data, work):
    """No file may grow past 4 kB: the old checkpoint stays, the result is still reported."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    before = (work / 'a.st').read_bytes()
    done = run('--data', data, *QUICK, '--epochs', 2, '--save', work / 'a.st', preexec_fn=limit)
    tap.ok(done.returncode == 1 and 'checkpoint was not written' in done.stderr, 'a full disk is told', done.stderr)
    tap.ok('selected_accuracy' in last_json(done), 'and the result is not lost', done.stdout)
    tap.ok((work / 'a.st').read_bytes() == before, 'nor the older checkpoint')
    tap.ok(not [n for n in os.listdir(work) if '.tmp-' in n], 'nothing half-written stays', str(os.listdir(work)))


def main():
    tap = Check()
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        data = work / 'data'
        data.mkdir()
        write_idx(data / 'train', 320, 1)
        write_idx(data / 'test', 100, 2)
        done = run('--help')
        tap.ok(done.returncode == 0 and '--over-heads' in done.stdout, '--help')
        check_run(tap, data, work)
        check_interrupt(tap, data, work)
        check_mistakes(tap, data, work)
        check_full_disk(tap, data, work)
    tap.end()


main()
