/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_PNG_H
#define LIBMI_LIB_PNG_H

#include "../base/base.h"

/* The largest picture that is read, in pixels a side. */
#define MI__PNG_SIDE 4096

/* Reads a PNG file into [height][width][channels] of 8 bits: 1 channel if the file is grey, else 3
 * (palettes expanded, alpha laid over black, 16 bits rounded to 8). `*pixels` holds `*bytes` bytes
 * and goes back by mi__free(ctx, pixels, bytes, 1). A file that is no whole PNG file is
 * MI_E_FORMAT, one that cannot be read MI_E_IO; the message has the path. */
mi_status mi__png_read(mi_context *ctx, const char *path, int32_t *height, int32_t *width,
                       int32_t *channels, uint8_t **pixels, int64_t *bytes);

#endif
