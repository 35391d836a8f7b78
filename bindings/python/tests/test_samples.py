# SPDX-License-Identifier: BSD-2-Clause
"""What estimators are told about arrays: where numbers lie, and what they are."""
import ctypes
import fractions

import numpy as np
import pytest

import libmi
from libmi import _abi
from libmi._samples import Samples

READ = {'f8': _abi.MI_DTYPE_F64, 'f4': _abi.MI_DTYPE_F32, 'i8': _abi.MI_DTYPE_I64,
        'i4': _abi.MI_DTYPE_I32, 'u1': _abi.MI_DTYPE_U8}
TYPES = {number: np.dtype(word) for word, number in READ.items()}


def seen(samples):
    """The rows that C reads, by what it is told."""
    s, kind = samples._struct, TYPES[samples._struct.dtype]
    if not samples.n:
        return None
    size = ((s.n - 1) * s.ld + s.d) * kind.itemsize
    memory = np.frombuffer((ctypes.c_char * size).from_address(s.data), kind)
    return np.lib.stride_tricks.as_strided(memory, (s.n, s.d),
                                           (s.ld * kind.itemsize, kind.itemsize)).copy()


def agree(value, rows, *, discrete=None, axis='flat', named=False):
    """C sees these rows, and what was said of them."""
    samples = Samples(value, 'x', axis, discrete)
    np.testing.assert_array_equal(seen(samples), rows)
    assert samples.n == len(rows)
    kinds = {None: _abi.MI_KIND_AUTO, True: _abi.MI_KIND_DISCRETE, False: _abi.MI_KIND_CONTINUOUS}
    assert samples._struct.kind == (_abi.MI_KIND_DISCRETE if named else kinds[discrete])
    assert samples._struct.struct_size == ctypes.sizeof(_abi.mi_samples)
    return samples


# -- numbers -----------------------------------------------------------------------------------

@pytest.mark.parametrize('dtype', READ)
@pytest.mark.parametrize('cut', [
    lambda a: a, lambda a: a[:, 0], lambda a: a[:, 1:3], lambda a: a[::2], lambda a: a[::3, 2],
    lambda a: a[:1], lambda a: a.reshape(6, 2, 2, 2)])
def test_numbers_are_read_in_place(dtype, cut):
    a = np.arange(48, dtype=dtype).reshape(6, 8)
    b = cut(a)
    samples = agree(b, b.reshape(len(b), -1))
    assert samples._struct.data == b.__array_interface__['data'][0]
    assert samples._struct.dtype == READ[dtype]
    a += 1
    np.testing.assert_array_equal(seen(samples), b.reshape(len(b), -1))


@pytest.mark.parametrize('value', [
    np.arange(12.).reshape(3, 4).T, np.arange(6.)[::-1], np.arange(12.).reshape(3, 4)[:, ::2],
    np.arange(6, dtype='>f8'), np.arange(6, dtype=np.longdouble), np.arange(6, dtype='f2'),
    np.arange(6, dtype='i1'), np.arange(6, dtype='u2'), np.arange(6, dtype='u4'),
    np.arange(6, dtype='u8'), np.arange(-3, 3, dtype='>i2'), [1.5, 2, 3], [[1, 2], [3, 4]],
    (1, 2, 3), range(4), np.broadcast_to(2., (5, 3)),
    np.frombuffer(b'\0' * 33, np.uint8)[1:].view('f8')])
def test_other_numbers_are_copied(value):
    a = np.asarray(value)
    samples = agree(value, a.reshape(len(a), -1))
    assert (samples._struct.dtype in (READ['f8'], READ['f4'])) == (a.dtype.kind == 'f')


def test_axes():
    a = np.arange(24.).reshape(2, 3, 4)
    agree(a, a.reshape(2, 12))
    agree(a, a.reshape(6, 4), axis='last')
    agree(a[0], a[0], axis='last')
    agree(a[0, 0], a[0, 0][:, None], axis='last')
    agree(a[:, :, 1], a[:, :, 1])
    agree(a[..., :2], a[..., :2].reshape(6, 2), axis='last')
    with pytest.raises(libmi.ArgumentError, match="axis is 'first': one of flat, last is needed"):
        Samples(a, 'x', 'first')


@pytest.mark.parametrize('discrete', [None, True, False])
def test_kinds(discrete):
    agree([1, 2, 2], [[1], [2], [2]], discrete=discrete)
    agree(np.ones((2, 2), np.float32), np.ones((2, 2)), discrete=discrete)


def test_truth_values():
    a = np.array([[True, False], [False, False]])
    assert agree(a, a)._struct.data == a.__array_interface__['data'][0]
    agree([True, False], [[1], [0]], discrete=True)


@pytest.mark.parametrize('dtype', ['i8', 'u8'])
def test_large_whole_numbers_stay_apart(dtype):
    first = 2**53
    a = np.array([first + 3, first + 2, first + 3, 5], dtype)
    agree(a, [[2], [1], [2], [0]])
    agree(a, a[:, None].astype(float), discrete=False)  # near is alike: no matter
    agree(np.array([first, 1], dtype), [[first], [1]])
    agree(np.array([2**64 - 1, 1, 2**64 - 2], np.uint64), [[2], [0], [1]])


# -- names -------------------------------------------------------------------------------------

@pytest.mark.parametrize('value', [
    ['b', 'a', 'c', 'a'], np.array(['b', 'a', 'c', 'a']), np.array([b'b', b'a', b'c', b'a']),
    np.array(['b', 'a', 'c', 'a'], object), np.array([(2,), (1,), (3,), (1,), None],
                                                     object)[:4],
    np.array([b'b', 'x', None, 1], object)[[0, 0, 0, 0]]])
def test_names(value):
    expected = [[1], [0], [2], [0]] if len(set(np.asarray(value).tolist())) > 1 else [[0]] * 4
    agree(value, expected, named=True)
    agree(value, expected, named=True, discrete=True)
    with pytest.raises(libmi.ArgumentError, match='x has names and no numbers: discrete=False'):
        Samples(value, 'x', discrete=False)


def test_names_without_an_order():
    agree(np.array([b'b', 'a', b'b'], object), [[0], [1], [0]], named=True)


def test_names_in_columns():
    agree([['b', 'x'], ['a', 'b']], [[1, 2], [0, 1]], named=True)
    agree(np.array([['b', 'x'], ['a', 'b']], object), [[1, 2], [0, 1]], named=True)


def test_numbers_in_lists_of_names():
    agree([np.str_('b'), 'a'], [[1], [0]], named=True)
    agree([True, 'a', True], [[0], [1], [0]], named=True)
    agree([np.array(['b', 'x']), np.array(['a', 'b'])], [[1, 2], [0, 1]], named=True)
    for value in ([1.5, 'a', 2.5, 'b'], [1, b'a'], [[1.5, 'a'], [2.5, 'b']], ('a', np.int32(1))):
        with pytest.raises(libmi.DTypeError, match=r'numbers and names: .*numpy\.asarray\(x, str'):
            Samples(value, 'x')
    agree(np.asarray(['b', 2, 2.5], str), [[2], [0], [1]], named=True)
    with pytest.raises(libmi.DTypeError, match='x has nan at 1: leave out'):
        Samples(['a', np.nan], 'x')


def test_objects_that_are_numbers():
    agree(np.array([1, 2, 3], object), [[1], [2], [3]])
    agree(np.array([1.5, np.float32(2), 3], object), [[1.5], [2], [3]])
    agree(np.array([fractions.Fraction(1, 4), 2], object), [[.25], [2]])
    agree(np.array([True, False], object), [[1], [0]], named=True)


class Column:
    """A column of a table, which gives its values as an array."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


def test_columns_of_tables():
    values = np.arange(4.)
    samples = agree(Column(values), values[:, None])
    assert samples._struct.data == values.__array_interface__['data'][0]
    agree(Column(np.array(['x', 'a'], object)), [[1], [0]], named=True)


# -- what is refused ---------------------------------------------------------------------------

@pytest.mark.parametrize('value, error, words', [
    (None, libmi.DTypeError, 'x is None: an array is needed'),
    (3, libmi.ShapeError, r'x has shape \(\): samples are needed'),
    ('word', libmi.ShapeError, r'x has shape \(\): samples are needed'),
    ([], libmi.ShapeError, r'x has shape \(0,\)'),
    (np.empty((3, 0)), libmi.ShapeError, r'x has shape \(3, 0\)'),
    (np.empty((0, 3)), libmi.ShapeError, r'x has shape \(0, 3\)'),
    (np.ma.array([1, 2]), libmi.DTypeError, 'x is a masked array'),
    ([1j, 2], libmi.DTypeError, r'complex128, .*two columns, x\.real and x\.imag'),
    (np.array(['2026-11-30'], 'M8[D]'), libmi.DTypeError, r'as x\.astype\(numpy\.float64\)'),
    (np.zeros(3, 'i4,f4'), libmi.DTypeError, 'neither numbers nor names'),
    (np.array(['a', 1], object), libmi.DTypeError, 'x has numbers and names'),
    (np.array(['a', None], object), libmi.DTypeError, 'x has None at 1: leave out'),
    (np.array(['a', np.nan], object), libmi.DTypeError, 'x has nan at 1: leave out'),
    (np.array([1, None], object), libmi.DTypeError, 'x has None at 1'),
    (np.array([{}, {}], object), libmi.DTypeError, 'neither numbers nor names: unhashable'),
    ([[1, 2], [3]], libmi.DTypeError, 'x, a list, cannot be read'),
])
def test_what_is_refused(value, error, words):
    with pytest.raises(error, match=words):
        Samples(value, 'x')


def test_pandas():
    pandas = pytest.importorskip('pandas')
    frame = pandas.DataFrame({'a': [1.5, 2, 3], 'b': ['x', 'y', 'x'], 'c': [1, 2, 3]})
    agree(frame['a'], [[1.5], [2], [3]])
    agree(frame['b'], [[0], [1], [0]], named=True)
    agree(frame['b'].astype('category'), [[0], [1], [0]], named=True)
    agree(frame[['a', 'c']], [[1.5, 1], [2, 2], [3, 3]])
    agree(frame['c'].astype('Int64'), [[1], [2], [3]])
    with pytest.raises(libmi.DTypeError, match='numbers and names'):
        Samples(frame, 'x')
    with pytest.raises(libmi.DTypeError, match='x has .*NA.* at 2: leave out'):
        Samples(pandas.Series(['x', 'y', pandas.NA], dtype='string'), 'x')


def test_torch():
    torch = pytest.importorskip('torch')
    a = torch.arange(6.).reshape(3, 2)
    samples = agree(a, a.numpy())
    assert samples._struct.data == a.data_ptr()
