/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_NEAREST_H
#define LIBMI_NEAREST_H

/** @file
 * Nearest neighbours of feature vectors, exactly, and what their labels say: pictures of what a
 * representation takes for alike, and its accuracy without any training.
 *
 * All pairs are compared, so it holds in any number of dimensions: float32 products sort out what
 * can't be among the nearest, for certain, and the rest is compared in float64. What comes
 * out is what float64 alone would find, whatever the processor, the BLAS and the number of
 * threads; vectors that lie far from the origin, or in tight clusters, lose nothing.
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** What is near. */
enum mi_nearest_metric {
    MI_NEAREST_COSINE = 1,   /**< distance 1 - cosine of the angle, 0 to 2 */
    MI_NEAREST_EUCLIDEAN = 2 /**< length of the difference */
};

/** A search. Zero it, set struct_size; see base.h. */
typedef struct mi_nearest_io {
    uint64_t struct_size;   /**< sizeof(mi_nearest_io) */
    int64_t n;              /**< rows to search in, at least 1 */
    int64_t d;              /**< dimensions, 1 to 2^20 */
    const float *base;      /**< [n][d] */
    int64_t ld;             /**< row stride, 0: d */
    int64_t m;              /**< queries, 0 or more; without `query` n, or 0 for that */
    const float *query;     /**< [m][d]; NULL: the rows of base, each without itself */
    int64_t ldq;            /**< row stride, 0: d */
    const int64_t *exclude; /**< [m] a row of base that is not to be found, negative: none. For
                                 queries that are rows of base. NULL: none, but see `query` */
    int64_t k;              /**< neighbours of each query, 1 to 2^29 */
    int32_t metric;         /**< an mi_nearest_metric */
    int32_t reserved0;      /**< must be 0 */
    int64_t *index;         /**< [m][k], receives rows of base, the nearest first */
    float *distance;        /**< [m][k], receives their distances, infinite where float32 can't
                                 hold them; NULL: not wanted */
} mi_nearest_io;

/**
 * Finds the k nearest rows of each query. Of rows at the same distance, those with the lower index
 * come first. Distances are compared in float64: the length of the difference of both vectors, with
 * MI_NEAREST_COSINE of both divided by their lengths, which tells angles apart that are so small
 * that the cosine itself rounds to 1.
 *
 * J. Johnson, M. Douze, H. Jegou, "Billion-scale similarity search with GPUs", IEEE Transactions on
 * Big Data 7, 2021 (blocked products); N. Higham, "Accuracy and stability of numerical algorithms",
 * 2002, section 3.1 (what bounds their error).
 *
 * @param context  for threads and memory; may be NULL
 * @param io       vectors in, neighbours out; outputs must not overlap inputs
 * @return MI_OK; MI_E_ARG (k is more than there are rows to be found, ...); MI_E_SHAPE;
 *         MI_E_NUMERIC (NaN or infinity: the message says where; with MI_NEAREST_COSINE also a
 *         vector that is all 0: it has no direction); MI_E_ABI; MI_E_NOMEM. On failure no
 *         output is written.
 * @note 2 n m d operations in float32, and k d in float64 for each query; where very many rows
 *       are nearly as near as the k-th, as far as float32 can tell, those take float64, too.
 *       Threads share out the queries. Memory: 8 (n + m) bytes, and 100 MB at most, or a few
 *       times 50 k for each thread. The result is the same, to the bit, at any number of
 *       threads and with any kernels.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_nearest_search(mi_context *context, const mi_nearest_io *io);

/** A vote. Zero it, set struct_size; see base.h. */
typedef struct mi_nearest_vote {
    uint64_t struct_size;  /**< sizeof(mi_nearest_vote) */
    int64_t m;             /**< queries, 0 or more */
    int64_t k;             /**< neighbours that vote, at least 1 */
    int64_t ld;            /**< row stride of index and distance, 0: k. More for fewer voters than
                                were found */
    const int64_t *index;  /**< [m][k], as from mi_nearest_search() */
    const float *distance; /**< [m][k], not negative */
    int64_t n;             /**< labels, at least 1 */
    const int32_t *label;  /**< [n] of the rows of base, each below `classes`; negative: unknown,
                                has no vote */
    int32_t classes;       /**< 1 to 2^20 */
    int32_t reserved0;     /**< must be 0 */
    double temperature;    /**< 0: each neighbour has one vote. Above: exp(-distance /
                                temperature) votes; with MI_NEAREST_COSINE and 0.07 it is the usual
                                weighted vote of exp(cosine / 0.07) */
} mi_nearest_vote;

/**
 * Classifies queries by the labels of their neighbours. A tie of equal votes goes to the class
 * whose neighbours have the lesser sum of distances, then to the lower class.
 *
 * Z. Wu, Y. Xiong, S. Yu, D. Lin, "Unsupervised feature learning via non-parametric instance
 * discrimination", CVPR 2018 (the weighted vote, k = 200).
 *
 * @param context     for memory; may be NULL
 * @param vote        the neighbours and their labels
 * @param[out] label  [m], receives classes; -1 where no neighbour's label is known
 * @return MI_OK; MI_E_ARG (an index or a label out of range: the message says which); MI_E_SHAPE;
 *         MI_E_NUMERIC (a distance that is negative or not finite); MI_E_ABI; MI_E_NOMEM
 * @note m k time, 24 bytes a class.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_nearest_classify(mi_context *context,
                                                        const mi_nearest_vote *vote,
                                                        int32_t *label);

/**
 * The share of queries that their neighbours classify rightly; where no neighbour's label is known,
 * that is wrong.
 *
 * @param context        for memory; may be NULL
 * @param vote           the neighbours and their labels
 * @param truth          [m] labels of the queries; negative: unknown, left out
 * @param[out] accuracy  in 0 to 1, of the queries whose label is known
 * @return as mi_nearest_classify(); MI_E_ARG also if no label is known
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_nearest_accuracy(mi_context *context,
                                                        const mi_nearest_vote *vote,
                                                        const int32_t *truth, double *accuracy);

LIBMI_END_DECLS

#endif
