# SPDX-License-Identifier: BSD-2-Clause
"""Mutual information for machine learning: libmi's C library on NumPy arrays.

Information is in nats. Arrays go through without a copy, or with an error that says how to fix
them. `libmi.torch`, `libmi.jax`, `libmi.sklearn` and `libmi.plot` need the packages of those names
and are imported on their own.
"""
from . import _abi, prior, score
from ._errors import (AbiError, ArgumentError, CancelledError, DTypeError, Error, FileError,
                      FormatError, InfeasibleError, InternalError, NumericError, OutOfMemoryError,
                      ShapeError, StateError, UnsupportedError)
from .assign import Assignment, Matching, linear_sum_assignment
from .bound import Bound, BoundInfo, BoundParam, BoundResult, BoundState, bounds
from .cluster import Cluster, Progress, Report, Row, Score
from .context import Context
from .dataset import Dataset, Images
from .encoder import Encoder, ParameterInfo
from .iic import IIC, IICGradients, IICResult, Merged, joint_loss, merge
from .image import write_png
from .optimizer import Optimizer
from .pairs import Pairs, Sizes, Times, plain
from .version import build_info, library_version

__all__ = ['AbiError', 'ArgumentError', 'Assignment', 'Bound', 'BoundInfo', 'BoundParam',
           'BoundResult', 'BoundState', 'CancelledError', 'Cluster', 'Context', 'DTypeError',
           'Dataset', 'Encoder', 'Error', 'FileError', 'FormatError', 'IIC', 'IICGradients',
           'IICResult', 'Images', 'InfeasibleError', 'InternalError', 'Matching', 'Merged',
           'NumericError', 'Optimizer', 'OutOfMemoryError', 'Pairs', 'ParameterInfo', 'Progress',
           'Report', 'Row', 'Score', 'ShapeError', 'Sizes', 'StateError', 'Times',
           'UnsupportedError', 'bounds', 'build_info', 'joint_loss', 'library_version',
           'linear_sum_assignment', 'merge', 'plain', 'prior', 'score', 'write_png']

__version__ = '.'.join(map(str, _abi.VERSION))
