/* SPDX-License-Identifier: BSD-2-Clause */
/* Updates of weights. */

static inline real square_root(real x) {
    return sizeof x == sizeof(float) ? (real)sqrtf((float)x) : (real)sqrt((double)x);
}

static void adam(int64_t n, const mi__adam *u, const void *gradient, void *first, void *second,
                 void *weight) {
    const real rate = (real)u->rate, decay = (real)u->decay, epsilon = (real)u->epsilon;
    const real beta1 = (real)u->beta1, beta2 = (real)u->beta2;
    const real correction2 = (real)u->correction2;
    const real *restrict g = gradient;
    real *restrict m = first, *restrict v = second, *restrict w = weight;
    for (int64_t i = 0; i < n; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * g[i];
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
        w[i] -= decay * w[i] + rate * m[i] / (square_root(v[i]) / correction2 + epsilon);
    }
}

static void sgd(int64_t n, const mi__sgd *u, const void *gradient, void *first, void *weight) {
    const real rate = (real)u->rate, decay = (real)u->decay, momentum = (real)u->momentum;
    const real *restrict g = gradient;
    real *restrict m = first, *restrict w = weight;
    for (int64_t i = 0; i < n; i++) {
        m[i] = momentum * m[i] + (g[i] + decay * w[i]);
        w[i] -= rate * m[i];
    }
}
