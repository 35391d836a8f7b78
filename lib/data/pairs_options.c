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

/* -- what one recipe has and the other hasn't ------------------------------------------------- */

typedef struct real {
    const char *name;
    size_t at; /* in mi_pairs_options */
    double standard, high;
} real;

#define REAL(name) #name, offsetof(mi_pairs_options, name)

static const real of_digits[] = {
    {REAL(rotation), 20, 180}, {REAL(rotation_share), 0.5, 1}, {REAL(centre_share), 0.5, 1}, {0}};
static const real of_natural[] = {
    {REAL(scale_min), 0.2, 1},  {REAL(flip_share), 0.5, 1}, {REAL(jitter_share), 0.8, 1},
    {REAL(brightness), 0.4, 1}, {REAL(contrast), 0.4, 1},   {REAL(saturation), 0.4, 1},
    {REAL(hue), 0.1, 0.5},      {REAL(grey_share), 0.2, 1}, {0}};

static double *member(mi_pairs_options *o, const real *r) {
    return (double *)(void *)((char *)o + r->at);
}

static mi_status load_reals(mi_pairs_options *o, const real *r) {
    for (; r->name != NULL; r++)
        MI__TRY(real_option(r->name, member(o, r), r->standard, r->high));
    return MI_OK;
}

/* None of these is asked for. */
static mi_status refuse_reals(mi_pairs_options *o, const real *r) {
    for (; r->name != NULL; r++)
        if (!(*member(o, r) <= 0))
            return mi__fail(MI_E_ARG, "%s is %g, but recipe %d has none", r->name, *member(o, r),
                            o->recipe);
    return MI_OK;
}

static mi_status load_digits(mi_pairs_options *o, int32_t side) {
    MI__TRY(int_option("rotation_crop", o->rotation_crop, 0, 1));
    MI__TRY(load_reals(o, of_digits));
    MI__TRY(refuse_reals(o, of_natural));
    return load_crops(o, side);
}

static mi_status load_natural(mi_pairs_options *o) {
    if (o->rotation_crop != 0 || o->crops[0] != 0)
        return mi__fail(MI_E_ARG, "rotation_crop is %d and crops[0] %d, but recipe %d has none",
                        o->rotation_crop, o->crops[0], o->recipe);
    MI__TRY(refuse_reals(o, of_digits));
    const bool whole = o->scale_min < 0;
    MI__TRY(load_reals(o, of_natural));
    o->scale_min = whole ? 1 : o->scale_min;
    return MI_OK;
}

/* -- what all have ---------------------------------------------------------------------------- */

static void fill_sizes(mi_pairs_options *o, int32_t side) {
    const bool natural = o->recipe == MI_RECIPE_NATURAL;
    o->batch = o->batch == 0 ? 128 : o->batch;
    o->repeats = o->repeats == 0 ? 1 : o->repeats;
    o->size = o->size != 0 ? o->size : natural ? side : side - side / 7;
    o->workers = o->workers == 0 ? 1 : o->workers;
    o->ahead = o->ahead == 0 ? 4 : o->ahead;
}

static mi_status check_sizes(const mi_pairs_options *o, const mi_dataset *set) {
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
    return int_option("reserved0", o->reserved0, 0, 0);
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
    MI__TRY(int_option("recipe", o->recipe, MI_RECIPE_DIGITS, MI_RECIPE_NATURAL));
    MI__TRY(int_option("first_plain", o->first_plain, 0, 1));
    fill_sizes(o, set->height);
    MI__TRY(check_sizes(o, set));
    return o->recipe == MI_RECIPE_NATURAL ? load_natural(o) : load_digits(o, set->height);
}
