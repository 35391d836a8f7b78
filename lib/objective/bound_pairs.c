/* SPDX-License-Identifier: BSD-2-Clause */
/* Embeddings of which each row is compared with one other sample. */
#include "embeddings.h"

static int64_t partner(const mi__embeddings *m, int64_t row) {
    return (row + (int64_t)m->bound->values.offset) % m->io.n;
}

static void fetch(mi__source *s, int64_t row, bool out, mi__part *part, mi__row *r) {
    const mi__embeddings *m = (const mi__embeddings *)s;
    const mi__kernels *k = m->k;
    const int64_t d = m->io.d, own = m->io.locations, other = partner(m, row);
    const void *u = mi__embedding(m, m->u, row, d);
    for (int64_t l = 0; l < own; l++) {
        mi__real_put(k, part->own_x, l, k->dot(d, u, mi__embedding(m, m->v, row * own + l, d)));
        mi__real_put(k, part->x, l, k->dot(d, u, mi__embedding(m, m->v, other * own + l, d)));
    }
    r->joint = (mi__piece){part->own_x, out ? mi__embedding(m, m->own, row, own) : part->own_dx,
                           own, NULL, NULL};
    r->product[0] = (mi__piece){part->x, out ? mi__embedding(m, m->scores, row, own) : part->dx,
                                own, NULL, NULL};
}

static void deliver(mi__source *s, int64_t row, mi__part *part, const mi__row *r) {
    const mi__embeddings *m = (const mi__embeddings *)s;
    (void)part;
    m->scale[row] = r->scale;
}

static void end(mi__source *s, int64_t first, int64_t last) {
    const mi__embeddings *m = (const mi__embeddings *)s;
    const mi__kernels *k = m->k;
    const int64_t d = m->io.d, own = m->io.locations;
    for (int64_t i = 0; i < m->io.n; i++)
        k->fill(d, 0, mi__embedding(m, m->du, i, d));
    for (int64_t j = 0; j < m->width; j++)
        k->fill(d, 0, mi__embedding(m, m->dv, j, d));
    mi__add_own_pairs(m, first, 0, last - first);
    for (int64_t i = first; i < last; i++)
        for (int64_t l = 0; l < own; l++) {
            double g = m->scale[i] * mi__real_get(k, m->scores, i * own + l);
            int64_t column = partner(m, i) * own + l;
            k->add_scaled(d, g, mi__embedding(m, m->v, column, d), mi__embedding(m, m->du, i, d));
            k->add_scaled(d, g, mi__embedding(m, m->u, i, d), mi__embedding(m, m->dv, column, d));
        }
}

void mi__pair_source(mi__source *s) {
    s->fetch = fetch;
    s->deliver = deliver;
    s->end = end;
}
