/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_ORDER_H
#define LIBMI_LIB_ORDER_H

/* Sorting and numbering by 64-bit keys, in linear time, the same on any number of threads. */

#include "estimate.h"

#include <string.h>

typedef struct mi__entry {
    uint64_t key;
    int64_t row; /* what the key belongs to */
} mi__entry;

typedef struct mi__order {
    int64_t n;
    mi__entry *entry; /* [n] */
    mi__entry *spare; /* the rest is room for the work */
    int64_t *count;
    int64_t pieces;
} mi__order;

mi_status mi__order_make(mi_context *ctx, int64_t n, mi__order *out);
void mi__order_free(mi_context *ctx, mi__order *order);

/* Sorts entries by key, ascending; those of equal keys keep their order. */
void mi__order_sort(mi_context *ctx, mi__order *order);

/* Makes and sorts the entries of a column. */
void mi__rows_order(mi_context *ctx, const mi__rows *rows, int64_t column, mi__order *order);

/* Where the run of equal keys that begins at `begin` ends. */
static inline int64_t mi__order_run(const mi__order *order, int64_t begin) {
    int64_t end = begin + 1;
    while (end < order->n && order->entry[end].key == order->entry[begin].key)
        end++;
    return end;
}

/* Whether it is: floor() is slow where it is no instruction. All of 2^52 and more are. */
static inline bool mi__whole(double x) {
    return !(x > -0x1p52 && x < 0x1p52) || (double)(int64_t)x == x;
}

/* The key that sorts like the number. */
static inline uint64_t mi__order_key(double x) {
    uint64_t bits;
    x += 0.0; /* -0 and 0 are one number */
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* -- values.c: numbers for the values that occur ----------------------------------------------- */

typedef struct mi__values {
    int64_t n, values;
    uint32_t *label; /* [n], below values; NULL where that wasn't wanted */
    uint64_t *key;   /* [values], ascending */
    int64_t *count;  /* [values], above 0 */
} mi__values;

/* Of keys below `range`; 0: that isn't known. */
mi_status mi__values_number(mi_context *ctx, int64_t n, const uint64_t *key, uint64_t range,
                            bool labels, mi__values *out);
/* Of rows, in their ascending order; keys mean nothing. */
mi_status mi__values_make(mi_context *ctx, const mi__rows *rows, mi__values *out);
/* Of pairs: the key is the label of the first times second->values, plus that of the second. */
mi_status mi__values_pair(mi_context *ctx, const mi__values *first, const mi__values *second,
                          bool labels, mi__values *out);
void mi__values_free(mi_context *ctx, mi__values *values);

#endif
