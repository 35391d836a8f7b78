/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of a hundred rows and more, by what every solution has; kernels. */
#include "../../lib/assign/solver.h"
#include "../../lib/base/random.h"
#include "assign_case.h"

/* -- problems of every kind -------------------------------------------------------------------- */

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

UNIT_MAIN("assign_large", test_families, test_tall, test_properties, test_warm_start,
          test_a_good_start_saves_work, test_many, test_rows)
