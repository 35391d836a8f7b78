/* SPDX-License-Identifier: BSD-2-Clause */
#include "safetensors_file.h"

#include "atomic_file.h"
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where the header's text goes: nowhere at first, only counted, then into the file. */
typedef struct sink {
    mi__file *file;
    int64_t size;
    mi_status status;
} sink;

static void put(sink *to, const char *text, size_t length) {
    if (to->file != NULL && to->status == MI_OK)
        to->status = mi__file_write(to->file, text, length);
    to->size += (int64_t)length;
}

static void put_text(sink *to, const char *text) {
    put(to, text, strlen(text));
}

static void put_int(sink *to, int64_t number) {
    char text[24];
    put(to, text, (size_t)snprintf(text, sizeof text, "%" PRId64, number));
}

static void put_string(sink *to, const char *text) {
    put(to, "\"", 1);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[8];
        if (c == '"' || c == '\\') {
            put(to, "\\", 1);
            put(to, text, 1);
        } else if (c < 0x20) {
            put(to, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        } else {
            put(to, text, 1);
        }
    }
    put(to, "\"", 1);
}

/* -- the header ------------------------------------------------------------------------------- */

static void put_metadata(sink *to, int32_t metas, const char *const *key,
                         const char *const *value) {
    put_text(to, "\"" MI__METADATA "\":{");
    for (int32_t i = 0; i < metas; i++) {
        put_text(to, i > 0 ? "," : "");
        put_string(to, key[i]);
        put(to, ":", 1);
        put_string(to, value[i]);
    }
    put(to, "}", 1);
}

static void put_tensor(sink *to, const mi__tensor *t, int64_t begin, int64_t end) {
    put_string(to, t->name);
    put_text(to, ":{\"dtype\":");
    put_string(to, mi__dtype_name(t->dtype));
    put_text(to, ",\"shape\":[");
    for (int32_t i = 0; i < t->dims; i++) {
        put_text(to, i > 0 ? "," : "");
        put_int(to, t->shape[i]);
    }
    put_text(to, "],\"data_offsets\":[");
    put_int(to, begin);
    put(to, ",", 1);
    put_int(to, end);
    put_text(to, "]}");
}

/* Spaces at the end let the data start at a multiple of 8. */
static void put_header(sink *to, int32_t tensors, const mi__tensor *tensor, int32_t metas,
                       const char *const *key, const char *const *value) {
    int64_t begin = 0, bytes = 0;
    put(to, "{", 1);
    if (metas > 0)
        put_metadata(to, metas, key, value);
    for (int32_t i = 0; i < tensors; i++, begin += bytes) {
        mi__tensor_bytes(&tensor[i], &bytes);
        put_text(to, i > 0 || metas > 0 ? "," : "");
        put_tensor(to, &tensor[i], begin, begin + bytes);
    }
    put(to, "}", 1);
    while (to->size % 8 != 0)
        put(to, " ", 1);
}

/* -- checks ----------------------------------------------------------------------------------- */

static mi_status check_text(const char *path, const char *what, const char *text) {
    if (text == NULL)
        return mi__fail(MI_E_ARG, "%s: a %s is NULL", path, what);
    for (int64_t size = (int64_t)strlen(text), at = 0, length; at < size; at += length)
        if ((length = mi__utf8_length(text + at, size - at)) == 0)
            return mi__fail(MI_E_ARG, "%s: the %s \"%.64s\" is not UTF-8", path, what, text);
    return MI_OK;
}

static mi_status check_tensor(const char *path, const mi__tensor *t, int64_t *total) {
    int64_t bytes;
    MI__TRY(check_text(path, "tensor's name", t->name));
    if (strcmp(t->name, MI__METADATA) == 0)
        return mi__fail(MI_E_ARG, "%s: no tensor may be named " MI__METADATA, path);
    if (!mi__tensor_bytes(t, &bytes) || bytes > INT64_MAX - *total)
        return mi__fail(MI_E_SHAPE, "%s: tensor %.64s of dtype %d has no valid shape of %d sizes",
                        path, t->name, t->dtype, t->dims);
    if (t->data == NULL && bytes > 0)
        return mi__fail(MI_E_ARG, "%s: tensor %.64s has no data", path, t->name);
    *total += bytes;
    return MI_OK;
}

static mi_status check_all(const char *path, int32_t tensors, const mi__tensor *tensor,
                           int32_t metas, const char *const *key, const char *const *value) {
    int64_t total = 0;
    for (int32_t i = 0; i < tensors; i++) {
        MI__TRY(check_tensor(path, &tensor[i], &total));
        for (int32_t k = 0; k < i; k++)
            if (strcmp(tensor[i].name, tensor[k].name) == 0)
                return mi__fail(MI_E_ARG, "%s: two tensors are named %.64s", path, tensor[i].name);
    }
    for (int32_t i = 0; i < metas; i++) {
        MI__TRY(check_text(path, "key", key[i]));
        MI__TRY(check_text(path, "value", value[i]));
        for (int32_t k = 0; k < i; k++)
            if (strcmp(key[i], key[k]) == 0)
                return mi__fail(MI_E_ARG, "%s: two values have the key %.64s", path, key[i]);
    }
    return MI_OK;
}

/* -- writing ---------------------------------------------------------------------------------- */

static mi_status write_data(mi__file *file, int32_t tensors, const mi__tensor *tensor) {
    for (int32_t i = 0; i < tensors; i++) {
        int64_t bytes = 0;
        mi__tensor_bytes(&tensor[i], &bytes);
        MI__TRY(mi__file_write(file, tensor[i].data, (size_t)bytes));
    }
    return MI_OK;
}

mi_status mi__safetensors_write(mi_context *ctx, const char *path, int32_t tensors,
                                const mi__tensor *tensor, int32_t metas, const char *const *key,
                                const char *const *value) {
    MI__NEED(path);
    MI__TRY(check_all(path, tensors, tensor, metas, key, value));
    MI__TRY(mi__need_little_endian(path));
    sink count = {0}, out = {0};
    put_header(&count, tensors, tensor, metas, key, value);
    if (count.size > MI__HEADER_MOST)
        return mi__fail(MI_E_SHAPE, "%s: a header of %" PRId64 " bytes, at most %d are allowed",
                        path, count.size, MI__HEADER_MOST);
    MI__TRY(mi__file_open(ctx, path, &out.file));
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)count.size >> 8 * i);
    out.status = mi__file_write(out.file, length, 8);
    put_header(&out, tensors, tensor, metas, key, value);
    if (out.status == MI_OK)
        out.status = write_data(out.file, tensors, tensor);
    if (out.status == MI_OK)
        return mi__file_commit(out.file);
    mi__file_discard(out.file);
    return out.status;
}
