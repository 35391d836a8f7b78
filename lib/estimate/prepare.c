/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to columns before they are compared: scale and noise. */
#include "order.h"

#include "../base/random.h"
#include "sum.h"

#include <math.h>

#define GRAIN 4096 /* quantiles or random numbers worth a thread of their own */

/* Of a column times `scale`, a power of two that keeps squares from overflowing. A deviation of 0
 * is exact: all numbers are the same. */
typedef struct moments {
    double scale, mean, deviation;
} moments;

static moments column_moments(const mi__rows *rows, int64_t column) {
    const double *x = rows->x + column;
    double least = x[0], most = x[0];
    for (int64_t i = 1; i < rows->n; i++) {
        least = fmin(least, x[i * rows->d]);
        most = fmax(most, x[i * rows->d]);
    }
    int exponent;
    frexp(fmax(-least, most), &exponent);
    moments m = {.scale = ldexp(1, -MI__MAX(exponent, -1000))};
    mi__sum sum = {0}, squares = {0};
    for (int64_t i = 0; i < rows->n; i++)
        mi__sum_add(&sum, x[i * rows->d] * m.scale);
    m.mean = mi__sum_value(&sum) / (double)rows->n;
    if (least == most)
        return m;
    for (int64_t i = 0; i < rows->n; i++) {
        double v = x[i * rows->d] * m.scale - m.mean;
        mi__sum_add(&squares, v * v);
    }
    m.deviation = sqrt(mi__sum_value(&squares) / (double)rows->n);
    return m;
}

static void standardize(void *arg, int64_t begin, int64_t end) {
    const mi__rows *rows = arg;
    for (int64_t j = begin; j < end; j++) {
        double *x = (double *)rows->x + j;
        moments m = column_moments(rows, j);
        for (int64_t i = 0; i < rows->n; i++)
            x[i * rows->d] =
                m.deviation > 0 ? (x[i * rows->d] * m.scale - m.mean) / m.deviation : 0;
    }
}

/* -- ranks ------------------------------------------------------------------------------------- */

typedef struct ranking {
    const mi__rows *rows;
    const mi__order *order;
    int64_t column;
} ranking;

/* The runs that begin in a range of the order: their mean rank is (begin + 1 + end) / 2. */
static void rank_runs(void *arg, int64_t from, int64_t to) {
    const ranking *r = arg;
    const mi__entry *entry = r->order->entry;
    double *x = (double *)r->rows->x + r->column;
    while (from > 0 && from < to && entry[from].key == entry[from - 1].key)
        from++;
    for (int64_t begin = from, end; begin < to; begin = end) {
        end = mi__order_run(r->order, begin);
        double p = (double)(begin + end) / (2 * (double)r->rows->n);
        double quantile = mi__normal_quantile(p);
        for (int64_t i = begin; i < end; i++)
            x[entry[i].row * r->rows->d] = quantile;
    }
}

static mi_status rank_columns(mi_context *ctx, const mi__rows *rows) {
    mi__order order;
    MI__TRY(mi__order_make(ctx, rows->n, &order));
    for (int64_t j = 0; j < rows->d; j++) {
        ranking r = {rows, &order, j};
        mi__rows_order(ctx, rows, j, &order);
        mi__parallel_ranges(ctx, rows->n, GRAIN, rank_runs, &r);
    }
    mi__order_free(ctx, &order);
    return MI_OK;
}

/* -- noise ------------------------------------------------------------------------------------- */

typedef struct noise {
    const mi__rows *rows;
    double *deviation; /* [d], of what is added */
    double relative;
    uint64_t seed, stream;
} noise;

static void measure_columns(void *arg, int64_t begin, int64_t end) {
    noise *a = arg;
    for (int64_t j = begin; j < end; j++) {
        moments m = column_moments(a->rows, j);
        a->deviation[j] = a->relative * m.deviation / m.scale;
    }
}

static void add_to_rows(void *arg, int64_t begin, int64_t end) {
    const noise *a = arg;
    const int64_t d = a->rows->d;
    double *x = (double *)a->rows->x;
    for (int64_t i = begin * d; i < end * d; i++) {
        mi__random random = mi__random_at(a->seed, a->stream, (uint64_t)i);
        x[i] += a->deviation[i % d] * mi__random_normal(&random);
    }
}

static mi_status add_noise(mi_context *ctx, const mi__rows *rows, double relative, uint64_t seed,
                           uint32_t stream) {
    noise a = {.rows = rows, .relative = relative, .seed = seed};
    a.stream = MI__STREAM_NOISE | stream;
    a.deviation = mi__alloc(ctx, rows->d, sizeof *a.deviation);
    if (a.deviation == NULL)
        return MI_E_NOMEM;
    mi__parallel_ranges(ctx, rows->d, 1, measure_columns, &a);
    mi__parallel_ranges(ctx, rows->n, MI__MAX(GRAIN / rows->d, 1), add_to_rows, &a);
    mi__free(ctx, a.deviation, rows->d, sizeof *a.deviation);
    return MI_OK;
}

mi_status mi__rows_prepare(mi_context *ctx, mi__rows *rows, int32_t scale, double relative,
                           uint64_t seed, uint32_t stream) {
    if (scale == MI_SCALE_STANDARD)
        mi__parallel_ranges(ctx, rows->d, 1, standardize, rows);
    if (scale == MI_SCALE_RANK)
        MI__TRY(rank_columns(ctx, rows));
    return relative > 0 ? add_noise(ctx, rows, relative, seed, stream) : MI_OK;
}
