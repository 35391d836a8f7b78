/* SPDX-License-Identifier: BSD-2-Clause */
/* Forward down the chain, backward up. */
#include "net.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define GRAIN 65536

/* -- forward ---------------------------------------------------------------------------------- */

mi_status mi__encoder_begin(mi_encoder *e, int64_t n, bool train) {
    e->forward_done = e->backward_done = false;
    for (int32_t t = 0; t < e->taps; t++)
        e->tap[t].use = false;
    MI__TRY(mi__encoder_make_room(e, n, train));
    e->pass.n = n;
    e->pass.train = train;
    return MI_OK;
}

mi_status mi__encoder_put(mi_encoder *e, int64_t row, int64_t count, const float *x) {
    int64_t numbers = mi__encoder_numbers(e, 0),
            bad = mi__find_not_finite(&e->pass, count * numbers, x);
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
    if (head < -1 - e->taps || head >= e->heads)
        return mi__fail(MI_E_ARG, "head must be in %d to %d, got %d", -1 - e->taps, e->heads - 1,
                        head);
    MI__TRY(need_forward(e));
    if (head < -1 && e->backward_done)
        return mi__fail(MI_E_STATE, "a backward pass has used the taps' maps up");
    const void *from = head >= 0    ? e->head[head].y
                       : head == -1 ? MI__FEATURES(e)
                                    : e->y[e->tap[-2 - head].at];
    mi__reals_to_float(e->pass.kernel->real, e->pass.n * mi_encoder_width(e, head), from, y);
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

/* Where the gradient by y[i] is. */
static void *gradient_by(const mi_encoder *e, int32_t i) {
    return i < e->layers ? e->y[i] : e->dfeatures;
}

/* To the gradient by y[i] through the next layer, those of all others that look at it. */
static void add_branches(mi_encoder *e, int32_t i) {
    for (int32_t t = 0; t < e->taps; t++)
        if (e->tap[t].at == i && e->tap[t].use)
            mi__add_numbers(&e->pass, e->pass.n * mi__encoder_numbers(e, i), e->tap[t].dy,
                            gradient_by(e, i));
    for (int32_t l = i; l < e->layers; l++)
        if (e->layer[l].type->branch_backward != NULL && e->layer[l].from == i)
            e->layer[l].type->branch_backward(&e->layer[l], &e->pass, gradient_by(e, l + 1),
                                              gradient_by(e, i));
}

void mi__encoder_run_backward(mi_encoder *e, const bool *use, bool add, bool want_dx) {
    mi__heads_backward(e, use, add);
    add_branches(e, e->layers);
    for (int32_t i = e->layers - 1; i >= 0; i--) {
        e->layer[i].type->backward(&e->layer[i], &e->pass, e->y[i], gradient_by(e, i + 1),
                                   i > 0 || want_dx);
        if (i > 0 || want_dx)
            add_branches(e, i);
    }
    e->backward_done = true;
}

mi_status mi_encoder_tap_grad_write(mi_encoder *e, int32_t tap, const float *dtap) {
    MI__NEED(e);
    MI__NEED(dtap);
    if (tap < 0 || tap >= e->taps)
        return mi__fail(MI_E_ARG, "tap must be in 0 to %d, got %d", e->taps - 1, tap);
    MI__TRY(mi__encoder_begin_backward(e));
    mi__reals_from_float(e->pass.kernel->real, e->pass.n * mi_encoder_width(e, -2 - tap), dtap,
                         e->tap[tap].dy);
    e->tap[tap].use = true;
    return MI_OK;
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
        mi__reals_to_float(real, n * mi__encoder_numbers(e, 0), e->y[0], dx);
    return MI_OK;
}

/* -- numbers ---------------------------------------------------------------------------------- */

typedef struct addition {
    const mi__kernels *kernel;
    const void *x;
    void *y;
} addition;

static void add_range(void *arg, int64_t begin, int64_t end) {
    const addition *a = arg;
    const int64_t at = begin * (int64_t)a->kernel->real;
    a->kernel->add_scaled(end - begin, 1, (const char *)a->x + at, (char *)a->y + at);
}

static void copy_range(void *arg, int64_t begin, int64_t end) {
    const addition *a = arg;
    const int64_t real = (int64_t)a->kernel->real, at = begin * real;
    memcpy((char *)a->y + at, (const char *)a->x + at, (size_t)((end - begin) * real));
}

void mi__copy_numbers(const mi__pass *pass, int64_t count, const void *x, void *y) {
    addition a = {pass->kernel, x, y};
    mi__parallel_ranges(pass->ctx, count, GRAIN, copy_range, &a);
}

void mi__add_numbers(const mi__pass *pass, int64_t count, const void *x, void *y) {
    addition a = {pass->kernel, x, y};
    mi__parallel_ranges(pass->ctx, count, GRAIN, add_range, &a);
}

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
