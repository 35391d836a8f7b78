/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_DOOR_CASE_H
#define LIBMI_TESTS_DOOR_CASE_H

/* Samples and questions for the front door. */
#include "unit.h"

#include "../../lib/base/random.h"

enum { MOST = 5000, WIDE = 8 };

static double xs[MOST * WIDE], ys[MOST * WIDE], locals[MOST];
static const double ln2 = 0.69314718055994530942, unset = -1234;

static mi_samples samples(const double *data, int64_t n, int64_t d) {
    return (mi_samples){.struct_size = sizeof(mi_samples), .data = data, .n = n, .d = d};
}

static mi_estimate_options by(int32_t method) {
    return (mi_estimate_options){.struct_size = sizeof(mi_estimate_options), .method = method};
}

/* Where nothing was written is to be seen. */
static mi_estimate_result fresh(void) {
    return (mi_estimate_result){
        .struct_size = sizeof(mi_estimate_result), .method = -1, .value = unset};
}

static void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not within %g of %.17g", a, tolerance, b);
}

/* Each column of y has this correlation with the same column of x. */
static void draw_normal(int64_t n, int64_t d, double rho, uint64_t seed) {
    mi__random r = mi__random_at(seed, 55, 0);
    for (int64_t i = 0; i < n * d; i++) {
        xs[i] = mi__random_normal(&r);
        ys[i] = rho * xs[i] + sqrt(1 - rho * rho) * mi__random_normal(&r);
    }
}

static mi_estimate_result estimate(const mi_samples *x, const mi_samples *y, const mi_samples *z,
                                   const mi_estimate_options *o, double *local) {
    mi_estimate_result r = fresh();
    OK(mi_estimate_mi(NULL, x, y, z, o, local, &r));
    return r;
}

#endif
