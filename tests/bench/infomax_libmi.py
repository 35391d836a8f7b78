# SPDX-License-Identifier: BSD-2-Clause
"""libmi's side of infomax.py."""
import ctypes
import itertools
import json
import os
import pathlib
import sys

from engine_worker import serve
from infomax_rows import BATCHES, CHANNELS, RATE, ROWS, SIDE
from side_by_side import ROOT

import numpy

SEED = 1


class Training:
    def __init__(self, libmi, context, row):
        self.row, self.abi, self.library = row, libmi._abi, libmi._library.lib
        self.check = libmi._errors.check
        self.encoder = libmi.Encoder(row.text, height=SIDE, width=SIDE, channels=CHANNELS,
                                     context=context)
        self.optimizer = libmi.Optimizer(self.encoder, rate=RATE)
        self.handle = ctypes.c_void_p()
        self.check(self.library.mi_infomax_create(
            self.encoder._pointer, self.optimizer._pointer, ctypes.byref(self.options()),
            ctypes.byref(self.handle)))
        self.report = self.sized('mi_infomax_report')
        shape = BATCHES, row.n, SIDE, SIDE, CHANNELS
        self.batches = numpy.random.default_rng(SEED).uniform(-1, 1, shape).astype('f4')
        self.order = itertools.cycle([batch.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
                                      for batch in self.batches])

    def sized(self, name, **members):
        struct = getattr(self.abi, name)
        return struct(struct_size=ctypes.sizeof(struct), **members)

    def options(self):
        members = dict(self.row.options, seed=SEED)
        for name, value in members.items():
            if name.endswith('_bound'):
                members[name] = value.encode()
            elif isinstance(value, str):
                prefix = 'GLOBAL_' if name == 'global_of' else ''
                members[name] = getattr(self.abi, 'MI_INFOMAX_' + prefix + value.upper())
        return self.sized('mi_infomax_options', **members)

    def step(self):
        self.check(self.library.mi_infomax_step(self.handle, self.row.n, next(self.order), None,
                                                ctypes.byref(self.report)))

    def noise(self):
        """What the first step draws, if it draws codes."""
        made = numpy.zeros((self.row.n, self.encoder.widths[0]), 'f4')
        nothing, out = (array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
                        for array in (numpy.zeros_like(made), made))
        self.check(self.library.mi_prior_sample_f32(SEED, 0, *made.shape, nothing, 0, nothing, 0,
                                                    out))
        return made

    def save(self, path):
        self.check(self.library.mi_infomax_save(self.handle, None, str(path).encode()))

    def show(self, folder):
        """Makes the first step, and writes what there was before and what came out. Behind a first
        step, Adam's first moments are a share of the gradients."""
        folder = pathlib.Path(folder)
        self.batches[0].tofile(folder / 'images')
        self.noise().tofile(folder / 'noise')
        self.save(folder / 'before')
        self.step()
        self.save(folder / 'after')
        told = {name: getattr(self.report, name)
                for name in ('loss', 'global_loss', 'local_loss', 'prior')}
        (folder / 'report').write_text(json.dumps(told))

    def __del__(self):
        if getattr(self, 'handle', None):
            self.library.mi_infomax_destroy(self.handle)


class Side:
    def __init__(self, options):
        os.environ['LIBMI_PATH'] = options['lib']
        sys.path.insert(0, str(ROOT / 'bindings' / 'python'))
        import libmi
        self.libmi, self.context = libmi, libmi.Context(threads=options['threads'])

    def versions(self):
        return self.libmi.build_info()

    def compare(self, row, folder):
        return None

    def variants(self, row, folder):
        def make():
            training = Training(self.libmi, self.context, row)
            training.show(folder)
            return training.step
        return {'libmi': make}


if __name__ == '__main__':
    serve(Side, ROWS)
