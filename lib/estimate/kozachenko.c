/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy of numbers: psi(n) - psi(k) + ln v + d <ln r>, where v is the volume of the ball of
 * radius 1 and r the distance of the k-th neighbour. Where that is 0, minus infinity is the
 * sample's share, and so the value. */
#include "sum.h"
#include "variables.h"

#include <float.h>

#define LN2 0.693147180559945309417232121458
#define PI 3.14159265358979323846264338328

/* ln of 2^d, or of pi^(d/2) / gamma(d/2 + 1). */
static double ln_volume(int64_t d, bool round) {
    if (!round)
        return (double)d * LN2;
    double sum = d % 2 == 0 ? 0 : LN2;
    for (int64_t i = d; i > 1; i -= 2)
        sum += log(2 * PI / (double)i);
    return sum;
}

typedef struct shares {
    double *distance; /* [n], becomes the share */
    double d, constant;
} shares;

static void take_logarithms(void *arg, int64_t begin, int64_t end) {
    const shares *s = arg;
    for (int64_t i = begin; i < end; i++)
        s->distance[i] =
            s->distance[i] < DBL_MIN ? -HUGE_VAL : s->constant + s->d * log(s->distance[i]);
}

static void answer_from(const mi__question *q, const double *share, mi__answer *answer) {
    const int64_t n = q->x.n;
    int64_t ties = 0;
    mi__sum sum = {0};
    for (int64_t i = 0; i < n; i++) {
        ties += share[i] == -HUGE_VAL;
        mi__sum_add(&sum, share[i] == -HUGE_VAL ? 0 : share[i]);
        if (q->local != NULL)
            q->local[i] = share[i];
    }
    *answer = (mi__answer){.value = ties > 0 ? -HUGE_VAL : mi__sum_value(&sum) / (double)n,
                           .cap = HUGE_VAL};
    answer->warnings |= ties > 0 ? MI_WARNING_TIES : 0;
    answer->warnings |= mi__neighbours_few(n, q->x.d, q->options->k) ? MI_WARNING_FEW : 0;
}

mi_status mi__estimate_kozachenko(const mi__question *q, mi__answer *answer) {
    mi__variables v;
    MI__TRY(mi__variables_make(q, MI__ONLY(MI__X), &v));
    const int64_t n = v.n, d = v.d[MI__X], k = q->options->k;
    const mi__space s = mi__variables_space(&v, MI__ONLY(MI__X));
    double *distance = mi__alloc(q->ctx, n, sizeof *distance);
    mi_status status =
        distance != NULL ? mi__space_nearest(q->ctx, &s, (int32_t)k, distance) : MI_E_NOMEM;
    if (status == MI_OK) {
        const double constant = mi__digamma((double)n) - mi__digamma((double)k) +
                                ln_volume(d, v.squared) - (double)d * v.exponent * LN2;
        shares w = {distance, v.squared ? 0.5 * (double)d : (double)d, constant};
        mi__parallel_ranges(q->ctx, n, 8192, take_logarithms, &w);
        answer_from(q, distance, answer);
    }
    mi__free(q->ctx, distance, n, sizeof *distance);
    mi__variables_free(q->ctx, &v);
    return status;
}
