/* SPDX-License-Identifier: BSD-2-Clause */
/* One step of Deep InfoMax: forward through the encoder, the terms on its code and maps, the
 * prior, and back. */
#include "infomax.h"

#include "../base/random.h"
#include "checks.h"

#include <inttypes.h>
#include <string.h>

/* -- a batch ---------------------------------------------------------------------------------- */

/* What lies in the room. */
typedef struct batch {
    mi__meeting meeting;
    int64_t *partner, *order;
    int64_t *place; /* [rows] of the map, for the term within */
    void *z;        /* [rows][d] if codes are drawn, else NULL */
    void *dz;       /* likewise; or where the head's gradient goes */
    void *seen;     /* [rows][d] */
    void *u, *du;   /* [rows][channels] of the map at these places */
    char *scratch;
    int64_t bytes;
} batch;

static batch lay_out(const mi_infomax *m, int64_t n, int64_t rows, char *room) {
    const int64_t d = m->encoder->head[0].dense.width;
    const size_t real = m->k->real;
    batch b = {.meeting = {.n = n, .rows = rows}};
    int64_t scratch = 0, channels = 0;
    for (int32_t t = 0; t < m->terms; t++) {
        const mi__term *term = &m->term[t];
        b.meeting.others = MI__MAX(b.meeting.others, mi__term_others(m, term, n));
        scratch = MI__MAX(scratch, mi__term_room(m, term, n, rows));
        channels = term->of == MI__OF_PLACE ? term->u_width : channels;
    }
    b.partner = mi__take(room, &b.bytes, (1 + b.meeting.others) * rows, sizeof *b.partner);
    b.order = mi__take(room, &b.bytes, n, sizeof *b.order);
    b.place = mi__take(room, &b.bytes, rows, sizeof *b.place);
    b.z = mi__take(room, &b.bytes, rows * d, real);
    b.dz = mi__take(room, &b.bytes, rows * d, real);
    b.seen = mi__take(room, &b.bytes, rows * d, real);
    b.u = mi__take(room, &b.bytes, rows * channels, real);
    b.du = mi__take(room, &b.bytes, rows * channels, real);
    b.scratch = mi__take(room, &b.bytes, scratch, 1);
    b.meeting.partner = b.partner;
    return b;
}

/* No sum of what a batch takes overflows where this product doesn't. */
static mi_status check_size(const mi_infomax *m, int64_t n, int64_t rows) {
    int64_t numbers = 8 * (m->encoder->head[0].dense.width + MI__MOST_WIDTH), bytes, all;
    for (int32_t t = 0; t < m->terms; t++)
        numbers += (m->term[t].v_map.h * m->term[t].v_map.w + 1) * 8 * m->options.units;
    const int64_t others = m->options.negatives == -1 ? n : 1 + (int64_t)m->options.negatives;
    if (!mi__multiply(rows, 8 + MI__MIN(others, n), &all) || !mi__multiply(all, numbers, &bytes) ||
        !mi__multiply(bytes, 64, &bytes))
        return mi__fail(MI_E_SHAPE, "a batch of %" PRId64 " images is too large", n);
    return MI_OK;
}

static mi_status check_negatives(const mi_infomax *m, int64_t n) {
    for (int32_t t = 0; t < m->terms; t++)
        if (m->term[t].critic == MI_INFOMAX_CONCAT && m->options.negatives > n - 1)
            return mi__fail(MI_E_SHAPE,
                            "negatives is %" PRId32 ", but %" PRId64 " images have only %" PRId64
                            " others each",
                            m->options.negatives, n, n - 1);
    return MI_OK;
}

static mi_status make_room(mi_infomax *m, int64_t n, int64_t rows, batch *b) {
    MI__TRY(check_size(m, n, rows));
    MI__TRY(check_negatives(m, n));
    *b = lay_out(m, n, rows, NULL);
    if (b->bytes > m->room_bytes) {
        mi__free(m->ctx, m->room, m->room_bytes, 1);
        m->room_bytes = 0;
        m->room = mi__alloc(m->ctx, b->bytes, 1);
        if (m->room == NULL)
            return MI_E_NOMEM;
        m->room_bytes = b->bytes;
    }
    *b = lay_out(m, n, rows, m->room);
    return MI_OK;
}

/* Distances to others, each another; or whole orders, which may have fixed points. */
void mi__meeting_draw(const mi_infomax *m, const mi__meeting *meet, int64_t *partner,
                      int64_t *order) {
    mi__random r = mi__random_at(m->options.seed, MI__STREAM_NEGATIVES, (uint64_t)m->steps << 24);
    const int64_t n = meet->n, halves = meet->rows / n;
    const bool shuffle = m->options.shuffle == 1;
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t row = 0; row < meet->rows; row++)
        partner[row] = halves == 1 ? row : (row + n) % meet->rows;
    for (int64_t o = 0; o < meet->others; o++) {
        if (shuffle) {
            mi__random_shuffle(&r, n, order);
        } else {
            const int64_t j = 1 + o + mi__random_below(&r, n - 1 - o), kept = order[1 + o];
            order[1 + o] = order[j];
            order[j] = kept;
        }
        for (int64_t row = 0; row < meet->rows; row++) {
            const int64_t own = partner[row] % n, half = partner[row] / n;
            const int64_t other = shuffle ? order[own] : (own + order[1 + o]) % n;
            partner[(1 + o) * meet->rows + row] = half * n + other;
        }
    }
}

static void draw_places(const mi_infomax *m, const batch *b, int64_t places) {
    mi__random r = mi__random_at(m->options.seed, MI__STREAM_PLACES, (uint64_t)m->steps << 24);
    for (int64_t row = 0; row < b->meeting.rows; row++)
        b->place[row] = row * places + mi__random_below(&r, places);
}

/* Forward: codes, and the gradients by all that terms look at begin at 0. */
static mi_status encode(mi_infomax *m, const float *x, const float *xt, batch *b, const void **z) {
    mi_encoder *e = m->encoder;
    const int64_t n = b->meeting.n, rows = b->meeting.rows, d = e->head[0].dense.width;
    MI__TRY(mi__encoder_begin(e, rows, true));
    MI__TRY(mi__encoder_put(e, 0, n, x));
    if (xt != NULL)
        MI__TRY(mi__encoder_put(e, n, n, xt));
    mi__encoder_run(e);
    const bool drawn = m->options.prior == MI_INFOMAX_PRIOR_KL;
    MI__TRY(mi__code_draw(m, rows, drawn ? b->z : NULL, z));
    if (!drawn)
        b->dz = e->head[0].dy;
    memset(b->dz, 0, (size_t)(rows * d) * m->k->real);
    for (int32_t t = 0; t < e->taps; t++) {
        memset(e->tap[t].dy, 0, (size_t)(rows * mi__encoder_numbers(e, e->tap[t].at)) * m->k->real);
        e->tap[t].use = true;
    }
    return MI_OK;
}

static mi_status evaluate_within(mi_infomax *m, mi__term *t, const batch *b) {
    const mi__tap *tap = &m->encoder->tap[t->tap];
    const void *map = m->encoder->y[tap->at];
    const int64_t c = t->u_width, rows = b->meeting.rows;
    draw_places(m, b, t->v_map.h * t->v_map.w);
    for (int64_t i = 0; i < rows; i++)
        memcpy(mi__real_at(m->k, b->u, i * c), mi__real_at(m->k, map, b->place[i] * c),
               (size_t)c * m->k->real);
    memset(b->du, 0, (size_t)(rows * c) * m->k->real);
    MI__TRY(mi__term_evaluate(m, t, &b->meeting, b->u, map, b->du, tap->dy, b->scratch));
    for (int64_t i = 0; i < rows; i++)
        m->k->add_scaled(c, 1, mi__real_at(m->k, b->du, i * c),
                         mi__real_at(m->k, tap->dy, b->place[i] * c));
    return MI_OK;
}

static mi_status evaluate_term(mi_infomax *m, mi__term *t, const batch *b, const void *z) {
    const mi__tap *tap = &m->encoder->tap[t->tap];
    if (t->of == MI__OF_PLACE)
        return evaluate_within(m, t, b);
    if (t->of == MI__OF_CODE)
        return mi__term_evaluate(m, t, &b->meeting, z, z, b->dz, b->dz, b->scratch);
    return mi__term_evaluate(m, t, &b->meeting, z, m->encoder->y[tap->at], b->dz, tap->dy,
                             b->scratch);
}

static void sum_up(const mi_infomax *m, mi_infomax_report *report) {
    const double scales = MI__MAX(m->encoder->taps, 1);
    report->loss = m->options.gamma * report->prior;
    for (int32_t i = 0; i < m->terms; i++) {
        const mi__term *t = &m->term[i];
        report->loss += t->weight * t->loss;
        if (t->of == MI__OF_PLACES) {
            report->local_loss += t->loss / scales;
            report->local_estimate += t->estimate / scales;
        } else if (t->of == MI__OF_PLACE) {
            report->within_loss = t->loss;
            report->within_estimate = t->estimate;
        } else {
            report->global_loss = t->loss;
            report->global_estimate = t->estimate;
        }
    }
}

static mi_status compute(mi_infomax *m, const float *x, const float *xt, batch *b,
                         mi_infomax_report *report) {
    const int64_t rows = b->meeting.rows;
    const bool use[2] = {true, true};
    const void *z;
    mi__meeting_draw(m, &b->meeting, b->partner, b->order);
    MI__TRY(encode(m, x, xt, b, &z));
    for (int32_t t = 0; t < m->terms; t++)
        MI__TRY(evaluate_term(m, &m->term[t], b, z));
    MI__TRY(mi__prior_evaluate(m, rows, z, b->dz, b->seen, report));
    MI__TRY(mi__code_backward(m, rows, z, b->dz));
    mi__encoder_run_backward(m->encoder, use, false, false);
    sum_up(m, report);
    return MI_OK;
}

mi_status mi__infomax_gradient(mi_infomax *m, int64_t n, const float *x, const float *xt,
                               mi_infomax_report *report) {
    batch b;
    double log_average[MI__MOST_TERMS];
    int64_t steps[MI__MOST_TERMS];
    *report = (mi_infomax_report){.struct_size = sizeof *report};
    MI__TRY(make_room(m, n, xt != NULL ? 2 * n : n, &b));
    for (int32_t t = 0; t < m->terms; t++) {
        log_average[t] = m->term[t].bound->log_average;
        steps[t] = m->term[t].bound->steps;
    }
    const mi_status status = compute(m, x, xt, &b, report);
    for (int32_t t = 0; t < m->terms && status != MI_OK; t++) {
        m->term[t].bound->log_average = log_average[t];
        m->term[t].bound->steps = steps[t];
    }
    return status;
}

/* -- a step ----------------------------------------------------------------------------------- */

static mi_status check_learner(void *arg, const char *name, const mi__learner *l) {
    (void)arg;
    (void)name;
    return mi__optimizer_check(l->optimizer);
}

static mi_status apply_learner(void *arg, const char *name, const mi__learner *l) {
    (void)arg;
    (void)name;
    mi__optimizer_apply(l->optimizer);
    mi__encoder_update_states(l->net);
    return MI_OK;
}

mi_status mi_infomax_step(mi_infomax *m, int64_t n, const float *x, const float *xt,
                          mi_infomax_report *report) {
    MI__NEED(m);
    MI__NEED(x);
    if (n < 2 || n > INT64_MAX / 2)
        return mi__fail(MI_E_ARG, "n must be at least 2, got %" PRId64, n);
    if (report != NULL)
        MI__TRY(mi__report_check(report, sizeof *report, sizeof *report, "mi_infomax_report"));
    if (m->optimizer == NULL)
        return mi__fail(MI_E_STATE, "the handle was made without an optimizer");
    mi_infomax_report own;
    const double rate = mi_optimizer_rate(m->optimizer);
    MI__TRY(mi__infomax_gradient(m, n, x, xt, &own));
    MI__TRY(mi__infomax_each(m, check_learner, NULL));
    (void)mi__infomax_each(m, apply_learner, NULL);
    own.step = ++m->steps;
    own.rate = rate;
    if (report != NULL)
        mi__report_store(report, report->struct_size, &own, sizeof own);
    return MI_OK;
}
