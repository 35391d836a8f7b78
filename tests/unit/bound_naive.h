/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_BOUND_NAIVE_H
#define LIBMI_TESTS_BOUND_NAIVE_H

/* Every bound of mi/bound.h a second time, straight from its formula: lists of pairs, one sum after
 * another in long double, no cleverness. Shares nothing with the library. */

#include <stdint.h>

/* Scores as vectors (joint, product) or as a matrix (scores, mask), and parameters. */
typedef struct naive {
    const char *kind;
    int64_t n, locations, m; /* m of vectors */
    const double *joint, *product;
    const double *scores; /* [n][n locations]; NULL: vectors */
    const uint8_t *mask;
    const double *baseline; /* [n] or NULL: log_baseline */
    double diagonal, columns, rate, log_baseline, alpha, tau, shift, offset;
    double log_average; /* mine: the state before this evaluation */
    int64_t steps;
} naive;

typedef struct naive_value {
    double estimate, loss, cap;
    double log_average; /* mine: the state after it */
} naive_value;

/* Fails the test on an unknown kind, and where nothing is left to compare with. */
naive_value naive_bound(const naive *a);

#endif
