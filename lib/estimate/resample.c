/* SPDX-License-Identifier: BSD-2-Clause */
/* Error, interval and p-value of any estimator.
 *
 * Halves come in twos that share no sample. The estimates on both have the same bias and
 * independent errors, each of twice the variance of the whole; so a quarter of their squared
 * difference is the variance that is sought, with nothing assumed but that it falls like 1 / n.
 * Overlapping parts would share neighbours less than samples and make it too large: C. Holmes,
 * I. Nemenman, "Estimation of mutual information for real-valued data with error bars and
 * controlled bias", PRE 100, 2019. */
#include "../base/random.h"
#include "estimate.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDING 1e-12 /* tables that mirror each other are equal but for this */

mi_status mi__estimate_once(const mi__question *question, mi__estimator *estimator,
                            mi__answer *answer) {
    mi__question q = *question;
    const int32_t method = q.options->method;
    const bool entropy = q.y.d == 0;
    const bool names =
        method == MI_METHOD_DISCRETE || (method == MI_METHOD_HISTOGRAM && q.x.discrete);
    mi__answer own = {.warnings = 0};
    if (q.z.d > 0 && mi__rows_constant(&q.z)) {
        own.warnings = MI_WARNING_CONSTANT;
        q.z = (mi__rows){.d = 0};
    }
    if (mi__rows_constant(&q.x) || (!entropy && mi__rows_constant(&q.y))) {
        *answer = (mi__answer){.value = entropy && !names ? -INFINITY : 0,
                               .cap = entropy && !names ? INFINITY : 0,
                               .warnings = MI_WARNING_CONSTANT};
        for (int64_t i = 0; q.local != NULL && i < q.x.n; i++)
            q.local[i] = answer->value;
        return MI_OK;
    }
    MI__TRY(estimator(&q, &own));
    *answer = own;
    return MI_OK;
}

/* -- samples of the samples -------------------------------------------------------------------- */

typedef struct sampler {
    const mi__question *question;
    mi__estimator *estimator;
    mi_estimate_options options; /* those of the question but for the seed */
    int64_t n;
    int64_t *index;  /* [n]: what is drawn */
    int64_t *member; /* [n]: samples sorted by what is given, for permutations */
    int64_t *start;  /* [groups + 1]: where each value of that begins */
    int64_t groups;
    double *room[3]; /* for the rows of x, y, z that are drawn */
    double *value;   /* [most]: estimates */
    int64_t most;
} sampler;

static const mi__rows *variable(const mi__question *q, int i) {
    return i == 0 ? &q->x : i == 1 ? &q->y : &q->z;
}

static void sampler_free(sampler *s) {
    mi_context *ctx = s->question->ctx;
    mi__free(ctx, s->value, s->most, sizeof *s->value);
    for (int i = 0; i < 3; i++)
        mi__free(ctx, s->room[i], s->n * variable(s->question, i)->d, sizeof *s->room[i]);
    mi__free(ctx, s->start, s->n + 1, sizeof *s->start);
    mi__free(ctx, s->member, s->n, sizeof *s->member);
    mi__free(ctx, s->index, s->n, sizeof *s->index);
}

static mi_status sampler_make(sampler *s, const mi__question *q, mi__estimator *estimator) {
    *s = (sampler){.question = q, .estimator = estimator, .options = *q->options, .n = q->x.n};
    s->most = MI__MAX(q->options->resamples, q->options->permutations);
    s->index = mi__alloc(q->ctx, s->n, sizeof *s->index);
    s->member = mi__alloc(q->ctx, s->n, sizeof *s->member);
    s->start = mi__alloc(q->ctx, s->n + 1, sizeof *s->start);
    bool fine = s->index != NULL && s->member != NULL && s->start != NULL;
    for (int i = 0; i < 3 && fine; i++) {
        s->room[i] = mi__alloc(q->ctx, s->n * variable(q, i)->d, sizeof *s->room[i]);
        fine = s->room[i] != NULL;
    }
    s->value = fine ? mi__alloc(q->ctx, s->most, sizeof *s->value) : NULL;
    if (s->value != NULL)
        return MI_OK;
    sampler_free(s);
    return MI_E_NOMEM;
}

/* Every resample has a stream of its own, and networks a seed of their own. */
static mi__random begin(sampler *s, uint64_t purpose, int64_t number) {
    const uint64_t seed = s->question->options->seed, stream = purpose | (uint64_t)number;
    uint32_t block[4];
    mi__philox(seed, stream, UINT64_MAX, block);
    s->options.seed = (uint64_t)block[1] << 32 | block[0];
    return mi__random_at(seed, stream, 0);
}

static mi__rows draw(sampler *s, int i, int64_t n, const int64_t *index) {
    const mi__rows *from = variable(s->question, i);
    mi__rows rows = {.n = n, .d = from->d, .x = s->room[i], .discrete = from->discrete};
    for (int64_t j = 0; from->d > 0 && j < n; j++)
        memcpy(s->room[i] + j * from->d, from->x + index[j] * from->d,
               (size_t)from->d * sizeof(double));
    return rows;
}

/* The estimate on n of the samples. */
static mi_status estimate_drawn(sampler *s, int64_t n, const int64_t *index, double *value) {
    mi__question q = *s->question;
    q.x = draw(s, 0, n, index);
    q.y = draw(s, 1, n, index);
    q.z = draw(s, 2, n, index);
    q.options = &s->options;
    q.local = NULL;
    mi__answer answer;
    MI__TRY(mi__estimate_once(&q, s->estimator, &answer));
    *value = answer.value;
    return mi__progress_add(&q);
}

/* -- error and interval ------------------------------------------------------------------------ */

static mi_status by_halves(sampler *s, double value, mi_estimate_result *result) {
    const mi_estimate_options *o = s->question->options;
    const int64_t n = s->n, half = n / 2, splits = o->resamples / 2;
    double sum = 0;
    for (int64_t i = 0; i < splits; i++) {
        mi__random r = begin(s, MI__STREAM_RESAMPLE, i);
        double a = 0, b = 0;
        for (int64_t j = 0; j < n; j++)
            s->index[j] = j;
        mi__random_shuffle(&r, n, s->index);
        MI__TRY(estimate_drawn(s, half, s->index, &a));
        MI__TRY(estimate_drawn(s, n - half, s->index + half, &b));
        sum += (a - b) * (a - b) * ((double)half / (double)n) * ((double)(n - half) / (double)n);
    }
    const double variance = sum / (double)splits;
    result->error = isfinite(variance) ? sqrt(variance) : INFINITY;
    const double reach = -mi__normal_quantile((1 - o->level) / 2) * result->error;
    result->low = reach < INFINITY ? value - reach : -INFINITY;
    result->high = reach < INFINITY ? value + reach : INFINITY;
    return MI_OK;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sorted values, between which it is interpolated. */
static double quantile(int64_t n, const double *sorted, double p) {
    const double place = fmin(fmax(p * (double)(n + 1) - 1, 0), (double)(n - 1));
    const int64_t below = MI__MIN((int64_t)place, n - 2);
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* The basic interval: estimates are to the value what the value is to the truth, so that their
 * distances are taken off on the other side, and their bias with them. */
static void basic_interval(int64_t n, double *estimate, double level, double value,
                           mi_estimate_result *result) {
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        mean += estimate[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        sum += (estimate[i] - mean) * (estimate[i] - mean);
    if (!isfinite(sum) || !isfinite(value)) {
        result->error = result->high = INFINITY;
        result->low = -INFINITY;
        return;
    }
    qsort(estimate, (size_t)n, sizeof *estimate, ascending);
    result->error = sqrt(sum / (double)(n - 1));
    result->low = 2 * value - quantile(n, estimate, (1 + level) / 2);
    result->high = 2 * value - quantile(n, estimate, (1 - level) / 2);
}

static mi_status by_bootstrap(sampler *s, double value, mi_estimate_result *result) {
    const mi_estimate_options *o = s->question->options;
    for (int64_t i = 0; i < o->resamples; i++) {
        mi__random r = begin(s, MI__STREAM_RESAMPLE, i);
        for (int64_t j = 0; j < s->n; j++)
            s->index[j] = mi__random_below(&r, s->n);
        MI__TRY(estimate_drawn(s, s->n, s->index, &s->value[i]));
    }
    basic_interval(o->resamples, s->value, o->level, value, result);
    return MI_OK;
}

/* -- independence ------------------------------------------------------------------------------ */

/* Samples sorted by the value that is given. Without one there is a single group. */
static mi_status group(sampler *s) {
    const mi__question *q = s->question;
    s->groups = 1;
    memset(s->index, 0, (size_t)s->n * sizeof *s->index);
    if (q->z.d > 0)
        MI__TRY(mi__rows_number(q->ctx, &q->z, s->index, &s->groups));
    memset(s->start, 0, (size_t)(s->groups + 1) * sizeof *s->start);
    for (int64_t i = 0; i < s->n; i++)
        s->start[s->index[i] + 1]++;
    for (int64_t g = 0; g < s->groups; g++)
        s->start[g + 1] += s->start[g];
    for (int64_t i = 0; i < s->n; i++)
        s->member[s->start[s->index[i]]++] = i;
    for (int64_t g = s->groups; g > 0; g--)
        s->start[g] = s->start[g - 1];
    s->start[0] = 0;
    return MI_OK;
}

/* y's rows change places among samples for which the same is given. */
static mi_status permuted(sampler *s, int64_t number, int64_t *shuffled, double *value) {
    mi__random r = begin(s, MI__STREAM_PERMUTE, number);
    mi__question q = *s->question;
    memcpy(shuffled, s->member, (size_t)s->n * sizeof *shuffled);
    for (int64_t g = 0; g < s->groups; g++)
        mi__random_shuffle(&r, s->start[g + 1] - s->start[g], shuffled + s->start[g]);
    for (int64_t i = 0; i < s->n; i++)
        s->index[s->member[i]] = shuffled[i];
    q.y = draw(s, 1, s->n, s->index);
    q.options = &s->options;
    q.local = NULL;
    mi__answer answer;
    MI__TRY(mi__estimate_once(&q, s->estimator, &answer));
    *value = answer.value;
    return mi__progress_add(&q);
}

static mi_status by_permutations(sampler *s, double value, mi_estimate_result *result) {
    const int64_t count = s->question->options->permutations;
    int64_t as_high = 0;
    double mean = 0;
    mi_status status = group(s);
    int64_t *shuffled = mi__alloc(s->question->ctx, s->n, sizeof *shuffled);
    if (status == MI_OK && shuffled == NULL)
        status = MI_E_NOMEM;
    for (int64_t i = 0; status == MI_OK && i < count; i++) {
        double other = 0;
        status = permuted(s, i, shuffled, &other);
        as_high += other >= value - ROUNDING;
        mean += other / (double)count;
    }
    mi__free(s->question->ctx, shuffled, s->n, sizeof *shuffled);
    MI__TRY(status);
    result->p_value = (double)(1 + as_high) / (double)(1 + count);
    result->null_mean = mean;
    return MI_OK;
}

/* -- all of it --------------------------------------------------------------------------------- */

int64_t mi__resample_count(const mi_estimate_options *o) {
    const bool halves = o->resample == MI_RESAMPLE_HALVES; /* which come in twos */
    return (int64_t)o->resamples - (halves ? o->resamples % 2 : 0) + o->permutations;
}

mi_status mi__resample_check(const mi__question *q) {
    const mi_estimate_options *o = q->options;
    const int64_t n = q->x.n;
    if (o->resamples == 0 && o->permutations == 0)
        return MI_OK;
    if (n > UINT32_MAX)
        return mi__fail(MI_E_SHAPE,
                        "%" PRId64 " samples are more than the %" PRIu32 " that can be shuffled", n,
                        UINT32_MAX);
    if (o->permutations > 0 && q->z.d > 0 && !q->z.discrete && o->method != MI_METHOD_DISCRETE)
        return mi__fail(MI_E_UNSUPPORTED,
                        "permutations keep z, whose numbers never come twice: z must be discrete");
    return MI_OK;
}

mi_status mi__estimate_resample(const mi__question *question, mi__estimator *estimator,
                                double value, mi_estimate_result *result) {
    const mi_estimate_options *o = question->options;
    if (o->resamples == 0 && o->permutations == 0)
        return MI_OK;
    sampler s;
    MI__TRY(mi__resample_check(question));
    MI__TRY(sampler_make(&s, question, estimator));
    mi_status status = MI_OK;
    if (o->resamples > 0 && o->resample == MI_RESAMPLE_HALVES)
        status = by_halves(&s, value, result);
    else if (o->resamples > 0)
        status = by_bootstrap(&s, value, result);
    if (status == MI_OK && o->permutations > 0)
        status = by_permutations(&s, value, result);
    sampler_free(&s);
    return status;
}
