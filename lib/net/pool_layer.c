/* SPDX-License-Identifier: BSD-2-Clause */
/* 2x2 maximum and mean, and those of the whole map. */
#include "net.h"

#include <inttypes.h>

static mi__map in_of(const mi__layer *l, const mi__pass *pass) {
    return (mi__map){pass->n, l->in.h, l->in.w, l->in.c};
}

static mi_status plan_window(mi__layer *l) {
    if (l->in.h < 2 || l->in.w < 2)
        return mi__fail(MI_E_SHAPE,
                        "%s needs a map of at least 2 x 2, it gets %" PRId64 " x %" PRId64,
                        l->type->name, l->in.h, l->in.w);
    l->out = (mi__map){1, l->in.h / 2, l->in.w / 2, l->in.c};
    return MI_OK;
}

static void max_forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    mi__map in = in_of(l, pass);
    pass->kernel->max_pool(pass->ctx, &in, x, y);
}

static void max_backward(mi__layer *l, const mi__pass *pass, void *x, void *dy, bool want_dx) {
    mi__map in = in_of(l, pass);
    if (want_dx)
        pass->kernel->max_pool_backward(pass->ctx, &in, x, dy, x);
}

const mi__layer_type mi__layer_maxpool = {
    .name = "maxpool",
    .argument = MI__ARGUMENT_NONE,
    .plan = plan_window,
    .forward = max_forward,
    .backward = max_backward,
};

static void mean_forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    mi__map in = in_of(l, pass);
    pass->kernel->mean_pool(pass->ctx, &in, x, y);
}

static void mean_backward(mi__layer *l, const mi__pass *pass, void *x, void *dy, bool want_dx) {
    mi__map in = in_of(l, pass);
    if (want_dx)
        pass->kernel->mean_pool_backward(pass->ctx, &in, dy, x);
}

const mi__layer_type mi__layer_avgpool = {
    .name = "avgpool",
    .argument = MI__ARGUMENT_NONE,
    .plan = plan_window,
    .forward = mean_forward,
    .backward = mean_backward,
};

static mi_status plan_global(mi__layer *l) {
    l->out = (mi__map){1, 1, 1, l->in.c};
    return MI_OK;
}

static void global_forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    mi__map in = in_of(l, pass);
    pass->kernel->global_pool(pass->ctx, &in, x, y);
}

static void global_backward(mi__layer *l, const mi__pass *pass, void *x, void *dy, bool want_dx) {
    mi__map in = in_of(l, pass);
    if (want_dx)
        pass->kernel->global_pool_backward(pass->ctx, &in, dy, x);
}

const mi__layer_type mi__layer_gap = {
    .name = "gap",
    .argument = MI__ARGUMENT_NONE,
    .plan = plan_global,
    .forward = global_forward,
    .backward = global_backward,
};

static void global_max_forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    mi__map in = in_of(l, pass);
    pass->kernel->global_max_pool(pass->ctx, &in, x, y);
}

static void global_max_backward(mi__layer *l, const mi__pass *pass, void *x, void *dy,
                                bool want_dx) {
    mi__map in = in_of(l, pass);
    if (want_dx)
        pass->kernel->global_max_pool_backward(pass->ctx, &in, x, dy, x);
}

const mi__layer_type mi__layer_gmp = {
    .name = "gmp",
    .argument = MI__ARGUMENT_NONE,
    .plan = plan_global,
    .forward = global_max_forward,
    .backward = global_max_backward,
};
