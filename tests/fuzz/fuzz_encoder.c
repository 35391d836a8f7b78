/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is the description of an encoder. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    mi_context *context = fuzz_begin();
    mi_encoder_options options = {.struct_size = sizeof options, .height = 8};
    mi_encoder *encoder = NULL;
    if (fuzz_ok(mi_encoder_create(context, text, &options, &encoder))) {
        for (int32_t head = -1; head < mi_encoder_heads(encoder); head++)
            FUZZ_CHECK(mi_encoder_width(encoder, head) > 0);
        FUZZ_CHECK(mi_encoder_input(encoder, NULL, NULL, NULL) == 64);
    }
    mi_encoder_destroy(encoder);
    fuzz_end(context);
    free(text);
    return 0;
}
