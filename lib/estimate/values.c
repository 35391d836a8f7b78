/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers for the values that occur. Tables of all that there may be are made only where they are
 * no larger than a few times the samples. */
#include "order.h"

#define GRAIN 16384

void mi__values_free(mi_context *ctx, mi__values *v) {
    mi__free(ctx, v->count, v->values, sizeof *v->count);
    mi__free(ctx, v->key, v->values, sizeof *v->key);
    mi__free(ctx, v->label, v->n, sizeof *v->label);
    *v = (mi__values){0};
}

static mi_status make_room(mi_context *ctx, int64_t values, mi__values *v) {
    v->values = values;
    v->key = mi__alloc(ctx, values, sizeof *v->key);
    v->count = mi__alloc(ctx, values, sizeof *v->count);
    return v->key != NULL && v->count != NULL ? MI_OK : MI_E_NOMEM;
}

/* -- keys -------------------------------------------------------------------------------------- */

typedef struct lookup {
    const uint64_t *key;
    const uint32_t *number;
    uint32_t *label;
} lookup;

static void look_up(void *arg, int64_t begin, int64_t end) {
    const lookup *l = arg;
    for (int64_t i = begin; i < end; i++)
        l->label[i] = l->number[l->key[i]];
}

static mi_status number_table(mi_context *ctx, const uint64_t *key, int64_t range, uint32_t *table,
                              mi__values *v) {
    int64_t values = 0;
    for (int64_t i = 0; i < v->n; i++)
        table[key[i]]++;
    for (int64_t k = 0; k < range; k++)
        values += table[k] != 0;
    MI__TRY(make_room(ctx, values, v));
    values = 0;
    for (int64_t k = 0; k < range; k++)
        if (table[k] != 0) {
            v->key[values] = (uint64_t)k;
            v->count[values] = table[k];
            table[k] = (uint32_t)values++;
        }
    lookup l = {key, table, v->label};
    if (v->label != NULL)
        mi__parallel_ranges(ctx, v->n, GRAIN, look_up, &l);
    return MI_OK;
}

static mi_status number_by_table(mi_context *ctx, const uint64_t *key, int64_t range,
                                 mi__values *v) {
    uint32_t *table = mi__alloc_zero(ctx, range, sizeof *table);
    if (table == NULL)
        return MI_E_NOMEM;
    mi_status status = number_table(ctx, key, range, table, v);
    mi__free(ctx, table, range, sizeof *table);
    return status;
}

static mi_status number_order(mi_context *ctx, const mi__order *o, mi__values *v) {
    int64_t values = 0;
    for (int64_t i = 0; i < v->n; i++)
        values += i == 0 || o->entry[i].key != o->entry[i - 1].key;
    MI__TRY(make_room(ctx, values, v));
    values = 0;
    for (int64_t begin = 0, end; begin < v->n; begin = end, values++) {
        end = mi__order_run(o, begin);
        v->key[values] = o->entry[begin].key;
        v->count[values] = end - begin;
        for (int64_t i = begin; i < end && v->label != NULL; i++)
            v->label[o->entry[i].row] = (uint32_t)values;
    }
    return MI_OK;
}

static mi_status number_by_order(mi_context *ctx, const uint64_t *key, mi__values *v) {
    mi__order o;
    MI__TRY(mi__order_make(ctx, v->n, &o));
    for (int64_t i = 0; i < v->n; i++)
        o.entry[i] = (mi__entry){key[i], i};
    mi__order_sort(ctx, &o);
    mi_status status = number_order(ctx, &o, v);
    mi__order_free(ctx, &o);
    return status;
}

mi_status mi__values_number(mi_context *ctx, int64_t n, const uint64_t *key, uint64_t range,
                            bool labels, mi__values *out) {
    mi__values v = {.n = n};
    if (labels && (v.label = mi__alloc(ctx, n, sizeof *v.label)) == NULL)
        return MI_E_NOMEM;
    mi_status status = range != 0 && range / 4 <= (uint64_t)n
                           ? number_by_table(ctx, key, (int64_t)range, &v)
                           : number_by_order(ctx, key, &v);
    if (status == MI_OK)
        *out = v;
    else
        mi__values_free(ctx, &v);
    return status;
}

/* -- pairs ------------------------------------------------------------------------------------- */

typedef struct pairing {
    const mi__values *first, *second;
    uint64_t *key;
} pairing;

static void pair_up(void *arg, int64_t begin, int64_t end) {
    const pairing *p = arg;
    const uint64_t stride = (uint64_t)p->second->values;
    for (int64_t i = begin; i < end; i++)
        p->key[i] = (uint64_t)p->first->label[i] * stride + (uint64_t)p->second->label[i];
}

mi_status mi__values_pair(mi_context *ctx, const mi__values *first, const mi__values *second,
                          bool labels, mi__values *out) {
    pairing p = {first, second, mi__alloc(ctx, first->n, sizeof *p.key)};
    if (p.key == NULL)
        return MI_E_NOMEM;
    mi__parallel_ranges(ctx, first->n, GRAIN, pair_up, &p);
    mi_status status = mi__values_number(
        ctx, first->n, p.key, (uint64_t)first->values * (uint64_t)second->values, labels, out);
    mi__free(ctx, p.key, first->n, sizeof *p.key);
    return status;
}

/* -- rows -------------------------------------------------------------------------------------- */

typedef struct column {
    const mi__rows *rows;
    int64_t at;
    uint64_t *key;
    double least;
    bool whole; /* then keys are small */
} column;

static void fill_keys(void *arg, int64_t begin, int64_t end) {
    const column *c = arg;
    const double *x = c->rows->x + c->at;
    const int64_t d = c->rows->d;
    for (int64_t i = begin; i < end; i++)
        c->key[i] = c->whole ? (uint64_t)(int64_t)(x[i * d] - c->least) : mi__order_key(x[i * d]);
}

static mi_status number_column(mi_context *ctx, const mi__rows *rows, int64_t at, uint64_t *key,
                               mi__values *out) {
    const double *x = rows->x + at;
    double least = x[0], most = x[0];
    bool whole = true;
    for (int64_t i = 0; i < rows->n; i++) {
        const double v = x[i * rows->d];
        least = v < least ? v : least;
        most = v > most ? v : most;
        whole = whole && mi__whole(v);
    }
    whole = whole && least > -0x1p52 && most < 0x1p52; /* differences are exact */
    column c = {.rows = rows, .at = at, .key = key, .least = least, .whole = whole};
    mi__parallel_ranges(ctx, rows->n, GRAIN, fill_keys, &c);
    return mi__values_number(ctx, rows->n, key, whole ? (uint64_t)(most - least) + 1 : 0, true,
                             out);
}

/* Column by column, until all rows are told apart. */
static mi_status number_columns(mi_context *ctx, const mi__rows *rows, uint64_t *key,
                                mi__values *out) {
    mi__values v, next, pair;
    MI__TRY(number_column(ctx, rows, 0, key, &v));
    for (int64_t j = 1; j < rows->d && v.values < rows->n; j++) {
        mi_status status = number_column(ctx, rows, j, key, &next);
        if (status == MI_OK) {
            status = mi__values_pair(ctx, &v, &next, true, &pair);
            mi__values_free(ctx, &next);
        }
        mi__values_free(ctx, &v);
        MI__TRY(status);
        v = pair;
    }
    *out = v;
    return MI_OK;
}

mi_status mi__values_make(mi_context *ctx, const mi__rows *rows, mi__values *out) {
    uint64_t *key = mi__alloc(ctx, rows->n, sizeof *key);
    if (key == NULL)
        return MI_E_NOMEM;
    mi_status status = number_columns(ctx, rows, key, out);
    mi__free(ctx, key, rows->n, sizeof *key);
    return status;
}

mi_status mi__rows_number(mi_context *ctx, const mi__rows *rows, int64_t *label, int64_t *values) {
    mi__values v;
    MI__TRY(mi__values_make(ctx, rows, &v));
    for (int64_t i = 0; i < rows->n; i++)
        label[i] = v.label[i];
    *values = v.values;
    mi__values_free(ctx, &v);
    return MI_OK;
}
