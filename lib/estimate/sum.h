/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_SUM_H
#define LIBMI_LIB_SUM_H

/* A sum that is right to the last digit, whatever cancels: A. Neumaier, 1974. */

#include <math.h>

typedef struct mi__sum {
    double sum, rest;
} mi__sum;

static inline void mi__sum_add(mi__sum *s, double x) {
    double sum = s->sum + x;
    s->rest += fabs(s->sum) >= fabs(x) ? (s->sum - sum) + x : (x - sum) + s->sum;
    s->sum = sum;
}

static inline void mi__sum_join(mi__sum *s, const mi__sum *more) {
    mi__sum_add(s, more->sum);
    s->rest += more->rest;
}

static inline double mi__sum_value(const mi__sum *s) {
    return s->sum + s->rest;
}

#endif
