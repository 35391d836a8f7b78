# SPDX-License-Identifier: BSD-2-Clause
"""Speed and memory of the objectives, side by side with PyTorch on the CPU.

    ninja -C build && python3 tests/bench/objective.py
    python3 tests/bench/objective.py --rows 'IIC|local' --threads 1 --json figures.json

A row is an objective with the gradients of all its inputs, in float32. Both get the same numbers
and the same number of threads. First their losses and gradients are compared; then they take turns,
with a pause between so that no thread of one still spins while the other computes, and as many
steps before those that count, so that both are measured as within a loop. `ratio` is
PyTorch's time by libmi's, that of the medians and of the minima; the quartiles are those of the
ratios of single rounds. A row that misses what it aims at (5 for small inputs, else 2) is marked.
So is one during which other processes were busy: PyTorch's threads wait for each other at every
step, and one that has to wait for its processor makes PyTorch look far slower than it is. With
--threads 1 and many rounds the minima of quick rows hold even then.

What PyTorch runs is what one would write there: its gradients are set to None before each step, and
masks and targets are made in advance. IIC is the paper's code, but with a product of matrices where
that makes a tensor n x K x K. libmi goes through ctypes.

Memory is that of one evaluation in a process of its own: the peak above what was resident right
before, gradients and workspace included, inputs not. It needs Linux. The largest row takes 13 GB
with PyTorch, which is left out where less is available; its time is that of such processes too.

Without PyTorch libmi is measured alone. Nothing else is needed.
"""
import argparse
import array
import ctypes
import gc
import json
import math
import operator
import os
import pathlib
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

from objective_rows import Libmi, PyTorch, all_rows, room
from side_by_side import (PAUSE, Others, busy, compare, default_library, ratio_cells, sample,
                          seconds, steps_of, table)

PATIENCE = 20     # seconds that a row takes about at most
LARGE = 14 << 30  # bytes that must be available for a row that is large
TOLERANCE = 1e-4  # largest relative difference of losses and gradients


def difference(torch, row, ours, theirs):
    """The largest relative one of (loss, gradients) and (loss, leaves)."""
    loss = float(theirs[0]) + row.offset
    largest = abs(ours[0] - loss) / abs(loss)
    for mine, leaf in zip(ours[1], theirs[1]):
        other = leaf.grad.flatten()
        apart = (torch.frombuffer(mine, dtype=torch.float32) - other).abs().max()
        largest = max(largest, float(apart / other.abs().max()))
    return largest


# -- time ----------------------------------------------------------------------------------------

def take_turns(steps, rounds):
    """[[seconds of each round] of each step]"""
    alone = [min(seconds(step, 1) for _ in range(3)) for step in steps]
    counts = [steps_of(once) for once in alone]
    rounds = max(3, min(rounds, int(PATIENCE / sum(alone))))
    taken = [[] for _ in steps]
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for step, count, times in zip(steps, counts, taken):
            time.sleep(PAUSE)
            times.append(sample(step, count))
    gc.enable()
    return taken


def measure_here(row, sides, rounds):
    rng = random.Random(1)
    inputs = [room(len(values), values) for values in row.inputs(rng)]
    made = [side.prepare(row, inputs) for side in sides]
    found, losses = {}, [step() for step, _ in made]
    if len(sides) == 2:
        found['difference'] = difference(sides[1].torch, row, (losses[0], made[0][1]),
                                         (losses[1].detach(), made[1][1]))
    del losses
    taken = take_turns([step for step, _ in made], rounds)
    found['seconds'] = {side.name: times for side, times in zip(sides, taken)}
    return found


# -- memory --------------------------------------------------------------------------------------

def kilobytes(path, key):
    with open(path) as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key + ':'))


def can_measure_memory():
    return os.access('/proc/self/clear_refs', os.W_OK)


def child(side, row, path):
    """Evaluates once; the gradients go into a file, what was measured to the standard output."""
    rng = random.Random(1)
    inputs = [room(len(values), values) for values in row.inputs(rng)]
    small = [room(len(values), values) for values in row.warm.inputs(rng)]
    side.prepare(row.warm, small)[0]()
    if side.name == 'PyTorch':  # its leaves are copies of the inputs, and not counted either
        step, made = side.prepare(row, inputs)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pathlib.Path('/proc/self/clear_refs').write_text('5')  # the peak is what there is now
    before = kilobytes('/proc/self/status', 'VmRSS')
    if side.name == 'libmi':
        step, made = side.prepare(row, inputs)
    start = time.perf_counter()
    loss = step()
    taken = time.perf_counter() - start
    peak = kilobytes('/proc/self/status', 'VmHWM') - before
    with open(path, 'wb') as file:
        for gradient in made:
            file.write(gradient if side.name == 'libmi' else gradient.grad.numpy())
    loss = loss if side.name == 'libmi' else loss.item()
    print(json.dumps({'seconds': taken, 'bytes': 1024 * peak, 'loss': loss}))


def run_child(name, row, args, path):
    command = [sys.executable, __file__, '--child', name, '--rows', row.name, '--lib',
               str(args.lib), '--threads', str(args.threads), '--json', str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def compare_files(row, found, paths):
    """As difference(), a piece at a time and without PyTorch, whose process has ended."""
    loss = found['PyTorch']['loss'] + row.offset
    largest = abs(found['libmi']['loss'] - loss) / abs(loss)
    with open(paths['libmi'], 'rb') as ours, open(paths['PyTorch'], 'rb') as theirs:
        for shape in row.shapes:
            size = 4 * math.prod(shape)
            mine, other = (array.array('f', file.read(size)) for file in (ours, theirs))
            apart = max(map(abs, map(operator.sub, mine, other)))
            largest = max(largest, apart / max(map(abs, other)))
    return largest


def measure_apart(row, names, args):
    """Each in processes of its own: memory, and for large rows time and difference too."""
    runs = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: pathlib.Path(folder) / name for name in names}
        for _ in range(2 if row.large else 1):
            for name in names:
                runs[name].append(run_child(name, row, args, paths[name]))
        worked = {name: done for name, done in runs.items() if None not in done}
        found = {'bytes': {name: done[0]['bytes'] for name, done in worked.items()}}
        if row.large:
            found['seconds'] = {name: [run['seconds'] for run in done]
                                for name, done in worked.items()}
            if len(worked) == 2:
                found['difference'] = compare_files(row, {n: worked[n][0] for n in worked}, paths)
    return found


# -- the table -----------------------------------------------------------------------------------

def summarise(row, found):
    """Adds ratios, and what is to be said of them."""
    found['name'], found['aim'], found['remarks'] = row.name, row.aim, []
    if len(found['seconds']) == 2:
        found['ratio'] = compare(found['seconds']['libmi'], found['seconds']['PyTorch'])
        if found['ratio']['median'] < row.aim:
            found['remarks'].append('misses %d x' % row.aim)
    found['remarks'] += busy(found['others'])
    if found.get('difference', 0) > TOLERANCE:
        found['remarks'].append('DIFFERS')
    return found


def cells(found):
    def times(name):
        taken = found['seconds'].get(name)
        return ['%.3f' % (1e3 * f(taken)) for f in (min, statistics.median)] if taken else ['-'] * 2

    ratios = ratio_cells(found.get('ratio'))
    apart = '%.0e' % found['difference'] if 'difference' in found else '-'
    return [found['name'], *times('libmi'), *times('PyTorch'), *ratios, apart,
            ', '.join(found['remarks'])]


def memory_cells(found):
    used = found['bytes']
    both = len(used) == 2 and min(used.values()) > 0
    return [found['name'],
            *('%.1f' % (used[n] / 2**20) if n in used else '-' for n in ('libmi', 'PyTorch')),
            '%.1f' % (used['PyTorch'] / used['libmi']) if both else '-']


def show(results):
    print()
    table(['milliseconds', 'libmi min', 'median', 'PyTorch min', 'median', 'ratio min', 'median',
           'quartiles', 'difference', ''], [cells(found) for found in results], texts=(0, 9))
    measured = [memory_cells(found) for found in results if 'bytes' in found]
    if measured:
        print()
        table(['MiB at the peak', 'libmi', 'PyTorch', 'ratio'], measured)


def words():
    parser = argparse.ArgumentParser(description='libmi and PyTorch, side by side')
    parser.add_argument('--lib', default=default_library(), help='libmi.so')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--rounds', type=int, default=25)
    parser.add_argument('--rows', default='', metavar='PATTERN', help='a regular expression')
    parser.add_argument('--json', metavar='FILE')
    parser.add_argument('--child', choices=['libmi', 'PyTorch'], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.lib is None:
        parser.error('no libmi.so found: build it or give --lib')
    return args


def contestants(args):
    """libmi comes first, so that its symbols are bound before PyTorch brings its own BLAS."""
    sides = [Libmi(args.lib, args.threads)]
    try:
        sides.append(PyTorch(args.threads))
    except ImportError:
        print('PyTorch is not installed: libmi alone is measured')
    versions = {sides[0].name: sides[0].library.mi_lib_version_string().decode()}
    versions.update((side.name, side.torch.__version__) for side in sides[1:])
    print(', '.join(' '.join(pair) for pair in versions.items()), '- threads:', args.threads)
    return sides, versions


def measure(row, sides, args):
    sides = [side for side in sides if side.has(row)]
    if not sides or row.large and not can_measure_memory():
        return None
    names = [side.name for side in sides]
    if row.large and 1024 * kilobytes('/proc/meminfo', 'MemAvailable') < LARGE:
        names = [name for name in names if name == 'libmi']
        print('\n%s: too little memory for PyTorch' % row.name)
    others = Others()
    found = {} if row.large else measure_here(row, sides, args.rounds)
    if row.warm and can_measure_memory():
        found.update(measure_apart(row, names, args))
    found['others'] = others.rate()
    return summarise(row, found)


def main():
    args = words()
    os.environ.setdefault('OPENBLAS_NUM_THREADS', str(args.threads))
    if args.child:
        row = next(row for row in all_rows() if row.name == args.rows)
        side = Libmi(args.lib, args.threads) if args.child == 'libmi' else PyTorch(args.threads)
        return child(side, row, args.json)
    sides, versions = contestants(args)
    results = []
    rows = [row for row in all_rows() if re.search(args.rows, row.name, re.IGNORECASE)]
    for row in rows:
        print('.', end='', flush=True)
        found = measure(row, sides, args)
        if found is None:
            print('\n%s: left out' % row.name)
        else:
            results.append(found)
    show(results)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(
            {'versions': versions, 'threads': args.threads, 'machine': platform.machine(),
             'rows': results}, indent=1) + '\n')
    return any('DIFFERS' in found['remarks'] for found in results)


if __name__ == '__main__':
    sys.exit(main())
