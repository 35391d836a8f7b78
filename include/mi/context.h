/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_CONTEXT_H
#define LIBMI_CONTEXT_H

/** @file
 * What a host may decide once for all: memory, log, seed, threads.
 *
 * Objects of different contexts share nothing. There is no other state: libmi
 * has no writable globals but the thread-local error message. Wherever a
 * context is asked for, NULL gives the object a private one with the defaults.
 */

#include "status.h"

LIBMI_BEGIN_DECLS

/** Opaque; shared by the handles made from it and alive as long as they are. */
typedef struct mi_context mi_context;

/** Severity of a log message. */
enum mi_log_level {
    MI_LOG_ERROR = 1,   /**< something failed that no status can report */
    MI_LOG_WARNING = 2, /**< it works, but not as well as it could */
    MI_LOG_INFO = 3     /**< decisions worth knowing */
};

/** Zero it, set struct_size; see base.h. */
typedef struct mi_context_options {
    uint64_t struct_size; /**< sizeof(mi_context_options) */

    /** Default seed of everything random that is made from this context. */
    uint64_t seed;

    /** Threads to compute with, the calling one included; 0: as many as the
     *  process may run on. Ignored if parallel_for is set. */
    int32_t threads;

    /** Must be 0. */
    int32_t reserved0;

    /** Memory: both or neither. `alloc` returns `size` bytes aligned to `align`
     *  (a power of two, at most 64) or NULL; `release` gets the same size back.
     *  Called from any thread that libmi computes on; must be thread-safe. */
    void *(*alloc)(void *user, size_t size, size_t align);
    void (*release)(void *user, void *memory, size_t size); /**< see alloc */
    void *alloc_user;                                       /**< passed to both */

    /** Receives finished text (no final newline) with an mi_log_level; called
     *  on the thread of the call that caused it. NULL: silence. */
    void (*log)(void *user, int32_t level, const char *message);
    void *log_user; /**< passed to log */

    /** The host's own thread pool: calls body(arg, i) once for every i in 0 to
     *  n - 1, in any order, on any threads, and returns when all are done.
     *  NULL: libmi keeps a pool of its own per context. */
    void (*parallel_for)(void *user, int64_t n, void (*body)(void *arg, int64_t i), void *arg);
    void *executor_user;    /**< passed to parallel_for */
    int32_t executor_width; /**< how many bodies the host runs at once; 0: 1 */

    /** Must be 0. */
    int32_t reserved1;

    /** Reserved for sums over several machines; must be NULL. */
    const void *collectives;
} mi_context_options;

/**
 * Makes a context.
 *
 * @param options   NULL for the defaults
 * @param[out] out  receives the context; destroy it with mi_context_destroy()
 * @return MI_OK; MI_E_ARG (NULL out, threads out of 0..1024, only one of alloc
 *         and release, ...); MI_E_ABI; MI_E_NOMEM
 * @note Threads are started by the first call that has work for them. After
 *       fork(), use contexts made before it only to destroy them.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_context_create(const mi_context_options *options,
                                                      mi_context **out);

/**
 * Gives up the caller's share of a context. The last handle made from it takes
 * it away and joins its threads.
 *
 * @param context  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_context_destroy(mi_context *context);

/**
 * How many threads computations of this context use, the caller's included.
 *
 * @param context  NULL is answered with what the default would be
 * @return 1 or more
 * @since 0.1
 */
LIBMI_API int32_t mi_context_threads(const mi_context *context);

LIBMI_END_DECLS

#endif
