/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_TWINS_H
#define LIBMI_LIB_TWINS_H

/* The views of single images. Everything random about them is drawn from a position. */

#include "colour.h"
#include "pairs_options.h"
#include "warp.h"

typedef struct mi__twins {
    const mi_dataset *dataset;
    const mi_pairs_options *options; /* whole */
    int32_t axis_count;
    mi__warp_axis axes[MI__MOST_CROPS];
} mi__twins;

/* What one thread needs to make them. */
typedef struct mi__twins_room {
    float *framed;              /* the image, see warp.h */
    float *scratch;             /* for mi__warp_resize() */
    mi__warp_axis down, across; /* these of the natural recipe */
    mi__planes *planes;         /* for mi__colour_change() */
} mi__twins_room;

/* The view x of an image, and its twins xt[repeats]. The position is that of the image since
 * the first epoch's beginning. */
void mi__twins_make(const mi__twins *twins, mi__twins_room *room, uint64_t position, int64_t image,
                    float *x, float *xt);

#endif
