/* SPDX-License-Identifier: BSD-2-Clause */
/* Which way neighbours are looked for. The borders are where times met, of correlated Gaussians. */
#include "neighbour.h"

#define MANY 200000 /* samples, of which trees leave out enough even in more columns */

/* Bytes say little of sums of squares. */
static bool takes_tree(const mi__space *s, int64_t few, int64_t more) {
    return s->d <= (s->squared ? MI__MOST_COLUMNS : s->n >= MANY ? more : few);
}

mi_status mi__space_nearest(mi_context *ctx, const mi__space *s, int32_t k, double *distance) {
    if (s->d == 1)
        return mi__line_nearest(ctx, s, k, distance);
    return takes_tree(s, 10, 16) ? mi__tree_nearest(ctx, s, k, distance)
                                 : mi__brute_nearest(ctx, s, k, distance);
}

mi_status mi__space_within(mi_context *ctx, const mi__space *s, const double *radius,
                           int32_t *count) {
    if (s->d == 1)
        return mi__line_within(ctx, s, radius, count);
    return takes_tree(s, 6, 10) ? mi__tree_within(ctx, s, radius, count)
                                : mi__brute_within(ctx, s, radius, count);
}

mi_status mi__space_reach(mi_context *ctx, const mi__space *s, const double *radius,
                          double *const *reach) {
    return takes_tree(s, 10, 16) ? mi__tree_reach(ctx, s, radius, reach)
                                 : mi__brute_reach(ctx, s, radius, reach);
}
