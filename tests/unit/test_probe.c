/* SPDX-License-Identifier: BSD-2-Clause */
/* Probes: the loss and its gradient, the optimum, and that nothing else decides the result. */
#include "failing.h"

#include "../../lib/base/random.h"
#include "../../lib/model/cross_entropy.h"

#include <mi/probe.h>

#include <float.h>
#include <stdio.h>

/* -- the loss --------------------------------------------------------------------------------- */

enum { ROWS = 9, INPUTS = 5, CLASSES = 4 };

static double loss_of(mi_encoder *e, const float *x, const int32_t *label) {
    double loss[ROWS], sum = 0;
    OK(mi__encoder_begin(e, ROWS, true));
    OK(mi__encoder_put(e, 0, ROWS, x));
    mi__encoder_run(e);
    OK(mi__cross_entropy(e, label, loss));
    for (int i = 0; i < ROWS; i++)
        sum += loss[i] / ROWS;
    return sum;
}

START_TEST(the_gradient_is_that_of_the_loss) {
    const mi_encoder_options o = {
        .struct_size = sizeof o, .height = 1, .width = 1, .channels = INPUTS, .seed = 3};
    const double step = 1e-5;
    mi_encoder *e;
    float x[ROWS * INPUTS];
    int32_t label[ROWS];
    mi__random r = mi__random_at(1, 0, 0);
    for (int i = 0; i < ROWS * INPUTS; i++)
        x[i] = (float)mi__random_normal(&r);
    for (int i = 0; i < ROWS; i++)
        label[i] = (int32_t)mi__random_below(&r, CLASSES);
    OK(mi__encoder_create(NULL, "dense 7, bn, relu, dense 4", &o, &mi__kernels_f64, &e));
    for (int32_t p = 0; p < e->params; p++) {
        double *value = e->param[p]->value, *grad = e->param[p]->grad;
        for (int64_t i = 0; grad != NULL && i < e->param[p]->count; i++) {
            const double kept = value[i];
            value[i] = kept + step;
            double above = loss_of(e, x, label);
            value[i] = kept - step;
            double below = loss_of(e, x, label);
            value[i] = kept;
            loss_of(e, x, label);
            mi__encoder_run_backward(e, NULL, true, false);
            double expected = (above - below) / (2 * step);
            ck_assert_msg(fabs(grad[i] - expected) < 1e-8, "%s[%d]: %.12g, expected %.12g",
                          e->param[p]->name, (int)i, grad[i], expected);
        }
    }
    mi_encoder_destroy(e);
}
END_TEST

/* The loss of one row whose logits are `bias`. */
static mi_status one_loss(const mi__kernels *k, const float bias[3], int32_t label, double *loss,
                          double gradient[3]) {
    const mi_encoder_options o = {.struct_size = sizeof o, .height = 1, .width = 1, .channels = 1};
    const float zero = 0;
    mi_encoder *e;
    OK(mi__encoder_create(NULL, "dense 3", &o, k, &e));
    mi__reals_from_float(k->real, 3, bias, e->param[1]->value);
    OK(mi__encoder_begin(e, 1, true));
    OK(mi__encoder_put(e, 0, 1, &zero));
    mi__encoder_run(e);
    mi_status status = mi__cross_entropy(e, &label, loss);
    for (int i = 0; i < 3; i++)
        gradient[i] = k->real == sizeof(float) ? (double)((float *)e->dfeatures)[i]
                                               : ((double *)e->dfeatures)[i];
    mi_encoder_destroy(e);
    return status;
}

START_TEST(the_loss_is_right_where_probabilities_vanish) {
    const mi__kernels *tables[16] = {&mi__kernels_f64};
    int count = 1;
    while ((tables[count] = mi__kernels_list(count - 1)) != NULL)
        count++;
    for (int t = 0; t < count; t++) {
        double loss, g[3];
        const float even[3] = {2, 2, 2}, far[3] = {-1e30f, 7, 1e30f};
        OK(one_loss(tables[t], even, 1, &loss, g));
        ck_assert_double_eq_tol(loss, log(3), 1e-6);
        ck_assert_double_eq_tol(g[0], 1. / 3, 1e-6);
        ck_assert_double_eq_tol(g[1], -2. / 3, 1e-6);
        OK(one_loss(tables[t], far, 0, &loss, g));
        ck_assert_double_eq_tol(loss / 2e30, 1, 1e-6);
        ck_assert(g[0] == -1 && g[1] == 0 && g[2] == 1);
        OK(one_loss(tables[t], far, 2, &loss, g));
        ck_assert(loss == 0 && g[0] == 0 && g[1] == 0 && g[2] == 0);
        const float bad[3] = {0, NAN, INFINITY};
        FAILS(MI_E_NUMERIC, "logit of row 0", one_loss(tables[t], bad, 0, &loss, g));
    }
}
END_TEST

/* -- data ------------------------------------------------------------------------------------- */

typedef struct data {
    int64_t n, d;
    float *x;
    int32_t *label;
} data;

/* Overlapping clouds of three classes, of very different scales. */
static data clouds(int64_t n, int64_t d, uint64_t seed) {
    data s = {n, d, malloc((size_t)(n * d) * sizeof *s.x), malloc((size_t)n * sizeof *s.label)};
    mi__random r = mi__random_at(seed, 77, 0);
    for (int64_t i = 0; i < n; i++) {
        s.label[i] = (int32_t)mi__random_below(&r, 3);
        for (int64_t j = 0; j < d; j++)
            s.x[i * d + j] = (float)(pow(10, (double)(j % 5) - 2) *
                                     (mi__random_normal(&r) + 40 + (j % 3 == s.label[i])));
    }
    return s;
}

static void free_data(data *s) {
    free(s->x);
    free(s->label);
}

static mi_probe *make(mi_context *context, int64_t d, int32_t classes, mi_probe_options o) {
    mi_probe *p;
    o.struct_size = sizeof o;
    OK(mi_probe_create(context, d, classes, &o, &p));
    return p;
}

static mi_probe_report fit(mi_probe *p, const data *s) {
    mi_probe_report report = {.struct_size = sizeof report};
    OK(mi_probe_fit(p, s->n, s->x, 0, s->label, &report));
    return report;
}

/* Probabilities of the three classes. */
static float *predict(mi_probe *p, const data *s) {
    float *y = malloc((size_t)s->n * 3 * sizeof *y);
    OK(mi_probe_predict(p, s->n, s->x, 0, NULL, y));
    return y;
}

static void assert_same(mi_probe *a, mi_probe *b, const data *s) {
    float *ya = predict(a, s), *yb = predict(b, s);
    ck_assert_mem_eq(ya, yb, (size_t)s->n * 3 * sizeof *ya);
    free(ya);
    free(yb);
}

/* -- what it finds ---------------------------------------------------------------------------- */

START_TEST(it_finds_the_optimum_of_a_table) {
    /* of x = 3 three quarters are of class 1, of x = -1 one quarter: H(1/4) remains */
    for (int32_t raw = 0; raw < 2; raw++) {
        float x[400], y[4];
        const float at[2] = {3, -1};
        int32_t label[400], named[2];
        for (int i = 0; i < 400; i++) {
            x[i] = at[i % 2];
            label[i] = i < 300 ? i % 2 == 0 : i % 2;
        }
        mi_probe *p = make(NULL, 1, 2, (mi_probe_options){.raw = raw, .epochs = 400, .rate = 0.02});
        mi_probe_report report = {.struct_size = sizeof report};
        double accuracy;
        OK(mi_probe_fit(p, 400, x, 0, label, &report));
        OK(mi_probe_predict(p, 2, at, 0, named, y));
        OK(mi_probe_accuracy(p, 400, x, 0, label, &accuracy));
        ck_assert_double_eq_tol(report.loss, 0.5623351, 1e-4);
        ck_assert_double_eq_tol((double)y[1], 0.75, 2e-3);
        ck_assert_double_eq_tol((double)y[2], 0.75, 2e-3);
        ck_assert(named[0] == 1 && named[1] == 0);
        ck_assert_double_eq(report.accuracy, 0.75);
        ck_assert_double_eq(accuracy, 0.75);
        ck_assert_int_eq(report.steps, 400 * 2);
        mi_probe_destroy(p);
    }
}
END_TEST

START_TEST(the_optimum_does_not_depend_on_the_seed) {
    data s = clouds(1500, 12, 1);
    double loss[3];
    for (int i = 0; i < 3; i++) {
        mi_probe *p = make(NULL, 12, 3,
                           (mi_probe_options){.seed = (uint64_t)i + 1,
                                              .epochs = 200,
                                              .rate = 1e-2,
                                              .layers = i == 2 ? "dense 20" : NULL});
        loss[i] = fit(p, &s).loss;
        mi_probe_destroy(p);
    }
    ck_assert_double_eq_tol(loss[0], loss[1], 1e-3);
    ck_assert_double_eq_tol(loss[0], loss[2], 1e-3); /* linear in two factors */
    ck_assert(loss[0] < 0.7 && loss[0] > 0.1);
    free_data(&s);
}
END_TEST

/* Without options a linear fit ends close to the optimum, be there few samples or many. */
START_TEST(the_defaults_find_the_optimum) {
    for (int64_t n = 300; n <= 12000; n *= 40) {
        data s = clouds(n, 6, 14);
        mi_probe *plain = make(NULL, 6, 3, (mi_probe_options){0});
        mi_probe *best =
            make(NULL, 6, 3, (mi_probe_options){.batch = n, .epochs = 200, .rate = 0.1});
        double loss = fit(plain, &s).loss, least = fit(best, &s).loss;
        ck_assert_msg(fabs(loss - least) < 2e-4, "of %d: %g, at best %g", (int)n, loss, least);
        mi_probe_destroy(plain);
        mi_probe_destroy(best);
        free_data(&s);
    }
}
END_TEST

START_TEST(the_defaults_tell_few_samples_apart) {
    const char *const layers[3] = {NULL, "dense 256", "dense 64, bn, relu"};
    data s = clouds(600, 6, 15);
    for (int64_t i = 0; i < s.n * s.d; i++) /* farther apart */
        s.x[i] +=
            (float)(4 * pow(10, (double)(i % s.d % 5) - 2) * (i % s.d % 3 == s.label[i / s.d]));
    for (int i = 0; i < 3; i++) {
        mi_probe *p = make(NULL, 6, 3, (mi_probe_options){.layers = layers[i]});
        for (s.n = 30; s.n <= 600; s.n *= 20)
            ck_assert_double_ge(fit(p, &s).accuracy, 0.995);
        mi_probe_destroy(p);
    }
    free_data(&s);
}
END_TEST

START_TEST(a_plain_one_starts_with_even_chances) {
    data s = clouds(200, 4, 16);
    mi_probe *p = make(NULL, 4, 3, (mi_probe_options){.epochs = 1});
    mi_probe_report report = fit(p, &s); /* its loss is that before the only step */
    ck_assert_double_eq_tol(report.loss, log(3), 1e-6);
    ck_assert_int_eq(report.steps, 1);
    mi_probe_destroy(p);
    free_data(&s);
}
END_TEST

START_TEST(it_makes_as_many_steps_as_it_says) {
    data s = clouds(300, 2, 17);
    const struct {
        mi_probe_options o;
        int64_t steps;
    } cases[] = {
        {{0}, 2000},
        {{.batch = 50}, 2004}, /* 334 epochs of 6 */
        {{.batch = 1}, 20 * 300},
        {{.batch = 5, .layers = "dense 2"}, 50 * 60},
        {{.batch = 50, .layers = "dense 2"}, 2004},
        {{.batch = 50, .epochs = 3}, 18},
        {{.batch = 50, .epochs = 3, .layers = "dense 2"}, 18},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mi_probe *p = make(NULL, 2, 3, cases[i].o);
        ck_assert_int_eq(fit(p, &s).steps, cases[i].steps);
        mi_probe_destroy(p);
    }
    free_data(&s);
}
END_TEST

START_TEST(layers_make_it_more_than_linear) {
    enum { N = 512 };
    float x[2 * N];
    int32_t label[N];
    mi__random r = mi__random_at(5, 0, 0);
    for (int i = 0; i < N; i++) {
        x[2 * i] = (float)mi__random_range(&r, -1, 1);
        x[2 * i + 1] = (float)mi__random_range(&r, -1, 1);
        label[i] = x[2 * i] * x[2 * i + 1] > 0;
    }
    const char *const layers[3] = {NULL, "dense 256", "dense 64, bn, relu"};
    for (int i = 0; i < 3; i++) {
        char text[32];
        mi_probe_options o = {.layers = NULL, .epochs = 100, .rate = 1e-2};
        if (layers[i] != NULL)
            o.layers = strcpy(text, layers[i]);
        mi_probe *p = make(NULL, 2, 2, o);
        memset(text, '?', sizeof text); /* was read at once */
        mi_probe_report report = {.struct_size = sizeof report};
        OK(mi_probe_fit(p, N, x, 0, label, &report));
        ck_assert_msg(i == 2 ? report.accuracy > 0.97 : report.accuracy < 0.75, "%s: %g",
                      layers[i] != NULL ? layers[i] : "none", report.accuracy);
        mi_probe_destroy(p);
    }
}
END_TEST

START_TEST(decay_keeps_weights_small) {
    data s = clouds(600, 6, 2);
    mi_probe *free_one = make(NULL, 6, 3, (mi_probe_options){.rate = 1e-2});
    mi_probe *kept = make(NULL, 6, 3, (mi_probe_options){.rate = 1e-2, .decay = 30});
    ck_assert(fit(kept, &s).loss > fit(free_one, &s).loss + 0.2);
    mi_probe_destroy(free_one);
    mi_probe_destroy(kept);
    free_data(&s);
}
END_TEST

/* Every feature tells a little, and a share of the labels is any: these can be learnt by heart. */
static data unsure(int64_t n, double share, uint64_t seed) {
    enum { D = 120 };
    data s = {n, D, malloc((size_t)n * D * sizeof *s.x), malloc((size_t)n * sizeof *s.label)};
    mi__random r = mi__random_at(seed, 78, 0);
    for (int64_t i = 0; i < n; i++) {
        s.label[i] = (int32_t)mi__random_below(&r, 3);
        for (int64_t j = 0; j < D; j++)
            s.x[i * D + j] = (float)(mi__random_normal(&r) + 0.4 * (j % 3 == s.label[i]));
        if (mi__random_range(&r, 0, 1) < share)
            s.label[i] = (int32_t)mi__random_below(&r, 3);
    }
    return s;
}

static double score(mi_probe *p, const data *s) {
    double accuracy;
    OK(mi_probe_accuracy(p, s->n, s->x, 0, s->label, &accuracy));
    return accuracy;
}

START_TEST(a_chosen_decay_is_that_of_the_best_fit) {
    data s = unsure(400, 0.4, 3), others = unsure(3000, 0, 4);
    const double given[] = {0, 0.3, 1, 3, 10};
    mi_probe *chosen = make(NULL, s.d, 3, (mi_probe_options){.decay = -1});
    const double decay = fit(chosen, &s).decay;
    int found = 0;
    for (int i = 0; i < 5; i++) {
        mi_probe *p = make(NULL, s.d, 3, (mi_probe_options){.decay = given[i]});
        ck_assert_double_eq(fit(p, &s).decay, given[i]);
        if (given[i] == 0)
            ck_assert_double_gt(score(chosen, &others), score(p, &others) + 0.05);
        if (given[i] == decay) {
            assert_same(chosen, p, &others);
            found++;
        }
        mi_probe_destroy(p);
    }
    ck_assert_int_eq(found, 1);
    mi_probe_destroy(chosen);
    free_data(&s);
    free_data(&others);
}
END_TEST

/* Where all do as well, there is none. */
START_TEST(a_chosen_decay_is_the_least_of_equals) {
    float x[40];
    int32_t label[40];
    for (int i = 0; i < 40; i++) {
        label[i] = i % 2;
        x[i] = i % 2 ? 1 : -1;
    }
    mi_probe *p = make(NULL, 1, 2, (mi_probe_options){.decay = -1});
    for (int64_t n = 2; n <= 40; n += 19) {
        mi_probe_report report = {.struct_size = sizeof report, .decay = 123};
        OK(mi_probe_fit(p, n, x, 0, label, &report));
        ck_assert_double_eq(report.decay, 0);
    }
    FAILS(MI_E_ARG, "one sample", mi_probe_fit(p, 1, x, 0, label, NULL));
    mi_probe_destroy(p);
}
END_TEST

/* -- what it does not depend on --------------------------------------------------------------- */

START_TEST(unknown_samples_are_left_out) {
    data s = clouds(700, 4, 3), known = clouds(700, 4, 3);
    known.n = 0;
    for (int64_t i = 0; i < s.n; i++) {
        if (i % 3 == 0) {
            s.label[i] = i % 2 ? -1 : INT32_MIN;
            s.x[i * 4 + 2] = i % 2 ? NAN : INFINITY; /* nobody looks at it */
            continue;
        }
        memcpy(known.x + known.n * 4, s.x + i * 4, 4 * sizeof *s.x);
        known.label[known.n++] = s.label[i];
    }
    mi_probe *a = make(NULL, 4, 3, (mi_probe_options){0}),
             *b = make(NULL, 4, 3, (mi_probe_options){0});
    double accuracy[2];
    mi_probe_report first = fit(a, &s), second = fit(b, &known);
    OK(mi_probe_accuracy(a, s.n, s.x, 0, s.label, &accuracy[0]));
    OK(mi_probe_accuracy(b, known.n, known.x, 0, known.label, &accuracy[1]));
    ck_assert_mem_eq(&first, &second, sizeof first);
    ck_assert_double_eq(accuracy[0], accuracy[1]);
    ck_assert_double_eq(accuracy[0], first.accuracy);
    assert_same(a, b, &known);
    mi_probe_destroy(a);
    mi_probe_destroy(b);
    free_data(&s);
    free_data(&known);
}
END_TEST

START_TEST(a_fit_forgets_the_one_before) {
    data s = clouds(500, 7, 4), other = clouds(300, 7, 5);
    mi_probe *a = make(NULL, 7, 3, (mi_probe_options){.layers = "dense 9, bn, relu", .epochs = 20});
    mi_probe *b = make(NULL, 7, 3, (mi_probe_options){.layers = "dense 9, bn, relu", .epochs = 20});
    fit(a, &other);
    mi_probe_report first = fit(a, &s), second = fit(b, &s);
    ck_assert_mem_eq(&first, &second, sizeof first);
    assert_same(a, b, &s);
    mi_probe_destroy(a);
    mi_probe_destroy(b);
    free_data(&s);
    free_data(&other);
}
END_TEST

START_TEST(threads_do_not_change_it) {
    data s = clouds(3000, 40, 6);
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        setenv("LIBMI_CPU", k->name, 1);
        mi_probe *first = NULL;
        for (int32_t threads = 1; threads <= 3; threads++) {
            const mi_context_options co = {.struct_size = sizeof co, .threads = threads};
            mi_context *context;
            OK(mi_context_create(&co, &context));
            mi_probe *p = make(context, 40, 3,
                               (mi_probe_options){.layers = "dense 96, bn, relu", .epochs = 3});
            mi_context_destroy(context);
            fit(p, &s);
            if (first != NULL)
                assert_same(first, p, &s);
            else
                first = p;
            if (first != p)
                mi_probe_destroy(p);
        }
        mi_probe_destroy(first);
    }
    unsetenv("LIBMI_CPU");
    free_data(&s);
}
END_TEST

START_TEST(the_scale_of_features_does_not_matter) {
    data s = clouds(400, 3, 7), far = clouds(400, 3, 7);
    for (int64_t i = 0; i < far.n; i++) {
        far.x[i * 3] *= 0x1p-120f;
        far.x[i * 3 + 1] *= 0x1p90f;
    }
    mi_probe *a = make(NULL, 3, 3, (mi_probe_options){0}),
             *b = make(NULL, 3, 3, (mi_probe_options){0});
    ck_assert_double_eq_tol(fit(a, &s).loss, fit(b, &far).loss, 1e-5);
    mi_probe_destroy(a);
    mi_probe_destroy(b);
    free_data(&s);
    free_data(&far);
}
END_TEST

START_TEST(constant_features_are_as_if_not_there) {
    data s = clouds(300, 3, 8);
    for (int64_t i = 0; i < s.n; i++)
        s.x[i * 3 + 1] = 0.1f;
    mi_probe *p = make(NULL, 3, 3, (mi_probe_options){0});
    fit(p, &s);
    float *before = predict(p, &s), *after;
    for (int64_t i = 0; i < s.n; i++)
        s.x[i * 3 + 1] = (float)i * 1e20f;
    after = predict(p, &s);
    ck_assert_mem_eq(before, after, (size_t)s.n * 3 * sizeof *before);
    free(before);
    free(after);
    mi_probe_destroy(p);
    free_data(&s);
}
END_TEST

/* -- use -------------------------------------------------------------------------------------- */

START_TEST(predictions_do_not_depend_on_their_company) {
    enum { LD = 9 };
    data s = clouds(2500, 6, 9);
    mi_probe *p = make(NULL, 6, 3, (mi_probe_options){.epochs = 4, .layers = "dense 8, bn, relu"});
    fit(p, &s);
    float *all = predict(p, &s), *wide = malloc((size_t)s.n * LD * sizeof *wide), one[3];
    int32_t *label = malloc((size_t)s.n * sizeof *label), named;
    int64_t right = 0;
    for (int64_t i = 0; i < s.n * LD; i++)
        wide[i] = i % LD < 6 ? s.x[i / LD * 6 + i % LD] : NAN;
    OK(mi_probe_predict(p, s.n, wide, LD, label, NULL));
    for (int64_t i = 0; i < s.n; i++) {
        const float *y = all + i * 3;
        ck_assert_float_eq_tol(y[0] + y[1] + y[2], 1, 1e-5f);
        ck_assert(y[label[i]] >= y[0] && y[label[i]] >= y[1] && y[label[i]] >= y[2]);
        right += label[i] == s.label[i];
        if (i % 97 != 0)
            continue;
        OK(mi_probe_predict(p, 1, s.x + i * 6, 0, &named, one));
        ck_assert_int_eq(named, label[i]);
        for (int j = 0; j < 3; j++)
            ck_assert_float_eq_tol(one[j], y[j], 1e-5f);
    }
    double accuracy;
    OK(mi_probe_accuracy(p, s.n, wide, LD, s.label, &accuracy));
    ck_assert_double_eq(accuracy, (double)right / (double)s.n);
    OK(mi_probe_predict(p, 0, NULL, 0, NULL, NULL));
    free(all);
    free(wide);
    free(label);
    mi_probe_destroy(p);
    free_data(&s);
}
END_TEST

START_TEST(options_are_checked) {
    mi_probe *p = NULL;
    const struct {
        mi_probe_options o;
        mi_status status;
        const char *message;
    } cases[] = {
        {{.batch = -1}, MI_E_ARG, "-1"},
        {{.epochs = -2}, MI_E_ARG, "-2"},
        {{.raw = 2}, MI_E_ARG, "raw must be 0 or 1, got 2"},
        {{.rate = -1}, MI_E_ARG, "rate must be above 0, got -1"},
        {{.rate = NAN}, MI_E_ARG, "rate"},
        {{.rate = INFINITY}, MI_E_ARG, "rate"},
        {{.decay = -0.5}, MI_E_ARG, "decay must be 0 or more, or -1 to have it chosen, got -0.5"},
        {{.decay = NAN}, MI_E_ARG, "decay"},
        {{.layers = "dense 3, blah"}, MI_E_FORMAT, "character 10"},
        {{.layers = "dense 3 | softmax 4"}, MI_E_FORMAT, "head"},
        {{.layers = ""}, MI_E_FORMAT, "character 1"},
        {{.layers = "maxpool"}, MI_E_SHAPE, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mi_probe_options o = cases[i].o;
        o.struct_size = sizeof o;
        FAILS(cases[i].status, cases[i].message, mi_probe_create(NULL, 3, 2, &o, &p));
        o.struct_size = 3;
        FAILS(MI_E_ABI, "mi_probe_options", mi_probe_create(NULL, 3, 2, &o, &p));
    }
    FAILS(MI_E_ARG, "d must be in 1 to 65536, got 0", mi_probe_create(NULL, 0, 2, NULL, &p));
    FAILS(MI_E_ARG, "65537", mi_probe_create(NULL, 65537, 2, NULL, &p));
    FAILS(MI_E_ARG, "classes must be in 2 to 65536, got 1", mi_probe_create(NULL, 1, 1, NULL, &p));
    FAILS(MI_E_ARG, "65537", mi_probe_create(NULL, 1, 65537, NULL, &p));
    FAILS(MI_E_ARG, "out", mi_probe_create(NULL, 1, 2, NULL, NULL));
    ck_assert_ptr_null(p);
    mi_probe_destroy(NULL);
}
END_TEST

START_TEST(a_failure_changes_nothing) {
    data s = clouds(300, 3, 10);
    const int64_t huge = INT64_MAX / 2;
    mi_probe *p = make(NULL, 3, 3, (mi_probe_options){.epochs = 3, .raw = 1});
    mi_probe_report report = {.struct_size = sizeof report, .loss = 123}, short_one = {0};
    double accuracy = 123;
    int32_t label = 123, none[2] = {-1, -5};
    float y[3] = {1, 2, 3};
    FAILS(MI_E_STATE, "fitted", mi_probe_predict(p, 1, s.x, 0, &label, y));
    FAILS(MI_E_STATE, "fitted", mi_probe_accuracy(p, 1, s.x, 0, s.label, &accuracy));
    FAILS(MI_E_ARG, "probe must not", mi_probe_fit(NULL, 1, s.x, 0, s.label, NULL));
    FAILS(MI_E_ARG, "probe must not", mi_probe_predict(NULL, 1, s.x, 0, &label, y));
    FAILS(MI_E_ARG, "probe must not", mi_probe_accuracy(NULL, 1, s.x, 0, s.label, &accuracy));
    fit(p, &s);
    float *before = predict(p, &s);

    FAILS(MI_E_ARG, "x must not be NULL", mi_probe_fit(p, 1, NULL, 0, s.label, &report));
    FAILS(MI_E_ARG, "label must not be NULL", mi_probe_fit(p, 1, s.x, 0, NULL, &report));
    FAILS(MI_E_ARG, "-7", mi_probe_fit(p, -7, s.x, 0, s.label, &report));
    FAILS(MI_E_ARG, "none of 0 labels", mi_probe_fit(p, 0, s.x, 0, s.label, &report));
    FAILS(MI_E_ARG, "none of 2 labels", mi_probe_fit(p, 2, s.x, 0, none, &report));
    FAILS(MI_E_SHAPE, "2 numbers apart", mi_probe_fit(p, 2, s.x, 2, s.label, &report));
    FAILS(MI_E_SHAPE, "-3 numbers apart", mi_probe_fit(p, 2, s.x, -3, s.label, &report));
    FAILS(MI_E_SHAPE, "", mi_probe_fit(p, huge, s.x, 0, s.label, &report));
    FAILS(MI_E_ABI, "mi_probe_report", mi_probe_fit(p, s.n, s.x, 0, s.label, &short_one));
    s.label[5] = 3;
    FAILS(MI_E_ARG, "label 5 is 3", mi_probe_fit(p, s.n, s.x, 0, s.label, &report));
    FAILS(MI_E_ARG, "label 5 is 3", mi_probe_accuracy(p, s.n, s.x, 0, s.label, &accuracy));
    s.label[5] = 0;
    const float kept = s.x[200 * 3 + 1], bad[2] = {NAN, INFINITY};
    for (int i = 0; i < 2; i++) {
        s.x[200 * 3 + 1] = bad[i];
        FAILS(MI_E_NUMERIC, "sample 200 has the value",
              mi_probe_fit(p, s.n, s.x, 0, s.label, &report));
        FAILS(MI_E_NUMERIC, "sample 200 has the value",
              mi_probe_accuracy(p, s.n, s.x, 0, s.label, &accuracy));
        FAILS(MI_E_NUMERIC, "sample 1 has the value",
              mi_probe_predict(p, 2, s.x + 199 * 3, 0, &label, y));
    }
    s.x[200 * 3 + 1] = kept;
    FAILS(MI_E_ARG, "-1", mi_probe_predict(p, -1, s.x, 0, &label, y));
    FAILS(MI_E_ARG, "accuracy", mi_probe_accuracy(p, 1, s.x, 0, s.label, NULL));
    FAILS(MI_E_SHAPE, "", mi_probe_predict(p, huge, s.x, 0, &label, y));

    ck_assert(report.loss == 123 && accuracy == 123 && label == 123 && y[0] == 1 && y[2] == 3);
    float *after = predict(p, &s);
    ck_assert_mem_eq(before, after, (size_t)s.n * 3 * sizeof *before);
    free(before);
    free(after);
    mi_probe_destroy(p);
    free_data(&s);
}
END_TEST

START_TEST(an_overflow_changes_nothing) {
    data s = clouds(1500, 3, 13), huge = clouds(1500, 3, 14);
    int32_t label[1500];
    float y[4500];
    double accuracy = 123;
    for (int i = 0; i < 1500; i++)
        label[i] = 123;
    for (int i = 0; i < 4500; i++) {
        s.x[i] *= 0x1p-110f; /* so that what it is multiplied by is huge */
        huge.x[i] = i < 3600 ? s.x[i] : i % 5 < 2 ? -3e38f : 3e38f;
        y[i] = 123;
    }
    mi_probe *p = make(NULL, 3, 3, (mi_probe_options){.epochs = 3});
    fit(p, &s);
    float *before = predict(p, &s), *after;
    FAILS(MI_E_NUMERIC, "logit of sample 1200", mi_probe_predict(p, 1500, huge.x, 0, label, y));
    FAILS(MI_E_NUMERIC, "logit of sample 1200",
          mi_probe_accuracy(p, 1500, huge.x, 0, huge.label, &accuracy));
    ck_assert(accuracy == 123 && label[0] == 123 && y[0] == 123);
    after = predict(p, &s);
    ck_assert_mem_eq(before, after, sizeof y);
    free(after);
    mi_probe_destroy(p);

    mi_probe_report report = {.struct_size = sizeof report, .loss = 123};
    free(before);
    for (int i = 0; i < 2; i++) {
        p = make(NULL, 3, 3,
                 (mi_probe_options){.epochs = 3, .raw = 1, .layers = i > 0 ? "dense 4" : NULL});
        fit(p, &s);
        before = predict(p, &s);
        FAILS(MI_E_NUMERIC, "sample 1200 has the value -3e+38 at position 0: raw",
              mi_probe_fit(p, 1500, huge.x, 0, huge.label, &report));
        ck_assert(report.loss == 123);
        after = predict(p, &s);
        ck_assert_mem_eq(before, after, sizeof y);
        free(before);
        free(after);
        mi_probe_destroy(p);
    }
    free_data(&s);
    free_data(&huge);
}
END_TEST

/* A probe that was fitted to other samples learns these; what it said of them before. */
static mi_status learn(failing *f, const data *s, const data *other) {
    mi_context *context = NULL;
    mi_probe *p = NULL;
    mi_probe_options o = {
        .struct_size = sizeof o, .layers = "dense 5, bn, relu", .epochs = 2, .decay = -1};
    float *before = NULL, *after = NULL;
    double accuracy;
    mi_status status = failing_context(f, 2, 1, &context);
    if (status == MI_OK)
        status = mi_probe_create(context, s->d, 3, &o, &p);
    if (status == MI_OK)
        status = mi_probe_fit(p, other->n, other->x, 0, other->label, NULL);
    if (status == MI_OK) {
        const int64_t at = f->fail_at;
        f->fail_at = 0;
        before = predict(p, s);
        f->fail_at = at;
        status = mi_probe_fit(p, s->n, s->x, 0, s->label, NULL);
        bool failed = status != MI_OK;
        if (!failed)
            status = mi_probe_accuracy(p, s->n, s->x, 0, s->label, &accuracy);
        f->fail_at = 0;
        after = predict(p, s);
        ck_assert((memcmp(before, after, (size_t)s->n * 3 * sizeof *before) == 0) == failed);
    }
    free(before);
    free(after);
    mi_probe_destroy(p);
    mi_context_destroy(context);
    return status;
}

START_TEST(every_allocation_may_fail) {
    data s = clouds(60, 4, 11), other = clouds(50, 4, 12);
    bool whole = false;
    int64_t failures = 0;
    for (int64_t at = 1; !whole; at++) {
        failing f = {0};
        f.fail_at = at;
        mi_status status = learn(&f, &s, &other);
        whole = status == MI_OK;
        ck_assert_msg(whole || status == MI_E_NOMEM, "allocation %d: %s: %s", (int)at,
                      mi_status_name(status), mi_error_message());
        ck_assert_msg(f.living == 0, "allocation %d: %d blocks leak", (int)at, (int)f.living);
        failures += !whole;
    }
    ck_assert_int_gt(failures, 60);
    free_data(&s);
    free_data(&other);
}
END_TEST

UNIT_MAIN("probe", the_gradient_is_that_of_the_loss, the_loss_is_right_where_probabilities_vanish,
          it_finds_the_optimum_of_a_table, the_optimum_does_not_depend_on_the_seed,
          the_defaults_find_the_optimum, the_defaults_tell_few_samples_apart,
          a_plain_one_starts_with_even_chances, it_makes_as_many_steps_as_it_says,
          layers_make_it_more_than_linear, decay_keeps_weights_small,
          a_chosen_decay_is_that_of_the_best_fit, a_chosen_decay_is_the_least_of_equals,
          unknown_samples_are_left_out, a_fit_forgets_the_one_before, threads_do_not_change_it,
          the_scale_of_features_does_not_matter, constant_features_are_as_if_not_there,
          predictions_do_not_depend_on_their_company, options_are_checked,
          a_failure_changes_nothing, an_overflow_changes_nothing, every_allocation_may_fail)
