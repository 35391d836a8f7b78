/* SPDX-License-Identifier: BSD-2-Clause */
/* The k nearest, by a k-d tree. In few columns the points of a leaf have much the same neighbours
 * and look for them together; in more, what all of them need is far more than what each does. */

/* -- for all points of a leaf at once: a lane is one of them ----------------------------------- */

#define GROUPS (MI__MOST_ROOM / WIDE)

typedef struct search {
    const mi__tree *tree;
    int64_t leaf, groups;
    const double *box; /* of the leaf */
    double bound;      /* what isn't nearer than that is of no use to any of the leaf's points */
    wide best[GROUPS][MI__MOST_NEAREST]; /* ascending */
} search;

/* 0 but for one lane: loaded from `alone + 8 - i`, lane i is far away. */
static const double alone[24] = {[8] = MI__NOWHERE};

INLINE void keep(wide *best, const int32_t k, wide far) {
    for (int32_t i = 0; i < k - 1; i++) {
        const wide larger_one = wide_most(best[i], far);
        best[i] = wide_least(best[i], far);
        far = larger_one;
    }
    best[k - 1] = wide_least(best[k - 1], far);
}

/* Against the points of a leaf. Few neighbours stay in registers. */
INLINE void compare(search *s, const int64_t d, const bool squared, const int32_t k, const bool own,
                    int64_t leaf) {
    const mi__tree *t = s->tree;
    const double *points = leaf_points(t, d, leaf), *queries = leaf_points(t, d, s->leaf);
    const int64_t count = t->first[leaf + 1] - t->first[leaf];
    wide bound = wide_of(0);
    for (int64_t g = 0; g < s->groups; g++) {
        wide *best = s->best[g];
        for (int64_t p = 0; p < count; p++) {
            wide far = wide_apart(&t->measure, d, squared, queries + g * WIDE, t->room, points + p,
                                  t->room);
            const int64_t lane = p - g * WIDE;
            if (own && lane >= 0 && lane < WIDE)
                far = wide_most(far, wide_load(alone + 8 - lane));
            if (k <= 4 || wide_less(far, best[k - 1]) != 0)
                keep(best, k, far);
        }
        bound = wide_most(bound, best[k - 1]);
    }
    double lane[WIDE];
    wide_store(lane, bound);
    s->bound = 0;
    for (int i = 0; i < WIDE; i++)
        s->bound = larger(s->bound, lane[i]);
}

/* Down to the leaf; what was left aside comes onto the stack. */
INLINE int descend(search *s, const int64_t d, mi__branch *stack) {
    mi__branch here = {0, 0, s->tree->leaves};
    int depth = 0;
    while (here.leaves > 1) {
        const mi__branch left = mi__branch_left(here), right = mi__branch_right(here);
        const bool on_left = s->leaf < right.first;
        stack[depth++] = on_left ? right : left;
        here = on_left ? left : right;
    }
    s->box = node_box(s->tree, d, here);
    return depth;
}

INLINE double gap_of(const search *s, const int64_t d, const bool squared, mi__branch there) {
    return least_apart(&s->tree->measure, d, squared, s->box, s->box + mi__tree_pitch(d), 1,
                       node_box(s->tree, d, there));
}

INLINE void search_leaf(search *s, const int64_t d, const bool squared, const int32_t k) {
    mi__branch stack[2 * STACK_DEPTH];
    int depth = descend(s, d, stack);
    compare(s, d, squared, k, true, s->leaf);
    while (depth > 0) {
        const mi__branch here = stack[--depth];
        if (gap_of(s, d, squared, here) >= s->bound)
            continue;
        if (here.leaves == 1) {
            compare(s, d, squared, k, false, here.first);
            continue;
        }
        const mi__branch left = mi__branch_left(here), right = mi__branch_right(here);
        const bool left_first = gap_of(s, d, squared, left) < gap_of(s, d, squared, right);
        stack[depth++] = left_first ? right : left;
        stack[depth++] = left_first ? left : right;
    }
}

/* The room that has no point must not keep the bound up. */
static const double unbound[16] = {HUGE_VAL, HUGE_VAL, HUGE_VAL, HUGE_VAL,
                                   HUGE_VAL, HUGE_VAL, HUGE_VAL, HUGE_VAL};

static void begin_search(search *s, int32_t k, int64_t leaf) {
    const int64_t count = s->tree->first[leaf + 1] - s->tree->first[leaf];
    s->leaf = leaf;
    s->groups = (count + WIDE - 1) / WIDE;
    for (int64_t g = 0; g < s->groups; g++) {
        const wide bound = wide_load(unbound + 8 - MI__MIN(count - g * WIDE, WIDE));
        for (int32_t i = 0; i < k; i++)
            s->best[g][i] = bound;
    }
}

static void end_search(const search *s, int32_t k, double *distance) {
    const int64_t first = s->tree->first[s->leaf];
    const int64_t count = s->tree->first[s->leaf + 1] - first;
    for (int64_t g = 0; g < s->groups; g++) {
        double lane[WIDE];
        wide_store(lane, s->best[g][k - 1]);
        for (int64_t i = 0; i < MI__MIN(count - g * WIDE, WIDE); i++)
            distance[s->tree->row[first + g * WIDE + i]] = lane[i];
    }
}

/* -- for one point: a lane is one of the others ------------------------------------------------ */

INLINE void insert(double *best, const int32_t k, double far) {
    int32_t at = k - 1;
    for (; at > 0 && best[at - 1] > far; at--)
        best[at] = best[at - 1];
    best[at] = far;
}

/* All of a leaf but the point `own`. */
INLINE void visit_leaf(visitor *v, const int64_t d, const bool squared, const int32_t k,
                       int64_t leaf, int64_t own, double *best) {
    const mi__tree *t = v->tree;
    const double *points = leaf_points(t, d, leaf);
    const int64_t count = t->first[leaf + 1] - t->first[leaf];
    for (int64_t p = 0; p < count; p += 8) {
        double far[8];
        unsigned mask = nearer_of(v, d, squared, points + p, far);
        if (own >= p && own < p + 8)
            mask &= ~(1u << (own - p));
        for (; mask != 0; mask &= mask - 1) {
            const int i = __builtin_ctz(mask);
            if (far[i] < v->bound) {
                insert(best, k, far[i]);
                v->bound = best[k - 1];
            }
        }
    }
}

typedef struct ahead {
    mi__branch there;
    double gap;
} ahead;

INLINE double search_point(const mi__tree *t, const int64_t d, const bool squared, const int32_t k,
                           int64_t leaf, int64_t i) {
    double query[MI__MOST_COLUMNS], best[MI__MOST_NEAREST];
    visitor v = {t, query, HUGE_VAL};
    ahead stack[2 * STACK_DEPTH];
    int depth = 0;
    load_query(t, d, leaf, i, query);
    for (int32_t j = 0; j < k; j++)
        best[j] = HUGE_VAL;
    for (mi__branch here = {0, 0, t->leaves}; here.leaves > 1;) {
        const mi__branch left = mi__branch_left(here), right = mi__branch_right(here);
        const bool on_left = leaf < right.first;
        stack[depth++] = (ahead){on_left ? right : left, -1};
        here = on_left ? left : right;
    }
    visit_leaf(&v, d, squared, k, leaf, i, best);
    while (depth > 0) {
        const ahead a = stack[--depth];
        if (a.gap >= v.bound ||
            (a.gap < 0 && gap_to(&v, d, squared, node_box(t, d, a.there)) >= v.bound))
            continue;
        if (a.there.leaves == 1) {
            visit_leaf(&v, d, squared, k, a.there.first, -1, best);
            continue;
        }
        ahead near = {mi__branch_left(a.there), 0}, far = {mi__branch_right(a.there), 0};
        near.gap = gap_to(&v, d, squared, node_box(t, d, near.there));
        far.gap = gap_to(&v, d, squared, node_box(t, d, far.there));
        if (far.gap < near.gap) {
            const ahead other = near;
            near = far;
            far = other;
        }
        if (far.gap < v.bound)
            stack[depth++] = far;
        if (near.gap < v.bound)
            stack[depth++] = near;
    }
    return v.bound;
}

/* -- either ------------------------------------------------------------------------------------ */

static void kth_nearest(const mi__tree *t, int32_t k, int64_t begin, int64_t end,
                        double *distance) {
    const int64_t d = t->measure.d;
    if (d > 3) {
        for (int64_t leaf = begin; leaf < end; leaf++)
            for (int64_t i = 0; i < t->first[leaf + 1] - t->first[leaf]; i++) {
                double *to = &distance[t->row[t->first[leaf] + i]];
                if (t->measure.squared)
                    *to = search_point(t, d, true, k, leaf, i);
                else if (d == 4)
                    *to = search_point(t, 4, false, k, leaf, i);
                else if (d == 6)
                    *to = search_point(t, 6, false, k, leaf, i);
                else
                    *to = search_point(t, d, false, k, leaf, i);
            }
        return;
    }
    search s = {.tree = t};
    for (int64_t leaf = begin; leaf < end; leaf++) {
        begin_search(&s, k, leaf);
        if (t->measure.squared)
            search_leaf(&s, d, true, k);
        else if (d == 2 && k == 3)
            search_leaf(&s, 2, false, 3);
        else if (d == 2)
            search_leaf(&s, 2, false, k);
        else
            search_leaf(&s, d, false, k);
        end_search(&s, k, distance);
    }
}
