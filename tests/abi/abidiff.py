# SPDX-License-Identifier: BSD-2-Clause
"""Is the library's binary interface the one that was last reviewed, tests/abi/libmi-X.Y.abi?

usage: abidiff.py [--update] SOURCE_ROOT BUILD_FOLDER libmi.so COMPILER..."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import headers
from tap import Tap

# Nothing of the machine or the folder that the library was built in
PORTABLE = ['--no-comp-dir-path', '--no-corpus-path', '--no-show-locs', '--no-elf-needed',
            '--type-id-style', 'hash', '--drop-private-types', '--exported-interfaces-only']


def readelf(option, library):
    return subprocess.run(['readelf', '-W', option, str(library)], capture_output=True,
                          text=True).stdout


def has_debug_info(library):
    return '.debug_info' in readelf('-S', library)


def debug_library(root, build, compiler):
    """Builds the library once more with debug information, in a folder of its own."""
    folder = build / 'abi-debug'
    environment = dict(os.environ, CC=' '.join(compiler))
    if not (folder / 'build.ninja').exists():
        subprocess.run(['meson', 'setup', str(folder), str(root), '-Dbuildtype=debug',
                        '-Dtests=disabled', '-Dexamples=false', '-Ddefault_library=shared'],
                       check=True, capture_output=True, env=environment)
    subprocess.run(['meson', 'compile', '-C', str(folder)], check=True, capture_output=True)
    return folder / 'lib/libmi.so'


def write_dump(library, include, path):
    subprocess.run(['abidw', *PORTABLE, '--headers-dir', str(include / 'mi'), '--out-file',
                    str(path), str(library)], check=True)
    text = re.sub(r"path='[^']*/(lib/[^']+)'", r"path='\1'", path.read_text())
    path.write_text(text)


def check(dump, library, include, suppressions):
    """Compares two dumps. (abidiff on a dump without locations and a library takes every type for
    a private one, and keeps silent.) Its exit status says "changed" in one bit and "incompatible"
    in another; a member that was inserted counts as merely changed, so that only 0 is good."""
    with tempfile.TemporaryDirectory() as folder:
        current = pathlib.Path(folder) / 'current.abi'
        write_dump(library, include, current)
        done = subprocess.run(['abidiff', '--no-show-locs', '--suppressions', str(suppressions),
                               str(dump), str(current)], capture_output=True, text=True)
    if done.returncode == 0:
        return []
    return ['abidiff exits with %d; see CONTRIBUTING.md, "The binary interface"' % done.returncode,
            *(done.stdout + done.stderr).split('\n')[:30]]


def main():
    arguments = sys.argv[1:]
    update = arguments[0] == '--update'
    root, build, library, *compiler = arguments[update:]
    root, build = pathlib.Path(root), pathlib.Path(build)
    include = root / 'include'
    dump = root / 'tests/abi' / ('libmi-%d.%d.abi' % headers.version_of(include / 'mi')[:2])
    name = 'the binary interface is that of ' + dump.name
    tap = Tap()
    if not shutil.which('abidiff'):
        if update:
            sys.exit('abidw is missing: install abigail-tools')
        tap.skip(name, 'abidiff (package abigail-tools) is not installed')
        tap.end()
    if not update and 'X86-64' not in readelf('-h', library):
        tap.skip(name, 'pinned for x86-64')
        tap.end()
    if not has_debug_info(library):
        if not shutil.which('meson'):
            tap.skip(name, 'the library has no debug information, and meson is not in PATH')
            tap.end()
        library = debug_library(root, build, compiler)
    if update:
        write_dump(library, include, dump)
        return
    tap.point(name, check(dump, library, include, root / 'tests/abi/suppressions.ini'))
    tap.end()


if __name__ == '__main__':
    main()
