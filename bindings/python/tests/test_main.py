# SPDX-License-Identifier: BSD-2-Clause
"""`python -m libmi`."""
import re
import shlex
import subprocess
import sys

import libmi
from libmi.__main__ import main


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def test_version():
    done = run('-m', 'libmi', '--version')
    assert (done.returncode, done.stdout) == (0, libmi.library_version() + '\n')


def test_tour_fits_on_a_screen(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 - 1  # the shell's next line
    assert max(map(len, lines)) <= 80
    assert ' '.join(lines).startswith(libmi.build_info())


def test_its_lines_run(capsys):
    main([])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('  python ')]
    assert len(lines) == 3
    printed = []
    for line in lines:
        done = run(*shlex.split(line)[1:])
        assert (done.returncode, done.stderr) == (0, '')
        printed.append(done.stdout.strip())
    assert printed[0].split() == [bound.name for bound in libmi.bounds()]
    assert printed[1] == '1.5'
    assert printed[2] == str(libmi.Dataset.digits(1).read().labels[0])


def test_names_in_the_tour_exist(capsys):
    main([])
    text = capsys.readouterr().out
    for name in re.findall(r'\b(Bound|IIC|prior|Dataset|Pairs|Encoder|Optimizer|Cluster|score|Mine|'
                           r'mutual_information|entropy|discrete|Probe|'
                           r'linear_sum_assignment|write_png)\b', text):
        assert hasattr(libmi, name)
    assert f'{len(libmi.bounds())} bounds' in text


def test_unknown_options():
    done = run('-m', 'libmi', '--nonsense')
    assert done.returncode == 2 and 'nonsense' in done.stderr
