/* SPDX-License-Identifier: BSD-2-Clause */
#include "png.h"

#include "atomic_file.h"
#include "read_file.h"

#include <mi/image.h>

#include <inttypes.h>
#include <png.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* Far more than 4096 x 4096 pixels of 8 bytes take. */
#define FILE_MOST ((int64_t)1 << 28)

/* libpng's simplified API takes the memory that it works with from malloc(); it cannot be given
 * another allocator. The pixels and the file's bytes come from the context. */

/* -- reading ---------------------------------------------------------------------------------- */

static uint32_t big_endian(const uint8_t *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* libpng stops reading at the last pixel, and forgives errors outside of the pixels. A file that
 * was cut or damaged anywhere is refused here. */
static mi_status check_chunks(const char *path, const uint8_t *file, int64_t size) {
    if (size < 8 || memcmp(file, "\x89PNG\r\n\x1a\n", 8) != 0)
        return mi__fail(MI_E_FORMAT, "%s is not a PNG file", path);
    for (int64_t at = 8;;) {
        if (size - at < 12)
            return mi__fail(MI_E_FORMAT, "%s is cut off after %" PRId64 " bytes", path, size);
        int64_t length = big_endian(file + at);
        if (length > size - at - 12)
            return mi__fail(MI_E_FORMAT,
                            "%s is cut off: the chunk at byte %" PRId64 " promises %" PRId64
                            " bytes, %" PRId64 " follow",
                            path, at, length, size - at - 12);
        uint32_t told = big_endian(file + at + 8 + length);
        uint32_t found = (uint32_t)crc32(0, file + at + 4, (uInt)length + 4);
        if (told != found)
            return mi__fail(MI_E_FORMAT,
                            "%s is damaged: the chunk at byte %" PRId64
                            " has the checksum %08" PRIx32 ", not %08" PRIx32,
                            path, at, found, told);
        if (memcmp(file + at + 4, "IEND", 4) == 0)
            return MI_OK;
        at += length + 12;
    }
}

static mi_status fail_png(const png_image *image, const char *path) {
    bool memory = strstr(image->message, "memory") != NULL;
    return mi__fail(memory ? MI_E_NOMEM : MI_E_FORMAT, "%s: %s", path, image->message);
}

/* Colours times opacity, without the opacity; in place if `to` is `from`. */
static void lay_over_black(uint8_t *to, const uint8_t *from, int64_t pixels, int32_t channels) {
    for (int64_t i = 0; i < pixels; i++, from += channels + 1)
        for (int32_t c = 0; c < channels; c++)
            *to++ = (uint8_t)((from[c] * from[channels] + 127) / 255);
}

static mi_status decode(mi_context *ctx, png_image *image, const char *path, int32_t channels,
                        uint8_t **pixels, int64_t *bytes) {
    bool alpha = (image->format & PNG_FORMAT_FLAG_ALPHA) != 0;
    image->format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    image->flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* 16 bits are rounded, not taken for linear light */
    int64_t count = (int64_t)image->height * image->width;
    uint8_t *plain = mi__alloc(ctx, count, (size_t)channels), *full = plain;
    if (plain == NULL)
        return MI_E_NOMEM;
    if (alpha) {
        image->format |= PNG_FORMAT_FLAG_ALPHA;
        full = mi__alloc(ctx, count, (size_t)channels + 1);
    }
    mi_status status = full == NULL ? MI_E_NOMEM : MI_OK;
    if (status == MI_OK && !png_image_finish_read(image, NULL, full, 0, NULL))
        status = fail_png(image, path);
    if (alpha) {
        if (status == MI_OK)
            lay_over_black(plain, full, count, channels);
        mi__free(ctx, full, count, (size_t)channels + 1);
    }
    if (status != MI_OK) {
        mi__free(ctx, plain, count, (size_t)channels);
        return status;
    }
    *pixels = plain;
    *bytes = count * channels;
    return MI_OK;
}

static mi_status begin(png_image *image, const char *path, const uint8_t *file, int64_t size) {
    MI__TRY(check_chunks(path, file, size));
    if (!png_image_begin_read_from_memory(image, file, (size_t)size))
        return fail_png(image, path);
    if (image->height > MI__PNG_SIDE || image->width > MI__PNG_SIDE)
        return mi__fail(MI_E_FORMAT, "%s has %" PRIu32 " x %" PRIu32 " pixels, at most %d x %d fit",
                        path, (uint32_t)image->height, (uint32_t)image->width, MI__PNG_SIDE,
                        MI__PNG_SIDE);
    return MI_OK;
}

static mi_status read_whole(mi_context *ctx, const char *path, uint8_t **file, int64_t *size) {
    int fd;
    int64_t bytes;
    MI__TRY(mi__read_open(path, &fd, &bytes));
    mi_status status = MI_OK;
    uint8_t *read = NULL;
    if (bytes > FILE_MOST)
        status = mi__fail(MI_E_FORMAT, "%s has %" PRId64 " bytes, at most %" PRId64 " are read",
                          path, bytes, FILE_MOST);
    else if ((read = mi__alloc(ctx, bytes, 1)) == NULL)
        status = MI_E_NOMEM;
    else
        status = mi__read_at(fd, path, 0, read, bytes);
    close(fd);
    if (status != MI_OK) {
        mi__free(ctx, read, bytes, 1);
        return status;
    }
    *file = read;
    *size = bytes;
    return MI_OK;
}

mi_status mi__png_read(mi_context *ctx, const char *path, int32_t *height, int32_t *width,
                       int32_t *channels, uint8_t **pixels, int64_t *bytes) {
    uint8_t *file;
    int64_t size;
    MI__TRY(read_whole(ctx, path, &file, &size));
    png_image image = {.version = PNG_IMAGE_VERSION};
    mi_status status = begin(&image, path, file, size);
    int32_t colours = (image.format & PNG_FORMAT_FLAG_COLOR) != 0 ? 3 : 1;
    if (status == MI_OK)
        status = decode(ctx, &image, path, colours, pixels, bytes);
    if (status == MI_OK) {
        *height = (int32_t)image.height;
        *width = (int32_t)image.width;
        *channels = colours;
    }
    png_image_free(&image);
    mi__free(ctx, file, size, 1);
    return status;
}

/* -- writing ---------------------------------------------------------------------------------- */

static mi_status check_picture(int32_t height, int32_t width, int32_t channels, int64_t *stride) {
    if (height < 1 || height > 65535 || width < 1 || width > 65535)
        return mi__fail(MI_E_ARG, "height and width must be in 1 to 65535, got %d and %d", height,
                        width);
    if (channels != 1 && channels != 3)
        return mi__fail(MI_E_ARG, "channels must be 1 or 3, got %d", channels);
    int64_t row = (int64_t)width * channels;
    if (*stride == 0)
        *stride = row;
    if (*stride < row || *stride > INT32_MAX)
        return mi__fail(MI_E_SHAPE, "stride must be in %" PRId64 " to %d, got %" PRId64, row,
                        INT32_MAX, *stride);
    if ((row + 1) * height > UINT32_MAX) /* libpng's sizes have 32 bits */
        return mi__fail(MI_E_SHAPE, "%d x %d pixels of %d channels are too many for libpng", height,
                        width, channels);
    return MI_OK;
}

static mi_status write_bytes(mi_context *ctx, const char *path, const void *bytes, size_t size) {
    mi__file *file;
    MI__TRY(mi__file_open(ctx, path, &file));
    mi_status status = mi__file_write(file, bytes, size);
    if (status == MI_OK)
        return mi__file_commit(file);
    mi__file_discard(file);
    return status;
}

static mi_status encode(mi_context *ctx, const char *path, png_image *image, const uint8_t *pixels,
                        int64_t stride) {
    int64_t room = (int64_t)PNG_IMAGE_PNG_SIZE_MAX(*image);
    uint8_t *memory = mi__alloc(ctx, room, 1);
    if (memory == NULL)
        return MI_E_NOMEM;
    png_alloc_size_t size = (png_alloc_size_t)room;
    mi_status status;
    if (png_image_write_to_memory(image, memory, &size, 0, pixels, (png_int_32)stride, NULL))
        status = write_bytes(ctx, path, memory, (size_t)size);
    else
        status = fail_png(image, path);
    png_image_free(image);
    mi__free(ctx, memory, room, 1);
    return status;
}

mi_status mi_image_write_png(const char *path, int32_t height, int32_t width, int32_t channels,
                             const uint8_t *pixels, int64_t stride) {
    MI__NEED(path);
    MI__NEED(pixels);
    MI__TRY(check_picture(height, width, channels, &stride));
    mi_context_options alone = {.struct_size = sizeof alone, .threads = 1};
    mi_context *ctx;
    MI__TRY(mi_context_create(&alone, &ctx));
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .height = (png_uint_32)height,
                       .width = (png_uint_32)width,
                       .format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
    mi_status status = encode(ctx, path, &image, pixels, stride);
    mi_context_destroy(ctx);
    return status;
}
