/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_RANK_H
#define LIBMI_LIB_RANK_H

#include <stdint.h>

/* Puts the number of this rank, counted from 0, in its place, lesser ones before it. C. Hoare,
 * "Algorithm 65: Find", CACM 4, 1961. */
void mi__select(double *x, int64_t n, int64_t rank);

#endif
