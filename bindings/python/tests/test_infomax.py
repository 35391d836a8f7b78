# SPDX-License-Identifier: BSD-2-Clause
"""Deep InfoMax: its terms by hand, what it says of images, checkpoints, the loop, its life."""
import gc
import io
import itertools
import json
import math
import pathlib
import signal
import struct
import sys
import threading

import numpy as np
import pytest
from terminal import Terminal

import libmi
from libmi import Dataset, Encoder, Infomax, Optimizer, Pairs

SMALL = 'conv 6 4x4 stride 2, bn, relu, tap, conv 8, bn, relu, gap | '
ONE, TWO = SMALL + 'linear 5', SMALL + '2 x linear 5'
PLACES = 36  # of the map at the tap


@pytest.fixture(scope='module')
def digits():
    return Dataset.digits(96, seed=1)


def make(dataset, description=ONE, **options):
    """Pairs of 12 x 12, four batches an epoch, and a small Deep InfoMax."""
    pairs = Pairs(dataset, batch=24, size=12, recipe='natural', workers=-1)
    encoder = Encoder(description, height=12, seed=3, head_init='he-normal')
    return pairs, Infomax(encoder, Optimizer(encoder), **{'units': 16, 'embed': 7, **options})


def weights(infomax):
    return np.concatenate([v.ravel() for v in infomax._encoder.parameters.values()])


def tensors(infomax, path):
    """Everything that is learnt, by the names of the checkpoint."""
    infomax.save(path)
    data = pathlib.Path(path).read_bytes()
    size, = struct.unpack('<Q', data[:8])
    told = json.loads(data[8:8 + size])
    return {name: np.frombuffer(data[8 + size:][slice(*t['data_offsets'])], np.float32
                                ).reshape(t['shape'])
            for name, t in told.items() if name != '__metadata__' and t['dtype'] == 'F32'}


class Critic:
    """The networks of a critic, from a checkpoint."""

    def __init__(self, infomax, path, name):
        self.learnt, self.name = tensors(infomax, path), name

    def __call__(self, side, layers, x):
        """What one of them says of [n, h, w, c] or [n, c]."""
        x = x if x.ndim == 4 else x[:, None, None]
        _, height, width, channels = x.shape
        network = Encoder(layers, height=height, width=width, channels=channels)
        prefix = f'{self.name}.{side}.'
        for name in network.parameters:
            network.parameters[name] = self.learnt[prefix + name]
        y, = network.forward(np.ascontiguousarray(x), 'train')
        return y.reshape(len(x), height * width, -1).astype(float)


def passed(infomax, *views):
    """Codes and maps of a training step, view by view."""
    codes = np.split(infomax._encoder.forward(np.concatenate(views), 'train')[0], len(views))
    return codes, np.split(infomax._encoder.tap(), len(views))


def jsd(joint, product):
    return libmi.Bound('jsd').vectors(joint.ravel(), product.ravel())


# -- terms by hand -----------------------------------------------------------------------------

@pytest.mark.parametrize('views', [1, 2])
def test_local_by_hand(digits, tmp_path, views):
    pairs, infomax = make(digits, beta=2, temperature=.5)
    batch = pairs.next()[:views]
    critic = Critic(infomax, tmp_path / 'x', 'local.0')
    codes, maps = passed(infomax, *batch)
    layers = 'residual(conv 16 1x1, bn, relu, conv 7 1x1), ln'
    u = np.split(critic('u', layers, np.concatenate(codes)), views)
    v = np.split(critic('v', layers, np.concatenate(maps)), views)
    strangers = ~np.eye(24, dtype=bool)
    told = []
    for code, places in zip(u[::-1], v):
        scores = np.einsum('id,jpd->ijp', code[:, 0], places) / 7 / .5
        told.append(jsd(scores[~strangers], scores[strangers]))
    report = infomax.step(*batch)
    assert report.local_loss == pytest.approx(np.mean([t.loss for t in told]), rel=1e-4)
    assert report.local_estimate == pytest.approx(np.mean([t.estimate for t in told]), rel=1e-4)
    assert report.loss == pytest.approx(2 * report.local_loss)
    assert report[:2] == (1, pytest.approx(.001))
    assert report[3:5] == (0, 0) and report[7:] == (0, 0, 0, 0)


@pytest.mark.parametrize('of', ['map', 'code'])
def test_global_by_hand(digits, tmp_path, of):
    pairs, infomax = make(digits, alpha=1, layers=1, negatives='all', global_of=of,
                          global_bound='dv')
    x, xt = pairs.next()
    critic = Critic(infomax, tmp_path / 'x', 'global.0')
    codes, maps = passed(infomax, x, xt)
    v = np.concatenate(codes if of == 'code' else [m.reshape(24, -1) for m in maps])
    a = critic('u', 'conv 16 1x1', np.concatenate(codes[::-1]))[:, 0]
    b = critic('v', 'conv 16 1x1', v)[:, 0]
    hidden = np.maximum(a.reshape(2, 24, 1, 16) + b.reshape(2, 1, 24, 16), 0)
    scores = critic('pair', 'dense 1', hidden.reshape(-1, 16).astype(np.float32)
                    ).reshape(2, 24, 24)
    own = np.eye(24, dtype=bool)
    told = libmi.Bound('dv').vectors(scores[:, own].ravel(), scores[:, ~own].ravel())
    report = infomax.step(x, xt)
    assert report.global_estimate == pytest.approx(told.estimate, rel=1e-3, abs=1e-6)
    assert report.loss == report.global_loss == pytest.approx(-told.estimate, rel=1e-3, abs=1e-6)


def test_a_gaussian_code_by_hand(digits):
    pairs, infomax = make(digits, TWO, gamma=.5)
    x, _ = pairs.next()
    mean, log_variance = infomax._encoder.forward(x, 'train')
    report = infomax.step(x)
    assert report.prior == pytest.approx(libmi.prior.kl(mean, log_variance, reduce='mean').loss,
                                         rel=1e-4)
    assert report.loss == pytest.approx(.5 * report.prior)


def test_the_sum(digits):
    pairs, infomax = make(digits, alpha=.5, beta=1.5, gamma=.1, delta=.3, prior='uniform',
                          discriminator='dense 9, relu', local_bound='infonce')
    for views in (pairs.next()[:1], pairs.next()):
        report = infomax.step(*views)
        assert all(math.isfinite(value) and value != 0 for value in report)
        assert report.loss == pytest.approx(
            .5 * report.global_loss + 1.5 * report.local_loss + .3 * report.within_loss
            + .1 * report.prior)
    assert report.prior == pytest.approx(math.log(2), abs=.3)
    assert report.discriminator == pytest.approx(2 * math.log(2), abs=.5)


def test_weights_that_are_not_given(digits):
    pairs, infomax = make(digits)
    batch = pairs.next()
    report = infomax.step(*batch)
    assert report.loss == pytest.approx(.5 * report.global_loss + 1.5 * report.local_loss)
    _, other = make(digits, alpha=.5, beta=1.5, gamma=.01, delta=0)
    assert other.step(*batch) == report
    _, local = make(digits, beta=1)
    report = local.step(*batch)
    assert report.loss == report.local_loss and report.global_loss == 0


@pytest.mark.parametrize('name, value', [
    ('global_critic', 'dot'), ('local_critic', 'concat'), ('global_of', 'code'), ('units', 15),
    ('embed', 6), ('layers', 3), ('negatives', 3), ('negatives', 'all'), ('shuffle', True),
    ('temperature', .3), ('seed', 8), ('global_bound', 'dv'), ('local_bound', 'infonce'),
    ('within_bound', 'nwj'), ('delta', .5), ('prior', 'normal')])
def test_every_option_arrives(digits, name, value):
    pairs, infomax = make(digits, alpha=1, beta=1, gamma=1, delta=1)
    _, other = make(digits, **{**dict.fromkeys(('alpha', 'beta', 'gamma', 'delta'), 1),
                               name: value})
    batch = pairs.next()
    assert infomax.step(*batch).loss != other.step(*batch).loss


def test_discriminators_arrive(digits):
    pairs, infomax = make(digits, gamma=1, prior='normal', discriminator='dense 4, relu')
    _, other = make(digits, gamma=1, prior='normal', discriminator='dense 5, relu')
    batch = pairs.next()
    assert infomax.step(*batch).discriminator != other.step(*batch).discriminator


def test_training_tells_more_and_more(digits):
    pairs, infomax = make(digits, beta=1, local_bound='infonce')
    told = [infomax.step(x, xt).local_estimate for x, xt in itertools.islice(pairs, 60)]
    assert np.mean(told[-10:]) > np.mean(told[:10]) + .2


def test_images_without_channels(digits):
    one, other = make(digits), make(digits)
    x, xt = one[0].next()
    assert one[1].step(x, xt) == other[1].step(x[..., 0], xt[..., 0])
    np.testing.assert_array_equal(weights(one[1]), weights(other[1]))


def test_outputs_are_gone_after_a_step(digits):
    pairs, infomax = make(digits)
    x, xt = pairs.next()
    encoder = infomax._encoder
    for use in (lambda: infomax.step(x, xt), lambda: infomax.encode(x)):
        encoder.forward(x[:1])
        use()
        with pytest.raises(libmi.StateError, match='forward'):
            encoder.output(0)


BAD = np.float32('nan')


@pytest.mark.parametrize('spoil, error, words', [
    (lambda x, xt: (x, xt[:-1]), libmi.ShapeError, r'xt has shape \(23, 12, 12, 1\), \(24, 12'),
    (lambda x, xt: (x[:1], xt[:1]), libmi.ArgumentError, 'at least 2, got 1'),
    (lambda x, xt: (x[:0], None), libmi.ArgumentError, 'at least 2, got 0'),
    (lambda x, xt: (x[0], xt), libmi.ShapeError, 'x has shape'),
    (lambda x, xt: (x.astype(float), xt), libmi.DTypeError, 'x is float64'),
    (lambda x, xt: (x, xt[..., ::-1, :]), libmi.ShapeError, r'ascontiguousarray\(xt\)'),
    (lambda x, xt: (x, xt * BAD), libmi.NumericError, 'nan'),
    (lambda x, xt: (x * BAD, None), libmi.NumericError, 'nan'),
    (lambda x, xt: (None, xt), libmi.DTypeError, 'x is None')])
def test_a_step_refused_changes_nothing(digits, tmp_path, spoil, error, words):
    pairs, infomax = make(digits)
    x, xt = pairs.next()
    kept = tensors(infomax, tmp_path / 'x')
    with pytest.raises(error, match=words):
        infomax.step(*spoil(x, xt))
    for name, values in tensors(infomax, tmp_path / 'x').items():
        np.testing.assert_array_equal(values, kept[name])
    assert infomax.step(x, xt).step == 1


# -- what it says of images --------------------------------------------------------------------

@pytest.mark.parametrize('description', [ONE, TWO])
def test_levels_are_what_forward_gives(digits, description):
    pairs, infomax = make(digits, description)
    infomax.step(*pairs.next())
    x = np.concatenate([libmi.plain(digits, 12)] * 3)  # more than are computed at once
    assert infomax.widths == (PLACES * 8, 8, 5)
    conv, fc, code = infomax.encode(x, ('conv', 'fc', 'code'))
    y = infomax._encoder.forward(x)
    np.testing.assert_allclose(code, y[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fc, infomax._encoder.output(-1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fc, conv.reshape(len(x), PLACES, 8).mean(axis=1), rtol=1e-4)
    for level, values in (('conv', conv), ('fc', fc), ('code', code)):
        assert values.dtype == np.float32
        np.testing.assert_array_equal(infomax.encode(x, level), values)
    np.testing.assert_array_equal(infomax.encode(x[..., 0]), code)
    again = infomax.encode(x, ['code', 'conv'])
    assert isinstance(again, tuple) and len(again) == 2
    np.testing.assert_array_equal(again[0], code)
    np.testing.assert_array_equal(again[1], conv)


def test_few_images(digits):
    _, infomax = make(digits)
    x = libmi.plain(digits, 12)
    assert [y.shape for y in infomax.encode(x[:0], ('conv', 'code'))] == [(0, PLACES * 8), (0, 5)]
    np.testing.assert_allclose(infomax.encode(x[:1]), infomax.encode(x)[:1], rtol=1e-5, atol=1e-6)
    assert infomax.encode(x, ()) == ()


def test_a_trunk_without_maps(digits):
    infomax = Infomax(Encoder('dense 7, relu | linear 3', height=12), global_of='code', alpha=1)
    x = libmi.plain(digits, 12)
    assert infomax.widths == (144, 7, 3)
    np.testing.assert_array_equal(infomax.encode(x, 'conv'), x.reshape(len(x), 144))


def test_levels_refused(digits):
    _, infomax = make(digits)
    x = libmi.plain(digits, 12)
    for level in ('map', None, 5, ('code', 'Conv'), ['code', 3]):
        with pytest.raises(libmi.ArgumentError, match='one of conv, fc, code is needed'):
            infomax.encode(x, level)
    for images, error in ((x[0], libmi.ShapeError), (x.astype(float), libmi.DTypeError),
                          (x * BAD, libmi.NumericError), (None, libmi.DTypeError)):
        with pytest.raises(error):
            infomax.encode(images)


# -- checkpoints -------------------------------------------------------------------------------

@pytest.mark.parametrize('description, options', [
    (ONE, {'prior': 'uniform', 'gamma': 1, 'global_bound': 'mine', 'alpha': 1, 'delta': 1}),
    (TWO, {})])
def test_restore_continues_to_the_bit(digits, tmp_path, description, options):
    pairs, infomax = make(digits, description, **options)
    for _ in range(3):
        infomax.step(*pairs.next())
    infomax.save(tmp_path / 'run', pairs)
    reports = [infomax.step(*pairs.next()) for _ in range(3)]
    pairs_again, again = make(digits, description, seed=77, **options)  # takes the saved one over
    again.restore(tmp_path / 'run', pairs_again)
    assert pairs_again.position == 3
    assert [again.step(*pairs_again.next()) for _ in range(3)] == reports
    np.testing.assert_array_equal(weights(again), weights(infomax))


def test_checkpoints_without_pairs(digits, tmp_path):
    pairs, infomax = make(digits)
    infomax.step(*pairs.next())
    infomax.save(str(tmp_path / 'run'))
    _, again = make(digits)
    again.restore(tmp_path / 'run')
    np.testing.assert_array_equal(weights(again), weights(infomax))
    encoder = Encoder(ONE, height=12, seed=9)
    encoder.load(tmp_path / 'run')
    for name, values in encoder.parameters.items():
        np.testing.assert_array_equal(values, infomax._encoder.parameters[name])


def test_files_refused(digits, tmp_path):
    pairs, infomax = make(digits)
    _, other = make(digits, units=17)
    other.save(tmp_path / 'other')
    kept = weights(infomax)
    (tmp_path / 'garbage').write_bytes(b'garbage' * 9)
    with pytest.raises(libmi.FormatError):
        infomax.restore(tmp_path / 'garbage', pairs)
    with pytest.raises(libmi.ShapeError):
        infomax.restore(tmp_path / 'other')
    for use in (infomax.save, infomax.restore):
        with pytest.raises(libmi.FileError, match='nowhere'):
            use(tmp_path / 'nowhere' / 'x', pairs)
        with pytest.raises(libmi.ArgumentError, match='zero byte'):
            use('a\0b')
        with pytest.raises(TypeError, match='pairs is a Dataset'):
            use(tmp_path / 'x', digits)
    np.testing.assert_array_equal(weights(infomax), kept)


# -- the loop ----------------------------------------------------------------------------------

@pytest.mark.parametrize('views', [1, 2])
def test_fit_is_the_loop_by_hand(digits, views):
    pairs, infomax = make(digits, TWO)
    history = infomax.fit(pairs, 2, views=views, measures=2)
    assert [row.step for row in history] == [2, 4, 6, 8] and pairs.position == 8
    pairs, by_hand = make(digits, TWO)
    reports = [by_hand.step(*views_) for views_ in
               (batch[:views] for batch in itertools.islice(pairs, 8))]
    np.testing.assert_array_equal(weights(infomax), weights(by_hand))
    for row, two in zip(history, zip(reports[::2], reports[1::2])):
        assert isinstance(row, libmi.InfomaxReport)
        assert row[2:] == pytest.approx(np.mean(two, axis=0)[2:])
        assert row.rate == two[1].rate
    assert infomax.fit(pairs, 2) == []


def test_two_views_by_default(digits):
    (pairs, infomax), (_, other) = make(digits), make(digits)
    infomax.fit(pairs, 1)
    pairs.position = 0
    other.fit(pairs, 1, views=2)
    np.testing.assert_array_equal(weights(infomax), weights(other))


def test_twins_too_many(digits):
    _, infomax = make(digits)
    pairs = Pairs(digits, batch=24, repeats=2, size=12, workers=-1)
    with pytest.raises(libmi.ArgumentError, match='pairs has 2 twins of each image'):
        infomax.fit(pairs, 1)
    assert len(infomax.fit(pairs, 1, views=1)) == 1


def test_a_callback_is_told_and_stops(digits):
    pairs, infomax = make(digits)
    seen = []

    def progress(p):
        seen.append(p)
        return p.epoch == 2 and p.step == 1
    assert len(infomax.fit(pairs, 3, progress=progress)) == 1
    assert [p[:4] for p in seen] == [(1, 3, 1, 4), (1, 3, 2, 4), (1, 3, 3, 4), (1, 3, 4, 4),
                                     (2, 3, 1, 4)]
    assert seen[0].loss == seen[0].report.loss and seen[4].report.step == 5
    assert seen[1].loss == pytest.approx(.98 * seen[0].loss + .02 * seen[1].report.loss)
    assert isinstance(seen[0], libmi.InfomaxProgress) and pairs.position == 5


def interrupt():
    signal.raise_signal(signal.SIGINT)


def fail():
    raise ZeroDivisionError


@pytest.mark.parametrize('stop, error', [(interrupt, KeyboardInterrupt),
                                         (fail, ZeroDivisionError)])
@pytest.mark.parametrize('at', [2, 4, 6])
def test_an_interrupted_fit_continues_to_the_bit(digits, stop, error, at):
    pairs, infomax = make(digits)
    infomax.fit(pairs, 2)
    pairs, again = make(digits)
    with pytest.raises(error):
        again.fit(pairs, 2, progress=lambda p: stop() if p.report.step == at else None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert pairs.position == at
    again.fit(pairs, 2)
    np.testing.assert_array_equal(weights(again), weights(infomax))


def test_an_interrupt_is_raised_though_the_callback_stops(digits):
    pairs, infomax = make(digits)
    with pytest.raises(KeyboardInterrupt):
        infomax.fit(pairs, 1, progress=lambda _: interrupt() or True)
    assert pairs.position == 1


def test_a_handler_of_the_program_stays(digits):
    pairs, infomax = make(digits)
    caught = []
    before = signal.signal(signal.SIGINT, lambda *_: caught.append(1))
    try:
        infomax.fit(pairs, 1, progress=lambda _: interrupt())
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(caught) == 4 and pairs.position == 4


def test_two_fits_at_once(digits):
    """Each waits for the other after every step: neither may hold what the other needs."""
    meeting, results = threading.Barrier(2, timeout=30), []

    def work():
        pairs, infomax = make(digits)
        infomax.fit(pairs, 2, progress=lambda _: meeting.wait() and None)
        results.append(weights(infomax))
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    np.testing.assert_array_equal(*results)


def test_a_callback_may_use_it(digits):
    pairs, infomax = make(digits)
    x = libmi.plain(digits, 12)
    infomax.fit(pairs, 1, progress=lambda _: infomax.encode(x) is None)
    assert pairs.position == 4


@pytest.mark.parametrize('options', [
    {'epochs': 0}, {'epochs': 1.5}, {'epochs': 2**70}, {'measures': 0}, {'views': 0},
    {'views': 3}, {'views': 'two'}])
def test_fit_refuses(digits, options):
    pairs, infomax = make(digits)
    with pytest.raises(libmi.ArgumentError):
        infomax.fit(pairs, **options)
    assert pairs.position == 0


def test_fit_expects(digits):
    _, infomax = make(digits)
    with pytest.raises(TypeError, match='pairs is a Dataset: a Pairs is needed'):
        infomax.fit(digits)
    with pytest.raises(libmi.ShapeError, match=r'x has shape \(24, 16, 16, 1\)'):
        infomax.fit(Pairs(digits, batch=24, size=16))


def test_lines_without_tqdm(digits, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tqdm.auto', None)
    for stream, terminal in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, 'stderr', stream)
        pairs, infomax = make(digits)
        infomax.fit(pairs, 1, progress=True)
        text = stream.getvalue()
        assert ('step 4 of 4' in text) == ('\r' in text) == terminal
        assert text.count('epoch 1: loss') == 1
        assert text.endswith('\r\033[K') == terminal
    assert text.startswith('epoch 1: loss') and text.count('\n') == 1
    assert ', global ' in text and ', local ' in text and 'within' not in text


def test_a_bar_of_tqdm(digits, monkeypatch):
    pytest.importorskip('tqdm')
    stream = Terminal()
    monkeypatch.setattr(sys, 'stderr', stream)
    pairs, infomax = make(digits)
    infomax.fit(pairs, 2, progress=True)
    assert '8/8' in stream.getvalue() and 'epoch 2: loss' in stream.getvalue()


def test_silence(digits, capfd):
    pairs, infomax = make(digits)
    infomax.fit(pairs, 1)
    assert capfd.readouterr() == ('', '')


# -- what is refused ---------------------------------------------------------------------------

@pytest.mark.parametrize('description', ['dense 3', 'dense 3 | softmax 2', 'dense 3 | 3 x linear 2',
                                         'dense 3 | linear 2, linear 3'])
def test_heads_refused(description):
    with pytest.raises(libmi.ArgumentError, match='one linear head, or two of the same size'):
        Infomax(Encoder(description, height=12), alpha=1, global_of='code')


@pytest.mark.parametrize('options, words', [
    ({'alpha': 0}, 'alpha is 0, and so are weights that are not given'),
    ({'alpha': 0, 'gamma': 0.}, 'alpha and gamma are 0, and so'),
    ({'alpha': -1}, 'alpha must be 0 or more, got -1'), ({'beta': math.nan}, 'beta .*nan'),
    ({'delta': 'much'}, "delta is 'much': a number is needed"),
    ({'global_bound': 'club'}, 'bound of global must be a lower one, got club'),
    ({'local_bound': 'nonsense'}, 'nonsense'), ({'local_bound': 5}, 'local_bound is 5: a text'),
    ({'within_bound': libmi.Bound('jsd')}, 'within_bound is .*: a text is needed'),
    ({'global_critic': 'bilinear'}, 'global_critic is .*: one of dot, concat is needed'),
    ({'local_critic': 3}, 'local_critic must be in 1 to 2, got 3'),
    ({'global_of': 'image'}, "global_of is 'image': one of map, code is needed"),
    ({'prior': 'laplace'}, 'one of none, kl, uniform, normal is needed'),
    ({'prior': 'kl'}, 'prior'), ({'units': 0}, 'units is 0: it has to be above 0'),
    ({'units': 2**17}, '131072'), ({'embed': 0}, 'embed is 0'), ({'layers': 17}, '17'),
    ({'negatives': 0}, 'negatives is 0'), ({'negatives': 'some'}, "negatives is 'some'"),
    ({'negatives': -2}, '-2'), ({'shuffle': 2}, 'shuffle must be in 0 to 1, got 2'),
    ({'temperature': 0}, 'temperature is 0'), ({'temperature': -1}, '-1'),
    ({'seed': -1}, 'seed is -1')])
def test_options_refused(digits, options, words):
    with pytest.raises(libmi.ArgumentError, match=words):
        make(digits, **options)


def test_others_refused(digits):
    encoder, other = Encoder(ONE, height=12), Encoder(ONE, height=12)
    with pytest.raises(libmi.ArgumentError, match='another encoder: make one for this'):
        Infomax(encoder, Optimizer(other))
    with pytest.raises(libmi.ArgumentError, match='prior'):
        Infomax(Encoder(TWO, height=12), prior='none')
    with pytest.raises(libmi.ArgumentError, match='needs a "tap"'):
        Infomax(Encoder('conv 4, gap | linear 3', height=12))
    with pytest.raises(libmi.FormatError, match='dents'):
        Infomax(encoder, Optimizer(encoder), gamma=1, prior='uniform', discriminator='dents 3')
    closed = Optimizer(encoder)
    closed.close()
    with pytest.raises(libmi.StateError, match='this Optimizer is closed'):
        Infomax(encoder, closed)
    with pytest.raises(TypeError, match='encoder is a str'):
        Infomax('dense')
    with pytest.raises(TypeError, match='optimizer is a int'):
        Infomax(encoder, 5)
    with pytest.raises(TypeError, match='global_bound, local_bound'):
        Infomax(encoder, weight=3)
    other.close()
    with pytest.raises(libmi.StateError, match='this Encoder is closed'):
        Infomax(other)


def test_without_an_optimizer(digits, tmp_path):
    pairs, infomax = make(digits)[0], Infomax(Encoder(ONE, height=12))
    assert infomax.encode(pairs.next()[0]).shape == (24, 5)
    for use in (lambda: infomax.step(*pairs.next()), lambda: infomax.fit(pairs),
                lambda: infomax.save(tmp_path / 'x'), lambda: infomax.restore(tmp_path / 'x')):
        with pytest.raises(libmi.StateError, match='without an optimizer'):
            use()


# -- life --------------------------------------------------------------------------------------

def test_the_end(digits):
    pairs, infomax = make(digits)
    x, xt = pairs.next()
    assert repr(infomax) == f'Infomax({ONE!r})'
    pairs.close()
    for use in (lambda: infomax.save('x', pairs), lambda: infomax.restore('x', pairs),
                lambda: infomax.fit(pairs)):
        with pytest.raises(libmi.StateError, match='Pairs is closed'):
            use()
    infomax.close()
    infomax.close()
    assert infomax.closed and repr(infomax) == f'Infomax({ONE!r}, closed)'
    for use in (lambda: infomax.step(x, xt), lambda: infomax.encode(x),
                lambda: infomax.save('x'), lambda: infomax.restore('x')):
        with pytest.raises(libmi.StateError, match='Infomax is closed'):
            use()
    assert infomax._encoder.forward(x)[0].shape == (24, 5)


@pytest.mark.parametrize('first', range(3))
@pytest.mark.parametrize('close', [False, True])
def test_any_order_of_ends(first, close):
    parts = [libmi.Context(threads=2)]
    parts.append(Dataset.digits(40, context=parts[0]))
    parts.append(Encoder(ONE, height=12, context=parts[0]))
    parts.append(Optimizer(parts[2]))
    pairs = Pairs(parts[1], batch=20, size=12, context=parts[0])
    infomax = Infomax(parts[2], parts[3], units=9)
    parts.append(Infomax(parts[2], units=9))
    while parts:
        part = parts.pop(first % len(parts))
        if close:
            part.close()
        del part
        gc.collect()
        infomax.step(*pairs.next())
    assert infomax.encode(pairs.next()[0]).shape == (20, 5)


def test_garbage_goes_without_a_cycle(digits):
    pairs, infomax = make(digits)
    infomax.fit(pairs, 1)
    gc.disable()
    try:
        ends = [x._end for x in (pairs, infomax, infomax._optimizer, infomax._encoder)]
        del pairs, infomax
        assert not any(end.alive for end in ends)
    finally:
        gc.enable()


def test_it_waits_for_its_encoders_turn(digits):
    pairs, infomax = make(digits)
    x, xt = pairs.next()
    thread = threading.Thread(target=infomax.step, args=(x, xt))
    with infomax._encoder._turn:
        thread.start()
        thread.join(.1)
        assert thread.is_alive()
    thread.join()
    assert infomax.step(x, xt).step == 2


def test_threads_take_turns(digits):
    pairs, infomax = make(digits)
    x, xt = pairs.next()
    encoder, optimizer, errors = infomax._encoder, infomax._optimizer, []
    works = [lambda: infomax.step(x, xt), lambda: infomax.encode(x, ('conv', 'code')),
             lambda: encoder.forward(x), lambda: optimizer.rate]

    def work(k):
        try:
            for _ in range(10):
                works[k]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and infomax.step(x, xt).step == 11
