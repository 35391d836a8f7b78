/* SPDX-License-Identifier: BSD-2-Clause */
/* Activations, pools, softmax, updates, and the choice of a table: every table against the
 * reference in float64. */
#include "kernel_case.h"

static void run_leaky(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t count = map_rows(s) * s->map.c;
    void *x = values(k, count, 1, 0), *dy = values(k, count, 2, 0), *y = section(k, r, count);
    void *dx = section(k, r, count);
    k->leaky(ctx, count, s->slope, x, y);
    k->leaky_backward(ctx, count, s->slope, x, dy, dx);
    k->leaky_backward(ctx, count, s->slope, x, dy, dy);
    k->leaky(ctx, count, s->slope, x, x);
    ck_assert_mem_eq(x, y, (size_t)count * k->real);
    ck_assert_mem_eq(dy, dx, (size_t)count * k->real);
    give_back(x), give_back(dy);
}

static void run_pools(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    const mi__map *m = &s->map;
    int64_t count = map_rows(s) * m->c, small = m->n * (m->h / 2) * (m->w / 2) * m->c;
    void *x = values(k, count, 1, 0), *dy = values(k, small, 2, 0);
    k->max_pool(ctx, m, x, section(k, r, small));
    void *dx = section(k, r, count);
    k->max_pool_backward(ctx, m, x, dy, dx);
    k->mean_pool(ctx, m, x, section(k, r, small));
    k->mean_pool_backward(ctx, m, dy, section(k, r, count));
    k->max_pool_backward(ctx, m, x, dy, x);
    ck_assert_mem_eq(x, dx, (size_t)count * k->real);
    give_back(x), give_back(dy);
}

static void run_global_pool(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    const mi__map *m = &s->map;
    int64_t count = map_rows(s) * m->c;
    void *x = values(k, count, 1, 0), *dy = values(k, m->n * m->c, 2, 0);
    k->global_pool(ctx, m, x, section(k, r, m->n * m->c));
    k->global_pool_backward(ctx, m, dy, section(k, r, count));
    k->global_max_pool(ctx, m, x, section(k, r, m->n * m->c));
    void *dx = section(k, r, count);
    k->global_max_pool_backward(ctx, m, x, dy, dx);
    k->global_max_pool_backward(ctx, m, x, dy, x);
    ck_assert_mem_eq(x, dx, (size_t)count * k->real);
    give_back(x), give_back(dy);
}

static void run_softmax(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t rows = map_rows(s), c = s->map.c;
    void *x = values(k, rows * c, 1, 0), *dy = values(k, rows * c, 2, 0);
    void *y = section(k, r, rows * c), *dx = section(k, r, rows * c);
    k->softmax(ctx, rows, c, x, c, y);
    k->softmax_backward(ctx, rows, c, y, dy, dx, c);
    k->softmax(ctx, rows, c, x, c, x);
    k->softmax_backward(ctx, rows, c, x, dy, dy, c);
    ck_assert_mem_eq(x, y, (size_t)(rows * c) * k->real);
    ck_assert_mem_eq(dy, dx, (size_t)(rows * c) * k->real);
    give_back(x), give_back(dy);
}

/* Twice, so that the second begins with moments that the first left. */
static void run_updates(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    const mi__adam adam = {1e-2, 1e-4, 0.9, 0.999, 1e-8, 0.3};
    const mi__sgd sgd = {1e-2, 1e-3, 0.9};
    const int64_t n = map_rows(s) * s->map.c;
    void *g = values(k, n, 1, 0), *m = values(k, n, 2, 0), *v = values(k, n, 3, 5);
    void *w = section(k, r, n), *moment = section(k, r, n), *w_sgd = section(k, r, n);
    void *start = values(k, n, 4, 0);
    (void)ctx;
    memcpy(w, start, (size_t)n * k->real), memcpy(w_sgd, start, (size_t)n * k->real);
    memcpy(moment, m, (size_t)n * k->real);
    for (int i = 0; i < 2; i++) {
        k->adam(n, &adam, g, m, v, w);
        k->sgd(n, &sgd, g, moment, w_sgd);
    }
    memcpy(section(k, r, n), v, (size_t)n * k->real);
    give_back(g), give_back(m), give_back(v), give_back(start);
}

START_TEST(leaky_agrees) {
    check_random(run_leaky, 210, 1e-6);
    check_shape(run_leaky, &(shape){.map = {7, 25, 25, 17}, .out = 1, .slope = 0.25}, 1e-6);
}
END_TEST

START_TEST(pools_agree) {
    check_random(run_pools, 210, 1e-6);
    check_random(run_global_pool, 210, 1e-6);
}
END_TEST

START_TEST(softmax_agrees) {
    check_random(run_softmax, 210, 1e-5);
}
END_TEST

START_TEST(updates_agree) {
    check_random(run_updates, 210, 1e-6);
}
END_TEST

/* Every number of every table's softmax is the reference's to 1e-6 of itself, and rows have the sum
 * 1, whether or not there is something between the rows of x. */
static void check_probabilities(const mi__kernels *k, int64_t c, int64_t ldx) {
    enum { ROWS = 33 };
    mi_context *ctx = make_context(1);
    void *x = values(k, ROWS * ldx, 1, 0), *y = room(k, ROWS * c);
    double *x64 = values(&mi__kernels_f64, ROWS * ldx, 1, 0), *y64 = room(&mi__kernels_f64, c);
    k->softmax(ctx, ROWS, c, x, ldx, y);
    for (int64_t r = 0; r < ROWS; r++) {
        double sum = 0;
        mi__kernels_f64.softmax(ctx, 1, c, x64 + r * ldx, ldx, y64);
        for (int64_t i = 0; i < c; i++) {
            sum += get(y, k->real, r * c + i);
            ck_assert_double_eq_tol(get(y, k->real, r * c + i), y64[i], 1e-6 * y64[i]);
        }
        ck_assert_double_eq_tol(sum, 1, 1e-6);
    }
    give_back(x), give_back(y), give_back(x64), give_back(y64);
    mi_context_destroy(ctx);
}

START_TEST(softmax_is_accurate) {
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++)
        for (int64_t c = 1; c < 150; c += c < 20 ? 1 : 13) {
            check_probabilities(k, c, c);
            check_probabilities(k, c, c + 3);
        }
}
END_TEST

/* Wherever it is, the greatest score is the one that exponents are counted from. */
START_TEST(softmax_finds_the_greatest) {
    enum { C = 23 };
    mi_context *ctx = make_context(1);
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++)
        for (int at = 0; at < C; at++) {
            float x[C] = {0}, y[C];
            x[at] = 1e4f;
            k->softmax(ctx, 1, C, x, C, y);
            for (int i = 0; i < C; i++)
                ck_assert_double_eq((double)y[i], i == at);
        }
    mi_context_destroy(ctx);
}
END_TEST

/* -- rows: the same bits in every table ------------------------------------------------------- */

static void compare_rows(const mi__kernels *k, int64_t n, const float *x, const float *y,
                         const double *centre) {
    enum { MOST = 100 };
    const mi__kernels *plain = &mi__kernels_reference;
    float a[MOST], b[MOST], height[MOST];
    int32_t at[MOST];
    int64_t count = 0;
    ck_assert(k->gap_square(n, x, .3, y, 1.7) == plain->gap_square(n, x, .3, y, 1.7));
    ck_assert(k->recentre(n, x, .3, centre, 8, a) == plain->recentre(n, x, .3, centre, 8, b));
    ck_assert_mem_eq(a, b, (size_t)n * sizeof *a);
    const int64_t found = k->highest(n, x, y, y, .5, .25, at, height);
    for (int64_t i = 0; i < n; i++) {
        const float high = x[i] - y[i] + .5f * y[i];
        if (high >= .25f) {
            ck_assert(count < found && at[count] == i && fabsf(height[count] - high) <= 1e-5f);
            count++;
        }
    }
    ck_assert_int_eq(count, found);
}

START_TEST(rows_are_compared_alike) {
    const mi__kernels *k;
    double *centre = values(&mi__kernels_f64, 100, 3, 0);
    for (int t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        float *x = values(k, 100, 1, 0), *y = values(k, 100, 2, 0);
        for (int64_t n = 0; n <= 100; n++) /* up to the end of a page */
            compare_rows(k, n, x + 100 - n, y + 100 - n, centre);
        give_back(x);
        give_back(y);
    }
    give_back(centre);
}
END_TEST

/* -- known answers, which the reference has to give too -------------------------------------- */

START_TEST(pools_of_one_window) {
    const double x[4][4] = {{5, 5, 5, 5}, {1, 5, 5, 2}, {1, 2, 7, 7}, {1, 2, 3, 9}}, dy = 3;
    const mi__map map = {1, 2, 2, 1};
    mi_context *ctx = make_context(1);
    for (int first = 0; first < 4; first++) { /* the first of equal maxima takes all */
        double max, mean, global, global_max, dx[4], dmean[4], dglobal[4];
        mi__kernels_f64.max_pool(ctx, &map, x[first], &max);
        mi__kernels_f64.max_pool_backward(ctx, &map, x[first], &dy, dx);
        mi__kernels_f64.mean_pool(ctx, &map, x[first], &mean);
        mi__kernels_f64.mean_pool_backward(ctx, &map, &dy, dmean);
        mi__kernels_f64.global_pool(ctx, &map, x[first], &global);
        mi__kernels_f64.global_max_pool(ctx, &map, x[first], &global_max);
        mi__kernels_f64.global_max_pool_backward(ctx, &map, x[first], &dy, dglobal);
        ck_assert_double_eq(max, x[first][first]);
        ck_assert_double_eq(mean, (x[first][0] + x[first][1] + x[first][2] + x[first][3]) / 4);
        ck_assert_double_eq(global, mean);
        ck_assert_double_eq(global_max, max);
        for (int i = 0; i < 4; i++) {
            ck_assert_double_eq(dx[i], i == first ? dy : 0);
            ck_assert_double_eq(dmean[i], dy / 4);
            ck_assert_double_eq(dglobal[i], dx[i]);
        }
    }
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(softmax_of_huge_scores) {
    double x[6] = {-1e4, 1e4, 1e4, 1e300, 0, -1e300}, y[6];
    mi_context *ctx = make_context(1);
    mi__kernels_f64.softmax(ctx, 2, 3, x, 3, y);
    const double expected[6] = {0, 0.5, 0.5, 1, 0, 0};
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq(y[i], expected[i]);
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(updates_of_one_weight) {
    const double g = 2;
    double m = 0, v = 0, w = 1;
    mi__kernels_f64.adam(1, &(mi__adam){0.1, 0.01, 0.5, 0.75, 1, 0.5}, &g, &m, &v, &w);
    ck_assert_double_eq(m, 1);
    ck_assert_double_eq(v, 1);
    ck_assert_double_eq_tol(w, 1 - (0.01 + 0.1 / 3), 1e-15);
    m = 4, w = 1;
    mi__kernels_f64.sgd(1, &(mi__sgd){0.5, 0.25, 0.5}, &g, &m, &w);
    ck_assert_double_eq(m, 4.25);
    ck_assert_double_eq(w, 1 - 0.5 * 4.25);
}
END_TEST

/* -- choice ----------------------------------------------------------------------------------- */

START_TEST(environment_chooses) {
    const mi__kernels *best = mi__kernels_list(0), *k, *last = NULL;
    unsetenv("LIBMI_CPU");
    ck_assert_ptr_eq(mi__kernels_select(), best);
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        setenv("LIBMI_CPU", k->name, 1);
        ck_assert_ptr_eq(mi__kernels_select(), k);
        last = k;
    }
    ck_assert_ptr_eq(last, &mi__kernels_reference);
    setenv("LIBMI_CPU", "abacus", 1);
    ck_assert_ptr_eq(mi__kernels_select(), best);
    unsetenv("LIBMI_CPU");
}
END_TEST

START_TEST(blas_has_a_name) {
    ck_assert_uint_gt(strlen(mi__blas_info()), 0);
    const char *core = mi__blas_core(), *mistake = mi__blas_mistake();
    ck_assert(mistake == NULL || mistake == core);
    if (core != NULL && strcmp(core, "SkylakeX") == 0)
        ck_assert_ptr_null(mistake);
}
END_TEST

UNIT_MAIN("kernel", leaky_agrees, pools_agree, softmax_agrees, updates_agree, softmax_is_accurate,
          softmax_finds_the_greatest, pools_of_one_window, softmax_of_huge_scores,
          rows_are_compared_alike, updates_of_one_weight, environment_chooses, blas_has_a_name)
