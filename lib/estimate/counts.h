/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_COUNTS_H
#define LIBMI_LIB_COUNTS_H

/* Information from counts: of a table's cells, or of the values of samples. */

#include "order.h"
#include "sum.h"

/* How it is counted. Logarithms are taken in the unit itself, so that powers of two give whole
 * bits. */
typedef struct mi__measure {
    int32_t unit, correction;
    double total; /* of all counts */
} mi__measure;

mi_status mi__measure_check(int32_t unit, int32_t correction);
mi_status mi__measure_load(const mi_entropy_options *options, mi__measure *out);

/* An entropy while it is summed up. */
typedef struct mi__entropy {
    int64_t values; /* with a count above 0 */
    mi__sum plain, bias;
} mi__entropy;

void mi__entropy_add(const mi__measure *m, double count, mi__entropy *entropy);

/* What the correction adds to the plain value; nothing where one value is all there is. */
double mi__entropy_bias(const mi__measure *m, const mi__entropy *entropy);
double mi__entropy_value(const mi__measure *m, const mi__entropy *entropy);

/* ln (a / b) / (c / d): pointwise information where these are the counts of (x, y), x, y and
 * everything. All are above 0. */
double mi__log_ratio(int32_t unit, double a, double b, double c, double d);

/* Two variables while their cells are summed up. */
typedef struct mi__cells {
    mi__entropy x, y, xy; /* xy without its plain value, which is that of x and of y given x */
    mi__sum mutual, x_given_y, y_given_x; /* each for itself: differences would lose digits */
} mi__cells;

void mi__cells_add(const mi__measure *m, double xy, double x, double y, mi__cells *cells);
void mi__cells_join(mi__cells *cells, const mi__cells *more);
void mi__cells_report(const mi__measure *m, const mi__cells *cells, mi_information *out);

/* -- discrete.c: samples, counted -------------------------------------------------------------- */

mi__entropy mi__values_entropy(const mi__measure *m, const mi__values *values);

/* The answer, once values are counted; of x, or of x and y, or given z. */
mi_status mi__values_answer(const mi__question *question, const mi__values *x, const mi__values *y,
                            const mi__values *z, mi__answer *answer);

#endif
