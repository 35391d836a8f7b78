/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../lib/assign/solver.h"
#include "../../lib/base/random.h"
#include "unit.h"

#include <stdbool.h>

#define MOST 8 /* rows and columns that brute force is for */

/* As ck_assert(), which writes to a pipe each time. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

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

/* -- what every solution has ------------------------------------------------------------------- */

/* A cost as the problem means it; infinite, with the goal's sign, where a pair is forbidden. */
static double cost_of(const mi_assign_io *io, int64_t i, int64_t j) {
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
static void check_solution(const mi_assign_io *io, double slack) {
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

/* -- large problems of every kind -------------------------------------------------------------- */

typedef enum family {
    UNIFORM,
    INTEGERS,
    TIES,
    EQUAL,
    PRODUCT,
    PLANE,
    CLUSTERS,
    SUMS,
    LOW_RANK,
    DECADES,
    COUNTS,
    SPARSE,
    FAMILIES
} family;

static double point(mi__random *r, family f, bool row) {
    if (f == PLANE)
        return mi__random_uniform(r);
    const bool far = mi__random_below(r, 10) < (row ? 7 : 3);
    return (far ? 5 : 0) + 0.1 * mi__random_uniform(r);
}

static void fill(family f, int64_t rows, int64_t cols, double *cost) {
    mi__random r = mi__random_at(7, (uint64_t)f, 0);
    double *a = malloc((size_t)(4 * (rows + cols)) * sizeof *a), *b = a + 4 * rows;
    for (int64_t i = 0; i < 4 * (rows + cols); i++)
        a[i] = f == PLANE || f == CLUSTERS ? point(&r, f, i < 4 * rows) : mi__random_uniform(&r);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            double *c = cost + i * cols + j;
            const double x = mi__random_uniform(&r);
            switch (f) {
            case INTEGERS: *c = floor(x * (double)cols) + 1; break;
            case TIES: *c = floor(2 * x); break;
            case EQUAL: *c = 3; break;
            case PRODUCT: *c = (double)((i + 1) * (j + 1)); break;
            case PLANE:
            case CLUSTERS: *c = hypot(a[i] - b[j], a[i + rows] - b[j + cols]); break;
            case SUMS: *c = a[i] + b[j] + 1e-6 * x; break;
            case LOW_RANK:
                *c = 0;
                for (int k = 0; k < 4; k++)
                    *c += a[i + k * rows] * b[j + k * cols];
                break;
            case DECADES: *c = pow(10, 40 * x - 20); break;
            case COUNTS: *c = (i * 7 + 3) % cols == j ? -20 - floor(9 * x) : -floor(3 * x); break;
            case SPARSE: *c = x < 0.1 || (i * 3 + 1) % cols == j ? 10 * x : INFINITY; break;
            default: *c = x;
            }
        }
    free(a);
}

typedef struct problem {
    mi_assign_io io;
    double *cost;
} problem;

static problem make(family f, int64_t rows, int64_t cols) {
    problem p = {.cost = malloc((size_t)(rows * cols) * sizeof *p.cost)};
    fill(f, rows, cols, p.cost);
    p.io = (mi_assign_io){.struct_size = sizeof p.io, .rows = rows, .cols = cols, .cost = p.cost};
    p.io.row_to_col = malloc((size_t)rows * sizeof *p.io.row_to_col);
    p.io.col_to_row = malloc((size_t)cols * sizeof *p.io.col_to_row);
    p.io.u = malloc((size_t)rows * sizeof *p.io.u);
    p.io.v = malloc((size_t)cols * sizeof *p.io.v);
    return p;
}

static void unmake(problem *p) {
    free(p->cost);
    free(p->io.row_to_col);
    free(p->io.col_to_row);
    free(p->io.u);
    free(p->io.v);
}

/* How far rounding may take a dual from the truth. */
static double slack_of(const problem *p) {
    double most = 0;
    for (int64_t i = 0; i < p->io.rows * p->io.cols; i++)
        most = isfinite(p->cost[i]) ? fmax(most, fabs(p->cost[i])) : most;
    for (int64_t i = 0; i < p->io.rows; i++)
        most = fmax(most, fabs(p->io.u[i]));
    for (int64_t j = 0; j < p->io.cols; j++)
        most = fmax(most, fabs(p->io.v[j]));
    return 0x1p-50 * most * 8;
}

static const int64_t sizes[][2] = {{40, 40},   {40, 60},   {90, 90},   {128, 120}, {150, 150},
                                   {200, 201}, {300, 250}, {260, 260}, {170, 600}, {500, 160}};
#define SIZES (sizeof sizes / sizeof sizes[0])

/* Small ones are all solved by whole rows; these take lists, auctions, the greedy start, and copies
 * of columns. Each table of kernels gives the same bits. */
START_TEST(test_families) {
    for (int f = 0; f < FAMILIES; f++)
        for (size_t k = 0; k < SIZES; k++) {
            if (f == SPARSE && sizes[k][0] > sizes[k][1])
                continue; /* has rows only that are sure to be matched */
            problem p = make((family)f, sizes[k][0], sizes[k][1]),
                    q = make((family)f, sizes[k][0], sizes[k][1]);
            for (int32_t t = 0; mi__kernels_list(t) != NULL; t++) {
                mi_assign *assign;
                setenv("LIBMI_CPU", mi__kernels_list(t)->name, 1);
                OK(mi_assign_create(NULL, &assign));
                mi_assign_io *io = t == 0 ? &p.io : &q.io;
                OK(mi_assign_solve(assign, io));
                mi_assign_destroy(assign);
                check_solution(io, slack_of(t == 0 ? &p : &q));
                if (t == 0)
                    continue;
                ck_assert_mem_eq(p.io.row_to_col, q.io.row_to_col,
                                 (size_t)io->rows * sizeof *io->row_to_col);
                ck_assert_mem_eq(p.io.u, q.io.u, (size_t)io->rows * sizeof *io->u);
                ck_assert_mem_eq(p.io.v, q.io.v, (size_t)io->cols * sizeof *io->v);
            }
            unmake(&p);
            unmake(&q);
        }
    unsetenv("LIBMI_CPU");
}
END_TEST

/* So many costs of a tall matrix are not copied at once: its lists are made row by row. */
START_TEST(test_tall) {
    static const family families[] = {UNIFORM, TIES, COUNTS, DECADES, EQUAL};
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        problem p = make(families[f], 1100, 480);
        OK(mi_assign_solve(assign, &p.io));
        check_solution(&p.io, slack_of(&p));
        p.cost[1001 * 480 + 7] = NAN; /* none of the rows that are looked at first */
        ck_assert_int_eq(mi_assign_solve(assign, &p.io), MI_E_NUMERIC);
        ck_assert_ptr_nonnull(strstr(mi_error_message(), "cost[1001][7] is nan"));
        unmake(&p);
    }
    mi_assign_destroy(assign);
}
END_TEST

/* What costs do to every matching, the total must follow: exactly, as all are integers. */
START_TEST(test_properties) {
    mi__random r = mi__random_at(8, 0, 0);
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    for (int f = 0; f < FAMILIES; f++)
        for (int64_t n = 60; n <= 180; n += 120) {
            const int64_t m = n + (f % 2) * 30;
            double total, other, shift = 0, *moved = malloc((size_t)(n * m) * sizeof *moved);
            problem p = make((family)f, n, m);
            for (int64_t i = 0; i < n * m; i++)
                if (isfinite(p.cost[i]))
                    p.cost[i] = floor(fmin(p.cost[i] * 1024, 0x1p30));
            OK(mi_assign_solve_f64(assign, n, m, p.cost, 0, MI_ASSIGN_MINIMIZE, NULL, NULL,
                                   &total));
            /* rows raised and permuted, columns turned round; columns raised where all are matched
             */
            for (int64_t i = 0; i < n; i++) {
                const double raise = (double)mi__random_below(&r, 1 << 20);
                shift += raise;
                for (int64_t j = 0; j < m; j++)
                    moved[(n - 1 - i) * m + (j + 17) % m] =
                        p.cost[i * m + j] + raise - (n == m ? (double)(j * j) : 0);
            }
            for (int64_t j = 0; j < m && n == m; j++)
                shift -= (double)(j * j);
            OK(mi_assign_solve_f64(assign, n, m, moved, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, &other));
            ck_assert_msg(other == total + shift, "family %d: %g is not %g", f, other,
                          total + shift);
            for (int64_t i = 0; i < n; i++)
                for (int64_t j = 0; j < m; j++)
                    moved[j * n + i] = -0x1p-20 * p.cost[i * m + j];
            OK(mi_assign_solve_f64(assign, m, n, moved, 0, MI_ASSIGN_MAXIMIZE, NULL, NULL, &other));
            ck_assert_msg(-0x1p20 * other == total, "family %d, turned: %g is not %g", f,
                          -0x1p20 * other, total);
            unmake(&p);
            free(moved);
        }
    mi_assign_destroy(assign);
}
END_TEST

/* From its own duals a problem is solved at once, from those of another all the same. */
START_TEST(test_warm_start) {
    mi_assign *assign;
    OK(mi_assign_create(NULL, &assign));
    for (int f = 0; f < FAMILIES; f++)
        for (size_t k = 0; k < SIZES; k++) {
            if (f == SPARSE && sizes[k][0] > sizes[k][1])
                continue;
            problem p = make((family)f, sizes[k][0], sizes[k][1]),
                    other = make(UNIFORM, p.io.rows, p.io.cols);
            OK(mi_assign_solve(assign, &p.io));
            OK(mi_assign_solve(assign, &other.io));
            const double total = p.io.total, slack = slack_of(&p) * (double)(p.io.rows + p.io.cols);
            for (int t = 0; t < 2; t++) {
                double *u = malloc((size_t)p.io.rows * sizeof *u),
                       *v = malloc((size_t)p.io.cols * sizeof *v);
                memcpy(u, t == 0 ? p.io.u : other.io.u, (size_t)p.io.rows * sizeof *u);
                memcpy(v, t == 0 ? p.io.v : other.io.v, (size_t)p.io.cols * sizeof *v);
                mi_assign_io io = p.io;
                io.start_u = u;
                io.start_v = v;
                OK(mi_assign_solve(assign, &io));
                check_solution(&io, slack_of(&p) * 4);
                ck_assert(fabs(io.total - total) <= slack);
                free(u);
                free(v);
            }
            unmake(&p);
            unmake(&other);
        }
    mi_assign_destroy(assign);
}
END_TEST

static int64_t reads; /* of rows, in search of their cheapest columns */

static int64_t count_below(int64_t n, double factor, const double *cost, const double *price,
                           double limit, int32_t *at) {
    reads++;
    return mi__kernels_reference.row_below(n, factor, cost, price, limit, at);
}

static void count_two(int64_t n, double factor, const double *cost, const double *price,
                      double *least, double *second) {
    reads++;
    mi__kernels_reference.row_two(n, factor, cost, price, least, second);
}

/* From its own duals a problem is solved with a look or two at each row, whether the
 * least or the greatest total is wanted. */
START_TEST(test_a_good_start_saves_work) {
    enum { N = 200 };
    mi__kernels counting = mi__kernels_reference;
    counting.row_below = count_below;
    counting.row_two = count_two;
    for (int goal = 0; goal < 2; goal++) {
        problem p = make(SUMS, N, N);
        mi__costs costs = {.data = p.cost, .ld = N, .rows = N, .cols = N, .factor = 1 - 2 * goal};
        mi__solver s = {.k = &counting};
        mi_assign *assign;
        OK(mi_assign_create(NULL, &assign));
        p.io.goal = goal;
        OK(mi_assign_solve(assign, &p.io));
        OK(mi__context_take(NULL, &s.context));
        for (int start = 0; start < 2; start++) {
            reads = 0;
            OK(mi__solver_begin(&s, &costs));
            OK(mi__solve(&s, start ? p.io.v : NULL));
            ck_assert_msg(start ? reads < N * 2 : reads > N * 10, "%d reads", (int)reads);
        }
        mi__solver_release(&s);
        mi_context_destroy(s.context);
        mi_assign_destroy(assign);
        unmake(&p);
    }
}
END_TEST

/* -- many -------------------------------------------------------------------------------------- */

START_TEST(test_many) {
    enum { COUNT = 23 };
    mi_assign_io io[COUNT];
    problem p[COUNT];
    mi_context *context;
    mi_assign *one, *many;
    OK(mi_context_create(
        &(mi_context_options){.struct_size = sizeof(mi_context_options), .threads = 3}, &context));
    OK(mi_assign_create(NULL, &one));
    OK(mi_assign_create(context, &many));
    for (int i = 0; i < COUNT; i++) {
        p[i] = make((family)(i % FAMILIES), 5 + i * 9, 5 + i * 9 + (i % 3));
        io[i] = p[i].io;
    }
    OK(mi_assign_solve_many(many, COUNT, io));
    for (int i = 0; i < COUNT; i++) {
        int64_t *forth = malloc((size_t)io[i].rows * sizeof *forth);
        memcpy(forth, io[i].row_to_col, (size_t)io[i].rows * sizeof *forth);
        OK(mi_assign_solve(one, &p[i].io));
        ck_assert(p[i].io.total == io[i].total);
        ck_assert_mem_eq(forth, p[i].io.row_to_col, (size_t)io[i].rows * sizeof *forth);
        free(forth);
    }
    p[7].cost[3] = NAN;
    p[9].cost[0] = -INFINITY;
    io[11].total = 0;
    FAILS(MI_E_NUMERIC, "problem 7: cost[0][3] is", mi_assign_solve_many(many, COUNT, io));
    ck_assert(io[7].status == MI_E_NUMERIC && io[9].status == MI_E_NUMERIC);
    ck_assert(io[11].status == MI_OK && io[11].total == p[11].io.total);
    OK(mi_assign_solve_many(many, 0, NULL));
    FAILS(MI_E_ARG, "count", mi_assign_solve_many(many, -1, io));
    FAILS(MI_E_ARG, "io", mi_assign_solve_many(many, 1, NULL));
    io[2].struct_size = 8;
    FAILS(MI_E_ABI, "problem 2", mi_assign_solve_many(many, COUNT, io));
    for (int i = 0; i < COUNT; i++)
        unmake(&p[i]);
    mi_assign_destroy(one);
    mi_assign_destroy(many);
    mi_context_destroy(context);
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

/* -- kernels ----------------------------------------------------------------------------------- */

/* Every table finds the same bits as the reference, with ties and infinities, at every length. */
START_TEST(test_rows) {
    enum { N = 150 };
    mi__random r = mi__random_at(9, 0, 0);
    const mi__kernels *plain = &mi__kernels_reference, *k;
    for (int32_t table = 0; (k = mi__kernels_list(table)) != plain; table++)
        for (int round = 0; round < 4000; round++) {
            double cost[N], price[N], low[2][N], far[2][N], before[2][N], a[4], b[4];
            int32_t at[2][N];
            const int64_t n = mi__random_below(&r, N + 1),
                          begin = mi__random_below(&r, (int32_t)n + 1);
            const double factor = (const double[]){1, -1, 0x1p-3}[round % 3],
                         never = factor * INFINITY;
            const int32_t range = (const int32_t[]){3, 100, 1 << 30}[mi__random_below(&r, 3)];
            for (int j = 0; j < N; j++) {
                cost[j] =
                    mi__random_below(&r, 9) == 0 ? never : (double)mi__random_below(&r, range) / 7;
                price[j] = mi__random_below(&r, 9) == 0 ? INFINITY
                                                        : (double)mi__random_below(&r, range) / 3;
                low[0][j] = low[1][j] = (double)mi__random_below(&r, range);
                far[0][j] = far[1][j] =
                    mi__random_below(&r, 3) == 0 ? INFINITY : (double)mi__random_below(&r, range);
                before[0][j] = before[1][j] = j;
            }
            ck_assert(plain->row_look(n, factor, cost, a) == k->row_look(n, factor, cost, b));
            ck_assert(a[0] == b[0]);
            const double limit = (double)mi__random_below(&r, range);
            plain->row_two(n, factor, cost, price, a, a + 1);
            k->row_two(n, factor, cost, price, b, b + 1);
            ck_assert(a[0] == b[0] && a[1] == b[1]);
            ck_assert_int_eq(plain->row_first(n, factor, cost, price, a[1], begin),
                             k->row_first(n, factor, cost, price, a[1], begin));
            ck_assert_int_eq(plain->row_first(n, factor, cost, price, INFINITY, begin),
                             k->row_first(n, factor, cost, price, INFINITY, begin));
            for (int t = 0; t < 2; t++) {
                const mi__kernels *now = t == 0 ? plain : k;
                const double length =
                    now->row_relax(n, factor, cost, price, limit, 7, far[t], before[t]);
                (t == 0 ? a : b)[2] = length;
                now->row_lower(n, factor, cost, low[t]);
            }
            ck_assert(a[2] == b[2]);
            ck_assert_mem_eq(far[0], far[1], sizeof far[0]);
            ck_assert_mem_eq(before[0], before[1], sizeof before[0]);
            for (int j = 0; j < N; j++)
                ck_assert(low[0][j] == low[1][j]);
            const int64_t below = plain->row_below(n, factor, cost, price, limit, at[0]);
            ck_assert_int_eq(below, k->row_below(n, factor, cost, price, limit, at[1]));
            ck_assert_mem_eq(at[0], at[1], (size_t)below * sizeof at[0][0]);
            const int64_t closer =
                plain->row_closer(n, factor, cost, price, -limit / 2, limit, far[0], at[0]);
            ck_assert_int_eq(
                closer, k->row_closer(n, factor, cost, price, -limit / 2, limit, far[1], at[1]));
            ck_assert_mem_eq(at[0], at[1], (size_t)closer * sizeof at[0][0]);
            plain->row_classes(n, factor, cost, price, low[0]);
            k->row_classes(n, factor, cost, price, low[1]);
            for (int c = 0; c < MI__CLASSES; c++)
                ck_assert(low[0][c] == low[1][c]);
            if (n > 0 && round % 50 == 0) { /* what a first look must see */
                cost[begin < n ? begin : 0] = (const double[]){NAN, -never, 2e200}[round / 50 % 3];
                ck_assert(!k->row_look(n, factor, cost, b) && !plain->row_look(n, factor, cost, a));
            }
        }
}
END_TEST

UNIT_MAIN("assign", test_every_rectangle, test_forbidden, test_scales, test_decades,
          test_sums_that_overflow, test_integers_are_exact, test_families, test_tall,
          test_properties, test_warm_start, test_a_good_start_saves_work, test_many, test_empty,
          test_ties_are_stable, test_infeasible_ends, test_refuses, test_rows)
