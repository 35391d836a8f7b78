/* SPDX-License-Identifier: BSD-2-Clause */
/* With A = sum z_i w_i^T, where w_i is the weighted sum of the twins of sample i, S = sum(A),
 * P = A / S or (A + A^T) / 2S, and p and q the sums of the rows and columns of P, the loss is
 * homogeneous of degree 0 in A, and
 *
 *     G_cd = lambda ln p_c + lambda ln q_d - ln P_cd,   loss = <G, P>
 *     dloss/dA = (G - loss) / S = H,   dz_i = H w_i,   dzt_j = weight_j H^T z_i
 *
 * The constants 1 - 2 lambda of dloss/dP cancel against the normaliser. */
#include "iic.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TILE 32     /* of a transposition: two of them are in the first cache */
#define GRAIN 65536 /* elements that pay for waking another thread */
#define ACCUMULATORS 8

typedef struct job {
    const mi_iic *iic;
    mi__iic_head *h;
    double factor; /* of H */
} job;

/* body() over the rows or columns of a matrix, threads where they pay. */
static void each_row(job *j, void (*body)(void *arg, int64_t begin, int64_t end)) {
    mi__parallel_ranges(j->iic->context, j->h->classes, GRAIN / j->h->classes, body, j);
}

/* body() over rows of tiles, one by one: those of a triangle differ in length. */
static void each_tile_row(job *j, void (*body)(void *arg, int64_t index)) {
    const int64_t k = j->h->classes, tiles = (k + TILE - 1) / TILE;
    if (k * k >= 2 * GRAIN)
        mi__parallel_for(j->iic->context, tiles, body, j);
    else
        for (int64_t i = 0; i < tiles; i++)
            body(j, i);
}

static void sum_rows(void *arg, int64_t begin, int64_t end) {
    mi__iic_head *h = ((job *)arg)->h;
    for (int64_t c = begin; c < end; c++) {
        const double *a = h->joint + c * h->ld; /* ld is a multiple of 8, padded with zeros */
        double sum[ACCUMULATORS] = {0};
        for (int64_t d = 0; d < h->ld; d += ACCUMULATORS)
            for (int i = 0; i < ACCUMULATORS; i++)
                sum[i] += a[d + i];
        h->row[c] =
            ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
    }
}

static void sum_columns(void *arg, int64_t begin, int64_t end) {
    mi__iic_head *h = ((job *)arg)->h;
    memset(h->column + begin, 0, (size_t)(end - begin) * sizeof(double));
    for (int64_t c = 0; c < h->classes; c++)
        for (int64_t d = begin; d < end; d++)
            h->column[d] += h->joint[c * h->ld + d];
}

void mi__iic_sums(mi_iic *iic) {
    for (int32_t i = 0; i < iic->count; i++) {
        job j = {iic, &iic->head[i], 0};
        each_row(&j, sum_rows);
        each_row(&j, sum_columns);
        j.h->sum = 0;
        for (int64_t c = 0; c < j.h->classes; c++)
            j.h->sum += j.h->row[c];
    }
}

/* The upper triangle becomes that of (A + A^T) / 2. */
static void symmetrize(void *arg, int64_t index) {
    const mi__iic_head *h = ((job *)arg)->h;
    const int64_t top = index * TILE, bottom = MI__MIN(top + TILE, h->classes);
    for (int64_t left = top; left < h->classes; left += TILE)
        for (int64_t c = top; c < bottom; c++)
            for (int64_t d = MI__MAX(left, c); d < MI__MIN(left + TILE, h->classes); d++) {
                double *upper = &h->joint[c * h->ld + d];
                *upper = 0.5 * *upper + 0.5 * h->joint[d * h->ld + c];
            }
}

static void turn(void *arg, int64_t index) {
    const mi__iic_head *h = ((job *)arg)->h;
    const int64_t top = index * TILE, bottom = MI__MIN(top + TILE, h->classes);
    for (int64_t left = 0; left < h->classes; left += TILE)
        for (int64_t c = top; c < bottom; c++)
            for (int64_t d = left; d < MI__MIN(left + TILE, h->classes); d++)
                h->turned[c * h->ld + d] = h->joint[d * h->ld + c];
}

/* lambda ln of the marginals; 0 ln 0 is 0. */
static void weigh_marginals(const mi_iic *iic, mi__iic_head *h) {
    for (int64_t c = 0; c < h->classes; c++) {
        double p = h->row[c], q = h->column[c];
        if (iic->symmetric)
            p = q = 0.5 * p + 0.5 * q;
        h->row[c] = p > 0 ? iic->lambda * log(p / h->sum) : 0;
        h->column[c] = iic->symmetric ? h->row[c] : q > 0 ? iic->lambda * log(q / h->sum) : 0;
    }
}

/* A row of A from column d on becomes G, infinite where P is 0; returns the part of the loss. */
static double find_slopes(const job *j, int64_t c, int64_t d, int64_t count) {
    const mi__iic_head *h = j->h;
    double *a = h->joint + c * h->ld + d;
    return j->iic->kernels->slopes(count, a, h->sum, h->row[c], h->column + d, a);
}

static void slope_rows(void *arg, int64_t begin, int64_t end) {
    const job *j = arg;
    for (int64_t c = begin; c < end; c++)
        j->h->part[c] = find_slopes(j, c, 0, j->h->classes);
}

/* The upper triangle, what is beside the diagonal counted twice. */
static void slope_triangle(void *arg, int64_t index) {
    const job *j = arg;
    const int64_t k = j->h->classes;
    for (int64_t c = index * TILE; c < MI__MIN((index + 1) * TILE, k); c++) {
        j->h->part[c] = find_slopes(j, c, c, 1);
        if (c + 1 < k)
            j->h->part[c] += 2 * find_slopes(j, c, c + 1, k - c - 1);
    }
}

/* H from G. Where P is 0, H is: the limit, infinity, would serve nobody, and behind a softmax it
 * only meets factors of 0. */
static inline double centered(double g, double loss, double factor) {
    return g == HUGE_VAL ? 0 : (g - loss) * factor;
}

static void center_rows(void *arg, int64_t begin, int64_t end) {
    const job *j = arg;
    const mi__iic_head *h = j->h;
    const double loss = h->loss, factor = j->factor;
    for (int64_t c = begin; c < end; c++) {
        double *g = h->joint + c * h->ld;
        for (int64_t d = 0; d < h->classes; d++)
            g[d] = centered(g[d], loss, factor);
    }
}

/* And the lower triangle from the upper one. */
static void center_triangle(void *arg, int64_t index) {
    const job *j = arg;
    const mi__iic_head *h = j->h;
    const double loss = h->loss, factor = j->factor;
    const int64_t top = index * TILE, bottom = MI__MIN(top + TILE, h->classes);
    for (int64_t left = top; left < h->classes; left += TILE) {
        const int64_t right = MI__MIN(left + TILE, h->classes);
        for (int64_t c = top; c < bottom; c++)
            for (int64_t d = MI__MAX(left, c); d < right; d++)
                h->joint[c * h->ld + d] = centered(h->joint[c * h->ld + d], loss, factor);
        for (int64_t d = left; d < right; d++)
            for (int64_t c = top; c < MI__MIN(bottom, d); c++)
                h->joint[d * h->ld + c] = h->joint[c * h->ld + d];
    }
}

static void round_rows(void *arg, int64_t begin, int64_t end) {
    const mi__iic_head *h = ((job *)arg)->h;
    for (int64_t c = begin; c < end; c++)
        for (int64_t d = 0; d < h->classes; d++)
            h->single[c * h->classes + d] = (float)h->joint[c * h->ld + d];
}

static void finish_head(const mi_iic *iic, mi__iic_head *h) {
    job j = {iic, h, 1.0 / iic->count / h->sum};
    weigh_marginals(iic, h);
    if (iic->symmetric) {
        each_tile_row(&j, symmetrize);
        each_tile_row(&j, slope_triangle);
    } else
        each_row(&j, slope_rows);
    h->loss = 0;
    for (int64_t c = 0; c < h->classes; c++)
        h->loss += h->part[c];
    if (iic->symmetric)
        each_tile_row(&j, center_triangle);
    else {
        each_row(&j, center_rows);
        each_tile_row(&j, turn);
    }
    if (h->single != NULL)
        each_row(&j, round_rows);
}

double mi__iic_slopes(mi_iic *iic) {
    double mean = 0;
    for (int32_t i = 0; i < iic->count; i++) {
        finish_head(iic, &iic->head[i]);
        mean += iic->head[i].loss / iic->count;
    }
    return mean;
}

mi_status mi__iic_check_sum(const char *what, double sum) {
    if (sum == 0)
        return mi__fail(MI_E_NUMERIC, "%s: the joint matrix is all 0", what);
    if (!isnormal(sum))
        return mi__fail(MI_E_NUMERIC, "%s: the joint matrix sums to %g, beyond range", what, sum);
    return MI_OK;
}

mi_status mi__iic_finish(mi_iic *iic, double *mean) {
    char what[32];
    mi__iic_sums(iic);
    for (int32_t i = 0; i < iic->count; i++) {
        snprintf(what, sizeof what, "head %" PRId32, i);
        MI__TRY(mi__iic_check_sum(what, iic->head[i].sum));
    }
    *mean = mi__iic_slopes(iic);
    iic->phase = MI__IIC_FINISHED;
    return MI_OK;
}
