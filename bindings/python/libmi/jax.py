# SPDX-License-Identifier: BSD-2-Clause
"""The objectives as JAX losses: functions that `jax.jit`, `jax.grad` and `jax.vmap` may transform.

A loss is a scalar of the type of its inputs, in nats, to be descended; the estimates of bounds
and what else there is to know are told by the classes for NumPy. The library runs on the
processor, as a host callback (`jax.pure_callback`), and gives loss and gradients at once. Only
where a loss is differentiated are gradients computed, and only those that are asked for; there
are no second derivatives, nor forward mode. `jax.vmap` calls one after another.

Arrays are float32 (or float64 under `jax_enable_x64`), all of one type. What the library finds
wrong with numbers or shapes is in the text of the exception that JAX makes of it.
"""
from __future__ import annotations

import dataclasses
import functools
import os
from typing import Any, Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from . import prior as _prior
from ._arrays import FLOATS
from ._errors import ArgumentError, DTypeError
from ._options import at_least, real
from .bound import Bound
from .context import Context
from .iic import IIC

__all__ = ['bound_embeddings', 'bound_matrix', 'bound_vectors', 'iic_loss', 'kl']

#: gets inputs, constants, and which gradients by inputs are wanted; gives the loss and, for each
#: input, its gradient or None. Equal ones do the same: else JAX would compile each call anew
_Evaluate = Callable[[Sequence[np.ndarray], Sequence[np.ndarray], Sequence[bool]],
                     'tuple[float, Sequence[Any]]']


@dataclasses.dataclass(frozen=True)
class _Callback:
    """What JAX calls: gives the loss, and a list of the gradients that are wanted."""

    evaluate: _Evaluate
    wanted: tuple[bool, ...]

    def __call__(self, inputs: Any, constants: Any) -> tuple[np.ndarray, list[np.ndarray]]:
        inputs = [np.asarray(x) for x in inputs]
        loss, gradients = self.evaluate(inputs, [np.asarray(x) for x in constants], self.wanted)
        return np.asarray(loss, inputs[0].dtype), [
            np.asarray(g, x.dtype).reshape(x.shape)
            for g, x, want in zip(gradients, inputs, self.wanted) if want]


def _called(evaluate: _Evaluate, wanted: Sequence[bool], inputs: Sequence[Any],
            constants: Sequence[Any]) -> Any:
    """The loss, and a list of the gradients that are wanted."""
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x, want in zip(inputs, wanted) if want]
    return jax.pure_callback(
        _Callback(evaluate, tuple(wanted)), (jax.ShapeDtypeStruct((), inputs[0].dtype), shapes),
        inputs, constants, vmap_method='sequential')


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _loss(evaluate: _Evaluate, inputs: list[Any], constants: list[Any]) -> jax.Array:
    return _called(evaluate, [False] * len(inputs), inputs, constants)[0]


def _forward(evaluate: _Evaluate, inputs: list[Any],
             constants: list[Any]) -> tuple[jax.Array, tuple[list[Any], int]]:
    if any(c.perturbed for c in constants):
        raise ArgumentError('weight is differentiated by, and there is no gradient of it: '
                            'give jax.lax.stop_gradient(weight)')
    wanted = [bool(x.perturbed) for x in inputs]
    loss, gradients = _called(evaluate, wanted, [x.value for x in inputs],
                              [c.value for c in constants])
    left = iter(gradients)
    return loss, ([next(left) if want else None for want in wanted], len(constants))


def _backward(_evaluate: _Evaluate, kept: tuple[list[Any], int],
              scale: Any) -> tuple[list[Any], list[None]]:
    gradients, constants = kept
    return ([None if g is None else (g * scale).astype(g.dtype) for g in gradients],
            [None] * constants)


_loss.defvjp(_forward, _backward, symbolic_zeros=True)


def _optional(x: Any, name: str, first: Any) -> Any:
    return None if x is None else _ready(x, name, first)


def _ready(x: Any, name: str, first: Any = None) -> Any:
    """An input as an array of a type that the library reads, that of the first one."""
    if x is None:
        raise DTypeError(f'{name} is None: an array is needed')
    x = jnp.asarray(x)
    if x.dtype not in FLOATS:
        raise DTypeError(f'{name} is {x.dtype}: give float32 or float64, '
                         f'as {name}.astype(jax.numpy.float32)')
    if first is not None and x.dtype != first.dtype:
        raise DTypeError(f'{name} is {x.dtype}, and what comes before it {first.dtype}: '
                         f'give {name}.astype(jax.numpy.{first.dtype})')
    return x


@functools.lru_cache(maxsize=64)
def _bound(kind: str, params: tuple[tuple[str, float], ...], context: Context | None) -> Bound:
    """A bound, kept for its workspace."""
    bound = Bound(kind, context=context, **dict(params))
    if 'state' in bound.info.traits:
        raise ArgumentError(f'{kind} has a state that calls change, and JAX wants pure functions: '
                            'take dv, or libmi.Bound outside of it')
    return bound


@dataclasses.dataclass(frozen=True)
class _EvaluateBound:
    made: tuple[Any, ...]  #: arguments of `_bound`
    method: str
    options: tuple[tuple[str, Any], ...]
    names: tuple[str, ...]  #: of the inputs

    def __call__(self, inputs: Sequence[np.ndarray], mask: Sequence[np.ndarray],
                 wanted: Sequence[bool]) -> tuple[float, list[Any]]:
        out = {'d' + name: None for name, want in zip(self.names, wanted) if want}
        result = getattr(_bound(*self.made), self.method)(
            **dict(zip(self.names, inputs)), **dict(zip(['mask'], mask)), **dict(self.options),
            out=out)
        return result.loss, [getattr(result, 'd' + name) for name in self.names]


def _bound_loss(kind: str, params: dict[str, float], context: Context | None, method: str,
                options: dict[str, Any], mask: Any = None, **given: Any) -> jax.Array:
    made = (kind, tuple((name, real(value, name)) for name, value in params.items()), context)
    _bound(*made)  # says what is wrong with these, now and as it is
    inputs = {name: x for name, x in given.items() if x is not None}
    return _loss(_EvaluateBound(made, method, tuple(options.items()), tuple(inputs)),
                 list(inputs.values()), [] if mask is None else [jnp.asarray(mask)])


def bound_vectors(kind: str, joint: Any, product: Any, baseline: Any = None, *,
                  context: Context | None = None, **params: float) -> jax.Array:
    """The loss of a bound on vectors of scores, see `libmi.Bound.vectors`.

    Parameters
    ----------
    kind : such as 'nwj', see `libmi.bounds()`; 'mine' is refused: it has a state
    joint : [n] scores of pairs that belong together
    product : [m] scores of pairs that don't; in groups of k for each of the former, [n, k]
    baseline : [n] log baselines, for 'tuba', 'interpolated' and 'flo'
    context : None: the process's default one
    params : of the kind, such as `tau=5`
    """
    joint = _ready(joint, 'joint')
    return _bound_loss(kind, params, context, 'vectors', {}, joint=joint,
                       product=_ready(product, 'product', joint),
                       baseline=_optional(baseline, 'baseline', joint))


def bound_matrix(kind: str, scores: Any, baseline: Any = None, *, locations: int = 1,
                 mask: Any = None, context: Context | None = None,
                 **params: float) -> jax.Array:
    """The loss of a bound on a matrix of scores, see `libmi.Bound.matrix`.

    Parameters
    ----------
    kind, baseline, context, params : as for `bound_vectors`
    scores : [n, n L]; those of columns i L to i L + L - 1 belong to row i
    locations : L, columns of each row's own
    mask : [n, n L] bool; where False, as if this pair were not there
    """
    scores = _ready(scores, 'scores')
    return _bound_loss(kind, params, context, 'matrix',
                       {'locations': at_least(locations, 'locations', 1)}, mask,
                       scores=scores, baseline=_optional(baseline, 'baseline', scores))


def bound_embeddings(kind: str, u: Any, v: Any, baseline: Any = None, *, temperature: Any = 1.0,
                     normalize: bool = False, locations: int = 1,
                     context: Context | None = None, **params: float) -> jax.Array:
    """The loss of a bound on scores u[i] . v[j] / temperature, see `libmi.Bound.embeddings`.

    The matrix of scores is never made.

    Parameters
    ----------
    kind, baseline, context, params : as for `bound_vectors`
    u : [n, d]
    v : [n L, d]; rows i L to i L + L - 1 belong to row i of u
    temperature : above 0, a number or a scalar to differentiate by
    normalize : rows are divided by their length first (cosine)
    locations : L, rows of v for each row of u
    """
    u = _ready(u, 'u')
    return _bound_loss(kind, params, context, 'embeddings',
                       {'normalize': bool(normalize),
                        'locations': at_least(locations, 'locations', 1)},
                       u=u, v=_ready(v, 'v', u), baseline=_optional(baseline, 'baseline', u),
                       temperature=jnp.asarray(temperature, u.dtype))


@functools.lru_cache(maxsize=64)
def _iic(options: tuple[Any, ...], context: Context | None) -> IIC:
    lambda_, repeats, asymmetric = options
    return IIC(context=context, lambda_=lambda_, repeats=repeats, asymmetric=asymmetric)


@dataclasses.dataclass(frozen=True)
class _EvaluateIIC:
    made: tuple[Any, ...]  #: arguments of `_iic`
    count: int  #: of heads
    shared: bool  #: one weight for all of them

    def __call__(self, inputs: Sequence[np.ndarray], weights: Sequence[np.ndarray],
                 wanted: Sequence[bool]) -> tuple[float, list[Any]]:
        count = self.count
        out = {name: [None] * count for name, want in (
            ('dz', any(wanted[:count])), ('dzt', any(wanted[count:]))) if want}
        weight = (weights[0] if weights else None) if self.shared else weights
        result = _iic(*self.made)(inputs[:count], inputs[count:], weight, out=out)
        return result.loss, [*(result.dz or [None] * count), *(result.dzt or [None] * count)]


def iic_loss(z: Any, zt: Any, weight: Any = None, *, lambda_: float = 1.0, repeats: int = 1,
             asymmetric: bool = False, context: Context | None = None) -> jax.Array:
    """Minus the mutual information of the clusters of twins, averaged over heads, see `libmi.IIC`.

    Parameters
    ----------
    z : [n, K] probabilities, each row sums to 1; or a list of such, one for each head
    zt : [n * repeats, K] of the twins, or a list
    weight : [n * repeats] what each pair counts, one for all heads or a list; without gradient
    lambda_ : weight of the entropies of the clusters, above 0; more works against empty ones
    repeats : twins of each sample: row i of z has rows i * repeats and on of zt
    asymmetric : the joint matrix isn't made symmetric; for views that play different parts
    context : None: the process's default one
    """
    made = ((lambda_, repeats, asymmetric), context)
    _iic(*made)  # says what is wrong with these, now and as it is
    z = _heads(z, 'z')
    zt = _heads(zt, 'zt', z)
    weights = [] if weight is None else _heads(weight, 'weight', z)
    shared = not isinstance(weight, (list, tuple))
    return _loss(_EvaluateIIC(made, len(z), shared), z + zt, weights)


def _heads(given: Any, name: str, like: Sequence[Any] = ()) -> list[Any]:
    """One input for each head, a list of one where there is no list."""
    if not isinstance(given, (list, tuple)):
        return [_ready(given, name, *like[:1])]
    if not given:
        raise ArgumentError(f'{name} is an empty list: give at least one head')
    heads: list[Any] = []
    for i, x in enumerate(given):
        heads.append(_ready(x, f'{name}[{i}]', *(like or heads)[:1]))
    return heads


@dataclasses.dataclass(frozen=True)
class _EvaluateKL:
    reduce: str

    def __call__(self, inputs: Sequence[np.ndarray], _constants: Any,
                 wanted: Sequence[bool]) -> tuple[float, list[Any]]:
        loss, *gradients = _prior.kl(*inputs, reduce=self.reduce, grad=any(wanted))
        return loss, gradients


def kl(mean: Any, log_variance: Any, *, reduce: str = 'sum') -> jax.Array:
    """The divergence of Gaussian codes from N(0, I), see `libmi.prior.kl`.

    Parameters
    ----------
    mean, log_variance : [n, d]
    reduce : 'sum' over dimensions: the divergence proper; 'mean': doesn't grow with d
    """
    mean = _ready(mean, 'mean')
    return _loss(_EvaluateKL(reduce), [mean, _ready(log_variance, 'log_variance', mean)], [])


if hasattr(os, 'register_at_fork'):  # handles don't outlive it
    for cached in (_bound, _iic):
        os.register_at_fork(after_in_child=cached.cache_clear)
