/* SPDX-License-Identifier: BSD-2-Clause */
/* To be replaced. */
#include "../base/base.h"

#include <mi/estimate.h>

mi_status mi_estimate_mi(mi_context *context, const mi_samples *x, const mi_samples *y,
                         const mi_samples *z, const mi_estimate_options *options, double *local,
                         mi_estimate_result *result) {
    (void)context;
    (void)x;
    (void)y;
    (void)z;
    (void)options;
    (void)local;
    (void)result;
    return mi__fail(MI_E_UNSUPPORTED, "mi_estimate_mi() is not there yet");
}

mi_status mi_estimate_entropy(mi_context *context, const mi_samples *x,
                              const mi_estimate_options *options, double *local,
                              mi_estimate_result *result) {
    (void)context;
    (void)x;
    (void)options;
    (void)local;
    (void)result;
    return mi__fail(MI_E_UNSUPPORTED, "mi_estimate_entropy() is not there yet");
}

const char *mi_method_name(int32_t method) {
    (void)method;
    return "?";
}

const char *mi_warning_text(int32_t warning) {
    (void)warning;
    return "?";
}
