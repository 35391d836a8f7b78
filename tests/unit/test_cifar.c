/* SPDX-License-Identifier: BSD-2-Clause */
/* The real CIFAR-10, if LIBMI_CIFAR10 names the directory of its six files. */
#include "unit.h"

#include <stdio.h>

enum { VALUES = 32 * 32 * 3 };

/* Every class a tenth, and the mean colours that are well known: 0.4914, 0.4822 and 0.4465. */
static void check_split(int32_t split, int64_t count) {
    mi_dataset *set;
    mi_dataset_shape s = {.struct_size = sizeof s};
    OK(mi_dataset_open(NULL, getenv("LIBMI_CIFAR10"), split, &set));
    OK(mi_dataset_info(set, &s));
    ck_assert_int_eq(s.count, count);
    ck_assert(s.height == 32 && s.width == 32 && s.channels == 3 && s.classes == 10);
    int64_t counts[10] = {0};
    double mean[3] = {0};
    for (int64_t i = 0; i < count; i++) {
        float x[VALUES];
        int32_t label;
        OK(mi_dataset_read(set, 1, &i, x, &label));
        counts[label]++;
        for (int v = 0; v < VALUES; v++)
            mean[v % 3] += (double)x[v] / (VALUES / 3.0 * (double)count);
    }
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(counts[i], count / 10);
    ck_assert_double_eq_tol(mean[0], 0.4914, 0.005);
    ck_assert_double_eq_tol(mean[1], 0.4822, 0.005);
    ck_assert_double_eq_tol(mean[2], 0.4465, 0.006);
    mi_dataset_destroy(set);
}

START_TEST(cifar_10_is_read) {
    check_split(MI_SPLIT_TRAIN, 50000);
    check_split(MI_SPLIT_TEST, 10000);
}
END_TEST

UNIT_SUITE(run, "cifar", cifar_10_is_read)

int main(void) {
    if (getenv("LIBMI_CIFAR10") != NULL)
        return run();
    puts("1..0 # SKIP LIBMI_CIFAR10 names no directory with the six files of CIFAR-10");
    return 0;
}
