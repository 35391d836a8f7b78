/* SPDX-License-Identifier: BSD-2-Clause */
#include "sheet.h"

#include "canvas.h"

#include <mi/status.h>

#include <stdlib.h>

enum { GAP = 4, WIDE_GAP = 16, LINE = 2, LEAST_SIDE = 64 };

/* One image of a set, at a place of the canvas. */
typedef struct picture {
    mi_dataset_shape shape;
    const mi_dataset *set;
    float *pixels;
    int32_t label;
    int zoom;
} picture;

static int open_picture(picture *p, const mi_dataset *set, int zoom) {
    *p = (picture){.set = set, .shape = {.struct_size = sizeof p->shape}};
    int status = mi_dataset_info(set, &p->shape);
    if (status != MI_OK)
        return status;
    const int side = p->shape.height > p->shape.width ? p->shape.height : p->shape.width;
    p->zoom = zoom > 0 ? zoom : (LEAST_SIDE + side - 1) / side;
    p->pixels = malloc((size_t)p->shape.height * (size_t)p->shape.width *
                       (size_t)p->shape.channels * sizeof *p->pixels);
    return p->pixels != NULL ? MI_OK : MI_E_NOMEM;
}

static int put_picture(canvas *c, picture *p, int top, int left, int64_t image) {
    int status = mi_dataset_read(p->set, 1, &image, p->pixels, &p->label);
    if (status == MI_OK)
        canvas_map(c, top, left, p->zoom, p->shape.height, p->shape.width, p->shape.channels,
                   p->pixels);
    return status;
}

static int put_row(canvas *c, const sheet *s, picture *image, picture *other, int row, int top) {
    const int width = other->shape.width * other->zoom;
    const int begin = GAP + image->shape.width * image->zoom + WIDE_GAP;
    int status = put_picture(c, image, top, GAP, s->image[row]);
    for (int j = 0; status == MI_OK && j < s->columns; j++) {
        const int64_t number = s->other[(int64_t)row * s->columns + j];
        const int left = begin + j * (width + GAP);
        if (number < 0)
            continue;
        status = put_picture(c, other, top, left, number);
        if (image->label >= 0 && other->label >= 0 && image->label != other->label)
            canvas_fill(c, top + other->shape.height * other->zoom + 1, left, LINE, width, 220, 0,
                        0);
    }
    return status;
}

static int put_rows(const char *path, const sheet *s, picture *image, picture *other) {
    const int one = image->shape.height * image->zoom, two = other->shape.height * other->zoom;
    const int each = (one > two ? one : two) + GAP;
    canvas c = canvas_create(GAP + s->rows * each,
                             GAP + image->shape.width * image->zoom + WIDE_GAP +
                                 s->columns * (other->shape.width * other->zoom + GAP));
    int status = MI_OK;
    for (int row = 0; status == MI_OK && row < s->rows; row++)
        status = put_row(&c, s, image, other, row, GAP + row * each);
    if (status == MI_OK)
        return canvas_write(&c, path);
    free(c.pixels);
    return status;
}

int draw_sheet(const char *path, const sheet *s) {
    picture image, other = {0};
    int status = open_picture(&image, s->set, s->zoom);
    if (status == MI_OK)
        status = open_picture(&other, s->found != NULL ? s->found : s->set, s->zoom);
    if (status == MI_OK)
        status = put_rows(path, s, &image, &other);
    free(image.pixels);
    free(other.pixels);
    return status;
}
