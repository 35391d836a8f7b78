/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of an encoder: from a plan to layers with memory, and back. */
#include "net.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

mi__param *mi__layer_param(mi__layer *layer, const char *name, int32_t kind, int64_t s0, int64_t s1,
                           int64_t s2, int64_t s3) {
    mi__param *p = &layer->param[layer->params++];
    *p = (mi__param){.kind = kind, .shape = {s0, s1, s2, s3}, .count = 1};
    snprintf(p->name, sizeof p->name, "%s", name);
    for (p->dims = 0; p->dims < 4 && p->shape[p->dims] > 0; p->dims++)
        if (!mi__multiply(p->count, p->shape[p->dims], &p->count))
            p->count = INT64_MAX; /* the allocation will fail and say so */
    if (p->dims == 4) {
        p->fan_in = s0 * s1 * s2;
        p->fan_out = s0 * s1 * s3;
    } else if (p->dims == 2) {
        p->fan_in = s0;
        p->fan_out = s1;
    }
    return p;
}

static mi_status check_options(const mi_encoder_options *o) {
    if (o->height < 1 || o->height > 4096 || o->width < 1 || o->width > 4096)
        return mi__fail(MI_E_ARG, "height and width must be in 1 to 4096, got %d x %d", o->height,
                        o->width);
    if (o->channels < 1 || o->channels > 65536)
        return mi__fail(MI_E_ARG, "channels must be in 1 to 65536, got %d", o->channels);
    if (o->trunk_init < 0 || o->trunk_init > MI_INIT_NORMAL || o->head_init < 0 ||
        o->head_init > MI_INIT_NORMAL)
        return mi__fail(MI_E_ARG, "trunk_init and head_init must be an mi_init, got %d and %d",
                        o->trunk_init, o->head_init);
    if (o->precision != MI_PRECISION_FLOAT32 && o->precision != MI_PRECISION_BFLOAT16)
        return mi__fail(MI_E_ARG, "precision must be an mi_precision, got %d", o->precision);
    if (!(o->init_scale > 0) || !isfinite(o->init_scale))
        return mi__fail(MI_E_ARG, "init_scale must be above 0, got %g", o->init_scale);
    if (!(o->bn_momentum > 0 && o->bn_momentum <= 1))
        return mi__fail(MI_E_ARG, "bn_momentum must be in 0 to 1, got %g", o->bn_momentum);
    if (!(o->bn_epsilon > 0) || !isfinite(o->bn_epsilon))
        return mi__fail(MI_E_ARG, "bn_epsilon must be above 0, got %g", o->bn_epsilon);
    return MI_OK;
}

static mi_status load_options(mi_encoder *e, const mi_encoder_options *options) {
    mi_encoder_options *o = &e->options;
    MI__TRY(mi__options_load(o, sizeof *o, sizeof *o, options, "mi_encoder_options"));
    o->seed = o->seed != 0 ? o->seed : e->ctx->options.seed;
    o->height = o->height != 0 ? o->height : 24;
    o->width = o->width != 0 ? o->width : o->height;
    o->channels = o->channels != 0 ? o->channels : 1;
    o->trunk_init = o->trunk_init != 0 ? o->trunk_init : MI_INIT_HE_NORMAL;
    o->head_init = o->head_init != 0 ? o->head_init : MI_INIT_NORMAL;
    o->init_scale = o->init_scale != 0 ? o->init_scale : 0.01;
    o->bn_momentum = o->bn_momentum != 0 ? o->bn_momentum : 0.1;
    o->bn_epsilon = o->bn_epsilon != 0 ? o->bn_epsilon : 1e-5;
    return check_options(o);
}

static bool is_pool(const mi__layer *l) {
    return l->type == &mi__layer_maxpool || l->type == &mi__layer_avgpool;
}

/* Lets a layer do some of its successor's work on the way. True: all of it, so that the successor
 * goes. */
static bool join(mi__layer *before, mi__layer *l) {
    if (before == NULL || before->kept)
        return false;
    if (before->type == &mi__layer_conv && l->type == &mi__layer_bn) {
        before->norm = l;
        l->has_moments = true;
    }
    if (before->type != &mi__layer_bn || l->type != &mi__layer_maxpool || before->pool)
        return false;
    before->pool = true;
    before->out = l->out;
    *l = (mi__layer){0};
    return true;
}

const mi__map *mi__encoder_map(const mi_encoder *e, int32_t i) {
    return i == 0 ? &e->in : &e->layer[i - 1].out;
}

int64_t mi__encoder_numbers(const mi_encoder *e, int32_t i) {
    const mi__map *map = mi__encoder_map(e, i);
    return map->h * map->w * map->c;
}

static void find_last_map(mi_encoder *e) {
    for (int32_t i = 1; i <= e->layers; i++)
        if (mi__encoder_map(e, i)->h * mi__encoder_map(e, i)->w > 1)
            e->last_map = i;
}

/* Shapes down the chain; then every layer has its parameters' shapes, but no memory yet. */
static mi_status plan_trunk(mi_encoder *e, const mi__plan *plan) {
    int32_t place[MI__MOST_LAYERS + 1]; /* of what comes out of the plan's first layers */
    e->layer_room = plan->layers;
    e->layer = mi__alloc_zero(e->ctx, e->layer_room, sizeof *e->layer);
    if (e->layer == NULL)
        return MI_E_NOMEM;
    place[0] = 0;
    for (int32_t i = 0; i < plan->layers; i++) {
        const mi__map map = *mi__encoder_map(e, e->layers);
        place[i + 1] = e->layers;
        if (i < plan->preset_layers && is_pool(&plan->layer[i]) && (map.h < 2 || map.w < 2))
            continue;
        mi__layer *l = &e->layer[e->layers];
        *l = plan->layer[i];
        l->in = map;
        l->from = place[l->from];
        l->branch_map = *mi__encoder_map(e, l->from);
        MI__TRY(l->type->plan(l));
        if (!join(e->layers > 0 ? l - 1 : NULL, l))
            e->layers++;
        place[i + 1] = e->layers;
    }
    for (e->taps = 0; e->taps < plan->taps; e->taps++)
        e->tap[e->taps].at = place[plan->tap[e->taps]];
    find_last_map(e);
    return MI_OK;
}

static mi_status plan_heads(mi_encoder *e, const mi__plan *plan) {
    e->head_room = plan->heads;
    e->head = mi__alloc_zero(e->ctx, e->head_room, sizeof *e->head);
    if (e->head == NULL)
        return MI_E_NOMEM;
    for (e->heads = 0; e->heads < plan->heads; e->heads++) {
        mi__head *h = &e->head[e->heads];
        h->softmax = plan->head[e->heads].softmax;
        h->dense = (mi__layer){.type = &mi__layer_dense, .width = plan->head[e->heads].classes};
        h->dense.in = e->layer[e->layers - 1].out;
        MI__TRY(h->dense.type->plan(&h->dense));
    }
    return MI_OK;
}

static mi_status give_memory(mi_encoder *e, mi__layer *l, const char *part, int32_t number) {
    size_t real = e->pass.kernel->real;
    for (int32_t i = 0; i < l->params; i++) {
        mi__param *p = &l->param[i];
        char name[sizeof p->name];
        snprintf(name, sizeof name, "%s.%d.%.32s", part, number, p->name);
        memcpy(p->name, name, sizeof name);
        p->value = mi__alloc_zero(e->ctx, p->count, real);
        if (p->kind != MI_PARAM_STATE)
            p->grad = mi__alloc_zero(e->ctx, p->count, real);
        if (p->value == NULL || (p->kind != MI_PARAM_STATE && p->grad == NULL))
            return MI_E_NOMEM;
        e->param[e->params++] = p;
    }
    if (l->type->saved != NULL &&
        (l->saved = mi__alloc_zero(e->ctx, l->type->saved(l), real)) == NULL)
        return MI_E_NOMEM;
    return MI_OK;
}

static int64_t most_params(const mi_encoder *e) {
    return ((int64_t)e->layers + e->heads) * MI__LAYER_PARAMS;
}

static mi_status build(mi_encoder *e, const mi__plan *plan) {
    MI__TRY(plan_trunk(e, plan));
    MI__TRY(plan_heads(e, plan));
    e->param = mi__alloc_zero(e->ctx, most_params(e), sizeof *e->param);
    e->y = mi__alloc_zero(e->ctx, e->layers + 1, sizeof *e->y);
    if (e->param == NULL || e->y == NULL)
        return MI_E_NOMEM;
    for (int32_t i = 0; i < e->layers; i++)
        MI__TRY(give_memory(e, &e->layer[i], "trunk", e->layer[i].number));
    for (int32_t i = 0; i < e->heads; i++)
        MI__TRY(give_memory(e, &e->head[i].dense, "head", i));
    mi__encoder_draw(e);
    return MI_OK;
}

mi_status mi__encoder_create(mi_context *context, const char *description,
                             const mi_encoder_options *options, const mi__kernels *kernel,
                             mi_encoder **out) {
    MI__NEED(description);
    MI__NEED(out);
    mi_context *ctx;
    MI__TRY(mi__context_take(context, &ctx));
    mi_encoder *e = mi__alloc_zero(ctx, 1, sizeof *e);
    if (e == NULL) {
        mi_context_destroy(ctx);
        return MI_E_NOMEM;
    }
    atomic_init(&e->references, 1);
    e->ctx = ctx;
    mi__plan *plan = mi__alloc_zero(ctx, 1, sizeof *plan);
    mi_status status = plan == NULL ? MI_E_NOMEM : load_options(e, options);
    if (status == MI_OK && e->options.precision == MI_PRECISION_BFLOAT16 &&
        !mi__kernels_half(kernel))
        status = mi__fail(MI_E_UNSUPPORTED,
                          "MI_PRECISION_BFLOAT16 needs a processor with AVX512_BF16 and the avx512 "
                          "kernels; the %s kernels are in use",
                          kernel->name);
    if (status == MI_OK)
        status = mi__parse(description, plan);
    if (status == MI_OK) {
        e->in = (mi__map){1, e->options.height, e->options.width, e->options.channels};
        e->pass = (mi__pass){.ctx = ctx,
                             .kernel = kernel,
                             .half = e->options.precision == MI_PRECISION_BFLOAT16,
                             .bn_momentum = e->options.bn_momentum,
                             .bn_epsilon = e->options.bn_epsilon};
        e->description_size = (int64_t)strlen(description) + 1;
        e->description = mi__alloc(ctx, e->description_size, 1);
        status = e->description == NULL ? MI_E_NOMEM : build(e, plan);
        if (e->description != NULL)
            memcpy(e->description, description, (size_t)e->description_size);
    }
    mi__free(ctx, plan, 1, sizeof *plan);
    if (status != MI_OK) {
        mi_encoder_destroy(e);
        return status;
    }
    *out = e;
    return MI_OK;
}

/* Once a context: nothing that an encoder does by itself is slower for it. */
static void tell_of_the_blas(mi_context *ctx) {
    const char *core = mi__blas_mistake();
    if (core != NULL && !atomic_exchange(&ctx->blas_told, true))
        mi__log(ctx, MI_LOG_INFO,
                "OpenBLAS takes this processor for %s and multiplies at about half its speed; "
                "OPENBLAS_CORETYPE=SKYLAKEX helps, float32 products of libmi don't need it",
                core);
}

mi_status mi_encoder_create(mi_context *context, const char *description,
                            const mi_encoder_options *options, mi_encoder **out) {
    const mi__kernels *kernel = mi__kernels_select();
    MI__TRY(mi__encoder_create(context, description, options, kernel, out));
    const char *wanted = getenv("LIBMI_CPU");
    tell_of_the_blas((*out)->ctx);
    if (wanted != NULL && strcmp(wanted, kernel->name) != 0)
        mi__log((*out)->ctx, MI_LOG_WARNING, "there are no kernels \"%.32s\" here, %s are used",
                wanted, kernel->name);
    else
        mi__log((*out)->ctx, MI_LOG_INFO, "an encoder with %s kernels was made", kernel->name);
    return MI_OK;
}

mi_encoder *mi__encoder_take(mi_encoder *encoder) {
    atomic_fetch_add(&encoder->references, 1);
    return encoder;
}

static void free_layer(mi_encoder *e, mi__layer *l) {
    for (int32_t i = 0; i < l->params; i++) {
        mi__free(e->ctx, l->param[i].value, l->param[i].count, e->pass.kernel->real);
        mi__free(e->ctx, l->param[i].grad, l->param[i].count, e->pass.kernel->real);
    }
    if (l->type->saved != NULL)
        mi__free(e->ctx, l->saved, l->type->saved(l), e->pass.kernel->real);
}

void mi_encoder_destroy(mi_encoder *e) {
    if (e == NULL || atomic_fetch_sub(&e->references, 1) > 1)
        return;
    mi__encoder_free_room(e);
    for (int32_t i = 0; i < e->layers; i++)
        free_layer(e, &e->layer[i]);
    for (int32_t i = 0; i < e->heads; i++)
        free_layer(e, &e->head[i].dense);
    mi__free(e->ctx, e->param, most_params(e), sizeof *e->param);
    mi__free(e->ctx, e->y, e->layers + 1, sizeof *e->y);
    mi__free(e->ctx, e->layer, e->layer_room, sizeof *e->layer);
    mi__free(e->ctx, e->head, e->head_room, sizeof *e->head);
    mi__free(e->ctx, e->description, e->description_size, 1);
    mi_context *ctx = e->ctx;
    mi__free(ctx, e, 1, sizeof *e);
    mi_context_destroy(ctx);
}
