/* SPDX-License-Identifier: BSD-2-Clause */
/* I_alpha: the bound of Barber and Agakov whose baseline is a mixture of the mean of exp over
 * other candidates, weighted alpha, and of exp(b), weighted 1 - alpha. For the score f of a pair
 * the mean runs over f itself and all scores of Q in its row but one, for each of the K left out in
 * turn; for the scores of Q over all of Q in the row:
 *
 *     1 + E_f E_j (f - ln D_j) - E_g exp(g) / M
 *     D_j = alpha / K (exp f + sum over k != j of exp g_k) + (1 - alpha) exp b
 *     M   = alpha / K sum over k of exp g_k + (1 - alpha) exp b
 *
 * The sum without the largest g is never found by subtraction, which would leave nothing of it. */
#include "bounds.h"

typedef struct mixture {
    mi__row *row;
    double alpha, b; /* b: the log baseline */
    int top_piece;   /* where the largest score of Q is */
    int64_t top;
    double next; /* the largest but that one */
} mixture;

static double at(const mixture *m, int p, int64_t i) {
    return mi__real_get(m->row->k, m->row->product[p].x, i);
}

static bool is_top(const mixture *m, int p, int64_t i) {
    return p == m->top_piece && i == m->top;
}

static void find_top(mixture *m) {
    double most = -INFINITY;
    m->next = -INFINITY;
    for (int p = 0; p < MI__PIECES; p++)
        for (int64_t i = 0; i < m->row->product[p].count; i++) {
            double x = at(m, p, i);
            m->next = fmax(m->next, fmin(x, most));
            if (x > most) {
                most = x;
                m->top_piece = p;
                m->top = i;
            }
        }
}

/* exp(x - shift), or 0 if the mean of exp has no weight. */
static double mean_part(const mixture *m, double x, double shift) {
    return m->alpha > 0 ? exp(x - shift) : 0;
}

static double baseline_part(const mixture *m, double shift) {
    return m->alpha < 1 ? (1 - m->alpha) * exp(m->b - shift) : 0;
}

/* The largest of what is in the mixture. */
static double shift_of(const mixture *m, double f, double g) {
    double shift = m->alpha > 0 ? fmax(f, g) : -INFINITY;
    return m->alpha < 1 ? fmax(shift, m->b) : shift;
}

static double sum_without_top(const mixture *m, double shift) {
    double sum = 0;
    for (int p = 0; p < MI__PIECES; p++)
        for (int64_t i = 0; i < m->row->product[p].count; i++)
            sum += is_top(m, p, i) ? 0 : mean_part(m, at(m, p, i), shift);
    return sum;
}

/* Adds the term of one pair to the sums, and its gradients to the row's. */
static double compare(mixture *m, double f) {
    mi__row *row = m->row;
    const double count = (double)row->others, mean = m->alpha / count;
    const double unit = 1 / (row->e->pairs * count);
    double shift = shift_of(m, f, row->most), shift1 = shift_of(m, f, m->next);
    double own = mean_part(m, f, shift), own1 = mean_part(m, f, shift1);
    double b = baseline_part(m, shift), b1 = baseline_part(m, shift1);
    double top = mean_part(m, row->most, shift), all = sum_without_top(m, shift) + top;
    double without_top = mean * (own1 + sum_without_top(m, shift1)) + b1; /* D of the top */
    double logs = f - shift1 - log(without_top), inverse = 0;
    for (int p = 0; p < MI__PIECES; p++)
        for (int64_t i = 0; i < row->product[p].count; i++)
            if (!is_top(m, p, i)) {
                double d = mean * (own + all - mean_part(m, at(m, p, i), shift)) + b;
                logs += f - shift - log(d);
                inverse += 1 / d;
            }
    row->sums[0] += logs / count;
    row->sums[2] += log(count);
    double *room = row->room;
    for (int p = 0; p < MI__PIECES; p++)
        for (int64_t i = 0; i < row->product[p].count; i++, room++) {
            double x = at(m, p, i), e = mean_part(m, x, shift);
            if (is_top(m, p, i))
                *room += unit * mean * e * inverse;
            else
                *room += unit * mean *
                         (e * (inverse - 1 / (mean * (own + all - e) + b)) +
                          mean_part(m, x, shift1) / without_top);
        }
    row->dbaseline += unit * (b * inverse + b1 / without_top);
    return unit * (mean * (own * inverse + own1 / without_top) - count);
}

static void subtract_marginal(mixture *m) {
    mi__row *row = m->row;
    double shift = shift_of(m, row->most, row->most), sum = 0, *room = row->room;
    for (int p = 0; p < MI__PIECES; p++)
        for (int64_t i = 0; i < row->product[p].count; i++)
            sum += exp(at(m, p, i) - shift);
    double b = baseline_part(m, shift), q = m->alpha / (double)row->others * sum + b;
    row->sums[1] = sum / q;
    for (int p = 0; p < MI__PIECES; p++)
        for (int64_t i = 0; i < row->product[p].count; i++)
            *room++ += exp(at(m, p, i) - shift) * (b / q) / (q * row->e->others);
    row->dbaseline -= sum / q * (b / q) / row->e->others;
}

static void interpolated_row(mi__row *row) {
    mixture m = {.row = row, .alpha = row->e->values.alpha, .b = row->baseline};
    const double *room = row->room;
    if (row->others == 0)
        return;
    for (int64_t i = 0; i < row->others; i++)
        row->room[i] = 0;
    find_top(&m);
    for (int64_t l = 0; l < row->joint.count; l++) {
        double slope = compare(&m, mi__real_get(row->k, row->joint.x, l));
        mi__real_put(row->k, row->joint.dx, l, slope);
        row->peak = fmax(row->peak, fabs(slope));
    }
    subtract_marginal(&m);
    for (int p = 0; p < MI__PIECES; p++)
        for (int64_t i = 0; i < row->product[p].count; i++, room++) {
            mi__real_put(row->k, row->product[p].dx, i, *room);
            row->peak = fmax(row->peak, fabs(*room));
        }
}

static void interpolated_finish(const mi__evaluation *e, const double *sums,
                                mi_bound_result *result) {
    result->estimate = 1 + sums[0] / e->pairs - sums[1] / e->others;
    result->loss = -result->estimate;
    /* Below alpha = 1, the term of Q may vanish; its expectation at the best critic is 1. */
    result->cap = sums[2] / e->pairs - log(e->values.alpha) + (e->values.alpha < 1 ? 1 : 0);
}

static const mi__bound_param params[] = {
    MI__PARAM(alpha, "alpha", 0.5, 0, 1,
              "the weight of the mean over candidates: 1 is infonce's baseline, 0 is tuba's"),
    MI__PARAM_BASELINE,
};

const mi__bound_kind mi__bound_interpolated = {
    .name = "interpolated",
    .summary = "I_alpha: trades infonce's bias for tuba's variance by mixing their baselines",
    .cap = "ln((n - 1) / alpha) in expectation, one nat more on a batch",
    .variance = "grows as alpha falls",
    .citation = "B. Poole et al., \"On variational bounds of mutual information\", ICML 2019",
    .side = MI_BOUND_LOWER,
    .shapes = MI_BOUND_GROUPS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .traits = MI_BOUND_BASELINE,
    .param = params,
    .params = 2,
    .needs = MI__NEED_OTHERS | MI__NEED_PROOF | MI__NEED_ROOM,
    .row = interpolated_row,
    .finish = interpolated_finish,
};
