# SPDX-License-Identifier: BSD-2-Clause
"""The example as its users run it: the truth is found, files, mistakes, Ctrl-C.

usage: mine_gaussian.py PROGRAM"""
import json
import math
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'abi'))
from tap import Tap  # noqa: E402

PROGRAM = sys.argv[1]


class Check(Tap):
    def ok(self, holds, name, seen=''):
        self.point(name, [] if holds else ['seen: ' + str(seen)])


def run(*args):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=250)


def last_json(done):
    return json.loads(done.stdout.strip().split('\n')[-1])


def check_truth(tap):
    """What the book's network finds, and its histogram."""
    done = run('--rho', 0.5, '--steps', 1000)
    found = last_json(done)
    tap.ok(done.returncode == 0 and done.stderr == '', 'a run ends with 0 and is silent elsewhere', done.stderr)
    tap.ok(abs(found['exact'] - 0.143841) < 1e-6, 'the exact value', found)
    tap.ok(abs(found['late'] - 0.14384) < 0.005, 'rho 0.5: the last 800 steps', found['late'])
    tap.ok(abs(found['held_out'] - 0.14384) < 0.01, 'rho 0.5: new samples', found['held_out'])
    tap.ok(min(abs(found['histogram'] - book) for book in (0.1452, 0.1472)) < 0.004, 'rho 0.5: histogram',
           found['histogram'])
    again = last_json(run('--rho', 0.5, '--steps', 1000))
    tap.ok(all(again[key] == found[key] for key in found if key != 'seconds'), 'and once more the same', again)
    for rho, low, high in ((0.8, 0.02, 0.02), (0.9, 0.03, 0.03), (-0.9, 0.03, 0.03), (0.99, 0.15, 0.1),
                           (0, 0.01, 0.01)):
        found = last_json(run('--rho', rho))
        off = found['late'] - found['exact']
        tap.ok(-low < off < high, 'rho %g: the last 800 steps' % rho, found)
        if rho == 0.8:
            tap.ok(abs(found['histogram'] - 0.5103) < 0.004, 'rho 0.8: histogram', found['histogram'])
            tap.ok(abs(found['exact'] - 0.510826) < 1e-6, 'rho 0.8: the exact value', found['exact'])


def check_others(tap):
    for bound, critic, low, high in (('mine', 'additive', 0.02, 0.02), ('nwj', 'additive', 0.03, 0.02),
                                     ('jsd', 'concat', 0.05, 0.05), ('infonce', 'separable', 0.05, 0.02),
                                     ('leave-one-out', 'gaussian', 0.05, 0.05)):
        found = last_json(run('--rho', 0.8, '--bound', bound, '--critic', critic, '--batch', 256, '--steps', 600))
        tap.ok(-low < found['last'] - found['exact'] < high, '%s by %s' % (bound, critic), found)
    found = last_json(run('--rho', 0.5, '--dim', 3, '--units', 64, '--bound', 'infonce', '--critic', 'separable',
                          '--batch', 200))
    tap.ok(abs(found['exact'] + 1.5 * math.log(0.75)) < 1e-6, 'three columns tell three times as much', found)
    tap.ok(abs(found['last'] - found['exact']) < 0.08, 'and it is found', found)
    tap.ok(abs(found['histogram'] - 3 * 0.146) < 0.012, 'by cells as well', found)


def check_files(tap, work):
    out = work / 'out'
    done = run('--steps', 50, '--out', out)
    rows = (out / 'curve.csv').read_text().strip().split('\n')
    tap.ok(rows[0] == 'step,estimate,average,exact' and len(rows) == 51, 'curve.csv has all steps', rows[:2])
    last = [float(x) for x in rows[-1].split(',')]
    late = [float(row.split(',')[1]) for row in rows[-40:]]
    tap.ok(last[0] == 50 and abs(sum(late) / 40 - last_json(done)['late']) < 1e-5, 'and what the mean is of', last)
    tap.ok((out / 'curve.png').read_bytes()[:8] == b'\x89PNG\r\n\x1a\n', 'curve.png is a picture')
    one = run('--steps', 1, '--out', out)
    tap.ok(one.returncode == 0, 'a single step is a curve, too', one.stderr)


def check_mistakes(tap, work):
    for args, text in ((['--rho', 1], 'rho'), (['--rho', 'nan'], 'rho'), (['--steps', 0], 'steps'),
                       (['--batch', 1], 'batch'), (['--units', 0], 'units'), (['--critic', 'huge'], 'huge'),
                       (['--bound', 'best'], 'best'), (['--what'], '--what'), (['--dim'], 'dim'),
                       (['--bound', 'club'], 'gaussian'), (['--negatives', 5, '--batch', 5], 'negatives'),
                       (['--out', '/proc/nowhere'], '/proc/nowhere')):
        done = run(*args)
        tap.ok(done.returncode in (1, 2) and text in done.stderr and done.stderr.count('\n') == 1 and
               done.stdout == '', 'a line about ' + ' '.join(map(str, args)), done.stderr)


def check_interrupt(tap, work):
    child = subprocess.Popen([PROGRAM, '--steps', '10000000', '--out', str(work / 'cut')], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    found = json.loads(out.strip().split('\n')[-1])
    tap.ok(child.returncode == 130 and found['interrupted'] and 0 < found['steps'] < 10000000,
           'Ctrl-C shows what there is', out + err)
    rows = (work / 'cut' / 'curve.csv').read_text().strip().split('\n')
    tap.ok(len(rows) == found['steps'] + 1, 'and writes it', len(rows))


def main():
    tap = Check()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        check_truth(tap)
        check_others(tap)
        check_files(tap, work)
        check_mistakes(tap, work)
        check_interrupt(tap, work)
    tap.end()


main()
