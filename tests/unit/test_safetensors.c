/* SPDX-License-Identifier: BSD-2-Clause */
#include "scratch.h"

#include "../../lib/io/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>

static mi_context *ctx;
static meter memory;

static void setup(void) {
    scratch_make();
    memory = (meter){0};
    ctx = meter_context(&memory);
}

static void teardown(void) {
    ck_assert_int_eq(memory.live, 1);
    mi_context_destroy(ctx);
    ck_assert_int_eq(memory.live, 0);
    scratch_remove();
}

/* A file of this header and this many bytes of data. */
static size_t make_file(char *to, const char *json, size_t data) {
    size_t size = strlen(json);
    for (int i = 0; i < 8; i++)
        to[i] = (char)(size >> 8 * i & 255);
    memcpy(to + 8, json, size);
    for (size_t i = 0; i < data; i++)
        to[8 + size + i] = (char)i;
    return 8 + size + data;
}

static mi_status open_bytes(const void *bytes, size_t size, mi__safetensors **out) {
    bytes_to(scratch_path("a"), bytes, size);
    return mi__safetensors_open(ctx, scratch_path("a"), out);
}

/* -- what should work ------------------------------------------------------------------------- */

START_TEST(exact_bytes) {
    setup();
    static const char expected[] = "\x70\0\0\0\0\0\0\0"
                                   "{\"__metadata__\":{\"k\":\"v\"},"
                                   "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                                   "\"s\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":[2,4]}}"
                                   "xy\1\2";
    const char *const key[] = {"k"}, *const value[] = {"v"};
    const mi__tensor t[] = {{"a", MI__U8, 1, {2}, "xy"}, {"s", MI__I16, 0, {0}, "\1\2"}};
    char found[256];
    OK(mi__safetensors_write(ctx, scratch_path("a"), 2, t, 1, key, value));
    size_t size = bytes_from(scratch_path("a"), found, sizeof found);
    size_t header = (unsigned char)found[0];
    ck_assert_uint_eq(header % 8, 0);
    ck_assert_uint_eq(size, 8 + header + 4);
    ck_assert_mem_eq(found + 8, expected + 8, sizeof expected - 1 - 8 - 4);
    for (size_t i = 8 + sizeof expected - 1 - 8 - 4; i < 8 + header; i++)
        ck_assert_int_eq(found[i], ' ');
    ck_assert_mem_eq(found + 8 + header, "xy\1\2", 4);
    teardown();
}
END_TEST

START_TEST(round_trip_of_all_types) {
    setup();
    static const int64_t shapes[][MI__DIMS_MAX] = {{5},    {2, 3}, {4, 1, 2},
                                                   {0, 7}, {1},    {1, 2, 1, 2, 1, 2, 1, 2}};
    static const int32_t dims[] = {1, 2, 3, 2, 0, 8};
    static char names[13][8];
    static uint8_t data[1000], back[1000];
    mi__tensor t[13];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + 1);
    for (int32_t i = 0; i < 13; i++) {
        snprintf(names[i], sizeof names[i], "t%d", 12 - i);
        t[i] = (mi__tensor){names[i], i + 1, dims[i % 6], {0}, data + i};
        memcpy(t[i].shape, shapes[i % 6], (size_t)dims[i % 6] * sizeof(int64_t));
    }
    OK(mi__safetensors_write(ctx, scratch_path("a"), 13, t, 0, NULL, NULL));
    mi__safetensors *s;
    OK(mi__safetensors_open(ctx, scratch_path("a"), &s));
    ck_assert_int_eq(mi__safetensors_count(s), 13);
    for (int32_t i = 0; i < 13; i++) {
        int64_t bytes;
        const mi__tensor *f = mi__safetensors_find(s, names[i]);
        ck_assert_ptr_nonnull(f);
        ck_assert_str_eq(f->name, names[i]);
        ck_assert_int_eq(f->dtype, t[i].dtype);
        ck_assert_int_eq(f->dims, t[i].dims);
        ck_assert_mem_eq(f->shape, t[i].shape, sizeof t[i].shape);
        ck_assert(mi__tensor_bytes(f, &bytes));
        OK(mi__safetensors_read_as(s, names[i], t[i].dtype, t[i].dims, t[i].shape, back));
        if (bytes > 0)
            ck_assert_mem_eq(back, data + i, (size_t)bytes);
    }
    ck_assert_ptr_null(mi__safetensors_find(s, "t13"));
    ck_assert_ptr_null(mi__safetensors_find(s, ""));
    ck_assert_ptr_null(mi__safetensors_meta(s, "t1"));
    mi__safetensors_close(s);
    mi__safetensors_close(NULL);
    teardown();
}
END_TEST

START_TEST(asking_for_the_wrong_tensor) {
    setup();
    float data[6] = {0};
    const int64_t turned[] = {3, 2}, flat[] = {6};
    const mi__tensor t = {"w", MI__F32, 2, {2, 3}, data};
    OK(mi__safetensors_write(ctx, scratch_path("a"), 1, &t, 0, NULL, NULL));
    mi__safetensors *s;
    OK(mi__safetensors_open(ctx, scratch_path("a"), &s));
    FAILS(MI_E_FORMAT, "a has no tensor v",
          mi__safetensors_read_as(s, "v", MI__F32, 2, t.shape, data));
    FAILS(MI_E_DTYPE, "a: tensor w is F32, expected F64",
          mi__safetensors_read_as(s, "w", MI__F64, 2, t.shape, data));
    FAILS(MI_E_SHAPE, "a: tensor w is [2, 3], expected [3, 2]",
          mi__safetensors_read_as(s, "w", MI__F32, 2, turned, data));
    FAILS(MI_E_SHAPE, "expected [6]", mi__safetensors_read_as(s, "w", MI__F32, 1, flat, data));
    FAILS(MI_E_SHAPE, "expected []", mi__safetensors_read_as(s, "w", MI__F32, 0, NULL, data));
    mi__safetensors_close(s);
    teardown();
}
END_TEST

START_TEST(names_of_any_characters) {
    setup();
    static const char *const name[] = {"",
                                       "a\"b\\c/d",
                                       "\x01\n\x1f\x7f",
                                       ("Gr\xc3\xb6\xc3\x9f" "e"),
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "__metadata_",
                                       "{}[]:,"};
    mi__tensor t[8];
    for (int32_t i = 0; i < 8; i++)
        t[i] = (mi__tensor){name[i], MI__U8, 1, {1}, "x"};
    OK(mi__safetensors_write(ctx, scratch_path("a"), 8, t, 8, name, name + 0));
    mi__safetensors *s;
    OK(mi__safetensors_open(ctx, scratch_path("a"), &s));
    for (int32_t i = 0; i < 8; i++) {
        ck_assert_str_eq(mi__safetensors_at(s, i)->name, name[i]);
        ck_assert_ptr_eq(mi__safetensors_find(s, name[i]), mi__safetensors_at(s, i));
        ck_assert_str_eq(mi__safetensors_meta(s, name[i]), name[i]);
    }
    mi__safetensors_close(s);
    teardown();
}
END_TEST

START_TEST(escapes_of_other_writers) {
    setup();
    char file[512];
    mi__safetensors *s;
    static const char json[] =
        "{ \"__metadata__\" : { \"\\u0061\\u00df\\u20AC\\ud83d\\uDE00\" : "
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\" } ,"
        "\t\"\\u0078\" :\r\n{\"data_offsets\":[ 1 , 3 ],\"shape\":[2 ],\"dtype\":\"\\u00558\"},"
        "\"y\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]} } \n ";
    OK(open_bytes(file, make_file(file, json, 3), &s));
    ck_assert_str_eq(mi__safetensors_meta(s, "a\xc3\x9f\xe2\x82\xac\xf0\x9f\x98\x80"),
                     "\"\\/\b\f\n\r\t");
    ck_assert_str_eq(mi__safetensors_at(s, 0)->name, "y");
    ck_assert_str_eq(mi__safetensors_at(s, 1)->name, "x");
    char back[2];
    OK(mi__safetensors_read(s, mi__safetensors_find(s, "x"), back));
    ck_assert_mem_eq(back, "\1\2", 2);
    mi__safetensors_close(s);
    OK(open_bytes(file, make_file(file, "{}", 0), &s));
    ck_assert_int_eq(mi__safetensors_count(s), 0);
    mi__safetensors_close(s);
    OK(open_bytes(file, make_file(file, "{\"__metadata__\":{}}", 0), &s));
    mi__safetensors_close(s);
    teardown();
}
END_TEST

START_TEST(many_tensors) {
    setup();
    enum { MANY = 1500 };
    static char names[MANY][12];
    static int32_t data[MANY];
    static mi__tensor t[MANY];
    for (int32_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "%d", i * 7919 % MANY);
        data[i] = i;
        t[i] = (mi__tensor){names[i], MI__I32, 1, {1}, &data[i]};
    }
    OK(mi__safetensors_write(ctx, scratch_path("a"), MANY, t, 0, NULL, NULL));
    mi__safetensors *s;
    OK(mi__safetensors_open(ctx, scratch_path("a"), &s));
    for (int32_t i = 0; i < MANY; i++) {
        int32_t back = -1;
        OK(mi__safetensors_read_as(s, names[i], MI__I32, 1, t[i].shape, &back));
        ck_assert_int_eq(back, i);
    }
    mi__safetensors_close(s);
    teardown();
}
END_TEST

/* -- what must not be written ----------------------------------------------------------------- */

START_TEST(write_checks_its_arguments) {
    setup();
    const char *path = scratch_path("a");
    const mi__tensor good = {"w", MI__F32, 1, {1}, "data"};
    mi__tensor t[2] = {good, good};
#define REFUSED(code, text) FAILS(code, text, mi__safetensors_write(ctx, path, 2, t, 0, NULL, NULL))
    REFUSED(MI_E_ARG, "a: two tensors are named w");
    t[1].name = NULL;
    REFUSED(MI_E_ARG, "name is NULL");
    t[1].name = "__metadata__";
    REFUSED(MI_E_ARG, "no tensor may be named __metadata__");
    t[1].name = "\xc3(";
    REFUSED(MI_E_ARG, "is not UTF-8");
    t[1].name = "v";
    t[1].data = NULL;
    REFUSED(MI_E_ARG, "tensor v has no data");
    t[1] = (mi__tensor){"v", 0, 1, {1}, "data"};
    REFUSED(MI_E_SHAPE, "tensor v of dtype 0");
    t[1].dtype = MI__BF16 + 1;
    REFUSED(MI_E_SHAPE, "tensor v of dtype 14");
    t[1] = (mi__tensor){"v", MI__F32, 9, {1}, "data"};
    REFUSED(MI_E_SHAPE, "shape of 9 sizes");
    t[1].dims = -1;
    REFUSED(MI_E_SHAPE, "shape of -1 sizes");
    t[1] = (mi__tensor){"v", MI__F32, 1, {-1}, "data"};
    REFUSED(MI_E_SHAPE, "no valid shape");
    t[1] = (mi__tensor){"v", MI__F32, 1, {INT64_MAX / 2}, "data"};
    REFUSED(MI_E_SHAPE, "no valid shape");
    t[1] = (mi__tensor){"v", MI__U8, 1, {INT64_MAX}, "data"};
    REFUSED(MI_E_SHAPE, "no valid shape");
    const char *const key[] = {"k", "k"}, *const value[] = {"v", NULL};
    FAILS(MI_E_ARG, "two values have the key k",
          mi__safetensors_write(ctx, path, 1, t, 2, key, key));
    FAILS(MI_E_ARG, "a value is NULL", mi__safetensors_write(ctx, path, 1, t, 2, key, value));
    ck_assert_int_eq(scratch_files(), 0);
    teardown();
}
END_TEST

START_TEST(write_fails_and_leaves_the_old_file) {
    setup();
    static float data[100000];
    const mi__tensor old = {"w", MI__F32, 1, {1}, data}, big = {"w", MI__F32, 1, {100000}, data};
    OK(mi__safetensors_write(ctx, scratch_path("a"), 1, &old, 0, NULL, NULL));
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 200000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    mi_status status = mi__safetensors_write(ctx, scratch_path("a"), 1, &big, 0, NULL, NULL);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    FAILS(MI_E_IO, strerror(EFBIG), status);
    ck_assert_int_eq(scratch_files(), 1);
    mi__safetensors *s;
    OK(mi__safetensors_open(ctx, scratch_path("a"), &s));
    mi__safetensors_close(s);
    teardown();
}
END_TEST

/* -- hostile files ---------------------------------------------------------------------------- */

#define T(dtype, shape, offsets)                                                                   \
    "{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"
#define U8 T("U8", "8", "0,8")

START_TEST(hostile_headers) {
    setup();
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"", "has no '{'"},
        {" {}", "has no '{'"},
        {"[]", "has no '{'"},
        {"{", "'\"' is expected"},
        {"{}", "tensors have 0 bytes, the file 8"},
        {"{\"a\"}", "byte 4 of the header: ':' is expected"},
        {"{\"a\":}", "'{' is expected"},
        {"{\"a\":[]}", "'{' is expected"},
        {"{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}", "unknown member \"a\""},
        {"{\"a\":{}}", "lacks its dtype"},
        {"{\"a\":" U8 "", "'}' is expected"},
        {"{\"a\":" U8 ",}", "'\"' is expected"},
        {"{,\"a\":" U8 "}", "'\"' is expected"},
        {"{\"a\":" U8 "}}", "nothing more is expected"},
        {"{\"a\":" U8 "} x", "nothing more is expected"},
        {"{\"a\":" U8 "}{}", "nothing more is expected"},
        {"{\"a\":" U8 " \"b\":" U8 "}", "'}' is expected"},
        {"{a:" U8 "}", "'\"' is expected"},
        {"{\"a\":" U8 ",\"a\":" T("U8", "0", "8,8") "}", "tensor a is there twice"},
        {"{\"a\":" U8 ",\"\\u0061\":" T("U8", "0", "8,8") "}", "tensor a is there twice"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[8]}}", "lacks its data_offsets"},
        {"{\"a\":{\"shape\":[8],\"data_offsets\":[0,8]}}", "lacks its dtype"},
        {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,8]}}", "lacks its shape"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
         "two members \"dtype\""},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8],\"x\":1}}",
         "unknown member \"x\""},
        {"{\"a\":" T("u8", "8", "0,8") "}", "unknown dtype \"u8\""},
        {"{\"a\":" T("", "8", "0,8") "}", "unknown dtype \"\""},
        {"{\"a\":" T("U8\\n\\u0007", "8", "0,8") "}", "unknown dtype \"U8??\""},
        {"{\"a\":{\"dtype\":1,\"shape\":[8],\"data_offsets\":[0,8]}}", "'\"' is expected"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":8,\"data_offsets\":[0,8]}}", "'[' is expected"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":null,\"data_offsets\":[0,8]}}", "'[' is expected"},
        {"{\"a\":" T("U8", "8", "8,0") "}", "lies at 8 to 0, the data has 8"},
        {"{\"a\":" T("U8", "8", "0,9") "}", "lies at 0 to 9, the data has 8"},
        {"{\"a\":" T("U8", "8", "0,9223372036854775807") "}", "lies at 0 to 9223372036854775807"},
        {"{\"a\":" T("U8", "8", "0,9223372036854775808") "}", "beyond 63 bits"},
        {"{\"a\":" T("U8", "8", "0,18446744073709551624") "}", "beyond 63 bits"},
        {"{\"a\":" T("U8", "8", "0") "}", "two numbers"},
        {"{\"a\":" T("U8", "8", "") "}", "two numbers"},
        {"{\"a\":" T("U8", "8", "0,8,8") "}", "more than 2 numbers"},
        {"{\"a\":" T("U8", "8", "-0,8") "}", "a number of digits only"},
        {"{\"a\":" T("U8", "-8", "0,8") "}", "a number of digits only"},
        {"{\"a\":" T("U8", "8.0", "0,8") "}", "']' is expected"},
        {"{\"a\":" T("U8", "8e0", "0,8") "}", "']' is expected"},
        {"{\"a\":" T("U8", "08", "0,8") "}", "starts with 0"},
        {"{\"a\":" T("U8", "+8", "0,8") "}", "a number of digits only"},
        {"{\"a\":" T("U8", "NaN", "0,8") "}", "a number of digits only"},
        {"{\"a\":" T("U8", "Infinity", "0,8") "}", "a number of digits only"},
        {"{\"a\":" T("U8", "\"8\"", "0,8") "}", "a number of digits only"},
        {"{\"a\":" T("U8", "8,", "0,8") "}", "a number of digits only"},
        {"{\"a\":" T("U8", "[8]", "0,8") "}", "a number of digits only"},
        {"{\"a\":" T("U8", "7", "0,8") "}", "has 8 bytes, its shape of U8 needs 7"},
        {"{\"a\":" T("F32", "8", "0,8") "}", "has 8 bytes, its shape of F32 needs 32"},
        {"{\"a\":" T("U8", "4294967296,4294967296", "0,0") "}", "shape beyond 63 bits"},
        {"{\"a\":" T("F64", "2305843009213693952", "0,0") "}", "shape beyond 63 bits"},
        {"{\"a\":" T("U8", "1,1,1,1,1,1,1,1,8", "0,8") "}", "more than 8 numbers"},
        {"{\"a\":" T("U8", "7", "0,7") "}", "tensors have 7 bytes, the file 8"},
        {"{\"a\":" T("U8", "7", "1,8") "}", "starts at 1 and leaves a hole after what ends at 0"},
        {"{\"a\":" T("U8", "4", "0,4") ",\"b\":" T("U8", "3", "5,8") "}", "leaves a hole"},
        {"{\"a\":" T("U8", "5", "0,5") ",\"b\":" T("U8", "4", "4,8") "}", "overlaps"},
        {"{\"a\":" U8 ",\"b\":" U8 "}", "overlaps"},
        {"{\"a\":" U8 ",\"b\":" T("U8", "0", "4,4") "}", "overlaps"},
        {"{\"__metadata__\":{\"k\":1},\"a\":" U8 "}", "'\"' is expected"},
        {"{\"__metadata__\":{\"k\":{}},\"a\":" U8 "}", "'\"' is expected"},
        {"{\"__metadata__\":{\"k\":\"v\",},\"a\":" U8 "}", "'\"' is expected"},
        {"{\"__metadata__\":\"v\",\"a\":" U8 "}", "'{' is expected"},
        {"{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"},\"a\":" U8 "}", "metadata k is there twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{},\"a\":" U8 "}", "__metadata__ is there twice"},
        {"{\"__metadata__\":{\"k\":\"v\",\"l\":\"", "a string has no end"},
        {"{\"__metadata__\":{::::::::::", "'\"' is expected"},
        {"{\"a", "a string has no end"},
        {"{\"a\\", "an unknown escape"},
        {"{\"a\\x\":" U8 "}", "an unknown escape"},
        {"{\"a\\u00\":" U8 "}", "a hexadecimal digit"},
        {"{\"a\\u", "a hexadecimal digit"},
        {"{\"a\\u0000\":" U8 "}", "\\u0000 is not supported"},
        {"{\"a\\ud800\":" U8 "}", "a surrogate stands alone"},
        {"{\"a\\ud800\\u0061\":" U8 "}", "a surrogate stands alone"},
        {"{\"a\\udc00\":" U8 "}", "a surrogate stands alone"},
        {"{\"a\\udc00\\udc00\":" U8 "}", "a surrogate stands alone"},
        {"{\"a\\ud800\\u", "a hexadecimal digit"},
        {"{\"a\\ud800", "a surrogate stands alone"},
        {"{\"a\nb\":" U8 "}", "a control character"},
        {"{\"\x80\":" U8 "}", "not UTF-8"},
        {"{\"\xc0\x80\":" U8 "}", "not UTF-8"},
        {"{\"\xed\xa0\x80\":" U8 "}", "not UTF-8"},
        {"{\"\xe0\x80\x80\":" U8 "}", "not UTF-8"},
        {"{\"\xf0\x80\x80\x80\":" U8 "}", "not UTF-8"},
        {"{\"\xf4\x90\x80\x80\":" U8 "}", "not UTF-8"},
        {"{\"\xf5\x80\x80\x80\":" U8 "}", "not UTF-8"},
        {"{\"\xe2\x82\":" U8 "}", "not UTF-8"},
        {"{\"\xe2\x82", "not UTF-8"},
        {"{\xef\xbb\xbf\"a\":" U8 "}", "'\"' is expected"},
    };
    static char file[1024];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mi__safetensors *s = NULL;
        FAILS(MI_E_FORMAT, cases[i].text, open_bytes(file, make_file(file, cases[i].json, 8), &s));
        ck_assert_ptr_null(s);
        ck_assert_ptr_nonnull(strstr(mi_error_message(), scratch));
        ck_assert_ptr_null(strchr(mi_error_message(), '\n'));
    }
    mi__safetensors *s;
    OK(open_bytes(file, make_file(file, "{\"a\":" U8 "}", 8), &s)); /* what all of them vary */
    mi__safetensors_close(s);
    teardown();
}
END_TEST

START_TEST(hostile_lengths) {
    setup();
    static const uint64_t lengths[] = {
        3, 100000001, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 8, UINT64_MAX};
    char file[16] = {0};
    mi__safetensors *s = NULL;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char text[64];
        for (int k = 0; k < 8; k++)
            file[k] = (char)(lengths[i] >> 8 * k & 255);
        memcpy(file + 8, "{}", 2);
        snprintf(text, sizeof text, "a header of %" PRIu64 " bytes in a file of 10", lengths[i]);
        FAILS(MI_E_FORMAT, text, open_bytes(file, 10, &s));
    }
    /* A sparse file with room for the header that it promises is still too large. */
    file[3] = 6;
    memset(file, 0, 3);
    memset(file + 4, 0, 4);
    bytes_to(scratch_path("a"), file, 10);
    ck_assert_int_eq(truncate(scratch_path("a"), 200000000), 0);
    FAILS(MI_E_FORMAT, "a header of 100663296 bytes",
          mi__safetensors_open(ctx, scratch_path("a"), &s));
    FAILS(MI_E_IO, "not a regular file", mi__safetensors_open(ctx, scratch, &s));
    FAILS(MI_E_IO, strerror(ENOENT), mi__safetensors_open(ctx, scratch_path("none"), &s));
    ck_assert_uint_lt(memory.largest, 4096);
    teardown();
}
END_TEST

/* The last byte of the header is the last one of its memory too, so that a sanitizer sees who reads
 * on. */
START_TEST(header_ends_in_a_character) {
    setup();
    static const char *const tails[] = {"\\", "\\u", "\\u00e", "\\ud800", "\\ud800\\",
                                        "\\ud800\\u", "\\ud800\\udc0", "\xc3", "\xf0\x9f\x98"};
    mi__safetensors *s;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char json[65] = "{\"", file[128];
        memset(json + 2, 'a', 62);
        memcpy(json + 64 - strlen(tails[i]), tails[i], strlen(tails[i]));
        FAILS(MI_E_FORMAT, "of the header", open_bytes(file, make_file(file, json, 8), &s));
    }
    teardown();
}
END_TEST

/* A header of nothing but openings makes room in proportion to its size, no more. */
START_TEST(hostile_braces) {
    setup();
    enum { SIZE = 100000 };
    static char json[SIZE + 1], file[SIZE + 64];
    mi__safetensors *s;
    for (int kind = 0; kind < 2; kind++) {
        memset(json, kind == 0 ? '{' : ':', SIZE);
        if (kind == 1)
            memcpy(json, "{\"__metadata__\":{", 17);
        memory.largest = 0;
        FAILS(MI_E_FORMAT, "is expected", open_bytes(file, make_file(file, json, 0), &s));
        ck_assert_uint_lt(memory.largest, 4 * SIZE);
    }
    teardown();
}
END_TEST

/* Reads all that an open file offers. */
static void read_all(mi__safetensors *s) {
    char back[64];
    for (int32_t i = 0; i < mi__safetensors_count(s); i++) {
        int64_t bytes;
        const mi__tensor *t = mi__safetensors_at(s, i);
        ck_assert(mi__tensor_bytes(t, &bytes) && bytes <= (int64_t)sizeof back);
        ck_assert_ptr_eq(mi__safetensors_find(s, t->name), t);
        OK(mi__safetensors_read(s, t, back));
    }
    mi__safetensors_meta(s, "key");
    mi__safetensors_close(s);
}

static size_t make_small(char *file, size_t room) {
    const char *const key[] = {"key"}, *const value[] = {"\xc3\xa4\\"};
    const mi__tensor t[] = {{"a", MI__F32, 2, {1, 2}, "12345678"}, {"bc", MI__U8, 1, {3}, "xyz"}};
    OK(mi__safetensors_write(ctx, scratch_path("a"), 2, t, 1, key, value));
    return bytes_from(scratch_path("a"), file, room);
}

START_TEST(cut_anywhere) {
    setup();
    char file[512];
    size_t size = make_small(file, sizeof file);
    mi__safetensors *s = NULL;
    for (size_t cut = 0; cut < size; cut++)
        FAILS(MI_E_FORMAT, scratch, open_bytes(file, cut, &s));
    file[size] = 'x';
    FAILS(MI_E_FORMAT, "tensors have 11 bytes, the file 12", open_bytes(file, size + 1, &s));
    OK(open_bytes(file, size, &s));
    read_all(s);
    teardown();
}
END_TEST

START_TEST(cut_after_the_opening) {
    setup();
    char file[512], back[16];
    size_t size = make_small(file, sizeof file);
    mi__safetensors *s;
    OK(open_bytes(file, size, &s));
    ck_assert_int_eq(truncate(scratch_path("a"), (off_t)size - 5), 0);
    FAILS(MI_E_FORMAT, "ends at byte", mi__safetensors_read(s, mi__safetensors_find(s, "a"), back));
    mi__safetensors_close(s);
    teardown();
}
END_TEST

START_TEST(damaged_anywhere) {
    setup();
    char file[512];
    size_t size = make_small(file, sizeof file);
    static const char other[] = "\0\xff\"\\{}[]:,0 9-u\x80";
    int opened = 0, refused = 0;
    for (size_t i = 0; i < size - 11; i++) {
        char right = file[i];
        for (size_t k = 0; k < 8 + sizeof other - 1; k++) {
            file[i] = k < 8 ? (char)(right ^ 1 << k) : other[k - 8];
            mi__safetensors *s;
            if (open_bytes(file, size, &s) == MI_OK) {
                read_all(s);
                opened++;
            } else {
                ck_assert_ptr_nonnull(strstr(mi_error_message(), scratch));
                refused++;
            }
        }
        file[i] = right;
    }
    ck_assert_int_gt(opened, 0); /* other names, for instance */
    ck_assert_int_gt(refused, 10 * opened);
    teardown();
}
END_TEST

/* -- short memory ----------------------------------------------------------------------------- */

START_TEST(without_memory) {
    setup();
    char file[512];
    make_small(file, sizeof file);
    mi_status status = MI_E_NOMEM;
    mi__safetensors *s = NULL;
    int failures = 0;
    for (int64_t n = 1; status != MI_OK; n++) {
        memory.calls = 0;
        memory.fail_at = n;
        status = mi__safetensors_open(ctx, scratch_path("a"), &s);
        if (status != MI_OK) {
            FAILS(MI_E_NOMEM, "no memory", status);
            ck_assert_int_eq(memory.live, 1);
            failures++;
        }
    }
    ck_assert_int_ge(failures, 8);
    mi__safetensors_close(s);
    const mi__tensor t = {"a", MI__U8, 1, {1}, "x"};
    status = MI_E_NOMEM;
    for (int64_t n = 1; status != MI_OK; n++) {
        memory.calls = 0;
        memory.fail_at = n;
        status = mi__safetensors_write(ctx, scratch_path("b"), 1, &t, 0, NULL, NULL);
        if (status != MI_OK) {
            FAILS(MI_E_NOMEM, "no memory", status);
            ck_assert_int_eq(scratch_files(), 1);
        }
    }
    teardown();
}
END_TEST

UNIT_MAIN("safetensors", exact_bytes, round_trip_of_all_types, asking_for_the_wrong_tensor,
          names_of_any_characters, escapes_of_other_writers, many_tensors,
          write_checks_its_arguments, write_fails_and_leaves_the_old_file, hostile_headers,
          hostile_lengths, header_ends_in_a_character, hostile_braces, cut_anywhere,
          cut_after_the_opening, damaged_anywhere, without_memory)
