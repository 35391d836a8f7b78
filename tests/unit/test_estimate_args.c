/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything that can be wrong with what is asked of the front door. */
#include "door_case.h"
#include "failing.h"

#include <stdbool.h>

static double zs[MOST];

static mi_samples names(const double *data, int64_t n) {
    mi_samples s = samples(data, n, 1);
    s.kind = MI_KIND_DISCRETE;
    return s;
}

/* -- constants --------------------------------------------------------------------------------- */

START_TEST(constants_tell_nothing) {
    const int64_t n = 100;
    draw_normal(n, 1, 0.9, 12);
    for (int64_t i = 0; i < n; i++)
        zs[i] = 0.25;
    const mi_samples x = samples(xs, n, 1), y = samples(ys, n, 1), c = samples(zs, n, 1);
    for (int32_t m = MI_METHOD_AUTO; m <= MI_METHOD_CANONICAL; m++)
        for (int side = 0; side < 3; side++) {
            mi_estimate_options o = by(m);
            o.resamples = o.permutations = 4;
            o.noise = m == MI_METHOD_KSG ? 0.1 : 0;
            const mi_estimate_result r =
                estimate(side > 0 ? &c : &x, side != 1 ? &c : &x, NULL, &o, locals);
            ck_assert(r.value == 0 && r.cap == 0 && r.warnings == MI_WARNING_CONSTANT);
            ck_assert(r.error == 0 && r.low == 0 && r.high == 0 && r.null_mean == 0);
            ck_assert(r.p_value == 1 && locals[0] == 0 && locals[n - 1] == 0);
        }
    /* A constant that is given changes nothing. */
    const mi_estimate_options o = by(MI_METHOD_KSG);
    const mi_estimate_result r = estimate(&x, &y, &c, &o, NULL);
    ck_assert(r.value == estimate(&x, &y, NULL, &o, NULL).value);
    ck_assert_int_eq(r.warnings, MI_WARNING_CONSTANT);
    mi_estimate_result h = fresh();
    OK(mi_estimate_entropy(NULL, &c, NULL, locals, &h));
    ck_assert(h.value == -INFINITY && h.method == MI_METHOD_KSG && locals[5] == -INFINITY);
    const mi_samples name = names(zs, n);
    OK(mi_estimate_entropy(NULL, &name, NULL, locals, &h));
    ck_assert(h.value == 0 && h.method == MI_METHOD_DISCRETE && locals[5] == 0);
    const mi_samples one = samples(xs, 1, 1); /* one sample is always the same */
    ck_assert(estimate(&one, &one, NULL, NULL, NULL).value == 0);
}
END_TEST

/* -- what is wrong with what is asked ---------------------------------------------------------- */

#define REFUSES(code, text, ...)                                                                   \
    do {                                                                                           \
        mi_estimate_result r_ = fresh();                                                           \
        locals[0] = unset;                                                                         \
        FAILS(code, text, mi_estimate_mi(NULL, __VA_ARGS__, locals, &r_));                         \
        ck_assert(r_.value == unset && r_.method == -1 && locals[0] == unset);                     \
    } while (0)

START_TEST(hostile_options) {
    draw_normal(100, 1, 0.5, 13);
    const mi_samples x = samples(xs, 100, 1), y = samples(ys, 100, 1);
    mi_estimate_options o;
#define WRONG(text, setting)                                                                       \
    o = by(MI_METHOD_KSG);                                                                         \
    o.setting;                                                                                     \
    REFUSES(MI_E_ARG, text, &x, &y, NULL, &o)
    WRONG("method must be in 0 to 11, got 12", method = 12);
    WRONG("got -1", method = -1);
    WRONG("unit must be in 0 to 1, got 2", unit = 2);
    WRONG("scale must be in 0 to 3, got 4", scale = 4);
    WRONG("k must", k = -1);
    WRONG("k must be below the 100 samples, got 100", k = 100);
    WRONG("metric must be in 0 to 1, got 2", metric = 2);
    WRONG("correction must be in 0 to 2, got 3", correction = 3);
    WRONG("bins must be in 0 to 65536, got 65537", bins = 65537);
    WRONG("bins must be at least 2, got 1", bins = 1);
    WRONG("bin_kind must be in 0 to 1, got 2", bin_kind = 2);
    WRONG("noise must be in 0 to 1, got nan", noise = NAN);
    WRONG("noise must be in 0 to 1, got -0.5", noise = -0.5);
    WRONG("noise must be in 0 to 1, got 2", noise = 2);
    WRONG("resamples must be at least 2, got 1", resamples = 1);
    WRONG("resamples must be in 0 to", resamples = -2);
    WRONG("resample must be in 0 to 1, got 2", resample = 2);
    WRONG("level must be in 0 to 1, got 1", level = 1);
    WRONG("level must be in 0 to 1, got nan", level = NAN);
    WRONG("permutations must be in 0 to", permutations = -1);
    WRONG("reserved0", reserved0 = 1);
#undef WRONG
    o = by(MI_METHOD_KSG);
    o.struct_size = 7;
    REFUSES(MI_E_ABI, "mi_estimate_options.struct_size is 7", &x, &y, NULL, &o);
    o = by(MI_METHOD_KSG);
    o.permutations = 9;
    mi_estimate_result r = fresh();
    FAILS(MI_E_ARG, "permutations must be 0 for an entropy, got 9",
          mi_estimate_entropy(NULL, &x, &o, NULL, &r));
    ck_assert(r.value == unset);
    r.struct_size = 3;
    FAILS(MI_E_ABI, "mi_estimate_result.struct_size is 3",
          mi_estimate_mi(NULL, &x, &y, NULL, NULL, NULL, &r));
}
END_TEST

START_TEST(what_methods_cannot) {
    draw_normal(200, 1, 0.5, 14);
    for (int i = 0; i < 200; i++)
        zs[i] = (double)(i % 4);
    const mi_samples x = samples(xs, 200, 1), y = samples(ys, 200, 1), z = samples(zs, 200, 1);
    const mi_samples group = names(zs, 200);
    mi_estimate_options o;
    mi_estimate_result r = fresh();
    static const int32_t without_z[] = {MI_METHOD_KSG2, MI_METHOD_ROSS, MI_METHOD_NEURAL};
    for (int i = 0; i < 3; i++) {
        o = by(without_z[i]);
        REFUSES(MI_E_UNSUPPORTED, "discrete, histogram, ksg, gao, gaussian, copula and student can",
                &x, &y, &z, &o);
    }
    static const int32_t no_entropy[] = {MI_METHOD_KSG2,     MI_METHOD_ROSS,   MI_METHOD_GAO,
                                         MI_METHOD_COPULA,   MI_METHOD_NEURAL, MI_METHOD_STUDENT,
                                         MI_METHOD_CANONICAL};
    for (int i = 0; i < 7; i++) {
        o = by(no_entropy[i]);
        FAILS(MI_E_UNSUPPORTED, "discrete, histogram, ksg and gaussian can",
              mi_estimate_entropy(NULL, &x, &o, NULL, &r));
    }
    static const int32_t numbers_only[] = {MI_METHOD_KSG, MI_METHOD_KSG2, MI_METHOD_GAUSSIAN,
                                           MI_METHOD_COPULA, MI_METHOD_NEURAL};
    for (int i = 0; i < 5; i++) {
        o = by(numbers_only[i]);
        REFUSES(MI_E_UNSUPPORTED, "discrete, histogram, ross and gao can", &x, &group, NULL, &o);
    }
    o = by(MI_METHOD_ROSS);
    REFUSES(MI_E_UNSUPPORTED, "both are numbers: ksg, ksg2 and gao can", &x, &y, NULL, &o);
    REFUSES(MI_E_UNSUPPORTED, "both are discrete", &group, &z, NULL, &o);
    o = by(MI_METHOD_KSG);
    o.resamples = 10;
    o.resample = MI_RESAMPLE_BOOTSTRAP;
    REFUSES(MI_E_UNSUPPORTED, "discrete, histogram, gaussian, copula and student can", &x, &y, NULL,
            &o);
    o = by(MI_METHOD_COPULA);
    o.scale = MI_SCALE_NONE;
    REFUSES(MI_E_UNSUPPORTED, "copula can't have another scale", &x, &y, NULL, &o);
    o = by(MI_METHOD_AUTO);
    o.scale = MI_SCALE_STANDARD;
    REFUSES(MI_E_UNSUPPORTED, "auto can't have another scale: ", &x, &y, NULL, &o);
    o = by(MI_METHOD_KSG);
    o.permutations = 9;
    REFUSES(MI_E_UNSUPPORTED, "z must be discrete", &x, &x, &y, &o);
}
END_TEST

START_TEST(hostile_arrays) {
    draw_normal(200, 1, 0.5, 15);
    const mi_samples x = samples(xs, 100, 1), y = samples(ys, 100, 1);
    mi_samples s = y;
    REFUSES(MI_E_ARG, "x must not be NULL", NULL, &y, NULL, NULL);
    REFUSES(MI_E_ARG, "y must not be NULL", &x, NULL, NULL, NULL);
    FAILS(MI_E_ARG, "result must not be NULL",
          mi_estimate_mi(NULL, &x, &y, NULL, NULL, NULL, NULL));
    s.n = 99;
    REFUSES(MI_E_SHAPE, "y has 99 samples, not 100", &x, &s, NULL, NULL);
    REFUSES(MI_E_SHAPE, "z has 99 samples, not 100", &x, &y, &s, NULL);
    s.n = 0;
    REFUSES(MI_E_ARG, "x.n", &s, &y, NULL, NULL);
    s = y;
    s.d = -1;
    REFUSES(MI_E_ARG, "y.d", &x, &s, NULL, NULL);
    s = y;
    s.data = NULL;
    REFUSES(MI_E_ARG, "y.data", &x, &s, NULL, NULL);
    s = y;
    s.kind = 9;
    REFUSES(MI_E_ARG, "y.kind", &x, &s, NULL, NULL);
    s = y;
    s.struct_size = 1;
    REFUSES(MI_E_ABI, "mi_samples", &x, &s, NULL, NULL);
    ys[40] = NAN;
    REFUSES(MI_E_NUMERIC, "y[40] is NaN", &x, &y, NULL, NULL);
    ys[40] = INFINITY;
    REFUSES(MI_E_NUMERIC, "y[40] is infinity", &x, &y, NULL, NULL);
    ys[40] = 0;
    const mi_samples three = samples(xs, 3, 1), also = samples(ys, 3, 1);
    mi_estimate_options o = by(MI_METHOD_KSG);
    ck_assert(isfinite(estimate(&three, &also, NULL, &o, NULL).value)); /* with 2 neighbours */
    o.k = 3;
    REFUSES(MI_E_ARG, "k must be below the 3 samples, got 3", &three, &also, NULL, &o);
}
END_TEST

/* Halves of the samples must be enough for the method. */
START_TEST(samples_too_few_to_halve) {
    static const struct {
        int32_t method, n, d;
        const char *message;
    } cases[] = {
        {MI_METHOD_KSG, 7, 1, "ksg takes 4 samples or more, and half of 7 is fewer"},
        {MI_METHOD_GAUSSIAN, 10, 3, "gaussian takes 7 samples or more, and half of 10 is fewer"},
        {MI_METHOD_COPULA, 10, 3, "copula takes 7 samples"},
        {MI_METHOD_STUDENT, 10, 3, "student takes 7 samples"},
        {MI_METHOD_CANONICAL, 40, 2, "canonical takes 22 samples"},
        {MI_METHOD_NEURAL, 100, 1, "neural takes 64 samples"},
        {MI_METHOD_HISTOGRAM, 3, 1, "histogram takes 2 samples"},
        {MI_METHOD_AUTO, 20, 6, "copula takes 13 samples"},
    };
    draw_normal(100, 8, 0, 19);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mi_samples x = samples(xs, cases[i].n, cases[i].d);
        const mi_samples y = samples(ys, cases[i].n, cases[i].d);
        mi_estimate_options o = by(cases[i].method);
        o.resamples = 10;
        REFUSES(MI_E_ARG, cases[i].message, &x, &y, NULL, &o);
    }
    double same[3] = {1, 1, 1};
    const mi_samples x = samples(same, 3, 1), y = samples(ys, 3, 1);
    mi_estimate_options o = by(MI_METHOD_AUTO);
    o.resamples = 10;
    const mi_estimate_result e = estimate(&x, &y, NULL, &o, NULL);
    ck_assert(e.value == 0 && e.error == 0 && e.low == 0 && e.high == 0);
}
END_TEST

/* The entropy of names is theirs, not of a density, by whatever method. */
START_TEST(constant_names) {
    static const double zero[20];
    mi_samples x = samples(zero, 20, 1);
    x.kind = MI_KIND_DISCRETE;
    for (int32_t m = MI_METHOD_DISCRETE; m <= MI_METHOD_HISTOGRAM; m++) {
        const mi_estimate_options o = by(m);
        mi_estimate_result e = fresh();
        OK(mi_estimate_entropy(NULL, &x, &o, NULL, &e));
        ck_assert(e.value == 0 && e.warnings == MI_WARNING_CONSTANT);
    }
}
END_TEST

/* Every method on numbers that it has no reason to expect ends, with a value or an error. */
START_TEST(degenerate_numbers) {
    enum { N = 64 };
    mi__random r = mi__random_at(16, 55, 0);
    for (int kind = 0; kind < 8; kind++) {
        for (int i = 0; i < N; i++) {
            const double v = mi__random_normal(&r), w = mi__random_normal(&r);
            xs[i] = kind == 0   ? i % 2 + 0.5
                    : kind == 1 ? v * 1e300
                    : kind == 2 ? v * 1e-300
                    : kind == 7 ? copysign(1.7e308, v) * fabs(sin(w))
                                : v;
            ys[i] = kind == 0   ? 0.5 + (i % 2)
                    : kind == 3 ? xs[i]
                    : kind == 4 ? 1e17 + floor(w)
                    : kind == 5 ? (i == 0)
                    : kind == 6 ? copysign(1e308, w)
                                : w;
        }
        for (int32_t i = 0; i < 4 * (MI_METHOD_CANONICAL + 1); i++) {
            const int32_t m = i / 4;
            const bool noise = i % 4 > 1, entropy = i % 2 > 0;
            if (m == MI_METHOD_NEURAL && noise)
                continue; /* it takes long, and noise comes before any method */
            mi_samples x = samples(xs, N, 1), y = samples(ys, N, 1);
            if (m == MI_METHOD_ROSS)
                y.kind = MI_KIND_DISCRETE;
            mi_estimate_options o = by(m);
            o.noise = noise ? 1 : 0;
            mi_estimate_result e = fresh();
            const mi_status status = entropy ? mi_estimate_entropy(NULL, &x, &o, locals, &e)
                                             : mi_estimate_mi(NULL, &x, &y, NULL, &o, locals, &e);
            ck_assert_msg(status != MI_OK || !isnan(e.value), "%s, kind %d, %s%s: NaN",
                          mi_method_name(m), kind, entropy ? "entropy" : "mi",
                          noise ? ", noise" : "");
            ck_assert((status == MI_OK) == (e.value != unset));
            if (kind == 0 && !noise && !entropy && (m == MI_METHOD_AUTO || m == MI_METHOD_DISCRETE))
                near(e.value, ln2, m == MI_METHOD_DISCRETE ? 1e-9 : 0.05);
        }
    }
}
END_TEST

/* -- threads and memory ------------------------------------------------------------------------ */

START_TEST(threads_change_nothing) {
    enum { N = 1500 };
    static double shares[N];
    draw_normal(N, 1, 0.6, 17);
    for (int i = 0; i < N; i++)
        zs[i] = (double)(i % 3);
    const mi_samples x = samples(xs, N, 1), y = samples(ys, N, 1), z = samples(zs, N, 1);
    for (int32_t m = MI_METHOD_AUTO; m <= MI_METHOD_CANONICAL; m++) {
        mi_estimate_result first = fresh();
        if (m == MI_METHOD_NEURAL)
            continue; /* see below */
        for (int32_t threads = 1; threads <= 4; threads += 3) {
            mi_context *context;
            mi_context_options co = {.struct_size = sizeof co, .threads = threads};
            mi_estimate_options o = by(m);
            mi_estimate_result r = fresh();
            o.resamples = o.permutations = 4;
            OK(mi_context_create(&co, &context));
            OK(mi_estimate_mi(context, &x, m == MI_METHOD_ROSS ? &z : &y, NULL, &o, locals, &r));
            if (threads == 1) {
                first = r;
                memcpy(shares, locals, sizeof shares);
            }
            ck_assert_msg(memcmp(&r, &first, sizeof r) == 0, "%s", mi_method_name(m));
            ck_assert_mem_eq(shares, locals, sizeof shares);
            mi_context_destroy(context);
        }
    }
}
END_TEST

START_TEST(every_allocation_may_fail) {
    enum { N = 60 };
    draw_normal(N, 1, 0.6, 18);
    for (int i = 0; i < N; i++)
        zs[i] = (double)(i % 3);
    const mi_samples x = samples(xs, N, 1), y = samples(ys, N, 1), z = samples(zs, N, 1);
    for (int32_t m = MI_METHOD_AUTO; m <= MI_METHOD_CANONICAL; m++)
        for (long long fail_at = 1; m != MI_METHOD_NEURAL; fail_at++) {
            failing f = {0};
            mi_context *context;
            mi_estimate_options o = by(m);
            mi_estimate_result r = fresh();
            o.resamples = 2;
            o.permutations = 1;
            o.noise = 0.01;
            OK(failing_context(&f, 1, 0, &context));
            const long long before = f.living;
            f.calls = 0;
            f.fail_at = fail_at;
            locals[0] = unset;
            const bool named = m == MI_METHOD_ROSS, given = m == MI_METHOD_GAO;
            mi_status status =
                mi_estimate_mi(context, &x, named ? &z : &y, given ? &z : NULL, &o, locals, &r);
            ck_assert_int_eq(f.living, before);
            mi_context_destroy(context);
            if (f.calls < fail_at) {
                ck_assert_int_eq(status, MI_OK);
                break;
            }
            ck_assert_int_eq(status, MI_E_NOMEM);
            ck_assert(r.value == unset && locals[0] == unset);
        }
}
END_TEST

/* Networks take their time, so they get few samples and fewer failures. */
START_TEST(networks_are_like_other_methods) {
    enum { N = 100 };
    draw_normal(N, 1, 0.9, 20);
    const mi_samples x = samples(xs, N, 1), y = samples(ys, N, 1);
    const mi_estimate_options o = by(MI_METHOD_NEURAL);
    mi_estimate_result first = fresh();
    failing f = {0};
    for (int32_t threads = 1; threads <= 3; threads += 2) {
        mi_context *context;
        mi_estimate_result r = fresh();
        f = (failing){0};
        OK(failing_context(&f, threads, 0, &context));
        OK(mi_estimate_mi(context, &x, &y, NULL, &o, locals, &r));
        first = threads == 1 ? r : first;
        ck_assert_mem_eq(&r, &first, sizeof r);
        mi_context_destroy(context);
    }
    const long long calls = f.calls;
    ck_assert(first.warnings & MI_WARNING_FEW);
    for (long long fail_at = 2; fail_at < calls; fail_at += fail_at < 40 ? 1 : calls / 8) {
        mi_context *context;
        mi_estimate_result r = fresh();
        f = (failing){0};
        OK(failing_context(&f, 1, 0, &context));
        f.fail_at = fail_at;
        const long long before = f.living;
        locals[0] = unset;
        ck_assert_int_eq(mi_estimate_mi(context, &x, &y, NULL, &o, locals, &r), MI_E_NOMEM);
        ck_assert(r.value == unset && locals[0] == unset && f.living == before);
        mi_context_destroy(context);
    }
    const mi_samples few = samples(xs, 63, 1), too = samples(ys, 63, 1);
    REFUSES(MI_E_ARG, "neural takes 64 samples or more, got 63", &few, &too, NULL, &o);
    draw_normal(N, 1, 0.9, 20);
    for (int i = 0; i < N; i++)
        ys[i] *= 1e300;
    mi_estimate_options raw = o;
    raw.scale = MI_SCALE_NONE;
    REFUSES(MI_E_NUMERIC, "too large for a network", &x, &y, NULL, &raw);
    near(estimate(&x, &y, NULL, &o, NULL).value, first.value, 0.02);
}
END_TEST

UNIT_MAIN("estimate_args", constants_tell_nothing, hostile_options, what_methods_cannot,
          hostile_arrays, samples_too_few_to_halve, constant_names, degenerate_numbers,
          threads_change_nothing, every_allocation_may_fail, networks_are_like_other_methods)
