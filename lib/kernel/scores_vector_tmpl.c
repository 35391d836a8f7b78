/* SPDX-License-Identifier: BSD-2-Clause */
/* Stretches of scores in vectors of float. Four vectors are added in float, as a tree, and widened:
 * an error of two roundings for a third of the work. */

/* -- functions -------------------------------------------------------------------------------- */

/* x = n ln 2 + r, |r| <= ln(2) / 2. */
typedef struct reduced {
    vec n, r;
} reduced;

/* The first part of ln 2 has 15 bits, so that n times it needs no rounding. Both are positive: of
 * whatever x > 0, r is not NaN, -infinity at worst. */
INLINE reduced reduce(vec x) {
    const vec n = nearest(x * broadcast(1.44269504f));
    const vec r = madd(n, broadcast(-0x1.62e4p-1f), x);
    return (reduced){n, madd(n, broadcast(-0x1.7f7d1cp-20f), r)};
}

/* exp(r) = 1 + r + r^2 times this; exp(r) - 1 to 1.4e-8 of itself. As it ends in an even power,
 * exp(r) comes out positive of any r. */
#define C2 0x1.fffffep-2f
#define C3 0x1.5554b4p-3f
#define C4 0x1.5556f2p-5f
#define C5 0x1.12254ap-7f
#define C6 0x1.6b9c68p-10f
INLINE vec exp_tail(vec r) {
    vec q = madd(broadcast(C6), r, broadcast(C5));
    q = madd(q, r, broadcast(C4));
    q = madd(q, r, broadcast(C3));
    return madd(q, r, broadcast(C2));
}

/* `count` vectors at once. Here and below, one part of the way for all, then the next: a processor
 * that looks a few hundred instructions ahead then finds more of them that needn't wait. */
INLINE void exp_vectors(const int count, vec *x) {
    reduced of[4];
    UNROLL
    for (int j = 0; j < count; j++)
        of[j] = reduce(x[j]);
    UNROLL
    for (int j = 0; j < count; j++) {
        const vec slope = madd(exp_tail(of[j].r), of[j].r, broadcast(1));
        x[j] = exp_power(madd(slope, of[j].r, broadcast(1)), of[j].n, x[j]);
    }
}

/* exp(x) and exp(-x), from the even and the odd powers. */
typedef struct exp_pair {
    vec plus, minus;
} exp_pair;

INLINE exp_pair exp_both(vec x) {
    x = least_of(broadcast(104), most_of(broadcast(-104), x));
    const reduced of = reduce(x);
    const vec zero = broadcast(0), one = broadcast(1), square = of.r * of.r;
    vec even = madd(broadcast(C6), square, broadcast(C4));
    even = madd(even, square, broadcast(C2)) * square;
    vec odd = madd(broadcast(C5), square, broadcast(C3));
    odd = madd(odd, square * of.r, of.r);
    return (exp_pair){exp_power(one + (even + odd), of.n, x),
                      exp_power(one + (even - odd), zero - of.n, zero - x)};
}

/* ln(1 + t), 0 <= t <= 1, to 5.3e-9 of itself before the last rounding. */
INLINE vec log1p_vector(vec t) {
    const vec square = t * t;
    vec even = madd(broadcast(-0x1.af49cep-9f), square, broadcast(-0x1.d6b08cp-5f));
    vec odd = madd(broadcast(0x1.4917cep-6f), square, broadcast(0x1.b4ae08p-4f));
    even = madd(even, square, broadcast(-0x1.3a435ep-3f));
    odd = madd(odd, square, broadcast(0x1.934b54p-3f));
    even = madd(even, square, broadcast(-0x1.ff23e6p-3f));
    odd = madd(odd, square, broadcast(0x1.554ddp-2f));
    even = madd(even, square, broadcast(-0x1.ffffd2p-2f));
    return madd(madd(odd, t, even), square, t);
}

/* With u = exp(-2 |x|) - 1: |tanh(x)| = -u / (2 + u). Nothing cancels. */
INLINE void tanh_vectors(const int count, vec *x) {
    vec u[4];
    UNROLL
    for (int j = 0; j < count; j++) {
        const reduced of = reduce(most_of(broadcast(-20), broadcast(-2) * magnitude(x[j])));
        const vec power = times_power(broadcast(1), of.n);
        const vec less_one = madd(exp_tail(of.r), of.r * of.r, of.r);
        u[j] = madd(power, less_one, power - broadcast(1));
    }
    UNROLL
    for (int j = 0; j < count; j++)
        x[j] = with_sign(magnitude(u[j]) / (broadcast(2) + u[j]), x[j]);
}

/* -- sums ------------------------------------------------------------------------------------- */

INLINE vec sum_of_four(const vec *x) {
    return (x[0] + x[1]) + (x[2] + x[3]);
}

INLINE void add_widened(doubles *total, vec x) {
    doubles w = widened(x);
    total->low += w.low;
    total->high += w.high;
}

INLINE double lane_sum(doubles total) {
    total.low += total.high;
    double of[LANES / 2], result = 0;
    memcpy(of, &total.low, sizeof of);
    for (int i = 0; i < LANES / 2; i++)
        result += of[i];
    return result;
}

/* y = f(x) with the constants a and b, if y is wanted, and the sum of it; f works in place. */
INLINE double map_sum(int64_t n, const float *x, float *y,
                      void (*f)(const int count, vec *x, vec a, vec b), vec a, vec b) {
    doubles total = {0};
    vec v[4];
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        UNROLL
        for (int j = 0; j < 4; j++)
            v[j] = load(x + i + j * LANES);
        f(4, v, a, b);
        if (y != NULL) {
            UNROLL
            for (int j = 0; j < 4; j++)
                store(y + i + j * LANES, v[j]);
        }
        add_widened(&total, sum_of_four(v));
    }
    for (; i < n; i += LANES) {
        const int64_t left = MI__MIN(n - i, LANES);
        v[0] = load_lanes(x + i, left);
        f(1, v, a, b);
        if (y != NULL)
            store_lanes(y + i, left, v[0]);
        add_widened(&total, choose(first_lanes(left), v[0], broadcast(0)));
    }
    return lane_sum(total);
}

INLINE void identity(const int count, vec *x, vec a, vec b) {
    (void)count, (void)x, (void)a, (void)b;
}

static double sum(int64_t n, const void *x) {
    return map_sum(n, x, NULL, identity, broadcast(0), broadcast(0));
}

static double dot(int64_t n, const void *x, const void *y) {
    const float *a = x, *b = y;
    doubles total = {0};
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        vec v[4];
        UNROLL
        for (int j = 0; j < 4; j++)
            v[j] = load(a + i + j * LANES) * load(b + i + j * LANES);
        add_widened(&total, sum_of_four(v));
    }
    for (; i < n; i += LANES)
        add_widened(&total, load_lanes(a + i, n - i) * load_lanes(b + i, n - i));
    return lane_sum(total);
}

INLINE void exp_shifted(const int count, vec *x, vec shift, vec unused) {
    (void)unused;
    for (int j = 0; j < count; j++)
        x[j] = x[j] - shift;
    exp_vectors(count, x);
}

static double exp_sum(int64_t n, const void *x, double shift, void *y) {
    return map_sum(n, x, y, exp_shifted, broadcast((float)shift), broadcast(0));
}

INLINE void exp_between(const int count, vec *x, vec shift, vec tau) {
    for (int j = 0; j < count; j++)
        x[j] = least_of(tau, most_of(broadcast(0) - tau, x[j]));
    exp_shifted(count, x, shift, tau);
}

static double exp_clipped(int64_t n, const void *x, double tau, double shift) {
    return map_sum(n, x, NULL, exp_between, broadcast((float)shift), broadcast((float)tau));
}

INLINE void tanh_plain(const int count, vec *x, vec a, vec b) {
    (void)a, (void)b;
    tanh_vectors(count, x);
}

static double tanh_sum(int64_t n, const void *x, void *y) {
    return map_sum(n, x, y, tanh_plain, broadcast(0), broadcast(0));
}

typedef struct softplus_terms {
    vec sigmoid[4], softplus[4], exponential[4];
} softplus_terms;

INLINE void softplus_vectors(const int count, const vec *x, softplus_terms *of) {
    const vec one = broadcast(1), zero = broadcast(0);
    vec t[4];
    UNROLL
    for (int j = 0; j < count; j++) {
        const exp_pair e = exp_both(x[j]);
        of->exponential[j] = e.plus;
        t[j] = choose(less(x[j], zero), e.plus, e.minus);
    }
    UNROLL
    for (int j = 0; j < count; j++) {
        of->softplus[j] = most_of(zero, x[j]) + log1p_vector(t[j]);
        of->sigmoid[j] = choose(less(x[j], zero), t[j], one) / (one + t[j]);
    }
}

static void softplus_sum(int64_t n, const void *x, void *y, double sums[2]) {
    const float *in = x;
    float *out = y;
    doubles softplus = {0}, exponential = {0};
    softplus_terms of;
    vec v[4];
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        UNROLL
        for (int j = 0; j < 4; j++)
            v[j] = load(in + i + j * LANES);
        softplus_vectors(4, v, &of);
        if (out != NULL) {
            UNROLL
            for (int j = 0; j < 4; j++)
                store(out + i + j * LANES, of.sigmoid[j]);
        }
        add_widened(&softplus, sum_of_four(of.softplus));
        add_widened(&exponential, sum_of_four(of.exponential));
    }
    for (; i < n; i += LANES) {
        const int64_t left = MI__MIN(n - i, LANES);
        v[0] = load_lanes(in + i, left);
        softplus_vectors(1, v, &of);
        if (out != NULL)
            store_lanes(out + i, left, of.sigmoid[0]);
        add_widened(&softplus, choose(first_lanes(left), of.softplus[0], broadcast(0)));
        add_widened(&exponential, choose(first_lanes(left), of.exponential[0], broadcast(0)));
    }
    sums[0] = lane_sum(softplus);
    sums[1] = lane_sum(exponential);
}

/* -- others ----------------------------------------------------------------------------------- */

typedef struct bounds {
    vec low, high, zero; /* the last is NaN once something was not finite */
} bounds;

INLINE void include(bounds *b, vec x) {
    b->low = least_of(x, b->low);
    b->high = most_of(x, b->high);
    b->zero = madd(x, broadcast(0), b->zero);
}

static bool bounds_read(const bounds *b, double *least, double *most) {
    float low[LANES], high[LANES], zero[LANES], not_finite = 0;
    store(low, b->low), store(high, b->high), store(zero, b->zero);
    for (int i = 0; i < LANES; i++) {
        low[0] = MI__MIN(low[0], low[i]);
        high[0] = MI__MAX(high[0], high[i]);
        not_finite += zero[i];
    }
    if (isnan(not_finite))
        return false;
    *least = MI__MIN(*least, (double)low[0]);
    *most = MI__MAX(*most, (double)high[0]);
    return true;
}

static bool extent(int64_t n, const void *x, double *least, double *most) {
    const float *in = x;
    if (n == 0)
        return true;
    const vec first = broadcast(in[0]);
    bounds b[4] = {{first, first, broadcast(0)}};
    b[1] = b[2] = b[3] = b[0];
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        UNROLL
        for (int j = 0; j < 4; j++)
            include(&b[j], load(in + i + j * LANES));
    }
    for (; i < n; i += LANES) {
        const int64_t left = MI__MIN(n - i, LANES);
        include(&b[0], choose(first_lanes(left), load_lanes(in + i, left), first));
    }
    for (int j = 1; j < 4; j++) {
        b[0].low = least_of(b[0].low, b[j].low);
        b[0].high = most_of(b[0].high, b[j].high);
        b[0].zero = b[0].zero + b[j].zero;
    }
    return bounds_read(&b[0], least, most);
}

static void exp_columns(int64_t n, const void *x, const void *shift, void *sums) {
    const float *in = x, *by = shift;
    float *out = sums;
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t left = n - i;
        vec e = load_lanes(in + i, left) - load_lanes(by + i, left);
        exp_vectors(1, &e);
        store_lanes(out + i, left, load_lanes(out + i, left) + e);
    }
}

static void exp_rows_columns(int64_t n, const void *x, double a, double row, const void *column,
                             const void *shift, void *y) {
    const float *in = x, *factor = column, *by = shift;
    float *out = y;
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t left = n - i;
        const vec v = load_lanes(in + i, left);
        vec e[2] = {v - broadcast((float)row), v - load_lanes(by + i, left)};
        exp_vectors(2, e);
        e[1] = load_lanes(factor + i, left) * e[1];
        store_lanes(out + i, left, madd(broadcast((float)a), e[0], e[1]));
    }
}
