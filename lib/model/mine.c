/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutual information by a network: a critic, its bound, its optimizers, one batch at a time. */
#include "critic.h"

#include "../base/random.h"
#include "checks.h"
#include "scaling.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MOST_SAMPLES ((int64_t)1 << 31)
#define PART 1024   /* samples that mi_mine_scores() takes at once */
#define MEMORY 0.99 /* of the average of estimates */

static const mi__critic *const critics[] = {
    [MI_CRITIC_ADDITIVE] = &mi__critic_additive,   [MI_CRITIC_CONCAT] = &mi__critic_concat,
    [MI_CRITIC_SEPARABLE] = &mi__critic_separable, [MI_CRITIC_BILINEAR] = &mi__critic_bilinear,
    [MI_CRITIC_GAUSSIAN] = &mi__critic_gaussian,
};

/* -- life ------------------------------------------------------------------------------------- */

static mi_status load_options(mi_mine *m, const mi_mine_options *theirs) {
    mi_mine_options *o = &m->options;
    const bool upper = m->bound->kind->side == MI_BOUND_UPPER;
    MI__TRY(mi__options_load(o, sizeof *o, sizeof *o, theirs, "mi_mine_options"));
    o->seed = o->seed != 0 ? o->seed : m->ctx->options.seed;
    o->critic = o->critic != 0 ? o->critic : upper ? MI_CRITIC_GAUSSIAN : MI_CRITIC_CONCAT;
    o->units = o->units != 0 ? o->units : 128;
    o->layers = o->layers != 0 ? o->layers : 2;
    o->embed = o->embed != 0 ? o->embed : 32;
    MI__TRY(mi__check_range("dx", m->dx, 1, MI__MOST_WIDTH));
    MI__TRY(mi__check_range("dy", m->dy, 1, MI__MOST_WIDTH));
    MI__TRY(mi__check_range("critic", o->critic, MI_CRITIC_ADDITIVE, MI_CRITIC_GAUSSIAN));
    MI__TRY(mi__check_range("units", o->units, 1, MI__MOST_WIDTH));
    MI__TRY(mi__check_range("layers", o->layers, 1, 16));
    MI__TRY(mi__check_range("embed", o->embed, 1, MI__MOST_WIDTH));
    MI__TRY(mi__check_range("negatives", o->negatives, -1, INT32_MAX));
    MI__TRY(mi__check_range("baseline", o->baseline, 0, 1));
    m->critic = critics[o->critic];
    if (upper && m->critic != &mi__critic_gaussian)
        return mi__fail(MI_E_ARG,
                        "the bound %s is an upper one and needs the critic gaussian, got %s",
                        m->bound->kind->name, m->critic->name);
    if (m->critic->pairs && m->dx + m->dy > MI__MOST_WIDTH)
        return mi__fail(
            MI_E_ARG, "dx + dy must be at most %d with the critic %s, got %" PRId64 " and %" PRId64,
            MI__MOST_WIDTH, m->critic->name, m->dx, m->dy);
    return MI_OK;
}

/* flo's is a function of pairs, as its best one is minus the pointwise information. */
static mi_status build_baseline(mi_mine *m) {
    const mi_mine_options *o = &m->options;
    if ((m->bound->kind->traits & MI_BOUND_BASELINE) == 0 || o->baseline == 1 ||
        m->critic == &mi__critic_gaussian)
        return MI_OK;
    const int64_t inputs = m->bound->kind == &mi__bound_flo ? m->dx + m->dy : m->dx;
    MI__TRY(mi__check_range("dx + dy", inputs, 1, MI__MOST_WIDTH));
    return mi__critic_net(m, MI__NET_BASELINE, inputs, inputs, o->layers, o->units, 1);
}

static mi_status build(mi_mine *m, mi_bound *bound, const mi_mine_options *options,
                       const mi_optimizer_options *optimizer) {
    if (bound != NULL)
        m->bound = mi__bound_take(bound);
    else
        MI__TRY(mi_bound_create(m->ctx, "mine", &m->bound));
    MI__TRY(load_options(m, options));
    MI__TRY(m->critic->build(m));
    MI__TRY(build_baseline(m));
    for (int i = 0; i < MI__NETS; i++)
        if (m->net[i] != NULL && m->k->real == sizeof(float))
            MI__TRY(mi_optimizer_create(m->net[i], optimizer, &m->optimizer[i]));
    return MI_OK;
}

mi_status mi__mine_create(mi_context *context, int64_t dx, int64_t dy, mi_bound *bound,
                          const mi_mine_options *options, const mi_optimizer_options *optimizer,
                          const mi__kernels *kernel, mi_mine **out) {
    MI__NEED(out);
    mi_context *ctx;
    MI__TRY(mi__context_take(context, &ctx));
    mi_mine *m = mi__alloc_zero(ctx, 1, sizeof *m);
    if (m == NULL) {
        mi_context_destroy(ctx);
        return MI_E_NOMEM;
    }
    m->ctx = ctx;
    m->k = kernel;
    m->dx = dx;
    m->dy = dy;
    mi_status status = build(m, bound, options, optimizer);
    if (status != MI_OK) {
        mi_mine_destroy(m);
        return status;
    }
    *out = m;
    return MI_OK;
}

mi_status mi_mine_create(mi_context *context, int64_t dx, int64_t dy, mi_bound *bound,
                         const mi_mine_options *options, const mi_optimizer_options *optimizer,
                         mi_mine **out) {
    return mi__mine_create(context, dx, dy, bound, options, optimizer, mi__kernels_select(), out);
}

void mi_mine_destroy(mi_mine *m) {
    if (m == NULL)
        return;
    mi_context *ctx = m->ctx;
    for (int i = 0; i < MI__NETS; i++) {
        mi_optimizer_destroy(m->optimizer[i]);
        mi_encoder_destroy(m->net[i]);
    }
    mi_bound_destroy(m->bound);
    mi__scaling_destroy(m->scaling);
    mi__free(ctx, m->room, m->room_bytes, 1);
    mi__free(ctx, m, 1, sizeof *m);
    mi_context_destroy(ctx);
}

/* -- batches ---------------------------------------------------------------------------------- */

static int64_t lay_out(const mi_mine *m, mi__batch *b, char *room) {
    const size_t real = m->k->real;
    const int64_t n = b->n, base = mi__scaling_base_width(m->scaling);
    int64_t used = 0;
    b->x = mi__take(room, &used, n * m->dx, real);
    b->y = mi__take(room, &used, n * m->dy, real);
    if (b->want_dx) {
        b->gx = mi__take(room, &used, n * m->dx, real);
        b->gy = mi__take(room, &used, n * m->dy, real);
    }
    void **const out[MI__NETS] = {&b->room_a, &b->room_b, NULL, &b->room_baseline};
    for (int i = 0; i < MI__NETS && !b->train; i++)
        if (out[i] != NULL && m->net[i] != NULL)
            *out[i] = mi__take(room, &used, n * mi_encoder_width(m->net[i], -1), real);
    if (base > 0) {
        b->base_u = mi__take(room, &used, n * base, sizeof(double));
        b->base_v = mi__take(room, &used, n * base, sizeof(double));
    }
    m->critic->lay_out(m, b, room, &used);
    return used;
}

/* No sum of what a batch takes overflows where this product doesn't. */
static mi_status check_size(const mi_mine *m, int64_t n, int64_t k) {
    const mi_mine_options *o = &m->options;
    int64_t pairs, bytes, numbers = 16 * (m->dx + m->dy + o->units + o->embed);
    if (n <= MOST_SAMPLES && mi__multiply(n, 1 + k, &pairs) &&
        mi__multiply(pairs, numbers * 64, &bytes))
        return MI_OK;
    return mi__fail(MI_E_SHAPE, "%" PRId64 " samples with %" PRId64 " negatives are too many", n,
                    k);
}

static mi_status count_negatives(const mi_mine *m, int64_t n, int32_t negatives, int64_t *k) {
    const bool in_rows = (m->bound->kind->shapes & MI_BOUND_VECTORS) == 0;
    int64_t wanted = negatives != 0 ? negatives : m->options.negatives;
    if (!m->critic->pairs || negatives == MI__NO_NEGATIVES)
        wanted = 0;
    else if (wanted == -1 || (wanted == 0 && in_rows))
        wanted = n - 1;
    else if (wanted == 0)
        wanted = 1;
    if (wanted > n - 1)
        return mi__fail(MI_E_SHAPE,
                        "negatives is %" PRId64 ", but %" PRId64 " samples have only %" PRId64
                        " others each",
                        wanted, n, n - 1);
    *k = wanted;
    return MI_OK;
}

/* Each sample meets the one that far on: everyone is met as often, nobody by himself. */
static void draw_shifts(const mi_mine *m, mi__batch *b) {
    const uint64_t step = b->train ? (uint64_t)m->steps : 0;
    const uint64_t purpose = b->train ? 0 : (uint64_t)1 << 31;
    mi__random r = mi__random_at(
        m->options.seed, MI__STREAM_NEGATIVES + purpose + (step & 0x7fffffff), step >> 31 << 40);
    for (int64_t i = 0; i < b->n - 1; i++)
        b->shift[i] = i + 1;
    for (int64_t i = 0; i < b->k && b->k < b->n - 1; i++) {
        const int64_t j = i + mi__random_below(&r, b->n - 1 - i), other = b->shift[j];
        b->shift[j] = b->shift[i];
        b->shift[i] = other;
    }
}

static mi_status check_finite(const mi_mine *m, const char *name, int64_t n, int64_t d,
                              const float *x) {
    const int64_t bad = mi__find_not_finite(&m->net[MI__NET_X]->pass, n * d, x);
    if (bad >= 0)
        return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "][%" PRId64 "] is %g", name, bad / d, bad % d,
                        (double)x[bad]);
    return MI_OK;
}

mi_status mi__mine_check_samples(const mi_mine *m, int64_t n, const float *x, const float *y) {
    MI__TRY(check_size(m, n, 0));
    MI__TRY(check_finite(m, "x", n, m->dx, x));
    return check_finite(m, "y", n, m->dy, y);
}

mi_status mi__mine_load(mi_mine *m, mi__batch *b, const float *x, const float *y) {
    const int64_t n = b->n;
    MI__TRY(count_negatives(m, n, b->negatives, &b->k));
    MI__TRY(check_size(m, n, b->k));
    if (!b->scaled)
        MI__TRY(mi__mine_check_samples(m, n, x, y));
    const int64_t bytes = lay_out(m, b, NULL);
    if (bytes > m->room_bytes) {
        mi__free(m->ctx, m->room, m->room_bytes, 1);
        m->room_bytes = 0;
        m->room = mi__alloc(m->ctx, bytes, 1);
        if (m->room == NULL)
            return MI_E_NOMEM;
        m->room_bytes = bytes;
    }
    (void)lay_out(m, b, m->room);
    if (m->critic->pairs)
        draw_shifts(m, b);
    if (b->scaled || m->scaling == NULL) {
        mi__reals_from_float(m->k->real, n * m->dx, x, b->x);
        mi__reals_from_float(m->k->real, n * m->dy, y, b->y);
    } else {
        mi__scaling_apply(m->scaling, m->k, 0, n, x, b->x);
        mi__scaling_apply(m->scaling, m->k, 1, n, y, b->y);
    }
    return MI_OK;
}

/* -- steps ------------------------------------------------------------------------------------ */

static mi_status check_gradients(const mi_mine *m, const mi__batch *b) {
    double least = 0, most = 0;
    for (int i = 0; i < MI__NETS; i++)
        if (m->optimizer[i] != NULL)
            MI__TRY(mi__optimizer_check(m->optimizer[i]));
    if (b->want_dx && (!m->k->extent(b->n * m->dx, b->gx, &least, &most) ||
                       !m->k->extent(b->n * m->dy, b->gy, &least, &most)))
        return mi__fail(MI_E_NUMERIC, "a gradient by x or y is NaN or infinite");
    return MI_OK;
}

mi_status mi__mine_gradient(mi_mine *m, mi__batch *b, mi_bound_result *result) {
    const double log_average = m->bound->log_average;
    const int64_t steps = m->bound->steps;
    mi_status status = mi__critic_forward(m, b);
    if (status == MI_OK)
        status = m->critic->evaluate(m, b, result);
    if (status == MI_OK && b->train)
        status = m->critic->backward(m, b);
    if (status == MI_OK && b->train)
        status = check_gradients(m, b);
    if (status != MI_OK) {
        m->bound->log_average = log_average;
        m->bound->steps = steps;
    }
    return status;
}

mi_status mi__mine_learn(mi_mine *m, mi__batch *b, mi_bound_result *result) {
    MI__TRY(mi__mine_gradient(m, b, result));
    for (int i = 0; i < MI__NETS; i++)
        if (m->optimizer[i] != NULL)
            mi__optimizer_apply(m->optimizer[i]);
    m->steps++;
    if (isfinite(result->estimate)) {
        m->estimate_sum = MEMORY * m->estimate_sum + (1 - MEMORY) * result->estimate;
        m->estimate_mass = MEMORY * m->estimate_mass + (1 - MEMORY);
    }
    return MI_OK;
}

static mi_status check_call(const mi_mine *mine, int64_t n, const float *x, const float *y,
                            int64_t least) {
    MI__NEED(mine);
    MI__NEED(x);
    MI__NEED(y);
    if (n < least)
        return mi__fail(MI_E_ARG, "n must be at least %" PRId64 ", got %" PRId64, least, n);
    return MI_OK;
}

mi_mine_report mi__mine_report(const mi_mine *m, const mi_bound_result *result) {
    return (mi_mine_report){.struct_size = sizeof(mi_mine_report),
                            .step = m->steps,
                            .estimate = result->estimate,
                            .loss = result->loss,
                            .cap = result->cap,
                            .average =
                                m->estimate_mass > 0 ? m->estimate_sum / m->estimate_mass : 0};
}

static void store_report(const mi_mine *m, const mi_bound_result *result, mi_mine_report *report) {
    const mi_mine_report own = mi__mine_report(m, result);
    if (report != NULL)
        mi__report_store(report, report->struct_size, &own, sizeof own);
}

mi_status mi_mine_step(mi_mine *m, int64_t n, const float *x, const float *y, float *gx, float *gy,
                       mi_mine_report *report) {
    mi__batch b = {.n = n, .train = true, .want_dx = gx != NULL || gy != NULL};
    mi_bound_result result = {.struct_size = sizeof result};
    MI__TRY(check_call(m, n, x, y, 2));
    if (report != NULL)
        MI__TRY(mi__report_check(report, sizeof *report, sizeof *report, "mi_mine_report"));
    if (b.want_dx && mi__scaling_base_width(m->scaling) > 0)
        return mi__fail(MI_E_UNSUPPORTED,
                        "gx and gy must be NULL where scores start from Gaussians");
    MI__TRY(mi__mine_load(m, &b, x, y));
    MI__TRY(mi__mine_learn(m, &b, &result));
    if (gx != NULL)
        mi__reals_to_float(m->k->real, n * m->dx, b.gx, gx);
    if (gy != NULL)
        mi__reals_to_float(m->k->real, n * m->dy, b.gy, gy);
    store_report(m, &result, report);
    return MI_OK;
}

mi_status mi_mine_eval(mi_mine *m, int64_t n, const float *x, const float *y, int32_t negatives,
                       mi_mine_report *report) {
    mi__batch b = {.n = n, .negatives = negatives};
    mi_bound_result result = {.struct_size = sizeof result};
    MI__TRY(check_call(m, n, x, y, 2));
    if (negatives < -1)
        return mi__fail(MI_E_ARG, "negatives must be -1 or more, got %" PRId32, negatives);
    if (report != NULL)
        MI__TRY(mi__report_check(report, sizeof *report, sizeof *report, "mi_mine_report"));
    MI__TRY(mi__mine_load(m, &b, x, y));
    MI__TRY(mi__mine_gradient(m, &b, &result));
    store_report(m, &result, report);
    return MI_OK;
}

/* All or nothing: they are made in a room of their own. */
mi_status mi_mine_scores(mi_mine *m, int64_t n, const float *x, const float *y, float *scores) {
    MI__TRY(check_call(m, n, x, y, 1));
    MI__NEED(scores);
    float *made = mi__alloc(m->ctx, n, sizeof *made);
    void *part = mi__alloc(m->ctx, PART, m->k->real);
    mi_status status = made == NULL || part == NULL ? MI_E_NOMEM : MI_OK;
    for (int64_t i = 0, count; i < n && status == MI_OK; i += count) {
        count = MI__MIN(n - i, PART);
        mi__batch b = {.n = count, .negatives = MI__NO_NEGATIVES};
        status = mi__mine_load(m, &b, x + i * m->dx, y + i * m->dy);
        if (status == MI_OK)
            status = mi__critic_forward(m, &b);
        if (status == MI_OK)
            status = m->critic->own_scores(m, &b, part);
        if (status == MI_OK)
            mi__reals_to_float(m->k->real, count, part, made + i);
    }
    const int64_t bad =
        status == MI_OK ? mi__find_not_finite(&m->net[MI__NET_X]->pass, n, made) : -1;
    if (bad >= 0)
        status =
            mi__fail(MI_E_NUMERIC, "the score of pair %" PRId64 " is %g", bad, (double)made[bad]);
    if (status == MI_OK)
        memcpy(scores, made, (size_t)n * sizeof *scores);
    mi__free(m->ctx, part, PART, m->k->real);
    mi__free(m->ctx, made, n, sizeof *made);
    return status;
}
