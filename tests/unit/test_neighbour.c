/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimates by neighbours: worked on paper, known in closed form, and computed once more as plainly
 * as possible. */
#include "failing.h"
#include "neighbour_case.h"

#include <float.h>

#define EULER 0.577215664901532860606512090082
#define PI 3.14159265358979323846264338328

/* A question, and room for the answer. */
typedef struct asked {
    mi__rows x, y, z;
    mi_estimate_options options;
    int32_t threads;
    double *local;
    mi__answer answer;
} asked;

static asked ask(int64_t n, int64_t dx, const double *x, int64_t dy, const double *y,
                 int32_t method, int32_t k) {
    return (asked){
        .x = {.n = n, .d = dx, .x = x},
        .y = {.n = n, .d = dy, .x = y},
        .options = {.struct_size = sizeof(mi_estimate_options), .method = method, .k = k},
        .threads = 1};
}

static mi_status answer(asked *a) {
    mi_context_options o = {.struct_size = sizeof o, .threads = a->threads};
    mi_context *ctx = NULL;
    OK(mi_context_create(&o, &ctx));
    const mi__question q = {ctx, a->x, a->y, a->z, &a->options, a->local, NULL};
    mi_status status = mi__estimate_neighbour(&q, &a->answer);
    mi_context_destroy(ctx);
    return status;
}

static void near(double a, double b, double tolerance, const char *what) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%s: %.17g is not %.17g to %g", what, a, b, tolerance);
}

static double value_of(asked a) {
    OK(answer(&a));
    return a.answer.value;
}

static void is(asked a, double right, const char *what) {
    near(value_of(a), right, 1e-14, what);
}

/* -- on paper ---------------------------------------------------------------------------------- */

/* psi(1) = -g, psi(2) = 1 - g, psi(3) = 3/2 - g, psi(4) = 11/6 - g, psi(5) = 25/12 - g, where g is
 * Euler's constant. Pairs are 1.5, 3, 7, 2, 6, 4 apart: neighbours are at 1.5, 1.5, 2, 4. */
static const double paper_x[] = {0, 1, 3, 7}, paper_y[] = {0, 1.5, 3, 4};

START_TEST(test_paper) {
    /* nearer in x: 2, 2, 1, 1, in y: 1, 1, 3, 3: psi(1) + psi(4) - (2 + 3) / 4 + 2 g */
    is(ask(4, 1, paper_x, 1, paper_y, MI_METHOD_KSG, 1), 7. / 12, "ksg");
    is(ask(4, 1, paper_x, 1, paper_y, MI_METHOD_GAO, 1), log(4) - 1.25 + EULER, "gao");
    /* neighbours are at 1, 1, 2, 4 in x and at 1.5, 1.5, 1.5, 1 in y; no farther are 1, 1, 1, 1 and
     * 1, 2, 2, 1 others: psi(1) - 1 + psi(4) - 2 / 4 + 2 g */
    is(ask(4, 1, paper_x, 1, paper_y, MI_METHOD_KSG2, 1), 1. / 3, "ksg2");
    /* psi(4) - psi(1) + ln 2 + mean of ln 1, 1, 2, 4 */
    is(ask(4, 1, paper_x, 0, NULL, MI_METHOD_KSG, 1), 11. / 6 + 1.75 * log(2), "entropy");
}
END_TEST

START_TEST(test_paper_given_z) {
    /* xyz: 2, 4, 7, 2.5, 6, 4; neighbours at 2, 2, 2.5, 4. Nearer in xz: 1, 1, 2, 1, in yz: 1, 1,
     * 1, 2, in z: 1, 2, 2, 2: -g - 2 / 4 + 2 g + 3 / 4 - g. No farther, without the sample: 1, 2,
     * 1, 1; 1, 1, 1, 2; 1, 2, 2, 2; in xyz 1, 1, 1, 1: the same */
    const double y[] = {0, 1.5, 4, 4.25}, z[] = {0, 2, 2.5, 6};
    asked a = ask(4, 1, paper_x, 1, y, MI_METHOD_KSG, 1);
    a.z = (mi__rows){.n = 4, .d = 1, .x = z};
    is(a, 0.25, "ksg");
    a.options.method = MI_METHOD_GAO;
    is(a, 0.25, "gao");
}
END_TEST

START_TEST(test_paper_ties) {
    /* neighbours at 0, 0, 1, 1; nearer, or at 0 too, in x: 3, 3, 3, 1, in y: 2, 2, 1, 1. Gao counts
     * 2, 2 pairs at 0: ln 4 + (1 - 1.5 - 1, the same, -1.5, 0) / 4 + g */
    const double x[] = {0, 0, 0, 1}, y[] = {5, 5, 6, 7};
    asked a = ask(4, 1, x, 1, y, MI_METHOD_GAO, 1);
    is(a, log(4) + EULER - 4.5 / 4, "gao");
    OK(answer(&a));
    ck_assert_int_eq(a.answer.warnings & MI_WARNING_TIES, 0);
    a.options.method = MI_METHOD_KSG; /* 11/6 - (2.5, 2.5, 1.5, 0) / 4 */
    is(a, 11. / 6 - 6.5 / 4, "ksg");
    OK(answer(&a));
    ck_assert_int_ne(a.answer.warnings & MI_WARNING_TIES, 0);
}
END_TEST

START_TEST(test_paper_ross) {
    /* a: 0, 3, 8.25 with neighbours at 3, 3, 5.25; b: 1, 7 at 6, 6; c is alone. Nearer of all but
     * c: 2, 2, 2, 3, 3:
     * psi(5) + psi(1) - (3 * 1.5 + 2 * 1) / 5 + g - (3 * 1 + 2 * 1.5) / 5 + g */
    const double x[] = {0, 1, 3, 5.5, 7, 8.25}, y[] = {4, 8, 4, 9, 8, 4};
    double local[6];
    asked a = ask(6, 1, x, 1, y, MI_METHOD_ROSS, 1);
    a.y.discrete = true;
    a.local = local;
    is(a, -5. / 12, "names in y");
    near(local[3], -5. / 12, 1e-14, "left out");
    near(local[1], 25. / 12 - 1 - 1.5, 1e-14, "kept");
    const mi__rows x_rows = a.x;
    a.x = a.y;
    a.y = x_rows;
    is(a, -5. / 12, "names in x");
    OK(answer(&a));
    ck_assert_int_ne(a.answer.warnings & MI_WARNING_FEW, 0);
    near(a.answer.cap, 25. / 12 - 6.5 / 5, 1e-14, "cap");
}
END_TEST

/* -- once more, plainly ------------------------------------------------------------------------ */

static double psi(int32_t n) {
    double sum = -EULER;
    for (int32_t i = 1; i < n; i++)
        sum += 1. / i;
    return sum;
}

static mi__space whole(const mi__rows *const *rows, int parts, bool squared) {
    mi__space s = {.n = rows[0]->n, .squared = squared};
    for (int i = 0; i < parts; i++)
        if (rows[i]->d > 0) {
            s.part[s.parts] = rows[i]->x;
            s.width[s.parts++] = rows[i]->d;
            s.d += rows[i]->d;
        }
    return s;
}

static int32_t naive_count(const mi__space *s, int64_t i, double far, bool border) {
    int32_t count = 0;
    for (int64_t j = 0; j < s->n; j++) {
        const double apart = naive_apart(s, i, j);
        count += apart < far || ((border || far == 0) && apart == far);
    }
    return count;
}

static double naive_ksg2(const asked *a, int64_t i, double far, bool squared) {
    const mi__rows *both[] = {&a->x, &a->y};
    const mi__space joint = whole(both, 2, squared);
    double sum = psi(a->options.k) - 1. / a->options.k + psi((int32_t)a->x.n);
    for (int p = 0; p < 2; p++) {
        const mi__space own = whole(&both[p], 1, squared);
        double reach = 0;
        for (int64_t j = 0; j < a->x.n; j++)
            if (naive_apart(&joint, i, j) <= far)
                reach = fmax(reach, naive_apart(&own, i, j));
        sum -= psi(naive_count(&own, i, reach, true) - 1);
    }
    return sum;
}

static double naive_value(const asked *a) {
    const mi__rows *all[] = {&a->x, &a->y, &a->z}, *xz[] = {&a->x, &a->z}, *yz[] = {&a->y, &a->z},
                   *z[] = {&a->z};
    const bool squared = a->options.metric == MI_METRIC_EUCLIDEAN;
    const bool given = a->z.d > 0, gao = a->options.method == MI_METHOD_GAO;
    const mi__space joint = whole(all, 3, squared), sx = whole(xz, 2, squared),
                    sy = whole(yz, 2, squared), sz = whole(z, 1, squared);
    const int32_t n = (int32_t)joint.n, less = gao && given;
    double *far = numbers(n), sum = 0;
    naive_nearest(&joint, a->options.k, far);
    for (int64_t i = 0; i < n; i++) {
        if (a->options.method == MI_METHOD_KSG2) {
            sum += naive_ksg2(a, i, far[i], squared);
            continue;
        }
        int32_t k = a->options.k;
        if (gao && (given || far[i] == 0))
            k = naive_count(&joint, i, far[i], true) - less;
        sum += psi(k) - psi(naive_count(&sx, i, far[i], less) - less) -
               psi(naive_count(&sy, i, far[i], less) - less);
        if (given)
            sum += psi(naive_count(&sz, i, far[i], less) - less);
        else
            sum += gao ? log(n) : psi(n);
    }
    free(far);
    return sum / n;
}

/* Every method, with locals whose mean is the value; x and y may change places. */
static void check_methods(asked a, const char *what) {
    const int64_t n = a.x.n;
    double *local = numbers(n);
    const int32_t methods[] = {MI_METHOD_KSG, MI_METHOD_GAO, MI_METHOD_KSG2};
    for (int i = 0; i < (a.z.d > 0 ? 2 : 3); i++) {
        double sum = 0;
        a.options.method = methods[i];
        a.local = local;
        OK(answer(&a));
        near(a.answer.value, naive_value(&a), 1e-11, what);
        for (int64_t j = 0; j < n; j++)
            sum += local[j];
        near(sum / (double)n, a.answer.value, 1e-12, "mean of locals");
        ck_assert(isfinite(a.answer.value) && isfinite(a.answer.cap));
        asked turned = a;
        turned.x = a.y;
        turned.y = a.x;
        turned.threads = 3;
        OK(answer(&turned));
        ck_assert_msg(turned.answer.value == a.answer.value, "%s: %a is not %a", what,
                      turned.answer.value, a.answer.value);
    }
    free(local);
}

START_TEST(test_plainly) {
    const int64_t d[][3] = {{1, 1, 0}, {2, 1, 0}, {3, 3, 0}, {5, 7, 0},
                            {1, 1, 1}, {2, 1, 2}, {1, 4, 3}, {12, 1, 9}};
    for (int kind = 0; kind < CASES; kind++)
        for (int i = 0; i < 8; i++)
            for (int metric = 0; metric < 2; metric++)
                for (int64_t n = 2; n < 200; n = 3 * n + 1) {
                    double *x = numbers(n * d[i][0]), *y = numbers(n * d[i][1]),
                           *z = numbers(n * d[i][2]);
                    case_fill(kind, 1, n, d[i][0], x);
                    case_fill((kind + i) % CASES, 2, n, d[i][1], y);
                    case_fill(kind, 3, n, d[i][2], z);
                    asked a = ask(n, d[i][0], x, d[i][1], y, 0,
                                  (int32_t)MI__MIN(n - 1, i % 3 == 0   ? 3
                                                          : i % 3 == 1 ? 1
                                                                       : n));
                    a.z = (mi__rows){.n = n, .d = d[i][2], .x = z};
                    a.options.metric = metric;
                    check_methods(a, "plainly");
                    free(x), free(y), free(z);
                }
}
END_TEST

/* Powers of two change nothing, wherever they lead. */
START_TEST(test_any_scale) {
    enum { N = 60 };
    double x[2 * N], y[N], big[2 * N], tall[N];
    case_fill(CASE_NORMAL, 1, N, 2, x);
    case_fill(CASE_NORMAL, 2, N, 1, y);
    for (int metric = 0; metric < 2; metric++)
        for (int e = -1000; e <= 1025; e += 405) {
            for (int i = 0; i < 2 * N; i++)
                big[i] = ldexp(x[i], e);
            for (int i = 0; i < N; i++)
                tall[i] = ldexp(y[i], e);
            asked a = ask(N, 2, x, 1, y, MI_METHOD_KSG, 3),
                  b = ask(N, 2, big, 1, tall, MI_METHOD_KSG, 3);
            a.options.metric = b.options.metric = metric;
            ck_assert(value_of(a) == value_of(b));
            a.y.d = b.y.d = 0;
            near(value_of(b), value_of(a) + 2 * e * log(2), 1e-11, "entropy");
        }
}
END_TEST

/* -- closed forms ------------------------------------------------------------------------------ */

static void gaussians(uint64_t seed, int64_t n, int64_t d, double rho, double *x, double *y) {
    mi__random r = mi__random_at(seed, 77, 0);
    for (int64_t i = 0; i < n * d; i++) {
        x[i] = mi__random_normal(&r);
        y[i] = rho * x[i] + sqrt(1 - rho * rho) * mi__random_normal(&r);
    }
}

START_TEST(test_gaussians) {
    enum { N = 8000 };
    const double rho[] = {0, 0.3, -0.6, 0.9, -0.99};
    const double tolerance[] = {0.02, 0.03, 0.1}; /* of 1, 2, 3 columns; the bias is known */
    double *x = numbers(3 * N), *y = numbers(3 * N);
    for (int64_t d = 1; d <= 3; d++)
        for (int i = 0; i < 5; i++) {
            if (d > 1 && fabs(rho[i]) > 0.95)
                continue; /* neighbours are not near enough */
            const double right = -0.5 * (double)d * log(1 - rho[i] * rho[i]);
            gaussians((uint64_t)i, N, d, rho[i], x, y);
            asked a = ask(N, d, x, d, y, MI_METHOD_KSG, 3);
            a.threads = 2;
            near(value_of(a), right, tolerance[d - 1] * (1 + right), "ksg");
            a.options.method = MI_METHOD_GAO;
            near(value_of(a), right, tolerance[d - 1] * (1 + right), "gao");
            a.options.method = MI_METHOD_KSG2;
            near(value_of(a), right, 2 * tolerance[d - 1] * (1 + right), "ksg2");
            a.options.metric = MI_METRIC_EUCLIDEAN;
            a.options.method = MI_METHOD_KSG;
            near(value_of(a), right, tolerance[d - 1] * (1 + right), "ksg, Euclidean");
            a.y.d = 0;
            near(value_of(a), 0.5 * (double)d * log(2 * PI * exp(1)), 0.05, "entropy, Euclidean");
            a.options.metric = MI_METRIC_MAX;
            near(value_of(a), 0.5 * (double)d * log(2 * PI * exp(1)), 0.05, "entropy");
        }
    free(x), free(y);
}
END_TEST

static double exponential(mi__random *r) {
    return -log1p(-mi__random_uniform(r));
}

START_TEST(test_exponentials) {
    enum { N = 20000 };
    double *x = numbers(N), *y = numbers(N);
    mi__random r = mi__random_at(5, 0, 0);
    for (int i = 0; i < N; i++) {
        x[i] = exponential(&r);
        y[i] = x[i] + exponential(&r);
    }
    asked a = ask(N, 1, x, 1, y, MI_METHOD_KSG, 4);
    near(value_of(a), EULER, 0.02, "a sum of exponentials");
    for (int theta = 1; theta <= 3; theta++) {
        for (int i = 0; i < N; i++) {
            x[i] = 0;
            for (int j = 0; j < theta; j++)
                x[i] += exponential(&r);
            y[i] = exponential(&r) / x[i];
            y[i] = log(y[i]); /* which leaves the information */
        }
        near(value_of(a), psi(theta + 1) - log(theta), 0.02, "gamma and exponential");
    }
    free(x), free(y);
}
END_TEST

START_TEST(test_given_z) {
    enum { N = 8000 };
    double *x = numbers(N), *y = numbers(N), *z = numbers(N), *e = numbers(N);
    gaussians(8, N, 1, 0.7, x, y);
    gaussians(9, N, 1, 0, z, e);
    for (int i = 0; i < N; i++) {
        x[i] += z[i];
        y[i] += 2 * z[i];
    }
    asked a = ask(N, 1, x, 1, y, MI_METHOD_KSG, 3);
    a.z = (mi__rows){.n = N, .d = 1, .x = z};
    near(value_of(a), -0.5 * log(1 - 0.49), 0.03, "ksg");
    a.options.method = MI_METHOD_GAO;
    near(value_of(a), -0.5 * log(1 - 0.49), 0.12, "gao");
    a.y.x = e;
    a.options.method = MI_METHOD_KSG;
    near(value_of(a), 0, 0.03, "independent");
    free(x), free(y), free(z), free(e);
}
END_TEST

START_TEST(test_uniform_entropy) {
    enum { N = 20000 };
    double *x = numbers(3 * N);
    mi__random r = mi__random_at(6, 0, 0);
    for (int i = 0; i < 3 * N; i++)
        x[i] = mi__random_range(&r, 3, 3.5) + 1e-9 * mi__random_uniform(&r);
    for (int64_t d = 1; d <= 3; d++)
        for (int metric = 0; metric < 2; metric++) {
            asked a = ask(N, d, x, 0, NULL, MI_METHOD_KSG, 5);
            a.x.n = 3 * N / d;
            a.options.metric = metric;
            near(value_of(a), (double)d * log(0.5), 0.02 * (double)(d * d), "entropy");
        }
    free(x);
}
END_TEST

/* A sign and noise: ln 2 - <ln(1 + exp(-2 m x))>, x of N(m, 1). */
START_TEST(test_sign_and_noise) {
    enum { N = 20000 };
    double *x = numbers(N), *y = numbers(N);
    for (double m = 0; m < 3; m += 0.7) {
        mi__random r = mi__random_at(7, (uint64_t)(10 * m), 0);
        double right = log(2);
        for (double t = -10; t < 10; t += 0.001)
            right -= 0.001 * exp(-t * t / 2) / sqrt(2 * PI) * log1p(exp(-2 * m * (t + m)));
        for (int i = 0; i < N; i++) {
            y[i] = (double)mi__random_below(&r, 2);
            x[i] = m * (2 * y[i] - 1) + mi__random_normal(&r);
        }
        asked a = ask(N, 1, x, 1, y, MI_METHOD_ROSS, 5);
        a.y.discrete = true;
        near(value_of(a), right, 0.02, "ross");
        a.options.method = MI_METHOD_GAO;
        near(value_of(a), right, 0.02, "gao");
        for (int i = 0; i < N; i++)
            y[i] = y[i] * 1e6 - 7; /* a name is a name */
        const double before = value_of(a);
        for (int i = 0; i < N; i++)
            y[i] = -y[i];
        ck_assert(value_of(a) == before);
    }
    free(x), free(y);
}
END_TEST

/* -- edges ------------------------------------------------------------------------------------- */

START_TEST(test_names_and_numbers) {
    /* more names than have k of their own: every method has a finite value */
    enum { N = 40 };
    double x[N], y[N], z[N];
    case_fill(CASE_NORMAL, 1, N, 1, x);
    for (int i = 0; i < N; i++) {
        y[i] = i < 30 ? i % 2 : i;
        z[i] = i % 3;
    }
    asked a = ask(N, 1, x, 1, y, MI_METHOD_GAO, 5);
    a.y.discrete = true;
    const double first = value_of(a);
    ck_assert(isfinite(first));
    for (int i = 0; i < N; i++)
        y[i] = i < 30 ? 7 - i % 2 : 1000 - 3 * i;
    near(value_of(a), first, 1e-14, "other names");
    a.z = (mi__rows){.n = N, .d = 1, .x = z, .discrete = true};
    ck_assert(isfinite(value_of(a)));
    a.z = (mi__rows){0};
    a.options.method = MI_METHOD_ROSS;
    ck_assert(isfinite(value_of(a)));
    for (int i = 0; i < N; i++)
        y[i] = i; /* each comes once */
    OK(answer(&a));
    ck_assert(a.answer.value == 0 && a.answer.warnings & MI_WARNING_FEW);
}
END_TEST

START_TEST(test_ties_everywhere) {
    enum { N = 1000 };
    double x[2 * N], y[N];
    case_fill(CASE_EQUAL, 1, N, 2, x);
    case_fill(CASE_GRID, 2, N, 1, y);
    for (int i = 0; i < N; i++)
        x[2 * i] = y[i]; /* beside a constant column */
    for (int32_t method = MI_METHOD_KSG; method <= MI_METHOD_GAO; method++) {
        if (method == MI_METHOD_ROSS)
            continue;
        asked a = ask(N, 2, x, 1, y, method, 3);
        OK(answer(&a));
        ck_assert(isfinite(a.answer.value));
        ck_assert_int_eq(a.answer.warnings & MI_WARNING_TIES,
                         method == MI_METHOD_GAO ? 0 : MI_WARNING_TIES);
    }
    asked a = ask(N, 2, x, 0, NULL, MI_METHOD_KSG, 3);
    OK(answer(&a));
    ck_assert(a.answer.value == -INFINITY && a.answer.warnings & MI_WARNING_TIES);
}
END_TEST

START_TEST(test_cap) {
    enum { N = 5000 };
    double *x = numbers(N);
    case_fill(CASE_NORMAL, 1, N, 1, x);
    asked a = ask(N, 1, x, 1, x, MI_METHOD_KSG, 3);
    OK(answer(&a));
    near(a.answer.cap, mi__digamma(N) - mi__digamma(3), 1e-14, "cap");
    near(a.answer.value, a.answer.cap, 1e-12, "all that can be said");
    a.options.method = MI_METHOD_KSG2;
    OK(answer(&a));
    near(a.answer.value, a.answer.cap, 1e-12, "ksg2");
    a.options.method = MI_METHOD_GAO;
    OK(answer(&a));
    near(a.answer.value, a.answer.cap, 1e-12, "gao");
    free(x);
}
END_TEST

/* The same bits at any number of threads. */
START_TEST(test_threads) {
    enum { N = 3000 };
    const int64_t d[][2] = {{1, 1}, {2, 1}, {3, 3}, {9, 12}};
    double *x = numbers(12 * N), *y = numbers(12 * N), *local[2] = {numbers(N), numbers(N)};
    case_fill(CASE_NORMAL, 1, N, 12, x);
    case_fill(CASE_NORMAL, 2, N, 12, y);
    for (int i = 0; i < 4; i++)
        for (int32_t method = MI_METHOD_KSG; method <= MI_METHOD_GAO; method++) {
            asked a = ask(N, d[i][0], x, d[i][1], y, method, i == 1 ? 20 : 3);
            if (method == MI_METHOD_ROSS)
                continue;
            a.local = local[0];
            const double one = value_of(a);
            a.local = local[1];
            for (a.threads = 2; a.threads <= 3; a.threads++) {
                ck_assert(value_of(a) == one);
                ck_assert_mem_eq(local[0], local[1], N * sizeof **local);
            }
        }
    free(x), free(y), free(local[0]), free(local[1]);
}
END_TEST

/* Each allocation fails in turn; nothing is written, nothing is lost. */
static void check_memory(asked a) {
    failing f = {0};
    mi_context *ctx = NULL;
    double local = 7;
    OK(failing_context(&f, 1, 1, &ctx));
    a.local = NULL;
    const long long before = f.living, calls = f.calls;
    for (int i = 1;; i++) {
        const mi__question q = {ctx, a.x, a.y, a.z, &a.options, NULL, NULL};
        f.fail_at = f.calls + i;
        a.answer.value = 7;
        mi_status status = mi__estimate_neighbour(&q, &a.answer);
        ck_assert_int_eq(f.living, before);
        if (status == MI_OK)
            break;
        ck_assert_int_eq(status, MI_E_NOMEM);
        ck_assert(a.answer.value == 7 && local == 7);
    }
    ck_assert_int_gt(f.calls, calls + 3);
    f.fail_at = 0;
    mi_context_destroy(ctx);
    ck_assert_int_eq(f.living, 0);
}

START_TEST(test_memory) {
    enum { N = 100 };
    double x[12 * N], y[12 * N], z[N];
    case_fill(CASE_NORMAL, 1, N, 12, x);
    case_fill(CASE_NORMAL, 2, N, 12, y);
    for (int i = 0; i < N; i++)
        z[i] = i % 4;
    for (int64_t d = 1; d <= 12; d += d)
        for (int32_t k = 3; k <= 40; k += 37) {
            asked a = ask(N, d, x, d, y, MI_METHOD_KSG, k);
            check_memory(a);
            a.options.method = MI_METHOD_KSG2;
            check_memory(a);
            a.options.method = MI_METHOD_GAO;
            a.z = (mi__rows){.n = N, .d = 1, .x = z, .discrete = true};
            check_memory(a);
            a = ask(N, d, x, 1, z, MI_METHOD_ROSS, k);
            a.y.discrete = true;
            check_memory(a);
            check_memory(ask(N, d, x, 0, NULL, MI_METHOD_KSG, k));
        }
}
END_TEST

UNIT_MAIN("neighbour", test_paper, test_paper_given_z, test_paper_ties, test_paper_ross,
          test_plainly, test_any_scale, test_gaussians, test_exponentials, test_given_z,
          test_uniform_entropy, test_sign_and_noise, test_names_and_numbers, test_ties_everywhere,
          test_cap, test_threads, test_memory)
