/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimates by a Student copula: closed forms, heavy tails told from others, columns that depend on
 * each other. */
#include "estimate_case.h"

#define ASK(...) answer(mi__estimate_student, __VA_ARGS__)
#define PLAIN &plain_options
#define N 5000
#define MOST_D 5

static double x[N * MOST_D], y[N * MOST_D], z[N * MOST_D], other[N * MOST_D], local[N];

/* Entropy of d columns with unit scatter. */
static double entropy(double d, double nu) {
    const double half = (nu + d) / 2;
    return lgamma(nu / 2) - lgamma(half) + d / 2 * log(nu * acos(-1)) +
           half * (mi__digamma(half) - mi__digamma(nu / 2));
}

/* Divides samples by roots of chi squares of nu degrees of freedom. */
static void draw_tails(uint64_t seed, int64_t n, int64_t d, int nu, double *to[], int count) {
    mi__random r = mi__random_at(seed, 78, 0);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int k = 0; k < nu; k++) {
            const double v = mi__random_normal(&r);
            sum += v * v;
        }
        for (int v = 0; v < count; v++)
            for (int64_t j = 0; j < d; j++)
                to[v][i * d + j] *= sqrt(nu / sum);
    }
}

static void draw_student(uint64_t seed, int64_t n, int64_t d, double rho, int nu, double *a,
                         double *b) {
    draw_gaussian(seed, n, d, rho, a, b);
    draw_tails(seed, n, d, nu, (double *[]){a, b}, 2);
}

static double fitted(mi__rows a, mi__rows b, double *gain) {
    mi_context *ctx = threads(1);
    mi__question q = {.ctx = ctx, .x = a, .y = b, .options = PLAIN};
    double nu = NAN;
    OK(mi__student_fit(&q, &nu, gain));
    mi_context_destroy(ctx);
    return nu;
}

static double standard_error(int64_t n, const double *share) {
    const double m = mean(n, share);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (share[i] - m) * (share[i] - m);
    return sqrt(sum) / (double)n;
}

/* Of k columns that correlate by rho each, but for what cancels in ratios. */
static double log_density(int k, const double *w, double rho, double nu) {
    double sum = 0, squares = 0;
    for (int j = 0; j < k; j++) {
        sum += w[j];
        squares += w[j] * w[j];
    }
    const double last = 1 + (k - 1) * rho;
    const double square = (squares - rho * sum * sum / last) / (1 - rho);
    return lgamma((nu + k) / 2) - lgamma(nu / 2) - ((k - 1) * log(1 - rho) + log(last)) / 2 -
           (nu + k) / 2 * log1p(square / nu);
}

/* The mean log density ratio of these samples, whose pairs of columns correlate by rho. */
static double known_ratio(int64_t n, int d, const double *a, const double *b, double rho,
                          double nu) {
    const double gamma = lgamma(nu / 2 + d) + lgamma(nu / 2) - 2 * lgamma((nu + d) / 2);
    double mean_ratio = gamma - d * log(1 - rho * rho) / 2;
    for (int64_t i = 0; i < n; i++) {
        double aa = 0, bb = 0, ab = 0;
        for (int64_t j = i * d; j < (i + 1) * d; j++) {
            aa += a[j] * a[j];
            bb += b[j] * b[j];
            ab += a[j] * b[j];
        }
        const double square = (aa - 2 * rho * ab + bb) / (1 - rho * rho);
        mean_ratio += ((nu + d) / 2 * (log1p(aa / nu) + log1p(bb / nu)) -
                       (nu + 2 * d) / 2 * log1p(square / nu)) /
                      (double)n;
    }
    return mean_ratio;
}

/* What is known of the distribution would not make the estimate much better: these samples are off
 * by several times what the estimate adds. */
START_TEST(test_values) {
    static const int nus[] = {1, 2, 5}, columns[] = {1, 2, 5};
    for (int k = 0; k < 9; k++) {
        const int nu = nus[k / 3], d = columns[k % 3];
        for (int way = 0; way < 2; way++) {
            const double rho = way == 0 ? 0.6 : 0;
            const double truth =
                2 * entropy(d, nu) - entropy(2 * d, nu) - d * log(1 - rho * rho) / 2;
            draw_student((uint64_t)(10 + 2 * k + way), N, d, rho, nu, x, y);
            mi__answer a = ASK(numbers(N, d, x), numbers(N, d, y), nothing, PLAIN, local);
            const double error = standard_error(N, local);
            near(a.value, truth, 4 * error);
            near(a.value, known_ratio(N, d, x, y, rho, nu), 0.01);
            ck_assert_msg(error < 0.05 && error > 0.002, "%g", error);
            ck_assert(a.warnings == 0 && a.cap == INFINITY);
            double gain;
            near(log(fitted(numbers(N, d, x), numbers(N, d, y), &gain) / nu), 0, 0.25);
            ck_assert_msg(gain > 0.005 * d, "%g", gain);
        }
    }
}
END_TEST

/* All of I(x; y | z), I(x; z) and I(x; y, z) of three columns that correlate by 1 / 2. */
START_TEST(test_conditional) {
    enum { NU = 2 };
    static double both[2 * N];
    mi__random r = mi__random_at(5, 77, 0);
    for (int i = 0; i < N; i++) {
        const double common = mi__random_normal(&r);
        x[i] = common + mi__random_normal(&r);
        y[i] = common + mi__random_normal(&r);
        z[i] = common + mi__random_normal(&r);
        x[i] *= sqrt(0.5);
        y[i] *= sqrt(0.5);
        z[i] *= sqrt(0.5);
    }
    draw_tails(5, N, 1, NU, (double *[]){x, y, z}, 3);
    for (int i = 0; i < N; i++) {
        both[2 * i] = y[i];
        both[2 * i + 1] = z[i];
    }
    const double partial = 1 / 3., chain = log(1 - 0.25) / -2;
    const double h1 = entropy(1, NU), h2 = entropy(2, NU), h3 = entropy(3, NU);
    mi__answer a = ASK(numbers(N, 1, x), numbers(N, 1, y), numbers(N, 1, z), PLAIN, local);
    const double truth = 2 * h2 - h1 - h3 - log(1 - partial * partial) / 2;
    double known[3] = {0};
    for (int i = 0; i < N; i++) {
        const double w[] = {x[i], z[i], y[i]};
        const double one_x = log_density(1, w, 0.5, NU), one_z = log_density(1, w + 1, 0.5, NU);
        const double xz = log_density(2, w, 0.5, NU), yz = log_density(2, w + 1, 0.5, NU);
        const double all = log_density(3, w, 0.5, NU);
        known[0] += (all + one_z - xz - yz) / N;
        known[1] += (xz - one_x - one_z) / N;
        known[2] += (all - one_x - yz) / N;
    }
    near(a.value, truth, 4 * standard_error(N, local));
    near(a.value, known[0], 0.004);
    ck_assert(a.warnings == 0);
    mi__answer b = ASK(numbers(N, 1, x), numbers(N, 1, z), nothing, PLAIN, local);
    near(b.value, 2 * h1 - h2 + chain, 4 * standard_error(N, local));
    near(b.value, known[1], 0.004);
    mi__answer c = ASK(numbers(N, 1, x), numbers(N, 2, both), nothing, PLAIN, local);
    near(c.value, h1 + h2 - h3 + chain - log(1 - partial * partial) / 2,
         4 * standard_error(N, local));
    near(c.value, known[2], 0.004);
    near(a.value + b.value, c.value, 0.004);
}
END_TEST

/* Ranks are all that counts. */
START_TEST(test_monotone) {
    for (int64_t n = 100; n <= N; n *= 50) {
        draw_student(3, n, 2, 0.5, 2, x, y);
        mi__answer a = ASK(numbers(n, 2, x), numbers(n, 2, y), nothing, PLAIN, local);
        for (int64_t i = 0; i < 2 * n; i++) {
            z[i] = asinh(x[i]);
            other[i] = i % 2 == 0 ? y[i] * 0x1p960 : y[i] * 0x1p-960 - 0x1p-900;
        }
        double *again = room(n);
        mi__answer b = ASK(numbers(n, 2, z), numbers(n, 2, y), nothing, PLAIN, again);
        ck_assert(a.value == b.value && a.warnings == b.warnings);
        ck_assert_mem_eq(local, again, (size_t)n * sizeof *local);
        for (int64_t i = 0; i < n; i++)
            other[2 * i + 1] = y[2 * i + 1];
        b = ASK(numbers(n, 2, x), numbers(n, 2, other), nothing, PLAIN, again);
        ck_assert(a.value == b.value);
        for (int64_t i = 0; i < 2 * n; i++)
            other[i] = -y[i]; /* the other way round, and x and y swapped */
        b = ASK(numbers(n, 2, other), numbers(n, 2, x), nothing, PLAIN, again);
        near(a.value, b.value, 1e-10);
        free(again);
    }
}
END_TEST

/* Without heavy tails it is the Gaussian copula, to the last bit. */
START_TEST(test_gaussian) {
    static double plain[N];
    mi_context *ctx = threads(1);
    for (int64_t d = 1; d <= MOST_D; d += 2) {
        double gain;
        draw_gaussian((uint64_t)d, N, d, 0.5, x, y);
        memcpy(z, x, sizeof z);
        memcpy(other, y, sizeof other);
        mi__rows ranked_x = numbers(N, d, z), ranked_y = numbers(N, d, other);
        OK(mi__rows_prepare(ctx, &ranked_x, MI_SCALE_RANK, 0, 0, 0));
        OK(mi__rows_prepare(ctx, &ranked_y, MI_SCALE_RANK, 0, 0, 1));
        mi__answer b = answer(mi__estimate_gaussian, ranked_x, ranked_y, nothing, PLAIN, plain);
        mi__answer a = ASK(numbers(N, d, x), numbers(N, d, y), nothing, PLAIN, local);
        ck_assert_msg(a.value == b.value, "%.17g, %.17g", a.value, b.value);
        ck_assert_mem_eq(local, plain, sizeof local);
        ck_assert(fitted(numbers(N, d, x), numbers(N, d, y), &gain) == INFINITY && gain == 0);
    }
    mi_context_destroy(ctx);
}
END_TEST

/* Shares say all but the bias, which is that of a Gaussian estimate. */
START_TEST(test_local) {
    draw_student(4, N, 1, 0.5, 1, x, y);
    mi__answer a = ASK(numbers(N, 1, x), numbers(N, 1, y), nothing, PLAIN, local);
    const double bias = (mi__digamma((N - 1) / 2.) - mi__digamma((N - 2) / 2.)) / 2;
    near(a.value, mean(N, local) - bias, 1e-14);
    mi__answer b = ASK(numbers(N, 1, x), numbers(N, 1, y), nothing, PLAIN, NULL);
    ck_assert(a.value == b.value);
    /* each is the logarithm of a density ratio: its exponential's mean over independent pairs is 1,
     * and so is the mean of 1 / ratio over these */
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += exp(-local[i]) / N;
    near(sum, 1, 0.05);
}
END_TEST

/* The same written down for one column each, without ties. */
static void plain_shares(int64_t n, double nu, double *share) {
    double r = 0;
    double *u = room(n), *v = room(n);
    for (int64_t i = 0; i < n; i++) {
        double below_x = 0.5, below_y = 0.5;
        for (int64_t j = 0; j < n; j++) {
            below_x += x[j] < x[i];
            below_y += y[j] < y[i];
        }
        u[i] = mi__student_quantile(below_x / (double)n, nu);
        v[i] = mi__student_quantile(below_y / (double)n, nu);
    }
    for (int step = 0; step < 200; step++) {
        double uu = 0, uv = 0, vv = 0;
        for (int64_t i = 0; i < n; i++) {
            const double square = (u[i] * u[i] - 2 * r * u[i] * v[i] + v[i] * v[i]) / (1 - r * r);
            uu += u[i] * u[i] / (nu + square);
            uv += u[i] * v[i] / (nu + square);
            vv += v[i] * v[i] / (nu + square);
        }
        r = uv / sqrt(uu * vv);
    }
    for (int64_t i = 0; i < n; i++) {
        const double w[] = {u[i], v[i]};
        share[i] =
            log_density(2, w, r, nu) - log_density(1, w, r, nu) - log_density(1, w + 1, r, nu);
    }
    free(v);
    free(u);
}

START_TEST(test_plain) {
    static double plain[N];
    for (int nu = 1; nu <= 4; nu++) {
        const int64_t n = 1000 - nu;
        double gain;
        draw_student((uint64_t)nu, n, 1, 0.5, nu, x, y);
        ASK(numbers(n, 1, x), numbers(n, 1, y), nothing, PLAIN, local);
        const double found = fitted(numbers(n, 1, x), numbers(n, 1, y), &gain);
        plain_shares(n, found, plain);
        for (int64_t i = 0; i < n; i++)
            near(local[i], plain[i], 1e-3);
        near(mean(n, local), mean(n, plain), 1e-4);
        const double best = mean(n, plain); /* among all nu */
        for (int way = -1; way <= 1; way += 2) {
            plain_shares(n, found * (1 + way * 0.1), plain);
            ck_assert_msg(mean(n, plain) < best, "%g: %g, %g", found, mean(n, plain), best);
        }
    }
}
END_TEST

/* -- columns that say little ------------------------------------------------------------------- */

START_TEST(test_dependent) {
    static double wide[N * 4];
    draw_student(8, N, 2, 0.7, 2, x, y);
    mi__answer a = ASK(numbers(N, 2, x), numbers(N, 2, y), nothing, PLAIN, NULL);
    for (int more = 0; more < 2; more++) {
        for (int i = 0; i < N; i++) {
            wide[4 * i] = x[2 * i];
            wide[4 * i + 1] = more ? -x[2 * i] : 7; /* the same ranks, upside down */
            wide[4 * i + 2] = 5;                    /* constant: tells nothing */
            wide[4 * i + 3] = x[2 * i + 1];
        }
        mi__answer b = ASK(numbers(N, 4, wide), numbers(N, 2, y), nothing, PLAIN, local);
        near(a.value, b.value, 1e-10);
        ck_assert_int_eq(b.warnings, more ? MI_WARNING_SINGULAR : 0);
        b = ASK(numbers(N, 2, y), numbers(N, 4, wide), nothing, PLAIN, local);
        near(a.value, b.value, 1e-10);
        b = ASK(numbers(N, 2, x), numbers(N, 2, y), numbers(N, 4, wide), PLAIN, local);
        near(b.value, 0, 1e-9); /* x follows from z */
        near(local[17], 0, 1e-9);
        ck_assert_int_eq(b.warnings, MI_WARNING_SINGULAR);
    }
}
END_TEST

START_TEST(test_infinite) {
    draw_student(8, N, 2, 0.7, 2, x, y);
    for (int64_t n = 5; n <= N; n *= 10)
        for (int64_t d = 1; d <= 2; d++) {
            mi__answer a = ASK(numbers(n, d, x), numbers(n, d, x), nothing, PLAIN, local);
            ck_assert_msg(a.value == INFINITY && local[n / 2] == INFINITY, "%d: %g", (int)n,
                          a.value);
            ck_assert(a.warnings == (MI_WARNING_SINGULAR | (n < 20 * d ? MI_WARNING_FEW : 0)));
        }
    for (int i = 0; i < 2 * N; i++)
        z[i] = i % 2 ? y[i] : exp(0.1 * x[i / 2 * 2] > 500 ? 500 : -0.1 * fabs(x[i / 2 * 2]));
    mi__answer a = ASK(numbers(N, 2, x), numbers(N, 2, z), nothing, PLAIN, NULL);
    ck_assert(isfinite(a.value)); /* a function of x, but not a monotone one */
}
END_TEST

/* Rounded numbers, and two values only. */
START_TEST(test_ties) {
    draw_student(6, N, 2, 0.5, 2, x, y);
    mi__answer a = ASK(numbers(N, 2, x), numbers(N, 2, y), nothing, PLAIN, NULL);
    for (int i = 0; i < 2 * N; i++) {
        z[i] = round(x[i] * 20);
        other[i] = y[i] > 0.5;
    }
    mi__answer b = ASK(numbers(N, 2, z), numbers(N, 2, y), nothing, PLAIN, local);
    near(a.value, b.value, 0.01);
    b = ASK(numbers(N, 2, other), numbers(N, 2, y), nothing, PLAIN, local);
    ck_assert_msg(isfinite(b.value) && isfinite(mean(N, local)), "%g", b.value);
    for (int i = 0; i < N; i++)
        other[i] = i == 17; /* one number that isn't like the others */
    b = ASK(numbers(N, 1, other), numbers(N, 1, y), nothing, PLAIN, local);
    ck_assert_msg(fabs(b.value) < 0.01, "%g", b.value);
}
END_TEST

START_TEST(test_few) {
    for (int64_t d = 1; d <= 3; d++)
        for (int64_t n = 2 * d + 1; n < 40; n++)
            for (uint64_t seed = 0; seed < 5; seed++) {
                draw_student(seed, n, d, 0.3, 1, x, y);
                mi__answer a = ASK(numbers(n, d, x), numbers(n, d, y), nothing, PLAIN, local);
                ck_assert_msg(!isnan(a.value) && a.value != -INFINITY, "%d %d", (int)n, (int)d);
                ck_assert(((a.warnings & MI_WARNING_FEW) != 0) == (n < 20 * d));
            }
}
END_TEST

START_TEST(test_refuses) {
    draw_gaussian(8, N, 2, 0.5, x, y);
    mi_context *ctx = threads(1);
    mi__question q = {.ctx = ctx, .options = PLAIN};
    mi__answer a = {.value = 77};
    double nu = 77, gain = 77;
    q.x = numbers(4, 2, x), q.y = numbers(4, 2, y);
    FAILS(MI_E_ARG, "student takes more samples than columns: there are 4",
          mi__estimate_student(&q, &a));
    FAILS(MI_E_ARG, "there are 4 samples of 4 columns", mi__student_fit(&q, &nu, &gain));
    ck_assert(a.value == 77 && nu == 77 && gain == 77);
    mi_context_destroy(ctx);
}
END_TEST

/* -- threads and memory; more samples than are looked at for nu -------------------------------- */

START_TEST(test_threads) {
    enum { MANY = 20000 };
    double *a = room(MANY * 3), *b = room(MANY * 3), *share = room(MANY);
    draw_student(8, MANY, 2, 0.5, 2, a, b);
    mi__rows all = numbers(MANY, 2, a), y_rows = numbers(MANY, 2, b);
    check_threads(mi__estimate_student, all, y_rows, nothing, PLAIN);
    check_threads(mi__estimate_student, numbers(3000, 2, a), numbers(3000, 2, b),
                  numbers(3000, 1, b + MANY), PLAIN);
    mi__answer got = ASK(all, y_rows, nothing, PLAIN, share);
    near(got.value, 2 * entropy(2, 2) - entropy(4, 2) - log(1 - 0.25),
         3 * standard_error(MANY, share));
    free(share);
    free(b);
    free(a);
}
END_TEST

START_TEST(test_nomem) {
    draw_student(8, N, 2, 0.5, 1, x, y);
    mi__rows few = numbers(40, 2, x), few_y = numbers(40, 2, y);
    check_nomem(mi__estimate_student, few, few_y, nothing, PLAIN, 12);
    check_nomem(mi__estimate_student, few, few_y, numbers(40, 1, y + 99), PLAIN, 12);
    check_nomem(mi__estimate_student, numbers(N, 1, x), numbers(N, 1, y), nothing, PLAIN, 24);
    draw_gaussian(8, 60, 2, 0.5, x, y);
    check_nomem(mi__estimate_student, numbers(60, 2, x), numbers(60, 2, y), nothing, PLAIN, 20);
}
END_TEST

UNIT_MAIN("student", test_values, test_conditional, test_monotone, test_gaussian, test_local,
          test_plain, test_dependent, test_infinite, test_ties, test_few, test_refuses,
          test_threads, test_nomem)
