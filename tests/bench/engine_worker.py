# SPDX-License-Identifier: BSD-2-Clause
"""One side of engine.py, or infomax.py, in a process of its own: it does what it is told by lines
of JSON.

    {"do": "versions"}                                 -> what it is
    {"do": "prepare", "row": index, "folder": path}    -> {"found": {variant: seconds of a step, or
                        the reason why not}, "difference": from libmi's results, null if not known}
    {"do": "sample", "variant": name, "count": steps}  -> seconds of a step
    {"do": "leave"}                                    -> forgets the row
"""
import gc
import json
import os
import sys
import time

from engine_rows import Convolution, all_rows
from side_by_side import sample, seconds

SETTLED = 0.95  # of the least time so far: what is above brings nothing new
WARM = 2.0      # seconds that warming up takes about at most, beyond two steps


class Missing(Exception):
    """This side can't do that; says why."""


def settle(step):
    """The least of the times until they don't get shorter. The first step may compile."""
    least, start, idle = seconds(step, 1), time.perf_counter(), 0
    while idle < 3:
        once = seconds(step, 1)
        idle = idle + 1 if once > SETTLED * least else 0
        least = min(least, once)
        if time.perf_counter() - start > WARM:
            break
    return least


class Worker:
    def __init__(self, side, rows):
        self.side, self.rows, self.steps = side, rows, {}

    def versions(self, _):
        return self.side.versions()

    def prepare(self, order):
        gc.enable()
        row, folder, found = self.rows[order['row']], order['folder'], {}
        apart = None if isinstance(row, Convolution) else self.side.compare(row, folder)
        for variant, make in self.side.variants(row, folder).items():
            try:
                step = make()
                found[variant] = settle(step)
                self.steps[variant] = step
            except Exception as error:
                kind = '' if isinstance(error, Missing) else type(error).__name__ + ': '
                found[variant] = kind + str(error).strip().partition('\n')[0]
        gc.collect()
        gc.disable()
        return {'found': found, 'difference': apart}

    def sample(self, order):
        return sample(self.steps[order['variant']], order['count'])

    def leave(self, _):
        self.steps.clear()
        gc.collect()


def serve(make_side, rows=None):
    """What libraries print goes to the standard error; the standard output is the parent's."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    worker = Worker(make_side(json.loads(sys.argv[1])), rows or all_rows())
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(getattr(worker, order['do'])(order)), file=answers, flush=True)
