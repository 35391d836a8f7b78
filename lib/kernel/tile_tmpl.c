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
 * rounding error is less than half of what the usual 2 and -2 give; +-1/2 and +-2 for p = 8. */

#define MAX_P 8
#define MAX_POWERS 6
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
    [8] = {{-1, 0, 5.25f, 0, -5.25f, 0, 1, 0},
           {0, 1, 1, -4.25f, -4.25f, 1, 1, 0},
           {0, -1, 1, 4.25f, -4.25f, -1, 1, 0},
           {0, 2, 4, -2.5f, -5, 0.5f, 1, 0},
           {0, -2, 4, 2.5f, -5, -0.5f, 1, 0},
           {0, 0.5f, 0.25f, -2.5f, -1.25f, 2, 1, 0},
           {0, -0.5f, 0.25f, 2.5f, -1.25f, -2, 1, 0},
           {0, -1, 0, 5.25f, 0, -5.25f, 0, 1}},
};
/* Powers of the finite points */
static const float powers[MAX_P + 1][MAX_P][MAX_POWERS] = {
    [3] = {{1}, {1, 1, 1, 1, 1, 1}},
    [4] = {{1}, {1, 1, 1, 1, 1, 1}, {1, -1, 1, -1, 1, -1}},
    [5] = {{1}, {1, 1, 1, 1, 1, 1}, {1, -1, 1, -1, 1, -1}, {1, 2, 4, 8, 16, 32}},
    [6] = {{1},
           {1, 1, 1, 1, 1, 1},
           {1, -1, 1, -1, 1, -1},
           {1, 0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f},
           {1, -2, 4, -8, 16, -32}},
    [8] = {{1},
           {1, 1, 1, 1, 1, 1},
           {1, -1, 1, -1, 1, -1},
           {1, 0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f},
           {1, -0.5f, 0.25f, -0.125f, 0.0625f, -0.03125f},
           {1, 2, 4, 8, 16, 32},
           {1, -2, 4, -8, 16, -32}},
};
/* What G's rows are multiplied by: one over the product of a point's distances from the others */
static const float weight_scale[MAX_P + 1][MAX_P] = {
    [3] = {-1, 1, 1},
    [4] = {-1, 1 / 2.f, 1 / 2.f, 1},
    [5] = {1 / 2.f, -1 / 2.f, -1 / 6.f, 1 / 6.f, 1},
    [6] = {1, 1 / 3.f, -1 / 3.f, -16 / 15.f, 1 / 15.f, 1},
    [8] = {-1, -2 / 9.f, -2 / 9.f, 32 / 45.f, 32 / 45.f, 1 / 90.f, 1 / 90.f, 1},
};

/* Their shapes: Bt [p][p], A [p][m], G [p][r], and At [m][p], Gt [r][p]. */
enum matrix { BT, A, G, AT, GT };

/* Of coefficient k in the value at a point; `count` is m or r. */
INLINE float element(const enum matrix matrix, const int p, const int count, const int point,
                     const int k) {
    const float scale = matrix == G || matrix == GT ? weight_scale[p][point] : 1;
    if (matrix == BT)
        return input_matrix[p][point][k];
    return scale * (point == p - 1 ? (float)(k == count - 1) : powers[p][point][k]);
}

/* Whether a point a is followed by -a. */
INLINE bool paired(const int p, const int point) {
    return point % 2 == 1 && point + 1 < p - 1 && (point == 1 || p == 8);
}

INLINE bool second_of_pair(const int p, const int point) {
    return point > 0 && paired(p, point - 1);
}

/* The same with the values at a pair of points replaced by half of their sum and of their
 * difference, in which every other coefficient is missing. */
INLINE float split_element(const enum matrix matrix, const int p, const int count, const int point,
                           const int k) {
    if (paired(p, point))
        return (element(matrix, p, count, point, k) + element(matrix, p, count, point + 1, k)) / 2;
    if (second_of_pair(p, point))
        return (element(matrix, p, count, point - 1, k) - element(matrix, p, count, point, k)) / 2;
    return element(matrix, p, count, point, k);
}

/* Sums and differences of the pairs. */
INLINE void join_pairs(const int p, const vec *x, vec *y, const int step) {
    UNROLL_ALL
    for (int i = 0; i < p; i++)
        y[i * step] = paired(p, i)           ? (vec)(x[i] + x[i + 1])
                      : second_of_pair(p, i) ? (vec)(x[i - 1] - x[i])
                                             : x[i];
}

/* One element of the split matrix times x. Factors are known at compile time, so that those of 0
 * and 1 cost nothing. */
INLINE vec combine(const enum matrix matrix, const int p, const int count, const int i,
                   const vec *x) {
    const bool turned = matrix >= AT;
    const int columns = matrix == BT || turned ? p : count;
    vec sum = broadcast(0);
    bool first = true;
    UNROLL_ALL
    for (int k = 0; k < columns; k++) {
        const float f = split_element(matrix, p, count, turned ? k : i, turned ? i : k);
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
    return sum;
}

/* y = matrix x, y's elements `step` apart. */
INLINE void apply(const enum matrix matrix, const int p, const int count, const vec *x, vec *y,
                  const int step) {
    vec t[MAX_P];
    if (matrix >= AT) {
        join_pairs(p, x, t, 1);
        UNROLL_ALL
        for (int i = 0; i < count; i++)
            y[i * step] = combine(matrix, p, count, i, t);
    } else {
        UNROLL_ALL
        for (int i = 0; i < p; i++)
            t[i] = combine(matrix, p, count, i, x);
        join_pairs(p, t, y, step);
    }
}
