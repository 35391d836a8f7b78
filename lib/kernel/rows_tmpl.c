/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows that are compared with each other. Sums are in float64, each in the same order in every
 * table. */

#define SUMS 16

static double total_of(const double *sums) {
    double half[SUMS / 2], total = 0;
    for (int l = 0; l < SUMS / 2; l++)
        half[l] = sums[l] + sums[l + SUMS / 2];
    for (int l = 0; l < SUMS / 2; l++)
        total += half[l];
    return total;
}

static double gap_square(int64_t n, const void *x, double p, const void *y, double q) {
    const real *a = x, *b = y;
    double sums[SUMS] = {0};
    int64_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int l = 0; l < SUMS; l++) {
            const double gap = p * (double)a[i + l] - q * (double)b[i + l];
            sums[l] += gap * gap;
        }
    for (int l = 0; i < n; i++, l++) {
        const double gap = p * (double)a[i] - q * (double)b[i];
        sums[l] += gap * gap;
    }
    return total_of(sums);
}

static double recentre(int64_t n, const void *x, double p, const double *centre, double scale,
                       void *y) {
    const real *in = x;
    real *out = y;
    double sums[SUMS] = {0};
    int64_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int l = 0; l < SUMS; l++) {
            const double at = (p * (double)in[i + l] - centre[i + l]) * scale;
            out[i + l] = (real)at;
            sums[l] += at * at;
        }
    for (int l = 0; i < n; i++, l++) {
        const double at = (p * (double)in[i] - centre[i]) * scale;
        out[i] = (real)at;
        sums[l] += at * at;
    }
    return total_of(sums);
}

#define SIFTED 16 /* numbers that are mostly passed over at once */

static int64_t highest(int64_t n, const void *x, const void *low, const void *slack, double factor,
                       double limit, int32_t *at, void *height) {
    const real *in = x, *by = low, *more = slack, f = (real)factor, least = (real)limit;
    real *out = height, found[SIFTED];
    int64_t count = 0;
    for (int64_t i = 0; i < n; i += SIFTED) {
        const int32_t length = (int32_t)MI__MIN(n - i, SIFTED);
        int32_t any = 0;
        if (length == SIFTED)
            for (int32_t j = 0; j < SIFTED; j++) {
                found[j] = in[i + j] - by[i + j] + f * more[i + j];
                any |= found[j] >= least;
            }
        else
            for (int32_t j = 0; j < length; j++) {
                found[j] = in[i + j] - by[i + j] + f * more[i + j];
                any |= found[j] >= least;
            }
        for (int32_t j = 0; any != 0 && j < length; j++) {
            at[count] = (int32_t)i + j;
            out[count] = found[j];
            count += found[j] >= least;
        }
    }
    return count;
}
