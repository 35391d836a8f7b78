/* SPDX-License-Identifier: BSD-2-Clause */
/* The first look at all costs, which often is the last. */
#include "solver.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Where rows are the caller's columns, one in so many of the caller's rows is looked at first;
 * below the bounds of lists are so many of the classes of those. */
#define STRIDE 4
#define RANK 6

static mi_status complain(const mi__solver *s, int64_t i, int64_t j) {
    const bool swapped = s->costs.swapped;
    return mi__fail(MI_E_NUMERIC,
                    "cost[%" PRId64 "][%" PRId64 "] is %g; only %cinfinity, which forbids a pair, "
                    "need not be finite",
                    swapped ? j : i, swapped ? i : j, mi__costs_at(&s->costs, i, j),
                    s->costs.factor > 0 ? '+' : '-');
}

/* Row i: its least, and what is wrong with it. */
static mi_status look_at(mi__solver *s, int64_t i, const double *cost, double *least, bool *large) {
    int64_t wrong;
    return s->k->row_look(s->cols, s->costs.factor, cost, least) ||
                   mi__costs_check(&s->costs, s->cols, cost, &wrong, large)
               ? MI_OK
               : complain(s, i, wrong);
}

mi_status mi__gather_small(mi__solver *s, mi__small *p, bool *large) {
    double least;
    for (int64_t i = 0; i < s->rows; i++) {
        const double *cost = mi__row(s, i);
        double *line = p->cost + i * MI__SMALL;
        MI__TRY(look_at(s, i, cost, &least, large));
        for (int64_t j = 0; j < MI__SMALL; j++)
            line[j] = j < s->cols ? s->costs.factor * cost[j] : INFINITY;
    }
    return MI_OK;
}

static mi_status look(mi__solver *s, bool *large) {
    memset(s->open, 0, (size_t)s->cols * sizeof *s->open);
    mi__free_all(s);
    s->free_count = 0;
    for (int64_t i = 0; i < s->rows; i++) {
        const double *cost = mi__row(s, i), factor = s->costs.factor;
        double least;
        MI__TRY(look_at(s, i, cost, &least, large));
        const int64_t j = s->k->row_first(s->cols, factor, cost, s->open, least, 0);
        if (j < s->cols && least < INFINITY) {
            mi__take(s, (int32_t)i, (int32_t)j, factor * cost[j]);
            s->open[j] = INFINITY;
        } else {
            s->free[s->free_count++] = (int32_t)i;
            if (s->rows < s->cols && !s->dense) /* now, while the row is at hand */
                mi__list_make(s, i);
        }
    }
    return MI_OK;
}

/* A full list lets a column in for the dearest that it has, and then none but what costs less; the
 * limit for that, with a minus. */
static double add(mi__list *list, int32_t j, double cost, double limit) {
    if (list->count < MI__LIST) {
        list->at[list->count] = j;
        list->cost[list->count++] = cost;
        return limit;
    }
    int32_t dearest = 0;
    for (int32_t t = 1; t < MI__LIST; t++)
        dearest = list->cost[t] > list->cost[dearest] ? t : dearest;
    list->bound = list->cost[dearest];
    if (cost < list->bound) {
        list->at[dearest] = j;
        list->cost[dearest] = cost;
    }
    return -nextafter(list->bound, -INFINITY);
}

/* Where rows are the caller's columns: makes their lists, in a pass over the caller's rows, after
 * one over some of them, from which the lists' bounds are guessed. */
static mi_status look_turned(mi__solver *s, bool *large) {
    const int64_t n = s->rows;
    const double factor = s->costs.factor;
    mi__costs flat = s->costs;
    flat.turned = false;
    flat.cols = n;
    for (int64_t i = 0; i < n * MI__CLASSES; i++)
        s->low[i] = INFINITY;
    for (int64_t j = 0; j < s->cols; j += STRIDE)
        s->k->row_lower(n, factor, mi__costs_row(&flat, j, s->line),
                        s->low + j / STRIDE % MI__CLASSES * n);
    double *limit = s->open; /* with a minus, which makes them prices */
    for (int64_t i = 0; i < n; i++) {
        mi__list *list = s->list + i;
        double low[MI__CLASSES], least;
        for (int k = 0; k < MI__CLASSES; k++)
            low[k] = s->low[k * n + i];
        list->bound = mi__list_bound(low, RANK, &least);
        list->gap = list->bound - least;
        list->pause = 0;
        limit[i] = -list->bound;
    }
    for (int64_t j = 0; j < s->cols; j++) {
        const double *cost = mi__costs_row(&flat, j, s->line);
        double least;
        int64_t wrong;
        if (!s->k->row_look(n, factor, cost, &least) &&
            !mi__costs_check(&flat, n, cost, &wrong, large))
            return complain(s, wrong, j);
        const int64_t count = s->k->row_below(n, factor, cost, limit, 0, s->some);
        for (int64_t t = 0; t < count; t++) {
            const int32_t i = s->some[t];
            mi__list *list = s->list + i;
            limit[i] = add(list, (int32_t)j, factor * cost[i], limit[i]);
        }
    }
    mi__free_all(s);
    return MI_OK;
}

mi_status mi__first_look(mi__solver *s, bool *large) {
    return s->costs.turned ? look_turned(s, large) : look(s, large);
}
