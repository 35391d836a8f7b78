/* SPDX-License-Identifier: BSD-2-Clause */
#include "../base/base.h"

#include <mi/assign.h>
#include <mi/score.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

static mi_status check_sizes(int32_t clusters, int32_t classes) {
    if (clusters < 1 || classes < 1)
        return mi__fail(MI_E_ARG,
                        "clusters and classes must be at least 1, got %" PRId32 " and %" PRId32,
                        clusters, classes);
    return MI_OK;
}

/* `*n` = the number of samples, above 0. */
static mi_status check_counts(int32_t clusters, int32_t classes, const int64_t *counts,
                              int64_t *n) {
    int64_t sum = 0;
    MI__TRY(check_sizes(clusters, classes));
    MI__NEED(counts);
    for (int32_t c = 0; c < clusters; c++)
        for (int32_t t = 0; t < classes; t++) {
            int64_t count = counts[(int64_t)c * classes + t];
            if (count < 0)
                return mi__fail(MI_E_NUMERIC,
                                "counts[%" PRId32 "][%" PRId32 "] is %" PRId64
                                ", must not be negative",
                                c, t, count);
            if (count > INT64_MAX - sum)
                return mi__fail(MI_E_NUMERIC, "counts sum to more than %" PRId64, INT64_MAX);
            sum += count;
        }
    if (sum == 0)
        return mi__fail(MI_E_NUMERIC, "counts are all 0");
    *n = sum;
    return MI_OK;
}

mi_status mi_score_confusion(int64_t n, const int32_t *cluster, const int32_t *truth,
                             int32_t clusters, int32_t classes, int64_t *counts) {
    if (n < 0)
        return mi__fail(MI_E_ARG, "n must not be negative, got %" PRId64, n);
    MI__TRY(check_sizes(clusters, classes));
    MI__NEED(counts);
    if (n > 0) {
        MI__NEED(cluster);
        MI__NEED(truth);
    }
    for (int64_t i = 0; i < n; i++) {
        if (cluster[i] < 0 || cluster[i] >= clusters)
            return mi__fail(MI_E_ARG,
                            "cluster[%" PRId64 "] is %" PRId32 ", there are %" PRId32 " clusters",
                            i, cluster[i], clusters);
        if (truth[i] >= classes)
            return mi__fail(MI_E_ARG,
                            "truth[%" PRId64 "] is %" PRId32 ", there are %" PRId32 " classes", i,
                            truth[i], classes);
    }
    memset(counts, 0, (size_t)clusters * (size_t)classes * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        if (truth[i] >= 0)
            counts[(int64_t)cluster[i] * classes + truth[i]]++;
    return MI_OK;
}

/* -- accuracy ---------------------------------------------------------------------------------- */

/* name[c] = the class of cluster c under the matching that covers most samples, -1 for none. */
static mi_status match(mi_context *context, int32_t clusters, int32_t classes,
                       const int64_t *counts, double *cost, int64_t *name) {
    mi_assign *assign;
    for (int64_t i = 0; i < (int64_t)clusters * classes; i++)
        cost[i] = (double)counts[i];
    MI__TRY(mi_assign_create(context, &assign));
    mi_status status = mi_assign_solve_f64(assign, clusters, classes, cost, 0, MI_ASSIGN_MAXIMIZE,
                                           name, NULL, NULL);
    mi_assign_destroy(assign);
    return status;
}

mi_status mi_score_accuracy(mi_context *context, int32_t clusters, int32_t classes,
                            const int64_t *counts, int32_t *naming, double *accuracy) {
    int64_t n, hits = 0, cells = (int64_t)clusters * classes;
    mi_context *own;
    MI__TRY(check_counts(clusters, classes, counts, &n));
    MI__NEED(accuracy);
    MI__TRY(mi__context_take(context, &own));
    double *cost = mi__alloc(own, cells, sizeof *cost);
    int64_t *name = mi__alloc(own, clusters, sizeof *name);
    mi_status status = MI_E_NOMEM;
    if (cost != NULL && name != NULL)
        status = match(own, clusters, classes, counts, cost, name);
    if (status == MI_OK) {
        for (int32_t c = 0; c < clusters; c++) {
            if (name[c] >= 0)
                hits += counts[(int64_t)c * classes + name[c]];
            if (naming != NULL)
                naming[c] = (int32_t)name[c];
        }
        *accuracy = (double)hits / (double)n;
    }
    mi__free(own, name, clusters, sizeof *name);
    mi__free(own, cost, cells, sizeof *cost);
    mi_context_destroy(own);
    return status;
}

mi_status mi_score_majority(int32_t clusters, int32_t classes, const int64_t *counts,
                            int32_t *naming, double *accuracy) {
    int64_t n, hits = 0;
    MI__TRY(check_counts(clusters, classes, counts, &n));
    MI__NEED(accuracy);
    for (int32_t c = 0; c < clusters; c++) {
        const int64_t *row = counts + (int64_t)c * classes;
        int32_t most = 0;
        for (int32_t t = 1; t < classes; t++)
            if (row[t] > row[most])
                most = t;
        hits += row[most];
        if (naming != NULL)
            naming[c] = row[most] > 0 ? most : -1;
    }
    *accuracy = (double)hits / (double)n;
    return MI_OK;
}

/* -- information and pairs --------------------------------------------------------------------- */

/* Sums f(count) over the cells, over the clusters and over the classes. */
typedef struct sums {
    long double cells, clusters, classes;
} sums;

static sums sum_over(int32_t clusters, int32_t classes, const int64_t *counts, int64_t n,
                     long double (*f)(int64_t count, int64_t n)) {
    sums s = {0, 0, 0};
    for (int32_t c = 0; c < clusters; c++) {
        int64_t row = 0;
        for (int32_t t = 0; t < classes; t++) {
            int64_t count = counts[(int64_t)c * classes + t];
            s.cells += f(count, n);
            row += count;
        }
        s.clusters += f(row, n);
    }
    for (int32_t t = 0; t < classes; t++) {
        int64_t column = 0;
        for (int32_t c = 0; c < clusters; c++)
            column += counts[(int64_t)c * classes + t];
        s.classes += f(column, n);
    }
    return s;
}

static long double surprise(int64_t count, int64_t n) {
    return count > 0 ? -(long double)count / n * logl((long double)count / n) : 0;
}

static double normalizer(int32_t norm, double a, double b) {
    switch (norm) {
    case MI_NMI_ARITHMETIC: return (a + b) / 2;
    case MI_NMI_GEOMETRIC: return sqrt(a) * sqrt(b);
    case MI_NMI_MIN: return fmin(a, b);
    default: return fmax(a, b);
    }
}

mi_status mi_score_nmi(int32_t clusters, int32_t classes, const int64_t *counts, int32_t norm,
                       double *nmi) {
    int64_t n;
    if (norm < MI_NMI_ARITHMETIC || norm > MI_NMI_MAX)
        return mi__fail(MI_E_ARG, "norm must be an mi_nmi_norm, got %" PRId32, norm);
    MI__TRY(check_counts(clusters, classes, counts, &n));
    MI__NEED(nmi);
    sums h = sum_over(clusters, classes, counts, n, surprise);
    double a = (double)h.clusters, b = (double)h.classes;
    double shared = (double)(h.clusters + h.classes - h.cells);
    if (a == 0 || b == 0)
        *nmi = a == b ? 1 : 0;
    else
        *nmi = fmin(fmax(shared / normalizer(norm, a, b), 0), 1);
    return MI_OK;
}

static long double pairs(int64_t count, int64_t n) {
    (void)n;
    return (long double)count * (count - 1) / 2;
}

mi_status mi_score_ari(int32_t clusters, int32_t classes, const int64_t *counts, double *ari) {
    int64_t n;
    MI__TRY(check_counts(clusters, classes, counts, &n));
    MI__NEED(ari);
    sums s = sum_over(clusters, classes, counts, n, pairs);
    long double together = s.cells, all = pairs(n, n);
    long double split = s.classes - together, joined = s.clusters - together;
    long double apart = all - together - split - joined;
    if (split == 0 && joined == 0)
        *ari = 1;
    else
        *ari = (double)(2 * (together * apart - split * joined) /
                        ((together + split) * (split + apart) +
                         (together + joined) * (joined + apart)));
    return MI_OK;
}
