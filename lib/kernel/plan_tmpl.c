/* SPDX-License-Identifier: BSD-2-Clause */
/* How a convolution is cut into tiles, and how tiles get in and out of the transformed domain.
 *
 *   x -> v [points][tiles][ldv]      weight -> u [panels][points][depth][panel]
 *   y <- products [points][tiles][panel], or dy -> g [points][panels][tiles][panel]
 *
 * With few input channels transforms don't pay: then a tile is one pixel, there is one point, and v
 * holds the pixel's neighbourhood, [3][3][in]. */

#define DIRECT_CHANNELS 4
#define BLOCK_TILES 48 /* tiles that are transformed and multiplied at a time, in the L2 cache */
#define PLANE_GAP 16   /* keeps the points' planes from competing for the same lines of a cache */

typedef struct plan {
    mi__conv s;
    int64_t m, points;           /* side of an output tile, products per tile; direct: 1, 1 */
    int64_t down, across, tiles; /* tiles in a map and in all */
    int64_t depth, ldv;          /* what a product sums over, and the length of its rows */
    int64_t width, panels;       /* output channels in whole vectors, and in panels */
} plan;

/* The tile size with the fewest products. */
static int64_t best_tile(const mi__conv *s) {
    int64_t best = 0, fewest = INT64_MAX;
    for (int64_t m = 2; m <= 4; m++) {
        int64_t products = ((s->h + m - 1) / m) * ((s->w + m - 1) / m) * (m + 2) * (m + 2);
        if (products < fewest) {
            fewest = products;
            best = m;
        }
    }
    return best;
}

static plan make_plan(const mi__conv *s) {
    plan p = {.s = *s, .m = 1, .points = 1, .depth = 9 * s->in};
    if (s->in > DIRECT_CHANNELS) {
        p.m = best_tile(s);
        p.points = (p.m + 2) * (p.m + 2);
        p.depth = s->in;
    }
    p.down = (s->h + p.m - 1) / p.m;
    p.across = (s->w + p.m - 1) / p.m;
    p.tiles = s->n * p.down * p.across;
    p.ldv = round_up(p.depth, LANES) + (p.m == 1 ? LANES : 0);
    p.width = round_up(s->out, LANES);
    p.panels = (p.width + PANEL - 1) / PANEL;
    return p;
}

/* Row length of a panel: the last one may be narrower. */
static int64_t panel_width(const plan *p, int64_t panel) {
    return MI__MIN(PANEL, p->width - panel * PANEL);
}

/* Where a tile is: the image, and its place among the tiles of the map. */
typedef struct place {
    int64_t n, row, column;
} place;

static place place_of(const plan *p, int64_t tile) {
    int64_t row = tile / p->across;
    return (place){row / p->down, row % p->down, tile % p->across};
}

static void advance(const plan *p, place *at) {
    if (++at->column == p->across) {
        at->column = 0;
        if (++at->row == p->down) {
            at->row = 0;
            at->n++;
        }
    }
}

/* The size x size pixels of a tile, in rows of MAX_P; `zeros` where they are off the map. */
INLINE void locate(const plan *p, const int size, const float *map, int64_t channels, place tile,
                   int64_t border, const float *zeros, const float **at) {
    const int64_t h = p->s.h, w = p->s.w;
    int64_t top = tile.row * p->m - border, left = tile.column * p->m - border;
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            int64_t r = top + i, q = left + j;
            bool inside = r >= 0 && r < h && q >= 0 && q < w;
            at[i * MAX_P + j] = inside ? map + ((tile.n * h + r) * w + q) * channels : zeros;
        }
}

INLINE void load_pixels(const int size, const float *const *at, int64_t channel, int64_t count,
                        vec *x) {
#pragma GCC unroll 6
    for (int i = 0; i < size; i++)
#pragma GCC unroll 6
        for (int j = 0; j < size; j++)
            x[i * MAX_P + j] = load_lanes(at[i * MAX_P + j] + channel, count);
}

INLINE void store_points(const int size, const vec *x, float *to, int64_t plane) {
#pragma GCC unroll 6
    for (int i = 0; i < size; i++)
#pragma GCC unroll 6
        for (int j = 0; j < size; j++)
            store(to + (i * size + j) * plane, x[i * MAX_P + j]);
}

INLINE void load_points(const int size, const float *from, int64_t plane, vec *x) {
#pragma GCC unroll 6
    for (int i = 0; i < size; i++)
#pragma GCC unroll 6
        for (int j = 0; j < size; j++)
            x[i * MAX_P + j] = load(from + (i * size + j) * plane);
}

/* -- x to v ----------------------------------------------------------------------------------- */

INLINE void input_vector(const int m, const float *const *at, int64_t channel, int64_t count,
                         float *v, int64_t plane) {
    vec x[MAX_P * MAX_P], t[MAX_P * MAX_P];
    load_pixels(m + 2, at, channel, count, x);
    transform(m + 2, m + 2, input_matrix[m - 2], x, t);
    store_points(m + 2, t, v + channel, plane);
}

/* Asks for the pixels that the tile to the right adds, m in each row. */
INLINE void fetch_next_tile(const int m, int64_t channels, const float *const *at) {
    const uintptr_t bytes = (uintptr_t)channels * sizeof(float);
    for (int i = 0; i < m + 2; i++) {
        uintptr_t next = (uintptr_t)at[i * MAX_P + m] + 2 * bytes;
        for (uintptr_t k = 0; k < (uintptr_t)m * bytes; k += 64)
            __builtin_prefetch((const void *)(next + k));
    }
}

INLINE void input_tile(const int m, const plan *p, const float *x, const float *zeros, place tile,
                       float *v, int64_t plane) {
    const float *at[MAX_P * MAX_P];
    int64_t channel = 0;
    locate(p, m + 2, x, p->s.in, tile, 1, zeros, at);
    fetch_next_tile(m, p->s.in, at);
    for (; channel + LANES <= p->s.in; channel += LANES)
        input_vector(m, at, channel, LANES, v, plane);
    if (channel < p->s.in)
        input_vector(m, at, channel, p->s.in - channel, v, plane);
}

static void input_border(const plan *p, const float *x, const float *zeros, place pixel, float *v) {
    const float *at[MAX_P * MAX_P];
    locate(p, 3, x, p->s.in, pixel, 1, zeros, at);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int64_t c = 0; c < p->s.in; c++)
                *v++ = at[i * MAX_P + j][c];
}

/* Three rows of three pixels. Each store overwrites what the one before wrote too much, and ldv has
 * room for the last. */
static void input_neighbourhood(const plan *p, const float *x, const float *zeros, place pixel,
                                float *v) {
    const int64_t h = p->s.h, w = p->s.w, in = p->s.in;
    if (pixel.row == 0 || pixel.row + 1 == h || pixel.column == 0 || pixel.column + 1 == w) {
        input_border(p, x, zeros, pixel, v);
        return;
    }
    const float *from = x + ((pixel.n * h + pixel.row - 1) * w + pixel.column - 1) * in;
    for (int i = 0; i < 3; i++, from += w * in, v += 3 * in)
        for (int64_t k = 0; k < 3 * in; k += LANES)
            store(v + k, load_lanes(from + k, 3 * in - k));
}

/* Tiles begin .. end - 1 to v [points][end - begin][ldv] with `plane` elements between points. */
static void input_tiles(const plan *p, const float *x, const float *zeros, int64_t begin,
                        int64_t end, float *v, int64_t plane) {
    place at = place_of(p, begin);
    for (int64_t tile = begin; tile < end; tile++, advance(p, &at), v += p->ldv)
        switch (p->m) {
        case 1: input_neighbourhood(p, x, zeros, at, v); break;
        case 2: input_tile(2, p, x, zeros, at, v, plane); break;
        case 3: input_tile(3, p, x, zeros, at, v, plane); break;
        default: input_tile(4, p, x, zeros, at, v, plane); break;
        }
}

/* -- dy to g, one panel ----------------------------------------------------------------------- */

INLINE void gradient_vector(const int m, const float *const *at, int64_t channel, int64_t count,
                            float *g, int64_t plane) {
    vec x[MAX_P * MAX_P], t[MAX_P * MAX_P];
    load_pixels(m, at, channel, count, x);
    transform(m + 2, m, output_matrix_t[m - 2], x, t);
    store_points(m + 2, t, g, plane);
}

/* To row `row` of g, whose panels have `rows` rows. */
INLINE void gradient_tile(const int m, const plan *p, const float *dy, const float *zeros,
                          place tile, int64_t row, float *g, int64_t plane, int64_t rows) {
    const float *at[MAX_P * MAX_P];
    locate(p, m, dy, p->s.out, tile, 0, zeros, at);
    for (int64_t channel = 0; channel < p->s.out; channel += LANES) {
        int64_t panel = channel / PANEL, left = p->s.out - channel;
        float *to = g + panel * PANEL * rows + row * panel_width(p, panel) + channel % PANEL;
        if (m == 1)
            store(to, load_lanes(at[0] + channel, left));
        else if (left >= LANES)
            gradient_vector(m, at, channel, LANES, to, plane);
        else
            gradient_vector(m, at, channel, left, to, plane);
    }
}

/* Tiles begin .. end - 1 to rows `row` and on of g [points][panels][rows][panel]. */
static void gradient_tiles(const plan *p, const float *dy, const float *zeros, int64_t begin,
                           int64_t end, int64_t row, float *g, int64_t plane, int64_t rows) {
    place at = place_of(p, begin);
    for (int64_t tile = begin; tile < end; tile++, advance(p, &at), row++)
        switch (p->m) {
        case 1: gradient_tile(1, p, dy, zeros, at, row, g, plane, rows); break;
        case 2: gradient_tile(2, p, dy, zeros, at, row, g, plane, rows); break;
        case 3: gradient_tile(3, p, dy, zeros, at, row, g, plane, rows); break;
        default: gradient_tile(4, p, dy, zeros, at, row, g, plane, rows); break;
        }
}

/* -- products to y ---------------------------------------------------------------------------- */

INLINE void output_vector(const int m, const float *product, int64_t plane, float *const *at,
                          int64_t channel, int64_t count) {
    vec x[MAX_P * MAX_P], t[MAX_P * MAX_P];
    load_points(m + 2, product, plane, x);
    transform(m, m + 2, output_matrix[m - 2], x, t);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++)
            if (at[i * MAX_P + j] != NULL)
                store_lanes(at[i * MAX_P + j] + channel, count, t[i * MAX_P + j]);
}

INLINE void output_tile(const int m, const plan *p, place tile, int64_t panel, const float *product,
                        int64_t plane, float *y) {
    const float *at[MAX_P * MAX_P];
    locate(p, m, y, p->s.out, tile, 0, NULL, at);
    for (int64_t i = 0; i < panel_width(p, panel); i += LANES) {
        int64_t channel = panel * PANEL + i, left = p->s.out - channel;
        if (m == 1)
            store_lanes((float *)at[0] + channel, left, load(product + i));
        else if (left >= LANES)
            output_vector(m, product + i, plane, (float *const *)at, channel, LANES);
        else
            output_vector(m, product + i, plane, (float *const *)at, channel, left);
    }
}

static void output_tiles(const plan *p, int64_t begin, int64_t end, int64_t panel,
                         const float *product, int64_t plane, float *y) {
    const int64_t width = panel_width(p, panel);
    place at = place_of(p, begin);
    for (int64_t tile = begin; tile < end; tile++, advance(p, &at), product += width)
        switch (p->m) {
        case 1: output_tile(1, p, at, panel, product, plane, y); break;
        case 2: output_tile(2, p, at, panel, product, plane, y); break;
        case 3: output_tile(3, p, at, panel, product, plane, y); break;
        default: output_tile(4, p, at, panel, product, plane, y); break;
        }
}
