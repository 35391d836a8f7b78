/* SPDX-License-Identifier: BSD-2-Clause */
/* A library linked with -ffast-math turns on flush-to-zero for the whole process when it is loaded;
 * one that is careless leaves rounding changed. Neither happens here. */
#include "../unit/unit.h"

#include <fenv.h>
#include <float.h>
#include <pthread.h>

/* Half of the smallest normal number is subnormal: 0 if it was flushed. */
static void check_environment(const char *when) {
    volatile float smallest = FLT_MIN, half = smallest / 2;
    volatile double smallest64 = DBL_MIN, half64 = smallest64 / 2;
    ck_assert_msg(half > 0 && half * 2 == smallest, "float32 subnormals are lost %s", when);
    ck_assert_msg(half64 > 0 && half64 * 2 == smallest64, "float64 subnormals are lost %s", when);
    ck_assert_msg(fegetround() == FE_TONEAREST, "rounding is not to nearest %s", when);
}

START_TEST(after_loading) {
    ck_assert_int_gt(mi_lib_version_number(), 0); /* so that the library is really linked */
    check_environment("after loading");
}
END_TEST

static void compute(void) {
    mi_context_options options = {.struct_size = sizeof options, .threads = 2};
    mi_context *context = NULL;
    OK(mi_context_create(&options, &context));
    mi_encoder *encoder = NULL;
    OK(mi_encoder_create(context, "small | softmax 10", NULL, &encoder));
    static float x[4 * 24 * 24];
    for (int i = 0; i < 4 * 24 * 24; i++)
        x[i] = (float)(i % 11) / 11;
    OK(mi_encoder_forward(encoder, MI_MODE_TRAIN, 4, x));
    float dy[4 * 10] = {1};
    OK(mi_encoder_backward(encoder, (const float *const[]){dy}, NULL, NULL));
    mi_encoder_destroy(encoder);
    mi_context_destroy(context);
}

START_TEST(after_computing) {
    compute();
    check_environment("after computing");
}
END_TEST

static void *check_thread(void *arg) {
    check_environment(arg);
    return NULL;
}

START_TEST(in_a_new_thread) {
    pthread_t thread;
    char when[] = "in a new thread";
    compute();
    ck_assert_int_eq(pthread_create(&thread, NULL, check_thread, when), 0);
    pthread_join(thread, NULL);
}
END_TEST

/* The host's rounding mode and its exception flags' masks survive. */
START_TEST(host_rounding_is_kept) {
    ck_assert_int_eq(fesetround(FE_UPWARD), 0);
    compute();
    int mode = fegetround();
    fesetround(FE_TONEAREST);
    ck_assert_int_eq(mode, FE_UPWARD);
}
END_TEST

UNIT_MAIN("floating", after_loading, after_computing, in_a_new_thread, host_rounding_is_kept)
