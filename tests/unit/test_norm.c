/* SPDX-License-Identifier: BSD-2-Clause */
/* Batch normalisation and sums of columns: every table against the reference in float64. */
#include "kernel_case.h"

static void run_bias(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t rows = map_rows(s), c = s->map.c;
    void *x = values(k, rows * c, 1, 0), *bias = values(k, c, 2, 0);
    void *work = work_room(k->norm_work(ctx, rows, c)), *y = section(k, r, rows * c);
    memcpy(y, x, (size_t)(rows * c) * k->real);
    k->bias(ctx, rows, c, bias, y);
    k->bias_backward(ctx, rows, c, x, section(k, r, c), work);
    give_back(x), give_back(bias), give_back(work);
}

static void run_moments(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t rows = map_rows(s), c = s->map.c;
    void *x = values(k, rows * c, 1, 7), *work = work_room(k->norm_work(ctx, rows, c));
    void *mean = section(k, r, c);
    k->moments(ctx, rows, c, x, mean, section(k, r, c), work);
    give_back(x), give_back(work);
}

/* The values make v exact and never 0, so that rounding can't choose a side. */
static void run_norm(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    const mi__norm norm = {s->map, s->slope, s->pool};
    const mi__map m = s->map;
    int64_t rows = map_rows(s), c = m.c;
    int64_t outputs = s->pool ? m.n * (m.h / 2) * (m.w / 2) * c : rows * c;
    void *x = values(k, rows * c, 1, 0), *dy = values(k, outputs, 2, 0), *mean = values(k, c, 3, 0);
    void *scale = values(k, c, 4, 0), *shift = values(k, c, 5, 1. / 16384);
    void *inverse = values(k, c, 6, 5), *work = work_room(k->norm_work(ctx, rows, c));
    void *y = section(k, r, outputs), *dx = section(k, r, rows * c);
    void *dscale = section(k, r, c), *dshift = section(k, r, c);
    k->norm(ctx, &norm, x, scale, shift, mean, inverse, y);
    k->norm_backward(ctx, &norm, x, scale, shift, mean, inverse, dy, dx, dscale, dshift, work);
    if (!s->pool) {
        void *in_place = room(k, rows * c);
        memcpy(in_place, dy, (size_t)(rows * c) * k->real);
        k->norm_backward(ctx, &norm, x, scale, shift, mean, inverse, in_place, in_place, dscale,
                         dshift, work);
        ck_assert_mem_eq(in_place, dx, (size_t)(rows * c) * k->real);
        give_back(in_place);
    }
    k->norm_backward(ctx, &norm, x, scale, shift, mean, inverse, dy, x, dscale, dshift, work);
    ck_assert_mem_eq(x, dx, (size_t)(rows * c) * k->real);
    give_back(x), give_back(dy), give_back(mean), give_back(scale), give_back(shift);
    give_back(inverse), give_back(work);
}

START_TEST(norm_agrees) {
    check_random(run_moments, 210, 1e-5);
    check_random(run_norm, 210, 1e-5);
    check_shape(run_moments, &(shape){.map = {5, 25, 25, 17}}, 1e-5);
    check_shape(run_norm, &(shape){.map = {5, 25, 25, 17}}, 1e-5);
    check_shape(run_norm, &(shape){.map = {5, 25, 25, 17}, .slope = 0.25, .pool = true}, 1e-5);
    check_shape(run_norm, &(shape){.map = {1, 32, 32, 64}, .slope = 1}, 1e-5);
}
END_TEST

/* With a pool, what the normalisation and the pool alone do one after the other, ties included. */
static void check_chain(const mi__kernels *k, const shape *s) {
    const mi__norm whole = {s->map, s->slope, true}, alone = {s->map, s->slope, false};
    const mi__map m = s->map;
    const int64_t rows = map_rows(s), c = m.c, n = rows * c, small = m.n * (m.h / 2) * (m.w / 2);
    mi_context *ctx = make_context(2);
    void *x = values(k, n, 1, 0), *dy = values(k, small * c, 2, 0), *mean = values(k, c, 3, 0);
    void *scale = values(k, c, 4, 0), *shift = values(k, c, 5, 1. / 16384);
    void *inverse = values(k, c, 6, 5), *work = work_room(k->norm_work(ctx, rows, c));
    void *y = room(k, small * c), *expected = room(k, small * c), *middle = room(k, n);
    void *dmiddle = room(k, n), *dscale = room(k, c), *dshift = room(k, c), *dx = room(k, n);
    k->norm(ctx, &whole, x, scale, shift, mean, inverse, y);
    k->norm(ctx, &alone, x, scale, shift, mean, inverse, middle);
    k->max_pool(ctx, &m, middle, expected);
    ck_assert_mem_eq(y, expected, (size_t)(small * c) * k->real);
    k->max_pool_backward(ctx, &m, middle, dy, dmiddle);
    k->norm_backward(ctx, &alone, x, scale, shift, mean, inverse, dmiddle, dmiddle, dscale, dshift,
                     work);
    k->norm_backward(ctx, &whole, x, scale, shift, mean, inverse, dy, dx, dscale, dshift, work);
    for (int64_t i = 0; i < n; i++)
        ck_assert_double_eq_tol(get(dx, k->real, i), get(dmiddle, k->real, i), 1e-3);
    void *const all[] = {x, dy,       mean,   scale,   shift,  inverse, work,
                         y, expected, middle, dmiddle, dscale, dshift,  dx};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        give_back(all[i]);
    mi_context_destroy(ctx);
}

START_TEST(pool_follows) {
    const mi__kernels *k;
    check_chain(&mi__kernels_f64, &(shape){.map = {2, 5, 7, 19}, .slope = 0.5});
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++)
        for (int64_t c = 1; c < 100; c = 2 * c + 1)
            for (int slope = 0; slope < 3; slope++)
                check_chain(k, &(shape){.map = {2, 5, 7, c}, .slope = slope / 2.});
}
END_TEST

START_TEST(bias_agrees) {
    check_random(run_bias, 210, 1e-6);
    check_shape(run_bias, &(shape){.map = {5, 25, 25, 5}, .out = 1}, 1e-6);
}
END_TEST

/* Sums over more rows than one block has. */
START_TEST(columns_are_summed_whole) {
    enum { ROWS = 5001, C = 3 };
    const mi__kernels *k = &mi__kernels_f64;
    mi_context *ctx = make_context(2);
    double *x = values(k, ROWS * C, 1, 0), *dy = values(k, ROWS * C, 2, 0);
    double *dx = room(k, ROWS * C), *work = work_room(k->norm_work(ctx, ROWS, C));
    double sum[C] = {0}, product[C] = {0}, dbias[C], dscale[C], dshift[C];
    const double scale[C] = {1, 1, 1}, shift[C] = {0}, mean[C] = {1, 2, 3},
                 inverse[C] = {2, 1, 0.5};
    for (int i = 0; i < ROWS * C; i++) {
        sum[i % C] += dy[i];
        product[i % C] += dy[i] * (x[i] - mean[i % C]) * inverse[i % C];
    }
    k->bias_backward(ctx, ROWS, C, dy, dbias, work);
    const mi__norm one_map = {{1, ROWS, 1, C}, 1, false};
    k->norm_backward(ctx, &one_map, x, scale, shift, mean, inverse, dy, dx, dscale, dshift, work);
    for (int i = 0; i < C; i++) {
        ck_assert_double_eq_tol(dbias[i], sum[i], 1e-9);
        ck_assert_double_eq_tol(dshift[i], sum[i], 1e-9);
        ck_assert_double_eq_tol(dscale[i], product[i], 1e-9);
    }
    give_back(x), give_back(dy), give_back(dx), give_back(work);
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(variance_survives_a_large_mean) {
    enum { ROWS = 3000 };
    mi_context *ctx = make_context(0);
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        float x[ROWS], mean, variance;
        for (int i = 0; i < ROWS; i++)
            x[i] = 1e6f + (float)(i % 2);
        void *work = work_room(k->norm_work(ctx, ROWS, 1));
        k->moments(ctx, ROWS, 1, x, &mean, &variance, work);
        ck_assert_double_eq_tol((double)variance, 0.25, 1e-6);
        give_back(work);
    }
    mi_context_destroy(ctx);
}
END_TEST

UNIT_MAIN("norm", norm_agrees, pool_follows, bias_agrees, columns_are_summed_whole,
          variance_survives_a_large_mean)
