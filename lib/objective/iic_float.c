/* SPDX-License-Identifier: BSD-2-Clause */
/* Many classes in float32: products in the caller's precision, and their sums over a batch in
 * float64.
 *
 * Where predictions have hardly left the uniform one, joint probabilities differ from the products
 * of the marginals by less than float32 resolves, and the gradient would be noise. So what all
 * samples have of a class is taken away before the product, z = l + u with l the least and u not
 * negative, w = m + v, and
 *
 *     z^T w = u^T v + l (sum w)^T + (sum u) m^T
 *
 * in which only the first product is float32. Nothing is negative, so that no sign can go wrong
 * and what is 0 stays 0. */
#include "iic.h"

#define SAMPLES 1024 /* whose joint matrix is summed in float32, in parts of 256 or so */

/* Each twin counts once and there is one, so that their rows are what is to be multiplied. */
static bool direct(const mi_iic *iic, const mi_iic_head_f32 *head) {
    return iic->repeats == 1 && head->weight == NULL;
}

/* Weighted sums of the twins of samples first .. first + rows - 1. */
static bool gather(const mi_iic *iic, const mi__iic_head *h, const mi_iic_head_f32 *head,
                   int64_t first, int64_t rows, double *out) {
    const int64_t twin = first * iic->repeats;
    return iic->kernels->widen(rows, h->classes, head->zt + twin * head->ldzt, head->ldzt,
                               iic->repeats, head->weight == NULL ? NULL : head->weight + twin, out,
                               h->ld);
}

/* -- joint matrices ---------------------------------------------------------------------------- */

typedef struct addition {
    double *to; /* joint + first */
    const mi__iic_float_room *room;
    int64_t ld, width, first;
    bool lifted;
} addition;

static void add_panel(void *arg, int64_t begin, int64_t end) {
    const addition *a = arg;
    const mi__iic_float_room *r = a->room;
    const double *low_w = r->low_w + a->first, *sum_w = r->sum_w + a->first;
    for (int64_t c = begin; c < end; c++) {
        double *to = a->to + c * a->ld;
        const float *from = r->panel + c * a->width;
        const double low_z = r->low_z[c], sum_z = r->sum_z[c];
        if (a->lifted)
            for (int64_t d = 0; d < a->width; d++)
                to[d] += (double)from[d] + low_z * sum_w[d] + sum_z * low_w[d];
        else
            for (int64_t d = 0; d < a->width; d++)
                to[d] += (double)from[d];
    }
}

/* joint += z^T w, and what was taken away from them. */
static void add_product(const mi_iic *iic, const mi__iic_head *h, bool lifted, int64_t rows,
                        const float *z, int64_t ldz, const float *w, int64_t ldw) {
    const mi__iic_float_room room = mi__iic_floats_of(iic, h);
    const int64_t k = h->classes;
    for (int64_t d = 0; d < k; d += MI__IIC_PANEL) {
        const int64_t width = MI__MIN(k - d, MI__IIC_PANEL);
        addition a = {h->joint + d, &room, h->ld, width, d, lifted};
        iic->kernels->product(iic->context, true, false, k, width, rows, z, ldz, w + d, ldw, 0,
                              room.panel, width, room.work);
        mi__parallel_ranges(iic->context, k, MI__IIC_WORTH / 8 / width, add_panel, &a);
    }
}

/* What of a row, the first one, is more than the least of all. */
static double spread(int64_t k, const float *row, const float *least, double *low) {
    double sum = 0, more = 0;
    for (int64_t c = 0; c < k; c++) {
        low[c] = (double)least[c];
        sum += (double)row[c];
        more += (double)row[c] - low[c];
    }
    return sum > 0 ? more / sum : 0;
}

/* sum_w = sum w from sum v. */
static void complete(int64_t k, int64_t rows, const mi__iic_float_room *room) {
    for (int64_t d = 0; d < k; d++)
        room->sum_w[d] += (double)rows * room->low_w[d];
}

/* The least of z and of w, side by side. */
typedef struct search {
    const mi__kernels *kernels;
    int64_t rows, classes, ld[2];
    const float *x[2];
    float *least[2];
    bool good[2];
} search;

static void search_side(void *arg, int64_t i) {
    search *s = arg;
    s->good[i] = s->kernels->lowest(s->rows, s->classes, s->x[i], s->ld[i], s->least[i]);
}

static bool search_both(const mi_iic *iic, search *s) {
    if (s->rows * s->classes >= MI__IIC_WORTH)
        mi__parallel_for(iic->context, 2, search_side, s);
    else
        for (int64_t i = 0; i < 2; i++)
            search_side(s, i);
    return s->good[0] && s->good[1];
}

/* Rows of the caller's, all of them near to each other or not. */
static bool add_direct(const mi_iic *iic, const mi__iic_head *h, int64_t rows, const float *z,
                       int64_t ldz, const float *w, int64_t ldw) {
    const mi__iic_float_room room = mi__iic_floats_of(iic, h);
    const mi__kernels *t = iic->kernels;
    const int64_t k = h->classes;
    search s = {t, rows, k, {ldz, ldw}, {z, w}, {room.least_z, room.least_w}, {false, false}};
    if (!search_both(iic, &s))
        return false;
    if (spread(k, z, room.least_z, room.low_z) * spread(k, w, room.least_w, room.low_w) > 0.25) {
        add_product(iic, h, false, rows, z, ldz, w, ldw);
        return true;
    }
    for (int64_t first = 0; first < rows; first += MI__IIC_GATHER) {
        const int64_t some = MI__MIN(rows - first, MI__IIC_GATHER);
        t->lift(some, k, z + first * ldz, ldz, room.least_z, room.z, k, room.sum_z);
        t->lift(some, k, w + first * ldw, ldw, room.least_w, room.w, k, room.sum_w);
        complete(k, some, &room);
        add_product(iic, h, true, some, room.z, k, room.w, k);
    }
    return true;
}

/* low_w, sum_w and w of the rows in `wide`. */
static void lift_wide(const mi_iic *iic, const mi__iic_head *h, int64_t rows,
                      const mi__iic_float_room *room) {
    const int64_t k = h->classes;
    double *w = room->wide;
    for (int64_t d = 0; d < k; d++) {
        room->low_w[d] = w[d];
        room->sum_w[d] = 0;
    }
    for (int64_t i = 1; i < rows; i++)
        for (int64_t d = 0; d < k; d++)
            room->low_w[d] = MI__MIN(room->low_w[d], w[i * h->ld + d]);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t d = 0; d < k; d++) {
            w[i * h->ld + d] -= room->low_w[d];
            room->sum_w[d] += w[i * h->ld + d];
        }
    iic->kernels->narrow(rows, k, w, h->ld, 1, NULL, room->w, k);
    complete(k, rows, room);
}

/* Samples first .. first + rows - 1 with several twins, or weights. */
static bool add_gathered(const mi_iic *iic, const mi__iic_head *h, const mi_iic_head_f32 *head,
                         int64_t first, int64_t rows) {
    const mi__iic_float_room room = mi__iic_floats_of(iic, h);
    const mi__kernels *t = iic->kernels;
    const float *z = head->z + first * head->ldz;
    const int64_t k = h->classes;
    if (!t->lowest(rows, k, z, head->ldz, room.least_z) ||
        !gather(iic, h, head, first, rows, room.wide))
        return false;
    spread(k, z, room.least_z, room.low_z);
    t->lift(rows, k, z, head->ldz, room.least_z, room.z, k, room.sum_z);
    lift_wide(iic, h, rows, &room);
    add_product(iic, h, true, rows, room.z, k, room.w, k);
    return true;
}

bool mi__iic_add_floats(const mi_iic *iic, const mi__iic_head *h, int64_t n,
                        const mi_iic_head_f32 *head) {
    const bool plain = direct(iic, head);
    const int64_t step = plain ? SAMPLES : MI__IIC_GATHER;
    for (int64_t first = 0; first < n; first += step) {
        const int64_t rows = MI__MIN(n - first, step);
        if (!(plain ? add_direct(iic, h, rows, head->z + first * head->ldz, head->ldz,
                                 head->zt + first * head->ldzt, head->ldzt)
                    : add_gathered(iic, h, head, first, rows)))
            return false;
    }
    return true;
}

/* -- gradients --------------------------------------------------------------------------------- */

/* out = x H, or x H^T. */
static void map(const mi_iic *iic, const mi__iic_head *h, bool turned, int64_t rows, const float *x,
                int64_t ldx, float *out, int64_t ld) {
    const int64_t k = h->classes;
    iic->kernels->product(iic->context, false, turned && !iic->symmetric, rows, k, k, x, ldx,
                          h->single, k, 0, out, ld, mi__iic_floats_of(iic, h).work);
}

static void map_images(const mi_iic *iic, const mi__iic_head *h, int64_t n,
                       const mi_iic_head_f32 *head) {
    const mi__iic_float_room room = mi__iic_floats_of(iic, h);
    if (direct(iic, head)) {
        map(iic, h, true, n, head->zt, head->ldzt, head->dz, head->lddz);
        return;
    }
    for (int64_t first = 0; first < n; first += MI__IIC_GATHER) {
        const int64_t rows = MI__MIN(n - first, MI__IIC_GATHER);
        gather(iic, h, head, first, rows, room.wide);
        iic->kernels->narrow(rows, h->classes, room.wide, h->ld, 1, NULL, room.w, h->classes);
        map(iic, h, true, rows, room.w, h->classes, head->dz + first * head->lddz, head->lddz);
    }
}

/* Each row of x goes to `repeats` rows of out, times their weights. */
static void deal(const mi_iic *iic, int64_t k, int64_t rows, const float *x, const float *weight,
                 float *out, int64_t ld) {
    for (int64_t i = 0; i < rows * iic->repeats; i++, out += ld)
        iic->kernels->scale(k, weight == NULL ? 1 : (double)weight[i], x + i / iic->repeats * k,
                            out);
}

static void map_twins(const mi_iic *iic, const mi__iic_head *h, int64_t n,
                      const mi_iic_head_f32 *head) {
    float *gradient = mi__iic_floats_of(iic, h).z;
    if (direct(iic, head)) {
        map(iic, h, false, n, head->z, head->ldz, head->dzt, head->lddzt);
        return;
    }
    for (int64_t first = 0; first < n; first += MI__IIC_GATHER) {
        const int64_t rows = MI__MIN(n - first, MI__IIC_GATHER), twin = first * iic->repeats;
        map(iic, h, false, rows, head->z + first * head->ldz, head->ldz, gradient, h->classes);
        deal(iic, h->classes, rows, gradient, head->weight == NULL ? NULL : head->weight + twin,
             head->dzt + twin * head->lddzt, head->lddzt);
    }
}

void mi__iic_map_floats(const mi_iic *iic, const mi__iic_head *h, int64_t n,
                        const mi_iic_head_f32 *head) {
    if (head->dz != NULL)
        map_images(iic, h, n, head);
    if (head->dzt != NULL)
        map_twins(iic, h, n, head);
}
