# SPDX-License-Identifier: BSD-2-Clause
"""Samples of a variable, as estimators take them: whatever somebody has, described for C.

Numbers that C can read lie where they are. Everything else is copied, and names become numbers:
an estimate takes far longer than that.
"""
from __future__ import annotations

import numbers
from ctypes import byref
from typing import Any

import numpy as np

from . import _abi
from ._arrays import address, has_rows, read, stride
from ._errors import ArgumentError, DTypeError, ShapeError
from ._options import sized

_DTYPES = {np.dtype(np.float64): _abi.MI_DTYPE_F64, np.dtype(np.float32): _abi.MI_DTYPE_F32,
           np.dtype(np.int64): _abi.MI_DTYPE_I64, np.dtype(np.int32): _abi.MI_DTYPE_I32,
           np.dtype(np.uint8): _abi.MI_DTYPE_U8}
_EXACT = 1 << 53  # beyond it C may take two whole numbers for one
_NAMES = 'SUT'  # kinds of NumPy's arrays of text


class Samples:
    """A variable: keeps its memory, and what C is told about it.

    Parameters
    ----------
    value : [n, ...]: an array, a column of a table or a list; of numbers, truth values or names
    name : what errors call it
    axis : 'flat': all numbers of a sample belong to it; 'last': those of the last axis do, and
        each place before it is a sample of its own
    discrete : whether each different row is a value of its own; None: C looks

    Attributes
    ----------
    n : samples
    """

    def __init__(self, value: Any, name: str, axis: str = 'flat',
                 discrete: bool | None = None) -> None:
        found = as_given(value, name)
        if not found.ndim or not found.size:
            raise ShapeError(f'{name} has shape {found.shape}: samples are needed, one or more')
        named = found.dtype.kind in _NAMES
        if found.dtype.kind == 'O':
            found, named = _objects(found, name)
        if named and discrete is not None and not discrete:
            raise ArgumentError(f'{name} has names and no numbers: discrete=False is not for it')
        self._rows = rows = _rows(_readable(found, name, discrete), axis)
        self.n = rows.shape[0]
        self._struct = struct = sized(_abi.mi_samples)
        struct.data, struct.n, struct.d, struct.ld = address(rows), *rows.shape, stride(rows)
        struct.dtype = _DTYPES[rows.dtype]
        struct.kind = (_abi.MI_KIND_DISCRETE if named or discrete else
                       _abi.MI_KIND_AUTO if discrete is None else _abi.MI_KIND_CONTINUOUS)

    @property
    def pointer(self) -> Any:
        """For C, while this lives."""
        return byref(self._struct)


def as_given(value: Any, name: str) -> np.ndarray:
    """Any array, of any type; a list with names as objects, since NumPy's array of text would make
    names of the numbers among them."""
    found, new = read(value, name)
    return np.asarray(value, object) if new and found.dtype.kind in _NAMES else found


def _readable(a: np.ndarray, name: str, discrete: bool | None) -> np.ndarray:
    """The same values in a type that C reads."""
    kind, size = a.dtype.kind, a.dtype.itemsize
    if kind in _NAMES:
        return _numbered(a)
    if kind == 'b':
        return a.view(np.uint8)
    if kind in 'iu' and size == 8 and not -_EXACT <= int(a.min()) <= int(a.max()) <= _EXACT:
        return a.astype(np.float64) if discrete is not None and not discrete else _numbered(a)
    if kind in 'iuf':
        kinds = {'i': np.int32 if size < 8 else np.int64, 'f': np.float32 if size < 8 else
                 np.float64, 'u': np.uint8 if size == 1 else np.int32 if size == 2 else np.int64}
        return a.astype(kinds[kind], copy=False)
    advice = {'c': f': give two columns, {name}.real and {name}.imag',
              'M': f': give numbers, as {name}.astype(numpy.float64)',
              'm': f': give numbers, as {name}.astype(numpy.float64)'}.get(kind, '')
    raise DTypeError(f'{name} is {a.dtype}, neither numbers nor names{advice}')


def _numbered(a: np.ndarray) -> np.ndarray:
    """Numbers for values, in the order of these."""
    return np.unique(a.ravel(), return_inverse=True)[1].reshape(a.shape).astype(np.int64)


def _objects(a: np.ndarray, name: str) -> tuple[np.ndarray, bool]:
    """What columns of tables often are: numbers as numbers; or numbers for names, and True."""
    values = a.ravel().tolist()
    count = sum(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in values)
    if count == len(values):
        found = np.asarray(values)
        if found.dtype.kind == 'O':  # fractions, or beyond 64 bits
            found = found.astype(np.float64)
        return found.reshape(a.shape), False
    absent = next((i for i, v in enumerate(values) if _is_absent(v)), None)
    if absent is not None:
        raise DTypeError(f'{name} has {values[absent]} at {absent}: leave out what is missing, in '
                         'all variables')
    if count:
        raise DTypeError(f'{name} has numbers and names: give each a variable of its own, or '
                         f'numpy.asarray({name}, str)')
    try:
        known = dict.fromkeys(values)
    except TypeError as error:
        raise DTypeError(f'{name} is {a.dtype}, neither numbers nor names: {error}') from None
    try:
        known = dict.fromkeys(sorted(known))
    except TypeError:
        pass  # there is no order among them
    number = {value: i for i, value in enumerate(known)}
    return np.array([number[v] for v in values], np.int64).reshape(a.shape), True


def _is_absent(value: Any) -> bool:
    return (value is None or isinstance(value, float) and value != value
            or type(value).__name__ in ('NAType', 'NaTType'))  # of pandas


def _rows(a: np.ndarray, axis: str) -> np.ndarray:
    """A matrix, a sample a row, with rows that lie together."""
    if axis not in ('flat', 'last'):
        raise ArgumentError(f'axis is {axis!r}: one of flat, last is needed')
    if a.ndim == 1:
        rows = a.reshape(-1, 1)
    else:
        rows = a.reshape(-1, a.shape[-1]) if axis == 'last' else a.reshape(a.shape[0], -1)
    if rows.flags.c_contiguous or has_rows(rows):
        return np.require(rows, requirements='A')
    return np.ascontiguousarray(rows)
