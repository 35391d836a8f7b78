# SPDX-License-Identifier: BSD-2-Clause
"""Critics: what they learn of Gaussians, gradients, files, and the loop with its interrupts."""
import _thread
import gc
import math
import signal
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from terminal import Terminal

import libmi
from libmi import Mine

RHO = .8
EXACT = -math.log(1 - RHO**2) / 2


def gaussians(n=512, columns=1, seed=0):
    x, noise = libmi.random.normal((2, n, columns), seed)
    return x, RHO * x + math.sqrt(1 - RHO**2) * noise


def quick(bound='mine', critic='separable', columns=1, **options):
    return Mine(columns, columns, bound, critic, **{'units': 16, 'layers': 1, 'seed': 3, **options})


X, Y = gaussians()
CRITICS = ['additive', 'concat', 'separable', 'bilinear']


# -- steps -------------------------------------------------------------------------------------

@pytest.mark.parametrize('critic', ['additive', 'concat', 'separable'])
def test_steps_learn(critic):
    mine = quick(critic=critic, rate=.003 if critic == 'separable' else .01, units=32)
    for step in range(1, 401):
        report = mine.step(*gaussians(256, seed=step))
    assert report.step == 400 and report.dx is report.dy is None
    assert abs(report.average - EXACT) < .1
    fresh = mine.evaluate(*gaussians(20000, seed=9999))
    assert abs(fresh.estimate - EXACT) < .06 and fresh.step == 400
    assert fresh == mine.evaluate(*gaussians(20000, seed=9999))


def test_evaluation_is_the_bound_on_scores():
    for bound in ('infonce', 'dv', 'smile'):
        mine = quick(bound)
        mine.step(X, Y)
        n = len(X)
        every = mine.scores(np.repeat(X, n, axis=0), np.tile(Y, (n, 1))).reshape(n, n)
        expected = libmi.Bound(bound).matrix(every)
        assert mine.evaluate(X, Y).estimate == pytest.approx(expected.estimate, rel=1e-4)
        assert mine.evaluate(X, Y).cap == pytest.approx(expected.cap)


def test_scores():
    mine = quick(critic='concat')
    scores = mine.scores(X, Y)
    assert scores.shape == (512,) and scores.dtype == np.float32
    np.testing.assert_allclose(mine.scores(X[:1], Y[:1]), scores[:1], rtol=1e-5)


@pytest.mark.parametrize('critic', CRITICS)
def test_gradients_are_those_of_the_loss(critic):
    x, y = gaussians(24, 2)
    mine = quick('nwj', critic, 2, negatives='all' if critic in ('additive', 'concat') else None)

    def loss(x, y):
        twin = quick('nwj', critic, 2,
                     negatives='all' if critic in ('additive', 'concat') else None)
        return twin.step(x, y).loss

    report = mine.step(x, y, grad=True)
    assert report.dx.shape == x.shape and report.dy.dtype == np.float32
    for a, gradient, place in ((x, report.dx, (3, 1)), (y, report.dy, (5, 0))):
        up, down = a.copy(), a.copy()
        up[place] += .002
        down[place] -= .002
        pair = ((up, y), (down, y)) if a is x else ((x, up), (x, down))
        slope = (loss(*pair[0]) - loss(*pair[1])) / (up[place] - down[place])
        assert gradient[place] == pytest.approx(slope, rel=.03, abs=2e-4)


def test_gradients_into_arrays():
    out = {'dy': np.empty_like(Y)}
    report = quick().step(X, Y, out=out)
    assert report.dy is out['dy'] and report.dx is None
    assert (report.dy == quick().step(X, Y, grad=True).dy).all()
    with pytest.raises(libmi.ArgumentError, match='overlap'):
        quick().step(X, Y, out={'dx': X})
    with pytest.raises(libmi.ArgumentError, match="out has 'gx': the gradients here are dx, dy"):
        quick().step(X, Y, out={'gx': X})


def test_shapes_of_samples():
    mine, twin = Mine(4, 1, seed=1), Mine(4, 1, seed=1)
    x = libmi.random.normal((64, 2, 2), 1)
    report = mine.step(x, Y[:64, 0], grad=True)
    assert report.dx.shape == (64, 2, 2) and report.dy.shape == (64,)
    other = twin.step(x.reshape(64, 4), Y[:64], grad=True)
    np.testing.assert_array_equal(report.dx.ravel(), other.dx.ravel())


def test_a_bound_of_ones_own():
    bound = libmi.Bound('smile', tau=2)
    mine = quick(bound)
    assert mine.bound is bound and mine.bound.params['tau'] == 2
    first = mine.step(X, Y)
    bound.set(tau=5)
    assert mine.step(X, Y).step == first.step + 1
    own = quick('mine')
    own.step(X, Y)
    assert own.bound.kind == 'mine' and own.bound.state.steps == 1


def test_negatives():
    x, y = gaussians(64)
    mine = Mine(1, 1, 'infonce', negatives=7)
    assert mine.step(x, y).cap == pytest.approx(math.log(8))
    assert mine.evaluate(x, y).cap == pytest.approx(math.log(8))
    assert mine.evaluate(x, y, 'all').cap == mine.evaluate(x, y, -1).cap == \
        pytest.approx(math.log(64))
    assert mine.evaluate(x, y, 15).cap == pytest.approx(math.log(16))
    assert Mine(1, 1, 'infonce').step(x, y).cap == pytest.approx(math.log(64))
    with pytest.raises(libmi.ShapeError):
        mine.evaluate(x, y, 64)
    with pytest.raises(libmi.ArgumentError, match='negatives is 0'):
        mine.evaluate(x, y, 0)


def test_caps():
    mine = quick('infonce')
    x = libmi.random.normal((8, 1), 2)
    assert not mine.evaluate(x, x).at_cap
    told = libmi.MineReport(1, math.log(8), 0, math.log(8), 0)
    assert told.at_cap and told._replace(cap=math.inf).at_cap is False


@pytest.mark.parametrize('bound', ['club', 'leave-one-out', 'tuba', 'interpolated', 'flo'])
def test_other_bounds(bound):
    mine = Mine(1, 1, bound, units=16, layers=1, rate=.01)
    assert mine.critic == ('gaussian' if bound in ('club', 'leave-one-out') else 'concat')
    for step in range(200):
        report = mine.step(*gaussians(128, seed=step))
    assert math.isfinite(report.estimate) and report.estimate > .1
    Mine(1, 1, 'tuba', baseline=1).step(X, Y)


def test_results_do_not_depend_on_threads():
    reports = []
    for threads in (1, 3):
        mine = quick(context=libmi.Context(threads=threads))
        reports.append([mine.step(X, Y) for _ in range(5)])
    assert reports[0] == reports[1]


def test_seeds():
    one, two, three = (Mine(1, 1, seed=seed, context=libmi.Context(seed=5)).scores(X, Y)
                       for seed in (None, 5, 6))
    assert (one == two).all() and (one != three).any()


def test_optimizers():
    slow = Mine(1, 1, optimizer={'kind': 'sgd', 'rate': 1e-12, 'momentum': 0}, seed=1)
    before = slow.scores(X, Y)
    slow.step(X, Y)
    np.testing.assert_allclose(slow.scores(X, Y), before, rtol=1e-5)
    fast = Mine(1, 1, rate=.1, seed=1)
    fast.step(X, Y)
    assert abs(fast.scores(X, Y) - before).max() > .01


# -- files -------------------------------------------------------------------------------------

def test_files(tmp_path):
    mine, twin = quick(), quick(seed=9)
    for step in range(3):
        mine.step(X, Y)
    mine.save(tmp_path / 'critic.safetensors')
    twin.restore(str(tmp_path / 'critic.safetensors'))
    np.testing.assert_array_equal(mine.scores(X, Y), twin.scores(X, Y))
    other = quick(critic='bilinear')
    with pytest.raises(libmi.Error):
        other.restore(tmp_path / 'critic.safetensors')
    for call in (mine.save, mine.restore):
        with pytest.raises(libmi.FileError):
            call(tmp_path / 'nowhere' / 'x')
        with pytest.raises(libmi.ArgumentError):
            call(3)


# -- fit ---------------------------------------------------------------------------------------

def test_fit():
    x, y = gaussians(4000)
    mine = quick(rate=.01, critic='concat')
    fit = mine.fit(x, y, steps=800, batch=200, check=50)
    assert abs(fit.estimate - EXACT) < .12 and 0 < fit.error < .1
    assert float(fit) == fit.estimate and fit.test_samples == 2000
    assert fit.steps == fit.history[-1].step <= 800
    assert fit.best_step in [look.step for look in fit.history] or fit.best_step == 0
    assert max(look.estimate for look in fit.history) == pytest.approx(fit.validation)
    assert repr(fit).startswith('MineFit(estimate=0.') and f'<{len(fit.history)} looks>' in repr(fit)
    again = quick(rate=.01, critic='concat').fit(x, y, steps=800, batch=200, check=50)
    assert again == fit


def test_fit_takes_scaled_samples():
    x, y = gaussians(2000)
    options = {'steps': 100, 'check': 50, 'patience': -1}
    one, two = quick(), quick()
    fits = one.fit(x, y, **options), two.fit(1024 * x, y / 1024, **options)
    assert fits[0].estimate == pytest.approx(fits[1].estimate, abs=1e-3)
    np.testing.assert_allclose(one.scores(x, y), two.scores(1024 * x, y / 1024), atol=1e-3)
    assert one.evaluate(x, y).step == 100
    assert quick().fit(x, y, scale='none', **options).steps == 100
    assert quick().fit(x, y, gaussian=1, **options).estimate == pytest.approx(EXACT, abs=.15)


def test_progress_sees_every_look():
    looks = []
    fit = quick().fit(X, Y, steps=30, check=10, patience=-1, progress=looks.append)
    assert looks == fit.history and [look.step for look in looks][-1] == 30


def test_progress_stops():
    mine, looks = quick(), []

    def stop(look):
        looks.append(look)
        return len(looks) == 2

    with pytest.raises(libmi.CancelledError):
        mine.fit(X, Y, steps=500, check=10, patience=-1, progress=stop)
    assert len(looks) == 2
    assert mine.step(X, Y).step > 0


def test_exceptions_of_progress_come_through():
    def fail(_look):
        raise KeyError('mine')

    mine = quick()
    with pytest.raises(KeyError, match='mine') as caught:
        mine.fit(X, Y, steps=50, check=10, progress=fail)
    assert any(entry.name == 'fail' for entry in caught.traceback)
    mine.fit(X, Y, steps=20, check=10)


def test_progress_cannot_use_the_critic():
    mine, errors, heard = quick(), [], []
    talkative = libmi.Context(log=lambda _level, text: heard.append(text))

    def use(_look):
        libmi.Encoder('dense 4', height=2, width=2, context=talkative)  # calls back in between
        for call in (lambda: mine.step(X, Y), lambda: mine.scores(X, Y), mine.close,
                     lambda: mine.bound.params):
            with pytest.raises(libmi.StateError, match='is at work: a callback cannot use it'):
                call()
            errors.append(1)
        libmi.Mine(1, 1).step(X, Y)  # others may be used

    mine.fit(X, Y, steps=20, check=10, progress=use)
    assert len(errors) >= 4 and heard
    mine.step(X, Y)


def interrupt():
    """As Ctrl-C does."""
    _thread.interrupt_main()


def test_interrupts():
    mine = quick()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        mine.fit(X, Y, steps=10**6, check=5, patience=-1, progress=lambda _: interrupt())
    assert signal.getsignal(signal.SIGINT) is before
    mine.step(X, Y)
    assert len(mine.fit(X, Y, steps=20, check=10, patience=-1).history) == 3


@pytest.mark.skipif(not hasattr(signal, 'setitimer'), reason='there are no timers here')
def test_interrupts_from_outside():
    mine, begin = quick(), time.monotonic()
    timer = threading.Timer(.3, interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            mine.fit(X, Y, steps=10**8, check=5, patience=-1)
    finally:
        timer.cancel()
    assert time.monotonic() - begin < 30
    mine.step(X, Y)


def test_handlers_of_others_stay():
    caught = []
    before = signal.signal(signal.SIGINT, lambda *_: caught.append(1))
    try:
        quick().fit(X, Y, steps=20, check=10, patience=-1, progress=lambda _: interrupt())
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(caught) >= 2


def test_fits_at_once():
    meeting, results = threading.Barrier(2, timeout=30), []

    def work():
        results.append(quick().fit(X, Y, steps=50, check=10, patience=-1,
                                   progress=lambda _: meeting.wait() and None))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2 and results[0] == results[1]


def test_a_line_of_progress(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, 'tqdm.auto', None)
    monkeypatch.setattr(sys, 'stderr', Terminal())
    quick().fit(X, Y, steps=30, check=10, patience=-1, progress=True)
    assert 'step 30 of 30, estimate' in sys.stderr.getvalue()
    monkeypatch.undo()
    quick().fit(X, Y, steps=30, check=10)
    assert capfd.readouterr() == ('', '')


def test_a_bar_of_tqdm(monkeypatch):
    pytest.importorskip('tqdm')
    monkeypatch.setattr(sys, 'stderr', Terminal())
    quick().fit(X, Y, steps=30, check=10, patience=-1, progress=True)
    assert '30/30' in sys.stderr.getvalue()


# -- what is refused ---------------------------------------------------------------------------

@pytest.mark.parametrize('arguments, options, error, words', [
    ((0, 1), {}, libmi.ArgumentError, '0'), ((1, 2**17), {}, libmi.ArgumentError, '131072'),
    ((1.5, 1), {}, libmi.ArgumentError, 'dx is 1.5'), ((1, -1), {}, libmi.ArgumentError, '-1'),
    ((1, 1, 'nonsense'), {}, libmi.ArgumentError, 'nonsense'),
    ((1, 1, 5), {}, libmi.ArgumentError, 'kind is 5'),
    ((1, 1, 'mine', 'quadratic'), {}, libmi.ArgumentError, 'one of additive, concat, separable'),
    ((1, 1, 'club', 'concat'), {}, libmi.ArgumentError, ''),
    ((1, 1), {'units': 0}, libmi.ArgumentError, 'units is 0'),
    ((1, 1), {'layers': 17}, libmi.ArgumentError, '17'),
    ((1, 1), {'embed': -1}, libmi.ArgumentError, '-1'),
    ((1, 1), {'negatives': 0}, libmi.ArgumentError, 'negatives is 0'),
    ((1, 1), {'negatives': 'some'}, libmi.ArgumentError, "negatives is 'some'"),
    ((1, 1), {'negatives': -2}, libmi.ArgumentError, '-2'),
    ((1, 1), {'rate': 0}, libmi.ArgumentError, 'rate is 0'),
    ((1, 1), {'rate': -1}, libmi.ArgumentError, '-1'),
    ((1, 1), {'rate': .1, 'optimizer': {}}, libmi.ArgumentError, 'both given'),
    ((1, 1), {'optimizer': {'rates': 3}}, TypeError, "no option 'rates'"),
    ((1, 1), {'depth': 3}, TypeError, "no option 'depth'"),
    ((1, 1), {'context': 5}, TypeError, 'context is a int'),
])
def test_critics_refused(arguments, options, error, words):
    with pytest.raises(error, match=words or None):
        Mine(*arguments, **options)


BAD = np.where(np.arange(512)[:, None] == 7, np.float32(np.nan), X)


@pytest.mark.parametrize('x, y, error, words', [
    (X[:, 0], Y[1:], libmi.ShapeError, 'x has 512 samples and y 511'),
    (np.zeros((4, 2), np.float32), Y[:4], libmi.ShapeError, r'x has shape \(4, 2\), \(n, 1\)'),
    (X.astype(float), Y, libmi.DTypeError, r'x is float64: give float32'),
    (X, Y[::-1], libmi.ShapeError, r'ascontiguousarray\(y\)'),
    (X[:1], Y[:1], libmi.Error, ''), (X[:0], Y[:0], libmi.Error, ''),
    (np.float32(3), Y, libmi.ShapeError, r'x has shape \(\)'), (None, Y, libmi.DTypeError, 'None'),
    (BAD, Y, libmi.NumericError, ''), (X, BAD + np.float32(np.inf), libmi.NumericError, ''),
])
def test_samples_refused(x, y, error, words):
    mine = quick()
    before = mine.scores(X, Y)
    for call in (mine.step, mine.evaluate, mine.fit):
        with pytest.raises(error, match=words or None):
            call(x, y)
    np.testing.assert_array_equal(mine.scores(X, Y), before)


@pytest.mark.parametrize('options, error', [
    ({'steps': 0}, libmi.ArgumentError), ({'steps': -1}, libmi.ArgumentError),
    ({'batch': 1}, libmi.ArgumentError), ({'check': 0}, libmi.ArgumentError),
    ({'test': 1.5}, libmi.ArgumentError), ({'test': 0}, libmi.ArgumentError),
    ({'validation': -1}, libmi.ArgumentError), ({'test': math.nan}, libmi.ArgumentError),
    ({'scale': 'log'}, libmi.ArgumentError), ({'epochs': 3}, TypeError),
    ({'patience': 0}, libmi.ArgumentError), ({'gaussian': 2}, libmi.ArgumentError)])
def test_fit_refuses(options, error):
    with pytest.raises(error):
        quick().fit(X, Y, **options)


# -- life --------------------------------------------------------------------------------------

def test_the_end():
    mine = Mine(2, 3, 'infonce', 'bilinear')
    assert repr(mine) == "Mine(2, 3, 'infonce', 'bilinear')" and mine.sizes == (2, 3)
    bound = mine.bound
    mine.close()
    assert repr(mine) == "Mine(2, 3, 'infonce', 'bilinear', closed)"
    for call in (lambda: mine.step(X, Y), lambda: mine.save('x')):
        with pytest.raises((libmi.StateError, libmi.ShapeError)):
            call()
    assert not bound.closed and bound.params
    closed = libmi.Bound('dv')
    mine = quick(closed)
    closed.close()
    mine.step(X, Y)  # which keeps it
    with pytest.raises(libmi.StateError, match='this Bound is closed'):
        Mine(1, 1, closed)


def test_garbage_goes_without_a_cycle():
    class Watch:
        def __call__(self, look):
            pass

    gc.disable()
    try:
        mine, watch = quick(), Watch()
        mine.fit(X, Y, steps=20, check=10, progress=watch)
        end, gone = mine._end, weakref.ref(watch)
        del mine, watch
        assert not end.alive and gone() is None
    finally:
        gc.enable()


def test_threads_take_turns():
    mine, errors = quick(), []

    def work():
        try:
            for _ in range(10):
                mine.step(X, Y)
                mine.evaluate(X, Y)
                assert mine.bound.params
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and mine.evaluate(X, Y).step == 40
