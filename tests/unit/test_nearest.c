/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbours against comparing everything in float64, and votes against counting. */
#include "failing.h"

#include "../../lib/base/random.h"
#include "../../lib/kernel/kernel.h"

#include <mi/nearest.h>

#include <float.h>
#include <stdio.h>

/* -- data ------------------------------------------------------------------------------------- */

typedef struct problem {
    mi_nearest_io io;
    float *base, *query;
    int64_t *index, *exclude;
    float *distance;
} problem;

static problem make(int64_t n, int64_t m, int64_t d, int64_t k, int32_t metric, int64_t more) {
    problem p = {.io = {.struct_size = sizeof p.io,
                        .n = n,
                        .d = d,
                        .ld = d + more,
                        .m = m,
                        .ldq = d + 2 * more,
                        .k = k,
                        .metric = metric}};
    p.io.base = p.base = malloc((size_t)(n * p.io.ld) * sizeof *p.base);
    p.io.query = p.query = malloc((size_t)(m * p.io.ldq + 1) * sizeof *p.query);
    p.io.index = p.index = malloc((size_t)(m * k + 1) * sizeof *p.index);
    p.io.distance = p.distance = malloc((size_t)(m * k + 1) * sizeof *p.distance);
    for (int64_t i = 0; i < n * p.io.ld; i++)
        p.base[i] = NAN; /* what lies between rows is not looked at */
    for (int64_t i = 0; i < m * p.io.ldq; i++)
        p.query[i] = NAN;
    return p;
}

static void release(problem *p) {
    free(p->base);
    free(p->query);
    free(p->index);
    free(p->exclude);
    free(p->distance);
}

typedef float (*filler)(mi__random *r, int64_t row, int64_t column);

static void fill(problem *p, uint64_t seed, filler value) {
    mi__random r = mi__random_at(seed, 5, 0);
    for (int64_t i = 0; i < p->io.n; i++)
        for (int64_t j = 0; j < p->io.d; j++)
            p->base[i * p->io.ld + j] = value(&r, i, j);
    for (int64_t i = 0; i < p->io.m; i++)
        for (int64_t j = 0; j < p->io.d; j++)
            p->query[i * p->io.ldq + j] = value(&r, i + 1000003, j);
}

static float normal(mi__random *r, int64_t row, int64_t column) {
    (void)row;
    (void)column;
    return (float)mi__random_normal(r);
}

/* Few values: distances are equal all over. */
static float coarse(mi__random *r, int64_t row, int64_t column) {
    (void)row;
    return (float)mi__random_below(r, 3) - (column > 0 ? 1 : 4);
}

/* Tight clusters, far from the origin and from each other. */
static float clustered(mi__random *r, int64_t row, int64_t column) {
    return (float)(3000 + 10 * (double)(row % 4) * (double)(column % 3) +
                   1e-3 * mi__random_normal(r));
}

/* Every size that float32 has. */
static float wild(mi__random *r, int64_t row, int64_t column) {
    (void)column;
    return (float)(ldexp(1, (int)(row % 240) - 120) * mi__random_normal(r));
}

static float tiny(mi__random *r, int64_t row, int64_t column) {
    return FLT_MIN * coarse(r, row, column);
}

static float huge(mi__random *r, int64_t row, int64_t column) {
    (void)row;
    (void)column;
    return (float)(mi__random_below(r, 2) == 0 ? 1 : -1) * FLT_MAX / 4 *
           (float)(1 + mi__random_below(r, 3));
}

/* -- the naive search ------------------------------------------------------------------------- */

static double length_of(const float *x, int64_t d) {
    double sum = 0;
    for (int64_t j = 0; j < d; j++)
        sum += (double)x[j] * (double)x[j];
    return sqrt(sum);
}

static double naive_distance(const mi_nearest_io *io, int64_t i, int64_t row) {
    const float *x = io->query != NULL ? io->query + i * io->ldq : io->base + i * io->ld;
    const float *y = io->base + row * io->ld;
    const bool cosine = io->metric == MI_NEAREST_COSINE;
    const double p = cosine ? 1 / length_of(x, io->d) : 1, q = cosine ? 1 / length_of(y, io->d) : 1;
    double sum = 0;
    for (int64_t j = 0; j < io->d; j++) {
        const double gap = (double)x[j] * p - (double)y[j] * q;
        sum += gap * gap;
    }
    return cosine ? sum / 2 : sqrt(sum);
}

static int rising(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int64_t excluded(const mi_nearest_io *io, int64_t i) {
    return io->exclude != NULL ? io->exclude[i] : io->query == NULL ? i : -1;
}

/* Whether the float is the distance, infinite where it can't be. */
static bool tells(float told, double distance) {
    return isinf((float)distance)
               ? isinf(told)
               : fabs((double)told - distance) <= 1e-7 * distance + 1e-29 + 0x1p-149;
}

/* What is found are k rows, each once, in order, none of them farther than the k-th. An assertion
 * for each would take most of the time. */
static void check_query(const mi_nearest_io *io, int64_t i, double *all, uint8_t *seen) {
    int64_t count = 0;
    for (int64_t row = 0; row < io->n; row++)
        if (row != excluded(io, i))
            all[count++] = naive_distance(io, i, row);
    qsort(all, (size_t)count, sizeof *all, rising);
    memset(seen, 0, (size_t)io->n);
    for (int64_t j = 0; j < io->k; j++) {
        const int64_t row = io->index[i * io->k + j];
        if (row < 0 || row >= io->n || row == excluded(io, i) || seen[row])
            ck_abort_msg("query %d, %d-th: row %d", (int)i, (int)j, (int)row);
        seen[row] = 1;
        const double distance = naive_distance(io, i, row), rounding = 1e-12 * all[j] + 1e-29;
        if (fabs(distance - all[j]) > rounding || !tells(io->distance[i * io->k + j], distance))
            ck_abort_msg("query %d, %d-th: %.17g, told as %.9g, not %.17g", (int)i, (int)j,
                         distance, (double)io->distance[i * io->k + j], all[j]);
    }
}

static void check(const mi_nearest_io *io) {
    double *all = malloc((size_t)io->n * sizeof *all);
    uint8_t *seen = malloc((size_t)io->n);
    const int64_t m = io->query != NULL ? io->m : io->n;
    for (int64_t i = 0; i < m; i++)
        check_query(io, i, all, seen);
    free(all);
    free(seen);
}

static void search_and_check(problem *p) {
    OK(mi_nearest_search(NULL, &p->io));
    check(&p->io);
}

/* -- what is found ---------------------------------------------------------------------------- */

static const filler fillers[] = {normal, coarse, clustered, wild, tiny, huge};
enum { FILLERS = sizeof fillers / sizeof fillers[0] };

START_TEST(it_finds_what_comparing_everything_finds) {
    mi__random r = mi__random_at(11, 0, 0);
    for (int round = 0; round < 240; round++) {
        const int64_t n = 1 + (int64_t)mi__random_below(&r, round % 3 == 0 ? 1500 : 90);
        const int64_t m = (int64_t)mi__random_below(&r, 30);
        const int64_t d = 1 + (int64_t)mi__random_below(&r, round % 5 == 0 ? 300 : 40);
        const int64_t k = 1 + (int64_t)mi__random_below(&r, (uint32_t)MI__MIN(n, 60));
        const int32_t metric = round % 2 + 1;
        problem p = make(n, m, d, k, metric, (int64_t)mi__random_below(&r, 3));
        fill(&p, (uint64_t)round, fillers[round % FILLERS]);
        for (int64_t i = 0; i < n; i++) /* no row is all 0 */
            p.base[i * p.io.ld] += p.base[i * p.io.ld] == 0;
        for (int64_t i = 0; i < m; i++)
            p.query[i * p.io.ldq] += p.query[i * p.io.ldq] == 0;
        search_and_check(&p);
        release(&p);
    }
}
END_TEST

START_TEST(more_than_one_part_at_a_time) {
    for (int32_t metric = 1; metric <= 2; metric++) {
        problem wide = make(1500, 9, 4100, 30, metric, 1); /* parts of the base */
        fill(&wide, 3, normal);
        search_and_check(&wide);
        release(&wide);
        problem many = make(2000, 1500, 3, 1950, metric, 0); /* parts of the queries */
        fill(&many, 4, normal);
        search_and_check(&many);
        release(&many);
    }
}
END_TEST

START_TEST(clusters_far_from_the_origin_are_told_apart) {
    for (int32_t metric = 1; metric <= 2; metric++)
        for (int64_t k = 1; k < 300; k = 3 * k + 1) {
            problem p = make(2500, 40, 48, k, metric, 0);
            fill(&p, 7, clustered);
            search_and_check(&p);
            release(&p);
        }
}
END_TEST

/* Two tight clusters, seen from far away: there float32 errs most, compared with what makes the
 * difference. */
static float remote(mi__random *r, int64_t row, int64_t column) {
    const double noise = mi__random_normal(r);
    const int64_t side = row % 2 == 0 ? 1 : -1;
    return (float)(row < 1000003 ? (double)(side * (column % 3 - 1)) + 3e-6 * noise : 1000 * noise);
}

START_TEST(queries_far_away_find_the_nearest) {
    problem p = make(4000, 300, 300, 10, MI_NEAREST_EUCLIDEAN, 0);
    fill(&p, 8, remote);
    search_and_check(&p);
    release(&p);
}
END_TEST

typedef struct place {
    double distance;
    int64_t row;
} place;

static int by_place(const void *a, const void *b) {
    const place *x = a, *y = b;
    const int order = rising(&x->distance, &y->distance);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

START_TEST(ties_go_to_the_lower_row) {
    place all[2000];
    problem p = make(2000, 30, 4, 150, MI_NEAREST_EUCLIDEAN, 0);
    fill(&p, 2, coarse); /* whose distances are exact */
    OK(mi_nearest_search(NULL, &p.io));
    for (int64_t i = 0; i < 30; i++) {
        for (int64_t row = 0; row < 2000; row++)
            all[row] = (place){naive_distance(&p.io, i, row), row};
        qsort(all, 2000, sizeof *all, by_place);
        for (int64_t j = 0; j < 150; j++)
            ck_assert_int_eq(p.index[i * 150 + j], all[j].row);
    }
    release(&p);
}
END_TEST

START_TEST(equal_distances_come_in_the_order_of_rows) {
    for (int32_t metric = 1; metric <= 2; metric++) {
        problem p = make(900, 3, 5, 700, metric, 0);
        for (int64_t i = 0; i < 900 * 5; i++)
            p.base[i] = (float)(i / 5 % 2 == 0 ? i % 5 + 1 : i % 5 - 7);
        for (int64_t i = 0; i < 3 * 5; i++)
            p.query[i] = (float)(i % 5 + 1);
        OK(mi_nearest_search(NULL, &p.io));
        for (int64_t i = 0; i < 3; i++)
            for (int64_t j = 0; j < 700; j++)
                ck_assert_int_eq(p.index[i * 700 + j], j < 450 ? 2 * j : 2 * (j - 450) + 1);
        ck_assert(p.distance[0] == 0 && p.distance[449] == 0 && p.distance[450] > 0);
        release(&p);
    }
}
END_TEST

START_TEST(cosines_that_round_to_1_are_told_apart) {
    const float base[] = {1, 3e-9f, 1, 1e-9f, 2, 1e-8f, 5, 0, -1, 0}, query[] = {7, 0};
    int64_t index[5];
    float distance[5];
    const mi_nearest_io io = {.struct_size = sizeof io,
                              .n = 5,
                              .d = 2,
                              .base = base,
                              .m = 1,
                              .query = query,
                              .k = 5,
                              .metric = MI_NEAREST_COSINE,
                              .index = index,
                              .distance = distance};
    const int64_t expected[] = {3, 1, 0, 2, 4};
    OK(mi_nearest_search(NULL, &io));
    ck_assert_mem_eq(index, expected, sizeof index);
    ck_assert(distance[0] == 0 && distance[4] == 2);
    ck_assert_double_eq_tol((double)distance[1] / 5e-19, 1, 1e-6);
}
END_TEST

START_TEST(rows_of_the_base_are_found_without_themselves) {
    for (int32_t metric = 1; metric <= 2; metric++) {
        problem p = make(500, 500, 6, 20, metric, 1);
        fill(&p, 5, normal);
        for (int64_t j = 0; j < 6; j++)
            p.base[7 * p.io.ld + j] = p.base[3 * p.io.ld + j];
        p.io.query = NULL;
        search_and_check(&p);
        ck_assert(p.index[3 * 20] == 7 && p.index[7 * 20] == 3);
        int64_t *found = p.index;
        p.io.index = malloc(500 * 20 * sizeof *found);
        p.io.query = p.base; /* the same said in another way */
        p.io.ldq = p.io.ld;
        p.exclude = malloc(500 * sizeof *p.exclude);
        for (int64_t i = 0; i < 500; i++)
            p.exclude[i] = i;
        p.io.exclude = p.exclude;
        OK(mi_nearest_search(NULL, &p.io));
        ck_assert_mem_eq(found, p.io.index, 500 * 20 * sizeof *found);
        for (int64_t i = 0; i < 500; i++)
            p.exclude[i] = i % 2 == 0 ? -1 : (i + 1) % 500;
        search_and_check(&p);
        ck_assert_int_eq(p.io.index[2 * 20], 2);
        free(p.io.index);
        release(&p);
    }
}
END_TEST

static problem found_with(int32_t threads, const char *cpu, filler value) {
    problem p = make(3000, 700, 37, 25, MI_NEAREST_COSINE, 0);
    const mi_context_options o = {.struct_size = sizeof o, .threads = threads};
    mi_context *ctx;
    fill(&p, 9, value);
    if (cpu != NULL)
        setenv("LIBMI_CPU", cpu, 1);
    OK(mi_context_create(&o, &ctx));
    OK(mi_nearest_search(ctx, &p.io));
    mi_context_destroy(ctx);
    unsetenv("LIBMI_CPU");
    return p;
}

START_TEST(threads_and_kernels_make_no_difference) {
    const filler some[] = {normal, coarse, clustered, wild};
    for (int f = 0; f < 4; f++) {
        problem one = found_with(1, "reference", some[f]);
        const mi__kernels *table;
        for (int t = 0; (table = mi__kernels_list(t)) != NULL; t++)
            for (int32_t threads = 1; threads <= 5; threads += 2) {
                problem p = found_with(threads, table->name, some[f]);
                ck_assert_mem_eq(one.index, p.index, 700 * 25 * sizeof *one.index);
                ck_assert_mem_eq(one.distance, p.distance, 700 * 25 * sizeof *one.distance);
                release(&p);
            }
        release(&one);
    }
}
END_TEST

/* -- what it refuses -------------------------------------------------------------------------- */

static mi_status with(mi_nearest_io io) {
    return mi_nearest_search(NULL, &io);
}

#define REFUSES(code, text, ...)                                                                   \
    do {                                                                                           \
        problem s = make(10, 4, 3, 2, MI_NEAREST_COSINE, 0);                                       \
        fill(&s, 1, normal);                                                                       \
        s.index[0] = 77;                                                                           \
        s.distance[0] = 77;                                                                        \
        mi_nearest_io *io = &s.io;                                                                 \
        __VA_ARGS__;                                                                               \
        FAILS(code, text, with(*io));                                                              \
        ck_assert(s.index[0] == 77 && s.distance[0] == 77);                                        \
        release(&s);                                                                               \
    } while (0)

START_TEST(hostile_searches_are_refused) {
    REFUSES(MI_E_ARG, "metric", io->metric = 0);
    REFUSES(MI_E_ARG, "got 3", io->metric = 3);
    REFUSES(MI_E_ARG, "reserved0", io->reserved0 = 1);
    REFUSES(MI_E_ARG, "got 0 and 4", io->n = 0);
    REFUSES(MI_E_ARG, "got 10 and -1", io->m = -1);
    REFUSES(MI_E_ARG, "got 0", io->d = 0);
    REFUSES(MI_E_ARG, "got 1048577", io->d = (1 << 20) + 1);
    REFUSES(MI_E_ARG, "k must be in 1 to 536870912, got 0", io->k = 0);
    REFUSES(MI_E_ARG, "k is 11, of 10 rows 10 can be found", io->k = 11);
    REFUSES(MI_E_ARG, "k is 10, of 10 rows 9 can be found", io->k = 10; io->query = NULL;
            io->m = 0);
    REFUSES(MI_E_ARG, "m must be n, 10, got 4", io->query = NULL);
    REFUSES(MI_E_ARG, "base", io->base = NULL);
    REFUSES(MI_E_ARG, "index", io->index = NULL);
    REFUSES(MI_E_SHAPE, "10 rows of base of 3 numbers can't be 2 apart", io->ld = 2);
    REFUSES(MI_E_SHAPE, "rows of query", io->ldq = -1);
    REFUSES(MI_E_SHAPE, "rows of base", io->n = INT64_MAX / 2);
    REFUSES(MI_E_SHAPE, "neighbours", io->m = INT64_MAX / 2; io->k = 9);
    REFUSES(MI_E_SHAPE, "rows of query", io->m = INT64_MAX / 32; io->k = 1);
    REFUSES(MI_E_ABI, "mi_nearest_io", io->struct_size = 8);
    REFUSES(MI_E_NUMERIC, "base[9][2] is nan", s.base[29] = NAN);
    REFUSES(MI_E_NUMERIC, "query[3][0] is -inf", s.query[9] = -INFINITY);
    REFUSES(MI_E_NUMERIC, "base[4] is all 0", memset(s.base + 12, 0, 12));
    REFUSES(MI_E_NUMERIC, "query[0] is all 0", memset(s.query, 0, 12));
    const int64_t beyond[4] = {-1, -1, -1, 10}, one[4] = {-1, -1, 3, -1};
    REFUSES(MI_E_ARG, "exclude[3] is 10, base has 10 rows", io->exclude = beyond);
    REFUSES(MI_E_ARG, "k is 10, of 10 rows 9", io->exclude = one; io->k = 10);
    FAILS(MI_E_ARG, "io", mi_nearest_search(NULL, NULL));
}
END_TEST

START_TEST(what_is_unusual_works) {
    problem p = make(10, 4, 3, 2, MI_NEAREST_EUCLIDEAN, 0);
    fill(&p, 1, normal);
    memset(p.base, 0, 24); /* has a place, if no direction */
    search_and_check(&p);
    p.io.k = 1;
    p.io.distance = NULL;
    OK(mi_nearest_search(NULL, &p.io));
    p.io.m = 0;
    p.io.index = NULL;
    OK(mi_nearest_search(NULL, &p.io));
    for (int64_t i = 0; i < 30; i++)
        p.base[i] = 0;
    p.io.m = 4;
    p.io.index = p.index;
    p.io.distance = p.distance;
    search_and_check(&p);
    p.io = (mi_nearest_io){.struct_size = sizeof p.io,
                           .n = 1,
                           .d = 3,
                           .base = p.base,
                           .m = 4,
                           .query = p.query,
                           .ldq = 3,
                           .ld = 3,
                           .k = 1,
                           .metric = MI_NEAREST_EUCLIDEAN,
                           .index = p.index,
                           .distance = p.distance};
    search_and_check(&p);
    release(&p);
}
END_TEST

START_TEST(every_allocation_may_fail) {
    problem p = make(50, 20, 7, 5, MI_NEAREST_COSINE, 0);
    const int32_t known[50] = {0};
    int32_t label[20];
    bool whole = false;
    fill(&p, 1, normal);
    for (int64_t at = 1; !whole; at++) {
        failing f = {.fail_at = at};
        mi_context *ctx = NULL;
        p.index[0] = 77;
        label[0] = 77;
        mi_status status = failing_context(&f, 2, 1, &ctx);
        if (status == MI_OK)
            status = mi_nearest_search(ctx, &p.io);
        const bool found = status == MI_OK;
        const mi_nearest_vote vote = {.struct_size = sizeof vote,
                                      .m = 20,
                                      .k = 5,
                                      .n = 50,
                                      .index = p.index,
                                      .distance = p.distance,
                                      .label = known,
                                      .classes = 3};
        if (found)
            status = mi_nearest_classify(ctx, &vote, label);
        whole = f.calls < at;
        ck_assert_int_eq(status, whole ? MI_OK : MI_E_NOMEM);
        ck_assert(found == (p.index[0] != 77) && whole == (label[0] != 77));
        mi_context_destroy(ctx);
        ck_assert_int_eq(f.living, 0);
    }
    release(&p);
}
END_TEST

/* -- votes ------------------------------------------------------------------------------------ */

static const int64_t near[] = {0, 1, 2, 3, 4, 4, 5, 2, 1, 0, 6, 7, 6, 7, 6, 0, 3, 6, 1, 7};
static const float far[] = {0, .1f, .2f, .3f, .4f, .1f, .1f, .3f, .5f, .6f,
                            0, 0,   0,   0,   0,   .1f, .2f, .2f, .3f, 9};
static const int32_t label[] = {2, 2, 0, 0, 1, 1, -1, -1};

static mi_nearest_vote ballot(void) {
    return (mi_nearest_vote){.struct_size = sizeof(mi_nearest_vote),
                             .m = 4,
                             .k = 5,
                             .index = near,
                             .distance = far,
                             .n = 8,
                             .label = label,
                             .classes = 3};
}

START_TEST(majorities_decide) {
    mi_nearest_vote v = ballot();
    int32_t found[4];
    OK(mi_nearest_classify(NULL, &v, found));
    const int32_t all[] = {2, 1, -1, 2}; /* equal votes: the lesser sum of distances */
    ck_assert_mem_eq(found, all, sizeof all);
    v.ld = 5;
    v.k = 3;
    OK(mi_nearest_classify(NULL, &v, found));
    const int32_t three[] = {2, 1, -1, 2};
    ck_assert_mem_eq(found, three, sizeof three);
    const float same[20] = {0};
    v.k = 4;
    v.distance = same;
    OK(mi_nearest_classify(NULL, &v, found));
    const int32_t four[] = {0, 1, -1, 2}; /* and equal sums: the lower class */
    ck_assert_mem_eq(found, four, sizeof four);
    v.m = 0;
    v.index = NULL;
    v.distance = NULL;
    OK(mi_nearest_classify(NULL, &v, NULL));
}
END_TEST

START_TEST(weights_decide) {
    const int64_t index[] = {0, 1, 2, 0, 1, 2};
    const float distance[] = {.1f, .15f, .16f, 100, 100.1f, 100.2f};
    const int32_t class[] = {1, 0, 0};
    mi_nearest_vote v = {.struct_size = sizeof v,
                         .m = 2,
                         .k = 3,
                         .index = index,
                         .distance = distance,
                         .n = 3,
                         .label = class,
                         .classes = 2,
                         .temperature = .07};
    int32_t found[2];
    OK(mi_nearest_classify(NULL, &v, found)); /* 1 against .49 + .42, 1 against .24 + .06 */
    ck_assert(found[0] == 1 && found[1] == 1);
    v.temperature = .08;
    OK(mi_nearest_classify(NULL, &v, found)); /* 1 against .54 + .47 */
    ck_assert(found[0] == 0 && found[1] == 1);
    v.temperature = 1e-300; /* the nearest alone */
    OK(mi_nearest_classify(NULL, &v, found));
    ck_assert(found[0] == 1 && found[1] == 1);
    v.temperature = 0;
    OK(mi_nearest_classify(NULL, &v, found));
    ck_assert(found[0] == 0 && found[1] == 0);
}
END_TEST

START_TEST(votes_too_small_for_a_number_count) {
    const int64_t index[] = {1, 2, 0};
    const float distance[] = {100, 100.001f, 100.1f};
    const int32_t class[] = {1, 0, 0};
    const mi_nearest_vote v = {.struct_size = sizeof v,
                               .m = 1,
                               .k = 3,
                               .index = index,
                               .distance = distance,
                               .n = 3,
                               .label = class,
                               .classes = 2,
                               .temperature = .07};
    int32_t found;
    OK(mi_nearest_classify(NULL, &v, &found)); /* .25 against 1 + .99, and a lesser sum */
    ck_assert_int_eq(found, 0);
}
END_TEST

START_TEST(accuracy_is_of_what_is_known) {
    const mi_nearest_vote v = ballot();
    const int32_t all[] = {2, 0, 1, 2}, some[] = {2, -1, -5, 0}, none[] = {-1, -1, -1, -1};
    double accuracy = 7;
    OK(mi_nearest_accuracy(NULL, &v, all, &accuracy));
    ck_assert_double_eq(accuracy, .5);
    OK(mi_nearest_accuracy(NULL, &v, some, &accuracy));
    ck_assert_double_eq(accuracy, .5);
    FAILS(MI_E_ARG, "none of 4", mi_nearest_accuracy(NULL, &v, none, &accuracy));
    FAILS(MI_E_ARG, "truth", mi_nearest_accuracy(NULL, &v, NULL, &accuracy));
    FAILS(MI_E_ARG, "accuracy", mi_nearest_accuracy(NULL, &v, all, NULL));
    ck_assert_double_eq(accuracy, .5);
}
END_TEST

START_TEST(votes_do_not_depend_on_threads) {
    enum { M = 3000, K = 9, N = 400, CLASSES = 17 };
    static int64_t index[M * K];
    static float distance[M * K];
    static int32_t class[N], found[4][M];
    mi__random r = mi__random_at(2, 0, 0);
    for (int i = 0; i < M * K; i++) {
        index[i] = (int64_t)mi__random_below(&r, N);
        distance[i] = (float)mi__random_below(&r, 8) / 16;
    }
    for (int i = 0; i < N; i++)
        class[i] = (int32_t)mi__random_below(&r, CLASSES + 2) - 2;
    for (int32_t t = 1; t <= 4; t++) {
        const mi_context_options o = {.struct_size = sizeof o, .threads = t};
        mi_nearest_vote v = {.struct_size = sizeof v,
                             .m = M,
                             .k = K,
                             .index = index,
                             .distance = distance,
                             .n = N,
                             .label = class,
                             .classes = CLASSES,
                             .temperature = .3};
        mi_context *ctx;
        OK(mi_context_create(&o, &ctx));
        OK(mi_nearest_classify(ctx, &v, found[t - 1]));
        ck_assert_mem_eq(found[t - 1], found[0], sizeof found[0]);
        mi_context_destroy(ctx);
    }
}
END_TEST

static mi_status voted(mi_nearest_vote v) {
    int32_t found[4] = {77, 77, 77, 77};
    mi_status status = mi_nearest_classify(NULL, &v, found);
    ck_assert_int_eq(found[0], 77);
    return status;
}

START_TEST(hostile_votes_are_refused) {
    const float minus[20] = {0, -1}, infinite[20] = {[19] = INFINITY};
    const int64_t beyond[20] = {0, 1, 8}, below[20] = {-1};
    mi_nearest_vote v;
#define SPOILT(code, text, change)                                                                 \
    do {                                                                                           \
        v = ballot();                                                                              \
        change;                                                                                    \
        FAILS(code, text, voted(v));                                                               \
    } while (0)
    SPOILT(MI_E_ARG, "got -1, 5 and 8", v.m = -1);
    SPOILT(MI_E_ARG, "got 4, 0 and 8", v.k = 0);
    SPOILT(MI_E_ARG, "got 4, 5 and 0", v.n = 0);
    SPOILT(MI_E_ARG, "classes", v.classes = 0);
    SPOILT(MI_E_ARG, "label[0] is 2, there are 2 classes", v.classes = 2);
    SPOILT(MI_E_ARG, "reserved0", v.reserved0 = 1);
    SPOILT(MI_E_ARG, "temperature", v.temperature = -1);
    SPOILT(MI_E_ARG, "temperature", v.temperature = NAN);
    SPOILT(MI_E_ARG, "temperature", v.temperature = INFINITY);
    SPOILT(MI_E_SHAPE, "4 apart", v.ld = 4);
    SPOILT(MI_E_SHAPE, "apart", v.m = INT64_MAX / 4);
    SPOILT(MI_E_ARG, "index", v.index = NULL);
    SPOILT(MI_E_ARG, "distance", v.distance = NULL);
    SPOILT(MI_E_ARG, "label", v.label = NULL);
    SPOILT(MI_E_ARG, "index[0][2] is 8, there are 8 labels", v.index = beyond);
    SPOILT(MI_E_ARG, "index[0][0] is -1", v.index = below);
    SPOILT(MI_E_NUMERIC, "distance[0][1] is -1", v.distance = minus);
    SPOILT(MI_E_NUMERIC, "distance[3][4] is inf", v.distance = infinite);
    SPOILT(MI_E_ABI, "mi_nearest_vote", v.struct_size = 8);
    v = ballot();
    FAILS(MI_E_ARG, "label", mi_nearest_classify(NULL, &v, NULL));
    FAILS(MI_E_ARG, "vote", mi_nearest_classify(NULL, NULL, NULL));
}
END_TEST

UNIT_MAIN("nearest", queries_far_away_find_the_nearest, it_finds_what_comparing_everything_finds,
          more_than_one_part_at_a_time, clusters_far_from_the_origin_are_told_apart,
          ties_go_to_the_lower_row, equal_distances_come_in_the_order_of_rows,
          cosines_that_round_to_1_are_told_apart, rows_of_the_base_are_found_without_themselves,
          threads_and_kernels_make_no_difference, hostile_searches_are_refused,
          what_is_unusual_works, every_allocation_may_fail, majorities_decide, weights_decide,
          votes_too_small_for_a_number_count, accuracy_is_of_what_is_known,
          votes_do_not_depend_on_threads, hostile_votes_are_refused)
