/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples of discrete variables: tables, everything about two of them, estimates. */
#include "estimate_case.h"

#define ASK(...) answer(mi__estimate_discrete, __VA_ARGS__)
#define PLAIN &plain_options
#define MOST 6000

static double x[MOST * 2], y[MOST * 2], z[MOST * 2], local[MOST];

static mi_samples samples(int64_t n, int64_t d, const double *at) {
    return (mi_samples){.struct_size = sizeof(mi_samples), .data = at, .n = n, .d = d};
}

static mi_entropy_options in(int32_t unit, int32_t correction) {
    return (mi_entropy_options){
        .struct_size = sizeof(mi_entropy_options), .unit = unit, .correction = correction};
}

static mi_estimate_options corrected(int32_t correction) {
    return (mi_estimate_options){.struct_size = sizeof(mi_estimate_options),
                                 .correction = correction};
}

/* Values that have to do with each other. */
static void draw(uint64_t seed, int64_t n, int64_t values) {
    mi__random r = mi__random_at(seed, 5, 0);
    for (int64_t i = 0; i < n; i++) {
        z[i] = (double)mi__random_below(&r, 3);
        x[i] = (double)mi__random_below(&r, values) + z[i] / 2;
        y[i] = mi__random_below(&r, 3) == 0 ? x[i] : (double)mi__random_below(&r, values) - z[i];
    }
}

/* -- tables ------------------------------------------------------------------------------------ */

START_TEST(test_count) {
    const int32_t a[] = {7, -2, 7, 7, 100, -2};
    const uint8_t b[] = {1, 1, 0, 1, 1, 1};
    mi_samples sa = {.struct_size = sizeof sa, .data = a, .n = 6, .dtype = MI_DTYPE_I32};
    mi_samples sb = {.struct_size = sizeof sb, .data = b, .n = 6, .dtype = MI_DTYPE_U8};
    int64_t nx, ny;
    double table[7] = {9, 9, 9, 9, 9, 9, 9};
    OK(mi_entropy_count(NULL, &sa, &sb, 0, &nx, &ny, NULL));
    ck_assert(nx == 3 && ny == 2);
    OK(mi_entropy_count(NULL, &sa, &sb, 7, &nx, &ny, table));
    const double expected[] = {0, 2, 1, 2, 0, 1, 9};
    ck_assert_mem_eq(table, expected, sizeof expected);
    OK(mi_entropy_count(NULL, &sa, NULL, 3, &nx, &ny, table));
    ck_assert(nx == 3 && ny == 1 && table[0] == 2 && table[1] == 3 && table[2] == 1);
    const double pairs[] = {1, 2, 0, 5, 1, 2, 1, 1}; /* rows are values */
    mi_samples sp = samples(4, 2, pairs);
    OK(mi_entropy_count(NULL, &sp, NULL, 3, &nx, &ny, table));
    ck_assert(nx == 3 && table[0] == 1 && table[1] == 1 && table[2] == 2);
}
END_TEST

START_TEST(test_count_refuses) {
    const double a[] = {1, 2, 3}, b[] = {1, 2, NAN};
    mi_samples sa = samples(3, 1, a), sb = samples(3, 1, b), two = samples(2, 1, a);
    mi_information i = {.struct_size = sizeof i, .mutual = 7};
    mi_entropy_options bad = in(9, 0);
    int64_t nx = 7, ny = 7;
    double t[9] = {7, 7, 7, 7, 7, 7, 7, 7, 7};
    FAILS(MI_E_ARG, "nx", mi_entropy_count(NULL, &sa, NULL, 9, NULL, &ny, t));
    FAILS(MI_E_ARG, "ny", mi_entropy_count(NULL, &sa, NULL, 9, &nx, NULL, t));
    FAILS(MI_E_ARG, "room must not be negative, got -1",
          mi_entropy_count(NULL, &sa, NULL, -1, &nx, &ny, t));
    FAILS(MI_E_ARG, "table", mi_entropy_count(NULL, &sa, NULL, 9, &nx, &ny, NULL));
    FAILS(MI_E_ARG, "x must not be NULL", mi_entropy_count(NULL, NULL, &sa, 9, &nx, &ny, t));
    FAILS(MI_E_SHAPE, "room is 8, the table has 3 rows of 3",
          mi_entropy_count(NULL, &sa, &sa, 8, &nx, &ny, t));
    FAILS(MI_E_SHAPE, "y has 2 samples, not 3", mi_entropy_count(NULL, &sa, &two, 9, &nx, &ny, t));
    FAILS(MI_E_NUMERIC, "y[2] is NaN", mi_entropy_count(NULL, &sa, &sb, 9, &nx, &ny, t));
    FAILS(MI_E_ARG, "y must not be NULL", mi_entropy_samples(NULL, &sa, NULL, NULL, &i));
    FAILS(MI_E_ARG, "x must not be NULL", mi_entropy_samples(NULL, NULL, &sa, NULL, &i));
    FAILS(MI_E_ARG, "information", mi_entropy_samples(NULL, &sa, &sa, NULL, NULL));
    FAILS(MI_E_ARG, "unit", mi_entropy_samples(NULL, &sa, &sa, &bad, &i));
    FAILS(MI_E_SHAPE, "not 3", mi_entropy_samples(NULL, &sa, &two, NULL, &i));
    FAILS(MI_E_NUMERIC, "x[2] is NaN", mi_entropy_samples(NULL, &sb, &sa, NULL, &i));
    i.struct_size = 0;
    FAILS(MI_E_ABI, "mi_information", mi_entropy_samples(NULL, &sa, &sa, NULL, &i));
    sa.struct_size = 0;
    FAILS(MI_E_ABI, "mi_samples", mi_entropy_count(NULL, &sa, NULL, 9, &nx, &ny, t));
    ck_assert(nx == 7 && ny == 7 && t[0] == 7 && i.mutual == 7);
}
END_TEST

/* -- everything about two ---------------------------------------------------------------------- */

START_TEST(test_as_by_table) {
    static double table[MOST * 8];
    for (int64_t n = 1; n <= MOST; n = n * 5 + 1)
        for (int32_t correction = 0; correction < 3; correction++)
            for (int32_t unit = 0; unit < 2; unit++) {
                int64_t nx, ny;
                draw((uint64_t)n, n, 40);
                mi_samples sx = samples(n, 1, x), sy = samples(n, 1, y);
                mi_entropy_options o = in(unit, correction);
                mi_information a = {.struct_size = sizeof a}, b = a, c = a;
                OK(mi_entropy_samples(NULL, &sx, &sy, &o, &a));
                OK(mi_entropy_count(NULL, &sx, &sy, MOST * 8, &nx, &ny, table));
                OK(mi_entropy_joint(NULL, nx, ny, table, 0, &o, &b));
                ck_assert(a.values_x == b.values_x && a.values_y == b.values_y &&
                          a.values_xy == b.values_xy && a.total == (double)n && a.unit == unit);
                const double *da = &a.total, *db = &b.total;
                for (int m = 0; m < 15; m++)
                    near(da[m], db[m], 2e-14);
                OK(mi_entropy_samples(NULL, &sy, &sx, &o, &c)); /* the other way round */
                near(a.mutual, c.mutual, 2e-15);
                near(a.x_given_y, c.y_given_x, 2e-15);
            }
}
END_TEST

START_TEST(test_exact) {
    for (int64_t i = 0; i < MOST; i++) {
        x[i] = (double)(i % 20);
        y[i] = (double)(i / 20 % 30); /* each pair equally often */
        z[i] = x[i] * x[i];
    }
    mi_information i = {.struct_size = sizeof i};
    mi_samples sx = samples(MOST, 1, x), sy = samples(MOST, 1, y), sz = samples(MOST, 1, z);
    OK(mi_entropy_samples(NULL, &sx, &sy, NULL, &i));
    ck_assert(i.mutual == 0 && i.share_x == 0 && i.values_xy == 600);
    OK(mi_entropy_samples(NULL, &sx, &sz, NULL, &i));
    ck_assert(i.mutual == i.entropy_x && i.x_given_y == 0 && i.variation == 0 && i.share_max == 1);
    mi__answer a = ASK(names(MOST, 1, x), names(MOST, 1, y), nothing, PLAIN, local);
    ck_assert(a.value == 0 && local[5] == 0 && a.warnings == 0);
}
END_TEST

START_TEST(test_byte) { /* and its four high bits */
    enum { N = 1 << 12 };
    uint8_t byte[N], high[N];
    for (int i = 0; i < N; i++) {
        byte[i] = (uint8_t)(i * 37);
        high[i] = byte[i] >> 4;
    }
    mi_samples sb = {.struct_size = sizeof sb, .data = byte, .n = N, .dtype = MI_DTYPE_U8};
    mi_samples sh = {.struct_size = sizeof sh, .data = high, .n = N, .dtype = MI_DTYPE_U8};
    mi_entropy_options o = in(MI_UNIT_BITS, MI_CORRECTION_NONE);
    mi_information i = {.struct_size = sizeof i};
    OK(mi_entropy_samples(NULL, &sb, &sh, &o, &i));
    ck_assert(i.entropy_x == 8 && i.entropy_y == 4 && i.x_given_y == 4 && i.mutual == 4 &&
              i.y_given_x == 0);
}
END_TEST

/* -- estimates --------------------------------------------------------------------------------- */

START_TEST(test_estimates) {
    for (int64_t n = 10; n <= MOST; n = n * 7 + 1)
        for (int32_t correction = 0; correction < 3; correction++) {
            draw((uint64_t)n, n, 12);
            mi_samples sx = samples(n, 1, x), sy = samples(n, 1, y);
            mi_estimate_options o = corrected(correction);
            mi_entropy_options e = in(MI_UNIT_NATS, correction), none = in(MI_UNIT_NATS, 0);
            mi_information i = {.struct_size = sizeof i}, plain = i;
            OK(mi_entropy_samples(NULL, &sx, &sy, &e, &i));
            OK(mi_entropy_samples(NULL, &sx, &sy, &none, &plain));
            mi__answer a = ASK(names(n, 1, x), names(n, 1, y), nothing, &o, local);
            near(a.value, i.mutual, 3e-15);
            near(mean(n, local), plain.mutual, 3e-15);
            ck_assert((a.warnings == MI_WARNING_FEW) == (i.values_xy > n / 5));
            a = ASK(names(n, 1, x), nothing, nothing, &o, local);
            near(a.value, i.entropy_x, 3e-15);
            near(mean(n, local), plain.entropy_x, 3e-15);
            ck_assert((a.warnings == MI_WARNING_FEW) == (i.values_x > n / 5));
        }
}
END_TEST

START_TEST(test_given) {
    for (int64_t n = 10; n <= MOST; n = n * 7 + 1)
        for (int32_t correction = 0; correction < 3; correction++) {
            double h[4], plain[4];
            draw((uint64_t)n, n, 12);
            double three[MOST * 3], xz[MOST * 2], yz[MOST * 2];
            for (int64_t i = 0; i < n; i++) {
                three[3 * i] = xz[2 * i] = x[i];
                three[3 * i + 1] = yz[2 * i] = y[i];
                three[3 * i + 2] = xz[2 * i + 1] = yz[2 * i + 1] = z[i];
            }
            const mi__rows parts[] = {names(n, 2, xz), names(n, 2, yz), names(n, 3, three),
                                      names(n, 1, z)};
            mi_estimate_options o = corrected(correction);
            for (int p = 0; p < 4; p++) {
                h[p] = ASK(parts[p], nothing, nothing, &o, NULL).value;
                plain[p] = ASK(parts[p], nothing, nothing, PLAIN, NULL).value;
            }
            mi__answer a = ASK(names(n, 1, x), names(n, 1, y), names(n, 1, z), &o, local);
            near(a.value, h[0] + h[1] - h[2] - h[3], 5e-15);
            near(mean(n, local), plain[0] + plain[1] - plain[2] - plain[3], 5e-15);
            for (int64_t i = 0; i < n; i++)
                x[i] = 4; /* a constant to be given changes nothing */
            mi__answer b = ASK(names(n, 1, y), names(n, 1, z), names(n, 1, x), &o, NULL);
            near(b.value, ASK(names(n, 1, y), names(n, 1, z), nothing, &o, NULL).value, 2e-15);
        }
}
END_TEST

/* An occupied cell for every five samples is enough. */
START_TEST(test_few) {
    for (int i = 0; i < 20; i++) {
        x[i] = i % 4;
        y[i] = i % 5;
    }
    ck_assert_int_eq(ASK(names(20, 1, x), nothing, nothing, PLAIN, NULL).warnings, 0);
    ck_assert_int_eq(ASK(names(20, 1, x), names(20, 1, x), nothing, PLAIN, NULL).warnings, 0);
    ck_assert_int_eq(ASK(names(20, 1, y), nothing, nothing, PLAIN, NULL).warnings, MI_WARNING_FEW);
    ck_assert_int_eq(ASK(names(19, 1, x), nothing, nothing, PLAIN, NULL).warnings, MI_WARNING_FEW);
}
END_TEST

/* All samples differ: there could be more to say, but not with these. */
START_TEST(test_cap) {
    for (int i = 0; i < 100; i++)
        x[i] = i;
    for (int32_t correction = 0; correction < 3; correction++) {
        mi_estimate_options o = corrected(correction);
        mi__answer a = ASK(names(100, 1, x), names(100, 1, x), nothing, &o, NULL);
        near(a.value, a.cap, 1e-14);
        near(a.cap, ASK(names(100, 1, x), nothing, nothing, &o, NULL).cap, 0);
        ck_assert(a.warnings == MI_WARNING_FEW);
    }
    ck_assert(ASK(names(100, 1, x), names(100, 1, x), nothing, PLAIN, NULL).cap == log(100));
}
END_TEST

/* Independent variables, few samples: corrected estimates are nearer to 0 on average. */
START_TEST(test_corrections_help) {
    enum { N = 80, ROUNDS = 400 };
    double sum[3] = {0};
    for (uint64_t round = 0; round < ROUNDS; round++) {
        mi__random r = mi__random_at(round, 1, 2);
        for (int i = 0; i < N; i++) {
            x[i] = (double)mi__random_below(&r, 6);
            y[i] = (double)mi__random_below(&r, 6);
        }
        for (int32_t c = 0; c < 3; c++) {
            mi_estimate_options o = corrected(c);
            sum[c] += ASK(names(N, 1, x), names(N, 1, y), nothing, &o, NULL).value / ROUNDS;
        }
    }
    ck_assert_msg(sum[0] > 0.13 && fabs(sum[1]) < sum[0] / 3 && fabs(sum[2]) < sum[0] / 10,
                  "%g %g %g", sum[0], sum[1], sum[2]);
}
END_TEST

START_TEST(test_threads) {
    enum { MANY = 150000 };
    double *a = room(MANY), *b = room(MANY), *c = room(MANY);
    mi__random r = mi__random_at(3, 1, 2);
    for (int i = 0; i < MANY; i++) {
        a[i] = (double)mi__random_below(&r, 3000);
        b[i] = (double)mi__random_below(&r, 3000) + 0.5;
        c[i] = (double)mi__random_below(&r, 5);
    }
    mi_estimate_options o = corrected(MI_CORRECTION_GRASSBERGER);
    check_threads(mi__estimate_discrete, names(MANY, 1, a), names(MANY, 1, b), nothing, &o);
    check_threads(mi__estimate_discrete, names(MANY, 1, a), names(MANY, 1, b), names(MANY, 1, c),
                  &o);
    check_threads(mi__estimate_discrete, names(MANY, 1, a), nothing, nothing, &o);
    mi_samples sa = samples(MANY, 1, a), sb = samples(MANY, 1, b);
    mi_information first = {.struct_size = sizeof first}, i = first;
    for (int32_t count = 1; count <= 3; count++) {
        mi_context *ctx = threads(count);
        OK(mi_entropy_samples(ctx, &sa, &sb, NULL, &i));
        if (count == 1)
            first = i;
        ck_assert_mem_eq(&first, &i, sizeof i);
        mi_context_destroy(ctx);
    }
    double *both = room(2 * MANY);
    for (int k = 0; k < MANY; k++) {
        both[2 * k] = a[k];
        both[2 * k + 1] = b[k];
    }
    near(first.joint, ASK(names(MANY, 2, both), nothing, nothing, PLAIN, NULL).value, 1e-14);
    near(first.mutual, first.entropy_x + first.entropy_y - first.joint, 1e-14);
    near(first.mutual, ASK(names(MANY, 1, a), names(MANY, 1, b), nothing, PLAIN, NULL).value,
         1e-14);
    free(both);
    free(c);
    free(b);
    free(a);
}
END_TEST

START_TEST(test_nomem) {
    draw(1, 100, 5);
    check_nomem(mi__estimate_discrete, names(100, 1, x), names(100, 1, y), names(100, 1, z), PLAIN,
                20);
    check_nomem(mi__estimate_discrete, names(100, 2, x), nothing, nothing, PLAIN, 5);
    failing f = {0};
    mi_context *ctx;
    OK(failing_context(&f, 2, 1, &ctx));
    const long long before = f.living, bytes = f.bytes;
    mi_samples sx = samples(100, 1, x), sy = samples(100, 1, y);
    mi_status status = MI_E_NOMEM;
    int failures = -1;
    for (long long at = 1; status != MI_OK; at++, failures++) {
        mi_information i = {.struct_size = sizeof i};
        int64_t nx = 7, ny = 7;
        double t[2500] = {7};
        f.calls = 0;
        f.fail_at = at;
        status = mi_entropy_count(ctx, &sx, &sy, 2500, &nx, &ny, t);
        ck_assert(status == MI_OK || (status == MI_E_NOMEM && nx == 7 && t[0] == 7));
        if (status == MI_OK)
            status = mi_entropy_samples(ctx, &sx, &sy, NULL, &i);
        ck_assert(status == MI_OK || (status == MI_E_NOMEM && i.total == 0));
        ck_assert(f.living == before && f.bytes == bytes);
    }
    ck_assert_int_ge(failures, 25);
    mi_context_destroy(ctx);
}
END_TEST

UNIT_MAIN("discrete", test_count, test_count_refuses, test_as_by_table, test_exact, test_byte,
          test_estimates, test_given, test_few, test_cap, test_corrections_help, test_threads,
          test_nomem)
