/* SPDX-License-Identifier: BSD-2-Clause */
#include "atomic_file.h"

#include "../base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE 65536
#define SUFFIX ".tmp-XXXXXX"
#define ATTEMPTS 100

struct mi__file {
    mi_context *ctx;
    int fd; /* -1 once closed */
    char *path, *temp;
    int64_t path_size, temp_size;
    unsigned char *buffer;
    size_t used;
};

const char *mi__errno_text(int number, char *text, size_t size) {
    if (strerror_r(number, text, size) != 0)
        snprintf(text, size, "error %d", number);
    return text;
}

static mi_status fail_system(const char *what, const char *path, int number) {
    char text[128];
    return mi__fail(MI_E_IO, "cannot %s %s: %s", what, path,
                    mi__errno_text(number, text, sizeof text));
}

/* -- opening ---------------------------------------------------------------------------------- */

/* Other names at every call and in every process; O_EXCL settles what is left to chance. */
static void name_temp(mi__file *file, uint64_t attempt) {
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    uint32_t draw[4];
    mi__philox((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, (uint64_t)getpid(),
               (uint64_t)(uintptr_t)file + attempt, draw);
    char *end = file->temp + file->temp_size - 1;
    for (int i = 0; i < 6; i++, draw[0] /= 36)
        end[i - 6] = digits[draw[0] % 36];
}

static mi_status open_temp(mi__file *file) {
    memcpy(file->temp, file->path, (size_t)file->path_size);
    memcpy(file->temp + file->path_size - 1, SUFFIX, sizeof SUFFIX);
    for (uint64_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        name_temp(file, attempt);
        file->fd = open(file->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0)
            return MI_OK;
        if (errno != EEXIST && errno != EINTR)
            break;
    }
    return fail_system("create", file->temp, errno);
}

static void release(mi__file *file) {
    mi_context *ctx = file->ctx;
    mi__free(ctx, file->path, file->path_size, 1);
    mi__free(ctx, file->temp, file->temp_size, 1);
    mi__free(ctx, file->buffer, BUFFER_SIZE, 1);
    mi__free(ctx, file, 1, sizeof *file);
}

mi_status mi__file_open(mi_context *ctx, const char *path, mi__file **out) {
    MI__NEED(path);
    MI__NEED(out);
    if (path[0] == '\0')
        return mi__fail(MI_E_ARG, "path must not be empty");
    mi__file *file = mi__alloc_zero(ctx, 1, sizeof *file);
    if (file == NULL)
        return MI_E_NOMEM;
    file->ctx = ctx;
    file->fd = -1;
    file->path_size = (int64_t)strlen(path) + 1;
    file->temp_size = file->path_size + (int64_t)sizeof SUFFIX - 1;
    file->path = mi__alloc(ctx, file->path_size, 1);
    file->temp = mi__alloc(ctx, file->temp_size, 1);
    file->buffer = mi__alloc(ctx, BUFFER_SIZE, 1);
    mi_status status = MI_E_NOMEM;
    if (file->path != NULL && file->temp != NULL && file->buffer != NULL) {
        memcpy(file->path, path, (size_t)file->path_size);
        status = open_temp(file);
    }
    if (status != MI_OK) {
        release(file);
        return status;
    }
    *out = file;
    return MI_OK;
}

/* -- writing ---------------------------------------------------------------------------------- */

static mi_status write_all(mi__file *file, const unsigned char *bytes, size_t size) {
    while (size > 0) {
        ssize_t written = write(file->fd, bytes, MI__MIN(size, (size_t)1 << 30));
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail_system("write", file->path, written < 0 ? errno : ENOSPC);
        bytes += written;
        size -= (size_t)written;
    }
    return MI_OK;
}

static mi_status flush(mi__file *file) {
    size_t used = file->used;
    file->used = 0;
    return write_all(file, file->buffer, used);
}

mi_status mi__file_write(mi__file *file, const void *bytes, size_t size) {
    if (size > BUFFER_SIZE - file->used)
        MI__TRY(flush(file));
    if (size >= BUFFER_SIZE)
        return write_all(file, bytes, size);
    if (size > 0)
        memcpy(file->buffer + file->used, bytes, size);
    file->used += size;
    return MI_OK;
}

/* -- the end ---------------------------------------------------------------------------------- */

static int sync_descriptor(int fd) {
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result;
}

/* Makes the new name survive a crash too. Some directories can be written but neither opened nor
 * synced; the file is in its place by now, so that only a device's error counts. */
static mi_status sync_directory(mi__file *file) {
    char *slash = strrchr(file->temp, '/');
    if (slash != NULL)
        slash[slash == file->temp] = '\0';
    int fd = open(slash == NULL ? "." : file->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return MI_OK;
    mi_status status = MI_OK;
    if (sync_descriptor(fd) != 0 && errno == EIO)
        status = fail_system("sync the directory of", file->path, errno);
    close(fd);
    return status;
}

static mi_status close_whole(mi__file *file) {
    MI__TRY(flush(file));
    if (sync_descriptor(file->fd) != 0)
        return fail_system("sync", file->path, errno);
    int fd = file->fd;
    file->fd = -1;
    if (close(fd) != 0 && errno != EINTR)
        return fail_system("close", file->path, errno);
    return MI_OK;
}

mi_status mi__file_commit(mi__file *file) {
    mi_status status = close_whole(file);
    if (status == MI_OK && rename(file->temp, file->path) != 0)
        status = fail_system("put in place", file->path, errno);
    if (status != MI_OK) {
        mi__file_discard(file);
        return status;
    }
    status = sync_directory(file);
    release(file);
    return status;
}

void mi__file_discard(mi__file *file) {
    if (file == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    unlink(file->temp);
    release(file);
}
