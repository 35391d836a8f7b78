/* SPDX-License-Identifier: BSD-2-Clause */
#include "safetensors_file.h"

#include "read_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- element types ---------------------------------------------------------------------------- */

static const struct {
    char name[8];
    int32_t size;
} dtypes[] = {
    [MI__F32] = {"F32", 4},   [MI__F64] = {"F64", 8},   [MI__I64] = {"I64", 8},
    [MI__I32] = {"I32", 4},   [MI__I16] = {"I16", 2},   [MI__I8] = {"I8", 1},
    [MI__U64] = {"U64", 8},   [MI__U32] = {"U32", 4},   [MI__U16] = {"U16", 2},
    [MI__U8] = {"U8", 1},     [MI__BOOL] = {"BOOL", 1}, [MI__F16] = {"F16", 2},
    [MI__BF16] = {"BF16", 2},
};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

const char *mi__dtype_name(int32_t dtype) {
    return dtype > 0 && dtype < DTYPES ? dtypes[dtype].name : "?";
}

int64_t mi__dtype_size(int32_t dtype) {
    return dtype > 0 && dtype < DTYPES ? dtypes[dtype].size : 0;
}

bool mi__tensor_bytes(const mi__tensor *t, int64_t *bytes) {
    int64_t product = mi__dtype_size(t->dtype);
    if (product == 0 || t->dims < 0 || t->dims > MI__DIMS_MAX)
        return false;
    for (int32_t i = 0; i < t->dims; i++)
        if (!mi__multiply(product, t->shape[i], &product))
            return false;
    *bytes = product;
    return true;
}

mi_status mi__need_little_endian(const char *path) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    if (first != 1)
        return mi__fail(MI_E_UNSUPPORTED, "%s: safetensors need a little-endian machine", path);
    return MI_OK;
}

/* -- order ------------------------------------------------------------------------------------ */

typedef int comparison(const void *a, const void *b);

static int by_offset(const void *a, const void *b) {
    const mi__entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const mi__entry *)a)->tensor.name, ((const mi__entry *)b)->tensor.name);
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const mi__pair *)a)->key, ((const mi__pair *)b)->key);
}

/* Heapsort: needs no memory, and no file makes it slow, as qsort() may. */
static void sift(const void **item, int64_t root, int64_t n, comparison *compare) {
    for (int64_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && compare(item[child], item[child + 1]) < 0)
            child++;
        if (compare(item[root], item[child]) >= 0)
            return;
        const void *swap = item[root];
        item[root] = item[child];
        item[child] = swap;
    }
}

static void sort(const void **item, int64_t n, comparison *compare) {
    for (int64_t i = n / 2; i-- > 0;)
        sift(item, i, n, compare);
    for (int64_t i = n; i-- > 1;) {
        const void *swap = item[0];
        item[0] = item[i];
        item[i] = swap;
        sift(item, 0, i, compare);
    }
}

static const void *search(const void *const *item, int64_t n, const void *wanted,
                          comparison *compare) {
    for (int64_t low = 0, high = n; low < high;) {
        int64_t middle = low + (high - low) / 2;
        int order = compare(wanted, item[middle]);
        if (order == 0)
            return item[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* -- the whole -------------------------------------------------------------------------------- */

static mi_status check_names(const mi__safetensors *s) {
    for (int32_t i = 1; i < s->count; i++)
        if (by_name(s->by_name[i - 1], s->by_name[i]) == 0) {
            const mi__entry *e = s->by_name[i];
            return mi__fail(MI_E_FORMAT, "%s: tensor %.64s is there twice", s->path,
                            e->tensor.name);
        }
    for (int32_t i = 1; i < s->pair_count; i++)
        if (by_key(s->by_key[i - 1], s->by_key[i]) == 0) {
            const mi__pair *p = s->by_key[i];
            return mi__fail(MI_E_FORMAT, "%s: metadata %.64s is there twice", s->path, p->key);
        }
    return MI_OK;
}

static mi_status check_layout(const mi__safetensors *s) {
    int64_t end = 0;
    for (int32_t i = 0; i < s->count; i++) {
        const mi__entry *e = s->by_data[i];
        if (e->begin != end)
            return mi__fail(MI_E_FORMAT,
                            "%s: tensor %.64s starts at %" PRId64 " and %s what ends at %" PRId64,
                            s->path, e->tensor.name, e->begin,
                            e->begin < end ? "overlaps" : "leaves a hole after", end);
        end = e->end;
    }
    if (end != s->data_size)
        return mi__fail(MI_E_FORMAT, "%s: tensors have %" PRId64 " bytes, the file %" PRId64,
                        s->path, end, s->data_size);
    return MI_OK;
}

/* -- opening and closing ---------------------------------------------------------------------- */

static mi_status read_header(mi__safetensors *s, int64_t file_size) {
    unsigned char length[8];
    uint64_t size = 0;
    if (file_size < 8)
        return mi__fail(MI_E_FORMAT, "%s is no safetensors file: it has %" PRId64 " bytes", s->path,
                        file_size);
    MI__TRY(mi__read_at(s->fd, s->path, 0, length, 8));
    for (int i = 8; i-- > 0;)
        size = size << 8 | length[i];
    if (size > (uint64_t)file_size - 8 || size > MI__HEADER_MOST)
        return mi__fail(MI_E_FORMAT,
                        "%s is no safetensors file: a header of %" PRIu64
                        " bytes in a file of %" PRId64,
                        s->path, size, file_size);
    s->header = mi__alloc(s->ctx, (int64_t)size, 1);
    if (s->header == NULL)
        return MI_E_NOMEM;
    s->header_size = (int64_t)size;
    s->data_size = file_size - 8 - s->header_size;
    MI__TRY(mi__read_at(s->fd, s->path, 8, s->header, s->header_size));
    if (size == 0 || s->header[0] != '{')
        return mi__fail(MI_E_FORMAT, "%s is no safetensors file: its header has no '{'", s->path);
    return MI_OK;
}

static mi_status read_and_check(mi__safetensors *s) {
    int64_t file_size;
    MI__TRY(mi__need_little_endian(s->path));
    MI__TRY(mi__read_open(s->path, &s->fd, &file_size));
    MI__TRY(read_header(s, file_size));
    MI__TRY(mi__safetensors_parse(s));
    sort(s->by_data, s->count, by_offset);
    sort(s->by_name, s->count, by_name);
    sort(s->by_key, s->pair_count, by_key);
    MI__TRY(check_names(s));
    return check_layout(s);
}

mi_status mi__safetensors_open(mi_context *ctx, const char *path, mi__safetensors **out) {
    MI__NEED(path);
    MI__NEED(out);
    mi__safetensors *s = mi__alloc_zero(ctx, 1, sizeof *s);
    if (s == NULL)
        return MI_E_NOMEM;
    s->ctx = ctx;
    s->fd = -1;
    s->path_size = (int64_t)strlen(path) + 1;
    s->path = mi__alloc(ctx, s->path_size, 1);
    mi_status status = MI_E_NOMEM;
    if (s->path != NULL) {
        memcpy(s->path, path, (size_t)s->path_size);
        status = read_and_check(s);
    }
    if (status != MI_OK) {
        mi__safetensors_close(s);
        return status;
    }
    *out = s;
    return MI_OK;
}

void mi__safetensors_close(mi__safetensors *s) {
    if (s == NULL)
        return;
    mi_context *ctx = s->ctx;
    if (s->fd >= 0)
        close(s->fd);
    mi__free(ctx, s->by_key, s->pairs_room, sizeof *s->by_key);
    mi__free(ctx, s->pairs, s->pairs_room, sizeof *s->pairs);
    mi__free(ctx, s->by_name, s->entries_room, sizeof *s->by_name);
    mi__free(ctx, s->by_data, s->entries_room, sizeof *s->by_data);
    mi__free(ctx, s->entries, s->entries_room, sizeof *s->entries);
    mi__free(ctx, s->header, s->header_size, 1);
    mi__free(ctx, s->path, s->path_size, 1);
    mi__free(ctx, s, 1, sizeof *s);
}

/* -- asking ----------------------------------------------------------------------------------- */

int32_t mi__safetensors_count(const mi__safetensors *s) {
    return s->count;
}

const mi__tensor *mi__safetensors_at(const mi__safetensors *s, int32_t i) {
    return &((const mi__entry *)s->by_data[i])->tensor;
}

const mi__tensor *mi__safetensors_find(const mi__safetensors *s, const char *name) {
    const mi__entry wanted = {.tensor = {.name = name}};
    const mi__entry *found = search(s->by_name, s->count, &wanted, by_name);
    return found == NULL ? NULL : &found->tensor;
}

const char *mi__safetensors_meta(const mi__safetensors *s, const char *key) {
    const mi__pair wanted = {.key = key};
    const mi__pair *found = search(s->by_key, s->pair_count, &wanted, by_key);
    return found == NULL ? NULL : found->value;
}

mi_status mi__safetensors_read(mi__safetensors *s, const mi__tensor *t, void *out) {
    const mi__entry *e = (const mi__entry *)t;
    return mi__read_at(s->fd, s->path, 8 + s->header_size + e->begin, out, e->end - e->begin);
}

static const char *show_shape(char *text, size_t size, int32_t dims, const int64_t *shape) {
    size_t at = (size_t)snprintf(text, size, "[");
    for (int32_t i = 0; i < dims && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, i > 0 ? ", %" PRId64 : "%" PRId64, shape[i]);
    if (at < size)
        snprintf(text + at, size - at, "]");
    return text;
}

mi_status mi__safetensors_read_as(mi__safetensors *s, const char *name, int32_t dtype, int32_t dims,
                                  const int64_t *shape, void *out) {
    const mi__tensor *t = mi__safetensors_find(s, name);
    if (t == NULL)
        return mi__fail(MI_E_FORMAT, "%s has no tensor %.64s", s->path, name);
    if (t->dtype != dtype)
        return mi__fail(MI_E_DTYPE, "%s: tensor %.64s is %s, expected %s", s->path, name,
                        mi__dtype_name(t->dtype), mi__dtype_name(dtype));
    if (t->dims != dims ||
        (dims > 0 && memcmp(t->shape, shape, (size_t)dims * sizeof *shape) != 0)) {
        char found[128], wanted[128];
        return mi__fail(MI_E_SHAPE, "%s: tensor %.64s is %s, expected %s", s->path, name,
                        show_shape(found, sizeof found, t->dims, t->shape),
                        show_shape(wanted, sizeof wanted, dims, shape));
    }
    return mi__safetensors_read(s, t, out);
}
