/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_EMBEDDINGS_H
#define LIBMI_LIB_EMBEDDINGS_H

/* Embeddings, as a source of rows of scores. */
#include "bounds.h"

/* As the public structs of both precisions. */
typedef struct mi__embeddings_io {
    uint64_t struct_size;
    int64_t n, locations, d;
    const void *u;
    int64_t ldu;
    const void *v;
    int64_t ldv;
    double temperature;
    int32_t normalize, reserved0;
    const void *baseline;
    void *du;
    int64_t lddu;
    void *dv;
    int64_t lddv;
    void *dbaseline;
    double *dtemperature;
} mi__embeddings_io;

_Static_assert(sizeof(mi__embeddings_io) == sizeof(mi_bound_embeddings_f32), "another struct");
_Static_assert(sizeof(mi__embeddings_io) == sizeof(mi_bound_embeddings_f64), "another struct");

typedef struct mi__embeddings {
    mi__source source;
    mi_bound *bound;
    const mi__kernels *k;
    mi__embeddings_io io;
    int64_t width, ld; /* of the strip */
    void *u, *v;       /* [n][d], [width][d]: what is multiplied; the temperature is in u */
    void *du, *dv;     /* the same: its gradients */
    double *u_length, *v_length; /* what rows were divided by, the temperature aside */
    void *scores;                /* [strip][ld], or [n][locations] of the others if paired */
    void *own;                   /* [strip][locations]: gradients of pairs of P */
    void *scaled;                /* [strip][d]: rows of u times scale */
    double *scale;               /* [strip] */
    void *dbaseline;             /* [n] */
    void *work;
    int64_t first, last; /* rows whose scores are there */
} mi__embeddings;

static inline void *mi__embedding(const mi__embeddings *m, const void *x, int64_t row, int64_t ld) {
    return mi__real_at(m->k, x, row * ld);
}

/* Fill in what depends on how scores are made: begin, end, whole, fetch, deliver. */
void mi__strip_source(mi__source *s); /* a product for each strip of rows */
void mi__pair_source(mi__source *s);  /* one other sample a row: no product at all */

/* Adds the gradients of pairs of P, of rows first.., to those of both sides. */
void mi__add_own_pairs(const mi__embeddings *m, int64_t first, int64_t begin, int64_t end);

/* One side, u or v. */
typedef struct mi__side {
    const mi__embeddings *m;
    const char *name;
    const void *from; /* the caller's */
    int64_t ld, rows;
    void *to; /* what is multiplied: packed; the caller's own if that will do */
    double *length;
    double factor; /* on top of the length */
    void *gradient;
    void *out; /* the caller's gradient */
    int64_t ldout;
    atomic_int bad;   /* a value is not finite, or too small or large */
    atomic_int large; /* so that gradients may be beyond range */
} mi__side;

/* Copies the rows, divided by their lengths and multiplied by the factor, where that changes
 * anything; fails if one is not finite or too short. */
mi_status mi__side_load(mi__side *s);

/* Turns the gradient into that of the caller's rows; fails if it overflows. Then it can be stored.
 */
mi_status mi__side_finish(mi__side *s);
void mi__side_store(mi__side *s);

#endif
