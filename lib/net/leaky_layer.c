/* SPDX-License-Identifier: BSD-2-Clause */
/* ReLU and leaky ReLU. */
#include "net.h"

static int64_t count_of(const mi__layer *l, const mi__pass *pass) {
    return pass->n * l->in.h * l->in.w * l->in.c;
}

static mi_status plan(mi__layer *l) {
    l->out = l->in;
    return MI_OK;
}

static void forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    pass->kernel->leaky(pass->ctx, count_of(l, pass), l->slope, x, y);
}

static void backward(mi__layer *l, const mi__pass *pass, void *x, void *dy, bool want_dx) {
    if (want_dx)
        pass->kernel->leaky_backward(pass->ctx, count_of(l, pass), l->slope, x, dy, x);
}

const mi__layer_type mi__layer_relu = {
    .name = "relu",
    .argument = MI__ARGUMENT_NONE,
    .plan = plan,
    .forward = forward,
    .backward = backward,
};

const mi__layer_type mi__layer_leaky = {
    .name = "leaky",
    .argument = MI__ARGUMENT_SLOPE,
    .plan = plan,
    .forward = forward,
    .backward = backward,
};
