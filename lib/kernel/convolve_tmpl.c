/* SPDX-License-Identifier: BSD-2-Clause */
/* The tuned convolution: which way suits a shape. */

#define FEW_CHANNELS 4 /* with these, transforms cost more than they save */

static bool transforms_pay(const mi__conv *s) {
    return s->in > FEW_CHANNELS && winograd_suits(s);
}

static size_t conv_work(const mi_context *ctx, const mi__conv *s) {
    return transforms_pay(s) ? winograd_work(ctx, s) : direct_work(ctx, s);
}

static void conv(mi_context *ctx, const mi__conv *s, const void *x, const void *weight,
                 const void *bias_of, void *y, void *mean, void *variance, void *work) {
    if (transforms_pay(s))
        winograd(ctx, s, x, weight, bias_of, y, mean, variance, work);
    else
        direct(ctx, s, x, weight, bias_of, y, mean, variance, work);
}

static void conv_backward_data(mi_context *ctx, const mi__conv *s, const void *dy,
                               const void *weight, void *dx, void *work) {
    if (transforms_pay(s))
        winograd_backward_data(ctx, s, dy, weight, dx, work);
    else
        direct_backward_data(ctx, s, dy, weight, dx, work);
}

static void conv_backward_weight(mi_context *ctx, const mi__conv *s, const void *x, const void *dy,
                                 void *dweight, void *work) {
    if (transforms_pay(s))
        winograd_backward_weight(ctx, s, x, dy, dweight, work);
    else
        direct_backward_weight(ctx, s, x, dy, dweight, work);
}
