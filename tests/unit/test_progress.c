/* SPDX-License-Identifier: BSD-2-Clause */
/* What a caller hears of a long estimate, and how it stops it. */
#include "door_case.h"
#include "failing.h"

#include "../../lib/estimate/estimate.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

enum { HEARD = 4096 };

/* What was heard, and when it is enough: at a share of all, or at a call. 0: never. */
typedef struct listener {
    pthread_t thread;
    int calls, last_call;
    double done[HEARD], enough;
    int64_t total;
    bool fractions;
} listener;

static int32_t hear(void *user, double done, int64_t total) {
    listener *l = user;
    ck_assert(pthread_equal(l->thread, pthread_self()));
    ck_assert(done >= 0 && done <= (double)total && l->calls < HEARD);
    if (l->calls > 0)
        ck_assert(total == l->total && done >= l->done[l->calls - 1]);
    l->total = total;
    l->done[l->calls++] = done;
    l->fractions = l->fractions || done != floor(done);
    return l->calls == l->last_call || (l->enough > 0 && done >= l->enough * (double)total);
}

static listener *listen_to(mi_estimate_options *o) {
    static listener l;
    l = (listener){.thread = pthread_self()};
    o->progress = hear;
    o->progress_user = &l;
    return &l;
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* -- resamples of an estimator that does nothing ----------------------------------------------- */

static int asked;

static mi_status slow(const mi__question *q, mi__answer *answer) {
    const struct timespec pause = {.tv_nsec = 12000000};
    nanosleep(&pause, NULL);
    asked++;
    *answer = (mi__answer){.value = q->x.x[0]};
    return MI_OK;
}

static mi_status quick(const mi__question *q, mi__answer *answer) {
    asked++;
    *answer = (mi__answer){.value = q->x.x[0]};
    return MI_OK;
}

static mi_status resample(mi__estimator *estimator, mi_estimate_options *o,
                          mi_estimate_result *result) {
    enum { N = 20 };
    const mi_context_options co = {.struct_size = sizeof co, .threads = 1};
    mi__progress progress = {.total = mi__resample_count(o)};
    mi_context *context;
    o->level = 0.95;
    draw_normal(N, 1, 0.5, 1);
    OK(mi_context_create(&co, &context));
    const mi__question q = {.ctx = context,
                            .x = {N, 1, xs, false},
                            .y = {N, 1, ys, false},
                            .options = o,
                            .progress = &progress};
    asked = 0;
    const mi_status status = mi__estimate_resample(&q, estimator, 0, result);
    mi_context_destroy(context);
    return status;
}

START_TEST(every_slow_estimate_is_told) {
    for (int32_t kind = MI_RESAMPLE_HALVES; kind <= MI_RESAMPLE_BOOTSTRAP; kind++) {
        mi_estimate_options o = by(MI_METHOD_GAUSSIAN);
        mi_estimate_result r = fresh();
        o.resample = kind;
        o.resamples = 5;
        o.permutations = 3;
        const listener *l = listen_to(&o);
        const int count = kind == MI_RESAMPLE_HALVES ? 7 : 8; /* halves come in twos */
        OK(resample(slow, &o, &r));
        ck_assert(l->calls == count && l->total == count && asked == count);
        for (int i = 0; i < count; i++)
            ck_assert(l->done[i] == i + 1);
    }
}
END_TEST

START_TEST(quick_ones_are_not_slowed_down) {
    mi_estimate_options o = by(MI_METHOD_GAUSSIAN);
    mi_estimate_result r = fresh();
    o.permutations = 20000;
    const listener *l = listen_to(&o);
    const double begin = seconds();
    OK(resample(quick, &o, &r));
    const double spent = seconds() - begin;
    ck_assert_msg(l->calls <= 2 + 100 * spent, "%d calls in %g s", l->calls, spent);
    ck_assert(l->done[l->calls - 1] == 20000 && asked == 20000);
    near(r.null_mean, xs[0], 1e-9);
}
END_TEST

START_TEST(nothing_is_estimated_after_a_stop) {
    for (int32_t kind = MI_RESAMPLE_HALVES; kind <= MI_RESAMPLE_BOOTSTRAP; kind++)
        for (int at = 1; at <= 10; at++) {
            mi_estimate_options o = by(MI_METHOD_GAUSSIAN);
            mi_estimate_result r = fresh();
            char text[32];
            o.resample = kind;
            o.resamples = 4;
            o.permutations = 6;
            listener *l = listen_to(&o);
            l->enough = at / 10.0 - 0.01;
            snprintf(text, sizeof text, "after %d of 10 estimates", at);
            FAILS(MI_E_CANCELLED, text, resample(slow, &o, &r));
            ck_assert(asked == at && l->calls == at);
        }
}
END_TEST

/* -- at the front door ------------------------------------------------------------------------- */

static mi_estimate_result estimate_with(int32_t threads, const mi_samples *x, const mi_samples *y,
                                        const mi_estimate_options *o) {
    const mi_context_options co = {.struct_size = sizeof co, .threads = threads};
    mi_estimate_result r = fresh();
    mi_context *context;
    OK(mi_context_create(&co, &context));
    if (y != NULL)
        OK(mi_estimate_mi(context, x, y, NULL, o, locals, &r));
    else
        OK(mi_estimate_entropy(context, x, o, locals, &r));
    mi_context_destroy(context);
    return r;
}

static void check_heard(const listener *l, int64_t total) {
    ck_assert(l->calls >= 2 && l->total == total);
    ck_assert(l->done[0] == 0 && l->done[l->calls - 1] == (double)total);
}

START_TEST(hearing_changes_nothing) {
    enum { N = 400 };
    static double shares[N], groups[N];
    draw_normal(N, 1, 0.6, 2);
    for (int i = 0; i < N; i++)
        groups[i] = (double)(i % 3);
    for (int32_t m = MI_METHOD_AUTO; m <= MI_METHOD_CANONICAL; m++) {
        const bool network = m == MI_METHOD_NEURAL; /* which takes its time */
        const int64_t n = network ? N / 4 : N;
        const mi_samples x = samples(xs, n, 1);
        const mi_samples y = samples(m == MI_METHOD_ROSS ? groups : ys, n, 1);
        mi_estimate_options o = by(m);
        o.resamples = network ? 0 : 5;
        o.permutations = network ? 0 : 6;
        const mi_estimate_result plain = estimate_with(1, &x, &y, &o);
        memcpy(shares, locals, (size_t)n * sizeof *shares);
        for (int32_t threads = 1; threads <= 3; threads++) {
            listener *l = listen_to(&o);
            const mi_estimate_result r = estimate_with(threads, &x, &y, &o);
            ck_assert_msg(memcmp(&r, &plain, sizeof r) == 0, "%s", mi_method_name(m));
            ck_assert_mem_eq(shares, locals, (size_t)n * sizeof *shares);
            check_heard(l, network ? 1 : 11);
            ck_assert(l->fractions == network);
        }
    }
}
END_TEST

START_TEST(entropies_and_constants_are_told_too) {
    draw_normal(300, 1, 0.6, 3);
    mi_samples x = samples(xs, 300, 1), y = samples(ys, 300, 1);
    mi_estimate_options o = by(MI_METHOD_AUTO);
    const double alone = estimate_with(2, &x, NULL, &o).value;
    listener *l = listen_to(&o);
    ck_assert(estimate_with(2, &x, NULL, &o).value == alone);
    check_heard(l, 1);
    o.resamples = 7;
    l = listen_to(&o);
    ck_assert(estimate_with(2, &x, NULL, &o).value == alone);
    check_heard(l, 7);
    for (int i = 0; i < 300; i++)
        ys[i] = 3;
    o.permutations = 9;
    l = listen_to(&o);
    ck_assert(estimate(&x, &y, NULL, &o, NULL).value == 0);
    check_heard(l, 16);
}
END_TEST

/* Stops at a share of all that is to be done, and leaves no trace. */
static void stop_at(double share, const mi_samples *x, const mi_samples *y,
                    const mi_estimate_options *options, const char *text) {
    for (int32_t threads = 1; threads <= 3; threads++) {
        mi_estimate_options o = *options;
        mi_estimate_result r = fresh();
        failing f = {0};
        mi_context *context;
        listener *l = listen_to(&o);
        l->last_call = share == 0;
        l->enough = share;
        OK(failing_context(&f, threads, 0, &context));
        const long long before = f.living;
        locals[0] = unset;
        FAILS(MI_E_CANCELLED, text,
              y != NULL ? mi_estimate_mi(context, x, y, NULL, &o, locals, &r)
                        : mi_estimate_entropy(context, x, &o, locals, &r));
        ck_assert(r.value == unset && r.method == -1 && locals[0] == unset && f.living == before);
        const double last = l->done[l->calls - 1];
        ck_assert(last >= share * (double)l->total && (share == 1 || last < (double)l->total));
        if (l->calls > 1)
            ck_assert(l->done[l->calls - 2] < share * (double)l->total);
        mi_context_destroy(context);
    }
}

START_TEST(cancelling_leaves_no_trace) {
    enum { N = 2000 };
    draw_normal(N, 1, 0.6, 4);
    const mi_samples x = samples(xs, N, 1), y = samples(ys, N, 1);
    mi_estimate_options o = by(MI_METHOD_KSG);
    o.resamples = 100;
    o.permutations = 400; /* what is left takes far longer than it may be between two calls */
    stop_at(0, &x, &y, &o, "after 0 of 501 estimates");
    stop_at(0.5, &x, &y, &o, " of 501 estimates");
    o.permutations = 3;
    stop_at(1, &x, &y, &o, "after 104 of 104 estimates");
    o.permutations = 0;
    o.resamples = 4000;
    stop_at(0, &x, NULL, &o, "after 0 of 4001 estimates");
    stop_at(0.3, &x, NULL, &o, " of 4001 estimates");
}
END_TEST

START_TEST(networks_stop_while_they_learn) {
    enum { FEW = 100, MANY = 2000, D = 3 };
    draw_normal(MANY, D, 0.6, 5);
    mi_samples x = samples(xs, FEW, D), y = samples(ys, FEW, D);
    mi_estimate_options o = by(MI_METHOD_NEURAL);
    stop_at(0, &x, &y, &o, "after 0 of 1 estimates");
    stop_at(1e-9, &x, &y, &o, "after 0 of 1 estimates");
    stop_at(0.5, &x, &y, &o, "after 0 of 1 estimates"); /* in the second half */
    x.n = y.n = MANY;
    o.method = MI_METHOD_AUTO; /* which tries one after quicker methods */
    stop_at(1e-9, &x, &y, &o, "after 0 of 1 estimates");
}
END_TEST

START_TEST(auto_stops_between_methods) {
    enum { N = 5000 };
    static double zs[N];
    draw_normal(N, 1, 0, 6);
    memcpy(zs, xs, sizeof zs);
    draw_normal(N, WIDE, 0.6, 7);
    const mi_samples x = samples(xs, N, WIDE), y = samples(ys, N, WIDE), z = samples(zs, N, 1);
    mi_estimate_options o = by(MI_METHOD_AUTO);
    mi_estimate_result r = fresh();
    const mi_context_options co = {.struct_size = sizeof co, .threads = 1};
    mi_context *context;
    listener *l = listen_to(&o);
    l->last_call = 2; /* a copula took a while, neighbours are next */
    OK(mi_context_create(&co, &context));
    FAILS(MI_E_CANCELLED, "after 0 of 1 estimates",
          mi_estimate_mi(context, &x, &y, &z, &o, NULL, &r));
    ck_assert(l->calls == 2 && r.value == unset);
    mi_context_destroy(context);
}
END_TEST

UNIT_MAIN("progress", every_slow_estimate_is_told, quick_ones_are_not_slowed_down,
          nothing_is_estimated_after_a_stop, hearing_changes_nothing,
          entropies_and_constants_are_told_too, cancelling_leaves_no_trace,
          networks_stop_while_they_learn, auto_stops_between_methods)
