/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_VARIABLES_H
#define LIBMI_LIB_VARIABLES_H

/* The variables of a question as neighbours are looked for in them, and what their estimators
 * share. */

#include "neighbour.h"

enum { MI__X, MI__Y, MI__Z, MI__VARIABLES };
#define MI__ONLY(variable) (1u << (variable))

/* Numbers times a power of two, the same for all, so that none exceeds 1. Names become one column:
 * different ones are farther apart than numbers ever are. */
typedef struct mi__variables {
    int64_t n, d[MI__VARIABLES]; /* d: 0 if it isn't there */
    double *x[MI__VARIABLES];    /* [n][d] */
    int exponent;                /* of that power */
    bool squared;                /* distances are; not if each variable has a single column */
    double apart;                /* the least distance of different names; infinite without any */
} mi__variables;

/* Of those of x, y and z that `which` has the bits of. */
mi_status mi__variables_make(const mi__question *question, unsigned which, mi__variables *out);
void mi__variables_free(mi_context *ctx, mi__variables *v);

/* The space of some of them. */
mi__space mi__variables_space(const mi__variables *v, unsigned which);

/* Digammas of whole numbers, the first of them from a table. */
#define MI__PSI_MOST 4096

typedef struct mi__psi {
    int32_t most;
    double *value; /* [most + 1] */
} mi__psi;

mi_status mi__psi_make(mi_context *ctx, int64_t most, mi__psi *out);
void mi__psi_free(mi_context *ctx, mi__psi *psi);

static inline double mi__psi_of(const mi__psi *psi, int64_t n) {
    return n <= psi->most ? psi->value[n] : mi__digamma((double)n);
}

/* Too few samples for neighbours to be near: less than k for each cell if every column is cut into
 * three. */
static inline bool mi__neighbours_few(int64_t n, int64_t d, int64_t k) {
    return (double)n < (double)k * pow(3, (double)d);
}

/* The parts of mi__estimate_neighbour(), whose checks they rely on. */
mi__estimator mi__estimate_kraskov;    /* kraskov.c: ksg, ksg2, gao */
mi__estimator mi__estimate_ross;       /* ross.c */
mi__estimator mi__estimate_kozachenko; /* kozachenko.c: entropy */

#endif
