/* SPDX-License-Identifier: BSD-2-Clause */
/* Information of tables, whose numbers are probabilities or in proportion to them. */
#include "counts.h"

#include <inttypes.h>
#include <stdio.h>

/* A table of one, two or three dimensions as rows and columns: of three, a row is a pair. */
typedef struct grid {
    const char *name;
    const double *at;
    int64_t rows, columns, ld;
    int64_t pairs; /* the size of the second of three dimensions; 0: there are two; -1: one */
} grid;

static mi_status fail_at(const grid *g, int64_t row, int64_t column, const char *wanted) {
    char place[96];
    if (g->pairs < 0)
        snprintf(place, sizeof place, "[%" PRId64 "]", column);
    else if (g->pairs == 0)
        snprintf(place, sizeof place, "[%" PRId64 "][%" PRId64 "]", row, column);
    else
        snprintf(place, sizeof place, "[%" PRId64 "][%" PRId64 "][%" PRId64 "]", row / g->pairs,
                 row % g->pairs, column);
    return mi__fail(MI_E_NUMERIC, "%s%s is %g, must be %s", g->name, place,
                    g->at[row * g->ld + column], wanted);
}

/* `*total` = the sum of all, above 0. A correction needs counts. */
static mi_status check_numbers(const grid *g, int32_t correction, double *total) {
    mi__sum sum = {0};
    for (int64_t i = 0; i < g->rows; i++)
        for (int64_t j = 0; j < g->columns; j++) {
            const double value = g->at[i * g->ld + j];
            if (!(value >= 0 && isfinite(value)))
                return fail_at(g, i, j, "finite and not negative");
            if (correction != MI_CORRECTION_NONE && value != floor(value))
                return fail_at(g, i, j, "whole for a correction");
            mi__sum_add(&sum, value);
        }
    if (!(sum.sum > 0 && isfinite(sum.sum)))
        return mi__fail(MI_E_NUMERIC, "%s sums to %g, must be above 0 and finite", g->name,
                        sum.sum);
    *total = mi__sum_value(&sum);
    return MI_OK;
}

static mi_status check_size(const char *name, int64_t size) {
    if (size < 1)
        return mi__fail(MI_E_ARG, "%s must be at least 1, got %" PRId64, name, size);
    return MI_OK;
}

static mi_status check_vector(const char *name, int64_t n, const double *at, int32_t correction,
                              double *total) {
    const grid g = {.name = name, .at = at, .rows = 1, .columns = n, .pairs = -1};
    MI__TRY(check_size("n", n));
    if (at == NULL)
        return mi__fail(MI_E_ARG, "%s must not be NULL", name);
    return check_numbers(&g, correction, total);
}

static mi_status check_grid(const grid *g, int32_t correction, double *total) {
    int64_t size;
    if (g->at == NULL)
        return mi__fail(MI_E_ARG, "%s must not be NULL", g->name);
    if (g->ld < g->columns)
        return mi__fail(MI_E_SHAPE, "ld is %" PRId64 ", %s has %" PRId64 " columns", g->ld, g->name,
                        g->columns);
    if (!mi__multiply(g->rows, g->ld, &size) || !mi__multiply(size, sizeof *g->at, &size))
        return mi__fail(MI_E_SHAPE, "%s is too large: %" PRId64 " rows of %" PRId64, g->name,
                        g->rows, g->ld);
    return check_numbers(g, correction, total);
}

/* -- one variable ------------------------------------------------------------------------------ */

mi_status mi_entropy_table(int64_t n, const double *table, const mi_entropy_options *options,
                           double *entropy) {
    mi__measure m;
    mi__entropy h = {0};
    MI__NEED(entropy);
    MI__TRY(mi__measure_load(options, &m));
    MI__TRY(check_vector("table", n, table, m.correction, &m.total));
    for (int64_t i = 0; i < n; i++)
        mi__entropy_add(&m, table[i], &h);
    *entropy = mi__entropy_value(&m, &h);
    return MI_OK;
}

mi_status mi_entropy_cross(int64_t n, const double *p, const double *q, int32_t unit, double *cross,
                           double *divergence) {
    double all_p, all_q;
    mi__sum sum = {0}, less = {0};
    bool infinite = false;
    MI__TRY(mi__measure_check(unit, MI_CORRECTION_NONE));
    MI__TRY(check_vector("p", n, p, MI_CORRECTION_NONE, &all_p));
    MI__TRY(check_vector("q", n, q, MI_CORRECTION_NONE, &all_q));
    for (int64_t i = 0; i < n; i++) {
        const double share = p[i] / all_p;
        infinite = infinite || (p[i] > 0 && q[i] == 0);
        if (share > 0 && q[i] > 0) {
            mi__sum_add(&sum, -share * mi__log_ratio(unit, q[i], all_q, 1, 1));
            mi__sum_add(&less, share * mi__log_ratio(unit, p[i], all_p, q[i], all_q));
        }
    }
    if (cross != NULL)
        *cross = infinite ? INFINITY : mi__sum_value(&sum);
    if (divergence != NULL)
        *divergence = infinite ? INFINITY : fmax(mi__sum_value(&less), 0);
    return MI_OK;
}

/* -- two variables ----------------------------------------------------------------------------- */

static double sum_of(const double *x, int64_t n) {
    mi__sum sum = {0};
    for (int64_t i = 0; i < n; i++)
        mi__sum_add(&sum, x[i]);
    return mi__sum_value(&sum);
}

static void add_row(mi__sum *sums, const double *row, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        mi__sum_add(&sums[i], row[i]);
}

/* Room for `count` sums, which begin at 0. */
static mi__sum *make_sums(mi_context *ctx, int64_t count) {
    return mi__alloc_zero(ctx, count, sizeof(mi__sum));
}

static mi_status check_pair(int64_t nx, int64_t ny, const double *table, int64_t ld,
                            int32_t correction, grid *g, double *total) {
    MI__TRY(check_size("nx", nx));
    MI__TRY(check_size("ny", ny));
    *g = (grid){.name = "table", .at = table, .rows = nx, .columns = ny, .ld = ld == 0 ? ny : ld};
    return check_grid(g, correction, total);
}

static void sum_cells(const grid *g, const mi__measure *m, mi__sum *columns, mi__cells *cells) {
    for (int64_t i = 0; i < g->rows; i++)
        add_row(columns, g->at + i * g->ld, g->columns);
    for (int64_t j = 0; j < g->columns; j++)
        mi__entropy_add(m, mi__sum_value(&columns[j]), &cells->y);
    for (int64_t i = 0; i < g->rows; i++) {
        const double *row = g->at + i * g->ld, x = sum_of(row, g->columns);
        mi__entropy_add(m, x, &cells->x);
        for (int64_t j = 0; j < g->columns; j++)
            if (row[j] > 0)
                mi__cells_add(m, row[j], x, mi__sum_value(&columns[j]), cells);
    }
}

mi_status mi_entropy_joint(mi_context *context, int64_t nx, int64_t ny, const double *table,
                           int64_t ld, const mi_entropy_options *options,
                           mi_information *information) {
    mi__measure m;
    mi__cells cells = {0};
    mi_information out;
    mi_context *own;
    grid g;
    MI__NEED(information);
    MI__TRY(mi__report_check(information, sizeof out, sizeof out, "mi_information"));
    MI__TRY(mi__measure_load(options, &m));
    MI__TRY(check_pair(nx, ny, table, ld, m.correction, &g, &m.total));
    MI__TRY(mi__context_take(context, &own));
    mi__sum *columns = make_sums(own, ny);
    if (columns != NULL) {
        sum_cells(&g, &m, columns, &cells);
        mi__cells_report(&m, &cells, &out);
        mi__report_store(information, information->struct_size, &out, sizeof out);
    }
    mi__free(own, columns, ny, sizeof *columns);
    mi_context_destroy(own);
    return columns != NULL ? MI_OK : MI_E_NOMEM;
}

static void fill_pointwise(const grid *g, int32_t unit, double total, mi__sum *columns,
                           double *out) {
    for (int64_t i = 0; i < g->rows; i++)
        add_row(columns, g->at + i * g->ld, g->columns);
    for (int64_t i = 0; i < g->rows; i++) {
        const double *row = g->at + i * g->ld, x = sum_of(row, g->columns);
        for (int64_t j = 0; j < g->columns; j++) {
            const double y = mi__sum_value(&columns[j]);
            double *place = out + i * g->columns + j;
            if (row[j] > 0)
                *place = mi__log_ratio(unit, row[j], x, y, total);
            else
                *place = x > 0 && y > 0 ? -INFINITY : 0;
        }
    }
}

mi_status mi_entropy_pointwise(mi_context *context, int64_t nx, int64_t ny, const double *table,
                               int64_t ld, int32_t unit, double *pointwise) {
    double total;
    mi_context *own;
    grid g;
    MI__NEED(pointwise);
    MI__TRY(mi__measure_check(unit, MI_CORRECTION_NONE));
    MI__TRY(check_pair(nx, ny, table, ld, MI_CORRECTION_NONE, &g, &total));
    MI__TRY(mi__context_take(context, &own));
    mi__sum *columns = make_sums(own, ny);
    if (columns != NULL)
        fill_pointwise(&g, unit, total, columns, pointwise);
    mi__free(own, columns, ny, sizeof *columns);
    mi_context_destroy(own);
    return columns != NULL ? MI_OK : MI_E_NOMEM;
}

/* -- three variables --------------------------------------------------------------------------- */

/* Sums over y, over x and over both, for each z. */
typedef struct margins {
    mi__sum *xz, *yz, *z; /* [nx][nz], [ny][nz], [nz] */
    int64_t nx, ny, nz;
} margins;

static void sum_margins(const grid *g, margins *s) {
    for (int64_t i = 0; i < g->rows; i++) {
        const double *row = g->at + i * g->ld;
        add_row(s->xz + i / s->ny * s->nz, row, s->nz);
        add_row(s->yz + i % s->ny * s->nz, row, s->nz);
        add_row(s->z, row, s->nz);
    }
}

static double bias_of(const mi__measure *m, const mi__sum *sums, int64_t count) {
    mi__entropy h = {0};
    for (int64_t i = 0; i < count; i++)
        mi__entropy_add(m, mi__sum_value(&sums[i]), &h);
    return mi__entropy_bias(m, &h);
}

static double conditional(const grid *g, const mi__measure *m, const margins *s) {
    mi__sum mutual = {0};
    mi__entropy h = {0};
    for (int64_t i = 0; i < g->rows; i++)
        for (int64_t k = 0; k < s->nz; k++) {
            const double cell = g->at[i * g->ld + k], share = cell / m->total;
            const double x = mi__sum_value(&s->xz[i / s->ny * s->nz + k]);
            const double y = mi__sum_value(&s->yz[i % s->ny * s->nz + k]);
            mi__entropy_add(m, cell, &h);
            if (share > 0)
                mi__sum_add(&mutual,
                            share * mi__log_ratio(m->unit, cell, x, y, mi__sum_value(&s->z[k])));
        }
    return fmax(mi__sum_value(&mutual), 0) + bias_of(m, s->xz, s->nx * s->nz) +
           bias_of(m, s->yz, s->ny * s->nz) - mi__entropy_bias(m, &h) - bias_of(m, s->z, s->nz);
}

static mi_status check_triple(int64_t nx, int64_t ny, int64_t nz, const double *table,
                              int32_t correction, grid *g, double *total) {
    MI__TRY(check_size("nx", nx));
    MI__TRY(check_size("ny", ny));
    MI__TRY(check_size("nz", nz));
    *g = (grid){.name = "table", .at = table, .columns = nz, .ld = nz, .pairs = ny};
    if (!mi__multiply(nx, ny, &g->rows))
        return mi__fail(MI_E_SHAPE, "table is too large: %" PRId64 " by %" PRId64 " by %" PRId64,
                        nx, ny, nz);
    return check_grid(g, correction, total);
}

mi_status mi_entropy_conditional(mi_context *context, int64_t nx, int64_t ny, int64_t nz,
                                 const double *table, const mi_entropy_options *options,
                                 double *information) {
    mi__measure m;
    mi_context *own;
    grid g;
    MI__NEED(information);
    MI__TRY(mi__measure_load(options, &m));
    MI__TRY(check_triple(nx, ny, nz, table, m.correction, &g, &m.total));
    MI__TRY(mi__context_take(context, &own));
    margins s = {.nx = nx, .ny = ny, .nz = nz};
    s.xz = make_sums(own, nx * nz);
    s.yz = make_sums(own, ny * nz);
    s.z = make_sums(own, nz);
    const bool fine = s.xz != NULL && s.yz != NULL && s.z != NULL;
    if (fine) {
        sum_margins(&g, &s);
        *information = conditional(&g, &m, &s);
    }
    mi__free(own, s.z, nz, sizeof *s.z);
    mi__free(own, s.yz, ny * nz, sizeof *s.yz);
    mi__free(own, s.xz, nx * nz, sizeof *s.xz);
    mi_context_destroy(own);
    return fine ? MI_OK : MI_E_NOMEM;
}
