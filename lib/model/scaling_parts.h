/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_SCALING_PARTS_H
#define LIBMI_LIB_SCALING_PARTS_H

/* The inside of a scaling. */

#include "../objective/bounds.h"
#include "scaling.h"

#include <mi/estimate.h>

#define MI__KNOTS 1025 /* of the map from values to quantiles, at most */

/* Columns of y are counted behind those of x. */
struct mi__scaling {
    mi_context *ctx;
    int32_t kind; /* an mi_scale */
    bool gaussian;
    int64_t d[2];    /* dx, dy */
    int q;           /* the side with fewer columns, whose density is modelled */
    double *numbers; /* [count]: all that follow */
    int64_t count;
    double *mean, *inverse; /* [columns], of the standard deviation */
    double *knots;          /* how many; then each column's, in ascending order */
    double *value, *quantile;
    double *centre; /* [columns] of the scaled samples */
    double *from_p; /* [q][p], [q][q]: see gaussians.c */
    double *from_q, *alone;
    double *constant;
};

mi_status mi__scaling_find_gaussians(mi__scaling *s, const mi__sides *samples);

#endif
