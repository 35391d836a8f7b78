/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_WARP_H
#define LIBMI_LIB_WARP_H

/* Bilinear sampling of square images [side][side][channels]. What is sampled lies in a frame of
 * zeros, 1 pixel before and 2 behind, so that the loops need no bounds. */

#include "dataset.h"

/* Values of a framed image; the frame must be 0 before mi__warp_load() fills in the image. */
int64_t mi__warp_values(int32_t side, int32_t channels);
void mi__warp_load(const mi_dataset *set, int64_t image, float *framed);

/* The centre of the image, as it is in the set or in the frame. */
void mi__warp_plain(const mi_dataset *set, int64_t image, int32_t size, float *out);
void mi__warp_centre(const float *framed, int32_t side, int32_t channels, int32_t size, float *out);

/* The image turned about its centre, to [size][size]: cropped at the centre, or as a whole. */
void mi__warp_rotate(const float *framed, int32_t side, int32_t channels, double radians,
                     bool whole, int32_t size, float *out);

/* Where the pixels of a line of `size` lie on one of `crop`: between from[i] and from[i] + 1,
 * weight[i] of the way. Pixel centres are at halves; beyond the outermost ones, those go on. */
typedef struct mi__warp_axis {
    int32_t crop;
    int32_t *from; /* [size] */
    float *weight; /* [size] */
} mi__warp_axis;

void mi__warp_axis_fill(mi__warp_axis *axis, int32_t size);

/* The same, from the other end. */
void mi__warp_axis_reverse(mi__warp_axis *axis, int32_t size);

/* The rectangle of down->crop rows and across->crop columns at (top, left), resized to
 * [size][size]. scratch: [down->crop + 1][size][channels]; the last row may hold anything finite */
void mi__warp_resize(const float *framed, int32_t side, int32_t channels, const mi__warp_axis *down,
                     const mi__warp_axis *across, int64_t top, int64_t left, int32_t size,
                     float *scratch, float *out);

#endif
