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
    OK(mi__infomax_create(e, NULL, &o, &c.m));
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

UNIT_MAIN("infomax", every_term_has_exact_gradients, every_prior_has_exact_gradients,
          the_whole_has_exact_gradients)
