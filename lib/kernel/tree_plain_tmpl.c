/* SPDX-License-Identifier: BSD-2-Clause */
/* Searching for neighbours, as plainly as possible: every point is compared with every other. */

static double apart(const mi__measure *m, const double *a, const double *b, int64_t step) {
    double most = 0;
    int64_t j = 0;
    for (int32_t part = 0; part < m->parts; part++) {
        double sum = 0;
        for (; j < m->end[part]; j++) {
            const double difference = fabs(a[j * step] - b[j * step]);
            if (m->squared)
                sum += difference * difference;
            else
                sum = difference > sum ? difference : sum;
        }
        most = sum > most ? sum : most;
    }
    return most;
}

/* The coordinates at a position, a leaf's room apart. */
static const double *point_at(const mi__tree *t, int64_t leaf, int64_t position) {
    return t->point + leaf * t->measure.d * t->room + (position - t->first[leaf]);
}

static void kth_nearest(const mi__tree *t, int32_t k, int64_t begin, int64_t end,
                        double *distance) {
    for (int64_t i = begin; i < end; i++)
        for (int64_t p = t->first[i]; p < t->first[i + 1]; p++) {
            double best[MI__MOST_NEAREST];
            int32_t found = 0;
            for (int64_t j = 0; j < t->leaves; j++)
                for (int64_t q = t->first[j]; q < t->first[j + 1]; q++) {
                    if (q == p)
                        continue;
                    const double far =
                        apart(&t->measure, point_at(t, i, p), point_at(t, j, q), t->room);
                    int32_t at = found < k ? found++ : k;
                    for (; at > 0 && best[at - 1] > far; at--)
                        if (at < k)
                            best[at] = best[at - 1];
                    if (at < k)
                        best[at] = far;
                }
            distance[t->row[p]] = best[k - 1];
        }
}

static void count_within(const mi__tree *t, const double *radius, int64_t begin, int64_t end,
                         int32_t *count) {
    for (int64_t i = begin; i < end; i++)
        for (int64_t p = t->first[i]; p < t->first[i + 1]; p++) {
            int32_t near = 0;
            for (int64_t j = 0; j < t->leaves; j++)
                for (int64_t q = t->first[j]; q < t->first[j + 1]; q++)
                    near += apart(&t->measure, point_at(t, i, p), point_at(t, j, q), t->room) <
                            radius[t->row[p]];
            count[t->row[p]] = near;
        }
}

static bool sift(const mi__sieve *s, int64_t block, int64_t blocks, const uint8_t *query,
                 uint8_t most, uint64_t *mask) {
    bool any = false;
    for (int64_t b = 0; b < blocks; b++) {
        const uint8_t *point = s->point + (block + b) * s->d * MI__BLOCK;
        mask[b] = 0;
        for (int i = 0; i < MI__BLOCK; i++) {
            int greatest = 0;
            for (int64_t j = 0; j < s->d; j++) {
                const int c = (query[j] - point[j * MI__BLOCK + i]) & 255;
                const int shorter = c < 256 - c ? c : 256 - c;
                greatest = shorter > greatest ? shorter : greatest;
            }
            mask[b] |= (uint64_t)(greatest <= most) << i;
        }
        any |= mask[b] != 0;
    }
    return any;
}
