# SPDX-License-Identifier: BSD-2-Clause
"""Bounds on mutual information: the value, and its exact gradient.

f: scores of pairs that belong together (P), g: scores of pairs that don't (Q). `bounds()` lists
the kinds, from 'infonce' and 'mine' to 'club'.
"""
from __future__ import annotations

import functools
from ctypes import byref, c_double, sizeof
from typing import Any, Mapping, NamedTuple

import numpy as np

from . import _abi, context as _context
from ._arrays import FLOATS, address, array, brief
from ._errors import ShapeError, check
from ._gradients import gradients, ld, like, mask_of
from ._handle import Handle
from ._library import lib
from ._options import above_0, at_least, flags, real, sized, text, whole


class BoundParam(NamedTuple):
    """A parameter of a kind of bound."""

    name: str  #: keyword of `Bound`
    help: str  #: a sentence
    initial: float  #: its value until it is set
    least: float
    most: float  #: may be infinite
    whole: bool  #: a whole number, such as a flag


class BoundInfo(NamedTuple):
    """A kind of bound."""

    name: str
    summary: str
    side: str  #: 'lower': at most I in expectation; 'upper': at least I; 'neither'
    shapes: tuple[str, ...]  #: of 'vectors', 'groups', 'matrix', 'embeddings'
    traits: tuple[str, ...]  #: of 'surrogate', 'state', 'baseline', 'ordered'
    cap: str  #: the most that the estimate can be
    variance: str  #: how far to trust a single batch
    citation: str
    params: tuple[BoundParam, ...]


class BoundState(NamedTuple):
    """MINE's moving average, for a checkpoint."""

    log_average: float  #: ln of the average of exp(scores of Q); 0 before the first step
    steps: int  #: how many batches are in it


class BoundResult(NamedTuple):
    """What an evaluation tells; gradients are those of `loss`, None where not wanted."""

    estimate: float  #: of the mutual information, nats
    loss: float  #: to be descended
    cap: float  #: the most that the estimate can be on inputs of this size, nats
    djoint: np.ndarray | None = None
    dproduct: np.ndarray | None = None
    dscores: np.ndarray | None = None
    du: np.ndarray | None = None
    dv: np.ndarray | None = None
    dbaseline: np.ndarray | None = None
    dtemperature: float | None = None

    def __repr__(self) -> str:
        return brief(self)

    @property
    def at_cap(self) -> bool:
        """Whether the estimate is within 5 % of its cap, so that the truth may well be more."""
        return at_cap(self.estimate, self.cap)


def at_cap(estimate: float, cap: float) -> bool:
    """Whether an estimate is within 5 % of its cap."""
    return bool(lib.mi_bound_at_cap(byref(_abi.mi_bound_result(_RESULT_SIZE, estimate, 0, cap))))


def _word(constant: str) -> str:
    return constant.rpartition('_')[2].lower()


def _param(kind: bytes, index: int) -> BoundParam:
    p = sized(_abi.mi_bound_param)
    check(lib.mi_bound_param_list(kind, index, byref(p)))
    return BoundParam(p.name.decode().replace('-', '_'), p.help.decode(), p.initial, p.least,
                      p.most, bool(p.whole))


@functools.lru_cache(maxsize=None)
def _kinds() -> dict[str, BoundInfo]:
    kinds: dict[str, BoundInfo] = {}
    sides = {value: _word(name) for name, value in _abi.ENUMS['mi_bound_side'].items()}
    info = sized(_abi.mi_bound_info)
    while lib.mi_bound_list(len(kinds), byref(info)) == _abi.MI_OK:
        name = info.name.decode()
        kinds[name] = BoundInfo(
            name, info.summary.decode(), sides[info.side], flags(info.shapes, 'mi_bound_shape'),
            flags(info.traits, 'mi_bound_trait'), info.cap.decode(), info.variance.decode(),
            info.citation.decode(), tuple(_param(info.name, i) for i in range(info.params)))
    return kinds


def bounds() -> list[BoundInfo]:
    """All kinds of bounds, with their parameters."""
    return list(_kinds().values())


# Structs and functions by the size of an element.
_VECTORS = {4: (_abi.mi_bound_vectors_f32, lib.mi_bound_eval_vectors_f32),
            8: (_abi.mi_bound_vectors_f64, lib.mi_bound_eval_vectors_f64)}
_MATRIX = {4: (_abi.mi_bound_matrix_f32, lib.mi_bound_eval_matrix_f32),
           8: (_abi.mi_bound_matrix_f64, lib.mi_bound_eval_matrix_f64)}
_EMBEDDINGS = {4: (_abi.mi_bound_embeddings_f32, lib.mi_bound_eval_embeddings_f32),
               8: (_abi.mi_bound_embeddings_f64, lib.mi_bound_eval_embeddings_f64)}
_RESULT_SIZE = sizeof(_abi.mi_bound_result)
_VECTORS_SIZE = sizeof(_abi.mi_bound_vectors_f32)
_MATRIX_SIZE = sizeof(_abi.mi_bound_matrix_f32)
_EMBEDDINGS_SIZE = sizeof(_abi.mi_bound_embeddings_f32)
_TEMPERATURE = np.zeros(())  # what its gradient is shaped like


def _elsewhere(name: str) -> str:
    if name not in ('temperature', 'normalize', 'locations'):
        return ''
    return '; temperature, normalize and locations go to the call'


class Bound(Handle):
    """A bound on mutual information, asked on vectors, a matrix of scores or embeddings.

    Inputs are float32 or float64, all of one type; matrices may have a row stride. Scores must
    be finite. Gradients are those of the loss, which is to be descended: with `grad=True` new
    arrays, or written into `out`, such as `{'du': array}`, which then are wanted without `grad`,
    too, and must not overlap inputs or each other.

    Parameters
    ----------
    kind : such as 'infonce'; see `bounds()`
    context : None: the process's default one
    params : of the kind, such as `tau=5`, `log_baseline=1`: `bounds()` has them with their ranges
    """

    def __init__(self, kind: str, *, context: _context.Context | None = None,
                 **params: float) -> None:
        self._context = _context.chosen(context)
        with self._context._turn:
            self._open('mi_bound_create', self._context._pointer, text(kind, 'kind'))
        self._info = _kinds()[kind if isinstance(kind, str) else kind.decode()]
        self.set(**params)

    @property
    def kind(self) -> str:
        """Such as 'infonce'."""
        return self._info.name

    @property
    def info(self) -> BoundInfo:
        """The description of the kind."""
        return self._info

    @property
    def params(self) -> dict[str, float]:
        """The parameters and their values; `set` changes them."""
        values, value = {}, c_double()
        with self._turn:
            bound = self._pointer
            for p in self._info.params:
                check(lib.mi_bound_get(bound, p.name.replace('_', '-').encode(), byref(value)))
                values[p.name] = int(value.value) if p.whole else value.value
        return values

    def set(self, **params: float) -> None:
        """Sets parameters, from the next evaluation on.

        Raises
        ------
        TypeError : the kind has no such parameter
        ArgumentError : out of its range
        """
        known = [p.name for p in self._info.params]
        for name in params:
            if name not in known:
                raise TypeError(f'{self.kind} has no parameter {name!r}: '
                                f'it has {", ".join(known) or "none"}{_elsewhere(name)}')
        with self._turn:
            bound = self._pointer
            for name, value in params.items():
                check(lib.mi_bound_set(bound, name.replace('_', '-').encode(), real(value, name)))

    @property
    def state(self) -> BoundState:
        """MINE's moving average; may be set, to go on from a checkpoint."""
        state = sized(_abi.mi_bound_state)
        with self._turn:
            check(lib.mi_bound_state_read(self._pointer, byref(state)))
        return BoundState(state.log_average, state.steps)

    @state.setter
    def state(self, value: BoundState) -> None:
        log_average, steps = value
        state = _abi.mi_bound_state(sizeof(_abi.mi_bound_state), real(log_average, 'log_average'),
                                    whole(steps, 'steps'))
        with self._turn:
            check(lib.mi_bound_state_write(self._pointer, byref(state)))

    def _evaluate(self, function: Any, io: Any) -> Any:
        result = _abi.mi_bound_result(_RESULT_SIZE)
        with self._turn:
            check(function(self._pointer, byref(io), byref(result)))
        return result

    def vectors(self, joint: Any, product: Any, baseline: Any = None, *, grad: bool = False,
                out: Mapping[str, Any] | None = None) -> BoundResult:
        """The bound on vectors of scores, from any critic.

        Parameters
        ----------
        joint : [n] scores of P
        product : [m] scores of Q; for bounds that compare within a row, and with a baseline,
            groups of k = m / n for each of P, [n, k] or one after another
        baseline : [n] log baselines, for 'tuba', 'interpolated' and 'flo'
        grad : whether djoint, dproduct and dbaseline are wanted
        out : arrays for them, by these names

        Raises
        ------
        NumericError : NaN or infinity in scores, or the loss or a gradient would overflow
        ShapeError : m doesn't fit, or nothing is left to compare with
        UnsupportedError : a baseline for a bound that has none
        """
        joint = array(joint, 'joint', FLOATS, (None,))
        product = like(product, 'product', joint, 'joint')
        n = joint.shape[0]
        if product.ndim != 1 and (product.ndim != 2 or product.shape[0] != n):
            raise ShapeError(f'product has shape {product.shape}, a vector or a matrix of '
                             f'{n} rows is needed')
        if baseline is not None:
            baseline = like(baseline, 'baseline', joint, 'joint', (n,))
        djoint = dproduct = dbaseline = None
        if grad or out:
            djoint, dproduct, dbaseline = gradients(
                grad, out, {'joint': joint, 'product': product, 'baseline': baseline})
        struct, function = _VECTORS[joint.itemsize]
        result = self._evaluate(function, struct(
            _VECTORS_SIZE, n, product.size, address(joint), address(product), address(baseline),
            address(djoint), address(dproduct), address(dbaseline)))
        return BoundResult(result.estimate, result.loss, result.cap, djoint, dproduct,
                           dbaseline=dbaseline)

    def matrix(self, scores: Any, baseline: Any = None, *, locations: int = 1, mask: Any = None,
               grad: bool = False, out: Mapping[str, Any] | None = None) -> BoundResult:
        """The bound on a matrix of scores, row i against column j.

        Parameters
        ----------
        scores : [n, n L]; those of columns i L to i L + L - 1 belong to row i
        baseline : [n] log baselines, for 'tuba', 'interpolated' and 'flo'
        locations : L, columns of each row's own
        mask : [n, n L] bool or uint8; where False or 0, as if this pair were not there
        grad : whether dscores and dbaseline are wanted
        out : arrays for them, by these names

        Raises
        ------
        as `vectors`; ShapeError also for n = 1 if the bound needs negatives
        """
        scores = array(scores, 'scores', FLOATS, (None, None), rows=True)
        n, width = scores.shape
        locations = at_least(locations, 'locations', 1)  # 0 would be 1 to C
        if width != n * locations:
            raise ShapeError(f'scores has shape {scores.shape}, with locations = {locations} '
                             f'({n}, {n * locations}) is needed')
        if baseline is not None:
            baseline = like(baseline, 'baseline', scores, 'scores', (n,))
        mask = mask_of(mask, scores.shape, rows=True)
        dscores = dbaseline = None
        if grad or out:
            dscores, dbaseline = gradients(grad, out, {'scores': scores, 'baseline': baseline},
                                           {'mask': mask}, rows=True)
        struct, function = _MATRIX[scores.itemsize]
        result = self._evaluate(function, struct(
            _MATRIX_SIZE, n, locations, address(scores), ld(scores),
            address(mask), ld(mask), address(baseline), address(dscores), ld(dscores),
            address(dbaseline)))
        return BoundResult(result.estimate, result.loss, result.cap, dscores=dscores,
                           dbaseline=dbaseline)

    def embeddings(self, u: Any, v: Any, baseline: Any = None, *, temperature: float = 1.0,
                   normalize: bool = False, locations: int = 1, grad: bool = False,
                   out: Mapping[str, Any] | None = None) -> BoundResult:
        """The bound on scores u[i] . v[j] / temperature; their matrix is never made.

        Parameters
        ----------
        u : [n, d]
        v : [n L, d]; rows i L to i L + L - 1 belong to row i of u
        baseline : [n] log baselines, for 'tuba', 'interpolated' and 'flo'
        temperature : above 0; 1 unless given
        normalize : rows are divided by their length first (cosine)
        locations : L, rows of v for each row of u
        grad : whether du, dv, dbaseline and dtemperature are wanted
        out : arrays for them, by these names; dtemperature: float64 of shape ()

        Raises
        ------
        as `matrix`; NumericError also for a row of length 0 that is to be normalised
        """
        u = array(u, 'u', FLOATS, (None, None), rows=True)
        n, d = u.shape
        locations = at_least(locations, 'locations', 1)  # 0 would be 1 to C
        v = like(v, 'v', u, 'u', (n * locations, d), rows=True)
        if baseline is not None:
            baseline = like(baseline, 'baseline', u, 'u', (n,))
        du = dv = dbaseline = dtemperature = None
        if grad or out:
            du, dv, dbaseline, dtemperature = gradients(
                grad, out, {'u': u, 'v': v, 'baseline': baseline, 'temperature': _TEMPERATURE},
                rows=True)
        struct, function = _EMBEDDINGS[u.itemsize]
        result = self._evaluate(function, struct(
            _EMBEDDINGS_SIZE, n, locations, d, address(u), ld(u),
            address(v), ld(v), above_0(temperature, 'temperature'), bool(normalize), 0,
            address(baseline), address(du), ld(du), address(dv), ld(dv), address(dbaseline),
            address(dtemperature)))
        return BoundResult(result.estimate, result.loss, result.cap, None, None, None, du, dv,
                           dbaseline, None if dtemperature is None else float(dtemperature))

    def __repr__(self) -> str:
        if self.closed:
            return f'Bound({self.kind!r}, closed)'
        return ', '.join([f'Bound({self.kind!r}', *(f'{name}={value:g}' for name, value
                                                    in self.params.items())]) + ')'
