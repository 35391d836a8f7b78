# SPDX-License-Identifier: BSD-2-Clause
"""Estimates the mutual information of two views with PyTorch, where the truth is known.

Two networks learn to embed what belongs together close together, by InfoNCE. The views are
Gaussians of 4 dimensions, correlated one by one, of which the mutual information is
-2 ln(1 - correlation^2).

    python torch_infonce.py [--steps 200] [--batch 512] [--correlation 0.8]
"""
import argparse
import math

import torch

from libmi.torch import EmbeddingBoundLoss

DIMENSIONS = 4


def views(batch, correlation):
    """Two views of each sample."""
    x, noise = torch.randn(2, batch, DIMENSIONS)
    return x, correlation * x + math.sqrt(1 - correlation ** 2) * noise


def network():
    return torch.nn.Sequential(torch.nn.Linear(DIMENSIONS, 64), torch.nn.ReLU(),
                               torch.nn.Linear(64, 32))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--steps', type=int, default=200)
    parser.add_argument('--batch', type=int, default=512)
    parser.add_argument('--correlation', type=float, default=0.8)
    options = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)  # networks as small as these lose by more
    f, g = network(), network()
    bound = EmbeddingBoundLoss('infonce', columns=0.5)  # both directions alike
    optimizer = torch.optim.Adam([*f.parameters(), *g.parameters()], lr=2e-3)
    for step in range(1, options.steps + 1):
        x, y = views(options.batch, options.correlation)
        optimizer.zero_grad()
        bound(f(x), g(y), temperature=4.).backward()
        optimizer.step()
        if step % 100 == 0:
            print(f'step {step}: {bound.last.estimate:.2f} nats')
    with torch.no_grad():  # of views never seen, and without gradients
        x, y = views(4 * options.batch, options.correlation)
        bound(f(x), g(y), temperature=4.)
    truth = -DIMENSIONS / 2 * math.log(1 - options.correlation ** 2)
    print(f'estimate {bound.last.estimate:.2f} of {truth:.2f} nats, '
          f'at most {bound.last.cap:.2f} with this batch')


if __name__ == '__main__':
    main()
