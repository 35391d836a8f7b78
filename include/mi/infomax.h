/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_INFOMAX_H
#define LIBMI_INFOMAX_H

/** @file
 * Deep InfoMax: representations of images without a label. An encoder learns a code that has much
 * mutual information with the image it came from, and above all with each place of it.
 *
 *     image -> layers -> map -> layers -> features -> code z
 *              (encoder) (tap)            (trunk)     (head)
 *
 *     loss = alpha global + beta local + delta within + gamma prior
 *
 * - **global** compares the code with the whole map (or with itself, as some ports do);
 * - **local** compares it with the map at each position: h w of them an image, on average. With
 *   several taps it is the mean over them: several scales;
 * - **within** compares the map at a random position with the map at all positions;
 * - **prior** draws the codes' distribution towards a simple one (prior.h).
 *
 * The first three are bounds of bound.h on the scores of a critic: what belongs to one image is a
 * pair of P, what belongs to different images of the batch one of Q. Two critics:
 *
 * - **dot**: both sides are projected, by a perceptron of a hidden layer beside a linear shortcut,
 *   layer-normalised, and multiplied. All pairs of the batch are compared;
 * - **concat**: both side by side through a perceptron, pair by pair ("concat and convolve": its
 *   layers are 1 x 1 convolutions). Each pair of P is compared with a few of Q.
 *
 * The encoder has a head "linear D" for the code, and a second one of that size where the code is
 * to be Gaussian: the first is then its mean, the second its log variance, and what is compared is
 * a sample of it. For instance "infomax | linear 64", or "infomax-pool | 2 x linear 256".
 *
 * With two views of each image, the code of one meets the map of the other.
 *
 *     mi_infomax_create(encoder, optimizer, NULL, &infomax);
 *     for (each batch) {
 *         mi_pairs_next(pairs, x, xt, NULL);
 *         mi_infomax_step(infomax, n, x, xt, &report);
 *     }
 *     mi_infomax_encode(infomax, n, x, NULL, NULL, code);
 *
 * R. D. Hjelm et al., "Learning deep representations by mutual information estimation and
 * maximization", ICLR 2019; views: P. Bachman, R. D. Hjelm, W. Buchwalter, NeurIPS 2019.
 *
 * Step and encode put the encoder to work: the outputs and gradients that it held are replaced.
 */

#include "encoder.h"
#include "optimizer.h"
#include "pairs.h"

LIBMI_BEGIN_DECLS

/** Opaque. */
typedef struct mi_infomax mi_infomax;

/** How pairs are scored. */
enum mi_infomax_critic {
    MI_INFOMAX_DOT = 1,   /**< a product of projections */
    MI_INFOMAX_CONCAT = 2 /**< a perceptron on both */
};

/** What the global term compares the code with. */
enum mi_infomax_global {
    MI_INFOMAX_GLOBAL_MAP = 1, /**< the map at the first tap, flattened */
    MI_INFOMAX_GLOBAL_CODE = 2 /**< a code: the sample itself, or that of the other view */
};

/** What codes are drawn towards. */
enum mi_infomax_prior {
    MI_INFOMAX_PRIOR_NONE = 1,    /**< nothing */
    MI_INFOMAX_PRIOR_KL = 2,      /**< N(0, I), by the divergence in closed form, the mean over
                                       dimensions; needs two heads */
    MI_INFOMAX_PRIOR_UNIFORM = 3, /**< U(0, 1)^D for sigmoid(z), by a discriminator */
    MI_INFOMAX_PRIOR_NORMAL = 4   /**< N(0, I) for z, by a discriminator */
};

/** Zero it, set struct_size; see base.h. */
typedef struct mi_infomax_options {
    uint64_t struct_size;      /**< sizeof(mi_infomax_options) */
    uint64_t seed;             /**< of critics, negatives and noise; 0: the context's */
    double alpha;              /**< weight of global, 0 or more. If alpha, beta, gamma and delta
                                    are all 0: 0.5, 1.5, 0.01, 0 */
    double beta;               /**< of local */
    double gamma;              /**< of prior */
    double delta;              /**< of within */
    const char *global_bound;  /**< a lower bound of bound.h, read at once; NULL: "jsd" */
    const char *local_bound;   /**< likewise */
    const char *within_bound;  /**< likewise */
    const char *discriminator; /**< its hidden layers, as encoder.h has them; read at once. NULL:
                                    "dense 1000, relu, dense 200, relu" */
    int32_t global_critic;     /**< an mi_infomax_critic; 0: concat */
    int32_t local_critic;      /**< likewise; 0: dot. That of within is dot */
    int32_t global_of;         /**< an mi_infomax_global; 0: the map */
    int32_t prior;             /**< an mi_infomax_prior; 0: KL if there are two heads, else none */
    int32_t units;             /**< hidden units of critics, 1 to 65536; 0: 512 */
    int32_t embed;             /**< outputs of projections; 0: as many */
    int32_t layers;            /**< hidden layers of concat, 1 to 16; 0: 2 */
    int32_t negatives;         /**< scores of Q for each of P that concat takes; 0: 1, for bounds
                                    that compare within rows (infonce) 8; -1: all, n - 1 */
    int32_t shuffle;           /**< whom concat takes them from. 0: from others of the batch, each
                                    as often. 1: from a shuffled batch, where some meet
                                    themselves, as in some ports */
    int32_t reserved0;         /**< must be 0 */
    double temperature;        /**< of dot, above 0: scores are cosines divided by it; 0: 0.1 */
} mi_infomax_options;

/** What a step tells: a report, see base.h. A term of weight 0 isn't computed: 0. */
typedef struct mi_infomax_report {
    uint64_t struct_size;   /**< set to sizeof before the call */
    int64_t step;           /**< steps made, this one counted */
    double rate;            /**< learning rate that was used */
    double loss;            /**< of the encoder: the weighted sum */
    double global_loss;     /**< of the bound, descended */
    double global_estimate; /**< what the bound says, nats */
    double local_loss;      /**< likewise, the mean over taps */
    double local_estimate;  /**< likewise */
    double within_loss;     /**< likewise */
    double within_estimate; /**< likewise */
    double prior;           /**< KL: nats a dimension; adversarial: the encoder's loss, ln 2 where
                                 the discriminator can't tell */
    double discriminator;   /**< the discriminator's own loss, 2 ln 2 likewise; or 0 */
} mi_infomax_report;

/**
 * Joins an encoder and an optimizer to a Deep InfoMax. Critics and discriminator get optimizers of
 * their own, with the same options.
 *
 * @param encoder    with one or two linear heads of the same size, and a tap where a term looks at
 *                   a map; retained
 * @param optimizer  made for that encoder; retained; NULL: only mi_infomax_encode()
 * @param options    NULL for the defaults
 * @param[out] out   receives the handle; destroy it with mi_infomax_destroy()
 * @return MI_OK; MI_E_ARG; MI_E_FORMAT (discriminator); MI_E_ABI; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_infomax_create(mi_encoder *encoder, mi_optimizer *optimizer,
                                                      const mi_infomax_options *options,
                                                      mi_infomax **out);

/**
 * Takes it away.
 *
 * @param infomax  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_infomax_destroy(mi_infomax *infomax);

/**
 * One step of training, of the encoder, the critics and the discriminator together.
 *
 * @param infomax      made with an optimizer
 * @param n            images, 2 or more
 * @param x            [n][height][width][channels]
 * @param xt           [n][height][width][channels], other views of the same images; NULL: one view
 * @param[out] report  its struct_size set by the caller; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_STATE (no optimizer); MI_E_NUMERIC (NaN or infinity in the images,
 *         in scores or a gradient); MI_E_SHAPE; MI_E_ABI; MI_E_NOMEM. A step that fails changes
 *         neither weights nor statistics.
 * @note With V views in all, h w positions and D outputs of projections, dot takes three products
 *       of V x V h w x D beside the projections; concat a pass of its perceptron on V h w (1 +
 *       negatives) rows. The scores of dot are never all in memory. The same at any number of
 *       threads, unless the products go through the BLAS, as they do in the reference kernels.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_infomax_step(mi_infomax *infomax, int64_t n, const float *x,
                                                    const float *xt, mi_infomax_report *report);

/**
 * What the encoder, frozen, says of images at three levels.
 *
 * @param infomax    the handle
 * @param n          images, 0 or more
 * @param x          [n][height][width][channels]
 * @param[out] conv  [n][h][w][c], the last map of the trunk that has more than one position; the
 *                   images where there is none; NULL: not wanted
 * @param[out] fc    [n][features], the trunk's features; NULL: not wanted
 * @param[out] code  [n][D], where there are two heads the means; NULL: not wanted
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC; MI_E_NOMEM. On failure outputs may have been
 *         written in part.
 * @note Batch normalisation uses running statistics; works through n in parts.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_infomax_encode(mi_infomax *infomax, int64_t n,
                                                      const float *x, float *conv, float *fc,
                                                      float *code);

/**
 * How many numbers an image has at the three levels.
 *
 * @param infomax    the handle
 * @param[out] conv  may be NULL
 * @param[out] fc    may be NULL
 * @param[out] code  may be NULL
 * @return MI_OK; MI_E_ARG
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_infomax_widths(const mi_infomax *infomax, int64_t *conv,
                                                      int64_t *fc, int64_t *code);

/**
 * Writes a checkpoint: weights and optimizers of all networks, and the position of the pairs.
 * Continuing from it gives the same weights, bit for bit, as not having stopped. The file is
 * safetensors, appears whole or not at all, and mi_encoder_load() reads it too.
 *
 * @param infomax  made with an optimizer
 * @param pairs    NULL if there are none
 * @param path     where
 * @return MI_OK; MI_E_ARG; MI_E_STATE (no optimizer); MI_E_IO; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_infomax_save(const mi_infomax *infomax,
                                                    const mi_pairs *pairs, const char *path);

/**
 * Reads a checkpoint back. All or nothing.
 *
 * @param infomax  made with the same description, options and kind of optimizer; takes the saved
 *                 seed over
 * @param pairs    goes to the saved position; must give the same batches (of the same set, by the
 *                 same seed: that isn't checked); NULL: none
 * @param path     where
 * @return MI_OK; MI_E_ARG; MI_E_STATE (no optimizer); MI_E_IO; MI_E_FORMAT; MI_E_SHAPE; MI_E_DTYPE;
 *         MI_E_NUMERIC; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_infomax_restore(mi_infomax *infomax, mi_pairs *pairs,
                                                       const char *path);

LIBMI_END_DECLS

#endif
