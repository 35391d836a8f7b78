# SPDX-License-Identifier: BSD-2-Clause
"""Does each public header compile by itself, and twice, in every language that hosts use?

usage: matrix.py SOURCE_ROOT COMPILER..."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import headers
from tap import Tap

WARNINGS = ['-pedantic-errors', '-Wall', '-Wextra', '-Wundef', '-Wstrict-aliasing', '-Werror']
C_WARNINGS = ['-Wc++-compat', '-Wstrict-prototypes', '-Wpadded']
LANGUAGES = [('c99', 'c'), ('c11', 'c'), ('c2x', 'c'), ('c++11', 'cpp'), ('c++17', 'cpp')]


def c_compilers(own):
    """The build's own, and gcc and clang wherever they are."""
    found, seen = [own], {os.path.realpath(shutil.which(own[-1]) or own[-1])}
    for name in ('gcc', 'clang'):
        path = shutil.which(name)
        if path and os.path.realpath(path) not in seen:
            found.append([path])
    return found


def cpp_compiler(c_compiler):
    """g++ for gcc, clang++ for clang, c++ for cc; None if it is not installed."""
    name = pathlib.Path(c_compiler[-1]).name
    for c, cpp in (('clang', 'clang++'), ('gcc', 'g++'), ('cc', 'c++')):
        if c in name:
            path = shutil.which(name.replace(c, cpp)) or shutil.which(cpp)
            return c_compiler[:-1] + [path] if path else None
    return None


def compiles(compiler, standard, source, include):
    language = [] if source.suffix == '.cpp' else C_WARNINGS
    command = [*compiler, '-std=' + standard, *WARNINGS, *language, '-I', str(include),
               '-fsyntax-only', str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    return [] if done.returncode == 0 else done.stderr.split('\n')[:12]


def check_language(compiler, standard, suffix, include, names, work):
    """Each header twice in one file: whatever fails alone fails so too."""
    complaints = []
    for name in names:
        source = work / ('%s.%s' % (name.replace('.', '_'), suffix))
        source.write_text('#include <mi/%s>\n#include <mi/%s>\nint used(void);\n' % (name, name))
        complaints += compiles(compiler, standard, source, include)
    return complaints


def defined_macros(compiler, include, source):
    done = subprocess.run([*compiler, '-I', str(include), '-dM', '-E', str(source)],
                          capture_output=True, text=True, check=True)
    return {line.split()[1].split('(')[0] for line in done.stdout.splitlines()}


def check_macros(compiler, include, work):
    """What the preprocessor really sees, however it came to be defined."""
    without, together = work / 'without.c', work / 'together.c'
    without.write_text('#include <stddef.h>\n#include <stdint.h>\n')
    together.write_text('#include <stddef.h>\n#include <stdint.h>\n#include <mi/mi.h>\n')
    added = (defined_macros(compiler, include, together) -
             defined_macros(compiler, include, without))
    return ['mi.h defines %s' % m for m in sorted(added) if not m.startswith('LIBMI_')]


def check_code_in_text(compiler, root, work):
    """The programs in the documents: each block of C that has a main()."""
    complaints, count = [], 0
    for text in [root / 'README.md', *sorted((root / 'docs').glob('*.md'))]:
        for block in re.findall(r'^```c\n(.*?)^```', text.read_text(encoding='utf-8'), re.S | re.M):
            if 'int main(' in block:
                count += 1
                source = work / 'document.c'
                source.write_text(block)
                done = subprocess.run([*compiler, '-std=c11', '-Wall', '-Wextra', '-Werror', '-I',
                                       str(root / 'include'), '-fsyntax-only', str(source)],
                                      capture_output=True, text=True)
                complaints += ['%s: %s' % (text.name, done.stderr)] if done.returncode else []
    return complaints if count else ['no program found in README.md and docs/']


def main():
    root, own = pathlib.Path(sys.argv[1]), sys.argv[2:]
    include = root / 'include'
    names = [h.path.name for h in headers.parse_all(include / 'mi')]
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        empty_c, empty_cpp = work / 'empty.c', work / 'empty.cpp'
        empty_c.write_text('int used(void);\n')
        empty_cpp.write_text('int used(void);\n')
        for c_compiler in c_compilers(own):
            for standard, suffix in LANGUAGES:
                name = '%s -std=%s' % (pathlib.Path(c_compiler[-1]).name, standard)
                compiler = c_compiler if suffix == 'c' else cpp_compiler(c_compiler)
                if compiler is None:
                    tap.skip(name, 'no C++ compiler beside it')
                elif compiles(compiler, standard, empty_c if suffix == 'c' else empty_cpp, include):
                    tap.skip(name, 'this compiler does not know it')
                else:
                    tap.point('headers compile: ' + name, check_language(
                        compiler, standard, suffix, include, names, work))
        tap.point('macros begin with LIBMI_', check_macros(own, include, work))
        tap.point('programs in the documents compile', check_code_in_text(own, root, work))
    tap.end()


if __name__ == '__main__':
    main()
