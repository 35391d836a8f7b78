/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounds that compare a score f of P with the mean of exp over the scores of Q in its row, f itself
 * not among them. */
#include "bounds.h"

/* E (f - lme), whose gradient comes out `sign` times. */
static void difference(mi__row *row, double sign) {
    double count = (double)row->joint.count, rest = mi__row_exp(row);
    row->scale = 0;
    if (count == 0)
        return;
    row->sums[0] = mi__row_joint_sum(row) - count * (row->most + log(rest / (double)row->others));
    mi__row_fill_joint(row, sign / row->e->pairs);
    row->scale = -sign * count / (row->e->pairs * rest);
}

static void flatnce_row(mi__row *row) {
    difference(row, -1);
}

static void leave_one_out_row(mi__row *row) {
    difference(row, 1);
}

/* exp(lme - b - f) is 1 at the best b, minus the pointwise information. */
static void flo_row(mi__row *row) {
    const mi__kernels *k = row->k;
    double b = row->baseline, pairs = row->e->pairs, rest = mi__row_exp(row), total = 0;
    row->scale = 0;
    if (row->joint.count == 0)
        return;
    double lme = row->most + log(rest / (double)row->others);
    for (int64_t l = 0; l < row->joint.count; l++) {
        double weight = exp(lme - b - mi__real_get(k, row->joint.x, l));
        row->sums[0] += 1 - b - weight;
        row->dbaseline += (1 - weight) / pairs;
        mi__real_put(k, row->joint.dx, l, -weight / pairs);
        total += weight;
    }
    row->scale = total / (pairs * rest);
    row->peak = total / pairs;
}

static void finish_lower(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->estimate = sums[0] / e->pairs;
    result->loss = -result->estimate;
}

static void finish_upper(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->loss = result->estimate = sums[0] / e->pairs;
}

static const mi__bound_param flo_params[] = {MI__PARAM_BASELINE};

const mi__bound_kind mi__bound_flo = {
    .name = "flo",
    .summary = "contrastive Fenchel-Legendre bound: a learned baseline for each row, best at minus "
               "the pointwise information",
    .cap = "none",
    .variance = "between infonce and nwj",
    .citation = "Q. Guo et al., \"Tight mutual information estimation with contrastive "
                "Fenchel-Legendre optimization\", NeurIPS 2022",
    .side = MI_BOUND_LOWER,
    .shapes = MI_BOUND_GROUPS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .traits = MI_BOUND_BASELINE,
    .param = flo_params,
    .params = 1,
    .needs = MI__NEED_OTHERS | MI__NEED_PROOF,
    .row = flo_row,
    .finish = finish_lower,
};

const mi__bound_kind mi__bound_flatnce = {
    .name = "flatnce",
    .summary = "infonce without the own pair among the candidates: keeps learning past ln n",
    .cap = "none",
    .variance = "as dv on the negatives of one row; biased upwards on small batches",
    .citation = "J. Chen et al., \"Simpler, faster, stronger: breaking the log-K curse on "
                "contrastive learners with FlatNCE\", 2021; Q. Guo et al., NeurIPS 2022",
    .side = MI_BOUND_NEITHER,
    .shapes = MI_BOUND_GROUPS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .needs = MI__NEED_OTHERS,
    .row = flatnce_row,
    .finish = finish_lower,
};

const mi__bound_kind mi__bound_leave_one_out = {
    .name = "leave-one-out",
    .summary = "upper bound for a known density: f = ln q(row|column), the marginal is the mean "
               "over the other columns",
    .cap = "none",
    .variance = "low for a few nats, high where the other densities are nearly 0",
    .citation = "B. Poole et al., \"On variational bounds of mutual information\", ICML 2019",
    .side = MI_BOUND_UPPER,
    .shapes = MI_BOUND_GROUPS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .needs = MI__NEED_OTHERS,
    .row = leave_one_out_row,
    .finish = finish_upper,
};
