/* SPDX-License-Identifier: BSD-2-Clause */
/* Winograd's transforms of 3x3 convolution F(m x m, 3x3), for output tiles of m = 2, 3, 4 and input
 * tiles of p = m + 2 (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016):
 *
 *   y = At [(G g Gt) * (Bt d B)] A     g weights, d input tile, * elementwise, summed over channels
 *
 * and the gradients, which are the transposed maps:
 *
 *   dg = Gt [(Bt d B) * (A dy At)] G   summed over tiles
 *
 * The points are 0, 1, -1, infinity; 2 for m = 3; 1/2 and -2 for m = 4, whose rounding error is
 * less than half of what the usual 2 and -2 give. */

#define MAX_P 6

/* Bt [p][p] of m = 2, 3, 4 */
static const float input_matrix[3][MAX_P][MAX_P] = {
    {{-1, 0, 1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
    {{2, -1, -2, 1, 0}, {0, -2, -1, 1, 0}, {0, 2, -3, 1, 0}, {0, -1, 0, 1, 0}, {0, 2, -1, -2, 1}},
    {{1, -1.5f, -2, 1.5f, 1, 0},
     {0, -1, 0.5f, 2.5f, 1, 0},
     {0, 1, -2.5f, 0.5f, 1, 0},
     {0, -2, -1, 2, 1, 0},
     {0, 0.5f, -1, -0.5f, 1, 0},
     {0, 1, -1.5f, -2, 1.5f, 1}},
};
/* G [p][3] */
static const float weight_matrix[3][MAX_P][MAX_P] = {
    {{-1, 0, 0}, {1 / 2.f, 1 / 2.f, 1 / 2.f}, {1 / 2.f, -1 / 2.f, 1 / 2.f}, {0, 0, 1}},
    {{1 / 2.f, 0, 0},
     {-1 / 2.f, -1 / 2.f, -1 / 2.f},
     {-1 / 6.f, 1 / 6.f, -1 / 6.f},
     {1 / 6.f, 1 / 3.f, 2 / 3.f},
     {0, 0, 1}},
    {{1, 0, 0},
     {1 / 3.f, 1 / 3.f, 1 / 3.f},
     {-1 / 3.f, 1 / 3.f, -1 / 3.f},
     {-16 / 15.f, -8 / 15.f, -4 / 15.f},
     {1 / 15.f, -2 / 15.f, 4 / 15.f},
     {0, 0, 1}},
};
/* Gt [3][p] */
static const float weight_matrix_t[3][MAX_P][MAX_P] = {
    {{-1, 1 / 2.f, 1 / 2.f, 0}, {0, 1 / 2.f, -1 / 2.f, 0}, {0, 1 / 2.f, 1 / 2.f, 1}},
    {{1 / 2.f, -1 / 2.f, -1 / 6.f, 1 / 6.f, 0},
     {0, -1 / 2.f, 1 / 6.f, 1 / 3.f, 0},
     {0, -1 / 2.f, -1 / 6.f, 2 / 3.f, 1}},
    {{1, 1 / 3.f, -1 / 3.f, -16 / 15.f, 1 / 15.f, 0},
     {0, 1 / 3.f, 1 / 3.f, -8 / 15.f, -2 / 15.f, 0},
     {0, 1 / 3.f, -1 / 3.f, -4 / 15.f, 4 / 15.f, 1}},
};
/* At [m][p] */
static const float output_matrix[3][MAX_P][MAX_P] = {
    {{1, 1, 1, 0}, {0, 1, -1, 1}},
    {{1, 1, 1, 1, 0}, {0, 1, -1, 2, 0}, {0, 1, 1, 4, 1}},
    {{1, 1, 1, 1, 1, 0},
     {0, 1, -1, 0.5f, -2, 0},
     {0, 1, 1, 0.25f, 4, 0},
     {0, 1, -1, 0.125f, -8, 1}},
};
/* A [p][m] */
static const float output_matrix_t[3][MAX_P][MAX_P] = {
    {{1, 0}, {1, 1}, {1, -1}, {0, 1}},
    {{1, 0, 0}, {1, 1, 1}, {1, -1, 1}, {1, 2, 4}, {0, 0, 1}},
    {{1, 0, 0, 0},
     {1, 1, 1, 1},
     {1, -1, 1, -1},
     {1, 0.5f, 0.25f, 0.125f},
     {1, -2, 4, -8},
     {0, 0, 0, 1}},
};

/* One element of matrix times vectors. Everything but x is known at compile time, so that a
 * factor of 0 or 1 costs nothing. */
INLINE vec combine(const int count, const float *factor, const vec *x, const int step) {
    vec sum = broadcast(0);
    bool first = true;
#pragma GCC unroll 6
    for (int k = 0; k < count; k++) {
        const float f = factor[k];
        if (f == 0)
            continue;
        if (first)
            sum = f == 1 ? x[k * step] : (vec)(broadcast(f) * x[k * step]);
        else if (f == 1)
            sum = sum + x[k * step];
        else if (f == -1)
            sum = sum - x[k * step];
        else
            sum = madd(broadcast(f), x[k * step], sum);
        first = false;
    }
    return sum;
}

/* y[rows][rows] = m x[columns][columns] transposed m; rows of MAX_P vectors. */
INLINE void transform(const int rows, const int columns, const float m[MAX_P][MAX_P],
                      const vec *restrict x, vec *restrict y) {
    vec half[MAX_P * MAX_P];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 6
        for (int j = 0; j < columns; j++)
            half[i * MAX_P + j] = combine(columns, m[i], x + j, MAX_P);
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 6
        for (int j = 0; j < rows; j++)
            y[i * MAX_P + j] = combine(columns, m[j], half + i * MAX_P, 1);
}
