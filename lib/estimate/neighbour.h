/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_NEIGHBOUR_H
#define LIBMI_LIB_NEIGHBOUR_H

/* Distances of neighbours, and counts of them. What finds them is chosen by columns and samples: a
 * sorted line, a tree, or every pair. All find the same numbers, at any number of threads. */

#include "../kernel/kernel.h"
#include "estimate.h"

#include <math.h>

/* Points of one to three variables side by side. Their distance is the greatest of the variables'
 * own: the greatest difference of a column, or the sum of their squares. */
typedef struct mi__space {
    int64_t n, d; /* d: columns of all variables */
    int32_t parts;
    bool squared;
    int64_t width[MI__MOST_PARTS];
    const double *part[MI__MOST_PARTS]; /* [n][width], at most 1 in magnitude */
} mi__space;

static inline mi__measure mi__space_measure(const mi__space *s) {
    mi__measure m = {.d = s->d, .parts = s->parts, .squared = s->squared};
    for (int32_t i = 0; i < s->parts; i++)
        m.end[i] = (i > 0 ? m.end[i - 1] : 0) + s->width[i];
    return m;
}

/* The distance within one variable, as kernels compute it. */
static inline double mi__part_apart(const mi__space *s, int32_t part, int64_t a, int64_t b) {
    const int64_t d = s->width[part];
    const double *p = s->part[part] + a * d, *q = s->part[part] + b * d;
    double sum = 0;
    for (int64_t j = 0; j < d; j++) {
        const double difference = fabs(p[j] - q[j]);
        sum = s->squared ? sum + difference * difference : difference > sum ? difference : sum;
    }
    return sum;
}

static inline double mi__space_apart(const mi__space *s, int64_t a, int64_t b) {
    double most = 0;
    for (int32_t i = 0; i < s->parts; i++) {
        const double far = mi__part_apart(s, i, a, b);
        most = far > most ? far : most;
    }
    return most;
}

/* Widens each part's reach by another point if that is nearer than the radius. */
static inline void mi__space_widen(const mi__space *s, int64_t row, int64_t other, double radius,
                                   double *reach) {
    double far[MI__MOST_PARTS];
    for (int32_t i = 0; i < s->parts; i++) {
        far[i] = mi__part_apart(s, i, row, other);
        if (far[i] >= radius)
            return;
    }
    for (int32_t i = 0; i < s->parts; i++)
        reach[i] = far[i] > reach[i] ? far[i] : reach[i];
}

/* -- questions: n < 2^31; memory O(n d) -------------------------------------------------------- */

/* distance [n]: of the k-th nearest other point, 1 <= k < n. */
mi_status mi__space_nearest(mi_context *ctx, const mi__space *s, int32_t k, double *distance);

/* count [n]: how many points, itself included, are nearer than radius [n], DBL_MIN (lesser
 * distances are 0, as they are where a host has its processor flush them) to MI__EVERYWHERE. */
mi_status mi__space_within(mi_context *ctx, const mi__space *s, const double *radius,
                           int32_t *count);

/* reach [n] for each part: its greatest distance of a point that is nearer than radius [n]. */
mi_status mi__space_reach(mi_context *ctx, const mi__space *s, const double *radius,
                          double *const *reach);

/* -- the ways to answer them, for tests -------------------------------------------------------- */

mi_status mi__line_nearest(mi_context *ctx, const mi__space *s, int32_t k, double *distance);
mi_status mi__line_within(mi_context *ctx, const mi__space *s, const double *radius,
                          int32_t *count);

mi_status mi__tree_nearest(mi_context *ctx, const mi__space *s, int32_t k, double *distance);
mi_status mi__tree_within(mi_context *ctx, const mi__space *s, const double *radius,
                          int32_t *count);
mi_status mi__tree_reach(mi_context *ctx, const mi__space *s, const double *radius,
                         double *const *reach);

mi_status mi__brute_nearest(mi_context *ctx, const mi__space *s, int32_t k, double *distance);
mi_status mi__brute_within(mi_context *ctx, const mi__space *s, const double *radius,
                           int32_t *count);
mi_status mi__brute_reach(mi_context *ctx, const mi__space *s, const double *radius,
                          double *const *reach);

/* A tree over a space: `room` points a leaf at most, a multiple of 8. */
mi_status mi__tree_make(mi_context *ctx, const mi__space *s, int64_t room, mi__tree *out);
void mi__tree_free(mi_context *ctx, mi__tree *tree);

/* The k least of numbers that come one by one. */
typedef struct mi__least {
    double *number; /* room for 2 k */
    int32_t k, count;
    double bound; /* no number from here on is of use */
} mi__least;

void mi__least_begin(mi__least *l, int32_t k, double *room);
void mi__least_add(mi__least *l, double x); /* below the bound */
double mi__least_last(mi__least *l);        /* of k or more, the k-th */

#endif
