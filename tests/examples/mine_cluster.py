# SPDX-License-Identifier: BSD-2-Clause
"""The example as its users run it: words, files, mistakes, Ctrl-C.

usage: mine_cluster.py PROGRAM"""
import json
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'abi'))
from tap import Tap  # noqa: E402

PROGRAM = sys.argv[1]
NET = 'conv 4 4x4 stride 2, bn, relu, conv 8 4x4 stride 2, bn, relu'
QUICK = ['--encoder', NET, '--batch', '32', '--threads', '1', '--units', '16']


class Check(Tap):
    def ok(self, holds, name, seen=''):
        self.point(name, [] if holds else ['seen: ' + seen])


def write_idx(directory, part, count, seed):
    """Blobs at ten places; enough to train on, not to be good at."""
    rng, pixels, labels = random.Random(seed), bytearray(), bytearray()
    for _ in range(count):
        label = rng.randrange(10)
        image = bytearray(784)
        for _ in range(60):
            y, x = 4 + 2 * label + rng.randrange(4), 8 + rng.randrange(12)
            image[min(y, 27) * 28 + x] = 255
        pixels += image
        labels.append(label)
    (directory / (part + '-images-idx3-ubyte')).write_bytes(struct.pack('>IIII', 0x803, count, 28, 28) + pixels)
    (directory / (part + '-labels-idx1-ubyte')).write_bytes(struct.pack('>II', 0x801, count) + labels)


def run(*args):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=900)


def last_json(done):
    return json.loads(done.stdout.strip().split('\n')[-1])


def check_digits(tap):
    """The drawn digits, from nothing but the program, in some seconds."""
    done = run('--data', 'builtin', '--encoder', NET, '--epochs', 1, '--threads', 1)
    tap.ok(done.returncode == 0, 'a run on drawn digits ends with 0', done.stderr)
    result = last_json(done)
    tap.ok(result['test_accuracy'] > 0.6, 'codes tell digits apart', str(result))
    tap.ok(result['own_accuracy'] > 0.6 and result['estimate'] > 0.5, 'in both ways, and carry information', str(result))


def check_run(tap, data, work):
    out = work / 'out'
    done = run('--data', data, *QUICK, '--epochs', 3, '--measures', 2, '--out', out, '--save', work / 'a.st')
    tap.ok(done.returncode == 0, 'a run ends with 0', done.stderr)
    result = last_json(done)
    wanted = {'test_accuracy', 'own_accuracy', 'estimate', 'latent', 'epochs', 'seconds', 'pairs_per_second',
              'interrupted'}
    tap.ok(set(result) == wanted, 'the last line is JSON with every figure', str(result))
    tap.ok(result['latent'] == 10 and result['epochs'] == 3 and not result['interrupted'], 'of this run', str(result))
    rows = (out / 'metrics.csv').read_text().strip().split('\n')
    tap.ok(len(rows) == 1 + 3 * 2 and rows[0] == 'epoch,seconds,estimate,accuracy,own_accuracy', 'metrics.csv has all rows')
    tap.ok(abs(float(rows[-1].split(',')[3]) - result['test_accuracy']) < 1e-4, 'and the result in the last', rows[-1])
    for name in ('likeness.png', 'neighbours.png'):
        tap.ok((out / name).read_bytes()[:8] == b'\x89PNG\r\n\x1a\n', name + ' is a picture')
    again = run('--data', data, *QUICK, '--restore', work / 'a.st', '--eval')
    tap.ok(again.returncode == 0 and last_json(again)['test_accuracy'] == result['test_accuracy'],
           '--restore --eval finds the same figure', again.stderr)


def check_critics(tap, data):
    for critic, bound in (('additive', 'mine'), ('concat', 'nwj'), ('separable', 'smile'), ('bilinear', 'jsd'),
                          ('cosine', 'dv')):
        done = run('--data', data, *QUICK, '--critic', critic, '--bound', bound, '--latent', 4)
        tap.ok(done.returncode == 0 and last_json(done)['latent'] == 4, critic + ' with ' + bound, done.stderr)
    one = run('--data', data, *QUICK, '--epochs', 2)
    two = run('--data', data, *QUICK, '--epochs', 2, '--threads', 3)
    same = ['test_accuracy', 'own_accuracy', 'estimate']
    tap.ok([last_json(one)[k] for k in same] == [last_json(two)[k] for k in same], 'threads change nothing', two.stdout)


def check_interrupt(tap, data, work):
    child = subprocess.Popen([PROGRAM, '--data', str(data), *QUICK, '--epochs', '90000', '--save', str(work / 'b.st'),
                              '--measures', '1'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (work / 'b.st').exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    (work / 'b.st').unlink()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=100)
    done = subprocess.CompletedProcess([], child.returncode, out, err)
    tap.ok(done.returncode == 130, 'Ctrl-C ends with 130', '%s %s' % (done.returncode, done.stderr))
    tap.ok(last_json(done)['interrupted'] and last_json(done)['epochs'] < 90000, 'and still reports', done.stdout)
    rest = run('--data', data, *QUICK, '--restore', work / 'b.st', '--eval')
    tap.ok(rest.returncode == 0 and last_json(rest)['test_accuracy'] == last_json(done)['test_accuracy'],
           'and saves the encoder that it reports of', rest.stderr)


def check_mistakes(tap, data, work):
    (work / 'junk.st').write_bytes(b'\xff' * 100)
    cases = [
        (['--data', '/no/such/place'], 1, '/no/such/place'),
        (['--data', data, '--encoder', 'conv 4, blah'], 1, 'character 9'),
        (['--data', data, '--encoder', 'conv 4' + ' ' * 4084], 1, 'too long'), # would lose a digit
        (['--data', data, '--critic', 'sceptic'], 1, 'sceptic'),
        (['--data', data, '--critic', 'bilinear', '--bound', 'blah'], 1, 'blah'),
        (['--data', data, '--batch', '1'], 2, '1'),
        (['--data', data, '--batch', '1000'], 1, '1000'),
        (['--data', data, '--latent', '0'], 2, 'latent'),
        (['--data', data, '--temperature', '0'], 2, 'temperature'),
        (['--data', data, '--rate', 'nan'], 2, 'nan'),
        (['--data', data, '--nonsense'], 2, '--nonsense'),
        (['--data', data, '--out', '/proc/nowhere'], 1, '/proc/nowhere'),
        (['--data', data, '--restore', work / 'junk.st'], 1, 'junk.st'),
        (['--data', data, '--save', '/no/such/folder/a.st'], 1, '/no/such/folder'),
    ]
    for args, status, text in cases:
        done = run(*QUICK, *args)
        lines = done.stderr.strip().split('\n')
        tap.ok(done.returncode == status and len(lines) == 1 and text in lines[0],
               'a clear line for ' + ' '.join(pathlib.Path(str(a)).name[:30] for a in args),
               '%s: %s' % (done.returncode, done.stderr))


def main():
    tap = Check()
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        data = work / 'data'
        data.mkdir()
        write_idx(data, 'train', 320, 1)
        write_idx(data, 't10k', 100, 2)
        done = run('--help')
        tap.ok(done.returncode == 0 and '--critic' in done.stdout, '--help')
        check_digits(tap)
        check_run(tap, data, work)
        check_critics(tap, data)
        check_interrupt(tap, data, work)
        check_mistakes(tap, data, work)
    tap.end()


main()
