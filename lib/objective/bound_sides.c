/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens to embeddings before they are multiplied, and to their gradients afterwards. */
#include "embeddings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Four such numbers multiplied, as in pearson's gradient by the temperature, and summed over any d
 * twice, are in range of float32. */
#define ORDINARY 1e4

/* Its squares don't overflow or vanish, whatever the row holds. */
static double length_of(const mi__embeddings *m, const void *x, void *spare) {
    double square = m->k->dot(m->io.d, x, x), least = 0, most = 0;
    if (square > 1e-30 && square < 1e30)
        return sqrt(square);
    (void)m->k->extent(m->io.d, x, &least, &most);
    most = fmax(-least, most);
    if (most == 0)
        return 0;
    m->k->scale(m->io.d, 1 / most, x, spare);
    return most * sqrt(m->k->dot(m->io.d, spare, spare));
}

/* Rows from..to-1, as one stretch if they lie packed. */
static void load_rows(void *arg, int64_t begin_row, int64_t end_row) {
    mi__side *s = arg;
    const mi__embeddings *m = s->m;
    const int64_t d = m->io.d;
    for (int64_t i = begin_row, rows; i < end_row; i += rows) {
        rows = s->to == s->from ? end_row - i : 1;
        const void *x = mi__embedding(m, s->from, i, s->ld);
        double least = 0, most = 0, scale = s->factor;
        if (!m->k->extent(rows * d, x, &least, &most)) {
            atomic_store(&s->bad, 1);
            return;
        }
        most = fmax(-least, most);
        if (m->io.normalize != 0) {
            s->length[i] = length_of(m, x, mi__embedding(m, s->to, i, d));
            scale /= s->length[i];
        }
        if (!(most * scale <= mi__largest_score(m->k)))
            atomic_store(&s->bad, 1);
        if (!(fmax(most * scale, s->factor) <= ORDINARY)) /* gradients get the factor, too */
            atomic_store(&s->large, 1);
        if (s->to != s->from)
            m->k->scale(d, scale, x, mi__embedding(m, s->to, i, d));
    }
}

static mi_status blame(const mi__side *s) {
    const mi__embeddings *m = s->m;
    char name[32];
    for (int64_t i = 0; i < s->rows; i++) {
        snprintf(name, sizeof name, "%s[%" PRId64 "]", s->name, i);
        MI__TRY(mi__bound_check_finite(m->k, name, m->io.d, mi__embedding(m, s->from, i, s->ld)));
        if (m->io.normalize != 0 && s->length[i] == 0)
            return mi__fail(MI_E_NUMERIC, "%s is all 0, it can't be normalised", name);
    }
    return mi__fail(
        MI_E_NUMERIC,
        "a row of %s is beyond range once it is normalised or divided by the temperature", s->name);
}

static int64_t grain(const mi__side *s) {
    return 1 + 8192 / s->m->io.d;
}

mi_status mi__side_load(mi__side *s) {
    const mi__embeddings *m = s->m;
    const bool as_it_is = m->io.normalize == 0 && s->factor == 1 && s->ld == m->io.d;
    if (as_it_is)
        s->to = (void *)(uintptr_t)s->from; /* only read */
    mi__parallel_ranges(m->bound->context, s->rows, grain(s), load_rows, s);
    return atomic_load(&s->bad) != 0 ? blame(s) : MI_OK;
}

/* Through the division by the length: what points along the row has no effect. */
static void finish_rows(void *arg, int64_t begin_row, int64_t end_row) {
    mi__side *s = arg;
    const mi__embeddings *m = s->m;
    const mi__kernels *k = m->k;
    const int64_t d = m->io.d;
    double least = 0, most = 0;
    for (int64_t i = begin_row; i < end_row; i++) {
        void *gradient = mi__embedding(m, s->gradient, i, d);
        const void *x = mi__embedding(m, s->to, i, d);
        double factor = s->factor;
        if (m->io.normalize != 0) {
            k->add_scaled(d, -k->dot(d, gradient, x) / (factor * factor), x, gradient);
            factor /= s->length[i];
        }
        if (factor != 1)
            k->scale(d, factor, gradient, gradient);
        if (!k->extent(d, gradient, &least, &most))
            atomic_store(&s->bad, 1);
    }
}

mi_status mi__side_finish(mi__side *s) {
    const mi__embeddings *m = s->m;
    if (s->out == NULL || s->out == s->gradient)
        return MI_OK;
    mi__parallel_ranges(m->bound->context, s->rows, grain(s), finish_rows, s);
    if (atomic_load(&s->bad) != 0)
        return mi__fail(MI_E_NUMERIC,
                        "the gradient of %s by %s overflows: the scores are too large "
                        "for this bound",
                        m->bound->kind->name, s->name);
    return MI_OK;
}

static void copy_rows(void *arg, int64_t begin_row, int64_t end_row) {
    const mi__side *s = arg;
    const size_t bytes = (size_t)s->m->io.d * s->m->k->real;
    for (int64_t i = begin_row; i < end_row; i++)
        memcpy(mi__embedding(s->m, s->out, i, s->ldout),
               mi__embedding(s->m, s->gradient, i, s->m->io.d), bytes);
}

void mi__side_store(mi__side *s) {
    if (s->out != NULL && s->out != s->gradient)
        mi__parallel_ranges(s->m->bound->context, s->rows, grain(s), copy_rows, s);
}
