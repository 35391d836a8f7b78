/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_DATASET_H
#define LIBMI_LIB_DATASET_H

#include "../base/base.h"

#include <mi/dataset.h>

/* Pixels stay as they were given: bytes are not expanded to floats in memory. */
struct mi_dataset {
    atomic_int references;
    mi_context *context;
    int64_t count;
    int32_t height, width, channels, classes;
    int64_t values;  /* of one image */
    uint8_t *bytes;  /* [count][values], or NULL */
    float *floats;   /* the same; one of the two is there */
    int32_t *labels; /* [count], or NULL */
};

#define MI__LARGEST_SIDE 4096
#define MI__MOST_CHANNELS 1024

/* An empty set to be filled in, then given to mi__dataset_finish(). */
mi_status mi__dataset_new(mi_context *context, mi_dataset **out);

/* Checks and fills in the sizes and `values`. */
mi_status mi__dataset_set_shape(mi_dataset *set, int64_t count, int32_t height, int32_t width,
                                int32_t channels);

/* If `status` is MI_OK, counts the classes and hands the set out; else destroys it. */
mi_status mi__dataset_finish(mi_dataset *set, mi_status status, mi_dataset **out);

void mi__dataset_retain(mi_dataset *set);

/* The `n` values from number `first` of the whole array on, bytes divided by 255. */
void mi__dataset_values(const mi_dataset *set, int64_t first, int64_t n, float *out);

/* MI_OK if all of index[count] lie in the set (NULL: if it has `count` images). */
mi_status mi__dataset_check_index(const mi_dataset *set, int64_t count, const int64_t *index);

/* A buffer that grows with what is really there, by doubling, up to `most`: when `most` bytes are
 * used, that is its capacity. */
typedef struct mi__bytes {
    uint8_t *data;
    int64_t used, capacity;
} mi__bytes;

/* Makes room for `more` bytes; used + more <= most. */
mi_status mi__bytes_reserve(mi_context *context, mi__bytes *bytes, int64_t more, int64_t most);

#define MI__PATH 4096

/* `out` = directory/name followed by ending. */
mi_status mi__path_join(char out[MI__PATH], const char *directory, const char *name,
                        const char *ending);

bool mi__path_exists(const char *path);
bool mi__path_holds(const char *directory, const char *name);

/* MI_OK if `split` is an mi_split that what lies at the path may have. */
mi_status mi__check_split(int32_t split, bool has_unlabelled, const char *path);

bool mi__path_is_directory(const char *path);

/* PNG files of `path`/CLASS/, the classes numbered as the folders of `classes_path` are; each
 * brought to size x size, or all of one size if it is 0. */
mi_status mi__dataset_open_classes(mi_context *context, const char *path, const char *classes_path,
                                   int32_t size, mi_dataset **out);

#endif
