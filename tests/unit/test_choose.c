/* SPDX-License-Identifier: BSD-2-Clause */
/* The rule `auto`: which method it takes for what. */
#include "door_case.h"

#include <stdio.h>

static double zs[MOST];

START_TEST(auto_goes_by_kinds) {
    const int64_t n = 1000;
    draw_normal(n, 1, 0.5, 10);
    for (int64_t i = 0; i < n; i++)
        zs[i] = (double)(i % 4);
    const mi_samples x = samples(xs, n, 1), y = samples(ys, n, 1), z = samples(zs, n, 1);
    mi_samples numbers = z;
    numbers.kind = MI_KIND_CONTINUOUS;
    ck_assert_int_eq(estimate(&z, &z, NULL, NULL, NULL).method, MI_METHOD_DISCRETE);
    ck_assert_int_eq(estimate(&z, &y, NULL, NULL, NULL).method, MI_METHOD_ROSS);
    ck_assert_int_eq(estimate(&x, &y, &z, NULL, NULL).method, MI_METHOD_GAO);
    ck_assert_int_eq(estimate(&numbers, &y, NULL, NULL, NULL).method, MI_METHOD_GAO);
}
END_TEST

/* What auto says of n samples of so many columns, in xs and ys. */
static mi_estimate_result choose(int64_t n, int64_t dx, int64_t dy, double *local) {
    const mi_samples x = samples(xs, n, dx), y = samples(ys, n, dy);
    const mi_estimate_result r = estimate(&x, &y, NULL, NULL, local);
    printf("# %d + %d columns: %.4f by %s\n", (int)dx, (int)dy, r.value, mi_method_name(r.method));
    return r;
}

START_TEST(copulas_by_their_likelihood) {
    draw_normal(1000, 2, 0.6, 1);
    const mi_estimate_result normal = choose(1000, 2, 2, locals);
    ck_assert_int_eq(normal.method, MI_METHOD_COPULA);
    near(normal.value, -log1p(-0.36), 0.08);
    mi__random r = mi__random_at(2, 70, 0);
    for (int i = 0; i < 3000; i++) { /* Student's distribution with 2 degrees of freedom */
        const double far = 1 / sqrt(-log1p(-mi__random_uniform(&r)));
        xs[i] = far * mi__random_normal(&r);
        ys[i] = far * mi__random_normal(&r);
    }
    const mi_estimate_result student = choose(3000, 1, 1, NULL);
    ck_assert_int_eq(student.method, MI_METHOD_STUDENT);
    near(student.value, 0.0793, 0.03);
}
END_TEST

START_TEST(neighbours_where_there_is_another_shape) {
    const int64_t n = 2000;
    mi__random r = mi__random_at(3, 70, 0);
    double mean = 0;
    for (int64_t i = 0; i < n; i++) {
        xs[i] = mi__random_normal(&r);
        ys[i] = xs[i] * xs[i] + 0.5 * mi__random_normal(&r);
    }
    const mi_estimate_result e = choose(n, 1, 1, locals);
    ck_assert_int_eq(e.method, MI_METHOD_KSG);
    ck_assert(e.value > 0.4 && e.warnings == 0);
    for (int64_t i = 0; i < n; i++)
        mean += locals[i] / (double)n;
    near(mean, e.value, 1e-9);
    /* The same estimate as by that method, asked for by name. */
    const mi_samples x = samples(xs, n, 1), y = samples(ys, n, 1);
    mi_estimate_options o = by(MI_METHOD_KSG);
    o.scale = MI_SCALE_RANK;
    ck_assert(estimate(&x, &y, NULL, &o, NULL).value == e.value);
}
END_TEST

/* Errors are of the method that was chosen. */
START_TEST(one_method_for_all_resamples) {
    draw_normal(400, 1, 0.8, 4);
    const mi_samples x = samples(xs, 400, 1), y = samples(ys, 400, 1);
    mi_estimate_options o = by(MI_METHOD_AUTO);
    o.resamples = 20;
    const mi_estimate_result e = estimate(&x, &y, NULL, &o, NULL);
    o.method = MI_METHOD_COPULA;
    const mi_estimate_result same = estimate(&x, &y, NULL, &o, NULL);
    ck_assert_mem_eq(&e, &same, sizeof e);
}
END_TEST

/* Independent variables choose methods, too, so that few of them seem dependent. */
START_TEST(p_values_count_the_choice) {
    enum { RUNS = 1000, N = 50 };
    int small = 0;
    for (int run = 0; run < RUNS; run++) {
        draw_normal(N, 1, 0, (uint64_t)run + 100);
        const mi_samples x = samples(xs, N, 1), y = samples(ys, N, 1);
        mi_estimate_options o = by(MI_METHOD_AUTO);
        o.permutations = 19;
        o.seed = (uint64_t)run + 1;
        small += estimate(&x, &y, NULL, &o, NULL).p_value <= 0.05 + 1e-9;
    }
    printf("# p <= 0.05 in %d of %d\n", small, RUNS);
    near(small, 0.05 * RUNS, 3 * sqrt(0.05 * 0.95 * RUNS)); /* deviations of a binomial */
}
END_TEST

/* Six columns: x turned by an angle that depends on its length. */
START_TEST(combinations_in_many_columns) {
    const int64_t n = 1500;
    draw_normal(n, 3, 0.9, 5);
    for (int64_t i = 0; i < n; i++) {
        double *x = xs + 3 * i;
        const double angle = (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]) / 2;
        const double a = x[0] * cos(angle) - x[1] * sin(angle);
        x[1] = x[0] * sin(angle) + x[1] * cos(angle);
        x[0] = a;
    }
    ck_assert_int_eq(choose(n, 3, 3, NULL).method, MI_METHOD_CANONICAL);
    draw_normal(n, 3, 0.5, 6);
    ck_assert_int_eq(choose(n, 3, 3, NULL).method, MI_METHOD_COPULA);
    ck_assert_int_eq(choose(150, 3, 3, NULL).method, MI_METHOD_COPULA); /* ksg competes */
}
END_TEST

/* Five columns each, of which the signs of x are lost: neither combinations nor lengths see it. */
START_TEST(networks_where_all_else_sees_little) {
    const int64_t n = 3000, d = 5;
    mi__random r = mi__random_at(7, 70, 0);
    for (int64_t i = 0; i < n * d; i++) {
        xs[i] = mi__random_normal(&r);
        ys[i] = fabs(xs[i]) + 0.3 * mi__random_normal(&r);
    }
    const mi_estimate_result e = choose(n, d, d, NULL);
    ck_assert_int_eq(e.method, MI_METHOD_NEURAL);
    ck_assert(e.value > 1);
}
END_TEST

START_TEST(fewer_samples_than_columns) {
    draw_normal(12, 8, 0.9, 8);
    ck_assert_int_eq(choose(12, 8, 8, NULL).method, MI_METHOD_KSG);
}
END_TEST

/* y follows from x: there is no more to find, and nothing else is tried. */
START_TEST(what_is_infinite) {
    draw_normal(500, 3, 0.5, 9);
    memcpy(ys, xs, sizeof xs);
    const mi_estimate_result e = choose(500, 3, 3, NULL);
    ck_assert(e.value == INFINITY && e.method == MI_METHOD_COPULA);
    ck_assert(e.warnings & MI_WARNING_SINGULAR);
}
END_TEST

UNIT_MAIN("choose", auto_goes_by_kinds, copulas_by_their_likelihood,
          neighbours_where_there_is_another_shape, one_method_for_all_resamples,
          p_values_count_the_choice, combinations_in_many_columns,
          networks_where_all_else_sees_little, fewer_samples_than_columns, what_is_infinite)
