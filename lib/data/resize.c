/* SPDX-License-Identifier: BSD-2-Clause */
#include "resize.h"

#include <math.h>
#include <string.h>

/* Which pixels of a line become pixel i of `size`, and with which weights, whose sum is 1. */
typedef struct taps {
    int32_t *first, *count; /* [size] */
    float *weight;          /* [size][most] */
    int32_t size, most;
} taps;

static void fill_areas(const taps *t, int32_t side) {
    for (int32_t i = 0; i < t->size; i++) {
        const double begin = (double)i * side / t->size, end = (i + 1.0) * side / t->size;
        float *weight = t->weight + (int64_t)i * t->most;
        t->first[i] = (int32_t)begin;
        t->count[i] = MI__MIN((int32_t)ceil(end), side) - t->first[i];
        for (int32_t k = 0; k < t->count[i]; k++) {
            const double pixel = t->first[i] + k;
            weight[k] = (float)((fmin(end, pixel + 1) - fmax(begin, pixel)) / (end - begin));
        }
    }
}

static void fill_bilinear(const taps *t, int32_t side) {
    for (int32_t i = 0; i < t->size; i++) {
        const double place = fmin(fmax((i + 0.5) * side / t->size - 0.5, 0), side - 1);
        float *weight = t->weight + (int64_t)i * t->most;
        t->first[i] = (int32_t)place;
        t->count[i] = MI__MIN(2, side - t->first[i]);
        weight[1] = (float)(place - t->first[i]);
        weight[0] = 1 - weight[1];
    }
}

/* Row i of the result before its columns are joined. */
static void join_rows(const taps *t, int32_t i, const uint8_t *image, int64_t stride, int64_t n,
                      float *restrict row) {
    memset(row, 0, (size_t)n * sizeof *row);
    image += t->first[i] * stride;
    for (int32_t k = 0; k < t->count[i]; k++, image += stride) {
        const float weight = t->weight[(int64_t)i * t->most + k];
        for (int64_t v = 0; v < n; v++)
            row[v] += weight * (float)image[v];
    }
}

static void join_columns(const taps *t, const float *row, int32_t channels, uint8_t *out) {
    for (int32_t i = 0; i < t->size; i++)
        for (int32_t c = 0; c < channels; c++) {
            float sum = 0.5f;
            for (int32_t k = 0; k < t->count[i]; k++)
                sum += t->weight[(int64_t)i * t->most + k] *
                       row[(int64_t)(t->first[i] + k) * channels + c];
            *out++ = (uint8_t)sum;
        }
}

mi_status mi__resize_square(mi_context *context, const uint8_t *image, int32_t height,
                            int32_t width, int32_t channels, int32_t size, uint8_t *out) {
    const int32_t side = MI__MIN(height, width), most = side / size + 2;
    const int64_t n = (int64_t)side * channels, stride = (int64_t)width * channels;
    image += (height - side) / 2 * stride + (width - side) / 2 * (int64_t)channels;
    int32_t *places = mi__alloc(context, 2 * (int64_t)size, sizeof *places);
    float *weight = mi__alloc(context, (int64_t)size * most, sizeof *weight);
    float *row = mi__alloc(context, n, sizeof *row);
    const bool there = places != NULL && weight != NULL && row != NULL;
    if (there) {
        const taps t = {places, places + size, weight, size, most};
        (side > size ? fill_areas : fill_bilinear)(&t, side);
        for (int32_t i = 0; i < size; i++) {
            join_rows(&t, i, image, stride, n, row);
            join_columns(&t, row, channels, out + (int64_t)i * size * channels);
        }
    }
    mi__free(context, places, 2 * (int64_t)size, sizeof *places);
    mi__free(context, weight, (int64_t)size * most, sizeof *weight);
    mi__free(context, row, n, sizeof *row);
    return there ? MI_OK : MI_E_NOMEM;
}
