/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_SCORE_H
#define LIBMI_SCORE_H

/** @file
 * How well clusters agree with known classes.
 *
 * Everything starts from the confusion matrix: counts[c][t] is how many samples
 * of cluster c have the class t. Rows are clusters, columns are classes.
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** What divides the mutual information in mi_score_nmi(). */
enum mi_nmi_norm {
    MI_NMI_ARITHMETIC = 1, /**< the mean of both entropies (scikit-learn's default) */
    MI_NMI_GEOMETRIC = 2,  /**< the root of their product */
    MI_NMI_MIN = 3,        /**< the smaller */
    MI_NMI_MAX = 4         /**< the larger */
};

/**
 * Counts. Samples whose class is negative (unknown) are left out.
 *
 * @param n            samples, 0 or more
 * @param cluster      [n], each in 0..clusters-1
 * @param truth        [n], each below @p classes
 * @param clusters     1 or more
 * @param classes      1 or more
 * @param[out] counts  [clusters][classes]
 * @return MI_OK; MI_E_ARG (NULL, or a value out of range: the message says which)
 * @note O(n + clusters * classes) time.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_score_confusion(int64_t n, const int32_t *cluster,
                                                       const int32_t *truth, int32_t clusters,
                                                       int32_t classes, int64_t *counts);

/**
 * Accuracy under the best one-to-one naming of clusters by classes, found by
 * linear assignment. With more clusters than classes some stay unnamed and
 * their samples count as wrong.
 *
 * @param context        for memory; may be NULL
 * @param clusters       rows, 1 or more
 * @param classes        columns, 1 or more
 * @param counts         [clusters][classes], not negative, not all 0
 * @param[out] naming    [clusters], receives each cluster's class or -1; may be NULL
 * @param[out] accuracy  receives the share of samples in 0..1
 * @return MI_OK; MI_E_ARG; MI_E_NUMERIC (a negative count, or no sample); MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_score_accuracy(mi_context *context, int32_t clusters,
                                                      int32_t classes, const int64_t *counts,
                                                      int32_t *naming, double *accuracy);

/**
 * Accuracy when each cluster is named by its most frequent class, so that
 * several clusters may share one: purity, the score of over-clusterings. Ties
 * go to the lower class.
 *
 * @param clusters       rows, 1 or more
 * @param classes        columns, 1 or more
 * @param counts         [clusters][classes], not negative, not all 0
 * @param[out] naming    [clusters], receives each cluster's class, -1 if empty; may be NULL
 * @param[out] accuracy  receives the share of samples in 0..1
 * @return MI_OK; MI_E_ARG; MI_E_NUMERIC
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_score_majority(int32_t clusters, int32_t classes,
                                                      const int64_t *counts, int32_t *naming,
                                                      double *accuracy);

/**
 * Normalised mutual information between clusters and classes. If both are
 * constant it is 1; if just one is, 0.
 *
 * A. Strehl, J. Ghosh, JMLR 3, 2002; N. Vinh, J. Epps, J. Bailey, JMLR 11, 2010.
 *
 * @param clusters  rows, 1 or more
 * @param classes   columns, 1 or more
 * @param counts    [clusters][classes], not negative, not all 0
 * @param norm      an mi_nmi_norm
 * @param[out] nmi  receives a value in 0..1
 * @return MI_OK; MI_E_ARG; MI_E_NUMERIC
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_score_nmi(int32_t clusters, int32_t classes,
                                                 const int64_t *counts, int32_t norm, double *nmi);

/**
 * Adjusted Rand index: agreement over pairs of samples, 0 on average for
 * chance, 1 for equality (L. Hubert, P. Arabie, J. Classification 2, 1985).
 *
 * @param clusters  rows, 1 or more
 * @param classes   columns, 1 or more
 * @param counts    [clusters][classes], not negative, not all 0
 * @param[out] ari  receives a value in -0.5..1
 * @return MI_OK; MI_E_ARG; MI_E_NUMERIC
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_score_ari(int32_t clusters, int32_t classes,
                                                 const int64_t *counts, double *ari);

LIBMI_END_DECLS

#endif
