/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_HEATMAP_H
#define EXAMPLES_HEATMAP_H

/* Draws how much n variables tell about each other: value [n][n] in nats, NaN where there is none.
 * The shade is that of the correlation which Gaussians of this information have, so that white is
 * independent and the darkest blue decides everything; the number is the value in `unit`, of which
 * there are `nats`. */
int draw_heatmap(const char *path, int n, const char *const *name, const double *value,
                 const char *unit, double nats);

#endif
