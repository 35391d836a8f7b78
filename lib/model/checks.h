/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_CHECKS_H
#define LIBMI_LIB_CHECKS_H

/* What models check alike: options, and the counts of a checkpoint. */

#include "../io/safetensors.h"

#include <mi/pairs.h>

#define MI__MOST_WIDTH 65536

mi_status mi__check_range(const char *name, int64_t value, int64_t least, int64_t most);

/* That counts which were read can be, and can be counted on; but for number `except`, -1: none. */
mi_status mi__check_counts(const char *path, const mi__tensor *counts, int64_t except);

/* Where pairs stand: position, batch, repeats. */
enum { MI__PLACE_POSITION, MI__PLACE_BATCH, MI__PLACE_REPEATS, MI__PLACE_NUMBERS };

mi_status mi__place_describe(const mi_pairs *pairs, int64_t place[MI__PLACE_NUMBERS]);

/* Goes there, if the pairs give the same batches; nothing if a file has no place, a batch of 0. */
mi_status mi__place_seek(const char *path, mi_pairs *pairs, const int64_t place[MI__PLACE_NUMBERS]);

#endif
