# SPDX-License-Identifier: BSD-2-Clause
"""Speed of a training step of Deep InfoMax, side by side with PyTorch on the CPU.

    python3 tests/bench/infomax.py --torch PYTHON      # an interpreter that has PyTorch
    python3 tests/bench/infomax.py --torch PYTHON --check
    python3 tests/bench/infomax.py --torch PYTHON --rows dot --threads 1 --json figures.json

Rows are whole steps in float32: encoder, critics, losses, back, and Adam for all of them; 64
images of 32 x 32 x 3, random ones, batches taking turns, whose making isn't counted. Negatives and
noise are drawn anew in each step, on both sides.

- `concat`: the encoder "infomax-pool" with heads for mean and log variance, 256 each; a sample of
  the code; discriminators of three hidden layers of 256, global (code, code) and local (code,
  place of the map), one negative a pair, JSD; KL. Weights 0.5, 1.5 and 0.01.
- `dot`: the encoder "infomax" with a code of 64; projections with a hidden layer of 512 and a
  shortcut, layer-normalised; local InfoNCE over all places of all images of the batch.

PyTorch runs what one would write there, in its own layout, channels-last, and compiled (in the
latter; --no-compile leaves that out, it needs a C++ compiler and some minutes), with fused Adam.
The first layer of its discriminators is the plain one, of both sides put together.

Each side is a process of its own, bound to the same processors, as many as it has threads. They
take turns with pauses, libmi first in each round. The table has images a second, by the median of
the rounds; behind each peer stands how many times as long it takes, the median and the quartiles
of the ratios of single rounds. The best peer is in bold.

At the beginning PyTorch gets libmi's weights, images and noise, and computes libmi's first step:
losses and the gradients of all parameters have to agree. --check does only that, and shows them.

libmi's side needs the Python of --libmi to have NumPy; the parent needs the standard library only.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import statistics
import sys
import tempfile
import time

from engine import Gone, Worker, prepare
from infomax_rows import ROWS
from side_by_side import PAUSE, Others, busy, default_library

TOLERANCE = 1e-4  # of losses, by their size
ROUNDING = 1e-2   # of a gradient, by its length: a unit at the kink of a ReLU may fall either way
PEERS = ('PyTorch', 'channels-last', 'compiled')


# -- values --------------------------------------------------------------------------------------

def differs(found):
    """What PyTorch's side found out about libmi's first step."""
    apart = max(abs(here - there) / max(abs(there), 0.01) for here, there in values(found).values())
    return not (apart < TOLERANCE and found['gradient'] < ROUNDING)


def values(found):
    return {name: pair for name, pair in found.items() if name != 'gradient'}


def show_values(name, found):
    print('\n' + name)
    for what, (here, there) in values(found).items():
        print('  %-12s %.7f  libmi %.7f  apart %.0e' % (what, here, there, abs(here - there)))
    print('  gradients of all parameters: largest difference %.0e%s'
          % (found['gradient'], '  DIFFERS' if differs(found) else ''))


# -- time ----------------------------------------------------------------------------------------

def take_turns(ready, rounds, steps):
    """{variant: seconds of each round}"""
    taken = {variant: [] for variant in ready}
    for _ in range(rounds):
        for variant, (worker, _) in ready.items():
            time.sleep(PAUSE)
            taken[variant].append(worker.ask('sample', variant=variant, count=steps))
    return taken


def paired(ours, theirs):
    """Quartiles of the ratios of single rounds."""
    ratios = [b / a for a, b in zip(ours, theirs)]
    return statistics.quantiles(ratios, n=4, method='inclusive') if ratios[1:] else 3 * ratios


def measure(index, row, workers, threads, args):
    with tempfile.TemporaryDirectory() as folder:
        ready, missing, apart = prepare(index, workers, folder)
    found = {'name': row.name, 'threads': threads, 'n': row.n, 'missing': missing,
             'values': apart.get('torch'), 'seconds': {}, 'ratios': {}, 'remarks': []}
    if 'libmi' in ready and not args.check:
        others = Others([worker.process.pid for worker in workers])
        taken = take_turns(ready, args.rounds, args.steps)
        found['remarks'] += busy(others.rate())
        found['seconds'] = taken
        found['ratios'] = {peer: paired(taken['libmi'], taken[peer])
                           for peer in PEERS if peer in taken}
    for worker in workers:
        worker.ask('leave')
    found['remarks'] += ['%s: %s' % pair for pair in missing.items()]
    if found['values'] and differs(found['values']):
        found['remarks'].append('DIFFERS')
    return found


# -- the table -----------------------------------------------------------------------------------

def cells(found, peers):
    speed = {variant: '%.0f' % (found['n'] / statistics.median(taken))
             for variant, taken in found['seconds'].items()}
    best = min(found['ratios'], key=lambda peer: found['ratios'][peer][1], default=None)
    yield speed.get('libmi', '-')
    for peer in peers:
        if peer not in found['ratios']:
            yield '-'
            continue
        least, middle, most = found['ratios'][peer]
        text = '%s: %.2f (%.2f to %.2f)' % (speed[peer], middle, least, most)
        yield '**%s**' % text if peer == best else text


def show(results, threads):
    peers = [peer for peer in PEERS if any(peer in found['ratios'] for found in results)]
    head = ['images a second, %d thread%s' % (threads, 's' if threads > 1 else ''), 'libmi', *peers]
    print()
    for line in [head, ['---'] * len(head),
                 *([found['name'], *cells(found, peers)] for found in results)]:
        print('| ' + ' | '.join(line) + ' |')
    for found in results:
        for remark in found['remarks']:
            print('%s: %s' % (found['name'], remark))
    print(flush=True)


def words():
    processors = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description='Deep InfoMax with libmi and PyTorch')
    parser.add_argument('--lib', default=default_library(), help='libmi.so')
    parser.add_argument('--libmi', default=sys.executable, metavar='PYTHON')
    parser.add_argument('--torch', default=sys.executable, metavar='PYTHON')
    parser.add_argument('--threads', type=int, nargs='+', default=sorted({processors, 1})[::-1])
    parser.add_argument('--rounds', type=int, default=25)
    parser.add_argument('--steps', type=int, default=3, help='of a sample, and as many before it')
    parser.add_argument('--rows', default='', metavar='PATTERN', help='a regular expression')
    parser.add_argument('--cpu', default='', help='avx2, generic: what libmi is to use')
    parser.add_argument('--no-compile', action='store_true', help='leaves torch.compile out')
    parser.add_argument('--check', action='store_true', help='values instead of times')
    parser.add_argument('--json', metavar='FILE')
    args = parser.parse_args()
    if args.lib is None:
        parser.error('no libmi.so found: build it or give --lib')
    if not 1 <= min(args.threads) <= max(args.threads) <= processors:
        parser.error('there are %d processors' % processors)
    if min(args.rounds, args.steps) < 1:
        parser.error('rounds and steps are at least 1')
    return args


def contestants(args, threads, stack):
    options = {'lib': str(args.lib), 'threads': threads, 'cpu': args.cpu, 'check': args.check,
               'compile': not args.no_compile}
    # What is compiled for one number of threads must not serve another.
    os.environ['TORCHINDUCTOR_CACHE_DIR'] = stack.enter_context(tempfile.TemporaryDirectory())
    workers = []
    for name, python in ('libmi', args.libmi), ('torch', args.torch):
        try:
            workers.append(Worker(name, python, options, 'infomax'))
            stack.callback(workers[-1].close)
            print(workers[-1].versions)
        except Gone as error:
            if name == 'libmi' or args.check:
                sys.exit('%s: %s' % (name, error))
            print('%s is left out: %s' % (name, error))
    return workers


def main():
    args = words()
    rows = [(i, row) for i, row in enumerate(ROWS) if re.search(args.rows, row.name, re.IGNORECASE)]
    results, versions = [], []
    for threads in args.threads[:1] if args.check else args.threads:
        with contextlib.ExitStack() as stack:
            workers, here = contestants(args, threads, stack), []
            versions = [worker.versions for worker in workers]
            for index, row in rows:
                here.append(measure(index, row, workers, threads, args))
                if args.check:
                    show_values(row.name, here[-1]['values'])
        if not args.check:
            show(here, threads)
        results += here
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(
            {'versions': versions, 'cpu': args.cpu, 'machine': platform.machine(),
             'rows': results}, indent=1) + '\n')
    return any('DIFFERS' in found['remarks'] for found in results)


if __name__ == '__main__':
    sys.exit(main())
