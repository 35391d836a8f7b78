/* SPDX-License-Identifier: BSD-2-Clause */
/* Included by a file that defines MI__REAL, before the *_tmpl.c: each such file holds the kernels
 * in its own precision and for its own instruction set, all static, and one table of them. */
#include "../base/random.h"
#include "blas.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef MI__REAL real;

/* The loop's iterations are independent, even if an output is an input. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

/* Sanitizers look after every access by itself: of unrolled code they would make so much that a
 * compiler takes many minutes. Straight loops compute the same. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(undefined_behavior_sanitizer)
#define SANITIZED
#endif
#endif

/* Turns short loops of constant length into straight code. */
#if defined(SANITIZED)
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif
#if defined(__GNUC__) && !defined(SANITIZED)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE static inline
#endif

static inline real greater(real a, real b) {
    return a > b ? a : b;
}

/* Asks for what comes 16 KiB after p: processors foresee one stream, but not several at once. */
static inline void fetch_ahead(const real *p, int64_t count) {
    uintptr_t at = (uintptr_t)p + 16384, end = at + (uintptr_t)count * sizeof *p;
    for (; at < end; at += 64)
        mi__fetch((const void *)at);
}

/* Elementwise work smaller than this isn't worth waking a thread up. */
#define GRAIN 16384

/* A table of the kernels in this file. */
#define KERNELS(title)                                                                             \
    {                                                                                              \
        .name = title, .real = sizeof(real), .bias = bias, .bias_backward = bias_backward,         \
        .conv_work = conv_work, .conv = conv, .conv_backward_data = conv_backward_data,            \
        .conv_backward_weight = conv_backward_weight, .norm_work = norm_work, .moments = moments,  \
        .norm = norm, .norm_backward = norm_backward, .leaky = leaky,                              \
        .leaky_backward = leaky_backward, .max_pool = max_pool,                                    \
        .max_pool_backward = max_pool_backward, .mean_pool = mean_pool,                            \
        .mean_pool_backward = mean_pool_backward, .global_pool = global_pool,                      \
        .global_pool_backward = global_pool_backward, .global_max_pool = global_max_pool,          \
        .global_max_pool_backward = global_max_pool_backward, .adam = adam, .sgd = sgd,            \
        .softmax = softmax, .softmax_backward = softmax_backward, .product_work = product_work,    \
        .product = product, .extent = extent, .sum = sum, .dot = dot, .fill = fill,                \
        .scale = scale, .add_scaled = add_scaled, .exp_sum = exp_sum, .exp_clipped = exp_clipped,  \
        .max_columns = max_columns, .exp_columns = exp_columns,                                    \
        .exp_rows_columns = exp_rows_columns, .softplus_sum = softplus_sum, .tanh_sum = tanh_sum,  \
        .widen = widen, .narrow = narrow, .lowest = lowest, .lift = lift, .tiles = tiles,          \
        .slopes = slopes, .uniforms = uniforms, .normals = normals, .pair_scores = pair_scores,    \
        .pair_scores_backward = pair_scores_backward, .pair_units = pair_units,                    \
        .pair_units_backward = pair_units_backward, .nearest = kth_nearest,                        \
        .within = count_within, .sift = sift, .gap_square = gap_square, .recentre = recentre,      \
        .highest = highest, .row_look = row_look, .row_lower = row_lower, .row_two = row_two,      \
        .row_first = row_first, .row_classes = row_classes, .row_below = row_below,                \
        .row_relax = row_relax, .row_closer = row_closer, .assign_small = assign_small,            \
    }
