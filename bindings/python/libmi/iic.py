# SPDX-License-Identifier: BSD-2-Clause
"""Invariant information clustering: the mutual information between the clusters of twins.

For class probabilities z of n samples and zt of their transformed twins, A = sum_i z_i zt_i^T,
P = (A + A^T) / 2 / sum(A), p its marginal,

    loss = - sum_cd P_cd (ln P_cd - lambda ln p_c - lambda ln p_d)

which is minus the mutual information for lambda = 1.
"""
from __future__ import annotations

import functools
from ctypes import byref, c_double, c_int64, sizeof
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from . import _abi, context as _context
from ._arrays import FLOAT64, FLOATS, address, array, brief
from ._errors import ArgumentError, DTypeError, ShapeError, check
from ._gradients import apart, gradients, ld, like, mask_of
from ._handle import Handle
from ._library import lib
from ._options import above_0, at_least, choice, fill, whole


class IICResult(NamedTuple):
    """Losses in nats, and gradients of their mean: None where not wanted, lists for lists."""

    loss: float  #: the mean over heads
    losses: tuple[float, ...]  #: of each head
    dz: Any = None  #: as z
    dzt: Any = None  #: as zt

    def __repr__(self) -> str:
        return brief(self)


class IICGradients(NamedTuple):
    """Gradients of the mean loss, lists for lists."""

    dz: Any
    dzt: Any

    def __repr__(self) -> str:
        return brief(self)


class Merged(NamedTuple):
    """Clusters in groups."""

    group: np.ndarray  #: [K] int32: the group of each cluster, in order of first appearance
    information: float  #: what the groups keep of the mutual information, nats


# Structs and functions by the size of an element.
_HEADS = {4: _abi.mi_iic_head_f32, 8: _abi.mi_iic_head_f64}
_EVAL = {4: lib.mi_iic_eval_f32, 8: lib.mi_iic_eval_f64}
_ADD = {4: lib.mi_iic_add_f32, 8: lib.mi_iic_add_f64}
_BACKWARD = {4: lib.mi_iic_backward_f32, 8: lib.mi_iic_backward_f64}
_MAPS = {4: (_abi.mi_iic_maps_f32, lib.mi_iic_eval_maps_f32),
         8: (_abi.mi_iic_maps_f64, lib.mi_iic_eval_maps_f64)}
_MAPS_SIZE = sizeof(_abi.mi_iic_maps_f32)


@functools.lru_cache(maxsize=64)  # making a type takes longer than a call
def _array_of(size: int, count: int) -> type:
    return _HEADS[size] * count


class _Heads:
    """The structs of some heads, and the arrays that they point to."""

    __slots__ = ('n', 'size', 'structs', 'arrays', 'several')

    def __init__(self, z: Any, zt: Any, weight: Any, repeats: int, grad: bool,
                 out: Mapping[str, Any] | None) -> None:
        self.several = isinstance(z, (list, tuple))
        self.arrays = (_several(z, zt, weight, repeats, grad, out) if self.several else
                       [_head(z, zt, weight, repeats, grad, out, '')])
        first = self.arrays[0][0]
        self.n, self.size = first.shape[0], first.itemsize
        self.structs = _array_of(self.size, len(self.arrays))(*[
            (a.shape[1], address(a), ld(a), address(b), ld(b), address(da), ld(da), address(db),
             ld(db), address(w)) for a, b, w, da, db in self.arrays])

    def gradients(self) -> tuple[Any, Any]:
        """dz and dzt in the form that z had."""
        if not self.several:
            return self.arrays[0][3:]
        dz, dzt = ([a[i] for a in self.arrays] for i in (3, 4))
        return (None if all(d is None for d in dz) else dz,
                None if all(d is None for d in dzt) else dzt)


def _several(z: Sequence[Any], zt: Any, weight: Any, repeats: int, grad: bool,
             out: Mapping[str, Any] | None) -> list[tuple[Any, ...]]:
    count = len(z)
    if not count:
        raise ArgumentError('z is an empty list: give at least one head')
    zt = _listed(zt, 'zt', count)
    weight = weight if isinstance(weight, (list, tuple)) else [weight] * count
    weight = _listed(weight, 'weight', count)
    outs = {name: _listed(value, f'out[{name!r}]', count) for name, value in (out or {}).items()}
    heads = [_head(z[i], zt[i], weight[i], repeats, grad,
                   {name: value[i] for name, value in outs.items()}, f'[{i}]')
             for i in range(count)]
    first = heads[0][0]
    for i, (a, *_) in enumerate(heads):
        if a.dtype != first.dtype:
            raise DTypeError(f'z[0] is {first.dtype} and z[{i}] is {a.dtype}: give all one type')
        if a.shape[0] != first.shape[0]:
            raise ShapeError(f'z[0] has {first.shape[0]} rows and z[{i}] has {a.shape[0]}: '
                             'heads are of the same samples')
    if outs:  # each is apart from what its own head reads already
        apart({f'out[{name!r}][{i}]': heads[i][{'dz': 3, 'dzt': 4}[name]]
               for name in outs for i in range(count)},
              {f'{name}[{i}]': heads[i][place] for place, name in enumerate(('z', 'zt', 'weight'))
               for i in range(count)})
    return heads


def _listed(value: Any, name: str, count: int) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise ShapeError(f'{name} has to be a list of {count}, one for each head, as z is')
    return value


def _head(z: Any, zt: Any, weight: Any, repeats: int, grad: bool, out: Mapping[str, Any] | None,
          index: str) -> tuple[Any, ...]:
    """z, zt, weight, dz and dzt of a head."""
    first = 'z' + index
    z = array(z, first, FLOATS, (None, None), rows=True)
    n, classes = z.shape
    zt = like(zt, 'zt' + index, z, first, (n * repeats, classes), rows=True)
    if weight is not None:
        weight = like(weight, 'weight', z, first, (n * repeats,))
    if not grad and not out:
        return z, zt, weight, None, None
    return (z, zt, weight,
            *gradients(grad, out, {'z': z, 'zt': zt}, {'weight': weight}, rows=True))


class IIC(Handle):
    """The objective with its workspace: `iic(z, zt, grad=True)`.

    Inputs are float32 or float64, all of one type, and may have a row stride. Several heads on
    the same samples go as lists, of one array for each, with any number of classes. Gradients go
    into new arrays with `grad=True`, or into the caller's: `out={'dz': array}`.

    The loss is a function of the joint matrix of all samples. For batches that don't fit at
    once: `begin`, `add` for each, `finish`, `backward` for each. Evaluations in between begin
    anew.

    Parameters
    ----------
    context : None: the process's default one
    lambda_ : weight of the entropies of the clusters, above 0; more works against empty ones
    repeats : twins of each sample: row i of z has rows i * repeats and on of zt
    asymmetric : the joint matrix isn't made symmetric; for views that play different parts
    """

    def __init__(self, *, context: _context.Context | None = None, lambda_: float = 1.0,
                 repeats: int = 1, asymmetric: bool = False) -> None:
        options = fill(_abi.mi_iic_options, {
            'lambda_': above_0(lambda_, 'lambda_'), 'repeats': at_least(repeats, 'repeats', 1),
            'asymmetric': bool(asymmetric)})
        self._context = _context.chosen(context)
        self._lambda, self._repeats, self._asymmetric = (
            getattr(options, 'lambda'), options.repeats, bool(options.asymmetric))
        self._classes: tuple[int, ...] = ()
        with self._context._turn:
            self._open('mi_iic_create', self._context._pointer, byref(options))

    def __call__(self, z: Any, zt: Any, weight: Any = None, *, grad: bool = False,
                 out: Mapping[str, Any] | None = None) -> IICResult:
        """The loss, averaged over heads, and its gradients.

        Parameters
        ----------
        z : [n, K] probabilities, each row sums to 1; or a list of such
        zt : [n * repeats, K] of the twins
        weight : [n * repeats] what each pair counts, one for all heads or a list
        grad : whether dz and dzt are wanted
        out : arrays (lists of them for lists) for them, by these names

        Raises
        ------
        NumericError : NaN, infinity or a negative, or all of it 0
        """
        heads = _Heads(z, zt, weight, self._repeats, grad, out)
        loss = c_double()
        with self._turn:
            iic = self._pointer
            check(_EVAL[heads.size](iic, heads.n, len(heads.structs), heads.structs, byref(loss)))
        losses = tuple([h.loss for h in heads.structs]) if heads.several else (loss.value,)
        return IICResult(loss.value, losses, *heads.gradients())

    def maps(self, z: Any, zt: Any, *, reach: int, mask: Any = None, collapse: str = 'collapsed',
             grad: bool = False, out: Mapping[str, Any] | None = None) -> IICResult:
        """The loss of segmentation: twins of a pixel are all within reach of it in the other map.

        Parameters
        ----------
        z : [n, height, width, K] probabilities
        zt : the same of the twins, warped back onto the first ones
        reach : T: displacements from -T to T in both directions; below the maps' sizes
        mask : [n, height, width] bool or uint8; where False or 0, the pixel is in neither map
        collapse : 'collapsed': one joint matrix; 'uncollapsed': the mean of a loss for each
            displacement
        grad, out : as for a call

        Raises
        ------
        NumericError : as a call, or a displacement has no pair of pixels in the mask
        """
        z = array(z, 'z', FLOATS, (None, None, None, None))
        zt = like(zt, 'zt', z, 'z', z.shape)
        mask = mask_of(mask, z.shape[:3])
        dz, dzt = gradients(grad, out, {'z': z, 'zt': zt}, {'mask': mask})
        struct, function = _MAPS[z.itemsize]
        io = struct(_MAPS_SIZE, *z.shape, whole(reach, 'reach'),
                    choice(collapse, 'collapse', 'mi_iic_collapse'), 0, address(z), address(zt),
                    address(mask), address(dz), address(dzt))
        loss = c_double()
        with self._turn:
            check(function(self._pointer, byref(io), byref(loss)))
        return IICResult(loss.value, (loss.value,), dz, dzt)

    def begin(self, classes: int | Sequence[int]) -> None:
        """Begins to accumulate, for a head of as many classes, or for a list of heads."""
        counts = tuple(whole(k, 'classes') for k in (
            classes if isinstance(classes, (list, tuple)) else [classes]))
        with self._turn:
            check(lib.mi_iic_begin(self._pointer, len(counts), (c_int64 * len(counts))(*counts)))
            self._classes = counts

    def add(self, z: Any, zt: Any, weight: Any = None) -> None:
        """Adds a batch, given as to a call, to the joint matrices."""
        heads = _Heads(z, zt, weight, self._repeats, False, None)
        with self._turn:
            check(_ADD[heads.size](self._pointer, heads.n, len(heads.structs), heads.structs))

    def joint(self, head: int = 0) -> np.ndarray:
        """What is accumulated for a head: [K, K] float64, the plain sum of z zt^T."""
        head = whole(head, 'head', 32)
        with self._turn:
            iic = self._pointer
            joint = np.empty(2 * (self._size(head),))
            check(lib.mi_iic_joint_read(iic, head, address(joint)))
        return joint

    def set_joint(self, head: int, joint: Any) -> None:
        """Replaces what is accumulated for a head, by a sum over machines, say.

        joint: [K, K] float64, non-negative and finite.
        """
        head = whole(head, 'head', 32)
        with self._turn:
            iic = self._pointer
            joint = array(joint, 'joint', FLOAT64, 2 * (self._size(head),))
            check(lib.mi_iic_joint_write(iic, head, address(joint)))

    def _size(self, head: int) -> int:
        if not 0 <= head < len(self._classes):
            raise ArgumentError(f'head is {head}, and {len(self._classes)} are begun')
        return self._classes[head]

    def finish(self) -> IICResult:
        """The losses of what is accumulated; from here on there is `backward`, and no `add`."""
        loss = c_double()
        with self._turn:
            iic = self._pointer
            losses = (c_double * len(self._classes))()
            check(lib.mi_iic_finish(iic, losses, byref(loss)))
        return IICResult(loss.value, tuple(losses))

    def backward(self, z: Any, zt: Any, weight: Any = None, *,
                 out: Mapping[str, Any] | None = None) -> IICGradients:
        """The gradients of a batch that was added, or of any other, after `finish`."""
        heads = _Heads(z, zt, weight, self._repeats, not out, out)
        with self._turn:
            check(_BACKWARD[heads.size](self._pointer, heads.n, len(heads.structs), heads.structs))
        return IICGradients(*heads.gradients())

    def __repr__(self) -> str:
        return (f'IIC(lambda_={self._lambda:g}, repeats={self._repeats}, '
                f'asymmetric={self._asymmetric}{", closed" if self.closed else ""})')


def joint_loss(joint: Any, lambda_: float = 1.0) -> float:
    """The loss of a joint matrix, nats; minus the mutual information if lambda_ is 1.

    joint: [K, K] float64, non-negative, finite, not all 0; it is symmetrised and normalised.
    """
    joint = _square(joint)
    loss = c_double()
    check(lib.mi_iic_joint_loss(joint.shape[0], address(joint), ld(joint),
                                above_0(lambda_, 'lambda_'), byref(loss)))
    return loss.value


def merge(joint: Any, target: int, *, context: _context.Context | None = None) -> Merged:
    """Merges clusters, each time the two that lose least mutual information, until `target` are
    left; then moves single ones as long as that gains some (information bottleneck).

    joint: [K, K] float64, non-negative, finite, not all 0; it is symmetrised and normalised.
    """
    joint = _square(joint)
    group, information = np.empty(joint.shape[0], np.int32), c_double()
    with (_context.chosen(context))._turn:
        c = (_context.chosen(context))._pointer
        check(lib.mi_iic_merge(c, joint.shape[0], address(joint), ld(joint),
                               whole(target, 'target'), address(group), byref(information)))
    return Merged(group, information.value)


def _square(joint: Any) -> np.ndarray:
    joint = array(joint, 'joint', FLOAT64, (None, None), rows=True)
    if joint.shape[0] != joint.shape[1]:
        raise ShapeError(f'joint has shape {joint.shape}, a square matrix is needed')
    return joint
