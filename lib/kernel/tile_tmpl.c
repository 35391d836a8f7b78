/* SPDX-License-Identifier: BSD-2-Clause */
/* Winograd's transforms of convolutions F(m x m, r x r), for output tiles of m, kernels of r and
 * input tiles of p = m + r - 1 (Lavin and Gray, "Fast algorithms for convolutional neural
 * networks", 2016):
 *
 *   y = At [(G g Gt) * (Bt d B)] A     g weights, d input tile, * elementwise, summed over channels
 *
 * and the gradients, which are the transposed maps:
 *
 *   dg = Gt [(Bt d B) * (A dy At)] G   summed over tiles
 *
 * A tile is a polynomial, and known by its values at p points: A and G evaluate at them, and Bt
 * depends on nothing else. They are 0, 1, -1, infinity; 2 for p = 5; 1/2 and -2 for p = 6, whose
 * rounding error is less than half of what the usual 2 and -2 give. */

#define MAX_P 6
#define MAX_R 5

/* Bt of each p */
static const float input_matrix[MAX_P + 1][MAX_P][MAX_P] = {
    [3] = {{-1, 1, 0}, {0, 1, 0}, {0, -1, 1}},
    [4] = {{-1, 0, 1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
    [5] = {{2, -1, -2, 1, 0},
           {0, -2, -1, 1, 0},
           {0, 2, -3, 1, 0},
           {0, -1, 0, 1, 0},
           {0, 2, -1, -2, 1}},
    [6] = {{1, -1.5f, -2, 1.5f, 1, 0},
           {0, -1, 0.5f, 2.5f, 1, 0},
           {0, 1, -2.5f, 0.5f, 1, 0},
           {0, -2, -1, 2, 1, 0},
           {0, 0.5f, -1, -0.5f, 1, 0},
           {0, 1, -1.5f, -2, 1.5f, 1}},
};
/* Powers of the finite points */
static const float powers[MAX_P + 1][MAX_P][MAX_R] = {
    [3] = {{1, 0, 0, 0, 0}, {1, 1, 1, 1, 1}},
    [4] = {{1, 0, 0, 0, 0}, {1, 1, 1, 1, 1}, {1, -1, 1, -1, 1}},
    [5] = {{1, 0, 0, 0, 0}, {1, 1, 1, 1, 1}, {1, -1, 1, -1, 1}, {1, 2, 4, 8, 16}},
    [6] = {{1, 0, 0, 0, 0},
           {1, 1, 1, 1, 1},
           {1, -1, 1, -1, 1},
           {1, 0.5f, 0.25f, 0.125f, 0.0625f},
           {1, -2, 4, -8, 16}},
};
/* What G's rows are multiplied by, one over the product of a point's distances from the others */
static const float weight_scale[MAX_P + 1][MAX_P] = {
    [3] = {-1, 1, 1},
    [4] = {-1, 1 / 2.f, 1 / 2.f, 1},
    [5] = {1 / 2.f, -1 / 2.f, -1 / 6.f, 1 / 6.f, 1},
    [6] = {1, 1 / 3.f, -1 / 3.f, -16 / 15.f, 1 / 15.f, 1},
};

/* Their shapes: Bt [p][p], At [m][p], A [p][m], G [p][r], Gt [r][p]. */
enum matrix { BT, AT, A, G, GT };

/* Of the matrix that evaluates a polynomial with `count` coefficients. */
INLINE float power(const int p, const int count, const int point, const int k) {
    return point == p - 1 ? (float)(k == count - 1) : powers[p][point][k];
}

/* Element (i, k) of a matrix; `count` is m or r. */
INLINE float element(const enum matrix matrix, const int p, const int count, const int i,
                     const int k) {
    switch (matrix) {
    case BT: return input_matrix[p][i][k];
    case AT: return power(p, count, k, i);
    case A: return power(p, count, i, k);
    case G: return power(p, count, i, k) * weight_scale[p][i];
    default: return power(p, count, k, i) * weight_scale[p][k];
    }
}

/* y[rows] = matrix x[columns], y's elements `step` apart. The factors are known at compile time, so
 * that those of 0 and 1 cost nothing. */
INLINE void apply(const enum matrix matrix, const int p, const int count, const vec *x, vec *y,
                  const int step) {
    const int rows = matrix == AT || matrix == GT ? count : p;
    const int columns = matrix == A || matrix == G ? count : p;
    UNROLL_ALL
    for (int i = 0; i < rows; i++) {
        vec sum = broadcast(0);
        bool first = true;
        UNROLL_ALL
        for (int k = 0; k < columns; k++) {
            const float f = element(matrix, p, count, i, k);
            if (f == 0)
                continue;
            if (first)
                sum = f == 1 ? x[k] : (vec)(broadcast(f) * x[k]);
            else if (f == 1)
                sum = sum + x[k];
            else if (f == -1)
                sum = sum - x[k];
            else
                sum = madd(broadcast(f), x[k], sum);
            first = false;
        }
        y[i * step] = sum;
    }
}
