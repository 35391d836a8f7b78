/* SPDX-License-Identifier: BSD-2-Clause */
#include "warp.h"

#include <math.h>
#include <string.h>

#define BEFORE 1
#define FRAME 3
#define CHUNK 64 /* points of a line that are found before they are sampled */

#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
typedef float lanes __attribute__((vector_size(16)));
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

void mi__warp_centre(const float *framed, int32_t side, int32_t channels, int32_t size,
                     float *out) {
    const int64_t stride = (int64_t)(side + FRAME) * channels, row = (int64_t)size * channels;
    const int64_t margin = (side - size) / 2 + BEFORE;
    const float *in = framed + margin * stride + margin * channels;
    for (int32_t r = 0; r < size; r++)
        memcpy(out + r * row, in + r * stride, (size_t)row * sizeof *out);
}

/* Exactly `a` at weight 0, and finite for whatever is finite. */
INLINE float between(float a, float b, float weight) {
    return (1 - weight) * a + weight * b;
}

/* Points of a line: between pixel at[c] and its neighbours to the right and below, (wx, wy) of the
 * way. */
typedef struct points {
    int32_t at[CHUNK];
    float wx[CHUNK], wy[CHUNK];
} points;

/* Into the frame, whose zeros are what lies outside of the image. */
INLINE float clamp(float position, float most) {
    position = position > 0 ? position : 0;
    return position < most ? position : most;
}

static void find(float x0, float y0, float step_x, float step_y, int32_t side, int32_t first,
                 int32_t n, points *p) {
    const float most = (float)(side + 1);
    for (int32_t c = 0; c < n; c++) {
        const float x = clamp(x0 + step_x * (float)(first + c), most);
        const float y = clamp(y0 + step_y * (float)(first + c), most);
        const int32_t column = (int32_t)x, row = (int32_t)y;
        p->at[c] = row * (side + FRAME) + column;
        p->wx[c] = x - (float)column;
        p->wy[c] = y - (float)row;
    }
}

static void sample(int32_t channels, const float *framed, int64_t stride, const points *p,
                   int32_t n, float *out) {
    for (int32_t c = 0; c < n; c++) {
        const float *a = framed + p->at[c] * (int64_t)channels, *b = a + stride;
        for (int32_t k = 0; k < channels; k++)
            *out++ = between(between(a[k], a[k + channels], p->wx[c]),
                             between(b[k], b[k + channels], p->wx[c]), p->wy[c]);
    }
}

/* Two neighbours are copied as one number, the rest are loops without a jump. */
static void sample_1(const float *framed, int64_t stride, const points *p, int32_t n, float *out) {
    float a[CHUNK][2], b[CHUNK][2];
    for (int32_t c = 0; c < n; c++) {
        memcpy(a[c], framed + p->at[c], sizeof a[c]);
        memcpy(b[c], framed + p->at[c] + stride, sizeof b[c]);
    }
    for (int32_t c = 0; c < n; c++)
        out[c] = between(between(a[c][0], a[c][1], p->wx[c]), between(b[c][0], b[c][1], p->wx[c]),
                         p->wy[c]);
}

#ifdef __GNUC__
INLINE lanes load(const float *p) {
    lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE lanes lanes_between(lanes a, lanes b, float weight) {
    return (1 - weight) * a + weight * b;
}

/* Three channels and one value of the next pixel at once, which the next round overwrites. There is
 * a next pixel in the frame, since no point lies beyond two sides of the image. */
static void sample_3(const float *framed, int64_t stride, const points *p, int32_t n, float *out) {
    for (int32_t c = 0; c < n; c++, out += 3) {
        const float *a = framed + 3 * (int64_t)p->at[c], *b = a + stride;
        const lanes v = lanes_between(lanes_between(load(a), load(a + 3), p->wx[c]),
                                      lanes_between(load(b), load(b + 3), p->wx[c]), p->wy[c]);
        memcpy(out, &v, (c < n - 1 ? 4 : 3) * sizeof *out);
    }
}
#else
static void sample_3(const float *framed, int64_t stride, const points *p, int32_t n, float *out) {
    sample(3, framed, stride, p, n, out);
}
#endif

void mi__warp_rotate(const float *framed, int32_t side, int32_t channels, double radians,
                     bool whole, int32_t size, float *out) {
    const int64_t stride = (int64_t)(side + FRAME) * channels;
    const double centre = (side - 1) / 2.0, step = whole ? (double)side / size : 1;
    const double first = (whole ? (step - 1) / 2 : (side - size) / 2) - centre;
    const double cosine = cos(radians), sine = sin(radians);
    for (int32_t r = 0; r < size; r++) {
        const double x = centre + BEFORE + cosine * first - sine * (first + r * step);
        const double y = centre + BEFORE + sine * first + cosine * (first + r * step);
        for (int32_t c = 0; c < size; c += CHUNK) {
            points p;
            const int32_t n = MI__MIN(size - c, CHUNK);
            find((float)x, (float)y, (float)(cosine * step), (float)(sine * step), side, c, n, &p);
            if (channels == 1)
                sample_1(framed, stride, &p, n, out);
            else if (channels == 3)
                sample_3(framed, stride, &p, n, out);
            else
                sample(channels, framed, stride, &p, n, out);
            out += (int64_t)n * channels;
        }
    }
}

void mi__warp_axis_fill(mi__warp_axis *axis, int32_t size) {
    for (int32_t i = 0; i < size; i++) {
        double position = (i + 0.5) * axis->crop / size - 0.5;
        position = fmin(fmax(position, 0), axis->crop - 1);
        axis->from[i] = (int32_t)position;
        axis->weight[i] = (float)(position - axis->from[i]);
    }
}

void mi__warp_axis_reverse(mi__warp_axis *axis, int32_t size) {
    for (int32_t i = 0, j = size - 1; i < j; i++, j--) {
        const int32_t from = axis->from[i];
        const float weight = axis->weight[i];
        axis->from[i] = axis->from[j];
        axis->weight[i] = axis->weight[j];
        axis->from[j] = from;
        axis->weight[j] = weight;
    }
}

static void resize_row(int32_t channels, const float *in, const mi__warp_axis *axis, int32_t size,
                       float *out) {
    for (int32_t c = 0; c < size; c++) {
        const float *p = in + (int64_t)axis->from[c] * channels;
        for (int32_t k = 0; k < channels; k++)
            *out++ = between(p[k], p[k + channels], axis->weight[c]);
    }
}

static void resize_row_1(const float *in, const mi__warp_axis *axis, int32_t size,
                         float *restrict out) {
    for (int32_t c = 0; c < size; c++)
        out[c] = between(in[axis->from[c]], in[axis->from[c] + 1], axis->weight[c]);
}

/* As in sample_3(): a fourth value is behind the line, in what is written later or never read. */
static void resize_row_3(const float *in, const mi__warp_axis *axis, int32_t size, float *out) {
#ifdef __GNUC__
    for (int32_t c = 0; c < size; c++, out += 3) {
        const float *p = in + 3 * (int64_t)axis->from[c];
        const lanes v = lanes_between(load(p), load(p + 3), axis->weight[c]);
        memcpy(out, &v, sizeof v);
    }
#else
    resize_row(3, in, axis, size, out);
#endif
}

static void mix_rows(int64_t n, const float *a, float weight, float *restrict out) {
    for (int64_t i = 0; i < n; i++)
        out[i] = between(a[i], a[i + n], weight);
}

void mi__warp_resize(const float *framed, int32_t side, int32_t channels, const mi__warp_axis *down,
                     const mi__warp_axis *across, int64_t top, int64_t left, int32_t size,
                     float *scratch, float *out) {
    const int64_t stride = (int64_t)(side + FRAME) * channels, row = (int64_t)size * channels;
    const float *in = framed + (top + BEFORE) * stride + (left + BEFORE) * channels;
    for (int32_t r = 0; r < down->crop; r++, in += stride)
        if (channels == 1)
            resize_row_1(in, across, size, scratch + r * row);
        else if (channels == 3)
            resize_row_3(in, across, size, scratch + r * row);
        else
            resize_row(channels, in, across, size, scratch + r * row);
    for (int32_t r = 0; r < size; r++)
        mix_rows(row, scratch + down->from[r] * row, down->weight[r], out + r * row);
}
