/* SPDX-License-Identifier: BSD-2-Clause */
/* Softmax, by the exponentials of the scores. */

typedef struct softmax_job {
    int64_t c, ldx;
    const real *x, *dy;
    real *y, *dx;
} softmax_job;

/* Of n > 0 numbers; four at a time need not wait for each other. */
static real greatest(int64_t n, const real *x) {
    real a = x[0], b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        a = greater(x[i], a);
        b = greater(x[i + 1], b);
        c = greater(x[i + 2], c);
        d = greater(x[i + 3], d);
    }
    for (; i < n; i++)
        a = greater(x[i], a);
    return greater(greater(a, b), greater(c, d));
}

/* y[i] = exp(x[i] - max) / sum of them, in each row [c] */
static void softmax_rows(void *arg, int64_t begin, int64_t end) {
    const softmax_job *job = arg;
    for (int64_t r = begin; r < end; r++) {
        const real *x = job->x + r * job->ldx;
        real *y = job->y + r * job->c;
        const double factor = 1 / exp_sum(job->c, x, (double)greatest(job->c, x), y);
        for (int64_t i = 0; i < job->c; i++)
            y[i] = (real)((double)y[i] * factor);
    }
}

static void softmax(mi_context *ctx, int64_t rows, int64_t c, const void *x, int64_t ldx, void *y) {
    softmax_job job = {.c = c, .ldx = ldx, .x = x, .y = y};
    mi__parallel_ranges(ctx, rows, GRAIN / 8 / c + 1, softmax_rows, &job);
}

/* dx[i] = y[i] (dy[i] - sum of y dy) */
static void softmax_backward_rows(void *arg, int64_t begin, int64_t end) {
    const softmax_job *job = arg;
    for (int64_t r = begin; r < end; r++) {
        const real *y = job->y + r * job->c, *dy = job->dy + r * job->c;
        real *dx = job->dx + r * job->ldx;
        const double mean = dot(job->c, y, dy);
        INDEPENDENT
        for (int64_t i = 0; i < job->c; i++)
            dx[i] = (real)((double)y[i] * ((double)dy[i] - mean));
    }
}

static void softmax_backward(mi_context *ctx, int64_t rows, int64_t c, const void *y,
                             const void *dy, void *dx, int64_t ldx) {
    softmax_job job = {.c = c, .ldx = ldx, .y = (real *)y, .dy = dy, .dx = dx};
    mi__parallel_ranges(ctx, rows, GRAIN / 8 / c + 1, softmax_backward_rows, &job);
}
