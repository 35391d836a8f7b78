/* SPDX-License-Identifier: BSD-2-Clause */
/* Gradients of convolutions by their weights: tiles are transformed in batches that the last level
 * of cache holds; then every point of du adds its product. Neither depends on the number of
 * threads. With one batch du isn't kept: strips of it are finished at once, in a worker's room. */

#define BATCH_BYTES (6 << 20)
#define CHUNK 96 /* rows of a batch that are summed in registers: 24 KiB of g */

#define SHARE 24 /* tiles that one task transforms */
#define STRIP_ROWS (4 * ROWS)

typedef struct weight_job {
    plan p;
    const float *x, *dy;
    float *dweight, *zeros, *v, *g;
    float *du; /* [panels][points][rows][panel], or, with one batch, [workers][points][strip] */
    int64_t batch, rows, strip, strips, v_plane, g_plane;
    int64_t begin, count; /* tiles in the batch */
    atomic_llong next;    /* strip to take */
} weight_job;

static weight_job make_weight_job(const mi__conv *s) {
    weight_job job = {.p = make_plan(s, false)};
    plan *p = &job.p;
    const int64_t row_bytes = p->points * (p->ldv + p->width) * (int64_t)sizeof(float);
    job.batch = MI__MIN(p->tiles, MI__MAX(BATCH_BYTES / row_bytes / CHUNK, 1) * CHUNK);
    job.rows = round_up(p->depth, ROWS);
    job.strip = job.batch == p->tiles ? MI__MIN(STRIP_ROWS, job.rows) : job.rows;
    job.strips = ceiling(job.rows, job.strip);
    job.v_plane = job.batch * p->ldv + PLANE_GAP;
    job.g_plane = job.batch * p->width + PLANE_GAP;
    return job;
}

static int64_t zero_floats(const plan *p) {
    return MI__MAX(p->ldv, p->width);
}

/* Of a strip of one panel. */
static int64_t strip_floats(const weight_job *job) {
    return job->p.points * (job->strip * PANEL + PLANE_GAP);
}

static size_t weight_bytes(const mi_context *ctx, const mi__conv *s) {
    weight_job job = make_weight_job(s);
    const plan *p = &job.p;
    const int64_t rooms = job.batch == p->tiles ? workers_for(ctx, p) : p->panels;
    return (size_t)(zero_floats(p) + p->points * (job.v_plane + job.g_plane) +
                    rooms * strip_floats(&job)) *
           sizeof(float);
}

/* Rows of v and g become pairs of tiles, which is what is summed over. */
static void pair_share(const weight_job *job, int64_t row, int64_t rows) {
    const plan *p = &job->p;
    for (int64_t point = 0; point < p->points; point++) {
        float *g = job->g + point * job->g_plane;
        p->half->pair(rows, p->ldv, p->ldv, job->v + point * job->v_plane + row * p->ldv);
        for (int64_t panel = 0; panel < p->panels; panel++) {
            const int64_t width = panel_width(p, panel);
            p->half->pair(rows, width, width, g + panel * PANEL * job->batch + row * width);
        }
    }
}

static void transform_share(void *arg, int64_t index) {
    const weight_job *job = arg;
    const plan *p = &job->p;
    const int64_t row = index * SHARE, end = MI__MIN(job->count, row + SHARE);
    const grid g = output_grid(p, 0);
    place at = place_of(p, job->begin + row);
    input_tiles(p, 0, job->x, job->zeros, job->begin + row, job->begin + end, job->v, row,
                job->batch, job->v_plane);
    for (int64_t i = row; i < end; i++, advance(p, &at))
        p->form->gradient(&g, at, job->dy, job->zeros, job->g, job->g_plane, i, job->batch);
    if (p->half != NULL)
        pair_share(job, row, end - row);
}

/* Adds the batch to `rows` rows of du from `row` on, in one panel and point. */
static void multiply_point(const weight_job *job, int64_t panel, int64_t point, int64_t row,
                           int64_t rows, float *du) {
    const plan *p = &job->p;
    const int64_t width = panel_width(p, panel);
    const float *v = job->v + point * job->v_plane + row;
    const float *g = job->g + point * job->g_plane + panel * PANEL * job->batch;
    if (job->begin == 0)
        memset(du, 0, (size_t)(rows * width) * sizeof *du);
    for (int64_t i = 0; i < job->count; i += CHUNK) {
        const int64_t depth = MI__MIN(CHUNK, job->count - i);
        if (p->half != NULL)
            p->half->multiply(width / LANES, rows, ceiling(depth, 2), v + i * p->ldv, 1, 2 * p->ldv,
                              g + i * width, 2 * width, du, true);
        else
            multiply_transposed(width / LANES, rows, depth, v + i * p->ldv, p->ldv, g + i * width,
                                du);
    }
}

/* The weights of one row of du, whose points are `plane` apart. */
static void finish_row(const weight_job *job, int64_t panel, int64_t row, const float *du,
                       int64_t plane) {
    const plan *p = &job->p;
    const mi__conv *s = &p->s;
    const int64_t r = p->form->r, phase = row / p->channels, c = row % p->channels;
    float taps[MAX_R * MAX_R * LANES];
    for (int64_t i = 0; i < panel_width(p, panel); i += LANES) {
        const int64_t column = panel * PANEL + i;
        p->form->taps(du + i, plane, taps);
        for (int64_t k = 0; k < r * r; k++) {
            const int64_t tap = tap_of(p, phase, k / r, k % r);
            if (tap >= 0)
                store_lanes(job->dweight + (tap * s->in + c) * s->out + column, s->out - column,
                            load(taps + k * LANES));
        }
    }
}

/* -- many batches ----------------------------------------------------------------------------- */

static void add_batch(void *arg, int64_t index) {
    const weight_job *job = arg;
    const plan *p = &job->p;
    const int64_t panel = index / p->points, point = index % p->points;
    multiply_point(job, panel, point, 0, job->rows,
                   job->du + panel * strip_floats(job) +
                       point * (job->rows * panel_width(p, panel) + PLANE_GAP));
}

static void finish_weights(void *arg, int64_t row) {
    const weight_job *job = arg;
    for (int64_t panel = 0; panel < job->p.panels; panel++) {
        const int64_t width = panel_width(&job->p, panel);
        finish_row(job, panel, row, job->du + panel * strip_floats(job) + row * width,
                   job->rows * width + PLANE_GAP);
    }
}

/* -- one batch -------------------------------------------------------------------------------- */

static void strip_worker(void *arg, int64_t worker) {
    weight_job *job = arg;
    const plan *p = &job->p;
    float *du = job->du + worker * strip_floats(job);
    int64_t next;
    while ((next = atomic_fetch_add(&job->next, 1)) < job->strips * p->panels) {
        const int64_t panel = next / job->strips, begin = next % job->strips * job->strip;
        const int64_t rows = MI__MIN(job->strip, job->rows - begin);
        const int64_t width = panel_width(p, panel), plane = rows * width + PLANE_GAP;
        for (int64_t point = 0; point < p->points; point++)
            multiply_point(job, panel, point, begin, rows, du + point * plane);
        for (int64_t i = 0; i < rows && begin + i < p->depth; i++)
            finish_row(job, panel, begin + i, du + i * width, plane);
    }
}

static void winograd_backward_weight(mi_context *ctx, const mi__conv *s, const void *x,
                                     const void *dy, void *dweight, void *work) {
    weight_job job = make_weight_job(s);
    const plan *p = &job.p;
    const int64_t workers = workers_for(ctx, p);
    job.x = x;
    job.dy = dy;
    job.dweight = dweight;
    job.zeros = work;
    job.v = job.zeros + zero_floats(p);
    job.g = job.v + p->points * job.v_plane;
    job.du = job.g + p->points * job.g_plane;
    memset(job.zeros, 0, (size_t)zero_floats(p) * sizeof(float));
    for (; job.begin < p->tiles; job.begin += job.batch) {
        job.count = MI__MIN(job.batch, p->tiles - job.begin);
        share_out_work(ctx, workers, ceiling(job.count, SHARE), transform_share, &job);
        if (job.batch == p->tiles)
            mi__parallel_for(ctx, workers, strip_worker, &job);
        else
            share_out_work(ctx, workers, p->panels * p->points, add_batch, &job);
    }
    if (job.batch < p->tiles)
        share_out_work(ctx, workers, p->depth, finish_weights, &job);
}

/* -- what a caller asks ----------------------------------------------------------------------- */

/* Whether there is a form, and it saves a third of the products, so that it pays. */
static bool winograd_suits(const mi__conv *s) {
    const mi__map y = mi__conv_map(s);
    if (s->stride > 2 || best_form(s, false) == NULL)
        return false;
    int64_t products = products_with(best_form(s, false), &y) * s->stride * s->stride;
    return 3 * products <= 2 * y.h * y.w * s->kernel * s->kernel;
}

static size_t winograd_work(const mi_context *ctx, const mi__conv *s) {
    size_t data = MI__MAX(conv_bytes(ctx, s, false), conv_bytes(ctx, s, true));
    return MI__MAX(data, weight_bytes(ctx, s));
}
