# SPDX-License-Identifier: BSD-2-Clause
"""The 40 tasks of P. Czyz et al., "Beyond Normal: On the Evaluation of Mutual Information
Estimators", NeurIPS 2023: distributions whose mutual information is known in closed form.

`python3 tests/bench/task_list.py` prints them, with the truth in nats. Needs NumPy alone."""
import math
import zlib
from dataclasses import dataclass
from typing import Callable

import numpy as np


@dataclass(frozen=True)
class Task:
    """draw(rng, n) gives x [n][dx] and y [n][dy]; truth is in nats."""
    name: str
    dx: int
    dy: int
    truth: float
    draw: Callable

    def sample(self, n, seed):
        """The same for a seed, whichever other tasks there are."""
        x, y = self.draw(np.random.default_rng([zlib.crc32(self.name.encode()), seed]), n)
        return np.ascontiguousarray(x), np.ascontiguousarray(y)

    def mapped(self, name, fx, fy=None):
        """The same information in other words: both maps are one to one."""
        def draw(rng, n):
            x, y = self.draw(rng, n)
            return fx(x), (fy or fx)(y)
        dx = fx(np.full((1, self.dx), 0.5)).shape[1]
        return Task(name, dx, self.dy, self.truth, draw)


# -- where the information comes from ------------------------------------------------------------

def normal(name, correlation, dx):
    """Jointly normal: half the log of det(xx) det(yy) / det(all)."""
    root = np.linalg.cholesky(correlation)
    logdet = [np.linalg.slogdet(c)[1]
              for c in (correlation[:dx, :dx], correlation[dx:, dx:], correlation)]

    def draw(rng, n):
        z = rng.standard_normal((n, len(root))) @ root.T
        return z[:, :dx], z[:, dx:]
    return Task(name, dx, len(root) - dx, (logdet[0] + logdet[1] - logdet[2]) / 2, draw)


def dense(d):
    """All correlations are 1/2."""
    return normal('normal dense %d' % d, np.full((2 * d, 2 * d), 0.5) + np.eye(2 * d) / 2, d)


def pairs(d):
    """x0 with y0 and x1 with y1 at 0.8; everything else is independent."""
    correlation = np.eye(2 * d)
    for i in range(2):
        correlation[i, d + i] = correlation[d + i, i] = 0.8
    return normal('normal 2-pair %d' % d, correlation, d)


def digamma(x):
    total = 0.0
    while x < 10:
        total -= 1 / x
        x += 1
    s = 1 / (x * x)
    series = 1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s / 132)))
    return total + math.log(x) - 0.5 / x - s * series


def student_entropy(d, df):
    """Of d columns of a Student distribution with unit dispersion."""
    half = (df + d) / 2
    return (math.lgamma(df / 2) - math.lgamma(half) + d / 2 * math.log(df * math.pi)
            + half * (digamma(half) - digamma(df / 2)))


def student(d, df):
    """No correlation at all: what x and y share is how large they are."""
    def draw(rng, n):
        z = rng.standard_normal((n, 2 * d)) / np.sqrt(rng.chisquare(df, (n, 1)) / df)
        return z[:, :d], z[:, d:]
    truth = 2 * student_entropy(d, df) - student_entropy(2 * d, df)
    return Task('student %d df %d' % (d, df), d, d, truth, draw)


def additive(noise):
    """y = x + u, x uniform in 0 to 1 and u within the noise."""
    def draw(rng, n):
        x = rng.uniform(0, 1, (n, 1))
        return x, x + rng.uniform(-noise, noise, (n, 1))
    truth = 1 / (4 * noise) if noise > 0.5 else noise - math.log(2 * noise)
    return Task('additive %g' % noise, 1, 1, truth, draw)


# -- maps that keep it ---------------------------------------------------------------------------

def cdf(x):
    """Normal margins become uniform."""
    return 0.5 + np.vectorize(math.erf)(x / math.sqrt(2)) / 2


def half_cube(x):
    return x * np.sqrt(np.abs(x))


def swiss_roll(u):
    """A number in 0 to 1 becomes a place on a curve in the plane."""
    t = 1.5 * math.pi * (1 + 2 * u)
    return np.hstack((t * np.cos(t), t * np.sin(t))) / 21


def wiggly_x(x):
    return x + 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)


def wiggly_y(y):
    return y - 0.4 * np.sin(0.4 * y) + 0.17 * np.sin(1.3 * y + 3.5) + 0.02 * np.sin(4.3 * y - 2.5)


def bimodal(weights, means):
    """From uniform margins to a mixture of two unit normals, whose cdf is inverted on a grid."""
    grid = np.linspace(-10, 12, 20001)
    levels = sum(w * cdf(grid - m) for w, m in zip(weights, means))
    return lambda u: np.interp(u, levels, grid)


def spiral(first):
    """Turns the columns `first` and the next by an angle that grows with the squared length."""
    def turn(x):
        angle = (x * x).sum(1) / x.shape[1]
        a, b = x[:, first], x[:, first + 1]
        out = x.copy()
        out[:, first] = np.cos(angle) * a - np.sin(angle) * b
        out[:, first + 1] = np.sin(angle) * a + np.cos(angle) * b
        return out
    return turn


# -- the list ------------------------------------------------------------------------------------

def one_column():
    base = normal('normal', np.array([[1, 0.75], [0.75, 1]]), 1)
    uniform = base.mapped('normal cdf', cdf)
    heavy = student(1, 1)
    return [base, uniform, additive(0.1), additive(0.75),
            uniform.mapped('bimodal', bimodal((0.3, 0.7), (0, 5)), bimodal((0.5, 0.5), (-1, 3))),
            base.mapped('wiggly', wiggly_x, wiggly_y),
            base.mapped('half-cube', half_cube), heavy,
            heavy.mapped('asinh student 1 df 1', np.arcsinh),
            uniform.mapped('swiss roll', swiss_roll, lambda y: y)]


def many_columns():
    bases = [pairs(d) for d in (3, 5, 25)]
    uniform = [t.mapped('cdf 2-pair %d' % t.dx, cdf) for t in bases]
    heavy = [student(d, df) for d, df in ((2, 1), (2, 2), (3, 2), (3, 3), (5, 2), (5, 3))]
    return ([dense(d) for d in (2, 3, 5, 25, 50)] + [pairs(2)] + bases + heavy + uniform
            + [t.mapped('half-cube 2-pair %d' % t.dx, half_cube) for t in bases]
            + [t.mapped('spiral 2-pair %d' % t.dx, spiral(0), spiral(1)) for t in bases]
            + [t.mapped('spiral cdf 2-pair %d' % t.dx, spiral(0), spiral(1)) for t in uniform]
            + [t.mapped('asinh ' + t.name, np.arcsinh) for t in heavy[0:5:2]])


TASKS = one_column() + many_columns()

if __name__ == '__main__':
    for task in TASKS:
        print('%-24s %2d + %-2d %.6f' % (task.name, task.dx, task.dy, task.truth))
