/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of an assignment problem, plainly. */

static bool row_look(int64_t n, double factor, const double *cost, double *least) {
    bool fine = true;
    *least = INFINITY;
    for (int64_t j = 0; j < n; j++) {
        const double w = factor * cost[j];
        fine = fine && fabs(w) < MI__LARGE_COST;
        *least = w < *least ? w : *least;
    }
    return fine;
}

ALWAYS_INLINE void row_lower(int64_t n, double factor, const double *cost, double *low) {
    for (int64_t j = 0; j < n; j++)
        low[j] = factor * cost[j] < low[j] ? factor * cost[j] : low[j];
}

ALWAYS_INLINE void row_two(int64_t n, double factor, const double *cost, const double *price,
                           double *least, double *second) {
    *least = *second = INFINITY;
    for (int64_t j = 0; j < n; j++) {
        const double w = factor * cost[j] + price[j];
        if (w < *least) {
            *second = *least;
            *least = w;
        } else if (w < *second)
            *second = w;
    }
}

ALWAYS_INLINE int64_t row_first(int64_t n, double factor, const double *cost, const double *price,
                                double limit, int64_t begin) {
    int64_t j = begin;
    while (j < n && factor * cost[j] + price[j] > limit)
        j++;
    return j;
}

static void row_classes(int64_t n, double factor, const double *cost, const double *price,
                        double *low) {
    for (int k = 0; k < MI__CLASSES; k++)
        low[k] = INFINITY;
    for (int64_t j = 0; j < n; j++) {
        const double w = factor * cost[j] + price[j];
        low[j % MI__CLASSES] = MI__MIN(w, low[j % MI__CLASSES]);
    }
}

static int64_t row_below(int64_t n, double factor, const double *cost, const double *price,
                         double limit, int32_t *at) {
    int64_t count = 0;
    for (int64_t j = 0; j < n; j++)
        if (factor * cost[j] + price[j] <= limit)
            at[count++] = (int32_t)j;
    return count;
}

ALWAYS_INLINE double row_relax(int64_t n, double factor, const double *cost, const double *price,
                               double base, double row, double *far, double *before) {
    double least = INFINITY;
    for (int64_t j = 0; j < n; j++) {
        const double length = base + (factor * cost[j] + price[j]);
        before[j] = length < far[j] ? row : before[j];
        far[j] = length < far[j] ? length : far[j];
        least = far[j] < least ? far[j] : least;
    }
    return least;
}

static int64_t row_closer(int64_t n, double factor, const double *cost, const double *price,
                          double base, double limit, const double *far, int32_t *at) {
    int64_t count = 0;
    for (int64_t j = 0; j < n; j++)
        if (base + (factor * cost[j] + price[j]) < MI__MIN(far[j], limit))
            at[count++] = (int32_t)j;
    return count;
}
