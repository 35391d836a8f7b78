/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is two bytes, the size of a file of labels (low byte first; 0: none), that file, and a
 * file of images. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    size_t labels = (size_t)data[0] | (size_t)data[1] << 8;
    data += 2;
    size -= 2;
    labels = labels < size ? labels : size;
    const char *label_path = labels > 0 ? fuzz_file(1, data, labels) : NULL;
    mi_context *context = fuzz_begin();
    mi_dataset *set = NULL;
    if (fuzz_ok(mi_dataset_open_idx(context, fuzz_file(0, data + labels, size - labels), label_path,
                                    &set))) {
        mi_dataset_shape shape = {.struct_size = sizeof shape};
        FUZZ_CHECK(mi_dataset_info(set, &shape) == MI_OK);
        FUZZ_CHECK(shape.count > 0 && shape.height > 0 && shape.width > 0 && shape.channels > 0);
        FUZZ_CHECK((shape.classes > 0) == (label_path != NULL));
        int64_t last = shape.count - 1;
        int32_t label = -2;
        FUZZ_CHECK(mi_dataset_read(set, 1, &last, NULL, &label) == MI_OK);
        FUZZ_CHECK(label >= -1 && label < (shape.classes > 0 ? shape.classes : 1));
    }
    mi_dataset_destroy(set);
    fuzz_end(context);
    return 0;
}
