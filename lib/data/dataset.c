/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataset.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define LARGEST_LABEL (1 << 20)

/* -- building a set --------------------------------------------------------------------------- */

mi_status mi__dataset_new(mi_context *context, mi_dataset **out) {
    mi_context *own;
    MI__TRY(mi__context_take(context, &own));
    mi_dataset *set = mi__alloc_zero(own, 1, sizeof *set);
    if (set == NULL) {
        mi_context_destroy(own);
        return MI_E_NOMEM;
    }
    atomic_init(&set->references, 1);
    set->context = own;
    *out = set;
    return MI_OK;
}

void mi__dataset_retain(mi_dataset *set) {
    atomic_fetch_add(&set->references, 1);
}

void mi_dataset_destroy(mi_dataset *dataset) {
    if (dataset == NULL || atomic_fetch_sub(&dataset->references, 1) > 1)
        return;
    mi_context *context = dataset->context;
    mi__free(context, dataset->bytes, dataset->count * dataset->values, 1);
    mi__free(context, dataset->floats, dataset->count * dataset->values, sizeof(float));
    mi__free(context, dataset->labels, dataset->count, sizeof(int32_t));
    mi__free(context, dataset, 1, sizeof *dataset);
    mi_context_destroy(context);
}

static mi_status check_range(const char *name, int32_t value, int32_t most) {
    if (value < 1 || value > most)
        return mi__fail(MI_E_ARG, "%s must be in 1 to %d, got %d", name, most, value);
    return MI_OK;
}

mi_status mi__dataset_set_shape(mi_dataset *set, int64_t count, int32_t height, int32_t width,
                                int32_t channels) {
    if (count < 1)
        return mi__fail(MI_E_ARG, "count must be 1 or more, got %" PRId64, count);
    MI__TRY(check_range("height", height, MI__LARGEST_SIDE));
    MI__TRY(check_range("width", width, MI__LARGEST_SIDE));
    MI__TRY(check_range("channels", channels, MI__MOST_CHANNELS));
    int64_t values = (int64_t)height * width * channels, bytes;
    if (!mi__multiply(count, values * (int64_t)sizeof(float), &bytes))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " images of %d x %d x %d are more than fit", count,
                        height, width, channels);
    set->count = count;
    set->height = height;
    set->width = width;
    set->channels = channels;
    set->values = values;
    return MI_OK;
}

mi_status mi__dataset_finish(mi_dataset *set, mi_status status, mi_dataset **out) {
    if (status != MI_OK) {
        mi_dataset_destroy(set);
        return status;
    }
    for (int64_t i = 0; set->labels != NULL && i < set->count; i++)
        set->classes = MI__MAX(set->classes, set->labels[i] + 1);
    *out = set;
    return MI_OK;
}

/* -- from arrays ------------------------------------------------------------------------------ */

static mi_status copy_labels(mi_dataset *set, const int32_t *labels) {
    if (labels == NULL)
        return MI_OK;
    for (int64_t i = 0; i < set->count; i++)
        if (labels[i] < -1 || labels[i] > LARGEST_LABEL)
            return mi__fail(MI_E_ARG, "labels must be in -1 to %d, labels[%" PRId64 "] is %d",
                            LARGEST_LABEL, i, labels[i]);
    set->labels = mi__alloc(set->context, set->count, sizeof *labels);
    if (set->labels == NULL)
        return MI_E_NOMEM;
    memcpy(set->labels, labels, (size_t)set->count * sizeof *labels);
    return MI_OK;
}

static mi_status copy_bytes(mi_dataset *set, const uint8_t *pixels) {
    int64_t n = set->count * set->values;
    if ((set->bytes = mi__alloc(set->context, n, 1)) == NULL)
        return MI_E_NOMEM;
    memcpy(set->bytes, pixels, (size_t)n);
    return MI_OK;
}

static mi_status copy_floats(mi_dataset *set, const float *pixels) {
    int64_t n = set->count * set->values;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(pixels[i]))
            return mi__fail(MI_E_NUMERIC, "value %" PRId64 " of image %" PRId64 " is %f",
                            i % set->values, i / set->values, (double)pixels[i]);
    if ((set->floats = mi__alloc(set->context, n, sizeof *pixels)) == NULL)
        return MI_E_NOMEM;
    memcpy(set->floats, pixels, (size_t)n * sizeof *pixels);
    return MI_OK;
}

mi_status mi_dataset_from_u8(mi_context *context, int64_t count, int32_t height, int32_t width,
                             int32_t channels, const uint8_t *pixels, const int32_t *labels,
                             mi_dataset **out) {
    MI__NEED(pixels);
    MI__NEED(out);
    mi_dataset *set;
    MI__TRY(mi__dataset_new(context, &set));
    mi_status status = mi__dataset_set_shape(set, count, height, width, channels);
    if (status == MI_OK)
        status = copy_labels(set, labels);
    if (status == MI_OK)
        status = copy_bytes(set, pixels);
    return mi__dataset_finish(set, status, out);
}

mi_status mi_dataset_from_f32(mi_context *context, int64_t count, int32_t height, int32_t width,
                              int32_t channels, const float *pixels, const int32_t *labels,
                              mi_dataset **out) {
    MI__NEED(pixels);
    MI__NEED(out);
    mi_dataset *set;
    MI__TRY(mi__dataset_new(context, &set));
    mi_status status = mi__dataset_set_shape(set, count, height, width, channels);
    if (status == MI_OK)
        status = copy_labels(set, labels);
    if (status == MI_OK)
        status = copy_floats(set, pixels);
    return mi__dataset_finish(set, status, out);
}

mi_status mi__bytes_reserve(mi_context *context, mi__bytes *bytes, int64_t more, int64_t most) {
    if (bytes->capacity - bytes->used >= more)
        return MI_OK;
    int64_t capacity = bytes->capacity > most / 2 ? most : bytes->capacity * 2;
    capacity = MI__MAX(capacity, bytes->used + more);
    uint8_t *data = mi__alloc(context, capacity, 1);
    if (data == NULL)
        return MI_E_NOMEM;
    if (bytes->used > 0)
        memcpy(data, bytes->data, (size_t)bytes->used);
    mi__free(context, bytes->data, bytes->capacity, 1);
    bytes->data = data;
    bytes->capacity = capacity;
    return MI_OK;
}

/* -- looking into a set ----------------------------------------------------------------------- */

mi_status mi_dataset_info(const mi_dataset *dataset, mi_dataset_shape *shape) {
    MI__NEED(dataset);
    MI__NEED(shape);
    MI__TRY(mi__report_check(shape, sizeof *shape, sizeof *shape, "mi_dataset_shape"));
    const mi_dataset_shape own = {.count = dataset->count,
                                  .height = dataset->height,
                                  .width = dataset->width,
                                  .channels = dataset->channels,
                                  .classes = dataset->classes};
    mi__report_store(shape, shape->struct_size, &own, sizeof own);
    return MI_OK;
}

void mi__dataset_values(const mi_dataset *set, int64_t first, int64_t n, float *out) {
    if (set->floats != NULL) {
        memcpy(out, set->floats + first, (size_t)n * sizeof *out);
        return;
    }
    const uint8_t *bytes = set->bytes + first;
    for (int64_t i = 0; i < n; i++)
        out[i] = bytes[i] / 255.0f;
}

mi_status mi__dataset_check_index(const mi_dataset *set, int64_t count, const int64_t *index) {
    if (count < 0 || (index == NULL && count > set->count))
        return mi__fail(MI_E_ARG, "count must be in 0 to %" PRId64 ", got %" PRId64, set->count,
                        count);
    for (int64_t i = 0; index != NULL && i < count; i++)
        if (index[i] < 0 || index[i] >= set->count)
            return mi__fail(MI_E_ARG,
                            "index[%" PRId64 "] is %" PRId64 ", the set has %" PRId64 " images", i,
                            index[i], set->count);
    return MI_OK;
}

mi_status mi_dataset_read(const mi_dataset *dataset, int64_t count, const int64_t *index,
                          float *pixels, int32_t *labels) {
    MI__NEED(dataset);
    MI__TRY(mi__dataset_check_index(dataset, count, index));
    int64_t values = dataset->values;
    for (int64_t i = 0; i < count; i++) {
        int64_t image = index == NULL ? i : index[i];
        if (pixels != NULL)
            mi__dataset_values(dataset, image * values, values, pixels + i * values);
        if (labels != NULL)
            labels[i] = dataset->labels == NULL ? -1 : dataset->labels[image];
    }
    return MI_OK;
}
