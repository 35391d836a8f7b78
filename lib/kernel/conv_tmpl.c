/* SPDX-License-Identifier: BSD-2-Clause */
/* Convolution with zero padding, straight from the definition.
 *
 *   x [n][h][w][in], weight [kernel][kernel][in][out], y [n][oh][ow][out]
 *
 *   y[n][r][q][o]        = bias[o] + sum over i, j, c: x[n][up][left][c] weight[i][j][c][o]
 *   dx[n][up][left][c]   = sum over i, j, o: dy[n][r][q][o] weight[i][j][c][o]
 *   dweight[i][j][c][o]  = sum over n, r, q: x[n][up][left][c] dy[n][r][q][o]
 *
 * where up = r stride + i - pad, left = q stride + j - pad. */

/* Input channels whose gradients one task holds while it walks over the maps. */
#define GROUP 8

typedef struct conv_job {
    mi__conv s;
    mi__map map; /* of y */
    const real *x, *weight, *bias, *dy;
    real *y, *dx, *dweight;
    double *sums; /* [kernel][kernel][in][out] */
} conv_job;

static int64_t taps(const mi__conv *s) {
    return s->kernel * s->kernel;
}

static size_t conv_work(const mi_context *ctx, const mi__conv *s) {
    mi__map map = mi__conv_map(s);
    size_t sums = (size_t)(taps(s) * s->in * s->out) * sizeof(double);
    return MI__MAX(sums, norm_work(ctx, map.n * map.h * map.w, map.c));
}

static void conv_pixel(const conv_job *job, int64_t n, int64_t r, int64_t q, real *restrict y) {
    const mi__conv s = job->s;
    for (int64_t o = 0; o < s.out; o++)
        y[o] = job->bias != NULL ? job->bias[o] : 0;
    for (int64_t tap = 0; tap < taps(&s); tap++) {
        int64_t up = r * s.stride + tap / s.kernel - s.pad;
        int64_t left = q * s.stride + tap % s.kernel - s.pad;
        if (up < 0 || up >= s.h || left < 0 || left >= s.w)
            continue;
        const real *x = job->x + ((n * s.h + up) * s.w + left) * s.in;
        const real *weight = job->weight + tap * s.in * s.out;
        for (int64_t c = 0; c < s.in; c++)
            for (int64_t o = 0; o < s.out; o++)
                y[o] += x[c] * weight[c * s.out + o];
    }
}

/* One row of the output, [ow][out]. */
static void conv_row(void *arg, int64_t row) {
    const conv_job *job = arg;
    const mi__map m = job->map;
    for (int64_t q = 0; q < m.w; q++)
        conv_pixel(job, row / m.h, row % m.h, q, job->y + (row * m.w + q) * m.c);
}

static void conv(mi_context *ctx, const mi__conv *s, const void *x, const void *weight,
                 const void *bias, void *y, void *mean, void *variance, void *work) {
    conv_job job = {
        .s = *s, .map = mi__conv_map(s), .x = x, .weight = weight, .bias = bias, .y = y};
    mi__parallel_for(ctx, job.map.n * job.map.h, conv_row, &job);
    if (mean != NULL)
        moments(ctx, job.map.n * job.map.h * job.map.w, s->out, y, mean, variance, work);
}

/* Which output saw an input at this distance from its first tap: -1 if none did. */
static int64_t output_of(int64_t distance, int64_t stride, int64_t outputs) {
    return distance >= 0 && distance % stride == 0 && distance / stride < outputs
               ? distance / stride
               : -1;
}

static void conv_pixel_back(const conv_job *job, int64_t n, int64_t up, int64_t left,
                            real *restrict dx) {
    const mi__conv s = job->s;
    const mi__map m = job->map;
    memset(dx, 0, (size_t)s.in * sizeof *dx);
    for (int64_t tap = 0; tap < taps(&s); tap++) {
        int64_t r = output_of(up + s.pad - tap / s.kernel, s.stride, m.h);
        int64_t q = output_of(left + s.pad - tap % s.kernel, s.stride, m.w);
        if (r < 0 || q < 0)
            continue;
        const real *dy = job->dy + ((n * m.h + r) * m.w + q) * m.c;
        const real *weight = job->weight + tap * s.in * s.out;
        for (int64_t c = 0; c < s.in; c++) {
            real sum = 0;
            for (int64_t o = 0; o < s.out; o++)
                sum += dy[o] * weight[c * s.out + o];
            dx[c] += sum;
        }
    }
}

/* One row of the input, [w][in]. */
static void conv_row_back(void *arg, int64_t row) {
    const conv_job *job = arg;
    const mi__conv s = job->s;
    for (int64_t q = 0; q < s.w; q++)
        conv_pixel_back(job, row / s.h, row % s.h, q, job->dx + (row * s.w + q) * s.in);
}

static void conv_backward_data(mi_context *ctx, const mi__conv *s, const void *dy,
                               const void *weight, void *dx, void *work) {
    (void)work;
    conv_job job = {.s = *s, .map = mi__conv_map(s), .weight = weight, .dy = dy, .dx = dx};
    mi__parallel_for(ctx, s->n * s->h, conv_row_back, &job);
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
    const mi__map m = job->map;
    int64_t groups = (s.in + GROUP - 1) / GROUP, tap = index / groups;
    int64_t begin = index % groups * GROUP, count = MI__MIN(GROUP, s.in - begin);
    double *sums = job->sums + (tap * s.in + begin) * s.out;
    memset(sums, 0, (size_t)(count * s.out) * sizeof *sums);
    for (int64_t row = 0; row < m.n * m.h; row++) {
        int64_t up = row % m.h * s.stride + tap / s.kernel - s.pad;
        for (int64_t q = 0; q < m.w && up >= 0 && up < s.h; q++) {
            int64_t left = q * s.stride + tap % s.kernel - s.pad;
            if (left >= 0 && left < s.w)
                add_product(count, s.out,
                            job->x + ((row / m.h * s.h + up) * s.w + left) * s.in + begin,
                            job->dy + (row * m.w + q) * m.c, sums);
        }
    }
    for (int64_t i = 0; i < count * s.out; i++)
        job->dweight[(tap * s.in + begin) * s.out + i] = (real)sums[i];
}

static void conv_backward_weight(mi_context *ctx, const mi__conv *s, const void *x, const void *dy,
                                 void *dweight, void *work) {
    conv_job job = {
        .s = *s, .map = mi__conv_map(s), .x = x, .dy = dy, .dweight = dweight, .sums = work};
    mi__parallel_for(ctx, taps(s) * ((s->in + GROUP - 1) / GROUP), conv_weight_group, &job);
}
