/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_CANVAS_H
#define EXAMPLES_CANVAS_H

/* A picture in the making. What lies outside of it isn't drawn; where there was no memory for it,
 * canvas_write() says so. */

#include <stdbool.h>
#include <stdint.h>

typedef struct canvas {
    int height, width;
    uint8_t *pixels; /* [height][width][3] */
} canvas;

/* White. */
canvas canvas_create(int height, int width);

/* Writes a PNG and gives the memory back; an mi_status. */
int canvas_write(canvas *c, const char *path);

void canvas_fill(canvas *c, int y, int x, int height, int width, int r, int g, int b);

/* In letters of 3 x 5 dots, `scale` pixels a dot, all large; from (y, x) to the right, or from the
 * bottom up. */
void canvas_text(canvas *c, int y, int x, int scale, bool upright, const char *text, int shade);
int canvas_text_length(int scale, const char *text);

/* The same, centred at (y, x). */
void canvas_number(canvas *c, int y, int x, int scale, int64_t number, int shade);

/* x is [height][width][channels] in 0 to 1; each of its pixels becomes zoom x zoom. */
void canvas_map(canvas *c, int top, int left, int zoom, int height, int width, int channels,
                const float *x);

/* The same of a square. */
void canvas_image(canvas *c, int top, int left, int zoom, int side, int channels, const float *x);

#endif
