# SPDX-License-Identifier: BSD-2-Clause
"""Assignment of a text matrix, as its users run it.

usage: assign.py PROGRAM"""
import itertools
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'abi'))
from tap import Tap  # noqa: E402


def run(text, *args):
    return subprocess.run([sys.argv[1], *args], input=text, capture_output=True, text=True, timeout=120)


def main():
    tap = Tap()

    def ok(holds, name, seen=''):
        tap.point(name, [] if holds else ['seen: %s' % (seen,)])

    done = run('# three workers, three tasks\n4 1 3\n2 0 5\n\n3 2 2  # the last\n')
    ok(done.stdout == '0 1 1\n1 0 2\n2 2 2\ntotal 5\n' and done.returncode == 0 and not done.stderr,
       'a matrix by hand', done)
    done = run('4,1,3\r\n2;0;5\r\n', '--maximize')
    ok(done.stdout == '0 0 4\n1 2 5\ntotal 9\n', 'commas, semicolons, lines of other systems, the greatest', done)
    ok(run('1\n3\n2\n').stdout == '0 0 1\ntotal 1\n', 'more rows than columns')
    ok(run('inf 1\n1 5\n').stdout == '0 1 1\n1 0 1\ntotal 2\n', 'a forbidden pair')
    ok(run('').stdout == 'total 0\n', 'nothing')
    rng = random.Random(1)
    cost = [[rng.randrange(100) for _ in range(7)] for _ in range(6)]
    least = min(sum(row[j] for row, j in zip(cost, p)) for p in itertools.permutations(range(7), 6))
    done = run('\n'.join(' '.join(map(str, row)) for row in cost))
    ok(done.stdout.endswith('total %d\n' % least), 'what trying all finds, without a last newline', done)
    for text, word in (('1 2\n3\n', 'line 2: not as many numbers'), ('1 x\n', 'line 1: not a number: x'),
                       ('1 2x\n', 'not a number: 2x')):
        done = run(text)
        ok(done.returncode == 2 and word in done.stderr and not done.stdout, 'a mistake: %s' % word, done)
    for text, word in (('nan 1\n', 'cost[0][0] is nan'), ('inf inf\ninf inf\n', 'forbidden pair')):
        done = run(text)
        ok(done.returncode == 1 and word in done.stderr and not done.stdout, 'refused: %s' % word, done)
    ok(run('', '--help').stdout.startswith('usage:'), '--help')
    done = run('', '--least')
    ok(done.returncode == 2 and done.stderr.startswith('usage:'), 'an unknown option', done)
    tap.end()


main()
