/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples, counted by value. Tables of all values that there may be are made only where they are no
 * larger than a few times the samples. */
#include "counts.h"
#include "order.h"

void mi__values_free(mi_context *ctx, mi__values *v) {
    mi__free(ctx, v->sample, v->values, sizeof *v->sample);
    mi__free(ctx, v->count, v->values, sizeof *v->count);
    mi__free(ctx, v->label, v->n, sizeof *v->label);
    *v = (mi__values){0};
}

static mi_status count(mi_context *ctx, mi__values *v) {
    v->count = mi__alloc_zero(ctx, v->values, sizeof *v->count);
    v->sample = mi__alloc(ctx, v->values, sizeof *v->sample);
    if (v->count == NULL || v->sample == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < v->n; i++) {
        v->count[v->label[i]]++;
        v->sample[v->label[i]] = i;
    }
    return MI_OK;
}

/* Numbers either rows or keys. */
static mi_status make(mi_context *ctx, const mi__rows *rows, int64_t n, const uint64_t *key,
                      uint64_t range, mi__values *out) {
    mi__values v = {.n = n};
    v.label = mi__alloc(ctx, n, sizeof *v.label);
    if (v.label == NULL)
        return MI_E_NOMEM;
    mi_status status = rows != NULL ? mi__rows_number(ctx, rows, v.label, &v.values)
                                    : mi__order_number(ctx, n, key, range, v.label, &v.values);
    if (status == MI_OK)
        status = count(ctx, &v);
    if (status == MI_OK)
        *out = v;
    else
        mi__values_free(ctx, &v);
    return status;
}

mi_status mi__values_make(mi_context *ctx, const mi__rows *rows, mi__values *out) {
    return make(ctx, rows, rows->n, NULL, 0, out);
}

mi_status mi__values_number(mi_context *ctx, int64_t n, const uint64_t *key, uint64_t range,
                            mi__values *out) {
    return make(ctx, NULL, n, key, range, out);
}

mi_status mi__values_pair(mi_context *ctx, const mi__values *a, const mi__values *b,
                          mi__values *out) {
    uint64_t *key = mi__alloc(ctx, a->n, sizeof *key);
    if (key == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < a->n; i++)
        key[i] = (uint64_t)a->label[i] * (uint64_t)b->values + (uint64_t)b->label[i];
    mi_status status =
        mi__values_number(ctx, a->n, key, (uint64_t)a->values * (uint64_t)b->values, out);
    mi__free(ctx, key, a->n, sizeof *key);
    return status;
}

mi__entropy mi__values_entropy(const mi__measure *m, const mi__values *values) {
    mi__entropy entropy = {0};
    for (int64_t v = 0; v < values->values; v++)
        mi__entropy_add(m, (double)values->count[v], &entropy);
    return entropy;
}
