/* SPDX-License-Identifier: BSD-2-Clause */
/* 1 + E(f - b) - E exp(g - b), with a log baseline b that may depend on the row: tuba. With b = 1
 * it is the bound of Nguyen, Wainwright and Jordan, which is also f-GAN's for the KL divergence. */
#include "bounds.h"

static void compare(mi__row *row, double b) {
    double count = (double)row->joint.count, factor = exp(row->most - b);
    double product = mi__row_exp(row) * factor;
    row->sums[0] = mi__row_joint_sum(row) - count * b;
    row->sums[1] = product;
    mi__row_fill_joint(row, -1 / row->e->pairs);
    row->peak = row->scale = factor / row->e->others;
    row->dbaseline = count / row->e->pairs - product / row->e->others;
}

static void nwj_row(mi__row *row) {
    compare(row, 1);
}

static void tuba_row(mi__row *row) {
    compare(row, row->baseline);
}

static void finish(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->estimate = 1 + sums[0] / e->pairs - sums[1] / e->others;
    result->loss = -result->estimate;
    result->cap = mi__diagonal_cap(e);
}

static const mi__bound_param params[] = {MI__PARAM_DIAGONAL(0), MI__PARAM_BASELINE};

const mi__bound_kind mi__bound_nwj = {
    .name = "nwj",
    .summary = "Nguyen, Wainwright and Jordan's bound, f-GAN's for KL: best at f = 1 + ln p/q",
    .cap = "none; with the diagonal, ln n",
    .variance = "grows as exp(I) / m; unbiased, but one large score of Q can outweigh all",
    .citation = "X. Nguyen, M. Wainwright, M. Jordan, IEEE Trans. Inf. Theory 56, 2010; S. "
                "Nowozin et al., NIPS 2016",
    .side = MI_BOUND_LOWER,
    .shapes = MI_BOUND_VECTORS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .param = params,
    .params = 1,
    .needs = MI__NEED_PROOF,
    .row = nwj_row,
    .finish = finish,
};

const mi__bound_kind mi__bound_tuba = {
    .name = "tuba",
    .summary = "nwj with a baseline of your own for each row: best at f - b = ln p/q",
    .cap = "none; with the diagonal, ln n",
    .variance = "as nwj; a good baseline lowers it",
    .citation = "D. Barber, F. Agakov, NIPS 2003; B. Poole et al., ICML 2019",
    .side = MI_BOUND_LOWER,
    .shapes = MI_BOUND_VECTORS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .traits = MI_BOUND_BASELINE,
    .param = params,
    .params = 2,
    .needs = MI__NEED_PROOF,
    .row = tuba_row,
    .finish = finish,
};
