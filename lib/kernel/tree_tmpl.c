/* SPDX-License-Identifier: BSD-2-Clause */
/* What searches of a k-d tree have in common, and counts of neighbours. */

/* -- distances --------------------------------------------------------------------------------- */

/* Distances of points from one: coordinates are `a` and `b` apart. D and whether they are squared
 * are constants where it pays. */
INLINE wide wide_apart(const mi__measure *m, const int64_t d, const bool squared,
                       const double *from, int64_t a, const double *to, int64_t b) {
    wide most = wide_of(0);
    if (!squared) {
        for (int64_t j = 0; j < d; j++)
            most = wide_most(most, wide_magnitude(wide_load(from + j * a) - wide_of(to[j * b])));
        return most;
    }
    int64_t j = 0;
    for (int32_t part = 0; part < m->parts; part++) {
        wide sum = wide_of(0);
        for (; j < m->end[part]; j++) {
            const wide difference = wide_load(from + j * a) - wide_of(to[j * b]);
            const wide square = difference * difference;
            sum = sum + square;
        }
        most = wide_most(most, sum);
    }
    return most;
}

INLINE double larger(double a, double b) {
    return a > b ? a : b;
}

/* What points of two boxes are apart at least: no more than wide_apart() finds for any of them. The
 * first box is from `low` to `high`, whose coordinates are `step` apart. */
INLINE double least_apart(const mi__measure *m, const int64_t d, const bool squared,
                          const double *low, const double *high, int64_t step, const double *cell) {
    const double *cell_high = cell + mi__tree_pitch(d);
    double most = 0;
    int64_t j = 0;
    for (int32_t part = 0; part < (squared ? m->parts : 1); part++) {
        double sum = 0;
        for (; j < (squared ? m->end[part] : d); j++) {
            const double gap =
                larger(larger(cell[j] - high[j * step], low[j * step] - cell_high[j]), 0);
            sum = squared ? sum + gap * gap : larger(sum, gap);
        }
        most = larger(most, sum);
    }
    return most;
}

/* The same at most, of a point and a box. */
INLINE double most_apart(const mi__measure *m, const int64_t d, const bool squared,
                         const double *point, int64_t step, const double *cell) {
    double most = 0;
    int64_t j = 0;
    for (int32_t part = 0; part < (squared ? m->parts : 1); part++) {
        double sum = 0;
        for (; j < (squared ? m->end[part] : d); j++) {
            const double reach =
                larger(cell[mi__tree_pitch(d) + j] - point[j * step], point[j * step] - cell[j]);
            sum = squared ? sum + reach * reach : larger(sum, reach);
        }
        most = larger(most, sum);
    }
    return most;
}

/* -- a tree's nodes ---------------------------------------------------------------------------- */

#define STACK_DEPTH 40 /* of a tree with 2^31 leaves, and some */

INLINE const double *node_box(const mi__tree *t, const int64_t d, mi__branch s) {
    return t->box + s.node * 2 * mi__tree_pitch(d);
}

INLINE const double *leaf_points(const mi__tree *t, const int64_t d, int64_t leaf) {
    return t->point + leaf * d * t->room;
}

/* -- for one point at a time: a lane is one of the others -------------------------------------- */

typedef struct visitor {
    const mi__tree *tree;
    const double *query; /* [pitch], zeros at the end */
    double bound;
} visitor;

/* What the query is from a box at least. */
INLINE double gap_to(const visitor *v, const int64_t d, const bool squared, const double *cell) {
    const int64_t pitch = mi__tree_pitch(d);
    if (squared)
        return least_apart(&v->tree->measure, d, true, v->query, v->query, 1, cell);
    quad most = quad_of(0);
    for (int64_t j = 0; j < pitch; j += 4) {
        const quad q = quad_load(v->query + j);
        most = quad_most(most, quad_most(quad_minus(quad_load(cell + j), q),
                                         quad_minus(q, quad_load(cell + pitch + j))));
    }
    return quad_greatest(most);
}

/* Whether all of a box is nearer than the bound. */
INLINE bool is_within(const visitor *v, const int64_t d, const bool squared, const double *cell) {
    const int64_t pitch = mi__tree_pitch(d);
    if (squared)
        return most_apart(&v->tree->measure, d, true, v->query, 1, cell) < v->bound;
    quad most = quad_of(0);
    for (int64_t j = 0; j < pitch; j += 4) {
        const quad q = quad_load(v->query + j);
        most = quad_most(most, quad_most(quad_minus(quad_load(cell + pitch + j), q),
                                         quad_minus(q, quad_load(cell + j))));
    }
    return quad_all_less(most, quad_of(v->bound));
}

/* Which of eight points, a bit each, are nearer than the bound; and their distances. */
INLINE unsigned nearer_of(const visitor *v, const int64_t d, const bool squared,
                          const double *points, double *far) {
    unsigned mask = 0;
    UNROLL_ALL
    for (int i = 0; i < 8 / WIDE; i++) {
        const wide apart = wide_apart(&v->tree->measure, d, squared, points + i * WIDE,
                                      v->tree->room, v->query, 1);
        mask |= wide_less(apart, wide_of(v->bound)) << i * WIDE;
        if (far != NULL)
            wide_store(far + i * WIDE, apart);
    }
    return mask;
}

INLINE void load_query(const mi__tree *t, const int64_t d, int64_t leaf, int64_t i, double *query) {
    const double *point = leaf_points(t, d, leaf) + i;
    for (int64_t j = 0; j < d; j++)
        query[j] = point[j * t->room];
    for (int64_t j = d; j < mi__tree_pitch(d); j++)
        query[j] = 0;
}

/* -- counts ------------------------------------------------------------------------------------ */

INLINE int32_t count_point(const mi__tree *t, const int64_t d, const bool squared, int64_t leaf,
                           int64_t i, double radius) {
    double query[MI__MOST_COLUMNS];
    visitor v = {t, query, radius};
    mi__branch stack[2 * STACK_DEPTH];
    int depth = 1;
    int64_t near = 0;
    load_query(t, d, leaf, i, query);
    stack[0] = (mi__branch){0, 0, t->leaves};
    while (depth > 0) {
        const mi__branch here = stack[--depth];
        const double *cell = node_box(t, d, here);
        if (gap_to(&v, d, squared, cell) >= radius)
            continue;
        if (is_within(&v, d, squared, cell)) {
            near += t->first[here.first + here.leaves] - t->first[here.first];
        } else if (here.leaves == 1) {
            const double *points = leaf_points(t, d, here.first);
            const int64_t count = t->first[here.first + 1] - t->first[here.first];
            for (int64_t p = 0; p < count; p += 8)
                near += __builtin_popcount(nearer_of(&v, d, squared, points + p, NULL));
        } else {
            stack[depth++] = mi__branch_left(here);
            stack[depth++] = mi__branch_right(here);
        }
    }
    return (int32_t)near;
}

static void count_within(const mi__tree *t, const double *radius, int64_t begin, int64_t end,
                         int32_t *count) {
    const int64_t d = t->measure.d;
    for (int64_t leaf = begin; leaf < end; leaf++)
        for (int64_t i = 0; i < t->first[leaf + 1] - t->first[leaf]; i++) {
            const int32_t row = t->row[t->first[leaf] + i];
            if (t->measure.squared)
                count[row] = count_point(t, d, true, leaf, i, radius[row]);
            else if (d == 2)
                count[row] = count_point(t, 2, false, leaf, i, radius[row]);
            else if (d == 3)
                count[row] = count_point(t, 3, false, leaf, i, radius[row]);
            else
                count[row] = count_point(t, d, false, leaf, i, radius[row]);
        }
}
