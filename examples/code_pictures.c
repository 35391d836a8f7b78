/* SPDX-License-Identifier: BSD-2-Clause */
#include "code_pictures.h"

#include "canvas.h"

#include <mi/status.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* unit [n][latent]: codes, divided by their lengths. */
static void find_units(const code_set *s, float *unit) {
    for (int64_t i = 0; i < s->n; i++) {
        const float *code = s->code + i * s->latent;
        double square = 0;
        for (int a = 0; a < s->latent; a++)
            square += (double)code[a] * (double)code[a];
        for (int a = 0; a < s->latent; a++)
            unit[i * s->latent + a] = square > 0 ? (float)((double)code[a] / sqrt(square)) : 0;
    }
}

static float cosine(const code_set *s, const float *unit, int64_t i, int64_t j) {
    float sum = 0;
    for (int a = 0; a < s->latent; a++)
        sum += unit[i * s->latent + a] * unit[j * s->latent + a];
    return sum;
}

/* The first image of a class from `from` on; n if there is none. */
static int64_t next_of(const code_set *s, int class, int64_t from) {
    while (from < s->n && s->label[from] != class)
        from++;
    return from;
}

static int draw_likeness(const code_set *s, const float *unit, const char *path) {
    const int each = 40, zoom = 2, margin = 40, rows = each * s->classes;
    canvas c = canvas_create(margin + rows * zoom, margin + rows * zoom);
    int64_t *image = malloc((size_t)rows * sizeof *image);
    for (int k = 0; image != NULL && k < s->classes; k++) {
        const int middle = margin + (k * each + each / 2) * zoom;
        canvas_number(&c, middle, margin / 2, 4, k, 0);
        canvas_number(&c, margin / 2, middle, 4, k, 0);
        for (int i = 0; i < each; i++)
            image[k * each + i] = next_of(s, k, i == 0 ? 0 : image[k * each + i - 1] + 1);
    }
    for (int i = 0; image != NULL && i < rows; i++)
        for (int j = 0; j < rows; j++) {
            if (image[i] >= s->n || image[j] >= s->n)
                continue; /* a class with fewer images */
            float likeness = cosine(s, unit, image[i], image[j]);
            int light = 255 - (int)(255 * fmaxf(likeness, 0));
            canvas_fill(&c, margin + i * zoom, margin + j * zoom, zoom, zoom, light, light, 255);
        }
    int status = image != NULL ? MI_OK : MI_E_NOMEM, written = canvas_write(&c, path);
    free(image);
    return status != MI_OK ? status : written;
}

/* The next one in falling likeness to image i, after `last` (i itself at first); -1 if there is
 * none. */
static int64_t next_alike(const code_set *s, const float *unit, int64_t i, int64_t last) {
    int64_t best = -1;
    const float before = last == i ? INFINITY : cosine(s, unit, i, last);
    float most = -INFINITY;
    for (int64_t j = 0; j < s->n; j++) {
        float likeness = cosine(s, unit, i, j);
        if (j != i && (likeness < before || (likeness == before && j > last)) && likeness > most) {
            best = j;
            most = likeness;
        }
    }
    return best;
}

static int draw_neighbours(const code_set *s, const float *unit, const char *path) {
    const int columns = 16, gap = 3, zoom = 2, cell = s->side * zoom + 2 * gap;
    canvas c = canvas_create(s->classes * cell, (columns + 1) * cell + gap);
    for (int row = 0; row < s->classes; row++) {
        const int64_t first = next_of(s, row, 0);
        int64_t image = first < s->n ? first : -1;
        for (int j = 0; j <= columns && image >= 0; j++) {
            int left = j * cell + (j > 0 ? gap : 0);
            if (s->label[image] != row)
                canvas_fill(&c, row * cell, left, cell, cell, 220, 0, 0);
            canvas_image(&c, row * cell + gap, left + gap, zoom, s->side, s->channels,
                         s->x + image * s->side * s->side * s->channels);
            image = next_alike(s, unit, first, image);
        }
    }
    return canvas_write(&c, path);
}

int draw_codes(const char *directory, const code_set *set) {
    char path[4096];
    int status = MI_E_NOMEM;
    float *unit = malloc((size_t)set->n * (size_t)set->latent * sizeof *unit);
    if (unit != NULL) {
        find_units(set, unit);
        snprintf(path, sizeof path, "%s/likeness.png", directory);
        status = draw_likeness(set, unit, path);
    }
    if (status == MI_OK) {
        snprintf(path, sizeof path, "%s/neighbours.png", directory);
        status = draw_neighbours(set, unit, path);
    }
    free(unit);
    return status;
}
