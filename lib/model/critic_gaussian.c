/* SPDX-License-Identifier: BSD-2-Clause */
/* ln q(y | x): a network of x tells mean m and log variance s of each column of y,
 *
 *     ln N(y; m, e^s) = [y^2, y, 1] . [-e^-s / 2, m e^-s, -(m^2 e^-s + s + ln 2 pi) / 2],
 *
 * so that scores of all pairs are a product. Its terms cancel where y is near a sharp m, so it is
 * made in float64. The network learns by maximum likelihood on what belongs together; the bound's
 * gradient is for x and y alone. */
#include "critic.h"

#include <math.h>
#include <string.h>

/* The log variance is in +-EDGE. A plain tanh would stop at 1, which is half a nat a column. */
#define EDGE 7.0
#define LN_2_PI 1.8378770664093454

static mi_status build(mi_mine *m) {
    const mi_mine_options *o = &m->options;
    return mi__critic_net(m, MI__NET_X, m->dx, m->dx, o->layers, o->units, 2 * m->dy);
}

static int64_t width_of(const mi_mine *m) {
    return 2 * m->dy + 1;
}

static void lay_out(const mi_mine *m, mi__batch *b, char *room, int64_t *used) {
    const int64_t numbers = b->n * width_of(m);
    b->u = mi__take(room, used, numbers, sizeof(double));
    b->v = mi__take(room, used, numbers, sizeof(double));
    if (b->train && b->want_dx) {
        b->du = mi__take(room, used, numbers, sizeof(double));
        b->dv = mi__take(room, used, numbers, sizeof(double));
    }
}

/* What the network says of column c of y[i]. */
typedef struct normal {
    double y, mean, log_variance, precision;
    double slope; /* of the log variance by the network's output */
} normal;

static normal normal_of(const mi_mine *m, const mi__batch *b, int64_t i, int64_t c) {
    const int64_t row = i * 2 * m->dy;
    const double bend = tanh(mi__real_get(m->k, b->a, row + m->dy + c) / EDGE);
    return (normal){.y = mi__real_get(m->k, b->y, i * m->dy + c),
                    .mean = mi__real_get(m->k, b->a, row + c),
                    .log_variance = EDGE * bend,
                    .precision = exp(-EDGE * bend),
                    .slope = 1 - bend * bend};
}

/* -- scores ----------------------------------------------------------------------------------- */

typedef struct rows_job {
    mi_mine *m;
    mi__batch *b;
    void *scores;
} rows_job;

static void embed(void *arg, int64_t begin, int64_t end) {
    const rows_job *job = arg;
    const int64_t dy = job->m->dy, width = width_of(job->m);
    for (int64_t i = begin; i < end; i++) {
        double *u = (double *)job->b->u + i * width, *v = (double *)job->b->v + i * width;
        u[2 * dy] = 1;
        v[2 * dy] = 0;
        for (int64_t c = 0; c < dy; c++) {
            const normal q = normal_of(job->m, job->b, i, c);
            u[c] = q.y * q.y;
            u[dy + c] = q.y;
            v[c] = -0.5 * q.precision;
            v[dy + c] = q.mean * q.precision;
            v[2 * dy] -= 0.5 * (q.mean * q.mean * q.precision + q.log_variance + LN_2_PI);
        }
    }
}

static double log_likelihood(const mi_mine *m, const mi__batch *b, int64_t i) {
    double sum = 0;
    for (int64_t c = 0; c < m->dy; c++) {
        const normal q = normal_of(m, b, i, c);
        const double away = q.y - q.mean;
        sum -= 0.5 * (away * away * q.precision + q.log_variance + LN_2_PI);
    }
    return sum;
}

static void score_rows(void *arg, int64_t begin, int64_t end) {
    const rows_job *job = arg;
    for (int64_t i = begin; i < end; i++)
        mi__real_put(job->m->k, job->scores, i, log_likelihood(job->m, job->b, i));
}

static mi_status own_scores(mi_mine *m, mi__batch *b, void *scores) {
    rows_job job = {m, b, scores};
    mi__parallel_ranges(m->ctx, b->n, 1 + 1024 / m->dy, score_rows, &job);
    return MI_OK;
}

static mi_status evaluate(mi_mine *m, mi__batch *b, mi_bound_result *result) {
    const bool gradient = b->train && b->want_dx;
    rows_job job = {m, b, NULL};
    mi__parallel_ranges(m->ctx, b->n, 1 + 1024 / m->dy, embed, &job);
    const mi_bound_embeddings_f64 io = {.struct_size = sizeof io,
                                        .n = b->n,
                                        .d = width_of(m),
                                        .u = b->u,
                                        .v = b->v,
                                        .du = gradient ? b->du : NULL,
                                        .dv = gradient ? b->dv : NULL};
    MI__TRY(
        mi__bound_embeddings(m->bound, &mi__kernels_f64, &io, "mi_bound_embeddings_f64", result));
    result->loss = 0;
    for (int64_t i = 0; i < b->n; i++)
        result->loss -= log_likelihood(m, b, i) / (double)b->n;
    return MI_OK;
}

/* -- gradients -------------------------------------------------------------------------------- */

/* Of -mean ln q, by the network's outputs. */
static void likelihood_down(void *arg, int64_t begin, int64_t end) {
    const rows_job *job = arg;
    const mi_mine *m = job->m;
    void *down = m->net[MI__NET_X]->dfeatures;
    for (int64_t i = begin; i < end; i++)
        for (int64_t c = 0; c < m->dy; c++) {
            const normal q = normal_of(m, job->b, i, c);
            const double away = q.y - q.mean, share = 1 / (double)job->b->n;
            mi__real_put(m->k, down, i * 2 * m->dy + c, -share * away * q.precision);
            mi__real_put(m->k, down, i * 2 * m->dy + m->dy + c,
                         share * 0.5 * (1 - away * away * q.precision) * q.slope);
        }
}

/* Of the bound, by the network's outputs and by y. */
static void bound_down(void *arg, int64_t begin, int64_t end) {
    const rows_job *job = arg;
    const mi_mine *m = job->m;
    const int64_t dy = m->dy, width = width_of(m);
    void *down = m->net[MI__NET_X]->dfeatures;
    for (int64_t i = begin; i < end; i++) {
        const double *du = (const double *)job->b->du + i * width;
        const double *dv = (const double *)job->b->dv + i * width;
        for (int64_t c = 0; c < dy; c++) {
            const normal q = normal_of(m, job->b, i, c);
            mi__real_put(m->k, job->b->gy, i * dy + c, 2 * q.y * du[c] + du[dy + c]);
            mi__real_put(m->k, down, i * 2 * dy + c,
                         q.precision * (dv[dy + c] - q.mean * dv[2 * dy]));
            const double by_precision =
                -0.5 * dv[c] + q.mean * dv[dy + c] - 0.5 * q.mean * q.mean * dv[2 * dy];
            mi__real_put(m->k, down, i * 2 * dy + dy + c,
                         -(by_precision * q.precision + 0.5 * dv[2 * dy]) * q.slope);
        }
    }
}

/* The way back uses a forward pass up: there is one for each gradient. */
static mi_status backward(mi_mine *m, mi__batch *b) {
    rows_job job = {m, b, NULL};
    const int64_t grain = 1 + 1024 / m->dy;
    if (b->want_dx) {
        mi__parallel_ranges(m->ctx, b->n, grain, bound_down, &job);
        mi__critic_backward(m, b, MI__NET_X);
        MI__TRY(mi__critic_forward(m, b));
    }
    mi__parallel_ranges(m->ctx, b->n, grain, likelihood_down, &job);
    mi__encoder_run_backward(m->net[MI__NET_X], NULL, true, false);
    return MI_OK;
}

const mi__critic mi__critic_gaussian = {
    .name = "gaussian",
    .build = build,
    .lay_out = lay_out,
    .evaluate = evaluate,
    .backward = backward,
    .own_scores = own_scores,
};
