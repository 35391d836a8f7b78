# SPDX-License-Identifier: BSD-2-Clause
"""What is installed: the version, the files, and where the loader finds what they need."""
from __future__ import annotations

import ast
import importlib.metadata
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import libmi
from libmi import _abi, _library

PACKAGE = pathlib.Path(libmi.__file__).resolve().parent
OF_THE_C_LIBRARY = re.compile(
    r'(linux-vdso|ld-linux.*|ld64|ld-musl.*|libc|libm|libpthread|libdl|librt|libgcc_s|libatomic)\.so')


@pytest.fixture
def installed():
    """The distribution that the imported package belongs to."""
    try:
        found = importlib.metadata.distribution('libmi')
    except importlib.metadata.PackageNotFoundError:
        pytest.skip('the package is not installed')
    if pathlib.Path(found.locate_file('libmi')).resolve() != PACKAGE:
        pytest.skip('the package that is installed is not the imported one')
    return found


def test_versions_are_equal():
    assert libmi.__version__ == '.'.join(map(str, _abi.VERSION))
    assert libmi.library_version() == libmi.__version__


def test_public_names():
    modules = {path.stem for path in PACKAGE.glob('*.py')} - {'discrete', 'nearest', 'prior', 'random',
                                                                 'score'}
    public = {name for name in vars(libmi) if not name.startswith('_')} - modules
    assert libmi.__all__ == sorted(public)  # checkers of types believe no other names


def test_types_are_announced():
    assert (PACKAGE / 'py.typed').read_bytes() == b''


@pytest.mark.parametrize('path', sorted(PACKAGE.glob('*.py')), ids=lambda path: path.name)
def test_the_oldest_python_can_read_it(path):
    ast.parse(path.read_text(encoding='utf-8'), feature_version=(3, 9))


def test_the_version_installed(installed):
    assert installed.version == libmi.__version__


def test_only_numpy_is_needed(installed):
    needed = [line for line in installed.requires if 'extra' not in line]
    assert needed == ['numpy']


def test_nothing_is_outside_of_the_package(installed):
    names = [str(file) for file in installed.files if '__pycache__' not in file.parts]
    others = [name for name in names
              if not re.match(r'libmi/[\w.]+$|libmi-[\d.]+\.dist-info/', name)]
    assert others in ([], ['libmi/OPENBLAS-LICENSE.txt'])
    suffixes = {file.suffix for file in PACKAGE.iterdir() if file.is_file()}
    assert suffixes - {'.py', '.typed', '.txt'} <= {
        '.so', '.dylib', *(pathlib.Path(name).suffix for name in names if '.so.' in name)}


def test_it_brings_its_library(installed):
    assert (PACKAGE / _library._NAME).is_file()


@pytest.mark.skipif(sys.platform != 'linux' or shutil.which('ldd') is None, reason='needs ldd')
def test_nothing_of_the_system_is_needed_but_the_c_library(installed):
    if not list(PACKAGE.glob('libscipy_openblas*')):
        pytest.skip('the BLAS is the system\'s, as somebody asked for')
    done = subprocess.run(['ldd', str(PACKAGE / _library._NAME)], stdout=subprocess.PIPE,
                          universal_newlines=True, check=True)
    print(done.stdout)
    found = re.findall(r'^\s*(\S+)(?: => (.*?))?(?: \(0x\w+\))?$', done.stdout, re.M)
    outside = [(name, path) for name, path in found
               if not OF_THE_C_LIBRARY.match(pathlib.Path(name).name)
               and pathlib.Path(path).parent != PACKAGE]
    assert len(found) > 3
    assert outside == []
