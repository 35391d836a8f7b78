/* SPDX-License-Identifier: BSD-2-Clause */
/* How any convolution reads its input, as if there were a matrix of patches, pixels by taps and
 * channels. It is never made: the product of two matrices takes its left one by two tables, since
 *
 *   patch[p][k] = x[pixel[p] + term[k]]
 *
 * where x is a box of the padded input, small enough for the L2 cache; without padding the input
 * itself will do. How boxes are cut depends on the shape alone. */

#define BOX_PIXELS 192        /* of the output, at most; these are summed in float */
#define BOX_FLOATS (64 << 10) /* of the input, about */

typedef struct sweep {
    int64_t n, h, w, in;  /* what is read */
    int64_t top, left;    /* where the first pixel's first tap is; it may be off the map */
    int64_t down, across; /* taps */
    int64_t stride;
    int64_t rows, columns, out; /* pixels of a map that are made, and their channels */
    int64_t y_h, y_w;           /* the map that they are in, */
    int64_t row, column, step;  /* from here on, every step-th */

    int64_t box_maps, box_rows, box_columns; /* pixels of the largest box */
    int64_t boxes, boxes_down, boxes_across;
    bool copied;           /* boxes are copies with zeros around */
    int64_t pitch, plane;  /* from row to row and from map to map */
    int64_t depth;         /* taps and channels */
    int64_t width, panels; /* output channels in whole vectors, and in panels */
} sweep;

typedef struct box {
    int64_t map, row, column, maps, rows, columns, pixels;
} box;

/* The size of equal parts that are no larger than `most`. */
static int64_t part_size(int64_t total, int64_t most) {
    return ceiling(total, ceiling(total, most));
}

static void cut_boxes(sweep *s) {
    int64_t most = BOX_FLOATS / (s->in * s->stride * s->stride);
    most = MI__MIN(MI__MAX(most, 4 * ROWS), BOX_PIXELS);
    s->box_columns = part_size(s->columns, most);
    s->box_rows = part_size(s->rows, most / s->box_columns);
    s->box_maps = part_size(s->n, MI__MAX(most / (s->rows * s->columns), 1));
    s->boxes_down = ceiling(s->rows, s->box_rows);
    s->boxes_across = ceiling(s->columns, s->box_columns);
    s->boxes = ceiling(s->n, s->box_maps) * s->boxes_down * s->boxes_across;
}

/* What follows from the other members. */
static void finish_sweep(sweep *s) {
    cut_boxes(s);
    s->copied = s->top < 0 || s->left < 0 || s->top + (s->rows - 1) * s->stride + s->down > s->h ||
                s->left + (s->columns - 1) * s->stride + s->across > s->w;
    s->pitch = s->in * (s->copied ? (s->box_columns - 1) * s->stride + s->across : s->w);
    s->plane = s->pitch * (s->copied ? (s->box_rows - 1) * s->stride + s->down : s->h);
    s->depth = s->down * s->across * s->in;
    s->width = round_up(s->out, LANES);
    s->panels = ceiling(s->width, PANEL);
}

static int64_t sweep_panel_width(const sweep *s, int64_t panel) {
    return MI__MIN(PANEL, s->width - panel * PANEL);
}

static int64_t box_pixels(const sweep *s) {
    return round_up(s->box_maps * s->box_rows * s->box_columns, ROWS);
}

static int64_t box_floats(const sweep *s) {
    return s->copied ? round_up(s->box_maps * s->plane, LANES) : 0;
}

static box box_of(const sweep *s, int64_t index) {
    int64_t down = index / s->boxes_across;
    box b = {.map = down / s->boxes_down * s->box_maps,
             .row = down % s->boxes_down * s->box_rows,
             .column = index % s->boxes_across * s->box_columns};
    b.maps = MI__MIN(s->box_maps, s->n - b.map);
    b.rows = MI__MIN(s->box_rows, s->rows - b.row);
    b.columns = MI__MIN(s->box_columns, s->columns - b.column);
    b.pixels = b.maps * b.rows * b.columns;
    return b;
}

/* Where a box's pixels begin in the box, and where they are in y. The last ones are repeated up to
 * a multiple of ROWS. */
static void locate_pixels(const sweep *s, const box *b, int64_t *from, int64_t *to) {
    int64_t p = 0;
    for (int64_t n = 0; n < b->maps; n++)
        for (int64_t r = 0; r < b->rows; r++)
            for (int64_t q = 0; q < b->columns; q++, p++) {
                int64_t row = (b->map + n) * s->y_h + s->row + (b->row + r) * s->step;
                from[p] = n * s->plane + (r * s->pitch + q * s->in) * s->stride;
                to[p] = (row * s->y_w + s->column + (b->column + q) * s->step) * s->out;
            }
    for (; p % ROWS != 0; p++)
        from[p] = from[p - 1];
}

static void locate_terms(const sweep *s, int64_t *term) {
    for (int64_t i = 0; i < s->down; i++)
        for (int64_t k = 0; k < s->across * s->in; k++)
            *term++ = i * s->pitch + k;
}

/* `count` pixels of a row of a map from `left` on, with zeros off the map. */
static void copy_pixels(const sweep *s, const float *row, int64_t left, int64_t count, float *to) {
    int64_t begin = MI__MIN(MI__MAX(-left, 0), count), end = MI__MIN(s->w - left, count);
    end = MI__MAX(end, begin);
    memset(to, 0, (size_t)(begin * s->in) * sizeof *to);
    if (end > begin)
        memcpy(to + begin * s->in, row + (left + begin) * s->in,
               (size_t)((end - begin) * s->in) * sizeof *to);
    memset(to + end * s->in, 0, (size_t)((count - end) * s->in) * sizeof *to);
}

/* The input from a box's first tap on: in x, or a copy in `room`. */
static const float *read_box(const sweep *s, const box *b, const float *x, float *room) {
    int64_t top = s->top + b->row * s->stride, left = s->left + b->column * s->stride;
    if (!s->copied)
        return x + b->map * s->plane + top * s->pitch + left * s->in;
    int64_t rows = (b->rows - 1) * s->stride + s->down;
    int64_t columns = (b->columns - 1) * s->stride + s->across;
    for (int64_t n = 0; n < b->maps; n++)
        for (int64_t r = 0; r < rows; r++) {
            float *to = room + n * s->plane + r * s->pitch;
            if (top + r < 0 || top + r >= s->h)
                memset(to, 0, (size_t)(columns * s->in) * sizeof *to);
            else
                copy_pixels(s, x + ((b->map + n) * s->h + top + r) * s->w * s->in, left, columns,
                            to);
        }
    return room;
}

/* c[i][j] (+)= sum over k < depth: a[i][at[k]] b[k][j], as product_tile() */
INLINE void multiply_located(const int vectors, int64_t depth, const float *const *a,
                             const int64_t *at, const float *b, float *c, bool add) {
    vec sum[ROWS][PANEL_VECTORS];
    const float *const a0 = a[0], *const a1 = a[1], *const a2 = a[2];
    const float *const a3 = a[3], *const a4 = a[4], *const a5 = a[5];
    UNROLL_ALL
    for (int i = 0; i < ROWS; i++) {
        UNROLL_ALL
        for (int j = 0; j < vectors; j++)
            sum[i][j] = add ? load(c + (i * vectors + j) * LANES) : broadcast(0);
    }
    for (int64_t k = 0; k < depth; k++, b += vectors * LANES) {
        const float *const row[ROWS] = {a0, a1, a2, a3, a4, a5};
        vec right[PANEL_VECTORS];
        UNROLL_ALL
        for (int j = 0; j < vectors; j++) {
            right[j] = load(b + j * LANES);
            __builtin_prefetch(
                (const void *)((uintptr_t)(b + j * LANES) + 8192)); /* dy may be in memory still */
        }
        UNROLL_ALL
        for (int i = 0; i < ROWS; i++) {
            vec left = broadcast(row[i][at[k]]);
            UNROLL_ALL
            for (int j = 0; j < vectors; j++)
                sum[i][j] = madd(left, right[j], sum[i][j]);
        }
    }
    UNROLL_ALL
    for (int i = 0; i < ROWS; i++) {
        UNROLL_ALL
        for (int j = 0; j < vectors; j++)
            store(c + (i * vectors + j) * LANES, sum[i][j]);
    }
}

/* The left rows are at x + row[i]. */
static void multiply_patches(int64_t vectors, int64_t depth, const float *x, const int64_t *row,
                             const int64_t *at, const float *b, float *c, bool add) {
    const float *const a[ROWS] = {x + row[0], x + row[1], x + row[2],
                                  x + row[3], x + row[4], x + row[5]};
    switch (vectors) {
    case 1: multiply_located(1, depth, a, at, b, c, add); break;
    case 2: multiply_located(2, depth, a, at, b, c, add); break;
#if PANEL_VECTORS == 4
    case 3: multiply_located(3, depth, a, at, b, c, add); break;
    case 4: multiply_located(4, depth, a, at, b, c, add); break;
#endif
    }
}
