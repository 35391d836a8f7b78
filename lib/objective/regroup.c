/* SPDX-License-Identifier: BSD-2-Clause */
/* Sequential information bottleneck (N. Slonim, N. Friedman, N. Tishby, SIGIR 2002): clusters move
 * one by one to the group in which they keep most information, until none gains by moving. Greedy
 * merging cannot take back what it did early; this can. */
#include "regroup.h"

#include "joint.h"

#include <string.h>

#define TIE 1e-12       /* nats; less is no gain */
#define MOST_SWEEPS 100 /* in practice a handful end it */

typedef struct regrouping {
    const double *joint; /* the caller's, to be read through at() */
    int64_t classes, ld, groups;
    double sum;
    int32_t *group;
    double *q;        /* [G][G]: the joint matrix of the groups */
    double *marginal; /* [G] */
    double *row;      /* [G]: of the cluster at hand c, P_cd summed over the other members d */
} regrouping;

static double at(const regrouping *r, int64_t c, int64_t d) {
    return mi__joint_at(r->joint, r->ld, r->sum, c, d);
}

static void count_groups(regrouping *r) {
    memset(r->q, 0, (size_t)(r->groups * r->groups) * sizeof *r->q);
    memset(r->marginal, 0, (size_t)r->groups * sizeof *r->marginal);
    for (int64_t c = 0; c < r->classes; c++)
        for (int64_t d = 0; d < r->classes; d++) {
            double p = at(r, c, d);
            r->q[r->group[c] * r->groups + r->group[d]] += p;
            r->marginal[r->group[c]] += p;
        }
}

/* Fills in row; returns the mass of c. */
static double count_row(regrouping *r, int64_t c) {
    double mass = 0;
    memset(r->row, 0, (size_t)r->groups * sizeof *r->row);
    for (int64_t d = 0; d < r->classes; d++) {
        double p = at(r, c, d);
        mass += p;
        if (d != c)
            r->row[r->group[d]] += p;
    }
    return mass;
}

/* What the information gains if the cluster whose row is counted goes from group a to b. */
static double gain(const regrouping *r, int64_t a, int64_t b, double self, double mass) {
    const double *qa = r->q + a * r->groups, *qb = r->q + b * r->groups, *row = r->row;
    double others = 0;
    for (int64_t g = 0; g < r->groups; g++)
        if (g != a && g != b)
            others += mi__xlogx(qa[g] - row[g]) + mi__xlogx(qb[g] + row[g]) - mi__xlogx(qa[g]) -
                      mi__xlogx(qb[g]);
    double own = mi__xlogx(qa[a] - 2 * row[a] - self) + mi__xlogx(qb[b] + 2 * row[b] + self) +
                 2 * mi__xlogx(qa[b] + row[a] - row[b]) - mi__xlogx(qa[a]) - mi__xlogx(qb[b]) -
                 2 * mi__xlogx(qa[b]);
    double u = r->marginal[a], v = r->marginal[b];
    double sizes = mi__xlogx(u - mass) + mi__xlogx(v + mass) - mi__xlogx(u) - mi__xlogx(v);
    return 2 * others + own - 2 * sizes;
}

/* Moves what gains, in order of the clusters; among equal gains to the lowest group. */
static bool sweep(regrouping *r) {
    bool moved = false;
    for (int64_t c = 0; c < r->classes; c++) {
        double most = TIE, mass = count_row(r, c), self = at(r, c, c);
        int64_t from = r->group[c], to = from;
        for (int64_t g = 0; g < r->groups; g++) {
            double gained = g != from ? gain(r, from, g, self, mass) : 0;
            if (gained > most) {
                most = gained + TIE;
                to = g;
            }
        }
        if (to != from) {
            r->group[c] = (int32_t)to;
            count_groups(r);
            moved = true;
        }
    }
    return moved;
}

static double information_of(const regrouping *r) {
    double cells = 0, marginals = 0;
    for (int64_t i = 0; i < r->groups * r->groups; i++)
        cells += mi__xlogx(r->q[i]);
    for (int64_t g = 0; g < r->groups; g++)
        marginals += mi__xlogx(r->marginal[g]);
    return fmax(cells - 2 * marginals, 0);
}

/* In order of first appearance. `name` [G] is scratch. */
static void number_groups(regrouping *r, double *name) {
    int32_t next = 0;
    for (int64_t g = 0; g < r->groups; g++)
        name[g] = -1;
    for (int64_t c = 0; c < r->classes; c++) {
        if (name[r->group[c]] < 0)
            name[r->group[c]] = next++;
        r->group[c] = (int32_t)name[r->group[c]];
    }
}

mi_status mi__regroup(mi_context *context, int64_t classes, const double *joint, int64_t ld,
                      double sum, int64_t groups, int32_t *group, double *information) {
    int64_t count = groups * (groups + 2);
    double *room = mi__alloc(context, count, sizeof *room);
    if (room == NULL)
        return MI_E_NOMEM;
    regrouping r = {joint,
                    classes,
                    ld,
                    groups,
                    sum,
                    group,
                    room,
                    room + groups * groups,
                    room + groups * groups + groups};
    count_groups(&r);
    const bool movable = groups > 1 && groups < classes;
    for (int i = 0; movable && i < MOST_SWEEPS && sweep(&r); i++)
        ;
    *information = information_of(&r);
    number_groups(&r, r.row);
    mi__free(context, room, count, sizeof *room);
    return MI_OK;
}
