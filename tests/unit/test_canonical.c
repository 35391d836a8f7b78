/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbours among canonical variates: what is known in closed form, what chance must not tell, and
 * columns that follow from each other. */
#include "door_case.h"
#include "failing.h"

#include "../../lib/estimate/estimate.h"

#include <stdio.h>

static mi_estimate_result canonical(int64_t n, int64_t dx, int64_t dy, double *local) {
    const mi_samples x = samples(xs, n, dx), y = samples(ys, n, dy);
    const mi_estimate_options o = by(MI_METHOD_CANONICAL);
    const mi_estimate_result r = estimate(&x, &y, NULL, &o, local);
    ck_assert_int_eq(r.method, MI_METHOD_CANONICAL);
    return r;
}

/* Two of eight columns depend on each other; and so in fewer. */
START_TEST(gaussians) {
    const int64_t n = MOST;
    for (int64_t d = 1; d <= WIDE; d += d == 1 ? 1 : 3) {
        mi__random random = mi__random_at(1, 60, 0);
        const int64_t pairs = d > 1 ? 2 : 1;
        double mean = 0;
        for (int64_t i = 0; i < n * d; i++) {
            const double rho = i % d < 2 ? 0.8 : 0;
            xs[i] = mi__random_normal(&random);
            ys[i] = rho * xs[i] + sqrt(1 - rho * rho) * mi__random_normal(&random);
        }
        const double truth = -0.5 * log1p(-0.64) * (double)pairs;
        const mi_estimate_result r = canonical(n, d, d, locals);
        for (int64_t i = 0; i < n; i++)
            mean += locals[i] / (double)n;
        printf("# %d + %d columns: %.4f, exact is %.4f\n", (int)d, (int)d, r.value, truth);
        near(r.value, truth, 0.06 * (double)pairs);
        near(mean, r.value, 1e-9);
        ck_assert(r.cap > r.value);
    }
}
END_TEST

/* Turned about by an angle that depends on how far out it is, in three columns: no column tells a
 * thing any more about one of the others. */
START_TEST(turns_by_length) {
    const int64_t n = MOST;
    const double truth = -log1p(-0.81);
    draw_normal(n, 3, 0.9, 2);
    for (int64_t i = 0; i < n; i++) {
        double *x = xs + 3 * i, *y = ys + 3 * i;
        mi__random other = mi__random_at(3, 61, (uint64_t)i);
        y[2] = mi__random_normal(&other);
        const double angle = x[0] * x[0] + x[1] * x[1] + x[2] * x[2];
        const double a = x[0] * cos(angle) - x[1] * sin(angle);
        x[1] = x[0] * sin(angle) + x[1] * cos(angle);
        x[0] = a;
    }
    const mi_samples x = samples(xs, n, 3), y = samples(ys, n, 3);
    const mi_estimate_options linear = by(MI_METHOD_COPULA);
    const double without = estimate(&x, &y, NULL, &linear, NULL).value;
    const double value = canonical(n, 3, 3, NULL).value;
    printf("# turned: %.4f, copula %.4f, exact is %.4f\n", value, without, truth);
    ck_assert(value > without + 0.2 && value < truth + 0.1);
}
END_TEST

/* Combinations of many columns that fit few samples well tell nothing of others. Of those that they
 * were found on they would tell 0.28, and 0.19 at least. */
START_TEST(chance_tells_nothing) {
    const int64_t n = 400;
    double mean = 0;
    for (int run = 0; run < 10; run++) {
        draw_normal(n, WIDE, 0, (uint64_t)run + 10);
        const double value = canonical(n, WIDE, WIDE, NULL).value;
        mean += value / 10;
        near(value, 0, 0.15);
    }
    printf("# independent: %.4f on average\n", mean);
    near(mean, 0, 0.05);
}
END_TEST

START_TEST(columns_that_follow_from_others) {
    enum { N = 4000, RUNS = 3 };
    static double wide[N * 4], other[N * 3];
    double mean = 0;
    for (uint64_t run = 0; run < RUNS; run++) {
        draw_normal(N, 1, 0.8, 4 + run);
        for (int64_t i = 0; i < N; i++) {
            wide[4 * i] = wide[4 * i + 1] = xs[i];
            wide[4 * i + 2] = 3 * xs[i] - 1;
            wide[4 * i + 3] = 7;
            other[3 * i] = ys[i];
            other[3 * i + 1] = -ys[i];
            other[3 * i + 2] = exp(ys[i]);
        }
        const mi_samples x = samples(wide, N, 4), y = samples(other, N, 3);
        const mi_estimate_options o = by(MI_METHOD_CANONICAL);
        mean += estimate(&x, &y, NULL, &o, NULL).value / RUNS;
    }
    printf("# columns that follow: %.4f on average\n", mean);
    near(mean, 0.51082562376599072, 0.04);
}
END_TEST

START_TEST(too_few_samples) {
    draw_normal(30, 2, 0.5, 5);
    const mi_samples x = samples(xs, 30, 2), y = samples(ys, 30, 2);
    mi_estimate_options o = by(MI_METHOD_CANONICAL);
    mi_estimate_result r = fresh();
    o.k = 5;
    FAILS(MI_E_ARG, "17 neighbours in half of 30 samples",
          mi_estimate_mi(NULL, &x, &y, NULL, &o, NULL, &r));
    o.k = 4;
    OK(mi_estimate_mi(NULL, &x, &y, NULL, &o, NULL, &r));
    ck_assert(r.warnings & MI_WARNING_FEW);
}
END_TEST

START_TEST(plain_shares_are_of_the_nearer_neighbours) {
    enum { N = 1000 };
    static double plain[N];
    const mi_context_options co = {.struct_size = sizeof co, .threads = 1};
    const mi_estimate_options o = {
        .struct_size = sizeof o, .method = MI_METHOD_CANONICAL, .k = 3, .seed = 1};
    double mean = 0, all = 0;
    mi__answer a;
    mi_context *context;
    OK(mi_context_create(&co, &context));
    draw_normal(N, 2, 0.8, 6);
    const mi__question q = {.ctx = context,
                            .x = {N, 2, xs, false},
                            .y = {N, 2, ys, false},
                            .options = &o,
                            .local = locals};
    OK(mi__canonical_fit(&q, plain, &a));
    for (int64_t i = 0; i < N; i++) {
        mean += plain[i] / N;
        all += locals[i] / N;
    }
    near(all, a.value, 1e-9);
    ck_assert(mean <= a.value && mean > 0.5);
    mi_context_destroy(context);
}
END_TEST

START_TEST(every_allocation_may_fail) {
    draw_normal(60, 2, 0.6, 7);
    const mi_samples x = samples(xs, 60, 2), y = samples(ys, 60, 2);
    const mi_estimate_options o = by(MI_METHOD_CANONICAL);
    for (long long fail_at = 1;; fail_at++) {
        failing f = {0};
        mi_context *context;
        mi_estimate_result r = fresh();
        OK(failing_context(&f, 1, 0, &context));
        const long long before = f.living;
        f.calls = 0;
        f.fail_at = fail_at;
        const mi_status status = mi_estimate_mi(context, &x, &y, NULL, &o, locals, &r);
        ck_assert_int_eq(f.living, before);
        mi_context_destroy(context);
        if (f.calls < fail_at) {
            ck_assert_int_eq(status, MI_OK);
            break;
        }
        ck_assert_int_eq(status, MI_E_NOMEM);
        ck_assert(r.value == unset);
    }
}
END_TEST

UNIT_MAIN("canonical", gaussians, turns_by_length, chance_tells_nothing,
          columns_that_follow_from_others, too_few_samples,
          plain_shares_are_of_the_nearer_neighbours, every_allocation_may_fail)
