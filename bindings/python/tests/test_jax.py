# SPDX-License-Identifier: BSD-2-Clause
"""The JAX losses: values, gradients of every bound, transformations, refusals."""
from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip('jax')

import jax.numpy as jnp  # noqa: E402 (after the skip)
from jax.test_util import check_grads  # noqa: E402

import libmi  # noqa: E402
from libmi import jax as losses  # noqa: E402

BOUNDS = [info for info in libmi.bounds() if 'state' not in info.traits]
KINDS = [info.name for info in BOUNDS]
BASELINE = [info.name for info in BOUNDS if 'baseline' in info.traits]


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def draw():
    source = np.random.default_rng(5)
    return lambda *shape: jnp.asarray(source.standard_normal(shape))


def check(function, *inputs):
    check_grads(function, inputs, order=1, modes=['rev'], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('kind', KINDS)
def test_gradients_of_vectors(kind, draw):
    baseline = [draw(5)] * (kind in BASELINE)
    check(lambda *x: losses.bound_vectors(kind, *x), draw(5), draw(5, 3), *baseline)


@pytest.mark.parametrize('kind', KINDS)
def test_gradients_of_matrices(kind, draw):
    baseline = [draw(4)] * (kind in BASELINE)
    mask = np.ones((4, 8), bool)
    mask[0, 5] = mask[3, 0] = False
    check(lambda *x: losses.bound_matrix(kind, *x, locations=2, mask=mask), draw(4, 8), *baseline)


@pytest.mark.parametrize('kind', KINDS)
def test_gradients_of_embeddings(kind, draw):
    baseline = [draw(4)] * (kind in BASELINE)

    def of(temperature, *x):
        return losses.bound_embeddings(kind, *x, temperature=temperature, locations=2,
                                       normalize=True)
    check(of, jnp.asarray(0.7), draw(4, 3), draw(8, 3), *baseline)


@pytest.mark.parametrize('options', [{}, {'lambda_': 1.5, 'repeats': 2}, {'asymmetric': True}])
def test_gradients_of_iic(options, draw):
    repeats = options.get('repeats', 1)
    inputs = [draw(4, 3), draw(4, 2), draw(4 * repeats, 3), draw(4 * repeats, 2)]
    weight = abs(draw(4 * repeats))

    def heads(*x):
        return [jax.nn.softmax(a) for a in x]
    weights = [weight, weight ** 2]
    check(lambda a, b, c, d: losses.iic_loss(heads(a, b), heads(c, d), weights, **options),
          *inputs)
    check(lambda a, c: losses.iic_loss(*heads(a, c), **options), *inputs[::2])


def test_gradients_of_kl(draw):
    for reduce in ('sum', 'mean'):
        check(lambda *x: losses.kl(*x, reduce=reduce), draw(4, 3), draw(4, 3))


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_values_are_those_of_numpy(dtype, draw):
    u, v = draw(6, 3).astype(dtype), draw(6, 3).astype(dtype)

    def of(u, v):
        return 3 * losses.bound_embeddings('infonce', u, v, temperature=0.5, columns=0.5)
    expected = libmi.Bound('infonce', columns=0.5).embeddings(
        np.asarray(u), np.asarray(v), temperature=0.5, grad=True)
    for transformed in (jax.value_and_grad(of, (0, 1)), jax.jit(jax.value_and_grad(of, (0, 1)))):
        loss, (du, dv) = transformed(u, v)
        assert loss.dtype == du.dtype == dv.dtype == dtype
        assert loss == pytest.approx(3 * expected.loss)
        np.testing.assert_array_equal(du, 3 * expected.du)
        np.testing.assert_array_equal(dv, 3 * expected.dv)
    weight = np.array([1., 2, 1, 1, 1, 1], dtype)
    z = jax.nn.softmax(u)
    y = np.asarray(z)
    for heads, plain in ((z, y), ([z, z[:, :2]], [y, y[:, :2].copy()])):
        assert losses.iic_loss(heads, heads, weight, lambda_=1.5) == pytest.approx(
            libmi.IIC(lambda_=1.5)(plain, plain, weight).loss)


def test_masks_and_weights_arrive(draw):
    scores, mask = draw(4, 4), np.asarray(draw(4, 4)) > -0.5
    assert losses.bound_matrix('nwj', scores, mask=mask) == pytest.approx(
        libmi.Bound('nwj').matrix(np.asarray(scores), mask=mask).loss)
    z, zt, *weights = abs(draw(6, 3)), abs(draw(6, 3)), abs(draw(6)), abs(draw(6))
    assert losses.iic_loss([z, z], [zt, zt], weights) == pytest.approx(
        libmi.IIC()([np.asarray(z)] * 2, [np.asarray(zt)] * 2,
                    [np.asarray(w) for w in weights]).loss)


def test_float32_is_what_there_is_without_x64():
    with jax.enable_x64(False):
        u = jnp.asarray(np.random.default_rng(1).standard_normal((5, 2)))
        loss, gradient = jax.value_and_grad(lambda t: losses.bound_embeddings(
            'infonce', u, u, temperature=t, normalize=True))(0.5)
        assert loss.dtype == gradient.dtype == 'float32'


def test_vmap_is_one_after_another(draw):
    u, v = draw(3, 5, 2), draw(3, 5, 2)

    def of(u, v):
        return losses.bound_embeddings('nwj', u, v, normalize=True)
    found = jax.vmap(jax.value_and_grad(of))(u, v)
    for i in range(3):
        loss, du = jax.value_and_grad(of)(u[i], v[i])
        assert found[0][i] == loss
        np.testing.assert_array_equal(found[1][i], du)


def test_only_what_is_asked_for_is_computed(draw, monkeypatch):
    asked = []
    embeddings = libmi.Bound.embeddings
    monkeypatch.setattr(libmi.Bound, 'embeddings', lambda self, *, out, **options: (
        asked.append(sorted(out)), embeddings(self, out=out, **options))[1])
    u, v = draw(5, 2), draw(5, 2)

    def of(u, v, temperature):
        return losses.bound_embeddings('infonce', u, v, temperature=temperature)
    of(u, v, 1.)
    jax.jit(of)(u, v, 1.).block_until_ready()
    jax.grad(of, 1)(u, v, 1.)
    jax.block_until_ready(jax.jit(jax.grad(of, (0, 2)))(u, v, 1.))
    assert asked == [[], [], ['dv'], ['dtemperature', 'du']]


def test_large_arrays_reach_the_callback(draw):
    u = jnp.ones((2048, 512), jnp.float32)
    step = jax.jit(jax.grad(lambda u: losses.kl(2 * u, u + 1, reduce='mean')))
    for _ in range(3):
        assert step(u).shape == u.shape


def test_state_is_refused(draw):
    with pytest.raises(libmi.ArgumentError, match='mine has a state .* pure functions: take dv'):
        losses.bound_vectors('mine', draw(4), draw(4))


def test_what_does_not_fit_is_said(draw):
    x = draw(4, 4)
    with pytest.raises(libmi.DTypeError, match=r'u is int\d+: .* u\.astype\(jax\.numpy\.float32\)'):
        losses.bound_embeddings('infonce', x.astype(int), x)
    with pytest.raises(libmi.DTypeError, match='v is float32, and .* float64: give v.astype'):
        losses.bound_embeddings('infonce', x, x.astype('float32'))
    with pytest.raises(libmi.DTypeError, match='u is bfloat16'):
        losses.bound_embeddings('infonce', x.astype(jnp.bfloat16), x)
    with pytest.raises(libmi.DTypeError, match='u is None'):
        losses.bound_embeddings('infonce', None, x)
    with pytest.raises(libmi.ArgumentError, match='infonce'):
        losses.bound_matrix('entropy', x)
    with pytest.raises(TypeError, match="infonce has no parameter 'tau'"):
        losses.bound_matrix('infonce', x, tau=3)
    with pytest.raises(libmi.ArgumentError, match='tau is .*: a number is needed'):
        jax.jit(lambda tau: losses.bound_matrix('smile', x, tau=tau))(3.)
    with pytest.raises(libmi.ArgumentError, match='z is an empty list'):
        losses.iic_loss([], [])
    with pytest.raises(Exception, match='v has shape'):
        losses.bound_embeddings('infonce', x, x[:3])
    z = jax.nn.softmax(x)
    with pytest.raises(Exception, match='zt has to be a list of 2'):
        losses.iic_loss([z, z], [z])
    with pytest.raises(libmi.ArgumentError, match=r'weight .* jax\.lax\.stop_gradient\(weight\)'):
        jax.grad(lambda w: losses.iic_loss(z, z, w))(jnp.ones(4))
    jax.grad(lambda z: losses.iic_loss(z, z, jax.lax.stop_gradient(z[:, 0])))(z)


def test_calls_like_earlier_ones_compile_nothing(draw):
    x, compiled = draw(5, 5), []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if 'backend_compile' in event else None)
    for function in (lambda x: losses.bound_vectors('nwj', x[0], x[1]),
                     lambda x: losses.bound_matrix('infonce', x, mask=x < 9, columns=1),
                     lambda x: losses.bound_embeddings('infonce', x, x, normalize=True),
                     lambda x: losses.iic_loss([jnp.abs(x)], [jnp.abs(x)], jnp.ones(5)),
                     lambda x: losses.kl(x, x, reduce='mean')):
        for call in (function, jax.grad(lambda y: function(y))):
            seen = []
            for _ in range(3):
                compiled.clear()
                call(x)
                seen.append(len(compiled))
            assert seen[0] > 0 and seen[2] == 0, seen


def test_second_derivatives_are_refused(draw):
    with pytest.raises(ValueError, match='callbacks do not support JVP'):
        jax.hessian(lambda u: losses.bound_matrix('infonce', jnp.tanh(u)))(draw(3, 3))
