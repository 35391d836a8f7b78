/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_COSTS_H
#define LIBMI_LIB_COSTS_H

/* The costs of an assignment problem, as the solver sees them: never more rows than columns, least
 * total, rows of float64 of which `factor` times is meant, infinite where a pair is forbidden. */
#include "../kernel/kernel.h"

#include <mi/assign.h>

typedef struct mi__costs {
    const void *data; /* what the caller has */
    int64_t ld;
    int32_t type;       /* an mi_assign_type */
    bool turned;        /* rows here are columns of `data` */
    bool swapped;       /* they are the caller's columns */
    bool whole;         /* they are integers, and so must prices be */
    int64_t rows, cols; /* here */
    int64_t low;        /* is subtracted from int64 first */
    double factor;      /* -1: the greatest total is wanted; times a power of two */
} mi__costs;

/* Row i: where it lies, or a copy in `line`, which has room for cols. */
const double *mi__costs_row(const mi__costs *c, int64_t i, double *line);

/* An element of such a row. */
double mi__costs_at(const mi__costs *c, int64_t i, int64_t j);

/* Whether a row has no NaN, and no infinity that doesn't forbid: else `*wrong` is where. `*large`
 * is set if a finite cost is so large that sums may overflow. */
bool mi__costs_check(const mi__costs *c, int64_t cols, const double *row, int64_t *wrong,
                     bool *large);

/* The costs with their rows as columns, in float64, into [cols][rows]. */
void mi__costs_transpose(const mi__costs *c, double *out);

#endif
