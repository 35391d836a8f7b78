/* SPDX-License-Identifier: BSD-2-Clause */
/* What kernels of neighbours need besides the vectors of double of joint_tmpl.c. */

#if MI__VECTOR_BYTES == 64

INLINE wide wide_least(wide a, wide b) {
    return _mm512_min_pd(a, b);
}

INLINE wide wide_most(wide a, wide b) {
    return _mm512_max_pd(a, b);
}

INLINE wide wide_magnitude(wide x) {
    return _mm512_abs_pd(x);
}

/* A bit for each lane. */
INLINE unsigned wide_less(wide a, wide b) {
    return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ);
}

/* x where a < b, else y. */
INLINE wide wide_if_less(wide a, wide b, wide x, wide y) {
    return _mm512_mask_mov_pd(y, _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), x);
}

#elif MI__VECTOR_BYTES == 32

INLINE wide wide_least(wide a, wide b) {
    return _mm256_min_pd(a, b);
}

INLINE wide wide_most(wide a, wide b) {
    return _mm256_max_pd(a, b);
}

INLINE wide wide_magnitude(wide x) {
    return _mm256_andnot_pd(wide_of(-0.0), x);
}

INLINE unsigned wide_less(wide a, wide b) {
    return (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ));
}

INLINE wide wide_if_less(wide a, wide b, wide x, wide y) {
    return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LT_OQ));
}

#else

typedef int64_t wide_lanes __attribute__((vector_size(16)));

INLINE wide wide_least(wide a, wide b) {
    const wide_lanes less = (wide_lanes)(a < b);
    return (wide)(((wide_lanes)a & less) | ((wide_lanes)b & ~less));
}

INLINE wide wide_most(wide a, wide b) {
    const wide_lanes less = (wide_lanes)(a < b);
    return (wide)(((wide_lanes)b & less) | ((wide_lanes)a & ~less));
}

INLINE wide wide_magnitude(wide x) {
    return (wide)((wide_lanes)x & INT64_MAX);
}

INLINE unsigned wide_less(wide a, wide b) {
    const wide_lanes less = (wide_lanes)(a < b);
    return (unsigned)(less[0] & 1) | (unsigned)(less[1] & 2);
}

INLINE wide wide_if_less(wide a, wide b, wide x, wide y) {
    const wide_lanes less = (wide_lanes)(a < b);
    return (wide)(((wide_lanes)x & less) | ((wide_lanes)y & ~less));
}

#endif

/* Four numbers, in one vector where that is possible. */
#if MI__VECTOR_BYTES >= 32

typedef __m256d quad;

INLINE quad quad_load(const double *p) {
    return _mm256_loadu_pd(p);
}

INLINE quad quad_of(double x) {
    return _mm256_set1_pd(x);
}

INLINE quad quad_most(quad a, quad b) {
    return _mm256_max_pd(a, b);
}

INLINE quad quad_minus(quad a, quad b) {
    return _mm256_sub_pd(a, b);
}

INLINE double quad_greatest(quad x) {
    __m128d pair = _mm_max_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
    pair = _mm_max_sd(pair, _mm_unpackhi_pd(pair, pair));
    return _mm_cvtsd_f64(pair);
}

INLINE bool quad_all_less(quad a, quad b) {
    return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)) == 15;
}

#else

typedef struct quad {
    wide low, high;
} quad;

INLINE quad quad_load(const double *p) {
    return (quad){wide_load(p), wide_load(p + 2)};
}

INLINE quad quad_of(double x) {
    return (quad){wide_of(x), wide_of(x)};
}

INLINE quad quad_most(quad a, quad b) {
    return (quad){wide_most(a.low, b.low), wide_most(a.high, b.high)};
}

INLINE quad quad_minus(quad a, quad b) {
    return (quad){a.low - b.low, a.high - b.high};
}

INLINE double quad_greatest(quad x) {
    const wide pair = wide_most(x.low, x.high);
    return pair[0] > pair[1] ? pair[0] : pair[1];
}

INLINE bool quad_all_less(quad a, quad b) {
    return (wide_less(a.low, b.low) & wide_less(a.high, b.high)) == 3;
}

#endif

/* Bytes, at most 32: the instruction set of longer ones is not asked for. */
typedef uint8_t byte_vec
    __attribute__((vector_size(MI__VECTOR_BYTES > 32 ? 32 : MI__VECTOR_BYTES)));
typedef uint8_t byte_vec_in_memory __attribute__((
    vector_size(MI__VECTOR_BYTES > 32 ? 32 : MI__VECTOR_BYTES), aligned(1), may_alias));
#define BYTE_LANES ((int)sizeof(byte_vec))
#define SLICES (MI__BLOCK / BYTE_LANES)

#if MI__VECTOR_BYTES >= 32

INLINE byte_vec bytes_of(uint8_t x) {
    return (byte_vec)_mm256_set1_epi8((char)x);
}

/* The short way round from a to b. */
INLINE byte_vec bytes_apart(byte_vec a, byte_vec b) {
    return (byte_vec)_mm256_abs_epi8((__m256i)(a - b));
}

INLINE byte_vec bytes_most(byte_vec a, byte_vec b) {
    return (byte_vec)_mm256_max_epu8((__m256i)a, (__m256i)b);
}

INLINE uint64_t bytes_at_most(byte_vec a, byte_vec b) {
    return (uint32_t)_mm256_movemask_epi8((__m256i)(bytes_most(a, b) == b));
}

#else

INLINE byte_vec bytes_of(uint8_t x) {
    return (byte_vec){0} + x;
}

INLINE byte_vec bytes_least(byte_vec a, byte_vec b) {
    const byte_vec less = (byte_vec)(a < b);
    return (a & less) | (b & ~less);
}

INLINE byte_vec bytes_apart(byte_vec a, byte_vec b) {
    return bytes_least(a - b, b - a);
}

INLINE byte_vec bytes_most(byte_vec a, byte_vec b) {
    const byte_vec less = (byte_vec)(a < b);
    return (b & less) | (a & ~less);
}

/* A bit for each byte of what is all ones or all zeros. */
INLINE uint64_t bytes_at_most(byte_vec a, byte_vec b) {
    const byte_vec yes = (byte_vec)(a <= b);
    uint64_t half[2];
    memcpy(half, &yes, sizeof half);
    uint64_t mask = 0;
    for (int i = 0; i < 2; i++) /* the product brings bit 8 i to bit 56 + i */
        mask |= (half[i] & 0x0101010101010101u) * 0x0102040810204080u >> 56 << 8 * i;
    return mask;
}

#endif
