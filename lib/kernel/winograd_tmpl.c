/* SPDX-License-Identifier: BSD-2-Clause */
/* Convolutions, and their gradients by the input, as products of transformed tiles. */

#define BLOCK_TILES 48    /* that are transformed and multiplied at a time, in the L2 cache */
#define DEEP 128          /* then the weights are read again less often */
#define BLOCK_COUNT 16    /* of smaller ones, if need be */
#define PART_TERMS 256    /* of a product */
#define JOB_GRAIN 2000000 /* multiplications that pay for waking another thread */

typedef struct conv_job {
    plan p;
    const float *x, *weight;
    float *y, *zeros, *bias, *u, *rooms;
    double *moments;       /* NULL: not wanted; else [blocks]: a count, [2][width] */
    int64_t block, blocks; /* tiles in one; how many in a pass */
    int64_t row_floats, u_floats;
    atomic_llong next; /* block to take */
} conv_job;

static int64_t worker_count(const mi_context *ctx, int64_t tasks) {
    return MI__MIN((int64_t)ctx->threads, tasks);
}

static int64_t workers_for(const mi_context *ctx, const plan *p) {
    double work = (double)(p->tiles * p->points) * (double)(p->depth * p->width * p->passes);
    return worker_count(ctx, work < 1e15 ? (int64_t)(work / JOB_GRAIN) + 1 : INT64_MAX);
}

static int64_t product_plane(int64_t width) {
    return ROWS * width + PLANE_GAP;
}

static int64_t u_plane(const plan *p, int64_t panel) {
    return p->depth * panel_width(p, panel) + PLANE_GAP;
}

static float *u_of(const conv_job *job, int64_t pass, int64_t panel) {
    const plan *p = &job->p;
    return job->u + pass * job->u_floats + panel * p->points * (p->depth * PANEL + PLANE_GAP);
}

/* A worker's room: v and products of one block. */
static int64_t room_floats(const conv_job *job) {
    return ceiling(job->block, ROWS) * job->p.points * (ROWS * job->p.ldv + product_plane(PANEL));
}

static conv_job make_conv_job(const mi__conv *s, bool back) {
    conv_job job = {.p = make_plan(s, back)};
    const plan *p = &job.p;
    job.block = MI__MIN(p->depth > DEEP ? 2 * BLOCK_TILES : BLOCK_TILES,
                        round_up(ceiling(p->tiles, BLOCK_COUNT), 2 * ROWS));
    job.blocks = ceiling(p->tiles, job.block);
    job.row_floats = MI__MAX(p->ldv, p->panels * PANEL);
    job.u_floats = p->points * (p->depth * p->width + p->panels * PLANE_GAP);
    return job;
}

static size_t conv_bytes(const mi_context *ctx, const mi__conv *s, bool back) {
    conv_job job = make_conv_job(s, back);
    int64_t rooms = workers_for(ctx, &job.p) * room_floats(&job);
    return (size_t)(2 * job.row_floats + job.p.passes * job.u_floats + rooms) * sizeof(float) +
           (size_t)(job.blocks * moment_doubles(job.p.width)) * sizeof(double);
}

/* -- weights ---------------------------------------------------------------------------------- */

/* One vector of outputs of `count` channels, [channels][r][r][LANES]. */
static void gather_taps(const conv_job *job, int64_t phase, int64_t channel, int64_t count,
                        int64_t column, float *taps) {
    const plan *p = &job->p;
    const mi__conv *s = &p->s;
    const int64_t r = p->form->r, lanes = MI__MIN(LANES, p->out - column);
    for (int64_t i = 0; i < r * r; i++) {
        const int64_t tap = tap_of(p, phase, i / r, i % r);
        const float *from = job->weight + (tap < 0 ? 0 : tap * s->in * s->out);
        float *to = taps + i * LANES;
        if (tap < 0)
            for (int64_t c = 0; c < count; c++)
                store(to + c * r * r * LANES, broadcast(0));
        else if (p->back)
            transpose_rows(from + column * s->out + channel, s->out, lanes, count, to,
                           r * r * LANES);
        else
            copy_rows(from + channel * s->out + column, s->out, lanes, count, to, r * r * LANES);
    }
}

/* One vector of output channels in u. */
static void pack_weights(void *arg, int64_t index) {
    const conv_job *job = arg;
    const plan *p = &job->p;
    const int64_t vectors = p->width / LANES, pass = index / vectors;
    const int64_t column = index % vectors * LANES, panel = column / PANEL;
    const int64_t width = panel_width(p, panel), r = p->form->r;
    float taps[LANES * MAX_R * MAX_R * LANES];
    float *const first = u_of(job, pass, panel) + column % PANEL, *u = first;
    for (int64_t phase = 0; phase < p->phases; phase++)
        for (int64_t channel = 0; channel < p->channels; channel += LANES) {
            const int64_t count = MI__MIN(LANES, p->channels - channel);
            gather_taps(job, p->back ? pass : phase, channel, count, column, taps);
            for (int64_t c = 0; c < count; c++, u += width)
                p->form->points(taps + c * r * r * LANES, u, u_plane(p, panel));
        }
    for (int64_t point = 0; point < p->points && p->half != NULL; point++)
        p->half->pair(p->depth, LANES, width, first + point * u_plane(p, panel));
}

/* -- moments ---------------------------------------------------------------------------------- */

/* The mean of one block and panel, and the sum of squares around it. */
static void keep_moments(const conv_job *job, int64_t block, int64_t panel, tally *t) {
    double *to = job->moments + block * moment_doubles(job->p.width);
    double *mean = to + 1 + panel * PANEL, *square = mean + job->p.width;
    const double count = (double)t->count;
    flush_tally(t);
    to[0] = count;
    for (int64_t i = 0; i < panel_width(&job->p, panel); i++) {
        mean[i] = (double)t->first[i] + t->sums[i] / count;
        square[i] = t->squares[i] - t->sums[i] * (t->sums[i] / count);
    }
}

/* -- blocks of tiles -------------------------------------------------------------------------- */

static void output_tiles(const conv_job *job, int64_t pass, int64_t block, int64_t panel,
                         const float *product) {
    const plan *p = &job->p;
    const int64_t width = panel_width(p, panel), first = panel * PANEL;
    const int64_t begin = block * job->block, end = MI__MIN(p->tiles, begin + job->block);
    const grid g = output_grid(p, pass);
    tally t;
    const sink to = {job->y, job->bias, job->moments != NULL ? &t : NULL};
    place at = place_of(p, begin);
    if (job->moments != NULL)
        memset(&t, 0, sizeof t);
    for (int64_t i = 0; i < end - begin; i++, advance(p, &at))
        p->form->output(&g, at, first, MI__MIN(PANEL, p->out - first),
                        product + i / ROWS * p->points * product_plane(width) + i % ROWS * width,
                        product_plane(width), &to);
    if (job->moments != NULL)
        keep_moments(job, block, panel, &t);
}

/* Products of one point and `groups` groups of tiles, in parts of the sum: they stay in the L1
 * cache, and are short enough for the points of p = 8, where terms are large. */
static void multiply_parts(const plan *p, int64_t width, int64_t groups, const float *v,
                           const float *u, float *product) {
    const int64_t part = p->form->p == MAX_P ? PART_TERMS / 4 : PART_TERMS;
    register_tile t = {.row = p->ldv, .step = 1, .ldb = width, .ldc = width, .last = LANES};
    for (int64_t k = 0; k < p->depth; k += part) {
        t.depth = MI__MIN(part, p->depth - k);
        t.beta = k == 0 ? 0 : 1;
        t.b = u + k * width;
        for (int64_t i = 0; i < groups; i++) {
            t.a = v + i * p->points * ROWS * p->ldv + k;
            t.c = product + i * p->points * product_plane(width);
            tile_functions[ROWS - 1][width / LANES - 1](&t);
        }
    }
}

static void multiply_half_parts(const plan *p, int64_t width, int64_t groups, const float *v,
                                const float *u, float *product) {
    for (int64_t k = 0; k < p->depth; k += PART_TERMS)
        for (int64_t i = 0; i < groups; i++)
            p->half->multiply(width / LANES, ROWS, ceiling(MI__MIN(PART_TERMS, p->depth - k), 2),
                              v + i * p->points * ROWS * p->ldv + k / 2, p->ldv, 1, u + k * width,
                              2 * width, product + i * p->points * product_plane(width), k > 0);
}

static void conv_block(const conv_job *job, int64_t pass, int64_t block, float *v, float *product) {
    const plan *p = &job->p;
    const int64_t begin = block * job->block, end = MI__MIN(p->tiles, begin + job->block);
    const int64_t groups = ceiling(end - begin, ROWS);
    input_tiles(p, pass, job->x, job->zeros, begin, end, v, 0, ROWS, ROWS * p->ldv);
    if (p->half != NULL)
        p->half->narrow(groups * p->points * ROWS, p->depth, p->ldv, v);
    for (int64_t panel = 0; panel < p->panels; panel++) {
        const int64_t width = panel_width(p, panel);
        const float *u = u_of(job, pass, panel);
        for (int64_t point = 0; point < p->points; point++)
            (p->half != NULL ? multiply_half_parts : multiply_parts)(
                p, width, groups, v + point * ROWS * p->ldv, u + point * u_plane(p, panel),
                product + point * product_plane(width));
        output_tiles(job, pass, block, panel, product);
    }
}

static void conv_worker(void *arg, int64_t worker) {
    conv_job *job = arg;
    float *v = job->rooms + worker * room_floats(job);
    float *product = v + round_up(job->block, ROWS) * job->p.points * job->p.ldv;
    int64_t next;
    while ((next = atomic_fetch_add(&job->next, 1)) < job->p.passes * job->blocks)
        conv_block(job, next / job->blocks, next % job->blocks, v, product);
}

/* With few multiplications on this thread alone. */
static void share_out_work(mi_context *ctx, int64_t workers, int64_t n,
                           void (*body)(void *arg, int64_t i), void *arg) {
    if (workers > 1)
        mi__parallel_for(ctx, n, body, arg);
    else
        for (int64_t i = 0; i < n; i++)
            body(arg, i);
}

static void run_conv(mi_context *ctx, conv_job *job, const void *bias_of, float *room) {
    const plan *p = &job->p;
    const int64_t workers = workers_for(ctx, p);
    job->zeros = room;
    job->bias = job->zeros + job->row_floats;
    job->u = job->bias + job->row_floats;
    job->rooms = job->u + p->passes * job->u_floats;
    memset(job->zeros, 0, (size_t)(2 * job->row_floats) * sizeof(float));
    if (bias_of != NULL)
        memcpy(job->bias, bias_of, (size_t)p->out * sizeof(float));
    share_out_work(ctx, workers, p->passes * p->width / LANES, pack_weights, job);
    mi__parallel_for(ctx, workers, conv_worker, job);
}

static void winograd(mi_context *ctx, const mi__conv *s, const void *x, const void *weight,
                     const void *bias_of, void *y, void *mean, void *variance, void *work) {
    conv_job job = make_conv_job(s, false);
    double *moments_of = work;
    job.x = x;
    job.weight = weight;
    job.y = y;
    job.moments = mean != NULL ? moments_of : NULL;
    run_conv(ctx, &job, bias_of, (float *)(moments_of + job.blocks * moment_doubles(job.p.width)));
    if (mean != NULL)
        join_moments(job.blocks, job.p.width, job.p.out, job.moments, mean, variance);
}

static void winograd_backward_data(mi_context *ctx, const mi__conv *s, const void *dy,
                                   const void *weight, void *dx, void *work) {
    conv_job job = make_conv_job(s, true);
    job.x = dy;
    job.weight = weight;
    job.y = dx;
    run_conv(ctx, &job, NULL, work);
}
