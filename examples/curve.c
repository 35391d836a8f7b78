/* SPDX-License-Identifier: BSD-2-Clause */
#include "curve.h"

#include "canvas.h"

#include <mi/status.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEIGHT = 480, WIDTH = 860, LEFT = 92, RIGHT = 36, TOP = 48, BOTTOM = 56, SCALE = 3 };
#define PLOT_HEIGHT (HEIGHT - TOP - BOTTOM)
#define PLOT_WIDTH (WIDTH - LEFT - RIGHT)

typedef struct ink {
    int r, g, b;
} ink;

static const ink light = {176, 200, 232}, strong = {24, 78, 160}, truth = {204, 64, 36};

typedef struct axis {
    double low, high, step; /* of the marks */
} axis;

/* Marks at 1, 2 or 5 times a power of ten, some five of them. */
static double step_of(double span) {
    const double rough = span / 5, power = pow(10, floor(log10(rough)));
    return power * (rough < 2 * power ? 1 : rough < 5 * power ? 2 : 5);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* From where hardly any value is below to where hardly any is above, the exact one included. */
static int fit_axis(const curve *of, axis *y) {
    double *sorted = malloc((size_t)of->count * sizeof *sorted);
    int64_t n = 0;
    if (sorted == NULL)
        return MI_E_NOMEM;
    for (int64_t i = 0; i < of->count; i++)
        if (isfinite(of->value[i]))
            sorted[n++] = of->value[i];
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    y->low = n > 0 ? fmin(sorted[n / 100], fmin(of->exact, 0)) : 0;
    y->high = n > 0 ? fmax(sorted[n - 1 - n / 200], of->exact) : 1;
    free(sorted);
    const double span = fmax(y->high - y->low, 1e-6);
    y->step = step_of(span);
    y->low -= 0.03 * span;
    y->high += 0.05 * span;
    return MI_OK;
}

static int row_of(const axis *y, double value) {
    return TOP + (int)lround((y->high - value) / (y->high - y->low) * PLOT_HEIGHT);
}

static int column_of(const axis *x, double value) {
    return LEFT + (int)lround((value - x->low) / (x->high - x->low) * PLOT_WIDTH);
}

/* Within the plot. */
static void dot(canvas *c, int y, int x, int size, ink i) {
    if (y >= TOP && y + size <= TOP + PLOT_HEIGHT && x >= LEFT && x < LEFT + PLOT_WIDTH)
        canvas_fill(c, y, x, size, size, i.r, i.g, i.b);
}

static void line(canvas *c, int y0, int x0, int y1, int x1, int size, ink i) {
    const int length = abs(y1 - y0) > abs(x1 - x0) ? abs(y1 - y0) : abs(x1 - x0);
    for (int s = 0; s <= length; s++)
        dot(c, y0 + (length > 0 ? (y1 - y0) * s / length : 0) - size / 2,
            x0 + (length > 0 ? (x1 - x0) * s / length : 0) - size / 2, size, i);
}

static void draw_values(canvas *c, const axis *x, const axis *y, const curve *of,
                        const double *value, int size, ink i) {
    for (int64_t s = 1; s < of->count; s++)
        if (isfinite(value[s - 1]) && isfinite(value[s])) {
            const double before = fmin(fmax(value[s - 1], 2 * y->low - y->high), 2 * y->high);
            const double now = fmin(fmax(value[s], 2 * y->low - y->high), 2 * y->high);
            line(c, row_of(y, before), column_of(x, (double)s), row_of(y, now),
                 column_of(x, (double)s + 1), size, i);
        }
}

static void draw_axes(canvas *c, const axis *x, const axis *y) {
    char text[32];
    const int decimals = y->step < 1 ? (int)ceil(-log10(y->step) - 1e-9) : 0;
    for (double v = ceil(y->low / y->step) * y->step; v <= y->high; v += y->step) {
        const int row = row_of(y, v);
        canvas_fill(c, row, LEFT, 1, PLOT_WIDTH, 228, 228, 228);
        snprintf(text, sizeof text, "%.*f", decimals, fabs(v) < y->step / 2 ? 0 : v);
        canvas_text(c, row - 5 * SCALE / 2, LEFT - 10 - canvas_text_length(SCALE, text), SCALE,
                    false, text, 60);
    }
    for (double v = ceil(x->low / x->step) * x->step; v <= x->high; v += x->step) {
        const int column = column_of(x, v);
        canvas_fill(c, TOP + PLOT_HEIGHT, column, 6, 1, 120, 120, 120);
        snprintf(text, sizeof text, "%.0f", v);
        canvas_text(c, TOP + PLOT_HEIGHT + 12, column - canvas_text_length(SCALE, text) / 2, SCALE,
                    false, text, 60);
    }
    canvas_fill(c, TOP, LEFT, PLOT_HEIGHT, 1, 120, 120, 120);
    canvas_fill(c, TOP + PLOT_HEIGHT, LEFT, 1, PLOT_WIDTH, 120, 120, 120);
    canvas_text(c, HEIGHT - 20, LEFT + PLOT_WIDTH - canvas_text_length(SCALE, "steps"), SCALE,
                false, "steps", 60);
}

/* A sample of each line beside its name. */
static void draw_legend(canvas *c, const curve *of) {
    const struct {
        const char *name;
        ink i;
    } entry[3] = {{"exact", truth}, {"average", strong}, {"each step", light}};
    int x = WIDTH - RIGHT;
    for (int i = 0; i < 3; i++) {
        x -= canvas_text_length(SCALE, entry[i].name);
        canvas_text(c, 18, x, SCALE, false, entry[i].name, 60);
        x -= 40;
        canvas_fill(c, 24, x, 4, 32, entry[i].i.r, entry[i].i.g, entry[i].i.b);
        x -= 24;
    }
    canvas_text(c, 18, LEFT, SCALE, false, of->title, 0);
    canvas_text(c, TOP + canvas_text_length(SCALE, of->unit), 12, SCALE, true, of->unit, 60);
}

int draw_curve(const char *path, const curve *of) {
    axis y, x = {.low = 0, .high = (double)of->count};
    const int status = fit_axis(of, &y);
    if (status != MI_OK)
        return status;
    x.step = step_of(x.high);
    canvas c = canvas_create(HEIGHT, WIDTH);
    draw_axes(&c, &x, &y);
    draw_values(&c, &x, &y, of, of->value, 1, light);
    line(&c, row_of(&y, of->exact), LEFT, row_of(&y, of->exact), WIDTH - RIGHT, 3, truth);
    draw_values(&c, &x, &y, of, of->average, 3, strong);
    draw_legend(&c, of);
    return canvas_write(&c, path);
}
