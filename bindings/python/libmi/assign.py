# SPDX-License-Identifier: BSD-2-Clause
"""Linear assignment: match rows to columns, one to one, at the least total cost."""
from __future__ import annotations

import os
from ctypes import byref, c_double, c_int64
from typing import Any, NamedTuple, Sequence

import numpy as np

from . import _abi, context as _context
from ._arrays import BYTES, FLOAT64, FLOATS, INT32, INT64, address, array, brief, stride
from ._errors import ArgumentError, DTypeError, ShapeError, check
from ._handle import Handle
from ._library import lib
from ._options import sized

_COSTS = INT32 + INT64 + FLOATS
_TYPES = {np.dtype(np.float64): (_abi.MI_ASSIGN_F64, lib.mi_assign_solve_f64, c_double),
          np.dtype(np.float32): (_abi.MI_ASSIGN_F32, lib.mi_assign_solve_f32, c_double),
          np.dtype(np.int64): (_abi.MI_ASSIGN_I64, lib.mi_assign_solve_i64, c_int64),
          np.dtype(np.int32): (_abi.MI_ASSIGN_I32, lib.mi_assign_solve_i32, c_int64)}


class Matching(NamedTuple):
    """A solved assignment."""

    row_to_col: np.ndarray  #: [rows] int64, -1 for none
    col_to_row: np.ndarray  #: [cols] int64, -1 for none
    total: float | int  #: sum of the chosen costs; of integers, exactly
    u: np.ndarray | None = None  #: [rows] float64 duals, if they were asked for
    v: np.ndarray | None = None  #: [cols]

    __repr__ = brief


class Assignment(Handle):
    """A solver that keeps its workspace between problems: for many of them.

    Exact: of integers, whatever their size, and of floating-point numbers but for rounding. At
    worst O(max^3) time; ties are broken the same way everywhere.
    """

    def __init__(self, *, context: _context.Context | None = None) -> None:
        self._context = _context.chosen(context)
        with self._context._turn:
            self._open('mi_assign_create', self._context._pointer)

    def solve(self, cost: Any, *, maximize: bool = False, forbidden: Any = None,
              duals: bool = False, start: Any = None) -> Matching:
        """Solves one problem.

        Parameters
        ----------
        cost : [rows, cols] float64, float32, int64 or int32, either may be larger, rows may have a
            stride; infinite where a pair is forbidden
        maximize : the greatest total instead of the least
        forbidden : [rows, cols] truth values or uint8: where a pair is forbidden. Its cost is not
            looked at
        duals : u and v are wanted: u[i] + v[j] <= cost[i, j] (>= when maximising), with equality
            for matched pairs, which proves the matching the best
        start : a Matching with duals, or (u, v), of a similar problem: faster where it is near

        Raises
        ------
        NumericError : NaN, or the infinity that doesn't forbid; a total beyond int64
        InfeasibleError : every matching has a forbidden pair
        """
        cost = array(cost, 'cost', _COSTS, (None, None), rows=True)
        if forbidden is None and start is None and not duals:
            return self._solve(cost, maximize)
        keep: list[Any] = []
        io, found = _problem(cost, maximize, forbidden, duals, start, keep)
        with self._turn:
            check(lib.mi_assign_solve(self._pointer, byref(io)))
        return _matching(io, cost, found)

    def _solve(self, cost: np.ndarray, maximize: bool) -> Matching:
        rows, cols = cost.shape
        row_to_col, col_to_row = np.empty(rows, np.int64), np.empty(cols, np.int64)
        _, solve, number = _TYPES[cost.dtype]
        total = number()
        with self._turn:
            check(solve(self._pointer, rows, cols, address(cost), stride(cost),
                        _abi.MI_ASSIGN_MAXIMIZE if maximize else _abi.MI_ASSIGN_MINIMIZE,
                        address(row_to_col), address(col_to_row), byref(total)))
        return Matching(row_to_col, col_to_row, total.value)

    def solve_many(self, costs: Sequence[Any], *, maximize: bool = False,
                   duals: bool = False) -> list[Matching]:
        """Solves many problems, of any shapes, on the context's threads.

        Parameters
        ----------
        costs : matrices as for `solve`: a list of them, or an array [count, rows, cols]
        maximize, duals : as for `solve`

        Raises
        ------
        NumericError, InfeasibleError : as `solve`, of the first problem that failed; the message
            says which it is
        """
        costs = [array(cost, f'costs[{i}]', _COSTS, (None, None), rows=True)
                 for i, cost in enumerate(costs)]
        problems = [_problem(cost, maximize, None, duals, None, []) for cost in costs]
        many = (_abi.mi_assign_io * len(problems))(*(io for io, _ in problems))
        with self._turn:
            check(lib.mi_assign_solve_many(self._pointer, len(many), many))
        return [_matching(io, cost, found)
                for io, cost, (_, found) in zip(many, costs, problems)]

    def __repr__(self) -> str:
        return 'Assignment(closed)' if self.closed else 'Assignment()'


def _problem(cost: np.ndarray, maximize: bool, forbidden: Any, duals: bool, start: Any,
             keep: list[Any]) -> tuple[Any, Matching]:
    """A problem for C, and the arrays that it writes to. `keep` is what it reads."""
    rows, cols = cost.shape
    io = sized(_abi.mi_assign_io)
    io.rows, io.cols, io.cost, io.ld = rows, cols, address(cost), stride(cost)
    io.type = _TYPES[cost.dtype][0]
    io.goal = _abi.MI_ASSIGN_MAXIMIZE if maximize else _abi.MI_ASSIGN_MINIMIZE
    if forbidden is not None:
        forbidden = np.asarray(forbidden)
        if forbidden.dtype == bool:
            forbidden = forbidden.view(np.uint8)
        keep.append(array(forbidden, 'forbidden', BYTES, (rows, cols), rows=True))
        io.forbidden, io.ld_forbidden = address(keep[-1]), stride(keep[-1])
    if start is not None:
        u, v = (start.u, start.v) if isinstance(start, Matching) else start
        if u is None or v is None:
            raise ArgumentError('start has no duals: solve with duals=True')
        keep += array(u, 'start u', FLOAT64, (rows,)), array(v, 'start v', FLOAT64, (cols,))
        io.start_u, io.start_v = address(keep[-2]), address(keep[-1])
    found = Matching(np.empty(rows, np.int64), np.empty(cols, np.int64), 0,
                     np.empty(rows) if duals else None, np.empty(cols) if duals else None)
    io.row_to_col, io.col_to_row = address(found.row_to_col), address(found.col_to_row)
    io.u, io.v = address(found.u), address(found.v)
    return io, found


def _matching(io: Any, cost: np.ndarray, found: Matching) -> Matching:
    return found._replace(total=io.total_whole if cost.dtype.kind == 'i' else io.total)


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
    cost_matrix : [rows, cols] numbers; contiguous float64, float32, int64 and int32 are read in
        place, everything else is copied to float64; infinite where a pair is forbidden
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
        row_to_col = solver._solve(cost, maximize).row_to_col
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
    if (type(value) is np.ndarray and value.dtype in _COSTS and value.ndim == 2
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
    return np.require(a, a.dtype if a.dtype in _COSTS else FLOATS[-1], ['C', 'A'])
