/* SPDX-License-Identifier: BSD-2-Clause */
/* Moments of an output that was made in parts: of each part a count, means of its columns, and sums
 * of squares around them. */

static int64_t moment_doubles(int64_t width) {
    return 1 + 2 * width;
}

/* Puts the parts together, in their order, into the first (Chan, Golub and LeVeque, "Algorithms for
 * computing the sample variance", 1983). */
static void join_moments(int64_t parts, int64_t width, int64_t out, double *moments_of, float *mean,
                         float *variance) {
    double *restrict means = moments_of + 1, *restrict squares = means + width;
    double count = moments_of[0];
    for (int64_t i = 1; i < parts; i++) {
        const double *part = moments_of + i * moment_doubles(width);
        const double *restrict m = part + 1, *restrict s = m + width;
        const double share = part[0] / (count + part[0]);
        for (int64_t c = 0; c < out; c++) {
            double delta = m[c] - means[c];
            means[c] += delta * share;
            squares[c] += s[c] + delta * delta * share * count;
        }
        count += part[0];
    }
    for (int64_t c = 0; c < out; c++) {
        mean[c] = (float)means[c];
        variance[c] = (float)MI__MAX(squares[c] / count, 0);
    }
}
