/* SPDX-License-Identifier: BSD-2-Clause */
/* The k least of a stream. Few are kept in order; of many, twice as many gather before the greater
 * half goes, so that each costs O(1). */
#include "neighbour.h"

#include "../base/rank.h"

#define FEW 32

void mi__least_begin(mi__least *l, int32_t k, double *room) {
    *l = (mi__least){.number = room, .k = k, .bound = HUGE_VAL};
}

void mi__least_add(mi__least *l, double x) {
    if (l->k > FEW) {
        l->number[l->count++] = x;
        if (l->count == 2 * (int64_t)l->k)
            l->bound = mi__least_last(l);
        return;
    }
    int32_t at = l->count < l->k ? l->count++ : l->k - 1;
    for (; at > 0 && l->number[at - 1] > x; at--)
        l->number[at] = l->number[at - 1];
    l->number[at] = x;
    if (l->count == l->k)
        l->bound = l->number[l->k - 1];
}

double mi__least_last(mi__least *l) {
    if (l->k > FEW) {
        mi__select(l->number, l->count, l->k - 1);
        l->count = l->k;
    }
    return l->number[l->k - 1];
}
