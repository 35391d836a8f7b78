/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a call is, and whether the caller still wants it. */
#include "estimate.h"

#include <inttypes.h>
#include <time.h>

/* Seconds between two calls at least. A small estimate takes microseconds, but a caller may have
 * to wait for an interpreter's lock before it can answer. */
#define PAUSE 0.01

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

mi_status mi__progress_stop(const mi__question *q) {
    return mi__fail(MI_E_CANCELLED,
                    "cancelled by the caller after %" PRId64 " of %" PRId64 " estimates",
                    q->progress->done, q->progress->total);
}

mi_status mi__progress_tell(const mi__question *q, double share) {
    const mi_estimate_options *o = q->options;
    mi__progress *p = q->progress;
    if (p == NULL || o->progress == NULL)
        return MI_OK;
    if (p->done < p->total && now() - p->told < PAUSE)
        return MI_OK;
    const int32_t stop = o->progress(o->progress_user, (double)p->done + share, p->total);
    p->told = now();
    return stop != 0 ? mi__progress_stop(q) : MI_OK;
}

mi_status mi__progress_add(const mi__question *q) {
    if (q->progress != NULL)
        q->progress->done++;
    return mi__progress_tell(q, 0);
}
