/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is a PNG file, which is tried as it is and with its checksums put right: few mutations
 * would reach the decoder otherwise. */
#include "fuzz.h"

#include "../../lib/io/png.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void try_file(const uint8_t *data, size_t size) {
    mi_context *context = fuzz_begin();
    int32_t height, width, channels;
    uint8_t *pixels = NULL;
    int64_t bytes = 0;
    if (fuzz_ok(mi__png_read(context, fuzz_file(0, data, size), &height, &width, &channels, &pixels,
                             &bytes))) {
        FUZZ_CHECK(channels == 1 || channels == 3);
        FUZZ_CHECK(bytes == (int64_t)height * width * channels);
        volatile uint8_t last = pixels[bytes - 1];
        (void)last;
    }
    mi__free(context, pixels, bytes, 1);
    fuzz_end(context);
}

static void put_right(uint8_t *data, size_t size) {
    for (size_t at = 8; at <= size && size - at >= 12;) {
        uint8_t *chunk = data + at;
        size_t length = (size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 | (size_t)chunk[2] << 8 |
                        (size_t)chunk[3];
        if (length > size - at - 12)
            return;
        uint32_t crc = (uint32_t)crc32(0, chunk + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++)
            chunk[8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    try_file(data, size);
    uint8_t *copy = malloc(size);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, data, size);
    put_right(copy, size);
    try_file(copy, size);
    free(copy);
    return 0;
}
