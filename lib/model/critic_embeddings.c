/* SPDX-License-Identifier: BSD-2-Clause */
/* Critics whose scores are products of embeddings, u . v. Where scores start from Gaussians, their
 * log density ratio is some more columns of both. */
#include "critic.h"

#include "scaling.h"

#include <string.h>

static mi_status build_separable(mi_mine *m) {
    const mi_mine_options *o = &m->options;
    MI__TRY(mi__critic_net(m, MI__NET_X, m->dx, m->dx, o->layers, o->units, o->embed));
    return mi__critic_net(m, MI__NET_Y, m->dy, m->dy, o->layers, o->units, o->embed);
}

static mi_status build_bilinear(mi_mine *m) {
    return mi__critic_net(m, MI__NET_X, m->dx, m->dx, 0, 0, m->dy);
}

static int64_t width_of(const mi_mine *m) {
    return mi_encoder_width(m->net[MI__NET_X], -1);
}

static int64_t base_of(const mi_mine *m) {
    return mi__scaling_base_width(m->scaling);
}

static void lay_out(const mi_mine *m, mi__batch *b, char *room, int64_t *used) {
    const int64_t width = width_of(m), numbers = b->n * (width + base_of(m));
    if (base_of(m) > 0) {
        b->u = mi__take(room, used, numbers, m->k->real);
        b->v = mi__take(room, used, numbers, m->k->real);
    }
    if (base_of(m) > 0 && b->train) {
        b->du = mi__take(room, used, numbers, m->k->real);
        b->dv = mi__take(room, used, numbers, m->k->real);
    }
}

/* to[n][width + more] = from[n][width], base[n][more] */
static void join(const mi_mine *m, int64_t n, const void *from, const double *base, void *to) {
    const int64_t width = width_of(m), more = base_of(m);
    for (int64_t i = 0; i < n; i++) {
        void *row = mi__real_at(m->k, to, i * (width + more));
        memcpy(row, mi__real_at(m->k, from, i * width), (size_t)width * m->k->real);
        for (int64_t c = 0; c < more; c++)
            mi__real_put(m->k, row, width + c, base[i * more + c]);
    }
}

static void take_first(const mi_mine *m, int64_t n, const void *from, void *to) {
    const int64_t width = width_of(m), ld = width + base_of(m);
    for (int64_t i = 0; i < n && to != NULL; i++)
        memcpy(mi__real_at(m->k, to, i * width), mi__real_at(m->k, from, i * ld),
               (size_t)width * m->k->real);
}

/* Where the gradient by v goes: bilinear's v is y. */
static void *dv_of(const mi_mine *m, const mi__batch *b) {
    return m->net[MI__NET_Y] != NULL ? m->net[MI__NET_Y]->dfeatures : b->gy;
}

static mi_status evaluate(mi_mine *m, mi__batch *b, mi_bound_result *result) {
    const mi_encoder *x = m->net[MI__NET_X], *baseline = m->net[MI__NET_BASELINE];
    mi_bound_embeddings_f32 io = {.struct_size = sizeof io,
                                  .n = b->n,
                                  .d = width_of(m) + base_of(m),
                                  .u = b->a,
                                  .v = b->b,
                                  .baseline = b->baseline};
    if (b->train) {
        io.du = x->dfeatures;
        io.dv = dv_of(m, b);
        io.dbaseline = baseline != NULL ? baseline->dfeatures : NULL;
    }
    if (b->u == NULL)
        return mi__bound_embeddings(m->bound, m->k, &io, "mi_bound_embeddings_f32", result);
    mi__scaling_base(m->scaling, m->k, b->n, b->x, b->y, b->base_u, b->base_v);
    join(m, b->n, b->a, b->base_u, b->u);
    join(m, b->n, b->b, b->base_v, b->v);
    io.u = b->u;
    io.v = b->v;
    io.du = b->du;
    io.dv = b->dv;
    MI__TRY(mi__bound_embeddings(m->bound, m->k, &io, "mi_bound_embeddings_f32", result));
    if (b->train) {
        take_first(m, b->n, b->du, x->dfeatures);
        take_first(m, b->n, b->dv, dv_of(m, b));
    }
    return MI_OK;
}

static mi_status backward(mi_mine *m, mi__batch *b) {
    for (int which = 0; which < MI__NETS; which++)
        if (m->net[which] != NULL)
            mi__critic_backward(m, b, which);
    return MI_OK;
}

static mi_status own_scores(mi_mine *m, mi__batch *b, void *scores) {
    const int64_t width = width_of(m), more = base_of(m);
    if (more > 0)
        mi__scaling_base(m->scaling, m->k, b->n, b->x, b->y, b->base_u, b->base_v);
    for (int64_t i = 0; i < b->n; i++) {
        double score = m->k->dot(width, mi__real_at(m->k, b->a, i * width),
                                 mi__real_at(m->k, b->b, i * width));
        if (more > 0)
            score += mi__kernels_f64.dot(more, b->base_u + i * more, b->base_v + i * more);
        mi__real_put(m->k, scores, i, score);
    }
    return MI_OK;
}

const mi__critic mi__critic_separable = {
    .name = "separable",
    .build = build_separable,
    .lay_out = lay_out,
    .evaluate = evaluate,
    .backward = backward,
    .own_scores = own_scores,
};

const mi__critic mi__critic_bilinear = {
    .name = "bilinear",
    .build = build_bilinear,
    .lay_out = lay_out,
    .evaluate = evaluate,
    .backward = backward,
    .own_scores = own_scores,
};
