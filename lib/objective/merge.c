/* SPDX-License-Identifier: BSD-2-Clause */
/* Agglomerative information bottleneck on a symmetric joint matrix, where a merge acts on rows and
 * columns at once. With h(x) = x ln x the information is sum h(P_cd) - 2 sum h(p_c), so what
 * merging x and y loses is a sum over the other clusters d of
 *
 *     s(x, y, d) = h(P_xd) + h(P_yd) - h(P_xd + P_yd)
 *
 * and terms of x and y alone. When a and b have merged, the loss of every other pair changes in
 * the terms of d = a and d = b only: O(1) a pair, O(K^2) a merge, O(K^3) altogether. */
#include "joint.h"
#include "regroup.h"

#include <mi/iic.h>

#include <inttypes.h>
#include <string.h>

#define TIE 1e-12 /* nats: more than the updates can drift, less than anybody cares for */
#define FEW 128   /* clusters for which waking threads takes longer than the work */

typedef struct merging {
    mi_context *context;
    int64_t classes, alive;
    double *p, *h;    /* [K][K]: P and h(P), of live clusters */
    double *loss;     /* [K][K]: of the pair x < y */
    double *marginal; /* [K] */
    double *joined;   /* [K]: h(P_xa + P_xb) of the merge at hand */
    int64_t *live;    /* [alive], ascending */
    int64_t *owner;   /* [K]: the live cluster that holds it, its lowest member */
    int64_t a, b;     /* the merge at hand, a < b */
} merging;

static double split(const merging *m, int64_t x, int64_t y, int64_t d) {
    int64_t k = m->classes;
    return m->h[d * k + x] + m->h[d * k + y] - mi__xlogx(m->p[d * k + x] + m->p[d * k + y]);
}

/* The whole sum, O(K). */
static double pair_loss(const merging *m, int64_t x, int64_t y) {
    int64_t k = m->classes;
    const double *px = m->p + x * k, *py = m->p + y * k, *hx = m->h + x * k, *hy = m->h + y * k;
    double others = 0;
    for (int64_t i = 0; i < m->alive; i++) {
        int64_t d = m->live[i];
        if (d != x && d != y && px[d] > 0 && py[d] > 0)
            others += hx[d] + hy[d] - mi__xlogx(px[d] + py[d]);
    }
    double own = hx[x] + hy[y] + 2 * hx[y] - mi__xlogx(px[x] + py[y] + 2 * px[y]);
    double u = m->marginal[x], v = m->marginal[y];
    return 2 * others + own - 2 * (mi__xlogx(u) + mi__xlogx(v) - mi__xlogx(u + v));
}

static void first_losses(void *arg, int64_t i) {
    merging *m = arg;
    int64_t x = m->live[i];
    for (int64_t j = i + 1; j < m->alive; j++)
        m->loss[x * m->classes + m->live[j]] = pair_loss(m, x, m->live[j]);
}

/* Before a and b merge: the terms of d = a and d = b become one in every other pair of x. */
static void update_losses(void *arg, int64_t i) {
    merging *m = arg;
    int64_t k = m->classes, x = m->live[i], a = m->a, b = m->b;
    if (x == a || x == b)
        return;
    const double *pa = m->p + a * k, *pb = m->p + b * k;
    for (int64_t j = i + 1; j < m->alive; j++) {
        int64_t y = m->live[j];
        if (y == a || y == b)
            continue;
        double whole = m->joined[x] + m->joined[y] - mi__xlogx(pa[x] + pb[x] + pa[y] + pb[y]);
        m->loss[x * k + y] += 2 * (whole - split(m, x, y, a) - split(m, x, y, b));
    }
}

/* After the merge: the pairs of a itself. */
static void renew_losses(void *arg, int64_t i) {
    merging *m = arg;
    int64_t x = m->live[i], a = m->a;
    if (x != a)
        m->loss[MI__MIN(x, a) * m->classes + MI__MAX(x, a)] =
            pair_loss(m, MI__MIN(x, a), MI__MAX(x, a));
}

static void for_live(merging *m, void (*body)(void *arg, int64_t i)) {
    if (m->alive >= FEW)
        mi__parallel_for(m->context, m->alive, body, m);
    else
        for (int64_t i = 0; i < m->alive; i++)
            body(m, i);
}

static void choose(merging *m) {
    double least = INFINITY;
    for (int64_t i = 0; i < m->alive; i++)
        for (int64_t j = i + 1; j < m->alive; j++)
            least = fmin(least, m->loss[m->live[i] * m->classes + m->live[j]]);
    for (int64_t i = 0; i < m->alive; i++)
        for (int64_t j = i + 1; j < m->alive; j++)
            if (m->loss[m->live[i] * m->classes + m->live[j]] <= least + TIE) {
                m->a = m->live[i];
                m->b = m->live[j];
                return;
            }
}

static void set_cell(merging *m, int64_t c, int64_t d, double value) {
    int64_t k = m->classes;
    m->p[c * k + d] = m->p[d * k + c] = value;
    m->h[c * k + d] = m->h[d * k + c] = mi__xlogx(value);
}

static void join(merging *m) {
    int64_t k = m->classes, a = m->a, b = m->b, left = 0;
    const double *pa = m->p + a * k, *pb = m->p + b * k;
    set_cell(m, a, a, pa[a] + pb[b] + 2 * pa[b]);
    for (int64_t i = 0; i < m->alive; i++) {
        int64_t d = m->live[i];
        if (d == b)
            continue;
        m->live[left++] = d;
        if (d != a)
            set_cell(m, a, d, pa[d] + pb[d]);
    }
    m->alive = left;
    m->marginal[a] += m->marginal[b];
    for (int64_t c = b; c < k; c++)
        if (m->owner[c] == b)
            m->owner[c] = a;
}

static void merge_once(merging *m) {
    choose(m);
    for (int64_t i = 0; i < m->alive; i++) {
        int64_t x = m->live[i], k = m->classes;
        m->joined[x] = mi__xlogx(m->p[m->a * k + x] + m->p[m->b * k + x]);
    }
    for_live(m, update_losses);
    join(m);
    for_live(m, renew_losses);
}

static void load_joint(merging *m, const double *joint, int64_t ld, double sum) {
    int64_t k = m->classes;
    m->alive = k;
    for (int64_t c = 0; c < k; c++) {
        m->live[c] = m->owner[c] = c;
        for (int64_t d = c; d < k; d++)
            set_cell(m, c, d, mi__joint_at(joint, ld, sum, c, d));
    }
    for (int64_t c = 0; c < k; c++) {
        m->marginal[c] = 0;
        for (int64_t d = 0; d < k; d++)
            m->marginal[c] += m->p[c * k + d];
    }
}

/* Owners are the lowest members, so live ones come in order of first appearance. */
static void number_groups(merging *m, int32_t *group) {
    for (int64_t i = 0; i < m->alive; i++)
        group[m->live[i]] = (int32_t)i;
    for (int64_t c = 0; c < m->classes; c++)
        group[c] = group[m->owner[c]];
}

/* The greedy part; `joint` is checked. */
static mi_status merge_all(mi_context *context, int64_t classes, const double *joint, int64_t ld,
                           double sum, int64_t target, int32_t *group) {
    int64_t cells;
    if (classes > INT32_MAX / 2 || !mi__multiply(classes, 3 * classes + 2, &cells))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " classes are too many", classes);
    merging m = {.context = context, .classes = classes};
    m.p = mi__alloc(context, cells, sizeof *m.p);
    m.live = mi__alloc(context, 2 * classes, sizeof *m.live);
    mi_status status = m.p == NULL || m.live == NULL ? MI_E_NOMEM : MI_OK;
    if (status == MI_OK) {
        m.h = m.p + classes * classes;
        m.loss = m.h + classes * classes;
        m.marginal = m.loss + classes * classes;
        m.joined = m.marginal + classes;
        m.owner = m.live + classes;
        load_joint(&m, joint, ld, sum);
        if (target < classes)
            for_live(&m, first_losses);
        while (m.alive > target)
            merge_once(&m);
        number_groups(&m, group);
    }
    mi__free(context, m.live, 2 * classes, sizeof *m.live);
    mi__free(context, m.p, cells, sizeof *m.p);
    return status;
}

mi_status mi_iic_merge(mi_context *context, int64_t classes, const double *joint, int64_t ld,
                       int64_t target, int32_t *group, double *information) {
    double sum, found;
    MI__NEED(group);
    MI__TRY(mi__joint_check(classes, joint, &ld, &sum));
    if (target < 1 || target > classes)
        return mi__fail(MI_E_ARG, "target must be in 1 to %" PRId64 ", got %" PRId64, classes,
                        target);
    mi_context *own;
    MI__TRY(mi__context_take(context, &own));
    int32_t *merged = mi__alloc(own, classes, sizeof *merged);
    mi_status status = merged == NULL ? MI_E_NOMEM : MI_OK;
    if (status == MI_OK)
        status = merge_all(own, classes, joint, ld, sum, target, merged);
    if (status == MI_OK)
        status = mi__regroup(own, classes, joint, ld, sum, target, merged, &found);
    if (status == MI_OK) {
        memcpy(group, merged, (size_t)classes * sizeof *group);
        if (information != NULL)
            *information = found;
    }
    mi__free(own, merged, classes, sizeof *merged);
    mi_context_destroy(own);
    return status;
}
