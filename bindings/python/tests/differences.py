# SPDX-License-Identifier: BSD-2-Clause
"""Gradients the slow way."""
import numpy as np


def differences(loss, x, step=1e-6):
    """Central differences of a function of a float64 array."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        moved = []
        for sign in (1, -1):
            y = x.copy()
            y[index] += sign * step
            moved.append(loss(y))
        gradient[index] = (moved[0] - moved[1]) / (2 * step)
    return gradient
