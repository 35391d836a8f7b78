/* SPDX-License-Identifier: BSD-2-Clause */
/* Speed of the kernels for stretches of scores, in every float table that this processor can run.
 *
 *     scores [entry]
 *
 * Nanoseconds per element, from the shortest of many times, for stretches that fit the first cache,
 * the second, and neither. */
#include "bench.h"

#include "../../lib/kernel/kernel.h"

#include <math.h>
#include <string.h>

#define LENGTHS 3
static const int64_t lengths[LENGTHS] = {1024, 32768, 1000000};

typedef struct bench {
    const mi__kernels *k;
    int64_t n;
    float *x, *b, *c, *y;
    double sums[2];
} bench;

static void run_extent(bench *b) {
    b->k->extent(b->n, b->x, &b->sums[0], &b->sums[1]);
}

static void run_sum(bench *b) {
    b->sums[0] = b->k->sum(b->n, b->x);
}

static void run_dot(bench *b) {
    b->sums[0] = b->k->dot(b->n, b->x, b->b);
}

static void run_fill(bench *b) {
    b->k->fill(b->n, 0.5, b->y);
}

static void run_scale(bench *b) {
    b->k->scale(b->n, 0.5, b->x, b->y);
}

static void run_add_scaled(bench *b) {
    b->k->add_scaled(b->n, 1e-9, b->x, b->y);
}

static void run_exp_sum(bench *b) {
    b->sums[0] = b->k->exp_sum(b->n, b->x, 0.5, b->y);
}

static void run_exp_sum_only(bench *b) {
    b->sums[0] = b->k->exp_sum(b->n, b->x, 0.5, NULL);
}

static void run_exp_clipped(bench *b) {
    b->sums[0] = b->k->exp_clipped(b->n, b->x, 2, 0.5);
}

static void run_max_columns(bench *b) {
    b->k->max_columns(b->n, b->x, b->y);
}

static void run_exp_columns(bench *b) {
    b->k->exp_columns(b->n, b->x, b->b, b->c);
}

static void run_exp_rows_columns(bench *b) {
    b->k->exp_rows_columns(b->n, b->x, 0.5, 1, b->b, b->b, b->y);
}

static void run_softplus_sum(bench *b) {
    b->k->softplus_sum(b->n, b->x, b->y, b->sums);
}

static void run_softplus_sum_only(bench *b) {
    b->k->softplus_sum(b->n, b->x, NULL, b->sums);
}

static void run_tanh_sum(bench *b) {
    b->sums[0] = b->k->tanh_sum(b->n, b->x, b->y);
}

static const struct {
    const char *name;
    void (*run)(bench *b);
} entries[] = {
    {"extent", run_extent},
    {"sum", run_sum},
    {"dot", run_dot},
    {"fill", run_fill},
    {"scale", run_scale},
    {"add_scaled", run_add_scaled},
    {"exp_sum", run_exp_sum},
    {"exp_sum, no y", run_exp_sum_only},
    {"exp_clipped", run_exp_clipped},
    {"max_columns", run_max_columns},
    {"exp_columns", run_exp_columns},
    {"exp_rows_columns", run_exp_rows_columns},
    {"softplus_sum", run_softplus_sum},
    {"softplus_sum, no y", run_softplus_sum_only},
    {"tanh_sum", run_tanh_sum},
};

/* About 0.1 s, in measurements of at least 20 microseconds. */
static double nanoseconds(bench *b, void (*run)(bench *)) {
    const int64_t repeats = MI__MAX(1, 65536 / b->n);
    double shortest = (double)INFINITY, begin = now(), end = begin;
    while (end - begin < 0.1) {
        const double start = now();
        for (int64_t i = 0; i < repeats; i++)
            run(b);
        end = now();
        shortest = MI__MIN(shortest, end - start);
    }
    return 1e9 * shortest / (double)(repeats * b->n);
}

static float *filled(int64_t count, uint32_t state) {
    float *p = aligned_alloc(64, ((size_t)count * sizeof *p + 63) / 64 * 64);
    if (p == NULL)
        exit(EXIT_FAILURE);
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (float)((double)(state >> 8) / 0x1p21 - 4);
    }
    return p;
}

int main(int argc, char **argv) {
    const int64_t most = lengths[LENGTHS - 1];
    bench b = {.x = filled(most, 1), .b = filled(most, 2), .c = filled(most, 3)};
    b.y = filled(most, 4);
    for (int32_t i = 0; (b.k = mi__kernels_list(i)) != NULL; i++) {
        printf("%-20s %10s %10s %10s  ns per element\n", b.k->name, "1024", "32768", "1000000");
        for (size_t e = 0; e < sizeof entries / sizeof entries[0]; e++) {
            if (argc > 1 && strncmp(argv[1], entries[e].name, strlen(argv[1])) != 0)
                continue;
            printf("  %-18s", entries[e].name);
            for (int l = 0; l < LENGTHS; l++) {
                b.n = lengths[l];
                printf(" %10.4f", nanoseconds(&b, entries[e].run));
                fflush(stdout);
            }
            printf("\n");
        }
    }
    free(b.x), free(b.b), free(b.c), free(b.y);
    return EXIT_SUCCESS;
}
