# SPDX-License-Identifier: BSD-2-Clause
"""Speed of learning mutual information, side by side with PyTorch on the CPU.

    ninja -C build && python3 tests/bench/mine.py
    python3 tests/bench/mine.py --rows additive --threads 1 --markdown

A row is a critic that is trained on fresh samples of correlated Gaussians: a step draws x and noise,
mixes y, scores, evaluates the bound, and lets Adam move the weights. All of that is counted. libmi runs
as a host in C would run it (mine.c); PyTorch runs what one would write there, once as it is ("eager")
and once with the loss through torch.compile, with Adam in its fused form, which is the fastest. Both have
the same critic, the same samples a step and the same number of threads; the additive critic is
compared with one other y for each x, the others with all of the batch.

First each learns for a while, and the mean estimates are shown beside the truth, so that it is seen that
the same is computed. Then they take turns, with a pause between. `ratio` is PyTorch's time by libmi's,
that of the medians and of the minima; the quartiles are those of the ratios of single rounds.

Without PyTorch libmi is measured alone.
"""
import argparse
import ctypes
import json
import math
import os
import pathlib
import re
import statistics
import sys
import time

from side_by_side import PAUSE, ROOT, Others, busy, compare, ratio_cells, table

ADDITIVE, CONCAT, SEPARABLE = 1, 2, 3


class Row:
    def __init__(self, name, critic, bound, dim, batch, units, rho, rate, steps, aim):
        self.name, self.critic, self.bound = name, critic, bound
        self.dim, self.batch, self.units, self.rho, self.rate = dim, batch, units, rho, rate
        self.steps, self.aim = steps, aim  # of a sample; the ratio to reach

    @property
    def truth(self):
        return -self.dim / 2 * math.log1p(-self.rho ** 2)


ROWS = [
    Row('additive, 16 units, 1000 x 1, dv', ADDITIVE, 'dv', 1, 1000, 16, 0.5, 1e-2, 200, 15),
    Row('separable, 2 x 256 units, 64 x 20, infonce', SEPARABLE, 'infonce', 20, 64, 256, 0.57418, 5e-4, 20, 1),
    Row('concat, 2 x 256 units, 64 x 20, infonce', CONCAT, 'infonce', 20, 64, 256, 0.57418, 5e-4, 5, 1),
]


# -- libmi ---------------------------------------------------------------------------------------

class Libmi:
    name = 'libmi'

    def __init__(self, path, threads):
        self.library, self.threads = ctypes.CDLL(str(path)), threads
        self.library.bench_mine_begin.restype = ctypes.c_void_p
        self.library.bench_mine_steps.restype = ctypes.c_double

    def prepare(self, row):
        """A function of a number of steps that makes them, and returns their mean estimate."""
        begin, steps = self.library.bench_mine_begin, self.library.bench_mine_steps
        training = ctypes.c_void_p(begin(
            row.critic, row.bound.encode(), ctypes.c_int64(row.dim), ctypes.c_int64(row.batch), row.units,
            ctypes.c_double(row.rho), ctypes.c_double(row.rate), self.threads))
        return lambda count: steps(training, ctypes.c_int64(count))


# -- PyTorch -------------------------------------------------------------------------------------

class PyTorch:
    def __init__(self, torch, compiled):
        self.torch, self.compiled = torch, compiled
        self.name = 'compiled' if compiled else 'eager'

    def network(self, *sizes):
        nn, layers = self.torch.nn, []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def losses(self, row):
        """The critic's parts, and the function from samples to minus the bound."""
        torch, d, h = self.torch, row.dim, row.units
        if row.critic == ADDITIVE:
            a, b, w = self.network(d, h), self.network(d, h), self.network(h, 1)

            def loss(x, y, other):
                f, g = w(torch.relu(a(x) + b(y))), w(torch.relu(a(x) + b(other)))
                return (torch.logsumexp(g, 0) - math.log(len(g))).sum() - f.mean()
            return [a, b, w], loss

        def infonce(scores):
            target = torch.arange(len(scores))
            return torch.nn.functional.cross_entropy(scores, target) - math.log(len(scores))
        if row.critic == SEPARABLE:
            g, k = self.network(d, h, h, 32), self.network(d, h, h, 32)
            return [g, k], lambda x, y, other: infonce(g(x) @ k(y).T)
        f = self.network(2 * d, h, h, 1)

        def loss(x, y, other):
            n = len(x)
            pairs = torch.cat([x[:, None].expand(n, n, d), y[None].expand(n, n, d)], 2)
            return infonce(f(pairs.reshape(n * n, 2 * d)).reshape(n, n))
        return [f], loss

    def prepare(self, row):
        torch = self.torch
        parts, loss = self.losses(row)
        if self.compiled:
            loss = torch.compile(loss)
        weights = [p for part in parts for p in part.parameters()]
        adam = torch.optim.Adam(weights, lr=row.rate, fused=True)
        shape, rest = (row.batch, row.dim), math.sqrt(1 - row.rho ** 2)

        def steps(count):
            total = 0.0
            for _ in range(count):
                x = torch.randn(shape)
                y = row.rho * x + rest * torch.randn(shape)
                adam.zero_grad()
                value = loss(x, y, y.roll(1, 0))
                value.backward()
                adam.step()
                total -= value.detach()
            return float(total) / count
        return steps


# -- measuring -----------------------------------------------------------------------------------

def measure(row, sides, rounds):
    steps = [side.prepare(row) for side in sides]
    estimates = {}
    for side, step in zip(sides, steps):
        step(3 * row.steps)
        estimates[side.name] = step(2 * row.steps)
    taken, others = {side.name: [] for side in sides}, Others()
    for _ in range(rounds):
        for side, step in zip(sides, steps):
            time.sleep(PAUSE)
            start = time.perf_counter()
            step(row.steps)
            taken[side.name].append((time.perf_counter() - start) / row.steps)
    found = {'name': row.name, 'seconds': taken, 'estimates': estimates, 'truth': row.truth,
             'remarks': busy(others.rate())}
    found['ratios'] = {name: compare(taken['libmi'], times) for name, times in taken.items() if name != 'libmi'}
    if found['ratios'] and min(r['median'] for r in found['ratios'].values()) < row.aim:
        found['remarks'].append('misses %d x' % row.aim)
    return found


HEAD = ['microseconds a step', 'by', 'min', 'median', 'ratio min', 'median', 'quartiles', 'estimate', '']


def cells(found):
    for name, times in found['seconds'].items():
        yield [found['name'] if name == 'libmi' else '', name, '%.1f' % (1e6 * min(times)),
               '%.1f' % (1e6 * statistics.median(times)), *ratio_cells(found['ratios'].get(name)),
               '%.4f of %.4f' % (found['estimates'][name], found['truth']),
               ', '.join(found['remarks']) if name == 'libmi' else '']


def show(results, markdown):
    lines = [line for found in results for line in cells(found)]
    print()
    if markdown:
        for line in [HEAD, ['-'] * len(HEAD), *lines]:
            print('|' + '|'.join(line) + '|')
    else:
        table(HEAD, lines, texts=(0, 1, 8))


def contestants(args):
    """libmi comes first, so that its symbols are bound before PyTorch brings its own BLAS."""
    sides = [Libmi(args.lib, args.threads)]
    try:
        import torch
    except ImportError:
        print('PyTorch is not installed: libmi alone is measured')
        return sides
    torch.set_num_threads(args.threads)
    print('PyTorch', torch.__version__, '- threads:', args.threads)
    return sides + [PyTorch(torch, False)] + ([] if args.eager else [PyTorch(torch, True)])


def words():
    parser = argparse.ArgumentParser(description='critics by libmi and PyTorch, side by side')
    parser.add_argument('--lib', default=ROOT / 'build' / 'tests' / 'bench' / 'libbench_mine.so',
                        help='libbench_mine.so (meson setup -Dbenchmarks=true)')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--rows', default='', metavar='PATTERN', help='a regular expression')
    parser.add_argument('--eager', action='store_true', help='no torch.compile')
    parser.add_argument('--markdown', action='store_true', help='rows of a table for docs')
    parser.add_argument('--json', metavar='FILE')
    args = parser.parse_args()
    if not pathlib.Path(args.lib).exists():
        parser.error('%s is not there: meson setup build -Dbenchmarks=true, ninja -C build' % args.lib)
    return args


def main():
    args = words()
    os.environ.setdefault('OPENBLAS_NUM_THREADS', str(args.threads))
    sides, results = contestants(args), []
    for row in ROWS:
        if re.search(args.rows, row.name, re.IGNORECASE):
            print('.', end='', flush=True)
            results.append(measure(row, sides, args.rounds))
    show(results, args.markdown)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({'threads': args.threads, 'rows': results}, indent=1) + '\n')


if __name__ == '__main__':
    sys.exit(main())
