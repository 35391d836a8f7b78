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
    const pair_job job = *(const pair_job *)arg;
    const mi__pairing p = *job.p;
    for (int64_t t = -1; t < p.k; t++)
        for (int64_t i = begin; i < end; i += 4) {
            const float *a[4], *b[4];
            float score[4];
            for (int q = 0; q < 4; q++) {
                const int64_t row = p.first + MI__MIN(i + q, end - 1);
                a[q] = side_row(p.a, &p, row);
                b[q] = side_row(p.b, &p, pair_partner(&p, row, t));
            }
            four_scores(job.weight, p.c, a, b, score);
            for (int64_t q = 0; q < MI__MIN(4, end - i); q++)
                *(t < 0 ? job.own + i + q : job.others + (i + q) * p.k + t) = score[q] + job.bias;
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

/* A stretch of units: `vectors` of them, the last of which has `last` lanes. */
typedef struct stretch {
    int64_t last;
    vec weight[STRETCH], dweight[STRETCH], a[STRETCH], down[STRETCH];
} stretch;

INLINE int64_t lanes_of(const stretch *s, const int vectors, int v) {
    return v + 1 < vectors ? LANES : s->last;
}

INLINE void load_stretch(const stretch *s, const int vectors, const float *from, vec *to) {
    UNROLL
    for (int v = 0; v < vectors; v++)
        to[v] = load_lanes(from + v * LANES, lanes_of(s, vectors, v));
}

INLINE void store_stretch(const stretch *s, const int vectors, float *to, const vec *from) {
    UNROLL
    for (int v = 0; v < vectors; v++)
        store_lanes(to + v * LANES, lanes_of(s, vectors, v), from[v]);
}

/* One pair's part: `down` is the gradient by a and by b. */
INLINE void meet(const int vectors, stretch *s, float gradient, const float *b) {
    const vec g = broadcast(gradient), zero = broadcast(0);
    vec row[STRETCH];
    load_stretch(s, vectors, b, row);
    UNROLL
    for (int v = 0; v < vectors; v++) {
        const vec sum = s->a[v] + row[v];
        s->down[v] = choose(less(zero, sum), g * s->weight[v], zero);
        s->dweight[v] = madd(g, most_of(sum, zero), s->dweight[v]);
    }
}

INLINE void flush_dweight(const int vectors, stretch *s, double *sums) {
    UNROLL
    for (int v = 0; v < vectors; v++) {
        float lanes[LANES];
        store(lanes, s->dweight[v]);
        for (int i = 0; i < LANES; i++)
            sums[v * LANES + i] += (double)lanes[i];
        s->dweight[v] = broadcast(0);
    }
}

/* The pairs of P come first and set what the others add to. */
INLINE void stretch_own(const int vectors, const pair_job *j, const mi__pairing *p, int64_t h,
                        stretch *s, double *sums) {
    for (int64_t i = 0; i < p->n; i++) {
        load_stretch(s, vectors, side_row(p->a, p, i) + h, s->a);
        meet(vectors, s, j->own[i], side_row(p->b, p, i) + h);
        store_stretch(s, vectors, j->da + i * p->c + h, s->down);
        store_stretch(s, vectors, j->db + i * p->c + h, s->down);
        if (i % PAIR_TERMS == PAIR_TERMS - 1)
            flush_dweight(vectors, s, sums);
    }
    flush_dweight(vectors, s, sums);
}

INLINE void stretch_others(const int vectors, const pair_job *j, const mi__pairing *p, int64_t h,
                           stretch *s, double *sums) {
    int64_t terms = 0;
    for (int64_t i = 0; i < p->n; i++) {
        vec da[STRETCH], db[STRETCH];
        load_stretch(s, vectors, side_row(p->a, p, i) + h, s->a);
        load_stretch(s, vectors, j->da + i * p->c + h, da);
        for (int64_t t = 0; t < p->k; t++) {
            const int64_t row = pair_partner(p, i, t) * p->c + h;
            meet(vectors, s, j->others[i * p->k + t], (const float *)p->b + row);
            load_stretch(s, vectors, j->db + row, db);
            UNROLL
            for (int v = 0; v < vectors; v++) {
                da[v] = da[v] + s->down[v];
                db[v] = db[v] + s->down[v];
            }
            store_stretch(s, vectors, j->db + row, db);
            if (++terms == PAIR_TERMS) {
                flush_dweight(vectors, s, sums);
                terms = 0;
            }
        }
        store_stretch(s, vectors, j->da + i * p->c + h, da);
    }
    flush_dweight(vectors, s, sums);
}

/* All pairs, units h to h + vectors LANES - 1. */
INLINE void stretch_backward(const int vectors, const pair_job *arg, int64_t h) {
    const pair_job job = *arg;
    const mi__pairing p = *job.p;
    double sums[STRETCH * LANES] = {0};
    stretch s = {.last = MI__MIN(p.c - h - (vectors - 1) * LANES, LANES)};
    load_stretch(&s, vectors, job.weight + h, s.weight);
    for (int v = 0; v < vectors; v++)
        s.dweight[v] = broadcast(0);
    stretch_own(vectors, &job, &p, h, &s, sums);
    stretch_others(vectors, &job, &p, h, &s, sums);
    for (int64_t i = 0; i < (vectors - 1) * LANES + s.last; i++)
        job.dweight[h + i] = (float)sums[i];
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
