/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimates that are right where numbers are jointly Gaussian: from the logarithm of determinants
 * of covariances, less what it is off by on average. With n samples in d columns that is the sum
 * of psi((n - i) / 2) for i = 1 to d, less d ln(n / 2), whatever the covariance is (J. Wishart,
 * 1928); I(x; y | z) keeps the part of (x, z) and of (y, z), less that of z and of (x, y, z). On
 * fewer than ten samples a column there is a warning; there is no limit to what can be said. */
#include "columns.h"

#include <math.h>
#include <string.h>

#define LOG_2PI 1.83787706640934548356

typedef struct share {
    const mi__columns *c;
    int64_t z, xz; /* steps that come before those that count */
    double base;
    double *local;
} share;

/* Columns of a variable, less their means and divided by their deviations. */
typedef struct source {
    mi__columns *c;
    const mi__rows *rows;
    int64_t at; /* where they go */
} source;

static void load_columns(void *arg, int64_t begin, int64_t end) {
    const source *s = arg;
    mi__columns *c = s->c;
    mi__moments m[MI__MOMENTS];
    for (int64_t from = begin; from < end; from += MI__MOMENTS) {
        const int64_t count = MI__MIN(MI__MOMENTS, end - from);
        mi__rows_moments(s->rows, from, count, m);
        for (int64_t j = 0; j < count; j++)
            c->log_scale[s->at + from + j] = log(m[j].deviation) - log(m[j].scale);
        for (int64_t i = 0; i < c->n; i++) {
            const double *x = s->rows->x + i * s->rows->d + from;
            double *to = c->data + i * c->ld + s->at + from;
            for (int64_t j = 0; j < count; j++)
                to[j] = m[j].deviation > 0 ? (x[j] * m[j].scale - m[j].mean) / m[j].deviation : 0;
        }
    }
}

static void measure(const mi__question *q, mi__columns *c) {
    const source s[] = {{c, &q->z, 0}, {c, &q->x, c->begin[1]}, {c, &q->y, c->begin[2]}};
    for (int v = 0; v < 3; v++)
        mi__parallel_ranges(c->ctx, s[v].rows->d, MI__MOMENTS, load_columns, (void *)&s[v]);
    mi__columns_multiply(c, NULL);
}

static void fill(double *x, int64_t n, double value) {
    for (int64_t i = 0; x != NULL && i < n; i++)
        x[i] = value;
}

static void share_information(void *arg, int64_t piece) {
    const share *s = arg;
    const mi__columns *c = s->c;
    double *room = c->room + piece * c->ld;
    const int64_t end = c->n * (piece + 1) / c->pieces;
    for (int64_t i = c->n * piece / c->pieces; i < end; i++) {
        double *sample = c->data + i * c->ld;
        mi__columns_squares(c, &c->all, sample, 0, s->z);
        memcpy(room, sample, (size_t)c->d * sizeof *room);
        mi__columns_squares(c, &c->all, sample, s->z, s->xz);
        s->local[i] = s->base + (mi__columns_squares(c, &c->y, room, s->z, c->y.count) -
                                 mi__columns_squares(c, &c->all, sample, s->xz, c->all.count)) /
                                    2;
    }
}

static double information(mi__columns *c, double *local, int32_t *warnings) {
    const mi__parts p = mi__columns_split(c);
    *warnings |= p.warnings;
    if (p.infinite) {
        fill(local, c->n, INFINITY);
        return INFINITY;
    }
    const double plain = (p.log_y - p.log_y_x) / 2;
    const share s = {c, p.z, p.xz, plain, local};
    if (local != NULL)
        mi__parallel_for(c->ctx, c->pieces, share_information, (void *)&s);
    return plain - mi__columns_bias(c, &p);
}

static void share_entropy(void *arg, int64_t piece) {
    const share *s = arg;
    const mi__columns *c = s->c;
    const int64_t end = c->n * (piece + 1) / c->pieces;
    for (int64_t i = c->n * piece / c->pieces; i < end; i++)
        s->local[i] =
            s->base + mi__columns_squares(c, &c->all, c->data + i * c->ld, 0, c->all.count) / 2;
}

static double entropy(mi__columns *c, double *local, int32_t *warnings) {
    double plain = mi__columns_eliminate(c, &c->all, 0, c->d) / 2;
    if (c->all.count < c->d) {
        *warnings |= MI_WARNING_SINGULAR;
        fill(local, c->n, -INFINITY);
        return -INFINITY;
    }
    for (int64_t j = 0; j < c->d; j++)
        plain += c->log_scale[j] + LOG_2PI / 2;
    const share s = {c, 0, 0, plain, local};
    if (local != NULL)
        mi__parallel_for(c->ctx, c->pieces, share_entropy, (void *)&s);
    const double off = mi__columns_chance(c->n, 0, c->d) - (double)c->d * log((double)c->n / 2);
    return plain + ((double)c->d - off) / 2;
}

mi_status mi__estimate_gaussian(const mi__question *question, mi__answer *answer) {
    mi__columns c;
    mi__answer a = {.cap = INFINITY};
    MI__TRY(mi__columns_check(question, "gaussian"));
    MI__TRY(mi__columns_make(question, question->x.n, &c));
    measure(question, &c);
    a.value = question->y.d > 0 ? information(&c, question->local, &a.warnings)
                                : entropy(&c, question->local, &a.warnings);
    a.warnings |= mi__columns_few(&c);
    *answer = a;
    mi__columns_free(&c);
    return MI_OK;
}
