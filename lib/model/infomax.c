/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a Deep InfoMax: an encoder, the terms that its options ask for, and what the trained
 * encoder says. */
#include "infomax.h"

#include "checks.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PART 256                            /* images that encode takes at once */
#define SPREAD UINT64_C(0x9E3779B97F4A7C15) /* between the seeds of networks */

/* -- learners --------------------------------------------------------------------------------- */

static mi_status add_one(void *arg, const char *name, const mi__learner *l) {
    (void)name;
    (void)l;
    ++*(int32_t *)arg;
    return MI_OK;
}

mi_status mi__learner_create(const mi_infomax *m, const char *text, const mi__map *in,
                             mi__learner *out) {
    int32_t number = 0;
    (void)mi__infomax_each(m, add_one, &number);
    const mi_encoder_options o = {.struct_size = sizeof o,
                                  .seed = m->options.seed + (uint64_t)number * SPREAD,
                                  .height = (int32_t)in->h,
                                  .width = (int32_t)in->w,
                                  .channels = (int32_t)in->c};
    MI__TRY(mi__encoder_create(m->ctx, text, &o, m->k, &out->net));
    if (m->optimizer == NULL)
        return MI_OK;
    mi_optimizer_options as = m->optimizer->options;
    as.struct_size = sizeof as; /* 0 where the encoder's has all defaults */
    return mi_optimizer_create(out->net, &as, &out->optimizer);
}

void mi__learner_destroy(mi__learner *l) {
    mi_optimizer_destroy(l->optimizer);
    mi_encoder_destroy(l->net);
}

mi_status mi__learner_forward(mi__learner *l, int64_t n, const void *x) {
    mi_encoder *e = l->net;
    MI__TRY(mi__encoder_begin(e, n, true));
    mi__copy_numbers(&e->pass, n * mi__encoder_numbers(e, 0), x, e->y[0]);
    mi__encoder_run(e);
    return MI_OK;
}

void mi__learner_backward(mi__learner *l, void *dx) {
    mi_encoder *e = l->net;
    mi__encoder_run_backward(e, NULL, true, true);
    mi__add_numbers(&e->pass, e->pass.n * mi__encoder_numbers(e, 0), e->y[0], dx);
}

mi_status mi__infomax_each(const mi_infomax *m, mi__infomax_use *use, void *arg) {
    static const char *const names[MI__SIDES] = {"u", "v", "pair"};
    char name[32];
    for (int32_t t = 0; t < MI__MOST_TERMS; t++)
        for (int i = 0; i < MI__SIDES; i++) {
            if (m->term[t].side[i].net == NULL)
                continue;
            /* at most within.3.pair */
            size_t length = strlen(m->term[t].name);
            memcpy(name, m->term[t].name, length);
            name[length++] = '.';
            name[length++] = (char)('0' + m->term[t].tap);
            name[length++] = '.';
            memcpy(name + length, names[i], strlen(names[i]) + 1);
            MI__TRY(use(arg, name, &m->term[t].side[i]));
        }
    if (m->discriminator.net != NULL)
        MI__TRY(use(arg, "discriminator", &m->discriminator));
    const mi__learner own = {m->encoder, m->optimizer};
    return use(arg, "encoder", &own);
}

/* -- life ------------------------------------------------------------------------------------- */

static mi_status check_weight(const char *name, double value) {
    if (!(value >= 0) || !isfinite(value))
        return mi__fail(MI_E_ARG, "%s must be 0 or more, got %g", name, value);
    return MI_OK;
}

static mi_status check_options(const mi_infomax_options *o) {
    MI__TRY(check_weight("alpha", o->alpha));
    MI__TRY(check_weight("beta", o->beta));
    MI__TRY(check_weight("gamma", o->gamma));
    MI__TRY(check_weight("delta", o->delta));
    MI__TRY(mi__check_range("global_critic", o->global_critic, MI_INFOMAX_DOT, MI_INFOMAX_CONCAT));
    MI__TRY(mi__check_range("local_critic", o->local_critic, MI_INFOMAX_DOT, MI_INFOMAX_CONCAT));
    MI__TRY(
        mi__check_range("global_of", o->global_of, MI_INFOMAX_GLOBAL_MAP, MI_INFOMAX_GLOBAL_CODE));
    MI__TRY(mi__check_range("prior", o->prior, MI_INFOMAX_PRIOR_NONE, MI_INFOMAX_PRIOR_NORMAL));
    MI__TRY(mi__check_range("units", o->units, 1, MI__MOST_WIDTH));
    MI__TRY(mi__check_range("embed", o->embed, 1, MI__MOST_WIDTH));
    MI__TRY(mi__check_range("layers", o->layers, 1, 16));
    MI__TRY(mi__check_range("negatives", o->negatives, -1, INT32_MAX));
    MI__TRY(mi__check_range("shuffle", o->shuffle, 0, 1));
    MI__TRY(mi__check_range("reserved0", o->reserved0, 0, 0));
    if (!(o->temperature > 0) || !isfinite(o->temperature))
        return mi__fail(MI_E_ARG, "temperature must be above 0, got %g", o->temperature);
    return MI_OK;
}

static mi_status load_options(mi_infomax *m, const mi_infomax_options *theirs) {
    mi_infomax_options *o = &m->options;
    MI__TRY(mi__options_load(o, sizeof *o, sizeof *o, theirs, "mi_infomax_options"));
    if (o->alpha == 0 && o->beta == 0 && o->gamma == 0 && o->delta == 0) {
        o->alpha = 0.5;
        o->beta = 1.5;
        o->gamma = 0.01;
    }
    const int32_t prior = m->encoder->heads == 2 ? MI_INFOMAX_PRIOR_KL : MI_INFOMAX_PRIOR_NONE;
    o->seed = o->seed != 0 ? o->seed : m->ctx->options.seed;
    o->global_critic = o->global_critic != 0 ? o->global_critic : MI_INFOMAX_CONCAT;
    o->local_critic = o->local_critic != 0 ? o->local_critic : MI_INFOMAX_DOT;
    o->global_of = o->global_of != 0 ? o->global_of : MI_INFOMAX_GLOBAL_MAP;
    o->prior = o->prior != 0 ? o->prior : prior;
    o->units = o->units != 0 ? o->units : 512;
    o->embed = o->embed != 0 ? o->embed : o->units;
    o->layers = o->layers != 0 ? o->layers : 2;
    o->temperature = o->temperature != 0 ? o->temperature : 0.1;
    return check_options(o);
}

static mi_status check_heads(const mi_infomax *m) {
    const mi_encoder *e = m->encoder;
    const mi__head *h = e->head;
    if (e->heads < 1 || e->heads > 2 || h[0].softmax ||
        (e->heads == 2 && (h[1].softmax || h[1].dense.width != h[0].dense.width)))
        return mi__fail(MI_E_ARG,
                        "Deep InfoMax needs an encoder with one linear head, or two of the same "
                        "size, such as \"infomax | linear 64\", got \"%.80s\"",
                        e->description);
    if ((m->options.prior == MI_INFOMAX_PRIOR_KL) != (e->heads == 2))
        return mi__fail(MI_E_ARG,
                        "the prior is %" PRId32
                        " (an mi_infomax_prior), and the encoder has %" PRId32
                        " heads: two are for MI_INFOMAX_PRIOR_KL, one for all others",
                        m->options.prior, e->heads);
    return MI_OK;
}

static mi_status add_term(mi_infomax *m, const char *name, int32_t of, int32_t tap, int32_t critic,
                          const char *bound, double weight) {
    const mi_encoder *e = m->encoder;
    mi__term *t = &m->term[m->terms];
    if (!(weight > 0))
        return MI_OK;
    if (of != MI__OF_CODE && tap >= e->taps)
        return mi__fail(MI_E_ARG,
                        "the term %s looks at a map: the encoder's description needs a \"tap\", "
                        "got \"%.80s\"",
                        name, e->description);
    const int64_t code = e->head[0].dense.width;
    const mi__map *map = of == MI__OF_CODE ? NULL : mi__encoder_map(e, e->tap[tap].at);
    *t = (mi__term){.name = name, .of = of, .tap = tap, .critic = critic, .weight = weight};
    t->u_width = of == MI__OF_PLACE ? map->c : code;
    t->v_map =
        (mi__map){1, 1, 1, of == MI__OF_CODE ? code : mi__encoder_numbers(e, e->tap[tap].at)};
    if (of == MI__OF_PLACES || of == MI__OF_PLACE)
        t->v_map = *map;
    m->terms++;
    MI__TRY(mi_bound_create(m->ctx, bound != NULL ? bound : "jsd", &t->bound));
    return mi__term_build(m, t);
}

/* The whole objective, term by term. */
static mi_status build(mi_infomax *m) {
    const mi_infomax_options *o = &m->options;
    const int32_t taps = m->encoder->taps;
    MI__TRY(check_heads(m));
    MI__TRY(add_term(m, "global", o->global_of == MI_INFOMAX_GLOBAL_MAP ? MI__OF_MAP : MI__OF_CODE,
                     0, o->global_critic, o->global_bound, o->alpha));
    for (int32_t t = 0; t < MI__MAX(taps, 1); t++)
        MI__TRY(add_term(m, "local", MI__OF_PLACES, t, o->local_critic, o->local_bound,
                         o->beta / MI__MAX(taps, 1)));
    MI__TRY(add_term(m, "within", MI__OF_PLACE, 0, MI_INFOMAX_DOT, o->within_bound, o->delta));
    if (o->prior >= MI_INFOMAX_PRIOR_UNIFORM && o->gamma > 0)
        MI__TRY(mi__prior_build(m, o->discriminator != NULL ? o->discriminator
                                                            : "dense 1000, relu, dense 200, relu"));
    return MI_OK;
}

mi_status mi_infomax_create(mi_encoder *encoder, mi_optimizer *optimizer,
                            const mi_infomax_options *options, mi_infomax **out) {
    MI__NEED(encoder);
    MI__NEED(out);
    if (optimizer != NULL && optimizer->encoder != encoder)
        return mi__fail(MI_E_ARG, "the optimizer was made for another encoder");
    mi_infomax *m = mi__alloc_zero(encoder->ctx, 1, sizeof *m);
    if (m == NULL)
        return MI_E_NOMEM;
    m->encoder = mi__encoder_take(encoder);
    m->optimizer = optimizer != NULL ? mi__optimizer_take(optimizer) : NULL;
    m->ctx = encoder->ctx;
    m->k = encoder->pass.kernel;
    mi_status status = load_options(m, options);
    if (status == MI_OK)
        status = build(m);
    m->options.global_bound = m->options.local_bound = m->options.within_bound = NULL;
    m->options.discriminator = NULL;
    if (status != MI_OK) {
        mi_infomax_destroy(m);
        return status;
    }
    *out = m;
    return MI_OK;
}

void mi_infomax_destroy(mi_infomax *m) {
    if (m == NULL)
        return;
    mi_encoder *e = m->encoder;
    for (int32_t t = 0; t < m->terms; t++)
        mi__term_destroy(&m->term[t]);
    mi__learner_destroy(&m->discriminator);
    mi__free(m->ctx, m->room, m->room_bytes, 1);
    mi_optimizer_destroy(m->optimizer);
    mi__free(m->ctx, m, 1, sizeof *m);
    mi_encoder_destroy(e);
}

/* -- use -------------------------------------------------------------------------------------- */

mi_status mi_infomax_widths(const mi_infomax *m, int64_t *conv, int64_t *fc, int64_t *code) {
    MI__NEED(m);
    if (conv != NULL)
        *conv = mi__encoder_numbers(m->encoder, m->encoder->last_map);
    if (fc != NULL)
        *fc = mi__encoder_numbers(m->encoder, m->encoder->layers);
    if (code != NULL)
        *code = m->encoder->head[0].dense.width;
    return MI_OK;
}

static void copy_level(const mi_encoder *e, int64_t first, int64_t count, int64_t width,
                       const void *from, float *to) {
    if (to != NULL)
        mi__reals_to_float(e->pass.kernel->real, count * width, from, to + first * width);
}

mi_status mi_infomax_encode(mi_infomax *m, int64_t n, const float *x, float *conv, float *fc,
                            float *code) {
    MI__NEED(m);
    if (n < 0)
        return mi__fail(MI_E_ARG, "n must not be negative, got %" PRId64, n);
    if (n > 0)
        MI__NEED(x);
    mi_encoder *e = m->encoder;
    int64_t w_conv, w_fc, w_code, all;
    MI__TRY(mi_infomax_widths(m, &w_conv, &w_fc, &w_code));
    const int64_t numbers = mi__encoder_numbers(e, 0);
    if (!mi__multiply(n, numbers, &all))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " images overflow", n);
    for (int64_t i = 0, count; i < n; i += count) {
        count = MI__MIN(n - i, PART);
        MI__TRY(mi__encoder_begin(e, count, false));
        MI__TRY(mi__encoder_put(e, 0, count, x + i * numbers));
        mi__encoder_run(e);
        copy_level(e, i, count, w_conv, e->y[e->last_map], conv);
        copy_level(e, i, count, w_fc, MI__FEATURES(e), fc);
        copy_level(e, i, count, w_code, e->head[0].y, code);
    }
    return MI_OK;
}
