/* SPDX-License-Identifier: BSD-2-Clause */
/* How the work on a bound is divided: into strips, for the host's threads, and into memory that
 * must not be more than there is. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

static mi_bound *make(mi_context *context, const char *kind, const char *parameter, double value) {
    mi_bound *bound = NULL;
    OK(mi_bound_create(context, kind, &bound));
    if (parameter != NULL)
        OK(mi_bound_set(bound, parameter, value));
    return bound;
}

static void *room(int64_t count, size_t size) {
    void *memory = calloc((size_t)count, size);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

/* -- strips ----------------------------------------------------------------------------------- */

enum { N = 150, LOCATIONS = 200, D = 2, WIDTH = N * LOCATIONS };

/* Later rows have larger scores, so that the maxima of columns rise from strip to strip. */
static void fill_sides(double *u, double *v) {
    for (int64_t i = 0; i < N * D; i++)
        u[i] = sin((double)(3 * i + 1)) * (1 + (double)i / 20);
    for (int64_t i = 0; i < WIDTH * D; i++)
        v[i] = cos((double)(7 * i + 2));
}

/* Loss and gradients by way of a matrix, which is never divided. */
static double by_matrix(mi_bound *bound, const double *u, const double *v, double *du, double *dv) {
    double *scores = room((int64_t)N * WIDTH, sizeof *scores);
    double *slopes = room((int64_t)N * WIDTH, sizeof *slopes);
    mi_bound_result r = {.struct_size = sizeof r};
    mi_bound_matrix_f64 io = {.struct_size = sizeof io,
                              .n = N,
                              .locations = LOCATIONS,
                              .scores = scores,
                              .dscores = slopes};
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < WIDTH; j++)
            scores[i * WIDTH + j] = u[i * D] * v[j * D] + u[i * D + 1] * v[j * D + 1];
    OK(mi_bound_eval_matrix_f64(bound, &io, &r));
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < WIDTH; j++)
            for (int64_t x = 0; x < D; x++) {
                du[i * D + x] += slopes[i * WIDTH + j] * v[j * D + x];
                dv[j * D + x] += slopes[i * WIDTH + j] * u[i * D + x];
            }
    free(scores);
    free(slopes);
    return r.loss;
}

static void check_near(const char *what, int64_t n, const double *got, const double *want,
                       double tolerance) {
    double largest = 0, error = 0;
    for (int64_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(want[i]));
        error = fmax(error, fabs(got[i] - want[i]));
    }
    ck_assert_msg(error <= tolerance * largest, "%s: off by %g of %g", what, error, largest);
}

static void narrow(int64_t n, const double *x, float *y) {
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)x[i];
}

static void widen(int64_t n, const float *x, double *y) {
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i];
}

/* Scores of 36 MB or 18 MB don't fit into one strip. */
static void check_strips(const char *kind, const char *parameter, double value) {
    enum { BOTH = (N + WIDTH) * D };
    double *x = room(BOTH, sizeof *x), *want = room(BOTH, sizeof *want), *got = room(BOTH, 8);
    float *x32 = room(BOTH, sizeof *x32), *got32 = room(BOTH, sizeof *got32);
    mi_bound *bound = make(NULL, kind, parameter, value);
    mi_bound_result r = {.struct_size = sizeof r}, r32 = r;
    fill_sides(x, x + N * D);
    narrow(BOTH, x, x32);
    double loss = by_matrix(bound, x, x + N * D, want, want + N * D);
    mi_bound_embeddings_f64 io = {.struct_size = sizeof io,
                                  .n = N,
                                  .locations = LOCATIONS,
                                  .d = D,
                                  .u = x,
                                  .v = x + N * D,
                                  .du = got,
                                  .dv = got + N * D};
    mi_bound_embeddings_f32 io32 = {.struct_size = sizeof io32,
                                    .n = N,
                                    .locations = LOCATIONS,
                                    .d = D,
                                    .u = x32,
                                    .v = x32 + N * D,
                                    .du = got32,
                                    .dv = got32 + N * D};
    OK(mi_bound_eval_embeddings_f64(bound, &io, &r));
    check_near("float64", BOTH, got, want, 1e-12);
    OK(mi_bound_eval_embeddings_f32(bound, &io32, &r32));
    widen(BOTH, got32, got);
    check_near("float32", BOTH, got, want, 3e-6);
    ck_assert_double_eq_tol(r.loss, loss, 1e-12);
    ck_assert_double_eq_tol(r32.loss, loss, 1e-5);
    free(x), free(want), free(got), free(x32), free(got32);
    mi_bound_destroy(bound);
}

START_TEST(strips_add_up_to_the_matrix) {
    check_strips("infonce", "columns", .3);
    check_strips("dv", "diagonal", 1);
}
END_TEST

/* -- the host's threads ----------------------------------------------------------------------- */

typedef struct host {
    int64_t calls, bodies;
    void (*body)(void *arg, int64_t i);
    void *arg;
    int64_t n;
} host;

static void *odd_ones(void *arg) {
    const host *h = arg;
    for (int64_t i = 1; i < h->n; i += 2)
        h->body(h->arg, i);
    return NULL;
}

/* Two threads, and the last comes first. */
static void on_the_host(void *user, int64_t n, void (*body)(void *arg, int64_t i), void *arg) {
    host *h = user, job = {.body = body, .arg = arg, .n = n};
    pthread_t other;
    h->calls++;
    h->bodies += n;
    ck_assert_int_eq(pthread_create(&other, NULL, odd_ones, &job), 0);
    for (int64_t i = (n - 1) / 2 * 2; i >= 0; i -= 2)
        body(arg, i);
    pthread_join(other, NULL);
}

static void evaluate_all(mi_context *context, const char *kind, const float *x, float *out,
                         mi_bound_result *r) {
    enum { SIDE = 240, LONG = 60000 };
    mi_bound *bound = make(context, kind, NULL, 0);
    mi_bound_matrix_f32 matrix = {
        .struct_size = sizeof matrix, .n = SIDE, .scores = x, .dscores = out};
    mi_bound_vectors_f32 vectors = {.struct_size = sizeof vectors,
                                    .n = LONG / 10,
                                    .m = LONG,
                                    .joint = x,
                                    .product = x,
                                    .djoint = out + LONG,
                                    .dproduct = out + 2 * LONG};
    if (strcmp(kind, "infonce") == 0)
        OK(mi_bound_set(bound, "columns", .5));
    OK(mi_bound_eval_matrix_f32(bound, &matrix, r));
    if (strcmp(kind, "infonce") != 0)
        OK(mi_bound_eval_vectors_f32(bound, &vectors, r + 1));
    mi_bound_destroy(bound);
}

START_TEST(a_host_that_executes_changes_no_bit) {
    static const char *const kinds[] = {"infonce", "dv", "nwj", "jsd", "interpolated"};
    enum { SCORES = 60000, OUT = 3 * SCORES };
    host h = {0};
    mi_context_options alone = {.struct_size = sizeof alone, .threads = 1}, hosted = alone;
    mi_context *a = NULL, *b = NULL;
    float *x = room(SCORES, sizeof *x), *one = room(OUT, sizeof *one), *two = room(OUT, 4);
    hosted.parallel_for = on_the_host;
    hosted.executor_user = &h;
    hosted.executor_width = 2;
    OK(mi_context_create(&alone, &a));
    OK(mi_context_create(&hosted, &b));
    for (int64_t i = 0; i < SCORES; i++)
        x[i] = (float)sin((double)i);
    for (int k = 0; k < 5; k++) {
        mi_bound_result r[4] = {{sizeof *r, 0, 0, 0}, {sizeof *r, 0, 0, 0}};
        r[2] = r[3] = r[0];
        const int64_t before = h.calls;
        evaluate_all(a, kinds[k], x, one, r);
        evaluate_all(b, kinds[k], x, two, r + 2);
        ck_assert_msg(memcmp(r, r + 2, 2 * sizeof *r) == 0, "%s: values differ", kinds[k]);
        ck_assert_msg(memcmp(one, two, OUT * sizeof *one) == 0, "%s: gradients differ", kinds[k]);
        ck_assert_int_gt(h.calls, before);
    }
    ck_assert_int_gt(h.bodies, 2 * h.calls);
    mi_context_destroy(a);
    mi_context_destroy(b);
    free(x), free(one), free(two);
}
END_TEST

/* -- sizes ------------------------------------------------------------------------------------ */

#define SMALL ((size_t)1 << 20)

static void *little(void *user, size_t size, size_t align) {
    (void)user;
    return size > SMALL ? NULL : aligned_alloc(align, (size + align - 1) / align * align);
}

static void release(void *user, void *memory, size_t size) {
    (void)user;
    (void)size;
    free(memory);
}

static const int64_t sizes[] = {
    INT64_MIN,     -1,       1, 65537, 1000000000, (int64_t)1 << 31, (int64_t)1 << 43,
    INT64_MAX / 8, INT64_MAX};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Nothing of the buffers is touched before it is known that there is memory for the rest. */
static void check_sizes(mi_bound *bound, int64_t a, int64_t b, int64_t c) {
    const float x[1] = {1};
    float y[1] = {777};
    double slope = 777;
    mi_bound_vectors_f32 vectors = {
        .struct_size = sizeof vectors, .n = a, .m = b, .joint = x, .product = x, .dproduct = y};
    mi_bound_matrix_f32 matrix = {.struct_size = sizeof matrix,
                                  .n = a,
                                  .locations = b,
                                  .scores = x,
                                  .ld = c,
                                  .dscores = y,
                                  .lddscores = c};
    mi_bound_embeddings_f32 rows = {.struct_size = sizeof rows,
                                    .n = a,
                                    .locations = b,
                                    .d = c,
                                    .u = x,
                                    .v = x,
                                    .dv = y,
                                    .dtemperature = &slope};
    if (a != 1 || b != 1) {
        if (a != 1 || b > 65537) /* one pair and 65537 others need little memory */
            ck_assert_int_ne(mi_bound_eval_vectors_f32(bound, &vectors, NULL), MI_OK);
        ck_assert_int_ne(mi_bound_eval_matrix_f32(bound, &matrix, NULL), MI_OK);
    }
    if (a != 1 || b != 1 || c != 1)
        ck_assert_int_ne(mi_bound_eval_embeddings_f32(bound, &rows, NULL), MI_OK);
    rows.d = 1;
    rows.ldu = rows.lddv = c;
    if (a != 1 || b != 1)
        ck_assert_int_ne(mi_bound_eval_embeddings_f32(bound, &rows, NULL), MI_OK);
    ck_assert(y[0] == 777 && slope == 777);
}

START_TEST(sizes_beyond_memory_are_refused) {
    static const char *const kinds[] = {"infonce", "dv", "interpolated"};
    mi_context_options o = {
        .struct_size = sizeof o, .threads = 1, .alloc = little, .release = release};
    mi_context *context = NULL;
    OK(mi_context_create(&o, &context));
    for (int k = 0; k < 3; k++) {
        mi_bound *bound = make(context, kinds[k], k == 0 ? "columns" : NULL, .3);
        for (int i = 0; i < SIZES * SIZES * SIZES; i++)
            check_sizes(bound, sizes[i % SIZES], sizes[i / SIZES % SIZES],
                        sizes[i / SIZES / SIZES]);
        mi_bound_destroy(bound);
    }
    mi_context_destroy(context);
}
END_TEST

UNIT_MAIN("bound_work", strips_add_up_to_the_matrix, a_host_that_executes_changes_no_bit,
          sizes_beyond_memory_are_refused)
