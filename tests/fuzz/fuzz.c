/* SPDX-License-Identifier: BSD-2-Clause */
#ifdef __linux__
#define _GNU_SOURCE /* memfd_create() */
#include <sys/mman.h>
#endif

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY ((size_t)64 << 20)

static size_t live;

void fuzz_abort(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: not so: %s\nlast message: %s\n", file, line, condition,
            mi_error_message());
    abort();
}

static void *limited_alloc(void *user, size_t size, size_t align) {
    (void)user;
    void *memory = size > MEMORY - live ? NULL : aligned_alloc(align, size);
    live += memory == NULL ? 0 : size;
    return memory;
}

static void limited_release(void *user, void *memory, size_t size) {
    (void)user;
    live -= size;
    free(memory);
}

mi_context *fuzz_begin(void) {
    mi_context_options o = {.struct_size = sizeof o, .threads = 1};
    o.alloc = limited_alloc;
    o.release = limited_release;
    mi_context *context = NULL;
    FUZZ_CHECK(mi_context_create(&o, &context) == MI_OK);
    return context;
}

void fuzz_end(mi_context *context) {
    mi_context_destroy(context);
    FUZZ_CHECK(live == 0);
}

int fuzz_ok(mi_status status) {
    const char *message = mi_error_message();
    if (status == MI_OK)
        return 1;
    FUZZ_CHECK(status != MI_E_INTERNAL && strcmp(mi_status_name(status), "MI_E_?") != 0);
    FUZZ_CHECK(message[0] != '\0');
    FUZZ_CHECK(strchr(message, '\n') == NULL);
    return 0;
}

/* A file without a name, so that nothing stays behind; in memory, where that is to be had. */
static int open_nameless(void) {
#ifdef __linux__
    int fd = memfd_create("libmi-fuzz", 0);
    FUZZ_CHECK(fd >= 0);
    return fd;
#else
    const char *base = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/libmi-fuzz-XXXXXX", base != NULL ? base : "/tmp");
    int fd = mkstemp(path);
    FUZZ_CHECK(fd >= 0);
    FUZZ_CHECK(unlink(path) == 0);
    return fd;
#endif
}

const char *fuzz_file(int which, const uint8_t *data, size_t size) {
    static struct {
        int fd;
        char path[32];
    } files[2];
    if (files[which].path[0] == '\0') {
        files[which].fd = open_nameless();
        snprintf(files[which].path, sizeof files[which].path, "/dev/fd/%d", files[which].fd);
    }
    int fd = files[which].fd;
    FUZZ_CHECK(ftruncate(fd, 0) == 0);
    FUZZ_CHECK(lseek(fd, 0, SEEK_SET) == 0);
    FUZZ_CHECK(write(fd, data, size) == (ssize_t)size);
    FUZZ_CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return files[which].path;
}
