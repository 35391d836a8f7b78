/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_IIC_H
#define LIBMI_IIC_H

/** @file
 * Invariant information clustering: the mutual information between the cluster
 * of a sample and the cluster of its transformed twin, and its exact gradient.
 *
 * For class probabilities z of n samples and zt of their twins,
 *
 *     A = sum_i z_i zt_i^T,   P = (A + A^T) / 2 / sum(A),   p_c = sum_d P_cd
 *     loss = - sum_cd P_cd (ln P_cd - lambda ln p_c - lambda ln p_d)
 *
 * which is -I for lambda = 1, in [-ln K, 0]. A lambda above 1 adds weight to
 * the entropy of the clusters and so works against empty ones; the floor is then
 * -(2 lambda - 1) ln K. 0 ln 0 is 0: nothing is added to or clipped from P.
 *
 * X. Ji, J. Henriques, A. Vedaldi, "Invariant Information Clustering for
 * Unsupervised Image Classification and Segmentation", ICCV 2019.
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** Opaque: the objective with its workspace. */
typedef struct mi_iic mi_iic;

/** Zero it, set struct_size; see base.h. */
typedef struct mi_iic_options {
    uint64_t struct_size; /**< sizeof(mi_iic_options) */
    double lambda;        /**< weight of the entropies, above 0; 0: 1 */

    /** Twins of each sample: row i of z is paired with rows i * repeats to
     *  i * repeats + repeats - 1 of zt. 0: 1. */
    int64_t repeats;
} mi_iic_options;

/** One head: its buffers, in and out. n is the number of rows of z. */
typedef struct mi_iic_head_f32 {
    int64_t classes;  /**< K, 2 to 65536 */
    const float *z;   /**< [n][K] probabilities, each row sums to 1 */
    int64_t ldz;      /**< row stride, 0: K */
    const float *zt;  /**< [n * repeats][K] probabilities of the twins */
    int64_t ldzt;     /**< row stride, 0: K */
    float *dz;        /**< receives d(mean loss)/dz, same shape; NULL: not wanted */
    int64_t lddz;     /**< row stride, 0: K */
    float *dzt;       /**< receives d(mean loss)/dzt; NULL: not wanted */
    int64_t lddzt;    /**< row stride, 0: K */
    double loss;      /**< receives this head's loss, nats */
} mi_iic_head_f32;

/** The same in float64. */
typedef struct mi_iic_head_f64 {
    int64_t classes;  /**< K, 2 to 65536 */
    const double *z;  /**< [n][K] */
    int64_t ldz;      /**< row stride, 0: K */
    const double *zt; /**< [n * repeats][K] */
    int64_t ldzt;     /**< row stride, 0: K */
    double *dz;       /**< receives the gradient, or NULL */
    int64_t lddz;     /**< row stride, 0: K */
    double *dzt;      /**< receives the gradient, or NULL */
    int64_t lddzt;    /**< row stride, 0: K */
    double loss;      /**< receives this head's loss, nats */
} mi_iic_head_f64;

/**
 * Makes the objective.
 *
 * @param context   NULL for a private default one; retained
 * @param options   NULL for the defaults
 * @param[out] out  receives the handle; destroy it with mi_iic_destroy()
 * @return MI_OK; MI_E_ARG (lambda not finite or negative, repeats negative);
 *         MI_E_ABI; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_create(mi_context *context,
                                                  const mi_iic_options *options, mi_iic **out);

/**
 * Takes the objective away.
 *
 * @param iic  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_iic_destroy(mi_iic *iic);

/**
 * The loss, averaged over heads, and its gradients.
 *
 * The gradient is that of the formula above for arbitrary non-negative z, the
 * division by sum(A) included; after a softmax that term is constant and does no
 * harm. Where a joint probability P_cd is 0, it contributes 0 to the loss, and
 * d(loss)/dA_cd (whose limit is infinite) is taken as 0, so that gradients stay
 * finite; behind a softmax that entry only ever meets factors of 0.
 *
 * @param iic         the objective
 * @param n           rows of z, at least 1
 * @param count       heads, at least 1; each may have its own number of classes
 * @param[in,out] heads  [count]; reads the inputs, writes dz, dzt and loss
 * @param[out] loss   receives the mean over heads; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE (stride below K, overflow); MI_E_NUMERIC
 *         (NaN, infinity or a negative in z or zt, or all of it 0: the message
 *         says where); MI_E_NOMEM. On failure no output is written.
 * @note O(n K (K + repeats)) time a head; O(K^2) memory a head, kept in the handle.
 *       The result is the same at any number of threads.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_eval_f32(mi_iic *iic, int64_t n, int32_t count,
                                                    mi_iic_head_f32 *heads, double *loss);

/**
 * mi_iic_eval_f32() in float64: same source, for checks of gradients.
 *
 * @param iic         the objective
 * @param n           rows of z, at least 1
 * @param count       heads, at least 1
 * @param[in,out] heads  [count]
 * @param[out] loss   receives the mean over heads; may be NULL
 * @return as mi_iic_eval_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_eval_f64(mi_iic *iic, int64_t n, int32_t count,
                                                    mi_iic_head_f64 *heads, double *loss);

/**
 * The loss of a joint matrix that you already have (summed over batches or
 * machines, say). It is symmetrised and normalised first.
 *
 * @param classes     K, at least 2
 * @param joint       [K][K], non-negative, finite, not all 0
 * @param ld          row stride, 0: K
 * @param lambda      above 0; 0: 1
 * @param[out] loss   receives the loss in nats; -loss is the mutual information
 *                    if lambda is 1
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC
 * @note O(K^2) time, no memory.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_joint_loss(int64_t classes, const double *joint,
                                                      int64_t ld, double lambda, double *loss);

/**
 * Merges clusters two by two, each time the pair that loses least mutual
 * information, until @p target are left: the agglomerative information
 * bottleneck (N. Slonim, N. Tishby, NIPS 1999) on the symmetrised joint matrix.
 * Then single clusters move to another group as long as that gains information
 * (sequential information bottleneck: N. Slonim, N. Friedman, N. Tishby, SIGIR
 * 2002). It turns an over-clustering into classes without a label.
 *
 * @param context     for memory and threads; may be NULL
 * @param classes     K, at least 2
 * @param joint       [K][K], non-negative, finite, not all 0
 * @param ld          row stride, 0: K
 * @param target      how many to keep, 1 to K
 * @param[out] group  [K], receives for each cluster its class in 0..target-1,
 *                    numbered in order of first appearance
 * @param[out] information  receives the mutual information of the merged matrix
 *                    in nats; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC; MI_E_NOMEM
 * @note O(K^3) time to merge, O(K^2 + K target^2) for each of the few sweeps of
 *       moves, O(K^2) for a move; O(K^2) memory. Ties (losses within 1e-12 nats) go to the
 *       pair with the lowest first index, then the lowest second one.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_merge(mi_context *context, int64_t classes,
                                                 const double *joint, int64_t ld, int64_t target,
                                                 int32_t *group, double *information);

LIBMI_END_DECLS

#endif
