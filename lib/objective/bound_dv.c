/* SPDX-License-Identifier: BSD-2-Clause */
/* The bound of Donsker and Varadhan, E f - ln E exp g. MINE is the same with another gradient: that
 * of ln E exp g, E exp(g) dg / E exp g, is biased by the expectation below on a batch; MINE puts a
 * moving average there. */
#include "bounds.h"

/* dx = exp(x - most of all) */
static void weigh(mi__row *row) {
    row->sums[0] = mi__row_joint_sum(row);
    mi__row_fill_joint(row, -1 / row->e->pairs);
    for (int i = 0; i < MI__PIECES; i++) {
        mi__piece *p = &row->product[i];
        if (p->count > 0)
            (void)row->k->exp_sum(p->count, p->x, row->e->most, p->dx);
    }
}

static void dv_row(mi__row *row) {
    weigh(row);
    row->scale = exp(row->e->most - row->e->lse);
}

/* At most 1 / rate: the average has that share of this batch. */
static void mine_row(mi__row *row) {
    weigh(row);
    row->scale = exp(row->e->most - row->e->log_average) / row->e->others;
}

static void dv_finish(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->estimate = sums[0] / e->pairs - (e->lse - log(e->others));
    result->loss = -result->estimate;
    result->cap = mi__diagonal_cap(e);
}

/* The loss is that of the gradient: the average stands still. */
static void mine_finish(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    dv_finish(e, sums, result);
    result->loss = exp(e->lse - log(e->others) - e->log_average) - sums[0] / e->pairs;
}

static const mi__bound_param dv_params[] = {MI__PARAM_DIAGONAL(0)};

const mi__bound_kind mi__bound_dv = {
    .name = "dv",
    .summary = "Donsker and Varadhan's bound: E f - ln E exp g",
    .cap =
        "none, but no more than about ln n can be shown with confidence; with the diagonal, ln n",
    .variance = "grows as exp(I) / m; its value on a batch is biased upwards",
    .citation = "M. Donsker, S. Varadhan, Comm. Pure Appl. Math. 36, 1983; M. Belghazi et al., "
                "ICML 2018",
    .side = MI_BOUND_LOWER,
    .shapes = MI_BOUND_VECTORS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .param = dv_params,
    .params = 1,
    .needs = MI__NEED_LSE,
    .row = dv_row,
    .finish = dv_finish,
};

static const mi__bound_param mine_params[] = {
    MI__PARAM_DIAGONAL(0),
    MI__PARAM(rate, "rate", 0.01, 1e-12, 1, "the share of the new batch in the moving average"),
};

const mi__bound_kind mi__bound_mine = {
    .name = "mine",
    .summary = "dv with a gradient that is corrected for bias by a moving average",
    .cap =
        "none, but no more than about ln n can be shown with confidence; with the diagonal, ln n",
    .variance = "that of dv for the value; the average lags behind a critic that moves fast",
    .citation = "M. Belghazi et al., \"Mutual information neural estimation\", ICML 2018",
    .side = MI_BOUND_LOWER,
    .shapes = MI_BOUND_VECTORS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .traits = MI_BOUND_SURROGATE | MI_BOUND_STATE,
    .param = mine_params,
    .params = 2,
    .needs = MI__NEED_LSE,
    .row = mine_row,
    .finish = mine_finish,
};
