/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_ESTIMATE_CASE_H
#define LIBMI_TESTS_ESTIMATE_CASE_H

/* What the tests of estimators on arrays share. */
#include "failing.h"

#include "../../lib/base/random.h"
#include "../../lib/estimate/estimate.h"

static inline void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not %.17g: off by %.1e, may be by %.1e", a, b,
                  a - b, tolerance);
}

static inline mi_context *threads(int32_t count) {
    mi_context_options o = {.struct_size = sizeof o, .threads = count};
    mi_context *ctx;
    OK(mi_context_create(&o, &ctx));
    return ctx;
}

static inline double *room(int64_t count) {
    double *x = malloc((size_t)count * sizeof *x);
    ck_assert_ptr_nonnull(x);
    return x;
}

static inline mi__rows numbers(int64_t n, int64_t d, const double *x) {
    return (mi__rows){.n = n, .d = d, .x = x};
}

static inline mi__rows names(int64_t n, int64_t d, const double *x) {
    return (mi__rows){.n = n, .d = d, .x = x, .discrete = true};
}

static const mi_estimate_options plain_options = {.struct_size = sizeof plain_options};
static const mi__rows nothing;

/* One thread; `local` may be NULL. */
static inline mi__answer answer(mi__estimator *estimator, mi__rows x, mi__rows y, mi__rows z,
                                const mi_estimate_options *options, double *local) {
    mi_context *ctx = threads(1);
    mi__question q = {.ctx = ctx, .x = x, .y = y, .z = z, .options = options, .local = local};
    mi__answer a = {.value = NAN};
    OK(estimator(&q, &a));
    mi_context_destroy(ctx);
    return a;
}

static inline double mean(int64_t n, const double *x) {
    long double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return (double)(sum / n);
}

/* The same answer and shares, to the last bit, on one, two and three threads. */
static inline void check_threads(mi__estimator *estimator, mi__rows x, mi__rows y, mi__rows z,
                                 const mi_estimate_options *options) {
    double *first = room(x.n), *local = room(x.n);
    mi__answer a = answer(estimator, x, y, z, options, first), b;
    for (int32_t count = 2; count <= 3; count++) {
        mi_context *ctx = threads(count);
        mi__question q = {.ctx = ctx, .x = x, .y = y, .z = z, .options = options, .local = local};
        OK(estimator(&q, &b));
        ck_assert(a.value == b.value && a.cap == b.cap && a.warnings == b.warnings);
        ck_assert_mem_eq(first, local, (size_t)x.n * sizeof *local);
        mi_context_destroy(ctx);
    }
    free(local);
    free(first);
}

/* Whichever allocation fails, it is said, nothing leaks, and the answer is not touched. */
static inline void check_nomem(mi__estimator *estimator, mi__rows x, mi__rows y, mi__rows z,
                               const mi_estimate_options *options, int least) {
    failing f = {0};
    mi_context *ctx;
    OK(failing_context(&f, 2, 1, &ctx));
    const long long before = f.living, bytes = f.bytes;
    double *local = room(x.n);
    mi__question q = {.ctx = ctx, .x = x, .y = y, .z = z, .options = options, .local = local};
    mi_status status = MI_E_NOMEM;
    int failures = -1;
    for (long long at = 1; status != MI_OK; at++, failures++) {
        mi__answer a = {.value = 77};
        f.calls = 0;
        f.fail_at = at;
        status = estimator(&q, &a);
        ck_assert(status == MI_OK || (status == MI_E_NOMEM && a.value == 77));
        ck_assert(f.living == before && f.bytes == bytes);
    }
    ck_assert_int_ge(failures, least);
    free(local);
    mi_context_destroy(ctx);
}

/* Pairs of standard normal numbers with a correlation, d of them a sample. */
static inline void draw_gaussian(uint64_t seed, int64_t n, int64_t d, double rho, double *x,
                                 double *y) {
    mi__random r = mi__random_at(seed, 77, 0);
    for (int64_t i = 0; i < n * d; i++) {
        x[i] = mi__random_normal(&r);
        y[i] = rho * x[i] + sqrt(1 - rho * rho) * mi__random_normal(&r);
    }
}

#endif
