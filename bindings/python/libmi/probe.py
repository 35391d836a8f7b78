# SPDX-License-Identifier: BSD-2-Clause
"""How much of the labels a representation makes easy: a small classifier on frozen features."""
from __future__ import annotations

from ctypes import byref, c_double
from typing import Any, NamedTuple

import numpy as np

from . import _abi, context as _context
from ._arrays import FLOAT32, address, array, integers, stride
from ._errors import DTypeError, check
from ._handle import Handle
from ._library import lib
from ._options import fill, sized, text, whole

_ZEROS = {'batch': None, 'epochs': None, 'rate': None}


class ProbeReport(NamedTuple):
    """What a fit tells."""

    loss: float  #: mean cross entropy of the last epoch, nats
    accuracy: float  #: on the samples that it was fitted to
    steps: int  #: steps made
    decay: float  #: the weight decay, given or chosen


class Probe(Handle):
    """A classifier of features: linear, or with layers in front of the last one.

    Fit it on training samples and score it on others. Features are float32 [n, d], rows may have
    a stride; labels are integers in 0..classes-1, negative where unknown.

    Parameters
    ----------
    d : features
    classes : 2 or more
    layers : in front of the last one, as in `Encoder`: 'dense 256', 'dense 200, bn, relu'; None:
        none
    epochs : passes over the samples; None: 20, with layers 50, or as many more as make 2000 steps
    batch : samples of a step at most; None: 256
    rate : of Adam, falls along half a cosine; None: 1e-2, with layers 1e-3
    decay : weight decay; None: 0; 'chosen': of 0, .3, 1, 3 and 10 the one that does best on a tenth
        of the samples after a fit to the others; then all are fitted
    raw : 1: features as they are; None: standardised, as found by `fit`, without constant ones
    seed : of weights and batches; None or 0: the context's
    context : None for the process's
    """

    def __init__(self, d: int, classes: int, layers: str | None = None, *,
                 context: _context.Context | None = None, **options: Any) -> None:
        self._d, self._classes = whole(d, 'd'), whole(classes, 'classes', 32)
        if options.get('decay') == 'chosen':
            options['decay'] = -1
        filled = fill(_abi.mi_probe_options, options, zeros=_ZEROS)
        filled.layers = None if layers is None else text(layers, 'layers')
        self._layers = layers
        self._context = _context.chosen(context)
        with self._context._turn:
            self._open('mi_probe_create', self._context._pointer, self._d, self._classes,
                       byref(filled))

    def _features(self, x: Any) -> np.ndarray:
        return array(x, 'x', FLOAT32, (None, self._d), rows=True)

    def fit(self, x: Any, label: Any) -> ProbeReport:
        """Trains it, from freshly drawn weights; if that fails, it stays as it was.

        Raises
        ------
        ArgumentError : a label out of range, or none known
        NumericError : NaN or infinity
        """
        x = self._features(x)
        label, report = _labels(label, len(x)), sized(_abi.mi_probe_report)
        with self._turn:
            check(lib.mi_probe_fit(self._pointer, len(x), address(x), stride(x), address(label),
                                   byref(report)))
        return ProbeReport(report.loss, report.accuracy, report.steps, report.decay)

    def predict(self, x: Any, probability: bool = False) -> Any:
        """Classifies samples.

        Returns
        -------
        label : [n] int32, the most probable class
        probability : [n, classes] float32, if wanted
        """
        x = self._features(x)
        label = np.empty(len(x), np.int32)
        share = np.empty((len(x), self._classes), np.float32) if probability else None
        with self._turn:
            check(lib.mi_probe_predict(self._pointer, len(x), address(x), stride(x),
                                       address(label), address(share)))
        return (label, share) if probability else label

    def accuracy(self, x: Any, label: Any) -> float:
        """The share of samples of known label that it classifies rightly."""
        x = self._features(x)
        label, result = _labels(label, len(x)), c_double()
        with self._turn:
            check(lib.mi_probe_accuracy(self._pointer, len(x), address(x), stride(x),
                                        address(label), byref(result)))
        return result.value

    def __repr__(self) -> str:
        layers = '' if self._layers is None else f', {self._layers!r}'
        return f'Probe({self._d}, {self._classes}{layers}{", closed" if self.closed else ""})'


def _labels(value: Any, count: int) -> np.ndarray:
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError('label is a masked array: give label.filled(-1)')
    return integers(value, 'label', (count,))
