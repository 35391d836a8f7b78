# SPDX-License-Identifier: BSD-2-Clause
"""Mutual information where scikit-learn wants a score: of features, and of predictions."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import is_regressor

from ._errors import ArgumentError, DTypeError, Error, ShapeError
from ._samples import Samples, as_given
from .estimate import EstimateWarning, mutual_information as _estimate, silent, text


def mutual_information(X: Any, y: Any, *, discrete_features: Any = None,
                       discrete_target: bool | None = None, **options: Any) -> Any:
    """How much each column of X tells about y: a score function for `SelectKBest` and others.

    Parameters
    ----------
    X : [n, features] numbers or names; columns of a data frame or a list may be of several types
    y : [n] a target of numbers or classes
    discrete_features : True, False, or one for each column; None: see
        `libmi.mutual_information`
    discrete_target : whether y is discrete, likewise
    options : of `libmi.mutual_information`, such as unit, method, k, permutations; `progress` is
        of each column by itself

    Returns
    -------
    scores : [features] float64, maybe slightly below 0
    p_values : [features] of independence, if `permutations` was given: then it is a tuple

    Warns
    -----
    EstimateWarning : once for each reason, with the columns that it is about
    """
    columns, target = _columns(X), Samples(y, 'y', discrete=discrete_target)
    kinds = _kinds(discrete_features, len(columns))
    found, doubts = [], {}
    for number, (column, kind) in enumerate(zip(columns, kinds)):
        try:
            found.append(silent(column, target, discrete=(kind, None), **options))
        except Error as error:
            raise type(error)(f'column {number} of X is x: {error}') from None
        for word in found[-1].warnings:
            doubts.setdefault(word, []).append(number)
    for word, numbers in doubts.items():
        warnings.warn(f'{text(word)} ({_listed(numbers)})', EstimateWarning, stacklevel=2)
    scores = np.array([estimate.value for estimate in found])
    if not options.get('permutations'):
        return scores
    return scores, np.array([estimate.p_value for estimate in found])


def information_scorer(estimator: Any, X: Any, y: Any) -> float:
    """How much an estimator's predictions tell about y, in nats: for `scoring=` of scikit-learn.

    Whatever they are called, so it does for clusters too. Predictions and y of regressors are
    continuous.
    """
    discrete = False if is_regressor(estimator) else None
    return float(_estimate(estimator.predict(X), y, discrete=discrete))


def _columns(X: Any) -> list[Any]:
    if hasattr(X, 'iloc'):
        return [X.iloc[:, number] for number in range(X.shape[1])]
    if hasattr(X, 'toarray'):
        raise DTypeError(f'X is a {type(X).__name__}: give X.toarray()')
    a = as_given(X, 'X')
    if a.ndim != 2:
        raise ShapeError(f'X has shape {a.shape}, a matrix is needed')
    return list(a.T)


def _kinds(discrete: Any, count: int) -> list[Any]:
    if discrete is None or isinstance(discrete, (bool, np.bool_)):
        return [discrete] * count
    kinds = list(discrete)
    if len(kinds) != count or not all(kind is None or isinstance(kind, (bool, np.bool_))
                                      for kind in kinds):
        raise ArgumentError(f'discrete_features is {discrete!r}: True, False or None is needed, '
                            f'or one of them for each of {count} columns')
    return kinds


def _listed(numbers: list[int]) -> str:
    more = f' and {len(numbers) - 5} more' if len(numbers) > 5 else ''
    return f'column{"s" * (len(numbers) > 1)} {", ".join(map(str, numbers[:5]))}{more}'
