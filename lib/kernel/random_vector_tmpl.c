/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers in vectors: as many blocks of Philox (see base/random.h) at once as there are
 * lanes. Which block a lane has is chosen so that transposing quads leaves them in order. */

typedef uint32_t words __attribute__((vector_size(MI__VECTOR_BYTES)));
typedef uint64_t long_words __attribute__((vector_size(MI__VECTOR_BYTES)));
typedef int32_t whole __attribute__((vector_size(MI__VECTOR_BYTES)));

INLINE words all_words(uint32_t x) {
    return (words){0} + x;
}

/* Both halves of the products of 32 bits. */
INLINE void multiply_wide(words x, uint32_t factor, words *high, words *low) {
#if MI__VECTOR_BYTES == 64
    const __m512i a = (__m512i)x, f = _mm512_set1_epi32((int)factor);
    const __m512i even = _mm512_mul_epu32(a, f),
                  odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), f);
    *low = (words)_mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
    *high = (words)_mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
#elif MI__VECTOR_BYTES == 32
    const __m256i a = (__m256i)x, f = _mm256_set1_epi32((int)factor);
    const __m256i even = _mm256_mul_epu32(a, f),
                  odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), f);
    *low = (words)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
    *high = (words)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
#else
    const long_words low_half = (long_words){0} + 0xffffffffu;
    const long_words even = ((long_words)x & low_half) * factor,
                     odd = ((long_words)x >> 32) * factor;
    *low = (words)((even & low_half) | (odd << 32));
    *high = (words)((even >> 32) | (odd & ~low_half));
#endif
}

/* LANES blocks from `first` on. */
INLINE void draw_blocks(uint64_t seed, uint64_t stream, uint64_t first, words c[4]) {
    words offset;
    for (int i = 0; i < LANES; i++)
        offset[i] = (uint32_t)(i % 4 * (LANES / 4) + i / 4);
    c[0] = all_words((uint32_t)first) + offset;
    c[1] = all_words((uint32_t)(first >> 32)) - (words)(c[0] < offset);
    c[2] = all_words((uint32_t)stream);
    c[3] = all_words((uint32_t)(stream >> 32));
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        words high[2], low[2];
        multiply_wide(c[0], 0xD2511F53u, &high[0], &low[0]);
        multiply_wide(c[2], 0xCD9E8D57u, &high[1], &low[1]);
        c[0] = high[1] ^ c[1] ^ all_words(k0);
        c[1] = low[1];
        c[2] = high[0] ^ c[3] ^ all_words(k1);
        c[3] = low[0];
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

INLINE vec from_whole(whole x) {
    return (vec) __builtin_convertvector(x, vec);
}

/* x + 1/2, rounded once. */
INLINE vec and_half(words x) {
    const vec low = from_whole((whole)(x & 0xffff)) + broadcast(0.5f);
    return madd(from_whole((whole)(x >> 16)), broadcast(65536), low);
}

/* ln((x + 1/2) 2^-32), never positive. Near 1 it comes from the distance to 1, which is known to
 * all of its digits. */
INLINE vec log_of_share(words x) {
    const words root_half =
        all_words(0x3f3504f3u); /* of 1/2: mantissas are within it and its double */
    const words w = (words)and_half(x);
    const whole power = (whole)(w - root_half) >> 23;
    const vec f =
        choose(less(from_whole(power), broadcast(32)),
               (vec)(w - ((words)power << 23)) - broadcast(1), broadcast(-0x1p-32f) * and_half(~x));
    const vec n = from_whole(power) - broadcast(32), square = f * f;
    vec y = madd(broadcast(7.0376836292e-2f), f, broadcast(-1.1514610310e-1f));
    y = madd(y, f, broadcast(1.1676998740e-1f));
    y = madd(y, f, broadcast(-1.2420140846e-1f));
    y = madd(y, f, broadcast(1.4249322787e-1f));
    y = madd(y, f, broadcast(-1.6668057665e-1f));
    y = madd(y, f, broadcast(2.0000714765e-1f));
    y = madd(y, f, broadcast(-2.4999993993e-1f));
    y = madd(y, f, broadcast(3.3333331174e-1f));
    y = madd(y * f, square, n * broadcast(-2.12194440e-4f));
    y = madd(broadcast(-0.5f), square, y) + f;
    return madd(n, broadcast(0.693359375f), y);
}

/* The cosine and the sine of x 2^-32 turns: at most an eighth of a turn from one of four. */
INLINE void turn(words x, vec *cosine, vec *sine) {
    const words quarter = (x + 0x20000000u) >> 30;
    const vec t = from_whole((whole)(x - (quarter << 30))) * broadcast(0x1.921fb6p-30f);
    const vec square = t * t;
    vec c = madd(broadcast(2.443315711809948e-5f), square, broadcast(-1.388731625493765e-3f));
    c = madd(c, square, broadcast(4.166664568298827e-2f));
    c = madd(c, square, broadcast(-0.5f));
    c = madd(c, square, broadcast(1));
    vec s = madd(broadcast(-1.9515295891e-4f), square, broadcast(8.3321608736e-3f));
    s = madd(s, square, broadcast(-1.6666654611e-1f));
    s = madd(s * square, t, t);
    const lane_mask odd = less(broadcast(0), from_whole((whole)(quarter & 1)));
    const words cosine_sign = (quarter + 1) >> 1 << 31, sine_sign = quarter >> 1 << 31;
    *cosine = (vec)((words)choose(odd, s, c) ^ cosine_sign);
    *sine = (vec)((words)choose(odd, c, s) ^ sine_sign);
}

INLINE void to_uniforms(const words *block, vec *y) {
    for (int j = 0; j < 4; j++)
        y[j] = from_whole((whole)(block[j] >> 8)) * broadcast(0x1p-24f);
}

INLINE void to_normals(const words *block, vec *y) {
    for (int j = 0; j < 4; j += 2) {
        const vec radius = root(broadcast(-2) * log_of_share(block[j]));
        vec cosine, sine;
        turn(block[j + 1], &cosine, &sine);
        y[j] = radius * cosine;
        y[j + 1] = radius * sine;
    }
}

/* Whole groups of blocks go where they belong, of the first and the last one only a part may. */
INLINE void draw(uint64_t seed, uint64_t stream, int64_t first, int64_t n, float *out,
                 void (*to_numbers)(const words *block, vec *y)) {
    float spare[4 * LANES];
    for (int64_t skip = first % 4, count; n > 0; skip = 0, n -= count) {
        words block[4];
        vec y[4];
        draw_blocks(seed, stream, (uint64_t)first / 4, block);
        to_numbers(block, y);
        transpose_quads(y);
        count = MI__MIN(4 * LANES - skip, n);
        float *to = count == 4 * LANES ? out : spare;
        for (int j = 0; j < 4; j++)
            store(to + j * LANES, y[j]);
        if (to == spare)
            memcpy(out, spare + skip, (size_t)count * sizeof *out);
        out += count;
        first += count;
    }
}

static void uniforms(uint64_t seed, uint64_t stream, int64_t first, int64_t n, void *out) {
    draw(seed, stream, first, n, out, to_uniforms);
}

static void normals(uint64_t seed, uint64_t stream, int64_t first, int64_t n, void *out) {
    draw(seed, stream, first, n, out, to_normals);
}
