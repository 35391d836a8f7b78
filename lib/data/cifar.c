/* SPDX-License-Identifier: BSD-2-Clause */
/* CIFAR-10 and CIFAR-100 (A. Krizhevsky) in their binary version. A label of CIFAR-100 comes behind
 * that of its superclass. */
#include "records.h"

static const char *const ten[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                  "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
static const char *const hundred[] = {"train.bin", "test.bin"};

#define TRAIN_BATCHES 5

static bool is_ten(const char *path) {
    return mi__path_holds(path, ten[0]) || mi__path_holds(path, ten[TRAIN_BATCHES]);
}

static bool is_hundred(const char *path) {
    return mi__path_holds(path, hundred[0]) || mi__path_holds(path, hundred[1]);
}

bool mi__is_cifar(const char *path) {
    return is_ten(path) || is_hundred(path);
}

mi_status mi__cifar_read(mi_context *context, bool fine, int32_t files, char (*paths)[MI__PATH],
                         mi_dataset **out) {
    const mi__record record = {
        .side = 32, .label_bytes = fine ? 2 : 1, .classes = fine ? 100 : 10, .by_columns = false};
    mi_dataset *set;
    MI__TRY(mi__dataset_new(context, &set));
    mi_status status = mi__records_read(set, &record, files, paths);
    return mi__dataset_finish(set, status, out);
}

mi_status mi_dataset_open_cifar(mi_context *context, const char *path, int32_t split,
                                mi_dataset **out) {
    MI__NEED(path);
    MI__NEED(out);
    MI__TRY(mi__check_split(split, false, path));
    const bool train = split == MI_SPLIT_TRAIN, fine = !is_ten(path);
    if (fine && !is_hundred(path))
        return mi__fail(mi__path_exists(path) ? MI_E_FORMAT : MI_E_IO,
                        "%s has neither %s (CIFAR-10) nor %s (CIFAR-100)", path,
                        ten[train ? 0 : TRAIN_BATCHES], hundred[!train]);
    const char *const *names = fine ? &hundred[!train] : &ten[train ? 0 : TRAIN_BATCHES];
    const int32_t files = !fine && train ? TRAIN_BATCHES : 1;
    char paths[MI__RECORD_FILES][MI__PATH];
    for (int32_t i = 0; i < files; i++)
        MI__TRY(mi__path_join(paths[i], path, names[i], ""));
    return mi__cifar_read(context, fine, files, paths, out);
}
