/* SPDX-License-Identifier: BSD-2-Clause */
/* The product at the heart of everything: up to 6 rows by one panel of columns, all of it in
 * registers, of matrices that are in the caches already. */

#define ROWS 6

/* c = beta c + a b, where element (i, l) of a is at i * row + l * step. The last vector of a row of
 * b and c has `last` lanes. */
typedef struct register_tile {
    int64_t depth;
    const float *a;
    int64_t row, step;
    const float *b;
    int64_t ldb;
    float *c;
    int64_t ldc, last;
    float beta; /* 0: c is not read */
} register_tile;

INLINE void product_tile(const int rows, const int vectors, const register_tile *of) {
    const register_tile t = *of;
    const float *a = t.a, *b = t.b;
    vec sum[ROWS][PANEL_VECTORS];
    UNROLL_ALL
    for (int i = 0; i < rows; i++) {
        UNROLL_ALL
        for (int j = 0; j < vectors; j++) {
            sum[i][j] = broadcast(0);
            __builtin_prefetch(t.c + i * t.ldc + j * LANES, 1);
        }
    }
    for (int64_t l = 0; l < t.depth; l++, a += t.step, b += t.ldb) {
        vec right[PANEL_VECTORS];
        UNROLL_ALL
        for (int j = 0; j < vectors; j++)
            right[j] = load(b + j * LANES);
        UNROLL_ALL
        for (int i = 0; i < rows; i++) {
            vec left = broadcast(a[i * t.row]);
            UNROLL_ALL
            for (int j = 0; j < vectors; j++)
                sum[i][j] = madd(left, right[j], sum[i][j]);
        }
    }
    UNROLL_ALL
    for (int i = 0; i < rows; i++) {
        UNROLL_ALL
        for (int j = 0; j < vectors; j++) {
            float *to = t.c + i * t.ldc + j * LANES;
            int64_t count = j + 1 < vectors ? LANES : t.last;
            if (t.beta != 0)
                sum[i][j] = madd(broadcast(t.beta), load_lanes(to, count), sum[i][j]);
            store_lanes(to, count, sum[i][j]);
        }
    }
}

typedef void (*tile_function)(const register_tile *t);

#define TILE(rows, vectors)                                                                        \
    static void tile_##rows##_##vectors(const register_tile *t) {                                  \
        product_tile(rows, vectors, t);                                                            \
    }
/* clang-format off */
#if PANEL_VECTORS == 4
#define TILES(rows) TILE(rows, 1) TILE(rows, 2) TILE(rows, 3) TILE(rows, 4)
#define NAMES(rows) {tile_##rows##_1, tile_##rows##_2, tile_##rows##_3, tile_##rows##_4}
#else
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
#define NAMES(rows) {tile_##rows##_1, tile_##rows##_2}
#endif

TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6)

static const tile_function tile_functions[ROWS][PANEL_VECTORS] = {
    NAMES(1), NAMES(2), NAMES(3), NAMES(4), NAMES(5), NAMES(6)};
/* clang-format on */

/* c[rows][width] += transposed a[depth][rows] b[depth][width], rows a multiple of ROWS, and width
 * that many vectors, at most a panel. */
static void multiply_transposed(int64_t vectors, int64_t rows, int64_t depth, const float *a,
                                int64_t lda, const float *b, float *c) {
    const int64_t width = vectors * LANES;
    register_tile t = {depth, a, 1, lda, b, width, c, width, LANES, 1};
    for (int64_t i = 0; i < rows; i += ROWS, t.a += ROWS, t.c += ROWS * width)
        tile_functions[ROWS - 1][vectors - 1](&t);
}
