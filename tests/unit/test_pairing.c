/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernels for pairs of samples: every table against the reference in float64, and that against
 * a pair worked out by hand. */
#include "kernel_case.h"

/* Rows of the map are samples, its channels hidden units; `out` decides how many others each row
 * meets. */
static mi__pairing pairing_of(const mi__kernels *k, const shape *s, int64_t *shift) {
    mi__pairing p = {.n = map_rows(s), .c = s->map.c, .shift = shift};
    p.last = p.n;
    p.k = (s->out - 1) % p.n;
    for (int64_t t = 0; t < p.k; t++) /* descending, with gaps where there is room */
        shift[t] = p.n - 1 - t * ((p.n - 1) / p.k);
    p.a = values(k, p.n * p.c, 1, 0);
    p.b = values(k, p.n * p.c, 2, 0);
    return p;
}

static void done_with(const mi__pairing *p) {
    give_back((void *)p->a);
    give_back((void *)p->b);
}

static void scores(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t shift[1000];
    mi__pairing p = pairing_of(k, s, shift);
    void *weight = values(k, p.c, 3, 0);
    void *own = section(k, r, p.n), *others = section(k, r, p.n * p.k);
    k->pair_scores(ctx, &p, weight, 0.75, own, others);
    give_back(weight);
    done_with(&p);
}

static void units(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t shift[1000];
    mi__pairing p = pairing_of(k, s, shift);
    void *own = section(k, r, p.n * p.c), *others = section(k, r, p.n * p.k * p.c);
    k->pair_units(ctx, &p, own, others);
    done_with(&p);
}

static void scores_back(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t shift[1000];
    mi__pairing p = pairing_of(k, s, shift);
    void *weight = values(k, p.c, 3, 0), *own = values(k, p.n, 4, 0.3);
    void *others = values(k, p.n * p.k, 5, 0.1);
    void *da = section(k, r, p.n * p.c), *db = section(k, r, p.n * p.c);
    k->pair_scores_backward(ctx, &p, weight, own, others, da, db, section(k, r, p.c));
    give_back(weight);
    give_back(own);
    give_back(others);
    done_with(&p);
}

static void units_back(const mi__kernels *k, mi_context *ctx, const shape *s, result *r) {
    int64_t shift[1000];
    mi__pairing p = pairing_of(k, s, shift);
    void *own = values(k, p.n * p.c, 4, 0), *others = values(k, p.n * p.k * p.c, 5, 0);
    void *da = section(k, r, p.n * p.c), *db = section(k, r, p.n * p.c);
    k->pair_units_backward(ctx, &p, own, others, da, db);
    give_back(own);
    give_back(others);
    done_with(&p);
}

/* Enough for several threads; then whatever. */
static const shape large = {.map = {300, 1, 1, 133}, .out = 8};

START_TEST(scores_agree) {
    check_shape(scores, &large, 1e-6);
    check_random(scores, 60, 1e-6);
}
END_TEST

START_TEST(units_agree) {
    check_shape(units, &large, 0);
    check_random(units, 60, 0);
}
END_TEST

START_TEST(gradients_of_scores_agree) {
    check_shape(scores_back, &large, 1e-5);
    check_random(scores_back, 60, 1e-5);
}
END_TEST

START_TEST(gradients_of_units_agree) {
    check_shape(units_back, &large, 1e-6);
    check_random(units_back, 60, 1e-6);
}
END_TEST

/* Two samples of one unit: rows 0 and 1 of a are 1 and -2, of b 0.5 and 1.5. */
START_TEST(a_pair_by_hand) {
    const double a[2] = {1, -2}, b[2] = {0.5, 1.5}, weight = 2;
    const int64_t shift = 1;
    const mi__pairing p = {.n = 2, .c = 1, .last = 2, .k = 1, .shift = &shift, .a = a, .b = b};
    const double down[2] = {10, 100}, dothers[2] = {1000, 10000};
    double own[2], others[2], da[2], db[2], dweight;
    mi_context *ctx = make_context(1);
    mi__kernels_f64.pair_scores(ctx, &p, &weight, 0.25, own, others);
    ck_assert_double_eq(own[0], 3.25);    /* 2 relu(1 + 0.5) + 0.25 */
    ck_assert_double_eq(own[1], 0.25);    /* -2 + 1.5 is cut off */
    ck_assert_double_eq(others[0], 5.25); /* 2 relu(1 + 1.5) + 0.25 */
    ck_assert_double_eq(others[1], 0.25);
    mi__kernels_f64.pair_scores_backward(ctx, &p, &weight, down, dothers, da, db, &dweight);
    ck_assert_double_eq(da[0], 2 * (10 + 1000));
    ck_assert_double_eq(da[1], 0);
    ck_assert_double_eq(db[0], 2 * 10);
    ck_assert_double_eq(db[1], 2 * 1000);
    ck_assert_double_eq(dweight, 10 * 1.5 + 1000 * 2.5);
    mi_context_destroy(ctx);
}
END_TEST

/* Rows from the middle are what the same rows of all are. */
START_TEST(some_rows_are_those_of_all) {
    const shape s = {.map = {23, 1, 1, 19}, .out = 6};
    mi_context *ctx = make_context(1);
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        int64_t shift[1000];
        mi__pairing p = pairing_of(k, &s, shift);
        float own[23], others[23 * 5], some[7], some_others[7 * 5], unit[7 * 19];
        static float all_units[23 * 6 * 19], units_of[7 * 5 * 19];
        float *weight = values(k, p.c, 3, 0);
        ck_assert_int_eq(p.k, 5);
        k->pair_scores(ctx, &p, weight, 0, own, others);
        k->pair_units(ctx, &p, all_units, all_units + 23 * 19);
        p.first = 9;
        p.last = 16;
        k->pair_scores(ctx, &p, weight, 0, some, some_others);
        k->pair_units(ctx, &p, unit, units_of);
        for (int i = 0; i < 7; i++)
            ck_assert_float_eq_tol(some[i], own[9 + i], 1e-5f);
        for (int i = 0; i < 7 * 5; i++)
            ck_assert_float_eq_tol(some_others[i], others[9 * 5 + i], 1e-5f);
        ck_assert_mem_eq(unit, all_units + 9 * 19, sizeof unit);
        ck_assert_mem_eq(units_of, all_units + (23 + 9 * 5) * 19, sizeof units_of);
        give_back(weight);
        done_with(&p);
    }
    mi_context_destroy(ctx);
}
END_TEST

UNIT_MAIN("pairing", scores_agree, units_agree, gradients_of_scores_agree, gradients_of_units_agree,
          a_pair_by_hand, some_rows_are_those_of_all)
