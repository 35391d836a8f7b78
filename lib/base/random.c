/* SPDX-License-Identifier: BSD-2-Clause */
#include "random.h"

#include <math.h>

void mi__philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[4]) {
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

mi__random mi__random_at(uint64_t seed, uint64_t stream, uint64_t counter) {
    return (mi__random){.seed = seed, .stream = stream, .counter = counter};
}

uint32_t mi__random_u32(mi__random *r) {
    if (r->left == 0) {
        mi__philox(r->seed, r->stream, r->counter++, r->block);
        r->left = 4;
    }
    return r->block[4 - r->left--];
}

double mi__random_uniform(mi__random *r) {
    return mi__random_u32(r) * 0x1p-32;
}

double mi__random_range(mi__random *r, double a, double b) {
    return a + (b - a) * mi__random_uniform(r);
}

int64_t mi__random_below(mi__random *r, int64_t n) {
    /* Lemire, "Fast random integer generation in an interval", 2019 */
    uint32_t range = (uint32_t)n, threshold = -range % range;
    for (;;) {
        uint64_t product = (uint64_t)mi__random_u32(r) * range;
        if ((uint32_t)product >= threshold)
            return (int64_t)(product >> 32);
    }
}

void mi__random_shuffle(mi__random *r, int64_t n, int64_t *index) {
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = mi__random_below(r, i + 1), other = index[j];
        index[j] = index[i];
        index[i] = other;
    }
}

double mi__random_normal(mi__random *r) {
    double u = (mi__random_u32(r) + 0.5) * 0x1p-32, v = mi__random_uniform(r);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}
