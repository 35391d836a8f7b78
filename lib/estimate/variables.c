/* SPDX-License-Identifier: BSD-2-Clause */
/* From rows to points: scaled copies, and which of them make a space. */
#include "variables.h"

#include <string.h>

static const mi__rows *rows_of(const mi__question *q, int i) {
    return i == MI__X ? &q->x : i == MI__Y ? &q->y : &q->z;
}

static int bits_of(int64_t n) {
    int bits;
    (void)frexp((double)n, &bits);
    return bits;
}

/* Numbers the rows, as whole numbers for now; `*most` is no less than how many there are. */
static mi_status name_rows(mi_context *ctx, const mi__rows *r, double *to, int64_t *most) {
    int64_t values = 0, *label = mi__alloc(ctx, r->n, sizeof *label);
    mi_status status = label != NULL ? mi__rows_number(ctx, r, label, &values) : MI_E_NOMEM;
    for (int64_t i = 0; status == MI_OK && i < r->n; i++)
        to[i] = (double)label[i];
    *most = MI__MAX(*most, values);
    mi__free(ctx, label, r->n, sizeof *label);
    return status;
}

typedef struct scaling {
    double *x;
    int exponent;
} scaling;

static void scale_range(void *arg, int64_t begin, int64_t end) {
    const scaling *s = arg;
    const int half = s->exponent / 2; /* the whole power may be no number */
    const double a = ldexp(1, half), b = ldexp(1, s->exponent - half);
    for (int64_t i = begin; i < end; i++)
        s->x[i] = s->x[i] * a * b;
}

static double greatest(const double *x, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fabs(x[i]) > most ? fabs(x[i]) : most;
    return most;
}

/* All names lie in 0 to 1; numbers' distances, at most 4 d when squared, below a name's step. */
static void scale(mi_context *ctx, const mi__question *q, mi__variables *v, int64_t names) {
    const int step = names > 0 ? -bits_of(names) : 0;
    double most = 0;
    int64_t widest = 0;
    for (int i = 0; i < MI__VARIABLES; i++) {
        widest = MI__MAX(widest, v->d[i]);
        if (v->d[i] > 0 && !rows_of(q, i)->discrete)
            most = fmax(most, greatest(v->x[i], v->n * v->d[i]));
    }
    (void)frexp(most, &v->exponent);
    v->exponent = -v->exponent + (names > 0 ? step - 2 - bits_of(widest) / 2 : 0);
    v->squared = q->options->metric == MI_METRIC_EUCLIDEAN && widest > 1;
    v->apart = names > 0 ? ldexp(1, v->squared ? 2 * step : step) : HUGE_VAL;
    for (int i = 0; i < MI__VARIABLES; i++) {
        scaling s = {v->x[i], rows_of(q, i)->discrete ? step : v->exponent};
        mi__parallel_ranges(ctx, v->n * v->d[i], 65536, scale_range, &s);
    }
}

static mi_status fill(const mi__question *q, mi__variables *v) {
    int64_t names = 0;
    for (int i = 0; i < MI__VARIABLES; i++) {
        const mi__rows *r = rows_of(q, i);
        if (v->d[i] > 0 && r->discrete)
            MI__TRY(name_rows(q->ctx, r, v->x[i], &names));
        else if (v->d[i] > 0)
            memcpy(v->x[i], r->x, (size_t)(r->n * r->d) * sizeof *r->x);
    }
    scale(q->ctx, q, v, names);
    return MI_OK;
}

mi_status mi__variables_make(const mi__question *q, unsigned which, mi__variables *out) {
    mi__variables v = {.n = q->x.n};
    bool good = true;
    for (int i = 0; i < MI__VARIABLES; i++) {
        const mi__rows *r = rows_of(q, i);
        if ((which >> i & 1) == 0 || r->d == 0)
            continue;
        v.d[i] = r->discrete ? 1 : r->d;
        v.x[i] = mi__alloc(q->ctx, v.n * v.d[i], sizeof *v.x[i]);
        good = good && v.x[i] != NULL;
    }
    mi_status status = good ? fill(q, &v) : MI_E_NOMEM;
    if (status == MI_OK)
        *out = v;
    else
        mi__variables_free(q->ctx, &v);
    return status;
}

void mi__variables_free(mi_context *ctx, mi__variables *v) {
    for (int i = 0; i < MI__VARIABLES; i++)
        mi__free(ctx, v->x[i], v->n * v->d[i], sizeof *v->x[i]);
    *v = (mi__variables){0};
}

mi__space mi__variables_space(const mi__variables *v, unsigned which) {
    mi__space s = {.n = v->n, .squared = v->squared};
    for (int i = 0; i < MI__VARIABLES; i++)
        if ((which >> i & 1) != 0 && v->d[i] > 0) {
            s.width[s.parts] = v->d[i];
            s.part[s.parts++] = v->x[i];
            s.d += v->d[i];
        }
    return s;
}

/* -- digammas ---------------------------------------------------------------------------------- */

mi_status mi__psi_make(mi_context *ctx, int64_t most, mi__psi *out) {
    mi__psi psi = {.most = (int32_t)MI__MIN(most, MI__PSI_MOST)};
    psi.value = mi__alloc(ctx, (int64_t)psi.most + 1, sizeof *psi.value);
    if (psi.value == NULL)
        return MI_E_NOMEM;
    psi.value[0] = -HUGE_VAL; /* never asked for */
    for (int32_t i = 1; i <= psi.most; i++)
        psi.value[i] = mi__digamma((double)i);
    *out = psi;
    return MI_OK;
}

void mi__psi_free(mi_context *ctx, mi__psi *psi) {
    mi__free(ctx, psi->value, (int64_t)psi->most + 1, sizeof *psi->value);
    *psi = (mi__psi){0};
}
