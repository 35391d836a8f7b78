/* SPDX-License-Identifier: BSD-2-Clause */
/* 3x3 convolution with zero padding, straight from the definition.
 *
 *   x [n][h][w][in], weight [3][3][in][out], y [n][h][w][out]
 *
 *   y[n][r][q][o]        = sum over i, j, c: x[n][r+i-1][q+j-1][c] weight[i][j][c][o]
 *   dx[n][r][q][c]       = sum over i, j, o: dy[n][r-i+1][q-j+1][o] weight[i][j][c][o]
 *   dweight[i][j][c][o]  = sum over n, r, q: x[n][r+i-1][q+j-1][c] dy[n][r][q][o] */

/* Input channels whose gradients one task holds while it walks over the maps. */
#define GROUP 8

typedef struct conv_job {
    mi__conv s;
    const real *x, *weight, *dy;
    real *y, *dweight;
    double *sums; /* [3][3][in][out] */
} conv_job;

static size_t conv_work(const mi_context *ctx, const mi__conv *s) {
    (void)ctx;
    return (size_t)(9 * s->in * s->out) * sizeof(double);
}

/* One row of the output, [w][out]. */
static void conv_row(void *arg, int64_t row) {
    const conv_job *job = arg;
    const mi__conv s = job->s;
    int64_t n = row / s.h, r = row % s.h;
    for (int64_t q = 0; q < s.w; q++) {
        real *restrict y = job->y + (row * s.w + q) * s.out;
        memset(y, 0, (size_t)s.out * sizeof *y);
        for (int64_t tap = 0; tap < 9; tap++) {
            int64_t above = r + tap / 3 - 1, left = q + tap % 3 - 1;
            if (above < 0 || above >= s.h || left < 0 || left >= s.w)
                continue;
            const real *x = job->x + ((n * s.h + above) * s.w + left) * s.in;
            const real *weight = job->weight + tap * s.in * s.out;
            for (int64_t c = 0; c < s.in; c++)
                for (int64_t o = 0; o < s.out; o++)
                    y[o] += x[c] * weight[c * s.out + o];
        }
    }
}

static void conv(mi_context *ctx, const mi__conv *s, const void *x, const void *weight, void *y,
                 void *work) {
    (void)work;
    conv_job job = {.s = *s, .x = x, .weight = weight, .y = y};
    mi__parallel_for(ctx, s->n * s->h, conv_row, &job);
}

/* The same convolution, from dy to dx, with weights turned by 180 degrees and transposed. */
static void conv_backward_data(mi_context *ctx, const mi__conv *s, const void *dy,
                               const void *weight, void *dx, void *work) {
    const real *from = weight;
    real *turned = work; /* [3][3][out][in] */
    for (int64_t tap = 0; tap < 9; tap++)
        for (int64_t c = 0; c < s->in; c++)
            for (int64_t o = 0; o < s->out; o++)
                turned[((8 - tap) * s->out + o) * s->in + c] = from[(tap * s->in + c) * s->out + o];
    mi__conv back = {s->n, s->h, s->w, s->out, s->in};
    conv(ctx, &back, dy, turned, dx, NULL);
}

/* sums[c][out] of `count` input channels at one pixel */
static void add_product(int64_t count, int64_t out, const real *x, const real *dy,
                        double *restrict sums) {
    for (int64_t c = 0; c < count; c++)
        for (int64_t o = 0; o < out; o++)
            sums[c * out + o] += (double)x[c] * (double)dy[o];
}

/* The gradient of one tap's weights for one group of input channels. */
static void conv_weight_group(void *arg, int64_t index) {
    const conv_job *job = arg;
    const mi__conv s = job->s;
    int64_t groups = (s.in + GROUP - 1) / GROUP, tap = index / groups;
    int64_t begin = index % groups * GROUP, count = MI__MIN(GROUP, s.in - begin);
    int64_t down = tap / 3 - 1, right = tap % 3 - 1;
    double *sums = job->sums + (tap * s.in + begin) * s.out;
    memset(sums, 0, (size_t)(count * s.out) * sizeof *sums);
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t r = MI__MAX(-down, 0); r < MI__MIN(s.h, s.h - down); r++)
            for (int64_t q = MI__MAX(-right, 0); q < MI__MIN(s.w, s.w - right); q++) {
                int64_t at = (n * s.h + r) * s.w + q;
                add_product(count, s.out, job->x + (at + down * s.w + right) * s.in + begin,
                            job->dy + at * s.out, sums);
            }
    for (int64_t i = 0; i < count * s.out; i++)
        job->dweight[(tap * s.in + begin) * s.out + i] = (real)sums[i];
}

static void conv_backward_weight(mi_context *ctx, const mi__conv *s, const void *x, const void *dy,
                                 void *dweight, void *work) {
    conv_job job = {.s = *s, .x = x, .dy = dy, .dweight = dweight, .sums = work};
    mi__parallel_for(ctx, 9 * ((s->in + GROUP - 1) / GROUP), conv_weight_group, &job);
}
