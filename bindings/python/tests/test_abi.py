# SPDX-License-Identifier: BSD-2-Clause
"""The generated layer says what the headers, the compiler, the map and the library say."""
import ctypes
import importlib
import importlib.machinery
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import types
import xml.etree.ElementTree

import pytest

from libmi import _abi
from libmi._library import lib

ROOT = pathlib.Path(__file__).resolve().parents[3]
INCLUDE = ROOT / 'include'
GENERATE = ROOT / 'bindings/python/generate'
DUMP = ROOT / 'tests/abi/libmi-0.1.abi'
LETTERS = {'i': 'int', 'l': 'long int', 'L': 'unsigned long int', 'f': 'float', 'd': 'double'}

needs_sources = pytest.mark.skipif(
    not ((INCLUDE / 'mi/mi.h').exists() and GENERATE.exists()),
    reason='the headers are not here: needs the source tree')
needs_compiler = pytest.mark.skipif(not shutil.which('cc'), reason='there is no C compiler (cc)')


@pytest.fixture(scope='module')
def abi_tools():
    """A function that imports a module of tests/abi."""
    folder = str(ROOT / 'tests/abi')
    sys.path.insert(0, folder)
    yield importlib.import_module
    sys.path.remove(folder)


@pytest.fixture(scope='module')
def generator(abi_tools):
    loader = importlib.machinery.SourceFileLoader('generate', str(GENERATE))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('generate', loader))
    sys.modules['generate'] = module  # where dataclasses look for it
    loader.exec_module(module)
    yield module
    del sys.modules['generate']


@pytest.fixture(scope='module')
def measured(abi_tools):
    """What the C compiler makes of the headers."""
    return abi_tools('layout').measure(INCLUDE, ['cc'])


def described(abi):
    """What a generated module says, in the words of `layout.measure()`."""
    structs = {}
    for name, kind in vars(abi).items():
        if name.startswith('mi_') and hasattr(kind, '_fields_'):
            places = ((member, getattr(kind, member)) for member, _ in kind._fields_)
            structs[name] = {'size': ctypes.sizeof(kind),
                             'members': {m: f'{p.offset}+{p.size}' for m, p in places}}
    return {'pointer': ctypes.sizeof(ctypes.c_void_p), 'structs': structs, 'enums': abi.ENUMS}


def loaded(text):
    module = types.ModuleType('spoiled')
    exec(compile(text, 'spoiled', 'exec'), vars(module))
    return module


# -- the headers -------------------------------------------------------------------------------

@needs_sources
def test_generating_again_gives_the_same_file():
    result = subprocess.run([sys.executable, '-B', str(GENERATE), '--check'],
                            capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ''), result.stderr


@needs_sources
@needs_compiler
def test_layout_is_the_compilers(abi_tools, measured):
    assert measured['structs'] and measured['enums']
    assert abi_tools('layout').differences(measured, described(_abi)) == []


@needs_sources
@needs_compiler
@pytest.mark.parametrize('header, old, new, complaint', [
    ('iic.h', 'int64_t repeats;', 'int32_t repeats;', 'structs.mi_iic_options.members.repeats'),
    ('pairs.h', 'crops[8]', 'crops[9]', 'structs.mi_pairs_options.size'),
    ('context.h', '    void *log_user; /**< passed to log */\n', '', 'members.log_user is gone'),
    ('status.h', 'MI_E_ARG = -1,', 'MI_E_ARG = -98,', 'enums.mi_status_code.MI_E_ARG was -1'),
    ('status.h', '    MI_E_DTYPE = -3, ', '', 'MI_E_DTYPE is gone'),
])
def test_spoiled_headers_are_noticed(abi_tools, generator, measured, tmp_path, header, old, new,
                                     complaint):
    copy = tmp_path / 'mi'
    shutil.copytree(INCLUDE / 'mi', copy)
    text = (copy / header).read_text(encoding='utf-8')
    assert old in text, 'this test is out of date'
    (copy / header).write_text(text.replace(old, new, 1), encoding='utf-8')
    spoiled = generator.generate(copy)
    assert spoiled != generator.OUTPUT.read_text(encoding='utf-8')
    complaints = abi_tools('layout').differences(measured, described(loaded(spoiled)))
    assert any(complaint in c for c in complaints), complaints


# -- prototypes --------------------------------------------------------------------------------

def in_dump(kinds, reference):
    """A C type as libabigail has it, such as 'int' or '* mi_iic_options'."""
    kind = kinds[reference]
    if kind.tag == 'pointer-type-def':
        return '* ' + in_dump(kinds, kind.get('type-id'))
    if kind.tag in ('typedef-decl', 'qualified-type-def'):
        return in_dump(kinds, kind.get('type-id'))
    return kind.get('name')


def in_python(kind):
    """The same of a ctypes type; '*' is a pointer to anything."""
    if kind is None:
        return 'void'
    if kind is ctypes.c_void_p:
        return '*'
    if kind is ctypes.c_char_p:
        return '* char'
    return LETTERS[kind._type_] if isinstance(kind._type_, str) else '* ' + kind._type_.__name__


@needs_sources
@pytest.mark.skipif(not DUMP.exists() or ctypes.sizeof(ctypes.c_long) != 8,
                    reason='the dump of the binary interface is not here, or not for this platform')
def test_prototypes_are_the_dumps():
    dump = xml.etree.ElementTree.parse(DUMP)
    kinds = {e.get('id'): e for e in dump.iter() if e.get('id')}
    seen = 0
    for function in dump.iter('function-decl'):
        name = function.get('name')
        if name not in _abi.FUNCTIONS:
            continue
        seen += 1
        restype, argtypes, _, _ = _abi.FUNCTIONS[name]
        parameters = function.findall('parameter')
        c = [in_dump(kinds, p.get('type-id')) for p in [*parameters, function.find('return')]]
        python = [in_python(kind) for kind in (*argtypes, restype)]
        assert len(c) == len(python), name
        assert all(p == k or p == '*' == k[0] for p, k in zip(python, c)), (name, python, c)
    assert seen > 100


def test_every_parameter_has_a_name_and_a_type():
    for name, (_, argtypes, names, text) in _abi.FUNCTIONS.items():
        assert len(argtypes) == len(names), name
        assert text and not any(line.startswith(('* ', '@')) for line in text.splitlines()), name
        assert all(f'\n{n}' in text for n in names), f'{name} does not tell of a parameter'


# -- the library -------------------------------------------------------------------------------

@needs_sources
def test_functions_are_the_maps(abi_tools):
    assert set(_abi.FUNCTIONS) == set(abi_tools('symbols').parse_map(ROOT / 'lib/mi.map'))


def test_library_has_every_function():
    assert [name for name in _abi.FUNCTIONS if not hasattr(lib, name)] == []


def test_functions_have_their_types():
    for name, (restype, argtypes, _, _) in _abi.FUNCTIONS.items():
        function = getattr(lib, name)
        assert (function.restype, tuple(function.argtypes)) == (restype, argtypes), name


def test_a_function_that_a_library_lacks_is_an_error():
    class Old:
        """A library without functions."""

    with pytest.raises(AttributeError, match=next(iter(_abi.FUNCTIONS))):
        _abi.declare(Old())


def test_version_is_the_librarys():
    major, minor, patch = _abi.VERSION
    assert lib.mi_lib_version_string() == f'{major}.{minor}.{patch}'.encode()
    assert lib.mi_lib_version_number() == major * 10000 + minor * 100 + patch
