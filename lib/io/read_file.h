/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_READ_FILE_H
#define LIBMI_LIB_READ_FILE_H

#include "../base/base.h"

/* Opens a regular file to read, and tells its size. Pipes, devices and directories are MI_E_IO,
 * and never block. Close it with close(). */
mi_status mi__read_open(const char *path, int *fd, int64_t *size);

/* Reads exactly `size` bytes from `offset` on; MI_E_FORMAT if the file ends before. */
mi_status mi__read_at(int fd, const char *path, int64_t offset, void *out, int64_t size);

#endif
