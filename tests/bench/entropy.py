# SPDX-License-Identifier: BSD-2-Clause
"""Mutual information of two discrete variables from samples: speed beside scikit-learn and NumPy.

    ninja -C build && python3 tests/bench/entropy.py [--samples 1000000] [--threads 1]

Both variables are int64; a row has so many values for each. scikit-learn's mutual_info_score() makes
a sparse table of the pairs; `numpy` is what one writes by hand, numpy.unique() of each variable and
of the pairs. libmi tells all of mi_information with it, through ctypes. They take turns; `ratio` is the
other's time by libmi's, of the medians and of the minima. A row that misses 4 times scikit-learn's
speed, or during which other processes were busy, is marked. Needs NumPy and scikit-learn.
"""
import argparse
import ctypes
import os
import pathlib
import statistics
import sys
import time

from side_by_side import PAUSE, ROOT, Others, busy, compare, default_library, ratio_cells, seconds, table

AIM = 4
TOLERANCE = 1e-12
VALUES = (2, 10, 100, 1000, 100000)


class Libmi:
    name = 'libmi'

    def __init__(self, library, threads):
        os.environ['LIBMI_PATH'] = str(pathlib.Path(library).parent)
        sys.path.insert(0, str(ROOT / 'bindings' / 'python'))
        from libmi import _abi
        self.abi, self.library = _abi, ctypes.CDLL(library)
        self.context = ctypes.c_void_p()
        options = self.sized('mi_context_options', threads=threads)
        self.check(self.library.mi_context_create(ctypes.byref(options), ctypes.byref(self.context)))

    def sized(self, name, **members):
        kind = getattr(self.abi, name)
        return kind(struct_size=ctypes.sizeof(kind), **members)

    def check(self, status):
        if status != 0:
            self.library.mi_error_message.restype = ctypes.c_char_p
            raise RuntimeError(self.library.mi_error_message().decode())

    def prepare(self, x, y):
        samples = [self.sized('mi_samples', data=a.ctypes.data, n=len(a), dtype=2) for a in (x, y)]
        information = self.sized('mi_information')

        def step():
            self.check(self.library.mi_entropy_samples(
                self.context, ctypes.byref(samples[0]), ctypes.byref(samples[1]), None,
                ctypes.byref(information)))
            return information.mutual
        return step


def by_sklearn(x, y):
    from sklearn.metrics import mutual_info_score
    return lambda: mutual_info_score(x, y)


def by_numpy(numpy, x, y):
    def entropy(values):
        counts = numpy.unique(values, return_counts=True)[1]
        return numpy.log(len(x)) - (counts * numpy.log(counts)).sum() / len(x)

    def step():
        return entropy(x) + entropy(y) - entropy(x * (y.max() + 1) + y)
    return step


def measure(numpy, libmi, values, args):
    rng = numpy.random.default_rng(1)
    x = rng.integers(0, values, args.samples)
    y = numpy.where(rng.random(args.samples) < 0.5, x, rng.integers(0, values, args.samples))
    steps = {'libmi': libmi.prepare(x, y), 'sklearn': by_sklearn(x, y), 'numpy': by_numpy(numpy, x, y)}
    answers = [step() for step in steps.values()]
    taken, others = {name: [] for name in steps}, Others()
    for _ in range(args.rounds):
        for name, step in steps.items():
            time.sleep(PAUSE)
            taken[name].append(seconds(step, 1))
    ratios = [compare(taken['libmi'], taken[name]) for name in ('sklearn', 'numpy')]
    remarks = busy(others.rate())
    if ratios[0]['median'] < AIM:
        remarks.append('misses %d x' % AIM)
    if max(abs(answer - answers[0]) for answer in answers) > TOLERANCE * len(x) ** 0.5:
        remarks.append('DIFFERS')
    return [str(values), *('%.2f' % (1e3 * statistics.median(t)) for t in taken.values()),
            *ratio_cells(ratios[0])[:2], *ratio_cells(ratios[1])[:2], ', '.join(remarks)]


def main():
    parser = argparse.ArgumentParser(description='discrete information, side by side')
    parser.add_argument('--lib', default=default_library(), help='libmi.so')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--samples', type=int, default=1000000)
    parser.add_argument('--rounds', type=int, default=11)
    args = parser.parse_args()
    if args.lib is None:
        parser.error('no libmi.so found: build it or give --lib')
    try:
        import numpy
        import sklearn
    except ImportError as error:
        parser.error(str(error))
    print('NumPy %s, scikit-learn %s - samples: %d, threads: %d' %
          (numpy.__version__, sklearn.__version__, args.samples, args.threads))
    libmi = Libmi(args.lib, args.threads)
    rows = [measure(numpy, libmi, values, args) for values in VALUES]
    table(['values', 'libmi ms', 'sklearn ms', 'numpy ms', 'by sklearn min', 'median', 'by numpy min', 'median', ''],
          rows, texts=(8,))
    return any('DIFFERS' in row[-1] for row in rows)


if __name__ == '__main__':
    sys.exit(main())
