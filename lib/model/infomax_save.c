/* SPDX-License-Identifier: BSD-2-Clause */
/* All that learning needs to go on as if it had never stopped. */
#include "infomax.h"

#include "../net/weights.h"
#include "checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STEPS, OPTIMIZER, SEED, PLACE, COUNTS = PLACE + MI__PLACE_NUMBERS };

#define MOST_LEARNERS (3 * MI__MOST_TERMS + 2)

/* The tensors of a file, the counts first; they point at what is saved, or where it is read to. */
typedef struct checkpoint {
    const mi_infomax *infomax;
    int32_t count, room, learners;
    mi__tensor *tensor;
    char (*name)[128];
    int64_t counts[COUNTS];
    int64_t steps[MOST_LEARNERS]; /* of optimizers */
    int64_t bound_steps[MI__MOST_TERMS];
    double log_average[MI__MOST_TERMS];
} checkpoint;

static void add(checkpoint *p, int32_t dtype, int64_t count, const void *data, const char *name) {
    p->tensor[p->count++] =
        (mi__tensor){.name = name, .dtype = dtype, .dims = 1, .shape = {count}, .data = data};
}

static void add_param(checkpoint *p, const char *prefix, const char *part, const mi__param *param,
                      const void *data) {
    char *name = p->name[p->count];
    if (data == NULL)
        return;
    snprintf(name, sizeof p->name[0], "%s%s%s", prefix, part, param->name);
    mi__tensor *t = &p->tensor[p->count++];
    *t = (mi__tensor){.name = name, .dtype = MI__F32, .dims = param->dims, .data = data};
    memcpy(t->shape, param->shape, sizeof param->shape);
}

/* The encoder's own parameters keep their names, so that an encoder can be read from the file. */
static mi_status add_learner(void *arg, const char *learner, const mi__learner *l) {
    checkpoint *p = arg;
    const mi_encoder *e = l->net;
    const mi_optimizer *o = l->optimizer;
    char prefix[48];
    snprintf(prefix, sizeof prefix, "%s.", learner);
    for (int32_t i = 0; i < e->params; i++) {
        add_param(p, e == p->infomax->encoder ? "" : prefix, "", e->param[i], e->param[i]->value);
        add_param(p, prefix, "first.", e->param[i], o->first[i]);
        add_param(p, prefix, "second.", e->param[i], o->second[i]);
    }
    char *name = p->name[p->count];
    snprintf(name, sizeof p->name[0], "%sage", prefix);
    add(p, MI__I64, e->params, o->age, name);
    p->learners++;
    return MI_OK;
}

static mi_status count_learner(void *arg, const char *learner, const mi__learner *l) {
    (void)learner;
    *(int32_t *)arg += 1 + 3 * l->net->params;
    return MI_OK;
}

static void fill(checkpoint *p) {
    add(p, MI__I64, COUNTS, p->counts, "infomax.counts");
    (void)mi__infomax_each(p->infomax, add_learner, p);
    add(p, MI__I64, p->learners, p->steps, "infomax.optimizer_steps");
    add(p, MI__I64, MI__MOST_TERMS, p->bound_steps, "infomax.bound_steps");
    add(p, MI__F64, MI__MOST_TERMS, p->log_average, "infomax.log_averages");
}

static void release(checkpoint *p) {
    mi__free(p->infomax->ctx, p->tensor, p->room, sizeof *p->tensor);
    mi__free(p->infomax->ctx, p->name, p->room, sizeof *p->name);
}

static mi_status prepare(checkpoint *p, const mi_infomax *m) {
    *p = (checkpoint){.infomax = m, .room = 4};
    (void)mi__infomax_each(m, count_learner, &p->room);
    p->tensor = mi__alloc(m->ctx, p->room, sizeof *p->tensor);
    p->name = mi__alloc(m->ctx, p->room, sizeof *p->name);
    if (p->tensor == NULL || p->name == NULL) {
        release(p);
        return MI_E_NOMEM;
    }
    fill(p);
    return MI_OK;
}

static mi_status check_call(const mi_infomax *m, const char *path) {
    MI__NEED(m);
    MI__NEED(path);
    if (m->optimizer == NULL)
        return mi__fail(MI_E_STATE, "the handle was made without an optimizer");
    return MI_OK;
}

/* -- writing ---------------------------------------------------------------------------------- */

typedef struct walk {
    int64_t *steps;
    bool back; /* to the optimizers */
    int32_t at;
} walk;

static mi_status walk_steps(void *arg, const char *name, const mi__learner *l) {
    walk *w = arg;
    int64_t *step = &w->steps[w->at++];
    (void)name;
    if (w->back)
        l->optimizer->steps = *step;
    else
        *step = l->optimizer->steps;
    return MI_OK;
}

static void take_counts(checkpoint *p) {
    const mi_infomax *m = p->infomax;
    walk w = {.steps = p->steps};
    p->counts[STEPS] = m->steps;
    p->counts[OPTIMIZER] = m->optimizer->options.kind;
    memcpy(&p->counts[SEED], &m->options.seed, sizeof p->counts[SEED]);
    (void)mi__infomax_each(m, walk_steps, &w);
    for (int32_t t = 0; t < m->terms; t++) {
        p->bound_steps[t] = m->term[t].bound->steps;
        p->log_average[t] = m->term[t].bound->log_average;
    }
}

mi_status mi_infomax_save(const mi_infomax *m, const mi_pairs *pairs, const char *path) {
    checkpoint p;
    MI__TRY(check_call(m, path));
    MI__TRY(prepare(&p, m));
    take_counts(&p);
    mi_status status = pairs != NULL ? mi__place_describe(pairs, &p.counts[PLACE]) : MI_OK;
    if (status == MI_OK)
        status = mi__tensors_save(m->encoder, path, p.count, p.tensor);
    release(&p);
    return status;
}

/* -- reading ---------------------------------------------------------------------------------- */

typedef struct receiver {
    const mi_infomax *infomax;
    mi_pairs *pairs;
} receiver;

/* The pairs move last: nothing can fail after them. */
static mi_status accept(void *arg, const char *path, int32_t count, const mi__tensor *read) {
    const receiver *to = arg;
    const int64_t *counts = read[0].data;
    const int32_t kind = to->infomax->optimizer->options.kind;
    for (int32_t i = 0; i < count; i++)
        if (read[i].dtype == MI__I64)
            MI__TRY(mi__check_counts(path, &read[i], i == 0 ? SEED : -1));
    if (counts[OPTIMIZER] != kind)
        return mi__fail(MI_E_FORMAT,
                        "%s: was made with an optimizer of kind %" PRId64
                        ", this one is of kind %" PRId32,
                        path, counts[OPTIMIZER], kind);
    return mi__place_seek(path, to->pairs, &counts[PLACE]);
}

static void give_counts(mi_infomax *m, checkpoint *p) {
    walk w = {.steps = p->steps, .back = true};
    m->steps = p->counts[STEPS];
    memcpy(&m->options.seed, &p->counts[SEED], sizeof m->options.seed);
    (void)mi__infomax_each(m, walk_steps, &w);
    for (int32_t t = 0; t < m->terms; t++) {
        m->term[t].bound->steps = p->bound_steps[t];
        m->term[t].bound->log_average = p->log_average[t];
    }
}

mi_status mi_infomax_restore(mi_infomax *m, mi_pairs *pairs, const char *path) {
    checkpoint p;
    MI__TRY(check_call(m, path));
    MI__TRY(prepare(&p, m));
    receiver to = {m, pairs};
    const mi_status status = mi__tensors_load(m->encoder, path, p.count, p.tensor, accept, &to);
    if (status == MI_OK)
        give_counts(m, &p);
    release(&p);
    return status;
}
