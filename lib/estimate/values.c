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

/* Keys are not written down unless they are the caller's. */
typedef struct keys {
    enum { GIVEN, PAIR, WHOLE, NUMBER } kind;
    int64_t n;
    uint64_t range;                 /* 0: not known */
    const uint64_t *given;          /* [n] */
    const uint32_t *first, *second; /* [n], of pairs */
    uint64_t stride;                /* of the first */
    const double *x;                /* every d-th: whole numbers less `least`, or any */
    int64_t d;
    double least;
} keys;

static inline uint64_t key_at(const keys *k, int64_t i) {
    switch (k->kind) {
    case GIVEN: return k->given[i];
    case PAIR: return k->first[i] * k->stride + k->second[i];
    case WHOLE: return (uint64_t)(int64_t)(k->x[i * k->d] - k->least);
    default: return mi__order_key(k->x[i * k->d]);
    }
}

typedef struct lookup {
    const keys *keys;
    const uint32_t *number;
    uint32_t *label;
} lookup;

static void look_up(void *arg, int64_t begin, int64_t end) {
    const lookup *l = arg;
    const keys k = *l->keys; /* a copy, so that one kind's loop is chosen once */
    for (int64_t i = begin; i < end; i++)
        l->label[i] = l->number[key_at(&k, i)];
}

static mi_status number_table(mi_context *ctx, const keys *all, uint32_t *table, mi__values *v) {
    const keys k = *all;
    int64_t values = 0;
    for (int64_t i = 0; i < k.n; i++)
        table[key_at(&k, i)]++;
    for (uint64_t t = 0; t < k.range; t++)
        values += table[t] != 0;
    MI__TRY(make_room(ctx, values, v));
    values = 0;
    for (uint64_t t = 0; t < k.range; t++)
        if (table[t] != 0) {
            v->key[values] = t;
            v->count[values] = table[t];
            table[t] = (uint32_t)values++;
        }
    lookup l = {all, table, v->label};
    if (v->label != NULL)
        mi__parallel_ranges(ctx, k.n, GRAIN, look_up, &l);
    return MI_OK;
}

static mi_status number_by_table(mi_context *ctx, const keys *k, mi__values *v) {
    uint32_t *table = mi__alloc_zero(ctx, (int64_t)k->range, sizeof *table);
    if (table == NULL)
        return MI_E_NOMEM;
    mi_status status = number_table(ctx, k, table, v);
    mi__free(ctx, table, (int64_t)k->range, sizeof *table);
    return status;
}

static mi_status number_entries(mi_context *ctx, const mi__entry *entry, const keys *k,
                                mi__values *v) {
    int64_t values = 0;
    for (int64_t i = 0; i < k->n; i++)
        values += i == 0 || entry[i].key != entry[i - 1].key;
    MI__TRY(make_room(ctx, values, v));
    values = -1;
    for (int64_t i = 0; i < k->n; i++) {
        if (i == 0 || entry[i].key != entry[i - 1].key) {
            v->key[++values] = entry[i].key;
            v->count[values] = 0;
        }
        v->count[values]++;
        if (v->label != NULL)
            v->label[entry[i].row] = (uint32_t)values;
    }
    return MI_OK;
}

static mi_status number_by_order(mi_context *ctx, const keys *all, mi__values *v) {
    const keys k = *all;
    mi__order o;
    MI__TRY(mi__order_make(ctx, k.n, &o));
    for (int64_t i = 0; i < k.n; i++)
        o.entry[i] = (mi__entry){key_at(&k, i), i};
    mi__order_sort(ctx, &o);
    mi_status status = number_entries(ctx, o.entry, all, v);
    mi__order_free(ctx, &o);
    return status;
}

/* -- pairs: the first's counts tell where its samples go, and then only these are sorted ------- */

static void sort_groups(mi_context *ctx, mi__order *o, const mi__values *first) {
    int64_t begin = 0;
    for (int64_t g = 0; g < first->values; g++) {
        mi__entry *group = o->entry + begin;
        mi__order part = {first->count[g], group, o->spare, o->count, 1};
        mi__order_sort(ctx, &part);
        if (part.entry != group)
            memcpy(group, part.entry, (size_t)part.n * sizeof *group);
        begin += part.n;
    }
}

static mi_status number_by_groups(mi_context *ctx, const keys *k, const mi__values *first,
                                  mi__values *v) {
    mi__order o;
    int64_t *next = mi__alloc(ctx, first->values, sizeof *next), sum = 0;
    if (next == NULL)
        return MI_E_NOMEM;
    mi_status status = mi__order_make(ctx, k->n, &o);
    if (status == MI_OK) {
        for (int64_t g = 0; g < first->values; sum += first->count[g++])
            next[g] = sum;
        for (int64_t i = 0; i < k->n; i++)
            o.entry[next[k->first[i]]++] = (mi__entry){k->first[i] * k->stride + k->second[i], i};
        sort_groups(ctx, &o, first);
        status = number_entries(ctx, o.entry, k, v);
        mi__order_free(ctx, &o);
    }
    mi__free(ctx, next, first->values, sizeof *next);
    return status;
}

/* `first`: what keys are pairs with, or NULL. */
static mi_status number_keys(mi_context *ctx, const keys *k, const mi__values *first, bool labels,
                             mi__values *out) {
    mi__values v = {.n = k->n};
    mi_status status;
    if (labels && (v.label = mi__alloc(ctx, k->n, sizeof *v.label)) == NULL)
        return MI_E_NOMEM;
    if (k->range != 0 && k->range / 4 <= (uint64_t)k->n)
        status = number_by_table(ctx, k, &v);
    else if (first != NULL)
        status = number_by_groups(ctx, k, first, &v);
    else
        status = number_by_order(ctx, k, &v);
    if (status == MI_OK)
        *out = v;
    else
        mi__values_free(ctx, &v);
    return status;
}

mi_status mi__values_number(mi_context *ctx, int64_t n, const uint64_t *key, uint64_t range,
                            bool labels, mi__values *out) {
    const keys k = {.kind = GIVEN, .n = n, .range = range, .given = key};
    return number_keys(ctx, &k, NULL, labels, out);
}

mi_status mi__values_pair(mi_context *ctx, const mi__values *first, const mi__values *second,
                          bool labels, mi__values *out) {
    const keys k = {.kind = PAIR,
                    .n = first->n,
                    .range = (uint64_t)first->values * (uint64_t)second->values,
                    .first = first->label,
                    .second = second->label,
                    .stride = (uint64_t)second->values};
    return number_keys(ctx, &k, first, labels, out);
}

/* -- rows -------------------------------------------------------------------------------------- */

static mi_status number_column(mi_context *ctx, const mi__rows *rows, int64_t column,
                               mi__values *out) {
    const double *x = rows->x + column, magic = 0x1.8p52; /* what is added to it is rounded */
    double least = x[0], most = x[0];
    bool whole = true;
    for (int64_t i = 0; i < rows->n; i++) {
        const double v = x[i * rows->d];
        least = v < least ? v : least;
        most = v > most ? v : most;
        whole &= (v + magic) - magic == v;
    }
    keys k = {.kind = NUMBER, .n = rows->n, .x = x, .d = rows->d, .least = least};
    if (whole && least > -0x1p50 && most < 0x1p50) {
        k.kind = WHOLE;
        k.range = (uint64_t)(most - least) + 1;
    }
    return number_keys(ctx, &k, NULL, true, out);
}

/* Column by column, until all rows are told apart. */
mi_status mi__values_make(mi_context *ctx, const mi__rows *rows, mi__values *out) {
    mi__values v, next, pair;
    MI__TRY(number_column(ctx, rows, 0, &v));
    for (int64_t j = 1; j < rows->d && v.values < rows->n; j++) {
        mi_status status = number_column(ctx, rows, j, &next);
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

mi_status mi__rows_number(mi_context *ctx, const mi__rows *rows, int64_t *label, int64_t *values) {
    mi__values v;
    MI__TRY(mi__values_make(ctx, rows, &v));
    for (int64_t i = 0; i < rows->n; i++)
        label[i] = v.label[i];
    *values = v.values;
    mi__values_free(ctx, &v);
    return MI_OK;
}
