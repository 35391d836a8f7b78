# SPDX-License-Identifier: BSD-2-Clause
"""The border for arrays: no copies, and errors that say how to fix what doesn't fit.

Whatever speaks DLPack or NumPy's protocols passes as it is. Lists and numbers, which have to be
copied in any case, become arrays of the type that is wanted.
"""
from __future__ import annotations

import ctypes
from typing import Any, Sequence

import numpy as np

from ._errors import ArgumentError, DTypeError, ShapeError

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
FLOAT32 = (FLOATS[0],)
FLOAT64 = (FLOATS[1],)
INT32 = (np.dtype(np.int32),)
INT64 = (np.dtype(np.int64),)
BYTES = (np.dtype(np.uint8),)

_addressof, _from_buffer = ctypes.addressof, ctypes.c_char.from_buffer


def address(array: np.ndarray | None) -> int | None:
    """Where an array begins, None for None. The caller keeps the array alive."""
    if array is None:
        return None
    try:  # a fourth of the time that array.ctypes.data takes
        return _addressof(_from_buffer(array))
    except (TypeError, ValueError, BufferError):  # read-only, empty or with a row stride
        return array.ctypes.data


def read(value: Any, name: str) -> tuple[np.ndarray, bool]:
    """Any array, of any type; and whether it is a new one, of a list or a number."""
    if value is None:
        raise DTypeError(f'{name} is None: an array is needed')
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError(f'{name} is a masked array: give {name}.data and leave rows out, '
                         'or a mask where there is one')
    if isinstance(value, np.ndarray):
        return value, False
    dlpack = hasattr(value, '__dlpack__')
    try:
        found = np.from_dlpack(value) if dlpack else np.asarray(value)
    except Exception as error:  # each framework has exceptions of its own
        reason = str(error).partition('\n')[0].rstrip('.')
        advice = ' (it has to lie in the memory of the processor: .cpu(), .detach())'
        raise DTypeError(f'{name}, a {type(value).__name__}, cannot be read: {reason}'
                         f'{advice if dlpack else ""}') from error
    return found, not (dlpack or hasattr(value, '__array_interface__')
                       or hasattr(value, '__array__'))


def _view(value: Any, name: str, dtypes: Sequence[np.dtype]) -> np.ndarray:
    found, new = read(value, name)
    return _converted(found, name, value, dtypes[-1]) if new else found


def _converted(found: np.ndarray, name: str, value: Any, dtype: np.dtype) -> np.ndarray:
    if found.dtype.kind not in 'biuf':
        raise DTypeError(f'{name}, a {type(value).__name__}, is not an array of numbers: '
                         f'give {_words((dtype,))}')
    if found.dtype.kind == 'b' and dtype.kind == 'i':  # a mask, maybe, and not numbers 0 and 1
        raise DTypeError(f'{name}, a {type(value).__name__}, has truth values: give {dtype}')
    with np.errstate(invalid='ignore', over='ignore'):
        converted = found.astype(dtype)
    if dtype.kind in 'iu' and not np.array_equal(converted, found):
        raise DTypeError(f'{name} has numbers that are not of {dtype}: round or clip them')
    return converted


def _words(dtypes: Sequence[np.dtype]) -> str:
    return ' or '.join(str(d) for d in dtypes)


def _form(shape: Sequence[int | None]) -> str:
    if any(want is not None for want in shape) or not 1 <= len(shape) <= 2:
        return f'({", ".join("any" if want is None else str(want) for want in shape)})'
    return 'a vector' if len(shape) == 1 else 'a matrix'


def array(value: Any, name: str, dtypes: Sequence[np.dtype] = FLOATS,
          shape: Sequence[int | None] | None = None, *, rows: bool = False,
          writable: bool = False) -> np.ndarray:
    """The memory behind `value`, checked, never copied.

    Parameters
    ----------
    name : what errors call it
    dtypes : which types of elements will do
    shape : sizes that it must have; None where any will do
    rows : the last axis has to lie together, the one before it may have a stride of its own:
        see `stride`. Otherwise the whole has to.
    writable : it is written to
    """
    if (type(value) is np.ndarray and value.dtype in dtypes and value.flags.carray
            and (shape is None or _fits(value.shape, shape))):
        return value  # the ordinary case, quickly
    a = _view(value, name, dtypes)
    if a.dtype not in dtypes:
        raise DTypeError(f'{name} is {a.dtype}: give {_words(dtypes)}, '
                         f'as {name}.astype(numpy.{dtypes[-1]})')
    if shape is not None and not _fits(a.shape, shape):
        raise ShapeError(f'{name} has shape {a.shape}, {_form(shape)} is needed')
    flags = a.flags
    if not flags.c_contiguous and not (rows and has_rows(a)):
        raise ShapeError(f'{name} has strides {a.strides} of bytes, its elements do not lie '
                         f'{"together in rows" if rows else "together"}: '
                         f'give numpy.ascontiguousarray({name})')
    if not flags.aligned:
        raise ShapeError(f'{name} is not aligned: give {name}.copy()')
    if writable and not flags.writeable:
        raise ArgumentError(f'{name} is read-only and would be written to: give {name}.copy()')
    return a


def integers(value: Any, name: str, shape: Sequence[int | None]) -> np.ndarray:
    """Integers of any type as int32: they are few, so a copy where they are not does no harm."""
    a = value if type(value) is np.ndarray else _view(value, name, INT64)
    if a.dtype in INT32 and a.flags.c_contiguous:
        return array(a, name, INT32, shape)
    if a.dtype.kind not in 'iu':
        raise DTypeError(f'{name} is {a.dtype}: give integers, as {name}.astype(numpy.int32)')
    if a.size and not -2**31 <= int(a.min()) <= int(a.max()) < 2**31:
        raise ArgumentError(f'{name} has numbers from {a.min()} to {a.max()}: '
                            'they have to fit into int32')
    return array(a.astype(np.int32, 'C', copy=False), name, INT32, shape)


def _fits(shape: tuple[int, ...], wanted: Sequence[int | None]) -> bool:
    if len(shape) != len(wanted):
        return False
    for size, want in zip(shape, wanted):  # any() takes three times as long
        if want is not None and want != size:
            return False
    return True


def has_rows(a: np.ndarray) -> bool:
    """Whether it is a matrix whose rows lie together each, at any distance: see `stride`."""
    size = a.itemsize
    return (a.ndim == 2 and (a.strides[1] == size or a.shape[1] == 1)
            and a.strides[0] >= size * a.shape[1] and a.strides[0] % size == 0)


def stride(a: np.ndarray) -> int:
    """The row stride in elements of a matrix that `array(rows=True)` let pass."""
    if a.flags.c_contiguous:
        return a.shape[1]
    return a.strides[0] // a.itemsize


def output(value: Any, name: str, dtype: np.dtype, shape: Sequence[int], *,
           rows: bool = False) -> np.ndarray:
    """A new array if `value` is None; else that one, if it can be written to in place."""
    if value is None:
        return np.empty(shape, dtype)
    if not isinstance(value, np.ndarray) and not hasattr(value, '__dlpack__'):
        raise DTypeError(f'{name}, a {type(value).__name__}, cannot be written to: '
                         'give a NumPy array')
    return array(value, name, (np.dtype(dtype),), shape, rows=rows, writable=True)


def brief(result: Any) -> str:
    """The repr of a result, a NamedTuple: arrays by type and shape, what is None left out."""
    told = ', '.join(f'{name}={_brief(value)}' for name, value in result._asdict().items()
                     if value is not None)
    return f'{type(result).__name__}({told})'


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return f'[{", ".join(map(_brief, value))}]'
    if not isinstance(value, np.ndarray):
        return repr(value)
    return f'<{value.dtype} {value.shape}>'


def disjoint(**arrays: np.ndarray | None) -> None:
    """Outputs must not lie on each other or on inputs: raises if any two of these do."""
    present = [(name, a) for name, a in arrays.items() if a is not None]
    for i, (name, a) in enumerate(present):
        for other, b in present[:i]:
            if np.may_share_memory(a, b) and np.shares_memory(a, b):  # the latter takes longer
                raise ArgumentError(f'{name} and {other} overlap in memory: '
                                    f'give {name} memory of its own')
