/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbours by a k-d tree. */
#include "neighbour.h"

#include <float.h>

/* Points that a thread takes at a time: less than a millisecond's work, and not so many that other
 * threads have none, unless they would soon be done with what they get. */
#define CHUNK 2048
#define CHUNK_OF_MANY 256 /* columns */
#define LEAST_CHUNK 128
#define SHARES 4 /* chunks for each thread */
#define DEPTH 64

typedef struct query {
    const mi__kernels *kernels;
    const mi__space *space;
    mi__tree tree;
    int64_t leaves; /* of a chunk */
    int32_t k;
    const double *radius;
    double *distance;
    int32_t *count;
    double *const *reach;
    double *room; /* [threads][2 k] */
    atomic_llong next;
} query;

static mi_status begin(mi_context *ctx, const mi__space *s, int64_t room, query *q) {
    q->kernels = mi__kernels_select();
    q->space = s;
    const int64_t share = MI__MAX(s->n / (SHARES * (int64_t)ctx->threads), LEAST_CHUNK);
    q->leaves = MI__MIN(s->d <= 3 ? CHUNK : CHUNK_OF_MANY, share) / room;
    atomic_init(&q->next, 0);
    return mi__tree_make(ctx, s, room, &q->tree);
}

static int64_t chunks(const query *q) {
    return (q->tree.leaves + q->leaves - 1) / q->leaves;
}

static int64_t chunk_end(const query *q, int64_t chunk) {
    return MI__MIN((chunk + 1) * q->leaves, q->tree.leaves);
}

/* -- a walk over the leaves that a distance reaches, nearest subtrees first -------------------- */

typedef struct walk {
    mi__branch at;
    double gap;
} walk;

/* What a point is from a box at least. */
static double gap_to(const query *q, int64_t row, int64_t node) {
    const mi__space *s = q->space;
    const double *box = q->tree.box + node * 2 * mi__tree_pitch(s->d);
    const int64_t pitch = mi__tree_pitch(s->d);
    double most = 0;
    for (int32_t part = 0; part < s->parts; part++) {
        const double *point = s->part[part] + row * s->width[part];
        double sum = 0;
        for (int64_t j = 0; j < s->width[part]; j++, box++) {
            const double gap = fmax(fmax(box[0] - point[j], point[j] - box[pitch]), 0);
            sum = s->squared ? sum + gap * gap : fmax(sum, gap);
        }
        most = fmax(most, sum);
    }
    return most;
}

/* Whether all of a box is in each part as near as `most` [parts], or nearer. */
static bool is_covered(const query *q, int64_t row, int64_t node, const double *most) {
    const mi__space *s = q->space;
    const double *box = q->tree.box + node * 2 * mi__tree_pitch(s->d);
    for (int32_t part = 0; part < s->parts; part++) {
        const double *point = s->part[part] + row * s->width[part];
        double sum = 0;
        for (int64_t j = 0; j < s->width[part]; j++, box++) {
            const double far = fmax(point[j] - box[0], box[mi__tree_pitch(s->d)] - point[j]);
            sum = s->squared ? sum + far * far : fmax(sum, far);
        }
        if (sum > most[part])
            return false;
    }
    return true;
}

/* The next leaf whose box is less than `bound` away, and not covered by `most` unless that is NULL;
 * -1: none is left. */
static int64_t next_leaf(const query *q, int64_t row, double bound, const double *most, walk *stack,
                         int *depth) {
    while (*depth > 0) {
        const walk w = stack[--*depth];
        if (w.gap >= bound || (most != NULL && is_covered(q, row, w.at.node, most)))
            continue;
        if (w.at.leaves == 1)
            return w.at.first;
        walk left = {mi__branch_left(w.at), 0}, right = {mi__branch_right(w.at), 0};
        left.gap = gap_to(q, row, left.at.node);
        right.gap = gap_to(q, row, right.at.node);
        stack[(*depth)++] = left.gap < right.gap ? right : left;
        stack[(*depth)++] = left.gap < right.gap ? left : right;
    }
    return -1;
}

/* -- the k-th nearest -------------------------------------------------------------------------- */

static void nearest_chunk(void *arg, int64_t i) {
    const query *q = arg;
    q->kernels->nearest(&q->tree, q->k, i * q->leaves, chunk_end(q, i), q->distance);
}

static double kth_of(const query *q, int64_t row, double *room) {
    const mi__tree *t = &q->tree;
    walk stack[2 * DEPTH];
    int depth = 1;
    mi__least l;
    stack[0] = (walk){{0, 0, t->leaves}, 0};
    mi__least_begin(&l, q->k, room);
    for (int64_t leaf; (leaf = next_leaf(q, row, l.bound, NULL, stack, &depth)) >= 0;)
        for (int64_t p = t->first[leaf]; p < t->first[leaf + 1]; p++) {
            const double far = mi__space_apart(q->space, row, t->row[p]);
            if (far < l.bound && t->row[p] != row)
                mi__least_add(&l, far);
        }
    return mi__least_last(&l);
}

/* Any k: a piece for each thread, which has room. */
static void many_nearest(void *arg, int64_t piece) {
    query *q = arg;
    const mi__tree *t = &q->tree;
    double *room = q->room + piece * 2 * q->k;
    for (int64_t i; (i = atomic_fetch_add(&q->next, 1)) < chunks(q);) {
        const int64_t end = t->first[chunk_end(q, i)];
        for (int64_t p = t->first[i * q->leaves]; p < end; p++)
            q->distance[t->row[p]] = kth_of(q, t->row[p], room);
    }
}

mi_status mi__tree_nearest(mi_context *ctx, const mi__space *s, int32_t k, double *distance) {
    query q = {.k = k, .distance = distance};
    const int64_t room = k > MI__MOST_NEAREST ? (int64_t)ctx->threads * 2 * k : 0;
    MI__TRY(begin(ctx, s, 16, &q));
    q.room = mi__alloc(ctx, room, sizeof *q.room);
    const mi_status status = q.room != NULL ? MI_OK : MI_E_NOMEM;
    if (status == MI_OK && room == 0)
        mi__parallel_for(ctx, chunks(&q), nearest_chunk, &q);
    else if (status == MI_OK)
        mi__parallel_for(ctx, ctx->threads, many_nearest, &q);
    mi__free(ctx, q.room, room, sizeof *q.room);
    mi__tree_free(ctx, &q.tree);
    return status;
}

/* -- counts and reach -------------------------------------------------------------------------- */

static void within_chunk(void *arg, int64_t i) {
    const query *q = arg;
    q->kernels->within(&q->tree, q->radius, i * q->leaves, chunk_end(q, i), q->count);
}

mi_status mi__tree_within(mi_context *ctx, const mi__space *s, const double *radius,
                          int32_t *count) {
    query q = {.radius = radius, .count = count};
    MI__TRY(begin(ctx, s, 32, &q));
    mi__parallel_for(ctx, chunks(&q), within_chunk, &q);
    mi__tree_free(ctx, &q.tree);
    return MI_OK;
}

static void reach_chunk(void *arg, int64_t i) {
    const query *q = arg;
    const mi__space *s = q->space;
    const mi__tree *t = &q->tree;
    const int64_t end = t->first[chunk_end(q, i)];
    for (int64_t p = t->first[i * q->leaves]; p < end; p++) {
        const int64_t row = t->row[p];
        double most[MI__MOST_PARTS] = {0};
        walk stack[2 * DEPTH];
        int depth = 1;
        stack[0] = (walk){{0, 0, t->leaves}, 0};
        for (int64_t leaf; (leaf = next_leaf(q, row, q->radius[row], most, stack, &depth)) >= 0;)
            for (int64_t o = t->first[leaf]; o < t->first[leaf + 1]; o++)
                mi__space_widen(s, row, t->row[o], q->radius[row], most);
        for (int32_t part = 0; part < s->parts; part++)
            q->reach[part][row] = most[part];
    }
}

mi_status mi__tree_reach(mi_context *ctx, const mi__space *s, const double *radius,
                         double *const *reach) {
    query q = {.radius = radius, .reach = reach};
    MI__TRY(begin(ctx, s, 16, &q));
    mi__parallel_for(ctx, chunks(&q), reach_chunk, &q);
    mi__tree_free(ctx, &q.tree);
    return MI_OK;
}
