/* SPDX-License-Identifier: BSD-2-Clause */
/* After fork() the child makes a context of its own, may destroy what it inherited, and the parent
 * goes on as if nothing had been. */
#include "../unit/unit.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_SECONDS 20

/* In the child: a hang ends by SIGALRM, which Check has taken for itself. */
static void limit_time(void) {
    signal(SIGALRM, SIG_DFL);
    alarm(CHILD_SECONDS);
}

/* Draws digits, which takes all threads of the context, and runs a network on one of them. */
static double compute(mi_context *context) {
    mi_dataset *dataset = NULL;
    static float pixels[4 * 28 * 28];
    float features[4 * 4];
    if (mi_dataset_digits(context, 5, 0, 64, &dataset) != MI_OK ||
        mi_dataset_read(dataset, 4, NULL, pixels, NULL) != MI_OK)
        return -1;
    mi_dataset_destroy(dataset);
    mi_encoder *encoder = NULL;
    mi_encoder_options options = {.struct_size = sizeof options, .height = 28};
    if (mi_encoder_create(context, "conv 4, bn, relu, gap", &options, &encoder) != MI_OK ||
        mi_encoder_forward(encoder, MI_MODE_TRAIN, 4, pixels) != MI_OK ||
        mi_encoder_output(encoder, -1, features) != MI_OK)
        return -1;
    mi_encoder_destroy(encoder);
    double sum = 0;
    for (int i = 0; i < 4 * 4; i++)
        sum += features[i];
    return sum;
}

static mi_context *threaded(void) {
    mi_context_options options = {.struct_size = sizeof options, .threads = 3};
    mi_context *context = NULL;
    OK(mi_context_create(&options, &context));
    return context;
}

/* The status that the child ended with; a child that hangs is ended by its alarm. */
static int status_of(pid_t child) {
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(!WIFSIGNALED(status), "the child ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

START_TEST(child_uses_its_own) {
    mi_context *context = threaded();
    double expected = compute(context);
    ck_assert(expected > 0);
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
        limit_time();
        mi_context *own = NULL;
        mi_context_options options = {.struct_size = sizeof options, .threads = 2};
        bool same = mi_context_create(&options, &own) == MI_OK && compute(own) == expected;
        mi_context_destroy(own);
        _exit(same ? 0 : 1);
    }
    ck_assert(compute(context) == expected);
    ck_assert_int_eq(status_of(child), 0);
    ck_assert(compute(context) == expected);
    mi_context_destroy(context);
}
END_TEST

START_TEST(child_destroys_what_it_inherited) {
    mi_context *context = threaded();
    double expected = compute(context);
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
        limit_time();
        mi_context_destroy(context);
        _exit(0);
    }
    ck_assert_int_eq(status_of(child), 0);
    ck_assert(compute(context) == expected);
    mi_context_destroy(context);
}
END_TEST

START_TEST(child_destroys_inherited_pairs) {
    mi_context *context = threaded();
    mi_dataset *dataset = NULL;
    mi_pairs *pairs = NULL;
    mi_pairs_options options = {.struct_size = sizeof options, .batch = 4};
    OK(mi_dataset_digits(context, 5, 0, 64, &dataset));
    OK(mi_pairs_create(context, dataset, &options, &pairs));
    static float x[4 * 24 * 24], xt[4 * 24 * 24];
    OK(mi_pairs_next(pairs, x, xt, NULL));
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
        limit_time();
        mi_pairs_destroy(pairs);
        mi_dataset_destroy(dataset);
        mi_context_destroy(context);
        _exit(0);
    }
    ck_assert_int_eq(status_of(child), 0);
    OK(mi_pairs_next(pairs, x, xt, NULL));
    mi_pairs_destroy(pairs);
    mi_dataset_destroy(dataset);
    mi_context_destroy(context);
}
END_TEST

UNIT_MAIN("fork", child_uses_its_own, child_destroys_what_it_inherited,
          child_destroys_inherited_pairs)
