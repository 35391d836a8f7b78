/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_SCALING_H
#define LIBMI_LIB_SCALING_H

/* What mi_mine_fit() finds about samples before it learns from them: what is done to each column
 * first, and the Gaussians that scores may start from. */

#include "../kernel/kernel.h"

typedef struct mi__scaling mi__scaling;

/* A packed matrix of samples for each side, x and y. */
typedef struct mi__sides {
    int64_t n;
    const float *x, *y; /* [n][dx], [n][dy] */
} mi__sides;

/* For an mi_scale that is not DEFAULT; with Gaussians or without. */
mi_status mi__scaling_create(mi_context *ctx, int64_t dx, int64_t dy, int32_t scale, bool gaussian,
                             mi__scaling **out);
void mi__scaling_destroy(mi__scaling *s); /* NULL is fine */

/* Finds all of it on these samples. */
mi_status mi__scaling_find(mi__scaling *s, const mi__sides *samples);

/* What was found, for a file. */
double *mi__scaling_numbers(mi__scaling *s, int64_t *count);
/* Whether numbers of a file can be such. */
bool mi__scaling_valid(const mi__scaling *s, const double *numbers);
int32_t mi__scaling_kind(const mi__scaling *s);
bool mi__scaling_gaussian(const mi__scaling *s);

/* Scales one side, 0 or 1, of n samples into a table's precision. */
void mi__scaling_apply(const mi__scaling *s, const mi__kernels *k, int side, int64_t n,
                       const float *from, void *to);

/* The log density ratio of the Gaussians, of scaled x[i] and y[j], is u[i] . v[j]: numbers of each
 * row, 0 if there are no Gaussians or s is NULL. */
int64_t mi__scaling_base_width(const mi__scaling *s);
void mi__scaling_base(const mi__scaling *s, const mi__kernels *k, int64_t n, const void *x,
                      const void *y, double *u, double *v);

#endif
