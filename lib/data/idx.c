/* SPDX-License-Identifier: BSD-2-Clause */
/* The format of the MNIST files: two zero bytes, the element type, the number of dimensions, each
 * dimension as 4 bytes big-endian, then the elements. */
#include "../io/atomic_file.h"
#include "../io/read_file.h"
#include "dataset.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define UNSIGNED_BYTES 0x08
#define MOST_DIMENSIONS 4
#define CHUNK ((int64_t)1 << 20)

typedef struct reader {
    mi_context *context;
    const char *path;
    gzFile file; /* reads plain files too */
} reader;

static mi_status open_reader(mi_context *context, const char *path, reader *r) {
    int fd;
    int64_t size;
    MI__TRY(mi__read_open(path, &fd, &size));
    gzFile file = gzdopen(fd, "rb");
    if (file == NULL) {
        close(fd);
        return mi__fail(MI_E_NOMEM, "no memory to open %s", path);
    }
    gzbuffer(file, 1 << 16);
    *r = (reader){context, path, file};
    return MI_OK;
}

static mi_status explain(const reader *r) {
    int code, number = errno;
    char reason[128];
    const char *text = gzerror(r->file, &code), *colon = strstr(text, ": ");
    text = colon == NULL ? text : colon + 2; /* zlib begins with a name of its own for the file */
    switch (code) {
    case Z_OK:
    case Z_STREAM_END: return MI_OK;
    case Z_ERRNO:
        return mi__fail(MI_E_IO, "cannot read %s: %s", r->path,
                        mi__errno_text(number, reason, sizeof reason));
    case Z_MEM_ERROR: return mi__fail(MI_E_NOMEM, "no memory to read %s", r->path);
    case Z_BUF_ERROR:
        return mi__fail(MI_E_FORMAT, "%s is cut off in the middle of its gzip data", r->path);
    default: return mi__fail(MI_E_FORMAT, "%s has corrupt gzip data: %s", r->path, text);
    }
}

/* Reads up to `most` bytes; fewer, `*got` says how many, only at the end of the file. */
static mi_status read_bytes(const reader *r, uint8_t *out, int64_t most, int64_t *got) {
    *got = 0;
    while (*got < most) {
        int n = gzread(r->file, out + *got, (unsigned)MI__MIN(most - *got, CHUNK));
        if (n <= 0)
            return explain(r);
        *got += n;
    }
    return MI_OK;
}

static mi_status read_header(const reader *r, int *dimensions, int64_t size[MOST_DIMENSIONS]) {
    uint8_t h[4 + 4 * MOST_DIMENSIONS];
    int64_t got;
    MI__TRY(read_bytes(r, h, 4, &got));
    if (got < 4)
        return mi__fail(MI_E_FORMAT,
                        "%s has %" PRId64 " bytes, less than the header of an IDX file", r->path,
                        got);
    if (h[0] != 0 || h[1] != 0)
        return mi__fail(MI_E_FORMAT, "%s is no IDX file: it begins with %02x %02x %02x %02x",
                        r->path, h[0], h[1], h[2], h[3]);
    if (h[2] != UNSIGNED_BYTES)
        return mi__fail(MI_E_FORMAT, "%s has elements of type 0x%02x, only 0x08 (bytes) is read",
                        r->path, h[2]);
    if (h[3] < 1 || h[3] > MOST_DIMENSIONS)
        return mi__fail(MI_E_FORMAT, "%s has %d dimensions, expected 1 to %d", r->path, h[3],
                        MOST_DIMENSIONS);
    *dimensions = h[3];
    MI__TRY(read_bytes(r, h + 4, 4 * h[3], &got));
    if (got < 4 * h[3])
        return mi__fail(MI_E_FORMAT, "%s ends in its header, after %" PRId64 " bytes", r->path,
                        got + 4);
    for (int i = 0; i < *dimensions; i++) {
        const uint8_t *b = h + 4 + 4 * i;
        size[i] = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
        if (size[i] == 0)
            return mi__fail(MI_E_FORMAT, "%s: dimension %d of %d is 0", r->path, i + 1,
                            *dimensions);
    }
    return MI_OK;
}

/* Exactly `total` bytes up to the end of the file. The buffer grows with what arrives. */
static mi_status read_body(const reader *r, int64_t total, mi__bytes *body) {
    int64_t got;
    while (body->used < total) {
        int64_t wanted = MI__MIN(CHUNK, total - body->used);
        MI__TRY(mi__bytes_reserve(r->context, body, wanted, total));
        MI__TRY(read_bytes(r, body->data + body->used, wanted, &got));
        body->used += got;
        if (got < wanted)
            return mi__fail(MI_E_FORMAT, "%s has %" PRId64 " bytes of data, its header promises %"
                            PRId64, r->path, body->used, total);
    }
    uint8_t extra;
    MI__TRY(read_bytes(r, &extra, 1, &got));
    if (got > 0)
        return mi__fail(MI_E_FORMAT, "%s has more than the %" PRId64
                        " bytes of data that its header promises", r->path, total);
    return MI_OK;
}

static mi_status set_shape(const reader *r, int dimensions, const int64_t size[MOST_DIMENSIONS],
                           mi_dataset *set) {
    if (dimensions < 3)
        return mi__fail(MI_E_FORMAT, "%s has %d dimension%s, images have 3 or 4", r->path,
                        dimensions, dimensions == 1 ? "" : "s");
    int64_t channels = dimensions == 4 ? size[3] : 1, bytes;
    if (size[1] > MI__LARGEST_SIDE || size[2] > MI__LARGEST_SIDE || channels > MI__MOST_CHANNELS)
        return mi__fail(MI_E_FORMAT, "%s has images of %" PRId64 " x %" PRId64 " x %" PRId64
                        ", at most %d x %d x %d are read", r->path, size[1], size[2], channels,
                        MI__LARGEST_SIDE, MI__LARGEST_SIDE, MI__MOST_CHANNELS);
    if (!mi__multiply(size[0], size[1] * size[2] * channels * (int64_t)sizeof(float), &bytes))
        return mi__fail(MI_E_FORMAT, "%s promises %" PRId64 " images of %" PRId64 " x %" PRId64
                        " x %" PRId64 ", more than fit", r->path, size[0], size[1], size[2],
                        channels);
    return mi__dataset_set_shape(set, size[0], (int32_t)size[1], (int32_t)size[2],
                                 (int32_t)channels);
}

static mi_status read_images(const reader *r, mi_dataset *set, mi__bytes *body) {
    int dimensions = 0;
    int64_t size[MOST_DIMENSIONS];
    MI__TRY(read_header(r, &dimensions, size));
    MI__TRY(set_shape(r, dimensions, size, set));
    MI__TRY(read_body(r, set->count * set->values, body));
    set->bytes = body->data;
    *body = (mi__bytes){0};
    return MI_OK;
}

static mi_status read_labels(const reader *r, mi_dataset *set, mi__bytes *body) {
    int dimensions = 0;
    int64_t size[MOST_DIMENSIONS];
    MI__TRY(read_header(r, &dimensions, size));
    if (dimensions != 1)
        return mi__fail(MI_E_FORMAT, "%s has %d dimensions, labels have 1", r->path, dimensions);
    MI__TRY(read_body(r, size[0], body));
    if (size[0] != set->count)
        return mi__fail(MI_E_SHAPE, "%s has %" PRId64 " labels for %" PRId64 " images", r->path,
                        size[0], set->count);
    set->labels = mi__alloc(set->context, set->count, sizeof *set->labels);
    if (set->labels == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < set->count; i++)
        set->labels[i] = body->data[i];
    return MI_OK;
}

static mi_status read_file(mi_dataset *set, const char *path,
                           mi_status (*read)(const reader *, mi_dataset *, mi__bytes *)) {
    reader r = {0};
    mi__bytes body = {0};
    MI__TRY(open_reader(set->context, path, &r));
    mi_status status = read(&r, set, &body);
    mi__free(set->context, body.data, body.capacity, 1);
    gzclose(r.file);
    return status;
}

mi_status mi_dataset_open_idx(mi_context *context, const char *images, const char *labels,
                              mi_dataset **out) {
    MI__NEED(images);
    MI__NEED(out);
    mi_dataset *set;
    MI__TRY(mi__dataset_new(context, &set));
    mi_status status = read_file(set, images, read_images);
    if (status == MI_OK && labels != NULL)
        status = read_file(set, labels, read_labels);
    return mi__dataset_finish(set, status, out);
}
