# SPDX-License-Identifier: BSD-2-Clause
"""Reads the public headers: declarations with their documentation, structs, enums.

The headers keep to a small dialect (see CONTRIBUTING.md), so that a few regular expressions
understand them; what the dialect does not allow, `stray_text` returns.
"""
import pathlib
import re
from dataclasses import dataclass, field

IDENTIFIER = r'[A-Za-z_]\w*'
COMMENT = re.compile(r'/\*.*?\*/', re.S)
DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$', re.M)
DOCUMENTED = re.compile(
    r'(?:/\*\*((?:(?!\*/).)*)\*/\s*)?^(LIBMI_API\b[^;]*);', re.S | re.M)
STRUCT = re.compile(r'\bstruct\s+(%s)\s*\{(.*?)\}\s*(%s)?\s*;' % (IDENTIFIER, IDENTIFIER), re.S)
ENUM = re.compile(r'\benum\s+(%s)\s*\{(.*?)\}\s*;' % IDENTIFIER, re.S)


@dataclass
class Function:
    name: str
    returns: str
    params: list
    doc: str
    text: str
    line: int


@dataclass
class Header:
    path: pathlib.Path
    text: str
    functions: list = field(default_factory=list)
    structs: dict = field(default_factory=dict)    # name -> member names
    opaque: list = field(default_factory=list)
    enums: dict = field(default_factory=dict)      # name -> [(constant, has its value written)]
    macros: list = field(default_factory=list)
    includes: list = field(default_factory=list)
    stray_text: list = field(default_factory=list)


def blank(match):
    return re.sub(r'[^\n]', ' ', match.group())


def split_at_commas(text):
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += c in '([{'
        depth -= c in ')]}'
        if c == ',' and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [p.strip() for p in parts + [text[start:]] if p.strip()]


def declared_name(declaration):
    """`x` of `const float *x`, `int32_t x[8]` or `void (*x)(int y)`."""
    pointer = re.search(r'\(\s*\*\s*(%s)\s*\)' % IDENTIFIER, declaration)
    if pointer:
        return pointer.group(1)
    plain = re.search(r'(%s)\s*(?:\[[^\]]*\]\s*)*$' % IDENTIFIER, declaration)
    return plain.group(1) if plain else ''


def parse_function(match, text):
    declaration = ' '.join(COMMENT.sub(' ', match.group(2)).split())
    found = re.match(r'LIBMI_API\s+(.*?)(%s)\s*\((.*)\)\s*$' % IDENTIFIER, declaration)
    if not found:
        return None
    params = [declared_name(p) for p in split_at_commas(found.group(3)) if p != 'void']
    return Function(found.group(2), found.group(1).strip(), params, match.group(1) or '',
                    declaration, text.count('\n', 0, match.start(2)) + 1)


def parse(path):
    path = pathlib.Path(path)
    text = path.read_text(encoding='utf-8')
    header = Header(path, text)
    header.includes = re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"][^>"]*[>"])', text, re.M)
    header.macros = re.findall(r'^[ \t]*#[ \t]*define[ \t]+(%s)' % IDENTIFIER, text, re.M)

    undirected = DIRECTIVE.sub(blank, text)
    for match in DOCUMENTED.finditer(undirected):
        function = parse_function(match, undirected)
        if function:
            header.functions.append(function)

    code = COMMENT.sub(blank, undirected)
    for name, body, _ in STRUCT.findall(code):
        header.structs[name] = [declared_name(m) for m in body.split(';') if m.strip()]
    header.opaque = re.findall(r'\btypedef\s+struct\s+(%s)\s+\1\s*;' % IDENTIFIER, code)
    for name, body in ENUM.findall(code):
        header.enums[name] = [(c.split('=')[0].strip(), '=' in c) for c in split_at_commas(body)]

    rest = ENUM.sub('', STRUCT.sub('struct \\1;', code))
    rest = re.sub(r'\bLIBMI_(BEGIN|END)_DECLS\b', '', rest)
    for statement in rest.split(';'):
        statement = ' '.join(statement.split())
        if statement and not re.match(
                r'LIBMI_API\s.*\)$|typedef\s[^(){}]*$|(enum|struct)\s+%s$' % IDENTIFIER, statement):
            header.stray_text.append(statement)
    return header


def parse_all(folder):
    return [parse(p) for p in sorted(pathlib.Path(folder).glob('*.h'))]


def functions_of(headers):
    return {f.name: f for h in headers for f in h.functions}


def identifiers_of(headers):
    """Everything that including the headers puts into a host's name space."""
    names = set()
    for h in headers:
        names.update(f.name for f in h.functions)
        names.update(h.structs, h.opaque, h.enums, h.macros)
        names.update(constant for enum in h.enums.values() for constant, _ in enum)
    return names


def version_of(folder):
    text = (pathlib.Path(folder) / 'version.h').read_text(encoding='utf-8')
    part = dict(re.findall(r'#define LIBMI_VERSION_(MAJOR|MINOR|PATCH) (\d+)', text))
    return tuple(int(part[k]) for k in ('MAJOR', 'MINOR', 'PATCH'))
