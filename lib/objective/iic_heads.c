/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches of heads: into the joint matrices, and the gradients back. */
#include "iic.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define LEAST_SUM 1e-30 /* slopes that this divides are within float32 at any lambda */

static mi_status check_sizes(const mi_iic *iic, int64_t n, int32_t count) {
    int64_t twins;
    if (n < 1)
        return mi__fail(MI_E_ARG, "n must be at least 1, got %" PRId64, n);
    MI__TRY(mi__iic_check_count(count));
    if (!mi__multiply(n, iic->repeats, &twins))
        return mi__fail(MI_E_SHAPE, "%" PRId64 " rows with %" PRId64 " repeats are too many", n,
                        iic->repeats);
    return MI_OK;
}

static mi_status check_begun(const mi_iic *iic, int32_t count) {
    if (count != iic->count)
        return mi__fail(MI_E_ARG, "%" PRId32 " heads are given, %" PRId32 " were begun", count,
                        iic->count);
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
#define TABLE(iic) ((iic)->kernels)
#define TYPED(name) name##_f32
#include "iic_tmpl.c"
#undef REAL
#undef LARGEST
#undef TABLE
#undef TYPED

#define REAL double
#define LARGEST DBL_MAX
#define TABLE(iic) (&mi__kernels_f64)
#define TYPED(name) name##_f64
#include "iic_tmpl.c"
