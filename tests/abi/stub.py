# SPDX-License-Identifier: BSD-2-Clause
"""A library with every public function and nothing in them, made from the headers: what the checks
are tried on. Its interface is that of libmi, so that it can be spoiled on purpose."""
import pathlib
import subprocess

import headers


def source_text(include):
    parsed = headers.parse_all(pathlib.Path(include) / 'mi')
    lines = ['#include <mi/mi.h>']
    for function in headers.functions_of(parsed).values():
        body = '{}' if function.returns == 'void' else '{ return 0; }'
        lines.append(function.text.replace('LIBMI_NODISCARD ', '') + ' ' + body)
    return '\n'.join(lines) + '\n'


def build(compiler, include, version_map, folder, extra=''):
    """Returns the paths of a shared and a static library built in `folder`."""
    folder = pathlib.Path(folder)
    source, item = folder / 'stub.c', folder / 'stub.o'
    shared, archive = folder / 'libstub.so', folder / 'libstub.a'
    source.write_text(source_text(include) + extra)
    archive.unlink(missing_ok=True)
    for command in (
            [*compiler, '-g', '-std=gnu11', '-fPIC', '-fvisibility=hidden', '-fno-common', '-I',
             str(include), '-c', str(source), '-o', str(item)],
            [*compiler, '-shared', '-Wl,--version-script,' + str(version_map), str(item), '-o',
             str(shared)],
            ['ar', 'rcs', str(archive), str(item)]):
        subprocess.run(command, check=True)
    return shared, archive
