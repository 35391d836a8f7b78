/* SPDX-License-Identifier: BSD-2-Clause */
/* Convolutions: every table against the reference in float64. */
#include "kernel_case.h"

static void run_conv(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    mi__conv c = {s->map.n, s->map.h, s->map.w, s->map.c, s->out, 3, 1, 1};
    int64_t rows = map_rows(s);
    void *x = values(k, rows * c.in, 1, 0), *weight = values(k, 9 * c.in * c.out, 2, 0);
    void *dy = values(k, rows * c.out, 3, 0), *work = work_room(k->conv_work(ctx, &c));
    k->conv(ctx, &c, x, weight, NULL, section(k, r, rows * c.out), NULL, NULL, work);
    k->conv_backward_data(ctx, &c, dy, weight, section(k, r, rows * c.in), work);
    k->conv_backward_weight(ctx, &c, x, dy, section(k, r, 9 * c.in * c.out), work);
    give_back(x), give_back(weight), give_back(dy), give_back(work);
}

START_TEST(conv_agrees) {
    check_random(run_conv, 60, 2e-5);
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
    const mi__conv s = {1, 3, 3, 1, 1, 3, 1, 1};
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

UNIT_MAIN("conv", conv_agrees, conv_of_each_size_agrees, conv_of_large_batches_agrees,
          conv_is_a_correlation)
