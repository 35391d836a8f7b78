# SPDX-License-Identifier: BSD-2-Clause
"""Mutual information by a network: MINE, and every other bound, on samples."""
from __future__ import annotations

from ctypes import POINTER, byref, cast
from typing import Any, Callable, Mapping, NamedTuple

import numpy as np

from . import _abi, context as _context, optimizer as _optimizer
from ._arrays import FLOAT32, address, array, brief
from ._errors import ArgumentError, ShapeError, check
from ._gradients import gradients
from ._handle import Handle
from ._library import lib
from ._options import fill, negatives as _negatives, path as _path, sized, whole
from ._progress import show
from ._watch import Watch
from .bound import Bound, at_cap

_ZEROS = {'units': None, 'layers': None, 'embed': None, 'negatives': None}
_FIT_ZEROS = dict.fromkeys(('steps', 'batch', 'check', 'patience', 'test', 'validation'))
_STEPS = 10000  # of a fit that is told nothing else


class MineReport(NamedTuple):
    """What a step, an evaluation or a look of `fit` tells."""

    step: int  #: steps made
    estimate: float  #: of this batch, nats
    loss: float  #: that was descended
    cap: float  #: of the estimate on such a batch; infinite if there is none
    average: float  #: moving average of the steps' estimates, of the last hundred or so
    dx: np.ndarray | None = None  #: as x, the gradient of the loss before the step; if wanted
    dy: np.ndarray | None = None  #: as y, likewise

    def __repr__(self) -> str:
        return brief(self)

    @property
    def at_cap(self) -> bool:
        """Whether the estimate is within 5 % of its cap, so that the truth may well be more."""
        return at_cap(self.estimate, self.cap)


class MineFit(NamedTuple):
    """What came out of `Mine.fit`; `float(fit)` is the estimate."""

    estimate: float  #: on the test samples, nats
    error: float  #: standard error of that, given the critic; NaN if there are too few samples
    cap: float  #: of it; infinite if there is none
    training: float  #: on the training samples: far above the other, it has overfitted
    validation: float  #: on the validation samples at the best look
    steps: int  #: steps made
    best_step: int  #: whose weights are kept: the best look's
    test_samples: int  #: that the estimate is made on
    history: list[MineReport]  #: of the looks at the validation samples

    def __float__(self) -> float:
        return self.estimate

    def __repr__(self) -> str:
        told = ', '.join(f'{name}={value:.6g}' for name, value in self._asdict().items()
                         if name != 'history')
        return f'MineFit({told}, history=<{len(self.history)} looks>)'

    @property
    def at_cap(self) -> bool:
        """Whether the estimate is within 5 % of its cap, so that the truth may well be more."""
        return at_cap(self.estimate, self.cap)


def _report(report: _abi.mi_mine_report, dx: Any = None, dy: Any = None) -> MineReport:
    return MineReport(report.step, report.estimate, report.loss, report.cap, report.average, dx,
                      dy)


class _Looks(Watch):
    """What `fit` does after each look: takes it down, shows it, and asks whether to go on."""

    def __init__(self, progress: bool | Callable[[MineReport], object] | None,
                 steps: int) -> None:
        super().__init__(_abi.mi_mine_fit_options_progress)
        self.reports: list[MineReport] = []
        self._ask = progress if callable(progress) else None
        self._shown = show(bool(progress) and self._ask is None, 0, steps)

    def _look(self, report: int) -> object:
        now = _report(cast(report, POINTER(_abi.mi_mine_report))[0])
        before = self.reports[-1] if self.reports else now
        self.reports.append(now)
        self._shown.step(f'estimate {now.estimate:.4f}', now.step - before.step)
        return self._ask is not None and self._ask(now)

    def __exit__(self, *raised: Any) -> None:
        self._shown.close()
        super().__exit__(*raised)


class Mine(Handle):
    """A critic that learns to tell pairs (x, y) that belong together from pairs that don't.

    A bound on its scores is the estimate of I(x; y). `fit` is for samples in memory, `step` for
    a loop of your own. Samples are float32, [n, dx] and [n, dy], or [n, ...] of as many numbers.

    Parameters
    ----------
    dx, dy : numbers of an x and of a y
    bound : a kind of bound, see `libmi.bounds()`, or a `Bound`, which takes turns with this one
        from now on; its parameters may be set at any time
    critic : 'additive', 'concat', 'separable', 'bilinear' or 'gaussian'; None: concat, and
        gaussian for upper bounds
    rate : learning rate of Adam; None: 1e-3
    optimizer : options of `libmi.Optimizer` instead, such as {'kind': 'sgd', 'rate': 0.01}
    units : of a hidden layer; None: 128
    layers : hidden layers; None: 2. additive has 1, bilinear none
    embed : numbers of an embedding, of separable; None: 32
    negatives : for additive and concat, others' y for each x; 'all' of the batch; None: all for
        bounds that compare within a row, else 1
    baseline : 1: the baseline of tuba, interpolated and flo isn't learnt
    seed : of weights and of who is compared with whom; None or 0: the context's
    context : None for the process's

    Attributes
    ----------
    sizes : (dx, dy)
    bound : the `Bound`
    critic : the word for it
    """

    def __init__(self, dx: int, dy: int, bound: str | Bound = 'mine', critic: str | None = None,
                 *, rate: float | None = None, optimizer: Mapping[str, Any] | None = None,
                 negatives: int | str | None = None, context: _context.Context | None = None,
                 **options: Any) -> None:
        self.sizes = whole(dx, 'dx'), whole(dy, 'dy')
        options.update(critic=critic, negatives=_negatives(negatives))
        filled = fill(_abi.mi_mine_options, options, {'critic': 'mi_critic'}, _ZEROS)
        if optimizer is not None and rate is not None:
            raise ArgumentError('rate and optimizer are both given: put the rate among the '
                                'options of the optimizer')
        learning = _optimizer.options(**{'kind': 'adam', 'rate': rate, **(optimizer or {})})
        self._context = _context.chosen(context)
        self.bound = bound if isinstance(bound, Bound) else Bound(bound, context=self._context)
        self.critic = critic or ('gaussian' if self.bound.info.side == 'upper' else 'concat')
        with self._context._turn, self.bound._turn:
            self._open('mi_mine_create', self._context._pointer, *self.sizes, self.bound._pointer,
                       byref(filled), byref(learning), turn=self.bound._lock)

    def _samples(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        pair = []
        for value, name, size in zip((x, y), 'xy', self.sizes):
            a = array(value, name, FLOAT32)
            n = a.shape[0] if a.ndim else 0
            if a.size != n * size or not a.ndim:
                raise ShapeError(f'{name} has shape {a.shape}, (n, {size}) is needed')
            pair.append(a)
        if len(pair[0]) != len(pair[1]):
            raise ShapeError(f'x has {len(pair[0])} samples and y {len(pair[1])}: as many of '
                             'both are needed')
        return pair[0], pair[1]

    def step(self, x: Any, y: Any, *, grad: bool = False,
             out: Mapping[str, Any] | None = None) -> MineReport:
        """One step of training on a batch. If it fails, nothing has changed.

        Parameters
        ----------
        x, y : n samples each, 2 or more; row i of x belongs together with row i of y
        grad : whether the gradients dx and dy, of the loss before the step, are wanted
        out : arrays for them, by these names

        Raises
        ------
        NumericError : NaN or infinity, in or out
        ShapeError : fewer than 2 samples, or no more than negatives
        UnsupportedError : gradients after a fit with `gaussian`
        """
        x, y = self._samples(x, y)
        dx, dy = gradients(grad, out, {'x': x, 'y': y}) if grad or out else (None, None)
        report = sized(_abi.mi_mine_report)
        with self._turn:
            check(lib.mi_mine_step(self._pointer, len(x), address(x), address(y), address(dx),
                                   address(dy), byref(report)))
        return _report(report, dx, dy)

    def evaluate(self, x: Any, y: Any, negatives: int | str | None = None) -> MineReport:
        """The bound on samples, without learning from them: the estimate on new data.

        negatives: for this call, as in the constructor; None: as there
        """
        x, y = self._samples(x, y)
        count = 0 if negatives is None else whole(_negatives(negatives), 'negatives', 32)
        if negatives is not None and not count:
            raise ArgumentError('negatives is 0: it has to be 1 or more, or all')
        report = sized(_abi.mi_mine_report)
        with self._turn:
            check(lib.mi_mine_eval(self._pointer, len(x), address(x), address(y), count,
                                   byref(report)))
        return _report(report)

    def scores(self, x: Any, y: Any) -> np.ndarray:
        """What the critic says of each pair, [n] float32: for most bounds the pointwise mutual
        information, up to a constant."""
        x, y = self._samples(x, y)
        scores = np.empty(len(x), np.float32)
        with self._turn:
            check(lib.mi_mine_scores(self._pointer, len(x), address(x), address(y),
                                     address(scores)))
        return scores

    def fit(self, x: Any, y: Any, *, progress: bool | Callable[[MineReport], object] | None = None,
            **options: Any) -> MineFit:
        """Learns from samples, and estimates on others that were held back.

        Ctrl-C stops at the next look: KeyboardInterrupt is raised, the critic keeps the weights
        of its best look, and calling `fit` again goes on from there. So it is with exceptions of
        `progress`.

        Parameters
        ----------
        x, y : n samples each, 16 or more
        steps : at most; None: 10000
        batch : samples of a step; None: 256
        check : steps between looks at the validation samples; None: 100
        patience : looks without a better value before it stops; None: 10; -1: all steps are made
        test : share of the samples that only the estimate is made on; None: 0.5
        validation : share of the others that tell when to stop; None: 0.2
        scale : 'none', 'standard' or 'rank', found on the training samples; None: standard. It
            stays: later calls take samples as they are
        gaussian : 1: the critic learns what Gaussians that fit the training samples leave out
        progress : True: a bar by tqdm, or lines on standard error. Or called with a
            `MineReport` after each look; by returning True it stops with a CancelledError
        """
        x, y = self._samples(x, y)
        filled = fill(_abi.mi_mine_fit_options, options, {'scale': 'mi_scale'}, _FIT_ZEROS)
        report = sized(_abi.mi_mine_fit_report)
        with _Looks(progress, filled.steps or _STEPS) as looks:
            filled.progress = looks.function
            with self._turn:
                looks.check(lib.mi_mine_fit(self._pointer, len(x), address(x), address(y),
                                            byref(filled), byref(report)))
        return MineFit(report.estimate, report.error, report.cap, report.training,
                       report.validation, report.steps, report.best_step, report.test_samples,
                       looks.reports)

    def save(self, path: Any) -> None:
        """Writes weights, optimizer, the bound's state and the scale to a safetensors file.

        It appears whole or not at all, and steps from it are the same, bit for bit.
        """
        name = _path(path)
        with self._turn:
            check(lib.mi_mine_save(self._pointer, name))

    def restore(self, path: Any) -> None:
        """Reads such a file back, all or nothing, into one made with the same options."""
        name = _path(path)
        with self._turn:
            check(lib.mi_mine_restore(self._pointer, name))

    def __repr__(self) -> str:
        dx, dy = self.sizes
        return (f'Mine({dx}, {dy}, {self.bound.kind!r}, {self.critic!r}'
                f'{", closed" if self.closed else ""})')
