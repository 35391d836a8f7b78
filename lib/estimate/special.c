/* SPDX-License-Identifier: BSD-2-Clause */
/* Special functions that the C library lacks. */
#include "estimate.h"

#include <math.h>

#define PI 3.14159265358979323846

/* Up the recurrence until the asymptotic series is good to the last digit: M. Abramowitz,
 * I. Stegun, 6.3.5 and 6.3.18. */
double mi__digamma(double x) {
    double shift = 0;
    for (; x < 10; x += 1)
        shift -= 1 / x;
    const double s = 1 / (x * x);
    const double series =
        s * (1. / 12 -
             s * (1. / 120 - s * (1. / 252 - s * (1. / 240 - s * (1. / 132 - s * 691. / 32760)))));
    return shift + log(x) - 0.5 / x - series;
}

static double ratio(const double *p, const double *q, int terms, double r) {
    double up = p[terms - 1], down = q[terms - 1];
    for (int i = terms - 2; i >= 0; i--) {
        up = up * r + p[i];
        down = down * r + q[i];
    }
    return up / down;
}

/* M. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988. */
double mi__normal_quantile(double p) {
    static const double a[8] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                1.9715909503065514427e3, 1.3731693765509461125e4,
                                4.5921953931549871457e4, 6.7265770927008700853e4,
                                3.3430575583588128105e4, 2.5090809287301226727e3};
    static const double b[8] = {1.0,
                                4.2313330701600911252e1,
                                6.8718700749205790830e2,
                                5.3941960214247511077e3,
                                2.1213794301586595867e4,
                                3.9307895800092710610e4,
                                2.8729085735721942674e4,
                                5.2264952788528545610e3};
    static const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                5.76949722146069140550e0,  3.64784832476320460504e0,
                                1.27045825245236838258e0,  2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[8] = {1.0,
                                2.05319162663775882187e0,
                                1.67638483018380384940e0,
                                6.89767334985100004550e-1,
                                1.48103976427480074590e-1,
                                1.51986665636164571966e-2,
                                5.47593808499534494600e-4,
                                1.05075007164441684324e-9};
    static const double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                1.78482653991729133580e0,  2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[8] = {1.0,
                                5.99832206555887937690e-1,
                                1.36929880922735805310e-1,
                                1.48753612908506148525e-2,
                                7.86869131145613259100e-4,
                                1.84631831751005468180e-5,
                                1.42151175831644588870e-7,
                                2.04426310338993978564e-15};
    const double q = p - 0.5;
    if (fabs(q) <= 0.425)
        return q * ratio(a, b, 8, 0.180625 - q * q);
    const double r = sqrt(-log(q < 0 ? p : 1 - p));
    const double x = r <= 5 ? ratio(c, d, 8, r - 1.6) : ratio(e, f, 8, r - 5);
    return q < 0 ? -x : x;
}

/* Up the recurrence until the asymptotic series is good to the last digit. */
double mi__log_gamma_step(double x) {
    double shift = 1;
    for (; x < 16; x += 1)
        shift *= x / (x + 0.5);
    const double s = 1 / (x * x);
    const double series =
        1. / 8 - s * (1. / 192 - s * (1. / 640 - s * (17. / 14336 - s * 31. / 18432)));
    return log(shift * sqrt(x)) - series / x;
}

/* -- Student's distribution -------------------------------------------------------------------- */

/* The continued fraction of the incomplete beta function, M. Abramowitz, I. Stegun, 26.5.8, from
 * the front: W. Lentz, 1976. Fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    double up = 1, down = 1 / (1 - (a + b) * x / (a + 1)), value = down, change = 0;
    for (int m = 1; m < 1000 && fabs(change - 1) > 1e-16; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        down = 1 / (1 + even * down);
        up = 1 + even / up;
        value *= up * down;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        down = 1 / (1 + odd * down);
        up = 1 + odd / up;
        change = up * down;
        value *= change;
    }
    return value;
}

/* Of t > 0: its density, and what is beyond t or, if `within`, between 0 and t. */
static double student_share(double t, double nu, double step, bool within, double *density) {
    const double square = t * t, y = square / (nu + square);
    *density = exp(step - (nu + 1) / 2 * log1p(square / nu)) / sqrt(nu * PI);
    if (y < 1.5 / (nu / 2 + 2.5)) {
        const double share = *density * t * beta_fraction(0.5, nu / 2, y);
        return within ? share : 0.5 - share;
    }
    const double share = *density * t / nu * beta_fraction(nu / 2, 0.5, nu / (nu + square));
    return within ? 0.5 - share : share;
}

/* The logarithm of either share is concave in ln t, and Newton's steps don't miss. They begin where
 * D. Wallace, "Bounds on normal approximations to Student's and the chi-square distributions",
 * 1959, says. */
double mi__student_quantile(double p, double nu) {
    const double tail = p < 0.5 ? p : 1 - p, z = mi__normal_quantile(tail);
    if (tail == 0.5)
        return 0;
    const bool within = tail > 0.25;
    const double wanted = within ? 0.5 - tail : tail, step = mi__log_gamma_step(nu / 2);
    const double w = z * (8 * nu + 3) / (8 * nu + 1);
    double t = sqrt(nu * expm1(w * w / nu)), change = 1;
    for (int i = 0; i < 100 && fabs(change) > 1e-9; i++) {
        double density;
        const double share = student_share(t, nu, step, within, &density);
        change = log(wanted / share) * share / (density * t);
        t *= exp(within ? change : -change);
    }
    return p < 0.5 ? -t : t;
}
