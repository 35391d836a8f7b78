/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_METHOD_H
#define LIBMI_LIB_METHOD_H

#include "../estimate/estimate.h"

/* What a method can, apart from mutual information of numbers. */
enum {
    MI__CAN_NAMES = 1,     /* a variable that was declared discrete */
    MI__CAN_GIVEN = 2,     /* z */
    MI__CAN_ENTROPY = 4,   /* of one variable */
    MI__CAN_BOOTSTRAP = 8, /* repeated samples do no harm */
    MI__CAN_RESCALE = 16   /* any mi_scale */
};

typedef struct mi__method {
    const char *name;
    mi__estimator *estimator;
    int32_t can;
    int32_t scale; /* what MI_SCALE_DEFAULT is for mutual information */
    bool ties;     /* equal numbers ruin it */
} mi__method;

extern const mi__method mi__methods[MI_METHOD_NEURAL + 1]; /* that of auto has a name only */

/* Fails unless a method can all that is needed; the message names those that can. */
mi_status mi__method_check(int32_t method, int32_t needs);

/* The rule `auto`, for what is asked: a method, the scale that goes with it, and warnings. x, y and
 * z are as the caller gave them. */
typedef struct mi__choice {
    int32_t method, scale, warnings;
} mi__choice;
mi_status mi__method_choose(const mi__question *question, mi__choice *choice);

/* -- neural.c ---------------------------------------------------------------------------------- */

mi__estimator mi__estimate_neural;

#endif
