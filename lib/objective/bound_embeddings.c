/* SPDX-License-Identifier: BSD-2-Clause */
/* Embeddings: arguments, room, and the temperature. Their scores never exist all at once. */
#include "embeddings.h"

#include <inttypes.h>

#define STRIP_BYTES ((int64_t)6 << 20)
#define LEAST_ROWS 48 /* of a strip: fewer would leave the products without work */

/* The scores go as 1 / temperature. */
static double temperature_slope(const mi__embeddings *m) {
    double sum = 0;
    for (int64_t i = 0; i < m->io.n; i++)
        sum += m->k->dot(m->io.d, mi__embedding(m, m->u, i, m->io.d),
                         mi__embedding(m, m->du, i, m->io.d));
    return -sum / m->io.temperature;
}

/* -- arguments and room ------------------------------------------------------------------------ */

static mi_status blame(mi__source *s, int64_t row, int fault) {
    const mi__embeddings *m = (const mi__embeddings *)s;
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
    if (!mi__multiply(rows, MI__MAX(*ld, d), &bytes) || !mi__multiply(bytes, 64, &bytes))
        return mi__fail(MI_E_SHAPE, "%s is too large: %" PRId64 " rows of %" PRId64, name, rows,
                        MI__MAX(*ld, d));
    return MI_OK;
}

static mi_status check(mi__embeddings *m) {
    mi__embeddings_io *io = &m->io;
    int64_t bytes;
    const void *u = io->u, *v = io->v;
    MI__NEED(u);
    MI__NEED(v);
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
    if (!mi__multiply(io->n, io->locations, &m->width) ||
        !mi__multiply(m->width, MI__ROOM_A_SCORE, &bytes))
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

static int64_t lay_out(mi__embeddings *m, char *room) {
    const int64_t n = m->io.n, d = m->io.d, strip = m->source.strip, own = m->io.locations;
    const size_t real = m->k->real;
    int64_t used = 0;
    m->u = mi__take(room, &used, n * d, real);
    m->v = mi__take(room, &used, m->width * d, real);
    m->u_length = mi__take(room, &used, n, sizeof(double));
    m->v_length = mi__take(room, &used, m->width, sizeof(double));
    m->scores = mi__take(room, &used, strip * m->ld, real);
    m->work = mi__take(room, &used, (int64_t)m->k->product_work(m->bound->context), 1);
    if (!m->source.gradient)
        return used;
    m->du = mi__take(room, &used, n * d, real);
    m->dv = mi__take(room, &used, m->width * d, real);
    m->own = mi__take(room, &used, strip * own, real);
    m->scaled = mi__take(room, &used, strip * d, real);
    m->scale = mi__take(room, &used, strip, sizeof(double));
    m->dbaseline = mi__take(room, &used, n, real);
    return used;
}

static void plan(mi__embeddings *m) {
    const mi__embeddings_io *io = &m->io;
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
                             .blame = blame};
    (paired ? mi__pair_source : mi__strip_source)(&m->source);
    m->source.gradient =
        io->du != NULL || io->dv != NULL || io->dbaseline != NULL || io->dtemperature != NULL;
}

/* Whether nothing can go wrong any more once gradients are computed: a single strip, whose scores
 * are all seen before, and no number that could overflow. Then v needs no gradient of its own. */
static bool is_safe(const mi__embeddings *m, mi__side *u, mi__side *v) {
    return m->source.strip == m->io.n && (mi__bound_needs(m->bound) & MI__NEED_PROOF) == 0 &&
           m->io.normalize == 0 && m->io.lddv == m->io.d && m->io.dv != NULL &&
           atomic_load(&u->large) == 0 && atomic_load(&v->large) == 0;
}

static mi_status run(mi__embeddings *m, mi_bound_result *found) {
    mi__embeddings_io *io = &m->io;
    mi__side u = {.m = m,
                  .name = "u",
                  .from = io->u,
                  .ld = io->ldu,
                  .rows = io->n,
                  .to = m->u,
                  .length = m->u_length,
                  .factor = 1 / io->temperature,
                  .gradient = m->du,
                  .out = io->du,
                  .ldout = io->lddu};
    mi__side v = {.m = m,
                  .name = "v",
                  .from = io->v,
                  .ld = io->ldv,
                  .rows = m->width,
                  .to = m->v,
                  .length = m->v_length,
                  .factor = 1,
                  .gradient = m->dv,
                  .out = io->dv,
                  .ldout = io->lddv};
    MI__TRY(mi__side_load(&u));
    MI__TRY(mi__side_load(&v));
    m->u = u.to;
    m->v = v.to;
    if (is_safe(m, &u, &v))
        m->dv = v.gradient = io->dv;
    m->source.dbaseline = io->dbaseline == NULL ? NULL : m->dbaseline;
    MI__TRY(mi__bound_run(m->bound, m->k, &m->source, found));
    double slope = io->dtemperature == NULL ? 0 : temperature_slope(m);
    if (!isfinite(slope))
        return mi__fail(MI_E_NUMERIC, "the gradient by the temperature is %g", slope);
    MI__TRY(mi__side_finish(&u));
    MI__TRY(mi__side_finish(&v));
    if (io->dtemperature != NULL)
        *io->dtemperature = slope;
    if (io->dbaseline != NULL)
        m->k->scale(io->n, 1, m->dbaseline, io->dbaseline);
    mi__side_store(&u);
    mi__side_store(&v);
    return MI_OK;
}

mi_status mi__bound_embeddings(mi_bound *bound, const mi__kernels *k, const void *theirs,
                               const char *type, mi_bound_result *result) {
    mi_bound_result found = {.struct_size = sizeof found};
    mi__embeddings m = {.bound = bound, .k = k};
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
    mi__bound_conclude(bound, &m.source, result, &found);
    return MI_OK;
}

mi_status mi_bound_eval_embeddings_f32(mi_bound *bound, const mi_bound_embeddings_f32 *io,
                                       mi_bound_result *result) {
    return mi__bound_embeddings(bound, mi__kernels_select(), io, "mi_bound_embeddings_f32", result);
}

mi_status mi_bound_eval_embeddings_f64(mi_bound *bound, const mi_bound_embeddings_f64 *io,
                                       mi_bound_result *result) {
    return mi__bound_embeddings(bound, &mi__kernels_f64, io, "mi_bound_embeddings_f64", result);
}
