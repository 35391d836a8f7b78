/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_ASSIGN_CASE_H
#define LIBMI_TESTS_ASSIGN_CASE_H

/* What every solution of an assignment problem has. */

#include "unit.h"

#include <mi/assign.h>
#include <stdbool.h>

/* As ck_assert(), which writes to a pipe each time. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

/* A cost as the problem means it; infinite, with the goal's sign, where a pair is forbidden. */
static inline double cost_of(const mi_assign_io *io, int64_t i, int64_t j) {
    const int64_t at = i * (io->ld == 0 ? io->cols : io->ld) + j;
    if (io->forbidden != NULL &&
        io->forbidden[i * (io->ld_forbidden == 0 ? io->cols : io->ld_forbidden) + j])
        return io->goal == MI_ASSIGN_MINIMIZE ? INFINITY : -INFINITY;
    switch (io->type) {
    case MI_ASSIGN_F32: return (double)((const float *)io->cost)[at];
    case MI_ASSIGN_I64: return (double)((const int64_t *)io->cost)[at];
    case MI_ASSIGN_I32: return ((const int32_t *)io->cost)[at];
    default: return ((const double *)io->cost)[at];
    }
}

/* min(rows, cols) pairs, the same from both sides, whose costs sum to the total; and duals that
 * prove it the best: within `slack`. */
static inline void check_solution(const mi_assign_io *io, double slack) {
    int64_t pairs = 0, backs = 0;
    double sum = 0, duals = 0, worst = 0;
    const double sign = io->goal == MI_ASSIGN_MINIMIZE ? 1 : -1;
    for (int64_t i = 0; i < io->rows; i++) {
        const int64_t j = io->row_to_col[i];
        duals += io->u[i];
        if (j == -1) {
            HOLDS(io->u[i] == 0);
            continue;
        }
        HOLDS(j >= 0 && j < io->cols);
        HOLDS(io->col_to_row[j] == i);
        HOLDS(fabs(cost_of(io, i, j) - io->u[i] - io->v[j]) <= slack);
        sum += cost_of(io, i, j);
        pairs++;
    }
    for (int64_t j = 0; j < io->cols; j++) {
        duals += io->v[j];
        backs += io->col_to_row[j] != -1;
        HOLDS(io->col_to_row[j] != -1 || io->v[j] == 0);
        HOLDS(io->rows >= io->cols || sign * io->v[j] <= slack);
    }
    for (int64_t i = 0; i < io->rows; i++) {
        HOLDS(io->rows <= io->cols || sign * io->u[i] <= slack);
        for (int64_t j = 0; j < io->cols; j++)
            worst = fmin(worst, sign * (cost_of(io, i, j) - io->u[i] - io->v[j]));
    }
    HOLDS(pairs == (io->rows < io->cols ? io->rows : io->cols));
    HOLDS(backs == pairs);
    ck_assert_msg(worst >= -slack, "a pair is worth %g more", -worst);
    HOLDS(io->total == sum);
    ck_assert_msg(fabs(duals - sum) <= slack * (double)pairs, "%g is not %g", duals, sum);
}

#endif
