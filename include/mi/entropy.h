/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_ENTROPY_H
#define LIBMI_ENTROPY_H

/** @file
 * Entropy and mutual information of discrete variables: from a table of
 * probabilities or counts, exactly; or from samples.
 *
 * All of it is in C. Shannon, 1948, and T. Cover, J. Thomas, "Elements of
 * information theory", chapter 2; 0 ln 0 is 0.
 *
 * **From samples** the plain (plug-in) entropy is too low on average, by about
 * (values - 1) / 2n nats, and mutual information too high. Two corrections:
 * G. Miller, W. Madow, 1955, adds that term for the values seen; P. Grassberger,
 * "Entropy estimates from insufficient sampling", arXiv:physics/0307138, 2003, replaces the
 * logarithm of each count by a function of it. Corrected information can come
 * out below 0. A variable with one value has no entropy, corrected or not.
 */

#include "samples.h"

LIBMI_BEGIN_DECLS

/** What is done about the bias of entropies from counts. */
enum mi_correction {
    MI_CORRECTION_NONE = 0,         /**< nothing: the plug-in value */
    MI_CORRECTION_MILLER_MADOW = 1, /**< plus (values seen - 1) / 2n nats */
    MI_CORRECTION_GRASSBERGER = 2   /**< G(count) for ln(count) */
};

/** Zero it, set struct_size; see base.h. */
typedef struct mi_entropy_options {
    uint64_t struct_size; /**< sizeof(mi_entropy_options) */
    int32_t unit;         /**< an mi_unit */
    int32_t correction;   /**< an mi_correction; tables must hold counts for one */
} mi_entropy_options;

/** All that two variables x and y have to do with each other: a report, see base.h. In `unit`,
 *  except the shares, which are ratios; a share whose divisor is 0 is 0. */
typedef struct mi_information {
    uint64_t struct_size;    /**< sizeof(mi_information) */
    int32_t unit;            /**< the mi_unit that was asked for */
    int32_t reserved0;       /**< 0 */
    int64_t values_x;        /**< values of x with a probability above 0 */
    int64_t values_y;        /**< likewise */
    int64_t values_xy;       /**< pairs of values, likewise */
    double total;            /**< sum of the table; number of samples */
    double entropy_x;        /**< H(x) */
    double entropy_y;        /**< H(y) */
    double joint;            /**< H(x, y) */
    double x_given_y;        /**< H(x | y) = H(x, y) - H(y) */
    double y_given_x;        /**< H(y | x) */
    double mutual;           /**< I(x; y) = H(x) + H(y) - H(x, y) */
    double variation;        /**< of information, H(x | y) + H(y | x): M. Meila, 2007 */
    double share_x;          /**< I / H(x): how much of x is known from y (H. Theil, 1970) */
    double share_y;          /**< I / H(y) */
    double share_arithmetic; /**< I / the mean of H(x) and H(y) */
    double share_geometric;  /**< I / the root of their product */
    double share_min;        /**< I / the smaller */
    double share_max;        /**< I / the larger */
    double share_joint;      /**< I / H(x, y): 1 less the normalised variation */
} mi_information;

/**
 * The entropy of a distribution.
 *
 * @param n             values, at least 1
 * @param table         [n] probabilities, or anything in proportion to them: not negative, finite,
 *                      not all 0
 * @param options       NULL for the defaults
 * @param[out] entropy  receives H
 * @return MI_OK; MI_E_ARG; MI_E_NUMERIC (the message has the place and the number; also a
 *         number that is not whole, where a correction is asked for); MI_E_ABI
 * @note O(n) time, no memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_entropy_table(int64_t n, const double *table,
                                                     const mi_entropy_options *options,
                                                     double *entropy);

/**
 * The cross entropy of two distributions over the same values, -sum p ln q, and the divergence
 * of p from q, which is less by H(p).
 *
 * @param n                values, at least 1
 * @param p                [n] as mi_entropy_table() takes them
 * @param q                [n] likewise
 * @param unit             an mi_unit
 * @param[out] cross       receives the cross entropy: infinite if a q is 0 where p is not; may be
 *                         NULL
 * @param[out] divergence  receives Kullback and Leibler's divergence, likewise; may be NULL
 * @return MI_OK; MI_E_ARG; MI_E_NUMERIC
 * @note O(n) time, no memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_entropy_cross(int64_t n, const double *p, const double *q,
                                                     int32_t unit, double *cross,
                                                     double *divergence);

/**
 * Everything about two variables whose joint table is known.
 *
 * @param context       for memory; may be NULL
 * @param nx            values of x: rows, at least 1
 * @param ny            values of y: columns, at least 1
 * @param table         [nx][ny] as mi_entropy_table() takes it
 * @param ld            row stride, 0: ny
 * @param options       NULL for the defaults
 * @param[out] information  its struct_size set by the caller
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC; MI_E_ABI; MI_E_NOMEM
 * @note O(nx ny) time, O(ny) memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_entropy_joint(mi_context *context, int64_t nx, int64_t ny,
                                                     const double *table, int64_t ld,
                                                     const mi_entropy_options *options,
                                                     mi_information *information);

/**
 * Pointwise mutual information, ln p(x, y) / p(x) p(y), of each pair of values. Its mean by the
 * table is I(x; y).
 *
 * @param context         for memory; may be NULL
 * @param nx              rows, at least 1
 * @param ny              columns, at least 1
 * @param table           [nx][ny] as mi_entropy_table() takes it
 * @param ld              row stride, 0: ny
 * @param unit            an mi_unit
 * @param[out] pointwise  [nx][ny] packed; -infinity for a pair without probability, 0 where x or
 *                        y has none either
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC; MI_E_NOMEM
 * @note O(nx ny) time, O(nx + ny) memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_entropy_pointwise(mi_context *context, int64_t nx,
                                                         int64_t ny, const double *table,
                                                         int64_t ld, int32_t unit,
                                                         double *pointwise);

/**
 * Conditional mutual information I(x; y | z) of three variables whose joint table is known.
 *
 * @param context           for memory; may be NULL
 * @param nx                values of x, at least 1
 * @param ny                values of y, at least 1
 * @param nz                values of z, at least 1
 * @param table             [nx][ny][nz] packed, as mi_entropy_table() takes it
 * @param options           NULL for the defaults
 * @param[out] information  receives I(x; y | z) = H(x, z) + H(y, z) - H(x, y, z) - H(z)
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE; MI_E_NUMERIC; MI_E_ABI; MI_E_NOMEM
 * @note O(nx ny nz) time, O((nx + ny) nz) memory. Thread-safe.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_entropy_conditional(mi_context *context, int64_t nx,
                                                           int64_t ny, int64_t nz,
                                                           const double *table,
                                                           const mi_entropy_options *options,
                                                           double *information);

/**
 * Counts samples into a joint table for the functions above: of two variables, or of one.
 * Values are numbered in ascending order of their rows (first column first).
 *
 * @param context     for memory and threads; may be NULL
 * @param x           samples; `kind` doesn't matter here: each different row is a value
 * @param y           as many; NULL: one variable, ny is 1
 * @param room        how many numbers @p table has room for; 0: only nx and ny are wanted
 * @param[out] nx     receives the number of values of x
 * @param[out] ny     receives the number of values of y
 * @param[out] table  [nx][ny] packed, receives counts; NULL with room 0
 * @return MI_OK; MI_E_ARG; MI_E_SHAPE (n differs, or room is too small: the message says what it
 *         takes); MI_E_NUMERIC (NaN or infinity); MI_E_ABI; MI_E_NOMEM
 * @note O(n log n d) time, O(n) memory.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_entropy_count(mi_context *context, const mi_samples *x,
                                                     const mi_samples *y, int64_t room, int64_t *nx,
                                                     int64_t *ny, double *table);

/**
 * Everything about two discrete variables, from samples. The joint table is never made: memory
 * grows with n, not with values of x times values of y.
 *
 * @param context           for memory; may be NULL
 * @param x                 samples, each different row is a value
 * @param y                 as many
 * @param options           NULL for the defaults
 * @param[out] information  its struct_size set by the caller
 * @return as mi_entropy_count()
 * @note O(n log n d) time, O(n) memory. For error bars, and for one or three variables, see
 *       estimate.h.
 * @since 0.1
 */
LIBMI_API LIBMI_NODISCARD mi_status mi_entropy_samples(mi_context *context, const mi_samples *x,
                                                       const mi_samples *y,
                                                       const mi_entropy_options *options,
                                                       mi_information *information);

LIBMI_END_DECLS

#endif
