/* SPDX-License-Identifier: BSD-2-Clause */
/* Pairs of samples in vectors of hidden units. Forward, threads share out the rows; backward, the
 * units, as every pair of a row adds to the gradients of two. */

#define PAIR_WORTH (1 << 17) /* units of pairs that pay for waking another thread */
#define PAIR_TERMS 256       /* of a sum in float */
#define STRETCH 4            /* vectors of units that gradients are kept of in registers */

static int64_t pair_partner(const mi__pairing *p, int64_t row, int64_t t) {
    const int64_t j = row + (t < 0 ? 0 : p->shift[t]);
    return j < p->n ? j : j - p->n;
}

typedef struct pair_job {
    const mi__pairing *p;
    const float *weight;
    float bias;
    float *own, *others; /* scores or units, or their gradients */
    float *da, *db, *dweight;
} pair_job;

static const float *side_row(const void *side, const mi__pairing *p, int64_t row) {
    return (const float *)side + row * p->c;
}

/* -- scores ----------------------------------------------------------------------------------- */

/* Four pairs' scores but for the bias. */
INLINE void four_scores(const float *w, int64_t c, const float *const a[4], const float *const b[4],
                        float score[4]) {
    vec sum[4];
    for (int q = 0; q < 4; q++)
        sum[q] = broadcast(0);
    int64_t h = 0;
    for (; h + LANES <= c; h += LANES) {
        const vec weight = load(w + h);
        UNROLL
        for (int q = 0; q < 4; q++)
            sum[q] = madd(weight, most_of(load(a[q] + h) + load(b[q] + h), broadcast(0)), sum[q]);
    }
    if (h < c)
        for (int q = 0; q < 4; q++) {
            const vec s = load_some(a[q] + h, c - h) + load_some(b[q] + h, c - h);
            sum[q] = madd(load_some(w + h, c - h), most_of(s, broadcast(0)), sum[q]);
        }
    transpose_quads(sum);
    float part[LANES];
    store(part, (sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (int q = 0; q < 4; q++) {
        score[q] = part[q];
        for (int i = 4; i < LANES; i += 4)
            score[q] += part[q + i];
    }
}

/* Pairs in the order t, row: neighbours have neighbouring rows. */
static void score_rows(void *arg, int64_t begin, int64_t end) {
    const pair_job *job = arg;
    const mi__pairing *p = job->p;
    for (int64_t t = -1; t < p->k; t++)
        for (int64_t i = begin; i < end; i += 4) {
            const float *a[4], *b[4];
            float score[4];
            for (int q = 0; q < 4; q++) {
                const int64_t row = p->first + MI__MIN(i + q, end - 1);
                a[q] = side_row(p->a, p, row);
                b[q] = side_row(p->b, p, pair_partner(p, row, t));
            }
            four_scores(job->weight, p->c, a, b, score);
            for (int64_t q = 0; q < MI__MIN(4, end - i); q++)
                *(t < 0 ? job->own + i + q : job->others + (i + q) * p->k + t) =
                    score[q] + job->bias;
        }
}

static int64_t grain_of(const mi__pairing *p, int64_t other) {
    return PAIR_WORTH / MI__MAX(other * (1 + p->k), 1) + 1;
}

static void pair_scores(mi_context *ctx, const mi__pairing *p, const void *weight, double bias,
                        void *own, void *others) {
    pair_job job = {.p = p, .weight = weight, .bias = (float)bias, .own = own, .others = others};
    mi__parallel_ranges(ctx, p->last - p->first, grain_of(p, p->c), score_rows, &job);
}

/* -- gradients of scores ---------------------------------------------------------------------- */

typedef struct stretch_sums {
    vec weight[STRETCH], dweight[STRETCH], a[STRETCH], da[STRETCH];
} stretch_sums;

/* One pair's part, of `vectors` vectors of units, the last of which has `last` lanes. */
INLINE void add_pair(const int vectors, int64_t last, stretch_sums *s, float gradient,
                     const float *b, float *db) {
    const vec g = broadcast(gradient), zero = broadcast(0);
    UNROLL
    for (int v = 0; v < vectors; v++) {
        const int64_t count = v + 1 < vectors ? LANES : last;
        const vec sum = s->a[v] + load_lanes(b + v * LANES, count);
        const vec down = choose(less(zero, sum), g * s->weight[v], zero);
        s->dweight[v] = madd(g, most_of(sum, zero), s->dweight[v]);
        s->da[v] = s->da[v] + down;
        store_lanes(db + v * LANES, count, load_lanes(db + v * LANES, count) + down);
    }
}

INLINE void add_dweight(const int vectors, stretch_sums *s, double *sums) {
    UNROLL
    for (int v = 0; v < vectors; v++) {
        float lanes[LANES];
        store(lanes, s->dweight[v]);
        for (int i = 0; i < LANES; i++)
            sums[v * LANES + i] += (double)lanes[i];
        s->dweight[v] = broadcast(0);
    }
}

/* All pairs, units h to h + vectors LANES - 1. */
INLINE void stretch_backward(const int vectors, const pair_job *job, int64_t h) {
    const mi__pairing *p = job->p;
    const int64_t last = MI__MIN(p->c - h - (vectors - 1) * LANES, LANES);
    double sums[STRETCH * LANES] = {0};
    stretch_sums s;
    int64_t terms = 0;
    for (int v = 0; v < vectors; v++) {
        const int64_t count = v + 1 < vectors ? LANES : last;
        s.weight[v] = load_lanes(job->weight + h + v * LANES, count);
        s.dweight[v] = broadcast(0);
        for (int64_t j = 0; j < p->n; j++)
            store_lanes(job->db + j * p->c + h + v * LANES, count, broadcast(0));
    }
    for (int64_t i = 0; i < p->n; i++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            s.a[v] =
                load_lanes(side_row(p->a, p, i) + h + v * LANES, v + 1 < vectors ? LANES : last);
            s.da[v] = broadcast(0);
        }
        for (int64_t t = -1; t < p->k; t++) {
            const int64_t j = pair_partner(p, i, t);
            add_pair(vectors, last, &s, t < 0 ? job->own[i] : job->others[i * p->k + t],
                     side_row(p->b, p, j) + h, job->db + j * p->c + h);
            if (++terms == PAIR_TERMS) {
                add_dweight(vectors, &s, sums);
                terms = 0;
            }
        }
        UNROLL
        for (int v = 0; v < vectors; v++)
            store_lanes(job->da + i * p->c + h + v * LANES, v + 1 < vectors ? LANES : last,
                        s.da[v]);
    }
    add_dweight(vectors, &s, sums);
    for (int64_t i = 0; i < (vectors - 1) * LANES + last; i++)
        job->dweight[h + i] = (float)sums[i];
}

static void stretch_1(const pair_job *job, int64_t h) {
    stretch_backward(1, job, h);
}

static void stretch_2(const pair_job *job, int64_t h) {
    stretch_backward(2, job, h);
}

static void stretch_4(const pair_job *job, int64_t h) {
    stretch_backward(STRETCH, job, h);
}

/* Vectors of units. */
static void backward_vectors(void *arg, int64_t begin, int64_t end) {
    const pair_job *job = arg;
    for (int64_t v = begin, count; v < end; v += count) {
        count = end - v >= STRETCH ? STRETCH : end - v >= 2 ? 2 : 1;
        (count == STRETCH ? stretch_4 : count == 2 ? stretch_2 : stretch_1)(job, v * LANES);
    }
}

static void pair_scores_backward(mi_context *ctx, const mi__pairing *p, const void *weight,
                                 const void *down, const void *dothers, void *da, void *db,
                                 void *dweight) {
    pair_job job = {.p = p,
                    .weight = weight,
                    .own = (float *)down,
                    .others = (float *)dothers,
                    .da = da,
                    .db = db,
                    .dweight = dweight};
    mi__parallel_ranges(ctx, ceiling(p->c, LANES), grain_of(p, p->n * LANES), backward_vectors,
                        &job);
}

/* -- units ------------------------------------------------------------------------------------ */

static void unit_rows(void *arg, int64_t begin, int64_t end) {
    const pair_job *job = arg;
    const mi__pairing *p = job->p;
    for (int64_t i = begin; i < end; i++) {
        const float *a = side_row(p->a, p, p->first + i);
        for (int64_t t = -1; t < p->k; t++) {
            const float *b = side_row(p->b, p, pair_partner(p, p->first + i, t));
            float *y = t < 0 ? job->own + i * p->c : job->others + (i * p->k + t) * p->c;
            for (int64_t h = 0; h < p->c; h += LANES)
                store_lanes(y + h, p->c - h,
                            most_of(load_lanes(a + h, p->c - h) + load_lanes(b + h, p->c - h),
                                    broadcast(0)));
        }
    }
}

static void pair_units(mi_context *ctx, const mi__pairing *p, void *own, void *others) {
    pair_job job = {.p = p, .own = own, .others = others};
    mi__parallel_ranges(ctx, p->last - p->first, grain_of(p, p->c), unit_rows, &job);
}

static void unit_vectors_backward(void *arg, int64_t begin, int64_t end) {
    const pair_job *job = arg;
    const mi__pairing *p = job->p;
    const int64_t from = begin * LANES, to = MI__MIN(end * LANES, p->c);
    const vec zero = broadcast(0);
    for (int64_t i = 0; i < p->n; i++) {
        memset(job->da + i * p->c + from, 0, (size_t)(to - from) * sizeof(float));
        memset(job->db + i * p->c + from, 0, (size_t)(to - from) * sizeof(float));
    }
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t t = -1; t < p->k; t++) {
            const int64_t j = pair_partner(p, i, t);
            const float *a = side_row(p->a, p, i), *b = side_row(p->b, p, j);
            const float *g = t < 0 ? job->own + i * p->c : job->others + (i * p->k + t) * p->c;
            float *da = job->da + i * p->c, *db = job->db + j * p->c;
            for (int64_t h = from; h < to; h += LANES) {
                const int64_t count = to - h;
                const vec sum = load_lanes(a + h, count) + load_lanes(b + h, count);
                const vec down = choose(less(zero, sum), load_lanes(g + h, count), zero);
                store_lanes(da + h, count, load_lanes(da + h, count) + down);
                store_lanes(db + h, count, load_lanes(db + h, count) + down);
            }
        }
}

static void pair_units_backward(mi_context *ctx, const mi__pairing *p, const void *down,
                                const void *dothers, void *da, void *db) {
    pair_job job = {.p = p, .own = (float *)down, .others = (float *)dothers, .da = da, .db = db};
    mi__parallel_ranges(ctx, ceiling(p->c, LANES), grain_of(p, p->n * LANES), unit_vectors_backward,
                        &job);
}
