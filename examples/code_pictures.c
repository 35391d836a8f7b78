/* SPDX-License-Identifier: BSD-2-Clause */
#include "code_pictures.h"

#include "canvas.h"

#include <mi/status.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t colour[10][3] = {
    {31, 119, 180}, {255, 127, 14},  {44, 160, 44},   {214, 39, 40},  {148, 103, 189},
    {140, 86, 75},  {227, 119, 194}, {127, 127, 127}, {188, 189, 34}, {23, 190, 207}};

/* -- two directions --------------------------------------------------------------------------- */

/* Covariance [d][d] of codes, whose mean is taken away from them on the way. */
static void find_covariance(const code_set *s, double *mean, double *covariance) {
    const int d = s->latent;
    for (int64_t i = 0; i < s->n; i++)
        for (int a = 0; a < d; a++)
            mean[a] += (double)s->code[i * d + a] / (double)s->n;
    for (int64_t i = 0; i < s->n; i++)
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++)
                covariance[a * d + b] += ((double)s->code[i * d + a] - mean[a]) *
                                         ((double)s->code[i * d + b] - mean[b]) / (double)s->n;
}

/* The eigenvector of the greatest eigenvalue, by the power method; that is taken out of the
 * matrix. */
static void take_direction(int d, double *matrix, double *v, double *w) {
    double length = 0;
    for (int a = 0; a < d; a++)
        v[a] = 1 + 0.1 * a;
    for (int turn = 0; turn < 500; turn++) {
        length = 0;
        for (int a = 0; a < d; a++) {
            w[a] = 0;
            for (int b = 0; b < d; b++)
                w[a] += matrix[a * d + b] * v[b];
            length += w[a] * w[a];
        }
        length = sqrt(length);
        for (int a = 0; a < d && length > 0; a++)
            v[a] = w[a] / length;
    }
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++)
            matrix[a * d + b] -= length * v[a] * v[b];
}

/* at [n][2], in units of the standard deviation of the first one. */
static void project(const code_set *s, double *room, double *at) {
    const int d = s->latent;
    double *mean = room, *v = mean + d, *w = v + d, *matrix = w + d, square = 0;
    find_covariance(s, mean, matrix);
    for (int axis = 0; axis < 2; axis++) {
        take_direction(d, matrix, v, w);
        for (int64_t i = 0; i < s->n; i++) {
            at[2 * i + axis] = 0;
            for (int a = 0; a < d; a++)
                at[2 * i + axis] += v[a] * ((double)s->code[i * d + a] - mean[a]);
            if (axis == 0)
                square += at[2 * i] * at[2 * i] / (double)s->n;
        }
    }
    for (int64_t i = 0; i < 2 * s->n && square > 0; i++)
        at[i] /= sqrt(square);
}

static void draw_points(canvas *c, const code_set *s, const double *at, double scale) {
    for (int64_t i = 0; i < s->n; i++) {
        const uint8_t *p = colour[s->label[i] < 0 ? 7 : s->label[i] % 10];
        int y = (int)(c->height / 2 - scale * at[2 * i + 1]),
            x = (int)(c->width / 2 + scale * at[2 * i]);
        canvas_fill(c, y - 1, x - 1, 3, 3, p[0], p[1], p[2]);
    }
}

/* The number of each class where its points are in the mean. */
static void draw_names(canvas *c, const code_set *s, const double *at, double scale) {
    for (int k = 0; k < s->classes; k++) {
        double y = 0, x = 0;
        int64_t count = 0;
        for (int64_t i = 0; i < s->n; i++)
            if (s->label[i] == k) {
                x += at[2 * i];
                y += at[2 * i + 1];
                count++;
            }
        if (count == 0)
            continue;
        int top = (int)(c->height / 2 - scale * y / (double)count),
            left = (int)(c->width / 2 + scale * x / (double)count);
        canvas_fill(c, top - 15, left - 13, 30, 26, 255, 255, 255);
        canvas_number(c, top, left, 4, k, 0);
    }
}

static int draw_plane(const code_set *s, const char *path) {
    const int side = 900;
    const size_t d = (size_t)s->latent;
    canvas c = canvas_create(side, side);
    double *room = calloc(d * (d + 3), sizeof *room), *at = calloc((size_t)s->n * 2, sizeof *at);
    if (room != NULL && at != NULL) {
        project(s, room, at);
        draw_points(&c, s, at, side / 5.5);
        draw_names(&c, s, at, side / 5.5);
    }
    int status = room != NULL && at != NULL ? MI_OK : MI_E_NOMEM;
    int written = canvas_write(&c, path);
    free(room);
    free(at);
    return status != MI_OK ? status : written;
}

/* -- neighbours ------------------------------------------------------------------------------- */

static double distance(const code_set *s, int64_t i, int64_t j) {
    double sum = 0;
    for (int a = 0; a < s->latent; a++)
        sum += pow((double)(s->code[i * s->latent + a] - s->code[j * s->latent + a]), 2);
    return sum;
}

/* The next one in the order of distance from image i, after `last` (i itself at first). */
static int64_t next_nearest(const code_set *s, int64_t i, int64_t last) {
    int64_t best = -1;
    const double before = last == i ? -1 : distance(s, i, last);
    double least = INFINITY;
    for (int64_t j = 0; j < s->n; j++) {
        double far = distance(s, i, j);
        if (j != i && (far > before || (far == before && j > last)) && far < least) {
            best = j;
            least = far;
        }
    }
    return best;
}

static int draw_neighbours(const code_set *s, const char *path) {
    const int columns = 16, gap = 3, zoom = 2, cell = s->side * zoom + 2 * gap, rows = s->classes;
    canvas c = canvas_create(rows * cell, (columns + 1) * cell);
    for (int row = 0; row < rows; row++) {
        int64_t first = 0;
        while (first < s->n && s->label[first] != row)
            first++;
        if (first == s->n)
            continue;
        int64_t image = first;
        for (int j = 0; j <= columns && image >= 0; j++) {
            int left = j * cell + (j > 0 ? gap : 0);
            if (s->label[image] != row)
                canvas_fill(&c, row * cell, left, cell, cell, 220, 0, 0);
            canvas_image(&c, row * cell + gap, left + gap, zoom, s->side, s->channels,
                         s->x + image * s->side * s->side * s->channels);
            image = next_nearest(s, first, image);
        }
    }
    return canvas_write(&c, path);
}

int draw_codes(const char *directory, const code_set *set) {
    char path[4096];
    snprintf(path, sizeof path, "%s/codes.png", directory);
    int status = draw_plane(set, path);
    snprintf(path, sizeof path, "%s/neighbours.png", directory);
    return status != MI_OK ? status : draw_neighbours(set, path);
}
