/* SPDX-License-Identifier: BSD-2-Clause */
/* Adam, SGD and schedules against the same rules written out by hand in double. */
#include "unit.h"

typedef struct fixture {
    mi_encoder *encoder;
    mi_optimizer *optimizer;
    int32_t weight, bias;
} fixture;

static fixture make(const mi_optimizer_options *options) {
    fixture f = {0};
    mi_encoder_options o = {.struct_size = sizeof o, .height = 1, .channels = 2};
    OK(mi_encoder_create(NULL, "dense 3", &o, &f.encoder));
    OK(mi_optimizer_create(f.encoder, options, &f.optimizer));
    f.weight = mi_encoder_param_find(f.encoder, "trunk.0.weight");
    f.bias = mi_encoder_param_find(f.encoder, "trunk.0.bias");
    return f;
}

static void destroy(fixture *f) {
    mi_encoder_destroy(f->encoder); /* the optimizer keeps it alive */
    mi_optimizer_destroy(f->optimizer);
}

/* A backward pass, so that gradients exist; they are then replaced. */
static void give_gradients(fixture *f, const float *weight, const float *bias) {
    float x[2] = {1, 2}, dy[3] = {1, 1, 1};
    OK(mi_encoder_forward(f->encoder, MI_MODE_TRAIN, 1, x));
    OK(mi_encoder_backward(f->encoder, NULL, dy, NULL));
    OK(mi_encoder_grad_write(f->encoder, f->weight, weight));
    OK(mi_encoder_grad_write(f->encoder, f->bias, bias));
}

START_TEST(adam_follows_its_paper) {
    mi_optimizer_options o = {
        .struct_size = sizeof o, .rate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .decay = 0.01};
    fixture f = make(&o);
    float w[6], b[3];
    double expected[9], m[9] = {0}, v[9] = {0};
    OK(mi_encoder_param_read(f.encoder, f.weight, w));
    OK(mi_encoder_param_read(f.encoder, f.bias, b));
    for (int i = 0; i < 9; i++)
        expected[i] = i < 6 ? w[i] : b[i - 6];
    for (int t = 1; t <= 20; t++) {
        float g[9];
        for (int i = 0; i < 9; i++)
            g[i] = sinf((float)(t * 9 + i)) * (i == 2 ? 1e-3f : 1);
        give_gradients(&f, g, g + 6);
        OK(mi_optimizer_step(f.optimizer));
        for (int i = 0; i < 9; i++) {
            m[i] = 0.8 * m[i] + 0.2 * (double)g[i];
            v[i] = 0.95 * v[i] + 0.05 * (double)g[i] * (double)g[i];
            double decay = i < 6 ? 0.1 * 0.01 * expected[i] : 0; /* decoupled, weights only */
            expected[i] -=
                decay + 0.1 * (m[i] / (1 - pow(0.8, t))) / (sqrt(v[i] / (1 - pow(0.95, t))) + 1e-8);
        }
    }
    OK(mi_encoder_param_read(f.encoder, f.weight, w));
    OK(mi_encoder_param_read(f.encoder, f.bias, b));
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq_tol((double)(i < 6 ? w[i] : b[i - 6]), expected[i], 2e-6);
    ck_assert_int_eq(mi_optimizer_steps(f.optimizer), 20);
    destroy(&f);
}
END_TEST

START_TEST(sgd_has_momentum_and_decay) {
    mi_optimizer_options o = {.struct_size = sizeof o,
                              .kind = MI_OPTIMIZER_SGD,
                              .rate = 0.05,
                              .momentum = 0.7,
                              .decay = 0.1};
    fixture f = make(&o);
    float w[6], zero[3] = {0};
    double expected, v = 0;
    OK(mi_encoder_param_read(f.encoder, f.weight, w));
    expected = (double)w[4];
    for (int t = 0; t < 10; t++) {
        float g[6] = {0, 0, 0, 0, (float)t - 3, 0};
        give_gradients(&f, g, zero);
        OK(mi_optimizer_step(f.optimizer));
        v = 0.7 * v + (t - 3 + 0.1 * expected);
        expected -= 0.05 * v;
    }
    OK(mi_encoder_param_read(f.encoder, f.weight, w));
    ck_assert_double_eq_tol((double)w[4], expected, 1e-5);
    destroy(&f);

    o = (mi_optimizer_options){
        .struct_size = sizeof o, .kind = MI_OPTIMIZER_SGD, .rate = 1, .momentum = -1};
    f = make(&o);
    OK(mi_encoder_param_read(f.encoder, f.weight, w));
    float g[6] = {0.25f, 0, 0, 0, 0, 0}, after[6];
    for (int t = 0; t < 2; t++) {
        give_gradients(&f, g, zero);
        OK(mi_optimizer_step(f.optimizer));
    }
    OK(mi_encoder_param_read(f.encoder, f.weight, after));
    ck_assert_float_eq_tol(after[0], w[0] - 0.5f, 1e-6f); /* no momentum: two equal steps */
    destroy(&f);
}
END_TEST

static double rate_at(const mi_optimizer_options *o, int64_t step) {
    fixture f = make(o);
    float g[6] = {0};
    for (int64_t i = 0; i < step; i++) {
        give_gradients(&f, g, g);
        OK(mi_optimizer_step(f.optimizer));
    }
    double rate = mi_optimizer_rate(f.optimizer);
    destroy(&f);
    return rate;
}

START_TEST(schedules_move_the_rate) {
    mi_optimizer_options o = {.struct_size = sizeof o, .rate = 0.8, .warmup = 4};
    ck_assert_double_eq_tol(rate_at(&o, 0), 0.2, 1e-12);
    ck_assert_double_eq_tol(rate_at(&o, 3), 0.8, 1e-12);
    ck_assert_double_eq_tol(rate_at(&o, 50), 0.8, 1e-12);
    o.schedule = MI_SCHEDULE_STEP, o.period = 5, o.gamma = 0.5;
    ck_assert_double_eq_tol(rate_at(&o, 8), 0.8, 1e-12);
    ck_assert_double_eq_tol(rate_at(&o, 9), 0.4, 1e-12);
    ck_assert_double_eq_tol(rate_at(&o, 19), 0.1, 1e-12);
    o.schedule = MI_SCHEDULE_COSINE, o.total = 24, o.floor = 0.2;
    ck_assert_double_eq_tol(rate_at(&o, 4), 0.8, 1e-12);
    ck_assert_double_eq_tol(rate_at(&o, 14), 0.5, 1e-12);
    ck_assert_double_eq_tol(rate_at(&o, 24), 0.2, 1e-12);
    ck_assert_double_eq_tol(rate_at(&o, 30), 0.2, 1e-12);
}
END_TEST

START_TEST(bad_gradients_change_nothing) {
    fixture f = make(NULL);
    float g[6] = {1, 1, 1, 1, NAN, 1}, before[6], after[6];
    FAILS(MI_E_STATE, "backward", mi_optimizer_step(f.optimizer));
    give_gradients(&f, g, g);
    OK(mi_encoder_param_read(f.encoder, f.weight, before));
    FAILS(MI_E_NUMERIC, "trunk.0.weight is nan at 4", mi_optimizer_step(f.optimizer));
    OK(mi_encoder_param_read(f.encoder, f.weight, after));
    ck_assert_mem_eq(before, after, sizeof before);
    ck_assert_int_eq(mi_optimizer_steps(f.optimizer), 0);
    destroy(&f);
}
END_TEST

START_TEST(options_are_checked) {
    mi_encoder *e;
    mi_encoder_options eo = {.struct_size = sizeof eo, .height = 1};
    OK(mi_encoder_create(NULL, "dense 2", &eo, &e));
    const struct {
        mi_optimizer_options o;
        const char *message;
    } cases[] = {
        {{.kind = 7}, "got 7"},
        {{.rate = -1}, "got -1"},
        {{.rate = NAN}, "nan"},
        {{.beta1 = 1}, "beta1"},
        {{.beta2 = -0.5}, "beta2"},
        {{.momentum = 1.5}, "momentum"},
        {{.momentum = NAN}, "momentum"},
        {{.decay = -1}, "decay"},
        {{.schedule = 9}, "got 9"},
        {{.schedule = MI_SCHEDULE_STEP}, "period"},
        {{.schedule = MI_SCHEDULE_COSINE, .total = 5, .warmup = 5}, "5 and 5"},
        {{.gamma = 2}, "gamma"},
        {{.floor = 3}, "floor"},
        {{.warmup = -3}, "-3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mi_optimizer_options o = cases[i].o;
        mi_optimizer *out = NULL;
        o.struct_size = sizeof o;
        FAILS(MI_E_ARG, cases[i].message, mi_optimizer_create(e, &o, &out));
        ck_assert_ptr_null(out);
    }
    mi_encoder_destroy(e);
}
END_TEST

UNIT_MAIN("optimizer", adam_follows_its_paper, sgd_has_momentum_and_decay, schedules_move_the_rate,
          bad_gradients_change_nothing, options_are_checked)
