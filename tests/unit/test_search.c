/* SPDX-License-Identifier: BSD-2-Clause */
/* Each way to find neighbours against every pair, to the last bit; the kernels in every table. */
#include "neighbour_case.h"

#include <float.h>

typedef mi_status nearest_way(mi_context *, const mi__space *, int32_t, double *);
typedef mi_status within_way(mi_context *, const mi__space *, const double *, int32_t *);
typedef mi_status reach_way(mi_context *, const mi__space *, const double *, double *const *);

static mi_context *context(int32_t threads) {
    mi_context_options o = {.struct_size = sizeof o, .threads = threads};
    mi_context *ctx = NULL;
    OK(mi_context_create(&o, &ctx));
    return ctx;
}

static mi__space space(int kind, int64_t n, int32_t parts, const int64_t *width, bool squared,
                       double **x) {
    mi__space s = {.n = n, .parts = parts, .squared = squared};
    for (int p = 0; p < parts; p++) {
        x[p] = numbers(n * width[p]);
        case_fill(kind, (uint64_t)p + 1, n, width[p], x[p]);
        s.part[p] = x[p];
        s.width[p] = width[p];
        s.d += width[p];
    }
    return s;
}

static void same(const double *a, const double *b, int64_t n, const char *what,
                 const mi__space *s) {
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(a[i] == b[i], "%s: %a is not %a at %d of %d, d %d, squared %d", what, a[i],
                      b[i], (int)i, (int)n, (int)s->d, s->squared);
}

static void check_nearest(mi_context *ctx, const mi__space *s, int32_t k, const double *right,
                          nearest_way *way, const char *what) {
    double *found = numbers(s->n);
    OK(way(ctx, s, k, found));
    same(found, right, s->n, what, s);
    free(found);
}

static void check_within(mi_context *ctx, const mi__space *s, const double *radius,
                         const int32_t *right, within_way *way, const char *what) {
    int32_t *found = malloc((size_t)s->n * sizeof *found);
    OK(way(ctx, s, radius, found));
    for (int64_t i = 0; i < s->n; i++)
        ck_assert_msg(found[i] == right[i], "%s: %d is not %d at %d of %d, d %d", what, found[i],
                      right[i], (int)i, (int)s->n, (int)s->d);
    free(found);
}

static void check_reach(mi_context *ctx, const mi__space *s, const double *radius, reach_way *way,
                        const char *what) {
    double *found[MI__MOST_PARTS], *right[MI__MOST_PARTS];
    for (int p = 0; p < s->parts; p++) {
        found[p] = numbers(s->n);
        right[p] = numbers(s->n);
        for (int64_t i = 0; i < s->n; i++) {
            right[p][i] = 0;
            for (int64_t j = 0; j < s->n; j++)
                if (naive_apart(s, i, j) < radius[i])
                    right[p][i] =
                        fmax(right[p][i], naive_part(s->part[p], s->width[p], s->squared, i, j));
        }
    }
    OK(way(ctx, s, radius, found));
    for (int p = 0; p < s->parts; p++) {
        same(found[p], right[p], s->n, what, s);
        free(found[p]);
        free(right[p]);
    }
}

/* The radii are distances themselves, so that something lies on every border. */
static void check_space(mi_context *ctx, const mi__space *s, int32_t k) {
    double *distance = numbers(s->n), *radius = numbers(s->n);
    int32_t *count = malloc((size_t)s->n * sizeof *count);
    naive_nearest(s, k, distance);
    if (s->d == 1)
        check_nearest(ctx, s, k, distance, mi__line_nearest, "line");
    check_nearest(ctx, s, k, distance, mi__tree_nearest, "tree");
    check_nearest(ctx, s, k, distance, mi__brute_nearest, "brute");
    check_nearest(ctx, s, k, distance, mi__space_nearest, "chosen");
    for (int64_t i = 0; i < s->n; i++)
        radius[i] = i % 5 == 4 ? MI__EVERYWHERE
                               : fmax(i % 2 ? nextafter(distance[i], 2) : distance[i], DBL_MIN);
    naive_within(s, radius, count);
    if (s->d == 1)
        check_within(ctx, s, radius, count, mi__line_within, "line");
    check_within(ctx, s, radius, count, mi__tree_within, "tree");
    check_within(ctx, s, radius, count, mi__brute_within, "brute");
    check_within(ctx, s, radius, count, mi__space_within, "chosen");
    check_reach(ctx, s, radius, mi__tree_reach, "tree");
    check_reach(ctx, s, radius, mi__brute_reach, "brute");
    check_reach(ctx, s, radius, mi__space_reach, "chosen");
    free(distance), free(radius), free(count);
}

static const int64_t widths[][MI__MOST_PARTS + 1] = {
    {1, 1},    {1, 2},     {1, 5},     {2, 1, 1},    {2, 1, 3},
    {2, 3, 3}, {2, 9, 11}, {2, 40, 1}, {3, 1, 1, 1}, {3, 2, 1, 4}};
#define WIDTHS ((int)(sizeof widths / sizeof *widths))

START_TEST(test_every_way) {
    const int64_t sizes[] = {2, 3, 9, 64, 65, 203, 530};
    mi_context *ctx = context(2);
    for (int kind = 0; kind < CASES; kind++)
        for (int w = 0; w < WIDTHS; w++)
            for (int i = 0; i < 7; i++)
                for (int squared = 0; squared < 2; squared++) {
                    const int64_t n = sizes[i];
                    if (n > 300 && (kind + w + squared) % 3 != 0)
                        continue;
                    const int32_t ks[] = {1, 3, 4, 16, 17, 100, (int32_t)n - 1};
                    double *x[MI__MOST_PARTS];
                    const mi__space s =
                        space(kind, n, (int32_t)widths[w][0], widths[w] + 1, squared, x);
                    const int32_t k = ks[(kind + w + i + 2 * squared) % 7];
                    check_space(ctx, &s, MI__MIN(k, (int32_t)n - 1));
                    for (int p = 0; p < s.parts; p++)
                        free(x[p]);
                }
    mi_context_destroy(ctx);
}
END_TEST

/* Any room, any table: trees against the reference, which compares all with all. */
START_TEST(test_trees_in_every_table) {
    const mi__kernels *k, *reference = &mi__kernels_reference;
    mi_context *ctx = context(1);
    enum { N = 150 };
    double right[N], found[N], radius[N];
    int32_t count[N], counted[N];
    for (int kind = 0; kind < CASES; kind++)
        for (int w = 0; w < WIDTHS; w++)
            for (int squared = 0; squared < 2; squared++)
                for (int64_t room = 8; room <= 32; room += 8) {
                    double *x[MI__MOST_PARTS];
                    const int64_t n = N - room;
                    const int32_t near = 1 + (int32_t)(kind + w + room) % MI__MOST_NEAREST;
                    const mi__space s =
                        space(kind, n, (int32_t)widths[w][0], widths[w] + 1, squared, x);
                    mi__tree t;
                    OK(mi__tree_make(ctx, &s, room, &t));
                    reference->nearest(&t, near, 0, t.leaves, right);
                    for (int64_t i = 0; i < n; i++)
                        radius[i] = fmax(right[i], DBL_MIN);
                    reference->within(&t, radius, 0, t.leaves, count);
                    for (int32_t table = 0; (k = mi__kernels_list(table)) != NULL; table++) {
                        k->nearest(&t, near, 0, t.leaves / 2, found);
                        k->nearest(&t, near, t.leaves / 2, t.leaves, found);
                        same(found, right, n, k->name, &s);
                        k->within(&t, radius, 0, t.leaves / 2, counted);
                        k->within(&t, radius, t.leaves / 2, t.leaves, counted);
                        ck_assert_mem_eq(counted, count, (size_t)n * sizeof *count);
                    }
                    mi__tree_free(ctx, &t);
                    for (int p = 0; p < s.parts; p++)
                        free(x[p]);
                }
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(test_sift_in_every_table) {
    enum { BLOCKS = 3, MOST = 70 };
    static uint8_t point[BLOCKS * MOST * MI__BLOCK], query[MOST];
    const mi__kernels *k;
    mi__random r = mi__random_at(3, 0, 0);
    for (int32_t table = 0; (k = mi__kernels_list(table)) != NULL; table++)
        for (int64_t d = 1; d <= MOST; d++)
            for (int most = 0; most < 256; most += 1 + (int)(d * 7) % 30) {
                const int32_t range = 2 * MI__MIN(most, 127) + 1 + 40 / (int32_t)d;
                for (size_t i = 0; i < sizeof point; i++)
                    point[i] = (uint8_t)(200 + mi__random_below(&r, range)); /* wraps around */
                for (int64_t j = 0; j < d; j++)
                    query[j] = (uint8_t)(200 + range / 2);
                const mi__sieve s = {d, point};
                uint64_t mask[2], right[2];
                const bool any = mi__kernels_reference.sift(&s, 1, 2, query, (uint8_t)most, right);
                ck_assert(k->sift(&s, 1, 2, query, (uint8_t)most, mask) == any);
                ck_assert_mem_eq(mask, right, sizeof mask);
            }
}
END_TEST

/* What a tree needs of memory and time doesn't depend on the points: these are all equal. */
START_TEST(test_deep_equality) {
    enum { N = 100000 };
    mi_context *ctx = context(2);
    double *x = calloc(2 * N, sizeof *x), *distance = numbers(N), *radius = numbers(N);
    int32_t *count = malloc(N * sizeof *count);
    const mi__space s = {.n = N, .d = 2, .parts = 1, .width = {2}, .part = {x}};
    OK(mi__tree_nearest(ctx, &s, 3, distance));
    for (int i = 0; i < N; i++) {
        ck_assert(distance[i] == 0);
        radius[i] = DBL_MIN;
    }
    OK(mi__tree_within(ctx, &s, radius, count));
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(count[i], N);
    free(x), free(distance), free(radius), free(count);
    mi_context_destroy(ctx);
}
END_TEST

START_TEST(test_least) {
    mi__random r = mi__random_at(4, 0, 0);
    double room[400], all[1000];
    for (int32_t k = 1; k <= 200; k += 13) {
        mi__least l;
        mi__least_begin(&l, k, room);
        for (int i = 0; i < 1000; i++) {
            all[i] = floor(mi__random_range(&r, 0, 300));
            if (all[i] < l.bound)
                mi__least_add(&l, all[i]);
        }
        qsort(all, 1000, sizeof *all, compare_doubles);
        ck_assert(mi__least_last(&l) == all[k - 1]);
    }
}
END_TEST

UNIT_MAIN("search", test_every_way, test_trees_in_every_table, test_sift_in_every_table,
          test_deep_equality, test_least)
