/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_ESTIMATE_H
#define LIBMI_LIB_ESTIMATE_H

/* Estimators of mutual information and entropy on arrays. Each answers a question; what is done
 * before (conversion, scale, noise) and around it (intervals, permutations) is done once for
 * all. */

#include "../base/base.h"

#include <mi/estimate.h>

/* Packed rows of finite float64. d = 0: the variable isn't there. */
typedef struct mi__rows {
    int64_t n, d;
    const double *x; /* [n][d] */
    bool discrete;   /* its rows are names */
} mi__rows;

/* How far a call is. */
typedef struct mi__progress {
    int64_t done, total; /* estimates */
    double told;         /* when the caller heard of it last, in seconds; 0: never */
} mi__progress;

/* I(x; y), with z given if it is there; without y, the entropy of x. All have n rows; neither x nor
 * y is constant. Options are whole: defaults are filled in, except bins. */
typedef struct mi__question {
    mi_context *ctx;
    mi__rows x, y, z;
    const mi_estimate_options *options;
    double *local;          /* [n], nats; NULL: not wanted */
    mi__progress *progress; /* NULL: nobody wants to know */
} mi__question;

typedef struct mi__answer {
    double value, cap; /* nats */
    int32_t warnings;
} mi__answer;

typedef mi_status mi__estimator(const mi__question *question, mi__answer *answer);

/* Each checks that it can what is asked (MI_E_UNSUPPORTED), and allocates for itself. They use
 * mi__parallel_for(), so they are not to be called from it. */
mi__estimator mi__estimate_discrete;  /* discrete.c: rows are names, discrete or not */
mi__estimator mi__estimate_histogram; /* histogram.c */
mi__estimator mi__estimate_gaussian;  /* gaussian.c; copula is this on ranked columns */
mi__estimator mi__estimate_student;   /* student.c; columns are ranked, whatever their scale */
mi__estimator mi__estimate_neighbour; /* neighbour.c: ksg, ksg2, ross, gao by options->method */
mi__estimator mi__estimate_canonical; /* canonical.c; columns have normal scores */

/* The same, with the shares in what neighbours tell before anything is made up for: plain [n], or
 * NULL. */
mi_status mi__canonical_fit(const mi__question *question, double *plain, mi__answer *answer);

/* Of which neighbour it asks last: each half of the samples has that many and more. */
int64_t mi__canonical_far(int32_t k);

/* How heavy the tails of a question's copula are: its degrees of freedom, infinite if it is as good
 * as Gaussian, and the gain in the mean logarithm of the likelihood over a Gaussian one. Both are
 * found on at most MI__STUDENT_ROWS samples, evenly spread; noise gains 1 / 2 in all of them. Fails
 * where mi__estimate_student() does. */
#define MI__STUDENT_ROWS 4096
mi_status mi__student_fit(const mi__question *question, double *nu, double *gain);

/* -- samples.c and prepare.c: from the caller's arrays to rows --------------------------------- */

/* Checks a variable, whose name the message has, and copies it into packed rows, which
 * mi__rows_free() takes back; kinds are decided. n < 0: any number of samples, else as many. */
mi_status mi__rows_make(mi_context *ctx, const mi_samples *samples, const char *name, int64_t n,
                        mi__rows *out);
void mi__rows_free(mi_context *ctx, mi__rows *rows);

/* Scale and then noise, in place on what mi__rows_make() made: an mi_scale, not DEFAULT. `stream`
 * tells variables apart. */
mi_status mi__rows_prepare(mi_context *ctx, mi__rows *rows, int32_t scale, double noise,
                           uint64_t seed, uint32_t stream);

/* Puts ranks in place of the numbers of each column: twice their mean from 1 on, less 1, so that
 * the share of samples below is this in 2 n. */
mi_status mi__rows_rank(mi_context *ctx, const mi__rows *rows);

/* Of a column: its extent, and mean and deviation after it was multiplied by `scale`, a power of
 * two that keeps squares from overflowing. A deviation of 0 is exact: all numbers are the same. */
typedef struct mi__moments {
    double least, most;
    double scale, mean, deviation;
} mi__moments;

/* Of several columns, MI__MOMENTS at most. */
#define MI__MOMENTS 8
void mi__rows_moments(const mi__rows *rows, int64_t column, int64_t count, mi__moments *out);

/* Whether all rows are the same; how many rows of a column have an equal one, of the column with
 * the most. */
bool mi__rows_constant(const mi__rows *rows);
mi_status mi__rows_ties(mi_context *ctx, const mi__rows *rows, int64_t *ties);

/* Numbers rows by their value, in ascending order: label [n] in 0 to *values - 1. */
mi_status mi__rows_number(mi_context *ctx, const mi__rows *rows, int64_t *label, int64_t *values);

/* -- resample.c: error, interval and p-value of any estimator --------------------------------- */

/* An estimator, or what is known without it: constants tell nothing. Variables may be constant. */
mi_status mi__estimate_once(const mi__question *question, mi__estimator *estimator,
                            mi__answer *answer);

/* Whether what options ask for can be had; to be asked before the work begins. */
mi_status mi__resample_check(const mi__question *question);

/* How many estimates that takes. */
int64_t mi__resample_count(const mi_estimate_options *options);

/* Fills in error, low, high, p_value and null_mean in nats, as far as options ask for it. `value`
 * is the estimate on the whole question. */
mi_status mi__estimate_resample(const mi__question *question, mi__estimator *estimator,
                                double value, mi_estimate_result *result);

/* -- progress.c: what the caller hears --------------------------------------------------------- */

/* Tells the caller of the estimates made and of a share of the next, 0 to 1, unless it has just
 * heard. MI_E_CANCELLED: it wants no more. */
mi_status mi__progress_tell(const mi__question *question, double share);

/* The same after one more was made. */
mi_status mi__progress_add(const mi__question *question);

/* Fails with what was done so far. */
mi_status mi__progress_stop(const mi__question *question);

/* -- special.c -------------------------------------------------------------------------------- */

double mi__digamma(double x);         /* x > 0 */
double mi__normal_quantile(double p); /* 0 < p < 1 */

/* Of Student's distribution with nu degrees of freedom, 0.5 to 1e5; 1e-16 <= p < 1. */
double mi__student_quantile(double p, double nu);
double mi__log_gamma_step(double x); /* ln(gamma(x + 1 / 2) / gamma(x)), x > 0 */

#endif
