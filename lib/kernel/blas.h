/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_KERNEL_BLAS_H
#define LIBMI_LIB_KERNEL_BLAS_H

#include "kernel.h"

/* The gemm() of the tables; see kernel.h. */
void mi__gemm_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                  const void *b, int64_t ldb, double beta, void *c, int64_t ldc);
void mi__gemm_f64(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                  const void *b, int64_t ldb, double beta, void *c, int64_t ldc);

#endif
