# SPDX-License-Identifier: BSD-2-Clause
"""Pictures with matplotlib: curves of trainings and of critics, confusion matrices, tables of
mutual information, sheets of images.

Each function draws on the Axes that it is given, or on a new figure, and returns the Axes.
Nothing is shown or saved: `ax.figure.savefig('curves.png')`. The new figure is outside pyplot,
which would keep it for ever. To see pictures in a notebook or a window, give Axes of pyplot:

    fig, ax = plt.subplots(layout='constrained')
    plot.curves(history, ax=ax)
"""
from __future__ import annotations

import csv as _csv
import os
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from . import score
from ._errors import FormatError, ShapeError
from .cluster import Row
from .mine import MineFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOSS, _ACCURACY, _GREY = '#555555', '#1f5fbf', '#b8c4d8'


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    if ax is not None:
        return ax
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    # outside pyplot, which would keep the figure for ever and may want a display
    figure = Figure(figsize=(width, height), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def curves(history: Any, ax: Axes | None = None) -> Axes:
    """The course of a training: loss, and accuracy of each head where it was measured.

    Parameters
    ----------
    history : what `Cluster.fit` returned, or the CSV file that it or the example `iic` wrote
    ax : where to draw, of `plt.subplots()` to be shown; None: on a new figure, to be saved

    Raises
    ------
    FormatError : the file has no measures, or is of another kind
    """
    epoch, loss, heads, selected = (_read(history) if isinstance(history, (str, os.PathLike))
                                    else _rows(history))
    ax = _axes(ax, 6.4, 4)
    marker = '.' if len(epoch) < 30 else None
    ax.plot(epoch, loss, color=_LOSS, marker=marker, linestyle='--', label='loss')
    ax.set(xlabel='epoch', ylabel='loss, nats')
    ax.spines['top'].set_visible(False)
    if all(np.isnan(values).all() for _, values in heads):
        ax.spines['right'].set_visible(False)
        return ax
    right = ax.twinx()
    right.spines['top'].set_visible(False)
    for number, (epochs, values) in enumerate(heads):
        right.plot(epochs, values, color=_GREY, linewidth=1,
                   label='accuracy of other heads' if number == 0 and len(heads) > 1 else None)
    right.plot(epoch, selected, color=_ACCURACY, marker=marker, label='accuracy')
    right.set_ylabel('accuracy', color=_ACCURACY)
    right.set_ylim(top=1.005)
    right.tick_params(axis='y', colors=_ACCURACY)
    lines = ax.lines + right.lines[::-1]
    right.legend(handles=[line for line in lines if not line.get_label().startswith('_')],
                 loc='lower left', bbox_to_anchor=(0, 1), ncols=3, frameon=False)
    return ax


def _rows(history: Sequence[Row]) -> tuple:
    if not history:
        raise FormatError('the history is empty: train for an epoch first')
    epoch, loss, _, accuracy, _ = (np.array(column, float) for column in zip(*history))
    return epoch, loss, [(epoch, accuracy)], accuracy


def _read(path: Any) -> tuple:
    """Epochs, losses, epochs and accuracies of each head, and of the one of the lowest loss."""
    names = ('epoch', 'loss', 'head', 'head_loss', 'accuracy')
    with open(path, newline='', encoding='utf-8') as file:
        reader = _csv.DictReader(file)
        absent = [name for name in names if name not in (reader.fieldnames or ())]
        if absent:
            raise FormatError(f'{os.fspath(path)} has no column {absent[0]}: a file that '
                              'Cluster.fit or the example iic wrote is needed')
        try:
            rows = [[float(row[name]) for name in names] for row in reader]
        except (TypeError, ValueError) as error:
            raise FormatError(f'{os.fspath(path)} has a broken line {reader.line_num}: {error}'
                              ) from None
    if not rows:
        raise FormatError(f'{os.fspath(path)} has no measures yet')
    # a training that began again from a checkpoint has measured an epoch twice: the later counts
    table = np.array(sorted({(row[0], row[2]): row for row in rows}.values()))
    epochs = np.unique(table[:, 0])
    measures = [table[table[:, 0] == epoch] for epoch in epochs]
    best = [m[0 if np.isnan(m[:, 3]).all() else np.nanargmin(m[:, 3])] for m in measures]
    heads = [table[table[:, 2] == head] for head in np.unique(table[:, 2])]
    return (epochs, np.array([m[0, 1] for m in measures]), [(h[:, 0], h[:, 4]) for h in heads],
            np.array([b[4] for b in best]))


def learning(fit: MineFit, truth: float | None = None, ax: Axes | None = None) -> Axes:
    """How a critic learned: the bound on the validation samples at each look, and the estimate.

    Parameters
    ----------
    fit : what `Mine.fit` returned
    truth : a line for it, if it is known
    ax : where to draw, of `plt.subplots()` to be shown; None: on a new figure, to be saved
    """
    if not fit.history:
        raise FormatError('the fit has no looks: make more steps, or give a smaller check')
    ax = _axes(ax, 6.4, 4)
    ax.plot([look.step for look in fit.history], [look.estimate for look in fit.history],
            color=_LOSS, marker='.' if len(fit.history) < 30 else None, label='validation')
    ax.errorbar(fit.best_step, fit.estimate, 1.96 * fit.error, color=_ACCURACY, marker='o',
                capsize=3, label='estimate on the test samples')
    if truth is not None:
        ax.axhline(truth, color='#222222', linewidth=1, linestyle=':', label='truth')
    ax.set(xlabel='step', ylabel='estimate, nats')
    ax.spines[['top', 'right']].set_visible(False)
    ax.legend(loc='lower left', bbox_to_anchor=(0, 1), ncols=3, frameon=False)
    return ax


def information(table: Any, names: Sequence[str] | None = None, unit: str = 'nats',
                ax: Axes | None = None) -> Axes:
    """A table of mutual information, of a row's variable and a column's; NaN is left out.

    Parameters
    ----------
    table : [variables, variables]
    names : of the variables; None: numbers
    unit : what the numbers are in
    ax : where to draw, of `plt.subplots()` to be shown; None: on a new figure, to be saved
    """
    table = np.asarray(table, float)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        raise ShapeError(f'table has shape {table.shape}, a square matrix is needed')
    names = [str(name) for name in (range(len(table)) if names is None else names)]
    if len(names) != len(table):
        raise ShapeError(f'{len(names)} names for {len(table)} variables: one for each is needed')
    ax = _axes(ax, 1.2 + 0.55 * len(table) + _room(names),
               0.8 + 0.45 * len(table) + _room(names))
    most = np.nanmax(table, initial=0) or 1
    ax.imshow(table, cmap='Blues', vmin=0, vmax=1.15 * most, aspect='auto')
    for (row, column), value in np.ndenumerate(table):
        if not np.isnan(value):
            ax.text(column, row, f'{value:.2f}', ha='center', va='center', fontsize=8,
                    color='white' if value > 0.6 * most else '#222222')
    ax.set(xticks=range(len(table)), yticks=range(len(table)), yticklabels=names,
           xlabel=f'mutual information, {unit}')
    _above(ax, names)
    _separate(ax, table.shape)
    return ax


def confusion(counts: Any, naming: Any = None, ax: Axes | None = None,
              classes: Sequence[str] | None = None) -> Axes:
    """The confusion matrix: a row a cluster, a column a class, the share of the row as shade.

    Parameters
    ----------
    counts : [clusters, classes] int64, as `score.confusion` gives them
    naming : [clusters] the class of each cluster, -1 for none, which orders the rows; None: the
        best one-to-one naming
    ax : where to draw, of `plt.subplots()` to be shown; None: on a new figure, to be saved
    classes : their names; None: numbers
    """
    counts = np.asarray(counts)
    naming = score.accuracy(np.ascontiguousarray(counts, np.int64)).naming if naming is None \
        else np.asarray(naming)
    if naming.shape != counts.shape[:1]:
        raise ShapeError(f'naming has shape {naming.shape}, ({counts.shape[0]},) is needed')
    order = np.argsort(np.where(naming < 0, counts.shape[1], naming), kind='stable')
    counts = counts[order]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [str(name) for name in (range(counts.shape[1]) if classes is None else classes)]
    ax = _axes(ax, 1.5 + 0.55 * counts.shape[1], 1.2 + 0.45 * counts.shape[0] + _room(names))
    ax.imshow(share, cmap='Blues', vmin=0, vmax=1.15, aspect='auto')
    for (row, column), count in np.ndenumerate(counts):
        ax.text(column, row, f'{count}', ha='center', va='center', fontsize=8,
                color='white' if share[row, column] > 0.6 else '#222222' if count else '#bbbbbb')
    ax.set(xlabel='class', ylabel='cluster', xticks=range(counts.shape[1]),
           yticks=range(counts.shape[0]), yticklabels=order)
    _above(ax, names)
    ax.xaxis.set_label_position('top')
    _separate(ax, counts.shape)
    return ax


def _room(names: Sequence[str]) -> float:
    """What names above cells need where they have to be turned, inches."""
    longest = max(map(len, names), default=0)
    return 0.06 * longest if longest > 6 else 0  # letters that fit beside each other


def _above(ax: Axes, names: Sequence[str]) -> None:
    """Names above the columns of cells."""
    ax.set_xticks(range(len(names)), names)
    ax.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    for tick in ax.get_xticklabels() if _room(names) else ():
        tick.set(rotation=45, ha='left', rotation_mode='anchor')


def _separate(ax: Axes, shape: Sequence[int]) -> None:
    """White lines between cells, and no frame."""
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(shape[1] + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(shape[0] + 1) - 0.5, minor=True)
    ax.grid(which='minor', color='white', linewidth=1.5)
    ax.tick_params(which='minor', length=0, top=False)


def sheet(images: Any, labels: Any, *, columns: int = 20, probability: Any = None,
          ax: Axes | None = None) -> Axes:
    """A sheet of images, a row a cluster.

    Parameters
    ----------
    images : [n, h, w] or [n, h, w, c], c 1 or 3; bytes, or from 0 to 1. Other numbers than bytes
        are divided by the largest if that is above 1
    labels : [n] the cluster of each, from 0 on; negative ones are left out
    columns : images of each cluster
    probability : [n] how sure each is, the surest come first; [n, clusters] will do, too. None:
        the first ones of each cluster
    ax : where to draw, of `plt.subplots()` to be shown; None: on a new figure, to be saved
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or images.ndim == 4 and images.shape[3] != 3:
        raise ShapeError(f'images has shape {images.shape}: (n, h, w), (n, h, w, 1) or '
                         '(n, h, w, 3) is needed')
    if labels.shape != images.shape[:1]:
        raise ShapeError(f'labels has shape {labels.shape}, ({len(images)},) is needed')
    sure = np.zeros(len(labels)) if probability is None else np.asarray(probability)
    if sure.ndim == 2:
        sure = sure.max(axis=1)
    rows = int(labels.max(initial=0)) + 1
    gap = max(1, images.shape[1] // 14)
    height, width = images.shape[1] + gap, images.shape[2] + gap
    full = 255 if images.dtype == np.uint8 else max(1, np.nanmax(images, initial=1))
    page = np.full((rows * height - gap, columns * width - gap, *images.shape[3:]), full,
                   images.dtype)
    for row in range(rows):
        members = np.flatnonzero(labels == row)
        for column, i in enumerate(members[np.argsort(-sure[members], kind='stable')][:columns]):
            page[row * height:row * height + images.shape[1],
                 column * width:column * width + images.shape[2]] = images[i]
    ax = _axes(ax, 8, 8 * rows * height / (columns * width) + 0.2)
    if images.dtype != np.uint8:
        page, full = np.clip(page / full, 0, 1), 1
    ax.imshow(page, cmap='gray', vmin=0, vmax=full, interpolation='nearest')
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=np.arange(rows) * height + (images.shape[1] - 1) / 2,
           yticklabels=range(rows), ylabel='cluster')
    ax.tick_params(length=0)
    return ax
