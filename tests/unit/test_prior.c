/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../lib/base/random.h"
#include "unit.h"

#include <float.h>

#define LN2 0.69314718055994530942

static void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not %.17g to %g", a, b, tolerance);
}

static void random_fill(uint64_t seed, int64_t n, double scale, double *x) {
    mi__random r = mi__random_at(seed, 0, 0);
    for (int64_t i = 0; i < n; i++)
        x[i] = scale * mi__random_normal(&r);
}

static void round_both(int64_t n, double *x, float *y) {
    for (int64_t i = 0; i < n; i++) {
        volatile float rounded = (float)x[i]; /* or GCC 12 keeps some as they were in x */
        x[i] = y[i] = rounded;
    }
}

/* -- divergence -------------------------------------------------------------------------------- */

static double kl(double mean, double log_variance) {
    double loss;
    OK(mi_prior_kl_f64(1, 1, &mean, 0, &log_variance, 0, MI_PRIOR_SUM, &loss, NULL, NULL));
    return loss;
}

START_TEST(test_kl_known) {
    ck_assert(kl(0, 0) == 0);
    near(kl(1, 0), 0.5, 0);
    near(kl(0, log(4)), (3 - 2 * LN2) / 2, 1e-15);
    near(kl(2, -log(4)), (4 - 0.75 + 2 * LN2) / 2, 1e-15);
    near(kl(0, -1000), 499.5, 1e-12);
    near(kl(0, 1), (exp(1) - 2) / 2, 1e-15);
    double mean[4] = {1, 2, 0, -1}, log_variance[4] = {0, 0, 1, 1}, loss, dmean[4], dlog[4];
    OK(mi_prior_kl_f64(2, 2, mean, 0, log_variance, 0, MI_PRIOR_SUM, &loss, dmean, dlog));
    near(loss, (1 + 4 + 1 + 2 * (exp(1) - 2)) / 4, 1e-15);
    near(dmean[1], 1, 0);
    near(dmean[3], -0.5, 0);
    near(dlog[0], 0, 0);
    near(dlog[2], (exp(1) - 1) / 4, 1e-15);
    OK(mi_prior_kl_f64(2, 2, mean, 0, log_variance, 0, MI_PRIOR_MEAN, &loss, dmean, dlog));
    near(loss, (1 + 4 + 1 + 2 * (exp(1) - 2)) / 8, 1e-15);
    near(dmean[1], 0.5, 0);
    near(dlog[2], (exp(1) - 1) / 8, 1e-15);
}
END_TEST

START_TEST(test_kl_near_the_prior) {
    /* e^x - 1 - x = x^2 / 2 + x^3 / 6 + .., where the subtraction has no digits left */
    for (int sign = -1; sign <= 1; sign += 2)
        for (double x = 0.05; x > 1e-150; x /= 1.7) {
            double at = sign * x, series = 0, term = 1;
            for (int k = 3; k < 20; k++) {
                term *= at / k;
                series += term;
            }
            double expected = at * at / 4 * (1 + series);
            near(kl(0, at), expected, 2e-14 * expected);
            double dlog;
            OK(mi_prior_kl_f64(1, 1, &(double){0}, 0, &at, 0, MI_PRIOR_SUM, NULL, NULL, &dlog));
            near(dlog, expm1(at) / 2, 1e-15 * x);
        }
}
END_TEST

static double kl_of(int64_t n, int64_t d, const double *mean, int64_t ldmean, const double *log,
                    int64_t ldlog, int32_t reduce) {
    double loss;
    OK(mi_prior_kl_f64(n, d, mean, ldmean, log, ldlog, reduce, &loss, NULL, NULL));
    return loss;
}

/* The slope of `f` at *x, Richardson's. */
#define SLOPE(out, x, f)                                                                           \
    do {                                                                                           \
        double slope_at = *(x), slope_h = 1e-3, slope_part[2];                                     \
        for (int slope_i = 0; slope_i < 2; slope_i++, slope_h /= 2) {                              \
            *(x) = slope_at + slope_h;                                                             \
            double slope_up = (f);                                                                 \
            *(x) = slope_at - slope_h;                                                             \
            slope_part[slope_i] = (slope_up - (f)) / (2 * slope_h);                                \
        }                                                                                          \
        *(x) = slope_at;                                                                           \
        (out) = (4 * slope_part[1] - slope_part[0]) / 3;                                           \
    } while (0)

START_TEST(test_kl_gradient) {
    enum { N = 5, D = 7, LM = 9, LL = 8 };
    double mean[N * LM], log[N * LL], dmean[N * D], dlog[N * D], slope;
    random_fill(1, N * LM, 1.5, mean);
    random_fill(2, N * LL, 1, log);
    for (int32_t reduce = MI_PRIOR_SUM; reduce <= MI_PRIOR_MEAN; reduce++) {
        OK(mi_prior_kl_f64(N, D, mean, LM, log, LL, reduce, NULL, dmean, dlog));
        for (int i = 0; i < N; i++)
            for (int j = 0; j < D; j++) {
                SLOPE(slope, &mean[i * LM + j], kl_of(N, D, mean, LM, log, LL, reduce));
                near(dmean[i * D + j], slope, 1e-9);
                SLOPE(slope, &log[i * LL + j], kl_of(N, D, mean, LM, log, LL, reduce));
                near(dlog[i * D + j], slope, 1e-9);
            }
    }
}
END_TEST

START_TEST(test_kl_strides) {
    double packed[2][6] = {{1, 2, 3, 4, 5, 6}, {.1, .2, .3, .4, .5, .6}};
    double wide[2][10] = {{1, 2, 3, NAN, NAN, 4, 5, 6, NAN, NAN},
                          {.1, .2, .3, NAN, .4, .5, .6, NAN, NAN, NAN}};
    double a[13], b[13];
    OK(mi_prior_kl_f64(2, 3, packed[0], 0, packed[1], 3, MI_PRIOR_MEAN, a, a + 1, a + 7));
    OK(mi_prior_kl_f64(2, 3, wide[0], 5, wide[1], 4, MI_PRIOR_MEAN, b, b + 1, b + 7));
    ck_assert_mem_eq(a, b, sizeof a);
}
END_TEST

START_TEST(test_kl_float_agrees) {
    enum { N = 40, D = 9 };
    double mean[N * D], log[N * D], dmean[N * D], dlog[N * D], loss, loss32;
    float mean32[N * D], log32[N * D], dmean32[N * D], dlog32[N * D];
    random_fill(3, N * D, 2, mean);
    random_fill(4, N * D, 2, log);
    round_both(N * D, mean, mean32);
    round_both(N * D, log, log32);
    OK(mi_prior_kl_f64(N, D, mean, 0, log, 0, MI_PRIOR_SUM, &loss, dmean, dlog));
    OK(mi_prior_kl_f32(N, D, mean32, 0, log32, 0, MI_PRIOR_SUM, &loss32, dmean32, dlog32));
    ck_assert(loss == loss32); /* all sums are float64 */
    for (int i = 0; i < N * D; i++) {
        ck_assert(dmean32[i] == (float)dmean[i]);
        ck_assert(dlog32[i] == (float)dlog[i]);
    }
}
END_TEST

START_TEST(test_kl_refuses) {
    double x[6] = {0}, loss = 7, dmean[6], dlog[6], keep[6];
    float y[6] = {0}, dmean32[6], dlog32[6];
    for (int i = 0; i < 6; i++)
        keep[i] = dmean[i] = dlog[i] = dmean32[i] = dlog32[i] = 7;
#define KL(n, d, mean, ld, log, ldlog, reduce)                                                     \
    mi_prior_kl_f64(n, d, mean, ld, log, ldlog, reduce, &loss, dmean, dlog)
    FAILS(MI_E_ARG, "mean must not be NULL", KL(2, 3, NULL, 0, x, 0, 0));
    FAILS(MI_E_ARG, "log_variance must not be NULL", KL(2, 3, x, 0, NULL, 0, 0));
    FAILS(MI_E_ARG, "n must be at least 1, got 0", KL(0, 3, x, 0, x, 0, 0));
    FAILS(MI_E_ARG, "d must be at least 1, got -4", KL(2, -4, x, 0, x, 0, 0));
    FAILS(MI_E_ARG, "got 2", KL(2, 3, x, 0, x, 0, 2));
    FAILS(MI_E_ARG, "got -1", KL(2, 3, x, 0, x, 0, -1));
    FAILS(MI_E_SHAPE, "mean is 2, there are 3", KL(2, 3, x, 2, x, 0, 0));
    FAILS(MI_E_SHAPE, "log_variance is -3, there are 3", KL(2, 3, x, 0, x, -3, 0));
    FAILS(MI_E_SHAPE, "too large", KL(INT64_MAX / 9, 2, x, 0, x, 0, 0));
    FAILS(MI_E_SHAPE, "too large", KL(3, 2, x, INT64_MAX / 9, x, 0, 0));
    FAILS(MI_E_SHAPE, "log_variance is too large", KL(3, 2, x, 0, x, INT64_MAX / 9, 0));
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        double z[6] = {0, 0, 0, 0, 0, bad[i]};
        FAILS(MI_E_NUMERIC, "mean[1][2] is", KL(2, 3, z, 0, x, 0, 0));
        FAILS(MI_E_NUMERIC, "log_variance[1][2] is", KL(2, 3, x, 0, z, 0, 0));
    }
    double z[6] = {0, 0, 0, 0, 710, 0};
    FAILS(MI_E_NUMERIC, "log_variance[1][1] is 710, the variance", KL(2, 3, x, 0, z, 0, 0));
    z[4] = 1e200;
    FAILS(MI_E_NUMERIC, "mean[1][1] is 1e+200, its square", KL(2, 3, z, 0, x, 0, 0));
    z[4] = z[5] = -DBL_MAX;
    z[3] = z[2] = z[1] = -DBL_MAX;
    FAILS(MI_E_NUMERIC, "divergence of 2", KL(2, 3, x, 0, z, 0, 0));
    y[3] = 89;
    FAILS(MI_E_NUMERIC, "log_variance[1][0] is 89",
          mi_prior_kl_f32(2, 3, dlog32, 0, y, 0, 0, &loss, dmean32, dlog32));
    ck_assert(loss == 7);
    ck_assert_mem_eq(dmean, keep, sizeof keep);
    ck_assert_mem_eq(dlog, keep, sizeof keep);
    for (int i = 0; i < 6; i++)
        ck_assert(dmean32[i] == 7 && dlog32[i] == 7);
    y[3] = 88; /* e^88 is a float */
    OK(mi_prior_kl_f32(2, 3, y, 0, y, 0, 0, &loss, dmean32, dlog32));
    for (int i = 0; i < 6; i++)
        ck_assert(isfinite(dmean32[i]) && isfinite(dlog32[i]));
}
END_TEST

/* -- samples ----------------------------------------------------------------------------------- */

static void noise(uint64_t seed, uint64_t draw, int64_t n, int64_t d, double *z) {
    double *zero = calloc((size_t)(n * d), sizeof(double));
    OK(mi_prior_sample_f64(seed, draw, n, d, zero, 0, zero, 0, z));
    free(zero);
}

START_TEST(test_sample_moments) {
    enum { N = 20000, D = 5 };
    const double total = N * D, kurtosis = 3, mean[2] = {1.5, -2};
    double *z = malloc(N * D * sizeof(double)), sum = 0, square = 0, fourth = 0, most = 0;
    noise(11, 0, N, D, z);
    for (int i = 0; i < N * D; i++) {
        sum += z[i];
        square += z[i] * z[i];
        fourth += z[i] * z[i] * z[i] * z[i];
        most = fmax(most, fabs(z[i]));
    }
    near(sum / total, 0, 4 / sqrt(total));
    near(square / total, 1, 4 * sqrt(2 / total));
    near(fourth / total, kurtosis, 4 * sqrt(96 / total));
    ck_assert(most > 4 && most < 8.7);
    double across = 0, down = 0; /* neighbours know nothing of each other */
    for (int i = 0; i < N * D - D; i++) {
        across += z[i] * z[i + 1];
        down += z[i] * z[i + D];
    }
    near(across / total, 0, 4 / sqrt(total));
    near(down / total, 0, 4 / sqrt(total));
    free(z);

    double moments[2][2] = {{0}}; /* of 1e5 draws of a sample with a mean and a variance */
    const double log_variance[2] = {log(4), -1};
    for (uint64_t draw = 0; draw < 100000; draw++) {
        double x[2];
        OK(mi_prior_sample_f64(12, draw, 1, 2, mean, 0, log_variance, 0, x));
        for (int j = 0; j < 2; j++) {
            moments[j][0] += (x[j] - mean[j]) / 1e5;
            moments[j][1] += (x[j] - mean[j]) * (x[j] - mean[j]) / 1e5;
        }
    }
    for (int j = 0; j < 2; j++) {
        double variance = exp(log_variance[j]);
        near(moments[j][0], 0, 4 * sqrt(variance / 1e5));
        near(moments[j][1], variance, 4 * variance * sqrt(2 / 1e5));
    }
}
END_TEST

START_TEST(test_noise_is_a_pure_function) {
    enum { N = 17, D = 9 };
    double all[N * D], few[5 * D], narrow[N * 4], other[N * D];
    noise(21, 3, N, D, all);
    noise(21, 3, 5, D, few);
    noise(21, 3, N, 4, narrow);
    ck_assert_mem_eq(all, few, sizeof few);
    for (int i = 0; i < N; i++)
        ck_assert_mem_eq(narrow + i * 4, all + i * D, 4 * sizeof(double));
    noise(21, 3, N, D, other);
    ck_assert_mem_eq(all, other, sizeof all);
    const uint64_t others[][2] = {{21, 4},          {22, 3},
                                  {3, 21},          {21, 3 + ((uint64_t)1 << 32)},
                                  {21, UINT64_MAX}, {UINT64_MAX, 3}};
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
        noise(others[k][0], others[k][1], N, D, other);
        for (int i = 0; i < N * D; i++)
            ck_assert(other[i] != all[i]);
    }
    for (int i = 0; i < N * D; i++) /* nor does it repeat within a draw */
        for (int j = 0; j < i; j++)
            ck_assert(all[i] != all[j]);
    near(all[0], 0.6945242083147147, 1e-14); /* seeds mean the same in all versions */
    near(all[N * D - 2], -2.1048393668420724, 1e-14);
    near(all[N * D - 1], -0.6452580593131987, 1e-14);
}
END_TEST

START_TEST(test_sample_formula) {
    enum { N = 6, D = 5, LM = 7, LL = 8 };
    double mean[N * LM], log[N * LL], z[N * D], e[N * D];
    float mean32[N * LM], log32[N * LL], z32[N * D];
    random_fill(5, N * LM, 3, mean);
    random_fill(6, N * LL, 2, log);
    round_both(N * LM, mean, mean32);
    round_both(N * LL, log, log32);
    for (int i = 0; i < N; i++) {
        mean[i * LM + D] = log[i * LL + D] = NAN; /* between the rows */
        mean32[i * LM + D] = log32[i * LL + D] = NAN;
    }
    noise(31, 9, N, D, e);
    OK(mi_prior_sample_f64(31, 9, N, D, mean, LM, log, LL, z));
    OK(mi_prior_sample_f32(31, 9, N, D, mean32, LM, log32, LL, z32));
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) {
            double m = mean[i * LM + j], s = exp(log[i * LL + j] / 2);
            near(z[i * D + j], m + s * e[i * D + j], 1e-14);
            ck_assert(z32[i * D + j] == (float)z[i * D + j]);
        }
}
END_TEST

/* Something smooth that codes go into: sum of w sin(z), and its slope. */
static double consume(int64_t n, int64_t d, const double *mean, int64_t ld, const double *log,
                      double *z, double *dz) {
    double sum = 0;
    OK(mi_prior_sample_f64(41, 2, n, d, mean, ld, log, 0, z));
    for (int64_t i = 0; i < n * d; i++) {
        sum += (double)(i % 3 + 1) * sin(z[i]);
        if (dz != NULL)
            dz[i] = (double)(i % 3 + 1) * cos(z[i]);
    }
    return sum;
}

START_TEST(test_sample_backward) {
    enum { N = 4, D = 5, LM = 6 };
    double mean[N * LM], log[N * D], z[N * D], dz[N * D], dmean[N * D], dlog[N * D], slope;
    double probe[N * D], before[2][N * D];
    random_fill(7, N * LM, 1, mean);
    random_fill(8, N * D, 1, log);
    random_fill(9, N * D, 1, dmean);
    random_fill(10, N * D, 1, dlog);
    memcpy(before[0], dmean, sizeof dmean);
    memcpy(before[1], dlog, sizeof dlog);
    consume(N, D, mean, LM, log, z, dz);
    OK(mi_prior_sample_backward_f64(N, D, mean, LM, z, dz, dmean, dlog));
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) {
            SLOPE(slope, &mean[i * LM + j], consume(N, D, mean, LM, log, probe, NULL));
            near(dmean[i * D + j] - before[0][i * D + j], slope, 1e-9);
            SLOPE(slope, &log[i * D + j], consume(N, D, mean, LM, log, probe, NULL));
            near(dlog[i * D + j] - before[1][i * D + j], slope, 1e-9);
        }
    double alone[N * D] = {0}; /* one without the other is the same */
    OK(mi_prior_sample_backward_f64(N, D, mean, LM, z, dz, NULL, alone));
    for (int i = 0; i < N * D; i++)
        near(alone[i], dlog[i] - before[1][i], 1e-14);
    memset(alone, 0, sizeof alone);
    OK(mi_prior_sample_backward_f64(N, D, mean, LM, z, dz, alone, NULL));
    ck_assert_mem_eq(alone, dz, sizeof alone);
}
END_TEST

START_TEST(test_sample_backward_float_agrees) {
    enum { N = 30, D = 7 };
    double mean[N * D], z[N * D], dz[N * D], dmean[N * D], dlog[N * D];
    float mean32[N * D], z32[N * D], dz32[N * D], dmean32[N * D], dlog32[N * D];
    double *wide[] = {mean, z, dz, dmean, dlog};
    float *slim[] = {mean32, z32, dz32, dmean32, dlog32};
    for (int k = 0; k < 5; k++) {
        random_fill(50 + (uint64_t)k, N * D, 1, wide[k]);
        round_both(N * D, wide[k], slim[k]);
    }
    OK(mi_prior_sample_backward_f64(N, D, mean, 0, z, dz, dmean, dlog));
    OK(mi_prior_sample_backward_f32(N, D, mean32, 0, z32, dz32, dmean32, dlog32));
    for (int i = 0; i < N * D; i++) {
        near(dmean32[i], dmean[i], 1e-6);
        near(dlog32[i], dlog[i], 1e-6);
    }
}
END_TEST

START_TEST(test_sample_refuses) {
    double x[6] = {0}, z[6], keep[6];
    float y[6] = {0}, z32[6];
    for (int i = 0; i < 6; i++)
        keep[i] = z[i] = z32[i] = 7;
#define SAMPLE(n, d, mean, ld, log, ldlog, z)                                                      \
    mi_prior_sample_f64(1, 1, n, d, mean, ld, log, ldlog, z)
    FAILS(MI_E_ARG, "mean must", SAMPLE(2, 3, NULL, 0, x, 0, z));
    FAILS(MI_E_ARG, "log_variance must", SAMPLE(2, 3, x, 0, NULL, 0, z));
    FAILS(MI_E_ARG, "z must", SAMPLE(2, 3, x, 0, x, 0, NULL));
    FAILS(MI_E_ARG, "got 0", SAMPLE(0, 3, x, 0, x, 0, z));
    FAILS(MI_E_ARG, "got 0", SAMPLE(2, 0, x, 0, x, 0, z));
    FAILS(MI_E_SHAPE, "is 2", SAMPLE(2, 3, x, 2, x, 0, z));
    FAILS(MI_E_SHAPE, "is 1", SAMPLE(2, 3, x, 0, x, 1, z));
    FAILS(MI_E_SHAPE, "too large", SAMPLE(INT64_MAX / 3, 2, x, 0, x, 0, z));
    double bad[6] = {0, 0, 0, 0, NAN, 0};
    FAILS(MI_E_NUMERIC, "mean[1][1] is", SAMPLE(2, 3, bad, 0, x, 0, z));
    bad[4] = -INFINITY; /* a variance of 0 is asked for by no finite number */
    FAILS(MI_E_NUMERIC, "log_variance[1][1] is -inf", SAMPLE(2, 3, x, 0, bad, 0, z));
    bad[4] = 1419;
    FAILS(MI_E_NUMERIC, "log_variance[1][1] is 1419", SAMPLE(2, 3, x, 0, bad, 0, z));
    y[5] = 174;
    FAILS(MI_E_NUMERIC, "log_variance[1][2] is 174",
          mi_prior_sample_f32(1, 1, 2, 3, z32, 0, y, 0, z32));
    ck_assert_mem_eq(z, keep, sizeof keep);
    for (int i = 0; i < 6; i++)
        ck_assert(z32[i] == 7);
    y[5] = 173;
    OK(mi_prior_sample_f32(1, 1, 2, 3, z32, 0, y, 0, z32));
    for (int i = 0; i < 6; i++)
        ck_assert(isfinite(z32[i]));
    bad[4] = -1e308;
    OK(SAMPLE(2, 3, x, 0, bad, 0, z));
    ck_assert(z[4] == 0);
}
END_TEST

START_TEST(test_sample_backward_refuses) {
    double x[6] = {0}, z[6] = {0}, dmean[6], dlog[6], keep[6];
    float ones[6], big[6], dmean32[6] = {0};
    for (int i = 0; i < 6; i++) {
        keep[i] = dmean[i] = dlog[i] = 7;
        ones[i] = 1;
        big[i] = FLT_MAX;
    }
#define BACK(n, d, mean, ld, z, dz) mi_prior_sample_backward_f64(n, d, mean, ld, z, dz, dmean, dlog)
    FAILS(MI_E_ARG, "mean must", BACK(2, 3, NULL, 0, z, x));
    FAILS(MI_E_ARG, "z must", BACK(2, 3, x, 0, NULL, x));
    FAILS(MI_E_ARG, "dz must", BACK(2, 3, x, 0, z, NULL));
    FAILS(MI_E_ARG, "got 0", BACK(0, 3, x, 0, z, x));
    FAILS(MI_E_ARG, "got -1", BACK(2, -1, x, 0, z, x));
    FAILS(MI_E_SHAPE, "is 1", BACK(2, 3, x, 1, z, x));
    FAILS(MI_E_SHAPE, "too large", BACK(2, INT64_MAX / 2, x, 0, z, x));
    double bad[6] = {0, 0, 0, 0, 0, NAN}, ok[6] = {1, 1, 1, 1, 1, 1};
    FAILS(MI_E_NUMERIC, "mean[1][2] is", BACK(2, 3, bad, 0, z, ok));
    FAILS(MI_E_NUMERIC, "z[1][2] is", BACK(2, 3, x, 0, bad, ok));
    FAILS(MI_E_NUMERIC, "dz[1][2] is", BACK(2, 3, x, 0, ok, bad));
    bad[5] = 1e300;
    FAILS(MI_E_NUMERIC, "dlog[1][2] is inf", BACK(2, 3, x, 0, bad, bad));
    dlog[5] = INFINITY;
    FAILS(MI_E_NUMERIC, "dlog[1][2] is inf", BACK(2, 3, x, 0, ok, ok));
    dlog[5] = 7;
    dmean[5] = NAN;
    FAILS(MI_E_NUMERIC, "dmean[1][2] is", BACK(2, 3, x, 0, ok, ok));
    dmean[5] = 7;
    ck_assert_mem_eq(dmean, keep, sizeof keep);
    ck_assert_mem_eq(dlog, keep, sizeof keep);
    dmean32[5] = FLT_MAX; /* as a double the sum would do */
    FAILS(MI_E_NUMERIC, "dmean[1][2] is 6.8",
          mi_prior_sample_backward_f32(2, 3, ones, 0, ones, big, dmean32, NULL));
    for (int i = 0; i < 5; i++)
        ck_assert(dmean32[i] == 0);
}
END_TEST

/* -- scores of a discriminator ----------------------------------------------------------------- */

static double loss_of(int32_t side, int64_t n, const double *code, int64_t m, const double *prior) {
    double loss;
    OK(mi_prior_adversarial_f64(side, n, code, m, prior, &loss, NULL, NULL));
    return loss;
}

START_TEST(test_adversarial_known) {
    const double zero[3] = {0}, one[1] = {1}, two[2] = {-1, 3};
    near(loss_of(MI_PRIOR_DISCRIMINATOR, 3, zero, 2, zero), 1.3862943611198906, 1e-15);
    near(loss_of(MI_PRIOR_ENCODER, 3, zero, 0, NULL), LN2, 1e-15);
    near(loss_of(MI_PRIOR_ENCODER_MINIMAX, 3, zero, 2, NULL), -LN2, 1e-15);
    near(loss_of(MI_PRIOR_DISCRIMINATOR, 1, one, 2, two),
         log(1 + exp(1)) + (log(1 + exp(1)) + log(1 + exp(-3))) / 2, 1e-15);
    near(loss_of(MI_PRIOR_ENCODER, 1, one, 0, NULL), log(1 + exp(-1)), 1e-15);
    near(loss_of(MI_PRIOR_ENCODER_MINIMAX, 1, one, 0, NULL), -log(1 + exp(1)), 1e-15);
    double dcode[3], dprior[2];
    OK(mi_prior_adversarial_f64(MI_PRIOR_DISCRIMINATOR, 1, one, 2, two, NULL, dcode, dprior));
    near(dcode[0], 1 / (1 + exp(-1)), 1e-15);
    near(dprior[0], -1 / (1 + exp(-1)) / 2, 1e-15);
    near(dprior[1], -1 / (1 + exp(3)) / 2, 1e-16);
}
END_TEST

START_TEST(test_adversarial_gradient) {
    enum { N = 6, M = 9 };
    double code[N], prior[M], dcode[N], dprior[M], slope;
    random_fill(61, N, 2, code);
    random_fill(62, M, 2, prior);
    for (int32_t side = MI_PRIOR_DISCRIMINATOR; side <= MI_PRIOR_ENCODER_MINIMAX; side++) {
        OK(mi_prior_adversarial_f64(side, N, code, M, prior, NULL, dcode, dprior));
        for (int i = 0; i < N; i++) {
            SLOPE(slope, &code[i], loss_of(side, N, code, M, prior));
            near(dcode[i], slope, 1e-10);
        }
        for (int i = 0; i < M; i++) {
            SLOPE(slope, &prior[i], loss_of(side, N, code, M, prior));
            near(dprior[i], slope, 1e-10);
            ck_assert((dprior[i] == 0) == (side != MI_PRIOR_DISCRIMINATOR));
        }
    }
}
END_TEST

START_TEST(test_adversaries_pull_apart) {
    enum { N = 8 };
    const double code[N] = {-1e4, -30, -2, -.1, 0, .5, 7, 1e4};
    double own[N], other[N], minimax[N];
    OK(mi_prior_adversarial_f64(MI_PRIOR_DISCRIMINATOR, N, code, N, code, NULL, own, NULL));
    OK(mi_prior_adversarial_f64(MI_PRIOR_ENCODER, N, code, 0, NULL, NULL, other, NULL));
    OK(mi_prior_adversarial_f64(MI_PRIOR_ENCODER_MINIMAX, N, code, 0, NULL, NULL, minimax, NULL));
    for (int i = 0; i < N; i++) {
        ck_assert(minimax[i] == -own[i]);
        ck_assert(own[i] >= 0 && other[i] <= 0 && (own[i] > 0 || other[i] < 0));
        near(own[i] - other[i], 1.0 / N, 1e-16); /* sigmoid(x) + sigmoid(-x) */
    }
    ck_assert(other[0] == -1.0 / N && minimax[0] == 0); /* where the discriminator is sure */
}
END_TEST

START_TEST(test_huge_scores) {
    const double low = -1e4, high = 1e4, most = DBL_MAX;
    near(loss_of(MI_PRIOR_DISCRIMINATOR, 1, &low, 1, &high), 0, 0);
    near(loss_of(MI_PRIOR_DISCRIMINATOR, 1, &high, 1, &low), 2e4, 0);
    near(loss_of(MI_PRIOR_ENCODER, 1, &low, 0, NULL), 1e4, 0);
    near(loss_of(MI_PRIOR_ENCODER, 1, &high, 0, NULL), 0, 0);
    near(loss_of(MI_PRIOR_ENCODER_MINIMAX, 1, &high, 0, NULL), -1e4, 0);
    near(loss_of(MI_PRIOR_ENCODER_MINIMAX, 1, &low, 0, NULL), 0, 0);
    const float codes[3] = {-FLT_MAX, FLT_MAX, 100};
    float dcode[3], dprior[3];
    double loss = 7;
    OK(mi_prior_adversarial_f32(MI_PRIOR_DISCRIMINATOR, 3, codes, 3, codes, &loss, dcode, dprior));
    ck_assert(isfinite(loss));
    ck_assert(dcode[0] == 0 && dcode[1] == (float)(1.0 / 3) && dcode[2] == (float)(1.0 / 3));
    ck_assert(dprior[0] == (float)(-1.0 / 3) && dprior[1] == 0 && dprior[2] <= 0);
    loss = 7;
    FAILS(MI_E_NUMERIC, "loss is beyond range",
          mi_prior_adversarial_f64(MI_PRIOR_DISCRIMINATOR, 1, &most, 1, &(double){-DBL_MAX}, &loss,
                                   NULL, NULL));
    ck_assert(loss == 7);
}
END_TEST

START_TEST(test_adversarial_float_agrees) {
    enum { N = 50, M = 33 };
    double code[N], prior[M], dcode[N], dprior[M], loss, loss32;
    float code32[N], prior32[M], dcode32[N], dprior32[M];
    random_fill(71, N, 5, code);
    random_fill(72, M, 5, prior);
    round_both(N, code, code32);
    round_both(M, prior, prior32);
    for (int32_t side = MI_PRIOR_DISCRIMINATOR; side <= MI_PRIOR_ENCODER_MINIMAX; side++) {
        OK(mi_prior_adversarial_f64(side, N, code, M, prior, &loss, dcode, dprior));
        OK(mi_prior_adversarial_f32(side, N, code32, M, prior32, &loss32, dcode32, dprior32));
        near(loss32, loss, 0);
        for (int i = 0; i < N; i++)
            ck_assert(dcode32[i] == (float)dcode[i]);
        for (int i = 0; i < M; i++)
            ck_assert(dprior32[i] == (float)dprior[i]);
    }
}
END_TEST

START_TEST(test_adversarial_refuses) {
    double x[3] = {0}, bad[3] = {0, NAN, 0}, loss = 7, dcode[3] = {7, 7, 7}, dprior[3] = {7, 7, 7};
#define ADVERSARIAL(side, n, code, m, prior)                                                       \
    mi_prior_adversarial_f64(side, n, code, m, prior, &loss, dcode, dprior)
    FAILS(MI_E_ARG, "side must be an mi_prior_side, got 0", ADVERSARIAL(0, 3, x, 3, x));
    FAILS(MI_E_ARG, "got 4", ADVERSARIAL(4, 3, x, 3, x));
    FAILS(MI_E_ARG, "n must be at least 1, got 0", ADVERSARIAL(1, 0, x, 3, x));
    FAILS(MI_E_ARG, "m must be at least 1, got 0", ADVERSARIAL(1, 3, x, 0, x));
    FAILS(MI_E_ARG, "m must be at least 0, got -1", ADVERSARIAL(2, 3, x, -1, x));
    FAILS(MI_E_ARG, "code must", ADVERSARIAL(2, 3, NULL, 3, x));
    FAILS(MI_E_ARG, "prior must", ADVERSARIAL(1, 3, x, 3, NULL));
    FAILS(MI_E_SHAPE, "too many", ADVERSARIAL(1, INT64_MAX / 4, x, 3, x));
    FAILS(MI_E_SHAPE, "too many", ADVERSARIAL(1, 3, x, INT64_MAX / 4, x));
    const double wrong[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        bad[1] = wrong[i];
        FAILS(MI_E_NUMERIC, "code[1] is", ADVERSARIAL(1, 3, bad, 3, x));
        FAILS(MI_E_NUMERIC, "code[1] is", ADVERSARIAL(2, 3, bad, 3, x));
        FAILS(MI_E_NUMERIC, "code[1] is", ADVERSARIAL(3, 3, bad, 3, x));
        FAILS(MI_E_NUMERIC, "prior[1] is", ADVERSARIAL(1, 3, x, 3, bad));
    }
    ck_assert(loss == 7);
    for (int i = 0; i < 3; i++)
        ck_assert(dcode[i] == 7 && dprior[i] == 7);
    OK(ADVERSARIAL(MI_PRIOR_ENCODER, 3, x, 3, bad)); /* doesn't read it */
    ck_assert(dprior[0] == 0 && dprior[1] == 0 && dprior[2] == 0);
}
END_TEST

UNIT_MAIN("prior", test_kl_known, test_kl_near_the_prior, test_kl_gradient, test_kl_strides,
          test_kl_float_agrees, test_kl_refuses, test_sample_moments, test_noise_is_a_pure_function,
          test_sample_formula, test_sample_backward, test_sample_backward_float_agrees,
          test_sample_refuses, test_sample_backward_refuses, test_adversarial_known,
          test_adversarial_gradient, test_adversaries_pull_apart, test_huge_scores,
          test_adversarial_float_agrees, test_adversarial_refuses)
