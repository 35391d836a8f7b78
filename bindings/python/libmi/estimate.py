# SPDX-License-Identifier: BSD-2-Clause
"""How much one variable tells about another: arrays in, a number with its error out."""
from __future__ import annotations

import math
import warnings
from ctypes import byref
from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

import numpy as np

from . import _abi, context as _context
from ._arrays import address
from ._errors import ArgumentError, check
from ._library import lib
from ._options import fill, flags, sized
from ._progress import Bar, Line, Silence, show
from ._samples import Samples
from ._watch import Watch

_ENUMS = {'method': 'mi_method', 'unit': 'mi_unit', 'scale': 'mi_scale', 'metric': 'mi_metric',
          'correction': 'mi_correction', 'bin_kind': 'mi_bins', 'resample': 'mi_resample'}
_ZEROS = {'k': None, 'bins': None, 'level': None}
_MANY = {'resamples': 100, 'permutations': 199}  # of those that are wanted as True
_LEVEL = 0.95
_MANY_SAMPLES = 1000  # for which auto may take a while


class EstimateWarning(UserWarning):
    """An estimate is to be taken with care; the text says why."""


@dataclass(frozen=True, repr=False)
class Estimate:
    """An estimate of information or entropy; `float(estimate)` is its value."""

    value: float  #: in `unit`
    unit: str  #: 'nats' or 'bits'
    method: str  #: that it is by, such as 'ksg'
    n: int  #: samples
    cap: float  #: the most that the method can say; infinite if there is no limit
    warnings: tuple[str, ...]  #: of 'cap', 'few', 'ties', 'constant', 'singular', 'unsure'
    error: float | None = None  #: standard error; None unless resamples were asked for
    low: float | None = None  #: the interval, likewise
    high: float | None = None  #: likewise
    level: float | None = None  #: of the interval, likewise
    p_value: float | None = None  #: of independence; None unless permutations were asked for
    null_mean: float | None = None  #: mean of permuted samples, the bias if independent; likewise
    local: np.ndarray | None = field(default=None, compare=False)  #: [n], each sample's share

    def __float__(self) -> float:
        return self.value

    def __format__(self, form: str) -> str:
        return format(self.value, form) if form else repr(self)

    def __repr__(self) -> str:
        told = [self.method, f'n = {self.n}']
        if self.low is not None:
            told.append(f'{100 * self.level:g} %: {_brief(self.low)} to {_brief(self.high)}')
        if self.p_value is not None:
            told.append(f'p = {self.p_value:.2g}')
        doubts = f'; {", ".join(self.warnings)}' if self.warnings else ''
        return f'{_brief(self.value)} {self.unit} ({", ".join(told)}{doubts})'


def _brief(value: float) -> str:
    return f'{value:.3f}' if abs(value) < 1000 or not math.isfinite(value) else f'{value:.6g}'


class _Watch(Watch):
    """Shows how far an estimate is, or asks whether to go on."""

    def __init__(self, progress: bool | Callable[[float, int], object] | None) -> None:
        super().__init__(_abi.mi_estimate_options_progress)
        self._ask = progress if callable(progress) else None
        self._wanted = bool(progress) and self._ask is None
        self._shown: Bar | Line | Silence | None = None
        self._steps = 0

    def _look(self, done: float, total: int) -> object:
        if self._shown is None:
            self._shown = show(self._wanted, 0, total, 'estimate')
        self._shown.step(f'{100 * done / total:.0f} %', int(done) - self._steps)
        self._steps = int(done)
        return self._ask is not None and self._ask(done, total)

    def __exit__(self, *raised: Any) -> None:
        if self._shown is not None:
            self._shown.close()
        super().__exit__(*raised)


def _options(words: dict[str, Any]) -> _abi.mi_estimate_options:
    """Keywords for C; True and False will do where a number of times is asked for."""
    for name, many in _MANY.items():
        if isinstance(words.get(name), (bool, np.bool_)):
            words[name] = many if words[name] else None
    return fill(_abi.mi_estimate_options, words, _ENUMS, _ZEROS)


def _told(result: _abi.mi_estimate_result, options: _abi.mi_estimate_options,
          local: np.ndarray | None) -> Estimate:
    more: dict[str, Any] = {}
    if options.resamples:
        more.update(error=result.error, low=result.low, high=result.high,
                    level=options.level or _LEVEL)
    if options.permutations:
        more.update(p_value=result.p_value, null_mean=result.null_mean)
    return Estimate(result.value, lib.mi_unit_name(result.unit).decode(),
                    lib.mi_method_name(result.method).decode(), result.n, result.cap,
                    flags(result.warnings, 'mi_warning'), local=local, **more)


def _run(call: Callable[[], int], options: _abi.mi_estimate_options, n: int,
         progress: bool | Callable[[float, int], object] | None) -> None:
    """A call that can be stopped if it may take long; else there is no need to get ready for it."""
    slow = options.method == _abi.MI_METHOD_NEURAL or (
        options.method == _abi.MI_METHOD_AUTO and n >= _MANY_SAMPLES)
    told = bool(progress) or callable(progress)
    if not (told or slow or options.resamples or options.permutations):
        check(call())
        return
    with _Watch(progress) as watch:
        options.progress = watch.function
        watch.check(call())


def text(warning: str) -> str:
    """The sentence for a word of `Estimate.warnings`."""
    number = _abi.ENUMS['mi_warning'][f'MI_WARNING_{warning.upper()}']
    return lib.mi_warning_text(number).decode()


def _warned(estimate: Estimate) -> Estimate:
    """Python shows a text once for each line that calls, unless it is told otherwise."""
    for word in estimate.warnings:
        warnings.warn(text(word), EstimateWarning, stacklevel=3)
    return estimate


def _each(discrete: Any, names: Sequence[str]) -> Sequence[Any]:
    """Whether each of the variables is discrete."""
    if not isinstance(discrete, (tuple, list)):
        return [discrete] * len(names)
    if len(discrete) != len(names):
        raise ArgumentError(f'discrete has {len(discrete)} values, one for each of '
                            f'{", ".join(names)} is needed')
    return discrete


def silent(x: Any, y: Any, given: Any = None, *, local: bool = False, axis: str = 'flat',
           discrete: Any = None, context: _context.Context | None = None,
           progress: bool | Callable[[float, int], object] | None = None,
           **words: Any) -> Estimate:
    """`mutual_information` without warnings; variables may be `Samples` already."""
    options = _options(words)
    names = ('x', 'y') if given is None else ('x', 'y', 'given')
    a, b, *z = (value if isinstance(value, Samples) else Samples(value, name, axis, kind)
                for value, name, kind in zip((x, y, given), names, _each(discrete, names)))
    shares = np.empty(a.n) if local else None
    result = sized(_abi.mi_estimate_result)
    with _context.chosen(context)._borrowed() as c:
        _run(lambda: lib.mi_estimate_mi(c, a.pointer, b.pointer, z[0].pointer if z else None,
                                        byref(options), address(shares), byref(result)),
             options, a.n, progress)
    return _told(result, options, shares)


def mutual_information(x: Any, y: Any, given: Any = None, *, method: str = 'auto',
                       unit: str = 'nats', k: int | None = None, metric: str = 'max',
                       scale: str | None = None, noise: float | None = None,
                       bins: int | None = None, bin_kind: str = 'width',
                       correction: str | None = None, resamples: int | bool = 0,
                       resample: str = 'halves', level: float | None = None,
                       permutations: int | bool = 0, seed: int | None = None,
                       local: bool = False, axis: str = 'flat', discrete: Any = None,
                       context: _context.Context | None = None,
                       progress: bool | Callable[[float, int], object] | None = None) -> Estimate:
    """How much x tells about y: I(x; y), or I(x; y | z) where z is given.

    Variables are arrays [n] or [n, ...], columns of tables or lists, of numbers, truth values or
    names. Whole numbers and names are discrete, and floats that are all whole and have few
    values; other numbers are continuous.

    Parameters
    ----------
    x, y : n samples of each
    given : as many samples of z
    method : 'auto', 'discrete', 'histogram', 'ksg', 'ksg2', 'ross', 'gao', 'gaussian', 'copula',
        'student', 'canonical' or 'neural'; which one it was is in the result
    unit : 'nats' or 'bits'
    k : neighbours of ksg, ksg2, ross and gao; None: 3
    metric : 'max' or 'euclidean', of the neighbours within a variable
    scale : of each column before: 'none', 'standard' or 'rank'; None: rank for auto, copula,
        student and canonical, standard for neighbours and neural, else none
    noise : breaks ties of numbers: its standard deviation in those of each column; None: nothing
        is added
    bins : cells of a histogram, for each column; None: Scott's rule
    bin_kind : 'width': cells of equal width; 'quantile': of equal counts
    correction : of discrete and histogram: None, 'miller-madow' or 'grassberger'
    resamples : how many, for error and interval, 2 or more; True: 100; 0: not wanted
    resample : 'halves' of the samples, right for every method; or 'bootstrap'
    level : of the interval; None: 0.95
    permutations : how many, for the p-value of independence; True: 199; 0: not wanted. What is
        given has to be discrete for them
    seed : of noise, resamples, permutations and networks; None: the context's
    local : whether each sample's share is wanted
    axis : of arrays [n, ..., d]: 'flat': n samples of all the numbers; 'last': n ... samples of
        d numbers
    discrete : True or False to say it for all variables; (True, None) and so on for each; None:
        as above
    context : None: the process's
    progress : True: a bar by tqdm, or lines on standard error. Or called with how many estimates
        are made, and how many will be in all: the value, those of resamples and those of
        permutations. While a network learns, the former has the share of its steps. By returning
        True it stops with a CancelledError

    Ctrl-C raises KeyboardInterrupt after an estimate or a hundred steps of a network, and what
    `progress` raises comes through.

    Warns
    -----
    EstimateWarning : if the estimate is to be taken with care, for each reason; the words are in
        `warnings` of the result

    Raises
    ------
    ShapeError : different numbers of samples
    NumericError : NaN or infinity
    UnsupportedError : the method can't what is asked; the message says which can
    """
    return _warned(silent(
        x, y, given, method=method, unit=unit, k=k, metric=metric, scale=scale, noise=noise,
        bins=bins, bin_kind=bin_kind, correction=correction, resamples=resamples,
        resample=resample, level=level, permutations=permutations, seed=seed, local=local,
        axis=axis, discrete=discrete, context=context, progress=progress))


def entropy(x: Any, *, method: str = 'auto', unit: str = 'nats', k: int | None = None,
            metric: str = 'max', scale: str | None = None, noise: float | None = None,
            bins: int | None = None, bin_kind: str = 'width', correction: str | None = None,
            resamples: int | bool = 0, resample: str = 'halves', level: float | None = None,
            seed: int | None = None, local: bool = False, axis: str = 'flat',
            discrete: bool | None = None, context: _context.Context | None = None,
            progress: bool | Callable[[float, int], object] | None = None) -> Estimate:
    """The entropy of x: of its values if it is discrete, else of the density of its numbers.

    The latter may be negative and changes with the scale of x.

    Parameters
    ----------
    x : n samples, and everything else as in `mutual_information`
    method : 'auto', 'discrete', 'histogram', 'ksg' (Kozachenko's and Leonenko's) or 'gaussian'

    See Also
    --------
    discrete.entropy : of a table of probabilities or counts
    """
    options = _options({
        'method': method, 'unit': unit, 'k': k, 'metric': metric, 'scale': scale, 'noise': noise,
        'bins': bins, 'bin_kind': bin_kind, 'correction': correction, 'resamples': resamples,
        'resample': resample, 'level': level, 'seed': seed})
    a = Samples(x, 'x', axis, *_each(discrete, ('x',)))
    shares = np.empty(a.n) if local else None
    result = sized(_abi.mi_estimate_result)
    with _context.chosen(context)._borrowed() as c:
        _run(lambda: lib.mi_estimate_entropy(c, a.pointer, byref(options), address(shares),
                                             byref(result)), options, a.n, progress)
    return _warned(_told(result, options, shares))
