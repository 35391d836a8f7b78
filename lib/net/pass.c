/* SPDX-License-Identifier: BSD-2-Clause */
/* Forward down the chain, backward up. */
#include "net.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static int64_t in_numbers(const mi_encoder *e) {
    return e->in.h * e->in.w * e->in.c;
}

static int64_t out_numbers(const mi__layer *l) {
    return l->out.h * l->out.w * l->out.c;
}

/* -- buffers ---------------------------------------------------------------------------------- */

static int64_t y_numbers(const mi_encoder *e, int32_t i) {
    return i == 0 ? in_numbers(e) : out_numbers(&e->layer[i - 1]);
}

void mi__encoder_free_buffers(mi_encoder *e) {
    size_t real = e->pass.kernel->real;
    for (int32_t i = 0; i <= e->layers; i++) {
        mi__free(e->ctx, e->y[i], e->capacity, (size_t)y_numbers(e, i) * real);
        e->y[i] = NULL;
    }
    for (int32_t i = 0; i < e->heads; i++) {
        mi__head *h = &e->head[i];
        mi__free(e->ctx, h->y, e->capacity, (size_t)h->dense.width * real);
        mi__free(e->ctx, h->dy, e->capacity, (size_t)h->dense.width * real);
        h->y = h->dy = NULL;
    }
    for (int32_t i = 0; i < 2; i++) {
        mi__free(e->ctx, e->gradient[i], e->capacity, (size_t)e->widest * real);
        e->gradient[i] = NULL;
    }
    mi__free(e->ctx, e->pass.work, (int64_t)e->work_bytes, 1);
    e->pass.work = NULL;
    e->capacity = 0;
}

static size_t most_work(const mi_encoder *e, int64_t n) {
    mi__pass pass = e->pass;
    pass.n = n;
    size_t most = 0;
    for (int32_t i = 0; i < e->layers + e->heads; i++) {
        const mi__layer *l = i < e->layers ? &e->layer[i] : &e->head[i - e->layers].dense;
        if (l->type->work != NULL)
            most = MI__MAX(most, l->type->work(l, &pass));
    }
    return most;
}

static mi_status grow(mi_encoder *e, int64_t n) {
    size_t real = e->pass.kernel->real;
    int64_t bytes, widest = e->widest;
    for (int32_t i = 0; i < e->heads; i++)
        widest = MI__MAX(widest, e->head[i].dense.width);
    if (!mi__multiply(n, widest * (int64_t)real, &bytes))
        return mi__fail(MI_E_SHAPE,
                        "a batch of %" PRId64 " images of %" PRId64
                        " numbers in the widest layer overflows",
                        n, widest);
    mi__encoder_free_buffers(e);
    e->capacity = n;
    e->work_bytes = most_work(e, n);
    e->pass.work = mi__alloc(e->ctx, (int64_t)e->work_bytes, 1);
    bool short_of = e->pass.work == NULL;
    for (int32_t i = 0; i <= e->layers && !short_of; i++)
        short_of = (e->y[i] = mi__alloc(e->ctx, n, (size_t)y_numbers(e, i) * real)) == NULL;
    for (int32_t i = 0; i < e->heads && !short_of; i++)
        short_of =
            (e->head[i].y = mi__alloc(e->ctx, n, (size_t)e->head[i].dense.width * real)) == NULL;
    if (short_of) {
        mi__encoder_free_buffers(e);
        return MI_E_NOMEM;
    }
    return MI_OK;
}

/* -- forward ---------------------------------------------------------------------------------- */

mi_status mi__encoder_begin(mi_encoder *e, int64_t n) {
    e->forward_done = e->backward_done = false;
    if (n > e->capacity)
        MI__TRY(grow(e, n));
    e->pass.n = n;
    return MI_OK;
}

mi_status mi__encoder_put(mi_encoder *e, int64_t row, int64_t count, const float *x) {
    int64_t numbers = in_numbers(e), bad = mi__find_not_finite(count * numbers, x);
    if (bad >= 0)
        return mi__fail(MI_E_NUMERIC, "image %" PRId64 " has the value %g at position %" PRId64,
                        bad / numbers, (double)x[bad], bad % numbers);
    size_t real = e->pass.kernel->real;
    mi__reals_from_float(real, count * numbers, x,
                         (char *)e->y[0] + (size_t)(row * numbers) * real);
    return MI_OK;
}

void mi__encoder_run(mi_encoder *e, bool train) {
    mi__pass *pass = &e->pass;
    pass->train = train;
    for (int32_t i = 0; i < e->layers; i++)
        e->layer[i].type->forward(&e->layer[i], pass, e->y[i], e->y[i + 1]);
    for (int32_t i = 0; i < e->heads; i++) {
        mi__head *h = &e->head[i];
        h->dense.type->forward(&h->dense, pass, MI__FEATURES(e), h->y);
        if (h->softmax)
            pass->kernel->softmax(pass->ctx, pass->n, h->dense.width, h->y, h->dense.width, h->y);
    }
    e->forward_done = true;
}

void mi__encoder_update_states(mi_encoder *e) {
    for (int32_t i = 0; i < e->layers; i++)
        if (e->layer[i].type->update_states != NULL)
            e->layer[i].type->update_states(&e->layer[i], &e->pass);
}

mi_status mi_encoder_forward(mi_encoder *e, int32_t mode, int64_t n, const float *x) {
    MI__NEED(e);
    MI__NEED(x);
    if (mode != MI_MODE_TRAIN && mode != MI_MODE_EVAL)
        return mi__fail(MI_E_ARG, "mode must be an mi_mode, got %d", mode);
    if (n < 1)
        return mi__fail(MI_E_ARG, "n must be at least 1, got %" PRId64, n);
    MI__TRY(mi__encoder_begin(e, n));
    MI__TRY(mi__encoder_put(e, 0, n, x));
    mi__encoder_run(e, mode == MI_MODE_TRAIN);
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

mi_status mi__encoder_need_gradients(mi_encoder *e) {
    size_t real = e->pass.kernel->real;
    for (int32_t i = 0; i < 2; i++)
        if (e->gradient[i] == NULL &&
            (e->gradient[i] = mi__alloc(e->ctx, e->capacity, (size_t)e->widest * real)) == NULL)
            return MI_E_NOMEM;
    for (int32_t i = 0; i < e->heads; i++) {
        mi__head *h = &e->head[i];
        if (h->dy == NULL &&
            (h->dy = mi__alloc(e->ctx, e->capacity, (size_t)h->dense.width * real)) == NULL)
            return MI_E_NOMEM;
    }
    return MI_OK;
}

mi_status mi__encoder_begin_backward(mi_encoder *e) {
    MI__TRY(need_forward(e));
    if (!e->pass.train)
        return mi__fail(MI_E_STATE,
                        "the last forward pass was in MI_MODE_EVAL; backward needs MI_MODE_TRAIN");
    return mi__encoder_need_gradients(e);
}

static void add_reals(size_t real, int64_t count, const void *from, void *to) {
    if (real == sizeof(double))
        for (int64_t i = 0; i < count; i++)
            ((double *)to)[i] += ((const double *)from)[i];
    else
        for (int64_t i = 0; i < count; i++)
            ((float *)to)[i] += ((const float *)from)[i];
}

static void zero_gradients(const mi_encoder *e, mi__layer *l) {
    for (int32_t i = 0; i < l->params; i++)
        if (l->param[i].grad != NULL)
            memset(l->param[i].grad, 0, (size_t)l->param[i].count * e->pass.kernel->real);
}

/* gradient[0] = sum of the heads' gradients by the features, and of dfeatures. */
static void gather_heads(mi_encoder *e, const bool *use, const void *dfeatures) {
    mi__pass *pass = &e->pass;
    size_t real = pass->kernel->real;
    int64_t count = pass->n * mi_encoder_width(e, -1);
    if (dfeatures != NULL)
        memcpy(e->gradient[0], dfeatures, (size_t)count * real);
    else
        memset(e->gradient[0], 0, (size_t)count * real);
    for (int32_t i = 0; i < e->heads; i++) {
        mi__head *h = &e->head[i];
        if (!use[i]) {
            zero_gradients(e, &h->dense);
            continue;
        }
        if (h->softmax)
            pass->kernel->softmax_backward(pass->ctx, pass->n, h->dense.width, h->y, h->dy, h->dy,
                                           h->dense.width);
        h->dense.type->backward(&h->dense, pass, MI__FEATURES(e), h->y, h->dy, e->gradient[1]);
        add_reals(real, count, e->gradient[1], e->gradient[0]);
    }
}

void mi__encoder_run_backward(mi_encoder *e, const bool *use, const void *dfeatures, bool want_dx) {
    gather_heads(e, use, dfeatures);
    for (int32_t i = e->layers - 1; i >= 0; i--) {
        void *dy = e->gradient[0], *dx = e->gradient[1];
        e->layer[i].type->backward(&e->layer[i], &e->pass, e->y[i], e->y[i + 1], dy,
                                   i > 0 || want_dx ? dx : NULL);
        e->gradient[0] = dx;
        e->gradient[1] = dy;
    }
    e->backward_done = true;
}

const void *mi__encoder_dx(const mi_encoder *e) {
    return e->gradient[0];
}

mi_status mi_encoder_backward(mi_encoder *e, const float *const *dy, const float *dfeatures,
                              float *dx) {
    MI__NEED(e);
    if (e->heads > 0)
        MI__NEED(dy);
    MI__TRY(mi__encoder_begin_backward(e));
    size_t real = e->pass.kernel->real;
    int64_t n = e->pass.n, features = mi_encoder_width(e, -1);
    bool use[MI__MOST_HEADS];
    for (int32_t i = 0; i < e->heads; i++) {
        use[i] = dy[i] != NULL;
        if (use[i])
            mi__reals_from_float(real, n * e->head[i].dense.width, dy[i], e->head[i].dy);
    }
    void *converted = NULL;
    if (dfeatures != NULL) {
        converted = mi__alloc(e->ctx, n * features, real);
        if (converted == NULL)
            return MI_E_NOMEM;
        mi__reals_from_float(real, n * features, dfeatures, converted);
    }
    mi__encoder_run_backward(e, use, converted, dx != NULL);
    mi__free(e->ctx, converted, n * features, real);
    if (dx != NULL)
        mi__reals_to_float(real, n * in_numbers(e), mi__encoder_dx(e), dx);
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

int64_t mi__find_not_finite(int64_t count, const float *x) {
    for (int64_t begin = 0; begin < count; begin += 4096) {
        int64_t end = MI__MIN(begin + 4096, count);
        int bad = 0;
        for (int64_t i = begin; i < end; i++)
            bad |= !(fabsf(x[i]) <= 3.402823466e38f);
        for (int64_t i = begin; bad && i < end; i++)
            if (!isfinite(x[i]))
                return i;
    }
    return -1;
}
