# SPDX-License-Identifier: BSD-2-Clause
"""Estimates: against closed forms and against the estimators written plainly."""
import copy
import math
import pickle
import threading
import warnings

import numpy as np
import pytest

import libmi
from libmi import entropy, mutual_information

N = 400


def gaussians(n=N, rho=.6, columns=1, seed=0):
    """Two variables whose columns are correlated one by one."""
    x, noise = np.random.default_rng(seed).normal(size=(2, n, columns))
    y = rho * x + math.sqrt(1 - rho**2) * noise
    return (x[:, 0], y[:, 0]) if columns == 1 else (x, y)


X, Y = gaussians()
CLASS = (Y > 0).astype(np.int32) + (Y > 1)
EXACT = -math.log(1 - .6**2) / 2


def digamma(x):
    """For whole numbers from 1 on."""
    return np.array([sum(1 / i for i in range(1, int(v))) - np.euler_gamma for v in np.ravel(x)])


def distances(a):
    a = a.reshape(len(a), -1)
    d = abs(a[:, None] - a[None]).max(axis=2)
    d[np.diag_indices(len(a))] = np.inf
    return d


def ksg(x, y, k=3):
    """Kraskov's first algorithm with the maximum norm."""
    a, b = distances(x), distances(y)
    near = np.sort(np.maximum(a, b), axis=1)[:, k - 1]
    counts = ((d < near[:, None]).sum(axis=1) for d in (a, b))
    psi = sum(digamma(count + 1) for count in counts)
    return digamma([k])[0] + digamma([len(x)])[0] - psi.mean()


def ross(x, label, k=3):
    """Ross's estimator: numbers and values."""
    d, psi = distances(x), []
    for i, own in enumerate(label == label[:, None]):
        near = np.sort(d[i][own])[min(k, own.sum() - 1) - 1]
        psi.append(digamma([own.sum()])[0] + digamma([(d[i] <= near).sum()])[0])
    return digamma([len(x)])[0] + digamma([k])[0] - np.mean(psi)


# -- values ------------------------------------------------------------------------------------

def test_ksg():
    found = mutual_information(X, Y, method='ksg', scale='none')
    assert float(found) == pytest.approx(ksg(X, Y), abs=1e-9)
    found = mutual_information(X, Y, method='ksg', scale='none', k=5, unit='bits')
    assert found.value == pytest.approx(ksg(X, Y, 5) / math.log(2), abs=1e-9)
    assert (found.method, found.unit, found.n, found.warnings) == ('ksg', 'bits', N, ())
    assert found.error is found.low is found.p_value is found.local is found.level is None


def test_ksg_standardises():
    a, b = gaussians(columns=2)
    expected = mutual_information((a - a.mean(0)) / a.std(0), b / b.std(0), method='ksg',
                                  scale='none')
    for scaled in (a, a * [100, 1] + 3):
        assert float(mutual_information(scaled, b, method='ksg')) == pytest.approx(
            expected.value, abs=1e-6)


@pytest.mark.parametrize('method', ['ksg', 'ksg2', 'gao', 'gaussian', 'copula', 'histogram'])
def test_near_the_truth(method):
    x, y = gaussians(4000)
    found = mutual_information(x, y, method=method)
    assert found.method == method and abs(found.value - EXACT) < .06


def test_several_columns():
    x, y = gaussians(4000, columns=2)
    for options in ({}, {'method': 'ksg'}, {'method': 'ksg', 'metric': 'euclidean'},
                    {'method': 'gaussian'}):
        assert abs(float(mutual_information(x, y, **options)) - 2 * EXACT) < .1


def test_discrete():
    expected = libmi.discrete.information(CLASS, CLASS // 2).mutual
    for x, y in ((CLASS, CLASS // 2), (CLASS.astype('U1'), CLASS // 2),
                 (CLASS.tolist(), (CLASS // 2).astype(bool))):
        found = mutual_information(x, y)
        assert found.method == 'discrete' and found.value == pytest.approx(expected)
    corrected = libmi.discrete.information(CLASS, CLASS // 2, correction='miller-madow').mutual
    assert float(mutual_information(CLASS, CLASS // 2, correction='miller-madow')) == \
        pytest.approx(corrected)


def test_numbers_and_names():
    expected = ross(X, CLASS)
    for label in (CLASS, np.array(['low', 'middle', 'high'])[CLASS]):
        found = mutual_information(X, label, method='ross', scale='none')
        assert found.value == pytest.approx(expected, abs=1e-9)
    assert mutual_information(X, CLASS).method == 'ross'
    assert mutual_information(CLASS, X).value == pytest.approx(
        mutual_information(X, CLASS).value)


def test_histogram():
    for bins in (5, 10):
        counts = np.histogram2d(X, Y, bins)[0]
        found = mutual_information(X, Y, method='histogram', bins=bins)
        assert found.value == pytest.approx(libmi.discrete.information(counts).mutual)
    equal = mutual_information(X, Y, method='histogram', bins=4, bin_kind='quantile')
    ranks = [np.argsort(np.argsort(v)) * 4 // N for v in (X, Y)]
    assert equal.value == pytest.approx(libmi.discrete.information(*ranks).mutual, abs=.01)


def test_given():
    z = np.random.default_rng(1).normal(size=4000)
    a, b = gaussians(4000, rho=0, seed=5)
    x, y = a + z, b + z
    assert float(mutual_information(x, y)) > .1
    for method in ('ksg', 'gaussian', 'copula'):
        assert abs(float(mutual_information(x, y, z, method=method))) < .04
    bit, other = np.random.default_rng(2).integers(0, 2, (2, N))
    found = mutual_information(bit, other, given=bit ^ other, unit='bits')
    assert found.value > .97 and found.method == 'discrete'
    assert libmi.discrete.information(bit, other, unit='bits').mutual < .03
    with pytest.raises(libmi.UnsupportedError):
        mutual_information(X, CLASS, X[::-1].copy(), method='ross')


def test_kinds_that_are_said():
    few = np.round(X * 2)
    assert mutual_information(few, CLASS).method == 'discrete'
    assert mutual_information(few, CLASS, discrete=(False, True)).method in ('ross', 'gao')
    assert mutual_information(X, Y, discrete=True).method == 'discrete'
    assert mutual_information(CLASS, CLASS, discrete=(None, None)).method == 'discrete'
    for wrong in ((True,), (True, False, None)):
        with pytest.raises(libmi.ArgumentError, match=r'discrete has . values?, one for each of '
                                                      'x, y is needed'):
            mutual_information(X, Y, discrete=wrong)
    mutual_information(CLASS, CLASS, CLASS // 2, discrete=(True, None, True))


def test_axes():
    x, y = gaussians(1200)
    cube = {'axis': 'last', 'method': 'gaussian'}
    expected = mutual_information(x, y, method='gaussian').value
    found = mutual_information(x.reshape(100, 12, 1), y.reshape(100, 12, 1), **cube)
    assert (found.value, found.n) == (expected, 1200)
    assert mutual_information(x.reshape(300, 2, 2), y.reshape(300, 4), method='gaussian').n == 300
    assert mutual_information(x.reshape(300, 2, 2), y.reshape(300, 2, 2), **cube).n == 600


# -- entropy -----------------------------------------------------------------------------------

def test_entropy_of_values():
    expected = libmi.discrete.entropy(libmi.discrete.count(CLASS))
    assert float(entropy(CLASS)) == pytest.approx(expected)
    assert float(entropy(CLASS, unit='bits')) == pytest.approx(expected / math.log(2))
    assert entropy(CLASS.astype('U1')).method == 'discrete'


def test_entropy_of_numbers():
    x = gaussians(4000)[0]
    truth = math.log(2 * math.pi * math.e) / 2
    for method in ('ksg', 'gaussian', 'histogram'):
        assert abs(float(entropy(x, method=method)) - truth) < .1
        shift = float(entropy(4 * x, method=method)) - float(entropy(x, method=method))
        assert shift == pytest.approx(math.log(4), abs=1e-6)
    near = np.sort(distances(X), axis=1)[:, 2]
    expected = digamma([N])[0] - digamma([3])[0] + np.log(2 * near).mean()
    assert float(entropy(X, method='ksg')) == pytest.approx(expected, abs=1e-9)
    assert float(entropy(X, discrete=True)) == pytest.approx(math.log(N))


# -- errors and tests of independence ----------------------------------------------------------

def test_intervals():
    found = mutual_information(X, Y, method='ksg', resamples=40, level=.9, seed=3)
    assert found.low < found.value < found.high and .01 < found.error < .1
    assert found.level == .9 and found.p_value is None
    assert found == mutual_information(X, Y, method='ksg', resamples=40, level=.9, seed=3)
    assert found != mutual_information(X, Y, method='ksg', resamples=40, level=.9, seed=4)
    wide = mutual_information(X, Y, method='ksg', resamples=40, level=.99, seed=3)
    assert wide.high - wide.low > found.high - found.low
    assert mutual_information(X, Y, method='gaussian', resamples=True).level == .95
    bootstrap = mutual_information(X, Y, method='gaussian', resamples=30, resample='bootstrap')
    assert bootstrap.low < bootstrap.high
    with pytest.raises(libmi.Error):
        mutual_information(X, Y, method='ksg', resamples=30, resample='bootstrap')


def test_independence():
    apart = mutual_information(X, np.roll(Y, 7), method='gaussian', permutations=99)
    close = mutual_information(X, Y, method='gaussian', permutations=99)
    assert apart.p_value > .05 and close.p_value == .01
    assert abs(close.null_mean) < .02 and close.error is None
    assert mutual_information(X, Y, method='gaussian', permutations=True).p_value == 1 / 200
    assert mutual_information(X, Y, permutations=False, resamples=False).p_value is None


def test_threads_make_no_difference():
    options = {'method': 'ksg', 'resamples': 10, 'permutations': 10}
    one, two = (mutual_information(X, Y, context=libmi.Context(threads=threads, seed=5), **options)
                for threads in (1, 3))
    assert one == two
    assert mutual_information(X, Y, seed=5, **options) == one
    assert mutual_information(X, Y, context=libmi.Context(seed=6), **options) != one


def test_local():
    found = mutual_information(X, Y, method='ksg', local=True)
    assert found.local.shape == (N,) and found.local.dtype == np.float64
    assert found.local.mean() == pytest.approx(found.value)
    whole = entropy(CLASS, local=True)
    assert whole.local.mean() == pytest.approx(whole.value)
    cube = X.reshape(100, 2, 2)
    assert mutual_information(cube, cube + .1, method='gaussian', axis='last',
                              local=True).local.shape == (200,)


def test_noise():
    rounded = np.round(X, 1), np.round(Y, 1)
    with pytest.warns(libmi.EstimateWarning):
        tied = mutual_information(*rounded, method='ksg')
    assert tied.warnings == ('ties',)
    found = mutual_information(*rounded, method='ksg', noise=1e-6, seed=2)
    assert 'ties' not in found.warnings
    assert found == mutual_information(*rounded, method='ksg', noise=1e-6, seed=2)
    assert found != mutual_information(*rounded, method='ksg', noise=1e-6, seed=3)


# -- results -----------------------------------------------------------------------------------

def test_results_as_text():
    told = libmi.Estimate(.1438, 'nats', 'ksg', 1000, math.inf, ())
    assert repr(told) == str(told) == f'{told}' == '0.144 nats (ksg, n = 1000)'
    assert f'{told:.2f}' == '0.14' and float(told) == .1438
    more = libmi.Estimate(-.02, 'bits', 'gaussian', 50, math.inf, ('few', 'ties'), .1, -.2, .17,
                          .95, .00512, .01)
    assert repr(more) == ('-0.020 bits (gaussian, n = 50, 95 %: -0.200 to 0.170, p = 0.0051; '
                          'few, ties)')
    assert repr(libmi.Estimate(math.inf, 'nats', 'gaussian', 5, math.inf, ())).startswith('inf ')


def test_results_are_values():
    found = mutual_information(X, Y, method='gaussian', local=True)
    with pytest.raises(AttributeError):
        found.value = 3
    for twin in (pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found)):
        assert twin == found
        np.testing.assert_array_equal(twin.local, found.local)
    assert np.array([found, found], float).tolist() == [found.value] * 2


# -- warnings ----------------------------------------------------------------------------------

def test_constants():
    for method in ('auto', 'ksg', 'gaussian', 'histogram', 'copula'):
        with pytest.warns(libmi.EstimateWarning):
            found = mutual_information(np.ones(N), Y, method=method, discrete=False)
        assert found.value == 0 and 'constant' in found.warnings


def test_warnings_are_of_the_callers_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('default')
        for _ in range(3):
            mutual_information(np.ones(N), Y, method='gaussian', discrete=False)
        entropy(np.round(X, 1), method='ksg', discrete=False)
    assert {warning.filename for warning in caught} == {__file__}
    assert len(caught) == len({(w.lineno, str(w.message)) for w in caught})  # once each
    assert len({warning.lineno for warning in caught}) == 2
    assert all(warning.category is libmi.EstimateWarning and str(warning.message) and
               not str(warning.message).endswith('.') for warning in caught)


def test_warnings_as_errors():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with pytest.raises(libmi.EstimateWarning):
            mutual_information(np.ones(N), Y, method='gaussian', discrete=False)
    assert issubclass(libmi.EstimateWarning, UserWarning)


# -- what is refused ---------------------------------------------------------------------------

@pytest.mark.parametrize('options, words', [
    ({'method': 'mine'}, "method is 'mine': one of auto, discrete, histogram, ksg"),
    ({'unit': 'bytes'}, "unit is 'bytes': one of nats, bits is needed"),
    ({'metric': 'cosine'}, 'one of max, euclidean'), ({'scale': 'log'}, 'one of default, none'),
    ({'resample': 'jackknife'}, 'one of halves, bootstrap'),
    ({'bin_kind': 'odd'}, 'one of width, quantile'), ({'axis': 'first'}, 'one of flat, last'),
    ({'k': 0}, 'k is 0: it has to be above 0'), ({'k': N}, str(N)), ({'k': -1}, '-1'),
    ({'k': 1.5}, 'k is 1.5: a whole number'), ({'k': 2**31}, 'k is 2147483648'),
    ({'bins': 1, 'method': 'histogram'}, '1'), ({'bins': 0}, 'bins is 0'),
    ({'resamples': 1}, '1'), ({'resamples': -2}, '-2'), ({'permutations': -1}, '-1'),
    ({'level': 0}, 'level is 0'), ({'level': 1.5, 'resamples': 2}, '1.5'),
    ({'level': math.nan, 'resamples': 2}, 'nan'), ({'noise': -1}, '-1'),
    ({'noise': 2}, '2'), ({'noise': math.nan}, 'nan'), ({'seed': -1}, 'seed is -1'),
    ({'seed': 2**64}, 'seed is'), ({'correction': 'chao'}, 'one of none, miller-madow'),
])
def test_options_refused(options, words):
    with pytest.raises(libmi.ArgumentError, match=words):
        mutual_information(X, Y, **options)


@pytest.mark.parametrize('x, y, error', [
    (X, Y[1:], libmi.ShapeError), (X, 3, libmi.ShapeError), ([], [], libmi.ShapeError),
    (np.empty((5, 0)), X[:5], libmi.ShapeError), (np.where(X > 2, np.nan, X), Y,
                                                  libmi.NumericError),
    (X, np.where(X > 2, -np.inf, X), libmi.NumericError), (None, X, libmi.DTypeError),
    (X, X * 1j, libmi.DTypeError)])
def test_samples_refused(x, y, error):
    for method in ('auto', 'ksg', 'discrete', 'gaussian'):
        with pytest.raises(error):
            mutual_information(x, y, method=method)


@pytest.mark.parametrize('n', range(1, 6))
@pytest.mark.parametrize('method', ['auto', 'ksg', 'ksg2', 'gao', 'ross', 'gaussian', 'copula',
                                    'histogram', 'discrete', 'neural'])
@pytest.mark.filterwarnings('ignore::libmi.EstimateWarning')
def test_few_samples(n, method):
    for x, y in ((X[:n], Y[:n]), (np.ones(n), Y[:n]), (CLASS[:n], Y[:n]),
                 (np.full(n, 1e308), np.full(n, -1e308)), (X[:n] * 1e300, Y[:n] * 1e-300)):
        try:
            found = mutual_information(x, y, method=method)
        except libmi.Error as error:
            assert str(error)
        else:
            assert not math.isnan(found.value)


def test_contexts_refused():
    with pytest.raises(TypeError, match='context is a int: a Context is needed'):
        mutual_information(X, Y, context=3)
    closed = libmi.Context()
    closed.close()
    with pytest.raises(libmi.StateError, match='this Context is closed'):
        mutual_information(X, Y, context=closed)


# -- threads -----------------------------------------------------------------------------------

def test_a_context_that_is_closed_meanwhile():
    x, y = gaussians(3000)
    expected = mutual_information(x, y, method='ksg').value
    for _ in range(5):
        context, found, begun = libmi.Context(threads=2), [], threading.Event()

        def work():
            begun.set()
            try:
                found.append(mutual_information(x, y, method='ksg', context=context).value)
            except libmi.StateError:
                found.append(expected)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        begun.wait()
        context.close()
        assert context.closed
        for thread in threads:
            thread.join()
        assert found == [expected] * 3
