/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_NATURAL_H
#define LIBMI_LIB_NATURAL_H

/* Random views of natural images, as T. Chen et al. (SimCLR, ICML 2020) draw them. */

#include "../base/random.h"
#include "twins.h"

void mi__natural_view(const mi__twins *twins, mi__twins_room *room, mi__random *random, float *out);

#endif
