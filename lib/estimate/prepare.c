/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to columns before they are compared: scale and noise. */
#include "order.h"

#include "../base/random.h"
#include "sum.h"

#include <math.h>

#define GRAIN 4096 /* quantiles or random numbers worth a thread of their own */

/* A stretch of a column, side by side: sums of several lanes are faster and no less exact. */
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

/* The mean, nearly, of numbers that may be any: times 2^-33, so that no sum overflows. */
static double rough_mean(const mi__rows *rows, int64_t column, mi__moments *m) {
    double x[STRETCH];
    mi__sum sum = {0};
    m->least = m->most = rows->x[column];
    for (int64_t i = 0; i < rows->n; i += STRETCH) {
        const int64_t count = copy_stretch(rows, column, i, x);
        for (int64_t k = 0; k < count; k++) {
            m->least = x[k] < m->least ? x[k] : m->least;
            m->most = x[k] > m->most ? x[k] : m->most;
            x[k] *= 0x1p-33;
        }
        mi__sum_add(&sum, sum_stretch(x, count));
    }
    return mi__sum_value(&sum) / (double)rows->n;
}

mi__moments mi__rows_moments(const mi__rows *rows, int64_t column) {
    mi__moments m = {0};
    double v[STRETCH], squares[STRETCH];
    mi__sum sum = {0}, sum_squares = {0};
    const double rough = rough_mean(rows, column, &m), n = (double)rows->n;
    int exponent;
    frexp(fmax(-m.least, m.most), &exponent);
    m.scale = ldexp(1, -MI__MAX(exponent, -1000));
    m.mean = rough * m.scale * 0x1p33;
    for (int64_t i = 0; i < rows->n && m.least < m.most; i += STRETCH) {
        const int64_t count = copy_stretch(rows, column, i, v);
        for (int64_t k = 0; k < count; k++) {
            v[k] = v[k] * m.scale - m.mean;
            squares[k] = v[k] * v[k];
        }
        mi__sum_add(&sum, sum_stretch(v, count));
        mi__sum_add(&sum_squares, sum_stretch(squares, count));
    }
    const double off = mi__sum_value(&sum) / n;
    m.mean += off;
    m.deviation = sqrt(fmax(mi__sum_value(&sum_squares) / n - off * off, 0));
    return m;
}

static void standardize(void *arg, int64_t begin, int64_t end) {
    const mi__rows *rows = arg;
    for (int64_t j = begin; j < end; j++) {
        double *x = (double *)rows->x + j;
        mi__moments m = mi__rows_moments(rows, j);
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

/* The runs that begin in a range of the order: their mean rank, from 0, is (begin + end - 1) / 2.
 */
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
} noise;

static void measure_columns(void *arg, int64_t begin, int64_t end) {
    noise *a = arg;
    for (int64_t j = begin; j < end; j++) {
        mi__moments m = mi__rows_moments(a->rows, j);
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
