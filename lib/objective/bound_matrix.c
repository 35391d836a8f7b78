/* SPDX-License-Identifier: BSD-2-Clause */
/* A matrix of scores. Its rows are worked on in place, but for those with a mask, or where only one
 * other sample is compared: there the scores that count are gathered first. */
#include "bounds.h"

#include <inttypes.h>
#include <string.h>

/* As the public structs of both precisions. */
typedef struct matrix_io {
    uint64_t struct_size;
    int64_t n, locations;
    const void *scores;
    int64_t ld;
    const uint8_t *mask;
    int64_t ldmask;
    const void *baseline;
    void *dscores;
    int64_t lddscores;
    void *dbaseline;
} matrix_io;

_Static_assert(sizeof(matrix_io) == sizeof(mi_bound_matrix_f32), "matrix_io is another struct");
_Static_assert(sizeof(matrix_io) == sizeof(mi_bound_matrix_f64), "matrix_io is another struct");

typedef struct matrix {
    mi__source source;
    const mi_bound *bound;
    const mi__kernels *k;
    matrix_io io;
    int64_t width;
    int64_t *column_count;
} matrix;

static const void *row_of(const matrix *m, int64_t row) {
    return mi__real_at(m->k, m->io.scores, row * m->io.ld);
}

static bool is_masked(const matrix *m, int64_t row, int64_t column) {
    return m->io.mask != NULL && m->io.mask[row * m->io.ldmask + column] == 0;
}

static bool gathers(const matrix *m) {
    return m->io.mask != NULL || m->bound->kind->paired;
}

/* Columns with scores of Q for a row lie in *first .. *end - 1; the row's own are not among them.
 */
static void others_of(const matrix *m, int64_t row, int64_t *first, int64_t *end) {
    *first = 0;
    *end = m->width;
    if (m->bound->kind->paired) {
        *first = (row + (int64_t)m->bound->values.offset) % m->io.n * m->io.locations;
        *end = *first + m->io.locations;
    }
}

static void gather_columns(const matrix *m, const int64_t *index, mi__piece *p, mi__part *part) {
    const mi__evaluation *e = m->source.e;
    if (e->column_share == NULL)
        return;
    for (int64_t i = 0; i < p->count; i++) {
        mi__real_put(m->k, part->column_most, i, mi__real_get(m->k, e->column_most, index[i]));
        mi__real_put(m->k, part->column_share, i, mi__real_get(m->k, e->column_share, index[i]));
    }
    p->column_most = part->column_most;
    p->column_share = part->column_share;
}

static void gather(const matrix *m, int64_t row, mi__part *part, mi__row *r) {
    const mi__kernels *k = m->k;
    const int64_t own = row * m->io.locations, behind = own + m->io.locations;
    const void *x = row_of(m, row);
    int64_t pairs = 0, others = 0, first, end;
    for (int64_t j = own; j < behind; j++)
        if (!is_masked(m, row, j)) {
            mi__real_put(k, part->own_x, pairs, mi__real_get(k, x, j));
            part->columns[pairs++] = j;
        }
    others_of(m, row, &first, &end);
    for (int64_t j = first; j < end; j++)
        if ((j < own || j >= behind) && !is_masked(m, row, j)) {
            mi__real_put(k, part->x, others, mi__real_get(k, x, j));
            part->index[others++] = j;
        }
    r->joint = (mi__piece){part->own_x, part->own_dx, pairs, NULL, NULL};
    r->product[0] = (mi__piece){part->x, part->dx, others, NULL, NULL};
    r->columns = part->columns;
    gather_columns(m, part->index, &r->product[0], part);
}

static void fetch(mi__source *s, int64_t row, bool out, mi__part *part, mi__row *r) {
    const matrix *m = (const matrix *)s;
    if (gathers(m)) {
        gather(m, row, part, r);
        return;
    }
    void *dx = out && m->io.dscores != NULL
                   ? mi__real_at(m->k, m->io.dscores, row * m->io.lddscores)
                   : part->dx;
    mi__row_of_matrix(s->e, m->width, row * m->io.locations, m->io.locations, row_of(m, row), dx,
                      part, r);
}

static void deliver(mi__source *s, int64_t row, mi__part *part, const mi__row *r) {
    const matrix *m = (const matrix *)s;
    const mi__kernels *k = m->k;
    if (!gathers(m) || m->io.dscores == NULL)
        return;
    void *to = mi__real_at(k, m->io.dscores, row * m->io.lddscores);
    k->fill(m->width, 0, to);
    for (int64_t i = 0; i < r->joint.count; i++)
        mi__real_put(k, to, part->columns[i], mi__real_get(k, r->joint.dx, i));
    for (int64_t i = 0; i < r->product[0].count; i++)
        mi__real_put(k, to, part->index[i], mi__real_get(k, r->product[0].dx, i));
}

static const void *whole(mi__source *s, int64_t row, int64_t first, int64_t count, mi__part *part) {
    const matrix *m = (const matrix *)s;
    const void *x = mi__real_at(m->k, row_of(m, row), first);
    if (m->io.mask == NULL)
        return x;
    for (int64_t j = 0; j < count; j++)
        mi__real_put(m->k, part->x, j,
                     is_masked(m, row, first + j) ? -INFINITY : mi__real_get(m->k, x, j));
    return part->x;
}

static mi_status blame(mi__source *s, int64_t row, int fault) {
    const matrix *m = (const matrix *)s;
    for (int64_t j = 0; fault == MI__ROW_NOT_FINITE && j < m->width; j++) {
        double x = mi__real_get(m->k, row_of(m, row), j);
        if (!is_masked(m, row, j) && !(fabs(x) <= mi__largest_score(m->k)))
            return mi__fail(MI_E_NUMERIC,
                            "scores[%" PRId64 "][%" PRId64 "] is %g, must be finite and within %g; "
                            "to leave a pair out, use the mask",
                            row, j, x, mi__largest_score(m->k));
    }
    return mi__bound_fault(m->bound, fault, row);
}

/* -- arguments --------------------------------------------------------------------------------- */

static mi_status check_stride(const char *name, const void *buffer, int64_t *ld, int64_t n,
                              int64_t width) {
    int64_t bytes;
    if (*ld != 0 && *ld < width && buffer != NULL)
        return mi__fail(MI_E_SHAPE, "ld of %s is %" PRId64 ", there are %" PRId64 " columns", name,
                        *ld, width);
    *ld = *ld == 0 ? width : *ld;
    if (buffer != NULL && (!mi__multiply(n, *ld, &bytes) || !mi__multiply(bytes, 8, &bytes)))
        return mi__fail(MI_E_SHAPE, "%s is too large: %" PRId64 " rows of %" PRId64, name, n, *ld);
    return MI_OK;
}

static mi_status check(const mi__kernels *k, matrix *m) {
    matrix_io *io = &m->io;
    int64_t bytes;
    const void *scores = io->scores;
    MI__NEED(scores);
    if (io->n < 1 || io->locations < 0)
        return mi__fail(MI_E_ARG,
                        "n must be at least 1 and locations not negative, got %" PRId64
                        " and %" PRId64,
                        io->n, io->locations);
    io->locations = io->locations == 0 ? 1 : io->locations;
    if (!mi__multiply(io->n, io->locations, &m->width) ||
        !mi__multiply(m->width, MI__ROOM_A_SCORE, &bytes))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " rows with %" PRId64 " locations are too many",
                        io->n, io->locations);
    MI__TRY(check_stride("scores", io->scores, &io->ld, io->n, m->width));
    MI__TRY(check_stride("mask", io->mask, &io->ldmask, io->n, m->width));
    MI__TRY(check_stride("dscores", io->dscores, &io->lddscores, io->n, m->width));
    if (io->baseline != NULL)
        MI__TRY(mi__bound_check_finite(k, "baseline", io->n, io->baseline));
    return MI_OK;
}

/* Counts what the mask leaves. */
static void count(matrix *m) {
    mi__source *s = &m->source;
    const int64_t own = m->io.locations;
    int64_t pairs = 0, others = 0, first, end;
    for (int64_t row = 0; row < m->io.n; row++) {
        others_of(m, row, &first, &end);
        for (int64_t j = row * own; j < (row + 1) * own; j++)
            pairs += !is_masked(m, row, j);
        for (int64_t j = first; j < end; j++)
            others += (j < row * own || j >= (row + 1) * own) && !is_masked(m, row, j);
        for (int64_t j = 0; m->column_count != NULL && j < m->width; j++)
            m->column_count[j] += !is_masked(m, row, j);
    }
    for (int64_t j = 0; m->column_count != NULL && j < m->width; j++)
        if (is_masked(m, j / own, j))
            m->column_count[j] = 0;
    s->pairs = (double)pairs;
    s->others = (double)others;
}

static mi_status run(mi_bound *bound, matrix *m, mi_bound_result *found) {
    m->source = (mi__source){.rows = m->io.n,
                             .strip = m->io.n,
                             .width = m->width,
                             .own = m->io.locations,
                             .direct = true,
                             .square = true,
                             .gradient = m->io.dscores != NULL || m->io.dbaseline != NULL,
                             .column_count = m->column_count,
                             .baseline = m->io.baseline,
                             .dbaseline = m->io.dbaseline,
                             .whole = whole,
                             .fetch = fetch,
                             .deliver = deliver,
                             .blame = blame};
    if (gathers(m))
        count(m);
    else {
        m->source.pairs = (double)m->width;
        m->source.others = (double)m->width * (double)(m->io.n - 1);
    }
    MI__TRY(mi__bound_count(bound, &m->source, m->io.n));
    return mi__bound_run(bound, m->k, &m->source, found);
}

static mi_status evaluate(mi_bound *bound, const mi__kernels *k, const void *theirs,
                          const char *type, mi_bound_result *result) {
    mi_bound_result found = {.struct_size = sizeof found};
    matrix m = {.bound = bound, .k = k};
    MI__NEED(bound);
    if (theirs == NULL)
        return mi__fail(MI_E_ARG, "io must not be NULL");
    MI__TRY(mi__options_load(&m.io, sizeof m.io, sizeof m.io, theirs, type));
    MI__TRY(mi__bound_check(bound, MI_BOUND_MATRIX, m.io.baseline != NULL || m.io.dbaseline != NULL,
                            result));
    MI__TRY(check(k, &m));
    if (bound->values.columns > 0 && m.io.mask != NULL) {
        int64_t bytes = m.width * (int64_t)sizeof *m.column_count;
        m.column_count = (int64_t *)(void *)mi__bound_room(bound, MI__ROOM_SOURCE, bytes);
        if (m.column_count == NULL)
            return MI_E_NOMEM;
        memset(m.column_count, 0, (size_t)bytes);
    }
    MI__TRY(run(bound, &m, &found));
    mi__bound_conclude(bound, &m.source, result, &found);
    return MI_OK;
}

mi_status mi_bound_eval_matrix_f32(mi_bound *bound, const mi_bound_matrix_f32 *io,
                                   mi_bound_result *result) {
    return evaluate(bound, mi__kernels_select(), io, "mi_bound_matrix_f32", result);
}

mi_status mi_bound_eval_matrix_f64(mi_bound *bound, const mi_bound_matrix_f64 *io,
                                   mi_bound_result *result) {
    return evaluate(bound, &mi__kernels_f64, io, "mi_bound_matrix_f64", result);
}
