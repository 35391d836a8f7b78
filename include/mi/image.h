/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_IMAGE_H
#define LIBMI_IMAGE_H

/** @file
 * Pictures for people: PNG files.
 */

#include "status.h"

LIBMI_BEGIN_DECLS

/**
 * Writes a PNG file. It appears whole or not at all: written beside its place
 * under another name, synced, renamed.
 *
 * @param path      where
 * @param height    1 to 65535
 * @param width     1 to 65535
 * @param channels  1 (grey) or 3 (RGB)
 * @param pixels    [height][width][channels]
 * @param stride    bytes from row to row, 0: width * channels
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_IO (the message has the system's
 *         reason; an older file stays as it was); MI_E_NOMEM
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_image_write_png(const char *path, int32_t height,
                                                       int32_t width, int32_t channels,
                                                       const uint8_t *pixels, int64_t stride);

LIBMI_END_DECLS

#endif
