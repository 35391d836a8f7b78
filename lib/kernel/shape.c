/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel.h"

mi__map mi__conv_map(const mi__conv *s) {
    return (mi__map){s->n, (s->h + 2 * s->pad - s->kernel) / s->stride + 1,
                     (s->w + 2 * s->pad - s->kernel) / s->stride + 1, s->out};
}
