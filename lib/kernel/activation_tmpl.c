/* SPDX-License-Identifier: BSD-2-Clause */
/* Leaky rectifier and softmax. */

typedef struct activation_job {
    int64_t c, ldx;
    real slope;
    const real *x, *dy;
    real *y, *dx;
} activation_job;

/* y = x > 0 ? x : slope x */
static void leaky_range(void *arg, int64_t begin, int64_t end) {
    const activation_job *job = arg;
    const real slope = job->slope, *x = job->x;
    real *y = job->y;
    INDEPENDENT
    for (int64_t i = begin; i < end; i++)
        y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

static void leaky(mi_context *ctx, int64_t count, double slope, const void *x, void *y) {
    activation_job job = {.slope = (real)slope, .x = x, .y = y};
    mi__parallel_ranges(ctx, count, GRAIN, leaky_range, &job);
}

static void leaky_backward_range(void *arg, int64_t begin, int64_t end) {
    const activation_job *job = arg;
    const real slope = job->slope, *x = job->x, *dy = job->dy;
    real *dx = job->dx;
    INDEPENDENT
    for (int64_t i = begin; i < end; i++)
        dx[i] = x[i] > 0 ? dy[i] : slope * dy[i];
}

static void leaky_backward(mi_context *ctx, int64_t count, double slope, const void *x,
                           const void *dy, void *dx) {
    activation_job job = {.slope = (real)slope, .x = x, .dy = dy, .dx = dx};
    mi__parallel_ranges(ctx, count, GRAIN, leaky_backward_range, &job);
}

/* y[i] = exp(x[i] - max) / sum of them, in each row [c] */
static void softmax_rows(void *arg, int64_t begin, int64_t end) {
    const activation_job *job = arg;
    for (int64_t r = begin; r < end; r++) {
        const real *x = job->x + r * job->ldx;
        real *y = job->y + r * job->c, max = x[0];
        for (int64_t i = 1; i < job->c; i++)
            max = x[i] > max ? x[i] : max;
        double sum = 0;
        for (int64_t i = 0; i < job->c; i++) {
            y[i] = (real)exp((double)(x[i] - max));
            sum += (double)y[i];
        }
        for (int64_t i = 0; i < job->c; i++)
            y[i] = (real)((double)y[i] / sum);
    }
}

static void softmax(mi_context *ctx, int64_t rows, int64_t c, const void *x, int64_t ldx, void *y) {
    activation_job job = {.c = c, .ldx = ldx, .x = x, .y = y};
    mi__parallel_ranges(ctx, rows, GRAIN / 8 / c + 1, softmax_rows, &job);
}

/* dx[i] = y[i] (dy[i] - sum of y dy) */
static void softmax_backward_rows(void *arg, int64_t begin, int64_t end) {
    const activation_job *job = arg;
    for (int64_t r = begin; r < end; r++) {
        const real *y = job->y + r * job->c, *dy = job->dy + r * job->c;
        real *dx = job->dx + r * job->ldx;
        double dot = 0;
        for (int64_t i = 0; i < job->c; i++)
            dot += (double)y[i] * (double)dy[i];
        for (int64_t i = 0; i < job->c; i++)
            dx[i] = (real)((double)y[i] * ((double)dy[i] - dot));
    }
}

static void softmax_backward(mi_context *ctx, int64_t rows, int64_t c, const void *y,
                             const void *dy, void *dx, int64_t ldx) {
    activation_job job = {.c = c, .ldx = ldx, .y = (real *)y, .dy = dy, .dx = dx};
    mi__parallel_ranges(ctx, rows, GRAIN / c + 1, softmax_backward_rows, &job);
}
