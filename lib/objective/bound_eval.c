/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine of the bounds: brings scores to a kind row by row, in up to three passes. A survey
 * finds what must be known of all scores first: that they are finite, their log-sum-exp, those of
 * the columns. A trial goes through the rows of kinds that may overflow, while nothing is written
 * that the caller sees. Then come the rows.
 *
 * A pass goes through the rows in strips, and a strip is shared out among threads by rows. What a
 * row gives is kept and added up in the order of the rows, whoever computed it. */
#include "bounds.h"

#include <float.h>
#include <inttypes.h>
#include <string.h>

#define WORTH 32768 /* scores that pay for waking another thread */

enum { SURVEY, TRIAL, FINAL };

typedef struct record {
    double sums[MI__SUMS];
    double most, rest; /* of the scores of Q; the sum of exp(g - most) */
    int64_t others;
    int fault;
} record;

typedef struct engine {
    mi__evaluation e;
    mi_context *context;
    mi__source *source;
    int32_t needs;
    int phase;
    int64_t first, last, parts; /* of the strip */
    record *record;             /* [rows] */
    mi__part *part;             /* [most_parts] */
    int64_t most_parts;
    char *room;
} engine;

/* -- one row ----------------------------------------------------------------------------------- */

/* The pairs of P once more, in a place of their own: their gradient as scores of Q is another. */
static void add_extra(const engine *g, const mi__part *part, mi__row *r) {
    size_t bytes = (size_t)r->joint.count * g->e.k->real;
    memcpy(part->extra_x, r->joint.x, bytes);
    r->product[2] = (mi__piece){part->extra_x, part->extra_dx, r->joint.count, NULL, NULL};
}

/* Counts and extent; false if a score is not finite. */
static bool measure(const engine *g, mi__row *r, record *c) {
    double least = INFINITY, most = -INFINITY, top = -INFINITY;
    bool good = true;
    if (r->joint.count == 1) { /* the rule, and not worth a call */
        least = most = r->joint_least = mi__real_get(g->e.k, r->joint.x, 0);
        good = isfinite(least);
    } else if (r->joint.count > 0) {
        good = g->e.k->extent(r->joint.count, r->joint.x, &least, &most);
        r->joint_least = least;
    }
    for (int i = 0; i < MI__PIECES; i++)
        r->others += r->product[i].count;
    c->others = r->others;
    if (g->phase == FINAL && g->source->direct) { /* known from the pass before */
        r->most = c->most;
        return good;
    }
    for (int i = 0; i < MI__PIECES; i++)
        if (r->product[i].count > 0)
            good &= g->e.k->extent(r->product[i].count, r->product[i].x, &least, &top);
    c->most = r->most = top;
    const double limit = mi__largest_score(g->e.k);
    return good && least >= -limit && fmax(most, top) <= limit;
}

static double largest_real(const engine *g) {
    return g->e.k->real == sizeof(float) ? (double)FLT_MAX : DBL_MAX;
}

/* Runs the kind; what was written is not yet multiplied by the scale. */
static int compute(const engine *g, mi__row *r, record *c) {
    r->scale = 1;
    g->e.bound->kind->row(r);
    for (int i = 0; i < MI__SUMS; i++)
        c->sums[i] = r->sums[i];
    const double room = g->source->dbaseline != NULL ? largest_real(g) : DBL_MAX;
    if (!(r->peak <= largest_real(g)) || !(fabs(r->dbaseline) <= room))
        return MI__ROW_OVERFLOW;
    return MI__ROW_FINE;
}

static void write_row(const engine *g, int64_t row, mi__part *part, mi__row *r) {
    const mi__kernels *k = g->e.k;
    mi__source *s = g->source;
    if (r->product[2].count > 0)
        k->add_scaled(r->joint.count, r->scale, r->product[2].dx, r->joint.dx);
    for (int i = 0; i < 2 && !s->defers && r->scale != 1; i++)
        if (r->product[i].count > 0)
            k->scale(r->product[i].count, r->scale, r->product[i].dx, r->product[i].dx);
    if (s->dbaseline != NULL)
        mi__real_put(k, s->dbaseline, row, r->dbaseline);
    if (s->deliver != NULL)
        s->deliver(s, row, part, r);
}

static int visit(const engine *g, int64_t row, mi__part *part, record *c) {
    mi__source *s = g->source;
    const bool out = g->phase == FINAL && s->gradient;
    mi__row r = {.e = &g->e, .k = g->e.k, .room = part->room};
    s->fetch(s, row, out, part, &r);
    if (g->e.extra)
        add_extra(g, part, &r);
    if (!measure(g, &r, c))
        return MI__ROW_NOT_FINITE;
    if ((g->needs & MI__NEED_OTHERS) != 0 && r.joint.count > 0 && r.others == 0)
        return MI__ROW_LONELY;
    if (g->phase == SURVEY) {
        c->rest = (g->needs & MI__NEED_LSE) != 0 ? mi__row_exp(&r) : 0;
        return MI__ROW_FINE;
    }
    r.baseline =
        s->baseline == NULL ? g->e.values.log_baseline : mi__real_get(g->e.k, s->baseline, row);
    int fault = compute(g, &r, c);
    if (fault == MI__ROW_FINE && out)
        write_row(g, row, part, &r);
    return fault;
}

/* -- passes ------------------------------------------------------------------------------------ */

static void visit_part(void *arg, int64_t i) {
    const engine *g = arg;
    int64_t rows = g->last - g->first;
    int64_t begin = g->first + rows * i / g->parts, end = g->first + rows * (i + 1) / g->parts;
    for (int64_t row = begin; row < end; row++)
        g->record[row].fault = visit(g, row, &g->part[i], &g->record[row]);
}

/* Shared out by columns, each of which one thread sums. */
static void survey_columns(void *arg, int64_t i) {
    engine *g = arg;
    int64_t width = g->source->width;
    mi__columns_survey(&g->e, g->source, &g->part[i], g->first, g->last, width * i / g->parts,
                       width * (i + 1) / g->parts);
}

static mi_status run_strip(engine *g) {
    mi__source *s = g->source;
    g->parts = MI__MIN(g->most_parts, g->last - g->first);
    if (s->begin != NULL)
        s->begin(s, g->first, g->last);
    mi__parallel_for(g->context, g->parts, visit_part, g);
    for (int64_t row = g->first; row < g->last; row++)
        if (g->record[row].fault != MI__ROW_FINE)
            return s->blame(s, row, g->record[row].fault);
    if (g->phase == SURVEY && g->e.column_share != NULL)
        mi__parallel_for(g->context, g->parts, survey_columns, g);
    if (g->phase == FINAL && s->gradient && s->end != NULL)
        s->end(s, g->first, g->last);
    return MI_OK;
}

static mi_status run_pass(engine *g, int phase) {
    g->phase = phase;
    for (g->first = 0; g->first < g->source->rows; g->first = g->last) {
        g->last = MI__MIN(g->first + g->source->strip, g->source->rows);
        MI__TRY(run_strip(g));
    }
    return MI_OK;
}

/* The moving average with this batch; mine alone looks at it. */
static double new_average(const mi_bound *bound, double rate, double log_mean) {
    double old = log(-expm1((double)bound->steps * log1p(-rate)));
    if (bound->steps == 0 || rate == 1)
        return log_mean;
    double now = log(-expm1(((double)bound->steps + 1) * log1p(-rate)));
    double a = log1p(-rate) + old - now + bound->log_average, b = log(rate) - now + log_mean;
    return fmax(a, b) + log1p(exp(-fabs(a - b)));
}

static void finish_survey(engine *g) {
    mi__evaluation *e = &g->e;
    double sum = 0;
    e->most = -INFINITY;
    for (int64_t row = 0; row < g->source->rows; row++)
        if (g->record[row].others > 0)
            e->most = fmax(e->most, g->record[row].most);
    for (int64_t row = 0; row < g->source->rows; row++)
        if (g->record[row].others > 0)
            sum += g->record[row].rest * exp(g->record[row].most - e->most);
    e->lse = e->most + log(sum);
    e->log_average = new_average(e->bound, e->values.rate, e->lse - log(e->others));
    if (e->column_share != NULL)
        mi__columns_finish(e, g->source);
}

static mi_status conclude(engine *g, mi_bound_result *result) {
    double sums[MI__SUMS] = {0};
    for (int64_t row = 0; row < g->source->rows; row++)
        for (int i = 0; i < MI__SUMS; i++)
            sums[i] += g->record[row].sums[i];
    result->cap = INFINITY;
    g->e.bound->kind->finish(&g->e, sums, result);
    if (!isfinite(result->loss))
        return mi__fail(MI_E_NUMERIC, "the loss of %s is %g, beyond range", g->e.bound->kind->name,
                        result->loss);
    return MI_OK;
}

static mi_status run_passes(engine *g, mi_bound_result *result) {
    const bool proof = (g->needs & MI__NEED_PROOF) != 0 && g->source->direct;
    const bool survey = (g->needs & (MI__NEED_LSE | MI__NEED_COLUMNS)) != 0;
    if (survey || (g->source->direct && !proof)) {
        MI__TRY(run_pass(g, SURVEY));
        if (survey)
            finish_survey(g);
    }
    if (proof) {
        MI__TRY(run_pass(g, TRIAL));
        MI__TRY(conclude(g, result)); /* a sum may overflow though no row does */
    }
    return proof && !g->source->gradient ? MI_OK : run_pass(g, FINAL);
}

/* -- before and after -------------------------------------------------------------------------- */

static void lay_out_part(const engine *g, mi__part *part, int64_t *used) {
    const int64_t width = g->source->width, own = g->source->own;
    const size_t real = g->e.k->real;
    void **wide[] = {&part->x, &part->dx, &part->column_most, &part->column_share};
    void **narrow[] = {&part->own_x, &part->own_dx, &part->extra_x, &part->extra_dx};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        *wide[i] = mi__take(g->room, used, width, real);
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
        *narrow[i] = mi__take(g->room, used, own, real);
    part->columns = mi__take(g->room, used, own, sizeof(int64_t));
    part->index = mi__take(g->room, used, width, sizeof(int64_t));
    part->room = mi__take(g->room, used, MI__MAX(width, MI__COLUMNS), sizeof(double));
}

static int64_t lay_out(engine *g) {
    const int64_t width = g->source->width;
    int64_t used = 0;
    g->record = mi__take(g->room, &used, g->source->rows, sizeof *g->record);
    g->part = mi__take(g->room, &used, g->most_parts, sizeof *g->part);
    if ((g->needs & MI__NEED_COLUMNS) != 0) {
        g->e.column_most = mi__take(g->room, &used, width, g->e.k->real);
        g->e.column_share = mi__take(g->room, &used, width, g->e.k->real);
        g->e.column_lse = mi__take(g->room, &used, width, sizeof(double));
        g->e.column_log_count = mi__take(g->room, &used, width, sizeof(double));
        g->e.column_sum = mi__take(g->room, &used, width, sizeof(double));
    }
    mi__part none;
    for (int64_t i = 0; i < g->most_parts; i++)
        lay_out_part(g, g->room == NULL ? &none : &g->part[i], &used);
    return used;
}

static mi_status run(engine *g, mi_bound_result *result) {
    if (g->e.column_share != NULL)
        mi__columns_begin(&g->e, g->source);
    MI__TRY(run_passes(g, result));
    g->e.bound->next_average = g->e.log_average;
    return conclude(g, result);
}

mi_status mi__bound_run(mi_bound *bound, const mi__kernels *k, mi__source *source,
                        mi_bound_result *result) {
    engine g = {.e = {.bound = bound,
                      .values = bound->values,
                      .k = k,
                      .pairs = source->pairs,
                      .others = source->others},
                .context = bound->context,
                .source = source,
                .needs = mi__bound_needs(bound)};
    g.e.extra = source->square && bound->values.diagonal != 0;
    g.most_parts = source->strip * source->width < WORTH
                       ? 1
                       : MI__MIN(source->strip, 4 * (int64_t)mi_context_threads(bound->context));
    g.room = mi__bound_room(bound, MI__ROOM_ENGINE, lay_out(&g));
    if (g.room == NULL)
        return MI_E_NOMEM;
    (void)lay_out(&g);
    source->e = &g.e;
    return run(&g, result);
}
