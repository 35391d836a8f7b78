/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_ASSIGN_H
#define LIBMI_ASSIGN_H

/** @file
 * Linear assignment: match rows to columns, one to one, at the least total cost.
 *
 * Exact, by shortest augmenting paths with dual prices: R. Jonker, A. Volgenant,
 * "A shortest augmenting path algorithm for dense and sparse linear assignment
 * problems", Computing 38, 1987; rectangular form: D. Crouse, "On implementing
 * 2D rectangular assignment algorithms", IEEE TAES 52, 2016.
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** Opaque: a solver that keeps its workspace between problems. */
typedef struct mi_assign mi_assign;

/** Which total is wanted. */
enum mi_assign_goal {
    MI_ASSIGN_MINIMIZE = 0, /**< least total; +infinity forbids a pair */
    MI_ASSIGN_MAXIMIZE = 1  /**< greatest total; -infinity forbids a pair */
};

/**
 * Makes a solver.
 *
 * @param context   NULL for a private default one; retained
 * @param[out] out  receives the handle; destroy it with mi_assign_destroy()
 * @return MI_OK; MI_E_ARG; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_assign_create(mi_context *context, mi_assign **out);

/**
 * Takes a solver away.
 *
 * @param assign  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_assign_destroy(mi_assign *assign);

/**
 * Solves one problem. min(rows, cols) pairs are matched.
 *
 * @param assign           the solver
 * @param rows             0 or more
 * @param cols             0 or more, rows * cols below 2^63; either may be larger
 * @param cost             [rows][cols]; may be NULL if a size is 0
 * @param ld               row stride, 0: cols
 * @param goal             an mi_assign_goal
 * @param[out] row_to_col  [rows], receives each row's column, -1 for none; may be NULL
 * @param[out] col_to_row  [cols], receives each column's row, -1 for none; may be NULL
 * @param[out] total       receives the sum of the chosen costs in row order; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC (NaN, or the infinity that
 *         is not "forbidden": the message says where); MI_E_INFEASIBLE (no
 *         matching avoids the forbidden pairs); MI_E_NOMEM
 * @note At worst O(min^2 max) time (never more: every step settles a column for
 *       good); O(rows + cols) memory, and a transposed copy of the costs if rows > cols.
 *       The result is the same on every machine; among equal optima it is
 *       always the same one.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_assign_solve_f64(mi_assign *assign, int64_t rows,
                                                        int64_t cols, const double *cost,
                                                        int64_t ld, int32_t goal,
                                                        int64_t *row_to_col, int64_t *col_to_row,
                                                        double *total);

/**
 * mi_assign_solve_f64() on float32 costs. Sums and prices are float64.
 *
 * @param assign           the solver
 * @param rows             0 or more
 * @param cols             0 or more
 * @param cost             [rows][cols]
 * @param ld               row stride, 0: cols
 * @param goal             an mi_assign_goal
 * @param[out] row_to_col  [rows], or NULL
 * @param[out] col_to_row  [cols], or NULL
 * @param[out] total       or NULL
 * @return as mi_assign_solve_f64()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_assign_solve_f32(mi_assign *assign, int64_t rows,
                                                        int64_t cols, const float *cost,
                                                        int64_t ld, int32_t goal,
                                                        int64_t *row_to_col, int64_t *col_to_row,
                                                        double *total);

LIBMI_END_DECLS

#endif
