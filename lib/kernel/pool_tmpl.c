/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools. One task an image, [h][w][c]; windows of 2x2, the odd last row and column are dropped. */

typedef struct pool_job {
    mi__map in;
    const real *x, *dy;
    real *y, *dx;
} pool_job;

static int64_t map_size(const mi__map *m) {
    return m->h * m->w * m->c;
}

/* Zeros in the row and the column of an image that no window covers. */
static void clear_uncovered(const mi__map *m, real *dx) {
    if (m->w % 2 != 0)
        for (int64_t r = 0; r < m->h; r++)
            memset(dx + (r * m->w + m->w - 1) * m->c, 0, (size_t)m->c * sizeof *dx);
    if (m->h % 2 != 0)
        memset(dx + (m->h - 1) * m->w * m->c, 0, (size_t)(m->w * m->c) * sizeof *dx);
}

/* -- maximum of 2x2 --------------------------------------------------------------------------- */

static void max_window(int64_t c, int64_t stride, const real *restrict x, real *restrict y) {
    const real *restrict x1 = x + c, *restrict x2 = x + stride, *restrict x3 = x2 + c;
    for (int64_t i = 0; i < c; i++) {
        real top = x1[i] > x[i] ? x1[i] : x[i];
        real low = x3[i] > x2[i] ? x3[i] : x2[i];
        y[i] = low > top ? low : top;
    }
}

static void max_pool_image(void *arg, int64_t n) {
    const pool_job *job = arg;
    const mi__map m = job->in;
    int64_t h = m.h / 2, w = m.w / 2;
    const real *x = job->x + n * map_size(&m);
    real *y = job->y + n * h * w * m.c;
    for (int64_t r = 0; r < h; r++)
        for (int64_t q = 0; q < w; q++)
            max_window(m.c, m.w * m.c, x + (2 * r * m.w + 2 * q) * m.c, y + (r * w + q) * m.c);
}

static void max_pool(mi_context *ctx, const mi__map *in, const void *x, void *y) {
    pool_job job = {.in = *in, .x = x, .y = y};
    mi__parallel_for(ctx, in->n, max_pool_image, &job);
}

/* dx may be x: all four are read before one is written. */
static void max_window_backward(int64_t c, int64_t stride, const real *x, const real *dy,
                                real *dx) {
    INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
        const real x0 = x[i], x1 = x[c + i], x2 = x[stride + i], x3 = x[stride + c + i];
        const real top = x1 > x0 ? x1 : x0, low = x3 > x2 ? x3 : x2;
        const real to_low = low > top ? dy[i] : 0, to_top = low > top ? 0 : dy[i];
        dx[i] = x1 > x0 ? 0 : to_top;
        dx[c + i] = x1 > x0 ? to_top : 0;
        dx[stride + i] = x3 > x2 ? 0 : to_low;
        dx[stride + c + i] = x3 > x2 ? to_low : 0;
    }
}

static void max_pool_backward_image(void *arg, int64_t n) {
    const pool_job *job = arg;
    const mi__map m = job->in;
    int64_t h = m.h / 2, w = m.w / 2;
    const real *x = job->x + n * map_size(&m), *dy = job->dy + n * h * w * m.c;
    real *dx = job->dx + n * map_size(&m);
    clear_uncovered(&m, dx);
    for (int64_t r = 0; r < h; r++)
        for (int64_t q = 0; q < w; q++) {
            int64_t at = (2 * r * m.w + 2 * q) * m.c;
            max_window_backward(m.c, m.w * m.c, x + at, dy + (r * w + q) * m.c, dx + at);
        }
}

static void max_pool_backward(mi_context *ctx, const mi__map *in, const void *x, const void *dy,
                              void *dx) {
    pool_job job = {.in = *in, .x = x, .dy = dy, .dx = dx};
    mi__parallel_for(ctx, in->n, max_pool_backward_image, &job);
}

/* -- mean of 2x2 ------------------------------------------------------------------------------ */

static void mean_pool_image(void *arg, int64_t n) {
    const pool_job *job = arg;
    const mi__map m = job->in;
    int64_t h = m.h / 2, w = m.w / 2, stride = m.w * m.c;
    for (int64_t r = 0; r < h; r++)
        for (int64_t q = 0; q < w; q++) {
            const real *restrict x = job->x + n * map_size(&m) + 2 * (r * m.w + q) * m.c;
            real *restrict y = job->y + ((n * h + r) * w + q) * m.c;
            for (int64_t i = 0; i < m.c; i++)
                y[i] = (x[i] + x[m.c + i] + x[stride + i] + x[stride + m.c + i]) / 4;
        }
}

static void mean_pool(mi_context *ctx, const mi__map *in, const void *x, void *y) {
    pool_job job = {.in = *in, .x = x, .y = y};
    mi__parallel_for(ctx, in->n, mean_pool_image, &job);
}

static void mean_pool_backward_image(void *arg, int64_t n) {
    const pool_job *job = arg;
    const mi__map m = job->in;
    int64_t h = m.h / 2, w = m.w / 2, stride = m.w * m.c;
    clear_uncovered(&m, job->dx + n * map_size(&m));
    for (int64_t r = 0; r < h; r++)
        for (int64_t q = 0; q < w; q++) {
            const real *restrict dy = job->dy + ((n * h + r) * w + q) * m.c;
            real *restrict dx = job->dx + n * map_size(&m) + 2 * (r * m.w + q) * m.c;
            for (int64_t i = 0; i < m.c; i++)
                dx[i] = dx[m.c + i] = dx[stride + i] = dx[stride + m.c + i] = dy[i] / 4;
        }
}

static void mean_pool_backward(mi_context *ctx, const mi__map *in, const void *dy, void *dx) {
    pool_job job = {.in = *in, .dy = dy, .dx = dx};
    mi__parallel_for(ctx, in->n, mean_pool_backward_image, &job);
}

/* -- mean of the map -------------------------------------------------------------------------- */

static void global_pool_image(void *arg, int64_t n) {
    const pool_job *job = arg;
    const mi__map m = job->in;
    real *restrict y = job->y + n * m.c;
    memset(y, 0, (size_t)m.c * sizeof *y);
    for (int64_t p = 0; p < m.h * m.w; p++) {
        const real *restrict x = job->x + (n * m.h * m.w + p) * m.c;
        for (int64_t i = 0; i < m.c; i++)
            y[i] += x[i];
    }
    for (int64_t i = 0; i < m.c; i++)
        y[i] /= (real)(m.h * m.w);
}

static void global_pool(mi_context *ctx, const mi__map *in, const void *x, void *y) {
    pool_job job = {.in = *in, .x = x, .y = y};
    mi__parallel_for(ctx, in->n, global_pool_image, &job);
}

static void global_pool_backward_image(void *arg, int64_t n) {
    const pool_job *job = arg;
    const mi__map m = job->in;
    const real *restrict dy = job->dy + n * m.c;
    for (int64_t p = 0; p < m.h * m.w; p++) {
        real *restrict dx = job->dx + (n * m.h * m.w + p) * m.c;
        for (int64_t i = 0; i < m.c; i++)
            dx[i] = dy[i] / (real)(m.h * m.w);
    }
}

static void global_pool_backward(mi_context *ctx, const mi__map *in, const void *dy, void *dx) {
    pool_job job = {.in = *in, .dy = dy, .dx = dx};
    mi__parallel_for(ctx, in->n, global_pool_backward_image, &job);
}

/* -- maximum of the map ----------------------------------------------------------------------- */

#define CHANNELS 64 /* at a time */

/* The greatest of each of `count` channels from x on. */
static void greatest_of_map(const mi__map *m, int64_t count, const real *restrict x,
                            real *restrict y) {
    memcpy(y, x, (size_t)count * sizeof *y);
    for (int64_t p = 1; p < m->h * m->w; p++)
        for (int64_t i = 0; i < count; i++)
            y[i] = x[p * m->c + i] > y[i] ? x[p * m->c + i] : y[i];
}

static void global_max_pool_image(void *arg, int64_t n) {
    const pool_job *job = arg;
    greatest_of_map(&job->in, job->in.c, job->x + n * map_size(&job->in), job->y + n * job->in.c);
}

static void global_max_pool(mi_context *ctx, const mi__map *in, const void *x, void *y) {
    pool_job job = {.in = *in, .x = x, .y = y};
    mi__parallel_for(ctx, in->n, global_max_pool_image, &job);
}

/* The first pixel with the maximum takes the gradient away from the others. */
static void global_max_pool_backward_image(void *arg, int64_t n) {
    const pool_job *job = arg;
    const mi__map m = job->in;
    for (int64_t first = 0; first < m.c; first += CHANNELS) {
        const int64_t count = MI__MIN(m.c - first, CHANNELS);
        const real *x = job->x + n * map_size(&m) + first;
        real *dx = job->dx + n * map_size(&m) + first;
        real most[CHANNELS], left[CHANNELS];
        greatest_of_map(&m, count, x, most);
        memcpy(left, job->dy + n * m.c + first, (size_t)count * sizeof *left);
        for (int64_t p = 0; p < m.h * m.w; p++) {
            INDEPENDENT
            for (int64_t i = 0; i < count; i++) {
                const real g = x[p * m.c + i] == most[i] ? left[i] : 0;
                dx[p * m.c + i] = g;
                left[i] -= g;
            }
        }
    }
}

static void global_max_pool_backward(mi_context *ctx, const mi__map *in, const void *x,
                                     const void *dy, void *dx) {
    pool_job job = {.in = *in, .x = x, .dy = dy, .dx = dx};
    mi__parallel_for(ctx, in->n, global_max_pool_backward_image, &job);
}
