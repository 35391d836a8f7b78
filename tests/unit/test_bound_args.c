/* SPDX-License-Identifier: BSD-2-Clause */
/* The interface of bounds: registry, parameters, arguments, state, memory that runs out. */
#include "bound_case.h"
#include "failing.h"

static mi_bound *make(const char *kind) {
    mi_bound *bound = NULL;
    OK(mi_bound_create(NULL, kind, &bound));
    return bound;
}

/* -- registry --------------------------------------------------------------------------------- */

static void check_param(const mi_bound_info *info, mi_bound *bound, int32_t index) {
    mi_bound_param p = {.struct_size = sizeof p};
    double value = -77;
    OK(mi_bound_param_list(info->name, index, &p));
    ck_assert_msg(p.name[0] != 0 && p.help[0] != 0, "%s: parameter %d", info->name, index);
    if (p.whole) /* so the halves between are not allowed */
        FAILS(MI_E_ARG, "whole", mi_bound_set(bound, p.name, p.least + .5));
    else
        OK(mi_bound_set(bound, p.name, isfinite(p.most) ? (p.least + p.most) / 2 : p.least + .5));
    OK(mi_bound_set(bound, p.name, p.initial));
    ck_assert_msg(p.least <= p.initial && p.initial <= p.most, "%s: %s: %g is not in %g .. %g",
                  info->name, p.name, p.initial, p.least, p.most);
    OK(mi_bound_get(bound, p.name, &value));
    ck_assert_double_eq(value, p.initial);
    FAILS(MI_E_ARG, p.name, mi_bound_set(bound, p.name, NAN));
    if (isfinite(p.most)) {
        FAILS(MI_E_ARG, p.name, mi_bound_set(bound, p.name, nextafter(p.most, INFINITY)));
        OK(mi_bound_set(bound, p.name, p.most));
    }
    if (isfinite(p.least)) {
        FAILS(MI_E_ARG, p.name, mi_bound_set(bound, p.name, nextafter(p.least, -INFINITY)));
        OK(mi_bound_set(bound, p.name, p.least));
        OK(mi_bound_get(bound, p.name, &value));
        ck_assert_double_eq(value, p.least);
    }
}

START_TEST(the_list_describes_every_kind) {
    mi_bound_info info = {.struct_size = sizeof info}, other = info;
    mi_bound_param p = {.struct_size = sizeof p};
    int32_t kinds = 0;
    for (; mi_bound_list(kinds, &info) == MI_OK; kinds++) {
        ck_assert(info.summary[0] != 0 && info.cap[0] != 0 && info.variance[0] != 0 &&
                  info.citation[0] != 0);
        ck_assert_msg(info.side >= MI_BOUND_LOWER && info.side <= MI_BOUND_NEITHER, "%s",
                      info.name);
        ck_assert_msg(info.shapes > 0 && info.shapes < 16, "%s", info.name);
        for (int32_t i = 0; i < kinds; i++) {
            OK(mi_bound_list(i, &other));
            ck_assert_str_ne(other.name, info.name);
        }
        mi_bound *bound = make(info.name);
        for (int32_t i = 0; i < info.params; i++)
            check_param(&info, bound, i);
        FAILS(MI_E_ARG, info.name, mi_bound_param_list(info.name, info.params, &p));
        FAILS(MI_E_ARG, "nonsense", mi_bound_set(bound, "nonsense", 0));
        double value;
        FAILS(MI_E_ARG, "nonsense", mi_bound_get(bound, "nonsense", &value));
        mi_bound_destroy(bound);
    }
    ck_assert_int_eq(kinds, 17);
    FAILS(MI_E_ARG, "", mi_bound_list(-1, &info));
    FAILS(MI_E_ARG, "17", mi_bound_list(17, &info));
    FAILS(MI_E_ARG, "NULL", mi_bound_list(0, NULL));
    FAILS(MI_E_ARG, "NULL", mi_bound_param_list("dv", 0, NULL));
    FAILS(MI_E_ARG, "nonsense", mi_bound_param_list("nonsense", 0, &p));
    info.struct_size = 0;
    FAILS(MI_E_ABI, "mi_bound_info", mi_bound_list(0, &info));
    p.struct_size = 0;
    FAILS(MI_E_ABI, "mi_bound_param", mi_bound_param_list("dv", 0, &p));
}
END_TEST

START_TEST(names_are_checked) {
    mi_bound *bound = NULL;
    double value = 7;
    FAILS(MI_E_ARG, "infonce", mi_bound_create(NULL, "nonsense", &bound)); /* lists them */
    FAILS(MI_E_ARG, "nonsense", mi_bound_create(NULL, "nonsense", &bound));
    FAILS(MI_E_ARG, "NULL", mi_bound_create(NULL, NULL, &bound));
    FAILS(MI_E_ARG, "NULL", mi_bound_create(NULL, "dv", NULL));
    ck_assert_ptr_null(bound);
    bound = make("infonce");
    FAILS(MI_E_ARG, "columns", mi_bound_set(bound, "alpha", 0)); /* says what there is */
    FAILS(MI_E_ARG, "2", mi_bound_set(bound, "columns", 2));
    FAILS(MI_E_ARG, "NULL", mi_bound_set(bound, NULL, 0));
    FAILS(MI_E_ARG, "NULL", mi_bound_set(NULL, "columns", 0));
    FAILS(MI_E_ARG, "NULL", mi_bound_get(bound, "columns", NULL));
    FAILS(MI_E_ARG, "NULL", mi_bound_get(NULL, "columns", &value));
    ck_assert(value == 7);
    mi_bound_destroy(bound);
    mi_bound_destroy(NULL);
}
END_TEST

/* -- shapes ----------------------------------------------------------------------------------- */

static const double zeros[64] = {0};
static double out[64];

START_TEST(vectors_must_fit) {
    mi_bound *dv = make("dv"), *nce = make("infonce"), *tuba = make("tuba");
    mi_bound_result r = RESULT;
    const mi_bound_vectors_f64 good = {
        .struct_size = sizeof good, .n = 2, .m = 4, .joint = zeros, .product = zeros};
    mi_bound_vectors_f64 io = good;
    OK(mi_bound_eval_vectors_f64(nce, &io, &r));
    FAILS(MI_E_ARG, "NULL", mi_bound_eval_vectors_f64(NULL, &io, &r));
    FAILS(MI_E_ARG, "NULL", mi_bound_eval_vectors_f64(dv, NULL, &r));
    r = RESULT;
    io.struct_size = 0;
    FAILS(MI_E_ABI, "mi_bound_vectors_f64", mi_bound_eval_vectors_f64(dv, &io, &r));
    io = good, io.n = 0;
    FAILS(MI_E_ARG, "0", mi_bound_eval_vectors_f64(dv, &io, &r));
    io = good, io.m = -3;
    FAILS(MI_E_ARG, "-3", mi_bound_eval_vectors_f64(dv, &io, &r));
    io = good, io.joint = NULL;
    FAILS(MI_E_ARG, "joint", mi_bound_eval_vectors_f64(dv, &io, &r));
    io = good, io.product = NULL;
    FAILS(MI_E_ARG, "product", mi_bound_eval_vectors_f64(dv, &io, &r));
    io = good, io.m = 5;
    FAILS(MI_E_SHAPE, "5", mi_bound_eval_vectors_f64(nce, &io, &r));
    OK(mi_bound_eval_vectors_f64(tuba, &io, NULL));
    io.baseline = zeros;
    FAILS(MI_E_SHAPE, "5", mi_bound_eval_vectors_f64(tuba, &io, &r));
    io = good, io.baseline = zeros;
    FAILS(MI_E_UNSUPPORTED, "baseline", mi_bound_eval_vectors_f64(dv, &io, &r));
    OK(mi_bound_set(nce, "columns", .5));
    io = good;
    FAILS(MI_E_UNSUPPORTED, "columns", mi_bound_eval_vectors_f64(nce, &io, &r));
    ck_assert(r.estimate == -77 && r.loss == -77 && r.cap == -77);
    r.struct_size = 0;
    FAILS(MI_E_ABI, "mi_bound_result", mi_bound_eval_vectors_f64(dv, &io, &r));
    mi_bound_destroy(dv), mi_bound_destroy(nce), mi_bound_destroy(tuba);
}
END_TEST

START_TEST(matrices_must_fit) {
    mi_bound *dv = make("dv");
    mi_bound_result r = RESULT;
    const mi_bound_matrix_f64 good = {
        .struct_size = sizeof good, .n = 3, .locations = 2, .scores = zeros, .dscores = out};
    mi_bound_matrix_f64 io = good;
    OK(mi_bound_eval_matrix_f64(dv, &io, NULL));
    io.struct_size = 0;
    FAILS(MI_E_ABI, "mi_bound_matrix_f64", mi_bound_eval_matrix_f64(dv, &io, &r));
    io = good, io.n = 0;
    FAILS(MI_E_ARG, "0", mi_bound_eval_matrix_f64(dv, &io, &r));
    io = good, io.locations = -1;
    FAILS(MI_E_ARG, "-1", mi_bound_eval_matrix_f64(dv, &io, &r));
    io = good, io.n = INT64_MAX / 2;
    FAILS(MI_E_SHAPE, "", mi_bound_eval_matrix_f64(dv, &io, &r));
    io = good, io.ld = 5;
    FAILS(MI_E_SHAPE, "5", mi_bound_eval_matrix_f64(dv, &io, &r));
    io = good, io.lddscores = 5;
    FAILS(MI_E_SHAPE, "5", mi_bound_eval_matrix_f64(dv, &io, &r));
    const uint8_t mask[18] = {1};
    io = good, io.mask = mask, io.ldmask = 4;
    FAILS(MI_E_SHAPE, "4", mi_bound_eval_matrix_f64(dv, &io, &r));
    io = good, io.scores = NULL;
    FAILS(MI_E_ARG, "scores", mi_bound_eval_matrix_f64(dv, &io, &r));
    io = good, io.baseline = zeros;
    FAILS(MI_E_UNSUPPORTED, "baseline", mi_bound_eval_matrix_f64(dv, &io, &r));
    ck_assert(r.estimate == -77 && r.loss == -77 && r.cap == -77);
    mi_bound_destroy(dv);
}
END_TEST

START_TEST(embeddings_must_fit) {
    mi_bound *dv = make("dv");
    mi_bound_result r = RESULT;
    const mi_bound_embeddings_f64 good = {
        .struct_size = sizeof good, .n = 3, .d = 2, .u = zeros, .v = zeros};
    mi_bound_embeddings_f64 io = good;
    OK(mi_bound_eval_embeddings_f64(dv, &io, NULL));
    io.struct_size = 0;
    FAILS(MI_E_ABI, "mi_bound_embeddings_f64", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.n = 0;
    FAILS(MI_E_ARG, "0", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.d = 0;
    FAILS(MI_E_ARG, "0", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.locations = -2;
    FAILS(MI_E_ARG, "-2", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.ldu = 1;
    FAILS(MI_E_SHAPE, "1", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.ldv = 1;
    FAILS(MI_E_SHAPE, "1", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.u = NULL;
    FAILS(MI_E_ARG, "u ", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.v = NULL;
    FAILS(MI_E_ARG, "v ", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.temperature = -1;
    FAILS(MI_E_ARG, "temperature", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.temperature = NAN;
    FAILS(MI_E_ARG, "temperature", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.normalize = 2;
    FAILS(MI_E_ARG, "normalize", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.reserved0 = 1;
    FAILS(MI_E_ARG, "reserved", mi_bound_eval_embeddings_f64(dv, &io, &r));
    io = good, io.normalize = 1; /* rows of zeros */
    FAILS(MI_E_NUMERIC, "u[0]", mi_bound_eval_embeddings_f64(dv, &io, &r));
    ck_assert(r.estimate == -77 && r.loss == -77 && r.cap == -77);
    mi_bound_destroy(dv);
}
END_TEST

/* -- state ------------------------------------------------------------------------------------ */

/* One batch for mine, which begins with `seed`. */
static mi_bound_result step(mi_bound *mine, uint64_t seed, double *gradient) {
    double x[20];
    mi_bound_result r = RESULT;
    bound_normals(seed, 20, x);
    mi_bound_vectors_f64 io = {.struct_size = sizeof io,
                               .n = 8,
                               .m = 12,
                               .joint = x,
                               .product = x + 8,
                               .dproduct = gradient};
    OK(mi_bound_eval_vectors_f64(mine, &io, &r));
    return r;
}

START_TEST(mine_goes_on_where_it_stopped) {
    mi_bound *a = make("mine"), *b = make("mine");
    mi_bound_state state = {.struct_size = sizeof state}, same = state;
    double da[12], db[12];
    for (uint64_t i = 0; i < 3; i++)
        step(a, i, da);
    OK(mi_bound_state_read(a, &state));
    ck_assert_int_eq(state.steps, 3);
    mi_bound_result looked = step(a, 9, NULL); /* only looked at */
    OK(mi_bound_state_read(a, &same));
    ck_assert(memcmp(&state, &same, sizeof state) == 0);
    OK(mi_bound_state_write(b, &state));
    mi_bound_result stepped = step(b, 9, db);
    ck_assert(memcmp(&looked, &stepped, sizeof looked) == 0);
    OK(mi_bound_state_write(b, &state));
    for (uint64_t i = 3; i < 6; i++) {
        mi_bound_result ra = step(a, i, da), rb = step(b, i, db);
        ck_assert(memcmp(&ra, &rb, sizeof ra) == 0 && memcmp(da, db, sizeof da) == 0);
    }
    state.steps = -1;
    FAILS(MI_E_ARG, "-1", mi_bound_state_write(a, &state));
    state.steps = 1;
    state.log_average = NAN;
    FAILS(MI_E_ARG, "nan", mi_bound_state_write(a, &state));
    FAILS(MI_E_ARG, "NULL", mi_bound_state_write(a, NULL));
    FAILS(MI_E_ARG, "NULL", mi_bound_state_read(a, NULL));
    FAILS(MI_E_ARG, "NULL", mi_bound_state_read(NULL, &same));
    same.struct_size = 0;
    FAILS(MI_E_ABI, "mi_bound_state", mi_bound_state_read(a, &same));
    mi_bound_destroy(a), mi_bound_destroy(b);
}
END_TEST

START_TEST(a_failed_step_leaves_the_state) {
    mi_bound *a = make("mine");
    mi_bound_state before = {.struct_size = sizeof before}, after = before;
    double d[12], joint[1] = {NAN};
    step(a, 1, d);
    OK(mi_bound_state_read(a, &before));
    mi_bound_vectors_f64 io = {
        .struct_size = sizeof io, .n = 1, .m = 2, .joint = joint, .product = zeros, .dproduct = d};
    FAILS(MI_E_NUMERIC, "joint[0]", mi_bound_eval_vectors_f64(a, &io, NULL));
    OK(mi_bound_state_read(a, &after));
    ck_assert(memcmp(&before, &after, sizeof before) == 0);
    mi_bound_destroy(a);
}
END_TEST

/* -- memory ----------------------------------------------------------------------------------- */

static int failures;

/* Takes another bound, made in a context whose memory ends, through the same evaluation. */
static void check_nomem(bound_case *c) {
    mi_bound *kept = c->bound;
    for (int narrow = 0; narrow < 2; narrow++)
        for (int64_t at = 1, whole = 0; !whole; at++) {
            failing f = {0};
            mi_context *context;
            OK(failing_context(&f, 2, 0, &context));
            mi_bound_result r = RESULT;
            f.fail_at = f.calls + at;
            c->bound = NULL;
            mi_status status = mi_bound_create(context, c->info.name, &c->bound);
            if (status == MI_OK)
                status = (narrow ? bound_case_f32 : bound_case_f64)(c, ALL_GRADIENTS, &r);
            whole = f.calls < f.fail_at;
            ck_assert_msg(status == (whole ? MI_OK : MI_E_NOMEM), "%s: allocation %d: %s", c->title,
                          (int)at, mi_status_name(status));
            ck_assert_msg(whole || r.loss == -77, "%s: half a result", c->title);
            f.fail_at = 0;
            if (!whole && c->bound != NULL)
                OK(bound_case_f64(c, ALL_GRADIENTS, &r)); /* the handle works on */
            failures += !whole;
            mi_bound_destroy(c->bound);
            mi_context_destroy(context);
            ck_assert_msg(f.living == 0, "%s: allocation %d leaks", c->title, (int)at);
        }
    c->bound = kept;
}

START_TEST(every_allocation_may_fail) {
    const bound_variant v[] = {{"groups", MI_BOUND_GROUPS, .n = 4, .m = 12},
                               {"vectors", MI_BOUND_VECTORS, .n = 4, .m = 12},
                               {"matrix", MI_BOUND_MATRIX, .n = 4, .locations = 2},
                               {"embeddings", MI_BOUND_EMBEDDINGS, .n = 4, .d = 2, .normalize = 1}};
    failures = 0;
    mi_bound_info info = {.struct_size = sizeof info};
    for (int32_t i = 0; mi_bound_list(i, &info) == MI_OK; i++)
        for (int j = 0; j < 4; j++) {
            bound_case *c = bound_case_make(info.name, &v[j], 1, false);
            if (c != NULL)
                check_nomem(c);
            bound_case_free(c);
        }
    ck_assert_int_gt(failures, 100);
}
END_TEST

UNIT_MAIN("bound_args", the_list_describes_every_kind, names_are_checked, vectors_must_fit,
          matrices_must_fit, embeddings_must_fit, mine_goes_on_where_it_stopped,
          a_failed_step_leaves_the_state, every_allocation_may_fail)
