/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_SCRATCH_H
#define LIBMI_TESTS_SCRATCH_H

/* A directory of its own for tests that write files, and a context that meters memory. */

#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[256];

static inline void scratch_make(void) {
    const char *base = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/libmi-test-XXXXXX", base != NULL ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
}

/* The path of a file in it; lives until the next call but one. */
static inline const char *scratch_path(const char *name) {
    static char path[2][512];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", scratch, name);
    return path[turn];
}

/* How many files are in it. */
static inline int scratch_files(void) {
    int count = 0;
    DIR *dir = opendir(scratch);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static inline void scratch_remove(void) {
    DIR *dir = opendir(scratch);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove(scratch_path(entry->d_name));
    closedir(dir);
    ck_assert_int_eq(rmdir(scratch), 0);
}

static inline void bytes_to(const char *path, const void *bytes, size_t size) {
    remove(path); /* some file systems sync a file that was cut to 0 */
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/* At most `room` bytes of a file; tells how many there were. */
static inline size_t bytes_from(const char *path, void *bytes, size_t room) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

typedef struct meter {
    int64_t live, calls;
    int64_t fail_at; /* the call that gets no memory, counted from 1; 0: none */
    size_t largest;
} meter;

static inline void *meter_alloc(void *user, size_t size, size_t align) {
    meter *m = user;
    m->largest = size > m->largest ? size : m->largest;
    if (++m->calls == m->fail_at)
        return NULL;
    m->live++;
    return aligned_alloc(align, size);
}

static inline void meter_release(void *user, void *memory, size_t size) {
    (void)size;
    ((meter *)user)->live--;
    free(memory);
}

static inline mi_context *meter_context(meter *m) {
    mi_context_options o = {.struct_size = sizeof o, .threads = 1};
    o.alloc = meter_alloc;
    o.release = meter_release;
    o.alloc_user = m;
    mi_context *ctx = NULL;
    OK(mi_context_create(&o, &ctx));
    return ctx;
}

#endif
