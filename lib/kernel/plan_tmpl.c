/* SPDX-License-Identifier: BSD-2-Clause */
/* How a convolution becomes products of transformed tiles.
 *
 * A kernel that moves by `stride` is split by the remainder of its taps: tap stride u + a meets
 * pixel stride (o + u) + a - pad. So each of the stride^2 phases is a convolution by steps of 1 of
 * every stride-th pixel with every stride-th tap, r = kernel / stride of them, rounded up. Forward,
 * y is the sum over the phases, which lie side by side in what a product sums over. Back, every
 * phase of dx is a convolution of its own, of dy with one phase of the taps, turned by 180 degrees:
 * pixel stride s + e gets tap stride u + a times pixel s + (e + pad) / stride - u of dy, where a is
 * the remainder of (e + pad) / stride.
 *
 *   x -> v [points][tiles][ldv]      weight -> u [passes][panels][points][depth][panel]
 *   y <- products [points][tiles][panel], or dy -> g [points][panels][tiles][panel]
 *
 * where forward v and the products are cut into groups of ROWS tiles, which keeps the points of a
 * tile together. */

#define PLANE_GAP 16 /* keeps the points' planes from competing for the same lines of a cache */

#define HALF_POINTS 5 /* bfloat16 has no digits to lose to the factors of larger tiles */

typedef struct plan {
    mi__conv s;
    const mi__half *half; /* NULL: products in float */
    bool back;            /* dx from dy; else y from x */
    const form *form;
    int64_t points;                   /* products per tile */
    int64_t down, across, tiles;      /* tiles in a map and in all */
    int64_t channels, phases, passes; /* what comes in; phases together, and one after another */
    int64_t depth, ldv;               /* what a product sums over, and the length of its rows */
    int64_t out, width, panels;       /* channels that come out; in whole vectors, and in panels */
} plan;

/* Size of the map whose tiles come out: of y, or of a phase of dx. */
static mi__map output_map(const mi__conv *s, bool back) {
    mi__map y = mi__conv_map(s);
    return back ? (mi__map){s->n, ceiling(s->h, s->stride), ceiling(s->w, s->stride), s->in} : y;
}

static int64_t products_with(const form *f, const mi__map *map) {
    return ceiling(map->h, f->m) * ceiling(map->w, f->m) * f->p * f->p;
}

static const mi__half *half_of(const mi__conv *s) {
    return s->half && LANES == 16 ? mi__half_kernels() : NULL;
}

/* The form with the fewest products, NULL if there is none. */
static const form *best_form(const mi__conv *s, bool back) {
    const mi__map map = output_map(s, back);
    const form *best = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].r == ceiling(s->kernel, s->stride) &&
            (forms[i].p <= HALF_POINTS || half_of(s) == NULL) &&
            (best == NULL || products_with(&forms[i], &map) < products_with(best, &map)))
            best = &forms[i];
    return best;
}

static plan make_plan(const mi__conv *s, bool back) {
    const mi__map map = output_map(s, back);
    plan p = {.s = *s, .back = back, .form = best_form(s, back), .out = map.c};
    p.half = half_of(s);
    p.points = p.form->p * p.form->p;
    p.down = ceiling(map.h, p.form->m);
    p.across = ceiling(map.w, p.form->m);
    p.tiles = s->n * p.down * p.across;
    p.channels = back ? s->out : s->in;
    p.phases = back ? 1 : s->stride * s->stride;
    p.passes = back ? s->stride * s->stride : 1;
    p.depth = p.phases * p.channels;
    p.ldv = (ceiling(p.depth, LANES) | 1) * LANES; /* odd, for the sake of the caches' sets */
    p.ldv += p.phases > 1 ? 2 * LANES : 0;
    p.width = round_up(p.out, LANES);
    p.panels = ceiling(p.width, PANEL);
    return p;
}

static grid input_grid(const plan *p, int64_t phase) {
    const mi__conv *s = &p->s;
    const mi__map y = mi__conv_map(s);
    const int64_t row = phase / s->stride, column = phase % s->stride, r = p->form->r;
    if (!p->back)
        return (grid){s->h, s->w, s->in, s->stride, row - s->pad, column - s->pad};
    return (grid){y.h,
                  y.w,
                  y.c,
                  1,
                  (row + s->pad) / s->stride - (r - 1),
                  (column + s->pad) / s->stride - (r - 1)};
}

static grid output_grid(const plan *p, int64_t phase) {
    const mi__conv *s = &p->s;
    const mi__map y = mi__conv_map(s);
    if (!p->back)
        return (grid){y.h, y.w, y.c, 1, 0, 0};
    return (grid){s->h, s->w, s->in, s->stride, phase / s->stride, phase % s->stride};
}

/* Which tap of the kernel a phase's tap (i, j) is, -1 if none: the last ones may be missing. */
static int64_t tap_of(const plan *p, int64_t phase, int64_t i, int64_t j) {
    const mi__conv *s = &p->s;
    const int64_t last = p->form->r - 1;
    int64_t row = phase / s->stride, column = phase % s->stride;
    if (p->back) {
        row = (row + s->pad) % s->stride + (last - i) * s->stride;
        column = (column + s->pad) % s->stride + (last - j) * s->stride;
    } else {
        row += i * s->stride;
        column += j * s->stride;
    }
    return row < s->kernel && column < s->kernel ? row * s->kernel + column : -1;
}

/* Row length of a panel: the last one may be narrower. */
static int64_t panel_width(const plan *p, int64_t panel) {
    return MI__MIN(PANEL, p->width - panel * PANEL);
}

static place place_of(const plan *p, int64_t tile) {
    int64_t row = tile / p->across;
    return (place){row / p->down, row % p->down, tile % p->across};
}

static void advance(const plan *p, place *at) {
    if (++at->column == p->across) {
        at->column = 0;
        if (++at->row == p->down) {
            at->row = 0;
            at->n++;
        }
    }
}

/* Tiles begin .. end - 1 to v, all phases side by side, or, back, the one of this pass. v has
 * groups of tiles, [groups][points][group][ldv] with `plane` elements between points; `at` is where
 * the first tile goes. */
static void input_tiles(const plan *p, int64_t pass, const float *x, const float *zeros,
                        int64_t begin, int64_t end, float *v, int64_t at, int64_t group,
                        int64_t plane) {
    for (int64_t phase = 0; phase < p->phases; phase++) {
        const grid g = input_grid(p, p->back ? pass : phase);
        place tile = place_of(p, begin);
        for (int64_t i = at; i < at + end - begin; i++, advance(p, &tile))
            p->form->input(&g, tile, x, zeros,
                           v + i / group * p->points * plane + i % group * p->ldv +
                               phase * p->channels,
                           plane);
    }
}
