/* SPDX-License-Identifier: BSD-2-Clause */
/* A list of candidates is thinned out when it is full: by the limits of their closeness, and where
 * these don't tell enough of them apart, by their distances. */
#include "candidates.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define MORE 32 /* candidates that small lists have room for beyond twice k */
#define AHEAD 4 /* rows that are asked for before they are measured */
#define LINE 16 /* floats of a line of the cache */
#define RUN 8   /* candidates that are sorted by insertion */

int64_t mi__candidates_room(int64_t k, int64_t n) {
    return MI__MIN(k > (n - MORE) / 2 ? n : 2 * k + MORE, n);
}

/* Of the distance, at most d + 3 roundings in float64 of what may be twice the sum of both squares.
 * The part of the row is less than what is granted for float32. */
void mi__candidates_begin(const mi__picker *p, mi__candidates *c, double square, int64_t exclude) {
    c->count = 0;
    c->limit = -FLT_MAX;
    c->length = (float)(sqrt(square) * (1 + 0x1p-20) + 0x1p-40);
    c->square = square;
    c->mistake = square * (double)(p->base.d + 8) * 0x1p-51;
    c->exclude = exclude;
}

/* -- order ------------------------------------------------------------------------------------- */

static bool before(const mi__candidate *a, const mi__candidate *b) {
    return a->distance < b->distance || (a->distance == b->distance && a->row < b->row);
}

static void sort_run(mi__candidate *x, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        const mi__candidate moved = x[i];
        int64_t j = i;
        for (; j > 0 && before(&moved, &x[j - 1]); j--)
            x[j] = x[j - 1];
        x[j] = moved;
    }
}

static void merge(const mi__candidate *x, int64_t middle, int64_t n, mi__candidate *to) {
    int64_t i = 0, j = middle;
    while (i < middle && j < n) {
        const bool second = before(&x[j], &x[i]);
        *to++ = second ? x[j] : x[i];
        j += second;
        i += !second;
    }
    memcpy(to, x + i, (size_t)(middle - i) * sizeof *x);
    memcpy(to + (middle - i), x + j, (size_t)(n - j) * sizeof *x);
}

static void sort(mi__candidate *x, int64_t n, mi__candidate *spare) {
    mi__candidate *from = x, *to = spare;
    for (int64_t i = 0; i < n; i += RUN)
        sort_run(x + i, MI__MIN(n - i, RUN));
    for (int64_t run = RUN; run < n; run *= 2) {
        for (int64_t i = 0; i < n; i += 2 * run) {
            const int64_t length = MI__MIN(n - i, 2 * run);
            merge(from + i, MI__MIN(run, length), length, to + i);
        }
        mi__candidate *done = to;
        to = from;
        from = done;
    }
    if (from != x)
        memcpy(x, from, (size_t)n * sizeof *x);
}

/* An integer in the order of the floats. */
static int32_t key_of(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ ((bits >> 31) & INT32_MAX);
}

static float float_of(int32_t key) {
    const int32_t bits = key ^ ((key >> 31) & INT32_MAX);
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A number that k lower limits reach, but few more than `most` unless they are equal: by bisection,
 * so that no order of them takes longer than another. */
static float reached(const mi__candidates *c, int64_t k, int64_t most, int32_t *key) {
    int32_t low = key_of(c->limit), high = low;
    for (int64_t i = 0; i < c->count; i++) {
        key[i] = key_of(c->list[i].lower);
        high = MI__MAX(high, key[i]);
    }
    while (low < high) {
        const int32_t middle = (int32_t)(low + ((int64_t)high - low + 1) / 2);
        int32_t reach = 0;
        for (int64_t i = 0; i < c->count; i++)
            reach += key[i] >= middle;
        if (reach < k)
            high = middle - 1;
        else
            low = middle;
        if (reach >= k && reach <= most)
            break;
    }
    return float_of(low);
}

/* -- what stays ------------------------------------------------------------------------------- */

/* What certainly isn't among the nearest. */
static void drop(const mi__picker *p, mi__candidates *c, mi__candidate *spare) {
    int64_t kept = 0;
    if (c->count <= p->k)
        return;
    c->limit = reached(c, p->k, p->k + (p->room - p->k) / 8, (int32_t *)(void *)spare);
    for (int64_t i = 0; i < c->count; i++) { /* without a branch that can't be foreseen */
        const bool keep = c->list[i].upper >= c->limit;
        c->list[kept] = c->list[i];
        kept += keep;
    }
    c->count = kept;
}

static void fetch_row(const mi__vectors *v, int64_t row) {
    const float *x = mi__vector(v, row);
    for (int64_t j = 0; j < v->d; j += LINE)
        mi__fetch(x + j);
}

static void measure(const mi__picker *p, mi__candidates *c, int64_t query) {
    const float *x = mi__vector(&p->query, query);
    const double factor = mi__vector_factor(&p->query, query);
    for (int64_t i = 0; i < c->count; i++) {
        mi__candidate *a = &c->list[i];
        if (i + AHEAD < c->count)
            fetch_row(&p->base, c->list[i + AHEAD].row);
        if (a->distance >= 0)
            continue;
        a->distance = p->kernel->gap_square(p->base.d, x, factor, mi__vector(&p->base, a->row),
                                            mi__vector_factor(&p->base, a->row));
    }
}

/* Rounded down. */
static float closeness(const mi__picker *p, const mi__candidates *c, double distance) {
    const double exact = (c->square - distance * p->scale * p->scale) / 2 - c->mistake;
    return (float)(exact - fabs(exact) * 0x1p-22 - 0x1p-120);
}

void mi__candidates_settle(const mi__picker *p, mi__candidates *c, int64_t query,
                           mi__candidate *spare) {
    drop(p, c, spare);
    measure(p, c, query);
    sort(c->list, c->count, spare);
    c->count = MI__MIN(c->count, p->k);
    for (int64_t i = 0; i < c->count; i++) {
        c->list[i].upper = FLT_MAX;
        c->list[i].lower = closeness(p, c, c->list[i].distance);
    }
    if (c->count == p->k)
        c->limit = fmaxf(c->limit, c->list[p->k - 1].lower);
}

/* Where float32 doesn't tell enough of them apart, float64 does. */
static void make_room(const mi__picker *p, mi__candidates *c, int64_t query, mi__candidate *spare) {
    drop(p, c, spare);
    if (c->count > p->k + (p->room - p->k) / 2)
        mi__candidates_settle(p, c, query, spare);
}

void mi__candidates_add(const mi__picker *p, mi__candidates *c, int64_t query, mi__candidate added,
                        mi__candidate *spare) {
    if (added.upper < c->limit || added.row == c->exclude)
        return;
    if (c->count == p->room)
        make_room(p, c, query, spare);
    if (added.upper >= c->limit)
        c->list[c->count++] = added;
}
