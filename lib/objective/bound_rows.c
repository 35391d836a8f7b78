/* SPDX-License-Identifier: BSD-2-Clause */
/* What kinds of bounds do with rows, and sources to make them. */
#include "bounds.h"

/* -- what kinds call --------------------------------------------------------------------------- */

double mi__row_exp(mi__row *row) {
    double sum = 0;
    for (int i = 0; i < MI__PIECES; i++) {
        const mi__piece *p = &row->product[i];
        sum += p->count == 0 ? 0 : row->k->exp_sum(p->count, p->x, row->most, p->dx);
    }
    return sum;
}

double mi__row_joint_sum(const mi__row *row) {
    return row->joint.count == 0 ? 0 : row->k->sum(row->joint.count, row->joint.x);
}

double mi__row_product_sum(const mi__row *row) {
    double sum = 0;
    for (int i = 0; i < MI__PIECES; i++) {
        const mi__piece *p = &row->product[i];
        sum += p->count == 0 ? 0 : row->k->sum(p->count, p->x);
    }
    return sum;
}

double mi__diagonal_cap(const mi__evaluation *e) {
    return e->extra ? log(e->others / e->pairs) : INFINITY;
}

void mi__row_fill_joint(mi__row *row, double value) {
    if (row->joint.count > 0)
        row->k->fill(row->joint.count, value, row->joint.dx);
}

void mi__row_fill_product(mi__row *row, double value) {
    for (int i = 0; i < MI__PIECES; i++)
        if (row->product[i].count > 0)
            row->k->fill(row->product[i].count, value, row->product[i].dx);
}

/* -- what sources call ------------------------------------------------------------------------- */

static void set_piece(const mi__evaluation *e, mi__piece *p, const void *x, void *dx, int64_t first,
                      int64_t count) {
    *p = (mi__piece){mi__real_at(e->k, x, first), mi__real_at(e->k, dx, first), count, NULL, NULL};
    if (e->column_share != NULL) {
        p->column_most = mi__real_at(e->k, e->column_most, first);
        p->column_share = mi__real_at(e->k, e->column_share, first);
    }
}

void mi__row_of_matrix(const mi__evaluation *e, int64_t width, int64_t first, int64_t own,
                       const void *x, void *dx, mi__part *part, mi__row *r) {
    set_piece(e, &r->joint, x, dx, first, own);
    set_piece(e, &r->product[0], x, dx, 0, first);
    set_piece(e, &r->product[1], x, dx, first + own, width - first - own);
    for (int64_t l = 0; l < own; l++)
        part->columns[l] = first + l;
    r->columns = part->columns;
}
