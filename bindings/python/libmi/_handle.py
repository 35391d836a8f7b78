# SPDX-License-Identifier: BSD-2-Clause
"""What all handles have in common: an end, a thread at a time, and no use in a forked process."""
from __future__ import annotations

import os
import threading
import weakref
from ctypes import byref, c_void_p
from typing import Any, Callable, TypeVar

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


class Turn:
    """A lock that names the thread that holds it."""

    __slots__ = ('lock', 'holder')

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holder = 0


class Work:
    """`with handle._work as pointer:` one thread at a time, and none after the end."""

    __slots__ = ('pointer', 'turn', 'name', 'generation')

    def __init__(self, pointer: int, turn: Turn, name: str) -> None:
        self.pointer: int | None = pointer
        self.turn = turn
        self.name = name
        self.generation = _Process.generation

    def __enter__(self) -> int:
        if self.generation != _Process.generation:
            raise StateError(f'this {self.name} was made before the process was forked: '
                             'make another one in the child')
        me = threading.get_ident()
        if self.turn.holder == me:
            raise StateError(f'this {self.name} is at work: a callback cannot use it')
        self.turn.lock.acquire()
        self.turn.holder = me
        if self.pointer is None:
            self.__exit__()
            raise StateError(f'this {self.name} is closed')
        return self.pointer

    def __exit__(self, *_exception: object) -> None:
        self.turn.holder = 0
        self.turn.lock.release()


class Handle:
    """A C handle and its end.

    `close()` ends it, and so does leaving a `with` block, or the garbage collector. What was
    made from a handle keeps what it needs of it, so any order will do. Threads that use one
    handle at once take turns; an encoder, its optimizers and clusterings are one in that. Calls
    release the global interpreter lock, so different handles work at the same time.
    """

    _work: Work

    def _open(self, create: str, *arguments: object, turn: Turn | None = None) -> None:
        """Makes the handle with `mi_x_create(*arguments, &out)`, to be ended by `mi_x_destroy`."""
        out = c_void_p()
        check(getattr(lib, create)(*arguments, byref(out)))
        pointer = out.value
        assert pointer is not None
        destroy = getattr(lib, '_'.join(create.split('_')[:2]) + '_destroy')
        self._work = Work(pointer, turn or Turn(), type(self).__name__)
        self._end = weakref.finalize(self, _end, destroy, pointer, self._work.generation)
        self._end.atexit = False  # the process is going anyway, and its threads with it

    def close(self) -> None:
        """Ends the handle; once more does nothing."""
        work = getattr(self, '_work', None)  # absent if the constructor failed
        if work is None or work.pointer is None:
            return
        if work.generation != _Process.generation:  # the lock's holder may not exist here
            work.pointer = None
            return
        try:
            with work:
                work.pointer = None
        except StateError:
            if not self.closed:  # by another thread meanwhile
                raise
        self._end()

    @property
    def closed(self) -> bool:
        """Whether the handle has ended."""
        work = getattr(self, '_work', None)
        return work is None or work.pointer is None

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
