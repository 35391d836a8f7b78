/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../lib/base/base.h"
#include "../../lib/base/random.h"
#include "unit.h"

#include <pthread.h>
#include <signal.h>

/* -- random numbers ---------------------------------------------------------------------------- */

/* From kat_vectors of the Random123 distribution: counter words 0 1 are our counter, 2 3 our
 * stream, the key our seed; low words first. */
START_TEST(test_philox_known_answers) {
    static const struct {
        uint64_t seed, stream, counter;
        uint32_t out[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x0370734413198a2e,
         0x85a308d3243f6a88,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t out[4];
        mi__philox(known[i].seed, known[i].stream, known[i].counter, out);
        ck_assert_mem_eq(out, known[i].out, sizeof out);
    }
}
END_TEST

START_TEST(test_random_is_its_blocks) {
    mi__random r = mi__random_at(5, 6, 7);
    for (uint64_t counter = 7; counter < 10; counter++) {
        uint32_t block[4];
        mi__philox(5, 6, counter, block);
        for (int i = 0; i < 4; i++)
            ck_assert_uint_eq(mi__random_u32(&r), block[i]);
    }
}
END_TEST

START_TEST(test_random_distributions) {
    enum { N = 60000 };
    mi__random r = mi__random_at(1, 2, 0);
    int64_t faces[6] = {0};
    double sum = 0, squares = 0, fourth = 0, uniform = 0;
    for (int i = 0; i < N; i++) {
        int64_t face = mi__random_below(&r, 6);
        ck_assert(face >= 0 && face < 6);
        faces[face]++;
        double u = mi__random_range(&r, -1, 3), x = mi__random_normal(&r);
        ck_assert(u >= -1 && u < 3 && isfinite(x));
        uniform += u;
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
    }
    for (int i = 0; i < 6; i++)
        ck_assert(llabs(faces[i] - N / 6) < 500); /* over 5 standard deviations */
    ck_assert(fabs(uniform / N - 1) < .025);
    ck_assert(fabs(sum / N) < .022 && fabs(squares / N - 1) < .03 && fabs(fourth / N - 3) < .21);
    ck_assert_int_eq(mi__random_below(&r, 1), 0);
}
END_TEST

/* Each of the orders of four comes as often; and which one it is never changes. */
START_TEST(test_shuffles) {
    enum { N = 24000 };
    mi__random r = mi__random_at(1, 3, 0);
    int64_t seen[4 * 4 * 4 * 4] = {0}, none = 5, orders = 0;
    for (int i = 0; i < N; i++) {
        int64_t order[] = {0, 1, 2, 3};
        mi__random_shuffle(&r, 4, order);
        ck_assert_int_eq(1 << order[0] | 1 << order[1] | 1 << order[2] | 1 << order[3], 15);
        seen[64 * order[0] + 16 * order[1] + 4 * order[2] + order[3]]++;
    }
    for (int i = 0; i < 256; i++) {
        orders += seen[i] > 0;
        ck_assert(seen[i] == 0 || llabs(seen[i] - N / 24) < 160); /* over 5 standard deviations */
    }
    ck_assert_int_eq(orders, 24);
    mi__random_shuffle(&r, 0, &none);
    mi__random_shuffle(&r, 1, &none);
    ck_assert_int_eq(none, 5);
    int64_t order[] = {0, 1, 2, 3, 4, 5, 6, 7};
    r = mi__random_at(1, 4, 0);
    mi__random_shuffle(&r, 8, order);
    const int64_t known[] = {1, 7, 0, 4, 6, 2, 3, 5};
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(order[i], known[i]);
}
END_TEST

/* -- threads ----------------------------------------------------------------------------------- */

static mi_context *context_of(int32_t threads) {
    mi_context_options o = {.struct_size = sizeof o, .threads = threads};
    mi_context *context;
    OK(mi_context_create(&o, &context));
    return context;
}

static void visit(void *arg, int64_t i) {
    atomic_fetch_add((atomic_int *)arg + i, 1);
}

static void visit_range(void *arg, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
        visit(arg, i);
}

static void all_once(atomic_int *seen, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        ck_assert_int_eq(atomic_exchange(&seen[i], 0), 1);
}

START_TEST(test_every_index_once) {
    const int32_t threads[] = {1, 2, 3, 8};
    const int64_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 1000};
    static atomic_int seen[1001];
    for (int t = 0; t < 4; t++) {
        mi_context *context = context_of(threads[t]);
        ck_assert_int_eq(mi_context_threads(context), threads[t]);
        for (int round = 0; round < 20; round++)
            for (int s = 0; s < 8; s++) {
                mi__parallel_for(context, sizes[s], visit, seen);
                all_once(seen, sizes[s]);
                mi__parallel_ranges(context, sizes[s], 1 + round * 10, visit_range, seen);
                all_once(seen, sizes[s]);
                ck_assert_int_eq(atomic_load(&seen[sizes[s]]), 0);
            }
        mi_context_destroy(context);
    }
}
END_TEST

typedef struct spans {
    atomic_int count;
    atomic_llong shortest;
} spans;

static void measure_span(void *arg, int64_t begin, int64_t end) {
    spans *s = arg;
    atomic_fetch_add(&s->count, 1);
    long long least = atomic_load(&s->shortest);
    while (end - begin < least && !atomic_compare_exchange_weak(&s->shortest, &least, end - begin))
        ;
}

START_TEST(test_ranges_keep_their_grain) {
    mi_context *context = context_of(4);
    const int64_t cases[][3] = {/* n, grain, pieces */
                                {100, 1, 4}, {100, 40, 2}, {100, 60, 1},
                                {3, 1, 3},   {5, 0, 4},    {INT64_MAX, 1, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spans s;
        atomic_init(&s.count, 0);
        atomic_init(&s.shortest, INT64_MAX);
        mi__parallel_ranges(context, cases[i][0], cases[i][1], measure_span, &s);
        ck_assert_int_eq(atomic_load(&s.count), cases[i][2]);
        ck_assert(atomic_load(&s.shortest) >= MI__MAX(cases[i][1], 1));
    }
    mi_context_destroy(context);
}
END_TEST

static void backwards(void *user, int64_t n, void (*body)(void *arg, int64_t i), void *arg) {
    atomic_fetch_add((atomic_int *)user, 1);
    for (int64_t i = n - 1; i >= 0; i--)
        body(arg, i);
}

START_TEST(test_host_executes) {
    static atomic_int calls, seen[64];
    mi_context_options o = {.struct_size = sizeof o,
                            .threads = 2,
                            .parallel_for = backwards,
                            .executor_user = &calls,
                            .executor_width = 5};
    mi_context *context;
    OK(mi_context_create(&o, &context));
    ck_assert_int_eq(mi_context_threads(context), 5);
    mi__parallel_for(context, 64, visit, seen);
    all_once(seen, 64);
    mi__parallel_ranges(context, 64, 1, visit_range, seen);
    all_once(seen, 64);
    ck_assert_int_eq(atomic_load(&calls), 2);
    mi_context_destroy(context);
    o.executor_width = 0;
    OK(mi_context_create(&o, &context));
    ck_assert_int_eq(mi_context_threads(context), 1);
    mi_context_destroy(context);
}
END_TEST

typedef struct caller {
    pthread_t thread;
    mi_context *context;
    atomic_int seen[100];
    int wrong;
} caller;

static void *call_often(void *arg) {
    caller *c = arg;
    for (int round = 0; round < 300; round++) {
        mi__parallel_for(c->context, 100, visit, c->seen);
        for (int i = 0; i < 100; i++)
            c->wrong += atomic_exchange(&c->seen[i], 0) != 1;
    }
    return NULL;
}

START_TEST(test_callers_share_a_context) {
    static caller callers[4];
    mi_context *context = context_of(3);
    for (int i = 0; i < 4; i++) {
        callers[i].context = context;
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(callers[i].thread, NULL);
        ck_assert_int_eq(callers[i].wrong, 0);
    }
    mi_context_destroy(context);
}
END_TEST

typedef struct meeting {
    pthread_barrier_t both;
    pthread_t host;
    int blocked[2]; /* SIGUSR1 and SIGSEGV, on the thread that is not the host's */
} meeting;

static void look_at_mask(void *arg, int64_t i) {
    meeting *m = arg;
    (void)i;
    sigset_t mask;
    pthread_barrier_wait(&m->both); /* one index for each thread */
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    if (!pthread_equal(pthread_self(), m->host)) {
        m->blocked[0] = sigismember(&mask, SIGUSR1);
        m->blocked[1] = sigismember(&mask, SIGSEGV);
    }
}

START_TEST(test_signals_are_left_to_the_host) {
    meeting m = {.host = pthread_self(), .blocked = {-1, -1}};
    mi_context *context = context_of(2);
    sigset_t mask;
    pthread_barrier_init(&m.both, NULL, 2);
    mi__parallel_for(context, 2, look_at_mask, &m);
    mi_context_destroy(context);
    pthread_barrier_destroy(&m.both);
    ck_assert_int_eq(m.blocked[0], 1);
    ck_assert_int_eq(m.blocked[1], 0); /* a fault has to reach the host's handler */
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGUSR1), 0);
}
END_TEST

/* -- options and contexts ---------------------------------------------------------------------- */

typedef struct sample_options {
    uint64_t struct_size;
    int64_t a, b;
} sample_options;

static mi_status load(sample_options *own, const void *theirs) {
    *own = (sample_options){0};
    return mi__options_load(own, sizeof *own, 16, theirs, "sample_options");
}

START_TEST(test_options) {
    sample_options own;
    uint64_t theirs[5] = {24, 7, 8, 0, 0};
    OK(load(&own, NULL));
    ck_assert(own.a == 0 && own.b == 0);
    OK(load(&own, theirs));
    ck_assert(own.struct_size == sizeof own && own.a == 7 && own.b == 8);
    theirs[0] = 16; /* an older caller, who knows nothing of b */
    OK(load(&own, theirs));
    ck_assert(own.struct_size == sizeof own && own.a == 7 && own.b == 0);
    theirs[0] = 40; /* a newer one, who sets nothing that is unknown here */
    OK(load(&own, theirs));
    ck_assert(own.a == 7 && own.b == 8);
    theirs[4] = 1;
    FAILS(MI_E_ABI, "byte 32", load(&own, theirs));
    ck_assert(own.a == 0);
    const uint64_t garbage[] = {0, 8, 15, 4097, UINT64_MAX};
    for (int i = 0; i < 5; i++) {
        theirs[0] = garbage[i];
        FAILS(MI_E_ABI, "sample_options.struct_size", load(&own, theirs));
    }
}
END_TEST

START_TEST(test_reports) {
    const sample_options own = {.a = 7, .b = 8};
    uint64_t theirs[5] = {24, 1, 2, 3, 4};
    OK(mi__report_check(theirs, sizeof own, 16, "sample"));
    mi__report_store(theirs, theirs[0], &own, sizeof own);
    ck_assert(theirs[0] == 24 && theirs[1] == 7 && theirs[2] == 8 && theirs[3] == 3);
    theirs[0] = 16, theirs[2] = 2; /* an older caller, who has no room for b */
    OK(mi__report_check(theirs, sizeof own, 16, "sample"));
    mi__report_store(theirs, theirs[0], &own, sizeof own);
    ck_assert(theirs[0] == 16 && theirs[1] == 7 && theirs[2] == 2);
    theirs[0] = 40; /* a newer one */
    OK(mi__report_check(theirs, sizeof own, 16, "sample"));
    mi__report_store(theirs, theirs[0], &own, sizeof own);
    ck_assert(theirs[0] == 40 && theirs[2] == 8 && theirs[3] == 3 && theirs[4] == 4);
    theirs[0] = 15;
    FAILS(MI_E_ABI, "sample.struct_size is 15", mi__report_check(theirs, 24, 16, "sample"));
    theirs[0] = 4097;
    FAILS(MI_E_ABI, "sample.struct_size is 4097", mi__report_check(theirs, 24, 16, "sample"));
}
END_TEST

START_TEST(test_context_refuses) {
    mi_context_options o = {.struct_size = sizeof o};
    const mi_context_options fresh = o;
    mi_context *context = NULL;
    FAILS(MI_E_ARG, "out", mi_context_create(NULL, NULL));
    o.threads = -1;
    FAILS(MI_E_ARG, "got -1", mi_context_create(&o, &context));
    o.threads = 1025;
    FAILS(MI_E_ARG, "got 1025", mi_context_create(&o, &context));
    o = fresh;
    o.executor_width = -3;
    FAILS(MI_E_ARG, "got -3", mi_context_create(&o, &context));
    o = fresh;
    o.release = (void (*)(void *, void *, size_t))1;
    FAILS(MI_E_ARG, "both", mi_context_create(&o, &context));
    o = fresh;
    o.reserved1 = 1;
    FAILS(MI_E_ARG, "reserved", mi_context_create(&o, &context));
    o = fresh;
    o.collectives = &o;
    FAILS(MI_E_ARG, "reserved", mi_context_create(&o, &context));
    o = fresh;
    o.struct_size = 3;
    FAILS(MI_E_ABI, "struct_size is 3", mi_context_create(&o, &context));
    ck_assert_ptr_null(context);
    ck_assert_int_ge(mi_context_threads(NULL), 1);
    mi_context_destroy(NULL);
}
END_TEST

/* -- memory ------------------------------------------------------------------------------------ */

typedef struct ledger {
    atomic_llong bytes, blocks;
    atomic_int refuse; /* the next allocation fails */
} ledger;

static void *ledger_alloc(void *user, size_t size, size_t align) {
    ledger *l = user;
    if (atomic_load(&l->refuse))
        return NULL;
    atomic_fetch_add(&l->bytes, (long long)size);
    atomic_fetch_add(&l->blocks, 1);
    return aligned_alloc(align, size);
}

static void ledger_release(void *user, void *memory, size_t size) {
    ledger *l = user;
    atomic_fetch_sub(&l->bytes, (long long)size);
    atomic_fetch_sub(&l->blocks, 1);
    free(memory);
}

static mi_context *ledger_context(ledger *l) {
    mi_context_options o = {.struct_size = sizeof o,
                            .threads = 3,
                            .alloc = ledger_alloc,
                            .release = ledger_release,
                            .alloc_user = l};
    mi_context *context;
    OK(mi_context_create(&o, &context));
    return context;
}

START_TEST(test_allocator_balances) {
    static ledger l;
    mi_context *context = ledger_context(&l);
    ck_assert(atomic_load(&l.blocks) > 0);
    static atomic_int seen[9];
    mi__parallel_for(context, 9, visit, seen); /* so that threads have started */
    void *a = mi__alloc(context, 1000, 3), *b = mi__alloc_zero(context, 0, 8);
    ck_assert((uintptr_t)a % 64 == 0 && b != NULL);
    const unsigned char *zeros = mi__alloc_zero(context, 77, 1);
    for (int i = 0; i < 77; i++)
        ck_assert_int_eq(zeros[i], 0);
    mi__free(context, (void *)zeros, 77, 1);
    mi__free(context, a, 1000, 3);
    mi__free(context, b, 0, 8);
    mi__free(context, NULL, 5, 5);

    mi_iic *iic; /* a handle outlives its maker's share of the context */
    OK(mi_iic_create(context, NULL, &iic));
    mi_context_destroy(context);
    const float z[] = {.5, .5};
    mi_iic_head_f32 head = {.classes = 2, .z = z, .zt = z};
    OK(mi_iic_eval_f32(iic, 1, 1, &head, NULL));
    ck_assert(atomic_load(&l.blocks) > 0);
    mi_iic_destroy(iic);
    ck_assert(atomic_load(&l.blocks) == 0 && atomic_load(&l.bytes) == 0);
}
END_TEST

START_TEST(test_allocator_refuses) {
    static ledger l;
    mi_context *context = ledger_context(&l);
    ck_assert_ptr_null(mi__alloc(context, INT64_MAX, 8));
    ck_assert_ptr_null(mi__alloc(context, -1, 8));
    atomic_store(&l.refuse, 1);
    mi_iic *iic = NULL;
    mi_context *other = NULL;
    FAILS(MI_E_NOMEM, "no memory for 1 elements", mi_iic_create(context, NULL, &iic));
    FAILS(MI_E_NOMEM, "no memory", mi_context_create(&context->options, &other));
    ck_assert(iic == NULL && other == NULL);
    mi_context_destroy(context);
    ck_assert(atomic_load(&l.blocks) == 0 && atomic_load(&l.bytes) == 0);
}
END_TEST

START_TEST(test_multiply) {
    int64_t product = 7;
    ck_assert(mi__multiply(1 << 20, 1 << 20, &product) && product == (int64_t)1 << 40);
    ck_assert(mi__multiply(0, INT64_MAX, &product) && product == 0);
    ck_assert(mi__multiply(INT64_MAX, 0, &product) && product == 0);
    ck_assert(mi__multiply(INT64_MAX, 1, &product) && product == INT64_MAX);
    product = 7;
    ck_assert(!mi__multiply(INT64_MAX / 2 + 1, 2, &product));
    ck_assert(!mi__multiply(-1, 2, &product) && !mi__multiply(2, -1, &product));
    ck_assert(product == 7);
}
END_TEST

/* -- messages ---------------------------------------------------------------------------------- */

static void *look_at_message(void *arg) {
    *(size_t *)arg = strlen(mi_error_message());
    return NULL;
}

START_TEST(test_messages) {
    char text[8] = "-------";
    ck_assert_int_eq(mi__fail(MI_E_STATE, "%d files", 12), MI_E_STATE);
    ck_assert_str_eq(mi_error_message(), "12 files");
    ck_assert_uint_eq(mi_error_copy(text, sizeof text), 8);
    ck_assert_str_eq(text, "12 file");
    ck_assert_uint_eq(mi_error_copy(text, 3), 8);
    ck_assert_str_eq(text, "12");
    ck_assert_int_eq(text[3], 'f'); /* behind the capacity nothing is written */
    ck_assert_uint_eq(mi_error_copy(text, 0), 8);
    ck_assert_uint_eq(mi_error_copy(NULL, 0), 8);
    ck_assert_str_eq(text, "12");

    pthread_t thread; /* messages are the thread's own */
    size_t length = 99;
    ck_assert_int_eq(pthread_create(&thread, NULL, look_at_message, &length), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(length, 0);

    mi_status status = mi__fail(MI_E_IO, "%1000d", 1);
    ck_assert_int_eq(status, MI_E_IO);
    ck_assert_uint_eq(strlen(mi_error_message()), 511);
}
END_TEST

START_TEST(test_status_names) {
    const mi_status codes[] = {
        MI_OK,          MI_E_ARG,     MI_E_SHAPE,       MI_E_DTYPE,   MI_E_NOMEM,
        MI_E_STATE,     MI_E_NUMERIC, MI_E_INFEASIBLE,  MI_E_IO,      MI_E_FORMAT,
        MI_E_CANCELLED, MI_E_ABI,     MI_E_UNSUPPORTED, MI_E_INTERNAL};
    const int count = sizeof codes / sizeof codes[0];
    int named = 0;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(mi_status_name(codes[i]), mi_status_name(codes[j]));
    for (mi_status s = -200; s <= 200; s++)
        named += strcmp(mi_status_name(s), "MI_E_?") != 0;
    ck_assert_int_eq(named, count);
    ck_assert_str_eq(mi_status_name(-6), "MI_E_NUMERIC");
    ck_assert_str_eq(mi_status_name(INT32_MIN), "MI_E_?");
}
END_TEST

UNIT_MAIN("base", test_philox_known_answers, test_random_is_its_blocks, test_random_distributions,
          test_shuffles, test_every_index_once, test_ranges_keep_their_grain, test_host_executes,
          test_callers_share_a_context, test_signals_are_left_to_the_host, test_options,
          test_reports, test_context_refuses, test_allocator_balances, test_allocator_refuses,
          test_multiply, test_messages, test_status_names)
