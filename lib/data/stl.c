/* SPDX-License-Identifier: BSD-2-Clause */
/* STL-10 (A. Coates, H. Lee, A. Y. Ng) in its binary version: images and labels in files of their
 * own, planes by columns as MATLAB writes them. */
#include "records.h"

#define CLASSES 10

bool mi__is_stl(const char *path) {
    return mi__path_holds(path, "train_X.bin") || mi__path_holds(path, "test_X.bin") ||
           mi__path_holds(path, "unlabeled_X.bin");
}

mi_status mi__stl_read(mi_context *context, char (*images)[MI__PATH], const char *labels,
                       mi_dataset **out) {
    const mi__record record = {.side = 96, .label_bytes = 0, .by_columns = true};
    mi_dataset *set;
    MI__TRY(mi__dataset_new(context, &set));
    mi_status status = mi__records_read(set, &record, 1, images);
    if (status == MI_OK && labels != NULL)
        status = mi__records_read_labels(set, CLASSES, labels);
    return mi__dataset_finish(set, status, out);
}

mi_status mi_dataset_open_stl(mi_context *context, const char *path, int32_t split,
                              mi_dataset **out) {
    MI__NEED(path);
    MI__NEED(out);
    MI__TRY(mi__check_split(split, true, path));
    const char *part = split == MI_SPLIT_TRAIN  ? "train"
                       : split == MI_SPLIT_TEST ? "test"
                                                : "unlabeled";
    char images[1][MI__PATH], labels[MI__PATH];
    MI__TRY(mi__path_join(images[0], path, part, "_X.bin"));
    MI__TRY(mi__path_join(labels, path, part, "_y.bin"));
    return mi__stl_read(context, images, split == MI_SPLIT_UNLABELLED ? NULL : labels, out);
}
