/* SPDX-License-Identifier: BSD-2-Clause */
/* The phases of a solution, each for what the ones before have left. */
#include "solver.h"

#include "../base/rank.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define EASY 4           /* the first look may leave one row in so many */
#define FAR 8            /* prices are far off if reductions leave more than one in so many */
#define GREEDY_ROWS 24   /* fewer are matched sooner than better prices are found */
#define STUCK_ROWS 64    /* the same for auctions, where reductions leave most rows, */
#define AUCTION_ROWS 160 /* and where they leave some */

/* Prices with which the least that a column is worth is 0: Jonker and Volgenant's reduction. Of
 * more columns than rows those that are dear to all start at one price, that of the dearest that
 * rows may have to take. */
static void price_by_columns(mi__solver *s) {
    for (int64_t j = 0; j < s->cols; j++)
        s->price[j] = INFINITY;
    for (int64_t i = 0; i < s->rows; i++)
        s->k->row_lower(s->cols, s->costs.factor, mi__row(s, i), s->price);
    for (int64_t j = 0; j < s->cols; j++)
        s->price[j] = s->price[j] < INFINITY ? -s->price[j] : 0;
    if (s->rows < s->cols) {
        memcpy(s->open, s->price, (size_t)s->cols * sizeof *s->price);
        mi__select(s->open, s->cols, s->cols - s->rows);
        for (int64_t j = 0; j < s->cols; j++)
            s->price[j] = MI__MAX(s->price[j], s->open[s->cols - s->rows]);
    }
    mi__lists_forget(s);
    mi__free_all(s);
}

/* Rows that want two columns alike are soon matched by paths, if they aren't most. */
static bool prices_are_far(const mi__solver *s) {
    return mi__stalled(s, 2) || (s->free_count - s->tied) * FAR > s->rows;
}

/* From here on all columns are to be matched: only then prices can be anything. */
static void find_prices(mi__solver *s) {
    const bool most = mi__stalled(s, 2);
    if (s->rows < (most ? GREEDY_ROWS : AUCTION_ROWS))
        return;
    s->all = s->cols;
    if (most) {
        price_by_columns(s);
        mi__greedy(s);
    }
    if ((!most || mi__stalled(s, FAR)) && s->rows >= (most ? STUCK_ROWS : AUCTION_ROWS))
        mi__auction(s);
}

/* Columns are left with rows that there are. The others have the least price, but for rounding, and
 * now 0. */
void mi__solver_end(mi__solver *s) {
    double least = INFINITY;
    for (int64_t j = 0; j < s->cols; j++)
        least = MI__MIN(s->price[j], least);
    for (int64_t j = 0; j < s->cols && s->rows < s->cols; j++) {
        const bool owned = s->owner[j] >= 0 && s->owner[j] < s->rows;
        s->price[j] = owned ? s->price[j] - least : 0;
        s->owner[j] = owned ? s->owner[j] : -1;
    }
}

static mi_status infeasible(const mi__solver *s, int64_t row, int64_t stuck) {
    return mi__fail(MI_E_INFEASIBLE,
                    "every matching has a forbidden pair: %" PRId64 " %s, the one at %" PRId64
                    " among them, have %" PRId64 " allowed %s in all",
                    stuck + 1, s->costs.swapped ? "columns" : "rows", row, stuck,
                    s->costs.swapped ? "rows" : "columns");
}

/* A few columns: their rows are gathered, and solved in one go. */
static mi_status solve_small(mi__solver *s) {
    mi__small p = {.rows = s->rows, .cols = s->cols};
    bool large = false;
    MI__TRY(mi__gather_small(s, &p, &large));
    if (large) {
        s->costs.factor *= 0x1p-400;
        MI__TRY(mi__gather_small(s, &p, &large));
    }
    if (!s->k->assign_small(&p))
        return infeasible(s, p.row, p.stuck);
    for (int64_t i = 0; i < s->rows; i++) {
        s->match[i] = p.match[i];
        s->paid[i] = p.cost[i * MI__SMALL + p.match[i]];
    }
    for (int64_t j = 0; j < s->cols; j++) {
        s->owner[j] = p.owner[j];
        s->price[j] = p.price[j];
    }
    return MI_OK;
}

mi_status mi__solve(mi__solver *s, const double *start) {
    if (s->cols <= MI__SMALL) /* even a good start would not pay */
        return solve_small(s);
    bool large = false;
    s->tied = 0;
    MI__TRY(mi__first_look(s, &large));
    if (large) {
        s->costs.factor *= 0x1p-400;
        mi__lists_forget(s);
        MI__TRY(mi__first_look(s, &large));
    }
    if (start != NULL) {
        s->all = s->cols;
        for (int64_t j = 0; j < s->cols; j++) {
            const double price = -s->costs.factor * start[j];
            s->price[j] = s->costs.whole ? ceil(MI__MAX(MI__MIN(price, 0x1p51), -0x1p51)) : price;
        }
        mi__lists_forget(s);
        mi__free_all(s);
        mi__take_free(
            s); /* at the best prices rows are not alone: reduction would only stir them */
    } else if (s->rows == s->cols && mi__stalled(s, EASY))
        price_by_columns(s);
    if (start == NULL || mi__stalled(s, FAR))
        mi__reduce(s);
    if (prices_are_far(s))
        find_prices(s);
    for (int64_t t = 0; t < s->free_count; t++)
        if (!mi__path(s, s->free[t]))
            return infeasible(s, s->free[t], s->stuck);
    return MI_OK;
}
