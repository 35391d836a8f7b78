/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_SAMPLES_H
#define LIBMI_SAMPLES_H

/** @file
 * Samples of a variable as its estimators take them: an array that the caller
 * has, of whatever numbers, described.
 *
 * A variable has n samples of d numbers each. An array of shape [n][a][b] is
 * read in one of two ways, without moving a number: *flattened*, n samples of
 * a b numbers; or with *features on its last axis*, n a samples of b numbers
 * (as if each of the a places were a sample of its own). Set n and d so.
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** The type of an array's elements. */
enum mi_dtype {
    MI_DTYPE_F64 = 0, /**< double */
    MI_DTYPE_F32 = 1, /**< float */
    MI_DTYPE_I64 = 2, /**< int64_t; beyond 2^53 distinct values may fall together */
    MI_DTYPE_I32 = 3, /**< int32_t */
    MI_DTYPE_U8 = 4   /**< uint8_t */
};

/** What a variable's numbers are. */
enum mi_kind {
    MI_KIND_AUTO = 0,       /**< integers are discrete, and so are floats that are all whole and
                                 have at most n / 10 different rows; all else is continuous */
    MI_KIND_CONTINUOUS = 1, /**< real numbers: near is alike */
    MI_KIND_DISCRETE = 2    /**< names: each different row is a value of its own */
};

/** What information is counted in. */
enum mi_unit {
    MI_UNIT_NATS = 0, /**< natural logarithms */
    MI_UNIT_BITS = 1  /**< logarithms to the base 2 */
};

/** An array. Zero it, set struct_size; see base.h. */
typedef struct mi_samples {
    uint64_t struct_size; /**< sizeof(mi_samples) */
    const void *data;     /**< [n][d] */
    int64_t n;            /**< samples, 1 to 2^32 - 1 */
    int64_t d;            /**< numbers of each, at least 1; 0: 1 */
    int64_t ld;           /**< row stride in elements, 0: d */
    int32_t dtype;        /**< an mi_dtype */
    int32_t kind;         /**< an mi_kind */
} mi_samples;

/**
 * The word for a unit, to stand behind a number.
 *
 * @param unit  an mi_unit
 * @return "nats" or "bits"; "?" for anything else
 * @since 0.1
 */
LIBMI_API const char *mi_unit_name(int32_t unit);

LIBMI_END_DECLS

#endif
