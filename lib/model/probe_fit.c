/* SPDX-License-Identifier: BSD-2-Clause */
/* How a probe learns: from fresh weights, into a model that takes the old one's place when all went
 * well. */
#include "cross_entropy.h"
#include "probe.h"

#include "../base/random.h"
#include "../net/optimizer.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* -- scale ------------------------------------------------------------------------------------ */

#define COLUMNS 16

typedef struct moments {
    const mi__probe_samples *s;
    mi__probe_model *m;
} moments;

/* Distances from the first sample are summed, so that a constant feature shows. */
static void find_moments(const mi__probe_samples *s, int64_t from, int64_t count,
                         mi__probe_model *m) {
    double mean[COLUMNS] = {0}, square[COLUMNS] = {0};
    const float *first = mi__probe_features(s, 0) + from;
    for (int64_t i = 1; i < s->n; i++) {
        const float *x = mi__probe_features(s, i) + from;
        for (int64_t j = 0; j < count; j++)
            mean[j] += (double)x[j] - (double)first[j];
    }
    for (int64_t j = 0; j < count; j++)
        mean[j] = (double)first[j] + mean[j] / (double)s->n;
    for (int64_t i = 0; i < s->n; i++) {
        const float *x = mi__probe_features(s, i) + from;
        for (int64_t j = 0; j < count; j++)
            square[j] += ((double)x[j] - mean[j]) * ((double)x[j] - mean[j]);
    }
    for (int64_t j = 0; j < count; j++) {
        double inverse = square[j] > 0 ? 1 / sqrt(square[j] / (double)s->n) : 0;
        m->mean[from + j] = (float)mean[j];
        m->inverse[from + j] = (float)MI__MIN(inverse, FLT_MAX);
    }
}

static void find_columns(void *arg, int64_t part) {
    const moments *job = arg;
    int64_t from = part * COLUMNS;
    find_moments(job->s, from, MI__MIN(job->s->d - from, COLUMNS), job->m);
}

/* A fresh one, but for the scale of these samples. */
static mi_status make_model(const mi_probe *p, const mi__probe_samples *s, mi__probe_model *m) {
    m->mean = mi__alloc_zero(p->ctx, p->d, sizeof *m->mean);
    m->inverse = mi__alloc_zero(p->ctx, p->d, sizeof *m->inverse);
    if (m->mean == NULL || m->inverse == NULL)
        return MI_E_NOMEM;
    for (int64_t j = 0; p->options.raw && j < p->d; j++)
        m->inverse[j] = 1;
    moments job = {s, m};
    if (!p->options.raw)
        mi__parallel_for(p->ctx, (p->d - 1) / COLUMNS + 1, find_columns, &job);
    return mi__probe_encoder(p, &m->encoder);
}

/* Gradients of a plain probe are no greater than features, and the optimizer keeps their squares:
 * what is greater than the root of the greatest number would not learn. */
static mi_status check_raw(const mi_probe *p, const mi__probe_samples *s) {
    const double most = sqrt(FLT_MAX);
    for (int64_t i = 0; p->options.raw && i < s->n; i++) {
        const float *x = mi__probe_features(s, i);
        for (int64_t j = 0; j < s->d; j++)
            if (fabsf(x[j]) > most)
                return mi__fail(MI_E_NUMERIC,
                                "sample %" PRId64 " has the value %g at position %" PRId64
                                ": raw features to learn from must be %g at most",
                                mi__probe_row(s, i), (double)x[j], j, most);
    }
    return MI_OK;
}

/* -- training --------------------------------------------------------------------------------- */

#define LEAST_STEPS 2000 /* few samples make few steps an epoch, and weights go far */

/* A fit on its way. */
typedef struct training {
    const mi_probe *probe;
    mi__probe_samples *s;
    double decay;
    mi__probe_model model;
    mi_optimizer *optimizer;
    int64_t epochs;
    int64_t steps, most; /* of an epoch; samples of the largest batch */
    int32_t *label;      /* [most] */
    double *loss;        /* [most] */
    double sum;          /* of the losses of an epoch */
} training;

static int64_t epochs_of(const training *t) {
    const int64_t plain = t->model.encoder->layers == 1 ? 20 : 50;
    const int32_t wanted = t->probe->options.epochs;
    return wanted != 0 ? wanted : MI__MAX(plain, (LEAST_STEPS - 1) / t->steps + 1);
}

static mi_status begin(training *t) {
    const mi_probe *p = t->probe;
    const mi_probe_options *o = &p->options;
    int64_t batch = MI__MIN(o->batch, t->s->n);
    t->steps = (t->s->n - 1) / batch + 1;
    t->most = (t->s->n - 1) / t->steps + 1;
    t->label = mi__alloc(p->ctx, t->most, sizeof *t->label);
    t->loss = mi__alloc(p->ctx, t->most, sizeof *t->loss);
    if (t->label == NULL || t->loss == NULL)
        return MI_E_NOMEM;
    MI__TRY(make_model(p, t->s, &t->model));
    t->epochs = epochs_of(t);
    mi_optimizer_options oo = {.struct_size = sizeof oo,
                               .rate = o->rate,
                               .decay = t->decay,
                               .schedule = MI_SCHEDULE_COSINE,
                               .total = t->epochs * t->steps};
    return mi_optimizer_create(t->model.encoder, &oo, &t->optimizer);
}

static void end(training *t) {
    const mi_probe *p = t->probe;
    mi_optimizer_destroy(t->optimizer);
    mi__probe_free_model(p, &t->model);
    mi__free(p->ctx, t->label, t->most, sizeof *t->label);
    mi__free(p->ctx, t->loss, t->most, sizeof *t->loss);
}

static mi_status step(training *t, int64_t first, int64_t n) {
    mi_encoder *e = t->model.encoder;
    for (int64_t r = 0; r < n; r++)
        t->label[r] = t->s->label[mi__probe_row(t->s, first + r)];
    MI__TRY(mi__probe_forward(&t->model, t->s, first, n, true));
    MI__TRY(mi__encoder_begin_backward(e));
    MI__TRY(mi__cross_entropy(e, t->label, t->loss));
    mi__encoder_run_backward(e, NULL, true, false);
    MI__TRY(mi_optimizer_step(t->optimizer));
    mi__encoder_update_states(e);
    for (int64_t r = 0; r < n; r++)
        t->sum += t->loss[r];
    return MI_OK;
}

/* Batches of an epoch have the same size but for one sample: none is too small for bn. */
static mi_status train(training *t) {
    mi__random r = mi__random_at(t->probe->options.seed, MI__STREAM_PROBE, 0);
    const int64_t each = t->s->n / t->steps, more = t->s->n % t->steps;
    for (int64_t epoch = 0; epoch < t->epochs; epoch++) {
        mi__random_shuffle(&r, t->s->n, t->s->index);
        t->sum = 0;
        for (int64_t i = 0; i < t->steps; i++)
            MI__TRY(step(t, i * each + MI__MIN(i, more), each + (i < more)));
    }
    return MI_OK;
}

static mi_status learn(training *t, const mi__probe_samples *scored, double *accuracy) {
    MI__TRY(begin(t));
    MI__TRY(train(t));
    return mi__probe_score(&t->model, scored, accuracy);
}

/* -- the decay -------------------------------------------------------------------------------- */

#define HELD 10 /* one sample of so many */

static const double decays[] = {0, 0.3, 1, 3, 10};

/* By a shuffled copy of the index, so that the fit to come is that of a decay that was given. */
static mi_status try_decays(const mi_probe *p, mi__probe_samples *learnt, double *decay) {
    mi__random r = mi__random_at(p->options.seed, MI__STREAM_PROBE, 1);
    mi__probe_samples held = *learnt;
    mi__random_shuffle(&r, learnt->n, learnt->index);
    held.n = (learnt->n - 1) / HELD + 1;
    learnt->n -= held.n;
    held.index += learnt->n;
    double best = -1, accuracy = 0;
    for (size_t i = 0; i < sizeof decays / sizeof *decays; i++) {
        training t = {.probe = p, .s = learnt, .decay = decays[i]};
        mi_status status = learn(&t, &held, &accuracy);
        end(&t);
        MI__TRY(status);
        if (accuracy > best) {
            best = accuracy;
            *decay = decays[i];
        }
    }
    return MI_OK;
}

static mi_status choose_decay(const mi_probe *p, const mi__probe_samples *s, double *decay) {
    if (s->n < 2)
        return mi__fail(MI_E_ARG, "a decay can't be chosen with one sample: give one, such as 0");
    mi__probe_samples copy = *s;
    copy.index = mi__alloc(p->ctx, s->room, sizeof *s->index);
    if (copy.index == NULL)
        return MI_E_NOMEM;
    memcpy(copy.index, s->index, (size_t)s->n * sizeof *s->index);
    mi_status status = try_decays(p, &copy, decay);
    mi__probe_free_samples(p, &copy);
    return status;
}

/* -- the whole -------------------------------------------------------------------------------- */

static mi_status fit(mi_probe *p, training *t, mi_probe_report *report) {
    MI__TRY(check_raw(p, t->s));
    if (t->decay == MI__DECAY_CHOSEN)
        MI__TRY(choose_decay(p, t->s, &t->decay));
    mi_probe_report own = {.struct_size = sizeof own, .decay = t->decay};
    MI__TRY(learn(t, t->s, &own.accuracy));
    own.loss = t->sum / (double)t->s->n;
    own.steps = mi_optimizer_steps(t->optimizer);
    const mi__probe_model kept = p->model;
    p->model = t->model;
    t->model = kept;
    if (report != NULL)
        mi__report_store(report, report->struct_size, &own, sizeof own);
    return MI_OK;
}

mi_status mi_probe_fit(mi_probe *probe, int64_t n, const float *x, int64_t ld, const int32_t *label,
                       mi_probe_report *report) {
    MI__NEED(probe);
    if (report != NULL)
        MI__TRY(mi__report_check(report, sizeof *report, sizeof *report, "mi_probe_report"));
    mi__probe_samples s;
    MI__TRY(mi__probe_take(probe, n, x, ld, label, &s));
    training t = {.probe = probe, .s = &s, .decay = probe->options.decay};
    mi_status status = fit(probe, &t, report);
    end(&t);
    mi__probe_free_samples(probe, &s);
    return status;
}
