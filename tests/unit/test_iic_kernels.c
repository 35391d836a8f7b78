/* SPDX-License-Identifier: BSD-2-Clause */
/* What joint matrices are made of, in every table that this processor can run, against the
 * reference. */
#include "../../lib/base/random.h"
#include "../../lib/kernel/kernel.h"
#include "unit.h"

#include <float.h>

static void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not %.17g to %g", a, b, tolerance);
}

START_TEST(test_widen) {
    enum { ROWS = 5, MOST = 27, LD = 30 };
    const mi__kernels *k, *reference = &mi__kernels_reference;
    mi__random r = mi__random_at(1, 0, 0);
    for (int32_t table = 0; (k = mi__kernels_list(table)) != NULL; table++)
        for (int64_t c = 2; c <= MOST; c++)
            for (int64_t repeats = 1; repeats <= 3; repeats++)
                for (int weighted = 0; weighted < 2; weighted++) {
                    float x[ROWS * 3 * LD], weight[ROWS * 3], back[2][ROWS * 3 * LD];
                    double y[2][ROWS * 40];
                    const int64_t ldy = (c + 7) / 8 * 8 + (c % 3 == 0 ? 8 : 0);
                    for (int i = 0; i < ROWS * 3 * LD; i++)
                        x[i] = i % LD < c ? (float)mi__random_uniform(&r) : NAN;
                    for (int i = 0; i < ROWS * 3; i++)
                        weight[i] = (float)(i % 4) / 4;
                    memset(y, 0xff, sizeof y);
                    memset(back, 0, sizeof back);
                    for (int i = 0; i < 2; i++) {
                        const mi__kernels *t = i == 0 ? k : reference;
                        const float *w = weighted ? weight : NULL;
                        ck_assert(t->widen(ROWS, c, x, LD, repeats, w, y[i], ldy));
                        t->narrow(ROWS, c, y[i], ldy, repeats, w, back[i], LD);
                    }
                    ck_assert_mem_eq(y[0], y[1], (size_t)(ROWS * ldy) * sizeof(double));
                    ck_assert_mem_eq(back[0], back[1], sizeof back[0]);
                }
}
END_TEST

START_TEST(test_widen_sees_every_value) {
    enum { ROWS = 3, LD = 19 };
    const float wrong[] = {NAN, -NAN, INFINITY, -INFINITY, -FLT_TRUE_MIN, -1};
    const float right[] = {0, -0.f, FLT_MAX, FLT_TRUE_MIN, 1};
    const mi__kernels *k;
    for (int32_t table = 0; (k = mi__kernels_list(table)) != NULL; table++)
        for (int i = 0; i < ROWS * LD; i++) {
            float x[ROWS * LD] = {0};
            double y[ROWS * 24];
            for (int j = 0; j < 6; j++) {
                x[i] = wrong[j];
                ck_assert(!k->widen(ROWS, LD, x, LD, 1, NULL, y, 24));
                ck_assert(!k->widen(1, LD, x, LD, 3, NULL, y, 24));
            }
            for (int j = 0; j < 5; j++) {
                x[i] = right[j];
                ck_assert(k->widen(ROWS, LD, x, LD, 1, NULL, y, 24));
            }
        }
}
END_TEST

START_TEST(test_lowest_and_lift) {
    enum { MOST = 70, LD = 75, ROWS = 11 };
    const float wrong[] = {NAN, -NAN, INFINITY, -INFINITY, -FLT_TRUE_MIN, -1};
    const mi__kernels *k, *reference = &mi__kernels_reference;
    mi__random r = mi__random_at(5, 0, 0);
    for (int32_t table = 0; (k = mi__kernels_list(table)) != NULL; table++)
        for (int64_t c = 1; c <= MOST; c++)
            for (int64_t rows = 1; rows <= ROWS; rows++) {
                float x[ROWS * LD], low[2][MOST + 1], y[2][ROWS * LD];
                double sums[2][MOST + 1];
                for (int i = 0; i < ROWS * LD; i++)
                    x[i] = i % LD < c ? 1 + (float)mi__random_uniform(&r) : NAN;
                memset(low, 0, sizeof low), memset(y, 0, sizeof y), memset(sums, 0, sizeof sums);
                for (int i = 0; i < 2; i++) {
                    const mi__kernels *t = i == 0 ? k : reference;
                    ck_assert(t->lowest(rows, c, x, LD, low[i]));
                    t->lift(rows, c, x, LD, low[i], y[i], LD, sums[i]);
                }
                ck_assert_mem_eq(low[0], low[1], sizeof low[0]);
                ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
                ck_assert_mem_eq(sums[0], sums[1], sizeof sums[0]);
                float *one = &x[mi__random_below(&r, rows) * LD + mi__random_below(&r, c)];
                *one = -0.f;
                ck_assert(k->lowest(rows, c, x, LD, low[0]));
                *one = wrong[c % 6];
                ck_assert(!k->lowest(rows, c, x, LD, low[0]));
            }
}
END_TEST

START_TEST(test_tiles) {
    enum { SIZE = 64 * 48 };
    const mi__kernels *k;
    double *a = malloc(SIZE * sizeof *a), *b = malloc(SIZE * sizeof *b);
    double *c[2] = {malloc(SIZE * sizeof **c), malloc(SIZE * sizeof **c)};
    mi__random r = mi__random_at(2, 0, 0);
    for (int i = 0; i < SIZE; i++) {
        a[i] = mi__random_uniform(&r);
        b[i] = mi__random_uniform(&r);
    }
    for (int32_t table = 0; (k = mi__kernels_list(table)) != NULL; table++)
        for (int64_t columns = 8; columns <= 48; columns += 8)
            for (int64_t depth = 0; depth < 40; depth += 13)
                for (int way = 0; way < 4; way++) {
                    mi__tiles t = {.columns = columns,
                                   .depth = depth,
                                   .a = a,
                                   .b = b,
                                   .row = way & 1 ? 1 : 48,
                                   .step = way & 1 ? 48 : 1,
                                   .ldb = 48,
                                   .ldc = 48,
                                   .add = way >> 1};
                    for (int i = 0; i < 2; i++) {
                        for (int j = 0; j < SIZE; j++)
                            c[i][j] = j % 7;
                        t.c = c[i];
                        (i == 0 ? k : &mi__kernels_f64)->tiles(&t, 1, 4);
                    }
                    for (int j = 0; j < SIZE; j++)
                        near(c[0][j], c[1][j], 1e-13);
                }
    free(a), free(b), free(c[0]), free(c[1]);
}
END_TEST

START_TEST(test_logarithm) {
    const mi__kernels *k;
    mi__random r = mi__random_at(3, 0, 0);
    const double zero[37] = {0};
    for (int32_t table = 0; (k = mi__kernels_list(table)) != NULL; table++) {
        double worst = 0, x[37], g[37];
        for (int round = 0; round < 20000; round++) {
            for (int i = 0; i < 37; i++) { /* near 1, all over the range, and beyond the normal */
                double u = mi__random_uniform(&r);
                x[i] = i % 3 == 0 ? 1 - u * u * u : i % 3 == 1 ? exp(-708 * u) : u * 0x1p-1022;
                x[i] = x[i] > 0 ? x[i] : 1;
            }
            k->slopes(37, x, 1, 0, zero, g);
            for (int i = 0; i < 37; i++) {
                double exact = -log(x[i]), ulp = nextafter(fabs(exact), INFINITY) - fabs(exact);
                worst = fmax(worst, fabs(g[i] - exact) / ulp);
            }
        }
        ck_assert_msg(worst <= 1, "%s: off by %g ulp", k->name, worst);
    }
}
END_TEST

START_TEST(test_slopes) {
    const mi__kernels *k;
    mi__random r = mi__random_at(4, 0, 0);
    for (int32_t table = 0; (k = mi__kernels_list(table)) != NULL; table++)
        for (int64_t n = 1; n < 40; n++) {
            double a[40], column[40], g[2][40], loss[2];
            for (int i = 0; i < 40; i++) {
                a[i] = i % 5 == 2 ? 0 : mi__random_uniform(&r);
                column[i] = -1 - mi__random_uniform(&r);
                g[0][i] = g[1][i] = 7;
            }
            loss[0] = k->slopes(n, a, 13, -2, column, g[0]);
            loss[1] = mi__kernels_f64.slopes(n, a, 13, -2, column, g[1]);
            near(loss[0], loss[1], 1e-14);
            for (int i = 0; i < 40; i++) {
                if (i >= n)
                    ck_assert(g[0][i] == 7);
                else if (i % 5 == 2)
                    ck_assert(isinf(g[0][i]) && g[0][i] > 0 && isinf(g[1][i]));
                else
                    near(g[0][i], g[1][i], 2e-15 * fabs(g[1][i]) + 1e-15);
            }
            memcpy(g[1], a, sizeof a); /* in place */
            ck_assert(k->slopes(n, g[1], 13, -2, column, g[1]) == loss[0]);
            ck_assert_mem_eq(g[0], g[1], (size_t)n * sizeof(double));
        }
}
END_TEST

UNIT_MAIN("iic_kernels", test_widen, test_widen_sees_every_value, test_lowest_and_lift, test_tiles,
          test_logarithm, test_slopes)
