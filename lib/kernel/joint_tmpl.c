/* SPDX-License-Identifier: BSD-2-Clause */
/* What joint matrices are made of, in vectors of double: probabilities come in as float, sums are
 * in double, and where there are few classes neither product would gain from float. */

#if MI__VECTOR_BYTES == 64

typedef __m512d wide;
#define WIDE 8
typedef __mmask8 wide_mask;

INLINE wide_mask first_wide(int64_t count) {
    return (wide_mask)(count >= WIDE ? 0xff : (1 << count) - 1);
}

INLINE wide wide_of(double x) {
    return _mm512_set1_pd(x);
}

INLINE wide wide_load(const double *p) {
    return _mm512_loadu_pd(p);
}

INLINE void wide_store(double *p, wide x) {
    _mm512_storeu_pd(p, x);
}

INLINE wide wide_madd(wide a, wide b, wide c) {
    return _mm512_fmadd_pd(a, b, c);
}

INLINE void wide_to_floats(float *p, wide_mask some, wide x) {
    _mm256_mask_storeu_ps(p, some, _mm512_cvtpd_ps(x));
}

/* The bits of floats, of which those that are finite and not negative are the smallest; and the
 * largest of either. */
typedef __m256i float_bits;

INLINE float_bits bits_of(const float *p, wide_mask some) {
    return _mm256_maskz_loadu_epi32(some, p);
}

INLINE wide wide_from_bits(float_bits x) {
    return _mm512_cvtps_pd(_mm256_castsi256_ps(x));
}

INLINE float_bits larger_bits(float_bits a, float_bits b) {
    return _mm256_max_epu32(a, b);
}

INLINE float_bits no_bits(void) {
    return _mm256_setzero_si256();
}

typedef __m512i vec_bits;

INLINE vec_bits no_vec_bits(void) {
    return _mm512_setzero_si512();
}

INLINE vec_bits larger_vec_bits(vec_bits a, vec b) {
    return _mm512_max_epu32(a, _mm512_castps_si512(b));
}

#elif MI__VECTOR_BYTES == 32

typedef __m256d wide;
#define WIDE 4
typedef __m128i wide_mask;

INLINE wide_mask first_wide(int64_t count) {
    return _mm_cmpgt_epi32(_mm_set1_epi32((int)MI__MIN(count, WIDE)), _mm_setr_epi32(0, 1, 2, 3));
}

INLINE wide wide_of(double x) {
    return _mm256_set1_pd(x);
}

INLINE wide wide_load(const double *p) {
    return _mm256_loadu_pd(p);
}

INLINE void wide_store(double *p, wide x) {
    _mm256_storeu_pd(p, x);
}

INLINE wide wide_madd(wide a, wide b, wide c) {
    return _mm256_fmadd_pd(a, b, c);
}

INLINE void wide_to_floats(float *p, wide_mask some, wide x) {
    _mm_maskstore_ps(p, some, _mm256_cvtpd_ps(x));
}

typedef __m128i float_bits;

INLINE float_bits bits_of(const float *p, wide_mask some) {
    return _mm_castps_si128(_mm_maskload_ps(p, some));
}

INLINE wide wide_from_bits(float_bits x) {
    return _mm256_cvtps_pd(_mm_castsi128_ps(x));
}

INLINE float_bits larger_bits(float_bits a, float_bits b) {
    return _mm_max_epu32(a, b);
}

INLINE float_bits no_bits(void) {
    return _mm_setzero_si128();
}

typedef __m256i vec_bits;

INLINE vec_bits no_vec_bits(void) {
    return _mm256_setzero_si256();
}

INLINE vec_bits larger_vec_bits(vec_bits a, vec b) {
    return _mm256_max_epu32(a, _mm256_castps_si256(b));
}

#else

typedef double_pair wide;
#define WIDE 2
typedef int64_t wide_mask; /* how many */

INLINE wide_mask first_wide(int64_t count) {
    return MI__MIN(count, WIDE);
}

INLINE wide wide_of(double x) {
    return (wide){x, x};
}

INLINE wide wide_load(const double *p) {
    return (wide){p[0], p[1]};
}

INLINE void wide_store(double *p, wide x) {
    p[0] = x[0];
    p[1] = x[1];
}

INLINE wide wide_madd(wide a, wide b, wide c) {
#ifdef __aarch64__
    return vfmaq_f64(c, a, b);
#else
    return a * b + c;
#endif
}

INLINE void wide_to_floats(float *p, wide_mask some, wide x) {
    for (int64_t i = 0; i < some; i++)
        p[i] = (float)x[i];
}

typedef lane_bits float_bits;

INLINE float_bits bits_of(const float *p, wide_mask some) {
    return (float_bits)load_some(p, some);
}

INLINE wide wide_from_bits(float_bits x) {
    return widened((vec)x).low;
}

INLINE float_bits larger_bits(float_bits a, float_bits b) {
    const float_bits larger = (float_bits)(a > b);
    return (a & larger) | (b & ~larger);
}

INLINE float_bits no_bits(void) {
    return (float_bits){0};
}

typedef lane_bits vec_bits;

INLINE vec_bits no_vec_bits(void) {
    return no_bits();
}

INLINE vec_bits larger_vec_bits(vec_bits a, vec b) {
    return larger_bits(a, (vec_bits)b);
}

#endif

INLINE float_bits widen_rows(const bool weighted, const bool one, int64_t rows, int64_t c,
                             const float *x, int64_t ldx, int64_t repeats, const float *weight,
                             double *y, int64_t ldy) {
    float_bits largest = no_bits();
    for (int64_t i = 0; i < rows; i++, x += repeats * ldx, y += ldy)
        for (int64_t k = 0; k < ldy; k += WIDE) {
            const wide_mask some = first_wide(MI__MAX(c - k, 0));
            wide sum = wide_of(0);
            for (int64_t j = 0; j < (one ? 1 : repeats); j++) {
                const float_bits bits = bits_of(x + j * ldx + k, some);
                const wide value = wide_from_bits(bits);
                largest = larger_bits(largest, bits);
                if (weighted)
                    sum = wide_madd(wide_of((double)weight[i * repeats + j]), value, sum);
                else
                    sum = one ? value : (wide)(sum + value);
            }
            wide_store(y + k, sum);
        }
    return largest;
}

/* Where a bit pattern was too large: was it more than a zero with a sign? */
static bool good_rows(int64_t rows, int64_t c, const float *x, int64_t ldx) {
    bool good = true;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < c; k++)
            good &= (x[i * ldx + k] >= 0) & (x[i * ldx + k] <= FLT_MAX);
    return good;
}

/* And none of them has a sign. */
INLINE bool all_finite(const void *bits, size_t size) {
    uint32_t each[LANES], most = 0;
    memcpy(each, bits, size);
    for (size_t i = 0; i < size / sizeof(uint32_t); i++)
        most = MI__MAX(most, each[i]);
    return most < 0x7f800000;
}

static bool widen(int64_t rows, int64_t c, const void *x, int64_t ldx, int64_t repeats,
                  const void *weight, double *y, int64_t ldy) {
    const float_bits bits =
        weight != NULL ? widen_rows(true, false, rows, c, x, ldx, repeats, weight, y, ldy)
        : repeats > 1  ? widen_rows(false, false, rows, c, x, ldx, repeats, NULL, y, ldy)
                       : widen_rows(false, true, rows, c, x, ldx, 1, NULL, y, ldy);
    return all_finite(&bits, sizeof bits) || good_rows(rows * repeats, c, x, ldx);
}

static void narrow(int64_t rows, int64_t c, const double *x, int64_t ldx, int64_t repeats,
                   const void *weight, void *y, int64_t ldy) {
    const float *w = weight;
    float *out = y;
    for (int64_t i = 0; i < rows; i++, x += ldx)
        for (int64_t j = 0; j < repeats; j++, out += ldy) {
            const wide counts = wide_of(w == NULL ? 1 : (double)*w++);
            for (int64_t k = 0; k < c; k += WIDE)
                wide_to_floats(out + k, first_wide(c - k), counts * wide_load(x + k));
        }
}

/* Four rows at a time: each vector of the least waits for the one before. */
INLINE vec_bits lowest_rows(const int rows, int64_t c, const float *x, int64_t ldx, float *low,
                            vec_bits bits) {
    for (int64_t k = 0; k < c; k += LANES) {
        vec least = load_lanes(low + k, c - k);
        UNROLL_ALL
        for (int i = 0; i < rows; i++) {
            const vec value = load_lanes(x + i * ldx + k, c - k);
            bits = larger_vec_bits(bits, value);
            least = least_of(value, least);
        }
        store_lanes(low + k, c - k, least);
    }
    return bits;
}

static bool lowest(int64_t rows, int64_t c, const void *x, int64_t ldx, void *low) {
    const float *in = x;
    vec_bits bits = no_vec_bits();
    int64_t i = 0;
    memcpy(low, in, (size_t)c * sizeof *in);
    for (; i + 4 <= rows; i += 4)
        bits = lowest_rows(4, c, in + i * ldx, ldx, low, bits);
    for (; i < rows; i++)
        bits = lowest_rows(1, c, in + i * ldx, ldx, low, bits);
    return all_finite(&bits, sizeof bits) || good_rows(rows, c, x, ldx);
}

static void lift(int64_t rows, int64_t c, const void *x, int64_t ldx, const void *low, void *y,
                 int64_t ldy, double *sums) {
    const float *in = x, *least = low;
    float *out = y;
    memset(sums, 0, (size_t)c * sizeof *sums);
    for (int64_t i = 0; i < rows; i++, in += ldx, out += ldy)
        INDEPENDENT
    for (int64_t k = 0; k < c; k++) {
        out[k] = in[k] - least[k];
        sums[k] += (double)out[k];
    }
}

INLINE void one_tile(const int vectors, const mi__tiles *t, int64_t i, int64_t j) {
    const double *a = t->a + i * t->row, *b = t->b + j;
    double *c = t->c + i * t->ldc + j;
    wide sum[MI__TILE_ROWS][PANEL_VECTORS];
    UNROLL_ALL
    for (int r = 0; r < MI__TILE_ROWS; r++) {
        UNROLL_ALL
        for (int s = 0; s < vectors; s++)
            sum[r][s] = wide_of(0);
    }
    for (int64_t k = 0; k < t->depth; k++, a += t->step, b += t->ldb) {
        wide right[PANEL_VECTORS];
        UNROLL_ALL
        for (int s = 0; s < vectors; s++)
            right[s] = wide_load(b + s * WIDE);
        UNROLL_ALL
        for (int r = 0; r < MI__TILE_ROWS; r++) {
            wide left = wide_of(a[r * t->row]);
            UNROLL_ALL
            for (int s = 0; s < vectors; s++)
                sum[r][s] = wide_madd(left, right[s], sum[r][s]);
        }
    }
    UNROLL_ALL
    for (int r = 0; r < MI__TILE_ROWS; r++) {
        UNROLL_ALL
        for (int s = 0; s < vectors; s++) {
            double *to = c + r * t->ldc + s * WIDE;
            wide_store(to, t->add ? (wide)(wide_load(to) + sum[r][s]) : sum[r][s]);
        }
    }
}

static void tiles(const mi__tiles *t, int64_t begin, int64_t end) {
    for (int64_t j = 0; j < t->columns; j += PANEL_VECTORS * WIDE)
        for (int64_t i = begin; i < end; i++)
            switch (MI__MIN(t->columns - j, PANEL_VECTORS * WIDE) / WIDE) {
            case 1: one_tile(1, t, i * MI__TILE_ROWS, j); break;
            case 2: one_tile(2, t, i * MI__TILE_ROWS, j); break;
#if PANEL_VECTORS == 4
            case 3: one_tile(3, t, i * MI__TILE_ROWS, j); break;
            case 4: one_tile(4, t, i * MI__TILE_ROWS, j); break;
#endif
            }
}

/* ln x for finite x above 0, to 1 ulp. x = 2^k (1 + f) with 1 + f in sqrt(1/2) .. sqrt(2), and with
 * s = f / (2 + f), ln(1 + f) = f - f f / 2 + s (f f / 2 + R(s s)): the polynomial R of fdlibm
 * (Copyright (C) 1993 by Sun Microsystems, Inc.; freely granted). There is nothing to branch
 * on, so that compilers make vectors of it. */
INLINE double plain_log(double x) {
    const uint64_t half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000; /* sqrt(1/2), 1 */
    const bool tiny = x < DBL_MIN;
    const double scaled = tiny ? x * 0x1p54 : x;
    uint64_t bits, power;
    double m, k;
    memcpy(&bits, &scaled, sizeof bits);
    bits += one - half;
    power = bits >> 52 | 0x4330000000000000; /* 2^52 + 1023 + k */
    bits = (bits & 0x000fffffffffffff) + half;
    memcpy(&m, &bits, sizeof m);
    memcpy(&k, &power, sizeof k);
    k -= 0x1p52 + 1023 + (tiny ? 54 : 0);
    const double f = m - 1, s = f / (2 + f), z = s * s, w = z * z, square = 0.5 * f * f;
    const double odd = z * (6.666666666666735130e-01 +
                            w * (2.857142874366239149e-01 +
                                 w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    const double even = w * (3.999999999940941908e-01 +
                             w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    return k * 6.93147180369123816490e-01 -
           ((square - (s * (square + odd + even) + k * 1.90821492927058770002e-10)) - f);
}

#define SLOPES 16

static double slopes(int64_t n, const double *a, double total, double row, const double *column,
                     double *g) {
    double loss[SLOPES] = {0}, sum = 0;
    for (int64_t first = 0; first < n; first += SLOPES) {
        const int64_t count = MI__MIN(n - first, SLOPES);
        double p[SLOPES] = {0}, other[SLOPES] = {0}, slope[SLOPES];
        memcpy(p, a + first, (size_t)count * sizeof *p);
        memcpy(other, column + first, (size_t)count * sizeof *p);
        for (int i = 0; i < SLOPES; i++) {
            p[i] = p[i] / total;
            slope[i] = row + other[i] - plain_log(p[i] > 0 ? p[i] : 1);
            loss[i] += p[i] * slope[i];
            slope[i] = p[i] > 0 ? slope[i] : HUGE_VAL;
        }
        memcpy(g + first, slope, (size_t)count * sizeof *slope);
    }
    for (int i = 0; i < SLOPES; i++)
        sum += loss[i];
    return sum;
}
