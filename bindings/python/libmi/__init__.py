# SPDX-License-Identifier: BSD-2-Clause
"""Mutual information for machine learning: libmi's C library on NumPy arrays.

Information is in nats. Arrays go through without a copy, or with an error that says how to fix
them. `libmi.torch`, `libmi.jax`, `libmi.sklearn` and `libmi.plot` need the packages of those names
and are imported on their own.
"""
from . import _abi, discrete, nearest, prior, random, score
from ._errors import (AbiError, ArgumentError, CancelledError, DTypeError, Error, FileError,
                      FormatError, InfeasibleError, InternalError, NumericError, OutOfMemoryError,
                      ShapeError, StateError, UnsupportedError)
from .assign import Assignment, Matching, linear_sum_assignment
from .bound import Bound, BoundInfo, BoundParam, BoundResult, BoundState, bounds
from .cluster import Cluster, Progress, Report, Row, Score
from .context import Context
from .dataset import Dataset, Images
from .encoder import Encoder, ParameterInfo
from .estimate import Estimate, EstimateWarning, entropy, mutual_information
from .iic import IIC, IICGradients, IICResult, Merged, joint_loss, merge
from .image import write_png
from .infomax import Infomax, InfomaxProgress, InfomaxReport, Levels
from .mine import Mine, MineFit, MineReport
from .optimizer import Optimizer
from .pairs import Pairs, Sizes, Times, plain
from .probe import Probe, ProbeReport
from .version import build_info, library_version

__all__ = ['AbiError', 'ArgumentError', 'Assignment', 'Bound', 'BoundInfo', 'BoundParam',
           'BoundResult', 'BoundState', 'CancelledError', 'Cluster', 'Context', 'DTypeError',
           'Dataset', 'Encoder', 'Error', 'Estimate', 'EstimateWarning', 'FileError',
           'FormatError', 'IIC', 'IICGradients', 'IICResult', 'Images', 'InfeasibleError',
           'Infomax', 'InfomaxProgress', 'InfomaxReport', 'InternalError', 'Levels', 'Matching',
           'Merged', 'Mine', 'MineFit', 'MineReport', 'NumericError', 'Optimizer',
           'OutOfMemoryError', 'Pairs', 'ParameterInfo', 'Probe', 'ProbeReport', 'Progress',
           'Report', 'Row', 'Score', 'ShapeError', 'Sizes', 'StateError', 'Times',
           'UnsupportedError', 'bounds', 'build_info', 'discrete', 'entropy', 'joint_loss',
           'library_version', 'linear_sum_assignment', 'merge', 'mutual_information', 'nearest',
           'plain', 'prior', 'random', 'score', 'write_png']

__version__ = '.'.join(map(str, _abi.VERSION))
