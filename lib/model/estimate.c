/* SPDX-License-Identifier: BSD-2-Clause */
/* The front door: from arrays and options to a question that an estimator answers, and back to
 * the unit that was asked for. */
#include "method.h"

#include <inttypes.h>
#include <math.h>

#define MOST_TIES 0.05 /* share of a column's numbers that may come twice by chance */
#define NEAR_CAP 0.95
#define NEIGHBOURS 3

enum { X, Y, Z, VARIABLES };

static const char *const names[VARIABLES] = {"x", "y", "z"};

typedef struct job {
    mi_context *ctx;
    mi_estimate_options options;
    const mi_samples *samples[VARIABLES]; /* NULL: isn't there */
    mi__rows rows[VARIABLES];
    bool declared[VARIABLES]; /* discrete, by the caller */
    bool wants_local;
    double *local;
    mi__progress progress;
    mi_estimate_result result;
} job;

/* -- options ----------------------------------------------------------------------------------- */

static mi_status whole(const char *name, int64_t value, int64_t least, int64_t most) {
    if (value < least || value > most)
        return mi__fail(MI_E_ARG, "%s must be in %" PRId64 " to %" PRId64 ", got %" PRId64, name,
                        least, most, value);
    return MI_OK;
}

static mi_status check_ranges(const mi_estimate_options *o) {
    MI__TRY(whole("method", o->method, MI_METHOD_AUTO, MI__METHODS - 1));
    MI__TRY(whole("unit", o->unit, MI_UNIT_NATS, MI_UNIT_BITS));
    MI__TRY(whole("scale", o->scale, MI_SCALE_DEFAULT, MI_SCALE_RANK));
    MI__TRY(whole("k", o->k, 0, INT32_MAX));
    MI__TRY(whole("metric", o->metric, MI_METRIC_MAX, MI_METRIC_EUCLIDEAN));
    MI__TRY(whole("correction", o->correction, MI_CORRECTION_NONE, MI_CORRECTION_GRASSBERGER));
    MI__TRY(whole("bins", o->bins, 0, 65536));
    MI__TRY(whole("bin_kind", o->bin_kind, MI_BINS_WIDTH, MI_BINS_QUANTILE));
    MI__TRY(whole("resamples", o->resamples, 0, INT32_MAX));
    MI__TRY(whole("resample", o->resample, MI_RESAMPLE_HALVES, MI_RESAMPLE_BOOTSTRAP));
    MI__TRY(whole("permutations", o->permutations, 0, INT32_MAX));
    MI__TRY(whole("reserved0", o->reserved0, 0, 0));
    if (o->bins == 1)
        return mi__fail(MI_E_ARG, "bins must be at least 2, got 1");
    if (o->resamples == 1)
        return mi__fail(MI_E_ARG, "resamples must be at least 2, got 1");
    if (!(o->noise >= 0 && o->noise <= 1))
        return mi__fail(MI_E_ARG, "noise must be in 0 to 1, got %g", o->noise);
    if (!(o->level >= 0 && o->level < 1))
        return mi__fail(MI_E_ARG, "level must be in 0 to 1, got %g", o->level);
    return MI_OK;
}

static mi_status load_options(job *j, const mi_estimate_options *options) {
    mi_estimate_options *o = &j->options;
    o->struct_size = sizeof *o;
    MI__TRY(mi__options_load(o, sizeof *o, sizeof *o, options, "mi_estimate_options"));
    MI__TRY(check_ranges(o));
    if (j->samples[Y] == NULL && o->permutations != 0)
        return mi__fail(MI_E_ARG, "permutations must be 0 for an entropy, got %d", o->permutations);
    o->seed = o->seed != 0 ? o->seed : j->ctx->options.seed;
    o->level = o->level != 0 ? o->level : 0.95;
    return MI_OK;
}

/* What is needed of a method, whatever the numbers are. */
static int32_t needs(const job *j) {
    const mi_estimate_options *o = &j->options;
    int32_t flags = 0;
    for (int v = 0; v < VARIABLES; v++)
        flags |= j->declared[v] ? MI__CAN_NAMES : 0;
    flags |= j->samples[Z] != NULL ? MI__CAN_GIVEN : 0;
    flags |= j->samples[Y] == NULL ? MI__CAN_ENTROPY : 0;
    flags |= o->resamples > 0 && o->resample == MI_RESAMPLE_BOOTSTRAP ? MI__CAN_BOOTSTRAP : 0;
    if (o->scale != MI_SCALE_DEFAULT && o->scale != mi__methods[o->method].scale)
        flags |= MI__CAN_RESCALE;
    return flags;
}

/* -- the question ------------------------------------------------------------------------------ */

static mi__question question(job *j) {
    return (mi__question){.ctx = j->ctx,
                          .x = j->rows[X],
                          .y = j->rows[Y],
                          .z = j->rows[Z],
                          .options = &j->options,
                          .local = j->local,
                          .progress = &j->progress};
}

static mi_status make_rows(job *j) {
    for (int v = 0; v < VARIABLES; v++)
        if (j->samples[v] != NULL) {
            MI__TRY(mi__rows_make(j->ctx, j->samples[v], names[v], v == X ? -1 : j->rows[X].n,
                                  &j->rows[v]));
            j->declared[v] = j->samples[v]->kind == MI_KIND_DISCRETE;
        }
    return MI_OK;
}

/* What is always the same need not be given. */
static void drop_constant_z(job *j) {
    if (j->samples[Z] == NULL || !mi__rows_constant(&j->rows[Z]))
        return;
    mi__rows_free(j->ctx, &j->rows[Z]);
    j->samples[Z] = NULL;
    j->result.warnings |= MI_WARNING_CONSTANT;
}

static bool constant(const job *j) {
    return mi__rows_constant(&j->rows[X]) ||
           (j->samples[Y] != NULL && mi__rows_constant(&j->rows[Y]));
}

/* Fills in method and scale where they were left open; auto stays if numbers have to decide. */
static mi_status decide(job *j) {
    mi_estimate_options *o = &j->options;
    if (o->method == MI_METHOD_AUTO) {
        const mi__question q = question(j);
        if (j->samples[Y] != NULL && constant(j)) /* no method is needed */
            o->method = MI_METHOD_DISCRETE;
        else
            MI__TRY(mi__choose_by_kinds(&q, &o->method));
        if ((mi__methods[o->method].can & MI__CAN_RESCALE) == 0)
            o->scale = MI_SCALE_DEFAULT;
    }
    if (o->scale == MI_SCALE_DEFAULT)
        o->scale = j->samples[Y] != NULL ? mi__methods[o->method].scale : MI_SCALE_NONE;
    return MI_OK;
}

static bool uses_neighbours(int32_t method) {
    return method == MI_METHOD_AUTO || (method >= MI_METHOD_KSG && method <= MI_METHOD_GAO);
}

/* What a method takes at least, if halves' estimates are wanted in each of them. */
static mi_status check_halves(const job *j) {
    const mi_estimate_options *o = &j->options;
    const int64_t n = j->rows[X].n;
    const int64_t least =
        mi__method_least(o->method, j->rows[X].d + j->rows[Y].d + j->rows[Z].d, o->k);
    if (o->resamples > 0 && o->resample == MI_RESAMPLE_HALVES && n / 2 < least)
        return mi__fail(MI_E_ARG,
                        "%s takes %" PRId64 " samples or more, and half of %" PRId64
                        " is fewer: resamples must be 0",
                        mi_method_name(o->method), least, n);
    return MI_OK;
}

/* What can be told from the sizes and kinds alone. */
static mi_status check_question(const job *j) {
    const mi_estimate_options *o = &j->options;
    const int64_t n = j->rows[X].n;
    if (uses_neighbours(o->method) && o->k >= n)
        return mi__fail(MI_E_ARG, "k must be below the %" PRId64 " samples, got %d", n, o->k);
    if (uses_neighbours(o->method) && n > INT32_MAX)
        return mi__fail(MI_E_UNSUPPORTED,
                        "%s looks for neighbours among %d samples at most, got %" PRId64
                        ": histogram and gaussian take more",
                        mi_method_name(o->method), INT32_MAX, n);
    if (o->method == MI_METHOD_ROSS && j->rows[X].discrete == j->rows[Y].discrete)
        return mi__fail(MI_E_UNSUPPORTED,
                        "ross takes one discrete variable and one of numbers, both are %s",
                        j->rows[X].discrete ? "discrete: discrete and gao can"
                                            : "numbers: ksg, ksg2 and gao can");
    return o->method == MI_METHOD_AUTO ? MI_OK : check_halves(j);
}

/* Whether a variable's rows are names to the method, and so have no scale. */
static bool is_names(const job *j, int v) {
    return j->options.method == MI_METHOD_DISCRETE ||
           (j->rows[v].discrete && (mi__methods[j->options.method].can & MI__CAN_NAMES) != 0);
}

/* Whole numbers that were taken for names are numbers again for methods that know nothing else. */
static mi_status prepare(job *j) {
    const mi_estimate_options *o = &j->options;
    const double most = MOST_TIES * (double)j->rows[X].n;
    for (int v = 0; v < VARIABLES; v++) {
        if (j->samples[v] == NULL || is_names(j, v))
            continue;
        j->rows[v].discrete = false;
        int64_t ties = 0;
        MI__TRY(mi__rows_prepare(j->ctx, &j->rows[v], o->scale, o->noise, o->seed, (uint32_t)v));
        if (mi__methods[o->method].ties)
            MI__TRY(mi__rows_ties(j->ctx, &j->rows[v], &ties));
        if ((double)ties > most)
            j->result.warnings |= MI_WARNING_TIES;
    }
    return MI_OK;
}

/* -- the answer -------------------------------------------------------------------------------- */

/* Intervals are of the method that was chosen. Independent variables would choose anew: with that
 * method alone, they would too seldom come out as high. */
static mi_status resample(const mi__question *question, bool by_values, mi_estimate_result *r) {
    mi_estimate_options o = *question->options;
    mi__question q = *question;
    mi__estimator *estimator = mi__methods[o.method].estimator;
    q.options = &o;
    o.permutations = 0;
    MI__TRY(mi__estimate_resample(&q, estimator, r->value, r));
    o = *question->options;
    o.resamples = 0;
    return mi__estimate_resample(&q, by_values ? mi__estimate_auto : estimator, r->value, r);
}

static mi_status estimate(job *j) {
    mi_estimate_result *r = &j->result;
    mi_estimate_options *o = &j->options;
    const bool by_values = o->method == MI_METHOD_AUTO;
    if (j->wants_local) {
        j->local = mi__alloc(j->ctx, j->rows[X].n, sizeof *j->local);
        if (j->local == NULL)
            return MI_E_NOMEM;
    }
    const mi__question q = question(j);
    mi__answer answer;
    MI__TRY(mi__resample_check(&q));
    j->progress.total = 1 + mi__resample_count(o);
    MI__TRY(mi__progress_tell(&q, 0));
    if (by_values)
        MI__TRY(mi__choose_by_values(&q, &o->method, &answer));
    else
        MI__TRY(mi__estimate_once(&q, mi__methods[o->method].estimator, &answer));
    MI__TRY(mi__progress_add(&q));
    r->method = o->method;
    r->unit = o->unit;
    r->n = q.x.n;
    r->value = answer.value;
    r->cap = answer.cap;
    r->warnings |= answer.warnings;
    if (r->value > 0 && isfinite(r->cap) && r->value >= NEAR_CAP * r->cap)
        r->warnings |= MI_WARNING_CAP;
    r->error = r->low = r->high = r->p_value = r->null_mean = NAN;
    if (by_values)
        MI__TRY(check_halves(j));
    return resample(&q, by_values, r);
}

static void store(const job *j, double *local, mi_estimate_result *result) {
    const double nats = j->options.unit == MI_UNIT_BITS ? 0.69314718055994530942 : 1;
    mi_estimate_result r = j->result;
    r.value /= nats;
    r.cap /= nats;
    r.error /= nats;
    r.low /= nats;
    r.high /= nats;
    r.null_mean /= nats;
    for (int64_t i = 0; local != NULL && i < r.n; i++)
        local[i] = j->local[i] / nats;
    mi__report_store(result, result->struct_size, &r, sizeof r);
}

static mi_status answer(job *j, const mi_estimate_options *options) {
    MI__TRY(load_options(j, options));
    MI__TRY(make_rows(j));
    MI__TRY(mi__method_check(j->options.method, needs(j)));
    drop_constant_z(j);
    if (j->options.k == 0)
        j->options.k = (int32_t)MI__MAX(MI__MIN(NEIGHBOURS, j->rows[X].n - 1), 1);
    MI__TRY(decide(j));
    if (!constant(j)) {
        MI__TRY(check_question(j));
        MI__TRY(prepare(j));
    }
    return estimate(j);
}

static mi_status run(mi_context *context, const mi_samples *const samples[VARIABLES],
                     const mi_estimate_options *options, double *local,
                     mi_estimate_result *result) {
    job j = {.samples = {samples[X], samples[Y], samples[Z]}, .wants_local = local != NULL};
    MI__TRY(mi__report_check(result, sizeof *result, sizeof *result, "mi_estimate_result"));
    MI__TRY(mi__context_take(context, &j.ctx));
    mi_status status = answer(&j, options);
    if (status == MI_OK)
        store(&j, local, result);
    mi__free(j.ctx, j.local, j.rows[X].n, sizeof *j.local);
    for (int v = 0; v < VARIABLES; v++)
        mi__rows_free(j.ctx, &j.rows[v]);
    mi_context_destroy(j.ctx);
    return status;
}

mi_status mi_estimate_mi(mi_context *context, const mi_samples *x, const mi_samples *y,
                         const mi_samples *z, const mi_estimate_options *options, double *local,
                         mi_estimate_result *result) {
    MI__NEED(x);
    MI__NEED(y);
    MI__NEED(result);
    const mi_samples *const samples[VARIABLES] = {x, y, z};
    return run(context, samples, options, local, result);
}

mi_status mi_estimate_entropy(mi_context *context, const mi_samples *x,
                              const mi_estimate_options *options, double *local,
                              mi_estimate_result *result) {
    MI__NEED(x);
    MI__NEED(result);
    const mi_samples *const samples[VARIABLES] = {x, NULL, NULL};
    return run(context, samples, options, local, result);
}
