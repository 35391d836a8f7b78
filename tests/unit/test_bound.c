/* SPDX-License-Identifier: BSD-2-Clause */
/* The gradients of every bound, on every shape and for every setting, against differences of its
 * loss in float64. */
#include "bound_case.h"

#define TOLERANCE 1e-7

/* Central differences of two steps, extrapolated. */
static double difference(bound_case *c, double *at) {
    double x = *at, slope[2];
    for (int half = 0; half < 2; half++) {
        double step = half ? 5e-4 : 1e-3;
        mi_bound_result above = RESULT, below = RESULT;
        *at = x + step;
        OK(bound_case_f64(c, NO_GRADIENT, &above));
        *at = x - step;
        OK(bound_case_f64(c, NO_GRADIENT, &below));
        slope[half] = (above.loss - below.loss) / (2 * step);
    }
    *at = x;
    return (4 * slope[1] - slope[0]) / 3;
}

/* The gradient of mine is that of its loss if the average stands still. */
static void freeze(bound_case *c) {
    if ((c->info.traits & MI_BOUND_STATE) == 0)
        return;
    bound_case_set(c, "rate", 1e-12);
    c->state.log_average = .3;
    c->state.steps = (int64_t)1e15;
}

static double largest(const bound_case *c, int array) {
    double most = 0;
    for (int64_t i = 0; i < c->count[array]; i++)
        most = fmax(most, fabs(c->out[array][i]));
    return most;
}

static void check_gradient(bound_case *c) {
    mi_bound_result r = RESULT;
    double most = 0;
    freeze(c);
    OK(bound_case_f64(c, ALL_GRADIENTS, &r));
    for (int array = 0; array < ARRAYS; array++)
        most = fmax(most, largest(c, array));
    for (int array = 0; array < ARRAYS; array++) {
        double size = largest(c, array) + 1e-3 * most + 1e-4;
        for (int64_t i = 0; i < c->count[array]; i++) {
            double expected = difference(c, &c->in[array][i]), got = c->out[array][i];
            EXPECT(fabs(got - expected) <= TOLERANCE * size,
                   "%s: d(loss)/d %s[%d] is %.12g, not %.12g", c->title, bound_array[array], (int)i,
                   got, expected);
        }
    }
}

START_TEST(gradients_are_those_of_the_loss) {
    bound_for_each(bound_small, bound_smalls, check_gradient);
}
END_TEST

/* -- mine: which average divides -------------------------------------------------------------- */

static const bound_variant batch = {"matrix", MI_BOUND_MATRIX, .n = 6};

static void check_scaled(const bound_case *mine, const bound_case *dv, double factor) {
    for (int64_t i = 0; i < dv->count[SCORES]; i++) {
        double want = dv->out[SCORES][i] * (i % (dv->v.n + 1) == 0 ? 1 : factor);
        EXPECT(fabs(mine->out[SCORES][i] - want) < 1e-14, "%s: [%d] is %.15g, not %.15g",
               mine->title, (int)i, mine->out[SCORES][i], want);
    }
}

START_TEST(mine_divides_by_its_average) {
    bound_case *mine = bound_case_make("mine", &batch, 1, false);
    bound_case *dv = bound_case_make("dv", &batch, 1, false);
    mi_bound_result r = RESULT, s = RESULT;
    OK(bound_case_f64(dv, ALL_GRADIENTS, &r));
    OK(bound_case_f64(mine, ALL_GRADIENTS, &s)); /* the first batch is its own average */
    ck_assert_double_eq_tol(r.estimate, s.estimate, 1e-15);
    check_scaled(mine, dv, 1);
    mi_bound_state state = {.struct_size = sizeof state};
    OK(mi_bound_state_read(mine->bound, &state));
    ck_assert_int_eq(state.steps, 1);
    double own = state.log_average; /* ln E exp g of this batch */

    bound_case_set(mine, "rate", 1); /* nothing but the new batch */
    mine->state = (mi_bound_state){sizeof state, 5, 100};
    OK(bound_case_f64(mine, ALL_GRADIENTS, &s));
    check_scaled(mine, dv, 1);

    bound_case_set(mine, "rate", .25); /* weights .75 and 1, normalised */
    mine->state = (mi_bound_state){sizeof state, 1.5, 1};
    OK(bound_case_f64(mine, ALL_GRADIENTS, &s));
    double average = (.75 * exp(1.5) + exp(own)) / 1.75;
    check_scaled(mine, dv, exp(own) / average);
    OK(mi_bound_state_read(mine->bound, &state));
    ck_assert_int_eq(state.steps, 2);
    ck_assert_double_eq_tol(state.log_average, log(average), 1e-14);
    bound_case_free(mine);
    bound_case_free(dv);
}
END_TEST

UNIT_MAIN("bound", gradients_are_those_of_the_loss, mine_divides_by_its_average)
