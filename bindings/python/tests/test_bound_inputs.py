# SPDX-License-Identifier: BSD-2-Clause
"""Bounds: what goes in and where gradients go, and what doesn't fit."""
import math

import numpy as np
import pytest
from test_bound import DTYPES, case, embedded

import libmi
from libmi import Bound


# -- where gradients go --------------------------------------------------------------------------

@pytest.mark.parametrize('dtype', DTYPES)
def test_rows_may_have_strides(dtype):
    u, v = embedded(5, dtype=dtype)
    scores, _, mask = case(5, masked=True, dtype=dtype)
    bound = Bound('infonce')

    def spread(a):
        wide = np.full((a.shape[0], a.shape[1] + 3), 99, a.dtype)
        wide[:, 1:-2] = a
        return wide[:, 1:-2]

    a, b = bound.embeddings(u, v, grad=True), bound.embeddings(spread(u), spread(v), grad=True)
    assert a[:3] == b[:3]
    np.testing.assert_array_equal(a.du, b.du)
    np.testing.assert_array_equal(a.dv, b.dv)
    wide = np.full((5, 8), 7, dtype)
    a = bound.matrix(scores, mask=mask, grad=True)
    b = bound.matrix(spread(scores), mask=spread(mask), out={'dscores': wide[:, 1:6]})
    assert a[:3] == b[:3] and np.shares_memory(b.dscores, wide)
    np.testing.assert_array_equal(a.dscores, wide[:, 1:6])
    assert (wide[:, [0, 6, 7]] == 7).all()


def test_out_is_written_and_wanted():
    u, v = embedded(4)
    bound, wanted = Bound('infonce'), Bound('infonce').embeddings(u, v, grad=True)
    du, halves, dt = np.empty((4, 3)), np.empty((4, 6)), np.empty(())
    result = bound.embeddings(u, v, out={'du': du})
    assert result.du is du and result.dv is None and result.dtemperature is None
    np.testing.assert_array_equal(du, wanted.du)
    result = bound.embeddings(u, v, grad=True, out={'du': halves[:, :3], 'dv': halves[:, 3:]})
    np.testing.assert_array_equal(halves, np.hstack([wanted.du, wanted.dv]))
    assert result.dtemperature == wanted.dtemperature
    assert bound.embeddings(u, u, out={'dv': du, 'dtemperature': dt}).dtemperature == dt
    v32 = [np.float32([1, 2]), np.empty(2, np.float32), np.empty(2, np.float32)]
    assert Bound('nwj').vectors(v32[0], v32[0], out={
        'djoint': v32[1], 'dproduct': v32[2]}).dproduct is v32[2]


@pytest.mark.parametrize('out, error', [
    (lambda u, v, b: {'du': u}, 'overlap'),
    (lambda u, v, b: {'dv': u[::-1][::-1]}, 'overlap'),
    (lambda u, v, b: {'du': b, 'dv': b}, 'overlap'),
    (lambda u, v, b: {'dw': b}, "out has 'dw': the gradients here are du, dv, dtemperature"),
    (lambda u, v, b: {'dbaseline': b[:, 0]}, "out has 'dbaseline'"),
    (lambda u, v, b: {'du': b.astype('f')}, r"out\['du'\] is float32: give float64"),
    (lambda u, v, b: {'du': b[:2]}, 'has shape'),
    (lambda u, v, b: {'du': b[::-1]}, 'strides'),
    (lambda u, v, b: {'du': np.asfortranarray(b)}, 'strides'),
    (lambda u, v, b: {'du': b.tolist()}, 'cannot be written to'),
    (lambda u, v, b: {'du': np.broadcast_to(b[:1], b.shape)}, 'strides|read-only'),
    (lambda u, v, b: {'du': np.frombuffer(b.tobytes()).reshape(b.shape)}, 'read-only'),
])
def test_out_that_does_not_fit(out, error):
    u, v = embedded(4)
    with pytest.raises(libmi.Error, match=error):
        Bound('infonce').embeddings(u, v, out=out(u, v, np.zeros((4, 3))))


def test_out_on_masks_and_between_rows():
    out = np.zeros((4, 8))
    mask = out.reshape(-1).view(np.uint8)[:16].reshape(4, 4)
    with pytest.raises(libmi.ArgumentError, match='overlap'):
        Bound('nwj').matrix(np.eye(4), mask=mask, out={'dscores': out[:, :4]})
    with pytest.raises(libmi.ShapeError, match='strides'):  # C takes no stride here
        Bound('nwj').vectors(np.ones(4), np.ones((4, 3)), out={'dproduct': out[:, :3]})


def test_outputs_are_untouched_by_failure():
    scores, out = case(3)[0], np.full((3, 3), 5.)
    scores[0, 1] = np.nan
    with pytest.raises(libmi.NumericError):
        Bound('infonce').matrix(scores, out={'dscores': out})
    assert (out == 5).all()


# -- inputs --------------------------------------------------------------------------------------

def test_masks_of_any_kind():
    scores, _, mask = case(5, masked=True)
    bound = Bound('jsd')
    wanted = bound.matrix(scores, mask=mask, grad=True)
    for other in (mask.astype(np.uint8), 7 * mask.astype(np.uint8), mask.tolist()):
        assert bound.matrix(scores, mask=other).loss == wanted.loss
    assert bound.matrix(scores).loss != wanted.loss
    assert (wanted.dscores[~mask] == 0).all()
    for bad in (mask.astype(int), mask[:3], mask.T, mask.astype('f')):
        with pytest.raises(libmi.Error, match='mask'):
            bound.matrix(scores, mask=bad)


def test_lists_take_the_type_of_the_others():
    u = np.eye(3, dtype='f')
    bound = Bound('infonce')
    assert bound.embeddings(u, u.tolist(), grad=True).dv.dtype == np.float32
    assert bound.embeddings(u.tolist(), u.tolist()).loss == pytest.approx(
        bound.embeddings(u, u).loss)
    assert Bound('dv').vectors([1, 2], [[0.5], [0]]).estimate == pytest.approx(
        1.5 - math.log((math.exp(0.5) + 1) / 2))


U = np.zeros((4, 3))


@pytest.mark.parametrize('u, v, error, words', [
    (U.astype(int), U, libmi.DTypeError, 'u is int64'),
    (U.astype('f2'), U, libmi.DTypeError, 'u is float16'),
    (U.astype('>f8'), U, libmi.DTypeError, 'u is >f8'),
    (U.astype(complex), U, libmi.DTypeError, 'u is complex128'),
    (U.astype(object), U, libmi.DTypeError, 'u is object'),
    (U.astype('f'), U, libmi.DTypeError, 'u is float32 and v is float64'),
    (U, U.astype('f'), libmi.DTypeError, 'u is float64 and v is float32'),
    (None, U, libmi.DTypeError, 'u is None'),
    ('text', U, libmi.DTypeError, 'u, a str'),
    (U.T, U, libmi.ShapeError, 'u has strides'),
    (U[::-1], U, libmi.ShapeError, 'u has strides'),
    (U, U[:, ::-1], libmi.ShapeError, 'v has strides'),
    (U, U[:3], libmi.ShapeError, r'v has shape \(3, 3\), \(4, 3\) is needed'),
    (U, U[:, :2], libmi.ShapeError, 'v has shape'),
    (U[0], U, libmi.ShapeError, r'u has shape \(3,\), a matrix is needed'),
    (np.float64(1), U, libmi.ShapeError, 'u has shape'),
    (U[:0], U[:0], libmi.ArgumentError, 'n and d must be'),
    (U[:, :0], U[:, :0], libmi.ArgumentError, 'n and d must be'),
    (U * np.nan, U, libmi.NumericError, r'u\[0\]\[0\] is nan'),
    (U, U + np.inf, libmi.NumericError, r'v\[0\]\[0\] is inf'),
])
def test_embeddings_that_do_not_fit(u, v, error, words):
    with pytest.raises(error, match=words):
        Bound('infonce').embeddings(u, v, grad=True)


@pytest.mark.parametrize('call, error, words', [
    (lambda: Bound('infonce').embeddings(U, U, temperature=0), libmi.ArgumentError, 'above 0'),
    (lambda: Bound('infonce').embeddings(U, U, temperature=-1), libmi.ArgumentError, 'got -1'),
    (lambda: Bound('infonce').embeddings(U, U, temperature='warm'), libmi.ArgumentError, 'warm'),
    (lambda: Bound('infonce').embeddings(U, U[:0], locations=0), libmi.ArgumentError,
     'locations is 0'),
    (lambda: Bound('infonce').matrix(U[:, :0], locations=0, grad=True), libmi.ArgumentError,
     'locations is 0'),
    (lambda: Bound('infonce').embeddings(U[:2], U, locations=2.), libmi.ArgumentError, 'whole'),
    (lambda: Bound('infonce').embeddings(U, U, normalize=True), libmi.NumericError, 'all 0'),
    (lambda: Bound('infonce').embeddings(U, U, np.zeros(4)), libmi.UnsupportedError,
     'has no baselines'),
    (lambda: Bound('tuba').embeddings(U, U, U[:, 0]), libmi.ShapeError, 'baseline has strides'),
    (lambda: Bound('tuba').embeddings(U, U, np.zeros(3)), libmi.ShapeError, 'baseline has shape'),
    (lambda: Bound('tuba').embeddings(U, U, np.zeros(4, 'f')), libmi.DTypeError, 'baseline is'),
    (lambda: Bound('tuba').matrix(np.eye(4), np.zeros(3)), libmi.ShapeError, 'baseline has shape'),
    (lambda: Bound('tuba').vectors(np.ones(4), np.ones(4), np.zeros(3)), libmi.ShapeError,
     'baseline has shape'),
    (lambda: Bound('nwj').matrix(U), libmi.ShapeError, r'locations = 1 \(4, 4\) is needed'),
    (lambda: Bound('nwj').matrix([[1.]], grad=True), libmi.ShapeError, 'n is 1'),
    (lambda: Bound('nwj').matrix(np.zeros((0, 0))), libmi.ArgumentError, 'n must be'),
    (lambda: Bound('infonce').vectors(np.ones(4), np.ones(3)), libmi.ShapeError, 'multiple'),
    (lambda: Bound('nwj').vectors(np.ones(4), np.ones((3, 4))), libmi.ShapeError,
     'a vector or a matrix of 4 rows is needed'),
    (lambda: Bound('nwj').vectors(np.ones(4), np.ones(0)), libmi.ArgumentError, 'at least 1'),
    (lambda: Bound('nwj').vectors(np.ones(4), np.float64(1)), libmi.ShapeError, 'product has'),
    (lambda: Bound('nwj').vectors([1000.], [1000.]), libmi.NumericError, 'overflows'),
    (lambda: Bound('infonse'), libmi.ArgumentError, 'infonce'),
    (lambda: Bound(3), libmi.ArgumentError, 'a text is needed'),
    (lambda: Bound('smile', tua=3), TypeError, "no parameter 'tua': it has diagonal, shift, tau"),
    (lambda: Bound('flatnce', tau=3), TypeError, 'it has none'),
    (lambda: Bound('smile', tau=-3), libmi.ArgumentError, 'tau'),
    (lambda: Bound('smile', tau='x'), libmi.ArgumentError, 'tau'),
    (lambda: Bound('smile', shift=0.5), libmi.ArgumentError, 'shift'),
])
def test_calls_that_do_not_fit(call, error, words):
    with pytest.raises(error, match=words):
        call()
