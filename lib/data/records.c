/* SPDX-License-Identifier: BSD-2-Clause */
#include "records.h"

#include "../io/read_file.h"

#include <inttypes.h>
#include <unistd.h>

#define CHANNELS 3
#define CHUNK ((int64_t)1 << 20)

typedef struct reader {
    const mi__record *record;
    const char *path;
    int fd;
    int64_t size, count; /* of a record; records in the file */
    int64_t first;       /* the number that its first image has in the set */
    uint8_t *chunk;      /* [per_chunk][size] */
    int64_t per_chunk;
} reader;

/* Opens a file and tells how many records of `size` bytes it has. */
static mi_status open_records(const char *path, int64_t size, int *fd, int64_t *count) {
    int64_t bytes;
    MI__TRY(mi__read_open(path, fd, &bytes));
    *count = bytes / size;
    if (bytes > 0 && bytes % size == 0)
        return MI_OK;
    close(*fd);
    return mi__fail(MI_E_FORMAT, "%s has %" PRId64 " bytes, no whole number of records of %" PRId64,
                    path, bytes, size);
}

static mi_status count_records(const char *path, int64_t size, int64_t *count) {
    int fd;
    MI__TRY(open_records(path, size, &fd, count));
    close(fd);
    return MI_OK;
}

static void interleave(const uint8_t *planes, const mi__record *record, uint8_t *out) {
    const int64_t side = record->side, pixels = side * side;
    const int64_t down = record->by_columns ? 1 : side, across = record->by_columns ? side : 1;
    for (int64_t y = 0; y < side; y++)
        for (int64_t x = 0; x < side; x++)
            for (int64_t k = 0; k < CHANNELS; k++)
                *out++ = planes[k * pixels + y * down + x * across];
}

static mi_status take_record(const reader *r, int64_t number, const uint8_t *bytes,
                             mi_dataset *set) {
    const mi__record *record = r->record;
    const int64_t image = r->first + number;
    if (record->label_bytes > 0) {
        const int32_t label = bytes[record->label_bytes - 1];
        if (label >= record->classes)
            return mi__fail(MI_E_FORMAT, "%s: image %" PRId64 " has the label %d, expected 0 to %d",
                            r->path, number, label, record->classes - 1);
        set->labels[image] = label;
    }
    interleave(bytes + record->label_bytes, record, set->bytes + image * set->values);
    return MI_OK;
}

static mi_status read_chunks(const reader *r, mi_dataset *set) {
    for (int64_t begin = 0; begin < r->count; begin += r->per_chunk) {
        const int64_t n = MI__MIN(r->per_chunk, r->count - begin);
        MI__TRY(mi__read_at(r->fd, r->path, begin * r->size, r->chunk, n * r->size));
        for (int64_t i = 0; i < n; i++)
            MI__TRY(take_record(r, begin + i, r->chunk + i * r->size, set));
    }
    return MI_OK;
}

/* The file has at least the `count` records that were counted. */
static mi_status read_file(reader *r, int64_t count, mi_dataset *set) {
    MI__TRY(open_records(r->path, r->size, &r->fd, &r->count));
    mi_status status = MI_OK;
    if (r->count == count)
        status = read_chunks(r, set);
    else
        status = mi__fail(MI_E_IO, "%s had %" PRId64 " images and has %" PRId64 " now", r->path,
                          count, r->count);
    close(r->fd);
    return status;
}

static mi_status make_room(mi_dataset *set, const mi__record *record, int64_t count) {
    MI__TRY(mi__dataset_set_shape(set, count, record->side, record->side, CHANNELS));
    set->bytes = mi__alloc(set->context, count, (size_t)set->values);
    if (record->label_bytes > 0)
        set->labels = mi__alloc(set->context, count, sizeof *set->labels);
    return set->bytes == NULL || (record->label_bytes > 0 && set->labels == NULL) ? MI_E_NOMEM
                                                                                  : MI_OK;
}

mi_status mi__records_read(mi_dataset *set, const mi__record *record, int32_t files,
                           char (*paths)[MI__PATH]) {
    int64_t counts[MI__RECORD_FILES], total = 0;
    reader r = {.record = record};
    r.size = record->label_bytes + (int64_t)record->side * record->side * CHANNELS;
    r.per_chunk = MI__MAX(CHUNK / r.size, 1);
    for (int32_t i = 0; i < files; i++) {
        MI__TRY(count_records(paths[i], r.size, &counts[i]));
        total += counts[i];
    }
    MI__TRY(make_room(set, record, total));
    if ((r.chunk = mi__alloc(set->context, r.per_chunk, (size_t)r.size)) == NULL)
        return MI_E_NOMEM;
    mi_status status = MI_OK;
    for (int32_t i = 0; status == MI_OK && i < files; i++) {
        r.path = paths[i];
        status = read_file(&r, counts[i], set);
        r.first += counts[i];
    }
    mi__free(set->context, r.chunk, r.per_chunk, (size_t)r.size);
    return status;
}

static mi_status take_labels(mi_dataset *set, int32_t classes, const char *path, int fd,
                             uint8_t *bytes) {
    MI__TRY(mi__read_at(fd, path, 0, bytes, set->count));
    for (int64_t i = 0; i < set->count; i++) {
        if (bytes[i] < 1 || bytes[i] > classes)
            return mi__fail(MI_E_FORMAT, "%s: image %" PRId64 " has the label %d, expected 1 to %d",
                            path, i, bytes[i], classes);
        set->labels[i] = bytes[i] - 1;
    }
    return MI_OK;
}

mi_status mi__records_read_labels(mi_dataset *set, int32_t classes, const char *path) {
    int fd;
    int64_t count;
    MI__TRY(open_records(path, 1, &fd, &count));
    uint8_t *bytes = NULL;
    mi_status status = MI_OK;
    if (count != set->count)
        status = mi__fail(MI_E_SHAPE, "%s has %" PRId64 " labels for %" PRId64 " images", path,
                          count, set->count);
    else if ((bytes = mi__alloc(set->context, count, 1)) == NULL ||
             (set->labels = mi__alloc(set->context, count, sizeof *set->labels)) == NULL)
        status = MI_E_NOMEM;
    if (status == MI_OK)
        status = take_labels(set, classes, path, fd, bytes);
    mi__free(set->context, bytes, count, 1);
    close(fd);
    return status;
}
