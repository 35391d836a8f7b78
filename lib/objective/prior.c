/* SPDX-License-Identifier: BSD-2-Clause */
#include "../base/base.h"
#include "../base/random.h"

#include <mi/prior.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>

#define FARTHEST 8.7 /* noise ends at sqrt(-2 ln 2^-54), a little less */

/* e^x - 1 - x to all digits near 0, where expm1(x) cancels against x. */
static double excess(double x) {
    if (fabs(x) > 0.01)
        return expm1(x) - x;
    double series = 1;
    for (int k = 8; k > 2; k--)
        series = 1 + series * x / k;
    return series * x * x / 2;
}

/* ln(1 + e^x) */
static double softplus(double x) {
    return MI__MAX(x, 0) + log1p(exp(-fabs(x)));
}

static double sigmoid(double x) {
    double e = exp(-fabs(x));
    return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

/* -- noise: a block of random bits for every two dimensions of a sample ------------------------ */

/* A block has no room for a draw of 64 bits: it becomes part of the seed. */
static uint64_t seed_of_draw(uint64_t seed, uint64_t draw) {
    uint32_t bits[4];
    mi__philox(seed, MI__STREAM_PRIOR, draw, bits);
    return (uint64_t)bits[0] << 32 | bits[1];
}

static double uniform(uint32_t high, uint32_t low) {
    return ((double)(((uint64_t)high << 32 | low) >> 11) + 0.5) * 0x1p-53;
}

/* Dimensions j and j + 1 of sample i, j even (Box, Muller). */
static void normal_pair(uint64_t seed, int64_t i, int64_t j, double out[2]) {
    uint32_t bits[4];
    mi__philox(seed, MI__STREAM_PRIOR + (uint64_t)(j / 2), (uint64_t)i, bits);
    double radius = sqrt(-2 * log(uniform(bits[0], bits[1])));
    double angle = 6.283185307179586 * uniform(bits[2], bits[3]);
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

/* -- arguments --------------------------------------------------------------------------------- */

static mi_status check_matrix(const char *name, int64_t n, int64_t d, int64_t ld, size_t size) {
    int64_t bytes;
    if (n < 1)
        return mi__fail(MI_E_ARG, "n must be at least 1, got %" PRId64, n);
    if (d < 1)
        return mi__fail(MI_E_ARG, "d must be at least 1, got %" PRId64, d);
    if (ld != 0 && ld < d)
        return mi__fail(MI_E_SHAPE,
                        "the row stride of %s is %" PRId64 ", there are %" PRId64 " dimensions",
                        name, ld, d);
    if (!mi__multiply(n, MI__MAX(ld, d), &bytes) || !mi__multiply(bytes, (int64_t)size, &bytes))
        return mi__fail(MI_E_SHAPE, "%s is too large: %" PRId64 " rows of %" PRId64, name, n,
                        MI__MAX(ld, d));
    return MI_OK;
}

/* A Gaussian code: both its matrices. */
static mi_status check_codes(int64_t n, int64_t d, const void *mean, int64_t ldmean,
                             const void *log_variance, int64_t ldlog, size_t size) {
    MI__NEED(mean);
    MI__NEED(log_variance);
    MI__TRY(check_matrix("mean", n, d, ldmean, size));
    return check_matrix("log_variance", n, d, ldlog, size);
}

static mi_status check_scores(int32_t side, int64_t n, const void *code, int64_t m,
                              const void *prior, size_t size) {
    int64_t bytes;
    if (side < MI_PRIOR_DISCRIMINATOR || side > MI_PRIOR_ENCODER_MINIMAX)
        return mi__fail(MI_E_ARG, "side must be an mi_prior_side, got %" PRId32, side);
    MI__NEED(code);
    if (n < 1)
        return mi__fail(MI_E_ARG, "n must be at least 1, got %" PRId64, n);
    if (m < (side == MI_PRIOR_DISCRIMINATOR))
        return mi__fail(MI_E_ARG, "m must be at least %d, got %" PRId64,
                        side == MI_PRIOR_DISCRIMINATOR, m);
    if (side == MI_PRIOR_DISCRIMINATOR)
        MI__NEED(prior);
    if (!mi__multiply(MI__MAX(n, m), (int64_t)size, &bytes))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " scores are too many", MI__MAX(n, m));
    return MI_OK;
}

static mi_status refuse(const char *name, int64_t i, int64_t j, double value, const char *why) {
    return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "][%" PRId64 "] is %g, %s", name, i, j, value, why);
}

#define REAL float
#define LARGEST FLT_MAX
#define TYPED(name) name##_f32
#include "prior_tmpl.c"
#undef REAL
#undef LARGEST
#undef TYPED

#define REAL double
#define LARGEST DBL_MAX
#define TYPED(name) name##_f64
#include "prior_tmpl.c"
