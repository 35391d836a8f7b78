# SPDX-License-Identifier: BSD-2-Clause
"""The example as its users run it: words, files, mistakes, Ctrl-C.

usage: infomax.py PROGRAM"""
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'abi'))
from tap import Tap  # noqa: E402

PROGRAM = sys.argv[1]
NET = 'conv 6 4x4 stride 2, bn, relu, tap, conv 8 4x4 stride 2, bn, relu, dense 16, bn, relu'
QUICK = ['--encoder', NET, '--z-dim', '6', '--units', '12', '--batch', '25', '--threads', '1', '--mlp-epochs', '2',
         '--epochs', '1']
LEVELS = {'conv', 'fc', 'code'}


class Check(Tap):
    def ok(self, holds, name, seen=''):
        self.point(name, [] if holds else ['seen: ' + seen])


def write_cifar(directory, per_file, seed):
    """CIFAR-10's six files with few records: each class has a colour of its own, and noise."""
    rng = random.Random(seed)
    for name in [f'data_batch_{i}.bin' for i in range(1, 6)] + ['test_batch.bin']:
        data = bytearray()
        for _ in range(per_file):
            label = rng.randrange(10)
            data.append(label)
            for channel in range(3):
                base = 20 + (label * (channel + 3) * 37) % 180
                row = bytes(min(255, max(0, base + rng.randrange(-20, 21))) for _ in range(64))
                data += row * 16
        (directory / name).write_bytes(data)


def run(*args):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=900)


def last_json(done):
    return json.loads(done.stdout.strip().split('\n')[-1])


def check_run(tap, data, work):
    out = work / 'out'
    done = run('--data', data, *QUICK, '--epochs', 3, '--measures', 2, '--out', out, '--save', work / 'a.st')
    tap.ok(done.returncode == 0, 'a run ends with 0', done.stderr)
    result = last_json(done)
    wanted = {'probe_linear', 'linear_decay', 'probe_mlp', 'knn_cos', 'knn_l2', 'code_mean', 'code_std', 'epochs',
              'seconds', 'images_per_second', 'interrupted'}
    tap.ok(set(result) == wanted, 'the last line is JSON with every figure', str(result))
    tap.ok(set(result['probe_linear']) == LEVELS and set(result['probe_mlp']) == LEVELS, 'at three levels', str(result))
    tap.ok(result['epochs'] == 3 and not result['interrupted'], 'of this run', str(result))
    tap.ok(result['probe_linear']['conv'] > 0.5 and result['knn_l2'] > 0.2, 'features tell colours apart', str(result))
    rows = (out / 'metrics.csv').read_text().strip().split('\n')
    tap.ok(len(rows) == 1 + 3 and rows[0].startswith('step,epoch,seconds,rate,loss,global_loss'),
           'metrics.csv has a row at the end of each epoch', str(len(rows)))
    tap.ok(all(len(row.split(',')) == len(rows[0].split(',')) for row in rows), 'of every term')
    for name in ('knn_cos.png', 'knn_l2.png'):
        tap.ok((out / name).read_bytes()[:8] == b'\x89PNG\r\n\x1a\n', name + ' is a picture')
    again = run('--data', data, *QUICK, '--epochs', 3, '--restore', work / 'a.st', '--eval', '--beside', work / 'a.st',
                '--out', out)
    tap.ok((out / 'knn_beside.png').read_bytes()[:8] == b'\x89PNG\r\n\x1a\n', 'knn_beside.png is a picture')
    same = ['probe_linear', 'probe_mlp', 'knn_cos', 'knn_l2', 'code_mean', 'code_std']
    tap.ok(again.returncode == 0 and [last_json(again)[k] for k in same] == [result[k] for k in same],
           '--restore --eval finds the same figures', again.stderr + again.stdout)
    chosen = run('--data', data, *QUICK, '--epochs', 3, '--restore', work / 'a.st', '--eval', '--linear-decay', -1)
    decays = last_json(chosen)['linear_decay']
    given = run('--data', data, *QUICK, '--epochs', 3, '--restore', work / 'a.st', '--eval', '--linear-decay',
                decays['conv'])
    tap.ok(set(result['linear_decay'].values()) == {0} and set(decays.values()) <= {0, 0.3, 1, 3, 10},
           'decays of linear classifiers are told', chosen.stdout)
    tap.ok(last_json(given)['probe_linear']['conv'] == last_json(chosen)['probe_linear']['conv'],
           'a decay that is given does what a chosen one does', given.stdout)
    strong = run('--data', data, *QUICK, '--epochs', 3, '--restore', work / 'a.st', '--eval', '--linear-decay', 3)
    tap.ok(set(last_json(strong)['linear_decay'].values()) == {3}, 'and arrives at each of them', strong.stdout)


def check_resume(tap, data, work):
    """Left after an epoch and gone on with: the same file as without a stop."""
    for views in ('plain', 'two'):
        rest = [*QUICK, '--epochs', 2, '--mlp-epochs', 0, '--views', views]
        whole = run('--data', data, *rest, '--save', work / 'whole.st')
        run('--data', data, *rest, '--stop', 1, '--save', work / 'half.st')
        half = run('--data', data, *rest, '--restore', work / 'half.st', '--save', work / 'half.st')
        tap.ok((work / 'whole.st').read_bytes() == (work / 'half.st').read_bytes(),
               'a run of views ' + views + ' resumes bit for bit', whole.stderr + half.stderr)


def check_objectives(tap, data):
    cases = [
        ['--bound', 'jsd', '--local', 'concat'],
        ['--bound', 'dv', '--views', 'one'],
        ['--bound', 'infonce', '--local', 'concat', '--negatives', 3, '--views', 'two'],
        ['--alpha', 0.5, '--beta', 1.5, '--gamma', 0.01, '--prior', 'kl', '--bound', 'jsd', '--global', 'code',
         '--local', 'concat', '--layers', 3, '--shuffle', '--schedule', 'constant'],
        ['--alpha', 1, '--beta', 0, '--prior', 'adversarial', '--global-bound', 'dv'],
        ['--prior', 'adversarial-normal', '--delta', 1, '--global-critic', 'dot', '--decay', 1e-4],
    ]
    for case in cases:
        done = run('--data', data, *QUICK, '--mlp-epochs', 0, *case)
        tap.ok(done.returncode == 0 and 'probe_mlp' not in last_json(done), ' '.join(map(str, case)), done.stderr)
    one, two = (run('--data', data, *QUICK, '--threads', n) for n in (1, 3))
    same = ['probe_linear', 'knn_cos', 'code_std']
    tap.ok([last_json(one)[k] for k in same] == [last_json(two)[k] for k in same], 'threads change nothing', two.stdout)


def write_stl(directory, count):
    rng = random.Random(3)
    for part in ('train', 'test', 'unlabeled'):
        (directory / (part + '_X.bin')).write_bytes(bytes(rng.randrange(256) for _ in range(96)) * (288 * count))
        if part != 'unlabeled':
            (directory / (part + '_y.bin')).write_bytes(bytes(1 + i % 10 for i in range(count)))


def check_sets(tap, work):
    stl, junk = work / 'stl', work / 'junk'
    stl.mkdir()
    junk.mkdir()
    write_stl(stl, 25)
    net = ['--encoder', 'conv 4 8x8 stride 8, bn, relu, tap, gap', '--mlp-epochs', 0]
    done = run('--data', stl, *QUICK, *net, '--unlabelled')
    tap.ok(done.returncode == 0, 'STL-10 with its unlabelled images', done.stderr)
    done = run('--data', work / 'data', *QUICK, '--unlabelled')
    tap.ok(done.returncode == 1 and 'unlabelled' in done.stderr, 'which others have not', done.stderr)
    done = run('--data', junk, *QUICK, '--size', 32)
    tap.ok(done.returncode == 1 and 'junk/test' in done.stderr, '--size wants folders', done.stderr)


def check_interrupt(tap, data, work):
    child = subprocess.Popen([PROGRAM, '--data', str(data), *QUICK, '--epochs', '90000', '--save', str(work / 'b.st')],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (work / 'b.st').exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    (work / 'b.st').unlink()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=100)
    done = subprocess.CompletedProcess([], child.returncode, out, err)
    tap.ok(done.returncode == 130, 'Ctrl-C ends with 130', '%s %s' % (done.returncode, done.stderr))
    tap.ok(last_json(done)['interrupted'] and last_json(done)['epochs'] < 90000, 'and still reports', done.stdout)
    rest = run('--data', data, *QUICK, '--epochs', '90000', '--restore', work / 'b.st', '--eval')
    tap.ok(rest.returncode == 0 and last_json(rest)['probe_linear'] == last_json(done)['probe_linear'],
           'and saves what it reports of', rest.stderr)


def check_mistakes(tap, data, work):
    (work / 'junk.st').write_bytes(b'\xff' * 100)
    cases = [
        (['--data', '/no/such/place'], 1, '/no/such/place'),
        (['--data', data, '--encoder', 'conv 4, blah'], 1, 'character 9'),
        (['--data', data, '--encoder', 'conv 4' + ' ' * 4084], 1, 'too long'),
        (['--data', data, '--encoder', 'conv 4, gap'], 1, 'tap'),
        (['--data', data, '--bound', 'blah'], 1, 'blah'),
        (['--data', data, '--local', 'blah'], 1, 'dot concat'),
        (['--data', data, '--prior', 'blah'], 1, 'none kl adversarial'),
        (['--data', data, '--views', 'three'], 1, 'plain one two'),
        (['--data', data, '--schedule', 'blah'], 1, 'constant cosine'),
        (['--data', data, '--batch', '1'], 2, '1'),
        (['--data', data, '--batch', '1000'], 1, '1000'),
        (['--data', data, '--z-dim', '0'], 2, 'z-dim'),
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
        write_cifar(data, 50, 1)
        done = run('--help')
        tap.ok(done.returncode == 0 and '--local' in done.stdout, '--help')
        check_run(tap, data, work)
        check_resume(tap, data, work)
        check_objectives(tap, data)
        check_sets(tap, work)
        check_interrupt(tap, data, work)
        check_mistakes(tap, data, work)
    tap.end()


main()
