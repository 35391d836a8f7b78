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

/* Some pixels taken apart by channels, so that loops over them vectorise. */
#define MI__PLANE 64
typedef struct mi__planes {
    float r[MI__PLANE], g[MI__PLANE], b[MI__PLANE];
} mi__planes;

/* How many of them so many pixels take. */
int64_t mi__colour_planes(int64_t pixels);

/* Changes x[pixels][channels]. `planes` is room for those of 3 channels. */
void mi__colour_change(const mi__colour *colour, int32_t channels, int64_t pixels,
                       mi__planes *planes, float *x);

#endif
