/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_BASE_H
#define LIBMI_LIB_BASE_H

/* The floor that everything stands on: errors, memory, options, threads. */

#include <mi/context.h>
#include <mi/status.h>

#include <stdatomic.h>
#include <stdbool.h>

#ifdef __GNUC__
#define MI__PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define MI__PRINTF(text, first)
#endif

/* -- errors ----------------------------------------------------------------------------------- */

/* Writes the thread's message and returns `status`, so that a check reads
 *     if (n < 0) return mi__fail(MI_E_ARG, "n must not be negative, got %" PRId64, n); */
mi_status mi__fail(mi_status status, const char *format, ...) MI__PRINTF(2, 3);

/* Passes a failure up. */
#define MI__TRY(call)                                                                              \
    do {                                                                                           \
        mi_status mi__try_status = (call);                                                         \
        if (mi__try_status != MI_OK)                                                               \
            return mi__try_status;                                                                 \
    } while (0)

/* Fails unless a pointer argument is there; the message names it. */
#define MI__NEED(pointer)                                                                          \
    do {                                                                                           \
        if ((pointer) == NULL)                                                                     \
            return mi__fail(MI_E_ARG, "%s must not be NULL", #pointer);                            \
    } while (0)

/* -- contexts --------------------------------------------------------------------------------- */

typedef struct mi__pool mi__pool;

struct mi_context {
    atomic_int references;
    mi_context_options options; /* whole: defaults filled in */
    int32_t threads;
    mi__pool *pool;        /* NULL if threads == 1 or the host executes */
    atomic_bool blas_told; /* whether the log has what mi__blas_mistake() says */
};

/* `*out` = `context` with one more reference, or a new default context if it is NULL. */
mi_status mi__context_take(mi_context *context, mi_context **out);

void mi__log(const mi_context *context, int32_t level, const char *format, ...) MI__PRINTF(3, 4);

/* -- memory: all of the library's comes from here -------------------------------------------- */

/* Room for count * size bytes, aligned to 64, not cleared; NULL with the thread's message set if
 * the product overflows or memory is short. A count of 0 gives a pointer that must be freed. */
void *mi__alloc(mi_context *context, int64_t count, size_t size);
void *mi__alloc_zero(mi_context *context, int64_t count, size_t size);

/* The same count and size that mi__alloc() got. NULL is fine. */
void mi__free(mi_context *context, void *memory, int64_t count, size_t size);

/* `*out` = a * b if that fits and neither is negative, else false. */
bool mi__multiply(int64_t a, int64_t b, int64_t *out);

/* -- sized structs ---------------------------------------------------------------------------- */

/* Copies the caller's sized struct over `own`, which the callee has zeroed and which begins with
 * its own size too. A caller's shorter struct leaves the tail 0; a longer one must be 0 there.
 * `oldest` is the size of the first release. NULL `theirs` leaves `own` as it is. */
mi_status mi__options_load(void *own, size_t own_size, size_t oldest, const void *theirs,
                           const char *type_name);

/* Whether a report, a sized struct that the library fills in, has a size that can be served: to be
 * asked before the work begins. */
mi_status mi__report_check(const void *theirs, size_t own_size, size_t oldest,
                           const char *type_name);

/* Fills in a report of `size` bytes that was found good: an older caller's shorter one gets what it
 * has members for, a newer one's further members stay as they are. */
void mi__report_store(void *theirs, uint64_t size, const void *own, size_t own_size);

/* -- threads ---------------------------------------------------------------------------------- */

/* body(arg, i) for every i in 0..n-1, on the context's threads; returns when all are done. Bodies
 * must not fail, and must not call mi__parallel_for() of the same context. Results must not depend
 * on which thread runs what. */
void mi__parallel_for(mi_context *context, int64_t n, void (*body)(void *arg, int64_t i),
                      void *arg);

/* Splits 0..n-1 into at most `threads` ranges of at least `grain`: body(arg, begin, end). */
void mi__parallel_ranges(mi_context *context, int64_t n, int64_t grain,
                         void (*body)(void *arg, int64_t begin, int64_t end), void *arg);

mi__pool *mi__pool_create(mi_context *context, int32_t threads);
void mi__pool_destroy(mi__pool *pool, mi_context *context);

/* How many processors this process may run on. */
int32_t mi__processors(void);

/* -- small things ----------------------------------------------------------------------------- */

/* Asks for memory that is needed later, where no processor foresees it. */
static inline void mi__fetch(const void *p) {
#ifdef __GNUC__
    __builtin_prefetch(p);
#else
    (void)p;
#endif
}

#define MI__MIN(a, b) ((a) < (b) ? (a) : (b))
#define MI__MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
