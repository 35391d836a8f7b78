/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors of float for the instruction set that the file is compiled for. */
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)

typedef __m512 vec;
#define LANES 16
#define PANEL_VECTORS 4 /* 6 rows of these in registers leave room for the operands */

INLINE vec broadcast(float x) {
    return _mm512_set1_ps(x);
}

INLINE vec madd(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}

INLINE vec load(const float *p) {
    return _mm512_loadu_ps(p);
}

INLINE void store(float *p, vec x) {
    _mm512_storeu_ps(p, x);
}

/* The first `count` lanes; the others are 0, and stay as they are in memory. */
INLINE vec load_some(const float *p, int64_t count) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}

INLINE void store_some(float *p, int64_t count, vec x) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), x);
}

#else

typedef __m256 vec;
#define LANES 8
#define PANEL_VECTORS 2

INLINE vec broadcast(float x) {
    return _mm256_set1_ps(x);
}

INLINE vec madd(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}

INLINE vec load(const float *p) {
    return _mm256_loadu_ps(p);
}

INLINE void store(float *p, vec x) {
    _mm256_storeu_ps(p, x);
}

INLINE __m256i first_lanes(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE vec load_some(const float *p, int64_t count) {
    return _mm256_maskload_ps(p, first_lanes(count));
}

INLINE void store_some(float *p, int64_t count, vec x) {
    _mm256_maskstore_ps(p, first_lanes(count), x);
}

#endif

#define PANEL (PANEL_VECTORS * LANES)

/* Any number of lanes: the common case first. */
INLINE vec load_lanes(const float *p, int64_t count) {
    return count >= LANES ? load(p) : load_some(p, count);
}

INLINE void store_lanes(float *p, int64_t count, vec x) {
    if (count >= LANES)
        store(p, x);
    else
        store_some(p, count, x);
}

INLINE int64_t round_up(int64_t x, int64_t multiple) {
    return (x + multiple - 1) / multiple * multiple;
}
