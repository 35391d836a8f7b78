/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_ASSIGN_H
#define LIBMI_ASSIGN_H

/** @file
 * Linear assignment: match rows to columns, one to one, at the least total cost.
 *
 *     mi_assign *assign;
 *     mi_assign_create(NULL, &assign);
 *     mi_assign_solve_f64(assign, rows, cols, cost, 0, MI_ASSIGN_MINIMIZE, to, NULL, &total);
 *
 * min(rows, cols) pairs are matched. A pair can be forbidden: by an infinite cost or by a mask.
 *
 * **Exact.** For integers the matching is the best there is, whatever their size. For floating
 * point it is the best of the given numbers in exact arithmetic, but for rounding: its total is
 * above the least by at most 2^-46 times the number of pairs times the greatest magnitude of a cost
 * or dual. Costs up to the greatest float64 are fine. The result is the same on every processor
 * and with any number of threads; among equal optima it is always the same one.
 *
 * **How.** Column and row reduction: R. Jonker, A. Volgenant, "A shortest augmenting path algorithm
 * for dense and sparse linear assignment problems", Computing 38, 1987; where that stalls a greedy
 * start: S. Guthe, D. Thuerck, "Algorithm 1015", ACM TOMS 47, 2021, and auctions by falling steps:
 * D. Bertsekas, "Auction algorithms for network flow problems", Computational Optimization and
 * Applications 1, 1992; at last shortest augmenting paths, rectangular: D. Crouse, "On implementing
 * 2D rectangular assignment algorithms", IEEE TAES 52, 2016. All of them read lists of each row's
 * cheapest columns, which stay true while prices rise, and hardly ever the costs.
 *
 * With m = min(rows, cols) and M = max(rows, cols): at worst O(M^3) time, every phase before the
 * paths takes a bounded number of steps, O(M) of O(M); most often one to three passes over the
 * costs and little more. Memory: some 300 M + 420 m bytes; what else is copied is said with each
 * type.
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

/** What costs are. */
enum mi_assign_type {
    MI_ASSIGN_F64 = 0, /**< double */
    MI_ASSIGN_F32 = 1, /**< float; sums are in float64 */
    MI_ASSIGN_I64 = 2, /**< int64_t. If (M + 2) times their range exceeds 2^52, float64 finds nearly
                            all of the matching and 128-bit integers the rest */
    MI_ASSIGN_I32 = 3  /**< int32_t */
};

/** A problem and its solution. Zero it, set struct_size; see base.h. */
typedef struct mi_assign_io {
    uint64_t struct_size;     /**< sizeof(mi_assign_io) */
    int64_t rows;             /**< 0 or more, below 2^31 */
    int64_t cols;             /**< 0 or more, below 2^31; either may be larger */
    const void *cost;         /**< [rows][cols] of `type`; may be NULL if a size is 0 */
    int64_t ld;               /**< row stride, 0: cols */
    int32_t type;             /**< an mi_assign_type */
    int32_t goal;             /**< an mi_assign_goal */
    const uint8_t *forbidden; /**< [rows][cols], not 0 where a pair is forbidden: its cost is not
                                   looked at. The costs are then copied to float64. NULL: none */
    int64_t ld_forbidden;     /**< row stride, 0: cols */
    const double *start_u;    /**< [rows] duals of a similar problem, to start from; may be NULL */
    const double *start_v;    /**< [cols] the same of columns. Those of the longer side are read,
                                   the others may be NULL */
    int64_t *row_to_col;      /**< [rows], receives each row's column, -1 for none; may be NULL */
    int64_t *col_to_row;      /**< [cols], receives each column's row, -1 for none; may be NULL */
    double *u;                /**< [rows], receives duals, see mi_assign_solve(); may be NULL */
    double *v;                /**< [cols]; may be NULL */
    double total;             /**< receives the sum of the chosen costs, in row order */
    int64_t total_whole;      /**< receives the same of integers, exactly; 0 for other types */
    int32_t status;           /**< receives what mi_assign_solve() of this problem returns */
    int32_t reserved0;        /**< must be 0 */
} mi_assign_io;

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
 * Solves one problem.
 *
 * The duals u and v prove that the matching is the best: when minimising, u[i] + v[j] <= cost[i][j]
 * for every pair that is allowed, with equality for those that are matched, so that the sum of all
 * duals is the total; duals of columns are 0 or less if rows < cols, those of unmatched ones 0, and
 * the other way round if rows > cols. When maximising, all of these inequalities are reversed. They
 * hold but for rounding; for integers exactly, as long as float64 can hold the duals.
 *
 * @param assign      the solver
 * @param[in,out] io  costs in, matching out; outputs must not overlap inputs
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC (NaN, or the infinity that is not "forbidden":
 *         the message says where; a total beyond int64; a dual to start from that is not finite);
 *         MI_E_INFEASIBLE (no matching avoids the forbidden pairs); MI_E_UNSUPPORTED (MI_ASSIGN_I64
 *         of a large range in a build whose compiler has no 128-bit integers); MI_E_ABI;
 *         MI_E_NOMEM. On failure nothing but `status` is written.
 * @note Time and memory: see the top. If rows > cols, the costs are copied to float64, column by
 *       column: up to 2^19 of them at once, more if a good part of the columns is needed again.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_assign_solve(mi_assign *assign, mi_assign_io *io);

/**
 * Solves many problems, on the context's threads.
 *
 * @param assign      the solver
 * @param count       problems, 0 or more
 * @param[in,out] io  [count], of one struct_size; each receives its own status
 * @return MI_OK if all are solved; otherwise what the first that failed says: its index is in the
 *         message; the others are solved. MI_E_ARG; MI_E_ABI
 * @note Each thread solves a problem at a time and keeps its own workspace.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_assign_solve_many(mi_assign *assign, int64_t count,
                                                         mi_assign_io *io);

/**
 * mi_assign_solve() in short, on float64 costs.
 *
 * @param assign           the solver
 * @param rows             0 or more
 * @param cols             0 or more
 * @param cost             [rows][cols]; may be NULL if a size is 0
 * @param ld               row stride, 0: cols
 * @param goal             an mi_assign_goal
 * @param[out] row_to_col  [rows], receives each row's column, -1 for none; may be NULL
 * @param[out] col_to_row  [cols], receives each column's row, -1 for none; may be NULL
 * @param[out] total       receives the sum of the chosen costs in row order; may be NULL
 * @return as mi_assign_solve()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_assign_solve_f64(mi_assign *assign, int64_t rows,
                                                        int64_t cols, const double *cost,
                                                        int64_t ld, int32_t goal,
                                                        int64_t *row_to_col, int64_t *col_to_row,
                                                        double *total);

/**
 * mi_assign_solve_f64() on float32 costs. Sums and duals are float64.
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
 * @return as mi_assign_solve()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_assign_solve_f32(mi_assign *assign, int64_t rows,
                                                        int64_t cols, const float *cost, int64_t ld,
                                                        int32_t goal, int64_t *row_to_col,
                                                        int64_t *col_to_row, double *total);

/**
 * mi_assign_solve_f64() on int64 costs, in exact arithmetic.
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
 * @return as mi_assign_solve()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_assign_solve_i64(mi_assign *assign, int64_t rows,
                                                        int64_t cols, const int64_t *cost,
                                                        int64_t ld, int32_t goal,
                                                        int64_t *row_to_col, int64_t *col_to_row,
                                                        int64_t *total);

/**
 * mi_assign_solve_f64() on int32 costs, in exact arithmetic.
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
 * @return as mi_assign_solve()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_assign_solve_i32(mi_assign *assign, int64_t rows,
                                                        int64_t cols, const int32_t *cost,
                                                        int64_t ld, int32_t goal,
                                                        int64_t *row_to_col, int64_t *col_to_row,
                                                        int64_t *total);

LIBMI_END_DECLS

#endif
