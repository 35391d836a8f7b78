/* SPDX-License-Identifier: BSD-2-Clause */
/* To be replaced. */
#include "../base/base.h"

#include <mi/samples.h>

const char *mi_unit_name(int32_t unit) {
    (void)unit;
    return "?";
}
