# SPDX-License-Identifier: BSD-2-Clause
"""Exceptions stand for the statuses of the C library, each with its message."""
from __future__ import annotations

import ctypes
import inspect

import pytest

import libmi
from libmi import _abi, _errors
from libmi._library import lib

KINDS = [kind for kind in vars(_errors).values()
         if inspect.isclass(kind) and issubclass(kind, libmi.Error) and kind is not libmi.Error]


def test_each_status_has_its_exception():
    statuses = {value for value in _abi.ENUMS['mi_status_code'].values() if value != _abi.MI_OK}
    assert {kind.status for kind in KINDS} == statuses
    assert len(KINDS) == len(statuses)


@pytest.mark.parametrize('kind', KINDS, ids=lambda kind: kind.__name__)
def test_a_status_raises_its_exception(kind):
    name = lib.mi_status_name(kind.status).decode()
    assert _abi.ENUMS['mi_status_code'][name] == kind.status
    with pytest.raises(kind) as raised:
        _errors.check(kind.status)
    assert type(raised.value) is kind
    assert getattr(libmi, kind.__name__) is kind


def test_ok_raises_nothing():
    _errors.check(_abi.MI_OK)


def test_the_text_is_the_message_of_the_library():
    with pytest.raises(libmi.ArgumentError) as raised:
        libmi.Context(threads=5000)
    copied = ctypes.create_string_buffer(512)
    assert lib.mi_error_copy(ctypes.addressof(copied), 512) == len(copied.value)
    assert str(raised.value) == copied.value.decode() == 'threads must be in 0 to 1024, got 5000'
