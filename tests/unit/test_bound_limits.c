/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounds at the limits of their numbers: what fails late, rows that lack one side, gradients that
 * nobody gave an input for, states that have come far. */
#include "unit.h"

#include <stdbool.h>
#include <stdint.h>

#define SENTINEL 777

static mi_bound *make(const char *kind, const char *parameter, double value) {
    mi_bound *bound = NULL;
    OK(mi_bound_create(NULL, kind, &bound));
    if (parameter != NULL)
        OK(mi_bound_set(bound, parameter, value));
    return bound;
}

static mi_bound_result blank(void) {
    return (mi_bound_result){sizeof(mi_bound_result), SENTINEL, SENTINEL, SENTINEL};
}

static bool is_blank(const mi_bound_result *r) {
    return r->estimate == SENTINEL && r->loss == SENTINEL && r->cap == SENTINEL;
}

/* -- baselines -------------------------------------------------------------------------------- */

START_TEST(each_pair_gets_its_gradient_by_a_baseline_that_all_share) {
    static const int64_t others[] = {1, 2, 20000};
    mi_bound *bound = make("tuba", "log-baseline", .3);
    for (int i = 0; i < 3; i++) {
        const int64_t n = i == 2 ? 1 : 4, m = n * others[i];
        double joint[4] = {.1, .2, .3, .4}, baseline[4] = {.3, .3, .3, .3}, want[4], got[4];
        double *product = calloc((size_t)m, sizeof *product);
        for (int64_t j = 0; j < m; j++)
            product[j] = (double)(j % 7) / 10;
        mi_bound_vectors_f64 io = {.struct_size = sizeof io,
                                   .n = n,
                                   .m = m,
                                   .joint = joint,
                                   .product = product,
                                   .baseline = baseline,
                                   .dbaseline = want};
        OK(mi_bound_eval_vectors_f64(bound, &io, NULL));
        io.baseline = NULL;
        io.dbaseline = got;
        OK(mi_bound_eval_vectors_f64(bound, &io, NULL));
        for (int64_t j = 0; j < n; j++)
            ck_assert_double_eq(got[j], want[j]);
        free(product);
    }
    mi_bound_destroy(bound);
}
END_TEST

START_TEST(float32_has_no_room_for_a_gradient_that_float64_holds) {
    float joint[1] = {0}, product[10], d = SENTINEL;
    mi_bound *bound = make("tuba", NULL, 0);
    mi_bound_result r = blank();
    for (int i = 0; i < 10; i++)
        product[i] = 90.5F; /* exp: 2e39, a tenth of which is a float */
    mi_bound_vectors_f32 io = {.struct_size = sizeof io,
                               .n = 1,
                               .m = 10,
                               .joint = joint,
                               .product = product,
                               .dbaseline = &d};
    FAILS(MI_E_NUMERIC, "overflows", mi_bound_eval_vectors_f32(bound, &io, &r));
    ck_assert(d == SENTINEL && is_blank(&r));
    io.dbaseline = NULL; /* the loss itself is in range */
    OK(mi_bound_eval_vectors_f32(bound, &io, &r));
    ck_assert_double_gt(r.loss, 1e39);
    mi_bound_destroy(bound);
}
END_TEST

/* -- sums that overflow though their terms don't ---------------------------------------------- */

static void check_sum(const char *kind, double f, double g) {
    double joint[2] = {f, f}, product[2] = {g, g}, scores[4] = {f, g, g, f};
    double d[8] = {SENTINEL, SENTINEL, SENTINEL, SENTINEL, SENTINEL, SENTINEL, SENTINEL, SENTINEL};
    mi_bound *bound = make(kind, NULL, 0);
    mi_bound_result r = blank();
    mi_bound_vectors_f64 vectors = {.struct_size = sizeof vectors,
                                    .n = 2,
                                    .m = 2,
                                    .joint = joint,
                                    .product = product,
                                    .djoint = d,
                                    .dproduct = d + 2};
    mi_bound_matrix_f64 matrix = {
        .struct_size = sizeof matrix, .n = 2, .scores = scores, .dscores = d + 4};
    FAILS(MI_E_NUMERIC, kind, mi_bound_eval_vectors_f64(bound, &vectors, &r));
    FAILS(MI_E_NUMERIC, kind, mi_bound_eval_matrix_f64(bound, &matrix, &r));
    for (int i = 0; i < 8; i++)
        ck_assert_msg(d[i] == SENTINEL, "%s wrote gradient %d: %g", kind, i, d[i]);
    ck_assert(is_blank(&r));
    mi_bound_destroy(bound);
}

START_TEST(a_loss_that_overflows_as_a_sum_writes_nothing) {
    check_sum("nwj", 0, 710.7);
    check_sum("tuba", 0, 709.7);
    check_sum("flo", -709.7, 0);
    check_sum("reverse-kl", -709.7, 0);
    check_sum("hellinger", -709.7, 0);
    check_sum("hellinger", 0, 709.7);
}
END_TEST

START_TEST(pearson_squares_more_than_float32_holds) {
    float joint[1] = {0}, product[2] = {3e20F, -1e20F}, d[2] = {SENTINEL, SENTINEL};
    mi_bound *bound = make("pearson", NULL, 0);
    mi_bound_result r = blank();
    mi_bound_vectors_f32 io = {.struct_size = sizeof io,
                               .n = 1,
                               .m = 2,
                               .joint = joint,
                               .product = product,
                               .dproduct = d};
    OK(mi_bound_eval_vectors_f32(bound, &io, &r));
    ck_assert_double_eq_tol(r.loss / 1.25e40, 1, 1e-6);
    ck_assert_double_eq_tol(d[0] / 7.5e19, 1, 1e-6);
    mi_bound_destroy(bound);
}
END_TEST

START_TEST(float32_has_its_own_largest_score) {
    static const char *const kinds[] = {"jsd", "club", "dv", "mine", "pearson", "smile"};
    enum { MANY = 9000 };
    float *x = malloc(MANY * sizeof *x), *d = malloc(MANY * sizeof *d);
    for (int k = 0; k < 12; k++) {
        mi_bound *bound = make(kinds[k % 6], NULL, 0);
        mi_bound_result r = blank();
        mi_bound_vectors_f32 io = {
            .struct_size = sizeof io, .n = MANY, .m = MANY, .joint = x, .product = x, .djoint = d};
        for (int i = 0; i < MANY; i++)
            x[i] = k < 6 ? 3e38F : 9e35F;
        d[0] = SENTINEL;
        if (k < 6) {
            FAILS(MI_E_NUMERIC, "1e+36", mi_bound_eval_vectors_f32(bound, &io, &r));
            ck_assert(d[0] == SENTINEL && is_blank(&r));
        } else {
            OK(mi_bound_eval_vectors_f32(bound, &io, &r));
            ck_assert(isfinite(r.loss) && !isnan(r.estimate));
        }
        mi_bound_destroy(bound);
    }
    free(x), free(d);
}
END_TEST

/* -- differences of large scores -------------------------------------------------------------- */

START_TEST(large_scores_that_are_alike_say_nothing) {
    static const char *const kinds[] = {"infonce", "interpolated", "flatnce", "leave-one-out"};
    const double large[] = {1e4, 1e15, -1e15, 3e100};
    for (int i = 0; i < 16; i++) {
        double scores[9];
        mi_bound *bound = make(kinds[i / 4], i / 4 == 1 ? "alpha" : NULL, 1);
        mi_bound_result r = blank();
        mi_bound_matrix_f64 io = {.struct_size = sizeof io, .n = 3, .scores = scores};
        for (int j = 0; j < 9; j++)
            scores[j] = large[i % 4];
        OK(mi_bound_eval_matrix_f64(bound, &io, &r));
        ck_assert_double_eq_tol(r.estimate, 0, 1e-14);
        mi_bound_destroy(bound);
    }
}
END_TEST

/* -- rows that lack one side ------------------------------------------------------------------ */

/* Row 0 has nothing to compare with. */
static void check_lacking(const char *kind, const char *parameter, double value, double score,
                          double estimate) {
    const uint8_t mask[9] = {1, 0, 0, 1, 1, 1, 1, 1, 1};
    double scores[9], d[9];
    float narrow[9], dnarrow[9];
    mi_bound *bound = make(kind, parameter, value);
    mi_bound_result r = blank(), s = blank();
    for (int i = 0; i < 9; i++)
        narrow[i] = (float)(scores[i] = score);
    mi_bound_matrix_f64 io = {
        .struct_size = sizeof io, .n = 3, .scores = scores, .mask = mask, .dscores = d};
    mi_bound_matrix_f32 io32 = {
        .struct_size = sizeof io32, .n = 3, .scores = narrow, .mask = mask, .dscores = dnarrow};
    OK(mi_bound_eval_matrix_f64(bound, &io, &r));
    OK(mi_bound_eval_matrix_f32(bound, &io32, &s));
    ck_assert_double_eq_tol(r.estimate, estimate, 1e-9);
    ck_assert_double_eq_tol(s.estimate, estimate, 1e-3);
    for (int i = 0; i < 9; i++)
        ck_assert(isfinite(d[i]) && isfinite(dnarrow[i]));
    mi_bound_destroy(bound);
}

START_TEST(a_row_without_scores_of_q_does_no_harm) {
    check_lacking("smile", "tau", INFINITY, -1e4, 0);
    check_lacking("smile", "tau", 5, -1e4, -1e4 + 5);
    check_lacking("tuba", "log-baseline", -1000, -1000, 0);
    check_lacking("nwj", NULL, 0, 1, 0);
    check_lacking("dv", NULL, 0, -1e4, 0);
    check_lacking("mine", NULL, 0, 1e4, 0);
    check_lacking("reverse-kl", NULL, 0, 0, 0);
    check_lacking("hellinger", NULL, 0, 0, 0);
    check_lacking("infonce", "columns", 0, 1e4, 0);
    check_lacking("infonce", "columns", .3, -1e4, 0);
}
END_TEST

START_TEST(a_row_with_pairs_but_nothing_to_compare_is_named) {
    static const char *const kinds[] = {"flo", "flatnce", "leave-one-out", "interpolated"};
    const uint8_t mask[9] = {1, 1, 1, 0, 1, 0, 1, 1, 1};
    for (int i = 0; i < 4; i++) {
        double scores[9] = {0}, d[9] = {SENTINEL};
        mi_bound *bound = make(kinds[i], NULL, 0);
        mi_bound_result r = blank();
        mi_bound_matrix_f64 io = {
            .struct_size = sizeof io, .n = 3, .scores = scores, .mask = mask, .dscores = d};
        FAILS(MI_E_SHAPE, "row 1", mi_bound_eval_matrix_f64(bound, &io, &r));
        ck_assert(d[0] == SENTINEL && d[8] == 0 && is_blank(&r));
        mi_bound_destroy(bound);
    }
}
END_TEST

START_TEST(an_offset_may_go_round_but_not_come_back) {
    const double scores[9] = {9, 1, 2, 3, 9, 4, 5, 6, 9}, want[] = {2, 3, 6};
    const double back[] = {3, 6, 999999999};
    mi_bound *bound = make("club-sampled", NULL, 0);
    mi_bound_matrix_f64 io = {.struct_size = sizeof io, .n = 3, .scores = scores};
    double u[3] = {1, 2, 3}, v[3] = {1, 1, 1};
    mi_bound_embeddings_f64 rows = {.struct_size = sizeof rows, .n = 3, .d = 1, .u = u, .v = v};
    mi_bound_result r = blank();
    OK(mi_bound_set(bound, "offset", 5)); /* as 2 */
    OK(mi_bound_eval_matrix_f64(bound, &io, &r));
    ck_assert_double_eq_tol(r.estimate, 9 - (want[0] + want[1] + want[2]) / 3, 1e-12);
    for (int i = 0; i < 3; i++) {
        OK(mi_bound_set(bound, "offset", back[i]));
        FAILS(MI_E_SHAPE, "multiple", mi_bound_eval_matrix_f64(bound, &io, &r));
        FAILS(MI_E_SHAPE, "multiple", mi_bound_eval_embeddings_f64(bound, &rows, &r));
    }
    OK(mi_bound_set(bound, "offset", 1e9)); /* 1 modulo 3 */
    OK(mi_bound_eval_embeddings_f64(bound, &rows, &r));
    mi_bound_destroy(bound);
}
END_TEST

/* -- embeddings ------------------------------------------------------------------------------- */

static void check_late(const char *kind, float unit, double temperature, float length) {
    float u[4] = {0, 0, unit, 0}, v[4] = {length, 0, -length, 0};
    float du[4] = {SENTINEL}, dv[4] = {SENTINEL, SENTINEL, SENTINEL, SENTINEL};
    double slope = SENTINEL;
    mi_bound *bound = make(kind, NULL, 0);
    mi_bound_result r = blank();
    mi_bound_embeddings_f32 io = {.struct_size = sizeof io,
                                  .n = 2,
                                  .d = 2,
                                  .u = u,
                                  .v = v,
                                  .temperature = temperature,
                                  .du = du,
                                  .dv = dv,
                                  .dtemperature = &slope};
    if (mi_bound_eval_embeddings_f32(bound, &io, &r) == MI_OK) {
        for (int i = 0; i < 4; i++)
            ck_assert(isfinite(du[i]) && isfinite(dv[i]));
    } else {
        ck_assert(du[0] == SENTINEL && slope == SENTINEL && is_blank(&r));
        for (int i = 0; i < 4; i++)
            ck_assert_msg(dv[i] == SENTINEL, "%s failed, but dv[%d] is %g", kind, i, dv[i]);
    }
    mi_bound_destroy(bound);
}

START_TEST(a_gradient_that_overflows_late_writes_nothing) {
    check_late("infonce", 1e-30F, 1e-30, 1e9F);
    check_late("dv", 1e-30F, 1e-30, 1e9F);
    check_late("pearson", 1e9F, 1, 1e9F);
    check_late("pearson", 1e-3F, 1e-10, 1e9F);
}
END_TEST

/* -- states ----------------------------------------------------------------------------------- */

START_TEST(mine_may_have_seen_as_many_batches_as_can_be_counted) {
    const double score = 1;
    double d;
    mi_bound *bound = make("mine", NULL, 0);
    mi_bound_state state = {sizeof state, 2, INT64_MAX};
    mi_bound_vectors_f64 io = {.struct_size = sizeof io,
                               .n = 1,
                               .m = 1,
                               .joint = &score,
                               .product = &score,
                               .dproduct = &d};
    OK(mi_bound_state_write(bound, &state));
    OK(mi_bound_eval_vectors_f64(bound, &io, NULL));
    OK(mi_bound_state_read(bound, &state));
    ck_assert(state.steps == INT64_MAX);
    ck_assert_double_eq_tol(state.log_average, log(.99 * exp(2) + .01 * exp(1)), 1e-12);
    mi_bound_destroy(bound);
}
END_TEST

UNIT_MAIN("bound_limits", each_pair_gets_its_gradient_by_a_baseline_that_all_share,
          float32_has_no_room_for_a_gradient_that_float64_holds,
          a_loss_that_overflows_as_a_sum_writes_nothing, pearson_squares_more_than_float32_holds,
          float32_has_its_own_largest_score, large_scores_that_are_alike_say_nothing,
          a_row_without_scores_of_q_does_no_harm, a_row_with_pairs_but_nothing_to_compare_is_named,
          an_offset_may_go_round_but_not_come_back, a_gradient_that_overflows_late_writes_nothing,
          mine_may_have_seen_as_many_batches_as_can_be_counted)
