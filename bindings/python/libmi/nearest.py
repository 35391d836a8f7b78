# SPDX-License-Identifier: BSD-2-Clause
"""Nearest neighbours of feature vectors, exactly, and what their labels say.

    found = search(train, test, 200)
    accuracy(found, train_labels, test_labels, temperature=.07)
"""
from __future__ import annotations

from ctypes import byref, c_double
from typing import Any, NamedTuple

import numpy as np

from . import _abi, context as _context
from ._arrays import FLOAT32, INT64, address, array, brief, integers, stride
from ._errors import ArgumentError, DTypeError, check
from ._library import lib
from ._options import above_0, choice, sized, whole


class Neighbours(NamedTuple):
    """Rows of the base, for each query, the nearest first."""

    index: np.ndarray  #: [m, k] int64
    distance: np.ndarray  #: [m, k] float32

    __repr__ = brief


def search(base: Any, query: Any = None, k: int = 1, *, metric: str = 'cosine',
           exclude: Any = None, context: _context.Context | None = None) -> Neighbours:
    """Finds the k nearest rows of each query, those of lower index first where they are as near.

    The result is what comparing all pairs in float64 finds, at any number of threads.

    Parameters
    ----------
    base : [n, d] float32, rows may have a stride
    query : [m, d] float32, likewise; None: the rows of base, each without itself
    k : neighbours of each query
    metric : 'cosine': distance 1 - cosine; 'euclidean'
    exclude : [m] integers, for each query a row of base that is not to be found, negative: none
    context : None for the process's

    Raises
    ------
    ArgumentError : k is more than there are rows to be found
    NumericError : NaN, infinity, or a cosine with a vector that is all 0
    """
    io = sized(_abi.mi_nearest_io)
    base = array(base, 'base', FLOAT32, (None, None), rows=True)
    io.n, io.d = base.shape
    io.base, io.ld, io.m = address(base), stride(base), len(base)
    if query is not None:
        query = array(query, 'query', FLOAT32, (None, io.d), rows=True)
        io.query, io.ldq, io.m = address(query), stride(query), len(query)
        if not len(query):
            query = np.empty((1, io.d), np.float32)  # NULL would stand for the base
            io.query = address(query)
    if exclude is not None:
        exclude = _indices(exclude, 'exclude', (io.m,))
        io.exclude = address(exclude)
    io.k = whole(k, 'k')
    io.metric = choice(metric, 'metric', 'mi_nearest_metric')
    if 0 < io.k <= len(base):
        found = Neighbours(np.empty((io.m, io.k), np.int64), np.empty((io.m, io.k), np.float32))
        io.index, io.distance = address(found.index), address(found.distance)
    else:
        io.index = address(np.empty(1, np.int64))  # C says what is wrong
    with _context.chosen(context)._borrowed() as pointer:
        check(lib.mi_nearest_search(pointer, byref(io)))
    return found


def classify(found: Neighbours, label: Any, *, k: int | None = None,
             temperature: float | None = None,
             context: _context.Context | None = None) -> np.ndarray:
    """Classifies queries by the labels of their neighbours.

    A tie goes to the class with the lesser sum of distances, then to the lower class.

    Parameters
    ----------
    found : what `search` returns, or a tuple like it
    label : [n] integers, of the rows of the base; negative: unknown, has no vote
    k : how many of the neighbours vote; None: all
    temperature : a neighbour has exp(-distance / temperature) votes, for cosines usually .07; None:
        one
    context : None for the process's

    Returns
    -------
    label : [m] int32, -1 where no neighbour's label is known
    """
    vote, _kept = _vote(found, label, k, temperature)
    result = np.empty(vote.m, np.int32)
    with _context.chosen(context)._borrowed() as pointer:
        check(lib.mi_nearest_classify(pointer, byref(vote), address(result)))
    return result


def accuracy(found: Neighbours, label: Any, truth: Any, *, k: int | None = None,
             temperature: float | None = None, context: _context.Context | None = None) -> float:
    """The share of queries that `classify` gets right.

    Parameters
    ----------
    found, label, k, temperature, context : as for `classify`
    truth : [m] integers, of the queries; negative: unknown, left out

    Raises
    ------
    ArgumentError : no label is known
    """
    vote, _kept = _vote(found, label, k, temperature)
    truth, result = _labels(truth, 'truth', (vote.m,)), c_double()
    with _context.chosen(context)._borrowed() as pointer:
        check(lib.mi_nearest_accuracy(pointer, byref(vote), address(truth), byref(result)))
    return result.value


def _vote(found: Any, label: Any, k: int | None, temperature: float | None) -> tuple[Any, Any]:
    """The struct, and what it points at."""
    index, distance = found
    index = _indices(index, 'index', (None, None))
    distance = array(distance, 'distance', FLOAT32, index.shape)
    label = _labels(label, 'label', (None,))
    vote = sized(_abi.mi_nearest_vote)
    vote.m, vote.ld = index.shape
    vote.k = vote.ld if k is None else whole(k, 'k')
    if vote.k > vote.ld:
        raise ArgumentError(f'k is {vote.k}: {vote.ld} neighbours were found')
    vote.index, vote.distance, vote.label = address(index), address(distance), address(label)
    vote.n, vote.classes = len(label), int(label.max(initial=0)) + 1
    vote.temperature = 0 if temperature is None else above_0(temperature, 'temperature')
    return vote, (index, distance, label)


def _indices(value: Any, name: str, shape: Any) -> np.ndarray:
    a = np.asarray(value) if isinstance(value, (list, tuple)) else value
    if getattr(getattr(a, 'dtype', None), 'kind', None) in ('i', 'u') and a.dtype not in INT64:
        a = np.asarray(a).astype(np.int64)
    return array(a, name, INT64, shape)


def _labels(value: Any, name: str, shape: Any) -> np.ndarray:
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError(f'{name} is a masked array: give {name}.filled(-1)')
    return integers(value, name, shape)
