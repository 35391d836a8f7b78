# SPDX-License-Identifier: BSD-2-Clause
"""Exceptions: one class for each status of the C library, with its message."""
from __future__ import annotations

from . import _abi
from ._library import lib


class Error(Exception):
    """Something libmi could not do. The text has the offending values in it."""

    status: int = _abi.MI_E_INTERNAL


class ArgumentError(Error, ValueError):
    """An argument is out of range or unknown."""

    status = _abi.MI_E_ARG


class ShapeError(Error, ValueError):
    """Sizes don't fit together, or the memory is laid out in another way than asked for."""

    status = _abi.MI_E_SHAPE


class DTypeError(Error, TypeError):
    """The elements have another type than the one expected."""

    status = _abi.MI_E_DTYPE


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed."""

    status = _abi.MI_E_NOMEM


class StateError(Error, RuntimeError):
    """Not now: another call has to come first, or the handle is closed."""

    status = _abi.MI_E_STATE


class NumericError(Error, ValueError):
    """NaN or infinity where a finite number is needed."""

    status = _abi.MI_E_NUMERIC


class InfeasibleError(Error, ValueError):
    """No solution exists."""

    status = _abi.MI_E_INFEASIBLE


class FileError(Error, OSError):
    """The operating system refused to read or to write."""

    status = _abi.MI_E_IO


class FormatError(Error, ValueError):
    """A file or a text is not what it should be."""

    status = _abi.MI_E_FORMAT


class CancelledError(Error, RuntimeError):
    """The host asked to stop."""

    status = _abi.MI_E_CANCELLED


class AbiError(Error, RuntimeError):
    """The package and the loaded library differ."""

    status = _abi.MI_E_ABI


class UnsupportedError(Error, NotImplementedError):
    """Valid, but not for this object, or not in this build."""

    status = _abi.MI_E_UNSUPPORTED


class InternalError(Error, RuntimeError):
    """A bug in libmi; please report it."""


_BY_STATUS = {kind.status: kind for kind in Error.__subclasses__()}


def check(status: int) -> None:
    """Raises what a status other than MI_OK stands for; right after the call, on its thread."""
    if status:
        raise _BY_STATUS.get(status, InternalError)(
            lib.mi_error_message().decode('utf-8', 'replace'))
