/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_DATASET_H
#define LIBMI_DATASET_H

/** @file
 * Sets of images with optional labels, held in memory: from files, from your
 * own arrays, or drawn by libmi itself.
 *
 * A set never changes after its creation, so any number of threads may read it.
 */

#include "context.h"

LIBMI_BEGIN_DECLS

/** Opaque. */
typedef struct mi_dataset mi_dataset;

/** Which part of a set on disk. */
enum mi_split {
    MI_SPLIT_TRAIN = 1,     /**< what is learnt from */
    MI_SPLIT_TEST = 2,      /**< what is only measured on */
    MI_SPLIT_UNLABELLED = 3 /**< what is learnt from and has no labels; only of STL-10 */
};

/** What mi_dataset_info() tells. */
typedef struct mi_dataset_shape {
    uint64_t struct_size; /**< set to sizeof before the call */
    int64_t count;        /**< images */
    int32_t height;       /**< pixels */
    int32_t width;        /**< pixels */
    int32_t channels;     /**< 1 grey, 3 RGB, ... */
    int32_t classes;      /**< one more than the largest label; 0: no labels */
} mi_dataset_shape;

/**
 * Opens whatever lies at a path:
 *
 * - "builtin": the drawn digits of mi_dataset_digits(), 60,000 to train and
 *   10,000 other ones to test, the same for every call;
 * - a directory with train-images-idx3-ubyte, train-labels-idx1-ubyte,
 *   t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, each plain or as .gz (MNIST and
 *   its relatives);
 * - a directory with the files of mi_dataset_open_cifar() or mi_dataset_open_stl();
 * - a directory with train/ and test/, each with a folder of PNG files per
 *   class, all of one size; classes are numbered in the order of strcmp() of the folders
 *   of train/, for both parts.
 *
 * @param context   NULL for a private default one; retained
 * @param path      as above
 * @param split     an mi_split, MI_SPLIT_UNLABELLED only for STL-10
 * @param[out] out  receives the set; destroy it with mi_dataset_destroy()
 * @return MI_OK; MI_E_ARG; MI_E_IO (the message names the file); MI_E_FORMAT;
 *         MI_E_SHAPE (images of several sizes); MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_open(mi_context *context, const char *path,
                                                    int32_t split, mi_dataset **out);

/**
 * Reads IDX files (Y. LeCun), plain or gzip, of unsigned bytes.
 *
 * @param context   NULL for a private default one; retained
 * @param images    path of a file with 3 dimensions [n][height][width] or 4, the
 *                  last one being channels
 * @param labels    path of a file with 1 dimension [n]; NULL: no labels
 * @param[out] out  receives the set
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_FORMAT (wrong magic, a header that
 *         promises more or less than the file has, ...); MI_E_SHAPE (counts of both files
 *         differ); MI_E_NOMEM
 * @note Memory in proportion to what the file really holds, whatever its header says.
 *       What follows the end of gzip data is passed over, as gzip does.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_open_idx(mi_context *context, const char *images,
                                                        const char *labels, mi_dataset **out);

/**
 * Reads CIFAR-10 or CIFAR-100 (A. Krizhevsky), 32 x 32 and RGB, in the binary version: a
 * directory with data_batch_1.bin to data_batch_5.bin and test_batch.bin, or one with train.bin
 * and test.bin. Of CIFAR-100 the labels are those of the 100 fine classes.
 *
 * @param context   NULL for a private default one; retained
 * @param path      the directory
 * @param split     MI_SPLIT_TRAIN or MI_SPLIT_TEST
 * @param[out] out  receives the set, in the order of the files
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_FORMAT (bytes that are no whole number of records, a
 *         label that there is not, ...); MI_E_NOMEM
 * @note Files may have any number of records, so that a part of the set is a set.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_open_cifar(mi_context *context, const char *path,
                                                          int32_t split, mi_dataset **out);

/**
 * Reads STL-10 (A. Coates, H. Lee and A. Y. Ng), 96 x 96 and RGB, in the binary version: a
 * directory with train_X.bin, train_y.bin, test_X.bin, test_y.bin and unlabeled_X.bin, of which
 * those of the split must be there. Labels 1 to 10 become 0 to 9.
 *
 * @param context   NULL for a private default one; retained
 * @param path      the directory
 * @param split     an mi_split
 * @param[out] out  receives the set, in the order of the files
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_FORMAT; MI_E_SHAPE (counts of images and labels
 *         differ); MI_E_NOMEM
 * @note 27,648 bytes an image: 2.8 GB for the unlabelled ones.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_open_stl(mi_context *context, const char *path,
                                                        int32_t split, mi_dataset **out);

/**
 * Reads a directory that has a folder of PNG files per class. If all are grey
 * the set has 1 channel, else 3 (transparency is blended on black, 16 bits
 * become 8).
 *
 * @param context   NULL for a private default one; retained
 * @param path      the directory; hidden files and files not ending in .png
 *                  are passed over
 * @param[out] out  receives the set, in the order of strcmp() within each class; what
 *                  lies in a folder CLASS/images comes behind the others
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_FORMAT; MI_E_SHAPE; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_open_folders(mi_context *context, const char *path,
                                                            mi_dataset **out);

/**
 * The same for pictures of several sizes, which are brought to one: of each the largest square at
 * its centre is resized, by means over areas where it shrinks, bilinearly where it grows.
 *
 * @param context   NULL for a private default one; retained
 * @param path      the directory, as of mi_dataset_open_folders()
 * @param size      side of the images in pixels, 1 to 4096
 * @param[out] out  receives the set
 * @return MI_OK; MI_E_ARG; MI_E_IO; MI_E_FORMAT; MI_E_SHAPE (a picture of more than 4096 pixels a
 *         side); MI_E_NOMEM
 * @note Only one picture at a time is in memory at its own size.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_open_folders_at(mi_context *context,
                                                               const char *path, int32_t size,
                                                               mi_dataset **out);

/**
 * Copies images of bytes, 0 to 255, into a set.
 *
 * @param context   NULL for a private default one; retained
 * @param count     images, 1 or more
 * @param height    1 to 4096
 * @param width     1 to 4096
 * @param channels  1 to 1024
 * @param pixels    [count][height][width][channels]
 * @param labels    [count], each -1 (unknown) to 2^20; NULL: no labels
 * @param[out] out  receives the set
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_from_u8(mi_context *context, int64_t count,
                                                       int32_t height, int32_t width,
                                                       int32_t channels, const uint8_t *pixels,
                                                       const int32_t *labels, mi_dataset **out);

/**
 * The same for float32 images of any finite values (0 to 1 by convention).
 *
 * @param context   NULL for a private default one; retained
 * @param count     images, 1 or more
 * @param height    1 to 4096
 * @param width     1 to 4096
 * @param channels  1 to 1024
 * @param pixels    [count][height][width][channels]
 * @param labels    [count], or NULL
 * @param[out] out  receives the set
 * @return as mi_dataset_from_u8(), and MI_E_NUMERIC (NaN or infinity: the
 *         message says in which image)
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_from_f32(mi_context *context, int64_t count,
                                                        int32_t height, int32_t width,
                                                        int32_t channels, const float *pixels,
                                                        const int32_t *labels, mi_dataset **out);

/**
 * Draws digits: 28 x 28 grey images of ten classes, strokes with random pose,
 * thickness, distortion and noise. Image i of a seed is always the same; its
 * class is drawn evenly too. Nothing is downloaded.
 *
 * @param context   NULL for a private default one; retained
 * @param seed      any
 * @param first     number of the first image, 0 or more: the supply is endless
 * @param count     how many to draw, 1 or more
 * @param[out] out  receives the set
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NOMEM
 * @note Drawn on all threads of the context; about 784 bytes an image.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_digits(mi_context *context, uint64_t seed,
                                                      int64_t first, int64_t count,
                                                      mi_dataset **out);

/**
 * Gives up the caller's share of a set.
 *
 * @param dataset  may be NULL
 * @since 0.1
 */
LIBMI_API void mi_dataset_destroy(mi_dataset *dataset);

/**
 * Tells the sizes.
 *
 * @param dataset     the set
 * @param[out] shape  its struct_size set by the caller
 * @return MI_OK; MI_E_ARG; MI_E_ABI
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_info(const mi_dataset *dataset,
                                                    mi_dataset_shape *shape);

/**
 * Copies images out as float32; bytes are divided by 255.
 *
 * @param dataset     the set
 * @param count       how many, 0 or more
 * @param index       [count], each in 0..images-1; NULL: the first @p count
 * @param[out] pixels [count][height][width][channels]; may be NULL
 * @param[out] labels [count], -1 where unknown; may be NULL
 * @return MI_OK; MI_E_ARG (an index out of range: the message says which)
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_dataset_read(const mi_dataset *dataset, int64_t count,
                                                    const int64_t *index, float *pixels,
                                                    int32_t *labels);

LIBMI_END_DECLS

#endif
