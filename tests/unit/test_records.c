/* SPDX-License-Identifier: BSD-2-Clause */
/* CIFAR-10, CIFAR-100 and STL-10 in files made here. */
#include "scratch.h"

#include <stdbool.h>

enum { CIFAR = 32 * 32 * 3, STL = 96 * 96 * 3 };

/* Pixels that tell image, place and colour apart. */
static uint8_t value_at(int image, int y, int x, int k) {
    return (uint8_t)(image * 101 + y * 7 + x * 3 + k * 50);
}

static void ck_image(const mi_dataset *set, int64_t number, int image, int side) {
    float *pixels = malloc((size_t)(side * side * 3) * sizeof *pixels);
    OK(mi_dataset_read(set, 1, &number, pixels, NULL));
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            for (int k = 0; k < 3; k++)
                ck_assert(pixels[(y * side + x) * 3 + k] == value_at(image, y, x, k) / 255.0f);
    free(pixels);
}

static void ck_set(const mi_dataset *set, int64_t count, int32_t side, int32_t classes) {
    mi_dataset_shape s = {.struct_size = sizeof s};
    OK(mi_dataset_info(set, &s));
    ck_assert_int_eq(s.count, count);
    ck_assert(s.height == side && s.width == side && s.channels == 3);
    ck_assert_int_eq(s.classes, classes);
}

static int32_t label_of(const mi_dataset *set, int64_t number) {
    int32_t label;
    OK(mi_dataset_read(set, 1, &number, NULL, &label));
    return label;
}

/* A file of `count` images from number `first` on, each with its labels in front, then `extra`
 * bytes. */
static void write_cifar(const char *name, int first, int count, int labels, const uint8_t *label,
                        size_t extra) {
    const size_t size = (size_t)(CIFAR + labels);
    uint8_t *file = calloc((size_t)count * size + extra + 1, 1);
    for (int i = 0; i < count; i++) {
        uint8_t *at = file + (size_t)i * size;
        memcpy(at, label + i * labels, (size_t)labels);
        for (int v = 0; v < CIFAR; v++)
            at[labels + v] = value_at(first + i, v / 32 % 32, v % 32, v / 1024);
    }
    bytes_to(scratch_path(name), file, (size_t)count * size + extra);
    free(file);
}

static void write_stl(const char *name, int first, int count, size_t extra) {
    uint8_t *file = calloc((size_t)(count * STL) + extra + 1, 1);
    for (int v = 0; v < count * STL; v++) {
        const int place = v % STL;
        file[v] = value_at(first + v / STL, place % 96, place / 96 % 96, place / (96 * 96));
    }
    bytes_to(scratch_path(name), file, (size_t)(count * STL) + extra);
    free(file);
}

/* -- CIFAR ------------------------------------------------------------------------------------ */

static void write_cifar10(void) {
    const uint8_t labels[] = {3, 9, 0};
    for (int i = 0; i < 5; i++) { /* the third one has three images, the rest two */
        char name[] = "data_batch_1.bin";
        name[11] = (char)('1' + i);
        write_cifar(name, 2 * i + (i > 2), i == 2 ? 3 : 2, 1, labels, 0);
    }
    write_cifar("test_batch.bin", 20, 1, 1, (uint8_t[]){8}, 0);
}

START_TEST(cifar_10_is_read) {
    scratch_make();
    write_cifar10();
    for (int way = 0; way < 2; way++) {
        mi_dataset *set;
        OK((way == 0 ? mi_dataset_open : mi_dataset_open_cifar)(NULL, scratch, MI_SPLIT_TRAIN,
                                                                &set));
        ck_set(set, 11, 32, 10);
        for (int i = 0; i < 11; i++)
            ck_image(set, i, i, 32);
        ck_assert(label_of(set, 0) == 3 && label_of(set, 1) == 9 && label_of(set, 6) == 0);
        ck_assert(label_of(set, 7) == 3 && label_of(set, 10) == 9);
        mi_dataset_destroy(set);
        OK((way == 0 ? mi_dataset_open : mi_dataset_open_cifar)(NULL, scratch, MI_SPLIT_TEST,
                                                                &set));
        ck_set(set, 1, 32, 9);
        ck_image(set, 0, 20, 32);
        mi_dataset_destroy(set);
    }
    scratch_remove();
}
END_TEST

START_TEST(cifar_100_has_fine_labels) {
    scratch_make();
    write_cifar("train.bin", 0, 2, 2, (uint8_t[]){19, 99, 200, 4}, 0);
    mi_dataset *set;
    OK(mi_dataset_open(NULL, scratch, MI_SPLIT_TRAIN, &set));
    ck_set(set, 2, 32, 100);
    ck_image(set, 1, 1, 32);
    ck_assert(label_of(set, 0) == 99 && label_of(set, 1) == 4);
    mi_dataset_destroy(set);
    set = NULL;
    FAILS(MI_E_IO, "test.bin: No such", mi_dataset_open(NULL, scratch, MI_SPLIT_TEST, &set));
    write_cifar("test.bin", 7, 1, 2, (uint8_t[]){0, 0}, 0);
    OK(mi_dataset_open_cifar(NULL, scratch, MI_SPLIT_TEST, &set));
    ck_image(set, 0, 7, 32);
    mi_dataset_destroy(set);
    scratch_remove();
}
END_TEST

/* More than is read at once. */
START_TEST(a_large_file_is_read_whole) {
    enum { N = 1000 };
    scratch_make();
    uint8_t labels[N];
    for (int i = 0; i < N; i++)
        labels[i] = (uint8_t)(i % 10);
    write_cifar("test_batch.bin", 0, N, 1, labels, 0);
    mi_dataset *set;
    OK(mi_dataset_open(NULL, scratch, MI_SPLIT_TEST, &set));
    ck_set(set, N, 32, 10);
    for (int i = 0; i < N; i += 37)
        ck_image(set, i, i, 32);
    ck_assert_int_eq(label_of(set, N - 1), 9);
    mi_dataset_destroy(set);
    scratch_remove();
}
END_TEST

START_TEST(unfit_cifar_files_are_refused) {
    scratch_make();
    meter m = {0};
    mi_context *context = meter_context(&m);
    int64_t live = m.live;
    mi_dataset *set = NULL;
    FAILS(MI_E_FORMAT, "neither data_batch_1.bin (CIFAR-10) nor train.bin (CIFAR-100)",
          mi_dataset_open_cifar(context, scratch, MI_SPLIT_TRAIN, &set));
    FAILS(MI_E_FORMAT, "neither test_batch.bin (CIFAR-10) nor test.bin",
          mi_dataset_open_cifar(context, scratch, MI_SPLIT_TEST, &set));
    FAILS(MI_E_IO, "none",
          mi_dataset_open_cifar(context, scratch_path("none"), MI_SPLIT_TEST, &set));
    write_cifar10();
    FAILS(MI_E_ARG, "split is 3 (unlabelled), which STL-10 has, but not ",
          mi_dataset_open(context, scratch, MI_SPLIT_UNLABELLED, &set));
    FAILS(MI_E_ARG, scratch, mi_dataset_open_cifar(context, scratch, MI_SPLIT_UNLABELLED, &set));
    FAILS(MI_E_ARG, "got 0", mi_dataset_open_cifar(context, scratch, 0, &set));

    write_cifar("data_batch_4.bin", 0, 2, 1, (uint8_t[]){1, 2}, 1);
    FAILS(MI_E_FORMAT, "data_batch_4.bin has 6147 bytes, no whole number of records of 3073",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    write_cifar("data_batch_4.bin", 0, 0, 1, NULL, 0);
    FAILS(MI_E_FORMAT, "data_batch_4.bin has 0 bytes",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    write_cifar("data_batch_4.bin", 0, 2, 1, (uint8_t[]){1, 10}, 0);
    FAILS(MI_E_FORMAT, "data_batch_4.bin: image 1 has the label 10, expected 0 to 9",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    remove(scratch_path("data_batch_4.bin"));
    FAILS(MI_E_IO, "data_batch_4.bin: No such",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    ck_assert_int_eq(mkfifo(scratch_path("data_batch_4.bin"), 0600), 0);
    FAILS(MI_E_IO, "data_batch_4.bin is not a regular file",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    scratch_remove();

    scratch_make();
    write_cifar("test.bin", 0, 1, 2, (uint8_t[]){0, 100}, 0);
    FAILS(MI_E_FORMAT, "test.bin: image 0 has the label 100, expected 0 to 99",
          mi_dataset_open(context, scratch, MI_SPLIT_TEST, &set));
    write_cifar("test.bin", 0, 1, 1, (uint8_t[]){0}, 0);
    FAILS(MI_E_FORMAT, "test.bin has 3073 bytes, no whole number of records of 3074",
          mi_dataset_open(context, scratch, MI_SPLIT_TEST, &set));
    ck_assert_ptr_null(set);
    ck_assert_int_eq(m.live, live);
    mi_context_destroy(context);
    scratch_remove();
}
END_TEST

/* -- STL-10 ----------------------------------------------------------------------------------- */

START_TEST(stl_10_is_read) {
    scratch_make();
    write_stl("train_X.bin", 0, 3, 0);
    write_stl("test_X.bin", 5, 1, 0);
    write_stl("unlabeled_X.bin", 10, 40, 0);
    bytes_to(scratch_path("train_y.bin"), "\1\12\7", 3);
    bytes_to(scratch_path("test_y.bin"), "\2", 1);
    for (int way = 0; way < 2; way++) {
        mi_status (*open_it)(mi_context *, const char *, int32_t, mi_dataset **) =
            way == 0 ? mi_dataset_open : mi_dataset_open_stl;
        mi_dataset *set;
        OK(open_it(NULL, scratch, MI_SPLIT_TRAIN, &set));
        ck_set(set, 3, 96, 10);
        for (int i = 0; i < 3; i++)
            ck_image(set, i, i, 96);
        ck_assert(label_of(set, 0) == 0 && label_of(set, 1) == 9 && label_of(set, 2) == 6);
        mi_dataset_destroy(set);
        OK(open_it(NULL, scratch, MI_SPLIT_TEST, &set));
        ck_set(set, 1, 96, 2);
        ck_image(set, 0, 5, 96);
        mi_dataset_destroy(set);
        OK(open_it(NULL, scratch, MI_SPLIT_UNLABELLED, &set));
        ck_set(set, 40, 96, 0);
        ck_image(set, 39, 49, 96);
        ck_assert_int_eq(label_of(set, 39), -1);
        mi_dataset_destroy(set);
    }
    scratch_remove();
}
END_TEST

START_TEST(unfit_stl_files_are_refused) {
    scratch_make();
    meter m = {0};
    mi_context *context = meter_context(&m);
    int64_t live = m.live;
    mi_dataset *set = NULL;
    FAILS(MI_E_IO, "train_X.bin: No such",
          mi_dataset_open_stl(context, scratch, MI_SPLIT_TRAIN, &set));
    FAILS(MI_E_ARG, "got -1", mi_dataset_open_stl(context, scratch, -1, &set));
    write_stl("train_X.bin", 0, 2, 0);
    FAILS(MI_E_IO, "train_y.bin: No such", mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    FAILS(MI_E_IO, "unlabeled_X.bin: No such",
          mi_dataset_open(context, scratch, MI_SPLIT_UNLABELLED, &set));
    bytes_to(scratch_path("train_y.bin"), "\1\2\3", 3);
    FAILS(MI_E_SHAPE, "train_y.bin has 3 labels for 2 images",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    bytes_to(scratch_path("train_y.bin"), "\1\0", 2);
    FAILS(MI_E_FORMAT, "train_y.bin: image 1 has the label 0, expected 1 to 10",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    bytes_to(scratch_path("train_y.bin"), "\13\1", 2);
    FAILS(MI_E_FORMAT, "image 0 has the label 11",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    bytes_to(scratch_path("train_y.bin"), "", 0);
    FAILS(MI_E_FORMAT, "train_y.bin has 0 bytes",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    write_stl("train_X.bin", 0, 1, 5);
    FAILS(MI_E_FORMAT, "train_X.bin has 27653 bytes, no whole number of records of 27648",
          mi_dataset_open(context, scratch, MI_SPLIT_TRAIN, &set));
    ck_assert_ptr_null(set);
    ck_assert_int_eq(m.live, live);
    mi_context_destroy(context);
    scratch_remove();
}
END_TEST

START_TEST(memory_may_run_out_anywhere) {
    scratch_make();
    write_cifar("test_batch.bin", 0, 2, 1, (uint8_t[]){1, 2}, 0);
    write_stl("train_X.bin", 0, 2, 0);
    bytes_to(scratch_path("train_y.bin"), "\1\2", 2);
    for (int stl = 0; stl < 2; stl++) {
        meter m = {0};
        mi_context *context = meter_context(&m);
        int64_t live = m.live, failures = -1;
        mi_status status = MI_E_NOMEM;
        while (status != MI_OK) {
            mi_dataset *set = NULL;
            m.fail_at = m.calls + ++failures + 1;
            status = stl ? mi_dataset_open_stl(context, scratch, MI_SPLIT_TRAIN, &set)
                         : mi_dataset_open_cifar(context, scratch, MI_SPLIT_TEST, &set);
            ck_assert(status == MI_OK || (status == MI_E_NOMEM && set == NULL));
            mi_dataset_destroy(set);
            ck_assert_int_eq(m.live, live);
        }
        ck_assert_int_ge(failures, 4);
        mi_context_destroy(context);
    }
    scratch_remove();
}
END_TEST

UNIT_MAIN("records", cifar_10_is_read, cifar_100_has_fine_labels, a_large_file_is_read_whole,
          unfit_cifar_files_are_refused, stl_10_is_read, unfit_stl_files_are_refused,
          memory_may_run_out_anywhere)
