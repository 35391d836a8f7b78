/* SPDX-License-Identifier: BSD-2-Clause */
/* Critics as hosts see them: steps, evaluation, scores, files, and what is wrong with arguments. */
#include "failing.h"

#include "../../lib/model/critic.h"

#include <stdio.h>
#include <unistd.h>

enum { MOST = 1000, DX = 3, DY = 2 };

static float x[MOST * DX], y[MOST * DY];

/* Columns of y depend on those of x. */
static void draw(uint64_t stream, int64_t n) {
    OK(mi_random_normal_f32(1, 2 * stream, 0, n * DX, x));
    OK(mi_random_normal_f32(1, 2 * stream + 1, 0, n * DY, y));
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < DY; c++)
            y[i * DY + c] = 0.8f * x[i * DX + c] + 0.6f * y[i * DY + c];
}

static mi_mine_options options_of(int32_t critic) {
    return (mi_mine_options){.struct_size = sizeof(mi_mine_options),
                             .seed = 7,
                             .critic = critic,
                             .units = 24,
                             .embed = 8};
}

static mi_status create(mi_context *ctx, int32_t critic, const char *bound_name, int32_t negatives,
                        mi_mine **out) {
    mi_mine_options o = options_of(critic);
    mi_optimizer_options oo = {.struct_size = sizeof oo, .rate = 1e-2};
    mi_bound *bound;
    o.negatives = negatives;
    MI__TRY(mi_bound_create(ctx, bound_name, &bound));
    const mi_status status = mi_mine_create(ctx, DX, DY, bound, &o, &oo, out);
    mi_bound_destroy(bound); /* the critic keeps it */
    return status;
}

static mi_mine *make(int32_t critic, const char *bound, int32_t negatives) {
    mi_mine *m;
    OK(create(NULL, critic, bound, negatives, &m));
    return m;
}

static mi_mine_report step(mi_mine *m, uint64_t stream, int64_t n) {
    mi_mine_report r = {.struct_size = sizeof r};
    draw(stream, n);
    OK(mi_mine_step(m, n, x, y, NULL, NULL, &r));
    return r;
}

/* All weights, moments, and what else a step may change, in a file. */
static void same_state(const mi_mine *a, const mi_mine *b) {
    char path[2][32] = {"/tmp/libmi-mine-XXXXXX", "/tmp/libmi-mine-XXXXXX"};
    char *text[2];
    long length[2];
    for (int i = 0; i < 2; i++) {
        ck_assert_int_ge(close(mkstemp(path[i])), 0);
        OK(mi_mine_save(i == 0 ? a : b, path[i]));
        FILE *f = fopen(path[i], "rb");
        fseek(f, 0, SEEK_END);
        length[i] = ftell(f);
        rewind(f);
        text[i] = malloc((size_t)length[i]);
        ck_assert_uint_eq(fread(text[i], 1, (size_t)length[i], f), (size_t)length[i]);
        fclose(f);
        unlink(path[i]);
    }
    ck_assert_int_eq(length[0], length[1]);
    ck_assert_mem_eq(text[0], text[1], (size_t)length[0]);
    free(text[0]);
    free(text[1]);
}

static const struct {
    int32_t critic;
    const char *bound;
    int32_t negatives;
} kinds[] = {
    {MI_CRITIC_ADDITIVE, "mine", 2},       {MI_CRITIC_ADDITIVE, "dv", 0},
    {MI_CRITIC_CONCAT, "flo", 5},          {MI_CRITIC_CONCAT, "mine", 3},
    {MI_CRITIC_SEPARABLE, "tuba", 0},      {MI_CRITIC_SEPARABLE, "infonce", 0},
    {MI_CRITIC_BILINEAR, "mine", 0},       {MI_CRITIC_GAUSSIAN, "club", 0},
    {MI_CRITIC_CONCAT, "interpolated", 0},
};
#define KINDS (int)(sizeof kinds / sizeof *kinds)

static mi_mine *make_kind(int i) {
    return make(kinds[i].critic, kinds[i].bound, kinds[i].negatives);
}

/* -- steps ------------------------------------------------------------------------------------ */

START_TEST(steps_learn) {
    for (int i = 0; i < KINDS; i++) {
        mi_mine *m = make_kind(i);
        const mi_mine_report first = step(m, 0, 128);
        mi_mine_report last = first;
        for (uint64_t s = 1; s < 60; s++)
            last = step(m, s, 128);
        ck_assert_int_eq(first.step, 1);
        ck_assert_int_eq(last.step, 60);
        ck_assert_msg(last.loss < first.loss - 0.05, "kind %d: from %g to %g", i, first.loss,
                      last.loss);
        ck_assert(isfinite(last.estimate) && isfinite(last.average) && last.cap > last.estimate);
        mi_mine_destroy(m);
    }
}
END_TEST

/* The average is that of the estimates, the first of which counts fully. */
START_TEST(average_is_of_the_estimates) {
    mi_mine *m = make(MI_CRITIC_ADDITIVE, "dv", 0);
    const double a = step(m, 0, 64).estimate;
    const mi_mine_report second = step(m, 1, 64);
    ck_assert_double_eq_tol(second.average, (0.99 * a + second.estimate) / 1.99, 1e-12);
    mi_mine_destroy(m);
}
END_TEST

START_TEST(threads_change_nothing) {
    static float gx[3][MOST * DX], gy[3][MOST * DY];
    for (int i = 0; i < KINDS; i++) {
        mi_mine *m[3];
        if (kinds[i].critic == MI_CRITIC_GAUSSIAN)
            continue; /* its products are the BLAS's */
        for (int t = 0; t < 3; t++) {
            failing f = {0};
            mi_context *ctx;
            OK(failing_context(&f, t + 1, 0, &ctx));
            mi_mine_options o = options_of(kinds[i].critic);
            mi_bound *bound;
            o.units = 150;
            o.negatives = kinds[i].negatives;
            OK(mi_bound_create(ctx, kinds[i].bound, &bound));
            OK(mi_mine_create(ctx, DX, DY, bound, &o, NULL, &m[t]));
            for (uint64_t s = 0; s < 2; s++) {
                draw(s, 200);
                OK(mi_mine_step(m[t], 200, x, y, gx[t], gy[t], NULL));
            }
            if (strcmp(mi__kernels_select()->name, "reference") != 0 && t > 0) {
                ck_assert_mem_eq(gx[t], gx[0], 200 * DX * sizeof(float));
                ck_assert_mem_eq(gy[t], gy[0], 200 * DY * sizeof(float));
                same_state(m[t], m[0]);
            }
            if (t > 0)
                mi_mine_destroy(m[t]);
            mi_bound_destroy(bound);
            mi_context_destroy(ctx);
            ck_assert(t == 0 || f.living == 0);
        }
        mi_mine_destroy(m[0]);
    }
}
END_TEST

/* The gradients that a host gets are those of the twin in float64. */
START_TEST(gradients_by_inputs_are_the_twins) {
    float gx[40 * DX], gy[40 * DY];
    for (int i = 0; i < KINDS; i++) {
        mi_mine *m = make_kind(i), *twin;
        mi_mine_options o = m->options;
        mi_bound *bound;
        mi__batch b = {.n = 40, .train = true, .want_dx = true};
        mi_bound_result r = {.struct_size = sizeof r};
        OK(mi_bound_create(NULL, kinds[i].bound, &bound));
        OK(mi__mine_create(NULL, DX, DY, bound, &o, NULL, &mi__kernels_f64, &twin));
        draw(3, 40);
        OK(mi__mine_load(twin, &b, x, y));
        OK(mi__mine_gradient(twin, &b, &r));
        OK(mi_mine_step(m, 40, x, y, gx, gy, NULL));
        for (int j = 0; j < 40 * DX; j++)
            ck_assert_double_eq_tol((double)gx[j], ((double *)b.gx)[j], 1e-6);
        for (int j = 0; j < 40 * DY; j++)
            ck_assert_double_eq_tol((double)gy[j], ((double *)b.gy)[j], 1e-6);
        mi_mine_destroy(twin);
        mi_mine_destroy(m);
        mi_bound_destroy(bound);
    }
}
END_TEST

/* Whatever is wrong: weights, moments, averages and gradients stay, and so do the steps after. */
START_TEST(failed_steps_change_nothing) {
    for (int i = 0; i < KINDS; i++) {
        mi_mine *m = make_kind(i), *other = make_kind(i);
        mi_mine_report r = {.struct_size = sizeof r, .step = 77};
        float gx[32 * DX] = {5}, gy[32 * DY] = {6};
        step(m, 0, 32);
        step(other, 0, 32);
        draw(1, 32);
        x[4] = NAN;
        FAILS(MI_E_NUMERIC, "x[1][1] is nan", mi_mine_step(m, 32, x, y, gx, gy, &r));
        draw(1, 32);
        y[3] = INFINITY;
        FAILS(MI_E_NUMERIC, "y[1][1] is inf", mi_mine_step(m, 32, x, y, gx, gy, &r));
        for (int j = 0; j < 32 * DX; j++)
            x[j] = 3e38f; /* finite, but nothing that comes of it is */
        for (int j = 0; j < 32 * DY; j++)
            y[j] = j % 2 == 0 ? 3e38f : -3e38f;
        FAILS(MI_E_NUMERIC, "", mi_mine_step(m, 32, x, y, gx, gy, &r));
        ck_assert(gx[0] == 5 && gy[0] == 6 && r.step == 77);
        same_state(m, other);
        const double found = step(m, 2, 32).estimate;
        ck_assert_double_eq(found, step(other, 2, 32).estimate);
        same_state(m, other);
        mi_mine_destroy(m);
        mi_mine_destroy(other);
    }
}
END_TEST

/* Scores and bound are fine, the gradient of the first weights is not: the moving average of mine,
 * which the bound has moved already, goes back. */
START_TEST(gradients_beyond_range_change_nothing) {
    mi_mine *m[2];
    for (int i = 0; i < 2; i++) {
        m[i] = make(MI_CRITIC_ADDITIVE, "mine", 1);
        step(m[i], 0, 32);
        const mi__param *first = m[i]->net[MI__NET_X]->param[0];
        for (int64_t j = 0; j < first->count; j++)
            ((float *)first->value)[j] *= 1e-36f;
        const mi__param *last = m[i]->net[MI__NET_PAIR]->param[0];
        for (int64_t j = 0; j < last->count; j++)
            ((float *)last->value)[j] *= 1e5f;
    }
    draw(1, 32);
    for (int j = 0; j < 32 * DX; j++)
        x[j] *= 1e37f;
    FAILS(MI_E_NUMERIC, "the gradient of", mi_mine_step(m[0], 32, x, y, NULL, NULL, NULL));
    same_state(m[0], m[1]);
    mi_mine_destroy(m[0]);
    mi_mine_destroy(m[1]);
}
END_TEST

/* Scores up to a thousand are nothing special. */
START_TEST(large_scores_are_fine) {
    const char *const bounds[] = {"dv", "mine", "infonce", "jsd", "smile", "flatnce"};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        mi_mine *m = make(MI_CRITIC_ADDITIVE, bounds[i], 0);
        const mi__param *w = m->net[MI__NET_PAIR]->param[0];
        for (int64_t j = 0; j < w->count; j++)
            ((float *)w->value)[j] *= 2000;
        mi_mine_report r = {.struct_size = sizeof r};
        float scores[MOST], most = 0;
        draw(0, MOST);
        OK(mi_mine_scores(m, MOST, x, y, scores));
        for (int j = 0; j < MOST; j++)
            most = fmaxf(most, fabsf(scores[j]));
        ck_assert_float_gt(most, 1000);
        OK(mi_mine_eval(m, MOST, x, y, 1, &r));
        ck_assert(!isnan(r.estimate) && isfinite(r.loss));
        OK(mi_mine_step(m, MOST, x, y, NULL, NULL, &r));
        ck_assert(!isnan(r.estimate) && isfinite(r.loss));
        mi_mine_destroy(m);
    }
}
END_TEST

/* -- evaluation ------------------------------------------------------------------------------- */

/* The bound on the matrix of all scores, each of which mi_mine_scores() tells. */
START_TEST(evaluation_is_the_bound_on_all_scores) {
    enum { N = 30 };
    static float xs[N * N * DX], ys[N * N * DY], scores[N * N];
    for (int i = 0; i < KINDS; i++) {
        mi_mine *m = make_kind(i);
        mi_mine_report r = {.struct_size = sizeof r};
        mi_bound *bound;
        for (uint64_t s = 0; s < 5; s++)
            step(m, s, 64);
        draw(9, N);
        for (int a = 0; a < N; a++)
            for (int b = 0; b < N; b++) {
                memcpy(xs + (a * N + b) * DX, x + a * DX, DX * sizeof *xs);
                memcpy(ys + (a * N + b) * DY, y + b * DY, DY * sizeof *ys);
            }
        OK(mi_mine_eval(m, N, x, y, -1, &r));
        OK(mi_mine_scores(m, N * N, xs, ys, scores));
        mi_bound_matrix_f32 io = {.struct_size = sizeof io, .n = N, .scores = scores};
        static float turned[N * N]; /* the gaussian's rows are y */
        for (int a = 0; a < N * N; a++)
            turned[a] = scores[a % N * N + a / N];
        if (kinds[i].critic == MI_CRITIC_GAUSSIAN)
            io.scores = turned;
        mi_bound_result expected = {.struct_size = sizeof expected};
        OK(mi_bound_create(NULL, kinds[i].bound, &bound));
        const bool baseline = m->net[MI__NET_BASELINE] != NULL;
        if (!baseline)
            OK(mi_bound_eval_matrix_f32(bound, &io, &expected));
        if (!baseline)
            ck_assert_double_eq_tol(r.estimate, expected.estimate, 1e-5);
        ck_assert_int_eq(r.step, 5);
        mi_bound_destroy(bound);
        mi_mine_destroy(m);
    }
}
END_TEST

/* Who is compared with whom doesn't matter much, and that many parts make up the whole not at
 * all. */
START_TEST(negatives_are_as_many_as_asked) {
    mi_mine *m = make(MI_CRITIC_CONCAT, "dv", 0);
    mi_mine_report few = {.struct_size = sizeof few}, all = few, many = few;
    for (uint64_t s = 0; s < 30; s++)
        step(m, s, 128);
    draw(99, 500);
    OK(mi_mine_eval(m, 500, x, y, 0, &few));
    OK(mi_mine_eval(m, 500, x, y, 499, &many));
    OK(mi_mine_eval(m, 500, x, y, -1, &all));
    ck_assert_double_eq_tol(few.estimate, all.estimate, 0.1);
    ck_assert_double_ne(few.estimate, all.estimate);
    ck_assert_double_eq(many.estimate, all.estimate);
    OK(mi_mine_eval(m, 500, x, y, 0, &many));
    ck_assert_double_eq(many.estimate, few.estimate);
    FAILS(MI_E_SHAPE, "negatives is 500", mi_mine_eval(m, 500, x, y, 500, &many));
    FAILS(MI_E_ARG, "got -2", mi_mine_eval(m, 500, x, y, -2, &many));
    mi_mine_destroy(m);
    m = make(MI_CRITIC_ADDITIVE, "dv", 10);
    FAILS(MI_E_SHAPE, "negatives is 10, but 10 samples",
          mi_mine_step(m, 10, x, y, NULL, NULL, NULL));
    OK(mi_mine_step(m, 11, x, y, NULL, NULL, NULL));
    mi_mine_destroy(m);
}
END_TEST

/* Each step compares with others: all shifts come up, and 0 never does. */
START_TEST(everyone_meets_everyone) {
    mi_mine *m = make(MI_CRITIC_ADDITIVE, "dv", 3);
    int met[12] = {0};
    draw(0, 12);
    for (m->steps = 0; m->steps < 400; m->steps++) {
        mi__batch b = {.n = 12, .train = true};
        OK(mi__mine_load(m, &b, x, y));
        for (int t = 0; t < 3; t++) {
            ck_assert_int_gt(b.shift[t], 0);
            ck_assert_int_lt(b.shift[t], 12);
            ck_assert_int_ne(b.shift[t], b.shift[(t + 1) % 3]);
            met[b.shift[t]]++;
        }
    }
    for (int s = 1; s < 12; s++) /* 109 are due */
        ck_assert(met[s] > 60 && met[s] < 160);
    mi_mine_destroy(m);
}
END_TEST

/* -- files ------------------------------------------------------------------------------------ */

START_TEST(resumed_steps_are_the_same) {
    char path[] = "/tmp/libmi-mine-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    for (int i = 0; i < KINDS; i++) {
        mi_mine *m = make_kind(i), *other = make_kind(i);
        for (uint64_t s = 0; s < 3; s++)
            step(m, s, 64);
        OK(mi_mine_save(m, path));
        step(other, 50, 64);
        OK(mi_mine_restore(other, path));
        same_state(m, other);
        for (uint64_t s = 3; s < 6; s++) {
            const mi_mine_report a = step(m, s, 64), b = step(other, s, 64);
            ck_assert_mem_eq(&a, &b, sizeof a);
        }
        same_state(m, other);
        mi_mine_destroy(m);
        mi_mine_destroy(other);
    }
    unlink(path);
}
END_TEST

START_TEST(files_of_others_are_refused) {
    char path[] = "/tmp/libmi-mine-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    mi_mine *m = make(MI_CRITIC_SEPARABLE, "dv", 0), *before = make(MI_CRITIC_SEPARABLE, "dv", 0);
    mi_mine *bilinear = make(MI_CRITIC_BILINEAR, "dv", 0);
    mi_mine *nwj = make(MI_CRITIC_SEPARABLE, "nwj", 0);
    mi_mine *wider;
    mi_mine_options o = options_of(MI_CRITIC_SEPARABLE);
    mi_bound *bound;
    OK(mi_bound_create(NULL, "dv", &bound));
    OK(mi_mine_create(NULL, DX + 1, DY, bound, &o, NULL, &wider));
    mi_bound_destroy(bound);
    FAILS(MI_E_FORMAT, "", mi_mine_restore(m, path)); /* an empty one */
    OK(mi_mine_save(bilinear, path));
    FAILS(MI_E_FORMAT, "critic bilinear, this one is separable", mi_mine_restore(m, path));
    OK(mi_mine_save(nwj, path));
    FAILS(MI_E_FORMAT, "bound nwj, this one is dv", mi_mine_restore(m, path));
    OK(mi_mine_save(wider, path));
    FAILS(MI_E_SHAPE, "x.trunk.0.weight", mi_mine_restore(m, path));
    FAILS(MI_E_IO, "", mi_mine_restore(m, "/nowhere/at/all"));
    FAILS(MI_E_IO, "", mi_mine_save(m, "/nowhere/at/all"));
    same_state(m, before);
    mi_mine *all[] = {m, before, bilinear, nwj, wider};
    for (int i = 0; i < 5; i++)
        mi_mine_destroy(all[i]);
    unlink(path);
}
END_TEST

/* -- memory ----------------------------------------------------------------------------------- */

static mi_status use(mi_mine *m, const char *path) {
    float gx[32 * DX], gy[32 * DY], scores[32];
    mi_mine_report r = {.struct_size = sizeof r};
    draw(0, 32);
    MI__TRY(mi_mine_step(m, 32, x, y, gx, gy, &r));
    MI__TRY(mi_mine_eval(m, 32, x, y, -1, &r));
    MI__TRY(mi_mine_scores(m, 32, x, y, scores));
    mi_mine_fit_options fo = {.struct_size = sizeof fo, .steps = 2, .scale = MI_SCALE_RANK};
    fo.gaussian = m->options.critic != MI_CRITIC_GAUSSIAN;
    MI__TRY(mi_mine_fit(m, 32, x, y, &fo, NULL));
    MI__TRY(mi_mine_step(m, 32, x, y, NULL, NULL, &r));
    MI__TRY(mi_mine_save(m, path));
    MI__TRY(mi_mine_restore(m, path));
    fo.scale = MI_SCALE_NONE; /* so that the next round asks for gradients by the inputs */
    fo.gaussian = 0;
    return mi_mine_fit(m, 32, x, y, &fo, NULL);
}

START_TEST(every_allocation_may_fail) {
    char path[] = "/tmp/libmi-mine-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    for (int i = 2; i < KINDS; i += 2) {
        bool whole = false;
        int64_t failures = 0;
        for (int64_t at = 1; !whole; at++) {
            failing f = {0};
            mi_context *ctx = NULL;
            mi_mine *m = NULL;
            f.fail_at = at;
            mi_status status = failing_context(&f, 2, 3, &ctx);
            if (status == MI_OK)
                status = create(ctx, kinds[i].critic, kinds[i].bound, kinds[i].negatives, &m);
            if (status == MI_OK)
                status = use(m, path);
            whole = f.calls < at;
            ck_assert_msg(status == (whole ? MI_OK : MI_E_NOMEM), "%d, allocation %d: %s: %s", i,
                          (int)at, mi_status_name(status), mi_error_message());
            failures += !whole;
            f.fail_at = 0;
            if (m != NULL && m->scaling == NULL)
                OK(use(m, path)); /* the same handle works once there is memory again */
            mi_mine_destroy(m);
            mi_context_destroy(ctx);
            ck_assert_msg(f.living == 0, "%d, allocation %d: %d blocks leak", i, (int)at,
                          (int)f.living);
        }
        ck_assert_int_gt(failures, 40);
    }
    unlink(path);
}
END_TEST

START_TEST(a_step_allocates_nothing_once_it_has_its_size) {
    float gx[64 * DX];
    for (int i = 0; i < KINDS; i++) {
        failing f = {0};
        mi_context *ctx;
        mi_mine *m;
        int64_t before = 0;
        OK(failing_context(&f, 2, 3, &ctx));
        OK(create(ctx, kinds[i].critic, kinds[i].bound, kinds[i].negatives, &m));
        for (int s = 0; s < 4; s++) {
            draw((uint64_t)s, 64);
            OK(mi_mine_step(m, 64, x, y, gx, NULL, NULL));
            OK(mi_mine_step(m, 64, x, y, NULL, NULL, NULL));
            OK(mi_mine_eval(m, 64, x, y, 0, NULL));
            if (s == 0)
                before = f.calls;
        }
        ck_assert_int_eq(f.calls, before);
        mi_mine_destroy(m);
        mi_context_destroy(ctx);
    }
}
END_TEST

/* -- arguments -------------------------------------------------------------------------------- */

static void refuse(const char *text, mi_mine_options o) {
    mi_mine *m = NULL;
    o.struct_size = sizeof o;
    FAILS(MI_E_ARG, text, mi_mine_create(NULL, DX, DY, NULL, &o, NULL, &m));
    ck_assert_ptr_null(m);
}

START_TEST(bad_options) {
    refuse("critic must be in 1 to 5, got 6", (mi_mine_options){.critic = 6});
    refuse("critic must be in 1 to 5, got -1", (mi_mine_options){.critic = -1});
    refuse("units must be in 1 to 65536, got -5", (mi_mine_options){.units = -5});
    refuse("layers must be in 1 to 16, got 17", (mi_mine_options){.layers = 17});
    refuse("embed must be in 1 to 65536, got -1", (mi_mine_options){.embed = -1});
    refuse("negatives must be in -1", (mi_mine_options){.negatives = -2});
    refuse("baseline must be in 0 to 1, got 2", (mi_mine_options){.baseline = 2});
    mi_mine *m = NULL;
    mi_mine_options o = options_of(0);
    FAILS(MI_E_ARG, "dx must be in 1 to 65536, got 0",
          mi_mine_create(NULL, 0, 1, NULL, &o, NULL, &m));
    FAILS(MI_E_ARG, "dy must be in", mi_mine_create(NULL, 1, -1, NULL, &o, NULL, &m));
    FAILS(MI_E_ARG, "dy must be in", mi_mine_create(NULL, 1, INT64_MAX, NULL, &o, NULL, &m));
    FAILS(MI_E_ARG, "out", mi_mine_create(NULL, 1, 1, NULL, &o, NULL, NULL));
    o.struct_size = 3;
    FAILS(MI_E_ABI, "mi_mine_options", mi_mine_create(NULL, 1, 1, NULL, &o, NULL, &m));
    mi_optimizer_options oo = {.struct_size = sizeof oo, .rate = -1};
    FAILS(MI_E_ARG, "rate", mi_mine_create(NULL, 1, 1, NULL, NULL, &oo, &m));
    mi_bound *club;
    OK(mi_bound_create(NULL, "club", &club));
    o = options_of(MI_CRITIC_SEPARABLE);
    FAILS(MI_E_ARG, "needs the critic gaussian", mi_mine_create(NULL, 1, 1, club, &o, NULL, &m));
    OK(mi_mine_create(NULL, 1, 1, club, NULL, NULL, &m));
    ck_assert_ptr_eq(m->critic, &mi__critic_gaussian);
    mi_mine_destroy(m);
    mi_bound_destroy(club);
    OK(mi_mine_create(NULL, 1, 1, NULL, NULL, NULL, &m));
    ck_assert_ptr_eq(m->critic, &mi__critic_concat);
    ck_assert_str_eq(m->bound->kind->name, "mine");
    mi_mine_destroy(m);
    mi_mine_destroy(NULL);
}
END_TEST

START_TEST(bad_calls) {
    mi_mine *m = make(MI_CRITIC_SEPARABLE, "dv", 0);
    mi_mine_report r = {.struct_size = 1};
    float scores[2];
    draw(0, 4);
    FAILS(MI_E_ARG, "mine", mi_mine_step(NULL, 4, x, y, NULL, NULL, NULL));
    FAILS(MI_E_ARG, "x must", mi_mine_step(m, 4, NULL, y, NULL, NULL, NULL));
    FAILS(MI_E_ARG, "y must", mi_mine_step(m, 4, x, NULL, NULL, NULL, NULL));
    FAILS(MI_E_ARG, "at least 2, got 1", mi_mine_step(m, 1, x, y, NULL, NULL, NULL));
    FAILS(MI_E_ABI, "mi_mine_report", mi_mine_step(m, 4, x, y, NULL, NULL, &r));
    FAILS(MI_E_SHAPE, "too many", mi_mine_step(m, INT64_MAX, x, y, NULL, NULL, NULL));
    FAILS(MI_E_ARG, "at least 2, got 0", mi_mine_eval(m, 0, x, y, 0, NULL));
    FAILS(MI_E_ABI, "mi_mine_report", mi_mine_eval(m, 4, x, y, 0, &r));
    FAILS(MI_E_ARG, "at least 1, got 0", mi_mine_scores(m, 0, x, y, scores));
    FAILS(MI_E_ARG, "scores", mi_mine_scores(m, 1, x, y, NULL));
    FAILS(MI_E_ARG, "path", mi_mine_save(m, NULL));
    FAILS(MI_E_ARG, "path", mi_mine_restore(m, NULL));
    OK(mi_mine_scores(m, 1, x, y, scores));
    mi_mine_destroy(m);
}
END_TEST

UNIT_MAIN("mine", steps_learn, average_is_of_the_estimates, threads_change_nothing,
          gradients_by_inputs_are_the_twins, failed_steps_change_nothing,
          gradients_beyond_range_change_nothing, large_scores_are_fine,
          evaluation_is_the_bound_on_all_scores, negatives_are_as_many_as_asked,
          everyone_meets_everyone, resumed_steps_are_the_same, files_of_others_are_refused,
          every_allocation_may_fail, a_step_allocates_nothing_once_it_has_its_size, bad_options,
          bad_calls)
