/* SPDX-License-Identifier: BSD-2-Clause */
#include "optimizer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define GRAIN 16384

static mi_status check_share(const char *name, double value) {
    if (!(value >= 0 && value < 1))
        return mi__fail(MI_E_ARG, "%s must be at least 0 and below 1, got %g", name, value);
    return MI_OK;
}

static mi_status check_schedule(const mi_optimizer_options *o) {
    if (o->schedule < MI_SCHEDULE_CONSTANT || o->schedule > MI_SCHEDULE_COSINE)
        return mi__fail(MI_E_ARG, "schedule must be an mi_schedule, got %d", o->schedule);
    if (o->warmup < 0 || o->period < 0 || o->total < 0)
        return mi__fail(MI_E_ARG,
                        "warmup, period and total must not be negative, got %" PRId64 ", %" PRId64
                        ", %" PRId64,
                        o->warmup, o->period, o->total);
    if (o->schedule == MI_SCHEDULE_STEP && o->period == 0)
        return mi__fail(MI_E_ARG, "MI_SCHEDULE_STEP needs a period, got 0");
    if (o->schedule == MI_SCHEDULE_COSINE && o->total <= o->warmup)
        return mi__fail(
            MI_E_ARG, "MI_SCHEDULE_COSINE needs a total above warmup, got %" PRId64 " and %" PRId64,
            o->total, o->warmup);
    if (!(o->gamma > 0 && o->gamma <= 1))
        return mi__fail(MI_E_ARG, "gamma must be above 0 and at most 1, got %g", o->gamma);
    if (!(o->floor >= 0 && o->floor <= o->rate))
        return mi__fail(MI_E_ARG, "floor must be in 0 to rate (%g), got %g", o->rate, o->floor);
    return MI_OK;
}

static mi_status load_options(mi_optimizer_options *o, const mi_optimizer_options *theirs) {
    MI__TRY(mi__options_load(o, sizeof *o, sizeof *o, theirs, "mi_optimizer_options"));
    o->kind = o->kind != 0 ? o->kind : MI_OPTIMIZER_ADAM;
    if (o->kind != MI_OPTIMIZER_ADAM && o->kind != MI_OPTIMIZER_SGD)
        return mi__fail(MI_E_ARG, "kind must be an mi_optimizer_kind, got %d", o->kind);
    o->rate = o->rate != 0 ? o->rate : o->kind == MI_OPTIMIZER_ADAM ? 1e-3 : 1e-2;
    o->beta1 = o->beta1 != 0 ? o->beta1 : 0.9;
    o->beta2 = o->beta2 != 0 ? o->beta2 : 0.999;
    o->epsilon = o->epsilon != 0 ? o->epsilon : 1e-8;
    o->momentum = o->momentum == 0 ? 0.9 : o->momentum < 0 ? 0 : o->momentum;
    o->gamma = o->gamma != 0 ? o->gamma : 0.1;
    if (!(o->rate > 0) || !isfinite(o->rate) || !(o->epsilon > 0) || !isfinite(o->epsilon))
        return mi__fail(MI_E_ARG, "rate and epsilon must be above 0, got %g and %g", o->rate,
                        o->epsilon);
    if (!(o->decay >= 0) || !isfinite(o->decay))
        return mi__fail(MI_E_ARG, "decay must not be negative, got %g", o->decay);
    MI__TRY(check_share("beta1", o->beta1));
    MI__TRY(check_share("beta2", o->beta2));
    MI__TRY(check_share("momentum", o->momentum));
    return check_schedule(o);
}

static mi_status give_memory(mi_optimizer *o) {
    mi_encoder *e = o->encoder;
    o->first = mi__alloc_zero(e->ctx, e->params, sizeof *o->first);
    o->second = mi__alloc_zero(e->ctx, e->params, sizeof *o->second);
    o->age = mi__alloc_zero(e->ctx, e->params, sizeof *o->age);
    if (o->first == NULL || o->second == NULL || o->age == NULL)
        return MI_E_NOMEM;
    for (int32_t i = 0; i < e->params; i++) {
        if (e->param[i]->kind == MI_PARAM_STATE)
            continue;
        o->first[i] = mi__alloc_zero(e->ctx, e->param[i]->count, sizeof(float));
        if (o->first[i] == NULL)
            return MI_E_NOMEM;
        if (o->options.kind == MI_OPTIMIZER_ADAM) {
            o->second[i] = mi__alloc_zero(e->ctx, e->param[i]->count, sizeof(float));
            if (o->second[i] == NULL)
                return MI_E_NOMEM;
        }
    }
    return MI_OK;
}

mi_status mi_optimizer_create(mi_encoder *encoder, const mi_optimizer_options *options,
                              mi_optimizer **out) {
    MI__NEED(encoder);
    MI__NEED(out);
    mi_optimizer_options loaded = {0};
    MI__TRY(load_options(&loaded, options));
    mi_optimizer *o = mi__alloc_zero(encoder->ctx, 1, sizeof *o);
    if (o == NULL)
        return MI_E_NOMEM;
    atomic_init(&o->references, 1);
    o->encoder = mi__encoder_take(encoder);
    o->options = loaded;
    if (give_memory(o) != MI_OK) {
        mi_optimizer_destroy(o);
        return MI_E_NOMEM;
    }
    *out = o;
    return MI_OK;
}

mi_optimizer *mi__optimizer_take(mi_optimizer *optimizer) {
    atomic_fetch_add(&optimizer->references, 1);
    return optimizer;
}

static void free_all(mi_optimizer *o, float **arrays) {
    mi_encoder *e = o->encoder;
    for (int32_t i = 0; arrays != NULL && i < e->params; i++)
        mi__free(e->ctx, arrays[i], e->param[i]->count, sizeof(float));
    mi__free(e->ctx, arrays, e->params, sizeof *arrays);
}

void mi_optimizer_destroy(mi_optimizer *o) {
    if (o == NULL || atomic_fetch_sub(&o->references, 1) > 1)
        return;
    mi_encoder *e = o->encoder;
    free_all(o, o->first);
    free_all(o, o->second);
    mi__free(e->ctx, o->age, e->params, sizeof *o->age);
    mi__free(e->ctx, o, 1, sizeof *o);
    mi_encoder_destroy(e);
}

void mi__optimizer_forget(mi_optimizer *o, int32_t param) {
    size_t bytes = (size_t)o->encoder->param[param]->count * sizeof(float);
    memset(o->first[param], 0, bytes);
    if (o->second[param] != NULL)
        memset(o->second[param], 0, bytes);
    o->age[param] = 0;
}

double mi_optimizer_rate(const mi_optimizer *optimizer) {
    if (optimizer == NULL)
        return 0;
    const mi_optimizer_options *o = &optimizer->options;
    int64_t t = optimizer->steps;
    if (t < o->warmup)
        return o->rate * (double)(t + 1) / (double)o->warmup;
    if (o->schedule == MI_SCHEDULE_STEP)
        return o->rate * pow(o->gamma, (double)((t - o->warmup) / o->period));
    if (o->schedule == MI_SCHEDULE_COSINE) {
        double done = (double)MI__MIN(t - o->warmup, o->total - o->warmup);
        double turn = 3.141592653589793 * done / (double)(o->total - o->warmup);
        return o->floor + (o->rate - o->floor) * 0.5 * (1 + cos(turn));
    }
    return o->rate;
}

int64_t mi_optimizer_steps(const mi_optimizer *optimizer) {
    return optimizer == NULL ? 0 : optimizer->steps;
}

/* -- one step --------------------------------------------------------------------------------- */

typedef struct update {
    const mi__kernels *kernel;
    mi__adam adam;
    mi__sgd sgd;
    float *w, *m, *v; /* v NULL: SGD */
    const float *g;
} update;

static void update_range(void *arg, int64_t begin, int64_t end) {
    const update *u = arg;
    int64_t n = end - begin;
    if (u->v != NULL)
        u->kernel->adam(n, &u->adam, u->g + begin, u->m + begin, u->v + begin, u->w + begin);
    else
        u->kernel->sgd(n, &u->sgd, u->g + begin, u->m + begin, u->w + begin);
}

mi_status mi__optimizer_check(const mi_optimizer *o) {
    const mi_encoder *e = o->encoder;
    if (!e->backward_done)
        return mi__fail(MI_E_STATE, "the optimizer needs a backward pass before this");
    for (int32_t i = 0; i < e->params; i++) {
        const mi__param *p = e->param[i];
        int64_t bad =
            p->kind == MI_PARAM_STATE ? -1 : mi__find_not_finite(&e->pass, p->count, p->grad);
        if (bad >= 0)
            return mi__fail(MI_E_NUMERIC,
                            "the gradient of %s is %g at %" PRId64
                            "; no weight was changed (a lower learning rate may help)",
                            p->name, (double)((const float *)p->grad)[bad], bad);
    }
    return MI_OK;
}

void mi__optimizer_update(mi_optimizer *o, int32_t param, double rate) {
    const mi_optimizer_options *options = &o->options;
    mi__param *p = o->encoder->param[param];
    double decay = p->kind == MI_PARAM_WEIGHT ? options->decay : 0, t = (double)++o->age[param];
    update u = {.kernel = o->encoder->pass.kernel,
                .w = p->value,
                .m = o->first[param],
                .v = o->second[param],
                .g = p->grad,
                .sgd = {rate, decay, options->momentum},
                .adam = {.rate = rate / (1 - pow(options->beta1, t)),
                         .decay = rate * decay,
                         .beta1 = options->beta1,
                         .beta2 = options->beta2,
                         .epsilon = options->epsilon,
                         .correction2 = sqrt(1 - pow(options->beta2, t))}};
    mi__parallel_ranges(o->encoder->ctx, p->count, GRAIN, update_range, &u);
}

void mi__optimizer_apply(mi_optimizer *o) {
    const mi_encoder *e = o->encoder;
    double rate = mi_optimizer_rate(o);
    for (int32_t i = 0; i < e->params; i++)
        if (e->param[i]->kind != MI_PARAM_STATE)
            mi__optimizer_update(o, i, rate);
    o->steps++;
}

mi_status mi_optimizer_step(mi_optimizer *o) {
    MI__NEED(o);
    MI__TRY(mi__optimizer_check(o));
    mi__optimizer_apply(o);
    return MI_OK;
}
