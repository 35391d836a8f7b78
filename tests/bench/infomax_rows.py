# SPDX-License-Identifier: BSD-2-Clause
"""What infomax.py measures, as both sides see it."""
import collections

# `kind` is the model that PyTorch builds; `text` and `options` are libmi's for the same.
Row = collections.namedtuple('Row', 'name kind text n options')

SIDE, CHANNELS = 32, 3
BATCHES = 16  # that take turns, so that a batch isn't learnt by heart at once
RATE = 1e-3   # of Adam

ROWS = [
    Row('3x3, Gaussian code, concat, JSD', 'concat', 'infomax-pool | 2 x linear 256', 64,
        dict(alpha=0.5, beta=1.5, gamma=0.01, global_of='code', global_critic='concat',
             local_critic='concat', layers=3, units=256, negatives=1)),
    Row('4x4, dot, InfoNCE', 'dot', 'infomax | linear 64', 64,
        dict(beta=1.0, local_critic='dot', local_bound='infonce', units=512, temperature=0.1)),
]
