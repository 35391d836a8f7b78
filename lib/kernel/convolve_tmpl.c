/* SPDX-License-Identifier: BSD-2-Clause */
/* The tuned convolution: which way suits a shape. */

#define FEW_CHANNELS 4 /* with these, transforms cost more than they save */

static bool transforms_pay(const mi__conv *s) {
    return s->in > FEW_CHANNELS && winograd_suits(s);
}

/* A kernel of one pixel that moves by one: rows of pixels by weights. */
static bool is_product(const mi__conv *s) {
    return s->kernel == 1 && s->stride == 1;
}

static int64_t pixels(const mi__conv *s) {
    return s->n * s->h * s->w;
}

static size_t conv_work(const mi_context *ctx, const mi__conv *s) {
    if (is_product(s))
        return MI__MAX(product_work(ctx), norm_work(ctx, pixels(s), s->out));
    return transforms_pay(s) ? winograd_work(ctx, s) : direct_work(ctx, s);
}

static void pixel_product(mi_context *ctx, const mi__conv *s, const void *x, const void *weight,
                          const void *bias_of, void *y, void *mean, void *variance, void *work) {
    product(ctx, false, false, pixels(s), s->out, s->in, x, s->in, weight, s->out, 0, y, s->out,
            work);
    if (bias_of != NULL)
        bias(ctx, pixels(s), s->out, bias_of, y);
    if (mean != NULL)
        moments(ctx, pixels(s), s->out, y, mean, variance, work);
}

static void conv(mi_context *ctx, const mi__conv *s, const void *x, const void *weight,
                 const void *bias_of, void *y, void *mean, void *variance, void *work) {
    if (is_product(s))
        pixel_product(ctx, s, x, weight, bias_of, y, mean, variance, work);
    else if (transforms_pay(s))
        winograd(ctx, s, x, weight, bias_of, y, mean, variance, work);
    else
        direct(ctx, s, x, weight, bias_of, y, mean, variance, work);
}

static void conv_backward_data(mi_context *ctx, const mi__conv *s, const void *dy,
                               const void *weight, void *dx, void *work) {
    if (is_product(s))
        product(ctx, false, true, pixels(s), s->in, s->out, dy, s->out, weight, s->out, 0, dx,
                s->in, work);
    else if (transforms_pay(s))
        winograd_backward_data(ctx, s, dy, weight, dx, work);
    else
        direct_backward_data(ctx, s, dy, weight, dx, work);
}

static void conv_backward_weight(mi_context *ctx, const mi__conv *s, const void *x, const void *dy,
                                 void *dweight, void *work) {
    if (is_product(s))
        product(ctx, true, false, s->in, s->out, pixels(s), x, s->in, dy, s->out, 0, dweight,
                s->out, work);
    else if (transforms_pay(s))
        winograd_backward_weight(ctx, s, x, dy, dweight, work);
    else
        direct_backward_weight(ctx, s, x, dy, dweight, work);
}
