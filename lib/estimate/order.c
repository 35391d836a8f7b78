/* SPDX-License-Identifier: BSD-2-Clause */
#include "order.h"

#define BITS 11
#define DIGITS ((int64_t)1 << BITS)
#define PIECE 65536 /* entries worth a thread of their own */
#define FEW 48      /* entries that are sorted by insertion */

mi_status mi__order_make(mi_context *ctx, int64_t n, mi__order *out) {
    mi__order o = {.n = n, .pieces = MI__MAX(MI__MIN(n / PIECE, (int64_t)ctx->threads), 1)};
    o.entry = mi__alloc(ctx, n, sizeof *o.entry);
    o.spare = mi__alloc(ctx, n, sizeof *o.spare);
    o.count = mi__alloc(ctx, o.pieces * DIGITS, sizeof *o.count);
    *out = o;
    if (o.entry != NULL && o.spare != NULL && o.count != NULL)
        return MI_OK;
    mi__order_free(ctx, out);
    return MI_E_NOMEM;
}

void mi__order_free(mi_context *ctx, mi__order *order) {
    mi__free(ctx, order->count, order->pieces * DIGITS, sizeof *order->count);
    mi__free(ctx, order->spare, order->n, sizeof *order->spare);
    mi__free(ctx, order->entry, order->n, sizeof *order->entry);
    *order = (mi__order){0};
}

static void sort_few(mi__order *o) {
    for (int64_t i = 1; i < o->n; i++) {
        mi__entry e = o->entry[i];
        int64_t j = i;
        for (; j > 0 && o->entry[j - 1].key > e.key; j--)
            o->entry[j] = o->entry[j - 1];
        o->entry[j] = e;
    }
}

/* -- by digits, the lowest first. Each piece of the entries counts its own and then knows where to
 * put them, so that the pieces don't matter. */
typedef struct pass {
    mi__order *order;
    int shift;
} pass;

static int64_t digit(uint64_t key, int shift) {
    return (int64_t)(key >> shift & (DIGITS - 1));
}

/* Pieces are less than 2^11, entries less than 2^52. */
static int64_t border(const mi__order *o, int64_t piece) {
    return o->n / o->pieces * piece + o->n % o->pieces * piece / o->pieces;
}

static void count_piece(void *arg, int64_t piece) {
    const pass *p = arg;
    int64_t *count = p->order->count + piece * DIGITS;
    memset(count, 0, (size_t)DIGITS * sizeof *count);
    for (int64_t i = border(p->order, piece); i < border(p->order, piece + 1); i++)
        count[digit(p->order->entry[i].key, p->shift)]++;
}

static void place_piece(void *arg, int64_t piece) {
    const pass *p = arg;
    int64_t *next = p->order->count + piece * DIGITS;
    for (int64_t i = border(p->order, piece); i < border(p->order, piece + 1); i++) {
        mi__entry e = p->order->entry[i];
        p->order->spare[next[digit(e.key, p->shift)]++] = e;
    }
}

static void sort_by_digit(mi_context *ctx, mi__order *o, int shift) {
    pass p = {o, shift};
    mi__parallel_for(ctx, o->pieces, count_piece, &p);
    int64_t sum = 0;
    for (int64_t d = 0; d < DIGITS; d++)
        for (int64_t piece = 0; piece < o->pieces; piece++) {
            int64_t count = o->count[piece * DIGITS + d];
            o->count[piece * DIGITS + d] = sum;
            sum += count;
        }
    mi__parallel_for(ctx, o->pieces, place_piece, &p);
    mi__entry *sorted = o->spare;
    o->spare = o->entry;
    o->entry = sorted;
}

void mi__order_sort(mi_context *ctx, mi__order *order) {
    uint64_t varying = 0; /* bits */
    if (order->n <= FEW) {
        sort_few(order);
        return;
    }
    for (int64_t i = 1; i < order->n; i++)
        varying |= order->entry[i].key ^ order->entry[0].key;
    for (int shift = 0; shift < 64 && varying >> shift != 0; shift += BITS) {
        while ((varying >> shift & 1) == 0)
            shift++;
        sort_by_digit(ctx, order, shift);
    }
}
