# SPDX-License-Identifier: BSD-2-Clause
"""Mutual information as a score of scikit-learn's: of features, and of predictions."""
import warnings

import numpy as np
import pytest

pytest.importorskip('sklearn', minversion='1.6')
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.feature_selection import (SelectFdr, SelectKBest, mutual_info_classif,
                                       mutual_info_regression)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import libmi
from libmi.sklearn import information_scorer, mutual_information

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(400, 5))
NUMBER = X[:, 1] + .5 * RANDOM.normal(size=400)
CLASS = np.array(['low', 'high'])[(X[:, 3] + .3 * RANDOM.normal(size=400) > 0).astype(int)]


def test_one_value_for_each_column():
    for y in (NUMBER, CLASS):
        scores = mutual_information(X, y)
        assert scores.shape == (5,) and scores.dtype == np.float64
        for column, score in zip(X.T, scores):
            assert score == libmi.mutual_information(column, y).value
    assert mutual_information(X, NUMBER).argmax() == 1
    assert mutual_information(X, CLASS).argmax() == 3


def test_options():
    scores = mutual_information(X, NUMBER, method='gaussian', unit='bits')
    assert scores[1] == libmi.mutual_information(X[:, 1], NUMBER, method='gaussian',
                                                 unit='bits').value
    with pytest.raises(TypeError, match="no option 'bits'"):
        mutual_information(X, NUMBER, bits=True)


def test_p_values():
    scores, p_values = mutual_information(X, NUMBER, method='gaussian', permutations=99)
    assert p_values[1] == .01 and (p_values > .01).sum() >= 3 and scores.argmax() == 1
    chosen = SelectFdr(lambda x, y: mutual_information(x, y, method='gaussian', permutations=199),
                       alpha=.05).fit(X, NUMBER)
    assert chosen.get_support()[1]


def test_selection():
    flowers, kind = load_iris(return_X_y=True)
    wide = np.concatenate([flowers, RANDOM.normal(size=(150, 6))], axis=1)
    for y in (kind, np.array(['a', 'b', 'c'])[kind]):
        model = make_pipeline(SelectKBest(mutual_information, k=2), LogisticRegression())
        assert cross_val_score(model, wide, y).mean() > .9
        model.fit(wide, y)
        assert model[0].get_support().nonzero()[0].tolist() == [2, 3]


def test_as_scikit_learn():
    """Its functions add noise to continuous columns, and cut off below 0."""
    np.testing.assert_allclose(mutual_information(X, NUMBER, method='ksg').clip(0),
                               mutual_info_regression(X, NUMBER, random_state=0), atol=1e-6)
    np.testing.assert_allclose(mutual_information(X, CLASS, method='ross').clip(0),
                               mutual_info_classif(X, CLASS, random_state=0), atol=1e-6)


def test_kinds():
    few = np.round(X)
    assert (mutual_information(few, CLASS) == mutual_information(few.astype(int), CLASS)).all()
    kinds = [True, False, None, True, False]
    for discrete in (kinds, np.array([True] * 5), False, np.True_):
        mutual_information(few, CLASS, discrete_features=discrete)
    assert mutual_information(few[:, :1], few[:, 1], discrete_target=True,
                              discrete_features=True)[0] == libmi.mutual_information(
        few[:, 0], few[:, 1], discrete=True).value
    expected = libmi.mutual_information(X[:, 2], CLASS, discrete=True).value
    assert mutual_information(X, CLASS, discrete_features=[False, False, True, None, None])[2] == \
        expected != mutual_information(X, CLASS)[2]
    for wrong in (kinds[:4], [0, 1, 2], 'auto'):
        with pytest.raises(libmi.ArgumentError, match='discrete_features is'):
            mutual_information(few, CLASS, discrete_features=wrong)


def test_warnings_come_once_for_all_columns():
    tied = X.copy()
    tied[:, [0, 4]] = np.round(tied[:, [0, 4]], 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        mutual_information(tied, NUMBER, method='ksg')
    ties = [w for w in caught if '(columns 0, 4)' in str(w.message)]
    assert len(ties) == 1 and ties[0].category is libmi.EstimateWarning
    assert ties[0].filename == __file__
    with pytest.warns(libmi.EstimateWarning, match=r'\(columns 0, 1, 2, 3, 4 and 2 more\)'):
        mutual_information(np.ones((20, 7)), NUMBER[:20], discrete_features=False)


def test_what_is_refused():
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(libmi.NumericError, match='column 2 of X is x: .*3.*(?i:nan)'):
        mutual_information(bad, NUMBER)
    with pytest.raises(libmi.ShapeError, match=r'X has shape \(400,\), a matrix is needed'):
        mutual_information(NUMBER, NUMBER)
    with pytest.raises(libmi.ShapeError):
        mutual_information(X, NUMBER[1:])
    sparse = pytest.importorskip('scipy.sparse')
    with pytest.raises(libmi.DTypeError, match=r'give X\.toarray\(\)'):
        mutual_information(sparse.csr_matrix(X), NUMBER)


def test_frames():
    pandas = pytest.importorskip('pandas')
    frame = pandas.DataFrame({'x': X[:, 3], 'class': CLASS, 'noise': X[:, 0]})
    scores = mutual_information(frame, CLASS)
    assert scores[1] > scores[0] > scores[2]


def test_lists_of_rows():
    rows = [[number, name] for number, name in zip(X[:, 3].tolist(), CLASS.tolist())]
    scores = mutual_information(rows, NUMBER)
    assert scores[0] == libmi.mutual_information(X[:, 3], NUMBER).value
    assert scores[1] == libmi.mutual_information(CLASS, NUMBER).value
    rows[7][0] = 'many'
    with pytest.raises(libmi.DTypeError, match='column 0 of X is x: x has numbers and names'):
        mutual_information(rows, NUMBER)


def test_scorer():
    scores = cross_val_score(LogisticRegression(), X, CLASS, scoring=information_scorer)
    assert (.1 < scores).all() and (scores < np.log(2) + .01).all()
    clusters = KMeans(2, n_init=1, random_state=0).fit(X)
    assert information_scorer(clusters, X, CLASS) == libmi.mutual_information(
        clusters.labels_, CLASS).value


def test_scorer_of_regressors():
    """Their numbers are continuous, whatever type they come in."""
    count = np.round(100 * NUMBER).astype(np.int64)
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, count)
    score = information_scorer(model, X, count)
    assert score == libmi.mutual_information(model.predict(X), count, discrete=False).value
    assert score != libmi.mutual_information(model.predict(X), count).value
    assert abs(score - libmi.mutual_information(X[:, 1], NUMBER).value) < .1
