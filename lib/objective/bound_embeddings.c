/* SPDX-License-Identifier: BSD-2-Clause */
/* Embeddings. Their scores S = U V^T exist for one strip of rows at a time: made by one product,
 * turned into gradients W where they are, and used up by two more,
 *
 *     dU = W V,   dV += W^T U
 *
 * while the temperature and the lengths of rows are dealt with before and after, on U and V alone.
 * A strip is as high as fits into the caches. Gradients of pairs of P can be far larger than all
 * others, so they don't go through the products but are added one by one. */
#include "bounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STRIP_BYTES ((int64_t)4 << 20)
#define LEAST_ROWS 48 /* of a strip: fewer would leave the products without work */

/* As the public structs of both precisions. */
typedef struct embeddings_io {
    uint64_t struct_size;
    int64_t n, locations, d;
    const void *u;
    int64_t ldu;
    const void *v;
    int64_t ldv;
    double temperature;
    int32_t normalize, reserved0;
    const void *baseline;
    void *du;
    int64_t lddu;
    void *dv;
    int64_t lddv;
    void *dbaseline;
    double *dtemperature;
} embeddings_io;

_Static_assert(sizeof(embeddings_io) == sizeof(mi_bound_embeddings_f32), "another struct");
_Static_assert(sizeof(embeddings_io) == sizeof(mi_bound_embeddings_f64), "another struct");

typedef struct embeddings {
    mi__source source;
    mi_bound *bound;
    const mi__kernels *k;
    embeddings_io io;
    int64_t width, ld; /* of the strip */
    void *u, *v;       /* [n][d], [width][d]: what is multiplied; the temperature is in u */
    void *du, *dv;     /* the same: its gradients */
    double *u_length, *v_length; /* what rows were divided by, the temperature aside */
    void *scores;                /* [strip][ld], or [n][locations] of the others if paired */
    void *own;                   /* [strip][locations]: gradients of pairs of P */
    void *scaled;                /* [strip][d]: rows of u times scale */
    double *scale;               /* [strip] */
    void *dbaseline;             /* [n] */
    void *work;
    int64_t first; /* row of the strip */
} embeddings;

static void *row_of(const embeddings *m, const void *x, int64_t row, int64_t ld) {
    return mi__real_at(m->k, x, row * ld);
}

/* -- a strip ----------------------------------------------------------------------------------- */

static void begin(mi__source *s, int64_t first, int64_t last) {
    embeddings *m = (embeddings *)s;
    const int64_t d = m->io.d;
    m->first = first;
    m->k->product(m->bound->context, false, true, last - first, m->width, d,
                  row_of(m, m->u, first, d), d, m->v, d, 0, m->scores, m->ld, m->work);
}

static void fetch(mi__source *s, int64_t row, bool out, mi__part *part, mi__row *r) {
    const embeddings *m = (const embeddings *)s;
    const int64_t own = m->io.locations;
    void *x = row_of(m, m->scores, row - m->first, m->ld);
    mi__row_of_matrix(s->e, m->width, row * own, own, x, out ? x : part->dx, part, r);
    r->joint.dx = out ? row_of(m, m->own, row - m->first, own) : part->own_dx;
}

static void deliver(mi__source *s, int64_t row, mi__part *part, const mi__row *r) {
    const embeddings *m = (const embeddings *)s;
    const int64_t own = m->io.locations;
    (void)part;
    m->scale[row - m->first] = r->scale;
    m->k->fill(own, 0, mi__real_at(m->k, row_of(m, m->scores, row - m->first, m->ld), row * own));
}

static const void *whole(mi__source *s, int64_t row, int64_t first, int64_t count, mi__part *part) {
    const embeddings *m = (const embeddings *)s;
    (void)count;
    (void)part;
    return mi__real_at(m->k, row_of(m, m->scores, row - m->first, m->ld), first);
}

typedef struct rows_job {
    const embeddings *m;
    int64_t first;
} rows_job;

static void scale_u(void *arg, int64_t begin_row, int64_t end_row) {
    const rows_job *job = arg;
    const embeddings *m = job->m;
    const int64_t d = m->io.d;
    for (int64_t i = begin_row; i < end_row; i++)
        m->k->scale(d, m->scale[i], row_of(m, m->u, job->first + i, d), row_of(m, m->scaled, i, d));
}

static void scale_du(void *arg, int64_t begin_row, int64_t end_row) {
    const rows_job *job = arg;
    const embeddings *m = job->m;
    const int64_t d = m->io.d;
    for (int64_t i = begin_row; i < end_row; i++) {
        void *row = row_of(m, m->du, job->first + i, d);
        m->k->scale(d, m->scale[i], row, row);
    }
}

/* Both rows of a pair belong to sample row: no two threads meet. */
static void add_own(void *arg, int64_t begin_row, int64_t end_row) {
    const rows_job *job = arg;
    const embeddings *m = job->m;
    const mi__kernels *k = m->k;
    const int64_t d = m->io.d, own = m->io.locations;
    for (int64_t i = begin_row; i < end_row; i++)
        for (int64_t l = 0, row = job->first + i; l < own; l++) {
            double g = mi__real_get(k, m->own, i * own + l);
            int64_t column = row * own + l;
            k->add_scaled(d, g, row_of(m, m->v, column, d), row_of(m, m->du, row, d));
            k->add_scaled(d, g, row_of(m, m->u, row, d), row_of(m, m->dv, column, d));
        }
}

static void end(mi__source *s, int64_t first, int64_t last) {
    embeddings *m = (embeddings *)s;
    mi_context *ctx = m->bound->context;
    const int64_t d = m->io.d, rows = last - first, grain = 1 + 8192 / d;
    rows_job job = {m, first};
    m->k->product(ctx, false, false, rows, d, m->width, m->scores, m->ld, m->v, d, 0,
                  row_of(m, m->du, first, d), d, m->work);
    mi__parallel_ranges(ctx, rows, grain, scale_du, &job);
    if (m->io.dv != NULL) {
        mi__parallel_ranges(ctx, rows, grain, scale_u, &job);
        m->k->product(ctx, true, false, m->width, d, rows, m->scores, m->ld, m->scaled, d,
                      first > 0 ? 1 : 0, m->dv, d, m->work);
    }
    mi__parallel_ranges(ctx, rows, 1 + grain / m->io.locations, add_own, &job);
}

/* -- one other sample a row: no product at all ---------------------------------------------------
 */

static int64_t partner(const embeddings *m, int64_t row) {
    return (row + (int64_t)m->bound->values.offset) % m->io.n;
}

static void fetch_pair(mi__source *s, int64_t row, bool out, mi__part *part, mi__row *r) {
    const embeddings *m = (const embeddings *)s;
    const mi__kernels *k = m->k;
    const int64_t d = m->io.d, own = m->io.locations, other = partner(m, row);
    const void *u = row_of(m, m->u, row, d);
    for (int64_t l = 0; l < own; l++) {
        mi__real_put(k, part->own_x, l, k->dot(d, u, row_of(m, m->v, row * own + l, d)));
        mi__real_put(k, part->x, l, k->dot(d, u, row_of(m, m->v, other * own + l, d)));
    }
    r->joint =
        (mi__piece){part->own_x, out ? row_of(m, m->own, row, own) : part->own_dx, own, NULL, NULL};
    r->product[0] =
        (mi__piece){part->x, out ? row_of(m, m->scores, row, own) : part->dx, own, NULL, NULL};
}

static void deliver_pair(mi__source *s, int64_t row, mi__part *part, const mi__row *r) {
    const embeddings *m = (const embeddings *)s;
    (void)part;
    m->scale[row] = r->scale;
}

static void end_pairs(mi__source *s, int64_t first, int64_t last) {
    const embeddings *m = (const embeddings *)s;
    const mi__kernels *k = m->k;
    const int64_t d = m->io.d, own = m->io.locations;
    rows_job job = {m, first};
    for (int64_t i = 0; i < m->io.n; i++)
        k->fill(d, 0, row_of(m, m->du, i, d));
    for (int64_t j = 0; j < m->width; j++)
        k->fill(d, 0, row_of(m, m->dv, j, d));
    add_own(&job, 0, last - first);
    for (int64_t i = first; i < last; i++)
        for (int64_t l = 0; l < own; l++) {
            double g = m->scale[i] * mi__real_get(k, m->scores, i * own + l);
            int64_t column = partner(m, i) * own + l;
            k->add_scaled(d, g, row_of(m, m->v, column, d), row_of(m, m->du, i, d));
            k->add_scaled(d, g, row_of(m, m->u, i, d), row_of(m, m->dv, column, d));
        }
}

/* -- lengths and temperature --------------------------------------------------------------------
 */

typedef struct side {
    const embeddings *m;
    const char *name;
    const void *from; /* the caller's */
    int64_t ld, rows;
    void *to; /* packed */
    double *length;
    double factor; /* on top of the length */
    void *gradient;
    void *out; /* the caller's gradient */
    int64_t ldout;
} side;

/* Its squares don't overflow, whatever the row holds. */
static double length_of(const embeddings *m, const void *x, void *spare) {
    double least = 0, most = 0;
    (void)m->k->extent(m->io.d, x, &least, &most);
    most = fmax(-least, most);
    if (most == 0)
        return 0;
    m->k->scale(m->io.d, 1 / most, x, spare);
    return most * sqrt(m->k->dot(m->io.d, spare, spare));
}

static void load_rows(void *arg, int64_t begin_row, int64_t end_row) {
    const side *s = arg;
    const embeddings *m = s->m;
    for (int64_t i = begin_row; i < end_row; i++) {
        const void *x = row_of(m, s->from, i, s->ld);
        void *to = row_of(m, s->to, i, m->io.d);
        s->length[i] = m->io.normalize != 0 ? length_of(m, x, to) : 1;
        m->k->scale(m->io.d, s->factor / (s->length[i] > 0 ? s->length[i] : 1), x, to);
    }
}

static mi_status load(const side *s) {
    const embeddings *m = s->m;
    char name[32];
    for (int64_t i = 0; i < s->rows; i++) {
        double least = 0, most = 0;
        const void *x = row_of(m, s->from, i, s->ld);
        if (m->k->extent(m->io.d, x, &least, &most) && fmax(-least, most) <= MI__LARGEST_SCORE)
            continue;
        snprintf(name, sizeof name, "%s[%" PRId64 "]", s->name, i);
        return mi__bound_check_finite(m->k, name, m->io.d, x);
    }
    mi__parallel_ranges(m->bound->context, s->rows, 1 + 8192 / m->io.d, load_rows, (void *)s);
    for (int64_t i = 0; i < s->rows; i++)
        if (s->length[i] == 0)
            return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "] is all 0, it can't be normalised",
                            s->name, i);
    return MI_OK;
}

/* Through the division by the length: what points along the row has no effect. */
static void finish_rows(void *arg, int64_t begin_row, int64_t end_row) {
    const side *s = arg;
    const embeddings *m = s->m;
    const mi__kernels *k = m->k;
    const int64_t d = m->io.d;
    for (int64_t i = begin_row; i < end_row; i++) {
        void *gradient = row_of(m, s->gradient, i, d);
        const void *x = row_of(m, s->to, i, d);
        if (m->io.normalize != 0)
            k->add_scaled(d, -k->dot(d, gradient, x) / (s->factor * s->factor), x, gradient);
        k->scale(d, s->factor / s->length[i], gradient, gradient);
    }
}

static mi_status finish(const side *s) {
    const embeddings *m = s->m;
    double least = 0, most = 0;
    if (s->out == NULL)
        return MI_OK;
    mi__parallel_ranges(m->bound->context, s->rows, 1 + 8192 / m->io.d, finish_rows, (void *)s);
    if (!m->k->extent(s->rows * m->io.d, s->gradient, &least, &most))
        return mi__fail(MI_E_NUMERIC,
                        "the gradient of %s by %s overflows: the scores are too large "
                        "for this bound",
                        m->bound->kind->name, s->name);
    return MI_OK;
}

static void copy_rows(void *arg, int64_t begin_row, int64_t end_row) {
    const side *s = arg;
    const size_t bytes = (size_t)s->m->io.d * s->m->k->real;
    for (int64_t i = begin_row; i < end_row; i++)
        memcpy(row_of(s->m, s->out, i, s->ldout), row_of(s->m, s->gradient, i, s->m->io.d), bytes);
}

static void store(const side *s) {
    if (s->out != NULL)
        mi__parallel_ranges(s->m->bound->context, s->rows, 1 + 8192 / s->m->io.d, copy_rows,
                            (void *)s);
}

/* The scores go as 1 / temperature. */
static double temperature_slope(const embeddings *m) {
    double sum = 0;
    for (int64_t i = 0; i < m->io.n; i++)
        sum += m->k->dot(m->io.d, row_of(m, m->u, i, m->io.d), row_of(m, m->du, i, m->io.d));
    return -sum / m->io.temperature;
}

/* -- arguments and room ------------------------------------------------------------------------ */

static mi_status blame(mi__source *s, int64_t row, int fault) {
    const embeddings *m = (const embeddings *)s;
    if (fault == MI__ROW_NOT_FINITE)
        return mi__fail(MI_E_NUMERIC,
                        "a score of u[%" PRId64 "] with v is beyond range: its "
                        "values are too large or the temperature, %g, too small",
                        row, m->io.temperature);
    return mi__bound_fault(m->bound, fault, row);
}

static mi_status check_side(const char *name, const void *x, int64_t *ld, int64_t rows, int64_t d) {
    int64_t bytes;
    if (*ld != 0 && *ld < d && x != NULL)
        return mi__fail(MI_E_SHAPE, "ld%s is %" PRId64 ", d is %" PRId64, name, *ld, d);
    *ld = *ld == 0 ? d : *ld;
    if (!mi__multiply(rows, MI__MAX(*ld, d), &bytes) || !mi__multiply(bytes, 8, &bytes))
        return mi__fail(MI_E_SHAPE, "%s is too large: %" PRId64 " rows of %" PRId64, name, rows,
                        MI__MAX(*ld, d));
    return MI_OK;
}

static mi_status check(embeddings *m) {
    embeddings_io *io = &m->io;
    MI__NEED(io->u);
    MI__NEED(io->v);
    if (io->n < 1 || io->d < 1 || io->locations < 0)
        return mi__fail(MI_E_ARG,
                        "n and d must be at least 1 and locations not negative, got "
                        "%" PRId64 ", %" PRId64 " and %" PRId64,
                        io->n, io->d, io->locations);
    if (!(io->temperature >= 0 && io->temperature <= 1e30) ||
        (io->temperature != 0 && io->temperature < 1e-30))
        return mi__fail(MI_E_ARG, "temperature must be in 1e-30 to 1e30 (or 0 for 1), got %g",
                        io->temperature);
    if (io->normalize < 0 || io->normalize > 1 || io->reserved0 != 0)
        return mi__fail(MI_E_ARG,
                        "normalize must be 0 or 1 and reserved0 0, got %" PRId32 " and %" PRId32,
                        io->normalize, io->reserved0);
    io->locations = io->locations == 0 ? 1 : io->locations;
    io->temperature = io->temperature == 0 ? 1 : io->temperature;
    if (!mi__multiply(io->n, io->locations, &m->width))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " rows with %" PRId64 " locations are too many",
                        io->n, io->locations);
    MI__TRY(check_side("u", io->u, &io->ldu, io->n, io->d));
    MI__TRY(check_side("v", io->v, &io->ldv, m->width, io->d));
    MI__TRY(check_side("du", io->du, &io->lddu, io->n, io->d));
    MI__TRY(check_side("dv", io->dv, &io->lddv, m->width, io->d));
    if (io->baseline != NULL)
        MI__TRY(mi__bound_check_finite(m->k, "baseline", io->n, io->baseline));
    return MI_OK;
}

/* A stride of whole pages would put a column of the strip into one set of the caches. */
static int64_t stride_of(int64_t width) {
    int64_t ld = (width + 15) / 16 * 16;
    return ld % 512 == 0 ? ld + 16 : ld;
}

static void *take(char *room, int64_t *used, int64_t count, size_t size) {
    void *here = room == NULL ? NULL : room + *used;
    *used += (count * (int64_t)size + 63) / 64 * 64;
    return here;
}

static int64_t lay_out(embeddings *m, char *room) {
    const int64_t n = m->io.n, d = m->io.d, strip = m->source.strip, own = m->io.locations;
    const size_t real = m->k->real;
    int64_t used = 0;
    m->u = take(room, &used, n * d, real);
    m->v = take(room, &used, m->width * d, real);
    m->u_length = take(room, &used, n, sizeof(double));
    m->v_length = take(room, &used, m->width, sizeof(double));
    m->scores = take(room, &used, strip * m->ld, real);
    m->work = take(room, &used, (int64_t)m->k->product_work(m->bound->context), 1);
    if (!m->source.gradient)
        return used;
    m->du = take(room, &used, n * d, real);
    m->dv = take(room, &used, m->width * d, real);
    m->own = take(room, &used, strip * own, real);
    m->scaled = take(room, &used, strip * d, real);
    m->scale = take(room, &used, strip, sizeof(double));
    m->dbaseline = take(room, &used, n, real);
    return used;
}

static void plan(embeddings *m) {
    const embeddings_io *io = &m->io;
    const bool paired = m->bound->kind->paired;
    int64_t strip = STRIP_BYTES / (stride_of(m->width) * (int64_t)m->k->real);
    strip = MI__MIN(io->n, MI__MAX(strip, LEAST_ROWS));
    m->ld = paired ? io->locations : stride_of(m->width);
    m->source = (mi__source){.rows = io->n,
                             .strip = paired ? io->n : strip,
                             .width = paired ? io->locations : m->width,
                             .own = io->locations,
                             .pairs = (double)m->width,
                             .others = (double)m->width * (paired ? 1 : (double)(io->n - 1)),
                             .defers = true,
                             .square = true,
                             .baseline = io->baseline,
                             .begin = paired ? NULL : begin,
                             .end = paired ? end_pairs : end,
                             .whole = whole,
                             .fetch = paired ? fetch_pair : fetch,
                             .deliver = paired ? deliver_pair : deliver,
                             .blame = blame};
    m->source.gradient =
        io->du != NULL || io->dv != NULL || io->dbaseline != NULL || io->dtemperature != NULL;
}

static mi_status run(embeddings *m, mi_bound_result *found) {
    embeddings_io *io = &m->io;
    side u = {m,     "u",    io->u,   io->ldu, io->n, m->u, m->u_length, 1 / io->temperature,
              m->du, io->du, io->lddu};
    side v = {m, "v", io->v, io->ldv, m->width, m->v, m->v_length, 1, m->dv, io->dv, io->lddv};
    MI__TRY(load(&u));
    MI__TRY(load(&v));
    m->source.dbaseline = io->dbaseline == NULL ? NULL : m->dbaseline;
    MI__TRY(mi__bound_run(m->bound, m->k, &m->source, found));
    double slope = io->dtemperature == NULL ? 0 : temperature_slope(m);
    if (!isfinite(slope))
        return mi__fail(MI_E_NUMERIC, "the gradient by the temperature is %g", slope);
    MI__TRY(finish(&u));
    MI__TRY(finish(&v));
    if (io->dtemperature != NULL)
        *io->dtemperature = slope;
    if (io->dbaseline != NULL)
        m->k->scale(io->n, 1, m->dbaseline, io->dbaseline);
    store(&u);
    store(&v);
    return MI_OK;
}

static mi_status evaluate(mi_bound *bound, const mi__kernels *k, const void *theirs,
                          const char *type, mi_bound_result *result) {
    mi_bound_result found = {.struct_size = sizeof found};
    embeddings m = {.bound = bound, .k = k};
    MI__NEED(bound);
    if (theirs == NULL)
        return mi__fail(MI_E_ARG, "io must not be NULL");
    MI__TRY(mi__options_load(&m.io, sizeof m.io, sizeof m.io, theirs, type));
    MI__TRY(mi__bound_check(bound, MI_BOUND_EMBEDDINGS,
                            m.io.baseline != NULL || m.io.dbaseline != NULL, result));
    MI__TRY(check(&m));
    plan(&m);
    MI__TRY(mi__bound_count(bound, &m.source, m.io.n));
    char *room = mi__bound_room(bound, MI__ROOM_SOURCE, lay_out(&m, NULL));
    if (room == NULL)
        return MI_E_NOMEM;
    (void)lay_out(&m, room);
    MI__TRY(run(&m, &found));
    mi__bound_report(result, &found);
    return MI_OK;
}

mi_status mi_bound_eval_embeddings_f32(mi_bound *bound, const mi_bound_embeddings_f32 *io,
                                       mi_bound_result *result) {
    return evaluate(bound, mi__kernels_select(), io, "mi_bound_embeddings_f32", result);
}

mi_status mi_bound_eval_embeddings_f64(mi_bound *bound, const mi_bound_embeddings_f64 *io,
                                       mi_bound_result *result) {
    return evaluate(bound, &mi__kernels_f64, io, "mi_bound_embeddings_f64", result);
}
