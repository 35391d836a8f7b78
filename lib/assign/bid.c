/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows that bid for columns. */
#include "solver.h"

#include "../base/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 3       /* of mi__reduce(), per row; where there are no lists, and paths are short, */
#define DENSE_LOOKS 1 /* one; and so many more */
#define MORE_LOOKS 7  /* unless they leave one row in */
#define STALLED 8
#define BIDS 60        /* of an auction, per row: seldom are 15 needed */
#define SAMPLE 24      /* rows that the range of costs is taken of */
#define FIRST_STEP 0.1 /* of that range is what rows overbid by at first, */
#define LAST_STEP 0.05 /* and this over the number of columns at last; */
#define STEP_RATIO 5   /* from auction to auction */

void mi__take(mi__solver *s, int32_t i, int32_t j, double cost) {
    const int32_t old = s->owner[j];
    if (old >= 0)
        s->match[old] = -1;
    s->owner[j] = i;
    s->match[i] = j;
    s->paid[i] = cost;
}

void mi__free_all(mi__solver *s) {
    for (int64_t j = 0; j < s->cols; j++)
        s->owner[j] = -1;
    for (int64_t i = 0; i < s->all; i++) {
        s->match[i] = -1;
        s->free[i] = (int32_t)i;
    }
    s->free_count = s->all;
}

void mi__take_free(mi__solver *s) {
    int64_t kept = 0;
    for (int64_t t = 0; t < s->free_count; t++) {
        const int32_t i = s->free[t];
        const mi__bid bid = mi__look(s, i);
        if (bid.at >= 0 && s->owner[bid.at] < 0)
            mi__take(s, i, bid.at, bid.cost);
        else
            s->free[kept++] = i;
    }
    s->free_count = kept;
}

/* Jonker and Volgenant's augmenting row reduction, once through the free rows. */
static void reduce_once(mi__solver *s, int64_t looks) {
    int64_t next = 0, kept = 0;
    s->tied = 0;
    int32_t *free = s->free;
    while (next < s->free_count) {
        const int32_t i = free[next++];
        if (looks-- == 0) {
            free[kept++] = i;
            looks = 0;
            continue;
        }
        const mi__bid bid = mi__look(s, i);
        const bool alone = bid.least < bid.second;
        const int32_t old = bid.at < 0 ? -1 : s->owner[bid.at];
        if (bid.at < 0 || (old >= 0 && !alone)) {
            free[kept++] = i;
            s->tied += bid.at >= 0;
            continue;
        }
        if (alone && bid.second < INFINITY)
            s->price[bid.at] += bid.second - bid.least;
        mi__take(s, i, bid.at, bid.cost);
        if (old >= 0)
            free[--next] = old;
    }
    s->free_count = kept;
}

/* Free rows that cost nothing take the columns of the least price that nobody has. */
static void take_costless(mi__solver *s) {
    double least = INFINITY;
    for (int64_t j = 0; j < s->cols; j++)
        least = MI__MIN(s->price[j], least);
    int64_t j = 0, kept = 0;
    for (int64_t t = 0; t < s->free_count; t++) {
        const int32_t i = s->free[t];
        while (i >= s->rows && j < s->cols && (s->owner[j] >= 0 || s->price[j] > least))
            j++;
        if (i >= s->rows && j < s->cols)
            mi__take(s, i, (int32_t)j, 0);
        else
            s->free[kept++] = i;
    }
    s->free_count = kept;
}

void mi__reduce(mi__solver *s) {
    reduce_once(s, (s->dense ? DENSE_LOOKS : LOOKS) * s->all);
    if (!mi__stalled(s, STALLED) && !s->dense)
        reduce_once(s, MORE_LOOKS * s->all);
    if (s->all > s->rows)
        take_costless(s);
}

/* Rows that cost nothing have the columns that no others have, at one price, the least. */
static void level(mi__solver *s) {
    double lowest = -INFINITY;
    for (int64_t j = 0; j < s->cols; j++)
        if (s->owner[j] < 0 || s->owner[j] >= s->rows)
            lowest = MI__MAX(s->price[j], lowest);
    for (int64_t j = 0; j < s->cols; j++)
        s->price[j] = MI__MAX(s->price[j], lowest);
}

/* D. Bertsekas' auction, a row at a time, until each has a column: then no row has one that is
 * worth more than `step` above its least. False if that takes too long. */
static bool auction_once(mi__solver *s, double step) {
    int64_t bids = BIDS * s->all;
    mi__free_all(s);
    if (s->rows < s->cols)
        take_costless(s);
    while (s->free_count > 0 && bids-- > 0) {
        const int32_t i = s->free[s->free_count - 1];
        const mi__bid bid = mi__look(s, i);
        if (bid.at < 0)
            return false;
        const int32_t old = s->owner[bid.at];
        s->price[bid.at] += (bid.second < INFINITY ? bid.second - bid.least : 0) + step;
        mi__take(s, i, bid.at, bid.cost);
        if (old >= 0)
            s->free[s->free_count - 1] = old;
        else
            s->free_count--;
    }
    if (s->rows < s->cols)
        level(s);
    return s->free_count == 0;
}

/* The mean over some rows of the range of what as many columns as rows are worth. */
static double range_of(mi__solver *s) {
    const int64_t count = MI__MIN(s->rows, SAMPLE);
    double sum = 0;
    for (int64_t t = 0; t < count; t++) {
        const double *cost = mi__row(s, t * s->rows / count);
        int64_t allowed = 0;
        for (int64_t j = 0; j < s->cols; j++) {
            const double w = s->costs.factor * cost[j] + s->price[j];
            if (w < INFINITY)
                s->open[allowed++] = w;
        }
        if (allowed == 0)
            continue;
        const int64_t most = MI__MIN(allowed, s->rows) - 1;
        mi__select(s->open, allowed, most);
        double least = s->open[0];
        for (int64_t k = 1; k < most; k++)
            least = MI__MIN(s->open[k], least);
        sum += s->open[most] - least;
    }
    return sum / (double)count;
}

/* What is left free, the free ones in the order of rows, is what mi__reduce() leaves at these
 * prices. */
void mi__auction(mi__solver *s) {
    const double range = range_of(s), last = LAST_STEP * range / (double)s->cols;
    for (double step = FIRST_STEP * range; step > last && auction_once(s, step);)
        step /= STEP_RATIO;
    if (s->costs.whole)
        for (int64_t j = 0; j < s->cols; j++)
            s->price[j] = ceil(s->price[j]); /* with which all sums are exact */
    mi__free_all(s);
    mi__reduce(s);
}

/* By regret, which keys have with a minus. */
static int compare(const void *a, const void *b) {
    const mi__entry *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key ? 1 : x->at < y->at ? -1 : 1;
}

/* Rows choose in the order of what it would cost them to get their second best, which solves costs
 * like i * j. Then, from the last row back, the price of each row's column rises until one that was
 * chosen later is as good. S. Guthe, D. Thuerck, "Algorithm 1015", ACM TOMS 47, 2021, start from
 * such prices. */
void mi__greedy(mi__solver *s) {
    mi__entry *order = s->heap;
    double least, second;
    for (int64_t i = 0; i < s->rows; i++) {
        const mi__bid bid = mi__look(s, i);
        order[i] = (mi__entry){bid.least < INFINITY ? bid.least - bid.second : 0, (int32_t)i};
    }
    qsort(order, (size_t)s->rows, sizeof *order, compare);
    mi__free_all(s);
    memcpy(s->open, s->price, (size_t)s->cols * sizeof *s->price);
    for (int64_t t = 0; t < s->rows; t++) {
        const int32_t i = order[t].at;
        const double *cost = mi__row(s, i), factor = s->costs.factor;
        s->k->row_two(s->cols, factor, cost, s->open, &least, &second);
        if (least == INFINITY)
            continue;
        const int64_t j = s->k->row_first(s->cols, factor, cost, s->open, least, 0);
        mi__take(s, i, (int32_t)j, factor * cost[j]);
        s->open[j] = INFINITY;
    }
    if (s->rows < s->cols)
        level(s);
    for (int64_t j = 0; j < s->cols; j++)
        s->open[j] = s->owner[j] < 0 ? s->price[j] : INFINITY;
    for (int64_t t = s->rows; t-- > 0;) {
        const int32_t i = order[t].at, j = s->match[i];
        if (j < 0)
            continue;
        s->k->row_two(s->cols, s->costs.factor, mi__row(s, i), s->open, &least, &second);
        const double own = s->paid[i] + s->price[j];
        if (least < INFINITY && least > own)
            s->price[j] += least - own;
        s->open[j] = s->price[j];
    }
    mi__free_all(s);
    mi__reduce(s);
}
