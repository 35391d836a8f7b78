# SPDX-License-Identifier: BSD-2-Clause
"""Batches of pairs: sizes, order, places, ends."""
import gc
import itertools
import time

import numpy as np
import pytest

import libmi
from libmi import Dataset, Pairs, plain


@pytest.fixture(scope='module')
def digits():
    return Dataset.digits(50, seed=2)


def test_sizes(digits):
    pairs = Pairs(digits, batch=20, repeats=3, size=12)
    assert pairs.sizes == (20, 3, 12, 1) and pairs.batches == 2
    x, xt = next(pairs)
    assert x.shape == (20, 12, 12, 1) and xt.shape == (60, 12, 12, 1)
    assert x.dtype == xt.dtype == np.float32
    assert Pairs(digits, batch=10).sizes == (10, 1, 24, 1)
    assert repr(pairs) == 'Pairs(20 images of 12 x 12 x 1, repeats=3)'


def test_the_plain_view_is_the_centre(digits):
    whole = digits.read().pixels
    np.testing.assert_array_equal(plain(digits, 12), whole[:, 8:20, 8:20])
    np.testing.assert_array_equal(plain(digits, 28, [7, 3]), whole[[7, 3]])
    assert plain(digits, 5, np.empty(0, np.int64)).shape == (0, 5, 5, 1)
    x, _, index = Pairs(digits, batch=20, size=12).next(index=True)
    np.testing.assert_array_equal(x, plain(digits, 12, index))


def test_an_epoch_is_a_permutation(digits):
    pairs = Pairs(digits, batch=25)
    seen = [pairs.next(index=True)[2] for _ in range(pairs.batches)]
    assert sorted(np.concatenate(seen)) == list(range(50))
    later = [pairs.next(index=True)[2] for _ in range(pairs.batches)]
    assert (np.concatenate(later) != np.concatenate(seen)).any()


def test_twins_of_nothing_are_the_image(digits):
    crops = dict(rotation_share=0, crops=[12], centre_share=1)
    for options in (crops, dict(rotation_share=1, rotation=0, rotation_crop=1)):
        x, xt = Pairs(digits, batch=10, repeats=2, size=12, workers=0, **options).next()
        np.testing.assert_allclose(xt, np.repeat(x, 2, axis=0), atol=1e-6)


def test_a_share_of_0_is_none(digits):
    options = dict(batch=10, size=12, rotation_share=0, crops=[6])
    x, xt = Pairs(digits, centre_share=0, **options).next()
    centre = Pairs(digits, centre_share=1, **options).next()[1]
    assert not any(np.array_equal(a, b) for a, b in zip(xt, centre))


def test_without_workers_the_caller_waits(digits):
    pairs = Pairs(digits, batch=10, workers=0)
    for _ in range(9):
        pairs.next()
        time.sleep(.005)  # in which a worker would prepare the next one
    assert pairs.waited()[:2] == (9, 9)


def test_a_place_tells_the_pairs(digits):
    pairs = Pairs(digits, batch=20, repeats=2)
    first = list(itertools.islice(pairs, 5))
    assert pairs.position == 5
    pairs.position = 3
    assert pairs.position == 3
    for (x, xt), (again, twins) in zip(first[3:], pairs):
        np.testing.assert_array_equal(x, again)
        np.testing.assert_array_equal(xt, twins)
    other = Pairs(digits, batch=20, repeats=2, seed=1, workers=-1)
    assert (other.next()[1] != first[0][1]).any()


def test_out(digits):
    pairs = Pairs(digits, batch=4, size=6)
    x, xt = np.zeros((2, 4, 6, 6, 1), np.float32)
    got = pairs.next((x, xt))
    assert got[0] is x and got[1] is xt and x.any() and xt.any()
    pairs.position = 0
    np.testing.assert_array_equal(x, pairs.next()[0])


@pytest.mark.parametrize('out, error', [
    (np.zeros((3, 3)), libmi.ArgumentError), ((1, 2, 3), libmi.ArgumentError),
    ((np.zeros((4, 6, 6, 1)), None), libmi.DTypeError),
    ((np.zeros((4, 6, 6), np.float32), None), libmi.ShapeError),
    (([0.], None), libmi.DTypeError),
    ((np.zeros((6, 6, 4, 1), np.float32).T.transpose(1, 2, 3, 0), None), libmi.ShapeError)])
def test_out_refused(digits, out, error):
    pairs = Pairs(digits, batch=4, size=6)
    with pytest.raises(error):
        pairs.next(out)
    assert pairs.position == 0


def test_out_that_cannot_be_written_or_overlaps(digits):
    pairs = Pairs(digits, batch=4, size=6)
    x = np.zeros((4, 6, 6, 1), np.float32)
    with pytest.raises(libmi.ArgumentError, match='overlap'):
        pairs.next((x, x))
    x.flags.writeable = False
    with pytest.raises(libmi.ArgumentError, match='read-only'):
        pairs.next((x, None))


def test_waited(digits):
    pairs = Pairs(digits, batch=10, workers=-1)
    for _ in range(3):
        pairs.next()
    times = pairs.waited()
    assert times.batches == times.waits == 3
    assert times.waited >= 0 and times.prepared >= 0


@pytest.mark.parametrize('options, error', [
    ({'batch': 0}, libmi.ArgumentError), ({'repeats': 0}, libmi.ArgumentError),
    ({'size': 0}, libmi.ArgumentError), ({'ahead': 0}, libmi.ArgumentError),
    ({'crops': [8, 0, 9]}, libmi.ArgumentError),
    ({'batch': 51}, libmi.ShapeError), ({'batch': -1}, libmi.ArgumentError),
    ({'batch': 2**80}, libmi.ArgumentError), ({'repeats': 65}, libmi.ArgumentError),
    ({'repeats': 2**33}, libmi.ArgumentError), ({'size': 29}, libmi.ShapeError),
    ({'rotation': 'much'}, libmi.ArgumentError), ({'crops': [1] * 9}, libmi.ArgumentError),
    ({'rotation': float('nan')}, libmi.ArgumentError), ({'seed': -1}, libmi.ArgumentError),
    ({'turns': 3}, TypeError), ({'reserved0': 0}, TypeError)])
def test_options_refused(digits, options, error):
    with pytest.raises(error):
        Pairs(digits, **{'batch': 10, **options})


@pytest.fixture(scope='module')
def pictures():
    return Dataset.from_array(np.random.default_rng(1).integers(0, 256, (30, 16, 16, 3), np.uint8))


def test_natural_views(pictures):
    pairs = Pairs(pictures, recipe='natural', batch=30, repeats=2, seed=3)
    assert pairs.sizes == (30, 2, 16, 3)
    x, xt, index = pairs.next(index=True)
    whole = plain(pictures, 16, index)
    assert 0 <= min(x.min(), xt.min()) and max(x.max(), xt.max()) <= 1
    assert not any(np.array_equal(a, b) for a, b in zip(x, whole))
    assert not any(np.array_equal(a, b) for a, b in zip(xt[::2], xt[1::2]))
    again = Pairs(pictures, recipe='natural', batch=30, repeats=2, seed=3, first_plain=True)
    np.testing.assert_array_equal(xt, again.next()[1])
    again.position = 0
    np.testing.assert_array_equal(whole, again.next()[0])


@pytest.mark.parametrize('options, expected', [
    ({}, lambda x: x), ({'flip_share': 1}, lambda x: x[:, :, ::-1]),
    ({'grey_share': 1},
     lambda x: np.repeat(x @ np.array([[.299], [.587], [.114]], np.float32), 3, axis=3)),
    ({'jitter_share': 1, 'brightness': 1}, None)])
def test_one_change_alone(pictures, options, expected):
    none = dict.fromkeys(['flip_share', 'jitter_share', 'brightness', 'contrast', 'saturation',
                          'hue', 'grey_share'], 0)
    x, xt = Pairs(pictures, recipe='natural', batch=30, first_plain=1,
                  **{**none, 'scale_min': 1, **options}).next()
    if expected:
        np.testing.assert_allclose(xt, expected(x), atol=1e-6)
    else:
        lit = (x > .1) & (xt < 1)
        for one, twin, where in zip(x, xt, lit):
            ratio = (twin / np.maximum(one, .1))[where]
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


def test_shares_of_natural_views(pictures):
    grey = flipped = count = 0
    pairs = Pairs(pictures, recipe='natural', batch=30, repeats=8, scale_min=1, jitter_share=0,
                  first_plain=1)
    for x, xt in itertools.islice(pairs, 8):
        for image, twin in zip(np.repeat(x, 8, axis=0), xt):
            is_grey = (twin[..., 0] == twin[..., 1]).all()
            image = image @ np.float32([.299, .587, .114]) if is_grey else image
            twin = twin[..., 0] if is_grey else twin
            mirrored = np.allclose(twin, image[:, ::-1], atol=1e-5)
            assert mirrored or np.allclose(twin, image, atol=1e-5)
            grey, flipped, count = grey + is_grey, flipped + mirrored, count + 1
    assert abs(grey / count - .2) < .04 and abs(flipped / count - .5) < .05


@pytest.mark.parametrize('options, words', [
    ({'recipe': 'cubist'}, 'digits, natural'), ({'recipe': 2}, 'recipe'),
    ({'scale_min': 0}, 'scale_min is 0: it has to be above 0'), ({'hue': .6}, 'hue'),
    ({'brightness': 'much'}, 'number'), ({'grey_share': float('nan')}, 'nan'),
    ({'rotation': 20}, 'rotation is 20, but recipe 1 has none'), ({'crops': [8]}, 'crops'),
    ({'first_plain': 2}, 'first_plain'), ({'recipe': None, 'hue': .1}, 'recipe 0 has none')])
def test_natural_options_refused(pictures, options, words):
    with pytest.raises(libmi.ArgumentError, match=words):
        Pairs(pictures, **{'recipe': 'natural', 'batch': 10, **options})


@pytest.mark.parametrize('position', [-1, 2**63, 1.5, None])
def test_positions_refused(digits, position):
    pairs = Pairs(digits, batch=10)
    with pytest.raises(libmi.ArgumentError):
        pairs.position = position
    assert pairs.position == 0


@pytest.mark.parametrize('size', [0, -1, 29, 2**40, 'x'])
def test_plain_refuses_sizes(digits, size):
    with pytest.raises(libmi.ArgumentError):
        plain(digits, size)


def test_what_is_no_set():
    for make in (Pairs, lambda x: plain(x, 3)):
        with pytest.raises(TypeError, match='dataset is a ndarray: a Dataset is needed'):
            make(np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(libmi.ShapeError):
        Pairs(Dataset.from_array(np.zeros((200, 4, 5), np.uint8)))
    with pytest.raises(libmi.ShapeError):
        plain(Dataset.from_array(np.zeros((2, 4, 5), np.uint8)), 3)
    with pytest.raises(libmi.ArgumentError):
        plain(Dataset.from_array(np.zeros((2, 4, 4), np.uint8)), 3, [2])


def test_the_end(digits):
    pairs = Pairs(digits, batch=10, workers=2)
    pairs.next()
    pairs.close()
    pairs.close()
    assert pairs.closed and 'closed' in repr(pairs)
    for use in (pairs.next, pairs.waited, lambda: pairs.position, lambda: pairs.batches):
        with pytest.raises(libmi.StateError, match='closed'):
            use()


def test_pairs_outlive_their_set():
    dataset, context = Dataset.digits(20), libmi.Context(threads=1)
    pairs = Pairs(dataset, batch=10, context=context)
    dataset.close()
    del dataset, context
    gc.collect()
    assert pairs.next()[0].any()
    with pytest.raises(libmi.StateError):
        Pairs(pairs._dataset)
