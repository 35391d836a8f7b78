/* SPDX-License-Identifier: BSD-2-Clause */
/* The mutual information of two correlated Gaussians, three ways: exactly, from a histogram, and by
 * a network that sees nothing but samples.
 *
 *     mine_gaussian --rho 0.8
 *     mine_gaussian --rho 0.5 --dim 20 --critic separable --units 256 --bound infonce --batch 128 \
 *         --rate 5e-4 --steps 4000 --out out
 *
 * The loop is the host's: fresh samples for every step. */
#include "curve.h"
#include "options.h"
#include "watch.h"

#include <mi/mi.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    const char *bound, *critic, *out;
    long long steps, batch, units, dim, negatives, seed, threads;
    double rho, rate;
} set = {.bound = "dv",
         .critic = "additive",
         .steps = 1000,
         .batch = 1000,
         .units = 16,
         .dim = 1,
         .rho = 0.5,
         .rate = 1e-2};

static const option options[] = {
    {"rho", OPTION_REAL, &set.rho, -0.999999, 0.999999, "correlation of each pair of columns"},
    {"dim", OPTION_INTEGER, &set.dim, 1, 4096, "columns of x, and of y"},
    {"bound", OPTION_TEXT, &set.bound, 0, 0,
     "what is learnt by: dv, mine, infonce, ... (mi/bound.h)"},
    {"critic", OPTION_TEXT, &set.critic, 0, 0,
     "additive, concat, separable, bilinear or gaussian (mi/mine.h)"},
    {"units", OPTION_INTEGER, &set.units, 1, 65536, "of a hidden layer"},
    {"negatives", OPTION_INTEGER, &set.negatives, -1, 1e9,
     "others that each x is compared with; -1: all; 0: one, or all if the bound asks for it"},
    {"batch", OPTION_INTEGER, &set.batch, 2, 1e6, "samples a step"},
    {"steps", OPTION_INTEGER, &set.steps, 1, 1e8, "of training"},
    {"rate", OPTION_REAL, &set.rate, 1e-9, 10, "learning rate of Adam"},
    {"seed", OPTION_INTEGER, &set.seed, 0, 1e15, "of samples and weights"},
    {"threads", OPTION_INTEGER, &set.threads, 0, 1024, "0: all processors"},
    {"out", OPTION_TEXT, &set.out, 0, 0, "directory for curve.csv and curve.png"},
    {NULL, OPTION_FLAG, NULL, 0, 0, NULL},
};

enum { CELLS = 100, HISTOGRAM = 1000000, EVALUATIONS = 50 };
/* Streams of random numbers: two for each step, and beyond all steps those of what is not learnt
 * from. */
#define HELD_OUT ((uint64_t)1 << 40)
#define OF_HISTOGRAM ((uint64_t)1 << 41)

static void *room(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "mine_gaussian: no memory for %zu x %zu bytes\n", count, size);
        exit(1);
    }
    return memory;
}

typedef struct run {
    mi_context *context;
    mi_mine *mine;
    float *x, *y;            /* [batch][dim] */
    double *value, *average; /* [steps] */
    long long done;
    double exact, begin, seconds;
    double late, last, held_out, error, histogram;
} run;

static int32_t critic_of(const char *name) {
    static const char *const names[] = {"additive", "concat", "separable", "bilinear", "gaussian"};
    for (int32_t i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0)
            return i + 1;
    fprintf(stderr, "mine_gaussian: there is no critic %.40s (see --help)\n", name);
    exit(2);
}

static void build(run *r) {
    mi_context_options co = {
        .struct_size = sizeof co, .seed = (uint64_t)set.seed, .threads = (int32_t)set.threads};
    mi_mine_options mo = {.struct_size = sizeof mo,
                          .critic = critic_of(set.critic),
                          .units = (int32_t)set.units,
                          .negatives = (int32_t)set.negatives};
    mi_optimizer_options oo = {.struct_size = sizeof oo, .rate = set.rate};
    mi_bound *bound;
    need(mi_context_create(&co, &r->context), "context");
    need(mi_bound_create(r->context, set.bound, &bound), "bound");
    need(mi_mine_create(r->context, set.dim, set.dim, bound, &mo, &oo, &r->mine), "critic");
    mi_bound_destroy(bound);
    r->x = room((size_t)(set.batch * set.dim), sizeof *r->x);
    r->y = room((size_t)(set.batch * set.dim), sizeof *r->y);
    r->value = room((size_t)set.steps, sizeof *r->value);
    r->average = room((size_t)set.steps, sizeof *r->average);
    r->exact = -0.5 * (double)set.dim * log1p(-set.rho * set.rho);
}

/* Samples of x, and y = rho x + sqrt(1 - rho^2) noise. */
static void draw(uint64_t stream, int64_t count, float *x, float *y) {
    const float rho = (float)set.rho, rest = (float)sqrt(1 - set.rho * set.rho);
    need(mi_random_normal_f32((uint64_t)set.seed, 2 * stream, 0, count, x), "samples");
    need(mi_random_normal_f32((uint64_t)set.seed, 2 * stream + 1, 0, count, y), "samples");
    for (int64_t i = 0; i < count; i++)
        y[i] = rho * x[i] + rest * y[i];
}

static void show_progress(const run *r) {
    const double rate = (double)r->done / (now() - r->begin);
    const double left = (double)(set.steps - r->done) / rate;
    fprintf(stderr, "\rstep %lld of %lld, %.4f nats (exact %.4f), %.0f steps/s, %d:%02d left ",
            r->done, set.steps, r->average[r->done - 1], r->exact, rate, (int)left / 60,
            (int)left % 60);
}

/* The loop that this program is about. */
static void train(run *r) {
    mi_mine_report report = {.struct_size = sizeof report};
    double shown = r->begin = now();
    while (r->done < set.steps && !interrupted) {
        draw((uint64_t)r->done, set.batch * set.dim, r->x, r->y);
        need(mi_mine_step(r->mine, set.batch, r->x, r->y, NULL, NULL, &report), "step");
        r->value[r->done] = report.estimate;
        r->average[r->done++] = report.average;
        if (isatty(2) && r->done % 16 == 0 && now() - shown > 0.1) {
            shown = now();
            show_progress(r);
        }
    }
    r->seconds = now() - r->begin;
    if (isatty(2))
        fprintf(stderr, "\r\033[K");
}

static double mean(const double *value, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += value[i];
    return sum / (double)count;
}

/* On batches that nothing was learnt from, with the critic as it is now. */
static void evaluate(run *r) {
    double value[EVALUATIONS], square = 0;
    mi_mine_report report = {.struct_size = sizeof report};
    for (int i = 0; i < EVALUATIONS; i++) {
        draw(HELD_OUT + (uint64_t)i, set.batch * set.dim, r->x, r->y);
        need(mi_mine_eval(r->mine, set.batch, r->x, r->y, 0, &report), "evaluation");
        value[i] = report.estimate;
    }
    r->held_out = mean(value, EVALUATIONS);
    for (int i = 0; i < EVALUATIONS; i++)
        square += (value[i] - r->held_out) * (value[i] - r->held_out);
    r->error = sqrt(square / (EVALUATIONS - 1) / EVALUATIONS);
}

/* Of one pair of columns; all are alike and independent of each other. */
static void count(run *r) {
    float *x = room(HISTOGRAM, sizeof *x), *y = room(HISTOGRAM, sizeof *y);
    draw(OF_HISTOGRAM, HISTOGRAM, x, y);
    const mi_samples of_x = {
        .struct_size = sizeof of_x, .data = x, .n = HISTOGRAM, .dtype = MI_DTYPE_F32};
    mi_samples of_y = of_x;
    of_y.data = y;
    const mi_estimate_options eo = {
        .struct_size = sizeof eo, .method = MI_METHOD_HISTOGRAM, .bins = CELLS};
    mi_estimate_result found = {.struct_size = sizeof found};
    need(mi_estimate_mi(r->context, &of_x, &of_y, NULL, &eo, NULL, &found), "histogram");
    r->histogram = found.value * (double)set.dim;
    free(x);
    free(y);
}

static void write_curve(const run *r) {
    char path[4096], title[128];
    snprintf(path, sizeof path, "%s/curve.csv", set.out);
    FILE *csv = fopen(path, "w");
    bool fine = csv != NULL && fprintf(csv, "step,estimate,average,exact\n") > 0;
    for (long long i = 0; i < r->done && fine; i++)
        fine =
            fprintf(csv, "%lld,%.6f,%.6f,%.6f\n", i + 1, r->value[i], r->average[i], r->exact) > 0;
    if (csv == NULL || fclose(csv) != 0 || !fine) {
        fprintf(stderr, "mine_gaussian: cannot write %s: %s\n", path, strerror(errno));
        exit(1);
    }
    snprintf(title, sizeof title, "%s, %s, rho %g", set.bound, set.critic, set.rho);
    snprintf(path, sizeof path, "%s/curve.png", set.out);
    const curve c = {r->done, r->value, r->average, r->exact, title, "nats"};
    need(draw_curve(path, &c), "picture");
    fprintf(stderr, "curve: %s/curve.csv and %s/curve.png\n", set.out, set.out);
}

/* Better now than after training. */
static void open_out(void) {
    if (set.out == NULL)
        return;
    if ((mkdir(set.out, 0777) != 0 && errno != EEXIST) || access(set.out, W_OK | X_OK) != 0) {
        fprintf(stderr, "mine_gaussian: cannot write to the directory %s: %s\n", set.out,
                strerror(errno));
        exit(1);
    }
}

static void report(run *r) {
    const int64_t late = r->done - r->done / 5, last = r->done < 100 ? r->done : 100;
    r->late = mean(r->value + r->done - late, late);
    r->last = mean(r->value + r->done - last, last);
    printf("exact       %9.5f nats\n", r->exact);
    printf("histogram   %9.5f nats  %d samples in %d x %d cells%s\n", r->histogram, HISTOGRAM,
           CELLS, CELLS, set.dim > 1 ? ", one pair of columns times their number" : "");
    printf("%-11s %9.5f nats  mean of the last %lld of %lld steps\n", set.bound, r->late,
           (long long)late, r->done);
    printf("            %9.5f nats  mean of the last %lld\n", r->last, (long long)last);
    printf("            %9.5f nats  on %d new batches, standard error %.5f\n", r->held_out,
           EVALUATIONS, r->error);
    printf("%.0f microseconds a step, sampling counted%s\n", 1e6 * r->seconds / (double)r->done,
           interrupted ? "; interrupted" : "");
    printf("{\"rho\": %g, \"dim\": %lld, \"bound\": \"%s\", \"critic\": \"%s\", \"exact\": %.6f, "
           "\"histogram\": %.6f, \"late\": %.6f, \"last\": %.6f, \"held_out\": %.6f, \"error\": "
           "%.6f, \"steps\": %lld, \"seconds\": %.3f, \"interrupted\": %s}\n",
           set.rho, set.dim, set.bound, set.critic, r->exact, r->histogram, r->late, r->last,
           r->held_out, r->error, r->done, r->seconds, interrupted ? "true" : "false");
}

int main(int argc, char **argv) {
    options_parse("mine_gaussian",
                  "The mutual information of correlated Gaussians: exact, histogram, network.",
                  options, argc, argv);
    watch_interrupts();

    run r = {0};
    build(&r);
    open_out();
    train(&r);
    if (r.done > 0) {
        evaluate(&r);
        count(&r);
        if (set.out != NULL)
            write_curve(&r);
        report(&r);
    }
    mi_mine_destroy(r.mine);
    mi_context_destroy(r.context);
    free(r.x), free(r.y), free(r.value), free(r.average);
    return interrupted ? 130 : fflush(stdout) == 0 ? 0 : 1;
}
