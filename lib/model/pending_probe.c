/* SPDX-License-Identifier: BSD-2-Clause */
/* To be replaced. */
#include "../base/base.h"

#include <mi/probe.h>

mi_status mi_probe_create(mi_context *context, int64_t d, int32_t classes,
                          const mi_probe_options *options, mi_probe **out) {
    (void)context;
    (void)d;
    (void)classes;
    (void)options;
    (void)out;
    return mi__fail(MI_E_UNSUPPORTED, "mi_probe_create() is not there yet");
}

void mi_probe_destroy(mi_probe *probe) {
    (void)probe;
}

mi_status mi_probe_fit(mi_probe *probe, int64_t n, const float *x, int64_t ld, const int32_t *label,
                       mi_probe_report *report) {
    (void)probe;
    (void)n;
    (void)x;
    (void)ld;
    (void)label;
    (void)report;
    return mi__fail(MI_E_UNSUPPORTED, "mi_probe_fit() is not there yet");
}

mi_status mi_probe_predict(mi_probe *probe, int64_t n, const float *x, int64_t ld, int32_t *label,
                           float *probability) {
    (void)probe;
    (void)n;
    (void)x;
    (void)ld;
    (void)label;
    (void)probability;
    return mi__fail(MI_E_UNSUPPORTED, "mi_probe_predict() is not there yet");
}

mi_status mi_probe_accuracy(mi_probe *probe, int64_t n, const float *x, int64_t ld,
                            const int32_t *label, double *accuracy) {
    (void)probe;
    (void)n;
    (void)x;
    (void)ld;
    (void)label;
    (void)accuracy;
    return mi__fail(MI_E_UNSUPPORTED, "mi_probe_accuracy() is not there yet");
}
