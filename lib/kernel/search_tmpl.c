/* SPDX-License-Identifier: BSD-2-Clause */
/* Searching for neighbours, in the vectors of double of joint_tmpl.c. */

#if MI__VECTOR_BYTES == 64

INLINE wide wide_least(wide a, wide b) {
    return _mm512_min_pd(a, b);
}

INLINE wide wide_most(wide a, wide b) {
    return _mm512_max_pd(a, b);
}

INLINE wide wide_magnitude(wide x) {
    return _mm512_abs_pd(x);
}

INLINE bool wide_any_less(wide a, wide b) {
    return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ) != 0;
}

INLINE int32_t wide_count_less(wide a, wide b) {
    return __builtin_popcount(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ));
}

#elif MI__VECTOR_BYTES == 32

INLINE wide wide_least(wide a, wide b) {
    return _mm256_min_pd(a, b);
}

INLINE wide wide_most(wide a, wide b) {
    return _mm256_max_pd(a, b);
}

INLINE wide wide_magnitude(wide x) {
    return _mm256_andnot_pd(wide_of(-0.0), x);
}

INLINE bool wide_any_less(wide a, wide b) {
    return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)) != 0;
}

INLINE int32_t wide_count_less(wide a, wide b) {
    return __builtin_popcount((unsigned)_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)));
}

#else

typedef int64_t wide_lanes __attribute__((vector_size(16)));

INLINE wide wide_least(wide a, wide b) {
    const wide_lanes less = (wide_lanes)(a < b);
    return (wide)(((wide_lanes)a & less) | ((wide_lanes)b & ~less));
}

INLINE wide wide_most(wide a, wide b) {
    const wide_lanes less = (wide_lanes)(a < b);
    return (wide)(((wide_lanes)b & less) | ((wide_lanes)a & ~less));
}

INLINE wide wide_magnitude(wide x) {
    return (wide)((wide_lanes)x & INT64_MAX);
}

INLINE bool wide_any_less(wide a, wide b) {
    const wide_lanes less = (wide_lanes)(a < b);
    return (less[0] | less[1]) != 0;
}

INLINE int32_t wide_count_less(wide a, wide b) {
    const wide_lanes less = (wide_lanes)(a < b);
    return (int32_t) - (less[0] + less[1]);
}

#endif

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
    double most = 0;
    int64_t j = 0;
    for (int32_t part = 0; part < (squared ? m->parts : 1); part++) {
        double sum = 0;
        for (; j < (squared ? m->end[part] : d); j++) {
            const double gap =
                larger(larger(cell[j] - high[j * step], low[j * step] - cell[d + j]), 0);
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
            const double reach = larger(cell[d + j] - point[j * step], point[j * step] - cell[j]);
            sum = squared ? sum + reach * reach : larger(sum, reach);
        }
        most = larger(most, sum);
    }
    return most;
}

/* -- a tree's nodes ---------------------------------------------------------------------------- */

typedef struct subtree {
    int64_t node, first, leaves;
} subtree;

#define STACK_DEPTH 40 /* of a tree with 2^31 leaves, and some */

INLINE subtree left_of(subtree s) {
    return (subtree){s.node + 1, s.first, s.leaves / 2};
}

INLINE subtree right_of(subtree s) {
    const int64_t left = s.leaves / 2;
    return (subtree){s.node + 2 * left, s.first + left, s.leaves - left};
}

INLINE const double *node_box(const mi__tree *t, const int64_t d, subtree s) {
    return t->box + s.node * 2 * d;
}

INLINE const double *leaf_points(const mi__tree *t, const int64_t d, int64_t leaf) {
    return t->point + leaf * d * t->room;
}

/* -- the k nearest, for all points of a leaf at once: a lane is a point --------------------------
 */

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
    const int64_t count = mi__tree_first(t, leaf + 1) - mi__tree_first(t, leaf);
    wide bound = wide_of(0);
    for (int64_t g = 0; g < s->groups; g++) {
        wide *best = s->best[g];
        for (int64_t p = 0; p < count; p++) {
            wide far = wide_apart(&t->measure, d, squared, queries + g * WIDE, t->room, points + p,
                                  t->room);
            const int64_t lane = p - g * WIDE;
            if (own && lane >= 0 && lane < WIDE)
                far = wide_most(far, wide_load(alone + 8 - lane));
            if (k <= 4 || wide_any_less(far, best[k - 1]))
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
INLINE int descend(search *s, const int64_t d, subtree *stack) {
    subtree here = {0, 0, s->tree->leaves};
    int depth = 0;
    while (here.leaves > 1) {
        const subtree left = left_of(here), right = right_of(here);
        const bool on_left = s->leaf < right.first;
        stack[depth++] = on_left ? right : left;
        here = on_left ? left : right;
    }
    s->box = node_box(s->tree, d, here);
    return depth;
}

INLINE double gap_of(const search *s, const int64_t d, const bool squared, subtree there) {
    return least_apart(&s->tree->measure, d, squared, s->box, s->box + d, 1,
                       node_box(s->tree, d, there));
}

INLINE void search_leaf(search *s, const int64_t d, const bool squared, const int32_t k) {
    subtree stack[2 * STACK_DEPTH];
    int depth = descend(s, d, stack);
    compare(s, d, squared, k, true, s->leaf);
    while (depth > 0) {
        const subtree here = stack[--depth];
        if (gap_of(s, d, squared, here) >= s->bound)
            continue;
        if (here.leaves == 1) {
            compare(s, d, squared, k, false, here.first);
            continue;
        }
        const subtree left = left_of(here), right = right_of(here);
        const bool left_first = gap_of(s, d, squared, left) < gap_of(s, d, squared, right);
        stack[depth++] = left_first ? right : left;
        stack[depth++] = left_first ? left : right;
    }
}

/* The room that has no point must not keep the bound up. */
static void begin_search(search *s, int32_t k, int64_t leaf) {
    const int64_t count = mi__tree_first(s->tree, leaf + 1) - mi__tree_first(s->tree, leaf);
    s->leaf = leaf;
    s->groups = (count + WIDE - 1) / WIDE;
    for (int64_t g = 0; g < s->groups; g++) {
        double lane[WIDE];
        for (int i = 0; i < WIDE; i++)
            lane[i] = g * WIDE + i < count ? HUGE_VAL : 0;
        for (int32_t i = 0; i < k; i++)
            s->best[g][i] = wide_load(lane);
    }
}

static void end_search(const search *s, int32_t k, double *distance) {
    const int64_t first = mi__tree_first(s->tree, s->leaf);
    const int64_t count = mi__tree_first(s->tree, s->leaf + 1) - first;
    for (int64_t g = 0; g < s->groups; g++) {
        double lane[WIDE];
        wide_store(lane, s->best[g][k - 1]);
        for (int64_t i = 0; i < MI__MIN(count - g * WIDE, WIDE); i++)
            distance[s->tree->row[first + g * WIDE + i]] = lane[i];
    }
}

static void kth_nearest(const mi__tree *t, int32_t k, int64_t begin, int64_t end,
                        double *distance) {
    search s = {.tree = t};
    const int64_t d = t->measure.d;
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

/* -- how many are nearer than a radius, for one point at a time: a lane is one of the others -----
 */

INLINE int32_t count_leaf(const mi__tree *t, const int64_t d, const bool squared,
                          const double *query, int64_t leaf, double radius) {
    const double *points = leaf_points(t, d, leaf);
    const int64_t count = mi__tree_first(t, leaf + 1) - mi__tree_first(t, leaf);
    const wide limit = wide_of(radius);
    int32_t near = 0;
    for (int64_t p = 0; p < count; p += WIDE)
        near += wide_count_less(
            wide_apart(&t->measure, d, squared, points + p, t->room, query, t->room), limit);
    return near;
}

INLINE int32_t count_point(const mi__tree *t, const int64_t d, const bool squared,
                           const double *query, double radius) {
    subtree stack[2 * STACK_DEPTH];
    stack[0] = (subtree){0, 0, t->leaves};
    int depth = 1;
    int64_t near = 0;
    while (depth > 0) {
        const subtree here = stack[--depth];
        const double *cell = node_box(t, d, here);
        if (least_apart(&t->measure, d, squared, query, query, t->room, cell) >= radius)
            continue;
        if (most_apart(&t->measure, d, squared, query, t->room, cell) < radius) {
            near += mi__tree_first(t, here.first + here.leaves) - mi__tree_first(t, here.first);
        } else if (here.leaves == 1) {
            near += count_leaf(t, d, squared, query, here.first, radius);
        } else {
            stack[depth++] = left_of(here);
            stack[depth++] = right_of(here);
        }
    }
    return (int32_t)near;
}

static void count_within(const mi__tree *t, const double *radius, int64_t begin, int64_t end,
                         int32_t *count) {
    const int64_t d = t->measure.d;
    for (int64_t leaf = begin; leaf < end; leaf++) {
        const int64_t first = mi__tree_first(t, leaf), last = mi__tree_first(t, leaf + 1);
        for (int64_t p = first; p < last; p++) {
            const double *query = leaf_points(t, d, leaf) + (p - first);
            const int32_t row = t->row[p];
            if (t->measure.squared)
                count[row] = count_point(t, d, true, query, radius[row]);
            else if (d == 2)
                count[row] = count_point(t, 2, false, query, radius[row]);
            else if (d == 3)
                count[row] = count_point(t, 3, false, query, radius[row]);
            else
                count[row] = count_point(t, d, false, query, radius[row]);
        }
    }
}

/* -- blocks of bytes: a lane is a point ----------------------------------------------------------
 */

typedef uint8_t byte_vec
    __attribute__((vector_size(MI__VECTOR_BYTES > 32 ? 32 : MI__VECTOR_BYTES)));
typedef uint8_t byte_vec_in_memory __attribute__((
    vector_size(MI__VECTOR_BYTES > 32 ? 32 : MI__VECTOR_BYTES), aligned(1), may_alias));
#define BYTE_LANES ((int)sizeof(byte_vec))
#define SLICES (MI__BLOCK / BYTE_LANES)

#if MI__VECTOR_BYTES >= 32

INLINE byte_vec bytes_of(uint8_t x) {
    return (byte_vec)_mm256_set1_epi8((char)x);
}

/* The short way round from a to b. */
INLINE byte_vec bytes_apart(byte_vec a, byte_vec b) {
    return (byte_vec)_mm256_abs_epi8((__m256i)(a - b));
}

INLINE byte_vec bytes_most(byte_vec a, byte_vec b) {
    return (byte_vec)_mm256_max_epu8((__m256i)a, (__m256i)b);
}

INLINE uint64_t bytes_at_most(byte_vec a, byte_vec b) {
    return (uint32_t)_mm256_movemask_epi8((__m256i)(bytes_most(a, b) == b));
}

#else

INLINE byte_vec bytes_of(uint8_t x) {
    return (byte_vec){0} + x;
}

INLINE byte_vec bytes_least(byte_vec a, byte_vec b) {
    const byte_vec less = (byte_vec)(a < b);
    return (a & less) | (b & ~less);
}

INLINE byte_vec bytes_apart(byte_vec a, byte_vec b) {
    return bytes_least(a - b, b - a);
}

INLINE byte_vec bytes_most(byte_vec a, byte_vec b) {
    const byte_vec less = (byte_vec)(a < b);
    return (b & less) | (a & ~less);
}

/* A bit for each byte of what is all ones or all zeros. */
INLINE uint64_t bytes_at_most(byte_vec a, byte_vec b) {
    const byte_vec yes = (byte_vec)(a <= b);
    uint64_t half[2];
    memcpy(half, &yes, sizeof half);
    uint64_t mask = 0;
    for (int i = 0; i < 2; i++) /* the product brings bit 8 i to bit 56 + i */
        mask |= (half[i] & 0x0101010101010101u) * 0x0102040810204080u >> 56 << 8 * i;
    return mask;
}

#endif

#define GLANCE 16 /* columns between looks at whether any point is still in question */

INLINE uint64_t sift_block(const uint8_t *point, int64_t d, const uint8_t *query, byte_vec most) {
    byte_vec far[SLICES] = {{0}};
    for (int64_t j = 0;;) {
        const int64_t stop = MI__MIN(j + GLANCE, d);
        for (; j < stop; j++, point += MI__BLOCK) {
            const byte_vec here = bytes_of(query[j]);
            UNROLL_ALL
            for (int s = 0; s < SLICES; s++) {
                const byte_vec there = *(const byte_vec_in_memory *)(point + s * BYTE_LANES);
                far[s] = bytes_most(far[s], bytes_apart(here, there));
            }
        }
        uint64_t mask = 0;
        UNROLL_ALL
        for (int s = 0; s < SLICES; s++)
            mask |= bytes_at_most(far[s], most) << s * BYTE_LANES;
        if (mask == 0 || j == d)
            return mask;
    }
}

static bool sift(const mi__sieve *s, int64_t block, int64_t blocks, const uint8_t *query,
                 uint8_t most, uint64_t *mask) {
    const uint8_t *point = s->point + block * s->d * MI__BLOCK;
    const byte_vec limit = bytes_of(most);
    uint64_t any = 0;
    for (int64_t b = 0; b < blocks; b++, point += s->d * MI__BLOCK)
        any |= mask[b] = sift_block(point, s->d, query, limit);
    return any != 0;
}
