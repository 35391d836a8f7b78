/* SPDX-License-Identifier: BSD-2-Clause */
/* Deep InfoMax: the gradient of the whole, what its terms mean, and its life. */
#include "scratch.h"
#include "unit.h"

#include "../../lib/base/random.h"
#include "../../lib/model/infomax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 6, CHANNELS = 2, NUMBERS = SIDE * SIDE * CHANNELS, MOST_N = 8 };

static void draw(float *x, int64_t count, uint64_t seed) {
    mi__random r = mi__random_at(seed, 1, 0);
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)mi__random_range(&r, -1, 1);
}

static mi_encoder *encoder_of(const char *text, const mi__kernels *kernel) {
    const mi_encoder_options o = {.struct_size = sizeof o,
                                  .height = SIDE,
                                  .channels = CHANNELS,
                                  .seed = 3,
                                  .head_init = MI_INIT_HE_NORMAL};
    mi_encoder *e = NULL;
    OK(mi__encoder_create(NULL, text, &o, kernel, &e));
    return e;
}

/* -- the composite against central differences, in double -------------------------------------- */

typedef struct composite {
    mi_infomax *m;
    int64_t n;
    const float *x, *xt;
    bool adversary; /* the loss that is differentiated is the discriminator's */
} composite;

static double loss_of(const composite *c) {
    mi_infomax_report report;
    OK(mi__infomax_gradient(c->m, c->n, c->x, c->xt, &report));
    return c->adversary ? report.discriminator : report.loss;
}

static double difference(const composite *c, double *at) {
    const double kept = *at, step = 1e-5;
    *at = kept + step;
    const double above = loss_of(c);
    *at = kept - step;
    const double below = loss_of(c);
    *at = kept;
    return (above - below) / (2 * step);
}

/* Where all units of a layer are 0, those of the next would stand right at their kink. */
static mi_status draw_biases(void *arg, const char *name, const mi__learner *l) {
    mi__random *r = arg;
    (void)name;
    for (int32_t i = 0; i < l->net->params; i++)
        for (int64_t j = 0; l->net->param[i]->kind == MI_PARAM_BIAS && j < l->net->param[i]->count;
             j++)
            ((double *)l->net->param[i]->value)[j] += mi__random_range(r, -0.3, 0.3);
    return MI_OK;
}

static mi_status check_learner(void *arg, const char *name, const mi__learner *l) {
    composite *c = arg;
    c->adversary = strcmp(name, "discriminator") == 0;
    for (int32_t i = 0; i < l->net->params; i++) {
        const mi__param *p = l->net->param[i];
        if (p->kind == MI_PARAM_STATE)
            continue;
        double *gradient = malloc((size_t)p->count * sizeof *gradient), error = 0, size = 0;
        loss_of(c);
        memcpy(gradient, p->grad, (size_t)p->count * sizeof *gradient);
        const int64_t stride = p->count > 12 ? p->count / 12 : 1;
        for (int64_t j = 0; j < p->count; j += stride) {
            const double d = difference(c, (double *)p->value + j) - gradient[j];
            error += d * d;
            size += gradient[j] * gradient[j];
        }
        free(gradient);
        const double relative = sqrt(error) / (sqrt(size) + 1e-3);
        ck_assert_msg(relative < 1e-6, "%s.%s: %g of %g", name, p->name, relative, sqrt(size));
    }
    return MI_OK;
}

static void check_composite(const char *text, mi_infomax_options o, int64_t n, bool two) {
    float x[MOST_N * NUMBERS], xt[MOST_N * NUMBERS];
    draw(x, n * NUMBERS, 11);
    draw(xt, n * NUMBERS, 12);
    composite c = {.n = n, .x = x, .xt = two ? xt : NULL};
    mi_encoder *e = encoder_of(text, &mi__kernels_f64);
    o.struct_size = sizeof o;
    o.seed = 5;
    o.units = 5;
    o.embed = 4;
    o.temperature = 0.5;
    o.discriminator = "dense 6, relu, dense 5, leaky 0.1";
    OK(mi_infomax_create(e, NULL, &o, &c.m));
    mi__random r = mi__random_at(21, 1, 0);
    (void)mi__infomax_each(c.m, draw_biases, &r);
    (void)mi__infomax_each(c.m, check_learner, &c);
    mi_infomax_destroy(c.m);
    mi_encoder_destroy(e);
}

#define TWO_TAPS "conv 3, bn, relu, maxpool, tap, conv 4, bn, leaky 0.1, tap, gap | "

START_TEST(every_term_has_exact_gradients) {
    const mi_infomax_options cases[] = {
        {.beta = 1, .local_bound = "infonce"},
        {.beta = 1, .local_bound = "dv"},
        {.beta = 1, .local_bound = "jsd"},
        {.beta = 1, .local_critic = MI_INFOMAX_CONCAT, .local_bound = "infonce"},
        {.beta = 1, .local_critic = MI_INFOMAX_CONCAT, .local_bound = "dv", .negatives = -1},
        {.beta = 1, .local_critic = MI_INFOMAX_CONCAT, .layers = 3, .shuffle = 1},
        {.alpha = 1, .global_bound = "dv"},
        {.alpha = 1, .global_critic = MI_INFOMAX_DOT, .global_bound = "infonce"},
        {.alpha = 1, .global_of = MI_INFOMAX_GLOBAL_CODE},
        {.alpha = 1, .global_of = MI_INFOMAX_GLOBAL_CODE, .global_critic = MI_INFOMAX_DOT},
        {.delta = 1, .within_bound = "infonce"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int two = 0; two < 2; two++)
            check_composite(TWO_TAPS "linear 3", cases[i], 5, two == 1);
}
END_TEST

START_TEST(every_prior_has_exact_gradients) {
    const mi_infomax_options normal = {.gamma = 1, .beta = 0.3, .prior = MI_INFOMAX_PRIOR_NORMAL};
    const mi_infomax_options uniform = {.gamma = 1, .prior = MI_INFOMAX_PRIOR_UNIFORM};
    for (int two = 0; two < 2; two++) {
        check_composite(TWO_TAPS "2 x linear 3", (mi_infomax_options){.gamma = 1}, 4, two == 1);
        check_composite(TWO_TAPS "linear 3", normal, 4, two == 1);
        check_composite("gap | linear 3", uniform, 4, two == 1);
    }
}
END_TEST

START_TEST(the_whole_has_exact_gradients) {
    const mi_infomax_options seeds = {.alpha = 0.5,
                                      .beta = 1.5,
                                      .gamma = 0.01,
                                      .delta = 0.2,
                                      .layers = 3,
                                      .global_of = MI_INFOMAX_GLOBAL_CODE,
                                      .local_critic = MI_INFOMAX_CONCAT};
    const mi_infomax_options paper = {.alpha = 0.5,
                                      .beta = 1,
                                      .gamma = 0.1,
                                      .delta = 0.2,
                                      .global_bound = "dv",
                                      .local_bound = "infonce",
                                      .prior = MI_INFOMAX_PRIOR_UNIFORM};
    for (int two = 0; two < 2; two++) {
        check_composite(TWO_TAPS "2 x linear 3", seeds, 6, two == 1);
        check_composite(TWO_TAPS "linear 3", paper, 6, two == 1);
    }
}
END_TEST

/* -- what terms mean --------------------------------------------------------------------------- */

typedef struct fixture {
    mi_context *context;
    mi_dataset *set;
    mi_pairs *pairs;
    mi_encoder *encoder;
    mi_optimizer *optimizer;
    mi_infomax *infomax;
} fixture;

enum { BATCH = 12 };

#define SMALL "conv 8 4x4 stride 2, bn, relu, tap, conv 12, bn, relu, gap | "

static double rate; /* of make()'s optimizer; 0: the default */

static fixture make(const char *text, mi_infomax_options o, int32_t threads, uint64_t seed) {
    fixture f = {0};
    const mi_context_options co = {.struct_size = sizeof co, .seed = seed, .threads = threads};
    const mi_pairs_options po = {.struct_size = sizeof po,
                                 .batch = BATCH,
                                 .size = 16,
                                 .recipe = MI_RECIPE_NATURAL,
                                 .scale_min = 0.7};
    const mi_encoder_options eo = {.struct_size = sizeof eo, .height = 16, .channels = 1};
    o.struct_size = sizeof o;
    o.units = 16;
    OK(mi_context_create(&co, &f.context));
    OK(mi_dataset_digits(f.context, 3, 0, 60, &f.set));
    OK(mi_pairs_create(f.context, f.set, &po, &f.pairs));
    OK(mi_encoder_create(f.context, text, &eo, &f.encoder));
    const mi_optimizer_options oo = {.struct_size = sizeof oo, .rate = rate};
    OK(mi_optimizer_create(f.encoder, rate > 0 ? &oo : NULL, &f.optimizer));
    OK(mi_infomax_create(f.encoder, f.optimizer, &o, &f.infomax));
    return f;
}

static void destroy(fixture *f) {
    mi_context_destroy(f->context); /* any order will do */
    mi_encoder_destroy(f->encoder);
    mi_optimizer_destroy(f->optimizer);
    mi_infomax_destroy(f->infomax);
    mi_pairs_destroy(f->pairs);
    mi_dataset_destroy(f->set);
}

static float views[2][BATCH * 16 * 16];

static mi_infomax_report run(fixture *f, int steps, bool two) {
    mi_infomax_report report = {.struct_size = sizeof report};
    for (int i = 0; i < steps; i++) {
        OK(mi_pairs_next(f->pairs, views[0], views[1], NULL));
        OK(mi_infomax_step(f->infomax, BATCH, views[0], two ? views[1] : NULL, &report));
    }
    return report;
}

/* Nobody meets himself, whether as the same view or as the other one; everybody is met as often. */
START_TEST(others_are_others) {
    enum { N = 7, OTHERS = 4 };
    int64_t partner[(1 + OTHERS) * 2 * N], order[N];
    bool met_first[N] = {false};
    mi_infomax m = {.options = {.seed = 9}};
    for (m.steps = 0; m.steps < 50; m.steps++)
        for (int64_t rows = N; rows <= 2 * N; rows += N) {
            const mi__meeting meeting = {.n = N, .rows = rows, .others = OTHERS};
            mi__meeting_draw(&m, &meeting, partner, order);
            met_first[partner[rows] % N] = true;
            for (int64_t i = 0; i < rows; i++) {
                ck_assert_int_eq(partner[i], rows == N ? i : (i + N) % rows);
                for (int o = 1; o <= OTHERS; o++) {
                    const int64_t other = partner[o * rows + i];
                    ck_assert_int_ne(other % N, i % N);
                    ck_assert_int_eq(other / N, partner[i] / N);
                    for (int before = 1; before < o; before++)
                        ck_assert_int_ne(other, partner[before * rows + i]);
                }
            }
            for (int o = 0; o <= OTHERS; o++) {
                int met[2 * N] = {0};
                for (int64_t i = 0; i < rows; i++)
                    ck_assert_int_eq(met[partner[o * rows + i]]++, 0);
            }
        }
    for (int i = 1; i < N; i++)
        ck_assert(met_first[i]); /* each step draws anew */
    int itself = 0;
    m.options.shuffle = 1;
    for (m.steps = 0; m.steps < 400; m.steps++) {
        const mi__meeting meeting = {.n = N, .rows = N, .others = 1};
        mi__meeting_draw(&m, &meeting, partner, order);
        for (int64_t i = 0; i < N; i++)
            itself += partner[N + i] == i;
    }
    ck_assert_int_gt(itself, 300); /* one each time, in the mean */
    ck_assert_int_lt(itself, 500);
}
END_TEST

/* What a step tells adds up; before it has learnt, nothing is known. */
START_TEST(reports_add_up) {
    const mi_infomax_options o = {.alpha = 0.5,
                                  .beta = 1.5,
                                  .gamma = 0.25,
                                  .delta = 0.125,
                                  .global_of = MI_INFOMAX_GLOBAL_CODE,
                                  .prior = MI_INFOMAX_PRIOR_NORMAL};
    fixture f = make(SMALL "linear 4", o, 2, 1);
    const mi_infomax_report r = run(&f, 1, false);
    ck_assert_int_eq(r.step, 1);
    ck_assert_double_eq(r.rate, 1e-3);
    ck_assert_double_eq_tol(
        r.loss, 0.5 * r.global_loss + 1.5 * r.local_loss + 0.125 * r.within_loss + 0.25 * r.prior,
        1e-12);
    ck_assert_double_eq_tol(r.global_loss, 0, 0.1); /* jsd of scores near 0 */
    ck_assert_double_eq_tol(r.prior, log(2), 0.5);
    ck_assert_double_eq_tol(r.discriminator, 2 * log(2), 0.7);
    destroy(&f);
}
END_TEST

START_TEST(what_has_no_weight_is_not_computed) {
    const mi_infomax_options o = {.beta = 1, .local_critic = MI_INFOMAX_CONCAT, .negatives = 11};
    fixture f = make(SMALL "2 x linear 4", o, 1, 1);
    const mi_infomax_report r = run(&f, 2, false);
    ck_assert_double_ne(r.local_loss, 0);
    ck_assert(r.global_loss == 0 && r.within_loss == 0 && r.prior == 0 && r.discriminator == 0);
    FAILS(MI_E_SHAPE, "negatives is 11, but 11 images have only 10 others",
          mi_infomax_step(f.infomax, 11, views[0], NULL, NULL));
    destroy(&f);
}
END_TEST

/* The divergence is that of the formula, the mean over dimensions. */
START_TEST(divergence_is_the_formula) {
    const mi_infomax_options o = {.gamma = 1};
    fixture f = make(SMALL "2 x linear 4", o, 1, 1);
    float mean[BATCH * 4], logs[BATCH * 4];
    OK(mi_pairs_next(f.pairs, views[0], views[1], NULL));
    OK(mi_encoder_forward(f.encoder, MI_MODE_TRAIN, BATCH, views[0]));
    OK(mi_encoder_output(f.encoder, 0, mean));
    OK(mi_encoder_output(f.encoder, 1, logs));
    double sum = 0;
    for (int i = 0; i < BATCH * 4; i++)
        sum += ((double)mean[i] * (double)mean[i] + exp((double)logs[i]) - 1 - (double)logs[i]) / 2;
    mi_infomax_report r = {.struct_size = sizeof r};
    OK(mi_infomax_step(f.infomax, BATCH, views[0], NULL, &r));
    ck_assert_double_eq_tol(r.prior, sum / (BATCH * 4), 1e-6);
    ck_assert_double_eq_tol(r.loss, r.prior, 1e-12);
    destroy(&f);
}
END_TEST

/* The encoder works against the discriminator: a step of it alone raises the discriminator's loss,
 * a step of the discriminator alone lowers it. Many ports have a sign wrong here. */
START_TEST(the_encoder_deceives_the_discriminator) {
    const int32_t priors[] = {MI_INFOMAX_PRIOR_UNIFORM, MI_INFOMAX_PRIOR_NORMAL};
    for (int i = 0; i < 2; i++) {
        const mi_infomax_options o = {.gamma = 1, .prior = priors[i]};
        fixture f = make(SMALL "linear 4", o, 1, 2);
        mi_infomax_report first, second, third;
        run(&f, 20, false); /* a discriminator that knows something */
        OK(mi__infomax_gradient(f.infomax, BATCH, views[0], NULL, &first));
        mi__optimizer_apply(f.optimizer);
        OK(mi__infomax_gradient(f.infomax, BATCH, views[0], NULL, &second));
        ck_assert_double_gt(second.discriminator, first.discriminator + 1e-4);
        ck_assert_double_lt(second.prior, first.prior - 1e-4);
        mi__optimizer_apply(f.infomax->discriminator.optimizer);
        OK(mi__infomax_gradient(f.infomax, BATCH, views[0], NULL, &third));
        ck_assert_double_lt(third.discriminator, second.discriminator - 1e-4);
        destroy(&f);
    }
}
END_TEST

/* Every term is learnt from what the images have in common with themselves. */
START_TEST(terms_are_learnt) {
    const mi_infomax_options cases[] = {
        {.beta = 1, .local_bound = "infonce"},
        {.beta = 1, .local_critic = MI_INFOMAX_CONCAT},
        {.alpha = 1, .global_bound = "dv"},
        {.alpha = 1, .global_of = MI_INFOMAX_GLOBAL_CODE, .global_critic = MI_INFOMAX_DOT},
        {.delta = 1, .within_bound = "infonce"},
    };
    rate = 4e-3;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bool concat = cases[i].local_critic == MI_INFOMAX_CONCAT || i == 2;
        for (int two = 0; two < (concat ? 1 : 2); two++) { /* it learns slowly from pairs */
            fixture f = make(SMALL "linear 8", cases[i], 2, 4);
            const double before = run(&f, 1, two == 1).loss;
            double after = 0;
            run(&f, concat ? 600 : 150, two == 1);
            for (int k = 0; k < 10; k++)
                after += run(&f, 1, two == 1).loss / 10;
            ck_assert_msg(after < before - 0.08, "case %zu, %d views: %g, then %g", i, 1 + two,
                          before, after);
            destroy(&f);
        }
    }
    rate = 0;
}
END_TEST

/* -- life -------------------------------------------------------------------------------------- */

#define ALL                                                                                        \
    {                                                                                              \
        .alpha = 0.5, .beta = 1, .gamma = 0.1, .delta = 0.2, .global_bound = "mine",               \
        .local_bound = "infonce", .prior = MI_INFOMAX_PRIOR_UNIFORM                                \
    }

static void same_weights(const mi_infomax *a, const mi_infomax *b) {
    const mi_encoder *one[] = {a->encoder, a->term[0].side[0].net, a->term[0].side[2].net,
                               a->term[1].side[1].net, a->discriminator.net};
    const mi_encoder *two[] = {b->encoder, b->term[0].side[0].net, b->term[0].side[2].net,
                               b->term[1].side[1].net, b->discriminator.net};
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++)
        for (int32_t p = 0; p < one[i]->params; p++)
            ck_assert_mem_eq(one[i]->param[p]->value, two[i]->param[p]->value,
                             (size_t)one[i]->param[p]->count * sizeof(float));
}

/* In the middle of an epoch of 5 batches, with all that has a state. */
START_TEST(a_run_resumes_bit_for_bit) {
    const mi_infomax_options o = ALL;
    scratch_make();
    const char *path = scratch_path("run.safetensors");
    for (int two = 0; two < 2; two++) {
        fixture whole = make(SMALL "linear 4", o, 2, 5), first = make(SMALL "linear 4", o, 2, 5);
        run(&whole, 8, two == 1);
        run(&first, 3, two == 1);
        OK(mi_infomax_save(first.infomax, first.pairs, path));
        destroy(&first);
        fixture second =
            make(SMALL "linear 4", o, 2, 6); /* other weights, then those of the file */
        mi_pairs_destroy(second.pairs);
        const mi_pairs_options po = {.struct_size = sizeof po,
                                     .seed = 5,
                                     .batch = BATCH,
                                     .size = 16,
                                     .recipe = MI_RECIPE_NATURAL,
                                     .scale_min = 0.7};
        OK(mi_pairs_create(second.context, second.set, &po, &second.pairs));
        OK(mi_infomax_restore(second.infomax, second.pairs, path));
        ck_assert_int_eq(run(&second, 5, two == 1).step, 8);
        same_weights(whole.infomax, second.infomax);
        ck_assert_double_eq(whole.infomax->term[0].bound->log_average,
                            second.infomax->term[0].bound->log_average);
        OK(mi_infomax_save(second.infomax, second.pairs, path));
        mi_encoder *alone = NULL; /* the file serves an encoder, too */
        const mi_encoder_options eo = {.struct_size = sizeof eo, .height = 16, .channels = 1};
        OK(mi_encoder_create(NULL, SMALL "linear 4", &eo, &alone));
        OK(mi_encoder_load(alone, path));
        ck_assert_mem_eq(alone->param[0]->value, whole.encoder->param[0]->value,
                         (size_t)alone->param[0]->count * sizeof(float));
        mi_encoder_destroy(alone);
        destroy(&whole);
        destroy(&second);
    }
    scratch_remove();
}
END_TEST

START_TEST(threads_change_no_bit) {
    const mi_infomax_options o = ALL;
    fixture one = make(SMALL "linear 4", o, 1, 5), three = make(SMALL "linear 4", o, 3, 5);
    run(&one, 6, true);
    run(&three, 6, true);
    same_weights(one.infomax, three.infomax);
    destroy(&one);
    destroy(&three);
}
END_TEST

START_TEST(a_step_that_fails_changes_nothing) {
    const mi_infomax_options o = ALL;
    fixture f = make(SMALL "linear 4", o, 2, 5), same = make(SMALL "linear 4", o, 2, 5);
    mi_infomax_report report = {.struct_size = sizeof report, .loss = 7};
    run(&f, 2, true);
    run(&same, 2, true);
    const double average = f.infomax->term[0].bound->log_average;
    views[1][5] = NAN;
    FAILS(MI_E_NUMERIC, "image 0 has the value nan at position 5",
          mi_infomax_step(f.infomax, BATCH, views[0], views[1], &report));
    views[1][5] = 0;
    float *weight = f.encoder->head[0].dense.param[0].value, kept = weight[0];
    weight[0] = 3e38f; /* overflows on the way */
    FAILS(MI_E_NUMERIC, "", mi_infomax_step(f.infomax, BATCH, views[0], views[1], &report));
    weight[0] = kept;
    FAILS(MI_E_ARG, "at least 2, got 1",
          mi_infomax_step(f.infomax, 1, views[0], views[1], &report));
    FAILS(MI_E_ARG, "at least 2, got 0", mi_infomax_step(f.infomax, 0, views[0], NULL, NULL));
    FAILS(MI_E_SHAPE, "too large",
          mi_infomax_step(f.infomax, INT64_MAX / 4, views[0], views[1], &report));
    ck_assert_double_eq(report.loss, 7);
    ck_assert_double_eq(f.infomax->term[0].bound->log_average, average);
    same_weights(f.infomax, same.infomax);
    run(&f, 1, true);
    run(&same, 1, true);
    same_weights(f.infomax, same.infomax);
    destroy(&f);
    destroy(&same);
}
END_TEST

START_TEST(levels_are_what_the_encoder_says) {
    enum { N = 300 }; /* more than one part */
    const mi_infomax_options o = {.beta = 1};
    fixture f = make(SMALL "linear 4", o, 2, 5);
    static float x[N * 256], conv[N * 8 * 8 * 12], fc[N * 12], code[N * 4], again[N * 12];
    int64_t w_conv, w_fc, w_code;
    run(&f, 3, false);
    OK(mi_pairs_plain(f.set, 16, 60, NULL, x));
    for (int i = 1; i < N / 60; i++)
        memcpy(x + i * 60 * 256, x, 60 * 256 * sizeof *x);
    OK(mi_infomax_widths(f.infomax, &w_conv, &w_fc, &w_code));
    ck_assert(w_conv == 8 * 8 * 12 && w_fc == 12 && w_code == 4);
    OK(mi_infomax_encode(f.infomax, N, x, conv, fc, code));
    OK(mi_encoder_forward(f.encoder, MI_MODE_EVAL, N, x));
    OK(mi_encoder_output(f.encoder, -1, again));
    for (int i = 0; i < N * 12; i++)
        ck_assert_float_eq_tol(fc[i], again[i], 1e-6f);
    OK(mi_encoder_output(f.encoder, 0, again));
    for (int i = 0; i < N * 4; i++)
        ck_assert_float_eq_tol(code[i], again[i], 1e-6f);
    for (int i = 0; i < N; i++) /* gap is the mean of the last map */
        for (int c = 0; c < 12; c++) {
            double sum = 0;
            for (int p = 0; p < 64; p++)
                sum += (double)conv[(i * 64 + p) * 12 + c] / 64;
            ck_assert_double_eq_tol(sum, (double)fc[i * 12 + c], 1e-5);
        }
    OK(mi_infomax_encode(f.infomax, 0, NULL, NULL, NULL, NULL));
    FAILS(MI_E_ARG, "got -1", mi_infomax_encode(f.infomax, -1, x, NULL, NULL, NULL));
    x[299 * 256 + 3] = INFINITY;
    FAILS(MI_E_NUMERIC, "inf at position 3", mi_infomax_encode(f.infomax, N, x, conv, NULL, NULL));
    destroy(&f);
}
END_TEST

START_TEST(mistakes_are_told) {
    const struct {
        const char *text, *message;
        mi_infomax_options o;
        mi_status status;
    } cases[] = {
        {"conv 4, tap, gap", "one linear head", {0}, MI_E_ARG},
        {"conv 4, tap, gap | softmax 3", "one linear head", {0}, MI_E_ARG},
        {"conv 4, tap, gap | linear 3, linear 4", "of the same size", {0}, MI_E_ARG},
        {"conv 4, tap, gap | 3 x linear 3", "one linear head", {0}, MI_E_ARG},
        {"conv 4, tap, gap | linear 3", "has 1 heads", {.prior = MI_INFOMAX_PRIOR_KL}, MI_E_ARG},
        {"conv 4, tap, gap | 2 x linear 3",
         "has 2 heads",
         {.prior = MI_INFOMAX_PRIOR_NONE},
         MI_E_ARG},
        {"conv 4, gap | linear 3", "the term global looks at a map", {0}, MI_E_ARG},
        {"conv 4, gap | linear 3", "the term local looks at a map", {.beta = 1}, MI_E_ARG},
        {"conv 4, tap, gap | linear 3", "alpha must be 0 or more, got -1", {.alpha = -1}, MI_E_ARG},
        {"conv 4, tap, gap | linear 3",
         "gamma must be 0 or more, got nan",
         {.gamma = (double)NAN},
         MI_E_ARG},
        {"conv 4, tap, gap | linear 3", "prior must be in 1 to 4, got 5", {.prior = 5}, MI_E_ARG},
        {"conv 4, tap, gap | linear 3", "negatives must be in -1 to", {.negatives = -2}, MI_E_ARG},
        {"conv 4, tap, gap | linear 3",
         "temperature must be above 0, got -1",
         {.temperature = -1},
         MI_E_ARG},
        {"conv 4, tap, gap | linear 3",
         "must be a lower one, got club",
         {.beta = 1, .local_bound = "club"},
         MI_E_ARG},
        {"conv 4, tap, gap | linear 3", "infonze", {.beta = 1, .local_bound = "infonze"}, MI_E_ARG},
        {"conv 4, tap, gap | linear 3",
         "expected a layer",
         {.gamma = 1, .prior = MI_INFOMAX_PRIOR_NORMAL, .discriminator = "dens 4"},
         MI_E_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const mi_encoder_options eo = {.struct_size = sizeof eo, .height = 8};
        mi_infomax_options o = cases[i].o;
        mi_encoder *e = NULL;
        mi_infomax *m = NULL;
        o.struct_size = sizeof o;
        OK(mi_encoder_create(NULL, cases[i].text, &eo, &e));
        FAILS(cases[i].status, cases[i].message, mi_infomax_create(e, NULL, &o, &m));
        ck_assert_ptr_null(m);
        mi_encoder_destroy(e);
    }
}
END_TEST

START_TEST(a_handle_without_an_optimizer_encodes) {
    mi_encoder *e = encoder_of(SMALL "linear 3", mi__kernels_select());
    mi_encoder *other = encoder_of("gap | linear 3", mi__kernels_select());
    mi_optimizer *optimizer = NULL;
    mi_infomax *m = NULL;
    float x[2 * NUMBERS], code[2 * 3];
    draw(x, 2 * NUMBERS, 1);
    OK(mi_optimizer_create(other, NULL, &optimizer));
    FAILS(MI_E_ARG, "another encoder", mi_infomax_create(e, optimizer, NULL, &m));
    OK(mi_infomax_create(e, NULL, NULL, &m));
    OK(mi_infomax_encode(m, 2, x, NULL, NULL, code));
    FAILS(MI_E_STATE, "without an optimizer", mi_infomax_step(m, 2, x, NULL, NULL));
    FAILS(MI_E_STATE, "without an optimizer", mi_infomax_save(m, NULL, "nowhere"));
    FAILS(MI_E_STATE, "without an optimizer", mi_infomax_restore(m, NULL, "nowhere"));
    mi_infomax_destroy(m);
    mi_optimizer_destroy(optimizer);
    mi_encoder_destroy(e);
    mi_encoder_destroy(other);
}
END_TEST

START_TEST(a_restore_that_fails_changes_nothing) {
    const mi_infomax_options o = ALL, fewer = {.beta = 1};
    char path[512];
    scratch_make();
    snprintf(path, sizeof path, "%s", scratch_path("run.safetensors"));
    fixture f = make(SMALL "linear 4", o, 1, 5), other = make(SMALL "linear 4", fewer, 1, 5);
    fixture same = make(SMALL "linear 4", o, 1, 5);
    run(&f, 1, false);
    run(&same, 1, false);
    run(&other, 1, false);
    OK(mi_infomax_save(other.infomax, NULL, path));
    FAILS(MI_E_FORMAT, "global.0.u", mi_infomax_restore(f.infomax, f.pairs, path));
    FAILS(MI_E_IO, "absent", mi_infomax_restore(f.infomax, f.pairs, scratch_path("absent")));
    FAILS(MI_E_IO, "none", mi_infomax_save(f.infomax, f.pairs, scratch_path("none/none")));
    OK(mi_infomax_save(f.infomax, f.pairs, path));
    const mi_pairs_options po = {.struct_size = sizeof po, .batch = 5, .size = 16};
    mi_pairs *pairs = NULL;
    OK(mi_pairs_create(f.context, f.set, &po, &pairs));
    FAILS(MI_E_SHAPE, "batches of 12 images", mi_infomax_restore(f.infomax, pairs, path));
    ck_assert_int_eq(mi_pairs_position(pairs), 0);
    same_weights(f.infomax, same.infomax);
    mi_pairs_destroy(pairs);
    destroy(&f);
    destroy(&other);
    destroy(&same);
    scratch_remove();
}
END_TEST

UNIT_MAIN("infomax", every_term_has_exact_gradients, every_prior_has_exact_gradients,
          the_whole_has_exact_gradients, others_are_others, reports_add_up,
          what_has_no_weight_is_not_computed, divergence_is_the_formula,
          the_encoder_deceives_the_discriminator, terms_are_learnt, a_run_resumes_bit_for_bit,
          threads_change_no_bit, a_step_that_fails_changes_nothing,
          levels_are_what_the_encoder_says, mistakes_are_told,
          a_handle_without_an_optimizer_encodes, a_restore_that_fails_changes_nothing)
