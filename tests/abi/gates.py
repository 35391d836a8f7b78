# SPDX-License-Identifier: BSD-2-Clause
"""Can the checks of this folder fail? Each is shown a copy that is sound, and then the same copy
spoiled in one place, and must complain about the second only.

usage: gates.py SOURCE_ROOT COMPILER..."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import abidiff
import headers
import layout
import lint
import matrix
import sources
import stub
import symbols
from tap import Tap


class Copy:
    """A copy of what the checks read, and a stub library made from it."""

    def __init__(self, root, work, compiler):
        self.root, self.compiler, self.original = work / 'copy', compiler, root
        for folder in ('include', 'lib', 'examples', 'tests/api', 'tests/install'):
            if (root / folder).exists():
                shutil.copytree(root / folder, self.root / folder)
        (self.root / 'tests/abi').mkdir(parents=True)
        shutil.copy(root / 'tests/abi/forbidden.txt', self.root / 'tests/abi')
        shutil.copy(root / 'NEWS.md', self.root)
        self.library = work / 'library'
        self.library.mkdir()

    def replace(self, name, old, new):
        path = self.root / name
        text = path.read_text()
        if old not in text:
            raise ValueError('%s has no %r: this test is out of date' % (name, old))
        path.write_text(text.replace(old, new, 1))

    def append(self, name, text):
        path = self.root / name
        path.write_text((path.read_text() if path.exists() else '') + text)

    # the checks, each on this copy

    def parsed(self):
        return headers.parse_all(self.root / 'include/mi')

    def built(self, extra=''):
        return stub.build(self.compiler, self.root / 'include', self.root / 'lib/mi.map',
                          self.library, extra)

    def lint(self):
        version = headers.version_of(self.root / 'include/mi')
        patterns = lint.read_forbidden(self.root / 'tests/abi/forbidden.txt')
        parsed = self.parsed()
        return (lint.check_functions(parsed, version) + lint.check_dialect(parsed) +
                lint.check_names(parsed, patterns) + lint.check_lists(self.root, parsed, version))

    def symbols(self):
        exported = symbols.exports_of(self.built()[0])
        return symbols.check_lists(headers.functions_of(headers.parse_all(
            self.original / 'include/mi')), symbols.parse_map(self.root / 'lib/mi.map'), exported)

    def layout(self):
        found = layout.measure(self.root / 'include', self.compiler)
        pinned = layout.measure(self.original / 'include', self.compiler)
        return (layout.differences(pinned, found) + layout.check_padding(found) +
                layout.check_sized(found) + layout.check_constants(found))

    def padding(self):
        return layout.check_padding(layout.measure(self.root / 'include', self.compiler))

    def headers_compile(self):
        names = [h.path.name for h in self.parsed()]
        return (matrix.check_language(self.compiler, 'c99', 'c', self.root / 'include', names,
                                      self.library) +
                matrix.check_macros(self.compiler, self.root / 'include', self.library))

    def sources(self):
        return (sources.check_layers(self.root) + sources.check_outsiders(self.root) +
                sources.check_unique_names(self.root))

    def archive(self, extra=''):
        _, archive = self.built(extra)
        return (symbols.check_prefix(archive) + symbols.check_globals(archive) +
                symbols.check_calls(archive))

    def abidiff(self):
        dump = self.library / 'before.abi'
        if not dump.exists():
            sound, _ = stub.build(self.compiler, self.original / 'include',
                                  self.original / 'lib/mi.map', self.library)
            abidiff.write_dump(sound, self.original / 'include', dump)
        return abidiff.check(dump, self.built()[0], self.root / 'include',
                             self.original / 'tests/abi/suppressions.ini')


STATUS = 'include/mi/status.h'
IIC = 'include/mi/iic.h'
SINCE = ' * @since 0.1\n'
PADDED = 'typedef struct mi_padded {\n    int64_t a;\n    int32_t b;\n} mi_padded;\n'
PIXELS = 'int32_t height;       /**< pixels */'

# what is spoiled -> (the check that must see it, how)
MUTATIONS = {
    '@since is missing': ('lint', lambda c: c.replace(IIC, SINCE, '')),
    '@since lies ahead': ('lint', lambda c: c.replace(IIC, '@since 0.1', '@since 99.0')),
    '@param is missing': ('lint', lambda c: c.replace(IIC, ' * @param iic  may be NULL\n', '')),
    '@return is missing': ('lint', lambda c: c.replace(STATUS, '@return', '@note')),
    'a block is missing': ('lint', lambda c: c.append(
        'include/mi/image.h', 'LIBMI_API void mi_image_paint(void);\n')),
    'LIBMI_API is missing': ('lint', lambda c: c.replace(
        STATUS, 'LIBMI_API const char *mi_error_message', 'const char *mi_error_message')),
    'LIBMI_NODISCARD is missing': ('lint', lambda c: c.replace(IIC, 'LIBMI_NODISCARD ', '')),
    'an inline function': ('lint', lambda c: c.append(
        'include/mi/image.h', 'static inline int mi_two(void) { return 2; }\n')),
    'a value is implicit': ('lint', lambda c: c.replace(STATUS, 'MI_E_SHAPE = -2', 'MI_E_SHAPE')),
    'a system header too many': ('lint', lambda c: c.replace(
        STATUS, '#include "base.h"', '#include "base.h"\n#include <stdio.h>')),
    'a name of mimalloc': ('lint', lambda c: c.replace(STATUS, 'mi_error_copy(', 'mi_stats_copy(')),
    'a macro of Windows': ('lint', lambda c: c.replace(
        'include/mi/base.h', '#ifdef __cplusplus', '#define MI_CALL\n#ifdef __cplusplus')),
    'a header that is not installed': ('lint', lambda c: shutil.copy(
        c.root / STATUS, c.root / 'include/mi/other.h')),
    'NEWS.md without the version': ('lint', lambda c: c.replace('NEWS.md', '0.1.0', '0.0.9')),
    'a function missing from the map': ('symbols', lambda c: c.replace(
        'lib/mi.map', '        mi_iic_create;\n', '')),
    'a function too many in the map': ('symbols', lambda c: c.replace(
        'lib/mi.map', '        mi_iic_create;\n', '        mi_iic_create;\n        mi_ghost;\n')),
    'an export that no header declares': ('symbols', lambda c: (
        c.append('include/mi/image.h', '\nLIBMI_API int mi_image_ghost(int a);\n'),
        c.replace('lib/mi.map', 'mi_iic_create;', 'mi_iic_create; mi_image_ghost;'))),
    'a wrong node': ('symbols', lambda c: c.replace('lib/mi.map', 'LIBMI_0.1', 'LIBMI_0.2')),
    'a member is inserted': ('layout', lambda c: c.replace(
        'include/mi/dataset.h', PIXELS, PIXELS + ' int64_t depth;')),
    'a member changes its type': ('layout', lambda c: c.replace(
        'include/mi/dataset.h', PIXELS, PIXELS.replace('int32_t', 'int16_t'))),
    'a constant changes': ('layout', lambda c: c.replace(STATUS, 'MI_E_IO = -8', 'MI_E_IO = -88')),
    'a value is used twice': ('layout', lambda c: c.replace(STATUS, 'MI_E_IO = -8', 'MI_E_IO = -9')),
    'padding': ('padding', lambda c: c.append('include/mi/image.h', PADDED)),
    'padding, to the compiler': ('headers_compile', lambda c: c.append(
        'include/mi/image.h', '#ifndef LIBMI_PADDED\n#define LIBMI_PADDED\n' + PADDED + '#endif\n')),
    'a header that needs another': ('headers_compile', lambda c: c.replace(
        'include/mi/assign.h', '#include "context.h"', '')),
    'a header without a guard': ('headers_compile', lambda c: c.replace(
        'include/mi/score.h', '#define LIBMI_SCORE_H', '')),
    'a macro without our prefix': ('headers_compile', lambda c: c.replace(
        STATUS, '#include "base.h"', '#include "base.h"\n#define SUCCESS 0')),
    'the floor includes a network': ('sources', lambda c: c.append(
        'lib/base/status.c', '#include "../net/net.h"\n')),
    'the floor includes a public header of a model': ('sources', lambda c: c.append(
        'lib/base/status.c', '#include <mi/cluster.h>\n')),
    'an example looks inside': ('sources', lambda c: (
        (c.root / 'examples').mkdir(exist_ok=True),
        c.append('examples/peek.c', '#include "../lib/base/base.h"\n'))),
    'two files of one name': ('sources', lambda c: c.append('lib/net/status.c', '\n')),
    'a function is gone from the library': ('abidiff', lambda c: (
        c.replace('lib/mi.map', '        mi_iic_create;\n', ''))),
    'a parameter changes its type': ('abidiff', lambda c: c.replace(
        IIC, 'const double *joint,', 'const float *joint,')),
    'a member is inserted, to abidiff': ('abidiff', lambda c: c.replace(
        'include/mi/dataset.h', PIXELS, PIXELS + ' int64_t depth;')),
}

# what is compiled into the stub; all must be seen by the checks of the static library
SPOILED_CODE = {
    'a global without prefix': 'int helper(void);\nint helper(void) { return 1; }\n',
    'a writable global': 'int mi__count;\n',
    'a writable static': 'int mi__next(void);\nint mi__next(void) { static int n; return ++n; }\n',
    'a thread-local': 'static _Thread_local int mi__t;\nint *mi__p(void);\n'
                      'int *mi__p(void) { return &mi__t; }\n',
    'a call of malloc': 'void *malloc(size_t);\nvoid *mi__m(void);\n'
                        'void *mi__m(void) { return malloc(8); }\n',
    'a call of printf': 'int puts(const char *);\nvoid mi__say(void);\n'
                        'void mi__say(void) { puts("hello"); }\n',
    'a call of abort': 'void abort(void);\nvoid mi__end(void);\nvoid mi__end(void) { abort(); }\n',
}
SPOILED_TEXT = {'a tab': b'a\tb\n', 'a trailing blank': b'a \n', 'no final newline': b'a',
                'a letter outside ASCII': 'naïve\n'.encode(), 'a long line': b'a' * 101 + b'\n'}


def verdict(complaints, want):
    if want == bool(complaints):
        return []
    return ['no complaint'] if want else complaints


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    tap = Tap()

    def attempt(name, action, want):
        with tempfile.TemporaryDirectory() as folder:
            copy = Copy(root, pathlib.Path(folder), compiler)
            try:
                complaints = verdict(action(copy), want)
            except (ValueError, subprocess.CalledProcessError) as error:
                complaints = [str(error)]
            tap.point(name, complaints)

    missing = {'abidiff'} if not shutil.which('abidiff') else set()
    missing |= {'archive'} if not shutil.which('objdump') else set()
    for check in sorted({check for check, _ in MUTATIONS.values()} | {'archive'}):
        if check in missing:
            tap.skip('%s accepts what is sound' % check, 'its tool is not installed')
        else:
            attempt('%s accepts what is sound' % check, lambda c: getattr(c, check)(), False)
    for name, (check, spoil) in MUTATIONS.items():
        if check in missing:
            tap.skip('%s sees: %s' % (check, name), 'its tool is not installed')
        else:
            attempt('%s sees: %s' % (check, name),
                    lambda c: (spoil(c), getattr(c, check)())[1], True)
    for name, code in SPOILED_CODE.items():
        if 'archive' in missing:
            tap.skip('archive sees: ' + name, 'its tool is not installed')
        else:
            attempt('archive sees: ' + name, lambda c: c.archive(code), True)
    for name, text in SPOILED_TEXT.items():
        licence = b'/* SPDX-License-Identifier: BSD-2-Clause */\n'
        tap.point('style sees: ' + name,
                  verdict(sources.check_text('lib/x.c', licence + text), True))
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which('git'):
            subprocess.run(['git', 'init', '-q', folder], check=True)
        (pathlib.Path(folder) / '.gitignore').write_text('*\n')
        (pathlib.Path(folder) / 'x.c').write_text('a\tb\n')
        tap.point('style sees what git ignores where it knows nothing else',
                  verdict(sources.check_style(pathlib.Path(folder)), True))
    tap.point('style accepts what is sound',
              verdict(sources.check_text('lib/x.c', licence + b'int x;\n'), False))
    tap.end()


if __name__ == '__main__':
    main()
