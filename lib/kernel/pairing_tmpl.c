/* SPDX-License-Identifier: BSD-2-Clause */
/* Pairs of samples one after another. */

static int64_t partner(const mi__pairing *p, int64_t row, int64_t t) {
    const int64_t j = row + p->shift[t];
    return j < p->n ? j : j - p->n;
}

/* The place of a pair: t = -1 is row's own, and comes first. */
static const real *partner_row(const mi__pairing *p, int64_t row, int64_t t) {
    return (const real *)p->b + (t < 0 ? row : partner(p, row, t)) * p->c;
}

static void pair_scores(mi_context *ctx, const mi__pairing *p, const void *weight, double bias,
                        void *own, void *others) {
    const real *w = weight;
    (void)ctx;
    for (int64_t i = p->first; i < p->last; i++)
        for (int64_t t = -1; t < p->k; t++) {
            const real *a = (const real *)p->a + i * p->c, *b = partner_row(p, i, t);
            double sum = bias;
            for (int64_t h = 0; h < p->c; h++)
                sum += (double)(w[h] * greater(a[h] + b[h], 0));
            if (t < 0)
                ((real *)own)[i - p->first] = (real)sum;
            else
                ((real *)others)[(i - p->first) * p->k + t] = (real)sum;
        }
}

static void pair_scores_backward(mi_context *ctx, const mi__pairing *p, const void *weight,
                                 const void *down, const void *dothers, void *da, void *db,
                                 void *dweight) {
    const real *w = weight, *g_own = down, *g_others = dothers;
    real *to_a = da, *to_b = db;
    (void)ctx;
    for (int64_t h = 0; h < p->c; h++) {
        double sum = 0;
        for (int64_t i = 0; i < p->n; i++)
            to_a[i * p->c + h] = to_b[i * p->c + h] = 0;
        for (int64_t i = 0; i < p->n; i++)
            for (int64_t t = -1; t < p->k; t++) {
                const real g = t < 0 ? g_own[i] : g_others[i * p->k + t];
                const int64_t at = i * p->c + h, b_at = (t < 0 ? i : partner(p, i, t)) * p->c + h;
                const real s = ((const real *)p->a)[at] + ((const real *)p->b)[b_at];
                if (s > 0) {
                    to_a[at] += g * w[h];
                    to_b[b_at] += g * w[h];
                    sum += (double)(g * s);
                }
            }
        ((real *)dweight)[h] = (real)sum;
    }
}

static void pair_units(mi_context *ctx, const mi__pairing *p, void *own, void *others) {
    (void)ctx;
    for (int64_t i = p->first; i < p->last; i++)
        for (int64_t t = -1; t < p->k; t++) {
            const real *a = (const real *)p->a + i * p->c, *b = partner_row(p, i, t);
            const int64_t pair = (i - p->first) * p->k + t;
            real *y = t < 0 ? (real *)own + (i - p->first) * p->c : (real *)others + pair * p->c;
            for (int64_t h = 0; h < p->c; h++)
                y[h] = greater(a[h] + b[h], 0);
        }
}

static void pair_units_backward(mi_context *ctx, const mi__pairing *p, const void *down,
                                const void *dothers, void *da, void *db) {
    real *to_a = da, *to_b = db;
    (void)ctx;
    for (int64_t i = 0; i < p->n * p->c; i++)
        to_a[i] = to_b[i] = 0;
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t t = -1; t < p->k; t++) {
            const int64_t j = t < 0 ? i : partner(p, i, t);
            const real *a = (const real *)p->a + i * p->c, *b = (const real *)p->b + j * p->c;
            const real *g = t < 0 ? (const real *)down + i * p->c
                                  : (const real *)dothers + (i * p->k + t) * p->c;
            for (int64_t h = 0; h < p->c; h++)
                if (a[h] + b[h] > 0) {
                    to_a[i * p->c + h] += g[h];
                    to_b[j * p->c + h] += g[h];
                }
        }
}
