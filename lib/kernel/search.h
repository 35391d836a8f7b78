/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_SEARCH_H
#define LIBMI_LIB_SEARCH_H

/* What kernels look for neighbours in. Coordinates are at most 1 in magnitude. The distance of two
 * points is the greatest of its parts': in each part, columns up to an end, the greatest difference
 * of a column or, if `squared`, the sum of the differences' squares in the order of columns. All of
 * it is computed without an error but that of each single operation, so that every kernel finds the
 * same distances to the last bit, and bounds by boxes hold exactly. */

#include "../base/base.h"

#define MI__MOST_PARTS 3
#define MI__MOST_ROOM 32     /* points of a leaf */
#define MI__MOST_COLUMNS 64  /* of a tree */
#define MI__MOST_NEAREST 16  /* of mi__kernels' nearest() */
#define MI__NOWHERE 1e150    /* where a leaf's room has no point: far from all, even squared */
#define MI__EVERYWHERE 1e100 /* the greatest radius: has all points, and none of these */

typedef struct mi__measure {
    int64_t d;
    int32_t parts;
    bool squared;
    int64_t end[MI__MOST_PARTS];
} mi__measure;

/* A k-d tree. A node with m leaves has m / 2 of them on its left; nodes are numbered root, left
 * subtree, right subtree. */
typedef struct mi__tree {
    mi__measure measure;
    int64_t n, leaves, room; /* room: of a leaf, a multiple of 8 */
    double *point;           /* [leaves][d][room] */
    double *box;             /* [2 leaves - 1][2][mi__tree_pitch(d)]: the least of each column, the
                                greatest; then zeros */
    int32_t *first;          /* [leaves + 1]: the position of a leaf's first point, at last n */
    int32_t *row;            /* [n]: the caller's, at each position */
} mi__tree;

static inline int64_t mi__tree_pitch(int64_t d) {
    return (d + 3) / 4 * 4;
}

/* A node, with the leaves below it. */
typedef struct mi__branch {
    int64_t node, first, leaves;
} mi__branch;

static inline mi__branch mi__branch_left(mi__branch b) {
    return (mi__branch){b.node + 1, b.first, b.leaves / 2};
}

static inline mi__branch mi__branch_right(mi__branch b) {
    const int64_t left = b.leaves / 2;
    return (mi__branch){b.node + 2 * left, b.first + left, b.leaves - left};
}

/* Points in blocks whose coordinates are bytes: the floor of multiples of a step, modulo 256. Two
 * that differ by c, the short way round, are more than c - 1 steps apart. */
#define MI__BLOCK 64

typedef struct mi__sieve {
    int64_t d;
    const uint8_t *point; /* [blocks][d][MI__BLOCK] */
} mi__sieve;

#endif
