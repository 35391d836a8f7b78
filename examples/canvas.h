/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_CANVAS_H
#define EXAMPLES_CANVAS_H

/* A picture to draw on: rectangles, words, and a PNG file at the end. */

#include <stdbool.h>
#include <stdint.h>

typedef struct canvas {
    int height, width;
    uint8_t *pixels; /* [height][width][3], white at first; NULL if there was no memory */
} canvas;

canvas canvas_create(int height, int width);

/* Takes the canvas away, too. */
int canvas_write(canvas *c, const char *path);

/* What lies outside is left out. */
void canvas_fill(canvas *c, int y, int x, int height, int width, int r, int g, int b);

/* In letters of 3 x 5 dots, `scale` pixels a dot, all large; from (y, x) to the right, or from the
 * bottom up. */
void canvas_text(canvas *c, int y, int x, int scale, bool upright, const char *text, int shade);
int canvas_text_length(int scale, const char *text);

/* A number centred at (y, x). */
void canvas_number(canvas *c, int y, int x, int scale, int64_t number, int shade);

#endif
