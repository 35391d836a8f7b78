# SPDX-License-Identifier: BSD-2-Clause
"""Entropy and information of tables and samples: against the formulas, written plainly."""
import math

import numpy as np
import pytest

import libmi
from libmi import discrete

RANDOM = np.random.default_rng(3)
TABLES = [np.array([[.4, .1], [.1, .4]]), RANDOM.integers(0, 9, (3, 5)), RANDOM.random((4, 2)),
          np.array([[0, 3, 0], [2, 0, 0]]), np.diag([1, 2, 3]), np.array([[7]])]


def h(p):
    """The entropy of numbers in proportion to probabilities, nats."""
    p = np.asarray(p, float).ravel()
    p = p[p > 0] / p.sum()
    return -(p * np.log(p)).sum()


def samples(table):
    """Samples of two variables that have these counts."""
    cells = np.repeat(np.arange(table.size), table.ravel())
    return np.divmod(cells, table.shape[1])


# -- tables ------------------------------------------------------------------------------------

@pytest.mark.parametrize('table', TABLES)
def test_entropy(table):
    assert discrete.entropy(table) == pytest.approx(h(table), abs=1e-14)
    assert discrete.entropy(table, unit='bits') == pytest.approx(h(table) / math.log(2), abs=1e-14)
    assert discrete.entropy(table.tolist()) == discrete.entropy(table)
    assert discrete.entropy(table.T) == pytest.approx(h(table), abs=1e-14)


def test_a_byte():
    table = np.ones((16, 16))  # the high half and the low one
    told = discrete.information(table, unit='bits')
    assert discrete.entropy(np.ones(256), unit='bits') == 8
    assert (told.unit, told.joint, told.x_given_y, told.mutual) == ('bits', 8, 4, 0)
    byte = np.arange(256)
    told = discrete.information(byte, byte >> 4, unit='bits')
    assert (told.entropy_x, told.entropy_y, told.mutual, told.x_given_y) == (8, 4, 4, 4)


@pytest.mark.parametrize('dtype', ['f8', 'f4', 'i8', 'i4', 'u1', '?', '>f8', 'f2'])
def test_tables_of_any_numbers(dtype):
    table = np.array([[1, 0, 1], [1, 1, 1]], dtype)
    assert discrete.entropy(table) == pytest.approx(math.log(5))
    assert discrete.information(table[:, ::2]).entropy_y == pytest.approx(math.log(2))


@pytest.mark.parametrize('table', TABLES)
def test_information(table):
    told = discrete.information(table)
    x, y, xy = h(table.sum(axis=1)), h(table.sum(axis=0)), h(table)
    mutual = x + y - xy
    expected = {
        'total': table.sum(), 'values_x': (table.sum(axis=1) > 0).sum(),
        'values_y': (table.sum(axis=0) > 0).sum(), 'values_xy': (table > 0).sum(),
        'entropy_x': x, 'entropy_y': y, 'joint': xy, 'x_given_y': xy - y, 'y_given_x': xy - x,
        'mutual': mutual, 'variation': 2 * xy - x - y}
    for name, value in expected.items():
        assert getattr(told, name) == pytest.approx(value, abs=1e-13), name
    divisors = {'x': x, 'y': y, 'arithmetic': (x + y) / 2, 'geometric': math.sqrt(x * y),
                'min': min(x, y), 'max': max(x, y), 'joint': xy}
    for name, divisor in divisors.items():
        share = mutual / divisor if divisor > 0 else 0
        assert getattr(told, f'share_{name}') == pytest.approx(share, abs=1e-12), name
    bits = discrete.information(table, unit='bits')
    assert bits.mutual == pytest.approx(told.mutual / math.log(2), abs=1e-13)
    assert bits.share_joint == pytest.approx(told.share_joint, abs=1e-13)
    assert repr(bits).startswith('Information(bits: values_x=')


def test_information_of_samples():
    table = TABLES[1]
    x, y = samples(table)
    np.testing.assert_allclose(discrete.information(x, y)[1:], discrete.information(table)[1:],
                               atol=1e-13)
    names = np.array(list('abcde'))[y]
    assert discrete.information(x, names) == discrete.information(x, y)
    assert discrete.information(x * 1.5, names.tolist()) == discrete.information(x, y)


def test_corrections():
    table = np.array([[5, 1], [0, 2]])
    x, y, xy = (h(t) + ((t > 0).sum() - 1) / 16 for t in (
        table.sum(axis=1), table.sum(axis=0), table))
    told = discrete.information(table, correction='miller-madow')
    assert told.mutual == pytest.approx(x + y - xy)
    assert discrete.information(*samples(table), correction='miller_madow').mutual == \
        pytest.approx(told.mutual)
    assert discrete.entropy(table, correction='grassberger') > h(table)
    with pytest.raises(libmi.NumericError):
        discrete.entropy([.5, .25], correction='grassberger')
    with pytest.raises(libmi.ArgumentError, match='one of none, miller-madow, grassberger'):
        discrete.entropy(table, correction='chao')


def test_pointwise():
    table = np.array([[2, 1, 0], [0, 1, 0]])
    found = discrete.pointwise(table)
    p = table / 4
    with np.errstate(divide='ignore', invalid='ignore'):
        expected = np.log(p / (p.sum(axis=1, keepdims=True) * p.sum(axis=0)))
    expected[:, 2] = 0
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert found[1, 0] == -np.inf
    np.testing.assert_allclose(discrete.pointwise(table, unit='bits')[0],
                               expected[0] / math.log(2))
    mean = (p[p > 0] * found[p > 0]).sum()
    assert mean == pytest.approx(discrete.information(table).mutual)


def test_conditional():
    table = RANDOM.integers(0, 5, (3, 2, 4))
    expected = h(table.sum(axis=1)) + h(table.sum(axis=0)) - h(table) - h(table.sum(axis=(0, 1)))
    assert discrete.conditional(table) == pytest.approx(expected)
    assert discrete.conditional(table, unit='bits') == pytest.approx(expected / math.log(2))
    xor = np.zeros((2, 2, 2))
    for a in range(2):
        for b in range(2):
            xor[a, b, a ^ b] = 1
    assert discrete.conditional(xor, unit='bits') == pytest.approx(1)
    assert discrete.information(xor.sum(axis=2)).mutual == pytest.approx(0)
    discrete.conditional(table, correction='miller-madow')


def test_cross_entropy_and_divergence():
    p, q = np.array([[1, 2], [0, 1]]), np.array([[1., 1], [3, 1]])
    a, b = p / p.sum(), q / q.sum()
    cross = -(a * np.log(b)).sum()
    assert discrete.cross_entropy(p, q) == pytest.approx(cross)
    assert discrete.divergence(p, q) == pytest.approx(cross - h(p))
    assert discrete.divergence(p, q, unit='bits') == pytest.approx((cross - h(p)) / math.log(2))
    assert discrete.divergence(p, 3 * p) == pytest.approx(0, abs=1e-15)
    assert discrete.cross_entropy(q, p) == discrete.divergence(q, p) == math.inf


# -- counting ----------------------------------------------------------------------------------

def test_count():
    table = TABLES[1][:, TABLES[1].sum(axis=0) > 0]
    x, y = samples(table)
    order = np.random.default_rng(1).permutation(len(x))
    np.testing.assert_array_equal(discrete.count(x[order], y[order]), table)
    np.testing.assert_array_equal(discrete.count(x, np.array(list('stuvw'))[y]), table)
    np.testing.assert_array_equal(discrete.count(x), table.sum(axis=1))
    assert discrete.count(x).dtype == discrete.count(x, y).dtype == np.float64
    np.testing.assert_array_equal(discrete.count([[1, 2], [1, 0], [1, 2]]), [1, 2])
    np.testing.assert_array_equal(discrete.count([3.5, -1, 3.5], [True, True, False]),
                                  [[0, 1], [1, 1]])
    np.testing.assert_array_equal(discrete.count([[[1], [2]], [[2], [2]]], axis='last'), [1, 3])


# -- errors ------------------------------------------------------------------------------------

@pytest.mark.parametrize('call', [
    discrete.entropy, discrete.information, discrete.pointwise,
    lambda t: discrete.conditional(np.asarray(t)[..., None]),
    lambda t: discrete.divergence(t, np.ones(np.shape(t))),
    lambda t: discrete.cross_entropy(np.ones(np.shape(t)), t)])
@pytest.mark.parametrize('table, error, words', [
    ([[1, -2]], libmi.NumericError, '-2'), ([[1, np.nan]], libmi.NumericError, 'nan'),
    ([[1, np.inf]], libmi.NumericError, 'inf'), ([[0, 0]], libmi.NumericError, '0'),
    ([['a', 'b']], libmi.DTypeError, 'numbers are needed'),
    ([[1j]], libmi.DTypeError, 'complex128: numbers are needed'),
    (np.empty((0, 2)), libmi.ShapeError, 'nothing in it'),
])
def test_tables_refused(call, table, error, words):
    with pytest.raises(error, match=words):
        call(table)


def test_shapes_refused():
    for call, table in ((discrete.information, [1, 2]), (discrete.pointwise, [[[1]]]),
                        (discrete.conditional, [[1]])):
        with pytest.raises(libmi.ShapeError, match='is needed'):
            call(table)
    with pytest.raises(libmi.ShapeError, match=r'q has shape \(3,\), \(2\) is needed'):
        discrete.divergence([1, 2], [1, 2, 3])
    with pytest.raises(libmi.ShapeError, match='nothing in it'):
        discrete.entropy(3)
    with pytest.raises(libmi.DTypeError, match='table is None'):
        discrete.entropy(None)


def test_samples_refused():
    for call in (discrete.information, discrete.count):
        with pytest.raises(libmi.ShapeError, match='3'):
            call([1, 2, 3], [1, 2])
        with pytest.raises(libmi.NumericError, match='(?i)nan'):
            call([1, 2, np.nan], [1, 2, 3])
        with pytest.raises(TypeError, match='context is a int'):
            call([1, 2], [1, 2], context=3)
    with pytest.raises(libmi.ArgumentError, match="unit is 'hartleys': one of nats, bits is"):
        discrete.information([1], [1], unit='hartleys')
