/* SPDX-License-Identifier: BSD-2-Clause */
/* What joint matrices are made of, in plain C: the twin of joint_tmpl.c. */

static bool widen(int64_t rows, int64_t c, const void *x, int64_t ldx, int64_t repeats,
                  const void *weight, double *y, int64_t ldy) {
    const real *in = x, *w = weight;
    const real largest = sizeof(real) == sizeof(float) ? (real)FLT_MAX : (real)DBL_MAX;
    bool good = true;
    memset(y, 0, (size_t)(rows * ldy) * sizeof *y);
    for (int64_t i = 0; i < rows; i++, y += ldy)
        for (int64_t j = 0; j < repeats; j++, in += ldx) {
            const double counts = w == NULL ? 1 : (double)*w++;
            for (int64_t k = 0; k < c; k++) {
                good &= (in[k] >= 0) & (in[k] <= largest);
                y[k] += counts * (double)in[k];
            }
        }
    return good;
}

static void narrow(int64_t rows, int64_t c, const double *x, int64_t ldx, int64_t repeats,
                   const void *weight, void *y, int64_t ldy) {
    const real *w = weight;
    real *out = y;
    for (int64_t i = 0; i < rows; i++, x += ldx)
        for (int64_t j = 0; j < repeats; j++, out += ldy) {
            const double counts = w == NULL ? 1 : (double)*w++;
            for (int64_t k = 0; k < c; k++)
                out[k] = (real)(counts * x[k]);
        }
}

static bool lowest(int64_t rows, int64_t c, const void *x, int64_t ldx, void *low) {
    const real *in = x;
    const real largest = sizeof(real) == sizeof(float) ? (real)FLT_MAX : (real)DBL_MAX;
    real *least = low;
    bool good = true;
    memcpy(least, in, (size_t)c * sizeof *least);
    for (int64_t i = 0; i < rows; i++, in += ldx)
        for (int64_t k = 0; k < c; k++) {
            good &= (in[k] >= 0) & (in[k] <= largest);
            least[k] = in[k] < least[k] ? in[k] : least[k];
        }
    return good;
}

static void lift(int64_t rows, int64_t c, const void *x, int64_t ldx, const void *low, void *y,
                 int64_t ldy, double *sums) {
    const real *in = x, *least = low;
    real *out = y;
    memset(sums, 0, (size_t)c * sizeof *sums);
    for (int64_t i = 0; i < rows; i++, in += ldx, out += ldy)
        INDEPENDENT
    for (int64_t k = 0; k < c; k++) {
        out[k] = in[k] - least[k];
        sums[k] += (double)out[k];
    }
}

static void tiles(const mi__tiles *t, int64_t begin, int64_t end) {
    for (int64_t i = begin * MI__TILE_ROWS; i < end * MI__TILE_ROWS; i++)
        for (int64_t j = 0; j < t->columns; j += MI__TILE_COLS) {
            double sum[MI__TILE_COLS] = {0}, *to = t->c + i * t->ldc + j;
            const double *a = t->a + i * t->row, *b = t->b + j;
            for (int64_t k = 0; k < t->depth; k++, a += t->step, b += t->ldb)
                for (int s = 0; s < MI__TILE_COLS; s++)
                    sum[s] += *a * b[s];
            for (int s = 0; s < MI__TILE_COLS; s++)
                to[s] = t->add ? to[s] + sum[s] : sum[s];
        }
}

static double slopes(int64_t n, const double *a, double total, double row, const double *column,
                     double *g) {
    double loss = 0;
    for (int64_t d = 0; d < n; d++) {
        const double p = a[d] / total;
        g[d] = p > 0 ? row + column[d] - log(p) : HUGE_VAL;
        loss += p > 0 ? p * g[d] : 0;
    }
    return loss;
}
