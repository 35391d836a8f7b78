/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbours in one column: whoever is near stands near in order. */
#include "neighbour.h"
#include "order.h"

#define CHUNK 4096 /* points worth a thread of their own */

typedef struct line {
    const mi__space *space;
    mi__order order;
    double *x; /* ascending */
    int32_t k;
    const double *radius;
    double *distance;
    int32_t *count;
} line;

static void copy_sorted(void *arg, int64_t begin, int64_t end) {
    line *l = arg;
    for (int64_t i = begin; i < end; i++)
        l->x[i] = l->space->part[0][l->order.entry[i].row];
}

static mi_status make(mi_context *ctx, line *l) {
    const mi__rows rows = {.n = l->space->n, .d = 1, .x = l->space->part[0]};
    l->x = mi__alloc(ctx, rows.n, sizeof *l->x);
    if (l->x == NULL)
        return MI_E_NOMEM;
    mi_status status = mi__order_make(ctx, rows.n, &l->order);
    if (status != MI_OK) {
        mi__free(ctx, l->x, rows.n, sizeof *l->x);
        return status;
    }
    mi__rows_order(ctx, &rows, 0, &l->order);
    mi__parallel_ranges(ctx, rows.n, CHUNK, copy_sorted, l);
    return MI_OK;
}

static void drop(mi_context *ctx, line *l) {
    mi__free(ctx, l->x, l->space->n, sizeof *l->x);
    mi__order_free(ctx, &l->order);
}

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

static bool is_near(const line *l, double a, double b, double radius) {
    const double far = fabs(a - b);
    return (l->space->squared ? far * far : far) < radius;
}

/* How many in the direction `step` from i are near, itself not counted: `guess` is where to begin
 * to look. */
static int64_t near_on_side(const line *l, int64_t i, int64_t step, double radius, int64_t guess) {
    const double *x = l->x, here = x[i];
    const int64_t room = step > 0 ? l->space->n - 1 - i : i;
    int64_t low = 0, high = MI__MIN(guess, room) + 1, stride = 1; /* low is near, high is not */
    while (high <= room && is_near(l, here, x[i + step * high], radius)) {
        low = high;
        high += stride;
        stride *= 2;
    }
    high = MI__MIN(high, room + 1);
    for (stride = 1; high - low > 1 && low < high - stride;) {
        const int64_t middle = high - stride;
        if (is_near(l, here, x[i + step * middle], radius)) {
            low = middle;
            break;
        }
        high = middle;
        stride *= 2;
    }
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (is_near(l, here, x[i + step * middle], radius))
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void within_range(void *arg, int64_t begin, int64_t end) {
    line *l = arg;
    int64_t left = 0, right = 0;
    for (int64_t i = begin; i < end; i++) {
        const int64_t row = l->order.entry[i].row;
        const double radius = l->radius[row];
        left = near_on_side(l, i, -1, radius, left);
        right = near_on_side(l, i, 1, radius, right);
        l->count[row] = (int32_t)(left + right + 1);
    }
}

mi_status mi__line_within(mi_context *ctx, const mi__space *s, const double *radius,
                          int32_t *count) {
    line l = {.space = s, .radius = radius, .count = count};
    MI__TRY(make(ctx, &l));
    mi__parallel_ranges(ctx, s->n, CHUNK, within_range, &l);
    drop(ctx, &l);
    return MI_OK;
}
