/* SPDX-License-Identifier: BSD-2-Clause */
/* The text that describes an encoder: what it makes, and how mistakes are told. */
#include "unit.h"

#include "../../lib/net/net.h"

static mi_encoder *make(const char *text, int32_t side, int32_t channels) {
    mi_encoder_options o = {.struct_size = sizeof o, .height = side, .channels = channels};
    mi_encoder *e = NULL;
    OK(mi_encoder_create(NULL, text, &o, &e));
    return e;
}

START_TEST(presets_have_their_shapes) {
    const struct {
        const char *text;
        int32_t side, channels;
        int64_t features, numbers;
    } cases[] = {
        /* convolutions + scale and shift + heads, by hand */
        {"vgg-f", 24, 1, 4608, 576 + 73728 + 294912 + 1179648 + 2 * 960},
        {"vgg-f | 5 x softmax 10", 24, 1, 4608,
         576 + 73728 + 294912 + 1179648 + 2 * 960 + 5 * (4608 * 10 + 10)},
        {"small", 24, 1, 1152, 144 + 4608 + 18432 + 73728 + 2 * 240},
        {"vgg-11", 32, 3, 512,
         9 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 3 * 512 * 512) + 2 * 2752},
        {"mlp | linear 3", 4, 1, 256, 16 * 256 + 256 + 256 * 256 + 256 + 256 * 3 + 3},
        {"conv 3 bias, gap, dense 2", 5, 2, 2, 9 * 2 * 3 + 3 + 3 * 2 + 2},
        {"conv 3, maxpool", 7, 1, 27, 9 * 3 + 3},
        {" vgg-f ,dense 8|softmax 2 ", 24, 1, 8,
         576 + 73728 + 294912 + 1179648 + 2 * 960 + 4608 * 8 + 8 + 8 * 2 + 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mi_encoder *e = make(cases[i].text, cases[i].side, cases[i].channels);
        int64_t numbers;
        ck_assert_int_gt(mi_encoder_params(e, &numbers), 0);
        ck_assert_msg(numbers == cases[i].numbers, "%s: %lld", cases[i].text, (long long)numbers);
        ck_assert_int_eq(mi_encoder_width(e, -1), cases[i].features);
        mi_encoder_destroy(e);
    }
}
END_TEST

START_TEST(vgg_11_drops_pools_that_leave_nothing) {
    mi_encoder *e = make("vgg-11", 24, 1); /* 24 12 6 3 1: the fifth pool has nothing to do */
    ck_assert_int_eq(mi_encoder_width(e, -1), 512);
    mi_encoder_destroy(e);
}
END_TEST

START_TEST(infomax_is_the_encoder_of_the_paper) {
    mi_encoder *e = make("infomax, dense 64", 32, 3);
    int64_t numbers;
    mi_encoder_params(e, &numbers);
    ck_assert_int_eq(mi_encoder_width(e, -1), 64);
    ck_assert_int_eq(numbers, 16 * (3 * 64 + 64 * 128 + 128 * 256) + 2 * (64 + 128 + 256 + 1024) +
                                  4 * 4 * 256 * 1024 + 1024 + 1024 * 64 + 64);
    mi_encoder_destroy(e);
}
END_TEST

START_TEST(kernels_strides_and_pads_are_read) {
    const struct {
        const char *text;
        int64_t kernel, stride, pad, rows;
        bool bias;
    } cases[] = {
        {"conv 2", 3, 1, 1, 9, true},
        {"conv 2, bn", 3, 1, 1, 9, false},
        {"conv 2 1x1, bn", 1, 1, 0, 9, false},
        {"conv 2 4x4", 4, 1, 1, 8, true},
        {"conv 2 4 x 4 stride 2, bn", 4, 2, 1, 4, false},
        {"conv 2 5x5 bias, bn", 5, 1, 2, 9, true},
        {"conv 2 5x5 stride 3 pad 0 bias, bn", 5, 3, 0, 2, true},
        {"conv 2 stride 8, bn", 3, 8, 1, 2, false},
        {"conv 2 pad 2, bn", 3, 1, 2, 11, false},
        {"conv 2 15x15 pad 14, bn", 15, 1, 14, 23, false},
        {"conv 2 9x9 pad 0, bn", 9, 1, 0, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mi_encoder *e = make(cases[i].text, 9, 3);
        const mi__layer *l = &e->layer[0];
        mi_param_info info = {.struct_size = sizeof info};
        ck_assert_msg(l->kernel == cases[i].kernel && l->stride == cases[i].stride &&
                          l->pad == cases[i].pad && l->bias == cases[i].bias,
                      "\"%s\": %d, %d, %d, %d", cases[i].text, (int)l->kernel, (int)l->stride,
                      (int)l->pad, l->bias);
        ck_assert_int_eq(mi_encoder_width(e, -1), 2 * cases[i].rows * cases[i].rows);
        OK(mi_encoder_param_info(e, 0, &info));
        const int64_t shape[4] = {cases[i].kernel, cases[i].kernel, 3, 2};
        ck_assert_mem_eq(info.shape, shape, sizeof shape);
        mi_encoder_destroy(e);
    }
}
END_TEST

/* Whatever is done together, names are those of the description. */
START_TEST(names_tell_the_place_in_the_description) {
    const char *const names[] = {"trunk.0.weight",
                                 "trunk.1.scale",
                                 "trunk.1.shift",
                                 "trunk.1.running_mean",
                                 "trunk.1.running_variance",
                                 "trunk.4.weight",
                                 "trunk.4.bias",
                                 "trunk.7.weight",
                                 "trunk.7.bias",
                                 "head.0.weight",
                                 "head.0.bias"};
    const int32_t count = (int32_t)(sizeof names / sizeof *names);
    mi_encoder *e = make("conv 2, bn, relu, maxpool, conv 3, relu, gap, dense 4 | softmax 2", 8, 1);
    ck_assert_int_eq(mi_encoder_params(e, NULL), count);
    for (int32_t i = 0; i < count; i++)
        ck_assert_int_eq(mi_encoder_param_find(e, names[i]), i);
    mi_encoder_destroy(e);
}
END_TEST

START_TEST(errors_point_at_the_character) {
    const struct {
        const char *text, *message;
        mi_status status;
    } cases[] = {
        {"", "character 1: expected a layer", MI_E_FORMAT},
        {"conv", "character 5: expected a number of outputs", MI_E_FORMAT},
        {"conv 0", "character 6: expected a number", MI_E_FORMAT},
        {"conv 99999999999999999999", "character 6: expected a number", MI_E_FORMAT},
        {"conv 4, bm", "character 9: expected a layer", MI_E_FORMAT},
        {"conv 4,, bn", "character 8: expected a layer", MI_E_FORMAT},
        {"conv 4 bn", "character 8: expected , or | or the end", MI_E_FORMAT},
        {"conv 4, leaky 2", "character 15: expected a slope", MI_E_FORMAT},
        {"conv 4, leaky .", "character 15: expected a slope", MI_E_FORMAT},
        {"conv 4 |", "character 9: expected a head", MI_E_FORMAT},
        {"conv 4 | 5 softmax 3", "character 12: expected x", MI_E_FORMAT},
        {"conv 4 | softmax", "character 17: expected a number of classes", MI_E_FORMAT},
        {"conv 4 | softmax 3 | softmax 3", "character 20: expected ,", MI_E_FORMAT},
        {"conv 4 | 300 x softmax 3", "1 to 256", MI_E_FORMAT},
        {"conv 4 | 200 x softmax 3, 200 x softmax 3", "more than 256 heads", MI_E_FORMAT},
        {"vgg-ff", "character 1: expected a layer", MI_E_FORMAT},
        {"conv 4 4x3", "character 8: expected two equal sides (kernels are square)", MI_E_FORMAT},
        {"conv 4 4", "character 9: expected x between the sides", MI_E_FORMAT},
        {"conv 4 16x16", "character 8: expected a side of the kernel in 1 to 15", MI_E_FORMAT},
        {"conv 4 3x", "character 10: expected a side of the kernel in 1 to 15", MI_E_FORMAT},
        {"conv 4 0x0", "character 8: expected a side of the kernel in 1 to 15", MI_E_FORMAT},
        {"conv 4 stride", "character 14: expected a stride in 1 to 8", MI_E_FORMAT},
        {"conv 4 stride 9", "character 15: expected a stride in 1 to 8", MI_E_FORMAT},
        {"conv 4 stride 0", "character 15: expected a stride in 1 to 8", MI_E_FORMAT},
        {"conv 4 pad 3", "character 12: expected a pad from 0 to less than", MI_E_FORMAT},
        {"conv 4 5x5 pad -1", "character 16: expected a pad from 0 to less than", MI_E_FORMAT},
        {"conv 4 pad 1 stride 2", "character 14: expected , or", MI_E_FORMAT},
        {"dense 4 3x3", "character 9: expected , or", MI_E_FORMAT},
        {"conv 4, maxpool, maxpool, conv 4 5x5 pad 1",
         "a kernel of 5 x 5 does not fit a map of 2 x 2 with pad 1", MI_E_SHAPE},
        {"infomax, conv 4 4x4 stride 2 pad 0",
         "a kernel of 4 x 4 does not fit a map of 1 x 1 with pad 0", MI_E_SHAPE},
        {"vgg-11, maxpool", "at least 2 x 2, it gets 1 x 1", MI_E_SHAPE},
        {"tap, conv 4", "character 1: expected a layer before the tap", MI_E_FORMAT},
        {"conv 4, tap, tap, tap, tap, tap", "character 29: expected 4 taps at most", MI_E_FORMAT},
        {"conv 4, residual", "character 17: expected ( after residual", MI_E_FORMAT},
        {"residual(", "character 10: expected a layer", MI_E_FORMAT},
        {"residual(conv 4", "character 16: expected , or )", MI_E_FORMAT},
        {"residual(conv 4))", "character 17: expected , or |", MI_E_FORMAT},
        {"residual(gap, maxpool)", "at least 2 x 2, it gets 1 x 1", MI_E_SHAPE},
        {"residual(conv 4 4x4 pad 0)", "a map of 8 x 8 to one of 5 x 5: no stride", MI_E_SHAPE},
        {"residual(residual(residual(residual(residual(residual(residual(residual(residual(",
         "expected residual not more than 8 deep", MI_E_FORMAT},
        {"conv 4, maxpool, maxpool, maxpool, maxpool", "at least 2 x 2, it gets 1 x 1", MI_E_SHAPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mi_encoder *e = NULL;
        mi_encoder_options o = {.struct_size = sizeof o, .height = 8};
        mi_status status = mi_encoder_create(NULL, cases[i].text, &o, &e);
        ck_assert_msg(status == cases[i].status, "\"%s\": %s", cases[i].text,
                      mi_status_name(status));
        ck_assert_msg(strstr(mi_error_message(), cases[i].message) != NULL, "\"%s\": %s",
                      cases[i].text, mi_error_message());
        ck_assert_ptr_null(e);
    }
    char many[4096] = "relu";
    for (int i = 0; i < 200; i++)
        strcat(many, ", relu");
    mi_encoder *e = NULL;
    FAILS(MI_E_FORMAT, "more than 128 layers", mi_encoder_create(NULL, many, NULL, &e));
}
END_TEST

UNIT_MAIN("description", presets_have_their_shapes, vgg_11_drops_pools_that_leave_nothing,
          infomax_is_the_encoder_of_the_paper, kernels_strides_and_pads_are_read,
          names_tell_the_place_in_the_description, errors_point_at_the_character)
