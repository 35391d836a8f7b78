/* SPDX-License-Identifier: BSD-2-Clause */
/* Digits as a hand may write them. A style is a few strokes through points; each image bends the
 * points, turns the whole, fits it into a box and draws it with a pen of some width. */
#include "../base/random.h"
#include "dataset.h"

#include <inttypes.h>
#include <math.h>

#define SIDE 28
#define PIXELS (SIDE * SIDE)
#define PIECES 5        /* straight pieces between two points */
#define MOST_POINTS 128 /* of a flattened style */
#define PI 3.141592653589793

#define UP (-100) /* lifts the pen; a corner is a lift at a point where it comes down again */
#define END (-101)

/* Coordinates in a box of 20 by 20, x to the right and y down. */
static const int8_t
    zero_round[] = {10,0, 5,2, 2,10, 5,18, 10,20, 15,18, 18,10, 15,2, 10,0, END},
    zero_lean[] = {13,1, 8,1, 4,8, 5,17, 10,20, 15,15, 16,7, 12,1, 8,2, END},
    one_stroke[] = {10,0, 10,10, 10,20, END},
    two_sharp[] = {3,5, 6,1, 11,0, 16,3, 15,8, 10,13, 3,20, UP, 3,20, 9,19, 17,20, END},
    two_wavy[] = {3,3, 9,0, 15,3, 14,9, 8,15, 4,19, UP, 4,19, 8,17, 13,19, 18,18, END},
    three_round[] = {3,3, 8,0, 14,1, 15,6, 12,9, 8,10, UP, 8,10, 13,10, 16,13, 15,18, 9,20, 3,17,
                     END},
    four_closed[] = {12,0, 7,6, 2,13, UP, 2,13, 10,13, 18,13, UP, 12,0, 12,10, 12,20, END},
    five_square[] = {15,0, 5,0, UP, 5,0, 4,9, UP, 4,9, 10,7, 16,10, 16,16, 10,20, 3,18, END},
    five_curved[] = {17,0, 12,1, 8,1, 5,4, 6,8, 12,10, 15,14, 12,19, 4,19, END},
    six_bent[] = {14,0, 8,4, 4,11, 5,18, 10,20, 15,17, 14,12, 9,10, 5,14, END},
    six_straight[] = {8,0, 5,7, 4,14, 8,20, 14,18, 15,13, 10,11, 5,15, END},
    seven_plain[] = {3,1, 10,1, 17,0, UP, 17,0, 12,9, 9,20, END},
    seven_serif[] = {3,4, 4,1, UP, 4,1, 10,2, 17,1, UP, 17,1, 12,10, 11,20, END},
    eight_one[] = {15,3, 10,0, 5,3, 7,8, 13,12, 16,16, 10,20, 4,16, 7,11, 13,8, 15,3, END},
    eight_two[] = {10,0, 6,2, 6,7, 10,9, 14,7, 14,2, 10,0, UP, 10,9, 5,12, 5,18, 10,20, 15,18,
                   15,12, 10,9, END},
    nine_straight[] = {15,5, 11,0, 5,2, 4,7, 8,10, 13,8, 15,4, UP, 15,4, 14,12, 14,20, END},
    nine_bent[] = {15,3, 9,1, 4,6, 7,10, 12,8, 15,3, UP, 15,3, 12,12, 8,20, END};

static const int8_t *const styles[10][2] = {
    {zero_round, zero_lean},       {one_stroke, one_stroke},   {two_sharp, two_wavy},
    {three_round, three_round},    {four_closed, four_closed}, {five_square, five_curved},
    {six_bent, six_straight},      {seven_plain, seven_serif}, {eight_one, eight_two},
    {nine_straight, nine_bent},
};

typedef struct point {
    double x, y;
} point;

typedef struct path {
    int count;
    point at[MOST_POINTS];
    bool begins[MOST_POINTS]; /* a stroke begins here: no line from the point before */
} path;

/* -- from a style to a path ------------------------------------------------------------------- */

#define JITTERS 16

/* The same point is moved the same way wherever it occurs, so that strokes stay joined. */
static point jittered(const int8_t *p, const point jitter[JITTERS]) {
    const point *j = &jitter[(p[0] * 5 + p[1] * 3) % JITTERS];
    return (point){p[0] + j->x, p[1] + j->y};
}

static void add_point(path *out, point p, bool begins) {
    if (out->count == MOST_POINTS)
        return;
    out->begins[out->count] = begins;
    out->at[out->count++] = p;
}

static double spline(double a, double b, double c, double d, double t) {
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/* A Catmull-Rom spline through n points, closed if it ends where it began. */
static void add_stroke(path *out, const int8_t *points, int n, const point jitter[JITTERS]) {
    const int8_t *last = points + 2 * (n - 1);
    bool closed = points[0] == last[0] && points[1] == last[1];
    add_point(out, jittered(points, jitter), true);
    for (int i = 0; i + 1 < n; i++) {
        const int8_t *here = points + 2 * i;
        const int8_t *before = i > 0 ? here - 2 : closed ? last - 2 : here;
        const int8_t *after = i + 2 < n ? here + 4 : closed ? points + 2 : here + 2;
        point a = jittered(before, jitter), b = jittered(here, jitter),
              c = jittered(here + 2, jitter), d = jittered(after, jitter);
        for (int k = 1; k <= PIECES; k++) {
            double t = (double)k / PIECES;
            add_point(out, (point){spline(a.x, b.x, c.x, d.x, t), spline(a.y, b.y, c.y, d.y, t)},
                      false);
        }
    }
}

static void trace(const int8_t *style, mi__random *r, path *out) {
    point jitter[JITTERS];
    for (int i = 0; i < JITTERS; i++) {
        jitter[i].x = 0.8 * mi__random_normal(r);
        jitter[i].y = 0.8 * mi__random_normal(r);
    }
    out->count = 0;
    for (;;) {
        int n = 0;
        while (style[2 * n] != UP && style[2 * n] != END)
            n++;
        add_stroke(out, style, n, jitter);
        if (style[2 * n] == END)
            return;
        style += 2 * n + 1;
    }
}

/* -- pose ------------------------------------------------------------------------------------- */

/* Smooth bending of the paper: a wave across x, another across y, in random directions. */
static void bend(path *p, mi__random *r) {
    double fx = mi__random_range(r, -0.05, 0.05), fy = mi__random_range(r, -0.05, 0.05);
    double phase_x = mi__random_range(r, 0, 2 * PI), phase_y = mi__random_range(r, 0, 2 * PI);
    double strength = mi__random_range(r, 0, 1.6);
    for (int i = 0; i < p->count; i++) {
        point *q = &p->at[i];
        double wave = 2 * PI * (fx * q->x + fy * q->y);
        q->x += strength * sin(wave + phase_x);
        q->y += strength * cos(wave + phase_y);
    }
}

static void turn(path *p, mi__random *r) {
    double angle = 0.13 * mi__random_normal(r), slant = 0.1 + 0.16 * mi__random_normal(r);
    double aspect = exp(0.13 * mi__random_normal(r));
    double cosine = cos(angle), sine = sin(angle);
    for (int i = 0; i < p->count; i++) {
        point *q = &p->at[i];
        double x = (q->x - 10) * aspect - (q->y - 10) * slant, y = q->y - 10;
        q->x = cosine * x - sine * y;
        q->y = sine * x + cosine * y;
    }
}

/* Fits the longer side into about 20 pixels, and puts the middle of the ink near the image's. */
static void fit(path *p, double pen, mi__random *r) {
    point low = p->at[0], high = low, sum = {0, 0};
    double ink = 1e-9;
    for (int i = 0; i < p->count; i++) {
        point q = p->at[i];
        low = (point){fmin(low.x, q.x), fmin(low.y, q.y)};
        high = (point){fmax(high.x, q.x), fmax(high.y, q.y)};
        if (p->begins[i])
            continue;
        point o = p->at[i - 1];
        double length = hypot(q.x - o.x, q.y - o.y);
        sum.x += length * (q.x + o.x) / 2;
        sum.y += length * (q.y + o.y) / 2;
        ink += length;
    }
    double box = 20 * mi__random_range(r, 0.84, 1.04) - 2 * pen;
    double scale = box / fmax(high.x - low.x, high.y - low.y);
    double x = (SIDE - 1) / 2.0 + 0.8 * mi__random_normal(r) - scale * sum.x / ink;
    double y = (SIDE - 1) / 2.0 + 0.8 * mi__random_normal(r) - scale * sum.y / ink;
    for (int i = 0; i < p->count; i++)
        p->at[i] = (point){x + scale * p->at[i].x, y + scale * p->at[i].y};
}

/* -- ink -------------------------------------------------------------------------------------- */

/* nearest[] = min(nearest[], squared distance to the line from a to b), within `reach`. */
static void mark_line(point a, point b, double reach, float nearest[PIXELS]) {
    int left = (int)fmax(0, ceil(fmin(a.x, b.x) - reach));
    int right = (int)fmin(SIDE - 1, floor(fmax(a.x, b.x) + reach));
    int top = (int)fmax(0, ceil(fmin(a.y, b.y) - reach));
    int bottom = (int)fmin(SIDE - 1, floor(fmax(a.y, b.y) + reach));
    float dx = (float)(b.x - a.x), dy = (float)(b.y - a.y), ax = (float)a.x, ay = (float)a.y;
    float inverse = 1 / (dx * dx + dy * dy + 1e-12f);
    for (int y = top; y <= bottom; y++)
        for (int x = left; x <= right; x++) {
            float px = (float)x - ax, py = (float)y - ay, t = (px * dx + py * dy) * inverse;
            t = t < 0 ? 0 : t > 1 ? 1 : t;
            float ex = px - t * dx, ey = py - t * dy, square = ex * ex + ey * ey;
            float *n = &nearest[y * SIDE + x];
            *n = square < *n ? square : *n;
        }
}

/* Two draws of noise, each nearly bell-shaped with deviation 1, from 32 bits. */
static void noise_pair(mi__random *r, float out[2]) {
    uint32_t bits = mi__random_u32(r);
    for (int i = 0; i < 2; i++, bits >>= 16)
        out[i] = (float)((int)(bits & 255) + (int)(bits >> 8 & 255) - 255) / 104.5f;
}

static void ink(const path *p, double pen, mi__random *r, uint8_t out[PIXELS]) {
    float edge = (float)mi__random_range(r, 0.6, 0.8);
    float strength = (float)mi__random_range(r, 205, 255);
    float noise = (float)mi__random_range(r, 2, 10);
    float nearest[PIXELS], bell[2] = {0};
    for (int i = 0; i < PIXELS; i++)
        nearest[i] = SIDE * SIDE;
    for (int i = 1; i < p->count; i++)
        if (!p->begins[i])
            mark_line(p->at[i - 1], p->at[i], pen + edge, nearest);
    for (int i = 0; i < PIXELS; i++) {
        if (i % 2 == 0)
            noise_pair(r, bell);
        float cover = ((float)pen + edge - sqrtf(nearest[i])) / (2 * edge);
        cover = cover < 0 ? 0 : cover > 1 ? 1 : cover;
        float value = strength * cover + noise * bell[i % 2] + 0.5f;
        out[i] = value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
    }
}

static int32_t draw(uint64_t seed, uint64_t number, uint8_t out[PIXELS]) {
    /* 1024 blocks of numbers for each image, far more than it takes */
    uint64_t counter = (uint64_t)(uint32_t)number << 10;
    mi__random r = mi__random_at(seed, MI__STREAM_DIGITS + (number >> 32), counter);
    int32_t label = (int32_t)mi__random_below(&r, 10);
    path p;
    trace(styles[label][mi__random_below(&r, 2)], &r, &p);
    bend(&p, &r);
    turn(&p, &r);
    double pen = mi__random_range(&r, 0.8, 1.5);
    fit(&p, pen, &r);
    ink(&p, pen, &r, out);
    return label;
}

/* -- the set ---------------------------------------------------------------------------------- */

typedef struct work {
    mi_dataset *set;
    uint64_t seed, first;
} work;

static void draw_range(void *arg, int64_t begin, int64_t end) {
    const work *w = arg;
    for (int64_t i = begin; i < end; i++)
        w->set->labels[i] = draw(w->seed, w->first + (uint64_t)i, w->set->bytes + i * PIXELS);
}

static mi_status draw_all(mi_dataset *set, uint64_t seed, int64_t first, int64_t count) {
    MI__TRY(mi__dataset_set_shape(set, count, SIDE, SIDE, 1));
    set->labels = mi__alloc(set->context, count, sizeof *set->labels);
    set->bytes = mi__alloc(set->context, count, PIXELS);
    if (set->labels == NULL || set->bytes == NULL)
        return MI_E_NOMEM;
    work w = {set, seed, (uint64_t)first};
    mi__parallel_ranges(set->context, count, 64, draw_range, &w);
    return MI_OK;
}

mi_status mi_dataset_digits(mi_context *context, uint64_t seed, int64_t first, int64_t count,
                            mi_dataset **out) {
    MI__NEED(out);
    if (first < 0 || (count > 0 && first > INT64_MAX - count))
        return mi__fail(MI_E_ARG, "first must be in 0 to 2^63 - 1 - count, got %" PRId64, first);
    mi_dataset *set;
    MI__TRY(mi__dataset_new(context, &set));
    mi_status status = draw_all(set, seed, first, count);
    return mi__dataset_finish(set, status, out);
}
