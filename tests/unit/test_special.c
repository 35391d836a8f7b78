/* SPDX-License-Identifier: BSD-2-Clause */
/* Special functions against values of 20 digits (mpmath). */
#include "unit.h"

#include "../../lib/estimate/estimate.h"

typedef struct point {
    double x, y;
} point;

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void compare(const char *name, double (*f)(double x), point p) {
    double y = f(p.x), error = fabs(y - p.y) / (p.y == 0 ? 1 : fabs(p.y));
    ck_assert_msg(error <= 1e-14, "%s(%.17g) is %.17g, not %.17g: relative error %.1e", name, p.x,
                  y, p.y, error);
}

START_TEST(test_digamma) {
    static const point known[] = {{0.001, -1000.5755719318102797}, {0.1, -10.423754940411076232},
                                  {0.5, -1.9635100260214234794},   {1, -0.57721566490153286061},
                                  {2, 0.42278433509846713939},     {3.25, 1.0169909110681790364},
                                  {9.999, 2.2516474172057353142},  {10, 2.2517525890667211076},
                                  {25.5, 3.2189424728839197665},   {1000, 6.9072551956488120521},
                                  {1e9, 20.723265836446411156},    {1e300, 690.77552789821370526}};
    for (size_t i = 0; i < COUNT(known); i++)
        compare("digamma", mi__digamma, known[i]);
    ck_assert(fabs(mi__digamma(1.4616321449683622)) < 1e-15); /* its root */
    double harmonic = 0;
    for (int n = 1; n < 200; n++) {
        double psi = mi__digamma(n);
        ck_assert_msg(fabs(psi - (harmonic - 0.57721566490153286061)) < 4e-15, "%d: %.17g", n, psi);
        harmonic += 1. / n;
    }
}
END_TEST

START_TEST(test_normal_quantile) {
    static const point known[] = {
        {0.5, 0},
        {0.075, -1.4395314709384559349},
        {0.925, 1.4395314709384562291},
        {0.9, 1.2815515655446005935},
        {0.025, -1.9599639845400542118},
        {0.3, -0.52440051270804081597},
        {1e-5, -4.2648907939228246102},
        {1e-10, -6.3613409024040561991},
        {1e-12, -7.0344838253011319326},
        {1e-30, -11.46402468844361572},
        {1e-300, -37.047096299361199237},
        {0.999999, 4.7534243088170877657},
    };
    for (size_t i = 0; i < COUNT(known); i++)
        compare("quantile", mi__normal_quantile, known[i]);
    for (int i = 1; i < 512; i++) { /* odd, and the inverse of the distribution */
        double p = i / 512., x = mi__normal_quantile(p);
        ck_assert(x == -mi__normal_quantile(1 - p));
        ck_assert(fabs(0.5 * erfc(-x / sqrt(2)) - p) < 2e-16 + 1e-15 * p);
    }
}
END_TEST

UNIT_MAIN("special", test_digamma, test_normal_quantile)
