/* SPDX-License-Identifier: BSD-2-Clause */
#include "bound_naive.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef long double real;

/* A pair: its score, its row and its column. */
typedef struct cell {
    int64_t row, column;
    real s;
} cell;

typedef struct cells {
    int64_t count;
    cell *at;
} cells;

static void append(cells *list, int64_t row, int64_t column, double s) {
    list->at[list->count++] = (cell){row, column, s};
}

static cells empty(int64_t most) {
    cells list = {0, calloc((size_t)most + 1, sizeof(cell))};
    return list;
}

/* -- which pairs ------------------------------------------------------------------------------- */

static bool there(const naive *a, int64_t row, int64_t column) {
    return a->mask == NULL || a->mask[row * a->n * a->locations + column] != 0;
}

static double score(const naive *a, int64_t row, int64_t column) {
    return a->scores[row * a->n * a->locations + column];
}

/* Whether a column belongs to those that the row is compared with. */
static bool compared(const naive *a, int64_t row, int64_t column) {
    int64_t sample = column / a->locations;
    if (strcmp(a->kind, "club-sampled") == 0)
        return sample != row && sample == (row + (int64_t)a->offset) % a->n;
    return sample != row || a->diagonal != 0;
}

static void list_matrix(const naive *a, cells *p, cells *q) {
    int64_t width = a->n * a->locations;
    for (int64_t i = 0; i < a->n; i++) {
        for (int64_t c = i * a->locations; c < (i + 1) * a->locations; c++)
            if (there(a, i, c))
                append(p, i, c, score(a, i, c));
        for (int64_t c = 0; c < width; c++)
            if (there(a, i, c) && compared(a, i, c))
                append(q, i, c, score(a, i, c));
    }
}

static void list_vectors(const naive *a, cells *p, cells *q) {
    for (int64_t i = 0; i < a->n; i++)
        append(p, i, -1, a->joint[i]);
    for (int64_t j = 0; j < a->m; j++)
        append(q, a->m % a->n == 0 ? j / (a->m / a->n) : -1, -1, a->product[j]);
}

/* -- means ------------------------------------------------------------------------------------ */

typedef real function(const naive *a, const cell *c);

static real mean(const naive *a, const cells *list, function *f) {
    real sum = 0;
    for (int64_t i = 0; i < list->count; i++)
        sum += f(a, &list->at[i]);
    return sum / (real)list->count;
}

/* ln of the sum of exp. */
static real log_sum(const cell *at, int64_t count) {
    real most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmaxl(most, at[i].s);
    for (int64_t i = 0; i < count; i++)
        sum += expl(at[i].s - most);
    return most + logl(sum);
}

static real log_mean(const cells *list) {
    return log_sum(list->at, list->count) - logl((real)list->count);
}

static real softplus(real x) {
    return fmaxl(x, 0) + log1pl(expl(-fabsl(x)));
}

static real base(const naive *a, int64_t row) {
    return a->baseline != NULL ? a->baseline[row] : a->log_baseline;
}

static real plain(const naive *a, const cell *c) {
    return (void)a, c->s;
}
static real exponential(const naive *a, const cell *c) {
    return (void)a, expl(c->s);
}
static real exponential_squared(const naive *a, const cell *c) {
    return (void)a, expl(2 * c->s);
}
static real exponential_less_1(const naive *a, const cell *c) {
    return (void)a, expl(c->s - 1);
}
static real inverse(const naive *a, const cell *c) {
    return (void)a, expl(-c->s);
}
static real above_base(const naive *a, const cell *c) {
    return c->s - base(a, c->row);
}
static real exponential_above_base(const naive *a, const cell *c) {
    return expl(c->s - base(a, c->row));
}
static real softplus_below(const naive *a, const cell *c) {
    return (void)a, softplus(-c->s);
}
static real softplus_above(const naive *a, const cell *c) {
    return (void)a, softplus(c->s);
}
static real pearson_conjugate(const naive *a, const cell *c) {
    return (void)a, c->s + c->s * c->s / 4;
}
static real pearson_log(const naive *a, const cell *c) {
    return (void)a, c->s > -2 ? log1pl(c->s / 2) : (real)-INFINITY;
}
static real pearson_ratio(const naive *a, const cell *c) {
    return (void)a, fmaxl(1 + c->s / 2, 0);
}
static real tangent(const naive *a, const cell *c) {
    return (void)a, tanhl(c->s);
}
static real clipped(const naive *a, const cell *c) {
    return fminl(fmaxl(c->s, -(real)a->tau), (real)a->tau);
}

/* -- bounds over all pairs -------------------------------------------------------------------- */

typedef struct value {
    real estimate, loss, cap;
} value;

static value ratio_value(const naive *a, const cells *p, const cells *q, real loss) {
    return (value){1 + mean(a, p, plain) - mean(a, q, exponential), loss, INFINITY};
}

static real jsd_loss(const naive *a, const cells *p, const cells *q) {
    return mean(a, p, softplus_below) + mean(a, q, softplus_above) -
           (a->shift != 0 ? 2 * logl(2) : 0);
}

static value smile(const naive *a, const cells *p, const cells *q) {
    cells clip = empty(q->count);
    for (int64_t i = 0; i < q->count; i++)
        append(&clip, 0, 0, (double)clipped(a, &q->at[i]));
    value v = {mean(a, p, plain) - log_mean(&clip), jsd_loss(a, p, q), INFINITY};
    free(clip.at);
    return v;
}

/* The average that divides: of all batches so far, this one included. */
static real log_average(const naive *a, const cells *q) {
    real t = (real)a->steps + 1, rate = a->rate;
    real weight = rate > 0 ? rate / -expm1l(t * log1pl(-rate)) : 1 / t;
    cell both[2] = {{.s = a->log_average + log1pl(-weight)}, {.s = log_mean(q) + logl(weight)}};
    return a->steps == 0 || weight >= 1 ? log_mean(q) : log_sum(both, 2);
}

static value mine(const naive *a, const cells *p, const cells *q) {
    real f = mean(a, p, plain);
    return (value){f - log_mean(q), expl(log_mean(q) - log_average(a, q)) - f, INFINITY};
}

static value total_variation(const naive *a, const cells *p, const cells *q) {
    real t = (mean(a, p, tangent) - mean(a, q, tangent)) / 2;
    return (value){t > 0 ? 2 * t * t : 0, -t, 2};
}

static value lower(real estimate) {
    return (value){estimate, -estimate, INFINITY};
}

static value upper(real estimate) {
    return (value){estimate, estimate, INFINITY};
}

static bool over_all(const naive *a, const cells *p, const cells *q, value *v) {
    const char *kind = a->kind;
    real f = mean(a, p, plain), g = mean(a, q, plain);
    if (strcmp(kind, "dv") == 0)
        *v = lower(f - log_mean(q));
    else if (strcmp(kind, "mine") == 0)
        *v = mine(a, p, q);
    else if (strcmp(kind, "nwj") == 0)
        *v = lower(1 + (f - 1) - mean(a, q, exponential_less_1));
    else if (strcmp(kind, "tuba") == 0)
        *v = lower(1 + mean(a, p, above_base) - mean(a, q, exponential_above_base));
    else if (strcmp(kind, "jsd") == 0)
        *v = ratio_value(a, p, q, jsd_loss(a, p, q));
    else if (strcmp(kind, "reverse-kl") == 0)
        *v = ratio_value(a, p, q, mean(a, p, inverse) + g - 1);
    else if (strcmp(kind, "hellinger") == 0)
        *v = (value){1 + 2 * f - mean(a, q, exponential_squared),
                     mean(a, p, inverse) - 1 + mean(a, q, exponential) - 1, INFINITY};
    else if (strcmp(kind, "pearson") == 0)
        *v = (value){1 + mean(a, p, pearson_log) - mean(a, q, pearson_ratio),
                     mean(a, q, pearson_conjugate) - f, INFINITY};
    else if (strcmp(kind, "total-variation") == 0)
        *v = total_variation(a, p, q);
    else if (strcmp(kind, "smile") == 0)
        *v = smile(a, p, q);
    else if (strcmp(kind, "club") == 0 || strcmp(kind, "club-sampled") == 0)
        *v = upper(f - g);
    else
        return false;
    return true;
}

/* -- bounds row by row ------------------------------------------------------------------------ */

/* ln of the sum of exp of the positive and all negatives; without the negative `out`, if any. */
static real log_sum_with(const cell *p, const cell *neg, int64_t k, int64_t out) {
    real most = p->s, sum = 0;
    for (int64_t j = 0; j < k; j++)
        most = j == out ? most : fmaxl(most, neg[j].s);
    for (int64_t j = 0; j < k; j++)
        sum += j == out ? 0 : expl(neg[j].s - most);
    return most + logl(sum + expl(p->s - most));
}

static real infonce_row(const naive *a, const cell *p, const cell *neg, int64_t k) {
    return (void)a, p->s - log_sum_with(p, neg, k, -1) + logl((real)k + 1);
}

static real flatnce_row(const naive *a, const cell *p, const cell *neg, int64_t k) {
    return (void)a, p->s - log_sum(neg, k) + logl((real)k);
}

static real flo_row(const naive *a, const cell *p, const cell *neg, int64_t k) {
    real b = base(a, p->row), sum = 0;
    for (int64_t j = 0; j < k; j++)
        sum += expl(neg[j].s - p->s - b);
    return 1 - b - sum / (real)k;
}

/* ln(alpha m + (1 - alpha) e^b). */
static real log_mix(const naive *a, int64_t row, real log_m) {
    real b = base(a, row), most = fmaxl(b, log_m);
    return most + logl(a->alpha * expl(log_m - most) + (1 - a->alpha) * expl(b - most));
}

static real interpolated_row(const naive *a, const cell *p, const cell *neg, int64_t k) {
    real most = p->s, held_out = 0, *e = calloc((size_t)k, sizeof *e);
    for (int64_t j = 0; j < k; j++)
        most = fmaxl(most, neg[j].s);
    for (int64_t j = 0; j < k; j++)
        e[j] = expl(neg[j].s - most);
    for (int64_t out = 0; out < k; out++) {
        real sum = expl(p->s - most);
        for (int64_t j = 0; j < k; j++)
            sum += j == out ? 0 : e[j];
        held_out += p->s - log_mix(a, p->row, most + logl(sum / (real)k));
    }
    free(e);
    return 1 + held_out / (real)k;
}

static real interpolated_marginal(const naive *a, const cells *q) {
    real sum = 0;
    for (int64_t begin = 0, end; begin < q->count; begin = end) {
        for (end = begin; end < q->count && q->at[end].row == q->at[begin].row;)
            end++;
        real log_m = log_sum(&q->at[begin], end - begin) - logl((real)(end - begin));
        for (int64_t j = begin; j < end; j++)
            sum += expl(q->at[j].s - log_mix(a, q->at[begin].row, log_m));
    }
    return sum / (real)q->count;
}

typedef real row_function(const naive *a, const cell *p, const cell *neg, int64_t k);

/* Mean over the positives; and of ln(extra + number of negatives), for the caps. */
static real over_rows(const naive *a, const cells *p, const cells *q, row_function *f, int extra,
                      real *cap) {
    real sum = 0;
    int64_t begin = 0;
    *cap = 0;
    for (int64_t i = 0; i < p->count; i++) {
        int64_t k = 0;
        while (begin < q->count && q->at[begin].row < p->at[i].row) /* both go row by row */
            begin++;
        while (begin + k < q->count && q->at[begin + k].row == p->at[i].row)
            k++;
        if (k == 0 && extra == 0)
            ck_abort_msg("row %d has nothing to compare with", (int)p->at[i].row);
        sum += f(a, &p->at[i], &q->at[begin], k);
        *cap += logl((real)(k + extra));
    }
    *cap /= (real)p->count;
    return sum / (real)p->count;
}

/* A column has one positive; its negatives are those of the other rows. */
static real over_columns(const naive *a, const cells *p, real *cap) {
    real sum = 0;
    *cap = 0;
    for (int64_t i = 0; i < p->count; i++) {
        cells neg = empty(a->n);
        for (int64_t r = 0; r < a->n; r++)
            if (r != p->at[i].row && there(a, r, p->at[i].column))
                append(&neg, r, 0, score(a, r, p->at[i].column));
        sum += infonce_row(a, &p->at[i], neg.at, neg.count);
        *cap += logl((real)(neg.count + 1));
        free(neg.at);
    }
    *cap /= (real)p->count;
    return sum / (real)p->count;
}

static value infonce(const naive *a, const cells *p, const cells *q) {
    real w = a->columns, cap[2] = {0}, mean[2] = {0};
    if (w < 1)
        mean[0] = over_rows(a, p, q, infonce_row, 1, &cap[0]);
    if (w > 0)
        mean[1] = over_columns(a, p, &cap[1]);
    value v = lower((1 - w) * mean[0] + w * mean[1]);
    v.cap = (1 - w) * cap[0] + w * cap[1];
    return v;
}

static value interpolated(const naive *a, const cells *p, const cells *q) {
    real cap;
    value v = lower(over_rows(a, p, q, interpolated_row, 0, &cap) - interpolated_marginal(a, q));
    if (a->alpha > 0) /* the marginal's share is exactly 1 with alpha 1, else it may be 0 */
        v.cap = cap - logl(a->alpha) + (a->alpha < 1 ? 1 : 0);
    return v;
}

/* Where the scores of P are among those of Q, the mean of exp over Q can't be less than their share
 * of it; with it, what these kinds read out of the scores is limited. */
static bool diagonal_limits(const naive *a) {
    static const char *const kinds[] = {"dv",  "mine",       "nwj",       "tuba",
                                        "jsd", "reverse-kl", "hellinger", "pearson"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (a->scores != NULL && a->diagonal && strcmp(a->kind, kinds[i]) == 0)
            return true;
    return false;
}

naive_value naive_bound(const naive *a) {
    int64_t all = a->scores != NULL ? a->n * a->n * a->locations : a->n + a->m;
    cells p = empty(all), q = empty(all);
    (a->scores != NULL ? list_matrix : list_vectors)(a, &p, &q);
    value v = {0};
    real unused;
    ck_assert(p.count > 0);
    if (strcmp(a->kind, "infonce") == 0)
        v = infonce(a, &p, &q);
    else if (strcmp(a->kind, "interpolated") == 0)
        v = interpolated(a, &p, &q);
    else if (strcmp(a->kind, "flo") == 0)
        v = lower(over_rows(a, &p, &q, flo_row, 0, &unused));
    else if (strcmp(a->kind, "flatnce") == 0)
        v = lower(over_rows(a, &p, &q, flatnce_row, 0, &unused));
    else if (strcmp(a->kind, "leave-one-out") == 0)
        v = upper(over_rows(a, &p, &q, flatnce_row, 0, &unused));
    else
        ck_assert_msg(over_all(a, &p, &q, &v), "%s has no naive twin", a->kind);
    if (diagonal_limits(a))
        v.cap = logl((real)q.count / (real)p.count);
    naive_value out = {(double)v.estimate, (double)v.loss, (double)v.cap, 0};
    if (strcmp(a->kind, "mine") == 0)
        out.log_average = (double)log_average(a, &q);
    free(p.at);
    free(q.at);
    return out;
}
