/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors of float for the instruction set that the file is compiled for. */
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* exp() of less is less than a normal number, of more it exceeds the greatest. */
#define NORMAL_LN (-87.33654f)
#define GREATEST_LN 88.72283f

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

typedef __mmask16 lane_mask;

INLINE lane_mask first_lanes(int64_t count) {
    return (lane_mask)((1u << count) - 1);
}

INLINE lane_mask less(vec a, vec b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

/* a where the mask is set, else b. */
INLINE vec choose(lane_mask m, vec a, vec b) {
    return _mm512_mask_mov_ps(b, m, a);
}

/* b where either is NaN. */
INLINE vec least_of(vec a, vec b) {
    return _mm512_min_ps(a, b);
}

INLINE vec most_of(vec a, vec b) {
    return _mm512_max_ps(a, b);
}

INLINE vec nearest(vec x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* x 2^n for integers n, where that is a normal number. */
INLINE vec times_power(vec x, vec n) {
    return _mm512_scalef_ps(x, n);
}

/* y 2^n = exp(x), but 0 where that is no normal number. */
INLINE vec exp_power(vec y, vec n, vec x) {
    return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, broadcast(NORMAL_LN), _CMP_NLT_UQ), y, n);
}

INLINE vec magnitude(vec x) {
    return _mm512_abs_ps(x);
}

/* x >= 0 with the sign of `sign`. */
INLINE vec with_sign(vec x, vec sign) {
    return _mm512_or_ps(x, _mm512_and_ps(sign, broadcast(-0.0f)));
}

/* Sums in double. */
typedef struct doubles {
    __m512d low, high;
} doubles;

INLINE doubles widened(vec x) {
    return (doubles){_mm512_cvtps_pd(_mm512_castps512_ps256(x)),
                     _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1))};
}

/* The first `count` lanes; the others are 0, and stay as they are in memory. */
INLINE vec load_some(const float *p, int64_t count) {
    return _mm512_maskz_loadu_ps(first_lanes(count), p);
}

INLINE void store_some(float *p, int64_t count, vec x) {
    _mm512_mask_storeu_ps(p, first_lanes(count), x);
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

typedef __m256 lane_mask;

INLINE lane_mask first_lanes(int64_t count) {
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
}

INLINE lane_mask less(vec a, vec b) {
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

INLINE vec choose(lane_mask m, vec a, vec b) {
    return _mm256_blendv_ps(b, a, m);
}

INLINE vec least_of(vec a, vec b) {
    return _mm256_min_ps(a, b);
}

INLINE vec most_of(vec a, vec b) {
    return _mm256_max_ps(a, b);
}

INLINE vec nearest(vec x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE vec times_power(vec x, vec n) {
    __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), exponent));
}

INLINE vec exp_power(vec y, vec n, vec x) {
    y = choose(less(broadcast(GREATEST_LN), x), broadcast(INFINITY), times_power(y, n));
    return _mm256_andnot_ps(less(x, broadcast(NORMAL_LN)), y);
}

INLINE vec magnitude(vec x) {
    return _mm256_andnot_ps(broadcast(-0.0f), x);
}

INLINE vec with_sign(vec x, vec sign) {
    return _mm256_or_ps(x, _mm256_and_ps(sign, broadcast(-0.0f)));
}

typedef struct doubles {
    __m256d low, high;
} doubles;

INLINE doubles widened(vec x) {
    return (doubles){_mm256_cvtps_pd(_mm256_castps256_ps128(x)),
                     _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))};
}

INLINE vec load_some(const float *p, int64_t count) {
    return _mm256_maskload_ps(p, _mm256_castps_si256(first_lanes(count)));
}

INLINE void store_some(float *p, int64_t count, vec x) {
    _mm256_maskstore_ps(p, _mm256_castps_si256(first_lanes(count)), x);
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
