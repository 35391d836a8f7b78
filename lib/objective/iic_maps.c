/* SPDX-License-Identifier: BSD-2-Clause */
/* Segmentation: the joint matrix of pixels and all that are within reach of them, image by image.
 *
 * Collapsed, sum_t A_t = sum_p z(p) b(p)^T, where b sums zt over the box around p: twins are boxes,
 * and the gradients are H b and, as a box reaches as far as it is reached from, the same with z.
 *
 * Uncollapsed, images are laid out with `reach` pixels of 0 behind each line and `margin` before
 * and behind all, so that a displacement is one offset: whatever leaves a line meets 0. */
#include "iic.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GRAIN 16384 /* elements that pay for waking another thread */

/* How images lie in memory, in pixels of ld doubles. */
typedef struct layout {
    int64_t height, width, ld;
    int64_t line;   /* from one line to the next */
    int64_t margin; /* before the first one and behind the last */
    int64_t reach, side;
    int64_t pixels; /* of an image with its margins, and one tile more */
} layout;

static mi_status check_range(const char *name, int64_t value, int64_t least, int64_t most) {
    if (value < least || value > most)
        return mi__fail(MI_E_ARG, "%s must be in %" PRId64 " to %" PRId64 ", got %" PRId64, name,
                        least, most, value);
    return MI_OK;
}

static mi_status check_positive(const char *name, int64_t value) {
    if (value < 1)
        return mi__fail(MI_E_ARG, "%s must be at least 1, got %" PRId64, name, value);
    return MI_OK;
}

/* Checks sizes and gives `*count`, the joint matrices there are. */
static mi_status check_sizes(int64_t n, int64_t height, int64_t width, int64_t classes,
                             int64_t reach, int32_t collapse, int32_t *count) {
    int64_t bytes;
    MI__TRY(check_positive("n", n));
    MI__TRY(check_positive("height", height));
    MI__TRY(check_positive("width", width));
    MI__TRY(check_range("classes", classes, 2, 65536));
    MI__TRY(check_range("reach", reach, 0, MI__MIN(height, width) - 1));
    MI__TRY(check_range("collapse", collapse, MI_IIC_COLLAPSED, MI_IIC_UNCOLLAPSED));
    if (!mi__multiply(n, height, &bytes) || !mi__multiply(bytes, width, &bytes) ||
        !mi__multiply(bytes, classes + 2 * MI__TILE_COLS, &bytes) ||
        !mi__multiply(bytes, 64 * (int64_t)sizeof(double), &bytes))
        return mi__fail(MI_E_SHAPE,
                        "%" PRId64 " maps of %" PRId64 " x %" PRId64 " with %" PRId64
                        " classes are too large",
                        n, height, width, classes);
    if (collapse == MI_IIC_UNCOLLAPSED && reach > 10000)
        return mi__fail(MI_E_SHAPE, "reach is %" PRId64 ", which is too far", reach);
    *count = collapse == MI_IIC_COLLAPSED ? 1 : (int32_t)((2 * reach + 1) * (2 * reach + 1));
    return MI_OK;
}

/* Lines lie apart by whole tiles in uncollapsed gradients: what is computed beyond a line is nobody
 * else's. */
static int64_t gradient_line(const layout *l) {
    return mi__iic_round_up(l->width, MI__TILE_ROWS);
}

static layout layout_of(const mi_iic *iic, int64_t height, int64_t width, int64_t reach,
                        bool collapsed) {
    layout l = {height, width, iic->head->ld, width, 0, reach, 2 * reach + 1, 0};
    if (!collapsed) {
        l.line = width + reach;
        l.margin = reach * l.line + reach;
    }
    l.pixels = MI__MAX(2 * l.margin + height * l.line + MI__TILE_ROWS, height * gradient_line(&l));
    return l;
}

/* Four images and a line of sums. */
static mi_status reserve_images(mi_iic *iic, const layout *l) {
    const int64_t run = MI__MAX(l->height, l->width) * l->ld;
    return mi__iic_grow(iic, &iic->maps, &iic->maps_count, 4 * l->pixels * l->ld + run);
}

static double *image_of(const mi_iic *iic, const layout *l, int64_t index) {
    return iic->maps + index * l->pixels * l->ld;
}

/* Its first pixel. */
static double *inner_of(const mi_iic *iic, const layout *l, int64_t index) {
    return image_of(iic, l, index) + l->margin * l->ld;
}

/* Image `to` = box sums of image `from`; image 2 is used up. */
static void box_image(const mi_iic *iic, const layout *l, int64_t from, int64_t to) {
    const mi__iic_box box = {l->height,           l->width,           l->ld, l->reach,
                             image_of(iic, l, 2), image_of(iic, l, 4)};
    mi__iic_sum_boxes(iic->context, &box, image_of(iic, l, from), image_of(iic, l, to));
}

/* -- collapsed --------------------------------------------------------------------------------- */

typedef struct join_job {
    const mi_iic *iic;
    const layout *l;
    int64_t shares;
} join_job;

static void add_share(void *arg, int64_t index) {
    const join_job *j = arg;
    const mi__iic_head *h = j->iic->head;
    const int64_t pixels = j->l->height * j->l->width;
    const int64_t begin = pixels / j->shares * index + pixels % j->shares * index / j->shares;
    const int64_t next = index + 1;
    const int64_t end = pixels / j->shares * next + pixels % j->shares * next / j->shares;
    double *joint = mi__iic_share_of(j->iic, h, index).joint;
    if (index > 0)
        memset(joint, 0, (size_t)(h->classes * h->ld) * sizeof *joint);
    mi__iic_add_rows(j->iic, h, j->shares > 1, end - begin,
                     image_of(j->iic, j->l, 0) + begin * h->ld,
                     image_of(j->iic, j->l, 3) + begin * h->ld, joint);
}

/* Images 0 and 1 are z and zt. */
static void add_collapsed(const mi_iic *iic, const layout *l) {
    join_job j = {iic, l, mi__iic_shares(iic->head, l->height * l->width)};
    box_image(iic, l, 1, 3);
    mi__parallel_for(iic->context, j.shares, add_share, &j);
    mi__iic_join(iic, iic->head, j.shares);
}

/* Image 2 becomes the gradient by the map whose twin is image `twin`. */
static void map_collapsed(const mi_iic *iic, const layout *l, int64_t twin, const double *slope) {
    box_image(iic, l, twin, 3);
    mi__iic_map_rows(iic, iic->head, false, l->height * l->width, image_of(iic, l, 3), slope, false,
                     image_of(iic, l, 2));
}

/* -- uncollapsed ------------------------------------------------------------------------------- */

typedef struct shift_job {
    const mi_iic *iic;
    const layout *l;
    int64_t twin; /* image */
} shift_job;

/* Of displacement `index`, in pixels. */
static int64_t offset_of(const layout *l, int64_t index) {
    return (index / l->side - l->reach) * l->line + index % l->side - l->reach;
}

static void add_displacement(void *arg, int64_t index) {
    const shift_job *j = arg;
    const layout *l = j->l;
    const mi__iic_head *h = &j->iic->head[index];
    const int64_t offset = offset_of(l, index), pixels = l->height * l->line;
    const int64_t begin = MI__MAX(-offset, 0), end = pixels - MI__MAX(offset, 0);
    mi__iic_add_rows(j->iic, h, true, end - begin, inner_of(j->iic, l, 0) + begin * l->ld,
                     inner_of(j->iic, l, 1) + (begin + offset) * l->ld, h->joint);
}

static void map_line(void *arg, int64_t y) {
    const shift_job *j = arg;
    const layout *l = j->l;
    double *out = image_of(j->iic, l, 2) + y * gradient_line(l) * l->ld;
    for (int32_t t = 0; t < j->iic->count; t++) {
        const mi__iic_head *h = &j->iic->head[t];
        const int64_t offset = j->twin == 1 ? offset_of(l, t) : -offset_of(l, t);
        mi__iic_map_rows(j->iic, h, true, l->width,
                         inner_of(j->iic, l, j->twin) + (y * l->line + offset) * l->ld,
                         j->twin == 1 ? h->turned : h->joint, t > 0, out);
    }
}

/* The end of the stretch of equal pixels of the mask that begins at x. */
static int64_t stretch(const uint8_t *mask, int64_t x, int64_t width) {
    int64_t end = x + 1;
    if (mask == NULL)
        return width;
    while (end < width && (mask[end] != 0) == (mask[x] != 0))
        end++;
    return end;
}

#define REAL float
#define LARGEST FLT_MAX
#define TABLE(iic) ((iic)->kernels)
#define TYPED(name) name##_f32
#include "iic_maps_tmpl.c"
#undef REAL
#undef LARGEST
#undef TABLE
#undef TYPED

#define REAL double
#define LARGEST DBL_MAX
#define TABLE(iic) (&mi__kernels_f64)
#define TYPED(name) name##_f64
#include "iic_maps_tmpl.c"
