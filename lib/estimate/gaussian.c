/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimates that are right where numbers are jointly Gaussian: from the logarithm of determinants
 * of covariances, less what it is off by on average. With n samples in d columns that is the sum
 * of psi((n - i) / 2) for i = 1 to d, less d ln(n / 2), whatever the covariance is (J. Wishart,
 * 1928); I(x; y | z) keeps the part of (x, z) and of (y, z), less that of z and of (x, y, z). On
 * fewer than ten samples a column there is a warning; there is no limit to what can be said. */
#include "estimate.h"

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
#define LOG_2PI 1.83787706640934548356

/* Columns of z, x and y side by side, less their means and divided by their deviations. */
typedef struct model {
    const mi__question *q;
    const mi__kernels *kernels;
    int64_t n, d, ld;
    int64_t begin[4];  /* where z, x and y begin, and y ends */
    double *data;      /* [n][ld] */
    double *sums;      /* [shares][ld][ld], of products; then the first is the covariance */
    double *given_z;   /* [ld][ld], what is left of it once z is known */
    double *log_scale; /* [d], of each deviation; -infinity: it is constant */
    int64_t *order;    /* [d], in which columns are eliminated: z, x, y; */
    int64_t *order_y;  /* [d], z, y */
    bool *out;         /* [2][d], whether they are */
    double *room;      /* [pieces][ld], for a sample */
    int64_t shares, panel, panels, pieces;
} model;

static int64_t round_up(int64_t count, int64_t unit) {
    return (count + unit - 1) / unit * unit;
}

static void free_model(model *m) {
    mi_context *ctx = m->q->ctx;
    mi__free(ctx, m->room, m->pieces * m->ld, sizeof *m->room);
    mi__free(ctx, m->out, 2 * m->d, sizeof *m->out);
    mi__free(ctx, m->order_y, m->d, sizeof *m->order_y);
    mi__free(ctx, m->order, m->d, sizeof *m->order);
    mi__free(ctx, m->log_scale, m->d, sizeof *m->log_scale);
    mi__free(ctx, m->given_z, m->ld * m->ld, sizeof *m->given_z);
    mi__free(ctx, m->sums, m->shares * m->ld * m->ld, sizeof *m->sums);
    mi__free(ctx, m->data, m->n * m->ld, sizeof *m->data);
}

static mi_status make_model(const mi__question *q, model *out) {
    model m = {.q = q, .kernels = mi__kernels_select(), .n = q->x.n};
    mi_context *ctx = q->ctx;
    int64_t size;
    m.begin[1] = q->z.d;
    m.begin[2] = q->z.d + q->x.d;
    m.begin[3] = m.d = q->z.d + q->x.d + q->y.d;
    m.ld = round_up(m.d, GROUP);
    m.panel = MI__MAX(PANEL_NUMBERS / m.ld / GROUP, 1) * GROUP;
    m.panels = (m.ld + m.panel - 1) / m.panel;
    m.shares = m.d > SHARE_COLUMNS ? 1 : MI__MAX(MI__MIN(m.n / SHARE_ROWS, SHARES), 1);
    m.pieces = MI__MAX(MI__MIN(m.n / GRAIN, (int64_t)ctx->threads), 1);
    if (!mi__multiply(m.n, m.ld, &size) || !mi__multiply(m.ld, m.ld, &size))
        return mi__fail(MI_E_NOMEM, "no memory for %" PRId64 " columns", m.d);
    m.data = mi__alloc_zero(ctx, m.n * m.ld, sizeof *m.data);
    m.sums = mi__alloc_zero(ctx, m.shares * m.ld * m.ld, sizeof *m.sums);
    m.given_z = mi__alloc(ctx, m.ld * m.ld, sizeof *m.given_z);
    m.log_scale = mi__alloc(ctx, m.d, sizeof *m.log_scale);
    m.order = mi__alloc(ctx, m.d, sizeof *m.order);
    m.order_y = mi__alloc(ctx, m.d, sizeof *m.order_y);
    m.out = mi__alloc_zero(ctx, 2 * m.d, sizeof *m.out);
    m.room = mi__alloc(ctx, m.pieces * m.ld, sizeof *m.room);
    *out = m;
    if (m.data != NULL && m.sums != NULL && m.given_z != NULL && m.log_scale != NULL &&
        m.order != NULL && m.order_y != NULL && m.out != NULL && m.room != NULL)
        return MI_OK;
    free_model(&m);
    return MI_E_NOMEM;
}

/* -- covariance -------------------------------------------------------------------------------- */

typedef struct source {
    model *m;
    const mi__rows *rows;
    int64_t at; /* where its columns go */
} source;

static void load_columns(void *arg, int64_t begin, int64_t end) {
    const source *s = arg;
    model *m = s->m;
    mi__moments c[MI__MOMENTS];
    for (int64_t from = begin; from < end; from += MI__MOMENTS) {
        const int64_t count = MI__MIN(MI__MOMENTS, end - from);
        mi__rows_moments(s->rows, from, count, c);
        for (int64_t j = 0; j < count; j++)
            m->log_scale[s->at + from + j] = log(c[j].deviation) - log(c[j].scale);
        for (int64_t i = 0; i < m->n; i++) {
            const double *x = s->rows->x + i * s->rows->d + from;
            double *to = m->data + i * m->ld + s->at + from;
            for (int64_t j = 0; j < count; j++)
                to[j] = c[j].deviation > 0 ? (x[j] * c[j].scale - c[j].mean) / c[j].deviation : 0;
        }
    }
}

/* One share of the samples, one panel of the products, from the diagonal on. Blocks of samples stay
 * in the cache, and so does the panel. */
static void multiply_task(void *arg, int64_t task) {
    const model *m = arg;
    const int64_t share = task / m->panels, panel = task % m->panels;
    const int64_t end = m->n * (share + 1) / m->shares;
    const int64_t last = MI__MIN((panel + 1) * m->panel, m->ld);
    const int64_t block = MI__MAX(MI__MIN(BLOCK_NUMBERS / m->ld, BLOCK), 16);
    for (int64_t i = m->n * share / m->shares; i < end; i += block)
        for (int64_t row = panel * m->panel; row < last; row += GROUP) {
            const double *from = m->data + i * m->ld;
            const mi__tiles t = {.columns = m->ld - row,
                                 .depth = MI__MIN(block, end - i),
                                 .a = from + row,
                                 .row = 1,
                                 .step = m->ld,
                                 .b = from + row,
                                 .ldb = m->ld,
                                 .c = m->sums + share * m->ld * m->ld + row * m->ld + row,
                                 .ldc = m->ld,
                                 .add = true};
            m->kernels->tiles(&t, 0, MI__MIN(GROUP, m->ld - row) / MI__TILE_ROWS);
        }
}

static void measure(model *m) {
    mi_context *ctx = m->q->ctx;
    source s[] = {{m, &m->q->z, 0}, {m, &m->q->x, m->begin[1]}, {m, &m->q->y, m->begin[2]}};
    for (int v = 0; v < 3; v++)
        mi__parallel_ranges(ctx, s[v].rows->d, MI__MOMENTS, load_columns, &s[v]);
    mi__parallel_for(ctx, m->shares * m->panels, multiply_task, m);
    for (int64_t i = 0; i < m->d; i++)
        for (int64_t j = i; j < m->d; j++) {
            double *sum = m->sums + i * m->ld + j;
            for (int64_t share = 1; share < m->shares; share++)
                *sum += sum[share * m->ld * m->ld];
            *sum /= (double)m->n;
            m->sums[j * m->ld + i] = *sum;
        }
}

/* -- elimination ------------------------------------------------------------------------------- */

/* Columns taken out of a covariance one by one: the rows of the others then hold the covariance of
 * these given those; its own row, as it was then, tells how to take a column out of a sample. */
typedef struct elimination {
    const model *m;
    double *left;   /* [ld][ld] */
    int64_t *order; /* [d], of which `count` are out */
    bool *out;      /* [d] */
    int64_t count, pivot;
} elimination;

static void reduce_rows(void *arg, int64_t begin, int64_t end) {
    const elimination *e = arg;
    const double *from = e->left + e->pivot * e->m->ld;
    for (int64_t i = begin; i < end; i++) {
        double *to = e->left + i * e->m->ld;
        const double factor = to[e->pivot] / from[e->pivot];
        for (int64_t j = 0; j < e->m->d && !e->out[i]; j++)
            to[j] -= factor * from[j];
    }
}

/* Returns the logarithm of the variance that the column had left. */
static double eliminate(elimination *e, int64_t column) {
    e->pivot = column;
    e->order[e->count++] = column;
    e->out[column] = true;
    mi__parallel_ranges(e->m->q->ctx, e->m->d, MI__MAX(WORTH / e->m->d, 1), reduce_rows, e);
    return log(e->left[column * e->m->ld + column]);
}

/* Those of a variable that don't follow from others, the one with most left first. */
static double eliminate_variable(elimination *e, int64_t begin, int64_t end) {
    double log_det = 0;
    for (;;) {
        int64_t best = -1;
        double most = SINGULAR;
        for (int64_t j = begin; j < end; j++)
            if (!e->out[j] && e->left[j * e->m->ld + j] > most) {
                most = e->left[j * e->m->ld + j];
                best = j;
            }
        if (best < 0)
            return log_det;
        log_det += eliminate(e, best);
    }
}

/* Takes a sample's columns out; its squared length in those from step `from` on. */
static double squares(const elimination *e, double *sample, int64_t from) {
    double sum = 0;
    for (int64_t k = 0; k < e->count; k++) {
        const double *row = e->left + e->order[k] * e->m->ld;
        const double factor = sample[e->order[k]] / row[e->order[k]];
        sum += k < from ? 0 : factor * sample[e->order[k]];
        for (int64_t j = 0; j < e->m->d; j++)
            sample[j] -= factor * row[j];
    }
    return sum;
}

/* -- answers ----------------------------------------------------------------------------------- */

/* What `columns` of samples add to the logarithm of a determinant by chance, less a part that
 * cancels, after others were eliminated. */
static double chance(int64_t n, int64_t others, int64_t columns) {
    double sum = 0;
    for (int64_t i = 1; i <= columns; i++)
        sum += mi__digamma((double)(n - others - i) / 2);
    return sum;
}

/* Columns that vary. */
static int64_t varying(const model *m) {
    int64_t count = 0;
    for (int64_t j = 0; j < m->d; j++)
        count += m->log_scale[j] > -INFINITY;
    return count;
}

typedef struct share {
    const model *m;
    const elimination *all, *y; /* y NULL: an entropy */
    int64_t from, from_y;       /* steps that count */
    double base;
} share;

static void fill_local(void *arg, int64_t piece) {
    const share *s = arg;
    const model *m = s->m;
    double *room = m->room + piece * m->ld;
    const int64_t end = m->n * (piece + 1) / m->pieces;
    for (int64_t i = m->n * piece / m->pieces; i < end; i++) {
        double *sample = m->data + i * m->ld;
        memcpy(room, sample, (size_t)m->d * sizeof *room);
        const double all = squares(s->all, sample, s->from);
        m->q->local[i] =
            s->base + (s->y != NULL ? (squares(s->y, room, s->from_y) - all) / 2 : all / 2);
    }
}

static void fill(double *x, int64_t n, double value) {
    for (int64_t i = 0; x != NULL && i < n; i++)
        x[i] = value;
}

/* Of y given z, and of y given z and x; their difference tells what x tells. */
static double information(model *m, elimination *all, elimination *y, int32_t *warnings) {
    eliminate_variable(all, 0, m->begin[1]);
    const int64_t z = all->count;
    memcpy(y->left, all->left, (size_t)(m->ld * m->ld) * sizeof *y->left);
    memcpy(y->order, all->order, (size_t)z * sizeof *y->order);
    memcpy(y->out, all->out, (size_t)m->d * sizeof *y->out);
    y->count = z;
    const double given_z = eliminate_variable(y, m->begin[2], m->d);
    eliminate_variable(all, m->begin[1], m->begin[2]);
    const int64_t xz = all->count;
    double given_xz = 0;
    *warnings |= xz + y->count - z < varying(m) ? MI_WARNING_SINGULAR : 0;
    for (int64_t k = z; k < y->count; k++) {
        const int64_t column = y->order[k];
        if (all->left[column * m->ld + column] <= SINGULAR) {
            *warnings |= MI_WARNING_SINGULAR;
            fill(m->q->local, m->n, INFINITY);
            return INFINITY;
        }
        given_xz += eliminate(all, column);
    }
    const double plain = (given_z - given_xz) / 2;
    const share s = {m, all, y, xz, z, plain};
    if (m->q->local != NULL)
        mi__parallel_for(m->q->ctx, m->pieces, fill_local, (void *)&s);
    return plain - (chance(m->n, z, xz - z) - chance(m->n, y->count, xz - z)) / 2;
}

static double entropy(model *m, elimination *all, int32_t *warnings) {
    double plain = eliminate_variable(all, 0, m->d) / 2;
    if (all->count < m->d) {
        *warnings |= MI_WARNING_SINGULAR;
        fill(m->q->local, m->n, -INFINITY);
        return -INFINITY;
    }
    for (int64_t j = 0; j < m->d; j++)
        plain += m->log_scale[j] + LOG_2PI / 2;
    const share s = {m, all, NULL, 0, 0, plain};
    if (m->q->local != NULL)
        mi__parallel_for(m->q->ctx, m->pieces, fill_local, (void *)&s);
    const double off = chance(m->n, 0, m->d) - (double)m->d * log((double)m->n / 2);
    return plain + ((double)m->d - off) / 2;
}

static mi_status check(const mi__question *q) {
    const mi__rows *variables[] = {&q->x, &q->y, &q->z};
    int64_t columns = 0;
    for (int v = 0; v < 3; v++) {
        columns += variables[v]->d;
        if (variables[v]->d > 0 && variables[v]->discrete)
            return mi__fail(MI_E_UNSUPPORTED,
                            "gaussian takes numbers, but %c is discrete: discrete, histogram, ross "
                            "and gao can",
                            "xyz"[v]);
    }
    if (q->x.n <= columns)
        return mi__fail(MI_E_ARG,
                        "gaussian takes more samples than columns: there are %" PRId64
                        " samples of %" PRId64 " columns",
                        q->x.n, columns);
    return MI_OK;
}

mi_status mi__estimate_gaussian(const mi__question *question, mi__answer *answer) {
    model m;
    mi__answer a = {.cap = INFINITY};
    MI__TRY(check(question));
    MI__TRY(make_model(question, &m));
    measure(&m);
    elimination all = {.m = &m, .left = m.sums, .order = m.order, .out = m.out};
    elimination y = {.m = &m, .left = m.given_z, .order = m.order_y, .out = m.out + m.d};
    a.value =
        question->y.d > 0 ? information(&m, &all, &y, &a.warnings) : entropy(&m, &all, &a.warnings);
    a.warnings |= m.n / FEW < m.d ? MI_WARNING_FEW : 0;
    *answer = a;
    free_model(&m);
    return MI_OK;
}
