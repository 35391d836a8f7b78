# SPDX-License-Identifier: BSD-2-Clause
"""Probes: what they learn, on features by hand and drawn."""
import math
import threading

import numpy as np
import pytest

import libmi
from libmi import Probe

D = 6


def blobs(n=600, classes=3, seed=0):
    """Classes around centres of their own."""
    random = np.random.default_rng(seed)
    label = random.integers(0, classes, n).astype(np.int32)
    centres = np.random.default_rng(99).normal(size=(classes, D)) * 2
    return (centres[label] + random.normal(size=(n, D))).astype(np.float32), label


X, LABEL = blobs()
TEST, TRUTH = blobs(seed=1)


@pytest.fixture(scope='module')
def fitted():
    probe = Probe(D, 3, seed=1)
    probe.fit(X, LABEL)
    return probe


@pytest.mark.parametrize('layers', [None, 'dense 256', 'dense 32, bn, relu'])
def test_learns(layers):
    probe = Probe(D, 3, layers, seed=1)
    report = probe.fit(X, LABEL)
    assert report.accuracy == probe.accuracy(X, LABEL) > .97
    assert 0 < report.loss < .1 and report.steps == 2001  # 667 epochs of 3
    assert probe.accuracy(TEST, TRUTH) > .97


def test_starts_with_even_chances():
    probe = Probe(D, 3, epochs=1, batch=600)
    assert probe.fit(X, LABEL).loss == pytest.approx(math.log(3))  # as if it guessed


@pytest.mark.parametrize('count, make, options', [
    (600, 'make_blobs', {'n_features': 6, 'cluster_std': 6}),
    (60, 'make_blobs', {'cluster_std': 2}), (1200, 'load_digits', {'return_X_y': True}),
    (2000, 'make_classification', {'n_features': 64, 'n_informative': 20, 'n_classes': 10}),
    (1000, 'make_classification', {'n_informative': 8, 'n_classes': 3, 'weights': [.9, .08]}),
])
def test_keeps_up_with_logistic_regression(count, make, options):
    datasets = pytest.importorskip('sklearn.datasets')
    from sklearn.linear_model import LogisticRegression
    if make != 'load_digits':
        options = {'n_samples': count + 2000, 'random_state': 2, **options}
    x, y = getattr(datasets, make)(**options)
    x = ((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:count], order[count:]
    probe = Probe(x.shape[1], int(y.max()) + 1)
    probe.fit(x[train], y[train])
    theirs = LogisticRegression(max_iter=1000).fit(x[train], y[train])
    assert probe.accuracy(x[test], y[test]) > theirs.score(x[test], y[test]) - .01


def test_predictions_agree(fitted):
    label, share = fitted.predict(TEST, probability=True)
    assert (label.dtype, share.dtype) == (np.int32, np.float32)
    assert label.shape == (600,) and share.shape == (600, 3)
    np.testing.assert_array_equal(label, fitted.predict(TEST))
    np.testing.assert_array_equal(label, share.argmax(axis=1))
    np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-5)
    assert fitted.accuracy(TEST, TRUTH) == (label == TRUTH).mean()
    assert fitted.predict(TEST[:0]).shape == (0,)


def test_rows_with_a_stride(fitted):
    wide = np.ascontiguousarray(np.concatenate([TEST, TEST], axis=1))
    np.testing.assert_array_equal(fitted.predict(wide[:, :D]), fitted.predict(TEST))
    np.testing.assert_array_equal(fitted.predict(TEST[::2]), fitted.predict(TEST)[::2])
    assert fitted.accuracy(wide[:, D:], TRUTH.astype(np.int64)) == fitted.accuracy(TEST, TRUTH)
    twin = Probe(D, 3, seed=1)
    twin.fit(np.concatenate([X, X], axis=1)[:, D:], LABEL.tolist())
    np.testing.assert_array_equal(twin.predict(TEST), fitted.predict(TEST))


def test_fits_do_not_depend_on_each_other(fitted):
    probe = Probe(D, 3, seed=1, context=libmi.Context(threads=3))
    probe.fit(TEST, TRUTH)
    probe.fit(X, LABEL)
    np.testing.assert_array_equal(probe.predict(TEST, True)[1], fitted.predict(TEST, True)[1])
    other = Probe(D, 3, seed=2)
    other.fit(X, LABEL)
    assert (other.predict(TEST, True)[1] != fitted.predict(TEST, True)[1]).any()


def test_unknown_labels_are_left_out(fitted):
    some = LABEL.copy()
    some[::3] = -1
    probe = Probe(D, 3, seed=1)
    report = probe.fit(X, some)
    known = some >= 0
    assert report.accuracy == probe.accuracy(X, some) == probe.accuracy(X[known], LABEL[known])


def test_layers_learn_more():
    random = np.random.default_rng(4)
    x = random.normal(size=(800, D)).astype(np.float32)
    label = (x[:, 0] * x[:, 1] > 0).astype(np.int32)  # no line tells them apart
    linear, network = (Probe(D, 2, layers, seed=1, epochs=200)
                       for layers in (None, 'dense 64, relu'))
    linear.fit(x, label)
    network.fit(x, label)
    assert linear.accuracy(x, label) < .65 and network.accuracy(x, label) > .9


def test_options():
    probe = Probe(D, 3, epochs=2, batch=100, rate=.1, decay=.01, raw=1, seed=3)
    assert probe.fit(X, LABEL).steps == 12
    scaled = X * np.float32(1000)
    standard = Probe(D, 3, seed=1)
    standard.fit(scaled, LABEL)
    assert standard.accuracy(TEST * np.float32(1000), TRUTH) > .9


def test_decay_is_chosen():
    rng = np.random.default_rng(1)
    noisy = np.where(rng.random(len(LABEL)) < .3, rng.integers(0, 3, len(LABEL)), LABEL)
    chosen = Probe(D, 3, decay='chosen', epochs=10, seed=1)
    decay = chosen.fit(X, noisy).decay
    assert decay in (0, .3, 1, 3, 10)
    given = Probe(D, 3, decay=decay, epochs=10, seed=1)
    assert given.fit(X, noisy).decay == decay
    np.testing.assert_array_equal(chosen.predict(TEST, True)[1], given.predict(TEST, True)[1])
    with pytest.raises(libmi.ArgumentError, match='one sample'):
        chosen.fit(X[:1], LABEL[:1])


# -- errors ------------------------------------------------------------------------------------

@pytest.mark.parametrize('arguments, options, error, words', [
    ((0, 3), {}, libmi.ArgumentError, '0'), ((D, 1), {}, libmi.ArgumentError, '1'),
    ((D, 2**31), {}, libmi.ArgumentError, 'classes is'),
    ((1.5, 3), {}, libmi.ArgumentError, 'd is'),
    ((D, 3, 'densely 4'), {}, libmi.FormatError, 'densely'),
    ((D, 3, 7), {}, libmi.ArgumentError, 'layers is 7'),
    ((D, 3), {'epochs': 0}, libmi.ArgumentError, 'epochs is 0'),
    ((D, 3), {'batch': 0}, libmi.ArgumentError, 'batch is 0'),
    ((D, 3), {'rate': 0}, libmi.ArgumentError, 'rate is 0'),
    ((D, 3), {'rate': -1}, libmi.ArgumentError, '-1'),
    ((D, 3), {'decay': math.nan}, libmi.ArgumentError, 'nan'),
    ((D, 3), {'decay': -2}, libmi.ArgumentError, 'or -1 to have it chosen, got -2'),
    ((D, 3), {'decay': 'best'}, libmi.ArgumentError, 'best'),
    ((D, 3), {'momentum': 1}, TypeError, "no option 'momentum'"),
    ((D, 3), {'context': 5}, TypeError, 'context is a int'),
])
def test_probes_refused(arguments, options, error, words):
    with pytest.raises(error, match=words):
        Probe(*arguments, **options)


def test_not_fitted_yet():
    for use in (lambda p: p.predict(X), lambda p: p.accuracy(X, LABEL)):
        with pytest.raises(libmi.StateError):
            use(Probe(D, 3))


def test_samples_refused(fitted):
    before = fitted.predict(TEST, True)[1]
    bad = X.copy()
    bad[4, 2] = np.nan
    for x, label, error, words in (
            (bad, LABEL, libmi.NumericError, '4'), (X[:, :4], LABEL, libmi.ShapeError, 'needed'),
            (X, LABEL[1:], libmi.ShapeError, 'label has shape'),
            (X.astype(float), LABEL, libmi.DTypeError, 'x is float64'),
            (X, LABEL + 1, libmi.ArgumentError, '3'),
            (X, LABEL * 0 - 1, libmi.ArgumentError, 'label'),
            (X, LABEL.astype(float), libmi.DTypeError, 'integers'),
            (X, np.ma.array(LABEL), libmi.DTypeError, r'label\.filled\(-1\)'),
            (X[:0], LABEL[:0], libmi.ArgumentError, '0')):
        with pytest.raises(error, match=words):
            fitted.fit(x, label)
        with pytest.raises(error, match=words):
            fitted.accuracy(x, label)
    np.testing.assert_array_equal(fitted.predict(TEST, True)[1], before)


def test_the_end():
    probe = Probe(D, 3, 'dense 4')
    assert repr(probe) == "Probe(6, 3, 'dense 4')"
    probe.close()
    assert repr(probe) == "Probe(6, 3, 'dense 4', closed)"
    with pytest.raises(libmi.StateError, match='this Probe is closed'):
        probe.fit(X, LABEL)


def test_threads_take_turns(fitted):
    expected, errors = fitted.predict(TEST), []

    def work():
        try:
            for _ in range(20):
                np.testing.assert_array_equal(fitted.predict(TEST), expected)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
