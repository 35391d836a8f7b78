/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimates from how often each value occurs, rows being names. With an occupied cell for every
 * five samples the plain value can be off by 0.1 nats; beyond that there is a warning. The most
 * that can be said is what n different values have: ln n, corrected as the estimate is. */
#include "counts.h"

#define SAMPLES_PER_CELL 5
#define PARTS 64 /* of a sum, whatever the number of threads */
#define GRAIN 2048

/* What decides a sample's share, counted: (x, z), (y, z), (x, y, z) and z. */
typedef struct cells {
    const mi__values *x, *y, *xy, *z; /* z NULL: nothing is given */
    int64_t *sample;                  /* [xy->values], of each; with z */
    mi__sum part[PARTS];
    int64_t parts;
    double *local;
} cells;

static double pointwise(const cells *c, int64_t xy, int64_t x, int64_t y, int64_t all) {
    return mi__log_ratio(MI_UNIT_NATS, (double)c->xy->count[xy], (double)c->x->count[x],
                         (double)c->y->count[y], (double)all);
}

static double of_sample(const cells *c, int64_t i) {
    const int64_t all = c->z != NULL ? c->z->count[c->z->label[i]] : c->x->n;
    return pointwise(c, c->xy->label[i], c->x->label[i], c->y->label[i], all);
}

static double of_cell(const cells *c, int64_t cell) {
    const uint64_t key = c->xy->key[cell], stride = (uint64_t)c->y->values;
    if (c->z != NULL)
        return of_sample(c, c->sample[cell]);
    return pointwise(c, cell, (int64_t)(key / stride), (int64_t)(key % stride), c->x->n);
}

static void sum_part(void *arg, int64_t part) {
    cells *c = arg;
    const int64_t values = c->xy->values;
    mi__sum sum = {0};
    for (int64_t v = values * part / c->parts; v < values * (part + 1) / c->parts; v++)
        mi__sum_add(&sum, (double)c->xy->count[v] * of_cell(c, v));
    c->part[part] = sum;
}

static void fill_local(void *arg, int64_t begin, int64_t end) {
    cells *c = arg;
    for (int64_t i = begin; i < end; i++)
        c->local[i] = of_sample(c, i);
}

mi__entropy mi__values_entropy(const mi__measure *m, const mi__values *values) {
    mi__entropy entropy = {0};
    for (int64_t v = 0; v < values->values; v++)
        mi__entropy_add(m, (double)values->count[v], &entropy);
    return entropy;
}

static double bias(const mi__measure *m, const mi__values *values) {
    if (m->correction == MI_CORRECTION_NONE)
        return 0;
    mi__entropy entropy = mi__values_entropy(m, values);
    return mi__entropy_bias(m, &entropy);
}

static double information(mi_context *ctx, const mi__measure *m, cells *c) {
    mi__sum sum = {0};
    c->parts = MI__MAX(MI__MIN(c->xy->values / GRAIN, PARTS), 1);
    mi__parallel_for(ctx, c->parts, sum_part, c);
    for (int64_t i = 0; i < c->parts; i++)
        mi__sum_join(&sum, &c->part[i]);
    if (c->local != NULL)
        mi__parallel_ranges(ctx, c->x->n, GRAIN, fill_local, c);
    const double given = c->z != NULL ? bias(m, c->z) : 0;
    const double more = bias(m, c->x) + bias(m, c->y), less = bias(m, c->xy) + given;
    return fmax(mi__sum_value(&sum) / m->total, 0) + (more - less);
}

static double cap(const mi__measure *m) {
    mi__entropy all = {0};
    mi__measure one = {.correction = m->correction, .total = 1};
    mi__entropy_add(&one, 1, &all);
    all.values = (int64_t)m->total;
    return log(m->total) + mi__entropy_bias(m, &all);
}

static mi__answer conclude(const mi__measure *m, double value, const mi__values *all) {
    const bool few = all->values > all->n / SAMPLES_PER_CELL;
    return (mi__answer){value, cap(m), few ? MI_WARNING_FEW : 0};
}

static void entropy_answer(const mi__question *q, const mi__measure *m, const mi__values *x,
                           mi__answer *answer) {
    mi__entropy entropy = mi__values_entropy(m, x);
    *answer = conclude(m, mi__entropy_value(m, &entropy), x);
    for (int64_t i = 0; q->local != NULL && i < x->n; i++)
        q->local[i] = 0 - log((double)x->count[x->label[i]] / m->total);
}

static mi_status sum_given(const mi__question *q, const mi__measure *m, cells *c,
                           mi__answer *answer) {
    const mi__values *all = c->xy;
    c->sample = mi__alloc(q->ctx, all->values, sizeof *c->sample);
    if (c->sample == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < all->n; i++)
        c->sample[all->label[i]] = i;
    *answer = conclude(m, information(q->ctx, m, c), all);
    mi__free(q->ctx, c->sample, all->values, sizeof *c->sample);
    return MI_OK;
}

static mi_status given_answer(const mi__question *q, const mi__measure *m, const mi__values *x,
                              const mi__values *y, const mi__values *z, mi__answer *answer) {
    mi__values xz = {0}, yz = {0}, xyz = {0};
    cells c = {.x = &xz, .y = &yz, .xy = &xyz, .z = z, .local = q->local};
    mi_status status = mi__values_pair(q->ctx, x, z, true, &xz);
    if (status == MI_OK)
        status = mi__values_pair(q->ctx, y, z, true, &yz);
    if (status == MI_OK)
        status = mi__values_pair(q->ctx, &xz, y, true, &xyz);
    if (status == MI_OK)
        status = sum_given(q, m, &c, answer);
    mi__values_free(q->ctx, &xyz);
    mi__values_free(q->ctx, &yz);
    mi__values_free(q->ctx, &xz);
    return status;
}

mi_status mi__values_answer(const mi__question *question, const mi__values *x, const mi__values *y,
                            const mi__values *z, mi__answer *answer) {
    const mi__measure m = {MI_UNIT_NATS, question->options->correction, (double)x->n};
    if (y == NULL) {
        entropy_answer(question, &m, x, answer);
        return MI_OK;
    }
    if (z != NULL)
        return given_answer(question, &m, x, y, z, answer);
    mi__values xy;
    MI__TRY(mi__values_pair(question->ctx, x, y, question->local != NULL, &xy));
    cells c = {.x = x, .y = y, .xy = &xy, .local = question->local};
    *answer = conclude(&m, information(question->ctx, &m, &c), &xy);
    mi__values_free(question->ctx, &xy);
    return MI_OK;
}

mi_status mi__estimate_discrete(const mi__question *question, mi__answer *answer) {
    mi__values x = {0}, y = {0}, z = {0};
    mi_context *ctx = question->ctx;
    mi_status status = mi__values_make(ctx, &question->x, &x);
    if (status == MI_OK && question->y.d > 0)
        status = mi__values_make(ctx, &question->y, &y);
    if (status == MI_OK && question->z.d > 0)
        status = mi__values_make(ctx, &question->z, &z);
    if (status == MI_OK)
        status = mi__values_answer(question, &x, question->y.d > 0 ? &y : NULL,
                                   question->z.d > 0 ? &z : NULL, answer);
    mi__values_free(ctx, &z);
    mi__values_free(ctx, &y);
    mi__values_free(ctx, &x);
    return status;
}
