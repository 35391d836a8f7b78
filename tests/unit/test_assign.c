/* SPDX-License-Identifier: BSD-2-Clause */
/* Small problems, against every matching there is; integers, borders, errors. */
#include "../../lib/base/random.h"
#include "assign_case.h"

#define MOST 8 /* rows and columns that brute force is for */

/* -- every matching ---------------------------------------------------------------------------- */

/* The least total over all subsets of columns that the first rows may have taken, row by row; of
 * integers, exactly. INT64_MAX: no matching is allowed. */
static int64_t brute_force(int64_t rows, int64_t cols, const int64_t *cost,
                           const uint8_t *forbidden, int64_t ld, int32_t goal) {
    int64_t best[1 << MOST], next[1 << MOST];
    const bool swapped = rows > cols;
    const int64_t n = swapped ? cols : rows, m = swapped ? rows : cols;
    for (int set = 0; set < 1 << m; set++)
        best[set] = set == 0 ? 0 : INT64_MAX;
    for (int64_t i = 0; i < n; i++) {
        for (int set = 0; set < 1 << m; set++)
            next[set] = INT64_MAX;
        for (int set = 0; set < 1 << m; set++)
            for (int64_t j = 0; j < m && best[set] < INT64_MAX; j++) {
                const int64_t at = swapped ? j * ld + i : i * ld + j;
                if (set >> j & 1 || forbidden[at])
                    continue;
                const int64_t sum = best[set] + (goal == MI_ASSIGN_MINIMIZE ? cost[at] : -cost[at]);
                if (sum < next[set | 1 << j])
                    next[set | 1 << j] = sum;
            }
        memcpy(best, next, sizeof best);
    }
    int64_t least = INT64_MAX;
    for (int set = 0; set < 1 << m; set++)
        least = best[set] < least ? best[set] : least;
    return least == INT64_MAX || goal == MI_ASSIGN_MINIMIZE ? least : -least;
}

/* -- small problems, in every type ------------------------------------------------------------- */

typedef struct outputs {
    int64_t forth[MOST], back[MOST];
    double u[MOST], v[MOST];
} outputs;

static void solve_as(mi_assign *assign, int32_t type, const void *cost, const mi_assign_io *like,
                     int64_t best) {
    outputs out;
    mi_assign_io io = *like;
    io.type = type;
    io.cost = cost;
    io.row_to_col = out.forth;
    io.col_to_row = out.back;
    io.u = out.u;
    io.v = out.v;
    if (best == INT64_MAX) {
        FAILS(MI_E_INFEASIBLE, "forbidden", mi_assign_solve(assign, &io));
        HOLDS(io.status == MI_E_INFEASIBLE);
        return;
    }
    OK(mi_assign_solve(assign, &io));
    check_solution(&io, 0);
    ck_assert_msg(io.total == (double)best, "%d x %d, goal %d, type %d: %g is not %g", (int)io.rows,
                  (int)io.cols, (int)io.goal, (int)type, io.total, (double)best);
    HOLDS(io.total_whole == (type == MI_ASSIGN_I64 || type == MI_ASSIGN_I32 ? best : 0));
}

static void check_small(mi_assign *assign, mi__random *r, int64_t rows, int64_t cols, int32_t range,
                        int32_t in_sixteen) {
    int64_t whole[72];
    int32_t integer[72];
    float single[72];
    double real[72];
    uint8_t forbidden[72];
    const int64_t ld = cols + mi__random_below(r, 2);
    mi_assign_io io = {.struct_size = sizeof io,
                       .rows = rows,
                       .cols = cols,
                       .ld = ld,
                       .goal = (int32_t)mi__random_below(r, 2)};
    const double never = io.goal == MI_ASSIGN_MINIMIZE ? INFINITY : -INFINITY;
    for (int i = 0; i < rows * ld; i++) {
        const bool between = i % ld >= cols; /* rows: never looked at */
        whole[i] = integer[i] = mi__random_below(r, range) - range / 3;
        forbidden[i] = !between && mi__random_below(r, 16) < in_sixteen;
        real[i] = between ? NAN : forbidden[i] ? never : (double)whole[i];
        single[i] = (float)real[i];
    }
    const int64_t best = brute_force(rows, cols, whole, forbidden, ld, io.goal);
    solve_as(assign, MI_ASSIGN_F64, real, &io, best);
    solve_as(assign, MI_ASSIGN_F32, single, &io, best);
    io.forbidden = forbidden;
    io.ld_forbidden = ld;
    solve_as(assign, MI_ASSIGN_I32, integer, &io, best);
    solve_as(assign, MI_ASSIGN_I64, whole, &io, best);
    for (int i = 0; i < rows * ld; i++)
        real[i] = forbidden[i] ? NAN : real[i]; /* what a mask hides */
    solve_as(assign, MI_ASSIGN_F64, real, &io, best);
}

/* Integers of a small range are full of ties. */
static void check_rectangles(int32_t range, int32_t in_sixteen, int rounds) {
    mi__random r = mi__random_at(1, (uint64_t)(in_sixteen * 1000 + range), 0);
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    for (int round = 0; round < rounds; round++)
        for (int64_t rows = 1; rows <= MOST; rows++)
            for (int64_t cols = 1; cols <= MOST; cols++)
                check_small(assign, &r, rows, cols, range, in_sixteen);
    mi_assign_destroy(assign);
}

START_TEST(test_every_rectangle) {
    check_rectangles(1000, 0, 200);
    check_rectangles(4, 0, 200);
    check_rectangles(2, 0, 100);
    check_rectangles(1 << 24, 0, 100);
}
END_TEST

START_TEST(test_forbidden) {
    check_rectangles(100, 2, 200);
    check_rectangles(5, 8, 400);
    check_rectangles(3, 12, 400);
}
END_TEST

/* Real numbers: relative to the largest, which is what can be seen in a sum. */
START_TEST(test_scales) {
    mi__random r = mi__random_at(2, 0, 0);
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    for (int round = 0; round < 3000; round++) {
        const int64_t rows = 1 + mi__random_below(&r, 5), cols = 1 + mi__random_below(&r, 5);
        double cost[25], largest = 0;
        const double scale = round % 3 == 0 ? 1 : round % 3 == 1 ? 3e307 : 1e-300;
        outputs out;
        mi_assign_io io = {.struct_size = sizeof io,
                           .rows = rows,
                           .cols = cols,
                           .cost = cost,
                           .row_to_col = out.forth,
                           .col_to_row = out.back,
                           .u = out.u,
                           .v = out.v};
        for (int i = 0; i < rows * cols; i++) {
            cost[i] = round % 3 == 0 ? pow(10, mi__random_range(&r, -20, 20))
                                     : scale * mi__random_range(&r, -1, 1);
            largest = fmax(largest, fabs(cost[i]));
        }
        OK(mi_assign_solve(assign, &io));
        check_solution(&io, 1e-14 * largest);
    }
    mi_assign_destroy(assign);
}
END_TEST

/* 40 decades in one matrix: the few smallest decide, and are not lost behind the largest. */
START_TEST(test_decades) {
    enum { N = 6 };
    mi__random r = mi__random_at(5, 0, 0);
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    for (int round = 0; round < 200; round++) {
        double cost[N * N], total;
        for (int i = 0; i < N * N; i++)
            cost[i] = pow(10, mi__random_range(&r, 10, 20));
        for (int i = 0; i < N; i++) /* one to one in some order */
            cost[i * N + (i + round) % N] = pow(10, mi__random_range(&r, -20, -10));
        OK(mi_assign_solve_f64(assign, N, N, cost, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, &total));
        ck_assert(total <= 6e-10);
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

/* -- integers that float64 can't hold ---------------------------------------------------------- */

START_TEST(test_integers_are_exact) {
    const int64_t p = (int64_t)1 << 53;
    const int64_t near[] = {p + 1, p, p, p + 1};
    const int64_t ends[] = {INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 3};
    int64_t forth[2], total;
    mi__random r = mi__random_at(6, 0, 0);
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    OK(mi_assign_solve_i64(assign, 2, 2, near, 0, MI_ASSIGN_MINIMIZE, forth, NULL, &total));
    ck_assert(total == 2 * p && forth[0] == 1);
    OK(mi_assign_solve_i64(assign, 2, 2, near, 0, MI_ASSIGN_MAXIMIZE, forth, NULL, &total));
    ck_assert(total == 2 * p + 2 && forth[0] == 0);
    OK(mi_assign_solve_i64(assign, 2, 2, ends, 0, MI_ASSIGN_MINIMIZE, forth, NULL, &total));
    ck_assert(total == -2 && forth[0] == 1);
    OK(mi_assign_solve_i64(assign, 2, 2, ends, 0, MI_ASSIGN_MAXIMIZE, forth, NULL, &total));
    ck_assert(total == 2 && forth[0] == 0);
    FAILS(MI_E_NUMERIC, "exceeds int64 at row 1",
          mi_assign_solve_i64(assign, 2, 2, (int64_t[]){INT64_MAX, INT64_MAX, 1, 1}, 0,
                              MI_ASSIGN_MINIMIZE, forth, NULL, &total));
    for (int round = 0; round < 3000; round++) {
        const int64_t rows = 1 + mi__random_below(&r, 6), cols = 1 + mi__random_below(&r, 6);
        int64_t cost[36];
        uint8_t forbidden[36];
        outputs out;
        mi_assign_io io = {.struct_size = sizeof io,
                           .rows = rows,
                           .cols = cols,
                           .cost = cost,
                           .type = MI_ASSIGN_I64,
                           .goal = round & 1,
                           .forbidden = forbidden,
                           .row_to_col = out.forth,
                           .col_to_row = out.back,
                           .u = out.u,
                           .v = out.v};
        for (int i = 0; i < rows * cols; i++) { /* nearly the same, but far from 0 and each other */
            cost[i] = ((int64_t)mi__random_below(&r, 3) << 58) + mi__random_below(&r, 4);
            forbidden[i] = mi__random_below(&r, 8) == 0;
        }
        const int64_t best = brute_force(rows, cols, cost, forbidden, cols, io.goal);
        if (best == INT64_MAX) {
            FAILS(MI_E_INFEASIBLE, "forbidden", mi_assign_solve(assign, &io));
            continue;
        }
        OK(mi_assign_solve(assign, &io));
        ck_assert_int_eq(io.total_whole, best);
    }
    mi_assign_destroy(assign);
}
END_TEST

/* -- the borders ------------------------------------------------------------------------------- */

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
    OK(mi_assign_solve_i64(assign, 0, 300, NULL, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, NULL));
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
    FAILS(MI_E_INFEASIBLE, "299 rows, ",
          mi_assign_solve_f64(assign, N, N, cost, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, NULL));
    FAILS(MI_E_INFEASIBLE, "have 298 allowed columns",
          mi_assign_solve_f64(assign, N, N, cost, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, NULL));
    /* a few rows share one column, at costs that invite a war of prices */
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            cost[i * N + j] = i % 100 < 3 ? (j == i / 100 ? 1 : INFINITY) : (double)(i * j);
    FAILS(MI_E_INFEASIBLE, "rows",
          mi_assign_solve_f64(assign, N, N, cost, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, NULL));
    for (int i = 0; i < N * N; i++)
        cost[i] = -INFINITY;
    FAILS(MI_E_INFEASIBLE, "1 columns, the one at 0 among them, have 0 allowed rows",
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
    FAILS(MI_E_SHAPE, "1 apart", mi_assign_solve_f64(a, 2, 2, cost, 1, 0, forth, NULL, &total));
    FAILS(MI_E_SHAPE, "too large",
          mi_assign_solve_f64(a, 1 << 30, 1 << 30, cost, INT64_MAX, 0, forth, NULL, &total));
    FAILS(MI_E_SHAPE, "at most",
          mi_assign_solve_f64(a, INT64_MAX, 1, cost, 0, 0, NULL, NULL, NULL));
    FAILS(MI_E_ARG, "cost", mi_assign_solve_f64(a, 2, 2, NULL, 0, 0, forth, NULL, &total));
    FAILS(MI_E_ARG, "assign", mi_assign_solve_f64(NULL, 2, 2, cost, 0, 0, forth, NULL, &total));
    FAILS(MI_E_ARG, "out", mi_assign_create(NULL, NULL));
    const double start[2] = {0, NAN};
    mi_assign_io io = {.struct_size = sizeof io,
                       .rows = 2,
                       .cols = 2,
                       .cost = cost,
                       .type = 4,
                       .row_to_col = forth,
                       .total = 7};
    FAILS(MI_E_ARG, "type", mi_assign_solve(a, &io));
    io.type = MI_ASSIGN_F64;
    io.start_v = start;
    FAILS(MI_E_NUMERIC, "start_v[1] is", mi_assign_solve(a, &io));
    io.start_v = NULL;
    io.reserved0 = 1;
    FAILS(MI_E_ARG, "reserved0", mi_assign_solve(a, &io));
    io.reserved0 = 0;
    io.forbidden = (const uint8_t[]){0, 0, 0, 0};
    io.ld_forbidden = 1;
    FAILS(MI_E_SHAPE, "forbidden", mi_assign_solve(a, &io));
    io.struct_size = 0;
    FAILS(MI_E_ABI, "struct_size", mi_assign_solve(a, &io));
    FAILS(MI_E_ARG, "io", mi_assign_solve(a, NULL));
    ck_assert(forth[0] == 9 && forth[1] == 9 && total == 7 && io.total == 7);
    mi_assign_destroy(a);
}
END_TEST

UNIT_MAIN("assign", test_every_rectangle, test_forbidden, test_scales, test_decades,
          test_sums_that_overflow, test_integers_are_exact, test_empty, test_ties_are_stable,
          test_infeasible_ends, test_refuses)
