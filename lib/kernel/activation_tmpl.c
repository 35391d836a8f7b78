/* SPDX-License-Identifier: BSD-2-Clause */
/* Leaky rectifier. */

typedef struct activation_job {
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
