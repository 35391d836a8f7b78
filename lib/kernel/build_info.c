/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel.h"

#include <mi/version.h>

#include <stdio.h>
#include <string.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define VERSION                                                                                    \
    TEXT(LIBMI_VERSION_MAJOR) "." TEXT(LIBMI_VERSION_MINOR) "." TEXT(LIBMI_VERSION_PATCH)

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown compiler"
#endif

const char *mi_lib_version_string(void) {
    return VERSION;
}

int32_t mi_lib_version_number(void) {
    return LIBMI_VERSION_MAJOR * 10000 + LIBMI_VERSION_MINOR * 100 + LIBMI_VERSION_PATCH;
}

size_t mi_build_info(char *text, size_t size) {
    const char *core = mi__blas_core();
    const bool told = core == NULL || strstr(mi__blas_info(), core) != NULL;
    const mi__kernels *k;
    char tables[64] = "";
    for (int32_t i = 0; (k = mi__kernels_list(i)) != NULL; i++) {
        const size_t length = strlen(tables);
        snprintf(tables + length, sizeof tables - length, i == 0 ? "%s" : ", %s", k->name);
    }
    int length = snprintf(
        text, size, "libmi " VERSION ", " COMPILER ", BLAS: %s%s%s, kernels: %s (of %s)",
        mi__blas_info(), told ? "" : " for ", told ? "" : core, mi__kernels_select()->name, tables);
    return length < 0 ? 0 : (size_t)length;
}
