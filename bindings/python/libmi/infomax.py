# SPDX-License-Identifier: BSD-2-Clause
"""Representations of images without a label: an encoder, trained by Deep InfoMax."""
from __future__ import annotations

from ctypes import byref, c_int64
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from . import _abi
from ._arrays import address
from ._errors import ArgumentError, check
from ._fit import Step, train
from ._handle import Handle, expect
from ._library import lib
from ._options import at_least, fill, negatives as _negatives, path as _path, sized
from .cluster import _turn
from .encoder import Encoder
from .optimizer import Optimizer
from .pairs import Pairs

_ENUMS = {'global_critic': 'mi_infomax_critic', 'local_critic': 'mi_infomax_critic',
          'global_of': 'mi_infomax_global', 'prior': 'mi_infomax_prior'}
_ZEROS = dict.fromkeys(('units', 'embed', 'layers', 'negatives', 'temperature'))
_WEIGHTS = ('alpha', 'beta', 'gamma', 'delta')


class InfomaxReport(NamedTuple):
    """What a step tells. Terms of weight 0 are 0."""

    step: int  #: steps made, this one counted
    rate: float  #: learning rate that was used
    loss: float  #: of the encoder: the weighted sum
    global_loss: float  #: of the bound, descended
    global_estimate: float  #: what the bound says, nats
    local_loss: float  #: likewise, the mean over taps
    local_estimate: float  #: likewise
    within_loss: float  #: likewise
    within_estimate: float  #: likewise
    prior: float  #: 'kl': nats a dimension; adversarial: ln 2 where the discriminator can't tell
    discriminator: float  #: its own loss, 2 ln 2 likewise


class InfomaxProgress(NamedTuple):
    """Where a training stands after a step."""

    epoch: int  #: 1 to epochs
    epochs: int
    step: int  #: 1 to steps
    steps: int  #: in an epoch
    loss: float  #: running mean
    report: InfomaxReport  #: of the step


class Levels(NamedTuple):
    """Numbers of an image at three levels of an encoder."""

    conv: int  #: of the last map that has more than one position, h w c; of the image without one
    fc: int  #: of the trunk's features
    code: int  #: of the first head, with two heads the means


class _Rows:
    """Means over the steps since the row before."""

    def __init__(self, measures: int) -> None:
        self.rows: list[InfomaxReport] = []
        self._measures = measures
        self._since: list[InfomaxReport] = []

    def after(self, now: Step, shown: Any) -> None:
        self._since.append(now.report)
        epoch = now.row(self._measures)
        if epoch is None:
            return
        row = InfomaxReport(*now.report[:2], *map(float, np.mean(self._since, axis=0)[2:]))
        self.rows.append(row)
        self._since = []
        told = ''.join(f', {name} {value:.4f}' for name, value in (
            ('global', row.global_estimate), ('local', row.local_estimate),
            ('within', row.within_estimate)) if value)
        shown.say(f'epoch {epoch:g}: loss {row.loss:.4f}{told} nats')


class Infomax(Handle):
    """An encoder whose code learns to tell much about the image, and above all about each place.

    It takes turns with its encoder, whose outputs and gradients `step` and `encode` replace.

    Parameters
    ----------
    encoder : with one linear head for the code, or two of one size: the code is then Gaussian,
        the first its mean and the second its log variance. And with a `tap` where a term looks at
        a map, such as 'infomax | linear 64'
    optimizer : made for that encoder; critics and discriminator get others with the same options;
        None: only `encode`
    alpha, beta, gamma, delta : weights of the terms, 0 or more: of global (the code with the
        whole map), of local (with the map at each position), of the prior, and of within (the map
        at one position with all positions). None: 0, if all are None .5, 1.5, .01 and 0
    global_bound, local_bound, within_bound : a kind of lower bound, see `libmi.bounds()`; None:
        'jsd'
    discriminator : its hidden layers, as in `Encoder`; None: 'dense 1000, relu, dense 200, relu'
    global_critic : 'concat' (a perceptron on both) or 'dot' (a product of projections); None:
        concat
    local_critic : likewise; None: dot
    global_of : 'map', the first tap's, or 'code', itself or that of the other view; None: map
    prior : 'none'; 'kl', a divergence from N(0, I), for two heads and nothing else is for them;
        'uniform' or 'normal', by a discriminator; None: kl for two heads, else none
    units : hidden units of critics; None: 512
    embed : outputs of projections; None: as many
    layers : hidden layers of concat; None: 2
    negatives : strangers that concat compares with for each pair that belongs together; 'all' of
        the batch; None: 1, for bounds that compare within rows 8
    shuffle : True: concat takes them from a shuffled batch, where some meet themselves
    temperature : of dot, whose scores are cosines divided by it; None: .1
    seed : of critics, negatives and noise; None or 0: the context's

    Attributes
    ----------
    widths : the `Levels`
    """

    def __init__(self, encoder: Encoder, optimizer: Optimizer | None = None, *,
                 negatives: int | str | None = None, **options: Any) -> None:
        expect(encoder, Encoder, 'encoder')
        options.update(negatives=_negatives(negatives))
        filled = fill(_abi.mi_infomax_options, options, _ENUMS, _ZEROS)
        given = [name for name in _WEIGHTS if options.get(name) is not None]
        if given and not any(getattr(filled, name) for name in _WEIGHTS):
            raise ArgumentError(f'{" and ".join(given)} {"are" if given[1:] else "is"} 0, and so '
                                'are weights that are not given: give one above 0')
        if optimizer is not None:
            expect(optimizer, Optimizer, 'optimizer')
            if optimizer._encoder is not encoder:
                raise ArgumentError('the optimizer was made for another encoder: '
                                    'make one for this')
        self._encoder, self._optimizer = encoder, optimizer
        with encoder._turn:
            e = encoder._pointer
            self._open('mi_infomax_create', e, optimizer and optimizer._pointer, byref(filled),
                       turn=encoder._turn)
        conv, fc, code = c_int64(), c_int64(), c_int64()
        with self._turn:
            check(lib.mi_infomax_widths(self._pointer, byref(conv), byref(fc), byref(code)))
        self.widths = Levels(conv.value, fc.value, code.value)

    def step(self, x: Any, xt: Any = None) -> InfomaxReport:
        """One step of training. If it fails, nothing has changed.

        Parameters
        ----------
        x : [n, h, w, c] float32, or [n, h, w] where c is 1; 2 images or more
        xt : as x, other views of the same images, so that the code of one meets the map of the
            other; None: one view
        """
        x = self._encoder._images(x, 'x')
        xt = None if xt is None else self._encoder._images(xt, 'xt', len(x))
        report = sized(_abi.mi_infomax_report)
        with self._turn:
            infomax = self._pointer
            self._encoder._shape = None
            check(lib.mi_infomax_step(infomax, len(x), address(x), address(xt), byref(report)))
        return InfomaxReport(*(getattr(report, name) for name in InfomaxReport._fields))

    def encode(self, x: Any, level: str | Sequence[str] = 'code') -> Any:
        """What the encoder says of images.

        Parameters
        ----------
        x : [n, h, w, c] float32, or [n, h, w] where c is 1
        level : 'conv', 'fc' or 'code', see `Levels`; or several, computed at once

        Returns
        -------
        y : [n, numbers of the level] float32; a tuple of them for several. The numbers of conv
            are those of one position after another
        """
        names = _levels(level)
        x = self._encoder._images(x, 'x')
        y = {name: np.empty((len(x), getattr(self.widths, name)), np.float32) for name in names}
        with self._turn:
            infomax = self._pointer
            self._encoder._shape = None
            check(lib.mi_infomax_encode(infomax, len(x), address(x),
                                        *(address(y.get(name)) for name in Levels._fields)))
        return y[names[0]] if isinstance(level, str) else tuple(y[name] for name in names)

    def fit(self, pairs: Pairs, epochs: int = 4, *, views: int = 2, measures: int = 1,
            progress: bool | Callable[[InfomaxProgress], object] | None = None
            ) -> list[InfomaxReport]:
        """Trains until `pairs` stands at the end of epoch `epochs`, from where it stands now.

        Ctrl-C stops after the step at work: KeyboardInterrupt is raised, and calling `fit` again
        continues. So it is with exceptions of `progress`.

        Parameters
        ----------
        pairs : of as many pixels as the encoder takes, with one twin of each image
        epochs : times through the set in all, those before a `restore` or an interruption
            counted
        views : 2: image and twin; 1: the image alone, a random view of it in the natural recipe
        measures : how often in an epoch to take down a row
        progress : True: a bar by tqdm, or lines on standard error. Or called with an
            `InfomaxProgress` after each step; it stops the training by returning True or by
            raising

        Returns
        -------
        history : an `InfomaxReport` for each measure, means over the steps since the one before
        """
        expect(pairs, Pairs, 'pairs')
        epochs, rows = at_least(epochs, 'epochs', 1), _Rows(at_least(measures, 'measures', 1))
        if at_least(views, 'views', 1) > 2:
            raise ArgumentError(f'views is {views}: it has to be 1 or 2')
        if views == 2 and pairs.sizes.repeats != 1:
            raise ArgumentError(f'pairs has {pairs.sizes.repeats} twins of each image: make it '
                                'with repeats=1, or give views=1')
        train(pairs, epochs, progress, lambda x, xt: self.step(x, xt if views == 2 else None),
              rows.after, lambda now: InfomaxProgress(*now))
        return rows.rows

    def save(self, path: Any, pairs: Pairs | None = None) -> None:
        """Writes a checkpoint: all weights and optimizers, and the position of pairs.

        Continuing from it gives the same weights, bit for bit, as not having stopped. The file
        is safetensors, appears whole or not at all, and `Encoder.load` reads it too.
        """
        name = _path(path)
        with self._turn, _turn(pairs):
            check(lib.mi_infomax_save(self._pointer, pairs and pairs._pointer, name))

    def restore(self, path: Any, pairs: Pairs | None = None) -> None:
        """Reads a checkpoint back, all or nothing, into one made with the same options.

        `pairs` goes to the saved position, and the saved seed is taken over.
        """
        name = _path(path)
        with self._turn, _turn(pairs):
            check(lib.mi_infomax_restore(self._pointer, pairs and pairs._pointer, name))

    def __repr__(self) -> str:
        return f'Infomax({self._encoder.description!r}{", closed" if self.closed else ""})'


def _levels(level: Any) -> tuple[str, ...]:
    names = tuple(level) if isinstance(level, (list, tuple)) else (level,)
    for name in names:
        if name not in Levels._fields:
            raise ArgumentError(f'level is {name!r}: one of {", ".join(Levels._fields)} is needed')
    return names
