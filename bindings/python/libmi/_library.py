# SPDX-License-Identifier: BSD-2-Clause
"""Finds the shared library, loads it and gives its functions their types.

`lib` is the library: calls of its functions leave the interpreter's lock to other threads. `path`
is the file that it came from. The first of these places decides: what the environment variable
LIBMI_PATH names (the file, or its folder), the folder of this package, the system's loader.
"""
from __future__ import annotations

import ctypes
import os
import sys

from . import _abi

_NAME, _SYSTEM_NAME = (('libmi.dylib', 'libmi.0.dylib') if sys.platform == 'darwin' else
                       ('libmi.so', 'libmi.so.0'))


def _chosen() -> str:
    """What to load: a path, or a bare name that the system's loader looks up."""
    wanted = os.environ.get('LIBMI_PATH')
    if wanted:
        for name in ('', _NAME, _SYSTEM_NAME):
            path = os.path.abspath(os.path.join(wanted, name))
            if os.path.isfile(path):
                return path
        there = 'has no %s' % _NAME if os.path.isdir(wanted) else 'does not exist'
        raise ImportError('LIBMI_PATH is %r, which %s: name the file %s or its folder, or unset it'
                          % (wanted, there, _NAME))
    bundled = os.path.join(os.path.dirname(os.path.abspath(__file__)), _NAME)
    return bundled if os.path.isfile(bundled) else _SYSTEM_NAME


def _open(path: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        advice = ('build libmi for this system' if os.path.isabs(path) else
                  'install the package with pip, or name a built library in LIBMI_PATH')
        raise ImportError('cannot load %s (%s): %s' % (path, error, advice), path=path) from None


def _version(library: ctypes.CDLL, path: str) -> str:
    try:
        tell = library.mi_lib_version_string
    except AttributeError:
        raise ImportError('%s is not libmi: it has no mi_lib_version_string; name another file in '
                          'LIBMI_PATH' % path, path=path) from None
    tell.restype = ctypes.c_char_p
    return (tell() or b'').decode('utf-8', 'replace')


def _load(path: str) -> ctypes.CDLL:
    library = _open(path)
    version, needed = _version(library, path), '.'.join(map(str, _abi.VERSION))
    if version.split('.')[:2] != needed.split('.')[:2]:
        raise ImportError('%s is libmi %s, and this package is for libmi %s: install the two from '
                          'the same release, or name another file in LIBMI_PATH'
                          % (path, version, needed), path=path)
    absent = [name for name in _abi.FUNCTIONS if not hasattr(library, name)]
    if absent:
        raise ImportError('%s is libmi %s and lacks %s%s, which this package for libmi %s calls: '
                          'build the two from the same source'
                          % (path, version, ', '.join(absent[:3]), ', ...' * (len(absent) > 3),
                             needed), path=path)
    _abi.declare(library)
    return library


path: str = _chosen()
lib: ctypes.CDLL = _load(path)
