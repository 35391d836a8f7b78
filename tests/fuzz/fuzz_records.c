/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is a byte that says which format, two bytes with the size of a file of labels, two with
 * a number of zeros behind the images (low bytes first), the labels, and the images. */
#include "fuzz.h"

#include "../../lib/data/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 5 };

static size_t number_at(const uint8_t *data) {
    return (size_t)data[0] | (size_t)data[1] << 8;
}

static void check(const mi_dataset *set, bool labels) {
    mi_dataset_shape shape = {.struct_size = sizeof shape};
    FUZZ_CHECK(mi_dataset_info(set, &shape) == MI_OK);
    FUZZ_CHECK(shape.count > 0 && shape.channels == 3 && shape.classes <= 100);
    FUZZ_CHECK((shape.classes > 0) == labels);
    const int64_t last = shape.count - 1;
    static float pixels[96 * 96 * 3];
    FUZZ_CHECK(mi_dataset_read(set, 1, &last, pixels, NULL) == MI_OK);
}

static void try_format(int format, const char *images, const char *labels) {
    char paths[2][MI__PATH];
    for (int i = 0; i < 2; i++)
        snprintf(paths[i], sizeof paths[i], "%s", images);
    mi_context *context = fuzz_begin();
    mi_dataset *set = NULL;
    mi_status status = format < 2 ? mi__cifar_read(context, format == 1, 2, paths, &set)
                                  : mi__stl_read(context, paths, labels, &set);
    if (fuzz_ok(status))
        check(set, format < 2 || labels != NULL);
    mi_dataset_destroy(set);
    fuzz_end(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEADER)
        return 0;
    const int format = data[0] % 3;
    size_t labels = number_at(data + 1), zeros = number_at(data + 3);
    data += HEADER;
    size -= HEADER;
    labels = labels < size ? labels : size;
    const char *label_path = labels > 0 ? fuzz_file(1, data, labels) : NULL;
    uint8_t *images = calloc(size - labels + zeros + 1, 1);
    FUZZ_CHECK(images != NULL);
    memcpy(images, data + labels, size - labels);
    try_format(format, fuzz_file(0, images, size - labels + zeros), label_path);
    free(images);
    return 0;
}
