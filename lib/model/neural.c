/* SPDX-License-Identifier: BSD-2-Clause */
/* The method `neural`: mine.h on rows. The samples are shuffled and halved; a critic learns from
 * each half and the estimate is made on the other, so that every sample is used for both and none
 * by a critic that has seen it. The value is the mean of the two. */
#include "method.h"

#include "../base/random.h"

#include <mi/mine.h>

#include <inttypes.h>
#include <math.h>

#define STEPS 10000   /* of a fit, at most */
#define FEW 2000      /* samples, below which critics learn little */
#define BLOCK 8192    /* samples that are compared with each other; the logarithm is the cap */
#define SPARE 0.01    /* of a half, for the estimate that mi_mine_fit() makes for itself */
#define APART 0.05    /* nats that the halves may differ by, ... */
#define APART_TOO 0.1 /* ... and this share of the value */

typedef struct halves {
    const mi__question *q;
    int64_t n, *order; /* [n] */
    float *x, *y;      /* [n][d], in that order */
    float *score;      /* [n] */
    int half;          /* that is learnt from */
    double value[2], cap;
    int32_t warnings;
} halves;

static mi_status load(const mi__rows *rows, const int64_t *order, const char *name, float *to) {
    for (int64_t i = 0; i < rows->n; i++)
        for (int64_t j = 0; j < rows->d; j++) {
            const float v = (float)rows->x[order[i] * rows->d + j];
            if (!isfinite(v))
                return mi__fail(MI_E_NUMERIC,
                                "%s[%" PRId64 "][%" PRId64 "] is %g, too large for a network: "
                                "scale must not be none",
                                name, order[i], j, rows->x[order[i] * rows->d + j]);
            to[i * rows->d + j] = v;
        }
    return MI_OK;
}

static void shuffle(halves *h) {
    mi__random r = mi__random_at(h->q->options->seed, MI__STREAM_SHUFFLE, 0);
    for (int64_t i = 0; i < h->n; i++)
        h->order[i] = i;
    mi__random_shuffle(&r, h->n, h->order);
}

/* The mean over blocks of n samples from `begin` on. */
static mi_status evaluate(halves *h, mi_mine *mine, int64_t begin, int64_t n, double *value) {
    const int64_t blocks = (n + BLOCK - 1) / BLOCK;
    double sum = 0;
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t from = begin + n * b / blocks, to = begin + n * (b + 1) / blocks;
        mi_mine_report report = {.struct_size = sizeof report};
        MI__TRY(mi_mine_eval(mine, to - from, h->x + from * h->q->x.d, h->y + from * h->q->y.d, -1,
                             &report));
        sum += report.estimate * (double)(to - from);
        h->cap = fmin(h->cap, report.cap);
    }
    *value = sum / (double)n;
    return mi_mine_scores(mine, n, h->x + begin * h->q->x.d, h->y + begin * h->q->y.d,
                          h->score + begin);
}

/* After each look of a fit. */
static int32_t tell(void *user, const mi_mine_report *report) {
    const halves *h = user;
    const double share = (h->half + (double)report->step / STEPS) / 2;
    return mi__progress_tell(h->q, share) != MI_OK;
}

/* Learns from one half and estimates on the other. */
static mi_status learn(halves *h, mi_mine *mine) {
    const int half = h->half;
    const int64_t middle = h->n / 2, begin = half == 0 ? 0 : middle;
    const int64_t n = half == 0 ? middle : h->n - middle;
    const mi_mine_fit_options o = {.struct_size = sizeof o,
                                   .steps = STEPS,
                                   .test = SPARE,
                                   .scale = MI_SCALE_NONE,
                                   .gaussian = 1,
                                   .progress = tell,
                                   .progress_user = h};
    mi_mine_fit_report report = {.struct_size = sizeof report};
    const mi_status status =
        mi_mine_fit(mine, n, h->x + begin * h->q->x.d, h->y + begin * h->q->y.d, &o, &report);
    if (status == MI_E_CANCELLED)
        return mi__progress_stop(h->q); /* whose message counts estimates, not steps */
    MI__TRY(status);
    if (report.steps == report.best_step)
        h->warnings |= MI_WARNING_UNSURE;
    return evaluate(h, mine, half == 0 ? middle : 0, h->n - n, &h->value[1 - half]);
}

static mi_status run_half(halves *h) {
    const mi_mine_options o = {.struct_size = sizeof o,
                               .seed = h->q->options->seed + (uint64_t)h->half,
                               .critic = MI_CRITIC_SEPARABLE};
    mi_bound *bound;
    mi_mine *mine;
    MI__TRY(mi_bound_create(h->q->ctx, "infonce", &bound));
    mi_status status = mi_mine_create(h->q->ctx, h->q->x.d, h->q->y.d, bound, &o, NULL, &mine);
    mi_bound_destroy(bound);
    MI__TRY(status);
    status = learn(h, mine);
    mi_mine_destroy(mine);
    return status;
}

/* Scores, which are right but for a constant, moved so that their mean is the value. */
static void fill_local(const halves *h) {
    for (int half = 0; half < 2; half++) {
        const int64_t begin = half == 0 ? 0 : h->n / 2, end = half == 0 ? h->n / 2 : h->n;
        double mean = 0;
        for (int64_t i = begin; i < end; i++)
            mean += (double)h->score[i] / (double)(end - begin);
        for (int64_t i = begin; i < end; i++)
            h->q->local[h->order[i]] = (double)h->score[i] - mean + h->value[half];
    }
}

static mi_status run(halves *h, mi__answer *answer) {
    shuffle(h);
    MI__TRY(load(&h->q->x, h->order, "x", h->x));
    MI__TRY(load(&h->q->y, h->order, "y", h->y));
    for (h->half = 0; h->half < 2; h->half++)
        MI__TRY(run_half(h));
    const double share = (double)(h->n / 2) / (double)h->n;
    const double value = share * h->value[0] + (1 - share) * h->value[1];
    if (fabs(h->value[0] - h->value[1]) > APART + APART_TOO * fabs(value))
        h->warnings |= MI_WARNING_UNSURE;
    if (h->n < FEW)
        h->warnings |= MI_WARNING_FEW;
    if (h->q->local != NULL)
        fill_local(h);
    *answer = (mi__answer){.value = value, .cap = h->cap, .warnings = h->warnings};
    return MI_OK;
}

mi_status mi__estimate_neural(const mi__question *q, mi__answer *answer) {
    halves h = {.q = q, .n = q->x.n, .cap = INFINITY};
    if (h.n < MI__NEURAL_LEAST)
        return mi__fail(MI_E_ARG, "neural takes %d samples or more, got %" PRId64, MI__NEURAL_LEAST,
                        h.n);
    h.order = mi__alloc(q->ctx, h.n, sizeof *h.order);
    h.x = mi__alloc(q->ctx, h.n * q->x.d, sizeof *h.x);
    h.y = mi__alloc(q->ctx, h.n * q->y.d, sizeof *h.y);
    h.score = mi__alloc(q->ctx, h.n, sizeof *h.score);
    mi_status status = MI_E_NOMEM;
    if (h.order != NULL && h.x != NULL && h.y != NULL && h.score != NULL)
        status = run(&h, answer);
    mi__free(q->ctx, h.score, h.n, sizeof *h.score);
    mi__free(q->ctx, h.y, h.n * q->y.d, sizeof *h.y);
    mi__free(q->ctx, h.x, h.n * q->x.d, sizeof *h.x);
    mi__free(q->ctx, h.order, h.n, sizeof *h.order);
    return status;
}
