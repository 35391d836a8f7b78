/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole assignment problem of few columns: lib/assign's reduction and shortest paths, with rows
 * so short that calls would cost as much as what they do. */

#define LINE(i) (p->cost + (i)*MI__SMALL)

/* The row's two least; the place of the first, of the first without an owner if there is one. */
ALWAYS_INLINE int64_t small_look(const mi__small *p, const int64_t width, int64_t i,
                                 const double *price, double *least, double *second) {
    row_two(width, 1, LINE(i), price, least, second);
    const int64_t first = row_first(width, 1, LINE(i), price, *least, 0);
    if (*second > *least || p->owner[first] < 0)
        return first;
    int64_t j = first;
    while (j < p->cols && p->owner[j] >= 0)
        j = row_first(width, 1, LINE(i), price, *least, j + 1);
    return j < p->cols ? j : first;
}

ALWAYS_INLINE int64_t small_reduce(mi__small *p, const int64_t width, double *price,
                                   int32_t *free) {
    int64_t next = 0, kept = 0, looks = 2 * p->rows;
    double least, second;
    for (int64_t i = 0; i < p->rows; i++)
        free[i] = (int32_t)i;
    while (next < p->rows) {
        const int32_t i = free[next++];
        const int64_t j = small_look(p, width, i, price, &least, &second);
        const int32_t old = p->owner[j];
        if (least == INFINITY || (old >= 0 && (least == second || looks <= 0))) {
            free[kept++] = i;
            continue;
        }
        looks--;
        if (second < INFINITY)
            price[j] += second - least;
        p->owner[j] = i;
        p->match[i] = (int32_t)j;
        if (old >= 0) {
            p->match[old] = -1;
            free[--next] = old;
        }
    }
    return kept;
}

/* False if no column is left for the row. */
ALWAYS_INLINE bool small_path(mi__small *p, const int64_t width, double *price, int32_t row) {
    double open[MI__SMALL], far[MI__SMALL], before[MI__SMALL], length[MI__SMALL], base = 0;
    int32_t settled[MI__SMALL], i = row;
    for (int64_t j = 0; j < width; j++) {
        open[j] = price[j];
        far[j] = INFINITY;
        before[j] = -1;
    }
    for (p->stuck = 0;;) {
        const double least = row_relax(width, 1, LINE(i), open, base, (double)i, far, before);
        if (least == INFINITY)
            return false;
        int64_t j = width;
        for (int64_t k = 0; k < p->cols; k++) /* one without an owner, else the first */
            if (far[k] == least && (j == width || (p->owner[j] >= 0 && p->owner[k] < 0)))
                j = k;
        if (p->owner[j] < 0) {
            for (int64_t t = 0; t < p->stuck; t++)
                price[settled[t]] += least - length[t];
            for (;;) {
                const int32_t to = (int32_t)before[j], next = p->match[to];
                p->owner[j] = to;
                p->match[to] = (int32_t)j;
                if (to == row)
                    return true;
                j = next;
            }
        }
        settled[p->stuck] = (int32_t)j;
        length[p->stuck++] = least;
        i = p->owner[j];
        base = least - (LINE(i)[j] + price[j]);
        far[j] = open[j] = INFINITY;
    }
}

ALWAYS_INLINE bool small(mi__small *p, const int64_t width) {
    double price[MI__SMALL];
    int32_t free[MI__SMALL];
    for (int64_t j = 0; j < width; j++) {
        price[j] = p->rows == p->cols ? INFINITY : 0;
        p->owner[j] = p->match[j] = -1;
    }
    for (int64_t i = 0; i < p->rows && p->rows == p->cols; i++)
        row_lower(width, 1, LINE(i), price);
    for (int64_t j = 0; j < width && p->rows == p->cols; j++)
        price[j] = price[j] < INFINITY ? -price[j] : 0;
    const int64_t count = small_reduce(p, width, price, free);
    for (int64_t t = 0; t < count; t++)
        if (!small_path(p, width, price, free[t])) {
            p->row = free[t];
            return false;
        }
    memcpy(p->price, price, sizeof price);
    return true;
}

static bool assign_small(mi__small *p) {
    return p->cols <= MI__SMALL / 2 ? small(p, MI__SMALL / 2) : small(p, MI__SMALL);
}
