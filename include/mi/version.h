/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_VERSION_H
#define LIBMI_VERSION_H

/** @file
 * Which libmi this is. meson.build reads the three numbers below, so that the
 * version is written in one place.
 */

#include "base.h"

#define LIBMI_VERSION_MAJOR 0
#define LIBMI_VERSION_MINOR 1
#define LIBMI_VERSION_PATCH 0

LIBMI_BEGIN_DECLS

/**
 * The version of the library that is loaded, as "0.1.0". Compare with the
 * macros above to notice a header and a library that don't belong together.
 *
 * @return a constant string, never NULL
 * @since 0.1
 */
LIBMI_API const char *mi_lib_version_string(void);

/**
 * The same as a number: major * 10000 + minor * 100 + patch.
 *
 * @return the number
 * @since 0.1
 */
LIBMI_API int32_t mi_lib_version_number(void);

/**
 * One line of text for bug reports: version, compiler, the BLAS that serves
 * dense products, and the kernels chosen for this processor, of those that it
 * can run. The environment variable LIBMI_CPU forces a lesser choice (avx2,
 * generic, reference) and is ignored if it is none of them; it is read when an
 * encoder is created.
 *
 * @param[out] text  receives a zero-terminated text, cut if too long; may be
 *                   NULL if @p size is 0
 * @param size       capacity of @p text in bytes
 * @return the length of the whole text without its final zero
 * @since 0.1
 */
LIBMI_API size_t mi_build_info(char *text, size_t size);

LIBMI_END_DECLS

#endif
