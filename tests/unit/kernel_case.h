/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_KERNEL_CASE_H
#define LIBMI_TESTS_KERNEL_CASE_H

/* Runs kernels of every table that this processor has, on memory that ends where a page that nobody
 * may touch begins, and compares them with the reference in float64, and with themselves on other
 * numbers of threads. */

#include "unit.h"

#include "../../lib/kernel/kernel.h"

#include <stdbool.h>

/* -- numbers ---------------------------------------------------------------------------------- */

/* A random number in 0 .. n - 1, always the same row of them. */
int64_t below(int64_t n);

double get(const void *p, size_t real, int64_t i);

/* -- memory: all of it is given back with give_back() ------------------------------------------ */

/* Filled with NaN, so that what is not written shows. A sanitizer would not see what vector
 * instructions with masks do beyond its end. */
void *guarded(size_t bytes);
void give_back(void *p);

void *room(const mi__kernels *k, int64_t count);
/* Aligned as promised; kernels may read to the end of the last 64 bytes. */
void *work_room(size_t bytes);
/* The same multiples of 1 / 64, -4 to 4, in either precision: ties happen, and sums of a few are
 * exact. `offset` keeps them off zero. */
void *values(const mi__kernels *k, int64_t count, uint32_t seed, double offset);

mi_context *make_context(int32_t threads);

/* -- comparisons ------------------------------------------------------------------------------ */

#define MAX_SECTIONS 4

/* What one run of some kernels wrote: sections, each compared on its own scale. */
typedef struct result {
    size_t real;
    int64_t sections, count[MAX_SECTIONS];
    void *data[MAX_SECTIONS];
} result;

/* Room for a section of the result. */
void *section(const mi__kernels *k, result *r, int64_t count);
void release(result *r);

typedef struct shape {
    mi__map map;
    int64_t out;
    double slope;
    int64_t kernel, stride, pad; /* of convolutions; kernel 0: 3, 1, 1 */
    bool pool, half;
} shape;

int64_t map_rows(const shape *s);

typedef void (*run_kernels)(const mi__kernels *k, mi_context *ctx, const shape *s, result *r);

/* Every table's result is within `tolerance` of a section's largest number of the reference's, and
 * the same bits with 1, 2 and 3 threads. In the end the largest errors are told. */
void check_shape_of(const char *name, run_kernels run, const shape *s, double tolerance);
/* On so many small random shapes. */
void check_random_of(const char *name, run_kernels run, int64_t shapes, double tolerance);
#define check_shape(run, ...) check_shape_of(#run, run, __VA_ARGS__)
#define check_random(run, ...) check_random_of(#run, run, __VA_ARGS__)

#endif
