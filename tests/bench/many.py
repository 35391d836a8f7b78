# SPDX-License-Identifier: BSD-2-Clause
"""What benchmarks of estimators have in common: many runs, a processor each, and tables."""
import multiprocessing
import os

THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


def run(function, jobs, processes):
    """Yields function(job) as they end, each with one thread. Processes are new ones, so that
    what libraries read of the environment counts."""
    os.environ.update(dict.fromkeys(THREADS, '1'))
    with multiprocessing.get_context('spawn').Pool(processes) as pool:
        yield from pool.imap_unordered(function, jobs)


def markdown(head, lines):
    for line in [head, ['-'] * len(head), *lines]:
        print('| %s |' % ' | '.join(line))


def words(text):
    return [word.strip() for word in text.split(',') if word.strip()]


def chosen(text, names, what):
    """Those of the names that a list with commas between asks for, in their order."""
    wanted = words(text)
    unknown = [w for w in wanted if w not in names]
    if unknown:
        raise SystemExit('no such %s: %s; there are: %s' % (what, ', '.join(unknown),
                                                            ', '.join(names)))
    return [name for name in names if name in wanted]
