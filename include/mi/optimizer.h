/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_OPTIMIZER_H
#define LIBMI_OPTIMIZER_H

/** @file
 * Takes an encoder's gradients to better weights: Adam or SGD, with schedules.
 */

#include "encoder.h"

LIBMI_BEGIN_DECLS

/** Opaque. */
typedef struct mi_optimizer mi_optimizer;

/** The rule. */
enum mi_optimizer_kind {
    MI_OPTIMIZER_ADAM = 1, /**< D. Kingma, J. Ba, ICLR 2015; weight decay decoupled as in
                                I. Loshchilov, F. Hutter, ICLR 2019 */
    MI_OPTIMIZER_SGD = 2   /**< with momentum: v = m v + g, w -= rate v; decay adds to g */
};

/** How the rate moves after the warm-up, in which it grows linearly from 0. */
enum mi_schedule {
    MI_SCHEDULE_CONSTANT = 0, /**< not at all */
    MI_SCHEDULE_STEP = 1,     /**< times gamma every `period` steps */
    MI_SCHEDULE_COSINE = 2    /**< half a cosine down to `floor` at `total` steps, constant after */
};

/** Zero it, set struct_size; see base.h. */
typedef struct mi_optimizer_options {
    uint64_t struct_size; /**< sizeof(mi_optimizer_options) */
    int32_t kind;         /**< an mi_optimizer_kind; 0: Adam */
    int32_t schedule;     /**< an mi_schedule */
    double rate;          /**< learning rate, above 0; 0: 1e-3 for Adam, 1e-2 for SGD */
    double beta1;         /**< Adam, below 1; 0: 0.9 */
    double beta2;         /**< Adam, below 1; 0: 0.999 */
    double epsilon;       /**< Adam; 0: 1e-8 */
    double momentum;      /**< SGD, below 1; 0: 0.9; negative: none */
    double decay;         /**< weight decay of MI_PARAM_WEIGHT; 0: none */
    int64_t warmup;       /**< steps of warm-up; 0: none */
    int64_t period;       /**< steps between drops of MI_SCHEDULE_STEP; needed there */
    double gamma;         /**< factor of MI_SCHEDULE_STEP, at most 1; 0: 0.1 */
    int64_t total;        /**< steps until the end of MI_SCHEDULE_COSINE; needed there */
    double floor;         /**< the least rate of MI_SCHEDULE_COSINE; 0: 0 */
} mi_optimizer_options;

/**
 * Makes an optimizer for all learnt parameters of an encoder.
 *
 * @param encoder   retained
 * @param options   NULL for the defaults
 * @param[out] out  receives the handle; destroy it with mi_optimizer_destroy()
 * @return MI_OK; MI_E_ARG (the message has member and value); MI_E_ABI; MI_E_NOMEM
 * @note Adam keeps two numbers a parameter, SGD one.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_optimizer_create(mi_encoder *encoder,
                                                        const mi_optimizer_options *options,
                                                        mi_optimizer **out);

/**
 * Gives up the caller's share of an optimizer.
 *
 * @param optimizer  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_optimizer_destroy(mi_optimizer *optimizer);

/**
 * One step with the encoder's gradients.
 *
 * @param optimizer  the optimizer
 * @return MI_OK; MI_E_ARG; MI_E_STATE (no backward since the last forward);
 *         MI_E_NUMERIC (a gradient is NaN or infinite: nothing was changed)
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_optimizer_step(mi_optimizer *optimizer);

/**
 * The rate that the next step will use.
 *
 * @param optimizer  the optimizer
 * @return the rate; 0 for NULL
 * @since 0.1
 */
LIBMI_API double mi_optimizer_rate(const mi_optimizer *optimizer);

/**
 * Steps made so far.
 *
 * @param optimizer  the optimizer
 * @return 0 or more
 * @since 0.1
 */
LIBMI_API int64_t mi_optimizer_steps(const mi_optimizer *optimizer);

LIBMI_END_DECLS

#endif
