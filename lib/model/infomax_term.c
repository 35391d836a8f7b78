/* SPDX-License-Identifier: BSD-2-Clause */
/* A bound on what two sides of a batch have in common, by either critic. */
#include "infomax.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CALM 0.1 /* of concat's last weights: scores begin near 0 */
#define FEW 8    /* negatives where a bound compares within a row */
#define MOST_TEXT 512

static int64_t locations(const mi__term *t) {
    return t->v_map.h * t->v_map.w;
}

static int64_t width(const mi__term *t, int side) {
    return t->side[side].net->layer[t->side[side].net->layers - 1].out.c;
}

/* -- building --------------------------------------------------------------------------------- */

static void scale_weight(const mi_encoder *e, int32_t param, double factor) {
    const mi__param *p = e->param[param];
    e->pass.kernel->scale(p->count, factor, p->value, p->value);
}

/* A perceptron beside a linear shortcut; R. D. Hjelm et al., appendix A. */
static mi_status build_dot(const mi_infomax *m, mi__term *t, const mi__map *u) {
    const mi_infomax_options *o = &m->options;
    char text[MOST_TEXT];
    snprintf(text, sizeof text, "residual(conv %d 1x1, bn, relu, conv %d 1x1), ln", o->units,
             o->embed);
    MI__TRY(mi__learner_create(m, text, u, &t->side[MI__SIDE_U]));
    return mi__learner_create(m, text, &t->v_map, &t->side[MI__SIDE_V]);
}

/* The first layer sees both sides, so that it is a sum, made once for each side. */
static mi_status build_concat(const mi_infomax *m, mi__term *t, const mi__map *u) {
    const mi_infomax_options *o = &m->options;
    const mi__map units = {1, 1, 1, o->units};
    char text[MOST_TEXT];
    snprintf(text, sizeof text, "conv %d 1x1", o->units);
    MI__TRY(mi__learner_create(m, text, u, &t->side[MI__SIDE_U]));
    MI__TRY(mi__learner_create(m, text, &t->v_map, &t->side[MI__SIDE_V]));
    size_t length = 0;
    for (int32_t i = 1; i < o->layers; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "dense %d, relu, ", o->units);
    snprintf(text + length, sizeof text - length, "dense 1");
    MI__TRY(mi__learner_create(m, text, &units, &t->side[MI__SIDE_PAIR]));

    const double both = (double)(t->u_width + t->v_map.c);
    scale_weight(t->side[MI__SIDE_U].net, 0, sqrt((double)t->u_width / both));
    scale_weight(t->side[MI__SIDE_V].net, 0, sqrt((double)t->v_map.c / both));
    const mi_encoder *last = t->side[MI__SIDE_PAIR].net;
    scale_weight(last, last->params - 2, CALM);
    return MI_OK;
}

mi_status mi__term_build(const mi_infomax *m, mi__term *t) {
    const mi__map u = {1, 1, 1, t->u_width};
    if (t->bound->kind->side == MI_BOUND_UPPER)
        return mi__fail(MI_E_ARG, "the bound of %s must be a lower one, got %s", t->name,
                        t->bound->kind->name);
    t->temperature = m->options.temperature;
    return t->critic == MI_INFOMAX_DOT ? build_dot(m, t, &u) : build_concat(m, t, &u);
}

void mi__term_destroy(mi__term *t) {
    for (int i = 0; i < MI__SIDES; i++)
        mi__learner_destroy(&t->side[i]);
    mi_bound_destroy(t->bound);
}

int64_t mi__term_others(const mi_infomax *m, const mi__term *t, int64_t n) {
    const bool in_rows = (t->bound->kind->shapes & MI_BOUND_VECTORS) == 0;
    const int64_t wanted = m->options.negatives;
    if (t->critic == MI_INFOMAX_DOT)
        return 0;
    return wanted == -1 ? n - 1 : MI__MIN(n - 1, wanted != 0 ? wanted : in_rows ? FEW : 1);
}

/* -- dot -------------------------------------------------------------------------------------- */

/* Views of one half of the batch are compared with codes of the other: nobody meets a view of his
 * own as a stranger. */
static mi_status evaluate_half(const mi_infomax *m, mi__term *t, const mi__meeting *meeting,
                               int64_t half, int64_t halves) {
    mi_encoder *u = t->side[MI__SIDE_U].net, *v = t->side[MI__SIDE_V].net;
    const int64_t d = width(t, MI__SIDE_U), row = meeting->n * d;
    const int64_t at_u = (halves - 1 - half) * row, at_v = half * row * locations(t);
    mi_bound_result result = {.struct_size = sizeof result};
    const mi_bound_embeddings_f32 io = {.struct_size = sizeof io,
                                        .n = meeting->n,
                                        .locations = locations(t),
                                        .d = d,
                                        .u = mi__real_at(m->k, MI__FEATURES(u), at_u),
                                        .v = mi__real_at(m->k, MI__FEATURES(v), at_v),
                                        .temperature =
                                            t->temperature * (double)d, /* rows of length sqrt(d) */
                                        .du = mi__real_at(m->k, u->dfeatures, at_u),
                                        .dv = mi__real_at(m->k, v->dfeatures, at_v)};
    MI__TRY(mi__bound_embeddings(t->bound, m->k, &io, "mi_bound_embeddings_f32", &result));
    t->loss += result.loss / (double)halves;
    t->estimate += result.estimate / (double)halves;
    return MI_OK;
}

static mi_status evaluate_dot(const mi_infomax *m, mi__term *t, const mi__meeting *meeting) {
    const int64_t halves = meeting->rows / meeting->n, d = width(t, MI__SIDE_U);
    for (int64_t half = 0; half < halves; half++)
        MI__TRY(evaluate_half(m, t, meeting, half, halves));
    mi_encoder *u = t->side[MI__SIDE_U].net, *v = t->side[MI__SIDE_V].net;
    const double part = t->weight / (double)halves;
    m->k->scale(meeting->rows * d, part, u->dfeatures, u->dfeatures);
    m->k->scale(meeting->rows * locations(t) * d, part, v->dfeatures, v->dfeatures);
    return MI_OK;
}

/* -- concat ----------------------------------------------------------------------------------- */

/* Scratch of concat: a row for each place of each view. */
typedef struct table {
    int64_t rows, others, units;
    void *b;       /* [rows][units] the code's share of the first layer, place by place */
    void *da, *db; /* [rows][units] */
    void *scores;  /* [rows] own, then [rows][others], then their gradients */
    int64_t bytes;
} table;

static table lay_out(const mi_infomax *m, const mi__term *t, int64_t n, int64_t rows, char *room) {
    table s = {
        .rows = rows * locations(t), .others = mi__term_others(m, t, n), .units = m->options.units};
    const size_t real = m->k->real;
    s.b = mi__take(room, &s.bytes, s.rows * s.units, real);
    s.da = mi__take(room, &s.bytes, s.rows * s.units, real);
    s.db = mi__take(room, &s.bytes, s.rows * s.units, real);
    s.scores = mi__take(room, &s.bytes, 2 * s.rows * (1 + s.others), real);
    return s;
}

int64_t mi__term_room(const mi_infomax *m, const mi__term *t, int64_t n, int64_t rows) {
    return t->critic == MI_INFOMAX_DOT ? 0 : lay_out(m, t, n, rows, NULL).bytes;
}

typedef struct spread {
    const mi__kernels *k;
    const int64_t *partner; /* [views] */
    int64_t places, units;
    void *few, *many; /* [views][units], [views][places][units] */
} spread;

static void spread_views(void *arg, int64_t begin, int64_t end) {
    const spread *s = arg;
    const size_t row = (size_t)s->units * s->k->real;
    for (int64_t i = begin; i < end; i++) {
        const void *from = mi__real_at(s->k, s->few, s->partner[i] * s->units);
        for (int64_t p = 0; p < s->places; p++)
            memcpy(mi__real_at(s->k, s->many, (i * s->places + p) * s->units), from, row);
    }
}

/* Several views may have met the same one: it gets all their sums. One thread: there are few. */
static void gather_views(const spread *s, int64_t views) {
    for (int64_t i = 0; i < views; i++)
        for (int64_t p = 0; p < s->places; p++)
            s->k->add_scaled(s->units, 1,
                             mi__real_at(s->k, s->many, (i * s->places + p) * s->units),
                             mi__real_at(s->k, s->few, s->partner[i] * s->units));
}

static spread spread_of(const mi_infomax *m, const mi__term *t, const mi__meeting *meeting,
                        int64_t which, void *few, void *many) {
    return (spread){
        m->k, meeting->partner + which * meeting->rows, locations(t), m->options.units, few, many};
}

/* Each place with the code of a view: the first layer's units, which are relu(a + b). */
static mi__pairing pair_of(const mi_infomax *m, const mi__term *t, const mi__meeting *meeting,
                           int64_t which, const table *s) {
    spread views = spread_of(m, t, meeting, which, MI__FEATURES(t->side[MI__SIDE_U].net), s->b);
    mi__parallel_ranges(m->ctx, meeting->rows, 1, spread_views, &views);
    return (mi__pairing){.n = s->rows,
                         .c = s->units,
                         .last = s->rows,
                         .a = MI__FEATURES(t->side[MI__SIDE_V].net),
                         .b = s->b};
}

/* Scores of others come out one other after another; a bound wants them row by row. */
static void turn_scores(const mi_infomax *m, const table *s, const void *from, void *to,
                        bool back) {
    memcpy(to, from, (size_t)s->rows * m->k->real);
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t o = 0; o < s->others; o++) {
            const int64_t by_other = s->rows * (1 + o) + i, by_row = s->rows + i * s->others + o;
            mi__real_put(m->k, to, back ? by_other : by_row,
                         mi__real_get(m->k, from, back ? by_row : by_other));
        }
}

static mi_status score(const mi_infomax *m, mi__term *t, const mi__meeting *meeting,
                       const table *s) {
    mi_encoder *e = t->side[MI__SIDE_PAIR].net;
    MI__TRY(mi__encoder_begin(e, s->rows * (1 + s->others), true));
    for (int64_t which = 0; which <= s->others; which++) {
        const mi__pairing p = pair_of(m, t, meeting, which, s);
        m->k->pair_units(m->ctx, &p, mi__real_at(m->k, e->y[0], which * s->rows * s->units), NULL);
    }
    mi__encoder_run(e);
    turn_scores(m, s, MI__FEATURES(e), s->scores, false);
    return MI_OK;
}

static mi_status bound_scores(const mi_infomax *m, mi__term *t, const table *s) {
    const int64_t count = s->rows * (1 + s->others);
    void *gradient = mi__real_at(m->k, s->scores, count);
    mi_encoder *e = t->side[MI__SIDE_PAIR].net;
    mi_bound_result result = {.struct_size = sizeof result};
    const mi_bound_vectors_f32 io = {.struct_size = sizeof io,
                                     .n = s->rows,
                                     .m = s->rows * s->others,
                                     .joint = s->scores,
                                     .product = mi__real_at(m->k, s->scores, s->rows),
                                     .djoint = gradient,
                                     .dproduct = mi__real_at(m->k, gradient, s->rows)};
    MI__TRY(mi__bound_vectors(t->bound, m->k, &io, "mi_bound_vectors_f32", &result));
    t->loss = result.loss;
    t->estimate = result.estimate;
    m->k->scale(count, t->weight, gradient, gradient);
    turn_scores(m, s, gradient, e->dfeatures, true);
    return MI_OK;
}

/* Down to the outputs of both sides. */
static void descend(const mi_infomax *m, mi__term *t, const mi__meeting *meeting, const table *s) {
    mi_encoder *e = t->side[MI__SIDE_PAIR].net;
    mi_encoder *u = t->side[MI__SIDE_U].net, *v = t->side[MI__SIDE_V].net;
    const int64_t count = s->rows * s->units;
    mi__encoder_run_backward(e, NULL, true, true);
    memset(u->dfeatures, 0, (size_t)(meeting->rows * s->units) * m->k->real);
    for (int64_t which = 0; which <= s->others; which++) {
        const mi__pairing p = pair_of(m, t, meeting, which, s);
        void *da = which == 0 ? v->dfeatures : s->da;
        m->k->pair_units_backward(m->ctx, &p, mi__real_at(m->k, e->y[0], which * count), NULL, da,
                                  s->db);
        if (which > 0)
            mi__add_numbers(&v->pass, count, da, v->dfeatures);
        const spread views = spread_of(m, t, meeting, which, u->dfeatures, s->db);
        gather_views(&views, meeting->rows);
    }
}

static mi_status evaluate_concat(const mi_infomax *m, mi__term *t, const mi__meeting *meeting,
                                 char *room) {
    const table s = lay_out(m, t, meeting->n, meeting->rows, room);
    MI__TRY(score(m, t, meeting, &s));
    MI__TRY(bound_scores(m, t, &s));
    descend(m, t, meeting, &s);
    return MI_OK;
}

/* --------------------------------------------------------------------------------------------- */

mi_status mi__term_evaluate(const mi_infomax *m, mi__term *t, const mi__meeting *meeting,
                            const void *u, const void *v, void *du, void *dv, char *room) {
    t->loss = t->estimate = 0;
    MI__TRY(mi__learner_forward(&t->side[MI__SIDE_U], meeting->rows, u));
    MI__TRY(mi__learner_forward(&t->side[MI__SIDE_V], meeting->rows, v));
    if (t->critic == MI_INFOMAX_DOT)
        MI__TRY(evaluate_dot(m, t, meeting));
    else
        MI__TRY(evaluate_concat(m, t, meeting, room));
    mi__learner_backward(&t->side[MI__SIDE_U], du);
    mi__learner_backward(&t->side[MI__SIDE_V], dv);
    return MI_OK;
}
