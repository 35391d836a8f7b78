# SPDX-License-Identifier: BSD-2-Clause
"""Scores: by hand, and against scikit-learn."""
import math

import numpy as np
import pytest

import libmi
from libmi import score

COUNTS = [[5, 1, 0],
          [0, 2, 4],
          [1, 3, 0],
          [0, 0, 2]]


@pytest.fixture
def counts():
    return np.array(COUNTS)


def labels(counts):
    """Samples that have these counts."""
    cells = np.repeat(np.arange(counts.size), counts.ravel())
    return [part.astype(np.int32) for part in np.divmod(cells, counts.shape[1])]


# -- confusion ---------------------------------------------------------------------------------

def test_confusion_counts(counts):
    found = score.confusion(*labels(counts))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, counts)


@pytest.mark.parametrize('dtype', ['i1', 'u1', 'i8', 'u8', '>i4'])
def test_confusion_of_any_integers(counts, dtype):
    cluster, truth = (part.astype(dtype) for part in labels(counts))
    np.testing.assert_array_equal(score.confusion(cluster, truth), counts)
    every_other = score.confusion(cluster[::2], truth[::2])
    assert every_other.sum() == len(cluster[::2])


def test_confusion_with_sizes():
    found = score.confusion([0, 1, 1], [0, 0, 0], clusters=3, classes=2)
    np.testing.assert_array_equal(found, [[1, 0], [2, 0], [0, 0]])


def test_confusion_leaves_out_the_unknown():
    found = score.confusion([0, 1, 1], [-1, 0, -7])
    np.testing.assert_array_equal(found, [[0], [1]])


def test_confusion_of_nothing():
    np.testing.assert_array_equal(score.confusion([], []), [[0]])
    np.testing.assert_array_equal(score.confusion([], [], 1, 2), [[0, 0]])


@pytest.mark.parametrize('arguments, word', [
    (([0, 3], [0, 0], 3), r'cluster\[1\] is 3, there are 3 clusters'),
    (([0, -1], [0, 0]), r'cluster\[1\] is -1'),
    (([0, 0], [0, 5], 1, 5), r'truth\[1\] is 5, there are 5 classes'),
    (([0], [0], 0), 'at least 1'),
    (([0], [0], -1, 2), 'at least 1'),
    (([0], [0], 1 << 32), 'clusters is 4294967296'),
    (([0], [0], 1.5), 'clusters is 1.5'),
    (([2147483647], [0]), 'clusters is 2147483648'),
])
def test_confusion_refuses_numbers(arguments, word):
    with pytest.raises(libmi.ArgumentError, match=word):
        score.confusion(*arguments)


def test_confusion_refuses_arrays():
    with pytest.raises(libmi.ShapeError, match=r'truth has shape \(3,\), \(2\) is needed'):
        score.confusion([0, 1], [0, 1, 2])
    with pytest.raises(libmi.DTypeError, match=r'truth is float64: give integers'):
        score.confusion([0, 1], np.zeros(2))
    for wrong in (2**31, -2**31 - 1):
        with pytest.raises(libmi.ArgumentError, match=f'truth has numbers from .*{wrong}.* int32'):
            score.confusion([0, 1], np.array([0, wrong]))
    with pytest.raises(libmi.ShapeError, match=r'cluster has shape \(\), a vector is needed'):
        score.confusion(np.int64(3), [0])
    with pytest.raises(libmi.DTypeError, match='cluster is None'):
        score.confusion(None, [0])


# -- scores by hand ----------------------------------------------------------------------------

def test_accuracy_by_hand(counts):
    # clusters 0, 1, 2 are best named 0, 2, 1: 5 + 4 + 3 of 18 samples
    accuracy, naming = score.accuracy(counts)
    assert accuracy == 12 / 18
    assert naming.dtype == np.int32
    np.testing.assert_array_equal(naming, [0, 2, 1, -1])


def test_majority_by_hand(counts):
    # each takes its most frequent class: 5 + 4 + 3 + 2
    accuracy, naming = score.majority(counts)
    assert accuracy == 14 / 18
    np.testing.assert_array_equal(naming, [0, 2, 1, 2])


def test_majority_of_ties_and_empty_clusters():
    np.testing.assert_array_equal(score.majority([[2, 2], [0, 0], [0, 1]]).naming, [0, -1, 1])


def entropy(shares):
    return -sum(p * math.log(p) for p in shares if p > 0)


def test_nmi_by_hand():
    counts = np.array([[2, 1], [0, 1]])
    a, b, both = entropy([3 / 4, 1 / 4]), entropy([1 / 2, 1 / 2]), entropy([1 / 2, 1 / 4, 1 / 4])
    for norm, divisor in (('arithmetic', (a + b) / 2), ('geometric', math.sqrt(a * b)),
                          ('min', min(a, b)), ('max', max(a, b))):
        assert score.nmi(counts, norm) == pytest.approx((a + b - both) / divisor, rel=1e-13)
    assert score.nmi(counts) == score.nmi(counts, 'arithmetic')


def test_ari_by_hand():
    # pairs: 1 in a cell; 3 in clusters; 1 + 1 in classes; 6 in all
    expected = 3 * 2 / 6
    assert score.ari([[2, 1], [0, 1]]) == pytest.approx((1 - expected) / ((3 + 2) / 2 - expected))


def test_extremes():
    assert score.accuracy(np.diag([3, 1, 2])).accuracy == 1
    assert score.nmi(np.diag([3, 1, 2])) == pytest.approx(1)
    assert score.ari(np.diag([3, 1, 2])) == 1
    assert score.nmi([[4]]) == 1
    assert score.nmi([[1, 1]]) == 0


# -- errors ------------------------------------------------------------------------------------

SCORES = [score.accuracy, score.majority, score.nmi, score.ari]


@pytest.mark.parametrize('function', SCORES)
@pytest.mark.parametrize('counts, error, word', [
    (np.zeros((2, 2), np.int64), libmi.NumericError, 'all 0'),
    (np.array([[1, -2]]), libmi.NumericError, r'counts\[0\]\[1\] is -2'),
    (np.zeros((0, 2), np.int64), libmi.ArgumentError, 'at least 1, got 0 and 2'),
    (np.zeros((1 << 32, 0), np.int64), libmi.ShapeError, 'counts has shape'),
    (np.zeros(3, np.int64), libmi.ShapeError, r'a matrix is needed: counts = confusion\('),
    (np.ones((2, 2)), libmi.DTypeError, 'counts is float64: give int64'),
    (np.ones((2, 2), np.int64)[:, ::-1], libmi.ShapeError, 'ascontiguousarray'),
    (None, libmi.DTypeError, 'counts is None'),
])
def test_scores_refuse(function, counts, error, word):
    with pytest.raises(error, match=word):
        function(counts)


@pytest.mark.parametrize('function', SCORES)
@pytest.mark.parametrize('kind', [list, np.array])
def test_scores_of_labels_say_what_comes_first(function, kind):
    with pytest.raises(TypeError, match=rf'{function.__name__} takes .*: counts = confusion\('):
        function(kind([0, 1, 1]), kind([0, 1, 0]))


def test_nmi_refuses_norms(counts):
    with pytest.raises(libmi.ArgumentError, match='arithmetic, geometric, min, max is needed'):
        score.nmi(counts, 'mean')
    with pytest.raises(libmi.ArgumentError, match='got 7'):
        score.nmi(counts, 7)


# -- scikit-learn ------------------------------------------------------------------------------

def test_as_scikit_learn():
    metrics = pytest.importorskip('sklearn.metrics')
    rng = np.random.default_rng(5)
    for _ in range(40):
        clusters, classes = rng.integers(1, 7, 2)
        counts = rng.integers(0, 9, (clusters, classes)) * rng.integers(0, 2, (clusters, classes))
        counts[0, 0] += 1
        cluster, truth = labels(counts)
        np.testing.assert_array_equal(score.confusion(cluster, truth, clusters, classes), counts)
        assert score.ari(counts) == pytest.approx(
            metrics.adjusted_rand_score(truth, cluster), abs=1e-12)
        for norm in ('arithmetic', 'geometric', 'min', 'max'):
            assert score.nmi(counts, norm) == pytest.approx(
                metrics.normalized_mutual_info_score(truth, cluster, average_method=norm),
                abs=1e-9)
