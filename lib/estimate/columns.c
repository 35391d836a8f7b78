/* SPDX-License-Identifier: BSD-2-Clause */
#include "columns.h"

#include "../kernel/kernel.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Samples a column. */
#define FEW 10
/* What may be left of a column's variance once others are known: less is rounding. */
#define SINGULAR 1e-12
/* The sum over samples is split whatever the number of threads, if that takes little room. */
#define SHARES 16
#define SHARE_ROWS 4096
#define SHARE_COLUMNS 512
/* Samples that are summed up before they are added to others; numbers that they have. */
#define BLOCK 256
#define BLOCK_NUMBERS 16384
/* Rows of products, whole tiles both ways; numbers in those that one task makes. */
#define GROUP (4 * MI__TILE_ROWS)
#define PANEL_NUMBERS 32768
/* Samples, products that are worth a thread of their own. */
#define GRAIN 512
#define WORTH 65536

static int64_t round_up(int64_t count, int64_t unit) {
    return (count + unit - 1) / unit * unit;
}

mi_status mi__columns_check(const mi__question *q, const char *method) {
    const mi__rows *variables[] = {&q->x, &q->y, &q->z};
    int64_t columns = 0;
    for (int v = 0; v < 3; v++)
        columns += variables[v]->d;
    if (q->x.n <= columns)
        return mi__fail(MI_E_ARG,
                        "%s takes more samples than columns: there are %" PRId64
                        " samples of %" PRId64 " columns",
                        method, q->x.n, columns);
    return MI_OK;
}

void mi__columns_free(mi__columns *c) {
    mi_context *ctx = c->ctx;
    mi__free(ctx, c->room, c->pieces * c->ld, sizeof *c->room);
    mi__free(ctx, c->all.out, 2 * c->d, sizeof *c->all.out);
    mi__free(ctx, c->all.order, 2 * c->d, sizeof *c->all.order);
    mi__free(ctx, c->log_scale, c->d, sizeof *c->log_scale);
    mi__free(ctx, c->given_z, c->ld * c->ld, sizeof *c->given_z);
    mi__free(ctx, c->sums, c->shares * c->ld * c->ld, sizeof *c->sums);
    mi__free(ctx, c->data, c->n * c->ld, sizeof *c->data);
}

mi_status mi__columns_make(const mi__question *q, int64_t n, mi__columns *out) {
    mi__columns c = {.ctx = q->ctx, .n = n};
    mi_context *ctx = q->ctx;
    int64_t size;
    c.begin[1] = q->z.d;
    c.begin[2] = q->z.d + q->x.d;
    c.begin[3] = c.d = q->z.d + q->x.d + q->y.d;
    c.ld = round_up(c.d, GROUP);
    c.panel = MI__MAX(PANEL_NUMBERS / c.ld / GROUP, 1) * GROUP;
    c.shares = c.d > SHARE_COLUMNS ? 1 : MI__MAX(MI__MIN(c.n / SHARE_ROWS, SHARES), 1);
    c.pieces = MI__MAX(MI__MIN(c.n / GRAIN, (int64_t)ctx->threads), 1);
    if (!mi__multiply(c.n, c.ld, &size) || !mi__multiply(c.ld, c.ld, &size))
        return mi__fail(MI_E_NOMEM, "no memory for %" PRId64 " columns", c.d);
    c.data = mi__alloc_zero(ctx, c.n * c.ld, sizeof *c.data);
    c.sums = mi__alloc(ctx, c.shares * c.ld * c.ld, sizeof *c.sums);
    c.given_z = mi__alloc(ctx, c.ld * c.ld, sizeof *c.given_z);
    c.log_scale = mi__alloc_zero(ctx, c.d, sizeof *c.log_scale);
    c.all.order = mi__alloc(ctx, 2 * c.d, sizeof *c.all.order);
    c.all.out = mi__alloc_zero(ctx, 2 * c.d, sizeof *c.all.out);
    c.room = mi__alloc(ctx, c.pieces * c.ld, sizeof *c.room);
    if (c.data == NULL || c.sums == NULL || c.given_z == NULL || c.log_scale == NULL ||
        c.all.order == NULL || c.all.out == NULL || c.room == NULL) {
        mi__columns_free(&c);
        return MI_E_NOMEM;
    }
    c.all.left = c.sums;
    c.y = (mi__elimination){.left = c.given_z, .order = c.all.order + c.d, .out = c.all.out + c.d};
    *out = c;
    return MI_OK;
}

int32_t mi__columns_few(const mi__columns *c) {
    return c->n / FEW < c->d ? MI_WARNING_FEW : 0;
}

/* -- products ---------------------------------------------------------------------------------- */

typedef struct product {
    mi__columns *c;
    const mi__kernels *kernels;
    const double *weight;
    int64_t panels;
} product;

/* A group of columns in a block of samples, times the samples' weights. */
static void weigh(const product *p, int64_t begin, int64_t samples, int64_t column, double *to) {
    for (int64_t i = 0; i < samples; i++)
        for (int64_t j = 0; j < GROUP; j++)
            to[i * GROUP + j] =
                p->weight[begin + i] * p->c->data[(begin + i) * p->c->ld + column + j];
}

static void multiply_group(const product *p, int64_t begin, int64_t samples, int64_t column,
                           double *sums) {
    const mi__columns *c = p->c;
    double weighted[BLOCK * GROUP];
    const double *from = c->data + begin * c->ld + column;
    if (p->weight != NULL)
        weigh(p, begin, samples, column, weighted);
    const mi__tiles t = {.columns = c->ld - column,
                         .depth = samples,
                         .a = p->weight != NULL ? weighted : from,
                         .row = 1,
                         .step = p->weight != NULL ? GROUP : c->ld,
                         .b = from,
                         .ldb = c->ld,
                         .c = sums + column * c->ld + column,
                         .ldc = c->ld,
                         .add = true};
    p->kernels->tiles(&t, 0, GROUP / MI__TILE_ROWS);
}

/* One share of the samples, one panel of the products, from the diagonal on. Blocks of samples stay
 * in the cache, and so does the panel. */
static void multiply_task(void *arg, int64_t task) {
    const product *p = arg;
    const mi__columns *c = p->c;
    const int64_t share = task / p->panels, first = task % p->panels * c->panel;
    const int64_t end = c->n * (share + 1) / c->shares, last = MI__MIN(first + c->panel, c->ld);
    const int64_t block = MI__MAX(MI__MIN(BLOCK_NUMBERS / c->ld, BLOCK), 16);
    for (int64_t i = c->n * share / c->shares; i < end; i += block)
        for (int64_t column = first; column < last; column += GROUP)
            multiply_group(p, i, MI__MIN(block, end - i), column, c->sums + share * c->ld * c->ld);
}

void mi__columns_multiply(mi__columns *c, const double *weight) {
    const product p = {c, mi__kernels_select(), weight, (c->ld + c->panel - 1) / c->panel};
    memset(c->sums, 0, (size_t)(c->shares * c->ld * c->ld) * sizeof *c->sums);
    mi__parallel_for(c->ctx, c->shares * p.panels, multiply_task, (void *)&p);
    for (int64_t i = 0; i < c->d; i++)
        for (int64_t j = i; j < c->d; j++) {
            double *sum = c->sums + i * c->ld + j;
            for (int64_t share = 1; share < c->shares; share++)
                *sum += sum[share * c->ld * c->ld];
            *sum /= (double)c->n;
            c->sums[j * c->ld + i] = *sum;
        }
}

/* -- elimination ------------------------------------------------------------------------------- */

typedef struct reduction {
    const mi__columns *c;
    mi__elimination *e;
    int64_t pivot;
} reduction;

static void reduce_rows(void *arg, int64_t begin, int64_t end) {
    const reduction *r = arg;
    const int64_t ld = r->c->ld;
    const double *from = r->e->left + r->pivot * ld;
    for (int64_t i = begin; i < end; i++) {
        double *to = r->e->left + i * ld;
        const double factor = to[r->pivot] / from[r->pivot];
        for (int64_t j = 0; j < r->c->d && !r->e->out[i]; j++)
            to[j] -= factor * from[j];
    }
}

/* Returns the logarithm of the variance that the column had left. */
static double eliminate(mi__columns *c, mi__elimination *e, int64_t column) {
    const reduction r = {c, e, column};
    e->order[e->count++] = column;
    e->out[column] = true;
    mi__parallel_ranges(c->ctx, c->d, MI__MAX(WORTH / c->d, 1), reduce_rows, (void *)&r);
    return log(e->left[column * c->ld + column]);
}

double mi__columns_eliminate(mi__columns *c, mi__elimination *e, int64_t begin, int64_t end) {
    double log_det = 0;
    for (;;) {
        int64_t best = -1;
        double most = SINGULAR;
        for (int64_t j = begin; j < end; j++)
            if (!e->out[j] && e->left[j * c->ld + j] > most) {
                most = e->left[j * c->ld + j];
                best = j;
            }
        if (best < 0)
            return log_det;
        log_det += eliminate(c, e, best);
    }
}

double mi__columns_squares(const mi__columns *c, const mi__elimination *e, double *sample,
                           int64_t from, int64_t to) {
    double sum = 0;
    for (int64_t k = from; k < to; k++) {
        const double *row = e->left + e->order[k] * c->ld;
        const double factor = sample[e->order[k]] / row[e->order[k]];
        sum += factor * sample[e->order[k]];
        for (int64_t j = 0; j < c->d; j++)
            sample[j] -= factor * row[j];
    }
    return sum;
}

/* -- parts ------------------------------------------------------------------------------------- */

/* Columns that vary. */
static int64_t varying(const mi__columns *c) {
    int64_t count = 0;
    for (int64_t j = 0; j < c->d; j++)
        count += c->log_scale[j] > -INFINITY;
    return count;
}

/* Of y given z, and of y given z and x; their difference tells what x tells. */
mi__parts mi__columns_split(mi__columns *c) {
    mi__parts p = {0};
    mi__elimination *all = &c->all, *y = &c->y;
    all->count = 0;
    memset(all->out, 0, (size_t)c->d * sizeof *all->out);
    p.log_z = mi__columns_eliminate(c, all, 0, c->begin[1]);
    p.z = y->count = all->count;
    memcpy(y->left, all->left, (size_t)(c->ld * c->ld) * sizeof *y->left);
    memcpy(y->order, all->order, (size_t)p.z * sizeof *y->order);
    memcpy(y->out, all->out, (size_t)c->d * sizeof *y->out);
    p.log_y = mi__columns_eliminate(c, y, c->begin[2], c->d);
    p.log_x = mi__columns_eliminate(c, all, c->begin[1], c->begin[2]);
    p.xz = all->count;
    p.warnings |= p.xz + y->count - p.z < varying(c) ? MI_WARNING_SINGULAR : 0;
    for (int64_t k = p.z; k < y->count && !p.infinite; k++) {
        const int64_t column = y->order[k];
        p.infinite = all->left[column * c->ld + column] <= SINGULAR;
        p.log_y_x += p.infinite ? -INFINITY : eliminate(c, all, column);
    }
    p.warnings |= p.infinite ? MI_WARNING_SINGULAR : 0;
    return p;
}

double mi__columns_chance(int64_t n, int64_t others, int64_t columns) {
    double sum = 0;
    for (int64_t i = 1; i <= columns; i++)
        sum += mi__digamma((double)(n - others - i) / 2);
    return sum;
}

double mi__columns_bias(const mi__columns *c, const mi__parts *p) {
    const int64_t x = p->xz - p->z;
    return (mi__columns_chance(c->n, p->z, x) - mi__columns_chance(c->n, c->y.count, x)) / 2;
}
