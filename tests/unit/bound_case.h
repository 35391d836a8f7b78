/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_BOUND_CASE_H
#define LIBMI_TESTS_BOUND_CASE_H

/* Every kind of bound on every shape that it claims, with every parameter at several values: what
 * the generic tests run over. A new kind is tested as soon as it is in the list. */

#include "bound_naive.h"
#include "unit.h"

#include <stdbool.h>

/* Inputs of all shapes, and gradients likewise. */
enum { JOINT, PRODUCT, SCORES, U, V, BASELINE, TEMPERATURE, ARRAYS };
extern const char *const bound_array[ARRAYS];

/* What to make scores of. */
typedef struct bound_variant {
    const char *name;
    int32_t shape; /* mi_bound_shape */
    int64_t n, m;  /* m of vectors */
    int64_t locations, d;
    double temperature;
    int32_t normalize, masked; /* masked 2: all of a row's own pairs, too */
    double spread;             /* of the scores, 0: 1 */
} bound_variant;

/* Small ones of every shape. */
extern const bound_variant bound_small[];
extern const int bound_smalls;

typedef struct bound_case {
    char title[200];
    mi_bound_info info;
    bound_variant v;
    int32_t threads;
    mi_bound *bound;
    mi_bound_state state; /* written before each evaluation of bounds with a state */
    naive parameters;     /* kind and parameters */
    int64_t count[ARRAYS];
    double *in[ARRAYS], *out[ARRAYS]; /* NULL: the shape has no such array */
    uint8_t *mask;
} bound_case;

/* body(c) for every kind x variant x setting of parameters x baseline, given or not. */
void bound_for_each(const bound_variant *variants, int count, void (*body)(bound_case *c));

/* One kind with initial parameters; NULL if it doesn't claim the shape. */
bound_case *bound_case_make(const char *kind, const bound_variant *v, int32_t threads,
                            bool baseline);
void bound_case_free(bound_case *c);

/* Sets a parameter of bound and twin. */
void bound_case_set(bound_case *c, const char *name, double value);

/* The same kind and parameters on other scores, which the caller fills in. */
bound_case *bound_case_twin(const bound_case *c, const bound_variant *v);

/* Evaluates; gradients whose bit is in `want` are written. */
enum { NO_GRADIENT = 0, ALL_GRADIENTS = (1 << ARRAYS) - 1 };
mi_status bound_case_f64(bound_case *c, unsigned want, mi_bound_result *r);
mi_status bound_case_f32(bound_case *c, unsigned want, mi_bound_result *r);

/* The scores of embeddings, [n][n L]; to be freed. */
double *bound_case_scores(const bound_case *c);
naive_value bound_case_naive(const bound_case *c);

/* Numbers of mean 0 and variance 1. */
void bound_normals(uint64_t seed, int64_t count, double *x);

/* For loops: Check writes each assertion that holds into a file, too. */
#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg(__VA_ARGS__);                                                             \
    } while (0)

#define RESULT ((mi_bound_result){.struct_size = sizeof(mi_bound_result), -77, -77, -77})

#endif
