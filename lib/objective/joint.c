/* SPDX-License-Identifier: BSD-2-Clause */
#include "joint.h"

#include <mi/iic.h>

#include <inttypes.h>

mi_status mi__joint_check(int64_t classes, const double *joint, int64_t *ld, double *sum) {
    MI__NEED(joint);
    if (classes < 2)
        return mi__fail(MI_E_ARG, "classes must be at least 2, got %" PRId64, classes);
    int64_t stride = *ld == 0 ? classes : *ld, bytes;
    if (stride < classes)
        return mi__fail(MI_E_SHAPE, "ld is %" PRId64 ", joint has %" PRId64 " columns", stride,
                        classes);
    if (!mi__multiply(classes, stride, &bytes) || !mi__multiply(bytes, sizeof *joint, &bytes))
        return mi__fail(MI_E_SHAPE, "joint is too large: %" PRId64 " rows of %" PRId64, classes,
                        stride);
    double total = 0;
    for (int64_t c = 0; c < classes; c++)
        for (int64_t d = 0; d < classes; d++) {
            double value = joint[c * stride + d];
            if (!(value >= 0 && isfinite(value)))
                return mi__fail(MI_E_NUMERIC,
                                "joint[%" PRId64 "][%" PRId64 "] is %g, must be finite and not "
                                "negative",
                                c, d, value);
            total += value;
        }
    if (!(total > 0 && isfinite(total)))
        return mi__fail(MI_E_NUMERIC, "joint sums to %g, must be above 0 and finite", total);
    *ld = stride;
    *sum = total;
    return MI_OK;
}

/* In entropies, 2 lambda sum p ln p - sum P ln P: needs no room for the marginals. */
mi_status mi_iic_joint_loss(int64_t classes, const double *joint, int64_t ld, double lambda,
                            double *loss) {
    double sum;
    MI__NEED(loss);
    if (!(lambda >= 0 && lambda <= MI__MOST_LAMBDA))
        return mi__fail(MI_E_ARG, "lambda must be above 0 (or 0 for 1) and at most %g, got %g",
                        MI__MOST_LAMBDA, lambda);
    MI__TRY(mi__joint_check(classes, joint, &ld, &sum));
    double cells = 0, marginals = 0;
    for (int64_t c = 0; c < classes; c++) {
        double marginal = 0;
        for (int64_t d = 0; d < classes; d++) {
            double p = mi__joint_at(joint, ld, sum, c, d);
            cells += mi__xlogx(p);
            marginal += p;
        }
        marginals += mi__xlogx(marginal);
    }
    *loss = 2 * (lambda == 0 ? 1 : lambda) * marginals - cells;
    return MI_OK;
}
