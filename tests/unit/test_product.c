/* SPDX-License-Identifier: BSD-2-Clause */
/* Products of matrices: those of the BLAS, and every table against the reference in float64. */
#include "../../lib/kernel/blas.h"
#include "kernel_case.h"

typedef void (*gemm_function)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a,
                              int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                              int64_t ldc);

/* The BLAS in a table's precision. */
static gemm_function gemm(const mi__kernels *k) {
    return k->real == sizeof(float) ? mi__gemm_f32 : mi__gemm_f64;
}

static void check_gemm(const mi__kernels *k, bool ta, bool tb, int64_t m, int64_t n, int64_t depth,
                       double beta) {
    int64_t lda = (ta ? m : depth) + 2, ldb = (tb ? depth : n) + 1, ldc = n + 3;
    void *a = values(k, (ta ? depth : m) * lda, 1, 0), *b = values(k, (tb ? n : depth) * ldb, 2, 0);
    void *c = beta == 0 ? room(k, m * ldc) : values(k, m * ldc, 3, 0);
    void *before = values(k, m * ldc, 3, 0);
    gemm(k)(ta, tb, m, n, depth, a, lda, b, ldb, beta, c, ldc);
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
    const mi__kernels *tables[] = {&mi__kernels_reference, &mi__kernels_f64};
    for (int i = 0; i < 12 * 8; i++)
        check_gemm(tables[i % 2], i & 1, i & 2, 1 + below(20), 1 + below(20), below(20),
                   i & 4 ? 0.5 : 0);
}
END_TEST

START_TEST(gemm_takes_more_than_int) {
    const int64_t huge = (int64_t)1 << 40;
    float a[] = {1, 2, 3}, b[] = {4, 5, 6}, c = 7;
    mi__gemm_f32(false, true, 1, 1, 3, a, huge, b, huge, 1, &c, huge);
    ck_assert_double_eq((double)c, 39);
    double da[] = {1, 2, 3}, db[] = {4, 5, 6}, dc = NAN;
    mi__gemm_f64(false, true, 1, 1, 3, da, huge, db, 3, 0, &dc, 1);
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

/* C by the BLAS if there is no context, else by product(). */
static void *multiplied(const mi__kernels *k, mi_context *ctx, const factors *f) {
    void *a = values(k, left_count(f), 1, 0), *b = values(k, right_count(f), 2, 0);
    void *c = target(k, f);
    if (ctx == NULL) {
        gemm(k)(f->ta, f->tb, f->m, f->n, f->depth, a, f->lda, b, f->ldb, f->beta, c, f->ldc);
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
    gemm(k)(f->ta, f->tb, f->m, f->n, f->depth, x[0], f->lda, x[1], f->ldb, fabs(f->beta), x[2],
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
        void *other = multiplied(k, NULL, f), *one = multiplied(k, contexts[0], f);
        compare_products(k, f, other, reference, scale);
        compare_products(k, f, one, reference, scale);
        for (int i = 1; i < 3 && k->product_work(contexts[i]) > 0; i++) { /* not the BLAS's */
            void *threaded = multiplied(k, contexts[i], f);
            ck_assert_mem_eq(one, threaded, count * k->real);
            give_back(threaded);
        }
        give_back(other), give_back(one);
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

UNIT_MAIN("product", gemm_agrees, gemm_takes_more_than_int, products_agree,
          products_of_large_matrices_agree, products_without_terms_scale,
          parts_of_products_are_the_same)
