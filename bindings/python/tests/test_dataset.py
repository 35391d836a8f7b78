# SPDX-License-Identifier: BSD-2-Clause
"""Sets of images: from files, from arrays, drawn."""
import gc
import gzip
import itertools

import numpy as np
import pytest

import libmi
from libmi import Dataset


def pictures(*shape, dtype=np.uint8):
    return np.random.default_rng(1).integers(0, 256, shape).astype(dtype)


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b''.join(n.to_bytes(4, 'big') for n in array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == '.gz' else data)
    return path


# -- from arrays -------------------------------------------------------------------------------

@pytest.mark.parametrize('shape', [(4, 5, 6), (4, 5, 6, 3), (1, 1, 1, 1)])
def test_from_array_and_back(shape):
    pixels, labels = pictures(*shape), np.arange(shape[0]) * 2 - 1
    with Dataset.from_array(pixels, labels) as dataset:
        assert dataset.shape == (*shape, 1)[:4] and len(dataset) == shape[0]
        assert dataset.classes == max(0, labels.max() + 1)
        assert dataset.labelled == (labels.max() >= 0)
        read = dataset.read()
    assert read.pixels.dtype == np.float32 and read.labels.dtype == np.int32
    np.testing.assert_array_equal(read.pixels.reshape(shape),
                                  pixels / np.float32(255))
    np.testing.assert_array_equal(read.labels, labels)


def test_from_array_of_floats_is_exact():
    pixels = np.random.default_rng(2).normal(size=(3, 4, 4)).astype(np.float32)
    dataset = Dataset.from_array(pixels)
    np.testing.assert_array_equal(dataset.read().pixels[..., 0], pixels)
    assert not dataset.labelled and dataset.classes == 0
    np.testing.assert_array_equal(dataset.read().labels, [-1] * 3)
    pixels[:] = 0  # it was copied
    assert dataset.read().pixels.any()


@pytest.mark.parametrize('labels', [[0, 1, 2], np.array([0, 1, 2], np.uint8),
                                    np.arange(3), np.arange(6)[::2] // 2,
                                    np.array([0, 1, 2], '>i4')])
def test_labels_of_any_integers(labels):
    read = Dataset.from_array(pictures(3, 2, 2), labels).read(pixels=False)
    assert read.pixels is None
    np.testing.assert_array_equal(read.labels, [0, 1, 2])


@pytest.mark.parametrize('labels, error', [
    (np.array([0., 1, 2]), libmi.DTypeError), ([0.5, 1, 2], libmi.DTypeError),
    ([True, False, True], libmi.DTypeError),
    (['a', 'b', 'c'], libmi.DTypeError), ([0, 1], libmi.ShapeError), (5, libmi.ShapeError),
    ([[0], [1], [2]], libmi.ShapeError), ([0, 1, 2**40], libmi.ArgumentError),
    ([0, 1, -2], libmi.ArgumentError), ([0, 1, 2**21], libmi.ArgumentError),
    (np.ma.array([0, 1, 2], mask=[1, 0, 0]), libmi.DTypeError)])
def test_labels_refused(labels, error):
    with pytest.raises(error):
        Dataset.from_array(pictures(3, 2, 2), labels)


@pytest.mark.parametrize('pixels, error, words', [
    (pictures(3, 2, 2, dtype=np.float64), libmi.DTypeError, 'float64.*astype'),
    (pictures(3, 2, 2, dtype=np.int64), libmi.DTypeError,
     r'pixels is int64: give pixels.astype\(numpy.uint8\) for 0 to 255'),
    (pictures(3, 2, 2, dtype=np.int8), libmi.DTypeError, 'numpy.uint8'),
    (pictures(3, 2, 2, dtype='>f4'), libmi.DTypeError, '>f4'),
    (pictures(3, 2, 2).astype(object), libmi.DTypeError, 'object'),
    (pictures(3, 4, 2).transpose(0, 2, 1), libmi.ShapeError, 'ascontiguousarray'),
    (np.asfortranarray(pictures(3, 4, 2)), libmi.ShapeError, 'ascontiguousarray'),
    (pictures(6, 2, 2)[::2], libmi.ShapeError, 'ascontiguousarray'),
    (pictures(2, 2), libmi.ShapeError, r'\(2, 2\)'), (np.uint8(3), libmi.ShapeError, '.'),
    (pictures(1, 1, 1, 1, 1), libmi.ShapeError, '.'), (None, libmi.DTypeError, 'None'),
    (pictures(0, 2, 2), libmi.ArgumentError, '.'), (pictures(2, 0, 2), libmi.ArgumentError, '.'),
    (pictures(1, 1, 5000), libmi.ArgumentError, '5000'), ('garbage', libmi.DTypeError, '.'),
    (np.full((2, 2, 2), np.nan, np.float32), libmi.NumericError, '0')])
def test_pixels_refused(pixels, error, words):
    with pytest.raises(error, match=words):
        Dataset.from_array(pixels)


def test_read_only_pixels_will_do():
    pixels = pictures(2, 2, 2)
    pixels.flags.writeable = False
    assert len(Dataset.from_array(pixels)) == 2


# -- reading -----------------------------------------------------------------------------------

def test_read_by_index():
    pixels = pictures(5, 2, 2, dtype=np.float32)
    dataset = Dataset.from_array(pixels, range(5))
    read = dataset.read([4, 0, 4])
    np.testing.assert_array_equal(read.pixels[..., 0], pixels[[4, 0, 4]])
    np.testing.assert_array_equal(read.labels, [4, 0, 4])
    assert dataset.read([1], labels=False).labels is None
    assert len(dataset.read(np.empty(0, np.int64)).pixels) == 0
    image, label = dataset[-2]
    np.testing.assert_array_equal(image[..., 0], pixels[3])
    assert label == 3 and type(label) is int
    np.testing.assert_array_equal(dataset[1:4].labels, [1, 2, 3])
    np.testing.assert_array_equal(dataset[::-2].labels, [4, 2, 0])
    np.testing.assert_array_equal(dataset[[2, 1]].labels, [2, 1])
    assert [label for _, label in dataset] == list(range(5))


@pytest.mark.parametrize('index, error', [
    ([True, False], libmi.DTypeError), ([5], libmi.ArgumentError), ([-1], libmi.ArgumentError),
    ([[0]], libmi.ShapeError),
    (np.array([0], np.int32), libmi.DTypeError), (np.array([0.]), libmi.DTypeError),
    (0, libmi.ShapeError), (np.arange(4)[::2], libmi.ShapeError), ('x', libmi.DTypeError)])
def test_index_refused(index, error):
    with pytest.raises(error):
        Dataset.from_array(pictures(5, 2, 2)).read(index)


@pytest.mark.parametrize('index', [5, -6, 2**40])
def test_item_out_of_range(index):
    with pytest.raises(IndexError, match=str(index)):
        Dataset.from_array(pictures(5, 2, 2))[index]


# -- drawn and from files ----------------------------------------------------------------------

def test_digits_are_numbered():
    some, later = Dataset.digits(6, seed=3), Dataset.digits(3, seed=3, first=3)
    assert some.shape == (6, 28, 28, 1) and some.classes <= 10
    np.testing.assert_array_equal(some.read([3, 4, 5]).pixels, later.read().pixels)
    assert (Dataset.digits(6, seed=4).read().pixels != some.read().pixels).any()


@pytest.mark.parametrize('options', [{'count': 0}, {'count': 2**70}, {'count': 1.5},
                                     {'count': 1, 'first': -1}, {'count': 1, 'seed': -1},
                                     {'count': 1, 'seed': 2**64}, {'count': None}])
def test_digits_refused(options):
    with pytest.raises(libmi.ArgumentError):
        Dataset.digits(**options)


@pytest.mark.parametrize('end', ['', '.gz'])
def test_idx_files(tmp_path, end):
    pixels, labels = pictures(4, 3, 2), np.array([2, 0, 1, 1])
    x = write_idx(tmp_path / f'train-images-idx3-ubyte{end}', pixels)
    y = write_idx(tmp_path / f'train-labels-idx1-ubyte{end}', labels)
    write_idx(tmp_path / f't10k-images-idx3-ubyte{end}', pixels[:1])
    write_idx(tmp_path / f't10k-labels-idx1-ubyte{end}', labels[:1])
    for dataset in (Dataset.open_idx(x, str(y)), Dataset.open(tmp_path)):
        np.testing.assert_array_equal(np.rint(255 * dataset.read().pixels[..., 0]), pixels)
        np.testing.assert_array_equal(dataset.read().labels, labels)
    assert len(Dataset.open(str(tmp_path).encode(), 'test')) == 1
    assert not Dataset.open_idx(x).labelled
    with pytest.raises(libmi.ShapeError):
        Dataset.open_idx(x, tmp_path / f't10k-labels-idx1-ubyte{end}')


def test_cifar(tmp_path):
    pixels, labels = pictures(7, 32, 32, 3), np.array([3, 0, 9, 1, 1, 2, 5])
    records = [bytes([label]) + image.transpose(2, 0, 1).tobytes()
               for label, image in zip(labels, pixels)]
    for i in range(5):
        (tmp_path / f'data_batch_{i + 1}.bin').write_bytes(records[i])
    (tmp_path / 'test_batch.bin').write_bytes(records[5] + records[6])
    for open_it in (Dataset.open, Dataset.open_cifar):
        read = open_it(tmp_path).read()
        np.testing.assert_array_equal(np.rint(255 * read.pixels), pixels[:5])
        np.testing.assert_array_equal(read.labels, labels[:5])
        np.testing.assert_array_equal(open_it(tmp_path, 'test').read().labels, labels[5:])
        with pytest.raises(libmi.ArgumentError, match='unlabelled'):
            open_it(tmp_path, 'unlabelled')
    (tmp_path / 'data_batch_2.bin').write_bytes(records[1][:-1])
    with pytest.raises(libmi.FormatError, match='data_batch_2.bin has 3072 bytes'):
        Dataset.open(tmp_path)


def test_stl(tmp_path):
    pixels, labels = pictures(6, 96, 96, 3), np.array([3, 1, 10])
    for part, images in ('train', pixels[:3]), ('test', pixels[:3]), ('unlabeled', pixels[3:]):
        (tmp_path / f'{part}_X.bin').write_bytes(images.transpose(0, 3, 2, 1).tobytes())
        (tmp_path / f'{part}_y.bin').write_bytes(labels.astype(np.uint8).tobytes())
    for open_it in (Dataset.open, Dataset.open_stl):
        for split in 'train', 'test':
            read = open_it(tmp_path, split).read()
            np.testing.assert_array_equal(np.rint(255 * read.pixels), pixels[:3])
            np.testing.assert_array_equal(read.labels, labels - 1)
        dataset = open_it(tmp_path, 'unlabelled')
        np.testing.assert_array_equal(np.rint(255 * dataset.read().pixels), pixels[3:])
        assert not dataset.labelled


def test_folders_of_png(tmp_path):
    pixels = pictures(4, 5, 5)
    for part, (name, i) in itertools.product(('train', 'test'), zip('bbaa', range(4))):
        (tmp_path / part / name).mkdir(parents=True, exist_ok=True)
        libmi.write_png(tmp_path / part / name / f'{i}.png', pixels[i])
    for dataset in (Dataset.open_folders(tmp_path / 'train'), Dataset.open(tmp_path, 'test')):
        np.testing.assert_array_equal(dataset.read().labels, [0, 0, 1, 1])
        np.testing.assert_array_equal(np.rint(255 * dataset.read().pixels[..., 0]),
                                      pixels[[2, 3, 0, 1]])


def test_folders_at_a_size(tmp_path):
    for name, shape in ('a', (6, 9)), ('b', (20, 8, 3)), ('c/images', (4, 4)):
        (tmp_path / name).mkdir(parents=True)
        libmi.write_png(tmp_path / name / '1.png', pictures(*shape))
    dataset = Dataset.open_folders(tmp_path, 4)
    assert dataset.shape == (3, 4, 4, 3)
    read = dataset.read()
    np.testing.assert_array_equal(read.labels, [0, 1, 2])
    halved = pictures(20, 8, 3)[6:14].reshape(4, 2, 4, 2, 3).mean((1, 3))
    np.testing.assert_allclose(255 * read.pixels[1], halved, atol=.51)
    np.testing.assert_array_equal(np.rint(255 * read.pixels[2, ..., 1]), pictures(4, 4))
    with pytest.raises(libmi.ShapeError, match='20 x 8'):
        Dataset.open_folders(tmp_path)
    for size in (0, -1, 4097, 2**40, 'x', 1.5):
        with pytest.raises(libmi.ArgumentError, match='size'):
            Dataset.open_folders(tmp_path, size)


@pytest.mark.parametrize('open_it', [Dataset.open, Dataset.open_idx, Dataset.open_cifar,
                                     Dataset.open_stl, Dataset.open_folders])
def test_paths_refused(tmp_path, open_it):
    with pytest.raises(libmi.FileError, match='nowhere'):
        open_it(tmp_path / 'nowhere')
    with pytest.raises(libmi.ArgumentError, match='zero byte'):
        open_it('with\0zero')
    for path in (3.5, None, [], object()):
        with pytest.raises(libmi.ArgumentError, match='name of a file'):
            open_it(path)


def test_files_of_garbage(tmp_path):
    garbage = tmp_path / 'garbage'
    for content in (b'', b'\0', bytes(range(256)), b'\0\0\x08\x03' + b'\xff' * 12):
        garbage.write_bytes(content)
        with pytest.raises(libmi.FormatError):
            Dataset.open_idx(garbage)
    folder = tmp_path / 'set' / 'class'
    folder.mkdir(parents=True)
    (folder / 'x.png').write_bytes(b'no picture')
    with pytest.raises(libmi.FormatError, match='x.png'):
        Dataset.open_folders(tmp_path / 'set')


def test_split_refused():
    with pytest.raises(libmi.ArgumentError, match='train, test, unlabelled'):
        Dataset.open('builtin', 'validation')
    with pytest.raises(libmi.ArgumentError):
        Dataset.open('builtin', 7)


# -- life --------------------------------------------------------------------------------------

def test_the_end():
    dataset = Dataset.digits(2)
    assert '2 images of 28 x 28 x 1' in repr(dataset) and 'closed' not in repr(dataset)
    dataset.close()
    dataset.close()
    assert dataset.closed and 'closed' in repr(dataset) and len(dataset) == 2
    with pytest.raises(libmi.StateError, match='closed'):
        dataset.read()
    with pytest.raises(libmi.StateError, match='closed'):
        dataset[0]
    with pytest.raises(TypeError, match='from_array'):
        Dataset()


def test_a_set_outlives_its_context():
    context = libmi.Context(threads=2, seed=5)
    dataset = Dataset.digits(3, context=context)
    context.close()
    del context
    gc.collect()
    assert dataset.read().pixels.any()
