/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_PICTURES_H
#define EXAMPLES_PICTURES_H

#include <stdint.h>

/* Sheet of images [rows][cols][side][side][channels], values 0 to 1, with the row's caption number
 * at the left; index[row * cols + col] picks an image of x, -1 leaves the place empty. */
int picture_sheet(const char *path, int rows, int cols, int side, int channels, const float *x,
                  const int64_t *index, const int *caption);

/* Confusion matrix with its counts; row r of the picture is row order[r] of counts. */
int picture_confusion(const char *path, int rows, int cols, const int64_t *counts,
                      const int *order);

#endif
