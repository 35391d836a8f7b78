# SPDX-License-Identifier: BSD-2-Clause
"""Takes an encoder's gradients to better weights: Adam or SGD, with schedules."""
from __future__ import annotations

from ctypes import byref
from typing import Any

from . import _abi
from ._errors import check
from ._handle import Handle, expect
from ._library import lib
from ._options import WEIGHTLESS, fill
from .encoder import Encoder

_ZEROS = {'rate': None, 'beta1': WEIGHTLESS, 'beta2': WEIGHTLESS, 'epsilon': None, 'momentum': -1,
          'gamma': None}


def options(**words: Any) -> _abi.mi_optimizer_options:
    """What `Optimizer` is told by its keywords, for C."""
    return fill(_abi.mi_optimizer_options, words,
                {'kind': 'mi_optimizer_kind', 'schedule': 'mi_schedule'}, _ZEROS)


class Optimizer(Handle):
    """An optimizer of all learnt parameters of an encoder, which it takes turns with.

    Parameters
    ----------
    encoder : whose parameters
    kind : 'adam' (weight decay decoupled) or 'sgd' (with momentum)
    schedule : 'constant'; 'step': times `gamma` (None: 0.1) every `period` steps; 'cosine': half
        a cosine down to `floor` (None: 0) at `total` steps
    rate : learning rate; None: 1e-3 for Adam, 1e-2 for SGD
    beta1, beta2, epsilon : of Adam; None: 0.9, 0.999, 1e-8
    momentum : of SGD; None: 0.9
    decay : weight decay; None: 0
    warmup : steps in which the rate grows from 0; None: 0
    """

    def __init__(self, encoder: Encoder, kind: str = 'adam', **words: Any) -> None:
        expect(encoder, Encoder, 'encoder')
        filled = options(kind=kind, **words)
        self._encoder = encoder
        self._kind = kind
        with encoder._turn:
            self._open('mi_optimizer_create', encoder._pointer, byref(filled), turn=encoder._turn)

    def step(self) -> None:
        """One step with the encoder's gradients; if one isn't finite, nothing is changed."""
        with self._turn:
            check(lib.mi_optimizer_step(self._pointer))

    @property
    def rate(self) -> float:
        """The rate that the next step will use."""
        with self._turn:
            return lib.mi_optimizer_rate(self._pointer)

    @property
    def steps(self) -> int:
        """Steps made so far."""
        with self._turn:
            return lib.mi_optimizer_steps(self._pointer)

    def __repr__(self) -> str:
        told = 'closed' if self.closed else f'rate={self.rate:g}, steps={self.steps}'
        return f'Optimizer({self._kind!r}, {told})'
