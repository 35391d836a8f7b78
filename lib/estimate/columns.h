/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_COLUMNS_H
#define LIBMI_LIB_COLUMNS_H

/* What gaussian and student have in common: columns of z, x and y side by side, products of them
 * summed over samples, and the elimination of columns from the covariance that these make. */

#include "estimate.h"

/* Columns taken out of a covariance one by one: the rows of the others then hold the covariance of
 * these given those; its own row, as it was then, tells how to take a column out of a sample. */
typedef struct mi__elimination {
    double *left;   /* [ld][ld] */
    int64_t *order; /* [d], of which `count` are out */
    bool *out;      /* [d] */
    int64_t count;
} mi__elimination;

typedef struct mi__columns {
    mi_context *ctx;
    int64_t n, d, ld;
    int64_t begin[4];       /* where z, x and y begin, and y ends */
    double *data;           /* [n][ld], of which the padding is 0 */
    double *sums;           /* [shares][ld][ld], of products; then the first is the covariance */
    double *given_z;        /* [ld][ld], what is left of it once z is known */
    double *log_scale;      /* [d], of each deviation; -infinity: it is constant */
    mi__elimination all, y; /* in `sums`: z, x, y; in `given_z`: z, y */
    double *room;           /* [pieces][ld], for a sample */
    int64_t shares, pieces, panel; /* a panel is rows of products that one task makes */
} mi__columns;

/* Whether the question is one of numbers, with more samples than columns; the message names the
 * method. */
mi_status mi__columns_check(const mi__question *question, const char *method);

/* For `n` samples of the question's columns; data are 0. */
mi_status mi__columns_make(const mi__question *question, int64_t n, mi__columns *out);
void mi__columns_free(mi__columns *c);

/* sums = the mean of products of two columns, each weighted: [n]; NULL: all the same. */
void mi__columns_multiply(mi__columns *c, const double *weight);

/* Eliminates columns `begin` to `end` - 1 that don't follow from others, the one with most left
 * first. Returns the logarithm of their determinant given those that were out before. */
double mi__columns_eliminate(mi__columns *c, mi__elimination *e, int64_t begin, int64_t end);

/* Takes the columns of steps `from` to `to` - 1 out of a sample, from which those of the steps
 * before are out; its squared length in them. */
double mi__columns_squares(const mi__columns *c, const mi__elimination *e, double *sample,
                           int64_t from, int64_t to);

/* What mutual information is made of. */
typedef struct mi__parts {
    int64_t z, xz;                       /* steps of `all` that eliminate z, then x */
    double log_z, log_x, log_y, log_y_x; /* of determinants: z, x and y given z, y given both */
    bool infinite;                       /* y follows from x */
    int32_t warnings;
} mi__parts;

/* Eliminates all columns from the covariance in `sums`, z first and y last. */
mi__parts mi__columns_split(mi__columns *c);

/* What a Gaussian estimate with these parts is too high by on average. */
double mi__columns_bias(const mi__columns *c, const mi__parts *parts);

/* What `columns` of samples add to the logarithm of a determinant by chance, less a part that
 * cancels, after others were eliminated. */
double mi__columns_chance(int64_t n, int64_t others, int64_t columns);

/* MI_WARNING_FEW, or none. */
int32_t mi__columns_few(const mi__columns *c);

#endif
