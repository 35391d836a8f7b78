/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimates from cells: the figures of the seeds, plain twins, borders, mixtures. */
#include "estimate_case.h"

#include <float.h>

#define ASK(...) answer(mi__estimate_histogram, __VA_ARGS__)
#define N 2000

static double x[N * 3], y[N * 3], z[N * 3], local[N];

static mi_estimate_options cells(int32_t bins, int32_t kind) {
    return (mi_estimate_options){
        .struct_size = sizeof(mi_estimate_options), .bins = bins, .bin_kind = kind};
}

/* Two columns of 10^6 Gaussian samples, 100 cells each. */
START_TEST(test_seed) {
    enum { MANY = 1000000 };
    const double rho[] = {0.5, 0.8}, low[] = {0.1452, 0.5093}, high[] = {0.1472, 0.5123};
    double *a = room(MANY), *b = room(MANY);
    mi_estimate_options o = cells(100, MI_BINS_WIDTH), rule = cells(0, MI_BINS_WIDTH);
    mi_estimate_options madow = o;
    madow.correction = MI_CORRECTION_MILLER_MADOW;
    for (int i = 0; i < 2; i++) {
        const double truth = -0.5 * log(1 - rho[i] * rho[i]);
        draw_gaussian(7, MANY, 1, rho[i], a, b);
        mi__answer c = ASK(numbers(MANY, 1, a), numbers(MANY, 1, b), nothing, &o, NULL);
        ck_assert_msg(c.value > low[i] && c.value < high[i], "%g: %g", rho[i], c.value);
        ck_assert(c.cap == log(100) && c.warnings == 0);
        near(ASK(numbers(MANY, 1, a), numbers(MANY, 1, b), nothing, &rule, NULL).value, truth,
             0.004);
        near(ASK(numbers(MANY, 1, a), numbers(MANY, 1, b), nothing, &madow, NULL).value, truth,
             0.002);
    }
    free(b);
    free(a);
}
END_TEST

/* -- a plain twin: borders written down, a table of all cells ---------------------------------- */

static int64_t place(const double *border, int64_t bins, double v) {
    int64_t cell = 0;
    while (cell < bins - 1 && v >= border[cell + 1])
        cell++;
    return cell;
}

static double plain_information(const double *a, const double *b, int64_t n, int64_t bins) {
    static double border[2][65];
    static int64_t table[64][64], row[64], column[64];
    const double *v[] = {a, b};
    for (int c = 0; c < 2; c++) {
        double least = v[c][0], most = v[c][0];
        for (int64_t i = 0; i < n; i++) {
            least = fmin(least, v[c][i]);
            most = fmax(most, v[c][i]);
        }
        for (int64_t i = 0; i <= bins; i++)
            border[c][i] = (double)i * ((most - least) / (double)bins) + least;
    }
    memset(table, 0, sizeof table);
    memset(row, 0, sizeof row);
    memset(column, 0, sizeof column);
    for (int64_t i = 0; i < n; i++) {
        const int64_t r = place(border[0], bins, a[i]), c = place(border[1], bins, b[i]);
        table[r][c]++;
        row[r]++;
        column[c]++;
    }
    long double sum = 0;
    for (int64_t r = 0; r < bins; r++)
        for (int64_t c = 0; c < bins; c++)
            if (table[r][c] > 0)
                sum += (long double)table[r][c] / n *
                       logl((long double)table[r][c] * n / ((long double)row[r] * column[c]));
    return (double)sum;
}

START_TEST(test_plain) {
    for (int32_t bins = 2; bins <= 64; bins = bins * 2 + 1)
        for (int whole = 0; whole < 4; whole++) {
            draw_gaussian((uint64_t)bins, N, 1, 0.7, x, y);
            for (int i = 0; i < N && whole == 1; i++) {
                x[i] = floor(10 * x[i]) / 10;
                y[i] = floor(10 * y[i]) / 10;
            }
            for (int i = 0; i < N && whole == 2; i++) { /* all on borders, as they are rounded */
                const double step = (1001. - 1000) / bins;
                x[i] = i % (bins + 1) < bins ? i % (bins + 1) * step + 1000 : 1001;
            }
            for (int i = 0; i < N && whole == 3; i++) /* cells narrower than a double's last bit */
                x[i] = 1 + i % 3 * DBL_EPSILON;
            mi_estimate_options o = cells(bins, MI_BINS_WIDTH);
            mi__answer a = ASK(numbers(N, 1, x), numbers(N, 1, y), nothing, &o, local);
            near(a.value, plain_information(x, y, N, bins), 2e-15);
            near(mean(N, local), a.value, 2e-15);
            near(a.cap, fmin(log(bins), log(N)), 1e-15);
        }
}
END_TEST

START_TEST(test_quantiles) {
    for (int i = 0; i < N; i++) {
        x[i] = exp(i * 0.01);                   /* cells of equal counts, whatever the scale */
        y[i] = (double)((i / (N / 8)) * 5 % 8); /* a value for each of eight */
        z[i] = i < N / 2 ? 3 : 4 + i;           /* half of them equal */
    }
    mi_estimate_options o = cells(8, MI_BINS_QUANTILE);
    mi__answer a = ASK(numbers(N, 1, x), names(N, 1, y), nothing, &o, NULL);
    near(a.value, log(8), 1e-15);
    near(a.cap, log(8), 1e-15);
    a = ASK(numbers(N, 1, x), numbers(N, 1, y), nothing, &o, NULL);
    near(a.value, log(8), 1e-15);
    a = ASK(numbers(N, 1, x), numbers(N, 1, z), nothing, &o, NULL);
    near(a.value, log(2) / 2 + log(8) / 2, 1e-15); /* one cell of half, four of an eighth */
    for (int i = 0; i < 8; i++)
        x[i] = i > 0;
    o.bins = 4; /* the place of seven equal ones is in their middle */
    a = ASK(numbers(8, 1, x), names(8, 1, x), nothing, &o, NULL);
    near(a.value, log(8) / 8 + log(8. / 7) * 7 / 8, 1e-15);
}
END_TEST

/* Columns are cells together: information adds up. */
START_TEST(test_columns) {
    mi_estimate_options o = cells(3, MI_BINS_WIDTH);
    for (int i = 0; i < 900; i++) {
        const int digit[] = {i % 3, i / 3 % 3, i / 9 % 10};
        for (int j = 0; j < 3; j++)
            x[3 * i + j] = digit[j] * (j == 2 ? 1 / 9. * 2 : 1) + 0.1;
        y[2 * i] = digit[1];
        y[2 * i + 1] = digit[0];
    }
    mi__answer a = ASK(numbers(900, 3, x), numbers(900, 2, y), nothing, &o, NULL);
    near(a.value, log(9), 1e-15);
    near(a.cap, log(9), 1e-15);
    a = ASK(numbers(900, 3, x), numbers(900, 2, y), numbers(900, 2, y), &o, NULL);
    ck_assert(a.value == 0);
    double xor [900];
    for (int i = 0; i < 900; i++)
        xor[i] = fmod(y[2 * i] + y[2 * i + 1], 3);
    double one[900], two[900];
    for (int i = 0; i < 900; i++) {
        one[i] = y[2 * i];
        two[i] = y[2 * i + 1];
    }
    a = ASK(numbers(900, 1, one), numbers(900, 1, xor), numbers(900, 1, two), &o, local);
    near(a.value, log(3), 1e-15);
    near(local[77], log(3), 1e-15);
    near(ASK(numbers(900, 1, one), numbers(900, 1, xor), nothing, &o, NULL).value, 0, 1e-15);
}
END_TEST

/* So many columns that a table of all cells would not fit into any memory. */
START_TEST(test_many_columns) {
    enum { D = 40, FEW = 300 };
    double *wide = room(FEW * D);
    mi__random r = mi__random_at(1, 1, 1);
    for (int i = 0; i < FEW * D; i++)
        wide[i] = mi__random_normal(&r);
    mi_estimate_options o = cells(65536, MI_BINS_WIDTH);
    mi__answer a = ASK(numbers(FEW, D, wide), numbers(FEW, D, wide), nothing, &o, NULL);
    near(a.value, log(FEW), 1e-14);
    ck_assert(a.cap == log(FEW) && a.warnings == MI_WARNING_FEW);
    free(wide);
}
END_TEST

/* -- entropy ----------------------------------------------------------------------------------- */

START_TEST(test_entropy) {
    for (int i = 0; i < N; i++) {
        x[i] = 3 + 5 * (double)i / (N - 1);
        y[2 * i] = (double)(i % 40) / 39;
        y[2 * i + 1] = 100 * (double)(i / 40) / 49;
    }
    for (int32_t kind = 0; kind < 2; kind++) {
        mi_estimate_options o = cells(10, kind), two = cells(10, kind);
        mi__answer a = ASK(numbers(N, 1, x), nothing, nothing, &o, local);
        near(a.value, log(5), kind == 0 ? 1e-6 : 1e-3); /* an end has half a step less */
        near(mean(N, local), a.value, 1e-14);
        ck_assert(a.cap == INFINITY && a.warnings == 0);
        a = ASK(numbers(N, 2, y), nothing, nothing, &two, local);
        near(a.value, log(100), 0.02);
        near(mean(N, local), a.value, 1e-14);
    }
    draw_gaussian(4, N, 1, 0, x, y);
    for (int i = 0; i < N; i++)
        x[i] *= 1e-200;
    mi_estimate_options o = cells(0, MI_BINS_WIDTH);
    mi__answer a = ASK(numbers(N, 1, x), nothing, nothing, &o, NULL);
    near(a.value, 0.5 * log(2 * acos(-1) * exp(1)) - 200 * log(10), 0.05);
    for (int i = 0; i < N; i++)
        z[i] = i % 2 == 0 ? -1.5e308 : 1.5e308;
    a = ASK(numbers(N, 1, z), nothing, nothing, &o, NULL);
    near(a.value, log(2) + log(3. / 8) + 308 * log(10), 1e-12); /* the outer two of 8 cells */
}
END_TEST

START_TEST(test_entropy_edges) {
    mi_estimate_options o = cells(4, MI_BINS_WIDTH), quantile = cells(4, MI_BINS_QUANTILE);
    for (int i = 0; i < N; i++) {
        x[2 * i] = i;
        x[2 * i + 1] = 7; /* no extent: no density */
        y[i] = i % 4;
    }
    mi__answer a = ASK(numbers(N, 2, x), nothing, nothing, &o, local);
    ck_assert(a.value == -INFINITY && local[3] == -INFINITY && a.warnings == MI_WARNING_SINGULAR);
    a = ASK(numbers(N, 2, x), nothing, nothing, &quantile, NULL);
    ck_assert(a.value == -INFINITY && a.warnings == MI_WARNING_SINGULAR);
    a = ASK(names(N, 1, y), nothing, nothing, &o, NULL);
    near(a.value, log(4), 1e-15);
    ck_assert(a.cap == log(N));
    a = ASK(numbers(N, 2, x), names(N, 1, y), nothing, &o, NULL); /* adds nothing */
    ck_assert(a.warnings == 0);
    near(a.value, 0, 1e-5);
}
END_TEST

/* -- the rule ---------------------------------------------------------------------------------- */

START_TEST(test_rule) {
    /* n = 2000 even samples of [0, 1], deviation 1 / sqrt(12): cells 3.49 s n^(-1/3) wide, and
     * with two columns n^(-1/4). */
    for (int i = 0; i < N; i++)
        x[i] = y[i] = (double)i / (N - 1);
    mi_estimate_options rule = cells(0, MI_BINS_WIDTH), given = rule;
    const double s = sqrt((N + 1.) / (N - 1.) / 12);
    given.bins = (int32_t)ceil(1 / (3.49 * s * pow(N, -1. / 3)));
    ck_assert_int_eq(given.bins, 13);
    ck_assert(ASK(numbers(N, 1, x), nothing, nothing, &rule, NULL).value ==
              ASK(numbers(N, 1, x), nothing, nothing, &given, NULL).value);
    given.bins = (int32_t)ceil(1 / (3.49 * s * pow(N, -1. / 4)));
    ck_assert_int_eq(given.bins, 7);
    near(ASK(numbers(N, 1, x), numbers(N, 1, y), nothing, &rule, NULL).cap, log(7), 1e-15);
    near(ASK(numbers(N, 1, x), names(N, 1, y), nothing, &rule, NULL).cap, log(13), 1e-15);
    x[0] = 1e15; /* far away: no more cells than may be given */
    mi__answer a = ASK(numbers(N, 1, x), numbers(N, 1, y), nothing, &rule, NULL);
    ck_assert(isfinite(a.value) && a.value >= 0);
    x[0] = 5, x[1] = 6; /* and two at least */
    near(ASK(numbers(2, 1, x), names(2, 1, y), nothing, &rule, NULL).value, log(2), 1e-15);
}
END_TEST

/* x = sign(a), y = x + b / 2: I = h(y) - h(y | x), by Simpson's rule. */
static double sign_plus_noise(void) {
    const double s = 0.5, pi = acos(-1);
    long double h = 0;
    const int steps = 20000;
    for (int i = 0; i <= steps; i++) {
        const double v = -7 + 14. * i / steps;
        const double p =
            (exp(-(v - 1) * (v - 1) / (2 * s * s)) + exp(-(v + 1) * (v + 1) / (2 * s * s))) /
            (2 * s * sqrt(2 * pi));
        h -= p * log(p) * (i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2);
    }
    return (double)(h * 14 / steps / 3) - 0.5 * log(2 * pi * exp(1) * s * s);
}

START_TEST(test_sign_plus_noise) {
    enum { MANY = 200000 };
    double *a = room(MANY), *b = room(MANY);
    mi__random r = mi__random_at(2, 3, 4);
    for (int i = 0; i < MANY; i++) {
        a[i] = mi__random_normal(&r) < 0 ? -1 : 1;
        b[i] = a[i] + 0.5 * mi__random_normal(&r);
    }
    near(sign_plus_noise(), 0.6327201937368673, 1e-13); /* by quadrature of scipy */
    mi_estimate_options rule = cells(0, MI_BINS_WIDTH), quantile = cells(50, MI_BINS_QUANTILE);
    near(ASK(names(MANY, 1, a), numbers(MANY, 1, b), nothing, &rule, NULL).value, sign_plus_noise(),
         0.004);
    near(ASK(numbers(MANY, 1, b), names(MANY, 1, a), nothing, &quantile, NULL).value,
         sign_plus_noise(), 0.004);
    free(b);
    free(a);
}
END_TEST

START_TEST(test_threads) {
    enum { MANY = 100000 };
    double *a = room(MANY * 2), *b = room(MANY * 2);
    draw_gaussian(7, MANY, 2, 0.5, a, b);
    for (int32_t kind = 0; kind < 2; kind++) {
        mi_estimate_options o = cells(300, kind);
        check_threads(mi__estimate_histogram, numbers(MANY, 2, a), numbers(MANY, 2, b), nothing,
                      &o);
        check_threads(mi__estimate_histogram, numbers(MANY, 1, a), nothing, nothing, &o);
        check_threads(mi__estimate_histogram, numbers(MANY, 1, a), numbers(MANY, 1, b),
                      numbers(MANY, 1, b + 17), &o);
    }
    free(b);
    free(a);
}
END_TEST

START_TEST(test_nomem) {
    draw_gaussian(7, 100, 2, 0.5, x, y);
    for (int32_t kind = 0; kind < 2; kind++) {
        mi_estimate_options o = cells(5, kind);
        check_nomem(mi__estimate_histogram, numbers(100, 2, x), numbers(100, 2, y),
                    numbers(100, 1, x), &o, 25);
        check_nomem(mi__estimate_histogram, numbers(100, 2, x), nothing, nothing, &o, 8);
    }
}
END_TEST

UNIT_MAIN("histogram", test_seed, test_plain, test_quantiles, test_columns, test_many_columns,
          test_entropy, test_entropy_edges, test_rule, test_sign_plus_noise, test_threads,
          test_nomem)
