/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_BASE_H
#define LIBMI_BASE_H

/** @file
 * What every other header needs: fixed-width types and declaration macros.
 *
 * Conventions that hold in all of libmi:
 *
 * - **Buffers** belong to the caller, are row-major with one sample a row, and
 *   no pointer is kept after the call returns. A row stride `ld` counts
 *   elements; 0 means packed rows.
 * - **Images** are float32 [n][height][width][channels], pixels in 0 to 1.
 * - **Information** is in nats, or in bits where a `unit` asks for them.
 * - **Options** are structs that begin with their own size. Zero them, set
 *   `struct_size = sizeof`, set what you care about: 0 always means "the
 *   default". A NULL options pointer means all defaults.
 * - **Reports**, structs that are filled in for you, begin with their size too:
 *   set `struct_size = sizeof` before the call. No more bytes than that are
 *   written, and members that an older library doesn't know stay as they are.
 * - **Handles** are opaque. `mi_x_destroy` accepts NULL. A handle that was given
 *   to another one is kept alive by it, so the order of destruction is free.
 * - **Threads**: one handle, one thread at a time; different handles are
 *   independent, even when they share a context. An encoder, its optimizers and
 *   its clusterings count as one. Functions that take a `const` handle may run
 *   concurrently on it.
 * - **Failure**: see status.h. Outputs are untouched, nothing leaks.
 * - The library never prints, exits, aborts, or touches signal handlers.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define LIBMI_BEGIN_DECLS extern "C" {
#define LIBMI_END_DECLS }
#else
#define LIBMI_BEGIN_DECLS
#define LIBMI_END_DECLS
#endif

#if defined(__GNUC__) || defined(__clang__)
#define LIBMI_API __attribute__((visibility("default")))
#define LIBMI_NODISCARD __attribute__((warn_unused_result))
#else
#define LIBMI_API
#define LIBMI_NODISCARD
#endif

#endif
