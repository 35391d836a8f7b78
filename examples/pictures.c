/* SPDX-License-Identifier: BSD-2-Clause */
#include "pictures.h"

#include <mi/image.h>
#include <mi/status.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct canvas {
    int height, width;
    uint8_t *pixels; /* [height][width][3] */
} canvas;

static canvas canvas_create(int height, int width) {
    canvas c = {height, width, malloc((size_t)height * (size_t)width * 3)};
    if (c.pixels != NULL)
        memset(c.pixels, 255, (size_t)height * (size_t)width * 3);
    return c;
}

static int canvas_write(canvas *c, const char *path) {
    int status = MI_E_NOMEM;
    if (c->pixels != NULL)
        status = mi_image_write_png(path, c->height, c->width, 3, c->pixels, 0);
    free(c->pixels);
    return status;
}

static void put(canvas *c, int y, int x, int r, int g, int b) {
    if (c->pixels == NULL || y < 0 || x < 0 || y >= c->height || x >= c->width)
        return;
    uint8_t *p = c->pixels + ((size_t)y * (size_t)c->width + (size_t)x) * 3;
    p[0] = (uint8_t)r;
    p[1] = (uint8_t)g;
    p[2] = (uint8_t)b;
}

static void fill(canvas *c, int y, int x, int height, int width, int r, int g, int b) {
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++)
            put(c, y + i, x + j, r, g, b);
}

/* A number in digits of 3 x 5 dots, `scale` pixels a dot, centred at (y, x). */
static void write_number(canvas *c, int y, int x, int scale, int64_t number, int shade) {
    static const uint16_t digit[10] = {075557, 026227, 071747, 071717, 055711,
                                       074717, 074757, 071244, 075757, 075717};
    char text[24];
    int length = snprintf(text, sizeof text, "%lld", (long long)number);
    x -= (4 * length - 1) * scale / 2;
    y -= 5 * scale / 2;
    for (int i = 0; i < length; i++, x += 4 * scale)
        for (int dot = 0; text[i] != '-' && dot < 15; dot++)
            if (digit[text[i] - '0'] >> (14 - dot) & 1)
                fill(c, y + dot / 3 * scale, x + dot % 3 * scale, scale, scale, shade, shade,
                     shade);
}

static int shade_of(float value) {
    return value <= 0 ? 0 : value >= 1 ? 255 : (int)(value * 255 + 0.5f);
}

int picture_sheet(const char *path, int rows, int cols, int side, int channels, const float *x,
                  const int64_t *index, const int *caption) {
    const int gap = 2, margin = 40, zoom = 2, cell = side * zoom + gap;
    canvas c = canvas_create(rows * cell + gap, margin + cols * cell + gap);
    for (int i = 0; i < rows * cols; i++) {
        int top = i / cols * cell + gap, left = margin + i % cols * cell + gap;
        if (i % cols == 0)
            write_number(&c, top + cell / 2, margin / 2, 4, caption[i / cols], 0);
        for (int p = 0; index[i] >= 0 && p < side * side; p++) {
            const float *pixel = x + (index[i] * side * side + p) * channels;
            int red = shade_of(pixel[0]), green = red, blue = red;
            if (channels == 3) {
                green = shade_of(pixel[1]);
                blue = shade_of(pixel[2]);
            }
            fill(&c, top + p / side * zoom, left + p % side * zoom, zoom, zoom, red, green, blue);
        }
    }
    return canvas_write(&c, path);
}

int picture_confusion(const char *path, int rows, int cols, const int64_t *counts,
                      const int *order) {
    const int cell = 44, margin = 40;
    canvas c = canvas_create(margin + rows * cell, margin + cols * cell);
    for (int j = 0; j < cols; j++)
        write_number(&c, margin / 2, margin + j * cell + cell / 2, 3, j, 90);
    for (int r = 0; r < rows; r++) {
        const int64_t *row = counts + (int64_t)order[r] * cols;
        int64_t sum = 0;
        for (int j = 0; j < cols; j++)
            sum += row[j];
        write_number(&c, margin + r * cell + cell / 2, margin / 2, 3, order[r], 90);
        for (int j = 0; j < cols; j++) {
            double share = sum > 0 ? (double)row[j] / (double)sum : 0;
            int light = 255 - (int)(share * 215);
            fill(&c, margin + r * cell, margin + j * cell, cell - 1, cell - 1, light, light, 255);
            write_number(&c, margin + r * cell + cell / 2, margin + j * cell + cell / 2, 2, row[j],
                         share > 0.5  ? 255
                         : row[j] > 0 ? 0
                                      : 200);
        }
    }
    return canvas_write(&c, path);
}
