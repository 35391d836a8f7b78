/* SPDX-License-Identifier: BSD-2-Clause */
#include "pairs_options.h"

#include <inttypes.h>
#include <math.h>

#define MOST_WORKERS 64
#define MOST_REPEATS 64

static mi_status int_option(const char *name, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high)
        return mi__fail(MI_E_ARG, "%s must be in %" PRId64 " to %" PRId64 ", got %" PRId64, name,
                        low, high, value);
    return MI_OK;
}

/* 0 is the default, anything negative is 0. */
static mi_status real_option(const char *name, double *value, double standard, double high) {
    if (!(*value <= high))
        return mi__fail(MI_E_ARG, "%s must be at most %g, got %g", name, high, *value);
    *value = *value == 0 ? standard : fmax(*value, 0);
    return MI_OK;
}

static mi_status load_crops(mi_pairs_options *o, int32_t side) {
    static const int32_t standard[] = {20, 22, 24};
    if (o->crops[0] == 0)
        for (int i = 0; i < 3; i++)
            o->crops[i] = MI__MAX((2 * standard[i] * o->size + 24) / 48, 1);
    for (int i = 0; i < MI__MOST_CROPS && o->crops[i] != 0; i++) {
        if (o->crops[i] < 0)
            return mi__fail(MI_E_ARG, "crops[%d] must not be negative, got %d", i, o->crops[i]);
        if (o->crops[i] > side)
            return mi__fail(MI_E_SHAPE, "crops[%d] is %d, the images are %d x %d", i, o->crops[i],
                            side, side);
    }
    return MI_OK;
}

mi_status mi__pairs_options_load(const mi_context *context, const mi_dataset *set,
                                 const mi_pairs_options *options, mi_pairs_options *o) {
    MI__TRY(mi__options_load(o, sizeof *o, sizeof *o, options, "mi_pairs_options"));
    if (set->height != set->width)
        return mi__fail(MI_E_SHAPE, "images must be square, these are %d x %d", set->height,
                        set->width);
    if (set->count > UINT32_MAX)
        return mi__fail(MI_E_SHAPE, "the set has %" PRId64 " images, at most %u can be shuffled",
                        set->count, UINT32_MAX);
    if (o->seed == 0)
        o->seed = context->options.seed;
    o->batch = o->batch == 0 ? 128 : o->batch;
    o->repeats = o->repeats == 0 ? 1 : o->repeats;
    o->size = o->size == 0 ? set->height - set->height / 7 : o->size;
    o->workers = o->workers == 0 ? 1 : o->workers;
    o->ahead = o->ahead == 0 ? 4 : o->ahead;
    if (o->batch > set->count)
        return mi__fail(MI_E_SHAPE, "batch is %" PRId64 ", the set has %" PRId64 " images",
                        o->batch, set->count);
    if (o->size > set->height)
        return mi__fail(MI_E_SHAPE, "size is %d, the images are %d x %d", o->size, set->height,
                        set->width);
    MI__TRY(int_option("batch", o->batch, 1, set->count));
    MI__TRY(int_option("repeats", o->repeats, 1, MOST_REPEATS));
    MI__TRY(int_option("size", o->size, 1, set->height));
    MI__TRY(int_option("workers", o->workers, -1, MOST_WORKERS));
    MI__TRY(int_option("ahead", o->ahead, 1, MI__MOST_AHEAD));
    MI__TRY(int_option("rotation_crop", o->rotation_crop, 0, 1));
    MI__TRY(int_option("reserved0", o->reserved0, 0, 0));
    MI__TRY(real_option("rotation", &o->rotation, 20, 180));
    MI__TRY(real_option("rotation_share", &o->rotation_share, 0.5, 1));
    MI__TRY(real_option("centre_share", &o->centre_share, 0.5, 1));
    return load_crops(o, set->height);
}
