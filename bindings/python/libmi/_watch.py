# SPDX-License-Identifier: BSD-2-Clause
"""Long calls that ask in the middle of their work whether to go on."""
from __future__ import annotations

from typing import Any

from ._errors import check
from ._fit import Interrupts
from ._handle import calling_back


class Watch:
    """A `function` for C to call in the middle of its work, for as long as the `with` block lasts.

    Ctrl-C stops the work, and so does what `_look` raises; `check` raises it after the call.
    """

    def __init__(self, kind: Any) -> None:
        self._error: BaseException | None = None
        self._interrupts = Interrupts()
        self.function: Any = kind(self._call)

    def _look(self, *values: Any) -> object:
        """What C tells. Anything true stops the work with a CancelledError."""
        raise NotImplementedError

    def _call(self, _user: int | None, *values: Any) -> int:
        try:
            with calling_back():
                stop = bool(self._look(*values))
                self._interrupts.check()
                return stop
        except BaseException as error:  # C takes no exceptions
            self._error = error
            return 1

    def check(self, status: int) -> None:
        """Raises what was raised meanwhile, or else what the status of the call stands for."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback has this frame
        check(status)

    def __enter__(self: Any) -> Any:
        self._interrupts.__enter__()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.function = None  # it has this object
        self._interrupts.__exit__(kind)
