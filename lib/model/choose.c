/* SPDX-License-Identifier: BSD-2-Clause */
/* The rule `auto`. docs/concepts.md has its reasons. */
#include "method.h"

#define MANY_TIES 0.1     /* share of a column's numbers */
#define FEW_COLUMNS 5     /* of all variables together, that neighbours are good for */
#define MANY_SAMPLES 2000 /* that a network can learn from */

static mi_status many_ties(const mi__question *q, bool *found) {
    const mi__rows *rows[] = {&q->x, &q->y, &q->z};
    int64_t ties;
    *found = false;
    for (int i = 0; i < 3 && q->options->noise == 0; i++)
        if (rows[i]->d > 0 && !rows[i]->discrete) {
            MI__TRY(mi__rows_ties(q->ctx, rows[i], &ties));
            *found = *found || (double)ties > MANY_TIES * (double)rows[i]->n;
        }
    return MI_OK;
}

/* Between methods for numbers. */
static void choose_for_numbers(const mi__question *q, mi__choice *choice) {
    const int64_t columns = q->x.d + q->y.d + q->z.d;
    if (q->options->scale == MI_SCALE_DEFAULT)
        choice->scale = MI_SCALE_RANK;
    choice->method = columns <= FEW_COLUMNS                  ? MI_METHOD_KSG
                     : q->z.d == 0 && q->x.n >= MANY_SAMPLES ? MI_METHOD_NEURAL
                                                             : MI_METHOD_COPULA;
}

mi_status mi__method_choose(const mi__question *q, mi__choice *choice) {
    const bool given = q->z.d > 0, entropy = q->y.d == 0;
    const bool any = q->x.discrete || (!entropy && q->y.discrete) || (given && q->z.discrete);
    const bool all = q->x.discrete && (entropy || q->y.discrete) && (!given || q->z.discrete);
    bool ties = false;
    *choice = (mi__choice){.method = MI_METHOD_DISCRETE};
    if (all)
        return MI_OK;
    if (!entropy)
        MI__TRY(many_ties(q, &ties));
    if (entropy)
        choice->method = MI_METHOD_KSG;
    else if (ties || (any && given))
        choice->method = MI_METHOD_GAO;
    else if (any)
        choice->method = MI_METHOD_ROSS;
    else
        choose_for_numbers(q, choice);
    return MI_OK;
}
