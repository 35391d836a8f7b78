# SPDX-License-Identifier: BSD-2-Clause
"""libmi's side of engine.py."""
import ctypes
import os
import pathlib

from engine_rows import PARTS, Training, images, noise, write
from engine_worker import Missing, serve
from objective_rows import Libmi, filled, record, room

EncoderOptions = record('mi_encoder_options', '''u8 struct_size, u8 seed, i4 height, i4 width,
    i4 channels, i4 trunk_init, i4 head_init, i4 precision, f8 init_scale, f8 bn_momentum,
    f8 bn_epsilon''')
OptimizerOptions = record('mi_optimizer_options', '''u8 struct_size, i4 kind, i4 schedule, f8 rate,
    f8 beta1, f8 beta2, f8 epsilon, f8 momentum, f8 decay, i8 warmup, i8 period, f8 gamma, i8 total,
    f8 floor''')
ClusterReport = record('mi_cluster_report', '''u8 struct_size, i8 step, f8 loss, f8 rate,
    i4 selected, i4 reserved0''')
Shape = record('mi__conv', 'i8 n, i8 h, i8 w, i8 in, i8 out, i8 kernel, i8 stride, i8 pad, i8 half')


class ParamInfo(ctypes.Structure):
    _fields_ = [('struct_size', ctypes.c_uint64), ('name', ctypes.c_char * 64),
                ('kind', ctypes.c_int32), ('dims', ctypes.c_int32),
                ('shape', ctypes.c_int64 * 4), ('count', ctypes.c_int64)]


HE_NORMAL, TRAIN, STATE = 1, 1, 3


class Network:
    def __init__(self, libmi, row, rate):
        self.libmi, self.row = libmi, row
        height, width, channels = row.input
        options = filled(EncoderOptions, seed=1, height=height, width=width, channels=channels,
                         head_init=HE_NORMAL)
        try:
            self.encoder = libmi.make('mi_encoder_create', libmi.context, row.text.encode(),
                                      ctypes.byref(options))
        except RuntimeError as error:
            raise Missing('not in this build: ' + str(error)) from error
        rule = filled(OptimizerOptions, rate=rate)
        self.optimizer = libmi.make('mi_optimizer_create', self.encoder, ctypes.byref(rule))
        count = images(row) * height * width * channels
        self.x = room(count, noise(1, count))

    def step(self):
        """A function that makes a step."""
        library = self.libmi.library
        calls = self.iic() if self.row.kind == 'iic' else self.features()
        calls = [(getattr(library, name), name, arguments) for name, arguments in calls]

        def step():
            for function, name, arguments in calls:
                if function(*arguments) != 0:
                    self.libmi.call(name, *arguments)
        return step

    def iic(self):
        self.cluster = self.libmi.make('mi_cluster_create', self.encoder, self.optimizer, None)
        self.report, n = filled(ClusterReport), self.row.n
        twins = ctypes.byref(self.x, ctypes.sizeof(self.x) // 2)
        return [('mi_cluster_step', (self.cluster, ctypes.c_int64(n), self.x, 1, twins,
                                     ctypes.byref(self.report)))]

    def features(self):
        n, width = self.row.n, self.width(-1)
        self.gradient = room(n * width, noise(2, n * width))
        return [('mi_encoder_forward', (self.encoder, TRAIN, ctypes.c_int64(n), self.x)),
                ('mi_encoder_backward', (self.encoder, None, self.gradient, None)),
                ('mi_optimizer_step', (self.optimizer,))]

    def width(self, head):
        return self.libmi.library.mi_encoder_width(self.encoder, head)

    def arrays(self, function):
        """What it reads of all parameters that are learnt."""
        for i in range(self.libmi.library.mi_encoder_params(self.encoder, None)):
            info = filled(ParamInfo)
            self.libmi.call('mi_encoder_param_info', self.encoder, i, ctypes.byref(info))
            if info.kind != STATE:
                values = room(info.count)
                self.libmi.call(function, self.encoder, i, values)
                yield values

    def outputs(self):
        heads = range(self.libmi.library.mi_encoder_heads(self.encoder))
        for head in heads if self.row.kind == 'iic' else [-1]:
            values = room(images(self.row) * self.width(head))
            self.libmi.call('mi_encoder_output', self.encoder, head, values)
            yield values

    def show(self, step, folder):
        """Makes a step, and writes what there was before and what came out."""
        iic = self.row.kind == 'iic'
        given = [self.x] if iic else [self.x, self.gradient]
        write(folder, 'start', given + list(self.arrays('mi_encoder_param_read')))
        step()
        loss = [room(1, (ctypes.c_float * 1)(self.report.loss))] if iic else []
        write(folder, 'result', loss + list(self.outputs())
              + list(self.arrays('mi_encoder_grad_read')))

    def __del__(self):
        for kind in 'cluster', 'optimizer', 'encoder':
            getattr(self.libmi.library, 'mi_%s_destroy' % kind)(getattr(self, kind, None))


class Single:
    """A convolution."""
    def __init__(self, library, threads, row):
        if library is None:
            raise Missing('needs a build with -Dbenchmarks=true')
        shape = filled(Shape, n=row.images, h=row.size, w=row.size, out=row.outputs,
                       kernel=row.kernel, stride=row.stride, pad=row.pad, **{'in': row.inputs})
        self.library = library
        self.handle = ctypes.c_void_p(library.bench_conv_create(threads, ctypes.byref(shape)))
        self.part = list(PARTS).index(row.part)
        if not self.handle:
            raise MemoryError(row.name)

    def __call__(self):
        self.library.bench_conv_run(self.handle, self.part)

    def __del__(self):
        if getattr(self, 'handle', None):
            self.library.bench_conv_destroy(self.handle)


class Side:
    def __init__(self, options):
        self.threads, self.rate = options['threads'], options['rate']
        self.libmi = Libmi(options['lib'], self.threads)
        self.libmi.library.mi_encoder_width.restype = ctypes.c_int64
        for kind in 'cluster', 'optimizer', 'encoder':
            getattr(self.libmi.library, 'mi_%s_destroy' % kind).argtypes = [ctypes.c_void_p]
        path = pathlib.Path(options['lib']).resolve().parent.parent / 'tests/bench/libbench_conv.so'
        self.convolutions = ctypes.CDLL(str(path), mode=os.RTLD_NOW) if path.exists() else None
        if self.convolutions:
            self.convolutions.bench_conv_create.restype = ctypes.c_void_p

    def versions(self):
        size = self.libmi.library.mi_build_info(None, 0) + 1
        text = ctypes.create_string_buffer(size)
        self.libmi.library.mi_build_info(text, size)
        return text.value.decode()

    def compare(self, row, folder):
        return None

    def variants(self, row, folder):
        def make():
            if not isinstance(row, Training):
                return Single(self.convolutions, self.threads, row)
            network = Network(self.libmi, row, self.rate)
            step = network.step()
            network.show(step, folder)
            return step
        return {'libmi': make}


if __name__ == '__main__':
    serve(Side)
