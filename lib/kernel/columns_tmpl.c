/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums of columns, and a bias.
 *
 * Sums over rows are sums over blocks of rows, always the same ones, added in order. Within a block
 * a few rows are summed in the own precision first, so that most of the work isn't conversion. */

#define BLOCK 64   /* rows at least */
#define BLOCKS 128 /* at most */

typedef struct column_job {
    int64_t rows, c;
    const real *x;
    real *y;
    double *sums; /* [blocks][2][c] */
} column_job;

static int64_t block_rows(int64_t rows) {
    return MI__MAX((rows + BLOCKS - 1) / BLOCKS, BLOCK);
}

static int64_t block_count(int64_t rows) {
    return (rows + block_rows(rows) - 1) / block_rows(rows);
}

/* The blocks' sums and two rows for what follows from them. */
static size_t norm_work(const mi_context *ctx, int64_t rows, int64_t c) {
    (void)ctx;
    return (size_t)((block_count(rows) + 2) * 2 * c) * sizeof(double);
}

/* body(job, block) for all blocks, then their sums in the first: [2][c]. */
static void sum_blocks(mi_context *ctx, int64_t rows, int64_t c, double *sums,
                       void (*body)(void *job, int64_t block), void *job) {
    const int64_t blocks = block_count(rows);
    if (rows < GRAIN / c)
        for (int64_t b = 0; b < blocks; b++)
            body(job, b);
    else
        mi__parallel_for(ctx, blocks, body, job);
    for (int64_t b = 1; b < blocks; b++)
        for (int64_t i = 0; i < 2 * c; i++)
            sums[i] += sums[b * 2 * c + i];
}

/* -- moments ---------------------------------------------------------------------------------- */

/* Adds `count` rows, known at compile time, and their squares, both relative to the first row of
 * all, which keeps the variance exact where the mean is large. */
ALWAYS_INLINE void add_moments(const column_job *job, int64_t r, const int count,
                               double *restrict sum, double *restrict square) {
    const int64_t c = job->c;
    const real *restrict first = job->x, *restrict x = job->x + r * c;
    fetch_ahead(x, count * c);
    for (int64_t i = 0; i < c; i++) {
        real s = 0, q = 0;
        UNROLL
        for (int k = 0; k < count; k++) {
            const real d = x[k * c + i] - first[i];
            s += d;
            q += d * d;
        }
        sum[i] += (double)s;
        square[i] += (double)q;
    }
}

static void moments_block(void *arg, int64_t b) {
    const column_job *job = arg;
    int64_t r = b * block_rows(job->rows), end = MI__MIN(job->rows, r + block_rows(job->rows));
    double *sum = job->sums + b * 2 * job->c, *square = sum + job->c;
    memset(sum, 0, (size_t)(2 * job->c) * sizeof *sum);
    for (; r + 8 <= end; r += 8)
        add_moments(job, r, 8, sum, square);
    for (; r < end; r++)
        add_moments(job, r, 1, sum, square);
}

static void moments(mi_context *ctx, int64_t rows, int64_t c, const void *x, void *mean,
                    void *variance, void *work) {
    column_job job = {.rows = rows, .c = c, .x = x, .sums = work};
    sum_blocks(ctx, rows, c, job.sums, moments_block, &job);
    for (int64_t i = 0; i < c; i++) {
        double m = job.sums[i] / (double)rows;
        ((real *)mean)[i] = (real)((double)job.x[i] + m);
        ((real *)variance)[i] = (real)MI__MAX(job.sums[c + i] / (double)rows - m * m, 0);
    }
}

/* -- bias ------------------------------------------------------------------------------------- */

static void bias_rows(void *arg, int64_t begin, int64_t end) {
    const column_job *job = arg;
    const real *restrict shift = job->x;
    for (int64_t r = begin; r < end; r++) {
        real *restrict y = job->y + r * job->c;
        for (int64_t i = 0; i < job->c; i++)
            y[i] += shift[i];
    }
}

static void bias(mi_context *ctx, int64_t rows, int64_t c, const void *shift, void *y) {
    column_job job = {.rows = rows, .c = c, .x = shift, .y = y};
    mi__parallel_ranges(ctx, rows, GRAIN / c + 1, bias_rows, &job);
}

ALWAYS_INLINE void add_columns(const column_job *job, int64_t r, const int count,
                               double *restrict sum) {
    const int64_t c = job->c;
    const real *restrict x = job->x + r * c;
    fetch_ahead(x, count * c);
    for (int64_t i = 0; i < c; i++) {
        real s = 0;
        UNROLL
        for (int k = 0; k < count; k++)
            s += x[k * c + i];
        sum[i] += (double)s;
    }
}

static void columns_block(void *arg, int64_t b) {
    const column_job *job = arg;
    int64_t r = b * block_rows(job->rows), end = MI__MIN(job->rows, r + block_rows(job->rows));
    double *sum = job->sums + b * 2 * job->c;
    memset(sum, 0, (size_t)(2 * job->c) * sizeof *sum);
    for (; r + 8 <= end; r += 8)
        add_columns(job, r, 8, sum);
    for (; r < end; r++)
        add_columns(job, r, 1, sum);
}

static void bias_backward(mi_context *ctx, int64_t rows, int64_t c, const void *dy, void *dbias,
                          void *work) {
    column_job job = {.rows = rows, .c = c, .x = dy, .sums = work};
    sum_blocks(ctx, rows, c, job.sums, columns_block, &job);
    for (int64_t i = 0; i < c; i++)
        ((real *)dbias)[i] = (real)job.sums[i];
}
