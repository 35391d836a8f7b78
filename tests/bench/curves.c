/* SPDX-License-Identifier: BSD-2-Clause */
/* Training curves of every table of kernels side by side: the same network, weights and pairs.
 *
 *     curves [network [steps [threads]]]       such as: curves small 200
 *
 * A table with a step and the loss of each; below, the largest difference from the last table, the
 * plain C reference, and from the reference again when one of its weights began one rounding error
 * apart: what training makes of rounding by itself. */
#include "bench.h"

#include <mi/mi.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { BATCH = 64, REPEATS = 4, SIDE = 24, MOST_STEPS = 10000, CURVES = 5 };

static const char *const table[CURVES] = {"avx512", "avx2", "generic", "reference", "reference"};
static double loss[CURVES][MOST_STEPS];

/* Whether the table that LIBMI_CPU forces is one that this processor has. */
static bool there(const char *name) {
    char info[512];
    setenv("LIBMI_CPU", name, 1);
    mi_build_info(info, sizeof info);
    const char *kernels = strstr(info, "kernels: ");
    return kernels != NULL && strncmp(kernels + 9, name, strlen(name)) == 0;
}

/* The last curve's first weight is moved to the next number. */
static void disturb(mi_encoder *encoder) {
    mi_param_info info = {.struct_size = sizeof info};
    TRY(mi_encoder_param_info(encoder, 0, &info));
    float *w = malloc((size_t)info.count * sizeof *w);
    if (w == NULL)
        exit(1);
    TRY(mi_encoder_param_read(encoder, 0, w));
    w[0] = nextafterf(w[0], INFINITY);
    TRY(mi_encoder_param_write(encoder, 0, w));
    free(w);
}

static void train(int curve, const char *network, int steps, int32_t threads) {
    static float x[BATCH * SIDE * SIDE], xt[BATCH * REPEATS * SIDE * SIDE];
    char text[256];
    mi_context *context;
    mi_dataset *set;
    mi_pairs *pairs;
    mi_encoder *encoder;
    mi_optimizer *optimizer;
    mi_cluster *cluster;
    mi_context_options co = {.struct_size = sizeof co, .threads = threads, .seed = 1};
    mi_pairs_options po = {.struct_size = sizeof po, .batch = BATCH, .repeats = REPEATS};
    snprintf(text, sizeof text, "%s | 2 x softmax 10, 2 x softmax 50", network);
    TRY(mi_context_create(&co, &context));
    TRY(mi_dataset_digits(context, 1, 0, 10000, &set));
    TRY(mi_pairs_create(context, set, &po, &pairs));
    TRY(mi_encoder_create(context, text, NULL, &encoder));
    TRY(mi_optimizer_create(encoder, NULL, &optimizer));
    TRY(mi_cluster_create(encoder, optimizer, NULL, &cluster));
    if (curve == CURVES - 1)
        disturb(encoder);
    for (int i = 0; i < steps; i++) {
        mi_cluster_report report = {.struct_size = sizeof report};
        TRY(mi_pairs_next(pairs, x, xt, NULL));
        TRY(mi_cluster_step(cluster, BATCH, x, REPEATS, xt, &report));
        loss[curve][i] = report.loss;
    }
    mi_cluster_destroy(cluster);
    mi_optimizer_destroy(optimizer);
    mi_encoder_destroy(encoder);
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(set);
    mi_context_destroy(context);
}

static double furthest(int curve, int steps) {
    double most = 0;
    for (int i = 0; i < steps; i++)
        most = fmax(most, fabs(loss[curve][i] - loss[CURVES - 2][i]));
    return most;
}

int main(int argc, char **argv) {
    const char *network = argc > 1 ? argv[1] : "small";
    int steps = argc > 2 ? atoi(argv[2]) : 200, threads = argc > 3 ? atoi(argv[3]) : 0;
    if (steps < 1 || steps > MOST_STEPS) {
        fprintf(stderr, "steps must be in 1 to %d\n", MOST_STEPS);
        return 1;
    }
    printf("%5s", "step");
    for (int c = 0; c < CURVES; c++) {
        if (there(table[c]))
            train(c, network, steps, threads);
        else
            for (int i = 0; i < steps; i++)
                loss[c][i] = NAN;
        printf(" %10s%s", table[c], c == CURVES - 1 ? "*" : " ");
    }
    printf("\n");
    for (int i = 0; i < steps; i++) {
        if (i != 0 && (i + 1) % (steps > 20 ? steps / 20 : 1) != 0)
            continue;
        printf("%5d", i + 1);
        for (int c = 0; c < CURVES; c++)
            printf(" %11.6f", loss[c][i]);
        printf("\n");
    }
    printf("apart");
    for (int c = 0; c < CURVES; c++)
        printf(" %11.2g", furthest(c, steps));
    printf("\n");
    return 0;
}
