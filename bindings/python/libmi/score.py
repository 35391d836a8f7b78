# SPDX-License-Identifier: BSD-2-Clause
"""How well clusters agree with known classes.

Everything starts from the confusion matrix: `counts[c, t]` is how many samples of cluster c have
the class t.
"""
from __future__ import annotations

import functools
from ctypes import byref, c_double
from typing import Any, Callable, NamedTuple, TypeVar

import numpy as np

from ._arrays import INT64, address, array, integers
from ._errors import ShapeError, check
from ._library import lib
from ._options import choice, whole

_MOST = (1 << 31) - 1
_FIRST = 'counts = confusion(cluster, truth) comes first'

F = TypeVar('F', bound=Callable[..., Any])


def _of_counts(score: F) -> F:
    """A score that gets counts checked, and says where they come from if it is given labels."""
    @functools.wraps(score)
    def scored(counts: Any, *more: Any, **options: Any) -> Any:
        if more and not isinstance(more[0], str) and hasattr(more[0], '__len__'):
            raise TypeError(f'{score.__name__} takes counts, and not labels and truth: {_FIRST}')
        return score(_counts(counts), *more, **options)
    return scored  # type: ignore[return-value]


class Accuracy(NamedTuple):
    """The share of samples that a naming of the clusters gets right."""

    accuracy: float  #: 0..1
    naming: np.ndarray  #: [clusters] int32, each cluster's class or -1


def confusion(cluster: Any, truth: Any, clusters: int | None = None,
              classes: int | None = None) -> np.ndarray:
    """Counts how many samples of each cluster have each class.

    Parameters
    ----------
    cluster : [n] integers, each in 0..clusters-1
    truth : [n] integers, each below classes; samples whose class is negative (unknown) are left
        out
    clusters, classes : None: as many as the largest number asks for, at least 1

    Returns
    -------
    counts : [clusters, classes] int64

    Raises
    ------
    ArgumentError : a number out of range; the message says which
    """
    cluster = integers(cluster, 'cluster', (None,))
    truth = integers(truth, 'truth', cluster.shape)
    clusters, classes = _many(clusters, 'clusters', cluster), _many(classes, 'classes', truth)
    counts = np.empty((clusters, classes), np.int64)
    check(lib.mi_score_confusion(len(cluster), address(cluster), address(truth), clusters, classes,
                                 address(counts)))
    return counts


@_of_counts
def accuracy(counts: Any) -> Accuracy:
    """Accuracy under the best one-to-one naming of clusters by classes.

    With more clusters than classes some stay unnamed and their samples count as wrong.

    Parameters
    ----------
    counts : [clusters, classes] int64, not negative, not all 0: what `confusion()` returns

    Raises
    ------
    NumericError : a negative count, or no sample
    """
    naming, result = np.empty(counts.shape[0], np.int32), c_double()
    check(lib.mi_score_accuracy(None, *counts.shape, address(counts), address(naming),
                                byref(result)))
    return Accuracy(result.value, naming)


@_of_counts
def majority(counts: Any) -> Accuracy:
    """Accuracy when each cluster is named by its most frequent class: purity.

    Several clusters may share a class: the score of over-clusterings. Ties go to the lower class;
    empty clusters are named -1.

    Parameters
    ----------
    counts : [clusters, classes] int64, not negative, not all 0

    Raises
    ------
    NumericError : a negative count, or no sample
    """
    naming, result = np.empty(counts.shape[0], np.int32), c_double()
    check(lib.mi_score_majority(*counts.shape, address(counts), address(naming), byref(result)))
    return Accuracy(result.value, naming)


@_of_counts
def nmi(counts: Any, norm: str = 'arithmetic') -> float:
    """Normalised mutual information between clusters and classes, 0..1.

    1 if both are constant, 0 if just one is.

    Parameters
    ----------
    counts : [clusters, classes] int64, not negative, not all 0
    norm : what divides the information, of both entropies: 'arithmetic' (mean), 'geometric'
        (mean), 'min' or 'max'

    Raises
    ------
    NumericError : a negative count, or no sample
    """
    result = c_double()
    check(lib.mi_score_nmi(*counts.shape, address(counts), choice(norm, 'norm', 'mi_nmi_norm'),
                           byref(result)))
    return result.value


@_of_counts
def ari(counts: Any) -> float:
    """Adjusted Rand index: agreement over pairs of samples, -0.5..1.

    0 on average for chance, 1 for equality.

    Parameters
    ----------
    counts : [clusters, classes] int64, not negative, not all 0

    Raises
    ------
    NumericError : a negative count, or no sample
    """
    result = c_double()
    check(lib.mi_score_ari(*counts.shape, address(counts), byref(result)))
    return result.value


def _many(given: int | None, name: str, labels: np.ndarray) -> int:
    if given is None:
        given = int(labels.max(initial=0)) + 1
    return max(whole(given, name, 32), 0)  # 0 reaches C, which says what is wrong with it


def _counts(value: Any) -> np.ndarray:
    if getattr(value, 'ndim', 2) == 1:
        raise ShapeError(f'counts has shape {tuple(value.shape)}, a matrix is needed: {_FIRST}')
    counts = array(value, 'counts', INT64, (None, None))
    if max(counts.shape) > _MOST:
        raise ShapeError(f'counts has shape {counts.shape}: at most {_MOST} of each will do')
    return counts
