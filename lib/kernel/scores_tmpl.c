/* SPDX-License-Identifier: BSD-2-Clause */
/* Stretches of scores: extent, sums, exponentials, the latter found in double. */

static bool extent(int64_t n, const void *x, double *least, double *most) {
    const real *in = x;
    double low = *least, high = *most;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(in[i]))
            return false;
        low = (double)in[i] < low ? (double)in[i] : low;
        high = (double)in[i] > high ? (double)in[i] : high;
    }
    *least = low;
    *most = high;
    return true;
}

static double sum(int64_t n, const void *x) {
    const real *in = x;
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total += (double)in[i];
    return total;
}

static double dot(int64_t n, const void *x, const void *y) {
    const real *a = x, *b = y;
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total += (double)a[i] * (double)b[i];
    return total;
}

static real exp_of(real x) {
    return (real)exp((double)x);
}

static double exp_sum(int64_t n, const void *x, double shift, void *y) {
    const real *in = x;
    real *out = y;
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        const real e = exp_of(in[i] - (real)shift);
        if (out != NULL)
            out[i] = e;
        total += (double)e;
    }
    return total;
}

static double exp_clipped(int64_t n, const void *x, double tau, double shift) {
    const real *in = x, top = (real)tau;
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        const real low = in[i] < -top ? -top : in[i];
        total += (double)exp_of((low > top ? top : low) - (real)shift);
    }
    return total;
}

static void exp_columns(int64_t n, const void *x, const void *shift, void *sums) {
    const real *in = x, *by = shift;
    real *out = sums;
    for (int64_t i = 0; i < n; i++)
        out[i] += exp_of(in[i] - by[i]);
}

static void exp_rows_columns(int64_t n, const void *x, double a, double row, const void *column,
                             const void *shift, void *y) {
    const real *in = x, *factor = column, *by = shift;
    real *out = y;
    for (int64_t i = 0; i < n; i++)
        out[i] = (real)a * exp_of(in[i] - (real)row) + factor[i] * exp_of(in[i] - by[i]);
}

static void softplus_sum(int64_t n, const void *x, void *y, double sums[2]) {
    const real *in = x;
    real *out = y;
    double softplus = 0, exponential = 0;
    for (int64_t i = 0; i < n; i++) {
        const double value = (double)in[i], t = exp(-fabs(value));
        softplus += (value > 0 ? value : 0) + log1p(t);
        exponential += (double)exp_of(in[i]);
        if (out != NULL)
            out[i] = (real)((value < 0 ? t : 1) / (1 + t));
    }
    sums[0] = softplus;
    sums[1] = exponential;
}

static double tanh_sum(int64_t n, const void *x, void *y) {
    const real *in = x;
    real *out = y;
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        const real value = (real)tanh((double)in[i]);
        if (out != NULL)
            out[i] = value;
        total += (double)value;
    }
    return total;
}
