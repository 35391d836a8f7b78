/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_CANDIDATES_H
#define LIBMI_LIB_CANDIDATES_H

/* The rows that may be among the k nearest of a query. Products in float32 give each row's
 * closeness, query . row - |row|^2 / 2, up to an error of known size: a row whose closeness is
 * below that of k others for certain is dropped. The distances of the others are found in float64.
 */
#include "../kernel/kernel.h"

/* Distances in float64 of rows, each times its factor; `factor` NULL: 1. */
typedef struct mi__vectors {
    int64_t n, d, ld;
    const float *x;
    const double *factor;
} mi__vectors;

static inline const float *mi__vector(const mi__vectors *v, int64_t row) {
    return v->x + row * v->ld;
}

static inline double mi__vector_factor(const mi__vectors *v, int64_t row) {
    return v->factor == NULL ? 1 : v->factor[row];
}

typedef struct mi__candidate {
    double distance; /* squared; negative: not known yet */
    int64_t row;
    float upper, lower; /* limits of the closeness */
} mi__candidate;

typedef struct mi__candidates {
    int64_t count;
    float limit;     /* what is below can't be among the nearest */
    float length;    /* of the query, as multiplied, rounded up a little */
    double square;   /* of it, before it was rounded */
    double mistake;  /* of closenesses that float64 finds */
    int64_t exclude; /* the row that is none; negative: none */
    mi__candidate *list;
} mi__candidates;

/* What the candidates of all queries have in common. */
typedef struct mi__picker {
    const mi__kernels *kernel;
    mi__vectors base, query;
    int64_t k, room; /* of each list */
    double scale;    /* closenesses are scale^2 times those of the vectors */
} mi__picker;

/* How many a list has room for. */
int64_t mi__candidates_room(int64_t k, int64_t n);

/* Begins, for a query that is multiplied with a length of sqrt(square). */
void mi__candidates_begin(const mi__picker *p, mi__candidates *c, double square, int64_t exclude);

/* Adds a row, if it isn't the excluded one and `upper` has not fallen below the limit. `spare` has
 * room for as many as the list. */
void mi__candidates_add(const mi__picker *p, mi__candidates *c, int64_t query, mi__candidate added,
                        mi__candidate *spare);

/* Leaves the k nearest, in their order, with their distances. */
void mi__candidates_settle(const mi__picker *p, mi__candidates *c, int64_t query,
                           mi__candidate *spare);

#endif
