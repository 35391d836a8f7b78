# SPDX-License-Identifier: BSD-2-Clause
"""Test points for the Test Anything Protocol. A check is a function that returns its complaints
as a list of lines; no complaint is a pass."""
import sys


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def point(self, name, complaints):
        self.count += 1
        self.failed += bool(complaints)
        print('%s %d - %s' % ('not ok' if complaints else 'ok', self.count, name))
        for line in complaints[:40]:
            print('# ' + line.replace('\n', '\n# '))
        sys.stdout.flush()

    def skip(self, name, reason):
        self.count += 1
        print('ok %d - %s # SKIP %s' % (self.count, name, reason))
        sys.stdout.flush()

    def end(self):
        print('1..%d' % self.count)
        sys.exit(1 if self.failed else 0)
