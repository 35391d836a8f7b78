/* SPDX-License-Identifier: BSD-2-Clause */
/* The weights' gradient of any convolution: the transposed patches of patch_tmpl.c by dy. A task
 * has a group of the terms, a panel of the channels and a part of the boxes. */

#define GROUP_TILES 48 /* of ROWS terms; their sums stay in the L2 cache */

typedef struct terms_job {
    sweep s;
    const float *x, *dy;
    float *dweight, *sums, *rooms; /* sums [parts][panels][terms][width] */
    int64_t *term;
    bool whole; /* a box of dy is a panel as it is */
    int64_t tiles, group, groups, parts, part_floats;
    atomic_llong next;
} terms_job;

static terms_job make_terms_job(const mi__conv *s) {
    terms_job job = {.s = forward_job(s).s};
    job.whole = job.s.panels == 1 && job.s.width == job.s.out && job.s.boxes_across == 1;
    job.tiles = ceiling(job.s.depth, ROWS);
    job.group = part_size(job.tiles, GROUP_TILES);
    job.groups = ceiling(job.tiles, job.group);
    job.parts = MI__MIN(ceiling(ENOUGH, job.groups * job.s.panels), job.s.boxes);
    job.part_floats = job.tiles * ROWS * job.s.width;
    return job;
}

static int64_t term_tasks(const terms_job *job) {
    return job->groups * job->s.panels * job->parts;
}

static int64_t padded_term_floats(const terms_job *job) {
    return round_up(job->tiles * ROWS * (int64_t)(sizeof(int64_t) / sizeof(float)), LANES);
}

static size_t terms_bytes(const mi_context *ctx, const terms_job *job) {
    return (size_t)(padded_term_floats(job) + job->parts * job->part_floats +
                    worker_count(ctx, term_tasks(job)) * sweep_room(&job->s)) *
           sizeof(float);
}

/* A panel of dy, [pixels][width]. */
static void pack_pixels(const sweep *s, const float *dy, int64_t pixels, const int64_t *from,
                        int64_t panel, float *to) {
    int64_t column = panel * PANEL, width = sweep_panel_width(s, panel);
    for (int64_t p = 0; p < pixels; p++, to += width)
        for (int64_t j = 0; j < width; j += LANES)
            store(to + j, load_lanes(dy + from[p] + column + j, s->out - column - j));
}

static void sum_terms(const terms_job *job, int64_t task, float *room) {
    const sweep *s = &job->s;
    int64_t group = task % job->groups, panel = task / job->groups % s->panels;
    int64_t part = task / job->groups / s->panels, width = sweep_panel_width(s, panel);
    int64_t pixels = box_pixels(s), end = MI__MIN((group + 1) * job->group, job->tiles);
    int64_t *from = (int64_t *)(void *)room, *to = from + pixels;
    float *packed = room + sweep_room(s) - pixels * PANEL;
    float *sums = job->sums + part * job->part_floats + panel * PANEL * job->tiles * ROWS;
    int64_t first = s->boxes * part / job->parts, last = s->boxes * (part + 1) / job->parts;
    for (int64_t i = first; i < last; i++) {
        box b = box_of(s, i);
        locate_pixels(s, &b, from, to);
        const float *x = read_box(s, &b, job->x, packed - box_floats(s));
        const float *dy = job->dy + to[0];
        if (!job->whole) {
            pack_pixels(s, job->dy, b.pixels, to, panel, packed);
            dy = packed;
        }
        for (int64_t k = group * job->group * ROWS; k < end * ROWS; k += ROWS)
            multiply_patches(width / LANES, b.pixels, x, job->term + k, from, dy, sums + k * width,
                             i > first);
    }
}

static void sum_worker(void *arg, int64_t worker) {
    terms_job *job = arg;
    float *room = job->rooms + worker * sweep_room(&job->s);
    int64_t task;
    while ((task = atomic_fetch_add(&job->next, 1)) < term_tasks(job))
        sum_terms(job, task, room);
}

/* The sum of the parts, of one term. */
static void add_term(void *arg, int64_t term) {
    const terms_job *job = arg;
    const sweep *s = &job->s;
    for (int64_t column = 0; column < s->out; column += LANES) {
        int64_t panel = column / PANEL, width = sweep_panel_width(s, panel);
        const float *sums = job->sums + panel * PANEL * job->tiles * ROWS + term * width;
        vec sum = load(sums + column % PANEL);
        for (int64_t part = 1; part < job->parts; part++)
            sum = sum + load(sums + part * job->part_floats + column % PANEL);
        store_lanes(job->dweight + term * s->out + column, s->out - column, sum);
    }
}

static void direct_backward_weight(mi_context *ctx, const mi__conv *s, const void *x,
                                   const void *dy, void *dweight, void *work) {
    terms_job job = make_terms_job(s);
    job.x = x;
    job.dy = dy;
    job.dweight = dweight;
    job.term = work;
    job.sums = (float *)work + padded_term_floats(&job);
    job.rooms = job.sums + job.parts * job.part_floats;
    locate_terms(&job.s, job.term);
    for (int64_t k = job.s.depth; k < job.tiles * ROWS; k++)
        job.term[k] = job.term[k - 1];
    mi__parallel_for(ctx, worker_count(ctx, term_tasks(&job)), sum_worker, &job);
    mi__parallel_for(ctx, job.s.depth, add_term, &job);
}

static size_t direct_work(const mi_context *ctx, const mi__conv *s) {
    sweep_job job = forward_job(s);
    terms_job terms = make_terms_job(s);
    size_t most = MI__MAX(sweep_bytes(ctx, &job), terms_bytes(ctx, &terms));
    for (int64_t i = 0; i < s->stride * s->stride; i++)
        if (backward_job(s, i, &job))
            most = MI__MAX(most, sweep_bytes(ctx, &job));
    return most;
}
