# SPDX-License-Identifier: BSD-2-Clause
"""Are the public headers documented and within their dialect? See CONTRIBUTING.md.

usage: lint.py SOURCE_ROOT"""
import fnmatch
import pathlib
import re
import sys

import headers
from tap import Tap

LONGEST_HEADER = 400
SYSTEM_INCLUDES = {'<stddef.h>', '<stdint.h>'}


def plain_text(doc):
    return '\n'.join(re.sub(r'^\s*\* ?', '', line) for line in doc.split('\n')).strip()


def first_sentence(doc):
    before_tags = re.split(r'^\s*@(?:param|return|since|note)\b', plain_text(doc), flags=re.M)[0]
    return re.search(r'\w.*[.:](\s|$)', before_tags, re.S)


def check_documentation(function, version):
    """One function's block: a sentence, @param for each parameter, @return, @since."""
    where = '%s (line %d)' % (function.name, function.line)
    if not function.doc:
        return ['%s has no /** block right above it' % where]
    doc = plain_text(function.doc)
    complaints = []
    if not first_sentence(function.doc):
        complaints.append('%s does not begin with a sentence' % where)
    documented = re.findall(r'^@param(?:\[(?:in|out|in,out)\])?[ \t]+(\w+)[ \t]+\S', doc, re.M)
    if documented != function.params:
        complaints.append('%s documents (%s), takes (%s)' %
                          (where, ', '.join(documented), ', '.join(function.params)))
    if ('@return' in doc) == (function.returns == 'void'):
        complaints.append('%s: @return is there exactly if something is returned' % where)
    since = re.findall(r'^@since[ \t]+(\d+)\.(\d+)$', doc, re.M)
    if len(since) != 1:
        complaints.append('%s needs one @since MAJOR.MINOR' % where)
    elif tuple(map(int, since[0])) > version[:2]:
        complaints.append('%s: @since %s is past this version' % (where, '.'.join(since[0])))
    return complaints


def check_functions(parsed, version):
    complaints = []
    for h in parsed:
        for f in h.functions:
            complaints += ['%s: %s' % (h.path.name, c) for c in check_documentation(f, version)]
            if f.returns.split()[-1] == 'mi_status' and 'LIBMI_NODISCARD' not in f.text:
                complaints.append('%s: %s returns mi_status without LIBMI_NODISCARD' %
                                  (h.path.name, f.name))
            if not re.match(r'mi_[a-z]+_\w+$', f.name):
                complaints.append('%s: %s is not mi_noun_verb' % (h.path.name, f.name))
            if '' in f.params:
                complaints.append('%s: %s has a parameter without a name' % (h.path.name, f.name))
    return complaints if headers.functions_of(parsed) else ['no function found at all']


def check_dialect(parsed):
    """Guards, includes, explicit values, and nothing but declarations."""
    complaints = []
    for h in parsed:
        guard = 'LIBMI_%s_H' % h.path.stem.upper()
        siblings = {'"%s"' % other.path.name for other in parsed}
        if not re.search(r'\A/\* SPDX-License-Identifier: BSD-2-Clause \*/\n#ifndef %s\n#define %s\n'
                         % (guard, guard), h.text) or not h.text.endswith('\n#endif\n'):
            complaints.append('%s: licence line or guard %s is not in place' % (h.path.name, guard))
        if '@file' not in h.text:
            complaints.append('%s has no @file block' % h.path.name)
        if h.text.count('\n') > LONGEST_HEADER:
            complaints.append('%s is longer than %d lines' % (h.path.name, LONGEST_HEADER))
        complaints += ['%s includes %s' % (h.path.name, i) for i in h.includes
                       if i not in SYSTEM_INCLUDES | siblings]
        complaints += ['%s: %s.%s has no explicit value' % (h.path.name, enum, constant)
                       for enum, constants in h.enums.items()
                       for constant, explicit in constants if not explicit]
        complaints += ['%s: not a declaration of the dialect: %s' % (h.path.name, s[:120])
                       for s in h.stray_text]
    return complaints


def read_forbidden(path):
    lines = (line.strip() for line in pathlib.Path(path).read_text().split('\n'))
    return [line for line in lines if line and not line.startswith('#')]


def forbidden_among(names, patterns):
    return ['%s belongs to somebody else (%s)' % (name, pattern) for name in sorted(names)
            for pattern in patterns if fnmatch.fnmatchcase(name, pattern)]


def check_names(parsed, patterns):
    complaints = forbidden_among(headers.identifiers_of(parsed), patterns)
    for h in parsed:
        complaints += ['%s: macro %s does not begin with LIBMI_' % (h.path.name, m)
                       for m in h.macros if not m.startswith('LIBMI_')]
        complaints += ['%s: type %s does not begin with mi_' % (h.path.name, t)
                       for t in [*h.structs, *h.opaque, *h.enums] if not t.startswith('mi_')]
        complaints += ['%s: constant %s does not begin with MI_' % (h.path.name, c)
                       for enum in h.enums.values() for c, _ in enum if not c.startswith('MI_')]
    return complaints


def check_lists(root, parsed, version):
    """The version and the headers' names where they are written a second time."""
    complaints = []
    names = {h.path.name for h in parsed}
    installed = set(re.findall(r"'(\w+\.h)'", (root / 'include/mi/meson.build').read_text()))
    if installed != names:
        complaints.append('include/mi/meson.build differs in %s' % sorted(installed ^ names))
    umbrella = {'"%s"' % n for n in names - {'mi.h', 'base.h'}}
    included = set(next(h for h in parsed if h.path.name == 'mi.h').includes)
    if umbrella - included:
        complaints.append('mi.h does not include %s' % sorted(umbrella - included))
    newest = re.search(r'^## .*?(\d+)\.(\d+)\.(\d+)', (root / 'NEWS.md').read_text(), re.M)
    if not newest or tuple(map(int, newest.groups())) != version:
        complaints.append('the newest entry of NEWS.md is not %d.%d.%d' % version)
    return complaints


def main():
    root = pathlib.Path(sys.argv[1])
    include = root / 'include/mi'
    parsed, version = headers.parse_all(include), headers.version_of(include)
    tap = Tap()
    tap.point('every function is documented', check_functions(parsed, version))
    tap.point('headers keep to their dialect', check_dialect(parsed))
    tap.point('no name is somebody else\'s',
              check_names(parsed, read_forbidden(root / 'tests/abi/forbidden.txt')))
    tap.point('version and headers are listed alike everywhere', check_lists(root, parsed, version))
    tap.end()


if __name__ == '__main__':
    main()
