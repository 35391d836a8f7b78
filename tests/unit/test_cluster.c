/* SPDX-License-Identifier: BSD-2-Clause */
/* The clustering model: it learns, it is reproducible, it stops and goes on. */
#include "unit.h"

#include "../../lib/model/model.h"

#include <stdio.h>
#include <unistd.h>

typedef struct fixture {
    mi_context *context;
    mi_dataset *set;
    mi_pairs *pairs;
    mi_encoder *encoder;
    mi_optimizer *optimizer;
    mi_cluster *cluster;
    float *x, *xt;
} fixture;

enum { BATCH = 32, REPEATS = 2, SIDE = 24 };

static fixture make(int32_t threads, const char *text, int32_t late) {
    fixture f = {0};
    mi_context_options co = {.struct_size = sizeof co, .threads = threads, .seed = 5};
    OK(mi_context_create(&co, &f.context));
    OK(mi_dataset_digits(f.context, 1, 0, 640, &f.set));
    mi_pairs_options po = {.struct_size = sizeof po, .batch = BATCH, .repeats = REPEATS};
    OK(mi_pairs_create(f.context, f.set, &po, &f.pairs));
    OK(mi_encoder_create(f.context, text, NULL, &f.encoder));
    OK(mi_optimizer_create(f.encoder, NULL, &f.optimizer));
    mi_cluster_options ko = {.struct_size = sizeof ko, .late_heads = late};
    OK(mi_cluster_create(f.encoder, f.optimizer, &ko, &f.cluster));
    f.x = malloc(BATCH * SIDE * SIDE * sizeof *f.x);
    f.xt = malloc(BATCH * REPEATS * SIDE * SIDE * sizeof *f.xt);
    return f;
}

static void destroy(fixture *f) {
    mi_context_destroy(f->context); /* on purpose in this order: each is kept by the next */
    mi_dataset_destroy(f->set);
    mi_encoder_destroy(f->encoder);
    mi_optimizer_destroy(f->optimizer);
    mi_pairs_destroy(f->pairs);
    mi_cluster_destroy(f->cluster);
    free(f->x);
    free(f->xt);
}

static double train(fixture *f, int steps) {
    mi_cluster_report report = {.struct_size = sizeof report};
    for (int i = 0; i < steps; i++) {
        OK(mi_pairs_next(f->pairs, f->x, f->xt, NULL));
        OK(mi_cluster_step(f->cluster, BATCH, f->x, REPEATS, f->xt, &report));
    }
    return report.loss;
}

/* All parameters, states included, one after another. */
static float *weights(const mi_encoder *e, int64_t *count) {
    float *all = NULL;
    *count = 0;
    for (int32_t i = 0; i < mi_encoder_params(e, NULL); i++) {
        mi_param_info info = {.struct_size = sizeof info};
        OK(mi_encoder_param_info(e, i, &info));
        all = realloc(all, (size_t)(*count + info.count) * sizeof *all);
        OK(mi_encoder_param_read(e, i, all + *count));
        *count += info.count;
    }
    return all;
}

static void assert_same_weights(const mi_encoder *a, const mi_encoder *b) {
    int64_t na, nb;
    float *wa = weights(a, &na), *wb = weights(b, &nb);
    ck_assert_int_eq(na, nb);
    ck_assert_mem_eq(wa, wb, (size_t)na * sizeof *wa);
    free(wa);
    free(wb);
}

#define NET                                                                                        \
    "conv 8, bn, relu, maxpool, conv 16, bn, relu, maxpool, conv 16, bn, relu, maxpool | 2 x "     \
    "softmax 10, softmax 20"

START_TEST(the_loss_falls) {
    fixture f = make(2, NET, 0);
    double first = train(&f, 1), last = train(&f, 59);
    ck_assert_msg(first > -0.01 && last < -0.05, "loss %g, then %g", first, last);
    destroy(&f);
}
END_TEST

START_TEST(the_step_is_the_gradient_of_the_loss) {
    /* One step of plain SGD moves the loss of the same batch by -rate |g|^2 to first order. */
    fixture f = make(1, NET, 0);
    mi_optimizer_options oo = {
        .struct_size = sizeof oo, .kind = MI_OPTIMIZER_SGD, .rate = 1e-3, .momentum = -1};
    mi_optimizer *sgd;
    mi_cluster *cluster;
    train(&f, 60);
    OK(mi_optimizer_create(f.encoder, &oo, &sgd));
    OK(mi_cluster_create(f.encoder, sgd, NULL, &cluster));
    mi_cluster_report before = {.struct_size = sizeof before}, after = before;
    OK(mi_cluster_step(cluster, BATCH, f.x, REPEATS, f.xt, &before));
    double square = 0;
    for (int32_t i = 0; i < f.encoder->params; i++)
        for (int64_t j = 0; f.encoder->param[i]->grad != NULL && j < f.encoder->param[i]->count;
             j++)
            square += pow((double)((float *)f.encoder->param[i]->grad)[j], 2);
    OK(mi_cluster_step(cluster, BATCH, f.x, REPEATS, f.xt, &after));
    double expected = -1e-3 * square, found = after.loss - before.loss;
    ck_assert_msg(fabs(found / expected - 1) < 0.05, "%g, expected %g", found, expected);
    mi_cluster_destroy(cluster);
    mi_optimizer_destroy(sgd);
    destroy(&f);
}
END_TEST

static void check_repeats(const char *text, int steps) {
    fixture first = make(1, text, 0);
    train(&first, steps);
    for (int32_t threads = 1; threads <= 3; threads++) {
        fixture again = make(threads, text, 0);
        train(&again, steps);
        assert_same_weights(first.encoder, again.encoder);
        destroy(&again);
    }
    destroy(&first);
}

START_TEST(runs_repeat_at_any_number_of_threads) {
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        setenv("LIBMI_CPU", k->name, 1);
        check_repeats(NET, 20);
    }
    unsetenv("LIBMI_CPU");
    check_repeats("vgg-f | 2 x softmax 10, softmax 50", 20);
}
END_TEST

START_TEST(checkpoints_resume_bit_for_bit) {
    char path[] = "/tmp/libmi-cluster-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    fixture whole = make(2, NET, 1), first = make(2, NET, 1), second = make(1, NET, 1);
    int32_t count;
    train(&whole, 5);
    OK(mi_cluster_restart(whole.cluster, whole.pairs, 2, &count));
    train(&whole, 18); /* over the end of an epoch of 20 batches */
    train(&first, 5);
    OK(mi_cluster_restart(first.cluster, first.pairs, 2, &count));
    ck_assert_int_eq(mi_pairs_position(first.pairs), 5);
    train(&first, 3);
    OK(mi_cluster_save(first.cluster, first.pairs, path));
    train(&second, 2); /* to be overwritten */
    OK(mi_cluster_restore(second.cluster, second.pairs, path));
    ck_assert_int_eq(mi_pairs_position(second.pairs), 8);
    train(&second, 15);
    assert_same_weights(whole.encoder, second.encoder);
    for (int32_t h = 0; h < 3; h++)
        ck_assert_double_eq(whole.cluster->running[h].sum, second.cluster->running[h].sum);
    OK(mi_encoder_load(first.encoder, path)); /* a checkpoint is a file of weights too */
    unlink(path);
    destroy(&whole), destroy(&first), destroy(&second);
}
END_TEST

START_TEST(a_failing_restore_changes_nothing) {
    char path[] = "/tmp/libmi-cluster-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    fixture f = make(1, NET, 0), g = make(1, NET, 0);
    train(&f, 2), train(&g, 2);
    OK(mi_encoder_save(f.encoder, path)); /* weights, but no optimizer */
    FAILS(MI_E_FORMAT, "optimizer.first", mi_cluster_restore(f.cluster, f.pairs, path));
    assert_same_weights(f.encoder, g.encoder);
    OK(mi_cluster_save(f.cluster, f.pairs, path));
    mi_pairs_options po = {.struct_size = sizeof po, .batch = BATCH / 2, .repeats = REPEATS};
    mi_pairs *others;
    OK(mi_pairs_create(f.context, f.set, &po, &others));
    FAILS(MI_E_SHAPE, "batches of 32 images and 2 twins, these pairs give 16 and 2",
          mi_cluster_restore(f.cluster, others, path));
    ck_assert_int_eq(mi_pairs_position(others), 0);
    mi_pairs_destroy(others);
    mi_optimizer_options oo = {.struct_size = sizeof oo, .kind = MI_OPTIMIZER_SGD};
    mi_optimizer *sgd;
    mi_cluster *other;
    OK(mi_optimizer_create(f.encoder, &oo, &sgd));
    OK(mi_cluster_create(f.encoder, sgd, NULL, &other));
    FAILS(MI_E_FORMAT, "kind 1, this one is of kind 2", mi_cluster_restore(other, NULL, path));
    mi_cluster_destroy(other);
    mi_optimizer_destroy(sgd);
    OK(mi_cluster_save(f.cluster, NULL, path));
    ck_assert_int_eq(truncate(path, 3000), 0);
    FAILS(MI_E_FORMAT, path, mi_cluster_restore(f.cluster, f.pairs, path));
    assert_same_weights(f.encoder, g.encoder);
    train(&f, 1);
    unlink(path);
    destroy(&f), destroy(&g);
}
END_TEST

/* A checkpoint of `f` with one of its counts replaced. */
static void save_with(fixture *f, const char *path, int64_t *count, int64_t value) {
    int64_t kept = *count;
    *count = value;
    OK(mi_cluster_save(f->cluster, f->pairs, path));
    *count = kept;
}

START_TEST(a_restore_of_bad_numbers_changes_nothing) {
    char path[] = "/tmp/libmi-cluster-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    fixture f = make(1, NET, 0), g = make(1, NET, 0), late;
    train(&f, 2), train(&g, 3);
    float *before, *after;
    int64_t count;
    before = weights(g.encoder, &count);
    save_with(&f, path, &f.optimizer->age[3], -1);
    FAILS(MI_E_FORMAT, "optimizer.age[3] is -1", mi_cluster_restore(g.cluster, g.pairs, path));
    save_with(&f, path, &f.optimizer->steps, INT64_MAX);
    FAILS(MI_E_FORMAT, "cluster.numbers[0]", mi_cluster_restore(g.cluster, g.pairs, path));
    double sum = f.cluster->running[0].sum;
    f.cluster->running[0].sum = NAN;
    OK(mi_cluster_save(f.cluster, f.pairs, path));
    f.cluster->running[0].sum = sum;
    FAILS(MI_E_NUMERIC, "cluster.running", mi_cluster_restore(g.cluster, g.pairs, path));
    /* a place where pairs with fewer batches an epoch can't go */
    OK(mi_pairs_seek(f.pairs, mi_pairs_batches(f.pairs) * (((int64_t)1 << 32) - 1)));
    OK(mi_cluster_save(f.cluster, f.pairs, path));
    mi_pairs_options po = {.struct_size = sizeof po, .batch = BATCH, .repeats = REPEATS};
    mi_dataset *small;
    mi_pairs *few;
    OK(mi_dataset_digits(g.context, 1, 0, 2 * BATCH, &small));
    OK(mi_pairs_create(g.context, small, &po, &few));
    mi_dataset_destroy(small);
    FAILS(MI_E_ARG, "position", mi_cluster_restore(g.cluster, few, path));
    ck_assert_int_eq(mi_pairs_position(few), 0);
    mi_pairs_destroy(few);
    after = weights(g.encoder, &count);
    ck_assert_mem_eq(before, after, (size_t)count * sizeof *before);
    ck_assert_int_eq(mi_optimizer_steps(g.optimizer), 3);
    ck_assert_int_eq(mi_pairs_position(g.pairs), 3);
    free(before), free(after);

    OK(mi_cluster_save(f.cluster, NULL, path)); /* of other heads, though the first two agree */
    late = make(1,
                "conv 8, bn, relu, maxpool, conv 16, bn, relu, maxpool, conv 16, bn, relu, "
                "maxpool | 2 x softmax 10",
                0);
    FAILS(MI_E_SHAPE, "optimizer.age", mi_cluster_restore(late.cluster, NULL, path));
    unlink(path);
    destroy(&f), destroy(&g), destroy(&late);
}
END_TEST

START_TEST(a_restart_teaches_the_merged_clusters) {
    fixture f = make(2, NET, 1);
    train(&f, 60);
    ck_assert(f.cluster->running[0].mass == 0); /* waited */
    int32_t count = -1;
    OK(mi_cluster_restart(f.cluster, f.pairs, 10, &count));
    ck_assert_int_eq(count, 2);
    /* the taught heads agree with the over-clustering head: their information is not far below */
    mi_cluster_report report = {.struct_size = sizeof report};
    OK(mi_pairs_next(f.pairs, f.x, f.xt, NULL));
    OK(mi_cluster_step(f.cluster, BATCH, f.x, REPEATS, f.xt, &report));
    double taught = f.cluster->running[0].sum / f.cluster->running[0].mass;
    ck_assert_msg(taught < -0.15, "taught head begins at %g", taught);
    destroy(&f);

    f = make(1, NET, 0);
    train(&f, 2);
    float huge[8] = {3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f};
    OK(mi_encoder_param_write(f.encoder, mi_encoder_param_find(f.encoder, "trunk.1.scale"), huge));
    FAILS(MI_E_NUMERIC, "", mi_cluster_restart(f.cluster, f.pairs, 3, &count));
    ck_assert_int_eq(mi_pairs_position(f.pairs), 2);
    destroy(&f);

    f = make(1, "small | 2 x softmax 10", 0);
    FAILS(MI_E_STATE, "more than 10 classes", mi_cluster_restart(f.cluster, f.pairs, 1, NULL));
    FAILS(MI_E_ARG, "pairs", mi_cluster_restart(f.cluster, NULL, 1, NULL));
    destroy(&f);
}
END_TEST

/* The loss of the summed joint matrices, computed here from predictions. */
static double loss_of_batches(fixture *f, int32_t head, int batches) {
    enum { MOST = 20 };
    const int64_t k = mi_encoder_width(f->encoder, head);
    float z[BATCH * MOST], zt[BATCH * REPEATS * MOST];
    double joint[MOST * MOST] = {0}, loss;
    const int64_t position = mi_pairs_position(f->pairs);
    for (int b = 0; b < batches; b++) {
        OK(mi_pairs_next(f->pairs, f->x, f->xt, NULL));
        OK(mi_cluster_predict(f->cluster, head, BATCH, f->x, NULL, z));
        OK(mi_cluster_predict(f->cluster, head, BATCH * REPEATS, f->xt, NULL, zt));
        for (int64_t i = 0; i < BATCH * REPEATS; i++)
            for (int64_t p = 0; p < k * k; p++)
                joint[p] += (double)z[i / REPEATS * k + p / k] * (double)zt[i * k + p % k];
    }
    OK(mi_pairs_seek(f->pairs, position));
    OK(mi_iic_joint_loss(k, joint, 0, head < 2 ? 3 : 1, &loss));
    return loss;
}

START_TEST(what_is_measured_is_the_loss_of_all_batches) {
    fixture f = make(2, NET, 0);
    mi_cluster_options o = {.struct_size = sizeof o, .lambda = 3};
    double losses[3], expected[3];
    mi_cluster_score score[3] = {{.struct_size = sizeof score[0]}};
    mi_cluster_destroy(f.cluster);
    OK(mi_cluster_create(f.encoder, f.optimizer, &o, &f.cluster));
    train(&f, 25);
    for (int32_t h = 0; h < 3; h++)
        expected[h] = loss_of_batches(&f, h, 4);
    OK(mi_cluster_measure(f.cluster, f.pairs, 4, losses));
    ck_assert_int_eq(mi_pairs_position(f.pairs), 25);
    OK(mi_cluster_evaluate(f.cluster, f.set, score));
    for (int32_t h = 0; h < 3; h++) {
        ck_assert_double_eq_tol(losses[h], expected[h], 1e-6);
        ck_assert_double_eq(score[h].loss, losses[h]);
    }
    ck_assert_int_eq(mi_cluster_select(f.cluster), losses[1] < losses[0]);

    FAILS(MI_E_ARG, "got 0", mi_cluster_measure(f.cluster, f.pairs, 0, losses));
    FAILS(MI_E_ARG, "pairs", mi_cluster_measure(f.cluster, NULL, 1, losses));
    mi_pairs_options po = {.struct_size = sizeof po, .batch = BATCH, .size = 20};
    mi_pairs *other;
    OK(mi_pairs_create(f.context, f.set, &po, &other));
    FAILS(MI_E_SHAPE, "20 x 20", mi_cluster_measure(f.cluster, other, 1, losses));
    mi_pairs_destroy(other);
    OK(mi_cluster_evaluate(f.cluster, f.set, score));
    for (int32_t h = 0; h < 3; h++)
        ck_assert_double_eq(score[h].loss, losses[h]);
    destroy(&f);
}
END_TEST

START_TEST(scores_agree_with_predictions) {
    fixture f = make(2, NET, 0);
    train(&f, 30);
    mi_cluster_score score[3] = {{.struct_size = sizeof score[0]}};
    OK(mi_cluster_evaluate(f.cluster, f.set, score));
    float *x = malloc(640 * SIDE * SIDE * sizeof *x);
    int32_t label[640], truth[640];
    OK(mi_pairs_plain(f.set, SIDE, 640, NULL, x));
    OK(mi_dataset_read(f.set, 640, NULL, NULL, truth));
    for (int32_t h = 0; h < 3; h++) {
        int64_t counts[20 * 10];
        int32_t k = score[h].classes;
        double accuracy;
        OK(mi_cluster_predict(f.cluster, h, 640, x, label, NULL));
        OK(mi_score_confusion(640, label, truth, k, 10, counts));
        OK(mi_score_accuracy(NULL, k, 10, counts, NULL, &accuracy));
        ck_assert_double_eq(accuracy, score[h].accuracy);
        ck_assert_double_ge(score[h].majority, score[h].accuracy);
    }
    int32_t selected = mi_cluster_select(f.cluster);
    ck_assert(selected == (score[0].loss <= score[1].loss ? 0 : 1));
    x[700] = NAN;
    label[0] = 77;
    FAILS(MI_E_NUMERIC, "image 1 has", mi_cluster_predict(f.cluster, -1, 640, x, label, NULL));
    ck_assert_int_eq(label[0], 77);
    OK(mi_cluster_predict(f.cluster, -1, 0, NULL, NULL, NULL));
    free(x);
    destroy(&f);
}
END_TEST

START_TEST(a_step_that_overflows_changes_nothing) {
    fixture f = make(1, NET, 0), g = make(1, NET, 0);
    int32_t scale = mi_encoder_param_find(f.encoder, "trunk.1.scale");
    float kept[8], huge[8] = {3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f};
    train(&f, 2), train(&g, 2);
    OK(mi_encoder_param_read(f.encoder, scale, kept));
    OK(mi_encoder_param_write(f.encoder, scale, huge));
    FAILS(MI_E_NUMERIC, "", mi_cluster_step(f.cluster, BATCH, f.x, REPEATS, f.xt, NULL));
    OK(mi_encoder_param_write(f.encoder, scale, kept));
    train(&f, 2), train(&g, 2);
    assert_same_weights(f.encoder, g.encoder);
    ck_assert_double_eq(f.cluster->running[0].sum, g.cluster->running[0].sum);
    destroy(&f), destroy(&g);
}
END_TEST

START_TEST(a_gradient_that_overflows_changes_nothing) {
    /* The loss is an ordinary one: 1e20 * 1e-40 * 1e20. Its slope is 1e40. */
    mi_encoder_options eo = {.struct_size = sizeof eo, .height = 1};
    const float trunk[2] = {1e-40f, -1e-40f}, head[4] = {1e20f, 0, 0, 1e20f};
    const float x[4] = {1e20f, -1e20f, 5e19f, -2e20f};
    mi_encoder *e;
    mi_optimizer *o;
    mi_cluster *c;
    OK(mi_encoder_create(NULL, "dense 2 | softmax 2", &eo, &e));
    OK(mi_optimizer_create(e, NULL, &o));
    OK(mi_cluster_create(e, o, NULL, &c));
    OK(mi_encoder_param_write(e, mi_encoder_param_find(e, "trunk.0.weight"), trunk));
    OK(mi_encoder_param_write(e, mi_encoder_param_find(e, "head.0.weight"), head));
    FAILS(MI_E_NUMERIC, "trunk.0.weight", mi_cluster_step(c, 4, x, 1, x, NULL));
    ck_assert(c->running[0].mass == 0 && mi_optimizer_steps(o) == 0);
    mi_cluster_destroy(c);
    mi_optimizer_destroy(o);
    mi_encoder_destroy(e);
}
END_TEST

START_TEST(a_newer_host_gets_what_is_known) {
    struct {
        mi_cluster_report report;
        uint64_t unknown;
    } report = {{.struct_size = sizeof report}, 5};
    struct {
        mi_cluster_score score;
        uint64_t unknown;
    } score[3] = {{{.struct_size = sizeof score[0]}, 6}, {.unknown = 7}, {.unknown = 8}};
    fixture f = make(1, NET, 0);
    train(&f, 1);
    OK(mi_cluster_step(f.cluster, BATCH, f.x, REPEATS, f.xt, &report.report));
    ck_assert(report.report.struct_size == sizeof report && report.report.step == 2);
    ck_assert(report.report.loss < 0 && report.unknown == 5);
    OK(mi_cluster_evaluate(f.cluster, f.set, &score[0].score));
    for (int h = 0; h < 3; h++) {
        ck_assert_int_eq(score[h].score.classes, h < 2 ? 10 : 20);
        ck_assert(score[h].score.struct_size == sizeof score[h] && score[h].score.accuracy > 0);
        ck_assert_uint_eq(score[h].unknown, (uint64_t)h + 6);
    }
    report.report.struct_size = score[0].score.struct_size = 8;
    FAILS(MI_E_ABI, "mi_cluster_report.struct_size is 8",
          mi_cluster_step(f.cluster, BATCH, f.x, REPEATS, f.xt, &report.report));
    FAILS(MI_E_ABI, "mi_cluster_score.struct_size is 8",
          mi_cluster_evaluate(f.cluster, f.set, &score[0].score));
    destroy(&f);
}
END_TEST

START_TEST(wrong_use_is_told) {
    fixture f = make(1, NET, 0);
    mi_cluster *c = NULL;
    mi_encoder *linear;
    OK(mi_encoder_create(NULL, "small | linear 10", NULL, &linear));
    FAILS(MI_E_ARG, "head 0 must be a softmax", mi_cluster_create(linear, NULL, NULL, &c));
    FAILS(MI_E_ARG, "another encoder", mi_cluster_create(linear, f.optimizer, NULL, &c));
    mi_cluster_options o = {.struct_size = sizeof o, .classes = 11};
    FAILS(MI_E_ARG, "11", mi_cluster_create(f.encoder, NULL, &o, &c));
    o = (mi_cluster_options){.struct_size = sizeof o, .over_lambda = -3};
    FAILS(MI_E_ARG, "over_lambda must be above 0 and at most 1e+06, got -3",
          mi_cluster_create(f.encoder, f.optimizer, &o, &c));
    o = (mi_cluster_options){.struct_size = sizeof o, .lambda = -2};
    FAILS(MI_E_ARG, "-2", mi_cluster_create(f.encoder, NULL, &o, &c));
    o = (mi_cluster_options){.struct_size = sizeof o, .late_heads = 2};
    FAILS(MI_E_ARG, "it is 2", mi_cluster_create(f.encoder, NULL, &o, &c));
    OK(mi_cluster_create(f.encoder, NULL, NULL, &c));
    OK(mi_pairs_next(f.pairs, f.x, f.xt, NULL));
    FAILS(MI_E_STATE, "without an optimizer", mi_cluster_step(c, BATCH, f.x, REPEATS, f.xt, NULL));
    FAILS(MI_E_ARG, "got 0 and 2", mi_cluster_step(f.cluster, 0, f.x, REPEATS, f.xt, NULL));
    FAILS(MI_E_ARG, "got 32 and -1", mi_cluster_step(f.cluster, BATCH, f.x, -1, f.xt, NULL));
    f.xt[SIDE * SIDE + 3] = INFINITY;
    FAILS(MI_E_NUMERIC, "position 3", mi_cluster_step(f.cluster, BATCH, f.x, REPEATS, f.xt, NULL));
    mi_dataset *plain;
    float pixels[16] = {0};
    OK(mi_dataset_from_f32(NULL, 1, 4, 4, 1, pixels, NULL, &plain));
    mi_cluster_score score[3] = {{.struct_size = sizeof score[0]}};
    FAILS(MI_E_STATE, "no labels", mi_cluster_evaluate(f.cluster, plain, score));
    mi_dataset_destroy(plain);
    mi_cluster_destroy(c);
    mi_encoder_destroy(linear);
    destroy(&f);
}
END_TEST

UNIT_MAIN("cluster", the_loss_falls, the_step_is_the_gradient_of_the_loss,
          runs_repeat_at_any_number_of_threads, checkpoints_resume_bit_for_bit,
          a_failing_restore_changes_nothing, a_restore_of_bad_numbers_changes_nothing,
          a_restart_teaches_the_merged_clusters, what_is_measured_is_the_loss_of_all_batches,
          scores_agree_with_predictions, a_step_that_overflows_changes_nothing,
          a_gradient_that_overflows_changes_nothing, a_newer_host_gets_what_is_known,
          wrong_use_is_told)
