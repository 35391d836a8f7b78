/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounds where it hurts: one sample, huge scores, ties, NaN, masks, strides. */
#include "bound_case.h"

#define SENTINEL -12345.678

static void spoil_outputs(bound_case *c) {
    for (int a = 0; a < ARRAYS; a++)
        for (int64_t i = 0; i < c->count[a]; i++)
            c->out[a][i] = SENTINEL;
}

static void check_untouched(const bound_case *c, const mi_bound_result *r, const char *when) {
    EXPECT(r->estimate == -77 && r->loss == -77 && r->cap == -77, "%s: %s: the result was written",
           c->title, when);
    for (int a = 0; a < ARRAYS; a++)
        for (int64_t i = 0; i < c->count[a]; i++) /* float32 rounds it */
            EXPECT(fabs(c->out[a][i] - SENTINEL) < 1e-2 || c->out[a][i] == 0,
                   "%s: %s: d %s was written", c->title, when, bound_array[a]);
}

static void check_finite(const bound_case *c, const mi_bound_result *r, const char *when) {
    EXPECT(isfinite(r->loss) && !isnan(r->estimate) && r->estimate < INFINITY && !isnan(r->cap),
           "%s: %s: estimate %g, loss %g, cap %g", c->title, when, r->estimate, r->loss, r->cap);
    EXPECT(r->estimate <= r->cap + 1e-9 * fabs(r->cap), "%s: %s: %.12g is above %.12g", c->title,
           when, r->estimate, r->cap);
    for (int a = 0; a < ARRAYS; a++)
        for (int64_t i = 0; i < c->count[a]; i++)
            EXPECT(isfinite(c->out[a][i]), "%s: %s: d %s[%d] is %g", c->title, when, bound_array[a],
                   (int)i, c->out[a][i]);
}

/* In both precisions; which statuses other than MI_OK are fine is up to the caller. */
static bool survives(bound_case *c, mi_status allowed, const char *when) {
    bool always = true;
    for (int narrow = 0; narrow < 2; narrow++) {
        mi_bound_result r = RESULT;
        spoil_outputs(c);
        mi_status status = (narrow ? bound_case_f32 : bound_case_f64)(c, ALL_GRADIENTS, &r);
        EXPECT(status == MI_OK || status == allowed, "%s: %s: %s: %s", c->title, when,
               mi_status_name(status), mi_error_message());
        if (status == MI_OK)
            check_finite(c, &r, when);
        else if (!narrow)
            check_untouched(c, &r, when);
        always = always && status == MI_OK;
    }
    return always;
}

/* -- few samples ------------------------------------------------------------------------------ */

static const bound_variant few[] = {
    {"vectors 1 and 1", MI_BOUND_VECTORS, .n = 1, .m = 1},
    {"vectors 2 and 1", MI_BOUND_VECTORS, .n = 2, .m = 1},
    {"groups 1 x 1", MI_BOUND_GROUPS, .n = 1, .m = 1},
    {"matrix 1", MI_BOUND_MATRIX, .n = 1},
    {"matrix 1, local", MI_BOUND_MATRIX, .n = 1, .locations = 3},
    {"matrix 2", MI_BOUND_MATRIX, .n = 2},
    {"embeddings 1", MI_BOUND_EMBEDDINGS, .n = 1, .d = 1},
    {"embeddings 1, normalised", MI_BOUND_EMBEDDINGS, .n = 1, .d = 2, .normalize = 1},
    {"embeddings 2", MI_BOUND_EMBEDDINGS, .n = 2, .d = 1},
};
enum { FEW = sizeof few / sizeof *few };

static void check_few(bound_case *c) {
    bool worked = survives(c, MI_E_SHAPE, "few");
    bool alone = c->v.n == 1 && c->v.m == 0;
    bool needs = strcmp(c->info.name, "infonce") != 0 && c->parameters.diagonal == 0;
    EXPECT(worked == !(alone && needs), "%s: %s", c->title,
           worked ? "there is nothing to compare with" : mi_error_message());
    if (alone && strcmp(c->info.name, "infonce") == 0) {
        mi_bound_result r = RESULT;
        OK(bound_case_f64(c, ALL_GRADIENTS, &r));
        EXPECT(r.estimate == 0 && r.loss == 0 && r.cap == 0, "%s: %g %g %g", c->title, r.estimate,
               r.loss, r.cap);
    }
}

START_TEST(few_samples_work_or_are_refused) {
    bound_for_each(few, FEW, check_few);
}
END_TEST

/* -- huge scores, ties ------------------------------------------------------------------------ */

static const char *const tough[] = {"dv",      "infonce",       "jsd", "smile", "total-variation",
                                    "flatnce", "leave-one-out", "club"};

static bool is_tough(const char *kind) {
    for (size_t i = 0; i < sizeof tough / sizeof *tough; i++)
        if (strcmp(kind, tough[i]) == 0)
            return true;
    return false;
}

/* Whether a score belongs to P. */
static bool own(const bound_case *c, int array, int64_t i) {
    int64_t width = c->v.n * c->v.locations;
    return array == JOINT || (array == SCORES && i % width / c->v.locations == i / width);
}

static double pattern(const bound_case *c, int which, int array, int64_t i) {
    double sign = own(c, array, i) ? 1 : -1;
    switch (which) {
    case 0: return 0;
    case 1: return 1e4 * sign;
    case 2: return -1e4 * sign;
    case 3: return i % 2 == 0 ? 1e4 : -1e4;
    case 4: return 1e4;
    case 5: return -1e4;
    case 6: return 30 * sign;
    default: return i == 0 ? 1e4 : -.5;
    }
}

static void check_huge(bound_case *c) {
    char when[20] = "pattern 0";
    for (int which = 0; which < 8; which++) {
        when[8] = (char)('0' + which);
        for (int a = JOINT; a <= SCORES; a++)
            for (int64_t i = 0; i < c->count[a]; i++)
                c->in[a][i] = pattern(c, which, a, i);
        for (int64_t i = 0; i < c->count[U]; i++)
            c->in[U][i] = pattern(c, which, U, i / c->v.d) / 100 + (c->v.normalize ? 1e-3 : 0);
        for (int64_t i = 0; i < c->count[V]; i++)
            c->in[V][i] = 100;
        bool worked = survives(c, MI_E_NUMERIC, when);
        EXPECT(worked || which > 0, "%s: equal scores: %s", c->title, mi_error_message());
        EXPECT(worked || !is_tough(c->info.name), "%s: %s: %s", c->title, when, mi_error_message());
    }
}

START_TEST(huge_scores_and_ties_give_no_nan) {
    bound_for_each(bound_small, bound_smalls, check_huge);
}
END_TEST

/* -- what is not finite ----------------------------------------------------------------------- */

static void check_refused(bound_case *c, int array, int64_t i, double bad) {
    const double was = c->in[array][i];
    c->in[array][i] = bad;
    for (int mode = 0; mode < 3; mode++) { /* float64, float32, without gradients */
        mi_bound_result r = RESULT;
        spoil_outputs(c);
        mi_status status = (mode == 1 ? bound_case_f32 : bound_case_f64)(
            c, mode == 2 ? NO_GRADIENT : ALL_GRADIENTS, &r);
        EXPECT(status == MI_E_NUMERIC, "%s: %s[%d] is %g: %s", c->title, bound_array[array], (int)i,
               bad, mi_status_name(status));
        EXPECT(strstr(mi_error_message(), bound_array[array]) != NULL &&
                   strchr(mi_error_message(), '[') != NULL,
               "%s: \"%s\" lacks %s[", c->title, mi_error_message(), bound_array[array]);
        check_untouched(c, &r, "not finite");
    }
    c->in[array][i] = was;
}

/* What is compared with nothing isn't even read. */
static bool is_read(bound_case *c, int array, int64_t i) {
    if (array != SCORES)
        return true;
    OK(bound_case_f64(c, ALL_GRADIENTS, NULL));
    bool one = (c->info.traits & MI_BOUND_ORDERED) != 0;
    return (c->mask == NULL || c->mask[i] != 0) && (!one || c->out[SCORES][i] != 0);
}

static void check_not_finite(bound_case *c) {
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int a = 0; a < TEMPERATURE; a++)
        for (int j = 0; j < 9 && c->count[a] > 0; j++) { /* first, middle and last */
            int64_t i = j / 3 * (c->count[a] - 1) / 2;
            if (is_read(c, a, i))
                check_refused(c, a, i, bad[j % 3]);
        }
}

START_TEST(what_is_not_finite_is_refused) {
    bound_for_each(bound_small, bound_smalls, check_not_finite);
}
END_TEST

START_TEST(messages_say_where) {
    const bound_variant matrix = {"matrix", MI_BOUND_MATRIX, .n = 3, .locations = 2};
    const bound_variant vectors = {"vectors", MI_BOUND_VECTORS, .n = 3, .m = 4};
    const bound_variant rows = {"embeddings", MI_BOUND_EMBEDDINGS, .n = 3, .d = 2, .normalize = 1};
    bound_case *m = bound_case_make("dv", &matrix, 1, false);
    bound_case *v = bound_case_make("dv", &vectors, 1, false);
    bound_case *e = bound_case_make("dv", &rows, 1, false);
    m->in[SCORES][6 * 2 + 5] = NAN;
    FAILS(MI_E_NUMERIC, "scores[2][5]", bound_case_f64(m, ALL_GRADIENTS, NULL));
    v->in[PRODUCT][3] = INFINITY;
    FAILS(MI_E_NUMERIC, "product[3]", bound_case_f64(v, ALL_GRADIENTS, NULL));
    e->in[V][3] = -INFINITY;
    FAILS(MI_E_NUMERIC, "v[1][1]", bound_case_f64(e, ALL_GRADIENTS, NULL));
    e->in[V][3] = 1;
    e->in[U][4] = e->in[U][5] = 0;
    FAILS(MI_E_NUMERIC, "u[2]", bound_case_f64(e, ALL_GRADIENTS, NULL));
    bound_case_free(m);
    bound_case_free(v);
    bound_case_free(e);
}
END_TEST

/* -- masks ------------------------------------------------------------------------------------ */

static bool alike(double a, double b, double tolerance) {
    return a == b || fabs(a - b) <= tolerance * (1 + fabs(b));
}

static void check_mask(bound_case *c) {
    if (c->v.shape != MI_BOUND_MATRIX)
        return;
    bound_case *other = bound_case_twin(c, &c->v);
    mi_bound_result r = RESULT, s = RESULT;
    if (c->mask == NULL) { /* all there */
        ck_assert_ptr_nonnull(other->mask = malloc((size_t)c->count[SCORES]));
        memset(other->mask, 255, (size_t)c->count[SCORES]);
    }
    for (int64_t i = 0; i < c->count[SCORES]; i++)
        if (other->mask[i] == 0)
            other->in[SCORES][i] = i % 2 == 0 ? 1e30 : -1e30;
    spoil_outputs(c);
    spoil_outputs(other);
    OK(bound_case_f64(c, ALL_GRADIENTS, &r));
    OK(bound_case_f64(other, ALL_GRADIENTS, &s));
    double tolerance = c->mask == NULL ? 1e-14 : 0; /* sums are split otherwise */
    EXPECT(alike(r.estimate, s.estimate, tolerance) && alike(r.loss, s.loss, tolerance) &&
               alike(r.cap, s.cap, tolerance),
           "%s: %.17g, with the mask %.17g", c->title, r.loss, s.loss);
    for (int64_t i = 0; i < c->count[SCORES]; i++) {
        EXPECT(alike(c->out[SCORES][i], other->out[SCORES][i], tolerance), "%s: [%d]: %.17g, %.17g",
               c->title, (int)i, c->out[SCORES][i], other->out[SCORES][i]);
        EXPECT(other->mask[i] != 0 || c->out[SCORES][i] == 0,
               "%s: a masked pair has the gradient %g", c->title, c->out[SCORES][i]);
    }
    bound_case_free(other);
}

START_TEST(masked_pairs_are_not_there) {
    bound_for_each(bound_small, bound_smalls, check_mask);
}
END_TEST

static void check_nothing_left(bound_case *c) {
    mi_bound_result r = RESULT;
    if (c->mask == NULL || c->v.masked != 1)
        return;
    memset(c->mask, 0, (size_t)c->count[SCORES]);
    spoil_outputs(c);
    FAILS(MI_E_SHAPE, "mask", bound_case_f64(c, ALL_GRADIENTS, &r));
    check_untouched(c, &r, "all masked");
    for (int64_t i = 0; i < c->count[SCORES]; i++) /* only what no row is compared with */
        c->mask[i] = own(c, SCORES, i);
    bool fine = strcmp(c->info.name, "infonce") == 0 || c->parameters.diagonal != 0;
    mi_status status = bound_case_f64(c, ALL_GRADIENTS, &r);
    EXPECT(status == (fine ? MI_OK : MI_E_SHAPE), "%s: %s", c->title, mi_status_name(status));
    if (fine)
        check_finite(c, &r, "no negatives");
    else
        check_untouched(c, &r, "no negatives");
}

START_TEST(a_mask_may_leave_nothing) {
    bound_for_each(bound_small, bound_smalls, check_nothing_left);
}
END_TEST

/* -- each output alone ------------------------------------------------------------------------ */

static void check_alone(bound_case *c) {
    bound_case *whole = bound_case_twin(c, &c->v);
    mi_bound_result r = RESULT, s = RESULT;
    OK(bound_case_f64(whole, ALL_GRADIENTS, &r));
    for (int mode = 0; mode < 2 * ARRAYS; mode++) {
        unsigned one = 1u << mode % ARRAYS, want = mode < ARRAYS ? one : ALL_GRADIENTS & ~one;
        spoil_outputs(c);
        OK(bound_case_f64(c, want, &s));
        EXPECT(r.estimate == s.estimate && r.loss == s.loss && r.cap == s.cap,
               "%s: outputs %x: loss %.17g, not %.17g", c->title, want, s.loss, r.loss);
        for (int a = 0; a < ARRAYS; a++)
            for (int64_t i = 0; i < c->count[a]; i++) {
                double expected = (want >> a & 1) != 0 ? whole->out[a][i] : SENTINEL;
                EXPECT(c->out[a][i] == expected, "%s: outputs %x: d %s[%d]: %.17g, not %.17g",
                       c->title, want, bound_array[a], (int)i, c->out[a][i], expected);
            }
    }
    OK(bound_case_f64(c, ALL_GRADIENTS, NULL));
    bound_case_free(whole);
}

START_TEST(each_output_may_be_left_out) {
    bound_for_each(bound_small, bound_smalls, check_alone);
}
END_TEST

/* -- strides ---------------------------------------------------------------------------------- */

static double *spread_out(const double *x, int64_t rows, int64_t width, int64_t ld) {
    double *y = malloc((size_t)(rows * ld) * sizeof *y);
    ck_assert_ptr_nonnull(y);
    for (int64_t i = 0; i < rows * ld; i++)
        y[i] = i % ld < width && x != NULL ? x[i / ld * width + i % ld] : NAN;
    return y;
}

static void check_spread(const bound_case *c, const double *got, const double *want, int64_t rows,
                         int64_t width, int64_t ld) {
    for (int64_t i = 0; i < rows * ld; i++)
        EXPECT(i % ld < width ? got[i] == want[i / ld * width + i % ld] : isnan(got[i]),
               "%s: with strides [%d][%d] is %g", c->title, (int)(i / ld), (int)(i % ld), got[i]);
}

static void check_matrix_strides(bound_case *c) {
    int64_t n = c->v.n, w = n * c->v.locations;
    double *s = spread_out(c->in[SCORES], n, w, w + 3), *ds = spread_out(NULL, n, w, w + 2);
    uint8_t *mask = calloc((size_t)(n * (w + 1)), 1);
    for (int64_t i = 0; c->mask != NULL && i < n * w; i++)
        mask[i / w * (w + 1) + i % w] = c->mask[i];
    mi_bound_matrix_f64 io = {.struct_size = sizeof io,
                              .n = n,
                              .locations = c->v.locations,
                              .scores = s,
                              .ld = w + 3,
                              .ldmask = w + 1,
                              .baseline = c->in[BASELINE],
                              .dscores = ds,
                              .lddscores = w + 2};
    io.mask = c->mask != NULL ? mask : NULL;
    OK(bound_case_f64(c, ALL_GRADIENTS, NULL));
    if ((c->info.traits & MI_BOUND_STATE) != 0)
        OK(mi_bound_state_write(c->bound, &c->state));
    OK(mi_bound_eval_matrix_f64(c->bound, &io, NULL));
    check_spread(c, ds, c->out[SCORES], n, w, w + 2);
    free(s), free(ds), free(mask);
}

static void check_embeddings_strides(bound_case *c) {
    int64_t n = c->v.n, w = n * c->v.locations, d = c->v.d;
    double *u = spread_out(c->in[U], n, d, d + 1), *v = spread_out(c->in[V], w, d, d + 2);
    double *du = spread_out(NULL, n, d, d + 3), *dv = spread_out(NULL, w, d, d + 4);
    mi_bound_embeddings_f64 io = {.struct_size = sizeof io,
                                  .n = n,
                                  .locations = c->v.locations,
                                  .d = d,
                                  .u = u,
                                  .ldu = d + 1,
                                  .v = v,
                                  .ldv = d + 2,
                                  .temperature = *c->in[TEMPERATURE],
                                  .normalize = c->v.normalize,
                                  .baseline = c->in[BASELINE],
                                  .du = du,
                                  .lddu = d + 3,
                                  .dv = dv,
                                  .lddv = d + 4};
    OK(bound_case_f64(c, ALL_GRADIENTS, NULL));
    if ((c->info.traits & MI_BOUND_STATE) != 0)
        OK(mi_bound_state_write(c->bound, &c->state));
    OK(mi_bound_eval_embeddings_f64(c->bound, &io, NULL));
    check_spread(c, du, c->out[U], n, d, d + 3);
    check_spread(c, dv, c->out[V], w, d, d + 4);
    free(u), free(v), free(du), free(dv);
}

static void check_strides(bound_case *c) {
    if (c->v.shape == MI_BOUND_MATRIX)
        check_matrix_strides(c);
    if (c->v.shape == MI_BOUND_EMBEDDINGS)
        check_embeddings_strides(c);
}

START_TEST(rows_may_be_apart) {
    bound_for_each(bound_small, bound_smalls, check_strides);
}
END_TEST

UNIT_MAIN("bound_edges", few_samples_work_or_are_refused, huge_scores_and_ties_give_no_nan,
          what_is_not_finite_is_refused, messages_say_where, masked_pairs_are_not_there,
          a_mask_may_leave_nothing, each_output_may_be_left_out, rows_may_be_apart)
