# SPDX-License-Identifier: BSD-2-Clause
"""Keyword options, from the option structs of the C library, and numbers and texts that fit."""
from __future__ import annotations

import ctypes
import functools
import keyword
import operator
import os
from typing import Any, Mapping, TypeVar

from . import _abi
from ._errors import ArgumentError

T = TypeVar('T', bound=ctypes.Structure)

#: a weight that makes no difference to a number, and isn't the 0 that stands for a default in C
WEIGHTLESS = 1e-300


def choice(value: Any, name: str, enum: str) -> int:
    """The constant that a word stands for: `'adam'` is MI_OPTIMIZER_ADAM. Numbers pass."""
    if not isinstance(value, str):
        return whole(value, name, 32)
    words = _words(enum)
    try:
        return words[value.lower().replace('_', '-')]
    except KeyError:
        raise ArgumentError(f'{name} is {value!r}: one of {", ".join(words)} is needed') from None


@functools.lru_cache(maxsize=None)
def _words(enum: str) -> dict[str, int]:
    constants = _abi.ENUMS[enum]
    prefix = os.path.commonprefix([*constants]).rpartition('_')[0] + '_'
    return {c[len(prefix):].lower().replace('_', '-'): v for c, v in constants.items()}


def flags(value: int, enum: str) -> tuple[str, ...]:
    """The words for the flags that are set."""
    return tuple(word for word, flag in _words(enum).items() if value & flag)


def whole(value: Any, name: str, bits: int = 64, *, signed: bool = True) -> int:
    """An integer that fits; ctypes would cut it silently."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentError(f'{name} is {value!r}: a whole number is needed') from None
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not least <= number <= most:
        raise ArgumentError(f'{name} is {number}: it has to be from {least} to {most}')
    return number


def at_least(value: Any, name: str, least: int) -> int:
    """A whole number that isn't too small."""
    number = whole(value, name)
    if number < least:
        raise ArgumentError(f'{name} is {number}: it has to be {least} or more')
    return number


def real(value: Any, name: str) -> float:
    """A number in double precision."""
    try:
        if isinstance(value, (str, bytes)):  # float() would read them
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f'{name} is {value!r}: a number is needed') from None


def above_0(value: Any, name: str) -> float:
    """A number that isn't 0, which would stand for the default; C refuses what is below."""
    number = real(value, name)
    if not number:
        raise ArgumentError(f'{name} is {value!r}: it has to be above 0')
    return number


def negatives(value: Any) -> Any:
    """How many, for C: 'all' is -1."""
    return -1 if isinstance(value, str) and value == 'all' else value


def text(value: Any, name: str) -> bytes:
    """A text for C."""
    if not isinstance(value, (str, bytes)):
        raise ArgumentError(f'{name} is {value!r}: a text is needed')
    try:
        encoded = value.encode() if isinstance(value, str) else value
    except UnicodeEncodeError:
        raise ArgumentError(f'{name} is {value!r}: it cannot be written as UTF-8') from None
    if b'\0' in encoded:
        raise ArgumentError(f'{name} is {value!r}: it has a zero byte in it')
    return encoded


def path(value: Any, name: str = 'path') -> bytes:
    """A file's name for C: `str`, `bytes` or `os.PathLike`."""
    try:
        return text(os.fsencode(value), name)
    except TypeError:
        raise ArgumentError(f'{name} is {value!r}: the name of a file is needed') from None


def sized(struct: type[T]) -> T:
    """A zeroed struct that knows its size."""
    value = struct()
    value.struct_size = ctypes.sizeof(struct)
    return value


def fill(struct: type[T], options: Mapping[str, Any], enums: Mapping[str, str] = {},
         zeros: Mapping[str, float | None] = {}) -> T:
    """An option struct from keywords; None leaves a member at its default.

    A member with the name of a Python keyword is written with an underscore at its end: `lambda_`.

    Parameters
    ----------
    enums : which members take the words of which enum
    zeros : members whose 0 stands for another number in C: what stands for 0 there, or None if
        they have to be above 0
    """
    filled = sized(struct)
    members = _members(struct)
    for word, value in options.items():
        if word not in members:
            raise TypeError(f'there is no option {word!r}: the options are {", ".join(members)}')
        if value is None:
            continue
        name, kind = members[word]
        number = _member(kind, value, word, enums.get(name))
        if name in zeros and not number:
            number = zeros[name]
            if number is None:
                raise ArgumentError(f'{word} is {value!r}: it has to be above 0, or None for the '
                                    'default')
        setattr(filled, name, number)
    return filled


@functools.lru_cache(maxsize=None)
def _members(struct: type[ctypes.Structure]) -> dict[str, tuple[str, Any]]:
    return {_spelled(name): (name, kind) for name, kind, *_ in struct._fields_
            if name != 'struct_size' and not name.startswith('reserved')}


def _spelled(name: str) -> str:
    return name + '_' if keyword.iskeyword(name) else name


def _member(kind: Any, value: Any, name: str, enum: str | None) -> Any:
    if enum:
        return choice(value, name, enum)
    if kind in (ctypes.c_double, ctypes.c_float):
        return real(value, name)
    if kind is ctypes.c_char_p:
        return text(value, name)
    if isinstance(kind, type) and issubclass(kind, ctypes.Array):
        try:
            items = [_member(kind._type_, v, name, None) for v in value]
        except TypeError:
            raise ArgumentError(f'{name} is {value!r}: at most {kind._length_} numbers are needed'
                                ) from None
        if len(items) > kind._length_:
            raise ArgumentError(f'{name} has {len(items)} numbers, at most {kind._length_} fit')
        if 0 in items:
            raise ArgumentError(f'{name} is {value!r}: C would take it to end at the 0')
        return kind(*items)
    signed = kind(-1).value < 0
    return whole(value, name, 8 * ctypes.sizeof(kind), signed=signed)
