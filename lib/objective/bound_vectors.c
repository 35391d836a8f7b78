/* SPDX-License-Identifier: BSD-2-Clause */
/* Scores as vectors. In groups, a row is a pair and its k scores of Q; else rows are just chunks.
 */
#include "bounds.h"

#include <inttypes.h>

#define CHUNK 8192 /* of scores: they stay in the caches while they are worked on */

/* As the public structs of both precisions. */
typedef struct vectors_io {
    uint64_t struct_size;
    int64_t n, m;
    const void *joint, *product, *baseline;
    void *djoint, *dproduct, *dbaseline;
} vectors_io;

_Static_assert(sizeof(vectors_io) == sizeof(mi_bound_vectors_f32), "vectors_io is another struct");
_Static_assert(sizeof(vectors_io) == sizeof(mi_bound_vectors_f64), "vectors_io is another struct");

typedef struct vectors {
    mi__source source;
    const mi_bound *bound;
    const mi__kernels *k;
    vectors_io io;
    int64_t pairs, others; /* in a row */
} vectors;

/* The row-th `each` of n, with gradients into `to`, or into `spare` if that is NULL. */
static mi__piece cut(const mi__kernels *k, const void *x, void *to, void *spare, int64_t n,
                     int64_t row, int64_t each) {
    int64_t first = MI__MIN(row * each, n), count = MI__MIN(each, n - first);
    return (mi__piece){mi__real_at(k, x, first), to == NULL ? spare : mi__real_at(k, to, first),
                       count, NULL, NULL};
}

static void fetch(mi__source *s, int64_t row, bool out, mi__part *part, mi__row *r) {
    const vectors *v = (const vectors *)s;
    const vectors_io *io = &v->io;
    r->joint = cut(v->k, io->joint, out ? io->djoint : NULL, part->own_dx, io->n, row, v->pairs);
    r->product[0] =
        cut(v->k, io->product, out ? io->dproduct : NULL, part->dx, io->m, row, v->others);
}

static mi_status blame(mi__source *s, int64_t row, int fault) {
    const vectors *v = (const vectors *)s;
    if (fault == MI__ROW_NOT_FINITE) {
        MI__TRY(mi__bound_check_finite(v->k, "joint", v->io.n, v->io.joint));
        MI__TRY(mi__bound_check_finite(v->k, "product", v->io.m, v->io.product));
    }
    if (fault != MI__ROW_OVERFLOW || v->pairs == 1)
        return mi__bound_fault(v->bound, fault, row);
    double least = INFINITY, most = -INFINITY, from = INFINITY, to = -INFINITY;
    (void)v->k->extent(v->io.n, v->io.joint, &least, &most);
    (void)v->k->extent(v->io.m, v->io.product, &from, &to);
    return mi__fail(MI_E_NUMERIC,
                    "the loss or a gradient of %s overflows: scores of P are in %g to %g, those of "
                    "Q in %g to %g",
                    v->bound->kind->name, least, most, from, to);
}

static mi_status check(const mi_bound *bound, const mi__kernels *k, const vectors_io *io,
                       bool grouped) {
    int64_t bytes;
    const void *joint = io->joint, *product = io->product;
    MI__NEED(joint);
    MI__NEED(product);
    if (io->n < 1 || io->m < 1)
        return mi__fail(MI_E_ARG, "n and m must be at least 1, got %" PRId64 " and %" PRId64, io->n,
                        io->m);
    if (!mi__multiply(MI__MAX(io->n, io->m), MI__ROOM_A_SCORE, &bytes))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " scores are too many", MI__MAX(io->n, io->m));
    if (grouped && io->m % io->n != 0)
        return mi__fail(MI_E_SHAPE, "m is %" PRId64 ", must be a multiple of n, %" PRId64, io->m,
                        io->n);
    if (bound->values.columns > 0)
        return mi__fail(MI_E_UNSUPPORTED, "vectors have no columns, but columns is %g",
                        bound->values.columns);
    if (io->baseline != NULL)
        MI__TRY(mi__bound_check_finite(k, "baseline", io->n, io->baseline));
    return MI_OK;
}

mi_status mi__bound_vectors(mi_bound *bound, const mi__kernels *k, const void *theirs,
                            const char *type, mi_bound_result *result) {
    mi_bound_result found = {.struct_size = sizeof found};
    vectors v = {.bound = bound, .k = k};
    MI__NEED(bound);
    if (theirs == NULL)
        return mi__fail(MI_E_ARG, "io must not be NULL");
    MI__TRY(mi__options_load(&v.io, sizeof v.io, sizeof v.io, theirs, type));
    const bool baselines = v.io.baseline != NULL || v.io.dbaseline != NULL;
    MI__TRY(mi__bound_check(bound, MI_BOUND_VECTORS | MI_BOUND_GROUPS, baselines, result));
    const bool grouped = (bound->kind->shapes & MI_BOUND_VECTORS) == 0 || baselines;
    MI__TRY(check(bound, k, &v.io, grouped));
    v.pairs = grouped ? 1 : CHUNK;
    v.others = grouped ? v.io.m / v.io.n : CHUNK;
    int64_t rows = (MI__MAX(v.io.n, v.io.m) + CHUNK - 1) / CHUNK;
    v.source = (mi__source){.rows = grouped ? v.io.n : rows,
                            .width = v.others,
                            .own = v.pairs,
                            .pairs = (double)v.io.n,
                            .others = (double)v.io.m,
                            .direct = true,
                            .baseline = v.io.baseline,
                            .dbaseline = v.io.dbaseline,
                            .fetch = fetch,
                            .blame = blame};
    v.source.strip = v.source.rows;
    v.source.gradient = v.io.djoint != NULL || v.io.dproduct != NULL || v.io.dbaseline != NULL;
    MI__TRY(mi__bound_run(bound, k, &v.source, &found));
    mi__bound_conclude(bound, &v.source, result, &found);
    return MI_OK;
}

mi_status mi_bound_eval_vectors_f32(mi_bound *bound, const mi_bound_vectors_f32 *io,
                                    mi_bound_result *result) {
    return mi__bound_vectors(bound, mi__kernels_select(), io, "mi_bound_vectors_f32", result);
}

mi_status mi_bound_eval_vectors_f64(mi_bound *bound, const mi_bound_vectors_f64 *io,
                                    mi_bound_result *result) {
    return mi__bound_vectors(bound, &mi__kernels_f64, io, "mi_bound_vectors_f64", result);
}
