/* SPDX-License-Identifier: BSD-2-Clause */
/* Every kernel of every table that this processor can run, against the reference in float64, and
 * against itself with other numbers of threads. */
#include "unit.h"

#include "../../lib/kernel/kernel.h"

#include <sys/mman.h>
#include <unistd.h>

#define MAX_SECTIONS 4

static uint32_t random_state = 1;

static int64_t below(int64_t n) {
    random_state = random_state * 1664525u + 1013904223u;
    return (int64_t)(random_state >> 8) % n;
}

/* What one run of some kernels wrote: sections, each compared on its own scale. */
typedef struct result {
    size_t real;
    int64_t sections, count[MAX_SECTIONS];
    void *data[MAX_SECTIONS];
} result;

typedef struct shape {
    mi__map map;
    int64_t out;
    double slope;
} shape;

typedef void (*run_kernels)(const mi__kernels *k, mi_context *ctx, const shape *s, result *r);

static double get(const void *p, size_t real, int64_t i) {
    return real == sizeof(float) ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

/* Memory that ends where a page that nobody may touch begins: a sanitizer would not see what vector
 * instructions with masks do. NaN: what is not written shows. */
static void *guarded(size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bytes += bytes == 0 ? sizeof(double) : 0;
    const size_t pages = 1 + (bytes + page - 1) / page; /* the first holds this number */
    char *begin = aligned_alloc(page, (pages + 1) * page);
    ck_assert_ptr_nonnull(begin);
    char *end = begin + pages * page;
    memcpy(begin, &pages, sizeof pages);
    memset(end - bytes, 0xff, bytes);
    ck_assert_int_eq(mprotect(end, page, PROT_NONE), 0);
    return end - bytes;
}

static void give_back(void *p) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *begin = (char *)p - (uintptr_t)p % page - page;
    size_t pages;
    memcpy(&pages, begin, sizeof pages);
    ck_assert_int_eq(mprotect(begin + pages * page, page, PROT_READ | PROT_WRITE), 0);
    free(begin);
}

static void *room(const mi__kernels *k, int64_t count) {
    return guarded((size_t)count * k->real);
}

/* The same multiples of 1 / 64, -4 to 4, in either precision: ties happen, and sums of a few are
 * exact. `offset` keeps them off zero. */
static void *values(const mi__kernels *k, int64_t count, uint32_t seed, double offset) {
    void *p = room(k, count);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        double x = (double)((int32_t)(seed >> 23) - 256) / 64 + offset;
        if (k->real == sizeof(float))
            ((float *)p)[i] = (float)x;
        else
            ((double *)p)[i] = x;
    }
    return p;
}

/* Aligned as promised; kernels may read to the end of the last 64 bytes. */
static void *work_room(size_t bytes) {
    return guarded((bytes + 63) / 64 * 64);
}

static void *section(const mi__kernels *k, result *r, int64_t count) {
    r->real = k->real;
    r->count[r->sections] = count;
    return r->data[r->sections++] = room(k, count);
}

static void release(result *r) {
    for (int64_t i = 0; i < r->sections; i++)
        give_back(r->data[i]);
    *r = (result){0};
}

static int64_t map_rows(const shape *s) {
    return s->map.n * s->map.h * s->map.w;
}

/* -- the kernels ------------------------------------------------------------------------------ */

static void run_conv(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    mi__conv c = {s->map.n, s->map.h, s->map.w, s->map.c, s->out};
    int64_t rows = map_rows(s);
    void *x = values(k, rows * c.in, 1, 0), *weight = values(k, 9 * c.in * c.out, 2, 0);
    void *dy = values(k, rows * c.out, 3, 0), *work = work_room(k->conv_work(ctx, &c));
    k->conv(ctx, &c, x, weight, section(k, r, rows * c.out), work);
    k->conv_backward_data(ctx, &c, dy, weight, section(k, r, rows * c.in), work);
    k->conv_backward_weight(ctx, &c, x, dy, section(k, r, 9 * c.in * c.out), work);
    give_back(x), give_back(weight), give_back(dy), give_back(work);
}

static void run_bias(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t rows = map_rows(s), c = s->map.c;
    void *x = values(k, rows * c, 1, 0), *bias = values(k, c, 2, 0);
    void *work = work_room(k->norm_work(ctx, rows, c)), *y = section(k, r, rows * c);
    memcpy(y, x, (size_t)(rows * c) * k->real);
    k->bias(ctx, rows, c, bias, y);
    k->bias_backward(ctx, rows, c, x, section(k, r, c), work);
    give_back(x), give_back(bias), give_back(work);
}

static void run_norm_train(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t rows = map_rows(s), c = s->map.c;
    void *x = values(k, rows * c, 1, 7), *scale = values(k, c, 2, 0), *shift = values(k, c, 3, 0);
    void *work = work_room(k->norm_work(ctx, rows, c));
    void *y = section(k, r, rows * c), *mean = section(k, r, c), *variance = section(k, r, c);
    k->norm_train(ctx, rows, c, x, scale, shift, 1e-3, s->slope, y, mean, variance,
                  section(k, r, c), work);
    give_back(x), give_back(scale), give_back(shift), give_back(work);
}

/* The values make v of norm_backward exact and never 0, so that rounding can't choose a side. */
static void run_norm_given(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t rows = map_rows(s), c = s->map.c;
    void *x = values(k, rows * c, 1, 0), *dy = values(k, rows * c, 2, 0),
         *mean = values(k, c, 3, 0);
    void *scale = values(k, c, 4, 0), *shift = values(k, c, 5, 1. / 16384);
    void *inverse = values(k, c, 6, 5), *work = work_room(k->norm_work(ctx, rows, c));
    void *y = section(k, r, rows * c), *dx = section(k, r, rows * c);
    void *dscale = section(k, r, c), *dshift = section(k, r, c);
    k->norm_eval(ctx, rows, c, x, scale, shift, mean, inverse, s->slope, y);
    k->norm_backward(ctx, rows, c, x, scale, shift, mean, inverse, s->slope, dy, dx, dscale, dshift,
                     work);
    k->norm_backward(ctx, rows, c, x, scale, shift, mean, inverse, s->slope, dy, dy, dscale, dshift,
                     work);
    ck_assert_mem_eq(dy, dx, (size_t)(rows * c) * k->real);
    give_back(x), give_back(dy), give_back(mean), give_back(scale), give_back(shift);
    give_back(inverse), give_back(work);
}

static void run_leaky(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t count = map_rows(s) * s->map.c;
    void *x = values(k, count, 1, 0), *dy = values(k, count, 2, 0), *y = section(k, r, count);
    void *dx = section(k, r, count);
    k->leaky(ctx, count, s->slope, x, y);
    k->leaky_backward(ctx, count, s->slope, y, dy, dx);
    k->leaky_backward(ctx, count, s->slope, y, dy, dy);
    k->leaky(ctx, count, s->slope, x, x);
    ck_assert_mem_eq(x, y, (size_t)count * k->real);
    ck_assert_mem_eq(dy, dx, (size_t)count * k->real);
    give_back(x), give_back(dy);
}

static void run_pools(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    const mi__map *m = &s->map;
    int64_t count = map_rows(s) * m->c, small = m->n * (m->h / 2) * (m->w / 2) * m->c;
    void *x = values(k, count, 1, 0), *dy = values(k, small, 2, 0);
    k->max_pool(ctx, m, x, section(k, r, small));
    k->max_pool_backward(ctx, m, x, dy, section(k, r, count));
    k->mean_pool(ctx, m, x, section(k, r, small));
    k->mean_pool_backward(ctx, m, dy, section(k, r, count));
    give_back(x), give_back(dy);
}

static void run_global_pool(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    const mi__map *m = &s->map;
    int64_t count = map_rows(s) * m->c;
    void *x = values(k, count, 1, 0), *dy = values(k, m->n * m->c, 2, 0);
    k->global_pool(ctx, m, x, section(k, r, m->n * m->c));
    k->global_pool_backward(ctx, m, dy, section(k, r, count));
    give_back(x), give_back(dy);
}

static void run_softmax(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t rows = map_rows(s), c = s->map.c;
    void *x = values(k, rows * c, 1, 0), *dy = values(k, rows * c, 2, 0);
    void *y = section(k, r, rows * c), *dx = section(k, r, rows * c);
    k->softmax(ctx, rows, c, x, y);
    k->softmax_backward(ctx, rows, c, y, dy, dx);
    k->softmax(ctx, rows, c, x, x);
    k->softmax_backward(ctx, rows, c, x, dy, dy);
    ck_assert_mem_eq(x, y, (size_t)(rows * c) * k->real);
    ck_assert_mem_eq(dy, dx, (size_t)(rows * c) * k->real);
    give_back(x), give_back(dy);
}

/* -- comparisons ------------------------------------------------------------------------------ */

static mi_context *make_context(int32_t threads) {
    mi_context_options options = {.struct_size = sizeof options, .threads = threads};
    mi_context *ctx = NULL;
    OK(mi_context_create(&options, &ctx));
    return ctx;
}

static void compare(const char *name, const shape *s, const result *r, const result *reference,
                    double tolerance) {
    ck_assert_int_eq(r->sections, reference->sections);
    for (int64_t i = 0; i < r->sections; i++) {
        double largest = 0, error = 0;
        ck_assert_int_eq(r->count[i], reference->count[i]);
        for (int64_t j = 0; j < r->count[i]; j++) {
            double x = get(reference->data[i], reference->real, j);
            double e = fabs(get(r->data[i], r->real, j) - x);
            largest = fmax(largest, fabs(x));
            error = e <= error ? error : e; /* a NaN stays */
        }
        ck_assert_msg(error <= tolerance * largest,
                      "%s: section %d of %dx%dx%dx%d -> %d: error %g, largest %g", name, (int)i,
                      (int)s->map.n, (int)s->map.h, (int)s->map.w, (int)s->map.c, (int)s->out,
                      error, largest);
    }
}

static void check_shape(run_kernels run, const shape *s, double tolerance) {
    mi_context *contexts[] = {make_context(1), make_context(2), make_context(3)};
    const mi__kernels *k;
    result reference = {0};
    run(&mi__kernels_f64, contexts[2], s, &reference);
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        result one = {0};
        run(k, contexts[0], s, &one);
        compare(k->name, s, &one, &reference, tolerance);
        for (int i = 1; i < 3; i++) {
            result other = {0};
            run(k, contexts[i], s, &other);
            for (int64_t j = 0; j < one.sections; j++)
                ck_assert_mem_eq(one.data[j], other.data[j], (size_t)one.count[j] * k->real);
            release(&other);
        }
        release(&one);
    }
    release(&reference);
    for (int i = 0; i < 3; i++)
        mi_context_destroy(contexts[i]);
}

static int64_t some_channels(void) {
    static const int64_t channels[] = {1, 3, 5, 16, 17, 64, 100};
    return channels[below(7)];
}

static void check_random(run_kernels run, int64_t shapes, double tolerance) {
    for (int64_t i = 0; i < shapes; i++) {
        shape s = {{1 + below(4), 1 + below(13), 1 + below(13), some_channels()},
                   some_channels(),
                   (double)below(3) / 4};
        if (map_rows(&s) * s.map.c * s.out < 700000)
            check_shape(run, &s, tolerance);
    }
}

START_TEST(conv_agrees) {
    check_random(run_conv, 60, 2e-5);
}
END_TEST

START_TEST(conv_of_each_size_agrees) {
    for (int64_t h = 1; h <= 9; h++)
        for (int64_t w = 1; w <= 9; w++)
            check_shape(run_conv, &(shape){{1 + h % 2, h, w, 5}, 17, 0}, 2e-5);
}
END_TEST

START_TEST(conv_of_large_batches_agrees) {
    check_shape(run_conv, &(shape){{12, 24, 24, 1}, 64, 0}, 2e-5);
    check_shape(run_conv, &(shape){{150, 24, 24, 5}, 9, 0}, 2e-5);
    check_shape(run_conv, &(shape){{130, 3, 3, 17}, 33, 0}, 2e-5);
    check_shape(run_conv, &(shape){{3, 12, 12, 64}, 128, 0}, 2e-5);
}
END_TEST

START_TEST(norm_agrees) {
    check_random(run_norm_train, 30, 1e-5);
    check_random(run_norm_given, 30, 1e-5);
    check_shape(run_norm_train, &(shape){{5, 25, 25, 17}, 1, 0.25}, 1e-5);
    check_shape(run_norm_given, &(shape){{5, 25, 25, 17}, 1, 0}, 1e-5);
    check_shape(run_norm_given, &(shape){{1, 32, 32, 64}, 1, 1}, 1e-5);
}
END_TEST

START_TEST(bias_agrees) {
    check_random(run_bias, 30, 1e-6);
    check_shape(run_bias, &(shape){{5, 25, 25, 5}, 1, 0}, 1e-6);
}
END_TEST

START_TEST(leaky_agrees) {
    check_random(run_leaky, 30, 1e-6);
    check_shape(run_leaky, &(shape){{7, 25, 25, 17}, 1, 0.25}, 1e-6);
}
END_TEST

START_TEST(pools_agree) {
    check_random(run_pools, 30, 1e-6);
    check_random(run_global_pool, 30, 1e-6);
}
END_TEST

START_TEST(softmax_agrees) {
    check_random(run_softmax, 30, 1e-5);
}
END_TEST

/* -- known answers, which the reference has to give too -------------------------------------- */

START_TEST(conv_is_a_correlation) {
    const double x[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0}, weight[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const mi__conv s = {1, 3, 3, 1, 1};
    double y[9];
    mi_context *ctx = make_context(1);
    void *work = work_room(mi__kernels_f64.conv_work(ctx, &s));
    mi__kernels_f64.conv(ctx, &s, x, weight, y, work);
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq(y[i], 9 - i);
    give_back(work);
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(pools_of_one_window) {
    const double x[4][4] = {{5, 5, 5, 5}, {1, 5, 5, 2}, {1, 2, 7, 7}, {1, 2, 3, 9}}, dy = 3;
    const mi__map map = {1, 2, 2, 1};
    mi_context *ctx = make_context(1);
    for (int first = 0; first < 4; first++) { /* the first of equal maxima takes all */
        double max, mean, global, dx[4], dmean[4];
        mi__kernels_f64.max_pool(ctx, &map, x[first], &max);
        mi__kernels_f64.max_pool_backward(ctx, &map, x[first], &dy, dx);
        mi__kernels_f64.mean_pool(ctx, &map, x[first], &mean);
        mi__kernels_f64.mean_pool_backward(ctx, &map, &dy, dmean);
        mi__kernels_f64.global_pool(ctx, &map, x[first], &global);
        ck_assert_double_eq(max, x[first][first]);
        ck_assert_double_eq(mean, (x[first][0] + x[first][1] + x[first][2] + x[first][3]) / 4);
        ck_assert_double_eq(global, mean);
        for (int i = 0; i < 4; i++) {
            ck_assert_double_eq(dx[i], i == first ? dy : 0);
            ck_assert_double_eq(dmean[i], dy / 4);
        }
    }
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(softmax_of_huge_scores) {
    double x[6] = {-1e4, 1e4, 1e4, 1e300, 0, -1e300}, y[6];
    mi_context *ctx = make_context(1);
    mi__kernels_f64.softmax(ctx, 2, 3, x, y);
    const double expected[6] = {0, 0.5, 0.5, 1, 0, 0};
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq(y[i], expected[i]);
    mi_context_destroy(ctx);
}
END_TEST

/* Sums over more rows than one block has. */
START_TEST(columns_are_summed_whole) {
    enum { ROWS = 5001, C = 3 };
    const mi__kernels *k = &mi__kernels_f64;
    mi_context *ctx = make_context(2);
    double *x = values(k, ROWS * C, 1, 0), *dy = values(k, ROWS * C, 2, 0);
    double *dx = room(k, ROWS * C), *work = work_room(k->norm_work(ctx, ROWS, C));
    double sum[C] = {0}, product[C] = {0}, dbias[C], dscale[C], dshift[C];
    const double scale[C] = {1, 1, 1}, shift[C] = {0}, mean[C] = {1, 2, 3},
                 inverse[C] = {2, 1, 0.5};
    for (int i = 0; i < ROWS * C; i++) {
        sum[i % C] += dy[i];
        product[i % C] += dy[i] * (x[i] - mean[i % C]) * inverse[i % C];
    }
    k->bias_backward(ctx, ROWS, C, dy, dbias, work);
    k->norm_backward(ctx, ROWS, C, x, scale, shift, mean, inverse, 1, dy, dx, dscale, dshift, work);
    for (int i = 0; i < C; i++) {
        ck_assert_double_eq_tol(dbias[i], sum[i], 1e-9);
        ck_assert_double_eq_tol(dshift[i], sum[i], 1e-9);
        ck_assert_double_eq_tol(dscale[i], product[i], 1e-9);
    }
    give_back(x), give_back(dy), give_back(dx), give_back(work);
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(variance_survives_a_large_mean) {
    enum { ROWS = 3000 };
    mi_context *ctx = make_context(0);
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        float x[ROWS], y[ROWS], one = 1, zero = 0, mean, variance, inverse;
        for (int i = 0; i < ROWS; i++)
            x[i] = 1e6f + (float)(i % 2);
        void *work = work_room(k->norm_work(ctx, ROWS, 1));
        k->norm_train(ctx, ROWS, 1, x, &one, &zero, 0, 1, y, &mean, &variance, &inverse, work);
        ck_assert_double_eq_tol((double)variance, 0.25, 1e-6);
        give_back(work);
    }
    mi_context_destroy(ctx);
}
END_TEST

/* -- matrix products -------------------------------------------------------------------------- */

static void check_gemm(const mi__kernels *k, bool ta, bool tb, int64_t m, int64_t n, int64_t depth,
                       double beta) {
    int64_t lda = (ta ? m : depth) + 2, ldb = (tb ? depth : n) + 1, ldc = n + 3;
    void *a = values(k, (ta ? depth : m) * lda, 1, 0), *b = values(k, (tb ? n : depth) * ldb, 2, 0);
    void *c = beta == 0 ? room(k, m * ldc) : values(k, m * ldc, 3, 0);
    void *before = values(k, m * ldc, 3, 0);
    k->gemm(ta, tb, m, n, depth, a, lda, b, ldb, beta, c, ldc);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = beta * get(before, k->real, i * ldc + j);
            for (int64_t l = 0; l < depth; l++)
                sum += get(a, k->real, ta ? l * lda + i : i * lda + l) *
                       get(b, k->real, tb ? j * ldb + l : l * ldb + j);
            ck_assert_double_eq_tol(get(c, k->real, i * ldc + j), sum, 1e-3);
        }
    give_back(a), give_back(b), give_back(c), give_back(before);
}

START_TEST(gemm_agrees) {
    const mi__kernels *tables[] = {&mi__kernels_generic, &mi__kernels_f64, mi__kernels_select()};
    for (int i = 0; i < 12 * 8; i++)
        check_gemm(tables[i % 3], i & 1, i & 2, 1 + below(20), 1 + below(20), below(20),
                   i & 4 ? 0.5 : 0);
}
END_TEST

START_TEST(gemm_takes_more_than_int) {
    const int64_t huge = (int64_t)1 << 40;
    float a[] = {1, 2, 3}, b[] = {4, 5, 6}, c = 7;
    mi__kernels_generic.gemm(false, true, 1, 1, 3, a, huge, b, huge, 1, &c, huge);
    ck_assert_double_eq((double)c, 39);
    double da[] = {1, 2, 3}, db[] = {4, 5, 6}, dc = NAN;
    mi__kernels_f64.gemm(false, true, 1, 1, 3, da, huge, db, 3, 0, &dc, 1);
    ck_assert_double_eq(dc, 32);
}
END_TEST

/* One product: op(A)[m][depth] op(B)[depth][n] and beta, in matrices that end where memory does. */
typedef struct factors {
    bool ta, tb;
    int64_t m, n, depth, lda, ldb, ldc;
    double beta;
} factors;

static int64_t matrix_count(int64_t rows, int64_t columns, int64_t ld) {
    return rows == 0 ? 0 : (rows - 1) * ld + columns;
}

static int64_t some_size(void) {
    switch (below(8)) {
    case 0: return 250 + below(200);
    case 1:
    case 2: return 1 + below(8);
    case 3:
    case 4: return 16 * (1 + below(8));
    default: return 1 + below(100);
    }
}

static factors some_factors(void) {
    factors f = {.ta = below(2), .tb = below(2), .m = some_size(), .n = some_size()};
    f.depth = some_size() * (1 + below(2));
    f.lda = (f.ta ? f.m : f.depth) + below(2) * below(20);
    f.ldb = (f.tb ? f.depth : f.n) + below(2) * below(20);
    f.ldc = f.n + below(2) * below(20);
    f.beta = (double[]){0, 1, 0.5, -2}[below(4)];
    return f;
}

static int64_t left_count(const factors *f) {
    return f->ta ? matrix_count(f->depth, f->m, f->lda) : matrix_count(f->m, f->depth, f->lda);
}

static int64_t right_count(const factors *f) {
    return f->tb ? matrix_count(f->n, f->depth, f->ldb) : matrix_count(f->depth, f->n, f->ldb);
}

/* C where it is to be read and between its rows, NaN else. */
static void *target(const mi__kernels *k, const factors *f) {
    int64_t count = matrix_count(f->m, f->n, f->ldc);
    char *c = values(k, count, 3, 0);
    if (f->beta == 0)
        for (int64_t i = 0; i < f->m; i++)
            memset(c + (size_t)(i * f->ldc) * k->real, 0xff, (size_t)f->n * k->real);
    return c;
}

/* C by gemm() if there is no context, else by product(). */
static void *multiplied(const mi__kernels *k, mi_context *ctx, const factors *f) {
    void *a = values(k, left_count(f), 1, 0), *b = values(k, right_count(f), 2, 0);
    void *c = target(k, f);
    if (ctx == NULL) {
        k->gemm(f->ta, f->tb, f->m, f->n, f->depth, a, f->lda, b, f->ldb, f->beta, c, f->ldc);
    } else {
        void *work = work_room(k->product_work(ctx));
        k->product(ctx, f->ta, f->tb, f->m, f->n, f->depth, a, f->lda, b, f->ldb, f->beta, c,
                   f->ldc, work);
        give_back(work);
    }
    give_back(a), give_back(b);
    return c;
}

/* Sums of the magnitudes of what is added: the scale of rounding. */
static double *magnitudes(const factors *f) {
    const mi__kernels *k = &mi__kernels_f64;
    double *x[] = {values(k, left_count(f), 1, 0), values(k, right_count(f), 2, 0),
                   values(k, matrix_count(f->m, f->n, f->ldc), 3, 0)};
    const int64_t count[] = {left_count(f), right_count(f), matrix_count(f->m, f->n, f->ldc)};
    for (int i = 0; i < 3; i++)
        for (int64_t j = 0; j < count[i]; j++)
            x[i][j] = fabs(x[i][j]);
    k->gemm(f->ta, f->tb, f->m, f->n, f->depth, x[0], f->lda, x[1], f->ldb, fabs(f->beta), x[2],
            f->ldc);
    give_back(x[0]), give_back(x[1]);
    return x[2];
}

static void compare_products(const mi__kernels *k, const factors *f, const void *c,
                             const double *reference, const double *scale) {
    void *before = target(k, f);
    for (int64_t i = 0; i < matrix_count(f->m, f->n, f->ldc); i++) {
        double x = get(c, k->real, i);
        if (i % f->ldc >= f->n)
            ck_assert_double_eq(x, get(before, k->real, i));
        else
            ck_assert_msg(fabs(x - reference[i]) <= 1e-6 * scale[i],
                          "%s: %s%s %dx%dx%d, beta %g, element %d: %g, not %g", k->name,
                          f->ta ? "t" : "n", f->tb ? "t" : "n", (int)f->m, (int)f->n, (int)f->depth,
                          f->beta, (int)i, x, reference[i]);
    }
    give_back(before);
}

static void check_product(mi_context *const contexts[3], const factors *f) {
    const mi__kernels *k;
    const size_t count = (size_t)matrix_count(f->m, f->n, f->ldc);
    double *reference = multiplied(&mi__kernels_f64, NULL, f), *scale = magnitudes(f);
    for (int32_t t = -1; (k = t < 0 ? &mi__kernels_f64 : mi__kernels_list(t)) != NULL; t++) {
        void *gemm = multiplied(k, NULL, f), *one = multiplied(k, contexts[0], f);
        compare_products(k, f, gemm, reference, scale);
        compare_products(k, f, one, reference, scale);
        for (int i = 1; i < 3 && k->product_work(contexts[i]) > 0; i++) { /* not the BLAS's */
            void *other = multiplied(k, contexts[i], f);
            ck_assert_mem_eq(one, other, count * k->real);
            give_back(other);
        }
        give_back(gemm), give_back(one);
    }
    give_back(reference), give_back(scale);
}

static void check_products(const factors *f, int64_t count) {
    mi_context *contexts[] = {make_context(1), make_context(2), make_context(3)};
    for (int64_t i = 0; i < count; i++) {
        factors some = f == NULL ? some_factors() : f[i];
        check_product(contexts, &some);
    }
    for (int i = 0; i < 3; i++)
        mi_context_destroy(contexts[i]);
}

START_TEST(products_agree) {
    check_products(NULL, 60);
}
END_TEST

START_TEST(products_of_large_matrices_agree) {
    const factors shapes[] = {
        {false, true, 64, 1000, 128, 128, 128, 1008, 0}, /* scores */
        {false, false, 97, 16, 5000, 5003, 16, 16, 0},   /* gradients of the one side, ... */
        {true, false, 2048, 64, 65, 2048, 64, 64, 1},    /* ... of the other */
        {true, false, 300, 500, 300, 301, 500, 500, 0},
        {true, true, 1000, 7, 600, 1000, 601, 9, 1},
        {false, true, 5, 2000, 513, 513, 513, 2000, -1},
        {false, false, 9, 999, 700, 700, 999, 999, 0},
    };
    check_products(shapes, sizeof shapes / sizeof *shapes);
}
END_TEST

START_TEST(products_without_terms_scale) {
    const factors shapes[] = {{false, false, 3, 5, 0, 1, 5, 6, 0},
                              {true, true, 3, 5, 0, 3, 1, 6, 0.5},
                              {false, false, 0, 5, 3, 3, 5, 5, 0},
                              {false, false, 3, 0, 3, 3, 1, 1, 0}};
    check_products(shapes, 4);
}
END_TEST

/* Each element is the same sum, whatever it is computed together with. */
START_TEST(parts_of_products_are_the_same) {
    enum { M = 70, N = 450, DEPTH = 600, FIRST = 5, ROWS = 13, LEFT = 23, COLUMNS = 77 };
    mi_context *ctx = make_context(2);
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        void *work = work_room(k->product_work(ctx));
        float *a = values(k, M * DEPTH, 1, 1. / 3), *b = values(k, DEPTH * N, 2, 1. / 3);
        float *whole = room(k, M * N), *part = room(k, M * N);
        k->product(ctx, false, false, M, N, DEPTH, a, DEPTH, b, N, 0, whole, N, work);
        k->product(ctx, false, false, ROWS, COLUMNS, DEPTH, a + FIRST * DEPTH, DEPTH, b + LEFT, N,
                   0, part, N, work);
        if (k->product_work(ctx) > 0) /* the BLAS promises nothing */
            for (int i = 0; i < ROWS; i++)
                ck_assert_mem_eq(part + i * N, whole + (FIRST + i) * N + LEFT,
                                 COLUMNS * sizeof(float));
        give_back(a), give_back(b), give_back(whole), give_back(part), give_back(work);
    }
    mi_context_destroy(ctx);
}
END_TEST

/* -- choice ----------------------------------------------------------------------------------- */

START_TEST(environment_chooses) {
    const mi__kernels *best = mi__kernels_list(0), *k;
    unsetenv("LIBMI_CPU");
    ck_assert_ptr_eq(mi__kernels_select(), best);
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        setenv("LIBMI_CPU", k->name, 1);
        ck_assert_ptr_eq(mi__kernels_select(), k);
    }
    setenv("LIBMI_CPU", "generic", 1);
    ck_assert_ptr_eq(mi__kernels_select(), &mi__kernels_generic);
    setenv("LIBMI_CPU", "abacus", 1);
    ck_assert_ptr_eq(mi__kernels_select(), best);
    unsetenv("LIBMI_CPU");
}
END_TEST

START_TEST(blas_has_a_name) {
    ck_assert_uint_gt(strlen(mi__blas_info()), 0);
}
END_TEST

UNIT_MAIN("kernel", conv_agrees, conv_of_each_size_agrees, conv_of_large_batches_agrees,
          norm_agrees, bias_agrees, leaky_agrees, pools_agree, softmax_agrees,
          conv_is_a_correlation, pools_of_one_window, softmax_of_huge_scores,
          columns_are_summed_whole, variance_survives_a_large_mean, gemm_agrees,
          gemm_takes_more_than_int, products_agree, products_of_large_matrices_agree,
          products_without_terms_scale, parts_of_products_are_the_same, environment_chooses,
          blas_has_a_name)
