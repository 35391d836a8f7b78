# SPDX-License-Identifier: BSD-2-Clause
"""Encoders: against hand-computed truths, at their borders, in threads, at their end."""
import gc
import json
import threading

import numpy as np
import pytest

import libmi
from libmi import Encoder


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# -- truths ------------------------------------------------------------------------------------

def test_a_dense_layer_by_hand():
    encoder = Encoder('dense 3', height=2, width=4)
    w, b = images(8, 3, seed=1), images(3, seed=2)
    encoder.parameters['trunk.0.weight'] = w
    encoder.parameters['trunk.0.bias'] = b
    x, dy = images(5, 2, 4, 1), images(5, 3, seed=3)
    y, = encoder.forward(x, 'train')
    np.testing.assert_allclose(y, x.reshape(5, 8) @ w + b, rtol=1e-5, atol=1e-6)
    dx = encoder.backward([dy], dx=True)
    gradients = encoder.gradients
    np.testing.assert_allclose(gradients['trunk.0.weight'], x.reshape(5, 8).T @ dy, rtol=1e-4,
                               atol=1e-5)
    np.testing.assert_allclose(gradients['trunk.0.bias'], dy.sum(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, (dy @ w.T).reshape(x.shape), rtol=1e-4, atol=1e-5)


def test_heads_by_hand():
    encoder = Encoder('dense 4 | softmax 3, linear 2', height=2)
    assert encoder.widths == (3, 2) and encoder.features == 4 and encoder.input == (2, 2, 1)
    p = encoder.parameters
    p['head.0.bias'] = images(3, seed=1)
    x = images(6, 2, 2)
    features = x.reshape(6, 4) @ p['trunk.0.weight'] + p['trunk.0.bias']
    z, y = encoder.forward(x, 'train')
    np.testing.assert_allclose(encoder.output(), features, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(z, softmax(features @ p['head.0.weight'] + p['head.0.bias']),
                               rtol=1e-5)
    np.testing.assert_allclose(y, features @ p['head.1.weight'] + p['head.1.bias'], rtol=1e-4,
                               atol=1e-6)
    np.testing.assert_array_equal(z, encoder.output(0))
    dy, df = images(6, 2, seed=4), images(6, 4, seed=5)
    dx = encoder.backward([None, dy], dfeatures=df, dx=True)
    assert dx.shape == x.shape
    whole = dy @ p['head.1.weight'].T + df
    np.testing.assert_allclose(encoder.gradients['trunk.0.bias'], whole.sum(axis=0), rtol=1e-5,
                               atol=1e-6)
    np.testing.assert_allclose(dx.reshape(6, 4), whole @ p['trunk.0.weight'].T, rtol=1e-4,
                               atol=1e-5)
    assert not encoder.gradients['head.0.weight'].any()


def test_modes():
    encoder = Encoder('conv 2, bn', height=4)
    before = encoder.parameters['trunk.1.running_mean']
    x = images(8, 4, 4) + 3
    train, = encoder.forward(x, mode='train')
    train = train.reshape(-1, 2)
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-3)
    after = encoder.parameters['trunk.1.running_mean']
    assert (before != after).all()
    alone = encoder.forward(x[:1])[0]
    np.testing.assert_allclose(alone, encoder.forward(x, 'eval')[0][:1], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(encoder.parameters['trunk.1.running_mean'], after)


def test_what_is_a_copy():
    encoder = Encoder('dense 2 | linear 2', height=2)
    y, = encoder.forward(images(3, 2, 2))
    kept = y.copy()
    encoder.forward(images(3, 2, 2, seed=9))
    np.testing.assert_array_equal(y, kept)
    out = np.empty((3, 2), np.float32)
    assert encoder.output(0, out=out) is out
    np.testing.assert_array_equal(out, encoder.output(0))
    parameter = encoder.parameters['head.0.bias']
    parameter += 1
    assert not encoder.parameters['head.0.bias'].any()
    encoder.parameters['head.0.bias'] += 1
    np.testing.assert_array_equal(encoder.parameters['head.0.bias'], [1, 1])


def test_dx_into_an_array():
    encoder = Encoder('dense 2', height=2, channels=3)
    x, dy = images(4, 2, 2, 3), images(4, 2)
    encoder.forward(x, 'train')
    dx = encoder.backward([dy], dx=True)
    encoder.forward(x, 'train')
    assert encoder.backward(dfeatures=dy) is None
    encoder.forward(x, 'train')
    out = np.empty_like(x)
    assert encoder.backward([dy], dx=out) is out
    np.testing.assert_array_equal(out, dx)


# -- parameters --------------------------------------------------------------------------------

def test_parameters():
    encoder = Encoder('conv 4, bn, relu, gap | 2 x softmax 3', height=6, channels=2)
    p, g = encoder.parameters, encoder.gradients
    assert list(p) == ['trunk.0.weight', 'trunk.1.scale', 'trunk.1.shift',
                       'trunk.1.running_mean', 'trunk.1.running_variance', 'head.0.weight',
                       'head.0.bias', 'head.1.weight', 'head.1.bias']
    assert len(g) == 7 and 'trunk.1.running_mean' not in g
    assert p['trunk.0.weight'].shape == (3, 3, 2, 4)
    assert p.info('trunk.1.scale') == ('trunk.1.scale', 'bias', (4,))
    assert p.info('trunk.0.weight').kind == 'weight'
    assert p.info('trunk.1.running_mean').kind == 'state'
    assert encoder.numbers == sum(p[name].size for name in g)
    assert 'trunk.0.weight' in p and 5 not in p and 'a\0b' not in p
    assert "'head.1.bias': (3,)" in repr(p)
    assert {name: values.shape for name, values in p.items()}['head.0.weight'] == (4, 3)


@pytest.mark.parametrize('values, error', [
    (np.zeros(3), libmi.DTypeError), (np.zeros(2, np.float32), libmi.ShapeError),
    (np.zeros((3, 1), np.float32), libmi.ShapeError), (0, libmi.ShapeError),
    (np.array([0, np.inf, 0], np.float32), libmi.NumericError), (None, libmi.DTypeError),
    (np.zeros(6, np.float32)[::2], libmi.ShapeError)])
def test_values_refused(values, error):
    encoder = Encoder('dense 3', height=1)
    with pytest.raises(error):
        encoder.parameters['trunk.0.bias'] = values


def test_names_refused():
    encoder = Encoder('dense 3', height=1)
    for mapping in (encoder.parameters, encoder.gradients):
        for name in ('nothing', 'a\0b', '', 3, None):
            with pytest.raises(KeyError):
                mapping[name]
            with pytest.raises(KeyError):
                mapping[name] = np.zeros(3, np.float32)


def test_gradients_need_a_backward():
    encoder = Encoder('dense 3', height=1)
    with pytest.raises(libmi.StateError):
        encoder.gradients['trunk.0.bias']
    encoder.forward(images(2, 1, 1), 'train')
    encoder.backward([images(2, 3)])
    encoder.gradients['trunk.0.bias'] = np.array([1, 2, 3], np.float32)
    np.testing.assert_array_equal(encoder.gradients['trunk.0.bias'], [1, 2, 3])


def test_seed_and_start():
    def weights(**options):
        return Encoder('dense 50', height=10, **options).parameters['trunk.0.weight']
    np.testing.assert_array_equal(weights(seed=3), weights(seed=3))
    assert (weights(seed=3) != weights(seed=4)).any()
    assert weights(trunk_init='normal', init_scale=7).std() == pytest.approx(7, rel=.1)
    assert abs(weights(trunk_init='he-uniform')).max() <= np.sqrt(6 / 100)
    np.testing.assert_array_equal(weights(context=libmi.Context(seed=3)), weights(seed=3))


# -- files -------------------------------------------------------------------------------------

def test_save_and_load(tmp_path):
    one, other = (Encoder('conv 2, bn | softmax 3', height=4, seed=s) for s in (1, 2))
    one.forward(images(3, 4, 4), 'train')
    one.save(tmp_path / 'x.safetensors')
    other.load(str(tmp_path / 'x.safetensors'))
    for name, values in one.parameters.items():
        np.testing.assert_array_equal(values, other.parameters[name])
    data = (tmp_path / 'x.safetensors').read_bytes()
    header = json.loads(data[8:8 + int.from_bytes(data[:8], 'little')])
    assert set(header) - {'__metadata__'} == set(one.parameters)


def test_files_refused(tmp_path):
    encoder, path = Encoder('dense 3', height=2), tmp_path / 'x'
    kept = encoder.parameters['trunk.0.weight']
    for content in (b'', b'garbage', b'\xff' * 100, b'\x02' + b'\0' * 7 + b'{}'):
        path.write_bytes(content)
        with pytest.raises(libmi.FormatError):
            encoder.load(path)
    Encoder('dense 3', height=3).save(path)
    with pytest.raises(libmi.ShapeError):
        encoder.load(path)
    np.testing.assert_array_equal(encoder.parameters['trunk.0.weight'], kept)
    for use in (encoder.load, encoder.save):
        with pytest.raises(libmi.FileError, match='nowhere'):
            use(tmp_path / 'nowhere' / 'x')
        with pytest.raises(libmi.ArgumentError, match='zero byte'):
            use('a\0b')
        with pytest.raises(libmi.ArgumentError, match='name of a file'):
            use(3.5)


# -- borders -----------------------------------------------------------------------------------

@pytest.mark.parametrize('x, error, words', [
    (images(2, 4, 4, 1).astype(np.float64), libmi.DTypeError, 'float64.*astype'),
    (images(2, 4, 4, 1).astype('>f4'), libmi.DTypeError, '>f4'),
    (images(2, 4, 4, 1).astype(object), libmi.DTypeError, 'object'),
    (np.zeros((2, 4, 4, 1), np.uint8), libmi.DTypeError, 'uint8'),
    (np.asfortranarray(images(2, 4, 4, 1)), libmi.ShapeError, 'ascontiguousarray'),
    (images(4, 4, 4)[::2], libmi.ShapeError, 'ascontiguousarray'),
    (images(2, 4, 5), libmi.ShapeError, r'4, 4, 1\) is needed'),
    (images(2, 4, 4, 2), libmi.ShapeError, '4, 4, 1'), (images(4, 4), libmi.ShapeError, '4, 4'),
    (np.float32(1), libmi.ShapeError, r'\(\)'), (None, libmi.DTypeError, 'None'),
    ('x', libmi.DTypeError, 'str'), (images(0, 4, 4), libmi.ArgumentError, '0'),
    (np.ma.array(images(2, 4, 4)), libmi.DTypeError, 'masked'),
    (np.full((2, 4, 4), np.nan, np.float32), libmi.NumericError, '0')])
def test_images_refused(x, error, words):
    encoder = Encoder('dense 3', height=4)
    with pytest.raises(error, match=words):
        encoder.forward(x)
    with pytest.raises(libmi.StateError, match='call forward first'):
        encoder.output()


def test_read_only_images_and_lists_will_do():
    encoder = Encoder('dense 3', height=2)
    x = images(2, 2, 2)
    x.flags.writeable = False
    np.testing.assert_array_equal(encoder.forward(x)[0], encoder.forward(x.tolist())[0])


@pytest.mark.parametrize('dy, error', [
    ([None], libmi.ArgumentError), (images(3, 2), libmi.ArgumentError),
    ([images(3, 2), images(3, 2)], libmi.ShapeError),
    ([images(4, 2), None], libmi.ShapeError), ([np.zeros((3, 2)), None], libmi.DTypeError),
    ([np.asfortranarray(images(3, 2)), None], libmi.ShapeError), (5, TypeError)])
def test_derivatives_refused(dy, error):
    encoder = Encoder('dense 3 | linear 2, linear 4', height=2)
    encoder.forward(images(3, 2, 2), 'train')
    with pytest.raises(error):
        encoder.backward(dy)
    encoder.backward([images(3, 2), None])  # the forward is still there


def test_backward_out_of_order():
    encoder = Encoder('dense 3', height=2)
    dy, x = images(2, 3), images(2, 2, 2)
    with pytest.raises(libmi.StateError, match='forward first'):
        encoder.backward([dy])
    encoder.forward(x)
    with pytest.raises(libmi.StateError):
        encoder.backward([dy])
    encoder.forward(x, 'train')
    encoder.backward([dy])
    with pytest.raises(libmi.StateError):
        encoder.backward([dy])
    encoder.forward(x, 'train')
    with pytest.raises(libmi.ArgumentError, match='both'):
        encoder.backward([dy], dfeatures=dy)


def test_dx_must_not_lie_on_a_derivative():
    encoder, memory = Encoder('dense 4', height=2), images(2, 2, 2)
    encoder.forward(images(2, 2, 2), 'train')
    with pytest.raises(libmi.ArgumentError, match='overlap'):
        encoder.backward([memory.reshape(2, 4)], dx=memory)
    with pytest.raises(libmi.ArgumentError, match='overlap'):
        encoder.backward(dfeatures=memory.reshape(2, 4), dx=memory)


@pytest.mark.parametrize('head', [-2, 2, 2**40, 'x', None])
def test_heads_refused(head):
    encoder = Encoder('dense 3 | 2 x linear 2', height=2)
    encoder.forward(images(2, 2, 2))
    with pytest.raises(libmi.ArgumentError):
        encoder.output(head)


@pytest.mark.parametrize('momentum, moves', [(0, False), (1e-3, True), (None, True)])
def test_running_statistics(momentum, moves):
    encoder = Encoder('conv 2, bn', height=4, bn_momentum=momentum)
    states = [n for n in encoder.parameters if encoder.parameters.info(n).kind == 'state']
    before = [encoder.parameters[name] for name in states]
    encoder.forward(np.random.default_rng(0).random((3, 4, 4, 1), np.float32), 'train')
    moved = [(encoder.parameters[name] != old).any() for name, old in zip(states, before)]
    assert moved == [moves] * 2


@pytest.mark.parametrize('description, options, error', [
    ('dense', {}, libmi.FormatError), ('', {}, libmi.FormatError),
    ('dense 3 | softmax', {}, libmi.FormatError), ('a\0b', {}, libmi.ArgumentError),
    (None, {}, libmi.ArgumentError), ('maxpool', {'height': 1}, libmi.ShapeError),
    ('dense 3', {'height': -1}, libmi.ArgumentError),
    ('dense 3', {'height': 0}, libmi.ArgumentError), ('dense 3', {'width': 0}, libmi.ArgumentError),
    ('dense 3', {'channels': 0}, libmi.ArgumentError),
    ('dense 3', {'init_scale': 0}, libmi.ArgumentError),
    ('dense 3', {'bn_epsilon': 0}, libmi.ArgumentError),
    ('dense 3', {'height': 2**32 + 1}, libmi.ArgumentError),
    ('dense 3', {'width': 1.5}, libmi.ArgumentError),
    ('dense 3', {'trunk_init': 'zero'}, libmi.ArgumentError),
    ('dense 3', {'precision': 9}, libmi.ArgumentError), ('dense 3', {'depth': 9}, TypeError)])
def test_encoders_refused(description, options, error):
    with pytest.raises(error):
        Encoder(description, **options)


def test_modes_refused():
    encoder = Encoder('dense 3', height=2)
    for use in (lambda m: encoder.forward(images(1, 2, 2), m), lambda m: encoder.memory(1, m)):
        for mode in ('test', 0, 3, None):
            with pytest.raises(libmi.ArgumentError):
                use(mode)


def test_memory_and_summary():
    encoder = Encoder('small, gap | softmax 10', height=12)
    assert encoder.memory(64) > encoder.memory(64, 'eval') > encoder.memory(1, 'eval') > 0
    for n in (0, -1, 2**63, 'x'):
        with pytest.raises(libmi.ArgumentError):
            encoder.memory(n)
    text = encoder.summary()
    assert text.startswith('input') and f'{encoder.numbers} parameters' in text
    assert repr(encoder) == "Encoder('small, gap | softmax 10', 12 x 12 x 1)"


# -- life --------------------------------------------------------------------------------------

def test_the_end():
    encoder = Encoder('dense 3', height=2)
    parameters = encoder.parameters
    encoder.close()
    encoder.close()
    assert encoder.closed and 'closed' in repr(encoder)
    for use in (lambda: encoder.forward(images(1, 2, 2)), encoder.output, encoder.backward,
                encoder.summary, lambda: encoder.numbers, lambda: encoder.memory(1),
                lambda: encoder.save('x'), lambda: encoder.load('x'),
                lambda: parameters['trunk.0.bias'], lambda: libmi.Optimizer(encoder),
                lambda: libmi.Cluster(encoder)):
        with pytest.raises(libmi.StateError, match='closed'):
            use()


def test_parameters_keep_their_encoder():
    parameters = Encoder('dense 3', height=2).parameters
    gc.collect()
    assert parameters['trunk.0.weight'].any()


def test_two_encoders_work_at_once():
    one, other = Encoder('dense 3', height=2), Encoder('dense 3', height=2)
    done = []
    with one._turn:  # one is busy, as long as this block lasts
        thread = threading.Thread(target=lambda: done.append(other.forward(images(2, 2, 2))))
        thread.start()
        thread.join(30)
        assert done
    np.testing.assert_array_equal(one.forward(images(2, 2, 2))[0], done[0][0])


def test_threads_take_turns():
    encoder = Encoder('dense 8, relu | linear 3', height=4)
    xs = [images(n, 4, 4, seed=n) for n in range(1, 9)]
    truth = [encoder.forward(x)[0] for x in xs]
    wrong = []

    def work(x, y):
        for _ in range(50):
            if not np.array_equal(encoder.forward(x)[0], y):
                wrong.append(len(x))
    threads = [threading.Thread(target=work, args=pair) for pair in zip(xs, truth)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_taps_are_read_and_have_gradients():
    rng = np.random.default_rng(5)
    whole = Encoder('conv 4, relu, tap, conv 5, relu, gap', height=6, channels=2)
    first = Encoder('conv 4, relu', height=6, channels=2)
    assert whole.taps == ((6, 6, 4),) and first.taps == ()
    x = rng.standard_normal((3, 6, 6, 2), np.float32)
    dtap = rng.standard_normal((3, 6, 6, 4), np.float32)
    whole.forward(x, 'train')
    y, = first.forward(x, 'train')
    np.testing.assert_array_equal(whole.tap(), y.reshape(3, 6, 6, 4))
    out = np.empty_like(dtap)
    assert whole.tap(0, out=out) is out
    np.testing.assert_array_equal(whole.backward(dtaps={0: dtap}, dx=True),
                                  first.backward([dtap.reshape(3, -1)], dx=True))
    with pytest.raises(libmi.ArgumentError, match='tap is 1: the encoder has 1'):
        whole.tap(1)
    with pytest.raises(libmi.ArgumentError, match='tap is 2'):
        whole.backward(dtaps={2: dtap})
    whole.forward(x, 'train')
    with pytest.raises(libmi.ShapeError, match=r'dtaps\[0\]'):
        whole.backward(dtaps={0: dtap[:2]})
