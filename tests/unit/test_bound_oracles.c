/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounds where the answer is known: constant scores, perfect scores, and Gaussians whose density
 * ratio, and so the best critic, can be written down. */
#include "bound_case.h"

static const double LN_2 = 0.69314718055994530942;

static mi_bound *make(const char *kind) {
    mi_bound *bound = NULL;
    OK(mi_bound_create(NULL, kind, &bound));
    return bound;
}

/* `own` on the diagonal, `other` off it. */
static mi_bound_result two_values(mi_bound *bound, int64_t n, double own, double other) {
    double *s = calloc((size_t)(n * n), sizeof *s);
    mi_bound_result r = RESULT;
    for (int64_t i = 0; i < n * n; i++)
        s[i] = i % (n + 1) == 0 ? own : other;
    mi_bound_matrix_f64 io = {.struct_size = sizeof io, .n = n, .scores = s};
    OK(mi_bound_eval_matrix_f64(bound, &io, &r));
    free(s);
    return r;
}

static void near(const char *what, double got, double want, double tolerance) {
    ck_assert_msg(fabs(got - want) <= tolerance, "%s: %.17g is not %.17g to %g", what, got, want,
                  tolerance);
}

/* -- constants -------------------------------------------------------------------------------- */

START_TEST(scores_that_say_nothing_give_nothing) {
    mi_bound_info info = {.struct_size = sizeof info};
    for (int32_t i = 0; mi_bound_list(i, &info) == MI_OK; i++) {
        mi_bound *bound = make(info.name); /* ln 1, but nwj's best critic is 1 + ln 1 */
        double nothing = strcmp(info.name, "nwj") == 0 ? 1 : 0;
        mi_bound_result r = two_values(bound, 7, nothing, nothing);
        near(info.name, r.estimate, 0, 1e-14);
        mi_bound_destroy(bound);
    }
    mi_bound *nwj = make("nwj");
    near("nwj", two_values(nwj, 7, 0, 0).estimate, -exp(-1), 1e-14);
    mi_bound_destroy(nwj);
}
END_TEST

START_TEST(jsd_goes_from_0_to_its_floor) {
    mi_bound *jsd = make("jsd");
    near("no information", two_values(jsd, 5, 0, 0).loss, 0, 1e-15);
    near("floor", two_values(jsd, 5, 50, -50).loss, -2 * LN_2, 1e-14);
    OK(mi_bound_set(jsd, "shift", 0));
    near("no information, no shift", two_values(jsd, 5, 0, 0).loss, 2 * LN_2, 1e-14);
    near("floor, no shift", two_values(jsd, 5, 50, -50).loss, 0, 1e-14);
    mi_bound_destroy(jsd);
}
END_TEST

START_TEST(total_variation_ends_at_2) {
    mi_bound *tv = make("total-variation");
    mi_bound_result best = two_values(tv, 5, 50, -50), worst = two_values(tv, 5, -50, 50);
    near("best estimate", best.estimate, 2, 1e-14);
    near("best loss", best.loss, -1, 1e-14);
    near("cap", best.cap, 2, 0);
    near("worst estimate", worst.estimate, 0, 0);
    near("worst loss", worst.loss, 1, 1e-14);
    mi_bound_destroy(tv);
}
END_TEST

START_TEST(infonce_ends_at_ln_n) {
    enum { N = 64 };
    mi_bound *nce = make("infonce");
    static double s[N * N];
    for (int columns = 0; columns <= 2; columns++) {
        OK(mi_bound_set(nce, "columns", columns / 2.));
        mi_bound_result r = two_values(nce, N, 50, -50);
        near("equality", r.estimate, log(N), 1e-14);
        near("cap", r.cap, log(N), 1e-14);
        ck_assert_int_eq(mi_bound_at_cap(&r), 1);
        for (uint64_t seed = 0; seed < 20; seed++) {
            bound_normals(seed, (int64_t)N * N, s);
            for (int i = 0; i < N * N; i++)
                s[i] *= exp((double)seed - 5);
            mi_bound_matrix_f64 io = {.struct_size = sizeof io, .n = N, .scores = s};
            OK(mi_bound_eval_matrix_f64(nce, &io, &r));
            ck_assert_msg(r.estimate <= log(N) + 1e-14, "%.17g", r.estimate);
            ck_assert_int_eq(mi_bound_at_cap(&r), 0);
        }
    }
    mi_bound_destroy(nce);
}
END_TEST

START_TEST(local_infonce_knows_its_cap) {
    enum { N = 64, L = 64 };
    double *zero = calloc((size_t)N * N * L, sizeof *zero);
    mi_bound *nce = make("infonce");
    mi_bound_result r = RESULT;
    mi_bound_matrix_f64 io = {.struct_size = sizeof io, .n = N, .locations = L, .scores = zero};
    OK(mi_bound_eval_matrix_f64(nce, &io, &r));
    near("cap - estimate", r.cap - r.estimate, 8.3022657948733887, 1e-13);
    near("estimate", r.estimate, 0, 1e-14);
    free(zero);
    mi_bound_destroy(nce);
}
END_TEST

START_TEST(being_at_the_cap_shows) {
    mi_bound_result r = {sizeof r, 3.81, -3.81, 4};
    ck_assert_int_eq(mi_bound_at_cap(&r), 1);
    r.estimate = 3.79;
    ck_assert_int_eq(mi_bound_at_cap(&r), 0);
    r.estimate = -4;
    ck_assert_int_eq(mi_bound_at_cap(&r), 0);
    r.cap = INFINITY;
    r.estimate = 1e9;
    ck_assert_int_eq(mi_bound_at_cap(&r), 0);
    ck_assert_int_eq(mi_bound_at_cap(NULL), 0);
}
END_TEST

/* A read-out that forgets the shift of nwj's best critic is off by 1/e: 1 + E f - E exp g is 0
 * where f = g = 0, and no critic that says so may get less. */
START_TEST(read_outs_have_no_offset) {
    const char *const kinds[] = {"jsd", "reverse-kl", "hellinger", "pearson"};
    for (int i = 0; i < 4; i++) {
        mi_bound *bound = make(kinds[i]);
        double r = 1.7, rest = 1 - .7 / 6; /* densities of 7 cells: r on the own, 1 on average */
        double own[] = {log(r), log(r), log(r) / 2, 2 * (r - 1)};
        double other[] = {log(rest), log(rest), log(rest) / 2, 2 * (rest - 1)};
        mi_bound_result got = two_values(bound, 7, own[i], other[i]);
        near(kinds[i], got.estimate, 1 + log(r) - rest, 1e-14);
        mi_bound_destroy(bound);
    }
}
END_TEST

/* -- Gaussians -------------------------------------------------------------------------------- */

/* x and y have `d` independent components of variance 1, with this correlation. */
typedef struct gauss {
    double rho;
    int d;
} gauss;

static double information(gauss g) {
    return -g.d * log(1 - g.rho * g.rho) / 2;
}

static double log_ratio(gauss g, const double *x, const double *y) {
    double rr = g.rho * g.rho, sum = information(g);
    for (int i = 0; i < g.d; i++)
        sum -= (rr * (x[i] * x[i] + y[i] * y[i]) - 2 * g.rho * x[i] * y[i]) / (2 * (1 - rr));
    return sum;
}

/* ln p(x|y), but for a constant. */
static double log_conditional(gauss g, const double *x, const double *y) {
    double sum = 0;
    for (int i = 0; i < g.d; i++)
        sum -= (x[i] - g.rho * y[i]) * (x[i] - g.rho * y[i]) / (2 * (1 - g.rho * g.rho));
    return sum;
}

enum critic { RATIO, RATIO_1, RATIO_HALF, RATIO_LESS_1, SIGN, CONDITIONAL, BASED, POINTWISE };

static double critic_score(enum critic critic, gauss g, const double *x, const double *y) {
    double l = log_ratio(g, x, y);
    switch (critic) {
    case RATIO_1: return 1 + l;
    case RATIO_HALF: return l / 2;
    case RATIO_LESS_1: return 2 * expm1(l);
    case SIGN: return 1e6 * l;
    case CONDITIONAL: return log_conditional(g, x, y);
    case BASED: return l + sin(3 * x[0]);
    default: return l;
    }
}

enum { N = 16, BATCHES = 1500, MOST_D = 2 };

typedef struct batch {
    double s[N * N], baseline[N];
    bool based;
} batch;

static batch draw(enum critic critic, gauss g, uint64_t seed) {
    batch b = {.based = critic == BASED || critic == POINTWISE};
    double x[N * MOST_D], y[N * MOST_D];
    bound_normals(2 * seed, (int64_t)N * g.d, x);
    bound_normals(2 * seed + 1, (int64_t)N * g.d, y);
    for (int i = 0; i < N * g.d; i++)
        y[i] = g.rho * x[i] + sqrt(1 - g.rho * g.rho) * y[i];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++)
            b.s[i * N + j] = critic_score(critic, g, x + i * g.d, y + j * g.d);
        b.baseline[i] = critic == BASED ? sin(3 * x[i * g.d]) : -b.s[i * N + i];
    }
    return b;
}

/* Means over batches and their standard errors; [0] of the estimate, [1] of the loss. */
typedef struct figures {
    double mean[2], error[2];
} figures;

static void add(figures *f, double estimate, double loss) {
    const double x[2] = {estimate, loss};
    for (int i = 0; i < 2; i++) {
        f->mean[i] += x[i] / BATCHES;
        f->error[i] += x[i] * x[i] / BATCHES;
    }
}

static void close_figures(figures *f) {
    for (int i = 0; i < 2; i++)
        f->error[i] = sqrt(fmax(0, f->error[i] - f->mean[i] * f->mean[i]) / BATCHES);
}

static figures run(mi_bound *bound, enum critic critic, gauss g) {
    figures f = {{0}, {0}};
    for (uint64_t i = 0; i < BATCHES; i++) {
        batch b = draw(critic, g, 1000 + i);
        mi_bound_result r = RESULT;
        mi_bound_matrix_f64 io = {.struct_size = sizeof io, .n = N, .scores = b.s};
        io.baseline = b.based ? b.baseline : NULL;
        OK(mi_bound_eval_matrix_f64(bound, &io, &r));
        add(&f, r.estimate, r.loss);
    }
    close_figures(&f);
    return f;
}

/* The naive twin, on batches of its own. */
static figures run_naive(naive *a, enum critic critic, gauss g) {
    figures f = {{0}, {0}};
    a->n = N;
    a->locations = 1;
    for (uint64_t i = 0; i < BATCHES; i++) {
        batch b = draw(critic, g, 500000 + i);
        a->scores = b.s;
        a->baseline = b.based ? b.baseline : NULL;
        naive_value v = naive_bound(a);
        add(&f, v.estimate, v.loss);
    }
    close_figures(&f);
    return f;
}

static void agree(const char *kind, const char *what, gauss g, double got, double error,
                  double want) {
    ck_assert_msg(fabs(got - want) <= 3 * error && error > 0 && error < .02 * g.d,
                  "%s, rho %g, %d-d: %s %g +- %g, not %g", kind, g.rho, g.d, what, got, error,
                  want);
}

static figures run_kind(const char *kind, enum critic critic, gauss g) {
    mi_bound *bound = make(kind);
    if (strcmp(kind, "interpolated") == 0)
        OK(mi_bound_set(bound, "alpha", 0));
    figures f = run(bound, critic, g);
    mi_bound_destroy(bound);
    return f;
}

static const gauss gausses[] = {{.5, 1}, {-.6, 1}, {.4, 2}};
enum { GAUSSES = 3 };

/* Those whose expectation is the information itself, for batches of any size. */
START_TEST(the_best_critic_gives_the_information) {
    static const struct {
        const char *kind;
        enum critic critic;
    } best[] = {{"nwj", RATIO_1},          {"tuba", RATIO},
                {"tuba", BASED},           {"jsd", RATIO},
                {"reverse-kl", RATIO},     {"hellinger", RATIO_HALF},
                {"pearson", RATIO_LESS_1}, {"interpolated", RATIO},
                {"interpolated", BASED},   {"flo", POINTWISE}};
    for (int i = 0; i < GAUSSES; i++)
        for (size_t j = 0; j < sizeof best / sizeof *best; j++) {
            figures f = run_kind(best[j].kind, best[j].critic, gausses[i]);
            agree(best[j].kind, "estimate", gausses[i], f.mean[0], f.error[0],
                  information(gausses[i]));
        }
}
END_TEST

/* x and y are d-dimensional; q is the true conditional density. */
START_TEST(club_gives_its_closed_form) {
    for (int i = 0; i < GAUSSES; i++) {
        gauss g = gausses[i];
        double rr = g.rho * g.rho, club = g.d * rr / (1 - rr);
        ck_assert_double_gt(club, information(g)); /* it is an upper bound */
        figures f = run_kind("club", CONDITIONAL, g), s = run_kind("club-sampled", CONDITIONAL, g);
        agree("club", "estimate", g, f.mean[0], f.error[0], club * (N - 1) / N);
        agree("club-sampled", "estimate", g, s.mean[0], s.error[0], club);
        mi_bound *apart = make("club");
        OK(mi_bound_set(apart, "diagonal", 0));
        f = run(apart, CONDITIONAL, g);
        agree("club without its diagonal", "estimate", g, f.mean[0], f.error[0], club);
        mi_bound_destroy(apart);
    }
}
END_TEST

/* sums[0]: total variation, [1]: E sp(-ln r) + E sp(ln r) - 2 ln 2, over a fine grid. */
static void integrate(gauss g, double sums[2]) {
    const double step = .03, pi = acos(-1);
    sums[0] = sums[1] = 0;
    for (double x = -8; x < 8; x += step)
        for (double y = -8; y < 8; y += step) {
            double l = log_ratio(g, &x, &y), q = exp(-(x * x + y * y) / 2) / (2 * pi),
                   p = q * exp(l);
            sums[0] += fabs(p - q) / 2 * step * step;
            sums[1] += (p * log1p(exp(-l)) + q * log1p(exp(l)) - (p + q) * LN_2) * step * step;
        }
}

/* The divergences that the critics are trained by, each at its optimum. */
START_TEST(losses_are_their_divergences) {
    for (int i = 0; i < GAUSSES; i++) {
        gauss g = gausses[i];
        double rr = g.rho * g.rho;
        figures f = run_kind("reverse-kl", RATIO, g);
        agree("reverse-kl", "loss", g, f.mean[1], f.error[1], information(g) - g.d * rr / (1 - rr));
        f = run_kind("hellinger", RATIO_HALF, g);
        double overlap = pow(pow(1 - rr, .25) / sqrt(1 - rr / 4), g.d);
        agree("hellinger", "loss", g, f.mean[1], f.error[1], 2 * overlap - 2);
        if (g.d > 1)
            continue;
        double sums[2];
        integrate(g, sums);
        f = run_kind("jsd", RATIO, g);
        agree("jsd", "loss", g, f.mean[1], f.error[1], sums[1]);
        f = run_kind("smile", RATIO, g);
        agree("smile", "loss", g, f.mean[1], f.error[1], sums[1]);
        f = run_kind("total-variation", SIGN, g);
        agree("total-variation", "loss", g, f.mean[1], f.error[1], -sums[0]);
    }
    gauss weak = {.3, 1}; /* r^2 needs its variance */
    figures f = run_kind("pearson", RATIO_LESS_1, weak);
    agree("pearson", "loss", weak, f.mean[1], f.error[1], -.09 / .91);
}
END_TEST

/* Those whose expectation on a batch has no closed form: the side that they are on, and the naive
 * twin on other batches. */
START_TEST(the_others_agree_with_their_twins) {
    static const struct {
        naive a;
        enum critic critic;
        int side; /* of the information in expectation: -1 below, 1 above */
    } rest[] = {
        {{.kind = "dv"}, RATIO, 1}, /* of a batch: Jensen */
        {{.kind = "mine", .rate = .01}, RATIO, 1},
        {{.kind = "infonce"}, RATIO, -1},
        {{.kind = "infonce", .columns = .5}, RATIO, -1},
        {{.kind = "interpolated", .alpha = .5}, RATIO, -1},
        {{.kind = "flatnce"}, RATIO, 1},
        {{.kind = "smile", .tau = .5, .shift = 1}, RATIO, 0},
        {{.kind = "leave-one-out"}, CONDITIONAL, 1},
        {{.kind = "total-variation"}, RATIO, -1},
    };
    for (int i = 0; i < GAUSSES; i++)
        for (size_t j = 0; j < sizeof rest / sizeof *rest; j++) {
            naive a = rest[j].a;
            mi_bound *bound = make(a.kind);
            if (a.columns > 0)
                OK(mi_bound_set(bound, "columns", a.columns));
            if (a.tau > 0)
                OK(mi_bound_set(bound, "tau", a.tau));
            if (a.alpha > 0)
                OK(mi_bound_set(bound, "alpha", a.alpha));
            figures f = run(bound, rest[j].critic, gausses[i]);
            figures twin = run_naive(&a, rest[j].critic, gausses[i]);
            agree(a.kind, "estimate", gausses[i], f.mean[0], hypot(f.error[0], twin.error[0]),
                  twin.mean[0]);
            double above = f.mean[0] - information(gausses[i]);
            ck_assert_msg(rest[j].side * above >= -f.error[0], "%s: %g from the information",
                          a.kind, above);
            mi_bound_destroy(bound);
        }
}
END_TEST

UNIT_MAIN("bound_oracles", scores_that_say_nothing_give_nothing, jsd_goes_from_0_to_its_floor,
          total_variation_ends_at_2, infonce_ends_at_ln_n, local_infonce_knows_its_cap,
          being_at_the_cap_shows, read_outs_have_no_offset, the_best_critic_gives_the_information,
          club_gives_its_closed_form, losses_are_their_divergences,
          the_others_agree_with_their_twins)
