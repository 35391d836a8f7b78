/* SPDX-License-Identifier: BSD-2-Clause */
/* Error bars and p-values: of estimators of the tests' own, for which all is known, and of
 * libmi's. */
#include "failing.h"

#include "../../lib/base/random.h"
#include "../../lib/estimate/estimate.h"

#include <stdio.h>

enum { MOST = 1000 };

/* Columns for x, y and z, and a question about them. */
static double xs[MOST], ys[MOST], zs[MOST];
static mi_estimate_options options;
static mi_context *plain;

static mi__question ask(int64_t n) {
    const mi_context_options co = {.struct_size = sizeof co, .threads = 1};
    if (plain == NULL)
        OK(mi_context_create(&co, &plain));
    options = (mi_estimate_options){
        .struct_size = sizeof options, .seed = 1, .method = MI_METHOD_GAUSSIAN, .level = 0.95};
    options.k = 3;
    return (mi__question){
        .ctx = plain, .x = {n, 1, xs, false}, .y = {n, 1, ys, false}, .options = &options};
}

/* x and y normal with this correlation. */
static void draw_normal(int64_t n, double rho, uint64_t seed) {
    mi__random r = mi__random_at(seed, 77, 0);
    for (int64_t i = 0; i < n; i++) {
        xs[i] = mi__random_normal(&r);
        ys[i] = rho * xs[i] + sqrt(1 - rho * rho) * mi__random_normal(&r);
    }
}

static void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not within %g of %.17g", a, tolerance, b);
}

/* -- estimators of which all is known ---------------------------------------------------------- */

static mi_status mean_of_x(const mi__question *q, mi__answer *answer) {
    *answer = (mi__answer){.cap = INFINITY};
    for (int64_t i = 0; i < q->x.n; i++)
        answer->value += q->x.x[i] / (double)q->x.n;
    return MI_OK;
}

static mi_status greatest_x(const mi__question *q, mi__answer *answer) {
    *answer = (mi__answer){.value = -INFINITY, .cap = INFINITY};
    for (int64_t i = 0; i < q->x.n; i++)
        answer->value = fmax(answer->value, q->x.x[i]);
    return MI_OK;
}

static double deviation_of_x(int64_t n) {
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        mean += xs[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        sum += (xs[i] - mean) * (xs[i] - mean);
    return sqrt(sum / (double)(n - 1));
}

/* The error of a mean is known. An odd number of samples makes unequal halves. */
START_TEST(errors_of_a_mean) {
    for (int32_t resample = MI_RESAMPLE_HALVES; resample <= MI_RESAMPLE_BOOTSTRAP; resample++)
        for (int64_t n = 15; n <= 300; n += 285) {
            mi_estimate_result r = {.value = 0};
            draw_normal(n, 0, 5);
            mi__question q = ask(n);
            options.resamples = 20001;
            options.resample = resample;
            options.level = 0.8;
            OK(mi__estimate_resample(&q, mean_of_x, 0.25, &r));
            double truth = deviation_of_x(n) / sqrt((double)n);
            if (resample == MI_RESAMPLE_BOOTSTRAP) /* draws from the samples, not from their law */
                truth *= sqrt((double)(n - 1) / (double)n);
            near(r.error / truth, 1, 0.025);
            if (resample == MI_RESAMPLE_HALVES) {
                near(r.low, 0.25 - 1.2815515655446004 * r.error, 1e-12);
                near(r.high, 0.25 + 1.2815515655446004 * r.error, 1e-12);
            } else {
                mi__answer a;
                OK(mean_of_x(&q, &a));
                near(r.low, 0.5 - a.value - 1.2815 * truth, 0.05 * truth);
                near(r.high, 0.5 - a.value + 1.2815 * truth, 0.05 * truth);
            }
        }
}
END_TEST

/* Bootstrapped maxima are too low, so the truth is higher than the maximum. */
START_TEST(the_basic_interval_reflects) {
    mi__answer a;
    mi_estimate_result r = {.value = 0};
    draw_normal(100, 0, 6);
    mi__question q = ask(100);
    options.resamples = 200;
    options.resample = MI_RESAMPLE_BOOTSTRAP;
    OK(greatest_x(&q, &a));
    OK(mi__estimate_resample(&q, greatest_x, a.value, &r));
    ck_assert(r.low == a.value && r.high > a.value && r.error > 0);
}
END_TEST

/* -- what is drawn ----------------------------------------------------------------------------- */

static int64_t calls, seen[MOST];
static uint64_t seeds[8];

/* Row i of each variable has i in it. */
static void draw_numbered(int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        xs[i] = (double)i;
        ys[i] = -(double)i;
        zs[i] = (double)(i % 3);
    }
}

static mi_status count_rows(const mi__question *q, mi__answer *answer) {
    for (int64_t i = 0; i < q->x.n; i++) {
        ck_assert(q->y.x[i] == -q->x.x[i]);
        ck_assert(q->z.x[i] == (double)((int64_t)q->x.x[i] % 3) && q->z.discrete);
        seen[(int64_t)q->x.x[i]]++;
    }
    ck_assert(q->local == NULL && q->options != &options);
    seeds[calls % 8] = q->options->seed;
    calls++;
    *answer = (mi__answer){.value = (double)q->x.n};
    return MI_OK;
}

START_TEST(halves_share_no_sample) {
    mi_estimate_result r = {.value = 0};
    double local[101];
    draw_numbered(101);
    mi__question q = ask(101);
    q.z = (mi__rows){101, 1, zs, true};
    q.local = local;
    options.resamples = 6;
    calls = 0;
    memset(seen, 0, sizeof seen);
    OK(mi__estimate_resample(&q, count_rows, 0, &r));
    ck_assert_int_eq(calls, 6);
    for (int64_t i = 0; i < 101; i++)
        ck_assert_int_eq(seen[i], 3);
    near(r.error, sqrt(50. * 51) / 101, 1e-12); /* 50 and 51 samples differ by 1 */
    ck_assert(seeds[0] == seeds[1] && seeds[1] != seeds[2] && seeds[2] != seeds[4]);
}
END_TEST

START_TEST(the_bootstrap_draws_as_many) {
    mi_estimate_result r = {.value = 0};
    draw_numbered(90);
    mi__question q = ask(90);
    q.z = (mi__rows){90, 1, zs, true};
    options.resamples = 200;
    options.resample = MI_RESAMPLE_BOOTSTRAP;
    calls = 0;
    memset(seen, 0, sizeof seen);
    OK(mi__estimate_resample(&q, count_rows, 90, &r));
    int64_t all = 0;
    for (int64_t i = 0; i < 90; i++) {
        all += seen[i];
        ck_assert(seen[i] > 120 && seen[i] < 290); /* 200, give or take 14 */
    }
    ck_assert(calls == 200 && all == 200 * 90);
    near(r.error, 0, 1e-12);
    near(r.low, 90, 1e-12);
    near(r.high, 90, 1e-12);
}
END_TEST

static int64_t moved;

/* y's rows are all there, each beside an x of the same z; the first calls are above 0.5. */
static mi_status count_permuted(const mi__question *q, mi__answer *answer) {
    memset(seen, 0, sizeof seen);
    for (int64_t i = 0; i < q->x.n; i++) {
        const int64_t from = -(int64_t)q->y.x[i];
        ck_assert(q->x.x[i] == (double)i);
        if (q->z.d > 0)
            ck_assert(q->z.x[i] == (double)(i % 3) && from % 3 == i % 3);
        seen[from]++;
        moved += from != i;
    }
    for (int64_t i = 0; i < q->x.n; i++)
        ck_assert_int_eq(seen[i], 1);
    *answer = (mi__answer){.value = calls++ < 7 ? 0.5 : 0.25};
    return MI_OK;
}

START_TEST(permutations_keep_what_is_given) {
    for (int given = 0; given <= 1; given++) {
        mi_estimate_result r = {.error = 7};
        draw_numbered(100);
        mi__question q = ask(100);
        if (given)
            q.z = (mi__rows){100, 1, zs, true};
        options.permutations = 39;
        calls = moved = 0;
        OK(mi__estimate_resample(&q, count_permuted, 0.5, &r));
        ck_assert(calls == 39 && r.p_value == 8. / 40 && r.error == 7);
        near(r.null_mean, (7 * 0.5 + 32 * 0.25) / 39, 1e-12);
        ck_assert(moved > 39 * 90);
    }
}
END_TEST

/* -- real estimators --------------------------------------------------------------------------- */

/* How often the interval has the truth in it, of `runs`. */
static double coverage(mi__estimator *estimator, int32_t method, int64_t n, double rho,
                       int32_t resample, int runs, double *mean_error, double *deviation) {
    const double truth = -0.5 * log1p(-rho * rho);
    double sum = 0, squares = 0;
    int inside = 0;
    *mean_error = 0;
    for (int run = 0; run < runs; run++) {
        mi__answer a;
        mi_estimate_result r = {.value = 0};
        draw_normal(n, rho, (uint64_t)run + 100);
        mi__question q = ask(n);
        options.method = method;
        options.resamples = 50;
        options.resample = resample;
        OK(estimator(&q, &a));
        OK(mi__estimate_resample(&q, estimator, a.value, &r));
        inside += r.low <= truth && truth <= r.high;
        *mean_error += r.error / runs;
        sum += a.value;
        squares += a.value * a.value;
    }
    *deviation = sqrt((squares - sum * sum / runs) / (runs - 1));
    return (double)inside / runs;
}

START_TEST(intervals_cover_the_truth) {
    static const struct {
        const char *name;
        mi__estimator *estimator;
        int32_t method, resample;
        int64_t n;
        double rho;
        int runs;
    } cases[] = {
        {"gaussian, halves", mi__estimate_gaussian, MI_METHOD_GAUSSIAN, MI_RESAMPLE_HALVES, 200,
         0.6, 400},
        {"gaussian, bootstrap", mi__estimate_gaussian, MI_METHOD_GAUSSIAN, MI_RESAMPLE_BOOTSTRAP,
         200, 0.6, 400},
        {"ksg, halves", mi__estimate_neighbour, MI_METHOD_KSG, MI_RESAMPLE_HALVES, 200, 0.6, 200},
        {"ksg, halves", mi__estimate_neighbour, MI_METHOD_KSG, MI_RESAMPLE_HALVES, 500, 0.9, 100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double error, deviation;
        const double share = coverage(cases[i].estimator, cases[i].method, cases[i].n, cases[i].rho,
                                      cases[i].resample, cases[i].runs, &error, &deviation);
        printf("# %s, n %d, rho %g: %.1f %% of the intervals cover the truth, error %.4f, "
               "deviation %.4f\n",
               cases[i].name, (int)cases[i].n, cases[i].rho, 100 * share, error, deviation);
        /* four deviations of a binomial around 0.95 */
        near(share, 0.95, 4 * sqrt(0.95 * 0.05 / cases[i].runs));
        near(error / deviation, 1, 0.2);
    }
}
END_TEST

START_TEST(p_values_are_uniform_without_dependence) {
    enum { RUNS = 600 };
    int count[20] = {0}, small = 0;
    for (int run = 0; run < RUNS; run++) {
        mi__answer a;
        mi_estimate_result r = {.value = 0};
        draw_normal(30, 0, (uint64_t)run + 1000);
        mi__question q = ask(30);
        options.permutations = 19;
        options.seed = (uint64_t)run;
        OK(mi__estimate_gaussian(&q, &a));
        OK(mi__estimate_resample(&q, mi__estimate_gaussian, a.value, &r));
        count[(int)(r.p_value * 20 + 0.5) - 1]++;
        small += r.p_value <= 0.1 + 1e-9;
    }
    double chi = 0;
    for (int i = 0; i < 20; i++)
        chi += (count[i] - RUNS / 20.) * (count[i] - RUNS / 20.) / (RUNS / 20.);
    printf("# p <= 0.1 in %d of %d, chi-squared of 20 cells %.1f\n", small, RUNS, chi);
    ck_assert_msg(chi < 43.8, "chi-squared %g of 19 degrees has probability below 0.001", chi);
    ck_assert(small > 60 - 30 && small < 60 + 30);
}
END_TEST

START_TEST(dependence_has_a_small_p_value) {
    mi__answer a;
    mi_estimate_result r = {.value = 0};
    draw_normal(200, 0.8, 3);
    mi__question q = ask(200);
    options.method = MI_METHOD_KSG;
    options.permutations = 99;
    OK(mi__estimate_neighbour(&q, &a));
    OK(mi__estimate_resample(&q, mi__estimate_neighbour, a.value, &r));
    ck_assert(r.p_value == 0.01);
    near(r.null_mean, 0, 0.02);
}
END_TEST

/* x and y have z in common and nothing else. */
START_TEST(what_is_given_explains_dependence) {
    mi__random random = mi__random_at(9, 78, 0);
    for (int64_t i = 0; i < 600; i++) {
        zs[i] = (double)(i % 3);
        xs[i] = (double)mi__random_below(&random, 2) + zs[i];
        ys[i] = (double)mi__random_below(&random, 2) + zs[i];
    }
    for (int given = 0; given <= 1; given++) {
        mi__answer a;
        mi_estimate_result r = {.value = 0};
        mi__question q = ask(600);
        q.x.discrete = q.y.discrete = true;
        if (given)
            q.z = (mi__rows){600, 1, zs, true};
        options.method = MI_METHOD_DISCRETE;
        options.permutations = 99;
        OK(mi__estimate_discrete(&q, &a));
        OK(mi__estimate_resample(&q, mi__estimate_discrete, a.value, &r));
        ck_assert_msg(given ? r.p_value > 0.1 : r.p_value == 0.01, "given %d: p %g", given,
                      r.p_value);
    }
}
END_TEST

/* -- edges ------------------------------------------------------------------------------------- */

static mi_estimate_result resample_with(mi_context *context, uint64_t seed) {
    mi_estimate_result r = {.value = 0};
    draw_normal(300, 0.5, 4);
    mi__question q = ask(300);
    q.ctx = context;
    options.seed = seed;
    options.method = MI_METHOD_KSG;
    options.resamples = 10;
    options.permutations = 9;
    OK(mi__estimate_resample(&q, mi__estimate_neighbour, 0.14, &r));
    return r;
}

START_TEST(the_same_seed_gives_the_same_bits) {
    mi_estimate_result first = {.value = 0};
    for (int32_t threads = 1; threads <= 5; threads += 2) {
        mi_context *context;
        mi_context_options co = {.struct_size = sizeof co, .threads = threads};
        OK(mi_context_create(&co, &context));
        mi_estimate_result r = resample_with(context, 3);
        if (threads == 1)
            first = r;
        ck_assert_mem_eq(&r, &first, sizeof r);
        r = resample_with(context, 4);
        ck_assert(r.error != first.error && r.null_mean != first.null_mean);
        mi_context_destroy(context);
    }
}
END_TEST

static mi_status fail_late(const mi__question *q, mi__answer *answer) {
    *answer = (mi__answer){.value = (double)q->x.n};
    return ++calls < 4 ? MI_OK : mi__fail(MI_E_NUMERIC, "number %d", (int)calls);
}

static mi_status infinite(const mi__question *q, mi__answer *answer) {
    *answer = (mi__answer){.value = q->x.x[0] > 0 ? INFINITY : 1};
    return MI_OK;
}

START_TEST(hostile_questions) {
    mi_estimate_result r = {.error = 7, .p_value = 7};
    draw_normal(20, 0, 4);
    mi__question q = ask(20);
    OK(mi__estimate_resample(&q, fail_late, 0, &r)); /* nothing is asked */
    ck_assert(r.error == 7 && r.p_value == 7);
    options.resamples = 10;
    calls = 0;
    FAILS(MI_E_NUMERIC, "number 4", mi__estimate_resample(&q, fail_late, 0, &r));
    q = ask(20);
    q.z = (mi__rows){20, 1, zs, false};
    options.permutations = 9;
    FAILS(MI_E_UNSUPPORTED, "z must be discrete", mi__estimate_resample(&q, mean_of_x, 0, &r));
    q = ask(20);
    for (options.resample = 0; options.resample <= 1; options.resample++) {
        options.resamples = 10;
        OK(mi__estimate_resample(&q, infinite, 1, &r));
        ck_assert(r.error == INFINITY && r.low == -INFINITY && r.high == INFINITY);
    }
}
END_TEST

static mi_status never(const mi__question *q, mi__answer *answer) {
    (void)q;
    (void)answer;
    ck_abort_msg("an estimator was asked about a constant");
    return MI_OK;
}

/* A class so rare that a half may lack it. */
START_TEST(constants_tell_nothing) {
    mi__answer a = {.value = 7};
    double local[20];
    draw_normal(20, 0, 4);
    mi__question q = ask(20);
    for (int i = 0; i < 20; i++)
        ys[i] = 2;
    q.local = local;
    OK(mi__estimate_once(&q, never, &a));
    ck_assert(a.value == 0 && a.cap == 0 && a.warnings == MI_WARNING_CONSTANT && local[19] == 0);
    q.y.d = 0;
    q.x.x = ys;
    OK(mi__estimate_once(&q, never, &a));
    ck_assert(a.value == -INFINITY && a.warnings == MI_WARNING_CONSTANT && local[3] == -INFINITY);
    options.method = MI_METHOD_DISCRETE;
    OK(mi__estimate_once(&q, never, &a));
    ck_assert(a.value == 0);

    mi_estimate_result r = {.value = 0};
    q = ask(20);
    ys[7] = 3;
    options.method = MI_METHOD_ROSS;
    q.y.discrete = true;
    options.resamples = 20;
    OK(mi__estimate_resample(&q, mi__estimate_neighbour, 0, &r));
    ck_assert(isfinite(r.error));
}
END_TEST

START_TEST(every_allocation_may_fail) {
    for (int64_t fail_at = 1;; fail_at++) {
        failing f = {0};
        mi_context *context;
        OK(failing_context(&f, 1, 0, &context));
        draw_numbered(40);
        mi__question q = ask(40);
        q.ctx = context;
        q.z = (mi__rows){40, 1, zs, true};
        options.resamples = 4;
        options.permutations = 2;
        mi_estimate_result r = {.value = 0};
        const long long before = f.living;
        f.calls = 0;
        f.fail_at = fail_at;
        mi_status status = mi__estimate_resample(&q, mean_of_x, 0, &r);
        ck_assert_int_eq(f.living, before);
        mi_context_destroy(context);
        if (status == MI_OK && f.calls < fail_at)
            break;
        ck_assert_int_eq(status, MI_E_NOMEM);
        ck_assert_int_lt(fail_at, 100);
    }
}
END_TEST

UNIT_SUITE(run_all, "resample", errors_of_a_mean, the_basic_interval_reflects,
           halves_share_no_sample, the_bootstrap_draws_as_many, permutations_keep_what_is_given,
           intervals_cover_the_truth, p_values_are_uniform_without_dependence,
           dependence_has_a_small_p_value, what_is_given_explains_dependence,
           the_same_seed_gives_the_same_bits, hostile_questions, constants_tell_nothing,
           every_allocation_may_fail)

int main(void) {
    const int status = run_all();
    mi_context_destroy(plain);
    return status;
}
