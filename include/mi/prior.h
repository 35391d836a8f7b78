/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_PRIOR_H
#define LIBMI_PRIOR_H

/** @file
 * Prior terms: losses that draw the distribution of a code towards a simple one.
 *
 * Two ways. With a **Gaussian encoder** (mean and log variance for each
 * dimension) the divergence from N(0, I) has a closed form, and samples keep
 * their gradient through z = mean + exp(log variance / 2) noise: D. Kingma, M. Welling,
 * "Auto-encoding variational Bayes", ICLR 2014. Or a **discriminator** tells codes
 * from samples of any prior, and the encoder learns to deceive it: A. Makhzani
 * et al., "Adversarial autoencoders", 2016; I. Goodfellow et al., NIPS 2014; as
 * the prior term of Deep InfoMax: R. D. Hjelm et al., ICLR 2019.
 *
 * These are pure functions: no handle, no threads, no memory.
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** How the divergences of the dimensions become one number; over samples it is the mean. */
enum mi_prior_reduce {
    MI_PRIOR_SUM = 0, /**< their sum: the divergence proper */
    MI_PRIOR_MEAN = 1 /**< their mean: doesn't grow with the size of the code */
};

/** Whose loss it is. The two pull in opposite directions: they need a call each,
 *  and each trains its own network alone. */
enum mi_prior_side {
    /** E sp(-prior) + E sp(code): high scores for the prior, low ones for codes.
     *  2 ln 2 for scores of 0. */
    MI_PRIOR_DISCRIMINATOR = 1,

    /** E sp(-code): codes are to get high scores. Not saturating: its gradient is
     *  strongest where the discriminator is sure. */
    MI_PRIOR_ENCODER = 2,

    /** -E sp(code): the exact opposite of the discriminator's, as in minimax. */
    MI_PRIOR_ENCODER_MINIMAX = 3
};

/**
 * The divergence of Gaussian codes from N(0, I), averaged over samples:
 * KL = (mean^2 + exp(log variance) - 1 - log variance) / 2 in each dimension.
 *
 * @param n            samples, at least 1
 * @param d            dimensions, at least 1
 * @param mean         [n][d]
 * @param ldmean       row stride, 0: d
 * @param log_variance [n][d]
 * @param ldlog        row stride, 0: d
 * @param reduce       an mi_prior_reduce
 * @param[out] loss    receives the divergence in nats, 0 or more; may be NULL
 * @param[out] dmean   [n][d] packed, receives d(loss)/d(mean); NULL: not wanted
 * @param[out] dlog    [n][d] packed, receives d(loss)/d(log variance); NULL: not wanted
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE (stride below d, overflow); MI_E_NUMERIC (NaN,
 *         infinity, or a variance beyond range: the message says where). On failure no output
 *         is written.
 * @note O(n d) time, no memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_prior_kl_f32(int64_t n, int64_t d, const float *mean,
                                                    int64_t ldmean, const float *log_variance,
                                                    int64_t ldlog, int32_t reduce, double *loss,
                                                    float *dmean, float *dlog);

/**
 * mi_prior_kl_f32() in float64.
 *
 * @param n            samples
 * @param d            dimensions
 * @param mean         [n][d]
 * @param ldmean       row stride, 0: d
 * @param log_variance [n][d]
 * @param ldlog        row stride, 0: d
 * @param reduce       an mi_prior_reduce
 * @param[out] loss    receives the divergence in nats; may be NULL
 * @param[out] dmean   [n][d] packed, or NULL
 * @param[out] dlog    [n][d] packed, or NULL
 * @return as mi_prior_kl_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_prior_kl_f64(int64_t n, int64_t d, const double *mean,
                                                    int64_t ldmean, const double *log_variance,
                                                    int64_t ldlog, int32_t reduce, double *loss,
                                                    double *dmean, double *dlog);

/**
 * Draws codes: z = mean + exp(log variance / 2) noise, noise from N(0, 1).
 *
 * The noise of dimension j of sample i in the draw number @p draw is a pure function of seed,
 * draw, i and j: the same at any n and d, and what is rounded to float32 is what it is in
 * float64. It is never further from 0 than 8.7, and what is refused doesn't depend on it.
 *
 * @param seed         any number
 * @param draw         counts the batches, so that each gets other noise
 * @param n            samples, at least 1
 * @param d            dimensions, at least 1
 * @param mean         [n][d]
 * @param ldmean       row stride, 0: d
 * @param log_variance [n][d]
 * @param ldlog        row stride, 0: d
 * @param[out] z       [n][d] packed
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE (stride below d, overflow); MI_E_NUMERIC (NaN,
 *         infinity, or samples that could be beyond range: the message says where). On failure
 *         no output is written.
 * @note O(n d) time, no memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_prior_sample_f32(uint64_t seed, uint64_t draw, int64_t n,
                                                        int64_t d, const float *mean,
                                                        int64_t ldmean, const float *log_variance,
                                                        int64_t ldlog, float *z);

/**
 * mi_prior_sample_f32() in float64.
 *
 * @param seed         any number
 * @param draw         counts the batches
 * @param n            samples
 * @param d            dimensions
 * @param mean         [n][d]
 * @param ldmean       row stride, 0: d
 * @param log_variance [n][d]
 * @param ldlog        row stride, 0: d
 * @param[out] z       [n][d] packed
 * @return as mi_prior_sample_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_prior_sample_f64(uint64_t seed, uint64_t draw, int64_t n,
                                                        int64_t d, const double *mean,
                                                        int64_t ldmean, const double *log_variance,
                                                        int64_t ldlog, double *z);

/**
 * The gradient of a sample: given d(loss)/dz of whatever the codes went into,
 * *adds* d(loss)/d(mean) = dz and d(loss)/d(log variance) = dz (z - mean) / 2
 * to what is there, such as the gradient of mi_prior_kl_f32().
 *
 * @param n           samples, at least 1
 * @param d           dimensions, at least 1
 * @param mean        [n][d]
 * @param ldmean      row stride, 0: d
 * @param z           [n][d] packed, as drawn
 * @param dz          [n][d] packed
 * @param[in,out] dmean  [n][d] packed; NULL: not wanted
 * @param[in,out] dlog   [n][d] packed; NULL: not wanted
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE (stride below d, overflow); MI_E_NUMERIC (NaN or
 *         infinity, in or out: the message says where). On failure nothing is added.
 * @note O(n d) time, no memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_prior_sample_backward_f32(int64_t n, int64_t d,
                                                                 const float *mean, int64_t ldmean,
                                                                 const float *z, const float *dz,
                                                                 float *dmean, float *dlog);

/**
 * mi_prior_sample_backward_f32() in float64.
 *
 * @param n           samples
 * @param d           dimensions
 * @param mean        [n][d]
 * @param ldmean      row stride, 0: d
 * @param z           [n][d] packed, as drawn
 * @param dz          [n][d] packed
 * @param[in,out] dmean  [n][d] packed, or NULL
 * @param[in,out] dlog   [n][d] packed, or NULL
 * @return as mi_prior_sample_backward_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_prior_sample_backward_f64(int64_t n, int64_t d,
                                                                 const double *mean, int64_t ldmean,
                                                                 const double *z, const double *dz,
                                                                 double *dmean, double *dlog);

/**
 * Adversarial prior matching on the scores (logits) of a discriminator.
 *
 * One call for MI_PRIOR_DISCRIMINATOR, whose gradients go into the discriminator; and one
 * for MI_PRIOR_ENCODER (or its minimax form), whose dcode goes through the
 * discriminator, without changing it, into the encoder.
 *
 * @param side         an mi_prior_side
 * @param n            codes, at least 1
 * @param code         [n] scores of codes
 * @param m            samples of the prior; at least 1 for the discriminator, else 0 will do
 * @param prior        [m] scores of samples of the prior; not read for the encoder, where NULL
 *                     will do
 * @param[out] loss    receives the loss, nats; may be NULL
 * @param[out] dcode   [n], receives d(loss)/d(code); NULL: not wanted
 * @param[out] dprior  [m], receives d(loss)/d(prior), which is 0 for the encoder;
 *                     NULL: not wanted
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE (overflow); MI_E_NUMERIC (NaN, infinity, or a loss
 *         beyond range: the message says where). On failure no output is written.
 * @note O(n + m) time, no memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_prior_adversarial_f32(int32_t side, int64_t n,
                                                             const float *code, int64_t m,
                                                             const float *prior, double *loss,
                                                             float *dcode, float *dprior);

/**
 * mi_prior_adversarial_f32() in float64.
 *
 * @param side         an mi_prior_side
 * @param n            codes
 * @param code         [n] scores of codes
 * @param m            samples of the prior
 * @param prior        [m] scores of samples of the prior
 * @param[out] loss    receives the loss, nats; may be NULL
 * @param[out] dcode   [n] or NULL
 * @param[out] dprior  [m] or NULL
 * @return as mi_prior_adversarial_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_prior_adversarial_f64(int32_t side, int64_t n,
                                                             const double *code, int64_t m,
                                                             const double *prior, double *loss,
                                                             double *dcode, double *dprior);

LIBMI_END_DECLS

#endif
