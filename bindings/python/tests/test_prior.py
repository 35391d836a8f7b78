# SPDX-License-Identifier: BSD-2-Clause
"""Prior terms: formulas in NumPy, gradients against differences, and inputs that don't fit."""
import math

import numpy as np
import pytest
from differences import differences

import libmi
from libmi import prior

DTYPES = [np.float32, np.float64]


def codes(n=4, d=3, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=(2, n, d)).astype(dtype)


def softplus(x):
    return np.logaddexp(x, 0)


def strided(a):
    wide = np.full((a.shape[0], a.shape[1] + 2), 9, a.dtype)
    wide[:, 1:-1] = a
    return wide[:, 1:-1]


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('reduce', ['sum', 'mean'])
@pytest.mark.parametrize('shape', [(1, 1), (4, 3)])
def test_kl(shape, reduce, dtype):
    mean, log = codes(*shape, dtype=dtype)
    wide = mean.astype('d'), log.astype('d')
    terms = (wide[0] ** 2 + np.exp(wide[1]) - 1 - wide[1]) / 2
    result = prior.kl(mean, log, reduce=reduce, grad=True)
    assert result.loss == pytest.approx(getattr(terms, reduce)(axis=1).mean(), rel=1e-6)
    scale = shape[0] * (shape[1] if reduce == 'mean' else 1)
    np.testing.assert_allclose(result.dmean, wide[0] / scale, rtol=1e-6)
    np.testing.assert_allclose(result.dlog, np.expm1(wide[1]) / 2 / scale, rtol=1e-5)
    assert result.dmean.dtype == result.dlog.dtype == dtype
    assert prior.kl(strided(mean), strided(log), reduce=reduce) == (result.loss, None, None)


@pytest.mark.parametrize('dtype', DTYPES)
def test_sample(dtype):
    mean, log = codes(500, 4, dtype)
    z = prior.sample(mean, log, seed=5)
    noise = (z.astype('d') - mean) / np.exp(log.astype('d') / 2)
    assert z.dtype == dtype and abs(noise.mean()) < 0.1 and abs(noise.std() - 1) < 0.1
    np.testing.assert_array_equal(z, prior.sample(strided(mean), strided(log), seed=5, draw=0))
    for other in (dict(seed=6), dict(seed=5, draw=1), dict(seed=2 ** 64 - 1, draw=2 ** 64 - 1)):
        assert (z != prior.sample(mean, log, **other)).all()


@pytest.mark.parametrize('dtype', DTYPES)
def test_sample_backward(dtype):
    mean, log = codes(dtype=dtype)
    z, dz = prior.sample(mean, log, seed=1), codes(dtype=dtype, seed=2)[0]
    fresh = prior.sample_backward(strided(mean), z, dz)
    np.testing.assert_array_equal(fresh.dmean, dz)
    np.testing.assert_allclose(fresh.dlog, dz * (z - mean) / 2, rtol=1e-5)
    divergence = prior.kl(mean, log, grad=True)
    start = divergence.dmean.copy(), divergence.dlog.copy()
    added = prior.sample_backward(mean, z, dz, divergence.dmean, divergence.dlog)
    assert added.dmean is divergence.dmean and added.dlog is divergence.dlog
    np.testing.assert_allclose(added.dmean, start[0] + fresh.dmean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(added.dlog, start[1] + fresh.dlog, rtol=1e-5, atol=1e-6)
    half = prior.sample_backward(mean, z, dz, dlog=np.ones_like(mean))
    np.testing.assert_allclose(half.dlog, fresh.dlog + 1, rtol=1e-5)
    np.testing.assert_array_equal(half.dmean, dz)


def test_gradient_of_a_sample_is_that_of_differences():
    mean, log = codes()

    def loss(m, v):
        return float(np.sum(np.sin(prior.sample(m, v, seed=3, draw=7))))

    z = prior.sample(mean, log, seed=3, draw=7)
    result = prior.sample_backward(mean, z, np.cos(z))
    np.testing.assert_allclose(result.dmean, differences(lambda m: loss(m, log), mean), atol=1e-8)
    np.testing.assert_allclose(result.dlog, differences(lambda v: loss(mean, v), log), atol=1e-8)


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('side', ['discriminator', 'encoder', 'encoder-minimax'])
def test_adversarial(side, dtype):
    rng = np.random.default_rng(4)
    code, real = rng.normal(size=5).astype(dtype), rng.normal(size=3).astype(dtype)

    def loss(c, r):
        return {'discriminator': softplus(-r).mean() + softplus(c).mean(),
                'encoder': softplus(-c).mean(), 'encoder-minimax': -softplus(c).mean()}[side]

    result = prior.adversarial(side, code, real, grad=True)
    wide = code.astype('d'), real.astype('d')
    assert result.loss == pytest.approx(loss(*wide), rel=1e-6)
    tolerance = dict(rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(result.dcode, differences(lambda c: loss(c, wide[1]), wide[0]),
                               **tolerance)
    np.testing.assert_allclose(result.dprior, differences(lambda r: loss(wide[0], r), wide[1]),
                               **tolerance)
    assert result.dcode.dtype == result.dprior.dtype == dtype
    assert prior.adversarial(side, code, real) == (result.loss, None, None)
    column = prior.adversarial(side, code[:, None], real[:, None], grad=True)
    assert column.loss == result.loss and column.dcode.shape == (5, 1)


def test_the_encoder_needs_no_prior():
    result = prior.adversarial('encoder', [0., 0.], grad=True)
    assert result.loss == pytest.approx(math.log(2)) and result.dprior is None
    np.testing.assert_allclose(result.dcode, [-0.25, -0.25])
    with pytest.raises(libmi.ArgumentError):
        prior.adversarial('discriminator', [0., 0.])


M = np.zeros((4, 3))


def read_only():
    a = np.zeros((4, 3))
    a.flags.writeable = False
    return a


@pytest.mark.parametrize('call, error, words', [
    (lambda: prior.kl(M, M[:3]), libmi.ShapeError, 'log_variance has shape'),
    (lambda: prior.kl(M, M.astype('f')), libmi.DTypeError,
     'mean is float64 and log_variance is float32'),
    (lambda: prior.kl(M.astype(int), M), libmi.DTypeError, 'mean is int64'),
    (lambda: prior.kl(M.astype(object), M), libmi.DTypeError, 'mean is object'),
    (lambda: prior.kl(M[:, ::-1], M), libmi.ShapeError, 'mean has strides'),
    (lambda: prior.kl(M[0], M[0]), libmi.ShapeError, 'mean has shape'),
    (lambda: prior.kl(np.float64(0), M), libmi.ShapeError, 'mean has shape'),
    (lambda: prior.kl(M[:0], M[:0]), libmi.ArgumentError, 'n'),
    (lambda: prior.kl(M * np.nan, M), libmi.NumericError, 'nan'),
    (lambda: prior.kl(M, M + 1000), libmi.NumericError, 'log_variance'),
    (lambda: prior.kl(M, M, reduce='max'), libmi.ArgumentError, "'max': one of sum, mean"),
    (lambda: prior.sample(M, M, seed=-1), libmi.ArgumentError, 'seed is -1'),
    (lambda: prior.sample(M, M, seed=0.5), libmi.ArgumentError, 'seed is 0.5'),
    (lambda: prior.sample(M, M, seed=0, draw=2 ** 64), libmi.ArgumentError, 'draw is'),
    (lambda: prior.sample(M, M + np.inf, seed=0), libmi.NumericError, 'inf'),
    (lambda: prior.sample_backward(M, M, M[:3]), libmi.ShapeError, 'dz has shape'),
    (lambda: prior.sample_backward(M, M, M, dmean=M), libmi.ArgumentError, 'overlap'),
    (lambda: prior.sample_backward(M, M, M, dmean=read_only()), libmi.ArgumentError, 'read-only'),
    (lambda: prior.sample_backward(M, M, M, dlog=M.tolist()), libmi.DTypeError, 'written to'),
    (lambda: prior.sample_backward(M, M, M, dlog=M.astype('f')), libmi.DTypeError, 'dlog is'),
    (lambda: prior.sample_backward(M, M, M + np.inf), libmi.NumericError, 'dz'),
    (lambda: prior.adversarial('judge', M), libmi.ArgumentError, 'one of discriminator, encoder'),
    (lambda: prior.adversarial(7, M), libmi.ArgumentError, '7'),
    (lambda: prior.adversarial('encoder', M[:0]), libmi.ArgumentError, 'n'),
    (lambda: prior.adversarial('encoder', M.T), libmi.ShapeError, 'code has strides'),
    (lambda: prior.adversarial('encoder', M * np.nan), libmi.NumericError, 'code'),
    (lambda: prior.adversarial('discriminator', M, M.astype('f')), libmi.DTypeError,
     'code is float64 and prior is float32'),
])
def test_calls_that_do_not_fit(call, error, words):
    with pytest.raises(error, match=words):
        call()
