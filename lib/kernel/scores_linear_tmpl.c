/* SPDX-License-Identifier: BSD-2-Clause */
/* Stretches of scores: what compilers make vectors of by themselves. */

static void fill(int64_t n, double value, void *y) {
    real *out = y;
    for (int64_t i = 0; i < n; i++)
        out[i] = (real)value;
}

static void scale(int64_t n, double factor, const void *x, void *y) {
    const real *in = x, by = (real)factor;
    real *out = y;
    INDEPENDENT
    for (int64_t i = 0; i < n; i++)
        out[i] = by * in[i];
}

static void add_scaled(int64_t n, double factor, const void *x, void *y) {
    const real *in = x, by = (real)factor;
    real *out = y;
    INDEPENDENT
    for (int64_t i = 0; i < n; i++)
        out[i] += by * in[i];
}

static void max_columns(int64_t n, const void *x, void *most) {
    const real *in = x;
    real *out = most;
    INDEPENDENT
    for (int64_t i = 0; i < n; i++)
        out[i] = in[i] > out[i] ? in[i] : out[i];
}
