# SPDX-License-Identifier: BSD-2-Clause
"""Threads: right results at once, turns on one handle, and an interpreter that runs on."""
import sys
import threading
import time

import numpy as np
import pytest

import libmi

COUNT = 8


def together(work, count=COUNT):
    """Runs work(k) on `count` threads that begin at once; raises what any of them raised."""
    barrier, errors = threading.Barrier(count), []

    def run(k):
        try:
            barrier.wait(30)
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,), daemon=True) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), 'threads wait for each other'
    if errors:
        raise errors[0]


class Assigning:
    """Solves an assignment; the answer is known beforehand."""

    handle = libmi.Assignment

    def __init__(self, k):
        self.answer = np.random.default_rng(k).permutation(20 + 3 * k)
        self.cost = np.ones((len(self.answer),) * 2)
        self.cost[np.arange(len(self.answer)), self.answer] = 0

    def right(self, solver):
        return (solver.solve(self.cost).row_to_col == self.answer).all()


class Bounding:
    """Evaluates a bound; a small one in NumPy tells the answer."""

    @staticmethod
    def handle():
        return libmi.Bound('dv')

    def __init__(self, k):
        self.joint, self.product = np.random.default_rng(k).normal(size=(2, 50 + 10 * k))
        self.answer = self.joint.mean() - np.log(np.exp(self.product).mean())

    def right(self, bound):
        return abs(bound.vectors(self.joint, self.product).estimate - self.answer) < 1e-12


class Encoding:
    """Runs an encoder: one linear layer."""

    @staticmethod
    def handle():
        return libmi.Encoder('dense 3', height=2, width=2, seed=5)

    def __init__(self, k):
        self.x = np.random.default_rng(k).random((40 + k, 2, 2, 1), np.float32)
        self.encoder = self.handle()
        self.answer = self.encoder.forward(self.x)[0]

    def right(self, encoder):
        return (encoder.forward(self.x)[0] == self.answer).all()


class Criticising:
    """Scores pairs by a critic."""

    @staticmethod
    def handle():
        return libmi.Mine(2, 2, critic='bilinear', seed=5)

    def __init__(self, k):
        self.x, self.y = libmi.random.normal((2, 40 + k, 2), k)
        self.answer = self.handle().scores(self.x, self.y)

    def right(self, mine):
        return (mine.scores(self.x, self.y) == self.answer).all()


JOBS = [Assigning, Bounding, Encoding, Criticising]


def test_estimates():
    shared, pairs = libmi.Context(threads=2), []
    for k in range(COUNT):
        x = np.random.default_rng(k).normal(size=(300 + k, 2))
        pairs.append((x[:, 0], x.sum(axis=1)))
    answers = [libmi.mutual_information(*pair, method='ksg') for pair in pairs]

    def work(k):
        for n in range(10):
            found = libmi.mutual_information(*pairs[k], method='ksg',
                                             context=shared if n % 2 else None)
            assert found == answers[k]

    together(work)


@pytest.mark.parametrize('job', JOBS)
def test_different_handles(job):
    jobs = [job(k) for k in range(COUNT)]

    def work(k):
        handle = job.handle()
        for _ in range(60):
            assert jobs[k].right(handle)

    together(work)


@pytest.mark.parametrize('job', JOBS)
def test_one_handle(job):
    jobs, handle = [job(k) for k in range(COUNT)], job.handle()

    def work(k):
        for _ in range(60):
            assert jobs[k].right(handle)

    together(work)


def test_an_encoder_takes_turns_with_what_works_on_it():
    encoder = libmi.Encoder('dense 4 | softmax 3', height=2, width=2)
    optimizer = libmi.Optimizer(encoder)
    cluster = libmi.Cluster(encoder, optimizer)
    x = np.random.default_rng(0).random((32, 2, 2, 1), np.float32)
    works = [lambda: encoder.forward(x), lambda: cluster.step(x, x), lambda: cluster.predict(x),
             lambda: optimizer.rate, lambda: encoder.summary()]
    together(lambda k: [works[k % len(works)]() for _ in range(30)])
    assert optimizer.steps == 30 * sum(works[k % len(works)] is works[1] for k in range(COUNT))


def test_handles_are_made_and_ended_at_once():
    shared = libmi.Context(threads=2)

    def work(k):
        for n in range(30):
            solver = libmi.Assignment(context=shared if n % 2 else None)
            assert solver.solve(np.eye(4)).total == 0
            if n % 3:
                solver.close()

    together(work)


def test_a_handle_that_is_closed_meanwhile():
    handle, cost = libmi.Assignment(), np.random.default_rng(1).random((30, 30))
    total = handle.solve(cost).total

    def work(k):
        if k == 0:
            time.sleep(.01)
            handle.close()
            return
        try:
            while True:
                assert handle.solve(cost).total == total
        except libmi.StateError as error:
            assert str(error) == 'this Assignment is closed'

    together(work)


def test_the_message_is_the_threads_own():
    def work(k):
        handle, cost = libmi.Assignment(), np.zeros((9, 9))
        cost[k, k] = np.nan
        for _ in range(100):
            with pytest.raises(libmi.NumericError, match=rf'cost\[{k}\]\[{k}\] is nan'):
                handle.solve(cost)

    together(work)


def counted_meanwhile(call):
    """How far this thread counts while another is in a call."""
    begun, over, count = threading.Event(), threading.Event(), 0

    def work():
        begun.set()
        call()
        over.set()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    while not over.is_set():
        count += 1
        time.sleep(0)
    thread.join()
    return count


def test_the_interpreter_is_free_during_calls():
    # nobody has to give up the interpreter's lock: if calls kept it, this thread would count
    # nothing before the other ends
    solver, cost = libmi.Assignment(), np.random.default_rng(0).random((300, 300))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        assert any(counted_meanwhile(lambda: solver.solve(cost)) for _ in range(100))
    finally:
        sys.setswitchinterval(interval)
