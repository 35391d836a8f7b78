/* SPDX-License-Identifier: BSD-2-Clause */
/* All that learning needs to go on as if it had never stopped. */
#include "critic.h"

#include "../net/weights.h"
#include "scaling.h"

#include <mi/estimate.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STEPS, OPTIMIZER, SCALE, GAUSSIAN, BOUND_STEPS, SEED, COUNTS };
enum { LOG_AVERAGE, ESTIMATE_SUM, ESTIMATE_MASS, REALS };

#define MOST ((int64_t)1 << 62) /* of anything counted, so that counting on can't overflow */

static const char *const net_names[MI__NETS] = {"x", "y", "pair", "baseline"};

/* The tensors of a file, the counts first; they point at what is saved, or where it is read to. */
typedef struct checkpoint {
    const mi_mine *mine;
    int32_t count, room;
    mi__tensor *tensor;
    char (*name)[96];
    int64_t counts[COUNTS];
    int64_t optimizer_steps[MI__NETS];
    double reals[REALS];
} checkpoint;

static void add(checkpoint *p, int32_t dtype, int64_t count, const void *data, const char *name) {
    p->tensor[p->count++] =
        (mi__tensor){.name = name, .dtype = dtype, .dims = 1, .shape = {count}, .data = data};
}

static void add_param(checkpoint *p, const char *net, const char *part, const mi__param *param,
                      const void *data) {
    char *name = p->name[p->count];
    if (data == NULL)
        return;
    snprintf(name, sizeof p->name[0], "%s.%s%s", net, part, param->name);
    mi__tensor *t = &p->tensor[p->count++];
    *t = (mi__tensor){.name = name, .dtype = MI__F32, .dims = param->dims, .data = data};
    memcpy(t->shape, param->shape, sizeof param->shape);
}

static void add_net(checkpoint *p, int which) {
    const mi_encoder *e = p->mine->net[which];
    const mi_optimizer *o = p->mine->optimizer[which];
    const char *net = net_names[which];
    for (int32_t i = 0; i < e->params; i++) {
        add_param(p, net, "", e->param[i], e->param[i]->value);
        add_param(p, net, "first.", e->param[i], o->first[i]);
        add_param(p, net, "second.", e->param[i], o->second[i]);
    }
    char *name = p->name[p->count];
    snprintf(name, sizeof p->name[0], "%s.age", net);
    add(p, MI__I64, e->params, o->age, name);
}

static void fill(checkpoint *p, mi__scaling *scaling) {
    add(p, MI__I64, COUNTS, p->counts, "mine.counts");
    add(p, MI__I64, MI__NETS, p->optimizer_steps, "mine.optimizer_steps");
    add(p, MI__F64, REALS, p->reals, "mine.reals");
    for (int i = 0; i < MI__NETS; i++)
        if (p->mine->net[i] != NULL)
            add_net(p, i);
    if (scaling != NULL) {
        int64_t count;
        const double *numbers = mi__scaling_numbers(scaling, &count);
        add(p, MI__F64, count, numbers, "mine.scaling");
    }
}

static void release(checkpoint *p) {
    mi__free(p->mine->ctx, p->tensor, p->room, sizeof *p->tensor);
    mi__free(p->mine->ctx, p->name, p->room, sizeof *p->name);
}

static mi_status prepare(checkpoint *p, const mi_mine *m, mi__scaling *scaling) {
    *p = (checkpoint){.mine = m, .room = 4};
    for (int i = 0; i < MI__NETS; i++)
        p->room += m->net[i] != NULL ? 1 + 3 * m->net[i]->params : 0;
    p->tensor = mi__alloc(m->ctx, p->room, sizeof *p->tensor);
    p->name = mi__alloc(m->ctx, p->room, sizeof *p->name);
    if (p->tensor == NULL || p->name == NULL) {
        release(p);
        return MI_E_NOMEM;
    }
    fill(p, scaling);
    return MI_OK;
}

static int32_t optimizer_kind(const mi_mine *m) {
    return m->optimizer[MI__NET_X]->options.kind;
}

/* -- writing ---------------------------------------------------------------------------------- */

mi_status mi_mine_save(const mi_mine *m, const char *path) {
    checkpoint p;
    MI__NEED(m);
    MI__NEED(path);
    MI__TRY(prepare(&p, m, m->scaling));
    p.counts[STEPS] = m->steps;
    p.counts[OPTIMIZER] = optimizer_kind(m);
    p.counts[SCALE] = m->scaling != NULL ? mi__scaling_kind(m->scaling) : 0;
    p.counts[GAUSSIAN] = m->scaling != NULL && mi__scaling_gaussian(m->scaling);
    p.counts[BOUND_STEPS] = m->bound->steps;
    memcpy(&p.counts[SEED], &m->options.seed, sizeof p.counts[SEED]);
    p.reals[LOG_AVERAGE] = m->bound->log_average;
    p.reals[ESTIMATE_SUM] = m->estimate_sum;
    p.reals[ESTIMATE_MASS] = m->estimate_mass;
    for (int i = 0; i < MI__NETS; i++)
        p.optimizer_steps[i] = m->optimizer[i] != NULL ? m->optimizer[i]->steps : 0;
    const char *const keys[] = {"critic", "bound", "writer"};
    const char *const values[] = {m->critic->name, m->bound->kind->name, "libmi"};
    const mi_status status =
        mi__safetensors_write(m->ctx, path, p.count, p.tensor, 3, keys, values);
    release(&p);
    return status;
}

/* -- reading ---------------------------------------------------------------------------------- */

static mi_status check_word(const char *path, const mi__safetensors *file, const char *key,
                            const char *own) {
    const char *word = mi__safetensors_meta(file, key);
    if (word == NULL || strcmp(word, own) != 0)
        return mi__fail(MI_E_FORMAT, "%s: was made with the %s %.40s, this one is %s", path, key,
                        word != NULL ? word : "?", own);
    return MI_OK;
}

static mi_status check_count(const char *path, const mi__tensor *t, int64_t i, int64_t most) {
    const int64_t count = ((const int64_t *)t->data)[i];
    if (count < 0 || count > most)
        return mi__fail(MI_E_FORMAT, "%s: %s[%" PRId64 "] is %" PRId64 ", must be in 0 to %" PRId64,
                        path, t->name, i, count, most);
    return MI_OK;
}

/* Before anything is read: whose file it is, and what scaling it has. */
static mi_status read_head(const mi_mine *m, const char *path, int64_t counts[COUNTS]) {
    mi__safetensors *file;
    const int64_t shape[1] = {COUNTS};
    MI__TRY(mi__safetensors_open(m->ctx, path, &file));
    mi_status status = check_word(path, file, "critic", m->critic->name);
    if (status == MI_OK)
        status = check_word(path, file, "bound", m->bound->kind->name);
    if (status == MI_OK)
        status = mi__safetensors_read_as(file, "mine.counts", MI__I64, 1, shape, counts);
    mi__safetensors_close(file);
    const mi__tensor t = {.name = "mine.counts", .data = counts};
    if (status == MI_OK)
        status = check_count(path, &t, SCALE, MI_SCALE_RANK);
    return status == MI_OK ? check_count(path, &t, GAUSSIAN, 1) : status;
}

typedef struct receiver {
    mi_mine *mine;
    mi__scaling *scaling;
} receiver;

static mi_status accept(void *arg, const char *path, int32_t count, const mi__tensor *read) {
    const receiver *to = arg;
    const mi_mine *m = to->mine;
    const int64_t *counts = read[0].data;
    for (int32_t i = 0; i < count; i++)
        for (int64_t j = 0; read[i].dtype == MI__I64 && j < read[i].shape[0]; j++)
            if (i > 0 || j != SEED)
                MI__TRY(check_count(path, &read[i], j, MOST));
    if (counts[OPTIMIZER] != optimizer_kind(m))
        return mi__fail(MI_E_FORMAT,
                        "%s: was made with an optimizer of kind %" PRId64
                        ", this one is of kind %" PRId32,
                        path, counts[OPTIMIZER], optimizer_kind(m));
    if (to->scaling != NULL && !mi__scaling_valid(to->scaling, read[count - 1].data))
        return mi__fail(MI_E_FORMAT, "%s: %s has a number of knots that can't be", path,
                        read[count - 1].name);
    return MI_OK;
}

static void take(mi_mine *m, const checkpoint *p) {
    m->steps = p->counts[STEPS];
    memcpy(&m->options.seed, &p->counts[SEED], sizeof m->options.seed);
    m->bound->steps = p->counts[BOUND_STEPS];
    m->bound->log_average = p->reals[LOG_AVERAGE];
    m->estimate_sum = p->reals[ESTIMATE_SUM];
    m->estimate_mass = p->reals[ESTIMATE_MASS];
    for (int i = 0; i < MI__NETS; i++)
        if (m->optimizer[i] != NULL)
            m->optimizer[i]->steps = p->optimizer_steps[i];
}

static mi_status read_all(mi_mine *m, const char *path, mi__scaling *scaling) {
    checkpoint p;
    receiver to = {m, scaling};
    MI__TRY(prepare(&p, m, scaling));
    const mi_status status =
        mi__tensors_load(m->net[MI__NET_X], path, p.count, p.tensor, accept, &to);
    if (status == MI_OK)
        take(m, &p);
    release(&p);
    return status;
}

mi_status mi_mine_restore(mi_mine *m, const char *path) {
    int64_t counts[COUNTS];
    mi__scaling *scaling = NULL;
    MI__NEED(m);
    MI__NEED(path);
    MI__TRY(read_head(m, path, counts));
    if (counts[SCALE] != 0)
        MI__TRY(mi__scaling_create(m->ctx, m->dx, m->dy, (int32_t)counts[SCALE],
                                   counts[GAUSSIAN] == 1, &scaling));
    const mi_status status = read_all(m, path, scaling);
    if (status != MI_OK) {
        mi__scaling_destroy(scaling);
        return status;
    }
    mi__scaling_destroy(m->scaling);
    m->scaling = scaling;
    return MI_OK;
}
