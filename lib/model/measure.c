/* SPDX-License-Identifier: BSD-2-Clause */
/* The joint matrices of all heads over many batches, and what the heads' losses are by them. */
#include "model.h"

#include <inttypes.h>

static int64_t width(const mi__joints *j, int32_t head) {
    return j->cluster->encoder->head[head].dense.width;
}

static mi_status check(mi__joints *j, int64_t batches) {
    const mi_encoder *e = j->cluster->encoder;
    int32_t size, channels;
    if (batches < 1)
        return mi__fail(MI_E_ARG, "batches must be at least 1, got %" PRId64, batches);
    MI__TRY(mi_pairs_sizes(j->pairs, &j->batch, &j->repeats, &size, &channels));
    if (size != e->in.h || size != e->in.w || channels != e->in.c)
        return mi__fail(MI_E_SHAPE,
                        "pairs have views of %d x %d x %d, the encoder takes %" PRId64 " x %" PRId64
                        " x %" PRId64,
                        size, size, channels, e->in.h, e->in.w, e->in.c);
    j->rows = j->batch * (1 + (int64_t)j->repeats);
    j->numbers = (int64_t)size * size * channels;
    j->position = mi_pairs_position(j->pairs);
    return MI_OK;
}

static mi_status make_room(mi__joints *j) {
    mi_context *ctx = j->cluster->encoder->ctx;
    const int32_t heads = j->cluster->encoder->heads;
    j->joint = mi__alloc_zero(ctx, heads, sizeof *j->joint);
    j->x = mi__alloc(ctx, j->batch * j->numbers, sizeof *j->x);
    j->xt = mi__alloc(ctx, j->batch * j->repeats * j->numbers, sizeof *j->xt);
    if (j->joint == NULL || j->x == NULL || j->xt == NULL)
        return MI_E_NOMEM;
    for (int32_t h = 0; h < heads; h++) {
        j->joint[h] = mi__alloc_zero(ctx, width(j, h) * width(j, h), sizeof(double));
        if (j->joint[h] == NULL)
            return MI_E_NOMEM;
    }
    return MI_OK;
}

mi_status mi__joints_next(mi__joints *j) {
    mi_encoder *e = j->cluster->encoder;
    MI__TRY(mi_pairs_next(j->pairs, j->x, j->xt, NULL));
    MI__TRY(mi__encoder_begin(e, j->rows, false));
    MI__TRY(mi__encoder_put(e, 0, j->batch, j->x));
    MI__TRY(mi__encoder_put(e, j->batch, j->rows - j->batch, j->xt));
    mi__encoder_run(e);
    return MI_OK;
}

/* joint[K][K] += z^T zt, over all twins. One head a call, so that heads may run side by side. */
static void add_joint(void *arg, int64_t head) {
    const mi__joints *j = arg;
    int64_t k = width(j, (int32_t)head);
    const float *z = j->cluster->encoder->head[head].y, *zt = z + j->batch * k;
    for (int64_t i = 0; i < j->batch * j->repeats; i++) {
        const float *a = z + i / j->repeats * k, *b = zt + i * k;
        for (int64_t p = 0; p < k; p++) {
            double *row = j->joint[head] + p * k, ap = a[p];
            for (int64_t q = 0; q < k; q++)
                row[q] += ap * (double)b[q];
        }
    }
}

mi_status mi__joints_begin(mi__joints *j, mi_cluster *cluster, mi_pairs *pairs, int64_t batches) {
    const mi_encoder *e = cluster->encoder;
    *j = (mi__joints){.cluster = cluster, .pairs = pairs};
    MI__TRY(check(j, batches));
    MI__TRY(make_room(j));
    for (int64_t b = 0; b < batches; b++) {
        MI__TRY(mi__joints_next(j));
        mi__parallel_for(e->ctx, e->heads, add_joint, j);
    }
    return MI_OK;
}

mi_status mi__joints_end(mi__joints *j) {
    mi_context *ctx = j->cluster->encoder->ctx;
    const int32_t heads = j->cluster->encoder->heads;
    for (int32_t h = 0; h < heads && j->joint != NULL; h++)
        mi__free(ctx, j->joint[h], width(j, h) * width(j, h), sizeof(double));
    mi__free(ctx, j->joint, heads, sizeof *j->joint);
    mi__free(ctx, j->x, j->batch * j->numbers, sizeof *j->x);
    mi__free(ctx, j->xt, j->batch * j->repeats * j->numbers, sizeof *j->xt);
    return j->rows > 0 ? mi_pairs_seek(j->pairs, j->position) : MI_OK;
}

static double lambda_of(const mi_cluster *c, int32_t head) {
    return mi__cluster_counts(c, head) ? c->options.lambda : c->options.over_lambda;
}

mi_status mi_cluster_measure(mi_cluster *cluster, mi_pairs *pairs, int64_t batches,
                             double *losses) {
    MI__NEED(cluster);
    MI__NEED(pairs);
    const mi_encoder *e = cluster->encoder;
    double *found = mi__alloc(e->ctx, e->heads, sizeof *found);
    mi__joints joints = {0};
    if (found == NULL)
        return MI_E_NOMEM;
    mi_status status = mi__joints_begin(&joints, cluster, pairs, batches);
    for (int32_t h = 0; h < e->heads && status == MI_OK; h++)
        status = mi_iic_joint_loss(width(&joints, h), joints.joint[h], 0, lambda_of(cluster, h),
                                   &found[h]);
    mi_status returned = mi__joints_end(&joints);
    if (status == MI_OK)
        status = returned;
    for (int32_t h = 0; h < e->heads && status == MI_OK; h++) {
        cluster->running[h] = (mi__running){found[h], 1};
        if (losses != NULL)
            losses[h] = found[h];
    }
    mi__free(e->ctx, found, e->heads, sizeof *found);
    return status;
}
