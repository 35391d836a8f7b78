/* SPDX-License-Identifier: BSD-2-Clause */
/* Encoders: gradients, modes, parameters and files. */
#include "unit.h"

#include "../../lib/base/random.h"
#include "../../lib/net/net.h"

#include <stdio.h>
#include <unistd.h>

static mi_encoder *make(const char *text, int32_t side, int32_t channels) {
    mi_encoder_options o = {
        .struct_size = sizeof o, .height = side, .channels = channels, .seed = 7};
    mi_encoder *e = NULL;
    OK(mi_encoder_create(NULL, text, &o, &e));
    return e;
}

static void fill(float *x, int64_t count, uint64_t seed) {
    mi__random r = mi__random_at(seed, 0, 0);
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)mi__random_uniform(&r);
}

START_TEST(options_are_checked) {
    mi_encoder *e = NULL;
    mi_encoder_options o = {.struct_size = sizeof o, .height = -1};
    FAILS(MI_E_ARG, "got -1 x -1", mi_encoder_create(NULL, "mlp", &o, &e));
    o = (mi_encoder_options){.struct_size = sizeof o, .bn_momentum = 2};
    FAILS(MI_E_ARG, "got 2", mi_encoder_create(NULL, "mlp", &o, &e));
    o = (mi_encoder_options){.struct_size = sizeof o, .trunk_init = 77};
    FAILS(MI_E_ARG, "got 77", mi_encoder_create(NULL, "mlp", &o, &e));
    o = (mi_encoder_options){.struct_size = sizeof o, .precision = 77};
    FAILS(MI_E_ARG, "precision must be an mi_precision, got 77",
          mi_encoder_create(NULL, "mlp", &o, &e));
    o.precision = MI_PRECISION_BFLOAT16;
    setenv("LIBMI_CPU", "reference", 1);
    FAILS(MI_E_UNSUPPORTED, "reference kernels", mi_encoder_create(NULL, "mlp", &o, &e));
    unsetenv("LIBMI_CPU");
    o = (mi_encoder_options){.struct_size = 8};
    FAILS(MI_E_ABI, "struct_size is 8", mi_encoder_create(NULL, "mlp", &o, &e));
    FAILS(MI_E_ARG, "description", mi_encoder_create(NULL, NULL, NULL, &e));
    FAILS(MI_E_ARG, "out", mi_encoder_create(NULL, "mlp", NULL, NULL));
    FAILS(MI_E_NOMEM, "no memory",
          mi_encoder_create(NULL, "dense 1048576, dense 1048576, dense 1048576", NULL, &e));
}
END_TEST

/* -- the whole encoder against central differences, in double ---------------------------------- */

typedef struct probe {
    mi_encoder *e;
    int64_t n;
    double *x, *features, *head[3], *tap[MI__MOST_TAPS];
} probe;

/* A loss that reaches every output: fixed random weights on heads and features. */
static double loss_of(const probe *p) {
    mi_encoder *e = p->e;
    OK(mi__encoder_begin(e, p->n, true));
    memcpy(e->y[0], p->x, (size_t)(p->n * mi_encoder_input(e, NULL, NULL, NULL)) * sizeof(double));
    mi__encoder_run(e);
    double sum = 0;
    for (int64_t i = 0; i < p->n * mi_encoder_width(e, -1); i++)
        sum += p->features[i] * ((double *)MI__FEATURES(e))[i];
    for (int32_t h = 0; h < e->heads; h++)
        for (int64_t i = 0; i < p->n * mi_encoder_width(e, h); i++)
            sum += p->head[h][i] * ((double *)e->head[h].y)[i];
    for (int32_t t = 0; t < e->taps; t++)
        for (int64_t i = 0; i < p->n * mi_encoder_width(e, -2 - t); i++)
            sum += p->tap[t][i] * ((double *)e->y[e->tap[t].at])[i];
    return sum;
}

static double difference(const probe *p, double *at) {
    double kept = *at, step = 1e-5;
    *at = kept + step;
    double above = loss_of(p);
    *at = kept - step;
    double below = loss_of(p);
    *at = kept;
    return (above - below) / (2 * step);
}

/* Relative error over up to 40 places spread over an array. */
static double compare(const probe *p, double *values, const double *gradient, int64_t count) {
    double error = 0, size = 0;
    int64_t stride = count > 40 ? count / 40 : 1;
    for (int64_t i = 0; i < count; i += stride) {
        double d = difference(p, &values[i]) - gradient[i];
        error += d * d;
        size += gradient[i] * gradient[i];
    }
    return sqrt(error) / (sqrt(size) + 1e-3);
}

static double *draw(int64_t count, uint64_t seed) {
    double *out = malloc((size_t)count * sizeof *out);
    mi__random r = mi__random_at(seed, 1, 0);
    for (int64_t i = 0; i < count; i++)
        out[i] = mi__random_range(&r, -1, 1);
    return out;
}

static void check_gradients(const char *text, int32_t side, int32_t channels, int64_t n) {
    mi_encoder_options o = {.struct_size = sizeof o,
                            .height = side,
                            .channels = channels,
                            .seed = 3,
                            .head_init = MI_INIT_HE_NORMAL};
    probe p = {.n = n};
    OK(mi__encoder_create(NULL, text, &o, &mi__kernels_f64, &p.e));
    int64_t in = n * mi_encoder_input(p.e, NULL, NULL, NULL), out = n * mi_encoder_width(p.e, -1);
    p.x = draw(in, 11);
    p.features = draw(out, 12);
    for (int32_t h = 0; h < p.e->heads; h++)
        p.head[h] = draw(n * mi_encoder_width(p.e, h), 13 + (uint64_t)h);
    for (int32_t t = 0; t < p.e->taps; t++)
        p.tap[t] = draw(n * mi_encoder_width(p.e, -2 - t), 17 + (uint64_t)t);

    loss_of(&p);
    OK(mi__encoder_begin_backward(p.e));
    bool use[3] = {true, true, true};
    for (int32_t h = 0; h < p.e->heads; h++)
        memcpy(p.e->head[h].dy, p.head[h], (size_t)(n * mi_encoder_width(p.e, h)) * sizeof(double));
    memcpy(p.e->dfeatures, p.features, (size_t)out * sizeof(double));
    for (int32_t t = 0; t < p.e->taps; t++) {
        memcpy(p.e->tap[t].dy, p.tap[t],
               (size_t)(n * mi_encoder_width(p.e, -2 - t)) * sizeof(double));
        p.e->tap[t].use = true;
    }
    mi__encoder_run_backward(p.e, use, true, true);
    double *dx = malloc((size_t)in * sizeof *dx);
    memcpy(dx, p.e->y[0], (size_t)in * sizeof *dx);

    double worst = compare(&p, p.x, dx, in);
    ck_assert_msg(worst < 1e-6, "%s: input: %g", text, worst);
    for (int32_t i = 0; i < p.e->params; i++) {
        mi__param *param = p.e->param[i];
        if (param->kind == MI_PARAM_STATE)
            continue;
        worst = compare(&p, param->value, param->grad, param->count);
        ck_assert_msg(worst < 1e-6, "%s: %s: %g", text, param->name, worst);
    }
    free(dx), free(p.x), free(p.features);
    for (int32_t h = 0; h < p.e->heads; h++)
        free(p.head[h]);
    for (int32_t t = 0; t < MI__MOST_TAPS; t++)
        free(p.tap[t]);
    mi_encoder_destroy(p.e);
}

START_TEST(whole_encoders_have_exact_gradients) {
    check_gradients(
        "conv 4, bn, relu, maxpool, conv 5 bias, leaky 0.1, avgpool, conv 6, bn, leaky, gap, "
        "dense 7, relu | softmax 3, 2 x linear 4",
        8, 2, 5);
    check_gradients("small | 2 x softmax 10, softmax 12", 12, 1, 3);
    check_gradients("conv 3, relu, conv 4, bn | softmax 2", 5, 1, 4); /* odd size */
    check_gradients("bn, leaky 0.2, maxpool, maxpool, bn, maxpool | 2 x linear 2", 13, 2, 3);
    check_gradients("mlp | softmax 5", 3, 2, 6);
    check_gradients("dense 4", 2, 1, 1); /* batch of one, no heads */
    check_gradients("conv 4, residual(conv 4, bn, relu, conv 4, bn), relu, gap | linear 2", 6, 2,
                    3);
    check_gradients("residual(conv 4, bn, leaky 0.1, maxpool, residual(conv 4, tap)), tap", 6, 3,
                    2); /* projected with a stride, within another, the features tapped */
    check_gradients("conv 4, bn, tap, relu, tap, maxpool, conv 3, ln, tap, dense 5 | linear 2", 8,
                    1, 3); /* between what is done in one pass otherwise */
    check_gradients("residual(dense 6, bn, relu, dense 6), ln", 1, 4, 5);
    check_gradients("conv 3, residual(conv 3), residual(bn, conv 5 stride 2)", 5, 2, 2);
}
END_TEST

START_TEST(every_layer_of_the_list_has_exact_gradients) {
    const mi__layer_type *const types[] = {
#define MI__LAYER(name) &mi__layer_##name,
#include "../../lib/net/layer_list.h"
#undef MI__LAYER
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *more = types[i]->argument == MI__ARGUMENT_WIDTH    ? " 4"
                           : types[i]->argument == MI__ARGUMENT_LAYERS ? "(conv 4)"
                                                                       : "";
        char text[64];
        snprintf(text, sizeof text, "%s%s", types[i]->name, more);
        check_gradients(text, 6, 3, 4);
        check_gradients(text, 7, 4, 1); /* odd size, batch of one */
        snprintf(text, sizeof text, "dense 36, %s%s | linear 2", types[i]->name, more);
        if (strstr(types[i]->name, "pool") == NULL) /* which need a map */
            check_gradients(text, 4, 1, 3);
    }
}
END_TEST

/* Heads that have no part get no gradient, and don't change those of others. */
START_TEST(heads_have_a_part_or_not) {
    enum { N = 3, FEATURES = 4, MOST = 4 * 5 };
    float x[N * 4], dy[N * 5], dx[2][N * 4], grad[2][MOST];
    fill(x, N * 4, 1);
    fill(dy, N * 5, 2);
    mi_encoder *all = make("dense 4, relu | softmax 5, linear 3, softmax 5", 2, 1);
    for (int head = 0; head < 3; head++) {
        const float *use[3] = {NULL, NULL, NULL};
        use[head] = dy;
        OK(mi_encoder_forward(all, MI_MODE_TRAIN, N, x));
        OK(mi_encoder_backward(all, use, NULL, dx[0]));
        mi_encoder *one =
            make(head == 1 ? "dense 4, relu | linear 3" : "dense 4, relu | softmax 5", 2, 1);
        for (int i = 0; i < 4; i++) { /* trunk's, then the head's */
            OK(mi_encoder_param_read(all, i < 2 ? i : 2 * head + i, grad[0]));
            OK(mi_encoder_param_write(one, i, grad[0]));
        }
        OK(mi_encoder_forward(one, MI_MODE_TRAIN, N, x));
        OK(mi_encoder_backward(one, use + head, NULL, dx[1]));
        for (int i = 0; i < N * 4; i++)
            ck_assert_float_eq_tol(dx[0][i], dx[1][i], 1e-6f);
        for (int h = 0; h < 3; h++)
            for (int i = 0; i < 2; i++) {
                memset(grad, 0, sizeof grad);
                OK(mi_encoder_grad_read(all, 2 + 2 * h + i, grad[0]));
                if (h == head)
                    OK(mi_encoder_grad_read(one, 2 + i, grad[1]));
                for (int j = 0; j < MOST; j++)
                    ck_assert_float_eq_tol(grad[0][j], grad[1][j], 1e-6f);
            }
        mi_encoder_destroy(one);
    }
    mi_encoder_destroy(all);
}
END_TEST

/* -- use --------------------------------------------------------------------------------------- */

START_TEST(half_precision_is_near) {
    float x[2 * 576], whole[2 * 9 * 128], half[2 * 9 * 128];
    mi_encoder_options o = {.struct_size = sizeof o, .precision = MI_PRECISION_BFLOAT16};
    mi_encoder *e = NULL, *other = make("small", 24, 1);
    if (!mi__kernels_half(mi__kernels_select())) {
        FAILS(MI_E_UNSUPPORTED, "AVX512_BF16", mi_encoder_create(NULL, "small", &o, &e));
    } else {
        double error = 0, size = 0;
        fill(x, 2 * 576, 3);
        OK(mi_encoder_create(NULL, "small", &o, &e));
        for (int32_t i = 0; i < mi_encoder_params(e, NULL); i++) {
            mi_param_info info = {.struct_size = sizeof info};
            OK(mi_encoder_param_info(e, i, &info));
            float *values = malloc((size_t)info.count * sizeof *values);
            OK(mi_encoder_param_read(other, i, values));
            OK(mi_encoder_param_write(e, i, values));
            free(values);
        }
        OK(mi_encoder_forward(e, MI_MODE_TRAIN, 2, x));
        OK(mi_encoder_output(e, -1, half));
        OK(mi_encoder_forward(other, MI_MODE_TRAIN, 2, x));
        OK(mi_encoder_output(other, -1, whole));
        for (int i = 0; i < 2 * 9 * 128; i++) {
            error += pow((double)(half[i] - whole[i]), 2);
            size += pow((double)whole[i], 2);
        }
        ck_assert_double_gt(error, 0);
        ck_assert_double_lt(sqrt(error / size), 0.05);
    }
    mi_encoder_destroy(e);
    mi_encoder_destroy(other);
}
END_TEST

START_TEST(rows_are_independent_in_eval_mode) {
    mi_encoder *e = make("small | softmax 10", 24, 1);
    float x[4 * 576], y[4 * 10], one[10];
    fill(x, 4 * 576, 1);
    OK(mi_encoder_forward(e, MI_MODE_TRAIN, 4, x)); /* moves the running statistics */
    OK(mi_encoder_forward(e, MI_MODE_EVAL, 4, x));
    OK(mi_encoder_output(e, 0, y));
    OK(mi_encoder_forward(e, MI_MODE_EVAL, 1, x + 2 * 576));
    OK(mi_encoder_output(e, 0, one));
    for (int i = 0; i < 10; i++)
        ck_assert_float_eq_tol(one[i], y[20 + i], 1e-6f);
    float sum = 0;
    for (int i = 0; i < 10; i++)
        sum += one[i];
    ck_assert_float_eq_tol(sum, 1, 1e-6f);
    mi_encoder_destroy(e);
}
END_TEST

START_TEST(calls_out_of_order_or_range_fail) {
    mi_encoder *e = make("conv 2, bn | softmax 3", 4, 1);
    float x[2 * 16] = {0}, y[64];
    const float *dy[1] = {y};
    FAILS(MI_E_STATE, "forward", mi_encoder_output(e, 0, y));
    FAILS(MI_E_STATE, "forward", mi_encoder_backward(e, dy, NULL, NULL));
    FAILS(MI_E_ARG, "got 0", mi_encoder_forward(e, MI_MODE_EVAL, 0, x));
    FAILS(MI_E_ARG, "got -5", mi_encoder_forward(e, MI_MODE_EVAL, -5, x));
    FAILS(MI_E_ARG, "got 9", mi_encoder_forward(e, 9, 1, x));
    OK(mi_encoder_forward(e, MI_MODE_EVAL, 2, x));
    FAILS(MI_E_STATE, "MI_MODE_TRAIN", mi_encoder_backward(e, dy, NULL, NULL));
    FAILS(MI_E_STATE, "backward", mi_encoder_grad_read(e, 0, y));
    FAILS(MI_E_ARG, "got 1", mi_encoder_output(e, 1, y));
    FAILS(MI_E_ARG, "got 99", mi_encoder_param_read(e, 99, y));
    x[17] = NAN;
    FAILS(MI_E_NUMERIC, "image 1 has the value nan at position 1",
          mi_encoder_forward(e, MI_MODE_TRAIN, 2, x));
    FAILS(MI_E_STATE, "forward", mi_encoder_output(e, 0, y));
    FAILS(MI_E_SHAPE, "overflow", mi_encoder_forward(e, MI_MODE_EVAL, INT64_MAX, x));
    FAILS(MI_E_NOMEM, "no memory", mi_encoder_forward(e, MI_MODE_EVAL, (int64_t)1 << 40, x));
    mi_encoder *wide = make("gap | softmax 65536", 1, 1);
    FAILS(MI_E_SHAPE, "131074 numbers in all layers overflows",
          mi_encoder_forward(wide, MI_MODE_EVAL, (int64_t)1 << 60, x));
    mi_encoder_destroy(wide);
    x[17] = 0;
    OK(mi_encoder_forward(e, MI_MODE_TRAIN, 2, x)); /* usable after all that */
    int32_t mean = mi_encoder_param_find(e, "trunk.1.running_mean");
    ck_assert_int_ge(mean, 0);
    memset(y, 0, sizeof y);
    OK(mi_encoder_backward(e, dy, NULL, NULL));
    FAILS(MI_E_STATE, "already", mi_encoder_backward(e, dy, NULL, NULL));
    OK(mi_encoder_output(e, 0, y)); /* which it leaves alone */
    FAILS(MI_E_ARG, "not learnt", mi_encoder_grad_read(e, mean, y));
    y[1] = INFINITY;
    FAILS(MI_E_NUMERIC, "value 1 is inf", mi_encoder_param_write(e, mean, y));
    mi_encoder_destroy(e);
}
END_TEST

START_TEST(a_newer_host_gets_what_is_known) {
    struct {
        mi_param_info info;
        uint64_t unknown;
    } longer = {{.struct_size = sizeof longer}, 5};
    mi_encoder *e = make("conv 2", 4, 1);
    OK(mi_encoder_param_info(e, 0, &longer.info));
    ck_assert_uint_eq(longer.info.struct_size, sizeof longer);
    ck_assert_str_eq(longer.info.name, "trunk.0.weight");
    ck_assert(longer.info.count == 18 && longer.unknown == 5);
    longer.info.struct_size = sizeof longer.info - 1;
    FAILS(MI_E_ABI, "mi_param_info.struct_size", mi_encoder_param_info(e, 0, &longer.info));
    mi_encoder_destroy(e);
}
END_TEST

START_TEST(running_statistics_follow_the_data) {
    mi_encoder *e = make("bn", 2, 1);
    float x[4] = {1, 2, 3, 6}, mean, variance, y[4]; /* mean 3, unbiased variance 14 / 3 */
    OK(mi_encoder_forward(e, MI_MODE_TRAIN, 1, x));
    OK(mi_encoder_param_read(e, mi_encoder_param_find(e, "trunk.0.running_mean"), &mean));
    OK(mi_encoder_param_read(e, mi_encoder_param_find(e, "trunk.0.running_variance"), &variance));
    ck_assert_float_eq_tol(mean, 0.3f, 1e-6f);
    ck_assert_float_eq_tol(variance, 0.9f + 0.1f * 14 / 3, 1e-6f);
    OK(mi_encoder_output(e, -1, y));
    ck_assert_float_eq_tol(y[3], 3 / sqrtf(3.5f + 1e-5f), 1e-5f);
    x[0] = 3e38f, x[1] = -3e38f; /* whose variance is infinite: the channel is passed over */
    OK(mi_encoder_forward(e, MI_MODE_TRAIN, 1, x));
    OK(mi_encoder_param_read(e, mi_encoder_param_find(e, "trunk.0.running_variance"), &variance));
    ck_assert_float_eq_tol(variance, 0.9f + 0.1f * 14 / 3, 1e-6f);
    mi_encoder_destroy(e);
}
END_TEST

START_TEST(initialisers_have_their_variance) {
    const struct {
        int32_t init;
        double variance; /* of dense 300 x 200 */
    } cases[] = {{MI_INIT_HE_NORMAL, 2.0 / 300},
                 {MI_INIT_HE_UNIFORM, 2.0 / 300},
                 {MI_INIT_GLOROT_NORMAL, 2.0 / 500},
                 {MI_INIT_GLOROT_UNIFORM, 2.0 / 500},
                 {MI_INIT_NORMAL, 1e-4}};
    float *w = malloc(300 * 200 * sizeof *w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mi_encoder_options o = {
            .struct_size = sizeof o, .height = 10, .channels = 3, .trunk_init = cases[i].init};
        mi_encoder *e;
        OK(mi_encoder_create(NULL, "dense 200", &o, &e));
        OK(mi_encoder_param_read(e, 0, w));
        double sum = 0, squares = 0;
        for (int j = 0; j < 60000; j++) {
            sum += (double)w[j];
            squares += (double)w[j] * (double)w[j];
        }
        ck_assert_double_eq_tol(squares / 60000 / cases[i].variance, 1, 0.03);
        ck_assert_double_lt(fabs(sum / 60000), 5 * sqrt(cases[i].variance / 60000));
        mi_encoder_destroy(e);
    }
    free(w);
}
END_TEST

START_TEST(files_bring_back_every_parameter) {
    char path[] = "/tmp/libmi-net-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    mi_encoder *a = make("small | softmax 4", 16, 1), *b = NULL,
               *other = make("small | softmax 5", 16, 1);
    float x[3 * 256], ya[12], yb[12];
    fill(x, 3 * 256, 5);
    OK(mi_encoder_forward(a, MI_MODE_TRAIN, 3, x));
    OK(mi_encoder_save(a, path));
    mi_encoder_options o = {.struct_size = sizeof o, .height = 16, .seed = 99};
    OK(mi_encoder_create(NULL, "small | softmax 4", &o, &b));
    OK(mi_encoder_load(b, path));
    OK(mi_encoder_forward(a, MI_MODE_EVAL, 3, x));
    OK(mi_encoder_forward(b, MI_MODE_EVAL, 3, x));
    OK(mi_encoder_output(a, 0, ya));
    OK(mi_encoder_output(b, 0, yb));
    ck_assert_mem_eq(ya, yb, sizeof ya);
    FAILS(MI_E_SHAPE, "head.0.weight", mi_encoder_load(other, path));
    FAILS(MI_E_IO, "/nowhere", mi_encoder_load(b, "/nowhere/at/all"));
    FAILS(MI_E_IO, "/nowhere", mi_encoder_save(b, "/nowhere/at/all"));
    unlink(path);
    mi_encoder_destroy(a);
    mi_encoder_destroy(b);
    mi_encoder_destroy(other);
}
END_TEST

static void keep_message(void *user, int32_t level, const char *message) {
    snprintf(user, 128, "%d %s", level, message);
}

START_TEST(the_log_names_the_kernels) {
    char text[128] = "";
    mi_context_options o = {.struct_size = sizeof o, .log = keep_message, .log_user = text};
    mi_context *context;
    mi_encoder *e;
    OK(mi_context_create(&o, &context));
    setenv("LIBMI_CPU", "generic", 1);
    OK(mi_encoder_create(context, "gap", NULL, &e));
    ck_assert_str_eq(text, "3 an encoder with generic kernels was made");
    mi_encoder_destroy(e);
    setenv("LIBMI_CPU", "abacus", 1);
    OK(mi_encoder_create(context, "gap", NULL, &e));
    ck_assert(strstr(text, "2 there are no kernels \"abacus\" here, ") == text);
    mi_encoder_destroy(e);
    unsetenv("LIBMI_CPU");
    mi_context_destroy(context);
}
END_TEST

START_TEST(summary_tells_all_and_is_cut_safely) {
    mi_encoder *e = make("vgg-f | softmax 10", 24, 1);
    char text[4096], little[16];
    size_t length = mi_encoder_summary(e, text, sizeof text);
    ck_assert_uint_eq(length, strlen(text));
    ck_assert_ptr_nonnull(strstr(text, "bn, relu"));
    ck_assert_ptr_nonnull(strstr(text, "1596874 parameters"));
    ck_assert_uint_eq(mi_encoder_summary(e, little, sizeof little), length);
    ck_assert_uint_eq(strlen(little), sizeof little - 1);
    ck_assert_uint_eq(mi_encoder_summary(e, NULL, 0), length);
    mi_encoder_destroy(e);
}
END_TEST

START_TEST(any_convolution_has_exact_gradients) {
    check_gradients("conv 4 4x4 stride 2, bn, relu, conv 5 1x1, bn, relu, conv 3 2x2 pad 0", 9, 2,
                    3);
    check_gradients("conv 3 5x5 stride 3 pad 4 bias, bn, leaky, dense 6, bn, relu | linear 3", 7, 1,
                    4);
    check_gradients("conv 3 1x1 stride 2, maxpool", 8, 3, 2);
}
END_TEST

/* The map at a tap is what the layers before it say, in either mode; and a gradient by it does what
 * the same gradient does that comes from above. */
START_TEST(taps_are_outputs_with_gradients) {
    enum { N = 3, TAP = 3 * 3 * 4, IN = 6 * 6 * 2 };
    mi_encoder *whole = make("conv 4, bn, relu, maxpool, tap, conv 5, bn, relu, gap", 6, 2);
    mi_encoder *first = make("conv 4, bn, relu, maxpool", 6, 2);
    float x[N * IN], map[2][N * TAP], dtap[N * TAP], dx[2][N * IN];
    int32_t height = 0, width = 0, channels = 0;
    fill(x, N * IN, 5);
    fill(dtap, N * TAP, 6);
    ck_assert_int_eq(mi_encoder_taps(whole), 1);
    ck_assert_int_eq(mi_encoder_tap(whole, 0, &height, &width, &channels), TAP);
    ck_assert(height == 3 && width == 3 && channels == 4);
    ck_assert_int_eq(mi_encoder_width(whole, -2), TAP);
    ck_assert_int_eq(mi_encoder_tap(whole, 1, NULL, NULL, NULL), 0);
    ck_assert_int_eq(mi_encoder_taps(first), 0);
    ck_assert_int_eq(mi_encoder_taps(NULL), 0);
    for (int32_t mode = MI_MODE_EVAL; mode >= MI_MODE_TRAIN; mode--) {
        OK(mi_encoder_forward(whole, mode, N, x));
        OK(mi_encoder_forward(first, mode, N, x));
        OK(mi_encoder_output(whole, -2, map[0]));
        OK(mi_encoder_output(first, -1, map[1]));
        ck_assert_mem_eq(map[0], map[1], sizeof map[0]);
    }
    FAILS(MI_E_ARG, "-2 to -1, got -3", mi_encoder_output(whole, -3, map[0]));
    FAILS(MI_E_ARG, "got 1", mi_encoder_tap_grad_write(whole, 1, dtap));
    OK(mi_encoder_tap_grad_write(whole, 0, dtap));
    OK(mi_encoder_backward(whole, NULL, NULL, dx[0]));
    OK(mi_encoder_backward(first, NULL, dtap, dx[1]));
    for (int i = 0; i < N * IN; i++)
        ck_assert_float_eq(dx[0][i], dx[1][i]);
    FAILS(MI_E_STATE, "used the taps", mi_encoder_output(whole, -2, map[0]));
    FAILS(MI_E_STATE, "backward", mi_encoder_tap_grad_write(whole, 0, dtap));
    OK(mi_encoder_forward(whole, MI_MODE_EVAL, N, x));
    FAILS(MI_E_STATE, "MI_MODE_EVAL", mi_encoder_tap_grad_write(whole, 0, dtap));
    OK(mi_encoder_forward(whole, MI_MODE_TRAIN, N, x)); /* the gradient was for one backward */
    OK(mi_encoder_backward(whole, NULL, NULL, dx[0]));
    for (int i = 0; i < N * IN; i++)
        ck_assert_float_eq(dx[0][i], 0);
    mi_encoder_destroy(whole);
    mi_encoder_destroy(first);
}
END_TEST

/* In evaluation, buffers take turns, but what is added at the end of a residual is still there. */
START_TEST(residuals_add_what_went_in) {
    enum { N = 2, IN = 5 * 5 * 3 };
    mi_encoder *e = make("residual(conv 3, relu, conv 3, relu, conv 3)", 5, 3);
    mi_encoder *inner = make("conv 3, relu, conv 3, relu, conv 3", 5, 3);
    float x[N * IN], y[2][N * IN], values[3 * 3 * 3 * 3];
    fill(x, N * IN, 8);
    for (int32_t i = 0; i < 6; i++) {
        OK(mi_encoder_param_read(e, i, values));
        OK(mi_encoder_param_write(inner, i, values));
    }
    for (int32_t mode = MI_MODE_TRAIN; mode <= MI_MODE_EVAL; mode++) {
        OK(mi_encoder_forward(e, mode, N, x));
        OK(mi_encoder_forward(inner, mode, N, x));
        OK(mi_encoder_output(e, -1, y[0]));
        OK(mi_encoder_output(inner, -1, y[1]));
        for (int i = 0; i < N * IN; i++)
            ck_assert_float_eq_tol(y[0][i], y[1][i] + x[i], 1e-5f);
    }
    mi_encoder_destroy(e);
    mi_encoder_destroy(inner);
}
END_TEST

UNIT_MAIN("net", taps_are_outputs_with_gradients, residuals_add_what_went_in, options_are_checked,
          whole_encoders_have_exact_gradients, every_layer_of_the_list_has_exact_gradients,
          heads_have_a_part_or_not, half_precision_is_near, rows_are_independent_in_eval_mode,
          calls_out_of_order_or_range_fail, a_newer_host_gets_what_is_known,
          running_statistics_follow_the_data, initialisers_have_their_variance,
          files_bring_back_every_parameter, the_log_names_the_kernels,
          summary_tells_all_and_is_cut_safely, any_convolution_has_exact_gradients)
