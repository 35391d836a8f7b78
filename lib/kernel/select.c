/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

extern const mi__kernels mi__kernels_avx512, mi__kernels_avx2, mi__kernels_generic;

#ifdef LIBMI_X86_KERNELS
static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

const mi__kernels *mi__kernels_list(int32_t index) {
#ifdef LIBMI_X86_KERNELS
    if (has_avx512() && index-- == 0)
        return &mi__kernels_avx512;
    if (has_avx2() && index-- == 0)
        return &mi__kernels_avx2;
#endif
#ifdef LIBMI_VECTOR_KERNELS
    if (index-- == 0)
        return &mi__kernels_generic;
#endif
    return index == 0 ? &mi__kernels_reference : NULL;
}

const mi__kernels *mi__kernels_select(void) {
    const char *forced = getenv("LIBMI_CPU");
    const mi__kernels *table;
    for (int32_t i = 0; forced != NULL && (table = mi__kernels_list(i)) != NULL; i++)
        if (strcmp(forced, table->name) == 0)
            return table;
    return mi__kernels_list(0);
}
