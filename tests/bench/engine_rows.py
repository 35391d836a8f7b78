# SPDX-License-Identifier: BSD-2-Clause
"""What engine.py measures, as every side sees it: rows, networks from their descriptions, and the
files by which sides hand each other numbers."""
import array
import collections
import math
import os
import random
import re

# A training step. `kind` 'iic': n images and their twins, the loss is IIC's mean over the heads;
# 'features': n images, the loss is the sum of the features times fixed numbers. `aim` is the ratio
# that libmi aims at.
Training = collections.namedtuple('Training', 'name kind text input n aim')

# A convolution with `images` of side `size`, `part` 'forward', 'input' or 'weights': the output or
# a gradient.
Convolution = collections.namedtuple(
    'Convolution', 'name images size inputs outputs kernel stride pad part aim')

# Layers that learn have `shapes`, those of their parameters as libmi has them: conv [kernel]
# [kernel][in][out], dense [in][out], then biases; bn scale and shift. `map` is (h, w, c) of the
# input.
Layer = collections.namedtuple('Layer', 'kind map shapes stride pad slope',
                               defaults=((), 1, 0, 0.0))

STACK = 'conv %d, bn, relu, maxpool, '
VGG_F = (STACK * 3 + 'conv %d, bn, relu') % (64, 128, 256, 512)
STRIDES = ''.join('conv %d 4x4 stride 2, bn, relu, ' % c for c in (64, 128, 256))
SEEDS = ''.join('conv %d, bn, leaky, maxpool, ' % c for c in (64, 128, 256))
PARTS = {'forward': 'forward', 'input': 'gradient by input', 'weights': 'gradient by weights'}


def training_rows():
    digits, picture, vector = (24, 24, 1), (32, 32, 3), (1, 1, 2)
    return [
        Training('IIC, 5 x 10 and 5 x 50', 'iic', 'vgg-f | 5 x softmax 10, 5 x softmax 50', digits,
                 512, 4),
        Training('IIC, 10', 'iic', 'vgg-f | softmax 10', digits, 512, 4),
        Training('Deep InfoMax, 4x4', 'features', STRIDES + 'dense 1024, relu, dense 64', picture,
                 64, 3),
        Training('Deep InfoMax, 3x3', 'features', SEEDS + 'conv 256, bn, leaky, conv 256, bn, '
                 'leaky, gap, dense 64', picture, 64, 3),
        Training('critic', 'features', 'dense 256, relu, dense 256, relu, dense 1', vector, 64, 10),
    ]


def convolutions(images, size, inputs, outputs, kernel=3, stride=1):
    name = '%dx%d %d->%d' % (size, size, inputs, outputs)
    if (kernel, stride) != (3, 1):
        name += ', %dx%d' % (kernel, kernel) + (' stride %d' % stride if stride > 1 else '')
    parts = [part for part in PARTS if part != 'input' or inputs > 3]  # training needs no others
    return [Convolution(name + ', ' + PARTS[part], images, size, inputs, outputs, kernel, stride,
                        (kernel - 1) // 2, part, 2.5) for part in parts]


def all_rows():
    shapes = [(1024, 24, 1, 64), (1024, 12, 64, 128), (1024, 6, 128, 256), (1024, 3, 256, 512),
              (64, 32, 3, 64), (64, 16, 64, 128), (64, 8, 128, 256), (64, 8, 256, 256),
              (64, 32, 3, 64, 4, 2), (64, 16, 64, 128, 4, 2), (64, 8, 128, 256, 4, 2),
              (64, 8, 256, 256, 1), (64, 16, 64, 128, 5)]
    return training_rows() + [row for shape in shapes for row in convolutions(*shape)]


def flop(row):
    """Of a convolution, counted as the direct one: a product and a sum for each term."""
    size = (row.size + 2 * row.pad - row.kernel) // row.stride + 1
    return 2 * row.images * size**2 * row.kernel**2 * row.inputs * row.outputs


# -- networks ------------------------------------------------------------------------------------

def layer(text, here, biased):
    """The layer and the map behind it."""
    kind, *words = text.split()
    h, w, c = here
    if kind == 'conv':
        size = int(words[1].split('x')[0]) if words[1:] else 3
        stride = int(words[3]) if words[3:] else 1
        out, pad = int(words[0]), (size - 1) // 2
        shapes = [(size, size, c, out)] + [(out,)] * biased
        there = tuple((x + 2 * pad - size) // stride + 1 for x in (h, w)) + (out,)
        return Layer(kind, here, shapes, stride, pad), there
    if kind == 'dense':
        out = int(words[0])
        return Layer(kind, here, [(h * w * c, out), (out,)]), (1, 1, out)
    if kind == 'bn':
        return Layer(kind, here, [(c,), (c,)]), here
    if kind in ('relu', 'leaky'):
        return Layer('leaky', here, slope=0.0 if kind == 'relu' else 0.01), here
    return Layer(kind, here), {'maxpool': (h // 2, w // 2, c), 'gap': (1, 1, c)}[kind]


def network(row):
    """Layers, and the widths of the heads."""
    trunk, _, heads = row.text.replace('vgg-f', VGG_F).partition('|')
    texts, here, made = [text.strip() for text in trunk.split(',')], row.input, []
    for text, following in zip(texts, texts[1:] + ['']):
        one, here = layer(text, here, following != 'bn')
        made.append(one)
    widths = []
    for count, width in re.findall(r'(?:(\d+) x )?softmax (\d+)', heads):
        widths += [int(width)] * int(count or 1)
        made += [Layer('dense', here, [(here[0] * here[1] * here[2], int(width)), (int(width),)])
                 for _ in range(int(count or 1))]
    return made, widths


def images(row):
    return 2 * row.n if row.kind == 'iic' else row.n


# -- numbers -------------------------------------------------------------------------------------

# 'start' has the images, the gradient of the features and all parameters; 'result' the loss, the
# outputs and the gradients of all parameters, in float32 and in this order.

def noise(seed, count):
    """Uniform in -1 to 1, quickly."""
    words = array.array('h', random.Random(seed).randbytes(2 * count))
    return array.array('f', (x / 32768 for x in words))


def write(folder, name, arrays):
    with open(os.path.join(folder, name), 'wb') as file:
        for one in arrays:
            file.write(memoryview(one).cast('B'))


def by_length(apart, whole):
    """A difference by the length of what differs; infinite, to be noticed, where it is no number."""
    ratio = apart / whole if whole else math.inf if apart else 0.0
    return ratio if ratio == ratio else math.inf


def read(folder, name):
    made = array.array('f')
    path = os.path.join(folder, name)
    with open(path, 'rb') as file:
        made.fromfile(file, os.path.getsize(path) // 4)
    return made
