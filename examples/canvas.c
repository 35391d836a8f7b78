/* SPDX-License-Identifier: BSD-2-Clause */
#include "canvas.h"

#include <mi/image.h>

#include <ctype.h>
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

/* Five rows of three dots, a row an octal digit. */
static int dots_of(char letter) {
    static const uint16_t digit[10] = {075557, 026227, 071747, 071717, 055711,
                                       074717, 074757, 071244, 075757, 075717};
    static const uint16_t small[26] = {025755, 065656, 034443, 065556, 074647, 074644, 034553,
                                       055755, 072227, 011152, 055655, 044447, 057755, 065555,
                                       025552, 065644, 025573, 065655, 034216, 072222, 055557,
                                       055552, 055775, 055255, 055222, 071247};
    static const char sign[] = " .-_/:()%+=,#";
    static const uint16_t dots[] = {0,      000002, 000700, 000007, 011244, 002020, 012221,
                                    042224, 051245, 002720, 007070, 000024, 057575};
    const int c = tolower((unsigned char)letter);
    const char *place = strchr(sign, c);
    if (c >= '0' && c <= '9')
        return digit[c - '0'];
    if (c >= 'a' && c <= 'z')
        return small[c - 'a'];
    return place != NULL && c != '\0' ? dots[place - sign] : 061202; /* a question mark */
}

/* Bytes that belong to the letter before them in UTF-8. */
static bool continues(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

int canvas_text_length(int scale, const char *text) {
    int letters = 0;
    for (; *text != '\0'; text++)
        letters += !continues(*text);
    return letters == 0 ? 0 : (4 * letters - 1) * scale;
}

static void put_letter(canvas *c, int y, int x, int scale, bool upright, char letter, int shade) {
    for (int dot = 0; dot < 15; dot++) {
        const int down = dot / 3 * scale, right = dot % 3 * scale;
        if (dots_of(letter) >> (14 - dot) & 1)
            canvas_fill(c, upright ? y - right - scale + 1 : y + down,
                        upright ? x + down : x + right, scale, scale, shade, shade, shade);
    }
}

void canvas_text(canvas *c, int y, int x, int scale, bool upright, const char *text, int shade) {
    for (; *text != '\0'; text++)
        if (!continues(*text)) {
            put_letter(c, y, x, scale, upright, *text, shade);
            y -= upright ? 4 * scale : 0;
            x += upright ? 0 : 4 * scale;
        }
}

void canvas_number(canvas *c, int y, int x, int scale, int64_t number, int shade) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    canvas_text(c, y - 5 * scale / 2, x - canvas_text_length(scale, text) / 2, scale, false, text,
                shade);
}

static int shade_of(float value) {
    return value <= 0 ? 0 : value >= 1 ? 255 : (int)(value * 255 + 0.5f);
}

void canvas_map(canvas *c, int top, int left, int zoom, int height, int width, int channels,
                const float *x) {
    for (int p = 0; p < height * width; p++) {
        const float *pixel = x + (int64_t)p * channels;
        bool colour = channels == 3;
        canvas_fill(c, top + p / width * zoom, left + p % width * zoom, zoom, zoom,
                    shade_of(pixel[0]), shade_of(pixel[colour ? 1 : 0]),
                    shade_of(pixel[colour ? 2 : 0]));
    }
}

void canvas_image(canvas *c, int top, int left, int zoom, int side, int channels, const float *x) {
    canvas_map(c, top, left, zoom, side, side, channels, x);
}
