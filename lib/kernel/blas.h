/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_KERNEL_BLAS_H
#define LIBMI_LIB_KERNEL_BLAS_H

#include "kernel.h"

/* C[m][n] = beta C + op(A) op(B), as product() of kernel.h, by the BLAS at hand. */
void mi__gemm_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                  const void *b, int64_t ldb, double beta, void *c, int64_t ldc);
void mi__gemm_f64(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                  const void *b, int64_t ldb, double beta, void *c, int64_t ldc);

#endif
