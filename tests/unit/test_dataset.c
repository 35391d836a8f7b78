/* SPDX-License-Identifier: BSD-2-Clause */
#include "scratch.h"

#include <stdbool.h>
#include <zlib.h>

static mi_dataset_shape shape_of(const mi_dataset *set) {
    mi_dataset_shape shape = {.struct_size = sizeof shape};
    OK(mi_dataset_info(set, &shape));
    return shape;
}

static void remove_tree(const char *path) {
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char inner[1024];
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_tree(inner);
    }
    if (dir != NULL)
        closedir(dir);
    ck_assert_int_eq(remove(path), 0);
}

/* -- arrays ----------------------------------------------------------------------------------- */

START_TEST(bytes_become_shares_of_255) {
    uint8_t pixels[2 * 2 * 3 * 2];
    for (int i = 0; i < 24; i++)
        pixels[i] = (uint8_t)(i * 11);
    const int32_t labels[] = {-1, 6};
    mi_dataset *set;
    OK(mi_dataset_from_u8(NULL, 2, 2, 3, 2, pixels, labels, &set));
    mi_dataset_shape s = shape_of(set);
    ck_assert_int_eq(s.count, 2);
    ck_assert_int_eq(s.height, 2);
    ck_assert_int_eq(s.width, 3);
    ck_assert_int_eq(s.channels, 2);
    ck_assert_int_eq(s.classes, 7);

    float out[36];
    int32_t found[3];
    const int64_t index[] = {1, 0, 1};
    OK(mi_dataset_read(set, 3, index, out, found));
    for (int i = 0; i < 36; i++)
        ck_assert(out[i] == pixels[index[i / 12] * 12 + i % 12] / 255.0f);
    ck_assert_int_eq(found[0], 6);
    ck_assert_int_eq(found[1], -1);
    OK(mi_dataset_read(set, 2, NULL, out, NULL));
    ck_assert(out[23] == pixels[23] / 255.0f);
    OK(mi_dataset_read(set, 0, NULL, NULL, NULL));

    const int64_t beyond[] = {0, 2};
    FAILS(MI_E_ARG, "index[1] is 2, the set has 2", mi_dataset_read(set, 2, beyond, out, NULL));
    FAILS(MI_E_ARG, "got 3", mi_dataset_read(set, 3, NULL, out, NULL));
    FAILS(MI_E_ARG, "got -1", mi_dataset_read(set, -1, index, out, NULL));
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(floats_stay_as_they_are) {
    const float pixels[] = {0.1f, -3, 1e30f, 0};
    mi_dataset *set;
    OK(mi_dataset_from_f32(NULL, 4, 1, 1, 1, pixels, NULL, &set));
    ck_assert_int_eq(shape_of(set).classes, 0);
    float out[4];
    int32_t labels[4];
    OK(mi_dataset_read(set, 4, NULL, out, labels));
    ck_assert_mem_eq(out, pixels, sizeof out);
    ck_assert_int_eq(labels[3], -1);
    mi_dataset_destroy(set);
}
END_TEST

START_TEST(bad_arrays_are_refused) {
    uint8_t byte = 0;
    int32_t label = -2;
    float bad[] = {0, 0, 0, NAN};
    mi_dataset *set = NULL;
    FAILS(MI_E_ARG, "count", mi_dataset_from_u8(NULL, 0, 1, 1, 1, &byte, NULL, &set));
    FAILS(MI_E_ARG, "4097", mi_dataset_from_u8(NULL, 1, 4097, 1, 1, &byte, NULL, &set));
    FAILS(MI_E_ARG, "width", mi_dataset_from_u8(NULL, 1, 1, 0, 1, &byte, NULL, &set));
    FAILS(MI_E_ARG, "1025", mi_dataset_from_u8(NULL, 1, 1, 1, 1025, &byte, NULL, &set));
    FAILS(MI_E_ARG, "labels[0] is -2", mi_dataset_from_u8(NULL, 1, 1, 1, 1, &byte, &label, &set));
    FAILS(MI_E_ARG, "pixels", mi_dataset_from_u8(NULL, 1, 1, 1, 1, NULL, NULL, &set));
    FAILS(MI_E_ARG, "out", mi_dataset_from_u8(NULL, 1, 1, 1, 1, &byte, NULL, NULL));
    FAILS(MI_E_SHAPE, "more than fit",
          mi_dataset_from_u8(NULL, INT64_MAX, 4096, 4096, 1, &byte, NULL, &set));
    FAILS(MI_E_NUMERIC, "value 1 of image 1 is",
          mi_dataset_from_f32(NULL, 2, 2, 1, 1, bad, NULL, &set));
    bad[3] = INFINITY;
    FAILS(MI_E_NUMERIC, "inf", mi_dataset_from_f32(NULL, 2, 2, 1, 1, bad, NULL, &set));
    ck_assert_ptr_null(set);
    mi_dataset_destroy(NULL);

    OK(mi_dataset_from_u8(NULL, 1, 1, 1, 1, &byte, NULL, &set));
    mi_dataset_shape s = {.struct_size = 8, .count = 77};
    FAILS(MI_E_ABI, "struct_size is 8", mi_dataset_info(set, &s));
    ck_assert_int_eq(s.count, 77);
    mi_dataset_destroy(set);
}
END_TEST

/* -- digits ----------------------------------------------------------------------------------- */

static void read_digits(int32_t threads, uint64_t seed, int64_t first, int64_t count, float *pixels,
                        int32_t *labels) {
    mi_context_options o = {.struct_size = sizeof o, .threads = threads};
    mi_context *context;
    mi_dataset *set;
    OK(mi_context_create(&o, &context));
    OK(mi_dataset_digits(context, seed, first, count, &set));
    mi_context_destroy(context);
    mi_dataset_shape s = shape_of(set);
    ck_assert(s.count == count && s.height == 28 && s.width == 28 && s.channels == 1);
    OK(mi_dataset_read(set, count, NULL, pixels, labels));
    mi_dataset_destroy(set);
}

START_TEST(a_digit_depends_on_seed_and_number_alone) {
    static float a[200 * 784], b[200 * 784];
    int32_t la[200], lb[200];
    read_digits(1, 5, 0, 200, a, la);
    read_digits(3, 5, 0, 200, b, lb);
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_mem_eq(la, lb, sizeof la);
    read_digits(1, 5, 150, 20, b, lb);
    ck_assert_mem_eq(a + 150 * 784, b, 20 * 784 * sizeof *a);
    ck_assert_mem_eq(la + 150, lb, 20 * sizeof *la);
    read_digits(1, 6, 0, 200, b, lb);
    ck_assert_mem_ne(a, b, 784 * sizeof *a);
    read_digits(1, 5, ((int64_t)1 << 32), 1, b, lb);
    ck_assert_mem_ne(a, b, 784 * sizeof *a);
}
END_TEST

START_TEST(digits_are_even_bright_and_centred) {
    enum { N = 3000 };
    float *x = malloc(N * 784 * sizeof *x);
    int32_t labels[N], counts[10] = {0};
    read_digits(0, 1, 0, N, x, labels);
    for (int i = 0; i < N; i++) {
        ck_assert(labels[i] >= 0 && labels[i] < 10);
        counts[labels[i]]++;
        double sum = 0, across = 0, down = 0;
        for (int k = 0; k < 784; k++) {
            double ink = x[i * 784 + k] > 0.3f ? x[i * 784 + k] : 0;
            sum += ink;
            across += ink * (k % 28);
            down += ink * (k / 28.0);
        }
        ck_assert_msg(sum > 10 && sum < 250, "image %d has ink %g", i, sum);
        ck_assert_msg(fabs(across / sum - 13.5) < 5 && fabs(down / sum - 14) < 5, "image %d", i);
    }
    for (int k = 0; k < 10; k++)
        ck_assert_msg(counts[k] > 240 && counts[k] < 360, "%d of class %d", counts[k], k);
    free(x);
}
END_TEST

START_TEST(digits_refuse_impossible_numbers) {
    mi_dataset *set = NULL;
    FAILS(MI_E_ARG, "got -1", mi_dataset_digits(NULL, 0, -1, 1, &set));
    FAILS(MI_E_ARG, "got 0", mi_dataset_digits(NULL, 0, 0, 0, &set));
    FAILS(MI_E_ARG, "first", mi_dataset_digits(NULL, 0, INT64_MAX, 2, &set));
    FAILS(MI_E_SHAPE, "more than fit", mi_dataset_digits(NULL, 0, 0, INT64_MAX, &set));
    ck_assert_ptr_null(set);
}
END_TEST

/* -- IDX -------------------------------------------------------------------------------------- */

/* An IDX file of bytes 0, 1, 2, ... in these dimensions, `size` of them really there. */
static void write_idx(const char *path, int dimensions, const uint32_t *d, size_t size, bool gzip) {
    uint8_t *file = malloc(4 + 16 + size);
    memcpy(file, (uint8_t[]){0, 0, 8, (uint8_t)dimensions}, 4);
    for (int i = 0; i < dimensions; i++)
        for (int k = 0; k < 4; k++)
            file[4 + 4 * i + k] = (uint8_t)(d[i] >> (24 - 8 * k));
    size_t head = 4 + 4 * (size_t)dimensions;
    for (size_t i = 0; i < size; i++)
        file[head + i] = (uint8_t)i;
    if (gzip) {
        gzFile out = gzopen(path, "wb");
        ck_assert_int_eq(gzwrite(out, file, (unsigned)(head + size)), (int)(head + size));
        ck_assert_int_eq(gzclose(out), Z_OK);
    } else {
        bytes_to(path, file, head + size);
    }
    free(file);
}

static void write_images(const char *name, bool gzip) {
    write_idx(scratch_path(name), 3, (uint32_t[]){4, 3, 2}, 24, gzip);
}

static void write_labels(const char *name, bool gzip) {
    write_idx(scratch_path(name), 1, (uint32_t[]){4}, 4, gzip);
}

START_TEST(idx_files_are_read) {
    scratch_make();
    for (int gzip = 0; gzip < 2; gzip++) {
        write_images("i", gzip);
        write_labels("l", gzip);
        mi_dataset *set;
        OK(mi_dataset_open_idx(NULL, scratch_path("i"), scratch_path("l"), &set));
        mi_dataset_shape s = shape_of(set);
        ck_assert(s.count == 4 && s.height == 3 && s.width == 2 && s.channels == 1);
        ck_assert_int_eq(s.classes, 4);
        float pixels[24];
        int32_t labels[4];
        OK(mi_dataset_read(set, 4, NULL, pixels, labels));
        for (int i = 0; i < 24; i++)
            ck_assert(pixels[i] == i / 255.0f);
        ck_assert_int_eq(labels[3], 3);
        mi_dataset_destroy(set);

        write_idx(scratch_path("i"), 4, (uint32_t[]){2, 3, 2, 3}, 36, gzip);
        OK(mi_dataset_open_idx(NULL, scratch_path("i"), NULL, &set));
        s = shape_of(set);
        ck_assert(s.count == 2 && s.height == 3 && s.width == 2 && s.channels == 3);
        ck_assert_int_eq(s.classes, 0);
        mi_dataset_destroy(set);
    }
    scratch_remove();
}
END_TEST

START_TEST(a_large_idx_file_is_read_whole) {
    scratch_make();
    enum { N = 5000, IMAGE = 28 * 28 };
    write_idx(scratch_path("i"), 3, (uint32_t[]){N, 28, 28}, (size_t)N * IMAGE, true);
    mi_dataset *set;
    OK(mi_dataset_open_idx(NULL, scratch_path("i"), NULL, &set));
    float pixels[IMAGE];
    OK(mi_dataset_read(set, 1, (int64_t[]){N - 1}, pixels, NULL));
    for (int i = 0; i < IMAGE; i++)
        ck_assert(pixels[i] == (uint8_t)((N - 1) * IMAGE + i) / 255.0f);
    mi_dataset_destroy(set);
    scratch_remove();
}
END_TEST

static const struct hostile {
    const char *bytes;
    size_t size;
    mi_status status;
    const char *text;
} hostile[] = {
#define BYTES(text) text, sizeof(text) - 1
    {BYTES(""), MI_E_FORMAT, "has 0 bytes"},
    {BYTES("\0\0\x08"), MI_E_FORMAT, "has 3 bytes"},
    {BYTES("\x89PNG\r\n\x1a\n"), MI_E_FORMAT, "89 50 4e 47"},
    {BYTES("\0\1\x08\3"), MI_E_FORMAT, "00 01 08 03"},
    {BYTES("\0\0\x0d\3"), MI_E_FORMAT, "type 0x0d"},
    {BYTES("\0\0\x08\0"), MI_E_FORMAT, "has 0 dimensions"},
    {BYTES("\0\0\x08\5"), MI_E_FORMAT, "has 5 dimensions"},
    {BYTES("\0\0\x08\xff"), MI_E_FORMAT, "has 255 dimensions"},
    {BYTES("\0\0\x08\3\0\0\0\1\0\0\0\1\0\0"), MI_E_FORMAT, "header, after 14 bytes"},
    {BYTES("\0\0\x08\1\0\0\0\1\7"), MI_E_FORMAT, "has 1 dimension, images have 3"},
    {BYTES("\0\0\x08\2\0\0\0\1\0\0\0\1\7"), MI_E_FORMAT, "has 2 dimensions, images have 3"},
    {BYTES("\0\0\x08\3\0\0\0\0\0\0\0\1\0\0\0\1\7"), MI_E_FORMAT, "dimension 1 of 3 is 0"},
    {BYTES("\0\0\x08\3\0\0\0\1\0\0\0\1\0\0\0\0"), MI_E_FORMAT, "dimension 3 of 3 is 0"},
    {BYTES("\0\0\x08\3\0\0\0\1\0\0\x10\1\0\0\0\1\7"), MI_E_FORMAT, "4097 x 1 x 1"},
    {BYTES("\0\0\x08\4\0\0\0\1\0\0\0\1\0\0\0\1\xff\xff\xff\xff\7"), MI_E_FORMAT, "4294967295"},
    {BYTES("\0\0\x08\4\xff\xff\xff\xff\0\0\x10\0\0\0\x10\0\0\0\4\0"), MI_E_FORMAT, "more than fit"},
    {BYTES("\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\1\7"), MI_E_FORMAT,
     "has 1 bytes of data, its header promises 2"},
    {BYTES("\0\0\x08\3\x80\0\0\0\0\0\0\x1c\0\0\0\x1c\7\7"), MI_E_FORMAT, "promises 1683627180032"},
    {BYTES("\0\0\x08\3\0\0\0\1\0\0\0\1\0\0\0\1\7\7"), MI_E_FORMAT, "more than the 1 bytes"},
    {BYTES("\x1f\x8b\x08\0\0\0\0\0\0\3"), MI_E_FORMAT, "gzip"},
    {BYTES("\x1f\x8b\x07\0\0\0\0\0\0\3\1\2\3\4\5\6\7"), MI_E_FORMAT, "gzip"},
};

START_TEST(hostile_idx_files_are_refused) {
    scratch_make();
    meter m = {0};
    mi_context *context = meter_context(&m);
    int64_t live = m.live;
    mi_dataset *set = NULL;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        bytes_to(scratch_path("h"), hostile[i].bytes, hostile[i].size);
        FAILS(hostile[i].status, hostile[i].text,
              mi_dataset_open_idx(context, scratch_path("h"), NULL, &set));
        FAILS(hostile[i].status, scratch_path("h"),
              mi_dataset_open_idx(context, scratch_path("h"), NULL, &set));
    }
    ck_assert_ptr_null(set);
    ck_assert_int_eq(m.live, live);
    ck_assert_msg(m.largest <= 1 << 20, "%zu bytes asked for", m.largest);

    FAILS(MI_E_IO, "No such file", mi_dataset_open_idx(NULL, scratch_path("none"), NULL, &set));
    FAILS(MI_E_IO, "is not a regular file", mi_dataset_open_idx(NULL, scratch, NULL, &set));
    ck_assert_int_eq(mkfifo(scratch_path("pipe"), 0600), 0); /* nobody will ever write to it */
    FAILS(MI_E_IO, "pipe is not a regular file",
          mi_dataset_open_idx(NULL, scratch_path("pipe"), NULL, &set));
    FAILS(MI_E_ARG, "images", mi_dataset_open_idx(NULL, NULL, NULL, &set));
    mi_context_destroy(context);
    scratch_remove();
}
END_TEST

START_TEST(hostile_labels_are_refused) {
    scratch_make();
    mi_dataset *set = NULL;
    write_images("i", false);
    write_idx(scratch_path("l"), 1, (uint32_t[]){3}, 3, false);
    FAILS(MI_E_SHAPE, "3 labels for 4 images",
          mi_dataset_open_idx(NULL, scratch_path("i"), scratch_path("l"), &set));
    FAILS(MI_E_FORMAT, "has 3 dimensions, labels have 1",
          mi_dataset_open_idx(NULL, scratch_path("i"), scratch_path("i"), &set));
    FAILS(MI_E_IO, "none",
          mi_dataset_open_idx(NULL, scratch_path("i"), scratch_path("none"), &set));
    write_idx(scratch_path("l"), 1, (uint32_t[]){4}, 5, false);
    FAILS(MI_E_FORMAT, "more than the 4 bytes",
          mi_dataset_open_idx(NULL, scratch_path("i"), scratch_path("l"), &set));
    ck_assert_ptr_null(set);
    scratch_remove();
}
END_TEST

/* Every cut of a gzip file, and every byte of its data and checksum changed. */
START_TEST(damaged_gzip_is_noticed) {
    scratch_make();
    write_images("whole", true);
    uint8_t bytes[512];
    size_t size = bytes_from(scratch_path("whole"), bytes, sizeof bytes);
    mi_dataset *set = NULL;
    for (size_t cut = 0; cut < size; cut++) {
        bytes_to(scratch_path("cut"), bytes, cut);
        FAILS(MI_E_FORMAT, "cut", mi_dataset_open_idx(NULL, scratch_path("cut"), NULL, &set));
    }
    for (size_t at = 10; at < size; at++) { /* behind the header, whose time may be anything */
        bytes[at] ^= 0x55;
        bytes_to(scratch_path("bad"), bytes, size);
        FAILS(MI_E_FORMAT, "bad", mi_dataset_open_idx(NULL, scratch_path("bad"), NULL, &set));
        bytes[at] ^= 0x55;
    }
    bytes[size - 6] ^= 1;
    bytes_to(scratch_path("bad"), bytes, size);
    FAILS(MI_E_FORMAT, "corrupt gzip data: incorrect data check",
          mi_dataset_open_idx(NULL, scratch_path("bad"), NULL, &set));
    ck_assert_ptr_null(set);
    scratch_remove();
}
END_TEST

/* -- whatever lies at a path ------------------------------------------------------------------ */

START_TEST(open_finds_mnist_files) {
    scratch_make();
    mi_dataset *set = NULL;
    FAILS(MI_E_FORMAT, "neither train-images-idx3-ubyte (plain or .gz) nor a folder train",
          mi_dataset_open(NULL, scratch, MI_SPLIT_TRAIN, &set));
    write_images("train-images-idx3-ubyte.gz", true);
    FAILS(MI_E_IO, "train-labels-idx1-ubyte: No such",
          mi_dataset_open(NULL, scratch, MI_SPLIT_TRAIN, &set));
    write_labels("train-labels-idx1-ubyte", false);
    OK(mi_dataset_open(NULL, scratch, MI_SPLIT_TRAIN, &set));
    ck_assert_int_eq(shape_of(set).count, 4);
    mi_dataset_destroy(set);
    set = NULL;
    FAILS(MI_E_FORMAT, "neither t10k-images", mi_dataset_open(NULL, scratch, MI_SPLIT_TEST, &set));
    write_images("t10k-images-idx3-ubyte", false);
    write_labels("t10k-labels-idx1-ubyte.gz", true);
    OK(mi_dataset_open(NULL, scratch, MI_SPLIT_TEST, &set));
    mi_dataset_destroy(set);
    set = NULL;

    FAILS(MI_E_ARG, "got 4", mi_dataset_open(NULL, scratch, 4, &set));
    FAILS(MI_E_ARG, "unlabelled), which STL-10 has, but not builtin",
          mi_dataset_open(NULL, "builtin", MI_SPLIT_UNLABELLED, &set));
    FAILS(MI_E_ARG, "path", mi_dataset_open(NULL, NULL, MI_SPLIT_TEST, &set));
    FAILS(MI_E_IO, "No such", mi_dataset_open(NULL, scratch_path("none"), MI_SPLIT_TEST, &set));
    FAILS(MI_E_FORMAT, "not a directory",
          mi_dataset_open(NULL, scratch_path("t10k-images-idx3-ubyte"), MI_SPLIT_TEST, &set));
    char *longest = malloc(5000);
    memset(longest, '/', 4999);
    longest[4999] = 0;
    ck_assert_int_lt(mi_dataset_open(NULL, longest, MI_SPLIT_TEST, &set), 0);
    memset(longest + 4090, 0, 10);
    ck_assert_int_lt(mi_dataset_open(NULL, longest, MI_SPLIT_TEST, &set), 0);
    free(longest);
    ck_assert_ptr_null(set);
    scratch_remove();
}
END_TEST

START_TEST(builtin_is_drawn_digits) {
    mi_dataset *set;
    OK(mi_dataset_open(NULL, "builtin", MI_SPLIT_TEST, &set));
    mi_dataset_shape s = shape_of(set);
    ck_assert(s.count == 10000 && s.height == 28 && s.width == 28 && s.channels == 1);
    ck_assert_int_eq(s.classes, 10);
    static float a[3 * 784], b[3 * 784];
    int32_t la[3], lb[3];
    OK(mi_dataset_read(set, 3, NULL, a, la));
    read_digits(1, 0, 60000, 3, b, lb);
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_mem_eq(la, lb, sizeof la);
    mi_dataset_destroy(set);
}
END_TEST

/* -- folders ---------------------------------------------------------------------------------- */

static void folder(const char *name) {
    ck_assert_int_eq(mkdir(scratch_path(name), 0700), 0);
}

static void png(const char *name, int32_t side, int32_t channels, uint8_t value) {
    uint8_t pixels[8 * 8 * 3];
    memset(pixels, value, sizeof pixels);
    OK(mi_image_write_png(scratch_path(name), side, side, channels, pixels, 0));
}

START_TEST(folders_are_read_in_order) {
    scratch_make();
    folder("b"), folder("a"), folder("c"), folder(".hidden"), folder("empty");
    png("c/1.png", 2, 1, 31);
    png("b/10.png", 2, 1, 21);
    png("b/9.png", 2, 1, 22);
    png("b/.x.png", 2, 1, 99);
    png("a/1.png", 2, 1, 11);
    png(".hidden/1.png", 2, 1, 99);
    png("loose.png", 2, 1, 99);
    bytes_to(scratch_path("a/readme.txt"), "hello", 5);
    bytes_to(scratch_path("a/png"), "hello", 5);
    mi_dataset *set;
    OK(mi_dataset_open_folders(NULL, scratch, &set));
    mi_dataset_shape s = shape_of(set);
    ck_assert(s.count == 4 && s.height == 2 && s.width == 2 && s.channels == 1);
    ck_assert_int_eq(s.classes, 3);
    float pixels[16];
    int32_t labels[4];
    OK(mi_dataset_read(set, 4, NULL, pixels, labels));
    const uint8_t values[] = {11, 21, 22, 31}, classes[] = {0, 1, 1, 2};
    for (int i = 0; i < 4; i++) {
        ck_assert(pixels[4 * i + 3] == values[i] / 255.0f);
        ck_assert_int_eq(labels[i], classes[i]);
    }
    mi_dataset_destroy(set);
    remove_tree(scratch);
}
END_TEST

/* Wherever the first one in colour comes. */
START_TEST(grey_among_colours_is_widened) {
    enum { FILES = 5, VALUES = 2 * 2 * 3 };
    scratch_make();
    folder("a");
    for (int colour = 0; colour < FILES; colour++) {
        for (int i = 0; i < FILES; i++) {
            uint8_t pixels[VALUES];
            for (int k = 0; k < VALUES; k++)
                pixels[k] = (uint8_t)(20 * i + k);
            char name[] = "a/0.png";
            name[2] = (char)('0' + i);
            OK(mi_image_write_png(scratch_path(name), 2, 2, i == colour ? 3 : 1, pixels, 0));
        }
        mi_dataset *set;
        OK(mi_dataset_open_folders(NULL, scratch, &set));
        float found[FILES * VALUES];
        ck_assert_int_eq(shape_of(set).channels, 3);
        OK(mi_dataset_read(set, FILES, NULL, found, NULL));
        for (int i = 0; i < FILES; i++)
            for (int k = 0; k < VALUES; k++)
                ck_assert(found[i * VALUES + k] ==
                          (float)(20 * i + (i == colour ? k : k / 3)) / 255.0f);
        mi_dataset_destroy(set);
    }
    remove_tree(scratch);
}
END_TEST

START_TEST(unfit_folders_are_refused) {
    scratch_make();
    mi_dataset *set = NULL;
    FAILS(MI_E_IO, "No such", mi_dataset_open_folders(NULL, scratch_path("none"), &set));
    FAILS(MI_E_FORMAT, "no folders with .png files (folders: 0)",
          mi_dataset_open_folders(NULL, scratch, &set));
    folder("a");
    FAILS(MI_E_FORMAT, "(folders: 1)", mi_dataset_open_folders(NULL, scratch, &set));
    png("a/1.png", 4, 1, 1);
    png("a/2.png", 5, 1, 1);
    FAILS(MI_E_SHAPE, "a/2.png is 5 x 5, ", mi_dataset_open_folders(NULL, scratch, &set));
    FAILS(MI_E_SHAPE, "a/1.png is 4 x 4", mi_dataset_open_folders(NULL, scratch, &set));
    bytes_to(scratch_path("a/2.png"), "no picture", 10);
    FAILS(MI_E_FORMAT, "2.png", mi_dataset_open_folders(NULL, scratch, &set));
    remove(scratch_path("a/2.png"));
    folder("a/2.png");
    FAILS(MI_E_IO, "2.png", mi_dataset_open_folders(NULL, scratch, &set));
    ck_assert_ptr_null(set);
    remove_tree(scratch);
}
END_TEST

/* One value of the centre of a picture at another size, in double precision. */
static double resized(const uint8_t *picture, int height, int width, int channels, int size, int y,
                      int x, int k) {
    const int side = height < width ? height : width;
    const int top = (height - side) / 2, left = (width - side) / 2;
    double sum = 0, scale = (double)side / size;
    for (int r = 0; r < side; r++)
        for (int c = 0; c < side; c++) {
            double down, across;
            if (side > size) {
                down = fmin((y + 1) * scale, r + 1) - fmax(y * scale, r);
                across = fmin((x + 1) * scale, c + 1) - fmax(x * scale, c);
                down /= scale, across /= scale;
            } else {
                down = 1 - fabs(fmin(fmax((y + 0.5) * scale - 0.5, 0), side - 1) - r);
                across = 1 - fabs(fmin(fmax((x + 0.5) * scale - 0.5, 0), side - 1) - c);
            }
            sum += fmax(down, 0) * fmax(across, 0) *
                   picture[((top + r) * width + left + c) * channels + k];
        }
    return sum;
}

START_TEST(pictures_of_several_sizes_become_one) {
    enum { PICTURES = 6 };
    static const int shapes[PICTURES][3] = {{5, 5, 1},  {12, 9, 1}, {40, 33, 3},
                                            {1, 30, 1}, {10, 7, 3}, {64, 128, 3}};
    static const int sizes[] = {7, 1, 5, 20, 64};
    static uint8_t pixels[PICTURES][64 * 128 * 3];
    scratch_make();
    folder("a"), folder("b");
    for (int i = 0; i < PICTURES; i++) {
        for (int v = 0; v < shapes[i][0] * shapes[i][1] * shapes[i][2]; v++)
            pixels[i][v] = (uint8_t)(v * 97 + v / 31 * 3);
        char name[] = "a/0.png";
        name[0] = (char)(i < 4 ? 'a' : 'b');
        name[2] = (char)('0' + i);
        OK(mi_image_write_png(scratch_path(name), shapes[i][0], shapes[i][1], shapes[i][2],
                              pixels[i], 0));
    }
    for (int s = 0; s < 5; s++) {
        const int size = sizes[s];
        static float found[PICTURES * 64 * 64 * 3];
        int32_t labels[PICTURES];
        mi_dataset *set;
        OK(mi_dataset_open_folders_at(NULL, scratch, size, &set));
        const mi_dataset_shape shape = shape_of(set);
        ck_assert(shape.count == PICTURES && shape.channels == 3);
        ck_assert(shape.height == size && shape.width == size);
        OK(mi_dataset_read(set, PICTURES, NULL, found, labels));
        for (int v = 0; v < PICTURES * size * size * 3; v++) {
            const int i = v / (size * size * 3), channels = shapes[i][2];
            const double want =
                resized(pixels[i], shapes[i][0], shapes[i][1], channels, size,
                        v / (size * 3) % size, v / 3 % size, channels == 3 ? v % 3 : 0);
            ck_assert_msg(fabs(255 * (double)found[v] - want) < 0.501, "%d of %d: %g, not %g", i,
                          size, 255 * (double)found[v], want);
        }
        ck_assert(labels[3] == 0 && labels[4] == 1);
        mi_dataset_destroy(set);
    }
    mi_dataset *set = NULL;
    FAILS(MI_E_ARG, "size must be in 1 to 4096, got 0",
          mi_dataset_open_folders_at(NULL, scratch, 0, &set));
    FAILS(MI_E_ARG, "got 4097", mi_dataset_open_folders_at(NULL, scratch, 4097, &set));
    FAILS(MI_E_ARG, "got -2147483648", mi_dataset_open_folders_at(NULL, scratch, INT32_MIN, &set));
    bytes_to(scratch_path("b/0.png"), "no picture", 10);
    FAILS(MI_E_FORMAT, "b/0.png", mi_dataset_open_folders_at(NULL, scratch, 8, &set));
    FAILS(MI_E_IO, "none", mi_dataset_open_folders_at(NULL, scratch_path("none"), 8, &set));
    ck_assert_ptr_null(set);
    remove_tree(scratch);
}
END_TEST

START_TEST(a_class_may_have_a_folder_of_images) {
    scratch_make();
    folder("train"), folder("train/n1"), folder("train/n2"), folder("train/n1/images");
    folder("train/n2/images"), folder("train/n2/more");
    bytes_to(scratch_path("train/n1/n1_boxes.txt"), "0 1 2 3", 7);
    png("train/n1/images/n1_1.png", 4, 3, 11);
    png("train/n1/images/n1_0.png", 4, 3, 10);
    png("train/n2/images/a.png", 4, 3, 21);
    png("train/n2/more/b.png", 4, 3, 99);
    png("train/n2/z.png", 4, 3, 20);
    for (int way = 0; way < 3; way++) {
        mi_dataset *set;
        OK(way == 0   ? mi_dataset_open(NULL, scratch, MI_SPLIT_TRAIN, &set)
           : way == 1 ? mi_dataset_open_folders(NULL, scratch_path("train"), &set)
                      : mi_dataset_open_folders_at(NULL, scratch_path("train"), 4, &set));
        ck_assert_int_eq(shape_of(set).count, 4);
        const uint8_t values[] = {10, 11, 20, 21};
        float pixels[4 * 4 * 4 * 3];
        int32_t labels[4];
        OK(mi_dataset_read(set, 4, NULL, pixels, labels));
        for (int i = 0; i < 4; i++) {
            ck_assert(pixels[48 * i] == values[i] / 255.0f);
            ck_assert_int_eq(labels[i], i / 2);
        }
        mi_dataset_destroy(set);
    }
    remove_tree(scratch);
}
END_TEST

START_TEST(test_folders_have_the_numbers_of_train) {
    scratch_make();
    folder("train"), folder("train/a"), folder("train/b"), folder("train/c");
    folder("test"), folder("test/c");
    png("train/a/1.png", 3, 3, 1);
    png("train/b/1.png", 3, 3, 1);
    png("train/c/1.png", 3, 3, 1);
    png("test/c/1.png", 3, 3, 1);
    mi_dataset *set;
    OK(mi_dataset_open(NULL, scratch, MI_SPLIT_TRAIN, &set));
    ck_assert_int_eq(shape_of(set).count, 3);
    ck_assert_int_eq(shape_of(set).channels, 3);
    mi_dataset_destroy(set);
    OK(mi_dataset_open(NULL, scratch, MI_SPLIT_TEST, &set));
    int32_t label;
    OK(mi_dataset_read(set, 1, NULL, NULL, &label));
    ck_assert_int_eq(label, 2);
    mi_dataset_destroy(set);
    folder("test/d");
    FAILS(MI_E_FORMAT, "test/d is a class that the training part doesn't have",
          mi_dataset_open(NULL, scratch, MI_SPLIT_TEST, &set));
    remove_tree(scratch);
}
END_TEST

/* -- memory ----------------------------------------------------------------------------------- */

static mi_status open_one(int kind, mi_context *context, mi_dataset **set) {
    static const uint8_t bytes[4] = {1, 2, 3, 4};
    static const float floats[4] = {1, 2, 3, 4};
    static const int32_t labels[4] = {0};
    switch (kind) {
    case 0: return mi_dataset_from_u8(context, 4, 1, 1, 1, bytes, labels, set);
    case 1: return mi_dataset_from_f32(context, 4, 1, 1, 1, floats, labels, set);
    case 2: return mi_dataset_digits(context, 1, 0, 4, set);
    case 3: return mi_dataset_open_idx(context, scratch_path("i"), scratch_path("l"), set);
    case 4: return mi_dataset_open_folders(context, scratch, set);
    default: return mi_dataset_open_folders_at(context, scratch, 5, set);
    }
}

START_TEST(memory_may_run_out_anywhere) {
    scratch_make();
    write_images("i", true);
    write_labels("l", true);
    folder("a"), folder("b");
    png("a/1.png", 8, 1, 1);
    png("b/1.png", 8, 3, 1); /* in colour: what was read before is widened */
    for (int kind = 0; kind < 6; kind++) {
        meter m = {0};
        mi_context *context = meter_context(&m);
        int64_t live = m.live;
        mi_status status = MI_E_NOMEM;
        int64_t failures = -1;
        while (status != MI_OK) {
            mi_dataset *set = NULL;
            m.fail_at = m.calls + ++failures + 1;
            status = open_one(kind, context, &set);
            ck_assert(status == MI_OK || (status == MI_E_NOMEM && set == NULL));
            mi_dataset_destroy(set);
            ck_assert_int_eq(m.live, live);
        }
        ck_assert_int_ge(failures, 3);
        mi_context_destroy(context);
        ck_assert_int_eq(m.live, 0);
    }
    remove_tree(scratch);
}
END_TEST

UNIT_MAIN("dataset", bytes_become_shares_of_255, floats_stay_as_they_are, bad_arrays_are_refused,
          a_digit_depends_on_seed_and_number_alone, digits_are_even_bright_and_centred,
          digits_refuse_impossible_numbers, idx_files_are_read, a_large_idx_file_is_read_whole,
          hostile_idx_files_are_refused, hostile_labels_are_refused, damaged_gzip_is_noticed,
          open_finds_mnist_files, builtin_is_drawn_digits, folders_are_read_in_order,
          grey_among_colours_is_widened, unfit_folders_are_refused,
          pictures_of_several_sizes_become_one, a_class_may_have_a_folder_of_images,
          test_folders_have_the_numbers_of_train, memory_may_run_out_anywhere)
