/* SPDX-License-Identifier: BSD-2-Clause */
/* The product at the heart of the tuned convolutions: 6 rows by one panel of columns, all of it in
 * registers, for matrices small enough to be in the caches already. */

#define ROWS 6

/* c[i][j] (+)= sum over k: a[i][k] b[k][j], for i < ROWS, j < vectors * LANES = the row length of b
 * and c. An element of a is at i * row + k * step. */
INLINE void multiply_rows(const int vectors, int64_t depth, const float *a, int64_t row,
                          int64_t step, const float *b, float *c, bool add) {
    vec sum[ROWS][PANEL_VECTORS];
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++)
            sum[i][j] = broadcast(0);
    if (add) /* from memory while the sums are made */
        for (int i = 0; i < ROWS * vectors * LANES; i += 16)
            __builtin_prefetch(c + i, 1);
    for (int64_t k = 0; k < depth; k++) {
        vec right[PANEL_VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++)
            right[j] = load(b + j * LANES);
#pragma GCC unroll 6
        for (int i = 0; i < ROWS; i++) {
            vec left = broadcast(a[i * row]);
#pragma GCC unroll 4
            for (int j = 0; j < vectors; j++)
                sum[i][j] = madd(left, right[j], sum[i][j]);
        }
        a += step;
        b += vectors * LANES;
    }
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) {
            float *to = c + (i * vectors + j) * LANES;
            store(to, add ? (vec)(load(to) + sum[i][j]) : sum[i][j]);
        }
}

/* c[rows][width] = a[rows][depth] b[depth][width], rows a multiple of ROWS. */
static void multiply(int64_t vectors, int64_t rows, int64_t depth, const float *a, int64_t lda,
                     const float *b, float *c) {
    for (int64_t i = 0; i < rows; i += ROWS, a += ROWS * lda, c += ROWS * vectors * LANES)
        switch (vectors) {
        case 1: multiply_rows(1, depth, a, lda, 1, b, c, false); break;
        case 2: multiply_rows(2, depth, a, lda, 1, b, c, false); break;
#if PANEL_VECTORS == 4
        case 3: multiply_rows(3, depth, a, lda, 1, b, c, false); break;
        case 4: multiply_rows(4, depth, a, lda, 1, b, c, false); break;
#endif
        }
}

/* c[rows][width] += transposed a[depth][rows] b[depth][width]; the same. */
static void multiply_transposed(int64_t vectors, int64_t rows, int64_t depth, const float *a,
                                int64_t lda, const float *b, float *c) {
    for (int64_t i = 0; i < rows; i += ROWS, a += ROWS, c += ROWS * vectors * LANES)
        switch (vectors) {
        case 1: multiply_rows(1, depth, a, 1, lda, b, c, true); break;
        case 2: multiply_rows(2, depth, a, 1, lda, b, c, true); break;
#if PANEL_VECTORS == 4
        case 3: multiply_rows(3, depth, a, 1, lda, b, c, true); break;
        case 4: multiply_rows(4, depth, a, 1, lda, b, c, true); break;
#endif
        }
}
