# SPDX-License-Identifier: BSD-2-Clause
"""Do the sources include downwards only, and are they written the same way?

usage: sources.py SOURCE_ROOT"""
import pathlib
import re
import subprocess
import sys

from tap import Tap

# folder of lib/ -> the folders it may include besides its own
LAYERS = {
    'base': set(),
    'kernel': {'base'},
    'objective': {'base', 'kernel'},
    'assign': {'base', 'kernel'},
    'estimate': {'base', 'kernel'},
    'io': {'base'},
    'data': {'base', 'io'},
    'evaluate': {'base', 'kernel', 'assign'},
    'net': {'base', 'kernel', 'io'},
    'model': {'base', 'kernel', 'objective', 'assign', 'estimate', 'io', 'data', 'evaluate', 'net'},
}
# public header -> the folder that implements it
HOME = {
    'base.h': 'base', 'status.h': 'base', 'context.h': 'base', 'version.h': 'base',
    'iic.h': 'objective', 'bound.h': 'objective', 'bound_info.h': 'objective', 'prior.h': 'objective', 'assign.h': 'assign', 'score.h': 'evaluate',
    'samples.h': 'estimate', 'entropy.h': 'estimate', 'estimate.h': 'estimate', 'random.h': 'kernel',
    'dataset.h': 'data', 'pairs.h': 'data', 'image.h': 'io',
    'encoder.h': 'net', 'optimizer.h': 'net', 'cluster.h': 'model', 'mine.h': 'model', 'infomax.h': 'model',
    'probe.h': 'model', 'nearest.h': 'evaluate',
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)
CODE = ('.c', '.h')
TEXT = CODE + ('.py', '.md', '.build', '.txt', '.map', '.sh')
LONGEST_LINE = 100


def tracked_files(root):
    """What git knows or would add; every file where git knows none (an unpacked archive)."""
    try:
        done = subprocess.run(['git', '-C', str(root), 'ls-files', '-co', '--exclude-standard'],
                              capture_output=True, text=True)
        names = done.stdout.split('\n') if done.returncode == 0 and done.stdout else None
    except OSError: # no git at all
        names = None
    if names is None:
        names = [str(p.relative_to(root)) for p in root.rglob('*') if p.is_file()]
        names = [n for n in names if not re.match(r'build|out|\.git/|.*__pycache__', n)]
    return sorted(n for n in set(names) if n and (root / n).is_file())


def includes_of(path):
    return INCLUDE.findall(path.read_text(encoding='utf-8', errors='replace'))


def check_layers(root):
    complaints, seen = [], 0
    lib = root / 'lib'
    for path in sorted(p for p in lib.rglob('*') if p.suffix in CODE):
        folder = path.relative_to(lib).parts[0]
        if folder not in LAYERS:
            complaints.append('lib/%s has no place in the list of layers' % folder)
            continue
        for quoted, angled in includes_of(path):
            if angled.startswith('mi/'):
                target = HOME.get(angled[3:], '?')
            elif quoted:
                resolved = (path.parent / quoted).resolve()
                inside = lib.resolve() in resolved.parents
                target = resolved.relative_to(lib.resolve()).parts[0] if inside else '?'
            else:
                continue
            seen += 1
            if target != folder and target not in LAYERS[folder]:
                complaints.append('%s includes %s, which is not below lib/%s' %
                                  (path.relative_to(root), quoted or angled, folder))
    return complaints if seen else ['no include found at all']


def check_outsiders(root):
    """Examples and the tests of the interface see what a user sees, and files beside them."""
    complaints = []
    for folder, allowed in (('examples', set()), ('tests/api', {'../unit/unit.h'}),
                            ('tests/install', set())):
        for path in sorted(p for p in (root / folder).rglob('*') if p.suffix in CODE):
            complaints += ['%s includes "%s"' % (path.relative_to(root), quoted)
                           for quoted, _ in includes_of(path)
                           if '/' in quoted and quoted not in allowed]
    return complaints


def check_unique_names(root):
    """An archive of objects, and a debugger, know files by their bare names."""
    seen, complaints = {}, []
    for path in sorted((root / 'lib').rglob('*.[ch]')):
        if path.name in seen:
            complaints.append('%s and %s' % (seen[path.name], path.relative_to(root)))
        seen[path.name] = path.relative_to(root)
    return complaints


def check_text(name, data):
    complaints = []
    if data and not data.endswith(b'\n'):
        complaints.append('%s: no newline at the end' % name)
    if data.endswith(b'\n\n'):
        complaints.append('%s: blank line at the end' % name)
    if b'\r' in data:
        complaints.append('%s: carriage return' % name)
    code = name.endswith(CODE)
    for number, line in enumerate(data.split(b'\n'), 1):
        where = '%s:%d' % (name, number)
        if b'\t' in line:
            complaints.append(where + ': tab')
        if line != line.rstrip():
            complaints.append(where + ': trailing blank')
        if name.startswith(('lib/', 'include/')) and not line.isascii():
            complaints.append(where + ': not ASCII')
        if code and len(line.decode('utf-8', 'replace')) > LONGEST_LINE:
            complaints.append('%s: longer than %d columns' % (where, LONGEST_LINE))
    if code and not data.startswith(b'/* SPDX-License-Identifier: BSD-2-Clause */\n'):
        complaints.append('%s: no SPDX line at the top' % name)
    return complaints


def check_style(root):
    complaints = []
    for name in tracked_files(root):
        if name.endswith(TEXT) or name.startswith(('tools/', '.ci/')):
            complaints += check_text(name, (root / name).read_bytes())
    return complaints


def main():
    root = pathlib.Path(sys.argv[1])
    tap = Tap()
    tap.point('lib/ includes downwards only', check_layers(root))
    tap.point('examples and tests/api see public headers only', check_outsiders(root))
    tap.point('file names in lib/ are unique', check_unique_names(root))
    tap.point('text is clean', check_style(root))
    tap.end()


if __name__ == '__main__':
    main()
