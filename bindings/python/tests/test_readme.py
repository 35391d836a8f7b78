# SPDX-License-Identifier: BSD-2-Clause
"""The code in README.md and docs/python.md runs, and prints what stands behind its lines.

`print(x)  # 3` prints 3; after `# about` numbers may differ by 3 %. The README's training is cut
short, unless LIBMI_FULL=1 is in the environment. Pieces for packages that are absent are left out.
"""
import code as interpreter
import contextlib
import importlib.util
import io
import os
import pathlib
import re

import pytest

import libmi

ROOT = pathlib.Path(__file__).parent.parent.parent.parent
OPTIONAL = {'sklearn', 'torch', 'jax', 'matplotlib'}
SHORT = not os.environ.get('LIBMI_FULL')


def blocks(name):
    """Python's blocks, each with its line number."""
    path = ROOT / name
    if not path.exists():
        pytest.skip(f'there is no source tree with {name}')
    text = path.read_text(encoding='utf-8')
    return [(text[:found.start(1)].count('\n') + 1, found.group(1))
            for found in re.finditer(r'^```python\n(.*?)^```$', text, re.DOTALL | re.MULTILINE)]


def absent(code):
    """Packages that a piece is for, and that are not there."""
    wanted = set(re.findall(r'^(?:from|import) (?:libmi\.)?(\w+)', code, re.MULTILINE))
    if 'import plot' in code:
        wanted.add('matplotlib')
    return sorted(name for name in wanted & OPTIONAL if importlib.util.find_spec(name) is None)


def expected(code):
    return re.findall(r'^ *print\(.*\) +# (.+)$', code, re.MULTILINE)


def agree(told, words):
    number = r'-?\d+(?:\.\d+)?'
    if not words.startswith('about '):
        return told == words
    words = words[len('about '):]
    if re.sub(number, '', told) != re.sub(number, '', words):
        return False
    return [float(n) for n in re.findall(number, told)] == pytest.approx(
        [float(n) for n in re.findall(number, words)], rel=0.03)


def run(name):
    """Runs the blocks, and says what is printed and what should be."""
    shared = {'__name__': '__main__'}
    for line, code in blocks(name):
        if not absent(code):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile('\n' * line + code, name, 'exec'), shared)
            yield line, printed.getvalue().splitlines(), expected(code)


def check(name, doubtful=()):
    """All that is printed is what should be, and how many lines that was."""
    wrong, count = [], 0
    for line, told, words in run(name):
        assert len(told) == len(words), f'{name} after line {line} printed {told}'
        wrong += [f'{name} after line {line} prints {is_}, and not {should}'
                  for is_, should in zip(told, words)
                  if should not in doubtful and not agree(is_, should)]
        count += len(words)
    assert not wrong, '\n'.join(wrong)
    return count


def test_readme(monkeypatch):
    if SHORT:
        monkeypatch.setattr(libmi.Dataset, 'open', lambda path, split='train':
                            libmi.Dataset.digits(512, first=0 if split == 'train' else 512))
    assert check('README.md', doubtful=['about 0.999'] if SHORT else []) == 5


def test_tutorial(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('MPLBACKEND', 'agg')  # pyplot may be without a display
    assert check('docs/python.md') > 20
    if importlib.util.find_spec('matplotlib'):
        assert {path.name for path in tmp_path.glob('*.png')} == {
            'clusters.png', 'confusion.png', 'curves.png', 'learning.png'}


class Reader(interpreter.InteractiveConsole):
    """Takes lines as an interpreter does, and runs nothing."""

    def runcode(self, code):
        pass

    def showsyntaxerror(self, *args, **kwargs):
        raise AssertionError('here a blank line is absent, or is one too many')


@pytest.mark.parametrize('name', ['README.md', 'docs/python.md'])
def test_pieces_can_be_pasted(name):
    for start, piece in blocks(name):
        reader = Reader()
        for number, line in enumerate([*piece.splitlines(), ''], start + 1):
            try:
                reader.push(line)
            except AssertionError as error:
                pytest.fail(f'{name}:{number}: {error}: {line}')


def test_expectations_are_held():
    assert agree('3 (2,)', '3 (2,)') and not agree('3 (2,)', '3 (3,)')
    assert agree('3.01 (2,)', 'about 3.00 (2,)') and not agree('3.2 (2,)', 'about 3.0 (2,)')
    assert not agree('3.01 x', 'about 3.00')
    assert expected('if a:\n    print(f(x))  # about 3\nprint(1)\n') == ['about 3']
