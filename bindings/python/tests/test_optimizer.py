# SPDX-License-Identifier: BSD-2-Clause
"""Optimizers: a few steps by hand, schedules, borders."""
import gc
import threading

import numpy as np
import pytest

import libmi
from libmi import Encoder, Optimizer

X = np.random.default_rng(0).normal(size=(5, 2, 2)).astype(np.float32)
DY = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)


def pass_through(encoder, dy=DY):
    encoder.forward(X, 'train')
    encoder.backward([dy])
    return encoder.gradients['trunk.0.weight'].astype(float)


def test_sgd_by_hand():
    encoder = Encoder('dense 3', height=2)
    optimizer = Optimizer(encoder, 'sgd', rate=.1, momentum=.5, decay=.01)
    w, v = encoder.parameters['trunk.0.weight'].astype(float), 0
    for n in range(3):
        v = .5 * v + pass_through(encoder, DY * (n + 1)) + .01 * w
        w = w - .1 * v
        optimizer.step()
        assert optimizer.steps == n + 1
        np.testing.assert_allclose(encoder.parameters['trunk.0.weight'], w, rtol=1e-5, atol=1e-6)


def test_adam_by_hand():
    encoder = Encoder('dense 3', height=2)
    optimizer = Optimizer(encoder, rate=.01, beta1=.8, beta2=.9)
    w, m, v = encoder.parameters['trunk.0.weight'].astype(float), 0, 0
    for n in range(1, 4):
        g = pass_through(encoder, DY * n)
        m, v = .8 * m + .2 * g, .9 * v + .1 * g * g
        w = w - .01 * (m / (1 - .8**n)) / (np.sqrt(v / (1 - .9**n)) + 1e-8)
        optimizer.step()
        np.testing.assert_allclose(encoder.parameters['trunk.0.weight'], w, rtol=1e-5, atol=1e-6)


def rates(encoder, steps, **options):
    optimizer, found = Optimizer(encoder, **options), []
    for _ in range(steps):
        found.append(optimizer.rate)
        pass_through(encoder)
        optimizer.step()
    return found


def test_schedules():
    encoder = Encoder('dense 3', height=2)
    assert rates(encoder, 2) == [1e-3] * 2
    assert rates(encoder, 2, kind='sgd') == [1e-2] * 2
    np.testing.assert_allclose(rates(encoder, 5, schedule='step', period=2, gamma=.5, rate=1),
                               [1, 1, .5, .5, .25])
    np.testing.assert_allclose(
        rates(encoder, 6, schedule='cosine', total=4, rate=1, floor=.1),
        .1 + .9 * (1 + np.cos(np.pi * np.array([0, 1, 2, 3, 4, 4]) / 4)) / 2)
    warm = rates(encoder, 4, warmup=3, rate=.3)
    np.testing.assert_allclose(np.diff(warm[:3]), .1)
    assert warm[3] == pytest.approx(.3)


def test_the_gradient_that_is_set_is_the_one_that_counts():
    encoder = Encoder('dense 3', height=2)
    optimizer = Optimizer(encoder, 'sgd', rate=1, momentum=-1)
    pass_through(encoder)
    encoder.gradients['trunk.0.bias'] = np.array([1, 2, 3], np.float32)
    optimizer.step()
    np.testing.assert_array_equal(encoder.parameters['trunk.0.bias'], [-1, -2, -3])


def test_a_step_out_of_order():
    encoder = Encoder('dense 3', height=2)
    optimizer = Optimizer(encoder)
    with pytest.raises(libmi.StateError):
        optimizer.step()
    pass_through(encoder)
    kept = encoder.parameters['trunk.0.weight']
    encoder.gradients['trunk.0.bias'] = np.array([1, np.nan, 3], np.float32)
    with pytest.raises(libmi.NumericError):
        optimizer.step()
    assert optimizer.steps == 0
    np.testing.assert_array_equal(encoder.parameters['trunk.0.weight'], kept)


@pytest.mark.parametrize('options, direction', [
    (dict(kind='adam', beta1=0, beta2=0), np.sign), (dict(kind='sgd', momentum=0), np.array)])
def test_0_remembers_nothing(options, direction):
    encoder = Encoder('dense 3', height=2)
    optimizer = Optimizer(encoder, rate=1, **options)
    x = np.ones((1, 2, 2, 1), np.float32)
    for dy in (4, -2):
        encoder.forward(x, 'train')
        encoder.backward([np.full((1, 3), dy, np.float32)])
        before = encoder.parameters['trunk.0.weight']
        optimizer.step()
        np.testing.assert_allclose(before - encoder.parameters['trunk.0.weight'], direction(dy),
                                   rtol=1e-5)


@pytest.mark.parametrize('options, error', [
    ({'rate': 0}, libmi.ArgumentError), ({'epsilon': 0}, libmi.ArgumentError),
    ({'schedule': 'step', 'period': 2, 'gamma': 0}, libmi.ArgumentError),
    ({'kind': 'newton'}, libmi.ArgumentError), ({'kind': 9}, libmi.ArgumentError),
    ({'rate': -1}, libmi.ArgumentError), ({'rate': float('nan')}, libmi.ArgumentError),
    ({'rate': 'x'}, libmi.ArgumentError), ({'beta1': 1}, libmi.ArgumentError),
    ({'schedule': 'linear'}, libmi.ArgumentError), ({'schedule': 'cosine'}, libmi.ArgumentError),
    ({'warmup': 2**70}, libmi.ArgumentError), ({'warmup': -1}, libmi.ArgumentError),
    ({'speed': 1}, TypeError)])
def test_options_refused(options, error):
    with pytest.raises(error):
        Optimizer(Encoder('dense 3', height=2), **options)


def test_what_is_no_encoder():
    with pytest.raises(TypeError, match='encoder is a str: a Encoder'):
        Optimizer('dense 3')


def test_the_end():
    encoder = Encoder('dense 3', height=2)
    optimizer = Optimizer(encoder)
    assert repr(optimizer) == "Optimizer('adam', rate=0.001, steps=0)"
    optimizer.close()
    optimizer.close()
    assert optimizer.closed and 'closed' in repr(optimizer)
    for use in (optimizer.step, lambda: optimizer.rate, lambda: optimizer.steps,
                lambda: libmi.Cluster(encoder, optimizer)):
        with pytest.raises((libmi.StateError, libmi.ArgumentError)):
            use()


def test_an_optimizer_takes_turns_with_its_encoder():
    encoder = Encoder('dense 3', height=2)
    optimizer = Optimizer(encoder)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(optimizer.rate))
    with encoder._turn:
        thread.start()
        thread.join(.05)  # it waits
        assert not seen
    thread.join(30)
    assert seen == [1e-3]


def test_an_optimizer_outlives_its_encoder():
    encoder = Encoder('dense 3', height=2)
    pass_through(encoder)
    optimizer = Optimizer(encoder)
    encoder.close()
    del encoder
    gc.collect()
    optimizer.step()
    assert optimizer.steps == 1
