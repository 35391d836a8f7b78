/* SPDX-License-Identifier: BSD-2-Clause */
/* Invariant information clustering: encoder, heads, loss, optimizer. */
#include "model.h"

#include "../objective/joint.h"

#include <mi/score.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PART 256 /* images that predict and evaluate take at once */

bool mi__cluster_counts(const mi_cluster *c, int32_t head) {
    return c->encoder->head[head].dense.width == c->options.classes;
}

bool mi__cluster_learns(const mi_cluster *c, int32_t head) {
    return c->options.late_heads == 0 || c->restarts > 0 || !mi__cluster_counts(c, head);
}

/* -- life ------------------------------------------------------------------------------------- */

static mi_status load_options(mi_cluster *c, const mi_cluster_options *options) {
    mi_cluster_options *o = &c->options;
    const mi_encoder *e = c->encoder;
    MI__TRY(mi__options_load(o, sizeof *o, sizeof *o, options, "mi_cluster_options"));
    int64_t narrowest = INT64_MAX, widest = 0;
    bool found = o->classes == 0;
    for (int32_t i = 0; i < e->heads; i++) {
        int64_t width = e->head[i].dense.width;
        if (!e->head[i].softmax || width < 2)
            return mi__fail(MI_E_ARG, "head %d must be a softmax of 2 or more classes", i);
        narrowest = MI__MIN(narrowest, width);
        widest = MI__MAX(widest, width);
        found = found || width == o->classes;
    }
    if (!found)
        return mi__fail(MI_E_ARG, "no head has classes = %d outputs", o->classes);
    o->classes = o->classes != 0 ? o->classes : (int32_t)narrowest;
    o->lambda = o->lambda != 0 ? o->lambda : 1;
    o->loss_memory = o->loss_memory != 0 ? o->loss_memory : 0.99;
    if (!(o->lambda > 0 && o->lambda <= MI__MOST_LAMBDA))
        return mi__fail(MI_E_ARG, "lambda must be above 0 and at most %g, got %g", MI__MOST_LAMBDA,
                        o->lambda);
    o->over_lambda = o->over_lambda != 0 ? o->over_lambda : 1;
    if (!(o->over_lambda > 0 && o->over_lambda <= MI__MOST_LAMBDA))
        return mi__fail(MI_E_ARG, "over_lambda must be above 0 and at most %g, got %g",
                        MI__MOST_LAMBDA, o->over_lambda);
    if (!(o->loss_memory > 0 && o->loss_memory < 1))
        return mi__fail(MI_E_ARG, "loss_memory must be in 0 to 1, got %g", o->loss_memory);
    if (o->late_heads != 0 && (o->late_heads != 1 || widest <= o->classes))
        return mi__fail(MI_E_ARG,
                        "late_heads must be 0 or 1, and needs a head of more than %d "
                        "classes; it is %d and the widest head has %" PRId64,
                        o->classes, o->late_heads, widest);
    return MI_OK;
}

static mi_status build(mi_cluster *c, const mi_cluster_options *options) {
    c->running = mi__alloc_zero(c->encoder->ctx, c->encoder->heads, sizeof *c->running);
    return c->running == NULL ? MI_E_NOMEM : load_options(c, options);
}

mi_status mi_cluster_create(mi_encoder *encoder, mi_optimizer *optimizer,
                            const mi_cluster_options *options, mi_cluster **out) {
    MI__NEED(encoder);
    MI__NEED(out);
    if (encoder->heads < 1)
        return mi__fail(MI_E_ARG, "a clustering needs an encoder with at least one softmax head");
    if (optimizer != NULL && optimizer->encoder != encoder)
        return mi__fail(MI_E_ARG, "the optimizer was made for another encoder");
    mi_cluster *c = mi__alloc_zero(encoder->ctx, 1, sizeof *c);
    if (c == NULL)
        return MI_E_NOMEM;
    c->encoder = mi__encoder_take(encoder);
    c->optimizer = optimizer != NULL ? mi__optimizer_take(optimizer) : NULL;
    mi_status status = build(c, options);
    if (status != MI_OK) {
        mi_cluster_destroy(c);
        return status;
    }
    *out = c;
    return MI_OK;
}

void mi_cluster_destroy(mi_cluster *c) {
    if (c == NULL)
        return;
    mi_encoder *e = c->encoder;
    for (int i = 0; i < 2; i++)
        mi_iic_destroy(c->iic[i]);
    mi__free(e->ctx, c->running, e->heads, sizeof *c->running);
    mi_optimizer_destroy(c->optimizer);
    mi__free(e->ctx, c, 1, sizeof *c);
    mi_encoder_destroy(e);
}

/* -- training --------------------------------------------------------------------------------- */

static mi_status make_iic(mi_cluster *c, int64_t repeats) {
    if (c->iic[1] != NULL && c->repeats == repeats)
        return MI_OK;
    const double lambda[2] = {c->options.lambda, c->options.over_lambda};
    c->repeats = repeats;
    for (int i = 0; i < 2; i++) {
        mi_iic_destroy(c->iic[i]);
        c->iic[i] = NULL;
    }
    for (int i = 0; i < 2; i++) {
        mi_iic_options o = {.struct_size = sizeof o, .lambda = lambda[i], .repeats = repeats};
        MI__TRY(mi_iic_create(c->encoder->ctx, &o, &c->iic[i]));
    }
    return MI_OK;
}

/* The heads that learn, and what they lost in this step. */
typedef struct lesson {
    bool learns[MI__MOST_HEADS];
    int32_t count;
    double loss[MI__MOST_HEADS]; /* of those that learn */
    double mean;
} lesson;

static void scale(float *x, int64_t count, double factor) {
    for (int64_t i = 0; i < count; i++)
        x[i] *= (float)factor;
}

/* The losses and gradients of the heads that count, or of the others, as parts of the mean over all
 * heads that learn. The first n rows of a head's output are the images, the others their twins. */
static mi_status evaluate_group(const mi_cluster *c, int64_t n, bool counts, lesson *l) {
    const mi_encoder *e = c->encoder;
    mi_iic_head_f32 head[MI__MOST_HEADS];
    int32_t number[MI__MOST_HEADS], count = 0;
    for (int32_t i = 0; i < e->heads; i++) {
        if (!l->learns[i] || mi__cluster_counts(c, i) != counts)
            continue;
        int64_t k = e->head[i].dense.width;
        float *y = e->head[i].y, *dy = e->head[i].dy;
        number[count] = i;
        head[count++] =
            (mi_iic_head_f32){.classes = k, .z = y, .zt = y + n * k, .dz = dy, .dzt = dy + n * k};
    }
    if (count == 0)
        return MI_OK;
    MI__TRY(mi_iic_eval_f32(c->iic[counts ? 0 : 1], n, count, head, NULL));
    for (int32_t i = 0; i < count; i++) {
        l->loss[number[i]] = head[i].loss;
        l->mean += head[i].loss / l->count;
        if (count < l->count)
            scale(head[i].dz, e->pass.n * head[i].classes, (double)count / l->count);
    }
    return MI_OK;
}

static mi_status evaluate_loss(const mi_cluster *c, int64_t n, lesson *l) {
    l->count = 0;
    l->mean = 0;
    for (int32_t i = 0; i < c->encoder->heads; i++) {
        l->learns[i] = mi__cluster_learns(c, i);
        l->count += l->learns[i];
    }
    MI__TRY(evaluate_group(c, n, true, l));
    return evaluate_group(c, n, false, l);
}

static void remember_losses(mi_cluster *c, const lesson *l) {
    double m = c->options.loss_memory;
    for (int32_t i = 0; i < c->encoder->heads; i++)
        if (l->learns[i]) {
            mi__running *r = &c->running[i];
            r->sum = m * r->sum + (1 - m) * l->loss[i];
            r->mass = m * r->mass + (1 - m);
        }
}

static mi_status check_batch(int64_t n, int32_t repeats, int64_t *rows) {
    if (n < 1 || repeats < 1)
        return mi__fail(MI_E_ARG, "n and repeats must be at least 1, got %" PRId64 " and %d", n,
                        repeats);
    if (!mi__multiply(n, 1 + (int64_t)repeats, rows))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " images with %d twins each overflow", n, repeats);
    return MI_OK;
}

mi_status mi_cluster_step(mi_cluster *c, int64_t n, const float *x, int32_t repeats,
                          const float *xt, mi_cluster_report *report) {
    MI__NEED(c);
    MI__NEED(x);
    MI__NEED(xt);
    int64_t rows;
    MI__TRY(check_batch(n, repeats, &rows));
    if (report != NULL)
        MI__TRY(mi__report_check(report, sizeof *report, sizeof *report, "mi_cluster_report"));
    if (c->optimizer == NULL)
        return mi__fail(MI_E_STATE, "the clustering was made without an optimizer");

    mi_encoder *e = c->encoder;
    MI__TRY(make_iic(c, repeats));
    MI__TRY(mi__encoder_begin(e, rows, true));
    MI__TRY(mi__encoder_put(e, 0, n, x));
    MI__TRY(mi__encoder_put(e, n, rows - n, xt));
    mi__encoder_run(e);

    lesson l;
    double rate = mi_optimizer_rate(c->optimizer);
    MI__TRY(mi__encoder_begin_backward(e));
    MI__TRY(evaluate_loss(c, n, &l));
    mi__encoder_run_backward(e, l.learns, false, false);
    MI__TRY(mi_optimizer_step(c->optimizer));
    mi__encoder_update_states(e);
    remember_losses(c, &l);
    if (report != NULL) {
        const mi_cluster_report own = {.step = c->optimizer->steps,
                                       .loss = l.mean,
                                       .rate = rate,
                                       .selected = mi_cluster_select(c)};
        mi__report_store(report, report->struct_size, &own, sizeof own);
    }
    return MI_OK;
}

static double running_loss(const mi_cluster *c, int32_t head) {
    const mi__running *r = &c->running[head];
    return r->mass > 0 ? r->sum / r->mass : 0;
}

int32_t mi_cluster_select(const mi_cluster *c) {
    int32_t best = -1;
    for (int32_t i = 0; c != NULL && i < c->encoder->heads; i++)
        if (mi__cluster_counts(c, i) && (best < 0 || running_loss(c, i) < running_loss(c, best)))
            best = i;
    return best;
}

/* -- use -------------------------------------------------------------------------------------- */

static int32_t most_probable(const float *p, int64_t k) {
    int64_t best = 0;
    for (int64_t i = 1; i < k; i++)
        if (p[i] > p[best])
            best = i;
    return (int32_t)best;
}

static mi_status forward_part(mi_encoder *e, int64_t n, const float *x) {
    MI__TRY(mi__encoder_begin(e, n, false));
    MI__TRY(mi__encoder_put(e, 0, n, x));
    mi__encoder_run(e);
    return MI_OK;
}

mi_status mi_cluster_predict(mi_cluster *c, int32_t head, int64_t n, const float *x, int32_t *label,
                             float *probability) {
    MI__NEED(c);
    mi_encoder *e = c->encoder;
    if (head < -1 || head >= e->heads)
        return mi__fail(MI_E_ARG, "head must be in -1 to %d, got %d", e->heads - 1, head);
    if (n < 0)
        return mi__fail(MI_E_ARG, "n must not be negative, got %" PRId64, n);
    if (n > 0)
        MI__NEED(x);
    int64_t numbers = mi_encoder_input(e, NULL, NULL, NULL), all, bad;
    if (!mi__multiply(n, numbers, &all))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " images overflow", n);
    if ((bad = mi__find_not_finite(&e->pass, all, x)) >= 0)
        return mi__fail(MI_E_NUMERIC, "image %" PRId64 " has the value %g at position %" PRId64,
                        bad / numbers, (double)x[bad], bad % numbers);
    const mi__head *h = &e->head[head < 0 ? mi_cluster_select(c) : head];
    int64_t k = h->dense.width;
    for (int64_t i = 0; i < n; i += PART) {
        int64_t part = MI__MIN(n - i, PART);
        MI__TRY(forward_part(e, part, x + i * numbers));
        const float *y = h->y;
        if (probability != NULL)
            memcpy(probability + i * k, y, (size_t)(part * k) * sizeof *y);
        for (int64_t j = 0; label != NULL && j < part; j++)
            label[i + j] = most_probable(y + j * k, k);
    }
    return MI_OK;
}

/* Room for one part of images, and the heads' confusion matrices one after another. */
typedef struct evaluation {
    int64_t part, numbers, counts;
    int32_t classes;
    int64_t *index, *count;
    int32_t *truth;
    float *x;
    mi_cluster_score *score; /* [heads] */
} evaluation;

static mi_status count_all(mi_cluster *c, const mi_dataset *dataset, int64_t images,
                           evaluation *v) {
    mi_encoder *e = c->encoder;
    for (int64_t i = 0; i < images; i += v->part) {
        int64_t n = MI__MIN(images - i, v->part);
        for (int64_t j = 0; j < n; j++)
            v->index[j] = i + j;
        MI__TRY(mi_pairs_plain(dataset, (int32_t)e->in.h, n, v->index, v->x));
        MI__TRY(mi_dataset_read(dataset, n, v->index, NULL, v->truth));
        MI__TRY(forward_part(e, n, v->x));
        int64_t *count = v->count;
        for (int32_t h = 0; h < e->heads; h++) {
            int64_t k = e->head[h].dense.width;
            const float *y = e->head[h].y;
            for (int64_t j = 0; j < n; j++)
                if (v->truth[j] >= 0)
                    count[(int64_t)most_probable(y + j * k, k) * v->classes + v->truth[j]]++;
            count += k * v->classes;
        }
    }
    return MI_OK;
}

static mi_status score_all(const mi_cluster *c, const evaluation *v) {
    const int64_t *count = v->count;
    for (int32_t h = 0; h < c->encoder->heads; h++) {
        int32_t k = (int32_t)c->encoder->head[h].dense.width;
        mi_cluster_score *s = &v->score[h];
        *s = (mi_cluster_score){.classes = k, .loss = running_loss(c, h)};
        MI__TRY(mi_score_accuracy(c->encoder->ctx, k, v->classes, count, NULL, &s->accuracy));
        MI__TRY(mi_score_majority(k, v->classes, count, NULL, &s->majority));
        MI__TRY(mi_score_nmi(k, v->classes, count, MI_NMI_ARITHMETIC, &s->nmi));
        MI__TRY(mi_score_ari(k, v->classes, count, &s->ari));
        count += (int64_t)k * v->classes;
    }
    return MI_OK;
}

/* The caller's elements may be longer or shorter than ours. */
static void store_scores(const mi_cluster *c, const evaluation *v, mi_cluster_score *scores) {
    uint64_t size = scores->struct_size;
    for (int32_t h = 0; h < c->encoder->heads; h++)
        mi__report_store((char *)scores + (uint64_t)h * size, size, &v->score[h],
                         sizeof v->score[h]);
}

static mi_status check_dataset(const mi_cluster *c, const mi_dataset *dataset,
                               mi_dataset_shape *shape) {
    const mi__map *in = &c->encoder->in;
    *shape = (mi_dataset_shape){.struct_size = sizeof *shape};
    MI__TRY(mi_dataset_info(dataset, shape));
    if (shape->classes == 0)
        return mi__fail(MI_E_STATE, "the set has no labels to score with");
    if (in->h != in->w || shape->channels != in->c || shape->height < in->h)
        return mi__fail(MI_E_SHAPE,
                        "the set has images of %d x %d x %d, the encoder takes %" PRId64
                        " x %" PRId64 " x %" PRId64,
                        shape->height, shape->width, shape->channels, in->h, in->w, in->c);
    return MI_OK;
}

mi_status mi_cluster_evaluate(mi_cluster *c, const mi_dataset *dataset, mi_cluster_score *scores) {
    MI__NEED(c);
    MI__NEED(dataset);
    MI__NEED(scores);
    MI__TRY(mi__report_check(scores, sizeof *scores, sizeof *scores, "mi_cluster_score"));
    mi_dataset_shape shape;
    MI__TRY(check_dataset(c, dataset, &shape));
    mi_context *ctx = c->encoder->ctx;
    evaluation v = {.part = PART,
                    .numbers = mi_encoder_input(c->encoder, NULL, NULL, NULL),
                    .classes = shape.classes};
    for (int32_t h = 0; h < c->encoder->heads; h++)
        v.counts += c->encoder->head[h].dense.width * shape.classes;
    v.index = mi__alloc(ctx, v.part, sizeof *v.index);
    v.truth = mi__alloc(ctx, v.part, sizeof *v.truth);
    v.count = mi__alloc_zero(ctx, v.counts, sizeof *v.count);
    v.x = mi__alloc(ctx, v.part * v.numbers, sizeof *v.x);
    v.score = mi__alloc(ctx, c->encoder->heads, sizeof *v.score);
    mi_status status = MI_E_NOMEM;
    if (v.index != NULL && v.truth != NULL && v.count != NULL && v.x != NULL && v.score != NULL)
        status = count_all(c, dataset, shape.count, &v);
    if (status == MI_OK)
        status = score_all(c, &v);
    if (status == MI_OK)
        store_scores(c, &v, scores);
    mi__free(ctx, v.index, v.part, sizeof *v.index);
    mi__free(ctx, v.truth, v.part, sizeof *v.truth);
    mi__free(ctx, v.count, v.counts, sizeof *v.count);
    mi__free(ctx, v.x, v.part * v.numbers, sizeof *v.x);
    mi__free(ctx, v.score, c->encoder->heads, sizeof *v.score);
    return status;
}
