# SPDX-License-Identifier: BSD-2-Clause
"""Neighbours against sorting all distances, and what they vote for."""
import numpy as np
import pytest

import libmi
from libmi import nearest

random = np.random.default_rng(3)
BASE = random.normal(size=(400, 9)).astype(np.float32)
QUERY = random.normal(size=(30, 9)).astype(np.float32)
LABEL = (BASE[:, 0] > 0).astype(np.int32)


def distances(base, query, metric):
    base, query = base.astype(float), query.astype(float)
    if metric == 'euclidean':
        return np.linalg.norm(query[:, None] - base, axis=2)
    return 1 - (query / np.linalg.norm(query, axis=1, keepdims=True)
                @ (base / np.linalg.norm(base, axis=1, keepdims=True)).T)


@pytest.mark.parametrize('metric', ['cosine', 'euclidean'])
def test_finds_the_nearest(metric):
    everything = distances(BASE, QUERY, metric)
    found = nearest.search(BASE, QUERY, 7, metric=metric)
    assert (found.index.dtype, found.distance.dtype) == (np.int64, np.float32)
    np.testing.assert_array_equal(found.index, everything.argsort(axis=1)[:, :7])
    np.testing.assert_allclose(found.distance, np.sort(everything, axis=1)[:, :7], rtol=1e-5)
    assert repr(found) == 'Neighbours(index=<int64 (30, 7)>, distance=<float32 (30, 7)>)'


def test_rows_without_themselves():
    everything = distances(BASE, BASE, 'cosine')
    np.fill_diagonal(everything, np.inf)
    found = nearest.search(BASE, k=3)
    np.testing.assert_array_equal(found.index, everything.argsort(axis=1)[:, :3])
    some = [7, 3, 250]
    chosen = nearest.search(BASE, BASE[some], 3, exclude=some)
    np.testing.assert_array_equal(chosen.index, found.index[some])
    chosen = nearest.search(BASE, BASE[some], 1, exclude=np.array([-1, 3, -1], np.int32))
    np.testing.assert_array_equal(chosen.index[::2, 0], [7, 250])
    assert chosen.index[1, 0] == found.index[3, 0]


def test_strides_threads_and_nothing():
    found = nearest.search(BASE, QUERY, 5)
    wide = np.concatenate([BASE, BASE], axis=1)
    one = nearest.search(wide[:, :9], QUERY[::2], 5, context=libmi.Context(threads=1))
    np.testing.assert_array_equal(one.index, found.index[::2])
    np.testing.assert_array_equal(one.distance, found.distance[::2])
    assert nearest.search(BASE, QUERY[:0], 5).index.shape == (0, 5)


def test_votes():
    found = nearest.search(BASE, QUERY, 9)
    ones = LABEL[found.index].sum(axis=1)
    np.testing.assert_array_equal(nearest.classify(found, LABEL), ones > 4)
    np.testing.assert_array_equal(nearest.classify(found, LABEL, k=1), LABEL[found.index[:, 0]])
    weight = np.exp(-found.distance.astype(float) / .07)
    sums = [(weight * (LABEL[found.index] == c)).sum(axis=1) for c in (0, 1)]
    voted = nearest.classify(found, LABEL.astype(np.int64), temperature=.07)
    np.testing.assert_array_equal(voted, np.argmax(sums, axis=0))
    truth = (QUERY[:, 0] > 0).astype(int)
    assert nearest.accuracy(found, LABEL, truth) == ((ones > 4) == truth).mean() > .6
    assert nearest.accuracy(found, LABEL, truth, temperature=.07) == (voted == truth).mean()
    truth[1:] = -1
    assert nearest.accuracy(found, LABEL, truth) == ((ones > 4) == truth)[0]
    np.testing.assert_array_equal(nearest.classify(found, LABEL * 0 - 1), -1)


def test_digits_beyond_chance():
    one, two = (libmi.Dataset.digits(seed=1, first=first, count=count)
                for first, count in ((0, 2000), (2000, 300)))
    x, y = (part.read() for part in (one, two))
    flat = [part.pixels.reshape(len(part.labels), -1) for part in (x, y)]
    found = nearest.search(*flat, 20)
    assert nearest.accuracy(found, x.labels, y.labels) > .5
    assert nearest.accuracy(found, x.labels, y.labels, temperature=.07) > .5


# -- errors ------------------------------------------------------------------------------------

@pytest.mark.parametrize('arguments, options, error, words', [
    ((BASE, QUERY, 401), {}, libmi.ArgumentError, 'k is 401'),
    ((BASE, QUERY, 0), {}, libmi.ArgumentError, 'got 0'),
    ((BASE, QUERY, 1.5), {}, libmi.ArgumentError, 'k is 1.5'),
    ((BASE, QUERY, 1 << 40), {}, libmi.ArgumentError, 'k must be in 1 to'),
    ((BASE, None, 400), {}, libmi.ArgumentError, '399'),
    ((BASE, QUERY[:, :8]), {}, libmi.ShapeError, 'query has shape'),
    ((BASE.astype(float), QUERY), {}, libmi.DTypeError, 'base is float64'),
    ((BASE[:0], QUERY), {}, libmi.ArgumentError, 'n must be at least 1'),
    ((BASE * np.float32(0), QUERY), {}, libmi.NumericError, r'base\[0\] is all 0'),
    ((BASE, QUERY * np.float32(np.nan)), {}, libmi.NumericError, r'query\[0\]\[0\] is nan'),
    ((BASE, QUERY), {'metric': 'manhattan'}, libmi.ArgumentError, 'cosine, euclidean'),
    ((BASE, QUERY), {'exclude': [1, 2]}, libmi.ShapeError, 'exclude has shape'),
    ((BASE, QUERY), {'exclude': [400] * 30}, libmi.ArgumentError, r'exclude\[0\] is 400'),
    ((BASE, QUERY), {'exclude': [.5] * 30}, libmi.DTypeError, 'exclude'),
    ((BASE, QUERY), {'context': 5}, TypeError, 'context is a int'),
])
def test_searches_refused(arguments, options, error, words):
    with pytest.raises(error, match=words):
        nearest.search(*arguments, **options)


def test_votes_refused():
    found = nearest.search(BASE, QUERY, 4)
    for (neighbours, label), options, error, words in (
            ((found, LABEL[:5]), {}, libmi.ArgumentError, 'there are 5 labels'),
            ((found, LABEL), {'k': 5}, libmi.ArgumentError, '4 neighbours were found'),
            ((found, LABEL), {'k': 0}, libmi.ArgumentError, '0'),
            ((found, LABEL), {'temperature': 0}, libmi.ArgumentError, 'temperature is 0'),
            ((found, LABEL), {'temperature': -1}, libmi.ArgumentError, '-1'),
            ((found, LABEL.astype(float)), {}, libmi.DTypeError, 'integers'),
            ((found, np.ma.array(LABEL)), {}, libmi.DTypeError, r'label\.filled\(-1\)'),
            (((found.index, -1 - found.distance), LABEL), {}, libmi.NumericError, 'distance'),
            (((found.index, found.distance[:, :2]), LABEL), {}, libmi.ShapeError, 'distance')):
        with pytest.raises(error, match=words):
            nearest.classify(neighbours, label, **options)
        with pytest.raises(error, match=words):
            nearest.accuracy(neighbours, label, np.zeros(30, int), **options)
    with pytest.raises(libmi.ArgumentError, match='none of 30'):
        nearest.accuracy(found, LABEL, np.full(30, -1))
