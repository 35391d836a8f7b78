/* SPDX-License-Identifier: BSD-2-Clause */
/* The tuned convolution: which way suits a shape. */

static size_t conv_work(const mi_context *ctx, const mi__conv *s) {
    return winograd_work(ctx, s);
}

static void conv(mi_context *ctx, const mi__conv *s, const void *x, const void *weight,
                 const void *bias_of, void *y, void *mean, void *variance, void *work) {
    winograd(ctx, s, x, weight, bias_of, y, mean, variance, work);
}

static void conv_backward_data(mi_context *ctx, const mi__conv *s, const void *dy,
                               const void *weight, void *dx, void *work) {
    winograd_backward_data(ctx, s, dy, weight, dx, work);
}

static void conv_backward_weight(mi_context *ctx, const mi__conv *s, const void *x, const void *dy,
                                 void *dweight, void *work) {
    winograd_backward_weight(ctx, s, x, dy, dweight, work);
}
