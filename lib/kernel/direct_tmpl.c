/* SPDX-License-Identifier: BSD-2-Clause */
/* Convolution of any kernel, stride and padding, and its gradients, as products of the patches of
 * patch_tmpl.c: by packed weights, or transposed by the gradient.
 *
 * The gradient by the input is a convolution of stride 1 again, with the taps in the opposite
 * order. With a stride, rows of the input whose distance from the first tap leaves the same
 * remainder saw the same taps, and so did columns: they are swept one phase after another. */

#define TERMS 768                /* of a panel of weights, which stay in the L2 cache */
#define CHUNK_PIXELS 24          /* whose products are in the L1 cache until they are in y */
#define STREAM_FLOATS (16 << 20) /* more of them in y would leave nothing else in the caches */
#define ENOUGH 32                /* tasks to share out */

/* -- y, and dx -------------------------------------------------------------------------------- */

typedef struct sweep_job {
    sweep s;
    int64_t kernel;
    bool turned;                           /* weight is [taps][out][in] */
    int64_t tap_row, tap_column, tap_step; /* which weights the first tap has, and the next */
    const float *x, *weight, *bias;
    float *y, *packed, *rooms;
    double *moments; /* of boxes, or NULL */
    int64_t *term;
    bool streamed;     /* y goes past the caches */
    int64_t splits;    /* tasks that share a box */
    atomic_llong next; /* task to take */
} sweep_job;

static sweep_job forward_job(const mi__conv *s) {
    mi__map m = mi__conv_map(s);
    sweep_job job = {.kernel = s->kernel, .tap_step = 1};
    job.s = (sweep){.n = s->n, .h = s->h, .w = s->w, .in = s->in, .stride = s->stride};
    job.s.top = job.s.left = -s->pad;
    job.s.down = job.s.across = s->kernel;
    job.s.rows = job.s.y_h = m.h;
    job.s.columns = job.s.y_w = m.w;
    job.s.out = m.c;
    job.s.step = 1;
    finish_sweep(&job.s);
    job.splits = job.s.boxes < ENOUGH ? job.s.panels : 1;
    return job;
}

/* One way of the two: which taps saw the inputs of a phase, and where these are. */
typedef struct phase {
    int64_t taps, first_tap; /* the last of them is at the lowest output */
    int64_t first, count;    /* inputs, every stride-th */
    int64_t start;           /* the output that the first input's first tap gave to */
} phase;

static phase phase_of(const mi__conv *s, int64_t size, int64_t remainder) {
    phase p = {.taps = remainder < s->kernel ? (s->kernel - 1 - remainder) / s->stride + 1 : 0};
    int64_t turn = remainder < s->pad ? ceiling(s->pad - remainder, s->stride) : 0;
    p.first_tap = remainder + (p.taps - 1) * s->stride;
    p.first = turn * s->stride + remainder - s->pad;
    p.count = p.first < size ? (size - 1 - p.first) / s->stride + 1 : 0;
    p.start = turn - (p.taps - 1);
    return p;
}

/* Whether there is something to do. */
static bool backward_job(const mi__conv *s, int64_t index, sweep_job *job) {
    mi__map m = mi__conv_map(s);
    phase down = phase_of(s, s->h, index / s->stride),
          across = phase_of(s, s->w, index % s->stride);
    if (down.taps == 0 || down.count == 0 || across.taps == 0 || across.count == 0)
        return false;
    *job = (sweep_job){.kernel = s->kernel,
                       .turned = true,
                       .tap_row = down.first_tap,
                       .tap_column = across.first_tap,
                       .tap_step = -s->stride};
    job->s = (sweep){.n = s->n, .h = m.h, .w = m.w, .in = m.c, .stride = 1, .out = s->in};
    job->s.top = down.start, job->s.left = across.start;
    job->s.down = down.taps, job->s.across = across.taps;
    job->s.rows = down.count, job->s.columns = across.count;
    job->s.y_h = s->h, job->s.y_w = s->w;
    job->s.row = down.first, job->s.column = across.first;
    job->s.step = s->stride;
    finish_sweep(&job->s);
    job->splits = job->s.boxes < ENOUGH ? job->s.panels : 1;
    return true;
}

/* A worker's: two tables of pixels, the box, and the products of one panel. */
static int64_t sweep_room(const sweep *s) {
    int64_t pixels = box_pixels(s);
    return round_up(2 * pixels * (int64_t)(sizeof(int64_t) / sizeof(float)), LANES) +
           box_floats(s) + pixels * PANEL;
}

static int64_t term_floats(const sweep *s) {
    return round_up(s->depth * (int64_t)(sizeof(int64_t) / sizeof(float)), LANES);
}

static int64_t moment_floats(const sweep *s) {
    return round_up(s->boxes * moment_doubles(s->out) * (int64_t)(sizeof(double) / sizeof(float)),
                    LANES);
}

static size_t sweep_bytes(const mi_context *ctx, const sweep_job *job) {
    const sweep *s = &job->s;
    int64_t rooms = worker_count(ctx, s->boxes * job->splits);
    return (size_t)(moment_floats(s) + term_floats(s) + s->depth * s->width +
                    rooms * sweep_room(s)) *
           sizeof(float);
}

/* One tap of one panel, [in][width]. */
static void pack_tap(void *arg, int64_t index) {
    const sweep_job *job = arg;
    const sweep *s = &job->s;
    int64_t taps = s->down * s->across, panel = index / taps, tap = index % taps;
    int64_t row = job->tap_row + tap / s->across * job->tap_step;
    int64_t from = row * job->kernel + job->tap_column + tap % s->across * job->tap_step;
    int64_t column = panel * PANEL, width = sweep_panel_width(s, panel);
    const float *weight = job->weight + from * s->in * s->out;
    float *to = job->packed + column * s->depth + tap * s->in * width;
    if (!job->turned) {
        for (int64_t c = 0; c < s->in; c++)
            for (int64_t j = 0; j < width; j += LANES)
                store(to + c * width + j,
                      load_lanes(weight + c * s->out + column + j, s->out - column - j));
        return;
    }
    for (int64_t j = 0; j < width; j++)
        for (int64_t c = 0; c < s->in; c++)
            to[c * width + j] = column + j < s->out ? weight[(column + j) * s->in + c] : 0;
}

/* products [pixels][width] */
static void multiply_panel(const sweep_job *job, const float *x, int64_t pixels,
                           const int64_t *from, int64_t panel, float *products) {
    const sweep *s = &job->s;
    int64_t width = sweep_panel_width(s, panel);
    const float *packed = job->packed + panel * PANEL * s->depth;
    for (int64_t k = 0; k < s->depth; k += TERMS)
        for (int64_t p = 0; p < pixels; p += ROWS)
            multiply_patches(width / LANES, MI__MIN(TERMS, s->depth - k), x, from + p,
                             job->term + k, packed + k * width, products + p * width, k > 0);
}

/* Mean and sum of squares of `count` columns, from sums relative to their first numbers. */
static void put_box_moments(int64_t pixels, int64_t count, vec first, vec sum, vec square,
                            double *restrict mean, double *restrict squares) {
    float f[LANES], s[LANES], q[LANES];
    store(f, first);
    store(s, sum);
    store(q, square);
    for (int64_t i = 0; i < MI__MIN(count, LANES); i++) {
        double shift = (double)s[i] / (double)pixels;
        mean[i] = (double)f[i] + shift;
        squares[i] = MI__MAX((double)q[i] - (double)s[i] * shift, 0);
    }
}

/* Of the columns of a panel, relative to the first row. */
typedef struct panel_sums {
    vec first[PANEL_VECTORS], sum[PANEL_VECTORS], square[PANEL_VECTORS];
} panel_sums;

/* Products of a panel to y, with the bias, and their moments. */
INLINE void put_rows(const int vectors, const bool streamed, const sweep_job *job, int64_t column,
                     int64_t pixels, const int64_t *to, const float *products, panel_sums *sums) {
    const int64_t left = job->s.out - column;
    vec add[PANEL_VECTORS], sum[PANEL_VECTORS], square[PANEL_VECTORS];
    UNROLL_ALL
    for (int j = 0; j < vectors; j++) {
        add[j] = job->bias != NULL ? load_lanes(job->bias + column + j * LANES, left - j * LANES)
                                   : broadcast(0);
        sum[j] = sums->sum[j];
        square[j] = sums->square[j];
    }
    for (int64_t p = 0; p < pixels; p++) {
        UNROLL_ALL
        for (int j = 0; j < vectors; j++) {
            vec y = load(products + (p * vectors + j) * LANES) + add[j], d = y - sums->first[j];
            float *at = job->y + to[p] + column + j * LANES;
            if (streamed)
                stream(at, y);
            else
                store_lanes(at, left - j * LANES, y);
            sum[j] = sum[j] + d;
            square[j] = madd(d, d, square[j]);
        }
    }
    UNROLL_ALL
    for (int j = 0; j < vectors; j++) {
        sums->sum[j] = sum[j];
        sums->square[j] = square[j];
    }
}

static void put_products(const sweep_job *job, int64_t panel, int64_t pixels, const int64_t *to,
                         const float *products, panel_sums *sums) {
    int64_t column = panel * PANEL;
    switch (sweep_panel_width(&job->s, panel) / LANES) {
    case 1: put_rows(1, false, job, column, pixels, to, products, sums); break;
#if PANEL_VECTORS == 4
    case 2: put_rows(2, false, job, column, pixels, to, products, sums); break;
    case 3: put_rows(3, false, job, column, pixels, to, products, sums); break;
#endif
    case PANEL_VECTORS:
        if (job->streamed)
            put_rows(PANEL_VECTORS, true, job, column, pixels, to, products, sums);
        else
            put_rows(PANEL_VECTORS, false, job, column, pixels, to, products, sums);
        break;
    }
}

static void start_sums(const sweep_job *job, int64_t panel, const float *products,
                       panel_sums *sums) {
    *sums = (panel_sums){0};
    int64_t column = panel * PANEL, width = sweep_panel_width(&job->s, panel);
    for (int64_t j = 0; j < width; j += LANES) {
        sums->first[j / LANES] = load(products + j);
        if (job->bias != NULL)
            sums->first[j / LANES] += load_lanes(job->bias + column + j, job->s.out - column - j);
    }
}

static void sweep_panel(const sweep_job *job, const float *x, int64_t index, int64_t panel,
                        int64_t pixels, const int64_t *from, const int64_t *to, float *products) {
    const sweep *s = &job->s;
    int64_t column = panel * PANEL, width = sweep_panel_width(s, panel);
    int64_t chunk = s->depth <= TERMS ? CHUNK_PIXELS : BOX_PIXELS;
    panel_sums sums;
    for (int64_t p = 0; p < pixels; p += chunk) {
        int64_t count = MI__MIN(chunk, pixels - p);
        multiply_panel(job, x, count, from + p, panel, products);
        if (p == 0)
            start_sums(job, panel, products, &sums);
        put_products(job, panel, count, to + p, products, &sums);
    }
    if (job->moments == NULL)
        return;
    double *mean = job->moments + index * moment_doubles(s->out) + 1 + column;
    for (int64_t j = 0; j < width / LANES; j++)
        put_box_moments(pixels, s->out - column - j * LANES, sums.first[j], sums.sum[j],
                        sums.square[j], mean + j * LANES, mean + s->out + j * LANES);
}

static void sweep_box(const sweep_job *job, int64_t task, float *room) {
    const sweep *s = &job->s;
    int64_t index = task / job->splits, share = s->panels / job->splits;
    int64_t begin = task % job->splits * share, pixels = box_pixels(s);
    int64_t *from = (int64_t *)(void *)room, *to = from + pixels;
    float *products = room + sweep_room(s) - pixels * PANEL;
    box b = box_of(s, index);
    locate_pixels(s, &b, from, to);
    const float *x = read_box(s, &b, job->x, products - box_floats(s));
    for (int64_t panel = begin; panel < begin + share; panel++)
        sweep_panel(job, x, index, panel, b.pixels, from, to, products);
}

static void sweep_worker(void *arg, int64_t worker) {
    sweep_job *job = arg;
    float *room = job->rooms + worker * sweep_room(&job->s);
    int64_t task, tasks = job->s.boxes * job->splits;
    while ((task = atomic_fetch_add(&job->next, 1)) < tasks)
        sweep_box(job, task, room);
    finish_streams();
}

static void run_sweep(mi_context *ctx, sweep_job *job, void *work) {
    const sweep *s = &job->s;
    job->term = (int64_t *)(void *)((float *)work + moment_floats(s));
    job->packed = (float *)work + moment_floats(s) + term_floats(s);
    job->rooms = job->packed + s->depth * s->width;
    locate_terms(s, job->term);
    mi__parallel_for(ctx, s->panels * s->down * s->across, pack_tap, job);
    mi__parallel_for(ctx, worker_count(ctx, s->boxes * job->splits), sweep_worker, job);
}

static void direct(mi_context *ctx, const mi__conv *s, const void *x, const void *weight,
                   const void *bias_of, void *y, void *mean, void *variance, void *work) {
    sweep_job job = forward_job(s);
    job.x = x;
    job.weight = weight;
    job.bias = bias_of;
    job.y = y;
    job.moments = mean != NULL ? work : NULL;
    job.streamed = (uintptr_t)y % (LANES * sizeof(float)) == 0 && s->out % LANES == 0 &&
                   job.s.n * job.s.rows * job.s.columns * s->out > STREAM_FLOATS;
    run_sweep(ctx, &job, work);
    if (mean == NULL)
        return;
    for (int64_t i = 0; i < job.s.boxes; i++)
        job.moments[i * moment_doubles(s->out)] = (double)box_of(&job.s, i).pixels;
    join_moments(job.s.boxes, s->out, s->out, job.moments, mean, variance);
}

static void direct_backward_data(mi_context *ctx, const mi__conv *s, const void *dy,
                                 const void *weight, void *dx, void *work) {
    if (s->stride > s->kernel) /* there is input that no tap saw */
        memset(dx, 0, (size_t)(s->n * s->h * s->w * s->in) * sizeof(float));
    for (int64_t i = 0; i < s->stride * s->stride; i++) {
        sweep_job job;
        if (!backward_job(s, i, &job))
            continue;
        job.x = dy;
        job.weight = weight;
        job.y = dx;
        run_sweep(ctx, &job, work);
    }
}
