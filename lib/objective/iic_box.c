/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums over boxes, along lines and then across them, in time that doesn't depend on their size:
 * a line is cut into stretches as long as a box, each is summed up from both ends, and a box that
 * covers the end of one and the beginning of the next is the sum of the two. Nothing is taken
 * away again, so that sums of what is not negative are not either, and 0 stays 0. */
#include "iic.h"

#include <string.h>

#define GRAIN 16384 /* elements that pay for waking another thread */

static void add(int64_t width, const double *restrict from, double *restrict to) {
    for (int64_t i = 0; i < width; i++)
        to[i] += from[i];
}

/* A line of `count` vectors at multiples of `step`. In shifted positions q = x + reach, the box
 * around x is q = x .. x + 2 reach; out[x] becomes the sum of x and what follows in its stretch. */
static void sum_ends(int64_t count, int64_t step, int64_t width, int64_t reach, const double *in,
                     double *run, double *out) {
    const int64_t size = 2 * reach + 1;
    for (int64_t q = (count - 1) / size * size + size - 1; q >= 0; q--) {
        const int64_t x = q - reach;
        if ((q + 1) % size == 0)
            memset(run, 0, (size_t)width * sizeof *run);
        if (x >= 0 && x < count)
            add(width, in + x * step, run);
        if (q < count)
            memcpy(out + q * step, run, (size_t)width * sizeof *run);
    }
}

/* Then what its box has of the next stretch comes on top. */
static void add_beginnings(int64_t count, int64_t step, int64_t width, int64_t reach,
                           const double *in, double *run, double *out) {
    const int64_t size = 2 * reach + 1;
    for (int64_t q = 0; q < count + 2 * reach; q++) {
        const int64_t x = q - reach, to = q - 2 * reach;
        if (q % size == 0)
            memset(run, 0, (size_t)width * sizeof *run);
        if (x >= 0 && x < count)
            add(width, in + x * step, run);
        if (to >= 0 && to % size != 0)
            add(width, run, out + to * step);
    }
}

typedef struct job {
    const mi__iic_box *box;
    const double *in;
    double *out;
} job;

static void along(void *arg, int64_t begin, int64_t end) {
    const job *j = arg;
    const mi__iic_box *b = j->box;
    for (int64_t y = begin; y < end; y++) {
        const int64_t at = y * b->width * b->ld;
        double *run = b->run + y * b->ld;
        sum_ends(b->width, b->ld, b->ld, b->reach, j->in + at, run, b->half + at);
        add_beginnings(b->width, b->ld, b->ld, b->reach, j->in + at, run, b->half + at);
    }
}

/* Some columns at once. */
static void across(void *arg, int64_t begin, int64_t end) {
    const job *j = arg;
    const mi__iic_box *b = j->box;
    const int64_t at = begin * b->ld, width = (end - begin) * b->ld, step = b->width * b->ld;
    sum_ends(b->height, step, width, b->reach, b->half + at, b->run + at, j->out + at);
    add_beginnings(b->height, step, width, b->reach, b->half + at, b->run + at, j->out + at);
}

void mi__iic_sum_boxes(mi_context *context, const mi__iic_box *box, const double *in, double *out) {
    job j = {box, in, out};
    mi__parallel_ranges(context, box->height, GRAIN / (box->width * box->ld), along, &j);
    mi__parallel_ranges(context, box->width, GRAIN / (box->height * box->ld), across, &j);
}
