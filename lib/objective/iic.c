/* SPDX-License-Identifier: BSD-2-Clause */
/* With A = sum z_i w_i^T, where w_i is the sum of the twins of sample i, S = sum(A) and
 * P = (A + A^T) / 2S, the loss is homogeneous of degree 0 in A, and
 *
 *     G_cd = lambda ln p_c + lambda ln p_d - ln P_cd,   loss = <G, P>
 *     dloss/dA = (G - loss) / S = H,   dz_i = H w_i,   dzt_j = H z_i
 *
 * The constants 1 - 2 lambda of dloss/dP cancel against the normaliser. H is symmetric. */
#include "../base/base.h"

#include <mi/iic.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define BLOCK 64    /* samples at a time: both blocks stay in cache up to K of 1000 or so */
#define TILE_ROWS 4 /* BLOCK and TILE_COLS are multiples of it */
#define TILE_COLS 8
#define WORTH (1 << 20) /* multiplications that pay for waking another thread */
#define MOST_CLASSES 65536

struct mi_iic {
    mi_context *context;
    double lambda;
    int64_t repeats;
    double *space; /* scratch of BLOCK rows three times, then what room_of() says for each head */
    int64_t scratch, space_count;
};

/* What one head computes with. Rows are padded with zeros to whole tiles. */
typedef struct room {
    int64_t classes, ld;
    double *z, *w, *gradient; /* [BLOCK][ld], shared by the heads */
    double *joint;            /* [classes, padded][ld]: A, then P, then H */
    double *logs;             /* [ld]: ln p */
    double *loss;
} room;

static int64_t round_up(int64_t n, int64_t unit) {
    return (n + unit - 1) / unit * unit;
}

/* Strides of whole pages would put a column of a tile into one set of the cache. */
static int64_t stride_of(int64_t classes) {
    int64_t ld = round_up(classes, TILE_COLS);
    return ld % 512 == 0 ? ld + TILE_COLS : ld;
}

static int64_t room_size(int64_t classes) {
    return (round_up(classes, TILE_COLS) + 1) * stride_of(classes) + TILE_COLS;
}

/* The next head's room; `*next` begins behind the scratch. */
static room room_of(const mi_iic *iic, int64_t classes, double **next) {
    int64_t ld = stride_of(classes);
    room r = {.classes = classes, .ld = ld, .z = iic->space, .joint = *next};
    r.w = r.z + BLOCK * ld;
    r.gradient = r.w + BLOCK * ld;
    r.logs = r.joint + round_up(classes, TILE_COLS) * ld;
    r.loss = r.logs + ld;
    *next += room_size(classes);
    return r;
}

static mi_status reserve(mi_iic *iic, int64_t count) {
    if (count <= iic->space_count)
        return MI_OK;
    mi__free(iic->context, iic->space, iic->space_count, sizeof(double));
    iic->space_count = 0;
    iic->space = mi__alloc(iic->context, count, sizeof(double));
    if (iic->space == NULL)
        return MI_E_NOMEM;
    iic->space_count = count;
    return MI_OK;
}

/* -- products: C += op(A) B, every element summed in one order whatever the threads ------------ */

typedef struct product {
    const double *a; /* element (i, k) at i * a_row + k * a_step */
    int64_t a_row, a_step;
    const double *b; /* [steps][ld] */
    double *c;       /* [rows][ld] */
    int64_t ld, cols, steps;
} product;

static void add_tile(const product *p, int64_t i, int64_t j) {
    double sum[TILE_ROWS][TILE_COLS] = {{0}};
    const double *a = p->a + i * p->a_row, *b = p->b + j;
    for (int64_t k = 0; k < p->steps; k++, a += p->a_step, b += p->ld)
        for (int r = 0; r < TILE_ROWS; r++)
            for (int s = 0; s < TILE_COLS; s++)
                sum[r][s] += a[r * p->a_row] * b[s];
    for (int r = 0; r < TILE_ROWS; r++)
        for (int s = 0; s < TILE_COLS; s++)
            p->c[(i + r) * p->ld + j + s] += sum[r][s];
}

static void add_tile_rows(void *arg, int64_t begin, int64_t end) {
    const product *p = arg;
    for (int64_t j = 0; j < p->cols; j += TILE_COLS)
        for (int64_t i = begin; i < end; i++)
            add_tile(p, i * TILE_ROWS, j);
}

static void multiply(mi_context *context, product *p, int64_t rows) {
    mi__parallel_ranges(context, round_up(rows, TILE_ROWS) / TILE_ROWS,
                        WORTH / (TILE_ROWS * p->cols * p->steps), add_tile_rows, p);
}

/* A += z^T w over a block of samples. */
static void add_joint(mi_context *context, const room *r, int64_t samples) {
    product p = {.a = r->z,
                 .a_row = 1,
                 .a_step = r->ld,
                 .b = r->w,
                 .c = r->joint,
                 .ld = r->ld,
                 .cols = r->classes,
                 .steps = samples};
    multiply(context, &p, r->classes);
}

/* gradient = x H over a block of samples. */
static void find_gradient(mi_context *context, const room *r, const double *x, int64_t samples) {
    product p = {.a = x,
                 .a_row = r->ld,
                 .a_step = 1,
                 .b = r->joint,
                 .c = r->gradient,
                 .ld = r->ld,
                 .cols = r->classes,
                 .steps = r->classes};
    memset(r->gradient, 0, (size_t)(BLOCK * r->ld) * sizeof(double));
    multiply(context, &p, samples);
}

/* -- from A to the loss and H ------------------------------------------------------------------ */

/* A becomes P; returns S. */
static double normalize(const room *r) {
    double *a = r->joint, sum = 0;
    for (int64_t c = 0; c < r->classes; c++)
        for (int64_t d = 0; d < r->classes; d++)
            sum += a[c * r->ld + d];
    for (int64_t c = 0; c < r->classes; c++)
        for (int64_t d = c; d < r->classes; d++) {
            double *upper = &a[c * r->ld + d], *lower = &a[d * r->ld + c];
            *upper = *lower = (0.5 * *upper + 0.5 * *lower) / sum;
        }
    return sum;
}

/* P becomes G, infinite where P is 0; returns the loss. */
static double slopes(const room *r, double lambda) {
    double *p = r->joint, loss = 0;
    for (int64_t c = 0; c < r->classes; c++) {
        double marginal = 0;
        for (int64_t d = 0; d < r->classes; d++)
            marginal += p[c * r->ld + d];
        r->logs[c] = marginal > 0 ? log(marginal) : 0;
    }
    for (int64_t c = 0; c < r->classes; c++)
        for (int64_t d = c; d < r->classes; d++) {
            double value = p[c * r->ld + d], g = INFINITY;
            if (value > 0) {
                g = lambda * (r->logs[c] + r->logs[d]) - log(value);
                loss += (c == d ? 1 : 2) * value * g;
            }
            p[c * r->ld + d] = p[d * r->ld + c] = g;
        }
    return loss;
}

/* A becomes H, `weight` of it. Where P is 0, H is: the limit, infinity, would serve nobody, and
 * behind a softmax it only meets factors of 0. */
static mi_status differentiate(const room *r, double lambda, double weight, int32_t head) {
    double sum = normalize(r);
    if (sum == 0)
        return mi__fail(MI_E_NUMERIC, "head %" PRId32 ": the joint matrix is all 0", head);
    if (!isnormal(sum))
        return mi__fail(MI_E_NUMERIC, "head %" PRId32 ": the joint matrix sums to %g, beyond range",
                        head, sum);
    double loss = slopes(r, lambda), factor = weight / sum;
    for (int64_t c = 0; c < r->classes; c++)
        for (int64_t d = 0; d < r->classes; d++) {
            double *g = &r->joint[c * r->ld + d];
            *g = isinf(*g) ? 0 : (*g - loss) * factor;
        }
    *r->loss = loss;
    return MI_OK;
}

/* -- arguments --------------------------------------------------------------------------------- */

static mi_status check_sizes(const mi_iic *iic, int64_t n, int32_t count) {
    int64_t twins;
    if (n < 1)
        return mi__fail(MI_E_ARG, "n must be at least 1, got %" PRId64, n);
    if (count < 1)
        return mi__fail(MI_E_ARG, "count must be at least 1, got %" PRId32, count);
    if (!mi__multiply(n, iic->repeats, &twins))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " rows with %" PRId64 " repeats are too many", n,
                        iic->repeats);
    return MI_OK;
}

static mi_status check_classes(int64_t classes, int32_t head) {
    if (classes < 2 || classes > MOST_CLASSES)
        return mi__fail(MI_E_ARG, "head %" PRId32 ": classes must be in 2 to %d, got %" PRId64,
                        head, MOST_CLASSES, classes);
    return MI_OK;
}

/* One matrix of a head; `name` is z, zt, dz or dzt. */
static mi_status check_matrix(int32_t head, const char *name, int64_t rows, int64_t classes,
                              int64_t ld, size_t size) {
    int64_t bytes;
    if (ld != 0 && ld < classes)
        return mi__fail(MI_E_SHAPE,
                        "head %" PRId32 ": ld%s is %" PRId64 ", there are %" PRId64 " classes",
                        head, name, ld, classes);
    if (!mi__multiply(rows, MI__MAX(ld, classes), &bytes) ||
        !mi__multiply(bytes, (int64_t)size, &bytes))
        return mi__fail(MI_E_SHAPE,
                        "head %" PRId32 ": %s is too large: %" PRId64 " rows of %" PRId64, head,
                        name, rows, MI__MAX(ld, classes));
    return MI_OK;
}

#define REAL float
#define LARGEST FLT_MAX
#define TYPED(name) name##_f32
#include "iic_tmpl.c"
#undef REAL
#undef LARGEST
#undef TYPED

#define REAL double
#define LARGEST DBL_MAX
#define TYPED(name) name##_f64
#include "iic_tmpl.c"

/* -- life -------------------------------------------------------------------------------------- */

mi_status mi_iic_create(mi_context *context, const mi_iic_options *options, mi_iic **out) {
    MI__NEED(out);
    mi_iic_options o = {0};
    MI__TRY(mi__options_load(&o, sizeof o, sizeof o, options, "mi_iic_options"));
    if (!(o.lambda >= 0 && isfinite(o.lambda)))
        return mi__fail(MI_E_ARG, "lambda must be above 0 (or 0 for 1) and finite, got %g",
                        o.lambda);
    if (o.repeats < 0)
        return mi__fail(MI_E_ARG, "repeats must not be negative, got %" PRId64, o.repeats);
    mi_context *own;
    MI__TRY(mi__context_take(context, &own));
    mi_iic *iic = mi__alloc_zero(own, 1, sizeof *iic);
    if (iic == NULL) {
        mi_context_destroy(own);
        return MI_E_NOMEM;
    }
    iic->context = own;
    iic->lambda = o.lambda == 0 ? 1 : o.lambda;
    iic->repeats = o.repeats == 0 ? 1 : o.repeats;
    *out = iic;
    return MI_OK;
}

void mi_iic_destroy(mi_iic *iic) {
    if (iic == NULL)
        return;
    mi_context *context = iic->context;
    mi__free(context, iic->space, iic->space_count, sizeof(double));
    mi__free(context, iic, 1, sizeof *iic);
    mi_context_destroy(context);
}
