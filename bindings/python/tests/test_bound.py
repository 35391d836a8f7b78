# SPDX-License-Identifier: BSD-2-Clause
"""Bounds: formulas in NumPy, gradients against differences, the handle."""
import math
import threading

import numpy as np
import pytest
from differences import differences

import libmi
from libmi import Bound, BoundState, bounds
from libmi.bound import _kinds

KINDS = [b.name for b in bounds()]
BASELINES = [b.name for b in bounds() if 'baseline' in b.traits]
DTYPES = [np.float32, np.float64]
MIXED = [dict(n=2), dict(n=5), dict(n=4, locations=3), dict(n=5, locations=2, masked=True)]


def case(n, locations=1, masked=False, dtype=np.float64, seed=0):
    """Scores, log baselines and a mask."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, n * locations)).astype(dtype)
    mask = rng.random(scores.shape) < 0.8 if masked else None
    return scores, rng.normal(size=n).astype(dtype), mask


def embedded(n, locations=1, d=3, dtype=np.float64, seed=1):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(rows, d)).astype(dtype) for rows in (n, n * locations))


# -- the formulas once more ----------------------------------------------------------------------

def lme(x):
    return np.log(np.mean(np.exp(x)))


def mean_exp(x):
    return np.mean(np.exp(x))


def softplus(x):
    return np.logaddexp(x, 0)


def pairs(kind, scores, mask=None):
    """P and Q: rows and scores."""
    n, width = scores.shape
    row, column = np.indices(scores.shape)
    own = row == column * n // width
    there = np.ones_like(own) if mask is None else mask
    other = {'club': own | True, 'club-sampled': column == (row + 1) % n}.get(kind, ~own)
    p, q = own & there, other & there
    return row[p], scores[p].astype('d'), row[q], scores[q].astype('d')


def over_all(kind, i, f, j, g, b):
    """Estimate and loss of a bound that compares all with all; None for others."""
    ratio = 1 + f.mean() - mean_exp(g)
    t = (np.tanh(f).mean() - np.tanh(g).mean()) / 2
    jsd = softplus(-f).mean() + softplus(g).mean() - 2 * math.log(2)
    tuba = 1 + (f - b[i]).mean() - mean_exp(g - b[j])
    known = {
        'dv': f.mean() - lme(g), 'nwj': f.mean() - mean_exp(g - 1), 'tuba': tuba,
        'mine': (f.mean() - lme(g), 1 - f.mean()), 'jsd': (ratio, jsd),
        'reverse-kl': (ratio, mean_exp(-f) + (g - 1).mean()),
        'hellinger': (1 + 2 * f.mean() - mean_exp(2 * g), mean_exp(-f) + mean_exp(g) - 2),
        'total-variation': (2 * max(t, 0) ** 2, -t),
        'smile': (f.mean() - lme(np.clip(g, -5, 5)), jsd),
        'club': f.mean() - g.mean(), 'club-sampled': f.mean() - g.mean()}
    if kind == 'pearson':
        log = np.log1p(np.maximum(f, -2) / 2).mean() if f.min() > -2 else -math.inf
        return 1 + log - np.maximum(1 + g / 2, 0).mean(), (g + g * g / 4).mean() - f.mean()
    return known.get(kind)


def within_rows(kind, i, f, j, g, b, alpha=0.5):
    def mix(row, m):
        return np.log(alpha * m + (1 - alpha) * np.exp(b[row]))

    def term(row, x):
        others = g[j == row]
        if kind == 'infonce':
            return x - lme(np.append(others, x))
        if kind == 'flo':
            return 1 - b[row] - np.exp(-b[row]) * mean_exp(others - x)
        if kind == 'interpolated':
            return 1 + np.mean([x - mix(row, mean_exp(np.append(np.delete(others, k), x)))
                                for k in range(len(others))])
        return x - lme(others)

    estimate = np.mean([term(row, x) for row, x in zip(i, f)])
    if kind == 'interpolated':
        estimate -= np.mean([np.exp(y - mix(row, mean_exp(g[j == row]))) for row, y in zip(j, g)])
    return estimate


def naive(kind, i, f, j, g, b):
    value = over_all(kind, i, f, j, g, b)
    if value is None:
        value = within_rows(kind, i, f, j, g, b)
    if isinstance(value, tuple):
        return value
    return value, value if Bound(kind).info.side == 'upper' else -value


def agree(result, wanted, dtype):
    np.testing.assert_allclose([result.estimate, result.loss], wanted,
                               rtol=1e-12 if dtype == np.float64 else 2e-5, atol=1e-12
                               if dtype == np.float64 else 2e-5)


# -- values --------------------------------------------------------------------------------------

@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('of', MIXED, ids=str)
@pytest.mark.parametrize('kind', KINDS)
def test_matrix_is_the_formula(kind, of, dtype):
    if kind == 'interpolated' and of['n'] == 2 or kind == 'club-sampled' and 'locations' in of:
        of = dict(n=6)
    scores, b, mask = case(**of, dtype=dtype)
    given = b if kind in BASELINES else None
    result = Bound(kind).matrix(scores, given, locations=of.get('locations', 1), mask=mask,
                                grad=True)
    agree(result, naive(kind, *pairs(kind, scores, mask), b.astype('d')), dtype)
    assert result.dscores.dtype == dtype and result.dscores.shape == scores.shape
    assert (result.dbaseline is None) == (given is None)


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('kind', KINDS)
def test_vectors_are_the_formula(kind, dtype):
    rng = np.random.default_rng(2)
    f, g, b = (rng.normal(size=s).astype(dtype) for s in (4, (4, 3), 4))
    i, j = np.arange(4), np.repeat(np.arange(4), 3)
    given = b if kind in BASELINES else None
    result = Bound(kind).vectors(f, g, given, grad=True)
    agree(result, naive(kind, i, f.astype('d'), j, g.ravel().astype('d'), b.astype('d')), dtype)
    flat = Bound(kind).vectors(f, g.ravel(), given, grad=True)
    assert flat[:3] == result[:3] and result.dproduct.shape == (4, 3)
    np.testing.assert_array_equal(flat.dproduct, result.dproduct.ravel())


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize('kind', KINDS)
def test_embeddings_are_their_matrix(kind, normalize, dtype):
    locations = 1 if kind == 'club-sampled' else 2
    u, v = embedded(4, locations, dtype=dtype)
    b = np.arange(4).astype(dtype) / 4 if kind in BASELINES else None
    result = Bound(kind).embeddings(u, v, b, temperature=0.7, normalize=normalize,
                                    locations=locations, grad=True)
    x, y = ((a / np.linalg.norm(a, axis=1, keepdims=True) if normalize else a) for a in (u, v))
    wanted = Bound(kind).matrix(x.astype('d') @ y.T / 0.7, None if b is None else b.astype('d'),
                                locations=locations, grad=True)
    agree(result, wanted[:2], dtype)
    assert result.cap == pytest.approx(wanted.cap)


def test_columns_of_infonce_are_those_of_the_transpose():
    scores = case(5)[0]
    rows, transposed = Bound('infonce'), Bound('infonce', columns=1)
    a, b = rows.matrix(scores.T.copy(), grad=True), transposed.matrix(scores, grad=True)
    assert a.loss == pytest.approx(b.loss, rel=1e-14)
    np.testing.assert_allclose(a.dscores.T, b.dscores, atol=1e-15)
    both = Bound('infonce', columns=0.5).matrix(scores).estimate
    assert both == pytest.approx((rows.matrix(scores).estimate + b.estimate) / 2)


def test_cap():
    infonce = Bound('infonce')
    sure = infonce.matrix(50 * np.eye(8))
    assert sure.cap == pytest.approx(math.log(8)) and sure.at_cap is True
    assert infonce.matrix(case(8)[0]).at_cap is False
    assert Bound('nwj').matrix(case(8)[0]).cap == math.inf


# -- gradients -----------------------------------------------------------------------------------

def compare(gradient, loss, x):
    np.testing.assert_allclose(gradient, differences(loss, x), rtol=2e-6, atol=2e-8)


SMOOTH = [kind for kind in KINDS if kind != 'mine']  # its loss has the average as a constant


@pytest.mark.parametrize('of', MIXED[1:], ids=str)
@pytest.mark.parametrize('kind', SMOOTH)
def test_gradients_of_a_matrix(kind, of):
    if kind == 'club-sampled':
        of = dict(n=4)
    scores, b, mask = case(**of)
    bound, more = Bound(kind), dict(locations=of.get('locations', 1), mask=mask)
    b = b if kind in BASELINES else None
    result = bound.matrix(scores, b, grad=True, **more)
    compare(result.dscores, lambda x: bound.matrix(x, b, **more).loss, scores)
    if b is not None:
        compare(result.dbaseline, lambda x: bound.matrix(scores, x, **more).loss, b)


@pytest.mark.parametrize('kind', SMOOTH)
def test_gradients_of_vectors(kind):
    rng = np.random.default_rng(3)
    f, g, b = rng.normal(size=3), rng.normal(size=(3, 4)), rng.normal(size=3)
    bound = Bound(kind)
    b = b if kind in BASELINES else None
    result = bound.vectors(f, g, b, grad=True)
    compare(result.djoint, lambda x: bound.vectors(x, g, b).loss, f)
    compare(result.dproduct, lambda x: bound.vectors(f, x, b).loss, g)
    if b is not None:
        compare(result.dbaseline, lambda x: bound.vectors(f, g, x).loss, b)


@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize('kind', SMOOTH)
def test_gradients_of_embeddings(kind, normalize):
    u, v = embedded(4, d=2)
    bound, more = Bound(kind), dict(temperature=0.9, normalize=normalize)
    b = np.linspace(-1, 1, 4) if kind in BASELINES else None
    result = bound.embeddings(u, v, b, grad=True, **more)
    compare(result.du, lambda x: bound.embeddings(x, v, b, **more).loss, u)
    compare(result.dv, lambda x: bound.embeddings(u, x, b, **more).loss, v)
    compare(result.dtemperature, lambda t: bound.embeddings(
        u, v, b, temperature=float(t), normalize=normalize).loss, np.array(0.9))
    if b is not None:
        compare(result.dbaseline, lambda x: bound.embeddings(u, v, x, **more).loss, b)


def test_mine_averages_over_steps():
    bound = Bound('mine', rate=0.25)
    assert bound.state == BoundState(0, 0)
    f, g = np.array([0.5, 1.]), np.array([[0.2, -1, 3], [1, 0, 0.5]])
    bound.vectors(f, g[0])
    assert bound.state.steps == 0  # nothing was learnt from
    first = bound.vectors(f, g[0], grad=True)
    saved = bound.state
    second = bound.vectors(f, g[1], grad=True)
    means = np.exp(g).mean(axis=1)
    average = (0.75 * means[0] + means[1]) / 1.75
    np.testing.assert_allclose(first.dproduct, np.exp(g[0]) / 3 / means[0])
    np.testing.assert_allclose(second.dproduct, np.exp(g[1]) / 3 / average)
    np.testing.assert_allclose(second.djoint, [-0.5, -0.5])
    assert bound.state.steps == 2 and bound.state.log_average == pytest.approx(math.log(average))
    other = Bound('mine', rate=0.25)
    other.state = saved
    assert other.vectors(f, g[1], grad=True).loss == second.loss
    with pytest.raises(libmi.ArgumentError):
        other.state = BoundState(0, -1)


# -- the handle ----------------------------------------------------------------------------------

def test_list_of_kinds():
    _kinds.cache_clear()  # it may have been asked for before
    by_name = {b.name: b for b in bounds()}
    assert len(by_name) == 17 and by_name['infonce'].side == 'lower'
    assert by_name['club'].side == 'upper' and by_name['smile'].side == 'neither'
    assert by_name['mine'].traits == ('surrogate', 'state')
    assert by_name['flo'].shapes == ('groups', 'matrix', 'embeddings')
    assert 'Oord' in by_name['infonce'].citation and 'ln n' in by_name['infonce'].cap
    tau = by_name['smile'].params[-1]
    assert (tau.name, tau.initial, tau.most, tau.whole) == ('tau', 5, math.inf, False)


def test_parameters():
    for info in bounds():
        assert Bound(info.name).params == {p.name: p.initial for p in info.params}
        assert Bound(info.name).info == info and Bound(info.name).kind == info.name
    tuba = Bound('tuba', log_baseline=0.5, diagonal=True)
    assert tuba.params == {'diagonal': 1, 'log_baseline': 0.5}
    assert repr(tuba) == "Bound('tuba', diagonal=1, log_baseline=0.5)"
    tuba.set(log_baseline=0)
    assert tuba.params['log_baseline'] == 0
    scores = case(3)[0]
    assert Bound('tuba', log_baseline=2).matrix(scores).loss == pytest.approx(
        Bound('tuba').matrix(scores, np.full(3, 2.)).loss)


def test_closed():
    with Bound('infonce', context=libmi.Context(threads=1)) as bound:
        bound.matrix(np.eye(2))
    assert bound.closed and repr(bound) == "Bound('infonce', closed)"
    for use in (lambda: bound.matrix(np.eye(2)), lambda: bound.params, lambda: bound.state):
        with pytest.raises(libmi.StateError, match='closed'):
            use()


def test_threads_take_turns():
    bound, (u, v), losses = Bound('infonce'), embedded(64), set()

    def work():
        for _ in range(20):
            losses.add(bound.embeddings(u, v, grad=True).loss)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert losses == {bound.embeddings(u, v).loss}


def test_repr_of_results_has_no_elements():
    u = np.eye(3, 2, dtype=np.float32)
    result = Bound('infonce').embeddings(u, u, grad=True)
    assert repr(result) == (f'BoundResult(estimate={result.estimate}, loss={result.loss}, '
                            f'cap={result.cap}, du=<float32 (3, 2)>, dv=<float32 (3, 2)>, '
                            f'dtemperature={result.dtemperature})')
