/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutual information of names and numbers: psi(n) + psi(k) - psi(n_i) - psi(c), where n_i samples
 * have the name of sample i and c, itself included, are nearer than its k-th neighbour among those;
 * at a distance of 0, c counts what is at 0. As in scikit-learn, names that come once are left out,
 * n counts the others, and of names with k samples or fewer the farthest is the neighbour. The
 * share of what was left out is the mean of the others. */
#include "sum.h"
#include "variables.h"

#include <float.h>
#include <string.h>

#define FEW 128 /* samples of a name: all are compared sooner than anything is built for them */
#define GRAIN 256

typedef struct work {
    const mi__question *question;
    mi__variables v;
    int64_t d, names, kept; /* kept: samples whose name comes twice or more */
    int64_t *label;         /* [n] */
    int64_t *size, *end;    /* [names]: samples that are kept; behind them in the order of names */
    int32_t *row;           /* [kept]: the samples in that order, as is all that follows */
    double *x;              /* [kept][d] */
    double *radius, *term;
    int32_t *count;
    bool few;
} work;

static int variable_of(const mi__question *q) {
    return q->x.discrete ? MI__Y : MI__X;
}

/* -- the order of names ------------------------------------------------------------------------ */

static mi_status number_names(work *w) {
    const mi__question *q = w->question;
    const mi__rows *names = q->x.discrete ? &q->x : &q->y;
    w->label = mi__alloc(q->ctx, names->n, sizeof *w->label);
    if (w->label == NULL)
        return MI_E_NOMEM;
    MI__TRY(mi__rows_number(q->ctx, names, w->label, &w->names));
    w->size = mi__alloc_zero(q->ctx, w->names, sizeof *w->size);
    w->end = mi__alloc(q->ctx, w->names, sizeof *w->end);
    return w->size != NULL && w->end != NULL ? MI_OK : MI_E_NOMEM;
}

static void count_names(work *w) {
    for (int64_t i = 0; i < w->v.n; i++)
        w->size[w->label[i]]++;
    for (int64_t c = 0; c < w->names; c++) {
        w->few = w->few || w->size[c] <= w->question->options->k;
        w->size[c] = w->size[c] > 1 ? w->size[c] : 0;
        w->end[c] = w->kept;
        w->kept += w->size[c];
    }
}

static mi_status sort_samples(work *w) {
    mi_context *ctx = w->question->ctx;
    const double *x = w->v.x[variable_of(w->question)];
    w->row = mi__alloc(ctx, w->kept, sizeof *w->row);
    w->x = mi__alloc(ctx, w->kept * w->d, sizeof *w->x);
    w->radius = mi__alloc(ctx, w->kept, sizeof *w->radius);
    w->term = mi__alloc(ctx, w->kept, sizeof *w->term);
    w->count = mi__alloc(ctx, w->kept, sizeof *w->count);
    if (w->row == NULL || w->x == NULL || w->radius == NULL || w->term == NULL || w->count == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < w->v.n; i++)
        if (w->size[w->label[i]] > 0) {
            const int64_t at = w->end[w->label[i]]++;
            w->row[at] = (int32_t)i;
            memcpy(w->x + at * w->d, x + i * w->d, (size_t)w->d * sizeof *x);
        }
    return MI_OK;
}

static void release(work *w) {
    mi_context *ctx = w->question->ctx;
    mi__free(ctx, w->label, w->v.n, sizeof *w->label);
    mi__free(ctx, w->size, w->names, sizeof *w->size);
    mi__free(ctx, w->end, w->names, sizeof *w->end);
    mi__free(ctx, w->row, w->kept, sizeof *w->row);
    mi__free(ctx, w->x, w->kept * w->d, sizeof *w->x);
    mi__free(ctx, w->radius, w->kept, sizeof *w->radius);
    mi__free(ctx, w->term, w->kept, sizeof *w->term);
    mi__free(ctx, w->count, w->kept, sizeof *w->count);
    mi__variables_free(ctx, &w->v);
}

/* -- the estimate ------------------------------------------------------------------------------ */

static mi__space space_of(const work *w, int64_t first, int64_t n) {
    return (mi__space){.n = n,
                       .d = w->d,
                       .parts = 1,
                       .squared = w->v.squared,
                       .width = {w->d},
                       .part = {w->x + first * w->d}};
}

/* The neighbour that is taken among samples of one name. */
static int32_t neighbour_of(const work *w, int64_t size) {
    return (int32_t)MI__MIN(w->question->options->k, size - 1);
}

/* Distances of samples whose name has few. */
static void nearest_of_few(void *arg, int64_t begin, int64_t end) {
    const work *w = arg;
    double room[2 * FEW];
    for (int64_t i = begin; i < end; i++) {
        const int64_t name = w->label[w->row[i]], size = w->size[name];
        const int64_t first = w->end[name] - size;
        const mi__space own = space_of(w, first, size);
        mi__least least;
        if (size > FEW)
            continue;
        mi__least_begin(&least, neighbour_of(w, size), room);
        for (int64_t j = 0; j < size; j++) {
            const double far = mi__space_apart(&own, i - first, j);
            if (first + j != i && far < least.bound)
                mi__least_add(&least, far);
        }
        w->radius[i] = mi__least_last(&least);
    }
}

/* Distances within names, and counts among all. */
static mi_status count_samples(work *w) {
    mi_context *ctx = w->question->ctx;
    mi__parallel_ranges(ctx, w->kept, GRAIN, nearest_of_few, w);
    for (int64_t c = 0; c < w->names; c++) {
        const int64_t size = w->size[c], first = w->end[c] - size;
        const mi__space own = space_of(w, first, size);
        if (size > FEW)
            MI__TRY(mi__space_nearest(ctx, &own, neighbour_of(w, size), w->radius + first));
    }
    for (int64_t i = 0; i < w->kept; i++)
        w->radius[i] = fmax(w->radius[i], DBL_MIN);
    const mi__space all = space_of(w, 0, w->kept);
    return mi__space_within(ctx, &all, w->radius, w->count);
}

/* Sets the shares; the value and its cap. */
static void add_up(const work *w, const mi__psi *psi, mi__answer *answer) {
    mi__sum value = {0}, cap = {0};
    const double all = mi__digamma((double)w->kept);
    for (int64_t c = 0; c < w->names; c++) {
        const int64_t size = w->size[c];
        const double own = size > 0 ? all - mi__digamma((double)size) : 0;
        const double near = size > 0 ? mi__psi_of(psi, neighbour_of(w, size)) : 0;
        for (int64_t i = w->end[c] - size; i < w->end[c]; i++) {
            w->term[i] = own + near - mi__psi_of(psi, w->count[i]);
            mi__sum_add(&value, w->term[i]);
            mi__sum_add(&cap, own);
        }
    }
    answer->value = mi__sum_value(&value) / (double)w->kept;
    answer->cap = mi__sum_value(&cap) / (double)w->kept;
}

static void answer_from(const work *w, const mi__psi *psi, mi__answer *answer) {
    const mi__question *q = w->question;
    mi__answer a = {0};
    int64_t ties = 0;
    if (w->kept > 0)
        add_up(w, psi, &a);
    for (int64_t i = 0; q->local != NULL && i < w->v.n; i++)
        q->local[i] = a.value;
    for (int64_t i = 0; i < w->kept; i++) {
        ties += w->radius[i] <= DBL_MIN;
        if (q->local != NULL)
            q->local[w->row[i]] = w->term[i];
    }
    a.warnings |= ties > 0 ? MI_WARNING_TIES : 0;
    a.warnings |= w->few || mi__neighbours_few(w->kept, w->d, q->options->k) ? MI_WARNING_FEW : 0;
    *answer = a;
}

static mi_status estimate(work *w, mi__answer *answer) {
    mi_context *ctx = w->question->ctx;
    mi__psi psi;
    MI__TRY(number_names(w));
    count_names(w);
    MI__TRY(sort_samples(w));
    if (w->kept > 0)
        MI__TRY(count_samples(w));
    MI__TRY(mi__psi_make(ctx, w->kept, &psi));
    answer_from(w, &psi, answer);
    mi__psi_free(ctx, &psi);
    return MI_OK;
}

/* Without a name that comes twice nothing can be said: 0. */
mi_status mi__estimate_ross(const mi__question *q, mi__answer *answer) {
    work w = {.question = q};
    MI__TRY(mi__variables_make(q, MI__ONLY(variable_of(q)), &w.v));
    w.d = w.v.d[variable_of(q)];
    mi_status status = estimate(&w, answer);
    release(&w);
    return status;
}
