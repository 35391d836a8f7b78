# SPDX-License-Identifier: BSD-2-Clause
"""Linear assignment: match rows to columns, one to one, at the least total cost."""
from __future__ import annotations

from ctypes import byref, c_double
from typing import Any, NamedTuple

import numpy as np

from . import _abi, context as _context
from ._arrays import FLOATS, address, array, stride, suffix
from ._errors import check
from ._handle import Handle
from ._library import lib


class Matching(NamedTuple):
    """A solved assignment."""

    row_to_col: np.ndarray  #: [rows] int64, -1 for none
    col_to_row: np.ndarray  #: [cols] int64, -1 for none
    total: float  #: sum of the chosen costs


class Assignment(Handle):
    """A solver that keeps its workspace between problems: for many of them.

    Exact, at worst O(min^2 max) time; ties are broken the same way everywhere.
    """

    def __init__(self, context: _context.Context | None = None) -> None:
        self._context = context or _context.default()
        with self._context._work as c:
            self._open('mi_assign_create', c)
        self._functions = {'f32': lib.mi_assign_solve_f32, 'f64': lib.mi_assign_solve_f64}

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
        with self._work as solver:
            check(self._functions[suffix(cost)](
                solver, rows, cols, address(cost), stride(cost),
                _abi.MI_ASSIGN_MAXIMIZE if maximize else _abi.MI_ASSIGN_MINIMIZE,
                address(row_to_col), address(col_to_row), byref(total)))
        return Matching(row_to_col, col_to_row, total.value)

    def __repr__(self) -> str:
        return 'Assignment(closed)' if self.closed else 'Assignment()'
