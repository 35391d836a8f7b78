# SPDX-License-Identifier: BSD-2-Clause
"""The loop of training that most people want."""
from __future__ import annotations

import math
import os
import signal
import threading
import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple

from ._errors import FileError
from ._options import at_least, path as _path
from ._progress import show

if TYPE_CHECKING:
    from .cluster import Cluster
    from .dataset import Dataset
    from .pairs import Pairs


class Progress(NamedTuple):
    """Where a training stands after a step."""

    epoch: int  #: 1 to epochs
    epochs: int
    step: int  #: 1 to steps
    steps: int  #: in an epoch
    loss: float  #: running mean, nats
    rate: float  #: learning rate that was used
    selected: int  #: the head with the lowest running loss


class Row(NamedTuple):
    """A measure of a training."""

    epoch: float  #: epochs made, with their fraction
    loss: float  #: running mean, nats
    selected: int  #: the head with the lowest running loss
    accuracy: float  #: of that head on the test images; NaN without them
    nmi: float  #: likewise


class Interrupts:
    """Ctrl-C waits for `check`; once more, and it doesn't.

    Handlers that a program has set up are left in place, and so are threads but the main one.
    """

    def __init__(self) -> None:
        self._caught = False
        self._ours = (threading.current_thread() is threading.main_thread()
                      and signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    def _catch(self, *_: object) -> None:
        self._caught = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        if self._caught:
            self._caught = False
            raise KeyboardInterrupt

    def __enter__(self) -> Interrupts:
        if self._ours:
            signal.signal(signal.SIGINT, self._catch)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if kind is None:
            self.check()


class Table:
    """The file of measures. It is whole at any time: a new one takes the place of the old."""

    def __init__(self, path: Any, continues: bool) -> None:
        self._path = os.fsdecode(_path(path, 'csv'))
        self._text = 'epoch,seconds,loss,head,head_loss,accuracy,nmi,ari\n'
        with self._by_name():
            if continues and os.path.exists(self._path):
                with open(self._path, encoding='utf-8') as file:
                    self._text = file.read() or self._text
            self._write()  # better now than after the first epoch

    def add(self, epoch: float, seconds: float, loss: float, scores: dict[int, Any]) -> None:
        for head, (head_loss, accuracy, nmi, ari) in scores.items():
            self._text += (f'{epoch:.6g},{seconds:.1f},{loss:.6f},{head},{head_loss:.6f},'
                           f'{accuracy:.6f},{nmi:.6f},{ari:.6f}\n')
        with self._by_name():
            self._write()

    def _write(self) -> None:
        temporary = f'{self._path}.{os.getpid()}.tmp'
        try:
            with open(temporary, 'w', encoding='utf-8', newline='') as file:
                file.write(self._text)
            os.replace(temporary, self._path)
        except BaseException:
            if os.path.exists(temporary):
                os.remove(temporary)
            raise

    @contextmanager
    def _by_name(self) -> Iterator[None]:
        """Errors of the system with the name of the file, not of the temporary one."""
        try:
            yield
        except OSError as error:
            raise FileError(f'csv is {self._path!r}, which cannot be written: {error.strerror}'
                            ) from None


class Measures:
    """Takes down how a clustering does."""

    def __init__(self, cluster: Cluster, test: Dataset | None, table: Table | None) -> None:
        self._cluster, self._test, self._table = cluster, test, table
        self._begin = time.monotonic()
        self.rows: list[Row] = []

    def add(self, epoch: float, loss: float) -> Row:
        selected, nan = self._cluster.selected, math.nan
        scores = {selected: (nan, nan, nan, nan)}
        if self._test is not None:
            all_scores = self._cluster.evaluate(self._test)
            scores = {head: (s.loss, s.accuracy, s.nmi, s.ari) for head, s in
                      enumerate(all_scores) if head in self._cluster.heads}
        if self._table is not None:
            self._table.add(epoch, time.monotonic() - self._begin, loss, scores)
        row = Row(epoch, loss, selected, *scores[selected][1:3])
        self.rows.append(row)
        return row


def _say(row: Row) -> str:
    measured = '' if math.isnan(row.accuracy) else (f', test accuracy {row.accuracy:.4f}, '
                                                    f'NMI {row.nmi:.4f}')
    return f'epoch {row.epoch:g}: loss {row.loss:.4f}, selected head {row.selected}{measured}'


class Step(NamedTuple):
    """A step that a training has made."""

    epoch: int  #: 1 to epochs
    epochs: int
    step: int  #: 1 to steps
    steps: int  #: in an epoch
    loss: float  #: running mean, nats
    report: Any  #: what the step told

    def row(self, measures: int) -> float | None:
        """Epochs made, with their fraction, where one of `measures` an epoch is due."""
        if self.step * measures // self.steps == (self.step - 1) * measures // self.steps:
            return None
        return ((self.epoch - 1) * self.steps + self.step) / self.steps


def train(pairs: Pairs, epochs: int, progress: bool | Callable[[Any], object] | None,
          step: Callable[[Any, Any], Any], after: Callable[[Step, Any], None],
          tell: Callable[[Step], Any]) -> None:
    """Makes steps until `pairs` stands at the end of epoch `epochs`, or `progress` stops.

    Parameters
    ----------
    step : makes one with x and xt; its report has the loss
    after : called with what was made, and with what shows it
    tell : makes of it what `progress` is called with
    """
    callback = progress if callable(progress) else None
    steps, done = pairs.batches, pairs.position
    shown = show(bool(progress) and callback is None, done, epochs * steps)
    loss, out = math.nan, None
    try:
        with Interrupts() as interrupts:
            while done < epochs * steps:
                out = pairs.next(out)
                report = step(*out)
                loss = report.loss if math.isnan(loss) else 0.98 * loss + 0.02 * report.loss
                now = Step(done // steps + 1, epochs, done % steps + 1, steps, loss, report)
                done += 1
                shown.step(f'loss {loss:.4f}')
                after(now, shown)
                if callback is not None and callback(tell(now)):
                    break
                interrupts.check()
    finally:
        shown.close()


def fit(cluster: Cluster, pairs: Pairs, epochs: int, *, restarts: int, restart_batches: int,
        measure_batches: int, test: Dataset | None, measures: int,
        progress: bool | Callable[[Progress], object] | None, csv: Any) -> list[Row]:
    """See `Cluster.fit`."""
    epochs, measures = at_least(epochs, 'epochs', 1), at_least(measures, 'measures', 1)
    last_restart = min(at_least(restarts, 'restarts', 0), epochs - 1) if cluster._over else 0
    restart_batches = at_least(restart_batches, 'restart_batches', 1)
    measure_batches = at_least(measure_batches, 'measure_batches', 1)
    done = pairs.position
    if cluster._late and done == 0 and last_restart == 0:
        warnings.warn('late heads wait for a restart, and there will be none: give epochs=2 or '
                      'more and restarts=1 or more, or restart() yourself', stacklevel=3)
    measured = Measures(cluster, test, None if csv is None else Table(csv, done > 0))

    def after(now: Step, shown: Any) -> None:
        if now.step == now.steps:
            if now.epoch <= last_restart:
                count = cluster.restart(pairs, restart_batches)
                shown.say(f'{count} of {len(cluster.heads)} heads start anew from merged '
                          'over-clusters')
            cluster.measure(pairs, measure_batches)
        epoch = now.row(measures)
        if epoch is not None:
            shown.say(_say(measured.add(epoch, now.loss)))

    train(pairs, epochs, progress, cluster.step, after,
          lambda now: Progress(*now[:5], now.report.rate, now.report.selected))
    return measured.rows
