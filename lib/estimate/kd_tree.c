/* SPDX-License-Identifier: BSD-2-Clause */
/* A k-d tree: each node's points are halved across its widest column, at a position rather than at
 * a value, so that its depth is the same whatever the points are. */
#include "neighbour.h"

#include <float.h>
#include <string.h>

#define BLOCK 64   /* points that a partition looks at without a jump */
#define TASKS 32   /* subtrees, about, that threads build */
#define SAMPLE 255 /* points at most that a pivot is chosen from */

typedef struct branch {
    int64_t node, first, leaves;
} branch;

typedef struct build {
    const mi__space *space;
    mi__tree *tree;
    double *column; /* [d][n] */
    int32_t *row;
    branch task[2 * TASKS];
    int64_t tasks;
} build;

/* -- halving ----------------------------------------------------------------------------------- */

static void swap(const build *b, int64_t i, int64_t j) {
    const int64_t n = b->tree->n;
    for (double *x = b->column, *end = x + b->tree->measure.d * n; x < end; x += n) {
        const double t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
    const int32_t t = b->row[i];
    b->row[i] = b->row[j];
    b->row[j] = t;
}

/* Long stretches: S. Edelkamp, A. Weiss, "BlockQuicksort", ESA 2016. What must go to the other side
 * is first noted for a block on either side, which takes no jumps that depend on the numbers. */
static void partition_blocks(const build *b, const double *x, double pivot, int64_t *low,
                             int64_t *high) {
    uint8_t left[BLOCK], right[BLOCK];
    int lefts = 0, rights = 0, left_at = 0, right_at = 0;
    while (*high - *low + 1 > 2 * BLOCK) {
        if (left_at == lefts)
            for (int i = left_at = lefts = 0; i < BLOCK; i++) {
                left[lefts] = (uint8_t)i;
                lefts += !(x[*low + i] < pivot);
            }
        if (right_at == rights)
            for (int i = right_at = rights = 0; i < BLOCK; i++) {
                right[rights] = (uint8_t)i;
                rights += !(x[*high - i] > pivot);
            }
        for (; left_at < lefts && right_at < rights; left_at++, right_at++)
            swap(b, *low + left[left_at], *high - right[right_at]);
        *low += left_at == lefts ? BLOCK : 0;
        *high -= right_at == rights ? BLOCK : 0;
    }
}

/* About where the number at `target` of the range must be. */
static double choose_pivot(const double *x, int64_t low, int64_t high, int64_t target) {
    double sample[SAMPLE];
    const int64_t n = high - low + 1, count = n > 20000 ? SAMPLE : n > 500 ? 31 : n > 40 ? 7 : 1;
    for (int64_t i = 0; i < count; i++)
        sample[i] = x[low + (2 * i + 1) * n / (2 * count)];
    const int64_t rank = (target - low) * count / n;
    mi__select(sample, count, rank);
    return sample[rank];
}

/* Points of lesser x come before the position, of greater ones behind. */
static void halve(const build *b, const double *x, int64_t low, int64_t high, int64_t position) {
    while (low < high) {
        const double pivot = choose_pivot(x, low, high, position);
        int64_t i = low, j = high;
        partition_blocks(b, x, pivot, &i, &j);
        while (i <= j) {
            while (x[i] < pivot)
                i++;
            while (x[j] > pivot)
                j--;
            if (i <= j)
                swap(b, i++, j--);
        }
        if (position <= j)
            high = j;
        else if (position >= i)
            low = i;
        else
            return;
    }
}

/* -- building ---------------------------------------------------------------------------------- */

/* Four at a time, since each of a pair waits for the one before. */
static void extent_of(const double *x, int64_t n, double *least, double *most) {
    double low[4], high[4];
    for (int s = 0; s < 4; s++)
        low[s] = high[s] = x[0];
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int s = 0; s < 4; s++) {
            low[s] = x[i + s] < low[s] ? x[i + s] : low[s];
            high[s] = x[i + s] > high[s] ? x[i + s] : high[s];
        }
    for (; i < n; i++) {
        low[0] = x[i] < low[0] ? x[i] : low[0];
        high[0] = x[i] > high[0] ? x[i] : high[0];
    }
    *least = fmin(fmin(low[0], low[1]), fmin(low[2], low[3]));
    *most = fmax(fmax(high[0], high[1]), fmax(high[2], high[3]));
}

/* The node's box; its widest column, -1 if all its points are one. */
static int64_t find_box(const build *b, const branch *p) {
    const mi__tree *t = b->tree;
    const int64_t d = t->measure.d, first = mi__tree_first(t, p->first);
    const int64_t count = mi__tree_first(t, p->first + p->leaves) - first;
    double *box = t->box + p->node * 2 * d, widest = 0;
    int64_t column = -1;
    for (int64_t j = 0; j < d; j++) {
        extent_of(b->column + j * t->n + first, count, &box[j], &box[d + j]);
        if (box[d + j] - box[j] > widest) {
            widest = box[d + j] - box[j];
            column = j;
        }
    }
    return column;
}

static void fill_leaf(const build *b, int64_t leaf) {
    const mi__tree *t = b->tree;
    const int64_t d = t->measure.d, first = mi__tree_first(t, leaf);
    const int64_t count = mi__tree_first(t, leaf + 1) - first;
    double *to = t->point + leaf * d * t->room;
    for (int64_t j = 0; j < d; j++, to += t->room) {
        memcpy(to, b->column + j * t->n + first, (size_t)count * sizeof *to);
        for (int64_t i = count; i < t->room; i++)
            to[i] = MI__NOWHERE;
    }
}

static void split(const build *b, const branch *p, branch half[2]) {
    const mi__tree *t = b->tree;
    const int64_t left = p->leaves / 2, end = mi__tree_first(t, p->first + p->leaves);
    const int64_t column = find_box(b, p);
    half[0] = (branch){p->node + 1, p->first, left};
    half[1] = (branch){p->node + 2 * left, p->first + left, p->leaves - left};
    if (column >= 0)
        halve(b, b->column + column * t->n, mi__tree_first(t, p->first), end - 1,
              mi__tree_first(t, half[1].first));
}

/* As deep as the logarithm of the leaves. */
static void build_branch(const build *b, branch p) {
    while (p.leaves > 1) {
        branch half[2];
        split(b, &p, half);
        build_branch(b, half[0]);
        p = half[1];
    }
    find_box(b, &p);
    fill_leaf(b, p.first);
}

static void build_task(void *arg, int64_t i) {
    const build *b = arg;
    if (b->task[i].leaves > 0)
        build_branch(b, b->task[i]);
}

/* Task i becomes two, the second behind all the others. */
static void split_task(void *arg, int64_t i) {
    build *b = arg;
    branch half[2] = {b->task[i], {0}};
    if (b->task[i].leaves > 1)
        split(b, &b->task[i], half);
    b->task[i] = half[0];
    b->task[b->tasks + i] = half[1];
}

static void build_all(mi_context *ctx, build *b) {
    b->task[0] = (branch){0, 0, b->tree->leaves};
    for (b->tasks = 1; b->tasks < TASKS; b->tasks *= 2)
        mi__parallel_for(ctx, b->tasks, split_task, b);
    mi__parallel_for(ctx, TASKS, build_task, b);
}

static void copy_columns(void *arg, int64_t begin, int64_t end) {
    const build *b = arg;
    const mi__space *s = b->space;
    double *to = b->column;
    for (int32_t part = 0; part < s->parts; part++)
        for (int64_t j = 0; j < s->width[part]; j++, to += s->n)
            for (int64_t i = begin; i < end; i++)
                to[i] = s->part[part][i * s->width[part] + j];
    for (int64_t i = begin; i < end; i++)
        b->row[i] = (int32_t)i;
}

void mi__tree_free(mi_context *ctx, mi__tree *t) {
    const int64_t d = t->measure.d;
    mi__free(ctx, t->point, t->leaves * d * t->room, sizeof *t->point);
    mi__free(ctx, t->box, (2 * t->leaves - 1) * 2 * d, sizeof *t->box);
    mi__free(ctx, t->row, t->n, sizeof *t->row);
    *t = (mi__tree){0};
}

mi_status mi__tree_make(mi_context *ctx, const mi__space *s, int64_t room, mi__tree *out) {
    mi__tree t = {.measure = mi__space_measure(s), .n = s->n, .room = room};
    t.leaves = (s->n + room - 1) / room;
    t.point = mi__alloc(ctx, t.leaves * s->d * room, sizeof *t.point);
    t.box = mi__alloc(ctx, (2 * t.leaves - 1) * 2 * s->d, sizeof *t.box);
    t.row = mi__alloc(ctx, s->n, sizeof *t.row);
    build b = {.space = s, .tree = &t, .row = t.row};
    b.column = mi__alloc(ctx, s->n * s->d, sizeof *b.column);
    const bool good = t.point != NULL && t.box != NULL && t.row != NULL && b.column != NULL;
    if (good) {
        mi__parallel_ranges(ctx, s->n, 16384, copy_columns, &b);
        build_all(ctx, &b);
    }
    mi__free(ctx, b.column, s->n * s->d, sizeof *b.column);
    if (good)
        *out = t;
    else
        mi__tree_free(ctx, &t);
    return good ? MI_OK : MI_E_NOMEM;
}
