/* SPDX-License-Identifier: BSD-2-Clause */
/* What lies at a path is told by the names of the files in it. */
#include "../io/atomic_file.h"
#include "records.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BUILTIN_TRAIN 60000
#define BUILTIN_TEST 10000

mi_status mi__path_join(char out[MI__PATH], const char *directory, const char *name,
                        const char *ending) {
    int length = snprintf(out, MI__PATH, "%s/%s%s", directory, name, ending);
    if (length < 0 || length >= MI__PATH)
        return mi__fail(MI_E_ARG, "the path of %s%s would have %d bytes, more than %d", name,
                        ending, length, MI__PATH - 1);
    return MI_OK;
}

bool mi__path_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

bool mi__path_holds(const char *directory, const char *name) {
    char path[MI__PATH];
    int length = snprintf(path, MI__PATH, "%s/%s", directory, name);
    return length > 0 && length < MI__PATH && mi__path_exists(path);
}

bool mi__path_is_directory(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

mi_status mi__check_split(int32_t split, bool has_unlabelled, const char *path) {
    if (split != MI_SPLIT_TRAIN && split != MI_SPLIT_TEST && split != MI_SPLIT_UNLABELLED)
        return mi__fail(MI_E_ARG, "split must be %d (train), %d (test) or %d (unlabelled), got %d",
                        MI_SPLIT_TRAIN, MI_SPLIT_TEST, MI_SPLIT_UNLABELLED, split);
    if (split == MI_SPLIT_UNLABELLED && !has_unlabelled)
        return mi__fail(MI_E_ARG, "split is %d (unlabelled), which STL-10 has, but not %s", split,
                        path);
    return MI_OK;
}

/* `found` = directory/name, plain or else as .gz; the plain one's path if neither is there. */
static mi_status find_idx(char found[MI__PATH], const char *directory, const char *name) {
    MI__TRY(mi__path_join(found, directory, name, ".gz"));
    char plain[MI__PATH];
    MI__TRY(mi__path_join(plain, directory, name, ""));
    if (mi__path_exists(plain) || !mi__path_exists(found))
        memcpy(found, plain, sizeof plain);
    return MI_OK;
}

static mi_status open_idx_or_folders(mi_context *context, const char *path, bool train,
                                     mi_dataset **out) {
    const char *part = train ? "train" : "t10k", *folder = train ? "train" : "test";
    char name[64], images[MI__PATH], labels[MI__PATH], classes[MI__PATH];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
    MI__TRY(find_idx(images, path, name));
    if (mi__path_exists(images)) {
        snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
        MI__TRY(find_idx(labels, path, name));
        return mi_dataset_open_idx(context, images, labels, out);
    }
    MI__TRY(mi__path_join(images, path, folder, ""));
    MI__TRY(mi__path_join(classes, path, "train", ""));
    if (mi__path_is_directory(images))
        return mi__dataset_open_classes(context, images,
                                        mi__path_is_directory(classes) ? classes : images, 0, out);
    return mi__fail(MI_E_FORMAT,
                    "%s has neither %s-images-idx3-ubyte (plain or .gz) nor a folder %s, nor the "
                    "binary files of CIFAR or STL-10",
                    path, part, folder);
}

static mi_status open_builtin(mi_context *context, int32_t split, mi_dataset **out) {
    MI__TRY(mi__check_split(split, false, "builtin"));
    if (split == MI_SPLIT_TRAIN)
        return mi_dataset_digits(context, 0, 0, BUILTIN_TRAIN, out);
    return mi_dataset_digits(context, 0, BUILTIN_TRAIN, BUILTIN_TEST, out);
}

mi_status mi_dataset_open(mi_context *context, const char *path, int32_t split, mi_dataset **out) {
    MI__NEED(path);
    MI__NEED(out);
    MI__TRY(mi__check_split(split, true, path));
    if (strcmp(path, "builtin") == 0)
        return open_builtin(context, split, out);
    struct stat st;
    char reason[128];
    if (stat(path, &st) != 0)
        return mi__fail(MI_E_IO, "cannot open %s: %s (a directory or \"builtin\" is expected)",
                        path, mi__errno_text(errno, reason, sizeof reason));
    if (!S_ISDIR(st.st_mode))
        return mi__fail(MI_E_FORMAT, "%s is not a directory; mi_dataset_open_idx() reads files",
                        path);
    if (mi__is_stl(path))
        return mi_dataset_open_stl(context, path, split, out);
    MI__TRY(mi__check_split(split, false, path));
    if (mi__is_cifar(path))
        return mi_dataset_open_cifar(context, path, split, out);
    return open_idx_or_folders(context, path, split == MI_SPLIT_TRAIN, out);
}
