# SPDX-License-Identifier: BSD-2-Clause
"""PyTorch's side of engine.py: what one would write there, in both layouts, and compiled."""
import functools
import math

from engine_rows import Training, by_length, images, network, read
from engine_worker import serve
from objective_rows import iic_loss

import torch
from torch import nn


def to_torch(layer, values):
    """libmi's parameter as PyTorch has it."""
    if values.dim() == 4:
        return values.permute(3, 2, 0, 1)
    if values.dim() == 2:  # of a map, whose channels come first here
        h, w, c = layer.map
        return values.reshape(h, w, c, -1).permute(3, 2, 0, 1).reshape(values.shape[1], -1)
    return values


def module(layer):
    if layer.kind == 'conv':
        kernel, _, inputs, outputs = layer.shapes[0]
        return nn.Conv2d(inputs, outputs, kernel, layer.stride, layer.pad,
                         bias=len(layer.shapes) > 1)
    if layer.kind == 'leaky':
        return nn.LeakyReLU(layer.slope, inplace=True) if layer.slope else nn.ReLU(inplace=True)
    if layer.kind == 'gap':
        return nn.AdaptiveAvgPool2d(1)
    return nn.BatchNorm2d(layer.map[2]) if layer.kind == 'bn' else nn.MaxPool2d(2)


class Network(nn.Module):
    def __init__(self, row):
        super().__init__()
        layers, widths = network(row)
        self.iic, trunk = row.kind == 'iic', layers[:len(layers) - len(widths)]
        made, flat = [], False
        for layer in trunk:
            if layer.kind == 'dense' and not flat:
                made.append(nn.Flatten())
            flat = flat or layer.kind == 'dense'
            made.append(nn.Linear(*layer.shapes[0]) if flat and layer.shapes else module(layer))
        self.trunk = nn.Sequential(*made)
        self.heads = nn.ModuleList(nn.Linear(*head.shapes[0]) for head in layers[len(trunk):])
        self.layers = layers

    def outputs(self, x):
        features = self.trunk(x)
        if not self.iic:
            return [features]
        features = features.flatten(1)
        return [head(features).softmax(1) for head in self.heads]

    def loss(self, x, gradient):
        return self.of_outputs(self.outputs(x), gradient)

    def of_outputs(self, outputs, gradient):
        if not self.iic:
            return (outputs[0] * gradient).sum()
        n = len(outputs[0]) // 2
        return sum(iic_loss(z[:n].T @ z[n:]) for z in outputs) / len(outputs)

    def learnt(self):
        """(layer, shape at libmi's, parameter), in libmi's order."""
        shapes = [(layer, shape) for layer in self.layers for shape in layer.shapes]
        return [(*pair, param) for pair, param in zip(shapes, self.parameters(), strict=True)]


class Given:
    """What libmi wrote before its step."""
    def __init__(self, row, folder):
        values = torch.frombuffer(read(folder, 'start'), dtype=torch.float32)
        self.row, self.taken, self.values = row, 0, values
        self.x = self.take((images(row), *row.input)).permute(0, 3, 1, 2)
        self.gradient = None
        if row.kind == 'features':
            self.gradient = self.take((row.n, network(row)[0][-1].shapes[-1][0])).clone()
        self.flat = row.input[:2] == (1, 1)

    def take(self, shape):
        start, self.taken = self.taken, self.taken + math.prod(shape)
        return self.values[start:self.taken].reshape(shape)

    def network(self, layout):
        """With libmi's parameters; and the images."""
        start, model = self.taken, Network(self.row)
        with torch.no_grad():
            for layer, shape, param in model.learnt():
                param.copy_(to_torch(layer, self.take(shape)))
        self.taken = start
        if self.flat:
            return model, self.x.flatten(1).contiguous()
        return model.to(memory_format=layout), self.x.contiguous(memory_format=layout)


def training(row, folder, rate, layout, compiled):
    given = Given(row, folder)
    model, x = given.network(layout)
    try:
        rule = torch.optim.Adam(model.parameters(), rate, fused=True)
    except RuntimeError:  # older ones can't on a CPU
        rule = torch.optim.Adam(model.parameters(), rate)
    loss = torch.compile(model.loss) if compiled else model.loss

    def step():
        rule.zero_grad(set_to_none=True)
        loss(x, given.gradient).backward()
        rule.step()
    return step


def convolution(row, layout):
    generator = torch.Generator().manual_seed(1)

    def made(*shape):
        values = torch.rand(shape, generator=generator) - 0.5
        return values.contiguous(memory_format=layout)

    x = made(row.images, row.inputs, row.size, row.size)
    weight = made(row.outputs, row.inputs, row.kernel, row.kernel)
    forward = functools.partial(nn.functional.conv2d, x, weight, None, row.stride, row.pad)
    if row.part == 'forward':
        return torch.no_grad()(forward)
    gradient = forward().contiguous(memory_format=layout)
    both = [2 * [number] for number in (row.stride, row.pad, 1)]
    return functools.partial(torch.ops.aten.convolution_backward, gradient, x, weight, None, *both,
                             False, [0, 0], 1, [row.part == 'input', row.part == 'weights', False])


class Side:
    def __init__(self, options):
        self.rate, self.compile = options['rate'], options['compile']
        torch.set_num_threads(options['threads'])

    def versions(self):
        return 'PyTorch ' + torch.__version__

    def compare(self, row, folder):
        """The largest difference of an output or a gradient from libmi's, by its length."""
        given = Given(row, folder)
        model, x = given.network(torch.contiguous_format)
        outputs = model.outputs(x)
        loss = model.of_outputs(outputs, given.gradient)
        loss.backward()
        found = ([loss.reshape(1)] if model.iic else []) + outputs
        found = [one.detach() for one in found]
        shapes = [one.shape for one in found]
        theirs, largest = torch.frombuffer(read(folder, 'result'), dtype=torch.float32), 0.0
        learnt = model.learnt()
        layers = [None] * len(found) + [layer for layer, _, _ in learnt]
        shapes += [shape for _, shape, _ in learnt]
        found += [param.grad for _, _, param in learnt]
        for layer, shape, ours in zip(layers, shapes, found):
            other, theirs = theirs[:ours.numel()].reshape(shape), theirs[ours.numel():]
            other = to_torch(layer, other) if layer else other
            largest = max(largest, by_length(float((ours - other).norm()), float(ours.norm())))
        return largest

    def variants(self, row, folder):
        layouts = {'PyTorch': torch.contiguous_format,
                   'PyTorch channels-last': torch.channels_last}
        if not isinstance(row, Training):
            return {name: functools.partial(convolution, row, layout)
                    for name, layout in layouts.items()}
        if row.input[:2] == (1, 1):
            layouts.popitem()
        made = {name: functools.partial(training, row, folder, self.rate, layout, False)
                for name, layout in layouts.items()}
        if self.compile:
            layout = list(layouts.values())[-1]
            made['PyTorch compiled'] = functools.partial(training, row, folder, self.rate, layout,
                                                         True)
        return made


if __name__ == '__main__':
    serve(Side)
