/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers one after another. */

/* The block that number i of the stream is in; it is number i % 4 of it. */
static void block_of(uint64_t seed, uint64_t stream, int64_t i, uint32_t block[4]) {
    mi__philox(seed, stream, (uint64_t)i / 4, block);
}

static void uniforms(uint64_t seed, uint64_t stream, int64_t first, int64_t n, void *out) {
    real *to = out;
    uint32_t block[4];
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = first + i;
        if (i == 0 || at % 4 == 0)
            block_of(seed, stream, at, block);
        to[i] = (real)(block[at % 4] >> 8) * (real)0x1p-24;
    }
}

/* Of two numbers of a block, the first is the radius, the second the angle. */
static void normals(uint64_t seed, uint64_t stream, int64_t first, int64_t n, void *out) {
    real *to = out;
    uint32_t block[4];
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = first + i, pair = at % 4 / 2 * 2;
        if (i == 0 || at % 4 == 0)
            block_of(seed, stream, at, block);
        const double radius = sqrt(-2 * log((block[pair] + 0.5) * 0x1p-32));
        const double angle = 6.283185307179586 * 0x1p-32 * block[pair + 1];
        to[i] = (real)(radius * (at % 2 == 0 ? cos(angle) : sin(angle)));
    }
}
