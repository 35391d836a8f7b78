/* SPDX-License-Identifier: BSD-2-Clause */
#include "counts.h"

#include <inttypes.h>

#define LN2 0.693147180559945309417

mi_status mi__measure_check(int32_t unit, int32_t correction) {
    if (unit != MI_UNIT_NATS && unit != MI_UNIT_BITS)
        return mi__fail(MI_E_ARG, "unit must be an mi_unit, got %" PRId32, unit);
    if (correction < MI_CORRECTION_NONE || correction > MI_CORRECTION_GRASSBERGER)
        return mi__fail(MI_E_ARG, "correction must be an mi_correction, got %" PRId32, correction);
    return MI_OK;
}

mi_status mi__measure_load(const mi_entropy_options *options, mi__measure *out) {
    mi_entropy_options o = {.struct_size = sizeof o};
    MI__TRY(mi__options_load(&o, sizeof o, sizeof o, options, "mi_entropy_options"));
    MI__TRY(mi__measure_check(o.unit, o.correction));
    *out = (mi__measure){.unit = o.unit, .correction = o.correction};
    return MI_OK;
}

static double log_in(int32_t unit, double x) {
    return unit == MI_UNIT_BITS ? log2(x) : log(x);
}

/* Grassberger's psi(n) + (-1)^n (psi((n + 1) / 2) - psi(n / 2)) / 2, which is the same for 2 m and
 * 2 m + 1. */
static double grassberger(double n) {
    return mi__digamma(floor(n / 2) + 0.5) + LN2;
}

static void count_in(const mi__measure *m, double count, double p, mi__entropy *entropy) {
    entropy->values += count > 0;
    if (p > 0 && m->correction == MI_CORRECTION_GRASSBERGER)
        mi__sum_add(&entropy->bias, p * (log(count) - grassberger(count)));
}

void mi__entropy_add(const mi__measure *m, double count, mi__entropy *entropy) {
    const double p = count / m->total;
    count_in(m, count, p, entropy);
    if (p > 0)
        mi__sum_add(&entropy->plain, -p * log_in(m->unit, p));
}

static void join(mi__entropy *entropy, const mi__entropy *more) {
    entropy->values += more->values;
    mi__sum_join(&entropy->plain, &more->plain);
    mi__sum_join(&entropy->bias, &more->bias);
}

double mi__entropy_bias(const mi__measure *m, const mi__entropy *entropy) {
    double nats = 0;
    if (entropy->values > 1 && m->correction == MI_CORRECTION_MILLER_MADOW)
        nats = (double)(entropy->values - 1) / (2 * m->total);
    if (entropy->values > 1 && m->correction == MI_CORRECTION_GRASSBERGER)
        nats = mi__sum_value(&entropy->bias);
    return m->unit == MI_UNIT_BITS ? nats / LN2 : nats;
}

double mi__entropy_value(const mi__measure *m, const mi__entropy *entropy) {
    return mi__sum_value(&entropy->plain) + mi__entropy_bias(m, entropy);
}

/* Quotients first: for counts of independent variables both are the same number, to the last bit,
 * and for those of one variable twice the result is that of its entropy. Either of x and y may come
 * first. */
double mi__log_ratio(int32_t unit, double a, double b, double c, double d) {
    const double ratio = (fmin(b, c) / d) / (a / fmax(b, c));
    if (isnormal(ratio))
        return 0 - log_in(unit, ratio);
    return log_in(unit, a) - log_in(unit, b) + log_in(unit, d) - log_in(unit, c);
}

void mi__cells_add(const mi__measure *m, double xy, double x, double y, mi__cells *cells) {
    const double p = xy / m->total;
    count_in(m, xy, p, &cells->xy);
    if (p > 0) {
        mi__sum_add(&cells->mutual, p * mi__log_ratio(m->unit, xy, x, y, m->total));
        mi__sum_add(&cells->x_given_y, -p * log_in(m->unit, xy / y));
        mi__sum_add(&cells->y_given_x, -p * log_in(m->unit, xy / x));
    }
}

void mi__cells_join(mi__cells *cells, const mi__cells *more) {
    join(&cells->x, &more->x);
    join(&cells->y, &more->y);
    join(&cells->xy, &more->xy);
    mi__sum_join(&cells->mutual, &more->mutual);
    mi__sum_join(&cells->x_given_y, &more->x_given_y);
    mi__sum_join(&cells->y_given_x, &more->y_given_x);
}

/* Rounding alone could break what holds of any table: 0 <= I <= H. */
static double plain_mutual(const mi__cells *cells) {
    const double most = fmin(mi__sum_value(&cells->x.plain), mi__sum_value(&cells->y.plain));
    return fmax(fmin(mi__sum_value(&cells->mutual), most), 0);
}

static double share(double mutual, double entropy) {
    return entropy > 0 ? mutual / entropy : 0;
}

void mi__cells_report(const mi__measure *m, const mi__cells *cells, mi_information *out) {
    const double x = mi__entropy_value(m, &cells->x), y = mi__entropy_value(m, &cells->y);
    const double bias_x = mi__entropy_bias(m, &cells->x), bias_y = mi__entropy_bias(m, &cells->y);
    const double bias_xy = mi__entropy_bias(m, &cells->xy);
    const double mutual = plain_mutual(cells) + (bias_x + bias_y - bias_xy);
    const double x_given_y = mi__sum_value(&cells->x_given_y) + (bias_xy - bias_y);
    const double y_given_x = mi__sum_value(&cells->y_given_x) + (bias_xy - bias_x);
    const double joint =
        mi__sum_value(&cells->x.plain) + mi__sum_value(&cells->y_given_x) + bias_xy;
    *out = (mi_information){
        .struct_size = sizeof *out,
        .unit = m->unit,
        .values_x = cells->x.values,
        .values_y = cells->y.values,
        .values_xy = cells->xy.values,
        .total = m->total,
        .entropy_x = x,
        .entropy_y = y,
        .joint = joint,
        .x_given_y = x_given_y,
        .y_given_x = y_given_x,
        .mutual = mutual,
        .variation = x_given_y + y_given_x,
        .share_x = share(mutual, x),
        .share_y = share(mutual, y),
        .share_arithmetic = share(mutual, (x + y) / 2),
        .share_geometric = share(mutual, x > 0 && y > 0 ? sqrt(x * y) : 0),
        .share_min = share(mutual, fmin(x, y)),
        .share_max = share(mutual, fmax(x, y)),
        .share_joint = share(mutual, joint),
    };
}
