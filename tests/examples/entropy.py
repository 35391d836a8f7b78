# SPDX-License-Identifier: BSD-2-Clause
"""The random byte, as its users run it.

usage: entropy.py PROGRAM"""
import json
import math
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'abi'))
from tap import Tap  # noqa: E402

LN2 = math.log(2)
FIGURES = {'unit', 'entropy', 'mutual', 'left', 'samples', 'sampled_entropy', 'sampled_mutual', 'sampled_nothing'}


def run(*args):
    return subprocess.run([sys.argv[1], *args], capture_output=True, text=True, timeout=120)


def last_json(done):
    return json.loads(done.stdout.strip().split('\n')[-1])


def main():
    tap = Tap()

    def ok(holds, name, seen=''):
        tap.point(name, [] if holds else ['seen: %s' % (seen,)])

    done = run()
    bits = last_json(done)
    ok(done.returncode == 0 and not done.stderr, 'it ends with 0', done.stderr)
    ok(set(bits) == FIGURES, 'the last line is JSON with every figure', bits)
    ok((bits['unit'], bits['entropy'], bits['mutual'], bits['left']) == ('bits', 8, 4, 4),
       '8 bits, of which 4 tell 4 and leave 4', bits)
    ok('8.0000 bits' in done.stdout and '5.5452 nats' in done.stdout, 'both units are named', done.stdout)
    nats = last_json(run('--unit', 'nats'))
    ok(nats['unit'] == 'nats' and abs(nats['entropy'] - 8 * LN2) < 1e-6, 'in nats, too', nats)
    ok(all(abs(a * LN2 - b) < 2e-6 for key in FIGURES if key.startswith('sampled')
           for a, b in zip(bits[key], nats[key])), 'the same of the samples', (bits, nats))
    for seed in ('1', '2', '3'):
        few = last_json(run('--seed', seed))
        plain, *corrected = few['sampled_entropy']
        ok(plain < 7.8 and all(abs(8 - h) < (8 - plain) / 2 for h in corrected),
           'corrections come nearer to the entropy', few)
        plain, *corrected = few['sampled_nothing']
        ok(plain > 0.2 and all(abs(i) < plain / 2 for i in corrected), 'and to nothing', few)
    ok(run('--seed', '2').stdout != run('--seed', '3').stdout, 'another seed, other samples')
    ok(run('--seed', '2').stdout == run('--seed', '2').stdout, 'the same seed, the same samples')
    many = last_json(run('--samples', '1000000'))
    ok(all(abs(h - 8) < 0.001 for h in many['sampled_entropy']) and
       all(abs(i) < 0.001 for i in many['sampled_nothing']), 'with many samples all are right', many)
    one = last_json(run('--samples', '1'))
    ok(one['sampled_entropy'] == [0, 0, 0] and one['sampled_mutual'] == [0, 0, 0], 'one sample tells nothing', one)

    done = run('--help')
    ok(done.returncode == 0 and '--unit' in done.stdout, '--help')
    for args, text in ((['--unit', 'bans'], 'bans'), (['--samples', '0'], '0'), (['--samples', 'x'], 'x'),
                       (['--seed', '-1'], '-1'), (['--nonsense', '1'], '--nonsense')):
        done = run(*args)
        lines = done.stderr.strip().split('\n')
        ok(done.returncode == 2 and len(lines) == 1 and text in done.stderr and not done.stdout,
           'a clear line for ' + ' '.join(args), '%s: %s' % (done.returncode, done.stderr))
    tap.end()


main()
