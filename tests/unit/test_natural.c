/* SPDX-License-Identifier: BSD-2-Clause */
/* Random views of natural images. */
#include "scratch.h"

#include "../../lib/base/random.h"
#include "../../lib/data/colour.h"

#include <stdbool.h>

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

/* -- the naive view: double precision, one pixel at a time, colours as the textbook has them --- */

static double cut(double v) {
    return fmin(fmax(v, 0), 1);
}

static double grey_of(const double *p, int channels) {
    if (channels == 3)
        return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
    double sum = 0;
    for (int k = 0; k < channels; k++)
        sum += p[k] / channels;
    return sum;
}

static void to_hsv(const double *p, double *h, double *s, double *v) {
    double least = fmin(fmin(p[0], p[1]), p[2]), chroma;
    *v = fmax(fmax(p[0], p[1]), p[2]);
    chroma = *v - least;
    *s = *v > 0 ? chroma / *v : 0;
    *h = 0;
    if (chroma > 0 && *v == p[0])
        *h = (p[1] - p[2]) / chroma / 6;
    else if (chroma > 0 && *v == p[1])
        *h = (2 + (p[2] - p[0]) / chroma) / 6;
    else if (chroma > 0)
        *h = (4 + (p[0] - p[1]) / chroma) / 6;
    *h -= floor(*h);
}

static void from_hsv(double h, double s, double v, double *p) {
    int sector = (int)floor(6 * h);
    double f = 6 * h - sector, a = v * (1 - s), b = v * (1 - f * s), c = v * (1 - (1 - f) * s);
    const double table[6][3] = {{v, c, a}, {b, v, a}, {a, v, c}, {a, b, v}, {c, a, v}, {v, a, b}};
    memcpy(p, table[sector % 6], sizeof table[0]);
}

static void turn_hue(double *p, double turn) {
    double h, s, v;
    to_hsv(p, &h, &s, &v);
    h += turn;
    from_hsv(h - floor(h), s, v, p);
}

static void blend(double *p, int channels, double factor, double with) {
    for (int k = 0; k < channels; k++)
        p[k] = cut(factor * p[k] + (1 - factor) * with);
}

static void naive_colour(const mi__colour *c, int channels, int pixels, double *x) {
    double mean = 0;
    for (int i = 0; c->jitter && i < pixels; i++) {
        blend(x + i * channels, channels, (double)c->brightness, 0);
        mean += grey_of(x + i * channels, channels) / pixels;
    }
    for (int i = 0; i < pixels; i++) {
        double *p = x + i * channels;
        if (c->jitter)
            blend(p, channels, (double)c->contrast, mean);
        if (c->jitter && channels == 3) {
            blend(p, 3, (double)c->saturation, grey_of(p, 3));
            turn_hue(p, (double)c->hue);
        }
        if (c->grey && channels == 3)
            p[0] = p[1] = p[2] = grey_of(p, 3);
    }
}

typedef struct crop {
    int top, left, height, width;
    bool mirrored;
} crop;

static double at(const float *image, int side, int channels, crop c, double y, double x, int k) {
    y = fmin(fmax(y, 0), c.height - 1), x = fmin(fmax(x, 0), c.width - 1);
    double sum = 0;
    for (int r = 0; r < c.height; r++)
        for (int q = 0; q < c.width; q++)
            sum += fmax(1 - fabs(y - r), 0) * fmax(1 - fabs(x - q), 0) *
                   (double)image[((c.top + r) * side + c.left + q) * channels + k];
    return sum;
}

static void naive_crop(const float *image, int side, int channels, crop c, int size, double *out) {
    for (int r = 0; r < size; r++)
        for (int q = 0; q < size; q++)
            for (int k = 0; k < channels; k++) {
                int column = c.mirrored ? size - 1 - q : q;
                *out++ = at(image, side, channels, c, (r + 0.5) * c.height / size - 0.5,
                            (column + 0.5) * c.width / size - 0.5, k);
            }
}

/* The order of draws. */
static void draw(const mi_pairs_options *o, int side, mi__random *d, crop *c, mi__colour *colour) {
    *c = (crop){0, 0, side, side, false};
    for (int i = 0; i < 10 && o->scale_min < 1; i++) {
        double area = mi__random_range(d, o->scale_min, 1) * side * side;
        double ratio = exp(mi__random_range(d, -log(4.0 / 3), log(4.0 / 3)));
        int width = (int)fmax(round(sqrt(area * ratio)), 1);
        int height = (int)fmax(round(sqrt(area / ratio)), 1);
        if (width > side || height > side)
            continue;
        c->height = height, c->width = width;
        c->top = (int)mi__random_below(d, side - height + 1);
        c->left = (int)mi__random_below(d, side - width + 1);
        break;
    }
    c->mirrored = mi__random_uniform(d) < o->flip_share;
    colour->jitter = mi__random_uniform(d) < o->jitter_share;
    colour->brightness = (float)mi__random_range(d, 1 - o->brightness, 1 + o->brightness);
    colour->contrast = (float)mi__random_range(d, 1 - o->contrast, 1 + o->contrast);
    colour->saturation = (float)mi__random_range(d, 1 - o->saturation, 1 + o->saturation);
    colour->hue = (float)mi__random_range(d, -o->hue, o->hue);
    colour->grey = mi__random_uniform(d) < o->grey_share;
}

static void ck_view(const float *image, int side, int channels, const mi_pairs_options *o,
                    uint64_t stream, uint64_t counter, const float *view) {
    int n = o->size * o->size * channels;
    double *want = malloc((size_t)n * sizeof *want);
    mi__random d = mi__random_at(o->seed, stream, counter);
    crop c;
    mi__colour colour;
    draw(o, side, &d, &c, &colour);
    naive_crop(image, side, channels, c, o->size, want);
    naive_colour(&colour, channels, o->size * o->size, want);
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabs((double)view[i] - want[i]) < 2e-5, "value %d: %g, not %g", i,
                      (double)view[i], want[i]);
    free(want);
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

static mi_pairs *make(mi_dataset *set, mi_pairs_options o) {
    mi_pairs *pairs;
    o.struct_size = sizeof o;
    o.recipe = MI_RECIPE_NATURAL;
    OK(mi_pairs_create(NULL, set, &o, &pairs));
    return pairs;
}

static void ck_against_naive(int32_t side, int32_t channels, mi_pairs_options o) {
    mi_dataset *set = random_set(11, side, channels);
    mi_pairs *pairs = make(set, o);
    batch b = batch_for(pairs);
    int64_t view = (int64_t)o.size * o.size * channels;
    float *image = malloc((size_t)(side * side * channels) * sizeof *image);
    for (int64_t number = 0; number < 3; number++) {
        OK(mi_pairs_next(pairs, b.x, b.xt, b.index));
        for (int64_t i = 0; i < o.batch; i++) {
            uint64_t counter = (uint64_t)(number * o.batch + i) << 10;
            OK(mi_dataset_read(set, 1, &b.index[i], image, NULL));
            ck_view(image, side, channels, &o, MI__STREAM_FIRST_VIEW, counter, b.x + i * view);
            for (int j = 0; j < o.repeats; j++)
                ck_view(image, side, channels, &o, MI__STREAM_AUGMENT, counter | (uint64_t)j << 4,
                        b.xt + (i * o.repeats + j) * view);
        }
    }
    free(image);
    batch_free(&b);
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(set);
}

START_TEST(views_equal_the_naive_ones) {
    mi_pairs_options o = {.seed = 9, .batch = 4, .repeats = 3, .size = 16, .scale_min = 0.2};
    o.flip_share = 0.5, o.jitter_share = 0.8, o.grey_share = 0.2;
    o.brightness = o.contrast = o.saturation = 0.4, o.hue = 0.1;
    ck_against_naive(16, 3, o);
    ck_against_naive(16, 1, o);
    ck_against_naive(20, 2, o);
    ck_against_naive(21, 4, o);
    o.brightness = o.contrast = o.saturation = 1, o.hue = 0.5, o.jitter_share = 1;
    ck_against_naive(16, 3, o);
    o.size = 5, o.scale_min = 1e-9;
    ck_against_naive(17, 3, o);
    o.size = 9, o.scale_min = 1;
    ck_against_naive(9, 3, o);
    o.size = 1, o.scale_min = 0.3;
    ck_against_naive(1, 3, o);
    ck_against_naive(2, 1, o);
    o.size = 2;
    ck_against_naive(2, 3, o);
}
END_TEST

/* -- colours ---------------------------------------------------------------------------------- */

static void ck_colour(const mi__colour *c, int channels, int pixels, const float *from) {
    float *x = malloc((size_t)(pixels * channels) * sizeof *x);
    double *want = malloc((size_t)(pixels * channels) * sizeof *want);
    for (int i = 0; i < pixels * channels; i++)
        want[i] = (double)(x[i] = from[i]);
    mi__planes *planes = malloc((size_t)mi__colour_planes(pixels) * sizeof *planes);
    mi__colour_change(c, channels, pixels, planes, x);
    free(planes);
    naive_colour(c, channels, pixels, want);
    for (int i = 0; i < pixels * channels; i++)
        ck_assert_msg(fabs((double)x[i] - want[i]) < 3e-6, "value %d: %.9g, not %.9g", i,
                      (double)x[i], want[i]);
    free(x);
    free(want);
}

/* Every mixture of five levels: black, white, the corners and edges of the cube among them. */
START_TEST(colours_equal_the_naive_ones) {
    float x[125 * 3];
    for (int i = 0; i < 125; i++)
        for (int k = 0, rest = i; k < 3; k++, rest /= 5)
            x[3 * i + k] = (float)(rest % 5) / 4;
    const float factors[] = {0, 0.6f, 1, 1.4f, 2}, hues[] = {-0.5f, -0.3f, 0, 0.1f, 1.0f / 3, 0.5f};
    for (int i = 0; i < 5 * 5 * 5 * 6; i++) {
        mi__colour c = {.jitter = true, .grey = i % 7 == 0};
        c.brightness = factors[i % 5];
        c.contrast = factors[i / 5 % 5];
        c.saturation = factors[i / 25 % 5];
        c.hue = hues[i / 125];
        ck_colour(&c, 3, 125, x);
        ck_colour(&c, 1, 375, x);
        ck_colour(&c, 5, 75, x);
    }
    const mi__colour none = {0}, grey = {.grey = true};
    ck_colour(&none, 3, 125, x);
    ck_colour(&grey, 3, 125, x);
    ck_colour(&grey, 1, 375, x);
}
END_TEST

START_TEST(a_third_of_the_circle_swaps_channels) {
    float x[] = {0.75f, 0.5f, 0.25f};
    const mi__colour c = {.jitter = true, 1, 1, 1, .hue = 1.0f / 3};
    mi__planes planes;
    mi__colour_change(&c, 3, 1, &planes, x);
    ck_assert_double_eq_tol((double)x[0], 0.25, 1e-6);
    ck_assert_double_eq_tol((double)x[1], 0.75, 1e-6);
    ck_assert_double_eq_tol((double)x[2], 0.5, 1e-6);
}
END_TEST

START_TEST(huge_and_tiny_values_end_in_0_to_1) {
    const float values[] = {-3e38f, 3e38f, 1e-44f, 2e-44f, 0, 1, 1e-38f, 0.5f, -0.0f};
    float pixels[9 * 9 * 3];
    for (int i = 0; i < 243; i++)
        pixels[i] = values[(i * 5 + i / 27) % 9];
    for (int32_t channels = 1; channels <= 3; channels += 2) {
        mi_dataset *set;
        OK(mi_dataset_from_f32(NULL, 1, 9, 9, channels, pixels, NULL, &set));
        mi_pairs_options o = {.batch = 1, .repeats = 64, .workers = -1, .jitter_share = 1};
        o.brightness = o.contrast = o.saturation = 1, o.hue = 0.5;
        mi_pairs *pairs = make(set, o);
        batch b = batch_for(pairs);
        OK(mi_pairs_next(pairs, b.x, b.xt, NULL));
        for (size_t i = 0; i < b.xt_bytes / sizeof(float); i++)
            ck_assert_msg(b.xt[i] >= 0 && b.xt[i] <= 1, "%g", (double)b.xt[i]);
        batch_free(&b);
        mi_pairs_destroy(pairs);
        mi_dataset_destroy(set);
    }
}
END_TEST

/* -- shares ----------------------------------------------------------------------------------- */

enum { SIDE = 48, VIEWS = 4096 };

/* One image that tells where its pixels lie: row and column in the channels 0 and 1. */
static mi_dataset *map_of_places(void) {
    static float pixels[SIDE * SIDE * 3];
    for (int i = 0; i < SIDE * SIDE; i++) {
        pixels[3 * i] = (float)(i / SIDE) / SIDE;
        pixels[3 * i + 1] = (float)(i % SIDE) / SIDE;
        pixels[3 * i + 2] = 0.5f;
    }
    mi_dataset *set;
    OK(mi_dataset_from_f32(NULL, 1, SIDE, SIDE, 3, pixels, NULL, &set));
    return set;
}

/* `see` is shown VIEWS views of that image, and which side of a pair each is. */
static void look(mi_pairs_options o, void (*see)(const float *view, bool second, void *user),
                 void *user) {
    mi_dataset *set = map_of_places();
    o.batch = 1, o.repeats = 1, o.workers = -1;
    mi_pairs *pairs = make(set, o);
    batch b = batch_for(pairs);
    for (int i = 0; i < VIEWS / 2; i++) {
        OK(mi_pairs_next(pairs, b.x, b.xt, NULL));
        see(b.x, false, user);
        see(b.xt, true, user);
    }
    batch_free(&b);
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(set);
}

typedef struct facts {
    double area, ratio, across; /* sums */
    int mirrored, changed, grey, whole, second_mirrored;
    double least_area, brightest, darkest;
} facts;

static void see_crop(const float *view, bool second, void *user) {
    facts *f = user;
    const float *last = view + SIDE * SIDE * 3 - 3;
    double top = (double)view[0] * SIDE, bottom = (double)last[0] * SIDE + 1;
    double one = (double)view[1] * SIDE, other = (double)last[1] * SIDE;
    double height = bottom - top, width = fabs(other - one) + 1, left = fmin(one, other);
    double share = height * width / (SIDE * SIDE);
    ck_assert(top > -1e-4 && bottom < SIDE + 1e-4 && left > -1e-4 && left + width < SIDE + 1e-4);
    ck_assert_msg(width / height < 4.0 / 3 + 0.1 && height / width < 4.0 / 3 + 0.1, "%g x %g",
                  height, width);
    f->area += share / VIEWS;
    f->least_area = fmin(f->least_area, share);
    f->ratio += log(width / height) / VIEWS;
    f->across += (left + width / 2) / SIDE / VIEWS;
    f->mirrored += other < one;
    f->second_mirrored += second && other < one;
    f->whole += share > 0.9999;
}

/* Of areas drawn in 0.2 to 1 those near 1 seldom have a shape that fits: 0.55, not 0.6. */
START_TEST(crops_and_mirrors_have_their_shares) {
    facts f = {.least_area = 1};
    mi_pairs_options o = {.jitter_share = -1, .grey_share = -1};
    look(o, see_crop, &f);
    ck_assert_msg(fabs(f.area - 0.547) < 0.012, "area %g", f.area);
    ck_assert_msg(f.least_area > 0.18 && f.least_area < 0.22, "least %g", f.least_area);
    ck_assert_msg(fabs(f.ratio) < 0.02, "ratio %g", f.ratio);
    ck_assert_msg(fabs(f.across - 0.5) < 0.02, "middle %g", f.across);
    ck_assert_msg(abs(f.mirrored - VIEWS / 2) < 130, "%d mirrored", f.mirrored);
    ck_assert_msg(abs(f.second_mirrored - VIEWS / 4) < 100, "%d mirrored", f.second_mirrored);
    o.flip_share = 0.1, o.scale_min = 0.8;
    f = (facts){.least_area = 1};
    look(o, see_crop, &f);
    ck_assert_msg(abs(f.mirrored - VIEWS / 10) < 80, "%d mirrored", f.mirrored);
    ck_assert_msg(f.least_area > 0.77 && f.area > 0.82, "least %g, mean %g", f.least_area, f.area);
    o.flip_share = 1, o.scale_min = -1;
    f = (facts){.least_area = 1};
    look(o, see_crop, &f);
    ck_assert(f.mirrored == VIEWS && f.whole == VIEWS);
}
END_TEST

/* The whole image, seldom changed: the blue of every pixel was 0.5. */
static void see_colours(const float *view, bool second, void *user) {
    facts *f = user;
    (void)second;
    bool grey = true;
    for (int i = 0; i < SIDE * SIDE; i++)
        grey = grey && view[3 * i] == view[3 * i + 1] && view[3 * i] == view[3 * i + 2];
    f->grey += grey;
    f->changed += !grey && fabs((double)view[2] - 0.5) > 1e-6;
    f->brightest = fmax(f->brightest, (double)view[2]);
    f->darkest = fmin(f->darkest, (double)view[2]);
}

START_TEST(colours_have_their_shares) {
    facts f = {0};
    mi_pairs_options o = {.scale_min = -1, .flip_share = -1};
    look(o, see_colours, &f);
    ck_assert_msg(abs(f.grey - VIEWS / 5) < 105, "%d grey", f.grey);
    ck_assert_msg(abs(f.changed - VIEWS * 16 / 25) < 125, "%d changed", f.changed);
    o.jitter_share = 0.3, o.grey_share = -1;
    o.contrast = o.saturation = o.hue = -1;
    f = (facts){.darkest = 1};
    look(o, see_colours, &f);
    ck_assert_int_eq(f.grey, 0);
    ck_assert_msg(abs(f.changed - VIEWS * 3 / 10) < 120, "%d changed", f.changed);
    ck_assert_msg(f.brightest > 0.697 && f.brightest < 0.7001, "brightest %g", f.brightest);
    ck_assert_msg(f.darkest > 0.2999 && f.darkest < 0.303, "darkest %g", f.darkest);
}
END_TEST

START_TEST(nothing_drawn_leaves_the_plain_view) {
    for (int32_t channels = 1; channels <= 3; channels++)
        for (int32_t plain = 0; plain < 2; plain++) {
            mi_dataset *set = random_set(6, 7, channels);
            mi_pairs_options o = {.batch = 6, .scale_min = -1, .flip_share = -1};
            o.jitter_share = o.grey_share = -1, o.first_plain = plain;
            mi_pairs *pairs = make(set, o);
            batch b = batch_for(pairs);
            OK(mi_pairs_next(pairs, b.x, b.xt, b.index));
            ck_assert_mem_eq(b.x, b.xt, b.x_bytes);
            OK(mi_pairs_plain(set, 7, 6, b.index, b.xt));
            ck_assert_mem_eq(b.x, b.xt, b.x_bytes);
            batch_free(&b);
            mi_pairs_destroy(pairs);
            mi_dataset_destroy(set);
        }
}
END_TEST

START_TEST(the_first_view_may_be_plain) {
    mi_dataset *set = random_set(9, 12, 3);
    mi_pairs_options o = {.seed = 3, .batch = 9, .size = 8, .repeats = 2};
    mi_pairs *random = make(set, o);
    o.first_plain = 1;
    mi_pairs *plain = make(set, o);
    batch a = batch_for(random), b = batch_for(plain);
    OK(mi_pairs_next(random, a.x, a.xt, a.index));
    OK(mi_pairs_next(plain, b.x, b.xt, b.index));
    ck_assert_mem_eq(a.xt, b.xt, a.xt_bytes);
    ck_assert_mem_ne(a.x, b.x, a.x_bytes);
    OK(mi_pairs_plain(set, 8, 9, a.index, a.x));
    ck_assert_mem_eq(a.x, b.x, a.x_bytes);
    batch_free(&a);
    batch_free(&b);
    mi_pairs_destroy(random);
    mi_pairs_destroy(plain);
    mi_dataset_destroy(set);
}
END_TEST

/* -- threads, seeking, options ---------------------------------------------------------------- */

START_TEST(workers_change_nothing) {
    enum { BATCHES = 12 };
    mi_dataset *set = random_set(23, 32, 3);
    const int32_t workers[] = {-1, 1, 2, 3};
    batch want[BATCHES], got;
    for (int i = 0; i < 4; i++) {
        mi_pairs_options o = {.seed = 4, .batch = 23, .repeats = 8, .workers = workers[i]};
        mi_pairs *pairs = make(set, o);
        got = batch_for(pairs);
        for (int number = 0; number < BATCHES; number++) {
            if (i == 0)
                want[number] = batch_for(pairs);
            batch *b = i == 0 ? &want[number] : &got;
            OK(mi_pairs_next(pairs, b->x, b->xt, b->index));
            ck_same(&want[number], b);
        }
        for (int at = BATCHES - 1; at >= 0; at -= 4) {
            OK(mi_pairs_seek(pairs, at));
            OK(mi_pairs_next(pairs, got.x, got.xt, got.index));
            ck_same(&want[at], &got);
        }
        batch_free(&got);
        mi_pairs_destroy(pairs);
    }
    for (int i = 0; i < BATCHES; i++)
        batch_free(&want[i]);
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(defaults_are_as_documented) {
    mi_dataset *set = random_set(130, 32, 3);
    mi_pairs *pairs = make(set, (mi_pairs_options){0});
    mi_pairs_options o = {.batch = 128, .repeats = 1, .size = 32, .scale_min = 0.2};
    o.flip_share = 0.5, o.jitter_share = 0.8, o.grey_share = 0.2;
    o.brightness = o.contrast = o.saturation = 0.4, o.hue = 0.1;
    mi_pairs *spelt = make(set, o);
    batch a = batch_for(pairs), b = batch_for(spelt);
    ck_assert_uint_eq(a.x_bytes, 128 * 32 * 32 * 3 * sizeof(float));
    OK(mi_pairs_next(pairs, a.x, a.xt, a.index));
    OK(mi_pairs_next(spelt, b.x, b.xt, b.index));
    ck_same(&a, &b);
    batch_free(&a);
    batch_free(&b);
    mi_pairs_destroy(pairs);
    mi_pairs_destroy(spelt);
    mi_dataset_destroy(set);
}
END_TEST

#define REFUSED(text, ...)                                                                         \
    do {                                                                                           \
        mi_pairs_options o = {.struct_size = sizeof o, .batch = 5, __VA_ARGS__};                   \
        FAILS(MI_E_ARG, text, mi_pairs_create(NULL, set, &o, &pairs));                             \
    } while (0)
#define NATURAL .recipe = MI_RECIPE_NATURAL

START_TEST(bad_options_are_refused) {
    mi_dataset *set = random_set(23, 8, 3);
    mi_pairs *pairs = NULL;
    REFUSED("recipe must be in 0 to 1, got 2", .recipe = 2);
    REFUSED("got -1", .recipe = -1);
    REFUSED("first_plain must be in 0 to 1, got 2", NATURAL, .first_plain = 2);
    REFUSED("scale_min must be at most 1, got 1.5", NATURAL, .scale_min = 1.5);
    REFUSED("scale_min must be at most 1, got nan", NATURAL, .scale_min = NAN);
    REFUSED("flip_share must be at most 1, got inf", NATURAL, .flip_share = INFINITY);
    REFUSED("jitter_share must be at most 1, got 2", NATURAL, .jitter_share = 2);
    REFUSED("brightness must be at most 1, got 1.1", NATURAL, .brightness = 1.1);
    REFUSED("contrast must be at most 1", NATURAL, .contrast = 1e300);
    REFUSED("saturation must be at most 1", NATURAL, .saturation = 2);
    REFUSED("hue must be at most 0.5, got 0.6", NATURAL, .hue = 0.6);
    REFUSED("grey_share must be at most 1", NATURAL, .grey_share = 2);
    REFUSED("rotation is 20, but recipe 1 has none", NATURAL, .rotation = 20);
    REFUSED("rotation is nan, but", NATURAL, .rotation = NAN);
    REFUSED("rotation_crop is 1 and crops[0] 0, but", NATURAL, .rotation_crop = 1);
    REFUSED("crops[0] 4, but recipe 1 has none", NATURAL, .crops = {4});
    REFUSED("flip_share is 0.5, but recipe 0 has none", .flip_share = 0.5);
    REFUSED("hue is nan, but recipe 0", .hue = NAN);
    ck_assert_ptr_null(pairs);
    mi_pairs_options o = {.struct_size = sizeof o, .batch = 5, NATURAL, .rotation = -INFINITY};
    o.scale_min = o.hue = -INFINITY;
    OK(mi_pairs_create(NULL, set, &o, &pairs)); /* what isn't there may be forbidden */
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(memory_is_taken_at_creation) {
    mi_dataset *set = random_set(23, 8, 3);
    static float x[5 * 8 * 8 * 3], xt[5 * 8 * 8 * 3];
    meter m = {0};
    mi_context *context = meter_context(&m);
    int64_t live = m.live, failures = -1;
    mi_pairs *pairs = NULL;
    mi_pairs_options o = {.struct_size = sizeof o, .batch = 5, .workers = 2, NATURAL};
    mi_status status = MI_E_NOMEM;
    while (status != MI_OK) {
        m.fail_at = m.calls + ++failures + 1;
        status = mi_pairs_create(context, set, &o, &pairs);
        ck_assert(status == MI_OK || (status == MI_E_NOMEM && pairs == NULL && m.live == live));
    }
    ck_assert_int_ge(failures, 9);
    int64_t calls = m.calls;
    for (int i = 0; i < 9; i++)
        OK(mi_pairs_next(pairs, x, xt, NULL));
    ck_assert_int_eq(m.calls, calls);
    mi_context_destroy(context);
    mi_pairs_destroy(pairs);
    ck_assert_int_eq(m.live, 0);
    mi_dataset_destroy(set);
}
END_TEST

UNIT_MAIN("natural", views_equal_the_naive_ones, colours_equal_the_naive_ones,
          a_third_of_the_circle_swaps_channels, huge_and_tiny_values_end_in_0_to_1,
          crops_and_mirrors_have_their_shares, colours_have_their_shares,
          nothing_drawn_leaves_the_plain_view, the_first_view_may_be_plain, workers_change_nothing,
          defaults_are_as_documented, bad_options_are_refused, memory_is_taken_at_creation)
