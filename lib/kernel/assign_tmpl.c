/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of an assignment problem, in vectors of double. */

#define ALL_OF(vectors) ((unsigned)((1ull << (vectors)*WIDE) - 1))
#define ALL_WIDE ALL_OF(1)

/* The processor itself reads ahead to the end of a page only. So many numbers further on are asked
 * for early: of rows that are read in turn, and of others, which the next don't follow. */
#define FETCH_ROWS 512
#define FETCH_ROW 128

INLINE void fetch(const double *p, int count) {
    for (int k = 0; k < count; k += 8)
        __builtin_prefetch(p + k);
}

INLINE double wide_least_lane(wide x) {
    double lane[WIDE], least;
    wide_store(lane, x);
    least = lane[0];
    for (int i = 1; i < WIDE; i++)
        least = lane[i] < least ? lane[i] : least;
    return least;
}

INLINE double low_at(double factor, const double *cost, const double *price, int64_t j) {
    return factor * cost[j] + price[j];
}

/* The least of w in each of MI__CLASSES classes of columns: those that leave the same remainder. */
static void row_classes(int64_t n, double factor, const double *cost, const double *price,
                        double *low) {
    const wide f = wide_of(factor);
    wide least[MI__CLASSES / WIDE];
    UNROLL_ALL
    for (int k = 0; k < MI__CLASSES / WIDE; k++)
        least[k] = wide_of(INFINITY);
    int64_t j = 0;
    for (; j + MI__CLASSES <= n; j += MI__CLASSES) {
        fetch(cost + j + FETCH_ROW, MI__CLASSES);
        UNROLL_ALL
        for (int k = 0; k < MI__CLASSES / WIDE; k++)
            least[k] = wide_least(
                wide_madd(f, wide_load(cost + j + k * WIDE), wide_load(price + j + k * WIDE)),
                least[k]);
    }
    UNROLL_ALL
    for (int k = 0; k < MI__CLASSES / WIDE; k++)
        wide_store(low + k * WIDE, least[k]);
    for (int64_t k = 0; j < n; j++, k++) {
        const double w = low_at(factor, cost, price, j);
        low[k] = w < low[k] ? w : low[k];
    }
}

/* One bit for each of 4 WIDE columns, set where w <= limit. */
INLINE unsigned below_at(wide factor, const double *cost, const double *price, wide limit) {
    unsigned above = 0;
    UNROLL_ALL
    for (int k = 0; k < 4; k++)
        above |= wide_less(limit, wide_madd(factor, wide_load(cost + k * WIDE),
                                            wide_load(price + k * WIDE)))
                 << k * WIDE;
    return ~above & ALL_OF(4);
}

/* Where w <= limit, in rising order; how many. */
static int64_t row_below(int64_t n, double factor, const double *cost, const double *price,
                         double limit, int32_t *at) {
    const wide f = wide_of(factor), most = wide_of(limit);
    int64_t count = 0, j = 0;
    for (; j + 4 * WIDE <= n; j += 4 * WIDE) {
        fetch(cost + j + FETCH_ROW, 4 * WIDE);
        for (unsigned below = below_at(f, cost + j, price + j, most); below != 0;
             below &= below - 1)
            at[count++] = (int32_t)(j + __builtin_ctz(below));
    }
    for (; j < n; j++)
        if (low_at(factor, cost, price, j) <= limit)
            at[count++] = (int32_t)j;
    return count;
}

/* The least of w and the least of all others. */
ALWAYS_INLINE void row_two(int64_t n, double factor, const double *cost, const double *price,
                           double *out_least, double *out_second) {
    const wide f = wide_of(factor);
    wide one[2], two[2];
    for (int k = 0; k < 2; k++)
        one[k] = two[k] = wide_of(INFINITY);
    int64_t j = 0;
    for (; j + 2 * WIDE <= n; j += 2 * WIDE) {
        fetch(cost + j + FETCH_ROW, 2 * WIDE);
        UNROLL_ALL
        for (int k = 0; k < 2; k++) {
            const wide w =
                wide_madd(f, wide_load(cost + j + k * WIDE), wide_load(price + j + k * WIDE));
            two[k] = wide_least(two[k], wide_most(w, one[k]));
            one[k] = wide_least(w, one[k]);
        }
    }
    for (; j + WIDE <= n; j += WIDE) {
        const wide w = wide_madd(f, wide_load(cost + j), wide_load(price + j));
        two[0] = wide_least(two[0], wide_most(w, one[0]));
        one[0] = wide_least(w, one[0]);
    }
    const wide high = wide_most(one[0], one[1]);
    one[0] = wide_least(one[0], one[1]);
    two[0] = wide_least(wide_least(two[0], two[1]), high);
    double a[WIDE], b[WIDE], least = INFINITY, second = INFINITY;
    wide_store(a, one[0]);
    wide_store(b, two[0]);
    for (int i = 0; i < WIDE; i++) {
        second = MI__MIN(second, MI__MIN(b[i], a[i] > least ? a[i] : least));
        least = a[i] < least ? a[i] : least;
    }
    for (; j < n; j++) {
        const double w = low_at(factor, cost, price, j);
        second = MI__MIN(second, w > least ? w : least);
        least = w < least ? w : least;
    }
    *out_least = least;
    *out_second = second;
}

/* The first place of w <= limit from `begin` on; n if there is none. */
ALWAYS_INLINE int64_t row_first(int64_t n, double factor, const double *cost, const double *price,
                                double limit, int64_t begin) {
    const wide f = wide_of(factor), most = wide_of(limit);
    int64_t j = begin;
    for (; j + 4 * WIDE <= n; j += 4 * WIDE) {
        const unsigned below = below_at(f, cost + j, price + j, most);
        if (below != 0)
            return j + __builtin_ctz(below);
    }
    for (; j + WIDE <= n; j += WIDE) {
        const wide w = wide_madd(f, wide_load(cost + j), wide_load(price + j));
        const unsigned below = ~wide_less(most, w) & ALL_WIDE;
        if (below != 0)
            return j + __builtin_ctz(below);
    }
    while (j < n && low_at(factor, cost, price, j) > limit)
        j++;
    return j;
}

/* The least of factor cost; whether all are less than MI__LARGE_COST in magnitude. */
static bool row_look(int64_t n, double factor, const double *cost, double *out_least) {
    const wide f = wide_of(factor), large = wide_of(MI__LARGE_COST);
    wide low[2];
    unsigned good = ALL_WIDE;
    for (int k = 0; k < 2; k++)
        low[k] = wide_of(INFINITY);
    int64_t j = 0;
    for (; j + 2 * WIDE <= n; j += 2 * WIDE) {
        fetch(cost + j + FETCH_ROWS, 2 * WIDE);
        UNROLL_ALL
        for (int k = 0; k < 2; k++) {
            const wide w = f * wide_load(cost + j + k * WIDE);
            good &= wide_less(wide_magnitude(w), large);
            low[k] = wide_least(w, low[k]);
        }
    }
    double least = wide_least_lane(wide_least(low[0], low[1]));
    bool fine = good == ALL_WIDE;
    for (; j < n; j++) {
        const double w = factor * cost[j];
        fine &= fabs(w) < MI__LARGE_COST;
        least = w < least ? w : least;
    }
    *out_least = least;
    return fine;
}

/* low = min(low, factor cost). */
ALWAYS_INLINE void row_lower(int64_t n, double factor, const double *cost, double *low) {
    const wide f = wide_of(factor);
    int64_t j = 0;
    for (; j + WIDE <= n; j += WIDE)
        wide_store(low + j, wide_least(f * wide_load(cost + j), wide_load(low + j)));
    for (; j < n; j++)
        low[j] = factor * cost[j] < low[j] ? factor * cost[j] : low[j];
}

/* far = min(far, base + w), before = row where that is less; the least of far. */
ALWAYS_INLINE double row_relax(int64_t n, double factor, const double *cost, const double *price,
                               double base, double row, double *far, double *before) {
    const wide f = wide_of(factor), b = wide_of(base), r = wide_of(row);
    wide low = wide_of(INFINITY);
    int64_t j = 0;
    for (; j + WIDE <= n; j += WIDE) {
        const wide w = b + wide_madd(f, wide_load(cost + j), wide_load(price + j));
        const wide old = wide_load(far + j);
        wide_store(before + j, wide_if_less(w, old, r, wide_load(before + j)));
        const wide now = wide_least(w, old);
        wide_store(far + j, now);
        low = wide_least(now, low);
    }
    double least = wide_least_lane(low);
    for (; j < n; j++) {
        const double w = base + low_at(factor, cost, price, j);
        before[j] = w < far[j] ? row : before[j];
        far[j] = w < far[j] ? w : far[j];
        least = far[j] < least ? far[j] : least;
    }
    return least;
}

/* Where base + w < min(far, limit), in rising order; how many. */
static int64_t row_closer(int64_t n, double factor, const double *cost, const double *price,
                          double base, double limit, const double *far, int32_t *at) {
    const wide f = wide_of(factor), b = wide_of(base), most = wide_of(limit);
    int64_t count = 0, j = 0;
    for (; j + 2 * WIDE <= n; j += 2 * WIDE) {
        unsigned closer = 0;
        fetch(cost + j + FETCH_ROW, 2 * WIDE);
        UNROLL_ALL
        for (int k = 0; k < 2; k++) {
            const wide w =
                b + wide_madd(f, wide_load(cost + j + k * WIDE), wide_load(price + j + k * WIDE));
            closer |= wide_less(w, wide_least(wide_load(far + j + k * WIDE), most)) << k * WIDE;
        }
        for (; closer != 0; closer &= closer - 1)
            at[count++] = (int32_t)(j + __builtin_ctz(closer));
    }
    for (; j < n; j++)
        if (base + low_at(factor, cost, price, j) < MI__MIN(far[j], limit))
            at[count++] = (int32_t)j;
    return count;
}
