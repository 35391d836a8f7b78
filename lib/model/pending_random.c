/* SPDX-License-Identifier: BSD-2-Clause */
/* To be replaced. */
#include "../base/base.h"

#include <mi/random.h>

mi_status mi_random_uniform_f32(uint64_t seed, uint64_t stream, int64_t first, int64_t n,
                                float *out) {
    (void)seed;
    (void)stream;
    (void)first;
    (void)n;
    (void)out;
    return mi__fail(MI_E_UNSUPPORTED, "mi_random_uniform_f32() is not there yet");
}

mi_status mi_random_normal_f32(uint64_t seed, uint64_t stream, int64_t first, int64_t n,
                               float *out) {
    (void)seed;
    (void)stream;
    (void)first;
    (void)n;
    (void)out;
    return mi__fail(MI_E_UNSUPPORTED, "mi_random_normal_f32() is not there yet");
}
