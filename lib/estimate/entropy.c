/* SPDX-License-Identifier: BSD-2-Clause */
/* Two discrete variables, from samples. */
#include "counts.h"

#include <mi/entropy.h>

#include <inttypes.h>

#define PARTS 64 /* of a sum, whatever the number of threads */
#define GRAIN 2048

/* One variable or two, their values counted. */
typedef struct counted {
    mi__values x, y;
} counted;

static void free_counted(mi_context *ctx, counted *c) {
    mi__values_free(ctx, &c->y);
    mi__values_free(ctx, &c->x);
}

static mi_status count_one(mi_context *ctx, const mi_samples *samples, const char *name, int64_t n,
                           mi__values *out) {
    mi__rows rows;
    MI__TRY(mi__rows_make(ctx, samples, name, n, &rows));
    mi_status status = mi__values_make(ctx, &rows, out);
    mi__rows_free(ctx, &rows);
    return status;
}

static mi_status count_both(mi_context *ctx, const mi_samples *x, const mi_samples *y,
                            counted *out) {
    counted c = {0};
    mi_status status = count_one(ctx, x, "x", -1, &c.x);
    if (status == MI_OK && y != NULL)
        status = count_one(ctx, y, "y", c.x.n, &c.y);
    if (status == MI_OK)
        *out = c;
    else
        free_counted(ctx, &c);
    return status;
}

/* -- a table ----------------------------------------------------------------------------------- */

static mi_status fill_table(const counted *c, bool two, int64_t room, int64_t *nx, int64_t *ny,
                            double *table) {
    const int64_t columns = two ? c->y.values : 1;
    int64_t size;
    if (room > 0) {
        if (!mi__multiply(c->x.values, columns, &size) || size > room)
            return mi__fail(MI_E_SHAPE,
                            "room is %" PRId64 ", the table has %" PRId64 " rows of %" PRId64, room,
                            c->x.values, columns);
        for (int64_t i = 0; i < size; i++)
            table[i] = 0;
        for (int64_t i = 0; i < c->x.n; i++)
            table[(int64_t)c->x.label[i] * columns + (two ? c->y.label[i] : 0)] += 1;
    }
    *nx = c->x.values;
    *ny = columns;
    return MI_OK;
}

mi_status mi_entropy_count(mi_context *context, const mi_samples *x, const mi_samples *y,
                           int64_t room, int64_t *nx, int64_t *ny, double *table) {
    mi_context *own;
    counted c;
    MI__NEED(nx);
    MI__NEED(ny);
    if (room < 0)
        return mi__fail(MI_E_ARG, "room must not be negative, got %" PRId64, room);
    if (room > 0)
        MI__NEED(table);
    MI__TRY(mi__context_take(context, &own));
    mi_status status = count_both(own, x, y, &c);
    if (status == MI_OK) {
        status = fill_table(&c, y != NULL, room, nx, ny, table);
        free_counted(own, &c);
    }
    mi_context_destroy(own);
    return status;
}

/* -- everything -------------------------------------------------------------------------------- */

typedef struct work {
    const mi__measure *m;
    const mi__values *x, *y, *xy;
    int64_t parts;
    mi__cells part[PARTS];
} work;

static void sum_part(void *arg, int64_t part) {
    work *w = arg;
    const int64_t values = w->xy->values;
    mi__cells cells = {0};
    for (int64_t v = values * part / w->parts; v < values * (part + 1) / w->parts; v++) {
        const uint64_t key = w->xy->key[v], stride = (uint64_t)w->y->values;
        mi__cells_add(w->m, (double)w->xy->count[v], (double)w->x->count[key / stride],
                      (double)w->y->count[key % stride], &cells);
    }
    w->part[part] = cells;
}

static mi_status inform(mi_context *ctx, const mi__measure *m, const counted *c,
                        mi_information *out) {
    mi__values xy;
    MI__TRY(mi__values_pair(ctx, &c->x, &c->y, false, &xy));
    work w = {.m = m, .x = &c->x, .y = &c->y, .xy = &xy};
    mi__cells cells = {.x = mi__values_entropy(m, w.x), .y = mi__values_entropy(m, w.y)};
    w.parts = MI__MAX(MI__MIN(xy.values / GRAIN, PARTS), 1);
    mi__parallel_for(ctx, w.parts, sum_part, &w);
    for (int64_t i = 0; i < w.parts; i++)
        mi__cells_join(&cells, &w.part[i]);
    mi__cells_report(m, &cells, out);
    mi__values_free(ctx, &xy);
    return MI_OK;
}

mi_status mi_entropy_samples(mi_context *context, const mi_samples *x, const mi_samples *y,
                             const mi_entropy_options *options, mi_information *information) {
    mi__measure m;
    mi_context *own;
    mi_information out;
    counted c;
    MI__NEED(y);
    MI__NEED(information);
    MI__TRY(mi__report_check(information, sizeof out, sizeof out, "mi_information"));
    MI__TRY(mi__measure_load(options, &m));
    MI__TRY(mi__context_take(context, &own));
    mi_status status = count_both(own, x, y, &c);
    if (status == MI_OK) {
        m.total = (double)c.x.n;
        status = inform(own, &m, &c, &out);
        free_counted(own, &c);
    }
    if (status == MI_OK)
        mi__report_store(information, information->struct_size, &out, sizeof out);
    mi_context_destroy(own);
    return status;
}
