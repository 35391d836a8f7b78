/* SPDX-License-Identifier: BSD-2-Clause */
#include "colour.h"

#include "../base/base.h"

#include <float.h>

#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

static void take_apart(const float *x, int32_t n, mi__planes *p) {
    for (int32_t i = 0; i < n; i++) {
        p->r[i] = x[3 * i];
        p->g[i] = x[3 * i + 1];
        p->b[i] = x[3 * i + 2];
    }
}

static void put_together(const mi__planes *p, int32_t n, float *x) {
    for (int32_t i = 0; i < n; i++) {
        x[3 * i] = p->r[i];
        x[3 * i + 1] = p->g[i];
        x[3 * i + 2] = p->b[i];
    }
}

INLINE float least(float a, float b) {
    return a < b ? a : b;
}

INLINE float most(float a, float b) {
    return a > b ? a : b;
}

INLINE float cut(float value) {
    return least(most(value, 0), 1);
}

INLINE float luma(float r, float g, float b) {
    return 0.299f * r + 0.587f * g + 0.114f * b;
}

/* -- steps ------------------------------------------------------------------------------------ */

/* sum[i] += the greys of what comes of it. */
static void brighten(mi__planes *p, int32_t n, float factor, double *sum) {
    for (int32_t i = 0; i < n; i++) {
        p->r[i] = cut(factor * p->r[i]);
        p->g[i] = cut(factor * p->g[i]);
        p->b[i] = cut(factor * p->b[i]);
    }
    for (int32_t i = 0; i < n; i++)
        sum[i] += (double)luma(p->r[i], p->g[i], p->b[i]);
}

static void contrast(mi__planes *p, int32_t n, float factor, float mean) {
    const float rest = (1 - factor) * mean;
    for (int32_t i = 0; i < n; i++) {
        p->r[i] = cut(factor * p->r[i] + rest);
        p->g[i] = cut(factor * p->g[i] + rest);
        p->b[i] = cut(factor * p->b[i] + rest);
    }
}

static void saturate(mi__planes *p, int32_t n, float factor) {
    for (int32_t i = 0; i < n; i++) {
        const float rest = (1 - factor) * luma(p->r[i], p->g[i], p->b[i]);
        p->r[i] = cut(factor * p->r[i] + rest);
        p->g[i] = cut(factor * p->g[i] + rest);
        p->b[i] = cut(factor * p->b[i] + rest);
    }
}

/* How much of the chroma a channel lacks whose place on the circle is k sixths before, k in 0 to
 * 12. */
INLINE float lack(float k) {
    const float less = k - 6;
    k = k < 6 ? k : less;
    return cut(least(k, 4 - k));
}

/* Without jumps: the hue in sixths of a circle, from the channel that is largest on, and back. */
static void turn_hue(mi__planes *p, int32_t n, float sixths) {
    for (int32_t i = 0; i < n; i++) {
        const float r = p->r[i], g = p->g[i], b = p->b[i];
        const float value = most(most(r, g), b), chroma = value - least(least(r, g), b);
        const float scale = 1 / most(chroma, FLT_MIN);
        const float from_red = (g - b) * scale, from_green = (b - r) * scale + 2;
        const float from_blue = (r - g) * scale + 4;
        float hue = value == g ? from_green : from_blue;
        hue = (value == r ? from_red : hue) + sixths;
        const float more = hue + 6;
        hue = hue < 0 ? more : hue;
        const float less = hue - 6;
        hue = hue < 6 ? hue : less;
        p->r[i] = value - chroma * lack(hue + 5);
        p->g[i] = value - chroma * lack(hue + 3);
        p->b[i] = value - chroma * lack(hue + 1);
    }
}

static void turn_grey(mi__planes *p, int32_t n) {
    for (int32_t i = 0; i < n; i++)
        p->r[i] = p->g[i] = p->b[i] = luma(p->r[i], p->g[i], p->b[i]);
}

/* -- images ----------------------------------------------------------------------------------- */

static int32_t in_plane(int64_t pixels, int64_t at) {
    return (int32_t)MI__MIN(pixels - at, MI__PLANE);
}

/* Tells the mean grey of what comes of it. */
static float brighten_all(float factor, int64_t pixels, mi__planes *planes) {
    double sum[MI__PLANE] = {0}, total = 0;
    for (int64_t at = 0; at < pixels; at += MI__PLANE)
        brighten(planes++, in_plane(pixels, at), factor, sum);
    for (int32_t i = 0; i < MI__PLANE; i++)
        total += sum[i];
    return (float)(total / (double)pixels);
}

static void change_plane(const mi__colour *c, float mean, int32_t n, mi__planes *p) {
    if (c->jitter) {
        contrast(p, n, c->contrast, mean);
        saturate(p, n, c->saturation);
    }
    if (c->jitter && c->hue != 0)
        turn_hue(p, n, 6 * c->hue);
    if (c->grey)
        turn_grey(p, n);
}

/* Brightness and contrast of whatever channels. */
static void jitter_values(const mi__colour *c, int64_t values, float *x) {
    double sum[MI__PLANE] = {0}, total = 0;
    for (int64_t at = 0; at < values; at += MI__PLANE)
        for (int64_t i = 0; i < MI__MIN(values - at, MI__PLANE); i++) {
            x[at + i] = cut(c->brightness * x[at + i]);
            sum[i] += (double)x[at + i];
        }
    for (int32_t i = 0; i < MI__PLANE; i++)
        total += sum[i];
    const float rest = (1 - c->contrast) * (float)(total / (double)values);
    for (int64_t i = 0; i < values; i++)
        x[i] = cut(c->contrast * x[i] + rest);
}

int64_t mi__colour_planes(int64_t pixels) {
    return (pixels + MI__PLANE - 1) / MI__PLANE;
}

void mi__colour_change(const mi__colour *c, int32_t channels, int64_t pixels, mi__planes *planes,
                       float *x) {
    if (channels != 3) {
        if (c->jitter)
            jitter_values(c, pixels * channels, x);
        return;
    }
    if (!c->jitter && !c->grey)
        return;
    for (int64_t at = 0; at < pixels; at += MI__PLANE)
        take_apart(x + 3 * at, in_plane(pixels, at), &planes[at / MI__PLANE]);
    const float mean = c->jitter ? brighten_all(c->brightness, pixels, planes) : 0;
    for (int64_t at = 0; at < pixels; at += MI__PLANE) {
        mi__planes *p = &planes[at / MI__PLANE];
        change_plane(c, mean, in_plane(pixels, at), p);
        put_together(p, in_plane(pixels, at), x + 3 * at);
    }
}
