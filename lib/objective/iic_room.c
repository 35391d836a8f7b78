/* SPDX-License-Identifier: BSD-2-Clause */
/* The room that heads compute in: one piece of memory that only grows. */
#include "iic.h"

#include <inttypes.h>
#include <string.h>

int64_t mi__iic_round_up(int64_t n, int64_t unit) {
    return (n + unit - 1) / unit * unit;
}

static int64_t padded(int64_t classes) {
    return mi__iic_round_up(classes, MI__TILE_ROWS);
}

/* Strides of whole pages would put a column of a tile into one set of the cache. */
static int64_t stride_of(int64_t classes) {
    int64_t ld = mi__iic_round_up(classes, MI__TILE_COLS);
    return ld % 512 == 0 ? ld + MI__TILE_COLS : ld;
}

bool mi__iic_few(const mi__iic_head *h) {
    return h->classes <= MI__IIC_FEW;
}

/* In doubles, a multiple of 64 bytes. */
static int64_t floats(int64_t count) {
    return mi__iic_round_up(count, 16) / 2;
}

static int64_t matrix_size(const mi__iic_head *h) {
    return mi__iic_round_up(padded(h->classes) * h->ld, MI__TILE_COLS);
}

static int64_t own_size(const mi_iic *iic, const mi__iic_head *h) {
    return matrix_size(h) * (iic->symmetric ? 1 : 2) + 3 * h->ld +
           (mi__iic_few(h) ? 0 : floats(h->classes * h->classes));
}

static int64_t share_size(const mi__iic_head *h) {
    return 3 * MI__IIC_BLOCK * h->ld + matrix_size(h);
}

static int64_t panel_size(const mi__iic_head *h) {
    return floats(h->classes * MI__MIN(h->classes, MI__IIC_PANEL));
}

static int64_t scratch_size(const mi_iic *iic, const mi__iic_head *h) {
    if (mi__iic_few(h))
        return MI__IIC_SHARES * share_size(h);
    return 3 * MI__IIC_BLOCK * h->ld + 2 * floats(MI__IIC_GATHER * h->classes) + panel_size(h) +
           MI__IIC_GATHER * h->ld + 6 * h->ld +
           (int64_t)iic->kernels->product_work(iic->context) / (int64_t)sizeof(double) + 8;
}

mi__iic_share mi__iic_share_of(const mi_iic *iic, const mi__iic_head *h, int64_t index) {
    double *at = iic->space + index * share_size(h);
    const int64_t block = MI__IIC_BLOCK * h->ld;
    return (mi__iic_share){at, at + block, at + 2 * block, index == 0 ? h->joint : at + 3 * block};
}

static double *take(double **at, int64_t size) {
    double *from = *at;
    *at += size;
    return from;
}

mi__iic_float_room mi__iic_floats_of(const mi_iic *iic, const mi__iic_head *h) {
    double *at = iic->space + 3 * MI__IIC_BLOCK * h->ld;
    const int64_t block = floats(MI__IIC_GATHER * h->classes);
    mi__iic_float_room r;
    r.z = (float *)take(&at, block);
    r.w = (float *)take(&at, block);
    r.wide = take(&at, MI__IIC_GATHER * h->ld);
    r.panel = (float *)take(&at, panel_size(h));
    r.low_z = take(&at, h->ld);
    r.low_w = take(&at, h->ld);
    r.sum_z = take(&at, h->ld);
    r.sum_w = take(&at, h->ld);
    r.least_z = (float *)take(&at, h->ld);
    r.least_w = (float *)take(&at, h->ld);
    r.work = at;
    return r;
}

mi_status mi__iic_grow(mi_iic *iic, double **out, int64_t *have, int64_t count) {
    if (count <= *have)
        return MI_OK;
    mi__free(iic->context, *out, *have, sizeof(double));
    *have = 0;
    *out = mi__alloc(iic->context, count, sizeof(double));
    if (*out == NULL)
        return MI_E_NOMEM;
    *have = count;
    return MI_OK;
}

static mi_status grow_heads(mi_iic *iic, int32_t count) {
    if (count <= iic->capacity)
        return MI_OK;
    mi__free(iic->context, iic->head, iic->capacity, sizeof *iic->head);
    iic->capacity = 0;
    iic->head = mi__alloc(iic->context, count, sizeof *iic->head);
    if (iic->head == NULL)
        return MI_E_NOMEM;
    iic->capacity = count;
    return MI_OK;
}

static double *place(const mi_iic *iic, mi__iic_head *h, double *at) {
    h->joint = h->turned = at;
    at += matrix_size(h);
    if (!iic->symmetric) {
        h->turned = at;
        at += matrix_size(h);
    }
    memset(h->joint, 0, (size_t)(at - h->joint) * sizeof(double));
    h->row = at;
    h->column = h->row + h->ld;
    h->part = h->column + h->ld;
    at += 3 * h->ld;
    if (!mi__iic_few(h)) {
        h->single = (float *)at;
        at += floats(h->classes * h->classes);
    }
    return at;
}

mi_status mi__iic_reserve(mi_iic *iic, int32_t count, const int64_t *classes, int64_t step) {
    int64_t size = 0, scratch = 0;
    iic->phase = MI__IIC_IDLE;
    MI__TRY(grow_heads(iic, count));
    for (int32_t i = 0; i < count; i++) {
        mi__iic_head *h = &iic->head[i];
        *h = (mi__iic_head){.classes = classes[i * step], .ld = stride_of(classes[i * step])};
        if (own_size(iic, h) > INT64_MAX / 2 - size)
            return mi__fail(MI_E_SHAPE, "%" PRId32 " heads are too many", count);
        size += own_size(iic, h);
        scratch = MI__MAX(scratch, scratch_size(iic, h));
    }
    MI__TRY(mi__iic_grow(iic, &iic->space, &iic->space_count, scratch + size));
    double *at = iic->space + scratch;
    for (int32_t i = 0; i < count; i++)
        at = place(iic, &iic->head[i], at);
    iic->count = count;
    iic->phase = MI__IIC_BEGUN;
    return MI_OK;
}
