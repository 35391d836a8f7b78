# SPDX-License-Identifier: BSD-2-Clause
"""Contexts: seed, threads, log, and what outlives them."""
import contextlib
import gc
import logging
import sys
import threading
import weakref

import numpy as np
import pytest

import libmi
from libmi import Context, context


def talk(of):
    """Something that a context's log hears of."""
    return libmi.Encoder('dense 4', height=2, width=2, context=of)


def test_threads():
    assert Context(threads=3).threads == 3
    assert Context().threads >= 1
    assert repr(Context(threads=2)) == 'Context(threads=2)'


def test_seed_is_the_default_one():
    def weights(seed):
        encoder = talk(Context(seed=seed, threads=1))
        return np.array(encoder.parameters[next(iter(encoder.parameters))])

    np.testing.assert_array_equal(weights(7), weights(7))
    assert (weights(7) != weights(8)).any()


@pytest.mark.parametrize('options, words', [
    ({'threads': -1}, 'threads must be in 0 to 1024, got -1'),
    ({'threads': 2 ** 31}, 'threads is 2147483648'),
    ({'threads': 1.5}, 'threads is 1.5: a whole number is needed'),
    ({'seed': -1}, 'seed is -1'),
    ({'seed': 2 ** 64}, 'seed is 18446744073709551616'),
    ({'log': 'a file'}, "log is 'a file': a function of a level and a text is needed"),
])
def test_options_that_are_refused(options, words):
    with pytest.raises(libmi.ArgumentError, match=words):
        Context(**options)


def test_one_default_for_all():
    assert context.default() is context.default()
    found = []
    context.default().close()
    barrier = threading.Barrier(8)

    def ask():
        barrier.wait()
        found.append(context.default())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(map(id, found))) == 1


# -- the log -----------------------------------------------------------------------------------

def test_log_reaches_logging(caplog):
    with caplog.at_level(logging.DEBUG, logger='libmi'):
        talk(Context(threads=1))
    (record,) = [r for r in caplog.records if 'kernels' in r.getMessage()]
    assert record.name == 'libmi' and record.levelno in (logging.INFO, logging.WARNING)


def test_log_reaches_a_function(caplog):
    heard, threads = [], set()

    def hear(level, text):
        heard.append((level, text))
        threads.add(threading.get_ident())

    with caplog.at_level(logging.DEBUG, logger='libmi'):
        talk(Context(threads=1, log=hear))
    assert any(level == logging.INFO and 'kernels' in text for level, text in heard)
    assert threads == {threading.get_ident()} and caplog.records == []


def test_logs_are_not_mixed_up():
    heard = {number: [] for number in range(3)}
    contexts = [Context(threads=1, log=lambda _level, text, to=to: to.append(text))
                for to in heard.values()]
    talk(contexts[1])
    assert [bool(texts) for texts in heard.values()] == [False, True, False]


@contextlib.contextmanager
def unraisable():
    """What cannot be raised; in the test, since pytest has a hook of its own around it."""
    found, before = [], sys.unraisablehook
    sys.unraisablehook = lambda args: found.append(args.exc_value)
    try:
        yield found
    finally:
        sys.unraisablehook = before


def test_log_that_raises():
    def fail(_level, text):
        raise KeyError(text)

    with unraisable() as errors:
        encoder = talk(Context(threads=1, log=fail))
    assert encoder.forward(np.zeros((1, 2, 2, 1), np.float32))
    assert errors and all(isinstance(error, KeyError) for error in errors)


def test_log_that_uses_its_own_handle():
    answers = []

    def hear(_level, _text):
        answers.append((repr(own), own.threads))
        libmi.Assignment(context=own)

    own = Context(threads=1, log=hear)
    with unraisable() as errors:
        talk(own)
    assert answers[0] == ('Context(threads=1)', 1)
    assert {str(error) for error in errors} == {
        'this Context is at work: a callback cannot use it'}
    assert libmi.Assignment(context=own).solve(np.eye(2)).total == 0


def test_log_that_closes_its_own_handle():
    own = Context(threads=1, log=lambda *_: own.close())
    with unraisable() as errors:
        talk(own)
    assert not own.closed and errors
    own.close()
    assert own.closed


def test_log_that_uses_other_handles():
    totals = []
    other = libmi.Assignment()
    own = Context(threads=1, log=lambda *_: totals.append(other.solve(np.eye(2)).total))
    talk(own)
    assert totals and set(totals) == {0}


# -- calls that take long ----------------------------------------------------------------------

def test_closing_waits_for_calls():
    own = Context(threads=2)
    with own._borrowed() as pointer:
        with own._borrowed() as again:
            assert pointer == again
            own.close()
            own.close()
            assert own.closed and own._end.alive
            with pytest.raises(libmi.StateError, match='this Context is closed'):
                libmi.Assignment(context=own)
        assert own._end.alive
    assert not own._end.alive
    own.close()


def test_others_need_not_wait_for_calls():
    own, done = Context(threads=2), []
    with own._borrowed():
        thread = threading.Thread(target=lambda: done.append(libmi.Assignment(context=own)))
        thread.start()
        thread.join(30)
    assert done and not own.closed
    assert own._end.alive


def test_calls_that_fail_give_the_context_back():
    own = Context(threads=2)
    with pytest.raises(libmi.NumericError):
        libmi.mutual_information([1, float('nan')], [1, 2], context=own)
    own.close()
    assert not own._end.alive


# -- what outlives what ------------------------------------------------------------------------

def test_handles_outlive_their_context():
    own = Context(threads=2)
    solver, encoder = libmi.Assignment(context=own), talk(own)
    gone = weakref.ref(own)
    own.close()
    del own
    gc.collect()
    assert gone() is not None  # for its log: they hold it
    assert solver.solve(np.eye(3)).total == 0
    encoder.forward(np.zeros((64, 2, 2, 1), np.float32))
    del solver, encoder
    gc.collect()
    assert gone() is None


def test_contexts_leave_no_trace():
    before = len(context._logs)
    for _ in range(20):
        Context(threads=1, log=print)
    gc.collect()
    assert len(context._logs) == before
