# SPDX-License-Identifier: BSD-2-Clause
"""What programs that compare libmi with others have in common: times, ratios, tables."""
import ctypes.util
import math
import os
import pathlib
import statistics
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SAMPLE = 0.002  # seconds that a sample takes at least
PAUSE = 0.03    # seconds: OpenMP's and OpenBLAS's threads stop spinning within less
CALM = 0.1      # processors that others may keep busy


# -- time ----------------------------------------------------------------------------------------

def seconds(step, count):
    """Of a step. One that has wait() only begins what that waits for."""
    start = time.perf_counter()
    for _ in range(count):
        step()
    if hasattr(step, 'wait'):
        step.wait()
    return (time.perf_counter() - start) / count


def steps_of(once):
    """How many steps of that many seconds a sample has."""
    return math.ceil(SAMPLE / once)


def sample(step, count):
    """Seconds of a step. Caches and threads are as they are within a loop, not after a pause."""
    if count > 1:
        seconds(step, count)
    return seconds(step, count)


class Others:
    """How many processors other processes keep busy meanwhile; 0 where there is no /proc. The
    children in `pids` are none of the others."""
    def __init__(self, pids=()):
        self.pids, self.start = pids, None
        self.start = self.now()

    def now(self):
        try:
            with open('/proc/stat') as stat:
                ticks = [int(x) for x in stat.readline().split()[1:9]]
            ours = sum(map(self.ticks, self.pids))
        except OSError:
            return 0, 0.0
        busy = sum(ticks) - ticks[3] - ticks[4] - ours  # but idle and iowait
        return time.perf_counter(), busy / os.sysconf('SC_CLK_TCK') - sum(os.times()[:4])

    @staticmethod
    def ticks(pid):
        """Of a process, with its threads and the children that it waited for."""
        with open('/proc/%d/stat' % pid) as stat:
            return sum(map(int, stat.read().rpartition(')')[2].split()[11:15]))

    def rate(self):
        (before, done), (after, more) = self.start, self.now()
        return max(0.0, (more - done) / (after - before)) if after > before else 0.0


# -- figures -------------------------------------------------------------------------------------

def compare(ours, theirs):
    """How many times as long they take, of seconds of each round."""
    ratios = [b / a for a, b in zip(ours, theirs)]
    return {'median': statistics.median(theirs) / statistics.median(ours),
            'min': min(theirs) / min(ours),
            'quartiles': statistics.quantiles(ratios, method='inclusive')[::2]}


def ratio_cells(ratio):
    return ['%.2f' % ratio['min'], '%.2f' % ratio['median'],
            '%.2f - %.2f' % tuple(ratio['quartiles'])] if ratio else ['-'] * 3


def busy(rate):
    return ['%.1f processors busy with others' % rate] if rate > CALM else []


def table(head, lines, texts=(0,)):
    """The columns `texts` are words, the others numbers."""
    widths = [max(map(len, column)) for column in zip(head, *lines)]
    for line in [head, *lines]:
        print('  '.join(text.ljust(w) if i in texts else text.rjust(w)
                        for i, (text, w) in enumerate(zip(line, widths))).rstrip())


def default_library():
    built = ROOT / 'build' / 'lib' / 'libmi.so'
    return built if built.exists() else ctypes.util.find_library('mi')
