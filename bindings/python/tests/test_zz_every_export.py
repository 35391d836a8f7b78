# SPDX-License-Identifier: BSD-2-Clause
"""Every function of the library is called by some test. The name puts this file behind the others.

`called` is conftest's: what `calls.record()` gave when the session began."""
import ctypes
import pathlib

import calls
import pytest

from libmi import _abi
from libmi._library import lib

HERE = pathlib.Path(__file__).resolve().parent


def partial(config):
    """Why the session is not one of all tests, or nothing."""
    start = config.invocation_params.dir
    if any((start / argument).resolve() not in (HERE, *HERE.parents) for argument in config.args):
        return 'only some files were asked for'
    reporter = config.pluginmanager.get_plugin('terminalreporter')
    if reporter.stats.get('deselected') or config.getoption('ignore'):
        return 'some tests were left out'
    if hasattr(config, 'workerinput'):
        return 'the tests are spread over several processes'
    return ''


def test_every_function_is_called(request, called):
    reason = partial(request.config)
    if reason:
        pytest.skip(f'cannot tell what all tests call: {reason}')
    assert calls.missing(called) == []


def test_calls_that_come_back_are_recorded():
    library = ctypes.CDLL(lib._name)
    _abi.declare(library)
    early = library.mi_lib_version_number
    called = calls.record(library)
    assert called == set()
    assert early() > 0
    with pytest.raises(ctypes.ArgumentError):
        library.mi_status_name('zero')
    assert called == {'mi_lib_version_number'}
    assert calls.missing(called) == sorted(set(_abi.FUNCTIONS) - called)
    assert library.mi_status_name.argtypes == (ctypes.c_int32,)
