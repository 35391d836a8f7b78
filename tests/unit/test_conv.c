/* SPDX-License-Identifier: BSD-2-Clause */
/* Convolutions: every table against the reference in float64. */
#include "kernel_case.h"

static void run_conv(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    mi__conv c = {s->map.n, s->map.h, s->map.w, s->map.c, s->out, 3, 1, 1, false};
    int64_t rows = map_rows(s);
    void *x = values(k, rows * c.in, 1, 0), *weight = values(k, 9 * c.in * c.out, 2, 0);
    void *dy = values(k, rows * c.out, 3, 0), *work = work_room(k->conv_work(ctx, &c));
    k->conv(ctx, &c, x, weight, NULL, section(k, r, rows * c.out), NULL, NULL, work);
    k->conv_backward_data(ctx, &c, dy, weight, section(k, r, rows * c.in), work);
    k->conv_backward_weight(ctx, &c, x, dy, section(k, r, 9 * c.in * c.out), work);
    give_back(x), give_back(weight), give_back(dy), give_back(work);
}

START_TEST(conv_agrees) {
    check_random(run_conv, 210, 2e-5);
}
END_TEST

START_TEST(conv_of_each_size_agrees) {
    for (int64_t h = 1; h <= 9; h++)
        for (int64_t w = 1; w <= 9; w++)
            check_shape(run_conv, &(shape){.map = {1 + h % 2, h, w, 5}, .out = 17}, 2e-5);
}
END_TEST

START_TEST(conv_of_large_batches_agrees) {
    check_shape(run_conv, &(shape){.map = {12, 24, 24, 1}, .out = 64}, 2e-5);
    check_shape(run_conv, &(shape){.map = {150, 24, 24, 5}, .out = 9}, 2e-5);
    check_shape(run_conv, &(shape){.map = {130, 3, 3, 17}, .out = 33}, 2e-5);
    check_shape(run_conv, &(shape){.map = {3, 12, 12, 64}, .out = 128}, 2e-5);
}
END_TEST

START_TEST(conv_is_a_correlation) {
    const double x[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0}, weight[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const mi__conv s = {1, 3, 3, 1, 1, 3, 1, 1, false};
    double y[9];
    mi_context *ctx = make_context(1);
    void *work = work_room(mi__kernels_f64.conv_work(ctx, &s));
    mi__kernels_f64.conv(ctx, &s, x, weight, NULL, y, NULL, NULL, work);
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq(y[i], 9 - i);
    give_back(work);
    mi_context_destroy(ctx);
}
END_TEST

/* -- any kernel, stride and padding ------------------------------------------------------------ */

static mi__conv any_conv(const shape *s) {
    return (mi__conv){s->map.n,  s->map.h,  s->map.w, s->map.c, s->out,
                      s->kernel, s->stride, s->pad,   s->half};
}

static int64_t weights_of(const mi__conv *c) {
    return c->kernel * c->kernel * c->in * c->out;
}

/* With a bias that keeps means off zero, and the moments. */
static void run_any_forward(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    mi__conv c = any_conv(s);
    mi__map m = mi__conv_map(&c);
    void *x = values(k, map_rows(s) * c.in, 1, 0), *weight = values(k, weights_of(&c), 2, 0);
    void *bias = s->pool ? values(k, c.out, 4, 64) : NULL, *work = work_room(k->conv_work(ctx, &c));
    void *y = section(k, r, m.n * m.h * m.w * m.c), *mean = section(k, r, c.out);
    k->conv(ctx, &c, x, weight, bias, y, mean, section(k, r, c.out), work);
    if (bias != NULL)
        give_back(bias);
    give_back(x), give_back(weight), give_back(work);
}

static void run_any_backward(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    mi__conv c = any_conv(s);
    mi__map m = mi__conv_map(&c);
    void *x = values(k, map_rows(s) * c.in, 1, 0), *weight = values(k, weights_of(&c), 2, 0);
    void *dy = values(k, m.n * m.h * m.w * m.c, 3, 0), *work = work_room(k->conv_work(ctx, &c));
    k->conv_backward_data(ctx, &c, dy, weight, section(k, r, map_rows(s) * c.in), work);
    k->conv_backward_weight(ctx, &c, x, dy, section(k, r, weights_of(&c)), work);
    give_back(x), give_back(weight), give_back(dy), give_back(work);
}

static void check_any(const shape *s) {
    check_shape(run_any_forward, s, 2e-5);
    check_shape(run_any_backward, s, 2e-5);
}

static shape some_conv(void) {
    shape s = {.map = {1 + below(5), 1 + below(13), 1 + below(13), 1 + below(100)},
               .out = 1 + below(100),
               .pool = below(2)};
    if (below(2))
        s.map.c = 1 + below(4);
    s.kernel = 1 + below(7);
    s.stride = 1 + below(3);
    s.pad = below(s.kernel);
    return s;
}

START_TEST(any_conv_agrees) {
    for (int shapes = 0; shapes < 240;) {
        shape s = some_conv();
        mi__conv c = any_conv(&s);
        if (c.kernel > MI__MIN(c.h, c.w) + 2 * c.pad)
            continue;
        mi__map m = mi__conv_map(&c);
        if (m.n * m.h * m.w * weights_of(&c) > 500000)
            continue;
        check_any(&s);
        shapes++;
    }
}
END_TEST

START_TEST(large_conv_agrees) {
    static const shape shapes[] = {
        {.map = {9, 8, 8, 64}, .out = 100, .kernel = 1, .stride = 1},
        {.map = {40, 3, 3, 70}, .out = 65, .kernel = 2, .stride = 1},
        {.map = {3, 16, 16, 64}, .out = 40, .kernel = 4, .stride = 2, .pad = 1},
        {.map = {2, 9, 11, 130}, .out = 20, .kernel = 3, .stride = 2, .pad = 1},
        {.map = {1, 3, 700, 3}, .out = 17, .kernel = 5, .stride = 1, .pad = 2},
        {.map = {1, 40, 9, 3}, .out = 16, .kernel = 3, .stride = 8, .pad = 2},
        {.map = {12, 24, 24, 1}, .out = 64, .kernel = 3, .stride = 1, .pad = 1},
        {.map = {2, 17, 17, 1}, .out = 5, .kernel = 15, .stride = 1, .pad = 7},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_any(&shapes[i]);
}
END_TEST

/* -- kernels that transforms of tiles suit ---------------------------------------------------- */

/* Kernel, stride and the padding that is usual. */
static const int64_t transformed[][3] = {{3, 1, 1}, {4, 2, 1}, {5, 1, 2}, {2, 1, 0},
                                         {2, 1, 1}, {3, 2, 1}, {5, 2, 2}, {6, 2, 2},
                                         {3, 1, 0}, {3, 1, 2}, {4, 2, 3}, {5, 1, 0}};

static void use_transformed(shape *s, size_t index) {
    s->kernel = transformed[index][0];
    s->stride = transformed[index][1];
    s->pad = transformed[index][2];
}

START_TEST(transformed_conv_agrees) {
    const size_t kinds = sizeof transformed / sizeof *transformed;
    for (size_t shapes = 0; shapes < 20 * kinds;) {
        shape s = {.map = {1 + below(5), 1 + below(19), 1 + below(19), 5 + below(126)},
                   .out = 1 + below(130),
                   .pool = true};
        use_transformed(&s, shapes % kinds);
        mi__conv c = any_conv(&s);
        if (MI__MIN(c.h, c.w) + 2 * c.pad < c.kernel)
            continue;
        mi__map m = mi__conv_map(&c);
        if (m.n * m.h * m.w * weights_of(&c) > 1000000)
            continue;
        check_any(&s);
        shapes++;
    }
}
END_TEST

/* Each tile size, and batches of tiles. */
START_TEST(transformed_conv_of_each_size_agrees) {
    for (size_t i = 0; i < 3; i++) {
        for (int64_t size = 1; size <= 13; size++) {
            shape s = {.map = {3, size, 14 - size, 7}, .out = 18, .pool = true};
            use_transformed(&s, i);
            if (MI__MIN(size, 14 - size) + 2 * s.pad >= s.kernel)
                check_any(&s);
        }
        for (int64_t size = 9; size <= 12; size += 3) {
            shape s = {.map = {300, size, size, 6}, .out = 70, .pool = true};
            use_transformed(&s, i);
            check_any(&s);
        }
    }
}
END_TEST

/* A mean far from zero, of 1e4 with a variance below 1: as moments() finds them. */
static void run_moments(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    mi__conv c = any_conv(s);
    mi__map m = mi__conv_map(&c);
    int64_t rows = m.n * m.h * m.w;
    void *x = values(k, map_rows(s) * c.in, 1, 0), *weight = values(k, weights_of(&c), 2, 0);
    void *bias = values(k, c.out, 4, 1e4), *work = work_room(k->conv_work(ctx, &c));
    void *y = room(k, rows * c.out), *mean = section(k, r, c.out), *variance = room(k, c.out);
    void *sums = work_room(k->norm_work(ctx, rows, c.out)), *means = room(k, c.out);
    void *variances = room(k, c.out);
    k->scale(weights_of(&c), 1. / 64, weight, weight);
    k->conv(ctx, &c, x, weight, bias, y, mean, variance, work);
    k->moments(ctx, rows, c.out, y, means, variances, sums);
    for (int64_t i = 0; i < c.out; i++) {
        ck_assert_double_eq_tol(get(mean, k->real, i), get(means, k->real, i), 2e-3);
        ck_assert_double_eq_tol(get(variance, k->real, i) / get(variances, k->real, i), 1, 1e-5);
    }
    give_back(x), give_back(weight), give_back(bias), give_back(work), give_back(y);
    give_back(variance), give_back(means), give_back(variances), give_back(sums);
}

START_TEST(moments_of_conv_bear_a_large_mean) {
    for (size_t i = 0; i < 3; i++) {
        shape s = {.map = {20, 12, 12, 8}, .out = 33};
        use_transformed(&s, i);
        check_shape(run_moments, &s, 1e-6);
    }
}
END_TEST

/* So large an output may be written past the caches. */
START_TEST(large_outputs_are_those_of_each_image) {
    const mi__conv all = {456, 24, 24, 1, 64, 3, 1, 1, false},
                   one = {1, 24, 24, 1, 64, 3, 1, 1, false};
    const int64_t pixels = 24 * 24;
    const mi__kernels *k;
    mi_context *ctx = make_context(2);
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        float *x = values(k, all.n * pixels, 1, 0), *weight = values(k, 9 * 64, 2, 0);
        float *bias = values(k, 64, 3, 0), *y = room(k, all.n * pixels * 64);
        float *same = room(k, pixels * 64);
        void *work = work_room(k->conv_work(ctx, &all)), *less = work_room(k->conv_work(ctx, &one));
        k->conv(ctx, &all, x, weight, bias, y, NULL, NULL, work);
        for (int64_t n = 0; n < all.n; n += 91) {
            k->conv(ctx, &one, x + n * pixels, weight, bias, same, NULL, NULL, less);
            ck_assert_mem_eq(y + n * pixels * 64, same, (size_t)(pixels * 64) * sizeof *y);
        }
        give_back(x), give_back(weight), give_back(bias), give_back(y), give_back(same);
        give_back(work), give_back(less);
    }
    mi_context_destroy(ctx);
}
END_TEST

/* -- products in bfloat16 ---------------------------------------------------------------------- */

START_TEST(half_convolutions_are_near) {
    for (int i = 0; i < 60; i++) {
        shape s = {.map = {1 + below(5), 4 + below(10), 4 + below(10), 5 + below(90)},
                   .out = 1 + below(100),
                   .pool = true, /* a bias, that is: without it means are nearly nothing */
                   .half = true};
        use_transformed(&s, (size_t)i % 3);
        check_shape(run_any_forward, &s, 6e-2);
        check_shape(run_any_backward, &s, 6e-2);
    }
}
END_TEST

/* Nobody else's numbers change, and where there are such products they are used. */
START_TEST(half_is_used_where_it_is_there) {
    mi_context *ctx = make_context(2);
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        shape s = {.map = {2, 12, 12, 32}, .out = 16, .kernel = 3, .stride = 1, .pad = 1};
        result whole = {0}, half = {0};
        run_any_backward(k, ctx, &s, &whole);
        s.half = true;
        run_any_backward(k, ctx, &s, &half);
        for (int64_t i = 0; i < 2; i++) {
            size_t bytes = (size_t)whole.count[i] * k->real;
            bool same = memcmp(whole.data[i], half.data[i], bytes) == 0;
            ck_assert_int_eq(same, !mi__kernels_half(k));
        }
        release(&whole), release(&half);
    }
    mi_context_destroy(ctx);
}
END_TEST

UNIT_MAIN("conv", transformed_conv_agrees, transformed_conv_of_each_size_agrees,
          moments_of_conv_bear_a_large_mean, conv_agrees, conv_of_each_size_agrees,
          conv_of_large_batches_agrees, conv_is_a_correlation, any_conv_agrees, large_conv_agrees,
          large_outputs_are_those_of_each_image, half_convolutions_are_near,
          half_is_used_where_it_is_there)
