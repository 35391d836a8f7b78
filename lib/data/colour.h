/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_COLOUR_H
#define LIBMI_LIB_COLOUR_H

/* Other colours for an image; mi/pairs.h has the formulas. */

#include <stdbool.h>
#include <stdint.h>

typedef struct mi__colour {
    bool jitter;                            /* whether the next four count */
    float brightness, contrast, saturation; /* factors, 0 to 2 */
    float hue;                              /* -0.5 to 0.5 */
    bool grey;
} mi__colour;

/* Changes x[pixels][channels]. */
void mi__colour_change(const mi__colour *colour, int32_t channels, int64_t pixels, float *x);

#endif
