/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbours in one column: who is near stands near in order. Numbers are put into buckets of equal
 * width, which sorts nearly all of them, and later tells about where a number would stand. */
#include "neighbour.h"
#include "order.h"

#define CHUNK 4096   /* points worth a thread of their own */
#define MOST_BITS 22 /* of a bucket's number: two passes of mi__order_sort() */
#define CROWD 64     /* in a bucket: others must help */
#define AHEAD 24     /* sooner, to fetch what a point needs */
#define STRIDE 8     /* numbers that are looked at together */

typedef struct line {
    const mi__space *space;
    mi__order order;
    double *room, *x; /* x ascending, amid STRIDE numbers that are far away on either side */
    double least, most, inverse; /* buckets in 1 */
    int64_t buckets;
    int32_t *start; /* [buckets + 1]: of each bucket */
    atomic_bool crowded;
    int32_t k;
    const double *radius;
    double *distance;
    int32_t *count;
} line;

/* -- order ------------------------------------------------------------------------------------- */

/* Never less for a greater number. */
static int64_t bucket_of(const line *l, double x) {
    if (!(x > l->least))
        return 0;
    return x < l->most ? (int64_t)((x - l->least) * l->inverse) : l->buckets - 1;
}

static void set_buckets(line *l) {
    const double *x = l->space->part[0];
    const int64_t n = l->space->n;
    l->least = l->most = x[0];
    for (int64_t i = 1; i < n; i++) {
        l->least = x[i] < l->least ? x[i] : l->least;
        l->most = x[i] > l->most ? x[i] : l->most;
    }
    for (l->buckets = 1; l->buckets < n && l->buckets < 1 << MOST_BITS;)
        l->buckets *= 2;
    /* rounding must not lead beyond the last */
    l->inverse = (double)(l->buckets - 1) / (l->most - l->least);
    if (!(l->inverse < 1e300))
        l->inverse = 0;
}

static void fill_entries(void *arg, int64_t begin, int64_t end) {
    line *l = arg;
    const double *x = l->space->part[0];
    for (int64_t i = begin; i < end; i++)
        l->order.entry[i] = (mi__entry){(uint64_t)bucket_of(l, x[i]), i};
}

/* Where buckets begin, those that begin with one of these; whether any is crowded. */
static void find_starts(void *arg, int64_t begin, int64_t end) {
    line *l = arg;
    const mi__entry *e = l->order.entry;
    const int64_t n = l->space->n;
    for (int64_t i = begin; i < end; i++) {
        const int64_t before = i > 0 ? (int64_t)e[i - 1].key : -1;
        for (int64_t b = before + 1; b <= (int64_t)e[i].key; b++)
            l->start[b] = (int32_t)i;
        if (i + CROWD < n && e[i].key == e[i + CROWD].key)
            atomic_store_explicit(&l->crowded, true, memory_order_relaxed);
    }
    for (int64_t b = (int64_t)e[n - 1].key + 1; end == n && b <= l->buckets; b++)
        l->start[b] = (int32_t)n;
}

static void copy_sorted(void *arg, int64_t begin, int64_t end) {
    const line *l = arg;
    for (int64_t i = begin; i < end; i++)
        l->x[i] = l->space->part[0][l->order.entry[i].row];
}

/* Within each of a range of buckets: others' numbers are never in the way. */
static void sort_buckets(void *arg, int64_t begin_bucket, int64_t end_bucket) {
    const line *l = arg;
    mi__entry *e = l->order.entry;
    const int64_t begin = l->start[begin_bucket], end = l->start[end_bucket];
    for (int64_t i = begin; i < end; i++) {
        mi__fetch(&l->space->part[0][e[MI__MIN(i + AHEAD, end - 1)].row]);
        const double x = l->space->part[0][e[i].row];
        const mi__entry own = e[i];
        int64_t j = i;
        for (; j > begin && l->x[j - 1] > x; j--) {
            l->x[j] = l->x[j - 1];
            e[j] = e[j - 1];
        }
        l->x[j] = x;
        e[j] = own;
    }
}

static void sort_line(mi_context *ctx, line *l) {
    const int64_t n = l->space->n;
    set_buckets(l);
    mi__parallel_ranges(ctx, n, CHUNK, fill_entries, l);
    mi__order_sort(ctx, &l->order);
    mi__parallel_ranges(ctx, n, CHUNK, find_starts, l);
    if (l->crowded) {
        const mi__rows rows = {.n = n, .d = 1, .x = l->space->part[0]};
        mi__rows_order(ctx, &rows, 0, &l->order);
        mi__parallel_ranges(ctx, n, CHUNK, copy_sorted, l);
    } else {
        mi__parallel_ranges(ctx, l->buckets, CHUNK, sort_buckets, l);
    }
    for (int i = 0; i < STRIDE; i++) {
        l->room[i] = -MI__NOWHERE;
        l->x[n + i] = MI__NOWHERE;
    }
}

static void drop(mi_context *ctx, line *l) {
    const int64_t n = l->space->n;
    mi__free(ctx, l->room, n + 2 * STRIDE, sizeof *l->room);
    mi__free(ctx, l->start, n * 2 + 1, sizeof *l->start);
    mi__order_free(ctx, &l->order);
}

static mi_status make(mi_context *ctx, line *l) {
    const int64_t n = l->space->n;
    MI__TRY(mi__order_make(ctx, n, &l->order));
    l->room = mi__alloc(ctx, n + 2 * STRIDE, sizeof *l->room);
    l->start = mi__alloc(ctx, n * 2 + 1, sizeof *l->start);
    atomic_init(&l->crowded, false);
    if (l->room == NULL || l->start == NULL) {
        drop(ctx, l);
        return MI_E_NOMEM;
    }
    l->x = l->room + STRIDE;
    sort_line(ctx, l);
    return MI_OK;
}

/* -- the k-th nearest -------------------------------------------------------------------------- */

/* Of the k nearest, `left` are on the left: as many as still make the farther end nearest. */
static double kth_of(const line *l, int64_t i) {
    const double *x = l->x;
    const int64_t n = l->space->n, k = l->k;
    int64_t low = MI__MAX(0, k - (n - 1 - i)), high = MI__MIN(k, i);
    const int64_t fewest = low;
    while (low < high) {
        const int64_t left = low + (high - low) / 2;
        if (x[i] - x[i - left] < x[i + k - left] - x[i])
            low = left + 1;
        else
            high = left;
    }
    double far = fmax(x[i] - x[i - low], x[i + k - low] - x[i]);
    if (low > fewest)
        far = fmin(far, fmax(x[i] - x[i - low + 1], x[i + k - low + 1] - x[i]));
    return l->space->squared ? far * far : far;
}

static void nearest_range(void *arg, int64_t begin, int64_t end) {
    line *l = arg;
    for (int64_t i = begin; i < end; i++)
        l->distance[l->order.entry[i].row] = kth_of(l, i);
}

mi_status mi__line_nearest(mi_context *ctx, const mi__space *s, int32_t k, double *distance) {
    line l = {.space = s, .k = k, .distance = distance};
    MI__TRY(make(ctx, &l));
    mi__parallel_ranges(ctx, s->n, CHUNK, nearest_range, &l);
    drop(ctx, &l);
    return MI_OK;
}

/* -- counts ------------------------------------------------------------------------------------ */

static inline bool is_near(double a, double b, bool squared, double radius) {
    const double far = fabs(a - b);
    return (squared ? far * far : far) < radius;
}

/* Of `low`, which is near, and `high`, which isn't, the last that is near, in either direction. */
static int64_t search_between(const double *x, int64_t i, bool squared, double radius, int64_t low,
                              int64_t high) {
    while (low + 1 < high || high + 1 < low) {
        const int64_t middle = low + (high - low) / 2;
        if (is_near(x[i], x[middle], squared, radius))
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The last that is near on the right of i (step 1) or on its left (step -1), found from a guess at
 * the first that isn't. A few are looked at together: which of them it is can't be foreseen. */
static inline int64_t last_near(const line *l, int64_t i, int64_t step, bool squared, double radius,
                                int64_t guess) {
    const double *x = l->x, here = x[i];
    const int64_t end = step > 0 ? l->space->n : -1;
    if (!is_near(here, x[guess - step], squared, radius)) /* rounding */
        return search_between(x, i, squared, radius, i, guess - step);
    for (int tries = 0; tries < 4; tries++, guess += step * STRIDE) {
        int near = 0;
        for (int s = 0; s < STRIDE; s++)
            near += is_near(here, x[guess + step * s], squared, radius);
        if (near < STRIDE)
            return guess + step * (near - 1);
        if (step * (end - guess) <= 2 * STRIDE)
            break;
    }
    int64_t stride = STRIDE, low = guess - step;
    while (step * (end - low) > stride && is_near(here, x[low + step * stride], squared, radius)) {
        low += step * stride;
        stride *= 2;
    }
    return search_between(x, i, squared, radius, low,
                          step * (end - low) > stride ? low + step * stride : end);
}

static inline void count_range(const line *l, bool squared, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
        const int64_t row = l->order.entry[i].row;
        const int64_t later = l->order.entry[MI__MIN(i + AHEAD, end - 1)].row;
        mi__fetch(&l->radius[later]);
        mi__fetch(&l->count[later]);
        const double radius = l->radius[row], reach = squared ? sqrt(radius) : radius;
        int64_t right = l->start[bucket_of(l, l->x[i] + reach)];
        int64_t left = (int64_t)l->start[bucket_of(l, l->x[i] - reach) + 1] - 1;
        right = last_near(l, i, 1, squared, radius, MI__MAX(right, i + 1));
        left = last_near(l, i, -1, squared, radius, MI__MIN(left, i - 1));
        l->count[row] = (int32_t)(right - left + 1);
    }
}

static void within_range(void *arg, int64_t begin, int64_t end) {
    const line *l = arg;
    if (l->space->squared)
        count_range(l, true, begin, end);
    else
        count_range(l, false, begin, end);
}

mi_status mi__line_within(mi_context *ctx, const mi__space *s, const double *radius,
                          int32_t *count) {
    line l = {.space = s, .radius = radius, .count = count};
    MI__TRY(make(ctx, &l));
    mi__parallel_ranges(ctx, s->n, CHUNK, within_range, &l);
    drop(ctx, &l);
    return MI_OK;
}
