# SPDX-License-Identifier: BSD-2-Clause
"""Long estimates: what is heard of them, and how they are stopped."""
import _thread
import gc
import signal
import sys
import threading
import weakref

import numpy as np
import pytest
from terminal import Terminal

import libmi
from libmi import entropy, mutual_information

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=300)
Y = X + RANDOM.normal(size=300)
WIDE, ALSO = RANDOM.normal(size=(2, 4000, 8))
LONG = {'method': 'ksg', 'permutations': 10**6}  # minutes


class Heard(list):
    """Keeps what progress was called with."""

    def __call__(self, done, total):
        self.append((done, total))


def check_heard(heard, total):
    assert heard[0] == (0, total) and heard[-1] == (total, total)
    assert heard == sorted(heard) and {of for _, of in heard} == {total}


# -- what is heard -----------------------------------------------------------------------------

@pytest.mark.parametrize('options, total', [
    ({}, 1), ({'resamples': 7}, 7), ({'permutations': 30}, 31),
    ({'resamples': 7, 'resample': 'bootstrap', 'method': 'copula', 'permutations': 30}, 38)])
@pytest.mark.parametrize('threads', [1, 2, 3])
def test_progress_changes_nothing(options, total, threads):
    heard = Heard()
    with libmi.Context(threads=threads) as context:
        found = mutual_information(X, Y, progress=heard, context=context, **options)
    assert found == mutual_information(X, Y, **options)
    check_heard(heard, total)


def test_entropies():
    heard = Heard()
    assert entropy(X, resamples=20, progress=heard) == entropy(X, resamples=20)
    check_heard(heard, 21)


@pytest.mark.filterwarnings('ignore::libmi.EstimateWarning')
def test_networks_are_heard_of_while_they_learn():
    heard = Heard()
    found = mutual_information(X[:100], Y[:100], method='neural', progress=heard)
    assert found == mutual_information(X[:100], Y[:100], method='neural')
    check_heard(heard, 1)
    assert any(0 < done < .5 for done, _ in heard) and any(.5 < done < 1 for done, _ in heard)


def test_scores_of_features():
    pytest.importorskip('sklearn', minversion='1.6')
    from libmi.sklearn import mutual_information as score
    heard = Heard()
    columns = np.stack([X, X**2], 1)
    scores = score(columns, Y, method='gaussian', permutations=5, progress=heard)
    assert (scores[0] == score(columns, Y, method='gaussian')).all()
    assert heard.count((0, 6)) == heard.count((6, 6)) == 2


def test_a_line_of_progress(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, 'tqdm.auto', None)
    monkeypatch.setattr(sys, 'stderr', Terminal())
    mutual_information(X, Y, method='ksg', permutations=30, progress=True)
    assert 'estimate 31 of 31, 100 %' in sys.stderr.getvalue()
    monkeypatch.undo()
    mutual_information(X, Y, method='ksg', permutations=30)
    mutual_information(X, Y, method='ksg', permutations=30, progress=False)
    assert capfd.readouterr() == ('', '')


def test_a_bar_of_tqdm(monkeypatch):
    pytest.importorskip('tqdm')
    monkeypatch.setattr(sys, 'stderr', Terminal())
    entropy(X, resamples=30, progress=True)
    assert '31/31' in sys.stderr.getvalue()


# -- stopping ----------------------------------------------------------------------------------

@pytest.mark.parametrize('calls', [1, 2, 5])
def test_progress_stops(calls):
    heard = Heard()

    def stop(done, total):
        heard(done, total)
        return len(heard) == calls

    with pytest.raises(libmi.CancelledError, match='cancelled by the caller after .* of 1000001'):
        mutual_information(X, Y, **LONG, progress=stop)
    with pytest.raises(libmi.CancelledError):
        entropy(X, resamples=10**6, progress=lambda *_: True)
    assert len(heard) == calls


def test_exceptions_of_progress_come_through():
    def fail(_done, _total):
        raise KeyError('mine')

    with pytest.raises(KeyError, match='mine') as caught:
        mutual_information(X, Y, **LONG, progress=fail)
    assert any(entry.name == 'fail' for entry in caught.traceback)
    assert caught.value.__context__ is None
    with pytest.raises(TypeError):
        mutual_information(X, Y, progress=lambda: None)


def interrupt():
    """As Ctrl-C does."""
    _thread.interrupt_main()


@pytest.mark.parametrize('call', [
    lambda: mutual_information(X, Y, **LONG),
    lambda: mutual_information(X, Y, method='ksg', resamples=10**6),
    lambda: mutual_information(X > 0, Y > 0, permutations=10**7),
    lambda: entropy(X, resamples=10**7),
    lambda: mutual_information(WIDE, ALSO, method='neural'),
    lambda: mutual_information(WIDE, WIDE * ALSO)])  # auto takes a network in the end
def test_interrupts_from_outside(call):
    before = signal.getsignal(signal.SIGINT)
    timer = threading.Timer(.5, interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        timer.cancel()
    assert signal.getsignal(signal.SIGINT) is before
    assert mutual_information(X, Y, method='ksg').value > 0


@pytest.mark.parametrize('last', [False, True])
def test_interrupts_within(last):
    with pytest.raises(KeyboardInterrupt):
        mutual_information(X, Y, permutations=20, progress=lambda done, total: (
            interrupt() if done == total or not last else None))


def test_the_handler_comes_back():
    before = signal.getsignal(signal.SIGINT)
    mutual_information(X, Y, permutations=5)
    with pytest.raises(libmi.CancelledError):
        mutual_information(X, Y, permutations=5, progress=lambda *_: True)
    assert signal.getsignal(signal.SIGINT) is before


def test_handlers_of_others_stay():
    caught = []
    before = signal.signal(signal.SIGINT, lambda *_: caught.append(1))
    try:
        mutual_information(X, Y, permutations=20, progress=lambda *_: interrupt())
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(caught) >= 2


# -- threads -----------------------------------------------------------------------------------

def test_progress_may_estimate():
    """With the same context, too: nothing is locked meanwhile."""
    found = []
    with libmi.Context(threads=2) as context:
        def use(_done, _total):
            found.append(mutual_information(X, Y, permutations=5, context=context).value)

        whole = mutual_information(X, Y, permutations=50, context=context, progress=use)
    assert len(found) >= 2 and set(found) == {whole.value}


def test_estimates_at_once():
    """Each waits for the other in the middle of its work, on one context."""
    meeting, found = threading.Barrier(2, timeout=30), []
    context = libmi.Context(threads=2)

    def meet(done, total):
        if done in (0, total):
            meeting.wait()

    def work():
        found.append(mutual_information(X, Y, method='ksg', permutations=50, context=context,
                                        progress=meet))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and found[0] == found[1]


def test_progress_while_another_thread_computes():
    """Which has the interpreter's lock nearly all the time."""
    enough, heard = threading.Event(), Heard()

    def compute():
        while not enough.is_set():
            sum(range(1000))

    expected = mutual_information(X, Y, method='ksg', permutations=500)
    thread = threading.Thread(target=compute)
    thread.start()
    try:
        assert mutual_information(X, Y, method='ksg', permutations=500, progress=heard) == expected
        check_heard(heard, 501)
        with pytest.raises(libmi.CancelledError):
            mutual_information(X, Y, **LONG, progress=lambda done, _: done > 100)
    finally:
        enough.set()
        thread.join()


class Failing:
    def __call__(self, _done, _total):
        raise KeyError


def test_garbage_goes_without_a_cycle():
    gc.disable()
    try:
        heard = Heard()
        mutual_information(X, Y, permutations=5, progress=heard)
        gone = weakref.ref(heard)
        del heard
        assert gone() is None
        heard = Failing()
        gone = weakref.ref(heard)
        with pytest.raises(KeyError):  # whose traceback has the frames
            mutual_information(X, Y, progress=heard)
        del heard
        assert gone() is None
    finally:
        gc.enable()
