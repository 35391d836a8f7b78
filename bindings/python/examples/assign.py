# SPDX-License-Identifier: BSD-2-Clause
"""Matches the rows of a matrix to its columns, one to one, at the least total cost.

    python assign.py costs.txt              a row a line, numbers apart by blanks or commas
    printf '4 1 3\\n2 0 5\\n' | python assign.py --maximize
"""
import argparse
import json
import sys

import numpy as np

import libmi


def read(file):
    """The matrix in a file of text."""
    lines = [line.replace(',', ' ').split() for line in file]
    rows = [[float(word) for word in line] for line in lines if line]
    if not rows or len({len(row) for row in rows}) > 1:
        raise ValueError(f'rows of {sorted({len(row) for row in rows})} numbers: '
                         'one or more are needed, all of one length')
    return np.array(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('matrix', nargs='?', default='-', help='a file; -: standard input')
    parser.add_argument('--maximize', action='store_true', help='the numbers are gains')
    options = parser.parse_args()
    try:
        if options.matrix == '-':
            cost = read(sys.stdin)
        else:
            with open(options.matrix, encoding='utf-8') as file:
                cost = read(file)
        matching = libmi.Assignment().solve(cost, maximize=options.maximize)
    except (OSError, ValueError) as error:
        sys.exit(f'assign.py: {options.matrix}: {error}')
    rows = matching.row_to_col.tolist()
    for row, column in enumerate(rows):
        print(f'{row} -> {column}  {cost[row, column]:g}' if column >= 0 else f'{row} -> none')
    print(json.dumps({'row_to_col': rows, 'total': matching.total}))


if __name__ == '__main__':
    main()
