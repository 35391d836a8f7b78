# SPDX-License-Identifier: BSD-2-Clause
"""JAX's side of engine.py: whole steps compiled by XLA, whose state is donated, in NHWC."""
import functools
import math
import sys

from engine_rows import Training, by_length, images, network, read
from engine_worker import serve

import jax
import numpy
from jax import lax
from jax import numpy as jnp

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
MOMENTUM, BN_EPSILON = 0.1, 1e-5
DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
LEAST = sys.float_info.epsilon


# -- networks ------------------------------------------------------------------------------------

def convolve(x, weight, stride, pad):
    return lax.conv_general_dilated(x, weight, (stride, stride), [(pad, pad)] * 2,
                                    dimension_numbers=DIMENSIONS)


def pooled(x):
    """2 x 2, by twos: quicker than reduce_window here. The maximum over axes of a reshaped map is
    not to be had: compiled, its gradient compares with values that were rounded otherwise."""
    n, h, w, c = x.shape
    x = x[:, :h // 2 * 2, :w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2 * c)
    x = jnp.maximum(x[:, :, 0], x[:, :, 1])
    return jnp.maximum(x[..., :c], x[..., c:])


def normalised(x, scale, shift):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) * (scale * lax.rsqrt(variance + BN_EPSILON)) + shift, [mean, variance]


def apply(layer, x, params):
    """What comes out, and the batch's statistics."""
    if layer.kind == 'conv':
        return sum(params[1:], convolve(x, params[0], layer.stride, layer.pad)), []
    if layer.kind == 'bn':
        return normalised(x, *params)
    if layer.kind == 'dense':
        return x.reshape(len(x), -1) @ params[0] + params[1], []
    if layer.kind == 'leaky':
        return jnp.where(x > 0, x, layer.slope * x), []
    return (pooled(x) if layer.kind == 'maxpool' else x.mean((1, 2))), []


def forward(row, params, x):
    """The outputs, and all statistics."""
    (layers, widths), left, seen, outputs = network(row), list(params), [], []
    for i, layer in enumerate(layers):
        mine, left = left[:len(layer.shapes)], left[len(layer.shapes):]
        y, statistics = apply(layer, x, mine)
        seen += statistics
        if i < len(layers) - len(widths):
            x = y
        else:
            outputs.append(jax.nn.softmax(y))
    return outputs or [x], seen


def iic_loss(z, zt):
    joint = z.T @ zt
    joint = (joint + joint.T) / 2
    joint = joint / joint.sum()
    rows = jnp.maximum(joint.sum(1, keepdims=True), LEAST)
    columns = jnp.maximum(joint.sum(0, keepdims=True), LEAST)
    joint = jnp.maximum(joint, LEAST)
    return -(joint * (jnp.log(joint) - jnp.log(rows) - jnp.log(columns))).sum()


def loss(row, params, x, gradient):
    outputs, seen = forward(row, params, x)
    if row.kind == 'iic':
        total = sum(iic_loss(z[:row.n], z[row.n:]) for z in outputs) / len(outputs)
    else:
        total = (outputs[0] * gradient).sum()
    return total, (outputs, seen)


def train(row, rate, state, x, gradient):
    """The state after a step of Adam."""
    count, params, running, first, second = state
    gradients, (_, seen) = jax.grad(functools.partial(loss, row), has_aux=True)(params, x, gradient)
    count = count + 1
    first = [BETA1 * m + (1 - BETA1) * g for m, g in zip(first, gradients)]
    second = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(second, gradients)]
    scale, root = rate / (1 - BETA1**count), lax.rsqrt(1 - BETA2**count)
    params = [p - scale * m / (jnp.sqrt(v) * root + EPSILON)
              for p, m, v in zip(params, first, second)]
    running = [(1 - MOMENTUM) * old + MOMENTUM * new for old, new in zip(running, seen)]
    return count, params, running, first, second


# -- steps ---------------------------------------------------------------------------------------

class Steps:
    """What a step begins is waited for after the last of them."""
    def __init__(self, function, state, *given):
        self.function, self.state, self.given = function, state, given

    def __call__(self):
        self.state = self.function(self.state, *self.given)

    def wait(self):
        jax.block_until_ready(self.state)


def start(row, folder):
    """Images, the gradient of the features, parameters."""
    values, taken = numpy.frombuffer(read(folder, 'start'), dtype=numpy.float32), 0
    layers, _ = network(row)
    shapes = [(images(row), *row.input)]
    if row.kind == 'features':
        shapes.append((row.n, layers[-1].shapes[-1][0]))
    shapes += [shape for layer in layers for shape in layer.shapes]
    made = []
    for shape in shapes:
        end = taken + math.prod(shape)
        made.append(jnp.array(values[taken:end].reshape(shape)))
        taken = end
    return (made[0], made[1], made[2:]) if row.kind == 'features' else (made[0], None, made[1:])


def training(row, folder, rate):
    x, gradient, params = start(row, folder)
    zeros = [[jnp.zeros_like(p) for p in params] for _ in range(2)]
    running = [jnp.full(layer.map[2], value, jnp.float32) for layer in network(row)[0]
               if layer.kind == 'bn' for value in (0, 1)]
    step = jax.jit(functools.partial(train, row, rate), donate_argnums=0)
    return Steps(step, (jnp.float32(0), params, running, *zeros), x, gradient)


def convolution(row):
    rng = numpy.random.default_rng(1)
    x, weight = (jnp.array(rng.random(shape, dtype=numpy.float32) - 0.5) for shape in (
        (row.images, row.size, row.size, row.inputs),
        (row.kernel, row.kernel, row.inputs, row.outputs)))
    run = functools.partial(convolve, stride=row.stride, pad=row.pad)
    y = run(x, weight)
    by_input = jax.jit(lambda weight, y: jax.vjp(lambda x: run(x, weight), x)[1](y)[0])
    by_weights = jax.jit(lambda x, y: jax.vjp(lambda w: run(x, w), weight)[1](y)[0])
    function, given = {'forward': (jax.jit(run), (x, weight)), 'input': (by_input, (weight, y)),
                       'weights': (by_weights, (x, y))}[row.part]
    return Steps(lambda _, *given: function(*given), None, *given)


class Side:
    def __init__(self, options):
        self.rate = options['rate']

    def versions(self):
        return 'JAX ' + jax.__version__

    def compare(self, row, folder):
        """The largest difference of an output or a gradient from libmi's, by its length."""
        x, gradient, params = start(row, folder)
        function = jax.jit(jax.value_and_grad(functools.partial(loss, row), has_aux=True))
        (total, (outputs, _)), gradients = function(params, x, gradient)
        found = ([total] if row.kind == 'iic' else []) + outputs + gradients
        theirs, largest = numpy.frombuffer(read(folder, 'result'), dtype=numpy.float32), 0.0
        for ours in map(numpy.ravel, found):
            other, theirs = theirs[:ours.size], theirs[ours.size:]
            apart, whole = (float(numpy.linalg.norm(one)) for one in (ours - other, ours))
            largest = max(largest, by_length(apart, whole))
        return largest

    def variants(self, row, folder):
        if isinstance(row, Training):
            return {'JAX': functools.partial(training, row, folder, self.rate)}
        return {'JAX': functools.partial(convolution, row)}


if __name__ == '__main__':
    serve(Side)
