/* SPDX-License-Identifier: BSD-2-Clause */
#include "warp.h"

#include <math.h>

#define BEFORE 1
#define FRAME 3

/* The loops below exist once for any number of channels, once for 1 and once for 3. */
#define BY_CHANNELS(function, channels, ...)                                                       \
    do {                                                                                           \
        if ((channels) == 1)                                                                       \
            function(1, __VA_ARGS__);                                                              \
        else if ((channels) == 3)                                                                  \
            function(3, __VA_ARGS__);                                                              \
        else                                                                                       \
            function(channels, __VA_ARGS__);                                                       \
    } while (0)

#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

int64_t mi__warp_values(int32_t side, int32_t channels) {
    return (int64_t)(side + FRAME) * (side + FRAME) * channels;
}

void mi__warp_load(const mi_dataset *set, int64_t image, float *framed) {
    int64_t row = (int64_t)set->width * set->channels;
    int64_t stride = row + FRAME * (int64_t)set->channels;
    for (int64_t y = 0; y < set->height; y++)
        mi__dataset_values(set, image * set->values + y * row, row,
                           framed + (y + BEFORE) * stride + BEFORE * set->channels);
}

void mi__warp_plain(const mi_dataset *set, int64_t image, int32_t size, float *out) {
    int64_t row = (int64_t)set->width * set->channels, out_row = (int64_t)size * set->channels;
    int64_t top = (set->height - size) / 2, left = (set->width - size) / 2;
    int64_t first = image * set->values + top * row + left * set->channels;
    for (int64_t y = 0; y < size; y++)
        mi__dataset_values(set, first + y * row, out_row, out + y * out_row);
}

/* Exactly `a` at weight 0, and finite for whatever is finite. */
INLINE float between(float a, float b, float weight) {
    return (1 - weight) * a + weight * b;
}

/* Into the frame, whose zeros are what lies outside of the image. */
INLINE float clamp(float position, float most) {
    position = position > 0 ? position : 0;
    return position < most ? position : most;
}

INLINE void rotate(int32_t channels, const float *framed, int32_t side, double radians, bool whole,
                   int32_t size, float *out) {
    const int64_t stride = (int64_t)(side + FRAME) * channels;
    const double centre = (side - 1) / 2.0, step = whole ? (double)side / size : 1;
    const double first = (whole ? (step - 1) / 2 : (side - size) / 2) - centre;
    const double cosine = cos(radians), sine = sin(radians);
    const float step_x = (float)(cosine * step), step_y = (float)(sine * step),
                most = (float)(side + 1);
    for (int32_t r = 0; r < size; r++) {
        const float x0 = (float)(centre + BEFORE + cosine * first - sine * (first + r * step));
        const float y0 = (float)(centre + BEFORE + sine * first + cosine * (first + r * step));
        for (int32_t c = 0; c < size; c++) {
            const float x = clamp(x0 + step_x * (float)c, most);
            const float y = clamp(y0 + step_y * (float)c, most);
            const int32_t column = (int32_t)x, row = (int32_t)y;
            const float wx = x - (float)column, wy = y - (float)row;
            const float *p = framed + row * stride + (int64_t)column * channels;
            for (int32_t k = 0; k < channels; k++, p++)
                *out++ = between(between(p[0], p[channels], wx),
                                 between(p[stride], p[stride + channels], wx), wy);
        }
    }
}

void mi__warp_rotate(const float *framed, int32_t side, int32_t channels, double radians,
                     bool whole, int32_t size, float *out) {
    BY_CHANNELS(rotate, channels, framed, side, radians, whole, size, out);
}

void mi__warp_axis_fill(mi__warp_axis *axis, int32_t size) {
    for (int32_t i = 0; i < size; i++) {
        double position = (i + 0.5) * axis->crop / size - 0.5;
        position = fmin(fmax(position, 0), axis->crop - 1);
        axis->from[i] = (int32_t)position;
        axis->weight[i] = (float)(position - axis->from[i]);
    }
}

INLINE void resize_rows(int32_t channels, const float *in, int64_t stride,
                        const mi__warp_axis *axis, int32_t size, float *out) {
    for (int32_t r = 0; r < axis->crop; r++, in += stride)
        for (int32_t c = 0; c < size; c++) {
            const float *p = in + (int64_t)axis->from[c] * channels;
            for (int32_t k = 0; k < channels; k++)
                *out++ = between(p[k], p[k + channels], axis->weight[c]);
        }
}

void mi__warp_resize(const float *framed, int32_t side, int32_t channels, const mi__warp_axis *axis,
                     int64_t top, int64_t left, int32_t size, float *scratch, float *out) {
    const int64_t stride = (int64_t)(side + FRAME) * channels;
    const float *corner = framed + (top + BEFORE) * stride + (left + BEFORE) * channels;
    BY_CHANNELS(resize_rows, channels, corner, stride, axis, size, scratch);
    const int64_t row = (int64_t)size * channels;
    for (int32_t r = 0; r < size; r++, out += row) {
        const float *a = scratch + axis->from[r] * row, *b = a + row;
        const float weight = axis->weight[r];
        for (int64_t i = 0; i < row; i++)
            out[i] = between(a[i], b[i], weight);
    }
}
