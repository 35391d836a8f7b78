/* SPDX-License-Identifier: BSD-2-Clause */
#include "half.h"
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

#ifdef LIBMI_HALF_KERNELS
extern const mi__half mi__half_avx512;

const mi__half *mi__half_kernels(void) {
    return has_avx512() && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512bf16")
               ? &mi__half_avx512
               : NULL;
}

bool mi__kernels_half(const mi__kernels *k) {
    return k == &mi__kernels_avx512 && mi__half_kernels() != NULL;
}
#else
const mi__half *mi__half_kernels(void) {
    return NULL;
}

bool mi__kernels_half(const mi__kernels *k) {
    (void)k;
    return false;
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
