# SPDX-License-Identifier: BSD-2-Clause
"""Speed of linear assignment, side by side with whatever there is of SciPy, lap, lapx, lapjv, lapcpp,
laprust and fastlap.

    ninja -C build && PYTHONPATH=bindings/python LIBMI_PATH=build/lib python3 tests/bench/assign.py

Every solver gets the same float64 matrices, one thread, taking turns. Times are of a call, libmi's of
the bare C function through ctypes with a handle that is used again; figures are times divided by
SciPy's, of the medians over rounds. `read` is a pass over the matrix by numpy.min(). A peer other than
SciPy is left out where it would take longer than --most seconds by its time at the size before, or has
no way to take the shape; where it does not end in time it is stopped: `stopped`; where its total is
off, `wrong`.
`lap` and `lapx` have modules of the same name: --lap names the folder with the other one.

With --many, it tells instead how much sooner two threads solve many problems than one does.
"""
import argparse
import functools
import importlib.util
import json
import math
import multiprocessing
import os
import pathlib
import statistics
import sys
import time

import numpy as np
from scipy.optimize import linear_sum_assignment

import libmi
from libmi import _abi
from libmi._library import lib
from side_by_side import Others, busy, table


# -- costs -----------------------------------------------------------------------------------------

def plane(rng, rows, cols):
    return distances(rng.random((rows, 2)), rng.random((cols, 2)))


def distances(a, b):
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))


def clustered(rng, rows, cols):
    """Four clusters that have few of the one side and many of the other."""
    centres, share = rng.random((4, 2)), np.array([.4, .3, .2, .1])
    a, b = (centres[rng.choice(4, n, p=p)] + .02 * rng.standard_normal((n, 2))
            for n, p in ((rows, share), (cols, share[::-1])))
    return distances(a, b)


def contingency(rng, rows, cols):
    """Counts of labels of which 70 % agree, with a minus."""
    n = max(5000, 20 * rows)
    a, name = rng.integers(0, rows, n), rng.permutation(max(rows, cols))
    b = np.where(rng.random(n) < .7, name[a] % cols, rng.integers(0, cols, n))
    counts = np.zeros((rows, cols))
    np.add.at(counts, (a, b), -1)
    return counts


def tracking(rng, rows, cols):
    """1 - intersection over union of boxes that moved a little."""
    a = rng.random((max(rows, cols), 2)) * 10 * math.sqrt(max(rows, cols))
    b = rng.permutation(a)[:cols] + 2 * rng.standard_normal((cols, 2))
    side = np.maximum(0, 10 - np.abs(a[:rows, None] - b[None]))
    both = side[..., 0] * side[..., 1]
    return 1 - both / (200 - both)


FAMILIES = {
    'uniform': lambda rng, r, c: rng.random((r, c)),
    'integers 1..100': lambda rng, r, c: rng.integers(1, 101, (r, c)).astype(float),
    'integers 1..n': lambda rng, r, c: rng.integers(1, r + 1, (r, c)).astype(float),
    'Machol-Wien': lambda rng, r, c: np.outer(np.arange(1., r + 1), np.arange(1., c + 1)),
    'geometric': plane,
    'contingency': contingency,
    'tracking': tracking,
    'near ties': lambda rng, r, c: rng.random((r, 1)) + rng.random(c) + 1e-6 * rng.random((r, c)),
    'low rank': lambda rng, r, c: rng.random((r, 4)) @ rng.random((4, c)),
    'clustered': clustered,
    '0/1': lambda rng, r, c: rng.integers(0, 2, (r, c)).astype(float),
    'constant': lambda rng, r, c: np.full((r, c), 3.),
    'heavy tails': lambda rng, r, c: np.abs(rng.standard_cauchy((r, c))),
    '40 decades': lambda rng, r, c: 10 ** rng.uniform(-20, 20, (r, c)),
}
# rectangles: family, rows and columns for each n
RECTANGLES = {
    'uniform n x 3n': ('uniform', 1, 3), 'uniform 3n x n': ('uniform', 3, 1),
    'geometric n x 3n': ('geometric', 1, 3), 'contingency n x n/4': ('contingency', 1, .25),
    **{f'{name} n x (n+1)': (name, 1, None)
       for name in ('uniform', 'geometric', 'Machol-Wien', 'low rank', 'near ties')},
    **{f'{name} n x 2n': (name, 1, 2) for name in ('Machol-Wien', 'low rank', 'near ties', 'clustered')},
}


def matrix(name, n, seed):
    family, rows, cols = RECTANGLES.get(name, (name, 1, 1))
    rng = np.random.default_rng([seed, n])
    return np.ascontiguousarray(FAMILIES[family](
        rng, int(rows * n), n + 1 if cols is None else max(int(cols * n), 1)))


# -- solvers ---------------------------------------------------------------------------------------

class Ours:
    """The bare call, with arguments that are ready."""

    def __init__(self, kernels=None, dtype=np.float64):
        if kernels:
            os.environ['LIBMI_CPU'] = kernels
        self.solver = libmi.Assignment(context=libmi.Context(threads=1))
        os.environ.pop('LIBMI_CPU', None)
        self.dtype, self.kept = dtype, []  # what calls have only the addresses of
        self.call = lib.mi_assign_solve_f64 if dtype == np.float64 else lib.mi_assign_solve_f32

    def ready(self, cost):
        given = cost.astype(self.dtype)
        match = np.empty(len(cost), np.int64)
        call = functools.partial(self.call, self.solver._pointer, *cost.shape, given.ctypes.data, 0,
                                 _abi.MI_ASSIGN_MINIMIZE, match.ctypes.data, None, None)

        def total():
            if call() != 0:
                raise RuntimeError('libmi failed')
            rows = np.flatnonzero(match >= 0)
            return cost[rows, match[rows]].sum()
        self.kept += given, match
        return call, total


class Peer:
    """`pairs` turns what the solver returns into rows and columns."""

    def __init__(self, solve, pairs, square=False):
        self.solve, self.pairs, self.square = solve, pairs, square

    def ready(self, cost):
        if self.square and cost.shape[0] != cost.shape[1]:
            return None
        given = cost.copy()  # some write to it
        return (lambda: self.solve(given)), (lambda: cost[tuple(self.pairs(self.solve(cost.copy())))].sum())


def by_rows(columns):
    columns = np.asarray(columns)
    rows = np.flatnonzero(columns >= 0)
    return rows, columns[rows]


def lap_peers(module, name):
    def oblong(solve):
        return lambda cost: solve(cost, extend_cost=cost.shape[0] != cost.shape[1])
    kinds = {'lapjv': lambda found: by_rows(found[1]), 'lapjvs': lambda found: found[1:],
             'lapjvx': lambda found: found[1:], 'lapjvr': lambda found: found[1:],
             'lapjvh': lambda found: found[1:], 'lapjvc': lambda found: found[1:]}
    return {f'{name} {solver}': Peer(getattr(module, solver) if solver == 'lapjvc'
                                     else oblong(getattr(module, solver)), pairs)
            for solver, pairs in kinds.items() if hasattr(module, solver)}


def peers(other_lap):
    found = {'SciPy': Peer(linear_sum_assignment, lambda pairs: pairs)}
    modules = {}
    for name in ('lap', 'lapjv', 'lapcpp', 'laprust', 'fastlap'):
        try:
            modules[name] = importlib.import_module(name)
        except Exception as error:  # whatever an import does
            print(f'left out: {name}: {error}')
    if 'lap' in modules:
        lapx = hasattr(modules['lap'], 'lapjvx')
        found.update(lap_peers(modules['lap'], 'lapx' if lapx else 'lap'))
    if other_lap:
        start = pathlib.Path(other_lap) / 'lap' / '__init__.py'
        spec = importlib.util.spec_from_file_location('other_lap', start,
                                                      submodule_search_locations=[str(start.parent)])
        module = importlib.util.module_from_spec(spec)
        sys.modules['other_lap'] = module
        spec.loader.exec_module(module)
        found.update(lap_peers(module, 'lap'))
    if 'lapjv' in modules:
        found['lapjv'] = Peer(modules['lapjv'].lapjv, lambda found: by_rows(found[0]), square=True)
    for name in ('lapcpp', 'laprust'):
        if name in modules:
            solve = modules[name].lapjv
            found[name] = Peer(lambda cost, solve=solve: solve(
                cost, extend_cost=cost.shape[0] != cost.shape[1]), lambda found: found[1:])
    if 'fastlap' in modules:
        found['fastlap'] = Peer(modules['fastlap'].linear_sum_assignment, lambda found: found)
    return found


def sides(args):
    ours = {'libmi': Ours(), 'libmi float32': Ours(dtype=np.float32)}
    for kernels in args.kernels:
        ours[f'libmi {kernels}'] = Ours(kernels)
    return ours | peers(args.lap)


# -- a cell: one family, one size ------------------------------------------------------------------

def work(pipe, solvers, name, n, args):
    """Tells what it begins, then its seconds. Without what it told last it is started again."""
    costs = [matrix(name, n, seed) for seed in range(args.matrices)]
    tasks = {}
    for solver, side in solvers.items():
        ready = [side.ready(cost) for cost in costs]
        if ready[0] is None:
            continue
        pipe.send((solver, 'begin', None))
        try:
            totals = [total() for _, total in ready]
        except Exception as error:  # each package has exceptions of its own
            pipe.send((solver, 'failed', str(error)))
            continue
        tasks[solver] = [call for call, _ in ready]
        pipe.send((solver, 'total', totals))
    tasks['read'] = [functools.partial(np.min, cost) for cost in costs]
    for _ in range(args.rounds):
        for solver, calls in tasks.items():
            pipe.send((solver, 'begin', None))
            times = 0
            start = time.perf_counter()
            while times == 0 or time.perf_counter() - start < .002:
                for call in calls:
                    call()
                times += len(calls)
            pipe.send((solver, 'seconds', (time.perf_counter() - start) / times))
    pipe.send((None, 'end', None))


def measure(solvers, name, n, args):
    """Seconds of each round by solver, and what was wrong with others."""
    out, left = {}, dict(solvers)
    while True:
        ours, theirs = multiprocessing.Pipe(False)
        child = multiprocessing.Process(target=work, args=(theirs, left, name, n, args))
        child.start()
        theirs.close()
        taken, totals, now = {}, {}, None
        try:
            while ours.poll(None if now == 'SciPy' else args.most * args.matrices * 2 + 20):
                now, what, value = ours.recv()
                if what == 'end':
                    break
                if what == 'total':
                    totals[now] = value
                elif what == 'failed':
                    out[now] = 'failed'
                elif what == 'seconds':
                    taken.setdefault(now, []).append(value)
            else:
                what = 'stopped'
        except EOFError:
            what = 'crashed'
        child.kill()
        child.join()
        if what == 'end':
            break
        out[now] = what
        del left[now]
    for solver, total in totals.items():
        exact = totals['SciPy']
        slack = 1e-9 if 'float32' not in solver else 1e-5
        if any(abs(a - b) > slack * max(abs(b), 1e-300) for a, b in zip(total, exact)):
            out[solver] = 'wrong'
    return taken, out


# -- many problems ---------------------------------------------------------------------------------

def many(args):
    lines, rng, others = [], np.random.default_rng(0), Others()
    for n in args.n:
        costs = rng.random((max(8_000_000 // n ** 2, 4), n, n))
        solvers = [libmi.Assignment(context=libmi.Context(threads=threads)) for threads in (1, 2)]
        gains = []
        for _ in range(args.rounds + 1):
            seconds = []
            for solver in solvers:
                start = time.perf_counter()
                solver.solve_many(costs)
                seconds.append(time.perf_counter() - start)
            gains.append(seconds[0] / seconds[1])
        del gains[0]  # makes workspaces
        lines.append([str(n), str(len(costs)), '%.2f' % statistics.median(gains),
                      '%.2f - %.2f' % (min(gains), max(gains))])
    remarks = busy(others.rate())
    table(['n', 'problems', 'two threads', 'spread'], lines, texts=())
    print(*remarks)


def words():
    parser = argparse.ArgumentParser(description='libmi and others, side by side')
    parser.add_argument('--n', type=int, nargs='+', default=[10, 100, 500, 1000, 2000, 4000])
    parser.add_argument('--family', nargs='+', default=[*FAMILIES, *RECTANGLES])
    parser.add_argument('--kernels', nargs='*', default=['avx2', 'generic'])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--matrices', type=int, default=3)
    parser.add_argument('--most', type=float, default=3, help='seconds that a call of a peer other than SciPy may take')
    parser.add_argument('--lap', metavar='DIR')
    parser.add_argument('--json', metavar='FILE')
    parser.add_argument('--many', action='store_true', help='many problems, on one thread and two')
    return parser.parse_args()


def main():
    args = words()
    if args.many:
        many(args)
        return
    everybody = sides(args)
    figures = []
    for name in args.family:
        slow, lines, others = {}, [], Others()
        for n in args.n:
            solvers = {solver: side for solver, side in everybody.items()
                       if solver == 'SciPy' or slow.get(solver, 0) * n ** 3 <= args.most}
            taken, out = measure(solvers, name, n, args)
            out |= {solver: 'left out' for solver in everybody if solver not in solvers}
            seconds = {solver: statistics.median(times) for solver, times in taken.items()}
            scipy = seconds['SciPy']
            ratio = {solver: value / scipy for solver, value in seconds.items()}
            right = {solver: value for solver, value in ratio.items()
                     if solver not in out and solver != 'read' and not solver.startswith('libmi')}
            best = min(right, key=right.get)
            spread = [a / b for a, b in zip(taken['libmi'], taken['SciPy'])]
            lines.append([name, str(n), '%.4g' % (1e3 * scipy), '%.3f' % ratio['libmi'],
                          '%.3f - %.3f' % (min(spread), max(spread)), best, '%.3f' % right[best],
                          *('%.3f' % ratio.get('libmi ' + kind, math.nan)
                            for kind in ['float32', *args.kernels]), '%.3f' % ratio['read']])
            figures.append({'family': name, 'n': n, 'seconds': taken, 'out': out})
            slow |= {solver: value / n ** 3 for solver, value in seconds.items()}
            slow |= {solver: math.inf for solver, what in out.items() if what != 'wrong'}
            if out:
                lines.append(['', '', ', '.join(f'{k}: {v}' for k, v in out.items())])
        width = max(map(len, lines))
        remarks = busy(others.rate())
        table(['', 'n', 'SciPy ms', 'libmi', 'spread', 'best peer', 'its', 'float32', *args.kernels, 'read'],
              [line + [''] * (width - len(line)) for line in lines], texts=(0, 2, 5))
        print(*remarks, flush=True)
    if args.json:
        with open(args.json, 'w') as file:
            json.dump(figures, file)


if __name__ == '__main__':
    main()
