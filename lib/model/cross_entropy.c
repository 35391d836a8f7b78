/* SPDX-License-Identifier: BSD-2-Clause */
#include "cross_entropy.h"

#include <inttypes.h>
#include <math.h>

#define GRAIN 16384

typedef struct job {
    const mi_encoder *e;
    int64_t classes;
    const int32_t *label;
    double *loss; /* [n], NaN where a logit isn't finite */
} job;

static double get(size_t real, const void *x, int64_t i) {
    return real == sizeof(float) ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static void subtract(size_t real, void *x, int64_t i, double value) {
    if (real == sizeof(float))
        ((float *)x)[i] -= (float)value;
    else
        ((double *)x)[i] -= value;
}

/* (softmax - one at the label) / n */
static double lose_row(const mi_encoder *e, int64_t classes, const void *z, int32_t label,
                       void *dz) {
    const mi__kernels *k = e->pass.kernel;
    double least = INFINITY, most = -INFINITY, share = 1 / (double)e->pass.n;
    if (!k->extent(classes, z, &least, &most))
        return NAN;
    double sum = k->exp_sum(classes, z, most, dz);
    k->scale(classes, share / sum, dz, dz);
    subtract(k->real, dz, label, share);
    return log(sum) + (most - get(k->real, z, label));
}

static void lose_rows(void *arg, int64_t begin, int64_t end) {
    const job *j = arg;
    const size_t row = (size_t)j->classes * j->e->pass.kernel->real;
    const char *z = MI__FEATURES(j->e);
    char *dz = j->e->dfeatures;
    for (int64_t r = begin; r < end; r++)
        j->loss[r] =
            lose_row(j->e, j->classes, z + (size_t)r * row, j->label[r], dz + (size_t)r * row);
}

mi_status mi__cross_entropy(mi_encoder *e, const int32_t *label, double *loss) {
    job j = {e, mi_encoder_width(e, -1), label, loss};
    mi__parallel_ranges(e->ctx, e->pass.n, GRAIN / j.classes + 1, lose_rows, &j);
    for (int64_t r = 0; r < e->pass.n; r++)
        if (isnan(loss[r]))
            return mi__fail(MI_E_NUMERIC, "a logit of row %" PRId64 " is NaN or infinite", r);
    return MI_OK;
}
