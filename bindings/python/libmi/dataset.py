# SPDX-License-Identifier: BSD-2-Clause
"""Sets of images with optional labels: from files, from arrays, or drawn by libmi itself."""
from __future__ import annotations

from ctypes import byref
from typing import Any, NamedTuple

import numpy as np

from . import _abi
from ._arrays import BYTES, FLOAT32, INT64, address, array, integers
from ._errors import DTypeError, ShapeError, check
from ._handle import Handle
from ._library import lib
from ._options import choice, path as _path, sized, whole
from .context import Context, chosen


class Images(NamedTuple):
    """Images copied out of a set; None for what was not wanted."""

    pixels: np.ndarray | None  #: [n, h, w, c] float32, bytes divided by 255
    labels: np.ndarray | None  #: [n] int32, -1 where unknown


def _labels(value: Any, count: int) -> np.ndarray:
    """Labels as C reads them."""
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError('labels is a masked array: give labels.filled(-1)')
    return integers(value, 'labels', (count,))


class Dataset(Handle):
    """Images of one size, and a label for each or none. It never changes.

    Made by `open`, `open_idx`, `open_cifar`, `open_stl`, `open_folders`, `from_array` and
    `digits`; all take `context`, None for the process's. `dataset[i]` is the pixels [h, w, c] and the label of one image,
    `dataset[2:5]` and `dataset[[7, 1]]` are the `Images` there.
    """

    _context: Context
    _shape: tuple[int, int, int, int]
    _classes: int

    def __init__(self) -> None:
        raise TypeError('a Dataset is made by Dataset.open, open_idx, open_cifar, open_stl, '
                        'open_folders, from_array or digits')

    @classmethod
    def _make(cls, context: Context | None, create: str, *arguments: object) -> Dataset:
        made = cls.__new__(cls)
        made._context = chosen(context)
        with made._context._turn:
            made._open(create, made._context._pointer, *arguments)
        info = sized(_abi.mi_dataset_shape)
        with made._turn:
            check(lib.mi_dataset_info(made._pointer, byref(info)))
        made._shape = (info.count, info.height, info.width, info.channels)
        made._classes = info.classes
        return made

    @classmethod
    def open(cls, path: Any, split: str = 'train', *,
             context: Context | None = None) -> Dataset:
        """Opens whatever lies at a path.

        Parameters
        ----------
        path : 'builtin' for drawn digits, 60,000 to train and 10,000 to test; a directory with
            the four IDX files of MNIST and its relatives, plain or .gz; one with the binary
            files of CIFAR or STL-10; or one with train/ and test/, each with a folder of PNG
            files per class
        split : 'train' or 'test'; of STL-10 'unlabelled', too

        Raises
        ------
        FileError, FormatError : the message names the file
        ShapeError : images of several sizes
        """
        return cls._make(context, 'mi_dataset_open', _path(path),
                         choice(split, 'split', 'mi_split'))

    @classmethod
    def open_idx(cls, images: Any, labels: Any = None, *,
                 context: Context | None = None) -> Dataset:
        """Reads IDX files of unsigned bytes, plain or gzip: images, and labels or None."""
        return cls._make(context, 'mi_dataset_open_idx', _path(images, 'images'),
                         None if labels is None else _path(labels, 'labels'))

    @classmethod
    def open_cifar(cls, path: Any, split: str = 'train', *,
                   context: Context | None = None) -> Dataset:
        """Reads the directory of CIFAR-10's or CIFAR-100's binary version, the latter with its
        100 fine classes."""
        return cls._make(context, 'mi_dataset_open_cifar', _path(path),
                         choice(split, 'split', 'mi_split'))

    @classmethod
    def open_stl(cls, path: Any, split: str = 'train', *,
                 context: Context | None = None) -> Dataset:
        """Reads the directory of STL-10's binary version: 'train', 'test' or 'unlabelled'."""
        return cls._make(context, 'mi_dataset_open_stl', _path(path),
                         choice(split, 'split', 'mi_split'))

    @classmethod
    def open_folders(cls, path: Any, size: int | None = None, *,
                     context: Context | None = None) -> Dataset:
        """Reads a directory with a folder of PNG files per class.

        Parameters
        ----------
        size : side that the largest square at the centre of each is resized to; None: they are of
            one size, and left as they are
        """
        if size is None:
            return cls._make(context, 'mi_dataset_open_folders', _path(path))
        return cls._make(context, 'mi_dataset_open_folders_at', _path(path),
                         whole(size, 'size', 32))

    @classmethod
    def from_array(cls, pixels: Any, labels: Any = None, *,
                   context: Context | None = None) -> Dataset:
        """Copies images into a set.

        Parameters
        ----------
        pixels : [n, h, w] or [n, h, w, c], uint8 (0 to 255), or finite float32 (0 to 1 by
            convention)
        labels : [n] integers, each -1 (unknown) to 2^20; None: no labels
        """
        if (isinstance(pixels, np.ndarray) and pixels.dtype.kind in 'iu'
                and pixels.dtype != np.uint8):
            raise DTypeError(f'pixels is {pixels.dtype}: give pixels.astype(numpy.uint8) for '
                             '0 to 255')
        a = array(pixels, 'pixels', (*BYTES, *FLOAT32))
        if a.ndim not in (3, 4):
            raise ShapeError(f'pixels has shape {a.shape}: (n, h, w) or (n, h, w, c) is needed')
        sizes = [whole(size, name, 32) for size, name in
                 zip((*a.shape[1:], 1), ('height', 'width', 'channels'))]
        known = None if labels is None else _labels(labels, a.shape[0])
        create = 'mi_dataset_from_u8' if a.dtype == np.uint8 else 'mi_dataset_from_f32'
        return cls._make(context, create, a.shape[0], *sizes, address(a), address(known))

    @classmethod
    def digits(cls, count: int, *, seed: int = 0, first: int = 0,
               context: Context | None = None) -> Dataset:
        """Draws `count` digits, 28 x 28 and grey, from number `first` on.

        Image i of a seed is always the same. About 784 bytes an image.
        """
        return cls._make(context, 'mi_dataset_digits', whole(seed, 'seed', 64, signed=False),
                         whole(first, 'first'), whole(count, 'count'))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, h, w, c)."""
        return self._shape

    @property
    def classes(self) -> int:
        """One more than the largest label; 0: no labels."""
        return self._classes

    @property
    def labelled(self) -> bool:
        """Whether any image has a label."""
        return self._classes > 0

    def __len__(self) -> int:
        return self._shape[0]

    def read(self, index: Any = None, *, pixels: bool = True, labels: bool = True) -> Images:
        """Copies images out, as float32 (bytes divided by 255).

        Parameters
        ----------
        index : [n] int64 numbers of images, in any order; None: all
        pixels, labels : whether they are wanted
        """
        if index is not None:
            index = array(index, 'index', INT64, (None,))
        count = len(self) if index is None else len(index)
        x = np.empty((count, *self._shape[1:]), np.float32) if pixels else None
        y = np.empty(count, np.int32) if labels else None
        with self._turn:
            check(lib.mi_dataset_read(self._pointer, count, address(index), address(x), address(y)))
        return Images(x, y)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.read(np.arange(*index.indices(len(self)), dtype=np.int64))
        if not hasattr(index, '__index__') or getattr(index, 'ndim', 0):
            return self.read(index)
        i = whole(index, 'index')
        if not -len(self) <= i < len(self):
            raise IndexError(f'index is {i}: there are {len(self)} images')
        pixels, labels = self.read([i % len(self)])
        return pixels[0], int(labels[0])

    def __repr__(self) -> str:
        n, h, w, c = self._shape
        return (f'Dataset({n} images of {h} x {w} x {c}, {self._classes or "no"} classes'
                f'{", closed" if self.closed else ""})')
