/* SPDX-License-Identifier: BSD-2-Clause */
#include "net.h"

static int64_t fan_in(const mi__layer *l) {
    return l->in.h * l->in.w * l->in.c;
}

static mi_status plan(mi__layer *l) {
    l->out = (mi__map){1, 1, 1, l->width};
    mi__layer_param(l, "weight", MI_PARAM_WEIGHT, fan_in(l), l->width, 0, 0);
    mi__layer_param(l, "bias", MI_PARAM_BIAS, l->width, 0, 0, 0);
    return MI_OK;
}

static size_t work(const mi__layer *l, const mi__pass *pass) {
    return MI__MAX(pass->kernel->norm_work(pass->ctx, pass->n, l->width),
                   pass->kernel->product_work(pass->ctx));
}

/* y[n][out] = x[n][in] weight[in][out] + bias */
static void forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    int64_t in = fan_in(l), out = l->width;
    pass->kernel->product(pass->ctx, false, false, pass->n, out, in, x, in, l->param[0].value, out,
                          0, y, out, pass->work);
    pass->kernel->bias(pass->ctx, pass->n, out, l->param[1].value, y);
}

static void backward(mi__layer *l, const mi__pass *pass, void *x, void *dy, bool want_dx) {
    int64_t in = fan_in(l), out = l->width;
    pass->kernel->product(pass->ctx, true, false, in, out, pass->n, x, in, dy, out, 0,
                          l->param[0].grad, out, pass->work);
    pass->kernel->bias_backward(pass->ctx, pass->n, out, dy, l->param[1].grad, pass->work);
    if (want_dx)
        pass->kernel->product(pass->ctx, false, true, pass->n, in, out, dy, out, l->param[0].value,
                              out, 0, x, in, pass->work);
}

const mi__layer_type mi__layer_dense = {
    .name = "dense",
    .argument = MI__ARGUMENT_WIDTH,
    .plan = plan,
    .work = work,
    .forward = forward,
    .backward = backward,
};
