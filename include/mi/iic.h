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
 * (with weights w_i, z_i zt_i^T counts w_i), which is -I for lambda = 1, in
 * [-ln K, 0]. A lambda above 1 adds weight to the entropy of the clusters and so
 * works against empty ones; the floor is then -(2 lambda - 1) ln K. 0 ln 0 is 0:
 * nothing is added to or clipped from P.
 *
 * Sums are float64. Only where buffers are float32 and there are more than 64
 * classes, the terms of a product are float32: errors of the gradient are then
 * about 1e-6 of the largest one, up to 1e-4 where twins have less than 1e-3 nats
 * in common, and up to 1e-3 where predictions are within a percent of the uniform
 * one. Sums over batches are float64 there, too.
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
    double lambda;        /**< weight of the entropies, above 0, at most 1e6; 0: 1 */

    /** Twins of each sample: row i of z is paired with rows i * repeats to
     *  i * repeats + repeats - 1 of zt. 0: 1. */
    int64_t repeats;

    /** 1: P is A / sum(A), not made symmetric, and the second marginal is
     *  q_d = sum_c P_cd. For views that play different parts. 0: symmetric. */
    int32_t asymmetric;
    int32_t reserved0; /**< must be 0 */
} mi_iic_options;

/** One head: its buffers, in and out. n is the number of rows of z. */
typedef struct mi_iic_head_f32 {
    int64_t classes; /**< K, 2 to 65536 */
    const float *z;  /**< [n][K] probabilities, each row sums to 1 */
    int64_t ldz;     /**< row stride, 0: K */
    const float *zt; /**< [n * repeats][K] probabilities of the twins */
    int64_t ldzt;    /**< row stride, 0: K */
    float *dz;       /**< receives d(mean loss)/dz, same shape; NULL: not wanted */
    int64_t lddz;    /**< row stride, 0: K */
    float *dzt;      /**< receives d(mean loss)/dzt; NULL: not wanted */
    int64_t lddzt;   /**< row stride, 0: K */

    /** [n * repeats] what the pair of each twin counts, 0 or more; 0 leaves it
     *  out, but its z and zt have to be probabilities all the same. NULL: 1. */
    const float *weight;
    double loss; /**< receives this head's loss, nats */
} mi_iic_head_f32;

/** The same in float64. */
typedef struct mi_iic_head_f64 {
    int64_t classes;      /**< K, 2 to 65536 */
    const double *z;      /**< [n][K] */
    int64_t ldz;          /**< row stride, 0: K */
    const double *zt;     /**< [n * repeats][K] */
    int64_t ldzt;         /**< row stride, 0: K */
    double *dz;           /**< receives the gradient, or NULL */
    int64_t lddz;         /**< row stride, 0: K */
    double *dzt;          /**< receives the gradient, or NULL */
    int64_t lddzt;        /**< row stride, 0: K */
    const double *weight; /**< [n * repeats] or NULL */
    double loss;          /**< receives this head's loss, nats */
} mi_iic_head_f64;

/**
 * Makes the objective.
 *
 * @param context   NULL for a private default one; retained
 * @param options   NULL for the defaults
 * @param[out] out  receives the handle; destroy it with mi_iic_destroy()
 * @return MI_OK; MI_E_ARG (lambda negative, above 1e6 or NaN, repeats negative,
 *         asymmetric neither 0 nor 1);
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
 *         (NaN, infinity or a negative in z, zt or weight, or all of it 0: the
 *         message says where; or a joint matrix beyond range, which for more than 64 classes
 *         in float32 is one that sums to less than 1e-30); MI_E_NOMEM. On failure no output is
 *         written.
 * @note O(n K (K + repeats)) time a head. Memory, kept in the handle: O(K^2) a head, and once
 *       up to 3 MiB for 64 classes or fewer, for more 12 K KiB and 0.6 MiB a thread.
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

/* -- over several batches, or several machines ------------------------------------------------
 *
 * The loss is a function of the joint matrix of all samples, and the mean of its values on parts is
 * something else. So add up the joint matrices first, and then go through the parts
 * again for their gradients; the result is that of one big batch:
 *
 *     mi_iic_begin(iic, count, classes)
 *     mi_iic_add_f32() for each batch        (and mi_iic_joint_read() / _write() around
 *     mi_iic_finish()                         a sum over machines, if there are several)
 *     mi_iic_backward_f32() for each batch
 *
 * The gradients of the machines' shares are to be summed, not averaged.
 *
 * mi_iic_eval_f32() and mi_iic_eval_maps_f32() on the same handle begin anew: what
 * was accumulated is gone, whether they succeed or not. */

/**
 * Begins to accumulate: sets the joint matrices of all heads to 0.
 *
 * @param iic      the objective
 * @param count    heads, at least 1
 * @param classes  [count] K of each head, 2 to 65536
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NOMEM. After MI_E_NOMEM nothing is accumulated
 *         any more
 * @note O(K^2) time and memory a head.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_begin(mi_iic *iic, int32_t count,
                                                 const int64_t *classes);

/**
 * Adds a batch to the joint matrices. Gradients are not computed yet, dz, dzt
 * and loss not touched.
 *
 * @param iic    the objective, begun and not finished
 * @param n      rows of z, at least 1
 * @param count  heads, as begun
 * @param heads  [count]; with the numbers of classes as begun
 * @return MI_OK; MI_E_STATE (not begun, or finished); MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC.
 *         On failure nothing is added.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_add_f32(mi_iic *iic, int64_t n, int32_t count,
                                                   const mi_iic_head_f32 *heads);

/**
 * mi_iic_add_f32() in float64.
 *
 * @param iic    the objective, begun and not finished
 * @param n      rows of z, at least 1
 * @param count  heads, as begun
 * @param heads  [count]
 * @return as mi_iic_add_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_add_f64(mi_iic *iic, int64_t n, int32_t count,
                                                   const mi_iic_head_f64 *heads);

/**
 * Reads what is accumulated for a head: A, the plain sum, neither symmetric nor
 * normalised. To be summed over machines and written back.
 *
 * @param iic         the objective, begun and not finished
 * @param head        0 to count - 1
 * @param[out] joint  [K][K] packed
 * @return MI_OK; MI_E_STATE; MI_E_ARG
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_joint_read(const mi_iic *iic, int32_t head,
                                                      double *joint);

/**
 * Replaces what is accumulated for a head.
 *
 * @param iic    the objective, begun and not finished
 * @param head   0 to count - 1
 * @param joint  [K][K] packed, non-negative and finite
 * @return MI_OK; MI_E_STATE; MI_E_ARG; MI_E_NUMERIC
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_joint_write(mi_iic *iic, int32_t head,
                                                       const double *joint);

/**
 * The losses of what is accumulated; from here on gradients can be asked for,
 * and nothing can be added.
 *
 * @param iic          the objective, begun and not finished
 * @param[out] losses  [count] loss of each head, nats; may be NULL
 * @param[out] loss    receives their mean; may be NULL
 * @return MI_OK; MI_E_STATE; MI_E_NUMERIC (a joint matrix is all 0 or beyond
 *         range). On failure it stays as begun.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_finish(mi_iic *iic, double *losses, double *loss);

/**
 * The gradients of one of the batches that were added, or of any other.
 *
 * @param iic    the objective, finished
 * @param n      rows of z
 * @param count  heads, as begun
 * @param[in,out] heads  [count]; reads z, zt and weight, writes dz and dzt
 * @return MI_OK; MI_E_STATE (not finished); MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC. On
 *         failure no output is written.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_backward_f32(mi_iic *iic, int64_t n, int32_t count,
                                                        mi_iic_head_f32 *heads);

/**
 * mi_iic_backward_f32() in float64.
 *
 * @param iic    the objective, finished
 * @param n      rows of z
 * @param count  heads, as begun
 * @param[in,out] heads  [count]
 * @return as mi_iic_backward_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_backward_f64(mi_iic *iic, int64_t n, int32_t count,
                                                        mi_iic_head_f64 *heads);

/* -- segmentation ------------------------------------------------------------------------------ */

/** How the displacements of a segmentation become one loss. */
enum mi_iic_collapse {
    MI_IIC_COLLAPSED = 0,  /**< their joint matrices are summed: one loss */
    MI_IIC_UNCOLLAPSED = 1 /**< each has its own loss; the mean of them */
};

/** Maps of class probabilities, one pixel a class distribution. Zero it, set struct_size. */
typedef struct mi_iic_maps_f32 {
    uint64_t struct_size; /**< sizeof(mi_iic_maps_f32) */
    int64_t n;            /**< images, at least 1 */
    int64_t height;       /**< of the maps, at least 1 */
    int64_t width;        /**< of the maps, at least 1 */
    int64_t classes;      /**< K, 2 to 65536 */
    int64_t reach;        /**< T: displacements (dy, dx) from -T to T are joined; below the
                           *   sizes of the maps */
    int32_t collapse;     /**< an mi_iic_collapse */
    int32_t reserved0;    /**< must be 0 */
    const float *z;       /**< [n][height][width][K] */
    const float *zt;      /**< the same of the twins, warped back onto the first ones */
    const uint8_t *mask;  /**< [n][height][width], 0: pixel is in neither map, is not looked at
                           *   and has a gradient of 0; NULL: all are in */
    float *dz;            /**< receives d(loss)/dz, same shape; NULL: not wanted */
    float *dzt;           /**< receives d(loss)/dzt, same shape; NULL: not wanted */
} mi_iic_maps_f32;

/** The same in float64. */
typedef struct mi_iic_maps_f64 {
    uint64_t struct_size; /**< sizeof(mi_iic_maps_f64) */
    int64_t n;            /**< images */
    int64_t height;       /**< of the maps */
    int64_t width;        /**< of the maps */
    int64_t classes;      /**< K */
    int64_t reach;        /**< T */
    int32_t collapse;     /**< an mi_iic_collapse */
    int32_t reserved0;    /**< must be 0 */
    const double *z;      /**< [n][height][width][K] */
    const double *zt;     /**< [n][height][width][K] */
    const uint8_t *mask;  /**< [n][height][width] or NULL */
    double *dz;           /**< [n][height][width][K] or NULL */
    double *dzt;          /**< [n][height][width][K] or NULL */
} mi_iic_maps_f64;

/**
 * The loss of segmentation (section 3.3 of the paper): the twin of a pixel is every pixel of the
 * other map within T of it, in both directions. For each displacement t,
 * A_t = sum over pixels p of z(p) zt(p + t)^T, where both p and p + t are in the mask.
 * Options (lambda, asymmetric) are the objective's; repeats must be 1.
 *
 * @param iic        the objective
 * @param io         maps in, gradients out
 * @param[out] loss  receives the loss, nats; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_ABI; MI_E_SHAPE; MI_E_NUMERIC (as mi_iic_eval_f32(), or
 *         a displacement has no pair of pixels in the mask); MI_E_NOMEM. On failure no
 *         output is written.
 * @note With N = n height width pixels: collapsed, O(N K (K + 1)) time whatever T is, because
 *       a sum over displacements is a sum over boxes. Uncollapsed, O(N K^2 (2 T + 1)^2).
 *       O(height width K) memory for the image at work, and O(K^2) for a joint matrix,
 *       uncollapsed O(K^2 (2 T + 1)^2) for all. All sums are float64; the result is
 *       the same at any number of threads.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_eval_maps_f32(mi_iic *iic, const mi_iic_maps_f32 *io,
                                                         double *loss);

/**
 * mi_iic_eval_maps_f32() in float64.
 *
 * @param iic        the objective
 * @param io         maps in, gradients out
 * @param[out] loss  receives the loss, nats; may be NULL
 * @return as mi_iic_eval_maps_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_iic_eval_maps_f64(mi_iic *iic, const mi_iic_maps_f64 *io,
                                                         double *loss);

/**
 * The loss of a joint matrix that you already have (summed over batches or
 * machines, say). It is symmetrised and normalised first.
 *
 * @param classes     K, at least 2
 * @param joint       [K][K], non-negative, finite, not all 0
 * @param ld          row stride, 0: K
 * @param lambda      above 0, at most 1e6; 0: 1
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
