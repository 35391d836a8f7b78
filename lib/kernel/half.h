/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_KERNEL_HALF_H
#define LIBMI_LIB_KERNEL_HALF_H

/* Products whose factors are bfloat16 and whose sums are float: twice as many multiplications at a
 * time, of numbers with 8 bits. Factors come in pairs of neighbours in the sum, each pair in the
 * place of a float, so that strides stay what they are. */

#include <stdbool.h>
#include <stdint.h>

typedef struct mi__half {
    /* In each row the first (count + 1) / 2 floats become the pairs of what was in it. */
    void (*narrow)(int64_t rows, int64_t count, int64_t ld, float *x);
    /* Every second row becomes the pairs with the row below; zeros below the last one. count is a
     * multiple of 16. */
    void (*pair)(int64_t rows, int64_t count, int64_t ld, float *x);
    /* c = a b, or c += a b: rows, a multiple of 6, by up to 4 vectors of 16, which is how long rows
     * of c are. Pair (i, k) of a is at i * row + k * step, the k-th row of pairs of b at k * ldb.
     */
    void (*multiply)(int64_t vectors, int64_t rows, int64_t pairs, const float *a, int64_t row,
                     int64_t step, const float *b, int64_t ldb, float *c, bool add);
} mi__half;

/* Those of this processor, NULL if it has none. */
const mi__half *mi__half_kernels(void);

#endif
