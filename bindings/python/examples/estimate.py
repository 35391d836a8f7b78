# SPDX-License-Identifier: BSD-2-Clause
"""How much each column of a table tells about one of them.

The first line has the columns' names. What are not numbers are names of classes.

    python estimate.py flowers.csv kind                  the target is the column "kind"
    python estimate.py - price --given year --unit bits  of standard input, beyond what year tells
"""
import argparse
import csv
import json
import sys
import warnings

import numpy as np

import libmi


def read(file):
    """Columns by name, of numbers or of names."""
    rows = [row for row in csv.reader(file) if row]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1:
        raise ValueError('a line of names is needed, and then lines of as many values')
    table = {}
    for name, *values in zip(*rows):
        column = np.array([value.strip() for value in values])
        try:
            column = column.astype(float)
        except ValueError:
            pass
        table[name.strip()] = column
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('file', help='CSV; -: standard input')
    parser.add_argument('target', help='name of a column')
    parser.add_argument('--given', help='name of a column that is known in any case')
    parser.add_argument('--unit', default='nats', help='nats or bits')
    parser.add_argument('--method', default='auto', help='such as ksg, histogram, gaussian')
    options = parser.parse_args()
    warnings.simplefilter('ignore', libmi.EstimateWarning)  # they are in the table
    told = {}
    try:
        if options.file == '-':
            table = read(sys.stdin)
        else:
            with open(options.file, encoding='utf-8', newline='') as file:
                table = read(file)
        for word in filter(None, (options.target, options.given)):
            if word not in table:
                raise ValueError(f'there is no column {word!r}: they are {", ".join(table)}')
        target, given = table[options.target], table.get(options.given)
        for name, column in table.items():
            if name not in (options.target, options.given):
                told[name] = libmi.mutual_information(column, target, given, unit=options.unit,
                                                      method=options.method, resamples=True)
    except (OSError, ValueError, libmi.Error) as error:
        sys.exit(f'estimate.py: {options.file}: {error}')
    width = max(map(len, told), default=0)
    for name, estimate in sorted(told.items(), key=lambda item: -item[1].value):
        print(f'{name:{width}}  {estimate}')
    print(json.dumps({name: round(estimate.value, 6) for name, estimate in told.items()}))


if __name__ == '__main__':
    main()
