/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of the objective, and what it accumulates. */
#include "iic.h"

#include "joint.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MOST_CLASSES 65536

mi_status mi_iic_create(mi_context *context, const mi_iic_options *options, mi_iic **out) {
    MI__NEED(out);
    mi_iic_options o = {0};
    MI__TRY(mi__options_load(&o, sizeof o, sizeof o, options, "mi_iic_options"));
    if (!(o.lambda >= 0 && o.lambda <= MI__MOST_LAMBDA))
        return mi__fail(MI_E_ARG, "lambda must be above 0 (or 0 for 1) and at most %g, got %g",
                        MI__MOST_LAMBDA, o.lambda);
    if (o.repeats < 0)
        return mi__fail(MI_E_ARG, "repeats must not be negative, got %" PRId64, o.repeats);
    if (o.asymmetric != 0 && o.asymmetric != 1)
        return mi__fail(MI_E_ARG, "asymmetric must be 0 or 1, got %" PRId32, o.asymmetric);
    if (o.reserved0 != 0)
        return mi__fail(MI_E_ARG, "reserved0 must be 0, got %" PRId32, o.reserved0);
    mi_context *own;
    MI__TRY(mi__context_take(context, &own));
    mi_iic *iic = mi__alloc_zero(own, 1, sizeof *iic);
    if (iic == NULL) {
        mi_context_destroy(own);
        return MI_E_NOMEM;
    }
    iic->context = own;
    iic->kernels = mi__kernels_select();
    iic->lambda = o.lambda == 0 ? 1 : o.lambda;
    iic->repeats = o.repeats == 0 ? 1 : o.repeats;
    iic->symmetric = o.asymmetric == 0;
    *out = iic;
    return MI_OK;
}

void mi_iic_destroy(mi_iic *iic) {
    if (iic == NULL)
        return;
    mi_context *context = iic->context;
    mi__free(context, iic->maps, iic->maps_count, sizeof(double));
    mi__free(context, iic->space, iic->space_count, sizeof(double));
    mi__free(context, iic->head, iic->capacity, sizeof *iic->head);
    mi__free(context, iic, 1, sizeof *iic);
    mi_context_destroy(context);
}

mi_status mi__iic_check_classes(int64_t classes, int32_t head) {
    if (classes < 2 || classes > MOST_CLASSES)
        return mi__fail(MI_E_ARG, "head %" PRId32 ": classes must be in 2 to %d, got %" PRId64,
                        head, MOST_CLASSES, classes);
    return MI_OK;
}

mi_status mi__iic_check_count(int32_t count) {
    if (count < 1)
        return mi__fail(MI_E_ARG, "count must be at least 1, got %" PRId32, count);
    return MI_OK;
}

mi_status mi__iic_check_phase(const mi_iic *iic, mi__iic_phase phase) {
    if (iic->phase == phase)
        return MI_OK;
    if (iic->phase == MI__IIC_IDLE)
        return mi__fail(MI_E_STATE, "nothing is accumulated: mi_iic_begin() comes first");
    return mi__fail(MI_E_STATE,
                    phase == MI__IIC_BEGUN
                        ? "what is accumulated is finished: mi_iic_begin() anew"
                        : "what is accumulated is not finished: call mi_iic_finish() first");
}

mi_status mi_iic_begin(mi_iic *iic, int32_t count, const int64_t *classes) {
    MI__NEED(iic);
    MI__NEED(classes);
    MI__TRY(mi__iic_check_count(count));
    for (int32_t i = 0; i < count; i++)
        MI__TRY(mi__iic_check_classes(classes[i], i));
    return mi__iic_reserve(iic, count, classes, 1);
}

static mi_status check_head(const mi_iic *iic, int32_t head) {
    MI__TRY(mi__iic_check_phase(iic, MI__IIC_BEGUN));
    if (head < 0 || head >= iic->count)
        return mi__fail(MI_E_ARG, "head must be in 0 to %" PRId32 ", got %" PRId32, iic->count - 1,
                        head);
    return MI_OK;
}

mi_status mi_iic_joint_read(const mi_iic *iic, int32_t head, double *joint) {
    MI__NEED(iic);
    MI__NEED(joint);
    MI__TRY(check_head(iic, head));
    const mi__iic_head *h = &iic->head[head];
    for (int64_t c = 0; c < h->classes; c++)
        memcpy(joint + c * h->classes, h->joint + c * h->ld, (size_t)h->classes * sizeof(double));
    return MI_OK;
}

mi_status mi_iic_joint_write(mi_iic *iic, int32_t head, const double *joint) {
    MI__NEED(iic);
    MI__NEED(joint);
    MI__TRY(check_head(iic, head));
    mi__iic_head *h = &iic->head[head];
    const int64_t k = h->classes;
    for (int64_t i = 0; i < k * k; i++)
        if (!(joint[i] >= 0 && isfinite(joint[i])))
            return mi__fail(MI_E_NUMERIC,
                            "head %" PRId32 ": joint[%" PRId64 "][%" PRId64 "] is %g, must be "
                            "finite and not negative",
                            head, i / k, i % k, joint[i]);
    for (int64_t c = 0; c < k; c++)
        memcpy(h->joint + c * h->ld, joint + c * k, (size_t)k * sizeof(double));
    return MI_OK;
}

mi_status mi_iic_finish(mi_iic *iic, double *losses, double *loss) {
    double mean;
    MI__NEED(iic);
    MI__TRY(mi__iic_check_phase(iic, MI__IIC_BEGUN));
    MI__TRY(mi__iic_finish(iic, &mean));
    for (int32_t i = 0; losses != NULL && i < iic->count; i++)
        losses[i] = iic->head[i].loss;
    if (loss != NULL)
        *loss = mean;
    return MI_OK;
}
