/* SPDX-License-Identifier: BSD-2-Clause */
/* The cheapest columns of a row. */
#include "solver.h"

#include "../base/rank.h"

#include <math.h>
#include <string.h>

#define FEW 8           /* a list with fewer is soon used up */
#define TIES 16         /* that are listed, of many */
#define RANK 11         /* so many classes have a column below the first bound */
#define LIST_PRICE 5000 /* over the number of columns: what a list costs, in looks at the row */

double mi__list_bound(double *low, int rank, double *least) {
    mi__select(low, MI__CLASSES, rank - 1);
    *least = low[0];
    for (int k = 1; k < rank; k++)
        *least = MI__MIN(low[k], *least);
    return low[rank - 1];
}

static double worth(const mi__solver *s, const double *cost, int32_t j) {
    return s->costs.factor * cost[j] + s->price[j];
}

/* Lists the columns of s->some that are worth less than `limit`; how many that are. Those that are
 * worth the same are moved to the front there. */
static int64_t split(mi__solver *s, mi__list *list, const double *cost, int64_t count, double limit,
                     int64_t *equals) {
    int64_t less = 0;
    *equals = 0;
    for (int64_t t = 0; t < count; t++) {
        const int32_t j = s->some[t];
        const double w = worth(s, cost, j);
        if (w < limit) {
            if (less < MI__LIST)
                list->at[less] = j;
            less++;
        } else if (w == limit)
            s->some[(*equals)++] = j;
    }
    return less;
}

/* There are too many that are worth `limit` at most: lists those that are worth less, or, if these
 * are too many, less than the MI__LIST-th. Then equals from a place of the row's own on, lest all
 * rows list the same few. */
static void cut(mi__solver *s, mi__list *list, int64_t i, const double *cost, int64_t count,
                double limit) {
    int64_t equals, less = 0;
    for (int64_t t = 0; t < count; t++)
        less += worth(s, cost, s->some[t]) < limit;
    if (less > MI__LIST) {
        for (int64_t t = 0; t < count; t++)
            s->open[t] = worth(s, cost, s->some[t]);
        mi__select(s->open, count, MI__LIST - 1);
        limit = s->open[MI__LIST - 1];
    }
    less = split(s, list, cost, count, limit, &equals);
    int64_t t = equals > 0 ? (int64_t)((uint64_t)i * 2654435761u % (uint64_t)equals) : 0;
    for (; less < MI__LIST; t = t + 1 < equals ? t + 1 : 0)
        list->at[less++] = s->some[t];
    list->count = MI__LIST;
    list->bound = limit;
}

/* Lists what is worth `limit` at most; how many that were. */
static int64_t list_below(mi__solver *s, int64_t i, const double *cost, double limit) {
    mi__list *list = mi__list_of(s, i);
    const int64_t found = s->k->row_below(s->cols, s->costs.factor, cost, s->price, limit, s->some);
    if (found > MI__LIST)
        cut(s, list, i, cost, found, limit);
    else {
        memcpy(list->at, s->some, (size_t)found * sizeof *s->some);
        list->count = (int32_t)found;
        list->bound = limit;
    }
    for (int32_t t = 0; t < list->count; t++)
        list->cost[t] = s->costs.factor * cost[list->at[t]];
    return found;
}

/* Where most classes have the same least, as in a table of zeros, or of pairs that never met: what
 * is worth less, and some of those ties, from a place of the row's own on, lest all rows list the
 * same few. */
static bool list_ties(mi__solver *s, int64_t i, const double *cost, const double *low,
                      double limit) {
    mi__list *list = mi__list_of(s, i);
    const int64_t n = s->cols, first = (int64_t)((uint64_t)i * 2654435761u % (uint64_t)n);
    int ties = 0;
    for (int k = 0; k < MI__CLASSES; k++)
        ties += low[k] == limit;
    if (ties < MI__CLASSES / 2 ||
        list_below(s, i, cost, nextafter(limit, -INFINITY)) > MI__LIST - TIES)
        return false;
    const int32_t most = limit < INFINITY ? list->count + TIES : 0;
    int64_t end = n;
    for (int64_t j = first; list->count < most; j++) {
        j = s->k->row_first(end, s->costs.factor, cost, s->price, limit, j);
        if (j < end && worth(s, cost, (int32_t)j) == limit) {
            list->cost[list->count] = s->costs.factor * cost[j];
            list->at[list->count++] = (int32_t)j;
        } else if (j == end && end == n) {
            j = -1;
            end = first;
        } else if (j == end)
            break;
    }
    list->bound = limit;
    list->gap = 0;
    return true;
}

void mi__list_make(mi__solver *s, int64_t i) {
    mi__list *list = mi__list_of(s, i);
    const double *cost = mi__row(s, i);
    list->made = s->searches;
    list->looks = list->pause = 0;
    if (s->cols <= MI__LIST) {
        list_below(s, i, cost, INFINITY);
        return;
    }
    if (list->gap > 0) {
        /* most often what is worth more than the last bound is as dense as what is worth less */
        const int64_t found = list_below(s, i, cost, list->bound + list->gap);
        if (found > MI__LIST)
            list->gap /= 2;
        if (found >= FEW)
            return;
        list->gap *= 2;
    }
    double low[MI__CLASSES], least;
    s->k->row_classes(s->cols, s->costs.factor, cost, s->price, low);
    const double limit = mi__list_bound(low, RANK, &least);
    if (list_ties(s, i, cost, low, limit))
        return;
    list_below(s, i, cost, limit);
    list->gap = list->bound - least;
}

static int32_t price_of_list(const mi__solver *s) {
    return (int32_t)(1 + LIST_PRICE / s->cols);
}

void mi__lists_forget(mi__solver *s) {
    for (int64_t i = 0; i <= s->rows && !s->dense; i++) {
        s->list[i].bound = -INFINITY;
        s->list[i].gap = 0;
        s->list[i].made = 0;
        s->list[i].count = 0;
        s->list[i].looks = s->list[i].last = 0;
        s->list[i].pause = price_of_list(s) / 3;
    }
}

/* The row's two least in a list, in its order; whether all others are sure to be worth more. */
static bool look_listed(const mi__solver *s, const mi__list *list, mi__bid *bid) {
    double least = INFINITY, second = INFINITY;
    int32_t where = -1;
    for (int32_t t = 0; t < list->count; t++) {
        const double w = list->cost[t] + s->price[list->at[t]];
        if (w < least) {
            second = least;
            least = w;
            where = t;
        } else if (w < second || w == least) {
            second = w;
            if (w == least && where >= 0 && s->owner[list->at[where]] >= 0 &&
                s->owner[list->at[t]] < 0)
                where = t;
        }
    }
    *bid = (mi__bid){least, second, where < 0 ? INFINITY : list->cost[where],
                     where < 0 ? -1 : list->at[where]};
    return second <= list->bound;
}

int64_t mi__first_of(const mi__solver *s, double factor, const double *cost, const double *price,
                     double worth) {
    const int64_t n = s->cols, first = s->k->row_first(n, factor, cost, price, worth, 0);
    if (s->owner[first] < 0)
        return first;
    const int64_t count = s->k->row_below(n, factor, cost, price, worth, s->some);
    for (int64_t t = 0; t < count; t++)
        if (s->owner[s->some[t]] < 0)
            return s->some[t];
    return first;
}

static mi__bid look_whole(mi__solver *s, int64_t i) {
    const double *cost = mi__row(s, i), factor = s->costs.factor;
    mi__bid bid = {.at = -1, .cost = INFINITY};
    s->k->row_two(s->cols, factor, cost, s->price, &bid.least, &bid.second);
    if (bid.least == INFINITY)
        return bid;
    const int64_t j = bid.second == bid.least
                          ? mi__first_of(s, factor, cost, s->price, bid.least)
                          : s->k->row_first(s->cols, factor, cost, s->price, bid.least, 0);
    bid.at = (int32_t)j;
    bid.cost = factor * cost[j];
    return bid;
}

/* A list that was used up before it had paid for itself is not made anew at once: whole rows are
 * looked at for a while, each time for longer. */
mi__bid mi__look(mi__solver *s, int64_t i) {
    if (s->dense)
        return look_whole(s, i);
    mi__list *list = mi__list_of(s, i);
    mi__bid bid;
    if (list->pause > 0) {
        list->pause--;
        return look_whole(s, i);
    }
    if (!look_listed(s, list, &bid)) {
        const int32_t price = price_of_list(s);
        if (list->count > 0 && list->looks < price) {
            list->last = list->pause = 2 * list->last + price;
            list->looks = price;
            return look_whole(s, i);
        }
        list->last = 0;
        mi__list_make(s, i); /* has enough of them, so that now it is sure */
        look_listed(s, list, &bid);
    }
    list->looks++;
    return bid;
}
