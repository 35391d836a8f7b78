# SPDX-License-Identifier: BSD-2-Clause
"""The program that measures the border runs, and a call of Python is one of C."""
import importlib
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import libmi
from libmi import _library

BENCH = pathlib.Path(__file__).resolve().parents[3] / 'tests' / 'bench'

pytestmark = pytest.mark.skipif(not (BENCH / 'border.py').exists(),
                                reason='the program is not here: needs the source tree')


@pytest.fixture
def border(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module('border')


def test_one_call_for_one(border, monkeypatch):
    kind = type(_library.lib.mi_assign_create)
    for name, python in border.rows(libmi, np).items():
        python()  # the first one may make a solver
        called, inner = [], kind.__call__

        def record(function, *arguments):
            called.append(function.__name__)
            return inner(function, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr(kind, '__call__', record)
            python()
        assert len(called) == 1, name


def test_the_table():
    done = subprocess.run([sys.executable, str(BENCH / 'border.py'), '--library', _library.path,
                           '--rounds', '1'], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, '')
    lines = done.stdout.splitlines()[1:]
    assert lines[0].split() == ['package', 'ctypes', 'C', 'beyond']
    assert len(lines) > 8
    for line in lines[1:]:
        package, bare = map(float, [word for word in line.split() if '.' in word
                                    and word.replace('.', '').isdigit()][:2])
        assert package > 0 and bare > 0
