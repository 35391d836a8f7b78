/* SPDX-License-Identifier: BSD-2-Clause */
/* What a pass needs beside the parameters, in one piece of memory. */
#include "net.h"

#include <inttypes.h>

static size_t most_work(const mi_encoder *e, const mi__pass *pass) {
    size_t most = mi__heads_work(e, pass);
    for (int32_t i = 0; i < e->layers; i++)
        if (e->layer[i].type->work != NULL)
            most = MI__MAX(most, e->layer[i].type->work(&e->layer[i], pass));
    return most;
}

/* A place for a pointer; without a base the places are only counted. */
typedef struct layout {
    char *base;
    int64_t at, n;
    size_t real;
} layout;

static void place(layout *l, void **pointer, int64_t rows, int64_t numbers) {
    int64_t bytes = rows * numbers * (int64_t)l->real;
    if (l->base != NULL)
        *pointer = l->base + l->at;
    l->at += (bytes + 63) / 64 * 64;
}

/* Whether y[i] is looked at when the next layer is done with it. */
static bool is_kept(const mi_encoder *e, int32_t i) {
    bool kept = i == e->layers || i == e->last_map;
    for (int32_t t = 0; t < e->taps; t++)
        kept = kept || e->tap[t].at == i;
    for (int32_t l = i; l < e->layers; l++)
        kept = kept || (e->layer[l].type->branch_backward != NULL && e->layer[l].from == i);
    return kept;
}

/* In evaluation the output of a layer is done with when the next one is there. */
static void place_trunk(mi_encoder *e, layout *l, bool train) {
    int64_t most[2] = {0, 0};
    void *turn[2] = {NULL, NULL};
    for (int32_t i = 0; i < e->layers && !train; i++)
        if (!is_kept(e, i))
            most[i % 2] = MI__MAX(most[i % 2], mi__encoder_numbers(e, i));
    for (int i = 0; i < 2 && !train; i++)
        place(l, &turn[i], l->n, most[i]);
    for (int32_t i = 0; i <= e->layers; i++) {
        if (train || is_kept(e, i))
            place(l, &e->y[i], l->n, mi__encoder_numbers(e, i));
        else if (l->base != NULL)
            e->y[i] = turn[i % 2];
    }
    for (int32_t i = 0; i < e->layers && l->base != NULL; i++)
        e->layer[i].branch = e->y[e->layer[i].from];
    if (!train)
        return;
    place(l, &e->dfeatures, l->n, mi__encoder_numbers(e, e->layers));
    for (int32_t t = 0; t < e->taps; t++)
        place(l, &e->tap[t].dy, l->n, mi__encoder_numbers(e, e->tap[t].at));
}

/* Room for gradients of heads is there in evaluation, too: they may learn alone. */
static void place_heads(mi_encoder *e, layout *l) {
    int64_t classes = mi__heads_width(e), features = mi__encoder_numbers(e, e->layers);
    for (int32_t i = 0; i < e->heads; i++) {
        place(l, &e->head[i].y, l->n, e->head[i].dense.width);
        place(l, &e->head[i].dy, l->n, e->head[i].dense.width);
    }
    if (e->heads < 2)
        return;
    place(l, &e->bench.weight, features, classes);
    place(l, &e->bench.bias, 1, classes);
    place(l, &e->bench.logits, l->n, classes);
}

/* Bytes of a pass; with a base, all pointers too. */
static int64_t lay_out(mi_encoder *e, int64_t n, bool train, char *base) {
    mi__pass pass = e->pass;
    pass.n = n;
    layout l = {.base = base, .n = n, .real = pass.kernel->real};
    place_trunk(e, &l, train);
    place_heads(e, &l);
    if (base != NULL)
        e->pass.work = base + l.at;
    return l.at + (int64_t)most_work(e, &pass);
}

/* No sum over layers and workspaces overflows where this product, some hundred times as large as
 * the numbers of all layers, doesn't. */
static mi_status check_size(const mi_encoder *e, int64_t n) {
    int64_t numbers = 2 * mi__heads_width(e), bytes;
    for (int32_t i = 0; i <= e->layers; i++)
        numbers += mi__encoder_numbers(e, i);
    for (int32_t t = 0; t < e->taps; t++)
        numbers += mi__encoder_numbers(e, e->tap[t].at);
    if (!mi__multiply(n, numbers * 256 * (int64_t)e->pass.kernel->real, &bytes))
        return mi__fail(MI_E_SHAPE,
                        "a batch of %" PRId64 " images of %" PRId64
                        " numbers in all layers overflows",
                        n, numbers);
    return MI_OK;
}

mi_status mi__encoder_make_room(mi_encoder *e, int64_t n, bool train) {
    MI__TRY(check_size(e, n));
    int64_t bytes = lay_out(e, n, train, NULL);
    if (bytes > e->room_bytes) {
        mi__encoder_free_room(e);
        e->room = mi__alloc(e->ctx, bytes, 1);
        if (e->room == NULL)
            return MI_E_NOMEM;
        e->room_bytes = bytes;
    }
    lay_out(e, n, train, e->room);
    return MI_OK;
}

void mi__encoder_free_room(mi_encoder *e) {
    mi__free(e->ctx, e->room, e->room_bytes, 1);
    e->room = NULL;
    e->room_bytes = 0;
}

mi_status mi_encoder_memory(const mi_encoder *e, int32_t mode, int64_t n, int64_t *bytes) {
    MI__NEED(e);
    MI__NEED(bytes);
    MI__TRY(mi__check_pass(mode, n));
    MI__TRY(check_size(e, n));
    /* without a base nothing is written */
    int64_t sum = lay_out((mi_encoder *)e, n, mode == MI_MODE_TRAIN, NULL);
    for (int32_t i = 0; i < e->params; i++) {
        const mi__param *p = e->param[i];
        sum += p->count * (int64_t)e->pass.kernel->real * (p->grad != NULL ? 2 : 1);
    }
    *bytes = sum;
    return MI_OK;
}
