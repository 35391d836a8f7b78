/* SPDX-License-Identifier: BSD-2-Clause */
/* From arrays to rows: types, checks, kinds, scale, noise, numbers. */
#include "failing.h"

#include "../../lib/base/random.h"
#include "../../lib/estimate/order.h"

#define ANY (-1)

static mi_samples array(int32_t dtype, const void *data, int64_t n, int64_t d) {
    return (mi_samples){
        .struct_size = sizeof(mi_samples), .data = data, .n = n, .d = d, .dtype = dtype};
}

static mi_context *threads(int32_t count) {
    mi_context_options o = {.struct_size = sizeof o, .threads = count};
    mi_context *ctx;
    OK(mi_context_create(&o, &ctx));
    return ctx;
}

/* Rows of the test's own numbers, with a context of one thread. */
static mi__rows rows_of(mi_context *ctx, const double *x, int64_t n, int64_t d) {
    mi_samples s = array(MI_DTYPE_F64, x, n, d);
    mi__rows rows;
    OK(mi__rows_make(ctx, &s, "x", ANY, &rows));
    return rows;
}

#define EQUAL(rows, ...)                                                                           \
    do {                                                                                           \
        const double equal_to[] = {__VA_ARGS__};                                                   \
        ck_assert_int_eq((rows).n *(rows).d, sizeof equal_to / sizeof equal_to[0]);                \
        for (size_t equal_i = 0; equal_i < sizeof equal_to / sizeof equal_to[0]; equal_i++)        \
            ck_assert_msg((rows).x[equal_i] == equal_to[equal_i], "%zu: %.17g, not %.17g",         \
                          equal_i, (rows).x[equal_i], equal_to[equal_i]);                          \
    } while (0)

START_TEST(test_types) {
    mi_context *ctx = threads(1);
    const double f64[] = {1.5, -2, 3e300, -0.0};
    const float f32[] = {1.5F, -2, 3, 0.1F};
    const int64_t i64[] = {1, -2, (int64_t)1 << 53, 4};
    const int32_t i32[] = {1, -2, INT32_MIN, INT32_MAX};
    const uint8_t u8[] = {0, 1, 255, 128};
    const void *data[] = {f64, f32, i64, i32, u8};
    const double expected[5][4] = {{1.5, -2, 3e300, 0},
                                   {1.5, -2, 3, (double)0.1F},
                                   {1, -2, 0x1p53, 4},
                                   {1, -2, INT32_MIN, INT32_MAX},
                                   {0, 1, 255, 128}};
    for (int32_t dtype = 0; dtype < 5; dtype++) {
        mi_samples s = array(dtype, data[dtype], 2, 2);
        mi__rows rows;
        OK(mi__rows_make(ctx, &s, "x", 2, &rows));
        ck_assert(rows.n == 2 && rows.d == 2 && rows.discrete == (dtype >= MI_DTYPE_I64));
        for (int i = 0; i < 4; i++)
            ck_assert(rows.x[i] == expected[dtype][i] && !signbit(rows.x[i]) == !(rows.x[i] < 0));
        mi__rows_free(ctx, &rows);
        s.n = 2, s.d = 0, s.ld = 3; /* one column of a wider array */
        OK(mi__rows_make(ctx, &s, "x", ANY, &rows));
        ck_assert(rows.n == 2 && rows.d == 1 && rows.x[0] == expected[dtype][0] &&
                  rows.x[1] == expected[dtype][3]);
        mi__rows_free(ctx, &rows);
        ck_assert(rows.x == NULL && rows.d == 0);
        mi__rows_free(ctx, &rows);
    }
    mi_context_destroy(ctx);
}
END_TEST

#define REFUSES(code, text, member, value)                                                         \
    do {                                                                                           \
        mi_samples bad = s;                                                                        \
        bad.member = (value);                                                                      \
        FAILS(code, text, mi__rows_make(ctx, &bad, "y", 5, &rows));                                \
    } while (0)

START_TEST(test_refuses) {
    mi_context *ctx = threads(2);
    double x[10] = {0};
    mi__rows rows = {.n = 77};
    mi_samples s = array(MI_DTYPE_F64, x, 5, 2);
    FAILS(MI_E_ARG, "y must not be NULL", mi__rows_make(ctx, NULL, "y", ANY, &rows));
    REFUSES(MI_E_ABI, "struct_size", struct_size, 8);
    REFUSES(MI_E_ARG, "y.data", data, NULL);
    REFUSES(MI_E_ARG, "y.n must be at least 1, got 0", n, 0);
    REFUSES(MI_E_ARG, "got -3", n, -3);
    REFUSES(MI_E_SHAPE, "y has 4 samples, not 5", n, 4);
    REFUSES(MI_E_ARG, "y.d must not be negative, got -1", d, -1);
    REFUSES(MI_E_SHAPE, "y.ld is 1, its rows have 2", ld, 1);
    REFUSES(MI_E_SHAPE, "y.ld is -2", ld, -2);
    REFUSES(MI_E_ARG, "y.dtype must be an mi_dtype, got 5", dtype, 5);
    REFUSES(MI_E_ARG, "got -1", dtype, -1);
    REFUSES(MI_E_ARG, "y.kind must be an mi_kind, got 3", kind, 3);
    REFUSES(MI_E_SHAPE, "y is too large", ld, INT64_MAX / 8);
    REFUSES(MI_E_SHAPE, "y is too large", d, INT64_MAX);
    mi_samples many = array(MI_DTYPE_U8, x, (int64_t)1 << 40, 1);
    FAILS(MI_E_SHAPE, "too large", mi__rows_make(ctx, &many, "y", ANY, &rows));
    x[7] = NAN;
    FAILS(MI_E_NUMERIC, "y[3][1] is NaN", mi__rows_make(ctx, &s, "y", ANY, &rows));
    x[4] = INFINITY;
    FAILS(MI_E_NUMERIC, "y[2][0] is infinity", mi__rows_make(ctx, &s, "y", ANY, &rows));
    x[2] = -INFINITY;
    s.d = 1, s.n = 10;
    FAILS(MI_E_NUMERIC, "y[2] is -infinity", mi__rows_make(ctx, &s, "y", ANY, &rows));
    ck_assert_int_eq(rows.n, 77);
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(test_first_bad) { /* whichever thread finds it */
    enum { N = 400000 };
    float *x = calloc(N, sizeof *x);
    mi__rows rows;
    for (int32_t count = 1; count <= 3; count++) {
        mi_context *ctx = threads(count);
        mi_samples s = array(MI_DTYPE_F32, x, N, 1);
        x[399999] = x[123456] = x[200001] = NAN;
        FAILS(MI_E_NUMERIC, "x[123456] is NaN", mi__rows_make(ctx, &s, "x", ANY, &rows));
        x[123456] = x[200001] = 0;
        FAILS(MI_E_NUMERIC, "x[399999] is NaN", mi__rows_make(ctx, &s, "x", ANY, &rows));
        mi_context_destroy(ctx);
    }
    free(x);
}
END_TEST

static bool discrete(const double *x, int64_t n, int64_t d, int32_t kind) {
    mi_context *ctx = threads(1);
    mi_samples s = array(MI_DTYPE_F64, x, n, d);
    mi__rows rows;
    s.kind = kind;
    OK(mi__rows_make(ctx, &s, "x", ANY, &rows));
    bool answer = rows.discrete;
    mi__rows_free(ctx, &rows);
    mi_context_destroy(ctx);
    return answer;
}

START_TEST(test_kinds) {
    double x[60];
    for (int i = 0; i < 60; i++)
        x[i] = i % 3;
    ck_assert(discrete(x, 30, 1, MI_KIND_AUTO));  /* 3 values of 30 */
    ck_assert(!discrete(x, 29, 1, MI_KIND_AUTO)); /* would need 30 */
    ck_assert(discrete(x, 29, 1, MI_KIND_DISCRETE));
    ck_assert(discrete(x, 30, 2, MI_KIND_AUTO)); /* 01, 20, 12 */
    x[59] = 7;
    ck_assert(!discrete(x, 30, 2, MI_KIND_AUTO)); /* and 17 */
    x[5] = 2.5;
    ck_assert(!discrete(x, 30, 1, MI_KIND_AUTO));
    ck_assert(!discrete(x, 20, 1, MI_KIND_CONTINUOUS));
    const uint8_t u8[] = {1, 2};
    mi_samples s = array(MI_DTYPE_U8, u8, 2, 1);
    mi_context *ctx = threads(1);
    mi__rows rows;
    s.kind = MI_KIND_CONTINUOUS;
    OK(mi__rows_make(ctx, &s, "x", ANY, &rows));
    ck_assert(!rows.discrete);
    mi__rows_free(ctx, &rows);
    mi_context_destroy(ctx);
}
END_TEST

/* -- scale ------------------------------------------------------------------------------------- */

START_TEST(test_standard) {
    mi_context *ctx = threads(2);
    mi__rows rows = rows_of(ctx, (const double[]){1, 5, -3, 3, 5, -1}, 3, 2);
    OK(mi__rows_prepare(ctx, &rows, MI_SCALE_NONE, 0, 0, 0));
    EQUAL(rows, 1, 5, -3, 3, 5, -1);
    OK(mi__rows_prepare(ctx, &rows, MI_SCALE_STANDARD, 0, 0, 0));
    for (int j = 0; j < 2; j++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < 3; i++) {
            sum += rows.x[2 * i + j];
            squares += rows.x[2 * i + j] * rows.x[2 * i + j];
        }
        ck_assert(fabs(sum) < 1e-15 && fabs(squares - 3) < 1e-14);
    }
    ck_assert(fabs(rows.x[0]) < 1e-15 && fabs(rows.x[4] - sqrt(1.5)) < 1e-15);
    mi__rows_free(ctx, &rows);
    rows = rows_of(ctx, (const double[]){0.1, 7, 0.1, 8, 0.1, 9}, 3, 2);
    OK(mi__rows_prepare(ctx, &rows, MI_SCALE_STANDARD, 0, 0, 0));
    ck_assert(rows.x[0] == 0 && rows.x[2] == 0 && rows.x[4] == 0); /* not noise of rounding */
    ck_assert(fabs(rows.x[5] - sqrt(1.5)) < 1e-15);
    mi__rows_free(ctx, &rows);
    static const double huge[] = {1.7e308, -1.7e308, 1e-320, 3e-320, 1e-200, 3e-200};
    for (int i = 0; i < 6; i += 2) { /* neither overflow nor underflow */
        rows = rows_of(ctx, huge + i, 2, 1);
        OK(mi__rows_prepare(ctx, &rows, MI_SCALE_STANDARD, 0, 0, 0));
        double sign = i == 0 ? 1 : -1;
        ck_assert_msg(fabs(rows.x[0] - sign) < 1e-14 && fabs(rows.x[1] + sign) < 1e-14, "%g %g",
                      rows.x[0], rows.x[1]);
        mi__rows_free(ctx, &rows);
    }
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(test_rank) {
    mi_context *ctx = threads(2);
    mi__rows rows = rows_of(ctx, (const double[]){5, 1, -2, 1, 0, 1, 5, 1, 5, 2}, 5, 2);
    OK(mi__rows_prepare(ctx, &rows, MI_SCALE_RANK, 0, 0, 0));
    const double p[] = {.7, .4, .1, .4, .3, .4, .7, .4, .7, .9};
    for (int i = 0; i < 10; i++)
        ck_assert_msg(fabs(rows.x[i] - mi__normal_quantile(p[i])) < 1e-15, "%d: %g", i, rows.x[i]);
    mi__rows_free(ctx, &rows);
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(test_rank_of_many) { /* equal numbers reach over what a thread does */
    enum { MANY = 30000 };
    double *x = malloc(MANY * sizeof *x);
    for (int i = 0; i < MANY; i++)
        x[i] = i * 7 % MANY < 10000 ? -1 : i * 7 % MANY < 29000 ? 2 : i;
    for (int32_t count = 1; count <= 3; count++) {
        mi_context *ctx = threads(count);
        mi__rows rows = rows_of(ctx, x, MANY, 1);
        OK(mi__rows_prepare(ctx, &rows, MI_SCALE_RANK, 0, 0, 0));
        for (int i = 0; i < MANY; i++)
            ck_assert(x[i] > 2 ||
                      rows.x[i] == mi__normal_quantile(x[i] < 0 ? 5000. / MANY : 19500. / MANY));
        mi__rows_free(ctx, &rows);
        mi_context_destroy(ctx);
    }
    free(x);
}
END_TEST

/* -- noise ------------------------------------------------------------------------------------- */

START_TEST(test_noise) {
    enum { N = 20000 };
    double *x = malloc(2 * N * sizeof *x), *first = malloc(2 * N * sizeof *first);
    for (int i = 0; i < N; i++) {
        x[2 * i] = i % 2 == 0 ? 3 : -3; /* deviation 3 */
        x[2 * i + 1] = 4;               /* 0 */
    }
    for (int32_t count = 1; count <= 3; count++) {
        mi_context *ctx = threads(count);
        mi__rows rows = rows_of(ctx, x, N, 2);
        OK(mi__rows_prepare(ctx, &rows, MI_SCALE_NONE, 0.01, 9, 1));
        if (count == 1)
            memcpy(first, rows.x, 2 * N * sizeof *x);
        ck_assert_mem_eq(first, rows.x, 2 * N * sizeof *x);
        double sum = 0, squares = 0;
        for (int i = 0; i < N; i++) {
            double e = rows.x[2 * i] - x[2 * i];
            ck_assert(rows.x[2 * i + 1] == 4);
            sum += e;
            squares += e * e;
        }
        ck_assert(fabs(sum / N) < 4 * 0.03 / sqrt(N) && fabs(sqrt(squares / N) / 0.03 - 1) < 0.02);
        mi__rows_free(ctx, &rows);
        for (uint64_t other = 0; other < 2; other++) { /* another seed, another variable */
            rows = rows_of(ctx, x, N, 2);
            OK(mi__rows_prepare(ctx, &rows, MI_SCALE_NONE, 0.01, 9 + other, 1 + !(uint32_t)other));
            ck_assert(rows.x[0] != first[0] && rows.x[2] != first[2]);
            mi__rows_free(ctx, &rows);
        }
        mi_context_destroy(ctx);
    }
    free(first);
    free(x);
}
END_TEST

/* -- order and numbers ------------------------------------------------------------------------- */

START_TEST(test_number) {
    mi_context *ctx = threads(1);
    int64_t label[6], values, ties;
    mi__rows rows = rows_of(ctx, (const double[]){2, -1.5, 2, 1e300, -0.0, 0}, 6, 1);
    OK(mi__rows_number(ctx, &rows, label, &values));
    const int64_t by_one[] = {2, 0, 2, 3, 1, 1};
    ck_assert_int_eq(values, 4);
    ck_assert_mem_eq(label, by_one, sizeof by_one);
    OK(mi__rows_ties(ctx, &rows, &ties));
    ck_assert_int_eq(ties, 4);
    ck_assert(!mi__rows_constant(&rows));
    mi__rows_free(ctx, &rows);
    rows = rows_of(ctx, (const double[]){1e300, 5, -1e300, 5}, 4, 1); /* whole, but not small */
    OK(mi__rows_number(ctx, &rows, label, &values));
    const int64_t by_size[] = {2, 1, 0, 1};
    ck_assert_mem_eq(label, by_size, sizeof by_size);
    mi__rows_free(ctx, &rows);
    rows = rows_of(ctx, (const double[]){1, 2, 0, 9, 1, 2, 1, -3, 1, 2}, 5, 2);
    OK(mi__rows_number(ctx, &rows, label, &values));
    const int64_t by_two[] = {2, 0, 2, 1, 2};
    ck_assert_int_eq(values, 3);
    ck_assert_mem_eq(label, by_two, sizeof by_two);
    OK(mi__rows_ties(ctx, &rows, &ties));
    ck_assert_int_eq(ties, 4);
    mi__rows_free(ctx, &rows);
    rows = rows_of(ctx, (const double[]){7, 8, 7, 8, 7, 8}, 3, 2);
    ck_assert(mi__rows_constant(&rows));
    mi__rows_free(ctx, &rows);
    rows = rows_of(ctx, (const double[]){7, 8}, 1, 2);
    ck_assert(mi__rows_constant(&rows));
    mi__rows_free(ctx, &rows);
    mi_context_destroy(ctx);
}
END_TEST

static int64_t compared_columns;

static int compare_rows(const void *a, const void *b) {
    const double *x = a, *y = b;
    for (int64_t j = 0; j < compared_columns; j++)
        if (x[j] != y[j])
            return x[j] < y[j] ? -1 : 1;
    return 0;
}

/* The same by the C library: sort, drop equal ones, look each row up. */
static int64_t number_plainly(const mi__rows *rows, int64_t *label) {
    const size_t bytes = (size_t)rows->d * sizeof(double);
    double *sorted = malloc((size_t)rows->n * bytes);
    int64_t values = 0;
    memcpy(sorted, rows->x, (size_t)rows->n * bytes);
    compared_columns = rows->d;
    qsort(sorted, (size_t)rows->n, bytes, compare_rows);
    for (int64_t i = 0; i < rows->n; i++)
        if (i == 0 || compare_rows(sorted + i * rows->d, sorted + (i - 1) * rows->d) != 0)
            memmove(sorted + values++ * rows->d, sorted + i * rows->d, bytes);
    for (int64_t i = 0; i < rows->n; i++) {
        double *found = bsearch(rows->x + i * rows->d, sorted, (size_t)values, bytes, compare_rows);
        label[i] = (found - sorted) / rows->d;
    }
    free(sorted);
    return values;
}

/* Numbers of many kinds, so that every way of sorting is taken. */
static double draw(mi__random *r, int kind) {
    switch (kind) {
    case 0: return mi__random_normal(r);
    case 1: return floor(mi__random_normal(r) * 10);
    case 2: return floor(mi__random_normal(r) * 1e12);
    case 3: return ldexp(mi__random_normal(r), (int)mi__random_below(r, 2000) - 1000);
    case 4: return floor(mi__random_uniform(r) * 4) / 4;
    default: return mi__random_below(r, 2) != 0 ? 1e17 : -0x1p60;
    }
}

START_TEST(test_number_plainly) {
    static const int64_t sizes[][2] = {{1, 1},   {2, 1},   {47, 3},     {48, 1},   {49, 1},
                                       {500, 1}, {500, 5}, {200000, 1}, {20000, 2}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int kind = 0; kind < 6; kind++) {
            const int64_t n = sizes[s][0], d = sizes[s][1];
            mi__random r = mi__random_at(s, 99, 0);
            double *x = malloc((size_t)(n * d) * sizeof *x);
            int64_t *label = malloc((size_t)n * sizeof *label), values;
            int64_t *plain = malloc((size_t)n * sizeof *plain);
            for (int64_t i = 0; i < n * d; i++)
                x[i] = draw(&r, kind);
            for (int32_t count = 1; count <= 3; count++) {
                mi_context *ctx = threads(count);
                mi__rows rows = rows_of(ctx, x, n, d);
                OK(mi__rows_number(ctx, &rows, label, &values));
                ck_assert_int_eq(values, number_plainly(&rows, plain));
                ck_assert_mem_eq(label, plain, (size_t)n * sizeof *label);
                mi__rows_free(ctx, &rows);
                mi_context_destroy(ctx);
            }
            free(plain);
            free(label);
            free(x);
        }
}
END_TEST

/* More pairs than a table is made for: groups to sort, large and small. */
START_TEST(test_number_groups) {
    enum { MANY = 20000 };
    static double x[2 * MANY];
    static int64_t label[MANY], plain[MANY];
    mi__random r = mi__random_at(1, 2, 3);
    static const int64_t sizes[][2] = {{11, 15000}, {53, 2000}, {3001, 2000}, {3001, 100}};
    for (int s = 0; s < 4; s++) {
        for (int64_t i = 0; i < MANY; i++) {
            x[2 * i] = (double)(i % sizes[s][0]);
            x[2 * i + 1] = (double)mi__random_below(&r, sizes[s][1]);
        }
        mi_context *ctx = threads(2);
        int64_t values;
        mi__rows rows = rows_of(ctx, x, MANY, 2);
        OK(mi__rows_number(ctx, &rows, label, &values));
        ck_assert_int_eq(values, number_plainly(&rows, plain));
        ck_assert_mem_eq(label, plain, sizeof label);
        mi__rows_free(ctx, &rows);
        mi_context_destroy(ctx);
    }
}
END_TEST

START_TEST(test_stable) {
    enum { N = 300000 };
    for (int32_t count = 1; count <= 3; count++) {
        mi_context *ctx = threads(count);
        mi__order o;
        OK(mi__order_make(ctx, N, &o));
        for (int64_t i = 0; i < N; i++)
            o.entry[i] = (mi__entry){(uint64_t)(i * 7919 % 1000) << 40 | (uint64_t)(i % 3), i};
        mi__order_sort(ctx, &o);
        for (int64_t i = 1; i < N; i++)
            ck_assert(
                o.entry[i - 1].key < o.entry[i].key ||
                (o.entry[i - 1].key == o.entry[i].key && o.entry[i - 1].row < o.entry[i].row));
        mi__order_free(ctx, &o);
        mi_context_destroy(ctx);
    }
}
END_TEST

/* Numbers whose hashes are neighbours: the inverse of the hash, at 1, 2, ... Each comes twice. */
START_TEST(test_crowded) {
    enum { N = 4000 };
    static double x[N];
    mi_context *ctx = threads(1);
    uint64_t inverse = 1;
    for (int i = 0; i < 6; i++) /* Newton's method */
        inverse *= 2 - inverse * UINT64_C(0x9e3779b97f4a7c15);
    ck_assert(inverse * UINT64_C(0x9e3779b97f4a7c15) == 1);
    int count = 0;
    for (uint64_t hash = 1; count < N; hash++) {
        const uint64_t mixed = hash * inverse, key = mixed ^ mixed >> 32;
        const uint64_t bits = key >> 63 ? key ^ (uint64_t)1 << 63 : ~key;
        double v;
        memcpy(&v, &bits, sizeof v);
        ck_assert(!isfinite(v) || mi__order_key(v) == key);
        if (isfinite(v)) {
            x[count++] = v;
            x[count++] = v;
        }
    }
    int64_t ties;
    mi__rows rows = rows_of(ctx, x, N, 1);
    OK(mi__rows_ties(ctx, &rows, &ties));
    ck_assert_int_eq(ties, N);
    mi__rows_free(ctx, &rows);
    mi_context_destroy(ctx);
}
END_TEST

/* -- memory ------------------------------------------------------------------------------------ */

static mi_status all_of_it(mi_context *ctx) {
    double x[200];
    int64_t label[100], values, ties;
    mi__rows rows;
    for (int i = 0; i < 200; i++)
        x[i] = i * 31 % 100;
    mi_samples s = array(MI_DTYPE_F64, x, 100, 2);
    MI__TRY(mi__rows_make(ctx, &s, "x", ANY, &rows));
    mi_status status = mi__rows_ties(ctx, &rows, &ties);
    if (status == MI_OK)
        status = mi__rows_number(ctx, &rows, label, &values);
    if (status == MI_OK)
        status = mi__rows_prepare(ctx, &rows, MI_SCALE_RANK, 0.1, 1, 0);
    mi__rows_free(ctx, &rows);
    return status;
}

START_TEST(test_nomem) {
    failing f = {0};
    mi_context *ctx;
    mi_status status = MI_E_NOMEM;
    OK(failing_context(&f, 2, 1, &ctx));
    const long long before = f.living, bytes = f.bytes;
    int64_t failures = 0;
    for (long long at = 1; status != MI_OK; at++) {
        f.calls = 0;
        f.fail_at = at;
        status = all_of_it(ctx);
        ck_assert(status == MI_OK || status == MI_E_NOMEM);
        ck_assert(f.living == before && f.bytes == bytes);
        failures += status != MI_OK;
    }
    ck_assert_int_ge(failures, 12);
    mi_context_destroy(ctx);
    ck_assert_int_eq(f.living, 0);
}
END_TEST

START_TEST(test_units) {
    ck_assert_str_eq(mi_unit_name(MI_UNIT_NATS), "nats");
    ck_assert_str_eq(mi_unit_name(MI_UNIT_BITS), "bits");
    ck_assert_str_eq(mi_unit_name(2), "?");
    ck_assert_str_eq(mi_unit_name(-1), "?");
}
END_TEST

UNIT_MAIN("samples", test_types, test_refuses, test_first_bad, test_kinds, test_standard, test_rank,
          test_rank_of_many, test_noise, test_number, test_number_plainly, test_number_groups,
          test_stable, test_crowded, test_nomem, test_units)
