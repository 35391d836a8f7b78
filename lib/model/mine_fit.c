/* SPDX-License-Identifier: BSD-2-Clause */
/* Learning from samples in memory: some to learn from, some to tell when to stop, some for the
 * estimate alone. */
#include "critic.h"

#include "../base/random.h"
#include "scaling.h"

#include <mi/estimate.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PAIRS ((int64_t)1 << 18) /* that a look at samples compares, or about */
#define TOGETHER 8192            /* samples whose every pair is compared */
#define PARTS 16                 /* of the test samples, whose spread is the error */

typedef struct span {
    int64_t first, count;
} span;

typedef struct fit {
    mi_mine *m;
    mi_mine_fit_options options; /* whole */
    int64_t n, numbers;
    span test, validation, train;
    float *x, *y; /* [n][dx], [n][dy] in this order, scaled */
    float *batch_x, *batch_y;
    int64_t *order; /* [n]; then of the training samples, in this epoch */
    int64_t weights;
    float *best; /* [weights] */
    double best_loss, best_estimate;
    int64_t best_step, steps, looks; /* looks: since the best one */
    mi_bound_state best_state;
} fit;

/* -- options ---------------------------------------------------------------------------------- */

static mi_status check_share(const char *name, double value) {
    if (!(value > 0 && value < 1))
        return mi__fail(MI_E_ARG, "%s must be above 0 and below 1, got %g", name, value);
    return MI_OK;
}

static mi_status check_counts(const mi_mine_fit_options *o) {
    if (o->steps < 0 || o->check < 0)
        return mi__fail(MI_E_ARG,
                        "steps and check must not be negative, got %" PRId64 " and %" PRId64,
                        o->steps, o->check);
    if (o->batch < 0 || o->batch == 1)
        return mi__fail(MI_E_ARG, "batch must be 2 or more, or 0, got %" PRId64, o->batch);
    if (o->scale < MI_SCALE_DEFAULT || o->scale > MI_SCALE_RANK)
        return mi__fail(MI_E_ARG, "scale must be an mi_scale, got %" PRId32, o->scale);
    if (o->gaussian < 0 || o->gaussian > 1)
        return mi__fail(MI_E_ARG, "gaussian must be 0 or 1, got %" PRId32, o->gaussian);
    return MI_OK;
}

static mi_status load_options(fit *f, const mi_mine_fit_options *theirs) {
    mi_mine_fit_options *o = &f->options;
    MI__TRY(mi__options_load(o, sizeof *o, sizeof *o, theirs, "mi_mine_fit_options"));
    MI__TRY(check_counts(o));
    o->steps = o->steps != 0 ? o->steps : 10000;
    o->check = o->check != 0 ? o->check : 100;
    o->patience = o->patience != 0 ? o->patience : 10;
    o->test = o->test != 0 ? o->test : 0.5;
    o->validation = o->validation != 0 ? o->validation : 0.2;
    o->scale = o->scale != MI_SCALE_DEFAULT ? o->scale : MI_SCALE_STANDARD;
    MI__TRY(check_share("test", o->test));
    MI__TRY(check_share("validation", o->validation));
    if (o->gaussian == 1 && f->m->critic == &mi__critic_gaussian)
        return mi__fail(MI_E_ARG, "gaussian must be 0 with the critic gaussian, which is its own");
    return MI_OK;
}

static int64_t share_of(int64_t n, double share) {
    return MI__MAX((int64_t)floor((double)n * share + 0.5), 2);
}

static mi_status split(fit *f) {
    mi_mine_fit_options *o = &f->options;
    f->test.count = share_of(f->n, o->test);
    f->validation.first = f->test.count;
    f->validation.count = share_of(f->n - f->test.count, o->validation);
    f->train.first = f->validation.first + f->validation.count;
    f->train.count = f->n - f->train.first;
    if (f->train.count < MI__MAX(o->batch, 2))
        return mi__fail(MI_E_SHAPE,
                        "of %" PRId64 " samples %" PRId64 " are for the estimate and %" PRId64
                        " to tell when to stop: too few are left for a batch of %" PRId64,
                        f->n, f->test.count, f->validation.count, MI__MAX(o->batch, 2));
    if (o->batch == 0)
        o->batch = MI__MIN(256, f->train.count);
    return MI_OK;
}

/* -- samples ---------------------------------------------------------------------------------- */

static void shuffle(const fit *f, uint64_t stream, int64_t n, int64_t *order) {
    mi__random r = mi__random_at(f->m->options.seed, MI__STREAM_SPLIT + stream, 0);
    mi__random_shuffle(&r, n, order);
}

static void gather(int64_t n, const int64_t *order, int64_t d, const float *from, float *to) {
    for (int64_t i = 0; i < n; i++)
        memcpy(to + i * d, from + order[i] * d, (size_t)d * sizeof *to);
}

/* The new scaling takes the old one's place only when nothing can fail any more. */
static mi_status prepare(fit *f, const float *x, const float *y) {
    mi_mine *m = f->m;
    const mi_mine_fit_options *o = &f->options;
    for (int64_t i = 0; i < f->n; i++)
        f->order[i] = i;
    shuffle(f, 0, f->n, f->order);
    gather(f->n, f->order, m->dx, x, f->x);
    gather(f->n, f->order, m->dy, y, f->y);
    for (int64_t i = 0; i < f->train.count; i++)
        f->order[i] = i;
    mi__scaling *scaling = NULL;
    if (o->scale != MI_SCALE_NONE || o->gaussian == 1) {
        const mi__sides train = {f->train.count, f->x + f->train.first * m->dx,
                                 f->y + f->train.first * m->dy};
        MI__TRY(mi__scaling_create(m->ctx, m->dx, m->dy, o->scale, o->gaussian == 1, &scaling));
        const mi_status status = mi__scaling_find(scaling, &train);
        if (status != MI_OK) {
            mi__scaling_destroy(scaling);
            return status;
        }
        mi__scaling_apply(scaling, m->k, 0, f->n, f->x, f->x);
        mi__scaling_apply(scaling, m->k, 1, f->n, f->y, f->y);
    }
    mi__scaling_destroy(m->scaling);
    m->scaling = scaling;
    return MI_OK;
}

/* -- looking ---------------------------------------------------------------------------------- */

/* As many others for each as there is time for, and no fewer than in training. */
static int32_t negatives_for(const fit *f, int64_t n) {
    const mi_mine *m = f->m;
    const bool in_rows = (m->bound->kind->shapes & MI_BOUND_VECTORS) == 0;
    const int32_t set = m->options.negatives;
    int64_t learnt = set > 0 ? set : set == -1 || in_rows ? f->options.batch - 1 : 1;
    return (int32_t)MI__MIN(MI__MAX(learnt, PAIRS / n), n - 1);
}

static mi_status evaluate(const fit *f, span s, mi_bound_result *result) {
    mi_mine *m = f->m;
    mi__batch b = {.n = s.count, .negatives = negatives_for(f, s.count), .scaled = true};
    MI__TRY(mi__mine_load(m, &b, f->x + s.first * m->dx, f->y + s.first * m->dy));
    return mi__mine_gradient(m, &b, result);
}

static span part_of(span s, int64_t parts, int64_t i) {
    const int64_t begin = s.count * i / parts, end = s.count * (i + 1) / parts;
    return (span){s.first + begin, end - begin};
}

/* The mean over parts that are not too large to compare all of. */
static mi_status look(const fit *f, span s, mi_bound_result *result) {
    const int64_t parts = (s.count + TOGETHER - 1) / TOGETHER;
    *result = (mi_bound_result){.struct_size = sizeof *result};
    for (int64_t i = 0; i < parts; i++) {
        mi_bound_result one = {.struct_size = sizeof one};
        MI__TRY(evaluate(f, part_of(s, parts, i), &one));
        result->estimate += one.estimate / (double)parts;
        result->loss += one.loss / (double)parts;
        result->cap += one.cap / (double)parts;
    }
    return MI_OK;
}

/* The standard error of the mean over equal parts: whatever the bound is, it makes no assumption
 * but that samples are independent. NaN of fewer than 4. */
static mi_status find_error(const fit *f, span s, double *error) {
    const int64_t parts = MI__MIN(PARTS, s.count / 2);
    double value[PARTS], mean = 0, square = 0;
    *error = (double)NAN;
    if (parts < 2)
        return MI_OK;
    for (int64_t i = 0; i < parts; i++) {
        mi_bound_result one = {.struct_size = sizeof one};
        MI__TRY(evaluate(f, part_of(s, parts, i), &one));
        value[i] = one.estimate;
        mean += one.estimate / (double)parts;
    }
    for (int64_t i = 0; i < parts; i++)
        square += (value[i] - mean) * (value[i] - mean);
    if (isfinite(square))
        *error = sqrt(square / (double)(parts - 1) / (double)parts);
    return MI_OK;
}

/* -- weights ---------------------------------------------------------------------------------- */

static int64_t copy_weights(const mi_mine *m, float *kept, bool back) {
    int64_t count = 0;
    for (int i = 0; i < MI__NETS; i++)
        for (int32_t p = 0; m->net[i] != NULL && p < m->net[i]->params; p++) {
            const mi__param *param = m->net[i]->param[p];
            const size_t bytes = (size_t)param->count * sizeof *kept;
            if (kept != NULL && back)
                memcpy(param->value, kept + count, bytes);
            else if (kept != NULL)
                memcpy(kept + count, param->value, bytes);
            count += param->count;
        }
    return count;
}

static void go_back(fit *f) {
    (void)copy_weights(f->m, f->best, true);
    f->m->bound->log_average = f->best_state.log_average;
    f->m->bound->steps = f->best_state.steps;
}

/* The loss of mine depends on an average that moves; of others it is what is learnt, which for
 * bounds on neither side must decide. */
static double loss_of(const mi_mine *m, const mi_bound_result *r) {
    const bool moves = (m->bound->kind->traits & MI_BOUND_STATE) != 0;
    return moves && m->critic != &mi__critic_gaussian ? -r->estimate : r->loss;
}

/* Scores that the bound can't take are no better than any, unless they are the first. */
static mi_status look_and_tell(fit *f) {
    mi_mine *m = f->m;
    mi_bound_result r;
    const mi_status status = look(f, f->validation, &r);
    if (status == MI_E_NUMERIC && f->best_step >= 0)
        r = (mi_bound_result){sizeof r, -INFINITY, INFINITY, INFINITY};
    else
        MI__TRY(status);
    const double loss = loss_of(m, &r);
    f->looks++;
    if (f->best_step < 0 || loss < f->best_loss) {
        f->best_loss = loss;
        f->best_estimate = r.estimate;
        f->best_step = f->steps;
        f->best_state =
            (mi_bound_state){sizeof f->best_state, m->bound->log_average, m->bound->steps};
        f->looks = 0;
        (void)copy_weights(m, f->best, false);
    }
    const mi_mine_report report = mi__mine_report(m, &r);
    if (f->options.progress != NULL && f->options.progress(f->options.progress_user, &report) != 0)
        return mi__fail(MI_E_CANCELLED, "cancelled by the caller after %" PRId64 " steps",
                        f->steps);
    return MI_OK;
}

/* -- training --------------------------------------------------------------------------------- */

static mi_status step(fit *f) {
    mi_mine *m = f->m;
    const int64_t size = f->options.batch, batches = f->train.count / size;
    const int64_t epoch = f->steps / batches, at = f->steps % batches * size;
    mi__batch b = {.n = size, .scaled = true, .train = true};
    mi_bound_result r = {.struct_size = sizeof r};
    if (at == 0)
        shuffle(f, 1 + (uint64_t)epoch, f->train.count, f->order);
    gather(size, f->order + at, m->dx, f->x + f->train.first * m->dx, f->batch_x);
    gather(size, f->order + at, m->dy, f->y + f->train.first * m->dy, f->batch_y);
    MI__TRY(mi__mine_load(m, &b, f->batch_x, f->batch_y));
    const mi_status status = mi__mine_learn(m, &b, &r);
    f->steps++;
    return status == MI_E_NUMERIC ? MI_OK : status; /* which changed nothing */
}

static mi_status train(fit *f) {
    const mi_mine_fit_options *o = &f->options;
    MI__TRY(look_and_tell(f));
    while (f->steps < o->steps && (o->patience < 0 || f->looks < o->patience)) {
        MI__TRY(step(f));
        if (f->steps % o->check == 0 || f->steps == o->steps)
            MI__TRY(look_and_tell(f));
    }
    return MI_OK;
}

static mi_status estimate(fit *f, mi_mine_fit_report *report) {
    mi_bound_result test, training;
    double error;
    MI__TRY(look(f, f->test, &test));
    MI__TRY(find_error(f, f->test, &error));
    MI__TRY(look(f, f->train, &training));
    *report = (mi_mine_fit_report){.struct_size = sizeof *report,
                                   .estimate = test.estimate,
                                   .error = error,
                                   .cap = test.cap,
                                   .training = training.estimate,
                                   .validation = f->best_estimate,
                                   .steps = f->steps,
                                   .best_step = f->best_step,
                                   .test_samples = f->test.count};
    return MI_OK;
}

/* Weights are the best ones from the first look on, whatever comes. */
static mi_status run(fit *f, const float *x, const float *y, mi_mine_fit_report *report) {
    MI__TRY(prepare(f, x, y));
    mi_status status = train(f);
    if (f->best_step >= 0)
        go_back(f);
    return status == MI_OK ? estimate(f, report) : status;
}

static mi_status with_memory(fit *f, const float *x, const float *y, mi_mine_fit_report *report) {
    mi_context *ctx = f->m->ctx;
    const int64_t nx = f->n * f->m->dx, ny = f->n * f->m->dy;
    const int64_t bx = f->options.batch * f->m->dx, by = f->options.batch * f->m->dy;
    f->weights = copy_weights(f->m, NULL, false);
    f->x = mi__alloc(ctx, nx, sizeof *f->x);
    f->y = mi__alloc(ctx, ny, sizeof *f->y);
    f->batch_x = mi__alloc(ctx, bx, sizeof *f->x);
    f->batch_y = mi__alloc(ctx, by, sizeof *f->y);
    f->order = mi__alloc(ctx, f->n, sizeof *f->order);
    f->best = mi__alloc(ctx, f->weights, sizeof *f->best);
    mi_status status = MI_E_NOMEM;
    if (f->x != NULL && f->y != NULL && f->batch_x != NULL && f->batch_y != NULL &&
        f->order != NULL && f->best != NULL)
        status = run(f, x, y, report);
    mi__free(ctx, f->best, f->weights, sizeof *f->best);
    mi__free(ctx, f->order, f->n, sizeof *f->order);
    mi__free(ctx, f->batch_y, by, sizeof *f->y);
    mi__free(ctx, f->batch_x, bx, sizeof *f->x);
    mi__free(ctx, f->y, ny, sizeof *f->y);
    mi__free(ctx, f->x, nx, sizeof *f->x);
    return status;
}

mi_status mi_mine_fit(mi_mine *mine, int64_t n, const float *x, const float *y,
                      const mi_mine_fit_options *options, mi_mine_fit_report *report) {
    fit f = {.m = mine, .n = n, .best_step = -1};
    mi_mine_fit_report own;
    MI__NEED(mine);
    MI__NEED(x);
    MI__NEED(y);
    if (n < 16)
        return mi__fail(MI_E_ARG, "n must be at least 16, got %" PRId64, n);
    if (report != NULL)
        MI__TRY(mi__report_check(report, sizeof *report, sizeof *report, "mi_mine_fit_report"));
    MI__TRY(load_options(&f, options));
    MI__TRY(split(&f));
    MI__TRY(mi__mine_check_samples(mine, n, x, y));
    MI__TRY(with_memory(&f, x, y, &own));
    if (report != NULL)
        mi__report_store(report, report->struct_size, &own, sizeof own);
    return MI_OK;
}
