/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbours among all pairs, for many columns. Coordinates are cut down to bytes first, of which
 * vectors hold many; only pairs that these leave in question are looked at in full. A block of
 * queries goes over a tile of points that stays in the cache. */
#include "neighbour.h"

#include "../base/rank.h"

#include <float.h>
#include <string.h>

#define QUERIES 256         /* that go over a tile together */
#define TILE (32 << 10)     /* bytes */
#define STRETCH 8           /* blocks between looks at the bound */
#define STEPS 42            /* of a typical distance */
#define FURTHEST 127        /* that bytes can tell from less */
#define MOST_INVERSE 0x1p40 /* steps are larger, so that rounding them doesn't count */

typedef struct brute {
    const mi__kernels *kernels;
    const mi__space *space;
    mi__sieve sieve;
    uint8_t *point, *query; /* the sieve's; [n][d] */
    int64_t blocks;
    double inverse; /* steps in 1 */
    int32_t k;
    const double *radius;
    double *distance, *room; /* room: [threads][queries][2 k] */
    int64_t queries;         /* of a chunk */
    int32_t *count;
    double *const *reach;
    atomic_llong next;
} brute;

/* -- bytes ------------------------------------------------------------------------------------- */

static void cut_blocks(void *arg, int64_t begin, int64_t end) {
    const brute *b = arg;
    const mi__space *s = b->space;
    int64_t column = 0;
    for (int32_t part = 0; part < s->parts; part++)
        for (int64_t j = 0; j < s->width[part]; j++, column++)
            for (int64_t i = begin * MI__BLOCK; i < MI__MIN(end * MI__BLOCK, s->n); i++) {
                const double x = s->part[part][i * s->width[part] + j] * b->inverse;
                const uint8_t cut = (uint8_t)((int64_t)floor(x) & 255);
                b->query[i * s->d + column] = cut;
                b->point[(i / MI__BLOCK * s->d + column) * MI__BLOCK + i % MI__BLOCK] = cut;
            }
}

/* What bytes may be apart at most for a distance to be below the bound. */
static uint8_t most_apart(const brute *b, double bound) {
    const double steps = (b->space->squared ? sqrt(bound) : bound) * b->inverse + 1.01;
    return steps <= FURTHEST ? (uint8_t)steps : 255;
}

static void drop(mi_context *ctx, brute *b) {
    mi__free(ctx, b->point, b->blocks * b->space->d * MI__BLOCK, 1);
    mi__free(ctx, b->query, b->space->n * b->space->d, 1);
}

/* `typical`: of the distances that are looked for. */
static mi_status begin(mi_context *ctx, const mi__space *s, double typical, brute *b) {
    b->kernels = mi__kernels_select();
    b->space = s;
    b->blocks = (s->n + MI__BLOCK - 1) / MI__BLOCK;
    b->inverse = fmin(STEPS / (s->squared ? sqrt(typical) : typical), MOST_INVERSE);
    b->point = mi__alloc_zero(ctx, b->blocks * s->d * MI__BLOCK, 1);
    b->query = mi__alloc(ctx, s->n * s->d, 1);
    b->sieve = (mi__sieve){s->d, b->point};
    atomic_init(&b->next, 0);
    if (b->point == NULL || b->query == NULL) {
        drop(ctx, b);
        return MI_E_NOMEM;
    }
    mi__parallel_ranges(ctx, b->blocks, 64, cut_blocks, b);
    return MI_OK;
}

static double median(double *x, int64_t n) {
    mi__select(x, n, n / 2);
    return x[n / 2];
}

static double typical_radius(const mi__space *s, const double *radius) {
    double sample[101];
    for (int i = 0; i < 101; i++)
        sample[i] = radius[i * (s->n - 1) / 100];
    return median(sample, 101);
}

/* -- pairs ------------------------------------------------------------------------------------- */

/* The distance if it is below the bound, else no less than that. */
static double apart_below(const mi__space *s, int64_t a, int64_t b, double bound) {
    double most = 0;
    for (int32_t part = 0; part < s->parts; part++) {
        const int64_t d = s->width[part];
        const double *p = s->part[part] + a * d, *q = s->part[part] + b * d;
        double sum = 0;
        for (int64_t j = 0; j < d && sum < bound; j++) {
            const double difference = fabs(p[j] - q[j]);
            if (s->squared)
                sum += difference * difference;
            else
                sum = difference > sum ? difference : sum;
        }
        most = sum > most ? sum : most;
        if (most >= bound)
            return most;
    }
    return most;
}

/* A query, and what it is about. */
typedef struct state {
    int64_t row;
    double bound;
    mi__least least;
    int32_t count;
    double reach[MI__MOST_PARTS];
} state;

typedef void look(const brute *b, state *s, int64_t other);

static void look_nearest(const brute *b, state *s, int64_t other) {
    const double far = apart_below(b->space, s->row, other, s->bound);
    if (far < s->bound && other != s->row) {
        mi__least_add(&s->least, far);
        s->bound = s->least.bound;
    }
}

static void look_within(const brute *b, state *s, int64_t other) {
    s->count += apart_below(b->space, s->row, other, s->bound) < s->bound;
}

static void look_reach(const brute *b, state *s, int64_t other) {
    mi__space_widen(b->space, s->row, other, s->bound, s->reach);
}

/* The lowest bit that is set. */
static inline int lowest(uint64_t mask) {
#ifdef __GNUC__
    return __builtin_ctzll(mask);
#else
    int bit = 0;
    for (; (mask & 1) == 0; mask >>= 1)
        bit++;
    return bit;
#endif
}

/* The bound may sink on the way, so that the first stretch is short. Behind the last point there is
 * room in its block. */
static void go_over(const brute *b, look *at, state *s, int64_t block, int64_t end) {
    const uint8_t *query = b->query + s->row * b->space->d;
    while (block < end) {
        uint64_t mask[STRETCH];
        const int64_t blocks = MI__MIN(s->bound < HUGE_VAL ? STRETCH : 1, end - block);
        if (b->kernels->sift(&b->sieve, block, blocks, query, most_apart(b, s->bound), mask)) {
            if (block + blocks == b->blocks && b->space->n % MI__BLOCK != 0)
                mask[blocks - 1] &= ((uint64_t)1 << b->space->n % MI__BLOCK) - 1;
            for (int64_t i = 0; i < blocks; i++)
                for (; mask[i] != 0; mask[i] &= mask[i] - 1)
                    at(b, s, (block + i) * MI__BLOCK + lowest(mask[i]));
        }
        block += blocks;
    }
}

static void go_over_all(const brute *b, look *at, state *s, int64_t queries) {
    const int64_t tile = MI__MAX(TILE / (b->space->d * MI__BLOCK), 1);
    for (int64_t block = 0; block < b->blocks; block += tile)
        for (int64_t i = 0; i < queries; i++)
            go_over(b, at, &s[i], block, MI__MIN(block + tile, b->blocks));
}

/* -- questions: a piece for each thread, which takes chunks of queries ------------------------- */

/* Queries: many, so that what they need of a tile is soon in the cache, but enough chunks. */
static int64_t chunk_of(const mi_context *ctx, int64_t n) {
    return MI__MAX(MI__MIN(n / (8 * ctx->threads), QUERIES), 16);
}

static bool next_chunk(brute *b, int64_t *first, int64_t *queries) {
    *first = atomic_fetch_add(&b->next, 1) * b->queries;
    *queries = MI__MIN(b->queries, b->space->n - *first);
    return *queries > 0;
}

static void nearest_piece(void *arg, int64_t piece) {
    brute *b = arg;
    state s[QUERIES];
    for (int64_t first, queries; next_chunk(b, &first, &queries);) {
        double *room = b->room + piece * b->queries * 2 * b->k;
        for (int64_t i = 0; i < queries; i++, room += 2 * b->k) {
            s[i] = (state){.row = first + i, .bound = HUGE_VAL};
            mi__least_begin(&s[i].least, b->k, room);
        }
        go_over_all(b, look_nearest, s, queries);
        for (int64_t i = 0; i < queries; i++)
            b->distance[s[i].row] = mi__least_last(&s[i].least);
    }
}

static void begin_radius(const brute *b, state *s, int64_t first, int64_t queries) {
    for (int64_t i = 0; i < queries; i++)
        s[i] = (state){.row = first + i, .bound = b->radius[first + i]};
}

static void within_piece(void *arg, int64_t piece) {
    brute *b = arg;
    state s[QUERIES];
    (void)piece;
    for (int64_t first, queries; next_chunk(b, &first, &queries);) {
        begin_radius(b, s, first, queries);
        go_over_all(b, look_within, s, queries);
        for (int64_t i = 0; i < queries; i++)
            b->count[s[i].row] = s[i].count;
    }
}

static void reach_piece(void *arg, int64_t piece) {
    brute *b = arg;
    state s[QUERIES];
    (void)piece;
    for (int64_t first, queries; next_chunk(b, &first, &queries);) {
        begin_radius(b, s, first, queries);
        go_over_all(b, look_reach, s, queries);
        for (int64_t i = 0; i < queries; i++)
            for (int32_t part = 0; part < b->space->parts; part++)
                b->reach[part][s[i].row] = s[i].reach[part];
    }
}

/* Of a few points. */
static double typical_distance(const mi__space *s, int32_t k, double *room) {
    double sample[7];
    for (int i = 0; i < 7; i++) {
        const int64_t row = i * (s->n - 1) / 6;
        mi__least l;
        mi__least_begin(&l, k, room);
        for (int64_t j = 0; j < s->n; j++) {
            const double far = apart_below(s, row, j, l.bound);
            if (far < l.bound && j != row)
                mi__least_add(&l, far);
        }
        sample[i] = mi__least_last(&l);
    }
    return median(sample, 7);
}

mi_status mi__brute_nearest(mi_context *ctx, const mi__space *s, int32_t k, double *distance) {
    brute b = {.k = k, .distance = distance};
    b.queries = MI__MAX(MI__MIN(chunk_of(ctx, s->n), 65536 / k), 1);
    const int64_t room = ctx->threads * b.queries * 2 * k;
    b.room = mi__alloc(ctx, room, sizeof *b.room);
    if (b.room == NULL)
        return MI_E_NOMEM;
    mi_status status = begin(ctx, s, typical_distance(s, k, b.room), &b);
    if (status == MI_OK) {
        mi__parallel_for(ctx, ctx->threads, nearest_piece, &b);
        drop(ctx, &b);
    }
    mi__free(ctx, b.room, room, sizeof *b.room);
    return status;
}

mi_status mi__brute_within(mi_context *ctx, const mi__space *s, const double *radius,
                           int32_t *count) {
    brute b = {.queries = chunk_of(ctx, s->n), .radius = radius, .count = count};
    MI__TRY(begin(ctx, s, typical_radius(s, radius), &b));
    mi__parallel_for(ctx, ctx->threads, within_piece, &b);
    drop(ctx, &b);
    return MI_OK;
}

mi_status mi__brute_reach(mi_context *ctx, const mi__space *s, const double *radius,
                          double *const *reach) {
    brute b = {.queries = chunk_of(ctx, s->n), .radius = radius, .reach = reach};
    MI__TRY(begin(ctx, s, typical_radius(s, radius), &b));
    mi__parallel_for(ctx, ctx->threads, reach_piece, &b);
    drop(ctx, &b);
    return MI_OK;
}
