/* SPDX-License-Identifier: BSD-2-Clause */
/* The rule `auto`; docs/concepts.md has its reasons. Kinds decide first. Among numbers, whose
 * columns have normal scores by then, a copula competes with a method that knows no shape. Each of
 * them can only miss information, but for chance and little bias; so the larger value wins, if it
 * is larger by more than chance. */
#include "method.h"

#include <math.h>

#define MANY_TIES 0.1     /* share of rows that are another's equal */
#define FEW_COLUMNS 4     /* of all variables together, among which neighbours are near */
#define MANY_SAMPLES 1000 /* that a network can learn from */
#define LEAST_GAIN 0.02   /* nats that a method without a shape must find beyond a copula's */
#define DEVIATIONS 2      /* of the difference, likewise */
#define APART 0.1         /* nats below a copula's that neighbours never are by their bias alone */

/* -- by kinds ---------------------------------------------------------------------------------- */

static mi_status many_ties(mi_context *ctx, const mi__rows *rows, bool *found) {
    int64_t values = 0, *label = mi__alloc(ctx, rows->n, sizeof *label);
    if (label == NULL)
        return MI_E_NOMEM;
    mi_status status = mi__rows_number(ctx, rows, label, &values);
    mi__free(ctx, label, rows->n, sizeof *label);
    *found = *found || (double)(rows->n - values) > MANY_TIES * (double)rows->n;
    return status;
}

mi_status mi__choose_by_kinds(const mi__question *q, int32_t *method) {
    const mi__rows *rows[] = {&q->x, &q->y, &q->z};
    int variables = 0, names = 0;
    bool ties = false;
    for (int i = 0; i < 3; i++) {
        variables += rows[i]->d > 0;
        names += rows[i]->d > 0 && rows[i]->discrete;
    }
    for (int i = 0; i < 3 && variables > 1 && q->options->noise == 0; i++)
        if (rows[i]->d > 0 && !rows[i]->discrete)
            MI__TRY(many_ties(q->ctx, rows[i], &ties));
    if (names == variables)
        *method = MI_METHOD_DISCRETE;
    else if (variables == 1)
        *method = MI_METHOD_KSG;
    else if (ties || (names > 0 && variables == 3))
        *method = MI_METHOD_GAO;
    else
        *method = names > 0 ? MI_METHOD_ROSS : MI_METHOD_AUTO;
    return MI_OK;
}

/* -- by values --------------------------------------------------------------------------------- */

typedef struct candidate {
    int32_t method;
    double *local; /* [n] */
    mi__answer answer;
} candidate;

static mi_status run(const mi__question *q, candidate *c) {
    mi_estimate_options o = *q->options;
    mi__question own = *q;
    o.method = c->method;
    own.options = &o;
    own.local = c->local;
    return mi__methods[c->method].estimator(&own, &c->answer);
}

/* The standard error of the difference of two estimates, from the shares that samples have in it.
 */
static double error_of(int64_t n, const candidate *a, const candidate *b) {
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        mean += (a->local[i] - b->local[i]) / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double off = a->local[i] - b->local[i] - mean;
        sum += off * off;
    }
    return sqrt(sum) / (double)n;
}

/* The copula that explains the ranks best, and what else there might be. */
static mi_status choose_candidates(const mi__question *q, candidate *copula, candidate *free_one) {
    const int64_t columns = q->x.d + q->y.d + q->z.d;
    const bool near = columns <= FEW_COLUMNS || q->z.d > 0 || q->x.n < MANY_SAMPLES;
    double nu = INFINITY, gain;
    free_one->method = near ? MI_METHOD_KSG : MI_METHOD_NEURAL;
    copula->method = MI_METHOD_AUTO; /* none */
    if (q->x.n <= columns)
        return MI_OK;
    MI__TRY(mi__student_fit(q, &nu, &gain));
    copula->method = isinf(nu) ? MI_METHOD_COPULA : MI_METHOD_STUDENT;
    return MI_OK;
}

static mi_status compare(const mi__question *q, candidate *copula, candidate *free_one,
                         const candidate **winner, int32_t *warnings) {
    MI__TRY(choose_candidates(q, copula, free_one));
    *winner = free_one;
    if (copula->method != MI_METHOD_AUTO)
        MI__TRY(run(q, copula));
    if (copula->method != MI_METHOD_AUTO && isinf(copula->answer.value)) {
        *winner = copula; /* there is no more */
        return MI_OK;
    }
    MI__TRY(run(q, free_one));
    if (copula->method == MI_METHOD_AUTO)
        return MI_OK;
    const double error = error_of(q->x.n, copula, free_one);
    const double more = free_one->answer.value - copula->answer.value;
    if (more < fmax(LEAST_GAIN, DEVIATIONS * error))
        *winner = copula;
    if (free_one->method == MI_METHOD_KSG && q->x.d + q->y.d + q->z.d < FEW_COLUMNS &&
        more < -(APART + 2 * DEVIATIONS * error))
        *warnings |= MI_WARNING_UNSURE;
    return MI_OK;
}

mi_status mi__choose_by_values(const mi__question *q, int32_t *method, mi__answer *answer) {
    const int64_t n = q->x.n;
    candidate copula = {.local = mi__alloc(q->ctx, n, sizeof(double))};
    candidate free_one = {.local = mi__alloc(q->ctx, n, sizeof(double))};
    const candidate *winner = NULL;
    int32_t warnings = 0;
    mi_status status = MI_E_NOMEM;
    if (copula.local != NULL && free_one.local != NULL)
        status = compare(q, &copula, &free_one, &winner, &warnings);
    if (status == MI_OK) {
        *method = winner->method;
        *answer = winner->answer;
        answer->warnings |= warnings;
        for (int64_t i = 0; q->local != NULL && i < n; i++)
            q->local[i] = winner->local[i];
    }
    mi__free(q->ctx, copula.local, n, sizeof(double));
    mi__free(q->ctx, free_one.local, n, sizeof(double));
    return status;
}
