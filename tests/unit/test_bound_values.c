/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of every bound against its naive twin, and its shapes against one another. */
#include "../../lib/kernel/kernel.h"
#include "bound_case.h"

static void near(const bound_case *c, const char *what, double got, double want, double tolerance) {
    bool same = got == want || fabs(got - want) <= tolerance * fmax(1, fabs(want));
    EXPECT(same, "%s: %s is %.17g, not %.17g", c->title, what, got, want);
}

static void near_result(const bound_case *c, const mi_bound_result *got,
                        const mi_bound_result *want, double tolerance) {
    near(c, "estimate", got->estimate, want->estimate, tolerance);
    near(c, "loss", got->loss, want->loss, tolerance);
    near(c, "cap", got->cap, want->cap, tolerance);
}

static double largest(int64_t count, const double *x) {
    double most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

/* Within `tolerance` of the largest. */
static void near_array(const bound_case *c, const char *what, int64_t count, const double *got,
                       const double *want, double tolerance) {
    double size = largest(count, want);
    for (int64_t i = 0; i < count; i++)
        EXPECT(fabs(got[i] - want[i]) <= tolerance * size, "%s: d %s[%d] is %.15g, not %.15g of %g",
               c->title, what, (int)i, got[i], want[i], size);
}

/* -- the naive twin --------------------------------------------------------------------------- */

static void check_naive(bound_case *c) {
    for (int step = 0; step < 2; step++) { /* mine: the first, and a later one */
        mi_bound_result r = RESULT, want = RESULT;
        if (step == 1)
            c->state = (mi_bound_state){sizeof c->state, .7, 3};
        naive_value v = bound_case_naive(c);
        want.estimate = v.estimate;
        want.loss = v.loss;
        want.cap = v.cap;
        OK(bound_case_f64(c, ALL_GRADIENTS, &r));
        near_result(c, &r, &want, 1e-12);
        mi_bound_state state = {.struct_size = sizeof state};
        OK(mi_bound_state_read(c->bound, &state));
        if ((c->info.traits & MI_BOUND_STATE) == 0)
            break;
        near(c, "log average", state.log_average, v.log_average, 1e-12);
        ck_assert_int_eq(state.steps, c->state.steps + 1);
    }
}

static const bound_variant large[] = {
    {"vectors 1000 and 3000", MI_BOUND_VECTORS, .n = 1000, .m = 3000},
    {"groups 100 x 70", MI_BOUND_GROUPS, .n = 100, .m = 7000},
    {"matrix 110", MI_BOUND_MATRIX, .n = 110, .masked = 2},
    {"matrix 13, local 17", MI_BOUND_MATRIX, .n = 13, .locations = 17, .masked = 1},
    {"embeddings 90", MI_BOUND_EMBEDDINGS, .n = 90, .d = 5, .normalize = 1, .temperature = .5},
};
enum { LARGE = sizeof large / sizeof *large };

START_TEST(values_are_those_of_the_formulas) {
    bound_for_each(bound_small, bound_smalls, check_naive);
    bound_for_each(large, LARGE, check_naive);
}
END_TEST

static void check_f32(bound_case *c) {
    bound_case *same = bound_case_twin(c, &c->v);
    mi_bound_result r = RESULT, s = RESULT;
    OK(bound_case_f64(c, ALL_GRADIENTS, &r));
    OK(bound_case_f32(same, ALL_GRADIENTS, &s));
    near_result(c, &s, &r, 1e-5);
    for (int i = 0; i < ARRAYS; i++)
        near_array(c, bound_array[i], c->count[i], same->out[i], c->out[i], 1e-5);
    bound_case_free(same);
}

START_TEST(float32_is_close_to_float64) {
    bound_for_each(bound_small, bound_smalls, check_f32);
    bound_for_each(large, LARGE, check_f32);
}
END_TEST

/* -- one shape against another ---------------------------------------------------------------- */

/* d(loss)/d(scores) to gradients of embeddings, straight from the chain rule. */
static void chain(const bound_case *c, const double *scores, const double *dscores, double *du,
                  double *dv, double *dt) {
    int64_t d = c->v.d, width = c->v.n * c->v.locations;
    double t = *c->in[TEMPERATURE];
    for (int64_t i = 0; i < c->v.n; i++)
        for (int64_t j = 0; j < width; j++) {
            const double *u = c->in[U] + i * d, *v = c->in[V] + j * d;
            double ds = dscores[i * width + j], s = scores[i * width + j], uu = 0, vv = 0;
            for (int64_t x = 0; x < d; x++) {
                uu += u[x] * u[x];
                vv += v[x] * v[x];
            }
            double both = c->v.normalize ? sqrt(uu * vv) : 1;
            for (int64_t x = 0; x < d; x++) {
                du[i * d + x] += ds * (v[x] / both / t - (c->v.normalize ? s * u[x] / uu : 0));
                dv[j * d + x] += ds * (u[x] / both / t - (c->v.normalize ? s * v[x] / vv : 0));
            }
            *dt -= ds * s / t;
        }
}

static void check_embeddings(bound_case *c) {
    bound_variant v = c->v;
    v.shape = MI_BOUND_MATRIX;
    v.name = "matrix";
    bound_case *dense = bound_case_twin(c, &v);
    double *scores = bound_case_scores(c), *want[ARRAYS] = {0};
    mi_bound_result r = RESULT, s = RESULT;
    memcpy(dense->in[SCORES], scores, (size_t)dense->count[SCORES] * sizeof *scores);
    for (int i = U; i < ARRAYS; i++)
        want[i] = calloc((size_t)c->count[i] + 1, sizeof(double));
    if (c->in[BASELINE] != NULL)
        memcpy(dense->in[BASELINE], c->in[BASELINE], (size_t)c->v.n * sizeof(double));
    OK(bound_case_f64(dense, ALL_GRADIENTS, &s));
    chain(c, scores, dense->out[SCORES], want[U], want[V], want[TEMPERATURE]);
    if (c->in[BASELINE] != NULL)
        memcpy(want[BASELINE], dense->out[BASELINE], (size_t)c->v.n * sizeof(double));
    for (int narrow = 0; narrow < 2; narrow++) {
        OK((narrow ? bound_case_f32 : bound_case_f64)(c, ALL_GRADIENTS, &r));
        near_result(c, &r, &s, narrow ? 1e-6 : 1e-12);
        for (int i = U; i < ARRAYS; i++) {
            double all = i == TEMPERATURE ? 10 : 1; /* a sum over everything cancels */
            near_array(c, bound_array[i], c->count[i], c->out[i], want[i],
                       all * (narrow ? 1e-6 : 1e-12));
        }
    }
    for (int i = U; i < ARRAYS; i++)
        free(want[i]);
    free(scores);
    bound_case_free(dense);
}

static const bound_variant shapely[] = {
    {"embeddings 100", MI_BOUND_EMBEDDINGS, .n = 100, .d = 5},
    {"embeddings 24, wide", MI_BOUND_EMBEDDINGS, .n = 24, .d = 500, .temperature = .6},
    {"embeddings 20, local 49", MI_BOUND_EMBEDDINGS, .n = 20, .locations = 49, .d = 33,
     .normalize = 1, .temperature = .3},
};
enum { SHAPELY = sizeof shapely / sizeof *shapely };

/* More than 4 MiB of scores: a strip of rows after another. */
static const bound_variant streamed = {"embeddings 1050", MI_BOUND_EMBEDDINGS, .n = 1050, .d = 2};

START_TEST(embeddings_are_their_matrix) {
    mi_bound_info info = {.struct_size = sizeof info};
    bound_for_each(shapely, SHAPELY, check_embeddings);
    for (int32_t i = 0; mi_bound_list(i, &info) == MI_OK; i++) {
        bound_case *c =
            bound_case_make(info.name, &streamed, 2, (info.traits & MI_BOUND_BASELINE) != 0);
        if (strcmp(info.name, "infonce") == 0)
            bound_case_set(c, "columns", .3);
        check_embeddings(c);
        bound_case_free(c);
    }
}
END_TEST

/* The vectors that hold the pairs of a matrix: negatives once for each positive of their row. */
static void check_matrix_as_vectors(bound_case *c) {
    int64_t n = c->v.n, l = c->v.locations, k = 0;
    bool diagonal = c->parameters.diagonal != 0, one = strcmp(c->info.name, "club-sampled") == 0;
    if (c->v.shape != MI_BOUND_MATRIX || c->mask != NULL || c->parameters.columns > 0)
        return;
    bound_variant v = {.name = "vectors", .n = n * l};
    v.shape = (c->info.shapes & MI_BOUND_GROUPS) != 0 ? MI_BOUND_GROUPS : MI_BOUND_VECTORS;
    k = one ? l : diagonal ? n * l : (n - 1) * l;
    v.m = v.n * k;
    bound_case *flat = bound_case_twin(c, &v);
    ck_assert_ptr_nonnull(flat);
    int64_t at = 0, *from = calloc((size_t)v.m, sizeof *from);
    for (int64_t p = 0; p < v.n; p++) {
        flat->in[JOINT][p] = c->in[SCORES][p / l * n * l + p];
        if (c->in[BASELINE] != NULL)
            flat->in[BASELINE][p] = c->in[BASELINE][p / l];
        for (int64_t j = 0; j < n * l; j++) {
            if (one ? j / l != (p / l + (int64_t)c->parameters.offset) % n
                    : j / l == p / l && !diagonal)
                continue;
            from[at] = p / l * n * l + j;
            flat->in[PRODUCT][at] = c->in[SCORES][from[at]];
            at++;
        }
    }
    ck_assert_int_eq(at, v.m);
    mi_bound_result r = RESULT, s = RESULT;
    OK(bound_case_f64(c, ALL_GRADIENTS, &r));
    OK(bound_case_f64(flat, ALL_GRADIENTS, &s));
    near_result(c, &r, &s, 1e-12);
    double *want = calloc((size_t)c->count[SCORES], sizeof *want), *base = calloc((size_t)n, 8);
    for (int64_t p = 0; p < v.n; p++) {
        want[p / l * n * l + p] += flat->out[JOINT][p];
        base[p / l] += c->in[BASELINE] != NULL ? flat->out[BASELINE][p] : 0;
    }
    for (int64_t j = 0; j < v.m; j++)
        want[from[j]] += flat->out[PRODUCT][j];
    near_array(c, "scores", c->count[SCORES], c->out[SCORES], want, 1e-12);
    near_array(c, "baseline", c->count[BASELINE], c->out[BASELINE], base, 1e-12);
    free(base);
    free(want);
    free(from);
    bound_case_free(flat);
}

START_TEST(a_matrix_is_its_vectors) {
    static const bound_variant more = {"matrix 20", MI_BOUND_MATRIX, .n = 20};
    bound_for_each(bound_small, bound_smalls, check_matrix_as_vectors);
    bound_for_each(&more, 1, check_matrix_as_vectors);
}
END_TEST

/* -- order ------------------------------------------------------------------------------------ */

static int64_t place(int64_t sample, int64_t n) {
    return n - 1 - (sample + 2) % n;
}

/* Where an element goes when samples change places. */
static int64_t moved(const bound_case *c, int array, int64_t i) {
    int64_t n = c->v.n, l = c->v.locations, width = n * l;
    int64_t unit = array == U ? c->v.d : array == V ? l * c->v.d : 1;
    if (array == PRODUCT)
        unit = c->v.m % n == 0 ? c->v.m / n : c->v.m;
    if (array == SCORES) {
        int64_t row = i / width, column = i % width;
        return place(row, n) * width + place(column / l, n) * l + column % l;
    }
    return array == TEMPERATURE || unit == c->v.m ? i : place(i / unit, n) * unit + i % unit;
}

static void check_order(bound_case *c) {
    if ((c->info.traits & MI_BOUND_ORDERED) != 0 && c->v.m == 0)
        return;
    bound_case *other = bound_case_twin(c, &c->v);
    mi_bound_result r = RESULT, s = RESULT;
    for (int a = 0; a < ARRAYS; a++)
        for (int64_t i = 0; i < c->count[a]; i++)
            other->in[a][moved(c, a, i)] = c->in[a][i];
    for (int64_t i = 0; c->mask != NULL && i < c->count[SCORES]; i++)
        other->mask[moved(c, SCORES, i)] = c->mask[i];
    OK(bound_case_f64(c, ALL_GRADIENTS, &r));
    OK(bound_case_f64(other, ALL_GRADIENTS, &s));
    near_result(c, &s, &r, 1e-12);
    for (int a = 0; a < ARRAYS; a++) {
        double *back = calloc((size_t)c->count[a] + 1, sizeof *back);
        for (int64_t i = 0; i < c->count[a]; i++)
            back[i] = other->out[a][moved(c, a, i)];
        near_array(c, bound_array[a], c->count[a], back, c->out[a], 1e-12);
        free(back);
    }
    bound_case_free(other);
}

START_TEST(the_order_of_samples_is_no_matter) {
    bound_for_each(bound_small, bound_smalls, check_order);
}
END_TEST

/* -- threads ---------------------------------------------------------------------------------- */

/* The products of float64 and, without AVX-512, those of float32 are the BLAS's own affair. */
static void check_threads(const char *kind, const bound_variant *v, bool narrow) {
    mi_bound_result r = RESULT;
    bound_case *one = bound_case_make(kind, v, 1, false);
    if (one == NULL)
        return;
    mi_status (*evaluate)(bound_case *, unsigned, mi_bound_result *) =
        narrow ? bound_case_f32 : bound_case_f64;
    OK(evaluate(one, ALL_GRADIENTS, &r));
    for (int32_t threads = 2; threads <= 3; threads++) {
        bound_case *many = bound_case_make(kind, v, threads, false);
        mi_bound_result s = RESULT;
        OK(evaluate(many, ALL_GRADIENTS, &s));
        EXPECT(memcmp(&r, &s, sizeof r) == 0, "%s: %d threads: values differ", one->title, threads);
        for (int a = 0; a < ARRAYS; a++)
            EXPECT(one->out[a] == NULL ||
                       memcmp(one->out[a], many->out[a], (size_t)one->count[a] * 8) == 0,
                   "%s: %d threads: d %s differs", one->title, threads, bound_array[a]);
        bound_case_free(many);
    }
    bound_case_free(one);
}

START_TEST(threads_change_no_bit) {
    bool own = strcmp(mi__kernels_select()->name, "avx512") == 0;
    mi_bound_info info = {.struct_size = sizeof info};
    const bound_variant vectors = {"vectors", MI_BOUND_VECTORS, .n = 2000, .m = 50000};
    const bound_variant groups = {"groups", MI_BOUND_GROUPS, .n = 300, .m = 30000};
    const bound_variant matrix = {"matrix", MI_BOUND_MATRIX, .n = 60, .locations = 5};
    const bound_variant embeddings = {"embeddings", MI_BOUND_EMBEDDINGS, .n = 150, .d = 40};
    for (int32_t i = 0; mi_bound_list(i, &info) == MI_OK; i++)
        for (int narrow = 0; narrow < 2; narrow++) {
            check_threads(info.name, &vectors, narrow);
            check_threads(info.name, &groups, narrow);
            check_threads(info.name, &matrix, narrow);
            if (own && narrow)
                check_threads(info.name, &embeddings, narrow);
        }
}
END_TEST

UNIT_MAIN("bound_values", values_are_those_of_the_formulas, float32_is_close_to_float64,
          embeddings_are_their_matrix, a_matrix_is_its_vectors, the_order_of_samples_is_no_matter,
          threads_change_no_bit)
