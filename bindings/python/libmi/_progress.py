# SPDX-License-Identifier: BSD-2-Clause
"""Shows how far a training is: by tqdm where it is installed, else in lines on standard error."""
from __future__ import annotations

import sys
import time
from typing import Any


class Bar:
    """tqdm's bar."""

    def __init__(self, kind: Any, done: int, total: int, unit: str) -> None:
        self._bar = kind(initial=done, total=total, unit=unit)

    def step(self, text: str, steps: int = 1) -> None:
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(steps)

    def say(self, text: str) -> None:
        self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        self._bar.close()


class Line:
    """A line that is written over; elsewhere than on a terminal only what is said."""

    def __init__(self, done: int, total: int, unit: str) -> None:
        self._done, self._total, self._unit = done, total, unit
        self._shown = 0.0
        self._terminal = sys.stderr is not None and sys.stderr.isatty()

    def _write(self, text: str) -> None:
        if self._terminal:
            sys.stderr.write(f'\r\033[K{text}')
            sys.stderr.flush()

    def step(self, text: str, steps: int = 1) -> None:
        self._done += steps
        if time.monotonic() - self._shown > 0.2 or self._done == self._total:
            self._shown = time.monotonic()
            self._write(f'{self._unit} {self._done} of {self._total}, {text}')

    def say(self, text: str) -> None:
        self._write(f'{text}\n')
        if not self._terminal and sys.stderr is not None:
            sys.stderr.write(f'{text}\n')
            sys.stderr.flush()

    def close(self) -> None:
        self._write('')


class Silence:
    """Nothing is shown."""

    def step(self, text: str, steps: int = 1) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


def show(wanted: bool, done: int, total: int, unit: str = 'step') -> Bar | Line | Silence:
    """Something with `step`, `say` and `close`."""
    if not wanted:
        return Silence()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return Line(done, total, unit)
    return Bar(tqdm, done, total, unit)
