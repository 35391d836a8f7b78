/* SPDX-License-Identifier: BSD-2-Clause */
/* Batch normalisation, with the ReLU and the pool that follow it done in the same pass over
 * memory. */
#include "net.h"

#include <float.h>
#include <math.h>

enum { SCALE, SHIFT, RUNNING_MEAN, RUNNING_VARIANCE };

static mi_status plan(mi__layer *l) {
    l->out = l->in;
    mi__layer_param(l, "scale", MI_PARAM_BIAS, l->in.c, 0, 0, 0);
    mi__layer_param(l, "shift", MI_PARAM_BIAS, l->in.c, 0, 0, 0);
    mi__layer_param(l, "running_mean", MI_PARAM_STATE, l->in.c, 0, 0, 0);
    mi__layer_param(l, "running_variance", MI_PARAM_STATE, l->in.c, 0, 0, 0);
    return MI_OK;
}

static size_t work(const mi__layer *l, const mi__pass *pass) {
    return pass->kernel->norm_work(pass->ctx, pass->n * l->in.h * l->in.w, l->in.c);
}

/* mean, variance, 1 / standard deviation of the batch */
static int64_t saved(const mi__layer *l) {
    return 3 * l->in.c;
}

static void *saved_part(const mi__layer *l, const mi__pass *pass, int64_t part) {
    return (char *)l->saved + (size_t)(part * l->in.c) * pass->kernel->real;
}

void *mi__bn_mean(const mi__layer *l) {
    return l->saved;
}

void *mi__bn_variance(const mi__layer *l, const mi__pass *pass) {
    return saved_part(l, pass, 1);
}

static double get(const mi__pass *pass, const void *array, int64_t i) {
    return pass->kernel->real == sizeof(double) ? ((const double *)array)[i]
                                                : (double)((const float *)array)[i];
}

static void set(const mi__pass *pass, void *array, int64_t i, double value) {
    if (pass->kernel->real == sizeof(double))
        ((double *)array)[i] = value;
    else
        ((float *)array)[i] = (float)value;
}

/* As everywhere in the field: the batch is normalised by its biased variance, while the running one
 * is unbiased. A channel that overflowed is passed over: it would never recover. */
static void update_states(mi__layer *l, const mi__pass *pass) {
    const void *mean = mi__bn_mean(l), *variance = mi__bn_variance(l, pass);
    void *running_mean = l->param[RUNNING_MEAN].value;
    void *running_variance = l->param[RUNNING_VARIANCE].value;
    int64_t rows = pass->n * l->in.h * l->in.w;
    double m = pass->bn_momentum, unbias = rows > 1 ? (double)rows / (double)(rows - 1) : 1;
    for (int64_t i = 0; i < l->in.c; i++) {
        double new_mean = (1 - m) * get(pass, running_mean, i) + m * get(pass, mean, i);
        double new_variance =
            (1 - m) * get(pass, running_variance, i) + m * unbias * get(pass, variance, i);
        if (!(fabs(new_mean) <= FLT_MAX && new_variance <= FLT_MAX))
            continue;
        set(pass, running_mean, i, new_mean);
        set(pass, running_variance, i, new_variance);
    }
}

static mi__norm shape_of(const mi__layer *l, const mi__pass *pass) {
    return (mi__norm){
        .in = {pass->n, l->in.h, l->in.w, l->in.c}, .slope = l->slope, .pool = l->pool};
}

static void forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    const mi__norm shape = shape_of(l, pass);
    const void *mean = l->param[RUNNING_MEAN].value, *variance = l->param[RUNNING_VARIANCE].value;
    void *inverse = saved_part(l, pass, 2);
    if (pass->train) {
        if (!l->has_moments)
            pass->kernel->moments(pass->ctx, pass->n * l->in.h * l->in.w, l->in.c, x,
                                  mi__bn_mean(l), mi__bn_variance(l, pass), pass->work);
        mean = mi__bn_mean(l);
        variance = mi__bn_variance(l, pass);
    }
    for (int64_t i = 0; i < l->in.c; i++)
        set(pass, inverse, i, 1 / sqrt(get(pass, variance, i) + pass->bn_epsilon));
    pass->kernel->norm(pass->ctx, &shape, x, l->param[SCALE].value, l->param[SHIFT].value, mean,
                       inverse, y);
}

/* With nothing before it that wants it, x is replaced all the same. */
static void backward(mi__layer *l, const mi__pass *pass, void *x, void *dy, bool want_dx) {
    (void)want_dx;
    const mi__norm shape = shape_of(l, pass);
    pass->kernel->norm_backward(pass->ctx, &shape, x, l->param[SCALE].value, l->param[SHIFT].value,
                                mi__bn_mean(l), saved_part(l, pass, 2), dy, x, l->param[SCALE].grad,
                                l->param[SHIFT].grad, pass->work);
}

const mi__layer_type mi__layer_bn = {
    .name = "bn",
    .argument = MI__ARGUMENT_NONE,
    .plan = plan,
    .work = work,
    .saved = saved,
    .forward = forward,
    .backward = backward,
    .update_states = update_states,
};
