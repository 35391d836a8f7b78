# SPDX-License-Identifier: BSD-2-Clause
"""Speed of training, side by side with PyTorch and JAX (XLA) on the CPU.

    meson setup build -Dbenchmarks=true && ninja -C build
    python3 tests/bench/engine.py --torch PYTHON --jax PYTHON
    python3 tests/bench/engine.py --rows 'IIC|critic' --threads 1 --json figures.json

Training rows are whole steps in float32: forward, loss, backward and Adam, always with the same
batch, whose making isn't counted. IIC's have 512 images and as many twins, 24 x 24; Deep InfoMax's
are of its encoder, 64 images of 32 x 32 x 3, with the gradient of the features given; the critic
is a small network of dense layers, with 64 rows of 2 numbers. The other rows are single
convolutions, 1024 images or, from 32 x 32 on, 64; GFLOP/s count the direct algorithm's products
and sums, which Winograd's has fewer of.

PyTorch runs what one would write there, in its own layout, channels-last, and compiled (in the
latter; --no-compile leaves that out, it needs a C++ compiler and up to a minute a row), with
fused Adam where there is one. JAX compiles the whole step, and its state is donated. Each
side is a process with an interpreter of its own (--torch, --jax), so that nobody's threads disturb
the others': all are bound to the same processors, as many as it has threads. They take turns, with
pauses; first each makes steps until they don't get quicker. One that is far from the quickest peer
takes part in three rounds only.

`ratio` is a peer's time by libmi's, that of the minima and of the medians; the quartiles are those
of the ratios of single rounds. What counts is the ratio to the best peer, marked *; a row that
misses what it aims at is marked, and one during which other processes were busy. `difference` is
the largest one of an output or a parameter's gradient from libmi's, by its length, given the same
parameters; IIC's loss is among the outputs.

--cpu has libmi use the kernels of another instruction set. A side that is not installed is left
out. The parent needs the standard library only.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

from engine_rows import Training, all_rows, flop
from side_by_side import (PAUSE, Others, busy, compare, default_library, ratio_cells, steps_of,
                          table)

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = {True: 12, False: 2}  # seconds that a row takes about at most, training or not
FAR = 1.5         # times the quickest peer's time
RATE = 1e-5       # of Adam: numbers stay where they are
TOLERANCE = 1e-2  # largest difference
PEERS = ('PyTorch', 'PyTorch channels-last', 'PyTorch compiled', 'JAX')


class Gone(Exception):
    """A worker has ended; says why."""


class Worker:
    def __init__(self, name, python, options, bench='engine'):
        threads = options['threads']
        script = HERE / ('%s_%s.py' % (bench, name))
        variables = {'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'}
        environment = dict(os.environ, JAX_PLATFORMS='cpu', TORCHINDUCTOR_COMPILE_THREADS='1',
                           **{variable: str(threads) for variable in variables})
        if options['cpu']:
            environment['LIBMI_CPU'] = options['cpu']
        processors = sorted(os.sched_getaffinity(0))[-threads:]
        self.name, self.errors = name, tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen(
            [python, str(script), json.dumps(options)], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            preexec_fn=lambda: os.sched_setaffinity(0, processors))
        self.versions = self.ask('versions')

    def ask(self, what, **order):
        try:
            print(json.dumps(dict(order, do=what)), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline()
        if not answer:
            self.process.wait()
            self.errors.seek(0)
            lines = self.errors.read().strip().splitlines()
            raise Gone(lines[-1] if lines else 'status %d' % self.process.returncode)
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# -- time ----------------------------------------------------------------------------------------

def prepare(index, workers, folder):
    """({variant: (worker, seconds)}, {variant: why not}, {worker's name: difference})"""
    ready, missing, apart = {}, {}, {}
    for worker in workers:
        answer = worker.ask('prepare', row=index, folder=folder)
        for variant, found in answer['found'].items():
            if isinstance(found, str):
                missing[variant] = found
            else:
                ready[variant] = worker, found
        if answer['difference'] is not None:
            apart[worker.name] = answer['difference']
        if 'libmi' in missing:
            break
    return ready, missing, apart


def take_turns(ready, rounds, patience):
    """{variant: seconds of each round}"""
    counts = {variant: steps_of(once) for variant, (_, once) in ready.items()}
    costs = {variant: once * counts[variant] * (2 if counts[variant] > 1 else 1) + PAUSE
             for variant, (_, once) in ready.items()}
    best = min((once for variant, (_, once) in ready.items() if variant != 'libmi'), default=0)
    near = [variant for variant, (_, once) in ready.items()
            if variant == 'libmi' or once <= FAR * best]
    left = patience - 3 * sum(costs.values())
    rounds = 3 + max(0, min(rounds - 3, int(left / sum(costs[variant] for variant in near))))
    taken, start = {variant: [] for variant in ready}, time.perf_counter()
    for turn in range(rounds):
        if turn >= 3 and time.perf_counter() - start > patience:
            break
        for variant in ready if turn < 3 else near:
            time.sleep(PAUSE)
            taken[variant].append(ready[variant][0].ask('sample', variant=variant,
                                                        count=counts[variant]))
    return taken


def summarise(row, threads, taken, missing, apart, load):
    found = {'name': row.name, 'threads': threads, 'aim': row.aim, 'seconds': taken,
             'missing': missing, 'difference': apart, 'remarks': []}
    if isinstance(row, Training):
        found['kind'] = 'training'
    else:
        found.update(kind='convolution', flop=flop(row))
    peers = [variant for variant in taken if variant != 'libmi']
    found['ratios'] = {peer: compare(taken['libmi'], taken[peer]) for peer in peers}
    if peers:
        most = max(len(taken[peer]) for peer in peers)
        best = min((peer for peer in peers if len(taken[peer]) == most),
                   key=lambda peer: statistics.median(taken[peer]))
        found['best'] = best
        if found['ratios'][best]['median'] < row.aim:
            found['remarks'].append('misses %g x' % row.aim)
    found['remarks'] += busy(load)
    if max(apart.values(), default=0) > TOLERANCE:
        found['remarks'].append('DIFFERS')
    return found


def measure(index, row, workers, threads, rounds):
    with tempfile.TemporaryDirectory() as folder:
        ready, missing, apart = prepare(index, workers, folder)
    taken, load = {}, 0.0
    if 'libmi' in ready:
        others = Others([worker.process.pid for worker in workers])
        taken = take_turns(ready, rounds, PATIENCE[isinstance(row, Training)])
        load = others.rate()
    for worker in workers:
        worker.ask('leave')
    return summarise(row, threads, taken, missing, apart, load)


# -- the tables ----------------------------------------------------------------------------------

def training_lines(found):
    apart = found['difference']
    lines = [[found['name']] + [''] * 6 + [', '.join(found['remarks'])]]
    for variant, taken in found['seconds'].items():
        best = ' *' if variant == found.get('best') else ''
        times = ['%.4g' % (1e3 * f(taken)) for f in (min, statistics.median)]
        side = {'PyTorch': 'torch', 'JAX': 'jax'}.get(variant)
        lines.append(['  ' + variant + best, *times, *ratio_cells(found['ratios'].get(variant)),
                      '%.0e' % apart[side] if side in apart else '-', ''])
    return lines + [['  ' + variant] + ['-'] * 6 + [reason]
                    for variant, reason in found['missing'].items()]


def convolution_line(found, variants):
    def speed(variant):
        if variant not in found['seconds']:
            return '-'
        rate = found['flop'] / statistics.median(found['seconds'][variant]) / 1e9
        return '%.0f%s' % (rate, ' *' if variant == found.get('best') else '  ')

    remarks = found['remarks'] + ['%s: %s' % pair for pair in found['missing'].items()]
    return [found['name'], *map(speed, variants),
            *ratio_cells(found['ratios'].get(found.get('best'))), ', '.join(remarks)]


def show(results, threads):
    training = [found for found in results if found['kind'] == 'training']
    others = [found for found in results if found['kind'] != 'training']
    ratios = ['ratio min', 'median', 'quartiles']
    if training:
        print()
        table(['milliseconds, threads: %d' % threads, 'min', 'median', *ratios, 'difference', ''],
              [line for found in training for line in training_lines(found)], texts=(0, 7))
    if others:
        variants = ['libmi', *(peer for peer in PEERS if any(peer in found['seconds']
                                                             for found in others))]
        print()
        table(['GFLOP/s by the median, threads: %d' % threads, *(name + '  ' for name in variants),
               *ratios, ''], [convolution_line(found, variants) for found in others],
              texts=(0, len(variants) + 4))
    print(flush=True)


def words():
    processors = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description='training with libmi, PyTorch and JAX')
    parser.add_argument('--lib', default=default_library(), help='libmi.so')
    parser.add_argument('--torch', default=sys.executable, metavar='PYTHON')
    parser.add_argument('--jax', default=sys.executable, metavar='PYTHON')
    parser.add_argument('--threads', type=int, nargs='+', default=sorted({processors, 1})[::-1])
    parser.add_argument('--rounds', type=int, default=25)
    parser.add_argument('--rows', default='', metavar='PATTERN', help='a regular expression')
    parser.add_argument('--cpu', default='', help='avx2, generic: what libmi is to use')
    parser.add_argument('--no-compile', action='store_true', help='leaves torch.compile out')
    parser.add_argument('--json', metavar='FILE')
    args = parser.parse_args()
    if args.lib is None:
        parser.error('no libmi.so found: build it or give --lib')
    if not 1 <= min(args.threads) <= max(args.threads) <= processors:
        parser.error('there are %d processors' % processors)
    return args


def contestants(args, threads, stack):
    options = {'lib': str(args.lib), 'threads': threads, 'cpu': args.cpu, 'rate': RATE,
               'compile': not args.no_compile}
    workers = []
    for name, python in ('libmi', sys.executable), ('torch', args.torch), ('jax', args.jax):
        try:
            workers.append(Worker(name, python, options))
            stack.callback(workers[-1].close)
            print(workers[-1].versions)
        except Gone as error:
            if name == 'libmi':
                sys.exit('libmi: %s' % error)
            print('%s is left out: %s' % (name, error))
    return workers


def main():
    args = words()
    rows = [(i, row) for i, row in enumerate(all_rows())
            if re.search(args.rows, row.name, re.IGNORECASE)]
    results, versions = [], []
    for threads in args.threads:
        with contextlib.ExitStack() as stack:
            workers, here = contestants(args, threads, stack), []
            versions = [worker.versions for worker in workers]
            for index, row in rows:
                here.append(measure(index, row, workers, threads, args.rounds))
                print('.', end='', flush=True)
        show(here, threads)
        results += here
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(
            {'versions': versions, 'cpu': args.cpu, 'machine': platform.machine(),
             'rows': results}, indent=1) + '\n')
    return any('DIFFERS' in found['remarks'] for found in results)


if __name__ == '__main__':
    sys.exit(main())
