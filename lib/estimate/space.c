/* SPDX-License-Identifier: BSD-2-Clause */
/* Which way neighbours are looked for. The borders are measured: tests/bench/estimate.py. */
#include "neighbour.h"

mi_status mi__space_nearest(mi_context *ctx, const mi__space *s, int32_t k, double *distance) {
    if (s->d == 1)
        return mi__line_nearest(ctx, s, k, distance);
    return s->d <= 4 ? mi__tree_nearest(ctx, s, k, distance)
                     : mi__brute_nearest(ctx, s, k, distance);
}

mi_status mi__space_within(mi_context *ctx, const mi__space *s, const double *radius,
                           int32_t *count) {
    if (s->d == 1)
        return mi__line_within(ctx, s, radius, count);
    return s->d <= 4 ? mi__tree_within(ctx, s, radius, count)
                     : mi__brute_within(ctx, s, radius, count);
}

mi_status mi__space_reach(mi_context *ctx, const mi__space *s, const double *radius,
                          double *const *reach) {
    return s->d <= 4 ? mi__tree_reach(ctx, s, radius, reach)
                     : mi__brute_reach(ctx, s, radius, reach);
}
