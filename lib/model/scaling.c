/* SPDX-License-Identifier: BSD-2-Clause */
/* Scales of columns. */
#include "scaling.h"

#include "../estimate/estimate.h"
#include "scaling_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FURTHEST 8.0 /* quantile that new samples may be taken for */

/* -- life ------------------------------------------------------------------------------------- */

static double *piece(mi__scaling *s, int64_t count) {
    double *here = s->numbers == NULL ? NULL : s->numbers + s->count;
    s->count += count;
    return here;
}

/* Without memory the numbers are only counted. */
static void lay_out(mi__scaling *s) {
    const int64_t columns = s->d[0] + s->d[1], q = s->d[s->q], p = s->d[1 - s->q];
    s->count = 0;
    s->mean = piece(s, columns);
    s->inverse = piece(s, columns);
    if (s->kind == MI_SCALE_RANK) {
        s->knots = piece(s, 1);
        s->value = piece(s, columns * MI__KNOTS);
        s->quantile = piece(s, columns * MI__KNOTS);
    }
    if (s->gaussian) {
        s->centre = piece(s, columns);
        s->from_p = piece(s, q * p);
        s->from_q = piece(s, q * q);
        s->alone = piece(s, q * q);
        s->constant = piece(s, 1);
    }
}

mi_status mi__scaling_create(mi_context *ctx, int64_t dx, int64_t dy, int32_t scale, bool gaussian,
                             mi__scaling **out) {
    mi__scaling *s = mi__alloc_zero(ctx, 1, sizeof *s);
    if (s == NULL)
        return MI_E_NOMEM;
    *s = (mi__scaling){
        .ctx = ctx, .kind = scale, .gaussian = gaussian, .d = {dx, dy}, .q = dy <= dx ? 1 : 0};
    lay_out(s);
    s->numbers = mi__alloc_zero(ctx, s->count, sizeof *s->numbers);
    if (s->numbers == NULL) {
        mi__scaling_destroy(s);
        return MI_E_NOMEM;
    }
    lay_out(s);
    *out = s;
    return MI_OK;
}

void mi__scaling_destroy(mi__scaling *s) {
    if (s == NULL)
        return;
    mi_context *ctx = s->ctx;
    mi__free(ctx, s->numbers, s->count, sizeof *s->numbers);
    mi__free(ctx, s, 1, sizeof *s);
}

double *mi__scaling_numbers(mi__scaling *s, int64_t *count) {
    *count = s->count;
    return s->numbers;
}

bool mi__scaling_valid(const mi__scaling *s, const double *numbers) {
    if (s->kind != MI_SCALE_RANK)
        return true;
    const double knots = numbers[s->knots - s->numbers];
    return knots >= 1 && knots <= MI__KNOTS;
}

int32_t mi__scaling_kind(const mi__scaling *s) {
    return s->kind;
}

bool mi__scaling_gaussian(const mi__scaling *s) {
    return s->gaussian;
}

/* -- finding ---------------------------------------------------------------------------------- */

typedef struct column_search {
    mi__scaling *s;
    const mi__sides *samples;
    float *sorted; /* [columns][n] of ranks */
} column_search;

static const float *column_at(const column_search *c, int64_t column, int64_t *ld) {
    const mi__scaling *s = c->s;
    const int side = column >= s->d[0];
    *ld = s->d[side];
    return side == 0 ? c->samples->x + column : c->samples->y + (column - s->d[0]);
}

static void find_moments(mi__scaling *s, int64_t column, int64_t n, const float *x, int64_t ld) {
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i * ld];
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double away = (double)x[i * ld] - mean;
        square += away * away;
    }
    s->mean[column] = mean;
    s->inverse[column] = square > 0 ? 1 / sqrt(square / (double)n) : 1;
}

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Equal values share the mean of their quantiles. */
static void join_ties(int64_t knots, const double *value, double *quantile) {
    for (int64_t first = 0, last; first < knots; first = last) {
        double sum = 0;
        for (last = first; last < knots && value[last] == value[first]; last++)
            sum += quantile[last];
        for (int64_t i = first; i < last; i++)
            quantile[i] = sum / (double)(last - first);
    }
}

static void find_knots(mi__scaling *s, int64_t column, int64_t n, const float *x, int64_t ld,
                       float *sorted) {
    const int64_t knots = MI__MIN(n, MI__KNOTS);
    double *value = s->value + column * MI__KNOTS, *quantile = s->quantile + column * MI__KNOTS;
    for (int64_t i = 0; i < n; i++)
        sorted[i] = x[i * ld];
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int64_t i = 0; i < knots; i++) {
        const double at = knots > 1 ? (double)i * (double)(n - 1) / (double)(knots - 1) : 0;
        const int64_t low = (int64_t)at, high = MI__MIN(low + 1, n - 1);
        const double share = at - (double)low;
        value[i] = (1 - share) * (double)sorted[low] + share * (double)sorted[high];
        quantile[i] = mi__normal_quantile((at + 0.5) / (double)n);
    }
    join_ties(knots, value, quantile);
}

static void find_columns(void *arg, int64_t begin, int64_t end) {
    const column_search *c = arg;
    const int64_t n = c->samples->n;
    for (int64_t column = begin; column < end; column++) {
        int64_t ld;
        const float *x = column_at(c, column, &ld);
        find_moments(c->s, column, n, x, ld);
        if (c->s->kind == MI_SCALE_RANK)
            find_knots(c->s, column, n, x, ld, c->sorted + column * n);
    }
}

mi_status mi__scaling_find(mi__scaling *s, const mi__sides *samples) {
    column_search c = {.s = s, .samples = samples};
    const int64_t columns = s->d[0] + s->d[1];
    int64_t numbers = 0;
    if (s->kind == MI_SCALE_RANK) {
        (void)mi__multiply(columns, samples->n, &numbers);
        c.sorted = mi__alloc(s->ctx, numbers, sizeof *c.sorted);
        if (c.sorted == NULL)
            return MI_E_NOMEM;
        *s->knots = (double)MI__MIN(samples->n, MI__KNOTS);
    }
    mi__parallel_ranges(s->ctx, columns, 1, find_columns, &c);
    mi__free(s->ctx, c.sorted, numbers, sizeof *c.sorted);
    return s->gaussian ? mi__scaling_find_gaussians(s, samples) : MI_OK;
}

/* -- applying --------------------------------------------------------------------------------- */

/* Between knots a straight line; beyond the last ones, the line through the last two that
 * differ. */
static double rank_of(const mi__scaling *s, int64_t column, double x) {
    const double *value = s->value + column * MI__KNOTS;
    const double *quantile = s->quantile + column * MI__KNOTS;
    const int64_t knots = (int64_t)*s->knots;
    int64_t low = 0, high = knots; /* the first knot that is not less than x */
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (value[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < knots && value[low] == x)
        return quantile[low];
    int64_t a = MI__MIN(MI__MAX(low - 1, 0), knots - 1), b = MI__MIN(low, knots - 1);
    while (low == 0 && b < knots - 1 && value[b] == value[a])
        b++;
    while (low == knots && a > 0 && value[a] == value[b])
        a--;
    if (value[a] == value[b])
        return quantile[a]; /* a constant column */
    const double slope = (quantile[b] - quantile[a]) / (value[b] - value[a]);
    return fmax(-FURTHEST, fmin(quantile[a] + slope * (x - value[a]), FURTHEST));
}

typedef struct apply_job {
    const mi__scaling *s;
    const mi__kernels *k;
    int side;
    const float *from;
    void *to;
} apply_job;

static void apply_rows(void *arg, int64_t begin, int64_t end) {
    const apply_job *job = arg;
    const mi__scaling *s = job->s;
    const int64_t d = s->d[job->side], first = job->side == 0 ? 0 : s->d[0];
    for (int64_t i = begin; i < end; i++)
        for (int64_t c = 0; c < d; c++) {
            const double x = (double)job->from[i * d + c];
            const int64_t column = first + c;
            mi__real_put(job->k, job->to, i * d + c,
                         s->kind == MI_SCALE_RANK       ? rank_of(s, column, x)
                         : s->kind == MI_SCALE_STANDARD ? (x - s->mean[column]) * s->inverse[column]
                                                        : x);
        }
}

void mi__scaling_apply(const mi__scaling *s, const mi__kernels *k, int side, int64_t n,
                       const float *from, void *to) {
    apply_job job = {s, k, side, from, to};
    mi__parallel_ranges(s->ctx, n, 1 + 4096 / s->d[side], apply_rows, &job);
}
