# SPDX-License-Identifier: BSD-2-Clause
"""Random numbers that are a pure function of seed, stream and index: no state, and fast.

It doesn't matter in which pieces, in which order or on which thread they are drawn.
"""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from ._arrays import address, output
from ._errors import ArgumentError, check
from ._library import lib
from ._options import whole


def _draw(function: Any, shape: int | Sequence[int], seed: int, stream: int, first: int,
          out: Any) -> np.ndarray:
    sizes = tuple(whole(size, 'shape') for size in
                  (shape if isinstance(shape, (tuple, list)) else (shape,)))
    if min(sizes, default=0) < 0:
        raise ArgumentError(f'shape is {shape}: sizes have to be 0 or more')
    drawn = output(out, 'out', np.dtype(np.float32), sizes)
    check(function(whole(seed, 'seed', signed=False), whole(stream, 'stream', signed=False),
                   whole(first, 'first'), drawn.size, address(drawn)))
    return drawn


def uniform(shape: int | Sequence[int], seed: int, stream: int = 0, *, first: int = 0,
            out: Any = None) -> np.ndarray:
    """Draws from the uniform distribution on [0, 1): multiples of 2^-24, as float32.

    Parameters
    ----------
    shape : of the array
    seed : any number
    stream : any number below 2^63: what is drawn for one purpose, in one step, ...
    first : index of the first number in the stream
    out : an array of this shape to write to; None: a new one
    """
    return _draw(lib.mi_random_uniform_f32, shape, seed, stream, first, out)


def normal(shape: int | Sequence[int], seed: int, stream: int = 0, *, first: int = 0,
           out: Any = None) -> np.ndarray:
    """Draws from the normal distribution N(0, 1), as float32. No number is further out than 6.8.

    Parameters as those of `uniform`, which is not to use the same stream.
    """
    return _draw(lib.mi_random_normal_f32, shape, seed, stream, first, out)
