/* SPDX-License-Identifier: BSD-2-Clause */
/* 3x3 convolution and its gradients as products of transformed tiles. */

/* -- y, and dx which is the same with turned weights ------------------------------------------ */

typedef struct conv_job {
    plan p;
    const float *x, *weight;
    bool turned; /* weight is [3][3][out][in] and goes by 180 degrees */
    float *y, *zeros, *u, *rooms;
    int64_t block, v_plane, product_plane, u_floats;
    atomic_llong next; /* block of tiles to take */
} conv_job;

/* A worker's room: v and products of one block. */
static int64_t room_floats(const conv_job *job) {
    return job->p.points * (job->v_plane + job->product_plane);
}

static int64_t worker_count(const mi_context *ctx, int64_t tasks) {
    return MI__MIN((int64_t)ctx->threads, tasks);
}

static conv_job make_conv_job(const mi_context *ctx, const mi__conv *s) {
    conv_job job = {.p = make_plan(s)};
    int64_t share = round_up((job.p.tiles + ctx->threads - 1) / ctx->threads, ROWS);
    job.block = MI__MAX(MI__MIN(BLOCK_TILES, share), ROWS);
    job.v_plane = job.block * job.p.ldv + PLANE_GAP;
    job.product_plane = job.block * PANEL + PLANE_GAP;
    job.u_floats = job.p.points * job.p.depth * job.p.width;
    return job;
}

static int64_t block_total(const conv_job *job) {
    return (job->p.tiles + job->block - 1) / job->block;
}

static size_t conv_bytes(const mi_context *ctx, const mi__conv *s) {
    conv_job job = make_conv_job(ctx, s);
    int64_t rooms = worker_count(ctx, block_total(&job)) * room_floats(&job);
    return (size_t)(job.p.ldv + job.u_floats + rooms) * sizeof(float);
}

/* Weights of `count` output channels from `column` on. */
INLINE vec load_weights(const conv_job *job, int64_t tap, int64_t c, int64_t column) {
    const mi__conv *s = &job->p.s;
    int64_t count = MI__MIN(LANES, s->out - column);
    if (!job->turned)
        return load_lanes(job->weight + (tap * s->in + c) * s->out + column, count);
    float lanes[LANES] = {0};
    for (int64_t i = 0; i < count; i++)
        lanes[i] = job->weight[((8 - tap) * s->out + column + i) * s->in + c];
    return load(lanes);
}

INLINE void transform_weights(const int m, const conv_job *job, int64_t c, int64_t column, float *u,
                              int64_t plane) {
    vec x[MAX_P * MAX_P], t[MAX_P * MAX_P];
    for (int tap = 0; tap < 9; tap++)
        x[tap / 3 * MAX_P + tap % 3] = load_weights(job, tap, c, column);
    transform(m + 2, 3, weight_matrix[m - 2], x, t);
    store_points(m + 2, t, u, plane);
}

/* One vector of output channels in u, [points][depth] of it. */
static void pack_weights(void *arg, int64_t index) {
    const conv_job *job = arg;
    const plan *p = &job->p;
    int64_t column = index * LANES, panel = column / PANEL, width = panel_width(p, panel);
    int64_t plane = p->depth * width;
    float *u = job->u + panel * PANEL * p->points * p->depth + column % PANEL;
    for (int64_t c = 0; c < p->s.in; c++, u += width)
        switch (p->m) {
        case 1:
            for (int64_t tap = 0; tap < 9; tap++)
                store(u + tap * p->s.in * width, load_weights(job, tap, c, column));
            break;
        case 2: transform_weights(2, job, c, column, u, plane); break;
        case 3: transform_weights(3, job, c, column, u, plane); break;
        default: transform_weights(4, job, c, column, u, plane); break;
        }
}

static void conv_block(conv_job *job, int64_t begin, int64_t end, float *v, float *product) {
    const plan *p = &job->p;
    int64_t rows = round_up(end - begin, ROWS);
    input_tiles(p, job->x, job->zeros, begin, end, v, job->v_plane);
    for (int64_t point = 0; point < p->points; point++)
        memset(v + point * job->v_plane + (end - begin) * p->ldv, 0,
               (size_t)((rows - (end - begin)) * p->ldv) * sizeof *v);
    for (int64_t panel = 0; panel < p->panels; panel++) {
        int64_t width = panel_width(p, panel);
        const float *u = job->u + panel * PANEL * p->points * p->depth;
        for (int64_t point = 0; point < p->points; point++)
            multiply(width / LANES, rows, p->depth, v + point * job->v_plane, p->ldv,
                     u + point * p->depth * width, product + point * job->product_plane);
        output_tiles(p, begin, end, panel, product, job->product_plane, job->y);
    }
}

static void conv_worker(void *arg, int64_t worker) {
    conv_job *job = arg;
    float *v = job->rooms + worker * room_floats(job);
    float *product = v + job->p.points * job->v_plane;
    int64_t block, total = block_total(job);
    while ((block = atomic_fetch_add(&job->next, 1)) < total)
        conv_block(job, block * job->block, MI__MIN(job->p.tiles, (block + 1) * job->block), v,
                   product);
}

static void run_conv(mi_context *ctx, const mi__conv *s, bool turned, const void *x,
                     const void *weight, void *y, void *work) {
    conv_job job = make_conv_job(ctx, s);
    job.x = x;
    job.weight = weight;
    job.turned = turned;
    job.y = y;
    job.zeros = work;
    job.u = job.zeros + job.p.ldv;
    job.rooms = job.u + job.u_floats;
    memset(job.zeros, 0, (size_t)job.p.ldv * sizeof(float));
    mi__parallel_for(ctx, job.p.width / LANES, pack_weights, &job);
    mi__parallel_for(ctx, worker_count(ctx, block_total(&job)), conv_worker, &job);
}

static void winograd(mi_context *ctx, const mi__conv *s, const void *x, const void *weight,
                     const void *bias_of, void *y, void *mean, void *variance, void *work) {
    int64_t rows = s->n * s->h * s->w;
    run_conv(ctx, s, false, x, weight, y, work);
    if (bias_of != NULL)
        bias(ctx, rows, s->out, bias_of, y);
    if (mean != NULL)
        moments(ctx, rows, s->out, y, mean, variance, work);
}

static mi__conv turned_shape(const mi__conv *s) {
    return (mi__conv){s->n, s->h, s->w, s->out, s->in, 3, 1, 1};
}

static void winograd_backward_data(mi_context *ctx, const mi__conv *s, const void *dy,
                                   const void *weight, void *dx, void *work) {
    mi__conv back = turned_shape(s);
    run_conv(ctx, &back, true, dy, weight, dx, work);
}

/* -- dweight ---------------------------------------------------------------------------------- */

/* Tiles are transformed in batches that the last level of cache holds; then every point and panel
 * of du adds its product. Neither depends on the number of threads. */

#define BATCH_BYTES (6 << 20)
#define CHUNK 192      /* rows of a batch that are summed in registers */
#define SHARE 24       /* tiles that one task transforms */
#define DIRECT_SUMS 32 /* with one point: parts of the batch that are summed apart */

typedef struct weight_job {
    plan p;
    const float *x, *dy;
    float *dweight, *zeros, *v, *g;
    float *du; /* [parts][panels][points][rows][panel] */
    int64_t batch, rows, v_plane, g_plane, parts, du_floats;
    int64_t begin, count; /* tiles in the batch */
} weight_job;

static weight_job make_weight_job(const mi__conv *s) {
    weight_job job = {.p = make_plan(s)};
    const plan *p = &job.p;
    int64_t row_bytes = p->points * (p->ldv + p->width) * (int64_t)sizeof(float);
    job.batch = MI__MIN(p->tiles, MI__MAX(BATCH_BYTES / row_bytes / CHUNK, 1) * CHUNK);
    job.rows = round_up(p->depth, ROWS);
    job.v_plane = job.batch * p->ldv + PLANE_GAP;
    job.g_plane = job.batch * p->width + PLANE_GAP;
    job.parts = p->points == 1 ? DIRECT_SUMS : 1;
    job.du_floats = p->points * job.rows * p->width;
    return job;
}

static int64_t zero_floats(const plan *p) {
    return MI__MAX(p->ldv, p->width);
}

static size_t weight_bytes(const mi__conv *s) {
    weight_job job = make_weight_job(s);
    return (size_t)(zero_floats(&job.p) + job.p.points * (job.v_plane + job.g_plane) +
                    job.parts * job.du_floats) *
           sizeof(float);
}

static void transform_share(void *arg, int64_t index) {
    const weight_job *job = arg;
    int64_t row = index * SHARE, end = MI__MIN(job->count, row + SHARE);
    input_tiles(&job->p, job->x, job->zeros, job->begin + row, job->begin + end,
                job->v + row * job->p.ldv, job->v_plane);
    gradient_tiles(&job->p, job->dy, job->zeros, job->begin + row, job->begin + end, row, job->g,
                   job->g_plane, job->batch);
}

/* Adds the batch to du in one part, panel and point. */
static void multiply_point(void *arg, int64_t index) {
    const weight_job *job = arg;
    const plan *p = &job->p;
    int64_t point = index % p->points, panel = index / p->points % p->panels;
    int64_t part = index / p->points / p->panels, width = panel_width(p, panel);
    const float *v = job->v + point * job->v_plane;
    const float *g = job->g + point * job->g_plane + panel * PANEL * job->batch;
    float *du =
        job->du + part * job->du_floats + (panel * PANEL * p->points + point * width) * job->rows;
    int64_t chunks = (job->count + CHUNK - 1) / CHUNK;
    for (int64_t i = chunks * part / job->parts; i < chunks * (part + 1) / job->parts; i++) {
        int64_t row = i * CHUNK, depth = MI__MIN(CHUNK, job->count - row);
        multiply_transposed(width / LANES, job->rows, depth, v + row * p->ldv, p->ldv,
                            g + row * width, du);
    }
}

static void add_parts(weight_job *job) {
    for (int64_t part = 1; part < job->parts; part++)
        for (int64_t i = 0; i < job->du_floats; i++)
            job->du[i] += job->du[part * job->du_floats + i];
}

INLINE void weight_vector(const int m, const float *du, int64_t plane, vec *t) {
    vec x[MAX_P * MAX_P];
    load_points(m + 2, du, plane, x);
    transform(3, m + 2, weight_matrix_t[m - 2], x, t);
}

/* One input channel's weights. */
static void finish_weights(void *arg, int64_t c) {
    const weight_job *job = arg;
    const plan *p = &job->p;
    for (int64_t column = 0; column < p->s.out; column += LANES) {
        int64_t panel = column / PANEL, width = panel_width(p, panel), plane = job->rows * width;
        const float *du = job->du + panel * PANEL * p->points * job->rows + column % PANEL;
        vec t[MAX_P * MAX_P];
        switch (p->m) {
        case 1:
            for (int64_t tap = 0; tap < 9; tap++)
                t[tap / 3 * MAX_P + tap % 3] = load(du + (tap * p->s.in + c) * width);
            break;
        case 2: weight_vector(2, du + c * width, plane, t); break;
        case 3: weight_vector(3, du + c * width, plane, t); break;
        default: weight_vector(4, du + c * width, plane, t); break;
        }
        for (int64_t tap = 0; tap < 9; tap++)
            store_lanes(job->dweight + (tap * p->s.in + c) * p->s.out + column, p->s.out - column,
                        t[tap / 3 * MAX_P + tap % 3]);
    }
}

static void winograd_backward_weight(mi_context *ctx, const mi__conv *s, const void *x,
                                     const void *dy, void *dweight, void *work) {
    weight_job job = make_weight_job(s);
    const plan *p = &job.p;
    job.x = x;
    job.dy = dy;
    job.dweight = dweight;
    job.zeros = work;
    job.v = job.zeros + zero_floats(p);
    job.g = job.v + p->points * job.v_plane;
    job.du = job.g + p->points * job.g_plane;
    memset(job.zeros, 0, (size_t)zero_floats(p) * sizeof(float));
    memset(job.du, 0, (size_t)(job.parts * job.du_floats) * sizeof(float));
    for (job.begin = 0; job.begin < p->tiles; job.begin += job.batch) {
        job.count = MI__MIN(job.batch, p->tiles - job.begin);
        mi__parallel_for(ctx, (job.count + SHARE - 1) / SHARE, transform_share, &job);
        mi__parallel_for(ctx, job.parts * p->panels * p->points, multiply_point, &job);
    }
    add_parts(&job);
    mi__parallel_for(ctx, s->in, finish_weights, &job);
}

static size_t winograd_work(const mi_context *ctx, const mi__conv *s) {
    mi__conv back = turned_shape(s);
    size_t data = MI__MAX(conv_bytes(ctx, s), conv_bytes(ctx, &back));
    size_t sums = norm_work(ctx, s->n * s->h * s->w, s->out);
    return MI__MAX(MI__MAX(data, sums), weight_bytes(s));
}
