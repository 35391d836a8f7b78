/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_RANDOM_H
#define LIBMI_LIB_RANDOM_H

#include <stdint.h>

/* Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): block
 * `counter` of a stream is a pure function of (seed, stream, counter), so that draws depend
 * neither on the order of calls nor on threads. */
void mi__philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[4]);

/* Names of streams: what is drawn for one purpose never shifts another. The low 32 bits are free
 * for an index (a layer, an epoch). */
#define MI__STREAM_WEIGHTS ((uint64_t)1 << 32)
#define MI__STREAM_SHUFFLE ((uint64_t)2 << 32)
#define MI__STREAM_AUGMENT ((uint64_t)3 << 32)
#define MI__STREAM_DIGITS ((uint64_t)4 << 32)
#define MI__STREAM_PRIOR ((uint64_t)5 << 32)
#define MI__STREAM_NOISE ((uint64_t)6 << 32)
#define MI__STREAM_RESAMPLE ((uint64_t)8 << 32)
#define MI__STREAM_PERMUTE ((uint64_t)9 << 32)
#define MI__STREAM_NEGATIVES ((uint64_t)16 << 32)
#define MI__STREAM_SPLIT ((uint64_t)17 << 32)
#define MI__STREAM_PROBE ((uint64_t)18 << 32)
#define MI__STREAM_FIRST_VIEW ((uint64_t)19 << 32)
#define MI__STREAM_DISCRIMINATOR ((uint64_t)20 << 32)
#define MI__STREAM_PLACES ((uint64_t)21 << 32)

/* A cursor on one stream for code that draws one number after another. */
typedef struct mi__random {
    uint64_t seed, stream, counter;
    uint32_t block[4];
    int32_t left;
} mi__random;

mi__random mi__random_at(uint64_t seed, uint64_t stream, uint64_t counter);
uint32_t mi__random_u32(mi__random *r);
double mi__random_uniform(mi__random *r);                          /* [0, 1), 32 bits */
double mi__random_range(mi__random *r, double a, double b);        /* [a, b) */
int64_t mi__random_below(mi__random *r, int64_t n);                /* 0..n-1, n < 2^32, no bias */
double mi__random_normal(mi__random *r);                           /* Box-Muller, one of the two */
void mi__random_shuffle(mi__random *r, int64_t n, int64_t *index); /* Fisher-Yates, n < 2^32 */

#endif
