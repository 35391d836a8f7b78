/* SPDX-License-Identifier: BSD-2-Clause */
/* Nearest neighbours. Vectors, divided by their lengths for the cosine, are moved by about their
 * mean, so that float32 is at its best, and scaled to lengths of 1 at most. Then for a part of the
 * queries, and a part of the base after the other, threads take groups of queries: products with a
 * block of the base, and what is high enough joins the candidates. */
#include "candidates.h"

#include <mi/nearest.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define GROUP 192                       /* queries that are multiplied at once */
#define BLOCK 384                       /* with so many rows: in the L2 cache together */
#define PART_BYTES ((int64_t)16 << 20)  /* of the base, prepared at a time */
#define LISTS_BYTES ((int64_t)64 << 20) /* of candidates */
#define MOST_DIMENSIONS ((int64_t)1 << 20)
#define MOST_NEIGHBOURS ((int64_t)1 << 29)
#define SAMPLE 1024 /* rows that the mean is taken of */
#define GRAIN 16384 /* numbers that are worth another thread */
#define UNIT 0x1p-24

typedef struct search {
    mi_context *ctx;
    mi_context lone; /* of one thread, for products within a thread */
    mi_nearest_io io;
    mi__picker pick;
    int64_t part, lists, group; /* rows of base, queries at a time; queries of a thread */
    double *factor[2];          /* [n], [m] of base and query: 1 / length; or NULL */
    double *centre;             /* [d] */
    float *rows, *low, *slack;  /* [part][d], [part], [part]: of the base */
    mi__candidates *list;       /* [lists] */
    char *threads;              /* [threads] of thread_bytes */
    mi__candidate *candidates;  /* [lists][room] */
    int64_t thread_bytes;
    int64_t row, rows_now, query, queries_now; /* what is at work */
} search;

/* -- arguments -------------------------------------------------------------------------------- */

static mi_status check_rows(const char *name, int64_t rows, int64_t d, const float *x,
                            int64_t *ld) {
    int64_t all;
    *ld = *ld == 0 ? d : *ld;
    if (x == NULL && rows > 0)
        return mi__fail(MI_E_ARG, "%s must not be NULL", name);
    if (*ld < d || !mi__multiply(rows, *ld, &all) || !mi__multiply(all, 64, &all))
        return mi__fail(MI_E_SHAPE,
                        "%" PRId64 " rows of %s of %" PRId64 " numbers can't be %" PRId64 " apart",
                        rows, name, d, *ld);
    return MI_OK;
}

static mi_status check_sizes(mi_nearest_io *io) {
    int64_t all;
    if (io->metric != MI_NEAREST_COSINE && io->metric != MI_NEAREST_EUCLIDEAN)
        return mi__fail(MI_E_ARG, "metric must be an mi_nearest_metric, got %" PRId32, io->metric);
    if (io->reserved0 != 0)
        return mi__fail(MI_E_ARG, "reserved0 must be 0, got %" PRId32, io->reserved0);
    if (io->n < 1 || io->m < 0)
        return mi__fail(MI_E_ARG,
                        "n must be at least 1 and m not negative, got %" PRId64 " and %" PRId64,
                        io->n, io->m);
    if (io->d < 1 || io->d > MOST_DIMENSIONS)
        return mi__fail(MI_E_ARG, "d must be in 1 to %" PRId64 ", got %" PRId64, MOST_DIMENSIONS,
                        io->d);
    if (io->query == NULL && io->m != 0 && io->m != io->n)
        return mi__fail(MI_E_ARG, "without query m must be n, %" PRId64 ", got %" PRId64, io->n,
                        io->m);
    if (io->k < 1 || io->k > MOST_NEIGHBOURS)
        return mi__fail(MI_E_ARG, "k must be in 1 to %" PRId64 ", got %" PRId64, MOST_NEIGHBOURS,
                        io->k);
    io->m = io->query == NULL ? io->n : io->m;
    if (!mi__multiply(io->m, io->k, &all) || !mi__multiply(all, 8, &all))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " neighbours of %" PRId64 " queries are too many",
                        io->k, io->m);
    return MI_OK;
}

static mi_status check_exclude(const mi_nearest_io *io) {
    bool excluded = io->query == NULL && io->exclude == NULL;
    for (int64_t i = 0; io->exclude != NULL && i < io->m; i++) {
        if (io->exclude[i] >= io->n)
            return mi__fail(MI_E_ARG,
                            "exclude[%" PRId64 "] is %" PRId64 ", base has %" PRId64 " rows", i,
                            io->exclude[i], io->n);
        excluded = excluded || io->exclude[i] >= 0;
    }
    if (io->k > io->n - excluded)
        return mi__fail(MI_E_ARG, "k is %" PRId64 ", of %" PRId64 " rows %" PRId64 " can be found",
                        io->k, io->n, io->n - excluded);
    return MI_OK;
}

static mi_status check(mi_nearest_io *io) {
    MI__TRY(check_sizes(io));
    MI__TRY(check_rows("base", io->n, io->d, io->base, &io->ld));
    if (io->query != NULL)
        MI__TRY(check_rows("query", io->m, io->d, io->query, &io->ldq));
    if (io->m > 0 && io->index == NULL)
        return mi__fail(MI_E_ARG, "index must not be NULL");
    return check_exclude(io);
}

/* -- the vectors' lengths --------------------------------------------------------------------- */

typedef struct lengths {
    const search *s;
    const mi__vectors *v;
    double *factor; /* to be filled in; or NULL */
    atomic_bool bad;
    _Atomic double longest;
} lengths;

static void raise_to(_Atomic double *most, double value) {
    double before = atomic_load(most);
    while (value > before && !atomic_compare_exchange_weak(most, &before, value))
        ;
}

static void find_lengths(void *arg, int64_t begin, int64_t end) {
    lengths *l = arg;
    double longest = 0;
    for (int64_t i = begin; i < end; i++) {
        const float *x = mi__vector(l->v, i);
        const double length = sqrt(l->s->pick.kernel->gap_square(l->v->d, x, 1, x, 0));
        longest = fmax(longest, length);
        if (!isfinite(length) || (l->factor != NULL && length == 0))
            atomic_store(&l->bad, true);
        if (l->factor != NULL)
            l->factor[i] = 1 / length;
    }
    raise_to(&l->longest, longest);
}

static mi_status blame(const mi__vectors *v, const char *name) {
    for (int64_t i = 0; i < v->n; i++) {
        const float *x = mi__vector(v, i);
        bool zero = true;
        for (int64_t j = 0; j < v->d; j++) {
            if (!isfinite(x[j]))
                return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "][%" PRId64 "] is %g", name, i, j,
                                (double)x[j]);
            zero = zero && x[j] == 0;
        }
        if (zero && v->factor != NULL)
            return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "] is all 0, it has no direction", name, i);
    }
    return mi__fail(MI_E_INTERNAL, "%s is not what it was", name);
}

static mi_status measure(const search *s, const mi__vectors *v, const char *name, double *factor,
                         double *longest) {
    lengths l = {.s = s, .v = v, .factor = factor};
    atomic_init(&l.longest, *longest);
    mi__parallel_ranges(s->ctx, v->n, GRAIN / v->d + 1, find_lengths, &l);
    if (atomic_load(&l.bad))
        return blame(v, name);
    *longest = factor != NULL ? 1 : atomic_load(&l.longest);
    return MI_OK;
}

/* Which point that is has no effect on what is found. */
static void find_centre(search *s) {
    const mi__vectors *v = &s->pick.base;
    const int64_t step = (v->n + SAMPLE - 1) / SAMPLE, count = (v->n + step - 1) / step;
    memset(s->centre, 0, (size_t)v->d * sizeof *s->centre);
    for (int64_t i = 0; i < v->n; i += step) {
        const float *x = mi__vector(v, i);
        const double weight = mi__vector_factor(v, i) / (double)count;
        for (int64_t j = 0; j < v->d; j++)
            s->centre[j] += weight * (double)x[j];
    }
}

static mi_status prepare(search *s) {
    mi__picker *p = &s->pick;
    double longest = 0;
    int exponent;
    MI__TRY(measure(s, &p->base, "base", s->factor[0], &longest));
    if (s->io.query != NULL)
        MI__TRY(measure(s, &p->query, "query", s->factor[1], &longest));
    find_centre(s);
    (void)frexp(2 * longest, &exponent);
    p->scale = longest > 0 ? ldexp(1, -exponent) : 1;
    return MI_OK;
}

/* -- a part of the base ----------------------------------------------------------------------- */

static float *load_row(const search *s, const mi__vectors *v, int64_t row, float *to,
                       double *square) {
    *square = s->pick.kernel->recentre(v->d, mi__vector(v, row), mi__vector_factor(v, row),
                                       s->centre, s->pick.scale, to);
    return to;
}

/* The closeness of a row is query . row - low, but for |query| slack and 16 UNIT low: sums of d
 * products in any order, and a few roundings before and after them. */
static void load_base(void *arg, int64_t begin, int64_t end) {
    const search *s = arg;
    const int64_t d = s->io.d;
    double square;
    for (int64_t i = begin; i < end; i++) {
        load_row(s, &s->pick.base, s->row + i, s->rows + i * d, &square);
        s->low[i] = (float)(square / 2 * (1 - 8 * UNIT));
        s->slack[i] = (float)((sqrt(square) + 0x1p-40) * 1.1 * UNIT * (double)(d + 8));
    }
}

/* -- a group of queries ----------------------------------------------------------------------- */

/* A thread's own. */
typedef struct room {
    float *query, *score, *height; /* [group][d], [group][BLOCK], [BLOCK] */
    int32_t *at;                   /* [BLOCK] */
    mi__candidate *spare;          /* [room] */
    void *work;                    /* of products */
} room;

static void *take(char *memory, int64_t *used, int64_t count, size_t size) {
    void *here = memory == NULL ? NULL : memory + *used;
    *used += (count * (int64_t)size + 63) / 64 * 64;
    return here;
}

static int64_t lay_out(const search *s, char *memory, room *r) {
    int64_t used = 0;
    r->query = take(memory, &used, s->group * s->io.d, sizeof(float));
    r->score = take(memory, &used, s->group * BLOCK, sizeof(float));
    r->height = take(memory, &used, BLOCK, sizeof(float));
    r->at = take(memory, &used, BLOCK, sizeof(int32_t));
    r->spare = take(memory, &used, s->pick.room, sizeof(mi__candidate));
    r->work = take(memory, &used, (int64_t)s->pick.kernel->product_work(&s->lone), 1);
    return used;
}

static void pick_row(const search *s, const room *r, int64_t query, const float *score,
                     int64_t first, int64_t count) {
    mi__candidates *c = &s->list[query];
    const double length = (double)c->length;
    const int64_t found = s->pick.kernel->highest(count, score, s->low + first, s->slack + first,
                                                  length, (double)c->limit, r->at, r->height);
    for (int64_t i = 0; i < found; i++) {
        const int64_t row = first + r->at[i];
        const double doubt =
            2.1 * length * (double)s->slack[row] + 2 * c->mistake + 20 * UNIT * (double)s->low[row];
        const double lower = (double)r->height[i] - doubt;
        mi__candidates_add(&s->pick, c, s->query + query,
                           (mi__candidate){.distance = -1,
                                           .row = s->row + row,
                                           .upper = r->height[i],
                                           .lower = (float)(lower - fabs(lower) * 0x1p-23)},
                           r->spare);
    }
}

static void pick_group(const search *s, const room *r, int64_t begin, int64_t end) {
    const int64_t d = s->io.d;
    mi_context lone = s->lone;
    double square;
    for (int64_t i = begin; i < end; i++)
        load_row(s, &s->pick.query, s->query + i, r->query + (i - begin) * d, &square);
    for (int64_t j = 0; j < s->rows_now; j += BLOCK) {
        const int64_t count = MI__MIN(s->rows_now - j, BLOCK);
        s->pick.kernel->product(&lone, false, true, end - begin, count, d, r->query, d,
                                s->rows + j * d, d, 0, r->score, BLOCK, r->work);
        for (int64_t i = begin; i < end; i++)
            pick_row(s, r, i, r->score + (i - begin) * BLOCK, j, count);
    }
}

/* Threads take turns with the groups: some have more to sort out. */
typedef struct groups {
    search *s;
    void (*work)(search *s, const room *r, int64_t begin, int64_t end);
    atomic_llong next;
} groups;

static void work_on_groups(void *arg, int64_t thread) {
    groups *g = arg;
    search *s = g->s;
    room r;
    (void)lay_out(s, s->threads + thread * s->thread_bytes, &r);
    for (;;) {
        const int64_t begin = atomic_fetch_add(&g->next, s->group);
        if (begin >= s->queries_now)
            return;
        g->work(s, &r, begin, MI__MIN(begin + s->group, s->queries_now));
    }
}

static void for_groups(search *s,
                       void (*work)(search *s, const room *r, int64_t begin, int64_t end)) {
    groups g = {.s = s, .work = work};
    mi__parallel_for(s->ctx, s->ctx->threads, work_on_groups, &g);
}

static void begin_group(search *s, const room *r, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
        const int64_t query = s->query + i;
        const int64_t own = s->io.query == NULL ? query : -1;
        double square;
        load_row(s, &s->pick.query, query, r->query, &square);
        s->list[i].list = s->candidates + i * s->pick.room;
        mi__candidates_begin(&s->pick, &s->list[i], square,
                             s->io.exclude != NULL ? s->io.exclude[query] : own);
    }
}

static void advance_group(search *s, const room *r, int64_t begin, int64_t end) {
    pick_group(s, r, begin, end);
}

static float distance_of(const search *s, double square) {
    return (float)(s->io.metric == MI_NEAREST_COSINE ? square / 2 : sqrt(square));
}

static void end_group(search *s, const room *r, int64_t begin, int64_t end) {
    const int64_t k = s->io.k;
    for (int64_t i = begin; i < end; i++) {
        mi__candidates *c = &s->list[i];
        const int64_t query = s->query + i;
        mi__candidates_settle(&s->pick, c, query, r->spare);
        for (int64_t j = 0; j < k; j++) {
            s->io.index[query * k + j] = c->list[j].row;
            if (s->io.distance != NULL)
                s->io.distance[query * k + j] = distance_of(s, c->list[j].distance);
        }
    }
}

static void run(search *s) {
    for (s->query = 0; s->query < s->io.m; s->query += s->queries_now) {
        s->queries_now = MI__MIN(s->io.m - s->query, s->lists);
        for_groups(s, begin_group);
        for (s->row = 0; s->row < s->io.n; s->row += s->rows_now) {
            s->rows_now = MI__MIN(s->io.n - s->row, s->part);
            mi__parallel_ranges(s->ctx, s->rows_now, GRAIN / s->io.d + 1, load_base, s);
            for_groups(s, advance_group);
        }
        for_groups(s, end_group);
    }
}

/* -- room ------------------------------------------------------------------------------------- */

static void plan(search *s) {
    const mi_nearest_io *io = &s->io;
    const bool cosine = io->metric == MI_NEAREST_COSINE;
    const int64_t threads = s->ctx->threads;
    mi__picker *p = &s->pick;
    p->kernel = mi__kernels_select();
    p->k = io->k;
    p->room = mi__candidates_room(io->k, io->n);
    const int64_t lists = LISTS_BYTES / (int64_t)sizeof(mi__candidate) / p->room;
    s->lists = MI__MIN(MI__MAX(lists, 1), MI__MAX(io->m, 1));
    s->group = MI__MIN(GROUP, (s->lists + threads - 1) / threads);
    s->part = PART_BYTES / (int64_t)sizeof(float) / io->d / BLOCK * BLOCK;
    s->part = MI__MIN(io->n, MI__MAX(s->part, BLOCK));
    p->base = (mi__vectors){io->n, io->d, io->ld, io->base, cosine ? s->factor[0] : NULL};
    p->query = p->base;
    if (io->query != NULL)
        p->query = (mi__vectors){io->m, io->d, io->ldq, io->query, cosine ? s->factor[1] : NULL};
}

static int64_t lay_out_all(search *s, char *memory) {
    const mi_nearest_io *io = &s->io;
    const bool cosine = io->metric == MI_NEAREST_COSINE;
    room r;
    int64_t used = 0;
    s->thread_bytes = lay_out(s, NULL, &r);
    s->factor[0] = cosine ? take(memory, &used, io->n, sizeof(double)) : NULL;
    s->factor[1] = cosine && io->query != NULL ? take(memory, &used, io->m, sizeof(double)) : NULL;
    s->centre = take(memory, &used, io->d, sizeof *s->centre);
    s->rows = take(memory, &used, s->part * io->d, sizeof *s->rows);
    s->low = take(memory, &used, s->part, sizeof *s->low);
    s->slack = take(memory, &used, s->part, sizeof *s->slack);
    s->list = take(memory, &used, s->lists, sizeof *s->list);
    s->candidates = take(memory, &used, s->lists * s->pick.room, sizeof *s->candidates);
    s->threads = take(memory, &used, s->ctx->threads * s->thread_bytes, 1);
    return used;
}

static mi_status search_all(search *s) {
    plan(s);
    const int64_t bytes = lay_out_all(s, NULL);
    char *memory = mi__alloc(s->ctx, bytes, 1);
    if (memory == NULL)
        return MI_E_NOMEM;
    (void)lay_out_all(s, memory);
    plan(s); /* now that factors have their places */
    mi_status status = prepare(s);
    if (status == MI_OK)
        run(s);
    mi__free(s->ctx, memory, bytes, 1);
    return status;
}

mi_status mi_nearest_search(mi_context *context, const mi_nearest_io *io) {
    search s = {.lone = {.threads = 1}};
    if (io == NULL)
        return mi__fail(MI_E_ARG, "io must not be NULL");
    MI__TRY(mi__options_load(&s.io, sizeof s.io, sizeof s.io, io, "mi_nearest_io"));
    MI__TRY(check(&s.io));
    MI__TRY(mi__context_take(context, &s.ctx));
    mi_status status = search_all(&s);
    mi_context_destroy(s.ctx);
    return status;
}
