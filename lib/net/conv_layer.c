/* SPDX-License-Identifier: BSD-2-Clause */
#include "net.h"

#include <inttypes.h>

static mi__conv shape_of(const mi__layer *l, const mi__pass *pass) {
    return (mi__conv){pass->n,   l->in.h,   l->in.w, l->in.c,   l->width,
                      l->kernel, l->stride, l->pad,  pass->half};
}

static mi_status plan(mi__layer *l) {
    const mi__conv shape = {1,         l->in.h,   l->in.w, l->in.c, l->width,
                            l->kernel, l->stride, l->pad,  false};
    if (l->kernel > MI__MIN(l->in.h, l->in.w) + 2 * l->pad)
        return mi__fail(MI_E_SHAPE,
                        "a kernel of %" PRId64 " x %" PRId64 " does not fit a map of %" PRId64
                        " x %" PRId64 " with pad %" PRId64,
                        l->kernel, l->kernel, l->in.h, l->in.w, l->pad);
    l->out = mi__conv_map(&shape);
    mi__layer_param(l, "weight", MI_PARAM_WEIGHT, l->kernel, l->kernel, l->in.c, l->width);
    if (l->bias)
        mi__layer_param(l, "bias", MI_PARAM_BIAS, l->width, 0, 0, 0);
    return MI_OK;
}

static size_t work(const mi__layer *l, const mi__pass *pass) {
    mi__conv shape = shape_of(l, pass);
    return MI__MAX(pass->kernel->conv_work(pass->ctx, &shape),
                   pass->kernel->norm_work(pass->ctx, pass->n * l->out.h * l->out.w, l->out.c));
}

static void forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    mi__conv shape = shape_of(l, pass);
    bool moments = pass->train && l->norm != NULL;
    pass->kernel->conv(pass->ctx, &shape, x, l->param[0].value, l->bias ? l->param[1].value : NULL,
                       y, moments ? mi__bn_mean(l->norm) : NULL,
                       moments ? mi__bn_variance(l->norm, pass) : NULL, pass->work);
}

static void backward(mi__layer *l, const mi__pass *pass, void *x, void *dy, bool want_dx) {
    mi__conv shape = shape_of(l, pass);
    pass->kernel->conv_backward_weight(pass->ctx, &shape, x, dy, l->param[0].grad, pass->work);
    if (l->bias)
        pass->kernel->bias_backward(pass->ctx, pass->n * l->out.h * l->out.w, l->out.c, dy,
                                    l->param[1].grad, pass->work);
    if (want_dx)
        pass->kernel->conv_backward_data(pass->ctx, &shape, dy, l->param[0].value, x, pass->work);
}

const mi__layer_type mi__layer_conv = {
    .name = "conv",
    .argument = MI__ARGUMENT_WIDTH,
    .optional_bias = true,
    .plan = plan,
    .work = work,
    .forward = forward,
    .backward = backward,
};
