/* SPDX-License-Identifier: BSD-2-Clause */
/* A k-d tree: each node's points are halved across a wide column, at a position rather than at a
 * value, so that its depth is the same whatever the points are. */
#include "neighbour.h"

#include "../base/rank.h"

#include <string.h>

#define BLOCK 64   /* points that a partition looks at without a jump */
#define TASKS 32   /* subtrees that threads build, at most */
#define LEAST 4096 /* points of such a subtree */
#define SAMPLE 255 /* points at most that a pivot is chosen from */
#define GLANCE 32  /* points that a node's widest column is chosen from */

typedef struct build {
    const mi__space *space;
    mi__tree *tree;
    double *column; /* [d][n] */
    int32_t *row;
    mi__branch task[2 * TASKS];
    int64_t tasks;
} build;

/* -- halving ----------------------------------------------------------------------------------- */

static inline void swap(const build *b, int64_t i, int64_t j) {
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

/* Points at one end of a range that must go to the other. */
typedef struct misplaced {
    uint8_t offset[BLOCK];
    int64_t size; /* of the block that was looked at */
    int count, next;
} misplaced;

static inline bool is_done(const misplaced *m) {
    return m->next == m->count;
}

/* Without a jump that depends on the numbers: all offsets are written, few stay. */
static inline void look(misplaced *m, const double *x, int64_t step, double pivot, int64_t size) {
    int count = 0;
    for (int i = 0; i < (int)size; i++, x += step) {
        m->offset[count] = (uint8_t)i;
        count += step > 0 ? !(*x < pivot) : !(*x > pivot);
    }
    m->size = size;
    m->count = count;
    m->next = 0;
}

/* S. Edelkamp, A. Weiss, "BlockQuicksort", ESA 2016. Ends with a rest in which anything goes. */
static void partition_blocks(const build *b, const double *x, double pivot, int64_t *low,
                             int64_t *high) {
    misplaced left = {.size = 0}, right = {.size = 0};
    for (;;) {
        *low += is_done(&left) ? left.size : 0;
        *high -= is_done(&right) ? right.size : 0;
        left.size = is_done(&left) ? 0 : left.size;
        right.size = is_done(&right) ? 0 : right.size;
        const int64_t both = left.size == 0 && right.size == 0;
        const int64_t size = (*high - *low + 1 - left.size - right.size) >> both;
        if (size < 4)
            return;
        if (left.size == 0)
            look(&left, x + *low, 1, pivot, MI__MIN(size, BLOCK));
        if (right.size == 0)
            look(&right, x + *high, -1, pivot, MI__MIN(size, BLOCK));
        for (; !is_done(&left) && !is_done(&right); left.next++, right.next++)
            swap(b, *low + left.offset[left.next], *high - right.offset[right.next]);
    }
}

/* About where the number at `target` of the range must be. */
static double choose_pivot(const double *x, int64_t low, int64_t high, int64_t target) {
    double sample[SAMPLE];
    const int64_t n = high - low + 1, count = n > 20000 ? SAMPLE : n > 500 ? 31 : n > 40 ? 7 : 3;
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

/* -- boxes ------------------------------------------------------------------------------------- */

static double *box_of(const mi__tree *t, int64_t node) {
    return t->box + node * 2 * mi__tree_pitch(t->measure.d);
}

static int64_t first_of(const mi__tree *t, int64_t leaf) {
    return t->n * leaf / t->leaves; /* both are below 2^31 */
}

/* Of some of the points. */
static int64_t widest_column(const build *b, int64_t first, int64_t count) {
    const mi__tree *t = b->tree;
    const int64_t step = MI__MAX(count / GLANCE, 1);
    double widest = -1;
    int64_t column = 0;
    for (int64_t j = 0; j < t->measure.d; j++) {
        const double *x = b->column + j * t->n + first;
        double low = x[0], high = x[0];
        for (int64_t i = step; i < count; i += step) {
            low = x[i] < low ? x[i] : low;
            high = x[i] > high ? x[i] : high;
        }
        if (high - low > widest) {
            widest = high - low;
            column = j;
        }
    }
    return column;
}

static void fill_leaf(const build *b, const mi__branch *p) {
    const mi__tree *t = b->tree;
    const int64_t d = t->measure.d, first = first_of(t, p->first);
    const int64_t count = first_of(t, p->first + 1) - first;
    double *to = t->point + p->first * d * t->room, *box = box_of(t, p->node);
    t->first[p->first] = (int32_t)first;
    for (int64_t j = 0; j < d; j++, to += t->room) {
        const double *x = b->column + j * t->n + first;
        double low = x[0], high = x[0];
        for (int64_t i = 0; i < count; i++) {
            to[i] = x[i];
            low = x[i] < low ? x[i] : low;
            high = x[i] > high ? x[i] : high;
        }
        for (int64_t i = count; i < t->room; i++)
            to[i] = MI__NOWHERE;
        box[j] = low;
        box[mi__tree_pitch(t->measure.d) + j] = high;
    }
}

static void join_boxes(const mi__tree *t, const mi__branch *p, const mi__branch half[2]) {
    double *box = box_of(t, p->node);
    const double *a = box_of(t, half[0].node), *b = box_of(t, half[1].node);
    const int64_t pitch = mi__tree_pitch(t->measure.d);
    for (int64_t j = 0; j < pitch; j++) {
        box[j] = a[j] < b[j] ? a[j] : b[j];
        box[pitch + j] = a[pitch + j] > b[pitch + j] ? a[pitch + j] : b[pitch + j];
    }
}

/* -- building ---------------------------------------------------------------------------------- */

static void split(const build *b, const mi__branch *p, mi__branch half[2]) {
    const mi__tree *t = b->tree;
    const int64_t first = first_of(t, p->first), end = first_of(t, p->first + p->leaves);
    const double *x = b->column + widest_column(b, first, end - first) * t->n;
    half[0] = mi__branch_left(*p);
    half[1] = mi__branch_right(*p);
    halve(b, x, first, end - 1, first_of(t, half[1].first));
}

/* As deep as the logarithm of the leaves. */
static void build_branch(const build *b, const mi__branch *p) {
    mi__branch half[2];
    if (p->leaves == 1) {
        fill_leaf(b, p);
        return;
    }
    split(b, p, half);
    build_branch(b, &half[0]);
    build_branch(b, &half[1]);
    join_boxes(b->tree, p, half);
}

static void build_task(void *arg, int64_t i) {
    const build *b = arg;
    if (b->task[i].leaves > 0)
        build_branch(b, &b->task[i]);
}

/* Task i becomes two, the second behind all the others. */
static void split_task(void *arg, int64_t i) {
    build *b = arg;
    mi__branch half[2] = {b->task[i], {0}};
    if (b->task[i].leaves > 1)
        split(b, &b->task[i], half);
    b->task[i] = half[0];
    b->task[b->tasks + i] = half[1];
}

/* The boxes above those of the tasks. */
static void join_tasks(const mi__tree *t, mi__branch p, int64_t tasks) {
    if (p.leaves == 1 || tasks == 1)
        return;
    const mi__branch half[2] = {mi__branch_left(p), mi__branch_right(p)};
    join_tasks(t, half[0], tasks / 2);
    join_tasks(t, half[1], tasks / 2);
    join_boxes(t, &p, half);
}

static void build_all(mi_context *ctx, build *b) {
    const mi__branch root = {0, 0, b->tree->leaves};
    b->task[0] = root;
    for (b->tasks = 1; b->tasks < TASKS && b->tasks * LEAST < b->tree->n; b->tasks *= 2)
        mi__parallel_for(ctx, b->tasks, split_task, b);
    mi__parallel_for(ctx, b->tasks, build_task, b);
    join_tasks(b->tree, root, b->tasks);
    b->tree->first[b->tree->leaves] = (int32_t)b->tree->n;
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
    mi__free(ctx, t->box, (2 * t->leaves - 1) * 2 * mi__tree_pitch(t->measure.d), sizeof *t->box);
    mi__free(ctx, t->first, t->leaves + 1, sizeof *t->first);
    mi__free(ctx, t->row, t->n, sizeof *t->row);
    *t = (mi__tree){0};
}

static mi_status allocate(mi_context *ctx, const mi__space *s, int64_t room, mi__tree *t) {
    *t = (mi__tree){.measure = mi__space_measure(s), .n = s->n, .room = room};
    t->leaves = (s->n + room - 1) / room;
    t->point = mi__alloc(ctx, t->leaves * s->d * room, sizeof *t->point);
    t->box = mi__alloc_zero(ctx, (2 * t->leaves - 1) * 2 * mi__tree_pitch(s->d), sizeof *t->box);
    t->first = mi__alloc(ctx, t->leaves + 1, sizeof *t->first);
    t->row = mi__alloc(ctx, s->n, sizeof *t->row);
    const bool good = t->point != NULL && t->box != NULL && t->first != NULL && t->row != NULL;
    return good ? MI_OK : MI_E_NOMEM;
}

mi_status mi__tree_make(mi_context *ctx, const mi__space *s, int64_t room, mi__tree *out) {
    mi__tree t;
    mi_status status = allocate(ctx, s, room, &t);
    build b = {.space = s, .tree = &t, .row = t.row};
    b.column = mi__alloc(ctx, s->n * s->d, sizeof *b.column);
    if (b.column == NULL)
        status = MI_E_NOMEM;
    if (status == MI_OK) {
        mi__parallel_ranges(ctx, s->n, 16384, copy_columns, &b);
        build_all(ctx, &b);
        *out = t;
    } else {
        mi__tree_free(ctx, &t);
    }
    mi__free(ctx, b.column, s->n * s->d, sizeof *b.column);
    return status;
}
