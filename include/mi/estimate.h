/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_ESTIMATE_H
#define LIBMI_ESTIMATE_H

/** @file
 * How much one variable tells about another: mutual information and entropy
 * of plain arrays, with error bars and a test of independence.
 *
 *     mi_samples x = {.struct_size = sizeof x, .data = a, .n = n};
 *     mi_samples y = {.struct_size = sizeof y, .data = b, .n = n, .d = 3};
 *     mi_estimate_result r = {.struct_size = sizeof r};
 *     mi_estimate_mi(NULL, &x, &y, NULL, NULL, NULL, &r);
 *     printf("%.3f %s by %s\n", r.value, mi_unit_name(r.unit), mi_method_name(r.method));
 *
 * **Methods**, for variables of:
 *
 *     discrete    values: the counts of rows, see entropy.h
 *     histogram   numbers, one or few columns: cells, then as discrete
 *     ksg, ksg2   numbers, up to some ten columns: distances to the k-th
 *                 neighbour. A. Kraskov, H. Stoegbauer, P. Grassberger, PRE 69,
 *                 2004, algorithms 1 and 2; given z: S. Frenzel, B. Pompe, PRL
 *                 99, 2007; entropy: L. Kozachenko, N. Leonenko, 1987
 *     ross        numbers and values: B. Ross, PLoS ONE 9, 2014
 *     gao         mixtures, such as numbers that are often exactly 0: W. Gao et
 *                 al., NIPS 2017; also given z: O. Mesner, C. Shalizi, IEEE TIT 2021
 *     gaussian    numbers whose dependence is linear: from correlations, without
 *                 the bias of few samples in many columns
 *     copula      the same after each column was given normal margins by rank:
 *                 R. Ince et al., Human Brain Mapping 38, 2017
 *     student     the same with heavy tails: a Student copula, whose degrees of
 *                 freedom are found by likelihood; copula's value where that
 *                 finds no heavy tails. S. Demarta, A. McNeil, Int. Stat. Rev.
 *                 73, 2005
 *     neural      numbers in many columns, n in thousands: see mine.h
 *     canonical   numbers in many columns: ksg among the few combinations of
 *                 columns, their lengths and both's products that correlate
 *                 most (H. Hotelling, Biometrika 28, 1936), after normal
 *                 margins by rank. What it can't see is missing
 *
 * `auto` takes discrete if both are; ross if one is and gao if ties are many;
 * otherwise it gives every column normal margins by rank, which leaves mutual
 * information as it is, and chooses between copula, student, ksg, canonical and neural:
 * docs/concepts.md has the rule and its reasons. Which it was is in the result.
 *
 * **Scale.** The distance of neighbours compares columns, so that their scales
 * matter; by default each column is divided by its standard deviation.
 *
 * **Ties** break what neighbour methods rely on: numbers that were rounded
 * give estimates that are wrong without a sign of it. There is a warning;
 * `noise` breaks ties (it is never added unasked), `gao` counts them in.
 *
 * Estimates of mutual information may come out slightly below 0: that is
 * their error, and cutting it off would bias averages.
 */

#include "entropy.h"

LIBMI_BEGIN_DECLS

/** How to estimate. */
enum mi_method {
    MI_METHOD_AUTO = 0,      /**< see the top */
    MI_METHOD_DISCRETE = 1,  /**< "discrete" */
    MI_METHOD_HISTOGRAM = 2, /**< "histogram" */
    MI_METHOD_KSG = 3,       /**< "ksg" */
    MI_METHOD_KSG2 = 4,      /**< "ksg2": less bias in one column each, more in many */
    MI_METHOD_ROSS = 5,      /**< "ross" */
    MI_METHOD_GAO = 6,       /**< "gao" */
    MI_METHOD_GAUSSIAN = 7,  /**< "gaussian" */
    MI_METHOD_COPULA = 8,    /**< "copula" */
    MI_METHOD_NEURAL = 9,    /**< "neural" */
    MI_METHOD_STUDENT = 10,  /**< "student": not for entropies */
    MI_METHOD_CANONICAL = 11 /**< "canonical": likewise */
};

/** The distance between two samples of one variable; between pairs it is the greater of x's
 *  and y's. */
enum mi_metric {
    MI_METRIC_MAX = 0,      /**< the greatest difference of a column */
    MI_METRIC_EUCLIDEAN = 1 /**< the root of the sum of their squares; what is less than 1e-154
                                 of the greatest number counts as 0 */
};

/** What is done to each column first. */
enum mi_scale {
    MI_SCALE_DEFAULT = 0,  /**< standard for neighbours and neural; rank for copula, student,
                                canonical and auto, which have no other; else, and for
                                entropies, none */
    MI_SCALE_NONE = 1,     /**< nothing */
    MI_SCALE_STANDARD = 2, /**< less its mean, divided by its standard deviation */
    MI_SCALE_RANK = 3      /**< its ranks become the quantiles of N(0, 1); ties share one */
};

/** The cells of a histogram. */
enum mi_bins {
    MI_BINS_WIDTH = 0,   /**< of equal width between least and greatest */
    MI_BINS_QUANTILE = 1 /**< of equal counts: borders at quantiles */
};

/** How the interval is found. */
enum mi_resample {
    MI_RESAMPLE_HALVES = 0,   /**< by how much the estimates on two random halves of the samples
                                   differ, which tells the error of the whole: no sample twice,
                                   right for every method */
    MI_RESAMPLE_BOOTSTRAP = 1 /**< samples drawn with replacement (B. Efron, 1979), basic interval;
                                   not for neighbours and neural, whose values repetitions ruin */
};

/** What to know about an estimate; flags. */
enum mi_warning {
    MI_WARNING_CAP = 1,       /**< it is within 5 % of the most that this method can say for
                                   this n: there may be more */
    MI_WARNING_FEW = 2,       /**< too few samples for this many columns, values or cells */
    MI_WARNING_TIES = 4,      /**< equal numbers where there should be none */
    MI_WARNING_CONSTANT = 8,  /**< a variable has one value: it tells nothing, 0 */
    MI_WARNING_SINGULAR = 16, /**< columns depend on each other exactly, or x decides y: what can be
                                   said was, but the truth may be infinite */
    MI_WARNING_UNSURE = 32 /**< auto's methods that should agree don't, or training didn't settle */
};

/** Zero it, set struct_size; see base.h. */
typedef struct mi_estimate_options {
    uint64_t struct_size; /**< sizeof(mi_estimate_options) */
    uint64_t seed;        /**< of noise, resampling, networks; 0: the context's */
    int32_t method;       /**< an mi_method */
    int32_t unit;         /**< an mi_unit */
    int32_t scale;        /**< an mi_scale */
    int32_t k;            /**< neighbours, 1 to n - 1; 0: 3, or n - 1 if that is less */
    int32_t metric;       /**< an mi_metric */
    int32_t correction;   /**< an mi_correction, of discrete and histogram */
    int32_t bins;         /**< cells a column, 2 to 65536; 0: as many as the rule of D. Scott
                               (1979) for this many columns asks for */
    int32_t bin_kind;     /**< an mi_bins */
    double noise;         /**< standard deviation of what is added to break ties, in those of each
                               column, 0 to 1; 0: nothing is added. Never to names */
    int32_t resamples;    /**< estimates for error and interval, 2 or more; 0: not wanted. 100 is
                               good */
    int32_t resample;     /**< an mi_resample */
    double level;         /**< of the interval, in 0 to 1; 0: 0.95 */
    int32_t permutations; /**< for the p-value, 1 or more; 0: not wanted. 199 is good. z must be
                               discrete: y's rows change places where it is the same */
    int32_t reserved0;    /**< must be 0 */
    /** Called on the thread of the call with how many estimates are made, and how many will be in
     *  all: the value, those of resamples and those of permutations. While a network learns, done
     *  has the share of its steps, too, of which it seldom makes all. First with 0, last with
     *  total; between them after estimates, and after every hundred steps of a network, at most a
     *  hundred times a second. Anything but 0 stops with MI_E_CANCELLED. NULL: silence. */
    int32_t (*progress)(void *user, double done, int64_t total);
    void *progress_user; /**< passed to progress */
} mi_estimate_options;

/** An estimate: a report, see base.h. */
typedef struct mi_estimate_result {
    uint64_t struct_size; /**< sizeof(mi_estimate_result) */
    int32_t method;       /**< the mi_method that it is by */
    int32_t unit;         /**< the mi_unit of all the values here */
    int32_t warnings;     /**< mi_warning flags */
    int32_t reserved0;    /**< 0 */
    int64_t n;            /**< samples */
    double value;         /**< the estimate. Infinite only for gaussian, copula, student (one
                               variable is a linear function of the other) and for entropies of
                               numbers (ties) */
    double cap;           /**< the most that the method can say; infinite if there is no limit */
    double error;         /**< standard error; NaN unless resamples was set */
    double low;           /**< the interval, likewise */
    double high;          /**< likewise */
    double p_value;       /**< how often independent variables come out as high: (1 + those) / (1 +
                               permutations); NaN unless permutations was set. With auto, each
                               permutation chooses its method anew, but for networks, which take
                               part only if one was chosen for the value */
    double null_mean;     /**< the mean estimate of the permuted samples, the bias of independent
                               variables; NaN likewise */
} mi_estimate_result;

/**
 * Estimates the mutual information of x and y, or, given z, I(x; y | z).
 *
 * @param context      for memory, threads and seed; may be NULL
 * @param x            n samples
 * @param y            as many
 * @param z            as many; NULL: nothing is given. discrete, histogram, ksg, gao, gaussian,
 *                     copula and student can; auto takes one of these
 * @param options      NULL for the defaults
 * @param[out] local   [n], receives each sample's share: their mean is the value but for
 *                     corrections of bias (gaussian, student: all but for them); NULL: not wanted
 * @param[out] result  its struct_size set by the caller
 * @return MI_OK; MI_E_ARG (a member out of range, k >= n, ...); MI_E_SHAPE (n differs);
 *         MI_E_NUMERIC (NaN or infinity: the message says where; noise that makes one);
 *         MI_E_UNSUPPORTED (a method that can't what is asked: the message says which can);
 *         MI_E_CANCELLED (by progress); MI_E_ABI; MI_E_NOMEM. On failure no output is written
 * @note discrete O(n log n); histogram O(n); gaussian O(n d^2 + d^3), copula that after O(n d
 *       log n) for ranks, student 5 to 15 times copula, or 30 to 120 times gaussian; neighbours
 *       O(n log n) in few columns, O(n^2 d) in many; canonical like gaussian, and such neighbours;
 *       neural some seconds, for at most 20000 steps, whatever n; auto as all that compete. Memory
 *       O(n d) for all of them. Each resample and each permutation takes that time again, but
 *       permutations of auto train no network unless one was chosen. The same at any number of
 *       threads, neural (and auto where that competes) as far as a BLAS is. Thread-safe.
 * @note A constant variable gives 0 with a warning, whatever the method
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_estimate_mi(mi_context *context, const mi_samples *x,
                                                   const mi_samples *y, const mi_samples *z,
                                                   const mi_estimate_options *options,
                                                   double *local, mi_estimate_result *result);

/**
 * Estimates the entropy of x: of its values if it is discrete, else the differential entropy of its
 * numbers, which may be negative and, unlike mutual information, changes with their scale.
 *
 * @param context      for memory, threads and seed; may be NULL
 * @param x            n samples
 * @param options      NULL for the defaults: discrete, or ksg (that is Kozachenko and Leonenko's).
 *                     histogram and gaussian as well; permutations must be 0
 * @param[out] local   [n], receives each sample's share; NULL: not wanted
 * @param[out] result  its struct_size set by the caller
 * @return as mi_estimate_mi()
 * @note Time and memory as of the same methods in mi_estimate_mi(): some milliseconds for 10000
 *       samples in few columns. The same at any number of threads. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_estimate_entropy(mi_context *context, const mi_samples *x,
                                                        const mi_estimate_options *options,
                                                        double *local, mi_estimate_result *result);

/**
 * The word for a method.
 *
 * @param method  an mi_method
 * @return such as "ksg"; "?" for anything else
 * @since 0.1
 */
LIBMI_API const char *mi_method_name(int32_t method);

/**
 * A warning in words.
 *
 * @param warning  one mi_warning
 * @return a sentence without a full stop; "?" for anything else
 * @since 0.1
 */
LIBMI_API const char *mi_warning_text(int32_t warning);

LIBMI_END_DECLS

#endif
