/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_PAIRS_H
#define LIBMI_PAIRS_H

/** @file
 * Batches of image pairs: an image as it is, and randomly transformed twins of it;
 * or, of natural images, nothing but random views.
 *
 * The plain view is the centre crop. What a twin is, the recipe says:
 *
 * - MI_RECIPE_DIGITS: by the toss of a coin, either the image rotated within an
 *   angle and resized (or cropped at the centre), or a smaller crop at a random
 *   place, resized; sampling is bilinear, outside of the image is 0.
 * - MI_RECIPE_NATURAL: a crop of random area, shape and place, resized (bilinear, without
 *   a filter before), perhaps mirrored, perhaps in other colours, perhaps in grey. Both
 *   sides of a pair are such views, unless first_plain asks for the plain one. Colours
 *   change in this order, each result being cut to 0 to 1:
 *
 *       brightness   v = b v                          b in 1 - brightness to 1 + brightness
 *       contrast     v = c v + (1 - c) mean of grey   c likewise
 *       saturation   v = s v + (1 - s) grey           s likewise
 *       hue          turned by h of the circle        h in -hue to hue, of HSV
 *
 *   where grey is 0.299 R + 0.587 G + 0.114 B. Images of other than 3 channels have
 *   brightness and contrast alone, their grey being the mean of the channels.
 *
 * What is drawn for the pair at a position is a pure function of seed and
 * position: threads and interruptions don't change it. Every epoch shuffles the
 * set anew; what doesn't fill a batch at the end of an epoch is left out.
 */

#include "dataset.h"

LIBMI_BEGIN_DECLS

/** Opaque. */
typedef struct mi_pairs mi_pairs;

/** How twins are made. */
enum mi_recipe {
    MI_RECIPE_DIGITS = 0, /**< small rotations and crops */
    MI_RECIPE_NATURAL = 1 /**< crops of any size, mirror images, other colours */
};

/** Zero it, set struct_size; see base.h. */
typedef struct mi_pairs_options {
    uint64_t struct_size;  /**< sizeof(mi_pairs_options) */
    uint64_t seed;         /**< 0: the context's */
    int64_t batch;         /**< images a batch, up to the set's count; 0: 128 */
    int32_t repeats;       /**< twins of each image, 1 to 64; 0: 1 */
    int32_t size;          /**< side of both views in pixels; 0: height - height / 7 (24 of 28), the
                                whole height in the natural recipe */
    double rotation;       /**< largest angle in degrees, up to 180; 0: 20; negative: none */
    double rotation_share; /**< share of twins that are rotated; 0: 0.5; negative: none */
    int32_t crops[8];      /**< sides of the smaller crops, all equally likely, up to
                                the first 0; none: 20, 22, 24 scaled by size / 24 */
    double centre_share;   /**< share of crops taken at the centre; 0: 0.5; negative: none */
    int32_t workers;       /**< threads that prepare batches ahead; 0: 1; -1: none, the
                                caller's thread does it */
    int32_t ahead;         /**< batches prepared ahead, up to 64; 0: 4 */
    int32_t rotation_crop; /**< 0: rotated twins show the whole image, resized; 1: its
                                centre, at the scale of the plain view */
    int32_t reserved0;     /**< must be 0 */
    int32_t recipe;        /**< an mi_recipe; what is of the other one must be 0 or negative: of
                                the digits rotation to rotation_crop, of the natural ones
                                what follows */
    int32_t first_plain;   /**< 1: x is the plain view in the natural recipe too, as it always
                                is in that for digits; 0: a random one */
    double scale_min;    /**< a crop's least share of the image's area, evenly drawn up to 1 as the
                              logarithm of its width over its height is between those of 3/4
                              and 4/3; 0: 0.2; 1 or negative: the whole image */
    double flip_share;   /**< share of views that are mirrored, left and right; 0: 0.5;
                              negative: none */
    double jitter_share; /**< share whose colours change; 0: 0.8; negative: none */
    double brightness;   /**< how far, up to 1; 0: 0.4; negative: not at all */
    double contrast;     /**< likewise */
    double saturation;   /**< likewise */
    double hue;          /**< up to 0.5; 0: 0.1; negative: not at all */
    double grey_share;   /**< share in grey, of 3 channels; 0: 0.2; negative: none */
} mi_pairs_options;

/** Whether batches were there when they were asked for. */
typedef struct mi_pairs_times {
    uint64_t struct_size; /**< set to sizeof before the call */
    int64_t batches;      /**< given by mi_pairs_next() since the creation */
    int64_t waits;        /**< of those, how many were not ready; without workers: all */
    double waited;        /**< seconds that mi_pairs_next() waited for them; without workers:
                               that it prepared them */
    double prepared;      /**< seconds that the batches given took to prepare, all threads
                               together, on whatever share of a processor they had */
} mi_pairs_times;

/**
 * Makes a generator of pairs.
 *
 * @param context   NULL for a private default one; retained
 * @param dataset   square images; retained
 * @param options   NULL for the defaults
 * @param[out] out  receives the handle; destroy it with mi_pairs_destroy()
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE (a batch above the set's count, a crop
 *         above the image, ...); MI_E_ABI; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_pairs_create(mi_context *context, mi_dataset *dataset,
                                                    const mi_pairs_options *options,
                                                    mi_pairs **out);

/**
 * Stops the workers and takes the generator away.
 *
 * @param pairs  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_pairs_destroy(mi_pairs *pairs);

/**
 * The next batch; waits until it is prepared. It goes on for ever, epoch after epoch.
 *
 * @param pairs       the generator
 * @param[out] x      [batch][size][size][channels]; the plain views, random ones in the
 *                    natural recipe
 * @param[out] xt     [batch * repeats][size][size][channels]; row i * repeats + j is
 *                    twin j of image i
 * @param[out] index  [batch]; the images' numbers in the set; may be NULL
 * @return MI_OK; MI_E_ARG
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_pairs_next(mi_pairs *pairs, float *x, float *xt,
                                                  int64_t *index);

/**
 * Batches that mi_pairs_next() gives in one epoch.
 *
 * @param pairs  the generator
 * @return 1 or more; 0 for NULL
 * @since 0.1
 */
LIBMI_API int64_t mi_pairs_batches(const mi_pairs *pairs);

/**
 * Where the generator stands: batches given since the first epoch's beginning.
 *
 * @param pairs  the generator
 * @return 0 or more
 * @since 0.1
 */
LIBMI_API int64_t mi_pairs_position(const mi_pairs *pairs);

/**
 * Goes to a position, so that a run resumes with the very pairs it would have seen.
 *
 * @param pairs     the generator
 * @param position  0 or more
 * @return MI_OK; MI_E_ARG
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_pairs_seek(mi_pairs *pairs, int64_t position);

/**
 * How long mi_pairs_next() waited so far. If that is a noticeable part of a run, more
 * workers help as long as there are processors for them. Only mi_pairs_next() changes what
 * is told, not the workers: call it on the thread that calls that.
 *
 * @param pairs       the generator
 * @param[out] times  its struct_size set by the caller
 * @return MI_OK; MI_E_ARG; MI_E_ABI
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_pairs_waited(const mi_pairs *pairs, mi_pairs_times *times);

/**
 * The sizes of what mi_pairs_next() fills in.
 *
 * @param pairs          the generator
 * @param[out] batch     images; may be NULL
 * @param[out] repeats   twins of each; may be NULL
 * @param[out] size      side of the views; may be NULL
 * @param[out] channels  of the images; may be NULL
 * @return MI_OK; MI_E_ARG
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_pairs_sizes(const mi_pairs *pairs, int64_t *batch,
                                                   int32_t *repeats, int32_t *size,
                                                   int32_t *channels);

/**
 * The plain view alone, for evaluation: the centre crop.
 *
 * @param dataset  square images
 * @param size     side of the view, 1 to the image's
 * @param count    how many
 * @param index    [count]; NULL: the first @p count
 * @param[out] x   [count][size][size][channels]
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_pairs_plain(const mi_dataset *dataset, int32_t size,
                                                   int64_t count, const int64_t *index, float *x);

LIBMI_END_DECLS

#endif
