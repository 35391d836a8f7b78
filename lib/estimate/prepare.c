/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to columns before they are compared: scale and noise. */
#include "order.h"

#include "../base/random.h"
#include "sum.h"

#include <math.h>

#define GRAIN 4096 /* quantiles or random numbers worth a thread of their own */

/* A stretch of a column, side by side: sums of several lanes are faster and no less exact. Columns
 * take turns, so that what one brings into the cache serves its neighbours. */
#define STRETCH 512
#define LANES 8

static int64_t copy_stretch(const mi__rows *rows, int64_t column, int64_t begin, double *to) {
    const int64_t count = MI__MIN(STRETCH, rows->n - begin);
    const double *x = rows->x + begin * rows->d + column;
    for (int64_t i = 0; i < count; i++)
        to[i] = x[i * rows->d];
    return count;
}

static double sum_stretch(double *x, int64_t count) {
    double lane[LANES] = {0};
    for (int64_t i = count; i < STRETCH; i++)
        x[i] = 0;
    for (int64_t i = 0; i < STRETCH; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += x[i + k];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
           ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* Extent, and nearly the mean: of numbers times 2^-33, so that no sum overflows. */
static void measure_roughly(const mi__rows *rows, int64_t column, int64_t columns, mi__moments *m) {
    double x[STRETCH];
    mi__sum sum[MI__MOMENTS] = {{0}};
    for (int64_t j = 0; j < columns; j++)
        m[j].least = m[j].most = rows->x[column + j];
    for (int64_t i = 0; i < rows->n; i += STRETCH)
        for (int64_t j = 0; j < columns; j++) {
            const int64_t count = copy_stretch(rows, column + j, i, x);
            double least = m[j].least, most = m[j].most;
            for (int64_t k = 0; k < count; k++) {
                least = x[k] < least ? x[k] : least;
                most = x[k] > most ? x[k] : most;
                x[k] *= 0x1p-33;
            }
            m[j].least = least;
            m[j].most = most;
            mi__sum_add(&sum[j], sum_stretch(x, count));
        }
    for (int64_t j = 0; j < columns; j++) {
        int exponent;
        frexp(fmax(-m[j].least, m[j].most), &exponent);
        m[j].scale = ldexp(1, -MI__MAX(exponent, -1000));
        m[j].mean = mi__sum_value(&sum[j]) / (double)rows->n * m[j].scale * 0x1p33;
    }
}

void mi__rows_moments(const mi__rows *rows, int64_t column, int64_t columns, mi__moments *out) {
    double v[STRETCH], square[STRETCH];
    mi__sum sum[MI__MOMENTS] = {{0}}, squares[MI__MOMENTS] = {{0}};
    measure_roughly(rows, column, columns, out);
    for (int64_t i = 0; i < rows->n; i += STRETCH)
        for (int64_t j = 0; j < columns; j++) {
            const int64_t count = copy_stretch(rows, column + j, i, v);
            const double scale = out[j].scale, mean = out[j].mean;
            for (int64_t k = 0; k < count; k++) {
                v[k] = v[k] * scale - mean;
                square[k] = v[k] * v[k];
            }
            mi__sum_add(&sum[j], sum_stretch(v, count));
            mi__sum_add(&squares[j], sum_stretch(square, count));
        }
    for (int64_t j = 0; j < columns; j++) {
        const double off = mi__sum_value(&sum[j]) / (double)rows->n;
        const double variance = mi__sum_value(&squares[j]) / (double)rows->n - off * off;
        out[j].mean += off;
        out[j].deviation = out[j].least < out[j].most ? sqrt(fmax(variance, 0)) : 0;
    }
}

static void standardize(void *arg, int64_t begin, int64_t end) {
    const mi__rows *rows = arg;
    mi__moments m[MI__MOMENTS];
    for (int64_t from = begin; from < end; from += MI__MOMENTS) {
        const int64_t count = MI__MIN(MI__MOMENTS, end - from);
        mi__rows_moments(rows, from, count, m);
        for (int64_t i = 0; i < rows->n; i++) {
            double *x = (double *)rows->x + i * rows->d + from;
            for (int64_t j = 0; j < count; j++)
                x[j] = m[j].deviation > 0 ? (x[j] * m[j].scale - m[j].mean) / m[j].deviation : 0;
        }
    }
}

/* -- ranks ------------------------------------------------------------------------------------- */

typedef struct ranking {
    const mi__rows *rows;
    const mi__order *order;
    int64_t column;
} ranking;

/* The runs that begin in a range of the order: their mean rank from 0 is (begin + end - 1) / 2. */
static void rank_runs(void *arg, int64_t from, int64_t to) {
    const ranking *r = arg;
    const mi__entry *entry = r->order->entry;
    double *x = (double *)r->rows->x + r->column;
    while (from > 0 && from < to && entry[from].key == entry[from - 1].key)
        from++;
    for (int64_t begin = from, end; begin < to; begin = end) {
        end = mi__order_run(r->order, begin);
        for (int64_t i = begin; i < end; i++)
            x[entry[i].row * r->rows->d] = (double)(begin + end);
    }
}

mi_status mi__rows_rank(mi_context *ctx, const mi__rows *rows) {
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

static void normalize(void *arg, int64_t begin, int64_t end) {
    const mi__rows *rows = arg;
    double *x = (double *)rows->x;
    for (int64_t i = begin * rows->d; i < end * rows->d; i++)
        x[i] = mi__normal_quantile(x[i] / (2 * (double)rows->n));
}

static mi_status rank_columns(mi_context *ctx, const mi__rows *rows) {
    MI__TRY(mi__rows_rank(ctx, rows));
    mi__parallel_ranges(ctx, rows->n, MI__MAX(GRAIN / rows->d, 1), normalize, (void *)rows);
    return MI_OK;
}

/* -- noise ------------------------------------------------------------------------------------- */

typedef struct noise {
    const mi__rows *rows;
    double *deviation; /* [d], of what is added */
    double relative;
    uint64_t seed, stream;
    atomic_bool overflow;
} noise;

static void measure_columns(void *arg, int64_t begin, int64_t end) {
    noise *a = arg;
    mi__moments m[MI__MOMENTS];
    for (int64_t from = begin; from < end; from += MI__MOMENTS) {
        const int64_t count = MI__MIN(MI__MOMENTS, end - from);
        mi__rows_moments(a->rows, from, count, m);
        for (int64_t j = 0; j < count; j++)
            a->deviation[from + j] = a->relative * m[j].deviation / m[j].scale;
    }
}

static void add_to_rows(void *arg, int64_t begin, int64_t end) {
    noise *a = arg;
    const int64_t d = a->rows->d;
    double *x = (double *)a->rows->x;
    bool finite = true;
    for (int64_t i = begin * d; i < end * d; i++) {
        mi__random random = mi__random_at(a->seed, a->stream, (uint64_t)i);
        x[i] += a->deviation[i % d] * mi__random_normal(&random);
        finite = finite && isfinite(x[i]);
    }
    if (!finite)
        atomic_store_explicit(&a->overflow, true, memory_order_relaxed);
}

static mi_status add_noise(mi_context *ctx, const mi__rows *rows, double relative, uint64_t seed,
                           uint32_t stream) {
    noise a = {.rows = rows, .relative = relative, .seed = seed};
    a.stream = MI__STREAM_NOISE | stream;
    atomic_init(&a.overflow, false);
    a.deviation = mi__alloc(ctx, rows->d, sizeof *a.deviation);
    if (a.deviation == NULL)
        return MI_E_NOMEM;
    mi__parallel_ranges(ctx, rows->d, MI__MOMENTS, measure_columns, &a);
    mi__parallel_ranges(ctx, rows->n, MI__MAX(GRAIN / rows->d, 1), add_to_rows, &a);
    mi__free(ctx, a.deviation, rows->d, sizeof *a.deviation);
    if (a.overflow)
        return mi__fail(MI_E_NUMERIC,
                        "numbers with noise of %g of a deviation are too great for a "
                        "double: scale them down",
                        relative);
    return MI_OK;
}

mi_status mi__rows_prepare(mi_context *ctx, mi__rows *rows, int32_t scale, double relative,
                           uint64_t seed, uint32_t stream) {
    if (scale == MI_SCALE_STANDARD)
        mi__parallel_ranges(ctx, rows->d, MI__MOMENTS, standardize, rows);
    if (scale == MI_SCALE_RANK)
        MI__TRY(rank_columns(ctx, rows));
    return relative > 0 ? add_noise(ctx, rows, relative, seed, stream) : MI_OK;
}
