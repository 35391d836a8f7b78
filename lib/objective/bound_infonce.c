/* SPDX-License-Identifier: BSD-2-Clause */
/* InfoNCE: which of the candidates of a row belongs to it? Each score f of P is compared with
 * itself and the scores of Q in its row (other own pairs are no negatives), and, for the share
 * `columns`, with its column. */
#include "bounds.h"

static int32_t needs(const mi__bound_values *values) {
    return values->columns > 0 ? MI__NEED_COLUMNS : 0;
}

/* One score f of P in its row, `rest` being the sum of exp(g - most): adds to the sums; returns
 * exp(most - lse), and in *miss the probability that its row gives to the others. */
static double in_row(mi__row *row, double f, double rest, double *miss) {
    const double top = fmax(f, row->most), unit = exp(row->most - top);
    const double sum = exp(f - top) + rest * unit, factor = unit / sum;
    const double share = 1 - row->e->values.columns, count = log1p((double)row->others);
    row->sums[0] += share * (f - top - log(sum) + count);
    row->sums[1] += share * count;
    *miss = share * rest * factor;
    return share * factor;
}

static double in_column(mi__row *row, double f, int64_t column) {
    const mi__evaluation *e = row->e;
    double share = e->values.columns;
    row->sums[0] += share * (f - e->column_lse[column] + e->column_log_count[column]);
    row->sums[1] += share * e->column_log_count[column];
    return -share * expm1(fmin(f - e->column_lse[column], 0));
}

static void weigh_columns(mi__row *row, double factor) {
    for (int i = 0; i < MI__PIECES; i++) {
        mi__piece *p = &row->product[i];
        if (p->count > 0)
            row->k->exp_rows_columns(p->count, p->x, factor, row->most, p->column_share,
                                     p->column_most, p->dx);
    }
}

static void infonce_row(mi__row *row) {
    const mi__kernels *k = row->k;
    const bool columns = row->e->values.columns > 0;
    double rest = 0, factor = 0;
    if (columns) /* the scores are needed once more */
        for (int i = 0; i < MI__PIECES; i++)
            rest += row->product[i].count == 0
                        ? 0
                        : k->exp_sum(row->product[i].count, row->product[i].x, row->most, NULL);
    else
        rest = mi__row_exp(row);
    for (int64_t l = 0; l < row->joint.count; l++) {
        double f = mi__real_get(k, row->joint.x, l), miss;
        factor += in_row(row, f, rest, &miss) / row->e->pairs;
        if (columns)
            miss += in_column(row, f, row->columns[l]);
        mi__real_put(k, row->joint.dx, l, -miss / row->e->pairs);
    }
    if (columns)
        weigh_columns(row, factor);
    else
        row->scale = factor;
}

static void infonce_finish(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->estimate = sums[0] / e->pairs;
    result->cap = sums[1] / e->pairs;
    result->loss = -result->estimate;
}

static const mi__bound_param params[] = {
    MI__PARAM(columns, "columns", 0, 0, 1,
              "the share of the columns: 0 for rows, 1 for columns, 0.5 for both alike"),
};

const mi__bound_kind mi__bound_infonce = {
    .name = "infonce",
    .summary = "contrastive predictive coding: tell the own pair from the others of its row",
    .cap = "ln of the number of candidates: ln n, or ln(1 + (n - 1) L) for local rows",
    .variance = "low; the price is the cap",
    .citation = "A. van den Oord, Y. Li, O. Vinyals, \"Representation learning with contrastive "
                "predictive coding\", 2018",
    .side = MI_BOUND_LOWER,
    .shapes = MI_BOUND_GROUPS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS,
    .param = params,
    .params = 1,
    .needs_too = needs,
    .row = infonce_row,
    .finish = infonce_finish,
};
