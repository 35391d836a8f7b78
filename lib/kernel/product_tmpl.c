/* SPDX-License-Identifier: BSD-2-Clause */
/* The product of matrices: C is made in tiles that stay in registers while DEPTH terms are added.
 * For each DEPTH a block of B is packed into panels as wide as a tile, which stay in the L2 cache
 * while the rows of A pass. Where A is transposed, a strip of it is packed too: columns at strides
 * of powers of two compete for the same lines of a cache. Threads share out the elements of C, and
 * each element is the same sum whoever makes it. */

#define DEPTH 256
#define BLOCK_COLS (24 * LANES) /* of B: 24 KiB a lane with all of DEPTH, half of a usual L2 */
#define STRIP 192               /* rows of C that a packed strip of A has */
#define NARROW 12               /* rows of C that are not worth packing B for */
#define THIN 3                  /* terms of a sum that tiles are too much for */
#define THIN_ROWS 16
#define AHEAD 16           /* rows that are asked for before they are packed */
#define WORTH (1 << 19)    /* multiplications that pay for waking another thread */
#define PITCH (STRIP + 16) /* of a packed strip: an odd number of lines of a cache */
#define PART_FLOATS (DEPTH * (BLOCK_COLS + PITCH))

typedef struct product_job {
    bool ta, tb;
    int64_t m, n, k, lda, ldb, ldc;
    const float *a, *b;
    double beta;
    float *c, *work;
    int64_t row_parts, col_parts; /* how C is shared out */
} product_job;

/* -- packing ---------------------------------------------------------------------------------- */

/* Four columns of up to LANES rows become four rows. */
INLINE void transpose_quad(const float *from, int64_t ld, int64_t rows, int64_t columns, float *to,
                           int64_t width) {
    vec x[4];
    UNROLL_ALL
    for (int i = 0; i < 4; i++)
        x[i] = load_quads(from + i * ld, 4 * ld, (rows - i + 3) / 4, columns);
    transpose_quads(x);
    UNROLL_ALL
    for (int i = 0; i < 4; i++)
        if (i < columns)
            store(to + i * width, x[i]);
}

/* to[l][0..LANES-1] = from[0..LANES-1][l], rows beyond `rows` being 0. */
static void transpose_rows(const float *from, int64_t ld, int64_t rows, int64_t depth, float *to,
                           int64_t width) {
    int64_t l = 0;
    if (rows >= LANES)
        for (; l + 4 <= depth; l += 4)
            transpose_quad(from + l, ld, LANES, 4, to + l * width, width);
    for (; l < depth; l += 4)
        transpose_quad(from + l, ld, MI__MIN(rows, LANES), MI__MIN(depth - l, 4), to + l * width,
                       width);
}

/* to[l][0..count-1] = from[l][0..count-1], the rest of the last vector being 0. Asks for rows
 * ahead: where they are pages apart, no processor does. */
static void copy_rows(const float *from, int64_t ld, int64_t count, int64_t depth, float *to,
                      int64_t width) {
    for (int64_t l = 0; l < depth; l++, from += ld, to += width) {
        const uintptr_t ahead = (uintptr_t)from + (uintptr_t)ld * AHEAD * sizeof *from;
        for (int64_t j = 0; j < count; j += LANES) {
            __builtin_prefetch((const void *)(ahead + (uintptr_t)j * sizeof *from));
            store(to + j, load_lanes(from + j, count - j));
        }
    }
}

/* -- one thread's part ------------------------------------------------------------------------ */

typedef struct span {
    int64_t begin, end;
} span;

static int64_t length(span s) {
    return s.end - s.begin;
}

/* The index-th of `parts` nearly equal parts of a span, cut at multiples of `unit`. */
static span part_of(span s, int64_t unit, int64_t parts, int64_t index) {
    int64_t units = ceiling(length(s), unit), each = units / parts, more = units % parts;
    int64_t begin = s.begin + (each * index + MI__MIN(index, more)) * unit;
    int64_t end = begin + (each + (index < more)) * unit;
    return (span){MI__MIN(begin, s.end), MI__MIN(end, s.end)};
}

/* A block of the product: these rows and columns of C, these terms of each sum. */
typedef struct product_block {
    span rows, cols, terms;
    const float *a; /* element (i, l) is at a + i * row + l * step */
    int64_t row, step;
    const float *b; /* packed, or NULL: as it is */
} product_block;

/* One tile's height of the block. */
static void multiply_tiles(const product_job *p, const product_block *k, span rows) {
    const int64_t depth = length(k->terms), panels = ceiling(length(k->cols), PANEL);
    register_tile t = {.depth = depth,
                       .a = k->a + (rows.begin - k->rows.begin) * k->row,
                       .row = k->row,
                       .step = k->step,
                       .ldc = p->ldc,
                       .beta = k->terms.begin == 0 ? (float)p->beta : 1};
    for (int64_t i = 0; i < panels; i++) {
        span cols = part_of(k->cols, LANES, panels, i);
        int64_t vectors = ceiling(length(cols), LANES);
        t.b = k->b != NULL ? k->b + (cols.begin - k->cols.begin) * depth
                           : p->b + k->terms.begin * p->ldb + cols.begin;
        t.ldb = k->b != NULL ? vectors * LANES : p->ldb;
        t.c = p->c + rows.begin * p->ldc + cols.begin;
        t.last = length(cols) - (vectors - 1) * LANES;
        tile_functions[length(rows) - 1][vectors - 1](&t);
    }
}

static void multiply_strip(const product_job *p, product_block k, float *room) {
    k.a = p->ta ? p->a + k.terms.begin * p->lda + k.rows.begin
                : p->a + k.rows.begin * p->lda + k.terms.begin;
    const bool pack = p->ta && length(k.rows) > ROWS; /* else each number is read once */
    k.row = p->ta ? 1 : p->lda;
    k.step = pack ? PITCH : p->ta ? p->lda : 1;
    if (pack) {
        copy_rows(k.a, p->lda, length(k.rows), length(k.terms), room, PITCH);
        k.a = room;
    }
    const int64_t tiles = ceiling(length(k.rows), ROWS);
    for (int64_t i = 0; i < tiles; i++)
        multiply_tiles(p, &k, part_of(k.rows, 1, tiles, i));
}

static void pack_panels(const product_job *p, const product_block *k, float *to) {
    const int64_t depth = length(k->terms), panels = ceiling(length(k->cols), PANEL);
    for (int64_t i = 0; i < panels; i++) {
        span cols = part_of(k->cols, LANES, panels, i);
        int64_t width = round_up(length(cols), LANES);
        if (p->tb)
            for (int64_t j = 0; j < width; j += LANES)
                transpose_rows(p->b + (cols.begin + j) * p->ldb + k->terms.begin, p->ldb,
                               length(cols) - j, depth, to + j, width);
        else
            copy_rows(p->b + k->terms.begin * p->ldb + cols.begin, p->ldb, length(cols), depth, to,
                      width);
        to += width * depth;
    }
}

static void multiply_block(const product_job *p, span rows, span cols, span terms, float *room) {
    product_block k = {.cols = cols, .rows = rows, .terms = terms};
    if (p->tb || length(cols) % LANES != 0 || (length(rows) > NARROW && p->ldb > PANEL)) {
        pack_panels(p, &k, room);
        k.b = room;
    }
    const int64_t strips = ceiling(length(rows), STRIP);
    for (int64_t i = 0; i < strips; i++) {
        k.rows = part_of(rows, ROWS, strips, i);
        multiply_strip(p, k, room + DEPTH * BLOCK_COLS);
    }
}

static void multiply_part(void *arg, int64_t index) {
    const product_job *p = arg;
    const span m = {0, p->m}, n = {0, p->n}, terms = {0, p->k};
    span rows = part_of(m, 1, p->row_parts, index / p->col_parts);
    span cols = part_of(n, LANES, p->col_parts, index % p->col_parts);
    int64_t blocks = ceiling(length(cols), BLOCK_COLS), depths = ceiling(p->k, DEPTH);
    for (int64_t j = 0; j < blocks; j++)
        for (int64_t l = 0; l < depths; l++)
            multiply_block(p, rows, part_of(cols, LANES, blocks, j), part_of(terms, 1, depths, l),
                           p->work + index * PART_FLOATS);
}

/* -- sharing out ------------------------------------------------------------------------------ */

/* Chooses what takes least, the packing counted: as long as 8 rows of C, or 4 columns. */
static void share_out(product_job *p, int64_t threads) {
    double least = HUGE_VAL;
    for (int64_t i = 1; i <= threads; i++) {
        int64_t j = threads / i, vectors = ceiling(p->n, LANES);
        double rows = (double)ceiling(p->m, i), cols = (double)(ceiling(vectors, j) * LANES);
        double cost = rows * cols + 8 * cols + (p->ta ? 4 * rows : 0);
        if (cost < least) {
            least = cost;
            p->row_parts = i;
            p->col_parts = j;
        }
    }
}

static size_t product_work(const mi_context *ctx) {
    return (size_t)ctx->threads * PART_FLOATS * sizeof(float);
}

/* -- sums of few terms ------------------------------------------------------------------------ */

/* Rows of C as they come: there is nothing to keep in registers from one to the next but a vector
 * of each row of B. */
INLINE void thin_columns(const int terms, const product_job *p, int64_t begin, int64_t end,
                         int64_t column) {
    const int64_t count = p->n - column;
    const float *a = p->a + begin * p->lda;
    float *c = p->c + begin * p->ldc + column;
    const vec beta = broadcast((float)p->beta);
    vec b[THIN];
    UNROLL
    for (int l = 0; l < terms; l++)
        b[l] = load_lanes(p->b + l * p->ldb + column, count);
    for (int64_t i = begin; i < end; i++, a += p->lda, c += p->ldc) {
        vec sum = broadcast(a[0]) * b[0];
        UNROLL
        for (int l = 1; l < terms; l++)
            sum = madd(broadcast(a[l]), b[l], sum);
        if (p->beta != 0)
            sum = madd(beta, load_lanes(c, count), sum);
        store_lanes(c, count, sum);
    }
}

/* Few rows at a time, so that a line of C is in the cache until it is complete. */
static void multiply_thin(void *arg, int64_t begin, int64_t end) {
    const product_job p = *(const product_job *)arg;
    for (int64_t i = begin, last; i < end; i = last) {
        last = MI__MIN(i + (p.n <= PANEL ? end - i : THIN_ROWS), end);
        for (int64_t j = 0; j < p.n; j += LANES)
            if (p.k == 1)
                thin_columns(1, &p, i, last, j);
            else if (p.k == 2)
                thin_columns(2, &p, i, last, j);
            else
                thin_columns(THIN, &p, i, last, j);
    }
}

static void product(mi_context *ctx, bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                    const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                    int64_t ldc, void *work) {
    product_job job = {ta, tb, m, n, k, lda, ldb, ldc, a, b, beta, c, work, 1, 1};
    if (m <= 0 || n <= 0 || k <= 0) {
        mi__gemm_f32(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    if (!ta && !tb && k <= THIN) {
        mi__parallel_ranges(ctx, m, WORTH / 8 / n + 1, multiply_thin, &job);
        return;
    }
    double worth = (double)m * (double)n * (double)k / WORTH;
    share_out(&job, worth < ctx->threads ? MI__MAX((int64_t)worth, 1) : ctx->threads);
    mi__parallel_for(ctx, job.row_parts * job.col_parts, multiply_part, &job);
}
