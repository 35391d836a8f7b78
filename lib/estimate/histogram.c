/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, cut into cells, then counted as if the cells were values. A cell exists once a sample is
 * in it, so that there may be many columns. Variables that are names already keep their values.
 *
 * As many cells as D. Scott, "On optimal and data-based histograms", 1979, has for one column,
 * and "Multivariate density estimation", 1992, for d of them together: 3.49 s n^(-1/(2 + d)) wide,
 * s being the standard deviation. */
#include "counts.h"
#include "order.h"

#define LEAST_CELLS 2
#define MOST_CELLS 65536
#define GRAIN 16384

/* A variable while it is cut, column by column. */
typedef struct cut {
    const mi__question *q;
    const mi__rows *rows;
    int64_t columns;  /* that are cut, of all variables */
    uint64_t *key;    /* [n], of the cell */
    mi__values done;  /* the cells of the columns before */
    double *volume;   /* [n], logarithm of the size of the sample's cell; NULL: not wanted */
    bool flat;        /* a cell has no size */
    double log_cells; /* logarithm of how many there may be */
} cut;

static int64_t count_cells(const cut *c, const mi__moments *m) {
    if (m->deviation == 0)
        return 1;
    if (c->q->options->bins > 0)
        return c->q->options->bins;
    const double width =
        3.49 * m->deviation * pow((double)c->rows->n, -1 / (2 + (double)c->columns));
    const double cells = ceil((m->most * m->scale - m->least * m->scale) / width);
    return (int64_t)fmax(LEAST_CELLS, fmin(cells, MOST_CELLS));
}

static void set_cell(cut *c, int64_t sample, int64_t column, int64_t cells, int64_t cell) {
    const uint64_t before = column == 0 ? 0 : (uint64_t)c->done.label[sample];
    c->key[sample] = before * (uint64_t)cells + (uint64_t)cell;
}

static void add_volume(cut *c, int64_t sample, double width, double log_width) {
    if (c->volume != NULL)
        c->volume[sample] += width > 0 ? log_width : 0;
}

/* -- cells of equal width ---------------------------------------------------------------------- */

/* Of numbers times `scale`. Each cell has its lower border, and the last one both, as in numpy. */
typedef struct axis {
    cut *c;
    int64_t column, cells;
    double scale, least, step;
} axis;

static double border(const axis *a, int64_t cell) {
    return (double)cell * a->step + a->least;
}

/* The last cell whose border is no greater. Rounding makes the guess wrong by one at most, unless
 * cells are hardly wider than what doubles can tell apart. */
static int64_t cell_of(const axis *a, double x) {
    const int64_t last = a->cells - 1;
    int64_t cell = (int64_t)((x - a->least) / a->step);
    cell = MI__MAX(MI__MIN(cell, last), 0);
    int64_t low = MI__MAX(cell - 1, 0), high = MI__MIN(cell + 1, last);
    if (low > 0 && x < border(a, low))
        low = 0;
    if (high < last && x >= border(a, high + 1))
        high = last;
    while (low < high) {
        cell = low + (high - low + 1) / 2;
        if (x < border(a, cell))
            high = cell - 1;
        else
            low = cell;
    }
    return low;
}

static void cut_range(void *arg, int64_t begin, int64_t end) {
    const axis *a = arg;
    const mi__rows *rows = a->c->rows;
    const double log_width = log(a->step) - log(a->scale);
    for (int64_t i = begin; i < end; i++) {
        const double x = rows->x[i * rows->d + a->column] * a->scale;
        set_cell(a->c, i, a->column, a->cells, a->step > 0 ? cell_of(a, x) : 0);
        add_volume(a->c, i, a->step, log_width);
    }
}

static void cut_by_width(cut *c, int64_t column, const mi__moments *m, int64_t cells) {
    axis a = {.c = c, .column = column, .cells = cells, .scale = m->scale};
    a.least = m->least * m->scale;
    a.step = (m->most * m->scale - a.least) / (double)cells;
    c->flat = c->flat || !(a.step > 0);
    mi__parallel_ranges(c->q->ctx, c->rows->n, GRAIN, cut_range, &a);
}

/* -- cells of equal counts --------------------------------------------------------------------- */

/* The cell that most of a run of equal numbers would be in: that of its mean place in the order. */
static int64_t cell_of_run(int64_t begin, int64_t end, int64_t cells, int64_t n) {
    return (int64_t)((double)(begin + end - 1) / 2 * (double)cells / (double)n);
}

/* All of the order from `begin` to `end` is in one cell. Its borders are half way to its
 * neighbours. */
static void fill_cell(cut *c, const mi__order *o, int64_t column, int64_t begin, int64_t end,
                      int64_t cells, int64_t cell) {
    const mi__rows *rows = c->rows;
#define AT(i) (rows->x[o->entry[i].row * rows->d + column] / 2) /* halves don't overflow */
    const double low = begin == 0 ? AT(0) : (AT(begin - 1) + AT(begin)) / 2;
    const double high = end == o->n ? AT(end - 1) : (AT(end - 1) + AT(end)) / 2;
#undef AT
    const double width = high - low, log_width = log(width) + log(2);
    c->flat = c->flat || !(width > 0);
    for (int64_t i = begin; i < end; i++) {
        set_cell(c, o->entry[i].row, column, cells, cell);
        add_volume(c, o->entry[i].row, width, log_width);
    }
}

static mi_status cut_by_count(cut *c, int64_t column, int64_t cells) {
    mi__order o;
    MI__TRY(mi__order_make(c->q->ctx, c->rows->n, &o));
    mi__rows_order(c->q->ctx, c->rows, column, &o);
    int64_t begin = 0, cell = 0;
    for (int64_t run = 0, end; run < o.n; run = end) {
        end = mi__order_run(&o, run);
        const int64_t next = cell_of_run(run, end, cells, o.n);
        if (next != cell && run > begin) {
            fill_cell(c, &o, column, begin, run, cells, cell);
            begin = run;
        }
        cell = next;
    }
    fill_cell(c, &o, column, begin, o.n, cells, cell);
    mi__order_free(c->q->ctx, &o);
    return MI_OK;
}

/* -- variables --------------------------------------------------------------------------------- */

static mi_status cut_column(cut *c, int64_t column) {
    const int64_t before = column == 0 ? 1 : c->done.values;
    mi__moments m;
    mi__rows_moments(c->rows, column, 1, &m);
    const int64_t cells = count_cells(c, &m);
    mi__values next;
    c->log_cells += log((double)cells);
    if (c->q->options->bin_kind == MI_BINS_QUANTILE)
        MI__TRY(cut_by_count(c, column, cells));
    else
        cut_by_width(c, column, &m, cells);
    MI__TRY(mi__values_number(c->q->ctx, c->rows->n, c->key, (uint64_t)before * (uint64_t)cells,
                              true, &next));
    mi__values_free(c->q->ctx, &c->done);
    c->done = next;
    return MI_OK;
}

static mi_status cut_variable(cut *c, const mi__rows *rows, mi__values *out) {
    mi_context *ctx = c->q->ctx;
    mi_status status = MI_OK;
    c->rows = rows;
    c->log_cells = 0;
    if (rows->discrete) {
        c->log_cells = INFINITY; /* they are no limit */
        return mi__values_make(ctx, rows, out);
    }
    c->key = mi__alloc(ctx, rows->n, sizeof *c->key);
    if (c->key == NULL)
        return MI_E_NOMEM;
    for (int64_t j = 0; j < rows->d && status == MI_OK; j++)
        status = cut_column(c, j);
    if (status == MI_OK)
        *out = c->done;
    else
        mi__values_free(ctx, &c->done);
    c->done = (mi__values){0};
    mi__free(ctx, c->key, rows->n, sizeof *c->key);
    return status;
}

static int64_t columns_of(const mi__rows *rows) {
    return rows->discrete ? 0 : rows->d;
}

static mi_status information(const mi__question *q, mi__answer *answer) {
    const bool given = q->z.d > 0;
    cut c = {.q = q, .columns = columns_of(&q->x) + columns_of(&q->y) + columns_of(&q->z)};
    mi__values x = {0}, y = {0}, z = {0};
    double most = INFINITY;
    mi_status status = cut_variable(&c, &q->x, &x);
    most = fmin(most, c.log_cells);
    if (status == MI_OK)
        status = cut_variable(&c, &q->y, &y);
    most = fmin(most, c.log_cells);
    if (status == MI_OK && given)
        status = cut_variable(&c, &q->z, &z);
    if (status == MI_OK)
        status = mi__values_answer(q, &x, &y, given ? &z : NULL, answer);
    if (status == MI_OK)
        answer->cap = fmin(answer->cap, most);
    mi__values_free(q->ctx, &z);
    mi__values_free(q->ctx, &y);
    mi__values_free(q->ctx, &x);
    return status;
}

/* The density is even within a cell: each sample adds the size of its own. */
static void add_volumes(const mi__question *q, const cut *c, mi__answer *answer) {
    mi__sum sum = {0};
    const int64_t n = q->x.n;
    for (int64_t i = 0; i < n; i++)
        mi__sum_add(&sum, c->volume[i]);
    answer->value = c->flat ? -INFINITY : answer->value + mi__sum_value(&sum) / (double)n;
    answer->cap = INFINITY;
    answer->warnings |= c->flat ? MI_WARNING_SINGULAR : 0;
    for (int64_t i = 0; q->local != NULL && i < n; i++)
        q->local[i] = c->flat ? -INFINITY : q->local[i] + c->volume[i];
}

static mi_status entropy(const mi__question *q, mi__answer *answer) {
    cut c = {.q = q, .columns = columns_of(&q->x)};
    mi__values x;
    if (q->x.discrete)
        return mi__estimate_discrete(q, answer);
    c.volume = mi__alloc_zero(q->ctx, q->x.n, sizeof *c.volume);
    if (c.volume == NULL)
        return MI_E_NOMEM;
    mi_status status = cut_variable(&c, &q->x, &x);
    if (status == MI_OK) {
        status = mi__values_answer(q, &x, NULL, NULL, answer);
        if (status == MI_OK)
            add_volumes(q, &c, answer);
        mi__values_free(q->ctx, &x);
    }
    mi__free(q->ctx, c.volume, q->x.n, sizeof *c.volume);
    return status;
}

mi_status mi__estimate_histogram(const mi__question *question, mi__answer *answer) {
    return question->y.d > 0 ? information(question, answer) : entropy(question, answer);
}
