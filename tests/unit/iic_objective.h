/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_IIC_OBJECTIVE_H
#define LIBMI_TESTS_IIC_OBJECTIVE_H

#include "unit.h"

/* The objective in a context of its own. */
static mi_iic *iic_objective(double lambda, int64_t repeats, int32_t asymmetric, int32_t threads) {
    mi_context_options co = {.struct_size = sizeof co, .threads = threads};
    mi_iic_options o = {
        .struct_size = sizeof o, .lambda = lambda, .repeats = repeats, .asymmetric = asymmetric};
    mi_context *context;
    mi_iic *iic;
    OK(mi_context_create(&co, &context));
    OK(mi_iic_create(context, &o, &iic));
    mi_context_destroy(context);
    return iic;
}

#endif
