# SPDX-License-Identifier: BSD-2-Clause
"""Networks from a line of text: a trunk of layers, and any number of heads on it."""
from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import byref, c_int32, c_int64, c_void_p
from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np

from . import _abi, context as _context
from ._arrays import FLOAT32, address, array, disjoint, output
from ._errors import ArgumentError, StateError, check
from ._handle import Handle
from ._library import lib
from ._options import WEIGHTLESS, choice, fill, path as _path, sized, text, whole

_KINDS = {_abi.MI_PARAM_WEIGHT: 'weight', _abi.MI_PARAM_BIAS: 'bias',
          _abi.MI_PARAM_STATE: 'state'}
_ZEROS = {'height': None, 'width': None, 'channels': None, 'init_scale': None,
          'bn_momentum': WEIGHTLESS, 'bn_epsilon': None}


class ParameterInfo(NamedTuple):
    """What a parameter array is."""

    name: str  #: such as 'trunk.0.weight' or 'head.2.bias'
    kind: str  #: 'weight', 'bias' (no weight decay), or 'state' (not learnt)
    shape: tuple[int, ...]  #: conv: (K, K, in, out); dense: (in, out); else (n,)


class Parameters(Mapping):
    """An encoder's arrays by their names: reading one gives a copy, setting one replaces it.

    `parameters['head.0.bias'] += 1` does what it says.
    """

    def __init__(self, encoder: Encoder, of: str, infos: Mapping[str, ParameterInfo]) -> None:
        self._encoder = encoder
        self._read = getattr(lib, f'mi_encoder_{of}_read')
        self._write = getattr(lib, f'mi_encoder_{of}_write')
        self._infos = infos

    def info(self, name: str) -> ParameterInfo:
        """Name, kind and shape of one."""
        return self._infos[name]

    def __getitem__(self, name: str) -> np.ndarray:
        values = np.empty(self._infos[name].shape, np.float32)
        with self._encoder._turn:
            encoder = self._encoder._pointer
            number = lib.mi_encoder_param_find(encoder, text(name, 'name'))
            check(self._read(encoder, number, address(values)))
        return values

    def __setitem__(self, name: str, values: Any) -> None:
        values = array(values, name, FLOAT32, self._infos[name].shape)
        with self._encoder._turn:
            encoder = self._encoder._pointer
            number = lib.mi_encoder_param_find(encoder, text(name, 'name'))
            check(self._write(encoder, number, address(values)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __len__(self) -> int:
        return len(self._infos)

    def __repr__(self) -> str:
        return f'{{{", ".join(f"{i.name!r}: {i.shape}" for i in self._infos.values())}}}'


class Encoder(Handle):
    """A network, computing in float32 on [n, h, w, c]; [n, h, w] will do where c is 1.

    Parameters
    ----------
    description : layers, and heads after a bar, such as 'vgg-f | 5 x softmax 10, softmax 50' or
        'small, gap, dense 64'. Layers: conv N [KxK] [stride S] [pad P] [bias], bn, ln,
        relu, leaky [slope], maxpool, avgpool, gap, gmp, dense N, residual(layers), tap. Presets
        that a description may begin with: vgg-f, vgg-11, small, infomax, infomax-pool,
        infomax-residual, mlp. Heads: [count x] softmax N or linear N.
    context : None for the process's
    height, width, channels : of the input; None: 24, the height, 1
    seed : of the weights; None or 0: the context's
    trunk_init, head_init : 'default', 'he-normal', 'he-uniform', 'glorot-normal',
        'glorot-uniform' or 'normal'
    precision : 'float32', or 'bfloat16' for convolutions on processors with AVX512_BF16
    init_scale : of 'normal'; None: 0.01
    bn_momentum : share of the new batch in running statistics, 0 to 1; None: 0.1
    bn_epsilon : added to the variance; None: 1e-5

    Attributes
    ----------
    description : as given
    input : (height, width, channels)
    widths : outputs of each head
    features : outputs of the trunk
    taps : (height, width, channels) of the map at each tap
    """

    def __init__(self, description: str, *, height: int | None = None, width: int | None = None,
                 channels: int | None = None, context: _context.Context | None = None,
                 **options: Any) -> None:
        options.update(height=height, width=width, channels=channels)
        filled = fill(_abi.mi_encoder_options, options, {
            'trunk_init': 'mi_init', 'head_init': 'mi_init', 'precision': 'mi_precision'}, _ZEROS)
        self._context = _context.chosen(context)
        encoded = text(description, 'description')
        with self._context._turn:
            self._open('mi_encoder_create', self._context._pointer, encoded, byref(filled))
        self.description = encoded.decode()
        # The shape of the last forward's x. What uses the encoder otherwise sets it to None,
        # because C doesn't tell how many rows its outputs have.
        self._shape: tuple[int, ...] | None = None
        with self._turn:
            encoder = self._pointer
            sizes = c_int32(), c_int32(), c_int32()
            lib.mi_encoder_input(encoder, *map(byref, sizes))
            self.input = tuple(size.value for size in sizes)
            self.widths = tuple(lib.mi_encoder_width(encoder, head)
                                for head in range(lib.mi_encoder_heads(encoder)))
            self.features = lib.mi_encoder_width(encoder, -1)
            self.taps = tuple(_tap(encoder, tap) for tap in range(lib.mi_encoder_taps(encoder)))
            self._infos = {info.name: info for info in map(
                lambda number: _info(encoder, number),
                range(lib.mi_encoder_params(encoder, None)))}

    def _images(self, x: Any, name: str, rows: int | None = None) -> np.ndarray:
        """Checked images, as [n, h, w, c]."""
        x = array(x, name, FLOAT32)
        if x.ndim == 3 and self.input[2] == 1:
            x = x[..., None]
        return array(x, name, FLOAT32, (rows, *self.input))

    def forward(self, x: Any, mode: str = 'eval') -> list[np.ndarray]:
        """Computes all heads for a batch; what `backward` needs is kept inside.

        Parameters
        ----------
        x : [n, h, w, c] float32, read in place
        mode : 'eval', or 'train': batch normalisation by this batch, `backward` may follow

        Returns
        -------
        y : a copy of each head's outputs, [n, classes]; softmax heads give probabilities.
            Without heads it is the trunk's features alone, [n, features].
        """
        number = choice(mode, 'mode', 'mi_mode')
        x = array(x, 'x', FLOAT32)
        images = self._images(x, 'x')
        y = [np.empty((len(images), width), np.float32) for width in self._widths()]
        with self._turn:
            encoder = self._pointer
            self._shape = None
            check(lib.mi_encoder_forward(encoder, number, len(images), address(images)))
            self._shape = x.shape
            for head, values in zip(self._heads(), y):
                check(lib.mi_encoder_output(encoder, head, address(values)))
        return y

    def _heads(self) -> Sequence[int]:
        return range(len(self.widths)) or (-1,)

    def _widths(self) -> Sequence[int]:
        return self.widths or (self.features,)

    def _last(self) -> tuple[int, ...]:
        if self._shape is None:
            raise StateError('the encoder holds no outputs of a forward: call forward first, '
                             'after whatever else used the encoder')
        return self._shape

    def output(self, head: int = -1, *, out: Any = None) -> np.ndarray:
        """Copies out what the last forward computed.

        Parameters
        ----------
        head : 0 to heads - 1; -1: the trunk's features
        out : [n, classes] or [n, features] float32 to write to; None: a new array
        """
        head = whole(head, 'head', 32)
        if not -1 <= head < len(self.widths):
            raise ArgumentError(f'head is {head}: it has to be from -1, the trunk, to '
                                f'{len(self.widths) - 1}')
        width = self.features if head < 0 else self.widths[head]
        with self._turn:
            encoder = self._pointer
            y = output(out, 'out', np.dtype(np.float32), (self._last()[0], width))
            check(lib.mi_encoder_output(encoder, head, address(y)))
        return y

    def tap(self, tap: int = 0, *, out: Any = None) -> np.ndarray:
        """Copies out the map at a `tap` of the description, before a backward uses it up.

        Parameters
        ----------
        tap : 0 to taps - 1, in the order of the description
        out : [n, h, w, c] float32 to write to; None: a new array
        """
        tap = self._tap_number(tap)
        with self._turn:
            encoder = self._pointer
            y = output(out, 'out', np.dtype(np.float32), (self._last()[0], *self.taps[tap]))
            check(lib.mi_encoder_output(encoder, -2 - tap, address(y)))
        return y

    def _tap_number(self, tap: int) -> int:
        tap = whole(tap, 'tap', 32)
        if not 0 <= tap < len(self.taps):
            raise ArgumentError(f'tap is {tap}: the encoder has {len(self.taps)}, counted from 0')
        return tap

    def backward(self, dy: Sequence[Any] | None = None, *, dfeatures: Any = None,
                 dtaps: Mapping[int, Any] | None = None, dx: Any = None) -> np.ndarray | None:
        """Computes the gradients of all parameters for the last forward, in mode 'train'.

        They replace the earlier ones; nothing is added up. A forward can be used once.

        Parameters
        ----------
        dy : for each array that forward gave, the loss's derivative by it, read in place; None
            for one that has no part
        dfeatures : [n, features] the derivative by the trunk's features
        dtaps : for taps, by their numbers, the derivative by the map there, [n, h, w, c]
        dx : True: the derivative by the input is wanted; or an array to write it to

        Returns
        -------
        dx : as x; or None if not wanted
        """
        with self._turn:
            encoder = self._pointer
            shape = self._last()
            arrays = self._derivatives(dy, shape[0])
            if not self.widths and arrays[0] is not None:
                if dfeatures is not None:
                    raise ArgumentError('dy and dfeatures are both given: without heads they '
                                        'are the same, give one')
                dfeatures = arrays[0]
            if dfeatures is not None:
                dfeatures = array(dfeatures, 'dfeatures', FLOAT32, (shape[0], self.features))
            maps = {self._tap_number(tap): array(d, f'dtaps[{tap}]', FLOAT32,
                                                 (shape[0], *self.taps[self._tap_number(tap)]))
                    for tap, d in (dtaps or {}).items()}
            if dx is not None and dx is not False:
                dx = output(None if dx is True else dx, 'dx', np.dtype(np.float32), shape)
                for other in (*arrays, dfeatures, *maps.values()):
                    disjoint(gradient=other, dx=dx)
            else:
                dx = None
            pointers = (c_void_p * max(len(self.widths), 1))(*map(address, arrays))
            for tap, d in maps.items():
                check(lib.mi_encoder_tap_grad_write(encoder, tap, address(d)))
            check(lib.mi_encoder_backward(encoder, ctypes.addressof(pointers),
                                          address(dfeatures), address(dx)))
        return dx

    def _derivatives(self, dy: Sequence[Any] | None, rows: int) -> list[np.ndarray | None]:
        widths = self._widths()
        if dy is None:
            return [None] * len(widths)
        if isinstance(dy, np.ndarray) or len(dy) != len(widths):
            raise ArgumentError(f'dy, a {type(dy).__name__} of {len(dy)}, has to be a list of '
                                f'{len(widths)}: an array or None for each that forward gave')
        return [None if d is None else array(d, f'dy[{i}]', FLOAT32, (rows, width))
                for i, (d, width) in enumerate(zip(dy, widths))]

    @property
    def parameters(self) -> Parameters:
        """All arrays by name, states of batch normalisation included."""
        return Parameters(self, 'param', self._infos)

    @property
    def gradients(self) -> Parameters:
        """What the last backward computed, of learnt parameters.

        Set them before an optimizer takes them: to clip, or to sum over machines.
        """
        return Parameters(self, 'grad', {name: info for name, info in self._infos.items()
                                         if info.kind != 'state'})

    @property
    def numbers(self) -> int:
        """How many numbers are learnt."""
        numbers = c_int64()
        with self._turn:
            lib.mi_encoder_params(self._pointer, byref(numbers))
        return numbers.value

    def memory(self, n: int, mode: str = 'train') -> int:
        """Bytes that the encoder takes with batches of n images."""
        n, number, size = whole(n, 'n'), choice(mode, 'mode', 'mi_mode'), c_int64()
        with self._turn:
            check(lib.mi_encoder_memory(self._pointer, number, n, byref(size)))
        return size.value

    def summary(self) -> str:
        """A line a layer, with output shapes and parameters, for people."""
        with self._turn:
            encoder = self._pointer
            size = lib.mi_encoder_summary(encoder, None, 0) + 1
            buffer = ctypes.create_string_buffer(size)
            lib.mi_encoder_summary(encoder, ctypes.addressof(buffer), size)
        return buffer.value.decode()

    def save(self, path: Any) -> None:
        """Writes all parameters to a safetensors file, which appears whole or not at all."""
        name = _path(path)
        with self._turn:
            check(lib.mi_encoder_save(self._pointer, name))

    def load(self, path: Any) -> None:
        """Reads parameters of the same names and shapes from a safetensors file: all or none."""
        name = _path(path)
        with self._turn:
            check(lib.mi_encoder_load(self._pointer, name))

    def __repr__(self) -> str:
        size = ' x '.join(map(str, self.input))
        return f'Encoder({self.description!r}, {size}{", closed" if self.closed else ""})'


def _tap(encoder: int, tap: int) -> tuple[int, int, int]:
    sizes = c_int32(), c_int32(), c_int32()
    lib.mi_encoder_tap(encoder, tap, *map(byref, sizes))
    return tuple(size.value for size in sizes)


def _info(encoder: int, number: int) -> ParameterInfo:
    info = sized(_abi.mi_param_info)
    check(lib.mi_encoder_param_info(encoder, number, byref(info)))
    return ParameterInfo(info.name.decode(), _KINDS[info.kind], tuple(info.shape[:info.dims]))
