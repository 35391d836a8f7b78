# SPDX-License-Identifier: BSD-2-Clause
"""Linear assignment: match rows to columns, one to one, at the least total cost."""
from __future__ import annotations

import os
from ctypes import byref, c_double
from typing import Any, NamedTuple

import numpy as np

from . import _abi, context as _context
from ._arrays import FLOATS, address, array, stride
from ._errors import ArgumentError, DTypeError, ShapeError, check
from ._handle import Handle
from ._library import lib

_SOLVE = {4: lib.mi_assign_solve_f32, 8: lib.mi_assign_solve_f64}  # by the size of an element


class Matching(NamedTuple):
    """A solved assignment."""

    row_to_col: np.ndarray  #: [rows] int64, -1 for none
    col_to_row: np.ndarray  #: [cols] int64, -1 for none
    total: float  #: sum of the chosen costs


class Assignment(Handle):
    """A solver that keeps its workspace between problems: for many of them.

    Exact, at worst O(min^2 max) time; ties are broken the same way everywhere.
    """

    def __init__(self, *, context: _context.Context | None = None) -> None:
        self._context = _context.chosen(context)
        with self._context._turn:
            self._open('mi_assign_create', self._context._pointer)

    def solve(self, cost: Any, *, maximize: bool = False) -> Matching:
        """Solves one problem.

        Parameters
        ----------
        cost : [rows, cols] float64 or float32, either may be larger, rows may have a stride;
            infinite where a pair is forbidden
        maximize : the greatest total instead of the least

        Raises
        ------
        NumericError : NaN, or the infinity that doesn't forbid
        InfeasibleError : every matching has a forbidden pair
        """
        cost = array(cost, 'cost', FLOATS, (None, None), rows=True)
        rows, cols = cost.shape
        row_to_col, col_to_row = np.empty(rows, np.int64), np.empty(cols, np.int64)
        total = c_double()
        with self._turn:
            solver = self._pointer
            check(_SOLVE[cost.itemsize](
                solver, rows, cols, address(cost), stride(cost),
                _abi.MI_ASSIGN_MAXIMIZE if maximize else _abi.MI_ASSIGN_MINIMIZE,
                address(row_to_col), address(col_to_row), byref(total)))
        return Matching(row_to_col, col_to_row, total.value)

    def __repr__(self) -> str:
        return 'Assignment(closed)' if self.closed else 'Assignment()'


# Solvers that nobody uses at the moment. Who needs one takes it away, so that neither threads nor
# signal handlers meet at the same one. Large ones go: they may keep a transposed copy.
_idle: list[Assignment] = []
_KEPT = 1 << 16
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_idle.clear)


def linear_sum_assignment(cost_matrix: Any,
                          maximize: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """SciPy's function of this name, by libmi: min(rows, cols) pairs of the least total cost.

    Parameters
    ----------
    cost_matrix : [rows, cols] numbers; contiguous float64 and float32 are read in place,
        everything else is copied to float64; infinite where a pair is forbidden
    maximize : the greatest total instead of the least

    Returns
    -------
    row_ind : [min(rows, cols)] row indices, sorted
    col_ind : [min(rows, cols)] their columns

    Raises
    ------
    ValueError : not a matrix; NaN, or the infinity that doesn't forbid; every matching has a
        forbidden pair
    TypeError : not real numbers

    Notes
    -----
    Among equal optima the choice is the same everywhere, and not always SciPy's. A masked array
    is refused if something is masked, where SciPy would look behind the mask.
    """
    cost = _matrix(cost_matrix)
    solver = _taken()
    try:
        row_to_col = solver.solve(cost, maximize=maximize).row_to_col
    finally:
        if cost.size <= _KEPT:
            _idle.append(solver)
    if cost.shape[0] <= cost.shape[1]:
        return np.arange(len(cost)), row_to_col
    row_ind = np.flatnonzero(row_to_col >= 0)
    return row_ind, row_to_col[row_ind]


def _taken() -> Assignment:
    try:
        return _idle.pop()
    except IndexError:
        return Assignment()


def _matrix(value: Any) -> np.ndarray:
    if (type(value) is np.ndarray and value.dtype in FLOATS and value.ndim == 2
            and value.flags.carray):
        return value  # the ordinary case, quickly
    if np.ma.is_masked(value):
        raise ArgumentError('cost_matrix is masked: give cost_matrix.filled() with infinity '
                            'where a pair is forbidden')
    try:
        a = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f'cost_matrix is not a matrix: {error}') from error
    except Exception as error:  # each framework has exceptions of its own
        raise DTypeError(f'cost_matrix, a {type(value).__name__}, cannot be read: {error}'
                         ) from error
    if a.ndim != 2:
        raise ShapeError(f'cost_matrix, a {type(value).__name__}, has {a.ndim} dimensions: '
                         'a matrix is needed')
    if a.dtype.kind not in 'biuf':
        raise DTypeError(f'cost_matrix is {a.dtype}: real numbers are needed')
    return np.require(a, a.dtype if a.dtype in FLOATS else FLOATS[-1], ['C', 'A'])
