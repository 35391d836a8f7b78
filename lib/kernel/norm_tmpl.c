/* SPDX-License-Identifier: BSD-2-Clause */
/* Batch normalisation with the activation behind it, and sums of columns.
 *
 *   x, y [rows][c]; scale, shift, mean, inverse [c]
 *
 *   u = (x - mean) inverse, v = u scale + shift, y = v > 0 ? v : slope v
 *   g = dy (v > 0 ? 1 : slope), dshift = sum g, dscale = sum g u
 *   dx = scale inverse (g - dshift / rows - u dscale / rows)
 *
 * Sums over rows are sums over blocks of rows, always the same ones, added in order. */

#define BLOCK 1024

typedef struct norm_job {
    int64_t rows, c;
    const real *x, *scale, *shift, *mean, *inverse, *dy;
    real *y, *dx;
    real slope;
    double *sums; /* [blocks][2][c] */
    const real *mean_g, *mean_gu;
} norm_job;

static int64_t block_count(int64_t rows) {
    return (rows + BLOCK - 1) / BLOCK;
}

/* The blocks' sums and one row for what follows from them. */
static size_t norm_work(const mi_context *ctx, int64_t rows, int64_t c) {
    (void)ctx;
    return (size_t)((block_count(rows) + 1) * 2 * c) * sizeof(double);
}

/* Adds the blocks up into the first. */
static void add_blocks(int64_t rows, int64_t c, double *sums) {
    for (int64_t b = 1; b < block_count(rows); b++)
        for (int64_t i = 0; i < 2 * c; i++)
            sums[i] += sums[b * 2 * c + i];
}

/* Sums of x and of its square, both relative to the first row, which keeps the variance exact where
 * the mean is large. */
static void moments_block(void *arg, int64_t b) {
    const norm_job *job = arg;
    const int64_t c = job->c, end = MI__MIN(job->rows, (b + 1) * BLOCK);
    const real *restrict first = job->x;
    double *restrict sum = job->sums + b * 2 * c, *restrict square = sum + c;
    memset(sum, 0, (size_t)(2 * c) * sizeof *sum);
    for (int64_t r = b * BLOCK; r < end; r++) {
        const real *restrict x = job->x + r * c;
        for (int64_t i = 0; i < c; i++) {
            double d = (double)x[i] - (double)first[i];
            sum[i] += d;
            square[i] += d * d;
        }
    }
}

static void normalise_rows(void *arg, int64_t begin, int64_t end) {
    const norm_job *job = arg;
    const int64_t c = job->c;
    const real slope = job->slope;
    const real *restrict scale = job->scale, *restrict shift = job->shift;
    const real *restrict mean = job->mean, *restrict inverse = job->inverse;
    for (int64_t r = begin; r < end; r++) {
        const real *x = job->x + r * c;
        real *y = job->y + r * c;
        INDEPENDENT
        for (int64_t i = 0; i < c; i++) {
            real v = (x[i] - mean[i]) * (inverse[i] * scale[i]) + shift[i];
            y[i] = v > 0 ? v : slope * v;
        }
    }
}

static void norm_eval(mi_context *ctx, int64_t rows, int64_t c, const void *x, const void *scale,
                      const void *shift, const void *mean, const void *inverse, double slope,
                      void *y) {
    norm_job job = {.rows = rows,
                    .c = c,
                    .x = x,
                    .scale = scale,
                    .shift = shift,
                    .mean = mean,
                    .inverse = inverse,
                    .slope = (real)slope,
                    .y = y};
    mi__parallel_ranges(ctx, rows, GRAIN / c + 1, normalise_rows, &job);
}

static void norm_train(mi_context *ctx, int64_t rows, int64_t c, const void *x, const void *scale,
                       const void *shift, double epsilon, double slope, void *y, void *mean,
                       void *variance, void *inverse, void *work) {
    norm_job job = {.rows = rows, .c = c, .x = x, .sums = work};
    mi__parallel_for(ctx, block_count(rows), moments_block, &job);
    add_blocks(rows, c, job.sums);
    for (int64_t i = 0; i < c; i++) {
        double m = job.sums[i] / (double)rows;
        double v = MI__MAX(job.sums[c + i] / (double)rows - m * m, 0);
        ((real *)mean)[i] = (real)((double)job.x[i] + m);
        ((real *)variance)[i] = (real)v;
        ((real *)inverse)[i] = (real)(1 / sqrt(v + epsilon));
    }
    norm_eval(ctx, rows, c, x, scale, shift, mean, inverse, slope, y);
}

/* Adds g and g u of `count` rows, known at compile time, to the sums. A few rows are summed in the
 * own precision first, so that most of the work isn't conversion. */
ALWAYS_INLINE void add_gradients(const norm_job *job, int64_t r, const int count,
                                 double *restrict sum, double *restrict product) {
    const int64_t c = job->c;
    const real slope = job->slope;
    const real *restrict scale = job->scale, *restrict shift = job->shift;
    const real *restrict mean = job->mean, *restrict inverse = job->inverse;
    const real *restrict x = job->x + r * c, *restrict dy = job->dy + r * c;
    fetch_ahead(x, count * c);
    fetch_ahead(dy, count * c);
    for (int64_t i = 0; i < c; i++) {
        const real factor = inverse[i] * scale[i];
        real s = 0, p = 0;
        UNROLL
        for (int k = 0; k < count; k++) {
            real d = x[k * c + i] - mean[i], v = d * factor + shift[i];
            real g = v > 0 ? dy[k * c + i] : slope * dy[k * c + i];
            s += g;
            p += g * d;
        }
        sum[i] += (double)s;
        product[i] += (double)(p * inverse[i]);
    }
}

/* Sums of g and of g u. */
static void gradients_block(void *arg, int64_t b) {
    const norm_job *job = arg;
    int64_t r = b * BLOCK, end = MI__MIN(job->rows, r + BLOCK);
    double *sum = job->sums + b * 2 * job->c, *product = sum + job->c;
    memset(sum, 0, (size_t)(2 * job->c) * sizeof *sum);
    for (; r + 8 <= end; r += 8)
        add_gradients(job, r, 8, sum, product);
    for (; r < end; r++)
        add_gradients(job, r, 1, sum, product);
}

static void norm_backward_rows(void *arg, int64_t begin, int64_t end) {
    const norm_job *job = arg;
    const int64_t c = job->c;
    const real slope = job->slope;
    const real *restrict scale = job->scale, *restrict shift = job->shift;
    const real *restrict mean = job->mean, *restrict inverse = job->inverse;
    const real *restrict mean_g = job->mean_g, *restrict mean_gu = job->mean_gu;
    for (int64_t r = begin; r < end; r++) {
        const real *x = job->x + r * c, *dy = job->dy + r * c;
        real *dx = job->dx + r * c;
        fetch_ahead(x, c);
        fetch_ahead(dy, c);
        INDEPENDENT
        for (int64_t i = 0; i < c; i++) {
            real factor = inverse[i] * scale[i], d = x[i] - mean[i], v = d * factor + shift[i];
            real g = v > 0 ? dy[i] : slope * dy[i];
            dx[i] = factor * (g - mean_g[i] - d * inverse[i] * mean_gu[i]);
        }
    }
}

static void norm_backward(mi_context *ctx, int64_t rows, int64_t c, const void *x,
                          const void *scale, const void *shift, const void *mean,
                          const void *inverse, double slope, const void *dy, void *dx, void *dscale,
                          void *dshift, void *work) {
    double *sums = work;
    real *mean_g = (real *)(sums + block_count(rows) * 2 * c), *mean_gu = mean_g + c;
    norm_job job = {.rows = rows,
                    .c = c,
                    .x = x,
                    .scale = scale,
                    .shift = shift,
                    .mean = mean,
                    .inverse = inverse,
                    .slope = (real)slope,
                    .dy = dy,
                    .dx = dx,
                    .sums = sums,
                    .mean_g = mean_g,
                    .mean_gu = mean_gu};
    mi__parallel_for(ctx, block_count(rows), gradients_block, &job);
    add_blocks(rows, c, sums);
    for (int64_t i = 0; i < c; i++) {
        ((real *)dshift)[i] = (real)sums[i];
        ((real *)dscale)[i] = (real)sums[c + i];
        mean_g[i] = (real)(sums[i] / (double)rows);
        mean_gu[i] = (real)(sums[c + i] / (double)rows);
    }
    mi__parallel_ranges(ctx, rows, GRAIN / c + 1, norm_backward_rows, &job);
}

/* -- bias ------------------------------------------------------------------------------------- */

static void bias_rows(void *arg, int64_t begin, int64_t end) {
    const norm_job *job = arg;
    const real *restrict shift = job->shift;
    for (int64_t r = begin; r < end; r++) {
        real *restrict y = job->y + r * job->c;
        for (int64_t i = 0; i < job->c; i++)
            y[i] += shift[i];
    }
}

static void bias(mi_context *ctx, int64_t rows, int64_t c, const void *shift, void *y) {
    norm_job job = {.rows = rows, .c = c, .shift = shift, .y = y};
    mi__parallel_ranges(ctx, rows, GRAIN / c + 1, bias_rows, &job);
}

static void columns_block(void *arg, int64_t b) {
    const norm_job *job = arg;
    const int64_t c = job->c, end = MI__MIN(job->rows, (b + 1) * BLOCK);
    double *restrict sum = job->sums + b * 2 * c;
    memset(sum, 0, (size_t)(2 * c) * sizeof *sum);
    for (int64_t r = b * BLOCK; r < end; r++) {
        const real *restrict dy = job->dy + r * c;
        for (int64_t i = 0; i < c; i++)
            sum[i] += (double)dy[i];
    }
}

static void bias_backward(mi_context *ctx, int64_t rows, int64_t c, const void *dy, void *dbias,
                          void *work) {
    norm_job job = {.rows = rows, .c = c, .dy = dy, .sums = work};
    mi__parallel_for(ctx, block_count(rows), columns_block, &job);
    add_blocks(rows, c, job.sums);
    for (int64_t i = 0; i < c; i++)
        ((real *)dbias)[i] = (real)job.sums[i];
}
