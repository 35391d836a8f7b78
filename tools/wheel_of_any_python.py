# SPDX-License-Identifier: BSD-2-Clause
"""meson-python, with wheels that say what is true of them: they run on every Python 3.

The library is loaded by ctypes and knows nothing of the interpreter, but meson-python takes
whatever is beside a package's modules for an extension of the Python that builds it."""
import subprocess
import sys

from mesonpy import * # the other hooks
import mesonpy


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = mesonpy.build_wheel(wheel_directory, config_settings, metadata_directory)
    done = subprocess.run([sys.executable, '-m', 'wheel', 'tags', '--remove', '--python-tag=py3',
                           '--abi-tag=none', name],
                          cwd=wheel_directory, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()
