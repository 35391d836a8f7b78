/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernels for stretches of scores: every float table against the reference in float64. */
#include "unit.h"

#include "../../lib/kernel/kernel.h"

#include <float.h>
#include <sys/mman.h>
#include <unistd.h>

#define TAIL 70 /* longer than four vectors and a part of one */
#define GUARD 32

/* What a kernel reads and writes; those that go unused stay as they were. */
typedef struct stretch {
    int64_t n;
    void *x, *b, *c, *y;
    double sums[2];
} stretch;

typedef struct entry {
    const char *name;
    void (*run)(const mi__kernels *k, stretch *s);
    bool in_place, optional; /* y may be x; may be NULL */
} entry;

static void run_extent(const mi__kernels *k, stretch *s) {
    s->sums[0] = 1.5, s->sums[1] = -1.5;
    ck_assert(k->extent(s->n, s->x, &s->sums[0], &s->sums[1]));
}

static void run_sum(const mi__kernels *k, stretch *s) {
    s->sums[0] = k->sum(s->n, s->x);
}

static void run_dot(const mi__kernels *k, stretch *s) {
    s->sums[0] = k->dot(s->n, s->x, s->b);
}

static void run_fill(const mi__kernels *k, stretch *s) {
    k->fill(s->n, 0.625, s->y);
}

static void run_scale(const mi__kernels *k, stretch *s) {
    k->scale(s->n, -1.75, s->x, s->y);
}

static void run_add_scaled(const mi__kernels *k, stretch *s) {
    k->add_scaled(s->n, -1.75, s->x, s->y);
}

static void run_exp_sum(const mi__kernels *k, stretch *s) {
    s->sums[0] = k->exp_sum(s->n, s->x, 1.25, s->y);
}

static void run_exp_clipped(const mi__kernels *k, stretch *s) {
    s->sums[0] = k->exp_clipped(s->n, s->x, 1.5, -0.75);
    s->sums[1] = k->exp_clipped(s->n, s->x, (double)INFINITY, 2);
}

static void run_max_columns(const mi__kernels *k, stretch *s) {
    k->max_columns(s->n, s->x, s->y);
}

static void run_exp_columns(const mi__kernels *k, stretch *s) {
    k->exp_columns(s->n, s->x, s->b, s->c);
}

static void run_exp_rows_columns(const mi__kernels *k, stretch *s) {
    k->exp_rows_columns(s->n, s->x, 0.375, -1.5, s->c, s->b, s->y);
}

static void run_softplus_sum(const mi__kernels *k, stretch *s) {
    k->softplus_sum(s->n, s->x, s->y, s->sums);
}

static void run_tanh_sum(const mi__kernels *k, stretch *s) {
    s->sums[0] = k->tanh_sum(s->n, s->x, s->y);
}

static const entry entries[] = {
    {"extent", run_extent, false, false},
    {"sum", run_sum, false, false},
    {"dot", run_dot, false, false},
    {"fill", run_fill, false, false},
    {"scale", run_scale, true, false},
    {"add_scaled", run_add_scaled, true, false},
    {"exp_sum", run_exp_sum, true, true},
    {"exp_clipped", run_exp_clipped, false, false},
    {"max_columns", run_max_columns, false, false},
    {"exp_columns", run_exp_columns, false, false},
    {"exp_rows_columns", run_exp_rows_columns, true, false},
    {"softplus_sum", run_softplus_sum, true, true},
    {"tanh_sum", run_tanh_sum, true, true},
};
#define ENTRIES (int)(sizeof entries / sizeof entries[0])

/* -- memory and values ------------------------------------------------------------------------ */

/* 1024 numbers that end where a page that nobody may touch begins. */
typedef struct edge {
    char *begin, *end;
} edge;

static edge edge_create(void) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (8192 + page - 1) / page * page;
    char *begin = aligned_alloc(page, room + page);
    ck_assert_ptr_nonnull(begin);
    ck_assert_int_eq(mprotect(begin + room, page, PROT_NONE), 0);
    return (edge){begin, begin + room};
}

static void edge_destroy(edge *e) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    ck_assert_int_eq(mprotect(e->end, page, PROT_READ | PROT_WRITE), 0);
    free(e->begin);
}

static void put(size_t real, void *p, int64_t i, double value) {
    if (real == sizeof(float))
        ((float *)p)[i] = (float)value;
    else
        ((double *)p)[i] = value;
}

static double get(size_t real, const void *p, int64_t i) {
    return real == sizeof(float) ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

/* The same multiples of 1 / 64 from `least` to `least` + 8 in either precision, after a few numbers
 * to watch. */
static void *values(size_t real, edge *e, int64_t n, uint32_t seed, double least) {
    char *p = e->end - (size_t)n * real;
    memset(p - GUARD * real, 0x5a, GUARD * real);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        put(real, p, i, least + (double)(seed >> 23) / 64);
    }
    return p;
}

static void check_guard(size_t real, const void *p) {
    char untouched[GUARD * sizeof(double)];
    memset(untouched, 0x5a, sizeof untouched);
    ck_assert_mem_eq((const char *)p - GUARD * real, untouched, GUARD * real);
}

static stretch stretch_of(size_t real, edge e[4], int64_t n) {
    return (stretch){.n = n,
                     .x = values(real, &e[0], n, 1, -4),
                     .b = values(real, &e[1], n, 2, -4),
                     .c = values(real, &e[2], n, 3, 0),
                     .y = values(real, &e[3], n, 4, -4)};
}

/* To `relative`; what is no normal number in float may be 0, what exceeds it is infinite. */
static bool close_to(double got, double want, double relative) {
    if (isnan(want))
        return isnan(got);
    if (fabs(want) > (double)FLT_MAX * (1 + 0x1p-25))
        return isinf(got) && (got > 0) == (want > 0);
    const double least = fabs(want) < (double)FLT_MIN ? (double)FLT_MIN : 0;
    return fabs(got - want) <= relative * fabs(want) + least;
}

/* -- every entry ------------------------------------------------------------------------------ */

static void compare(const mi__kernels *k, const entry *e, const stretch *got, const stretch *want) {
    const size_t wide = sizeof(double);
    const double terms = e->run == run_tanh_sum ? (double)got->n : 0; /* of both signs */
    for (int i = 0; i < 2; i++)
        ck_assert_msg(fabs(got->sums[i] - want->sums[i]) <= 1.5e-7 * (fabs(want->sums[i]) + terms),
                      "%s of %s, n %d: sum %.9g, not %.9g", e->name, k->name, (int)got->n,
                      got->sums[i], want->sums[i]);
    for (int64_t i = 0; i < got->n; i++) { /* an assertion that holds costs a system call */
        double y = get(k->real, got->y, i), c = get(k->real, got->c, i);
        if (!close_to(y, get(wide, want->y, i), 2.5e-7) ||
            !close_to(c, get(wide, want->c, i), 2.5e-7))
            ck_abort_msg("%s of %s, n %d: y[%d] = %.9g, c %.9g", e->name, k->name, (int)got->n,
                         (int)i, y, c);
    }
}

/* With y = x or without y: what is left is the same to the bit. */
static void run_variants(const mi__kernels *k, const entry *e, edge memory[4], int64_t n) {
    const size_t bytes = (size_t)n * k->real;
    char kept[TAIL * sizeof(double)];
    stretch first = stretch_of(k->real, memory, n);
    memcpy(first.y, first.x, bytes);
    e->run(k, &first);
    memcpy(kept, first.y, bytes);
    if (e->in_place) {
        stretch s = stretch_of(k->real, memory, n);
        s.y = s.x;
        e->run(k, &s);
        ck_assert_msg(memcmp(s.x, kept, bytes) == 0, "%s of %s in place", e->name, k->name);
        ck_assert_mem_eq(s.sums, first.sums, sizeof s.sums);
    }
    if (e->optional) {
        stretch s = stretch_of(k->real, memory, n);
        s.y = NULL;
        e->run(k, &s);
        ck_assert_mem_eq(s.sums, first.sums, sizeof s.sums);
    }
}

static void check_entry(const mi__kernels *k, const entry *e, int64_t n, edge theirs[4],
                        edge ours[4]) {
    stretch want = stretch_of(sizeof(double), ours, n), got = stretch_of(k->real, theirs, n);
    e->run(&mi__kernels_f64, &want);
    e->run(k, &got);
    compare(k, e, &got, &want);
    const void *const all[] = {got.x, got.b, got.c, got.y};
    for (int i = 0; i < 4; i++)
        check_guard(k->real, all[i]);
    run_variants(k, e, theirs, n);
}

/* All tails and starts; nothing beyond is touched. */
START_TEST(every_length) {
    edge theirs[4], ours[4];
    for (int i = 0; i < 4; i++)
        theirs[i] = edge_create(), ours[i] = edge_create();
    const mi__kernels *k;
    for (int32_t i = 0; (k = mi__kernels_list(i)) != NULL; i++)
        for (int j = 0; j < ENTRIES; j++)
            for (int64_t n = 0; n <= TAIL; n++)
                check_entry(k, &entries[j], n, theirs, ours);
    for (int i = 0; i < 4; i++)
        edge_destroy(&theirs[i]), edge_destroy(&ours[i]);
}
END_TEST

/* -- accuracy --------------------------------------------------------------------------------- */

typedef void (*function)(const mi__kernels *k, int64_t n, const void *x, void *y);

static void exp_of(const mi__kernels *k, int64_t n, const void *x, void *y) {
    k->exp_sum(n, x, 0, y);
}

static void sigmoid_of(const mi__kernels *k, int64_t n, const void *x, void *y) {
    double sums[2];
    k->softplus_sum(n, x, y, sums);
}

static void tanh_of(const mi__kernels *k, int64_t n, const void *x, void *y) {
    k->tanh_sum(n, x, y);
}

/* What only comes out in sums, one by one; in the lanes of tails. */
static void softplus_of(const mi__kernels *k, int64_t n, const void *x, void *y) {
    for (int64_t i = 0; i < n; i++) {
        double sums[2];
        k->softplus_sum(1, (const char *)x + (size_t)i * k->real, NULL, sums);
        put(k->real, y, i, sums[0]);
    }
}

static void exp_clipped_of(const mi__kernels *k, int64_t n, const void *x, void *y) {
    for (int64_t i = 0; i < n; i++)
        put(k->real, y, i, k->exp_clipped(1, (const char *)x + (size_t)i * k->real, 30.5, 0));
}

static const struct {
    const char *name;
    function run;
    double relative;
} functions[] = {
    {"exp", exp_of, 1e-7},           {"sigmoid", sigmoid_of, 2e-7},     {"tanh", tanh_of, 2e-7},
    {"softplus", softplus_of, 3e-7}, {"clipped", exp_clipped_of, 2e-7},
};

#define BATCH 4096

/* x, widened without loss, against the reference. */
static void check_values(int64_t n, const float *x) {
    static double wide[BATCH], want[BATCH];
    static float got[BATCH];
    for (int64_t i = 0; i < n; i++)
        wide[i] = (double)x[i];
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        functions[f].run(&mi__kernels_f64, n, wide, want);
        const mi__kernels *k;
        for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
            functions[f].run(k, n, x, got);
            for (int64_t i = 0; i < n; i++)
                if (!close_to((double)got[i], want[i], functions[f].relative))
                    ck_abort_msg("%s of %s: f(%.9g) = %.9g, not %.9g", functions[f].name, k->name,
                                 (double)x[i], (double)got[i], want[i]);
        }
    }
}

START_TEST(functions_over_their_range) {
    float x[BATCH];
    for (int batch = 0; batch < 96; batch++) {
        for (int i = 0; i < BATCH; i++)
            x[i] = -104 + 193 * (float)(batch * BATCH + i) / (96 * BATCH);
        check_values(BATCH, x);
    }
}
END_TEST

START_TEST(functions_near_zero) {
    float x[BATCH];
    for (int i = 0; i < BATCH; i++)
        x[i] = (i % 2 == 0 ? 1 : -1) * expf(-100 + 103 * (float)i / BATCH);
    check_values(BATCH, x);
}
END_TEST

START_TEST(functions_of_special_numbers) {
    const float inf = (float)INFINITY;
    const float x[] = {0,           -0.0f,        FLT_TRUE_MIN, -FLT_TRUE_MIN, FLT_MIN, -FLT_MIN,
                       1e-39f,      -1e-39f,      88.7f,        -88.7f,        87.3f,   -87.3f,
                       88.72283f,   88.72284f,    -87.33654f,   -87.33655f,    -103.9f, -104.1f,
                       1000,        -1000,        1e4f,         -1e4f,         1e38f,   -1e38f,
                       FLT_MAX,     -FLT_MAX,     9.01f,        -9.01f,        20,      -20,
                       0.34657359f, -0.34657359f, 88.37626f,    88.37627f,     -inf,    -1};
    const int64_t n = sizeof x / sizeof x[0];
    check_values(n, x);
    for (int64_t i = 0; i < n; i++) /* alone, in a tail */
        check_values(1, x + i);
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        float y[sizeof x / sizeof x[0]];
        k->exp_sum(n, x, 0, y);
        ck_assert(y[0] == 1 && y[1] == 1);
        k->tanh_sum(n, x, y);
        ck_assert(y[2] == FLT_TRUE_MIN && !signbit(y[0]) && signbit(y[1]));
        for (int i = 8; i < 34; i++)
            ck_assert(fabsf(y[i]) <= 1);
    }
}
END_TEST

START_TEST(nan_stays) {
    const float x[] = {1, (float)NAN, 2};
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        float y[3];
        ck_assert(isnan(k->exp_sum(3, x, 0, y)) && isnan(y[1]) && !isnan(y[2]));
        ck_assert(isnan(k->tanh_sum(3, x, y)) && isnan(y[1]) && !isnan(y[2]));
        double sums[2];
        k->softplus_sum(3, x, y, sums);
        ck_assert(isnan(sums[0]) && isnan(sums[1]) && isnan(y[1]) && !isnan(y[2]));
        ck_assert(isnan(k->exp_clipped(3, x, 5, 0)));
    }
}
END_TEST

/* -- sums of many ----------------------------------------------------------------------------- */

#define MANY 1000003

/* `spread` 0: all are equal, so that roundings cannot make up for one another. */
static void check_sums(float *x, float *copy, double *wide, double spread) {
    uint32_t seed = 5;
    for (int64_t i = 0; i < MANY; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(0.7 + spread * ((double)seed / 4294967296 - 0.5));
        wide[i] = (double)x[i];
    }
    const mi__kernels *k, *f64 = &mi__kernels_f64;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        ck_assert(close_to(k->sum(MANY, x), f64->sum(MANY, wide), spread == 0 ? 1e-10 : 2e-8));
        ck_assert(close_to(k->dot(MANY, x, x), f64->dot(MANY, wide, wide), 1e-7));
        ck_assert(close_to(k->exp_sum(MANY, x, 0, NULL), f64->exp_sum(MANY, wide, 0, NULL), 1e-7));
        ck_assert(
            close_to(k->exp_clipped(MANY, x, 0.5, 0), f64->exp_clipped(MANY, wide, 0.5, 0), 1e-7));
        double got[2], want[2];
        k->softplus_sum(MANY, x, NULL, got);
        f64->softplus_sum(MANY, wide, NULL, want);
        ck_assert(close_to(got[0], want[0], 1e-7) && close_to(got[1], want[1], 1e-7));
        const double error = fabs(k->tanh_sum(MANY, x, NULL) - f64->tanh_sum(MANY, wide, NULL));
        ck_assert_double_lt(error, 1e-7 * MANY);
        const double moved = k->exp_sum(MANY - 7, x + 7, 0, NULL);
        memcpy(copy, x + 7, (MANY - 7) * sizeof *x);
        ck_assert(k->exp_sum(MANY - 7, copy, 0, NULL) == moved);
    }
}

START_TEST(sums_of_a_million) {
    float *x = malloc(MANY * sizeof *x), *copy = malloc(MANY * sizeof *copy);
    double *wide = malloc(MANY * sizeof *wide);
    ck_assert(x != NULL && copy != NULL && wide != NULL);
    check_sums(x, copy, wide, 0);
    check_sums(x, copy, wide, 1);
    check_sums(x, copy, wide, 20);
    free(x), free(copy), free(wide);
}
END_TEST

/* -- extent ----------------------------------------------------------------------------------- */

START_TEST(extent_finds_what_is_not_finite) {
    const float bad[] = {(float)NAN, -(float)NAN, (float)INFINITY, -(float)INFINITY};
    float x[TAIL + 200];
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++)
        for (int64_t n = 1; n <= TAIL + 200; n += n < TAIL ? 1 : 37)
            for (int64_t at = 0; at < n; at++)
                for (int i = 0; i < 4; i++) {
                    for (int64_t j = 0; j < n; j++)
                        x[j] = j % 3 == 0 ? FLT_MAX : -FLT_MAX;
                    x[at] = bad[i];
                    double least = 3, most = 4;
                    ck_assert(!k->extent(n, x, &least, &most));
                    ck_assert(least == 3 && most == 4);
                }
}
END_TEST

START_TEST(extent_finds_extremes_anywhere) {
    float x[TAIL + 200];
    const mi__kernels *k;
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++)
        for (int64_t n = 2; n <= TAIL + 200; n += n < TAIL ? 1 : 37)
            for (int64_t at = 0; at < n; at++) {
                for (int64_t j = 0; j < n; j++)
                    x[j] = 2 + (float)j / 1024;
                x[at] = -FLT_MAX, x[(at + 1) % n] = FLT_MAX;
                double least = (double)INFINITY, most = -(double)INFINITY;
                ck_assert(k->extent(n, x, &least, &most));
                ck_assert(least == -(double)FLT_MAX && most == (double)FLT_MAX);
                x[at] = x[(at + 1) % n] = 2; /* what is positive must not be taken for 0 */
                least = (double)INFINITY;
                ck_assert(k->extent(n, x, &least, &most) && least == 2);
            }
}
END_TEST

UNIT_MAIN("scores", every_length, functions_over_their_range, functions_near_zero,
          functions_of_special_numbers, nan_stays, sums_of_a_million,
          extent_finds_what_is_not_finite, extent_finds_extremes_anywhere)
