/* SPDX-License-Identifier: BSD-2-Clause */
/* From the caller's arrays to rows of finite float64. */
#include "order.h"

#include <inttypes.h>
#include <math.h>

#define MOST_SAMPLES UINT32_MAX /* pairs of their numbers fit into a key */

const char *mi_unit_name(int32_t unit) {
    return unit == MI_UNIT_NATS ? "nats" : unit == MI_UNIT_BITS ? "bits" : "?";
}

static size_t bytes_of(int32_t dtype) {
    switch (dtype) {
    case MI_DTYPE_F64: return sizeof(double);
    case MI_DTYPE_F32: return sizeof(float);
    case MI_DTYPE_I64: return sizeof(int64_t);
    case MI_DTYPE_I32: return sizeof(int32_t);
    default: return sizeof(uint8_t);
    }
}

static mi_status check_array(mi_samples *s, const char *name, int64_t n) {
    int64_t size;
    if (s->data == NULL)
        return mi__fail(MI_E_ARG, "%s.data must not be NULL", name);
    if (s->n < 1)
        return mi__fail(MI_E_ARG, "%s.n must be at least 1, got %" PRId64, name, s->n);
    if (s->d < 0)
        return mi__fail(MI_E_ARG, "%s.d must not be negative, got %" PRId64, name, s->d);
    if (n >= 0 && s->n != n)
        return mi__fail(MI_E_SHAPE, "%s has %" PRId64 " samples, not %" PRId64, name, s->n, n);
    s->d = MI__MAX(s->d, 1);
    if (s->ld != 0 && s->ld < s->d)
        return mi__fail(MI_E_SHAPE, "%s.ld is %" PRId64 ", its rows have %" PRId64 " numbers", name,
                        s->ld, s->d);
    s->ld = s->ld == 0 ? s->d : s->ld;
    if (s->n > MOST_SAMPLES || !mi__multiply(s->n, s->ld, &size) ||
        !mi__multiply(size, sizeof(double), &size))
        return mi__fail(MI_E_SHAPE, "%s is too large: %" PRId64 " rows of %" PRId64, name, s->n,
                        s->ld);
    return MI_OK;
}

static mi_status load(const mi_samples *samples, const char *name, int64_t n, mi_samples *out) {
    mi_samples s = {.struct_size = sizeof s};
    if (samples == NULL)
        return mi__fail(MI_E_ARG, "%s must not be NULL", name);
    MI__TRY(mi__options_load(&s, sizeof s, sizeof s, samples, "mi_samples"));
    if (s.dtype < MI_DTYPE_F64 || s.dtype > MI_DTYPE_U8)
        return mi__fail(MI_E_ARG, "%s.dtype must be an mi_dtype, got %" PRId32, name, s.dtype);
    if (s.kind < MI_KIND_AUTO || s.kind > MI_KIND_DISCRETE)
        return mi__fail(MI_E_ARG, "%s.kind must be an mi_kind, got %" PRId32, name, s.kind);
    MI__TRY(check_array(&s, name, n));
    *out = s;
    return MI_OK;
}

/* -- copying ----------------------------------------------------------------------------------- */

typedef struct copy {
    const mi_samples *from;
    double *to;
    atomic_llong first_bad; /* the first element that isn't finite */
} copy;

#define CONVERT(type)                                                                              \
    for (int64_t j = 0; j < d; j++)                                                                \
    to[j] = (double)((const type *)row)[j] + 0.0 /* no -0 */

static void copy_row(int32_t dtype, const char *row, int64_t d, double *to) {
    switch (dtype) {
    case MI_DTYPE_F64: CONVERT(double); break;
    case MI_DTYPE_F32: CONVERT(float); break;
    case MI_DTYPE_I64: CONVERT(int64_t); break;
    case MI_DTYPE_I32: CONVERT(int32_t); break;
    default: CONVERT(uint8_t); break;
    }
}

static void find_bad(copy *c, int64_t begin, int64_t end) {
    int64_t i = begin;
    while (i < end && isfinite(c->to[i]))
        i++;
    long long known = atomic_load(&c->first_bad);
    while (i < end && i < known && !atomic_compare_exchange_weak(&c->first_bad, &known, i))
        ;
}

static void copy_rows(void *arg, int64_t begin, int64_t end) {
    copy *c = arg;
    const int64_t d = c->from->d, stride = c->from->ld;
    const size_t bytes = bytes_of(c->from->dtype);
    const char *data = c->from->data;
    if (stride == d) /* one long row is faster than many short ones */
        copy_row(c->from->dtype, data + (size_t)(begin * d) * bytes, (end - begin) * d,
                 c->to + begin * d);
    else
        for (int64_t i = begin; i < end; i++)
            copy_row(c->from->dtype, data + (size_t)(i * stride) * bytes, d, c->to + i * d);
    find_bad(c, begin * d, end * d);
}

static mi_status copy_all(mi_context *ctx, const mi_samples *s, const char *name, double *to) {
    copy c = {.from = s, .to = to};
    atomic_init(&c.first_bad, INT64_MAX);
    mi__parallel_ranges(ctx, s->n, MI__MAX(65536 / s->d, 1), copy_rows, &c);
    int64_t bad = atomic_load(&c.first_bad);
    if (bad == INT64_MAX)
        return MI_OK;
    const char *what = isnan(to[bad]) ? "NaN" : to[bad] > 0 ? "infinity" : "-infinity";
    if (s->d == 1)
        return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "] is %s", name, bad, what);
    return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "][%" PRId64 "] is %s", name, bad / s->d,
                    bad % s->d, what);
}

/* -- kinds ------------------------------------------------------------------------------------- */

static bool all_whole(int64_t count, const double *x) {
    for (int64_t i = 0; i < count; i++)
        if (!mi__whole(x[i]))
            return false;
    return true;
}

static mi_status decide_kind(mi_context *ctx, const mi_samples *s, mi__rows *rows) {
    rows->discrete =
        s->kind == MI_KIND_DISCRETE || (s->kind == MI_KIND_AUTO && s->dtype >= MI_DTYPE_I64);
    if (s->kind != MI_KIND_AUTO || rows->discrete || !all_whole(s->n * s->d, rows->x))
        return MI_OK;
    mi__values v;
    MI__TRY(mi__values_make(ctx, rows, &v));
    rows->discrete = v.values <= s->n / 10;
    mi__values_free(ctx, &v);
    return MI_OK;
}

mi_status mi__rows_make(mi_context *ctx, const mi_samples *samples, const char *name, int64_t n,
                        mi__rows *out) {
    mi_samples s;
    MI__TRY(load(samples, name, n, &s));
    double *x = mi__alloc(ctx, s.n * s.d, sizeof *x);
    if (x == NULL)
        return MI_E_NOMEM;
    mi__rows rows = {.n = s.n, .d = s.d, .x = x};
    mi_status status = copy_all(ctx, &s, name, x);
    if (status == MI_OK)
        status = decide_kind(ctx, &s, &rows);
    if (status == MI_OK)
        *out = rows;
    else
        mi__free(ctx, x, s.n * s.d, sizeof *x);
    return status;
}

void mi__rows_free(mi_context *ctx, mi__rows *rows) {
    if (rows->d > 0)
        mi__free(ctx, (double *)rows->x, rows->n * rows->d, sizeof *rows->x);
    *rows = (mi__rows){0};
}

/* -- questions about rows ---------------------------------------------------------------------- */

bool mi__rows_constant(const mi__rows *rows) {
    for (int64_t i = rows->d; i < rows->n * rows->d; i++)
        if (rows->x[i] != rows->x[i - rows->d])
            return false;
    return true;
}

void mi__rows_order(mi_context *ctx, const mi__rows *rows, int64_t column, mi__order *order) {
    for (int64_t i = 0; i < rows->n; i++)
        order->entry[i] = (mi__entry){mi__order_key(rows->x[i * rows->d + column]), i};
    mi__order_sort(ctx, order);
}

/* A table of at least twice as many places as there are values, each where its hash says or in one
 * of the next. */
typedef struct place {
    uint64_t key;
    int64_t count; /* 0: free */
} place;

/* NULL: crowded, as only values that were made for it are. */
static place *place_of(place *table, int bits, uint64_t key) {
    const uint64_t last = ((uint64_t)1 << bits) - 1;
    uint64_t i = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits);
    for (int tries = 0; tries < 256; tries++, i = (i + 1) & last)
        if (table[i].count == 0 || table[i].key == key)
            return &table[i];
    return NULL;
}

static mi_status count_ties_in_order(mi_context *ctx, const mi__rows *rows, int64_t column,
                                     int64_t *ties) {
    mi__order o;
    MI__TRY(mi__order_make(ctx, rows->n, &o));
    mi__rows_order(ctx, rows, column, &o);
    *ties = 0;
    for (int64_t begin = 0, end; begin < rows->n; begin = end) {
        end = mi__order_run(&o, begin);
        *ties += end - begin > 1 ? end - begin : 0;
    }
    mi__order_free(ctx, &o);
    return MI_OK;
}

static mi_status count_ties(mi_context *ctx, const mi__rows *rows, int64_t column, place *table,
                            int bits, int64_t *ties) {
    *ties = 0;
    memset(table, 0, sizeof *table << bits);
    for (int64_t i = 0; i < rows->n; i++) {
        const uint64_t key = mi__order_key(rows->x[i * rows->d + column]);
        place *p = place_of(table, bits, key);
        if (p == NULL)
            return count_ties_in_order(ctx, rows, column, ties);
        p->key = key;
        p->count++;
        *ties += p->count == 2 ? 2 : p->count > 2;
    }
    return MI_OK;
}

mi_status mi__rows_ties(mi_context *ctx, const mi__rows *rows, int64_t *ties) {
    int bits = 1;
    while ((int64_t)1 << bits < 2 * rows->n)
        bits++;
    place *table = mi__alloc(ctx, (int64_t)1 << bits, sizeof *table);
    if (table == NULL)
        return MI_E_NOMEM;
    mi_status status = MI_OK;
    *ties = 0;
    for (int64_t j = 0; status == MI_OK && j < rows->d; j++) {
        int64_t own = 0;
        status = count_ties(ctx, rows, j, table, bits, &own);
        *ties = MI__MAX(*ties, own);
    }
    mi__free(ctx, table, (int64_t)1 << bits, sizeof *table);
    return status;
}
