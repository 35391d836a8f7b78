/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_SAFETENSORS_FILE_H
#define LIBMI_LIB_SAFETENSORS_FILE_H

/* What an open file consists of; only for the files of its reader. */

#include "safetensors.h"

#define MI__METADATA "__metadata__"

typedef struct mi__entry {
    mi__tensor tensor; /* first: what the outside holds a pointer to */
    int64_t begin, end;
} mi__entry;

typedef struct mi__pair {
    const char *key, *value;
} mi__pair;

struct mi__safetensors {
    mi_context *ctx;
    int fd;
    char *path;
    char *header; /* the JSON; names and values lie in it, decoded */
    int64_t path_size, header_size, data_size;
    mi__entry *entries;
    const void **by_data, **by_name;
    mi__pair *pairs;
    const void **by_key;
    int64_t entries_room, pairs_room;
    int32_t count, pair_count;
    bool has_metadata;
};

/* Takes the header apart: fills the entries and pairs, each checked on its own, and by_data,
 * by_name and by_key in the order of the header. */
mi_status mi__safetensors_parse(mi__safetensors *s);

/* Fails on machines whose numbers don't have the bytes' order of the files. */
mi_status mi__need_little_endian(const char *path);

#endif
