/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../lib/base/random.h"
#include "unit.h"

#include <stdbool.h>

/* Every matching, row by row; `best` stays infinite (less than nothing) if none is allowed. */
typedef struct brute {
    int64_t rows, cols, ld;
    const double *cost;
    double sign, best;
    int skips; /* rows that stay unmatched */
} brute;

static void try_row(brute *b, int64_t i, unsigned taken, int skips, double sum) {
    if (i == b->rows) {
        if (sum < b->best)
            b->best = sum;
        return;
    }
    if (skips > 0)
        try_row(b, i + 1, taken, skips - 1, sum);
    for (int64_t j = 0; j < b->cols; j++) {
        double cost = b->sign * b->cost[i * b->ld + j];
        if (!(taken >> j & 1) && cost < INFINITY)
            try_row(b, i + 1, taken | 1u << j, skips, sum + cost);
    }
}

static double brute_force(int64_t rows, int64_t cols, const double *cost, int64_t ld,
                          int32_t goal) {
    brute b = {rows, cols, ld, cost, goal == MI_ASSIGN_MINIMIZE ? 1 : -1, INFINITY, 0};
    try_row(&b, 0, 0, rows > cols ? (int)(rows - cols) : 0, 0);
    return b.sign * b.best;
}

/* A matching of min(rows, cols) pairs, the same from both sides, whose costs sum to total. */
static void check_matching(int64_t rows, int64_t cols, const double *cost, int64_t ld,
                           const int64_t *forth, const int64_t *back, double total) {
    int64_t pairs = 0, backs = 0;
    double sum = 0;
    for (int64_t i = 0; i < rows; i++)
        if (forth[i] != -1) {
            ck_assert(forth[i] >= 0 && forth[i] < cols);
            ck_assert_int_eq(back[forth[i]], i);
            sum += cost[i * ld + forth[i]];
            pairs++;
        }
    for (int64_t j = 0; j < cols; j++)
        backs += back[j] != -1;
    ck_assert_int_eq(pairs, rows < cols ? rows : cols);
    ck_assert_int_eq(backs, pairs);
    ck_assert(sum == total);
}

/* Solves in both precisions (costs are floats) and compares with brute force. */
static void check_problem(mi_assign *assign, int64_t rows, int64_t cols, const double *cost,
                          int64_t ld, int32_t goal, double tolerance) {
    int64_t forth[8], back[8], forth32[8], back32[8];
    double total = 7, total32 = 7, best = brute_force(rows, cols, cost, ld, goal);
    float single[64];
    for (int i = 0; i < rows * ld; i++)
        single[i] = (float)cost[i];
    if (isinf(best)) {
        FAILS(MI_E_INFEASIBLE, "forbidden",
              mi_assign_solve_f64(assign, rows, cols, cost, ld, goal, forth, back, &total));
        FAILS(MI_E_INFEASIBLE, "forbidden",
              mi_assign_solve_f32(assign, rows, cols, single, ld, goal, forth, back, &total));
        ck_assert(total == 7);
        return;
    }
    OK(mi_assign_solve_f64(assign, rows, cols, cost, ld, goal, forth, back, &total));
    check_matching(rows, cols, cost, ld, forth, back, total);
    ck_assert_msg(fabs(total - best) <= tolerance * fabs(best),
                  "%d x %d, goal %d: %.17g is not %.17g", (int)rows, (int)cols, (int)goal, total,
                  best);
    OK(mi_assign_solve_f32(assign, rows, cols, single, ld, goal, forth32, back32, &total32));
    ck_assert(total32 == total);
    ck_assert_mem_eq(forth, forth32, (size_t)rows * sizeof *forth);
    ck_assert_mem_eq(back, back32, (size_t)cols * sizeof *back);
}

/* Integers of a small range are full of ties; `forbidden` in 16 pairs are. Exact. */
static void check_integers(int forbidden, int32_t range, int most, int rounds) {
    mi__random r = mi__random_at(1, (uint64_t)(forbidden * 1000 + range), 0);
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    for (int round = 0; round < rounds; round++)
        for (int64_t rows = 1; rows <= most; rows++)
            for (int64_t cols = 1; cols <= most; cols++) {
                double cost[64];
                int32_t goal = (int32_t)mi__random_below(&r, 2);
                int64_t ld = cols + (round & 1);
                for (int i = 0; i < rows * ld; i++) {
                    cost[i] = (double)(mi__random_below(&r, range) - range / 3);
                    if (mi__random_below(&r, 16) < forbidden)
                        cost[i] = goal == MI_ASSIGN_MINIMIZE ? INFINITY : -INFINITY;
                    if (i % ld == cols)
                        cost[i] = NAN; /* between the rows: never looked at */
                }
                check_problem(assign, rows, cols, cost, ld, goal, 0);
            }
    mi_assign_destroy(assign);
}

START_TEST(test_every_rectangle) {
    check_integers(0, 1000, 6, 30);
    check_integers(0, 4, 6, 30);
    check_integers(0, 3, 7, 1);
}
END_TEST

START_TEST(test_forbidden) {
    check_integers(2, 100, 6, 20);
    check_integers(8, 5, 6, 40);
    check_integers(12, 3, 6, 40);
    check_integers(10, 3, 7, 2);
}
END_TEST

START_TEST(test_scales) {
    /* 40 decades in one matrix; then everything as large as numbers get, or as small. */
    mi__random r = mi__random_at(2, 0, 0);
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    for (int round = 0; round < 1500; round++) {
        int64_t rows = 1 + mi__random_below(&r, 5), cols = 1 + mi__random_below(&r, 5);
        double cost[25], total, best;
        double scale = round % 3 == 0 ? 1 : round % 3 == 1 ? 3e307 : 1e-300;
        int64_t forth[5], back[5];
        for (int i = 0; i < rows * cols; i++)
            cost[i] = round % 3 == 0 ? pow(10, mi__random_range(&r, -20, 20))
                                     : scale * mi__random_range(&r, -1, 1);
        best = brute_force(rows, cols, cost, cols, MI_ASSIGN_MINIMIZE);
        OK(mi_assign_solve_f64(assign, rows, cols, cost, 0, MI_ASSIGN_MINIMIZE, forth, back,
                               &total));
        check_matching(rows, cols, cost, cols, forth, back, total);
        /* what cancels in the sum cannot be seen: relative to the largest cost there */
        double size = round % 3 == 0 ? best : scale;
        ck_assert_msg(fabs(total - best) <= 1e-14 * size, "%d: %g is not %g", round, total, best);
    }
    mi_assign_destroy(assign);
}
END_TEST

START_TEST(test_sums_that_overflow) {
    const double cost[] = {1.7e308, 1.6e308, INFINITY, 1.7e308, 1.6e308, 1.5e308, 1, 2, -1.7e308};
    int64_t forth[3];
    double total;
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    OK(mi_assign_solve_f64(assign, 3, 3, cost, 0, MI_ASSIGN_MINIMIZE, forth, NULL, NULL));
    ck_assert(forth[2] == 2);
    OK(mi_assign_solve_f64(assign, 2, 3, cost, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, &total));
    ck_assert(total == INFINITY); /* of the best matching, beyond float64 all the same */
    /* the prices on the way would be infinite */
    const double ends[] = {-1.7e308, 1.7e308,  1e308,    -1.7e308, 1.7e308,
                           INFINITY, -1.7e308, INFINITY, INFINITY};
    OK(mi_assign_solve_f64(assign, 3, 3, ends, 0, MI_ASSIGN_MINIMIZE, forth, NULL, NULL));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(forth[i], 2 - i);
    mi_assign_destroy(assign);
}
END_TEST

START_TEST(test_empty) {
    mi_assign *assign;
    int64_t forth[3] = {5, 5, 5};
    double total = 7;
    OK(mi_assign_create(NULL, &assign));
    OK(mi_assign_solve_f64(assign, 0, 0, NULL, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, &total));
    ck_assert(total == 0);
    OK(mi_assign_solve_f64(assign, 3, 0, NULL, 0, MI_ASSIGN_MAXIMIZE, forth, NULL, &total));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(forth[i], -1);
        forth[i] = 5;
    }
    OK(mi_assign_solve_f32(assign, 0, 3, NULL, 0, MI_ASSIGN_MINIMIZE, NULL, forth, NULL));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(forth[i], -1);
    const double one = -3;
    OK(mi_assign_solve_f64(assign, 1, 1, &one, 0, MI_ASSIGN_MINIMIZE, forth, NULL, &total));
    ck_assert(total == -3 && forth[0] == 0);
    mi_assign_destroy(assign);
    mi_assign_destroy(NULL);
}
END_TEST

START_TEST(test_ties_are_stable) {
    mi_assign *assign;
    double even[12] = {0};
    int64_t forth[4], back[4], first[4];
    OK(mi_assign_create(NULL, &assign));
    OK(mi_assign_solve_f64(assign, 3, 4, even, 0, MI_ASSIGN_MINIMIZE, first, NULL, NULL));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(first[i], i);
    OK(mi_assign_solve_f64(assign, 4, 3, even, 0, MI_ASSIGN_MAXIMIZE, forth, back, NULL));
    for (int j = 0; j < 3; j++)
        ck_assert_int_eq(back[j], j);
    ck_assert_int_eq(forth[3], -1);
    mi_assign_destroy(assign);
}
END_TEST

/* Too large for brute force: permuting, and raising whole rows, must move the total by exactly what
 * they do to every matching. */
START_TEST(test_large) {
    enum { N = 200, M = 260 };
    static double cost[N * M], moved[N * M];
    static int64_t forth[N], again[N];
    double total, other, shift = 0;
    mi__random r = mi__random_at(3, 0, 0);
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    for (int i = 0; i < N * M; i++)
        cost[i] = (double)mi__random_below(&r, 1 << 20);
    for (int i = 0; i < N; i++) {
        double raise = (double)mi__random_below(&r, 1 << 20);
        shift += raise;
        for (int j = 0; j < M; j++)
            moved[(N - 1 - i) * M + (j + 77) % M] = cost[i * M + j] + raise;
    }
    OK(mi_assign_solve_f64(assign, N, M, cost, 0, MI_ASSIGN_MINIMIZE, forth, NULL, &total));
    OK(mi_assign_solve_f64(assign, N, M, moved, 0, MI_ASSIGN_MINIMIZE, again, NULL, &other));
    ck_assert(other == total + shift);
    OK(mi_assign_solve_f64(assign, N, M, cost, 0, MI_ASSIGN_MINIMIZE, again, NULL, &other));
    ck_assert_mem_eq(forth, again, sizeof forth); /* used again, all the same */
    for (int i = 0; i < N; i++) /* no exchange of two columns, nor with a free one, is better */
        for (int k = 0; k < i; k++)
            ck_assert(cost[i * M + forth[i]] + cost[k * M + forth[k]] <=
                      cost[i * M + forth[k]] + cost[k * M + forth[i]]);
    mi_assign_destroy(assign);
}
END_TEST

START_TEST(test_infeasible_ends) {
    /* All but the last row compete for the same columns, one too few. */
    enum { N = 300 };
    static double cost[N * N];
    mi_assign *assign;
    mi__random r = mi__random_at(4, 0, 0);
    OK(mi_assign_create(NULL, &assign));
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            cost[i * N + j] = j < N - 2 || i == N - 1 ? mi__random_uniform(&r) : INFINITY;
    FAILS(MI_E_INFEASIBLE, "first 299 rows",
          mi_assign_solve_f64(assign, N, N, cost, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, NULL));
    for (int i = 0; i < N * N; i++)
        cost[i] = -INFINITY;
    FAILS(MI_E_INFEASIBLE, "first 1 columns",
          mi_assign_solve_f64(assign, N, N - 1, cost, 0, MI_ASSIGN_MAXIMIZE, NULL, NULL, NULL));
    mi_assign_destroy(assign);
}
END_TEST

START_TEST(test_refuses) {
    mi_assign *a;
    int64_t forth[2] = {9, 9};
    double cost[4] = {1, 2, 3, NAN}, total = 7;
    float single[4] = {1, 2, -INFINITY, 4};
    OK(mi_assign_create(NULL, &a));
    FAILS(MI_E_NUMERIC, "cost[1][1] is",
          mi_assign_solve_f64(a, 2, 2, cost, 0, 0, forth, NULL, &total));
    FAILS(MI_E_NUMERIC, "cost[1][0] is -inf",
          mi_assign_solve_f32(a, 2, 2, single, 0, MI_ASSIGN_MINIMIZE, forth, NULL, &total));
    OK(mi_assign_solve_f32(a, 2, 2, single, 0, MI_ASSIGN_MAXIMIZE, NULL, NULL, NULL));
    cost[3] = INFINITY;
    FAILS(MI_E_NUMERIC, "cost[1][1] is inf",
          mi_assign_solve_f64(a, 2, 2, cost, 0, MI_ASSIGN_MAXIMIZE, forth, NULL, &total));
    FAILS(MI_E_ARG, "goal", mi_assign_solve_f64(a, 2, 2, cost, 0, 2, forth, NULL, &total));
    FAILS(MI_E_ARG, "negative", mi_assign_solve_f64(a, -1, 2, cost, 0, 0, forth, NULL, &total));
    FAILS(MI_E_SHAPE, "ld is 1", mi_assign_solve_f64(a, 2, 2, cost, 1, 0, forth, NULL, &total));
    FAILS(MI_E_SHAPE, "too large",
          mi_assign_solve_f64(a, INT64_MAX, INT64_MAX, cost, 0, 0, forth, NULL, &total));
    FAILS(MI_E_ARG, "cost", mi_assign_solve_f64(a, 2, 2, NULL, 0, 0, forth, NULL, &total));
    FAILS(MI_E_ARG, "assign", mi_assign_solve_f64(NULL, 2, 2, cost, 0, 0, forth, NULL, &total));
    FAILS(MI_E_ARG, "out", mi_assign_create(NULL, NULL));
    ck_assert(forth[0] == 9 && forth[1] == 9 && total == 7);
    mi_assign_destroy(a);
}
END_TEST

UNIT_MAIN("assign", test_every_rectangle, test_forbidden, test_scales, test_sums_that_overflow,
          test_empty, test_ties_are_stable, test_large, test_infeasible_ends, test_refuses)
