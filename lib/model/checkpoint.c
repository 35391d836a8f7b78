/* SPDX-License-Identifier: BSD-2-Clause */
/* All that a run needs to go on as if it had never stopped. */
#include "model.h"

#include "../net/weights.h"
#include "checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STEPS, RESTARTS, PLACE, OPTIMIZER = PLACE + MI__PLACE_NUMBERS, NUMBERS };

/* The tensors of a checkpoint: the encoder's, two moments of each, and three more, the numbers
 * last. */
typedef struct checkpoint {
    int32_t count, room;
    mi__tensor *tensor;
    char (*name)[96]; /* of the moments */
    int64_t number[NUMBERS];
} checkpoint;

static void add(checkpoint *p, const char *name, int32_t dtype, int32_t dims, int64_t s0,
                int64_t s1, const void *data) {
    p->tensor[p->count++] =
        (mi__tensor){.name = name, .dtype = dtype, .dims = dims, .shape = {s0, s1}, .data = data};
}

static void add_moment(checkpoint *p, const char *moment, const mi__param *param,
                       const float *data) {
    if (data == NULL)
        return;
    char *name = p->name[p->count];
    snprintf(name, sizeof p->name[0], "optimizer.%s.%s", moment, param->name);
    mi__tensor *t = &p->tensor[p->count++];
    *t = (mi__tensor){.name = name, .dtype = MI__F32, .dims = param->dims, .data = data};
    memcpy(t->shape, param->shape, sizeof param->shape);
}

static void fill(checkpoint *p, const mi_cluster *c) {
    const mi_encoder *e = c->encoder;
    const mi_optimizer *o = c->optimizer;
    mi__encoder_tensors(e, p->tensor);
    p->count = e->params;
    for (int32_t i = 0; o != NULL && i < e->params; i++) {
        add_moment(p, "first", e->param[i], o->first[i]);
        add_moment(p, "second", e->param[i], o->second[i]);
    }
    if (o != NULL)
        add(p, "optimizer.age", MI__I64, 1, e->params, 0, o->age);
    add(p, "cluster.running", MI__F64, 2, e->heads, 2, c->running);
    add(p, "cluster.numbers", MI__I64, 1, NUMBERS, 0, p->number);
}

static void release(checkpoint *p, mi_context *ctx) {
    mi__free(ctx, p->tensor, p->room, sizeof *p->tensor);
    mi__free(ctx, p->name, p->room, sizeof *p->name);
}

static mi_status prepare(checkpoint *p, const mi_cluster *c) {
    mi_context *ctx = c->encoder->ctx;
    p->room = 3 * c->encoder->params + 3;
    p->tensor = mi__alloc(ctx, p->room, sizeof *p->tensor);
    p->name = mi__alloc(ctx, p->room, sizeof *p->name);
    if (p->tensor == NULL || p->name == NULL) {
        release(p, ctx);
        return MI_E_NOMEM;
    }
    fill(p, c);
    return MI_OK;
}

mi_status mi_cluster_save(const mi_cluster *c, const mi_pairs *pairs, const char *path) {
    MI__NEED(c);
    MI__NEED(path);
    checkpoint p = {0};
    MI__TRY(prepare(&p, c));
    p.number[STEPS] = mi_optimizer_steps(c->optimizer);
    p.number[RESTARTS] = c->restarts;
    p.number[OPTIMIZER] = c->optimizer != NULL ? c->optimizer->options.kind : 0;
    mi_status status = MI_OK;
    if (pairs != NULL)
        status = mi__place_describe(pairs, &p.number[PLACE]);
    if (status == MI_OK)
        status = mi__tensors_save(c->encoder, path, p.count, p.tensor);
    release(&p, c->encoder->ctx);
    return status;
}

typedef struct receiver {
    const mi_cluster *cluster;
    mi_pairs *pairs;
} receiver;

/* The pairs move last: nothing can fail after them. */
static mi_status accept(void *arg, const char *path, int32_t count, const mi__tensor *read) {
    const receiver *to = arg;
    const mi_optimizer *o = to->cluster->optimizer;
    const int64_t *number = read[count - 1].data;
    for (int32_t i = 0; i < count; i++)
        if (read[i].dtype == MI__I64)
            MI__TRY(mi__check_counts(path, &read[i], -1));
    if (o != NULL && number[OPTIMIZER] != o->options.kind)
        return mi__fail(MI_E_FORMAT,
                        "%s: was made with an optimizer of kind %" PRId64
                        ", this one is of kind %d",
                        path, number[OPTIMIZER], o->options.kind);
    return mi__place_seek(path, to->pairs, &number[PLACE]);
}

mi_status mi_cluster_restore(mi_cluster *c, mi_pairs *pairs, const char *path) {
    MI__NEED(c);
    MI__NEED(path);
    checkpoint p = {0};
    MI__TRY(prepare(&p, c));
    receiver to = {c, pairs};
    mi_status status = mi__tensors_load(c->encoder, path, p.count, p.tensor, accept, &to);
    release(&p, c->encoder->ctx);
    MI__TRY(status);
    if (c->optimizer != NULL)
        c->optimizer->steps = p.number[STEPS];
    c->restarts = p.number[RESTARTS];
    return MI_OK;
}
