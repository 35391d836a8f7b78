# SPDX-License-Identifier: BSD-2-Clause
"""Handles: their end, whoever brings it about, and what they refuse."""
import copy
import gc
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
import weakref

import numpy as np
import pytest

import libmi
from libmi import _handle, assign, context

KINDS = {
    'Context': lambda: libmi.Context(threads=2),
    'Assignment': libmi.Assignment,
    'Bound': lambda: libmi.Bound('infonce'),
    'IIC': libmi.IIC,
    'Dataset': lambda: libmi.Dataset.digits(4),
    'Encoder': lambda: libmi.Encoder('dense 4 | softmax 4', height=2, width=2),
    'Optimizer': lambda: libmi.Optimizer(KINDS['Encoder']()),
    'Pairs': lambda: libmi.Pairs(libmi.Dataset.digits(4), batch=2, size=16),
    'Cluster': lambda: libmi.Cluster(KINDS['Encoder']()),
    'Infomax': lambda: libmi.Infomax(libmi.Encoder('dense 4 | linear 4', height=2, width=2), alpha=1,
                                     global_of='code', units=4),
    'Mine': lambda: libmi.Mine(2, 3),
    'Probe': lambda: libmi.Probe(4, 2),
}


@pytest.fixture(params=KINDS)
def make(request):
    return KINDS[request.param]


class Pointers:
    """Which C handles were made and which were destroyed, in order."""

    def __init__(self):
        self.made, self.destroyed = [], []

    def recorded(self, make, end):
        """Both functions of `_handle`, recording."""

        def made(handle, *arguments, **options):
            make(handle, *arguments, **options)
            self.made.append(handle._pointer)

        def ended(destroy, pointer, generation):
            self.destroyed.append(pointer)
            end(destroy, pointer, generation)

        return made, ended


@pytest.fixture
def pointers(monkeypatch):
    context.default()
    gc.collect()
    found = Pointers()
    made, ended = found.recorded(_handle.Handle._open, _handle._end)
    monkeypatch.setattr(_handle.Handle, '_open', made)
    monkeypatch.setattr(_handle, '_end', ended)
    return found


# -- the end -----------------------------------------------------------------------------------

def test_close(make, pointers):
    handle = make()
    pointer, name = handle._pointer, type(handle).__name__
    assert not handle.closed and name in repr(handle)
    handle.close()
    assert handle.closed and repr(handle).startswith(f'{name}(') and 'closed' in repr(handle)
    assert pointers.destroyed.count(pointer) == 1
    handle.close()
    with pytest.raises(libmi.StateError, match=f'this {name} is closed$'):
        handle._pointer
    del handle
    gc.collect()
    assert pointers.destroyed.count(pointer) == 1


def test_with(make):
    with make() as handle:
        assert not handle.closed
    assert handle.closed
    with pytest.raises(KeyError):
        with make() as handle:
            raise KeyError
    assert handle.closed
    with make() as handle:
        handle.close()


def test_the_collector_ends_handles(make, pointers):
    handle = make()
    pointer = handle._pointer
    cycle = [handle]
    cycle.append(cycle)
    gone = weakref.ref(handle)
    del handle, cycle
    gc.collect()
    assert gone() is None and pointers.destroyed.count(pointer) == 1


def test_everything_is_given_back_in_any_order(pointers):
    for seed in range(6):
        shared = libmi.Context(threads=2)
        encoder = libmi.Encoder('dense 4 | softmax 4', height=2, width=2, context=shared)
        optimizer = libmi.Optimizer(encoder)
        cluster = libmi.Cluster(encoder, optimizer)
        data = libmi.Dataset.digits(4, context=shared)
        pairs = libmi.Pairs(data, batch=2, size=16, context=shared)
        handles = [shared, encoder, optimizer, cluster, data, pairs]
        random.Random(seed).shuffle(handles)
        del shared, encoder, optimizer, cluster, data, pairs
        if seed % 2:
            while handles:
                handles.pop().close()
        else:
            handles.append(handles)
            del handles
            gc.collect()
    assert sorted(pointers.destroyed) == sorted(pointers.made)


def test_what_is_made_of_a_closed_handle_works_on():
    shared = libmi.Context(threads=1)
    solver = libmi.Assignment(context=shared)
    shared.close()
    assert solver.solve(np.eye(2)).total == 0
    with pytest.raises(libmi.StateError, match='this Context is closed'):
        libmi.Assignment(context=shared)


def test_closing_the_default_context():
    context.default().close()
    assert not context.default().closed
    assert libmi.Assignment().solve(np.eye(2)).total == 0


def test_closing_at_once():
    handle, errors = libmi.Assignment(), []

    def close():
        try:
            handle.close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=close) for _ in range(4)]
    with handle._turn:
        for thread in threads:
            thread.start()
        time.sleep(.05)  # by now they wait for their turn
        assert not handle.closed
    for thread in threads:
        thread.join()
    assert errors == [] and handle.closed


@pytest.mark.skipif(not hasattr(signal, 'setitimer'), reason='there are no timers here')
def test_interrupts_leave_no_handle_locked():
    class Stop(Exception):
        pass

    def stop(*_):
        if armed:  # once, until a call arms it again
            armed.clear()
            raise Stop

    z, iic, stopped, done, armed = np.full((4, 2), .5), libmi.IIC(), 0, [], []
    end, before = time.monotonic() + 1, signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, .0005, .0005)
    try:
        while time.monotonic() < end:
            try:
                armed[:] = [True]
                iic(z, z)
                armed.clear()
            except Stop:
                stopped += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    thread = threading.Thread(target=lambda: done.append(iic(z, z)), daemon=True)
    thread.start()
    thread.join(30)
    assert stopped > 10 and done


# -- constructors that fail --------------------------------------------------------------------

@pytest.mark.parametrize('fail', [
    lambda: libmi.Context(threads=-1),
    lambda: libmi.Bound('no such bound'),
    lambda: libmi.Bound('infonce', no_such_parameter=1),
    lambda: libmi.IIC(repeats=-1),
    lambda: libmi.Encoder('no such layer'),
    lambda: libmi.Dataset.open('/nowhere'),
    lambda: libmi.Infomax(libmi.Encoder('dense 4', height=2)),
    lambda: libmi.Mine(0, 1),
    lambda: libmi.Probe(4, 1),
])
def test_failed_constructors_leave_nothing(fail, pointers):
    with pytest.raises((libmi.Error, TypeError)):
        fail()
    gc.collect()
    assert pointers.destroyed == pointers.made


def test_half_made_handles():
    handle = libmi.Context.__new__(libmi.Context)
    assert handle.closed and repr(handle) == 'Context(closed)'
    handle.close()


@pytest.mark.parametrize('make', [
    lambda c: libmi.Assignment(context=c), lambda c: libmi.IIC(context=c),
    lambda c: libmi.Bound('infonce', context=c),
    lambda c: libmi.Encoder('dense 4 | softmax 4', height=2, width=2, context=c),
    lambda c: libmi.Dataset.digits(4, context=c), lambda c: libmi.Mine(2, 3, context=c),
    lambda c: libmi.Probe(4, 2, context=c),
    lambda c: libmi.mutual_information([1, 2], [1, 2], context=c)])
def test_something_else_as_a_context(make):
    for wrong in (libmi.Assignment(), 3, 'context'):
        with pytest.raises(TypeError, match='context is a .*: a Context is needed'):
            make(wrong)


# -- what is refused ---------------------------------------------------------------------------

@pytest.mark.parametrize('duplicate', [
    copy.copy, copy.deepcopy, pickle.dumps, lambda h: copy.deepcopy({'in': [h]})])
def test_no_copies(make, duplicate):
    with make() as handle:
        with pytest.raises(TypeError, match=f'{type(handle).__name__} objects cannot be pickled '
                                            'or copied: make another one'):
            duplicate(handle)


# -- the end of the process --------------------------------------------------------------------

def run(script, *options):
    """What a script prints; it has to leave with 0 and to say nothing else."""
    done = subprocess.run([sys.executable, *options, '-c', textwrap.dedent(script)],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, '')
    return done.stdout


def test_exit_with_open_handles():
    run('''
        import numpy as np, libmi
        data = libmi.Dataset.digits(64)
        pairs = libmi.Pairs(data, batch=8, size=16, workers=3, ahead=4)
        pairs.next()  # its workers run on
        solver, iic, bound = libmi.Assignment(), libmi.IIC(), libmi.Bound('infonce')
        encoder = libmi.Encoder('dense 4 | softmax 4', height=16, width=16)
        encoder.forward(np.zeros((300, 16, 16, 1), np.float32))
        kept = [pairs, solver]
        kept.append(kept)
        libmi.linear_sum_assignment(np.eye(3))
    ''', '-X', 'dev', '-W', 'ignore')


def test_exit_while_a_thread_is_in_a_call():
    assert run('''
        import threading, numpy as np, libmi
        solver, cost, begun = libmi.Assignment(), np.random.default_rng(0).random((600, 600)), []
        def work():
            while True:
                solver.solve(cost)
                begun.append(1)
        threading.Thread(target=work, daemon=True).start()
        while not begun:
            pass
        print('over')
    ''') == 'over\n'


# -- memory ------------------------------------------------------------------------------------

def resident():
    """Bytes of memory in use, where they can be told: AddressSanitizer keeps what is freed."""
    if sys.platform != 'linux' or 'asan' in os.environ.get('LD_PRELOAD', ''):
        return 0
    with open('/proc/self/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * 4096


def usual_growth(size, work):
    """The median of three times: what leaks does so ever again, what settles just once."""
    growth = []
    for _ in range(3):
        gc.collect()
        before = size()
        work()
        gc.collect()
        growth.append(size() - before)
    return sorted(growth)[1]


def test_calls_allocate_nothing_for_good():
    cost, counts = np.random.default_rng(0).random((3, 4)), np.array([[3, 1], [0, 4]])
    tall, labels = cost.T.copy(), np.zeros(8, np.int32)
    bad = np.full((2, 2), np.nan)
    u, z = np.zeros(4), np.full((4, 2), .5)
    solver, bound, iic = libmi.Assignment(), libmi.Bound('infonce'), libmi.IIC()

    def calls(times):
        for _ in range(times):
            solver.solve(cost)
            libmi.linear_sum_assignment(tall)
            libmi.score.nmi(counts)
            libmi.score.accuracy(libmi.score.confusion(labels, labels))
            bound.vectors(u, u)
            iic(z, z, grad=True)
            libmi.Assignment().close()
            try:
                solver.solve(bad)
            except libmi.NumericError:
                pass

    calls(300)
    assert usual_growth(resident, lambda: calls(3500)) < 2 ** 16  # 10^5 calls of C in all
    tracemalloc.start()
    try:
        calls(300)  # some things are kept once, more of them without Python's own allocator
        growth = usual_growth(lambda: tracemalloc.get_traced_memory()[0], lambda: calls(1500))
        assert growth < 1500 * 12  # half an object of Python in eight calls
    finally:
        tracemalloc.stop()
    assert len(assign._idle) < 10
