/* SPDX-License-Identifier: BSD-2-Clause */
/* Single convolutions for engine.py, which loads this: the kernels are not public. */
#include "../../lib/kernel/kernel.h"

#include <stdlib.h>

enum { FORWARD, INPUT, WEIGHTS };

typedef struct bench_conv {
    mi_context *ctx;
    const mi__kernels *k;
    mi__conv shape;
    void *x, *y, *weight, *work;
} bench_conv;

LIBMI_API bench_conv *bench_conv_create(int32_t threads, const mi__conv *shape);
LIBMI_API void bench_conv_destroy(bench_conv *b);
LIBMI_API void bench_conv_run(bench_conv *b, int32_t part);

static void *filled(int64_t count) {
    float *p = aligned_alloc(64, ((size_t)count * sizeof *p + 63) / 64 * 64);
    uint32_t state = 1;
    for (int64_t i = 0; p != NULL && i < count; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (float)(state >> 8) / (1 << 24) - 0.5f;
    }
    return p;
}

static bool fill(bench_conv *b, int32_t threads) {
    const mi_context_options options = {.struct_size = sizeof options, .threads = threads};
    const mi__conv *s = &b->shape;
    const mi__map out = mi__conv_map(s);
    if (mi_context_create(&options, &b->ctx) != MI_OK)
        return false;
    b->k = mi__kernels_select();
    b->x = filled(s->n * s->h * s->w * s->in);
    b->y = filled(out.n * out.h * out.w * out.c);
    b->weight = filled(s->kernel * s->kernel * s->in * s->out);
    b->work = filled((int64_t)(b->k->conv_work(b->ctx, s) / sizeof(float)) + 1);
    return b->x != NULL && b->y != NULL && b->weight != NULL && b->work != NULL;
}

/* NULL: no memory. */
bench_conv *bench_conv_create(int32_t threads, const mi__conv *shape) {
    bench_conv *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->shape = *shape;
    if (fill(b, threads))
        return b;
    bench_conv_destroy(b);
    return NULL;
}

void bench_conv_destroy(bench_conv *b) {
    mi_context_destroy(b->ctx);
    free(b->x), free(b->y), free(b->weight), free(b->work);
    free(b);
}

void bench_conv_run(bench_conv *b, int32_t part) {
    if (part == FORWARD)
        b->k->conv(b->ctx, &b->shape, b->x, b->weight, NULL, b->y, NULL, NULL, b->work);
    else if (part == INPUT)
        b->k->conv_backward_data(b->ctx, &b->shape, b->y, b->weight, b->x, b->work);
    else
        b->k->conv_backward_weight(b->ctx, &b->shape, b->x, b->y, b->weight, b->work);
}
