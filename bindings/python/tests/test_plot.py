# SPDX-License-Identifier: BSD-2-Clause
"""Pictures: what is in them, and that they can be written."""
import math

import numpy as np
import pytest

pytest.importorskip('matplotlib')
from matplotlib.figure import Figure

import libmi
from libmi import plot

CSV = '''epoch,seconds,loss,head,head_loss,accuracy,nmi,ari
1,3.0,-1.5,0,-1.4,0.5,0.4,0.3
1,3.0,-1.5,1,-1.6,0.6,0.4,0.3
2,6.0,-2.0,0,-2.1,0.9,0.4,0.3
2,6.0,-2.0,1,-1.9,0.7,0.4,0.3
'''


def saved(ax, path):
    ax.figure.savefig(path)
    assert path.read_bytes().startswith(b'\x89PNG')


def line(ax, label):
    axes = ax.figure.axes
    return next(found.get_xydata().tolist() for a in axes for found in a.lines
                if found.get_label() == label)


def test_curves_of_a_file(tmp_path):
    (tmp_path / 'metrics.csv').write_text(CSV)
    ax = plot.curves(tmp_path / 'metrics.csv')
    assert line(ax, 'loss') == [[1, -1.5], [2, -2]]
    assert line(ax, 'accuracy') == [[1, 0.6], [2, 0.9]]  # of the head of the lowest loss
    assert line(ax, 'accuracy of other heads') == [[1, 0.5], [2, 0.9]]
    saved(ax, tmp_path / 'curves.png')


def test_curves_take_the_later_of_two_measures(tmp_path):
    (tmp_path / 'metrics.csv').write_text(CSV + '1,9.0,-1.7,0,-1.8,0.8,0.4,0.3\n'
                                          '1,9.0,-1.7,1,-1.6,0.6,0.4,0.3\n')
    ax = plot.curves(tmp_path / 'metrics.csv')
    assert line(ax, 'loss') == [[1, -1.7], [2, -2]]
    assert line(ax, 'accuracy') == [[1, 0.8], [2, 0.9]]


def test_curves_of_a_history():
    ax = plot.curves([libmi.Row(1, -1, 0, 0.5, 0.5), libmi.Row(2, -2, 1, 0.75, 0.5)])
    assert line(ax, 'loss') == [[1, -1], [2, -2]]
    assert line(ax, 'accuracy') == [[1, 0.5], [2, 0.75]]


def test_curves_without_labels():
    ax = plot.curves([libmi.Row(1, -1, 0, math.nan, math.nan)])
    assert len(ax.figure.axes) == 1


def test_curves_of_a_training(tmp_path):
    context = libmi.Context(seed=1)
    images = libmi.Dataset.digits(64, context=context)
    pairs = libmi.Pairs(images, context=context, batch=32)
    encoder = libmi.Encoder('dense 8 | softmax 10', context=context)
    cluster = libmi.Cluster(encoder, libmi.Optimizer(encoder))
    history = cluster.fit(pairs, 2, test=images, csv=tmp_path / 'm.csv', measure_batches=1)
    for label in ('loss', 'accuracy'):
        np.testing.assert_allclose(line(plot.curves(tmp_path / 'm.csv'), label),
                                   line(plot.curves(history), label), atol=1e-5)


@pytest.mark.parametrize('text, words', [
    ('a,b\n1,2\n', 'has no column epoch'),
    (CSV.partition('\n')[0] + '\n', 'has no measures yet'),
    (CSV + '3,9.0,-2\n', 'broken line 6'),
])
def test_other_files(tmp_path, text, words):
    (tmp_path / 'metrics.csv').write_text(text)
    with pytest.raises(libmi.FormatError, match=words):
        plot.curves(tmp_path / 'metrics.csv')


def test_an_empty_history():
    with pytest.raises(libmi.FormatError, match='empty'):
        plot.curves([])


def test_confusion_has_the_counts_in_order(tmp_path):
    counts = np.array([[1, 7, 0], [0, 0, 0], [9, 0, 2]])
    ax = plot.confusion(counts, naming=[1, -1, 0], classes='abc')
    assert [t.get_text() for t in ax.texts] == list('902170000')
    assert [t.get_text() for t in ax.get_yticklabels()] == ['2', '0', '1']
    assert [t.get_text() for t in ax.get_xticklabels()] == ['a', 'b', 'c']
    saved(ax, tmp_path / 'confusion.png')
    assert [t.get_text() for t in plot.confusion(counts).texts] == list('902170000')
    with pytest.raises(libmi.ShapeError, match='naming'):
        plot.confusion(counts, naming=[1, 0])


def test_long_names_of_classes_do_not_overlap():
    names = ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Ankle boot' * 2]
    ax = plot.confusion(np.eye(5, dtype=int), classes=names)
    ax.figure.draw_without_rendering()
    width = ax.get_window_extent().width / 5
    for tick in ax.get_xticklabels():
        assert tick.get_rotation() == 45 or tick.get_window_extent().width < width
    labels = [tick.get_window_extent() for tick in ax.get_xticklabels()]
    assert all(box.y1 < ax.figure.bbox.y1 and box.x1 < ax.figure.bbox.x1 for box in labels)
    assert {t.get_rotation() for t in plot.confusion(np.eye(3), classes=range(3)).get_xticklabels()
            } == {0}


@pytest.mark.parametrize('shape', [(5, 4, 4), (5, 4, 4, 1), (5, 4, 4, 3)])
def test_sheet_puts_images_into_their_rows(shape, tmp_path):
    images = np.zeros(shape, np.uint8) + np.arange(5, dtype=np.uint8).reshape(
        5, *[1] * (len(shape) - 1)) * 10
    ax = plot.sheet(images, [1, 0, 1, -1, 1], columns=2, probability=[.5, .9, .7, .8, .6])
    page = np.asarray(ax.images[0].get_array())
    page = page[..., 0] if page.ndim == 3 else page
    assert page.shape == (9, 9)
    assert page[[0, 0, 5, 5], [0, 5, 0, 5]].tolist() == [10, 255, 20, 40]
    saved(ax, tmp_path / 'sheet.png')


@pytest.mark.parametrize('kind', [np.float32, np.float64, np.int64])
@pytest.mark.parametrize('colours', [(), (3,)])
def test_sheet_scales_by_the_largest_value(kind, colours):
    images = np.zeros((3, 2, 2, *colours), kind)
    images[1:] += np.array([4, 16], kind).reshape(2, *[1] * (images.ndim - 1))
    page = np.asarray(plot.sheet(images, [0, 0, 0], columns=3).images[0].get_array())
    assert page[0].reshape(8, -1)[:, 0].tolist() == [0, 0, 1, .25, .25, 1, 1, 1]
    page = np.asarray(plot.sheet(images / 32, [0, 0, 0], columns=3).images[0].get_array())
    assert page[0].reshape(8, -1)[6:, 0].tolist() == [0.5, 0.5]


def test_sheet_says_what_does_not_fit():
    with pytest.raises(libmi.ShapeError, match=r'images has shape \(5, 4\)'):
        plot.sheet(np.zeros((5, 4)), np.zeros(5, int))
    with pytest.raises(libmi.ShapeError, match=r'labels has shape \(4,\), \(5,\)'):
        plot.sheet(np.zeros((5, 4, 4)), np.zeros(4, int))


def test_axes_of_the_caller_are_used():
    axes = Figure().subplots(3)
    plot.curves([libmi.Row(1, -1, 0, 0.5, 0.5)], ax=axes[0])
    plot.confusion(np.eye(2, dtype=int), ax=axes[1])
    assert plot.sheet(np.zeros((2, 4, 4)), [0, 1], ax=axes[2]) is axes[2]
    assert axes[0].lines and axes[1].images and axes[2].images


# -- critics and tables of information ---------------------------------------------------------

FIT = libmi.MineFit(.49, .01, math.inf, .52, .5, 300, 200, 500, [
    libmi.MineReport(100 * step, .1 * step, 0, math.inf, 0) for step in range(1, 4)])


def test_learning(tmp_path):
    ax = plot.learning(FIT, truth=.51)
    assert line(ax, 'validation') == [[100, .1], [200, .2], [300, pytest.approx(.3)]]
    assert line(ax, 'truth') == [[0, .51], [1, .51]]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert set(texts) == {'validation', 'truth', 'estimate on the test samples'}
    saved(ax, tmp_path / 'learning.png')
    saved(plot.learning(FIT._replace(error=math.nan)), tmp_path / 'learning.png')
    own = Figure().add_subplot()
    assert plot.learning(FIT, ax=own) is own
    with pytest.raises(libmi.FormatError, match='no looks'):
        plot.learning(FIT._replace(history=[]))


def test_tables_of_information(tmp_path):
    table = [[np.nan, .5], [.5, np.nan]]
    ax = plot.information(table, ['a long name', 'b'], 'bits')
    assert [text.get_text() for text in ax.texts] == ['0.50', '0.50']
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ['a long name', 'b']
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ['a long name', 'b']
    assert ax.get_xlabel() == 'mutual information, bits'
    saved(ax, tmp_path / 'table.png')
    assert len(plot.information(np.zeros((3, 3))).texts) == 9
    with pytest.raises(libmi.ShapeError, match=r'table has shape \(2, 3\)'):
        plot.information(np.zeros((2, 3)))
    with pytest.raises(libmi.ShapeError, match='1 names for 2 variables'):
        plot.information(table, ['a'])
