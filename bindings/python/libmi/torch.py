# SPDX-License-Identifier: BSD-2-Clause
"""The objectives as PyTorch losses: modules where there is a handle or state, else functions.

A loss is a tensor of shape () with the type and device of its inputs, in nats, to be descended.
The library gives loss and gradients at once: the gradients that inputs ask for are computed in
the forward pass and kept, and `backward()` only scales them, on any thread. Without
`requires_grad` none are computed. Second derivatives of losses are refused, and so are tensors
under transforms of torch.func, such as grad and vmap: use torch.autograd.

Tensors are float32 or float64, all of one type, and are read in place; matrices may have a row
stride. What would have to be copied is refused, with two exceptions: under `torch.autocast`
half precision goes to float32, and tensors on another device are copied to the processor, their
gradients back. Under `torch.compile` the losses stay outside the graphs.
"""
from __future__ import annotations

import copy
from typing import Any, Callable, Sequence

import torch
from torch import Tensor

from . import prior as _prior
from ._errors import ArgumentError
from ._torch import (array, constant, differentiable, expect_plain, heads, in_place,
                     outside_graphs, ready, tensor)
from .bound import Bound, BoundResult, BoundState
from .context import Context
from .iic import IIC, IICResult

__all__ = ['BoundLoss', 'EmbeddingBoundLoss', 'IICLoss', 'MatrixBoundLoss', 'adversarial', 'kl',
           'sample']

_EXTRA_STATE = '_extra_state'  # PyTorch's key for what get_extra_state returns


class _BoundLoss(torch.nn.Module):
    """What modules of bounds have in common.

    Attributes
    ----------
    bound : the `libmi.Bound` at work, with `params`, `set` and, for 'mine', `state`
    last : the `libmi.BoundResult` of the last call, for its estimate and cap, or None
    """

    def __init__(self, kind: str, *, context: Context | None = None, **params: float) -> None:
        super().__init__()
        self._context = context
        self.bound = Bound(kind, context=context, **params)
        self.last: BoundResult | None = None

    def _loss(self, method: Callable[..., BoundResult], arguments: dict[str, Any],
              **inputs: Any) -> Tensor:
        """A loss that may be differentiated by the tensors among the inputs."""
        tensors = {name: x for name, x in inputs.items() if isinstance(x, Tensor)}
        arrays = {name: x if name not in tensors else
                  array(x) if name != 'temperature' else x.item() for name, x in inputs.items()}

        def evaluate(wanted: Sequence[bool]) -> tuple[float, list[Any]]:
            out = {'d' + name: None for name, want in zip(tensors, wanted) if want}
            result = method(**arrays, **arguments, out=out)
            self.last = BoundResult(result.estimate, result.loss, result.cap)
            return result.loss, [getattr(result, 'd' + name) for name in tensors]

        return differentiable(evaluate, *tensors.values())

    def get_extra_state(self) -> dict[str, Any]:
        """The kind and its moving average, for the `state_dict` of 'mine'."""
        return {'kind': self.bound.kind, **self.bound.state._asdict()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` had."""
        kind = state.get('kind') if isinstance(state, dict) else None
        if kind != self.bound.kind:
            raise ArgumentError(f'the state is of {kind!r} and the loss is {self.bound.kind!r}: '
                                'leave it out, or make a loss of that kind')
        self.bound.state = BoundState(state['log_average'], state['steps'])

    @property
    def _stateful(self) -> bool:
        return 'state' in self.bound.info.traits

    # PyTorch takes it by the class whether there is a state; here it is by the kind.
    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str,
                            keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if not self._stateful:
            del destination[prefix + _EXTRA_STATE]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any,
                              strict: bool, missing_keys: list[str], *others: Any) -> None:
        missing: list[str] = []
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, *others)
        missing_keys += [key for key in missing
                         if self._stateful or key != prefix + _EXTRA_STATE]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, 'bound': (self.bound.kind, self.bound.params, self.bound.state)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kind, params, moments = state['bound']
        bound = Bound(kind, context=state['_context'], **params)
        bound.state = moments
        super().__setstate__({**state, 'bound': bound})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return _copied(self, memo)

    def extra_repr(self) -> str:
        return ', '.join([repr(self.bound.kind),
                          *(f'{name}={value:g}' for name, value in self.bound.params.items())])


def _copied(module: Any, memo: dict[int, Any]) -> Any:
    """A copy with a handle of its own, in the same context."""
    copied = memo[id(module)] = object.__new__(type(module))
    memo[id(module._context)] = module._context
    copied.__setstate__(copy.deepcopy(module.__getstate__(), memo))
    return copied


class BoundLoss(_BoundLoss):
    """A bound on mutual information on vectors of scores, from any critic.

    'mine' moves its average at each call that computes a gradient. Copies and pickles of the
    module take parameters and state with them; a context goes along with copies only.

    Parameters
    ----------
    kind : such as 'mine'; see `libmi.bounds()`
    context : None: the process's default one
    params : of the kind, such as `tau=5`

    Attributes
    ----------
    bound : the `libmi.Bound` at work, with `params`, `set` and, for 'mine', `state`
    last : the `libmi.BoundResult` of the last call, for its estimate and cap, or None
    """

    @outside_graphs
    def forward(self, joint: Tensor, product: Tensor, baseline: Tensor | None = None) -> Tensor:
        """The loss, see `libmi.Bound.vectors`.

        Parameters
        ----------
        joint : [n] scores of pairs that belong together
        product : [m] scores of pairs that don't; in groups of k for each of the former, [n, k]
        baseline : [n] log baselines, for 'tuba', 'interpolated' and 'flo'
        """
        joint = ready(joint, 'joint')
        return self._loss(self.bound.vectors, {}, joint=joint,
                          product=ready(product, 'product', joint),
                          baseline=ready(baseline, 'baseline', joint))


class MatrixBoundLoss(_BoundLoss):
    """A bound on mutual information on a matrix of scores; otherwise as `BoundLoss`."""

    @outside_graphs
    def forward(self, scores: Tensor, baseline: Tensor | None = None, *, locations: int = 1,
                mask: Tensor | None = None) -> Tensor:
        """The loss, see `libmi.Bound.matrix`.

        Parameters
        ----------
        scores : [n, n L]; those of columns i L to i L + L - 1 belong to row i
        baseline : [n] log baselines, for 'tuba', 'interpolated' and 'flo'
        locations : L, columns of each row's own
        mask : [n, n L] bool; where False, as if this pair were not there
        """
        scores = ready(scores, 'scores', rows=True)
        if mask is not None:
            expect_plain(mask, 'mask')
            in_place(mask, 'mask', True)
        return self._loss(self.bound.matrix, {'locations': locations, 'mask': array(mask)},
                          scores=scores, baseline=ready(baseline, 'baseline', scores))


class EmbeddingBoundLoss(_BoundLoss):
    """A bound on mutual information on embeddings: the matrix of their scores is never made.

    Otherwise as `BoundLoss`.
    """

    @outside_graphs
    def forward(self, u: Tensor, v: Tensor, baseline: Tensor | None = None, *,
                temperature: float | Tensor = 1.0, normalize: bool = False,
                locations: int = 1) -> Tensor:
        """The loss on scores u[i] . v[j] / temperature, see `libmi.Bound.embeddings`.

        Parameters
        ----------
        u : [n, d]
        v : [n L, d]; rows i L to i L + L - 1 belong to row i of u
        baseline : [n] log baselines, for 'tuba', 'interpolated' and 'flo'
        temperature : above 0; as a tensor of one element it gets a gradient
        normalize : rows are divided by their length first (cosine)
        locations : L, rows of v for each row of u
        """
        u = ready(u, 'u', rows=True)
        if isinstance(temperature, Tensor):
            expect_plain(temperature, 'temperature')
        return self._loss(self.bound.embeddings, {'normalize': normalize, 'locations': locations},
                          u=u, v=ready(v, 'v', u, rows=True),
                          baseline=ready(baseline, 'baseline', u), temperature=temperature)


class IICLoss(torch.nn.Module):
    """Invariant information clustering: minus the mutual information of the clusters of twins.

    Copies and pickles of the module make a handle of their own; a context goes along with copies
    only.

    Parameters
    ----------
    lambda_ : weight of the entropies of the clusters, above 0; more works against empty ones
    repeats : twins of each sample: row i of z has rows i * repeats and on of zt
    asymmetric : the joint matrix isn't made symmetric; for views that play different parts
    context : None: the process's default one

    Attributes
    ----------
    last : the `libmi.IICResult` of the last call, for the losses of heads, or None
    """

    def __init__(self, lambda_: float = 1.0, repeats: int = 1, asymmetric: bool = False, *,
                 context: Context | None = None) -> None:
        super().__init__()
        self._context = context
        self._options: dict[str, Any] = {'lambda_': lambda_, 'repeats': repeats,
                                         'asymmetric': asymmetric}
        self._iic = IIC(context=context, **self._options)
        self.last: IICResult | None = None

    @outside_graphs
    def forward(self, z: Tensor | Sequence[Tensor], zt: Tensor | Sequence[Tensor],
                weight: Tensor | Sequence[Tensor] | None = None) -> Tensor:
        """The loss, averaged over heads, see `libmi.IIC`.

        Parameters
        ----------
        z : [n, K] probabilities, each row sums to 1; or a list of such, one for each head
        zt : [n * repeats, K] of the twins, or a list
        weight : [n * repeats] what each pair counts, one for all heads or a list
        """
        shared = not isinstance(weight, (list, tuple))
        z = heads(z, 'z')
        zt, weight = heads(zt, 'zt', z), heads(weight, 'weight', z, rows=False)
        for w in weight:
            constant(w, 'weight')
        count, arrays = len(z), [array(x) for x in (*z, *zt)]
        weights = [array(w) for w in weight]

        def evaluate(wanted: Sequence[bool]) -> tuple[float, list[Any]]:
            out = {name: [None] * count for name, want in (
                ('dz', any(wanted[:count])), ('dzt', any(wanted[count:]))) if want}
            result = self._iic(arrays[:count], arrays[count:],
                               weights[0] if shared else weights, out=out)
            self.last = IICResult(result.loss, result.losses)
            return result.loss, [*(result.dz or [None] * count), *(result.dzt or [None] * count)]

        return differentiable(evaluate, *z, *zt)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_iic': None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        iic = IIC(context=state['_context'], **state['_options'])
        super().__setstate__({**state, '_iic': iic})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return _copied(self, memo)

    def extra_repr(self) -> str:
        return ', '.join(f'{name}={value}' for name, value in self._options.items())


@outside_graphs
def kl(mean: Tensor, log_variance: Tensor, *, reduce: str = 'sum') -> Tensor:
    """The divergence of Gaussian codes from N(0, I), see `libmi.prior.kl`.

    Parameters
    ----------
    mean, log_variance : [n, d], rows may have a stride
    reduce : 'sum' over dimensions: the divergence proper; 'mean': doesn't grow with d
    """
    mean = ready(mean, 'mean', rows=True)
    log_variance = ready(log_variance, 'log_variance', mean, rows=True)

    def evaluate(wanted: Sequence[bool]) -> tuple[float, Sequence[Any]]:
        loss, *gradients = _prior.kl(array(mean), array(log_variance), reduce=reduce,
                                     grad=any(wanted))
        return loss, gradients

    return differentiable(evaluate, mean, log_variance)


class _Sample(torch.autograd.Function):
    """Noise scaled and shifted, so that gradients go through."""

    @staticmethod
    def forward(ctx: Any, seed: int, draw: int, mean: Tensor, log_variance: Tensor) -> Tensor:
        z = tensor(_prior.sample(array(mean), array(log_variance), seed=seed, draw=draw), mean)
        ctx.save_for_backward(mean, z)
        return z

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[None, None, Tensor, Tensor | None]:
        mean, z = ctx.saved_tensors
        return None, None, dz, dz * (z - mean) / 2 if ctx.needs_input_grad[3] else None


@outside_graphs
def sample(mean: Tensor, log_variance: Tensor, *, seed: int, draw: int = 0) -> Tensor:
    """Draws codes: [n, d], mean + exp(log_variance / 2) noise, see `libmi.prior.sample`.

    Parameters
    ----------
    mean, log_variance : [n, d], rows may have a stride
    seed, draw : the noise is a function of both, of row and dimension: count batches in draw
    """
    mean = ready(mean, 'mean', rows=True)
    return _Sample.apply(seed, draw, mean, ready(log_variance, 'log_variance', mean, rows=True))


@outside_graphs
def adversarial(side: str, code: Tensor, prior: Tensor | None = None) -> Tensor:
    """Adversarial prior matching on a discriminator's scores, see `libmi.prior.adversarial`.

    Parameters
    ----------
    side : 'discriminator', 'encoder' or 'encoder-minimax'
    code : scores of codes, any shape
    prior : scores of samples of the prior, any shape; not needed for the encoder
    """
    code = ready(code, 'code')
    prior = ready(prior, 'prior', code)

    def evaluate(wanted: Sequence[bool]) -> tuple[float, Sequence[Any]]:
        loss, *gradients = _prior.adversarial(side, array(code), array(prior), grad=any(wanted))
        return loss, gradients

    return differentiable(evaluate, code, prior)
