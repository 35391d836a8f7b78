/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_CURVE_H
#define EXAMPLES_CURVE_H

/* Values over steps, as a picture. */

#include <stdint.h>

typedef struct curve {
    int64_t count;
    const double *value, *average; /* [count] of steps 1 .. count; neither need be finite */
    double exact;                  /* a line to compare with */
    const char *title, *unit;
} curve;

/* An mi_status. */
int draw_curve(const char *path, const curve *of);

#endif
