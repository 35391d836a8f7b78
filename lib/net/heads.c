/* SPDX-License-Identifier: BSD-2-Clause */
/* The heads: one dense layer, of which each has some columns. */
#include "net.h"

#include <string.h>

#define GRAIN 16384

/* Columns of the bench: those of the heads in use, one after another. */
typedef struct seating {
    const mi_encoder *e;
    const bool *use; /* NULL: all */
    int64_t classes; /* in all */
    size_t real;
    bool out; /* from the bench to the heads' gradients */
} seating;

static seating seat(const mi_encoder *e, const bool *use) {
    seating s = {.e = e, .use = use, .real = e->pass.kernel->real};
    for (int32_t i = 0; i < e->heads; i++)
        s.classes += use == NULL || use[i] ? e->head[i].dense.width : 0;
    return s;
}

int64_t mi__heads_width(const mi_encoder *e) {
    return seat(e, NULL).classes;
}

/* The only head in use, or NULL: then its own arrays serve. */
static mi__head *alone(const seating *s) {
    mi__head *found = NULL;
    for (int32_t i = 0; i < s->e->heads; i++)
        if (s->use == NULL || s->use[i]) {
            if (found != NULL)
                return NULL;
            found = &s->e->head[i];
        }
    return found;
}

static void copy_columns(const seating *s, int64_t begin, int64_t end, int32_t param, char *bench) {
    char *column = bench;
    for (int32_t i = 0; i < s->e->heads; i++) {
        const mi__param *p = &s->e->head[i].dense.param[param];
        size_t row = (size_t)s->e->head[i].dense.width * s->real;
        if (s->use != NULL && !s->use[i])
            continue;
        for (int64_t r = begin; r < end; r++) {
            char *seat_at = column + (size_t)(r * s->classes) * s->real;
            if (s->out)
                memcpy((char *)p->grad + (size_t)r * row, seat_at, row);
            else
                memcpy(seat_at, (const char *)p->value + (size_t)r * row, row);
        }
        column += row;
    }
}

/* Rows of the weights; with the first of them, the biases. */
static void copy_rows(void *arg, int64_t begin, int64_t end) {
    const seating *s = arg;
    copy_columns(s, begin, end, 0, s->e->bench.weight);
    if (begin == 0)
        copy_columns(s, 0, 1, 1, s->e->bench.bias);
}

static void take_seats(seating *s, bool out) {
    s->out = out;
    mi__parallel_ranges(s->e->ctx, mi_encoder_width(s->e, -1), GRAIN / s->classes + 1, copy_rows,
                        s);
}

size_t mi__heads_work(const mi_encoder *e, const mi__pass *pass) {
    return e->heads == 0 ? 0
                         : MI__MAX(pass->kernel->product_work(pass->ctx),
                                   pass->kernel->norm_work(pass->ctx, pass->n, mi__heads_width(e)));
}

/* A head's columns of [n][classes], from or to an array of its own. */
static void copy_logits(const seating *s, int32_t head, char *from, int64_t ldf, char *to,
                        int64_t ldt) {
    size_t row = (size_t)s->e->head[head].dense.width * s->real;
    if (from == to)
        return;
    for (int64_t r = 0; r < s->e->pass.n; r++)
        memcpy(to + (size_t)(r * ldt) * s->real, from + (size_t)(r * ldf) * s->real, row);
}

void mi__heads_forward(mi_encoder *e) {
    if (e->heads == 0)
        return;
    seating s = seat(e, NULL);
    const mi__pass *pass = &e->pass;
    const mi__kernels *k = pass->kernel;
    const int64_t n = pass->n, features = mi_encoder_width(e, -1), classes = s.classes;
    mi__head *one = alone(&s);
    if (one == NULL)
        take_seats(&s, false);
    void *weight = one != NULL ? one->dense.param[0].value : e->bench.weight;
    void *bias = one != NULL ? one->dense.param[1].value : e->bench.bias;
    char *logits = one != NULL ? one->y : e->bench.logits;
    k->product(pass->ctx, false, false, n, classes, features, MI__FEATURES(e), features, weight,
               classes, 0, logits, classes, pass->work);
    k->bias(pass->ctx, n, classes, bias, logits);
    for (int32_t i = 0; i < e->heads; i++) {
        int64_t width = e->head[i].dense.width;
        if (e->head[i].softmax)
            k->softmax(pass->ctx, n, width, logits, classes, e->head[i].y);
        else
            copy_logits(&s, i, logits, classes, e->head[i].y, width);
        logits += (size_t)width * s.real;
    }
}

/* The gradients of the parameters and, if wanted, by the features, from dy by the logits. */
static void descend(mi_encoder *e, const bool *use, bool want_dx, bool add) {
    seating s = seat(e, use);
    const mi__pass *pass = &e->pass;
    const mi__kernels *k = pass->kernel;
    const int64_t n = pass->n, features = mi_encoder_width(e, -1), classes = s.classes;
    mi__head *one = alone(&s);
    if (one == NULL)
        take_seats(&s, false);
    const void *weight = one != NULL ? one->dense.param[0].value : e->bench.weight;
    char *dlogits = one != NULL ? one->dy : e->bench.logits, *column = dlogits;
    for (int32_t i = 0; i < e->heads && one == NULL; i++)
        if (use[i]) {
            copy_logits(&s, i, e->head[i].dy, e->head[i].dense.width, column, classes);
            column += (size_t)e->head[i].dense.width * s.real;
        }
    if (want_dx)
        k->product(pass->ctx, false, true, n, features, classes, dlogits, classes, weight, classes,
                   add ? 1 : 0, e->dfeatures, features, pass->work);
    void *dweight = one != NULL ? one->dense.param[0].grad : e->bench.weight;
    void *dbias = one != NULL ? one->dense.param[1].grad : e->bench.bias;
    k->product(pass->ctx, true, false, features, classes, n, MI__FEATURES(e), features, dlogits,
               classes, 0, dweight, classes, pass->work);
    k->bias_backward(pass->ctx, n, classes, dlogits, dbias, pass->work);
    if (one == NULL)
        take_seats(&s, true);
}

void mi__heads_learn(mi_encoder *e, const bool *use) {
    if (seat(e, use).classes > 0)
        descend(e, use, false, false);
}

void mi__heads_backward(mi_encoder *e, const bool *use, bool add) {
    const mi__pass *pass = &e->pass;
    for (int32_t i = 0; i < e->heads; i++) {
        mi__head *h = &e->head[i];
        for (int32_t p = 0; p < h->dense.params && !use[i]; p++)
            memset(h->dense.param[p].grad, 0, (size_t)h->dense.param[p].count * pass->kernel->real);
        if (use[i] && h->softmax)
            pass->kernel->softmax_backward(pass->ctx, pass->n, h->dense.width, h->y, h->dy, h->dy,
                                           h->dense.width);
    }
    if (seat(e, use).classes > 0)
        descend(e, use, true, add);
    else if (!add)
        memset(e->dfeatures, 0, (size_t)(pass->n * mi_encoder_width(e, -1)) * pass->kernel->real);
}
