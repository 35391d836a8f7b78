/* SPDX-License-Identifier: BSD-2-Clause */
/* Critics that score pair by pair. Their first layer is the same for all pairs of an x or a y but
 * for the sum, so it is applied once a sample: the hidden units of a pair are relu(a + b). */
#include "critic.h"

#include "scaling.h"

#include <string.h>

#define PART_NUMBERS ((int64_t)1 << 18) /* of units that evaluation makes at once */

static mi_status build_sides(mi_mine *m) {
    const int64_t units = m->options.units, inputs = m->dx + m->dy;
    MI__TRY(mi__critic_net(m, MI__NET_X, m->dx, inputs, 0, 0, units));
    return mi__critic_net(m, MI__NET_Y, m->dy, inputs, 0, 0, units);
}

/* The additive critic's last layer is a network too, whose weights the kernel takes. */
static mi_status build_additive(mi_mine *m) {
    MI__TRY(build_sides(m));
    return mi__critic_net(m, MI__NET_PAIR, m->options.units, m->options.units, 0, 0, 1);
}

static mi_status build_concat(mi_mine *m) {
    MI__TRY(build_sides(m));
    return mi__critic_net(m, MI__NET_PAIR, m->options.units, m->options.units,
                          m->options.layers - 1, m->options.units, 1);
}

static void lay_out(const mi_mine *m, mi__batch *b, char *room, int64_t *used) {
    b->shift = mi__take(room, used, b->n, sizeof *b->shift);
    b->scores = mi__take(room, used, b->n * (1 + b->k), m->k->real);
    if (b->train)
        b->dscores = mi__take(room, used, b->n * (1 + b->k), m->k->real);
}

/* -- scores ----------------------------------------------------------------------------------- */

static mi__pairing pairing(const mi_mine *m, const mi__batch *b, int64_t first, int64_t last) {
    return (mi__pairing){.n = b->n,
                         .c = m->options.units,
                         .first = first,
                         .last = last,
                         .k = b->k,
                         .shift = b->shift,
                         .a = b->a,
                         .b = b->b};
}

typedef struct base_job {
    const mi_mine *m;
    const mi__pairing *p;
    const mi__batch *b;
    void *own, *others;
} base_job;

/* Rows from p->first on. */
static void add_base(void *arg, int64_t begin, int64_t end) {
    const base_job *job = arg;
    const mi__pairing *p = job->p;
    const mi__kernels *k = job->m->k;
    const int64_t width = mi__scaling_base_width(job->m->scaling);
    for (int64_t i = begin; i < end; i++)
        for (int64_t t = -1; t < p->k; t++) {
            const int64_t row = p->first + i, j = (row + (t < 0 ? 0 : p->shift[t])) % p->n;
            void *score = t < 0 ? job->own : job->others;
            const int64_t at = t < 0 ? i : i * p->k + t;
            mi__real_put(k, score, at,
                         mi__real_get(k, score, at) +
                             mi__kernels_f64.dot(width, job->b->base_u + row * width,
                                                 job->b->base_v + j * width));
        }
}

static mi_status score_additive(mi_mine *m, const mi__batch *b, const mi__pairing *p, void *own,
                                void *others) {
    const mi_encoder *e = m->net[MI__NET_PAIR];
    (void)b;
    m->k->pair_scores(m->ctx, p, e->param[0]->value, mi__real_get(m->k, e->param[1]->value, 0), own,
                      others);
    return MI_OK;
}

static mi_status score_concat(mi_mine *m, const mi__batch *b, const mi__pairing *p, void *own,
                              void *others) {
    mi_encoder *e = m->net[MI__NET_PAIR];
    const int64_t rows = p->last - p->first;
    MI__TRY(mi__encoder_begin(e, rows * (1 + p->k), b->train));
    m->k->pair_units(m->ctx, p, e->y[0], mi__real_at(m->k, e->y[0], rows * p->c));
    mi__encoder_run(e);
    memcpy(own, MI__FEATURES(e), (size_t)rows * m->k->real);
    memcpy(others, mi__real_at(m->k, MI__FEATURES(e), rows), (size_t)(rows * p->k) * m->k->real);
    return MI_OK;
}

/* Of all pairs, the own ones first. */
static mi_status score(mi_mine *m, mi__batch *b) {
    const bool concat = m->critic == &mi__critic_concat;
    int64_t part = b->n;
    if (!b->train && concat)
        part = MI__MAX(PART_NUMBERS / (m->options.units * (1 + b->k)), 1);
    if (m->scaling != NULL && mi__scaling_base_width(m->scaling) > 0)
        mi__scaling_base(m->scaling, m->k, b->n, b->x, b->y, b->base_u, b->base_v);
    for (int64_t first = 0; first < b->n; first += part) {
        const mi__pairing p = pairing(m, b, first, MI__MIN(first + part, b->n));
        void *own = mi__real_at(m->k, b->scores, first);
        void *others = mi__real_at(m->k, b->scores, b->n + first * b->k);
        MI__TRY((concat ? score_concat : score_additive)(m, b, &p, own, others));
        base_job job = {m, &p, b, own, others};
        if (b->base_u != NULL)
            mi__parallel_ranges(m->ctx, p.last - p.first, 1 + 4096 / (1 + p.k), add_base, &job);
    }
    return MI_OK;
}

static mi_status evaluate(mi_mine *m, mi__batch *b, mi_bound_result *result) {
    MI__TRY(score(m, b));
    mi_encoder *baseline = m->net[MI__NET_BASELINE];
    mi_bound_vectors_f32 io = {.struct_size = sizeof io,
                               .n = b->n,
                               .m = b->n * b->k,
                               .joint = b->scores,
                               .product = mi__real_at(m->k, b->scores, b->n),
                               .baseline = b->baseline};
    if (b->train) {
        io.djoint = b->dscores;
        io.dproduct = mi__real_at(m->k, b->dscores, b->n);
        io.dbaseline = baseline != NULL ? baseline->dfeatures : NULL;
    }
    return mi__bound_vectors(m->bound, m->k, &io, "mi_bound_vectors_f32", result);
}

/* -- gradients -------------------------------------------------------------------------------- */

static void additive_down(mi_mine *m, const mi__batch *b, const mi__pairing *p) {
    mi_encoder *e = m->net[MI__NET_PAIR];
    m->k->pair_scores_backward(m->ctx, p, e->param[0]->value, b->dscores,
                               mi__real_at(m->k, b->dscores, b->n), m->net[MI__NET_X]->dfeatures,
                               m->net[MI__NET_Y]->dfeatures, e->param[0]->grad);
    mi__real_put(m->k, e->param[1]->grad, 0, m->k->sum(b->n * (1 + b->k), b->dscores));
    e->backward_done = true;
}

static void concat_down(mi_mine *m, const mi__batch *b, const mi__pairing *p) {
    mi_encoder *e = m->net[MI__NET_PAIR];
    memcpy(e->dfeatures, b->dscores, (size_t)(b->n * (1 + b->k)) * m->k->real);
    mi__encoder_run_backward(e, NULL, true, true);
    m->k->pair_units_backward(m->ctx, p, e->y[0], mi__real_at(m->k, e->y[0], b->n * p->c),
                              m->net[MI__NET_X]->dfeatures, m->net[MI__NET_Y]->dfeatures);
}

static mi_status backward(mi_mine *m, mi__batch *b) {
    const mi__pairing p = pairing(m, b, 0, b->n);
    (m->critic == &mi__critic_concat ? concat_down : additive_down)(m, b, &p);
    mi__critic_backward(m, b, MI__NET_X);
    mi__critic_backward(m, b, MI__NET_Y);
    if (m->net[MI__NET_BASELINE] != NULL)
        mi__critic_backward(m, b, MI__NET_BASELINE);
    return MI_OK;
}

static mi_status own_scores(mi_mine *m, mi__batch *b, void *scores) {
    MI__TRY(score(m, b));
    memcpy(scores, b->scores, (size_t)b->n * m->k->real);
    return MI_OK;
}

const mi__critic mi__critic_additive = {
    .name = "additive",
    .pairs = true,
    .build = build_additive,
    .lay_out = lay_out,
    .evaluate = evaluate,
    .backward = backward,
    .own_scores = own_scores,
};

const mi__critic mi__critic_concat = {
    .name = "concat",
    .pairs = true,
    .build = build_concat,
    .lay_out = lay_out,
    .evaluate = evaluate,
    .backward = backward,
    .own_scores = own_scores,
};
