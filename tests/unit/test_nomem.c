/* SPDX-License-Identifier: BSD-2-Clause */
/* The N-th allocation fails, N = 1, 2, 3, ...: over the life of a training run there is always
 * MI_E_NOMEM, never a leak or a half result, and what exists stays usable. */
#include "failing.h"

#include "../../lib/base/base.h"

#include <stdio.h>
#include <unistd.h>

enum { BATCH = 8, REPEATS = 2, SIDE = 24 };

typedef struct run {
    mi_context *context;
    mi_dataset *set;
    mi_pairs *pairs;
    mi_encoder *encoder;
    mi_optimizer *optimizer;
    mi_cluster *cluster;
    mi_encoder *coder;
    mi_optimizer *teacher;
    mi_infomax *infomax;
    mi_iic *iic;
    mi_assign *assign;
} run;

/* Small and large, with a mask, many, and integers that float64 can't hold. */
static mi_status assign(mi_assign *a) {
    enum { ROWS = 140, COLS = 135 };
    static int64_t cost[ROWS * COLS], column[2][ROWS];
    static const uint8_t forbidden[ROWS * COLS];
    mi_assign_io io[2] = {{.rows = 3, .cols = 2}, {.rows = ROWS, .cols = COLS}};
    for (int64_t i = 0; i < ROWS * COLS; i++)
        cost[i] = (i * i % 1009) << 50;
    for (int t = 0; t < 2; t++) {
        io[t].struct_size = sizeof io[t];
        io[t].cost = cost;
        io[t].type = MI_ASSIGN_I64;
        io[t].forbidden = forbidden;
        io[t].row_to_col = column[t];
    }
    MI__TRY(mi_assign_solve(a, &io[0]));
    return mi_assign_solve_many(a, 2, io);
}

static mi_status create(failing *f, run *r) {
    MI__TRY(failing_context(f, 2, 3, &r->context));
    MI__TRY(mi_dataset_digits(r->context, 1, 0, 40, &r->set));
    mi_pairs_options po = {.struct_size = sizeof po, .batch = BATCH, .repeats = REPEATS};
    MI__TRY(mi_pairs_create(r->context, r->set, &po, &r->pairs));
    MI__TRY(mi_encoder_create(
        r->context,
        "conv 4, bn, relu, maxpool, conv 8 bias, gap | softmax 3, softmax 10, softmax 12", NULL,
        &r->encoder));
    MI__TRY(mi_optimizer_create(r->encoder, NULL, &r->optimizer));
    MI__TRY(mi_iic_create(r->context, NULL, &r->iic));
    MI__TRY(mi_assign_create(r->context, &r->assign));
    MI__TRY(mi_encoder_create(r->context, "conv 3 stride 8, tap, residual(conv 4), gap | linear 2",
                              NULL, &r->coder));
    MI__TRY(mi_optimizer_create(r->coder, NULL, &r->teacher));
    const mi_infomax_options io = {.struct_size = sizeof io,
                                   .alpha = 1,
                                   .beta = 1,
                                   .gamma = 1,
                                   .delta = 1,
                                   .discriminator = "dense 3, relu",
                                   .prior = MI_INFOMAX_PRIOR_NORMAL,
                                   .units = 4};
    MI__TRY(mi_infomax_create(r->coder, r->teacher, &io, &r->infomax));
    return mi_cluster_create(r->encoder, r->optimizer, NULL, &r->cluster);
}

static mi_status use(run *r, const char *path) {
    static float x[BATCH * SIDE * SIDE], xt[BATCH * REPEATS * SIDE * SIDE], dx[BATCH * SIDE * SIDE],
        dy[BATCH * 12];
    mi_cluster_score score[3] = {{.struct_size = sizeof score[0]}};
    const float *heads[3] = {dy, NULL, dy};
    float features[BATCH * 8] = {0};
    double joint[16];
    int32_t group[4];
    for (int i = 0; i < 16; i++)
        joint[i] = 1 + i % 5;
    MI__TRY(mi_pairs_next(r->pairs, x, xt, NULL));
    MI__TRY(mi_cluster_step(r->cluster, BATCH, x, REPEATS, xt, NULL));
    MI__TRY(mi_cluster_restart(r->cluster, r->pairs, 1, NULL));
    MI__TRY(mi_cluster_measure(r->cluster, r->pairs, 1, NULL));
    mi_status status = mi_cluster_evaluate(r->cluster, r->set, score);
    ck_assert_msg((status == MI_OK) == (score[0].classes != 0), "scores of a failure were given");
    MI__TRY(status);
    MI__TRY(mi_cluster_predict(r->cluster, -1, BATCH, x, NULL, dy));
    MI__TRY(mi_encoder_forward(r->encoder, MI_MODE_TRAIN, BATCH, x));
    MI__TRY(mi_encoder_backward(r->encoder, heads, features, dx));
    MI__TRY(mi_encoder_save(r->encoder, path));
    MI__TRY(mi_encoder_load(r->encoder, path));
    MI__TRY(mi_cluster_save(r->cluster, r->pairs, path));
    MI__TRY(mi_cluster_restore(r->cluster, r->pairs, path));
    MI__TRY(mi_infomax_step(r->infomax, BATCH, x, xt, NULL));
    MI__TRY(mi_infomax_encode(r->infomax, BATCH, x, NULL, NULL, features));
    MI__TRY(mi_infomax_save(r->infomax, r->pairs, path));
    MI__TRY(mi_infomax_restore(r->infomax, r->pairs, path));
    MI__TRY(assign(r->assign));
    return mi_iic_merge(r->context, 4, joint, 0, 2, group, NULL);
}

static void destroy(run *r) {
    mi_infomax_destroy(r->infomax);
    mi_optimizer_destroy(r->teacher);
    mi_encoder_destroy(r->coder);
    mi_cluster_destroy(r->cluster);
    mi_optimizer_destroy(r->optimizer);
    mi_encoder_destroy(r->encoder);
    mi_pairs_destroy(r->pairs);
    mi_dataset_destroy(r->set);
    mi_iic_destroy(r->iic);
    mi_assign_destroy(r->assign);
    mi_context_destroy(r->context);
}

START_TEST(every_allocation_may_fail) {
    char path[] = "/tmp/libmi-nomem-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    bool whole = false;
    int64_t failures = 0;
    for (int64_t at = 1; !whole; at++) {
        failing f = {0};
        run r = {0};
        f.fail_at = at;
        mi_status status = create(&f, &r);
        bool created = status == MI_OK;
        if (created)
            status = use(&r, path);
        whole = f.calls < at;
        ck_assert_msg(status == (whole ? MI_OK : MI_E_NOMEM), "allocation %lld: %s: %s",
                      (long long)at, mi_status_name(status), mi_error_message());
        failures += !whole;
        if (created) { /* the same handles work once there is memory again */
            f.fail_at = 0;
            OK(use(&r, path));
        }
        destroy(&r);
        ck_assert_msg(f.living == 0, "allocation %lld: %lld blocks leak", (long long)at,
                      (long long)f.living);
    }
    ck_assert_int_gt(failures, 100); /* the hook was really in the way */
    unlink(path);
}
END_TEST

START_TEST(a_step_allocates_nothing_once_it_has_its_size) {
    static float x[BATCH * SIDE * SIDE], xt[BATCH * REPEATS * SIDE * SIDE];
    failing f = {0};
    run r = {0};
    OK(create(&f, &r));
    int64_t before = 0;
    for (int i = 0; i < 4; i++) {
        OK(mi_pairs_next(r.pairs, x, xt, NULL));
        OK(mi_cluster_step(r.cluster, BATCH, x, REPEATS, xt, NULL));
        OK(mi_infomax_step(r.infomax, BATCH, x, xt, NULL));
        if (i == 0)
            before = f.calls;
    }
    ck_assert_int_eq(f.calls, before);
    destroy(&r);
}
END_TEST

/* What is not counted are tables of a few bytes for each layer and channel. */
static void takes(failing *f, const mi_encoder *e, int64_t before, int32_t mode, int64_t n) {
    int64_t bytes;
    OK(mi_encoder_memory(e, mode, n, &bytes));
    ck_assert_int_ge(f->bytes - before, bytes);
    ck_assert_int_le(f->bytes - before, bytes + (1 << 17));
}

START_TEST(an_encoder_takes_what_it_says) {
    static float x[6 * SIDE * SIDE];
    failing f = {0};
    mi_context *context;
    mi_encoder *e;
    OK(failing_context(&f, 2, 1, &context));
    int64_t before = f.bytes, train, eval, calls;
    OK(mi_encoder_create(context, "vgg-f | 2 x softmax 10, softmax 50", NULL, &e));
    OK(mi_encoder_forward(e, MI_MODE_EVAL, 6, x));
    takes(&f, e, before, MI_MODE_EVAL, 6);
    OK(mi_encoder_forward(e, MI_MODE_TRAIN, 6, x));
    takes(&f, e, before, MI_MODE_TRAIN, 6);
    OK(mi_encoder_memory(e, MI_MODE_TRAIN, 1000, &train));
    OK(mi_encoder_memory(e, MI_MODE_EVAL, 1000, &eval));
    ck_assert_int_lt(eval, train - train / 4);
    calls = f.calls;
    OK(mi_encoder_forward(e, MI_MODE_EVAL, 5, x)); /* has room in what is there */
    OK(mi_encoder_forward(e, MI_MODE_TRAIN, 6, x));
    ck_assert_int_eq(f.calls, calls);
    FAILS(MI_E_ARG, "got 7", mi_encoder_memory(e, 7, 1, &eval));
    FAILS(MI_E_ARG, "got 0", mi_encoder_memory(e, MI_MODE_EVAL, 0, &eval));
    FAILS(MI_E_SHAPE, "overflow", mi_encoder_memory(e, MI_MODE_EVAL, INT64_MAX, &eval));
    FAILS(MI_E_ARG, "bytes", mi_encoder_memory(e, MI_MODE_EVAL, 1, NULL));
    mi_encoder_destroy(e);
    mi_context_destroy(context);
}
END_TEST

UNIT_MAIN("nomem", an_encoder_takes_what_it_says, every_allocation_may_fail,
          a_step_allocates_nothing_once_it_has_its_size)
