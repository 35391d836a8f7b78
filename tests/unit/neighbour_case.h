/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_NEIGHBOUR_CASE_H
#define LIBMI_TESTS_NEIGHBOUR_CASE_H

/* Samples for the tests of neighbours, and their searches as plainly as possible. */
#include "../../lib/base/random.h"
#include "../../lib/estimate/variables.h"
#include "unit.h"

enum {
    CASE_NORMAL,
    CASE_GRID,
    CASE_CLUSTERS,
    CASE_SORTED,
    CASE_TAILS,
    CASE_TWINS,
    CASE_EQUAL,
    CASES
};

/* At most 1 in magnitude. */
static inline void case_fill(int kind, uint64_t seed, int64_t n, int64_t d, double *x) {
    mi__random r = mi__random_at(seed, (uint64_t)kind, 0);
    for (int64_t i = 0; i < n * d; i++) {
        const double u = mi__random_range(&r, -1, 1);
        switch (kind) {
        case CASE_GRID: x[i] = floor(4 * u) / 10; break; /* tenths are no binary fractions */
        case CASE_CLUSTERS: x[i] = 0.4 * (double)mi__random_below(&r, 3) - 0.4 + 1e-3 * u; break;
        case CASE_SORTED: x[i] = (double)(i / d) / (double)n; break;
        case CASE_TAILS: x[i] = u * u * u * u * u * u * u * u * u; break;
        case CASE_TWINS: x[i] = i >= d && i / d % 2 == 1 ? x[i - d] : u; break;
        case CASE_EQUAL: x[i] = 0.3; break;
        default: x[i] = mi__random_normal(&r) / 16;
        }
    }
}

static inline int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double *numbers(int64_t n) {
    double *x = malloc((size_t)n * sizeof *x);
    ck_assert_ptr_nonnull(x);
    return x;
}

static inline double naive_part(const double *x, int64_t d, bool squared, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t c = 0; c < d; c++) {
        const double difference = fabs(x[i * d + c] - x[j * d + c]);
        sum = squared ? sum + difference * difference : fmax(sum, difference);
    }
    return sum;
}

static inline double naive_apart(const mi__space *s, int64_t i, int64_t j) {
    double most = 0;
    for (int p = 0; p < s->parts; p++)
        most = fmax(most, naive_part(s->part[p], s->width[p], s->squared, i, j));
    return most;
}

static inline void naive_nearest(const mi__space *s, int32_t k, double *distance) {
    double *all = numbers(s->n);
    for (int64_t i = 0; i < s->n; i++) {
        int64_t count = 0;
        for (int64_t j = 0; j < s->n; j++)
            if (j != i)
                all[count++] = naive_apart(s, i, j);
        qsort(all, (size_t)count, sizeof *all, compare_doubles);
        distance[i] = all[k - 1];
    }
    free(all);
}

static inline void naive_within(const mi__space *s, const double *radius, int32_t *count) {
    for (int64_t i = 0; i < s->n; i++) {
        count[i] = 0;
        for (int64_t j = 0; j < s->n; j++)
            count[i] += naive_apart(s, i, j) < radius[i];
    }
}

#endif
