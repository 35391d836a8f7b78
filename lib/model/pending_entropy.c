/* SPDX-License-Identifier: BSD-2-Clause */
/* To be replaced. */
#include "../base/base.h"

#include <mi/entropy.h>

mi_status mi_entropy_table(int64_t n, const double *table, const mi_entropy_options *options,
                           double *entropy) {
    (void)n;
    (void)table;
    (void)options;
    (void)entropy;
    return mi__fail(MI_E_UNSUPPORTED, "mi_entropy_table() is not there yet");
}

mi_status mi_entropy_cross(int64_t n, const double *p, const double *q, int32_t unit, double *cross,
                           double *divergence) {
    (void)n;
    (void)p;
    (void)q;
    (void)unit;
    (void)cross;
    (void)divergence;
    return mi__fail(MI_E_UNSUPPORTED, "mi_entropy_cross() is not there yet");
}

mi_status mi_entropy_joint(mi_context *context, int64_t nx, int64_t ny, const double *table,
                           int64_t ld, const mi_entropy_options *options,
                           mi_information *information) {
    (void)context;
    (void)nx;
    (void)ny;
    (void)table;
    (void)ld;
    (void)options;
    (void)information;
    return mi__fail(MI_E_UNSUPPORTED, "mi_entropy_joint() is not there yet");
}

mi_status mi_entropy_pointwise(mi_context *context, int64_t nx, int64_t ny, const double *table,
                               int64_t ld, int32_t unit, double *pointwise) {
    (void)context;
    (void)nx;
    (void)ny;
    (void)table;
    (void)ld;
    (void)unit;
    (void)pointwise;
    return mi__fail(MI_E_UNSUPPORTED, "mi_entropy_pointwise() is not there yet");
}

mi_status mi_entropy_conditional(mi_context *context, int64_t nx, int64_t ny, int64_t nz,
                                 const double *table, const mi_entropy_options *options,
                                 double *information) {
    (void)context;
    (void)nx;
    (void)ny;
    (void)nz;
    (void)table;
    (void)options;
    (void)information;
    return mi__fail(MI_E_UNSUPPORTED, "mi_entropy_conditional() is not there yet");
}

mi_status mi_entropy_count(mi_context *context, const mi_samples *x, const mi_samples *y,
                           int64_t room, int64_t *nx, int64_t *ny, double *table) {
    (void)context;
    (void)x;
    (void)y;
    (void)room;
    (void)nx;
    (void)ny;
    (void)table;
    return mi__fail(MI_E_UNSUPPORTED, "mi_entropy_count() is not there yet");
}

mi_status mi_entropy_samples(mi_context *context, const mi_samples *x, const mi_samples *y,
                             const mi_entropy_options *options, mi_information *information) {
    (void)context;
    (void)x;
    (void)y;
    (void)options;
    (void)information;
    return mi__fail(MI_E_UNSUPPORTED, "mi_entropy_samples() is not there yet");
}
