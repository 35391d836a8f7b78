# SPDX-License-Identifier: BSD-2-Clause
"""Which libmi this is."""
from __future__ import annotations

import ctypes

from ._library import lib


def build_info() -> str:
    """One line for bug reports: version, compiler, BLAS, kernels chosen for this processor."""
    size = lib.mi_build_info(None, 0) + 1
    text = ctypes.create_string_buffer(size)
    lib.mi_build_info(ctypes.addressof(text), size)
    return text.value.decode()


def library_version() -> str:
    """The version of the library that is loaded, such as '0.1.0'."""
    return lib.mi_lib_version_string().decode()
