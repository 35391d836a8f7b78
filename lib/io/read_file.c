/* SPDX-License-Identifier: BSD-2-Clause */
#include "read_file.h"

#include "atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

static mi_status fail_system(const char *what, const char *path, int number) {
    char text[128];
    return mi__fail(MI_E_IO, "cannot %s %s: %s", what, path,
                    mi__errno_text(number, text, sizeof text));
}

mi_status mi__read_open(const char *path, int *fd, int64_t *size) {
    /* O_NONBLOCK: a pipe without a writer must not hang the host. */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (opened < 0)
        return fail_system("open", path, errno);
    struct stat info;
    mi_status status = MI_OK;
    if (fstat(opened, &info) != 0)
        status = fail_system("examine", path, errno);
    else if (!S_ISREG(info.st_mode))
        status = mi__fail(MI_E_IO, "%s is not a regular file", path);
    if (status != MI_OK) {
        close(opened);
        return status;
    }
    *fd = opened;
    *size = (int64_t)info.st_size;
    return MI_OK;
}

mi_status mi__read_at(int fd, const char *path, int64_t offset, void *out, int64_t size) {
    unsigned char *bytes = out;
    for (int64_t done = 0; done < size;) {
        size_t part = (size_t)MI__MIN(size - done, (int64_t)1 << 30);
        ssize_t got = pread(fd, bytes + done, part, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_system("read", path, errno);
        if (got == 0)
            return mi__fail(MI_E_FORMAT, "%s ends at byte %" PRId64 ", expected %" PRId64, path,
                            offset + done, offset + size);
        done += got;
    }
    return MI_OK;
}
