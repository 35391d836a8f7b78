# SPDX-License-Identifier: BSD-2-Clause
"""Estimators of mutual information on 40 tasks whose truth is known: see task_list.py.

    ninja -C build
    LIBMI_PATH=build/lib PYTHONPATH=bindings/python python3 tests/bench/tasks.py --markdown

A task counts if the mean over the seeds is within 0.05 nats of the truth, "or 5 %" of it if that
is more; runs are counted likewise. Critics are those of the defaults of libmi.Mine but for what
NEURAL below says, fitted to half of the samples and read out on the others.

--out writes a line for every run. Each process has one thread. Needs NumPy.
"""
import argparse
import csv
import math
import statistics
import time

import many
from task_list import TASKS

WITHIN, SHARE = 0.05, 0.05
NEURAL = {'infonce': {}, 'nwj': {}, 'dv': {}, 'mine': {}, 'smile': {}}
CRITIC = {'critic': 'separable', 'units': 128, 'layers': 2, 'embed': 32}
FIT = {'steps': 4000, 'patience': 10}
ESTIMATORS = ('histogram', 'ksg', 'gaussian', 'copula', 'student', 'canonical', *NEURAL, 'auto')


def estimate(name, x, y, seed):
    """The value, and the method that auto took."""
    import libmi
    context = libmi.Context(threads=1, seed=seed + 1)
    if name not in NEURAL:
        found = libmi.estimate.silent(x, y, method=name, context=context)
        return found.value, found.method
    bound = libmi.Bound(name, context=context, **NEURAL[name])
    mine = libmi.Mine(x.shape[1], y.shape[1], bound, context=context, **CRITIC)
    with mine:
        return mine.fit(x.astype('f4'), y.astype('f4'), **FIT).estimate, name


def run(job):
    """(job, value, method, seconds), where value is None if it failed and method says how."""
    index, name, n, seed = job
    x, y = TASKS[index].sample(n, seed)
    start = time.perf_counter()
    try:
        value, method = estimate(name, x, y, seed)
    except Exception as error:
        value, method = None, '%s: %s' % (type(error).__name__, error)
    return job, value, method, time.perf_counter() - start


# -- what comes out ------------------------------------------------------------------------------

def error(value, truth):
    return math.inf if value is None or math.isnan(value) else abs(value - truth)


def near(value, truth, share=0.0):
    return error(value, truth) <= max(WITHIN, share * truth)


def mean(values):
    return None if None in values else statistics.fmean(values)


def number(value):
    return '%.3f' % value if abs(value) < 1000 else '%.1e' % value


def cell(values, truth):
    """The mean over seeds, bold if it is near, and the standard deviation."""
    value = mean(values)
    if value is None:
        return 'failed'
    text = '**%s**' % number(value) if near(value, truth, SHARE) else number(value)
    return text + (' (%s)' % number(statistics.stdev(values)) if len(values) > 1 else '')


def lines(results, tasks, estimators):
    for task in tasks:
        yield [task.name, '%.4f' % task.truth] + [cell(results[task.name, e], task.truth)
                                                  for e in estimators]


def counts(results, tasks, estimators):
    """How many tasks, and how many runs, are near the truth."""
    for share, what in ((0.0, 'within 0.05 nats'), (SHARE, 'within 0.05 nats or 5 %')):
        yield ['tasks ' + what, '%d' % len(tasks)] + [
            '%d' % sum(near(mean(results[t.name, e]), t.truth, share) for t in tasks)
            for e in estimators]
        yield ['runs ' + what, '%d' % sum(len(results[t.name, estimators[0]]) for t in tasks)] + [
            '%d' % sum(near(v, t.truth, share) for t in tasks for v in results[t.name, e])
            for e in estimators]


def plain(head, rows):
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    for row in [head, *rows]:
        print('  '.join(text.ljust(w) for text, w in zip(row, widths)).rstrip())


def main():
    names = [t.name for t in TASKS]
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--tasks', default=','.join(names))
    parser.add_argument('--estimators', default=','.join(ESTIMATORS))
    parser.add_argument('--n', type=int, default=10000, help='samples')
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--processes', type=int, default=2)
    parser.add_argument('--out', help='CSV file of all runs')
    parser.add_argument('--markdown', action='store_true')
    args = parser.parse_args()
    tasks = [TASKS[names.index(n)] for n in many.chosen(args.tasks, names, 'task')]
    estimators = many.chosen(args.estimators, list(ESTIMATORS), 'estimator')
    jobs = [(names.index(t.name), e, args.n, seed)
            for e in estimators for t in tasks for seed in range(args.seeds)]
    results, took, rows = {}, dict.fromkeys(estimators, 0.0), []
    for (index, name, n, seed), value, method, seconds in many.run(run, jobs, args.processes):
        task = TASKS[index]
        results.setdefault((task.name, name), []).append(value)
        took[name] += seconds
        rows.append((task.name, '%.6f' % task.truth, name, n, seed, value, method,
                     '%.3f' % seconds))
        if value is None:
            print('%s, %s, seed %d: %s' % (task.name, name, seed, method), flush=True)
    if args.out:
        with open(args.out, 'w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(('task', 'truth', 'estimator', 'n', 'seed', 'value', 'method',
                             'seconds'))
            writer.writerows(sorted(rows))
    body = list(lines(results, tasks, estimators)) + list(counts(results, tasks, estimators))
    body.append(['seconds a run', ''] + ['%.2f' % (took[e] / (len(tasks) * args.seeds))
                                         for e in estimators])
    (many.markdown if args.markdown else plain)(['task', 'truth', *estimators], body)


if __name__ == '__main__':
    main()
