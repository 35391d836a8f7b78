# SPDX-License-Identifier: BSD-2-Clause
"""Estimates mutual information that is known, with networks, optimizer and loop in NumPy.

libmi gives one thing: a bound on the information between two embeddings, and its gradient. The
views are Gaussians of 2 dimensions, correlated one by one.

    python host_loop.py [--steps 1000] [--seed 1] [--correlation 0.8]
"""
import argparse
import json
import math
import sys

import numpy as np

import libmi

BATCH, DIMENSIONS, HIDDEN, CODE = 256, 2, 32, 16


class Network:
    """Two layers with tanh in between; `learn` makes a step of Adam."""

    def __init__(self, random):
        shapes = (DIMENSIONS, HIDDEN), (HIDDEN,), (HIDDEN, CODE)
        self.weights = [0.3 * random.standard_normal(s, np.float32) for s in shapes]
        self.moments = [np.zeros((2, *s), np.float32) for s in shapes]
        self.steps = 0

    def __call__(self, x):
        w, b, v = self.weights
        self.x, self.h = x, np.tanh(x @ w + b)
        return self.h @ v

    def learn(self, dcode, rate):
        dh = (dcode @ self.weights[2].T) * (1 - self.h ** 2)
        self.steps += 1
        rate *= math.sqrt(1 - 0.999 ** self.steps) / (1 - 0.9 ** self.steps)
        for weight, (mean, square), gradient in zip(
                self.weights, self.moments, (self.x.T @ dh, dh.sum(0), self.h.T @ dcode)):
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient ** 2 - square)
            weight -= rate * mean / (np.sqrt(square) + 1e-8)


def views(random, correlation):
    """Two views of each sample of a batch."""
    x, noise = random.standard_normal((2, BATCH, DIMENSIONS), np.float32)
    return x, correlation * x + math.sqrt(1 - correlation ** 2) * noise


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--steps', type=int, default=1000, help='batches to learn from')
    parser.add_argument('--seed', type=int, default=1, help='of data and weights')
    parser.add_argument('--correlation', type=float, default=0.8, help='of the views')
    options = parser.parse_args()
    if options.steps < 0 or options.seed < 0 or not -1 < options.correlation < 1:
        sys.exit('host_loop.py: steps and seed have to be 0 or more, '
                 'and the correlation between -1 and 1')
    random = np.random.default_rng(options.seed)
    f, g = Network(random), Network(random)
    infonce = libmi.Bound('infonce', columns=0.5)  # both directions, else each row is free
    for step in range(options.steps):
        x, y = views(random, options.correlation)
        result = infonce.embeddings(f(x), g(y), grad=True)
        rate = 0.02 * (1 - step / options.steps)
        f.learn(result.du, rate)
        g.learn(result.dv, rate)
        if (step + 1) % 100 == 0:
            print(f'step {step + 1}: estimate {result.estimate:.3f} nats', file=sys.stderr)
    fresh = [views(random, options.correlation) for _ in range(100)]
    told = {kind: float(np.mean([bound.embeddings(f(x), g(y)).estimate for x, y in fresh]))
            for kind, bound in (('infonce', infonce), ('dv', libmi.Bound('dv')))}
    truth = -DIMENSIONS / 2 * math.log(1 - options.correlation ** 2)
    print(f'New data: infonce says {told["infonce"]:.3f} nats, dv {told["dv"]:.3f}; '
          f'the truth is {truth:.3f}.')
    print(json.dumps({'truth': round(truth, 4), **{k: round(v, 4) for k, v in told.items()}}))


if __name__ == '__main__':
    main()
