/* SPDX-License-Identifier: BSD-2-Clause */
/* To be replaced. */
#include "../base/base.h"

#include <mi/mine.h>

mi_status mi_mine_create(mi_context *context, int64_t dx, int64_t dy, mi_bound *bound,
                         const mi_mine_options *options, const mi_optimizer_options *optimizer,
                         mi_mine **out) {
    (void)context;
    (void)dx;
    (void)dy;
    (void)bound;
    (void)options;
    (void)optimizer;
    (void)out;
    return mi__fail(MI_E_UNSUPPORTED, "mi_mine_create() is not there yet");
}

void mi_mine_destroy(mi_mine *mine) {
    (void)mine;
}

mi_status mi_mine_step(mi_mine *mine, int64_t n, const float *x, const float *y, float *gx,
                       float *gy, mi_mine_report *report) {
    (void)mine;
    (void)n;
    (void)x;
    (void)y;
    (void)gx;
    (void)gy;
    (void)report;
    return mi__fail(MI_E_UNSUPPORTED, "mi_mine_step() is not there yet");
}

mi_status mi_mine_eval(mi_mine *mine, int64_t n, const float *x, const float *y, int32_t negatives,
                       mi_mine_report *report) {
    (void)mine;
    (void)n;
    (void)x;
    (void)y;
    (void)negatives;
    (void)report;
    return mi__fail(MI_E_UNSUPPORTED, "mi_mine_eval() is not there yet");
}

mi_status mi_mine_scores(mi_mine *mine, int64_t n, const float *x, const float *y, float *scores) {
    (void)mine;
    (void)n;
    (void)x;
    (void)y;
    (void)scores;
    return mi__fail(MI_E_UNSUPPORTED, "mi_mine_scores() is not there yet");
}

mi_status mi_mine_fit(mi_mine *mine, int64_t n, const float *x, const float *y,
                      const mi_mine_fit_options *options, mi_mine_fit_report *report) {
    (void)mine;
    (void)n;
    (void)x;
    (void)y;
    (void)options;
    (void)report;
    return mi__fail(MI_E_UNSUPPORTED, "mi_mine_fit() is not there yet");
}

mi_status mi_mine_save(const mi_mine *mine, const char *path) {
    (void)mine;
    (void)path;
    return mi__fail(MI_E_UNSUPPORTED, "mi_mine_save() is not there yet");
}

mi_status mi_mine_restore(mi_mine *mine, const char *path) {
    (void)mine;
    (void)path;
    return mi__fail(MI_E_UNSUPPORTED, "mi_mine_restore() is not there yet");
}
