/* SPDX-License-Identifier: BSD-2-Clause */
/* Shortest augmenting paths. Rows are matched one after another; each looks for the cheapest path
 * of reduced costs c_ij - u_i - v_j to a free column by Dijkstra's algorithm, settling one column a
 * step. There are never more rows than columns: else the problem is transposed. */
#include "../base/base.h"

#include <mi/assign.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define LARGE 1e200 /* costs beyond are scaled by a power of two, lest sums of them overflow */

struct mi_assign {
    mi_context *context;
    double *real;     /* workspace: 5 numbers a column, 1 a row */
    int64_t *integer; /* 3 a column, 1 a row */
    int64_t rows, cols;
    double *transposed;
    int64_t transposed_count;
};

/* The problem as the caller states it. */
typedef struct costs {
    const void *data;
    bool single; /* float32 */
    int64_t rows, cols, ld;
    double factor; /* what the solver minimises is factor * cost */
} costs;

/* The problem as it is solved: rows <= cols, least total. */
typedef struct solver {
    costs costs;
    double *u;      /* [rows] prices */
    double *v;      /* [cols] prices */
    double *price;  /* [cols] v of open columns, -infinity for settled ones */
    double *far;    /* [cols] length of the shortest path to open columns, infinity for settled */
    double *length; /* [cols] the same of settled columns */
    double *line;   /* [cols] one row of costs */
    int64_t *row_to_col, *col_to_row;
    int64_t *before;  /* [cols] the row from which the path enters a column */
    int64_t *settled; /* [cols] in order */
} solver;

/* -- costs ------------------------------------------------------------------------------------- */

static double cost_at(const costs *c, int64_t i, int64_t j) {
    int64_t at = i * c->ld + j;
    return c->single ? ((const float *)c->data)[at] : ((const double *)c->data)[at];
}

static const double *line_of(const costs *c, int64_t i, double *buffer) {
    if (c->single) {
        const float *row = (const float *)c->data + i * c->ld;
        for (int64_t j = 0; j < c->cols; j++)
            buffer[j] = c->factor * row[j];
        return buffer;
    }
    const double *row = (const double *)c->data + i * c->ld;
    if (c->factor == 1)
        return row;
    for (int64_t j = 0; j < c->cols; j++)
        buffer[j] = c->factor * row[j];
    return buffer;
}

static mi_status check_shape(const costs *c, int32_t goal) {
    int64_t bytes;
    if (goal != MI_ASSIGN_MINIMIZE && goal != MI_ASSIGN_MAXIMIZE)
        return mi__fail(MI_E_ARG, "goal must be an mi_assign_goal, got %" PRId32, goal);
    if (c->rows < 0 || c->cols < 0)
        return mi__fail(MI_E_ARG,
                        "rows and cols must not be negative, got %" PRId64 " and %" PRId64, c->rows,
                        c->cols);
    if (c->ld < c->cols)
        return mi__fail(MI_E_SHAPE, "ld is %" PRId64 ", there are %" PRId64 " cols", c->ld,
                        c->cols);
    if (!mi__multiply(c->rows, c->ld, &bytes) || !mi__multiply(bytes, 8, &bytes))
        return mi__fail(MI_E_SHAPE, "cost is too large: %" PRId64 " rows of %" PRId64, c->rows,
                        c->ld);
    if (c->data == NULL && c->rows > 0 && c->cols > 0)
        return mi__fail(MI_E_ARG, "cost must not be NULL");
    return MI_OK;
}

/* Looks at every value and sets the factor. */
static mi_status check_values(costs *c, int32_t goal) {
    double wrong = goal == MI_ASSIGN_MINIMIZE ? -INFINITY : INFINITY, largest = 0;
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < c->cols; j++) {
            double value = cost_at(c, i, j);
            if (isnan(value) || value == wrong)
                return mi__fail(MI_E_NUMERIC,
                                "cost[%" PRId64 "][%" PRId64 "] is %g; only %cinfinity, which "
                                "forbids a pair, need not be finite",
                                i, j, value, goal == MI_ASSIGN_MINIMIZE ? '+' : '-');
            if (fabs(value) > largest && isfinite(value))
                largest = fabs(value);
        }
    c->factor = (goal == MI_ASSIGN_MINIMIZE ? 1 : -1) * (largest > LARGE ? 0x1p-400 : 1);
    return MI_OK;
}

/* -- workspace --------------------------------------------------------------------------------- */

static void release(mi_assign *a) {
    mi__free(a->context, a->real, 5 * a->cols + a->rows, sizeof *a->real);
    mi__free(a->context, a->integer, 3 * a->cols + a->rows, sizeof *a->integer);
    a->real = NULL;
    a->integer = NULL;
    a->rows = a->cols = 0;
}

static mi_status reserve(mi_assign *a, int64_t rows, int64_t cols) {
    if (a->real != NULL && rows <= a->rows && cols <= a->cols)
        return MI_OK;
    int64_t most;
    if (!mi__multiply(cols, 6 * (int64_t)sizeof *a->real, &most))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " columns are too many", cols);
    release(a);
    a->rows = rows;
    a->cols = cols;
    a->real = mi__alloc(a->context, 5 * cols + rows, sizeof *a->real);
    a->integer = mi__alloc(a->context, 3 * cols + rows, sizeof *a->integer);
    if (a->real != NULL && a->integer != NULL)
        return MI_OK;
    release(a);
    return MI_E_NOMEM;
}

/* Replaces the costs by a transposed copy. */
static mi_status transpose(mi_assign *a, costs *c) {
    int64_t count = c->rows * c->cols;
    if (count > a->transposed_count || a->transposed == NULL) {
        mi__free(a->context, a->transposed, a->transposed_count, sizeof *a->transposed);
        a->transposed_count = 0;
        a->transposed = mi__alloc(a->context, count, sizeof *a->transposed);
        if (a->transposed == NULL)
            return MI_E_NOMEM;
        a->transposed_count = count;
    }
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < c->cols; j++)
            a->transposed[j * c->rows + i] = c->factor * cost_at(c, i, j);
    *c = (costs){a->transposed, false, c->cols, c->rows, c->rows, 1};
    return MI_OK;
}

static solver solver_of(const mi_assign *a, const costs *c) {
    solver s = {.costs = *c, .v = a->real, .row_to_col = a->integer};
    s.price = s.v + c->cols;
    s.far = s.price + c->cols;
    s.length = s.far + c->cols;
    s.line = s.length + c->cols;
    s.u = s.line + c->cols;
    s.col_to_row = s.row_to_col + c->rows;
    s.before = s.col_to_row + c->cols;
    s.settled = s.before + c->cols;
    for (int64_t i = 0; i < c->rows; i++) {
        s.u[i] = 0;
        s.row_to_col[i] = -1;
    }
    for (int64_t j = 0; j < c->cols; j++) {
        s.v[j] = 0;
        s.col_to_row[j] = -1;
    }
    return s;
}

/* -- shortest paths ---------------------------------------------------------------------------- */

/* Paths that go through row i, which itself is reached at length `reached`. */
static void relax(const solver *s, int64_t i, double reached) {
    const double *restrict line = line_of(&s->costs, i, s->line), *restrict price = s->price;
    double *restrict far = s->far, base = reached - s->u[i];
    int64_t *restrict before = s->before;
    for (int64_t j = 0; j < s->costs.cols; j++) {
        double length = base + (line[j] - price[j]);
        before[j] = length < far[j] ? i : before[j];
        far[j] = length < far[j] ? length : far[j];
    }
}

/* The nearest open column: among equals a free one, else the first; -1 if none can be reached. */
static int64_t nearest(const solver *s) {
    double least = INFINITY;
    for (int64_t j = 0; j < s->costs.cols; j++)
        least = s->far[j] < least ? s->far[j] : least;
    if (least == INFINITY)
        return -1;
    int64_t first = -1;
    for (int64_t j = 0; j < s->costs.cols; j++) {
        if (s->far[j] != least)
            continue;
        if (s->col_to_row[j] < 0)
            return j;
        if (first < 0)
            first = j;
    }
    return first;
}

/* Settles columns until one is free; returns how many, the free one last, or 0 if none is. */
static int64_t search(const solver *s, int64_t start) {
    int64_t i = start, count = 0;
    double reached = 0;
    memcpy(s->price, s->v, (size_t)s->costs.cols * sizeof *s->v);
    for (int64_t j = 0; j < s->costs.cols; j++) {
        s->far[j] = INFINITY;
        s->before[j] = -1;
    }
    for (;;) {
        relax(s, i, reached);
        int64_t j = nearest(s);
        if (j < 0)
            return 0;
        reached = s->length[j] = s->far[j];
        s->far[j] = INFINITY;
        s->price[j] = -INFINITY;
        s->settled[count++] = j;
        if (s->col_to_row[j] < 0)
            return count;
        i = s->col_to_row[j];
    }
}

/* New prices, under which matched pairs cost 0 and no pair less; then the path swaps its pairs. */
static void augment(const solver *s, int64_t start, int64_t count) {
    int64_t j = s->settled[count - 1];
    double whole = s->length[j];
    s->u[start] += whole;
    for (int64_t t = 0; t < count - 1; t++) {
        int64_t col = s->settled[t];
        s->u[s->col_to_row[col]] += whole - s->length[col];
        s->v[col] -= whole - s->length[col];
    }
    for (;;) {
        int64_t i = s->before[j], next = s->row_to_col[i];
        s->col_to_row[j] = i;
        s->row_to_col[i] = j;
        if (i == start)
            return;
        j = next;
    }
}

/* -- the border -------------------------------------------------------------------------------- */

static void copy_out(int64_t *out, int64_t count, const int64_t *from) {
    if (out != NULL && count > 0)
        memcpy(out, from, (size_t)count * sizeof *out);
}

static mi_status solve(mi_assign *a, costs c, int32_t goal, int64_t *row_to_col,
                       int64_t *col_to_row, double *total) {
    c.ld = c.ld == 0 ? c.cols : c.ld;
    MI__TRY(check_shape(&c, goal));
    MI__TRY(check_values(&c, goal));
    const costs given = c;
    const bool flip = c.rows > c.cols;
    MI__TRY(reserve(a, MI__MIN(c.rows, c.cols), MI__MAX(c.rows, c.cols)));
    if (flip)
        MI__TRY(transpose(a, &c));
    solver s = solver_of(a, &c);
    for (int64_t i = 0; i < c.rows; i++) {
        int64_t count = search(&s, i);
        if (count == 0)
            return mi__fail(MI_E_INFEASIBLE,
                            "every matching has a forbidden pair: there is none for the first "
                            "%" PRId64 " %s alone",
                            i + 1, flip ? "columns" : "rows");
        augment(&s, i, count);
    }
    const int64_t *forth = flip ? s.col_to_row : s.row_to_col;
    double sum = 0;
    for (int64_t i = 0; i < given.rows; i++)
        if (forth[i] >= 0)
            sum += cost_at(&given, i, forth[i]);
    copy_out(row_to_col, given.rows, forth);
    copy_out(col_to_row, given.cols, flip ? s.row_to_col : s.col_to_row);
    if (total != NULL)
        *total = sum;
    return MI_OK;
}

mi_status mi_assign_solve_f64(mi_assign *assign, int64_t rows, int64_t cols, const double *cost,
                              int64_t ld, int32_t goal, int64_t *row_to_col, int64_t *col_to_row,
                              double *total) {
    MI__NEED(assign);
    return solve(assign, (costs){cost, false, rows, cols, ld, 1}, goal, row_to_col, col_to_row,
                 total);
}

mi_status mi_assign_solve_f32(mi_assign *assign, int64_t rows, int64_t cols, const float *cost,
                              int64_t ld, int32_t goal, int64_t *row_to_col, int64_t *col_to_row,
                              double *total) {
    MI__NEED(assign);
    return solve(assign, (costs){cost, true, rows, cols, ld, 1}, goal, row_to_col, col_to_row,
                 total);
}

mi_status mi_assign_create(mi_context *context, mi_assign **out) {
    MI__NEED(out);
    mi_context *own;
    MI__TRY(mi__context_take(context, &own));
    mi_assign *assign = mi__alloc_zero(own, 1, sizeof *assign);
    if (assign == NULL) {
        mi_context_destroy(own);
        return MI_E_NOMEM;
    }
    assign->context = own;
    *out = assign;
    return MI_OK;
}

void mi_assign_destroy(mi_assign *assign) {
    if (assign == NULL)
        return;
    mi_context *context = assign->context;
    release(assign);
    mi__free(context, assign->transposed, assign->transposed_count, sizeof *assign->transposed);
    mi__free(context, assign, 1, sizeof *assign);
    mi_context_destroy(context);
}
