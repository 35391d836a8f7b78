/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_KERNEL_H
#define LIBMI_LIB_KERNEL_H

/* The arithmetic of networks and objectives. A table of kernels works in one precision; buffers are
 * `void *` of that precision, so that layers above are written once. There is a plain C table for
 * float and one for double from the same source (the reference), and tuned ones for float:
 * "generic" for any processor, the others for instruction sets.
 *
 * Feature maps are NHWC: [n][h][w][c]. For everything that doesn't look at neighbours a map is a
 * matrix of `rows` = n * h * w by c. No kernel allocates: where it needs room, *_work() tells the
 * bytes. Outputs never overlap inputs unless said. Sums over a batch are split in a way that does
 * not depend on the number of threads, so that results don't either; the reference's product()
 * alone leaves that to the BLAS. */

#include "search.h"

typedef struct mi__map {
    int64_t n, h, w, c;
} mi__map;

typedef struct mi__conv {
    int64_t n, h, w;             /* images and their size */
    int64_t in, out;             /* channels */
    int64_t kernel, stride, pad; /* both ways; kernel <= h, w + 2 pad, pad < kernel */
    bool half;                   /* products in bfloat16, if mi__kernels_half() */
} mi__conv;

/* What comes out: (h + 2 pad - kernel) / stride + 1 rows. */
mi__map mi__conv_map(const mi__conv *shape);

typedef struct mi__norm {
    mi__map in;
    double slope; /* of the activation; 1: none */
    bool pool;    /* then the greatest of each 2 x 2 window, as in max_pool */
} mi__norm;

/* m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
 * w -= decay w + rate m / (sqrt(v) / correction2 + epsilon). */
typedef struct mi__adam {
    double rate, decay, beta1, beta2, epsilon, correction2;
} mi__adam;

/* m = momentum m + g + decay w, w -= rate m. */
typedef struct mi__sgd {
    double rate, decay, momentum;
} mi__sgd;

/* A product in float64: c = a b, or c += a b. Element (i, k) of a is at i * row + k * step; b has
 * `depth` rows. There are whole tiles of c: its rows are counted in tiles, its columns, which are
 * those of b, are a multiple of a tile's. */
#define MI__TILE_ROWS 6
#define MI__TILE_COLS 8

typedef struct mi__tiles {
    int64_t columns, depth;
    const double *a, *b;
    double *c;
    int64_t row, step, ldb, ldc;
    bool add;
} mi__tiles;

/* A row of an assignment problem has its columns in so many classes: j modulo that. */
#define MI__CLASSES 32
#define MI__LARGE_COST 1e200 /* sums of greater costs might overflow */

/* A whole problem of at most MI__SMALL columns, and no more rows. */
#define MI__SMALL 16

typedef struct mi__small {
    int64_t rows, cols;
    double cost[MI__SMALL * MI__SMALL]; /* [rows][MI__SMALL], infinite beyond cols */
    double price[MI__SMALL];            /* of columns, see lib/assign/solver.h */
    int32_t owner[MI__SMALL], match[MI__SMALL];
    int32_t row;   /* one that can't be matched, */
    int64_t stuck; /* for it and so many others have only so many columns */
} mi__small;

/* Pairs of samples: rows first to last - 1 of a, each with its own row of b and with `k` others,
 * shift[t] rows further on, modulo n. */
typedef struct mi__pairing {
    int64_t n, c; /* rows of a and b; hidden units, which are relu(a + b) */
    int64_t first, last, k;
    const int64_t *shift; /* [k], 1 to n - 1, each another */
    const void *a, *b;    /* [n][c] */
} mi__pairing;

typedef struct mi__kernels {
    const char *name; /* "reference", "generic", "avx2", "avx512", "float64" */
    size_t real;      /* bytes of an element */

    /* y += bias in every row; and dbias = column sums of dy, with norm_work() bytes. */
    void (*bias)(mi_context *ctx, int64_t rows, int64_t c, const void *bias, void *y);
    void (*bias_backward)(mi_context *ctx, int64_t rows, int64_t c, const void *dy, void *dbias,
                          void *work);

    /* Convolution (cross-correlation), zero padding: weight [kernel][kernel][in][out], y as
     * mi__conv_map() tells. bias may be NULL. Where mean is not NULL, it and variance get the
     * moments of y, as from moments(). Any `work` is 64-aligned with at least conv_work() bytes,
     * private to the call. */
    size_t (*conv_work)(const mi_context *ctx, const mi__conv *shape);
    void (*conv)(mi_context *ctx, const mi__conv *shape, const void *x, const void *weight,
                 const void *bias, void *y, void *mean, void *variance, void *work);
    void (*conv_backward_data)(mi_context *ctx, const mi__conv *shape, const void *dy,
                               const void *weight, void *dx, void *work);
    void (*conv_backward_weight)(mi_context *ctx, const mi__conv *shape, const void *x,
                                 const void *dy, void *dweight, void *work);

    /* Mean and biased variance of each column of x, from float64 sums. work: norm_work() bytes. */
    size_t (*norm_work)(const mi_context *ctx, int64_t rows, int64_t c);
    void (*moments)(mi_context *ctx, int64_t rows, int64_t c, const void *x, void *mean,
                    void *variance, void *work);
    /* Batch normalisation, the activation and the pool behind it: v = (x - mean) inverse scale +
     * shift, y = v > 0 ? v : slope v, then its windows' greatest. `inverse` is the caller's
     * 1 / sqrt(variance + epsilon), slope >= 0. */
    void (*norm)(mi_context *ctx, const mi__norm *shape, const void *x, const void *scale,
                 const void *shift, const void *mean, const void *inverse, void *y);
    /* The same back, mean and variance being those of x itself; of a window, the first of the
     * greatest v gets the gradient. dx may be x, or, without a pool, dy. work: norm_work() bytes
     * for the rows of x. */
    void (*norm_backward)(mi_context *ctx, const mi__norm *shape, const void *x, const void *scale,
                          const void *shift, const void *mean, const void *inverse, const void *dy,
                          void *dx, void *dscale, void *dshift, void *work);

    /* y = x > 0 ? x : slope x. y may be x; dx may be dy or x. */
    void (*leaky)(mi_context *ctx, int64_t count, double slope, const void *x, void *y);
    void (*leaky_backward)(mi_context *ctx, int64_t count, double slope, const void *x,
                           const void *dy, void *dx);

    /* 2x2 pools, stride 2: [n][h][w][c] -> [n][h/2][w/2][c]. In max_pool_backward the gradient goes
     * to the first of equal maxima, found again from x, which dx may be; what no window covers gets
     * 0. */
    void (*max_pool)(mi_context *ctx, const mi__map *in, const void *x, void *y);
    void (*max_pool_backward)(mi_context *ctx, const mi__map *in, const void *x, const void *dy,
                              void *dx);
    void (*mean_pool)(mi_context *ctx, const mi__map *in, const void *x, void *y);
    void (*mean_pool_backward)(mi_context *ctx, const mi__map *in, const void *dy, void *dx);

    /* Global mean: [n][h][w][c] -> [n][c]. */
    void (*global_pool)(mi_context *ctx, const mi__map *in, const void *x, void *y);
    void (*global_pool_backward)(mi_context *ctx, const mi__map *in, const void *dy, void *dx);

    /* Global maximum; the gradient goes to the first of equal ones. dx may be x. */
    void (*global_max_pool)(mi_context *ctx, const mi__map *in, const void *x, void *y);
    void (*global_max_pool_backward)(mi_context *ctx, const mi__map *in, const void *x,
                                     const void *dy, void *dx);

    /* Softmax of each row, shifted by its maximum. Rows of x and dx may be longer than c: ldx. y
     * may be x, dx may be dy, where ldx is c. */
    void (*softmax)(mi_context *ctx, int64_t rows, int64_t c, const void *x, int64_t ldx, void *y);
    void (*softmax_backward)(mi_context *ctx, int64_t rows, int64_t c, const void *y,
                             const void *dy, void *dx, int64_t ldx);

    /* C[m][n] = beta C + op(A) op(B), op = transposition where the flag is set; row-major. With
     * beta 0, C is not read. On the context's threads, split over the rows or columns of C alone,
     * so that results don't depend on them; in the reference through cblas. work: product_work()
     * bytes, 64-aligned. */
    size_t (*product_work)(const mi_context *ctx);
    void (*product)(mi_context *ctx, bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                    const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                    int64_t ldc, void *work);

    /* Updates of a stretch of n weights, on the calling thread, in the table's own precision. */
    void (*adam)(int64_t n, const mi__adam *u, const void *g, void *m, void *v, void *w);
    void (*sgd)(int64_t n, const mi__sgd *u, const void *g, void *m, void *w);

    /* -- scores: stretches of n >= 0 of them, on the calling thread. Sums come out in float64;
     * within, at most 256 terms are added in the table's own precision, in an order that n alone
     * decides. Scalars are rounded to that precision first. x - shift is rounded to it, too; x may
     * be -infinity where it is exponentiated, shift may not. exp() is 0 or nearly right where the
     * result is less than a normal number, and infinite where it exceeds the greatest. y may be x,
     * or, where a sum is returned, NULL: not wanted. */

    /* Whether all are finite; if so, widens *least .. *most to hold them. */
    bool (*extent)(int64_t n, const void *x, double *least, double *most);
    double (*sum)(int64_t n, const void *x);
    double (*dot)(int64_t n, const void *x, const void *y);
    void (*fill)(int64_t n, double value, void *y);
    void (*scale)(int64_t n, double factor, const void *x, void *y);      /* y = factor x */
    void (*add_scaled)(int64_t n, double factor, const void *x, void *y); /* y += factor x */
    /* y = exp(x - shift), sum of it. */
    double (*exp_sum)(int64_t n, const void *x, double shift, void *y);
    /* Sum of exp(clip(x, -tau, tau) - shift). */
    double (*exp_clipped)(int64_t n, const void *x, double tau, double shift);
    /* The columns of a matrix, row by row: most = max(most, x); then sums += exp(x - shift), in the
     * table's own precision: to be taken away after 256 rows at the latest. */
    void (*max_columns)(int64_t n, const void *x, void *most);
    void (*exp_columns)(int64_t n, const void *x, const void *shift, void *sums);
    /* y = a exp(x - row) + column[i] exp(x - shift[i]). */
    void (*exp_rows_columns)(int64_t n, const void *x, double a, double row, const void *column,
                             const void *shift, void *y);
    /* y = sigmoid(x), sums[0] = of ln(1 + exp(x)), sums[1] = of exp(x), which may be infinite. */
    void (*softplus_sum)(int64_t n, const void *x, void *y, double sums[2]);
    /* y = tanh(x), sum of it. */
    double (*tanh_sum)(int64_t n, const void *x, void *y);

    /* -- joint matrices: sums of probabilities in float64 in every table, on the calling thread. */

    /* Row i of y, padded with zeros up to ldy, a multiple of MI__TILE_COLS, is the sum of the
     * `repeats` rows of x from i * repeats on, each times its weight (NULL: 1). Whether all of x is
     * finite and not negative. */
    bool (*widen)(int64_t rows, int64_t c, const void *x, int64_t ldx, int64_t repeats,
                  const void *weight, double *y, int64_t ldy);
    /* The transposed map: `repeats` rows of y for each of x, padded as above, times their
     * weights. */
    void (*narrow)(int64_t rows, int64_t c, const double *x, int64_t ldx, int64_t repeats,
                   const void *weight, void *y, int64_t ldy);
    /* The least of each column; whether all of x is finite and not negative. Then y = x - low, and
     * the sums of its columns. */
    bool (*lowest)(int64_t rows, int64_t c, const void *x, int64_t ldx, void *low);
    void (*lift)(int64_t rows, int64_t c, const void *x, int64_t ldx, const void *low, void *y,
                 int64_t ldy, double *sums);
    /* Rows of tiles, begin to end - 1. */
    void (*tiles)(const mi__tiles *t, int64_t begin, int64_t end);
    /* p = a / total, g = row + column - ln p, infinite where p is 0; sum of p g. g may be a. */
    double (*slopes)(int64_t n, const double *a, double total, double row, const double *column,
                     double *g);

    /* -- pairs: own [rows] and others [rows][k] are scores, weight . relu(a + b) + bias, that are
     * made without their units; or units, [rows][c] and [rows][k][c]. */

    void (*pair_scores)(mi_context *ctx, const mi__pairing *p, const void *weight, double bias,
                        void *own, void *others);
    void (*pair_units)(mi_context *ctx, const mi__pairing *p, void *own, void *others);
    /* Back, from the gradients of all rows: first is 0, last is n. */
    void (*pair_scores_backward)(mi_context *ctx, const mi__pairing *p, const void *weight,
                                 const void *down, const void *dothers, void *da, void *db,
                                 void *dweight);
    void (*pair_units_backward)(mi_context *ctx, const mi__pairing *p, const void *down,
                                const void *dothers, void *da, void *db);

    /* -- random numbers, on the calling thread: first to first + n - 1 of a stream, see
     * mi/random.h. Whatever the table: uniform ones are the same, normal ones but for rounding. */
    void (*uniforms)(uint64_t seed, uint64_t stream, int64_t first, int64_t n, void *out);
    void (*normals)(uint64_t seed, uint64_t stream, int64_t first, int64_t n, void *out);

    /* -- neighbours in float64, see search.h: on the calling thread, for the points of the leaves
     * begin to end - 1; what is found is stored by the callers' rows. */

    /* The distance of the k-th nearest other point, k at most MI__MOST_NEAREST and less than n. */
    void (*nearest)(const mi__tree *t, int32_t k, int64_t begin, int64_t end, double *distance);
    /* How many points, itself included, are nearer than the row's radius. */
    void (*within)(const mi__tree *t, const double *radius, int64_t begin, int64_t end,
                   int32_t *count);
    /* The points of `blocks` blocks that no column puts more than `most` away from the query: a bit
     * each. Whether there are any. */
    bool (*sift)(const mi__sieve *s, int64_t block, int64_t blocks, const uint8_t *query,
                 uint8_t most, uint64_t *mask);

    /* -- rows that are compared with each other, on the calling thread. Sums are in float64, the
     * same bits in every table of one precision. */

    /* Sum of (p x - q y)^2. */
    double (*gap_square)(int64_t n, const void *x, double p, const void *y, double q);
    /* y = (p x - centre) scale, and the sum of its squares before they are rounded. */
    double (*recentre)(int64_t n, const void *x, double p, const double *centre, double scale,
                       void *y);
    /* Where height = x - low + factor slack, in the table's own precision, is `limit` at least, in
     * rising order; how many there are. Both outputs have room for n. */
    int64_t (*highest)(int64_t n, const void *x, const void *low, const void *slack, double factor,
                       double limit, int32_t *at, void *height);

    /* -- rows of assignment problems in float64, on the calling thread. What a column is worth is
     *     w = factor cost + price;
     * the factor is a power of two or its negative, so that every table finds the same bits. Costs
     * are no NaN, except in row_look(); neither they nor prices are -infinity times the factor's
     * sign. */

    /* The least of factor cost; whether all are less than MI__LARGE_COST in magnitude. */
    bool (*row_look)(int64_t n, double factor, const double *cost, double *least);
    /* low = min(low, factor cost). */
    void (*row_lower)(int64_t n, double factor, const double *cost, double *low);
    /* The least of w and the least of all others. */
    void (*row_two)(int64_t n, double factor, const double *cost, const double *price,
                    double *least, double *second);
    /* The first place from `begin` on where w <= limit, or n. */
    int64_t (*row_first)(int64_t n, double factor, const double *cost, const double *price,
                         double limit, int64_t begin);
    /* The least of w in each of MI__CLASSES classes, infinite in those that have no column. */
    void (*row_classes)(int64_t n, double factor, const double *cost, const double *price,
                        double *low);
    /* Where w <= limit, in rising order; how many. `at` has room for n. */
    int64_t (*row_below)(int64_t n, double factor, const double *cost, const double *price,
                         double limit, int32_t *at);
    /* far = min(far, base + w), and before = row where that is less than it was; the least of
     * far. */
    double (*row_relax)(int64_t n, double factor, const double *cost, const double *price,
                        double base, double row, double *far, double *before);
    /* Where base + w < far and limit, in rising order; how many. `at` has room for n. */
    int64_t (*row_closer)(int64_t n, double factor, const double *cost, const double *price,
                          double base, double limit, const double *far, int32_t *at);
    /* From `cost`: the rest. False if there is no matching. */
    bool (*assign_small)(mi__small *p);
} mi__kernels;

extern const mi__kernels mi__kernels_f64;       /* the reference in double */
extern const mi__kernels mi__kernels_reference; /* the reference in float */

/* The best float table for this processor, or the one that LIBMI_CPU forces. */
const mi__kernels *mi__kernels_select(void);

/* The index-th float table that this processor can run, best first, the reference last; NULL past
 * it. */
const mi__kernels *mi__kernels_list(int32_t index);

/* Whether a table's transformed convolutions can multiply in bfloat16 here. */
bool mi__kernels_half(const mi__kernels *k);

/* The BLAS and, where it tells, its configuration, for mi_build_info(). */
const char *mi__blas_info(void);

/* The core that OpenBLAS works for, NULL where none tells. */
const char *mi__blas_core(void);
/* The same if this processor has AVX-512 and that core has not, else NULL. */
const char *mi__blas_mistake(void);

#endif
