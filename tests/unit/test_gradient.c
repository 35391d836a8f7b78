/* SPDX-License-Identifier: BSD-2-Clause */
/* Every backward kernel against central differences of its forward one, in float64. */
#include "unit.h"

#include "../../lib/kernel/kernel.h"

#define MAX_INPUTS 3
#define STEP 1e-5
#define TOLERANCE 1e-6

/* A kernel as a function of up to three arrays. Its loss is the sum of output times `dy`. */
typedef struct function {
    const char *name;
    mi_context *ctx;
    mi__map map;
    mi__conv conv;
    double slope;
    bool pool;
    int inputs;
    int64_t count[MAX_INPUTS], outputs;
    double *input[MAX_INPUTS], *gradient[MAX_INPUTS], *y, *dy;
    void (*forward)(struct function *f);
    void (*backward)(struct function *f); /* dy to gradient[] */
    void *work;
} function;

static const mi__kernels *const k = &mi__kernels_f64;

static double *random_values(int64_t count, uint32_t seed) {
    double *p = calloc((size_t)count + 1, sizeof *p);
    ck_assert_ptr_nonnull(p);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (double)seed / 2147483648.0 - 1;
    }
    return p;
}

static double loss(function *f) {
    double sum = 0;
    f->forward(f);
    for (int64_t i = 0; i < f->outputs; i++)
        sum += f->y[i] * f->dy[i];
    return sum;
}

static double difference(function *f, double *at) {
    double x = *at;
    *at = x + STEP;
    double above = loss(f);
    *at = x - STEP;
    double below = loss(f);
    *at = x;
    return (above - below) / (2 * STEP);
}

static void check_input(function *f, int input) {
    double largest = 0, error = 0;
    for (int64_t i = 0; i < f->count[input]; i++) {
        double expected = difference(f, &f->input[input][i]);
        double e = fabs(f->gradient[input][i] - expected);
        largest = fmax(largest, fabs(expected));
        error = e <= error ? error : e;
    }
    ck_assert_msg(error <= TOLERANCE * largest,
                  "%s of %dx%dx%dx%d -> %d, slope %g: input %d: error %g, largest %g", f->name,
                  (int)f->map.n, (int)f->map.h, (int)f->map.w, (int)f->map.c, (int)f->conv.out,
                  f->slope, input, error, largest);
}

static void check(function f) {
    OK(mi_context_create(NULL, &f.ctx));
    int64_t rows = f.map.n * f.map.h * f.map.w;
    size_t bytes = k->norm_work(f.ctx, rows, f.map.c);
    if (f.conv.n > 0)
        bytes = MI__MAX(bytes, k->conv_work(f.ctx, &f.conv));
    ck_assert_ptr_nonnull(f.work = aligned_alloc(64, (bytes + 64) / 64 * 64));
    for (int i = 0; i < f.inputs; i++) {
        f.input[i] = random_values(f.count[i], (uint32_t)i + 1);
        f.gradient[i] = random_values(f.count[i], 99);
    }
    f.y = random_values(f.outputs, 98);
    f.dy = random_values(f.outputs, 7);
    f.forward(&f);
    f.backward(&f);
    for (int i = 0; i < f.inputs; i++)
        check_input(&f, i);
    for (int i = 0; i < f.inputs; i++) {
        free(f.input[i]);
        free(f.gradient[i]);
    }
    free(f.y), free(f.dy), free(f.work);
    mi_context_destroy(f.ctx);
}

static int64_t size(const mi__map *m) {
    return m->n * m->h * m->w * m->c;
}

static const mi__map maps[] = {{1, 1, 1, 1}, {2, 3, 4, 3}, {1, 5, 1, 2}, {3, 2, 3, 5}};
#define MAPS (int)(sizeof maps / sizeof *maps)

static int64_t pooled(const mi__map *m) {
    return m->n * (m->h / 2) * (m->w / 2) * m->c;
}

/* -- convolution ------------------------------------------------------------------------------ */

static void conv_forward(function *f) {
    k->conv(f->ctx, &f->conv, f->input[0], f->input[1], f->input[2], f->y, NULL, NULL, f->work);
}

static void conv_backward(function *f) {
    k->conv_backward_data(f->ctx, &f->conv, f->dy, f->input[1], f->gradient[0], f->work);
    k->conv_backward_weight(f->ctx, &f->conv, f->input[0], f->dy, f->gradient[1], f->work);
    k->bias_backward(f->ctx, f->outputs / f->conv.out, f->conv.out, f->dy, f->gradient[2], f->work);
}

static void check_conv(mi__map map, int64_t out, const mi__conv *kind) {
    mi__conv s = {map.n, map.h, map.w, map.c, out, kind->kernel, kind->stride, kind->pad, false};
    if (s.kernel > MI__MIN(s.h, s.w) + 2 * s.pad)
        return;
    mi__map to = mi__conv_map(&s);
    check((function){.name = "conv",
                     .map = map,
                     .conv = s,
                     .inputs = 3,
                     .count = {size(&map), s.kernel * s.kernel * s.in * out, out},
                     .outputs = size(&to),
                     .forward = conv_forward,
                     .backward = conv_backward});
}

START_TEST(conv) {
    static const mi__conv kinds[] = {
        {.kernel = 3, .stride = 1, .pad = 1}, {.kernel = 1, .stride = 1, .pad = 0},
        {.kernel = 4, .stride = 2, .pad = 1}, {.kernel = 5, .stride = 1, .pad = 2},
        {.kernel = 2, .stride = 3, .pad = 1}, {.kernel = 3, .stride = 2, .pad = 0}};
    for (int i = 0; i < MAPS; i++)
        for (int j = 0; j < (int)(sizeof kinds / sizeof *kinds); j++)
            for (int64_t out = 1; out <= 9; out += 4)
                check_conv(maps[i], out, &kinds[j]);
}
END_TEST

/* -- normalisation: x, scale, shift ----------------------------------------------------------- */

static double statistics[3][16]; /* mean, variance, inverse of the last norm_forward() */

static void norm_forward(function *f) {
    const mi__norm shape = {f->map, f->slope, f->pool};
    k->moments(f->ctx, f->map.n * f->map.h * f->map.w, f->map.c, f->input[0], statistics[0],
               statistics[1], f->work);
    for (int64_t i = 0; i < f->map.c; i++)
        statistics[2][i] = 1 / sqrt(statistics[1][i] + 1e-2);
    k->norm(f->ctx, &shape, f->input[0], f->input[1], f->input[2], statistics[0], statistics[2],
            f->y);
}

static void norm_backward(function *f) {
    const mi__norm shape = {f->map, f->slope, f->pool};
    k->norm_backward(f->ctx, &shape, f->input[0], f->input[1], f->input[2], statistics[0],
                     statistics[2], f->dy, f->gradient[0], f->gradient[1], f->gradient[2], f->work);
}

START_TEST(norm) {
    for (int i = 1; i < MAPS; i++)
        for (int kind = 0; kind < 6; kind++)
            check((function){.name = "norm",
                             .map = maps[i],
                             .slope = kind % 3 / 2.,
                             .pool = kind >= 3,
                             .inputs = 3,
                             .count = {size(&maps[i]), maps[i].c, maps[i].c},
                             .outputs = kind < 3 ? size(&maps[i]) : pooled(&maps[i]),
                             .forward = norm_forward,
                             .backward = norm_backward});
}
END_TEST

/* -- bias ------------------------------------------------------------------------------------- */

static void bias_forward(function *f) {
    memset(f->y, 0, (size_t)f->outputs * sizeof *f->y);
    k->bias(f->ctx, f->outputs / f->map.c, f->map.c, f->input[0], f->y);
}

static void bias_backward(function *f) {
    k->bias_backward(f->ctx, f->outputs / f->map.c, f->map.c, f->dy, f->gradient[0], f->work);
}

START_TEST(bias) {
    for (int i = 0; i < MAPS; i++)
        check((function){.name = "bias",
                         .map = maps[i],
                         .inputs = 1,
                         .count = {maps[i].c},
                         .outputs = size(&maps[i]),
                         .forward = bias_forward,
                         .backward = bias_backward});
}
END_TEST

/* -- functions of x alone --------------------------------------------------------------------- */

static void leaky_forward(function *f) {
    k->leaky(f->ctx, f->outputs, f->slope, f->input[0], f->y);
}

static void leaky_backward(function *f) {
    k->leaky_backward(f->ctx, f->outputs, f->slope, f->input[0], f->dy, f->gradient[0]);
}

static void softmax_forward(function *f) {
    k->softmax(f->ctx, f->outputs / f->map.c, f->map.c, f->input[0], f->map.c, f->y);
}

static void softmax_backward(function *f) {
    k->softmax_backward(f->ctx, f->outputs / f->map.c, f->map.c, f->y, f->dy, f->gradient[0],
                        f->map.c);
}

static void max_pool_forward(function *f) {
    k->max_pool(f->ctx, &f->map, f->input[0], f->y);
}

static void max_pool_backward(function *f) {
    k->max_pool_backward(f->ctx, &f->map, f->input[0], f->dy, f->gradient[0]);
}

static void mean_pool_forward(function *f) {
    k->mean_pool(f->ctx, &f->map, f->input[0], f->y);
}

static void mean_pool_backward(function *f) {
    k->mean_pool_backward(f->ctx, &f->map, f->dy, f->gradient[0]);
}

static void global_pool_forward(function *f) {
    k->global_pool(f->ctx, &f->map, f->input[0], f->y);
}

static void global_pool_backward(function *f) {
    k->global_pool_backward(f->ctx, &f->map, f->dy, f->gradient[0]);
}

static void global_max_pool_forward(function *f) {
    k->global_max_pool(f->ctx, &f->map, f->input[0], f->y);
}

static void global_max_pool_backward(function *f) {
    k->global_max_pool_backward(f->ctx, &f->map, f->input[0], f->dy, f->gradient[0]);
}

#define CHECK_X(title, map_, outputs_, slope_)                                                     \
    check((function){.name = #title,                                                               \
                     .map = map_,                                                                  \
                     .slope = slope_,                                                              \
                     .inputs = 1,                                                                  \
                     .count = {size(&map_)},                                                       \
                     .outputs = outputs_,                                                          \
                     .forward = title##_forward,                                                   \
                     .backward = title##_backward})

START_TEST(leaky) {
    for (int i = 0; i < MAPS; i++)
        for (int slope = 0; slope <= 2; slope++)
            CHECK_X(leaky, maps[i], size(&maps[i]), slope / 2.);
}
END_TEST

START_TEST(softmax) {
    for (int i = 1; i < MAPS; i++)
        CHECK_X(softmax, maps[i], size(&maps[i]), 0);
}
END_TEST

START_TEST(pools) {
    for (int i = 0; i < MAPS; i++) {
        CHECK_X(max_pool, maps[i], pooled(&maps[i]), 0);
        CHECK_X(mean_pool, maps[i], pooled(&maps[i]), 0);
        CHECK_X(global_pool, maps[i], maps[i].n * maps[i].c, 0);
        CHECK_X(global_max_pool, maps[i], maps[i].n * maps[i].c, 0);
    }
}
END_TEST

UNIT_MAIN("gradient", conv, norm, bias, leaky, softmax, pools)
