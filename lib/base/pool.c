/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool of threads that take the next index until none is left. The threads start with the first
 * job, so that a context that never computes costs nothing, and several callers' jobs queue up. Who
 * waits looks for a moment before going to sleep: jobs come in quick succession, and waking up
 * takes longer than many of them. A thread that is woken on the processor of who works already, as
 * schedulers do, and leave it there for tens of milliseconds, goes elsewhere. */
#define _GNU_SOURCE
#include "base.h"

#include "thread.h"

#include <sched.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)1 << 20)
#define LOOKS 500   /* while holding on to the processor: some 10 microseconds */
#define YIELDS 1000 /* then while offering it to others, before going to sleep: a millisecond */

typedef struct job {
    void (*body)(void *arg, int64_t i);
    void *arg;
    int64_t n;
    atomic_llong next;
} job;

struct mi__pool {
    pthread_mutex_t run; /* held by the caller whose job it is */
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    job *job;             /* NULL: nothing to do */
    atomic_ullong serial; /* counts jobs, so that a thread joins each at most once */
    atomic_int working;   /* threads inside the current job */
    atomic_int processor; /* that the caller was on */
    bool spread;          /* there is a processor for each thread */
    int32_t started;      /* threads that run; -1 before the first job */
    int32_t size;         /* threads wanted, the caller's not counted */
    pid_t owner;          /* a fork()ed child inherits the pool but none of its threads */
    bool quit;
    pthread_t thread[];
};

/* The look-th of those looks. False: time to sleep. */
static bool look_again(int look) {
    if (look >= LOOKS)
        sched_yield();
#if defined(__GNUC__) && defined(__x86_64__)
    else
        __builtin_ia32_pause();
#endif
    return look < LOOKS + YIELDS;
}

static void take_indices(job *j) {
    for (;;) {
        int64_t i = atomic_fetch_add(&j->next, 1);
        if (i >= j->n)
            return;
        j->body(j->arg, i);
    }
}

#ifdef __linux__
static int this_processor(void) {
    return sched_getcpu();
}

/* Moves the calling thread if it is on that processor. */
static void leave_processor(int processor) {
    cpu_set_t all, others;
    if (sched_getcpu() != processor || sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    others = all;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0)
        (void)sched_setaffinity(0, sizeof all, &all);
}
#else
static int this_processor(void) {
    return -1;
}

static void leave_processor(int processor) {
    (void)processor;
}
#endif

static void *thread_main(void *arg) {
    mi__pool *pool = arg;
    unsigned long long seen = 0;
    for (;;) {
        for (int i = 0; atomic_load(&pool->serial) == seen && look_again(i); i++)
            ;
        pthread_mutex_lock(&pool->lock);
        while (!pool->quit && pool->serial == seen)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->quit)
            break;
        seen = pool->serial;
        job *j = pool->job;
        pool->working += j != NULL;
        pthread_mutex_unlock(&pool->lock);
        if (pool->spread)
            leave_processor(pool->processor);
        if (j == NULL)
            continue; /* too late */
        take_indices(j);
        pthread_mutex_lock(&pool->lock);
        if (--pool->working == 0)
            pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Fewer threads than wanted is no failure: the caller works too. */
static void start_threads(mi__pool *pool) {
    pool->started = 0;
    pool->owner = getpid();
    while (pool->started < pool->size &&
           mi__thread_start(&pool->thread[pool->started], STACK_BYTES, thread_main, pool))
        pool->started++;
}

static size_t pool_bytes(int32_t threads) {
    return sizeof(mi__pool) + (size_t)(threads - 1) * sizeof(pthread_t);
}

mi__pool *mi__pool_create(mi_context *context, int32_t threads) {
    mi__pool *pool = mi__alloc_zero(context, 1, pool_bytes(threads));
    if (pool == NULL)
        return NULL;
    pool->size = threads - 1;
    pool->started = -1;
    pool->spread = threads <= mi__processors();
    atomic_init(&pool->serial, 0);
    atomic_init(&pool->working, 0);
    pthread_mutex_init(&pool->run, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    return pool;
}

static void stop_threads(mi__pool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->quit = true;
    pool->serial++; /* ends their looking */
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int32_t i = 0; i < pool->started; i++)
        pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->run);
}

void mi__pool_destroy(mi__pool *pool, mi_context *context) {
    if (pool == NULL)
        return;
    if (pool->started < 0 || pool->owner == getpid())
        stop_threads(pool);
    mi__free(context, pool, 1, pool_bytes(pool->size + 1));
}

static void run(mi__pool *pool, int64_t n, void (*body)(void *arg, int64_t i), void *arg) {
    job j = {.body = body, .arg = arg, .n = n};
    atomic_init(&j.next, 0);
    pthread_mutex_lock(&pool->run);
    if (pool->started < 0)
        start_threads(pool);

    pthread_mutex_lock(&pool->lock);
    pool->job = &j;
    pool->processor = this_processor();
    pool->serial++;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);

    take_indices(&j);

    pthread_mutex_lock(&pool->lock);
    pool->job = NULL; /* who wakes up late finds nothing, so that `j` may go */
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; atomic_load(&pool->working) > 0 && look_again(i); i++)
        ;
    pthread_mutex_lock(&pool->lock);
    while (pool->working > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->run);
}

void mi__parallel_for(mi_context *context, int64_t n, void (*body)(void *arg, int64_t i),
                      void *arg) {
    if (n <= 0)
        return;
    if (n > 1 && context->options.parallel_for != NULL)
        context->options.parallel_for(context->options.executor_user, n, body, arg);
    else if (n > 1 && context->pool != NULL)
        run(context->pool, n, body, arg);
    else
        for (int64_t i = 0; i < n; i++)
            body(arg, i);
}

typedef struct ranges {
    void (*body)(void *arg, int64_t begin, int64_t end);
    void *arg;
    int64_t n, pieces;
} ranges;

/* Floor of n * i / pieces without the product, which may overflow. */
static int64_t border(const ranges *r, int64_t i) {
    return r->n / r->pieces * i + r->n % r->pieces * i / r->pieces;
}

static void run_range(void *arg, int64_t i) {
    ranges *r = arg;
    r->body(r->arg, border(r, i), border(r, i + 1));
}

void mi__parallel_ranges(mi_context *context, int64_t n, int64_t grain,
                         void (*body)(void *arg, int64_t begin, int64_t end), void *arg) {
    if (n <= 0)
        return;
    int64_t pieces = MI__MIN((int64_t)context->threads, MI__MAX(n / MI__MAX(grain, 1), 1));
    ranges r = {body, arg, n, pieces};
    mi__parallel_for(context, pieces, run_range, &r);
}

int32_t mi__processors(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int32_t)MI__MIN(n, 1024);
}
