/* SPDX-License-Identifier: BSD-2-Clause */
/* Scores S = U V^T of one strip of rows at a time: made by one product, turned into gradients W
 * where they are, and used up by two more,
 *
 *     dU = W V,   dV += W^T U
 *
 * A strip is as high as fits into the caches. Gradients of pairs of P can be far larger than all
 * others, so they don't go through the products but are added one by one. */
#include "embeddings.h"

static void begin(mi__source *s, int64_t first, int64_t last) {
    mi__embeddings *m = (mi__embeddings *)s;
    const int64_t d = m->io.d;
    if (m->first == first && m->last == last)
        return; /* all of it is one strip, and this is the second pass */
    m->first = first;
    m->last = last;
    m->k->product(m->bound->context, false, true, last - first, m->width, d,
                  mi__embedding(m, m->u, first, d), d, m->v, d, 0, m->scores, m->ld, m->work);
}

static void fetch(mi__source *s, int64_t row, bool out, mi__part *part, mi__row *r) {
    const mi__embeddings *m = (const mi__embeddings *)s;
    const int64_t own = m->io.locations;
    void *x = mi__embedding(m, m->scores, row - m->first, m->ld);
    mi__row_of_matrix(s->e, m->width, row * own, own, x, out ? x : part->dx, part, r);
    r->joint.dx = out ? mi__embedding(m, m->own, row - m->first, own) : part->own_dx;
}

static void deliver(mi__source *s, int64_t row, mi__part *part, const mi__row *r) {
    const mi__embeddings *m = (const mi__embeddings *)s;
    const int64_t own = m->io.locations;
    (void)part;
    m->scale[row - m->first] = r->scale;
    m->k->fill(own, 0,
               mi__real_at(m->k, mi__embedding(m, m->scores, row - m->first, m->ld), row * own));
}

static const void *whole(mi__source *s, int64_t row, int64_t first, int64_t count, mi__part *part) {
    const mi__embeddings *m = (const mi__embeddings *)s;
    (void)count;
    (void)part;
    return mi__real_at(m->k, mi__embedding(m, m->scores, row - m->first, m->ld), first);
}

typedef struct rows_job {
    const mi__embeddings *m;
    int64_t first;
} rows_job;

static void scale_u(void *arg, int64_t begin_row, int64_t end_row) {
    const rows_job *job = arg;
    const mi__embeddings *m = job->m;
    const int64_t d = m->io.d;
    for (int64_t i = begin_row; i < end_row; i++)
        m->k->scale(d, m->scale[i], mi__embedding(m, m->u, job->first + i, d),
                    mi__embedding(m, m->scaled, i, d));
}

static void scale_du(void *arg, int64_t begin_row, int64_t end_row) {
    const rows_job *job = arg;
    const mi__embeddings *m = job->m;
    const int64_t d = m->io.d;
    for (int64_t i = begin_row; i < end_row; i++) {
        void *row = mi__embedding(m, m->du, job->first + i, d);
        m->k->scale(d, m->scale[i], row, row);
    }
}

/* Both rows of a pair belong to one sample: no two threads meet. */
void mi__add_own_pairs(const mi__embeddings *m, int64_t first, int64_t begin, int64_t end) {
    const mi__kernels *k = m->k;
    const int64_t d = m->io.d, own = m->io.locations;
    for (int64_t i = begin; i < end; i++)
        for (int64_t l = 0, row = first + i; l < own; l++) {
            double g = mi__real_get(k, m->own, i * own + l);
            int64_t column = row * own + l;
            k->add_scaled(d, g, mi__embedding(m, m->v, column, d), mi__embedding(m, m->du, row, d));
            k->add_scaled(d, g, mi__embedding(m, m->u, row, d), mi__embedding(m, m->dv, column, d));
        }
}

static void add_own(void *arg, int64_t begin_row, int64_t end_row) {
    const rows_job *job = arg;
    mi__add_own_pairs(job->m, job->first, begin_row, end_row);
}

static void end(mi__source *s, int64_t first, int64_t last) {
    mi__embeddings *m = (mi__embeddings *)s;
    mi_context *ctx = m->bound->context;
    const int64_t d = m->io.d, rows = last - first, grain = 1 + 8192 / d;
    rows_job job = {m, first};
    m->k->product(ctx, false, false, rows, d, m->width, m->scores, m->ld, m->v, d, 0,
                  mi__embedding(m, m->du, first, d), d, m->work);
    mi__parallel_ranges(ctx, rows, grain, scale_du, &job);
    if (m->io.dv != NULL) {
        mi__parallel_ranges(ctx, rows, grain, scale_u, &job);
        m->k->product(ctx, true, false, m->width, d, rows, m->scores, m->ld, m->scaled, d,
                      first > 0 ? 1 : 0, m->dv, d, m->work);
    }
    mi__parallel_ranges(ctx, rows, 1 + grain / m->io.locations, add_own, &job);
}

void mi__strip_source(mi__source *s) {
    s->begin = begin;
    s->end = end;
    s->whole = whole;
    s->fetch = fetch;
    s->deliver = deliver;
}
