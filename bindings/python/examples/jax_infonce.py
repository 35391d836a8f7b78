# SPDX-License-Identifier: BSD-2-Clause
"""Estimates the mutual information of two views with JAX, where the truth is known.

Two networks learn to embed what belongs together close together, by InfoNCE, in a step that is
compiled as a whole. The views are Gaussians of 4 dimensions, correlated one by one, of which the
mutual information is -2 ln(1 - correlation^2).

    python jax_infonce.py [--steps 200] [--batch 512] [--correlation 0.8]
"""
import argparse
import math

import jax
import jax.numpy as jnp

from libmi.jax import bound_embeddings

DIMENSIONS = 4


def views(key, batch, correlation):
    """Two views of each sample."""
    x, noise = jax.random.normal(key, (2, batch, DIMENSIONS))
    return x, correlation * x + math.sqrt(1 - correlation ** 2) * noise


def network(key):
    first, second = jax.random.split(key)
    return [jax.random.normal(first, (DIMENSIONS, 64)) / math.sqrt(DIMENSIONS), jnp.zeros(64),
            jax.random.normal(second, (64, 32)) / 8]


def embed(weights, x):
    first, bias, second = weights
    return jax.nn.relu(x @ first + bias) @ second


def loss(weights, x, y):
    """Minus the estimate, nats."""
    f, g = weights
    return bound_embeddings('infonce', embed(f, x), embed(g, y), temperature=4., columns=0.5)


@jax.jit
def learn(weights, moments, x, y):
    """A step of gradient descent with momentum."""
    value, gradient = jax.value_and_grad(loss)(weights, x, y)
    moments = jax.tree_util.tree_map(lambda m, d: 0.9 * m + d, moments, gradient)
    return value, jax.tree_util.tree_map(lambda w, m: w - 0.02 * m, weights, moments), moments


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--steps', type=int, default=200)
    parser.add_argument('--batch', type=int, default=512)
    parser.add_argument('--correlation', type=float, default=0.8)
    options = parser.parse_args()
    keys = jax.random.split(jax.random.PRNGKey(1), options.steps + 3)
    weights = [network(keys[-1]), network(keys[-2])]
    moments = jax.tree_util.tree_map(jnp.zeros_like, weights)
    for step in range(1, options.steps + 1):
        x, y = views(keys[step], options.batch, options.correlation)
        value, weights, moments = learn(weights, moments, x, y)
        if step % 100 == 0:
            print(f'step {step}: {-value:.2f} nats')
    x, y = views(keys[0], 4 * options.batch, options.correlation)  # never seen
    truth = -DIMENSIONS / 2 * math.log(1 - options.correlation ** 2)
    print(f'estimate {-loss(weights, x, y):.2f} of {truth:.2f} nats')


if __name__ == '__main__':
    main()
