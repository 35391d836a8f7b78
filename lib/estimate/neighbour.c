/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimators by neighbours. */
#include "variables.h"

/* Who asks has seen to it that the method can: see lib/model/method.c. */
mi_status mi__estimate_neighbour(const mi__question *q, mi__answer *answer) {
    if (q->y.d == 0)
        return mi__estimate_kozachenko(q, answer);
    return q->options->method == MI_METHOD_ROSS ? mi__estimate_ross(q, answer)
                                                : mi__estimate_kraskov(q, answer);
}
