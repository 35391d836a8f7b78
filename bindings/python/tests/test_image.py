# SPDX-License-Identifier: BSD-2-Clause
"""PNG files: written by libmi, decoded here."""
import struct
import zlib

import numpy as np
import pytest

import libmi
from libmi import write_png


def decode(path):
    """8-bit pixels of a PNG file, by the standard's five filters."""
    data, parts, place = path.read_bytes(), {}, 8
    while place < len(data):
        size, kind = struct.unpack('>I4s', data[place:place + 8])
        parts[kind] = parts.get(kind, b'') + data[place + 8:place + 8 + size]
        place += size + 12
    width, height, depth, colour = struct.unpack('>IIBB', parts[b'IHDR'][:10])
    channels = {0: 1, 2: 3}[colour]
    assert depth == 8
    rows = np.frombuffer(zlib.decompress(parts[b'IDAT']), np.uint8).reshape(height, -1)
    out = np.zeros((height + 1, width + 1, channels), int)
    for y, row in enumerate(rows, 1):
        for x, pixel in enumerate(row[1:].reshape(width, channels).astype(int), 1):
            a, b, c = out[y, x - 1], out[y - 1, x], out[y - 1, x - 1]
            p = a + b - c
            near = np.where((abs(p - a) <= abs(p - b)) & (abs(p - a) <= abs(p - c)), a,
                            np.where(abs(p - b) <= abs(p - c), b, c))
            out[y, x] = (pixel + [0, a, b, (a + b) // 2, near][row[0]]) % 256
    return out[1:, 1:]


def pixels(*shape):
    return np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize('shape', [(5, 7), (5, 7, 1), (5, 7, 3), (1, 1), (1, 9), (9, 1, 3)])
def test_there_and_back(tmp_path, shape):
    picture = pixels(*shape)
    write_png(tmp_path / 'x.png', picture)
    np.testing.assert_array_equal(decode(tmp_path / 'x.png').reshape(shape), picture)


@pytest.mark.parametrize('view', [
    lambda a: a[:, 2:6], lambda a: a[::2], lambda a: a[::3, 1:3], lambda a: a[4:5, :3],
    lambda a: a[:1][::-1],
    lambda a: np.asfortranarray(a)[:, :1] if a.ndim == 2 else a[:, :1]])
@pytest.mark.parametrize('shape', [(8, 9), (8, 9, 3)])
def test_rows_with_a_stride(tmp_path, shape, view):
    picture = view(pixels(*shape))
    write_png(tmp_path / 'x.png', picture)
    np.testing.assert_array_equal(decode(tmp_path / 'x.png').reshape(picture.shape), picture)


@pytest.mark.parametrize('picture, error, words', [
    (pixels(3, 3) / 255, libmi.DTypeError, r'float64.*astype\(numpy.uint8\)'),
    (np.zeros((3, 3), np.float32), libmi.DTypeError, 'float32'),
    (pixels(3, 3).astype(int), libmi.DTypeError, 'int64'),
    (pixels(3, 3).astype(object), libmi.DTypeError, 'object'),
    (pixels(3, 3) > 9, libmi.DTypeError, 'bool'),
    (pixels(3, 3).T, libmi.ShapeError, 'contiguous'),
    (pixels(3, 3)[::-1], libmi.ShapeError, 'contiguous'),
    (pixels(3, 8)[:, ::2], libmi.ShapeError, 'contiguous'),
    (np.broadcast_to(pixels(3), (3, 3)), libmi.ShapeError, 'contiguous'),
    (pixels(3, 3, 4)[..., :3], libmi.ShapeError, 'contiguous'),
    (pixels(3, 3, 2), libmi.ShapeError, r'\(3, 3, 2\)'), (pixels(3), libmi.ShapeError, '.'),
    (np.uint8(3), libmi.ShapeError, '.'), (None, libmi.Error, '.'),
    (pixels(0, 3), libmi.Error, '.'), (pixels(3, 0), libmi.Error, '.'),
    (pixels(1, 65536), libmi.Error, '65536')])
def test_pictures_refused(tmp_path, picture, error, words):
    with pytest.raises(error, match=words):
        write_png(tmp_path / 'x.png', picture)
    assert not list(tmp_path.iterdir())


def test_read_only_pixels_will_do(tmp_path):
    picture = pixels(3, 3)
    picture.flags.writeable = False
    write_png(tmp_path / 'x.png', picture)
    np.testing.assert_array_equal(decode(tmp_path / 'x.png')[..., 0], picture)


def test_paths_refused(tmp_path):
    with pytest.raises(libmi.FileError, match='nowhere'):
        write_png(tmp_path / 'nowhere' / 'x.png', pixels(2, 2))
    with pytest.raises(libmi.ArgumentError, match='zero byte'):
        write_png('a\0b', pixels(2, 2))
    for path in (None, 3.5, []):
        with pytest.raises(libmi.ArgumentError, match='name of a file'):
            write_png(path, pixels(2, 2))
