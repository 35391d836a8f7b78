/* SPDX-License-Identifier: BSD-2-Clause */
#include "base.h"

#include <inttypes.h>
#include <string.h>

#define ALIGNMENT 64

bool mi__multiply(int64_t a, int64_t b, int64_t *out) {
    if (a < 0 || b < 0 || (b > 0 && a > INT64_MAX / b))
        return false;
    *out = a * b;
    return true;
}

/* Rounded up to whole cache lines: kernels may read, never write, to the end of the last one. */
static bool byte_count(int64_t count, size_t size, size_t *out) {
    int64_t bytes;
    if (!mi__multiply(count, (int64_t)size, &bytes) || bytes > PTRDIFF_MAX - ALIGNMENT)
        return false;
    *out = ((size_t)MI__MAX(bytes, 1) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return true;
}

void *mi__alloc(mi_context *context, int64_t count, size_t size) {
    size_t bytes;
    void *memory = NULL;
    if (byte_count(count, size, &bytes))
        memory = context->options.alloc(context->options.alloc_user, bytes, ALIGNMENT);
    if (memory == NULL)
        mi__fail(MI_E_NOMEM, "no memory for %" PRId64 " elements of %zu bytes", count, size);
    return memory;
}

void *mi__alloc_zero(mi_context *context, int64_t count, size_t size) {
    void *memory = mi__alloc(context, count, size);
    if (memory != NULL)
        memset(memory, 0, (size_t)count * size);
    return memory;
}

void mi__free(mi_context *context, void *memory, int64_t count, size_t size) {
    size_t bytes;
    if (memory != NULL && byte_count(count, size, &bytes))
        context->options.release(context->options.alloc_user, memory, bytes);
}
