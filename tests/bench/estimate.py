# SPDX-License-Identifier: BSD-2-Clause
"""KSG, the estimator of mutual information by nearest neighbours, beside others: speed, and whether
the values are the same.

    ninja -C build && python3 tests/bench/estimate.py [--check] [--npeet FOLDER]

Two Gaussian variables of d columns each, correlated at 0.6 column by column, k = 3, the maximum norm,
no scaling and no noise, so that all do the same work. Others are those that can be imported:
scikit-learn (one column each), ennemi, NPEET (--npeet: the folder that `npeet` lies in), and `scipy`,
which is what one writes by hand with its k-d tree, on all processors. They take turns; `by` is the
other's time by libmi's, of the medians and of the minima. What would take a peer longer than --patience
is left out: -.

--check compares values instead, on several shapes and k.
"""
import argparse
import os
import pathlib
import statistics
import sys
import time
import warnings

from side_by_side import PAUSE, ROOT, Others, busy, compare, default_library, seconds, table

AIM = 10
TOLERANCE = 1e-6
RHO = 0.6
SIZES = (1000, 10000, 100000, 1000000)
COLUMNS = (1, 3, 10, 30)


def pair(numpy, n, d, seed=1):
    rng = numpy.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return x, RHO * x + (1 - RHO * RHO) ** 0.5 * rng.standard_normal((n, d))


# -- who estimates: each gives a function of x, y and k, or None where it can't -------------------

def libmi(threads):
    sys.path.insert(0, str(ROOT / 'bindings' / 'python'))
    import libmi as package
    warnings.filterwarnings('ignore', category=package.EstimateWarning) # few samples are meant
    context = package.Context(threads=threads)
    return lambda x, y, k: package.mutual_information(
        x, y, method='ksg', k=k, scale='none', discrete=False, context=context).value


def scipy_tree(numpy):
    from scipy.spatial import cKDTree
    from scipy.special import digamma

    def count(v, radius):
        return cKDTree(v).query_ball_point(v, radius, p=numpy.inf, return_length=True, workers=-1)

    def estimate(x, y, k):
        joint = numpy.hstack([x, y])
        far = cKDTree(joint).query(joint, [k + 1], p=numpy.inf, workers=-1)[0][:, 0]
        radius = numpy.nextafter(far, 0)  # nearer than the k-th, itself counted
        return (digamma(k) + digamma(len(x)) - digamma(count(x, radius)).mean() -
                digamma(count(y, radius)).mean())
    return estimate


def sklearn():
    from sklearn.feature_selection._mutual_info import _compute_mi_cc
    return lambda x, y, k: _compute_mi_cc(x[:, 0], y[:, 0], k) if x.shape[1] == 1 else None


def ennemi(numpy):
    import ennemi as package

    def estimate(x, y, k): # of several columns it takes information given nothing as H + H - H
        if x.shape[1] > 1:
            return None
        return float(numpy.ravel(package.estimate_mi(y[:, 0], x[:, 0], k=k, preprocess=False))[0])
    return estimate


def npeet(numpy, folder):
    sys.path.insert(0, folder)
    from npeet import entropy_estimators as package
    package.add_noise = lambda x, intens=0: x
    return lambda x, y, k: float(package.mi(x, y, k=k, base=numpy.e))


def peers(numpy, args):
    found = {}
    for name, make in {'scipy': lambda: scipy_tree(numpy), 'sklearn': sklearn,
                       'ennemi': lambda: ennemi(numpy),
                       'npeet': lambda: npeet(numpy, args.npeet)}.items():
        try:
            if name != 'npeet' or args.npeet:
                found[name] = make()
        except ImportError as error:
            print('%s is not here: %s' % (name, error))
    return found


# -- speed ---------------------------------------------------------------------------------------

def affordable(peer, numpy, n, d, patience):
    """Whether it can, and has ended within its patience: tried on fewer samples, step by step."""
    small = 500
    while True:
        size = min(small, n)
        begin = time.perf_counter()
        if peer(*pair(numpy, size, d), 3) is None:
            return False
        taken = time.perf_counter() - begin
        if size == n:
            return taken < patience
        if taken * (4 if small * 4 <= n else n / small) > patience:
            return False
        small *= 4


def measure(numpy, ours, others, n, d, args):
    x, y = pair(numpy, n, d)
    steps = {'libmi': ours}
    steps.update((name, peer) for name, peer in others.items()
                 if affordable(peer, numpy, n, d, args.patience))
    values = {name: step(x, y, 3) for name, step in steps.items()}
    taken, watch = {name: [] for name in steps}, Others()
    for _ in range(args.rounds if n < 1000000 else 3):
        for name, step in steps.items():
            time.sleep(PAUSE)
            taken[name].append(seconds(lambda: step(x, y, 3), max(1, 20000 // n)))
    ratios = {name: compare(taken['libmi'], taken[name]) for name in others if name in taken}
    remarks = busy(watch.rate())
    if not ratios:
        remarks.append('alone')
    elif min(r['median'] for r in ratios.values()) < AIM:
        remarks.append('misses %d x' % AIM)
    if max(abs(v - values['libmi']) for v in values.values()) > TOLERANCE:
        remarks.append('DIFFERS')
    cells = ['%.2f, %.2f' % (ratios[name]['median'], ratios[name]['min']) if name in ratios else '-'
             for name in others]
    return [str(n), str(d), '%.4g' % (1e3 * statistics.median(taken['libmi'])), *cells,
            ', '.join(remarks)]


# -- values --------------------------------------------------------------------------------------

def check(numpy, ours, others):
    rows = []
    for n, d in ((300, 1), (1000, 2), (500, 3), (400, 6)):
        for k in (1, 3, 7, 40):
            x, y = pair(numpy, n, d, seed=k)
            value = ours(x, y, k)
            found = [peer(x, y, k) for peer in others.values()]
            off = [abs(v - value) for v in found if v is not None]
            rows.append([str(n), str(d), str(k), '%.9f' % value,
                         *('-' if v is None else '%.1e' % abs(v - value) for v in found),
                         'DIFFERS' if max(off, default=0) > TOLERANCE else ''])
    table(['n', 'd', 'k', 'libmi', *others, ''], rows, texts=(4 + len(others),))
    return any(row[-1] for row in rows)


def main():
    parser = argparse.ArgumentParser(description='KSG, side by side')
    parser.add_argument('--lib', default=default_library(), help='libmi.so')
    parser.add_argument('--npeet', help='the folder of the package npeet')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--patience', type=float, default=20, help='seconds')
    parser.add_argument('--sizes', type=lambda s: [int(float(v)) for v in s.split(',')], default=SIZES)
    parser.add_argument('--columns', type=lambda s: [int(v) for v in s.split(',')], default=COLUMNS)
    parser.add_argument('--check', action='store_true', help='values instead of times')
    args = parser.parse_args()
    if args.lib is None:
        parser.error('no libmi.so found: build it or give --lib')
    os.environ['LIBMI_PATH'] = str(pathlib.Path(args.lib).parent)
    try:
        import numpy
    except ImportError as error:
        parser.error(str(error))
    ours, others = libmi(args.threads), peers(numpy, args)
    if args.check:
        return check(numpy, ours, others)
    rows = [measure(numpy, ours, others, n, d, args) for n in args.sizes for d in args.columns
            if n * n * d <= 4e11 or d < 10]
    table(['n', 'd', 'libmi ms', *('by ' + name for name in others), ''], rows,
          texts=(3 + len(others),))
    return any('DIFFERS' in row[-1] for row in rows)


if __name__ == '__main__':
    sys.exit(main())
