/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbours among a few numbers that are made of many columns, so as to lose little of what x and
 * y have in common. Each sample's columns, of x and of y apart, get two companions: their length,
 * and their products with it; so turns and stretches that depend on how far out a sample is are
 * seen. H. Hotelling's canonical variates of these, 1936, are the combinations of x's and of y's
 * that correlate most. Neighbours are looked for among the first two of each, without and with the
 * lengths, and among all columns if they are few. All of these are functions of x alone and of y
 * alone, so they can tell less than x and y do, never more; and so that chance doesn't tell more
 * either, combinations are found on one half of the samples and used on the other, both ways.
 *
 * The bias of neighbours goes about as (k / n)^(2 / columns). From two k the value at k = 0 is
 * found, if that is higher. */
#include "columns.h"

#include "../base/random.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define VARIATES 2
#define ALL_COLUMNS 6   /* x's and y's together */
#define LEAST_GAIN 0.02 /* nats that more columns must tell */
#define TURNS 60        /* towards the combinations */
#define RIDGE 1e-6      /* of a variance: columns that follow from others do no harm */
#define GRAIN 256

enum { BARE, WITH_LENGTH, ALL, CANDIDATES };
enum { NEAR, FAR, DISTANCES }; /* the two k */

typedef struct side {
    const mi__rows *rows;
    int64_t d, p;      /* columns, with their companions */
    double *companion; /* [n][p], shuffled: columns, products, length */
    double *mean;      /* [p], of the half that is learnt from */
    double *root;      /* [p][p]: the lower triangle times its transpose is the covariance */
    double *way;       /* [VARIATES][p] */
    double *seen;      /* [n][ALL_COLUMNS]: what neighbours are looked for in */
} side;

typedef struct work {
    const mi__question *q;
    int64_t n, *order; /* [n]: two halves, shuffled */
    int32_t k[DISTANCES];
    side side[2];                         /* x, y */
    double *local[CANDIDATES][DISTANCES]; /* [n], in that order; NULL: doesn't compete */
    double cap[CANDIDATES];
    int32_t warnings[CANDIDATES];
} work;

typedef struct span {
    int64_t begin, n;
} span;

static span half_of(const work *w, int half) {
    return half == 0 ? (span){0, w->n / 2} : (span){w->n / 2, w->n - w->n / 2};
}

/* -- companions -------------------------------------------------------------------------------- */

static void shuffle(const work *w) {
    mi__random r = mi__random_at(w->q->options->seed, MI__STREAM_SHUFFLE, 0);
    for (int64_t i = 0; i < w->n; i++)
        w->order[i] = i;
    mi__random_shuffle(&r, w->n, w->order);
}

/* Makes normal scores of columns, in place. */
static mi_status rank(const work *w, span s, int64_t d, double *x) {
    mi__rows rows = {.n = s.n, .d = d, .x = x};
    return mi__rows_prepare(w->q->ctx, &rows, MI_SCALE_RANK, 0, 0, 0);
}

/* Lengths are ranked in each half, through `seen`. */
static mi_status add_companions(const work *w, const side *s) {
    for (int64_t i = 0; i < w->n; i++) {
        double *to = s->companion + i * s->p, length = 0;
        memcpy(to, s->rows->x + w->order[i] * s->d, (size_t)s->d * sizeof *to);
        for (int64_t j = 0; j < s->d; j++)
            length += to[j] * to[j];
        s->seen[i] = length;
    }
    for (int half = 0; half < 2; half++)
        MI__TRY(rank(w, half_of(w, half), 1, s->seen + half_of(w, half).begin));
    for (int64_t i = 0; i < w->n; i++) {
        double *to = s->companion + i * s->p;
        for (int64_t j = 0; j < s->d; j++)
            to[s->d + j] = to[j] * s->seen[i];
        to[s->p - 1] = s->seen[i];
    }
    return MI_OK;
}

/* -- combinations ------------------------------------------------------------------------------ */

static void load_columns(const work *w, span from, mi__columns *c) {
    for (int v = 0; v < 2; v++) {
        const side *s = &w->side[v];
        const double *x = s->companion + from.begin * s->p;
        memset(s->mean, 0, (size_t)s->p * sizeof *s->mean);
        for (int64_t i = 0; i < from.n; i++)
            for (int64_t j = 0; j < s->p; j++)
                s->mean[j] += x[i * s->p + j] / (double)from.n;
        for (int64_t i = 0; i < from.n; i++)
            for (int64_t j = 0; j < s->p; j++)
                c->data[i * c->ld + c->begin[1 + v] + j] = x[i * s->p + j] - s->mean[j];
    }
}

/* A. Cholesky's root of a covariance. */
static void find_root(const side *s, const double *covariance, int64_t ld) {
    const int64_t p = s->p;
    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j <= i; j++) {
            const double *a = s->root + i * p, *b = s->root + j * p;
            double sum = covariance[i * ld + j];
            for (int64_t k = 0; k < j; k++)
                sum -= a[k] * b[k];
            if (i == j)
                s->root[i * p + i] = sqrt(fmax(sum, 0) + RIDGE);
            else
                s->root[i * p + j] = sum / b[j];
        }
}

static void solve_root(const side *s, double *x) {
    for (int64_t i = 0; i < s->p; i++) {
        const double *row = s->root + i * s->p;
        for (int64_t k = 0; k < i; k++)
            x[i] -= row[k] * x[k];
        x[i] /= row[i];
    }
}

static void solve_transposed(const side *s, double *x) {
    for (int64_t i = s->p - 1; i >= 0; i--) {
        const double *row = s->root + i * s->p;
        x[i] /= row[i];
        for (int64_t k = 0; k < i; k++)
            x[k] -= row[k] * x[i];
    }
}

/* Vectors at right angles to those before, of length 1. */
static void straighten(int64_t p, double *vector) {
    for (int v = 0; v < VARIATES; v++)
        for (int u = 0; u <= v; u++) {
            double *a = vector + u * p, *b = vector + v * p, sum = 0;
            for (int64_t i = 0; i < p; i++)
                sum += a[i] * b[i];
            const double length = sqrt(sum);
            for (int64_t i = 0; i < p; i++)
                b[i] = u < v ? b[i] - sum * a[i] : length > 0 ? b[i] / length : (double)(i == v);
        }
}

/* to = the whitened covariance of one side with the other, times `from`'s vectors. */
static void turn(const side *from, const side *to, const double *cross, int64_t down,
                 int64_t right) {
    for (int v = 0; v < VARIATES; v++) {
        double *x = from->seen, *y = to->way + v * to->p;
        memcpy(x, from->way + v * from->p, (size_t)from->p * sizeof *x);
        solve_transposed(from, x);
        for (int64_t i = 0; i < to->p; i++) {
            y[i] = 0;
            for (int64_t j = 0; j < from->p; j++)
                y[i] += cross[i * down + j * right] * x[j];
        }
        solve_root(to, y);
    }
    straighten(to->p, to->way);
}

static mi_status find_combinations(work *w, span from) {
    side *x = &w->side[0], *y = &w->side[1];
    mi__columns c;
    mi__question q = *w->q;
    q.x = (mi__rows){.n = from.n, .d = x->p};
    q.y = (mi__rows){.n = from.n, .d = y->p};
    MI__TRY(mi__columns_make(&q, from.n, &c));
    load_columns(w, from, &c);
    mi__columns_multiply(&c, NULL);
    find_root(x, c.sums, c.ld);
    find_root(y, c.sums + x->p * c.ld + x->p, c.ld);
    mi__random r = mi__random_at(0, MI__STREAM_SHUFFLE, 1);
    for (int64_t i = 0; i < VARIATES * y->p; i++)
        y->way[i] = mi__random_normal(&r);
    straighten(y->p, y->way);
    for (int i = 0; i < TURNS; i++) {
        turn(y, x, c.sums + x->p, c.ld, 1);
        turn(x, y, c.sums + x->p, 1, c.ld);
    }
    for (int v = 0; v < VARIATES; v++) {
        solve_transposed(x, x->way + v * x->p);
        solve_transposed(y, y->way + v * y->p);
    }
    mi__columns_free(&c);
    return MI_OK;
}

/* -- neighbours -------------------------------------------------------------------------------- */

/* Puts what a candidate looks at into `seen`, and tells how many columns that is. */
static int64_t show(const side *s, span on, int candidate) {
    const int64_t columns = candidate == ALL ? s->d : VARIATES + (candidate == WITH_LENGTH);
    for (int64_t i = 0; i < on.n; i++) {
        const double *from = s->companion + (on.begin + i) * s->p;
        double *to = s->seen + i * columns;
        for (int64_t j = 0; j < columns; j++) {
            to[j] = candidate == ALL ? from[j] : j == VARIATES ? from[s->p - 1] : 0;
            for (int64_t k = 0; candidate != ALL && j < VARIATES && k < s->p; k++)
                to[j] += s->way[j * s->p + k] * (from[k] - s->mean[k]);
        }
    }
    return columns;
}

static mi_status look(work *w, span on, int candidate) {
    mi_estimate_options o = *w->q->options;
    mi__question q = *w->q;
    mi__rows *rows[] = {&q.x, &q.y};
    for (int v = 0; v < 2; v++) {
        const int64_t columns = show(&w->side[v], on, candidate);
        MI__TRY(rank(w, on, columns, w->side[v].seen));
        *rows[v] = (mi__rows){.n = on.n, .d = columns, .x = w->side[v].seen};
    }
    q.options = &o;
    o.method = MI_METHOD_KSG;
    for (int i = 0; i < DISTANCES; i++) {
        mi__answer a;
        o.k = w->k[i];
        q.local = w->local[candidate][i] + on.begin;
        MI__TRY(mi__estimate_neighbour(&q, &a));
        if (i == NEAR) {
            w->cap[candidate] = a.cap;
            w->warnings[candidate] |= a.warnings;
        }
    }
    return MI_OK;
}

static double mean_of(int64_t n, const double *x) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* What is added to an estimate, by how much it falls from the near k to the far one. */
static double factor_of(const work *w, int candidate) {
    const int64_t columns = candidate == ALL ? w->side[0].d + w->side[1].d
                                             : 2 * (VARIATES + (candidate == WITH_LENGTH));
    return 1 / (pow((double)w->k[FAR] / w->k[NEAR], 2 / (double)columns) - 1);
}

/* Fills in the answer from the best candidate: that with the fewest columns, unless another tells
 * more, half of what is added counted. */
static void choose(const work *w, double *plain, mi__answer *answer) {
    double most = -INFINITY, added = 0;
    int best = -1;
    for (int c = 0; c < CANDIDATES; c++)
        if (w->local[c][NEAR] != NULL) {
            const double value = mean_of(w->n, w->local[c][NEAR]);
            const double more = fmax(value - mean_of(w->n, w->local[c][FAR]), 0) * factor_of(w, c);
            if (best < 0 || value + more / 2 > most + LEAST_GAIN) {
                most = value + more / 2;
                added = more;
                best = c;
            }
        }
    const double *near = w->local[best][NEAR], *far = w->local[best][FAR];
    const double factor = added > 0 ? factor_of(w, best) : 0;
    for (int64_t i = 0; i < w->n; i++) {
        if (plain != NULL)
            plain[w->order[i]] = near[i];
        if (w->q->local != NULL)
            w->q->local[w->order[i]] = near[i] + factor * (near[i] - far[i]);
    }
    *answer = (mi__answer){
        .value = mean_of(w->n, near) + added, .cap = w->cap[best], .warnings = w->warnings[best]};
}

/* -- all of it --------------------------------------------------------------------------------- */

static mi_status run(work *w, double *plain, mi__answer *answer) {
    shuffle(w);
    for (int v = 0; v < 2; v++)
        MI__TRY(add_companions(w, &w->side[v]));
    for (int half = 0; half < 2; half++) {
        MI__TRY(find_combinations(w, half_of(w, half)));
        for (int c = 0; c < CANDIDATES; c++)
            if (w->local[c][NEAR] != NULL)
                MI__TRY(look(w, half_of(w, 1 - half), c));
    }
    choose(w, plain, answer);
    return MI_OK;
}

/* Numbers that a side's `seen` has room for: also a vector of its companions. */
static int64_t room_of(const work *w, const side *s) {
    return MI__MAX(w->n * ALL_COLUMNS, s->p);
}

static void free_side(const work *w, const side *s) {
    mi_context *ctx = w->q->ctx;
    mi__free(ctx, s->seen, room_of(w, s), sizeof(double));
    mi__free(ctx, s->way, VARIATES * s->p, sizeof(double));
    mi__free(ctx, s->root, s->p * s->p, sizeof(double));
    mi__free(ctx, s->mean, s->p, sizeof(double));
    mi__free(ctx, s->companion, w->n * s->p, sizeof(double));
}

static void free_work(const work *w) {
    mi_context *ctx = w->q->ctx;
    for (int c = 0; c < CANDIDATES; c++)
        for (int i = 0; i < DISTANCES; i++)
            mi__free(ctx, w->local[c][i], w->n, sizeof(double));
    for (int v = 0; v < 2; v++)
        free_side(w, &w->side[v]);
    mi__free(ctx, w->order, w->n, sizeof *w->order);
}

static mi_status make_side(const work *w, const mi__rows *rows, side *s) {
    mi_context *ctx = w->q->ctx;
    int64_t size;
    *s = (side){.rows = rows, .d = rows->d, .p = 2 * rows->d + 1};
    if (!mi__multiply(w->n, s->p, &size) || !mi__multiply(s->p, s->p, &size))
        return mi__fail(MI_E_NOMEM, "no memory for %" PRId64 " columns", s->p);
    s->companion = mi__alloc(ctx, w->n * s->p, sizeof(double));
    s->mean = mi__alloc(ctx, s->p, sizeof(double));
    s->root = mi__alloc(ctx, s->p * s->p, sizeof(double));
    s->way = mi__alloc(ctx, VARIATES * s->p, sizeof(double));
    s->seen = mi__alloc(ctx, room_of(w, s), sizeof(double));
    return s->companion != NULL && s->mean != NULL && s->root != NULL && s->way != NULL &&
                   s->seen != NULL
               ? MI_OK
               : MI_E_NOMEM;
}

static mi_status make_work(work *w) {
    const bool all = w->q->x.d + w->q->y.d <= ALL_COLUMNS;
    w->order = mi__alloc(w->q->ctx, w->n, sizeof *w->order);
    if (w->order == NULL)
        return MI_E_NOMEM;
    MI__TRY(make_side(w, &w->q->x, &w->side[0]));
    MI__TRY(make_side(w, &w->q->y, &w->side[1]));
    for (int c = 0; c < CANDIDATES; c++)
        for (int i = 0; i < DISTANCES && (c != ALL || all); i++) {
            w->local[c][i] = mi__alloc(w->q->ctx, w->n, sizeof(double));
            if (w->local[c][i] == NULL)
                return MI_E_NOMEM;
        }
    return MI_OK;
}

int64_t mi__canonical_far(int32_t k) {
    return (10 * (int64_t)k + 2) / 3;
}

mi_status mi__canonical_fit(const mi__question *q, double *plain, mi__answer *answer) {
    const int64_t k = q->options->k, far = mi__canonical_far(q->options->k);
    work w = {.q = q, .n = q->x.n, .k = {(int32_t)k, (int32_t)far}};
    if (far >= q->x.n / 2)
        return mi__fail(MI_E_ARG,
                        "canonical looks for %" PRId64 " neighbours in half of %" PRId64
                        " samples: too few",
                        far, q->x.n);
    mi_status status = make_work(&w);
    if (status == MI_OK)
        status = run(&w, plain, answer);
    free_work(&w);
    return status;
}

mi_status mi__estimate_canonical(const mi__question *question, mi__answer *answer) {
    return mi__canonical_fit(question, NULL, answer);
}
