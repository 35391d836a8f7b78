# SPDX-License-Identifier: BSD-2-Clause
"""What all handles have in common: an end, a thread at a time, and no use in a forked process."""
from __future__ import annotations

import os
import threading
import weakref
from contextlib import contextmanager
from ctypes import byref, c_void_p
from typing import Any, Callable, Iterator, TypeVar

from ._errors import StateError, check
from ._library import lib

T = TypeVar('T', bound='Handle')


class _Process:
    """Counts forks: a handle made before one has no threads left to work with."""

    generation = 0

    @classmethod
    def forked(cls) -> None:
        cls.generation += 1


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_Process.forked)


def _end(destroy: Callable[[int], None], pointer: int, generation: int) -> None:
    if generation == _Process.generation:  # else another thread may have been at work with it:
        destroy(pointer)  # a forked process leaves to the system what may be half done


#: threads that run a callback, in the middle of a call
in_callback: set[int] = set()


@contextmanager
def calling_back() -> Iterator[None]:
    """In a callback: handles that are at work cannot be used."""
    thread = threading.get_ident()
    nested = thread in in_callback
    in_callback.add(thread)
    try:
        yield
    finally:
        if not nested:
            in_callback.discard(thread)


class Handle:
    """A C handle and its end.

    `close()` ends it, and so does leaving a `with` block, or the garbage collector. What was
    made from a handle keeps what it needs of it, so any order will do. Threads that use one
    handle at once take turns; an encoder, its optimizers and clusterings are one in that. Calls
    release the global interpreter lock, so different handles work at the same time.
    """

    # A method works under `with self._turn:` on `self._pointer`. The lock is one in C, since an
    # interrupt in the middle of an __enter__ or __exit__ in Python would leave it held.
    _lock: Any
    _address: int | None = None
    _generation: int

    def _open(self, create: str, *arguments: object, turn: Any = None) -> None:
        """Makes the handle with `mi_x_create(*arguments, &out)`, to be ended by `mi_x_destroy`."""
        out = c_void_p()
        check(getattr(lib, create)(*arguments, byref(out)))
        pointer = out.value
        assert pointer is not None
        destroy = getattr(lib, '_'.join(create.split('_')[:2]) + '_destroy')
        self._end = weakref.finalize(self, _end, destroy, pointer, _Process.generation)
        self._end.atexit = False  # the process is going anyway, and its threads with it
        self._lock = turn or threading.RLock()
        self._generation = _Process.generation
        self._address = pointer

    @property
    def _turn(self) -> Any:
        """Its lock, where waiting for it is not in vain."""
        if self._address is not None and self._generation != _Process.generation:
            raise StateError(f'this {type(self).__name__} was made before the process was forked: '
                             'make another one in the child')
        if in_callback and threading.get_ident() in in_callback and self._lock._is_owned():
            raise StateError(f'this {type(self).__name__} is at work: a callback cannot use it')
        return self._lock

    @property
    def _pointer(self) -> int:
        """The handle for C, while it may be used."""
        pointer = self._address
        if pointer is None:
            raise StateError(f'this {type(self).__name__} is closed')
        return pointer

    def close(self) -> None:
        """Ends the handle; once more does nothing."""
        if self._address is None:  # or the constructor failed
            return
        if self._generation == _Process.generation:  # else the lock's holder may not exist here
            with self._turn:
                self._address = None
        self._address = None
        self._end()

    @property
    def closed(self) -> bool:
        """Whether the handle has ended."""
        return self._address is None

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __reduce__(self):
        raise TypeError(f'{type(self).__name__} objects cannot be pickled or copied: make another '
                        'one from the same options, and carry weights over by files')


def expect(value: Any, kind: type, name: str) -> None:
    """Raises a TypeError that names both types if `value` isn't a handle of that kind."""
    if not isinstance(value, kind):
        raise TypeError(f'{name} is a {type(value).__name__}: a {kind.__name__} is needed')
