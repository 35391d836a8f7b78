/* SPDX-License-Identifier: BSD-2-Clause */
/* Shortest augmenting paths in integers of 128 bits, for costs whose sums float64 rounds. They
 * start from float64's prices, at which few rows are left over. */
#include "solver.h"

#include <math.h>

#ifdef __SIZEOF_INT128__

__extension__ typedef __int128 whole;

#define MOST ((whole)1 << 120) /* more than any path's length */

typedef struct exact {
    mi__solver *s;
    const mi__exact *problem;
    whole *price, *far; /* [cols] */
    bool *done;         /* [cols] */
} exact;

static whole worth(const exact *e, int64_t i, int64_t j) {
    if (i >= e->s->rows)
        return e->price[j];
    const mi__exact *p = e->problem;
    const int64_t row = p->swapped ? j : i, col = p->swapped ? i : j;
    if (p->forbidden != NULL && p->forbidden[row * p->ld_forbidden + col])
        return MOST;
    const int64_t at = row * p->ld + col;
    const whole cost =
        p->type == MI_ASSIGN_I64 ? ((const int64_t *)p->cost)[at] : ((const int32_t *)p->cost)[at];
    return (p->negate ? -cost : cost) + e->price[j];
}

static void take(exact *e, int32_t i, int32_t j) {
    e->s->owner[j] = i;
    e->s->match[i] = j;
}

/* Rows take their cheapest columns, those that come first. */
static void take_least(exact *e) {
    mi__solver *s = e->s;
    mi__free_all(s);
    s->free_count = 0;
    for (int64_t i = 0; i < s->all; i++) {
        whole least = MOST;
        int64_t where = -1;
        for (int64_t j = 0; j < s->cols; j++) {
            const whole w = worth(e, i, j);
            if (w < least ||
                (w == least && where >= 0 && s->owner[where] >= 0 && s->owner[j] < 0)) {
                least = w;
                where = j;
            }
        }
        if (where >= 0 && s->owner[where] < 0)
            take(e, (int32_t)i, (int32_t)where);
        else
            s->free[s->free_count++] = (int32_t)i;
    }
}

static bool path(exact *e, int32_t start) {
    mi__solver *s = e->s;
    int64_t settled = 0;
    int32_t i = start, *before = s->some;
    bool costless = false;
    whole base = 0;
    for (int64_t j = 0; j < s->cols; j++) {
        e->far[j] = MOST;
        e->done[j] = false;
    }
    for (;;) {
        int64_t nearest = -1;
        const bool skip = i >= s->rows && costless;
        costless = costless || i >= s->rows;
        for (int64_t j = 0; j < s->cols; j++) {
            if (e->done[j])
                continue;
            const whole w = skip ? MOST : worth(e, i, j);
            if (w < MOST && base + w < e->far[j]) {
                e->far[j] = base + w;
                before[j] = i;
            }
            if (e->far[j] < MOST &&
                (nearest < 0 || e->far[j] < e->far[nearest] ||
                 (e->far[j] == e->far[nearest] && s->owner[nearest] >= 0 && s->owner[j] < 0)))
                nearest = j;
        }
        if (nearest < 0)
            return false;
        if (s->owner[nearest] < 0) {
            for (int64_t t = 0; t < settled; t++)
                e->price[s->settled[t]] += e->far[nearest] - e->far[s->settled[t]];
            for (int64_t j = nearest;;) {
                const int32_t row = before[j], next = s->match[row];
                take(e, row, (int32_t)j);
                if (row == start)
                    return true;
                j = next;
            }
        }
        e->done[nearest] = true;
        s->settled[settled++] = (int32_t)nearest;
        i = s->owner[nearest];
        base = e->far[nearest] - worth(e, i, nearest);
    }
}

mi_status mi__solve_exact(mi__solver *s, const mi__exact *problem) {
    const int64_t n = s->cols;
    exact e = {.s = s, .problem = problem};
    e.price = mi__alloc(s->context, 2 * n, sizeof *e.price);
    e.done = mi__alloc(s->context, n, sizeof *e.done);
    mi_status status = e.price == NULL || e.done == NULL ? MI_E_NOMEM : MI_OK;
    if (status == MI_OK) {
        e.far = e.price + n;
        s->all = n;
        for (int64_t j = 0; j < n; j++)
            e.price[j] = (whole)ceil(s->price[j]);
        take_least(&e);
        for (int64_t t = 0; t < s->free_count && status == MI_OK; t++)
            if (!path(&e, s->free[t]))
                status = mi__fail(MI_E_INFEASIBLE, "every matching has a forbidden pair");
        for (int64_t j = 0; j < n; j++)
            s->price[j] = (double)e.price[j];
        for (int64_t i = 0; i < n; i++)
            s->paid[i] =
                s->match[i] < 0 ? 0 : (double)(worth(&e, i, s->match[i]) - e.price[s->match[i]]);
    }
    mi__free(s->context, e.price, 2 * n, sizeof *e.price);
    mi__free(s->context, e.done, n, sizeof *e.done);
    return status;
}

#else

mi_status mi__solve_exact(mi__solver *s, const mi__exact *problem) {
    (void)s;
    (void)problem;
    return mi__fail(MI_E_UNSUPPORTED,
                    "costs are too far apart for a build without 128-bit integers");
}

#endif
