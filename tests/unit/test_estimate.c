/* SPDX-License-Identifier: BSD-2-Clause */
/* The front door: every method against what is known in closed form. */
#include "door_case.h"

#include <stdio.h>

static double zs[MOST];

static double mean_of(int64_t n, const double *v) {
    double mean = 0;
    for (int64_t i = 0; i < n; i++)
        mean += v[i] / (double)n;
    return mean;
}

/* -- closed forms ------------------------------------------------------------------------------ */

START_TEST(gaussians_by_every_method) {
    static const struct {
        int32_t method;
        double tolerance, local_tolerance;
    } cases[] = {{MI_METHOD_AUTO, 0.04, 1e-2},      {MI_METHOD_HISTOGRAM, 0.06, 1e-9},
                 {MI_METHOD_KSG, 0.04, 1e-9},       {MI_METHOD_KSG2, 0.04, 1e-9},
                 {MI_METHOD_GAO, 0.05, 1e-9},       {MI_METHOD_GAUSSIAN, 0.03, 1e-2},
                 {MI_METHOD_COPULA, 0.03, 1e-2},    {MI_METHOD_STUDENT, 0.03, 1e-2},
                 {MI_METHOD_CANONICAL, 0.06, 1e-9}, {MI_METHOD_NEURAL, 0.06, 1e-9}};
    const int64_t n = 4000;
    draw_normal(n, 1, 0.8, 1);
    const mi_samples x = samples(xs, n, 1), y = samples(ys, n, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mi_estimate_options o = by(cases[i].method);
        const mi_estimate_result r = estimate(&x, &y, NULL, &o, locals);
        printf("# %s: %.4f, exact is 0.5108; mean of the shares %.4f\n", mi_method_name(r.method),
               r.value, mean_of(n, locals));
        near(r.value, 0.51082562376599072, cases[i].tolerance);
        near(mean_of(n, locals), r.value, cases[i].local_tolerance);
        ck_assert(r.method == cases[i].method || cases[i].method == MI_METHOD_AUTO);
        ck_assert(r.n == n && r.unit == MI_UNIT_NATS && r.warnings == 0);
        ck_assert(r.cap > r.value && isnan(r.error) && isnan(r.low) && isnan(r.high));
        ck_assert(isnan(r.p_value) && isnan(r.null_mean));
    }
}
END_TEST

/* x in 0, 1 and y = x + uniform on [0, 2): half of the time y tells x. */
START_TEST(a_sign_plus_noise) {
    const int64_t n = 4000;
    mi__random r = mi__random_at(2, 55, 0);
    for (int64_t i = 0; i < n; i++) {
        xs[i] = (double)mi__random_below(&r, 2);
        ys[i] = xs[i] + mi__random_range(&r, 0, 2);
    }
    const mi_samples x = samples(xs, n, 1), y = samples(ys, n, 1);
    for (int swap = 0; swap <= 1; swap++) {
        const mi_estimate_result e = estimate(swap ? &y : &x, swap ? &x : &y, NULL, NULL, locals);
        ck_assert_int_eq(e.method, MI_METHOD_ROSS);
        near(e.value, ln2 / 2, 0.03);
        near(mean_of(n, locals), e.value, 1e-9);
    }
}
END_TEST

/* Half of the pairs are of two values that agree 4 times in 5, half are Gaussian; which half it is
 * can be seen from either, as in Gao et al. */
START_TEST(a_mixture_of_values_and_numbers) {
    const int64_t n = 5000;
    const double truth = ln2 + 0.5 * 0.19274475702175753 - 0.25 * log1p(-0.81);
    draw_normal(n, 1, 0.9, 3);
    mi__random r = mi__random_at(3, 56, 0);
    for (int64_t i = 0; i < n; i++)
        if (mi__random_below(&r, 2) == 0) {
            xs[i] = (double)mi__random_below(&r, 2) * 8 - 4;
            ys[i] = mi__random_below(&r, 5) > 0 ? xs[i] : -xs[i];
        }
    const mi_samples x = samples(xs, n, 1), y = samples(ys, n, 1);
    const mi_estimate_result e = estimate(&x, &y, NULL, NULL, NULL);
    ck_assert_int_eq(e.method, MI_METHOD_GAO);
    printf("# mixture: %.4f, exact is %.4f\n", e.value, truth);
    near(e.value, truth, 0.05);
}
END_TEST

/* [[.4, .1], [.1, .4]], and y = x xor z. */
START_TEST(values) {
    const int64_t n = 1000;
    static int32_t a[1000], b[1000], c[1000];
    mi_samples x = {.struct_size = sizeof x, .data = a, .n = n, .dtype = MI_DTYPE_I32};
    mi_samples y = x, z = x;
    y.data = b;
    z.data = c;
    for (int i = 0; i < n; i++) {
        a[i] = i < 500;
        b[i] = a[i] ^ (i % 5 == 0);
        c[i] = a[i] ^ b[i];
    }
    mi_estimate_options o = by(MI_METHOD_AUTO);
    mi_estimate_result r = estimate(&x, &y, NULL, &o, locals);
    ck_assert_int_eq(r.method, MI_METHOD_DISCRETE);
    near(r.value, 0.19274475702175753, 1e-12);
    near(mean_of(n, locals), r.value, 1e-12);
    near(estimate(&x, &y, &z, &o, NULL).value, ln2, 1e-12);
    o.correction = MI_CORRECTION_MILLER_MADOW;
    near(estimate(&x, &y, NULL, &o, NULL).value, 0.19274475702175753 - 1 / 2000., 1e-12);
}
END_TEST

START_TEST(entropies) {
    const int64_t n = 5000;
    const double normal = 0.5 * log(2 * 3.14159265358979323846 * exp(1));
    draw_normal(n, 1, 0, 4);
    const mi_samples x = samples(xs, n, 1);
    for (int32_t m = MI_METHOD_AUTO; m <= MI_METHOD_GAUSSIAN; m++) {
        mi_estimate_options o = by(m);
        mi_estimate_result r = fresh();
        if (m != MI_METHOD_AUTO && m != MI_METHOD_KSG && m != MI_METHOD_HISTOGRAM &&
            m != MI_METHOD_GAUSSIAN)
            continue;
        OK(mi_estimate_entropy(NULL, &x, &o, locals, &r));
        near(r.value, normal, 0.06);
        near(mean_of(n, locals), r.value, m == MI_METHOD_GAUSSIAN ? 1e-2 : 1e-9);
        ck_assert_int_eq(r.method, m == MI_METHOD_AUTO ? MI_METHOD_KSG : m);
        o.unit = MI_UNIT_BITS;
        o.resamples = 20;
        OK(mi_estimate_entropy(NULL, &x, &o, NULL, &r));
        near(r.value, normal / ln2, 0.06 / ln2);
        ck_assert(r.error > 0.005 && r.error < 0.05 && r.low < r.value && r.value < r.high);
    }
    static uint8_t byte[25600];
    for (int i = 0; i < 25600; i++)
        byte[i] = (uint8_t)i;
    const mi_samples b = {.struct_size = sizeof b, .data = byte, .n = 25600, .dtype = MI_DTYPE_U8};
    mi_estimate_options o = by(MI_METHOD_AUTO);
    mi_estimate_result r = fresh();
    o.unit = MI_UNIT_BITS;
    OK(mi_estimate_entropy(NULL, &b, &o, NULL, &r));
    near(r.value, 8, 1e-12);
    ck_assert_int_eq(r.method, MI_METHOD_DISCRETE);
}
END_TEST

/* x and y are z and noise: all that they have in common is z. */
START_TEST(given_a_third) {
    static const int32_t methods[] = {MI_METHOD_KSG,    MI_METHOD_GAO,     MI_METHOD_GAUSSIAN,
                                      MI_METHOD_COPULA, MI_METHOD_STUDENT, MI_METHOD_AUTO};
    const int64_t n = 3000;
    mi__random r = mi__random_at(5, 55, 0);
    for (int64_t i = 0; i < n; i++) {
        zs[i] = mi__random_normal(&r);
        xs[i] = zs[i] + mi__random_normal(&r);
        ys[i] = zs[i] + mi__random_normal(&r);
    }
    const mi_samples x = samples(xs, n, 1), y = samples(ys, n, 1), z = samples(zs, n, 1);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        const mi_estimate_options o = by(methods[i]);
        near(estimate(&x, &y, &z, &o, NULL).value, 0, 0.05);
        near(estimate(&x, &y, NULL, &o, NULL).value, -0.5 * log1p(-0.25), 0.03);
    }
}
END_TEST

START_TEST(units) {
    const int64_t n = 300;
    static double shares[300];
    draw_normal(n, 1, 0.6, 6);
    const mi_samples x = samples(xs, n, 1), y = samples(ys, n, 1);
    mi_estimate_options o = by(MI_METHOD_KSG);
    o.resamples = o.permutations = 10;
    const mi_estimate_result nats = estimate(&x, &y, NULL, &o, shares);
    o.unit = MI_UNIT_BITS;
    const mi_estimate_result bits = estimate(&x, &y, NULL, &o, locals);
    ck_assert(nats.unit == MI_UNIT_NATS && bits.unit == MI_UNIT_BITS);
    near(bits.value * ln2, nats.value, 1e-15);
    near(bits.cap * ln2, nats.cap, 1e-14);
    near(bits.error * ln2, nats.error, 1e-15);
    near(bits.low * ln2, nats.low, 1e-15);
    near(bits.high * ln2, nats.high, 1e-15);
    near(bits.null_mean * ln2, nats.null_mean, 1e-15);
    ck_assert(bits.p_value == nats.p_value && isfinite(bits.error) && isfinite(bits.null_mean));
    for (int64_t i = 0; i < n; i++)
        near(locals[i] * ln2, shares[i], 1e-14);
}
END_TEST

/* -- what is done to columns ------------------------------------------------------------------- */

START_TEST(scales) {
    const int64_t n = 1000;
    draw_normal(n, 2, 0.8, 7);
    for (int64_t i = 0; i < n; i++)
        xs[2 * i + 1] *= 1e6; /* its neighbours would be all that counts */
    const mi_samples x = samples(xs, n, 2), y = samples(ys, n, 2);
    mi_estimate_options o = by(MI_METHOD_KSG);
    const double standard = estimate(&x, &y, NULL, &o, NULL).value;
    near(standard, 1.0216512475319814, 0.15);
    o.scale = MI_SCALE_STANDARD;
    ck_assert(estimate(&x, &y, NULL, &o, NULL).value == standard);
    o.scale = MI_SCALE_NONE;
    ck_assert(estimate(&x, &y, NULL, &o, NULL).value < standard - 0.2);
    o.scale = MI_SCALE_RANK;
    const double rank = estimate(&x, &y, NULL, &o, NULL).value;
    near(rank, standard, 0.1);
    for (int64_t i = 0; i < 2 * n; i++)
        ys[i] = exp(3 * ys[i]);
    near(estimate(&x, &y, NULL, &o, NULL).value, rank, 1e-12); /* only order counts */

    o = by(MI_METHOD_COPULA); /* ranks whatever the scale */
    const double copula = estimate(&x, &y, NULL, &o, NULL).value;
    near(copula, 1.0216512475319814, 0.1);
    o.scale = MI_SCALE_RANK;
    ck_assert(estimate(&x, &y, NULL, &o, NULL).value == copula);
    o.method = MI_METHOD_GAUSSIAN;
    near(estimate(&x, &y, NULL, &o, NULL).value, copula, 1e-12);
}
END_TEST

START_TEST(noise_breaks_ties) {
    const int64_t n = 1000;
    draw_normal(n, 1, 0.8, 8);
    for (int64_t i = 0; i < n; i++) {
        xs[i] = floor(xs[i] * 8) / 8;
        ys[i] = floor(ys[i] * 8) / 8;
    }
    const mi_samples x = samples(xs, n, 1), y = samples(ys, n, 1);
    mi_estimate_options o = by(MI_METHOD_KSG);
    const mi_estimate_result tied = estimate(&x, &y, NULL, &o, NULL);
    ck_assert(tied.warnings & MI_WARNING_TIES);
    o.noise = 0.05;
    const mi_estimate_result one = estimate(&x, &y, NULL, &o, NULL);
    ck_assert(!(one.warnings & MI_WARNING_TIES));
    near(one.value, 0.51, 0.08);
    ck_assert(estimate(&x, &y, NULL, &o, NULL).value == one.value);
    o.seed = 9;
    const mi_estimate_result other = estimate(&x, &y, NULL, &o, NULL);
    ck_assert(other.value != one.value);
    mi_context *context;
    mi_context_options co = {.struct_size = sizeof co, .seed = 9};
    mi_estimate_result r = fresh();
    OK(mi_context_create(&co, &context));
    o.seed = 0; /* the context's */
    OK(mi_estimate_mi(context, &x, &y, NULL, &o, NULL, &r));
    ck_assert(r.value == other.value);
    mi_context_destroy(context);
}
END_TEST

/* Another type, rows with something between them: the same numbers, the same estimate. */
START_TEST(arrays_of_other_shapes) {
    static float a[500][3];
    draw_normal(500, 1, 0.7, 9);
    for (int i = 0; i < 500; i++)
        a[i][0] = a[i][1] = (float)(xs[i] = (float)xs[i]), a[i][2] = NAN;
    const mi_samples x = samples(xs, 500, 0), y = samples(ys, 500, 1);
    const mi_samples f = {
        .struct_size = sizeof f, .data = &a[0][1], .n = 500, .ld = 3, .dtype = MI_DTYPE_F32};
    const mi_estimate_options o = by(MI_METHOD_KSG);
    ck_assert(estimate(&x, &y, NULL, &o, NULL).value == estimate(&f, &y, NULL, &o, NULL).value);
}
END_TEST

/* Whole numbers pass for names, until a method is asked for that knows numbers only. */
START_TEST(whole_numbers_are_numbers_again) {
    static int32_t a[2000];
    draw_normal(2000, 1, 0.8, 19);
    for (int i = 0; i < 2000; i++)
        a[i] = (int32_t)(2000 * xs[i]);
    const mi_samples y = samples(ys, 2000, 1);
    const mi_samples x = {.struct_size = sizeof x, .data = a, .n = 2000, .dtype = MI_DTYPE_I32};
    static const int32_t methods[] = {MI_METHOD_KSG, MI_METHOD_GAUSSIAN, MI_METHOD_COPULA};
    for (int i = 0; i < 3; i++) {
        const mi_estimate_options o = by(methods[i]);
        near(estimate(&x, &y, NULL, &o, NULL).value, 0.51082562376599072, 0.06);
    }
    ck_assert_int_eq(estimate(&x, &y, NULL, NULL, NULL).method, MI_METHOD_ROSS);
}
END_TEST

/* -- warnings ---------------------------------------------------------------------------------- */

static int32_t warnings_of(const mi_samples *x, const mi_samples *y, int32_t method) {
    const mi_estimate_options o = by(method);
    return estimate(x, y, NULL, &o, NULL).warnings;
}

START_TEST(each_warning_once) {
    const int64_t n = 400;
    draw_normal(n, 8, 0.5, 11);
    const mi_samples x = samples(xs, n, 1), wide = samples(ys, 40, 20);
    for (int64_t i = 0; i < n; i++)
        zs[i] = 2 * xs[i] + 1;
    const mi_samples line = samples(zs, n, 1);
    const int32_t same = warnings_of(&x, &x, MI_METHOD_DISCRETE);
    ck_assert_int_eq(same, MI_WARNING_CAP | MI_WARNING_FEW);
    ck_assert(warnings_of(&x, &line, MI_METHOD_GAUSSIAN) & MI_WARNING_SINGULAR);
    const mi_estimate_options o = by(MI_METHOD_GAUSSIAN);
    ck_assert(estimate(&x, &line, NULL, &o, NULL).value == INFINITY);
    mi_samples forty = samples(xs, 40, 1);
    ck_assert(warnings_of(&forty, &wide, MI_METHOD_GAUSSIAN) &
              (MI_WARNING_FEW | MI_WARNING_SINGULAR));
    for (int64_t i = 0; i < n; i++)
        zs[i] = floor(4 * ys[i]) / 4;
    ck_assert_int_eq(warnings_of(&x, &line, MI_METHOD_KSG), MI_WARNING_TIES);
    ck_assert_int_eq(warnings_of(&x, &line, MI_METHOD_GAO), 0);
    for (int64_t i = 0; i < n; i++)
        zs[i] = 0.1;
    for (int32_t m = MI_METHOD_AUTO; m <= MI_METHOD_CANONICAL; m++)
        ck_assert_int_eq(warnings_of(&x, &line, m), MI_WARNING_CONSTANT);
}
END_TEST

START_TEST(words) {
    static const char *const methods[] = {"auto",   "discrete", "histogram", "ksg",
                                          "ksg2",   "ross",     "gao",       "gaussian",
                                          "copula", "neural",   "student",   "canonical"};
    for (int32_t m = 0; m < 12; m++)
        ck_assert_str_eq(mi_method_name(m), methods[m]);
    ck_assert_str_eq(mi_method_name(12), "?");
    ck_assert_str_eq(mi_method_name(-1), "?");
    for (int32_t w = 1; w <= MI_WARNING_UNSURE; w *= 2) {
        const char *text = mi_warning_text(w);
        ck_assert(strlen(text) > 20 && text[strlen(text) - 1] != '.');
        ck_assert(w == 1 || strcmp(text, mi_warning_text(w / 2)) != 0);
    }
    ck_assert_str_eq(mi_warning_text(0), "?");
    ck_assert_str_eq(mi_warning_text(3), "?");
    ck_assert_str_eq(mi_warning_text(64), "?");
}
END_TEST

UNIT_MAIN("estimate", gaussians_by_every_method, a_sign_plus_noise, a_mixture_of_values_and_numbers,
          values, entropies, given_a_third, units, scales, noise_breaks_ties,
          arrays_of_other_shapes, whole_numbers_are_numbers_again, each_warning_once, words)
