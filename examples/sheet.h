/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_SHEET_H
#define EXAMPLES_SHEET_H

#include <mi/dataset.h>

#include <stdint.h>

/* A sheet of images beside others, such as those that a representation takes for alike. */
typedef struct sheet {
    const mi_dataset *set;   /* of images that stand at the left */
    const mi_dataset *found; /* of the others; NULL: the same */
    int rows, columns;
    const int64_t *image; /* [rows] */
    const int64_t *other; /* [rows][columns] at its right, negative: nothing */
    int zoom;             /* pixels a pixel; 0: as many as make images of 64 or more */
} sheet;

/* Writes it as a PNG; an mi_status. A row is an image, a wide gap, and the others with narrow ones;
 * those of another class, where both are known, have a red line below. */
int draw_sheet(const char *path, const sheet *s);

#endif
