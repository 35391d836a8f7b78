# SPDX-License-Identifier: BSD-2-Clause
"""PyTorch's side of infomax.py: Deep InfoMax as one would write it there."""
import functools
import itertools
import json
import math
import pathlib
import struct

from engine_rows import by_length
from engine_worker import serve
from infomax_rows import BATCHES, CHANNELS, RATE, ROWS, SIDE

import torch
from torch import nn
from torch.nn import functional

SHARE = 0.1     # of a gradient in Adam's first moments, behind the first step
NOTHING = 1e-4  # of the length of the whole gradient: a bias before a norm has rounding alone


def convolution(inputs, outputs, size, stride, activation):
    return [nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, bias=False),
            nn.BatchNorm2d(outputs), activation]


# -- two heads, a sample, discriminators of pairs ------------------------------------------------

def discriminator(inputs, units, layer):
    made = []
    for before in (inputs, units, units):
        made += [layer(before, units), nn.ReLU(inplace=True)]
    return nn.Sequential(*made, layer(units, 1))


class Concat(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.options, units = options, options['units']
        lower, upper = [], []
        for inputs, outputs in (CHANNELS, 64), (64, 128), (128, 256):
            lower += convolution(inputs, outputs, 3, 1, nn.LeakyReLU(0.2, inplace=True))
            lower.append(nn.MaxPool2d(2))
        for _ in range(2):
            upper += convolution(256, 256, 3, 1, nn.LeakyReLU(0.2, inplace=True))
        self.lower = nn.Sequential(*lower)
        self.upper = nn.Sequential(*upper, nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.mean, self.log_variance = nn.Linear(256, 256), nn.Linear(256, 256)
        self.of_codes = discriminator(2 * 256, units, nn.Linear)
        self.of_places = discriminator(2 * 256, units, functools.partial(nn.Conv2d, kernel_size=1))

    @staticmethod
    def jsd(own, others):
        return (functional.softplus(-own).mean() + functional.softplus(others).mean()
                - 2 * math.log(2))

    def encode(self, x, noise):
        places = self.lower(x)
        features = self.upper(places)
        mean, log_variance = self.mean(features), self.log_variance(features)
        noise = torch.randn_like(mean) if noise is None else noise
        return mean, log_variance, mean + (log_variance / 2).exp() * noise, places

    def whole(self, z, other):
        return self.jsd(self.of_codes(torch.cat([z, z], 1)),
                        self.of_codes(torch.cat([z, z[other]], 1)))

    def forward(self, x, other, noise=None):
        """The loss, and its terms. Each code meets its own map and that of the image `other`."""
        mean, log_variance, z, places = self.encode(x, noise)
        whole = self.whole(z, other)
        wide = z[:, :, None, None].expand(-1, -1, *places.shape[2:])
        local = self.jsd(self.of_places(torch.cat([wide, places], 1)),
                         self.of_places(torch.cat([wide, places[other]], 1)))
        prior = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
        o = self.options
        loss = o['alpha'] * whole + o['beta'] * local + o['gamma'] * prior
        return loss, {'global_loss': whole, 'local_loss': local, 'prior': prior}

    def learnt(self, get):
        """(parameter, what libmi has there); get(network, name) reads libmi's."""
        yield from of_trunk([*self.lower, *self.upper], get)
        yield from of_layer(self.mean, get, 'encoder', 'head.0')
        yield from of_layer(self.log_variance, get, 'encoder', 'head.1')
        for term, network in ('global.0', self.of_codes), ('local.0', self.of_places):
            # the first layer, of which libmi has a part for each side
            yield network[0].weight, torch.cat(
                [to_torch(get(term + side, 'trunk.0.weight')) for side in ('.u', '.v')], 1)
            yield network[0].bias, get.whole(term + '.u', term + '.v', 'trunk.0.bias')
            for i in 2, 4, 6:
                yield from of_layer(network[i], get, term + '.pair', 'trunk.%d' % (i - 2))


# -- encode and dot ------------------------------------------------------------------------------

class Projection(nn.Module):
    def __init__(self, inputs, units, layer, norm):
        super().__init__()
        self.hidden, self.norm = layer(inputs, units, bias=False), norm(units)
        self.outer, self.short = layer(units, units), layer(inputs, units, bias=False)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.outer(self.activation(self.norm(self.hidden(x)))) + self.short(x)
        y = y.flatten(2).transpose(1, 2) if y.dim() == 4 else y
        return functional.layer_norm(y, y.shape[-1:])


class Dot(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.options, units = options, options['units']
        lower = [*convolution(CHANNELS, 64, 4, 2, nn.ReLU(inplace=True)),
                 *convolution(64, 128, 4, 2, nn.ReLU(inplace=True))]
        upper = convolution(128, 256, 4, 2, nn.ReLU(inplace=True))
        self.lower = nn.Sequential(*lower)
        self.upper = nn.Sequential(*upper, nn.Flatten(), nn.Linear(4096, 1024),
                                   nn.BatchNorm1d(1024), nn.ReLU(inplace=True))
        self.code = nn.Linear(1024, 64)
        self.of_code = Projection(64, units, nn.Linear, nn.BatchNorm1d)
        self.of_places = Projection(128, units, functools.partial(nn.Conv2d, kernel_size=1),
                                    nn.BatchNorm2d)

    def forward(self, x, other, noise=None):
        places = self.lower(x)
        u, v = self.of_code(self.code(self.upper(places))), self.of_places(places)
        n, count, d = v.shape
        scores = (u @ v.flatten(0, 1).T / (d * self.options['temperature'])).view(n, n, count)
        own = torch.eye(n, dtype=torch.bool)
        rest = scores.masked_fill(own[:, :, None], -math.inf).flatten(1).logsumexp(1)
        right = scores.diagonal().T
        loss = (torch.logaddexp(right, rest[:, None]) - right).mean()
        loss = self.options['beta'] * (loss - math.log(1 + (n - 1) * count))
        return loss, {'local_loss': loss / self.options['beta']}

    def learnt(self, get):
        yield from of_trunk([*self.lower, *self.upper], get)
        yield from of_layer(self.code, get, 'encoder', 'head.0')
        for network, part in ('local.0.u', self.of_code), ('local.0.v', self.of_places):
            for i, layer in enumerate([part.short, part.hidden, part.norm, None, part.outer]):
                yield from of_layer(layer, get, network, 'trunk.%d' % i)


MODELS = {'concat': Concat, 'dot': Dot}


# -- libmi's numbers -----------------------------------------------------------------------------

def to_torch(values, places=1):
    """libmi's parameter as PyTorch has it, but for its shape: outputs first, then channels."""
    if values.dim() == 4:
        return values.permute(3, 2, 0, 1)
    if values.dim() == 2:
        return values.reshape(places, -1, values.shape[1]).permute(2, 1, 0)
    return values


def of_layer(layer, get, network, prefix):
    norm = isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))
    names = ('scale', 'shift') if norm else ('weight', 'bias')
    for own, theirs in zip(('weight', 'bias'), names):
        param = getattr(layer, own, None)
        if param is not None:
            # of the only dense layer on a map, 4 x 4
            places = 16 if own == 'weight' and param.shape[1:] == (4096,) else 1
            yield param, to_torch(get(network, prefix + '.' + theirs), places)


def of_trunk(layers, get):
    layers = [layer for layer in layers if not isinstance(layer, nn.Flatten)]
    for i, layer in enumerate(layers):
        yield from of_layer(layer, get, 'encoder', 'trunk.%d' % i)


class Checkpoint:
    """Weights, or the gradients of a first step."""
    def __init__(self, path, gradients):
        content, self.gradients = bytearray(pathlib.Path(path).read_bytes()), gradients
        begin = 8 + struct.unpack('<Q', content[:8])[0]
        self.tensors = {
            name: torch.frombuffer(content[begin + about['data_offsets'][0]:
                                           begin + about['data_offsets'][1]],
                                   dtype=torch.float32).reshape(about['shape'])
            for name, about in json.loads(content[8:begin]).items()
            if about.get('dtype') == 'F32'}

    def __call__(self, network, name):
        if self.gradients:
            return self.tensors['%s.first.%s' % (network, name)] / SHARE
        return self.tensors[name if network == 'encoder' else '%s.%s' % (network, name)]

    def whole(self, one, two, name):
        """Of a bias that libmi has twice: their sum, whose gradient both have."""
        return self(one, name) if self.gradients else self(one, name) + self(two, name)


def copy_weights(model, get):
    with torch.no_grad():
        left = set(model.parameters())
        for param, values in model.learnt(get):
            param.copy_(values.reshape(param.shape))
            left.remove(param)
    if left:
        raise RuntimeError('%d parameters have no counterpart' % len(left))


def worst(model, get):
    """The largest difference of a gradient from libmi's, by its length."""
    pairs = [(param.grad, values.reshape(param.shape)) for param, values in model.learnt(get)]
    whole = math.sqrt(sum(float(ours.norm())**2 for ours, _ in pairs))
    return max(by_length(float((ours - theirs).norm()),
                         max(float(ours.norm()), NOTHING * whole)) for ours, theirs in pairs)


# -- steps ---------------------------------------------------------------------------------------

def training(row, layout, compiled):
    torch.manual_seed(1)
    model = MODELS[row.kind](row.options).to(memory_format=layout)
    batches = itertools.cycle([
        (torch.rand(row.n, CHANNELS, SIDE, SIDE) * 2 - 1).contiguous(memory_format=layout)
        for _ in range(BATCHES)])
    rule = torch.optim.Adam(model.parameters(), RATE, fused=True)
    forward = torch.compile(model) if compiled else model

    def step():
        rule.zero_grad(set_to_none=True)
        forward(next(batches), torch.randperm(row.n))[0].backward()
        rule.step()
    return step


class Side:
    def __init__(self, options):
        self.options = options
        torch.set_num_threads(options['threads'])

    def versions(self):
        return 'PyTorch ' + torch.__version__

    def compare(self, row, folder):
        """What libmi wrote of its first step, computed here: {what: [here, libmi's]}, and the
        largest difference of a gradient."""
        folder = pathlib.Path(folder)
        model = MODELS[row.kind](row.options)
        copy_weights(model, Checkpoint(folder / 'before', False))
        x = torch.frombuffer(bytearray((folder / 'images').read_bytes()), dtype=torch.float32)
        x = x.reshape(row.n, SIDE, SIDE, CHANNELS).permute(0, 3, 1, 2).contiguous()
        noise = torch.frombuffer(bytearray((folder / 'noise').read_bytes()), dtype=torch.float32)
        noise = noise.reshape(row.n, -1)
        told = json.loads((folder / 'report').read_text())
        other = self.whom(model, x, noise, told['global_loss'])
        loss, terms = model(x, other, noise)
        loss.backward()
        found = {name: [float(value.detach()), told[name]]
                 for name, value in dict(terms, loss=loss).items()}
        found['gradient'] = worst(model, Checkpoint(folder / 'after', True))
        return found

    @staticmethod
    def whom(model, x, noise, loss):
        """Whom libmi let each image meet, which is at the same distance for all: that which gives
        its global loss."""
        orders = [(torch.arange(len(x)) + distance) % len(x) for distance in range(1, len(x))]
        if not isinstance(model, Concat):
            return orders[0]
        with torch.no_grad():
            z = model.encode(x, noise)[2]
            return min(orders, key=lambda order: abs(float(model.whole(z, order)) - loss))

    def variants(self, row, folder):
        if self.options['check']:
            return {}
        last = torch.channels_last
        made = {'PyTorch': functools.partial(training, row, torch.contiguous_format, False),
                'channels-last': functools.partial(training, row, last, False)}
        if self.options['compile']:
            made['compiled'] = functools.partial(training, row, last, True)
        return made


if __name__ == '__main__':
    serve(Side, ROWS)
