# SPDX-License-Identifier: BSD-2-Clause
"""What all tests share; under LIBMI_TAP they report as `meson test` wants it."""
from __future__ import annotations

import os
import signal

import calls
import pytest

from libmi._library import lib


@pytest.fixture(scope='session', autouse=True)
def called():
    """The names of the library's functions that tests have called so far."""
    return calls.record(lib)


@pytest.fixture(scope='session', autouse=True)
def interruptible():
    """Shells start what runs in the background with Ctrl-C ignored, and Python leaves it so."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Tap:
    """The Test Anything Protocol: a point each test, with what went wrong as comments."""

    def __init__(self):
        self.count = 0

    def point(self, verdict, report, directive=''):
        self.count += 1
        file, colons, test = report.nodeid.partition('::')
        name = (os.path.basename(file) + colons + test).replace('#', '_') or 'all of it'
        print('%s %d - %s%s' % (verdict, self.count, name, directive), flush=True)

    def failure(self, report):
        self.point('not ok', report)
        for title, text in [('', report.longreprtext)] + report.sections:
            for line in [title] * bool(title) + text.splitlines():
                print('# ' + line, flush=True)

    def skip(self, report):
        expected = getattr(report, 'wasxfail', None)
        if expected is not None:
            self.point('not ok', report, ' # TODO ' + expected)
        else:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            reason = str(reason).partition('Skipped: ')[2] or str(reason)
            self.point('ok', report, ' # SKIP ' + reason.replace('\n', ' '))

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failure(report)
        elif report.skipped:
            self.skip(report)
        elif report.when == 'call':
            self.point('ok', report)

    def pytest_collectreport(self, report):
        if report.failed:
            self.failure(report)
        elif report.skipped:
            self.skip(report)

    def pytest_sessionfinish(self):
        print('1..%d' % self.count, flush=True)


@pytest.hookimpl(trylast=True) # after pytest's own report has come
def pytest_configure(config):
    if os.environ.get('LIBMI_TAP'):
        plugins = config.pluginmanager
        own = plugins.unregister(name='terminalreporter')
        plugins.register(type(own)(config, open(os.devnull, 'w')), 'terminalreporter')
        plugins.register(Tap())
