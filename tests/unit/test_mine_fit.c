/* SPDX-License-Identifier: BSD-2-Clause */
/* Critics that learn from samples in memory: closed forms, what is held back, when it stops, and
 * what is done to samples first. */
#include "unit.h"

#include "../../lib/model/critic.h"
#include "../../lib/model/scaling.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 6000, COLUMNS = 20, WEIGHTS = 32 * 5 + 1 }; /* of the additive critic of 1 + 1 */

static float x[MOST * COLUMNS], y[MOST * COLUMNS];

/* Pairs of columns that correlate. */
static void draw(int64_t n, int64_t d, double rho) {
    OK(mi_random_normal_f32(5, 0, 0, n * d, x));
    OK(mi_random_normal_f32(5, 1, 0, n * d, y));
    for (int64_t i = 0; i < n * d; i++)
        y[i] = (float)(rho * (double)x[i] + sqrt(1 - rho * rho) * (double)y[i]);
}

static double truth(int64_t d, double rho) {
    return -0.5 * (double)d * log(1 - rho * rho);
}

static mi_mine *make(int32_t critic, const char *bound_name, int64_t dx, int64_t dy) {
    mi_mine_options o = {.struct_size = sizeof o,
                         .seed = 3,
                         .critic = critic,
                         .units = 32,
                         .layers = 1,
                         .embed = 16,
                         .negatives = critic == MI_CRITIC_ADDITIVE ? 4 : 0};
    mi_optimizer_options oo = {.struct_size = sizeof oo, .rate = 1e-2};
    mi_bound *bound;
    mi_mine *m;
    OK(mi_bound_create(NULL, bound_name, &bound));
    OK(mi_mine_create(NULL, dx, dy, bound, &o, &oo, &m));
    mi_bound_destroy(bound);
    return m;
}

static mi_mine_fit_report fit(mi_mine *m, int64_t n, mi_mine_fit_options o) {
    mi_mine_fit_report r = {.struct_size = sizeof r};
    o.struct_size = sizeof o;
    OK(mi_mine_fit(m, n, x, y, &o, &r));
    return r;
}

/* -- closed forms ----------------------------------------------------------------------------- */

typedef struct form {
    const char *bound;
    int32_t critic;
    double low, high; /* by how much the estimate may be off */
} form;

static const form forms[] = {
    {"dv", MI_CRITIC_ADDITIVE, 0.03, 0.03},
    {"mine", MI_CRITIC_ADDITIVE, 0.03, 0.03},
    {"nwj", MI_CRITIC_ADDITIVE, 0.03, 0.03},
    {"tuba", MI_CRITIC_ADDITIVE, 0.03, 0.03},
    {"jsd", MI_CRITIC_ADDITIVE, 0.04, 0.03},
    {"smile", MI_CRITIC_ADDITIVE, 0.03, 0.04},
    {"infonce", MI_CRITIC_SEPARABLE, 0.04, 0.03},
    {"interpolated", MI_CRITIC_ADDITIVE, 0.06, 0.03},
    {"flo", MI_CRITIC_ADDITIVE, 0.04, 0.03},
    {"flatnce", MI_CRITIC_SEPARABLE, 0.04, 0.04},
    {"dv", MI_CRITIC_CONCAT, 0.03, 0.03},
    {"dv", MI_CRITIC_SEPARABLE, 0.04, 0.03},
    {"leave-one-out", MI_CRITIC_GAUSSIAN, 0.03, 0.05},
};

static void check_form(const form *f, double rho) {
    draw(MOST, 1, rho);
    mi_mine *m = make(f->critic, f->bound, 1, 1);
    const mi_mine_fit_options o = {.steps = f->critic == MI_CRITIC_SEPARABLE ? 1500 : 700,
                                   .batch = 128};
    const mi_mine_fit_report r = fit(m, MOST, o);
    /* what these samples, rather than their distribution, tell is another matter */
    const double off = r.estimate - truth(1, rho);
    ck_assert_msg(off >= -f->low - r.error && off <= f->high + r.error,
                  "%s, critic %d, rho %g: %g +- %g, not %g", f->bound, f->critic, rho, r.estimate,
                  r.error, truth(1, rho));
    ck_assert(r.error > 0.002 && r.error < 0.05);
    ck_assert_int_eq(r.test_samples, MOST / 2);
    ck_assert_int_le(r.best_step, r.steps);
    mi_mine_destroy(m);
}

START_TEST(bounds_find_what_is_there) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        check_form(&forms[i], 0.5);
        check_form(&forms[i], -0.8);
    }
}
END_TEST

/* club of the true density is rho^2 / (1 - rho^2). */
START_TEST(club_finds_its_own_limit) {
    draw(MOST, 1, 0.5);
    mi_mine *m = make(MI_CRITIC_GAUSSIAN, "club", 1, 1);
    const mi_mine_fit_report r = fit(m, MOST, (mi_mine_fit_options){.steps = 700, .batch = 128});
    ck_assert_double_eq_tol(r.estimate, 0.25 / 0.75, 0.03 + r.error);
    ck_assert_double_gt(r.estimate, truth(1, 0.5));
    mi_mine_destroy(m);
}
END_TEST

/* Learnt by heart, but not believed. */
START_TEST(independent_columns_tell_nothing) {
    draw(600, COLUMNS, 0);
    const int32_t critics[] = {MI_CRITIC_CONCAT, MI_CRITIC_SEPARABLE, MI_CRITIC_ADDITIVE};
    for (int i = 0; i < 3; i++) {
        mi_mine *m = make(critics[i], "dv", COLUMNS, COLUMNS);
        const mi_mine_fit_report r = fit(m, 600, (mi_mine_fit_options){.steps = 1000, .check = 50});
        ck_assert_double_le(r.estimate, 0.02);
        ck_assert_double_ge(r.estimate, -0.1);
        ck_assert_int_lt(r.steps, 1000);
        mi_mine_destroy(m);
        m = make(critics[i], "dv", COLUMNS, COLUMNS);
        const mi_mine_fit_report all =
            fit(m, 600, (mi_mine_fit_options){.steps = 150, .check = 50, .patience = -1});
        ck_assert_int_eq(all.steps, 150);
        ck_assert_double_le(all.estimate, 0.02);
        mi_mine_destroy(m);
    }
}
END_TEST

/* -- what is held back ------------------------------------------------------------------------ */

static void keep_weights(const mi_mine *m, float *to) {
    for (int i = 0; i < MI__NETS; i++)
        for (int32_t p = 0; m->net[i] != NULL && p < m->net[i]->params; p++) {
            const mi__param *param = m->net[i]->param[p];
            memcpy(to, param->value, (size_t)param->count * sizeof *to);
            to += param->count;
        }
}

/* Changes samples one by one, and sees which of them the weights depend on. */
START_TEST(test_samples_are_never_touched) {
    enum { N = 64 };
    float before[WEIGHTS], after[WEIGHTS];
    int touched = 0;
    const mi_mine_fit_options o = {.steps = 20, .check = 5, .test = 0.5, .validation = 0.25};
    draw(N, 1, 0.8);
    mi_mine *m = make(MI_CRITIC_ADDITIVE, "dv", 1, 1);
    const mi_mine_fit_report r = fit(m, N, o);
    keep_weights(m, before);
    mi_mine_destroy(m);
    double moved = 0;
    for (int i = 0; i < N; i++) {
        const float kept = y[i];
        y[i] = -3;
        m = make(MI_CRITIC_ADDITIVE, "dv", 1, 1);
        const mi_mine_fit_report changed = fit(m, N, o);
        keep_weights(m, after);
        const bool learnt =
            memcmp(before, after, sizeof before) != 0 || changed.validation != r.validation;
        touched += learnt;
        if (!learnt)
            moved += fabs(changed.estimate - r.estimate);
        mi_mine_destroy(m);
        y[i] = kept;
    }
    ck_assert_int_eq(touched, N / 2);
    ck_assert_double_gt(moved,
                        0.01); /* the others are the test samples, which the estimate is on */
    ck_assert_int_eq(r.test_samples, N / 2);
}
END_TEST

/* -- stopping --------------------------------------------------------------------------------- */

typedef struct watch {
    int64_t looks, cancel_at, last_step;
    double best_loss;
    float kept[WEIGHTS];
    mi_mine *m;
} watch;

static int32_t look(void *user, const mi_mine_report *report) {
    watch *w = user;
    ck_assert_uint_eq(report->struct_size, sizeof *report);
    ck_assert_int_gt(report->step, w->last_step);
    w->last_step = report->step;
    if (w->looks == 0 || report->loss < w->best_loss) {
        w->best_loss = report->loss;
        keep_weights(w->m, w->kept);
    }
    return ++w->looks == w->cancel_at;
}

START_TEST(stops_when_it_gets_no_better) {
    watch w = {.last_step = -1};
    draw(400, 1, 0.5);
    w.m = make(MI_CRITIC_ADDITIVE, "dv", 1, 1);
    const mi_mine_fit_report r = fit(
        w.m, 400,
        (mi_mine_fit_options){
            .steps = 100000, .check = 10, .patience = 7, .progress = look, .progress_user = &w});
    ck_assert_int_eq(r.steps, r.best_step + 7 * 10);
    ck_assert_int_eq(w.looks, 1 + r.steps / 10); /* one is at the beginning */
    ck_assert_double_eq_tol(r.validation, -w.best_loss, 1e-12);
    float now[WEIGHTS];
    keep_weights(w.m, now);
    ck_assert_mem_eq(now, w.kept, sizeof now);
    mi_mine_destroy(w.m);
}
END_TEST

START_TEST(cancelling_keeps_the_best) {
    watch w = {.last_step = -1, .cancel_at = 25};
    mi_mine_fit_report r = {.struct_size = sizeof r, .steps = 77};
    float now[WEIGHTS];
    draw(400, 1, 0.5);
    w.m = make(MI_CRITIC_ADDITIVE, "dv", 1, 1);
    const mi_mine_fit_options o = {.struct_size = sizeof o,
                                   .check = 10,
                                   .patience = -1,
                                   .progress = look,
                                   .progress_user = &w};
    FAILS(MI_E_CANCELLED, "after 240 steps", mi_mine_fit(w.m, 400, x, y, &o, &r));
    ck_assert_int_eq(w.looks, 25);
    ck_assert_int_eq(r.steps, 77);
    keep_weights(w.m, now);
    ck_assert_mem_eq(now, w.kept, sizeof now);
    mi_mine_destroy(w.m);
}
END_TEST

/* It goes on from the weights that it has, and says the same as at another number of threads. */
START_TEST(fits_are_reproducible) {
    mi_mine_fit_report r[3];
    draw(500, 2, 0.7);
    for (int t = 0; t < 3; t++) {
        mi_context_options co = {.struct_size = sizeof co, .threads = t + 1, .seed = 4};
        mi_context *ctx;
        mi_mine *m;
        OK(mi_context_create(&co, &ctx));
        const mi_mine_options o = {.struct_size = sizeof o, .units = 64};
        OK(mi_mine_create(ctx, 2, 2, NULL, &o, NULL, &m));
        r[t] = fit(m, 500, (mi_mine_fit_options){.steps = 60, .check = 20});
        const mi_mine_fit_report more =
            fit(m, 500, (mi_mine_fit_options){.steps = 60, .check = 20});
        ck_assert_double_gt(more.validation, r[t].validation);
        ck_assert_int_eq(m->steps, 120);
        mi_mine_destroy(m);
        mi_context_destroy(ctx);
    }
    if (strcmp(mi__kernels_select()->name, "reference") != 0)
        for (int t = 1; t < 3; t++)
            ck_assert_mem_eq(&r[t], &r[0], sizeof r[0]);
}
END_TEST

/* -- scales ----------------------------------------------------------------------------------- */

static const int32_t scales[] = {MI_SCALE_NONE, MI_SCALE_STANDARD, MI_SCALE_RANK};

/* Columns of any scale are learnt from as those of scale 1 are. */
START_TEST(scales_are_found) {
    draw(2000, 1, 0.8);
    mi_mine *m = make(MI_CRITIC_ADDITIVE, "dv", 1, 1);
    const mi_mine_fit_report plain = fit(m, 2000, (mi_mine_fit_options){.steps = 200});
    mi_mine_destroy(m);
    for (int i = 0; i < 2000; i++) {
        x[i] = 1000 + 1e-3f * x[i];
        y[i] = -5 + 1e6f * y[i];
    }
    m = make(MI_CRITIC_ADDITIVE, "dv", 1, 1);
    const mi_mine_fit_report moved = fit(m, 2000, (mi_mine_fit_options){.steps = 200});
    ck_assert_double_eq_tol(moved.estimate, plain.estimate, 0.01); /* x lost some digits */
    mi_mine_destroy(m);
}
END_TEST

/* Ranks don't care for what a growing function does to a column. */
START_TEST(ranks_undo_any_growing_function) {
    float kept[2000];
    draw(2000, 1, 0.8);
    mi_mine *m = make(MI_CRITIC_ADDITIVE, "dv", 1, 1);
    const mi_mine_fit_options o = {.steps = 200, .scale = MI_SCALE_RANK};
    const mi_mine_fit_report plain = fit(m, 2000, o);
    mi_mine_destroy(m);
    memcpy(kept, y, sizeof kept);
    for (int i = 0; i < 2000; i++)
        y[i] = expf(3 * y[i]);
    m = make(MI_CRITIC_ADDITIVE, "dv", 1, 1);
    const mi_mine_fit_report bent = fit(m, 2000, o);
    ck_assert_double_eq_tol(bent.estimate, plain.estimate, 0.01);
    ck_assert_double_eq_tol(bent.estimate, truth(1, 0.8), 0.08);
    mi_mine_destroy(m);
}
END_TEST

/* Ascending, centred, through the quantiles; equal values stay equal; far ones stay in range. */
START_TEST(ranks_of_values) {
    const float from[] = {3, 1, 2, 2, 2, 5, 8, 100}, other[8] = {7, 7, 7, 7, 7, 7, 7, 7};
    const mi__sides samples = {8, from, other};
    const float asked[] = {1, 2, 3, 100, 1.5f, 0, -1e30f, 1e30f, 6.5f};
    float to[9], constant[9];
    mi_context *ctx;
    mi__scaling *s;
    OK(mi_context_create(NULL, &ctx));
    OK(mi__scaling_create(ctx, 1, 1, MI_SCALE_RANK, false, &s));
    OK(mi__scaling_find(s, &samples));
    mi__scaling_apply(s, mi__kernels_select(), 0, 9, asked, to);
    ck_assert_float_eq_tol(to[0], -1.5341205f, 1e-5f); /* the quantile of 1/16 */
    ck_assert_float_eq_tol(to[1], (-0.8871466f - 0.4887764f - 0.1573107f) / 3, 1e-5f);
    ck_assert_float_eq_tol(to[2], 0.1573107f, 1e-5f);
    ck_assert_float_eq_tol(to[3], 1.5341205f, 1e-5f);
    ck_assert_float_eq_tol(to[4], (to[0] + to[1]) / 2, 1e-5f);
    ck_assert_float_eq_tol(to[5], to[0] - (to[1] - to[0]), 1e-5f);
    ck_assert_float_eq(to[6], -8);
    ck_assert_float_eq(to[7], 8);
    ck_assert_float_eq_tol(to[8], (0.4887764f + 0.8871466f) / 2, 1e-5f);
    mi__scaling_apply(s, mi__kernels_select(), 1, 9, asked, constant);
    for (int i = 0; i < 9; i++)
        ck_assert_float_eq_tol(constant[i], 0, 1e-6f);
    mi__scaling_destroy(s);
    mi_context_destroy(ctx);
}
END_TEST

/* Constant columns, and samples that are all the same: nothing to learn, nothing that breaks. */
START_TEST(constant_columns) {
    for (int s = 0; s < 3; s++)
        for (int gaussian = 0; gaussian < 2; gaussian++) {
            draw(100, 2, 0.8);
            for (int i = 0; i < 100; i++)
                x[2 * i] = y[2 * i] = y[2 * i + 1] = 4;
            mi_mine *m = make(MI_CRITIC_ADDITIVE, "dv", 2, 2);
            const mi_mine_fit_report r =
                fit(m, 100,
                    (mi_mine_fit_options){.steps = 20, .scale = scales[s], .gaussian = gaussian});
            ck_assert_double_eq_tol(r.estimate, 0, 0.05);
            mi_mine_destroy(m);
        }
}
END_TEST

/* Raw samples afterwards are what scaled ones are without the scaling; also from a file. */
START_TEST(raw_samples_are_taken_afterwards) {
    enum { N = 300, D = 2 };
    static float to_x[N * D], to_y[N * D], raw[N], scaled[N], restored[N];
    char path[] = "/tmp/libmi-mine-fit-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    for (int s = 1; s < 3; s++) {
        draw(N, D, 0.7);
        for (int i = 0; i < N * D; i++)
            x[i] = 5 + 3 * x[i];
        mi_mine *m = make(MI_CRITIC_SEPARABLE, "dv", D, D);
        fit(m, N, (mi_mine_fit_options){.steps = 20, .scale = scales[s], .gaussian = s == 1});
        OK(mi_mine_scores(m, N, x, y, raw));
        OK(mi_mine_save(m, path));
        mi_mine *other = make(MI_CRITIC_SEPARABLE, "dv", D, D);
        OK(mi_mine_restore(other, path));
        OK(mi_mine_scores(other, N, x, y, restored));
        ck_assert_mem_eq(raw, restored, sizeof raw);
        mi__scaling *scaling = m->scaling;
        mi__scaling_apply(scaling, m->k, 0, N, x, to_x);
        mi__scaling_apply(scaling, m->k, 1, N, y, to_y);
        if (s == 2) {
            m->scaling = NULL;
            OK(mi_mine_scores(m, N, to_x, to_y, scaled));
            for (int i = 0; i < N; i++)
                ck_assert_float_eq_tol(raw[i], scaled[i], 1e-6f);
            m->scaling = scaling;
        } else {
            float gx[N * D];
            FAILS(MI_E_UNSUPPORTED, "Gaussians", mi_mine_step(m, N, x, y, gx, NULL, NULL));
            OK(mi_mine_step(m, N, x, y, NULL, NULL, NULL));
        }
        mi_mine_destroy(m);
        mi_mine_destroy(other);
    }
    unlink(path);
}
END_TEST

/* -- Gaussians to start from ------------------------------------------------------------------ */

/* ln det and inverse of a symmetric positive [n][n], by Gauss and Jordan. */
static double invert(int n, double *a, double *inverse) {
    double log_det = 0;
    for (int i = 0; i < n * n; i++)
        inverse[i] = i % (n + 1) == 0;
    for (int i = 0; i < n; i++) {
        const double pivot = a[i * n + i];
        log_det += log(pivot);
        for (int c = 0; c < n; c++) {
            a[i * n + c] /= pivot;
            inverse[i * n + c] /= pivot;
        }
        for (int r = 0; r < n; r++) {
            const double f = a[r * n + i];
            for (int c = 0; c < n && r != i; c++) {
                a[r * n + c] -= f * a[i * n + c];
                inverse[r * n + c] -= f * inverse[i * n + c];
            }
        }
    }
    return log_det;
}

static double log_normal(int n, const double *covariance, const double *away) {
    double copy[25], inverse[25], square = 0;
    memcpy(copy, covariance, (size_t)(n * n) * sizeof *copy);
    const double log_det = invert(n, copy, inverse);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            square += away[i] * inverse[i * n + j] * away[j];
    return -0.5 * (square + log_det); /* the constant cancels */
}

/* The ratio of densities with the samples' own moments, whichever side is wider. */
START_TEST(gaussians_are_those_of_the_samples) {
    enum { N = 200, D = 5 };
    for (int dx = 1; dx < D; dx++) {
        const int dy = D - dx;
        double u[N * (D + 2)], v[N * (D + 2)], mean[D] = {0}, covariance[D * D] = {0};
        static float xs[N * D], ys[N * D];
        static double sample[N][D];
        OK(mi_random_normal_f32(8, (uint64_t)dx, 0, N * D, x));
        for (int i = 0; i < N; i++)
            for (int c = 0; c < D; c++) {
                sample[i][c] = (double)(x[i * D + c] + 0.6f * x[i * D + (c + 2) % D] + (float)c);
                float *to = c < dx ? xs + i * dx + c : ys + i * dy + (c - dx);
                *to = (float)sample[i][c];
                sample[i][c] = (double)*to;
                mean[c] += sample[i][c] / N;
            }
        for (int i = 0; i < N; i++)
            for (int a = 0; a < D; a++)
                for (int b = 0; b < D; b++)
                    covariance[a * D + b] +=
                        (sample[i][a] - mean[a]) * (sample[i][b] - mean[b]) / N;
        mi_context *ctx;
        mi__scaling *s;
        OK(mi_context_create(NULL, &ctx));
        OK(mi__scaling_create(ctx, dx, dy, MI_SCALE_NONE, true, &s));
        OK(mi__scaling_find(s, &(mi__sides){N, xs, ys}));
        const int64_t width = mi__scaling_base_width(s);
        ck_assert_int_eq(width, MI__MIN(dx, dy) + 2);
        mi__scaling_base(s, &mi__kernels_reference, N, xs, ys, u, v);
        for (int i = 0; i < N; i++) {
            const int j = (i + 7) % N;
            double away[D], cxx[25], cyy[25];
            for (int c = 0; c < D; c++)
                away[c] = sample[c < dx ? i : j][c] - mean[c];
            for (int a = 0; a < D * D; a++) {
                if (a / D < dx && a % D < dx)
                    cxx[a / D * dx + a % D] = covariance[a];
                if (a / D >= dx && a % D >= dx)
                    cyy[(a / D - dx) * dy + a % D - dx] = covariance[a];
            }
            const double expected = log_normal(D, covariance, away) - log_normal(dx, cxx, away) -
                                    log_normal(dy, cyy, away + dx);
            double found = 0;
            for (int c = 0; c < width; c++)
                found += u[i * width + c] * v[j * width + c];
            ck_assert_double_eq_tol(found, expected, 1e-4);
        }
        mi__scaling_destroy(s);
        mi_context_destroy(ctx);
    }
}
END_TEST

/* What Gaussians say of 20 columns is more than a network learns from some thousand samples. */
START_TEST(scores_start_from_gaussians) {
    const int32_t critics[] = {MI_CRITIC_ADDITIVE, MI_CRITIC_CONCAT, MI_CRITIC_SEPARABLE,
                               MI_CRITIC_BILINEAR};
    draw(MOST, COLUMNS, 0.5);
    for (int i = 0; i < 4; i++) {
        mi_mine *m = make(critics[i], "dv", COLUMNS, COLUMNS);
        const mi_mine_fit_report r =
            fit(m, MOST, (mi_mine_fit_options){.steps = 20, .gaussian = 1});
        ck_assert_double_eq_tol(r.estimate, truth(COLUMNS, 0.5), 0.25);
        mi_mine_destroy(m);
    }
}
END_TEST

/* -- arguments -------------------------------------------------------------------------------- */

static void refuse(mi_mine *m, mi_status code, const char *text, mi_mine_fit_options o) {
    mi_mine_fit_report r = {.struct_size = sizeof r, .steps = 77};
    o.struct_size = sizeof o;
    FAILS(code, text, mi_mine_fit(m, 40, x, y, &o, &r));
    ck_assert_int_eq(r.steps, 77);
}

START_TEST(bad_arguments) {
    draw(40, 1, 0.5);
    mi_mine *m = make(MI_CRITIC_ADDITIVE, "dv", 1, 1), *g = make(MI_CRITIC_GAUSSIAN, "dv", 1, 1);
    refuse(m, MI_E_ARG, "got -1 and 0", (mi_mine_fit_options){.steps = -1});
    refuse(m, MI_E_ARG, "got 0 and -1", (mi_mine_fit_options){.check = -1});
    refuse(m, MI_E_ARG, "batch must be 2", (mi_mine_fit_options){.batch = 1});
    refuse(m, MI_E_ARG, "batch must be 2", (mi_mine_fit_options){.batch = -3});
    refuse(m, MI_E_SHAPE, "batch of 17", (mi_mine_fit_options){.batch = 17});
    refuse(m, MI_E_SHAPE, "batch of", (mi_mine_fit_options){.batch = INT64_MAX});
    refuse(m, MI_E_ARG, "test must be", (mi_mine_fit_options){.test = 1});
    refuse(m, MI_E_ARG, "test must be", (mi_mine_fit_options){.test = (double)NAN});
    refuse(m, MI_E_ARG, "validation must be", (mi_mine_fit_options){.validation = -0.1});
    refuse(m, MI_E_SHAPE, "too few", (mi_mine_fit_options){.test = 0.99});
    refuse(m, MI_E_SHAPE, "too few", (mi_mine_fit_options){.validation = 0.99});
    refuse(m, MI_E_ARG, "scale must be", (mi_mine_fit_options){.scale = 4});
    refuse(m, MI_E_ARG, "gaussian must be 0 or 1", (mi_mine_fit_options){.gaussian = 2});
    refuse(g, MI_E_ARG, "gaussian must be 0", (mi_mine_fit_options){.gaussian = 1});
    refuse(m, MI_E_SHAPE, "only 3 others", (mi_mine_fit_options){.batch = 4});
    FAILS(MI_E_ARG, "at least 16, got 15", mi_mine_fit(m, 15, x, y, NULL, NULL));
    FAILS(MI_E_ARG, "mine", mi_mine_fit(NULL, 40, x, y, NULL, NULL));
    FAILS(MI_E_ARG, "x must", mi_mine_fit(m, 40, NULL, y, NULL, NULL));
    FAILS(MI_E_ARG, "y must", mi_mine_fit(m, 40, x, NULL, NULL, NULL));
    FAILS(MI_E_SHAPE, "too many", mi_mine_fit(m, INT64_MAX, x, y, NULL, NULL));
    x[39] = -INFINITY;
    FAILS(MI_E_NUMERIC, "x[39][0] is -inf", mi_mine_fit(m, 40, x, y, NULL, NULL));
    mi_mine_destroy(m);
    mi_mine_destroy(g);
}
END_TEST

UNIT_MAIN("mine_fit", bounds_find_what_is_there, club_finds_its_own_limit,
          independent_columns_tell_nothing, test_samples_are_never_touched,
          stops_when_it_gets_no_better, cancelling_keeps_the_best, fits_are_reproducible,
          scales_are_found, ranks_undo_any_growing_function, ranks_of_values, constant_columns,
          raw_samples_are_taken_afterwards, gaussians_are_those_of_the_samples,
          scores_start_from_gaussians, bad_arguments)
