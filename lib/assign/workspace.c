/* SPDX-License-Identifier: BSD-2-Clause */
/* What a solver works in. */
#include "solver.h"

#include <math.h>
#include <string.h>

/* Where rows are the caller's columns, all are copied: at once if there are so few costs that the
 * copy stays in a cache, else once one in so many of the columns was read. */
#define FEW_COSTS (1 << 19)
#define FEW_READS 16

static void *place(char *room, int64_t *at, int64_t count, size_t size) {
    void *array = room == NULL ? NULL : room + *at;
    *at += (count * (int64_t)size + 63) / 64 * 64;
    return array;
}

/* Lays the arrays out in `room`, or nowhere if that is NULL; the bytes. */
static int64_t lay_out(mi__solver *s, const mi__costs *c, char *room) {
    const int64_t rows = c->rows, cols = c->cols;
    const bool lists = cols > MI__DENSE;
    int64_t at = 0;
    s->price = place(room, &at, cols, sizeof *s->price);
    s->owner = place(room, &at, cols, sizeof *s->owner);
    s->match = place(room, &at, cols, sizeof *s->match);
    s->paid = place(room, &at, cols, sizeof *s->paid);
    s->free = place(room, &at, cols, sizeof *s->free);
    s->zero = place(room, &at, cols, sizeof *s->zero);
    s->line = place(room, &at, cols, sizeof *s->line);
    s->open = place(room, &at, cols, sizeof *s->open);
    s->some = place(room, &at, cols, sizeof *s->some);
    s->far = place(room, &at, cols, sizeof *s->far);
    s->before = place(room, &at, cols, sizeof *s->before);
    s->length = place(room, &at, cols, sizeof *s->length);
    s->settled = place(room, &at, cols, sizeof *s->settled);
    s->heap = place(room, &at, lists ? MI__PUSHES(cols) : rows, sizeof *s->heap);
    if (lists) {
        s->touched = place(room, &at, cols, sizeof *s->touched);
        s->reach = place(room, &at, cols, sizeof *s->reach);
        s->list = place(room, &at, rows + 1, sizeof *s->list);
        s->low = place(room, &at, c->turned ? MI__CLASSES * rows : 0, sizeof *s->low);
    }
    return at;
}

mi_status mi__solver_copy_room(mi__solver *s, int64_t count) {
    if (count <= s->copy_count && s->copy != NULL)
        return MI_OK;
    mi__free(s->context, s->copy, s->copy_count, sizeof *s->copy);
    s->copy_count = 0;
    s->copy = mi__alloc(s->context, count, sizeof *s->copy);
    if (s->copy == NULL)
        return MI_E_NOMEM;
    s->copy_count = count;
    return MI_OK;
}

/* Takes the caller's columns to rows. Short of memory, they are read where they are. */
static void straighten(mi__solver *s) {
    if (mi__solver_copy_room(s, s->rows * s->cols) != MI_OK)
        return;
    mi__costs_transpose(&s->costs, s->copy);
    s->costs.data = s->copy;
    s->costs.ld = s->cols;
    s->costs.type = MI_ASSIGN_F64;
    s->costs.turned = false;
}

mi_status mi__solver_begin(mi__solver *s, const mi__costs *costs) {
    const int64_t bytes = lay_out(s, costs, NULL);
    if (bytes > s->room_bytes || s->room == NULL) {
        mi__free(s->context, s->room, s->room_bytes, 1);
        s->room_bytes = 0;
        s->room = mi__alloc(s->context, bytes, 1);
        if (s->room == NULL)
            return MI_E_NOMEM;
        s->room_bytes = bytes;
    }
    lay_out(s, costs, s->room);
    s->costs = *costs;
    s->rows = s->all = costs->rows;
    s->cols = costs->cols;
    s->dense = s->cols <= MI__DENSE;
    s->reads = s->searches = 0;
    memset(s->price, 0, (size_t)s->cols * sizeof *s->price);
    memset(s->zero, 0, (size_t)s->cols * sizeof *s->zero);
    for (int64_t j = 0; j < s->cols && !s->dense; j++)
        s->far[j] = INFINITY;
    mi__lists_forget(s);
    if (!costs->turned || s->rows * s->cols > FEW_COSTS)
        return MI_OK;
    MI__TRY(mi__solver_copy_room(s, s->rows * s->cols));
    straighten(s);
    return MI_OK;
}

void mi__solver_release(mi__solver *s) {
    mi__free(s->context, s->room, s->room_bytes, 1);
    mi__free(s->context, s->copy, s->copy_count, sizeof *s->copy);
    s->room = NULL;
    s->copy = NULL;
    s->room_bytes = s->copy_count = 0;
}

const double *mi__row(mi__solver *s, int64_t i) {
    if (i >= s->rows)
        return s->zero;
    if (s->costs.turned && s->reads++ == s->rows / FEW_READS)
        straighten(s);
    return mi__costs_row(&s->costs, i, s->line);
}
