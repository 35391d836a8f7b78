/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimators by neighbours: which of them can answer what. */
#include "variables.h"

#include <inttypes.h>

static const char *name_of(int32_t method) {
    return method == MI_METHOD_KSG    ? "ksg"
           : method == MI_METHOD_KSG2 ? "ksg2"
           : method == MI_METHOD_ROSS ? "ross"
                                      : "gao";
}

static mi_status check_size(const mi__question *q) {
    const int64_t n = q->x.n, k = q->options->k;
    if (n > INT32_MAX)
        return mi__fail(MI_E_UNSUPPORTED,
                        "neighbours are looked for among %d samples at most, got %" PRId64,
                        INT32_MAX, n);
    if (k < 1 || k >= n)
        return mi__fail(MI_E_ARG, "k must be in 1 to n - 1 = %" PRId64 ", got %" PRId64, n - 1, k);
    return MI_OK;
}

static mi_status check_entropy(const mi__question *q) {
    if (q->options->method != MI_METHOD_KSG)
        return mi__fail(MI_E_UNSUPPORTED,
                        "%s has no entropy: ksg, histogram and gaussian do for numbers, discrete "
                        "does for values",
                        name_of(q->options->method));
    if (q->x.discrete)
        return mi__fail(MI_E_UNSUPPORTED, "x is discrete: method discrete has its entropy");
    return MI_OK;
}

static mi_status check_kinds(const mi__question *q) {
    const int32_t method = q->options->method;
    if (q->z.d > 0 && (method == MI_METHOD_KSG2 || method == MI_METHOD_ROSS))
        return mi__fail(MI_E_UNSUPPORTED,
                        "%s takes no z: ksg, gao, gaussian and copula do, discrete and histogram "
                        "too",
                        name_of(method));
    if (method == MI_METHOD_ROSS && q->x.discrete == q->y.discrete)
        return mi__fail(MI_E_UNSUPPORTED,
                        "ross takes one discrete variable and one of numbers, and x and y are "
                        "both %s: %s does these",
                        q->x.discrete ? "discrete" : "numbers", q->x.discrete ? "discrete" : "ksg");
    const bool names = q->x.discrete || q->y.discrete || (q->z.d > 0 && q->z.discrete);
    if (names && (method == MI_METHOD_KSG || method == MI_METHOD_KSG2))
        return mi__fail(MI_E_UNSUPPORTED,
                        "%s takes numbers, and %s is discrete: gao takes both, ross if one of x "
                        "and y is",
                        name_of(method),
                        q->x.discrete   ? "x"
                        : q->y.discrete ? "y"
                                        : "z");
    return MI_OK;
}

mi_status mi__estimate_neighbour(const mi__question *q, mi__answer *answer) {
    MI__TRY(check_size(q));
    if (q->y.d == 0) {
        MI__TRY(check_entropy(q));
        return mi__estimate_kozachenko(q, answer);
    }
    MI__TRY(check_kinds(q));
    return q->options->method == MI_METHOD_ROSS ? mi__estimate_ross(q, answer)
                                                : mi__estimate_kraskov(q, answer);
}
