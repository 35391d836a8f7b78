/* SPDX-License-Identifier: BSD-2-Clause */
/* The contrastive log-ratio upper bound E f - E g on f = ln q(row|column), to be minimised. */
#include "bounds.h"

static void club_row(mi__row *row) {
    row->sums[0] = mi__row_joint_sum(row);
    row->sums[1] = mi__row_product_sum(row);
    mi__row_fill_joint(row, 1 / row->e->pairs);
    mi__row_fill_product(row, 1);
    row->scale = -1 / row->e->others;
}

static void finish(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->loss = result->estimate = sums[0] / e->pairs - sums[1] / e->others;
}

static const mi__bound_param club_params[] = {MI__PARAM_DIAGONAL(1)};

const mi__bound_kind mi__bound_club = {
    .name = "club",
    .summary = "contrastive log-ratio upper bound: E ln q of pairs minus E ln q of all",
    .cap = "none",
    .variance = "low; it is an upper bound only as far as q is the true density",
    .citation = "P. Cheng et al., \"CLUB: a contrastive log-ratio upper bound of mutual "
                "information\", ICML 2020",
    .side = MI_BOUND_UPPER,
    .shapes = MI_BOUND_VECTORS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .param = club_params,
    .params = 1,
    .row = club_row,
    .finish = finish,
};

static const mi__bound_param sampled_params[] = {
    MI__PARAM_WHOLE(offset, "offset", 1, 1, 1e9,
                    "row i is compared with sample i + offset, modulo n; no multiple of n"),
};

const mi__bound_kind mi__bound_club_sampled = {
    .name = "club-sampled",
    .summary = "club with one other sample a row: linear cost",
    .cap = "none",
    .variance = "that of club and of the choice of the other samples",
    .citation = "P. Cheng et al., \"CLUB: a contrastive log-ratio upper bound of mutual "
                "information\", ICML 2020",
    .side = MI_BOUND_UPPER,
    .shapes = MI_BOUND_VECTORS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .traits = MI_BOUND_ORDERED,
    .param = sampled_params,
    .params = 1,
    .row = club_row,
    .finish = finish,
    .paired = true,
};
