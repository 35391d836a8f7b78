# SPDX-License-Identifier: BSD-2-Clause
"""Invariant information clustering: formulas in NumPy, differences, batches, misuse."""
import math

import numpy as np
import pytest
from differences import differences

import libmi
from libmi import IIC, joint_loss, merge

DTYPES = [np.float32, np.float64]


def probabilities(*shape, dtype=np.float64, seed=0):
    e = np.exp(2 * np.random.default_rng(seed).normal(size=shape))
    return (e / e.sum(axis=-1, keepdims=True)).astype(dtype)


def twins(n=6, classes=3, repeats=1, dtype=np.float64):
    return (probabilities(n, classes, dtype=dtype),
            probabilities(n * repeats, classes, dtype=dtype, seed=1))


def formula(a, lambda_=1., asymmetric=False):
    """The loss of a joint matrix."""
    p = a / a.sum() if asymmetric else (a + a.T) / 2 / a.sum()
    rows, columns = p.sum(axis=1, keepdims=True), p.sum(axis=0, keepdims=True)
    return -np.sum(p * (np.log(p) - lambda_ * np.log(rows) - lambda_ * np.log(columns)))


def joint(z, zt, weight=None):
    z, zt = z.astype('d'), zt.astype('d')
    z = np.repeat(z, len(zt) // len(z), axis=0)
    return z.T @ (zt if weight is None else zt * weight.astype('d')[:, None])


def compare(gradient, loss, x):
    np.testing.assert_allclose(gradient, differences(loss, x), rtol=1e-5, atol=1e-8)


OPTIONS = [{}, {'lambda_': 1.5}, {'repeats': 3}, {'asymmetric': True, 'lambda_': 0.5}]


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('options', OPTIONS, ids=str)
@pytest.mark.parametrize('weighted', [False, True])
def test_loss_is_the_formula(options, weighted, dtype):
    repeats = options.get('repeats', 1)
    z, zt = twins(repeats=repeats, dtype=dtype)
    weight = np.linspace(0, 2, 6 * repeats).astype(dtype) if weighted else None
    result = IIC(**options)(z, zt, weight, grad=True)
    known = {k: v for k, v in options.items() if k != 'repeats'}
    assert result.loss == pytest.approx(formula(joint(z, zt, weight), **known), rel=1e-7)
    assert result.losses == (result.loss,)
    assert result.dz.dtype == dtype and result.dz.shape == z.shape
    assert result.dzt.dtype == dtype and result.dzt.shape == zt.shape


@pytest.mark.parametrize('options', OPTIONS, ids=str)
@pytest.mark.parametrize('weighted', [False, True])
def test_gradients(options, weighted):
    repeats = options.get('repeats', 1)
    z, zt = twins(repeats=repeats)
    weight = np.linspace(0, 2, 6 * repeats) if weighted else None
    iic = IIC(**options)
    result = iic(z, zt, weight, grad=True)
    compare(result.dz, lambda x: iic(x, zt, weight).loss, z)
    compare(result.dzt, lambda x: iic(z, x, weight).loss, zt)


@pytest.mark.parametrize('dtype', DTYPES)
def test_heads(dtype):
    (a, at), (b, bt) = twins(classes=3, dtype=dtype), twins(classes=5, dtype=dtype)
    iic = IIC()
    alone = [iic(a, at, grad=True), iic(b, bt, grad=True)]
    result = iic([a, b], (at, bt), grad=True)
    assert result.losses == (alone[0].loss, alone[1].loss)
    assert result.loss == pytest.approx(sum(result.losses) / 2)
    for i in (0, 1):
        np.testing.assert_allclose(2 * result.dz[i], alone[i].dz, rtol=1e-6)
        np.testing.assert_allclose(2 * result.dzt[i], alone[i].dzt, rtol=1e-6)
    assert iic([a], [at]).losses == (alone[0].loss,) and iic([a], [at]).dz is None
    w = np.arange(6, dtype=dtype)
    weighted = iic(a, at, w).loss, iic(b, bt, w).loss
    assert iic([a, b], [at, bt], w).losses == weighted
    assert iic([a, b], [at, bt], [w, None]).losses == (weighted[0], alone[1].loss)


@pytest.mark.parametrize('dtype', DTYPES)
def test_strides_and_out(dtype):
    z, zt = twins(dtype=dtype)
    wanted = IIC()(z, zt, grad=True)
    wide = np.full((2, 6, 8), 9, dtype)
    wide[0, :, 1:4], wide[0, :, 4:7] = z, zt
    result = IIC()(wide[0, :, 1:4], wide[0, :, 4:7],
                   out={'dz': wide[1, :, 1:4], 'dzt': wide[1, :, 4:7]})
    assert result.loss == wanted.loss and np.shares_memory(result.dz, wide)
    np.testing.assert_array_equal(wide[1, :, 1:7], np.hstack([wanted.dz, wanted.dzt]))
    assert (wide[:, :, [0, 7]] == 9).all()
    dz = np.empty_like(z)
    only = IIC()(z, zt, out={'dz': dz})
    assert only.dz is dz and only.dzt is None
    several = IIC()([z, z], [zt, zt], out={'dzt': [dz, None]})
    assert several.dz is None and several.dzt[0] is dz
    np.testing.assert_array_equal(several.dzt[1], dz)


# -- over several batches ------------------------------------------------------------------------

@pytest.mark.parametrize('dtype', DTYPES)
def test_batches_are_one_big_one(dtype):
    (a, at), (b, bt) = twins(classes=3, dtype=dtype), twins(classes=4, dtype=dtype)
    w = np.linspace(1, 2, 6).astype(dtype)
    iic = IIC(lambda_=1.2)
    whole = IIC(lambda_=1.2)([a, b], [at, bt], w, grad=True)
    parts = [slice(0, 4), slice(4, 6)]
    iic.begin([3, 4])
    for s in parts:
        iic.add([a[s], b[s]], [at[s], bt[s]], w[s])
    np.testing.assert_allclose(iic.joint(1), joint(b, bt, w), rtol=1e-6)
    result = iic.finish()
    assert result.losses == pytest.approx(whole.losses) and result.loss == pytest.approx(whole.loss)
    assert result.dz is None
    gradients = [iic.backward([a[s], b[s]], [at[s], bt[s]], w[s]) for s in parts]
    for head in (0, 1):
        for name in ('dz', 'dzt'):
            np.testing.assert_allclose(np.vstack([getattr(g, name)[head] for g in gradients]),
                                       getattr(whole, name)[head], rtol=1e-5, atol=1e-8)
    out = np.empty((4, 4), dtype)
    given = iic.backward([a[:4], b[:4]], [at[:4], bt[:4]], w[:4], out={'dzt': [None, out]})
    assert given.dz is None and given.dzt[1] is out
    np.testing.assert_array_equal(out, gradients[0].dzt[1])


def test_joint_matrices_over_machines():
    z, zt = twins(8)
    shares = [IIC(), IIC()]
    for iic, s in zip(shares, (slice(0, 5), slice(5, 8))):
        iic.begin(3)
        iic.add(z[s], zt[s])
    total = sum(iic.joint() for iic in shares)
    for iic in shares:
        iic.set_joint(0, total)
        assert iic.finish().loss == pytest.approx(IIC()(z, zt).loss)
    dz = np.vstack([shares[0].backward(z[:5], zt[:5]).dz, shares[1].backward(z[5:], zt[5:]).dz])
    np.testing.assert_allclose(dz, IIC()(z, zt, grad=True).dz, atol=1e-12)


def test_accumulation_out_of_turn():
    z, zt = twins()
    iic = IIC()
    for early in (lambda: iic.add(z, zt), iic.finish, lambda: iic.backward(z, zt)):
        with pytest.raises(libmi.StateError):
            early()
    with pytest.raises(libmi.ArgumentError, match='0 are begun'):
        iic.joint()
    iic.begin(3)
    iic.add(z, zt)
    with pytest.raises(libmi.StateError):
        iic.backward(z, zt)
    for bad in (z[:, :2].copy(), [z, z]):
        with pytest.raises(libmi.Error):
            iic.add(bad, bad)
    for head in (1, -1, 2 ** 40):
        with pytest.raises(libmi.ArgumentError, match='head is'):
            iic.joint(head)
    with pytest.raises(libmi.ShapeError, match='joint has shape'):
        iic.set_joint(0, np.ones((2, 2)))
    with pytest.raises(libmi.NumericError):
        iic.set_joint(0, -np.ones((3, 3)))
    iic.finish()
    with pytest.raises(libmi.StateError):
        iic.add(z, zt)
    iic(z[:, :2] + 0.1, zt[:, :2] + 0.1)  # begins anew
    for late in (iic.joint, iic.finish, lambda: iic.set_joint(0, np.ones((3, 3)))):
        with pytest.raises(libmi.StateError):
            late()


@pytest.mark.parametrize('classes', [1, 0, -3, 65537, 2 ** 70, 2.5, [], [3, 1], 'ab'])
def test_begin_refuses(classes):
    with pytest.raises(libmi.Error):
        IIC().begin(classes)


# -- segmentation --------------------------------------------------------------------------------

def shifted(z, zt, reach, mask):
    """The joint matrix of each displacement."""
    _, height, width, _ = z.shape
    matrices = []
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            y, x = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
            to_y, to_x = slice(y.start + dy, y.stop + dy), slice(x.start + dx, x.stop + dx)
            both = mask[:, y, x] & mask[:, to_y, to_x]
            matrices.append(z[:, y, x][both].astype('d').T @ zt[:, to_y, to_x][both].astype('d'))
    return matrices


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('collapse', ['collapsed', 'uncollapsed'])
@pytest.mark.parametrize('masked', [False, True])
def test_maps_are_the_formula(masked, collapse, dtype):
    z, zt = (probabilities(2, 4, 5, 3, dtype=dtype, seed=s) for s in (0, 1))
    mask = np.random.default_rng(2).random((2, 4, 5)) < 0.8 if masked else None
    iic = IIC(lambda_=1.3)
    result = iic.maps(z, zt, reach=1, mask=mask, collapse=collapse, grad=True)
    matrices = shifted(z, zt, 1, np.ones((2, 4, 5), bool) if mask is None else mask)
    wanted = (formula(sum(matrices), 1.3) if collapse == 'collapsed' else
              np.mean([formula(a, 1.3) for a in matrices]))
    assert result.loss == pytest.approx(wanted, rel=1e-7) and result.losses == (result.loss,)
    assert result.dz.dtype == dtype and result.dzt.shape == zt.shape
    if mask is not None:
        assert (result.dz[~mask] == 0).all() and (result.dz[mask] != 0).any()
        assert iic.maps(z, zt, reach=1, mask=mask.view(np.uint8),
                        collapse=collapse).loss == result.loss


@pytest.mark.parametrize('collapse', ['collapsed', 'uncollapsed'])
def test_gradients_of_maps(collapse):
    z, zt = (probabilities(1, 3, 3, 2, seed=s) for s in (0, 1))
    mask = np.ones((1, 3, 3), bool)
    mask[0, 1, 2] = False
    iic, more = IIC(), dict(reach=1, mask=mask, collapse=collapse)
    dz = np.empty_like(z)
    result = iic.maps(z, zt, grad=True, out={'dz': dz}, **more)
    assert result.dz is dz
    compare(result.dz, lambda x: iic.maps(x, zt, **more).loss, z)
    compare(result.dzt, lambda x: iic.maps(z, x, **more).loss, zt)


MAPS = probabilities(2, 4, 5, 3)
OUT = np.ones((2, 4, 5, 3))
MASK = OUT.reshape(-1).view(np.uint8)[:40].reshape(2, 4, 5)


@pytest.mark.parametrize('call, error, words', [
    (lambda: IIC().maps(MAPS, MAPS, reach=4), libmi.ArgumentError, 'reach'),
    (lambda: IIC().maps(MAPS, MAPS, reach=-1), libmi.ArgumentError, 'reach'),
    (lambda: IIC().maps(MAPS, MAPS, reach=1.5), libmi.ArgumentError, 'reach is 1.5'),
    (lambda: IIC().maps(MAPS, MAPS, reach=0, collapse='in'), libmi.ArgumentError, 'uncollapsed'),
    (lambda: IIC().maps(MAPS, MAPS[:1], reach=0), libmi.ShapeError, 'zt has shape'),
    (lambda: IIC().maps(MAPS[0], MAPS[0], reach=0), libmi.ShapeError, 'z has shape'),
    (lambda: IIC().maps(MAPS[:, :, ::2], MAPS, reach=0), libmi.ShapeError, 'z has strides'),
    (lambda: IIC().maps(MAPS, MAPS, reach=0, mask=np.ones((2, 4, 4), bool)), libmi.ShapeError,
     'mask has shape'),
    (lambda: IIC().maps(MAPS, MAPS, reach=0, mask=np.ones((2, 4, 5))), libmi.DTypeError, 'mask'),
    (lambda: IIC().maps(MAPS, MAPS, reach=0, mask=np.zeros((2, 4, 5), bool)), libmi.NumericError,
     'mask|pair|pixel'),
    (lambda: IIC().maps(MAPS, MAPS, reach=0, out={'dz': MAPS}), libmi.ArgumentError, 'overlap'),
    (lambda: IIC().maps(MAPS, MAPS, reach=0, mask=MASK, out={'dz': OUT}), libmi.ArgumentError,
     'overlap'),
])
def test_maps_that_do_not_fit(call, error, words):
    with pytest.raises(error, match=words):
        call()


# -- joint matrices ------------------------------------------------------------------------------

def test_joint_loss():
    a = joint(*twins())
    for lambda_ in (1, 1.7):
        assert joint_loss(a, lambda_) == pytest.approx(formula(a, lambda_))
    wide = np.zeros((3, 5))
    wide[:, :3] = a
    assert joint_loss(wide[:, :3]) == joint_loss(a.tolist()) == joint_loss(a)
    assert joint_loss(np.eye(4)) == pytest.approx(-math.log(4))
    for bad in (a[:2], a.astype('f'), -a, 0 * a, a * np.nan, a[:1, :1], a.T):
        with pytest.raises(libmi.Error):
            joint_loss(bad)
    for lambda_ in (0, -1, math.nan, 'x'):
        with pytest.raises(libmi.ArgumentError):
            joint_loss(a, lambda_)


def test_merge():
    blocks = np.kron(np.eye(2), np.ones((2, 2)))[:, [0, 2, 1, 3]][[0, 2, 1, 3]]
    merged = merge(blocks, 2)
    assert merged.group.tolist() == [0, 1, 0, 1] and merged.group.dtype == np.int32
    assert merged.information == pytest.approx(math.log(2))
    assert merge(blocks, 1, context=libmi.Context(threads=1)).information == pytest.approx(0)
    for bad in (0, 5, 2 ** 70, 1.5):
        with pytest.raises(libmi.ArgumentError, match='target'):
            merge(blocks, bad)
    with pytest.raises(libmi.ShapeError, match='square'):
        merge(np.ones((2, 3)), 1)


# -- what doesn't fit ----------------------------------------------------------------------------

Z = probabilities(4, 3)
W = np.ones((4, 3))


@pytest.mark.parametrize('call, error, words', [
    (lambda: IIC()(Z, Z[:3]), libmi.ShapeError, r'zt has shape \(3, 3\), \(4, 3\) is needed'),
    (lambda: IIC(repeats=2)(Z, Z), libmi.ShapeError, r'\(8, 3\) is needed'),
    (lambda: IIC()(Z, Z.astype('f')), libmi.DTypeError, 'z is float64 and zt is float32'),
    (lambda: IIC()(Z.astype(int), Z), libmi.DTypeError, 'z is int64'),
    (lambda: IIC()(Z.astype(object), Z), libmi.DTypeError, 'z is object'),
    (lambda: IIC()(Z[:, ::-1], Z), libmi.ShapeError, 'z has strides'),
    (lambda: IIC()(np.asfortranarray(Z), Z), libmi.ShapeError, 'z has strides'),
    (lambda: IIC()(np.float64(1), Z), libmi.ShapeError, 'z has shape'),
    (lambda: IIC()(Z[:0], Z[:0]), libmi.ArgumentError, 'n'),
    (lambda: IIC()(Z[:, :1].copy(), Z[:, :1].copy()), libmi.ArgumentError, 'classes'),
    (lambda: IIC()(-Z, Z), libmi.NumericError, r'z'),
    (lambda: IIC()(Z * np.nan, Z), libmi.NumericError, 'nan'),
    (lambda: IIC()(Z, Z, np.zeros(4)), libmi.NumericError, '0'),
    (lambda: IIC()(Z, Z, np.ones(3)), libmi.ShapeError, 'weight has shape'),
    (lambda: IIC()(Z, Z, np.ones(4, 'f')), libmi.DTypeError, 'weight is float32'),
    (lambda: IIC()([], []), libmi.ArgumentError, 'empty'),
    (lambda: IIC()([Z], Z), libmi.ShapeError, 'zt has to be a list of 1'),
    (lambda: IIC()([Z, Z], [Z]), libmi.ShapeError, 'zt has to be a list of 2'),
    (lambda: IIC()([Z, Z], [Z, Z], [None]), libmi.ShapeError, 'weight has to be a list of 2'),
    (lambda: IIC()([Z, Z[:3]], [Z, Z[:3]]), libmi.ShapeError, '4 rows and z.1. has 3'),
    (lambda: IIC()([Z, Z.astype('f')], [Z, Z.astype('f')]), libmi.DTypeError, r'z\[1\] is float32'),
    (lambda: IIC()([Z], [Z[:2]]), libmi.ShapeError, r'zt\[0\] has shape'),
    (lambda: IIC()(Z, Z, out={'dz': Z}), libmi.ArgumentError, 'overlap'),
    (lambda: IIC()(Z, Z, W.reshape(-1)[:4], out={'dz': W}), libmi.ArgumentError, 'overlap'),
    (lambda: IIC()(Z, Z, np.ones(4), out={'dw': Z}), libmi.ArgumentError, "'dw'"),
    (lambda: IIC()([Z, Z], [Z, Z], out={'dz': 2 * [Z + 1]}), libmi.ArgumentError, 'overlap'),
    (lambda: IIC()([Z, Z + 0], [Z, Z], out={'dz': [Z + 0, Z]}), libmi.ArgumentError, 'overlap'),
    (lambda: IIC()([Z, Z], [Z, Z], out={'dz': Z + 0}), libmi.ShapeError, 'list of 2'),
    (lambda: IIC(lambda_=0), libmi.ArgumentError, 'lambda_ is 0'),
    (lambda: IIC(lambda_=-1), libmi.ArgumentError, 'lambda'),
    (lambda: IIC(lambda_='x'), libmi.ArgumentError, 'lambda_'),
    (lambda: IIC(repeats=0), libmi.ArgumentError, 'repeats is 0'),
    (lambda: IIC(repeats=None)(Z, Z[:0]), libmi.ArgumentError, 'repeats is None'),
    (lambda: IIC(lambda_=None), libmi.ArgumentError, 'lambda_ is None'),
    (lambda: IIC(repeats=2 ** 64), libmi.ArgumentError, 'repeats'),
])
def test_calls_that_do_not_fit(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_handle():
    with IIC(lambda_=2, repeats=3, context=libmi.Context(threads=1)) as iic:
        assert repr(iic) == 'IIC(lambda_=2, repeats=3, asymmetric=False)'
    assert repr(iic) == 'IIC(lambda_=2, repeats=3, asymmetric=False, closed)'
    for use in (lambda: iic(Z, np.repeat(Z, 3, axis=0)), lambda: iic.begin(3), iic.finish):
        with pytest.raises(libmi.StateError, match='closed'):
            use()


def test_repr_of_results_has_no_elements():
    z, iic = np.full((4, 2), .5), IIC()
    one, two = iic(z, z, grad=True), iic([z, z], [z, z], out={'dz': [None, None]})
    array = '<float64 (4, 2)>'
    assert repr(one) == f'IICResult(loss={one.loss}, losses={one.losses}, dz={array}, dzt={array})'
    assert repr(two) == (f'IICResult(loss={two.loss}, losses={two.losses}, '
                         f'dz=[{array}, {array}])')
    iic.begin(2)
    iic.add(z, z)
    iic.finish()
    assert repr(iic.backward(z, z)) == f'IICGradients(dz={array}, dzt={array})'
