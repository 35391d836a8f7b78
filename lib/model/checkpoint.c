/* SPDX-License-Identifier: BSD-2-Clause */
/* All that a run needs to go on as if it had never stopped. */
#include "model.h"

#include "../net/weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STEPS, RESTARTS, POSITION, NUMBERS };

#define MOST ((int64_t)1 << 62) /* of anything counted, so that counting on can't overflow */

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
    p.number[POSITION] = pairs != NULL ? mi_pairs_position(pairs) : 0;
    mi_status status = mi__tensors_save(c->encoder, path, p.count, p.tensor);
    release(&p, c->encoder->ctx);
    return status;
}

static mi_status check_counts(const char *path, const mi__tensor *t) {
    const int64_t *count = t->data;
    for (int64_t i = 0; i < t->shape[0]; i++)
        if (count[i] < 0 || count[i] > MOST)
            return mi__fail(MI_E_FORMAT,
                            "%s: %s[%" PRId64 "] is %" PRId64 ", must be in 0 to %" PRId64, path,
                            t->name, i, count[i], MOST);
    return MI_OK;
}

/* The pairs move last: nothing can fail after them. */
static mi_status accept(void *arg, const char *path, int32_t count, const mi__tensor *read) {
    mi_pairs *pairs = arg;
    const int64_t *number = read[count - 1].data;
    for (int32_t i = 0; i < count; i++)
        if (read[i].dtype == MI__I64)
            MI__TRY(check_counts(path, &read[i]));
    return pairs != NULL ? mi_pairs_seek(pairs, number[POSITION]) : MI_OK;
}

mi_status mi_cluster_restore(mi_cluster *c, mi_pairs *pairs, const char *path) {
    MI__NEED(c);
    MI__NEED(path);
    checkpoint p = {0};
    MI__TRY(prepare(&p, c));
    mi_status status = mi__tensors_load(c->encoder->ctx, path, p.count, p.tensor, accept, pairs);
    release(&p, c->encoder->ctx);
    MI__TRY(status);
    if (c->optimizer != NULL)
        c->optimizer->steps = p.number[STEPS];
    c->restarts = p.number[RESTARTS];
    return MI_OK;
}
