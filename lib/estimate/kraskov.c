/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutual information from the distance of the k-th neighbour of a pair, the greater of x's and y's,
 * and from how many samples of one variable are as near. With c for such a count, the sample itself
 * included, psi for the digamma function and a mean over samples:
 *
 * ksg:          psi(k) + psi(n) - psi(c_x) - psi(c_y), c of what is nearer than the neighbour.
 *
 * ksg2:         psi(k) - 1/k + psi(n) - psi(c_x - 1) - psi(c_y - 1), c of what is no farther in x
 *               than any of the neighbours, likewise in y.
 *
 * gao:          psi(k') + ln n - psi(c_x) - psi(c_y), c as ksg's; k' is k, but where the
 *               neighbour's distance is 0 it counts all pairs at that distance. It is what W. Gao's
 *               program computes; the formula of the paper has ln for psi, and a bias of its own.
 *
 * ksg given z:  psi(k) - psi(c_xz) - psi(c_yz) + psi(c_z), c as above.
 *
 * gao given z:  psi(c_xyz - 1) - psi(c_xz - 1) - psi(c_yz - 1) + psi(c_z - 1), c of what is no
 *               farther than the neighbour (O. Mesner, C. Shalizi).
 *
 * At a distance of 0 nothing is nearer: there, c counts what is at 0 too, so that many equal
 * samples don't become many that have nothing in common; scikit-learn does the same. Where several
 * are as far as the k-th neighbour, all of them are neighbours to ksg2. */
#include "sum.h"
#include "variables.h"

#include <float.h>

#define MARGINS 3
#define CHUNK 8192

typedef struct work {
    const mi__question *question;
    mi__variables v;
    mi__space joint, margin[MARGINS];
    int margins;               /* x, y; or xz, yz, z */
    double *distance, *radius; /* [n]: of the neighbour; what is counted is less than that */
    double *reach[2];          /* [n]: ksg2's */
    int32_t *count[MARGINS], *neighbours; /* [n]: `neighbours` only of gao */
    double *term;                         /* [n] */
    mi__psi psi;
    double constant;
    int32_t less; /* what is taken off counts */
} work;

static bool is_gao(const work *w) {
    return w->question->options->method == MI_METHOD_GAO;
}

static bool is_ksg2(const work *w) {
    return w->question->options->method == MI_METHOD_KSG2;
}

/* Gao's given z. */
static bool counts_border(const work *w) {
    return is_gao(w) && w->margins == 3;
}

static double above(double distance) {
    return fmax(nextafter(distance, HUGE_VAL), DBL_MIN);
}

/* Where there are no k of the same names, all other names are neighbours, equally far. */
static void set_radius(const work *w) {
    const double apart = w->v.apart;
    for (int64_t i = 0; i < w->v.n; i++) {
        const double far = w->distance[i];
        if (counts_border(w))
            w->radius[i] = far < apart ? above(far) : MI__EVERYWHERE;
        else
            w->radius[i] = is_ksg2(w) ? above(far) : fmax(fmin(far, apart), DBL_MIN);
    }
}

static mi_status count_all(mi_context *ctx, work *w) {
    MI__TRY(mi__space_nearest(ctx, &w->joint, w->question->options->k, w->distance));
    set_radius(w);
    if (is_gao(w))
        MI__TRY(mi__space_within(ctx, &w->joint, w->radius, w->neighbours));
    if (is_ksg2(w))
        MI__TRY(mi__space_reach(ctx, &w->joint, w->radius, w->reach));
    for (int i = 0; i < w->margins; i++) {
        for (int64_t j = 0; is_ksg2(w) && j < w->v.n; j++)
            w->radius[j] = above(w->reach[i][j]);
        MI__TRY(mi__space_within(ctx, &w->margin[i], w->radius, w->count[i]));
    }
    return MI_OK;
}

/* The same to the last bit if x and y change places. */
static void add_up(void *arg, int64_t begin, int64_t end) {
    const work *w = arg;
    const int32_t k = w->question->options->k;
    for (int64_t i = begin; i < end; i++) {
        double psi[MARGINS] = {0};
        for (int m = 0; m < w->margins; m++)
            psi[m] = mi__psi_of(&w->psi, w->count[m][i] - w->less);
        int32_t neighbours = k;
        if (is_gao(w) && (w->distance[i] < DBL_MIN || counts_border(w)))
            neighbours = w->neighbours[i] - w->less;
        w->term[i] = mi__psi_of(&w->psi, neighbours) + w->constant + psi[2] - (psi[0] + psi[1]);
    }
}

static int64_t most_counted(const work *w) {
    int64_t most = w->question->options->k;
    for (int m = 0; m < w->margins; m++)
        for (int64_t i = 0; i < w->v.n; i++)
            most = MI__MAX(most, w->count[m][i]);
    return most;
}

static void answer_from(const work *w, mi__answer *answer) {
    const mi__question *q = w->question;
    const int64_t n = w->v.n, k = q->options->k;
    const double rest = w->margins == 3 ? mi__digamma((double)(n - w->less)) : w->constant;
    mi__sum sum = {0};
    int64_t ties = 0;
    for (int64_t i = 0; i < n; i++) {
        mi__sum_add(&sum, w->term[i]);
        ties += w->distance[i] < DBL_MIN;
        if (q->local != NULL)
            q->local[i] = w->term[i];
    }
    *answer = (mi__answer){.value = mi__sum_value(&sum) / (double)n,
                           .cap = rest - mi__digamma((double)k)};
    answer->warnings |= ties > 0 && !is_gao(w) ? MI_WARNING_TIES : 0;
    answer->warnings |= mi__neighbours_few(n, w->joint.d, k) ? MI_WARNING_FEW : 0;
}

static mi_status estimate(work *w, mi__answer *answer) {
    mi_context *ctx = w->question->ctx;
    MI__TRY(count_all(ctx, w));
    MI__TRY(mi__psi_make(ctx, most_counted(w), &w->psi));
    mi__parallel_ranges(ctx, w->v.n, CHUNK, add_up, w);
    answer_from(w, answer);
    return MI_OK;
}

static void set_spaces(work *w) {
    const unsigned x = MI__ONLY(MI__X), y = MI__ONLY(MI__Y), z = MI__ONLY(MI__Z);
    const double n = (double)w->v.n, k = w->question->options->k;
    w->joint = mi__variables_space(&w->v, x | y | z);
    w->margin[0] = mi__variables_space(&w->v, x | z);
    w->margin[1] = mi__variables_space(&w->v, y | z);
    w->margin[2] = mi__variables_space(&w->v, z);
    w->margins = w->v.d[MI__Z] > 0 ? 3 : 2;
    w->less = is_ksg2(w) || counts_border(w);
    if (w->margins == 2)
        w->constant = is_gao(w) ? log(n) : mi__digamma(n) - (is_ksg2(w) ? 1 / k : 0);
}

static mi_status allocate(mi_context *ctx, work *w) {
    const int64_t n = w->v.n;
    w->distance = mi__alloc(ctx, n, sizeof *w->distance);
    w->radius = mi__alloc(ctx, n, sizeof *w->radius);
    w->term = mi__alloc(ctx, n, sizeof *w->term);
    bool good = w->distance != NULL && w->radius != NULL && w->term != NULL;
    for (int i = 0; i < w->margins; i++) {
        w->count[i] = mi__alloc(ctx, n, sizeof *w->count[i]);
        good = good && w->count[i] != NULL;
    }
    for (int i = 0; i < 2 && is_ksg2(w); i++) {
        w->reach[i] = mi__alloc(ctx, n, sizeof *w->reach[i]);
        good = good && w->reach[i] != NULL;
    }
    if (is_gao(w)) {
        w->neighbours = mi__alloc(ctx, n, sizeof *w->neighbours);
        good = good && w->neighbours != NULL;
    }
    return good ? MI_OK : MI_E_NOMEM;
}

static void release(mi_context *ctx, work *w) {
    const int64_t n = w->v.n;
    mi__psi_free(ctx, &w->psi);
    mi__free(ctx, w->distance, n, sizeof *w->distance);
    mi__free(ctx, w->radius, n, sizeof *w->radius);
    mi__free(ctx, w->term, n, sizeof *w->term);
    for (int i = 0; i < MARGINS; i++)
        mi__free(ctx, w->count[i], n, sizeof *w->count[i]);
    for (int i = 0; i < 2; i++)
        mi__free(ctx, w->reach[i], n, sizeof *w->reach[i]);
    mi__free(ctx, w->neighbours, n, sizeof *w->neighbours);
    mi__variables_free(ctx, &w->v);
}

mi_status mi__estimate_kraskov(const mi__question *q, mi__answer *answer) {
    work w = {.question = q};
    MI__TRY(mi__variables_make(q, MI__ONLY(MI__X) | MI__ONLY(MI__Y) | MI__ONLY(MI__Z), &w.v));
    set_spaces(&w);
    mi_status status = allocate(q->ctx, &w);
    if (status == MI_OK)
        status = estimate(&w, answer);
    release(q->ctx, &w);
    return status;
}
