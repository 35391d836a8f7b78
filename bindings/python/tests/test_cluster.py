# SPDX-License-Identifier: BSD-2-Clause
"""Clusterings: a step by hand, training, checkpoints, the loop and its interruptions."""
import csv
import gc
import io
import itertools
import math
import signal
import sys
import threading

import numpy as np
import pytest
from terminal import Terminal

import libmi
from libmi import Cluster, Dataset, Encoder, Optimizer, Pairs

SMALL = 'dense 24, relu | 2 x softmax 10, softmax 20'


@pytest.fixture(scope='module')
def digits():
    return Dataset.digits(200, seed=1)


def make(dataset, description=SMALL, *, late=False, **options):
    """Pairs of 12 x 12, four batches an epoch, and a clustering that learns fast."""
    pairs = Pairs(dataset, batch=50, repeats=2, size=12, workers=-1)
    encoder = Encoder(description, height=12, seed=3)
    optimizer = Optimizer(encoder, rate=.01)
    return pairs, Cluster(encoder, optimizer, late_heads=late, **options)


def fit(cluster, pairs, *arguments, **options):
    """Few batches are enough here."""
    return cluster.fit(pairs, *arguments, **{'restart_batches': 2, 'measure_batches': 3, **options})


def weights(cluster):
    return np.concatenate([v.ravel() for v in cluster._encoder.parameters.values()])


def iic(z, zt, weight=1.):
    """The loss of iic.h, as plainly as possible."""
    z = np.repeat(z, len(zt) // len(z), axis=0).astype(float)
    a = z.T @ zt
    p = (a + a.T) / 2 / a.sum()
    c = p.sum(axis=1)
    return -(p * (np.log(p) - weight * np.log(c)[:, None] - weight * np.log(c))).sum()


# -- steps -------------------------------------------------------------------------------------

def test_a_step_by_hand(digits):
    pairs, cluster = make(digits, lambda_=1.5, over_lambda=2)
    x, xt = pairs.next()
    views = [cluster._encoder.forward(v) for v in (x, xt)]
    losses = [iic(z, zt, w) for z, zt, w in zip(*views, (1.5, 1.5, 2))]
    report = cluster.step(x, xt)
    assert report.loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert report.step == 1 and report.rate == .01
    assert report.selected == cluster.selected == int(np.argmin(losses[:2]))
    assert cluster.heads == (0, 1)


def test_images_without_channels(digits):
    one, other = make(digits), make(digits)
    x, xt = one[0].next()
    assert one[1].step(x, xt) == other[1].step(x[..., 0], xt[..., 0])
    np.testing.assert_array_equal(weights(one[1]), weights(other[1]))


def test_training_lowers_the_loss():
    dataset = Dataset.digits(2000)
    pairs = Pairs(dataset, batch=100, repeats=2, size=12, workers=1)
    encoder = Encoder('small | 2 x softmax 10, softmax 20', height=12)
    cluster = Cluster(encoder, Optimizer(encoder))
    losses = [cluster.step(x, xt).loss for x, xt in itertools.islice(pairs, 60)]
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - .05


def test_late_heads_wait_for_the_restart(digits):
    pairs, cluster = make(digits, late=True)
    start = cluster._encoder.parameters['head.0.weight']
    over = cluster._encoder.parameters['head.2.weight']
    for _ in range(4):
        cluster.step(*pairs.next())
    np.testing.assert_array_equal(cluster._encoder.parameters['head.0.weight'], start)
    assert (cluster._encoder.parameters['head.2.weight'] != over).any()
    position = pairs.position
    assert 0 < cluster.restart(pairs, 2) <= 2
    assert pairs.position == position
    kept = cluster._encoder.parameters['head.0.weight']
    cluster.step(*pairs.next())
    assert (cluster._encoder.parameters['head.0.weight'] != kept).any()


def test_measuring_by_hand(digits):
    pairs, cluster = make(digits, lambda_=1.5, over_lambda=2)
    for _ in range(3):
        cluster.step(*pairs.next())
    losses = cluster.measure(pairs, 5)
    assert pairs.position == 3
    views = [np.repeat(v, r, axis=0) for v, r in zip(map(np.concatenate, zip(
        *itertools.islice(pairs, 5))), (2, 1))]
    heads = zip(*map(cluster._encoder.forward, views), (1.5, 1.5, 2))
    np.testing.assert_allclose(losses, [iic(z, zt, w) for z, zt, w in heads], rtol=1e-4)
    np.testing.assert_allclose([s.loss for s in cluster.evaluate(digits)], losses)
    assert cluster.selected == int(np.argmin(losses[:2]))
    for batches in (0, -1, 1.5, 2**70):
        with pytest.raises(libmi.ArgumentError):
            cluster.measure(pairs, batches)


def test_outputs_are_gone_after_a_step(digits):
    pairs, cluster = make(digits)
    x, xt = pairs.next()
    encoder = cluster._encoder
    for use in (lambda: cluster.step(x, xt), lambda: cluster.predict(x),
                lambda: cluster.evaluate(digits), lambda: cluster.restart(pairs, 1),
                lambda: cluster.measure(pairs, 1)):
        encoder.forward(x[:1])
        use()
        with pytest.raises(libmi.StateError, match='forward'):
            encoder.output(0)


@pytest.mark.parametrize('spoil, error', [
    (lambda x, xt: (x, xt[:-1]), libmi.ShapeError), (lambda x, xt: (x[:0], xt), libmi.ShapeError),
    (lambda x, xt: (x, xt[:0]), libmi.ShapeError), (lambda x, xt: (x[0], xt), libmi.ShapeError),
    (lambda x, xt: (x.astype(float), xt), libmi.DTypeError),
    (lambda x, xt: (x, xt[..., ::-1, :]), libmi.ShapeError),
    (lambda x, xt: (x, xt * np.float32('nan')), libmi.NumericError),
    (lambda x, xt: (x, None), libmi.DTypeError)])
def test_a_step_refused_changes_nothing(digits, spoil, error):
    pairs, cluster = make(digits)
    x, xt = pairs.next()
    kept = weights(cluster)
    with pytest.raises(error):
        cluster.step(*spoil(x, xt))
    np.testing.assert_array_equal(weights(cluster), kept)
    assert cluster.step(x, xt).step == 1


# -- results -----------------------------------------------------------------------------------

def test_predict_is_what_forward_gives(digits):
    pairs, cluster = make(digits)
    for _ in range(8):
        cluster.step(*pairs.next())
    x = libmi.plain(digits, 12)
    heads = cluster._encoder.forward(x)
    for head in range(3):
        label, probability = cluster.predict(x, head, probability=True)
        assert label.dtype == np.int32
        np.testing.assert_allclose(probability, heads[head], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(label, probability.argmax(axis=1))
    np.testing.assert_array_equal(cluster.predict(x), cluster.predict(x, cluster.selected))
    label, probability = cluster.predict(x[:0], probability=True)
    assert label.shape == (0,) and probability.shape == (0, 10)
    for head in (3, -1, 2**40, 'x'):
        with pytest.raises(libmi.ArgumentError):
            cluster.predict(x, head)


def test_evaluate_is_what_predict_scores(digits):
    pairs, cluster = make(digits)
    for _ in range(8):
        cluster.step(*pairs.next())
    x, truth = libmi.plain(digits, 12), digits.read(pixels=False).labels
    for head, score in enumerate(cluster.evaluate(digits)):
        label = cluster.predict(x, head)
        counts = np.zeros((score.classes, 10), int)
        np.add.at(counts, (label, truth), 1)
        assert score.majority == pytest.approx(counts.max(axis=1).sum() / len(truth))
        matching = libmi.Assignment().solve(counts.astype(float), maximize=True)
        assert score.accuracy == pytest.approx(matching.total / len(truth))
        p = counts / counts.sum()
        entropy = [-(q[q > 0] * np.log(q[q > 0])).sum() for q in (p, p.sum(axis=0), p.sum(axis=1))]
        assert score.nmi == pytest.approx(2 - 2 * entropy[0] / (entropy[1] + entropy[2]))
        assert score.loss < 0 and -.5 <= score.ari <= 1
    with pytest.raises(libmi.StateError, match='label'):
        cluster.evaluate(Dataset.from_array(digits.read().pixels))
    with pytest.raises(libmi.ShapeError):
        cluster.evaluate(Dataset.from_array(np.zeros((3, 8, 8), np.uint8), [0, 1, 2]))


# -- checkpoints -------------------------------------------------------------------------------

def test_restore_continues_to_the_bit(digits, tmp_path):
    pairs, cluster = make(digits)
    for _ in range(3):
        cluster.step(*pairs.next())
    cluster.save(tmp_path / 'run', pairs)
    reports = [cluster.step(*pairs.next()) for _ in range(3)]
    pairs_again, again = make(digits)
    again.restore(tmp_path / 'run', pairs_again)
    assert pairs_again.position == 3
    assert [again.step(*pairs_again.next()) for _ in range(3)] == reports
    np.testing.assert_array_equal(weights(again), weights(cluster))


def test_checkpoints_without_pairs(digits, tmp_path):
    pairs, cluster = make(digits)
    cluster.step(*pairs.next())
    cluster.save(str(tmp_path / 'run'))
    _, again = make(digits)
    again.restore(tmp_path / 'run')
    np.testing.assert_array_equal(weights(again), weights(cluster))
    encoder = Encoder(SMALL, height=12, seed=9)
    encoder.load(tmp_path / 'run')
    for name, values in encoder.parameters.items():
        np.testing.assert_array_equal(values, cluster._encoder.parameters[name])


def test_files_refused(digits, tmp_path):
    pairs, cluster = make(digits)
    kept = weights(cluster)
    (tmp_path / 'garbage').write_bytes(b'garbage' * 9)
    with pytest.raises(libmi.FormatError):
        cluster.restore(tmp_path / 'garbage', pairs)
    for use in (cluster.save, cluster.restore):
        with pytest.raises(libmi.FileError, match='nowhere'):
            use(tmp_path / 'nowhere' / 'x', pairs)
        with pytest.raises(libmi.ArgumentError, match='zero byte'):
            use('a\0b')
        with pytest.raises(TypeError, match='pairs is a Dataset'):
            use(tmp_path / 'x', digits)
    np.testing.assert_array_equal(weights(cluster), kept)


# -- the loop ----------------------------------------------------------------------------------

def test_fit_is_the_loop_by_hand(digits):
    pairs, cluster = make(digits, late=True)
    history = fit(cluster, pairs, 3, test=digits)
    assert [row.epoch for row in history] == [1, 2, 3] and pairs.position == 12
    pairs, by_hand = make(digits, late=True)
    loss = None
    for n, (x, xt) in enumerate(itertools.islice(pairs, 12), 1):
        report = by_hand.step(x, xt)
        loss = report.loss if loss is None else .98 * loss + .02 * report.loss
        if n == 4:
            by_hand.restart(pairs, 2)
        if n % 4 == 0:
            by_hand.measure(pairs, 3)
    np.testing.assert_array_equal(weights(cluster), weights(by_hand))
    assert cluster.evaluate(digits) == by_hand.evaluate(digits)
    score = by_hand.evaluate(digits)[by_hand.selected]
    assert history[-1] == (3, pytest.approx(loss), by_hand.selected, score.accuracy, score.nmi)
    assert fit(cluster, pairs, 3) == []


def test_fit_without_restarts_and_test(digits):
    pairs, cluster = make(digits, 'dense 8 | softmax 10')
    history = fit(cluster, pairs, 2, measures=2)
    assert [row.epoch for row in history] == [.5, 1, 1.5, 2]
    assert all(math.isnan(row.accuracy) and math.isnan(row.nmi) for row in history)


def test_late_heads_without_a_restart_are_told(digits):
    for options in ({'epochs': 1}, {'restarts': 0}):
        pairs, cluster = make(digits, late=True)
        with pytest.warns(UserWarning, match='late heads'):
            fit(cluster, pairs, progress=lambda p: True, **options)


def test_a_callback_is_told_and_stops(digits):
    pairs, cluster = make(digits)
    seen = []

    def progress(p):
        seen.append(p)
        return p.epoch == 2 and p.step == 1
    fit(cluster, pairs, 3, progress=progress, restarts=0)
    assert [(p.epoch, p.step) for p in seen] == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1)]
    assert seen[0].epochs == 3 and seen[0].steps == 4 and seen[0].rate == .01
    assert pairs.position == 5


def interrupt():
    signal.raise_signal(signal.SIGINT)


def fail():
    raise ZeroDivisionError


@pytest.mark.parametrize('stop, error', [(interrupt, KeyboardInterrupt),
                                         (fail, ZeroDivisionError)])
@pytest.mark.parametrize('at', [2, 4, 6, 8])
def test_an_interrupted_fit_continues_to_the_bit(digits, stop, error, at):
    pairs, cluster = make(digits, late=True)
    fit(cluster, pairs, 2)
    pairs, again = make(digits, late=True)
    with pytest.raises(error):
        fit(again, pairs, 2,
                  progress=lambda p: stop() if 4 * (p.epoch - 1) + p.step == at else None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert pairs.position == at
    fit(again, pairs, 2)
    np.testing.assert_array_equal(weights(again), weights(cluster))


def test_the_second_interrupt_does_not_wait(digits):
    pairs, cluster = make(digits)
    reached = []

    def progress(_):
        interrupt()
        reached.append('first')
        interrupt()
        reached.append('second')
    with pytest.raises(KeyboardInterrupt):
        fit(cluster, pairs, 1, progress=progress)
    assert reached == ['first']
    fit(cluster, pairs, 1)


def test_an_interrupt_is_raised_though_the_callback_stops(digits):
    pairs, cluster = make(digits)
    with pytest.raises(KeyboardInterrupt):
        fit(cluster, pairs, 1, progress=lambda _: interrupt() or True)
    assert pairs.position == 1


def test_a_handler_of_the_program_stays(digits):
    pairs, cluster = make(digits)
    caught = []
    before = signal.signal(signal.SIGINT, lambda *_: caught.append(1))
    try:
        fit(cluster, pairs, 1, progress=lambda _: interrupt())
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(caught) == 4 and pairs.position == 4


def test_two_fits_at_once(digits):
    """Each waits for the other after every step: neither may hold what the other needs."""
    meeting, results = threading.Barrier(2, timeout=30), []

    def work():
        pairs, cluster = make(digits)
        fit(cluster, pairs, 2, test=digits, progress=lambda _: meeting.wait() and None)
        results.append(weights(cluster))
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    np.testing.assert_array_equal(*results)


def test_a_callback_may_use_the_clustering(digits):
    pairs, cluster = make(digits)
    x = libmi.plain(digits, 12)
    fit(cluster, pairs, 1, progress=lambda _: cluster.predict(x) is None)
    assert pairs.position == 4


@pytest.mark.parametrize('options', [
    {'epochs': 0}, {'epochs': 1.5}, {'epochs': 2**70}, {'measures': 0}, {'restarts': -1},
    {'restart_batches': 0}, {'measure_batches': 0}, {'csv': 'a\0b'}, {'csv': 3.5}])
def test_fit_refuses(digits, options):
    pairs, cluster = make(digits)
    with pytest.raises(libmi.ArgumentError):
        fit(cluster, pairs, **options)
    assert pairs.position == 0


def test_fit_expects(digits):
    pairs, cluster = make(digits)
    with pytest.raises(TypeError, match='pairs is a Dataset: a Pairs is needed'):
        cluster.fit(digits)
    with pytest.raises(TypeError, match='test is a Pairs: a Dataset is needed'):
        cluster.fit(pairs, test=pairs)
    assert pairs.position == 0


# -- what is shown and written -----------------------------------------------------------------

def test_csv(digits, tmp_path):
    path = tmp_path / 'metrics.csv'
    path.write_text('old')
    pairs, cluster = make(digits)
    history = fit(cluster, pairs, 1, test=digits, csv=path, measures=2)
    rows = list(csv.DictReader(path.open()))
    assert list(rows[0]) == ['epoch', 'seconds', 'loss', 'head', 'head_loss', 'accuracy', 'nmi',
                             'ari']
    assert [(row['epoch'], row['head']) for row in rows] == [('0.5', '0'), ('0.5', '1'),
                                                             ('1', '0'), ('1', '1')]
    scores = cluster.evaluate(digits)
    assert float(rows[3]['accuracy']) == pytest.approx(scores[1].accuracy, abs=1e-6)
    assert float(rows[3]['head_loss']) == pytest.approx(scores[1].loss, abs=1e-6)
    assert float(rows[2]['loss']) == pytest.approx(history[1].loss, abs=1e-6)
    fit(cluster, pairs, 2, csv=path)
    more = list(csv.DictReader(path.open()))
    assert more[:4] == rows and len(more) == 5
    assert more[4]['epoch'] == '2' and math.isnan(float(more[4]['accuracy']))
    assert [file.name for file in tmp_path.iterdir()] == ['metrics.csv']


def test_csv_is_tried_before_the_training(digits, tmp_path):
    pairs, cluster = make(digits)
    folder = tmp_path / 'folder'
    folder.mkdir()
    for path in (tmp_path / 'nowhere' / 'x.csv', folder):
        with pytest.raises(libmi.FileError, match=f"csv is '{path}', which cannot be written: "):
            fit(cluster, pairs, 1, csv=path)
    assert pairs.position == 0 and list(tmp_path.iterdir()) == [folder]


def test_lines_without_tqdm(digits, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tqdm.auto', None)
    for stream, terminal in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, 'stderr', stream)
        pairs, cluster = make(digits)
        fit(cluster, pairs, 1, test=digits, progress=True)
        text = stream.getvalue()
        assert ('step 4 of 4' in text) == ('\r' in text) == terminal
        assert text.count('epoch 1: loss') == 1
    assert text.startswith('epoch 1: loss') and text.count('\n') == 1
    monkeypatch.setattr(sys, 'stderr', None)
    fit(cluster, pairs, 1, progress=True)


def test_a_bar_of_tqdm(digits, monkeypatch):
    pytest.importorskip('tqdm')
    stream = Terminal()
    monkeypatch.setattr(sys, 'stderr', stream)
    pairs, cluster = make(digits, late=True)
    fit(cluster, pairs, 2, test=digits, progress=True)
    assert '8/8' in stream.getvalue() and 'start anew' in stream.getvalue()


def test_silence(digits, capfd):
    pairs, cluster = make(digits)
    fit(cluster, pairs, 1, test=digits)
    assert capfd.readouterr() == ('', '')


# -- life --------------------------------------------------------------------------------------

def test_clusterings_refused(digits):
    encoder, other = Encoder('dense 3 | softmax 2', height=12), Encoder('dense 3', height=12)
    with pytest.raises(libmi.ArgumentError, match='another encoder'):
        Cluster(encoder, Optimizer(other))
    closed = Optimizer(encoder)
    closed.close()
    with pytest.raises(libmi.StateError, match='this Optimizer is closed'):
        Cluster(encoder, closed)
    for make_it, words in ((lambda: Cluster('dense'), 'encoder is a str'),
                           (lambda: Cluster(encoder, 5), 'optimizer is a int'),
                           (lambda: Cluster(encoder).evaluate(5), 'dataset is a int'),
                           (lambda: Cluster(encoder).restart(5), 'pairs is a int'),
                           (lambda: Cluster(encoder).measure(5), 'pairs is a int')):
        with pytest.raises(TypeError, match=words):
            make_it()
    with pytest.raises(libmi.ArgumentError):
        Cluster(other)  # no heads
    for options in ({'classes': 3}, {'lambda_': -1}, {'lambda_': 'x'}, {'loss_memory': 1},
                    {'classes': 0}, {'lambda_': 0}, {'over_lambda': 0},
                    {'late_heads': 1}, {'classes': 2**33}):
        with pytest.raises(libmi.ArgumentError):
            Cluster(encoder, **options)
    with pytest.raises(TypeError, match='lambda_, loss_memory'):
        Cluster(encoder, weight=3)


def test_no_memory(digits):
    pairs = Pairs(digits, batch=50, size=12)
    encoder = Encoder('dense 4 | softmax 3', height=12)
    cluster = Cluster(encoder, Optimizer(encoder), loss_memory=0)
    for x, xt in itertools.islice(pairs, 3):
        loss = cluster.step(x, xt).loss
        assert cluster.evaluate(digits)[0].loss == loss


def test_without_an_optimizer(digits):
    pairs = Pairs(digits, batch=50, size=12)
    cluster = Cluster(Encoder(SMALL, height=12))
    assert len(cluster.evaluate(digits)) == 3
    for use in (lambda: cluster.step(*pairs.next()), lambda: cluster.restart(pairs),
                lambda: fit(cluster, pairs)):
        with pytest.raises(libmi.StateError):
            use()


def test_the_end(digits):
    pairs, cluster = make(digits)
    x, xt = pairs.next()
    assert repr(cluster) == f'Cluster({SMALL!r}, selected=0)'
    pairs.close()
    for use in (lambda: cluster.restart(pairs), lambda: cluster.measure(pairs),
                lambda: cluster.save('x', pairs),
                lambda: fit(cluster, pairs)):
        with pytest.raises(libmi.StateError, match='Pairs is closed'):
            use()
    cluster.close()
    cluster.close()
    assert cluster.closed and 'closed' in repr(cluster)
    for use in (lambda: cluster.step(x, xt), lambda: cluster.predict(x), lambda: cluster.selected,
                lambda: cluster.evaluate(digits), lambda: cluster.save('x'),
                lambda: cluster.restore('x')):
        with pytest.raises(libmi.StateError, match='Cluster is closed'):
            use()


@pytest.mark.parametrize('first', range(3))
@pytest.mark.parametrize('close', [False, True])
def test_any_order_of_ends(first, close):
    parts = [libmi.Context(threads=2)]
    parts.append(Dataset.digits(40, context=parts[0]))
    parts.append(Encoder(SMALL, height=12, context=parts[0]))
    parts.append(Optimizer(parts[2]))
    pairs = Pairs(parts[1], batch=20, size=12, context=parts[0])
    cluster = Cluster(parts[2], parts[3])
    parts.append(Cluster(parts[2]))
    while parts:
        part = parts.pop(first % len(parts))
        if close:
            part.close()
        del part
        gc.collect()
        cluster.step(*pairs.next())
    assert cluster.predict(pairs.next()[0]).shape == (20,)


def test_garbage_goes_without_a_cycle(digits):
    pairs, cluster = make(digits)
    fit(cluster, pairs, 1)
    gc.disable()
    try:
        ends = [x._end for x in (pairs, cluster, cluster._optimizer, cluster._encoder)]
        del pairs, cluster
        assert not any(end.alive for end in ends)
    finally:
        gc.enable()
