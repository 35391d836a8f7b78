/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers for hosts: that they are what they say, on every table of kernels, and a function
 * of their place alone. */
#include "unit.h"

#include "../../lib/base/random.h"
#include "../../lib/kernel/kernel.h"

enum { MANY = 1 << 18 };

static float x[MANY], y[MANY];
static double exact[MANY];

static int ascending(const void *a, const void *b) {
    const float p = *(const float *)a, q = *(const float *)b;
    return (p > q) - (p < q);
}

/* The Kolmogorov-Smirnov statistic times sqrt(n): above 1.95 once in a thousand times. */
static double distance(float *sample, int64_t n, bool normal) {
    double most = 0;
    qsort(sample, (size_t)n, sizeof *sample, ascending);
    for (int64_t i = 0; i < n; i++) {
        const double v = (double)sample[i], p = normal ? 0.5 * erfc(-v / sqrt(2)) : v;
        most = fmax(most, fmax(p - (double)i / (double)n, (double)(i + 1) / (double)n - p));
    }
    return most * sqrt((double)n);
}

static double correlation(const float *a, const float *b, int64_t n) {
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static void check_moment(const char *name, int power, double expected, double variance) {
    double sum = 0;
    for (int i = 0; i < MANY; i++)
        sum += pow((double)x[i], power);
    const double off = fabs(sum / MANY - expected) / sqrt(variance / MANY);
    ck_assert_msg(off < 4, "%s: moment %d is off by %g deviations", name, power, off);
}

START_TEST(normal_numbers_are_normal) {
    OK(mi_random_normal_f32(1, 2, 0, MANY, x));
    const double moment[9] = {1, 0, 1, 0, 3, 0, 15, 0, 105};
    for (int p = 1; p <= 4; p++)
        check_moment("normal", p, moment[p], moment[2 * p] - moment[p] * moment[p]);
    ck_assert_double_lt(distance(x, MANY, true), 1.95);
    ck_assert_float_ge(x[MANY - 1], 4); /* 8 such are due on either side */
    ck_assert_float_le(x[0], -4);
}
END_TEST

START_TEST(uniform_numbers_are_uniform) {
    OK(mi_random_uniform_f32(1, 2, 0, MANY, x));
    check_moment("uniform", 1, 0.5, 1 / 12.);
    check_moment("uniform", 2, 1 / 3., 1 / 5. - 1 / 9.);
    for (int i = 0; i < MANY; i++) {
        ck_assert(x[i] >= 0 && x[i] < 1);
        ck_assert_float_eq(x[i] * 0x1p24f, floorf(x[i] * 0x1p24f));
    }
    ck_assert_double_lt(distance(x, MANY, false), 1.95);
}
END_TEST

START_TEST(streams_seeds_and_neighbours_are_independent) {
    OK(mi_random_normal_f32(1, 7, 0, MANY, x));
    const double edge = 4 / sqrt(MANY);
    ck_assert_double_le(fabs(correlation(x, x + 1, MANY - 1)), edge);
    ck_assert_double_le(fabs(correlation(x, x + 2, MANY - 2)), edge);
    ck_assert_double_le(fabs(correlation(x, x + 4, MANY - 4)), edge);
    const uint64_t other[][2] = {
        {1, 8}, {1, 6}, {2, 7}, {0, 7}, {1, 7 + ((uint64_t)1 << 32)}, {1 + ((uint64_t)1 << 32), 7}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        OK(mi_random_normal_f32(other[i][0], other[i][1], 0, MANY, y));
        ck_assert_double_le(fabs(correlation(x, y, MANY)), edge);
    }
    for (int i = 0; i < MANY; i++) { /* the size of one tells nothing about the other's */
        x[i] = x[i] * x[i] - 1;
        y[i] = y[i] * y[i] - 1;
    }
    ck_assert_double_le(fabs(correlation(x, x + 1, MANY - 1)), edge);
    ck_assert_double_le(fabs(correlation(x, y, MANY)), edge);
}
END_TEST

/* Every cut into two pieces gives the same numbers, to the bit, and nothing beyond them. */
START_TEST(pieces_make_up_the_whole) {
    enum { N = 150 };
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++)
        for (int kind = 0; kind < 2; kind++) {
            void (*draw)(uint64_t, uint64_t, int64_t, int64_t, void *) =
                kind == 0 ? k->uniforms : k->normals;
            float whole[N], piece[N + 1];
            draw(3, 4, 0, N, whole);
            for (int cut = 0; cut <= N; cut++) {
                for (int i = 0; i <= N; i++)
                    piece[i] = 77;
                draw(3, 4, 0, cut, piece);
                ck_assert(piece[cut] == 77);
                draw(3, 4, cut, N - cut, piece + cut);
                ck_assert_mem_eq(piece, whole, sizeof whole);
                ck_assert(piece[N] == 77);
            }
        }
}
END_TEST

static void check_table(const mi__kernels *k, uint64_t seed, uint64_t stream, int64_t first,
                        int64_t n) {
    k->normals(seed, stream, first, n, x);
    mi__kernels_f64.normals(seed, stream, first, n, exact);
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)x[i] - exact[i]) <= 1e-6 * fmax(fabs(exact[i]), 0.1),
                      "%s: number %d is %.9g, not %.9g", k->name, (int)i, (double)x[i], exact[i]);
    k->uniforms(seed, stream, first, n, x);
    mi__kernels_f64.uniforms(seed, stream, first, n, exact);
    for (int64_t i = 0; i < n; i++)
        ck_assert_double_eq((double)x[i], exact[i]);
}

START_TEST(tables_agree) {
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        check_table(k, 1, 2, 0, MANY);
        check_table(k, UINT64_MAX, UINT64_MAX, ((int64_t)1 << 62) - 500, 500);
        check_table(k, 1, 2, ((int64_t)4 << 32) - 250, 500); /* the counter's carry */
    }
}
END_TEST

/* The first block of a stream that hosts may ask for, as Philox is defined. */
START_TEST(numbers_are_those_of_philox) {
    uint32_t block[4];
    mi__philox(11, 5 + ((uint64_t)1 << 63), 3, block);
    OK(mi_random_uniform_f32(11, 5, 12, 4, x));
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq((double)x[i], (block[i] >> 8) * 0x1p-24);
    OK(mi_random_normal_f32(11, 5, 12, 4, x));
    const double radius = sqrt(-2 * log((block[2] + 0.5) * 0x1p-32));
    const double angle = 6.283185307179586 * block[3] * 0x1p-32;
    ck_assert_double_eq_tol((double)x[2], radius * cos(angle), 1e-6);
    ck_assert_double_eq_tol((double)x[3], radius * sin(angle), 1e-6);
}
END_TEST

/* The most that a radius can be, that of 32 zeros. */
START_TEST(no_number_is_far_away) {
    ck_assert_double_lt(sqrt(-2 * log(0x1p-33)), 6.8);
    float most = 0;
    for (int64_t i = 0; i < 64; i++) {
        OK(mi_random_normal_f32(2, 1, i * MANY, MANY, x));
        for (int j = 0; j < MANY; j++)
            most = fmaxf(most, fabsf(x[j]));
    }
    ck_assert_float_gt(most, 5);
    ck_assert_float_lt(most, 6.8f);
}
END_TEST

START_TEST(bad_arguments) {
    FAILS(MI_E_ARG, "out", mi_random_normal_f32(0, 0, 0, 1, NULL));
    FAILS(MI_E_ARG, "got -1 and 1", mi_random_normal_f32(0, 0, -1, 1, x));
    FAILS(MI_E_ARG, "got 0 and -3", mi_random_uniform_f32(0, 0, 0, -3, x));
    FAILS(MI_E_ARG, "2^62", mi_random_uniform_f32(0, 0, ((int64_t)1 << 62) - 1, 2, x));
    FAILS(MI_E_ARG, "2^62", mi_random_uniform_f32(0, 0, INT64_MAX, INT64_MAX, x));
    FAILS(MI_E_ARG, "2^63", mi_random_normal_f32(0, (uint64_t)1 << 63, 0, 1, x));
    x[0] = 5;
    OK(mi_random_normal_f32(0, 0, 0, 0, x));
    OK(mi_random_uniform_f32(0, ((uint64_t)1 << 63) - 1, (int64_t)1 << 62, 0, x));
    ck_assert(x[0] == 5);
}
END_TEST

UNIT_MAIN("random", normal_numbers_are_normal, uniform_numbers_are_uniform,
          streams_seeds_and_neighbours_are_independent, pieces_make_up_the_whole, tables_agree,
          numbers_are_those_of_philox, no_number_is_far_away, bad_arguments)
