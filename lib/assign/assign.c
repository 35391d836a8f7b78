/* SPDX-License-Identifier: BSD-2-Clause */
/* The border: what callers give is checked and turned into costs, a solver's matching into what
 * callers asked for. */
#include "solver.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MOST ((int64_t)INT32_MAX - 64)      /* rows or columns */
#define EXACT ((uint64_t)1 << 52)           /* sums of integers up to here are exact */
#define NARROW ((int64_t)(EXACT >> 32) - 2) /* with fewer columns so are those of any int32 */

/* A thread's share of many problems. */
typedef struct worker {
    mi__solver solver;
    int64_t failed; /* the first of its problems that did, and what was said; -1: none */
    char message[400];
} worker;

struct mi_assign {
    mi_context *context;
    worker *worker; /* [workers]; the first is there from the start */
    int32_t workers;
};

/* -- arguments --------------------------------------------------------------------------------- */

static bool is_whole(int32_t type) {
    return type == MI_ASSIGN_I64 || type == MI_ASSIGN_I32;
}

static mi_status check_matrix(const char *name, const void *data, const mi_assign_io *io,
                              int64_t *ld) {
    int64_t bytes;
    *ld = *ld == 0 ? io->cols : *ld;
    if (*ld < io->cols)
        return mi__fail(MI_E_SHAPE, "rows of %s are %" PRId64 " apart, there are %" PRId64 " cols",
                        name, *ld, io->cols);
    if (!mi__multiply(io->rows, *ld, &bytes) || !mi__multiply(bytes, 8, &bytes))
        return mi__fail(MI_E_SHAPE, "%s is too large: %" PRId64 " rows of %" PRId64, name, io->rows,
                        *ld);
    if (data == NULL && io->rows > 0 && io->cols > 0)
        return mi__fail(MI_E_ARG, "%s must not be NULL", name);
    return MI_OK;
}

static mi_status check_start(const char *name, int64_t n, const double *start) {
    for (int64_t i = 0; i < n && start != NULL; i++)
        if (!isfinite(start[i]))
            return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "] is %g, and must be finite", name, i,
                            start[i]);
    return MI_OK;
}

static mi_status check(mi_assign_io *io) {
    if (io->type < MI_ASSIGN_F64 || io->type > MI_ASSIGN_I32)
        return mi__fail(MI_E_ARG, "type must be an mi_assign_type, got %" PRId32, io->type);
    if (io->goal != MI_ASSIGN_MINIMIZE && io->goal != MI_ASSIGN_MAXIMIZE)
        return mi__fail(MI_E_ARG, "goal must be an mi_assign_goal, got %" PRId32, io->goal);
    if (io->reserved0 != 0)
        return mi__fail(MI_E_ARG, "reserved0 must be 0, got %" PRId32, io->reserved0);
    if (io->rows < 0 || io->cols < 0)
        return mi__fail(MI_E_ARG,
                        "rows and cols must not be negative, got %" PRId64 " and %" PRId64,
                        io->rows, io->cols);
    if (io->rows > MOST || io->cols > MOST)
        return mi__fail(MI_E_SHAPE,
                        "at most %" PRId64 " rows or cols, got %" PRId64 " and %" PRId64, MOST,
                        io->rows, io->cols);
    MI__TRY(check_matrix("cost", io->cost, io, &io->ld));
    if (io->forbidden != NULL)
        MI__TRY(check_matrix("forbidden", io->forbidden, io, &io->ld_forbidden));
    return io->rows > io->cols ? check_start("start_u", io->rows, io->start_u)
                               : check_start("start_v", io->cols, io->start_v);
}

/* -- costs ------------------------------------------------------------------------------------- */

static bool allowed(const mi_assign_io *io, int64_t i, int64_t j) {
    return io->forbidden == NULL || !io->forbidden[i * io->ld_forbidden + j];
}

static int64_t whole_at(const mi_assign_io *io, int64_t i, int64_t j) {
    const int64_t at = i * io->ld + j;
    return io->type == MI_ASSIGN_I64 ? ((const int64_t *)io->cost)[at]
                                     : ((const int32_t *)io->cost)[at];
}

/* Sets what is subtracted from integers; whether sums of what is left are exact in float64. */
static bool fit(const mi_assign_io *io, mi__costs *c) {
    if (io->type == MI_ASSIGN_I32 && c->cols < NARROW)
        return true;
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (int64_t i = 0; i < io->rows; i++)
        for (int64_t j = 0; j < io->cols; j++)
            if (allowed(io, i, j)) {
                least = MI__MIN(whole_at(io, i, j), least);
                most = MI__MAX(whole_at(io, i, j), most);
            }
    if (least > most)
        return true;
    if ((uint64_t)most - (uint64_t)least > EXACT / (uint64_t)(c->cols + 2))
        return false;
    c->low = io->type == MI_ASSIGN_I64 ? least : 0;
    return io->type == MI_ASSIGN_I64 ||
           (uint64_t)MI__MAX(most, -least) < EXACT / (uint64_t)(c->cols + 2);
}

/* A copy in which forbidden pairs are infinite. */
static mi_status mask(mi__solver *s, const mi_assign_io *io, mi__costs *c) {
    MI__TRY(mi__solver_copy_room(s, c->rows * c->cols));
    const double never = c->factor > 0 ? INFINITY : -INFINITY;
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < c->cols; j++)
            s->copy[i * c->cols + j] = (c->swapped ? allowed(io, j, i) : allowed(io, i, j))
                                           ? mi__costs_at(c, i, j)
                                           : never;
    c->data = s->copy;
    c->ld = c->cols;
    c->type = MI_ASSIGN_F64;
    c->turned = false;
    return MI_OK;
}

/* -- one problem ------------------------------------------------------------------------------- */

/* a + b for a total. */
static bool add(int64_t a, int64_t b, int64_t *sum) {
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b)
        return false;
    *sum = a + b;
    return true;
}

static mi_status total(const mi__costs *given, mi_assign_io *io, const int32_t *forth) {
    double sum = 0;
    int64_t whole = 0;
    for (int64_t i = 0; i < io->rows; i++) {
        if (forth[i] < 0)
            continue;
        if (!is_whole(io->type))
            sum +=
                mi__costs_at(given, given->swapped ? forth[i] : i, given->swapped ? i : forth[i]);
        else if (!add(whole, whole_at(io, i, forth[i]), &whole))
            return mi__fail(MI_E_NUMERIC, "the total exceeds int64 at row %" PRId64, i);
    }
    io->total = is_whole(io->type) ? (double)whole : sum;
    io->total_whole = whole;
    return MI_OK;
}

static void store(int64_t *out, int64_t n, const int32_t *from) {
    for (int64_t i = 0; i < n && out != NULL; i++)
        out[i] = from[i];
}

static void store_duals(const mi__solver *s, int64_t low, double *of_rows, double *of_cols) {
    const double back = 1 / s->costs.factor;
    for (int64_t i = 0; i < s->rows && of_rows != NULL; i++)
        of_rows[i] = back * (s->paid[i] + s->price[s->match[i]]) + (double)low;
    for (int64_t j = 0; j < s->cols && of_cols != NULL; j++)
        of_cols[j] = -back * s->price[j] + 0.0; /* no -0 */
}

static mi_status solve(mi__solver *s, mi_assign_io *io) {
    MI__TRY(check(io));
    const bool swapped = io->rows > io->cols;
    mi__costs costs = {
        .data = io->cost,
        .ld = io->ld,
        .type = io->type,
        .turned = swapped,
        .swapped = swapped,
        .rows = MI__MIN(io->rows, io->cols),
        .cols = MI__MAX(io->rows, io->cols),
        .factor = io->goal == MI_ASSIGN_MINIMIZE ? 1 : -1,
    };
    const mi__costs given = costs;
    const bool exact = is_whole(io->type) && !fit(io, &costs);
    const int64_t low = costs.low;
    costs.whole = is_whole(io->type) && !exact;
    if (io->forbidden != NULL)
        MI__TRY(mask(s, io, &costs));
    MI__TRY(mi__solver_begin(s, &costs));
    MI__TRY(mi__solve(s, swapped ? io->start_u : io->start_v));
    if (exact)
        MI__TRY(mi__solve_exact(s, &(mi__exact){io->cost, io->forbidden, io->ld, io->ld_forbidden,
                                                io->type, swapped, costs.factor < 0}));
    mi__solver_end(s);
    const int32_t *forth = swapped ? s->owner : s->match, *back = swapped ? s->match : s->owner;
    MI__TRY(total(&given, io, forth));
    store(io->row_to_col, io->rows, forth);
    store(io->col_to_row, io->cols, back);
    store_duals(s, low, swapped ? io->v : io->u, swapped ? io->u : io->v);
    return MI_OK;
}

/* A problem of the caller's. */
static mi_status solve_theirs(mi__solver *s, mi_assign_io *theirs) {
    mi_assign_io io = {.struct_size = sizeof io};
    MI__TRY(mi__options_load(&io, sizeof io, sizeof io, theirs, "mi_assign_io"));
    const mi_status status = solve(s, &io);
    theirs->status = status;
    if (status == MI_OK) {
        theirs->total = io.total;
        theirs->total_whole = io.total_whole;
    }
    return status;
}

mi_status mi_assign_solve(mi_assign *assign, mi_assign_io *io) {
    MI__NEED(assign);
    MI__NEED(io);
    return solve_theirs(&assign->worker->solver, io);
}

/* One of `sum` and `whole` may be wanted. */
static mi_status solve_simply(mi_assign *assign, int32_t type, int64_t rows, int64_t cols,
                              const void *cost, int64_t ld, int32_t goal, int64_t *row_to_col,
                              int64_t *col_to_row, double *sum, int64_t *whole) {
    MI__NEED(assign);
    mi_assign_io io = {.rows = rows,
                       .cols = cols,
                       .cost = cost,
                       .ld = ld,
                       .type = type,
                       .goal = goal,
                       .row_to_col = row_to_col,
                       .col_to_row = col_to_row};
    MI__TRY(solve(&assign->worker->solver, &io));
    if (sum != NULL)
        *sum = io.total;
    if (whole != NULL)
        *whole = io.total_whole;
    return MI_OK;
}

mi_status mi_assign_solve_f64(mi_assign *assign, int64_t rows, int64_t cols, const double *cost,
                              int64_t ld, int32_t goal, int64_t *row_to_col, int64_t *col_to_row,
                              double *total) {
    return solve_simply(assign, MI_ASSIGN_F64, rows, cols, cost, ld, goal, row_to_col, col_to_row,
                        total, NULL);
}

mi_status mi_assign_solve_f32(mi_assign *assign, int64_t rows, int64_t cols, const float *cost,
                              int64_t ld, int32_t goal, int64_t *row_to_col, int64_t *col_to_row,
                              double *total) {
    return solve_simply(assign, MI_ASSIGN_F32, rows, cols, cost, ld, goal, row_to_col, col_to_row,
                        total, NULL);
}

mi_status mi_assign_solve_i64(mi_assign *assign, int64_t rows, int64_t cols, const int64_t *cost,
                              int64_t ld, int32_t goal, int64_t *row_to_col, int64_t *col_to_row,
                              int64_t *total) {
    return solve_simply(assign, MI_ASSIGN_I64, rows, cols, cost, ld, goal, row_to_col, col_to_row,
                        NULL, total);
}

mi_status mi_assign_solve_i32(mi_assign *assign, int64_t rows, int64_t cols, const int32_t *cost,
                              int64_t ld, int32_t goal, int64_t *row_to_col, int64_t *col_to_row,
                              int64_t *total) {
    return solve_simply(assign, MI_ASSIGN_I32, rows, cols, cost, ld, goal, row_to_col, col_to_row,
                        NULL, total);
}

/* -- many problems ----------------------------------------------------------------------------- */

typedef struct many {
    mi_assign *assign;
    char *io;
    uint64_t size; /* of each */
    int64_t count, step;
} many;

static mi_assign_io *nth(const many *m, int64_t i) {
    return (mi_assign_io *)(void *)(m->io + (uint64_t)i * m->size);
}

static void solve_some(void *arg, int64_t first) {
    const many *m = arg;
    worker *w = m->assign->worker + first;
    w->failed = -1;
    for (int64_t i = first; i < m->count; i += m->step)
        if (solve_theirs(&w->solver, nth(m, i)) != MI_OK && w->failed < 0) {
            w->failed = i;
            mi_error_copy(w->message, sizeof w->message);
        }
}

static mi_status more_workers(mi_assign *a, int32_t count) {
    if (count <= a->workers)
        return MI_OK;
    worker *more = mi__alloc_zero(a->context, count, sizeof *more);
    if (more == NULL)
        return MI_E_NOMEM;
    if (a->workers > 0)
        memcpy(more, a->worker, (size_t)a->workers * sizeof *more);
    for (int32_t i = a->workers; i < count; i++) {
        more[i].solver.context = a->context;
        more[i].solver.k = mi__kernels_select();
    }
    mi__free(a->context, a->worker, a->workers, sizeof *more);
    a->worker = more;
    a->workers = count;
    return MI_OK;
}

mi_status mi_assign_solve_many(mi_assign *assign, int64_t count, mi_assign_io *io) {
    MI__NEED(assign);
    if (count < 0)
        return mi__fail(MI_E_ARG, "count must not be negative, got %" PRId64, count);
    if (count == 0)
        return MI_OK;
    MI__NEED(io);
    MI__TRY(mi__report_check(io, sizeof *io, sizeof *io, "mi_assign_io"));
    many m = {assign, (char *)io, io->struct_size, count,
              MI__MIN(count, (int64_t)assign->context->threads)};
    for (int64_t i = 1; i < count; i++)
        if (nth(&m, i)->struct_size != m.size)
            return mi__fail(MI_E_ABI,
                            "problem %" PRId64 ": struct_size is %" PRIu64
                            ", that of the first is %" PRIu64,
                            i, nth(&m, i)->struct_size, m.size);
    MI__TRY(more_workers(assign, (int32_t)m.step));
    mi__parallel_for(assign->context, m.step, solve_some, &m);
    const worker *first = NULL;
    for (int64_t t = 0; t < m.step; t++) {
        const worker *w = assign->worker + t;
        if (w->failed >= 0 && (first == NULL || w->failed < first->failed))
            first = w;
    }
    return first == NULL ? MI_OK
                         : mi__fail(nth(&m, first->failed)->status, "problem %" PRId64 ": %s",
                                    first->failed, first->message);
}

/* -- life -------------------------------------------------------------------------------------- */

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
    if (more_workers(assign, 1) != MI_OK) {
        mi_assign_destroy(assign);
        return MI_E_NOMEM;
    }
    *out = assign;
    return MI_OK;
}

void mi_assign_destroy(mi_assign *assign) {
    if (assign == NULL)
        return;
    mi_context *context = assign->context;
    for (int32_t i = 0; i < assign->workers; i++)
        mi__solver_release(&assign->worker[i].solver);
    mi__free(context, assign->worker, assign->workers, sizeof *assign->worker);
    mi__free(context, assign, 1, sizeof *assign);
    mi_context_destroy(context);
}
