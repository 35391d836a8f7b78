/* SPDX-License-Identifier: BSD-2-Clause */
/* The log-sum-exp of each column: a running maximum, and a sum of exp that is relative to it, over
 * strips of rows. */
#include "bounds.h"

#include <string.h>

#define FLUSH 64 /* rows whose columns are summed in the table's own precision */

void mi__columns_begin(mi__evaluation *e, const mi__source *s) {
    e->k->fill(s->width, -INFINITY, e->column_most);
    for (int64_t j = 0; j < s->width; j++) {
        int64_t candidates = s->column_count == NULL ? s->rows : s->column_count[j];
        e->column_log_count[j] = candidates > 0 ? log((double)candidates) : -1;
        e->column_sum[j] = 0;
    }
}

typedef struct block {
    mi__evaluation *e;
    mi__source *s;
    mi__part *part;
    int64_t first_row, last_row, first, count; /* columns */
} block;

static const void *scores(const block *b, int64_t row) {
    return b->s->whole(b->s, row, b->first, b->count, b->part);
}

static void raise_maxima(const block *b) {
    const mi__kernels *k = b->e->k;
    void *most = mi__real_at(k, b->e->column_most, b->first);
    double *before = b->part->room;
    for (int64_t j = 0; j < b->count; j++)
        before[j] = mi__real_get(k, most, j);
    for (int64_t row = b->first_row; row < b->last_row; row++)
        k->max_columns(b->count, scores(b, row), most);
    for (int64_t j = 0; j < b->count; j++) {
        double now = mi__real_get(k, most, j);
        if (now > before[j])
            b->e->column_sum[b->first + j] *= exp(before[j] - now);
        if (now == -INFINITY) /* all masked */
            mi__real_put(k, most, j, 0);
    }
}

static void add_up(const block *b) {
    const mi__kernels *k = b->e->k;
    const void *most = mi__real_at(k, b->e->column_most, b->first);
    void *sum = b->part->dx;
    for (int64_t row = b->first_row, next; row < b->last_row; row = next) {
        next = MI__MIN(row + FLUSH, b->last_row);
        memset(sum, 0, (size_t)b->count * k->real);
        for (int64_t r = row; r < next; r++)
            k->exp_columns(b->count, scores(b, r), most, sum);
        for (int64_t j = 0; j < b->count; j++)
            b->e->column_sum[b->first + j] += mi__real_get(k, sum, j);
    }
}

void mi__columns_survey(mi__evaluation *e, mi__source *s, mi__part *part, int64_t first_row,
                        int64_t last_row, int64_t first, int64_t last) {
    block b = {e, s, part, first_row, last_row, first, 0};
    for (; b.first < last; b.first += b.count) {
        b.count = MI__MIN(MI__COLUMNS, last - b.first);
        raise_maxima(&b);
        add_up(&b);
    }
}

void mi__columns_finish(mi__evaluation *e, const mi__source *s) {
    for (int64_t j = 0; j < s->width; j++) {
        double share = e->values.columns / (e->pairs * e->column_sum[j]);
        const bool used = e->column_log_count[j] >= 0;
        e->column_lse[j] = mi__real_get(e->k, e->column_most, j) + log(e->column_sum[j]);
        mi__real_put(e->k, e->column_share, j, used ? share : 0);
    }
}
