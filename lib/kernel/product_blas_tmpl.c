/* SPDX-License-Identifier: BSD-2-Clause */
/* The product where there is no tuned one: that of the BLAS. */

static size_t product_work(const mi_context *ctx) {
    (void)ctx;
    return 0;
}

static void product(mi_context *ctx, bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                    const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                    int64_t ldc, void *work) {
    (void)ctx;
    (void)work;
    (sizeof(real) == sizeof(float) ? mi__gemm_f32 : mi__gemm_f64)(ta, tb, m, n, k, a, lda, b, ldb,
                                                                  beta, c, ldc);
}
