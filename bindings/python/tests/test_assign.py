# SPDX-License-Identifier: BSD-2-Clause
"""Linear assignment: the solver, and the function with SciPy's signature."""
import inspect
import itertools
import signal
import threading

import numpy as np
import pytest

import libmi
from libmi import Assignment, assign, linear_sum_assignment

INF = np.inf


def best(cost, sign=1):
    """The optimum by trying all; None if there is none."""
    cost = sign * np.asarray(cost, float)
    if cost.shape[0] > cost.shape[1]:
        cost = cost.T
    rows, cols = cost.shape
    least = min(sum(cost[i, j] for i, j in enumerate(p))
                for p in itertools.permutations(range(cols), rows))
    return None if least == INF else sign * least


# -- the solver --------------------------------------------------------------------------------

def test_solve_by_hand():
    # the three least costs, 1 + 2 + 2, lie in different rows and columns
    row_to_col, col_to_row, total, *_ = Assignment().solve(
        np.array([[4., 1, 3], [2, 0, 5], [3, 2, 2]]))
    np.testing.assert_array_equal(row_to_col, [1, 0, 2])
    np.testing.assert_array_equal(col_to_row, [1, 0, 2])
    assert total == 5


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize('shape', [(1, 1), (3, 3), (2, 5), (5, 2), (4, 1)])
@pytest.mark.parametrize('maximize', [False, True])
def test_solve_as_by_trying_all(dtype, shape, maximize):
    rng = np.random.default_rng(3)
    with Assignment() as solver:
        for _ in range(5):
            cost = rng.integers(0, 9, shape).astype(dtype)
            found = solver.solve(cost, maximize=maximize)
            assert found.total == best(cost, -1 if maximize else 1)
            pairs = [(i, j) for i, j in enumerate(found.row_to_col) if j >= 0]
            assert pairs == sorted((i, j) for j, i in enumerate(found.col_to_row) if i >= 0)
            assert len(pairs) == min(shape)
            assert found.total == sum(cost[i, j] for i, j in pairs)


def test_solve_of_rows_with_a_stride():
    wide = np.arange(30.).reshape(3, 10) % 7
    with Assignment() as solver:
        view, copy = solver.solve(wide[:, 2:6]), solver.solve(wide[:, 2:6].copy())
    np.testing.assert_array_equal(view.row_to_col, copy.row_to_col)


def test_solve_of_nothing():
    found = Assignment().solve(np.zeros((0, 3)))
    assert found.row_to_col.shape == (0,) and found.total == 0
    np.testing.assert_array_equal(found.col_to_row, [-1, -1, -1])


def test_integers_beyond_float64():
    p = 2**53
    cost = np.array([[p + 1, p], [p, p + 1]])
    assert Assignment().solve(cost).total == 2 * p
    assert linear_sum_assignment(cost)[1].tolist() == [1, 0]
    assert Assignment().solve(cost, maximize=True).total == 2 * p + 2


@pytest.mark.parametrize('shape', [(7, 7), (200, 200), (150, 220), (220, 150)])
@pytest.mark.parametrize('maximize', [False, True])
def test_duals_prove_the_matching(shape, maximize):
    rng = np.random.default_rng(7)
    cost, forbidden = rng.random(shape), rng.random(shape) < .3
    with Assignment() as solver:
        found = solver.solve(cost, maximize=maximize, forbidden=forbidden, duals=True)
        again = solver.solve(cost, maximize=maximize, forbidden=forbidden.astype(np.uint8),
                             start=found, duals=True)
    left = (cost - found.u[:, None] - found.v) * (-1 if maximize else 1)
    rows = np.flatnonzero(found.row_to_col >= 0)
    assert len(rows) == min(shape)
    assert left[~forbidden].min() > -1e-13
    assert np.abs(left[rows, found.row_to_col[rows]]).max() < 1e-13
    assert not forbidden[rows, found.row_to_col[rows]].any()
    assert found.total == pytest.approx(found.u.sum() + found.v.sum())
    assert again.total == pytest.approx(found.total)


def test_solve_many():
    rng = np.random.default_rng(8)
    costs = [rng.random(shape) for shape in ((3, 3), (50, 40), (0, 2), (200, 200))] * 3
    with libmi.Context(threads=2) as context, Assignment(context=context) as solver:
        found = solver.solve_many(costs, duals=True)
        for cost, each in zip(costs, found, strict=True):
            np.testing.assert_array_equal(each.row_to_col, solver.solve(cost).row_to_col)
            assert each.total == pytest.approx(each.u.sum() + each.v.sum(), abs=1e-12)
        stack = rng.integers(0, 9, (5, 4, 6))
        assert [m.total for m in solver.solve_many(stack)] == [best(c) for c in stack]
        assert solver.solve_many([]) == []
        costs[5] = np.full((2, 2), INF)
        with pytest.raises(libmi.InfeasibleError, match='problem 5: every matching'):
            solver.solve_many(costs)
        with pytest.raises(libmi.ShapeError, match=r'costs\[1\]'):
            solver.solve_many([np.eye(2), np.zeros(3)])


def test_solve_refuses():
    solver = Assignment()
    with pytest.raises(libmi.NumericError, match=r'cost\[1\]\[0\] is nan'):
        solver.solve(np.array([[0, 1], [np.nan, 2]]))
    with pytest.raises(libmi.InfeasibleError):
        solver.solve(np.full((2, 2), INF))
    with pytest.raises(libmi.DTypeError, match='cost is int16'):
        solver.solve(np.eye(2, dtype=np.int16))
    with pytest.raises(libmi.NumericError, match='exceeds int64'):
        solver.solve(np.full((2, 2), 2**63 - 1))
    with pytest.raises(libmi.ShapeError, match='forbidden'):
        solver.solve(np.eye(2), forbidden=np.zeros((2, 3), bool))
    with pytest.raises(libmi.ArgumentError, match='duals=True'):
        solver.solve(np.eye(2), start=solver.solve(np.eye(2)))
    with pytest.raises(libmi.NumericError, match=r'start_v\[0\] is nan'):
        solver.solve(np.eye(2), start=(np.zeros(2), np.full(2, np.nan)))
    with pytest.raises(libmi.ShapeError):
        solver.solve(np.zeros(3))
    assert solver.solve(np.eye(2)).total == 0


# -- SciPy's function --------------------------------------------------------------------------

def test_signature():
    assert str(inspect.signature(linear_sum_assignment)).startswith(
        "(cost_matrix: 'Any', maximize: 'bool' = False)")


def total(cost, *arguments, **options):
    cost = np.asarray(cost)
    return cost[linear_sum_assignment(cost, *arguments, **options)].sum()


def test_indices_are_sorted_pairs():
    row_ind, col_ind = linear_sum_assignment([[9, 1], [8, 8], [2, 9]])
    assert row_ind.dtype == col_ind.dtype == np.intp
    np.testing.assert_array_equal(row_ind, [0, 2])
    np.testing.assert_array_equal(col_ind, [1, 0])
    row_ind, col_ind = linear_sum_assignment([[9, 8, 2], [1, 8, 9]])
    np.testing.assert_array_equal(row_ind, [0, 1])
    np.testing.assert_array_equal(col_ind, [2, 0])


@pytest.mark.parametrize('dtype', '?bBhHiIlLqQefdg')
@pytest.mark.parametrize('order', '<>')
def test_all_numbers(dtype, order):
    cost = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0]]).astype(np.dtype(dtype).newbyteorder(order))
    before = cost.copy()
    row_ind, col_ind = linear_sum_assignment(cost)
    np.testing.assert_array_equal(row_ind, [0, 1, 2])
    np.testing.assert_array_equal(col_ind, [1, 0, 2])
    np.testing.assert_array_equal(cost, before)


@pytest.mark.parametrize('shape', [(0, 0), (0, 4), (4, 0)])
def test_empty(shape):
    for indices in linear_sum_assignment(np.zeros(shape)):
        assert indices.shape == (0,) and indices.dtype == np.intp
    for indices in linear_sum_assignment([[]]):
        assert indices.shape == (0,)


def test_infinity_forbids():
    assert total([[1, INF], [0, 5]]) == 6
    assert total([[-1, -INF], [0, -5]], True) == -6
    assert total([[-1, -INF], [0, -5]], maximize=True) == -6


@pytest.mark.parametrize('cost, maximize, error, word', [
    ([[1, INF], [0, INF]], False, ValueError, 'forbidden'),
    ([[1, -INF], [0, -INF]], True, ValueError, 'forbidden'),
    ([[1, 2], [0, np.nan]], False, ValueError, r'\[1\]\[1\] is nan'),
    ([[1], [0], [np.nan]], False, ValueError, r'\[2\]\[0\] is nan'),
    ([[1, -INF]], False, ValueError, 'is -inf'),
    ([[1, INF]], True, ValueError, 'is inf'),
    ([], False, ValueError, '1 dimensions'),
    ([1, 2], False, ValueError, '1 dimensions'),
    (np.zeros((1, 1, 1)), False, ValueError, '3 dimensions'),
    (3, False, ValueError, '0 dimensions'),
    (None, False, ValueError, 'a NoneType, has 0 dimensions'),
    ([[1, 2], [3]], False, ValueError, 'not a matrix'),
    ([['a', 'b']], False, TypeError, 'real numbers are needed'),
    ([[1j]], False, TypeError, 'complex128'),
    (np.array([[None]]), False, TypeError, 'object'),
    (np.zeros((1, 1), 'M8[s]'), False, TypeError, 'datetime64'),
    (np.ma.array([[1, 2]], mask=[[1, 0]]), False, ValueError, 'masked'),
])
def test_errors(cost, maximize, error, word):
    with pytest.raises(error, match=word) as caught:
        linear_sum_assignment(cost, maximize)
    assert isinstance(caught.value, libmi.Error)


def test_layouts():
    cost = np.random.default_rng(8).random((6, 4))
    row_ind, col_ind = linear_sum_assignment(cost)
    shifted = np.frombuffer(b'x' + cost.tobytes(), np.uint8)[1:].view(float).reshape(cost.shape)
    assert not shifted.flags.aligned
    for same in (np.asfortranarray(cost), cost[::-1].copy()[::-1], cost.view(np.matrix), shifted,
                 np.ma.array(cost), cost.tolist(), np.repeat(cost, 2, axis=0)[::2]):
        found = linear_sum_assignment(same)
        np.testing.assert_array_equal(found[0], row_ind)
        np.testing.assert_array_equal(found[1], col_ind)


def test_solvers_are_kept_for_small_problems_only():
    linear_sum_assignment(np.eye(3))
    kept = len(assign._idle)
    assert kept >= 1
    for _ in range(5):
        linear_sum_assignment(np.eye(3))
    assert len(assign._idle) == kept
    linear_sum_assignment(np.zeros((assign._KEPT, 2)))
    assert len(assign._idle) == kept - 1


def test_threads():
    rng = np.random.default_rng(2)
    costs = [rng.random((n, 20)) for n in range(1, 33)]
    expected = [linear_sum_assignment(cost)[1].tolist() for cost in costs]
    wrong = []

    def work(k):
        for _ in range(20):
            for n in range(k, 32, 8):
                if linear_sum_assignment(costs[n])[1].tolist() != expected[n]:
                    wrong.append(n)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(assign._idle) <= 9


@pytest.mark.skipif(not hasattr(signal, 'setitimer'), reason='the system has no timers')
def test_signal_handlers_in_the_midst_of_a_call():
    cost, answers = np.random.default_rng(4).random((60, 60)), []
    expected = linear_sum_assignment(cost)[1].tolist()
    old = signal.signal(signal.SIGALRM, lambda *_: answers.append(
        linear_sum_assignment(-np.eye(3))[1].tolist()))
    signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
    try:
        while len(answers) < 30:
            assert linear_sum_assignment(cost)[1].tolist() == expected
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert all(answer == [0, 1, 2] for answer in answers)


# -- SciPy -------------------------------------------------------------------------------------

def problems():
    rng = np.random.default_rng(1)
    for number in range(1000):
        shape, sign = rng.integers(0, 9, 2), 1 - 2 * (number % 2)
        ties = rng.integers(0, 4, shape)
        yield (rng.normal(size=shape), ties, ties.astype(bool), rng.random(shape).astype('f'),
               np.where(rng.random(shape) < .4, sign * INF, ties),
               np.asfortranarray(rng.normal(size=shape))[::-1])[number % 6], sign < 0


def answer(function, cost, maximize):
    try:
        row_ind, col_ind = function(cost, maximize)
    except ValueError:
        return 'infeasible'
    assert (np.diff(row_ind) > 0).all() and len(set(col_ind)) == len(col_ind) == min(cost.shape)
    return cost[row_ind, col_ind].astype(float).sum()


def test_as_scipy():
    theirs = pytest.importorskip('scipy.optimize').linear_sum_assignment
    answers = []
    for cost, maximize in problems():
        answers.append(answer(theirs, cost, maximize))
        found = answer(linear_sum_assignment, cost, maximize)
        if answers[-1] == 'infeasible':
            assert found == 'infeasible'
        else:
            assert found == pytest.approx(answers[-1], abs=1e-6)
    assert 'infeasible' in answers


def test_as_scipy_on_ten_thousand():
    theirs = pytest.importorskip('scipy.optimize').linear_sum_assignment
    rng = np.random.default_rng(9)
    with Assignment() as solver:
        for n in range(10_000):
            rows, cols = rng.integers(1, 25 if n % 20 else 200, 2)
            shape = (rows, rows) if n % 3 == 0 else (rows, cols)
            cost = (rng.random(shape), rng.integers(0, 20, shape).astype(float),
                    np.exp(rng.normal(0, 4, shape)), rng.random(shape[0])[:, None] +
                    rng.random(shape[1]) + 1e-6 * rng.random(shape))[n % 4]
            if n % 7 == 0:
                cost[rng.random(shape) < .2] = INF
            try:
                expected = cost[theirs(cost)].sum()
            except ValueError:
                with pytest.raises(libmi.InfeasibleError):
                    solver.solve(cost)
            else:
                assert solver.solve(cost).total == pytest.approx(expected, rel=1e-12)


def test_as_scipy_where_the_optimum_is_alone():
    theirs = pytest.importorskip('scipy.optimize').linear_sum_assignment
    rng = np.random.default_rng(6)
    for shape in ((40, 40), (30, 50), (50, 30)):
        cost = rng.random(shape)
        for maximize in (False, True):
            np.testing.assert_array_equal(linear_sum_assignment(cost, maximize),
                                          theirs(cost, maximize))
