# SPDX-License-Identifier: BSD-2-Clause
"""Arrays at the border: the right result without a copy, or an error that says what to do."""
import ctypes

import numpy as np
import pytest

import libmi
from libmi import _arrays
from libmi._arrays import BYTES, FLOAT64, INT32, INT64

COST = np.array([[4., 1, 3], [2, 0, 5], [3, 2, 2]])
ANSWER = [1, 0, 2]


def unaligned(a):
    return np.frombuffer(bytearray(b'x' + a.tobytes()), np.uint8)[1:].view(
        a.dtype).reshape(a.shape)


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


class Subclass(np.ndarray):
    """Somebody's own kind of array."""


class ByInterface:
    """Not an array, but tells where one is."""

    def __init__(self, a):
        self.held = a
        self.__array_interface__ = a.__array_interface__


class ByMethod:
    """Not an array, but makes one."""

    def __init__(self, a):
        self.held = a

    def __array__(self, dtype=None, copy=None):
        return self.held


class ByDLPack:
    """What other frameworks hand over."""

    def __init__(self, a):
        self.held = a

    def __dlpack__(self, **options):
        return self.held.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.held.__dlpack_device__()


class Elsewhere(ByDLPack):
    """Memory of a device."""

    def __dlpack__(self, **_options):
        raise RuntimeError('the memory is on device 7')


class Broken:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError('nobody is home')


# what it is, how to make it from an array: the answer is right
GOOD = {
    'as it is': lambda a: a,
    'float32': lambda a: a.astype(np.float32),
    'rows with a stride': lambda a: np.repeat(a, 2, axis=0)[::2],
    'part of wider rows': lambda a: np.pad(a, 2)[2:-2, 2:-2],
    'read-only input': read_only,
    'subclass': lambda a: a.view(Subclass),
    'matrix': lambda a: a.view(np.matrix),
    'memory map': lambda a: a.view(np.memmap),
    'list': lambda a: a.tolist(),
    'tuple': lambda a: tuple(map(tuple, a.tolist())),
    'list of arrays': list,
    'by __array_interface__': ByInterface,
    'by __array__': ByMethod,
    'by DLPack': ByDLPack,
    'ctypes': lambda a: np.ctypeslib.as_ctypes(a),
    'native dtype object': lambda a: a.astype(np.dtype('=f8')),
}

# what it is, how to make it, which exception, what it says
BAD = {
    'None': (lambda a: None, libmi.DTypeError, 'cost is None: an array is needed'),
    'text': (lambda a: 'abc', libmi.DTypeError, 'cost, a str, is not an array of numbers'),
    'bytes': (lambda a: b'abc', libmi.DTypeError, 'cost, a bytes, is not an array of numbers'),
    'texts': (lambda a: [['1', '2']], libmi.DTypeError, 'cost, a list, is not an array of numbers'),
    'dict': (lambda a: {1: 2}, libmi.DTypeError, 'cost, a dict, is not an array of numbers'),
    'generator': (lambda a: (r for r in a), libmi.DTypeError, 'cost, a generator, is not an array'),
    'ragged list': (lambda a: [[1, 2], [3]], libmi.DTypeError, 'cost, a list, cannot be read'),
    'complex list': (lambda a: [[1j]], libmi.DTypeError, 'not an array of numbers'),
    'number': (lambda a: 3., libmi.ShapeError, r'cost has shape \(\), a matrix is needed'),
    '0-d': (lambda a: np.array(3.), libmi.ShapeError, r'cost has shape \(\)'),
    '1-d': (lambda a: a[0], libmi.ShapeError, r'cost has shape \(3,\)'),
    '3-d': (lambda a: a[None], libmi.ShapeError, r'cost has shape \(1, 3, 3\)'),
    'int16': (lambda a: a.astype(np.int16), libmi.DTypeError, 'cost is int16: give int32 or int64 '
              r'or float32 or float64, as cost.astype\(numpy.float64\)'),
    'bool': (lambda a: a > 1, libmi.DTypeError, 'cost is bool'),
    'float16': (lambda a: a.astype(np.float16), libmi.DTypeError, 'cost is float16'),
    'longdouble': (lambda a: a.astype(np.longdouble), libmi.DTypeError, 'or float32 or float64'),
    'complex': (lambda a: a.astype(complex), libmi.DTypeError, 'cost is complex128'),
    'object': (lambda a: a.astype(object), libmi.DTypeError, 'cost is object'),
    'text array': (lambda a: a.astype('U4'), libmi.DTypeError, 'cost is <U4'),
    'structured': (lambda a: np.zeros((3, 3), 'f8,f8'), libmi.DTypeError, 'cost is '),
    'dates': (lambda a: np.zeros((3, 3), 'M8[s]'), libmi.DTypeError, 'cost is datetime64'),
    'other byte order': (lambda a: a.astype('>f8'), libmi.DTypeError, 'cost is >f8: give int32'),
    'Fortran order': (np.asfortranarray, libmi.ShapeError, r'numpy.ascontiguousarray\(cost\)'),
    'transposed': (lambda a: a.T, libmi.ShapeError, 'strides'),
    'rows backwards': (lambda a: a[::-1], libmi.ShapeError, 'ascontiguousarray'),
    'columns backwards': (lambda a: a[:, ::-1], libmi.ShapeError, 'ascontiguousarray'),
    'every other column': (lambda a: np.repeat(a, 2, axis=1)[:, ::2], libmi.ShapeError, 'strides'),
    'one row for all': (lambda a: np.broadcast_to(a[0], (3, 3)), libmi.ShapeError, 'strides'),
    'rows that overlap': (lambda a: np.lib.stride_tricks.sliding_window_view(a.ravel(), 3),
                          libmi.ShapeError, 'strides'),
    'unaligned': (unaligned, libmi.ShapeError, r'cost is not aligned: give cost.copy\(\)'),
    'masked': (lambda a: np.ma.array(a), libmi.DTypeError, 'cost is a masked array'),
    'masked row': (lambda a: np.ma.array(a, mask=a > 4), libmi.DTypeError, 'masked'),
    'on a device': (Elsewhere, libmi.DTypeError, 'cost, a Elsewhere, cannot be read: '
                    r'the memory is on device 7 .*\.cpu\(\)'),
    'with a broken __array__': (lambda a: Broken(), libmi.DTypeError, 'nobody is home'),
}


@pytest.mark.parametrize('make', GOOD.values(), ids=GOOD)
def test_right_result(make):
    np.testing.assert_array_equal(libmi.Assignment().solve(make(COST)).row_to_col, ANSWER)


@pytest.mark.parametrize('make, error, word', BAD.values(), ids=BAD)
def test_clear_error(make, error, word):
    with pytest.raises(error, match=word) as caught:
        libmi.Assignment().solve(make(COST))
    message = str(caught.value)
    assert '\n' not in message and not message.endswith('.')


@pytest.mark.parametrize('shape', [(0, 0), (0, 3), (3, 0)])
def test_zero_sizes(shape):
    for a in (np.zeros(shape), np.zeros(shape)[:, ::-1], np.zeros(shape).tolist()):
        a = np.asarray(a, float).reshape(shape)
        assert (libmi.Assignment().solve(a).row_to_col == -1).all()


def test_whole_numbers_in_lists():
    assert _arrays.array([1, 2], 'n', INT32).dtype == np.int32
    assert _arrays.array([1., 2.], 'n', INT64).tolist() == [1, 2]
    assert _arrays.array([], 'n', INT64).dtype == np.int64
    assert _arrays.array([[True]], 'n', BYTES).tolist() == [[1]]
    for wrong in ([1.5], [2 ** 31], [-2 ** 31 - 1], [float('nan')], [float('inf')]):
        with pytest.raises(libmi.DTypeError, match='n has numbers that are not of int32'):
            _arrays.array(wrong, 'n', INT32)
    with pytest.raises(libmi.DTypeError, match='not of uint8'):
        _arrays.array([-1], 'n', BYTES)
    with pytest.raises(libmi.DTypeError, match='not an array of numbers'):
        _arrays.array([2 ** 70], 'n', INT64)


@pytest.mark.parametrize('make', [lambda a: a, read_only, ByInterface, ByMethod, ByDLPack,
                                  lambda a: a.view(Subclass)])
def test_nothing_is_copied(make):
    a = np.arange(6.)
    given = make(a)
    found = _arrays.array(given, 'a', FLOAT64)
    assert np.shares_memory(found, getattr(given, 'held', given))


def test_address():
    wide = np.arange(12.).reshape(3, 4)
    for a in (wide, wide[:, 1:], wide[1:, 2:], read_only(wide), np.array(1.), wide[::-1]):
        at = _arrays.address(a)
        assert at == a.ctypes.data
        assert ctypes.c_double.from_address(at).value == a.flat[0]
    assert _arrays.address(None) is None
    _arrays.address(np.zeros((0, 3)))


def test_stride():
    wide = np.arange(40.).reshape(4, 10)
    assert _arrays.stride(_arrays.array(wide[::2, :3], 'a', rows=True)) == 20
    assert _arrays.stride(_arrays.array(wide[1:2, :3], 'a', rows=True)) == 3
    assert _arrays.stride(_arrays.array(wide[:, :1], 'a', rows=True)) == 10
    assert _arrays.stride(_arrays.array(np.zeros((0, 5)), 'a', rows=True)) == 5
    with pytest.raises(libmi.ShapeError, match=r'together: give numpy.ascontiguousarray\(a\)'):
        _arrays.array(wide[:, :3], 'a')


# -- outputs -----------------------------------------------------------------------------------

def out(value, shape=(2, 2), **options):
    return _arrays.output(value, 'out', np.dtype(np.float32), shape, **options)


def test_outputs_are_written_in_place():
    a = np.zeros((2, 2), np.float32)
    assert out(a) is a
    assert out(None).shape == (2, 2) and out(None).dtype == np.float32
    wide = np.zeros((2, 5), np.float32)[:, :2]
    assert out(wide, rows=True) is wide


@pytest.mark.parametrize('value, error, word', [
    (read_only(np.zeros((2, 2), np.float32)), libmi.ArgumentError, r'out is read-only .*copy\(\)'),
    (np.zeros((2, 2)), libmi.DTypeError, 'out is float64: give float32'),
    (np.zeros((2, 3), np.float32), libmi.ShapeError, r'out has shape \(2, 3\), \(2, 2\) is needed'),
    (np.zeros((2, 2), np.float32).T[:, ::-1], libmi.ShapeError, 'out has strides'),
    (np.zeros((2, 2), '>f4'), libmi.DTypeError, 'out is >f4'),
    (unaligned(np.zeros((2, 2), np.float32)), libmi.ShapeError, 'out is not aligned'),
    ([[0., 0], [0, 0]], libmi.DTypeError, 'out, a list, cannot be written to: give a NumPy array'),
    (ByInterface(np.zeros((2, 2), np.float32)), libmi.DTypeError, 'cannot be written to'),
    (np.ma.zeros((2, 2), np.float32), libmi.DTypeError, 'masked'),
    (3, libmi.DTypeError, 'out, a int'),
])
def test_outputs_are_refused(value, error, word):
    with pytest.raises(error, match=word):
        out(value)


def test_overlaps_are_refused():
    a = np.zeros(8)
    _arrays.disjoint(x=a[:4], y=a[4:], z=None)
    with pytest.raises(libmi.ArgumentError, match='y and x overlap in memory: give y memory'):
        _arrays.disjoint(x=a[:5], y=a[4:])


# -- PyTorch -----------------------------------------------------------------------------------

def test_tensors():
    torch = pytest.importorskip('torch')
    cost = torch.from_numpy(COST.copy())
    solver = libmi.Assignment()
    np.testing.assert_array_equal(solver.solve(cost).row_to_col, ANSWER)
    assert _arrays.address(_arrays.array(cost, 'cost')) == cost.data_ptr()
    for wrong, error, word in (
            (cost.requires_grad_(), libmi.DTypeError, r'\.detach\(\)'),
            (cost.detach().T, libmi.ShapeError, 'strides'),
            (cost.detach().short(), libmi.DTypeError, 'cost is int16'),
            (cost.detach().bfloat16(), libmi.DTypeError, 'cost'),
            (cost.detach().to('meta'), libmi.DTypeError, 'cost'),
            (cost.detach().to_sparse(), libmi.DTypeError, 'cost')):
        with pytest.raises(error, match=word):
            solver.solve(wrong)


def test_tensors_as_outputs():
    torch = pytest.importorskip('torch')
    tensor = torch.zeros((2, 2))
    out(tensor)[:] = 7
    assert (tensor == 7).all()
