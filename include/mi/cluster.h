/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_CLUSTER_H
#define LIBMI_CLUSTER_H

/** @file
 * Sorting images without a label: an encoder with softmax heads, trained by
 * invariant information clustering (iic.h). You drive:
 *
 *     for (each epoch) {
 *         for (each batch) {
 *             mi_pairs_next(pairs, x, xt, NULL);
 *             mi_cluster_step(cluster, batch, x, repeats, xt, &report);
 *         }
 *         mi_cluster_restart(cluster, pairs, ...);
 *         mi_cluster_evaluate(cluster, test, ...);
 *     }
 *
 * **Stuck heads.** Plain IIC often ends in a poor optimum: one class split in
 * two, two others merged. The finer clusters of an over-clustering head are mostly
 * pure, and merging them by mutual information (mi_iic_merge()) finds
 * the classes. mi_cluster_restart() does so and gives stuck heads a new start from
 * there. All of it is free of labels.
 *
 * Step, restart, measure, predict and evaluate put the encoder to work: the outputs and
 * gradients that it held are replaced.
 */

#include "dataset.h"
#include "encoder.h"
#include "iic.h"
#include "optimizer.h"
#include "pairs.h"

LIBMI_BEGIN_DECLS

/** Opaque. */
typedef struct mi_cluster mi_cluster;

/** Zero it, set struct_size; see base.h. */
typedef struct mi_cluster_options {
    uint64_t struct_size; /**< sizeof(mi_cluster_options) */
    int32_t classes;      /**< K of the heads that count; wider heads are over-clustering
                               ones; 0: the narrowest head's */
    int32_t late_heads;   /**< 1: heads of `classes` outputs wait for the first
                               mi_cluster_restart(); until then only over-clustering heads
                               shape the trunk; 0: all heads learn from the beginning */
    double lambda;        /**< of heads of `classes` outputs: see mi_iic_options, at most 1e6;
                               0: 1. More works against clusters that are empty or of
                               unequal size */
    double loss_memory;   /**< weight of the past in each head's running loss, below 1;
                               0: 0.99 */
    double over_lambda;   /**< of over-clustering heads, likewise; 0: 1 */
} mi_cluster_options;

/** What a step tells. */
typedef struct mi_cluster_report {
    uint64_t struct_size; /**< set to sizeof before the call */
    int64_t step;         /**< steps made, this one counted */
    double loss;          /**< mean over the heads that learn, this batch, nats */
    double rate;          /**< learning rate that was used */
    int32_t selected;     /**< the head mi_cluster_select() would choose */
    int32_t reserved0;    /**< 0 */
} mi_cluster_report;

/** How a head did on a labelled set. */
typedef struct mi_cluster_score {
    uint64_t struct_size; /**< of the first element, set to sizeof before the call; told of all */
    int32_t classes;      /**< the head's K */
    int32_t reserved0;    /**< 0 */
    double loss;          /**< running loss of training, or what was measured, nats */
    double accuracy;      /**< one-to-one; see mi_score_accuracy() */
    double majority;      /**< see mi_score_majority() */
    double nmi;           /**< arithmetic */
    double ari;           /**< adjusted Rand index */
} mi_cluster_score;

/**
 * Joins an encoder and an optimizer to a clustering.
 *
 * @param encoder    with softmax heads only, at least one; retained
 * @param optimizer  made for that encoder; retained; NULL: only evaluation
 * @param options    NULL for the defaults
 * @param[out] out   receives the handle; destroy it with mi_cluster_destroy()
 * @return MI_OK; MI_E_ARG; MI_E_ABI; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_cluster_create(mi_encoder *encoder, mi_optimizer *optimizer,
                                                      const mi_cluster_options *options,
                                                      mi_cluster **out);

/**
 * Takes a clustering away.
 *
 * @param cluster  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_cluster_destroy(mi_cluster *cluster);

/**
 * One step of training: forward, loss, backward, optimizer.
 *
 * @param cluster      the clustering
 * @param n            images, 1 or more
 * @param x            [n][height][width][channels]
 * @param repeats      twins of each image, 1 or more
 * @param xt           [n * repeats][height][width][channels], as mi_pairs_next() gives them
 * @param[out] report  its struct_size set by the caller; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_STATE (no optimizer); MI_E_NUMERIC (NaN or infinity in
 *         the images, the outputs or a gradient); MI_E_SHAPE; MI_E_ABI; MI_E_NOMEM. A step
 *         that fails changes neither weights nor statistics nor losses.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_cluster_step(mi_cluster *cluster, int64_t n, const float *x,
                                                    int32_t repeats, const float *xt,
                                                    mi_cluster_report *report);

/**
 * Measures every head's loss over many batches at once, with running statistics, and
 * remembers it as the running loss: a choice of head by it is much surer.
 *
 * The running loss is a mean over batches, whose joint matrices are noisy and biased; the
 * loss of their sum isn't. Heads whose losses differ by a thousandth of a nat, though their
 * accuracies by a percent, are told apart by some 50,000 pairs.
 *
 * @param cluster      the clustering
 * @param pairs        where the images come from: the batches that come next, which stay
 *                     to be given again
 * @param batches      1 or more
 * @param[out] losses  [heads] nats, by each head's own lambda; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC; MI_E_NOMEM. On failure the running
 *         losses stay.
 * @note The time of a forward pass for each batch; O(K^2) memory a head. Later steps go on
 *       averaging from there.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_cluster_measure(mi_cluster *cluster, mi_pairs *pairs,
                                                       int64_t batches, double *losses);

/**
 * The head with the lowest running loss among those of `classes` outputs. No label is needed.
 *
 * @param cluster  the clustering
 * @return its number; before the first step the first such head; -1 for NULL
 * @since 0.1
 */
LIBMI_API int32_t mi_cluster_select(const mi_cluster *cluster);

/**
 * Gives stuck heads a new start from the over-clustering heads.
 *
 * The joint matrix of every over-clustering head is measured over @p batches
 * batches and merged down to `classes` groups (mi_iic_merge()). The n-th head of
 * `classes` outputs has the n-th over-clustering head for a teacher, around in a
 * circle; it learns the teacher's groups if they have more mutual information
 * than the head itself.
 *
 * @param cluster       the clustering; needs an optimizer and an over-clustering head
 * @param pairs         where the images come from: the batches that come next, which stay
 *                      to be given again
 * @param batches       batches to measure and to teach with, 1 or more
 * @param[out] count    receives how many heads were started anew; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_STATE; MI_E_SHAPE; MI_E_NUMERIC; MI_E_NOMEM
 * @note If it fails while teaching, some heads may have begun anew.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_cluster_restart(mi_cluster *cluster, mi_pairs *pairs,
                                                       int64_t batches, int32_t *count);

/**
 * Clusters images.
 *
 * @param cluster             the clustering
 * @param head                0 to heads - 1; -1: the selected one
 * @param n                   images, 0 or more
 * @param x                   [n][height][width][channels]
 * @param[out] label          [n], receives the most probable cluster; may be NULL
 * @param[out] probability    [n][K of the head]; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC; MI_E_NOMEM
 * @note Batch normalisation uses running statistics; works through n in parts.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_cluster_predict(mi_cluster *cluster, int32_t head, int64_t n,
                                                       const float *x, int32_t *label,
                                                       float *probability);

/**
 * Scores every head on a labelled set, by its plain views (mi_pairs_plain()).
 *
 * @param cluster       the clustering
 * @param dataset       with labels; square images no smaller than the encoder's
 * @param[out] scores   [heads]; struct_size of the first set by the caller
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_STATE (no labels); MI_E_ABI; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_cluster_evaluate(mi_cluster *cluster,
                                                        const mi_dataset *dataset,
                                                        mi_cluster_score *scores);

/**
 * Writes a checkpoint: weights, optimizer, running losses, and the
 * position of the pairs. Continuing from it gives the same weights, bit for
 * bit, as not having stopped. The file is safetensors, appears whole or not at
 * all, and mi_encoder_load() reads it too.
 *
 * @param cluster  the clustering
 * @param pairs    NULL if there are none
 * @param path     where
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_cluster_save(const mi_cluster *cluster,
                                                    const mi_pairs *pairs, const char *path);

/**
 * Reads a checkpoint back. All or nothing.
 *
 * @param cluster  made with the same description and kind of optimizer
 * @param pairs    goes to the saved position; must give the same batches (of the
 *                 same set, by the same seed: that isn't checked); NULL: none
 * @param path     where
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_FORMAT; MI_E_SHAPE; MI_E_DTYPE;
 *         MI_E_NUMERIC; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_cluster_restore(mi_cluster *cluster, mi_pairs *pairs,
                                                       const char *path);

LIBMI_END_DECLS

#endif
