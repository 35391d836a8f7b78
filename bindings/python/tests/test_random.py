# SPDX-License-Identifier: BSD-2-Clause
"""Random numbers: pure functions of seed, stream and index, with the right distributions."""
import numpy as np
import pytest

import libmi
from libmi import random

KINDS = [random.uniform, random.normal]


def test_uniform():
    x = random.uniform(200000, seed=1)
    assert x.dtype == np.float32 and x.shape == (200000,)
    assert 0 <= x.min() < 1e-4 and 1 - 1e-4 < x.max() < 1
    assert abs(x.mean() - .5) < .003 and abs(x.var() - 1 / 12) < .002
    np.testing.assert_array_equal(x * 2**24 % 1, 0)


def test_normal():
    x = random.normal(200000, seed=1).astype(float)
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
        assert abs((x**power).mean() - moment) < .07
    assert 4 < abs(x).max() < 6.8


@pytest.mark.parametrize('draw', KINDS)
def test_pieces(draw):
    whole = draw((4, 25), 7, 3)
    assert whole.shape == (4, 25)
    np.testing.assert_array_equal(draw(13, 7, 3, first=60), whole.ravel()[60:73])
    np.testing.assert_array_equal(draw([100], seed=7, stream=3), whole.ravel())
    assert draw(0, 7).shape == (0,) and draw((), 7).shape == ()
    for seed, stream in ((8, 3), (7, 4), (2**64 - 1, 3), (7, 2**63 - 1)):
        assert (draw(100, seed, stream) != whole.ravel()).mean() > .9


@pytest.mark.parametrize('draw', KINDS)
def test_output(draw):
    out = np.zeros((3, 2), np.float32)
    assert draw((3, 2), 5, out=out) is out
    np.testing.assert_array_equal(out, draw((3, 2), 5))
    with pytest.raises(libmi.ShapeError):
        draw((2, 3), 5, out=out)
    with pytest.raises(libmi.DTypeError):
        draw((3, 2), 5, out=out.astype(float))


@pytest.mark.parametrize('draw', KINDS)
@pytest.mark.parametrize('arguments', [
    (-1, 1), ((2, -1), 1), (1.5, 1), ('3', 1), (3, -1), (3, 2**64), (3, 1.5), (3, None),
    (3, 1, 2**63), (3, 1, -1)])
def test_what_is_refused(draw, arguments):
    with pytest.raises(libmi.ArgumentError):
        draw(*arguments)
    for first in (-1, 2**62, 2**63):
        with pytest.raises(libmi.ArgumentError):
            draw(3, 1, first=first)
