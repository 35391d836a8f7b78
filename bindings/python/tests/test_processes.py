# SPDX-License-Identifier: BSD-2-Clause
"""Processes: forks with handles open, at rest and at work, and multiprocessing."""
import multiprocessing
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import libmi
from libmi import _handle

needs_fork = pytest.mark.skipif(not hasattr(os, 'fork'), reason='the system has no fork')


def run(script):
    """What a script prints; it has to leave with 0 and to say nothing else."""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', PRELUDE + textwrap.dedent(script)],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, '')
    return done.stdout.splitlines()


# a child leaves as any process does, through the interpreter's end; one that hangs is ended
PRELUDE = textwrap.dedent('''
    import gc, os, signal, sys, threading
    import numpy as np, libmi

    def fork(child):
        """Runs child() in one; its exit status has to be 0."""
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            signal.alarm(20)
            child()
            sys.exit()
        status = os.waitpid(process, 0)[1]
        assert status == 0, f'the child left with {status}'

    def error(call, *arguments):
        try:
            call(*arguments)
        except libmi.StateError as error:
            print(error)

    x = np.random.default_rng(0).random((64, 4, 4, 1), np.float32)

    def encoder(**options):
        return libmi.Encoder('dense 8 | softmax 4', height=4, width=4, **options)
''')


@needs_fork
def test_handles_made_before():
    said = run('''
        solver, net = libmi.Assignment(), encoder()
        net.forward(x)  # the context has threads
        expected = solver.solve(np.eye(3)).total, net.forward(x)[0]

        def child():
            error(solver.solve, np.eye(3))
            error(net.forward, x)
            error(libmi.Optimizer, net)
            print(repr(solver), repr(net))

        fork(child)
        assert solver.solve(np.eye(3)).total == 0
        assert (net.forward(x)[0] == expected[1]).all()
    ''')
    advice = 'was made before the process was forked: make another one in the child'
    assert said[:3] == [f'this {name} {advice}' for name in ('Assignment', 'Encoder', 'Encoder')]
    assert said[3].startswith('Assignment()') and len(said) == 4


@needs_fork
def test_handles_made_in_the_child():
    assert run('''
        libmi.linear_sum_assignment(np.eye(3))
        net = encoder(seed=3)
        expected = net.forward(x)[0]

        def child():
            assert (encoder(seed=3).forward(x)[0] == expected).all()
            assert libmi.Assignment().solve(np.eye(3)).total == 0
            assert libmi.discrete.information([0, 1], [0, 1], unit='bits').mutual == 1
            assert libmi.linear_sum_assignment(-np.eye(3))[1].tolist() == [0, 1, 2]
            print('child')
            fork(grandchild)

        def grandchild():
            assert (encoder(seed=3).forward(x)[0] == expected).all()
            print('grandchild')

        fork(child)
    ''') == ['child', 'grandchild']


@needs_fork
def test_a_context_made_before():
    said = run('''
        shared = libmi.Context(threads=2)
        def child():
            error(lambda: libmi.Assignment(context=shared))
            error(lambda: libmi.mutual_information([1, 2], [1, 2], context=shared))
            shared.close()
            print(shared)
        fork(child)
    ''')
    assert said == ['this Context was made before the process was forked: make another one in the '
                    'child'] * 2 + ['Context(closed)']


@needs_fork
@pytest.mark.parametrize('end', ['pass', 'del solver, net, pairs, data; gc.collect()',
                                 'pairs.close(); net.close(); solver.close(); data.close()'])
def test_the_child_ends_what_it_did_not_make(end):
    assert run(f'''
        solver, net, data = libmi.Assignment(), encoder(), libmi.Dataset.digits(64)
        net.forward(x)
        pairs = libmi.Pairs(data, batch=8, size=16, workers=2, ahead=3)
        pairs.next()  # its workers run on
        def child():
            global solver, net, pairs, data
            {end}
            print('clean')
        fork(child)
        pairs.next()
        net.forward(x)
    ''') == ['clean']


def test_what_is_destroyed_after_a_fork():
    destroyed, generation = [], _handle._Process.generation
    _handle._end(destroyed.append, 1, generation - 1)
    _handle._end(destroyed.append, 2, generation)
    assert destroyed == [2]


@needs_fork
def test_forks_while_a_thread_is_in_a_call():
    assert run('''
        solver = libmi.Assignment()
        cost = np.random.default_rng(0).random((200, 100))
        begun, over = threading.Event(), False

        def work():
            while not over:
                solver.solve(cost)
                libmi.Assignment().solve(cost)  # takes memory and the default context's turn
                begun.set()

        def child():
            libmi.Assignment().solve(cost)
            error(solver.solve, cost)
            solver.close()

        thread = threading.Thread(target=work)
        thread.start()
        begun.wait()
        for _ in range(10):
            fork(child)
        over = True
        thread.join()
    ''') == ['this Assignment was made before the process was forked: make another one in the '
             'child'] * 10


# -- multiprocessing ---------------------------------------------------------------------------

def computed(seed):
    """A little of everything, as numbers."""
    rng = np.random.default_rng(seed)
    z, zt = (rng.dirichlet(np.ones(3), 20) for _ in range(2))
    encoder = libmi.Encoder('dense 8 | softmax 4', height=4, width=4, seed=seed)
    return (libmi.linear_sum_assignment(rng.random((6, 6)))[1].tolist(),
            libmi.score.nmi(rng.integers(1, 9, (3, 3))), libmi.IIC()(z, zt).loss,
            libmi.mutual_information(rng.random(50), rng.random(50), method='gaussian').value,
            libmi.Bound('dv').vectors(rng.random(9), rng.random(9)).estimate,
            float(encoder.forward(rng.random((64, 4, 4, 1), np.float32))[0].sum()))


@pytest.mark.parametrize('method', [m for m in multiprocessing.get_all_start_methods()
                                    if m != 'forkserver'])
@pytest.mark.filterwarnings('ignore:.*fork:DeprecationWarning')
def test_multiprocessing(method):
    expected = [computed(seed) for seed in range(4)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(computed, range(4), chunksize=1).get(60) == expected
        pool.close()
        pool.join()
