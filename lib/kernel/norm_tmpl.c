/* SPDX-License-Identifier: BSD-2-Clause */
/* Batch normalisation with the activation and the pool behind it, and sums of columns.
 *
 *   x [n][h][w][c], rows = n h w; scale, shift, mean, inverse [c]
 *
 *   u = (x - mean) inverse, v = u scale + shift, a = v > 0 ? v : slope v, y = a, or its windows'
 * max g = da (v > 0 ? 1 : slope), dshift = sum g, dscale = sum g u dx = scale inverse (g - dshift /
 * rows - u dscale / rows)
 *
 * Sums over rows are sums over blocks of rows, always the same ones, added in order. With a pool,
 * the work goes by bands: two rows of a map, or the last one that no window covers. */

#define BLOCK 1024

typedef struct norm_job {
    mi__map in;
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

static void moments(mi_context *ctx, int64_t rows, int64_t c, const void *x, void *mean,
                    void *variance, void *work) {
    norm_job job = {.rows = rows, .c = c, .x = x, .sums = work};
    mi__parallel_for(ctx, block_count(rows), moments_block, &job);
    add_blocks(rows, c, job.sums);
    for (int64_t i = 0; i < c; i++) {
        double m = job.sums[i] / (double)rows;
        ((real *)mean)[i] = (real)((double)job.x[i] + m);
        ((real *)variance)[i] = (real)MI__MAX(job.sums[c + i] / (double)rows - m * m, 0);
    }
}

static norm_job make_job(const mi__norm *shape) {
    const mi__map m = shape->in;
    return (norm_job){.in = m, .rows = m.n * m.h * m.w, .c = m.c, .slope = (real)shape->slope};
}

/* -- forward ---------------------------------------------------------------------------------- */

ALWAYS_INLINE real activated(const norm_job *job, real x, int64_t i) {
    real v = (x - job->mean[i]) * (job->inverse[i] * job->scale[i]) + job->shift[i];
    return v > 0 ? v : job->slope * v;
}

static void norm_rows(void *arg, int64_t begin, int64_t end) {
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

/* Rows of windows, counted over all maps. */
static void norm_windows(void *arg, int64_t begin, int64_t end) {
    const norm_job *job = arg;
    const mi__map m = job->in;
    const int64_t c = m.c, stride = m.w * c, h = m.h / 2, w = m.w / 2;
    for (int64_t r = begin; r < end; r++)
        for (int64_t q = 0; q < w; q++) {
            const real *x = job->x + ((r / h * m.h + r % h * 2) * m.w + q * 2) * c;
            real *y = job->y + (r * w + q) * c;
            for (int64_t i = 0; i < c; i++) {
                real a0 = activated(job, x[i], i), a1 = activated(job, x[c + i], i);
                real a2 = activated(job, x[stride + i], i);
                real a3 = activated(job, x[stride + c + i], i);
                real top = a1 > a0 ? a1 : a0, low = a3 > a2 ? a3 : a2;
                y[i] = low > top ? low : top;
            }
        }
}

static void norm(mi_context *ctx, const mi__norm *shape, const void *x, const void *scale,
                 const void *shift, const void *mean, const void *inverse, void *y) {
    norm_job job = make_job(shape);
    job.x = x;
    job.scale = scale;
    job.shift = shift;
    job.mean = mean;
    job.inverse = inverse;
    job.y = y;
    if (shape->pool)
        mi__parallel_ranges(ctx, job.in.n * (job.in.h / 2), GRAIN / (2 * job.in.w * job.c) + 1,
                            norm_windows, &job);
    else
        mi__parallel_ranges(ctx, job.rows, GRAIN / job.c + 1, norm_rows, &job);
}

/* -- backward --------------------------------------------------------------------------------- */

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

/* A pixel's g, given the gradient by the activation's output there. */
ALWAYS_INLINE real gradient_of(const norm_job *job, real x, int64_t i, real da) {
    real v = (x - job->mean[i]) * (job->inverse[i] * job->scale[i]) + job->shift[i];
    return v > 0 ? da : job->slope * da;
}

/* Which pixel of a window has the greatest output: the first of equal ones. */
ALWAYS_INLINE int greatest_of(const norm_job *job, const real *x, int64_t i) {
    const int64_t c = job->c, stride = job->in.w * c;
    real a0 = activated(job, x[i], i), a1 = activated(job, x[c + i], i);
    real a2 = activated(job, x[stride + i], i), a3 = activated(job, x[stride + c + i], i);
    real top = a1 > a0 ? a1 : a0, low = a3 > a2 ? a3 : a2;
    return low > top ? 2 + (a3 > a2) : a1 > a0;
}

typedef struct band {
    int64_t at, rows, windows; /* first pixel, rows of the map, -1 or the row of windows */
} band;

static int64_t band_count(const norm_job *job) {
    return job->in.n * ((job->in.h + 1) / 2);
}

static band band_of(const norm_job *job, int64_t index) {
    const mi__map m = job->in;
    int64_t in_map = (m.h + 1) / 2, n = index / in_map, r = index % in_map;
    bool whole = 2 * r + 1 < m.h;
    return (band){(n * m.h + 2 * r) * m.w, whole ? 2 : 1, whole ? n * (m.h / 2) + r : -1};
}

/* Sums of g and of g u over a block's bands. */
static void window_gradients_block(void *arg, int64_t index) {
    const norm_job *job = arg;
    const int64_t c = job->c, stride = job->in.w * c, w = job->in.w / 2;
    const int64_t blocks = block_count(job->rows), bands = band_count(job);
    double *sum = job->sums + index * 2 * c, *product = sum + c;
    memset(sum, 0, (size_t)(2 * c) * sizeof *sum);
    for (int64_t k = bands * index / blocks; k < bands * (index + 1) / blocks; k++) {
        band b = band_of(job, k);
        for (int64_t q = 0; q < w && b.windows >= 0; q++) {
            const real *x = job->x + (b.at + 2 * q) * c, *dy = job->dy + (b.windows * w + q) * c;
            for (int64_t i = 0; i < c; i++) {
                int from = greatest_of(job, x, i);
                real xi = x[from / 2 * stride + from % 2 * c + i];
                real g = gradient_of(job, xi, i, dy[i]);
                sum[i] += (double)g;
                product[i] += (double)(g * (xi - job->mean[i]) * job->inverse[i]);
            }
        }
    }
}

ALWAYS_INLINE real slope_by_x(const norm_job *job, real x, int64_t i, real g) {
    real u = (x - job->mean[i]) * job->inverse[i];
    return job->inverse[i] * job->scale[i] * (g - job->mean_g[i] - u * job->mean_gu[i]);
}

static void window_backward_bands(void *arg, int64_t begin, int64_t end) {
    const norm_job *job = arg;
    const int64_t c = job->c, width = job->in.w, w = width / 2, stride = width * c;
    for (int64_t k = begin; k < end; k++) {
        band b = band_of(job, k);
        int64_t covered = b.windows < 0 ? 0 : w;
        for (int64_t q = 0; q < covered; q++) {
            const real *x = job->x + (b.at + 2 * q) * c, *dy = job->dy + (b.windows * w + q) * c;
            real *dx = job->dx + (b.at + 2 * q) * c;
            for (int64_t i = 0; i < c; i++) {
                int from = greatest_of(job, x, i);
                for (int p = 0; p < 4; p++) {
                    int64_t at = p / 2 * stride + p % 2 * c + i;
                    real g = p == from ? gradient_of(job, x[at], i, dy[i]) : 0;
                    dx[at] = slope_by_x(job, x[at], i, g);
                }
            }
        }
        for (int64_t r = 0; r < b.rows; r++)
            for (int64_t at = (b.at + r * width + 2 * covered) * c;
                 at < (b.at + (r + 1) * width) * c; at++)
                job->dx[at] = slope_by_x(job, job->x[at], at % c, 0);
    }
}

static void norm_backward(mi_context *ctx, const mi__norm *shape, const void *x, const void *scale,
                          const void *shift, const void *mean, const void *inverse, const void *dy,
                          void *dx, void *dscale, void *dshift, void *work) {
    norm_job job = make_job(shape);
    const int64_t c = job.c, blocks = block_count(job.rows);
    double *sums = work;
    real *mean_g = (real *)(sums + blocks * 2 * c), *mean_gu = mean_g + c;
    job.x = x;
    job.scale = scale;
    job.shift = shift;
    job.mean = mean;
    job.inverse = inverse;
    job.dy = dy;
    job.dx = dx;
    job.sums = sums;
    job.mean_g = mean_g;
    job.mean_gu = mean_gu;
    mi__parallel_for(ctx, blocks, shape->pool ? window_gradients_block : gradients_block, &job);
    add_blocks(job.rows, c, sums);
    for (int64_t i = 0; i < c; i++) {
        ((real *)dshift)[i] = (real)sums[i];
        ((real *)dscale)[i] = (real)sums[c + i];
        mean_g[i] = (real)(sums[i] / (double)job.rows);
        mean_gu[i] = (real)(sums[c + i] / (double)job.rows);
    }
    if (shape->pool)
        mi__parallel_ranges(ctx, band_count(&job), GRAIN / (2 * job.in.w * c) + 1,
                            window_backward_bands, &job);
    else
        mi__parallel_ranges(ctx, job.rows, GRAIN / c + 1, norm_backward_rows, &job);
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
