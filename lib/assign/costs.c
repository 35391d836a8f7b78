/* SPDX-License-Identifier: BSD-2-Clause */
#include "costs.h"

#include <math.h>

/* An element of what the caller has, exactly. */
static double element(const mi__costs *c, int64_t at) {
    switch (c->type) {
    case MI_ASSIGN_F32: return ((const float *)c->data)[at];
    case MI_ASSIGN_I64:
        return (double)(int64_t)((uint64_t)((const int64_t *)c->data)[at] - (uint64_t)c->low);
    case MI_ASSIGN_I32: return ((const int32_t *)c->data)[at];
    default: return ((const double *)c->data)[at];
    }
}

static const void *element_at(const mi__costs *c, int64_t at) {
    const int64_t size = c->type == MI_ASSIGN_F64 || c->type == MI_ASSIGN_I64 ? 8 : 4;
    return (const char *)c->data + at * size;
}

double mi__costs_at(const mi__costs *c, int64_t i, int64_t j) {
    return element(c, c->turned ? j * c->ld + i : i * c->ld + j);
}

const double *mi__costs_row(const mi__costs *c, int64_t i, double *line) {
    if (c->turned) {
        for (int64_t j = 0; j < c->cols; j++)
            line[j] = element(c, j * c->ld + i);
        return line;
    }
    const int64_t at = i * c->ld;
    if (c->type == MI_ASSIGN_F64)
        return (const double *)c->data + at;
    if (c->type == MI_ASSIGN_F32) {
        const float *row = (const float *)c->data + at;
        for (int64_t j = 0; j < c->cols; j++)
            line[j] = row[j];
    } else if (c->type == MI_ASSIGN_I32) {
        const int32_t *row = (const int32_t *)c->data + at;
        for (int64_t j = 0; j < c->cols; j++)
            line[j] = row[j];
    } else
        for (int64_t j = 0; j < c->cols; j++)
            line[j] = element(c, at + j);
    return line;
}

bool mi__costs_check(const mi__costs *c, int64_t cols, const double *row, int64_t *wrong,
                     bool *large) {
    int bad = 0, big = 0;
    for (int64_t j = 0; j < cols; j++) {
        const double cost = c->factor * row[j];
        bad |= !(cost > -INFINITY);
        big |= (fabs(cost) > MI__LARGE_COST) & (cost < INFINITY);
    }
    *large |= big != 0;
    if (!bad)
        return true;
    for (*wrong = 0; c->factor * row[*wrong] > -INFINITY;)
        ++*wrong;
    return false;
}

#define BLOCK 8 /* a cache line of doubles */

void mi__costs_transpose(const mi__costs *c, double *out) {
    mi__costs flat = *c;
    flat.turned = false;
    flat.cols = c->rows;
    double room[BLOCK * BLOCK];
    for (int64_t i = 0; i < c->cols; i += BLOCK) {
        const int64_t height = MI__MIN(BLOCK, c->cols - i);
        for (int64_t j = 0; j < c->rows; j += BLOCK) {
            const int64_t width = MI__MIN(BLOCK, c->rows - j);
            const double *row[BLOCK];
            flat.cols = width;
            for (int64_t a = 0; a < BLOCK; a++) {
                flat.data = element_at(c, MI__MIN(i + a, c->cols - 1) * c->ld + j);
                row[a] = mi__costs_row(&flat, 0, room + a * BLOCK);
            }
            double *to = out + j * c->cols + i;
            if (height == BLOCK)
                for (int64_t b = 0; b < width; b++, to += c->cols)
                    for (int64_t a = 0; a < BLOCK; a++)
                        to[a] = row[a][b];
            else
                for (int64_t b = 0; b < width; b++, to += c->cols)
                    for (int64_t a = 0; a < height; a++)
                        to[a] = row[a][b];
        }
    }
}
