/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens to embeddings before they are multiplied, and to their gradients afterwards. */
#include "embeddings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

static void load_rows(void *arg, int64_t begin_row, int64_t end_row) {
    const mi__side *s = arg;
    const mi__embeddings *m = s->m;
    for (int64_t i = begin_row; i < end_row; i++) {
        const void *x = mi__embedding(m, s->from, i, s->ld);
        void *to = mi__embedding(m, s->to, i, m->io.d);
        s->length[i] = m->io.normalize != 0 ? length_of(m, x, to) : 1;
        m->k->scale(m->io.d, s->factor / (s->length[i] > 0 ? s->length[i] : 1), x, to);
    }
}

static bool is_finite(const mi__embeddings *m, int64_t n, const void *x) {
    double least = 0, most = 0;
    return m->k->extent(n, x, &least, &most) && fmax(-least, most) <= MI__LARGEST_SCORE;
}

static mi_status check_rows(const mi__side *s) {
    const mi__embeddings *m = s->m;
    char name[32];
    if (s->ld == m->io.d && is_finite(m, s->rows * s->ld, s->from))
        return MI_OK;
    for (int64_t i = 0; i < s->rows; i++) {
        const void *x = mi__embedding(m, s->from, i, s->ld);
        if (is_finite(m, m->io.d, x))
            continue;
        snprintf(name, sizeof name, "%s[%" PRId64 "]", s->name, i);
        return mi__bound_check_finite(m->k, name, m->io.d, x);
    }
    return MI_OK;
}

mi_status mi__side_load(const mi__side *s) {
    const mi__embeddings *m = s->m;
    MI__TRY(check_rows(s));
    mi__parallel_ranges(m->bound->context, s->rows, 1 + 8192 / m->io.d, load_rows, (void *)s);
    for (int64_t i = 0; i < s->rows; i++)
        if (s->length[i] == 0)
            return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "] is all 0, it can't be normalised",
                            s->name, i);
    return MI_OK;
}

/* Through the division by the length: what points along the row has no effect. */
static void finish_rows(void *arg, int64_t begin_row, int64_t end_row) {
    const mi__side *s = arg;
    const mi__embeddings *m = s->m;
    const mi__kernels *k = m->k;
    const int64_t d = m->io.d;
    for (int64_t i = begin_row; i < end_row; i++) {
        void *gradient = mi__embedding(m, s->gradient, i, d);
        const void *x = mi__embedding(m, s->to, i, d);
        if (m->io.normalize != 0)
            k->add_scaled(d, -k->dot(d, gradient, x) / (s->factor * s->factor), x, gradient);
        k->scale(d, s->factor / s->length[i], gradient, gradient);
    }
}

mi_status mi__side_finish(const mi__side *s) {
    const mi__embeddings *m = s->m;
    double least = 0, most = 0;
    if (s->out == NULL)
        return MI_OK;
    mi__parallel_ranges(m->bound->context, s->rows, 1 + 8192 / m->io.d, finish_rows, (void *)s);
    if (!m->k->extent(s->rows * m->io.d, s->gradient, &least, &most))
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

void mi__side_store(const mi__side *s) {
    if (s->out != NULL)
        mi__parallel_ranges(s->m->bound->context, s->rows, 1 + 8192 / s->m->io.d, copy_rows,
                            (void *)s);
}
