# SPDX-License-Identifier: BSD-2-Clause
"""What objectives have in common: inputs of one type, and places for their gradients."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from ._arrays import BYTES, FLOATS, array, disjoint, output, stride
from ._errors import ArgumentError, DTypeError

_MASKS = (np.dtype(np.bool_), *BYTES)


def like(value: Any, name: str, first: np.ndarray, first_name: str,
         shape: Sequence[int | None] | None = None, *, rows: bool = False) -> np.ndarray:
    """An input that has to have the type of the first one; lists get it."""
    a = array(value, name, FLOATS if hasattr(value, 'dtype') else (first.dtype,), shape, rows=rows)
    if a.dtype is not first.dtype and a.dtype != first.dtype:
        raise DTypeError(f'{first_name} is {first.dtype} and {name} is {a.dtype}: '
                         f'give both one type, as {name}.astype(numpy.{first.dtype})')
    return a


def ld(a: np.ndarray | None) -> int:
    """The row stride for C; 0 stands for packed rows, which most are, and takes less time."""
    return 0 if a is None or a.flags.c_contiguous else stride(a)


def mask_of(value: Any, shape: Sequence[int], *, rows: bool = False) -> np.ndarray | None:
    """A mask of bool or uint8: C reads either as bytes."""
    if value is None:
        return None
    return array(value, 'mask', _MASKS, shape, rows=rows)


def apart(outputs: Mapping[str, np.ndarray | None],
          inputs: Mapping[str, np.ndarray | None]) -> None:
    """Raises if an output lies on another one or on an input; inputs may lie on each other."""
    disjoint(**outputs)
    for name, x in inputs.items():
        for output_name, a in outputs.items():
            if x is not None and a is not None and np.may_share_memory(a, x):
                disjoint(**{name: x, output_name: a})


def gradients(grad: bool, out: Mapping[str, Any] | None, inputs: Mapping[str, np.ndarray | None],
              others: Mapping[str, np.ndarray | None] = {}, *,
              rows: bool = False) -> list[np.ndarray | None]:
    """Where d(loss)/d(input) goes, for each input: the caller's array, a new one, or None.

    Parameters
    ----------
    grad : all of them are wanted
    out : the caller's arrays, by names such as 'du' for the input 'u'; these are wanted too
    inputs : what there can be gradients of, None where there is no such input
    others : what else is read: the caller's arrays must not lie on it either
    rows : the caller's matrices may have a row stride
    """
    if not out:
        if not grad:
            return [None] * len(inputs)
        return [None if x is None else np.empty(x.shape, x.dtype) for x in inputs.values()]
    names = {'d' + name: x for name, x in inputs.items() if x is not None}
    for name in out:
        if name not in names:
            raise ArgumentError(f'out has {name!r}: the gradients here are {", ".join(names)}')
    given = {name: output(value, f'out[{name!r}]', names[name].dtype, names[name].shape, rows=rows)
             for name, value in out.items()}
    apart(given, {**inputs, **others})
    return [given['d' + name] if 'd' + name in given else
            np.empty(x.shape, x.dtype) if grad and x is not None else None
            for name, x in inputs.items()]
