# SPDX-License-Identifier: BSD-2-Clause
"""Which functions of the library have been called."""
from __future__ import annotations

from libmi import _abi


def record(lib) -> set[str]:
    """Records from now on what is called in a loaded library.

    Functions of a library have a Python class of their own, and its `__call__` is replaced: the
    functions themselves stay what they are, with their types, wherever they are referred to.

    Returns
    -------
    called
        The names of functions whose calls came back; it grows.
    """
    called: set[str] = set()
    kind = type(lib.mi_lib_version_number)
    call = kind.__call__

    def recorded(function, *arguments):
        result = call(function, *arguments)
        called.add(function.__name__)
        return result

    kind.__call__ = recorded
    return called


def missing(called: set[str]) -> list[str]:
    """What nobody has called."""
    return sorted(set(_abi.FUNCTIONS) - called)
