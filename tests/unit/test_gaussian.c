/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimates from covariances: closed forms, bias, columns that depend on each other. */
#include "estimate_case.h"

#define ASK(...) answer(mi__estimate_gaussian, __VA_ARGS__)
#define PLAIN &plain_options
#define N 3000

static double x[N * 8], y[N * 8], z[N * 8], local[N];

static double psi(double a) {
    return mi__digamma(a);
}

static double correlation(const double *a, const double *b, int64_t n) {
    long double ma = mean(n, a), mb = mean(n, b), aa = 0, bb = 0, ab = 0;
    for (int64_t i = 0; i < n; i++) {
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
        ab += (a[i] - ma) * (b[i] - mb);
    }
    return (double)(ab / sqrtl(aa * bb));
}

START_TEST(test_one_column) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        const int64_t n = seed == 5 ? 4 : N / (int64_t)seed;
        draw_gaussian(seed, n, 1, 0.3 * (double)seed - 0.9, x, y);
        for (int64_t i = 0; i < n; i++)
            x[i] = 1e6 + 1e-3 * x[i]; /* neither place nor scale matter */
        const double r = correlation(x, y, n), plain = -0.5 * log(1 - r * r);
        mi__answer a = ASK(numbers(n, 1, x), numbers(n, 1, y), nothing, PLAIN, local);
        near(mean(n, local), plain, 1e-11);
        near(a.value, plain - (psi((double)(n - 1) / 2) - psi((double)(n - 2) / 2)) / 2, 1e-11);
        ck_assert(a.cap == INFINITY && a.warnings == (n < 20 ? MI_WARNING_FEW : 0));
        mi__answer b = ASK(numbers(n, 1, y), numbers(n, 1, x), nothing, PLAIN, NULL);
        near(a.value, b.value, 1e-14);
    }
}
END_TEST

/* Determinants of 3 x 3 as one writes them down. */
START_TEST(test_by_hand) {
    draw_gaussian(9, N, 2, 0.6, x, y);
    double c[3], one[N], two[N], third[N];
    for (int i = 0; i < N; i++) {
        one[i] = x[2 * i];
        two[i] = x[2 * i + 1] += 0.4 * one[i];
        z[i] = third[i] = y[2 * i] - 0.2 * two[i];
    }
    c[0] = correlation(one, two, N);
    c[1] = correlation(one, third, N);
    c[2] = correlation(two, third, N);
    const double det = 1 + 2 * c[0] * c[1] * c[2] - c[0] * c[0] - c[1] * c[1] - c[2] * c[2];
    ASK(numbers(N, 2, x), numbers(N, 1, z), nothing, PLAIN, local);
    near(mean(N, local), 0.5 * log((1 - c[0] * c[0]) / det), 1e-13);
    /* partial correlation */
    const double p = (c[0] - c[1] * c[2]) / sqrt((1 - c[1] * c[1]) * (1 - c[2] * c[2]));
    mi__answer a = ASK(numbers(N, 1, one), numbers(N, 1, two), numbers(N, 1, third), PLAIN, local);
    near(mean(N, local), -0.5 * log(1 - p * p), 1e-13);
    near(a.value, mean(N, local) - (psi((N - 2) / 2.) - psi((N - 3) / 2.)) / 2, 1e-13);
}
END_TEST

START_TEST(test_entropy) {
    draw_gaussian(3, N, 2, 0.8, x, y);
    double c[N], d[N];
    for (int i = 0; i < N; i++) {
        z[2 * i] = c[i] = 5 * x[i] + 100;
        z[2 * i + 1] = d[i] = y[i] / 7;
    }
    double vc = 0, vd = 0, r = correlation(c, d, N);
    for (int i = 0; i < N; i++) {
        vc += (c[i] - mean(N, c)) * (c[i] - mean(N, c)) / N;
        vd += (d[i] - mean(N, d)) * (d[i] - mean(N, d)) / N;
    }
    const double e = exp(1), pi = acos(-1);
    const double plain = log(2 * pi * e) + 0.5 * log(vc * vd * (1 - r * r));
    mi__answer a = ASK(numbers(N, 2, z), nothing, nothing, PLAIN, local);
    near(mean(N, local), plain, 1e-12);
    near(a.value, plain - (psi((N - 1) / 2.) + psi((N - 2) / 2.) - 2 * log(N / 2.)) / 2, 1e-12);
    ck_assert(a.warnings == 0 && a.cap == INFINITY);
    near(a.value, log(2 * pi * e) + log(5 / 7. * 0.6), 0.05);
}
END_TEST

/* Many columns, few samples: right on average, where the plain value is far off. */
START_TEST(test_bias) {
    enum { D = 25, SAMPLES = 1000, ROUNDS = 60 };
    double *a = room(SAMPLES * D), *b = room(SAMPLES * D), *share = room(SAMPLES);
    for (int many = 0; many < 2; many++) {
        const double rho = many ? 0.5 : 0, truth = -0.5 * log(1 - rho * rho) * D;
        double sum = 0, squares = 0, plain = 0, low = 0, low2 = 0;
        for (uint64_t round = 0; round < ROUNDS; round++) {
            draw_gaussian(100 + round, SAMPLES, D, rho, a, b);
            mi__answer got =
                ASK(numbers(SAMPLES, D, a), numbers(SAMPLES, D, b), nothing, PLAIN, share);
            mi__answer h = ASK(numbers(100, D, a), nothing, nothing, PLAIN, NULL);
            sum += got.value;
            squares += got.value * got.value;
            plain += mean(SAMPLES, share) / ROUNDS;
            low += h.value;
            low2 += h.value * h.value;
        }
        const double error = sqrt((squares - sum * sum / ROUNDS) / ROUNDS / (ROUNDS - 1));
        const double h_error = sqrt((low2 - low * low / ROUNDS) / ROUNDS / (ROUNDS - 1));
        near(sum / ROUNDS, truth, 3 * error);
        near(low / ROUNDS, 0.5 * D * log(2 * acos(-1) * exp(1)), 3 * h_error);
        ck_assert_msg(plain - truth > 0.3 && error < 0.02, "%g %g", plain - truth, error);
    }
    free(share);
    free(b);
    free(a);
}
END_TEST

/* Conditional: x and y have z in common and nothing else. */
START_TEST(test_conditional) {
    draw_gaussian(5, N, 3, 0.0, x, y);
    draw_gaussian(6, N, 3, 0.0, z, z);
    for (int i = 0; i < 3 * N; i++) {
        x[i] += 2 * z[i];
        y[i] -= 2 * z[i];
    }
    mi__answer a = ASK(numbers(N, 3, x), numbers(N, 3, y), nothing, PLAIN, NULL);
    mi__answer b = ASK(numbers(N, 3, x), numbers(N, 3, y), numbers(N, 3, z), PLAIN, local);
    near(a.value, -1.5 * log(1 - 0.8 * 0.8), 0.1);
    near(b.value, 0, 0.004);
    ck_assert(b.warnings == 0);
    near(mean(N, local) - b.value, 9 / (2. * N), 1e-4); /* dx dy / 2 n */
}
END_TEST

/* -- columns that depend on each other --------------------------------------------------------- */

START_TEST(test_dependent) {
    double wide[N * 4];
    draw_gaussian(8, N, 2, 0.7, x, y);
    mi__answer a = ASK(numbers(N, 2, x), numbers(N, 2, y), nothing, PLAIN, NULL);
    for (int i = 0; i < N; i++) {
        wide[4 * i] = x[2 * i];
        wide[4 * i + 1] = 3 * x[2 * i] - 7 * x[2 * i + 1] + 12;
        wide[4 * i + 2] = x[2 * i + 1];
        wide[4 * i + 3] = 5; /* constant: tells nothing */
    }
    for (int way = 0; way < 2; way++) {
        const mi__rows four = numbers(N, 4, wide), two = numbers(N, 2, y);
        mi__answer b = ASK(way ? two : four, way ? four : two, nothing, PLAIN, NULL);
        near(a.value, b.value, 1e-12);
        ck_assert_int_eq(b.warnings, MI_WARNING_SINGULAR);
    }
    for (int i = 0; i < N; i++) {
        z[2 * i] = x[2 * i];
        z[2 * i + 1] = 5;
    }
    ck_assert_int_eq(ASK(numbers(N, 2, z), numbers(N, 2, y), nothing, PLAIN, NULL).warnings, 0);
    mi__answer b = ASK(numbers(N, 2, x), numbers(N, 2, y), numbers(N, 4, wide), PLAIN, local);
    near(b.value, 0, 1e-12); /* x follows from z */
    near(local[17], 0, 1e-12);
    ck_assert_int_eq(b.warnings, MI_WARNING_SINGULAR);
    b = ASK(numbers(N, 4, wide), nothing, nothing, PLAIN, local);
    ck_assert(b.value == -INFINITY && local[3] == -INFINITY && b.warnings == MI_WARNING_SINGULAR);
}
END_TEST

START_TEST(test_infinite) {
    draw_gaussian(8, N, 2, 0.7, x, y);
    for (int64_t n = 3; n <= N; n = n * 3 + 1) {
        for (int64_t i = 0; i < n; i++)
            z[i] = 1e3 + 0.1 * x[2 * i] - 1e-2 * x[2 * i + 1];
        for (int way = 0; way < 2; way++) {
            const mi__rows two = numbers(n, 2, x), one = numbers(n, 1, z);
            if (n == 3)
                continue;
            mi__answer a = ASK(way ? one : two, way ? two : one, nothing, PLAIN, local);
            ck_assert_msg(a.value == INFINITY && local[n / 2] == INFINITY, "%d: %g", (int)n,
                          a.value);
            ck_assert(a.warnings == (MI_WARNING_SINGULAR | (n < 30 ? MI_WARNING_FEW : 0)));
        }
    }
    mi__answer a = ASK(numbers(N, 2, x), numbers(N, 2, x), nothing, PLAIN, NULL);
    ck_assert(a.value == INFINITY);
    for (int i = 0; i < N; i++)
        z[i] = y[i] + 1e-4 * x[i]; /* nearly */
    a = ASK(numbers(N, 1, y), numbers(N, 1, z), nothing, PLAIN, NULL);
    const double r = correlation(y, z, N);
    near(a.value, -0.5 * log(1 - r * r), 1e-3);
    ck_assert(a.warnings == 0 && a.value > 9);
}
END_TEST

START_TEST(test_extremes) {
    draw_gaussian(8, N, 1, 0.5, x, y);
    mi__answer a = ASK(numbers(N, 1, x), numbers(N, 1, y), nothing, PLAIN, NULL);
    for (int i = 0; i < N; i++) {
        x[i] *= 1e307;
        y[i] *= 1e-300;
    }
    mi__answer b = ASK(numbers(N, 1, x), numbers(N, 1, y), nothing, PLAIN, NULL);
    near(a.value, b.value, 1e-12);
    b = ASK(numbers(N, 1, x), nothing, nothing, PLAIN, NULL);
    near(b.value, 307 * log(10) + 0.5 * log(2 * acos(-1) * exp(1)), 0.1);
}
END_TEST

START_TEST(test_refuses) {
    draw_gaussian(8, N, 2, 0.5, x, y);
    mi_context *ctx = threads(1);
    mi__question q = {.ctx = ctx, .options = PLAIN};
    mi__answer a = {.value = 77};
    q.x = numbers(4, 2, x), q.y = numbers(4, 2, y);
    FAILS(MI_E_ARG, "there are 4 samples of 4 columns", mi__estimate_gaussian(&q, &a));
    q.x.n = q.y.n = 5;
    OK(mi__estimate_gaussian(&q, &a));
    ck_assert(isfinite(a.value) && a.warnings == MI_WARNING_FEW);
    mi_context_destroy(ctx);
}
END_TEST

/* Shares of samples, and tiles, on threads. */
START_TEST(test_threads) {
    enum { MANY = 20000, D = 110 };
    double *a = room(MANY * 4), *b = room(MANY * 4);
    draw_gaussian(8, MANY, 2, 0.5, a, b);
    check_threads(mi__estimate_gaussian, numbers(MANY, 2, a), numbers(MANY, 2, b), nothing, PLAIN);
    check_threads(mi__estimate_gaussian, numbers(MANY, 2, a), nothing, nothing, PLAIN);
    check_threads(mi__estimate_gaussian, numbers(MANY / D, D / 2, a), numbers(MANY / D, D / 2, b),
                  nothing, PLAIN);
    free(b);
    free(a);
}
END_TEST

/* All sizes about those of tiles and blocks, against plain elimination in long double. */
static double plain_log_det(int64_t n, int64_t d, const double *rows) {
    static long double c[40][40];
    long double sum = 0;
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) {
            long double mi = 0, mj = 0;
            for (int64_t k = 0; k < n; k++) {
                mi += rows[k * d + i] / (long double)n;
                mj += rows[k * d + j] / (long double)n;
            }
            c[i][j] = 0;
            for (int64_t k = 0; k < n; k++)
                c[i][j] += (rows[k * d + i] - mi) * (rows[k * d + j] - mj) / n;
        }
    for (int64_t p = 0; p < d; p++) {
        sum += logl(c[p][p]);
        for (int64_t i = p + 1; i < d; i++)
            for (int64_t j = d - 1; j >= p; j--)
                c[i][j] -= c[i][p] / c[p][p] * c[p][j];
    }
    return (double)sum;
}

START_TEST(test_sizes) {
    static double all[300 * 40];
    for (int64_t d = 1; d <= 20; d += d < 9 ? 1 : 11) {
        const int64_t n = 255 + d;
        draw_gaussian((uint64_t)d, n, d, 0.5, x, y);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < d; j++) {
                all[i * 2 * d + j] = x[i * d + j] += x[i * d];
                all[i * 2 * d + d + j] = y[i * d + j] += x[i * d + d - 1];
            }
        ASK(numbers(n, d, x), numbers(n, d, y), nothing, PLAIN, local);
        near(mean(n, local),
             (plain_log_det(n, d, x) + plain_log_det(n, d, y) - plain_log_det(n, 2 * d, all)) / 2,
             1e-12);
    }
    enum { MANY = 30000 }; /* several shares */
    double *a = room(4 * MANY), *b = room(2 * MANY), *c = room(2 * MANY), *share = room(MANY);
    draw_gaussian(1, MANY, 2, 0.5, b, c);
    for (int64_t i = 0; i < 2 * MANY; i++) {
        b[i] += i % 10 == 0 ? i * 1e-4 : 0;
        a[i / 2 * 4 + i % 2] = b[i];
        a[i / 2 * 4 + 2 + i % 2] = c[i];
    }
    ASK(numbers(MANY, 2, b), numbers(MANY, 2, c), nothing, PLAIN, share);
    near(mean(MANY, share),
         (plain_log_det(MANY, 2, b) + plain_log_det(MANY, 2, c) - plain_log_det(MANY, 4, a)) / 2,
         1e-12);
    free(share);
    free(c);
    free(b);
    free(a);
}
END_TEST

START_TEST(test_nomem) {
    draw_gaussian(8, 40, 2, 0.5, x, y);
    check_nomem(mi__estimate_gaussian, numbers(40, 2, x), numbers(40, 2, y), nothing, PLAIN, 7);
    check_nomem(mi__estimate_gaussian, numbers(40, 2, x), nothing, nothing, PLAIN, 7);
}
END_TEST

UNIT_MAIN("gaussian", test_one_column, test_by_hand, test_entropy, test_bias, test_conditional,
          test_dependent, test_infinite, test_extremes, test_refuses, test_threads, test_sizes,
          test_nomem)
