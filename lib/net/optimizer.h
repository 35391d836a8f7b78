/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_OPTIMIZER_H
#define LIBMI_LIB_OPTIMIZER_H

#include "net.h"

#include <mi/optimizer.h>

struct mi_optimizer {
    atomic_int references;
    mi_encoder *encoder;
    mi_optimizer_options options; /* whole */
    int64_t steps;
    float **first, **second; /* [params]: momentum, and squares (Adam); NULL for states */
    int64_t *age;            /* [params]: updates since they were 0 */
};

mi_optimizer *mi__optimizer_take(mi_optimizer *optimizer);

/* Forgets what was learnt about one parameter, for when it starts anew. */
void mi__optimizer_forget(mi_optimizer *optimizer, int32_t param);

/* A step in two halves, so that several can be taken or none: the first may fail and changes
 * nothing, the second cannot. */
mi_status mi__optimizer_check(const mi_optimizer *optimizer);
void mi__optimizer_apply(mi_optimizer *optimizer);

/* Updates one parameter at a given rate. */
void mi__optimizer_update(mi_optimizer *optimizer, int32_t param, double rate);

#endif
