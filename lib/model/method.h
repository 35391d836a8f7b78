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

#define MI__METHODS (MI_METHOD_CANONICAL + 1)
extern const mi__method mi__methods[MI__METHODS]; /* auto has no estimator */

/* Fails unless a method can all that is needed; the message names those that can. */
mi_status mi__method_check(int32_t method, int32_t needs);

/* Samples that a method takes at least. */
int64_t mi__method_least(int32_t method, int64_t columns, int32_t k);

/* -- choose.c: the rule `auto` ----------------------------------------------------------------- */

/* What kinds and ties alone decide, of variables as the caller gave them, none of them constant.
 * MI_METHOD_AUTO: all are numbers, and what they say decides. */
mi_status mi__choose_by_kinds(const mi__question *question, int32_t *method);

/* Tries methods on columns that have normal scores, and answers by the best. */
mi_status mi__choose_by_values(const mi__question *question, int32_t *method, mi__answer *answer);

/* The value of the same. */
mi__estimator mi__estimate_auto;

/* -- neural.c ---------------------------------------------------------------------------------- */

#define MI__NEURAL_LEAST 64 /* samples */
mi__estimator mi__estimate_neural;

#endif
