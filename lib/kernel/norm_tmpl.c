/* SPDX-License-Identifier: BSD-2-Clause */
/* Batch normalisation with the activation and the pool behind it.
 *
 *   x [n][h][w][c], rows = n h w; scale, shift, mean, inverse [c]
 *
 *   d = x - mean, u = d inverse, v = u scale + shift, y = v > 0 ? v : slope v
 *   g = dy (v > 0 ? 1 : slope), dshift = sum g, dscale = sum g u
 *   dx = scale inverse (g - dshift / rows - u dscale / rows)
 *
 * With a pool, only the pixel with the greatest v of a window has a g: its activation is the
 * greatest, too, as the slope is not negative. */

typedef struct norm_job {
    mi__map in;
    int64_t rows, c;
    const real *x, *scale, *shift, *mean, *inverse, *dy;
    real *y, *dx;
    real slope;
    double *sums;                          /* [blocks][2][c] */
    const real *factor, *mean_g, *by_mean; /* dx = factor (g - mean_g - d by_mean) */
} norm_job;

static norm_job make_job(const mi__norm *shape, const void *x, const void *scale, const void *shift,
                         const void *mean, const void *inverse) {
    const mi__map m = shape->in;
    return (norm_job){.in = m,
                      .rows = m.n * m.h * m.w,
                      .c = m.c,
                      .slope = (real)shape->slope,
                      .x = x,
                      .scale = scale,
                      .shift = shift,
                      .mean = mean,
                      .inverse = inverse};
}

/* -- forward ---------------------------------------------------------------------------------- */

static void norm_rows(void *arg, int64_t begin, int64_t end) {
    const norm_job *job = arg;
    const int64_t c = job->c;
    const real slope = job->slope;
    const real *restrict scale = job->scale, *restrict shift = job->shift;
    const real *restrict mean = job->mean, *restrict inverse = job->inverse;
    for (int64_t r = begin; r < end; r++) {
        const real *restrict x = job->x + r * c;
        real *restrict y = job->y + r * c;
        for (int64_t i = 0; i < c; i++) {
            const real v = (x[i] - mean[i]) * (inverse[i] * scale[i]) + shift[i];
            y[i] = v > 0 ? v : slope * v;
        }
    }
}

/* `count` windows, known at compile time, that follow one another in a row. */
ALWAYS_INLINE void norm_windows(const norm_job *job, const int count, const real *restrict x,
                                real *restrict y) {
    const int64_t c = job->c, stride = job->in.w * c;
    const real slope = job->slope;
    const real *restrict scale = job->scale, *restrict shift = job->shift;
    const real *restrict mean = job->mean, *restrict inverse = job->inverse;
    fetch_ahead(x, 2 * count * c);
    fetch_ahead(x + stride, 2 * count * c);
    for (int64_t i = 0; i < c; i++) {
        const real m = mean[i], factor = inverse[i] * scale[i], add = shift[i];
        UNROLL
        for (int k = 0; k < count; k++) {
            const real *at = x + 2 * k * c + i;
            const real v0 = (at[0] - m) * factor + add, v1 = (at[c] - m) * factor + add;
            const real v2 = (at[stride] - m) * factor + add;
            const real v3 = (at[stride + c] - m) * factor + add;
            const real v = greater(greater(v0, v1), greater(v2, v3));
            y[k * c + i] = v > 0 ? v : slope * v;
        }
    }
}

/* Rows of windows, counted over all maps. */
static void norm_window_rows(void *arg, int64_t begin, int64_t end) {
    const norm_job *job = arg;
    const mi__map m = job->in;
    const int64_t c = m.c, h = m.h / 2, w = m.w / 2;
    for (int64_t r = begin; r < end; r++) {
        const real *x = job->x + (r / h * m.h + r % h * 2) * m.w * c;
        real *y = job->y + r * w * c;
        int64_t q = 0;
        for (; q + 2 <= w; q += 2)
            norm_windows(job, 2, x + 2 * q * c, y + q * c);
        if (q < w)
            norm_windows(job, 1, x + 2 * q * c, y + q * c);
    }
}

static void norm(mi_context *ctx, const mi__norm *shape, const void *x, const void *scale,
                 const void *shift, const void *mean, const void *inverse, void *y) {
    norm_job job = make_job(shape, x, scale, shift, mean, inverse);
    job.y = y;
    if (shape->pool)
        mi__parallel_ranges(ctx, job.in.n * (job.in.h / 2), GRAIN / (2 * job.in.w * job.c) + 1,
                            norm_window_rows, &job);
    else
        mi__parallel_ranges(ctx, job.rows, GRAIN / job.c + 1, norm_rows, &job);
}

/* -- backward: sums of g and of g d ----------------------------------------------------------- */

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
        const real m = mean[i], factor = inverse[i] * scale[i], add = shift[i];
        real s = 0, p = 0;
        UNROLL
        for (int k = 0; k < count; k++) {
            const real d = x[k * c + i] - m, v = d * factor + add;
            const real g = v > 0 ? dy[k * c + i] : slope * dy[k * c + i];
            s += g;
            p += g * d;
        }
        sum[i] += (double)s;
        product[i] += (double)p;
    }
}

static void gradients_block(void *arg, int64_t b) {
    const norm_job *job = arg;
    int64_t r = b * block_rows(job->rows), end = MI__MIN(job->rows, r + block_rows(job->rows));
    double *sum = job->sums + b * 2 * job->c, *product = sum + job->c;
    memset(sum, 0, (size_t)(2 * job->c) * sizeof *sum);
    for (; r + 4 <= end; r += 4)
        add_gradients(job, r, 4, sum, product);
    for (; r < end; r++)
        add_gradients(job, r, 1, sum, product);
}

/* The same of the pixels that have a g in `count` windows that begin at x[0], x[1] ... Each choice
 * has a condition of its own, or compilers would make branches of those that share one. */
ALWAYS_INLINE void add_windows(const norm_job *job, const int count, const real *const *x,
                               const real *restrict dy, double *restrict sum,
                               double *restrict product) {
    const int64_t c = job->c, stride = job->in.w * c;
    const real slope = job->slope;
    const real *restrict scale = job->scale, *restrict shift = job->shift;
    const real *restrict mean = job->mean, *restrict inverse = job->inverse;
    UNROLL
    for (int k = 0; k < count; k++) {
        fetch_ahead(x[k], 2 * c);
        fetch_ahead(x[k] + stride, 2 * c);
    }
    fetch_ahead(dy, count * c);
    for (int64_t i = 0; i < c; i++) {
        const real m = mean[i], factor = inverse[i] * scale[i], add = shift[i];
        real s = 0, p = 0;
        UNROLL
        for (int k = 0; k < count; k++) {
            const real *at = x[k] + i;
            const real d0 = at[0] - m, d1 = at[c] - m;
            const real d2 = at[stride] - m, d3 = at[stride + c] - m;
            const real v0 = d0 * factor + add, v1 = d1 * factor + add;
            const real v2 = d2 * factor + add, v3 = d3 * factor + add;
            const real v = greater(greater(v0, v1), greater(v2, v3));
            real d = d3;
            d = v2 == v ? d2 : d;
            d = v1 == v ? d1 : d;
            d = v0 == v ? d0 : d;
            const real g = v > 0 ? dy[k * c + i] : slope * dy[k * c + i];
            s += g;
            p += g * d;
        }
        sum[i] += (double)s;
        product[i] += (double)p;
    }
}

/* The first pixel of a window, counted over all maps. */
static const real *window_at(const norm_job *job, int64_t index) {
    const mi__map m = job->in;
    const int64_t w = m.w / 2, row = index / w, h = m.h / 2;
    return job->x + ((row / h * m.h + row % h * 2) * m.w + index % w * 2) * m.c;
}

static void window_gradients_block(void *arg, int64_t b) {
    const norm_job *job = arg;
    const int64_t c = job->c, blocks = block_count(job->rows);
    const int64_t windows = job->in.n * (job->in.h / 2) * (job->in.w / 2);
    const int64_t share = (windows + blocks - 1) / blocks;
    int64_t at = MI__MIN(windows, b * share), end = MI__MIN(windows, at + share);
    double *sum = job->sums + b * 2 * c, *product = sum + c;
    const real *x[2];
    memset(sum, 0, (size_t)(2 * c) * sizeof *sum);
    for (; at + 2 <= end; at += 2) {
        for (int k = 0; k < 2; k++)
            x[k] = window_at(job, at + k);
        add_windows(job, 2, x, job->dy + at * c, sum, product);
    }
    for (; at < end; at++) {
        x[0] = window_at(job, at);
        add_windows(job, 1, x, job->dy + at * c, sum, product);
    }
}

/* -- backward: dx ------------------------------------------------------------------------------ */

static void norm_backward_rows(void *arg, int64_t begin, int64_t end) {
    const norm_job *job = arg;
    const int64_t c = job->c;
    const real slope = job->slope;
    const real *restrict mean = job->mean, *restrict shift = job->shift;
    const real *restrict factor = job->factor, *restrict mean_g = job->mean_g;
    const real *restrict by_mean = job->by_mean;
    for (int64_t r = begin; r < end; r++) {
        const real *x = job->x + r * c, *dy = job->dy + r * c;
        real *dx = job->dx + r * c;
        fetch_ahead(x, c);
        fetch_ahead(dy, c);
        INDEPENDENT
        for (int64_t i = 0; i < c; i++) {
            const real d = x[i] - mean[i], v = d * factor[i] + shift[i];
            const real g = v > 0 ? dy[i] : slope * dy[i];
            dx[i] = factor[i] * (g - mean_g[i] - d * by_mean[i]);
        }
    }
}

/* Pixels that no window covers. */
static void uncovered_backward(const norm_job *job, int64_t pixel, int64_t count) {
    const int64_t c = job->c;
    const real *restrict mean = job->mean, *restrict factor = job->factor;
    const real *restrict mean_g = job->mean_g, *restrict by_mean = job->by_mean;
    for (int64_t r = pixel; r < pixel + count; r++) {
        const real *x = job->x + r * c;
        real *dx = job->dx + r * c;
        INDEPENDENT
        for (int64_t i = 0; i < c; i++)
            dx[i] = factor[i] * (0 - mean_g[i] - (x[i] - mean[i]) * by_mean[i]);
    }
}

/* The first pixel that has the greatest v takes g away from the others. */
static void window_backward(const norm_job *job, const real *x, const real *dy, real *dx) {
    const int64_t c = job->c, stride = job->in.w * c;
    const real slope = job->slope;
    const real *restrict mean = job->mean, *restrict shift = job->shift;
    const real *restrict factor = job->factor, *restrict mean_g = job->mean_g;
    const real *restrict by_mean = job->by_mean;
    fetch_ahead(x, 2 * c);
    fetch_ahead(x + stride, 2 * c);
    fetch_ahead(dy, c);
    INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
        const real d0 = x[i] - mean[i], d1 = x[c + i] - mean[i];
        const real d2 = x[stride + i] - mean[i], d3 = x[stride + c + i] - mean[i];
        const real v0 = d0 * factor[i] + shift[i], v1 = d1 * factor[i] + shift[i];
        const real v2 = d2 * factor[i] + shift[i], v3 = d3 * factor[i] + shift[i];
        const real v = greater(greater(v0, v1), greater(v2, v3)), g = v > 0 ? dy[i] : slope * dy[i];
        const real g0 = v0 == v ? g : 0, after0 = g - g0;
        const real g1 = v1 == v ? after0 : 0, after1 = after0 - g1;
        const real g2 = v2 == v ? after1 : 0, g3 = after1 - g2;
        dx[i] = factor[i] * (g0 - mean_g[i] - d0 * by_mean[i]);
        dx[c + i] = factor[i] * (g1 - mean_g[i] - d1 * by_mean[i]);
        dx[stride + i] = factor[i] * (g2 - mean_g[i] - d2 * by_mean[i]);
        dx[stride + c + i] = factor[i] * (g3 - mean_g[i] - d3 * by_mean[i]);
    }
}

/* Bands of the maps: two rows, or the last one that no window covers. */
static void window_backward_bands(void *arg, int64_t begin, int64_t end) {
    const norm_job *job = arg;
    const mi__map m = job->in;
    const int64_t bands = (m.h + 1) / 2, w = m.w / 2;
    for (int64_t k = begin; k < end; k++) {
        const int64_t map = k / bands, band = k % bands, pixel = (map * m.h + 2 * band) * m.w;
        if (2 * band + 1 == m.h) {
            uncovered_backward(job, pixel, m.w);
            continue;
        }
        const real *dy = job->dy + (map * (m.h / 2) + band) * w * m.c;
        for (int64_t q = 0; q < w; q++) {
            const int64_t at = (pixel + 2 * q) * m.c;
            window_backward(job, job->x + at, dy + q * m.c, job->dx + at);
        }
        if (m.w % 2 != 0) {
            uncovered_backward(job, pixel + m.w - 1, 1);
            uncovered_backward(job, pixel + 2 * m.w - 1, 1);
        }
    }
}

/* What follows from the sums, which are in sums[2][c]. */
static void use_sums(norm_job *job, void *dscale, void *dshift) {
    const int64_t c = job->c;
    real *factor = (real *)(job->sums + block_count(job->rows) * 2 * c);
    real *mean_g = factor + c, *by_mean = factor + 2 * c;
    for (int64_t i = 0; i < c; i++) {
        const double g = job->sums[i], gu = job->sums[c + i] * (double)job->inverse[i];
        ((real *)dshift)[i] = (real)g;
        ((real *)dscale)[i] = (real)gu;
        factor[i] = job->inverse[i] * job->scale[i];
        mean_g[i] = (real)(g / (double)job->rows);
        by_mean[i] = (real)(gu / (double)job->rows * (double)job->inverse[i]);
    }
    job->factor = factor;
    job->mean_g = mean_g;
    job->by_mean = by_mean;
}

static void norm_backward(mi_context *ctx, const mi__norm *shape, const void *x, const void *scale,
                          const void *shift, const void *mean, const void *inverse, const void *dy,
                          void *dx, void *dscale, void *dshift, void *work) {
    norm_job job = make_job(shape, x, scale, shift, mean, inverse);
    job.dy = dy;
    job.dx = dx;
    job.sums = work;
    sum_blocks(ctx, job.rows, job.c, job.sums,
               shape->pool ? window_gradients_block : gradients_block, &job);
    use_sums(&job, dscale, dshift);
    if (shape->pool)
        mi__parallel_ranges(ctx, job.in.n * ((job.in.h + 1) / 2),
                            GRAIN / (2 * job.in.w * job.c) + 1, window_backward_bands, &job);
    else
        mi__parallel_ranges(ctx, job.rows, GRAIN / job.c + 1, norm_backward_rows, &job);
}
