/* SPDX-License-Identifier: BSD-2-Clause */
#include "scratch.h"

#include "../../lib/io/atomic_file.h"
#include "../../lib/io/png.h"
#include "../../lib/io/read_file.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

/* -- files that appear whole ------------------------------------------------------------------ */

static mi_status put_file(const char *path, const void *bytes, size_t size, size_t part) {
    mi_context *ctx;
    OK(mi_context_create(NULL, &ctx));
    mi__file *file;
    mi_status status = mi__file_open(ctx, path, &file);
    if (status == MI_OK) {
        for (size_t at = 0; at < size && status == MI_OK; at += part)
            status =
                mi__file_write(file, (const char *)bytes + at, part < size - at ? part : size - at);
        if (status == MI_OK)
            status = mi__file_commit(file);
        else
            mi__file_discard(file);
    }
    mi_context_destroy(ctx);
    return status;
}

START_TEST(file_appears_whole) {
    scratch_make();
    static unsigned char data[300000], back[sizeof data + 1];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 31 >> 3);
    static const size_t parts[] = {1, 1000, 65535, 65536, 65537, sizeof data};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        OK(put_file(scratch_path("a"), data, sizeof data - i, parts[i]));
        ck_assert_uint_eq(bytes_from(scratch_path("a"), back, sizeof back), sizeof data - i);
        ck_assert_mem_eq(back, data, sizeof data - i);
        ck_assert_int_eq(scratch_files(), 1);
    }
    OK(put_file(scratch_path("empty"), data, 0, 1));
    ck_assert_uint_eq(bytes_from(scratch_path("empty"), back, sizeof back), 0);
    scratch_remove();
}
END_TEST

START_TEST(file_permissions_follow_the_mask) {
    scratch_make();
    mode_t before = umask(027);
    OK(put_file(scratch_path("a"), "x", 1, 1));
    umask(before);
    struct stat info;
    ck_assert_int_eq(stat(scratch_path("a"), &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0640);
    scratch_remove();
}
END_TEST

START_TEST(file_without_a_directory_in_its_path) {
    scratch_make();
    char back[8], home[512];
    ck_assert_ptr_nonnull(getcwd(home, sizeof home));
    ck_assert_int_eq(chdir(scratch), 0);
    OK(put_file("a", "xyz", 3, 3));
    ck_assert_int_eq(chdir(home), 0);
    ck_assert_uint_eq(bytes_from(scratch_path("a"), back, sizeof back), 3);
    scratch_remove();
}
END_TEST

START_TEST(file_is_not_seen_before_its_commit) {
    scratch_make();
    char back[8];
    bytes_to(scratch_path("a"), "old", 3);
    mi_context *ctx;
    OK(mi_context_create(NULL, &ctx));
    mi__file *one, *two;
    OK(mi__file_open(ctx, scratch_path("a"), &one));
    OK(mi__file_open(ctx, scratch_path("a"), &two));
    ck_assert_int_eq(scratch_files(), 3);
    OK(mi__file_write(one, "first", 5));
    OK(mi__file_write(two, "second", 6));
    ck_assert_uint_eq(bytes_from(scratch_path("a"), back, sizeof back), 3);
    OK(mi__file_commit(one));
    ck_assert_uint_eq(bytes_from(scratch_path("a"), back, sizeof back), 5);
    mi__file_discard(two);
    mi__file_discard(NULL);
    ck_assert_uint_eq(bytes_from(scratch_path("a"), back, sizeof back), 5);
    ck_assert_int_eq(scratch_files(), 1);
    mi_context_destroy(ctx);
    scratch_remove();
}
END_TEST

START_TEST(file_in_no_directory_fails) {
    scratch_make();
    bytes_to(scratch_path("plain"), "x", 1);
    FAILS(MI_E_IO, "none/a.tmp-", put_file(scratch_path("none/a"), "x", 1, 1));
    FAILS(MI_E_IO, strerror(ENOENT), put_file(scratch_path("none/a"), "x", 1, 1));
    FAILS(MI_E_IO, strerror(ENOTDIR), put_file(scratch_path("plain/a"), "x", 1, 1));
    FAILS(MI_E_ARG, "path must not be empty", put_file("", "x", 1, 1));
    FAILS(MI_E_ARG, "path must not be NULL", put_file(NULL, "x", 1, 1));
    ck_assert_int_eq(scratch_files(), 1);
    ck_assert_int_eq(mkdir(scratch_path("dir"), 0777), 0);
    FAILS(MI_E_IO, "cannot put in place", put_file(scratch_path("dir"), "x", 1, 1));
    ck_assert_int_eq(scratch_files(), 2);
    scratch_remove();
}
END_TEST

START_TEST(file_in_a_directory_of_others_fails) {
    scratch_make();
    bytes_to(scratch_path("a"), "old", 3);
    ck_assert_int_eq(chmod(scratch, 0555), 0);
    bool root = geteuid() == 0; /* to whom all is allowed */
    if (!root || seteuid(65534) == 0) {
        mi_status status = put_file(scratch_path("a"), "new", 3, 3);
        if (root)
            ck_assert_int_eq(seteuid(0), 0);
        FAILS(MI_E_IO, strerror(EACCES), status);
    }
    char back[8];
    ck_assert_int_eq(chmod(scratch, 0755), 0);
    ck_assert_uint_eq(bytes_from(scratch_path("a"), back, sizeof back), 3);
    ck_assert_int_eq(scratch_files(), 1);
    scratch_remove();
}
END_TEST

/* As on a full disk: write() takes a part, and then fails. */
START_TEST(file_on_a_full_disk_fails) {
    scratch_make();
    static unsigned char data[200000];
    static const size_t parts[] = {100, 65536, sizeof data};
    bytes_to(scratch_path("a"), "old", 3);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 150000;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char back[8];
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        mi_status status = put_file(scratch_path("a"), data, sizeof data, parts[i]);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        FAILS(MI_E_IO, strerror(EFBIG), status);
        FAILS(MI_E_IO, scratch_path("a"), status);
        ck_assert_uint_eq(bytes_from(scratch_path("a"), back, sizeof back), 3);
        ck_assert_mem_eq(back, "old", 3);
        ck_assert_int_eq(scratch_files(), 1);
    }
    signal(SIGXFSZ, handler);
    scratch_remove();
}
END_TEST

START_TEST(only_regular_files_are_read) {
    scratch_make();
    int fd;
    int64_t size;
    ck_assert_int_eq(mkfifo(scratch_path("pipe"), 0600), 0);
    FAILS(MI_E_IO, "pipe is not a regular file", mi__read_open(scratch_path("pipe"), &fd, &size));
    FAILS(MI_E_IO, "is not a regular file", mi__read_open(scratch, &fd, &size));
    FAILS(MI_E_IO, "is not a regular file", mi__read_open("/dev/zero", &fd, &size));
    FAILS(MI_E_IO, strerror(ENOENT), mi__read_open(scratch_path("none"), &fd, &size));
    bytes_to(scratch_path("a"), "abcdef", 6);
    OK(mi__read_open(scratch_path("a"), &fd, &size));
    char back[6];
    ck_assert_int_eq(size, 6);
    OK(mi__read_at(fd, "a", 2, back, 4));
    ck_assert_mem_eq(back, "cdef", 4);
    FAILS(MI_E_FORMAT, "a ends at byte 6, expected 8", mi__read_at(fd, "a", 2, back, 6));
    close(fd);
    scratch_remove();
}
END_TEST

/* -- PNG -------------------------------------------------------------------------------------- */

typedef struct picture {
    int32_t height, width, channels;
    uint8_t *pixels;
    int64_t bytes;
} picture;

static mi_status read_png(mi_context *ctx, const char *path, picture *p) {
    return mi__png_read(ctx, path, &p->height, &p->width, &p->channels, &p->pixels, &p->bytes);
}

/* -- files made by hand -- */

static size_t put_chunk(uint8_t *to, const char *type, const void *data, size_t size) {
    uint32_t crc;
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(size >> (24 - 8 * i));
    memcpy(to + 4, type, 4);
    if (size > 0)
        memcpy(to + 8, data, size);
    crc = (uint32_t)crc32(0, to + 4, (uInt)size + 4);
    for (int i = 0; i < 4; i++)
        to[8 + size + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    return size + 12;
}

/* `rows` holds each row after its filter byte. */
static size_t make_png(uint8_t *to, uint32_t height, uint32_t width, uint8_t depth, uint8_t colour,
                       const uint8_t *rows, size_t size, const char *palette, const char *opacity,
                       size_t opacities) {
    uint8_t header[13] = {[8] = depth, [9] = colour}, packed[512];
    uLongf packed_size = sizeof packed;
    for (int i = 0; i < 4; i++) {
        header[i] = (uint8_t)(width >> (24 - 8 * i));
        header[4 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    memcpy(to, "\x89PNG\r\n\x1a\n", 8);
    size_t at = 8 + put_chunk(to + 8, "IHDR", header, sizeof header);
    if (palette != NULL)
        at += put_chunk(to + at, "PLTE", palette, 6);
    if (opacity != NULL)
        at += put_chunk(to + at, "tRNS", opacity, opacities);
    ck_assert_int_eq(compress(packed, &packed_size, rows, size), Z_OK);
    at += put_chunk(to + at, "IDAT", packed, packed_size);
    return at + put_chunk(to + at, "IEND", NULL, 0);
}

START_TEST(png_round_trip) {
    scratch_make();
    mi_context *ctx;
    OK(mi_context_create(NULL, &ctx));
    enum { SIDE = 70 };
    static uint8_t pixels[SIDE * SIDE * 4];
    uint32_t noise = 1;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
    for (int32_t channels = 1; channels <= 3; channels += 2)
        for (int32_t side = 1; side <= SIDE; side += 23)
            for (int32_t gap = 0; gap < 4; gap += 3) {
                int32_t height = side, width = SIDE + 1 - side, row = width * channels;
                OK(mi_image_write_png(scratch_path("a.png"), height, width, channels, pixels,
                                      gap == 0 ? 0 : row + gap));
                picture p;
                OK(read_png(ctx, scratch_path("a.png"), &p));
                ck_assert_int_eq(p.height, height);
                ck_assert_int_eq(p.width, width);
                ck_assert_int_eq(p.channels, channels);
                ck_assert_int_eq(p.bytes, (int64_t)height * row);
                for (int32_t y = 0; y < height; y++)
                    ck_assert_mem_eq(p.pixels + y * row, pixels + y * (row + gap), row);
                mi__free(ctx, p.pixels, p.bytes, 1);
            }
    mi_context_destroy(ctx);
    ck_assert_int_eq(scratch_files(), 1);
    scratch_remove();
}
END_TEST

START_TEST(png_write_checks_its_arguments) {
    scratch_make();
    const char *path = scratch_path("a.png");
    uint8_t p[12] = {0};
    FAILS(MI_E_ARG, "path must not be NULL", mi_image_write_png(NULL, 1, 1, 1, p, 0));
    FAILS(MI_E_ARG, "pixels must not be NULL", mi_image_write_png(path, 1, 1, 1, NULL, 0));
    FAILS(MI_E_ARG, "got 0 and 1", mi_image_write_png(path, 0, 1, 1, p, 0));
    FAILS(MI_E_ARG, "got 1 and 65536", mi_image_write_png(path, 1, 65536, 1, p, 0));
    FAILS(MI_E_ARG, "got -1 and 1", mi_image_write_png(path, -1, 1, 1, p, 0));
    FAILS(MI_E_ARG, "channels must be 1 or 3, got 2", mi_image_write_png(path, 1, 1, 2, p, 0));
    FAILS(MI_E_SHAPE, "stride must be in 6 to 2147483647, got 5",
          mi_image_write_png(path, 2, 2, 3, p, 5));
    FAILS(MI_E_SHAPE, "got -6", mi_image_write_png(path, 2, 2, 3, p, -6));
    FAILS(MI_E_SHAPE, "got 2147483648", mi_image_write_png(path, 1, 2, 3, p, 2147483648));
    FAILS(MI_E_SHAPE, "65535 x 65535 pixels of 3 channels",
          mi_image_write_png(path, 65535, 65535, 3, p, 0));
    FAILS(MI_E_IO, strerror(ENOENT), mi_image_write_png(scratch_path("none/a"), 1, 1, 1, p, 0));
    ck_assert_int_eq(scratch_files(), 0);
    scratch_remove();
}
END_TEST

/* One row of each kind of file, and what it must give. */
START_TEST(png_kinds) {
    scratch_make();
    static const struct {
        uint8_t depth, colour, row[16];
        size_t size;
        uint32_t width;
        const char *palette, *opacity;
        size_t opacities;
        int32_t channels;
        uint8_t expected[6];
    } kinds[] = {
        {8, 0, {0, 7, 200}, 3, 2, NULL, NULL, 0, 1, {7, 200}},
        {1, 0, {0, 0x40}, 2, 2, NULL, NULL, 0, 1, {0, 255}},
        {2, 0, {0, 0x60}, 2, 2, NULL, NULL, 0, 1, {85, 170}},
        {16, 0, {0, 0x12, 0x34, 0x12, 0xff}, 5, 2, NULL, NULL, 0, 1, {0x12, 0x13}},
        {8, 0, {0, 7, 200}, 3, 2, NULL, "\0\310", 2, 1, {7, 0}},
        {8, 4, {0, 200, 255, 200, 51}, 5, 2, NULL, NULL, 0, 1, {200, 40}},
        {8, 2, {0, 1, 2, 3, 250, 251, 252}, 7, 2, NULL, NULL, 0, 3, {1, 2, 3, 250, 251, 252}},
        {8,
         6,
         {0, 10, 20, 30, 255, 100, 200, 255, 128},
         9,
         2,
         NULL,
         NULL,
         0,
         3,
         {10, 20, 30, 50, 100, 128}},
        {8, 3, {0, 1, 0}, 3, 2, "\1\2\3\310\311\312", NULL, 0, 3, {200, 201, 202, 1, 2, 3}},
        {1, 3, {0, 0x80}, 2, 2, "\1\2\3\310\311\312", "\377\0", 2, 3, {0, 0, 0, 1, 2, 3}},
    };
    mi_context *ctx;
    OK(mi_context_create(NULL, &ctx));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint8_t file[1024];
        size_t size =
            make_png(file, 1, kinds[i].width, kinds[i].depth, kinds[i].colour, kinds[i].row,
                     kinds[i].size, kinds[i].palette, kinds[i].opacity, kinds[i].opacities);
        bytes_to(scratch_path("a.png"), file, size);
        picture p;
        OK(read_png(ctx, scratch_path("a.png"), &p));
        ck_assert_int_eq(p.channels, kinds[i].channels);
        ck_assert_int_eq(p.bytes, kinds[i].channels * 2);
        for (int32_t c = 0; c < p.bytes; c++)
            ck_assert_msg(p.pixels[c] == kinds[i].expected[c], "kind %zu, byte %d: %d, not %d", i,
                          c, p.pixels[c], kinds[i].expected[c]);
        mi__free(ctx, p.pixels, p.bytes, 1);
    }
    mi_context_destroy(ctx);
    scratch_remove();
}
END_TEST

static void fails_untouched(mi_context *ctx, mi_status code, const char *text) {
    picture p = {-1, -2, -3, NULL, -4};
    FAILS(code, text, read_png(ctx, scratch_path("a.png"), &p));
    ck_assert_ptr_nonnull(strstr(mi_error_message(), "a.png"));
    ck_assert(p.height == -1 && p.width == -2 && p.channels == -3 && p.bytes == -4);
    ck_assert_ptr_null(p.pixels);
}

START_TEST(png_cut_or_damaged_anywhere) {
    scratch_make();
    meter m = {0};
    mi_context *ctx = meter_context(&m);
    uint8_t pixels[27], file[1024];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i);
    OK(mi_image_write_png(scratch_path("a.png"), 3, 3, 3, pixels, 0));
    size_t size = bytes_from(scratch_path("a.png"), file, sizeof file);
    for (size_t cut = 0; cut < size; cut++) {
        bytes_to(scratch_path("a.png"), file, cut);
        fails_untouched(ctx, MI_E_FORMAT, cut < 8 ? "is not a PNG file" : "is cut off");
    }
    for (size_t i = 0; i < size * 8; i++) {
        file[i / 8] ^= (uint8_t)(1u << i % 8);
        bytes_to(scratch_path("a.png"), file, size);
        fails_untouched(ctx, MI_E_FORMAT, "");
        file[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    ck_assert_int_eq(m.live, 1); /* the context */
    mi_context_destroy(ctx);
    scratch_remove();
}
END_TEST

START_TEST(png_hostile) {
    scratch_make();
    meter m = {0};
    mi_context *ctx = meter_context(&m);
    static const uint8_t row[3] = {0, 1, 2}, wrong_filter[3] = {9, 1, 2};
    uint8_t file[1024];
    static const struct {
        uint32_t height, width;
        uint8_t depth, colour;
        size_t given;
        const char *text;
    } cases[] = {
        {65535, 65535, 8, 0, 3, "65535 x 65535 pixels, at most 4096 x 4096"},
        {1, 4097, 8, 0, 3, "1 x 4097 pixels"},
        {4097, 1, 8, 6, 3, "4097 x 1 pixels"},
        {0x7fffffff, 0x7fffffff, 16, 6, 3, ""},
        {0x80000000, 1, 8, 0, 3, ""},
        {0, 1, 8, 0, 3, ""},
        {1, 0, 8, 0, 3, ""},
        {1, 2, 3, 0, 3, ""},
        {1, 2, 8, 1, 3, ""},
        {1, 2, 8, 3, 3, ""}, /* a palette image without a palette */
        {1, 2, 8, 0, 2, "a.png: "},
        {2, 2, 8, 0, 3, "a.png: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = make_png(file, cases[i].height, cases[i].width, cases[i].depth,
                               cases[i].colour, row, cases[i].given, NULL, NULL, 0);
        bytes_to(scratch_path("a.png"), file, size);
        fails_untouched(ctx, MI_E_FORMAT, cases[i].text);
    }
    size_t size = make_png(file, 1, 2, 8, 0, wrong_filter, 3, NULL, NULL, 0);
    bytes_to(scratch_path("a.png"), file, size);
    fails_untouched(ctx, MI_E_FORMAT, "filter");
    bytes_to(scratch_path("a.png"), file, 8 + 25);
    fails_untouched(ctx, MI_E_FORMAT, "is cut off after 33 bytes");
    size = 8 + put_chunk(file + 8, "IEND", NULL, 0);
    bytes_to(scratch_path("a.png"), file, size);
    fails_untouched(ctx, MI_E_FORMAT, "");
    bytes_to(scratch_path("a.png"), "GIF89a, and more of it", 22);
    fails_untouched(ctx, MI_E_FORMAT, "is not a PNG file");
    remove(scratch_path("a.png"));
    fails_untouched(ctx, MI_E_IO, strerror(ENOENT));
    ck_assert_uint_lt(m.largest, 4096); /* no header made room for what isn't there */
    ck_assert_int_eq(m.live, 1);
    mi_context_destroy(ctx);
    scratch_remove();
}
END_TEST

START_TEST(png_without_memory) {
    scratch_make();
    static const uint8_t row[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t file[1024];
    bytes_to(scratch_path("a.png"), file, make_png(file, 1, 2, 8, 6, row, 9, NULL, NULL, 0));
    meter m = {0};
    mi_context *ctx = meter_context(&m);
    picture p;
    mi_status status = MI_E_NOMEM;
    int failures = 0;
    for (int64_t n = 1; status != MI_OK; n++) {
        m.calls = 0;
        m.fail_at = n;
        status = read_png(ctx, scratch_path("a.png"), &p);
        if (status != MI_OK) {
            FAILS(MI_E_NOMEM, "no memory", status);
            ck_assert_int_eq(m.live, 1);
            failures++;
        }
    }
    ck_assert_int_eq(failures, 3); /* the file, the pixels, the pixels with opacity */
    mi__free(ctx, p.pixels, p.bytes, 1);
    mi_context_destroy(ctx);
    ck_assert_int_eq(m.live, 0);
    scratch_remove();
}
END_TEST

UNIT_MAIN("io", file_appears_whole, file_permissions_follow_the_mask,
          file_without_a_directory_in_its_path, file_is_not_seen_before_its_commit,
          file_in_no_directory_fails, file_in_a_directory_of_others_fails,
          file_on_a_full_disk_fails, only_regular_files_are_read, png_round_trip,
          png_write_checks_its_arguments, png_kinds, png_cut_or_damaged_anywhere, png_hostile,
          png_without_memory)
