/* SPDX-License-Identifier: BSD-2-Clause */
#include "heatmap.h"

#include "canvas.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 56, SCALE = 2, EDGE = 8, LONGEST = 24, LEGEND = 44 };

/* R. Linfoot, "An informational measure of correlation", 1957. */
static double shade_of(double nats) {
    return nats > 0 ? sqrt(-expm1(-2 * nats)) : 0;
}

static void fill_shade(canvas *c, int y, int x, int height, int width, double shade) {
    canvas_fill(c, y, x, height, width, (int)(255 - 235 * shade), (int)(255 - 190 * shade),
                (int)(255 - 120 * shade));
}

static void put_value(canvas *c, int y, int x, double value, double shade) {
    char text[16];
    snprintf(text, sizeof text, fabs(value) < 9.995 ? "%.2f" : "%.1f", value);
    if (strcmp(text, "-0.00") == 0)
        memmove(text, text + 1, strlen(text));
    canvas_text(c, y + (CELL - 5 * SCALE) / 2, x + (CELL - canvas_text_length(SCALE, text)) / 2,
                SCALE, false, text, shade > 0.55 ? 255 : 30);
}

/* A name, cut if it is too long for its place. */
static const char *cut(const char *name, char text[LONGEST + 1]) {
    snprintf(text, LONGEST + 1, "%s", name);
    return text;
}

/* From independent at the left, by values at quarters of the shade, to wholly decided. */
static void put_legend(canvas *c, int y, int x, const char *unit, double nats) {
    const int width = c->width - 2 * x;
    for (int i = 0; i < width; i++)
        fill_shade(c, y, x + i, 12, 1, (double)i / width);
    for (int i = 0; i < 4; i++) {
        const double shade = i / 4., value = -0.5 * log1p(-shade * shade) / nats;
        char text[32];
        if (i == 0)
            snprintf(text, sizeof text, "0 %s", unit);
        else
            snprintf(text, sizeof text, "%.2f", value);
        const int length = canvas_text_length(SCALE, text);
        canvas_text(c, y + 18, x + i * width / 4 - (i == 0 ? 0 : length / 2), SCALE, false, text,
                    60);
    }
}

int draw_heatmap(const char *path, int n, const char *const *name, const double *value,
                 const char *unit, double nats) {
    char text[LONGEST + 1];
    int margin = 0;
    for (int i = 0; i < n; i++) {
        const int length = canvas_text_length(SCALE, cut(name[i], text));
        margin = length > margin ? length : margin;
    }
    margin += 2 * EDGE;
    canvas c = canvas_create(margin + n * CELL + LEGEND + EDGE, margin + n * CELL + EDGE);
    for (int i = 0; i < n; i++) {
        const int at = margin + i * CELL, middle = at + (CELL - 5 * SCALE) / 2;
        const int length = canvas_text_length(SCALE, cut(name[i], text));
        canvas_text(&c, middle, margin - EDGE - length, SCALE, false, text, 0);
        canvas_text(&c, margin - EDGE, middle, SCALE, true, text, 0);
        for (int j = 0; j < n; j++) {
            const double v = value[i * n + j], shade = isnan(v) ? 0 : shade_of(v);
            const int x = margin + j * CELL;
            fill_shade(&c, at, x, CELL - 1, CELL - 1, shade);
            if (isnan(v))
                canvas_fill(&c, at, x, CELL - 1, CELL - 1, 236, 236, 236);
            else
                put_value(&c, at, x, v / nats, shade);
        }
    }
    put_legend(&c, margin + n * CELL + 12, EDGE, unit, nats);
    return canvas_write(&c, path);
}
