/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_FAILING_H
#define LIBMI_TESTS_FAILING_H

/* Memory whose N-th allocation fails, and that counts the blocks which are not given back. */
#include "unit.h"

#include <stdatomic.h>

typedef struct failing {
    atomic_llong calls, living, fail_at; /* fail_at 0: never */
    atomic_llong bytes;                  /* of the living */
} failing;

static void *failing_alloc(void *user, size_t size, size_t align) {
    failing *f = user;
    if (atomic_fetch_add(&f->calls, 1) + 1 == f->fail_at)
        return NULL;
    atomic_fetch_add(&f->living, 1);
    atomic_fetch_add(&f->bytes, (long long)size);
    return aligned_alloc(align, size);
}

static void failing_release(void *user, void *memory, size_t size) {
    failing *f = user;
    atomic_fetch_sub(&f->bytes, (long long)size);
    atomic_fetch_sub(&f->living, 1);
    free(memory);
}

/* A context with such memory. */
static mi_status failing_context(failing *f, int32_t threads, uint64_t seed, mi_context **out) {
    mi_context_options co = {.struct_size = sizeof co,
                             .seed = seed,
                             .threads = threads,
                             .alloc_user = f,
                             .alloc = failing_alloc,
                             .release = failing_release};
    return mi_context_create(&co, out);
}

#endif
