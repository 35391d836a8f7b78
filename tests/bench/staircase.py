# SPDX-License-Identifier: BSD-2-Clause
"""The staircase: two Gaussians of 20 columns whose mutual information rises from 2 to 10 nats
while critics learn (B. Poole et al., "On Variational Bounds of Mutual Information", ICML 2019).

    ninja -C build
    LIBMI_PATH=build/lib PYTHONPATH=bindings/python python3 tests/bench/staircase.py --out OUT

Each of the five levels lasts 4000 steps, with a fresh batch of 64 pairs at each: x is normal, and
y = rho x + sqrt(1 - rho^2) noise. Then again with y's columns cubed, which leaves the information
as it is (--y plain: without). Adam at 5e-4, three hidden layers of 256, embeddings of 32. CLUB has
its own critic, as in its authors' notebook: a Gaussian with 15 hidden units, at 5e-3.

The figures are of the last 1150 steps of each level: mean of the batches' estimates, bias, and
their variance. Published ones are those that S. Song and S. Ermon's figure shows (SMILE, ICLR
2020: "Understanding the Limitations of Variational Mutual Information Estimators"), read from
its curves over the same steps.

--critics concat compares every x with every y too, which takes 20 times as long: half an
hour for each estimator and core.

OUT receives a CSV file of each curve (every tenth step) and, if matplotlib is there, staircase.png.
Needs NumPy.
"""
import argparse
import csv
import math
import pathlib

import numpy as np

import many

COLUMNS, BATCH = 20, 64
LEVELS = (2, 4, 6, 8, 10)
LAST = 1150 / 4000  # of the steps of a level
RATE, UNITS, LAYERS, EMBED = 5e-4, 256, 3, 32

# name: the bound, its parameters
ESTIMATORS = {'InfoNCE': ('infonce', {}), 'NWJ': ('nwj', {}), 'DV': ('dv', {}),
              'MINE': ('mine', {}), 'JSD': ('jsd', {}), 'SMILE 1': ('smile', {'tau': 1}),
              'SMILE 5': ('smile', {'tau': 5}), 'SMILE inf': ('smile', {'tau': math.inf}),
              'FLO': ('flo', {}), 'I_alpha .01': ('interpolated', {'alpha': 0.01}),
              'I_alpha .5': ('interpolated', {'alpha': 0.5}), 'CLUB': ('club', {})}
CRITICS = ('separable', 'concat')

PUBLISHED = {('InfoNCE', 'concat'): (1.74, 3.02, 3.70, 4.00, 4.11),
             ('InfoNCE', 'separable'): (1.64, 2.87, 3.60, 3.93, 4.06),
             ('NWJ', 'concat'): (1.86, 3.73, 5.3, 6.5, 4),
             ('NWJ', 'separable'): (1.41, 2.49, 3.26, 3.46, 4.2),
             ('SMILE 1', 'concat'): (2.18, 4.32, 6.36, 8.24, 9.98),
             ('SMILE 1', 'separable'): (1.97, 4.00, 5.97, 7.99, 9.82),
             ('SMILE 5', 'concat'): (1.87, 3.92, 6.15, 8.53, 10.9),
             ('SMILE 5', 'separable'): (1.66, 3.67, 5.82, 8.10, 10.5),
             ('SMILE inf', 'concat'): (1.86, 3.77, 5.81, 7.89, 10.1),
             ('SMILE inf', 'separable'): (1.64, 3.35, 5.01, 6.87, 8.74)}


def correlation(information):
    """Of each column, if all of them together have so many nats."""
    return math.sqrt(1 - math.exp(-2 * information / COLUMNS))


def batches(rng, information, cubed, steps):
    rho = correlation(information)
    for _ in range(steps):
        z = rng.standard_normal((2, BATCH, COLUMNS), dtype=np.float32)
        y = rho * z[0] + math.sqrt(1 - rho * rho) * z[1]
        yield z[0], (y * y * y if cubed else y).astype(np.float32)


def critic(name, kind, seed):
    import libmi
    bound, params = ESTIMATORS[name]
    context = libmi.Context(threads=1, seed=seed)
    options = {'critic': kind, 'rate': RATE, 'units': UNITS, 'layers': LAYERS, 'embed': EMBED,
               'negatives': 'all'}
    if bound == 'club':
        options = {'critic': 'gaussian', 'rate': 5e-3, 'units': 15, 'layers': 1}
    return libmi.Mine(COLUMNS, COLUMNS, libmi.Bound(bound, context=context, **params),
                      context=context, seed=seed, **options)


def climb(job):
    """Every step's estimate, or what went wrong."""
    name, kind, cubed, steps, seed = job
    rng = np.random.default_rng(seed)
    try:
        mine = critic(name, kind, seed)
        return job, [mine.step(x, y).estimate for information in LEVELS
                     for x, y in batches(rng, information, cubed, steps)]
    except Exception as error:
        return job, '%s: %s' % (type(error).__name__, error)


# -- what comes out ------------------------------------------------------------------------------

def figures(curve, steps):
    """Mean, bias and variance at the end of each level."""
    last = max(1, round(LAST * steps))
    ends = [curve[(i + 1) * steps - last:(i + 1) * steps] for i in range(len(LEVELS))]
    return [(np.mean(e), np.mean(e) - level, np.var(e)) for e, level in zip(ends, LEVELS)]


def number(value, form):
    if not math.isfinite(value):
        return 'NaN' if math.isnan(value) else '%+.0f' % value
    return '%.1e' % value if abs(value) >= 1e4 else form % value


def lines(curves, kind, cubed, steps):
    """Of a table: an estimator's means with bias and variance, then what others published."""
    for name in ESTIMATORS:
        curve = curves.get((name, kind, cubed))
        if curve is None:
            continue
        yield [name] + ['%s (%s; %s)' % (number(m, '%.2f'), number(b, '%+.2f'), number(v, '%.2g'))
                        for m, b, v in figures(curve, steps)]
        if (name, kind) in PUBLISHED and not cubed:
            yield ['%s, published' % name] + ['%.4g' % v for v in PUBLISHED[name, kind]]


def write(out, key, curve):
    name = '-'.join([key[0].replace(' ', ''), key[1], 'cubed' if key[2] else 'plain'])
    with open(out / (name.lower() + '.csv'), 'w', newline='', encoding='ascii') as file:
        rows = csv.writer(file, lineterminator='\n')
        rows.writerow(('step', 'estimate'))
        rows.writerows((i + 1, '%.6g' % np.mean(curve[i - 9:i + 1]))
                       for i in range(9, len(curve), 10))


def smooth(curve, span=200):
    """The moving average of the paper's figures."""
    out, value = np.empty(len(curve)), curve[0]
    for i, v in enumerate(curve):
        value += (v - value) * 2 / (span + 1)
        out[i] = value
    return out


def draw(path, curves, steps):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return
    rows = sorted({key[1:] for key in curves}, reverse=True)
    figure = Figure(figsize=(2.6 * len(ESTIMATORS), 2.4 * len(rows)), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), len(ESTIMATORS), sharex=True, sharey=True, squeeze=False)
    for row, (kind, cubed) in zip(axes, rows):
        for ax, name in zip(row, ESTIMATORS):
            curve = curves.get((name, kind, cubed))
            ax.set_title('%s, %s%s' % (name, kind, ', cubed' if cubed else ''), fontsize=8)
            ax.step(np.arange(len(LEVELS) + 1) * steps, (LEVELS[0],) + LEVELS, 'k', lw=0.8)
            ax.axhline(math.log(BATCH), color='grey', lw=0.5, ls=':')
            if curve is not None:
                ax.plot(curve, color='#b8c4d8', lw=0.3)
                ax.plot(smooth(curve), color='#1f5fbf', lw=1)
            ax.set_ylim(0, 13)
    figure.savefig(path, dpi=80)


def jobs_of(args):
    for kind in many.chosen(args.critics, CRITICS, 'critic'):
        for cubed in [y == 'cubed' for y in many.chosen(args.y, ('plain', 'cubed'), 'y')]:
            for name in many.chosen(args.estimators, list(ESTIMATORS), 'estimator'):
                if name != 'CLUB' or kind == 'separable':  # it has its own critic
                    yield name, kind, cubed, args.steps, args.seed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--estimators', default=','.join(ESTIMATORS))
    parser.add_argument('--critics', default='separable')
    parser.add_argument('--y', default='plain,cubed')
    parser.add_argument('--steps', type=int, default=4000, help='of each level')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--processes', type=int, default=2)
    parser.add_argument('--out', type=pathlib.Path, help='a folder for curves and the picture')
    args = parser.parse_args()
    curves, jobs = {}, list(jobs_of(args))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    for job, curve in many.run(climb, jobs, args.processes):
        if isinstance(curve, str):
            print('%s, %s%s: %s' % (job[0], job[1], ', cubed' if job[2] else '', curve), flush=True)
            continue
        curves[job[:3]] = curve
        if args.out:
            write(args.out, job[:3], curve)
    for kind, cubed in dict.fromkeys(job[1:3] for job in jobs):
        print('\n%s, y%s: mean (bias; variance) at each level\n'
              % (kind, ' cubed' if cubed else ''))
        many.markdown(['estimator'] + ['%d nats' % level for level in LEVELS],
                      list(lines(curves, kind, cubed, args.steps)))
    if args.out and curves:
        draw(args.out / 'staircase.png', curves, args.steps)


if __name__ == '__main__':
    main()
