/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_JOINT_H
#define LIBMI_LIB_JOINT_H

#include "../base/base.h"

#include <math.h>

#define MI__MOST_LAMBDA 1e6 /* information is all but lost in the digits of what it multiplies */

/* Checks a caller's joint matrix: `*ld` becomes the real stride, `*sum` the sum of its elements,
 * which is finite and above 0. */
mi_status mi__joint_check(int64_t classes, const double *joint, int64_t *ld, double *sum);

/* The element of the symmetrised, normalised matrix. */
static inline double mi__joint_at(const double *joint, int64_t ld, double sum, int64_t c,
                                  int64_t d) {
    return (0.5 * joint[c * ld + d] + 0.5 * joint[d * ld + c]) / sum;
}

/* x ln x, and 0 for 0. */
static inline double mi__xlogx(double x) {
    return x > 0 ? x * log(x) : 0;
}

#endif
