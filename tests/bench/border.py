# SPDX-License-Identifier: BSD-2-Clause
"""What a call through the Python package takes beyond the function in C.

    ninja -C build && python3 tests/bench/border.py [--library build/lib/libmi.so] [--rounds 9]

Each row is a call on inputs so small that the function does next to nothing. It is made once and
its call of the library recorded; then the same call, with the same arguments, is repeated in three
ways: by the package, by the bare ctypes function and by a loop in C, compiled by `cc` where there
is one. Microseconds, the least of all rounds. `beyond` is the package less the loop in C, or less
ctypes where there is no compiler; a row above 5 is marked, and so is one during which other
processes were busy. Needs NumPy, on a processor that passes integers and pointers in the same
registers: 64-bit ones do.
"""
import argparse
import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import timeit

from side_by_side import Others, busy, default_library, table

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOAL = 5.0   # microseconds beyond the function in C
MOST = 12    # arguments of a function
LOOP = '''
#include <stdint.h>
typedef int32_t function(%s);
void repeat(function *f, const int64_t *a, int64_t count) {
    while (count-- > 0)
        f(%s);
}
''' % (', '.join(['int64_t'] * MOST), ', '.join('a[%d]' % i for i in range(MOST)))


def compiled(folder):
    """The loop in C, or None."""
    if not shutil.which('cc'):
        return None
    source, library = os.path.join(folder, 'loop.c'), os.path.join(folder, 'loop.so')
    pathlib.Path(source).write_text(LOOP)
    subprocess.run(['cc', '-O2', '-shared', '-fPIC', '-o', library, source], check=True)
    return ctypes.CDLL(library).repeat


def recorded(lib, call):
    """The functions of the library that `call` calls, with their arguments; what it returns keeps
    arrays alive."""
    found, kind = [], type(lib.mi_lib_version_number)
    inner = kind.__call__

    def record(function, *arguments):
        found.append((function, arguments))
        return inner(function, *arguments)

    kind.__call__ = record
    try:
        kept = call()
    finally:
        del kind.__call__
    return found, kept


def word(argument):
    """An argument as C gets it in a register."""
    if argument is None:
        return 0
    if isinstance(argument, (int, bool)):
        return int(argument)
    return ctypes.addressof(getattr(argument, '_obj', argument))  # byref() of it, or itself


def least(call, rounds):
    """Microseconds."""
    timer = timeit.Timer(call)
    count = max(1, int(.02 / max(timer.timeit(100) / 100, 1e-7)))
    return min(timer.repeat(rounds, count)) / count * 1e6


def rows(libmi, np):
    """The calls by name."""
    rng = np.random.default_rng(0)
    cost, counts = rng.random((3, 3)), rng.integers(1, 9, (3, 3))
    labels = np.zeros(3, np.int32)
    joint, product = rng.random((2, 4))
    z, zt = rng.dirichlet(np.ones(2), 2), rng.dirichlet(np.ones(2), 2)
    out = {'dz': np.empty_like(z), 'dzt': np.empty_like(zt)}
    solver, bound, iic = libmi.Assignment(), libmi.Bound('dv'), libmi.IIC()
    return {
        'Assignment.solve 3 x 3': lambda: solver.solve(cost),
        'linear_sum_assignment 3 x 3': lambda: libmi.linear_sum_assignment(cost),
        'score.confusion 3': lambda: libmi.score.confusion(labels, labels, 1, 1),
        'score.nmi 3 x 3': lambda: libmi.score.nmi(counts),
        'score.ari 3 x 3': lambda: libmi.score.ari(counts),
        'Bound.vectors 4': lambda: bound.vectors(joint, product),
        'Bound.vectors 4, gradients': lambda: bound.vectors(joint, product, grad=True),
        'IIC 2 x 2': lambda: iic(z, zt),
        'IIC 2 x 2, gradients': lambda: iic(z, zt, grad=True),
        'IIC 2 x 2, gradients in place': lambda: iic(z, zt, out=out),
    }


def measure(name, call, lib, repeat, rounds):
    """A line of the table."""
    call()  # what is made at the first call isn't of interest
    ((function, arguments),), kept = recorded(lib, call)
    others = Others()
    python = least(call, rounds)
    bare = least(lambda: function(*arguments), rounds)
    plain = bare
    cells = ['-']
    if repeat:
        words = (ctypes.c_int64 * MOST)(*map(word, arguments))
        address = ctypes.cast(function, ctypes.c_void_p)
        count = 1000
        plain = least(lambda: repeat(address, words, ctypes.c_int64(count)), rounds) / count
        cells = ['%.2f' % plain]
    marks = ['above %g' % GOAL] if python - plain > GOAL else []
    del kept
    return [name, '%.2f' % python, '%.2f' % bare, *cells, '%.2f' % (python - plain),
            ', '.join(marks + busy(others.rate()))]


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--library', default=default_library())
    parser.add_argument('--rounds', type=int, default=9)
    arguments = parser.parse_args()
    os.environ['LIBMI_PATH'] = str(arguments.library)
    sys.path.insert(0, str(ROOT / 'bindings' / 'python'))
    import numpy as np
    import libmi
    from libmi._library import lib
    print(libmi.build_info())
    with tempfile.TemporaryDirectory() as folder:
        repeat = compiled(folder)
        lines = [measure(name, call, lib, repeat, arguments.rounds)
                 for name, call in rows(libmi, np).items()]
    table(['', 'package', 'ctypes', 'C', 'beyond', ''], lines, texts=(0, 5))


if __name__ == '__main__':
    main()
