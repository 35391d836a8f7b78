/* SPDX-License-Identifier: BSD-2-Clause */
/* Shortest augmenting paths. From a row without a column, Dijkstra's algorithm goes from rows to
 * columns along what those are worth, less what the row's own column is, and from a column to its
 * owner, until it reaches a column without one. */
#include "solver.h"

#include <math.h>
#include <string.h>

typedef struct search {
    double limit;                            /* the length to the nearest column without an owner */
    int32_t end;                             /* that column */
    int64_t settled, touched, reached, heap; /* how many */
    double now;                              /* the length to the last settled column, */
    int64_t ready;                           /* and how many others are as near, behind the heap */
    int64_t pushes;                          /* that may still be */
    double horizon;                          /* the least bound of reached rows */
    bool costless;                           /* a row that costs nothing was reached */
} search;

/* -- whole rows: every step takes time in proportion to the columns ---------------------------- */

static bool search_whole(mi__solver *s, int32_t row, search *q) {
    const int64_t n = s->cols;
    int32_t i = row;
    double base = 0;
    memcpy(s->open, s->price, (size_t)n * sizeof *s->open);
    for (;;) {
        /* the second row that costs nothing reaches nothing nearer */
        const double from = i >= s->rows && q->costless ? INFINITY : base;
        const double least = s->k->row_relax(n, s->costs.factor, mi__row(s, i), s->open, from,
                                             (double)i, s->far, s->before);
        q->costless |= i >= s->rows;
        if (least == INFINITY)
            return false;
        const int64_t j = mi__first_of(s, 1, s->far, s->zero, least);
        if (s->owner[j] < 0) {
            q->limit = least;
            q->end = (int32_t)j;
            return true;
        }
        s->settled[q->settled++] = (int32_t)j;
        s->length[j] = least;
        s->far[j] = s->open[j] = INFINITY;
        i = s->owner[j];
        base = least - (s->paid[i] + s->price[j]);
    }
}

/* -- lists: a row's further columns wait until what is not listed could be nearest ------------- */

static bool before(mi__entry a, mi__entry b) {
    return a.key < b.key || (a.key == b.key && a.at < b.at);
}

static mi__entry *last_ready(const mi__solver *s, const search *q) {
    return s->heap + MI__PUSHES(s->cols) - q->ready;
}

static void push(mi__solver *s, search *q, mi__entry entry) {
    q->pushes--;
    if (entry.key <= q->now) { /* of ties there are many, and their order doesn't matter */
        q->ready++;
        *last_ready(s, q) = entry;
        return;
    }
    int64_t i = q->heap++;
    for (; i > 0 && before(entry, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = entry;
}

static void pop(mi__solver *s, search *q) {
    const mi__entry last = s->heap[--q->heap];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < q->heap; i = child) {
        if (child + 1 < q->heap && before(s->heap[child + 1], s->heap[child]))
            child++;
        if (!before(s->heap[child], last))
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
}

/* Column j is reached from a row. */
static void reach(mi__solver *s, search *q, int32_t j, double length, int32_t row) {
    if (!(length < q->limit) || !(length < s->far[j]) || q->pushes == 0)
        return;
    if (s->far[j] == INFINITY)
        s->touched[q->touched++] = j;
    s->far[j] = length;
    s->before[j] = row;
    if (s->owner[j] >= 0)
        push(s, q, (mi__entry){length, j});
    else {
        q->limit = length;
        q->end = j;
    }
}

static void reach_list(mi__solver *s, search *q, mi__reach *r) {
    const mi__list *list = mi__list_of(s, r->row);
    const double *price = s->price, base = r->base;
    const int32_t count = list->count, row = r->row;
    for (int32_t t = 0; t < count; t++) {
        const int32_t j = list->at[t];
        reach(s, q, j, base + (list->cost[t] + price[j]), row);
    }
    r->bound = r->base + list->bound;
}

static void reach_whole(mi__solver *s, search *q, mi__reach *r) {
    const double *cost = mi__row(s, r->row), factor = s->costs.factor;
    const int64_t count =
        s->k->row_closer(s->cols, factor, cost, s->price, r->base, q->limit, s->far, s->some);
    for (int64_t t = 0; t < count; t++) {
        const int32_t j = s->some[t];
        reach(s, q, j, r->base + (factor * cost[j] + s->price[j]), r->row);
    }
    r->bound = INFINITY;
}

static void reach_row(mi__solver *s, search *q, int32_t i, double base) {
    if (i >= s->rows && q->costless)
        return;
    q->costless |= i >= s->rows;
    if (mi__list_of(s, i)->count == 0)
        mi__list_make(s, i);
    mi__reach *r = &s->reach[q->reached++];
    *r = (mi__reach){.base = base, .row = i};
    reach_list(s, q, r);
    q->horizon = MI__MIN(q->horizon, r->bound);
}

/* The row whose unlisted columns could be nearest: a list of today's prices, or all of it. */
static void reach_further(mi__solver *s, search *q) {
    mi__reach *r = s->reach;
    for (int64_t t = 1; t < q->reached; t++)
        r = s->reach[t].bound < r->bound ? s->reach + t : r;
    if (mi__list_of(s, r->row)->made < s->searches) {
        mi__list_make(s, r->row);
        reach_list(s, q, r);
    } else
        reach_whole(s, q, r);
    q->horizon = INFINITY;
    for (int64_t t = 0; t < q->reached; t++)
        q->horizon = MI__MIN(q->horizon, s->reach[t].bound);
}

/* False if there is no path, or if it was given up: then no pushes are left. */
static bool search_lists(mi__solver *s, int32_t row, search *q) {
    reach_row(s, q, row, 0);
    while (q->pushes > 0) {
        while (q->ready > 0 && s->far[last_ready(s, q)->at] == -INFINITY)
            q->ready--;
        while (q->heap > 0 && s->heap[0].key > s->far[s->heap[0].at])
            pop(s, q);
        const bool ready = q->ready > 0;
        const double nearest = ready         ? q->now
                               : q->heap > 0 ? s->heap[0].key
                                             : INFINITY,
                     next = MI__MIN(q->limit, nearest);
        if (next > q->horizon) {
            reach_further(s, q);
            continue;
        }
        if (next == q->limit)
            return next < INFINITY;
        const int32_t j = ready ? last_ready(s, q)->at : s->heap[0].at;
        if (ready)
            q->ready--;
        else
            pop(s, q);
        q->now = next;
        s->far[j] = -INFINITY; /* nothing is nearer */
        s->settled[q->settled++] = j;
        s->length[j] = next;
        reach_row(s, q, s->owner[j], next - (s->paid[s->owner[j]] + s->price[j]));
    }
    return false;
}

static void clear_lists(mi__solver *s, const search *q) {
    for (int64_t t = 0; t < q->touched; t++)
        s->far[s->touched[t]] = INFINITY;
}

/* -- both -------------------------------------------------------------------------------------- */

/* Along the path each row takes the column that it reaches next. */
static void swap(mi__solver *s, int32_t row, int32_t j) {
    for (;;) {
        const int32_t i = (int32_t)s->before[j], next = s->match[i];
        s->owner[j] = i;
        s->match[i] = j;
        s->paid[i] = s->costs.factor * (i < s->rows ? mi__costs_at(&s->costs, i, j) : 0);
        if (i == row)
            return;
        j = next;
    }
}

bool mi__path(mi__solver *s, int32_t row) {
    search q = {.limit = INFINITY,
                .horizon = INFINITY,
                .now = -INFINITY,
                .pushes = s->dense ? 0 : MI__PUSHES(s->cols)};
    s->searches++;
    bool found = !s->dense && search_lists(s, row, &q);
    if (!s->dense)
        clear_lists(s, &q);
    if (!found && q.pushes == 0) {
        q = (search){.limit = INFINITY};
        for (int64_t j = 0; j < s->cols; j++)
            s->far[j] = INFINITY;
        found = search_whole(s, row, &q);
        for (int64_t j = 0; j < s->cols && !s->dense; j++)
            s->far[j] = INFINITY;
    }
    s->stuck = q.settled;
    if (!found)
        return false;
    for (int64_t t = 0; t < q.settled; t++)
        s->price[s->settled[t]] += q.limit - s->length[s->settled[t]];
    swap(s, row, q.end);
    return true;
}
