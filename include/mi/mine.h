/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_MINE_H
#define LIBMI_MINE_H

/** @file
 * Mutual information by a network: a critic learns to tell pairs (x, y) that
 * belong together from pairs that don't, and a bound (bound.h) on its scores
 * is the estimate. M. Belghazi et al., "MINE", ICML 2018, and its relatives.
 *
 * With data in memory, mi_mine_fit() does it all. With a loop of your own:
 *
 *     mi_bound_create(NULL, "mine", &bound);
 *     mi_mine_create(NULL, dx, dy, bound, NULL, NULL, &mine);
 *     for (;;) {
 *         ... fresh samples into x and y ...
 *         mi_mine_step(mine, n, x, y, NULL, NULL, &report);
 *     }
 *
 * A step can give the gradient by x and y too, which is how an encoder in
 * front is trained: examples/mine_cluster.c.
 *
 * **Critics.** Every pair of a batch of n is scored by `separable` and
 * `bilinear` for the cost of n embeddings and one product. The others run
 * their network for each pair, so it matters with how many others' y an x is compared:
 * `negatives`.
 *
 * **Bounds.** Any of bound.h. tuba, interpolated and flo learn their
 * baseline with a network of the same size (for flo it sees x and y, for the
 * others x; not with the critic `gaussian`). Upper bounds (club, club-sampled, leave-one-out) need
 * the critic `gaussian`, a model of q(y | x) that learns by maximum likelihood, whatever the bound
 * says.
 *
 * Numbers are float32, inside too; only the bound's sums are float64.
 */

#include "bound.h"
#include "optimizer.h"

LIBMI_BEGIN_DECLS

/** Opaque: a critic with its optimizer and its bound. */
typedef struct mi_mine mi_mine;

/** How x and y get a score. Layers are dense with ReLU between. */
enum mi_critic {
    MI_CRITIC_ADDITIVE = 1,  /**< w . relu(A x + B y + b) + c: one hidden layer */
    MI_CRITIC_CONCAT = 2,    /**< a network of x and y side by side, `layers` hidden ones */
    MI_CRITIC_SEPARABLE = 3, /**< g(x) . h(y), two networks of `layers` hidden layers */
    MI_CRITIC_BILINEAR = 4,  /**< (W x + b) . y */
    MI_CRITIC_GAUSSIAN = 5   /**< ln q(y | x), a network of x for mean and log variance of each
                                  column of y */
};

/** Zero it, set struct_size; see base.h. */
typedef struct mi_mine_options {
    uint64_t struct_size; /**< sizeof(mi_mine_options) */
    uint64_t seed;        /**< of weights and of who is compared with whom; 0: the context's */
    int32_t critic;       /**< an mi_critic; 0: concat, gaussian for upper bounds */
    int32_t units;        /**< of a hidden layer, 1 to 65536; 0: 128 */
    int32_t layers;       /**< hidden layers, 1 to 16; 0: 2. additive has 1, bilinear none */
    int32_t embed;        /**< numbers of an embedding, of separable; 0: 32 */
    int32_t negatives;    /**< additive and concat: other samples' y for each x, 1 to n - 1, at
                               random; -1: all. 0: all for bounds that compare within a row
                               (infonce, ...), else 1 */
    int32_t baseline;     /**< 1: the baseline isn't learnt (log-baseline of the bound is used) */
} mi_mine_options;

/** What a step or an evaluation tells: a report, see base.h. */
typedef struct mi_mine_report {
    uint64_t struct_size; /**< sizeof(mi_mine_report) */
    int64_t step;         /**< steps made, this one counted */
    double estimate;      /**< of this batch, nats */
    double loss;          /**< that was descended, see bound.h; gaussian: -mean ln q(y | x) */
    double cap;           /**< of the estimate on such a batch; infinite if there is none */
    double average;       /**< moving average of the steps' estimates, of the last hundred or so */
} mi_mine_report;

/** How mi_mine_fit() goes about it. Zero it, set struct_size; see base.h. */
typedef struct mi_mine_fit_options {
    uint64_t struct_size; /**< sizeof(mi_mine_fit_options) */
    int64_t steps;        /**< at most; 0: 10000 */
    int64_t batch;        /**< samples of a step, 2 or more; 0: 256, or all if there are fewer */
    int64_t check;        /**< steps between looks at the validation samples; 0: 100 */
    int64_t patience;     /**< looks without a better value before it stops; 0: 10; negative: none,
                               all steps are made */
    double test;          /**< share of the samples that only the estimate is made on, in 0 to 1;
                               0: 0.5 */
    double validation;    /**< share of the others that tell when to stop; 0: 0.2 */
    int32_t scale;        /**< an mi_scale of estimate.h, found on the training samples and applied
                               to all; 0: standard */
    int32_t gaussian;     /**< 1: scores start from the log density ratio of the Gaussians that fit
                               the training samples, and the critic learns what that leaves out.
                               Not with the critic `gaussian` */
    /** Called after each look; anything but 0 stops with MI_E_CANCELLED. NULL: silence. */
    int32_t (*progress)(void *user, const mi_mine_report *report);
    void *progress_user; /**< passed to progress */
} mi_mine_fit_options;

/** What came out of it: a report, see base.h. */
typedef struct mi_mine_fit_report {
    uint64_t struct_size; /**< sizeof(mi_mine_fit_report) */
    double estimate;      /**< on the test samples, nats */
    double error;         /**< standard error of that, given the critic: from the spread over 16
                               parts of the test samples. NaN if there are too few */
    double cap;           /**< of it; infinite if there is none */
    double training;      /**< on the training samples: far above the other, it has overfitted */
    double validation;    /**< on the validation samples at the best look */
    int64_t steps;        /**< steps made */
    int64_t best_step;    /**< whose weights are kept: the best look's */
    int64_t test_samples; /**< that the estimate is made on */
} mi_mine_fit_report;

/**
 * Makes a critic with freshly drawn weights.
 *
 * @param context    NULL for a private default one; retained
 * @param dx         numbers of an x, 1 to 65536; together with dy at most that where a network sees
 *                   both (additive, concat, flo)
 * @param dy         numbers of a y, likewise
 * @param bound      retained, and used by this alone from now on; its parameters may be set at any
 *                   time. NULL: "mine"
 * @param options    NULL for the defaults
 * @param optimizer  NULL for Adam at 1e-3
 * @param[out] out   receives the handle; destroy it with mi_mine_destroy()
 * @return MI_OK; MI_E_ARG (the message has member and value; also a critic that doesn't go with the
 *         bound); MI_E_ABI; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_mine_create(mi_context *context, int64_t dx, int64_t dy,
                                                   mi_bound *bound, const mi_mine_options *options,
                                                   const mi_optimizer_options *optimizer,
                                                   mi_mine **out);

/**
 * Takes it away.
 *
 * @param mine  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_mine_destroy(mi_mine *mine);

/**
 * One step of training on a batch: scores, bound, gradients, optimizer.
 *
 * @param mine         the critic
 * @param n            samples, 2 or more
 * @param x            [n][dx]; row i belongs together with row i of y
 * @param y            [n][dy]
 * @param[out] gx      [n][dx], receives the gradient of the loss by x, before the step; NULL: not
 *                     wanted. With the critic `gaussian` it is the bound's, which pulls x and y
 *                     apart
 * @param[out] gy      [n][dy], by y; NULL: not wanted
 * @param[out] report  its struct_size set by the caller; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE (negatives > n - 1); MI_E_NUMERIC (NaN or infinity in x, y
 *         or what comes of them: nothing was changed); MI_E_UNSUPPORTED (gx or gy after a fit with
 *         Gaussians; a parameter of the bound that the critic's scores don't have, such as
 *         columns); MI_E_ABI; MI_E_NOMEM
 * @note Costs the network's passes for 2n rows (separable, bilinear, gaussian) or for n (1 +
 *       negatives) rows; memory likewise, kept in the handle. The same at any number of threads as
 *       far as mi_bound_eval_embeddings_f32() is.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_mine_step(mi_mine *mine, int64_t n, const float *x,
                                                 const float *y, float *gx, float *gy,
                                                 mi_mine_report *report);

/**
 * Evaluates the bound on a batch without learning from it: the estimate on new data.
 *
 * @param mine         the critic
 * @param n            samples, 2 or more
 * @param x            [n][dx]
 * @param y            [n][dy]
 * @param negatives    as in mi_mine_options, for this call; 0: as there
 * @param[out] report  its struct_size set by the caller; step and average are those so far
 * @return as mi_mine_step()
 * @note Pairs are scored in parts: memory doesn't grow with n negatives but for the scores.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_mine_eval(mi_mine *mine, int64_t n, const float *x,
                                                 const float *y, int32_t negatives,
                                                 mi_mine_report *report);

/**
 * Scores pairs: what the critic says of x[i] and y[i]. For the best critic of most bounds that is
 * the pointwise mutual information, up to a constant.
 *
 * @param mine         the critic
 * @param n            pairs, 1 or more
 * @param x            [n][dx]
 * @param y            [n][dy]
 * @param[out] scores  [n]
 * @return MI_OK; MI_E_ARG; MI_E_NUMERIC; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_mine_scores(mi_mine *mine, int64_t n, const float *x,
                                                   const float *y, float *scores);

/**
 * Learns from samples in memory and estimates on samples that were held back.
 *
 * Samples are shuffled and split: `test` for the estimate alone; of the others, `validation` to
 * tell when to stop; the rest to learn from. Before the first step and after every `check` steps
 * the bound is evaluated on the validation samples; the weights of the least loss (mine: of the
 * highest estimate) are kept, and with them the estimate is made, once. So it isn't the best of
 * many looks, and for bounds that are lower ones it stays a lower bound.
 *
 * These evaluations compare every x with every y, in parts of at most 8192 samples whose mean
 * counts; with the critics additive and concat some 2^18 pairs, or as many as a step does. Steps
 * and evaluations whose scores the bound can't take (an exponential beyond range) pass without
 * effect.
 *
 * @param mine         the critic; it goes on from the weights that it has
 * @param n            samples, 16 or more
 * @param x            [n][dx]
 * @param y            [n][dy]
 * @param options      NULL for the defaults
 * @param[out] report  its struct_size set by the caller; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC; MI_E_CANCELLED; MI_E_ABI; MI_E_NOMEM. On
 *         failure the critic keeps the weights of its best look
 * @note Scale and Gaussians that were found stay with the handle: mi_mine_eval() and
 *       mi_mine_scores() take raw samples afterwards, and so do further steps, whose gx and gy are
 *       by what was scaled.
 * @note The same at any number of threads as far as mi_mine_step() is; covariances of Gaussians go
 *       through the BLAS.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_mine_fit(mi_mine *mine, int64_t n, const float *x,
                                                const float *y, const mi_mine_fit_options *options,
                                                mi_mine_fit_report *report);

/**
 * Writes everything to a file (safetensors), which appears whole or not at all: weights,
 * optimizer, the bound's state, scale. Steps from it are the same, bit for bit.
 *
 * @param mine  the critic
 * @param path  where
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_mine_save(const mi_mine *mine, const char *path);

/**
 * Reads such a file back. All or nothing.
 *
 * @param mine  made with the same sizes, options and kind of bound
 * @param path  where
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_FORMAT; MI_E_SHAPE; MI_E_DTYPE; MI_E_NUMERIC; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_mine_restore(mi_mine *mine, const char *path);

LIBMI_END_DECLS

#endif
