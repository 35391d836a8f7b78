# SPDX-License-Identifier: BSD-2-Clause
"""The estimator: scikit-learn's own checks, images and vectors, pickles, errors."""
import io
import pickle
import sys

import numpy as np
import pytest

pytest.importorskip('sklearn', minversion='1.6')
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

import libmi
from libmi.sklearn import IICClusterer

QUICK = {'heads': 2, 'over_heads': 1, 'epochs': 10, 'repeats': 2, 'random_state': 0}


ONE_CLUSTER = 'it asks for one cluster, which IIC cannot learn: 2 or more are needed'
EXPECTED = {'check_dont_overwrite_parameters': ONE_CLUSTER,
            'check_fit2d_1feature': ONE_CLUSTER,
            'check_fit2d_predict1d': ONE_CLUSTER,
            'check_methods_subset_invariance': ONE_CLUSTER + '; see test_subsets_are_clustered_like_the_whole'}


@parametrize_with_checks([IICClusterer(3, encoder='dense 32, relu', **dict(QUICK, epochs=60))],
                         expected_failed_checks=lambda estimator: EXPECTED)
def test_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope='module')
def digits():
    """800 of scikit-learn's digits, 8 x 8 pixels from 0 to 16, in rows of 64."""
    x, y = load_digits(return_X_y=True)
    return x[:800], y[:800]


@pytest.fixture(scope='module')
def fitted(digits):
    return IICClusterer(10, image_shape=(8, 8), epochs=50, heads=3, over_heads=3, repeats=2,
                        random_state=0).fit(digits[0])


# -- images ------------------------------------------------------------------------------------

def test_digits_are_clustered(fitted, digits):
    x, y = digits
    assert normalized_mutual_info_score(y, fitted.labels_) > 0.7
    assert fitted.score(x, y) > 0.7
    assert 1.5 < fitted.score(x) <= np.log(10)
    assert fitted.loss_ == pytest.approx(-fitted.score(x), abs=0.05)
    assert fitted.n_features_in_ == 64 and fitted.image_shape_ == (8, 8, 1)


def test_accuracy_is_that_of_the_confusion(fitted, digits):
    x, y = digits
    counts = libmi.score.confusion(fitted.predict(x), y.astype(np.int32), 10, 10)
    assert fitted.score(x, y) == libmi.score.accuracy(counts).accuracy
    assert fitted.score(x, np.array(list('abcdefghij'))[y]) == fitted.score(x, y)


def test_shapes_of_images_make_no_difference(fitted, digits):
    x = digits[0][:200]
    options = {**QUICK, 'image_shape': None}
    flat = IICClusterer(10, **{**options, 'image_shape': (8, 8)}).fit(x)
    for images in (x.reshape(-1, 8, 8), x.reshape(-1, 8, 8, 1),
                   x.reshape(-1, 8, 8).astype(np.uint8)):
        np.testing.assert_array_equal(IICClusterer(10, **options).fit(images).labels_,
                                      flat.labels_)
        np.testing.assert_array_equal(flat.predict(images), flat.labels_)


def test_colours(digits):
    x = np.random.default_rng(0).random((60, 16, 16, 3))
    x[:30, ..., 0] = 0
    found = IICClusterer(2, **{**QUICK, 'epochs': 30}).fit(x)
    assert found.image_shape_ == (16, 16, 3)
    assert adjusted_rand_score(np.arange(60) < 30, found.labels_) == 1


def test_scales_of_images_make_no_difference(digits):
    x = digits[0][:200]
    options = {**QUICK, 'image_shape': (8, 8)}
    share = IICClusterer(10, **options).fit(x).predict_proba(x)
    np.testing.assert_array_equal(IICClusterer(10, **options).fit(x / 16).predict_proba(x / 16),
                                  share)


def test_probabilities(fitted, digits):
    share = fitted.predict_proba(digits[0])
    assert share.shape == (800, 10)
    np.testing.assert_allclose(share.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(share.argmax(1), fitted.labels_)


# -- vectors -----------------------------------------------------------------------------------

def test_scales_of_vectors_make_no_difference():
    x, y = load_iris(return_X_y=True)
    a = IICClusterer(3, **{**QUICK, 'epochs': 200}).fit(x)
    assert a.image_shape_ is None
    assert a.score(x, y) > 0.75
    b = IICClusterer(3, **{**QUICK, 'epochs': 200}).fit(x * [1, 1024, 1 / 1024, 1] + 64)
    assert np.mean(a.labels_ == b.labels_) > 0.97


def test_subsets_are_clustered_like_the_whole():
    x = load_iris().data
    model = IICClusterer(3, **QUICK).fit(x)
    for one in (model.predict, model.predict_proba):
        parts = np.concatenate([one(x[i:i + 7]) for i in range(0, 150, 7)])
        np.testing.assert_allclose(parts, one(x), atol=1e-6)
    with pytest.raises(ValueError, match='Reshape your data'):
        model.predict(x[0])


def test_a_single_feature():
    x = np.r_[np.linspace(0, 1, 30), np.linspace(9, 10, 30)][:, None]
    labels = IICClusterer(2, **QUICK).fit_predict(x)
    assert adjusted_rand_score(np.arange(60) < 30, labels) == 1


def test_clusters_are_numbered_by_size():
    x = np.random.default_rng(0).normal(size=(300, 2)) + np.repeat([[0, 9], [9, 0], [9, 9]],
                                                                   [170, 50, 80], axis=0)
    model = IICClusterer(3, **{**QUICK, 'epochs': 100}).fit(x)
    sizes = np.bincount(model.labels_)
    assert sizes.tolist() == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]
    np.testing.assert_array_equal(model.cluster_.predict(
        np.ascontiguousarray((x - x.mean(0)) / x.std(0), np.float32)[:, None, None], model.head_),
        model.labels_)


def test_noise_matters():
    x = load_iris().data
    one, other = (IICClusterer(3, **QUICK, noise=noise).fit(x) for noise in (0.01, 1.0))
    assert one.score(x) > other.score(x) + 0.05


def test_constant_features_are_harmless():
    x = np.c_[load_iris().data, np.full(150, 0.1)]
    assert np.isfinite(IICClusterer(3, **QUICK).fit(x).predict_proba(x)).all()


@pytest.mark.parametrize('verbose', [0, 1])
def test_epochs_are_told_without_tqdm_and_terminal(verbose, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tqdm.auto', None)
    monkeypatch.setattr(sys, 'stderr', io.StringIO())
    IICClusterer(3, **{**QUICK, 'epochs': 3}, verbose=verbose).fit(load_iris().data)
    lines = sys.stderr.getvalue().splitlines()
    assert [line.partition(': loss')[0] for line in lines] == [
        'epoch 1', 'epoch 2', 'epoch 3'][:3 * verbose]


# -- as an estimator ---------------------------------------------------------------------------

def test_seeds_decide():
    x = load_iris().data
    first = IICClusterer(3, **QUICK).fit(x)
    again = IICClusterer(3, **QUICK, threads=1).fit(x)
    other = IICClusterer(3, **{**QUICK, 'random_state': 1}).fit(x)
    np.testing.assert_array_equal(first.predict_proba(x), again.predict_proba(x))
    assert not np.array_equal(first.predict_proba(x), other.predict_proba(x))
    assert first.score(x) == first.score(x)


def test_pickle_keeps_what_was_learnt(fitted, digits):
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict_proba(digits[0]),
                                  fitted.predict_proba(digits[0]))
    assert copied.score(digits[0]) == fitted.score(digits[0])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(copied)).labels_, fitted.labels_)


def test_clone_forgets_what_was_learnt(fitted, digits):
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(digits[0])


def test_pipeline(digits):
    x, y = digits
    model = make_pipeline(FunctionTransformer(lambda a: a / 16),
                          IICClusterer(10, **QUICK, image_shape=(8, 8)))
    assert model.fit_predict(x).shape == y.shape
    assert 0 < model.score(x, y) <= 1


@pytest.mark.parametrize('options, words', [
    ({'n_clusters': 1}, 'n_clusters is 1'),
    ({'n_clusters': '10'}, "n_clusters is '10': a whole number"),
    ({'n_clusters': 10.}, 'n_clusters is 10.0: a whole number'),
    ({'n_clusters': 801}, 'n_samples is 800 and n_clusters 801'),
    ({'heads': 0}, 'heads is 0'),
    ({'over_heads': -1}, 'over_heads is -1'),
    ({'over': 1}, 'over is 1'),
    ({'epochs': -1}, 'epochs is -1'),
    ({'epochs': 0}, 'epochs is 0'),
    ({'batch_size': 0}, 'batch_size is 0'),
    ({'repeats': 0}, 'repeats is 0'),
    ({'lambda_': 0}, 'lambda_ is 0'),
    ({'over_lambda': 'x'}, "over_lambda is 'x'"),
    ({'learning_rate': -1}, 'learning_rate is -1'),
    ({'noise': None}, 'noise is None'),
    ({'threads': -1}, 'threads is -1'),
    ({'encoder': 7}, 'encoder is 7: a text'),
    ({'image_shape': 8}, r'image_shape is 8: \(h, w\) or \(h, w, c\)'),
    ({'image_shape': (8,)}, r'image_shape is \(8,\): \(h, w\)'),
    ({'image_shape': (8, 8, 1, 1)}, r'image_shape is \(8, 8, 1, 1\): \(h, w\)'),
    ({'image_shape': '88'}, "image_shape is '88'"),
    ({'image_shape': (-8, -8)}, 'a side of image_shape is -8'),
    ({'pairs': 3}, 'pairs is 3'),
    ({'image_shape': (7, 9)}, r'image_shape is \(7, 9\), and X has 64 features'),
    ({'image_shape': (4, 16)}, '4 x 16: square'),
    ({'encoder': 'nonsense'}, 'nonsense'),
    ({'image_shape': (8, 8), 'pairs': {'crops': (9,)}}, '9'),
    ({'noise': float('inf')}, 'noise is inf'),
])
def test_mistakes_are_named(digits, options, words):
    with pytest.raises(ValueError, match=words):
        IICClusterer(**{**QUICK, **options}).fit(digits[0])


def test_another_number_of_features(fitted):
    with pytest.raises(ValueError, match='7 features'):
        fitted.predict(np.zeros((5, 7)))
