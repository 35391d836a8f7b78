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

/* Where those columns are worked on. */
typedef struct desk {
    const void *weight, *bias;
    void *dweight, *dbias;
    char *logits, *dlogits;
    bool shared; /* the bench; else the own arrays of the only head in use */
} desk;

static desk desk_of(const seating *s) {
    mi__head *only = NULL;
    int32_t used = 0;
    for (int32_t i = 0; i < s->e->heads; i++)
        if (s->use == NULL || s->use[i]) {
            only = &s->e->head[i];
            used++;
        }
    if (used > 1) {
        const mi__bench *b = &s->e->bench;
        return (desk){b->weight, b->bias, b->weight, b->bias, b->logits, b->logits, true};
    }
    const mi__param *param = only->dense.param;
    return (desk){param[0].value, param[1].value, param[0].grad, param[1].grad,
                  only->y,        only->dy,       false};
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
    const desk at = desk_of(&s);
    char *logits = at.logits;
    if (at.shared)
        take_seats(&s, false);
    k->product(pass->ctx, false, false, n, classes, features, MI__FEATURES(e), features, at.weight,
               classes, 0, logits, classes, pass->work);
    k->bias(pass->ctx, n, classes, at.bias, logits);
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
    const desk at = desk_of(&s);
    char *column = at.dlogits;
    if (at.shared)
        take_seats(&s, false);
    for (int32_t i = 0; i < e->heads && at.shared; i++)
        if (use[i]) {
            copy_logits(&s, i, e->head[i].dy, e->head[i].dense.width, column, classes);
            column += (size_t)e->head[i].dense.width * s.real;
        }
    if (want_dx)
        k->product(pass->ctx, false, true, n, features, classes, at.dlogits, classes, at.weight,
                   classes, add ? 1 : 0, e->dfeatures, features, pass->work);
    k->product(pass->ctx, true, false, features, classes, n, MI__FEATURES(e), features, at.dlogits,
               classes, 0, at.dweight, classes, pass->work);
    k->bias_backward(pass->ctx, n, classes, at.dlogits, at.dbias, pass->work);
    if (at.shared)
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
