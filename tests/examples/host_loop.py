# SPDX-License-Identifier: BSD-2-Clause
"""The host with its own loop, as its users run it: does it find what is known?

usage: host_loop.py PROGRAM"""
import json
import math
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'abi'))
from tap import Tap  # noqa: E402

TRUTH = -math.log(1 - 0.8 ** 2) # two dimensions
FIGURES = {'truth', 'infonce', 'dv', 'cap'}


def run(*args):
    return subprocess.run([sys.argv[1], *args], capture_output=True, text=True, timeout=120)


def last_json(done):
    return json.loads(done.stdout.strip().split('\n')[-1])


def main():
    tap = Tap()

    def ok(holds, name, seen=''):
        tap.point(name, [] if holds else ['seen: %s' % (seen,)])

    lines = []
    for seed in ('1', '2'):
        done = run('--seed', seed)
        ok(done.returncode == 0, 'seed %s ends with 0' % seed, done.stderr)
        result = last_json(done)
        ok(set(result) == FIGURES, 'the last line is JSON with every figure', result)
        ok(abs(result['truth'] - TRUTH) < 1e-4 and abs(result['cap'] - math.log(256)) < 1e-4,
           'truth and cap are what they are', result)
        for bound in ('infonce', 'dv'): # off by 0.035 at most in a dozen seeds
            ok(abs(result[bound] - TRUTH) < 0.08, bound + ' comes close', result)
        ok('step 1000' in done.stderr, 'progress is told', done.stderr)
        lines.append(done.stdout)
    ok(lines[0] != lines[1], 'another seed is another run', lines)
    ok(run('--seed', '1').stdout == lines[0], 'the same seed is the same run')

    done = run('--steps', '0')
    ok(done.returncode == 0 and last_json(done)['infonce'] < 0.5, 'without learning nothing is known', done.stdout)
    done = run('--help')
    ok(done.returncode == 0 and '--steps' in done.stdout, '--help')
    for args, text in ((['--seed'], 'needs a value'), (['--steps', 'many'], 'many'), (['--steps', '-1'], '-1'),
                       (['--steps', '5x'], '5x'), (['--steps', ''], 'steps'), (['--nonsense', '1'], '--nonsense')):
        done = run(*args)
        one = len(done.stderr.strip().split('\n')) == 1
        ok(done.returncode == 2 and one and text in done.stderr and not done.stdout,
           'a clear line for ' + ' '.join(args), '%s: %s' % (done.returncode, done.stderr))
    tap.end()


main()
