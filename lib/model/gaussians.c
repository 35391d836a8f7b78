/* SPDX-License-Identifier: BSD-2-Clause */
/* The log density ratio of the Gaussians that fit some samples, ln N(q | p) - ln N(q), where q is
 * the narrower side. With w = W q of unit covariance (centred), its regression on p, and S = L L^T
 * the covariance of what that leaves,
 *
 *     r = L^-1 (regression of w on p),  t = L^-1 w
 *     ratio = -|t - r|^2 / 2 + |w|^2 / 2 - ln det L
 *           = [r, -|r|^2 / 2, 1] . [t, 1, (|w|^2 - |t|^2) / 2 - ln det L] */
#include "scaling_parts.h"

#include <math.h>
#include <string.h>

#define RIDGE 1e-6 /* of the mean variance, added to each */

/* -- small matrices --------------------------------------------------------------------------- */

/* The lower triangle of a [n][n] becomes its Cholesky factor; what comes out too small for the
 * roundings of this is raised. */
static void factorise(int64_t n, double *a) {
    double ridge = 0;
    for (int64_t i = 0; i < n; i++)
        ridge += RIDGE * a[i * n + i] / (double)n;
    ridge = fmax(ridge, 1e-30);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            const double rest = a[i * n + j] - mi__kernels_f64.dot(j, a + i * n, a + j * n);
            a[i * n + j] = i == j ? sqrt(fmax(rest + ridge, ridge)) : rest / a[j * n + j];
        }
}

/* b [n][columns] = L^-1 b */
static void solve(int64_t n, const double *l, int64_t columns, double *b) {
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < i; j++)
            mi__kernels_f64.add_scaled(columns, -l[i * n + j], b + j * columns, b + i * columns);
        mi__kernels_f64.scale(columns, 1 / l[i * n + i], b + i * columns, b + i * columns);
    }
}

/* b [rows][n] = b L^-1 */
static void solve_right(int64_t n, const double *l, int64_t rows, double *b) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = n - 1; i >= 0; i--) {
            b[r * n + i] /= l[i * n + i];
            mi__kernels_f64.add_scaled(i, -b[r * n + i], l + i * n, b + r * n);
        }
}

static void set_identity(int64_t n, double *a) {
    mi__kernels_f64.fill(n * n, 0, a);
    for (int64_t i = 0; i < n; i++)
        a[i * n + i] = 1;
}

/* -- finding ---------------------------------------------------------------------------------- */

typedef struct room {
    double *samples;    /* [n][p + q], centred: p first */
    double *covariance; /* [p + q][p + q] */
    double *pp, *cross; /* [p][p]; [q][p], of w and p */
    double *rest;       /* [q][q], of what the regression leaves */
    void *work;
} room;

static void load_samples(mi__scaling *s, const mi__sides *samples, double *to) {
    const int64_t n = samples->n, d = s->d[0] + s->d[1];
    for (int side = 0; side < 2; side++) {
        const int64_t width = s->d[side], at = side == s->q ? d - width : 0;
        double *centre = s->centre + (side == 0 ? 0 : s->d[0]);
        for (int64_t i = 0; i < n; i++)
            mi__scaling_apply(s, &mi__kernels_f64, side, 1,
                              (side == 0 ? samples->x : samples->y) + i * width, to + i * d + at);
        for (int64_t c = 0; c < width; c++) {
            centre[c] = 0;
            for (int64_t i = 0; i < n; i++)
                centre[c] += to[i * d + at + c] / (double)n;
            for (int64_t i = 0; i < n; i++)
                to[i * d + at + c] -= centre[c];
        }
    }
}

static void take_block(const room *r, int64_t d, int64_t row, int64_t rows, int64_t column,
                       int64_t columns, int64_t n, double *to) {
    for (int64_t i = 0; i < rows; i++)
        mi__kernels_f64.scale(columns, 1 / (double)n, r->covariance + (row + i) * d + column,
                              to + i * columns);
}

/* L_q and L_p, and the covariance of q and p in from_p. */
static void find_moments(mi__scaling *s, const mi__sides *samples, const room *r) {
    const int64_t q = s->d[s->q], p = s->d[1 - s->q], d = p + q, n = samples->n;
    load_samples(s, samples, r->samples);
    mi__kernels_f64.product(s->ctx, true, false, d, d, n, r->samples, d, r->samples, d, 0,
                            r->covariance, d, r->work);
    take_block(r, d, 0, p, 0, p, n, r->pp);
    take_block(r, d, p, q, 0, p, n, s->from_p);
    take_block(r, d, p, q, p, q, n, r->rest);
    factorise(p, r->pp);
    factorise(q, r->rest);
}

/* W; the covariance of w and p of unit covariance, whose rows L_p^-1 divides; the regression. */
static void find_regression(mi__scaling *s, const room *r) {
    const int64_t q = s->d[s->q], p = s->d[1 - s->q];
    set_identity(q, s->alone);
    solve(q, r->rest, q, s->alone);
    solve(q, r->rest, p, s->from_p);
    for (int64_t i = 0; i < q; i++) {
        double *row = r->cross + i * p;
        for (int64_t j = 0; j < p; j++)
            row[j] = (s->from_p[i * p + j] - mi__kernels_f64.dot(j, row, r->pp + j * p)) /
                     r->pp[j * p + j];
    }
    memcpy(s->from_p, r->cross, (size_t)(q * p) * sizeof *r->cross);
    solve_right(p, r->pp, q, s->from_p);
}

/* L, which what is left by the regression is divided by. */
static void find_rest(mi__scaling *s, const room *r) {
    const int64_t q = s->d[s->q], p = s->d[1 - s->q];
    for (int64_t i = 0; i < q; i++)
        for (int64_t j = 0; j < q; j++)
            r->rest[i * q + j] =
                (i == j ? 1 : 0) - mi__kernels_f64.dot(p, r->cross + i * p, r->cross + j * p);
    factorise(q, r->rest);
    memcpy(s->from_q, s->alone, (size_t)(q * q) * sizeof *s->alone);
    solve(q, r->rest, q, s->from_q);
    solve(q, r->rest, p, s->from_p);
    *s->constant = 0;
    for (int64_t i = 0; i < q; i++)
        *s->constant -= log(r->rest[i * q + i]);
}

static int64_t lay_out(const mi__scaling *s, int64_t n, char *memory, room *r) {
    const int64_t q = s->d[s->q], p = s->d[1 - s->q], d = p + q;
    int64_t used = 0;
    r->samples = mi__take(memory, &used, n * d, sizeof(double));
    r->covariance = mi__take(memory, &used, d * d, sizeof(double));
    r->pp = mi__take(memory, &used, p * p, sizeof(double));
    r->cross = mi__take(memory, &used, q * p, sizeof(double));
    r->rest = mi__take(memory, &used, q * q, sizeof(double));
    r->work = mi__take(memory, &used, (int64_t)mi__kernels_f64.product_work(s->ctx), 1);
    return used;
}

mi_status mi__scaling_find_gaussians(mi__scaling *s, const mi__sides *samples) {
    room r;
    const int64_t bytes = lay_out(s, samples->n, NULL, &r);
    char *memory = mi__alloc(s->ctx, bytes, 1);
    if (memory == NULL)
        return MI_E_NOMEM;
    (void)lay_out(s, samples->n, memory, &r);
    find_moments(s, samples, &r);
    find_regression(s, &r);
    find_rest(s, &r);
    mi__free(s->ctx, memory, bytes, 1);
    return MI_OK;
}

/* -- using ------------------------------------------------------------------------------------ */

int64_t mi__scaling_base_width(const mi__scaling *s) {
    return s == NULL || !s->gaussian ? 0 : s->d[s->q] + 2;
}

typedef struct base_job {
    const mi__scaling *s;
    const mi__kernels *k;
    const void *p, *q;
    double *to_p, *to_q;
} base_job;

/* Row `row` of a matrix times a centred sample. */
static double times(const base_job *job, const double *matrix, int64_t row, const void *x,
                    int64_t sample, int64_t d, const double *centre) {
    double sum = 0;
    for (int64_t c = 0; c < d; c++)
        sum += matrix[row * d + c] * (mi__real_get(job->k, x, sample * d + c) - centre[c]);
    return sum;
}

static void base_rows(void *arg, int64_t begin, int64_t end) {
    const base_job *job = arg;
    const mi__scaling *s = job->s;
    const int64_t q = s->d[s->q], p = s->d[1 - s->q], width = q + 2;
    const double *q_centre = s->centre + (s->q == 0 ? 0 : s->d[0]);
    const double *p_centre = s->centre + (s->q == 0 ? s->d[0] : 0);
    for (int64_t i = begin; i < end; i++) {
        double *u = job->to_p + i * width, *v = job->to_q + i * width;
        double r = 0, t = 0, w = 0;
        for (int64_t c = 0; c < q; c++) {
            const double alone = times(job, s->alone, c, job->q, i, q, q_centre);
            u[c] = times(job, s->from_p, c, job->p, i, p, p_centre);
            v[c] = times(job, s->from_q, c, job->q, i, q, q_centre);
            r += u[c] * u[c];
            t += v[c] * v[c];
            w += alone * alone;
        }
        u[q] = -0.5 * r;
        u[q + 1] = v[q] = 1;
        v[q + 1] = 0.5 * (w - t) + *s->constant;
    }
}

void mi__scaling_base(const mi__scaling *s, const mi__kernels *k, int64_t n, const void *x,
                      const void *y, double *u, double *v) {
    base_job job = {s, k, x, y, u, v};
    if (s->q == 0)
        job = (base_job){s, k, y, x, v, u};
    mi__parallel_ranges(s->ctx, n, 1 + 4096 / (s->d[0] * s->d[1]), base_rows, &job);
}
