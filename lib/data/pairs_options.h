/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_PAIRS_OPTIONS_H
#define LIBMI_LIB_PAIRS_OPTIONS_H

#include "dataset.h"

#include <mi/pairs.h>

#define MI__MOST_AHEAD 64
#define MI__MOST_CROPS 8

/* `*o`, which is zeroed, = the options with defaults filled in and checked against the set. After
 * that a negative angle, share or strength is 0, crops[] has at least one side in the recipe for
 * digits, and scale_min is above 0. */
mi_status mi__pairs_options_load(const mi_context *context, const mi_dataset *set,
                                 const mi_pairs_options *options, mi_pairs_options *o);

#endif
