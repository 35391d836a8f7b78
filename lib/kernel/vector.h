/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors of float, of the MI__VECTOR_BYTES that the including file asks for: 64 are AVX-512, 32
 * are AVX2 with FMA, 16 are what compilers of GNU C make of vectors for any processor. */
#if MI__VECTOR_BYTES > 16
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifdef SANITIZED
#define INLINE static inline
#else
#define INLINE static inline __attribute__((always_inline))
#endif

/* Clang must unroll before it gives arrays registers, which it does for this form alone. */
#if defined(SANITIZED)
#define UNROLL_ALL
#elif defined(__clang__)
#define UNROLL_ALL _Pragma("clang loop unroll(full)")
#else
#define UNROLL_ALL _Pragma("GCC unroll 8")
#endif

/* exp() of less is less than a normal number, of more it exceeds the greatest. */
#define NORMAL_LN (-87.33654f)
#define GREATEST_LN 88.72283f

#if MI__VECTOR_BYTES == 64

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

/* To aligned memory past the caches, whose lines need not be read first; stored before what
 * comes after finish_streams(). */
INLINE void stream(float *p, vec x) {
    _mm512_stream_ps(p, x);
}

INLINE void finish_streams(void) {
    _mm_sfence();
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

INLINE vec root(vec x) {
    return _mm512_sqrt_ps(x);
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

/* The first `count` floats, at most 4, at each of p, p + ld, ...: `quads` of them, then zeros. */
INLINE vec load_quads(const float *p, int64_t ld, int64_t quads, int64_t count) {
    __m128 q[4];
    UNROLL_ALL
    for (int i = 0; i < 4; i++)
        q[i] = i < quads ? _mm_maskz_loadu_ps((__mmask8)((1 << count) - 1), p + i * ld)
                         : _mm_setzero_ps();
    vec x = _mm512_castps128_ps512(q[0]);
    x = _mm512_insertf32x4(x, q[1], 1);
    x = _mm512_insertf32x4(x, q[2], 2);
    return _mm512_insertf32x4(x, q[3], 3);
}

/* Transposes the 4 x 4 floats that each quad of lanes has. */
INLINE void transpose_quads(vec x[4]) {
    const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(x[0], x[1]));
    const __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(x[2], x[3]));
    const __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(x[0], x[1]));
    const __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(x[2], x[3]));
    x[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23));
    x[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23));
    x[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23));
    x[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23));
}

#elif MI__VECTOR_BYTES == 32

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

INLINE void stream(float *p, vec x) {
    _mm256_stream_ps(p, x);
}

INLINE void finish_streams(void) {
    _mm_sfence();
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

INLINE vec root(vec x) {
    return _mm256_sqrt_ps(x);
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

INLINE vec load_quads(const float *p, int64_t ld, int64_t quads, int64_t count) {
    __m128 q[2];
    UNROLL_ALL
    for (int i = 0; i < 2; i++)
        q[i] = i >= quads   ? _mm_setzero_ps()
               : count >= 4 ? _mm_loadu_ps(p + i * ld)
                            : _mm256_castps256_ps128(load_some(p + i * ld, count));
    return _mm256_insertf128_ps(_mm256_castps128_ps256(q[0]), q[1], 1);
}

INLINE void transpose_quads(vec x[4]) {
    const __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(x[0], x[1]));
    const __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(x[2], x[3]));
    const __m256d high01 = _mm256_castps_pd(_mm256_unpackhi_ps(x[0], x[1]));
    const __m256d high23 = _mm256_castps_pd(_mm256_unpackhi_ps(x[2], x[3]));
    x[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23));
    x[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23));
    x[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23));
    x[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23));
}

#else

typedef float vec __attribute__((vector_size(16)));
typedef float vec_in_memory __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t lane_mask __attribute__((vector_size(16)));
typedef uint32_t lane_bits __attribute__((vector_size(16)));
#define LANES 4
#ifdef __aarch64__
#define PANEL_VECTORS 4
#else
#define PANEL_VECTORS 2
#endif

INLINE vec broadcast(float x) {
    return (vec){x, x, x, x};
}

/* Rounds once where the processor does, else twice. */
INLINE vec madd(vec a, vec b, vec c) {
#ifdef __aarch64__
    return vfmaq_f32(c, a, b);
#else
    return a * b + c;
#endif
}

INLINE vec load(const float *p) {
    return *(const vec_in_memory *)p;
}

INLINE void store(float *p, vec x) {
    *(vec_in_memory *)p = x;
}

INLINE void stream(float *p, vec x) {
    store(p, x);
}

INLINE void finish_streams(void) {
}

INLINE lane_mask first_lanes(int64_t count) {
    const int32_t n = (int32_t)count;
    return (lane_mask){0, 1, 2, 3} < (lane_mask){n, n, n, n};
}

INLINE lane_mask less(vec a, vec b) {
    return (lane_mask)(a < b);
}

INLINE vec choose(lane_mask m, vec a, vec b) {
    return (vec)(((lane_mask)a & m) | ((lane_mask)b & ~m));
}

INLINE vec least_of(vec a, vec b) {
    return choose(less(a, b), a, b);
}

INLINE vec most_of(vec a, vec b) {
    return choose(less(b, a), a, b);
}

/* Up to 2^22, beyond which it is coarser. Floats of 1.5 2^23 and around it are the integers. */
INLINE vec nearest(vec x) {
    return (x + broadcast(0x1.8p23f)) - broadcast(0x1.8p23f);
}

INLINE vec times_power(vec x, vec n) {
    return (vec)((lane_bits)x + ((lane_bits)(n + broadcast(0x1.8p23f)) << 23));
}

INLINE vec exp_power(vec y, vec n, vec x) {
    y = choose(less(broadcast(GREATEST_LN), x), broadcast(INFINITY), times_power(y, n));
    return choose(less(x, broadcast(NORMAL_LN)), broadcast(0), y);
}

INLINE vec root(vec x) {
    return (vec){sqrtf(x[0]), sqrtf(x[1]), sqrtf(x[2]), sqrtf(x[3])};
}

INLINE vec magnitude(vec x) {
    return (vec)((lane_bits)x & 0x7fffffffu);
}

INLINE vec with_sign(vec x, vec sign) {
    return (vec)((lane_bits)x | ((lane_bits)sign & 0x80000000u));
}

typedef double double_pair __attribute__((vector_size(16)));
typedef struct doubles {
    double_pair low, high;
} doubles;

INLINE doubles widened(vec x) {
    return (doubles){{(double)x[0], (double)x[1]}, {(double)x[2], (double)x[3]}};
}

INLINE vec load_some(const float *p, int64_t count) {
    switch (count) {
    case 0: return broadcast(0);
    case 1: return (vec){p[0]};
    case 2: return (vec){p[0], p[1]};
    case 3: return (vec){p[0], p[1], p[2]};
    default: return load(p);
    }
}

INLINE void store_some(float *p, int64_t count, vec x) {
    for (int64_t i = 0; i < count; i++)
        p[i] = x[i];
}

INLINE vec load_quads(const float *p, int64_t ld, int64_t quads, int64_t count) {
    (void)ld;
    return quads > 0 ? load_some(p, count) : broadcast(0);
}

INLINE void transpose_quads(vec x[4]) {
    const vec y[4] = {x[0], x[1], x[2], x[3]};
    UNROLL_ALL
    for (int i = 0; i < 4; i++)
        x[i] = (vec){y[0][i], y[1][i], y[2][i], y[3][i]};
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

INLINE int64_t ceiling(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

INLINE int64_t round_up(int64_t x, int64_t multiple) {
    return ceiling(x, multiple) * multiple;
}
