/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_STATUS_H
#define LIBMI_STATUS_H

/** @file
 * How calls fail: a negative code, and a sentence with the values in it.
 *
 * Every call that can fail returns an `mi_status`. On failure its outputs are
 * untouched, handles stay usable (where not, the function says so), and
 * mi_error_message() tells what was wrong, for instance
 * "zt has 96 rows, z has 128".
 */

#include "base.h"

LIBMI_BEGIN_DECLS

/** 0 on success, else one of the negative codes below. */
typedef int32_t mi_status;

/** The codes. Their values never change and are never used again. */
enum mi_status_code {
    MI_OK = 0,             /**< success */
    MI_E_ARG = -1,         /**< an argument is NULL, out of range or unknown */
    MI_E_SHAPE = -2,       /**< sizes don't fit together, or a product overflows */
    MI_E_DTYPE = -3,       /**< the element type is not the one expected */
    MI_E_NOMEM = -4,       /**< an allocation failed */
    MI_E_STATE = -5,       /**< not now: the call needs another one before it */
    MI_E_NUMERIC = -6,     /**< NaN or infinity where a finite number is needed */
    MI_E_INFEASIBLE = -7,  /**< no solution exists */
    MI_E_IO = -8,          /**< the operating system refused to read or write */
    MI_E_FORMAT = -9,      /**< a file or text is not what it should be */
    MI_E_CANCELLED = -10,  /**< the host asked to stop */
    MI_E_ABI = -11,        /**< struct_size is unknown: header and library differ */
    MI_E_UNSUPPORTED = -12,/**< valid, but not for this object, or not in this build */
    MI_E_INTERNAL = -99    /**< a bug in libmi; please report it */
};

/**
 * The name of a code.
 *
 * @param status  any value
 * @return a constant string such as "MI_E_SHAPE"; "MI_E_?" for unknown codes
 * @since 0.1
 */
LIBMI_API const char *mi_status_name(mi_status status);

/**
 * What went wrong in the last failing call on this thread: one line, without
 * a full stop, with the offending values. A success does not clear it.
 *
 * @return a string of at most 511 bytes that lives until the next failing call
 *         on this thread; "" if none has failed. Never NULL.
 * @since 0.1
 */
LIBMI_API const char *mi_error_message(void);

/**
 * Copies that message, for hosts whose calls hop between threads.
 *
 * @param[out] text  receives a zero-terminated text, cut if too long; may be
 *                   NULL if @p size is 0
 * @param size       capacity of @p text in bytes
 * @return the length of the whole message without its final zero
 * @since 0.1
 */
LIBMI_API size_t mi_error_copy(char *text, size_t size);

LIBMI_END_DECLS

#endif
