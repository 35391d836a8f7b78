# SPDX-License-Identifier: BSD-2-Clause
"""Sorting images without a label: an encoder with softmax heads, trained by IIC."""
from __future__ import annotations

import ctypes
from contextlib import nullcontext
from ctypes import byref, c_int32
from typing import Any, Callable, ContextManager, NamedTuple

import numpy as np

from . import _abi
from ._arrays import address
from ._errors import ArgumentError, ShapeError, check
from ._fit import Progress, Row, fit
from ._handle import Handle, expect
from ._library import lib
from ._options import WEIGHTLESS, fill, path as _path, sized, whole
from .dataset import Dataset
from .encoder import Encoder
from .optimizer import Optimizer
from .pairs import Pairs

_ZEROS = {'classes': None, 'lambda': None, 'over_lambda': None, 'loss_memory': WEIGHTLESS}


class Report(NamedTuple):
    """What a step tells."""

    step: int  #: steps made, this one counted
    loss: float  #: mean over the heads that learn, this batch, nats
    rate: float  #: learning rate that was used
    selected: int  #: the head with the lowest running loss


class Score(NamedTuple):
    """How a head did on a labelled set."""

    classes: int  #: the head's K
    loss: float  #: running loss of training, or what was measured, nats
    accuracy: float  #: under the best one-to-one naming
    majority: float  #: each cluster named by its most frequent class
    nmi: float  #: normalised mutual information, arithmetic
    ari: float  #: adjusted Rand index


def _turn(pairs: Pairs | None) -> ContextManager[object]:
    """The generator's turn, or nothing."""
    if pairs is None:
        return nullcontext()
    expect(pairs, Pairs, 'pairs')
    return pairs._turn


class Cluster(Handle):
    """A clustering of images by an encoder with softmax heads, trained without a label.

    It takes turns with its encoder, whose outputs and gradients `step`, `restart`, `measure`,
    `predict` and `evaluate` replace.

    Parameters
    ----------
    encoder : with softmax heads only
    optimizer : made for that encoder; None: only evaluation
    classes : K of the heads that count, wider ones are over-clustering heads; None: the
        narrowest's
    late_heads : True: heads of `classes` outputs wait for the first `restart`; until then only
        over-clustering heads shape the trunk
    lambda_ : weight of the entropy of the clusters, of heads of `classes` outputs, above 0;
        None: 1. More works against clusters that are empty or of unequal size
    over_lambda : of over-clustering heads, likewise
    loss_memory : weight of the past in each head's running loss, below 1; None: 0.99

    Attributes
    ----------
    heads : numbers of the heads of `classes` outputs
    """

    def __init__(self, encoder: Encoder, optimizer: Optimizer | None = None,
                 **options: Any) -> None:
        expect(encoder, Encoder, 'encoder')
        filled = fill(_abi.mi_cluster_options, options, zeros=_ZEROS)
        if optimizer is not None:
            expect(optimizer, Optimizer, 'optimizer')
            if optimizer._encoder is not encoder:
                raise ArgumentError('the optimizer was made for another encoder: '
                                    'make one for this')
        self._encoder, self._optimizer = encoder, optimizer
        with encoder._turn:
            e = encoder._pointer
            self._open('mi_cluster_create', e, optimizer and optimizer._pointer, byref(filled),
                       turn=encoder._turn)
        classes = filled.classes or min(encoder.widths)
        self.heads = tuple(h for h, width in enumerate(encoder.widths) if width == classes)
        self._late = filled.late_heads != 0
        self._over = max(encoder.widths) > classes

    def step(self, x: Any, xt: Any) -> Report:
        """One step of training. If it fails, neither weights nor losses have changed.

        Parameters
        ----------
        x : [n, h, w, c] float32, or [n, h, w] where c is 1
        xt : [n * repeats, h, w, c], the twins, as `Pairs` gives them
        """
        x, xt = self._encoder._images(x, 'x'), self._encoder._images(xt, 'xt')
        n, twins = len(x), len(xt)
        if n == 0 or twins == 0 or twins % n:
            raise ShapeError(f'x has {n} images and xt {twins}: xt needs one or more for each '
                             'of x, the same number for all')
        report = sized(_abi.mi_cluster_report)
        repeats = whole(twins // n, 'repeats', 32)
        with self._turn:
            cluster = self._pointer
            self._encoder._shape = None
            check(lib.mi_cluster_step(cluster, n, address(x), repeats, address(xt),
                                      byref(report)))
        return Report(report.step, report.loss, report.rate, report.selected)

    @property
    def selected(self) -> int:
        """The head with the lowest running loss among those of `classes` outputs."""
        with self._turn:
            return lib.mi_cluster_select(self._pointer)

    def restart(self, pairs: Pairs, batches: int = 80) -> int:
        """Gives stuck heads a new start from the merged clusters of over-clustering heads.

        Parameters
        ----------
        pairs : where images come from; the batches that come next stay to be given again
        batches : how many to measure and to teach with

        Returns
        -------
        count : how many heads were started anew
        """
        expect(pairs, Pairs, 'pairs')
        batches, count = whole(batches, 'batches'), c_int32()
        with self._turn, pairs._turn:
            cluster, p = self._pointer, pairs._pointer
            self._encoder._shape = None
            check(lib.mi_cluster_restart(cluster, p, batches, byref(count)))
        return count.value

    def measure(self, pairs: Pairs, batches: int = 100) -> np.ndarray:
        """Measures every head's loss over many batches at once, and remembers it.

        The choice of a head by it is much surer than by running losses, which are means over
        batches; later steps go on averaging from there.

        Parameters
        ----------
        pairs : where images come from; the batches that come next stay to be given again
        batches : some 50,000 pairs in all tell losses apart by a thousandth of a nat

        Returns
        -------
        losses : [heads] float64, nats
        """
        expect(pairs, Pairs, 'pairs')
        batches, losses = whole(batches, 'batches'), np.empty(len(self._encoder.widths))
        with self._turn, pairs._turn:
            cluster, p = self._pointer, pairs._pointer
            self._encoder._shape = None
            check(lib.mi_cluster_measure(cluster, p, batches, address(losses)))
        return losses

    def predict(self, x: Any, head: int | None = None, probability: bool = False) -> Any:
        """Clusters images.

        Parameters
        ----------
        x : [n, h, w, c] float32, or [n, h, w] where c is 1
        head : None: the selected one
        probability : whether probabilities are wanted, too

        Returns
        -------
        label : [n] int32, the most probable cluster
        probability : [n, K of the head] float32, if wanted
        """
        x = self._encoder._images(x, 'x')
        widths = self._encoder.widths
        if head is not None and not 0 <= whole(head, 'head', 32) < len(widths):
            raise ArgumentError(f'head is {head}: it has to be from 0 to {len(widths) - 1}, or '
                                'None for the selected one')
        label = np.empty(len(x), np.int32)
        with self._turn:
            cluster = self._pointer
            self._encoder._shape = None
            if head is None:
                head = lib.mi_cluster_select(cluster)
            share = np.empty((len(x), widths[head]), np.float32) if probability else None
            check(lib.mi_cluster_predict(cluster, head, len(x), address(x), address(label),
                                         address(share)))
        return (label, share) if probability else label

    def evaluate(self, dataset: Dataset) -> list[Score]:
        """Scores every head on a labelled set of square images, by their plain views."""
        expect(dataset, Dataset, 'dataset')
        heads = len(self._encoder.widths)
        scores = (_abi.mi_cluster_score * heads)()
        scores[0].struct_size = ctypes.sizeof(_abi.mi_cluster_score)
        with self._turn, dataset._turn:
            cluster, d = self._pointer, dataset._pointer
            self._encoder._shape = None
            check(lib.mi_cluster_evaluate(cluster, d, scores))
        return [Score(s.classes, s.loss, s.accuracy, s.majority, s.nmi, s.ari) for s in scores]

    def save(self, path: Any, pairs: Pairs | None = None) -> None:
        """Writes a checkpoint: weights, optimizer, running losses, and the position of pairs.

        Continuing from it gives the same weights, bit for bit, as not having stopped. The file
        is safetensors, appears whole or not at all, and `Encoder.load` reads it too.
        """
        name = _path(path)
        with self._turn, _turn(pairs):
            check(lib.mi_cluster_save(self._pointer, pairs and pairs._pointer, name))

    def restore(self, path: Any, pairs: Pairs | None = None) -> None:
        """Reads a checkpoint back, all or nothing; `pairs` goes to the saved position."""
        name = _path(path)
        with self._turn, _turn(pairs):
            check(lib.mi_cluster_restore(self._pointer, pairs and pairs._pointer, name))

    def fit(self, pairs: Pairs, epochs: int = 4, *, restarts: int = 1, restart_batches: int = 80,
            measure_batches: int = 100, test: Dataset | None = None, measures: int = 1,
            progress: bool | Callable[[Progress], object] | None = None,
            csv: Any = None) -> list[Row]:
        """Trains until `pairs` stands at the end of epoch `epochs`, from where it stands now.

        Ctrl-C stops after the step at work: KeyboardInterrupt is raised, and calling `fit` again
        continues. So it is with exceptions of `progress`.

        Parameters
        ----------
        pairs : of as many pixels as the encoder takes
        epochs : times through the set in all, those before a `restore` or an interruption
            counted
        restarts : after that many first epochs (not the last of all) stuck heads start anew,
            if there are over-clustering heads; late heads begin with the first of them
        restart_batches, measure_batches : see `restart`, and `measure`, which chooses the head
            at the end of each epoch
        test : labelled images to measure on; labels have no influence
        measures : how often in an epoch to take down a row
        progress : True: a bar by tqdm, or lines on standard error. Or called with a `Progress`
            after each step; it stops the training by returning True or by raising
        csv : a file for the columns epoch, seconds, loss, head, head_loss, accuracy, nmi, ari:
            a row for each head of `classes` outputs and measure. Each measure replaces it by a
            whole one. A training that continues adds to the rows there

        Returns
        -------
        history : a `Row` for each measure
        """
        expect(pairs, Pairs, 'pairs')
        if test is not None:
            expect(test, Dataset, 'test')
        return fit(self, pairs, epochs, restarts=restarts, restart_batches=restart_batches,
                   measure_batches=measure_batches, test=test, measures=measures,
                   progress=progress, csv=csv)

    def __repr__(self) -> str:
        told = 'closed' if self.closed else f'selected={self.selected}'
        return f'Cluster({self._encoder.description!r}, {told})'
