/* SPDX-License-Identifier: BSD-2-Clause */
/* The only file that knows the BLAS. */
#include "blas.h"

#ifdef LIBMI_MKL
#include <mkl_cblas.h>
#else
#include <cblas.h>
#endif

#include <limits.h>
#include <strings.h>

#ifndef LIBMI_BLAS_NAME
#define LIBMI_BLAS_NAME "cblas"
#endif

/* These two are the names of functions. */
#ifdef LIBMI_OPENBLAS_CONFIG
char *LIBMI_OPENBLAS_CONFIG(void);
#endif
#ifdef LIBMI_OPENBLAS_CORENAME
char *LIBMI_OPENBLAS_CORENAME(void);
#endif

const char *mi__blas_info(void) {
#ifdef LIBMI_OPENBLAS_CONFIG
    return LIBMI_OPENBLAS_CONFIG();
#else
    return LIBMI_BLAS_NAME;
#endif
}

const char *mi__blas_core(void) {
#ifdef LIBMI_OPENBLAS_CORENAME
    return LIBMI_OPENBLAS_CORENAME();
#else
    return NULL;
#endif
}

#if defined(__GNUC__) && defined(__x86_64__)
static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}
#else
static bool has_avx512(void) {
    return false;
}
#endif

const char *mi__blas_mistake(void) {
    static const char *const able[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    const char *core = mi__blas_core();
    for (size_t i = 0; core != NULL && i < sizeof able / sizeof *able; i++)
        if (strcasecmp(core, able[i]) == 0)
            return NULL;
    return has_avx512() ? core : NULL;
}

/* The interface of BLAS counts in int. */
static bool fits(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc) {
    return m <= INT_MAX && n <= INT_MAX && k <= INT_MAX && lda <= INT_MAX && ldb <= INT_MAX &&
           ldc <= INT_MAX;
}

/* What BLAS can't count is computed here: slowly, but it is right. */
#define DEFINE_GEMM(name, real, blas)                                                              \
    static void name##_plain(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const real *a,     \
                             int64_t lda, const real *b, int64_t ldb, double beta, real *c,        \
                             int64_t ldc) {                                                        \
        for (int64_t i = 0; i < m; i++)                                                            \
            for (int64_t j = 0; j < n; j++) {                                                      \
                double sum = beta == 0 ? 0 : beta * (double)c[i * ldc + j];                        \
                for (int64_t l = 0; l < k; l++)                                                    \
                    sum += (double)a[ta ? l * lda + i : i * lda + l] *                             \
                           (double)b[tb ? j * ldb + l : l * ldb + j];                              \
                c[i * ldc + j] = (real)sum;                                                        \
            }                                                                                      \
    }                                                                                              \
                                                                                                   \
    void name(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,       \
              const void *b, int64_t ldb, double beta, void *c, int64_t ldc) {                     \
        if (m <= 0 || n <= 0)                                                                      \
            return;                                                                                \
        if (!fits(m, n, k, lda, ldb, ldc) || k <= 0) {                                             \
            name##_plain(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);                           \
            return;                                                                                \
        }                                                                                          \
        blas(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,        \
             (int)m, (int)n, (int)k, (real)1, a, (int)lda, b, (int)ldb, (real)beta, c, (int)ldc);  \
    }

DEFINE_GEMM(mi__gemm_f32, float, cblas_sgemm)
DEFINE_GEMM(mi__gemm_f64, double, cblas_dgemm)
