/* SPDX-License-Identifier: BSD-2-Clause */
/* Training on fresh samples as a host in C does it, for mine.py: a step draws, mixes and learns. */
#include <mi/mi.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct training {
    mi_mine *mine;
    int64_t n, numbers, done;
    float rho, rest, *x, *y;
} training;

#if defined(__GNUC__)
#define EXPORT __attribute__((visibility("default")))
#else
#define EXPORT
#endif

EXPORT training *bench_mine_begin(int32_t critic, const char *bound, int64_t dim, int64_t batch,
                                  int32_t units, double rho, double rate, int32_t threads);
EXPORT double bench_mine_steps(training *t, int64_t steps);
EXPORT void bench_mine_end(training *t);

static void need(mi_status status) {
    if (status == MI_OK)
        return;
    fprintf(stderr, "%s\n", mi_error_message());
    exit(1);
}

training *bench_mine_begin(int32_t critic, const char *bound_name, int64_t dim, int64_t batch,
                           int32_t units, double rho, double rate, int32_t threads) {
    mi_context_options co = {.struct_size = sizeof co, .seed = 1, .threads = threads};
    mi_mine_options mo = {.struct_size = sizeof mo, .critic = critic, .units = units};
    mi_optimizer_options oo = {.struct_size = sizeof oo, .rate = rate};
    mi_context *context;
    mi_bound *bound;
    training *t = calloc(1, sizeof *t);
    if (t == NULL)
        exit(1);
    need(mi_context_create(&co, &context));
    need(mi_bound_create(context, bound_name, &bound));
    need(mi_mine_create(context, dim, dim, bound, &mo, &oo, &t->mine));
    mi_bound_destroy(bound);
    mi_context_destroy(context);
    t->n = batch;
    t->numbers = batch * dim;
    t->rho = (float)rho;
    t->rest = (float)sqrt(1 - rho * rho);
    t->x = calloc((size_t)t->numbers, sizeof *t->x);
    t->y = calloc((size_t)t->numbers, sizeof *t->y);
    if (t->x == NULL || t->y == NULL)
        exit(1);
    return t;
}

/* The mean of their estimates. */
double bench_mine_steps(training *t, int64_t steps) {
    mi_mine_report report = {.struct_size = sizeof report};
    double sum = 0;
    for (int64_t s = 0; s < steps; s++, t->done++) {
        need(mi_random_normal_f32(1, (uint64_t)(2 * t->done), 0, t->numbers, t->x));
        need(mi_random_normal_f32(1, (uint64_t)(2 * t->done + 1), 0, t->numbers, t->y));
        for (int64_t i = 0; i < t->numbers; i++)
            t->y[i] = t->rho * t->x[i] + t->rest * t->y[i];
        need(mi_mine_step(t->mine, t->n, t->x, t->y, NULL, NULL, &report));
        sum += report.estimate;
    }
    return sum / (double)steps;
}

void bench_mine_end(training *t) {
    mi_mine_destroy(t->mine);
    free(t->x);
    free(t->y);
    free(t);
}
