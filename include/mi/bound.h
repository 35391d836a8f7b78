/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_BOUND_H
#define LIBMI_BOUND_H

/** @file
 * Bounds on mutual information that compare the scores of pairs that belong
 * together (the joint distribution P) with those of pairs that don't (the
 * product of the marginals Q): the value, and its exact gradient.
 *
 * Every bound is asked in the same way, whatever form the scores have:
 *
 * - **vectors**: n scores of P and m of Q, from any critic;
 * - **a matrix**: row i against column j, those that belong together on the diagonal;
 * - **embeddings**: u[i] . v[j] / temperature. The matrix is never made: memory
 *   grows with n, not with n^2.
 *
 * A matrix may be *local*, with L columns for each row: row i is the summary of
 * sample i, columns i L to i L + L - 1 are its locations. They all belong to
 * row i, and a location of its own is never one of its negatives. This is the
 * local form of Deep InfoMax; L = 1 is the plain one.
 *
 * What comes out is an **estimate** of the mutual information in nats, and a
 * **loss** with its gradient, to be descended: where the bound is a lower one,
 * that climbs it. For most bounds loss = -estimate; the list says where not:
 *
 *     f: scores of P, g: scores of Q, b: log baseline; E: mean, lme: ln mean exp
 *
 *     dv            E f - lme g                                          lower
 *     mine          estimate as dv; loss E exp(g) / a - E f, with a moving
 *                   average a of E exp(g)                                lower
 *     nwj           1 + E(f - 1) - E exp(g - 1)                          lower
 *     tuba          1 + E(f - b) - E exp(g - b)                          lower
 *     jsd           loss E sp(-f) + E sp(g) - 2 ln 2, sp(x) = ln(1 + e^x);
 *                   estimate 1 + E f - E exp g                           lower
 *     reverse-kl    loss E exp(-f) + E(g - 1); estimate as jsd           lower
 *     hellinger     loss E(exp(-f) - 1) + E(exp g - 1);
 *                   estimate 1 + E 2f - E exp 2g                         lower
 *     pearson       loss E(g + g^2 / 4) - E f;
 *                   estimate 1 + E ln(1 + f / 2) - E max(1 + g / 2, 0)   lower
 *     total-variation  loss (E tanh g - E tanh f) / 2 = -t;
 *                   estimate 2 max(t, 0)^2 (Pinsker)                     lower
 *     infonce       E (f_i - lme of f_i and the g of its row)            lower
 *     interpolated  1 + E (f - ln D) - E exp(g) / M, I_alpha             lower
 *     flo           E (1 - b_i - exp(-b_i) E exp(g_ij - f_i))            lower
 *     flatnce       E (f_i - lme of the g of its row)                    neither
 *     smile         loss as jsd; estimate E f - lme clip(g, -tau, tau)   neither
 *     leave-one-out as flatnce, on f = ln q(row|column)                  upper
 *     club          E f - E g, on f = ln q(row|column)                   upper
 *     club-sampled  the same with one g a row                            upper
 *
 * In interpolated, D = alpha A + (1 - alpha) e^b, with A the mean of exp over the own pair
 * and all g of its row but one, each left out in turn; in M it is the mean over all g of
 * the row. alpha = 0 is tuba, 1 is infonce with one candidate less.
 *
 * infonce, interpolated, flo, flatnce and leave-one-out compare within a row: of vectors they
 * take groups, k scores of Q for each of P. Baselines for rows: tuba, interpolated, flo.
 * Gradients must not overlap inputs or each other.
 *
 * "Lower" holds in expectation over batches, for any critic; for dv, mine and total-variation
 * only as their number of scores grows: the logarithm and the square of a mean are biased
 * upwards on a small batch. jsd, reverse-kl, hellinger and pearson are trained by their own
 * divergence; their optimal critics give the density ratio away, and the estimate puts it into
 * the bound of Nguyen, Wainwright and Jordan. "Upper" holds if q is the true density of what
 * rows are, given what columns are; the loss is +estimate, and for the encoder alone: q is
 * trained apart, by maximum likelihood. club's default counts the pairs of P as pairs of Q too,
 * as in its paper, which makes it smaller by the n-th part; diagonal 0 doesn't.
 *
 * D. Barber, F. Agakov, NIPS 2003 (tuba's ancestor); M. Donsker, S. Varadhan, CPAM 1983; X.
 * Nguyen, M. Wainwright, M. Jordan, IEEE TIT 2010; S. Nowozin, B. Cseke, R. Tomioka, "f-GAN",
 * NIPS 2016; M. Belghazi et al., "MINE", ICML 2018; A. van den Oord et al., "CPC", 2018; R. D.
 * Hjelm et al., "Deep InfoMax", ICLR 2019; B. Poole et al., "On variational bounds of mutual
 * information", ICML 2019; J. Song, S. Ermon, "SMILE", ICLR 2020; P. Cheng et al., "CLUB", ICML
 * 2020; Q. Guo et al., "Tight mutual information estimation with contrastive Fenchel-Legendre
 * optimization", NeurIPS 2022 (flo, flatnce).
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** Opaque: one bound with its parameters, its state and its workspace. */
typedef struct mi_bound mi_bound;

/** What an evaluation tells: a report, see base.h. */
typedef struct mi_bound_result {
    uint64_t struct_size; /**< sizeof(mi_bound_result) */

    /** Of the mutual information, nats. Never NaN; -infinity where a read-out
     *  that differs from the loss is beyond what double can hold. */
    double estimate;

    double loss; /**< what the gradients belong to (would, if wanted); descend it. Finite. */

    /** The most that the estimate can be on inputs of this size, whatever the
     *  scores are, but for rounding, which grows with them; infinite if there is
     *  no limit. */
    double cap;
} mi_bound_result;

/** The state of MINE's moving average, to be saved and restored: sized, see base.h. */
typedef struct mi_bound_state {
    uint64_t struct_size; /**< sizeof(mi_bound_state) */
    double log_average;   /**< ln of the average of exp(scores of Q); 0 before the first step */
    int64_t steps;        /**< how many batches are in it */
} mi_bound_state;

/** Scores as vectors. Zero it, set struct_size; see base.h. */
typedef struct mi_bound_vectors_f32 {
    uint64_t struct_size;  /**< sizeof(mi_bound_vectors_f32) */
    int64_t n;             /**< scores of P, at least 1 */
    int64_t m;             /**< scores of Q, at least 1; a multiple of n for groups */
    const float *joint;    /**< [n] */
    const float *product;  /**< [m]; in groups, those of row i are i * (m / n) and on */
    const float *baseline; /**< [n] log baselines (m must be a multiple of n), or NULL */
    float *djoint;         /**< [n], receives d(loss)/d(joint); NULL: not wanted */
    float *dproduct;       /**< [m], receives the gradient; NULL: not wanted */
    float *dbaseline;      /**< [n], receives the gradient (m as above); NULL: not wanted */
} mi_bound_vectors_f32;

/** The same in float64. */
typedef struct mi_bound_vectors_f64 {
    uint64_t struct_size;   /**< sizeof(mi_bound_vectors_f64) */
    int64_t n;              /**< scores of P */
    int64_t m;              /**< scores of Q */
    const double *joint;    /**< [n] */
    const double *product;  /**< [m] */
    const double *baseline; /**< [n] or NULL */
    double *djoint;         /**< [n] or NULL */
    double *dproduct;       /**< [m] or NULL */
    double *dbaseline;      /**< [n] or NULL */
} mi_bound_vectors_f64;

/** A matrix of scores. Zero it, set struct_size; see base.h. */
typedef struct mi_bound_matrix_f32 {
    uint64_t struct_size;  /**< sizeof(mi_bound_matrix_f32) */
    int64_t n;             /**< rows, at least 1 */
    int64_t locations;     /**< L, columns of each row's own; 0: 1 */
    const float *scores;   /**< [n][n L] */
    int64_t ld;            /**< row stride, 0: n L */
    const uint8_t *mask;   /**< [n][n L], 0: as if this pair were not there; or NULL */
    int64_t ldmask;        /**< row stride, 0: n L */
    const float *baseline; /**< [n] log baselines, or NULL */
    float *dscores;        /**< receives d(loss)/d(scores), same shape, not overlapping; or NULL */
    int64_t lddscores;     /**< row stride, 0: n L */
    float *dbaseline;      /**< [n], receives the gradient; NULL: not wanted */
} mi_bound_matrix_f32;

/** The same in float64. */
typedef struct mi_bound_matrix_f64 {
    uint64_t struct_size;   /**< sizeof(mi_bound_matrix_f64) */
    int64_t n;              /**< rows */
    int64_t locations;      /**< L; 0: 1 */
    const double *scores;   /**< [n][n L] */
    int64_t ld;             /**< row stride, 0: n L */
    const uint8_t *mask;    /**< [n][n L] or NULL */
    int64_t ldmask;         /**< row stride, 0: n L */
    const double *baseline; /**< [n] or NULL */
    double *dscores;        /**< [n][n L] or NULL */
    int64_t lddscores;      /**< row stride, 0: n L */
    double *dbaseline;      /**< [n] or NULL */
} mi_bound_matrix_f64;

/** Embeddings. Zero it, set struct_size; see base.h. */
typedef struct mi_bound_embeddings_f32 {
    uint64_t struct_size;  /**< sizeof(mi_bound_embeddings_f32) */
    int64_t n;             /**< samples, at least 1 */
    int64_t locations;     /**< L, rows of v for each row of u; 0: 1 */
    int64_t d;             /**< dimensions, at least 1 */
    const float *u;        /**< [n][d] */
    int64_t ldu;           /**< row stride, 0: d */
    const float *v;        /**< [n L][d]; those of sample i are i L to i L + L - 1 */
    int64_t ldv;           /**< row stride, 0: d */
    double temperature;    /**< divides the scores, above 0; 0: 1 */
    int32_t normalize;     /**< 1: rows are divided by their length first (cosine) */
    int32_t reserved0;     /**< must be 0 */
    const float *baseline; /**< [n] log baselines, or NULL */
    float *du;             /**< [n][d], receives d(loss)/du; NULL: not wanted */
    int64_t lddu;          /**< row stride, 0: d */
    float *dv;             /**< [n L][d], receives d(loss)/dv; NULL: not wanted */
    int64_t lddv;          /**< row stride, 0: d */
    float *dbaseline;      /**< [n], receives the gradient; NULL: not wanted */
    double *dtemperature;  /**< receives d(loss)/d(temperature); NULL: not wanted */
} mi_bound_embeddings_f32;

/** The same in float64. */
typedef struct mi_bound_embeddings_f64 {
    uint64_t struct_size;   /**< sizeof(mi_bound_embeddings_f64) */
    int64_t n;              /**< samples */
    int64_t locations;      /**< L; 0: 1 */
    int64_t d;              /**< dimensions */
    const double *u;        /**< [n][d] */
    int64_t ldu;            /**< row stride, 0: d */
    const double *v;        /**< [n L][d] */
    int64_t ldv;            /**< row stride, 0: d */
    double temperature;     /**< above 0; 0: 1 */
    int32_t normalize;      /**< 1: cosine */
    int32_t reserved0;      /**< must be 0 */
    const double *baseline; /**< [n] or NULL */
    double *du;             /**< [n][d] or NULL */
    int64_t lddu;           /**< row stride, 0: d */
    double *dv;             /**< [n L][d] or NULL */
    int64_t lddv;           /**< row stride, 0: d */
    double *dbaseline;      /**< [n] or NULL */
    double *dtemperature;   /**< one number, or NULL */
} mi_bound_embeddings_f64;

/**
 * Makes a bound.
 *
 * @param context   NULL for a private default one; retained
 * @param name      a kind, such as "infonce"; see the top, and mi_bound_list() of bound_info.h
 * @param[out] out  receives the handle; destroy it with mi_bound_destroy()
 * @return MI_OK; MI_E_ARG (unknown name: the message lists them); MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_create(mi_context *context, const char *name,
                                                    mi_bound **out);

/**
 * Takes the bound away.
 *
 * @param bound  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_bound_destroy(mi_bound *bound);

/**
 * Sets a parameter, from the next evaluation on. Choices are numbers too:
 *
 *     diagonal      1: the pairs of P count as pairs of Q as well. 0: they don't.
 *                   Vectors have no diagonal.
 *     columns       infonce's share of the columns: 0 rows, 1 columns, 0.5 both alike
 *     rate          mine: the share of the new batch in the moving average
 *     log-baseline  where no baseline is given for each row
 *     alpha, tau    of interpolated and smile
 *     shift         jsd, smile: 0 leaves the - 2 ln 2 out of the loss
 *     offset        club-sampled: the other sample of row i is i + offset, modulo n
 *
 * Which bound has which, with defaults and ranges: mi_bound_param_list().
 *
 * @param bound  the bound
 * @param name   of the parameter
 * @param value  in its range; 0 means 0
 * @return MI_OK; MI_E_ARG (unknown name, value out of range: the message says
 *         what there is)
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_set(mi_bound *bound, const char *name, double value);

/**
 * Reads a parameter.
 *
 * @param bound       the bound
 * @param name        of the parameter
 * @param[out] value  receives its value
 * @return MI_OK; MI_E_ARG
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_get(const mi_bound *bound, const char *name,
                                                 double *value);

/**
 * Reads the state, for a checkpoint. Only mine has one that changes: after t
 * batches of mean a_1 .. a_t its average is that of the a_i with weights
 * (1 - rate)^(t - i), normalised, so that the first batches are not drawn
 * towards a starting value. It is kept as a logarithm.
 *
 * @param bound         the bound
 * @param[in,out] state struct_size set; receives the state
 * @return MI_OK; MI_E_ARG; MI_E_ABI
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_state_read(const mi_bound *bound,
                                                        mi_bound_state *state);

/**
 * Goes on from a saved state.
 *
 * @param bound  the bound, of the kind that the state is from
 * @param state  as mi_bound_state_read() gave it
 * @return MI_OK; MI_E_ARG (steps negative, log_average not finite); MI_E_ABI
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_state_write(mi_bound *bound,
                                                         const mi_bound_state *state);

/**
 * Whether an estimate sits at its cap: it is within 5 % of it, so that the
 * mutual information may well be larger. For infonce, take a larger batch.
 *
 * @param result  of an evaluation
 * @return 1 if so; 0 if not, if there is no cap, or if result is NULL
 * @since 0.1
 */
LIBMI_API int32_t mi_bound_at_cap(const mi_bound_result *result);

/**
 * The bound on vectors of scores.
 *
 * Scores must be finite, and within 1e150 in size, 1e36 in float32. If the loss or a gradient
 * would overflow (nwj with a score of 1000, say), that is MI_E_NUMERIC too: no
 * infinity ever comes out of either.
 * An evaluation that wants no gradient leaves the state of mine alone.
 *
 * @param bound           the bound
 * @param io              scores in, gradients out
 * @param[in,out] result  struct_size set; receives estimate, loss and cap; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_ABI; MI_E_SHAPE (m doesn't fit, or nothing is left
 *         to compare with); MI_E_UNSUPPORTED (columns of infonce, baselines where
 *         the bound has none); MI_E_NUMERIC (NaN, infinity, overflow: the message
 *         says where); MI_E_NOMEM. On failure no output is written.
 * @note O(n + m) time; O((n + m) / 8192) memory, for groups O(n + m / n). The result is
 *       the same at any number of threads.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_eval_vectors_f32(mi_bound *bound,
                                                              const mi_bound_vectors_f32 *io,
                                                              mi_bound_result *result);

/**
 * mi_bound_eval_vectors_f32() in float64.
 *
 * @param bound           the bound
 * @param io              scores in, gradients out
 * @param[in,out] result  receives estimate, loss and cap; may be NULL
 * @return as mi_bound_eval_vectors_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_eval_vectors_f64(mi_bound *bound,
                                                              const mi_bound_vectors_f64 *io,
                                                              mi_bound_result *result);

/**
 * The bound on a matrix of scores. With a mask, means run over what is left. A
 * row whose own pairs are all masked has no term where each pair is compared with
 * its row (infonce, flo, ...); its other scores still count among those of Q.
 * Scores that a bound doesn't look at, masked or not, may be anything.
 *
 * @param bound           the bound
 * @param io              scores in, gradients out
 * @param[in,out] result  struct_size set; receives estimate, loss and cap; may be NULL
 * @return as mi_bound_eval_vectors_f32(); MI_E_SHAPE also for n = 1 if the bound
 *         needs negatives
 * @note O(n^2 L) time, the matrix is read twice (with columns, thrice) and written once;
 *       interpolated takes O(n^2 L^2). O(n L) memory. The result is the same at any number
 *       of threads.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_eval_matrix_f32(mi_bound *bound,
                                                             const mi_bound_matrix_f32 *io,
                                                             mi_bound_result *result);

/**
 * mi_bound_eval_matrix_f32() in float64.
 *
 * @param bound           the bound
 * @param io              scores in, gradients out
 * @param[in,out] result  receives estimate, loss and cap; may be NULL
 * @return as mi_bound_eval_matrix_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_eval_matrix_f64(mi_bound *bound,
                                                             const mi_bound_matrix_f64 *io,
                                                             mi_bound_result *result);

/**
 * The bound on embeddings, without ever holding their matrix of scores.
 *
 * @param bound           the bound
 * @param io              embeddings in, gradients out
 * @param[in,out] result  struct_size set; receives estimate, loss and cap; may be NULL
 * @return as mi_bound_eval_matrix_f32(); MI_E_NUMERIC also for a row of length 0
 *         that is to be normalised
 * @note Three products of n x n L x d; dv, mine, the columns of infonce and smile with a tau
 *       above 300 take a fourth unless one strip has all the rows; club-sampled none.
 *       Memory O(n L d), plus a strip of at least 48 rows of scores, 6 MiB or more, kept in
 *       the handle. The result is the same at any number of threads unless the products go
 *       through the BLAS, as they do in float64 and without AVX-512.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_eval_embeddings_f32(mi_bound *bound,
                                                                 const mi_bound_embeddings_f32 *io,
                                                                 mi_bound_result *result);

/**
 * mi_bound_eval_embeddings_f32() in float64.
 *
 * @param bound           the bound
 * @param io              embeddings in, gradients out
 * @param[in,out] result  receives estimate, loss and cap; may be NULL
 * @return as mi_bound_eval_embeddings_f32()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_bound_eval_embeddings_f64(mi_bound *bound,
                                                                 const mi_bound_embeddings_f64 *io,
                                                                 mi_bound_result *result);

LIBMI_END_DECLS

#endif
