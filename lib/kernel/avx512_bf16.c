/* SPDX-License-Identifier: BSD-2-Clause */
#include "half.h"

#include <immintrin.h>

#define LANES 16
#define ROWS 6
#define VECTORS 4
#define INLINE static inline __attribute__((always_inline))

#ifdef __clang__
#define UNROLL_ALL _Pragma("clang loop unroll(full)")
#else
#define UNROLL_ALL _Pragma("GCC unroll 8")
#endif

static __mmask16 first_lanes(int64_t count) {
    return count >= LANES ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

static void narrow(int64_t rows, int64_t count, int64_t ld, float *x) {
    for (int64_t r = 0; r < rows; r++, x += ld)
        for (int64_t i = 0; i < count; i += 2 * LANES) {
            __m512 low = _mm512_maskz_loadu_ps(first_lanes(count - i), x + i);
            __m512 high = _mm512_maskz_loadu_ps(first_lanes(count - i - LANES), x + i + LANES);
            _mm512_mask_storeu_ps(x + i / 2, first_lanes((count - i + 1) / 2),
                                  (__m512)_mm512_cvtne2ps_pbh(high, low));
        }
}

static void pair(int64_t rows, int64_t count, int64_t ld, float *x) {
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (int64_t r = 0; r < rows; r += 2, x += 2 * ld)
        for (int64_t i = 0; i < count; i += LANES) {
            __m512 below = r + 1 < rows ? _mm512_loadu_ps(x + ld + i) : _mm512_setzero_ps();
            __m512bh both = _mm512_cvtne2ps_pbh(below, _mm512_loadu_ps(x + i));
            _mm512_storeu_si512(x + i, _mm512_permutexvar_epi16(order, (__m512i)both));
        }
}

INLINE void multiply_rows(const int vectors, int64_t pairs, const float *a, int64_t row,
                          int64_t step, const float *b, int64_t ldb, float *c, bool add) {
    __m512 sum[ROWS][VECTORS];
    UNROLL_ALL
    for (int i = 0; i < ROWS; i++) {
        UNROLL_ALL
        for (int j = 0; j < vectors; j++) {
            sum[i][j] = _mm512_setzero_ps();
            __builtin_prefetch(c + (i * vectors + j) * LANES, 1);
        }
    }
    for (int64_t k = 0; k < pairs; k++, a += step, b += ldb) {
        __m512bh right[VECTORS];
        UNROLL_ALL
        for (int j = 0; j < vectors; j++)
            right[j] = (__m512bh)_mm512_loadu_ps(b + j * LANES);
        UNROLL_ALL
        for (int i = 0; i < ROWS; i++) {
            __m512bh left = (__m512bh)_mm512_set1_ps(a[i * row]);
            UNROLL_ALL
            for (int j = 0; j < vectors; j++)
                sum[i][j] = _mm512_dpbf16_ps(sum[i][j], left, right[j]);
        }
    }
    UNROLL_ALL
    for (int i = 0; i < ROWS; i++) {
        UNROLL_ALL
        for (int j = 0; j < vectors; j++) {
            float *to = c + (i * vectors + j) * LANES;
            _mm512_storeu_ps(to, add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[i][j]) : sum[i][j]);
        }
    }
}

static void multiply(int64_t vectors, int64_t rows, int64_t pairs, const float *a, int64_t row,
                     int64_t step, const float *b, int64_t ldb, float *c, bool add) {
    for (int64_t i = 0; i < rows; i += ROWS, a += ROWS * row, c += ROWS * vectors * LANES)
        switch (vectors) {
        case 1: multiply_rows(1, pairs, a, row, step, b, ldb, c, add); break;
        case 2: multiply_rows(2, pairs, a, row, step, b, ldb, c, add); break;
        case 3: multiply_rows(3, pairs, a, row, step, b, ldb, c, add); break;
        default: multiply_rows(4, pairs, a, row, step, b, ldb, c, add); break;
        }
}

extern const mi__half mi__half_avx512;
const mi__half mi__half_avx512 = {narrow, pair, multiply};
