# SPDX-License-Identifier: BSD-2-Clause
"""`python -m libmi`: which build this is, and a tour on one screen."""
from __future__ import annotations

import argparse
import sys
import textwrap

import libmi
from libmi import _library

TOUR = '''\
How much x tells about y, of NumPy arrays, tables and lists
  mutual_information, entropy, discrete, Mine           with errors and p-values
Objectives on NumPy arrays, value and gradient
  Bound                  17 bounds on mutual information: infonce, mine, ...
  IIC, prior             invariant information clustering; priors on codes
Clustering without labels
  Dataset, Pairs, Encoder, Optimizer, Cluster           images, from Python
  libmi.sklearn          IICClusterer, for scikit-learn
Also
  linear_sum_assignment, score, Probe, write_png        as their names say
  libmi.torch, libmi.jax, libmi.plot                    with these packages

Try
  python -c "import libmi; print(*(b.name for b in libmi.bounds()))"
  python -c "import libmi; print(libmi.discrete.entropy([1,1,2], unit='bits'))"
  python -c "import libmi; print(libmi.Dataset.digits(3)[0][1])"

help(libmi.Cluster) and so on; the tutorial is docs/python.md of the source.'''


def main(arguments: list[str] | None = None) -> int:
    """Prints, and returns the exit status."""
    parser = argparse.ArgumentParser(prog='python -m libmi', description=__doc__)
    parser.add_argument('--version', action='store_true', help='print the version alone')
    if parser.parse_args(arguments).version:
        print(libmi.library_version())
        return 0
    print('\n'.join(textwrap.wrap(libmi.build_info(), 80)))
    print(textwrap.shorten(f'from {_library.path}', 80))
    print()
    print(TOUR)
    return 0


if __name__ == '__main__':
    sys.exit(main())
