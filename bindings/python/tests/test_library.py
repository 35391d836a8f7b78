# SPDX-License-Identifier: BSD-2-Clause
"""Which shared library is loaded, and what is said of one that does not fit."""
from __future__ import annotations

import ctypes
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from libmi import _abi, _library

PACKAGE = pathlib.Path(_library.__file__).resolve().parent
LIBRARY = pathlib.Path(_library.path).resolve()
NAME, SYSTEM_NAME = _library._NAME, _library._SYSTEM_NAME
VERSION = '.'.join(map(str, _abi.VERSION))
PROGRAM = '''
import sys, types
libmi = sys.modules['libmi'] = types.ModuleType('libmi') # the rest of the package takes its time
libmi.__path__ = sys.argv[1:]
try:
    from libmi import _library
except Exception as error:
    print(type(error).__name__, error)
else:
    print('loaded', _library.path)
'''


def imported(libmi_path=None, package=PACKAGE, system=None, cwd=None):
    """What a fresh interpreter says that imports the module under such an environment."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ('LIBMI_PATH', 'LD_LIBRARY_PATH')}
    if libmi_path is not None:
        environment['LIBMI_PATH'] = str(libmi_path)
    if system is not None:
        environment['LD_LIBRARY_PATH'] = str(system)
    done = subprocess.run([sys.executable, '-B', '-c', PROGRAM, str(package)], env=environment,
                          cwd=cwd, stdout=subprocess.PIPE, universal_newlines=True, check=True)
    return done.stdout.strip()


def place(folder, name):
    """The library under this name, with the others that it finds beside itself."""
    folder.mkdir(exist_ok=True)
    for path in LIBRARY.parent.glob('lib*'):
        if path.is_file() and not path.name.startswith('libmi'):
            (folder / path.name).symlink_to(path)
    (folder / name).symlink_to(LIBRARY)
    return folder / name


@pytest.fixture
def package(tmp_path):
    """The package without a library inside."""
    copy = tmp_path / 'copied' / 'libmi'
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns('lib*.*', '__pycache__'))
    return copy


@pytest.fixture
def build(tmp_path):
    """Compiles C to a library that pretends to be libmi."""
    compiler = shutil.which('cc') or shutil.which('gcc') or shutil.which('clang')
    if compiler is None:
        pytest.skip('there is no C compiler')

    def compiled(source):
        file = tmp_path / 'pretender.c'
        file.write_text(source)
        library = tmp_path / NAME
        environment = {name: value for name, value in os.environ.items() if name != 'LD_PRELOAD'}
        subprocess.run([compiler, '-shared', '-fPIC', '-o', str(library), str(file)],
                       env=environment, check=True)
        return library
    return compiled


def test_calls_leave_the_lock_of_the_interpreter():
    assert isinstance(_library.lib, ctypes.CDLL) and not isinstance(_library.lib, ctypes.PyDLL)
    assert _library.lib.mi_lib_version_string.restype is ctypes.c_char_p


def test_path_is_the_file():
    assert isinstance(_library.path, str)
    assert pathlib.Path(_library.path).is_file()


def test_a_file_is_named(tmp_path):
    path = place(tmp_path / 'any', 'other.so')
    assert imported(path) == f'loaded {path}'


@pytest.mark.parametrize('name', [NAME, SYSTEM_NAME])
def test_a_folder_is_named(tmp_path, name):
    path = place(tmp_path / 'any', name)
    assert imported(path.parent) == f'loaded {path}'
    assert imported('any', cwd=tmp_path) == f'loaded {path}'


def test_the_bundled_one_is_found_and_the_named_one_goes_before(package, tmp_path):
    bundled, named = place(package, NAME), place(tmp_path / 'any', NAME)
    system = place(tmp_path / 'system', SYSTEM_NAME)
    assert imported(package=package, system=system.parent) == f'loaded {bundled}'
    assert imported('', package=package) == f'loaded {bundled}'
    assert imported(named, package=package) == f'loaded {named}'


@pytest.mark.skipif(sys.platform != 'linux', reason='LD_LIBRARY_PATH is known on Linux')
def test_the_systems_is_the_last(package, tmp_path):
    system = place(tmp_path / 'system', SYSTEM_NAME)
    assert imported(package=package, system=system.parent) == f'loaded {SYSTEM_NAME}'


def test_without_a_library_it_says_how_to_get_one(package):
    told = imported(package=package)
    if told.startswith('loaded'):
        pytest.skip('this system has a libmi')
    assert told.startswith(f'ImportError cannot load {SYSTEM_NAME} (')
    assert told.endswith('install the package with pip, or name a built library in LIBMI_PATH')


def test_the_whole_package_passes_it_on(tmp_path):
    environment = dict(os.environ, LIBMI_PATH=str(tmp_path), PYTHONPATH=str(PACKAGE.parent))
    done = subprocess.run([sys.executable, '-B', '-c', 'import libmi'], env=environment,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: LIBMI_PATH is '{tmp_path}', ")


def test_what_is_named_is_not_replaced_by_another(package, tmp_path):
    place(package, NAME)
    for named, reason in ((tmp_path / 'absent', 'does not exist'), (tmp_path, f'has no {NAME}')):
        assert imported(named, package=package) == (
            f"ImportError LIBMI_PATH is '{named}', which {reason}: "
            f'name the file {NAME} or its folder, or unset it')


def test_not_a_library(tmp_path):
    path = tmp_path / NAME
    path.write_text('a text')
    told = imported(path)
    assert told.startswith(f'ImportError cannot load {path} (')
    assert told.endswith('build libmi for this system')


def test_another_library(build):
    path = build('int nothing;')
    assert imported(path) == (f'ImportError {path} is not libmi: it has no mi_lib_version_string; '
                              'name another file in LIBMI_PATH')


@pytest.mark.parametrize('version', [
    f'{_abi.VERSION[0]}.{_abi.VERSION[1] + 1}.0', f'{_abi.VERSION[0] + 1}.{_abi.VERSION[1]}.0',
    f'{_abi.VERSION[0]}.{_abi.VERSION[1]}7.0', 'odd', ''])
def test_another_version(build, version):
    path = build(f'const char *mi_lib_version_string(void) {{ return "{version}"; }}')
    assert imported(path) == (
        f'ImportError {path} is libmi {version}, and this package is for libmi {VERSION}: install '
        'the two from the same release, or name another file in LIBMI_PATH')


def test_no_version(build):
    path = build('const char *mi_lib_version_string(void) { return 0; }')
    assert imported(path).startswith(f'ImportError {path} is libmi , and this package is for')


def test_another_patch_level_will_do_and_absent_functions_are_named(build):
    version = f'{_abi.VERSION[0]}.{_abi.VERSION[1]}.99'
    names = [name for name in _abi.FUNCTIONS if name != 'mi_lib_version_string']
    source = [f'const char *mi_lib_version_string(void) {{ return "{version}"; }}\n']
    source += [f'int {name}(void) {{ return 0; }}\n' for name in names]
    assert imported(build(''.join(source))).startswith('loaded')
    path = build(''.join(source[:-1]))
    assert imported(path) == (f'ImportError {path} is libmi {version} and lacks {names[-1]}, which '
                              f'this package for libmi {VERSION} calls: build the two from the '
                              'same source')
    assert ' and lacks ' + ', '.join(names[:3]) + ', ..., which' in imported(build(source[0]))
