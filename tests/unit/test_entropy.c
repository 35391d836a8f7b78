/* SPDX-License-Identifier: BSD-2-Clause */
/* Information of tables, against values worked out by hand and plain twins in long double. */
#include "failing.h"

#include "../../lib/base/random.h"
#include "../../lib/estimate/estimate.h"

#define LN2 0.693147180559945309417

static void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not %.17g: off by %.1e", a, b, a - b);
}

static mi_entropy_options in(int32_t unit, int32_t correction) {
    return (mi_entropy_options){
        .struct_size = sizeof(mi_entropy_options), .unit = unit, .correction = correction};
}

static double entropy(int64_t n, const double *table, int32_t unit, int32_t correction) {
    double h = -7;
    mi_entropy_options o = in(unit, correction);
    OK(mi_entropy_table(n, table, &o, &h));
    return h;
}

static mi_information joint(int64_t nx, int64_t ny, const double *table, int32_t unit,
                            int32_t correction) {
    mi_information i = {.struct_size = sizeof i};
    mi_entropy_options o = in(unit, correction);
    OK(mi_entropy_joint(NULL, nx, ny, table, 0, &o, &i));
    return i;
}

#define P(...) ((const double[]){__VA_ARGS__})

/* -- by hand ----------------------------------------------------------------------------------- */

START_TEST(test_byte) {
    double byte[256], known[16 * 256] = {0};
    for (int v = 0; v < 256; v++) {
        byte[v] = 1;
        known[v / 16 * 256 + v] = 1. / 256; /* the high bits, and all of it */
    }
    ck_assert(entropy(256, byte, MI_UNIT_BITS, MI_CORRECTION_NONE) == 8);
    near(entropy(256, byte, MI_UNIT_NATS, MI_CORRECTION_NONE), 8 * LN2, 1e-15);
    mi_information i = joint(16, 256, known, MI_UNIT_BITS, MI_CORRECTION_NONE);
    ck_assert(i.unit == MI_UNIT_BITS && i.total == 1 && i.reserved0 == 0);
    ck_assert(i.values_x == 16 && i.values_y == 256 && i.values_xy == 256);
    ck_assert(i.entropy_x == 4 && i.entropy_y == 8 && i.joint == 8 && i.mutual == 4);
    ck_assert(i.y_given_x == 4 && i.x_given_y == 0 && i.variation == 4);
    ck_assert(i.share_x == 1 && i.share_y == 0.5 && i.share_min == 1 && i.share_max == 0.5);
    ck_assert(i.share_arithmetic == 4. / 6 && i.share_joint == 0.5);
    near(i.share_geometric, 4 / sqrt(32), 1e-15);
}
END_TEST

START_TEST(test_by_hand) {
    /* Cover and Thomas, example 2.2.1: blood groups and the risk of cancer. */
    const double t[] = {1 / 8.,  1 / 16., 1 / 32., 1 / 32., 1 / 16., 1 / 8., 1 / 32., 1 / 32.,
                        1 / 16., 1 / 16., 1 / 16., 1 / 16., 1 / 4.,  0,      0,       0};
    mi_information i = joint(4, 4, t, MI_UNIT_BITS, MI_CORRECTION_NONE);
    ck_assert(i.entropy_x == 2 && i.entropy_y == 7. / 4 && i.joint == 27. / 8);
    ck_assert(i.x_given_y == 13. / 8 && i.y_given_x == 11. / 8 && i.mutual == 3. / 8);
    ck_assert(i.values_xy == 13);
    i = joint(2, 2, P(4, 1, 1, 4), MI_UNIT_NATS, MI_CORRECTION_NONE);
    near(i.mutual, 0.19274475702175753, 1e-15);
    double h = entropy(2, P(1, 3), MI_UNIT_BITS, MI_CORRECTION_NONE);
    near(h, 2 - 0.75 * log2(3), 1e-15);
    ck_assert(entropy(3, P(0, 5, 0), MI_UNIT_NATS, MI_CORRECTION_GRASSBERGER) == 0);
    ck_assert(!signbit(entropy(1, P(1e-300), MI_UNIT_NATS, MI_CORRECTION_NONE)));
}
END_TEST

START_TEST(test_exact) {
    /* Independent: 0, whatever the numbers; a variable and itself: all of its entropy. */
    double t[7 * 5], self[49] = {0};
    mi__random r = mi__random_at(1, 2, 3);
    for (int round = 0; round < 100; round++) {
        double x[7], y[5];
        for (int i = 0; i < 7; i++)
            x[i] = (double)mi__random_below(&r, 1000);
        for (int j = 0; j < 5; j++)
            y[j] = (double)mi__random_below(&r, 1000) * (round % 2 == 0 ? 1 : 0.1);
        for (int i = 0; i < 35; i++)
            t[i] = x[i / 5] * y[i % 5];
        mi_information i = joint(7, 5, t, MI_UNIT_NATS, MI_CORRECTION_NONE);
        ck_assert(i.mutual >= 0 && i.mutual < 1e-15);
        ck_assert(round % 2 != 0 || i.mutual == 0);
        for (int j = 0; j < 7; j++)
            self[j * 8] = x[j] * (round % 3 == 0 ? 1 : 0.1);
        i = joint(7, 7, self, round % 2, MI_CORRECTION_NONE);
        ck_assert(i.mutual == i.entropy_x && i.mutual == i.entropy_y && i.x_given_y == 0);
        ck_assert(i.share_x == 1 && i.share_geometric == 1 && i.share_joint == 1);
        near(i.joint, i.mutual, 5e-16);
    }
}
END_TEST

START_TEST(test_nothing_to_know) {
    mi_information i = joint(1, 1, P(3), MI_UNIT_NATS, MI_CORRECTION_MILLER_MADOW);
    ck_assert(i.mutual == 0 && i.joint == 0 && i.variation == 0 && i.share_x == 0 &&
              i.share_geometric == 0 && i.share_joint == 0);
    for (int32_t correction = 0; correction < 3; correction++) {
        i = joint(2, 3, P(0, 0, 0, 2, 1, 4), MI_UNIT_NATS, correction);
        ck_assert(i.mutual == 0 && i.entropy_x == 0 && i.share_x == 0 && i.share_max == 0);
        ck_assert(i.entropy_y > 0.9 && i.values_x == 1 && i.values_y == 3);
    }
}
END_TEST

START_TEST(test_extremes) {
    /* Numbers of any size; what underflows tells nothing. */
    near(entropy(2, P(1e308, 5e307), MI_UNIT_NATS, 0), log(3) - 2 * LN2 / 3, 1e-15);
    near(entropy(2, P(1e-320, 1e-320), MI_UNIT_BITS, 0), 1, 1e-15);
    near(entropy(2, P(5e-324, 1e300), MI_UNIT_NATS, 0), 0, 1e-15);
    mi_information i = joint(2, 2, P(1e-310, 0, 0, 1), MI_UNIT_NATS, 0);
    ck_assert(i.mutual == i.entropy_x && i.mutual > 0 && i.mutual < 1e-300);
    double pmi[4];
    OK(mi_entropy_pointwise(NULL, 2, 2, P(5e-324, 0, 0, 1e300), 0, MI_UNIT_NATS, pmi));
    near(pmi[0], 300 * log(10) - log(5e-324), 1e-10);
    ck_assert(pmi[3] == 0 && pmi[1] == -INFINITY);
}
END_TEST

/* -- twins ------------------------------------------------------------------------------------- */

static long double plain(const long double *t, int64_t n) {
    long double total = 0, h = 0;
    for (int64_t i = 0; i < n; i++)
        total += t[i];
    for (int64_t i = 0; i < n; i++)
        if (t[i] > 0)
            h -= t[i] / total * logl(t[i] / total);
    return h;
}

static void draw_table(mi__random *r, double *t, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        t[i] = mi__random_below(r, 3) == 0 ? 0 : exp(3 * mi__random_normal(r));
    t[mi__random_below(r, n)] = 1;
}

START_TEST(test_twin) {
    enum { NX = 6, NY = 9 };
    mi__random r = mi__random_at(4, 4, 4);
    for (int round = 0; round < 200; round++) {
        double t[NX * NY], wide[NX * (NY + 2)];
        long double x[NX] = {0}, y[NY] = {0}, xy[NX * NY];
        draw_table(&r, t, NX * NY);
        for (int i = 0; i < NX; i++)
            for (int j = 0; j < NY; j++) {
                xy[i * NY + j] = t[i * NY + j];
                x[i] += t[i * NY + j];
                y[j] += t[i * NY + j];
                wide[i * (NY + 2) + j] = t[i * NY + j];
                wide[i * (NY + 2) + NY] = wide[i * (NY + 2) + NY + 1] = NAN;
            }
        const long double hx = plain(x, NX), hy = plain(y, NY), h = plain(xy, NX * NY);
        mi_information i = joint(NX, NY, t, MI_UNIT_NATS, MI_CORRECTION_NONE), padded = i;
        near(i.entropy_x, (double)hx, 1e-15);
        near(i.entropy_y, (double)hy, 1e-15);
        near(i.joint, (double)h, 1e-15);
        near(i.mutual, (double)(hx + hy - h), 1e-15);
        near(i.x_given_y, (double)(h - hy), 1e-15);
        near(i.y_given_x, (double)(h - hx), 1e-15);
        near(i.variation, (double)(2 * h - hx - hy), 1e-15);
        near(i.share_x, i.mutual / i.entropy_x, 1e-15);
        near(i.share_joint, i.mutual / i.joint, 1e-15);
        near(i.share_geometric, i.mutual / sqrt(i.entropy_x * i.entropy_y), 1e-15);
        mi_entropy_options o = in(MI_UNIT_NATS, MI_CORRECTION_NONE);
        OK(mi_entropy_joint(NULL, NX, NY, wide, NY + 2, &o, &padded));
        ck_assert_mem_eq(&i, &padded, sizeof i);
        mi_information bits = joint(NX, NY, t, MI_UNIT_BITS, MI_CORRECTION_NONE);
        near(bits.mutual * LN2, i.mutual, 1e-15);
        near(bits.variation * LN2, i.variation, 3e-15);
        near(bits.share_max, i.share_max, 1e-15);
    }
}
END_TEST

START_TEST(test_pointwise) {
    enum { NX = 4, NY = 5 };
    mi__random r = mi__random_at(5, 4, 4);
    for (int round = 0; round < 50; round++) {
        double t[NX * NY], pmi[NX * NY], total = 0, mean = 0;
        draw_table(&r, t, NX * NY);
        t[round % 20] = 0;
        OK(mi_entropy_pointwise(NULL, NX, NY, t, 0, round % 2, pmi));
        for (int i = 0; i < NX * NY; i++)
            total += t[i];
        for (int i = 0; i < NX * NY; i++) {
            if (t[i] > 0)
                mean += t[i] / total * pmi[i];
            else
                ck_assert(pmi[i] == -INFINITY || pmi[i] == 0);
        }
        near(mean, joint(NX, NY, t, round % 2, 0).mutual, 1e-14);
    }
    double pmi[6];
    OK(mi_entropy_pointwise(NULL, 2, 3, P(1, 0, 0, 0, 0, 1), 0, MI_UNIT_BITS, pmi));
    const double expected[] = {1, 0, -INFINITY, -INFINITY, 0, 1};
    ck_assert_mem_eq(pmi, expected, sizeof expected);
}
END_TEST

START_TEST(test_cross) {
    double cross, less;
    OK(mi_entropy_cross(2, P(1, 1), P(3, 1), MI_UNIT_BITS, &cross, &less));
    near(cross, 0.5 * (log2(4. / 3) + 2), 1e-15);
    near(less, cross - 1, 1e-15);
    OK(mi_entropy_cross(2, P(1, 0), P(1, 0x1p29 - 1), MI_UNIT_BITS, &cross, NULL));
    ck_assert(cross == 29); /* log(2^29) / log(2) is not */
    OK(mi_entropy_cross(3, P(2, 0, 1), P(1, 1, 0), MI_UNIT_NATS, &cross, &less));
    ck_assert(cross == INFINITY && less == INFINITY);
    OK(mi_entropy_cross(3, P(2, 0, 1), P(.2, 0, .1), MI_UNIT_NATS, &cross, &less));
    ck_assert(less >= 0 && less < 1e-16);
    near(cross, entropy(2, P(2, 1), MI_UNIT_NATS, 0), 1e-15);
    OK(mi_entropy_cross(1, P(1), P(1), MI_UNIT_NATS, NULL, &less));
    OK(mi_entropy_cross(1, P(1), P(1), MI_UNIT_NATS, &cross, NULL));
    ck_assert(cross == 0 && less == 0 && !signbit(cross) && !signbit(less));
    OK(mi_entropy_cross(2, P(1, 1), P(5e-324, 1e300), MI_UNIT_NATS, &cross, NULL));
    near(cross, (log(1e300) - log(5e-324)) / 2, 1e-10);
}
END_TEST

START_TEST(test_conditional) {
    enum { NX = 3, NY = 4, NZ = 5 };
    mi__random r = mi__random_at(6, 4, 4);
    double given;
    for (int round = 0; round < 50; round++) {
        double t[NX * NY * NZ];
        long double xyz[NX * NY * NZ], xz[NX * NZ] = {0}, yz[NY * NZ] = {0}, z[NZ] = {0};
        draw_table(&r, t, NX * NY * NZ);
        for (int i = 0; i < NX * NY * NZ; i++) {
            xyz[i] = t[i];
            xz[i / NZ / NY * NZ + i % NZ] += t[i];
            yz[i / NZ % NY * NZ + i % NZ] += t[i];
            z[i % NZ] += t[i];
        }
        mi_entropy_options o = in(round % 2, MI_CORRECTION_NONE);
        OK(mi_entropy_conditional(NULL, NX, NY, NZ, t, &o, &given));
        near(given * (round % 2 == 0 ? 1 : LN2),
             (double)(plain(xz, NX * NZ) + plain(yz, NY * NZ) - plain(xyz, NX * NY * NZ) -
                      plain(z, NZ)),
             2e-15);
        OK(mi_entropy_conditional(NULL, NX * NY, 1, NZ, t, &o, &given));
        ck_assert(given == 0);
        o.unit = MI_UNIT_NATS;
        OK(mi_entropy_conditional(NULL, NX, NY * NZ, 1, t, &o, &given)); /* nothing is given */
        near(given, joint(NX, NY * NZ, t, MI_UNIT_NATS, 0).mutual, 1e-15);
    }
    /* z = x xor y: each pair is independent, and given the third, decides. */
    mi_entropy_options o = in(MI_UNIT_BITS, MI_CORRECTION_NONE);
    OK(mi_entropy_conditional(NULL, 2, 2, 2, P(1, 0, 0, 1, 0, 1, 1, 0), &o, &given));
    ck_assert(given == 1);
}
END_TEST

/* -- corrections ------------------------------------------------------------------------------- */

/* As it is published; the library has a shorter form. */
static double published(int64_t n) {
    const double half = (mi__digamma((double)(n + 1) / 2) - mi__digamma((double)n / 2)) / 2;
    return mi__digamma((double)n) + (n % 2 == 0 ? half : -half);
}

START_TEST(test_grassberger) {
    const double counts[] = {1, 2, 3, 4, 5, 17, 1000, 123457};
    double total = 0, h = 0;
    for (int i = 0; i < 8; i++)
        total += counts[i];
    for (int i = 0; i < 8; i++)
        h -= counts[i] / total * published((int64_t)counts[i]);
    near(entropy(8, counts, MI_UNIT_NATS, MI_CORRECTION_GRASSBERGER), log(total) + h, 1e-14);
    near(entropy(8, counts, MI_UNIT_BITS, MI_CORRECTION_GRASSBERGER), (log(total) + h) / LN2,
         1e-14);
    /* two of two: ln 2 - G(1) = ln 2 + 0.5772 + ln 2 */
    near(entropy(2, P(1, 1), MI_UNIT_NATS, MI_CORRECTION_GRASSBERGER),
         2 * LN2 + 0.57721566490153286, 1e-15);
}
END_TEST

START_TEST(test_corrections_add_up) {
    const double t[] = {3, 0, 2, 1, 1, 5, 0, 0, 0};
    for (int32_t correction = 0; correction < 3; correction++) {
        mi_information i = joint(3, 3, t, MI_UNIT_NATS, correction);
        near(i.entropy_x, entropy(3, P(5, 7, 0), MI_UNIT_NATS, correction), 1e-15);
        near(i.entropy_y, entropy(3, P(4, 1, 7), MI_UNIT_NATS, correction), 1e-15);
        near(i.joint, entropy(9, t, MI_UNIT_NATS, correction), 1e-15);
        near(i.mutual, i.entropy_x + i.entropy_y - i.joint, 2e-15);
        near(i.x_given_y, i.joint - i.entropy_y, 2e-15);
        near(i.variation, i.x_given_y + i.y_given_x, 1e-15);
        near(joint(3, 3, t, MI_UNIT_BITS, correction).mutual * LN2, i.mutual, 2e-15);
        double given;
        mi_entropy_options o = in(MI_UNIT_NATS, correction);
        OK(mi_entropy_conditional(NULL, 3, 3, 1, t, &o, &given));
        near(given, i.mutual, 2e-15);
    }
    const double three[] = {3, 0, 2, 1, 1, 5, 0, 4}, xz[] = {5, 1, 1, 9}, yz[] = {4, 5, 2, 5};
    for (int32_t c = 0; c < 3; c++) { /* three is [2][2][2] */
        double given;
        mi_entropy_options o = in(MI_UNIT_NATS, c);
        OK(mi_entropy_conditional(NULL, 2, 2, 2, three, &o, &given));
        near(given,
             entropy(4, xz, 0, c) + entropy(4, yz, 0, c) - entropy(8, three, 0, c) -
                 entropy(2, P(6, 10), 0, c),
             2e-15);
    }
    mi_information i = joint(3, 3, t, MI_UNIT_NATS, MI_CORRECTION_MILLER_MADOW);
    mi_information raw = joint(3, 3, t, MI_UNIT_NATS, MI_CORRECTION_NONE);
    near(i.entropy_x - raw.entropy_x, 1. / 24, 1e-15);
    near(i.mutual - raw.mutual, (1 + 2 - 4) / 24., 1e-15);
}
END_TEST

/* Many small samples of a known variable: on average a correction comes nearer to the truth. */
START_TEST(test_corrections_help) {
    enum { VALUES = 40, N = 60, ROUNDS = 2000 };
    mi__random r = mi__random_at(7, 4, 4);
    double mean[3] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        double counts[VALUES] = {0};
        for (int i = 0; i < N; i++)
            counts[mi__random_below(&r, VALUES)]++;
        for (int32_t c = 0; c < 3; c++)
            mean[c] += entropy(VALUES, counts, MI_UNIT_NATS, c) / ROUNDS;
    }
    const double truth = log(VALUES);
    const double plain_error = truth - mean[0];
    ck_assert_msg(plain_error > 0.25 && fabs(mean[1] - truth) < plain_error / 2 &&
                      fabs(mean[2] - truth) < plain_error / 20,
                  "%g: %g %g %g", truth, mean[0], mean[1], mean[2]);
}
END_TEST

/* -- mistakes ---------------------------------------------------------------------------------- */

START_TEST(test_refuses) {
    double h = 7, g = 7, pmi[4] = {7};
    const double fine[] = {1, 2, 3, 4, 5, 6, 7, 8};
    mi_entropy_options o = in(0, 0), bad = in(2, 0), worse = in(0, 3), miller = in(0, 1);
    mi_information i = {.struct_size = sizeof i, .mutual = 7};
    FAILS(MI_E_ARG, "n must be at least 1, got 0", mi_entropy_table(0, fine, &o, &h));
    FAILS(MI_E_ARG, "table must not", mi_entropy_table(1, NULL, &o, &h));
    FAILS(MI_E_ARG, "entropy", mi_entropy_table(1, fine, &o, NULL));
    FAILS(MI_E_ARG, "unit must be an mi_unit, got 2", mi_entropy_table(1, fine, &bad, &h));
    FAILS(MI_E_ARG, "correction must be an mi_correction, got 3",
          mi_entropy_table(1, fine, &worse, &h));
    o.struct_size = 3;
    FAILS(MI_E_ABI, "mi_entropy_options", mi_entropy_table(1, fine, &o, &h));
    FAILS(MI_E_NUMERIC, "table[1] is -1", mi_entropy_table(2, P(1, -1), NULL, &h));
    FAILS(MI_E_NUMERIC, "table[0] is nan", mi_entropy_table(2, P(NAN, -1), NULL, &h));
    FAILS(MI_E_NUMERIC, "table[2] is inf", mi_entropy_table(3, P(1, 2, INFINITY), NULL, &h));
    FAILS(MI_E_NUMERIC, "table sums to 0", mi_entropy_table(2, P(0, 0), NULL, &h));
    FAILS(MI_E_NUMERIC, "table sums to inf", mi_entropy_table(2, P(1e308, 1e308), NULL, &h));
    FAILS(MI_E_NUMERIC, "table[1] is 0.5, must be whole",
          mi_entropy_table(2, P(1, 0.5), &miller, &h));
    FAILS(MI_E_ARG, "p must not", mi_entropy_cross(1, NULL, fine, 0, &h, &g));
    FAILS(MI_E_ARG, "q must not", mi_entropy_cross(1, fine, NULL, 0, &h, &g));
    FAILS(MI_E_ARG, "unit", mi_entropy_cross(1, fine, fine, -1, &h, &g));
    FAILS(MI_E_NUMERIC, "q[0] is -1", mi_entropy_cross(1, fine, P(-1), 0, &h, &g));
    FAILS(MI_E_NUMERIC, "p sums to 0", mi_entropy_cross(1, P(0), fine, 0, &h, &g));
    FAILS(MI_E_ARG, "nx must be at least 1, got 0",
          mi_entropy_joint(NULL, 0, 1, fine, 0, NULL, &i));
    FAILS(MI_E_ARG, "ny", mi_entropy_joint(NULL, 1, -1, fine, 0, NULL, &i));
    FAILS(MI_E_ARG, "table", mi_entropy_joint(NULL, 1, 1, NULL, 0, NULL, &i));
    FAILS(MI_E_ARG, "information", mi_entropy_joint(NULL, 1, 1, fine, 0, NULL, NULL));
    FAILS(MI_E_SHAPE, "ld is 1, table has 2 columns",
          mi_entropy_joint(NULL, 1, 2, fine, 1, NULL, &i));
    FAILS(MI_E_SHAPE, "too large",
          mi_entropy_joint(NULL, (int64_t)1 << 40, 2, fine, (int64_t)1 << 40, NULL, &i));
    FAILS(MI_E_NUMERIC, "table[1][0] is -3",
          mi_entropy_joint(NULL, 2, 2, P(1, 2, -3, 4), 0, NULL, &i));
    FAILS(MI_E_NUMERIC, "table[1][1] is 0.25",
          mi_entropy_joint(NULL, 2, 2, P(1, 2, 3, 0.25), 0, &miller, &i));
    i.struct_size = 8;
    FAILS(MI_E_ABI, "mi_information", mi_entropy_joint(NULL, 1, 1, fine, 0, NULL, &i));
    FAILS(MI_E_ARG, "pointwise", mi_entropy_pointwise(NULL, 1, 1, fine, 0, 0, NULL));
    FAILS(MI_E_ARG, "unit", mi_entropy_pointwise(NULL, 1, 1, fine, 0, 5, pmi));
    FAILS(MI_E_NUMERIC, "sums to 0", mi_entropy_pointwise(NULL, 1, 2, P(0, 0), 0, 0, pmi));
    FAILS(MI_E_ARG, "nz", mi_entropy_conditional(NULL, 1, 1, 0, fine, NULL, &h));
    FAILS(MI_E_ARG, "information", mi_entropy_conditional(NULL, 1, 1, 1, fine, NULL, NULL));
    FAILS(MI_E_SHAPE, "too large",
          mi_entropy_conditional(NULL, (int64_t)1 << 32, (int64_t)1 << 32, 1, fine, NULL, &h));
    FAILS(MI_E_NUMERIC, "table[1][0][1] is -6",
          mi_entropy_conditional(NULL, 2, 2, 2, P(1, 2, 3, 4, 5, -6, 7, 8), NULL, &h));
    ck_assert(h == 7 && g == 7 && pmi[0] == 7 && i.mutual == 7);
}
END_TEST

static mi_status everything(mi_context *ctx) {
    const double t[] = {1, 2, 3, 4, 5, 6, 7, 8};
    double out[8];
    mi_information i = {.struct_size = sizeof i};
    MI__TRY(mi_entropy_joint(ctx, 2, 4, t, 0, NULL, &i));
    MI__TRY(mi_entropy_pointwise(ctx, 2, 4, t, 0, 0, out));
    return mi_entropy_conditional(ctx, 2, 2, 2, t, NULL, out);
}

START_TEST(test_nomem) {
    failing f = {0};
    mi_context *ctx;
    mi_status status = MI_E_NOMEM;
    OK(failing_context(&f, 1, 1, &ctx));
    const long long before = f.living, bytes = f.bytes;
    int failures = -1;
    for (long long at = 1; status != MI_OK; at++, failures++) {
        f.calls = 0;
        f.fail_at = at;
        status = everything(ctx);
        ck_assert(status == MI_OK || status == MI_E_NOMEM);
        ck_assert(f.living == before && f.bytes == bytes);
    }
    ck_assert_int_eq(failures, 5);
    mi_context_destroy(ctx);
}
END_TEST

UNIT_MAIN("entropy", test_byte, test_by_hand, test_exact, test_nothing_to_know, test_extremes,
          test_twin, test_pointwise, test_cross, test_conditional, test_grassberger,
          test_corrections_add_up, test_corrections_help, test_refuses, test_nomem)
