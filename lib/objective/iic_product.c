/* SPDX-License-Identifier: BSD-2-Clause */
/* Products in float64: every element is summed in one order, whatever the threads. */
#include "iic.h"

#include <string.h>

typedef struct range {
    const mi_iic *iic;
    const mi__tiles *tiles;
} range;

static void run_tiles(void *arg, int64_t begin, int64_t end) {
    const range *r = arg;
    r->iic->kernels->tiles(r->tiles, begin, end);
}

static void multiply(const mi_iic *iic, bool alone, const mi__tiles *t, int64_t rows) {
    range r = {iic, t};
    const int64_t row = MI__TILE_ROWS * t->columns * MI__MAX(t->depth, 1);
    const int64_t tile_rows = mi__iic_round_up(rows, MI__TILE_ROWS) / MI__TILE_ROWS;
    if (alone)
        run_tiles(&r, 0, tile_rows);
    else
        mi__parallel_ranges(iic->context, tile_rows, MI__IIC_WORTH / row, run_tiles, &r);
}

void mi__iic_add_rows(const mi_iic *iic, const mi__iic_head *h, bool alone, int64_t rows,
                      const double *a, const double *b, double *joint) {
    const mi__tiles t = {.columns = mi__iic_round_up(h->classes, MI__TILE_COLS),
                         .depth = rows,
                         .a = a,
                         .row = 1,
                         .step = h->ld,
                         .b = b,
                         .ldb = h->ld,
                         .c = joint,
                         .ldc = h->ld,
                         .add = true};
    multiply(iic, alone, &t, h->classes);
}

void mi__iic_map_rows(const mi_iic *iic, const mi__iic_head *h, bool alone, int64_t rows,
                      const double *x, const double *slope, bool add, double *out) {
    const mi__tiles t = {.columns = mi__iic_round_up(h->classes, MI__TILE_COLS),
                         .depth = h->classes,
                         .a = x,
                         .row = h->ld,
                         .step = 1,
                         .b = slope,
                         .ldb = h->ld,
                         .c = out,
                         .ldc = h->ld,
                         .add = add};
    multiply(iic, alone, &t, rows);
}

int64_t mi__iic_shares(const mi__iic_head *h, int64_t samples) {
    if (!mi__iic_few(h))
        return 1;
    const int64_t each = MI__IIC_WORTH / (h->ld * h->ld);
    return MI__MAX(MI__MIN(samples / MI__MAX(each, MI__IIC_BLOCK), MI__IIC_SHARES), 1);
}

void mi__iic_join(const mi_iic *iic, mi__iic_head *h, int64_t shares) {
    for (int64_t s = 1; s < shares; s++) {
        const double *from = mi__iic_share_of(iic, h, s).joint;
        for (int64_t i = 0; i < h->classes * h->ld; i++)
            h->joint[i] += from[i];
    }
}
