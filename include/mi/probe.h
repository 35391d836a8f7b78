/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_PROBE_H
#define LIBMI_PROBE_H

/** @file
 * How much of the labels a representation makes easy: a small classifier is
 * trained on frozen features, and its accuracy on other samples is the score.
 *
 * The plain probe is linear (G. Alain, Y. Bengio, ICLR 2017 workshop): convex, so that its
 * optimum doesn't depend on a seed. `layers` puts other layers in front of the
 * last one, such as "dense 256" (linear still, in two factors), or "dense
 * 200, bn, relu" (the probe of Deep InfoMax).
 *
 * A fit that isn't told its epochs makes 2000 steps or more, so that a hundred samples reach the
 * optimum as a hundred thousand do. The plain probe starts at 0, where all classes are equally
 * probable; its accuracy is within about a point of logistic regression's, unless columns nearly
 * repeat each other. Nothing is penalised unless asked for: with few samples for each feature,
 * `decay` or fewer epochs do better. How much of it is best, a fit finds by samples that it holds
 * out, as A. Radford et al., ICML 2021, do with their linear probes.
 *
 * Train it on training samples and score it on others. Where a publication
 * fitted its classifier on the test samples that it scored, give it the test
 * samples twice, and say so.
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** Opaque. */
typedef struct mi_probe mi_probe;

/** Zero it, set struct_size; see base.h. */
typedef struct mi_probe_options {
    uint64_t struct_size; /**< sizeof(mi_probe_options) */
    uint64_t seed;        /**< of weights and batches; 0: the context's */
    const char *layers;   /**< in front of the last one, as encoder.h has them; read at once.
                               NULL: none */
    int64_t batch;        /**< samples of a step at most, all steps having the same number but for
                               one; 0: 256 */
    int32_t epochs;       /**< passes over the samples; 0: 20, with layers 50, or as many more as
                               make 2000 steps */
    int32_t raw;          /**< 1: features as they are. 0: each is centred and divided by its
                               standard deviation, as found by mi_probe_fit(); constant ones are
                               left out */
    double rate;          /**< of Adam, falling along half a cosine; 0: 1e-2, with layers 1e-3 */
    double decay;         /**< weight decay; 0: none. -1: of 0, 0.3, 1, 3 and 10 the one that does
                               best on a tenth of the samples after a fit to the others, the least
                               of equals; then all are fitted */
} mi_probe_options;

/** What a fit tells: a report, see base.h. */
typedef struct mi_probe_report {
    uint64_t struct_size; /**< sizeof(mi_probe_report) */
    double loss;          /**< mean cross entropy of the last epoch, nats */
    double accuracy;      /**< on the samples that it was fitted to */
    int64_t steps;        /**< steps made */
    double decay;         /**< the weight decay, given or chosen */
} mi_probe_report;

/**
 * Makes a probe.
 *
 * @param context   NULL for a private default one; retained
 * @param d         features, 1 to 65536
 * @param classes   2 to 65536
 * @param options   NULL for the defaults
 * @param[out] out  receives the handle; destroy it with mi_probe_destroy()
 * @return MI_OK; MI_E_ARG; MI_E_FORMAT (layers: the message points at the character); MI_E_SHAPE;
 *         MI_E_ABI; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_probe_create(mi_context *context, int64_t d, int32_t classes,
                                                    const mi_probe_options *options,
                                                    mi_probe **out);

/**
 * Takes it away.
 *
 * @param probe  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_probe_destroy(mi_probe *probe);

/**
 * Trains it on labelled features, from freshly drawn weights: a fit doesn't depend on the one
 * before it.
 *
 * @param probe        the probe
 * @param n            samples, 1 to 2^32 - 1
 * @param x            [n][d] features
 * @param ld           row stride, 0: d
 * @param label        [n], each in 0 to classes - 1; negative: unknown, left out: its features are
 *                     not looked at
 * @param[out] report  its struct_size set by the caller; may be NULL
 * @return MI_OK; MI_E_ARG (a label out of range, none known, one alone and its decay to be chosen);
 *         MI_E_SHAPE; MI_E_NUMERIC (NaN or infinity: the message says where; also a rate or
 *         features so large that the network overflows); MI_E_ABI; MI_E_NOMEM. On failure the probe
 *         stays as it was
 * @note epochs n d classes operations without layers, as many epochs as the options tell; up to 6
 *       times as many where the decay is chosen. The same at any number of threads.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_probe_fit(mi_probe *probe, int64_t n, const float *x,
                                                 int64_t ld, const int32_t *label,
                                                 mi_probe_report *report);

/**
 * Classifies samples.
 *
 * @param probe             fitted
 * @param n                 samples, 0 or more
 * @param x                 [n][d]
 * @param ld                row stride, 0: d
 * @param[out] label        [n], receives the most probable class; may be NULL
 * @param[out] probability  [n][classes] packed; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_STATE (not fitted yet); MI_E_NUMERIC; MI_E_NOMEM
 * @note Works through n in parts.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_probe_predict(mi_probe *probe, int64_t n, const float *x,
                                                     int64_t ld, int32_t *label,
                                                     float *probability);

/**
 * The share of samples that it classifies rightly.
 *
 * @param probe          fitted
 * @param n              samples, 1 or more
 * @param x              [n][d]
 * @param ld             row stride, 0: d
 * @param label          [n], as mi_probe_fit() takes them
 * @param[out] accuracy  in 0 to 1, of the samples whose label is known
 * @return as mi_probe_predict(); MI_E_ARG also if no label is known
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_probe_accuracy(mi_probe *probe, int64_t n, const float *x,
                                                      int64_t ld, const int32_t *label,
                                                      double *accuracy);

LIBMI_END_DECLS

#endif
