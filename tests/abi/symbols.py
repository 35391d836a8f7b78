# SPDX-License-Identifier: BSD-2-Clause
"""Headers, symbol map and library name the same functions, and the library keeps the promises
that can be read off its symbols: no foreign names, no writable globals, no forbidden calls.

usage: symbols.py SOURCE_ROOT libmi.so libmi-internal.a INSTRUMENTED(0|1)"""
import pathlib
import re
import shutil
import subprocess
import sys

import headers
import lint
from tap import Tap

# What a library has no business to call: it ends the process, prints, takes memory past the
# context's allocator, or changes state that belongs to the host.
FORBIDDEN_CALLS = set('''
    abort exit _exit _Exit quick_exit __assert_fail __assert raise kill signal sigaction
    printf vprintf fprintf vfprintf puts putchar fputs fputc putc perror psignal dprintf vdprintf
    __printf_chk __vprintf_chk __fprintf_chk __vfprintf_chk __dprintf_chk stdout stderr stdin
    malloc calloc realloc reallocarray free aligned_alloc posix_memalign memalign valloc
    strdup strndup asprintf vasprintf getline getdelim open_memstream scandir realpath
    rand srand random srandom drand48 srand48 setlocale setenv putenv unsetenv system popen
    strtok strerror localtime gmtime ctime asctime tmpnam
    openblas_set_num_threads openblas_set_num_threads_ goto_set_num_threads
    omp_set_num_threads bli_thread_set_num_threads MKL_Set_Num_Threads
'''.split())
CALLS_ALLOWED_IN = {'aligned_alloc': 'base_context.c', 'free': 'base_context.c'}
THREAD_LOCAL_ALLOWED = {'message'}  # the error message, lib/base/status.c


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def parse_map(path):
    """{function: node} of a GNU version script."""
    symbols = {}
    text = re.sub(r'/\*.*?\*/|#[^\n]*', '', pathlib.Path(path).read_text(), flags=re.S)
    for node, body in re.findall(r'(\w[\w.]*)\s*\{(.*?)\}', text, re.S):
        exported = re.split(r'\blocal\s*:', body)[0].replace('global:', '')
        symbols.update((name.strip(), node) for name in exported.split(';') if name.strip())
    return symbols


def exports_of(library):
    """{function: node} of a shared library."""
    symbols = {}
    for line in output_of('nm', '-D', '--defined-only', '--with-symbol-versions',
                          str(library)).splitlines():
        kind, name = line.split()[-2:]
        if kind != 'A':
            symbols[re.split('@+', name)[0]] = name.split('@')[-1] if '@' in name else ''
    return symbols


def check_lists(functions, mapped, exported):
    """functions: {name: Function} of the headers. All three say the same."""
    complaints = []
    lists = {'the headers': set(functions), 'lib/mi.map': set(mapped), 'libmi.so': set(exported)}
    everything = set().union(*lists.values())
    for where, names in lists.items():
        complaints += ['%s is missing from %s' % (n, where) for n in sorted(everything - names)]
    for name, function in sorted(functions.items()):
        since = re.search(r'@since[ \t]+([\d.]+)', function.doc)
        node = 'LIBMI_' + (since.group(1) if since else '?')
        for where, symbols in (('lib/mi.map', mapped), ('libmi.so', exported)):
            if symbols.get(name, node) != node:
                complaints.append('%s is in node %s of %s, its @since says %s' %
                                  (name, symbols[name], where, node))
    return complaints


def check_prefix(archive):
    """Whoever links libmi.a gets every global name of it, hidden or not."""
    complaints = []
    for line in output_of('nm', '-A', '-g', '--defined-only', str(archive)).splitlines():
        name = line.split()[-1]
        if not re.match(r'mi_', name):
            complaints.append('%s is global in %s' % (name, line.split(':')[-2]))
    return complaints


def data_symbols(archive):
    """(object file, section, symbol) of every variable in a static library."""
    member = ''
    for line in output_of('objdump', '-t', str(archive)).splitlines():
        found = re.match(r'(?:.*[/(])?([^/()]+\.o)\)?:\s+file format', line)
        if found:
            member = found.group(1)
        row = re.match(r'[0-9a-f]{8,} (.{7}) (\S+)\s+[0-9a-f]+\s+(?:\.hidden )?(\S+)$', line)
        if row and not set('dfF') & set(row.group(1)) and row.group(2) != row.group(3):
            yield member, row.group(2), row.group(3)


def check_globals(archive):
    complaints = []
    for member, section, name in data_symbols(archive):
        thread_local = re.match(r'\.t(bss|data)', section)
        writable = re.match(r'(\.data|\.bss|\.ldata|\.lbss|\*COM\*)', section)
        relocated = section.startswith('.data.rel.ro')
        if thread_local and name not in THREAD_LOCAL_ALLOWED:
            complaints.append('%s: %s is thread-local' % (member, name))
        elif writable and not relocated:
            complaints.append('%s: %s in %s is writable' % (member, name, section))
    return complaints


def check_calls(archive):
    complaints = []
    for line in output_of('nm', '-A', '-u', str(archive)).splitlines():
        name, member = line.split()[-1], line.split(':')[-2]
        allowed = CALLS_ALLOWED_IN.get(name)
        if name in FORBIDDEN_CALLS and not (allowed and member.endswith(allowed + '.o')):
            complaints.append('%s calls %s' % (member, name))
    return complaints


def main():
    root, library, archive, instrumented = pathlib.Path(sys.argv[1]), *sys.argv[2:5]
    tap = Tap()
    functions = headers.functions_of(headers.parse_all(root / 'include/mi'))
    exported = exports_of(library)
    tap.point('headers, map and library name the same functions',
              check_lists(functions, parse_map(root / 'lib/mi.map'), exported))
    tap.point('no export is somebody else\'s', lint.forbidden_among(
        exported, lint.read_forbidden(root / 'tests/abi/forbidden.txt')))
    for name, check in (('global names begin with mi_', check_prefix),
                        ('no writable globals', check_globals),
                        ('no forbidden calls', check_calls)):
        if instrumented == '1':
            tap.skip(name, 'sanitizers and coverage add symbols of their own')
        elif check is check_globals and not shutil.which('objdump'):
            tap.skip(name, 'objdump is not installed')
        else:
            tap.point(name, check(archive))
    tap.end()


if __name__ == '__main__':
    main()
