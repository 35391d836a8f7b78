# SPDX-License-Identifier: BSD-2-Clause
"""Keyword options: words, numbers, texts and structs."""
import ctypes
import pathlib
import sys

import numpy as np
import pytest

import libmi
from libmi import _abi, _options


class Struct(ctypes.Structure):
    """Options of all kinds."""

    _fields_ = (('struct_size', ctypes.c_uint64), ('kind', ctypes.c_int32),
                ('count', ctypes.c_int32), ('seed', ctypes.c_uint64), ('rate', ctypes.c_double),
                ('lambda', ctypes.c_double), ('share', ctypes.c_double), ('sizes', ctypes.c_int64 * 3),
                ('name', ctypes.c_char_p), ('reserved0', ctypes.c_int32))


def fill(**options):
    return _options.fill(Struct, options, {'kind': 'mi_optimizer_kind'},
                         {'share': -1, 'lambda': None})


def test_fill():
    filled = fill(kind='sgd', count=np.int8(-3), seed=2 ** 64 - 1, rate=2, lambda_=.5, sizes=(4, 5),
                  name='dense 3')
    assert filled.struct_size == ctypes.sizeof(Struct)
    assert (filled.kind, filled.count, filled.seed) == (_abi.MI_OPTIMIZER_SGD, -3, 2 ** 64 - 1)
    assert (filled.rate, getattr(filled, 'lambda')) == (2, .5)
    assert list(filled.sizes) == [4, 5, 0] and filled.name == b'dense 3'


def test_none_leaves_the_default():
    filled = fill(kind=None, rate=None, sizes=None)
    assert (filled.kind, filled.rate, list(filled.sizes)) == (0, 0, [0, 0, 0])


def test_0_is_0():
    assert [fill(share=share).share for share in (0, 0., -0., None, .5)] == [-1, -1, -1, 0, .5]
    assert (fill(rate=0).rate, fill(seed=0).seed) == (0, 0)


@pytest.mark.parametrize('word', ['Kind', 'lambda', 'struct_size', 'reserved0', 'rates'])
def test_unknown_options(word):
    with pytest.raises(TypeError, match=f"there is no option '{word}': the options are kind, "
                                        'count, seed, rate, lambda_, share, sizes, name$'):
        fill(**{word: 1})


@pytest.mark.parametrize('options, words', [
    ({'count': 2 ** 31}, 'count is 2147483648: it has to be from -2147483648 to 2147483647'),
    ({'count': -2 ** 31 - 1}, 'count is -2147483649'),
    ({'count': 1.}, 'count is 1.0: a whole number is needed'),
    ({'count': '1'}, "count is '1': a whole number is needed"),
    ({'seed': -1}, 'seed is -1: it has to be from 0 to 18446744073709551615'),
    ({'seed': 2 ** 64}, 'seed is 18446744073709551616'),
    ({'name': 3}, 'name is 3: a text is needed'),
    ({'name': 'a\0b'}, 'it has a zero byte in it'),
    ({'rate': 'fast'}, "rate is 'fast': a number is needed"),
    ({'rate': '1'}, "rate is '1': a number is needed"),
    ({'rate': [1, 2]}, r'rate is \[1, 2\]: a number is needed'),
    ({'rate': 10 ** 400}, 'rate is 1000.*: a number is needed'),
    ({'sizes': (1, 2, 3, 4)}, 'sizes has 4 numbers, at most 3 fit'),
    ({'sizes': (3, 0, 4)}, r'sizes is \(3, 0, 4\): C would take it to end at the 0'),
    ({'lambda_': 0}, 'lambda_ is 0: it has to be above 0, or None for the default'),
    ({'sizes': 3}, 'sizes is 3: at most 3 numbers are needed'),
    ({'sizes': (1, .5)}, 'sizes is 0.5: a whole number is needed'),
    ({'sizes': (2 ** 63,)}, 'sizes is 9223372036854775808'),
    ({'kind': 'newton'}, "kind is 'newton': one of adam, sgd is needed"),
    ({'kind': 1.5}, 'kind is 1.5: a whole number is needed'),
    ({'kind': 2 ** 40}, 'kind is 1099511627776'),
])
def test_values_that_do_not_fit(options, words):
    with pytest.raises(libmi.ArgumentError, match=words):
        fill(**options)


@pytest.mark.parametrize('word', ['he-normal', 'he_normal', 'HE_NORMAL', _abi.MI_INIT_HE_NORMAL])
def test_words_of_enums(word):
    assert _options.choice(word, 'init', 'mi_init') == _abi.MI_INIT_HE_NORMAL


@pytest.mark.parametrize('enum', _abi.ENUMS)
def test_every_enum_has_words(enum):
    for constant, value in _abi.ENUMS[enum].items():
        words = [word for word in _options._words(enum) if
                 constant.endswith('_' + word.upper().replace('-', '_'))]
        assert _options.choice(max(words, key=len), 'x', enum) == value


@pytest.mark.parametrize('bits, signed, least, most', [
    (32, True, -2 ** 31, 2 ** 31 - 1), (64, True, -2 ** 63, 2 ** 63 - 1),
    (64, False, 0, 2 ** 64 - 1)])
def test_whole_numbers(bits, signed, least, most):
    for value in (least, most, np.int64(7), np.array(7), True):
        assert _options.whole(value, 'n', bits, signed=signed) == int(value)
    for value in (least - 1, most + 1, None, 'x', np.float64(7), 1 + 0j):
        with pytest.raises(libmi.ArgumentError, match='n is '):
            _options.whole(value, 'n', bits, signed=signed)


def test_real_numbers():
    for value in (1, 1.5, np.float32(1.5), np.int16(3), True, np.array(2.)):
        assert _options.real(value, 'x') == value
    assert _options.real(float('inf'), 'x') == float('inf')  # C says whether it will do


def test_texts():
    assert _options.text('müde', 'x') == 'müde'.encode()
    assert _options.text(b'x', 'x') == b'x'
    for wrong in (None, 3, ['x']):
        with pytest.raises(libmi.ArgumentError, match='a text is needed'):
            _options.text(wrong, 'x')
    with pytest.raises(libmi.ArgumentError, match='it has a zero byte in it'):
        _options.text('a\0b', 'x')
    with pytest.raises(libmi.ArgumentError, match='x is .*cannot be written as UTF-8'):
        _options.text('\ud800', 'x')


def test_paths():
    assert _options.path(pathlib.Path('a/b')) == b'a/b'
    assert _options.path('a') == _options.path(b'a') == b'a'
    if sys.getfilesystemencoding() == 'utf-8':
        assert _options.path('\udcff') == b'\xff'  # names of files are bytes, not all of them text
    for wrong in (None, 3, ['x']):
        with pytest.raises(libmi.ArgumentError, match='the name of a file is needed'):
            _options.path(wrong)
    with pytest.raises(libmi.ArgumentError, match='zero byte'):
        _options.path('a\0b')
