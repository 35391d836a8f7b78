# SPDX-License-Identifier: BSD-2-Clause
"""What objective.py measures: libmi and PyTorch behind one interface, inputs, and the rows."""
import array
import collections
import ctypes
import math
import operator
import os
import statistics
import sys


# -- libmi ---------------------------------------------------------------------------------------

def record(name, members):
    """A struct: 'i8 n, p z' has an int64_t n and a pointer z."""
    kinds = {'i4': ctypes.c_int32, 'i8': ctypes.c_int64, 'u8': ctypes.c_uint64,
             'f8': ctypes.c_double, 'p': ctypes.c_void_p}
    fields = [(member, kinds[kind]) for kind, member in (m.split() for m in members.split(','))]
    return type(name, (ctypes.Structure,), {'_fields_': fields})


ContextOptions = record('mi_context_options', '''u8 struct_size, u8 seed, i4 threads, i4 reserved0,
    p alloc, p release, p alloc_user, p log, p log_user, p parallel_for, p executor_user,
    i4 executor_width, i4 reserved1, p collectives''')
Head = record('mi_iic_head_f32', '''i8 classes, p z, i8 ldz, p zt, i8 ldzt, p dz, i8 lddz, p dzt,
    i8 lddzt, p weight, f8 loss''')
Maps = record('mi_iic_maps_f32', '''u8 struct_size, i8 n, i8 height, i8 width, i8 classes, i8 reach,
    i4 collapse, i4 reserved0, p z, p zt, p mask, p dz, p dzt''')
Result = record('mi_bound_result', 'u8 struct_size, f8 estimate, f8 loss, f8 cap')
Vectors = record('mi_bound_vectors_f32', '''u8 struct_size, i8 n, i8 m, p joint, p product,
    p baseline, p djoint, p dproduct, p dbaseline''')
Matrix = record('mi_bound_matrix_f32', '''u8 struct_size, i8 n, i8 locations, p scores, i8 ld,
    p mask, i8 ldmask, p baseline, p dscores, i8 lddscores, p dbaseline''')
Embeddings = record('mi_bound_embeddings_f32', '''u8 struct_size, i8 n, i8 locations, i8 d, p u,
    i8 ldu, p v, i8 ldv, f8 temperature, i4 normalize, i4 reserved0, p baseline, p du, i8 lddu,
    p dv, i8 lddv, p dbaseline, p dtemperature''')


def filled(struct, **members):
    """With its size set; buffers become their addresses, and live as long."""
    made = struct()
    made.members = members
    if hasattr(made, 'struct_size'):
        made.struct_size = ctypes.sizeof(struct)
    for name, value in members.items():
        setattr(made, name, ctypes.addressof(value) if isinstance(value, ctypes.Array) else value)
    return made


class Libmi:
    def __init__(self, path, threads):
        self.name = 'libmi'
        self.library = ctypes.CDLL(str(path), mode=os.RTLD_NOW)
        for function in 'mi_error_message', 'mi_lib_version_string':
            getattr(self.library, function).restype = ctypes.c_char_p
        self.context = self.make('mi_context_create',
                                 ctypes.byref(filled(ContextOptions, threads=threads)))

    def call(self, function, *arguments):
        if getattr(self.library, function)(*arguments) != 0:
            raise RuntimeError('%s: %s' % (function, self.library.mi_error_message().decode()))

    def make(self, function, *arguments):
        handle = ctypes.c_void_p()
        self.call(function, *arguments, ctypes.byref(handle))
        return handle

    def has(self, row):
        return hasattr(self.library, row.function)

    def prepare(self, row, inputs):
        """A function that evaluates once and returns the loss; and where the gradients will be."""
        gradients = [room(len(i)) for i in inputs]
        return row.ours(self, inputs, gradients), gradients


def bound(libmi, name, function, io, params):
    handle = libmi.make('mi_bound_create', libmi.context, name.encode())
    for param, value in params.items():
        libmi.call('mi_bound_set', handle, param.encode(), ctypes.c_double(value))
    result, evaluate = filled(Result), getattr(libmi.library, function)
    arguments = handle, ctypes.byref(io), ctypes.byref(result)

    def step(io=io):  # the struct stays alive with the function
        if evaluate(*arguments) != 0:
            libmi.call(function, *arguments)
        return result.loss
    return step


# -- PyTorch -------------------------------------------------------------------------------------

class PyTorch:
    def __init__(self, threads):
        import torch
        self.name, self.torch = 'PyTorch', torch
        torch.set_num_threads(threads)

    def has(self, row):
        return True

    def prepare(self, row, inputs):
        leaves = [self.torch.frombuffer(i, dtype=self.torch.float32).clone().reshape(shape)
                  .requires_grad_() for i, shape in zip(inputs, row.shapes)]
        function = row.theirs(self.torch)

        def step():
            for leaf in leaves:
                leaf.grad = None
            loss = function(*leaves)
            loss.backward()
            return loss
        return step, leaves


# -- inputs --------------------------------------------------------------------------------------

def room(count, values=None):
    """Floats that begin at a multiple of 64 bytes."""
    raw = (ctypes.c_char * (4 * count + 64))()
    made = (ctypes.c_float * count).from_buffer(raw, -ctypes.addressof(raw) % 64)
    if values is not None:
        memoryview(made).cast('B')[:] = memoryview(values).cast('B')
    return made


def normal(rng, count, scale=1.0, mean=0.0):
    levels = statistics.NormalDist(mean, scale)
    table = array.array('f', (levels.inv_cdf((i + 0.5) / 65536) for i in range(65536)))
    places = array.array('H', rng.randbytes(2 * count))
    return array.array('f', map(table.__getitem__, places))


def blurred(rng, values, scale):
    return array.array('f', map(operator.add, values, normal(rng, len(values), scale)))


def by_row(values, width, function):
    made = array.array('f')
    for i in range(0, len(values), width):
        made.extend(function(values[i:i + width]))
    return made


def softmax(row):
    powers = [math.exp(x) for x in row]
    total = sum(powers)
    return [x / total for x in powers]


def unit(row):
    length = math.hypot(*row)
    return [x / length for x in row]


# -- rows ----------------------------------------------------------------------------------------

# `inputs` makes arrays from a generator of random numbers, `shapes` are theirs. `ours` makes of
# (libmi, inputs, gradients) a function that evaluates once, `theirs` makes of torch the function
# of the inputs that is the loss. libmi's loss is PyTorch's plus `offset`. Memory is measured where
# there is `warm`: a small row of the same kind that is evaluated first. A `large` row is measured
# in processes of its own only.
Row = collections.namedtuple('Row', 'name function shapes inputs ours theirs offset aim warm large',
                             defaults=(0.0, 2, None, False))


def iic_step(libmi, function, *arguments):
    handle, loss = libmi.make('mi_iic_create', libmi.context, None), ctypes.c_double()
    evaluate = getattr(libmi.library, function)
    arguments = (handle, *arguments, ctypes.byref(loss))

    def step():
        if evaluate(*arguments) != 0:
            libmi.call(function, *arguments)
        return loss.value
    return step


def iic_loss(joint):
    """The loss of joint matrices [..., K, K], averaged."""
    least = sys.float_info.epsilon
    joint = (joint + joint.transpose(-1, -2)) / 2
    joint = joint / joint.sum((-2, -1), keepdim=True)
    rows = joint.sum(-1, keepdim=True).clamp(min=least)
    columns = joint.sum(-2, keepdim=True).clamp(min=least)
    joint = joint.clamp(min=least)
    return -(joint * (joint.log() - rows.log() - columns.log())).sum((-2, -1)).mean()


def iic(n, k):
    def inputs(rng):
        logits = normal(rng, n * k)
        return by_row(logits, k, softmax), by_row(blurred(rng, logits, 0.5), k, softmax)

    def ours(libmi, buffers, gradients):
        head = filled(Head, classes=k, z=buffers[0], zt=buffers[1], dz=gradients[0],
                      dzt=gradients[1])
        return iic_step(libmi, 'mi_iic_eval_f32', ctypes.c_int64(n), 1, ctypes.byref(head))

    def theirs(torch):
        return lambda z, zt: iic_loss(z.T @ zt)

    return Row('IIC, n %d, K %d' % (n, k), 'mi_iic_eval_f32', [(n, k)] * 2, inputs, ours, theirs,
               aim=5 if k <= 10 else 2)


def iic_maps(n, side, k, reach, collapsed):
    def inputs(rng):  # patches of 16 x 16, as neighbours are alike in pictures
        patch, per_side = 16, side // 16
        coarse, logits = normal(rng, n * per_side**2 * k, 2.0), array.array('f')
        for i in range(n * per_side):
            line = array.array('f')
            for j in range(i * per_side * k, (i + 1) * per_side * k, k):
                line.extend(coarse[j:j + k] * patch)
            logits.extend(line * patch)
        return tuple(by_row(blurred(rng, logits, 0.5), k, softmax) for _ in range(2))

    def ours(libmi, buffers, gradients):
        io = filled(Maps, n=n, height=side, width=side, classes=k, reach=reach,
                    collapse=0 if collapsed else 1, z=buffers[0], zt=buffers[1], dz=gradients[0],
                    dzt=gradients[1])
        return iic_step(libmi, 'mi_iic_eval_maps_f32', ctypes.byref(io))

    def theirs(torch):
        def loss(z, zt):  # the paper's: images are what a convolution adds up over
            joint = torch.nn.functional.conv2d(z.permute(3, 0, 1, 2), zt.permute(3, 0, 1, 2),
                                               padding=reach)
            return iic_loss(joint.sum((2, 3)) if collapsed else joint.permute(2, 3, 0, 1))
        return loss

    title = 'IIC maps, n %d, %d x %d, K %d, T %d%s' % (n, side, side, k, reach,
                                                      '' if collapsed else ' uncollapsed')
    return Row(title, 'mi_iic_eval_maps_f32', [(n, side, side, k)] * 2,
               inputs, ours, theirs)


def vectors(title, name, n, params, theirs):
    def inputs(rng):
        return normal(rng, n, mean=1.0), normal(rng, n)

    def ours(libmi, buffers, gradients):
        io = filled(Vectors, n=n, m=n, joint=buffers[0], product=buffers[1], djoint=gradients[0],
                    dproduct=gradients[1])
        return bound(libmi, name, 'mi_bound_eval_vectors_f32', io, params)

    return Row('%s, %d scores of P and of Q' % (title, n), 'mi_bound_eval_vectors_f32', [(n,)] * 2,
               inputs, ours, theirs)


def dv_vectors(torch):
    return lambda p, q: torch.logsumexp(q, 0) - math.log(len(q)) - p.mean()


def jsd_vectors(torch):
    softplus = torch.nn.functional.softplus
    return lambda p, q: softplus(-p).mean() + softplus(q).mean()


def nwj_vectors(torch):
    return lambda p, q: torch.exp(q - 1).mean() - p.mean()


def matrix(n):
    def inputs(rng):
        return normal(rng, n * n),

    def ours(libmi, buffers, gradients):
        io = filled(Matrix, n=n, scores=buffers[0], dscores=gradients[0])
        return bound(libmi, 'infonce', 'mi_bound_eval_matrix_f32', io, {})

    def theirs(torch):
        target, cross_entropy = torch.arange(n), torch.nn.functional.cross_entropy
        return lambda scores: cross_entropy(scores, target)

    return Row('InfoNCE, matrix of scores, n %d' % n, 'mi_bound_eval_matrix_f32', [(n, n)], inputs,
               ours, theirs, offset=-math.log(n))


def embeddings(title, name, n, params, theirs, d=128, temperature=0.1, locations=1, **more):
    """Rows of length 1; with locations, rows whose products have a variance of about 1."""
    def inputs(rng):
        u = normal(rng, n * d)
        v = blurred(rng, u, 1.0) if locations == 1 else normal(rng, n * locations * d)
        if locations == 1:
            return by_row(u, d, unit), by_row(v, d, unit)
        scale = d ** -0.25
        return by_row(u, d, lambda row: [scale * x for x in row]), \
            by_row(v, d, lambda row: [scale * x for x in row])

    def ours(libmi, buffers, gradients):
        io = filled(Embeddings, n=n, locations=locations, d=d, u=buffers[0], v=buffers[1],
                    temperature=temperature, du=gradients[0], dv=gradients[1])
        return bound(libmi, name, 'mi_bound_eval_embeddings_f32', io, params)

    sizes = 'n %d, L %d, d %d' % (n, locations, d) if locations > 1 else 'n %d, d %d' % (n, d)
    return Row('%s, embeddings, %s' % (title, sizes), 'mi_bound_eval_embeddings_f32',
               [(n, d), (n * locations, d)], inputs, ours,
               lambda torch: theirs(torch, n, locations, temperature), **more)


def infonce_rows(torch, n, locations, temperature):
    target, cross_entropy = torch.arange(n), torch.nn.functional.cross_entropy
    return lambda u, v: cross_entropy(u @ v.T / temperature, target)


def infonce_both(torch, n, locations, temperature):
    target, cross_entropy = torch.arange(n), torch.nn.functional.cross_entropy

    def loss(u, v):
        scores = u @ v.T / temperature
        return (cross_entropy(scores, target) + cross_entropy(scores.T, target)) / 2
    return loss


def dv_embeddings(torch, n, locations, temperature):
    own = torch.eye(n, dtype=torch.bool)

    def loss(u, v):
        scores = u @ v.T / temperature
        others = scores.masked_fill(own, -math.inf).flatten()
        return torch.logsumexp(others, 0) - math.log(n * (n - 1)) - scores.diagonal().mean()
    return loss


def jsd_local(torch, n, locations, temperature):
    softplus = torch.nn.functional.softplus

    def loss(u, v):
        scores = u @ v.T / temperature
        positive = scores.view(n, n, locations).diagonal(dim1=0, dim2=1)
        others = softplus(scores).sum() - softplus(positive).sum()
        return softplus(-positive).mean() + others / (n * (n - 1) * locations)
    return loss


def infonce_local(torch, n, locations, temperature):
    own = torch.eye(n).repeat_interleave(locations, 1) > 0
    hide = torch.zeros(n, n * locations).masked_fill(own, -math.inf)

    def loss(u, v):
        scores = u @ v.T / temperature
        positive = scores.view(n, n, locations).diagonal(dim1=0, dim2=1)  # [L][n]
        others = (scores + hide).logsumexp(1)
        return (torch.logaddexp(positive, others) - positive).mean()
    return loss


def infonce(n, **more):
    return embeddings('InfoNCE', 'infonce', n, {}, infonce_rows, offset=-math.log(n), **more)


def all_rows():
    local = {'d': 256, 'locations': 64, 'temperature': 1.0}
    warm = infonce(256)
    return [
        iic(1024, 10), iic(1024, 100), iic(1024, 1000),
        iic_maps(8, 64, 12, 5, True), iic_maps(8, 64, 12, 10, True),
        iic_maps(8, 64, 12, 5, False), iic_maps(8, 64, 12, 10, False),
        vectors('DV', 'dv', 10**6, {}, dv_vectors),
        vectors('JSD', 'jsd', 10**6, {'shift': 0}, jsd_vectors),
        vectors('NWJ', 'nwj', 10**6, {}, nwj_vectors),
        matrix(1024), matrix(4096),
        infonce(64, aim=5), infonce(256, aim=5),
        infonce(1024, warm=warm), infonce(8192, warm=warm), infonce(32768, warm=warm, large=True),
        embeddings('InfoNCE both ways', 'infonce', 1024, {'columns': 0.5}, infonce_both,
                   offset=-math.log(1024)),
        embeddings('DV', 'dv', 1024, {'diagonal': 0}, dv_embeddings),
        embeddings('local JSD', 'jsd', 64, {'shift': 0, 'diagonal': 0}, jsd_local, **local),
        embeddings('local InfoNCE', 'infonce', 64, {}, infonce_local,
                   offset=-math.log(1 + 63 * 64), **local),
    ]
