/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_BOUND_INFO_H
#define LIBMI_BOUND_INFO_H

/** @file
 * What kinds of bounds there are, in words and numbers: for hosts that let their
 * users choose, and for bindings. The bounds themselves are in bound.h.
 */

#include "status.h"

LIBMI_BEGIN_DECLS

/** Which side of the mutual information a bound is on. */
enum mi_bound_side {
    MI_BOUND_LOWER = 1,  /**< at most I in expectation: maximise */
    MI_BOUND_UPPER = 2,  /**< at least I, under its conditions: minimise */
    MI_BOUND_NEITHER = 3 /**< an estimate without a guarantee: maximise */
};

/** What a bound can be asked on; flags. */
enum mi_bound_shape {
    MI_BOUND_VECTORS = 1,   /**< any n scores of P, any m of Q */
    MI_BOUND_GROUPS = 2,    /**< vectors too, but m is k n: the i-th k of Q are row i's */
    MI_BOUND_MATRIX = 4,    /**< a matrix of scores, plain or local */
    MI_BOUND_EMBEDDINGS = 8 /**< embeddings, plain or local */
};

/** What a bound does; flags. */
enum mi_bound_trait {
    MI_BOUND_SURROGATE = 1, /**< loss is not -estimate (or estimate, if upper) */
    MI_BOUND_STATE = 2,     /**< a step depends on those before it */
    MI_BOUND_BASELINE = 4,  /**< takes a baseline for each row */
    MI_BOUND_ORDERED = 8    /**< depends on the order of the samples */
};

/** A kind of bound: a report, see base.h. Strings are constant. */
typedef struct mi_bound_info {
    uint64_t struct_size; /**< sizeof(mi_bound_info) */
    const char *name;     /**< for mi_bound_create(), such as "infonce" */
    const char *summary;  /**< a sentence */
    const char *cap;      /**< the most that the estimate can be, in words */
    const char *variance; /**< how far to trust a single batch, in words */
    const char *citation; /**< the paper it comes from */
    int32_t side;         /**< an mi_bound_side */
    int32_t shapes;       /**< mi_bound_shape flags */
    int32_t traits;       /**< mi_bound_trait flags */
    int32_t params;       /**< how many parameters, see mi_bound_param() */
} mi_bound_info;

/** A parameter of a kind: a report, see base.h. */
typedef struct mi_bound_param {
    uint64_t struct_size; /**< sizeof(mi_bound_param) */
    const char *name;     /**< for mi_bound_set() */
    const char *help;     /**< a sentence */
    double initial;       /**< its value until it is set */
    double least;         /**< the least allowed value */
    double most;          /**< the greatest allowed value, may be infinite */
    int32_t whole;        /**< 1: a whole number, such as a flag */
    int32_t reserved0;    /**< 0 */
} mi_bound_param;

/**
 * The kinds of bounds, one after another: ask for index 0, 1, ... until it fails.
 *
 * @param index        0 and up
 * @param[in,out] info struct_size set; receives the description
 * @return MI_OK; MI_E_ARG (no kind has that index, NULL info); MI_E_ABI
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_list(int32_t index, mi_bound_info *info);

/**
 * The parameters of a kind of bound, one after another.
 *
 * @param bound        the name of a kind
 * @param index        0 to params - 1
 * @param[in,out] param  struct_size set; receives the description
 * @return MI_OK; MI_E_ARG (unknown name, no such index, NULL); MI_E_ABI
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_param_list(const char *bound, int32_t index,
                                                        mi_bound_param *param);

LIBMI_END_DECLS

#endif
