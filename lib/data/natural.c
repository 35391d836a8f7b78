/* SPDX-License-Identifier: BSD-2-Clause */
#include "natural.h"

#include <math.h>

#define TRIES 10
#define RATIO (4.0 / 3)

typedef struct rectangle {
    int32_t top, left, height, width;
} rectangle;

static int32_t to_pixels(double length) {
    return MI__MAX((int32_t)lround(length), 1);
}

/* The whole image if no try fits into it. */
static rectangle draw_crop(const mi_pairs_options *o, int32_t side, mi__random *r) {
    for (int i = 0; i < TRIES && o->scale_min < 1; i++) {
        const double area = mi__random_range(r, o->scale_min, 1) * side * side;
        const double ratio = exp(mi__random_range(r, -log(RATIO), log(RATIO)));
        const int32_t width = to_pixels(sqrt(area * ratio));
        const int32_t height = to_pixels(sqrt(area / ratio));
        if (width > side || height > side)
            continue;
        rectangle crop = {.height = height, .width = width};
        crop.top = (int32_t)mi__random_below(r, side - height + 1);
        crop.left = (int32_t)mi__random_below(r, side - width + 1);
        return crop;
    }
    return (rectangle){0, 0, side, side};
}

static float draw_factor(double strength, mi__random *r) {
    return (float)mi__random_range(r, 1 - strength, 1 + strength);
}

static mi__colour draw_colour(const mi_pairs_options *o, mi__random *r) {
    mi__colour c;
    c.jitter = mi__random_uniform(r) < o->jitter_share;
    c.brightness = draw_factor(o->brightness, r);
    c.contrast = draw_factor(o->contrast, r);
    c.saturation = draw_factor(o->saturation, r);
    c.hue = (float)mi__random_range(r, -o->hue, o->hue);
    c.grey = mi__random_uniform(r) < o->grey_share;
    return c;
}

void mi__natural_view(const mi__twins *t, mi__twins_room *room, mi__random *r, float *out) {
    const mi_pairs_options *o = t->options;
    const int32_t side = t->dataset->height, channels = t->dataset->channels;
    const rectangle crop = draw_crop(o, side, r);
    const bool mirrored = mi__random_uniform(r) < o->flip_share;
    const mi__colour colour = draw_colour(o, r);
    room->down.crop = crop.height;
    room->across.crop = crop.width;
    mi__warp_axis_fill(&room->down, o->size);
    mi__warp_axis_fill(&room->across, o->size);
    if (mirrored)
        mi__warp_axis_reverse(&room->across, o->size);
    mi__warp_resize(room->framed, side, channels, &room->down, &room->across, crop.top, crop.left,
                    o->size, room->scratch, out);
    mi__colour_change(&colour, channels, (int64_t)o->size * o->size, room->planes, out);
}
