/* SPDX-License-Identifier: BSD-2-Clause */
/* The networks of critics. */
#include "critic.h"

#include "../base/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PART 1024                           /* samples that evaluation takes at once */
#define KINKS 0.5                           /* first biases are within */
#define CALM 0.1                            /* of the last layer's weights: scores begin near 0 */
#define SPREAD UINT64_C(0x9E3779B97F4A7C15) /* between the seeds of networks */

/* -- building --------------------------------------------------------------------------------- */

static void scale_param(const mi_encoder *e, int32_t param, double factor) {
    const mi__param *p = e->param[param];
    e->pass.kernel->scale(p->count, factor, p->value, p->value);
}

/* Kinks of the first layer all over the samples, not all at 0. */
static void draw_bias(const mi_encoder *e) {
    const mi__param *p = e->param[1];
    mi__random r = mi__random_at(e->options.seed, MI__STREAM_WEIGHTS + 1, 0);
    for (int64_t i = 0; i < p->count; i++)
        mi__real_put(e->pass.kernel, p->value, i, mi__random_range(&r, -KINKS, KINKS));
}

static void describe(char *text, size_t size, int32_t layers, int64_t units, int64_t outputs) {
    size_t length = 0;
    for (int32_t i = 0; i < layers; i++)
        length +=
            (size_t)snprintf(text + length, size - length, "dense %" PRId64 ", relu, ", units);
    snprintf(text + length, size - length, "dense %" PRId64, outputs);
}

mi_status mi__critic_net(mi_mine *m, int which, int64_t inputs, int64_t fan_in, int32_t layers,
                         int64_t units, int64_t outputs) {
    char text[512];
    describe(text, sizeof text, layers, units, outputs);
    mi_encoder_options o = {.struct_size = sizeof o,
                            .seed = m->options.seed + (uint64_t)which * SPREAD,
                            .height = 1,
                            .width = 1,
                            .channels = (int32_t)inputs};
    mi_encoder *e;
    MI__TRY(mi__encoder_create(m->ctx, text, &o, m->k, &e));
    m->net[which] = e;
    if (layers > 0 || fan_in != inputs)
        draw_bias(e);
    if (fan_in != inputs)
        scale_param(e, 0, sqrt((double)inputs / (double)fan_in));
    else
        scale_param(e, e->params - 2, CALM);
    return MI_OK;
}

/* -- forward ---------------------------------------------------------------------------------- */

/* Rows first.. of a network's input. That of flo's baseline sees x and y side by side. */
static void load_rows(const mi_mine *m, const mi__batch *b, int which, int64_t first,
                      int64_t count) {
    const mi_encoder *e = m->net[which];
    const size_t real = m->k->real, wide = (size_t)m->dx * real, high = (size_t)m->dy * real;
    const char *x = (const char *)b->x + (size_t)first * wide;
    const char *y = (const char *)b->y + (size_t)first * high;
    char *to = e->y[0];
    if (which == MI__NET_Y)
        memcpy(to, y, (size_t)count * high);
    else if (e->in.c == m->dx)
        memcpy(to, x, (size_t)count * wide);
    else
        for (int64_t i = 0; i < count; i++, to += wide + high, x += wide, y += high) {
            memcpy(to, x, wide);
            memcpy(to + wide, y, high);
        }
}

static mi_status run(mi_mine *m, const mi__batch *b, int which, void *room, const void **out) {
    mi_encoder *e = m->net[which];
    const int64_t width = mi_encoder_width(e, -1), part = b->train ? b->n : PART;
    for (int64_t first = 0, count; first < b->n; first += count) {
        count = MI__MIN(b->n - first, part);
        MI__TRY(mi__encoder_begin(e, count, b->train));
        load_rows(m, b, which, first, count);
        mi__encoder_run(e);
        if (!b->train)
            memcpy(mi__real_at(m->k, room, first * width), MI__FEATURES(e),
                   (size_t)(count * width) * m->k->real);
    }
    *out = b->train ? MI__FEATURES(e) : room;
    return MI_OK;
}

mi_status mi__critic_forward(mi_mine *m, mi__batch *b) {
    b->b = b->y;
    b->baseline = NULL;
    MI__TRY(run(m, b, MI__NET_X, b->room_a, &b->a));
    if (m->net[MI__NET_Y] != NULL)
        MI__TRY(run(m, b, MI__NET_Y, b->room_b, &b->b));
    if (m->net[MI__NET_BASELINE] != NULL)
        MI__TRY(run(m, b, MI__NET_BASELINE, b->room_baseline, &b->baseline));
    return MI_OK;
}

/* -- backward --------------------------------------------------------------------------------- */

/* Columns of the gradient by a network's input, added to the batch's or put there. */
static void take_columns(const mi_mine *m, const mi__batch *b, const mi_encoder *e, int64_t from,
                         int64_t width, bool add, void *to) {
    for (int64_t i = 0; i < b->n; i++) {
        const void *row = mi__real_at(m->k, e->y[0], i * e->in.c + from);
        void *at = mi__real_at(m->k, to, i * width);
        if (add)
            m->k->add_scaled(width, 1, row, at);
        else
            memcpy(at, row, (size_t)width * m->k->real);
    }
}

void mi__critic_backward(mi_mine *m, mi__batch *b, int which) {
    mi_encoder *e = m->net[which];
    mi__encoder_run_backward(e, NULL, true, b->want_dx);
    if (!b->want_dx)
        return;
    if (which != MI__NET_Y)
        take_columns(m, b, e, 0, m->dx, which == MI__NET_BASELINE, b->gx);
    if (which == MI__NET_Y)
        take_columns(m, b, e, 0, m->dy, false, b->gy);
    else if (e->in.c > m->dx)
        take_columns(m, b, e, m->dx, m->dy, true, b->gy);
}
