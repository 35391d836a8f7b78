/* SPDX-License-Identifier: BSD-2-Clause */
/* NULL for everything that must be there: MI_E_ARG with the argument's name, or the documented
 * answer of calls that cannot fail. */
#include "../unit/unit.h"

/* Fails, and outputs that were there before are still what they were. */
#define REFUSED(call) FAILS(MI_E_ARG, "NULL", call)

START_TEST(creation) {
    mi_pairs *pairs = (mi_pairs *)1;
    mi_optimizer *optimizer = (mi_optimizer *)1;
    mi_cluster *cluster = (mi_cluster *)1;
    mi_encoder *encoder = (mi_encoder *)1;
    REFUSED(mi_context_create(NULL, NULL));
    REFUSED(mi_assign_create(NULL, NULL));
    REFUSED(mi_iic_create(NULL, NULL, NULL));
    REFUSED(mi_encoder_create(NULL, "gap", NULL, NULL));
    REFUSED(mi_encoder_create(NULL, NULL, NULL, &encoder));
    REFUSED(mi_optimizer_create(NULL, NULL, &optimizer));
    REFUSED(mi_pairs_create(NULL, NULL, NULL, &pairs));
    REFUSED(mi_cluster_create(NULL, NULL, NULL, &cluster));
    ck_assert(pairs == (mi_pairs *)1 && optimizer == (mi_optimizer *)1);
    ck_assert(cluster == (mi_cluster *)1 && encoder == (mi_encoder *)1);
}
END_TEST

START_TEST(datasets) {
    mi_dataset *dataset = (mi_dataset *)1;
    uint8_t pixel = 0;
    float value = 7;
    mi_dataset_shape shape = {.struct_size = sizeof shape};
    REFUSED(mi_dataset_open(NULL, NULL, MI_SPLIT_TRAIN, &dataset));
    REFUSED(mi_dataset_open(NULL, "builtin", MI_SPLIT_TRAIN, NULL));
    REFUSED(mi_dataset_open_idx(NULL, NULL, NULL, &dataset));
    REFUSED(mi_dataset_open_idx(NULL, "x", NULL, NULL));
    REFUSED(mi_dataset_open_cifar(NULL, NULL, MI_SPLIT_TRAIN, &dataset));
    REFUSED(mi_dataset_open_cifar(NULL, "x", MI_SPLIT_TRAIN, NULL));
    REFUSED(mi_dataset_open_stl(NULL, NULL, MI_SPLIT_TRAIN, &dataset));
    REFUSED(mi_dataset_open_stl(NULL, "x", MI_SPLIT_TRAIN, NULL));
    REFUSED(mi_dataset_open_folders(NULL, NULL, &dataset));
    REFUSED(mi_dataset_open_folders(NULL, "x", NULL));
    REFUSED(mi_dataset_open_folders_at(NULL, NULL, 8, &dataset));
    REFUSED(mi_dataset_open_folders_at(NULL, "x", 8, NULL));
    REFUSED(mi_dataset_from_u8(NULL, 1, 1, 1, 1, NULL, NULL, &dataset));
    REFUSED(mi_dataset_from_u8(NULL, 1, 1, 1, 1, &pixel, NULL, NULL));
    REFUSED(mi_dataset_from_f32(NULL, 1, 1, 1, 1, NULL, NULL, &dataset));
    REFUSED(mi_dataset_from_f32(NULL, 1, 1, 1, 1, &value, NULL, NULL));
    REFUSED(mi_dataset_digits(NULL, 0, 0, 1, NULL));
    REFUSED(mi_dataset_info(NULL, &shape));
    REFUSED(mi_dataset_read(NULL, 1, NULL, &value, NULL));
    REFUSED(mi_pairs_plain(NULL, 1, 1, NULL, &value));
    ck_assert(dataset == (mi_dataset *)1 && shape.count == 0 && value == 7);

    OK(mi_dataset_from_u8(NULL, 1, 1, 1, 1, &pixel, NULL, &dataset));
    REFUSED(mi_dataset_info(dataset, NULL));
    REFUSED(mi_pairs_plain(dataset, 1, 1, NULL, NULL));
    OK(mi_dataset_read(dataset, 1, NULL, NULL, NULL));
    mi_dataset_destroy(dataset);
}
END_TEST

START_TEST(pairs) {
    float x = 7;
    int64_t batch = 7;
    REFUSED(mi_pairs_next(NULL, &x, &x, NULL));
    REFUSED(mi_pairs_seek(NULL, 0));
    REFUSED(mi_pairs_sizes(NULL, &batch, NULL, NULL, NULL));
    ck_assert(x == 7 && batch == 7);
    ck_assert_int_eq(mi_pairs_batches(NULL), 0);
    ck_assert_int_eq(mi_pairs_position(NULL), 0);
}
END_TEST

START_TEST(encoders) {
    float x = 7;
    mi_param_info info = {.struct_size = sizeof info};
    REFUSED(mi_encoder_forward(NULL, MI_MODE_EVAL, 1, &x));
    REFUSED(mi_encoder_output(NULL, 0, &x));
    REFUSED(mi_encoder_backward(NULL, NULL, NULL, NULL));
    REFUSED(mi_encoder_param_info(NULL, 0, &info));
    REFUSED(mi_encoder_param_read(NULL, 0, &x));
    REFUSED(mi_encoder_param_write(NULL, 0, &x));
    REFUSED(mi_encoder_grad_read(NULL, 0, &x));
    REFUSED(mi_encoder_grad_write(NULL, 0, &x));
    REFUSED(mi_encoder_memory(NULL, MI_MODE_EVAL, 1, NULL));
    REFUSED(mi_encoder_save(NULL, "x"));
    REFUSED(mi_encoder_load(NULL, "x"));
    ck_assert_int_eq(mi_encoder_heads(NULL), 0);
    ck_assert_int_eq(mi_encoder_width(NULL, 0), 0);
    ck_assert_int_eq(mi_encoder_input(NULL, NULL, NULL, NULL), 0);
    ck_assert_int_eq(mi_encoder_params(NULL, NULL), 0);
    ck_assert_int_eq(mi_encoder_param_find(NULL, "trunk.0.weight"), -1);
    ck_assert_int_eq((int64_t)mi_encoder_summary(NULL, NULL, 0), 0);
    ck_assert(x == 7);

    mi_encoder *encoder = NULL;
    OK(mi_encoder_create(NULL, "gap | softmax 2", NULL, &encoder));
    REFUSED(mi_encoder_forward(encoder, MI_MODE_EVAL, 1, NULL));
    REFUSED(mi_encoder_param_info(encoder, 0, NULL));
    REFUSED(mi_encoder_param_read(encoder, 0, NULL));
    REFUSED(mi_encoder_param_write(encoder, 0, NULL));
    REFUSED(mi_encoder_save(encoder, NULL));
    REFUSED(mi_encoder_load(encoder, NULL));
    ck_assert_int_eq(mi_encoder_param_find(encoder, NULL), -1);
    mi_encoder_destroy(encoder);
}
END_TEST

START_TEST(training) {
    float x = 7;
    int32_t label = 7;
    mi_cluster_score score = {.struct_size = sizeof score};
    REFUSED(mi_optimizer_step(NULL));
    ck_assert(mi_optimizer_rate(NULL) == 0);
    ck_assert_int_eq(mi_optimizer_steps(NULL), 0);
    REFUSED(mi_cluster_step(NULL, 1, &x, 1, &x, NULL));
    ck_assert_int_eq(mi_cluster_select(NULL), -1);
    REFUSED(mi_cluster_restart(NULL, NULL, 1, NULL));
    REFUSED(mi_cluster_predict(NULL, -1, 1, &x, &label, NULL));
    REFUSED(mi_cluster_evaluate(NULL, NULL, &score));
    REFUSED(mi_cluster_save(NULL, NULL, "x"));
    REFUSED(mi_cluster_restore(NULL, NULL, "x"));
    REFUSED(mi_infomax_create(NULL, NULL, NULL, NULL));
    REFUSED(mi_infomax_step(NULL, 2, &x, NULL, NULL));
    REFUSED(mi_infomax_encode(NULL, 1, &x, NULL, NULL, NULL));
    REFUSED(mi_infomax_widths(NULL, NULL, NULL, NULL));
    REFUSED(mi_infomax_save(NULL, NULL, "x"));
    REFUSED(mi_infomax_restore(NULL, NULL, "x"));
    mi_infomax_destroy(NULL);
    ck_assert(x == 7 && label == 7 && score.loss == 0);
}
END_TEST

START_TEST(objectives) {
    double one = 1, loss = 7;
    int64_t column = 7;
    int32_t group = 7;
    mi_assign *assign = NULL;
    mi_iic *iic = NULL;
    OK(mi_assign_create(NULL, &assign));
    OK(mi_iic_create(NULL, NULL, &iic));
    mi_iic_head_f64 head = {.classes = 2};
    mi_iic_head_f32 head32 = {.classes = 2};
    REFUSED(mi_assign_solve_f64(NULL, 1, 1, &one, 0, 0, &column, NULL, NULL));
    REFUSED(mi_assign_solve_f64(assign, 1, 1, NULL, 0, 0, &column, NULL, NULL));
    REFUSED(mi_assign_solve_f32(assign, 1, 1, NULL, 0, 0, &column, NULL, NULL));
    REFUSED(mi_assign_solve_i64(NULL, 1, 1, NULL, 0, 0, &column, NULL, NULL));
    REFUSED(mi_assign_solve_i64(assign, 1, 1, NULL, 0, 0, &column, NULL, NULL));
    REFUSED(mi_assign_solve_i32(assign, 1, 1, NULL, 0, 0, &column, NULL, NULL));
    mi_assign_io io = {.struct_size = sizeof io, .rows = 1, .cols = 1, .row_to_col = &column};
    REFUSED(mi_assign_solve(assign, &io));
    REFUSED(mi_assign_solve(assign, NULL));
    REFUSED(mi_assign_solve(NULL, &io));
    REFUSED(mi_assign_solve_many(NULL, 1, &io));
    REFUSED(mi_assign_solve_many(assign, 1, NULL));
    OK(mi_assign_solve(
        assign, &(mi_assign_io){.struct_size = sizeof io, .rows = 1, .cols = 1, .cost = &one}));
    OK(mi_assign_solve_f64(assign, 0, 0, NULL, 0, 0, NULL, NULL, NULL));
    REFUSED(mi_iic_eval_f64(NULL, 1, 1, &head, &loss));
    REFUSED(mi_iic_eval_f64(iic, 1, 1, NULL, &loss));
    REFUSED(mi_iic_eval_f64(iic, 1, 1, &head, &loss));
    REFUSED(mi_iic_eval_f32(iic, 1, 1, &head32, &loss));
    REFUSED(mi_iic_joint_loss(2, NULL, 0, 1, &loss));
    REFUSED(mi_iic_merge(NULL, 2, NULL, 0, 1, &group, NULL));
    ck_assert(loss == 7 && column == 7 && group == 7 && head.loss == 0);
    mi_assign_destroy(assign);
    mi_iic_destroy(iic);
}
END_TEST

START_TEST(scores) {
    int64_t counts[4] = {1, 0, 0, 1};
    int32_t one = 0;
    double value = 7;
    REFUSED(mi_score_confusion(1, NULL, &one, 1, 1, counts));
    REFUSED(mi_score_confusion(1, &one, NULL, 1, 1, counts));
    REFUSED(mi_score_confusion(1, &one, &one, 1, 1, NULL));
    REFUSED(mi_score_accuracy(NULL, 2, 2, NULL, NULL, &value));
    REFUSED(mi_score_accuracy(NULL, 2, 2, counts, NULL, NULL));
    REFUSED(mi_score_majority(2, 2, NULL, NULL, &value));
    REFUSED(mi_score_majority(2, 2, counts, NULL, NULL));
    REFUSED(mi_score_nmi(2, 2, NULL, MI_NMI_ARITHMETIC, &value));
    REFUSED(mi_score_nmi(2, 2, counts, MI_NMI_ARITHMETIC, NULL));
    REFUSED(mi_score_ari(2, 2, NULL, &value));
    REFUSED(mi_score_ari(2, 2, counts, NULL));
    REFUSED(mi_image_write_png(NULL, 1, 1, 1, (const uint8_t *)"x", 0));
    REFUSED(mi_image_write_png("x.png", 1, 1, 1, NULL, 0));
    ck_assert(value == 7 && counts[0] == 1);
}
END_TEST

START_TEST(neighbours) {
    const float vector = 1, distance = 0;
    const int64_t first = 0;
    int64_t index = 7;
    int32_t label = 0;
    double value = 7;
    mi_nearest_io io = {.struct_size = sizeof io,
                        .n = 1,
                        .d = 1,
                        .base = &vector,
                        .m = 1,
                        .query = &vector,
                        .k = 1,
                        .metric = MI_NEAREST_COSINE};
    mi_nearest_vote vote = {.struct_size = sizeof vote,
                            .m = 1,
                            .k = 1,
                            .index = &first,
                            .n = 1,
                            .label = &label,
                            .classes = 1};
    REFUSED(mi_nearest_search(NULL, NULL));
    REFUSED(mi_nearest_search(NULL, &io));
    io.index = &index;
    io.base = NULL;
    REFUSED(mi_nearest_search(NULL, &io));
    REFUSED(mi_nearest_classify(NULL, NULL, &label));
    REFUSED(mi_nearest_classify(NULL, &vote, &label));
    vote.distance = &distance;
    REFUSED(mi_nearest_classify(NULL, &vote, NULL));
    REFUSED(mi_nearest_accuracy(NULL, &vote, NULL, &value));
    REFUSED(mi_nearest_accuracy(NULL, &vote, &label, NULL));
    ck_assert(index == 7 && value == 7);
}
END_TEST

START_TEST(texts) {
    ck_assert_int_ge((int64_t)mi_build_info(NULL, 0), 10);
    ck_assert_int_ge((int64_t)mi_error_copy(NULL, 0), 0);
    ck_assert_ptr_nonnull(mi_error_message());
    ck_assert_str_eq(mi_status_name(-12345), "MI_E_?");
    ck_assert_int_ge(mi_context_threads(NULL), 1);
    char text[8] = "1234567";
    size_t length = mi_build_info(text, sizeof text);
    ck_assert(length > sizeof text && strlen(text) == sizeof text - 1);
}
END_TEST

UNIT_MAIN("nulls", creation, datasets, pairs, encoders, training, objectives, scores, neighbours,
          texts)
