/* SPDX-License-Identifier: BSD-2-Clause */
#include "bound_case.h"

#include "../../lib/base/random.h"

#include <stdio.h>

const char *const bound_array[ARRAYS] = {"joint", "product",  "scores",     "u",
                                         "v",     "baseline", "temperature"};

const bound_variant bound_small[] = {
    {"vectors 5 and 7", MI_BOUND_VECTORS, .n = 5, .m = 7},
    {"vectors 4 and 12", MI_BOUND_VECTORS, .n = 4, .m = 12},
    {"groups 4 x 3", MI_BOUND_GROUPS, .n = 4, .m = 12},
    {"groups 3 x 1", MI_BOUND_GROUPS, .n = 3, .m = 3},
    {"matrix", MI_BOUND_MATRIX, .n = 5},
    {"matrix, masked", MI_BOUND_MATRIX, .n = 6, .masked = 1},
    {"matrix, a row masked", MI_BOUND_MATRIX, .n = 6, .masked = 2},
    {"matrix, local", MI_BOUND_MATRIX, .n = 4, .locations = 3},
    {"matrix, local, masked", MI_BOUND_MATRIX, .n = 4, .locations = 3, .masked = 1},
    {"embeddings", MI_BOUND_EMBEDDINGS, .n = 5, .d = 3},
    {"embeddings, normalised", MI_BOUND_EMBEDDINGS, .n = 4, .d = 3, .normalize = 1},
    {"embeddings, temperature", MI_BOUND_EMBEDDINGS, .n = 4, .d = 2, .temperature = 1.3},
    {"embeddings, local", MI_BOUND_EMBEDDINGS, .n = 3, .locations = 3, .d = 2},
    {"embeddings, all", MI_BOUND_EMBEDDINGS, .n = 3, .locations = 2, .d = 3, .temperature = .7,
     .normalize = 1},
};
const int bound_smalls = (int)(sizeof bound_small / sizeof *bound_small);

/* Values of the parameters; one that is missing here fails the tests. */
static const struct {
    const char *name;
    int count;
    double value[3];
} settings[] = {
    {"diagonal", 2, {0, 1}},        {"columns", 3, {0, .3, 1}}, {"rate", 2, {.1, 1}},
    {"log-baseline", 2, {-.5, .8}}, {"alpha", 3, {0, .4, 1}},   {"tau", 2, {.5, 3}},
    {"shift", 2, {0, 1}},           {"offset", 3, {1, 2, 5}},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

void bound_normals(uint64_t seed, int64_t count, double *x) {
    mi__random r = mi__random_at(seed, 0, 0);
    for (int64_t i = 0; i < count; i++)
        x[i] = mi__random_normal(&r);
}

/* -- making ----------------------------------------------------------------------------------- */

static double *parameter(naive *p, const char *name) {
    double *const all[SETTINGS] = {&p->diagonal, &p->columns, &p->rate,  &p->log_baseline,
                                   &p->alpha,    &p->tau,     &p->shift, &p->offset};
    for (int i = 0; i < SETTINGS; i++)
        if (strcmp(settings[i].name, name) == 0)
            return all[i];
    ck_abort_msg("parameter %s is not known to the tests", name);
    return NULL;
}

void bound_case_set(bound_case *c, const char *name, double value) {
    OK(mi_bound_set(c->bound, name, value));
    *parameter(&c->parameters, name) = value;
    size_t used = strlen(c->title);
    snprintf(c->title + used, sizeof c->title - used, ", %s %g", name, value);
}

static mi_bound_info find(const char *kind) {
    mi_bound_info info = {.struct_size = sizeof info};
    for (int32_t i = 0; mi_bound_list(i, &info) == MI_OK; i++)
        if (strcmp(info.name, kind) == 0)
            return info;
    ck_abort_msg("there is no bound %s", kind);
    return info;
}

static void load_parameters(bound_case *c) {
    mi_bound_param p = {.struct_size = sizeof p};
    for (int32_t i = 0; i < c->info.params; i++) {
        OK(mi_bound_param_list(c->info.name, i, &p));
        OK(mi_bound_get(c->bound, p.name, parameter(&c->parameters, p.name)));
    }
}

static void count_arrays(bound_case *c, bool baseline) {
    const bound_variant *v = &c->v;
    int64_t l = v->locations;
    if (v->shape == MI_BOUND_MATRIX) {
        c->count[SCORES] = v->n * v->n * l;
    } else if (v->shape == MI_BOUND_EMBEDDINGS) {
        c->count[U] = v->n * v->d;
        c->count[V] = v->n * l * v->d;
        c->count[TEMPERATURE] = 1;
    } else {
        c->count[JOINT] = v->n;
        c->count[PRODUCT] = v->m;
    }
    c->count[BASELINE] = baseline ? v->n : 0;
}

/* A quarter of the pairs is masked, but something is left in every row and column. */
static void make_mask(bound_case *c) {
    int64_t width = c->v.n * c->v.locations;
    ck_assert_ptr_nonnull(c->mask = malloc((size_t)(c->v.n * width)));
    for (int64_t i = 0; i < c->v.n * width; i++)
        c->mask[i] = (uint8_t)(i * 7 % 13 % 4 == 2 ? 0 : 1 + i % 3);
    if (c->v.masked == 2)
        memset(c->mask + width * 2 + c->v.locations * 2, 0, (size_t)c->v.locations);
}

static void fill(bound_case *c) {
    for (int i = 0; i < ARRAYS; i++) {
        if (c->count[i] == 0)
            continue;
        ck_assert_ptr_nonnull(c->in[i] = calloc((size_t)c->count[i], sizeof(double)));
        ck_assert_ptr_nonnull(c->out[i] = calloc((size_t)c->count[i], sizeof(double)));
        bound_normals(41 + (uint64_t)i, c->count[i], c->in[i]);
        double spread = c->v.spread > 0 ? c->v.spread : 1;
        if (i == U || i == V) /* so that their products have that spread */
            spread = sqrt(spread / sqrt((double)c->v.d));
        for (int64_t j = 0; j < c->count[i]; j++)
            c->in[i][j] = (float)(c->in[i][j] * (i == BASELINE ? .3 : spread));
    }
    if (c->in[TEMPERATURE] != NULL)
        *c->in[TEMPERATURE] = c->v.temperature > 0 ? c->v.temperature : 1;
    if (c->v.masked != 0)
        make_mask(c);
}

bound_case *bound_case_make(const char *kind, const bound_variant *v, int32_t threads,
                            bool baseline) {
    mi_bound_info info = find(kind);
    if ((info.shapes & v->shape) == 0)
        return NULL;
    bound_case *c = calloc(1, sizeof *c);
    ck_assert_ptr_nonnull(c);
    c->info = info;
    c->v = *v;
    c->v.locations = v->locations > 0 ? v->locations : 1;
    c->threads = threads;
    c->parameters.kind = info.name;
    c->state = (mi_bound_state){.struct_size = sizeof c->state};
    mi_context_options co = {.struct_size = sizeof co, .threads = threads};
    mi_context *context;
    OK(mi_context_create(&co, &context));
    OK(mi_bound_create(context, kind, &c->bound));
    mi_context_destroy(context);
    load_parameters(c);
    snprintf(c->title, sizeof c->title, "%s on %s%s", kind, v->name, baseline ? ", baseline" : "");
    count_arrays(c, baseline);
    fill(c);
    return c;
}

bound_case *bound_case_twin(const bound_case *c, const bound_variant *v) {
    bound_case *t = bound_case_make(c->info.name, v, c->threads, c->in[BASELINE] != NULL);
    if (t == NULL)
        return NULL;
    mi_bound_param p = {.struct_size = sizeof p};
    for (int32_t i = 0; i < c->info.params; i++) {
        naive from = c->parameters;
        OK(mi_bound_param_list(c->info.name, i, &p));
        OK(mi_bound_set(t->bound, p.name, *parameter(&from, p.name)));
    }
    t->parameters = c->parameters;
    t->state = c->state;
    snprintf(t->title, sizeof t->title, "%.150s, as %s", c->title, v->name);
    return t;
}

void bound_case_free(bound_case *c) {
    if (c == NULL)
        return;
    for (int i = 0; i < ARRAYS; i++) {
        free(c->in[i]);
        free(c->out[i]);
    }
    free(c->mask);
    mi_bound_destroy(c->bound);
    free(c);
}

/* -- the loop --------------------------------------------------------------------------------- */

static void with_setting(const char *kind, const bound_variant *v, bool baseline, const char *name,
                         double value, void (*body)(bound_case *c)) {
    bool vectors = v->shape == MI_BOUND_VECTORS || v->shape == MI_BOUND_GROUPS;
    if (name != NULL && strcmp(name, "columns") == 0 && value > 0 && vectors)
        return; /* they have none */
    if (name != NULL && strcmp(name, "offset") == 0 && v->n > 0 && (int64_t)value % v->n == 0)
        return; /* that is the row itself */
    bound_case *c = bound_case_make(kind, v, 1, baseline);
    if (c == NULL)
        return;
    if (name != NULL)
        bound_case_set(c, name, value);
    body(c);
    bound_case_free(c);
}

static void with_kind(const mi_bound_info *info, const bound_variant *v, bool baseline,
                      void (*body)(bound_case *c)) {
    with_setting(info->name, v, baseline, NULL, 0, body);
    mi_bound_param p = {.struct_size = sizeof p};
    for (int32_t i = 0; i < info->params; i++) {
        OK(mi_bound_param_list(info->name, i, &p));
        for (int s = 0; s < SETTINGS; s++)
            for (int j = 0; strcmp(settings[s].name, p.name) == 0 && j < settings[s].count; j++)
                if (settings[s].value[j] != p.initial)
                    with_setting(info->name, v, baseline, p.name, settings[s].value[j], body);
    }
}

void bound_for_each(const bound_variant *variants, int count, void (*body)(bound_case *c)) {
    mi_bound_info info = {.struct_size = sizeof info};
    int32_t kinds = 0;
    for (; mi_bound_list(kinds, &info) == MI_OK; kinds++)
        for (int i = 0; i < count; i++) {
            const bound_variant *v = &variants[i];
            with_kind(&info, v, false, body);
            if ((info.traits & MI_BOUND_BASELINE) != 0 && (v->m == 0 || v->m % v->n == 0))
                with_kind(&info, v, true, body);
        }
    ck_assert_int_ge(kinds, 17);
}

/* -- evaluation ------------------------------------------------------------------------------- */

double *bound_case_scores(const bound_case *c) {
    int64_t d = c->v.d, width = c->v.n * c->v.locations;
    double *s = calloc((size_t)(c->v.n * width), sizeof *s);
    ck_assert_ptr_nonnull(s);
    for (int64_t i = 0; i < c->v.n; i++)
        for (int64_t j = 0; j < width; j++) {
            const double *u = c->in[U] + i * d, *v = c->in[V] + j * d;
            long double uv = 0, uu = 0, vv = 0;
            for (int64_t t = 0; t < d; t++) {
                uv += (long double)u[t] * v[t];
                uu += (long double)u[t] * u[t];
                vv += (long double)v[t] * v[t];
            }
            long double length = c->v.normalize ? sqrtl(uu) * sqrtl(vv) : 1;
            s[i * width + j] = (double)(uv / length / *c->in[TEMPERATURE]);
        }
    return s;
}

naive_value bound_case_naive(const bound_case *c) {
    naive a = c->parameters;
    double *scores = c->v.shape == MI_BOUND_EMBEDDINGS ? bound_case_scores(c) : NULL;
    a.n = c->v.n;
    a.m = c->v.m;
    a.locations = c->v.locations;
    a.joint = c->in[JOINT];
    a.product = c->in[PRODUCT];
    a.scores = scores != NULL ? scores : c->in[SCORES];
    a.mask = c->mask;
    a.baseline = c->in[BASELINE];
    a.log_average = c->state.log_average;
    a.steps = c->state.steps;
    naive_value value = naive_bound(&a);
    free(scores);
    return value;
}

/* The three structs in either precision, from arrays of that precision. */
#define EVALUATE(bits, real)                                                                       \
    static mi_status evaluate_f##bits(bound_case *c, real *const *in, real *const *out,            \
                                      double *dtemperature, mi_bound_result *r) {                  \
        const bound_variant *v = &c->v;                                                            \
        if ((c->info.traits & MI_BOUND_STATE) != 0)                                                \
            OK(mi_bound_state_write(c->bound, &c->state));                                         \
        if (v->shape == MI_BOUND_MATRIX) {                                                         \
            mi_bound_matrix_f##bits io = {sizeof io,    v->n, v->locations, in[SCORES],  0,        \
                                          c->mask,      0,    in[BASELINE], out[SCORES], 0,        \
                                          out[BASELINE]};                                          \
            return mi_bound_eval_matrix_f##bits(c->bound, &io, r);                                 \
        }                                                                                          \
        if (v->shape == MI_BOUND_EMBEDDINGS) {                                                     \
            mi_bound_embeddings_f##bits io = {sizeof io,                                           \
                                              v->n,                                                \
                                              v->locations,                                        \
                                              v->d,                                                \
                                              in[U],                                               \
                                              0,                                                   \
                                              in[V],                                               \
                                              0,                                                   \
                                              *c->in[TEMPERATURE],                                 \
                                              v->normalize,                                        \
                                              0,                                                   \
                                              in[BASELINE],                                        \
                                              out[U],                                              \
                                              0,                                                   \
                                              out[V],                                              \
                                              0,                                                   \
                                              out[BASELINE],                                       \
                                              dtemperature};                                       \
            return mi_bound_eval_embeddings_f##bits(c->bound, &io, r);                             \
        }                                                                                          \
        mi_bound_vectors_f##bits io = {sizeof io,  v->n,         v->m,                             \
                                       in[JOINT],  in[PRODUCT],  in[BASELINE],                     \
                                       out[JOINT], out[PRODUCT], out[BASELINE]};                   \
        return mi_bound_eval_vectors_f##bits(c->bound, &io, r);                                    \
    }

EVALUATE(64, double)
EVALUATE(32, float)

mi_status bound_case_f64(bound_case *c, unsigned want, mi_bound_result *r) {
    double *out[ARRAYS];
    for (int i = 0; i < ARRAYS; i++)
        out[i] = (want >> i & 1) != 0 ? c->out[i] : NULL;
    return evaluate_f64(c, c->in, out, out[TEMPERATURE], r);
}

mi_status bound_case_f32(bound_case *c, unsigned want, mi_bound_result *r) {
    float *in[ARRAYS] = {0}, *out[ARRAYS] = {0};
    for (int i = 0; i < ARRAYS; i++) {
        size_t count = (size_t)c->count[i];
        if (count == 0)
            continue;
        ck_assert_ptr_nonnull(in[i] = calloc(count, sizeof(float)));
        for (size_t j = 0; j < count; j++)
            in[i][j] = (float)c->in[i][j];
        if ((want >> i & 1) != 0)
            ck_assert_ptr_nonnull(out[i] = calloc(count, sizeof(float)));
    }
    double *dt = (want >> TEMPERATURE & 1) != 0 ? c->out[TEMPERATURE] : NULL;
    mi_status status = evaluate_f32(c, in, out, dt, r);
    for (int i = 0; i < ARRAYS; i++) {
        for (int64_t j = 0; out[i] != NULL && i != TEMPERATURE && j < c->count[i]; j++)
            c->out[i][j] = out[i][j];
        free(in[i]);
        free(out[i]);
    }
    return status;
}
