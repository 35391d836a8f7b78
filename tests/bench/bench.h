/* SPDX-License-Identifier: BSD-2-Clause */
/* What the benches share: a clock, the order of times, and an end with the message of a failure. */
#ifndef LIBMI_BENCH_H
#define LIBMI_BENCH_H

#include <mi/status.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TRY(call)                                                                                  \
    do {                                                                                           \
        if ((call) != MI_OK) {                                                                     \
            fprintf(stderr, "%s: %s\n", #call, mi_error_message());                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static inline double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* For qsort() of doubles. */
static inline int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

#endif
