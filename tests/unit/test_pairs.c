/* SPDX-License-Identifier: BSD-2-Clause */
#include "scratch.h"

#include "../../lib/base/random.h"
#include "../../lib/data/warp.h"

#include <stdbool.h>
#include <time.h>

/* Images whose every value differs, so that a misplaced pixel shows. */
static mi_dataset *random_set(int64_t count, int32_t side, int32_t channels) {
    int64_t n = count * side * side * channels;
    uint8_t *pixels = malloc((size_t)n);
    mi__random r = mi__random_at(3, 0, 0);
    for (int64_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)mi__random_below(&r, 256);
    mi_dataset *set;
    OK(mi_dataset_from_u8(NULL, count, side, side, channels, pixels, NULL, &set));
    free(pixels);
    return set;
}

typedef struct batch {
    float *x, *xt;
    int64_t *index;
    size_t x_bytes, xt_bytes, index_bytes;
} batch;

static batch batch_for(const mi_pairs *pairs) {
    int64_t n;
    int32_t repeats, size, channels;
    OK(mi_pairs_sizes(pairs, &n, &repeats, &size, &channels));
    batch b = {.x_bytes = (size_t)(n * size * size * channels) * sizeof(float)};
    b.xt_bytes = b.x_bytes * (size_t)repeats;
    b.index_bytes = (size_t)n * sizeof(int64_t);
    b.x = malloc(b.x_bytes);
    b.xt = malloc(b.xt_bytes);
    b.index = malloc(b.index_bytes);
    return b;
}

static void batch_free(batch *b) {
    free(b->x);
    free(b->xt);
    free(b->index);
}

static void ck_same(const batch *a, const batch *b) {
    ck_assert_mem_eq(a->index, b->index, a->index_bytes);
    ck_assert_mem_eq(a->x, b->x, a->x_bytes);
    ck_assert_mem_eq(a->xt, b->xt, a->xt_bytes);
}

/* -- the naive twin: double precision, bounds checked, one pixel at a time --------------------- */

typedef struct image {
    const float *values;
    int side, channels;
} image;

static double pixel(image m, int y, int x, int k) {
    bool inside = y >= 0 && x >= 0 && y < m.side && x < m.side;
    return inside ? (double)m.values[(y * m.side + x) * m.channels + k] : 0;
}

static double sample(image m, double y, double x, int k) {
    int r = (int)floor(y), c = (int)floor(x);
    double v = y - r, u = x - c;
    return (1 - v) * ((1 - u) * pixel(m, r, c, k) + u * pixel(m, r, c + 1, k)) +
           v * ((1 - u) * pixel(m, r + 1, c, k) + u * pixel(m, r + 1, c + 1, k));
}

static double rotated(image m, double angle, bool whole, int size, int r, int c, int k) {
    double centre = (m.side - 1) / 2.0;
    double y = r + (m.side - size) / 2 - centre, x = c + (m.side - size) / 2 - centre;
    if (whole) {
        y = (r + 0.5) * m.side / size - 0.5 - centre;
        x = (c + 0.5) * m.side / size - 0.5 - centre;
    }
    return sample(m, centre + sin(angle) * x + cos(angle) * y,
                  centre + cos(angle) * x - sin(angle) * y, k);
}

static double resized(image m, int crop, int top, int left, int size, int r, int c, int k) {
    double y = (r + 0.5) * crop / size - 0.5, x = (c + 0.5) * crop / size - 0.5;
    y = fmin(fmax(y, 0), crop - 1);
    x = fmin(fmax(x, 0), crop - 1);
    return sample(m, top + y, left + x, k);
}

/* The twin at a position, drawn anew from the documented order of draws. */
static void naive_twin(image m, const mi_pairs_options *o, uint64_t position, int j, float *out) {
    mi__random d = mi__random_at(o->seed, MI__STREAM_AUGMENT, position << 10 | (uint64_t)j << 4);
    bool turn = mi__random_uniform(&d) < o->rotation_share;
    double angle = 0;
    int crop = 0, top = 0, left = 0, crops = 0;
    if (turn) {
        angle = mi__random_range(&d, -o->rotation, o->rotation) * 3.14159265358979 / 180;
    } else {
        while (crops < 8 && o->crops[crops] > 0)
            crops++;
        crop = o->crops[mi__random_below(&d, crops)];
        top = left = (m.side - crop) / 2;
        if (mi__random_uniform(&d) >= o->centre_share) {
            top = (int)mi__random_below(&d, m.side - crop + 1);
            left = (int)mi__random_below(&d, m.side - crop + 1);
        }
    }
    for (int r = 0; r < o->size; r++)
        for (int c = 0; c < o->size; c++)
            for (int k = 0; k < m.channels; k++)
                *out++ = (float)(turn ? rotated(m, angle, o->rotation_crop == 0, o->size, r, c, k)
                                      : resized(m, crop, top, left, o->size, r, c, k));
}

static void ck_near(const float *a, const float *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)a[i] - (double)b[i]) < 2e-5, "value %d: %g, not %g", (int)i,
                      (double)a[i], (double)b[i]);
}

static void ck_against_naive(int32_t side, int32_t channels, mi_pairs_options o) {
    mi_dataset *set = random_set(11, side, channels);
    o.struct_size = sizeof o;
    mi_pairs *pairs;
    OK(mi_pairs_create(NULL, set, &o, &pairs));
    batch b = batch_for(pairs);
    int64_t values = (int64_t)side * side * channels, view = (int64_t)o.size * o.size * channels;
    float *whole = malloc((size_t)values * sizeof *whole);
    float *twin = malloc((size_t)view * sizeof *twin);
    image m = {whole, side, channels};
    for (int64_t number = 0; number < 7; number++) {
        OK(mi_pairs_next(pairs, b.x, b.xt, b.index));
        for (int64_t i = 0; i < o.batch; i++) {
            OK(mi_dataset_read(set, 1, &b.index[i], whole, NULL));
            for (int64_t v = 0; v < view; v++) {
                int k = (int)(v % channels), c = (int)(v / channels % o.size);
                int r = (int)(v / channels / o.size), edge = (side - o.size) / 2;
                ck_assert((double)b.x[i * view + v] == pixel(m, r + edge, c + edge, k));
            }
            for (int j = 0; j < o.repeats; j++) {
                naive_twin(m, &o, (uint64_t)(number * o.batch + i), j, twin);
                ck_near(b.xt + (i * o.repeats + j) * view, twin, view);
            }
        }
    }
    free(whole);
    free(twin);
    batch_free(&b);
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(set);
}

START_TEST(pairs_equal_the_naive_ones) {
    mi_pairs_options o = {.seed = 9,
                          .batch = 4,
                          .repeats = 5,
                          .size = 24,
                          .rotation = 20,
                          .rotation_share = 0.5,
                          .crops = {16, 18, 20},
                          .centre_share = 0.5};
    ck_against_naive(28, 1, o);
    ck_against_naive(28, 3, o);
    o.rotation_crop = 1;
    ck_against_naive(28, 3, o);
    o.rotation_crop = 0;
    o.size = 9, o.rotation = 180, o.crops[0] = 1, o.crops[1] = 10, o.crops[2] = 2;
    ck_against_naive(10, 2, o);
    o.size = 10, o.repeats = 64;
    ck_against_naive(10, 1, o);
    o.size = 1, o.repeats = 2, o.crops[0] = 1, o.crops[1] = 0;
    ck_against_naive(1, 1, o);
    o.size = 1, o.repeats = 3;
    ck_against_naive(3, 3, o);
    o.size = 67, o.rotation = 30, o.crops[0] = 41, o.crops[1] = 70; /* lines in two parts */
    ck_against_naive(70, 1, o);
    ck_against_naive(70, 3, o);
}
END_TEST

START_TEST(a_quarter_turn_moves_pixels) {
    mi_dataset *set = random_set(1, 9, 1);
    float plain[81], framed[12 * 12] = {0}, out[81];
    OK(mi_dataset_read(set, 1, NULL, plain, NULL));
    mi__warp_load(set, 0, framed);
    mi__warp_rotate(framed, 9, 1, 3.141592653589793 / 2, false, 9, out);
    for (int r = 0; r < 9; r++)
        for (int c = 0; c < 9; c++)
            ck_assert_double_eq_tol((double)out[r * 9 + c], (double)plain[c * 9 + 8 - r], 1e-5);
    mi_dataset_destroy(set);
}
END_TEST

/* Points far outside, the farthest corner of the frame among them; a sanitizer watches. */
START_TEST(sampling_stays_in_the_frame) {
    for (int32_t channels = 1; channels <= 4; channels++) {
        mi_dataset *set = random_set(1, 6, channels);
        float *framed = calloc((size_t)mi__warp_values(6, channels), sizeof *framed);
        float *out = calloc((size_t)(36 * channels), sizeof *out);
        mi__warp_load(set, 0, framed);
        mi__warp_rotate(framed, 6, channels, 0.7853981633974483, true, 6, out);
        for (int i = 0; i < 36 * channels; i++)
            ck_assert(out[i] >= 0 && out[i] <= 1);
        for (int k = 0; k < channels; k++)
            ck_assert(out[k] == 0 && out[35 * channels + k] == 0);
        free(framed);
        free(out);
        mi_dataset_destroy(set);
    }
}
END_TEST

START_TEST(nothing_drawn_leaves_the_plain_view) {
    mi_dataset *set = random_set(6, 7, 3);
    const int32_t sides[] = {7, 4};
    for (int i = 0; i < 4; i++) {
        mi_pairs_options o = {.struct_size = sizeof o, .batch = 6, .size = sides[i % 2]};
        o.rotation = -1,
        o.rotation_crop = 1; /* turned by 0 degrees, or the crop that is the view */
        o.rotation_share = i < 2 ? 1 : -1;
        o.crops[0] = o.size;
        o.centre_share = 1;
        mi_pairs *pairs;
        OK(mi_pairs_create(NULL, set, &o, &pairs));
        batch b = batch_for(pairs);
        OK(mi_pairs_next(pairs, b.x, b.xt, b.index));
        ck_assert_mem_eq(b.x, b.xt, b.x_bytes);
        OK(mi_pairs_plain(set, o.size, 6, b.index, b.xt));
        ck_assert_mem_eq(b.x, b.xt, b.x_bytes);
        batch_free(&b);
        mi_pairs_destroy(pairs);
    }
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(huge_values_stay_finite) {
    float pixels[36];
    for (int i = 0; i < 36; i++)
        pixels[i] = i % 3 ? 3e38f : -3e38f;
    mi_dataset *set;
    OK(mi_dataset_from_f32(NULL, 1, 6, 6, 1, pixels, NULL, &set));
    mi_pairs_options o = {.struct_size = sizeof o, .batch = 1, .repeats = 64, .workers = -1};
    mi_pairs *pairs;
    OK(mi_pairs_create(NULL, set, &o, &pairs));
    batch b = batch_for(pairs);
    OK(mi_pairs_next(pairs, b.x, b.xt, NULL));
    for (size_t i = 0; i < b.xt_bytes / sizeof(float); i++)
        ck_assert(isfinite(b.xt[i]));
    batch_free(&b);
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(set);
}
END_TEST

/* -- order, threads, seeking ------------------------------------------------------------------ */

START_TEST(workers_change_nothing) {
    enum { BATCHES = 30 };
    mi_dataset *set = random_set(23, 12, 1);
    const int32_t workers[] = {-1, 0, 2, 3, 3}, ahead[] = {0, 1, 4, 64, 2};
    mi_pairs *pairs[5];
    batch b[5];
    for (int i = 0; i < 5; i++) {
        mi_pairs_options o = {.struct_size = sizeof o,
                              .seed = 4,
                              .batch = 5,
                              .repeats = 3,
                              .workers = workers[i],
                              .ahead = ahead[i]};
        OK(mi_pairs_create(NULL, set, &o, &pairs[i]));
        b[i] = batch_for(pairs[i]);
    }
    mi_dataset_destroy(set); /* the generators keep it */
    ck_assert_int_eq(mi_pairs_batches(pairs[0]), 4);
    for (int number = 0; number < BATCHES; number++) {
        for (int i = 0; i < 5; i++) {
            ck_assert_int_eq(mi_pairs_position(pairs[i]), number);
            OK(mi_pairs_next(pairs[i], b[i].x, b[i].xt, b[i].index));
            ck_same(&b[0], &b[i]);
        }
    }
    for (int i = 0; i < 5; i++) {
        batch_free(&b[i]);
        mi_pairs_destroy(pairs[i]);
    }
}
END_TEST

START_TEST(seeking_resumes) {
    enum { BATCHES = 20 };
    mi_dataset *set = random_set(23, 28, 1);
    /* long enough batches that a jump finds the workers busy */
    mi_pairs_options o = {.struct_size = sizeof o, .seed = 4, .batch = 5, .repeats = 16};
    o.workers = -1;
    mi_pairs *straight, *jumping;
    OK(mi_pairs_create(NULL, set, &o, &straight));
    batch want[BATCHES], got;
    for (int i = 0; i < BATCHES; i++) {
        want[i] = batch_for(straight);
        OK(mi_pairs_next(straight, want[i].x, want[i].xt, want[i].index));
    }
    mi_pairs_destroy(straight);

    o.workers = 2;
    OK(mi_pairs_create(NULL, set, &o, &jumping));
    got = batch_for(jumping);
    mi__random r = mi__random_at(8, 0, 0);
    for (int jump = 0; jump < 40; jump++) {
        int at = (int)mi__random_below(&r, BATCHES - 2);
        OK(mi_pairs_seek(jumping, at));
        ck_assert_int_eq(mi_pairs_position(jumping), at);
        for (int i = 0; i < jump % 3; i++) {
            OK(mi_pairs_next(jumping, got.x, got.xt, got.index));
            ck_same(&want[at + i], &got);
        }
    }
    FAILS(MI_E_ARG, "got -1", mi_pairs_seek(jumping, -1));
    FAILS(MI_E_ARG, "epochs of 4 batches", mi_pairs_seek(jumping, INT64_MAX));
    FAILS(MI_E_ARG, "got 17179869184", mi_pairs_seek(jumping, (int64_t)4 << 32));
    OK(mi_pairs_seek(jumping, ((int64_t)4 << 32) - 1)); /* the last epoch there is, and beyond */
    OK(mi_pairs_next(jumping, got.x, got.xt, got.index));
    OK(mi_pairs_next(jumping, got.x, got.xt, NULL));
    mi_pairs_destroy(jumping);
    batch_free(&got);
    for (int i = 0; i < BATCHES; i++)
        batch_free(&want[i]);
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(an_epoch_has_each_image_once) {
    mi_dataset *set = random_set(23, 6, 1);
    mi_pairs_options o = {.struct_size = sizeof o, .batch = 5};
    mi_pairs *pairs;
    OK(mi_pairs_create(NULL, set, &o, &pairs));
    batch b = batch_for(pairs);
    int64_t order[6][20], total[23] = {0};
    for (int epoch = 0; epoch < 6; epoch++) {
        int times[23] = {0};
        for (int i = 0; i < 4; i++) {
            OK(mi_pairs_next(pairs, b.x, b.xt, b.index));
            for (int k = 0; k < 5; k++) {
                int64_t chosen = b.index[k];
                ck_assert(chosen >= 0 && chosen < 23);
                ck_assert_int_eq(++times[chosen], 1);
                order[epoch][5 * i + k] = chosen;
                total[chosen]++;
            }
        }
        if (epoch > 0)
            ck_assert_mem_ne(order[epoch], order[epoch - 1], sizeof order[0]);
    }
    for (int i = 0; i < 23; i++) /* what is left out differs from epoch to epoch */
        ck_assert_int_gt(total[i], 0);
    batch_free(&b);
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(seeds_differ) {
    mi_context_options c = {.struct_size = sizeof c, .seed = 77};
    mi_context *context;
    OK(mi_context_create(&c, &context));
    mi_dataset *set = random_set(20, 8, 1);
    const uint64_t seeds[] = {77, 0, 78}; /* 0 is the context's */
    batch b[3];
    for (int i = 0; i < 3; i++) {
        mi_pairs_options o = {.struct_size = sizeof o, .seed = seeds[i], .batch = 20};
        mi_pairs *pairs;
        OK(mi_pairs_create(context, set, &o, &pairs));
        b[i] = batch_for(pairs);
        OK(mi_pairs_next(pairs, b[i].x, b[i].xt, b[i].index));
        mi_pairs_destroy(pairs);
    }
    ck_same(&b[0], &b[1]);
    ck_assert_mem_ne(b[0].index, b[2].index, b[0].index_bytes);
    ck_assert_mem_ne(b[0].xt, b[2].xt, b[0].xt_bytes);
    for (int i = 0; i < 3; i++)
        batch_free(&b[i]);
    mi_dataset_destroy(set);
    mi_context_destroy(context);
}
END_TEST

/* -- waiting ---------------------------------------------------------------------------------- */

static mi_pairs_times times_of(const mi_pairs *pairs) {
    mi_pairs_times t = {.struct_size = sizeof t};
    OK(mi_pairs_waited(pairs, &t));
    ck_assert(isfinite(t.waited) && t.waited >= 0 && isfinite(t.prepared) && t.prepared >= 0);
    ck_assert(t.waits >= 0 && t.waits <= t.batches);
    return t;
}

/* The times after one more batch. */
static mi_pairs_times one_more(mi_pairs *pairs, batch *b) {
    mi_pairs_times before = times_of(pairs);
    OK(mi_pairs_next(pairs, b->x, b->xt, NULL));
    mi_pairs_times after = times_of(pairs);
    ck_assert_int_eq(after.batches, before.batches + 1);
    ck_assert(after.waits == before.waits || after.waits == before.waits + 1);
    ck_assert_msg(after.prepared > before.prepared, "%g, then %g", before.prepared, after.prepared);
    if (after.waits == before.waits)
        ck_assert(after.waited == before.waited);
    else
        ck_assert_msg(after.waited > before.waited, "%g, then %g", before.waited, after.waited);
    return after;
}

START_TEST(without_workers_every_batch_is_waited_for) {
    mi_dataset *set = random_set(23, 8, 1);
    mi_pairs_options o = {.struct_size = sizeof o, .batch = 5, .workers = -1};
    mi_pairs *pairs;
    OK(mi_pairs_create(NULL, set, &o, &pairs));
    batch b = batch_for(pairs);
    mi_pairs_times t = times_of(pairs);
    ck_assert(t.batches == 0 && t.waits == 0 && t.waited == 0 && t.prepared == 0);
    for (int i = 1; i <= 20; i++) {
        t = one_more(pairs, &b);
        ck_assert(t.waits == i && t.waited == t.prepared);
    }
    OK(mi_pairs_seek(pairs, 2)); /* gives nothing and forgets nothing */
    ck_assert_int_eq(times_of(pairs).batches, 20);
    FAILS(MI_E_ARG, "xt", mi_pairs_next(pairs, b.x, NULL, NULL));
    ck_assert_int_eq(times_of(pairs).batches, 20);

    FAILS(MI_E_ARG, "pairs", mi_pairs_waited(NULL, &t));
    FAILS(MI_E_ARG, "times", mi_pairs_waited(pairs, NULL));
    t.struct_size = 8;
    FAILS(MI_E_ABI, "mi_pairs_times", mi_pairs_waited(pairs, &t));
    ck_assert_int_eq(t.batches, 20);
    batch_free(&b);
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(only_what_is_not_ready_is_waited_for) {
    enum { TRIES = 1000 };
    mi_dataset *set = random_set(50, 28, 1);
    for (int32_t workers = 1; workers <= 3; workers += 2) {
        mi_pairs_options o = {.struct_size = sizeof o, .batch = 50, .workers = workers};
        mi_pairs *pairs;
        OK(mi_pairs_create(NULL, set, &o, &pairs));
        batch b = batch_for(pairs);
        int tries = 0;
        while (times_of(pairs).waits == 0 && tries++ < TRIES) /* greedily: waits soon */
            one_more(pairs, &b);
        ck_assert_int_lt(tries, TRIES);
        for (int64_t waits = -1; waits != times_of(pairs).waits && tries++ < TRIES;) {
            waits = times_of(pairs).waits;
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
            one_more(pairs, &b); /* patiently: at some time it is there */
        }
        ck_assert_int_lt(tries, TRIES);
        ck_assert(times_of(pairs).waits < times_of(pairs).batches);
        batch_free(&b);
        mi_pairs_destroy(pairs);
    }
    mi_dataset_destroy(set);
}
END_TEST

/* -- options, memory -------------------------------------------------------------------------- */

static void ck_same_batch(mi_pairs *one, mi_pairs *other) {
    batch a = batch_for(one), b = batch_for(other);
    OK(mi_pairs_next(one, a.x, a.xt, a.index));
    OK(mi_pairs_next(other, b.x, b.xt, b.index));
    ck_same(&a, &b);
    batch_free(&a);
    batch_free(&b);
}

START_TEST(defaults_are_as_documented) {
    mi_dataset *set = random_set(130, 28, 1);
    mi_pairs *pairs;
    OK(mi_pairs_create(NULL, set, NULL, &pairs));
    int64_t n;
    int32_t repeats, size, channels;
    OK(mi_pairs_sizes(pairs, &n, &repeats, &size, &channels));
    ck_assert(n == 128 && repeats == 1 && size == 24 && channels == 1);
    OK(mi_pairs_sizes(pairs, NULL, NULL, NULL, NULL));
    ck_assert_int_eq(mi_pairs_batches(pairs), 1);

    mi_pairs_options o = {.struct_size = sizeof o,
                          .batch = 128,
                          .repeats = 1,
                          .size = 24,
                          .rotation = 20,
                          .rotation_share = 0.5,
                          .crops = {20, 22, 24},
                          .centre_share = 0.5,
                          .workers = -1};
    mi_pairs *spelt;
    OK(mi_pairs_create(NULL, set, &o, &spelt));
    ck_same_batch(pairs, spelt);
    mi_pairs_destroy(pairs);
    mi_pairs_destroy(spelt);

    o.size = 28; /* 23.33, 25.67 and 28 */
    memset(o.crops, 0, sizeof o.crops);
    OK(mi_pairs_create(NULL, set, &o, &pairs));
    o.crops[0] = 23, o.crops[1] = 26, o.crops[2] = 28;
    OK(mi_pairs_create(NULL, set, &o, &spelt));
    ck_same_batch(pairs, spelt);
    mi_pairs_destroy(pairs);
    mi_pairs_destroy(spelt);
    mi_dataset_destroy(set);
}
END_TEST

#define REFUSED(code, text, ...)                                                                   \
    do {                                                                                           \
        mi_pairs_options o = {__VA_ARGS__};                                                        \
        o.struct_size = o.struct_size != 0 ? o.struct_size : sizeof o;                             \
        o.batch = o.batch != 0 ? o.batch : 5;                                                      \
        FAILS(code, text, mi_pairs_create(NULL, set, &o, &pairs));                                 \
    } while (0)

START_TEST(bad_options_are_refused) {
    mi_dataset *set = random_set(23, 8, 1), *oblong;
    mi_pairs *pairs = NULL;
    REFUSED(MI_E_SHAPE, "batch is 24, the set has 23", .size = 8, .batch = 24);
    REFUSED(MI_E_ARG, "got -5", .size = 8, .batch = -5);
    REFUSED(MI_E_ARG, "repeats must be in 1 to 64, got 65", .repeats = 65);
    REFUSED(MI_E_ARG, "got -1", .repeats = -1);
    REFUSED(MI_E_SHAPE, "size is 9, the images are 8 x 8", .size = 9);
    REFUSED(MI_E_ARG, "size must be in 1 to 8, got -1", .size = -1);
    REFUSED(MI_E_ARG, "rotation must be at most 180, got 181", .rotation = 181);
    REFUSED(MI_E_ARG, "nan", .rotation = NAN);
    REFUSED(MI_E_ARG, "rotation_share must be at most 1, got 1.5", .rotation_share = 1.5);
    REFUSED(MI_E_ARG, "centre_share must be at most 1, got 2", .centre_share = 2);
    REFUSED(MI_E_SHAPE, "crops[1] is 9, the images are 8 x 8", .crops = {4, 9});
    REFUSED(MI_E_ARG, "crops[0] must not be negative, got -4", .crops = {-4});
    REFUSED(MI_E_ARG, "workers must be in -1 to 64, got -2", .workers = -2);
    REFUSED(MI_E_ARG, "got 65", .workers = 65);
    REFUSED(MI_E_ARG, "ahead must be in 1 to 64, got 65", .ahead = 65);
    REFUSED(MI_E_ABI, "struct_size is 9", .struct_size = 9);
    FAILS(MI_E_SHAPE, "batch is 128", mi_pairs_create(NULL, set, NULL, &pairs));
    FAILS(MI_E_ARG, "dataset", mi_pairs_create(NULL, NULL, NULL, &pairs));
    FAILS(MI_E_ARG, "out", mi_pairs_create(NULL, set, NULL, NULL));
    uint8_t bytes[12] = {0};
    OK(mi_dataset_from_u8(NULL, 1, 3, 4, 1, bytes, NULL, &oblong));
    FAILS(MI_E_SHAPE, "3 x 4", mi_pairs_create(NULL, oblong, NULL, &pairs));
    float x[64];
    FAILS(MI_E_SHAPE, "3 x 4", mi_pairs_plain(oblong, 3, 1, NULL, x));
    FAILS(MI_E_SHAPE, "got 9", mi_pairs_plain(set, 9, 1, NULL, x));
    FAILS(MI_E_SHAPE, "got 0", mi_pairs_plain(set, 0, 1, NULL, x));
    FAILS(MI_E_ARG, "index[0] is 23", mi_pairs_plain(set, 8, 1, (int64_t[]){23}, x));
    ck_assert_ptr_null(pairs);
    FAILS(MI_E_ARG, "pairs", mi_pairs_next(NULL, x, x, NULL));
    FAILS(MI_E_ARG, "pairs", mi_pairs_seek(NULL, 0));
    FAILS(MI_E_ARG, "pairs", mi_pairs_sizes(NULL, NULL, NULL, NULL, NULL));
    ck_assert_int_eq(mi_pairs_batches(NULL), 0);
    ck_assert_int_eq(mi_pairs_position(NULL), 0);
    mi_pairs_destroy(NULL);
    mi_dataset_destroy(oblong);
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(memory_is_taken_at_creation) {
    mi_dataset *set = random_set(23, 8, 1);
    float x[5 * 64], xt[5 * 64];
    for (int32_t workers = -1; workers <= 2; workers += 3) {
        meter m = {0};
        mi_context *context = meter_context(&m);
        int64_t live = m.live, failures = -1;
        mi_pairs *pairs = NULL;
        mi_pairs_options o = {.struct_size = sizeof o, .batch = 5, .workers = workers};
        mi_status status = MI_E_NOMEM;
        while (status != MI_OK) {
            m.fail_at = m.calls + ++failures + 1;
            status = mi_pairs_create(context, set, &o, &pairs);
            ck_assert(status == MI_OK || (status == MI_E_NOMEM && pairs == NULL && m.live == live));
        }
        ck_assert_int_ge(failures, 10);
        int64_t calls = m.calls;
        for (int i = 0; i < 20; i++)
            OK(mi_pairs_next(pairs, x, xt, NULL));
        OK(mi_pairs_seek(pairs, 3));
        ck_assert_int_eq(m.calls, calls);
        mi_context_destroy(context); /* the generator keeps it */
        mi_pairs_destroy(pairs);
        ck_assert_int_eq(m.live, 0);
    }
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(destruction_needs_no_waiting) {
    mi_dataset *set = random_set(50, 28, 1);
    for (int i = 0; i < 30; i++) {
        mi_pairs_options o = {.struct_size = sizeof o, .batch = 50, .workers = 3};
        o.ahead = 1 + i % 5;
        mi_pairs *pairs;
        OK(mi_pairs_create(NULL, set, &o, &pairs));
        if (i % 2)
            OK(mi_pairs_seek(pairs, i));
        mi_pairs_destroy(pairs);
    }
    mi_dataset_destroy(set);
}
END_TEST

UNIT_MAIN("pairs", pairs_equal_the_naive_ones, a_quarter_turn_moves_pixels,
          sampling_stays_in_the_frame, nothing_drawn_leaves_the_plain_view, huge_values_stay_finite,
          workers_change_nothing, seeking_resumes, without_workers_every_batch_is_waited_for,
          only_what_is_not_ready_is_waited_for, an_epoch_has_each_image_once, seeds_differ,
          defaults_are_as_documented, bad_options_are_refused, memory_is_taken_at_creation,
          destruction_needs_no_waiting)
