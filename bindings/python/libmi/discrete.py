# SPDX-License-Identifier: BSD-2-Clause
"""Entropy and information of discrete variables: of a table of probabilities or counts, exactly,
or of samples.

A table holds numbers in proportion to probabilities: not negative, finite, not all 0. They may be
of any type; float64 is read in place. Samples are numbers or names, see `mutual_information`:
each different row is a value of its own.

What is estimated from counts is off by about values / 2n nats; two corrections are there:
'miller-madow' and 'grassberger'. For error bars and a test of independence there is
`libmi.mutual_information`.
"""
from __future__ import annotations

from ctypes import byref, c_double, c_int64
from typing import Any, NamedTuple, Sequence

import numpy as np

from . import _abi, context as _context
from ._arrays import FLOAT64, address, array, read
from ._errors import DTypeError, ShapeError, check
from ._library import lib
from ._options import choice, fill, sized
from ._samples import Samples

_ENUMS = {'unit': 'mi_unit', 'correction': 'mi_correction'}
_UNITS = {value: name.rpartition('_')[2].lower() for name, value in _abi.ENUMS['mi_unit'].items()}


class Information(NamedTuple):
    """All that two variables have to do with each other.

    Shares are ratios, 0 where the divisor is 0; everything else but counts is in `unit`.
    """

    unit: str  #: 'nats' or 'bits'
    values_x: int  #: values of x with a probability above 0
    values_y: int  #: likewise
    values_xy: int  #: pairs of values, likewise
    total: float  #: sum of the table; number of samples
    entropy_x: float  #: H(x)
    entropy_y: float  #: H(y)
    joint: float  #: H(x, y)
    x_given_y: float  #: H(x | y)
    y_given_x: float  #: H(y | x)
    mutual: float  #: I(x; y)
    variation: float  #: of information, H(x | y) + H(y | x)
    share_x: float  #: I / H(x): how much of x is known from y
    share_y: float  #: I / H(y)
    share_arithmetic: float  #: I / the mean of H(x) and H(y)
    share_geometric: float  #: I / the root of their product
    share_min: float  #: I / the smaller
    share_max: float  #: I / the larger
    share_joint: float  #: I / H(x, y)

    def __repr__(self) -> str:
        told = ', '.join(f'{name}={value:.6g}' for name, value in self._asdict().items()
                         if name != 'unit')
        return f'Information({self.unit}: {told})'


def entropy(table: Any, *, unit: str = 'nats', correction: str | None = None) -> float:
    """The entropy of a distribution.

    Parameters
    ----------
    table : of any shape: the joint entropy of as many variables as it has axes
    unit : 'nats' or 'bits'
    correction : None, 'miller-madow' or 'grassberger', for counts

    Raises
    ------
    NumericError : negative, not finite, all 0; not whole where a correction is asked for

    See Also
    --------
    libmi.entropy : of samples
    """
    table, result = _table(table, 'table'), c_double()
    check(lib.mi_entropy_table(table.size, address(table), byref(_options(unit, correction)),
                               byref(result)))
    return result.value


def _cross(p: Any, q: Any, unit: str) -> tuple[float, float]:
    p = _table(p, 'p')
    q = _table(q, 'q', p.shape)
    cross, divergence = c_double(), c_double()
    check(lib.mi_entropy_cross(p.size, address(p), address(q), choice(unit, 'unit', 'mi_unit'),
                               byref(cross), byref(divergence)))
    return cross.value, divergence.value


def cross_entropy(p: Any, q: Any, *, unit: str = 'nats') -> float:
    """The cross entropy -sum p ln q of two tables of one shape; infinite if q lacks what p has."""
    return _cross(p, q, unit)[0]


def divergence(p: Any, q: Any, *, unit: str = 'nats') -> float:
    """Kullback and Leibler's divergence sum p ln p / q of tables of one shape, may be infinite."""
    return _cross(p, q, unit)[1]


def information(x: Any, y: Any = None, *, unit: str = 'nats', correction: str | None = None,
                axis: str = 'flat', context: _context.Context | None = None) -> Information:
    """Everything about two variables, of their joint table or of samples.

    Parameters
    ----------
    x : a table [values of x, values of y]; or samples, if y is given
    y : None, or as many samples
    unit : 'nats' or 'bits'
    correction : None, 'miller-madow' or 'grassberger', for counts and samples
    axis : of samples, as in `libmi.mutual_information`
    """
    options, told = _options(unit, correction), sized(_abi.mi_information)
    with _context.chosen(context)._borrowed() as c:
        if y is None:
            table = _table(x, 'x', (None, None))
            check(lib.mi_entropy_joint(c, *table.shape, address(table), 0, byref(options),
                                       byref(told)))
        else:
            a, b = Samples(x, 'x', axis), Samples(y, 'y', axis)
            check(lib.mi_entropy_samples(c, a.pointer, b.pointer, byref(options), byref(told)))
    return Information(_UNITS[told.unit], *(getattr(told, name) for name in
                                            Information._fields[1:]))


def pointwise(table: Any, *, unit: str = 'nats',
              context: _context.Context | None = None) -> np.ndarray:
    """Pointwise mutual information ln p(x, y) / p(x) p(y), of the shape of the table.

    -infinity for a pair without probability, 0 where x or y has none either.
    """
    table = _table(table, 'table', (None, None))
    result = np.empty(table.shape)
    with _context.chosen(context)._borrowed() as c:
        check(lib.mi_entropy_pointwise(c, *table.shape, address(table), 0,
                                       choice(unit, 'unit', 'mi_unit'), address(result)))
    return result


def conditional(table: Any, *, unit: str = 'nats', correction: str | None = None,
                context: _context.Context | None = None) -> float:
    """I(x; y | z) of a joint table [values of x, values of y, values of z]."""
    table, result = _table(table, 'table', (None, None, None)), c_double()
    options = _options(unit, correction)
    with _context.chosen(context)._borrowed() as c:
        check(lib.mi_entropy_conditional(c, *table.shape, address(table), byref(options),
                                         byref(result)))
    return result.value


def count(x: Any, y: Any = None, *, axis: str = 'flat',
          context: _context.Context | None = None) -> np.ndarray:
    """Counts samples into a table for the functions here.

    Parameters
    ----------
    x : samples
    y : None, or as many samples
    axis : as in `libmi.mutual_information`

    Returns
    -------
    table : float64 [values of x], or [values of x, values of y]; values in ascending order, that
        of their first columns first
    """
    a, b = Samples(x, 'x', axis), None if y is None else Samples(y, 'y', axis)
    nx, ny = c_int64(), c_int64()
    with _context.chosen(context)._borrowed() as c:
        def call(room: int, table: np.ndarray | None) -> None:
            check(lib.mi_entropy_count(c, a.pointer, b and b.pointer, room, byref(nx), byref(ny),
                                       address(table)))
        call(0, None)
        table = np.empty((nx.value, ny.value))
        call(table.size, table)
    return table.reshape(-1) if b is None else table


def _options(unit: str, correction: str | None) -> _abi.mi_entropy_options:
    return fill(_abi.mi_entropy_options, {'unit': unit, 'correction': correction}, _ENUMS)


def _table(value: Any, name: str, shape: Sequence[int | None] | None = None) -> np.ndarray:
    """Probabilities or counts as float64: they are few, so a copy does no harm."""
    found, _ = read(value, name)
    if found.dtype.kind not in 'biuf':
        raise DTypeError(f'{name} is {found.dtype}: numbers are needed, as in a table of counts')
    table = array(np.require(found, np.float64, 'CA'), name, FLOAT64, shape)
    if not table.ndim or not table.size:
        raise ShapeError(f'{name} has shape {table.shape}: there is nothing in it')
    return table
