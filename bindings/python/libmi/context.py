# SPDX-License-Identifier: BSD-2-Clause
"""What may be decided once for all: seed, threads, log."""
from __future__ import annotations

import itertools
import logging
import os
import threading
import weakref
from contextlib import contextmanager
from ctypes import byref
from typing import Callable, Iterator

from . import _abi
from ._errors import ArgumentError
from ._handle import Handle, _Process, calling_back, expect
from ._library import lib
from ._options import fill

logger = logging.getLogger('libmi')

_LEVELS = {_abi.MI_LOG_ERROR: logging.ERROR, _abi.MI_LOG_WARNING: logging.WARNING,
           _abi.MI_LOG_INFO: logging.INFO}
_numbers = itertools.count(1)
_logs: 'weakref.WeakValueDictionary[int, Context]' = weakref.WeakValueDictionary()


# One function for all contexts, never collected: the C context may outlive the Python one.
@_abi.mi_context_options_log
def _log(user: int | None, level: int, message: bytes) -> None:
    context = _logs.get(user or 0)
    receive = context._log if context is not None else None
    with calling_back():
        (receive or logger.log)(_LEVELS.get(level, logging.INFO),
                                message.decode('utf-8', 'replace'))


class Context(Handle):
    """Seed, number of threads and log of what is made with it.

    Parameters
    ----------
    seed : default seed of everything random
    threads : to compute with, the calling one included; 0: as many as the process may use
    log : called with a level of `logging` and a text; None: the logger named 'libmi'. An
        exception that it raises is reported (`sys.unraisablehook`) and has no other effect.
    """

    def __init__(self, *, seed: int = 0, threads: int = 0,
                 log: Callable[[int, str], object] | None = None) -> None:
        if log is not None and not callable(log):
            raise ArgumentError(f'log is {log!r}: a function of a level and a text is needed')
        number = next(_numbers)
        options = fill(_abi.mi_context_options, {'seed': seed, 'threads': threads})
        options.log = _log
        options.log_user = number
        self._log = log
        self._borrowers = 0
        _logs[number] = self
        self._open('mi_context_create', byref(options))
        with self._turn:
            self._threads: int = lib.mi_context_threads(self._pointer)

    @contextmanager
    def _borrowed(self) -> Iterator[int]:
        """The pointer for a call that may take long. Meanwhile others may use it, and close it."""
        with self._turn:
            pointer = self._pointer
            self._borrowers += 1
        try:
            yield pointer
        finally:
            with self._lock:
                self._borrowers -= 1
                last = self._borrowers == 0 and self.closed
            if last:
                self._end()

    def close(self) -> None:
        """Ends the handle, after the calls that are at work with it; once more does nothing."""
        if self.closed or self._generation != _Process.generation:
            super().close()
            return
        with self._turn:
            self._address = None
            busy = self._borrowers > 0
        if not busy:
            self._end()

    @property
    def threads(self) -> int:
        """How many threads compute, the caller's included."""
        return self._threads

    def __repr__(self) -> str:
        return 'Context(closed)' if self.closed else f'Context(threads={self.threads})'


_default: Context | None = None
_default_lock = threading.Lock()


def default() -> Context:
    """The context of everything that is given none: one for the process, made when needed."""
    global _default
    found = _default
    if found is None or found.closed:
        with _default_lock:
            if _default is None or _default.closed:
                _default = Context()
            found = _default
    return found


def chosen(context: Context | None) -> Context:
    """The one that is given, else the default."""
    if context is None:
        return default()
    expect(context, Context, 'context')
    return context


def _forked() -> None:
    global _default, _default_lock
    _default, _default_lock = None, threading.Lock()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forked)
