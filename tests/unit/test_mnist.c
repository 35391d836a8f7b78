/* SPDX-License-Identifier: BSD-2-Clause */
/* The real MNIST, if LIBMI_MNIST names the directory of its four files. */
#include "unit.h"

#include <stdio.h>

static void check_split(int32_t split, int64_t count, int32_t first, const int64_t *per_class) {
    mi_dataset *set;
    mi_dataset_shape s = {.struct_size = sizeof s};
    OK(mi_dataset_open(NULL, getenv("LIBMI_MNIST"), split, &set));
    OK(mi_dataset_info(set, &s));
    ck_assert_int_eq(s.count, count);
    ck_assert(s.height == 28 && s.width == 28 && s.channels == 1 && s.classes == 10);
    int32_t *label = malloc((size_t)count * sizeof *label);
    int64_t counts[10] = {0};
    OK(mi_dataset_read(set, count, NULL, NULL, label));
    ck_assert_int_eq(label[0], first);
    for (int64_t i = 0; i < count; i++)
        counts[label[i]]++;
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(counts[i], per_class[i]);
    free(label);
    mi_dataset_destroy(set);
}

START_TEST(mnist_is_read) {
    const int64_t train[] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
    const int64_t test[] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    check_split(MI_SPLIT_TRAIN, 60000, 5, train);
    check_split(MI_SPLIT_TEST, 10000, 7, test);
}
END_TEST

UNIT_SUITE(run, "mnist", mnist_is_read)

int main(void) {
    if (getenv("LIBMI_MNIST") != NULL)
        return run();
    puts("1..0 # SKIP LIBMI_MNIST names no directory with the four files of MNIST");
    return 0;
}
