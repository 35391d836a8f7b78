/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is a safetensors file. */
#include "fuzz.h"

#include "../../lib/io/safetensors.h"

#include <stdlib.h>

static void read_all(mi__safetensors *s, size_t size) {
    int64_t total = 0;
    for (int32_t i = 0; i < mi__safetensors_count(s); i++) {
        const mi__tensor *t = mi__safetensors_at(s, i);
        int64_t bytes;
        FUZZ_CHECK(mi__tensor_bytes(t, &bytes) && bytes <= (int64_t)size);
        FUZZ_CHECK(mi__safetensors_find(s, t->name) == t);
        void *data = malloc((size_t)bytes + 1);
        FUZZ_CHECK(data != NULL);
        FUZZ_CHECK(mi__safetensors_read(s, t, data) == MI_OK);
        free(data);
        total += bytes;
    }
    FUZZ_CHECK(total <= (int64_t)size - 10);
    mi__safetensors_meta(s, "key");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mi_context *context = fuzz_begin();
    mi__safetensors *s = NULL;
    if (fuzz_ok(mi__safetensors_open(context, fuzz_file(0, data, size), &s)))
        read_all(s, size);
    mi__safetensors_close(s);
    fuzz_end(context);
    return 0;
}
