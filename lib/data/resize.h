/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_RESIZE_H
#define LIBMI_LIB_RESIZE_H

#include "../base/base.h"

/* `out` [size][size][channels] = the largest square at the centre of image [height][width]
 * [channels]: means over areas where that is larger than `size`, else bilinear. */
mi_status mi__resize_square(mi_context *context, const uint8_t *image, int32_t height,
                            int32_t width, int32_t channels, int32_t size, uint8_t *out);

#endif
