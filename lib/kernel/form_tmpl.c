/* SPDX-License-Identifier: BSD-2-Clause */
/* Tiles on their way into the transformed domain and out of it, for each form of Winograd's
 * transforms. In that domain a tile has p x p points, each in a plane of its own. */

/* Pixel (i, j) of the tile in row t and column u of tiles is in row (t m + i) step + row of the
 * map, and likewise across. */
typedef struct grid {
    int64_t h, w, c; /* of the map */
    int64_t step, row, column;
} grid;

/* Where a tile is: the image, and its place among the tiles of the map. */
typedef struct place {
    int64_t n, row, column;
} place;

/* -- moments of what comes out ---------------------------------------------------------------- */

#define TALLY_TERMS 256 /* that are added in float */

/* Sums over a block of tiles and a panel of channels, relative to the first value, which keeps
 * them exact where the mean is large. */
typedef struct tally {
    int64_t count, terms; /* in all, and in float so far */
    float first[PANEL], sum[PANEL], square[PANEL];
    double sums[PANEL], squares[PANEL];
} tally;

static void flush_tally(tally *t) {
    for (int i = 0; i < PANEL; i++) {
        t->sums[i] += (double)t->sum[i];
        t->squares[i] += (double)t->square[i];
        t->sum[i] = t->square[i] = 0;
    }
    t->terms = 0;
}

/* Where an output goes. */
typedef struct sink {
    float *y;
    const float *bias; /* a whole number of panels */
    tally *tally;      /* NULL: not wanted */
} sink;

/* -- pixels ----------------------------------------------------------------------------------- */

/* The size x size pixels of a tile of `m` outputs, in rows of MAX_P; `zeros` where they are off the
 * map. */
INLINE void locate(const grid *g, const int m, const int size, const float *map, place tile,
                   const float *zeros, const float **at) {
    const int64_t top = tile.row * m * g->step + g->row;
    const int64_t left = tile.column * m * g->step + g->column;
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            int64_t r = top + i * g->step, q = left + j * g->step;
            bool inside = r >= 0 && r < g->h && q >= 0 && q < g->w;
            at[i * MAX_P + j] = inside ? map + ((tile.n * g->h + r) * g->w + q) * g->c : zeros;
        }
}

/* Asks for the pixels that the tile to the right adds, m in each row. */
INLINE void fetch_next_tile(const grid *g, const int m, const int p, const float *const *at) {
    const uintptr_t bytes = (uintptr_t)g->c * sizeof(float), step = (uintptr_t)g->step * bytes;
    for (int i = 0; i < p; i++)
        for (int j = p - m; j < p; j++) {
            uintptr_t next = (uintptr_t)at[i * MAX_P + j] + (uintptr_t)m * step;
            for (uintptr_t k = 0; k < bytes; k += 64)
                __builtin_prefetch((const void *)(next + k));
        }
}

/* Asks for where the tile to the right will go. */
INLINE void expect_next_tile(const grid *g, const int m, int64_t channel, int64_t channels,
                             float *const *at) {
    const uintptr_t distance = (uintptr_t)(m * g->step * g->c + channel) * sizeof(float);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++)
            for (uintptr_t k = 0; k < (uintptr_t)channels * sizeof(float); k += 64)
                __builtin_prefetch((const void *)((uintptr_t)at[i * MAX_P + j] + distance + k), 1);
}

/* -- one vector of channels ------------------------------------------------------------------- */

/* The rows of half a transformed tile: the other half, and away with it. */
INLINE void finish_points(const enum matrix matrix, const int p, const int count, const vec *half,
                          float *to, int64_t plane) {
    UNROLL_ALL
    for (int i = 0; i < p; i++) {
        vec t[MAX_P];
        apply(matrix, p, count, half + i * MAX_P, t, 1);
        UNROLL_ALL
        for (int j = 0; j < p; j++)
            store(to + (i * p + j) * plane, t[j]);
    }
}

/* Bt d B or A d At from size x size pixels. */
INLINE void points_of_pixels(const enum matrix matrix, const int p, const int size,
                             const float *const *at, int64_t channel, int64_t count, float *to,
                             int64_t plane) {
    vec half[MAX_P * MAX_P];
    UNROLL_ALL
    for (int j = 0; j < size; j++) {
        vec x[MAX_P];
        UNROLL_ALL
        for (int i = 0; i < size; i++)
            x[i] = load_lanes(at[i * MAX_P + j] + channel, count);
        apply(matrix, p, size, x, half + j, MAX_P);
    }
    finish_points(matrix, p, size, half, to, plane);
}

/* Half of At d A or Gt d G, [count] rows. */
INLINE void half_of_points(const enum matrix matrix, const int p, const int count,
                           const float *from, int64_t plane, vec *half) {
    UNROLL_ALL
    for (int j = 0; j < p; j++) {
        vec x[MAX_P];
        UNROLL_ALL
        for (int i = 0; i < p; i++)
            x[i] = load(from + (i * p + j) * plane);
        apply(matrix, p, count, x, half + j, MAX_P);
    }
}

/* m values of y into the tally's vector at k. */
INLINE void add_to_tally(const int m, tally *t, int64_t k, bool begin, float *const *at,
                         const vec *y) {
    vec first = begin ? y[0] : load(t->first + k);
    vec sum = load(t->sum + k), square = load(t->square + k);
    UNROLL_ALL
    for (int j = 0; j < m; j++)
        if (at[j] != NULL) {
            vec d = y[j] - first;
            sum = sum + d;
            square = madd(d, d, square);
        }
    store(t->first + k, first);
    store(t->sum + k, sum);
    store(t->square + k, square);
}

/* To `count` channels from `channel` on, which is at k in its panel. */
INLINE void output_vector(const int m, const int p, const float *product, int64_t plane,
                          float *const *at, int64_t channel, int64_t k, int64_t count,
                          const sink *to) {
    vec half[MAX_P * MAX_P], bias = load(to->bias + channel);
    half_of_points(AT, p, m, product + k, plane, half);
    UNROLL_ALL
    for (int i = 0; i < m; i++) {
        vec y[MAX_P];
        apply(AT, p, m, half + i * MAX_P, y, 1);
        UNROLL_ALL
        for (int j = 0; j < m; j++) {
            y[j] = y[j] + bias;
            if (at[i * MAX_P + j] != NULL)
                store_lanes(at[i * MAX_P + j] + channel, count, y[j]);
        }
        if (to->tally != NULL)
            add_to_tally(m, to->tally, k, to->tally->count == 0 && i == 0, at + i * MAX_P, y);
    }
}

/* -- one tile --------------------------------------------------------------------------------- */

/* All channels to v. Each store overwrites what the phase before wrote too much. */
INLINE void input_tile(const int m, const int p, const grid *g, place tile, const float *x,
                       const float *zeros, float *v, int64_t plane) {
    const float *at[MAX_P * MAX_P];
    int64_t channel = 0;
    locate(g, m, p, x, tile, zeros, at);
    fetch_next_tile(g, m, p, at);
    for (; channel + LANES <= g->c; channel += LANES)
        points_of_pixels(BT, p, p, at, channel, LANES, v + channel, plane);
    if (channel < g->c)
        points_of_pixels(BT, p, p, at, channel, g->c - channel, v + channel, plane);
}

/* All channels to row `row` of [panels][rows][panel]. */
INLINE void gradient_tile(const int m, const int p, const grid *g, place tile, const float *dy,
                          const float *zeros, float *to, int64_t plane, int64_t row, int64_t rows) {
    const float *at[MAX_P * MAX_P];
    const int64_t width = round_up(g->c, LANES);
    locate(g, m, m, dy, tile, zeros, at);
    for (int64_t channel = 0; channel < g->c; channel += LANES) {
        int64_t k = channel % PANEL, left = g->c - channel, panel = channel - k;
        float *at_row = to + panel * rows + row * MI__MIN(PANEL, width - panel) + k;
        if (left >= LANES)
            points_of_pixels(A, p, m, at, channel, LANES, at_row, plane);
        else
            points_of_pixels(A, p, m, at, channel, left, at_row, plane);
    }
}

/* `channels` from `channel` on. */
INLINE void output_tile(const int m, const int p, const grid *g, place tile, int64_t channel,
                        int64_t channels, const float *product, int64_t plane, const sink *to) {
    const float *found[MAX_P * MAX_P];
    float *const *at = (float *const *)found;
    int64_t k = 0;
    locate(g, m, m, to->y, tile, NULL, found);
    expect_next_tile(g, m, channel, channels, at);
    for (; k + LANES <= channels; k += LANES)
        output_vector(m, p, product, plane, at, channel + k, k, LANES, to);
    if (k < channels)
        output_vector(m, p, product, plane, at, channel + k, k, channels - k, to);
    if (to->tally == NULL)
        return;
    tally *t = to->tally;
    t->count += MI__MIN(m, g->h - tile.row * m) * MI__MIN(m, g->w - tile.column * m);
    t->terms += m * m;
    if (t->terms + m * m > TALLY_TERMS)
        flush_tally(t);
}

/* -- weights: a vector of output channels ----------------------------------------------------- */

/* taps [r][r][LANES] */
INLINE void weight_points(const int p, const int r, const float *taps, float *u, int64_t plane) {
    vec half[MAX_P * MAX_P];
    for (int j = 0; j < r; j++) {
        vec x[MAX_P];
        for (int i = 0; i < r; i++)
            x[i] = load(taps + (i * r + j) * LANES);
        apply(G, p, r, x, half + j, MAX_P);
    }
    finish_points(G, p, r, half, u, plane);
}

INLINE void weight_taps(const int p, const int r, const float *du, int64_t plane, float *taps) {
    vec half[MAX_P * MAX_P];
    half_of_points(GT, p, r, du, plane, half);
    for (int i = 0; i < r; i++) {
        vec t[MAX_P];
        apply(GT, p, r, half + i * MAX_P, t, 1);
        for (int j = 0; j < r; j++)
            store(taps + (i * r + j) * LANES, t[j]);
    }
}

/* -- the forms -------------------------------------------------------------------------------- */

typedef struct form {
    int m, r, p;
    void (*input)(const grid *g, place tile, const float *x, const float *zeros, float *v,
                  int64_t plane);
    void (*gradient)(const grid *g, place tile, const float *dy, const float *zeros, float *to,
                     int64_t plane, int64_t row, int64_t rows);
    void (*output)(const grid *g, place tile, int64_t channel, int64_t channels,
                   const float *product, int64_t plane, const sink *to);
    void (*points)(const float *taps, float *u, int64_t plane);
    void (*taps)(const float *du, int64_t plane, float *taps);
} form;

#define FORM(m, r)                                                                                 \
    static void input_##m##_##r(const grid *g, place tile, const float *x, const float *zeros,     \
                                float *v, int64_t plane) {                                         \
        input_tile(m, m + r - 1, g, tile, x, zeros, v, plane);                                     \
    }                                                                                              \
    static void gradient_##m##_##r(const grid *g, place tile, const float *dy, const float *zeros, \
                                   float *to, int64_t plane, int64_t row, int64_t rows) {          \
        gradient_tile(m, m + r - 1, g, tile, dy, zeros, to, plane, row, rows);                     \
    }                                                                                              \
    static void output_##m##_##r(const grid *g, place tile, int64_t channel, int64_t channels,     \
                                 const float *product, int64_t plane, const sink *to) {            \
        output_tile(m, m + r - 1, g, tile, channel, channels, product, plane, to);                 \
    }                                                                                              \
    static void points_##m##_##r(const float *taps, float *u, int64_t plane) {                     \
        weight_points(m + r - 1, r, taps, u, plane);                                               \
    }                                                                                              \
    static void taps_##m##_##r(const float *du, int64_t plane, float *taps) {                      \
        weight_taps(m + r - 1, r, du, plane, taps);                                                \
    }
#define NAMES_OF_FORM(m, r)                                                                        \
    {                                                                                              \
        m, r, m + r - 1, input_##m##_##r, gradient_##m##_##r, output_##m##_##r, points_##m##_##r,  \
            taps_##m##_##r                                                                         \
    }

/* clang-format off */
FORM(2, 2) FORM(3, 2) FORM(4, 2) FORM(5, 2)
FORM(2, 3) FORM(3, 3) FORM(4, 3) FORM(6, 3)
FORM(2, 5) FORM(4, 5)

static const form forms[] = {
    NAMES_OF_FORM(2, 2), NAMES_OF_FORM(3, 2), NAMES_OF_FORM(4, 2), NAMES_OF_FORM(5, 2),
    NAMES_OF_FORM(2, 3), NAMES_OF_FORM(3, 3), NAMES_OF_FORM(4, 3), NAMES_OF_FORM(6, 3),
    NAMES_OF_FORM(2, 5), NAMES_OF_FORM(4, 5)};
/* clang-format on */
