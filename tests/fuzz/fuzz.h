/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_FUZZ_H
#define LIBMI_TESTS_FUZZ_H

/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(); it is linked to
 * libFuzzer (-Dfuzzers=true, with clang), and always also to driver.c, which tries the corpus and
 * some mutations of it as a test. Whatever is wrong ends in abort(). */

#include <mi/mi.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, saying what was expected, unless it holds. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_abort(__FILE__, __LINE__, #condition);                                            \
    } while (0)

void fuzz_abort(const char *file, int line, const char *condition);

/* A context of one thread that has 64 MiB to give; its end checks that all of it came back. */
mi_context *fuzz_begin(void);
void fuzz_end(mi_context *context);

/* A failure must say why, on one line, and never be MI_E_INTERNAL. Returns whether it is MI_OK. */
int fuzz_ok(mi_status status);

/* The path of file `which`, 0 or 1, now with these bytes. */
const char *fuzz_file(int which, const uint8_t *data, size_t size);

#endif
