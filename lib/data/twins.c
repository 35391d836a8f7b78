/* SPDX-License-Identifier: BSD-2-Clause */
#include "twins.h"

#include "natural.h"

#define PI 3.141592653589793

static void draw_digit(const mi__twins *t, const mi__twins_room *b, mi__random r, float *out) {
    const mi_pairs_options *o = t->options;
    int32_t side = t->dataset->height, channels = t->dataset->channels;
    if (mi__random_uniform(&r) < o->rotation_share) {
        double degrees = mi__random_range(&r, -o->rotation, o->rotation);
        mi__warp_rotate(b->framed, side, channels, degrees * (PI / 180), o->rotation_crop == 0,
                        o->size, out);
        return;
    }
    const mi__warp_axis *axis = &t->axes[mi__random_below(&r, t->axis_count)];
    int64_t room = side - axis->crop, top = room / 2, left = room / 2;
    if (mi__random_uniform(&r) >= o->centre_share) {
        top = mi__random_below(&r, room + 1);
        left = mi__random_below(&r, room + 1);
    }
    mi__warp_resize(b->framed, side, channels, axis, axis, top, left, o->size, b->scratch, out);
}

/* 16 blocks of numbers for each of at most 64 views of an image */
static mi__random random_of(uint64_t seed, uint64_t stream, uint64_t position, int32_t view) {
    const uint64_t counter = (uint64_t)(uint32_t)position << 10 | (uint64_t)view << 4;
    return mi__random_at(seed, stream + (position >> 32), counter);
}

void mi__twins_make(const mi__twins *t, mi__twins_room *room, uint64_t position, int64_t image,
                    float *x, float *xt) {
    const mi_pairs_options *o = t->options;
    const int32_t side = t->dataset->height, channels = t->dataset->channels;
    const bool natural = o->recipe == MI_RECIPE_NATURAL;
    mi__warp_load(t->dataset, image, room->framed);
    if (natural && o->first_plain == 0) {
        mi__random r = random_of(o->seed, MI__STREAM_FIRST_VIEW, position, 0);
        mi__natural_view(t, room, &r, x);
    } else {
        mi__warp_centre(room->framed, side, channels, o->size, x);
    }
    for (int32_t j = 0; j < o->repeats; j++, xt += (int64_t)o->size * o->size * channels) {
        mi__random r = random_of(o->seed, MI__STREAM_AUGMENT, position, j);
        if (natural)
            mi__natural_view(t, room, &r, xt);
        else
            draw_digit(t, room, r, xt);
    }
}

mi_status mi_pairs_plain(const mi_dataset *dataset, int32_t size, int64_t count,
                         const int64_t *index, float *x) {
    MI__NEED(dataset);
    MI__NEED(x);
    if (dataset->height != dataset->width)
        return mi__fail(MI_E_SHAPE, "images must be square, these are %d x %d", dataset->height,
                        dataset->width);
    if (size < 1 || size > dataset->height)
        return mi__fail(MI_E_SHAPE, "size must be in 1 to %d, the side of the images, got %d",
                        dataset->height, size);
    MI__TRY(mi__dataset_check_index(dataset, count, index));
    int64_t view = (int64_t)size * size * dataset->channels;
    for (int64_t i = 0; i < count; i++)
        mi__warp_plain(dataset, index == NULL ? i : index[i], size, x + i * view);
    return MI_OK;
}
