# SPDX-License-Identifier: BSD-2-Clause
"""Between PyTorch's tensors and the library: memory in, losses with their gradients out."""
from __future__ import annotations

import functools
from typing import Any, Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ._errors import ArgumentError, DTypeError, ShapeError, UnsupportedError

_FLOATS = (torch.float32, torch.float64)
_HALVES = (torch.float16, torch.bfloat16)
#: whether a tensor is one that torch.func made; there is no public way to ask
_transformed = getattr(getattr(torch._C, '_functorch', None), 'is_functorch_wrapped_tensor', None)

#: tells which gradients are wanted, gets the loss and a gradient or None for each input
Evaluate = Callable[[Sequence[bool]], 'tuple[float, Sequence[Any]]']


def outside_graphs(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that torch.compile leaves alone.

    The same as torch.compiler.disable, which as a decorator would load the compiler, for
    seconds, whether or not it is needed.
    """
    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Tensor:
        if torch.compiler.is_compiling():
            return torch.compiler.disable(function)(*arguments, **options)
        return function(*arguments, **options)
    return called


def array(x: Tensor | None) -> np.ndarray | None:
    """A tensor's memory; on another device, that of a copy."""
    return None if x is None else x.detach().cpu().numpy()


def tensor(value: Any, like: Tensor) -> Tensor:
    """What the library gave, with the type and device of a tensor."""
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def expect_plain(x: Any, name: str) -> None:
    if not isinstance(x, Tensor):
        raise DTypeError(f'{name} is a {type(x).__name__}: give a tensor, '
                         f'as torch.as_tensor({name})')
    if _transformed is not None and _transformed(x):
        raise UnsupportedError(f'{name} is under a transform of torch.func, which the losses do '
                               'not support: use torch.autograd, as with loss.backward()')


def ready(x: Any, name: str, first: Tensor | None = None, *, rows: bool = False) -> Any:
    """An input as the library can read it, of the type and device of the first one."""
    if x is None:
        return None
    expect_plain(x, name)
    if x.dtype in _HALVES and torch.is_autocast_enabled(x.device.type):
        x = x.float()
    if x.dtype not in _FLOATS:
        raise DTypeError(f'{name} is {x.dtype}: give torch.float32 or torch.float64, '
                         f'as {name}.float()')
    if first is not None and (x.dtype != first.dtype or x.device != first.device):
        raise DTypeError(f'{name} is {x.dtype} on {x.device}, and what comes before it '
                         f'{first.dtype} on {first.device}: give {name}.to({first.dtype}), '
                         'and all on one device')
    in_place(x, name, rows)
    return x


def in_place(x: Tensor, name: str, rows: bool) -> None:
    if x.layout != torch.strided:
        raise DTypeError(f'{name} is {x.layout}: give {name}.to_dense()')
    if not x.is_contiguous() and not (rows and x.dim() == 2 and x.stride(0) >= x.shape[1]
                                      and (x.stride(1) == 1 or x.shape[1] == 1)):
        raise ShapeError(f'{name} has strides {x.stride()}, its elements do not lie together'
                         f'{" in rows" if rows else ""}: give {name}.contiguous()')


def heads(given: Any, name: str, like: Sequence[Any] = (), *, rows: bool = True) -> list[Any]:
    """One input for each head, a list of one where there is no list."""
    if not isinstance(given, (list, tuple)):
        return [ready(given, name, *like[:1], rows=rows)]
    heads: list[Any] = []
    for i, x in enumerate(given):
        heads.append(ready(x, f'{name}[{i}]', *(like or heads)[:1], rows=rows))
    return heads


def constant(x: Tensor | None, name: str) -> None:
    if x is not None and x.requires_grad and torch.is_grad_enabled():
        raise ArgumentError(f'{name} requires a gradient, and there is none of it: '
                            f'give {name}.detach()')


class _Loss(torch.autograd.Function):
    """Any loss: its gradients come with it."""

    @staticmethod
    def forward(ctx: Any, evaluate: Evaluate, *inputs: Any) -> Tensor:
        wanted = ctx.needs_input_grad[1:]
        loss, gradients = evaluate(wanted)
        ctx.save_for_backward(*(tensor(g, x).reshape(x.shape) if want else None
                                for want, g, x in zip(wanted, gradients, inputs)))
        return tensor(loss, inputs[0])

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # or they would be taken for constants, silently
            raise UnsupportedError('second derivatives of the losses are not computed: '
                                   'leave create_graph out')
        return (None, *(None if g is None else g * scale.to(g.device) for g in ctx.saved_tensors))


def differentiable(evaluate: Evaluate, *inputs: Tensor | None) -> Tensor:
    if torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs):
        return _Loss.apply(evaluate, *inputs)
    return tensor(evaluate([False] * len(inputs))[0], inputs[0])
