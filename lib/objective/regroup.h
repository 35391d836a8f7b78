/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_REGROUP_H
#define LIBMI_LIB_REGROUP_H

#include "../base/base.h"

/* Improves a grouping of the clusters of a checked joint matrix, each in 0..groups-1, by moving
 * single clusters while that gains information. Groups are numbered anew, in order of first
 * appearance. O(K (K + G^2)) time a sweep, and O(K^2) a move. */
mi_status mi__regroup(mi_context *context, int64_t classes, const double *joint, int64_t ld,
                      double sum, int64_t groups, int32_t *group, double *information);

#endif
