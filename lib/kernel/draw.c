/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers for hosts. */
#include "kernel.h"

#include <mi/random.h>

#include <inttypes.h>

/* What the library draws for itself is in the other half of the streams. */
#define PUBLIC ((uint64_t)1 << 63)
#define MOST ((int64_t)1 << 62)

static mi_status check(uint64_t stream, int64_t first, int64_t n, const float *out) {
    MI__NEED(out);
    if (stream >= PUBLIC)
        return mi__fail(MI_E_ARG, "stream must be below 2^63, got %" PRIu64, stream);
    if (first < 0 || n < 0 || first > MOST || n > MOST - first)
        return mi__fail(MI_E_ARG,
                        "first and n must not be negative and not exceed 2^62 together, got "
                        "%" PRId64 " and %" PRId64,
                        first, n);
    return MI_OK;
}

mi_status mi_random_uniform_f32(uint64_t seed, uint64_t stream, int64_t first, int64_t n,
                                float *out) {
    MI__TRY(check(stream, first, n, out));
    mi__kernels_select()->uniforms(seed, stream | PUBLIC, first, n, out);
    return MI_OK;
}

mi_status mi_random_normal_f32(uint64_t seed, uint64_t stream, int64_t first, int64_t n,
                               float *out) {
    MI__TRY(check(stream, first, n, out));
    mi__kernels_select()->normals(seed, stream | PUBLIC, first, n, out);
    return MI_OK;
}
