# SPDX-License-Identifier: BSD-2-Clause
"""Batches of image pairs: an image as it is, and randomly transformed twins of it; or, of natural
images, nothing but random views."""
from __future__ import annotations

from ctypes import byref, c_int32, c_int64
from typing import Any, Iterator, NamedTuple

import numpy as np

from . import _abi, context as _context
from ._arrays import INT64, address, array, disjoint, output
from ._errors import ArgumentError, check
from ._handle import Handle, expect
from ._library import lib
from ._options import fill, sized, whole
from .dataset import Dataset

_FLOAT32 = np.dtype(np.float32)
_ZEROS = {'batch': None, 'repeats': None, 'size': None, 'ahead': None, 'rotation': -1,
          'rotation_share': -1, 'centre_share': -1, 'workers': -1, 'scale_min': None,
          'flip_share': -1, 'jitter_share': -1, 'brightness': -1, 'contrast': -1,
          'saturation': -1, 'hue': -1, 'grey_share': -1}
_ENUMS = {'recipe': 'mi_recipe'}


class Sizes(NamedTuple):
    """The sizes of a batch of pairs."""

    batch: int  #: images
    repeats: int  #: twins of each
    size: int  #: side of the views in pixels
    channels: int


class Times(NamedTuple):
    """Whether batches were there when they were asked for."""

    batches: int  #: given so far
    waits: int  #: of those, how many were not ready
    waited: float  #: seconds waited for them
    prepared: float  #: seconds they took to prepare, all threads together


class Pairs(Handle):
    """An endless iterator over batches (x, xt) of pairs, epoch after epoch.

    What is drawn at a position depends on seed and position alone: threads and interruptions
    don't change it.

    Parameters
    ----------
    dataset : square images
    context : None for the process's
    recipe : 'digits', small rotations and crops; or 'natural', crops of any size, mirror images
        and other colours, on both sides of a pair; None: 'digits'
    seed : None or 0: the context's
    batch : images a batch; None: 128
    repeats : twins of each image, 1 to 64; None: 1
    size : side of both views in pixels; None: height - height / 7, in the natural recipe height
    rotation : largest angle in degrees; None: 20
    rotation_share : share of twins that are rotated, 0 to 1; None: 0.5
    rotation_crop : 0: rotated twins show the whole image, resized; 1: its centre
    crops : up to 8 sides of the smaller crops; None: 20, 22, 24 scaled by size / 24
    centre_share : share of crops taken at the centre, 0 to 1; None: 0.5
    first_plain : whether x is the plain view in the natural recipe, too
    scale_min : a crop's least share of the image's area; 1: the whole image; None: 0.2
    flip_share : share of views that are mirrored; None: 0.5
    jitter_share : share whose colours change; None: 0.8
    brightness, contrast, saturation : how far, 0 to 1; None: 0.4
    hue : how far, 0 to 0.5; None: 0.1
    grey_share : share in grey; None: 0.2
    workers : threads that prepare batches ahead; 0: `next` does it; None: 1
    ahead : batches prepared ahead, up to 64; None: 4

    `rotation` to `centre_share` are of the recipe for digits, `scale_min` and what follows it of the
    natural one; of the other one they have to be None.

    Attributes
    ----------
    sizes : the `Sizes` of a batch
    """

    def __init__(self, dataset: Dataset, *, context: _context.Context | None = None,
                 **options: Any) -> None:
        expect(dataset, Dataset, 'dataset')
        filled = fill(_abi.mi_pairs_options, options, _ENUMS, _ZEROS)
        self._context = _context.chosen(context)
        self._dataset = dataset
        with dataset._turn, self._context._turn:
            d, c = dataset._pointer, self._context._pointer
            self._open('mi_pairs_create', c, d, byref(filled))
        batch, repeats, size, channels = c_int64(), c_int32(), c_int32(), c_int32()
        with self._turn:
            check(lib.mi_pairs_sizes(self._pointer, byref(batch), byref(repeats), byref(size),
                                     byref(channels)))
        self.sizes = Sizes(batch.value, repeats.value, size.value, channels.value)

    def next(self, out: tuple[Any, Any] | None = None, index: bool = False) -> tuple:
        """The next batch; waits until it is prepared.

        Parameters
        ----------
        out : (x, xt) to write to, float32; None: new arrays
        index : whether the images' numbers are wanted, too

        Returns
        -------
        x : [batch, size, size, channels] float32, the plain views, random ones in the natural
            recipe
        xt : [batch * repeats, size, size, channels] float32; row i * repeats + j is twin j of
            image i
        index : [batch] int64, if wanted
        """
        batch, repeats, size, channels = self.sizes
        view = (size, size, channels)
        if out is not None and (not isinstance(out, (tuple, list)) or len(out) != 2):
            raise ArgumentError(f'out is a {type(out).__name__}: two arrays, (x, xt), are needed')
        x, xt = out or (None, None)
        x = output(x, 'x', _FLOAT32, (batch, *view))
        xt = output(xt, 'xt', _FLOAT32, (batch * repeats, *view))
        disjoint(x=x, xt=xt)
        numbers = np.empty(batch, np.int64) if index else None
        with self._turn:
            check(lib.mi_pairs_next(self._pointer, address(x), address(xt), address(numbers)))
        return (x, xt, numbers) if index else (x, xt)

    def __iter__(self) -> Iterator[tuple]:
        return self

    def __next__(self) -> tuple:
        return self.next()

    @property
    def batches(self) -> int:
        """Batches in one epoch."""
        with self._turn:
            return lib.mi_pairs_batches(self._pointer)

    @property
    def position(self) -> int:
        """Batches given since the first epoch's beginning; set it to go elsewhere."""
        with self._turn:
            return lib.mi_pairs_position(self._pointer)

    @position.setter
    def position(self, position: int) -> None:
        position = whole(position, 'position')
        with self._turn:
            check(lib.mi_pairs_seek(self._pointer, position))

    def waited(self) -> Times:
        """How long `next` waited so far: if that is noticeable, more workers help."""
        times = sized(_abi.mi_pairs_times)
        with self._turn:
            check(lib.mi_pairs_waited(self._pointer, byref(times)))
        return Times(times.batches, times.waits, times.waited, times.prepared)

    def __repr__(self) -> str:
        batch, repeats, size, channels = self.sizes
        return (f'Pairs({batch} images of {size} x {size} x {channels}, repeats={repeats}'
                f'{", closed" if self.closed else ""})')


def plain(dataset: Dataset, size: int, index: Any = None) -> np.ndarray:
    """The plain view alone, for evaluation: the centre crop.

    Parameters
    ----------
    dataset : square images
    size : side of the view
    index : [n] int64 numbers of images; None: all

    Returns
    -------
    x : [n, size, size, c] float32
    """
    expect(dataset, Dataset, 'dataset')
    size = whole(size, 'size', 32)
    _, height, _, channels = dataset.shape
    if not 0 < size <= height:
        raise ArgumentError(f'size is {size}: it has to be from 1 to {height}, the image\'s')
    if index is not None:
        index = array(index, 'index', INT64, (None,))
    count = len(dataset) if index is None else len(index)
    x = np.empty((count, size, size, channels), np.float32)
    with dataset._turn:
        check(lib.mi_pairs_plain(dataset._pointer, size, count, address(index), address(x)))
    return x
