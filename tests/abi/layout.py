# SPDX-License-Identifier: BSD-2-Clause
"""Pins the size of every public struct, the place of every member and the value of every constant,
and finds padding: a member that is later put there would not change sizeof.

usage: layout.py [--update] SOURCE_ROOT COMPILER..."""
import json
import pathlib
import subprocess
import sys
import tempfile

import headers
from tap import Tap

PROGRAM = '''#include <mi/mi.h>
#include <stdio.h>
#define SIZE(type) printf("size %%s %%zu\\n", #type, sizeof(type));
#define MEMBER(type, m) printf("member %%s %%s %%zu %%zu\\n", #type, #m, offsetof(type, m), \\
                               sizeof(((type *)0)->m));
#define CONSTANT(type, c) printf("constant %%s %%s %%lld\\n", #type, #c, (long long)(c));
int main(void) {
    printf("pointer %%zu\\n", sizeof(void *));
%s
    return 0;
}
'''


def program(parsed):
    lines = []
    for h in parsed:
        for name, members in h.structs.items():
            lines.append('SIZE(%s)' % name)
            lines += ['MEMBER(%s, %s)' % (name, m) for m in members]
        for name, constants in h.enums.items():
            lines += ['CONSTANT(%s, %s)' % (name, c) for c, _ in constants]
    return PROGRAM % '\n'.join('    ' + line for line in lines)


def measure(include, compiler):
    """{'pointer': 8, 'structs': {name: {'size': n, 'members': {m: 'offset+size'}}}, 'enums': ...}"""
    with tempfile.TemporaryDirectory() as folder:
        source, binary = pathlib.Path(folder) / 'layout.c', pathlib.Path(folder) / 'layout'
        source.write_text(program(headers.parse_all(include / 'mi')))
        subprocess.run([*compiler, '-std=c11', '-I', str(include), str(source), '-o', str(binary)],
                       check=True)
        output = subprocess.run([str(binary)], capture_output=True, text=True, check=True).stdout
    found = {'pointer': 0, 'structs': {}, 'enums': {}}
    for kind, *fields in (line.split() for line in output.splitlines()):
        if kind == 'pointer':
            found['pointer'] = int(fields[0])
        elif kind == 'size':
            found['structs'][fields[0]] = {'size': int(fields[1]), 'members': {}}
        elif kind == 'member':
            found['structs'][fields[0]]['members'][fields[1]] = '+'.join(fields[2:])
        else:
            found['enums'].setdefault(fields[0], {})[fields[1]] = int(fields[2])
    return found


def differences(pinned, found, path=''):
    if not isinstance(pinned, dict) or not isinstance(found, dict):
        return [] if pinned == found else ['%s was %s, is %s' % (path, pinned, found)]
    complaints = []
    for key in sorted(set(pinned) | set(found)):
        where = '%s.%s' % (path, key) if path else key
        if key not in found:
            complaints.append('%s is gone' % where)
        elif key not in pinned:
            complaints.append('%s is new: run tools/abi-update if it is meant' % where)
        else:
            complaints += differences(pinned[key], found[key], where)
    return complaints


def check_padding(found):
    complaints = []
    for name, struct in found['structs'].items():
        end = 0
        for member, place in struct['members'].items():
            offset, size = map(int, place.split('+'))
            if offset != end:
                complaints.append('%s has %d bytes of padding before %s' %
                                  (name, offset - end, member))
            end = offset + size
        if end != struct['size']:
            complaints.append('%s has %d bytes of padding at the end' %
                              (name, struct['size'] - end))
    return complaints


def check_constants(found):
    """A value has one name within its enum."""
    return ['%s: %s twice' % (name, value) for name, constants in found['enums'].items()
            for value in set(constants.values()) if list(constants.values()).count(value) > 1]


def check_sized(found):
    """Options and reports begin with their own size."""
    return ['%s.struct_size is not its first 8 bytes' % name
            for name, struct in found['structs'].items()
            if 'struct_size' in struct['members']
            and struct['members']['struct_size'] != '0+8']


def main():
    arguments = sys.argv[1:]
    update = arguments[0] == '--update'
    root, *compiler = arguments[update:]
    root = pathlib.Path(root)
    pin = root / 'tests/abi/layout.json'
    found = measure(root / 'include', compiler)
    if update:
        pin.write_text(json.dumps(found, indent=1) + '\n')
        return
    pinned = json.loads(pin.read_text())
    tap = Tap()
    if found['pointer'] != pinned['pointer']:
        tap.skip('structs and constants are as pinned', 'pinned for 64-bit pointers')
    else:
        tap.point('structs and constants are as pinned', differences(pinned, found))
    tap.point('structs have no padding', check_padding(found))
    tap.point('options begin with their size', check_sized(found))
    tap.point('constants are distinct', check_constants(found))
    tap.end()


if __name__ == '__main__':
    main()
