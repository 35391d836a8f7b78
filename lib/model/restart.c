/* SPDX-License-Identifier: BSD-2-Clause */
/* A new start for stuck heads: merge the clusters of an over-clustering head down to the number
 * of classes, and teach the result to a head. */
#include "model.h"

#include <string.h>

typedef struct restart {
    mi_cluster *c;
    mi__joints joints;
    int32_t **group;     /* [heads] -> [K], of over-clustering heads */
    double **share;      /* [heads] -> [K]: a cluster's share of its group */
    double *information; /* [heads], nats: of the head, or of its merged clusters */
    int32_t *teacher;    /* [heads]: the over-clustering head to learn from, or -1 */
} restart;

static int64_t width(const restart *r, int32_t head) {
    return r->c->encoder->head[head].dense.width;
}

/* -- room ------------------------------------------------------------------------------------- */

static void free_room(restart *r) {
    mi_context *ctx = r->c->encoder->ctx;
    int32_t heads = r->c->encoder->heads;
    for (int32_t h = 0; h < heads; h++) {
        if (r->group != NULL)
            mi__free(ctx, r->group[h], width(r, h), sizeof(int32_t));
        if (r->share != NULL)
            mi__free(ctx, r->share[h], width(r, h), sizeof(double));
    }
    mi__free(ctx, r->group, heads, sizeof *r->group);
    mi__free(ctx, r->share, heads, sizeof *r->share);
    mi__free(ctx, r->information, heads, sizeof *r->information);
    mi__free(ctx, r->teacher, heads, sizeof *r->teacher);
}

static mi_status make_room(restart *r) {
    mi_context *ctx = r->c->encoder->ctx;
    int32_t heads = r->c->encoder->heads;
    r->group = mi__alloc_zero(ctx, heads, sizeof *r->group);
    r->share = mi__alloc_zero(ctx, heads, sizeof *r->share);
    r->information = mi__alloc_zero(ctx, heads, sizeof *r->information);
    r->teacher = mi__alloc_zero(ctx, heads, sizeof *r->teacher);
    if (r->group == NULL || r->share == NULL || r->information == NULL || r->teacher == NULL)
        return MI_E_NOMEM;
    for (int32_t h = 0; h < heads; h++) {
        r->group[h] = mi__alloc_zero(ctx, width(r, h), sizeof(int32_t));
        r->share[h] = mi__alloc_zero(ctx, width(r, h), sizeof(double));
        if (r->group[h] == NULL || r->share[h] == NULL)
            return MI_E_NOMEM;
    }
    return MI_OK;
}

/* -- merging --------------------------------------------------------------------------------- */

/* What part of its group each cluster of an over-clustering head makes up. */
static void find_shares(restart *r, int32_t head) {
    int64_t k = width(r, head);
    double *share = r->share[head];
    for (int64_t p = 0; p < k; p++)
        for (int64_t q = 0; q < k; q++)
            share[p] += r->joints.joint[head][p * k + q];
    for (int32_t g = 0; g < r->c->options.classes; g++) {
        double total = 0;
        for (int64_t p = 0; p < k; p++)
            total += r->group[head][p] == g ? share[p] : 0;
        for (int64_t p = 0; p < k; p++)
            if (r->group[head][p] == g)
                share[p] = total > 0 ? share[p] / total : 0;
    }
}

static mi_status merge(restart *r) {
    mi_encoder *e = r->c->encoder;
    for (int32_t h = 0; h < e->heads; h++) {
        int64_t k = width(r, h);
        const double *joint = r->joints.joint[h];
        if (k > r->c->options.classes) {
            MI__TRY(mi_iic_merge(e->ctx, k, joint, 0, r->c->options.classes, r->group[h],
                                 &r->information[h]));
            find_shares(r, h);
        } else {
            double loss;
            MI__TRY(mi_iic_joint_loss(k, joint, 0, 1, &loss));
            r->information[h] = -loss;
        }
    }
    return MI_OK;
}

/* The n-th head that counts learns from the n-th over-clustering head, around in a circle: if one
 * of these was merged wrongly, the heads taught by others still find the better optimum. */
static int32_t choose_teachers(restart *r) {
    mi_encoder *e = r->c->encoder;
    int32_t over[MI__MOST_HEADS], overs = 0, next = 0, chosen = 0;
    for (int32_t h = 0; h < e->heads; h++)
        if (width(r, h) > r->c->options.classes)
            over[overs++] = h;
    for (int32_t h = 0; h < e->heads; h++) {
        r->teacher[h] = -1;
        if (!mi__cluster_counts(r->c, h))
            continue;
        int32_t candidate = over[next++ % overs];
        if (r->information[candidate] > r->information[h]) {
            r->teacher[h] = candidate;
            chosen++;
        }
    }
    return chosen;
}

/* -- teaching --------------------------------------------------------------------------------- */

/* The first guess: the weights of a class are the mean of its clusters' weights, by their share. */
static void copy_merged(const restart *r, int32_t head) {
    const mi_encoder *e = r->c->encoder;
    int32_t teacher = r->teacher[head];
    const int32_t *group = r->group[teacher];
    int64_t from = width(r, teacher), to = width(r, head);
    for (int32_t i = 0; i < 2; i++) { /* weight [in][K], bias [K] */
        const mi__param *target = &e->head[head].dense.param[i];
        const float *s = e->head[teacher].dense.param[i].value;
        float *t = target->value;
        memset(t, 0, (size_t)target->count * sizeof *t);
        for (int64_t row = 0; row < target->count / to; row++)
            for (int64_t p = 0; p < from; p++)
                t[row * to + group[p]] += s[row * from + p] * (float)r->share[teacher][p];
    }
}

/* d(cross-entropy) / d(logits) = probability - target; a twin's target is that of its image. */
static void fill_gradient(const restart *r, int32_t head) {
    const mi_encoder *e = r->c->encoder;
    int32_t teacher = r->teacher[head];
    const int32_t *group = r->group[teacher];
    int64_t from = width(r, teacher), to = width(r, head);
    const float *y = e->head[head].y, *source = e->head[teacher].y;
    const int64_t rows = r->joints.rows, batch = r->joints.batch;
    float *dy = e->head[head].dy, scale = 1 / (float)rows;
    for (int64_t i = 0; i < rows; i++) {
        int64_t image = i < batch ? i : (i - batch) / r->joints.repeats;
        for (int64_t k = 0; k < to; k++)
            dy[i * to + k] = y[i * to + k] * scale;
        for (int64_t p = 0; p < from; p++)
            dy[i * to + group[p]] -= source[image * from + p] * scale;
    }
}

static void start_anew(const restart *r, int32_t head) {
    int32_t param = mi__encoder_head_param(r->c->encoder, head);
    mi__optimizer_forget(r->c->optimizer, param);
    mi__optimizer_forget(r->c->optimizer, param + 1);
    r->c->running[head] = (mi__running){0, 0};
}

static mi_status teach(restart *r, int64_t batches) {
    mi_encoder *e = r->c->encoder;
    mi_optimizer *o = r->c->optimizer;
    bool learns[MI__MOST_HEADS];
    for (int32_t h = 0; h < e->heads; h++) {
        learns[h] = r->teacher[h] >= 0;
        if (learns[h]) {
            copy_merged(r, h);
            start_anew(r, h);
        }
    }
    for (int64_t b = 0; b < batches; b++) {
        MI__TRY(mi__joints_next(&r->joints));
        for (int32_t h = 0; h < e->heads; h++)
            if (learns[h])
                fill_gradient(r, h);
        mi__heads_learn(e, learns);
        for (int32_t i = 0; i < 2 * e->heads; i++)
            if (learns[i / 2])
                mi__optimizer_update(o, mi__encoder_head_param(e, i / 2) + i % 2, o->options.rate);
    }
    for (int32_t h = 0; h < e->heads; h++)
        if (learns[h])
            start_anew(r, h);
    return MI_OK;
}

/* -- the call --------------------------------------------------------------------------------- */

static mi_status check(const restart *r) {
    const mi_encoder *e = r->c->encoder;
    bool over = false;
    for (int32_t h = 0; h < e->heads; h++)
        over = over || width(r, h) > r->c->options.classes;
    if (!over)
        return mi__fail(MI_E_STATE, "a restart needs a head of more than %d classes",
                        r->c->options.classes);
    if (r->c->optimizer == NULL)
        return mi__fail(MI_E_STATE, "the clustering was made without an optimizer");
    return MI_OK;
}

mi_status mi_cluster_restart(mi_cluster *cluster, mi_pairs *pairs, int64_t batches,
                             int32_t *count) {
    MI__NEED(cluster);
    MI__NEED(pairs);
    restart r = {.c = cluster};
    MI__TRY(check(&r));
    int32_t chosen = 0;
    mi_status status = mi__joints_begin(&r.joints, cluster, pairs, batches);
    if (status == MI_OK)
        status = make_room(&r);
    if (status == MI_OK)
        status = merge(&r);
    if (status == MI_OK && (chosen = choose_teachers(&r)) > 0)
        status = teach(&r, batches);
    free_room(&r);
    mi_status returned = mi__joints_end(&r.joints);
    MI__TRY(status);
    MI__TRY(returned);
    cluster->restarts++;
    if (count != NULL)
        *count = chosen;
    return MI_OK;
}
