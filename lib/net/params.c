/* SPDX-License-Identifier: BSD-2-Clause */
/* What a host may ask of an encoder, read and write. */
#include "net.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int32_t mi_encoder_heads(const mi_encoder *e) {
    return e == NULL ? 0 : e->heads;
}

int64_t mi_encoder_width(const mi_encoder *e, int32_t head) {
    if (e == NULL || head < -1 - e->taps || head >= e->heads)
        return 0;
    if (head >= 0)
        return e->head[head].dense.width;
    return mi__encoder_numbers(e, head == -1 ? e->layers : e->tap[-2 - head].at);
}

int32_t mi_encoder_taps(const mi_encoder *e) {
    return e == NULL ? 0 : e->taps;
}

int64_t mi_encoder_tap(const mi_encoder *e, int32_t tap, int32_t *height, int32_t *width,
                       int32_t *channels) {
    if (e == NULL || tap < 0 || tap >= e->taps)
        return 0;
    const mi__map *map = mi__encoder_map(e, e->tap[tap].at);
    if (height != NULL)
        *height = (int32_t)map->h;
    if (width != NULL)
        *width = (int32_t)map->w;
    if (channels != NULL)
        *channels = (int32_t)map->c;
    return map->h * map->w * map->c;
}

int64_t mi_encoder_input(const mi_encoder *e, int32_t *height, int32_t *width, int32_t *channels) {
    if (e == NULL)
        return 0;
    if (height != NULL)
        *height = (int32_t)e->in.h;
    if (width != NULL)
        *width = (int32_t)e->in.w;
    if (channels != NULL)
        *channels = (int32_t)e->in.c;
    return e->in.h * e->in.w * e->in.c;
}

int32_t mi_encoder_params(const mi_encoder *e, int64_t *numbers) {
    if (e == NULL)
        return 0;
    int64_t sum = 0;
    for (int32_t i = 0; i < e->params; i++)
        if (e->param[i]->kind != MI_PARAM_STATE)
            sum += e->param[i]->count;
    if (numbers != NULL)
        *numbers = sum;
    return e->params;
}

int32_t mi__encoder_head_param(const mi_encoder *e, int32_t head) {
    int32_t param = 0;
    for (int32_t i = 0; i < e->layers; i++)
        param += e->layer[i].params;
    for (int32_t i = 0; i < head; i++)
        param += e->head[i].dense.params;
    return param;
}

static mi_status find(const mi_encoder *e, int32_t param, mi__param **out) {
    MI__NEED(e);
    if (param < 0 || param >= e->params)
        return mi__fail(MI_E_ARG, "param must be in 0 to %d, got %d", e->params - 1, param);
    *out = e->param[param];
    return MI_OK;
}

mi_status mi_encoder_param_info(const mi_encoder *e, int32_t param, mi_param_info *info) {
    mi__param *p = NULL;
    MI__TRY(find(e, param, &p));
    MI__NEED(info);
    MI__TRY(mi__report_check(info, sizeof *info, sizeof *info, "mi_param_info"));
    mi_param_info own = {.kind = p->kind, .dims = p->dims, .count = p->count};
    memcpy(own.name, p->name, sizeof own.name);
    memcpy(own.shape, p->shape, sizeof own.shape);
    mi__report_store(info, info->struct_size, &own, sizeof own);
    return MI_OK;
}

int32_t mi_encoder_param_find(const mi_encoder *e, const char *name) {
    if (e == NULL || name == NULL)
        return -1;
    for (int32_t i = 0; i < e->params; i++)
        if (strcmp(e->param[i]->name, name) == 0)
            return i;
    return -1;
}

mi_status mi_encoder_param_read(const mi_encoder *e, int32_t param, float *values) {
    mi__param *p = NULL;
    MI__TRY(find(e, param, &p));
    MI__NEED(values);
    mi__reals_to_float(e->pass.kernel->real, p->count, p->value, values);
    return MI_OK;
}

mi_status mi_encoder_param_write(mi_encoder *e, int32_t param, const float *values) {
    mi__param *p = NULL;
    MI__TRY(find(e, param, &p));
    MI__NEED(values);
    int64_t bad = mi__find_not_finite(&e->pass, p->count, values);
    if (bad >= 0)
        return mi__fail(MI_E_NUMERIC, "%s: value %" PRId64 " is %g", p->name, bad,
                        (double)values[bad]);
    mi__reals_from_float(e->pass.kernel->real, p->count, values, p->value);
    return MI_OK;
}

static mi_status find_grad(const mi_encoder *e, int32_t param, mi__param **out) {
    MI__TRY(find(e, param, out));
    if ((*out)->kind == MI_PARAM_STATE)
        return mi__fail(MI_E_ARG, "%s is not learnt and has no gradient", (*out)->name);
    if (!e->backward_done)
        return mi__fail(MI_E_STATE, "the encoder needs a backward pass before this");
    return MI_OK;
}

mi_status mi_encoder_grad_read(const mi_encoder *e, int32_t param, float *values) {
    mi__param *p = NULL;
    MI__TRY(find_grad(e, param, &p));
    MI__NEED(values);
    mi__reals_to_float(e->pass.kernel->real, p->count, p->grad, values);
    return MI_OK;
}

mi_status mi_encoder_grad_write(mi_encoder *e, int32_t param, const float *values) {
    mi__param *p = NULL;
    MI__TRY(find_grad(e, param, &p));
    MI__NEED(values);
    mi__reals_from_float(e->pass.kernel->real, p->count, values, p->grad);
    return MI_OK;
}

/* -- summary ---------------------------------------------------------------------------------- */

typedef struct writer {
    char *text;
    size_t size, length;
} writer;

static void put(writer *w, const char *format, ...) MI__PRINTF(2, 3);

static void put(writer *w, const char *format, ...) {
    size_t room = w->length < w->size ? w->size - w->length : 0;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(room > 0 ? w->text + w->length : NULL, room, format, args);
    va_end(args);
    w->length += n > 0 ? (size_t)n : 0;
}

static void put_layer(writer *w, const char *part, int32_t number, const mi__layer *l,
                      const char *activation) {
    char name[64], shape[64];
    snprintf(name, sizeof name, "%s%s", l->type->name, activation);
    snprintf(shape, sizeof shape, "%" PRId64 " x %" PRId64 " x %" PRId64, l->out.h, l->out.w,
             l->out.c);
    int64_t numbers = 0;
    for (int32_t i = 0; i < l->params; i++)
        if (l->param[i].kind != MI_PARAM_STATE)
            numbers += l->param[i].count;
    put(w, "%-6s%3d  %-18s %18s %12" PRId64 "\n", part, number, name, shape, numbers);
}

size_t mi_encoder_summary(const mi_encoder *e, char *text, size_t size) {
    if (size > 0 && text != NULL)
        text[0] = '\0';
    if (e == NULL)
        return 0;
    writer w = {text, text != NULL ? size : 0, 0};
    int64_t numbers;
    mi_encoder_params(e, &numbers);
    put(&w, "%-6s%3s  %-18s %7" PRId64 " x %" PRId64 " x %" PRId64 "\n", "input", "", "", e->in.h,
        e->in.w, e->in.c);
    char more[24];
    for (int32_t i = 0; i < e->layers; i++) {
        const mi__layer *l = &e->layer[i];
        bool folded = l->type == &mi__layer_bn && l->slope != 1;
        snprintf(more, sizeof more, "%s%s",
                 !folded         ? ""
                 : l->slope == 0 ? ", relu"
                                 : ", leaky",
                 l->pool ? ", maxpool" : "");
        put_layer(&w, "trunk", l->number, l, more);
        for (int32_t t = 0; t < e->taps; t++)
            if (e->tap[t].at == i + 1)
                put(&w, "%-6s%3d\n", "tap", t);
    }
    for (int32_t i = 0; i < e->heads; i++)
        put_layer(&w, "head", i, &e->head[i].dense, e->head[i].softmax ? ", softmax" : "");
    put(&w, "%" PRId64 " parameters\n", numbers);
    return w.length;
}
