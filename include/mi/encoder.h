/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_ENCODER_H
#define LIBMI_ENCODER_H

/** @file
 * Networks from a line of text: a trunk of layers, and any number of heads on it.
 *
 *     encoder = preset [ "," layers ] | layers , [ "|" heads ]
 *     layers  = layer { "," layer }
 *     heads   = head { "," head }
 *     head    = [ count "x" ] ( "softmax" | "linear" ) classes
 *
 *     conv N [KxK] [stride S] [pad P] [bias]
 *                        convolution to N channels: a kernel of K x K, 1 to 15 (3x3 unless
 *                        given), S 1 to 8 (1), P zeros on each side, less than K ((K - 1) / 2,
 *                        so that 3x3 keeps the size, and 4x4 stride 2 halves an even one)
 *     bn                 batch normalisation, with scale and shift
 *     ln                 layer normalisation over the channels of each position, without them
 *     relu
 *     leaky [slope]      leaky ReLU, slope 0.01 unless given
 *     maxpool | avgpool  2 x 2, stride 2; an odd last row or column is left out
 *     gap                global average: one number a channel
 *     gmp                global maximum, likewise
 *     dense N            fully connected, with bias; flattens what comes in
 *     residual(layers)   adds what goes in to what comes out; if their shapes differ, what goes in
 *                        is projected by a 1x1 convolution, with a stride, without bias
 *     tap                nothing: the map here can be read, and may have a gradient of its own,
 *                        beside the features (mi_encoder_tap()). 4 at most
 *
 *     vgg-f              conv 64, bn, relu, maxpool, then the same with 128 and
 *                        256, then conv 512, bn, relu
 *     vgg-11             the 8 convolutions of VGG-11 with bn and relu
 *     small              vgg-f with 16, 32, 64, 128 channels
 *     infomax            conv 64 4x4 stride 2, bn, relu, then the same with 128, tap, and with
 *                        256, then dense 1024, bn, relu: the encoder of Deep InfoMax
 *     infomax-pool       conv 64, bn, leaky 0.2, maxpool, then the same with 128 and 256, tap,
 *                        then conv 256, bn, leaky 0.2 twice, gmp
 *     infomax-residual   conv 64, bn, relu, then three times conv, bn, relu, maxpool and a residual
 *                        of two conv, bn, relu, with 128, 256, tap, 512, then gap
 *     mlp                dense 256, relu, dense 256, relu
 *
 * For instance "vgg-f | 5 x softmax 10, softmax 50", "small, gap, dense 64", or
 * "infomax, dense 64".
 * A preset may be followed by further layers, and begins the text; those of its pools that would
 * leave nothing of the map are dropped. A convolution that bn follows has no bias unless asked.
 * Spaces don't matter, except between words and numbers.
 *
 * The architecture vgg-f is that of the VGG family: K. Simonyan, A. Zisserman,
 * ICLR 2015. Batch normalisation: S. Ioffe, C. Szegedy, ICML 2015. Layer normalisation: J. Ba,
 * J. Kiros, G. Hinton, 2016. Residuals: K. He et al., CVPR 2016. Deep InfoMax: R. D. Hjelm et al.,
 * ICLR 2019.
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** Opaque. */
typedef struct mi_encoder mi_encoder;

/** How weights start. Biases start at 0, scales of bn at 1. */
enum mi_init {
    MI_INIT_DEFAULT = 0,        /**< he-normal in the trunk, normal 0.01 in heads */
    MI_INIT_HE_NORMAL = 1,      /**< N(0, 2 / fan-in): K. He et al., ICCV 2015 */
    MI_INIT_HE_UNIFORM = 2,     /**< the same variance, uniform */
    MI_INIT_GLOROT_NORMAL = 3,  /**< N(0, 2 / (fan-in + fan-out)): X. Glorot, Y. Bengio, 2010 */
    MI_INIT_GLOROT_UNIFORM = 4, /**< the same variance, uniform */
    MI_INIT_NORMAL = 5          /**< N(0, scale^2), see init_scale */
};

/**
 * What convolutions with more than a few input channels multiply, in training and in evaluation.
 * Everything else, sums and parameters included, is float32 at any rate.
 */
enum mi_precision {
    MI_PRECISION_FLOAT32 = 0, /**< the default */
    MI_PRECISION_BFLOAT16 = 1 /**< factors rounded to 8 significant bits, as the AVX512_BF16 of
                                   some processors multiplies them at twice the speed; gradients
                                   get noisy */
};

/** How batch normalisation works in a forward pass. */
enum mi_mode {
    MI_MODE_TRAIN = 1, /**< statistics of this batch; running ones follow, where it is finite */
    MI_MODE_EVAL = 2   /**< running statistics; a row depends on itself alone */
};

/** What a parameter is. */
enum mi_param_kind {
    MI_PARAM_WEIGHT = 1, /**< learnt, weight decay applies */
    MI_PARAM_BIAS = 2,   /**< learnt, no weight decay: biases, scale and shift of bn */
    MI_PARAM_STATE = 3   /**< not learnt: running mean and variance of bn */
};

/** Zero it, set struct_size; see base.h. */
typedef struct mi_encoder_options {
    uint64_t struct_size; /**< sizeof(mi_encoder_options) */
    uint64_t seed;        /**< of the weights; 0: the context's */
    int32_t height;       /**< of the input, 1 to 4096; 0: 24 */
    int32_t width;        /**< of the input; 0: the height */
    int32_t channels;     /**< of the input, 1 to 65536; 0: 1 */
    int32_t trunk_init;   /**< an mi_init */
    int32_t head_init;    /**< an mi_init */
    int32_t precision;    /**< an mi_precision, of what convolutions multiply */
    double init_scale;    /**< of MI_INIT_NORMAL; 0: 0.01 */
    double bn_momentum;   /**< share of the new batch in running statistics, up to 1; 0: 0.1 */
    double bn_epsilon;    /**< added to the variance; 0: 1e-5 */
} mi_encoder_options;

/** What mi_encoder_param_info() tells. */
typedef struct mi_param_info {
    uint64_t struct_size; /**< set to sizeof before the call */
    char name[64];        /**< such as "trunk.0.weight" or "head.2.bias": the place in the
                               description, presets written out, every word counted */
    int32_t kind;         /**< an mi_param_kind */
    int32_t dims;         /**< 1 to 4 */
    int64_t shape[4];     /**< conv: [K][K][in][out]; dense: [in][out]; else [n] */
    int64_t count;        /**< the product of shape */
} mi_param_info;

/**
 * Makes an encoder with freshly drawn weights.
 *
 * @param context      NULL for a private default one; retained
 * @param description  as above
 * @param options      NULL for the defaults
 * @param[out] out     receives the handle; destroy it with mi_encoder_destroy()
 * @return MI_OK; MI_E_FORMAT (the message points at the character); MI_E_SHAPE
 *         (a pool of a map of 1 pixel, a kernel larger than its padded map, ...); MI_E_ARG;
 *         MI_E_ABI; MI_E_NOMEM; MI_E_UNSUPPORTED (the precision, by this processor or the
 *         kernels that LIBMI_CPU forces)
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_create(mi_context *context, const char *description,
                                                      const mi_encoder_options *options,
                                                      mi_encoder **out);

/**
 * Gives up the caller's share of an encoder.
 *
 * @param encoder  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_encoder_destroy(mi_encoder *encoder);

/**
 * Computes all heads for a batch. What backward needs is kept inside until the
 * next forward; results are fetched with mi_encoder_output(). A forward that fails leaves none.
 *
 * @param encoder  the encoder
 * @param mode     an mi_mode
 * @param n        images, 1 or more
 * @param x        [n][height][width][channels]
 * @return MI_OK; MI_E_ARG; MI_E_NUMERIC (NaN or infinity in x: the message says
 *         in which image); MI_E_SHAPE; MI_E_NOMEM (also when the batch grows)
 * @note Memory for the largest n seen is kept; see mi_encoder_memory().
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_forward(mi_encoder *encoder, int32_t mode,
                                                       int64_t n, const float *x);

/**
 * Tells how much memory an encoder takes that has seen a pass of n images: parameters,
 * gradients, and one room for outputs, gradients by them and workspace. In training there is a
 * place for every layer's output, and the gradient by it takes that place on the way back; in
 * evaluation two places take turns. Nothing is computed or allocated.
 *
 * @param encoder     the encoder
 * @param mode        an mi_mode
 * @param n           images, 1 or more
 * @param[out] bytes  what the context's allocator is asked for in all, small tables of the
 *                    layers left out
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_memory(const mi_encoder *encoder, int32_t mode,
                                                      int64_t n, int64_t *bytes);

/**
 * Copies out what the last forward computed.
 *
 * @param encoder   the encoder
 * @param head      0 to heads - 1; -1: the trunk's features; -2 - t: the map at tap t
 * @param[out] y    [n][classes], [n][features] or [n][height][width][channels]; softmax heads give
 *                  probabilities
 * @return MI_OK; MI_E_ARG; MI_E_STATE (no forward yet, or the last one failed; a tap, after a
 *         backward, which uses the maps up)
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_output(const mi_encoder *encoder, int32_t head,
                                                      float *y);

/**
 * Computes the gradients of all parameters for the last forward, which must have been in
 * MI_MODE_TRAIN. They replace the earlier ones. It uses the forward pass up: gradients take the
 * places of the layers' outputs.
 *
 * @param encoder   the encoder
 * @param dy        [heads] pointers to [n][classes]: the loss's derivative by what
 *                  mi_encoder_output() gives for that head; NULL for a head that has no part.
 *                  NULL will do where there are no heads
 * @param dfeatures [n][features]: by the trunk's features; NULL: none
 * @param[out] dx   receives the derivative by the input, as x; NULL: not wanted
 * @return MI_OK; MI_E_ARG; MI_E_STATE (no forward pass in MI_MODE_TRAIN that is unused)
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_backward(mi_encoder *encoder,
                                                        const float *const *dy,
                                                        const float *dfeatures, float *dx);

/**
 * How many heads there are.
 *
 * @param encoder  the encoder
 * @return 0 or more; 0 for NULL
 * @since 0.1
 */
LIBMI_API int32_t mi_encoder_heads(const mi_encoder *encoder);

/**
 * How many outputs a head has.
 *
 * @param encoder  the encoder
 * @param head     0 to heads - 1; -1: the trunk; -2 - t: tap t
 * @return classes, features or the numbers of the map; 0 if there is no such head
 * @since 0.1
 */
LIBMI_API int64_t mi_encoder_width(const mi_encoder *encoder, int32_t head);

/**
 * How many taps there are.
 *
 * @param encoder  the encoder
 * @return 0 to 4; 0 for NULL
 * @since 0.1
 */
LIBMI_API int32_t mi_encoder_taps(const mi_encoder *encoder);

/**
 * The map at a tap: its height * width * channels, for one image.
 *
 * @param encoder           the encoder
 * @param tap               0 to taps - 1, in the order of the description
 * @param[out] height       may be NULL
 * @param[out] width        may be NULL
 * @param[out] channels     may be NULL
 * @return the product; 0 if there is no such tap
 * @since 0.1
 */
LIBMI_API int64_t mi_encoder_tap(const mi_encoder *encoder, int32_t tap, int32_t *height,
                                 int32_t *width, int32_t *channels);

/**
 * Gives the next backward the loss's derivative by the map at a tap, to be added to what comes
 * down from above.
 *
 * @param encoder  the encoder
 * @param tap      0 to taps - 1
 * @param dtap     [n][height][width][channels]
 * @return MI_OK; MI_E_ARG; MI_E_STATE as mi_encoder_backward()
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_tap_grad_write(mi_encoder *encoder, int32_t tap,
                                                              const float *dtap);

/**
 * How many numbers one input image has: height * width * channels.
 *
 * @param encoder           the encoder
 * @param[out] height       may be NULL
 * @param[out] width        may be NULL
 * @param[out] channels     may be NULL
 * @return the product; 0 for NULL
 * @since 0.1
 */
LIBMI_API int64_t mi_encoder_input(const mi_encoder *encoder, int32_t *height, int32_t *width,
                                   int32_t *channels);

/**
 * How many parameter arrays there are; how many learnt numbers in all of them.
 *
 * @param encoder       the encoder
 * @param[out] numbers  receives the sum over weights and biases; may be NULL
 * @return arrays, states included; 0 for NULL
 * @since 0.1
 */
LIBMI_API int32_t mi_encoder_params(const mi_encoder *encoder, int64_t *numbers);

/**
 * Tells about one parameter array.
 *
 * @param encoder    the encoder
 * @param param      0 to arrays - 1
 * @param[out] info  its struct_size set by the caller
 * @return MI_OK; MI_E_ARG; MI_E_ABI
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_param_info(const mi_encoder *encoder, int32_t param,
                                                          mi_param_info *info);

/**
 * Finds a parameter array by its name.
 *
 * @param encoder  the encoder
 * @param name     as in mi_param_info
 * @return its number; -1 if there is none
 * @since 0.1
 */
LIBMI_API int32_t mi_encoder_param_find(const mi_encoder *encoder, const char *name);

/**
 * Copies a parameter out.
 *
 * @param encoder      the encoder
 * @param param        0 to arrays - 1
 * @param[out] values  [count]
 * @return MI_OK; MI_E_ARG
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_param_read(const mi_encoder *encoder, int32_t param,
                                                          float *values);

/**
 * Replaces a parameter.
 *
 * @param encoder  the encoder
 * @param param    0 to arrays - 1
 * @param values   [count], finite
 * @return MI_OK; MI_E_ARG; MI_E_NUMERIC
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_param_write(mi_encoder *encoder, int32_t param,
                                                           const float *values);

/**
 * Copies the gradient of a learnt parameter out.
 *
 * @param encoder      the encoder
 * @param param        0 to arrays - 1, not a state
 * @param[out] values  [count]
 * @return MI_OK; MI_E_ARG; MI_E_STATE (no backward since the last forward)
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_grad_read(const mi_encoder *encoder, int32_t param,
                                                         float *values);

/**
 * Replaces the gradient of a learnt parameter, before an optimizer takes it: to
 * clip it, or to sum it over machines.
 *
 * @param encoder  the encoder
 * @param param    0 to arrays - 1, not a state
 * @param values   [count]
 * @return MI_OK; MI_E_ARG; MI_E_STATE (no backward since the last forward)
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_grad_write(mi_encoder *encoder, int32_t param,
                                                          const float *values);

/**
 * Describes the encoder: a line a layer with output shape and parameters, for people.
 *
 * @param encoder    the encoder
 * @param[out] text  receives a zero-terminated text, cut if too long; may be
 *                   NULL if @p size is 0
 * @param size       capacity of @p text in bytes
 * @return the length of the whole text without its final zero
 * @since 0.1
 */
LIBMI_API size_t mi_encoder_summary(const mi_encoder *encoder, char *text, size_t size);

/**
 * Writes all parameters, states included, to a safetensors file, with the
 * description and input size in its metadata. The file appears whole or not at all.
 *
 * @param encoder  the encoder
 * @param path     where
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_save(const mi_encoder *encoder, const char *path);

/**
 * Reads parameters from a safetensors file with the same names and shapes;
 * tensors of other names are passed over. All or nothing.
 *
 * @param encoder  the encoder
 * @param path     where
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_FORMAT (a broken file, or a parameter is missing);
 *         MI_E_SHAPE; MI_E_DTYPE (not F32); MI_E_NUMERIC; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_encoder_load(mi_encoder *encoder, const char *path);

LIBMI_END_DECLS

#endif
