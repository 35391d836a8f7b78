/* SPDX-License-Identifier: BSD-2-Clause */
/* Which points bytes leave in question: a lane is a point. */

#define GLANCE 16 /* columns between looks at whether any point is still in question */

INLINE uint64_t sift_block(const uint8_t *point, int64_t d, const uint8_t *query, byte_vec most) {
    byte_vec far[SLICES] = {{0}};
    for (int64_t j = 0;;) {
        const int64_t stop = MI__MIN(j + GLANCE, d);
        for (; j < stop; j++, point += MI__BLOCK) {
            const byte_vec here = bytes_of(query[j]);
            UNROLL_ALL
            for (int s = 0; s < SLICES; s++) {
                const byte_vec there = *(const byte_vec_in_memory *)(point + s * BYTE_LANES);
                far[s] = bytes_most(far[s], bytes_apart(here, there));
            }
        }
        uint64_t mask = 0;
        UNROLL_ALL
        for (int s = 0; s < SLICES; s++)
            mask |= bytes_at_most(far[s], most) << s * BYTE_LANES;
        if (mask == 0 || j == d)
            return mask;
    }
}

static bool sift(const mi__sieve *s, int64_t block, int64_t blocks, const uint8_t *query,
                 uint8_t most, uint64_t *mask) {
    const uint8_t *point = s->point + block * s->d * MI__BLOCK;
    const byte_vec limit = bytes_of(most);
    uint64_t any = 0;
    for (int64_t b = 0; b < blocks; b++, point += s->d * MI__BLOCK)
        any |= mask[b] = sift_block(point, s->d, query, limit);
    return any != 0;
}
