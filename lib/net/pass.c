/* SPDX-License-Identifier: BSD-2-Clause */
/* Forward down the chain, backward up. */
#include "net.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define GRAIN 65536

static int64_t in_numbers(const mi_encoder *e) {
    return e->in.h * e->in.w * e->in.c;
}

/* -- forward ---------------------------------------------------------------------------------- */

mi_status mi__encoder_begin(mi_encoder *e, int64_t n, bool train) {
    e->forward_done = e->backward_done = false;
    MI__TRY(mi__encoder_make_room(e, n, train));
    e->pass.n = n;
    e->pass.train = train;
    return MI_OK;
}

mi_status mi__encoder_put(mi_encoder *e, int64_t row, int64_t count, const float *x) {
    int64_t numbers = in_numbers(e), bad = mi__find_not_finite(&e->pass, count * numbers, x);
    if (bad >= 0)
        return mi__fail(MI_E_NUMERIC, "image %" PRId64 " has the value %g at position %" PRId64,
                        bad / numbers, (double)x[bad], bad % numbers);
    size_t real = e->pass.kernel->real;
    mi__reals_from_float(real, count * numbers, x,
                         (char *)e->y[0] + (size_t)(row * numbers) * real);
    return MI_OK;
}

void mi__encoder_run(mi_encoder *e) {
    for (int32_t i = 0; i < e->layers; i++)
        e->layer[i].type->forward(&e->layer[i], &e->pass, e->y[i], e->y[i + 1]);
    mi__heads_forward(e);
    e->forward_done = true;
}

void mi__encoder_update_states(mi_encoder *e) {
    for (int32_t i = 0; i < e->layers; i++)
        if (e->layer[i].type->update_states != NULL)
            e->layer[i].type->update_states(&e->layer[i], &e->pass);
}

mi_status mi__check_pass(int32_t mode, int64_t n) {
    if (mode != MI_MODE_TRAIN && mode != MI_MODE_EVAL)
        return mi__fail(MI_E_ARG, "mode must be an mi_mode, got %d", mode);
    if (n < 1)
        return mi__fail(MI_E_ARG, "n must be at least 1, got %" PRId64, n);
    return MI_OK;
}

mi_status mi_encoder_forward(mi_encoder *e, int32_t mode, int64_t n, const float *x) {
    MI__NEED(e);
    MI__NEED(x);
    MI__TRY(mi__check_pass(mode, n));
    MI__TRY(mi__encoder_begin(e, n, mode == MI_MODE_TRAIN));
    MI__TRY(mi__encoder_put(e, 0, n, x));
    mi__encoder_run(e);
    if (mode == MI_MODE_TRAIN)
        mi__encoder_update_states(e);
    return MI_OK;
}

static mi_status need_forward(const mi_encoder *e) {
    return e->forward_done ? MI_OK
                           : mi__fail(MI_E_STATE, "the encoder needs a forward pass before this");
}

mi_status mi_encoder_output(const mi_encoder *e, int32_t head, float *y) {
    MI__NEED(e);
    MI__NEED(y);
    if (head < -1 || head >= e->heads)
        return mi__fail(MI_E_ARG, "head must be in -1 to %d, got %d", e->heads - 1, head);
    MI__TRY(need_forward(e));
    mi__reals_to_float(e->pass.kernel->real, e->pass.n * mi_encoder_width(e, head),
                       head < 0 ? MI__FEATURES(e) : e->head[head].y, y);
    return MI_OK;
}

/* -- backward --------------------------------------------------------------------------------- */

mi_status mi__encoder_begin_backward(const mi_encoder *e) {
    MI__TRY(need_forward(e));
    if (!e->pass.train)
        return mi__fail(MI_E_STATE,
                        "the last forward pass was in MI_MODE_EVAL; backward needs MI_MODE_TRAIN");
    if (e->backward_done)
        return mi__fail(MI_E_STATE, "backward was called already, which uses a forward pass up");
    return MI_OK;
}

void mi__encoder_run_backward(mi_encoder *e, const bool *use, bool add, bool want_dx) {
    mi__heads_backward(e, use, add);
    for (int32_t i = e->layers - 1; i >= 0; i--)
        e->layer[i].type->backward(&e->layer[i], &e->pass, e->y[i],
                                   i + 1 < e->layers ? e->y[i + 1] : e->dfeatures,
                                   i > 0 || want_dx);
    e->backward_done = true;
}

mi_status mi_encoder_backward(mi_encoder *e, const float *const *dy, const float *dfeatures,
                              float *dx) {
    MI__NEED(e);
    if (e->heads > 0)
        MI__NEED(dy);
    MI__TRY(mi__encoder_begin_backward(e));
    size_t real = e->pass.kernel->real;
    int64_t n = e->pass.n;
    bool use[MI__MOST_HEADS];
    for (int32_t i = 0; i < e->heads; i++) {
        use[i] = dy[i] != NULL;
        if (use[i])
            mi__reals_from_float(real, n * e->head[i].dense.width, dy[i], e->head[i].dy);
    }
    if (dfeatures != NULL)
        mi__reals_from_float(real, n * mi_encoder_width(e, -1), dfeatures, e->dfeatures);
    mi__encoder_run_backward(e, use, dfeatures != NULL, dx != NULL);
    if (dx != NULL)
        mi__reals_to_float(real, n * in_numbers(e), e->y[0], dx);
    return MI_OK;
}

/* -- numbers ---------------------------------------------------------------------------------- */

void mi__reals_to_float(size_t real, int64_t count, const void *from, float *to) {
    if (real == sizeof(float))
        memcpy(to, from, (size_t)count * sizeof(float));
    else
        for (int64_t i = 0; i < count; i++)
            to[i] = (float)((const double *)from)[i];
}

void mi__reals_from_float(size_t real, int64_t count, const float *from, void *to) {
    if (real == sizeof(float))
        memcpy(to, from, (size_t)count * sizeof(float));
    else
        for (int64_t i = 0; i < count; i++)
            ((double *)to)[i] = from[i];
}

typedef struct search {
    const mi__kernels *kernel;
    const float *x;
    atomic_llong first;
} search;

static void search_range(void *arg, int64_t begin, int64_t end) {
    search *s = arg;
    double least = 0, most = 0;
    if (s->kernel->extent(end - begin, s->x + begin, &least, &most))
        return;
    while (isfinite(s->x[begin]))
        begin++;
    long long first = atomic_load(&s->first);
    while (begin < first && !atomic_compare_exchange_weak(&s->first, &first, begin))
        ;
}

int64_t mi__find_not_finite(const mi__pass *pass, int64_t count, const float *x) {
    const mi__kernels *k = pass->kernel;
    search s = {.kernel = k->real == sizeof(float) ? k : &mi__kernels_reference, .x = x};
    atomic_init(&s.first, INT64_MAX);
    mi__parallel_ranges(pass->ctx, count, GRAIN, search_range, &s);
    long long first = atomic_load(&s.first);
    return first < count ? first : -1;
}
