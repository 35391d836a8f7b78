/* SPDX-License-Identifier: BSD-2-Clause */
/* A classifier on frozen features. */
#include "probe.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define GRAIN 65536
#define PART 1024               /* samples that are classified at a time */
#define AHEAD 8                 /* rows */
#define LINE 16                 /* floats of a line of the cache */
#define MOST_SAMPLES UINT32_MAX /* that mi__random_below() can shuffle */

/* -- life ------------------------------------------------------------------------------------- */

static mi_status load_options(mi_probe *p, const mi_probe_options *options) {
    mi_probe_options *o = &p->options;
    MI__TRY(mi__options_load(o, sizeof *o, sizeof *o, options, "mi_probe_options"));
    if (o->batch < 0 || o->epochs < 0)
        return mi__fail(MI_E_ARG, "batch and epochs must not be negative, got %" PRId64 " and %d",
                        o->batch, o->epochs);
    if (o->raw != 0 && o->raw != 1)
        return mi__fail(MI_E_ARG, "raw must be 0 or 1, got %d", o->raw);
    o->seed = o->seed != 0 ? o->seed : p->ctx->options.seed;
    o->batch = o->batch != 0 ? o->batch : 256;
    o->rate = o->rate != 0 ? o->rate : o->layers == NULL ? 1e-2 : 1e-3;
    if (!(o->rate > 0) || !isfinite(o->rate))
        return mi__fail(MI_E_ARG, "rate must be above 0, got %g", o->rate);
    if (!(o->decay >= 0 || o->decay == MI__DECAY_CHOSEN) || !isfinite(o->decay))
        return mi__fail(MI_E_ARG, "decay must be 0 or more, or -1 to have it chosen, got %g",
                        o->decay);
    return MI_OK;
}

static mi_status describe(mi_probe *p) {
    const char *layers = p->options.layers;
    p->description_size = (layers != NULL ? (int64_t)strlen(layers) : 0) + 32;
    p->description = mi__alloc(p->ctx, p->description_size, 1);
    if (p->description == NULL)
        return MI_E_NOMEM;
    snprintf(p->description, (size_t)p->description_size, "%s%sdense %d",
             layers != NULL ? layers : "", layers != NULL ? ", " : "", p->classes);
    p->options.layers = NULL; /* the caller's, who may free it */
    return MI_OK;
}

mi_status mi__probe_encoder(const mi_probe *p, mi_encoder **out) {
    const mi_encoder_options o = {.struct_size = sizeof o,
                                  .seed = p->options.seed,
                                  .height = 1,
                                  .width = 1,
                                  .channels = (int32_t)p->d};
    MI__TRY(mi__encoder_create(p->ctx, p->description, &o, mi__kernels_select(), out));
    const mi__layer *layer = (*out)->layer;
    if ((*out)->layers == 1)
        memset(layer->param[0].value, 0, (size_t)layer->param[0].count * sizeof(float));
    return MI_OK;
}

static mi_status build(mi_probe *p, const mi_probe_options *options) {
    MI__TRY(load_options(p, options));
    MI__TRY(describe(p));
    mi_encoder *e; /* to see that it can be made */
    MI__TRY(mi__probe_encoder(p, &e));
    mi_encoder_destroy(e);
    return MI_OK;
}

mi_status mi_probe_create(mi_context *context, int64_t d, int32_t classes,
                          const mi_probe_options *options, mi_probe **out) {
    MI__NEED(out);
    if (d < 1 || d > 65536)
        return mi__fail(MI_E_ARG, "d must be in 1 to 65536, got %" PRId64, d);
    if (classes < 2 || classes > 65536)
        return mi__fail(MI_E_ARG, "classes must be in 2 to 65536, got %d", classes);
    mi_context *ctx;
    MI__TRY(mi__context_take(context, &ctx));
    mi_probe *p = mi__alloc_zero(ctx, 1, sizeof *p);
    if (p == NULL) {
        mi_context_destroy(ctx);
        return MI_E_NOMEM;
    }
    *p = (mi_probe){.ctx = ctx, .d = d, .classes = classes};
    mi_status status = build(p, options);
    if (status != MI_OK) {
        mi_probe_destroy(p);
        return status;
    }
    *out = p;
    return MI_OK;
}

void mi__probe_free_model(const mi_probe *p, mi__probe_model *m) {
    mi_encoder_destroy(m->encoder);
    mi__free(p->ctx, m->mean, p->d, sizeof *m->mean);
    mi__free(p->ctx, m->inverse, p->d, sizeof *m->inverse);
}

void mi_probe_destroy(mi_probe *p) {
    if (p == NULL)
        return;
    mi_context *ctx = p->ctx;
    mi__probe_free_model(p, &p->model);
    mi__free(ctx, p->description, p->description_size, 1);
    mi__free(ctx, p, 1, sizeof *p);
    mi_context_destroy(ctx);
}

/* -- samples ---------------------------------------------------------------------------------- */

int64_t mi__probe_row(const mi__probe_samples *s, int64_t i) {
    return s->index != NULL ? s->index[i] : i;
}

const float *mi__probe_features(const mi__probe_samples *s, int64_t i) {
    return s->x + mi__probe_row(s, i) * s->ld;
}

typedef struct search {
    const mi__probe_samples *s;
    const mi__kernels *kernel;
    atomic_llong first;
} search;

static void search_rows(void *arg, int64_t begin, int64_t end) {
    search *f = arg;
    double least = 0, most = 0;
    while (begin < end &&
           f->kernel->extent(f->s->d, mi__probe_features(f->s, begin), &least, &most))
        begin++;
    long long first = atomic_load(&f->first);
    while (begin < end && begin < first && !atomic_compare_exchange_weak(&f->first, &first, begin))
        ;
}

static mi_status check_finite(const mi_probe *p, const mi__probe_samples *s) {
    search f = {.s = s, .kernel = mi__kernels_select()};
    atomic_init(&f.first, INT64_MAX);
    mi__parallel_ranges(p->ctx, s->n, GRAIN / s->d + 1, search_rows, &f);
    long long first = atomic_load(&f.first);
    if (first >= s->n)
        return MI_OK;
    const float *x = mi__probe_features(s, first);
    int64_t at = 0;
    while (isfinite(x[at]))
        at++;
    return mi__fail(MI_E_NUMERIC, "sample %" PRId64 " has the value %g at position %" PRId64,
                    mi__probe_row(s, first), (double)x[at], at);
}

static mi_status take_samples(const mi_probe *p, int64_t n, const float *x, int64_t ld,
                              mi__probe_samples *out) {
    int64_t all;
    ld = ld != 0 ? ld : p->d;
    if (n < 0)
        return mi__fail(MI_E_ARG, "n must not be negative, got %" PRId64, n);
    if (n > 0)
        MI__NEED(x);
    if (ld < p->d || !mi__multiply(n, ld, &all) || n > MOST_SAMPLES)
        return mi__fail(MI_E_SHAPE,
                        "%" PRId64 " samples of %" PRId64 " features can't be %" PRId64
                        " numbers apart",
                        n, p->d, ld);
    *out = (mi__probe_samples){.n = n, .d = p->d, .ld = ld, .x = x};
    return MI_OK;
}

void mi__probe_free_samples(const mi_probe *p, mi__probe_samples *s) {
    mi__free(p->ctx, s->index, s->room, sizeof *s->index);
}

/* The same with labels: only rows whose label is known are looked at. */
mi_status mi__probe_take(const mi_probe *p, int64_t n, const float *x, int64_t ld,
                         const int32_t *label, mi__probe_samples *out) {
    mi__probe_samples s;
    MI__TRY(take_samples(p, n, x, ld, &s));
    MI__NEED(label);
    for (int64_t i = 0; i < n; i++) {
        if (label[i] >= p->classes)
            return mi__fail(MI_E_ARG, "label %" PRId64 " is %d, there are %d classes", i, label[i],
                            p->classes);
        s.room += label[i] >= 0;
    }
    if (s.room == 0)
        return mi__fail(MI_E_ARG, "none of %" PRId64 " labels is known", n);
    s.label = label;
    s.n = 0;
    s.index = mi__alloc(p->ctx, s.room, sizeof *s.index);
    if (s.index == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < n; i++)
        if (label[i] >= 0)
            s.index[s.n++] = i;
    mi_status status = check_finite(p, &s);
    if (status == MI_OK)
        *out = s;
    else
        mi__probe_free_samples(p, &s);
    return status;
}

/* -- the way in ------------------------------------------------------------------------------- */

typedef struct entry {
    const mi__probe_samples *s;
    const mi__probe_model *m;
    int64_t first;
} entry;

/* Asks for rows ahead: where they are shuffled, no processor does. */
static void enter_rows(void *arg, int64_t begin, int64_t end) {
    const entry *job = arg;
    const int64_t d = job->s->d;
    const float *mean = job->m->mean, *inverse = job->m->inverse;
    for (int64_t r = begin; r < end; r++) {
        const float *x = mi__probe_features(job->s, job->first + r);
        const float *ahead = mi__probe_features(job->s, job->first + MI__MIN(r + AHEAD, end - 1));
        float *y = (float *)job->m->encoder->y[0] + r * d;
        for (int64_t j = 0; j < d; j += LINE)
            mi__fetch(ahead + j);
        for (int64_t j = 0; j < d; j++)
            y[j] = (x[j] - mean[j]) * inverse[j];
    }
}

mi_status mi__probe_forward(const mi__probe_model *m, const mi__probe_samples *s, int64_t first,
                            int64_t n, bool train) {
    mi_encoder *e = m->encoder;
    entry job = {s, m, first};
    MI__TRY(mi__encoder_begin(e, n, train));
    mi__parallel_ranges(e->ctx, n, GRAIN / s->d + 1, enter_rows, &job);
    mi__encoder_run(e);
    return MI_OK;
}

/* -- use -------------------------------------------------------------------------------------- */

static int32_t most_probable(const float *z, int64_t k) {
    int64_t best = 0;
    for (int64_t i = 1; i < k; i++)
        if (z[i] > z[best])
            best = i;
    return (int32_t)best;
}

static mi_status find_logits(const mi__probe_model *m, const mi__probe_samples *s, int64_t first,
                             int64_t n, const float **logits) {
    mi_encoder *e = m->encoder;
    MI__TRY(mi__probe_forward(m, s, first, n, false));
    int64_t k = mi_encoder_width(e, -1);
    int64_t bad = mi__find_not_finite(&e->pass, n * k, MI__FEATURES(e));
    if (bad >= 0)
        return mi__fail(MI_E_NUMERIC, "a logit of sample %" PRId64 " is NaN or infinite",
                        mi__probe_row(s, first + bad / k));
    *logits = MI__FEATURES(e);
    return MI_OK;
}

static mi_status classify(const mi_probe *p, const mi__probe_samples *s, int32_t *label,
                          float *probability) {
    const int64_t k = p->classes;
    const float *z;
    for (int64_t i = 0; i < s->n; i += PART) {
        int64_t n = MI__MIN(s->n - i, PART);
        MI__TRY(find_logits(&p->model, s, i, n, &z));
        for (int64_t j = 0; label != NULL && j < n; j++)
            label[i + j] = most_probable(z + j * k, k);
        if (probability != NULL)
            p->model.encoder->pass.kernel->softmax(p->ctx, n, k, z, k, probability + i * k);
    }
    return MI_OK;
}

static mi_status need_fit(const mi_probe *p) {
    return p->model.encoder != NULL ? MI_OK : mi__fail(MI_E_STATE, "the probe isn't fitted yet");
}

mi_status mi_probe_predict(mi_probe *probe, int64_t n, const float *x, int64_t ld, int32_t *label,
                           float *probability) {
    MI__NEED(probe);
    mi__probe_samples s;
    MI__TRY(take_samples(probe, n, x, ld, &s));
    MI__TRY(need_fit(probe));
    MI__TRY(check_finite(probe, &s));
    MI__TRY(classify(probe, &s, NULL, NULL)); /* whatever fails, fails before anything is written */
    return classify(probe, &s, label, probability);
}

mi_status mi__probe_score(const mi__probe_model *m, const mi__probe_samples *s, double *accuracy) {
    const int64_t k = mi_encoder_width(m->encoder, -1);
    const float *z;
    int64_t right = 0;
    for (int64_t i = 0; i < s->n; i += PART) {
        int64_t n = MI__MIN(s->n - i, PART);
        MI__TRY(find_logits(m, s, i, n, &z));
        for (int64_t j = 0; j < n; j++)
            right += most_probable(z + j * k, k) == s->label[mi__probe_row(s, i + j)];
    }
    *accuracy = (double)right / (double)s->n;
    return MI_OK;
}

mi_status mi_probe_accuracy(mi_probe *probe, int64_t n, const float *x, int64_t ld,
                            const int32_t *label, double *accuracy) {
    MI__NEED(probe);
    MI__NEED(accuracy);
    mi__probe_samples s;
    MI__TRY(need_fit(probe));
    MI__TRY(mi__probe_take(probe, n, x, ld, label, &s));
    mi_status status = mi__probe_score(&probe->model, &s, accuracy);
    mi__probe_free_samples(probe, &s);
    return status;
}
