/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers prepare whole batches ahead in a ring of slots. It doesn't matter who prepares what, see
 * twins.h. */
#include <mi/pairs.h>

#include "../base/random.h"
#include "../base/thread.h"
#include "twins.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_BLOCKS (2 * MI__MOST_CROPS + 7)
#define MOST_EPOCHS ((int64_t)1 << 32) /* a stream of random numbers for each */
#define STACK_BYTES ((size_t)256 << 10)

typedef struct block {
    void *memory;
    int64_t count;
    size_t size;
} block;

typedef struct slot {
    float *x, *xt;
    int64_t *index;
    double seconds; /* that it took */
    bool ready;
} slot;

typedef struct worker {
    mi_pairs *pairs;
    mi__twins_room room;
    pthread_t thread;
} worker;

struct mi_pairs {
    mi_context *context;
    mi_dataset *dataset;
    mi_pairs_options options; /* whole: defaults filled in */
    int64_t batches;          /* an epoch */
    int64_t view, rows;       /* values of a view; twins of a batch */
    mi__twins twins;

    block blocks[MOST_BLOCKS]; /* all memory, so that it can be given back */
    int32_t block_count;

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t room, done;
    mi_pairs_times times; /* these two are written by the caller's thread alone */
    int64_t position;     /* the next batch to give */
    int64_t claimed;      /* the next batch to prepare */
    int64_t epoch;        /* whose order is in `order`; -1: none */
    uint32_t *order;      /* [count] */
    int32_t busy;         /* workers preparing a batch */
    bool paused, quit;
    int32_t started; /* workers that run */
    pid_t owner;     /* a fork()ed child inherits the generator but none of its workers */
    worker *workers; /* one at least: the caller's thread uses its room if none runs */
    slot slots[MI__MOST_AHEAD];
};

/* -- a batch ---------------------------------------------------------------------------------- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Tells how many seconds it took. */
static double prepare(const mi_pairs *p, mi__twins_room *room, int64_t number, const int64_t *index,
                      float *x, float *xt) {
    const double start = now();
    for (int64_t i = 0; i < p->options.batch; i++) {
        uint64_t position = (uint64_t)number * (uint64_t)p->options.batch + (uint64_t)i;
        mi__twins_make(&p->twins, room, position, index[i], x + i * p->view,
                       xt + i * p->options.repeats * p->view);
    }
    return now() - start;
}

/* Fisher-Yates */
static void shuffle(mi_pairs *p, int64_t epoch) {
    mi__random r = mi__random_at(p->options.seed, MI__STREAM_SHUFFLE + (uint32_t)epoch, 0);
    int64_t n = p->dataset->count;
    for (int64_t i = 0; i < n; i++)
        p->order[i] = (uint32_t)i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = mi__random_below(&r, i + 1);
        uint32_t kept = p->order[i];
        p->order[i] = p->order[j];
        p->order[j] = kept;
    }
    p->epoch = epoch;
}

/* The images of a batch; one thread at a time. */
static void choose(mi_pairs *p, int64_t number, int64_t *index) {
    if (p->epoch != number / p->batches)
        shuffle(p, number / p->batches);
    int64_t first = number % p->batches * p->options.batch;
    for (int64_t i = 0; i < p->options.batch; i++)
        index[i] = p->order[first + i];
}

/* -- workers ---------------------------------------------------------------------------------- */

static bool may_claim(const mi_pairs *p) {
    return !p->paused && p->claimed < p->position + p->options.ahead;
}

static void *work(void *arg) {
    worker *w = arg;
    mi_pairs *p = w->pairs;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->quit && !may_claim(p))
            pthread_cond_wait(&p->room, &p->lock);
        if (p->quit)
            break;
        int64_t number = p->claimed++;
        slot *s = &p->slots[number % p->options.ahead];
        choose(p, number, s->index);
        p->busy++;
        pthread_mutex_unlock(&p->lock);
        s->seconds = prepare(p, &w->room, number, s->index, s->x, s->xt);
        pthread_mutex_lock(&p->lock);
        p->busy--;
        s->ready = true;
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Fewer workers than wanted is no failure: the caller does it if there is none. */
static void start_workers(mi_pairs *p) {
    p->owner = getpid();
    while (p->started < p->options.workers &&
           mi__thread_start(&p->workers[p->started].thread, STACK_BYTES, work,
                            &p->workers[p->started]))
        p->started++;
}

static void stop_workers(mi_pairs *p) {
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->room);
    pthread_mutex_unlock(&p->lock);
    for (int32_t i = 0; i < p->started; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->room);
    pthread_mutex_destroy(&p->lock);
}

/* -- creation --------------------------------------------------------------------------------- */

/* Cleared memory that lives as long as the generator. */
static void *take(mi_pairs *p, int64_t count, size_t size) {
    void *memory = mi__alloc_zero(p->context, count, size);
    if (memory != NULL)
        p->blocks[p->block_count++] = (block){memory, count, size};
    return memory;
}

static mi_status make_axes(mi_pairs *p, int32_t *largest) {
    const mi_pairs_options *o = &p->options;
    for (int32_t i = 0; i < MI__MOST_CROPS && o->crops[i] > 0; i++) {
        mi__warp_axis *axis = &p->twins.axes[p->twins.axis_count++];
        axis->crop = o->crops[i];
        axis->from = take(p, o->size, sizeof *axis->from);
        axis->weight = take(p, o->size, sizeof *axis->weight);
        if (axis->from == NULL || axis->weight == NULL)
            return MI_E_NOMEM;
        mi__warp_axis_fill(axis, o->size);
        *largest = MI__MAX(*largest, axis->crop);
    }
    return MI_OK;
}

/* What the natural recipe needs besides. */
static mi_status make_natural_room(mi_pairs *p, int64_t workers) {
    const int64_t size = p->options.size, planes = mi__colour_planes(size * size);
    int32_t *from = take(p, 2 * workers * size, sizeof *from);
    float *weight = take(p, 2 * workers * size, sizeof *weight);
    mi__planes *planes_all = take(p, workers * planes, sizeof *planes_all);
    if (from == NULL || weight == NULL || planes_all == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < workers; i++) {
        mi__twins_room *room = &p->workers[i].room;
        room->down = (mi__warp_axis){0, from + 2 * i * size, weight + 2 * i * size};
        room->across = (mi__warp_axis){0, room->down.from + size, room->down.weight + size};
        room->planes = planes_all + i * planes;
    }
    return MI_OK;
}

static mi_status make_workers(mi_pairs *p, int32_t largest_crop) {
    int64_t count = MI__MAX(p->options.workers, 1);
    int64_t framed = mi__warp_values(p->dataset->height, p->dataset->channels);
    int64_t scratch = p->view / p->options.size * (largest_crop + 1);
    float *framed_all = take(p, count * framed, sizeof(float));
    float *scratch_all = take(p, count * scratch, sizeof(float));
    p->workers = take(p, count, sizeof *p->workers);
    if (framed_all == NULL || scratch_all == NULL || p->workers == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < count; i++)
        p->workers[i] = (worker){
            .pairs = p,
            .room = {.framed = framed_all + i * framed, .scratch = scratch_all + i * scratch}};
    return p->options.recipe == MI_RECIPE_NATURAL ? make_natural_room(p, count) : MI_OK;
}

static mi_status make_slots(mi_pairs *p) {
    const mi_pairs_options *o = &p->options;
    int64_t count = o->workers > 0 ? o->ahead : 1, twins, all;
    if (!mi__multiply(p->rows, p->view, &twins) || !mi__multiply(twins, count, &all))
        return mi__fail(MI_E_SHAPE,
                        "%" PRId64 " batches of %" PRId64
                        " twins of %d x %d x %d are more than fit",
                        count, p->rows, o->size, o->size, p->dataset->channels);
    int64_t *index = take(p, count * o->batch, sizeof *index);
    if (index == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < count; i++)
        p->slots[i].index = index + i * o->batch;
    if (o->workers < 1)
        return MI_OK;
    float *x = take(p, count * o->batch * p->view, sizeof *x);
    float *xt = take(p, all, sizeof *xt);
    if (x == NULL || xt == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < count; i++) {
        p->slots[i].x = x + i * o->batch * p->view;
        p->slots[i].xt = xt + i * twins;
    }
    return MI_OK;
}

static mi_status make(mi_pairs *p, const mi_pairs_options *options) {
    const mi_dataset *set = p->dataset;
    MI__TRY(mi__pairs_options_load(p->context, set, options, &p->options));
    p->twins.dataset = set;
    p->twins.options = &p->options;
    p->batches = set->count / p->options.batch;
    p->view = (int64_t)p->options.size * p->options.size * set->channels;
    p->rows = p->options.batch * p->options.repeats;
    p->epoch = -1;
    int32_t largest_crop = p->options.recipe == MI_RECIPE_NATURAL ? set->height : 0;
    MI__TRY(make_axes(p, &largest_crop));
    MI__TRY(make_workers(p, largest_crop));
    MI__TRY(make_slots(p));
    p->order = take(p, set->count, sizeof *p->order);
    if (p->order == NULL)
        return MI_E_NOMEM;
    start_workers(p);
    return MI_OK;
}

mi_status mi_pairs_create(mi_context *context, mi_dataset *dataset, const mi_pairs_options *options,
                          mi_pairs **out) {
    MI__NEED(dataset);
    MI__NEED(out);
    mi_context *own;
    MI__TRY(mi__context_take(context, &own));
    mi_pairs *p = mi__alloc_zero(own, 1, sizeof *p);
    if (p == NULL) {
        mi_context_destroy(own);
        return MI_E_NOMEM;
    }
    p->context = own;
    p->dataset = dataset;
    mi__dataset_retain(dataset);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->room, NULL);
    pthread_cond_init(&p->done, NULL);
    mi_status status = make(p, options);
    if (status != MI_OK) {
        mi_pairs_destroy(p);
        return status;
    }
    *out = p;
    return MI_OK;
}

void mi_pairs_destroy(mi_pairs *pairs) {
    if (pairs == NULL)
        return;
    if (pairs->started == 0 || pairs->owner == getpid())
        stop_workers(pairs);
    mi_context *context = pairs->context;
    for (int32_t i = 0; i < pairs->block_count; i++)
        mi__free(context, pairs->blocks[i].memory, pairs->blocks[i].count, pairs->blocks[i].size);
    mi_dataset_destroy(pairs->dataset);
    mi__free(context, pairs, 1, sizeof *pairs);
    mi_context_destroy(context);
}

/* -- use -------------------------------------------------------------------------------------- */

/* The slot of the next batch, once it is ready. */
static slot *await(mi_pairs *p) {
    slot *s = &p->slots[p->position % p->options.ahead];
    pthread_mutex_lock(&p->lock);
    if (!s->ready) {
        const double start = now();
        while (!s->ready)
            pthread_cond_wait(&p->done, &p->lock);
        p->times.waited += now() - start;
        p->times.waits++;
    }
    pthread_mutex_unlock(&p->lock);
    return s;
}

mi_status mi_pairs_next(mi_pairs *pairs, float *x, float *xt, int64_t *index) {
    MI__NEED(pairs);
    MI__NEED(x);
    MI__NEED(xt);
    slot *s = &pairs->slots[0];
    if (pairs->started == 0) {
        choose(pairs, pairs->position, s->index);
        s->seconds = prepare(pairs, &pairs->workers[0].room, pairs->position, s->index, x, xt);
        pairs->times.waited += s->seconds;
        pairs->times.waits++;
    } else {
        s = await(pairs);
        memcpy(x, s->x, (size_t)(pairs->options.batch * pairs->view) * sizeof *x);
        memcpy(xt, s->xt, (size_t)(pairs->rows * pairs->view) * sizeof *xt);
    }
    if (index != NULL)
        memcpy(index, s->index, (size_t)pairs->options.batch * sizeof *index);
    pairs->times.batches++;
    pairs->times.prepared += s->seconds;
    pthread_mutex_lock(&pairs->lock);
    s->ready = false;
    pairs->position++;
    pthread_cond_signal(&pairs->room);
    pthread_mutex_unlock(&pairs->lock);
    return MI_OK;
}

mi_status mi_pairs_waited(const mi_pairs *pairs, mi_pairs_times *times) {
    MI__NEED(pairs);
    MI__NEED(times);
    MI__TRY(mi__report_check(times, sizeof *times, sizeof *times, "mi_pairs_times"));
    mi__report_store(times, times->struct_size, &pairs->times, sizeof pairs->times);
    return MI_OK;
}

int64_t mi_pairs_batches(const mi_pairs *pairs) {
    return pairs == NULL ? 0 : pairs->batches;
}

int64_t mi_pairs_position(const mi_pairs *pairs) {
    return pairs == NULL ? 0 : pairs->position;
}

mi_status mi_pairs_seek(mi_pairs *pairs, int64_t position) {
    MI__NEED(pairs);
    if (position < 0 || position / pairs->batches >= MOST_EPOCHS)
        return mi__fail(MI_E_ARG,
                        "position must be in 0 to %" PRId64 " epochs of %" PRId64
                        " batches, got %" PRId64,
                        MOST_EPOCHS, pairs->batches, position);
    pthread_mutex_lock(&pairs->lock);
    pairs->paused = true;
    while (pairs->busy > 0)
        pthread_cond_wait(&pairs->done, &pairs->lock);
    for (int32_t i = 0; i < MI__MOST_AHEAD; i++)
        pairs->slots[i].ready = false;
    pairs->position = pairs->claimed = position;
    pairs->paused = false;
    pthread_cond_broadcast(&pairs->room);
    pthread_mutex_unlock(&pairs->lock);
    return MI_OK;
}

mi_status mi_pairs_sizes(const mi_pairs *pairs, int64_t *batch, int32_t *repeats, int32_t *size,
                         int32_t *channels) {
    MI__NEED(pairs);
    if (batch != NULL)
        *batch = pairs->options.batch;
    if (repeats != NULL)
        *repeats = pairs->options.repeats;
    if (size != NULL)
        *size = pairs->options.size;
    if (channels != NULL)
        *channels = pairs->dataset->channels;
    return MI_OK;
}
