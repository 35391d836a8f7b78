/* SPDX-License-Identifier: BSD-2-Clause */
/* The rule `auto`; docs/concepts.md has its reasons. Kinds decide first. Among numbers, whose
 * columns have normal scores by then, a copula competes with methods that know no shape. Each of
 * them can only miss information, but for chance and little bias; so the larger value wins, if it
 * is larger by more than chance. */
#include "method.h"

#include <math.h>
#include <string.h>

#define MANY_TIES 0.1     /* share of rows that repeat an earlier one */
#define FEW_COLUMNS 4     /* of all variables together, among which neighbours are near */
#define LEAST_SAMPLES 200 /* for combinations of columns */
#define MANY_SAMPLES 2000 /* that a network can learn from */
#define LEAST_GAIN 0.02   /* nats that a method without a shape must tell more */
#define DEVIATIONS 3      /* of the difference, likewise */
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

/* An estimate, and the shares that samples have in it. Where something is made up for, they are
 * those of what was found before that: that is what is compared. */
typedef struct candidate {
    int32_t method;
    double *local, *plain; /* [n] */
    double found;          /* the mean of `plain` */
    mi__answer answer;
} candidate;

static mi_status run(const mi__question *q, candidate *c) {
    mi_estimate_options o = *q->options;
    mi__question own = *q;
    const int64_t n = q->x.n;
    o.method = c->method;
    own.options = &o;
    own.local = c->local;
    if (c->method == MI_METHOD_CANONICAL)
        MI__TRY(mi__canonical_fit(&own, c->plain, &c->answer));
    else
        MI__TRY(mi__methods[c->method].estimator(&own, &c->answer));
    c->found = c->answer.value;
    if (c->method != MI_METHOD_CANONICAL) {
        memcpy(c->plain, c->local, (size_t)n * sizeof *c->plain);
        return MI_OK;
    }
    c->found = 0;
    for (int64_t i = 0; i < n; i++)
        c->found += c->plain[i] / (double)n;
    return MI_OK;
}

/* How much more a tells than b, in units of what it must. */
static double lead(int64_t n, const candidate *a, const candidate *b) {
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        mean += (a->plain[i] - b->local[i]) / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double off = a->plain[i] - b->local[i] - mean;
        sum += off * off;
    }
    return (a->found - b->answer.value) / fmax(LEAST_GAIN, DEVIATIONS * sqrt(sum) / (double)n);
}

/* The copula that explains the ranks best; MI_METHOD_AUTO: none, for want of samples. */
static mi_status choose_copula(const mi__question *q, int32_t *method) {
    double nu = INFINITY, gain;
    *method = MI_METHOD_AUTO;
    if (q->x.n <= q->x.d + q->y.d + q->z.d)
        return MI_OK;
    MI__TRY(mi__student_fit(q, &nu, &gain));
    *method = isinf(nu) ? MI_METHOD_COPULA : MI_METHOD_STUDENT;
    return MI_OK;
}

/* Methods without a shape, the quickest first. Networks take long and seldom win: where a method
 * was chosen before, they take part only if it was one of them. */
static int choose_rivals(const mi__question *q, int32_t rival[2]) {
    const int64_t n = q->x.n, far = 4 * (int64_t)q->options->k;
    const int32_t before = q->options->method;
    const bool networks = before == MI_METHOD_AUTO || before == MI_METHOD_NEURAL;
    const bool near = q->x.d + q->y.d + q->z.d <= FEW_COLUMNS || q->z.d > 0;
    const bool canonical = !near && n >= MI__MAX(LEAST_SAMPLES, 2 * far);
    rival[0] = canonical ? MI_METHOD_CANONICAL : MI_METHOD_KSG;
    rival[1] = MI_METHOD_NEURAL;
    return !near && n >= MANY_SAMPLES && networks ? 2 : 1;
}

/* Leaves the best in best[0]; best[1] has room for the others. */
static mi_status compete(const mi__question *q, candidate *best, int32_t *warnings) {
    int32_t rival[2];
    const int rivals = choose_rivals(q, rival);
    MI__TRY(choose_copula(q, &best[0].method));
    if (best[0].method != MI_METHOD_AUTO)
        MI__TRY(run(q, &best[0]));
    for (int i = 0; i < rivals && isfinite(best[0].answer.value); i++) {
        best[1].method = rival[i];
        MI__TRY(mi__progress_tell(q, 0));
        MI__TRY(run(q, &best[1]));
        const bool alone = best[0].method == MI_METHOD_AUTO;
        const double ahead = alone ? INFINITY : lead(q->x.n, &best[1], &best[0]);
        if (ahead > 1) {
            const candidate winner = best[1];
            best[1] = best[0];
            best[0] = winner;
        } else if (rival[i] == MI_METHOD_KSG && q->x.d + q->y.d < FEW_COLUMNS && ahead < -2 &&
                   best[1].answer.value < best[0].answer.value - APART)
            *warnings |= MI_WARNING_UNSURE;
    }
    return MI_OK;
}

mi_status mi__choose_by_values(const mi__question *q, int32_t *method, mi__answer *answer) {
    const int64_t n = q->x.n;
    double *room = mi__alloc(q->ctx, 4 * n, sizeof *room);
    if (room == NULL)
        return MI_E_NOMEM;
    candidate best[2] = {{.local = room, .plain = room + n},
                         {.local = room + 2 * n, .plain = room + 3 * n}};
    int32_t warnings = 0;
    mi_status status = compete(q, best, &warnings);
    if (status == MI_OK) {
        *method = best[0].method;
        *answer = best[0].answer;
        answer->warnings |= warnings;
        if (q->local != NULL)
            memcpy(q->local, best[0].local, (size_t)n * sizeof *room);
    }
    mi__free(q->ctx, room, 4 * n, sizeof *room);
    return status;
}

mi_status mi__estimate_auto(const mi__question *q, mi__answer *answer) {
    int32_t method;
    return mi__choose_by_values(q, &method, answer);
}
