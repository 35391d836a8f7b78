/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_ATOMIC_FILE_H
#define LIBMI_LIB_ATOMIC_FILE_H

/* A file that appears whole or not at all: written beside its place as PATH.tmp-XXXXXX, synced,
 * renamed. Until the commit an older file stays as it was. Messages have the path and the system's
 * reason (MI_E_IO). */

#include "../base/base.h"

typedef struct mi__file mi__file;

/* `ctx` must outlive the file. */
mi_status mi__file_open(mi_context *ctx, const char *path, mi__file **out);

/* Buffered. After a failure discard the file. */
mi_status mi__file_write(mi__file *file, const void *bytes, size_t size);

/* Puts the file in its place. Frees it whatever happens. */
mi_status mi__file_commit(mi__file *file);

/* Removes what was written and frees the file; NULL is fine. */
void mi__file_discard(mi__file *file);

/* Writes the system's words for an errno into `text` and returns it. */
const char *mi__errno_text(int number, char *text, size_t size);

#endif
