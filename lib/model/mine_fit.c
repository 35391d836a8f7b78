/* SPDX-License-Identifier: BSD-2-Clause */
#include "critic.h"
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
