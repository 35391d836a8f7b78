/* SPDX-License-Identifier: BSD-2-Clause */
/* Many classes in float32: products in the caller's precision, and their sums over a batch in
 * float64. */
#include "iic.h"

#define SAMPLES 1024 /* whose joint matrix is summed in float32, in parts of 256 or so */

/* Whether rows of x are finite and not negative. */
static bool good_rows(const mi__kernels *kernels, int64_t rows, int64_t k, const float *x,
                      int64_t ld) {
    double least = 0, most = 0;
    if (ld == k)
        return kernels->extent(rows * k, x, &least, &most) && least >= 0;
    for (int64_t i = 0; i < rows; i++)
        if (!kernels->extent(k, x + i * ld, &least, &most))
            return false;
    return least >= 0;
}

/* Each twin counts once and there is one, so that their rows are what is to be multiplied. */
static bool direct(const mi_iic *iic, const mi_iic_head_f32 *head) {
    return iic->repeats == 1 && head->weight == NULL;
}

/* Weighted sums of the twins of samples first .. first + rows - 1, rounded to float32. */
static bool gather(const mi_iic *iic, const mi__iic_head *h, const mi_iic_head_f32 *head,
                   int64_t first, int64_t rows, float *out) {
    const mi__iic_share share = mi__iic_share_of(iic, h, 0);
    const int64_t k = h->classes, repeats = iic->repeats;
    bool good = true;
    for (int64_t i = 0; i < rows; i += MI__IIC_BLOCK) {
        const int64_t some = MI__MIN(rows - i, MI__IIC_BLOCK), twin = (first + i) * repeats;
        const float *weight = head->weight == NULL ? NULL : head->weight + twin;
        good &= iic->kernels->widen(some, k, head->zt + twin * head->ldzt, head->ldzt, repeats,
                                    weight, share.w, h->ld);
        iic->kernels->narrow(some, k, share.w, h->ld, 1, NULL, out + i * k, k);
    }
    return good;
}

typedef struct addition {
    double *to;
    const float *from;
    int64_t ld, width;
} addition;

static void add_panel(void *arg, int64_t begin, int64_t end) {
    const addition *a = arg;
    for (int64_t c = begin; c < end; c++)
        for (int64_t d = 0; d < a->width; d++)
            a->to[c * a->ld + d] += (double)a->from[c * a->width + d];
}

/* joint += z^T w. */
static void add_product(const mi_iic *iic, const mi__iic_head *h, int64_t rows, const float *z,
                        int64_t ldz, const float *w, int64_t ldw) {
    const mi__iic_float_room room = mi__iic_floats_of(iic, h);
    const int64_t k = h->classes;
    for (int64_t d = 0; d < k; d += MI__IIC_PANEL) {
        const int64_t width = MI__MIN(k - d, MI__IIC_PANEL);
        addition a = {h->joint + d, room.panel, h->ld, width};
        iic->kernels->product(iic->context, true, false, k, width, rows, z, ldz, w + d, ldw, 0,
                              room.panel, width, room.work);
        mi__parallel_ranges(iic->context, k, MI__IIC_WORTH / 8 / width, add_panel, &a);
    }
}

bool mi__iic_add_floats(const mi_iic *iic, const mi__iic_head *h, int64_t n,
                        const mi_iic_head_f32 *head) {
    const mi__iic_float_room room = mi__iic_floats_of(iic, h);
    const bool plain = direct(iic, head);
    const int64_t step = plain ? SAMPLES : MI__IIC_GATHER;
    for (int64_t first = 0; first < n; first += step) {
        const int64_t rows = MI__MIN(n - first, step);
        const float *z = head->z + first * head->ldz, *w = room.w;
        if (plain)
            w = head->zt + first * head->ldzt;
        if (!good_rows(iic->kernels, rows, h->classes, z, head->ldz) ||
            !(plain ? good_rows(iic->kernels, rows, h->classes, w, head->ldzt)
                    : gather(iic, h, head, first, rows, room.w)))
            return false;
        add_product(iic, h, rows, z, head->ldz, w, plain ? head->ldzt : h->classes);
    }
    return true;
}

/* out = x H, or x H^T. */
static void map(const mi_iic *iic, const mi__iic_head *h, bool turned, int64_t rows, const float *x,
                int64_t ldx, float *out, int64_t ld) {
    const int64_t k = h->classes;
    iic->kernels->product(iic->context, false, turned && !iic->symmetric, rows, k, k, x, ldx,
                          h->single, k, 0, out, ld, mi__iic_floats_of(iic, h).work);
}

static void map_images(const mi_iic *iic, const mi__iic_head *h, int64_t n,
                       const mi_iic_head_f32 *head) {
    float *w = mi__iic_floats_of(iic, h).w;
    if (direct(iic, head)) {
        map(iic, h, true, n, head->zt, head->ldzt, head->dz, head->lddz);
        return;
    }
    for (int64_t first = 0; first < n; first += MI__IIC_GATHER) {
        const int64_t rows = MI__MIN(n - first, MI__IIC_GATHER);
        gather(iic, h, head, first, rows, w);
        map(iic, h, true, rows, w, h->classes, head->dz + first * head->lddz, head->lddz);
    }
}

/* Each row of x goes to `repeats` rows of out, times their weights. */
static void spread(const mi_iic *iic, int64_t k, int64_t rows, const float *x, const float *weight,
                   float *out, int64_t ld) {
    for (int64_t i = 0; i < rows * iic->repeats; i++, out += ld)
        iic->kernels->scale(k, weight == NULL ? 1 : (double)weight[i], x + i / iic->repeats * k,
                            out);
}

static void map_twins(const mi_iic *iic, const mi__iic_head *h, int64_t n,
                      const mi_iic_head_f32 *head) {
    float *gradient = mi__iic_floats_of(iic, h).gradient;
    if (direct(iic, head)) {
        map(iic, h, false, n, head->z, head->ldz, head->dzt, head->lddzt);
        return;
    }
    for (int64_t first = 0; first < n; first += MI__IIC_GATHER) {
        const int64_t rows = MI__MIN(n - first, MI__IIC_GATHER), twin = first * iic->repeats;
        map(iic, h, false, rows, head->z + first * head->ldz, head->ldz, gradient, h->classes);
        spread(iic, h->classes, rows, gradient, head->weight == NULL ? NULL : head->weight + twin,
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
