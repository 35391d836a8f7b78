# SPDX-License-Identifier: BSD-2-Clause
"""Prior terms: losses that draw the distribution of a code towards a simple one.

A Gaussian code has a mean and a log variance for each dimension; its prior is N(0, I). Or a
discriminator tells codes from samples of any prior, and the encoder learns to deceive it.
Inputs are float32 or float64, all of one type.
"""
from __future__ import annotations

from ctypes import byref, c_double
from typing import Any, NamedTuple

import numpy as np

from ._arrays import FLOATS, address, array, output
from ._errors import check
from ._gradients import apart, gradients, ld, like
from ._library import lib
from ._options import choice, whole


class KL(NamedTuple):
    """A divergence from N(0, I) and its gradients, None where not wanted."""

    loss: float  #: nats, the mean over samples
    dmean: np.ndarray | None = None  #: [n, d]
    dlog: np.ndarray | None = None  #: [n, d], for the log variance


class SampleGradients(NamedTuple):
    """What a sample hands back to the code that it was drawn from."""

    dmean: np.ndarray  #: [n, d]
    dlog: np.ndarray  #: [n, d], for the log variance


class Adversarial(NamedTuple):
    """The loss of one side and its gradients, None where not wanted."""

    loss: float  #: nats
    dcode: np.ndarray | None = None  #: as code
    dprior: np.ndarray | None = None  #: as prior; 0 for the encoder


# Functions by the size of an element.
_KL = {4: lib.mi_prior_kl_f32, 8: lib.mi_prior_kl_f64}
_SAMPLE = {4: lib.mi_prior_sample_f32, 8: lib.mi_prior_sample_f64}
_SAMPLE_BACKWARD = {4: lib.mi_prior_sample_backward_f32, 8: lib.mi_prior_sample_backward_f64}
_ADVERSARIAL = {4: lib.mi_prior_adversarial_f32, 8: lib.mi_prior_adversarial_f64}


def _code(mean: Any, log_variance: Any) -> tuple[np.ndarray, np.ndarray]:
    mean = array(mean, 'mean', FLOATS, (None, None), rows=True)
    return mean, like(log_variance, 'log_variance', mean, 'mean', mean.shape, rows=True)


def kl(mean: Any, log_variance: Any, *, reduce: str = 'sum', grad: bool = False) -> KL:
    """The divergence of Gaussian codes from N(0, I), averaged over samples.

    Parameters
    ----------
    mean, log_variance : [n, d], rows may have a stride
    reduce : 'sum' over dimensions: the divergence proper; 'mean': doesn't grow with d
    grad : whether dmean and dlog are wanted

    Raises
    ------
    NumericError : NaN, infinity or a variance beyond range
    """
    mean, log_variance = _code(mean, log_variance)
    dmean, dlog = gradients(grad, None, {'mean': mean, 'log': log_variance})
    loss = c_double()
    check(_KL[mean.itemsize](
        *mean.shape, address(mean), ld(mean), address(log_variance), ld(log_variance),
        choice(reduce, 'reduce', 'mi_prior_reduce'), byref(loss), address(dmean), address(dlog)))
    return KL(loss.value, dmean, dlog)


def sample(mean: Any, log_variance: Any, *, seed: int, draw: int = 0) -> np.ndarray:
    """Draws codes: [n, d], mean + exp(log_variance / 2) noise, noise from N(0, 1).

    Parameters
    ----------
    mean, log_variance : [n, d], rows may have a stride
    seed, draw : the noise is a function of both, of row and dimension: count batches in draw

    Raises
    ------
    NumericError : NaN, infinity, or samples that could be beyond range
    """
    mean, log_variance = _code(mean, log_variance)
    z = np.empty(mean.shape, mean.dtype)
    check(_SAMPLE[mean.itemsize](
        whole(seed, 'seed', signed=False), whole(draw, 'draw', signed=False), *mean.shape,
        address(mean), ld(mean), address(log_variance), ld(log_variance), address(z)))
    return z


def sample_backward(mean: Any, z: Any, dz: Any, dmean: Any = None,
                    dlog: Any = None) -> SampleGradients:
    """The gradient of `sample`: adds dz to dmean and dz (z - mean) / 2 to dlog.

    Parameters
    ----------
    mean : [n, d], rows may have a stride
    z : [n, d] as drawn
    dz : [n, d] d(loss)/dz of what the codes went into
    dmean, dlog : [n, d], such as the gradients of `kl`, added to in place; None: zeros

    Raises
    ------
    NumericError : NaN or infinity, in or out; nothing is added then
    """
    mean = array(mean, 'mean', FLOATS, (None, None), rows=True)
    z = like(z, 'z', mean, 'mean', mean.shape)
    dz = like(dz, 'dz', mean, 'mean', mean.shape)
    given = {name: None if d is None else output(d, name, mean.dtype, mean.shape)
             for name, d in (('dmean', dmean), ('dlog', dlog))}
    apart(given, {'mean': mean, 'z': z, 'dz': dz})
    dmean, dlog = (np.zeros(mean.shape, mean.dtype) if d is None else d for d in given.values())
    check(_SAMPLE_BACKWARD[mean.itemsize](
        *mean.shape, address(mean), ld(mean), address(z), address(dz), address(dmean),
        address(dlog)))
    return SampleGradients(dmean, dlog)


def adversarial(side: str, code: Any, prior: Any = None, *, grad: bool = False) -> Adversarial:
    """Adversarial prior matching on the scores (logits) of a discriminator.

    Parameters
    ----------
    side : 'discriminator': E sp(-prior) + E sp(code), sp(x) = ln(1 + e^x), its gradients go into
        the discriminator; 'encoder': E sp(-code), and 'encoder-minimax': -E sp(code), whose
        dcode goes through the discriminator, without changing it, into the encoder
    code : scores of codes, any shape
    prior : scores of samples of the prior, any shape; not needed for the encoder
    grad : whether dcode and dprior are wanted

    Raises
    ------
    NumericError : NaN, infinity, or a loss beyond range
    """
    code = array(code, 'code')
    if prior is not None:
        prior = like(prior, 'prior', code, 'code')
    dcode, dprior = gradients(grad, None, {'code': code, 'prior': prior})
    loss = c_double()
    check(_ADVERSARIAL[code.itemsize](
        choice(side, 'side', 'mi_prior_side'), code.size, address(code),
        0 if prior is None else prior.size, address(prior), byref(loss), address(dcode),
        address(dprior)))
    return Adversarial(loss.value, dcode, dprior)
