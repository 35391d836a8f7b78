/* SPDX-License-Identifier: BSD-2-Clause */
#include "canvas.h"

#include <mi/image.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

canvas canvas_create(int height, int width) {
    canvas c = {height, width, malloc((size_t)height * (size_t)width * 3)};
    if (c.pixels != NULL)
        memset(c.pixels, 255, (size_t)height * (size_t)width * 3);
    return c;
}

int canvas_write(canvas *c, const char *path) {
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

void canvas_fill(canvas *c, int y, int x, int height, int width, int r, int g, int b) {
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++)
            put(c, y + i, x + j, r, g, b);
}

void canvas_number(canvas *c, int y, int x, int scale, int64_t number, int shade) {
    static const uint16_t digit[10] = {075557, 026227, 071747, 071717, 055711,
                                       074717, 074757, 071244, 075757, 075717};
    char text[24];
    int length = snprintf(text, sizeof text, "%lld", (long long)number);
    x -= (4 * length - 1) * scale / 2;
    y -= 5 * scale / 2;
    for (int i = 0; i < length; i++, x += 4 * scale)
        for (int dot = 0; text[i] != '-' && dot < 15; dot++)
            if (digit[text[i] - '0'] >> (14 - dot) & 1)
                canvas_fill(c, y + dot / 3 * scale, x + dot % 3 * scale, scale, scale, shade, shade,
                            shade);
}

static int shade_of(float value) {
    return value <= 0 ? 0 : value >= 1 ? 255 : (int)(value * 255 + 0.5f);
}

void canvas_image(canvas *c, int top, int left, int zoom, int side, int channels, const float *x) {
    for (int p = 0; p < side * side; p++) {
        const float *pixel = x + p * channels;
        bool colour = channels == 3;
        canvas_fill(c, top + p / side * zoom, left + p % side * zoom, zoom, zoom,
                    shade_of(pixel[0]), shade_of(pixel[colour ? 1 : 0]),
                    shade_of(pixel[colour ? 2 : 0]));
    }
}
