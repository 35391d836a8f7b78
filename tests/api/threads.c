/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's own threads, each with its own handles, all on one context: everybody gets what
 * somebody alone would have got. */
#include "../unit/unit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#define HOSTS 4
#define ROUNDS 8
#define N 32
#define K 5

typedef struct result {
    double loss, total;
    float dz[N * K], digits[2 * 28 * 28], x[4 * 24 * 24], features[4 * 8];
    int32_t labels[2];
    char message[64];
} result;

typedef struct host {
    mi_context *context;
    uint64_t seed;
    result result;
} host;

static void fill_probabilities(uint64_t seed, float *z) {
    for (int i = 0; i < N; i++) {
        float sum = 0;
        for (int k = 0; k < K; k++)
            sum += z[i * K + k] = 1 + (float)((i * 31 + k * 17 + (int)seed * 7) % 23);
        for (int k = 0; k < K; k++)
            z[i * K + k] /= sum;
    }
}

static void work_tier_1(host *h) {
    float z[N * K], zt[N * K];
    fill_probabilities(h->seed, z);
    fill_probabilities(h->seed + 1, zt);
    mi_iic *iic = NULL;
    OK(mi_iic_create(h->context, NULL, &iic));
    mi_iic_head_f32 head = {.classes = K, .z = z, .zt = zt, .dz = h->result.dz};
    for (int i = 0; i < ROUNDS; i++)
        OK(mi_iic_eval_f32(iic, N, 1, &head, &h->result.loss));
    mi_iic_destroy(iic);

    mi_assign *assign = NULL;
    OK(mi_assign_create(h->context, &assign));
    for (int i = 0; i < ROUNDS; i++)
        OK(mi_assign_solve_f32(assign, N, K, z, 0, MI_ASSIGN_MAXIMIZE, NULL, NULL,
                               &h->result.total));
    mi_assign_destroy(assign);
}

static void work_tier_2(host *h) {
    mi_dataset *dataset = NULL;
    OK(mi_dataset_digits(h->context, h->seed, 0, 40, &dataset));
    OK(mi_dataset_read(dataset, 2, NULL, h->result.digits, h->result.labels));
    mi_pairs_options options = {.struct_size = sizeof options, .seed = h->seed, .batch = 4};
    mi_pairs *pairs = NULL;
    OK(mi_pairs_create(h->context, dataset, &options, &pairs));
    float xt[4 * 24 * 24];
    for (int i = 0; i < ROUNDS; i++)
        OK(mi_pairs_next(pairs, h->result.x, xt, NULL));
    mi_encoder *encoder = NULL;
    mi_encoder_options weights = {.struct_size = sizeof weights, .seed = h->seed};
    OK(mi_encoder_create(h->context, "conv 8, bn, relu, gap", &weights, &encoder));
    OK(mi_encoder_forward(encoder, MI_MODE_TRAIN, 4, h->result.x));
    OK(mi_encoder_output(encoder, -1, h->result.features));
    mi_encoder_destroy(encoder);
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(dataset);
}

static void *work(void *arg) {
    host *h = arg;
    char expected[32];
    snprintf(expected, sizeof expected, "got -%d", (int)h->seed);
    mi_context_options wrong = {.struct_size = sizeof wrong, .threads = -(int32_t)h->seed};
    mi_context *none = NULL;
    FAILS(MI_E_ARG, expected, mi_context_create(&wrong, &none));
    work_tier_1(h);
    work_tier_2(h);
    mi_error_copy(h->result.message, sizeof h->result.message); /* still this thread's */
    return NULL;
}

static void run(mi_context *context, host hosts[HOSTS], bool together) {
    pthread_t threads[HOSTS];
    for (int i = 0; i < HOSTS; i++) {
        hosts[i] = (host){.context = context, .seed = (uint64_t)i + 1};
        if (together)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &hosts[i]), 0);
        else
            work(&hosts[i]);
    }
    for (int i = 0; together && i < HOSTS; i++)
        pthread_join(threads[i], NULL);
}

static void compare_threads(int32_t own_threads) {
    static host alone[HOSTS], together[HOSTS];
    mi_context_options options = {.struct_size = sizeof options, .threads = 1};
    mi_context *context = NULL;
    OK(mi_context_create(&options, &context));
    run(context, alone, false);
    mi_context_destroy(context);

    options.threads = own_threads;
    OK(mi_context_create(&options, &context));
    run(context, together, true);
    mi_context_destroy(context);
    for (int i = 0; i < HOSTS; i++)
        ck_assert_msg(memcmp(&alone[i].result, &together[i].result, sizeof(result)) == 0,
                      "thread %d of %d computed something else", i, HOSTS);
}

START_TEST(one_thread_inside) {
    compare_threads(1);
}
END_TEST

START_TEST(three_threads_inside) {
    compare_threads(3);
}
END_TEST

static void *read_set(void *arg) {
    float pixels[28 * 28];
    for (int64_t i = 0; i < 200; i++) {
        int64_t index = i % 50;
        OK(mi_dataset_read(arg, 1, &index, pixels, NULL));
    }
    return NULL;
}

/* Functions that take a const handle may run at once on it. */
START_TEST(one_set_many_readers) {
    mi_dataset *dataset = NULL;
    OK(mi_dataset_digits(NULL, 1, 0, 50, &dataset));
    pthread_t threads[HOSTS];
    for (int i = 0; i < HOSTS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_set, dataset), 0);
    for (int i = 0; i < HOSTS; i++)
        pthread_join(threads[i], NULL);
    mi_dataset_destroy(dataset);
}
END_TEST

UNIT_MAIN("threads", one_thread_inside, three_threads_inside, one_set_many_readers)
