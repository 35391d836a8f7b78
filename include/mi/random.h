/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_RANDOM_H
#define LIBMI_RANDOM_H

/** @file
 * Random numbers for hosts that draw their own samples: as reproducible as
 * everything else here, and fast.
 *
 * Number i of a stream is a pure function of seed, stream and i, so that it
 * doesn't matter in which pieces, in which order or on which thread numbers are
 * drawn, nor how many of other streams. There is no state and no handle.
 *
 * Philox-4x32-10: J. Salmon et al., "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011. Normal numbers: G. Box, M. Muller, 1958.
 */

#include "status.h"

LIBMI_BEGIN_DECLS

/**
 * Draws from the uniform distribution on [0, 1): multiples of 2^-24.
 *
 * @param seed      any number
 * @param stream    any number below 2^63: what is drawn for one purpose, in one step, ...
 * @param first     index of the first number, 0 or more
 * @param n         how many, 0 or more
 * @param[out] out  [n]
 * @return MI_OK; MI_E_ARG (NULL, a negative number, first + n beyond 2^62, stream too large)
 * @note O(n) time, no memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_random_uniform_f32(uint64_t seed, uint64_t stream,
                                                          int64_t first, int64_t n, float *out);

/**
 * Draws from the normal distribution N(0, 1). No number is further from 0 than 6.8.
 *
 * @param seed      any number
 * @param stream    any number below 2^63; the same stream is not to be used for uniform numbers
 * @param first     index of the first number, 0 or more
 * @param n         how many, 0 or more
 * @param[out] out  [n]
 * @return as mi_random_uniform_f32()
 * @note O(n) time, no memory. The same on every processor but for the last bits. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_random_normal_f32(uint64_t seed, uint64_t stream,
                                                         int64_t first, int64_t n, float *out);

LIBMI_END_DECLS

#endif
