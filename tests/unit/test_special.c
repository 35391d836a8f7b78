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

START_TEST(test_student_quantile) {
    static const struct {
        double p, nu, t;
    } known[] = {
        {5e-07, 0.5, -411396462526.536042},       {0.001, 0.5, -102849.11563017555},
        {0.1, 0.5, -10.270324410234505},          {0.3, 0.5, -1.00952587860716612},
        {0.499999, 0.5, -3.70814935452902471e-6}, {5e-07, 1, -636619.772367057773},
        {0.001, 1, -318.308838985550439},         {0.1, 1, -3.07768353717525322},
        {0.3, 1, -0.726542528005360939},          {5e-07, 2, -999.999249999843773},
        {0.1, 2, -1.88561808316412666},           {5e-07, 3.7, -62.2907730148337386},
        {0.001, 3.7, -7.79518387502916624},       {0.1, 3.7, -1.55756583886150741},
        {0.3, 3.7, -0.572435384138849803},        {0.499999, 3.7, -2.67980450135665151e-6},
        {5e-07, 30, -6.11907562038421685},        {0.1, 30, -1.31041502539139554},
        {0.3, 30, -0.53001900390650451},          {5e-07, 200, -5.04828565985230964},
        {0.3, 200, -0.52523733401555349},         {5e-07, 1e4, -4.89468861631560609},
        {0.001, 1e4, -3.09104751603061211},       {0.1, 1e4, -1.28163622973047751},
        {0.3, 1e4, -0.524417228345466791},        {0.499999, 1e4, -2.50669094105664735e-6},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        const double t = mi__student_quantile(known[i].p, known[i].nu);
        const double error = fabs(t / known[i].t - 1);
        ck_assert_msg(error <= 1e-13, "%g, %g: %.17g, not %.17g: relative error %.1e", known[i].p,
                      known[i].nu, t, known[i].t, error);
    }
    for (int i = 1; i < 512; i++) { /* odd; closed forms */
        const double p = i / 512., pi = acos(-1);
        const double one = mi__student_quantile(p, 1), two = mi__student_quantile(p, 2);
        ck_assert(one == -mi__student_quantile(1 - p, 1));
        ck_assert(fabs(one + 1 / tan(pi * p)) <= 1e-13 * (1 + fabs(one)));
        ck_assert(fabs(two - (2 * p - 1) / sqrt(2 * p * (1 - p))) <= 1e-13 * (1 + fabs(two)));
        const double many = mi__student_quantile(p, 1e5), z = mi__normal_quantile(p);
        ck_assert(fabs(many - z - (z * z * z + z) / 4e5) <= 1e-8);
    }
    for (double nu = 0.5; nu < 300; nu *= 1.1) { /* ascending, far out too */
        double before = -INFINITY;
        for (double p = 1e-16; p < 0.6; p *= 1.5) {
            const double t = mi__student_quantile(p, nu);
            ck_assert_msg(t > before && isfinite(t), "%g, %g: %g", p, nu, t);
            before = t;
        }
    }
}
END_TEST

START_TEST(test_log_gamma_step) {
    static const point known[] = {{0.25, -1.0847415732667820859}, {0.5, -0.57236494292470008707},
                                  {1, -0.12078223763524522235},   {3.3, 0.55922363127417046431},
                                  {16, 1.3784831311999229944},    {100, 2.3013350982022227792},
                                  {5000, 4.25857159570816038}};
    for (size_t i = 0; i < COUNT(known); i++)
        compare("log_gamma_step", mi__log_gamma_step, known[i]);
}
END_TEST

UNIT_MAIN("special", test_digamma, test_normal_quantile, test_student_quantile, test_log_gamma_step)
