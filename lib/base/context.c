/* SPDX-License-Identifier: BSD-2-Clause */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_THREADS 1024

static void *default_alloc(void *user, size_t size, size_t align) {
    (void)user;
    return aligned_alloc(align, size);
}

static void default_release(void *user, void *memory, size_t size) {
    (void)user;
    (void)size;
    free(memory);
}

static mi_status check_options(const mi_context_options *o) {
    if (o->threads < 0 || o->threads > MOST_THREADS)
        return mi__fail(MI_E_ARG, "threads must be in 0 to %d, got %d", MOST_THREADS, o->threads);
    if (o->executor_width < 0 || o->executor_width > MOST_THREADS)
        return mi__fail(MI_E_ARG, "executor_width must be in 0 to %d, got %d", MOST_THREADS,
                        o->executor_width);
    if ((o->alloc == NULL) != (o->release == NULL))
        return mi__fail(MI_E_ARG, "alloc and release must be given both or not at all");
    if (o->reserved0 != 0 || o->reserved1 != 0 || o->collectives != NULL)
        return mi__fail(MI_E_ARG, "reserved members of mi_context_options must be 0");
    return MI_OK;
}

mi_status mi_context_create(const mi_context_options *options, mi_context **out) {
    MI__NEED(out);
    mi_context_options o = {0};
    MI__TRY(mi__options_load(&o, sizeof o, sizeof o, options, "mi_context_options"));
    MI__TRY(check_options(&o));
    if (o.alloc == NULL) {
        o.alloc = default_alloc;
        o.release = default_release;
    }

    mi_context *context = NULL;
    mi_context boot = {.options = o};
    context = mi__alloc_zero(&boot, 1, sizeof *context);
    if (context == NULL)
        return MI_E_NOMEM;
    atomic_init(&context->references, 1);
    context->options = o;
    if (o.parallel_for != NULL) {
        context->threads = MI__MAX(o.executor_width, 1);
    } else {
        context->threads = o.threads > 0 ? o.threads : mi__processors();
        if (context->threads > 1 &&
            (context->pool = mi__pool_create(context, context->threads)) == NULL) {
            mi__free(context, context, 1, sizeof *context);
            return MI_E_NOMEM;
        }
    }
    *out = context;
    return MI_OK;
}

mi_status mi__context_take(mi_context *context, mi_context **out) {
    if (context == NULL)
        return mi_context_create(NULL, out);
    atomic_fetch_add(&context->references, 1);
    *out = context;
    return MI_OK;
}

void mi_context_destroy(mi_context *context) {
    if (context == NULL || atomic_fetch_sub(&context->references, 1) > 1)
        return;
    mi__pool_destroy(context->pool, context);
    mi_context last = {.options = context->options};
    mi__free(&last, context, 1, sizeof *context);
}

int32_t mi_context_threads(const mi_context *context) {
    return context == NULL ? mi__processors() : context->threads;
}

void mi__log(const mi_context *context, int32_t level, const char *format, ...) {
    if (context->options.log == NULL)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    context->options.log(context->options.log_user, level, text);
}
