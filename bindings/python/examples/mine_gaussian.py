# SPDX-License-Identifier: BSD-2-Clause
"""The mutual information of correlated Gaussians: the formula, a histogram, and a network.

The critic sees each batch once, so that its estimates are of fresh samples.

    python mine_gaussian.py [--rho 0.5] [--steps 1000] [--batch 1000] [--bound mine] [--dim 1]
                            [--seed 1] [--out curve.csv]
"""
import argparse
import json
import math
import sys

import numpy as np

import libmi


def draw(count, options, stream):
    """Samples of x and y, [count, dim] each: N(0, 1), column by column of the correlation rho."""
    x, noise = libmi.random.normal((2, count, options.dim), options.seed, stream)
    return x, options.rho * x + math.sqrt(1 - options.rho ** 2) * noise


def learn(options):
    """The estimate of each step."""
    mine = libmi.Mine(options.dim, options.dim, options.bound, 'additive', units=16, rate=0.01,
                      seed=options.seed)
    estimates = []
    for step in range(1, options.steps + 1):
        estimates.append(mine.step(*draw(options.batch, options, step)).estimate)
        if step % 100 == 0:
            print(f'step {step}: {np.mean(estimates[-100:]):.4f} nats', file=sys.stderr)
    return estimates


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--rho', type=float, default=0.5, help='correlation, -1 to 1')
    parser.add_argument('--steps', type=int, default=1000, help='batches to learn from')
    parser.add_argument('--batch', type=int, default=1000, help='samples of a step')
    parser.add_argument('--bound', default='mine', help='such as dv, infonce, smile')
    parser.add_argument('--dim', type=int, default=1, help='columns of x and of y')
    parser.add_argument('--seed', type=int, default=1, help='of samples and weights')
    parser.add_argument('--out', help='a CSV file for the estimate of each step')
    options = parser.parse_args()
    if not -1 < options.rho < 1 or options.steps < 1 or options.dim < 1:
        sys.exit('mine_gaussian.py: rho has to be between -1 and 1, steps and dim 1 or more')
    told = {'exact': -options.dim / 2 * math.log(1 - options.rho ** 2)}
    try:
        if options.dim == 1:
            x, y = draw(10 ** 6, options, 0)
            told['histogram'] = float(libmi.mutual_information(x, y, method='histogram', bins=100))
        estimates = learn(options)
        if options.out:
            with open(options.out, 'w', encoding='utf-8') as file:
                file.write('step,estimate\n')
                file.writelines(f'{i},{e:.6f}\n' for i, e in enumerate(estimates, 1))
    except (libmi.Error, OSError) as error:
        sys.exit(f'mine_gaussian.py: {error}')
    told['network'] = float(np.mean(estimates[len(estimates) // 5:]))  # the rest was for learning
    print(', '.join(f'{name} {value:.4f}' for name, value in told.items()), 'nats')
    print(json.dumps({name: round(value, 6) for name, value in told.items()}))


if __name__ == '__main__':
    main()
