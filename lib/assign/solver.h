/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_SOLVER_H
#define LIBMI_LIB_SOLVER_H

/* The assignment problem as an auction: columns have prices, and what a pair is worth to its row is
 *     w = factor cost + price,
 * the less the better. A matching is optimal if each row has a column that is worth least to it,
 * and the columns without a row cost nothing more than the cheapest (their price is the least one).
 *
 * Prices only rise. So a list of a row's cheapest columns stays true: what was not listed, because
 * it was worth `bound` at least, still is. A whole row is read when its list no longer tells the
 * two least, and hardly ever otherwise.
 *
 * Where there are fewer rows than columns, rows that cost nothing anywhere may stand in for the
 * missing ones: they are numbered from `rows` on, and share one list. */
#include "costs.h"

#define MI__LIST 32   /* columns in a list at most */
#define MI__DENSE 144 /* with no more columns, whole rows are read and there are no lists */

typedef struct mi__list {
    double bound;  /* all other columns are worth that at least */
    double gap;    /* by how much the next bound should exceed this one; 0: not known */
    int64_t made;  /* in which search; before the first: 0 */
    int32_t looks; /* that it has answered, */
    int32_t pause; /* looks at the whole row to come, instead, */
    int32_t last;  /* and how many there were the last time */
    int32_t count;
    int32_t at[MI__LIST];
    double cost[MI__LIST]; /* times factor */
} mi__list;

/* What a path has reached, see path.c. */
typedef struct mi__reach {
    double bound, base;
    int32_t row;
} mi__reach;

typedef struct mi__entry {
    double key;
    int32_t at;
} mi__entry;

typedef struct mi__solver {
    mi_context *context;
    const mi__kernels *k;
    void *room; /* what the arrays are in */
    int64_t room_bytes;
    double *copy; /* [rows][cols] of the caller's columns, if they were copied; NULL: no room */
    int64_t copy_count;
    int64_t reads; /* of the caller's columns */
    mi__costs costs;
    int64_t rows, cols; /* as there */
    int64_t all;        /* rows that take part: rows, or cols */
    bool dense;
    double *price;  /* [cols] */
    int32_t *owner; /* [cols] the row that has it, -1: none */
    int32_t *match; /* [all] the column that it has, -1: none */
    double *paid;   /* [all] the cost of that pair, times factor */
    int32_t *free;  /* [all] rows that have none */
    int64_t free_count;
    int64_t tied;   /* so many of those wanted two columns alike: the last reduction left them */
    double *zero;   /* [cols] zeros */
    double *line;   /* [cols] for mi__costs_row() */
    double *open;   /* [cols] prices, infinite where a column is not to be had; or scratch */
    int32_t *some;  /* [cols] scratch */
    mi__list *list; /* [rows + 1] */
    /* of a search */
    double *far;                /* [cols] infinite between searches */
    double *before;             /* [cols] from which row a column is reached */
    double *length;             /* [cols] */
    int32_t *settled, *touched; /* [cols] */
    mi__reach *reach;           /* [all] */
    mi__entry *heap;            /* [MI__PUSHES(cols)] */
    int64_t searches;
    int64_t stuck; /* columns that one that failed reached, from one more row: all they have */
    double *low;   /* [MI__CLASSES][rows] for lists of the caller's columns */
} mi__solver;

/* After so many pushes a search takes whole rows. */
#define MI__PUSHES(cols) (4 * (cols) + 64)

/* What a row would take: its least worth, the least of the others, and the column, one without an
 * owner if that is worth the same; -1 if none is allowed. */
typedef struct mi__bid {
    double least, second, cost;
    int32_t at;
} mi__bid;

/* Whether more rows are free than one in so many. */
static inline bool mi__stalled(const mi__solver *s, int64_t in) {
    return s->free_count * in > s->rows;
}

static inline mi__list *mi__list_of(const mi__solver *s, int64_t i) {
    return s->list + (i < s->rows ? i : s->rows);
}

/* -- workspace.c */

/* Room for a problem, and its costs; the solver's `context` and `k` are set. */
mi_status mi__solver_begin(mi__solver *s, const mi__costs *costs);
void mi__solver_release(mi__solver *s);
/* `copy` gets room for so many numbers. */
mi_status mi__solver_copy_room(mi__solver *s, int64_t count);
/* Row i, until the next call. */
const double *mi__row(mi__solver *s, int64_t i);

/* -- list.c */

/* Reads row i and lists its cheapest columns. */
void mi__list_make(mi__solver *s, int64_t i);
void mi__lists_forget(mi__solver *s);
/* The bound below which so many classes have a column, from the least of each, which are moved; and
 * the least of all. */
double mi__list_bound(double *low, int rank, double *least);
mi__bid mi__look(mi__solver *s, int64_t i);
/* The first column of such a worth, one without an owner if there is one; there is a column. */
int64_t mi__first_of(const mi__solver *s, double factor, const double *cost, const double *price,
                     double worth);

/* -- first.c */

/* Looks at all costs: whether they are good, and `*large` if sums of them may overflow. Rows take
 * their cheapest columns, at prices of 0. */
mi_status mi__first_look(mi__solver *s, bool *large);
/* The same for a few columns: their costs, times factor. */
mi_status mi__gather_small(mi__solver *s, mi__small *p, bool *large);

/* -- bid.c */

/* All rows are free, those from `rows` on too if they take part. */
void mi__free_all(mi__solver *s);
/* Row i gets column j for `cost`. */
void mi__take(mi__solver *s, int32_t i, int32_t j, double cost);
/* Free rows take the columns that they want, where nobody has them. */
void mi__take_free(mi__solver *s);
/* Free rows take the columns that they want, raise their prices as far as they can and free their
 * owners, a bounded number of times. */
void mi__reduce(mi__solver *s);
/* Prices close to the optimal ones, by auctions in which rows overbid by less and less. */
void mi__auction(mi__solver *s);
/* Prices that make a greedy matching's rows stay. */
void mi__greedy(mi__solver *s);

/* -- path.c */

/* Matches one more row along a shortest path; false if none of its columns can be had. */
bool mi__path(mi__solver *s, int32_t row);

/* -- solve.c */

/* `start`: [cols] duals of a similar problem, or NULL. MI_E_NUMERIC, MI_E_INFEASIBLE. */
mi_status mi__solve(mi__solver *s, const double *start);
/* At the very end. */
void mi__solver_end(mi__solver *s);

/* -- exact.c */

/* Integers as the caller has them. */
typedef struct mi__exact {
    const void *cost;
    const uint8_t *forbidden; /* or NULL */
    int64_t ld, ld_forbidden;
    int32_t type;
    bool swapped; /* the caller's columns are the solver's rows */
    bool negate;
} mi__exact;

/* After mi__solve() on costs that were rounded: the matching that is the best in integers. */
mi_status mi__solve_exact(mi__solver *s, const mi__exact *problem);

#endif
