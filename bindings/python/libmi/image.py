# SPDX-License-Identifier: BSD-2-Clause
"""Pictures for people: PNG files."""
from __future__ import annotations

from typing import Any

import numpy as np

from ._arrays import BYTES, address, array
from ._errors import DTypeError, ShapeError, check
from ._library import lib
from ._options import path as _path, whole


def write_png(path: Any, pixels: Any) -> None:
    """Writes a PNG file, which appears whole or not at all.

    Parameters
    ----------
    path : where
    pixels : uint8 [h, w] or [h, w, 1] (grey) or [h, w, 3] (RGB); rows may have a stride

    Raises
    ------
    FileError : the message has the system's reason; an older file stays as it was
    """
    name = _path(path)
    a = pixels if isinstance(pixels, np.ndarray) else np.asarray(pixels)
    if a.dtype.kind == 'f':
        raise DTypeError(f'pixels is {a.dtype}: give bytes, if they are from 0 to 1 as '
                         '(255 * pixels).round().astype(numpy.uint8)')
    if a.ndim not in (2, 3) or a.ndim == 3 and a.shape[2] not in (1, 3):
        raise ShapeError(f'pixels has shape {a.shape}: (h, w), (h, w, 1) or (h, w, 3) is needed')
    height, width, channels = (*a.shape, 1)[:3]
    if height and a.strides[0] >= width * channels:
        array(a[0], 'pixels', BYTES)  # only each row has to lie together
    else:
        array(a, 'pixels', BYTES)
    check(lib.mi_image_write_png(name, whole(height, 'height', 32), whole(width, 'width', 32),
                                 channels, address(a), a.strides[0] if height > 1 else 0))
