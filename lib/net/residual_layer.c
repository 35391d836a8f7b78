/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of residual( ... ): adds what went in to what came out. K. He et al., CVPR 2016. Where
 * the shapes differ, what went in is projected by a 1 x 1 convolution with a stride. */
#include "net.h"

#include <inttypes.h>

static bool same(const mi__map *a, const mi__map *b) {
    return a->h == b->h && a->w == b->w && a->c == b->c;
}

static mi__conv shape_of(const mi__layer *l, int64_t n, bool half) {
    const mi__map *m = &l->branch_map;
    return (mi__conv){n, m->h, m->w, m->c, l->in.c, 1, l->stride, 0, half};
}

static mi_status plan(mi__layer *l) {
    const mi__map *from = &l->branch_map;
    l->out = l->in;
    if (same(from, &l->in))
        return MI_OK;
    l->stride = (from->h + l->in.h - 1) / l->in.h;
    const mi__conv shape = shape_of(l, 1, false);
    const mi__map to = mi__conv_map(&shape);
    if (!same(&to, &l->in))
        return mi__fail(MI_E_SHAPE,
                        "residual takes a map of %" PRId64 " x %" PRId64 " to one of %" PRId64
                        " x %" PRId64 ": no stride does",
                        from->h, from->w, l->in.h, l->in.w);
    mi__layer_param(l, "weight", MI_PARAM_WEIGHT, 1, 1, from->c, l->in.c);
    return MI_OK;
}

static int64_t branch_count(const mi__layer *l, const mi__pass *pass) {
    return pass->n * l->branch_map.h * l->branch_map.w * l->branch_map.c;
}

static size_t branch_bytes(const mi__layer *l, const mi__pass *pass) {
    return ((size_t)branch_count(l, pass) * pass->kernel->real + 63) / 64 * 64;
}

/* The gradient by the branch, then what the convolution needs. */
static size_t work(const mi__layer *l, const mi__pass *pass) {
    const mi__conv shape = shape_of(l, pass->n, pass->half);
    if (l->params == 0)
        return 0;
    return branch_bytes(l, pass) + pass->kernel->conv_work(pass->ctx, &shape);
}

static void *conv_room(const mi__layer *l, const mi__pass *pass) {
    return (char *)pass->work + branch_bytes(l, pass);
}

static void forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    const int64_t count = pass->n * l->in.h * l->in.w * l->in.c;
    const mi__conv shape = shape_of(l, pass->n, pass->half);
    if (l->params == 0)
        mi__copy_numbers(pass, count, l->branch, y);
    else
        pass->kernel->conv(pass->ctx, &shape, l->branch, l->param[0].value, NULL, y, NULL, NULL,
                           conv_room(l, pass));
    mi__add_numbers(pass, count, x, y);
}

/* What went in is still there: it comes before all that lies between. */
static void backward(mi__layer *l, const mi__pass *pass, void *x, void *dy, bool want_dx) {
    const mi__conv shape = shape_of(l, pass->n, pass->half);
    if (l->params > 0)
        pass->kernel->conv_backward_weight(pass->ctx, &shape, l->branch, dy, l->param[0].grad,
                                           conv_room(l, pass));
    if (want_dx)
        mi__copy_numbers(pass, pass->n * l->in.h * l->in.w * l->in.c, dy, x);
}

static void branch_backward(mi__layer *l, const mi__pass *pass, const void *dy, void *dbranch) {
    const mi__conv shape = shape_of(l, pass->n, pass->half);
    if (l->params > 0) {
        pass->kernel->conv_backward_data(pass->ctx, &shape, dy, l->param[0].value, pass->work,
                                         conv_room(l, pass));
        dy = pass->work;
    }
    mi__add_numbers(pass, branch_count(l, pass), dy, dbranch);
}

const mi__layer_type mi__layer_residual = {
    .name = "residual",
    .argument = MI__ARGUMENT_LAYERS,
    .plan = plan,
    .work = work,
    .forward = forward,
    .backward = backward,
    .branch_backward = branch_backward,
};
