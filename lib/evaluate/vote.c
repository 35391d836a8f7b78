/* SPDX-License-Identifier: BSD-2-Clause */
/* What the labels of neighbours say. */
#include "../base/base.h"

#include <mi/nearest.h>

#include <inttypes.h>
#include <math.h>

#define MOST_CLASSES (1 << 20)

/* A class's; all 0 between queries. */
typedef struct tally {
    double votes, distance;
} tally;

static mi_status check_sizes(mi_nearest_vote *v) {
    int64_t all;
    if (v->m < 0 || v->k < 1 || v->n < 1)
        return mi__fail(MI_E_ARG,
                        "m must not be negative, k and n at least 1, got %" PRId64 ", %" PRId64
                        " and %" PRId64,
                        v->m, v->k, v->n);
    if (v->classes < 1 || v->classes > MOST_CLASSES)
        return mi__fail(MI_E_ARG, "classes must be in 1 to %d, got %" PRId32, MOST_CLASSES,
                        v->classes);
    if (v->reserved0 != 0)
        return mi__fail(MI_E_ARG, "reserved0 must be 0, got %" PRId32, v->reserved0);
    if (!(v->temperature >= 0) || !isfinite(v->temperature))
        return mi__fail(MI_E_ARG, "temperature must not be negative, got %g", v->temperature);
    v->ld = v->ld == 0 ? v->k : v->ld;
    if (v->ld < v->k || !mi__multiply(v->m, v->ld, &all) || !mi__multiply(all, 8, &all))
        return mi__fail(MI_E_SHAPE,
                        "%" PRId64 " queries with %" PRId64 " neighbours can't be %" PRId64
                        " apart",
                        v->m, v->k, v->ld);
    return MI_OK;
}

static mi_status check_neighbours(const mi_nearest_vote *v) {
    for (int64_t i = 0; i < v->m; i++)
        for (int64_t j = 0; j < v->k; j++) {
            const int64_t row = v->index[i * v->ld + j];
            const float distance = v->distance[i * v->ld + j];
            if (row < 0 || row >= v->n)
                return mi__fail(MI_E_ARG,
                                "index[%" PRId64 "][%" PRId64 "] is %" PRId64 ", there are %" PRId64
                                " labels",
                                i, j, row, v->n);
            if (!(distance >= 0) || !isfinite(distance))
                return mi__fail(MI_E_NUMERIC, "distance[%" PRId64 "][%" PRId64 "] is %g", i, j,
                                (double)distance);
        }
    return MI_OK;
}

static mi_status check(mi_nearest_vote *v) {
    MI__TRY(check_sizes(v));
    if (v->m > 0 && (v->index == NULL || v->distance == NULL))
        return mi__fail(MI_E_ARG, "index and distance must not be NULL");
    if (v->label == NULL)
        return mi__fail(MI_E_ARG, "label of the rows must not be NULL");
    for (int64_t i = 0; i < v->n; i++)
        if (v->label[i] >= v->classes)
            return mi__fail(MI_E_ARG,
                            "label[%" PRId64 "] is %" PRId32 ", there are %" PRId32 " classes", i,
                            v->label[i], v->classes);
    return check_neighbours(v);
}

static bool leads(const tally *t, int32_t class, int32_t best) {
    const tally *a = &t[class], *b = &t[best < 0 ? class : best];
    if (best < 0 || a->votes != b->votes)
        return best < 0 || a->votes > b->votes;
    return a->distance < b->distance || (a->distance == b->distance && class < best);
}

/* Votes are counted from the nearest neighbour on: what all have in common has no effect, and could
 * be too small to be a number. */
static int32_t decide(const mi_nearest_vote *v, int64_t query, tally *t) {
    const int64_t *index = v->index + query * v->ld;
    const float *distance = v->distance + query * v->ld;
    double least = INFINITY;
    int32_t best = -1;
    for (int64_t j = 0; j < v->k; j++)
        if (v->label[index[j]] >= 0)
            least = fmin(least, (double)distance[j]);
    for (int64_t j = 0; j < v->k; j++) {
        const int32_t class = v->label[index[j]];
        if (class < 0)
            continue;
        const double far = (double)distance[j];
        t[class].votes += v->temperature > 0 ? exp((least - far) / v->temperature) : 1;
        t[class].distance += far;
    }
    for (int64_t j = 0; j < v->k; j++) {
        const int32_t class = v->label[index[j]];
        if (class >= 0 && leads(t, class, best))
            best = class;
    }
    for (int64_t j = 0; j < v->k; j++)
        if (v->label[index[j]] >= 0)
            t[v->label[index[j]]] = (tally){0};
    return best;
}

typedef struct voting {
    const mi_nearest_vote *v;
    tally *tallies; /* [threads][classes] */
    int64_t parts;
    int32_t *label;
    const int32_t *truth;
    atomic_llong known, right;
} voting;

static void vote_part(void *arg, int64_t part) {
    voting *job = arg;
    const int64_t m = job->v->m, each = (m + job->parts - 1) / job->parts;
    long long known = 0, right = 0;
    for (int64_t i = part * each; i < MI__MIN((part + 1) * each, m); i++) {
        if (job->truth != NULL && job->truth[i] < 0)
            continue;
        const int32_t found = decide(job->v, i, job->tallies + part * job->v->classes);
        known++;
        if (job->label != NULL)
            job->label[i] = found;
        else
            right += found == job->truth[i];
    }
    atomic_fetch_add(&job->known, known);
    atomic_fetch_add(&job->right, right);
}

/* Either labels are written, or compared with the truth. */
static mi_status run(mi_context *ctx, const mi_nearest_vote *v, voting *job) {
    job->v = v;
    job->parts = MI__MAX(MI__MIN(ctx->threads, v->m * v->k / 4096), 1);
    job->tallies = mi__alloc_zero(ctx, job->parts * v->classes, sizeof *job->tallies);
    if (job->tallies == NULL)
        return MI_E_NOMEM;
    mi__parallel_for(ctx, job->parts, vote_part, job);
    mi__free(ctx, job->tallies, job->parts * v->classes, sizeof *job->tallies);
    return MI_OK;
}

static mi_status vote_with(mi_context *context, const mi_nearest_vote *theirs, voting *job) {
    mi_nearest_vote v = {0};
    mi_context *ctx;
    if (theirs == NULL)
        return mi__fail(MI_E_ARG, "vote must not be NULL");
    MI__TRY(mi__options_load(&v, sizeof v, sizeof v, theirs, "mi_nearest_vote"));
    MI__TRY(check(&v));
    if (v.m > 0 && job->label == NULL && job->truth == NULL)
        return mi__fail(MI_E_ARG, "label of the queries must not be NULL");
    MI__TRY(mi__context_take(context, &ctx));
    mi_status status = run(ctx, &v, job);
    mi_context_destroy(ctx);
    return status;
}

mi_status mi_nearest_classify(mi_context *context, const mi_nearest_vote *vote, int32_t *label) {
    voting job = {.label = label};
    return vote_with(context, vote, &job);
}

mi_status mi_nearest_accuracy(mi_context *context, const mi_nearest_vote *vote,
                              const int32_t *truth, double *accuracy) {
    voting job = {.truth = truth};
    MI__NEED(truth);
    MI__NEED(accuracy);
    MI__TRY(vote_with(context, vote, &job));
    const long long known = atomic_load(&job.known);
    if (known == 0)
        return mi__fail(MI_E_ARG, "none of %" PRId64 " labels of queries is known", vote->m);
    *accuracy = (double)atomic_load(&job.right) / (double)known;
    return MI_OK;
}
