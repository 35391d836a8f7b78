/* SPDX-License-Identifier: BSD-2-Clause */
/* Layer normalisation of the channels of each position, without scale and shift. J. Ba, J. Kiros,
 * G. Hinton, 2016. */
#include "net.h"

#include <math.h>

#define GRAIN 16384

static mi_status plan(mi__layer *l) {
    l->out = l->in;
    return MI_OK;
}

/* As many ones as channels. */
static int64_t saved(const mi__layer *l) {
    return l->in.c;
}

typedef struct job {
    const mi__layer *l;
    const mi__pass *pass;
    const char *x;
    char *y, *dy;
} job;

/* y = (x - mean) / standard deviation, which is returned. */
static double normalise(const job *j, const void *x, void *y) {
    const mi__kernels *k = j->pass->kernel;
    const int64_t c = j->l->in.c;
    k->scale(c, 1, x, y);
    k->add_scaled(c, -k->sum(c, x) / (double)c, j->l->saved, y);
    const double deviation = sqrt(k->dot(c, y, y) / (double)c + j->pass->bn_epsilon);
    k->scale(c, 1 / deviation, y, y);
    return deviation;
}

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const job *j = arg;
    const int64_t row = j->l->in.c * (int64_t)j->pass->kernel->real;
    for (int64_t i = begin; i < end; i++)
        (void)normalise(j, j->x + i * row, j->y + i * row);
}

/* With v = y: dx = (dy - mean(dy) - v mean(dy v)) / standard deviation. */
static void backward_rows(void *arg, int64_t begin, int64_t end) {
    const job *j = arg;
    const mi__kernels *k = j->pass->kernel;
    const int64_t c = j->l->in.c, row = c * (int64_t)k->real;
    for (int64_t i = begin; i < end; i++) {
        char *v = j->y + i * row, *dy = j->dy + i * row;
        const double deviation = normalise(j, v, v);
        k->scale(c, -k->dot(c, dy, v) / (double)c, v, v);
        k->add_scaled(c, -k->sum(c, dy) / (double)c, j->l->saved, v);
        k->add_scaled(c, 1, dy, v);
        k->scale(c, 1 / deviation, v, v);
    }
}

static int64_t rows_of(const mi__layer *l, const mi__pass *pass) {
    return pass->n * l->in.h * l->in.w;
}

static void forward(mi__layer *l, const mi__pass *pass, const void *x, void *y) {
    job j = {.l = l, .pass = pass, .x = x, .y = y};
    pass->kernel->fill(l->in.c, 1, l->saved);
    mi__parallel_ranges(pass->ctx, rows_of(l, pass), GRAIN / l->in.c + 1, forward_rows, &j);
}

static void backward(mi__layer *l, const mi__pass *pass, void *x, void *dy, bool want_dx) {
    job j = {.l = l, .pass = pass, .y = x, .dy = dy};
    if (want_dx)
        mi__parallel_ranges(pass->ctx, rows_of(l, pass), GRAIN / l->in.c + 1, backward_rows, &j);
}

const mi__layer_type mi__layer_ln = {
    .name = "ln",
    .argument = MI__ARGUMENT_NONE,
    .plan = plan,
    .saved = saved,
    .forward = forward,
    .backward = backward,
};
